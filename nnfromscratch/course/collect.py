"""Find the submissions in what a learning platform hands out, under whatever names.

Understood are, in a folder or a zip file:

    Ada Byron_12345_assignsubmission_file_/02_exercises.ipynb     Moodle
    byronada_12345_67890_02_exercises-1.ipynb                     Canvas
    anon_9Kd2f_67890_02_exercises.ipynb                           Canvas, anonymous
    Set 2_abyron_attempt_2026-03-01-10-00-00_02_exercises.ipynb   Blackboard
    12345-678 - Ada Byron - Oct 5, 2026 1159 PM/02_exercises.ipynb Brightspace
    Submitted files/Ada Byron/Set 2/Version 1/02_exercises.ipynb  Teams
    abyron/02_exercises.ipynb, abyron/02_exercises/anything.ipynb nbgrader, or by hand
    02_exercises (abyron).ipynb, abyron_02_exercises.ipynb

Nothing is unpacked: each file is read, and written where this module says. One file is in memory
at a time, and whatever is wrong with it is said of it alone.
"""

import contextlib
import hashlib
import io
import json
import lzma
import os
import posixpath
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from .._files import create, replacing
from . import late
from .examine import HEAVY, LARGEST, Source, decoded, likely, text_of
from .layout import Course, CourseError, safe_id
from .student import CODE_STUB, HIDDEN, SOLUTION, TEXT_STUB

ENDINGS = (".ipynb", ".ipynb.txt", ".ipynb.json", ".json")
ARCHIVES = (".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst")
COPIES = ".ipynb_checkpoints"
"""Where Jupyter keeps the state of the last saving by hand: all there is of some uploads."""
SYSTEMS = re.compile(
    rf"(^|/)(\._|__MACOSX/|desktop\.ini$|Thumbs\.db$|{re.escape(COPIES)}/(?![^/]+\.ipynb$))"
)
"""What systems and Jupyter keep for themselves."""
DOTTED = re.compile(rf"(^|/)\.(?!{COPIES[1:]}/)")
"""Hidden files: programs make most of them, so only notebooks among them are worth a word."""
MOODLE = re.compile(r"^(?P<id>.+?)_(?P<number>\d+)_assignsubmission_\w+?_?(?P<rest>[^_]?.*)$")
CANVAS = re.compile(
    r"^(?P<id>(?:LATE_)?anon_(?:LATE_)?[A-Za-z0-9]+|[^_]+_(?:LATE_)?\d+)"
    r"_(?P<number>\d+)_(?P<rest>.+)$"
)
# No more digits: hw271 is the id of somebody.
TASK = r"(?:set|week|lesson|sheet|assignment|homework|exercises?|hw)[ _-]*\d{1,2}"
# The first underscore that is not a task's ends its name; a student's own may have more of them.
BLACKBOARD = re.compile(
    rf"^(?:(?:.*?[ _])??{TASK}|[^_]*)_(?P<id>.+?)_attempt_(?P<number>\d{{4}}[\d-]+)_?(?P<rest>.*)$",
    re.IGNORECASE,
)
BRIGHTSPACE = re.compile(
    r"^(?P<number>\d+)-\d+ - (?P<id>.+)"
    r" - (?P<day>\w+ \d{1,2}, \d{4}) (?P<time>\d{3,4}) (?P<half>[AP]M)$"
)
NOBODY = re.compile(
    rf"{re.escape(COPIES)}|{TASK}"
    r"|nnfromscratch.*|my_course|notebooks?|exercises?|solutions?|submissions?|submitted"
    r"|downloads?|uploads?|documents|desktop|((submitted|working) )?files|work|new folder"
    r"|home ?works?( .*)?|assignments?|version \d+|untitled( folder)? *\d*",
    re.IGNORECASE,
)
"""What no student is named after."""
AROUND = re.compile(
    r"(class|course|cohort|section|group|tutorial|semester|term|year|all)\b.*", re.IGNORECASE
)
"""Folders that hold the students' folders, if there are further ones in them."""
_STATE = (
    r"(\d{1,2}|v\d{1,2}"
    r"|(my[ _-]?)?(copy([ _-]of)?|final|solved|done|new|old|corrected|submission)\d{0,2})"
)
VERSION = re.compile(rf"{_STATE}([ _-]+{_STATE})*", re.IGNORECASE)
"""What stands beside a set's name in a file's and names no student."""
BROWSERS = re.compile(r" ?\(\d{1,2}\)$")
"""What a browser adds to the name of a file that is there already."""
NO_ANSWER = re.compile(r"hint\(|mine = \(")
"""What a student may add, and what is another line for each: the draw of the own blank."""
MOST_FILES = 20_000
MOST_ZIPS = 2
"""How many zip files may lie in one another in what a student hands in."""
GROWTH = 200
"""How many times larger than in its zip file a heavy notebook may be."""
BROKEN = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError),
    *(RuntimeError, ValueError, NotImplementedError, OverflowError, MemoryError),
)
"""What reading a damaged, encrypted or unknown zip file raises."""
DOUBTFUL = "a student's folder or a platform's: collect it by itself"
FROM_SOLUTION, OTHER_SET, UNTOUCHED, ANSWERED = range(4)
"""What a file is worth as a submission; a lower kind never wins over a higher one."""


class Owner(NamedTuple):
    """What a path says of the student: an id, Moodle's number, what orders versions, the part."""

    student: str
    number: str = ""
    order: float = 0
    depth: int = 0
    late: bool = False
    time: float = 0.0
    folder: str = ""
    """What Moodle calls the folder, in which it takes feedback back."""


class Item(NamedTuple):
    """A file somewhere: its path there, when it was written, and its contents."""

    path: str
    time: float
    data: bytes
    outside: int | None = None
    """How many parts of the path are not a student's own, who has handed in the rest as a zip."""
    uploaded: float = 0.0
    """When that zip was written by the platform, whatever times the student's files have."""


@dataclass
class Found:
    """A submission that was found, or why a file is none."""

    path: str
    student: str = ""
    set: str = ""
    order: tuple = ()
    problem: str = ""
    state: str = ""
    """What became of it: "new", "changed", "same", "older" or "kept out"."""
    warning: str = ""
    """What somebody should look at."""
    number: str = ""
    """The number that Moodle gives to a student's submissions of one set."""
    folder: str = ""
    """The folder that Moodle has made for it."""
    late: bool = False
    """Whether the platform has marked it as late."""
    time: float = 0.0
    """When it came, as the file or the platform's name says; 0 if neither does."""
    kind: int = ANSWERED
    """Which of the kinds above it is."""
    people: list[Owner] = field(default_factory=list)
    """Whom a platform's names inside that zip would mean."""
    upload: str = ""
    """What of the path is one upload, in which one file is expected."""
    digest: str = ""
    """The contents' digest."""
    folders: list[str] = field(default_factory=list)
    """The folders that it lies in."""
    naming: list[str] = field(default_factory=list)
    """Those of them that may be named after the student."""
    zipped: bool = False
    """Whether the student has put it into a zip: what lies in there names nobody."""
    stem: str = ""
    """The file's name without its ending, if it is that of a notebook."""
    place: int = 0
    """Which of the files it is, in the order in which they are read."""

    @property
    def copy(self) -> bool:
        """Whether it is Jupyter's own copy of a notebook."""
        return COPIES in self.folders


def items(path: Path) -> Iterator[Item | Found]:
    """Yield the notebooks of a folder or a zip file, zips inside them included, and what is none.

    Raises:
        CourseError: it is neither, or cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        yield from _walked(path)
    elif zipfile.is_zipfile(path):
        with open(path, "rb") as file:
            yield from _zipped(file, "", 0)
    elif not path.exists():
        raise CourseError(f"collect: {path} does not exist; name a folder or a zip file")
    elif _head(path) == b"PK\3\4":
        raise CourseError(f"collect: {path} is not complete: its end is missing; get it again")
    else:
        hint = ""
        if path.name.lower().endswith(ENDINGS):
            hint = "; put it in a folder with the student's name, and name the folder above that"
        raise CourseError(f"collect: {path} must be a folder or a zip file{hint}")


def _head(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(4)
    except OSError as error:
        raise CourseError(f"collect: {path} cannot be opened: {error.strerror}") from None


def _walked(path: Path) -> Iterator[Item | Found]:
    unread: list[OSError] = []
    inside = [
        Path(folder, name)
        for folder, folders, files in os.walk(path, onerror=unread.append)
        for name in (*folders, *files)
    ]
    for error in unread:
        name = Path(error.filename).relative_to(path).as_posix()
        yield Found(name, problem=f"it cannot be opened: {error.strerror}")
    for file in sorted(inside):
        name = file.relative_to(path).as_posix()
        if not _ignored(name):
            yield from _in_folder(file, name)


def _in_folder(file: Path, name: str) -> Iterator[Item | Found]:
    try:
        if file.is_symlink():
            yield Found(name, problem="it is a link")
        elif not file.is_file():
            return
        elif problem := _refused(name, file.stat().st_size):
            yield Found(name, problem=problem)
        else:
            yield from _opened(Item(name, file.stat().st_mtime, file.read_bytes()), 0)
    except OSError as error:
        yield Found(name, problem=f"it cannot be opened: {error.strerror}")


def _ignored(name: str) -> bool:
    """Tell whether a file is none of the student's, and not worth a word."""
    hidden = DOTTED.search(name) and not name.lower().endswith((".ipynb", ".zip"))
    return bool(hidden or SYSTEMS.search(name))


def _refused(name: str, size: int, stored: int | None = None) -> str:
    """Return why a file is not even read, by its name and size."""
    if DOTTED.search(name):
        return "it is hidden: if it is meant, take the dot off its name, or its folder's"
    if name.lower().endswith(ARCHIVES):
        return "it is an archive, and no zip: unpack it into a folder in its place"
    if not name.lower().endswith((".zip", *ENDINGS)):
        return "it is not a notebook"
    if size > LARGEST:
        return f"it has {size >> 20} MB"
    if stored is not None and size > max(HEAVY, GROWTH * stored):
        return f"it would grow from {stored >> 10} KB to {size >> 20} MB"
    return ""


def _opened(item: Item, depth: int) -> Iterator[Item | Found]:
    if not item.path.lower().endswith(".zip"):
        yield item
    elif depth > MOST_ZIPS:
        yield Found(item.path, problem="it is in a zip in a zip in a zip")
    else:
        outside = item.outside or item.path.count("/") + 1
        around = item._replace(outside=outside, uploaded=item.uploaded or item.time)
        yield from _zipped(io.BytesIO(item.data), item.path[:-4] + "/", depth + 1, around)


def _zipped(file, inside: str, depth: int, around: Item | None = None) -> Iterator[Item | Found]:
    """Yield what a zip file holds; one that a student has handed in may hold only so much."""
    try:
        archive = zipfile.ZipFile(file)
    except BROKEN as error:
        if not inside:
            raise CourseError(f"collect: the zip file is damaged ({error}); get it again") from None
        yield Found(inside.rstrip("/"), problem=f"it cannot be opened: {error}")
        return
    none, count, size = True, 0, 0
    with archive:
        for info in archive.infolist():
            name = inside + _name_of(info).replace("\\", "/")
            if ".." in name.split("/") or re.match(r"/|[A-Za-z]:", name):
                problem = "its path leads out of the zip file"
            else:
                name = posixpath.normpath(name)
                problem = _refused(name, info.file_size, info.compress_size)
            if info.is_dir() or _ignored(name.replace("../", "")):
                continue
            none = False
            if not problem:
                count, size = count + 1, size + info.file_size
            if inside and (count > MOST_FILES or size > LARGEST):
                yield Found(inside.rstrip("/"), problem="the rest of it is too much to read")
                return
            if problem:
                yield Found(name, problem=problem)
            else:
                yield from _entry(archive, info, name, depth, around)
    if inside and none:
        yield Found(inside.rstrip("/"), problem="no notebook was found in it")


def _name_of(info: zipfile.ZipInfo) -> str:
    """Return an entry's name; many programs write UTF-8 and do not say so."""
    if not info.flag_bits & 0x800:
        with contextlib.suppress(UnicodeError):
            return info.filename.encode("cp437").decode()
    return info.filename


def _entry(
    archive: zipfile.ZipFile, info, name: str, depth: int, around: Item | None
) -> Iterator[Item | Found]:
    try:
        with archive.open(info) as file:
            data = file.read(LARGEST)
    except BROKEN as error:
        yield Found(name, problem=f"it cannot be opened: {error}")
        return
    try:
        time = datetime(*info.date_time).timestamp()
    except (ValueError, OverflowError, OSError):  # 1980-00-00 is written by many programs
        time = 0.0
    outside, uploaded = (around.outside, around.uploaded) if around else (None, 0.0)
    yield from _opened(Item(name, time, data, outside, uploaded), depth)


def _nfc(text: str) -> str:
    """Return a name with each letter and its accent as one character: some systems write two."""
    return unicodedata.normalize("NFC", text)


def _named(path: str, names: list[str]) -> str:
    """Return the set that a path names."""
    for part in reversed(PurePosixPath(path).parts):
        for name in sorted(names, key=len, reverse=True):
            if _nfc(name) in part or _nfc(name).replace("_", " ") in part:
                return name
    return ""


def _choose_set(
    found: Found, data: bytes, course: Course, sources: dict[str, Source], only: str | None
) -> None:
    """Find which set a file belongs to, by its path or else by its contents, and its kind."""
    named, inside = _named(found.path, course.sets()), likely(data, sources)
    if len(inside) > 1:  # a set and its variant: what was handed out counts
        inside = [name for name in inside if name in course.released()] or inside
    found.set = only or named or (inside[0] if len(inside) == 1 else "")
    if not found.set and inside:
        words = " or ".join(inside)
        found.problem = f"it could be {words} (name it with --set)"
    elif not found.set:
        found.problem = "it does not show which set it belongs to (name it with --set)"
    found.kind = _kind(data, sources.get(found.set), found.set in inside)
    if found.problem or found.set in inside:
        return
    if only and named not in ("", only):
        found.warning = f"its name says {named}; taken as {only}"
    elif inside and found.set in sources and not sources[found.set].marks_in(data):
        found.warning = f"it looks like {' or '.join(inside)}; taken as {found.set}"


def _ascii(data: bytes) -> bytes:
    """Return a file in an encoding in which plain letters are one byte, as marks are."""
    return decoded(data)[0].encode() if b"\0" in data[:4] else data


def _kind(data: bytes, source: Source | None, looks: bool) -> int:
    """Return what a file is worth as a submission of a set whose marks it has, or has not."""
    if any(mark.encode() in data for mark in (*SOLUTION, *HIDDEN)):
        return FROM_SOLUTION
    if not looks:
        return OTHER_SET
    return UNTOUCHED if source and _untouched(data, source) else ANSWERED


def _untouched(data: bytes, source: Source) -> bool:
    """Tell whether the code and the answers of a file have no line but those handed out."""
    left = sum(data.count(stub.encode()) for stub in (CODE_STUB[1], TEXT_STUB[0]))
    if left < source.stubs or len(data) > HEAVY:  # so most files need not be taken apart
        return False
    given = {line for cell in source.released["cells"] for line in _lines(cell)}
    try:
        cells = [
            cell
            for cell in json.loads(decoded(data)[0])["cells"]
            if cell["cell_type"] == "code" or cell["metadata"].get("nbgrader", {}).get("solution")
        ]
        lines = {line for cell in cells for line in _lines(cell)} - given
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False
    return all(map(NO_ANSWER.match, lines))


def _lines(cell: dict) -> list[str]:
    """Return a cell's lines, without what makes a comment of one: so a hint is the same line."""
    return [*filter(None, (line.strip("# \t") for line in text_of(cell).splitlines()))]


def _by_platform(part: str, name: str = "") -> Owner | None:
    """Return whose it is if a platform has made this part of a path."""
    if match := BRIGHTSPACE.search(part):
        said = f"{match['day']} {match['time']:0>4} {match['half']}"
        time = _time(said, "%b %d, %Y %I%M %p")
        return Owner(match["id"], match["number"], time, time=time)
    for pattern in (MOODLE, CANVAS, BLACKBOARD):
        if match := pattern.search(part.removeprefix(name if pattern is BLACKBOARD else "")):
            student, number = match["id"], match["number"]
            if pattern is MOODLE:
                folder = f"{student}_{number}_assignsubmission_file_"
                return Owner(student, number, folder=folder)
            order = int(number.replace("-", ""))
            if pattern is BLACKBOARD:
                return Owner(student, "", order, time=_time(number[:19], "%Y-%m-%d-%H-%M-%S"))
            plain = re.sub(r"(^|_)LATE_", r"\1", student)
            return Owner(plain, "", order, late=plain != student)
    return None


def _time(text: str, form: str) -> float:
    """Return when a platform says that an attempt was handed in, or 0."""
    try:
        return datetime.strptime(text, form).timestamp()
    except ValueError:
        return 0.0


def _by_hand(one: Found, course: Course, only: str | None) -> str:
    """Return the student whom a file's name shows, beside the set's or alone."""
    if one.zipped:
        return ""
    words, stem = re.escape(_nfc(one.set)).replace("_", "[_ ]"), BROWSERS.sub("", one.stem)
    match = re.fullmatch(rf"{words} ?\((?P<id>[^)]+)\)", stem)
    match = match or re.fullmatch(rf"{words}[_-](?P<id>.+)", stem)
    match = match or re.fullmatch(rf"(?P<id>.+?)[_-]{words}", stem)
    if match and not VERSION.fullmatch(match["id"]):
        return match["id"]
    # With a set that is known, a folder of alice.ipynb, bob.ipynb.
    named = _named(stem, course.sets()) or NOBODY.fullmatch(stem) or VERSION.fullmatch(stem)
    return stem if only and not named else ""


def _version(stem: str) -> tuple:
    match = re.search(r"(?:-(\d{1,2})| ?\((\d{1,2})\))$", stem)
    return (int(match[1] or match[2]) if match else 0,)


def _places(found: list[Found], course: Course, hands: dict[int, str]) -> dict[int, list[str]]:
    """Return of each path the parts that may name a student, outermost first, the stem last.

    Folders around all students are taken away, unless a platform's pattern shows that one is a
    student's: so one student alone is handled like thirty.
    """
    sets = {_nfc(name).replace("_", " ") for name in course.sets()}
    paths = {}
    for one in found:
        parts = [p for p in one.naming if p.replace("_", " ") not in sets]
        parts = [p for p in parts if not NOBODY.fullmatch(p)]
        parts = [p for i, p in enumerate(parts) if i == 0 or p != parts[i - 1]]
        paths[one.place] = [*parts, BROWSERS.sub("", one.stem)]
    while _around(paths, hands, course):
        _ask_about_namesakes(found, paths)
        paths = {place: parts[1:] for place, parts in paths.items()}
    return paths


def _is_known(part: str, course: Course) -> bool:
    name = safe_id(part)
    return bool(name) and (course.root / "submitted" / name).is_dir()


def _around(paths: dict[int, list[str]], hands: dict[int, str], course: Course) -> bool:
    """Tell whether what all paths begin with holds the students: one folder, or sections."""
    firsts = {parts[0] for parts in paths.values()}
    if not firsts or any(len(parts) == 1 for parts in paths.values()):
        return False
    if any(_by_platform(first) or _is_known(first, course) for first in firsts):
        return False
    sections = all(map(AROUND.fullmatch, firsts))
    if len(firsts) > 1 and not sections:
        return False
    if any(_by_platform(parts[1]) for parts in paths.values()):
        return True
    inner = {parts[1] for parts in paths.values() if len(parts) > 2}
    direct = {place: hands[place] for place, parts in paths.items() if len(parts) == 2}
    if not all(direct.values()):
        return False
    sure = all(paths[place][1].endswith(f"({hand})") for place, hand in direct.items())
    return sections or (sure and len({*inner, *direct.values()}) > 1)


def _ask_about_namesakes(found: list[Found], paths: dict[int, list[str]]) -> None:
    """Ask whether those who have one name in several sections are one student."""
    sections: dict[str, set] = {}
    for first, name, *_ in paths.values():
        sections.setdefault(name, set()).add(first)
    for one in found:
        name = paths[one.place][1]
        if len(sections[name]) > 1 and not _by_platform(name):
            one.problem = one.problem or (
                f"{name} is in {' and in '.join(sorted(sections[name]))}: put what is one "
                "student's in one of them, and give namesakes different names"
            )


def _owners(found: list[Found], course: Course, only: str | None) -> None:
    """Say of each file whose it is."""
    hands = {one.place: _by_hand(one, course, only) for one in found}
    paths = _places(found, course, hands)
    platform: dict[int, Owner] = {}
    below: dict[str, set] = {}
    for one in found:
        for depth, part in enumerate(parts := paths[one.place]):
            if owner := _by_platform(part, one.set):
                platform[one.place] = owner._replace(depth=depth)
                below.setdefault(parts[0], set()).add(owner[:2])
                break
    crowded = _crowded([one for one in found if one.place not in platform], paths)
    folders = {one.place for one in found if len(paths[one.place]) > 1}
    zips: dict[str, set] = {}
    for one in found:
        zips.setdefault(paths[one.place][0], set()).update(owner[:2] for owner in one.people)
    for one in found:
        parts, owner = paths[one.place], platform.get(one.place)
        if not owner and len(zips[parts[0]]) > 1:
            one.problem = one.problem or f"{parts[0]} is {DOUBTFUL}"
        if owner and owner.depth:
            # Inside a student's own folder a platform's pattern is not the platform's doing.
            several = len(below[parts[0]]) > 1
            if not folders <= {*platform} and several:
                one.problem = one.problem or (f"{parts[0]} is {DOUBTFUL}")
            elif not several and (not folders <= {*platform} or not owner.number):
                owner = None
        _own(one, owner or _without_platform(one, paths, hands, crowded, course), parts)


def _crowded(found: list[Found], paths: dict[int, list[str]]) -> set[str]:
    """Return the folders that may be sections: several of them hold a set in several folders."""
    inner: dict[tuple, set] = {}
    for one in found:
        first, *rest = paths[one.place][:-1] or [""]
        inner.setdefault((first, one.set), set()).update(rest[:1])
    crowded = {first for (first, _), names in inner.items() if len(names) > 1}
    return crowded if len(crowded) > 1 else set()


def _without_platform(
    one: Found,
    paths: dict[int, list[str]],
    hands: dict[int, str],
    crowded: set[str],
    course: Course,
) -> Owner:
    """Return whose a file is that no platform has named."""
    *parts, stem = paths[one.place]
    hand = hands[one.place]
    if not parts:
        return Owner(hand)
    known = [depth for depth, part in enumerate(parts) if _is_known(part, course)]
    alone = len({path[0] for path in paths.values()}) == 1
    if known and (known[0] == 0 or alone):
        return Owner(parts[known[0]], depth=known[0])
    several = alone and len({*filter(None, hands.values())}) > 1
    if hand and (several or stem.endswith(f"({hand})")):
        parts = [*parts, hand]
    around = parts[0] in crowded or AROUND.fullmatch(parts[0])
    if len(parts) > 1 and (alone or known or around) and not one.problem:
        one.problem = (
            f"it could be of {' or '.join(parts)}: if {parts[0]} is no student, collect it by "
            f"itself; if it is one, put the file there as {one.set}.ipynb"
        )
    return Owner(parts[0])


def _own(one: Found, owner: Owner, parts: list[str]) -> None:
    """Enter whose a file is, and what of its path is the upload."""
    one.student, one.number = safe_id(owner.student), owner.number
    one.folder, one.late = owner.folder, owner.late
    one.time = owner.time or one.time
    one.state = owner.number or unicodedata.normalize("NFC", owner.student)
    one.upload = "/".join([*parts[: owner.depth + 1], owner.number])
    folder = parts[owner.depth]
    inside = one.folders[one.folders.index(folder) + 1 :] if folder in one.folders else []
    own = not {"solution", "solutions"} & {part.lower() for part in inside}
    one.order = (one.kind, owner.order, own, not one.copy, *_version(one.stem), *one.order)
    if not one.student and not one.problem:
        one.problem = "it does not show whose it is: put it in a folder with the student's name"


def find(path: Path, course: Course, only: str | None = None) -> list[Found]:
    """Return all files of a folder or zip file: submissions, and all but the latest marked older.

    Args:
        path: the folder or zip file.
        course: whose sets they may belong to.
        only: the set that all of them belong to, if it is known.
    """
    sources = {}
    for name in course.sets():
        with contextlib.suppress(CourseError):  # a set that is being written stops no other
            sources[name] = course.source(name)
    done = []
    for place, item in enumerate(items(path)):
        one = item if isinstance(item, Found) else _understood(item, sources, course, only)
        one.place = place
        done.append(one)
    _owners([one for one in done if one.stem], course, only)
    _tell_namesakes(done, course)
    _choose_latest([one for one in done if not one.problem])
    done = [one for one in done if not (one.copy and one.state == "older")]
    for one in done:  # a name may hold what a terminal cannot show, or would obey
        for part in ("path", "problem", "warning"):
            text = "".join(c if c.isprintable() else "?" for c in getattr(one, part))
            setattr(one, part, text)
    return sorted(done, key=lambda one: one.path)


def _choose_latest(found: list[Found]) -> None:
    """Mark all but one file of each student and set; say where one upload has several."""
    groups: dict[tuple, list[Found]] = {}
    for one in found:
        groups.setdefault((one.student, one.set), []).append(one)
    for group in groups.values():
        *older, latest = sorted(group, key=lambda one: one.order)
        for one in older:
            one.state, one.warning = "older", ""
        others = [
            one.path
            for one in older
            if one.upload == latest.upload and one.digest != latest.digest and not one.copy
        ]
        if latest.copy:
            what = "has no answers" if others else "is not there"
            latest.warning = f"this is Jupyter's own copy: the notebook itself {what}"
        elif others:
            words = f"this one is taken of {len(others) + 1} in one upload, not {', '.join(others)}"
            latest.warning = "; ".join(filter(None, (latest.warning, words)))


def _understood(item: Item, sources: dict[str, Source], course: Course, only: str | None) -> Found:
    file = PurePosixPath(_nfc(item.path))
    stem = file.name[: -next(len(e) for e in ENDINGS if file.name.lower().endswith(e))]
    found = Found(str(file), stem=stem or "_", folders=list(file.parts[:-1]))
    found.stem = found.stem.removesuffix("-checkpoint") if found.copy else found.stem
    found.naming = found.folders
    if outside := found.folders[: item.outside] if item.outside else []:
        found.zipped = not all(NOBODY.fullmatch(p) or AROUND.fullmatch(p) for p in outside)
        found.naming = outside if found.zipped else found.folders
        found.people = [*filter(None, map(_by_platform, file.parts[item.outside :]))]
    found.digest, found.order = hashlib.sha256(item.data).hexdigest(), (item.time, item.path)
    found.time = item.uploaded if found.zipped else item.time
    _choose_set(found, _ascii(item.data), course, sources, only)
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
            if (course.root / "own" / one.set / own).is_dir():  # as the grading worksheet told
                one.student, one.state = own, ""
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
            # A name in another encoding than the system's has halves of surrogates in it.
            digest = hashlib.sha256(one.state.encode(errors="surrogatepass")).hexdigest()[:6]
            one.student += f"_{one.state if one.state.isdecimal() else digest}"
        one.state = ""


def _number(course: Course, student: str, name: str) -> str:
    """Return the number under which a student's submission came from Moodle."""
    if not course.submission(student, name):
        return ""
    return late.origin(course, student, name).get("number", "")


def collect(path: Path, course: Course, only: str | None = None) -> list[Found]:
    """Copy submissions into the course; what was there before is kept in submitted_before.

    Raises:
        CourseError: the path is neither a folder nor a zip file, or nothing is in it.
    """
    found = find(path, course, only)
    if not found:
        raise CourseError(f"collect: no notebook was found in {path}")
    chosen = {one.place: one for one in found if not one.problem and one.state != "older"}
    for place, item in enumerate(items(path)):
        if (one := chosen.get(place)) is None:
            continue
        if not isinstance(item, Item) or hashlib.sha256(item.data).hexdigest() != one.digest:
            one.problem = "it has changed while it was read: collect again"
            continue
        try:
            _take(one, item.data, course)
        except OSError as error:  # the others are not its prisoners
            one.problem = f"it cannot be stored: {error.strerror}"
    return found


def _take(one: Found, data: bytes, course: Course) -> None:
    """Copy one submission into the course, unless the platform has given the same before.

    What then lies in `submitted` may be another file, which somebody has repaired.
    """
    target = course.file("submitted", one.student, one.set)
    for folder in (target.parent, target.parent.parent):
        if folder.is_symlink():  # which `grade` follows as little
            one.problem = f"{folder.relative_to(course.root)} is a link: put the folder there"
            return
    before = course.submission(one.student, one.set)
    there = before.read_bytes() if before else b""
    first = late.origin(course, one.student, one.set) if before else {}
    if before and (there == data or first.get("digest") == one.digest):
        one.state = "same"
    elif before and one.kind < ANSWERED == _kind_of(there, one.set, course):
        one.state = "kept out"
        one.warning = (
            f"{one.student} has handed in answers to {one.set} before, and this has "
            f"{'none' if one.kind == UNTOUCHED else 'none of its own'}: what was there stays"
        )
        return
    time = datetime.fromtimestamp(one.time).isoformat(timespec="seconds") if one.time else ""
    known = {"time": time, "late": one.late, "number": one.number, "folder": one.folder}
    if one.state != "same":
        one.state = "changed" if before else "new"
        if before:
            _keep(course.root / "submitted_before" / one.student / one.set, before, there)
        with replacing(target) as file:
            file.write(data)
        if before and before != target:
            before.unlink()
    elif first and first.get("digest", one.digest) == one.digest:  # it came when it came first
        known |= {key: first.get(key) for key in ("time", "late")}
    # Afterwards: what could not be stored is not the same when it is collected again.
    late.remember(course, one.student, one.set, known | {"digest": one.digest})


def _keep(folder: Path, before: Path, there: bytes) -> None:
    """Keep an earlier submission under a number that nothing in the folder has."""
    folder.mkdir(parents=True, exist_ok=True)
    number = len(list(folder.iterdir())) + 1
    while not create(folder / f"{number}_{before.name[-100:]}", there):
        number += 1


def _kind_of(data: bytes, name: str, course: Course) -> int:
    text, source = _ascii(data), course.source(name)
    return _kind(text, source, source.marks_in(text) > 1)
