"""When a submission came, and what it costs to be late.

`late.toml` in the course's folder says when sets are due and what a day costs:

    percent_a_day = 10                        # of a set's maximum, for each day begun
    last_day = 3                              # what comes after it counts nothing
    [due]
    02_exercises = 2026-10-05T23:59:00        # in the clock of the files' times
    [days.02_exercises]                       # where you know better: an extension, say
    Ada_Byron = 0
    "ada.byron" = 0                           # with a dot or an accent: in quotes

Points are never changed for it: the penalty is taken off where they are exported.
"""

import json
import math
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from .._files import replacing
from .layout import Course, CourseError, meant, settings

FILE = "late.toml"
ORIGINS = "origins"
"""The folder of what is known of how submissions came: not in theirs, which they could write."""


class Policy(NamedTuple):
    """What `late.toml` says."""

    percent_a_day: float = 0.0
    last_day: float = math.inf
    due: Mapping[str, datetime] = {}
    days: Mapping[str, Mapping[str, int]] = {}

    def penalty(self, days: int, total: float, maximum: float) -> float:
        """Return what a submission loses of its total: never more than it has."""
        if days > self.last_day:
            return total
        return min(total, days * self.percent_a_day / 100 * maximum)


def policy(course: Course) -> Policy:
    """Return a course's policy; without the file nothing is due, and nothing is lost.

    Raises:
        CourseError: the file is not as above; the message names the entry.
    """
    path = course.root / FILE
    given = settings(path)
    if unknown := sorted(given.keys() - {*Policy._fields}):
        raise CourseError(
            f"{path}: there is no {unknown[0]!r}; it may have {', '.join(Policy._fields)}"
        )
    for name in ("percent_a_day", "last_day"):
        value = given.get(name, 0)
        usable = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        if not usable or (name == "percent_a_day" and value == math.inf):
            raise CourseError(f"{path}: {name} must be 0 or a positive number, got {value!r}")
    due, days = (_by_set(course, given.get(name, {}), name) for name in ("due", "days"))
    for name, time in due.items():
        if type(time) is not datetime or time.tzinfo:
            raise CourseError(
                f"{path}: due.{name} must be a time like 2026-10-05T23:59:00, without quotes and "
                f"without a zone, got {time}"
            )
    for name, students in days.items():
        numbers = students.values() if isinstance(students, dict) else [None]
        if not all(type(number) is int and number >= 0 for number in numbers):
            raise CourseError(
                f"{path}: [days.{name}] must hold lines like Ada_Byron = 0, an id with dots or "
                f'accents in quotes, "ada.byron" = 0, got {students}'
            )
    return Policy(**given | {"due": due, "days": days})


def _by_set(course: Course, table: object, name: str) -> dict:
    if not isinstance(table, dict):
        raise CourseError(f"{course.root / FILE}: [{name}] must be a table, got {table!r}")
    names = [course.resolve(one) for one in table]
    if twice := [one for one in names if names.count(one) > 1]:
        raise CourseError(
            f"{course.root / FILE}: [{name}] has two entries for {twice[0]}; take one out"
        )
    return dict(zip(names, table.values(), strict=True))


def strangers(rules: Policy, students: Collection[str]) -> list[str]:
    """Return what to say of days that are given to nobody: a mistyped id would be late after all.

    It is no error, because an extension can be given before anything is handed in.
    """
    return [
        f"{FILE}: [days.{name}] {student!r} is no student's id{meant(student, students)}"
        for name, days in rules.days.items()
        for student in days
        if student not in students
    ]


def origin(course: Course, student: str, name: str) -> dict:
    """Return what is known of how a submission came: number, folder, time, late, digest."""
    try:  # that of nbgrader's exchange, which replaces the folder: 2026-10-05 23:59:00.000000 UTC
        text = _stamp(course, student, name).read_text(encoding="utf-8").strip()
        return {"time": datetime.fromisoformat(text[:19]).isoformat()}
    except (OSError, ValueError):
        pass
    try:
        return dict(json.loads(_kept(course, student, name).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _kept(course: Course, student: str, name: str) -> Path:
    return course.root / ORIGINS / name / f"{student}.json"


def _stamp(course: Course, student: str, name: str) -> Path:
    return course.file("submitted", student, name).with_name("timestamp.txt")


def remember(course: Course, student: str, name: str, known: dict) -> None:
    """Keep how a submission came."""
    with replacing(_kept(course, student, name)) as file:
        file.write(json.dumps({key: value for key, value in known.items() if value}).encode())
    _stamp(course, student, name).unlink(missing_ok=True)  # of what was there before


def days_late(course: Course, rules: Policy, student: str, name: str) -> int:
    """Return how many days late a submission came, each day begun counted whole.

    One that the platform has marked as late, and whose time says nothing else, is a day late.
    """
    if student in rules.days.get(name, {}):
        return rules.days[name][student]
    known = origin(course, student, name)
    over = timedelta(0)
    if known.get("time") and name in rules.due:
        over = datetime.fromisoformat(known["time"]) - rules.due[name]
    return max(math.ceil(over / timedelta(days=1)), int(bool(known.get("late"))), 0)
