"""Where things are in a course: nbgrader's folders, and a few of our own beside them.

source/SET/SET.ipynb            the solutions, with hidden tests
release/SET/SET.ipynb           what students get
own/SET/ID/SET.ipynb            what each student gets who has a blank of their own
submitted/ID/SET/SET.ipynb      what they hand in, as it came
mended/ID/SET/SET.ipynb         a copy that can be graded
results/SET/ID.json             verdicts, and what was found
autograded/ feedback/           nbgrader's, from the mended copies
gradebook.db nbgrader_config.py nbgrader's books and settings
late.toml grading.toml          the course's own settings, where there are any
"""

import difflib
import functools
import hashlib
import json
import os
import re
import secrets
import tomllib
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from .._files import replacing
from ..exercises import own
from .examine import Source, worth
from .student import to_text

LONGEST = 160
"""Bytes of a student's id; a folder's name may have 255, and endings are added to it."""
SECRET = ".secret"
GRADING = "grading.toml"
SOLUTIONS = Path(__file__).resolve().parents[2] / "notebooks" / "solutions"

CONFIG = '''"""What nbgrader's own tools need to know of this course."""

import os

c = get_config()
c.CourseDirectory.root = os.path.dirname(os.path.abspath(__file__))
c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE\\nraise NotImplementedError"}

# A student's code is run in a sandbox by `nnfromscratch course grade`, and nowhere else. So
# `nbgrader autograde` takes the verdicts from there, and stops where there are none.
c.CourseDirectory.submitted_directory = "mended"
c.Autograde.autograde_preprocessors = [
    "nnfromscratch.course.books.Verdicts",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Verdicts.course = c.Harmless.course = c.CourseDirectory.root
c.GenerateFeedback.preprocessors = [
    "nbgrader.preprocessors.GetGrades",
    "nnfromscratch.course.books.Harmless",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]
'''


class CourseError(Exception):
    """Something is not as the command needs it; the message says what to do."""


class InUse(CourseError):
    """Another program keeps what is needed: nothing can be done until it has ended."""


class Course:
    """A course's folder.

    Args:
        root: the folder, made by `course init`.

    Raises:
        CourseError: it is not such a folder.
    """

    def __init__(self, root: Path):
        self.root = Path(root).resolve()
        if not (self.root / "nbgrader_config.py").is_file():
            raise CourseError(
                f"{self.root} is not a course. Make one with `nnfromscratch course init FOLDER`, "
                "then work in it, or name it with --course FOLDER."
            )

    @property
    def seed(self) -> bytes:
        """What the graders' cases are drawn from: the same in every run, and nobody's guess."""
        return self._drawn_from(".seed", "the graders' cases")

    @property
    def secret(self) -> bytes:
        """What the own blanks are drawn from. Whoever has it can make every student's."""
        return self._drawn_from(SECRET, "own blanks")

    def _drawn_from(self, name: str, what: str) -> bytes:
        path = self.root / name
        data = path.read_bytes() if path.is_file() else b""
        if not data:
            raise CourseError(
                f"{path} is missing or empty: {what} are drawn from it. Put the file back if there "
                f"is a copy; `nnfromscratch course init {self.root}` makes another, from which "
                "others are drawn"
            )
        return data

    @property
    def partial_credit(self) -> bool:
        """Whether a wrong answer with several results gets points for those that are right.

        Raises:
            CourseError: `grading.toml` says anything but `partial_credit = true` or false.
        """
        path = self.root / GRADING
        given = settings(path)
        value = given.pop("partial_credit", False)
        if given or not isinstance(value, bool):
            raise CourseError(f"{path} may have one line, partial_credit = true, or false")
        return value

    def own_draw(self, student: str, name: str) -> own.Draw | None:
        """Return the draw of a student's own blank, or None if the set has none.

        Until a set has been released for each student, all have the blank for practice.
        """
        kind = own.kind_in(self.source(name).notebook)
        if not kind:
            return None
        if not student or not self.given_own(name):
            return self._practice(name)
        return own.drawn(self.secret, student, name, kind)

    def _practice(self, name: str) -> own.Draw:
        """Return the draw that stands in the source, under whatever name the set has now."""
        draws = own.lines_of(self.source_file(name).read_bytes())
        if not draws or not draws[0]:
            raise CourseError(f"{self.source_file(name)} has lost the line `mine = (...)`")
        return draws[0]

    def given_own(self, name: str) -> list[str]:
        """Return the students for whom a set was released."""
        return sorted(path.name for path in (self.root / "own" / name).glob("*") if path.is_dir())

    def own_of_others(self, name: str) -> dict[str, own.Draw]:
        """Return the draw of everybody who has one, and under "" that for practice."""
        kind = own.kind_in(self.source(name).notebook)
        everyone = {*self.given_own(name), *self.submissions(name)} if kind else ()
        draws = {student: own.drawn(self.secret, student, name, kind) for student in everyone}
        return draws | ({"": self._practice(name)} if kind else {})

    def sets(self) -> list[str]:
        """Return the names of the sets that there are: folders with a notebook of their name."""
        paths = (self.root / "source").glob("*/*.ipynb")
        return sorted(path.stem for path in paths if path.stem == path.parent.name)

    def resolve(self, name: str) -> str:
        """Return the set that is meant: "02" is short for "02_exercises".

        Raises:
            CourseError: there is no such set.
        """
        for candidate in (name, f"{name}_exercises", f"{name.zfill(2)}_exercises"):
            if candidate in self.sets():
                return candidate
        if name and (self.root / "source" / name).is_dir():
            self.source_file(name)  # says what is missing
        raise CourseError(f"there is no set {name!r} in source; there are {', '.join(self.sets())}")

    def source_file(self, name: str) -> Path:
        """Return a set's solution notebook."""
        path = self.root / "source" / name / f"{name}.ipynb"
        if not path.is_file():
            raise CourseError(f"{path} is missing: a set is a folder with a notebook of its name")
        return path

    def source(self, name: str) -> Source:
        """Return a set's solution notebook, taken apart."""
        try:
            return Source(json.loads(self.source_file(name).read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError, AttributeError, SyntaxError) as error:
            raise CourseError(f"{self.source_file(name)} cannot be used: {error}") from None

    def released(self) -> list[str]:
        """Return the sets that have been released."""
        return [n for n in self.sets() if (self.root / "release" / n / f"{n}.ipynb").is_file()]

    def released_points(self, name: str) -> dict[str, float]:
        """Return the points of each graded cell as they were released."""
        try:
            path = self.root / "release" / name / f"{name}.ipynb"
            return worth(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError):
            return {}

    def file(self, step: str, student: str, name: str, ending: str = "ipynb") -> Path:
        """Return the path of one student's file."""
        return self.root / step / student / name / f"{name}.{ending}"

    def submission(self, student: str, name: str) -> Path | None:
        """Return what a student handed in, under whatever file name.

        A link is nobody's work: it could lead to another student's, or to the solution. Of a folder
        that cannot be looked into it is the path that its file should have: whoever opens that is
        told why it cannot be.
        """
        path = self.file("submitted", student, name)
        folder = path.parent
        try:
            if folder.is_symlink() or folder.parent.is_symlink():
                return None
            files = [one for one in folder.iterdir() if one.is_file() and not one.is_symlink()]
            others = [one for one in files if one.name[0] != "."]
            named = [one for one in others if ".ipynb" in one.name] or others
            latest = max(named, key=lambda one: one.stat().st_mtime, default=None)
            return path if path in files else latest
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            return path

    def submissions(self, name: str) -> list[str]:
        """Return the students who handed something in."""
        students = [path.name for path in (self.root / "submitted").glob("*")]
        return sorted(student for student in students if self.submission(student, name))

    def key(self, student: str, name: str) -> str:
        """Return what changes when submission, source, checks, released points or settings do.

        Raises:
            OSError: the submission cannot be read.
        """
        digest = hashlib.sha256(self.source_file(name).read_bytes() + checks_digest())
        digest.update(repr(sorted(self.released_points(name).items())).encode())
        digest.update(repr(self.own_draw(student, name)).encode())
        digest.update(b"partial credit" * self.partial_credit)
        with open(self.submission(student, name), "rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
        return digest.hexdigest()

    def result(self, student: str, name: str) -> dict | None:
        """Return what is known of a submission, if it has been graded."""
        try:
            path = self.root / "results" / name / f"{student}.json"
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def store(self, student: str, name: str, result: dict) -> None:
        """Store what is known of a submission."""
        write(self.root / "results" / name / f"{student}.json", json.dumps(result, indent=1))


@functools.cache
def checks_digest() -> bytes:
    """Return what changes when a check of this package changes, and with it what is right."""
    files = sorted((Path(__file__).parent.parent / "exercises").rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).digest()


def settings(path: Path) -> dict:
    """Return what a file of the course's own settings says; without the file, nothing.

    Raises:
        CourseError: it cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # as editors on Windows save it
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CourseError(f"{path} cannot be read: {error}") from None


def meant(student: str, students: Iterable[str]) -> str:
    """Return the question to ask about an id that is nobody's: whose it may be."""
    known = {one.casefold(): one for one in students}
    near = [known[one] for one in difflib.get_close_matches(student.casefold(), known, 3, 0.5)]
    return f"; do you mean {' or '.join(near)}?" if near else ""


def write(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with replacing(path) as file:
        file.write(text.encode())


def init(root: Path, solutions: Path | None, *, own_blanks: bool = False) -> Course:
    """Make a course's folder, or complete one; return the course.

    Args:
        root: where.
        solutions: the folder with the solution notebooks to start from.
        own_blanks: whether each set that is new in the folder gets a blank of each student's own.

    Raises:
        CourseError: there are none, or root is a file.
    """
    solutions = Path(solutions or SOLUTIONS)
    sources = sorted(solutions.glob("*.ipynb"))
    if not sources:
        raise CourseError(
            f"no solution notebooks in {solutions}; name the repository's folder with "
            "--solutions notebooks/solutions"
        )
    root = Path(root).resolve()
    if root.exists() and not root.is_dir():
        raise CourseError(f"{root} is a file; a course is a folder")
    for folder in ("source", "release", "submitted"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name in (".seed", SECRET):
        if not (root / name).exists() or not (root / name).stat().st_size:
            with open(os.open(root / name, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
                file.write(secrets.token_hex(32).encode())
    if not (root / "nbgrader_config.py").exists():
        write(root / "nbgrader_config.py", CONFIG)
    for source in sources:
        target = root / "source" / source.stem / source.name
        if not target.exists():
            data = source.read_bytes()
            try:
                data = _with_own(data, source.stem, root) if own_blanks else data
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise CourseError(f"{source} cannot be used: {error}") from None
            with replacing(target) as file:
                file.write(data)
    return Course(root)


def _with_own(data: bytes, name: str, root: Path) -> bytes:
    """Return a solution notebook with the blank for practice in it."""
    kind = own.SETS.get(name.removesuffix("_exercises"))
    if not kind or name == "15_exercises":  # which no machine grades
        return data
    draw = own.drawn((root / SECRET).read_bytes(), "", name, kind)
    return to_text(own.with_own(json.loads(data), draw)).encode()


def safe_id(text: str) -> str:
    """Return a student's name or number as a folder and the gradebook can have it.

    A letter and its accent are one character, however they were typed. Signs that belong to a
    letter in other scripts stay. A name too long is cut, and a digest keeps it apart from others.
    """
    text = unicodedata.normalize("NFC", text)
    kept = [
        c if c.isalnum() or c in "_.@-" or unicodedata.category(c)[0] == "M" else " " for c in text
    ]
    name = re.sub(r" +", "_", "".join(kept).strip()).strip("._-@")
    if len(name) <= 80 and len(name.encode()) <= LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[:71].encode()[: LONGEST - 9].decode(errors='ignore')}_{digest}"
