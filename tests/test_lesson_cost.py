"""The measure of a lesson's cost, on notebooks of one cell."""

import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import nbformat
import pytest

from tools import lesson_cost

ROOT = Path(__file__).resolve().parent.parent


def outcome(folder, source, threads="1", **bounds):
    """Run a notebook with nbval and the plugin; return the outcome of its cost as XML."""
    cells = [nbformat.v4.new_code_cell(source), nbformat.v4.new_code_cell("y = 1")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "lesson.ipynb")
    code = [f"lesson_cost.{name} = {value}" for name, value in bounds.items()]
    code = ["import pytest, sys", "from tools import lesson_cost", *code]
    code += ["pytest.main(sys.argv[1:])"]
    options = ["--nbval", "--nbval-current-env", "-p", "tools.lesson_cost", "--junitxml=xml"]
    subprocess.run(
        [sys.executable, "-c", "\n".join(code), *options, "lesson.ipynb"],
        cwd=folder,
        env=os.environ | {"OPENBLAS_NUM_THREADS": threads, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    *cells, cost = ET.parse(folder / "xml").iter("testcase")
    assert [case.get("name") for case in (*cells, cost)] == ["Cell 0", "Cell 1", "cost"]
    assert all(case.find("failure") is None for case in cells)
    return cost


def failure(case):
    return case.find("failure").text


def test_a_cheap_lesson_passes_and_is_measured(tmp_path):
    case = outcome(tmp_path, "x = 1")
    assert case.find("failure") is None
    found = {p.get("name"): float(p.get("value")) for p in case.iter("property")}
    assert 0 < found["seconds"] < 30
    assert 20 < found["MiB"] < 500


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS tells the present memory only")
def test_memory_that_was_given_back_counts(tmp_path):
    source = "x = bytearray(b'1') * (300 << 20)\ndel x"
    text = failure(outcome(tmp_path, source, BYTES=300 << 20))
    assert re.fullmatch(r"lesson.ipynb needs 3\d\d MiB, more than 300 MiB", text)


def test_too_much_time_fails(tmp_path):
    source = "import time\nwhile time.process_time() < 2: pass"
    text = failure(outcome(tmp_path, source, SECONDS=1.5))
    assert re.fullmatch(r"lesson.ipynb takes \d s of processor time, more than 1.5 s", text)


def test_time_that_passes_idly_does_not_count():
    code = "import time; time.sleep(1); print(flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    begin = time.monotonic()
    try:
        process.stdout.readline()
        seconds, _ = lesson_cost.measured(process.pid)
    finally:
        process.kill()
        process.communicate()
    assert seconds < 0.9 < time.monotonic() - begin


def test_several_threads_are_not_measured(tmp_path):
    assert outcome(tmp_path, "x = 1", threads="2", SECONDS=0).find("skipped") is not None


def test_more_than_the_bounds_is_complained_about():
    seconds, size = lesson_cost.SECONDS, lesson_cost.BYTES
    assert lesson_cost.complaints(seconds, size) == []
    assert len(lesson_cost.complaints(seconds + 1, size)) == 1
    assert len(lesson_cost.complaints(seconds + 1, size + 1)) == 2


def test_make_test_measures_the_lessons():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "tests notebooks -p tools.lesson_cost" in makefile
