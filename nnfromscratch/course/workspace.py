"""The learner's own folder: a working copy of the course, in which no work is ever lost.

No file that is there is written over, with one exception: `update` replaces a notebook that is byte
by byte as it was when it was put there. What was put there is remembered in a file of its own
(`.course.json`); without that file every notebook counts as changed.
"""

import hashlib
import itertools
import json
import re
from importlib import metadata
from pathlib import Path

from .._files import create, replacing
from .student import to_text
from .working_copy import working_copy

RECORD = ".course.json"
PACKAGE = Path(__file__).resolve().parents[1]
_BESIDE = re.compile(r"_(?:new|fresh)(?:_\d+)?\.ipynb$")


class WorkspaceError(Exception):
    """The learner's folder cannot be made or changed as asked; the message says what to do."""


def stored_notebooks() -> Path:
    """Return the folder with the course's lessons: the installed package's or the repository's."""
    places = PACKAGE / "_notebooks", PACKAGE.parent / "notebooks"
    for place in places:
        if any(place.glob("[0-9][0-9]_*.ipynb")):
            return place
    raise WorkspaceError(
        "the lessons are not here: this package was installed without them. Run the command in "
        "the course's repository."
    )


def repository() -> str:
    """Return the address of the repository's page, "" if the package is not installed."""
    try:
        lines = metadata.metadata("nnfromscratch").get_all("Project-URL", [])
    except metadata.PackageNotFoundError:
        return ""
    return next((line.split(", ")[1] for line in lines if line.startswith("Repository, ")), "")


def editions(notebooks: Path) -> dict[str, bytes]:
    """Return what belongs into a learner's folder: the text of each lesson and set by its name."""
    lessons = sorted(notebooks.glob("[0-9][0-9]_*.ipynb"))
    paths = [*lessons, *sorted(notebooks.glob("exercises/[0-9][0-9]_*.ipynb"))]
    read = {path: json.loads(path.read_text(encoding="utf-8")) for path in paths}
    names = {path: path.relative_to(notebooks).as_posix() for path in paths}
    copied = {f"notebooks/{name}" for name in names.values()}
    following = {
        path: (after.name, _title(read[after])) for path, after in itertools.pairwise(lessons)
    }
    return {
        names[path]: to_text(
            working_copy(
                notebook, f"notebooks/{names[path]}", copied, repository(), following.get(path)
            )
        ).encode()
        for path, notebook in read.items()
    }


def _title(notebook: dict) -> str:
    return "".join(notebook["cells"][0]["source"]).split("\n")[0].lstrip("# ")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Workspace:
    """A learner's folder.

    Args:
        folder: where it is, or is to be.
        editions: what belongs into it: the text of each notebook by its name.
    """

    def __init__(self, folder: Path, editions: dict[str, bytes]):
        self.folder, self.editions = Path(folder), editions
        self.record = self._stored_record()

    def make(self) -> list[str]:
        """Write what is missing; return its names."""
        made = [name for name in self.editions if self._create(name, self.editions[name])]
        for name, text in self.editions.items():
            if self._here(name) == _digest(text):
                self.record[name] = _digest(text)
        self._remember()
        return made

    def outdated(self) -> list[str]:
        """Return the notebooks of which the course has a version that the learner does not have."""
        found = []
        for name, text in self.editions.items():
            digest = _digest(text)
            if digest != self._here(name) and (
                self._unchanged(name) or digest not in self._given(name)
            ):
                found.append(name)
        return found

    def update(self) -> dict[str, str]:
        """Bring the versions that the course has now; return what was done, by name.

        Unchanged notebooks are replaced; beside a changed one, its new version gets a name of its
        own, once. Notebooks that are no longer in the course stay.
        """
        done = dict.fromkeys(self.make(), "new")
        for name in self.outdated():
            text = self.editions[name]
            if self._unchanged(name):
                self._replace(name, text)
                done[name] = "replaced"
            else:
                done[self._beside(name, "new", text)] = f"new version; your {name} stays as it is"
        for name in sorted(self.record.keys() - self.editions.keys()):
            if self._here(name) and not _BESIDE.search(name):
                done[name] = "no longer in the course; yours stays"
        self._remember()
        return done

    def fresh(self, which: str) -> str:
        """Put a fresh copy of a notebook beside the learner's; return its name.

        Args:
            which: a lesson's number, or a part of the name that only one notebook begins with.
        """
        name = self._resolve(which)
        text = self.editions[name]
        made = name if self._create(name, text) else self._beside(name, "fresh", text)
        self._remember()
        return made

    def _resolve(self, which: str) -> str:
        word = which.zfill(2) + "_" if which.isdigit() else which
        lessons = [name for name in self.editions if name.startswith(word)]
        sets = [n for n in self.editions if n.startswith(f"exercises/{word}")]
        found = lessons or sets
        if len(found) != 1 or not which:
            known = ", ".join(Path(name).stem for name in found or self.editions)
            raise WorkspaceError(
                f"--fresh must name one notebook, got {which!r}; there are {known}"
            )
        return found[0]

    def _path(self, name: str) -> Path:
        return self.folder / name

    def _here(self, name: str) -> str:
        """Return the SHA-256 of a file as it is now, "" if there is none."""
        try:
            return _digest(self._path(name).read_bytes())
        except (FileNotFoundError, IsADirectoryError):
            return ""
        except OSError:  # no reason to leave the other notebooks as they are
            return "cannot be read"

    def _unchanged(self, name: str) -> bool:
        return self._here(name) == self.record.get(name, "never")

    def _given(self, name: str) -> list[str]:
        """Return the SHA-256 of what was put there under this name and beside it."""
        return [self.record[n] for n in self.record if name in (n, _BESIDE.sub(".ipynb", n))]

    def _create(self, name: str, text: bytes) -> bool:
        made = create(self._path(name), text)
        if made:
            self.record[name] = _digest(text)
        return made

    def _replace(self, name: str, text: bytes) -> None:
        with replacing(self._path(name)) as file:
            file.write(text)
        self.record[name] = _digest(text)

    def _beside(self, name: str, word: str, text: bytes) -> str:
        """Write a copy beside a notebook, in place of an unchanged earlier one if there is one."""
        stem = name.removesuffix(".ipynb")
        for number in itertools.count(1):
            beside = f"{stem}_{word}{f'_{number}' if number > 1 else ''}.ipynb"
            if self._create(beside, text):
                return beside
            if self._unchanged(beside):
                self._replace(beside, text)
                return beside

    def _stored_record(self) -> dict[str, str]:
        try:
            stored = json.loads(self._path(RECORD).read_text(encoding="utf-8"))
            return {str(name): str(digest) for name, digest in stored.items()}
        except (OSError, ValueError, AttributeError):
            return {}

    def _remember(self) -> None:
        self.record = self._stored_record() | self.record  # another one may run at the same time
        with replacing(self._path(RECORD)) as file:
            file.write((json.dumps(self.record, indent=1, sort_keys=True) + "\n").encode())
