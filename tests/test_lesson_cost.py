"""The measure of a lesson's cost, on notebooks of one cell."""

import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import nbformat

from tools import lesson_cost

ROOT = Path(__file__).resolve().parent.parent


def outcomes(folder, sources, threads="1", **bounds):
    """Run a notebook for each source with nbval and the plugin; return their costs as XML."""
    for name, source in sources.items():
        cells = [nbformat.v4.new_code_cell(source), nbformat.v4.new_code_cell("y = 1")]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{name}.ipynb")
    code = [f"lesson_cost.{name} = {value}" for name, value in bounds.items()]
    code = ["import pytest, sys", "from tools import lesson_cost", *code]
    code += ["pytest.main(sys.argv[1:])"]
    options = ["--nbval", "--nbval-current-env", "-p", "tools.lesson_cost", "--junitxml=xml"]
    subprocess.run(
        [sys.executable, "-c", "\n".join(code), *options, *(f"{name}.ipynb" for name in sources)],
        cwd=folder,
        env=os.environ | {"OPENBLAS_NUM_THREADS": threads, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    cases = [*ET.parse(folder / "xml").iter("testcase")]
    assert [case.get("name") for case in cases] == ["Cell 0", "Cell 1", "cost"] * len(sources)
    costs = [case for case in cases if case.get("name") == "cost"]
    assert all(case.find("failure") is None for case in cases if case not in costs)
    return dict(zip(sources, costs, strict=True))


def failure(case):
    return case.find("failure").text


def test_a_lesson_is_measured_and_fails_that_needs_too_much(tmp_path):
    sources = {
        "cheap": "x = 1",
        "large": "x = bytearray(b'1') * (300 << 20)\ndel x",  # given back, and counts
        "slow": "import time\nwhile time.process_time() < 4: pass",
    }
    costs = outcomes(tmp_path, sources, SECONDS=3.5, BYTES=300 << 20, QUIET=1e9)
    assert costs["cheap"].find("failure") is None
    found = {p.get("name"): float(p.get("value")) for p in costs["cheap"].iter("property")}
    assert 0 < found["seconds"] < 3.5
    assert 20 < found["MiB"] < 300
    words = r"slow.ipynb takes \d s of processor time, more than 3.5 s"
    assert re.fullmatch(words, failure(costs["slow"]))
    if sys.platform != "darwin":  # macOS tells the present memory only
        words = r"large.ipynb needs 3\d\d MiB, more than 300 MiB"
        assert re.fullmatch(words, failure(costs["large"]))


def test_a_second_counts_as_less_where_the_processor_does_less_in_it(tmp_path):
    sources = {"slow": "import time\nwhile time.process_time() < 2: pass"}
    (cost,) = outcomes(tmp_path, sources, SECONDS=1.5, QUIET=1e-3).values()
    assert cost.find("failure") is None
    assert lesson_cost.slowdown() >= 1


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
    (cost,) = outcomes(tmp_path, {"a": "x = 1"}, threads="2", SECONDS=0).values()
    assert cost.find("skipped") is not None


def test_more_than_the_bounds_is_complained_about():
    seconds, size = lesson_cost.SECONDS, lesson_cost.BYTES
    assert lesson_cost.complaints(seconds, size) == []
    assert len(lesson_cost.complaints(seconds + 1, size)) == 1
    assert len(lesson_cost.complaints(seconds + 1, size + 1)) == 2


def test_make_test_measures_the_lessons():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "tests notebooks -p tools.lesson_cost -p tools.lesson_guesses" in makefile
