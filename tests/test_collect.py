"""Collecting: whose a file is, which of several counts, and that one bad file stops nobody else."""

import io
import json
import os
import shutil
import struct
import unicodedata
import zipfile
from datetime import datetime
from pathlib import Path

import pytest

from nnfromscratch.__main__ import main
from nnfromscratch.course import collect
from nnfromscratch.course.examine import decoded, examine
from nnfromscratch.course.layout import CourseError, init, safe_id

ROOT = Path(__file__).resolve().parent.parent
BLANK = (ROOT / "notebooks" / "exercises" / "02_exercises.ipynb").read_bytes()
SOLVED = (ROOT / "notebooks" / "solutions" / "02_exercises.ipynb").read_bytes()
NFD = unicodedata.normalize("NFD", "Zoé Müller")
MOODLE = "{}_{}_assignsubmission_file_/{}"
BLACKBOARD = "{}_attempt_2026-03-01-10-00-00_02_exercises.ipynb"
BRIGHTSPACE = "{}-678 - {} - Oct {}, 2026 1159 PM/02_exercises.ipynb"


def notebook(mark="x", name="leaky"):
    cell = {"cell_type": "code", "metadata": {"nbgrader": {"grade_id": name}}}
    source = f"# {mark}\ndef {name}(z, slope): pass"
    return json.dumps({"cells": [cell | {"source": source}]}).encode()


def zipped(path, files, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in dict(files).items():
            archive.writestr(name, data)
    return path


def zip_of(files, compression=zipfile.ZIP_STORED):
    zipped(buffer := io.BytesIO(), files, compression)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    return init(tmp_path_factory.mktemp("course") / "c", None)


@pytest.fixture
def course(empty):
    yield empty
    for folder in ("submitted", "submitted_before", "origins"):
        shutil.rmtree(empty.root / folder, ignore_errors=True)
    (empty.root / "submitted").mkdir()


@pytest.fixture
def run(course, tmp_path, capsys):
    """Collect a zip file or a folder with these files; return what was said."""

    def collected(files, *more):
        path = tmp_path / "all.zip"
        path.write_bytes(files) if isinstance(files, bytes) else zipped(path, files)
        assert main(["course", "collect", str(path), "--course", str(course.root), *more]) == 0
        return capsys.readouterr().out

    return collected


def there(course, name="02_exercises"):
    return {
        student: course.submission(student, name).read_bytes()
        for student in course.submissions(name)
    }


# Whose it is


@pytest.mark.parametrize(
    ("paths", "students"),
    [
        # A platform's folder comes before any folder in it, and before those around it.
        ([MOODLE.format("Zoe M", 5, "Homework/02_exercises.ipynb")], ["Zoe_M"]),
        ([MOODLE.format("Zoe M", 5, "my stuff/a/02_exercises.ipynb")], ["Zoe_M"]),
        (["Downloads/" + MOODLE.format("Zoe M", 5, "Ann_7_assignsubmission_file_/a.ipynb")],
         ["Zoe_M"]),
        ([MOODLE.format("Zoe M", 5, "a/02_exercises.ipynb"),
          MOODLE.format("Bo B", 6, "02_exercises.ipynb")], ["Bo_B", "Zoe_M"]),
        (["autumn/" + MOODLE.format("Zoe", 5, "a.ipynb"),
          "spring/" + MOODLE.format("Bo", 6, "a.ipynb")], ["Bo", "Zoe"]),
        (["set2/byronada_123_456_02_exercises.ipynb"], ["byronada_123"]),
        # By hand, one alone is handled like thirty.
        (["kim/Homework/02_exercises.ipynb"], ["kim"]),
        (["kim/Homework/02_exercises.ipynb", "lee/Homework/02_exercises.ipynb"], ["kim", "lee"]),
        (["kim/nnfromscratch-main/notebooks/exercises/02_exercises.ipynb"], ["kim"]),
        (["kim/kim/02_exercises.ipynb"], ["kim"]),
        (["kim/02_exercises.ipynb", "kim/03_exercises.ipynb"], ["kim", "kim"]),
        (["summer/kim/02_exercises.ipynb", "summer/lee/x/02_exercises.ipynb"], ["kim", "lee"]),
        (["summer/02_exercises (kim).ipynb", "summer/02_exercises (lee).ipynb"], ["kim", "lee"]),
        (["summer/kim/02_exercises.ipynb", "summer/02_exercises (lee).ipynb"], ["kim", "lee"]),
        (["kim/02_exercises_final.ipynb"], ["kim"]),
        (["kim/02_exercises (copy).ipynb"], ["kim"]),
        ([f"kim/02_exercises-Copy{n}.ipynb" for n in (1, 2, 3)], ["kim"] * 3),
        (["kim/02_exercises_final_v2.ipynb", "kim/02_exercises-Copy1-Copy1.ipynb",
          "kim/Copy_of_02_exercises.ipynb"], ["kim"] * 3),
        (["02_exercises_ada.ipynb", "02_exercises_ada (1).ipynb"], ["ada", "ada"]),
        # Ids that look like a set's name, or a version.
        (["hw271/02_exercises.ipynb", "hw2/02_exercises (ab123).ipynb"], ["ab123", "hw271"]),
        (["02_exercises (V00812345).ipynb", "02_exercises_2213.ipynb"], ["2213", "V00812345"]),
        # Sections hold students, and groups of students are no sections.
        (["Section 1/Ada/02_exercises.ipynb", "Section 1/Bob/02_exercises.ipynb",
          "Section 2/Cy/02_exercises.ipynb", "Section 2/02_exercises (Dee).ipynb"],
         ["Ada", "Bob", "Cy", "Dee"]),
        (["all/Group A/Ada/02_exercises.ipynb", "all/Group B/Bob/02_exercises.ipynb"],
         ["Ada", "Bob"]),
        (["Group A/02_exercises.ipynb", "Group B/02_exercises.ipynb"], ["Group_A", "Group_B"]),
        (["kim/a/02_exercises.ipynb", "kim/b/02_exercises.ipynb", "lee/a/02_exercises.ipynb"],
         ["kim", "kim", "lee"]),
        # What lies in a student's folder names nobody else.
        (["eve/ada_1_2_02_exercises.ipynb", "bob/ada_1_3_02_exercises.ipynb"], ["bob", "eve"]),
        ([f"eve/{MOODLE.format('ada', 6, '02_exercises.ipynb')}", "ada/02_exercises.ipynb"],
         ["ada", "eve"]),
        # Canvas: late, anonymous, digits and hyphens in a name.
        (["anon_9Kd2f_8004_02_exercises.ipynb"], ["anon_9Kd2f"]),
        (["LATE_anon_9Kd2f_8004_02_exercises.ipynb"], ["anon_9Kd2f"]),
        (["anon_LATE_12345_8004_02_exercises.ipynb"], ["anon_12345"]),
        (["musterzoe2_LATE_55512_8001_02_exercises.ipynb"], ["musterzoe2_55512"]),
        (["müller-lüdenscheidtzoe_55512_8001_02_exercises.ipynb"],
         ["müller-lüdenscheidtzoe_55512"]),
        # Blackboard: an assignment's name with an underscore; Brightspace; Teams.
        ([BLACKBOARD.format("Set_2_abyron"), BLACKBOARD.format("Problem Set_2_b_lee"),
          BLACKBOARD.format("Week 2_hw12_x")], ["abyron", "b_lee", "hw12_x"]),
        ([BRIGHTSPACE.format(1, "Ada Byron", 5), BRIGHTSPACE.format(1, "Ada Byron", 6),
          BRIGHTSPACE.format(2, "Bo - Lee", 5)], ["Ada_Byron", "Ada_Byron", "Bo_-_Lee"]),
        ([BRIGHTSPACE.format(1, "Ada", 5), BRIGHTSPACE.format(2, "Ada", 5)], ["Ada_1", "Ada_2"]),
        ([f"Submitted files/Ada/Set 2/Version {n}/02_exercises.ipynb" for n in (1, 2)],
         ["Ada", "Ada"]),
    ],
)  # fmt: skip
def test_whose_a_file_is(paths, students, course, tmp_path):
    path = zipped(tmp_path / "all.zip", {name: notebook(name) for name in paths})
    found = collect.find(path, course)
    assert sorted(one.student for one in found) == students
    assert not any(one.problem for one in found)


@pytest.mark.parametrize(("said", "time"), [("1159 PM", (23, 59)), ("105 AM", (1, 5))])
def test_brightspace_says_when_an_attempt_came(said, time, course, tmp_path):
    name = BRIGHTSPACE.format(1, "Ada", 5).replace("1159 PM", said)
    (found,) = collect.find(zipped(tmp_path / "all.zip", {name: notebook()}), course)
    assert datetime.fromtimestamp(found.time) == datetime(2026, 10, 5, *time)


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        (["Homework/02_exercises.ipynb"], "whose it is"),
        (["02_exercises_final.ipynb"], "whose it is"),
        (["nnfromscratch-main/notebooks/exercises/02_exercises.ipynb"], "whose it is"),
        (["kim/my stuff/02_exercises.ipynb"], "could be of kim or my stuff"),
        (["summer/02_exercises (kim).ipynb"], "could be of summer or kim"),
        ([f"kim/02_exercises_{day}.ipynb" for day in ("monday", "tuesday", "sunday")],
         "could be of kim or monday: if kim is no student, collect it by itself; if it is one, "
         "put the file there as 02_exercises.ipynb"),
        (["Mon 9/Ada/02_exercises.ipynb", "Mon 9/Bo/02_exercises.ipynb",
          "Tue 9/Cy/02_exercises.ipynb", "Tue 9/Di/02_exercises.ipynb"], "of Mon 9 or Ada"),
        (["Section 1/Ada/02_exercises.ipynb", "bob/02_exercises.ipynb"], "of Section 1 or Ada"),
        (["Section 1/Ada/02_exercises.ipynb", "Section 2/Ada/02_exercises.ipynb"],
         "Ada is in Section 1 and in Section 2: put what is one student's in one of them"),
        (["02_exercises-Copy1.ipynb"], "whose it is"),
        (["Copy_of_02_exercises.ipynb"], "whose it is"),
        (["eve/ada_1_assignsubmission_file_/02_exercises.ipynb",
          "eve/bob_2_assignsubmission_file_/02_exercises.ipynb", "lee/02_exercises.ipynb"],
         "collect it by itself"),
    ],
)  # fmt: skip
def test_whose_it_is_is_asked_where_it_cannot_be_seen(paths, words, course, tmp_path):
    path = zipped(tmp_path / "all.zip", {name: notebook(name) for name in paths})
    first = collect.find(path, course)[0]
    assert words in first.problem


IN_A_ZIP = [
    ("zoe/work.zip", "ada/02_exercises.ipynb"),
    ("zoe.zip", "ada/02_exercises.ipynb"),
    ("zoe.zip", "02_exercises (ada).ipynb"),
    ("zoe/work.zip", MOODLE.format("ada", 5, "02_exercises.ipynb")),
    (MOODLE.format("zoe", 7, "work.zip"), "ada/02_exercises.ipynb"),
    ("zoe_1_2_work.zip", "ada_3_5_02_exercises.ipynb"),
]


@pytest.mark.parametrize(("outer", "inner"), IN_A_ZIP)
@pytest.mark.parametrize("beside", [[], ["bob/02_exercises.ipynb"]])
def test_what_lies_in_a_students_zip_names_nobody_else(outer, inner, beside, course, run):
    run({"ada/02_exercises.ipynb": notebook("ada's own"), "x/02_exercises.ipynb": notebook()})
    run({outer: zip_of({inner: notebook("forged")})} | {name: notebook() for name in beside})
    assert there(course)["ada"] == notebook("ada's own")
    assert notebook("forged") in there(course).values()


def test_a_students_folder_in_anothers_is_asked_about(course, run):
    run({"ada/02_exercises.ipynb": notebook("1"), "x/02_exercises.ipynb": notebook()})
    said = run({"zoe/ada/02_exercises.ipynb": notebook("2"), "x/02_exercises.ipynb": notebook()})
    assert "it could be of zoe or ada" in said
    assert there(course)["ada"] == notebook("1")


@pytest.mark.parametrize("name", ["submissions.zip", "class of 2026.zip", "Downloads/week 2.zip"])
def test_a_download_in_the_download_is_opened(name, course, run):
    run({name: zip_of({f"{who}/02_exercises.ipynb": notebook(who) for who in ("ada", "zoe")})})
    assert there(course) == {"ada": notebook("ada"), "zoe": notebook("zoe")}


def test_a_zip_of_a_platform_in_a_folder_of_no_name_is_asked_about(course, run):
    people = {MOODLE.format(who, 5, "a.ipynb"): notebook(who) for who in ("ada", "zoe")}
    said = run({"from moodle.zip": zip_of(people), "bob/02_exercises.ipynb": notebook()})
    assert "collect it by itself" in said
    assert list(there(course)) == ["bob"]


def test_one_late_student_after_another_replaces_nobody(course, run):
    for number, name in enumerate(("Zoe Muster", "Bo Beispiel")):
        run({MOODLE.format(name, number, "Homework/02_exercises.ipynb"): notebook(name)})
    assert there(course) == {
        "Zoe_Muster": notebook("Zoe Muster"),
        "Bo_Beispiel": notebook("Bo Beispiel"),
    }


def test_who_is_known_is_recognized_in_a_folder_alone(course, run):
    run({"kim/02_exercises.ipynb": notebook("1"), "lee/02_exercises.ipynb": notebook("2")})
    run({"second round/kim/02_exercises.ipynb": notebook("3")})
    run({"lee/second round/02_exercises.ipynb": notebook("4")})
    assert there(course) == {"kim": notebook("3"), "lee": notebook("4")}


@pytest.mark.parametrize("number", ["8004", "9115"])
def test_an_anonymous_student_stays_the_same(number, course, run):
    run({"anon_9Kd2f_7000_02_exercises.ipynb": notebook("before")})
    run({f"anon_9Kd2f_{number}_02_exercises.ipynb": notebook(number)})
    assert there(course) == {"anon_9Kd2f": notebook(number)}


@pytest.mark.parametrize("flag", [True, False])
def test_however_an_accent_is_written_it_is_one_person(flag, course, run):
    """Composed, as two signs, and in UTF-8 that the zip file does not say is UTF-8."""
    run({"Zoé Müller/02_exercises.ipynb": notebook("1"), "b/02_exercises.ipynb": notebook()})
    files = {f"{NFD}/02_exercises.ipynb": notebook("2"), "b/02_exercises.ipynb": notebook()}
    data = zip_of(files)
    if not flag:
        data = bytearray(data)
        for header, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
            start = data.index(header)
            struct.pack_into("<H", data, start + place, 0)
    run(bytes(data))
    assert there(course) == {"Zoé_Müller": notebook("2"), "b": notebook()}
    said = run({f"{name}/02_exercises.ipynb": notebook("3") for name in ("Zoé Müller", NFD)})
    assert sorted(there(course)) == ["Zoé_Müller", "b"]
    assert "02_exercises: 1 older" in said


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        (NFD, "Zoé_Müller"),
        ("अनिता शर्मा", "अनिता_शर्मा"),
        ("สมหญิง ใจดี", "สมหญิง_ใจดี"),
        ("مُحَمَّد", "مُحَمَّد"),
        ("a\ud800b\n\x1b[31mc", "a_b_31mc"),
    ],
)
def test_signs_that_belong_to_a_letter_stay(name, safe):
    assert safe_id(name) == unicodedata.normalize("NFC", safe)


def test_long_names_are_cut_and_stay_apart(course, run):
    names = ["A" * 90 + "1", "A" * 90 + "2", "\U00020000" * 70]
    for name in names:
        run({f"{name}/02_exercises.ipynb": notebook(name[-3:]), "b/02_exercises.ipynb": b"{}"})
    found = there(course)
    assert len(found) == 4
    assert all(len(name) <= 80 and len(name.encode()) <= 160 for name in found)


# Which of several counts


@pytest.mark.parametrize("folder", ["notebooks/solutions", "Solutions"])
@pytest.mark.parametrize("other", [SOLVED, notebook("stripped of its marks")])
def test_our_solution_never_wins(folder, other, course, run):
    own = BLANK.replace(b"raise NotImplementedError", b"return 1")
    files = {}
    for number, name in enumerate(("Ann", "Bo")):
        top = MOODLE.format(name, number, "nnfromscratch-main/")
        files[f"{top}notebooks/exercises/02_exercises.ipynb"] = own
        files[f"{top}{folder}/02_exercises.ipynb"] = other
    said = run(files)
    assert there(course) == {"Ann": own, "Bo": own}
    assert said.count("is taken of 2 in one upload, not") == 2
    assert said.count(f"{folder}/02_exercises.ipynb") == 2


def test_a_solution_with_its_marks_never_wins_wherever_it_lies(course, run):
    files = {"kim/a.ipynb": BLANK, "kim/z.ipynb": SOLVED, "lee/z.ipynb": SOLVED}
    said = run(files)
    assert there(course) == {"kim": BLANK, "lee": SOLVED}  # the grader says what the second is
    assert "look at kim/a.ipynb: this one is taken of 2 in one upload, not kim/z.ipynb" in said


@pytest.mark.parametrize("answered", ["a", "z"])
def test_answers_win_over_none(answered, course, run):
    own = BLANK.replace(b"raise NotImplementedError", b"return 1")
    files = {f"kim/{name}.ipynb": own if name == answered else BLANK for name in "az"}
    run(files | {"lee/a.ipynb": BLANK})
    assert there(course) == {"kim": own, "lee": BLANK}


def test_jupyters_own_copy_counts_where_the_notebook_has_nothing(course, run):
    old, own = notebook("old"), BLANK.replace(b"raise NotImplementedError", b"return 1")
    copy = ".ipynb_checkpoints/02_exercises-checkpoint.ipynb"
    files = {f"{name}/{copy}": old for name in ("ann", "bo", "cy", "__MACOSX/di")}
    files |= {"bo/02_exercises.ipynb": own, "cy/02_exercises.ipynb": BLANK}
    said = run(files | {MOODLE.format("Eve Ng", 7, "hw.zip"): zip_of({copy: old})})
    assert there(course) == {"ann": old, "bo": own, "cy": old, "Eve_Ng": old}
    assert f"ann/{copy}: this is Jupyter's own copy: the notebook itself is not there" in said
    assert f"cy/{copy}: this is Jupyter's own copy: the notebook itself has no answers" in said
    assert "bo/" not in said
    assert "02_exercises: 1 older" in said  # cy's notebook, and no copy


def test_a_name_that_begins_with_its_own_folder_is_a_name(course, run):
    inner = {"./02_exercises.ipynb": notebook("Bo")}
    run(
        {
            "./Ada//02_exercises.ipynb": notebook("Ada"),
            MOODLE.format("Bo", 7, "hw.zip"): zip_of(inner),
        }
    )
    assert there(course) == {"Ada": notebook("Ada"), "Bo": notebook("Bo")}


@pytest.mark.parametrize("name", [".02_exercises.ipynb", ".work/02_exercises.ipynb", ".hw.zip"])
def test_a_hidden_notebook_is_said(name, course, run):
    said = run({f"ada/{name}": notebook(), "bo/02_exercises.ipynb": notebook(),
                "bo/._02_exercises.ipynb": b"", "bo/.vscode/settings.json": b"",
                "bo/.ipynb_checkpoints/a/b.ipynb": b""})  # fmt: skip
    assert f"not understood: ada/{name}: it is hidden: if it is meant, take the dot off" in said
    assert "1 files not understood" in said
    assert [*there(course)] == ["bo"]


def test_a_folder_that_cannot_be_read_is_said(course, tmp_path, monkeypatch):
    def scan(path):
        if Path(path).name == "ada":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    for name in ("ada", "bo"):
        (tmp_path / "all" / name).mkdir(parents=True)
        (tmp_path / "all" / name / "02_exercises.ipynb").write_bytes(notebook())
    (tmp_path / "all" / "cy").symlink_to(tmp_path / "all" / "bo")
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", scan)
    found = {one.path: one.problem for one in collect.find(tmp_path / "all", course)}
    assert found == {
        "ada": "it cannot be opened: Permission denied",
        "bo/02_exercises.ipynb": "",
        "cy": "it is a link",
    }


def test_where_there_is_nothing_it_is_said(course, run, tmp_path):
    for files in ({}, {"ada/.DS_Store": b""}):
        with pytest.raises(CourseError, match=r"collect: no notebook was found in .*all\.zip"):
            collect.collect(zipped(tmp_path / "all.zip", files), course)
    said = run({"ada/hw.zip": zip_of({}), "bo/02_exercises.ipynb": notebook()})
    assert "not understood: ada/hw: no notebook was found in it" in said


@pytest.mark.parametrize("name", ["hw.7z", "hw.rar", "hw.tar.gz", "02_exercises.ipynb.gz"])
def test_an_archive_that_is_no_zip_is_said(name, course, run):
    said = run({f"kim/{name}": b"7z", "lee/02_exercises.ipynb": notebook()})
    assert f"kim/{name}: it is an archive, and no zip: unpack it" in said
    assert [*there(course)] == ["lee"]


def test_with_a_set_named_only_its_notebook_counts(course, run):
    third = (ROOT / "notebooks" / "exercises" / "03_exercises.ipynb").read_bytes()
    files = {
        "kim/exercises/02_exercises.ipynb": notebook(),
        "kim/exercises/03_exercises.ipynb": third,
    }
    lesson = {"kim/04_checking_gradients.ipynb": b'{"cells": []}', "lee/work.ipynb": notebook()}
    run(files | lesson, "--set", "02")
    assert there(course) == {"kim": notebook(), "lee": notebook()}


@pytest.mark.parametrize("later", [BLANK, SOLVED])
def test_answers_are_not_replaced_by_none(later, course, run):
    run({"kim/02_exercises.ipynb": notebook(), "lee/02_exercises.ipynb": BLANK})
    said = run({"kim/02_exercises.ipynb": later, "lee/02_exercises.ipynb": notebook()})
    assert there(course) == {"kim": notebook(), "lee": notebook()}
    assert "kim has handed in answers to 02_exercises before" in said
    assert "02_exercises: 1 kept out" in said


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("Solution/02_exercises.ipynb", notebook("last")),
        ("solutions.zip", zip_of({"02_exercises.ipynb": notebook("last")})),
    ],
)
def test_what_a_folder_is_called_counts_in_one_upload_alone(name, data, course, run):
    run({MOODLE.format("Ada", 7, "02_exercises.ipynb"): notebook("first")})
    run({MOODLE.format("Ada", 7, name): data})
    assert there(course) == {"Ada": notebook("last")}


def test_a_later_attempt_counts_whatever_its_folder_is_called(course, run):
    last = zip_of({"Solution/02_exercises.ipynb": notebook("last")})
    run({"ada_1_10_02_exercises.ipynb": notebook("first"), "ada_1_11_hw.zip": last})
    assert there(course) == {"ada_1": notebook("last")}


def cells_of(data, change):
    """Return a notebook with each of its cells' texts changed."""
    book = json.loads(data)
    for cell in book["cells"]:
        cell["source"] = change(cell, "".join(cell["source"]))
    return book


def stub_below(cell, text):
    return text.replace("raise Not", "return z\n    raise Not")


def stub_above(cell, text):
    return text.replace("YOUR ANSWER HERE", "*YOUR ANSWER HERE*\n\nIt should be ln 10.")


def further(source):
    """Return the blank set with another cell of code."""
    book = json.loads(BLANK)
    book["cells"].append({"cell_type": "code", "metadata": {}, "source": source})
    return json.dumps(book).encode()


@pytest.mark.parametrize(
    "last",
    [
        *(json.dumps(cells_of(BLANK, change)).encode() for change in (stub_below, stub_above)),
        further("def leaky(z, slope):\n    return z"),
    ],
    ids=["stub below", "stub above", "in a new cell"],
)
def test_answers_beside_what_was_left_to_fill_in_are_answers(last, course, run):
    run({"kim/02_exercises.ipynb": notebook()})
    run({"kim/02_exercises.ipynb": last})
    assert there(course) == {"kim": last}


def asked_for_a_hint(cell, text):
    return text.replace("# hint(leaky, 1)", "hint(leaky, 2)")


@pytest.mark.parametrize(
    "last",
    [
        json.dumps(cells_of(BLANK, asked_for_a_hint)).encode(),
        further("\n"),
        further("mine = ('layer', 0.5)"),
    ],
    ids=["a hint", "an empty cell", "another draw"],
)
def test_what_is_no_answer_is_none(last, course, run):
    run({"kim/02_exercises.ipynb": notebook()})
    assert "02_exercises: 1 kept out" in run({"kim/02_exercises.ipynb": last})


def test_a_file_that_was_repaired_stays_until_another_is_handed_in(course, run):
    name, damaged = MOODLE.format("Ada", 7, "02_exercises.ipynb"), notebook()[:-5]
    run({name: damaged})
    course.submission("Ada", "02_exercises").write_bytes(notebook("repaired"))
    said = run({name: damaged, MOODLE.format("Bo", 8, "02_exercises.ipynb"): notebook()})
    assert "02_exercises: 1 same" in said
    assert there(course) == {"Ada": notebook("repaired"), "Bo": notebook()}
    run({name: notebook("another")})
    assert there(course)["Ada"] == notebook("another")
    (before,) = (course.root / "submitted_before" / "Ada" / "02_exercises").iterdir()
    assert before.read_bytes() == notebook("repaired")


def test_what_could_not_be_stored_is_stored_the_next_time(course, run, monkeypatch):
    def fails(path):
        raise OSError(28, "No space left on device")

    run({"kim/02_exercises.ipynb": notebook("1")})
    with monkeypatch.context() as full:
        full.setattr(collect, "replacing", fails)
        assert "cannot be stored" in run({"kim/02_exercises.ipynb": notebook("2")})
    run({"kim/02_exercises.ipynb": notebook("2")})
    assert there(course) == {"kim": notebook("2")}


def test_no_earlier_submission_takes_anothers_place(course, run):
    folder = course.root / "submitted_before" / "kim" / "02_exercises"
    for mark in "abc":
        run({"kim/02_exercises.ipynb": notebook(mark)})
    (folder / "1_02_exercises.ipynb").unlink()
    run({"kim/02_exercises.ipynb": notebook("d")})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "2_02_exercises.ipynb": notebook("b"),
        "3_02_exercises.ipynb": notebook("c"),
    }


def test_the_same_file_twice_is_not_worth_a_word(course, run):
    said = run({"kim/02_exercises.ipynb": notebook(), "kim/copy/02_exercises.ipynb": notebook(),
                "lee/02_exercises.ipynb": notebook()})  # fmt: skip
    assert "look at" not in said


# One bad file stops nobody else


def with_date(data, name, date, time=0):
    """Return a zip file with another date for one entry, in both its headers."""
    data = bytearray(data)
    for header, place, length in ((b"PK\3\4", 10, 30), (b"PK\1\2", 12, 46)):
        start = data.index(header)
        while bytes(data[start + length : start + length + len(name)]) != name.encode():
            start = data.index(header, start + 4)
        struct.pack_into("<HH", data, start + place, time, date)
    return bytes(data)


@pytest.mark.parametrize(("date", "time"), [(0, 0), (0xFFFF, 0xFFFF), (33, 0xFFFF)])
def test_a_date_that_is_none_stops_nobody(date, time, course, run):
    names = [f"{name}/02_exercises.ipynb" for name in ("anna", "bert", "carl")]
    data = zip_of({name: notebook(name) for name in names})
    run(with_date(data, names[1], date, time))
    assert list(there(course)) == ["anna", "bert", "carl"]


def damaged(compression, at):
    name = "bert/02_exercises.ipynb"
    data = bytearray(
        zip_of({"anna/02_exercises.ipynb": notebook(), name: notebook() * 50,
                "carl/02_exercises.ipynb": notebook()}, compression)
    )  # fmt: skip
    start = data.index(name.encode()) + len(name) + at
    data[start : start + 8] = b"\xff" * 8
    return bytes(data)


def encrypted():
    files = {f"{name}/02_exercises.ipynb": notebook() for name in ("anna", "bert", "carl")}
    data = bytearray(zip_of(files))
    place = data.index(b"PK\1\2", data.index(b"PK\1\2") + 4)
    data[place + 8] |= 1
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        *(damaged(kind, 9) for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED,
                                        zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)),
        damaged(zipfile.ZIP_LZMA, 0),
        encrypted(),
    ],
    ids=["stored", "deflated", "bzip2", "lzma", "lzma's head", "encrypted"],
)  # fmt: skip
def test_a_damaged_entry_stops_nobody(data, course, run):
    said = run(data)
    assert list(there(course)) == ["anna", "carl"]
    assert "not understood: bert/02_exercises.ipynb: it cannot be opened" in said


@pytest.mark.parametrize(
    "data", [b"", b"PK", zip_of({"a.ipynb": b"{}"})[:-5], b"PK\5\6" + b"\xff" * 18]
)
def test_a_damaged_zip_in_the_zip_stops_nobody(data, course, run):
    said = run({"anna/a.zip": data, "bert/02_exercises.ipynb": notebook()})
    assert list(there(course)) == ["bert"]
    assert "anna/a: it cannot be opened" in said


def test_a_damaged_download_is_an_error(course, tmp_path, capsys):
    data = bytearray(zip_of({"kim/02_exercises.ipynb": notebook()}))
    data[data.index(b"PK\1\2")] = 0
    (tmp_path / "all.zip").write_bytes(data)
    with pytest.raises(CourseError, match="damaged"):
        list(collect.items(tmp_path / "all.zip"))


def test_a_download_that_was_cut_off_is_an_error(course, tmp_path):
    (tmp_path / "all.zip").write_bytes(zip_of({"kim/02_exercises.ipynb": notebook()})[:-40])
    with pytest.raises(CourseError, match=r"all\.zip is not complete: its end is missing; get it"):
        list(collect.items(tmp_path / "all.zip"))


def nested(depth, files):
    for _ in range(depth):
        files = {"in.zip": zip_of(files)}
    return files


def test_zips_in_zips_are_opened_twice_and_no_more(course, run):
    two = nested(2, {"02_exercises.ipynb": notebook()})["in.zip"]
    four = nested(4, {"02_exercises.ipynb": notebook()})["in.zip"]
    said = run({"anna/in.zip": two, "bert/in.zip": four, "carl/02_exercises.ipynb": notebook()})
    assert list(there(course)) == ["anna", "carl"]
    assert "it is in a zip in a zip in a zip" in said


def test_a_zip_bomb_is_not_blown_up(course, run, monkeypatch):
    """Neither one large file, nor many, nor many in a zip; who has much to show is not one."""
    monkeypatch.setattr(collect, "HEAVY", 1 << 20)
    monkeypatch.setattr(collect, "LARGEST", 8 << 20)
    large = {f"{i}_02_exercises.ipynb": bytes(3 << 20) for i in range(4)}
    honest = notebook() + os.urandom(2 << 20)
    many = {f"{i}_02_exercises.ipynb": os.urandom(450_000).hex().encode() for i in range(12)}
    files = {
        "anna/02_exercises.ipynb": honest,
        "bert/a.zip": zip_of(large, zipfile.ZIP_DEFLATED),
        "carl/b.zip": zip_of(many, zipfile.ZIP_DEFLATED),
        "dora/02_exercises.ipynb": notebook(),
    }
    said = run(files)
    assert list(there(course)) == ["anna", "carl", "dora"]
    assert said.count("it would grow from 2 KB to 3 MB") == 4
    assert "carl/b: the rest of it is too much to read" in said


def test_many_files_of_one_student_hide_no_other(course, run, monkeypatch):
    monkeypatch.setattr(collect, "MOST_FILES", 5)
    pictures = {f"anna/{i}.png": b"" for i in range(9)}
    run(pictures | {"bert/02_exercises.ipynb": notebook(), "carl/02_exercises.ipynb": notebook()})
    assert list(there(course)) == ["bert", "carl"]


def test_what_cannot_be_stored_is_said(course, run, monkeypatch):
    def fails(one, data, course):
        if one.student == "anna":
            raise OSError(28, "No space left on device")
        take(one, data, course)

    take = collect._take
    monkeypatch.setattr(collect, "_take", fails)
    said = run({f"{name}/02_exercises.ipynb": notebook() for name in ("anna", "bert")})
    assert list(there(course)) == ["bert"]
    assert "it cannot be stored: No space left on device" in said


def test_names_in_another_encoding_stay_apart(course, tmp_path):
    for name in (b"Z\xfcge", b"Z\xffge"):
        folder = tmp_path / "folder" / os.fsdecode(name)
        try:
            folder.mkdir(parents=True)
        except OSError:
            pytest.skip("no such names here")
        (folder / "02_exercises.ipynb").write_bytes(notebook())
    found = collect.find(tmp_path / "folder", course)
    assert len({one.student for one in found}) == 2
    assert not any(one.problem for one in found)


def test_names_that_a_terminal_would_obey_are_shown_plainly(course, run, tmp_path):
    said = run({"a\x1b[2J/b\x07/02_exercises.ipynb": notebook()})
    assert "it could be of a?[2J or b?" in said
    said = run({"kim/\x1b[2J\x07.pdf": b"", "kim/02_exercises.ipynb": notebook()})
    assert "\x1b" not in said
    folder = tmp_path / "folder" / os.fsdecode(b"caf\xe9")
    try:
        folder.mkdir(parents=True)
    except OSError:
        pytest.skip("no such names here")
    (folder / "notes.txt").write_bytes(b"")
    (found,) = collect.find(tmp_path / "folder", course)
    assert found.path.encode() == b"caf?/notes.txt"


# What a file is written in


TEXT = json.dumps(
    {"cells": [{"cell_type": "markdown", "source": "Zoé says: größer, so it is", "metadata": {}},
               {"cell_type": "code", "source": "def leaky(z, slope): pass",
                "metadata": {"nbgrader": {"grade_id": "leaky"}}}]}, ensure_ascii=False,
)  # fmt: skip


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1",
     "mac-roman", "cp437"],
)  # fmt: skip
def test_a_notebook_is_read_in_any_encoding(encoding, even, course, tmp_path):
    data = TEXT.encode(encoding)
    data += " ".encode(
        encoding.removesuffix("-sig") + "-le" * (encoding in ("utf-16", "utf-32"))
    ) * (len(data) % 2 == even)
    assert json.loads(decoded(data)[0])["cells"][1]["source"] == "def leaky(z, slope): pass"
    examined = examine(data, course.source("02_exercises"))
    assert "unreadable" not in {kind for kind, _ in examined.findings}
    assert ("not in UTF-8" in str(examined.findings)) != encoding.startswith("utf-8")
    path = zipped(tmp_path / "all.zip", {"kim/work.ipynb": data})
    (found,) = collect.find(path, course)
    assert (found.set, found.problem) == ("02_exercises", "")


def test_a_folder_that_is_a_link_is_written_through_by_nobody(course, run, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (course.root / "submitted" / "ada").symlink_to(tmp_path / "elsewhere")
    assert "submitted/ada is a link: put the folder there" in run({"ada/02_exercises.ipynb": BLANK})
    assert not list((tmp_path / "elsewhere").iterdir())


def test_an_accent_may_be_typed_in_two_ways(course):
    name = "U\u0308bung_1"
    path = course.root / "source" / name / f"{name}.ipynb"
    path.parent.mkdir()
    shutil.copy(course.source_file("02_exercises"), path)
    try:
        for file in (name, "\u00dcbung_1"):
            (course.root / "in").mkdir()
            (course.root / "in" / f"{file} (ada).ipynb").write_bytes(notebook(file))
            (found,) = collect.find(course.root / "in", course)
            assert (found.student, found.set) == ("ada", name)
            shutil.rmtree(course.root / "in")
    finally:
        shutil.rmtree(path.parent)


def test_a_set_that_is_no_notebook_stops_no_other(course, run):
    path = course.root / "source" / "week_9" / "week_9.ipynb"
    path.parent.mkdir()
    path.write_text("[]")
    try:
        assert "02_exercises: 1 new" in run({"ada/02_exercises.ipynb": BLANK})
    finally:
        shutil.rmtree(path.parent)
