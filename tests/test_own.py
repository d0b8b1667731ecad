"""A blank of one's own: its draw, its check, what a class gets, and those who try another's."""

import json
import os
import re
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from benchmarks import own_blanks
from nnfromscratch.__main__ import main
from nnfromscratch.course import cli, gradebooks, jail
from nnfromscratch.course.collect import find
from nnfromscratch.course.examine import Source
from nnfromscratch.course.handout import own_notebooks
from nnfromscratch.course.jail import Limits, stripped_package
from nnfromscratch.course.layout import CourseError, init
from nnfromscratch.course.student import student_edition
from nnfromscratch.exercises import ExerciseError, check_own, own
from nnfromscratch.exercises._sandbox import Observed, behaviour

ROOT = Path(__file__).resolve().parent.parent
LINUX = sys.platform == "linux"
SECRET = b"of a course"
MINE = ("activation", "tanh", "bump", 0.713, 1.302, 2.004)
LIMITS = Limits(cell_seconds=20, check_seconds=20)


def right(da, z):
    """The answer to MINE, by hand: the one that stands anywhere, for one draw."""
    t, g = np.tanh(0.713 * z), np.exp(-((1.302 * z) ** 2))
    return da * 2.004 * g * (0.713 * (1 - t**2) - 2 * 1.302**2 * z * t)


def test_a_right_answer_is_right(capsys):
    check_own(right, MINE)
    assert "own_backward: right, in all 12 cases. 3 points." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda da, z: -right(da, z), "mistake   the sign"),
        (lambda da, z: right(1.0, z), "da is forgotten"),
        (lambda da, z: right(z, da), "the slope of da in place of z"),
        (lambda da, z: right(da, z) / 2.004, "the outer factor 2.004 is forgotten"),
    ],
)
def test_a_mistake_is_named(answer, words):
    with pytest.raises(ExerciseError, match=words):
        check_own(answer, MINE)


def test_the_packages_differences_are_out_of_reach():
    from nnfromscratch import numerical_gradient

    def answer(da, z):
        return numerical_gradient(lambda t: (t**2).sum(), z)

    with pytest.raises(ExerciseError, match=r"calls nnfromscratch\.numerical_gradient"):
        check_own(answer, MINE)


@pytest.mark.parametrize("draw", [(), ("activation",), (*MINE, 1.0), ("loss", *MINE[1:]), 3, None])
def test_what_is_no_draw_is_refused(draw):
    with pytest.raises(ValueError, match="mine must be the line"):
        check_own(right, draw)


@pytest.mark.parametrize("kind", own.FAMILIES)
def test_every_draw_can_be_answered_and_every_mistake_is_told(kind):
    _, wrong = own_blanks.part(kind, range(8))
    assert wrong == []


def test_each_check_of_a_schedule_has_steps_of_both_kinds():
    """Of 12 that are drawn by chance none is early once in 450 checks: no warm-up was accepted."""
    asked = own.exercise(("rate", "root", "root", 0.78, 0.339, 0.187, 2.521))
    cases = asked.cases(np.random.default_rng(0))
    assert len(cases) == 12
    assert [t + 1 < 0.187 * total for t, total in cases[:4]] == [True, False, True, False]
    assert "no warm-up" in {mistake.name for mistake in asked.mistakes}


def test_a_mistake_that_seldom_shows_is_refused_by_every_check():
    draw = ("adaptive", "Lion", 0.204, 0.567, 0.588, 0.153)  # they matter where a sign changes
    exercise = own.exercise(draw)
    (swapped,) = [m for m in exercise.mistakes if m.name == "0.567 and 0.588 swapped"]
    for seed in range(60):
        cases = exercise.cases(np.random.default_rng(seed))
        found = [behaviour(swapped.implementation, case, exercise.call) for case in cases]
        assert exercise.wrong(exercise.trials(cases, found, exercise.expected(cases)))


def test_a_family_has_at_least_a_dozen_members():
    for family in own.FAMILIES.values():
        assert np.prod([len(part) for part in family.choices]) >= 12


def test_a_draw_follows_from_secret_student_and_set():
    draws = [
        own.drawn(*by, "loss")
        for by in ((SECRET, "ada", "05"), (SECRET, "ben", "05"), (SECRET, "ada", "07"),
                   (b"another", "ada", "05"))
    ]  # fmt: skip
    assert len({*draws}) == 4
    assert own.drawn(SECRET, "ada", "05", "loss") == draws[0]
    # Stored once: a draw must not change with a version of Python or NumPy.
    assert draws[0] == STORED


STORED = ("loss", "bowl", "cosine", "none", 1.539, 0.488, 2.071)


def test_no_two_of_a_class_have_the_same():
    for name, kind in own.SETS.items():
        assert len({own.drawn(SECRET, f"s{i}", name, kind) for i in range(300)}) == 300


def test_another_students_answer_is_told_and_so_is_their_id():
    draws = {name: own.drawn(SECRET, name, "13", "penalty") for name in ("ada", "ben", "eve")}
    asked = own.exercise(draws["ada"], draws)
    cases = asked.cases(np.random.default_rng(0))
    found = [own.behaviour(own.blank_of(draws["eve"]).due, c, asked.call) for c in cases]
    with pytest.raises(ExerciseError) as error:
        asked.judge(cases, Observed(found))
    assert error.value.mistake == own.ANOTHER
    assert asked.meant == ["eve"]
    assert "eve" not in str(error.value)  # it stands in a student's feedback


def test_practice_shows_another_one_every_time(capsys):
    draws = [own.practice(5, np.random.default_rng(i)) for i in range(3)]
    assert len({*draws}) == 3
    assert {draw[0] for draw in draws} == {"loss"}
    with pytest.raises(ValueError, match="which must be a set"):
        own.practice("77")


def test_the_stored_result_has_no_wrong_verdict():
    stored = json.loads(own_blanks.RESULT.read_text())
    assert stored["wrong"] == []
    assert stored["classes_with_twins"] == 0
    assert stored["classes"] >= 30
    page = re.sub(r"\s+", " ", (ROOT / "docs" / "instructors.md").read_text(encoding="utf-8"))
    said = f"{stored['draws']:,} draws, {stored['verdicts']:,} verdicts, 0 wrong"
    assert said in page


def test_the_stored_class_with_own_blanks_is_the_one_that_is_described():
    stored = json.loads((ROOT / "benchmarks" / "results" / "class.json").read_text())["own"]
    assert stored["wrong"] == []
    assert stored["feedback_pages"] == stored["students"] == 300
    assert stored["own_blanks_right"] == 240
    page = re.sub(r"\s+", " ", (ROOT / "docs" / "instructors.md").read_text(encoding="utf-8"))
    seconds = stored["seconds"]
    assert f"in {sum(seconds.values()):.0f} seconds on two processors" in page
    assert f"{seconds['grade']:.0f} of them for grading: all 300 totals were right" in page


# In a course

needs_linux = pytest.mark.skipif(not LINUX, reason="grading needs Linux")
NO_SANDBOX = jail.sandbox_works() if LINUX else "grading needs Linux"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return init(tmp_path_factory.mktemp("course") / "own", None, own_blanks=True)


NAME = "03_exercises"


def test_each_set_from_02_has_one_and_the_secret_is_for_the_instructor(course):
    kinds = {n[:2]: own.kind_in(course.source(n).notebook) for n in course.sets()}
    assert kinds.pop("15") == ""  # no machine grades it
    assert kinds == {number: kind for number, kind in own.SETS.items() if number != "15"}
    assert os.stat(course.root / ".secret").st_mode & 0o777 == 0o600
    source = course.source(NAME)
    assert [check.grade_id for check in source.checks].count("check_own_blank") == 1
    assert course.secret not in json.dumps(source.notebook).encode()


def test_a_lost_secret_is_asked_for(tmp_path):
    course = init(tmp_path / "c", None, own_blanks=True)
    asked = {".secret": lambda: own_notebooks(course, NAME, ["ada"]), ".seed": lambda: course.seed}
    for name, ask in asked.items():
        path = course.root / name
        for lose in (path.unlink, path.touch):  # or left empty by an `init` that was stopped
            lose()
            with pytest.raises(CourseError, match=f"{name} is missing or empty: .* Put the file"):
                ask()
        init(course.root, None)
        assert ask()


def test_a_renamed_set_keeps_the_blank_for_practice(tmp_path):
    course = init(tmp_path / "c", None, own_blanks=True)
    draw = course.own_draw("", "05_exercises")
    (course.root / "source/05_exercises").rename(course.root / "source/week_5")
    (course.root / "source/week_5/05_exercises.ipynb").rename(
        course.root / "source/week_5/week_5.ipynb"
    )
    assert course.own_draw("ada", "week_5") == course.own_draw("", "week_5") == draw


def test_each_student_gets_a_notebook(course):
    folder = own_notebooks(course, NAME, ["ada", "ben"])
    texts = {s: (folder / s / f"{NAME}.ipynb").read_text() for s in ("ada", "ben")}
    for student, text in texts.items():
        draw = course.own_draw(student, NAME)
        assert own.lines_of(text.encode()) == [draw]
        assert f"{draw[-1]:g}" in text
        assert "BEGIN SOLUTION" not in text
        assert course.secret.decode() not in text
    assert course.own_draw("ada", NAME) != course.own_draw("ben", NAME)


def test_points_and_place_of_a_changed_source_stay():
    notebook = {"cells": own.cells(MINE), "metadata": {}}
    notebook["cells"][3]["metadata"]["nbgrader"]["points"] = 7
    other = own.with_own(notebook, own.drawn(SECRET, "ada", NAME, "activation"))
    assert len(other["cells"]) == 4
    assert Source(other).points == 7
    assert student_edition(other)


def in_blank(notebook, code, **others):
    changes = {"own-answer": code} | {f"own-{name}": text for name, text in others.items()}
    cells = [
        cell | {"source": changes.get(cell["id"], cell["source"])}
        for cell in notebook["cells"]
        if changes.get(cell["id"], "") is not None
    ]
    return json.dumps(notebook | {"cells": cells}).encode()


def by_complex_steps(draw):
    """An answer to any activation by numbers, from its text."""
    latex = re.search(r"f\(z\) = (.*?) \$\$", own.blank_of(draw).text())[1]
    code = own_blanks.python_of(latex).replace("absolute(", "size(")
    return (
        "from numpy import *\nsize = lambda u: sqrt(u * u)\n"
        f"def own_backward(da, z):\n    f = lambda z: {code}\n"
        "    return da * imag(f(z + 1e-30j)) / 1e-30\n"
    )


@needs_linux
@pytest.mark.skipif(bool(NO_SANDBOX), reason=NO_SANDBOX or "-")
@pytest.mark.parametrize(
    ("whose", "changes", "points", "mistake", "found"),
    [
        ("ada", {}, 3, "", {"numeric slope"}),
        ("ada", {"text": None, "draw": None, "check": None}, 3, "", {"mended", "numeric slope"}),
        ("ben", {}, 0, own.ANOTHER, {own.ANOTHER, "another blank"}),
        ("", {}, 0, own.ANOTHER, {own.ANOTHER, "another blank"}),
        ("easy", {}, 0, None, {"another blank"}),
        ("ada", {"check": "print('own_backward: right, in all 12 cases. 3 points.')"}, 3, "",
         {"edited check"}),
        ("ada", {"answer": "from nnfromscratch.exercises import own\n"
                 "own_backward = own.exercise(mine).reference"}, 0, "not defined", set()),
    ],
)  # fmt: skip
def test_an_edited_notebook_gets_nothing_for_it(
    course, tmp_path_factory, whose, changes, points, mistake, found
):
    own_notebooks(course, NAME, ["ada", "ben"])
    everyone = course.own_of_others(NAME)
    draws = everyone | {"easy": ("activation", "leaky", "slow", 1.5, 1.4, 2.0)}
    notebook = own.with_own(course.source(NAME).notebook, draws[whose])
    data = in_blank(student_edition(notebook), by_complex_steps(draws[whose]), **changes)
    folder = tmp_path_factory.mktemp("in")
    (folder / f"{NAME}.ipynb").write_bytes(data)
    home = stripped_package(tmp_path_factory.getbasetemp() / "package")
    mine = course.own_draw("ada", NAME), everyone
    result, _ = cli.grade_file(
        folder / f"{NAME}.ipynb", course.source_file(NAME), home, LIMITS, True, b"s", mine=mine
    )
    (verdict,) = [v for v in result["verdicts"] if v["grade_id"] == "check_own_blank"]
    assert verdict["points"] == points, verdict
    assert mistake is None or verdict["mistake"] == mistake
    assert found <= {kind for kind, _ in result["findings"]}


def test_the_sandbox_has_no_families(tmp_path):
    home = stripped_package(tmp_path)
    assert not [path for path in home.rglob("own*.py") if path.parent.name == "exercises"]
    assert not [*home.rglob(".secret")]


# From a platform's list of the class, and back to it

WORKSHEET = """Identifier,"Full name","Email address",Status,Grade
"Participant 7101","Anna Right",a@x,"No submission",
"Participant 7102","Åse O'Brien-Ng_2",o@x,"No submission",
"Participant 7108","Anna Right",r@x,"No submission",
"""
CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section,Set 2 (4411)
    Points Possible,,,,,16
"Byron-Ng, Ada",123,s1,ada,A,
"O'Brien, Åse",124,s2,ase,B,
"""
FOLDERS = {
    "Anna_Right_7101": "Anna Right_7101_assignsubmission_file_",
    "Åse_OBrien-Ng_2": "Åse OBrien-Ng 2_7102_assignsubmission_file_",
    "Anna_Right_7108": "Anna Right_7108_assignsubmission_file_",
}


def moodle_reads(path):
    """Return the number and the name that Moodle's importziplib.php takes from a path in a zip."""
    parts = path.split("/")
    while parts:
        info = parts.pop(0).split("_", 4)
        if len(info) == 5 and info[1].isdecimal() and info[2:4] == ["assignsubmission", "file"]:
            return info[1], "/".join([info[4], *parts])
    return None


@pytest.mark.parametrize(
    ("text", "due"),
    [
        (WORKSHEET, FOLDERS),
        (WORKSHEET.replace('"Full name"', "Vollständiger Name").replace("Participant ", "Teil/in")
         .replace(",", ";"), FOLDERS),
        (CANVAS, {"byronngada_123": "", "obrienåse_124": ""}),
        ("name;id\nAda;byronada_12\n\nBen;ngben_13\n", {"byronada_12": "", "ngben_13": ""}),
    ],
)  # fmt: skip
def test_a_platforms_list_of_the_class_gives_the_ids_that_collect_makes(
    text, due, course, tmp_path
):
    path = tmp_path / "list.csv"
    path.write_text(text, encoding="utf-8-sig")
    assert gradebooks.students(path) == due
    for student, folder in due.items():  # as the platform names what they hand in
        name = f"{folder}/{NAME}.ipynb" if folder else f"{student}_88_{NAME}.ipynb"
        target = tmp_path / "in" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(course.source(NAME).notebook))
    assert {one.student for one in find(tmp_path / "in", course)} == {*due}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Matrikel,Name\n1,Ada\n", "grading worksheet .*column id; this one has Matrikel, Name"),
        ("Identifier,Status\nParticipant 7,No\n", "not blind"),
        ("Identifier,Full name\nada@x,Ada\n", "must be Moodle's grading worksheet"),
        ("", "has nothing"),
        ("id\n", "must have rows"),
        ("id\nada\nada\n", "each an id of its own"),
        ("id,x\n?,1\n", "each an id of its own"),
    ],
)
def test_what_is_no_list_of_the_class_is_said(text, words, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(text)
    with pytest.raises(CourseError, match=rf"--students: \S+list\.csv .*{words}"):
        gradebooks.students(path)
    with pytest.raises(CourseError, match=r"--students: .* cannot be read"):
        gradebooks.students(tmp_path / "none.csv")


def test_a_name_with_signs_finds_its_row_in_the_gradebook():
    moodle = "First name,Last name,Set 3\nÅse,O'Brien,-\n"
    canvas = CANVAS.replace("Set 2", "Set 3")
    for text, kind, student in (
        (moodle, "moodle", "Åse_OBrien"),
        (canvas, "canvas", "byronngada_123"),
    ):
        row = {"student": student, "set": NAME, "total": 12.5, "flags": ""}
        assert "1 of 1 students" in gradebooks.filled(text, kind, [row], {})[1][0]


def test_moodle_hands_out_what_the_worksheet_asks_for(tmp_path, monkeypatch, capsys):
    pytest.importorskip("nbgrader")
    monkeypatch.setattr(cli, "sandbox_works", lambda: "not asked here")
    course = init(tmp_path / "c", None, own_blanks=True)
    sheet, out = tmp_path / "worksheet.csv", tmp_path / "out.zip"
    sheet.write_text(WORKSHEET, encoding="utf-8")
    here = ("--course", str(course.root))
    arguments = ["course", "release", "03", "--students", str(sheet), "--moodle", str(out), *here]
    assert main(arguments) == 0
    assert "out.zip: 3 files; Moodle: Upload multiple feedback" in capsys.readouterr().out
    with zipfile.ZipFile(out) as archive:
        read = [moodle_reads(name) for name in archive.namelist()]
        assert read == [(number, f"/{NAME}.ipynb") for number in ("7101", "7102", "7108")]
        texts = {name: archive.read(name) for name in archive.namelist()}

    # Handed in again, one after another, each has the draw that was given to them.
    for name, text in texts.items():
        with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
            archive.writestr(name, text)
        assert main(["course", "collect", str(tmp_path / "in.zip"), *here]) == 0
    assert course.submissions(NAME) == sorted(FOLDERS)
    for student in FOLDERS:
        data = course.submission(student, NAME).read_bytes()
        assert own.lines_of(data) == [course.own_draw(student, NAME)]


def test_what_moodle_cannot_hand_out_is_said(course, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "_books", lambda: None)
    for text, sets, words in (
        (WORKSHEET, ["03", "05"], "name one set, as in `release 02 --moodle x.zip`"),
        (WORKSHEET, ["15"], "15_exercises has no blank of each student's own"),
        (CANVAS, ["03"], "numbers in its grading worksheet"),
    ):
        (tmp_path / "list.csv").write_text(text, encoding="utf-8")
        more = ["--students", str(tmp_path / "list.csv"), "--moodle", "x.zip"]
        assert main(["course", "release", *sets, *more, "--course", str(course.root)]) == 1
        assert words in capsys.readouterr().err
    assert main(["course", "release", "03", *more[2:], "--course", str(course.root)]) == 1
    assert "name that with --students" in capsys.readouterr().err
