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
    assert said == ["not in the gradebook: Some_Body", "2 of 3 students, 02_exercises"]


def test_canvas_knows_its_students_by_number():
    rows = [row("byronada_123"), row("delacruzana_124", "03_exercises", 17.0)]
    rows += [row("byronada_123", "03_exercises", 0.0, "not submitted")]
    text, said = filled(CANVAS, "canvas", rows, {})
    after = cells(text)
    assert after[1:3] == cells(CANVAS)[1:3]
    assert after[3][-2:] == ["12.5", ""]
    assert after[4][-2:] == ["", "17"]
    assert said == ["2 of 2 students, 02_exercises, 03_exercises"]


def test_semicolons_stay():
    text = MOODLE.replace('"Øster, jr"', "Øster").replace(",", ";")
    after, _ = filled(text, "moodle", [row("Ada_Byron")], {})
    assert cells(after, ";")[1][4] == "12.5"


@pytest.mark.parametrize(
    ("text", "kind", "columns", "words"),
    [
        (MOODLE, "canvas", {}, "has the columns Student and ID"),
        (CANVAS, "moodle", {}, "has the columns First name and Last name"),
        (MOODLE.replace("Set 2", "Homework"), "moodle", {}, "none of its columns would do"),
        (MOODLE.replace("Course total", "Set 02 late"), "moodle", {}, "say --column"),
        (MOODLE, "moodle", {"02_exercises": "Set 2"}, "no column 'Set 2'"),
        ("", "moodle", {}, "a row of names"),
    ],
)
def test_what_is_not_understood_is_asked(text, kind, columns, words):
    with pytest.raises(CourseError, match=words):
        filled(text, kind, [row("Ada_Byron")], columns)


def test_two_rows_of_one_student_are_asked_about():
    with pytest.raises(CourseError, match="one row of the gradebook, or two"):
        filled(MOODLE + "Ada,Byron,20,b@x,-,-\n", "moodle", [row("Ada_Byron")], {})


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
