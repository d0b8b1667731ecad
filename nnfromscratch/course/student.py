"""The student edition: what is left of a solution notebook when solutions and hidden tests are out.

A solution notebook marks, as nbgrader does,

    ### BEGIN SOLUTION ... ### END SOLUTION            in the cells to fill in
    ### BEGIN HIDDEN TESTS ... ### END HIDDEN TESTS    in the cells with a check

and says in each such cell's metadata (nbgrader's schema 3) what it is and how many points it gives.
"""

import json
import re
from pathlib import Path

from .._files import replacing

CODE_STUB = ("# YOUR CODE HERE", "raise NotImplementedError")
TEXT_STUB = ("YOUR ANSWER HERE",)
SOLUTION = ("### BEGIN SOLUTION", "### END SOLUTION")
HIDDEN = ("### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS")

GOES_ON = "raises-exception"
"""The tag with which Run All goes on after a check that finds a blank, or a mistake."""


class SourceError(ValueError):
    """A solution notebook is not marked as it should be; the message names the cell."""


def student_edition(notebook: dict) -> dict:
    """Return the notebook without solutions, hidden tests and outputs.

    Args:
        notebook: a solution notebook, as json reads it.

    Raises:
        SourceError: a marker has no partner, or stands in a cell that is not for it.
    """
    cells, ids = [], set()
    for position, cell in enumerate(notebook["cells"], start=1):
        cell = json.loads(json.dumps(cell))
        kind = cell["metadata"].get("nbgrader", {})
        lines = "".join(cell["source"]).split("\n")
        where = f"cell {position}"
        if kind:
            name = kind.get("grade_id")
            if not name or name in ids:
                raise SourceError(f"{where}: grade_id must be there and be its own, got {name!r}")
            ids.add(name)
            where += f" ({name})"
        stub = CODE_STUB if cell["cell_type"] == "code" else TEXT_STUB
        lines, found = _without(lines, SOLUTION, where, stub)
        if found != bool(kind.get("solution")):
            raise SourceError(
                f"{where}: {SOLUTION[0]} and the metadata do not agree: in JupyterLab's side panel "
                "Create Assignment, such a cell is an answer, and no other cell is"
            )
        lines, hidden = _without(lines, HIDDEN, where, ())
        if hidden and not (kind.get("grade") and kind.get("locked")):
            raise SourceError(
                f"{where}: hidden tests belong in a cell that is graded and locked: in "
                "JupyterLab's side panel Create Assignment, Autograded tests"
            )
        cell["source"] = "\n".join(lines).rstrip("\n").splitlines(keepends=True)
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
        if kind.get("grade") and kind.get("locked"):
            tags = cell["metadata"].get("tags", [])
            cell["metadata"]["tags"] = [*tags, *({GOES_ON} - {*tags})]
        cells.append(cell)
    return notebook | {"cells": cells}


def _without(
    lines: list[str], markers: tuple[str, str], where: str, stub: tuple[str, ...]
) -> tuple[list[str], bool]:
    """Return the lines with the stub in place of each marked region, and whether there is one."""
    begin, end = markers
    kept, inside, found = [], False, False
    for line in lines:
        text = line.strip()
        if text in markers and inside != (text == end):
            raise SourceError(f"{where}: {text} has no partner")
        if text == begin:
            inside = found = True
            indent = line[: len(line) - len(line.lstrip())]
            kept += [indent + part for part in stub]
        elif text == end:
            inside = False
        elif not inside:
            kept.append(line)
    if inside:
        raise SourceError(f"{where}: {begin} has no partner")
    return kept, found


def to_text(notebook: dict) -> str:
    """Return the text of a notebook's file, in the form in which nbformat writes it."""
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def derive(folder: Path, *, check: bool = False) -> list[str]:
    """Write folder/exercises from folder/solutions, or with `check` only compare.

    Returns:
        the names of the notebooks that were written, or that differ.

    Raises:
        FileNotFoundError: there are no solutions.
        SourceError: a solution notebook cannot be derived from; the message names file and cell.
    """
    sources = sorted(Path(folder, "solutions").glob("[0-9][0-9]_*.ipynb"))
    if not sources:
        raise FileNotFoundError(f"no solution notebooks in {Path(folder, 'solutions')}")
    changed, failed = [], []
    for source in sources:
        try:
            text = to_text(student_edition(json.loads(source.read_text(encoding="utf-8"))))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            failed.append(f"{source.name}: {error}")
            continue
        target = Path(folder, "exercises", source.name)
        if not target.exists() or target.read_bytes() != text.encode():
            changed.append(target.name)
            if not check:
                _keep_work(target)
                with replacing(target) as file:
                    file.write(text.encode())
    names = {source.name for source in sources}
    for orphan in sorted(Path(folder, "exercises").glob("[0-9][0-9]_*.ipynb")):
        if orphan.name not in names:  # a learner's own file is not ours to delete
            changed.append(f"{orphan.name} (it has no solution notebook)")
    if failed:  # the others are written
        raise SourceError("; ".join(failed))
    return changed


def _keep_work(path: Path) -> None:
    """Put a notebook in which somebody has worked aside, whoever may still want it."""
    if path.exists() and _is_work(path.read_bytes()):
        number = 1
        while (kept := path.with_name(f"kept_{number}_{path.name}")).exists():
            number += 1
        path.rename(kept)


def _is_work(data: bytes) -> bool:
    """Tell whether a student edition was run, saved by an editor, or filled in."""
    try:
        text = data.decode()
        notebook = json.loads(text)
        if re.search(r'"execution_count": \d', text) or to_text(notebook) != text:
            return True
        if len(notebook["metadata"]["language_info"]) > 1:  # editors write the version
            return True
        kinds = ((cell, cell["metadata"].get("nbgrader", {})) for cell in notebook["cells"])
        answers = [cell for cell, kind in kinds if kind.get("solution")]
        stubs = (CODE_STUB[1], TEXT_STUB[0])
        return not all(any(stub in "".join(c["source"]) for stub in stubs) for c in answers)
    except (ValueError, KeyError, TypeError, AttributeError):
        return True


def secrets(notebook: dict) -> list[str]:
    """Return the lines of a solution notebook that its student edition must not hold."""
    lines = []
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        for begin, end in (SOLUTION, HIDDEN):
            for region in re.findall(f"{begin}\n(.*?){end}", text, re.DOTALL):
                lines += [line.strip() for line in region.splitlines()]
    return [line for line in lines if line]
