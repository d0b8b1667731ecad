"""Build the course as a book into build/book: one EPUB to read anywhere, one PDF to print.

    python -m tools.book                 the whole book
    python -m tools.book --only 02 03    these lessons and their sets, with all other pages
    python -m tools.book --no-pdf        the EPUB alone, which needs no Chromium

The text is the website's: the same notebooks and pages, answers open and marked in place of folded.
The sets stand in an appendix, without solutions. Nothing is fetched while it is built.
"""

import argparse
import json
import os
import re
import shutil
import sys
import tomllib
from pathlib import Path

from . import address, book_files, website, website_pages
from .notebooks import lessons

ROOT = website.ROOT
BUILD = website.BUILD / "book"
NAME = "nnfromscratch"
PAGES = ("start", "your_own_images", "my_network_does_not_learn")
AUTHORS = "The nnfromscratch authors"
# autodoc is there for the extension alone, which listens to it.
EXTENSIONS = ["myst_nb", "sphinx.ext.autodoc", "tools.website_extension"]
APPENDIX = """# Appendix: the exercises

Each blank has a check, which says what it tried and which mistake was made. It needs the notebook;
[Run the course](start.md) says how that is opened. The solutions stand in the [repository]({url}).

```{{toctree}}
:hidden:
:glob:

exercises/*
```
"""
ABOUT = """# About this book

```{{include}} README.md
:start-after: in an order of its own -->
:end-before: "## Start"
```

An answer to a prediction stands open, with a line at its left, so that it can be covered until you
have committed to your own. This is version {version}. The lessons are under CC BY 4.0, the code is
under the MIT licence, and the digits are MNIST by Y. LeCun, C. Cortes and C. J. C. Burges, under
CC BY-SA 3.0.
"""
INDEX = """# Neural networks from scratch

```{toctree}
:hidden:
:glob:

about
start
lessons/*
your_own_images
my_network_does_not_learn
appendix
```
"""


def stage(folder, only=(), root=ROOT):
    """Write what Sphinx is to read into an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "_extra" / "pictures").mkdir(parents=True)
    (folder / "_static").mkdir()
    docs, url = root / "docs", address.read(root)
    for file in (docs / "conf.py", *docs.glob("*.png")):
        shutil.copy(file, folder)
    for style in ("book.css", "book_print.css"):
        shutil.copy(docs / "_static" / style, folder / "_static")
    website._write_math_font(folder / "_static" / "math.woff2")
    left_out = website._left_out(only, root) | {"CONTRIBUTING.md"}
    left_out |= {f"docs/{page.name}" for page in docs.glob("*.md") if page.stem not in PAGES}
    for path in (*(f"docs/{name}.md" for name in PAGES), "README.md"):
        text = website_pages.redirected((root / path).read_text("utf-8"), path, root, left_out)
        website._write(folder / Path(path).name, text)
    for file in [*lessons(root / "notebooks"), *lessons(root / "notebooks" / "exercises")]:
        path = file.relative_to(root).as_posix()
        if path not in left_out:
            _stage_notebook(folder, website._read(file), path, root, left_out)
    website._write(folder / "index.md", INDEX)
    website._write(folder / "about.md", ABOUT.format(version=_version(root)))
    website._write(folder / "appendix.md", APPENDIX.format(url=url))


def _stage_notebook(folder, notebook, path, root, left_out):
    """Write a lesson with its pictures, or a set."""
    if "/exercises/" in path:
        page = exercise_set(notebook, path, root, left_out)
    else:
        page, pictures = website_pages.lesson(notebook, path, root, left_out)
        page = opened(page, path, root)
        for name, picture in pictures.items():
            (folder / "_extra" / "pictures" / name).write_bytes(picture)
    website._write(folder / f"{website_pages.place_on_site(path)}.ipynb", json.dumps(page))


def opened(page, path, root):
    """Return a lesson of the website as the book has it: nothing folded, sections numbered."""
    number, sections = int(Path(path).name[:2]), 0
    buttons = website_pages.launch(path, root)

    def numbered(_):
        nonlocal sections
        sections += 1
        return f"## {number}.{sections} "

    for cell in page["cells"]:
        if cell["cell_type"] == "markdown":
            text = website_pages.source(cell).replace(buttons, where_to_run(path, root))
            text = re.sub(r"^## ", numbered, text, flags=re.MULTILINE)
            cell["source"] = _unfolded(text)
            continue
        tags = cell["metadata"].get("tags", [])
        cell["metadata"]["tags"] = [tag for tag in tags if not tag.startswith("hide-")]
        for output in cell["outputs"]:
            if "text/html" in (data := output.get("data", {})):
                data["text/html"] = _picture_alone("".join(data["text/html"]))
    return page


def where_to_run(path, root):
    """Return the line that leads from a lesson in the book to the same lesson where it runs."""
    url = address.read(root)
    binder, colab = address.binder_link(url, path), address.colab_link(url, path)
    return f"Run it [on Binder]({binder}) or [in Colab]({colab})."


def _unfolded(text):
    """Put what a click opens into a marked part of the page."""
    heads = r"<details[^>]*>\s*<summary>(.*?)</summary>"
    text = re.sub(heads, r'<div class="answer"><p class="answer-title">\1</p>', text, flags=re.S)
    return text.replace("</details>", "</div>")


def _picture_alone(output):
    """Drop the link from a picture to itself, and put its figure in words behind the figure."""
    output = re.sub(r'<a href="\.\./pictures/[^"]+">(<img [^>]+>)</a>', r"\1", output)
    return re.sub(r"(<details.*?</details>)\s*</figure>", r"</figure>\1", output, flags=re.DOTALL)


def exercise_set(notebook, path, root, left_out):
    """Return a set for the appendix: texts and blanks, no place to write, no hint, no solution."""
    cells = []
    for cell in json.loads(json.dumps(notebook["cells"])):
        text = website_pages.source(cell)
        if text.startswith("# hint(") or text.strip() == website_pages.TEXT_STUB[0]:
            continue
        if cell["cell_type"] == "markdown":
            text = _unfolded(website_pages.redirected(text, path, root, left_out))
        cells.append(cell | {"source": text})
    return notebook | {"cells": cells}


def _version(root):
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]


def _settings(root):
    """Return what differs from the website in docs/conf.py."""
    version, url = _version(root), address.read(root)
    return {
        "extensions": EXTENSIONS, "html_theme": "basic", "html_theme_options": {},
        "html_sidebars": {}, "templates_path": [],
        "html_css_files": ["book.css", "book_print.css"], "epub_css_files": ["book.css"],
        "html_permalinks": False, "html_domain_indices": False, "html_use_index": False,
        "version": version, "release": version, "epub_basename": NAME, "epub_identifier": url,
        "epub_scheme": "URL", "epub_uid": "book", "epub_author": AUTHORS,
        "epub_publisher": AUTHORS, "epub_use_index": False, "epub_tocdepth": 2,
        "epub_tocscope": "includehidden",
        "epub_show_urls": "no", "suppress_warnings": ["epub.unknown_project_files"],
    }  # fmt: skip


def _run_sphinx(builder, source, target, root):
    """Run one of Sphinx's builders; a warning is an error."""
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    os.environ.setdefault("MPLBACKEND", "agg")
    doctrees = source.with_name("doctrees")
    with patch_docutils(source), docutils_namespace():
        app = Sphinx(source, source, target, doctrees, builder, confoverrides=_settings(root),
                     status=None, warningiserror=True)  # fmt: skip
        app.build(force_all=True)
    return app.statuscode


def build(folder=BUILD, only=(), pdf=True, root=ROOT):
    """Build the book into the folder; return what is wrong with it, nothing if all is well."""
    source = folder / "source"
    stage(source, only, root)
    targets = {"epub": folder / "epub", "singlehtml": folder / "print"}
    for builder in ["epub", "singlehtml"][: 1 + pdf]:
        shutil.rmtree(targets[builder], ignore_errors=True)
        if status := _run_sphinx(builder, source, targets[builder], root):
            return [f"Sphinx ended with {status}; its messages stand above"]
    found = book_files.finish_epub(targets["epub"], folder / f"{NAME}.epub")
    if pdf:
        said = f"{AUTHORS}\nVersion {_version(root)}\n\n{address.read(root)}"
        found += book_files.write_pdf(targets["singlehtml"], folder / f"{NAME}.pdf", said)
    return found


def main(arguments=None):
    """Build the book and say what it is; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.book", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--only", nargs="+", default=(), metavar="NN", help="lessons (all)")
    parser.add_argument("--folder", type=Path, default=BUILD, help="where to (build/book)")
    parser.add_argument("--no-pdf", action="store_true", help="the EPUB alone")
    options = parser.parse_args(arguments)
    found = build(options.folder.resolve(), options.only, not options.no_pdf)
    for line in found:
        print(line, file=sys.stderr)
    for path in sorted(options.folder.glob(f"{NAME}.*")):
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
