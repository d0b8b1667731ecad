"""The book of one lesson: texts of pictures, formulas and contents arrive in EPUB and in print."""

import importlib.util
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from nnfromscratch.exercises import all_exercises
from tools import book_files
from tools.notebooks import read

ROOT = Path(__file__).resolve().parent.parent
LESSON = "04_checking_gradients"
NEEDED = ("sphinx", "myst_nb", "latex2mathml", "ziamath", "pypdf")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]


@pytest.fixture(scope="module")
def epub(tmp_path_factory):
    """Build the book of one lesson, and the PDF too where there is a browser to print it."""
    if MISSING:
        pytest.skip(f"{', '.join(MISSING)} missing: pip install -e '.[site]', or make book")
    folder = tmp_path_factory.mktemp("book")
    command = [sys.executable, "-m", "tools.book", "--only", "04", "--folder", folder]
    command += ["--no-pdf"] * (not book_files.find_browser())
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (
        done.stderr
    )  # a warning, a page that is no XML, or epubcheck's word
    with zipfile.ZipFile(folder / "nnfromscratch.epub") as book:
        assert book.infolist()[0].filename == "mimetype"
        assert book.infolist()[0].compress_type == zipfile.ZIP_STORED
        return {name: book.read(name) for name in book.namelist()}


def test_pictures_keep_their_text_and_formulas_are_mathml(epub):
    page = epub[f"lessons/{LESSON}.xhtml"].decode()
    stored = [
        alt
        for cell in read(ROOT / "notebooks" / f"{LESSON}.ipynb").cells
        for output in cell.get("outputs", [])
        for alt in re.findall(r'<img alt="([^"]+)"', output.get("data", {}).get("text/html", ""))
    ]
    assert stored
    assert re.findall(r'<img alt="([^"]+)" src="\.\./pictures/', page) == stored
    assert all(f"pictures/{name}" in epub for name in re.findall(r"\.\./pictures/([^\"]+)", page))
    assert page.count("<math ") > 10
    figures_in_words = r"<details.*?</details>|<pre.*?</pre>|<[^>]+>"
    assert "$" not in re.sub(figures_in_words, "", page, flags=re.DOTALL)
    (item,) = re.findall(rf'<item [^>]*href="lessons/{LESSON}[^>]*>', epub["content.opf"].decode())
    assert 'properties="mathml"' in item


def test_answers_are_open_and_marked(epub):
    page = epub[f"lessons/{LESSON}.xhtml"].decode()
    folds = re.findall(r"<details[^>]*>", page)
    assert set(folds) <= {'<details class="nbcompare">'}, "only a figure in words may stay folded"
    assert 'class="answer-title"' in page
    assert "tag_answer" in page
    assert ".tag_answer" in epub["_static/book.css"].decode()


def test_the_contents_name_lessons_sections_and_sets(epub):
    tree = ElementTree.fromstring(epub["nav.xhtml"])
    said = ["".join(link.itertext()) for link in tree.iter("{http://www.w3.org/1999/xhtml}a")]
    assert "04 How do you know that a gradient is right?" in said
    sections = [line for line in said if re.match(r"4\.\d+ ", line)]
    assert sections[0] == "4.1 What you will see"
    assert len(sections) > 8
    assert any(line.startswith("Exercises 04") for line in said)


def test_the_appendix_has_blanks_and_neither_hints_nor_solutions(epub):
    words = re.sub(r"<[^>]+>", "", epub["exercises/04_exercises.xhtml"].decode())
    for exercise in (exercise for exercise in all_exercises() if exercise.lesson == 4):
        assert exercise.name in words
        assert not any(hint in words for hint in exercise.hints)
    assert words.count("NotImplementedError") == sum(e.lesson == 4 for e in all_exercises())
    assert "# hint(" not in words


def test_nothing_is_fetched_from_elsewhere(epub):
    for name, data in epub.items():
        if name.endswith(".xhtml"):
            assert not re.search(r'src="https?:|<script|<link [^>]*href="https?:', data.decode())


def test_a_page_that_is_no_xml_or_lacks_a_text_is_noticed():
    page = '<html><body><p>a</p><img src="a.png" alt="Two lines that cross."></body></html>'
    assert "not well-formed" in book_files.page_complaints(page)[0]
    page = book_files.xhtml(page)
    assert book_files.page_complaints(page) == []
    textless = page.replace("Two lines that cross.", "")
    assert "a picture without a text" in book_files.page_complaints(textless)[0]


PRINTED = (
    '<html><body><div class="related"><h3>Navigation</h3></div><div class="body" role="main">'
    "<h1>Title</h1><h2>01 One</h2><h3>1.1 First</h3><h3>1.2 <code>b</code></h3><h2>Last</h2>"
    '<div class="sphinxsidebar"><h3>Contents</h3></div></body></html>'
)


def test_the_printed_contents_name_each_heading_with_its_page():
    text, headings = book_files.with_contents(PRINTED)
    assert [(said, rank) for _, said, rank in headings] == [
        ("01 One", 2), ("1.1 First", 3), ("1.2 b", 3), ("Last", 2),
    ]  # fmt: skip
    listed = book_files.with_pages(text, {"part-0": 4, "part-1": 5, "part-2": 6, "part-3": 7})
    assert re.findall(r'data-page="(\d+)">([^<]+)<', listed) == [
        ("4", "01 One"), ("5", "1.1 First"), ("6", "1.2 b"), ("7", "Last"),
    ]  # fmt: skip
    assert "Navigation" not in listed
    assert listed.count("<ol>") == listed.count("</ol>") == 3


@pytest.mark.skipif("pypdf" in MISSING or not book_files.find_browser(),
                    reason="pypdf (the extra site) and Chromium print the PDF")  # fmt: skip
def test_a_page_is_printed_and_the_pages_of_its_headings_are_known(tmp_path):
    from pypdf import PdfReader

    style = "<style>.chapter { break-before: page; }</style>"
    (tmp_path / "index.html").write_text(PRINTED.replace("<body>", f"{style}<body>", 1))
    assert book_files.write_pdf(tmp_path, tmp_path / "a.pdf") == []
    pages = re.findall(r'data-page="(\d+)"', (tmp_path / "book.html").read_text())
    assert pages == ["3", "3", "3", "4"]
    *_, first, last = (page.extract_text() for page in PdfReader(tmp_path / "a.pdf").pages)
    assert "1.1 First" in first
    assert "Last" in last
