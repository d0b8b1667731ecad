"""One lesson and a learner's way through a set, in JupyterLab in a real browser."""

import importlib.util

import pytest

from tools import book_files, browser

WHY = (
    "no Chromium is installed" if not book_files.find_browser()
    else "playwright is not installed: pip install -e '.[browser]'"
    if importlib.util.find_spec("playwright") is None else ""
)  # fmt: skip
in_a_browser = pytest.mark.skipif(bool(WHY), reason=WHY)


@in_a_browser
def test_a_lesson_runs_in_jupyterlab_and_a_set_is_solved_there(tmp_path, monkeypatch):
    # All lessons and sets: make browser.
    monkeypatch.setattr(browser, "PICTURES", tmp_path)
    assert browser.try_briefly("00") == []
    taken = {path.name for path in tmp_path.iterdir()}
    assert taken >= {f"00_before_you_start_{width}.png" for width in browser.WIDTHS}


def test_a_set_is_solved_before_it_is_run():
    grading = {"nbgrader": {"grade_id": "f", "solution": True}}
    cell = {"cell_type": "code", "metadata": grading, "source": ["def f():\n", "    raise\n"]}
    answer = "def f():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION"
    known = cell | {"source": answer.splitlines(True)}
    (done,) = browser.solved({"cells": [cell]}, {"cells": [known]})["cells"]
    assert "".join(done["source"]) == "def f():\n    return 1"
