"""The answers to guesses are looked at where the learner's copy shows them."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent


def test_each_guess_is_answered_below_its_cell(tmp_path):
    cells = [
        nbformat.v4.new_code_cell(source, metadata={"guess": {"prompt": prompt, "value": value}})
        for source, prompt, value in (
            ("import numpy as np\nx = np.arange(3.0)", "number", "x.sum()"),
            ("y = x.sum()", "shape", "x.shape"),
            ("z = 1", "array", "x"),
            ("w = 1", "name", "unknown"),
            ("x = None", "now", "y"),
            ("", "too late", "x[0]"),
        )
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "lesson.ipynb")
    options = ["--nbval", "--nbval-current-env", "-p", "tools.lesson_guesses", "--junitxml=xml"]
    subprocess.run(
        [sys.executable, "-m", "pytest", *options, "lesson.ipynb"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, check=False,
    )  # fmt: skip
    found = {}
    for case in ET.parse(tmp_path / "xml").iter("testcase"):
        failure = case.find("failure")
        if "guess" in case.get("name"):
            found[case.get("name").split('"')[1]] = "" if failure is None else failure.text
        else:
            assert failure is None
    assert list(found) == ["number", "shape", "array", "name", "now", "too late"]
    assert found["number"] == found["shape"] == found["now"] == ""
    assert "answer: value must be a number, a word" in found["array"]
    assert "NameError" in found["name"]
    assert "TypeError" in found["too late"]
