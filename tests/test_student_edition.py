"""The exercise notebooks: derived from the solutions, without a trace of them, and fair."""

import copy
import itertools
import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from sampling import every

from nnfromscratch.__main__ import main
from nnfromscratch.course.student import SourceError, secrets, student_edition
from nnfromscratch.exercises import all_exercises

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
SOLUTIONS = sorted((NOTEBOOKS / "solutions").glob("*.ipynb"))
every_set = pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def text_of(cell):
    return "".join(cell["source"])


def graded(notebook):
    """Return the cells with nbgrader's metadata by their grade_id."""
    return {
        cell["metadata"]["nbgrader"]["grade_id"]: cell
        for cell in notebook["cells"]
        if "nbgrader" in cell["metadata"]
    }


def test_there_is_a_set_for_every_lesson_with_exercises():
    lessons = {f"{exercise.lesson:02}_exercises" for exercise in all_exercises()}
    assert {path.stem for path in SOLUTIONS} == lessons


def test_the_two_editions_have_not_drifted(capsys):
    assert main(["exercises", str(NOTEBOOKS), "--check"]) == 0
    assert "agrees" in capsys.readouterr().out


@every_set
def test_cells_points_and_ids_fit_the_registry(path):
    lesson = int(path.name[:2])
    cells = graded(read(path))
    expected = {}
    for exercise in all_exercises():
        if exercise.lesson == lesson:
            expected[exercise.name] = None
            expected[f"check_{exercise.name}"] = exercise.points
    answer = f"open_{lesson:02}"
    assert list(cells) == [*expected, answer]
    for name, cell in cells.items():
        kind = cell["metadata"]["nbgrader"]
        assert kind["schema_version"] == 3
        assert kind["cell_type"] == cell["cell_type"]
        assert not kind["task"]
        is_check, is_answer = name.startswith("check_"), name == answer
        assert kind["grade"] == (is_check or is_answer)
        assert kind["solution"] == (not is_check)
        assert kind["locked"] == is_check
        assert kind.get("points") == (3 if is_answer else expected[name])
        if is_check:
            assert text_of(cell).startswith(f"{name}({name.removeprefix('check_')})\n")
            assert "### BEGIN HIDDEN TESTS\n" in text_of(cell)
        if is_answer:
            assert "Rubric" in text_of(cell)


@every_set
def test_the_text_names_points_and_blanks(path):
    notebook = read(path)
    lesson = int(path.name[:2])
    texts = "\n".join(text_of(c) for c in notebook["cells"] if c["cell_type"] == "markdown")
    assert re.match(rf"# Exercises {lesson:02}: ", texts)
    headings = re.findall(r"^## \d+\. .*\((\d+) points?\)$", texts, re.M)
    points = [e.points for e in all_exercises() if e.lesson == lesson]
    assert [int(number) for number in headings] == [*points, 3]
    assert texts.rstrip().endswith("## Where you stand")
    assert text_of(notebook["cells"][-1]) == f"progress({lesson})"


@every_set
def test_criteria_of_a_good_answer_are_folded_below_the_open_question(path):
    student = read(NOTEBOOKS / "exercises" / path.name)["cells"]
    (place,) = [
        i
        for i, cell in enumerate(student)
        if cell["metadata"].get("nbgrader", {}).get("grade_id", "").startswith("open_")
    ]
    below = student[place + 1]
    assert "nbgrader" not in below["metadata"]
    first, *_, last = lines = text_of(below).splitlines()
    assert (first, last) == ("<details>", "</details>")
    criteria = [line for line in lines if line.startswith("- ")]
    assert 3 <= len(criteria) <= 4
    answer, rubric = text_of(graded(read(path))[f"open_{path.name[:2]}"]).split("**Rubric.**")
    texts = answer, "\n".join(criteria), text_of(student[place - 1])
    numbers = [set(re.findall(r"\d(?:[\d.,]*\d)?", text)) for text in texts]
    assert not (numbers[0] & numbers[1]) - numbers[2], "a number of the answer is told"
    for line in (*answer.splitlines(), *rubric.split(": ")):
        assert not line.strip() or line.strip() not in text_of(below)


@every_set
def test_code_is_at_most_88_columns_wide(path):
    cells = [cell for cell in read(path)["cells"] if cell["cell_type"] == "code"]
    lines = [line for cell in cells for line in text_of(cell).splitlines()]
    assert [line for line in lines if len(line) > 88] == []


@every_set
def test_nothing_of_the_solutions_is_left(path):
    solution = read(path)
    student = read(NOTEBOOKS / "exercises" / path.name)
    left = {line.strip() for cell in student["cells"] for line in text_of(cell).splitlines()}
    shown = {
        line.strip()
        for cell in solution["cells"]
        if "nbgrader" not in cell["metadata"]
        for line in text_of(cell).splitlines()
    }
    hidden = [line for line in secrets(solution) if line not in shown]
    assert len(hidden) > 10
    assert not left & set(hidden)
    assert "### " not in "\n".join(left)
    assert all(not cell.get("outputs") for cell in student["cells"])


# `make browser` runs all of them, too.
SOME = every(6, SOLUTIONS)


@pytest.fixture(scope="module", params=SOME, ids=lambda path: path.stem)
def worked_on(request, tmp_path_factory):
    """Run a set as it is given out and then, in the same kernel, with every blank filled in."""
    blank = read(NOTEBOOKS / "exercises" / request.param.name)
    filled = copy.deepcopy(blank)
    for name, cell in graded(read(request.param)).items():
        if cell["metadata"]["nbgrader"]["solution"]:
            graded(filled)[name]["source"] = cell["source"]
    for cell in filled["cells"]:
        cell["id"] += "-filled"
    notebook = blank | {"cells": blank["cells"] + filled["cells"]}
    client = NotebookClient(
        nbformat.reads(json.dumps(notebook), as_version=4),
        timeout=120,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(tmp_path_factory.mktemp("worked_on"))}},
    )
    cells = client.execute().cells
    return cells[: len(blank["cells"])], cells[len(blank["cells"]) :]


def printed(cell):
    return "".join(output.text for output in cell.outputs)  # it may come in parts


def test_run_all_fails_at_the_blanks_alone_and_comes_to_its_end(worked_on):
    cells, _ = worked_on
    for cell in cells:
        errors = [out for out in cell.get("outputs", []) if out.output_type == "error"]
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if cell.cell_type == "code" and name.startswith("check_"):
            blank = name.removeprefix("check_")
            assert errors[0].ename == "ExerciseError"
            said = rf"{blank}\sis\sstill\sblank(\sin\s`\w+`)?\.\sWrite\sit"
            assert re.match(said, errors[0].evalue)
            assert len(errors[0].traceback) == 1
        else:
            assert not errors, (name, cell.source)
    assert "] 0 of " in printed(cells[-1])


def test_filled_with_the_solutions_it_passes(worked_on):
    _, cells = worked_on
    said = printed(cells[-1])
    assert re.search(r"(\d+) of \1 solved, checks (\d+) of \2 points", said)
    assert "open question: 3 points, graded by" in said


@every_set
def test_below_each_check_stands_a_cell_for_its_hints(path):
    cells = read(path)["cells"]
    for cell, below in itertools.pairwise(cells):
        name = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
        if name.startswith("check_"):
            assert text_of(below) == f"# hint({name.removeprefix('check_')}, 1)"


def small(code, *, solution=True, grade=False, name="blank"):
    kind = {"grade_id": name, "solution": solution, "grade": grade, "locked": grade}
    return {"cell_type": "code", "metadata": {"nbgrader": kind}, "source": code.splitlines(True)}


def test_derivation():
    cell = small(
        "def f(x):\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION\n\n\ny = 2\n"
    )
    cell |= {"outputs": [1], "execution_count": 4}
    done = student_edition({"cells": [cell]})["cells"][0]
    assert text_of(done) == (
        "def f(x):\n    # YOUR CODE HERE\n    raise NotImplementedError\n\n\ny = 2"
    )
    assert (done["outputs"], done["execution_count"]) == ([], None)
    assert cell["outputs"] == [1]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([small("### BEGIN SOLUTION\n1")], r"cell 1 \(blank\): ### BEGIN SOLUTION has no partner"),
        ([small("1\n### END SOLUTION")], r"### END SOLUTION has no partner"),
        ([small("1")], "### BEGIN SOLUTION and the metadata do not agree"),
        ([small("### BEGIN SOLUTION\n### END SOLUTION", solution=False)], "do not agree"),
        (
            [small("### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION")],
            "### BEGIN SOLUTION has no partner",
        ),
        (
            [small("### BEGIN HIDDEN TESTS\n### END HIDDEN TESTS", solution=False)],
            "hidden tests belong in a cell that is graded and locked",
        ),
        (
            [small("1", solution=False), small("1", solution=False)],
            "cell 2: grade_id must be there and be its own, got 'blank'",
        ),
    ],
)
def test_wrong_marks_are_named(cells, words):
    with pytest.raises(SourceError, match=words):
        student_edition({"cells": cells})


def test_the_command(tmp_path, capsys):
    source = SOLUTIONS[0]
    folder = tmp_path / "my notebooks"
    assert main(["exercises", str(folder)]) == 1
    assert "no solution notebooks in" in capsys.readouterr().err
    (folder / "solutions").mkdir(parents=True)
    shutil.copy(source, folder / "solutions")
    assert main(["exercises", str(folder), "--check"]) == 1
    assert not (folder / "exercises").exists()
    assert main(["exercises", str(folder)]) == 0
    assert f"{source.name}: written" in capsys.readouterr().out
    written = (folder / "exercises" / source.name).read_text(encoding="utf-8")
    assert written == (NOTEBOOKS / "exercises" / source.name).read_text(encoding="utf-8")
    assert main(["exercises", str(folder), "--check"]) == 0
    mine = written.replace('"execution_count": null', '"execution_count": 1')
    (folder / "exercises" / source.name).write_text(mine)
    assert main(["exercises", str(folder)]) == 0
    assert (folder / "exercises" / f"kept_1_{source.name}").read_text() == mine
    assert main(["exercises", str(folder), "--check"]) == 0
    (folder / "exercises" / "99_mine.ipynb").write_text("{}")
    assert main(["exercises", str(folder), "--check"]) == 1
    assert "99_mine.ipynb (it has no solution" in capsys.readouterr().out
    (folder / "solutions" / source.name).write_text("{")
    assert main(["exercises", str(folder)]) == 1
    assert f"exercises: {source.name}: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ("raise NotImplementedError", "return 1", True),
        ("YOUR ANSWER HERE", "ln 10", True),
        ('"name": "python"', '"name": "python",\n   "version": "3.12.1"', True),
        ("{", "{{", True),
        ("softmaks", "softm\udcfcks", True),  # a byte that is no UTF-8
        ("", "", False),  # an edition of before, as it was derived
    ],
)
def test_what_somebody_has_written_is_kept(old, new, kept, tmp_path):
    (tmp_path / "solutions").mkdir()
    shutil.copy(SOLUTIONS[0], tmp_path / "solutions")
    assert main(["exercises", str(tmp_path)]) == 0
    path = tmp_path / "exercises" / SOLUTIONS[0].name
    text = path.read_text(encoding="utf-8").replace("softmax", "softmaks")
    path.write_text(mine := text.replace(old, new), "utf-8", "surrogateescape")
    assert main(["exercises", str(tmp_path)]) == 0
    assert "softmaks" not in path.read_text(encoding="utf-8")
    copies = [p.read_text("utf-8", "surrogateescape") for p in path.parent.glob("kept_*")]
    assert copies == [mine] * kept


@pytest.mark.parametrize("bad", ["{", "[]", '{"cells": 3}', '{"cells": [3]}'])
def test_a_solution_that_cannot_be_used_stops_no_other(bad, tmp_path, capsys):
    (tmp_path / "solutions").mkdir()
    for source in SOLUTIONS[:2]:
        shutil.copy(source, tmp_path / "solutions")
    (tmp_path / "solutions" / SOLUTIONS[0].name).write_text(bad)
    assert main(["exercises", str(tmp_path)]) == 1
    assert SOLUTIONS[0].name in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "exercises").iterdir()] == [SOLUTIONS[1].name]


def test_the_page_for_instructors_is_up_to_date():
    from tools import exercises

    result = json.loads(exercises.RESULT.read_text(encoding="utf-8"))
    assert exercises.PAGE.read_text(encoding="utf-8") == exercises.page(all_exercises(), result)
    assert {part: stored["runs"] for part, stored in result.items()} == exercises.RUNS
    for stored in result.values():
        # Right answers and wrong ones are told apart, always. That two mistakes do the same in all
        # cases of a draw, so that neither is named, is luck, and rare.
        assert all(line.endswith("is not told by its name") for line in stored["wrong"])
        assert len(stored["wrong"]) <= stored["verdicts"] / 10_000
    assert sum(stored["exercises"] for stored in result.values()) == len(all_exercises())


def test_the_soak_test_notices_what_is_wrong(rng):
    from dataclasses import replace

    from tools.exercises import faults

    leaky = next(exercise for exercise in all_exercises() if exercise.name == "leaky")
    assert faults(leaky, rng) == []
    right, other = leaky.reference, leaky.mistakes[0]
    assert faults(replace(leaky, variants=(other.implementation,)), rng) == [
        "leaky: right answer 1 is rejected",
        "leaky: right answer 1 in float32 is rejected",
        "leaky: right answer 1 in float32 of argument 2 alone is rejected",
    ]
    accepted = replace(other, implementation=right)
    assert faults(replace(leaky, mistakes=(accepted,)), rng) == [
        f"leaky: {other.name!r} is accepted"
    ]
    twice = (other, replace(other, name="again"))
    assert len(faults(replace(leaky, mistakes=twice), rng)) == 2
