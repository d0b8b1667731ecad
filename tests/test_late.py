"""When a submission came is kept as the platform says it, and costs what the course says."""

import os
import zipfile
from datetime import datetime

import pytest

from nnfromscratch.course import late
from nnfromscratch.course.layout import CourseError
from tests import test_collect
from tests.test_collect import BLANK, MOODLE, notebook, zip_of

course, empty, run = test_collect.course, test_collect.empty, test_collect.run
SET = "02_exercises"
NINE = datetime(2026, 10, 5, 9)


def timed(path, files):
    """Write a zip file with a time for each file in it; return the path."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, (time, data) in files.items():
            archive.writestr(zipfile.ZipInfo(name, time.timetuple()[:6]), data)
    return path


@pytest.fixture
def policy(course):
    """Write `late.toml`; return what is read of it."""

    def written(text):
        (course.root / late.FILE).write_text(text, encoding="utf-8")
        return late.policy(course)

    yield written
    (course.root / late.FILE).unlink(missing_ok=True)


DUE = "percent_a_day = 10\nlast_day = 3\n[due]\n02 = 2026-10-05T09:00:00\n"


@pytest.mark.parametrize(
    ("name", "day", "days"),
    [
        (MOODLE.format("Ada", 7, "02_exercises.ipynb"), 5, 0),
        (MOODLE.format("Ada", 7, "02_exercises.ipynb"), 6, 1),
        ("ada_12_34_02_exercises.ipynb", 7, 2),
        ("ada_LATE_12_34_02_exercises.ipynb", 5, 1),
        ("LATE_anon_4dX_34_02_exercises.ipynb", 8, 3),
        ("x_ada_attempt_2026-10-09-08-59-59_02_exercises.ipynb", 1, 4),
    ],
)
def test_the_platforms_time_counts(name, day, days, course, run, policy, tmp_path):
    data = timed(tmp_path / "t.zip", {name: (NINE.replace(day=day), notebook())}).read_bytes()
    run(data)
    (student,) = course.submissions(SET)
    assert late.days_late(course, policy(DUE), student, SET) == days
    assert late.days_late(course, late.Policy(), student, SET) == int("LATE" in name)


def test_a_students_own_zip_is_as_late_as_it_came_whatever_lies_in_it(
    course,
    run,
    policy,
    tmp_path,
):
    early = timed(tmp_path / "inner.zip", {f"{SET}.ipynb": (NINE.replace(day=1), notebook())})
    name = MOODLE.format("Ada", 7, "mine.zip")
    outer = timed(tmp_path / "outer.zip", {name: (NINE.replace(day=7), early.read_bytes())})
    run(outer.read_bytes())
    assert late.days_late(course, policy(DUE), "Ada", SET) == 2


def test_a_download_in_a_folder_is_not_the_students_zip(course, run, policy, tmp_path):
    files = {
        MOODLE.format(who, 7 + len(who), f"{SET}.ipynb"): (NINE, notebook(who))
        for who in ("Ada", "Grace")
    }
    download = timed(tmp_path / "download.zip", files).read_bytes()
    run(timed(tmp_path / "t.zip", {"Downloads/submissions.zip": (NINE.replace(day=9), download)})
        .read_bytes())  # fmt: skip
    assert [late.days_late(course, policy(DUE), s, SET) for s in ("Ada", "Grace")] == [0, 0]


def test_what_came_once_and_was_collected_again_came_when_it_came_first(
    course,
    run,
    policy,
    tmp_path,
):
    rules = policy(DUE)
    for day, mark, days in ((5, "x", 0), (7, "x", 0), (8, "y", 3)):
        name = MOODLE.format("Ada", 7, f"{SET}.ipynb")
        file = timed(tmp_path / "t.zip", {name: (NINE.replace(day=day), notebook(mark))})
        run(file.read_bytes())
        assert late.days_late(course, rules, "Ada", SET) == days
    assert late.origin(course, "Ada", SET)["folder"] == "Ada_7_assignsubmission_file_"


def test_a_date_that_is_none_makes_nobody_late(course, run, policy):
    run(zip_of({MOODLE.format("Ada", 7, f"{SET}.ipynb"): BLANK}))
    file = course.root / late.ORIGINS / SET / "Ada.json"
    for text in ("", "[]", "{", '{"number": "7"}'):
        file.write_text(text)
        assert late.days_late(course, policy(DUE), "Ada", SET) == 0


def test_the_exchanges_time_counts(course, policy):
    path = course.file("submitted", "ada", SET)
    path.parent.mkdir(parents=True)
    path.write_bytes(notebook())
    (path.parent / "timestamp.txt").write_text("2026-10-06 10:00:00.123456 UTC\n")
    assert late.days_late(course, policy(DUE), "ada", SET) == 2
    (path.parent / ".origin.json").write_text('{"time": "2026-10-01T00:00:00"}')  # by the learner
    assert late.days_late(course, policy(DUE), "ada", SET) == 2


def test_who_knows_better_is_believed(course, policy):
    rules = policy(DUE + "[days.02]\nAda = 2\n")
    assert late.days_late(course, rules, "Ada", SET) == 2
    assert late.days_late(course, rules, "Bob", SET) == 0


def test_a_penalty_is_of_the_maximum_and_never_more_than_there_is(policy):
    rules = policy(DUE)
    assert [rules.penalty(days, 8.0, 20.0) for days in range(5)] == [0, 2, 4, 6, 8]
    assert rules.penalty(3, 1.0, 20.0) == 1.0
    assert late.Policy().penalty(9, 8.0, 20.0) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("percent = 10", "there is no 'percent'; it may have percent_a_day"),
        ("percent_a_day = -1", "percent_a_day must be 0 or a positive number, got -1"),
        ("percent_a_day = nan", "percent_a_day must be 0 or a positive number"),
        ("last_day = true", "last_day must be"),
        ("due = 3", r"\[due\] must be a table"),
        ("[due]\n77 = 2026-10-05T09:00:00", "there is no set '77'"),
        ("[due]\n02 = 2026-10-05", "must be a time like 2026-10-05T23:59:00"),
        ("[due]\n02 = 2026-10-05T09:00:00Z", "without a zone"),
        ('[due]\n02 = "tomorrow"', "without quotes"),
        ("[days]\n02 = 3", r"\[days.02_exercises\] must hold lines like Ada_Byron = 0"),
        ("[days.02]\nAda = -1", r"\[days.02_exercises\] must hold"),
        (DUE + "2 = 2026-11-05T09:00:00", r"\[due\] has two entries for 02_exercises; take"),
        ("[days.2]\nAda = 0\n[days.02]\nBob = 0", r"\[days\] has two entries for 02_exercises"),
        ("due = ", "cannot be read"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(text, words, policy):
    with pytest.raises(CourseError, match=words):
        policy(text)


def test_days_that_are_given_to_nobody_are_named(policy):
    rules = policy('[days.02]\nada = 0\nADA = 0\n"bob " = 1\nSomebody_Else = 2\n')
    assert late.strangers(rules, {"ada", "bob"}) == [
        "late.toml: [days.02_exercises] 'ADA' is no student's id; do you mean ada?",
        "late.toml: [days.02_exercises] 'bob ' is no student's id; do you mean bob?",
        "late.toml: [days.02_exercises] 'Somebody_Else' is no student's id",
    ]
    assert late.strangers(late.Policy(), ()) == []


def test_settings_are_read_as_windows_saves_them(course, policy):
    assert policy("\ufeffpercent_a_day = 10").percent_a_day == 10
    path = course.root / "grading.toml"
    path.write_text("\ufeffpartial_credit = true\n", encoding="utf-8")
    try:
        assert course.partial_credit
    finally:
        path.unlink()


def test_a_folders_times_are_those_of_the_files(course, policy, tmp_path):
    from nnfromscratch.course.collect import collect

    path = tmp_path / "in" / "ada" / f"{SET}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_bytes(notebook())
    os.utime(path, (NINE.replace(day=6).timestamp(),) * 2)
    collect(tmp_path / "in", course)
    assert late.days_late(course, policy(DUE), "ada", SET) == 1
