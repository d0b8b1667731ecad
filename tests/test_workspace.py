"""The learner's folder: made, worked in, brought up to date, and nothing in it ever lost."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from sampling import some_of

from nnfromscratch import __main__ as command_line
from nnfromscratch import _files
from nnfromscratch.course import lab
from nnfromscratch.course.working_copy import BESIDE, FOLDED, INSTALL, working_copy
from nnfromscratch.course.workspace import RECORD, Workspace, editions
from tools.notebooks import lessons, read

ROOT = Path(__file__).resolve().parent.parent
COURSE = editions(ROOT / "notebooks")
LESSON, SET = "02_forward.ipynb", "exercises/02_exercises.ipynb"


def text(source, name="text", **metadata):
    return {"cell_type": "markdown", "id": name, "metadata": metadata, "source": [source]}


def code(source, name="code", **metadata):
    output = {"name": "stdout", "output_type": "stream", "text": ["42\n"]}
    return text(source, name, **metadata) | {
        "cell_type": "code", "execution_count": 3, "outputs": [output]
    }  # fmt: skip


def notebook(*cells):
    return {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def course(folder, **lessons):
    """Write a small course; `two="..."` is the code of the lesson 02_two."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "exercises").mkdir(parents=True)
    names = {"one": "01_digits", "two": "02_forward", "three": "03_back", "new": "03_loss",
             "later": "04_back", "set": "exercises/02_exercises"}  # fmt: skip
    for key, source in lessons.items():
        cells = [text(f"# {names[key][:2]} What is it?"), code(source, key)]
        (folder / f"{names[key]}.ipynb").write_text(json.dumps(notebook(*cells)))
    return editions(folder)


@pytest.fixture
def first(tmp_path):
    """The course as it is when the learner begins."""
    return course(tmp_path / "course", one="1", two="2", three="3", set="def blank(): ...")


@pytest.fixture
def second(tmp_path):
    """Its next version: 01 and 02 say more, 03 has become 04, and there is another 03."""
    return course(tmp_path / "next", one="11", two="22", new="0", later="3", set="def blank(): ...")


def files(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes()
            for p in sorted(folder.rglob("*")) if p.is_file()}  # fmt: skip


def work(folder, name, answer):
    """Write an answer into a notebook, as a learner does, and save it."""
    path = folder / name
    path.write_text(path.read_text().replace('"source": [\n    "', f'"source": [\n    "{answer} '))
    return path.read_bytes()


def test_three_days_of_a_learner(tmp_path, first, second):
    folder = tmp_path / "mine"
    # The first day: the copy, a lesson changed, a blank solved, the progress kept.
    assert sorted(Workspace(folder, first).make()) == sorted(first)
    mine = {name: work(folder, name, "mine") for name in (LESSON, SET)}
    progress = folder / "exercises" / ".progress" / "02" / "blank"
    progress.parent.mkdir(parents=True)
    progress.touch()
    (folder / "notes.txt").write_text("sums of rows")
    # The second day: the same again. Nothing is written, nothing is said to be new.
    before = files(folder)
    again = Workspace(folder, first)
    assert (again.make(), again.outdated(), again.update()) == ([], [], {})
    assert files(folder) == before
    # The third: a new version of the course arrives. Until it is asked for, only new files come.
    opened = Workspace(folder, second)
    assert opened.make() == ["03_loss.ipynb", "04_back.ipynb"]
    assert opened.outdated() == ["01_digits.ipynb", LESSON]
    assert opened.update() == {
        "01_digits.ipynb": "replaced",
        "02_forward_new.ipynb": f"new version; your {LESSON} stays as it is",
        "03_back.ipynb": "no longer in the course; yours stays",
    }
    after = files(folder)
    assert {name: after[name] for name in mine} == mine
    assert after["01_digits.ipynb"] == second["01_digits.ipynb"]
    assert after["02_forward_new.ipynb"] == second[LESSON]
    assert {name for name in before if after.get(name) != before[name]} == {
        "01_digits.ipynb", RECORD
    }  # fmt: skip
    # And that is all: asked again, it has nothing to bring.
    assert "02_forward_new.ipynb" not in Workspace(folder, second).update()
    (folder / "02_forward_new.ipynb").unlink()
    assert Workspace(folder, second).outdated() == []


def test_a_notebook_that_cannot_be_read_stops_no_other(tmp_path, first, second, monkeypatch):
    folder = tmp_path / "mine"
    Workspace(folder, first).make()
    real = Path.read_bytes

    def read_bytes(path):
        if path.name == "01_digits.ipynb":
            raise PermissionError
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    done = Workspace(folder, second).update()
    assert done["01_digits_new.ipynb"] == "new version; your 01_digits.ipynb stays as it is"
    assert done[LESSON] == "replaced"


def test_a_deleted_notebook_comes_back_and_a_fresh_one_comes_beside(tmp_path, first):
    folder = tmp_path / "mine"
    workspace = Workspace(folder, first)
    workspace.make()
    (folder / "01_digits.ipynb").unlink()
    assert Workspace(folder, first).make() == ["01_digits.ipynb"]
    mine = work(folder, LESSON, "mine")
    assert workspace.fresh("2") == "02_forward_fresh.ipynb"
    assert workspace.fresh("02") == "02_forward_fresh.ipynb"  # nobody has touched the first
    changed = work(folder, "02_forward_fresh.ipynb", "also mine")
    assert Workspace(folder, first).fresh(LESSON) == "02_forward_fresh_2.ipynb"
    assert workspace.fresh("02_exercises") == "exercises/02_exercises_fresh.ipynb"
    after = files(folder)
    assert (after[LESSON], after["02_forward_fresh.ipynb"]) == (mine, changed)
    assert after["02_forward_fresh_2.ipynb"] == first[LESSON]


def test_a_later_version_takes_the_place_of_an_unchanged_new_one(tmp_path, first, second):
    folder = tmp_path / "mine"
    Workspace(folder, first).make()
    mine = work(folder, LESSON, "mine")
    Workspace(folder, second).update()
    third = second | {LESSON: second[LESSON].replace(b"22", b"333")}
    Workspace(folder, third).update()
    assert (folder / "02_forward_new.ipynb").read_bytes() == third[LESSON]
    changed = work(folder, "02_forward_new.ipynb", "mine too")
    Workspace(folder, second | {LESSON: second[LESSON].replace(b"22", b"4")}).update()
    after = files(folder)
    assert (after[LESSON], after["02_forward_new.ipynb"]) == (mine, changed)
    assert b"4" in after["02_forward_new_2.ipynb"]


def test_an_untouched_notebook_is_replaced_even_if_its_new_version_stands_beside_it(
    tmp_path, first, second
):
    folder = tmp_path / "mine"
    early = Workspace(folder, first)
    early.make()
    Workspace(folder, second).fresh(LESSON)
    early.fresh(SET)  # it does not know of the other, and must not make it forgotten
    Workspace(folder, second).update()
    assert (folder / LESSON).read_bytes() == second[LESSON]
    assert {"02_forward_fresh.ipynb", "exercises/02_exercises_fresh.ipynb"} <= Workspace(
        folder, second
    ).record.keys()


@pytest.mark.parametrize("record", [None, b"", b"[]", b'{"01_digits.ipynb": 3}', b"\xff\x00"])
def test_foreign_files_stay_whatever_the_record_says(tmp_path, first, second, record):
    folder = tmp_path / "mine"
    (folder / "exercises").mkdir(parents=True)
    for name in ("01_digits.ipynb", "thesis.tex", SET):
        (folder / name).write_text("not the course's")
    if record is not None:
        (folder / RECORD).write_bytes(record)
    before = files(folder)
    assert sorted(Workspace(folder, first).make()) == [LESSON, "03_back.ipynb"]
    Workspace(folder, second).update()
    after = files(folder)
    assert all(after[name] == data for name, data in before.items() if name != RECORD)
    assert after["01_digits_new.ipynb"] == second["01_digits.ipynb"]


def test_a_lost_record_costs_nothing(tmp_path, first, second):
    folder = tmp_path / "mine"
    Workspace(folder, first).make()
    (folder / RECORD).unlink()
    before = files(folder)
    Workspace(folder, second).update()
    after = files(folder)
    assert all(after[name] == data for name, data in before.items())


def test_a_link_that_leads_nowhere_is_a_file_too(tmp_path, first):
    folder = tmp_path / "mine"
    folder.mkdir()
    with contextlib.suppress(OSError):  # Windows may not allow it
        (folder / LESSON).symlink_to(tmp_path / "elsewhere.ipynb")
        assert LESSON not in Workspace(folder, first).make()
        assert not (tmp_path / "elsewhere.ipynb").exists()


# What is written


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
def test_of_two_that_write_at_once_one_wins_and_the_file_is_whole(tmp_path, monkeypatch, links):
    def refused(*_):
        raise PermissionError("this file system has no hard links")

    if not links:
        monkeypatch.setattr(os, "link", refused)
    monkeypatch.setattr(os.path, "lexists", lambda _: False)  # all have seen that there is none
    path, texts = tmp_path / "a.ipynb", [bytes([65 + n]) * 100_000 for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda t: _files.create(path, t), texts))
    assert sum(won) == 1
    assert path.read_bytes() == texts[won.index(True)]
    assert files(tmp_path).keys() == {"a.ipynb"}


def test_a_stop_in_the_middle_leaves_no_half_file(tmp_path, monkeypatch, first):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "link", stopped)
    with pytest.raises(KeyboardInterrupt):
        Workspace(tmp_path / "mine", first).make()
    assert files(tmp_path / "mine") == {}


def test_two_started_at_once(tmp_path):
    script = "import sys; from nnfromscratch.__main__ import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", script, "lab", str(tmp_path / "mine"), "--no-open"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=100)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    after = files(tmp_path / "mine")
    record = json.loads(after.pop(RECORD))
    assert after == COURSE
    assert record.keys() == COURSE.keys()
    assert Workspace(tmp_path / "mine", COURSE).outdated() == []


# The command


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """call("lab", ...): run the command in an empty folder; return status, output and errors."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(lab, "editions", lambda _: course(tmp_path / "course", one="1", two="2"))

    def run(*arguments):
        status = command_line.main(["lab", *map(str, arguments)])
        return status, *capsys.readouterr()

    return run


def test_a_line_says_where_the_folder_is_and_how_a_lesson_is_got_fresh(call, monkeypatch):
    monkeypatch.setattr(sys, "argv", [".venv/bin/nnfromscratch", "lab"])
    status, out, err = call("--no-open")
    assert (status, err, len(out.splitlines())) == (0, "", 1)
    assert f"in {Path('my_course').resolve()} (2 notebooks written)" in out
    assert ".venv/bin/nnfromscratch lab my_course --fresh 03" in out
    monkeypatch.chdir("my_course")  # in the folder itself, it is that folder that is meant
    assert "written)" not in call("--no-open")[1]
    assert not Path("my_course").exists()


def test_updating_and_fresh_copies_say_what_was_done(call):
    assert "my_course/01_digits.ipynb: new\n" in call("--update")[1].replace(os.sep, "/")
    assert call("--update")[1] == "my_course: nothing is new\n"
    status, out, _ = call("--fresh", "02", "01")
    assert status == 0
    assert "02_forward_fresh.ipynb: fresh" in out
    assert "01_digits_fresh.ipynb: fresh" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["taken"], "taken is a file, not a folder. Name another one: "),
        (["taken/below"], "cannot be used: "),
        ([ROOT / "notebooks"], "holds the course's own notebooks"),
        ([ROOT / "notebooks" / "exercises"], "holds the course's own notebooks"),
        (["--fresh", "77"], "--fresh must name one notebook, got '77'; there are 01_digits"),
        (["--fresh", ""], "--fresh must name one notebook, got ''"),
        (["--fresh", "0"], "--fresh must name one notebook"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(call, arguments, words):
    Path("taken").write_text("a file")
    status, out, err = call(*arguments, *["--no-open"] * (arguments[0] != "--fresh"))
    assert (status, out) == (1, "")
    assert err.startswith("lab: ")
    assert words in err
    assert Path("taken").read_text() == "a file"


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows asks others who may write")
def test_a_folder_that_may_not_be_written_to(call, monkeypatch):
    Path("mine").mkdir()
    Path("mine").chmod(0o500)

    def refused(*arguments, **_):
        raise PermissionError(13, "Permission denied", "mine")

    if os.geteuid() == 0:  # root may write everywhere
        monkeypatch.setattr(_files, "open", refused, raising=False)
    status, _, err = call("mine", "--no-open")
    assert status == 1
    assert "lab: mine cannot be used: " in err
    assert "Permission denied" in err


def test_jupyterlab_is_opened_in_the_folder_at_the_first_lesson_with_its_options(call, monkeypatch):
    started = []

    class Process:
        def __init__(self, command, cwd):
            started.append((command, cwd))
            self.interrupted = False

        def wait(self):
            if not self.interrupted:
                self.interrupted = True
                raise KeyboardInterrupt
            return 7

    monkeypatch.setattr(lab.subprocess, "Popen", Process)
    assert call("mine", "--", "--no-browser", "--allow-root")[0] == 7
    [(command, cwd)] = started
    assert command[-3:] == ["--LabApp.default_url=/lab/tree/01_digits.ipynb", "--no-browser",
                            "--allow-root"]  # fmt: skip
    assert cwd == Path("mine")
    assert call("--", "--no-browser")[0] == 7  # and no folder of that name
    assert started.pop()[1] == Path(lab.DEFAULT)
    monkeypatch.setattr(lab.importlib.util, "find_spec", lambda name: None)
    status, _, err = call("mine")
    assert (status, len(started)) == (1, 1)
    assert "JupyterLab is not installed: pip install 'nnfromscratch[lab]'" in err
    assert Path("mine", LESSON).exists()


# The edition itself


def test_outputs_are_cleared_code_that_is_an_answer_folded_and_all_else_kept():
    graded = {"grade": True, "grade_id": "check_a", "points": 2}
    source = notebook(
        text("# 01 What?"), code("a", "a"), code("b", "b", tags=["answer"]),
        code("c", "c", tags=["answer-code", "within-1-percent"]), code("d", "d", nbgrader=graded),
    )  # fmt: skip
    before = json.dumps(source)
    copy = working_copy(source)
    assert json.dumps(source) == before
    cells = copy["cells"]
    before = [cell["source"] for cell in source["cells"]]
    before[3] = [FOLDED + "\n", "c"]  # the first line of a folded cell is seen
    assert [cell["source"] for cell in cells] == before
    assert all((c["outputs"], c["execution_count"]) == ([], None) for c in cells[1:])
    assert [c["metadata"].get("jupyter") for c in cells] == [None] * 3 + [
        {"source_hidden": True}
    ] + [None]
    assert cells[4]["metadata"]["nbgrader"] == graded
    assert cells[3]["metadata"]["tags"] == ["answer-code", "within-1-percent"]


def test_a_guess_stands_before_its_answer_and_beside_it_afterwards():
    asked = {"prompt": 'the "loss"', "value": "loss"}
    copy = working_copy(
        notebook(
            text("# 01 What?"),
            code("import math", "a"),
            code("loss = 2", "b", tags=["answer"], guess=asked),
        )
    )
    sources = ["".join(cell["source"]) for cell in copy["cells"]]
    assert sources[2] == "from nnfromscratch.exercises.predictions import answer, guess, how_near"
    assert sources[3].startswith('guess("the \\"loss\\"", ...)')
    assert sources[4:] == [
        "loss = 2",
        BESIDE + '\nanswer("the \\"loss\\"", loss)',
        "## How near you came",
        "how_near()",
    ]
    assert "guess" not in copy["cells"][4]["metadata"]
    nbformat.validate(nbformat.from_dict(copy))


@pytest.mark.parametrize(
    ("link", "found"),
    [
        ("[a](02_two.ipynb)", "[a](02_two.ipynb)"),
        ("[a](02_two.ipynb#part)", "[a](02_two.ipynb#part)"),
        ("[a](exercises/02_exercises.ipynb)", "[a](exercises/02_exercises.ipynb)"),
        ("[a](solutions/02_x.ipynb)", "[a](URL/blob/main/notebooks/solutions/02_x.ipynb)"),
        ("[a](../docs/page.md#part)", "[a](URL/blob/main/docs/page.md#part)"),
        ("![a](../docs/a.png)", "![a](URL/raw/main/docs/a.png)"),
        ('<img src="../docs/a.png">', '<img src="URL/raw/main/docs/a.png">'),
        ("[a](https://example.org/x.html)", "[a](https://example.org/x.html)"),
        ("[a](#part) and $f[x](y)$", "[a](#part) and $f[x](y)$"),
        ("[a](attachment:x.png)", "[a](attachment:x.png)"),
    ],
)
def test_links_lead_to_the_copy_or_to_the_repository(link, found):
    copied = {"notebooks/02_two.ipynb", "notebooks/exercises/02_exercises.ipynb"}
    copy = working_copy(notebook(text(link)), "notebooks/01_x.ipynb", copied, "URL")
    assert "".join(copy["cells"][0]["source"]) == found


@pytest.mark.parametrize(
    ("last", "count"),
    [("bye", 1), ("**Next:** [02 Why?](02_two.ipynb)", 0), ("**Next:** a rest", 1)],
)
def test_a_lesson_ends_with_the_next_one_once(last, count):
    copy = working_copy(notebook(text(last)), following=("02_two.ipynb", "02 Why?"))
    added = [c["source"] for c in copy["cells"][1:]]
    assert added == [["**Next lesson:** [02 Why?](02_two.ipynb)"]] * count


# The course itself


def test_every_lesson_and_set_is_in_the_copy_valid_and_without_its_answers():
    paths = [*lessons(), *sorted((ROOT / "notebooks" / "exercises").glob("[0-9][0-9]_*.ipynb"))]
    assert COURSE.keys() == {p.relative_to(ROOT / "notebooks").as_posix() for p in paths}
    for name, data in COURSE.items():
        copy = nbformat.reads(data.decode(), as_version=4)
        nbformat.validate(copy)
        for cell in copy.cells:
            assert not cell.get("outputs"), name
            if "answer-code" in cell.metadata.get("tags", []):
                assert cell.metadata.jupyter.source_hidden
            if cell.metadata.get("jupyter") and cell.id != INSTALL:
                assert cell.source.split("\n")[0] in (FOLDED, BESIDE)


@pytest.mark.parametrize("name", COURSE)
def test_links_of_the_copy_lead_somewhere(name):
    copy = nbformat.reads(COURSE[name].decode(), as_version=4)
    for cell in copy.cells:
        found = re.findall(r"\]\(([^)\s]+\.\w+)(?:#[^)]*)?\)", cell.source)
        for target in found if cell.cell_type == "markdown" else []:
            path = os.path.normpath(os.path.join(os.path.dirname(name), target))
            assert target.startswith("http") or Path(path).as_posix() in COURSE, target


# The others train networks for most of their time; tools/lesson_guesses.py looks at their guesses.
QUICK = [path for path in lessons() if path.stem[:2] in ("00", "01", "02", "03")]


@pytest.mark.parametrize(
    "path", some_of(QUICK, lambda path: path.stem[:2] == "02"), ids=lambda path: path.stem
)
def test_a_lesson_with_guesses_runs_alone_in_a_folder(path, tmp_path):
    copy = nbformat.reads(COURSE[path.name].decode(), as_version=4)
    asked = [cell for cell in copy.cells if cell.source.startswith("guess(")]
    for cell in asked[::2]:  # the others are left alone
        cell.source = cell.source.replace(", ...)", ", 1)")
    NotebookClient(copy, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [o.get("text", "") for cell in copy.cells for o in cell.get("outputs", [])]
    typed = len(asked[::2])
    assert typed
    assert sum(out.startswith("You said 1; it is ") for out in outputs) == typed
    assert f"of your {typed} guesses" in "".join(outputs[-2:])


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.stem)
def test_no_lesson_needs_a_file_beside_it(path):
    code = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "code")
    assert not re.search(r"\.\./|\bopen\(|read_text|np\.load\(['\x22]|loadtxt", code)


def test_what_the_learner_does_is_nothing_to_git():
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no clone")
    done = subprocess.run(
        ["git", "check-ignore", "my_course/01_the_digits.ipynb", "my_course/exercises/x"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert len(done.stdout.splitlines()) == 2
