"""A platform's own gradebook comes back as it was, with the points of the sets in it."""

import csv
import io

import pytest

from nnfromscratch.course.gradebooks import filled, read
from nnfromscratch.course.layout import CourseError

MOODLE = """First name,Last name,ID number,Email address,"Assignment: Set 2 (Real)",Course total
Ada,Byron,17,ada@x,-,-
Åse,"Øster, jr",18,ase@x,-,-
Never,Here,19,n@x,-,-
"""
CANVAS = """Student,ID,SIS User ID,Section,"02_exercises (4411)","Set 3 (4412)"
,,,,Manual Posting,
    Points Possible,,,,13,17
"Byron, Ada",123,s1,A,,
"de la Cruz, Ana",124,s2,A,,
"""


def row(student, name="02_exercises", total=12.5, flags=""):
    return {"student": student, "set": name, "total": total, "flags": flags}


def cells(text, separator=","):
    return [*csv.reader(io.StringIO(text), delimiter=separator)]


def test_moodles_rows_and_columns_stay_as_they_are():
    rows = [row("Ada_Byron"), row("Åse_Øster_jr", total=3.0)]
    rows += [row("Never_Here", total=0.0, flags="not submitted"), row("Some_Body")]
    text, said = filled(MOODLE, "moodle", rows, {})
    before, after = cells(MOODLE), cells(text)
    assert after[0] == before[0]
    assert [line[4] for line in after[1:]] == ["12.5", "3", "-"]
    assert [line[:4] + line[5:] for line in after] == [line[:4] + line[5:] for line in before]
    column = "02_exercises -> 'Assignment: Set 2 (Real)'"
    assert said == ["not in the gradebook: Some_Body", "2 of 3 students", column]


def test_canvas_knows_its_students_by_number():
    rows = [row("byronada_123"), row("delacruzana_124", "03_exercises", 17.0)]
    rows += [row("byronada_123", "03_exercises", 0.0, "not submitted")]
    text, said = filled(CANVAS, "canvas", rows, {})
    after = cells(text)
    assert after[1:3] == cells(CANVAS)[1:3]
    assert after[3][-2:] == ["12.5", ""]
    assert after[4][-2:] == ["", "17"]
    columns = ["02_exercises -> '02_exercises (4411)'", "03_exercises -> 'Set 3 (4412)'"]
    assert said == ["2 of 2 students", *columns]


def test_semicolons_stay():
    text = MOODLE.replace('"Øster, jr"', "Øster").replace(",", ";")
    after, _ = filled(text, "moodle", [row("Ada_Byron")], {})
    assert cells(after, ";")[1][4] == "12.5"


@pytest.mark.parametrize(
    ("text", "kind", "columns", "words"),
    [
        (MOODLE, "canvas", {}, "has the columns Student and ID"),
        (CANVAS, "moodle", {}, "has the columns First name and Last name"),
        (MOODLE.replace("Set 2", "Homework"), "moodle", {}, "none is called 'Set 2' or '02_exer"),
        (MOODLE.replace("Course total", "Sheet 02"), "moodle", {}, "'Sheet 02' could be; say --"),
        (MOODLE, "moodle", {"02_exercises": "Set 2"}, "0 columns .* are called 'Set 2'"),
        (MOODLE.replace("Course total", "ID number"), "moodle", {"02_exercises": "ID number"},
         "2 columns .* are called 'ID number', and one must be"),
        (MOODLE, "moodle", {"sum": "Assignment: Set 2 (Real)"}, "two of 02_exercises, sum have"),
        ("", "moodle", {}, "a row of names"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_asked(text, kind, columns, words):
    with pytest.raises(CourseError, match=words):
        filled(text, kind, [row("Ada_Byron")], columns)


@pytest.mark.parametrize(
    "title",
    ["Set 2", "02_exercises", "02 exercises (4411)", "Sheet 02", "exercise 2",
     "Aufgabe: Set 2 (Punkte)", "Devoir\xa0: Set 2 (Brut)", "Tarea: Set 2 (Real)",
     " Assignment: Set 2\n(Real) "],
)  # fmt: skip
def test_a_title_may_have_what_the_platform_adds(title):
    text = f'First name,Last name,"{title}"\nAda,Byron,-\n'
    after, said = filled(text, "moodle", [row("Ada_Byron")], {})
    assert cells(after)[1][2] == "12.5"
    assert said[1:] == [f"02_exercises -> {title!r}"]


@pytest.mark.parametrize(
    "title",
    ["Quiz week 2", "Week 2", "Set 2 bonus", "Set 2 (bonus)", "Quiz: Set 2 (Real)", "Set 12",
     "Set 20", "Assignment: Set 2 (Percentage)", "Lesson: Lesson 2"],
)  # fmt: skip
def test_nobodys_other_points_are_written_over(title):
    text = f"First name,Last name,{title},Aufgabe zwei\nAda,Byron,9,\n"
    with pytest.raises(CourseError, match="which column is 02_exercises"):
        filled(text, "moodle", [row("Ada_Byron")], {})


def test_what_is_replaced_is_said():
    names = [f"S{i} X" for i in range(6)]
    values = zip(names, ["-", "", "12,50", "12.5", "9", "absent"], strict=True)
    text = "Vorname;Nachname;Set 2\n" + "".join(f"{n.replace(' ', ';')};{v}\n" for n, v in values)
    _, said = filled(text, "moodle", [row(n.replace(" ", "_")) for n in names], {})
    assert said[-1] == (
        "replaced: S4_X, 02_exercises: 9 by 12.5; S5_X, 02_exercises: absent by 12.5"
    )


def test_a_set_that_nobody_handed_in_needs_no_column():
    rows = [row("Ada_Byron"), row("Ada_Byron", "03_exercises", 0.0, "not submitted")]
    _, said = filled(MOODLE, "moodle", rows, {})
    assert said == ["1 of 1 students", "02_exercises -> 'Assignment: Set 2 (Real)'"]
    rows += [row("Åse_Øster_jr", "03_exercises")]
    with pytest.raises(CourseError, match="which column is 03_exercises"):
        filled(MOODLE, "moodle", rows, {})


COMMAS = "Vorname;Nachname;Set 2;Aufgabe: a, b, c, d (Punkte)\nAda;Byron;-;-\n"
LONG = '"{}"'.format("x\n" * 100_000)


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        (COMMAS.replace("\n", "\r"), ";"),
        (COMMAS.replace("\n", "\r\n"), ";"),
        (COMMAS, ";"),
        ("sep=;\n" + COMMAS, ";"),
        ('"sep=\t"\r\n' + COMMAS.replace(";", "\t"), "\t"),
        ("\n" + COMMAS.replace("Ada", "\n;;\nBob\n\nAda"), ";"),
        (COMMAS.replace("-;-", "-"), ";"),
        (COMMAS.replace("-;-", f"-;{LONG}"), ";"),
    ],
)
def test_what_spreadsheets_make_of_a_file_is_read(text, separator):
    after, said = filled(text, "moodle", [row("Ada_Byron")], {})
    assert cells(after, separator)[-1][:3] == ["Ada", "Byron", "12.5"]
    assert {len(line) for line in cells(after, separator)} == {4}
    assert said[0] == "1 of 1 students"


def test_namesakes_stop_nobody_elses_points():
    rows = [row("Ada_Byron"), row("Ada_Byron_20"), row("Åse_Øster_jr")]
    text, said = filled(MOODLE + "Ada,Byron,20,b@x,-,-\n", "moodle", rows, {})
    assert [line[4] for line in cells(text)[1:]] == ["-", "12.5", "-", "-"]
    assert "enter by hand, as several have that name: Ada_Byron" in said


def test_a_title_can_be_named():
    columns = {"02_exercises": "Course total"}
    text, _ = filled(MOODLE, "moodle", [row("Ada_Byron")], columns)
    assert cells(text)[1][4:] == ["-", "12.5"]


def test_the_sum_can_have_a_column():
    columns = {"02_exercises": "Assignment: Set 2 (Real)", "sum": "Course total"}
    text, _ = filled(MOODLE, "moodle", [row("Ada_Byron"), row("Åse_Øster_jr", total=3.0)], columns)
    assert [line[4:] for line in cells(text)[1:]] == [["12.5"] * 2, ["3"] * 2, ["-"] * 2]


def test_a_file_in_another_encoding_is_read(tmp_path):
    path = tmp_path / "g.csv"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        path.write_bytes(MOODLE.encode(encoding))
        assert read(path) == MOODLE
    with pytest.raises(CourseError, match="cannot be read"):
        read(tmp_path / "none.csv")
