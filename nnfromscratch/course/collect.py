"""Find the submissions in what a learning platform hands out, under whatever names.

Understood are, in a folder or a zip file:

    Ada Byron_12345_assignsubmission_file_/02_exercises.ipynb     Moodle
    byronada_12345_67890_02_exercises-1.ipynb                     Canvas
    Set 2_abyron_attempt_2026-03-01-10-00-00_02_exercises.ipynb   Blackboard
    abyron/02_exercises.ipynb, abyron/02_exercises/anything.ipynb nbgrader, or by hand
    02_exercises (abyron).ipynb, abyron_02_exercises.ipynb

Nothing is unpacked: each file is read, and written where this module says.
"""

import contextlib
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from .._files import replacing
from .examine import LARGEST, Source, likely
from .layout import Course, CourseError, safe_id

ENDINGS = (".ipynb", ".ipynb.txt", ".ipynb.json", ".json")
IGNORED = re.compile(r"(^|/)(\.|__MACOSX/|desktop\.ini$|Thumbs\.db$)")
MOODLE = re.compile(r"^(?P<id>.+?)_(?P<number>\d+)_assignsubmission_\w+?_?(?P<rest>[^_]?.*)$")
CANVAS = re.compile(r"^(?P<id>[^\W\d_]+_(?:LATE_)?\d+)_(?P<number>\d+)_(?P<rest>.+)$")
# The first underscore ends the assignment's name; a student's own may have more of them.
BLACKBOARD = re.compile(r"^[^_]*_(?P<id>.+?)_attempt_(?P<number>\d{4}[\d-]+)_?(?P<rest>.*)$")
MOST_FILES = 20_000
NUMBER = ".number"
"""The file beside a submission that keeps Moodle's number."""


class Item(NamedTuple):
    """A file somewhere: its path there, when it was written, and its contents."""

    path: str
    time: float
    data: bytes


@dataclass
class Found:
    """A submission that was found, or why a file is none."""

    path: str
    student: str = ""
    set: str = ""
    order: tuple = ()
    data: bytes = b""
    problem: str = ""
    state: str = ""
    """What became of it: "new", "changed", "same" or "older"."""
    warning: str = ""
    """What somebody should look at."""
    number: str = ""
    """The number that Moodle gives to a student's submissions of one set."""


def items(path: Path) -> Iterator[Item | Found]:
    """Yield the files of a folder or a zip file, zips inside them included.

    Raises:
        CourseError: it is neither.
    """
    path = Path(path)
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            name = file.relative_to(path).as_posix()
            if IGNORED.search(name) or not file.is_file():
                continue
            if file.is_symlink():
                yield Found(name, problem="it is a link")
            elif file.stat().st_size > LARGEST:
                yield Found(name, problem=f"it has {file.stat().st_size >> 20} MB")
            else:
                yield from _opened(Item(name, file.stat().st_mtime, file.read_bytes()))
    elif zipfile.is_zipfile(path):
        yield from _zipped(path.read_bytes(), "")
    elif not path.exists():
        raise CourseError(f"collect: {path} does not exist; name a folder or a zip file")
    else:
        hint = ""
        if path.name.lower().endswith(ENDINGS):
            hint = "; put it in a folder with the student's name, and name the folder above that"
        raise CourseError(f"collect: {path} must be a folder or a zip file{hint}")


def _opened(item: Item) -> Iterator[Item | Found]:
    if item.path.lower().endswith(".zip"):
        yield from _zipped(item.data, item.path[:-4] + "/")
    else:
        yield item


def _zipped(data: bytes, inside: str) -> Iterator[Item | Found]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for number, info in enumerate(archive.infolist()):
                name = inside + info.filename.replace("\\", "/")
                if info.is_dir() or IGNORED.search(name.replace("../", "")):
                    continue
                parts = PurePosixPath(name).parts
                if number >= MOST_FILES:
                    yield Found(name, problem="there are too many files")
                    return
                if ".." in parts or name.startswith("/") or re.match(r"[A-Za-z]:", name):
                    yield Found(name, problem="its path leads out of the zip file")
                elif info.file_size > LARGEST:
                    yield Found(name, problem=f"it has {info.file_size >> 20} MB")
                elif inside.count(".zip/") > 2:
                    yield Found(name, problem="it is in a zip in a zip in a zip")
                else:
                    with archive.open(info) as file:
                        content = file.read(LARGEST)
                    time = datetime(*info.date_time).timestamp()
                    yield from _opened(Item(name, time, content))
    except (zipfile.BadZipFile, RuntimeError, OSError, ValueError, NotImplementedError) as error:
        yield Found(inside.rstrip("/") or "the zip file", problem=f"it cannot be opened: {error}")


def _named(path: str, names: list[str]) -> str:
    """Return the set that a path names."""
    for part in reversed(PurePosixPath(path).parts):
        for name in sorted(names, key=len, reverse=True):
            if name in part or name.replace("_", " ") in part:
                return name
    return ""


def _choose_set(found: Found, course: Course, sources: dict[str, Source], only: str | None) -> None:
    """Find which set a file belongs to: by its path, or else by its contents."""
    named, inside = _named(found.path, course.sets()), likely(found.data, sources)
    if len(inside) > 1:  # a set and its variant: what was handed out counts
        inside = [name for name in inside if name in course.released()] or inside
    found.set = only or named or (inside[0] if len(inside) == 1 else "")
    if not found.set and inside:
        words = " or ".join(inside)
        found.problem = f"it could be {words} (name it with --set)"
    elif not found.set:
        found.problem = "it does not show which set it belongs to (name it with --set)"
    elif found.set in inside:
        return
    elif only and named not in ("", only):
        found.warning = f"its name says {named}; taken as {only}"
    elif inside and found.set in sources and not sources[found.set].marks_in(found.data):
        found.warning = f"it looks like {' or '.join(inside)}; taken as {found.set}"


def _student_of(parts: list[str], stem: str, name: str) -> tuple[str, str, tuple]:
    """Return a student's id, a number that may tell namesakes apart, and what orders versions."""
    for part in [*parts, stem]:
        for pattern in (MOODLE, CANVAS, BLACKBOARD):
            if match := pattern.search(part.removeprefix(name if pattern is BLACKBOARD else "")):
                student, number = match["id"].replace("_LATE", ""), match["number"]
                if pattern is MOODLE:
                    return student, number, _version(stem)
                return student, "", (int(number.replace("-", "")), *_version(stem))
    if parts:
        return parts[0], "", _version(stem)
    words = re.escape(name).replace("_", "[_ ]")
    match = re.fullmatch(rf"{words} ?\((?P<id>[^)]+)\)", stem)
    match = match or re.fullmatch(rf"{words}[_-](?P<id>.+)", stem)
    match = match or re.fullmatch(rf"(?P<id>.+?)[_-]{words}", stem)
    if match and not re.fullmatch(r"\d{1,2}", match["id"]):
        return match["id"], "", (0,)
    return "", "", ()


def _version(stem: str) -> tuple:
    match = re.search(r"(?:-(\d{1,2})| ?\((\d{1,2})\))$", stem)
    return (int(match[1] or match[2]) if match else 0,)


def find(path: Path, course: Course, only: str | None = None) -> list[Found]:
    """Return all files of a folder or zip file: submissions, the latest of each first marked.

    Args:
        path: the folder or zip file.
        course: whose sets they may belong to.
        only: the set that all of them belong to, if it is known.
    """
    names, sources = [only] if only else course.sets(), {}
    for name in course.sets():
        with contextlib.suppress(CourseError):  # a set that is being written stops no other
            sources[name] = course.source(name)
    found = list(items(path))
    files = [item for item in found if isinstance(item, Item)]
    known = {*names, "submitted"}
    folders = {
        item.path: [p for p in PurePosixPath(item.path).parts[:-1] if p not in known]
        for item in files
    }
    while folders and all(len(parts) > 1 for parts in folders.values()):
        if len({parts[0] for parts in folders.values()}) > 1:
            break
        folders = {key: parts[1:] for key, parts in folders.items()}
    done = [item for item in found if isinstance(item, Found)]
    for item in files:
        done.append(_understood(item, folders[item.path], sources, course, only))
    _tell_namesakes(done, course)
    latest: dict[tuple, Found] = {}
    for one in sorted((f for f in done if not f.problem), key=lambda f: f.order):
        if (key := (one.student, one.set)) in latest:
            latest[key].state = "older"
        latest[key] = one
    return sorted(done, key=lambda f: f.path)


def _understood(
    item: Item, parts: list[str], sources: dict[str, Source], course: Course, only: str | None
) -> Found:
    found = Found(item.path, data=item.data)
    file = PurePosixPath(item.path).name
    ending = next((e for e in ENDINGS if file.lower().endswith(e)), None)
    if not ending:
        found.problem = "it is not a notebook"
        return found
    _choose_set(found, course, sources, only)
    if found.problem:
        return found
    stem = file[: -len(ending)]
    student, number, order = _student_of(parts, stem, found.set)
    if not student and only and not _named(stem, course.sets()):
        student, order = stem, (0,)  # a folder of alice.ipynb, bob.ipynb
    found.student, found.order = safe_id(student), (*order, item.time, item.path)
    if not found.student:
        found.problem = "it does not show whose it is: put it in a folder with the student's name"
    found.state, found.number = number or student, number
    return found


def _tell_namesakes(found: list[Found], course: Course) -> None:
    """Give different people whose names come out the same different ids.

    Moodle's number tells them apart in one download, and from what an earlier one has brought.
    """
    marks: dict[tuple, set] = {}
    for one in found:
        marks.setdefault((one.student, one.set), set()).add(one.state)
    for one in found:
        if one.number and not one.problem:
            name, own = one.student, f"{one.student}_{one.number}"
            before = _number(course, name, one.set)
            if before == one.number:
                one.state = ""
                continue
            if before or course.submission(own, one.set):
                if not course.submission(own, one.set):
                    one.warning = (
                        f"{name} has handed in {one.set} as number {before} and this is number "
                        f"{one.number}: a namesake, taken as {own}"
                    )
                one.student, one.state = own, ""
                continue
        if len(marks[one.student, one.set]) > 1 and not one.problem:
            digest = hashlib.sha256(one.state.encode()).hexdigest()[:6]
            one.student += f"_{one.state if one.state.isdecimal() else digest}"
        one.state = ""


def _number(course: Course, student: str, name: str) -> str:
    """Return the number under which a student's submission came from Moodle."""
    if not course.submission(student, name):
        return ""
    try:
        return (course.file("submitted", student, name).parent / NUMBER).read_text().strip()
    except (OSError, ValueError):
        return ""


def collect(path: Path, course: Course, only: str | None = None) -> list[Found]:
    """Copy submissions into the course; what was there before is kept in submitted_before."""
    found = find(path, course, only)
    for one in found:
        if one.problem or one.state == "older":
            continue
        target = course.file("submitted", one.student, one.set)
        if one.number:
            with replacing(target.parent / NUMBER) as file:
                file.write(one.number.encode())
        before = course.submission(one.student, one.set)
        if before:
            if before.read_bytes() == one.data:
                one.state = "same"
                continue
            folder = course.root / "submitted_before" / one.student / one.set
            folder.mkdir(parents=True, exist_ok=True)
            number = len(list(folder.iterdir())) + 1
            before.rename(folder / f"{number}_{before.name}")
        one.state = "changed" if before else "new"
        with replacing(target) as file:
            file.write(one.data)
    return found
