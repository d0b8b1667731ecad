"""Lessons give the same on every machine: threads, folders, fonts, and where pytest is called."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tools import surroundings

ROOT = Path(__file__).resolve().parent.parent
SPEAKING = "import matplotlib.pyplot as plt\nprint('ready')"


@pytest.fixture
def small(tmp_path):
    """A repository with what this one has at its root, two lessons and an unfinished exercise."""
    root = tmp_path / "repository"
    (root / "tools").mkdir(parents=True)
    (root / "tests").mkdir()
    for name in ("conftest.py", "pyproject.toml", "tools/__init__.py", "tools/surroundings.py"):
        shutil.copy(ROOT / name, root / name)
    save(root / "notebooks" / "exercises" / "01.ipynb", "raise NotImplementedError")
    return root


def save(path, source, printed=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    outputs = [nbformat.v4.new_output("stream", text=printed)] if printed else []
    cells = [nbformat.v4.new_code_cell(source, outputs=outputs, execution_count=1)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


def run(root, *options, here=None, **variables):
    """Run pytest as a newcomer would, without any variable of ours."""
    taken = {*surroundings.THREADS, *surroundings._folders(), "PYTEST_XDIST_WORKER"}
    taken |= {"XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"}
    kept = {name: value for name, value in os.environ.items() if name not in taken}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    done = subprocess.run(command, cwd=here or root, env=kept | variables, check=False,
                          capture_output=True, text=True)  # fmt: skip
    return done.stdout + done.stderr


NBVAL = ("--nbval", "--nbval-current-env")
ONE = "OPENBLAS_NUM_THREADS"


@pytest.mark.parametrize(
    ("options", "variables", "threads"),
    [
        (("-n", "2", "--dist", "loadscope"), {}, "1"),
        pytest.param(("-d", "--tx", "2*popen"), {}, "1", marks=pytest.mark.thorough),
        pytest.param(("-n", "1"), {"OPENBLAS_NUM_THREADS": "2"}, "2", marks=pytest.mark.thorough),
        ((), {}, None),
    ],
)
def test_processes_side_by_side_have_one_thread_each(options, variables, threads, small):
    lines = ["import os", "def test_one():", f"    assert os.environ.get({ONE!r}) == {threads!r}"]
    for name in "ab":
        (small / "tests" / f"test_{name}.py").write_text("\n".join(lines), encoding="utf-8")
    said = run(small, "tests", *options, **variables)
    assert "2 passed" in said, said


@pytest.mark.parametrize("options", [(), ("-n", "1")])
def test_options_of_the_environment_are_for_this_run_alone(options, small):
    lines = ["import os", "def test_one():", "    assert 'PYTEST_ADDOPTS' not in os.environ"]
    (small / "tests" / "test_a.py").write_text("\n".join(lines), encoding="utf-8")
    said = run(small, "tests", *options, PYTEST_ADDOPTS="--junitxml=report.xml")
    assert "1 passed" in said, said
    assert (small / "report.xml").exists()


def test_a_kernel_has_the_threads_of_the_process_that_starts_it(small):
    for name in "ab":
        source = f"import os\nassert os.environ.get({ONE!r}) == '1'"
        save(small / "notebooks" / f"{name}.ipynb", source)
    said = run(small, "notebooks", *NBVAL, "-n", "2", "--dist", "loadscope")
    assert "2 passed" in said, said


@pytest.mark.skipif(os.name == "nt", reason="Windows knows the home under another name")
@pytest.mark.parametrize("home", ["cannot be made", "new"])
def test_a_lesson_needs_nothing_of_the_home(home, small, tmp_path):
    (tmp_path / "file").write_text("")
    save(small / "notebooks" / "a.ipynb", SPEAKING, "ready\n")
    home = tmp_path / ("file/home" if home == "cannot be made" else "home")
    said = run(small, "notebooks", *NBVAL, HOME=str(home))
    assert "1 passed" in said, said  # whatever is on stderr would differ


def test_only_what_cannot_be_written_is_replaced(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "file" / "matplotlib"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "file"))
    surroundings.use_writable_folders(tmp_path / "spare")
    assert os.environ["MPLCONFIGDIR"] == str(tmp_path / "spare" / "mplconfigdir")
    assert os.environ["IPYTHONDIR"] == str(tmp_path / "ipython")
    assert os.environ["JUPYTER_RUNTIME_DIR"] == str(tmp_path / "spare" / "jupyter_runtime_dir")
    assert all(Path(os.environ[name]).is_dir() for name in surroundings._folders())


@pytest.mark.parametrize("here", ["notebooks", "../elsewhere"])
def test_the_student_edition_is_left_out_from_every_folder(here, small, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    save(small / "notebooks" / "a.ipynb", "x = 1")
    said = run(small, str(small / "notebooks"), *NBVAL, "--collect-only", here=small / here)
    assert "a.ipynb" in said
    assert "01.ipynb" not in said


def test_a_warning_of_coverage_is_no_error_and_all_others_are(small):
    lines = ["import warnings", "from coverage.exceptions import CoverageWarning as C"]
    lines += ["def test_one(): warnings.warn('nothing to measure', C)"]
    lines += ["def test_two(): warnings.warn('any other')"]
    (small / "tests" / "test_w.py").write_text("\n".join(lines), encoding="utf-8")
    assert "1 failed, 1 passed" in run(small, "tests")


def test_a_list_of_fonts_without_matplotlibs_own_is_made_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))
    surroundings.prepare_fonts()
    (listed,) = tmp_path.glob("fontlist-*.json")
    whole = json.loads(listed.read_text(encoding="utf-8"))
    without = whole | {"ttflist": [e for e in whole["ttflist"] if e["name"] != "cmsy10"]}
    listed.write_text(json.dumps(without), encoding="utf-8")
    surroundings.prepare_fonts()
    names = {e["name"] for e in json.loads(listed.read_text(encoding="utf-8"))["ttflist"]}
    assert {"cmsy10", "DejaVu Sans"} <= names
