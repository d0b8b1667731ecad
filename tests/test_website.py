"""The website: built from a lesson, its set and all pages, and held to the rules for pages."""

import html
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nnfromscratch as nn
from nnfromscratch.course.working_copy import ANSWER, ANSWER_CODE
from nnfromscratch.exercises import all_exercises
from tools import address, website_pages, website_rules
from tools.notebooks import lessons, read

ROOT = Path(__file__).resolve().parent.parent
LESSON = "03_backpropagation_by_hand"
NEEDED = ("sphinx", "myst_nb", "sphinx_book_theme", "sphinx_copybutton", "latex2mathml", "ziamath")
BEHIND_COMMANDS = {"course", "own_training", "verification"}
"""Modules that nobody imports: what they do is described with the commands that need them."""
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build a site of one lesson and all other pages: the whole takes twice as long."""
    if MISSING:
        pytest.skip(f"{', '.join(MISSING)} missing: pip install -e '.[site]', or make site")
    folder = tmp_path_factory.mktemp("website")
    command = [sys.executable, "-m", "tools.website", "--only", "03", "--folder", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr  # a warning of Sphinx, or a page that breaks a rule
    return folder / "site"


def text_of(path):
    return path.read_text(encoding="utf-8")


def test_every_page_is_there_and_keeps_the_rules(site):
    pages = {path.relative_to(site).as_posix() for path in website_rules.read(site)}
    docs = {f"{path.stem}.html" for path in (ROOT / "docs").glob("*.md")}
    sets = {"exercises/03_exercises.html", f"lessons/{LESSON}.html", "contributing.html"}
    assert docs | sets <= pages
    assert website_rules.complaints(site) == []


def test_the_map_names_every_lesson_with_its_time_and_what_it_needs(site):
    page = text_of(site / "index.html")
    for path in lessons():
        about = website_pages.frame(json.loads(text_of(path)))
        assert html.escape(about["title"]) in page
        assert f"{about['read']} minutes, runs in {about['run']}" in page
    assert page.count('<a class="title"') == len(lessons())
    assert f'href="lessons/{LESSON}.html"' in page
    assert f'"{address.read()}/blob/main/notebooks/04_checking_gradients.ipynb"' in page


def test_pictures_keep_their_text_and_answers_are_folded(site):
    page, lesson = text_of(site / "lessons" / f"{LESSON}.html"), read(
        ROOT / "notebooks" / f"{LESSON}.ipynb"
    )  # fmt: skip
    stored = [
        alt
        for cell in lesson.cells
        for output in cell.get("outputs", [])
        for alt in re.findall(r'<img alt="([^"]+)"', output.get("data", {}).get("text/html", ""))
    ]
    assert len(stored) > 5
    assert re.findall(r'<img alt="([^"]+)" src="\.\./pictures/', page) == stored
    tags = [tag for cell in lesson.cells for tag in cell.metadata.get("tags", [])]
    folded = sum(tag in (ANSWER, ANSWER_CODE) for tag in tags)
    assert page.count("Show the answer") == folded > 5
    assert "data:image/png" not in page


def test_formulas_are_drawn_by_the_browser_alone(site):
    page = text_of(site / "lessons" / f"{LESSON}.html")
    assert page.count("<math ") > 20
    words = re.sub(r"<(script|style|pre)\b.*?</\1>|<[^>]+>", "", page, flags=re.DOTALL)
    assert not re.search(r"\\(frac|cdot|sum)\b|\$\$", words)
    assert (site / "_static" / "math.woff2").stat().st_size > 50_000


def test_a_set_shows_its_blanks_and_folds_hints_and_solutions(site):
    page = text_of(site / "exercises" / "03_exercises.html")
    open_, folded = re.sub(r"<details.*?</details>", "", page, flags=re.DOTALL), html.unescape(page)
    for exercise in (exercise for exercise in all_exercises() if exercise.lesson == 3):
        assert all(hint in folded for hint in exercise.hints)
        assert not any(html.escape(hint) in open_ for hint in exercise.hints)
    assert open_.count("NotImplementedError") == 5
    assert page.count("<summary>A solution</summary>") == 5
    assert "minimum" not in open_  # of the first solution
    assert "BEGIN" not in page


def test_every_function_with_a_contract_stands_with_it_in_the_reference(site):
    words = re.sub(r"<[^>]+>", "", text_of(site / "api.html"))
    for name in nn.__all__:
        if hasattr(getattr(nn, name), "contract"):
            assert re.search(rf"\b{name}\(.*\)¶?\s*(#\s*)?Contract: \S", words), name


def test_the_reference_shows_how_classes_are_made_and_nothing_of_this_machine(site):
    words = html.unescape(re.sub(r"<[^>]+>", "", text_of(site / "api.html")))
    assert "Linear(in_features, out_features, *, rng, initializer=he_normal" in words
    assert "Shard(size, loss, logits, gradients)" in words
    assert "All parameters by name: w1" in words  # no type and its text, the other way round
    for unwanted in ("Alias for field", "<function he_normal", "Return type", str(ROOT)):
        assert unwanted not in words


def test_lessons_can_be_launched_and_downloaded_without_their_outputs(site):
    page = text_of(site / "lessons" / f"{LESSON}.html")
    assert f'"{address.binder_link(address.read(), f"notebooks/{LESSON}.ipynb")}"' in page
    owner, name = address.parse(address.read())
    assert f"colab.research.google.com/github/{owner}/{name}/blob/main/notebooks/{LESSON}" in page
    assert f'href="../downloads/{LESSON}.ipynb" download' in page
    names = {path.name for path in lessons()} | {
        path.name for path in (ROOT / "notebooks" / "exercises").glob("[0-9][0-9]_*.ipynb")
    }
    assert {path.name for path in (site / "downloads").iterdir()} == names
    copy = json.loads(text_of(site / "downloads" / f"{LESSON}.ipynb"))
    assert not any(cell.get("outputs") for cell in copy["cells"])


# The rules notice


GOOD = '<title>A</title><h1>A</h1><img alt="Two lines that cross." src="a.png"><a href="#x">b</a>'


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("Two lines that cross.", "", "a picture without a text"),
        ("Two lines that cross.", "_images/3f2a_12_0.png", "a picture without a text"),
        ("Two lines that cross.", "plot", "a picture without a text"),
        ('src="a.png"', 'src="https://mybinder.org/badge_logo.svg"', "fetched from another host"),
        ("<h1>", '<script src="//cdn.example.org/mathjax.js"></script><h1>', "from another host"),
        ("<h1>", '<link rel="stylesheet" href="https://fonts.example.org/f.css"><h1>', "another"),
        ("<title>A</title>", "<title> </title>", "no title"),
        ("<h1>A</h1>", "", "no heading"),
        ("#x", "#y", "#y leads nowhere"),
        ("a.png", "b.png", "b.png leads nowhere"),
    ],
)
def test_rules_notice_what_is_wrong_with_a_page(tmp_path, old, new, complaint):
    (tmp_path / "a.png").touch()
    page = tmp_path / "page.html"
    page.write_text(f'<p id="x">{GOOD}</p>')
    assert website_rules.complaints(tmp_path) == []
    assert old in GOOD
    page.write_text(f'<p id="x">{GOOD.replace(old, new, 1)}</p>')
    assert any(complaint in line for line in website_rules.complaints(tmp_path))


@pytest.mark.parametrize(
    "rule", ["src: url(//fonts.example.org/a.woff2)", "@import 'https://x.y';"]
)
def test_rules_notice_a_font_from_elsewhere(tmp_path, rule):
    (tmp_path / "a.css").write_text("@font-face { src: url(math.woff2) }")
    assert website_rules.complaints(tmp_path) == []
    (tmp_path / "a.css").write_text(rule)
    assert "is fetched from another host" in website_rules.complaints(tmp_path)[0]


# The reference


def test_the_reference_holds_every_public_module():
    files = (ROOT / "nnfromscratch").glob("[!_]*")
    modules = {
        path.stem for path in files if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    shown = re.findall(r"automodule:: nnfromscratch\.(\w+)", text_of(ROOT / "docs" / "api.md"))
    assert len(shown) == len(set(shown))
    assert set(shown) == modules - BEHIND_COMMANDS
    public = [getattr(nn, name) for name in nn.__all__]
    used = {getattr(thing, "__module__", thing.__name__).split(".")[1] for thing in public}
    for path in lessons():
        code = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "code")
        used |= set(re.findall(r"^from nnfromscratch\.(\w+)", code, re.M))
        for names in re.findall(r"^from nnfromscratch import (.+)", code, re.M):
            used |= set(names.split(", ")) & modules
    assert len(used) > 20
    assert used <= set(shown)


# What is made from the notebooks


def test_the_frame_of_a_lesson_is_read_from_its_first_cells():
    frames = {path.name[:2]: website_pages.frame(json.loads(text_of(path))) for path in lessons()}
    assert frames["00"]["optional"]
    assert not any(frame["optional"] for number, frame in frames.items() if number != "00")
    assert frames["05"]["needs"] == ["03", "04"]
    assert all(frame["read"] >= 20 and frame["run"] for frame in frames.values())
    assert all(frame["needs"] for number, frame in frames.items() if number > "01")


def test_the_readme_says_how_long_the_course_is():
    frames = [website_pages.frame(json.loads(text_of(path))) for path in lessons()]
    hours = sum(frame["read"] for frame in frames) / 60
    assert "about twelve hours in all" in " ".join(text_of(ROOT / "README.md").split())
    assert abs(hours - 12) < 1


@pytest.mark.parametrize("page", ["docs/index.md", "tools/book.py"])
def test_parts_of_the_readme_are_taken_from_marks_that_stand_in_it(page):
    text = text_of(ROOT / page)
    readme = text_of(ROOT / "README.md")
    parts = re.findall(r"include\}+ README\.md\n:start-after: (.*)\n:end-before: (.*)\n", text)
    assert len(parts) == text.count("include}") >= 1
    for first, last in parts:
        start, end = (readme.find(mark.strip('"')) for mark in (first, last))
        assert 0 < start < end


def test_the_readme_shows_what_the_check_says():
    (exercise,) = [exercise for exercise in all_exercises() if exercise.name == "linear_columns"]
    with pytest.raises(AssertionError) as raised:
        exercise.check(lambda w, x, b: w @ x + b)
    said = str(raised.value).split("\n\n")
    assert "\n\n".join(said[:2]) in text_of(ROOT / "README.md")


@pytest.mark.parametrize(
    ("link", "found"),
    [
        ("[a](04_checking_gradients.ipynb)", "[a](04_checking_gradients.ipynb)"),
        ("[a](exercises/03_exercises.ipynb#x)", "[a](../exercises/03_exercises.ipynb#x)"),
        ("[a](../docs/speed.md)", "[a](../speed.md)"),
        ("![a](../docs/speed.png)", "![a](../speed.png)"),
        ("[a](05_losses_and_the_softmax_jacobian.ipynb)",
         "[a](URL/blob/main/notebooks/05_losses_and_the_softmax_jacobian.ipynb)"),
        ("[a](../tests/derived.py)", "[a](URL/blob/main/tests/derived.py)"),
        ("[a](solutions/02_exercises.ipynb)",
         "[a](URL/blob/main/notebooks/solutions/02_exercises.ipynb)"),
        ("[a](https://example.org/b.md) [b](#part) $f[x](y)$", None),
    ],
)  # fmt: skip
def test_links_lead_to_the_site_or_to_the_repository(link, found):
    left_out = {"notebooks/05_losses_and_the_softmax_jacobian.ipynb"}
    shown = website_pages.redirected(link, f"notebooks/{LESSON}.ipynb", ROOT, left_out)
    assert shown == (found or link).replace("URL", address.read())
