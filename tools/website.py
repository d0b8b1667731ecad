"""Build the website into build/site: every lesson, set and page, to be read without running it.

    python -m tools.website                 the whole site
    python -m tools.website --only 02 03    these lessons and their sets, with all other pages

Nothing is fetched while it is built, and nothing when it is read: formulas are MathML, scripts and
fonts are files of the site. It can be put on any server, or opened from a folder.
"""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from statistics import fmean

import ziamath
from fontTools import subset

from benchmarks import ladder
from nnfromscratch._files import read_npz
from nnfromscratch.course.workspace import editions
from nnfromscratch.exercises import all_exercises

from . import website_pad, website_pages, website_rules
from .notebooks import lessons

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
MAP = "<!-- the map of the course -->"
# Latin, Greek, accents, punctuation, letterlike signs, arrows, operators, brackets, italic letters.
SIGNS = ((0x20, 0x17F), (0x2B0, 0x36F), (0x370, 0x3FF), (0x2010, 0x2044), (0x2100, 0x214F),
         (0x2190, 0x21FF), (0x2200, 0x22FF), (0x2308, 0x230B), (0x27E6, 0x27EB), (0x2A00, 0x2A3F),
         (0x1D400, 0x1D467), (0x1D5A0, 0x1D5D3), (0x1D6A8, 0x1D71B))  # fmt: skip
SECTIONS = {
    "Start": ["start", "your_own_images", "my_network_does_not_learn", "accessibility"],
    "Lessons": ["lessons/*"],
    "Exercises": ["exercises/*"],
    "The package": ["api", "verification", "speed"],
    "For instructors": ["instructors", "students", "exercises"],
    "For contributors": ["contributing", "matrix", "mutation", "nbcompare"],
}


def stage(folder, only=(), root=ROOT):
    """Write what Sphinx is to read into an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "_extra" / "pictures").mkdir(parents=True)
    for part in ("_static", "_templates"):
        shutil.copytree(root / "docs" / part, folder / part)
    for file in (root / "docs" / "conf.py", *(root / "docs").glob("*.png")):
        shutil.copy(file, folder)
    _write_math_font(folder / "_static" / "math.woff2")
    network = read_npz("website", root / "docs" / website_pad.STORED.name)
    _write(folder / "_static" / "digit_pad.js", website_pad.script(network))
    left_out = _left_out(only, root)
    _stage_notebooks(folder, left_out, root)
    for name, text in editions(root / "notebooks").items():
        _write(folder / "_extra" / "downloads" / Path(name).name, text.decode())
    pages = sorted((root / "docs").glob("*.md"))
    for page in (*pages, root / "CONTRIBUTING.md", root / "README.md"):
        path = page.relative_to(root).as_posix()
        text = website_pages.redirected(page.read_text(encoding="utf-8"), path, root, left_out)
        _write(folder / f"{website_pages.place_on_site(path) or page.stem}.md", text)
    _finish_first_page(folder, left_out, root)


def _write_math_font(target):
    """Write the part of STIX Two Math (SIL Open Font License) that formulas of the course need.

    Brackets and roots grow only in a font with rules for formulas, and most telephones have none.
    """
    font = Path(ziamath.__file__).parent / "fonts" / "STIXTwoMath-Regular.ttf"
    # The names hold the licence, which goes with the font.
    options = subset.Options(flavor="woff2", layout_features=["*"], name_IDs=["*"])
    whole = subset.load_font(str(font), options)
    chosen = subset.Subsetter(options)
    chosen.populate(unicodes=[code for first, last in SIGNS for code in range(first, last + 1)])
    chosen.subset(whole)
    subset.save_font(whole, str(target), options)


def _left_out(only, root):
    """Return the notebooks that a site of some lessons does without."""
    kept = {path.name[:2] for path in lessons(root / "notebooks", only)}
    paths = (root / "notebooks").rglob("[0-9][0-9]_*.ipynb")
    return {path.relative_to(root).as_posix() for path in paths if path.name[:2] not in kept}


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def _stage_notebooks(folder, left_out, root):
    """Write lessons, sets and pictures."""
    hints = {exercise.name: exercise.hints for exercise in all_exercises()}
    for file in sorted((root / "notebooks").rglob("[0-9][0-9]_*.ipynb")):
        path = file.relative_to(root).as_posix()
        place = website_pages.place_on_site(path)
        if not place or path in left_out:
            continue
        if file.parent.name == "exercises":
            solved = _read(root / "notebooks" / "solutions" / file.name)["cells"]
            page = website_pages.exercise_set(_read(file), solved, hints, path, root, left_out)
        else:
            page, pictures = website_pages.lesson(_read(file), path, root, left_out)
            for name, picture in pictures.items():
                (folder / "_extra" / "pictures" / name).write_bytes(picture)
        _write(folder / f"{place}.ipynb", json.dumps(page))


def _finish_first_page(folder, left_out, root):
    """Put the pad, the map of the course and the table of contents into the first page."""

    def page(file):
        path = file.relative_to(root).as_posix()
        if path in left_out:
            return website_pages.in_repository(path, root)
        return f"{website_pages.place_on_site(path)}.html"

    frames = {page(file): website_pages.frame(_read(file)) for file in lessons(root / "notebooks")}
    sets = {file.name[:2]: page(file) for file in lessons(root / "notebooks" / "exercises")}
    errors = {number: fmean(runs) for number, (_, runs, _) in ladder.rungs().items()}
    happens = website_pages.what_happens((root / "README.md").read_text(encoding="utf-8"))
    text = (folder / "index.md").read_text(encoding="utf-8")
    text = text.replace(website_pad.MARK, website_pad.PLACE)
    text = text.replace(MAP, website_pages.course_map(frames, happens, errors, sets))
    for caption, pages in SECTIONS.items():
        kind = ":glob:\n" if "*" in pages[0] else ""
        listed = "\n".join(pages)
        text += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n{kind}\n{listed}\n```\n"
    _write(folder / "index.md", text)


def build(folder=BUILD, only=()):
    """Build the site into folder/site; return what is wrong with it, nothing if all is well."""
    from sphinx.cmd.build import main as sphinx

    source, target = folder / "site-source", folder / "site"
    stage(source, only)
    shutil.rmtree(target, ignore_errors=True)
    os.environ.setdefault("MPLBACKEND", "agg")
    options = ["-W", "--keep-going", "-q", "-d", str(folder / "doctrees")]
    if status := sphinx([*options, "-b", "html", str(source), str(target)]):
        return [f"Sphinx ended with {status}; its messages stand above"]
    return website_rules.complaints(target)


def main(arguments=None):
    """Build the site and say where it is; return the exit status."""
    about = __doc__.split("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m tools.website", description=about)
    parser.add_argument("--only", nargs="+", default=(), metavar="NN", help="lessons (all)")
    parser.add_argument("--folder", type=Path, default=BUILD, help="where to (build)")
    options = parser.parse_args(arguments)
    found = build(options.folder, options.only)
    for line in found:
        print(line, file=sys.stderr)
    if not found:
        files = [path for path in (options.folder / "site").rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files) / 1e6
        print(f"{options.folder / 'site' / 'index.html'}: {len(files)} files, {size:.0f} MB")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
