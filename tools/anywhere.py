"""Let each lesson run where it is dropped: Colab, Kaggle, an editor, an empty folder.

    python -m tools.anywhere            write cell and badges into all lessons and the README
    python -m tools.anywhere --check    change nothing; name files that lack them, exit 1 if any

The first code cell of a lesson installs the course where it is missing, and does nothing elsewhere.
Its text has one home, here; the address in it is the repository's. Nothing is executed: the stored
outputs stay, their counts go up by one. What is done already is not done twice.
"""

import argparse
import sys
from pathlib import Path

import nbformat

from nnfromscratch.course.working_copy import INSTALL

from . import address, notebooks

ROOT = Path(__file__).resolve().parent.parent
SOURCE = """# Installs the course where it is missing, as in Colab; elsewhere it does nothing.
import subprocess
import sys
from importlib.util import find_spec

if find_spec("nnfromscratch") is None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet"]
    subprocess.run({arguments})"""
EXTRAS = {"19_beyond_one_computer.ipynb": "cluster"}
"""What a lesson needs besides the package."""


def source(url, name=""):
    """Return the text of the cell in the lesson with this file name."""
    if name not in EXTRAS:
        return SOURCE.format(arguments=f'[*pip, "git+{url}"], check=True')
    course = f"nnfromscratch[{EXTRAS[name]}] @ git+{url}"
    return SOURCE.format(arguments=f'\n        [*pip, "{course}"],\n        check=True,\n    ')


def with_cell(notebook, name, url):
    """Return a lesson whose first code cell is the one that installs."""
    cells = [nbformat.from_dict(cell) for cell in notebook.cells if cell.get("id") != INSTALL]
    added = len(cells) == len(notebook.cells)
    first = next(place for place, cell in enumerate(cells) if cell.cell_type == "code")
    if added:
        _count_one_more(cells)
    cell = nbformat.v4.new_code_cell(
        source(url, name), id=INSTALL, metadata={"tags": [INSTALL]}, execution_count=1
    )
    return nbformat.from_dict(notebook | {"cells": [*cells[:first], cell, *cells[first:]]})


def _count_one_more(cells):
    for cell in cells:
        for part in (cell, *cell.get("outputs", [])):
            if part.get("execution_count"):
                part["execution_count"] += 1


def with_badge(text, url, path, between="\n"):
    """Return a text in which the badge of Colab follows the badge of Binder for a notebook."""
    binder, colab = address.binder_badge(url, path), address.colab_badge(url, path)
    return text if colab in text else text.replace(binder, f"{binder}{between}{colab}")


def lesson(notebook, name, url):
    """Return a lesson with the cell and the badge."""
    notebook = with_cell(notebook, name, url)
    first = notebook.cells[0]
    first["source"] = with_badge(first.source, url, f"notebooks/{name}")
    return notebook


def changes(root=ROOT):
    """Return the new text of each file that lacks something, by its path."""
    url, found = address.read(root), {}
    readme = root / "README.md"
    texts = {readme: readme.read_text(encoding="utf-8")}
    for path in notebooks.lessons(root / "notebooks"):
        texts[path] = notebooks.to_text(lesson(notebooks.read(path), path.name, url))
        texts[readme] = with_badge(texts[readme], url, f"notebooks/{path.name}", " ")
    for path, text in texts.items():
        if text.encode() != path.read_bytes():
            found[path] = text
    return found


def main(arguments=None, root=ROOT):
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.anywhere", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--check", action="store_true", help="change nothing")
    options = parser.parse_args(arguments)
    found = changes(root)
    for path, text in found.items():
        if not options.check:
            path.write_bytes(text.encode())
        print(path.relative_to(root).as_posix())
    return int(options.check and bool(found))


if __name__ == "__main__":
    sys.exit(main())
