"""A platform's own tables, as they were downloaded: its gradebook, and its list of the class.

Moodle and Canvas take back the gradebook that they export as a CSV file. Its rows and columns stay
as they are, in their order; only the points of the sets are written into it.
"""

import csv
import io
import re
from collections import Counter
from pathlib import Path

from .layout import CourseError, safe_id

SUM = "sum"
"""The name under which the sum over the sets can have a column of its own."""
MOODLE_NAMES = (
    ("First name", "Last name"),
    ("First name", "Surname"),
    ("Vorname", "Nachname"),
    ("Prénom", "Nom de famille"),
    ("Nombre", "Apellido(s)"),
)
FULL_NAMES = ("Full name", "Vollständiger Name", "Nom complet", "Nombre completo")
"""The second column of Moodle's grading worksheet; the first one ends with the student's number."""
KNOWN = {"Student", "ID", "id", *FULL_NAMES, *(name for pair in MOODLE_NAMES for name in pair)}
"""The columns by which a table is known, and so what separates them."""
BEFORE = r"((assignment|aufgabe|devoir|tarea)\s?:\s*)?"
AFTER = r"(\s*\((real|punkte|brute?|\d+)\))?"
"""What the platforms write beside an assignment's name, where its column holds points."""


def filled(text: str, kind: str, rows: list[dict], columns: dict[str, str]) -> tuple[str, list]:
    """Return the gradebook with the points in it, and what to say of it.

    Args:
        text: the CSV file as the platform exports it.
        kind: "moodle" or "canvas".
        rows: one for each student and set, with `student`, `set`, `total` and `flags`.
        columns: the column of a set, where its name does not show it, and of the sum.

    Raises:
        CourseError: it is no such gradebook, or has no column for a set.
    """
    separator, table = _table(text)
    if len(table) < 2:
        raise CourseError("export: the gradebook must have a row of names and a row a student")
    head, *body = table
    ids = (_moodle if kind == "moodle" else _canvas)(head, body)
    rows = [row for row in rows if "not submitted" not in row["flags"].split("; ")]
    names = [*sorted({row["set"] for row in rows}), *{SUM} & columns.keys()]
    place = {name: _column(name, head, columns) for name in names}
    if len({*place.values()}) < len(place):
        raise CourseError(
            f"export: two of {', '.join(names)} have one column; name another with --column"
        )
    points = _points(rows, SUM in columns)
    known, by_hand, said, replaced = set(), set(), [], []
    rows_of = Counter(student for names in ids for student in names)
    for line, names in zip(body, ids, strict=True):
        found = sorted(names & points.keys())
        if len(found) > 1 or any(rows_of[student] > 1 for student in found):
            by_hand |= {*found}  # namesakes: nobody can tell whose row it is
            continue
        known |= {*found}
        for student in found:
            for name, value in points[student].items():
                before, line[place[name]] = line[place[name]], f"{value:g}"
                if _lost(before, line[place[name]]):
                    replaced.append(f"{student}, {name}: {before} by {value:g}")
    if by_hand:
        said.append(f"enter by hand, as several have that name: {', '.join(sorted(by_hand))}")
    if missing := sorted(points.keys() - known - by_hand):
        said.append(f"not in the gradebook: {', '.join(missing)}")
    said.append(f"{len(known)} of {len(points)} students")
    said += [f"{name} -> {head[column]!r}" for name, column in place.items()]
    said += [f"replaced: {'; '.join(replaced)}"] * bool(replaced)
    output = io.StringIO(newline="")
    csv.writer(output, delimiter=separator, lineterminator="\n").writerows([head, *body])
    return output.getvalue(), said


def _points(rows: list[dict], with_sum: bool) -> dict[str, dict[str, float]]:
    """Return what each student gets for each set, and for all of them if that has a column."""
    points: dict[str, dict[str, float]] = {}
    for row in rows:
        mine = points.setdefault(row["student"], {})
        mine[row["set"]] = row["total"]
        if with_sum:
            mine[SUM] = mine.get(SUM, 0.0) + row["total"]
    return points


def _lost(before: str, now: str) -> bool:
    """Say whether there was something before, and it is not the same now."""
    try:
        return float(before.replace(",", ".")) != float(now)
    except ValueError:
        return before.strip() not in ("", "-")


def _table(text: str) -> tuple[str, list[list[str]]]:
    """Return what separates the columns of a CSV file, and its rows, none shorter than the first.

    Spreadsheets say in a line of its own what separates: `sep=;`. Blank rows are left out.
    """
    said = re.match(r'"?sep=([,;\t])"?(\r\n?|\n)', text, re.I)
    lines = text[said.end() :] if said else text
    csv.field_size_limit(max(csv.field_size_limit(), len(lines)))  # an answer can be a long one
    tables = [
        (one, [*filter(any, csv.reader(io.StringIO(lines, newline=""), delimiter=one))] or [[]])
        for one in (said[1] if said else ",;\t")
    ]
    # A title may hold more commas than its line has semicolons.
    separator, rows = max(tables, key=lambda t: (len(KNOWN & {*t[1][0]}), len(t[1][0])))
    return separator, [row + [""] * (len(rows[0]) - len(row)) for row in rows]


def students(path: Path) -> dict[str, str]:
    """Return the ids in a list of the class, each with the folder in which Moodle takes a file.

    Only Moodle's grading worksheet shows the folder. Canvas's gradebook and a table with a column
    id are lists too.

    Raises:
        CourseError: it is none of these, or two rows are one student.
    """
    head, *body = _table(read(path, "--students"))[1]
    if "id" in head:
        found = [(safe_id(row[head.index("id")]), "") for row in body]
    elif {"Student", "ID"} <= {*head}:  # of the two ids that it may have, Canvas writes the longer
        found = [(max(ids, key=len), "") for ids in _canvas(head, body) if ids]
    elif {*head[1:2]} & {*FULL_NAMES} and all(row[0][-1:].isdecimal() for row in body):
        found = _worksheet(body)
    else:
        raise CourseError(
            f"--students: {path} must be Moodle's grading worksheet (columns Identifier and Full "
            "name: not blind, and in English, German, French or Spanish), Canvas's gradebook "
            "(Student and ID), or a CSV file with a column id; this one has "
            f"{', '.join(head[:6]) or 'nothing'}"
        )
    if not found or not all(i for i, _ in found) or len({*dict(found)}) < len(found):
        raise CourseError(f"--students: {path} must have rows, and each an id of its own")
    return dict(found)


def _worksheet(body: list[list[str]]) -> list[tuple[str, str]]:
    """Return the ids in Moodle's grading worksheet, each with the folder of that student.

    Moodle goes by the number in the folder. Namesakes have it in their ids, too.
    """
    found = [(_in_folder(row[1]), re.sub(r"\D", "", row[0])) for row in body]
    several = Counter(safe_id(name) for name, _ in found)
    return [
        (safe_id(name) + f"_{number}" * (several[safe_id(name)] > 1),
         f"{name}_{number}_assignsubmission_file_")
        for name, number in found
    ]  # fmt: skip


def _in_folder(name: str) -> str:
    """Return a full name as Moodle writes it into a folder's, from which `collect` has the id."""
    return re.sub(r"[\x00-\x1f\x7f&<>\"`|':\\/]", "", name.replace("_", " "))


def _moodle(head: list[str], body: list[list[str]]) -> list[set[str]]:
    """Return the ids that the students of a Moodle gradebook may have here: names and numbers."""
    names = next((pair for pair in MOODLE_NAMES if set(pair) <= set(head)), None)
    if names is None:
        raise CourseError(
            "export: a Moodle gradebook has the columns First name and Last name, and this one has "
            f"{', '.join(head[:6])}"
        )
    first, last = map(head.index, names)
    both = [(f"{row[first]} {row[last]}", f"{row[last]} {row[first]}") for row in body]
    return [{safe_id(n) for name in one for n in (name, _in_folder(name))} for one in both]


def _canvas(head: list[str], body: list[list[str]]) -> list[set[str]]:
    """Return the ids that the students of a Canvas gradebook may have here, as its files have them.

    `byronada_123`: last name and first name, small letters without any signs, and the ID.
    """
    if not {"Student", "ID"} <= set(head):
        raise CourseError(
            "export: a Canvas gradebook has the columns Student and ID, and this one has "
            f"{', '.join(head[:6])}"
        )
    student, number = head.index("Student"), head.index("ID")
    found = []
    for row in body:
        if not row[number].strip().isdigit():  # points possible, and other rows of the platform's
            found.append(set())
            continue
        name = re.sub(r"[_.@-]", "", safe_id(row[student].lower()))
        found.append({safe_id(f"{name}_{row[number].strip()}"), safe_id(row[number].strip())})
    return found


def _column(name: str, head: list[str], columns: dict[str, str]) -> int:
    """Return the place of a set's column: the named one, or the one with its name and no more.

    What else stands in a title makes it another assignment's, whose points would be lost.
    """
    if name in columns:
        fitting = [i for i, title in enumerate(head) if title == columns[name]]
        if len(fitting) != 1:
            raise CourseError(
                f"export: {len(fitting)} columns of the gradebook are called {columns[name]!r}, "
                f"and one must be, for {name}"
            )
        return fitting[0]
    number = name.split("_")[0].lstrip("0")
    short = rf"(set|sheet|exercises?)[ _]*0*{re.escape(number)}"
    long = re.escape(name).replace("_", "[ _]")
    pattern = re.compile(rf"\s*{BEFORE}({short}|{long}){AFTER}\s*", re.I)
    fitting = [i for i, title in enumerate(head) if pattern.fullmatch(title)]
    if len(fitting) != 1:
        some = " and ".join(repr(head[i]) for i in fitting)
        words = f"{some} could be" if fitting else f"none is called 'Set {number}' or {name!r}"
        raise CourseError(
            f"export: which column is {name}? {words}; say --column '{name}=TITLE', with the "
            "title as it stands in the file"
        )
    return fitting[0]


def read(path: Path, what: str = "export") -> str:
    """Return the text of a platform's table; `what` is asked for it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CourseError(f"{what}: {path} cannot be read: {error.strerror}") from None
    for encoding in ("utf-8-sig", "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeError:
            continue
    raise CourseError(f"{what}: {path} is no text; save it as CSV in UTF-8")
