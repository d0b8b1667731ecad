"""A platform's own gradebook, as it was downloaded, filled in so that it can be uploaded again.

Moodle and Canvas take back the CSV file that they export. Its rows and columns stay as they are, in
their order; only the points of the sets are written into it.
"""

import csv
import io
import re
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
    separator = max(",;\t", key=text.split("\n", 1)[0].count)
    table = [*csv.reader(io.StringIO(text), delimiter=separator)]
    if len(table) < 2:
        raise CourseError("export: the gradebook must have a row of names and a row a student")
    head, *body = table
    ids = (_moodle if kind == "moodle" else _canvas)(head, body)
    sets = sorted({row["set"] for row in rows})
    place = {name: _column(name, head, columns) for name in [*sets, *{SUM} & columns.keys()]}
    points: dict[str, dict[str, float]] = {}
    for row in rows:
        if "not submitted" not in row["flags"].split("; "):
            mine = points.setdefault(row["student"], {})
            mine[row["set"]] = row["total"]
            if SUM in columns:
                mine[SUM] = mine.get(SUM, 0.0) + row["total"]
    known, said = set(), []
    for line, names in zip(body, ids, strict=True):
        found = sorted(names & points.keys())
        if len(found) > 1 or set(found) & known:
            raise CourseError(f"export: {' and '.join(found)} are one row of the gradebook, or two")
        known |= {*found}
        for student in found:
            for name, value in points[student].items():
                line += [""] * (len(head) - len(line))
                line[place[name]] = f"{value:g}"
    if missing := sorted(points.keys() - known):
        said.append(f"not in the gradebook: {', '.join(missing)}")
    said.append(f"{len(known)} of {len(points)} students, {', '.join(sets)}")
    output = io.StringIO(newline="")
    csv.writer(output, delimiter=separator, lineterminator="\n").writerows([head, *body])
    return output.getvalue(), said


def _moodle(head: list[str], body: list[list[str]]) -> list[set[str]]:
    """Return the ids that the students of a Moodle gradebook may have here: names and numbers."""
    names = next((pair for pair in MOODLE_NAMES if set(pair) <= set(head)), None)
    if names is None:
        raise CourseError(
            "export: a Moodle gradebook has the columns First name and Last name, and this one has "
            f"{', '.join(head[:6])}"
        )
    first, last = map(head.index, names)
    return [
        {safe_id(f"{row[first]} {row[last]}"), safe_id(f"{row[last]} {row[first]}")} for row in body
    ]


def _canvas(head: list[str], body: list[list[str]]) -> list[set[str]]:
    """Return the ids that the students of a Canvas gradebook may have here, as its files have them.

    `byronada_123`: last name and first name in small letters, without blanks, and the ID.
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
        name = re.sub(r"[^\w-]", "", row[student].lower())
        found.append({safe_id(f"{name}_{row[number].strip()}"), safe_id(row[number].strip())})
    return found


def _column(name: str, head: list[str], columns: dict[str, str]) -> int:
    """Return the place of a set's column."""
    if name in columns:
        if columns[name] not in head:
            raise CourseError(f"export: the gradebook has no column {columns[name]!r}")
        return head.index(columns[name])
    number = name.split("_")[0].lstrip("0")
    pattern = re.compile(
        rf"{re.escape(name)}|\b(set|sheet|exercises?|week|lesson)[ _]*0*{number}\b", re.I
    )
    fitting = [
        title for title in head if pattern.search(title.replace(name.replace("_", " "), name))
    ]
    if len(fitting) != 1:
        some = ", ".join(map(repr, fitting)) if fitting else "none of its columns"
        raise CourseError(
            f"export: which column is {name}? {some} would do; say --column '{name}=TITLE', with "
            "the title as it stands in the file"
        )
    return head.index(fitting[0])


def read(path: Path) -> str:
    """Return the text of a gradebook."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CourseError(f"export: {path} cannot be read: {error.strerror}") from None
    for encoding in ("utf-8-sig", "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeError:
            continue
    raise CourseError(f"export: {path} is no text; save it as CSV in UTF-8")
