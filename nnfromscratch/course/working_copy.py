"""The edition of a lesson to work in: a question comes before its answer.

The stored lessons keep their outputs, to be read and to be compared. The copy has none. Cells that
answer a prediction carry a tag:

    answer         its output is the answer
    answer-code    its code is the answer; it is folded in the copy

and may carry {"guess": {"prompt": "the loss of a network that knows nothing", "value": "loss"}} in
their metadata, `value` being an expression for what the lesson finds. In the copy, the guess can
then be typed before the answer and stands beside it afterwards. The cell that installs the course
where it is missing has the tag `install`, and is folded as well.
"""

import json
import posixpath
import re
from collections.abc import Container

ANSWER, ANSWER_CODE, INSTALL = "answer", "answer-code", "install"
IMPORT = "from nnfromscratch.exercises.predictions import answer, guess, how_near"
DOTS = "# your guess in place of the three dots"
# JupyterLab shows the first line of a folded cell, which must not be the answer.
FOLDED = "# The answer, folded: write your own first, then click here."
BESIDE = "# Your guess beside the answer"
_LINK = re.compile(
    r"(?P<before>\]\(|\b(?:src|href)=\")(?P<path>(?:[\w.-]+/)*[\w.-]+\.[A-Za-z]+)(?=[#)\"])"
)


def working_copy(
    notebook: dict,
    place: str = "notebooks/lesson.ipynb",
    copied: Container[str] = (),
    repository: str = "",
    following: tuple[str, str] | None = None,
) -> dict:
    """Return the edition of a lesson or set in which a learner works.

    Args:
        notebook: as json reads it; stays as it is.
        place: where it stands in the repository, from its root.
        copied: the places of the notebooks that are copied with it, each as far from the others as
            before. A link to another file leads to the repository's page.
        repository: the address of that page.
        following: file name and title of the lesson that comes next.
    """
    cells = []
    for cell in json.loads(json.dumps(notebook["cells"])):
        if cell["cell_type"] == "code":
            cells += _to_do(cell)
        else:
            if cell["cell_type"] == "markdown" and repository:
                _redirect(cell, posixpath.dirname(place), copied, repository)
            cells.append(cell)
    if any(cell["id"].endswith("-guess") for cell in cells):
        cells = _with_import(cells)
        cells.append(_markdown("how-near", "## How near you came"))
        cells.append(_code("how-near-code", "how_near()"))
    if following and f"({following[0]})" not in _source(_last_text(notebook)):
        cells.append(_markdown("next-lesson", f"**Next lesson:** [{following[1]}]({following[0]})"))
    return notebook | {"cells": cells}


def _to_do(cell: dict) -> list[dict]:
    """Return a code cell without its outputs, between a guess and its answer if it has one."""
    cell["outputs"], cell["execution_count"] = [], None
    metadata = cell["metadata"]
    guess = metadata.pop("guess", None)
    if ANSWER_CODE in metadata.get("tags", []):
        metadata["jupyter"] = {"source_hidden": True}
        cell["source"] = f"{FOLDED}\n{_source(cell)}".splitlines(keepends=True)
    if INSTALL in metadata.get("tags", []):
        metadata["jupyter"] = {"source_hidden": True}
    if not guess:
        return [cell]
    prompt = json.dumps(guess["prompt"], ensure_ascii=False)
    before = _code(f"{cell['id']}-guess", f"guess({prompt}, ...)  {DOTS}")
    after = _code(f"{cell['id']}-answer", f"{BESIDE}\nanswer({prompt}, {guess['value']})")
    after["metadata"] = {"jupyter": {"source_hidden": True}}
    return [before, cell, after]


def _with_import(cells: list[dict]) -> list[dict]:
    """Return the cells with the import of what guesses need behind the lesson's own imports."""
    first = next(
        place
        for place, cell in enumerate(cells)
        if cell["cell_type"] == "code" and INSTALL not in cell["metadata"].get("tags", [])
    )
    return [*cells[: first + 1], _code("import-guess", IMPORT), *cells[first + 1 :]]


def _redirect(cell: dict, folder: str, copied: Container[str], repository: str) -> None:
    """Let the links of a cell that lead out of the copy lead to the repository's page."""

    def target(match: re.Match) -> str:
        path = posixpath.normpath(posixpath.join(folder, match["path"]))
        if path in copied:
            return match[0]
        kind = "raw" if path.endswith((".png", ".svg", ".jpg", ".gif")) else "blob"
        return f"{match['before']}{repository}/{kind}/main/{path}"

    cell["source"] = _LINK.sub(target, _source(cell)).splitlines(keepends=True)


def _last_text(notebook: dict) -> dict:
    texts = [cell for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    return texts[-1] if texts else {"source": ""}


def _source(cell: dict) -> str:
    return "".join(cell["source"])


def _markdown(name: str, text: str) -> dict:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": [text]}


def _code(name: str, text: str) -> dict:
    return _markdown(name, text) | {"cell_type": "code", "execution_count": None, "outputs": []}
