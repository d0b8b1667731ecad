"""What is published: the wheel, the sdist, the course out of them, and `nnfromscratch doctor`."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from packaging.metadata import Metadata

from nnfromscratch import __main__ as command_line
from nnfromscratch.course import doctor
from nnfromscratch.course.workspace import stored_notebooks
from tools import address, alone
from tools.notebooks import lessons

ROOT = Path(__file__).resolve().parent.parent
LARGEST = 30e6
WITH_HATCH = pytest.mark.skipif(
    any(importlib.util.find_spec(n) is None for n in ("hatchling", "hatch_fancy_pypi_readme")),
    reason="hatchling and hatch-fancy-pypi-readme, which build, are missing",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build wheel and sdist with what is installed, without a network."""
    folder = tmp_path_factory.mktemp("dist")
    for target in ("wheel", "sdist"):
        command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def unpacked(built, tmp_path_factory):
    """Unpack the wheel, which is all that an installer does with it."""
    folder = tmp_path_factory.mktemp("unpacked")
    (wheel,) = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def names_in(built):
    """Return the names in the wheel, and those in the sdist without their first folder."""
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    with tarfile.open(sdist) as packed:
        inside = {name.partition("/")[2] for name in packed.getnames()}
    return set(zipfile.ZipFile(wheel).namelist()), inside


@WITH_HATCH
def test_the_wheel_holds_the_package_the_data_the_lessons_and_the_sets_and_no_solutions(built):
    wheel, _ = names_in(built)
    package = ROOT / "nnfromscratch"
    expected = {
        f"nnfromscratch/{path.relative_to(package).as_posix()}"
        for pattern in (
            "**/*.py",
            "_mnist/*.gz",
            "_results/*.json",
            "_record/*.npz",
            "widgets/*.js*",
        )
        for path in package.glob(pattern)
    } | {f"nbcompare/{path.name}" for path in (ROOT / "nbcompare").glob("*.py")}
    sets = (ROOT / "notebooks" / "exercises").glob("[0-9][0-9]_*.ipynb")
    expected |= {f"nnfromscratch/_notebooks/{path.name}" for path in lessons()}
    expected |= {f"nnfromscratch/_notebooks/exercises/{path.name}" for path in sets}
    assert {name for name in wheel if ".dist-info/" not in name} == expected
    (size,) = [path.stat().st_size for path in built.glob("*.whl")]
    assert size < LARGEST


@WITH_HATCH
def test_the_sdist_holds_what_the_wheel_is_built_from_and_what_tests_it(built):
    _, sdist = names_in(built)
    needed = {"pyproject.toml", "README.md", "LICENSE", "conftest.py", "Makefile",
              "nnfromscratch/_mnist/train-images-idx3-ubyte.gz", "tests/test_distribution.py",
              "notebooks/solutions/02_exercises.ipynb", "docs/error_ladder.png"}  # fmt: skip
    assert needed <= sdist
    assert not [name for name in sdist if re.search(r"my_course|\.venv|__pycache__|^build/", name)]


@WITH_HATCH
def test_the_metadata_are_valid_and_ask_for_what_pyproject_asks_for(unpacked):
    (path,) = unpacked.glob("*.dist-info/METADATA")
    about = Metadata.from_email(path.read_bytes(), validate=True)
    assert about.description_content_type == "text/markdown"
    assert about.description.startswith("# Neural networks from scratch")
    assert {"lab", "test", "site"} <= set(about.provides_extra)
    assert (path.parent / "licenses" / "LICENSE").is_file()
    # A package's page has no files beside it: every link leads to a file of the repository.
    links = re.findall(r"\]\(([^)\s]+)\)", about.description)
    ours = [link.partition("/main/")[2] for link in links if link.startswith(address.read())]
    assert [link for link in links if not link.startswith("https://")] == []
    assert len(ours) > 20
    assert [path for path in ours if path and not (ROOT / path).exists()] == []
    assert "![Test error by lesson" in about.description
    assert f"]({address.read()}/raw/main/docs/error_ladder.png)" in about.description


@WITH_HATCH
@pytest.mark.skipif(importlib.util.find_spec("twine") is None, reason="twine is missing")
def test_the_package_index_would_take_both(built):
    files = [str(path) for path in built.iterdir()]
    done = subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *files],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@WITH_HATCH
def test_the_course_comes_out_of_the_wheel_in_an_empty_folder(unpacked, tmp_path, monkeypatch):
    # As for somebody who has the wheel alone: it comes before the repository on the path.
    monkeypatch.setenv("PYTHONPATH", str(unpacked))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    def lab(*options):
        command = [sys.executable, "-m", "nnfromscratch", "lab", "mine", *options]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.replace(os.sep, "/")

    stored = [*unpacked.rglob("_notebooks/**/*.ipynb")]
    assert f"({len(stored)} notebooks written)" in lab("--no-open")
    lesson = tmp_path / "mine" / "02_one_forward_pass.ipynb"
    notebook = nbformat.read(lesson, as_version=4)
    asks = nbformat.v4.new_code_cell("import nnfromscratch; print(nnfromscratch.__file__)")
    notebook.cells.append(asks)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": lesson.parent}}).execute()
    assert notebook.cells[-1].outputs[0].text.startswith(str(unpacked))
    # A new version arrives in the package; what was worked in stays, and the new one comes beside.
    nbformat.write(notebook, lesson)
    mine = lesson.read_bytes()
    for name in ("01_the_digits.ipynb", lesson.name):
        stored = unpacked / "nnfromscratch" / "_notebooks" / name
        changed = json.loads(stored.read_text(encoding="utf-8"))
        changed["cells"][-1]["source"].append("\nA new version.")
        stored.write_text(json.dumps(changed), encoding="utf-8")
    said = lab("--update")
    assert "mine/01_the_digits.ipynb: replaced" in said
    assert "mine/02_one_forward_pass_new.ipynb: new version" in said
    assert lesson.read_bytes() == mine


@WITH_HATCH
@pytest.mark.parametrize("runner", ["nbconvert", "papermill"])
def test_a_lesson_runs_alone_where_it_is_dropped(unpacked, tmp_path, runner):
    # The others: make alone. Its result is in docs/alone.json.
    if importlib.util.find_spec(runner) is None:
        pytest.skip(f"{runner} is missing")
    (lesson,) = lessons(numbers=("00",))
    assert alone.run(lesson, runner, unpacked, tmp_path) == ""
    (done,) = (tmp_path / runner).glob("done/*.ipynb")
    first = next(cell for cell in nbformat.read(done, 4).cells if cell.cell_type == "code")
    assert first.outputs == []


def test_the_repository_has_no_second_copy_of_the_lessons():
    assert stored_notebooks() == ROOT / "notebooks"


# nnfromscratch doctor


def test_a_whole_installation_has_nothing_wrong(capsys, tmp_path):
    assert command_line.main(["doctor", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "Nothing is wrong: `nnfromscratch lab` opens the course.\n"


def old_python(monkeypatch, folder):
    monkeypatch.setattr(doctor.sys, "version_info", (3, 9, 1))


def old_numpy(monkeypatch, folder):
    found = doctor.metadata.version
    old = lambda name: "1.26.4" if name == "numpy" else found(name)  # noqa: E731
    monkeypatch.setattr(doctor.metadata, "version", old)


def missing_package(monkeypatch, folder):
    found = doctor.metadata.version

    def version(name):
        if name == "tqdm":
            raise doctor.metadata.PackageNotFoundError(name)
        return found(name)

    monkeypatch.setattr(doctor.metadata, "version", version)


def not_installed(monkeypatch, folder):
    def metadata(name):
        raise doctor.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, "metadata", metadata)


def no_jupyterlab(monkeypatch, folder):
    found = importlib.util.find_spec
    without = lambda name: None if name == "jupyterlab" else found(name)  # noqa: E731
    monkeypatch.setattr(doctor.importlib.util, "find_spec", without)


def damaged_data(monkeypatch, folder):
    sums = doctor.MNIST_SHA256 | {"t10k-labels-idx1-ubyte": "0" * 64}
    monkeypatch.setattr("nnfromscratch._mnist_files.MNIST_SHA256", sums)


def no_lessons(monkeypatch, folder):
    monkeypatch.setattr("nnfromscratch.course.workspace.PACKAGE", folder / "nothing")


def hiding(monkeypatch, folder):
    (folder / "numpy.py").touch()


def read_only(monkeypatch, folder):
    def refused(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refused)


def many_threads(monkeypatch, folder):
    (folder / "cpu.max").write_text("100000 100000\n")
    monkeypatch.setattr(doctor, "QUOTA", folder / "cpu.max")
    pools = [{"user_api": "blas", "num_threads": 8}]
    monkeypatch.setattr(doctor.threadpoolctl, "threadpool_info", lambda: pools)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (old_python, "but 3.11 or newer is needed. Install one and"),
        (old_numpy, "numpy is 1.26.4, but 2.0 or newer is needed: `pip install 'numpy>=2.0'`"),
        (missing_package, "tqdm is missing: `pip install 'tqdm>="),
        (not_installed, "is not installed, only found in a folder"),
        (no_jupyterlab, "jupyterlab is missing, so lessons cannot be opened"),
        (damaged_data, "t10k-labels-idx1-ubyte.gz is damaged: its SHA-256"),
        (no_lessons, "the lessons are not here"),
        (hiding, "numpy.py hides the package numpy"),
        (read_only, "cannot be written to (Permission denied), so your work could not be kept"),
        (many_threads, "use 8 threads, but there is time for 1"),
    ],
)
def test_doctor_says_in_a_sentence_what_is_wrong(damage, words, monkeypatch, capsys, tmp_path):
    damage(monkeypatch, tmp_path)
    assert command_line.main(["doctor", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("- ")
    assert words in line


def test_two_things_that_are_wrong_are_two_sentences(monkeypatch, capsys, tmp_path):
    old_numpy(monkeypatch, tmp_path)
    hiding(monkeypatch, tmp_path)
    assert command_line.main(["doctor", str(tmp_path)]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 2
