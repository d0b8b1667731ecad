"""Read a submission whatever its state, and mend in a copy what a grader would stumble over.

What is found stands in `Examined.findings`, as pairs of a kind and a sentence. The rule for all of
it: a part that is intact keeps its points, whatever happened to the rest.
"""

import ast
import contextlib
import json
import re
from dataclasses import dataclass, field

from ..exercises import Exercise, all_exercises
from .cells import begin_file, defined, held_by_a_magic, names_of, python, used
from .pictures import kept
from .student import CODE_STUB, SOLUTION, TEXT_STUB, student_edition

LARGEST = 200 << 20
"""Bytes of a file that is not even tried."""
COPIED = "published solution"
"""What is found in a file that has answers from the solution notebook."""
LONG = 5
"""Lines of a solution that nobody writes in the same words by chance."""
WRONG = "wrong notebook"
"""What is found in a file that lacks most of the set's blanks."""
HEAVY = 20 << 20
"""Bytes above which a file is worth a word."""


def text_of(cell: dict) -> str:
    """Return the text of a cell."""
    source = cell.get("source", "")
    text = source if isinstance(source, str) else "".join(map(str, source))
    text = text.replace("\r\n", "\n")  # as Jupyter's editor does
    return text.encode("utf-8", "replace").decode()  # half a surrogate is in no file


def worth(notebook: dict) -> dict[str, float]:
    """Return the points of each graded cell of a source or a released notebook."""
    kinds = [cell["metadata"].get("nbgrader", {}) for cell in notebook["cells"]]
    return {k["grade_id"]: float(k["points"]) for k in kinds if k.get("grade")}


def _bodies(tree: ast.Module) -> dict[str, str]:
    """Return what functions and classes of a cell do, without docstrings and comments."""
    bodies = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            lines = [part for part in node.body if not _is_text(part)]
            with contextlib.suppress(RecursionError):  # a sum of a thousand terms is nobody's copy
                bodies[node.name] = "\n".join(ast.dump(line) for line in lines)
    return bodies


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


@dataclass(frozen=True)
class Check:
    """A graded cell with code: its points depend on what the blanks that it names do."""

    grade_id: str
    points: float
    code: str
    names: tuple[str, ...]
    own: Exercise | None = None
    """What `check_own` stands for: the exercise drawn for the student."""
    partial: bool = False
    """Whether the results that are right give a part of the points."""

    @property
    def exercises(self) -> dict[str, Exercise]:
        """The exercises that it asks for a judgement, by the names under which it calls them."""
        by_name = {f"check_{exercise.name}": exercise for exercise in all_exercises()}
        if self.own:
            by_name["check_own"] = self.own
        return {name: by_name[name] for name in used(self.code) & by_name.keys()}


class Source:
    """What a set asks for: a solution notebook, taken apart.

    Args:
        notebook: the solution notebook, as json reads it.
        own: the exercise of its own blank, drawn for one student.
        partial: whether the results that are right give a part of a blank's points.
    """

    def __init__(self, notebook: dict, own: Exercise | None = None, partial: bool = False):
        self.notebook = notebook
        self.released = student_edition(notebook)
        self.prelude, self.blanks, graded = [], {}, []
        """Cells of code that are not graded; which cell a name is to be defined in."""
        self.long: dict[str, str] = {}
        """The solutions that are too long to be found again by chance."""
        for cell in notebook["cells"]:
            kind = cell["metadata"].get("nbgrader", {})
            if cell["cell_type"] != "code":
                continue
            code = python(text_of(cell))
            if kind.get("solution"):
                tree = ast.parse(code)
                regions = re.findall("{}\n(.*?){}".format(*SOLUTION), text_of(cell), re.DOTALL)
                if max((len(r.strip().splitlines()) for r in regions), default=0) >= LONG:
                    self.long |= _bodies(tree)
                self.blanks |= dict.fromkeys(defined(tree), kind["grade_id"])
            elif kind.get("grade"):
                graded.append((kind, code))
            else:
                self.prelude.append(code)
        self.checks = []
        for kind, code in graded:
            known = used(code)
            names = tuple(name for name in self.blanks if name in known)
            about = kind["grade_id"], float(kind["points"]), code, names, own, partial
            self.checks.append(Check(*about))
        self.cells = {
            kind["grade_id"]: cell
            for cell in self.released["cells"]
            if (kind := cell["metadata"].get("nbgrader"))
        }

    def marks_in(self, data: bytes) -> int:
        """Return how many marks of this set, ids of cells and names of blanks, a file has."""
        marks = [f'"{grade_id}"' for grade_id in self.cells]
        marks += [f"def {blank}(" for blank in self.blanks]
        return sum(mark.encode() in data for mark in marks)

    @property
    def stubs(self) -> int:
        """How many places the set leaves to fill in."""
        text = "".join(map(text_of, self.cells.values()))
        return text.count(CODE_STUB[1]) + text.count(TEXT_STUB[0])

    @property
    def manual(self) -> dict[str, float]:
        """The cells that a person grades, and their points."""
        kinds = [cell["metadata"]["nbgrader"] for cell in self.cells.values()]
        return {k["grade_id"]: float(k["points"]) for k in kinds if k["grade"] and k["solution"]}

    @property
    def practice(self) -> list[str]:
        """The checks that a sandbox cannot hold: they train networks beside the answers."""
        return [
            check.grade_id
            for check in self.checks
            if not all(exercise.gradable for exercise in check.exercises.values())
        ]

    @property
    def points(self) -> float:
        """All points of the set."""
        return sum(check.points for check in self.checks) + sum(self.manual.values())


def likely(data: bytes, sources: dict[str, Source]) -> list[str]:
    """Return the sets that a file has most marks of: none, one, or several with as many."""
    scores = {name: source.marks_in(data) for name, source in sources.items()}
    best = max(scores.values(), default=0)
    return [name for name in scores if scores[name] == best >= 2]


@dataclass
class Examined:
    """A submission that can be graded, and what was found on the way."""

    notebook: dict
    """The mended copy, in nbformat 4.5, without outputs."""
    findings: list[tuple[str, str]] = field(default_factory=list)
    human: bool = False
    """Whether somebody must look: little or nothing of the set was found."""
    unreadable: bool = False
    """Whether there is nothing to run: not a notebook, or one without any blank of the set."""
    run: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    """The cells to run: id, code, and which blanks it defines."""
    problems: dict[str, str] = field(default_factory=dict)
    """Why a blank may not be defined."""
    claims: set[str] = field(default_factory=set)
    """Blanks whose check, by the outputs in the file, was passed."""

    def note(self, kind: str, sentence: str) -> None:
        """Add a finding."""
        self.findings.append((kind, sentence))

    def above(self, grade_id: str) -> int:
        """Return how many of the cells to run stand above a graded one."""
        cells = self.notebook["cells"]
        place = [_id_of(cell) for cell in cells].index(grade_id)
        run = {name for name, *_ in self.run}
        return sum(cell["id"] in run for cell in cells[:place])


def unread(source: Source, why: str) -> Examined:
    """Return an empty notebook for a person, in place of a file that cannot be read."""
    done = Examined({})
    done.note("unreadable", why)
    return _mended(None, source, done)


def examine(data: bytes, source: Source) -> Examined:
    """Return what a file holds, mended; if it cannot be read, an empty notebook for a person."""
    done = Examined({})
    begin_file()
    return _mended(_cells(data, done), source, done)


def _mended(cells: list[dict] | None, source: Source, done: Examined) -> Examined:
    if cells is None:
        done.human = done.unreadable = True
        cells = [_plain(cell) for cell in source.released["cells"]]
    cells = _matched(cells, source, done)
    for number, cell in enumerate(cells, 1):
        cell["id"] = f"cell-{number}"
    _to_run(cells, source, done)
    kernel = source.notebook.get("metadata", {}).get("kernelspec", {})
    done.notebook = {
        "cells": [
            {key: cell[key] for key in _KEYS[cell["cell_type"]] if key in cell} for cell in cells
        ],
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return done


_KEYS = {
    kind: ("id", "cell_type", "metadata", "source")
    + (("outputs", "execution_count") if kind == "code" else ("attachments",))
    for kind in ("code", "markdown", "raw")
}


def _cells(data: bytes, done: Examined) -> list[dict] | None:
    """Return the cells of a file, or note why there are none."""
    if not data.strip():
        return done.note("unreadable", "The file is empty.")
    if len(data) > LARGEST:
        return done.note("unreadable", f"The file has {len(data) >> 20} MB, too many to read.")
    if len(data) > HEAVY:
        done.note("mended", f"The file has {len(data) >> 20} MB; its outputs are left out.")
    text, encoding = decoded(data)
    if not encoding.startswith("utf-8"):
        done.note("mended", "The file is not in UTF-8.")
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError) as error:
        why, notebook = str(error)[:100], {"cells": _salvaged(text)}
        if not notebook["cells"]:
            return done.note("unreadable", f"The file is not JSON: {why}.")
        count, done.human = len(notebook["cells"]), True
        done.note("unreadable", f"The file is damaged ({why}): only its first {count} cells count.")
    if not isinstance(notebook, dict):
        return done.note("unreadable", "The file is JSON, but not a notebook.")
    version = notebook.get("nbformat")
    if (isinstance(version, int) and version < 4) or "worksheets" in notebook:
        done.note("mended", f"The notebook has the old format {str(version)[:20]!r}.")
    cells = _listed(notebook.get("cells"))
    if not cells:
        sheets = [s for s in _listed(notebook.get("worksheets")) if isinstance(s, dict)]
        cells = [cell for sheet in sheets for cell in _listed(sheet.get("cells"))]
    known = [_plain(cell) for cell in cells if isinstance(cell, dict)]
    if len(known) < len(cells):
        done.note("mended", f"{len(cells) - len(known)} cells are not cells at all; left out.")
    if not any(cell["source"].strip() for cell in known):
        return done.note("unreadable", "The notebook has no cell with anything in it.")
    for cell in known:
        for output in cell.pop("shown"):
            name = re.search(r"^(\w+): right, in all \d+ cases", output, re.M)
            if name:
                done.claims.add(name[1])
    return known


def _listed(value: object) -> list:
    """Return the parts of what should be a list."""
    if isinstance(value, dict):
        return [value] if "cell_type" in value else list(value.values())
    return value if isinstance(value, list) else []


def decoded(data: bytes) -> tuple[str, str]:
    """Return the text of a file and its encoding, which JSON shows by its first bytes.

    Without a mark or a zero among them it is no UTF-16, however even their number is; what is no
    UTF-8 either is of an old editor, whose letters beyond ASCII are guessed.
    """
    for encoding in (json.detect_encoding(data), "cp1252"):
        with contextlib.suppress(UnicodeError):
            return data.decode(encoding), encoding
    return data.decode("mac-roman"), "mac-roman"


def _salvaged(text: str) -> list:
    """Return the cells before the place where a file is cut off or damaged."""
    start, cells, decoder = re.search(r'"cells"\s*:\s*\[', text), [], json.JSONDecoder()
    place = start.end() if start else len(text)
    with contextlib.suppress(ValueError, RecursionError):
        while (place := re.compile(r"[\s,]*").match(text, place).end()) < len(text):
            cell, place = decoder.raw_decode(text, place)
            cells.append(cell)
    return cells


def _plain(cell: dict) -> dict:
    """Return a cell that is valid whatever it was: version 3's `input` is `source` today."""
    kind = cell.get("cell_type")
    text = cell.get("source", cell.get("input", ""))
    if kind == "heading":
        level = cell.get("level")
        level = min(level, 6) if type(level) is int and level > 0 else 1
        text = text if isinstance(text, str | list) else ""
        text, kind = f"{'#' * level} {text_of({'source': text})}", "markdown"
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    outputs = cell.get("outputs") if isinstance(cell.get("outputs"), list) else []
    text = text_of({"source": text if isinstance(text, str | list) else ""})
    pictures = {}
    if kind != "code":
        text, pictures = kept(text, cell.get("attachments"))
    return {
        "cell_type": kind if kind in ("code", "markdown") else "raw",
        "source": text,
        "attachments": pictures,
        "metadata": {"nbgrader": nbgrader} if isinstance(nbgrader, dict) else {},
        "outputs": [],
        "execution_count": None,
        "shown": [
            text_of({"source": output.get("text", "")})[:1000]
            for output in outputs
            if isinstance(output, dict) and isinstance(output.get("text", ""), str | list)
        ],
    }


def _same(a: str, b: str) -> bool:
    return a.split() == b.split()


def _matched(cells: list[dict], source: Source, done: Examined) -> list[dict]:
    """Return the cells with each of the source's graded ones once, where it belongs."""
    found: dict[str, list[dict]] = {}
    for cell in cells:
        name = cell["metadata"].pop("nbgrader", {}).get("grade_id")
        if isinstance(name, str) and name in source.cells:
            found.setdefault(name, []).append(cell)
        elif name:
            done.note("mended", f"A cell has the grade_id {str(name)[:60]!r}, which is unknown.")
    lost = [name for name in source.cells if name not in found]
    taken = {id(cell) for group in found.values() for cell in group}
    if lost:
        _recover(cells, source, lost, found, taken, done)
    _enough(cells, source, found, done)
    chosen: dict[int, str] = {}
    for name, group in found.items():
        unseen = _below_check(cells, source, name, found)
        cell = _best(group, source.cells[name], _names_in(source, name), unseen)
        if len(group) > 1:
            done.note("mended", f"{len(group)} cells have the grade_id {name}; one is graded.")
        chosen[id(cell)] = name
    result, placed = [], set()
    order = list(source.cells)
    for cell in cells:
        name = chosen.get(id(cell))
        if name is not None:
            whole = next((check.code for check in source.checks if check.grade_id == name), "")
            result += _restored(cell, source.cells[name], whole, done)
            placed.add(name)
        else:
            result.append(cell)
    for name in order:
        if name not in placed:
            done.note("mended", f"The cell {name} is missing; it is put back.")
            before = order[: order.index(name)]
            places = [i for i, cell in enumerate(result) if _id_of(cell) in before]
            result.insert(max(places, default=len(result) - 1) + 1, _fresh(source.cells[name]))
    return _answered(result, source, done)


def _answered(cells: list[dict], source: Source, done: Examined) -> list[dict]:
    """Put an answer in words that stands in cells of its own into the cell that is graded."""
    released = [_plain(cell) for cell in source.released["cells"]]
    given = [cell["source"] for cell in released]
    for name in source.manual:
        question = given[max(0, [_id_of(cell) for cell in released].index(name) - 1)]
        place = next(i for i, cell in enumerate(cells) if _id_of(cell) == name)
        if not _same(cells[place]["source"], text_of(source.cells[name])):
            continue
        first, last = place, place + 1
        while first and not _id_of(cells[first - 1]):
            first -= 1
            if _same(cells[first]["source"], question):
                break
        while last < len(cells) and not _id_of(cells[last]):
            last += 1
        own = [
            cell
            for cell in cells[first:last]
            if cell["source"].strip() and _is_words(cell) and not _is_given(cell, given)
        ]
        if not own:
            continue
        cells[place]["source"] = "\n\n".join(cell["source"] for cell in own)
        cells[place]["attachments"] = {k: v for c in own for k, v in c["attachments"].items()}
        cells = [cell for cell in cells if not any(cell is one for one in own)]
        done.note("mended", f"The answer to {name} stood in another cell; it was put in its own.")
    return cells


def _is_given(cell: dict, texts: list[str]) -> bool:
    return any(_same(cell["source"], text) for text in texts)


def _is_words(cell: dict) -> bool:
    """Say whether a cell is text: not code, or code that Jupyter would not run, or comments."""
    if cell["cell_type"] != "code":
        return True
    try:
        body = ast.parse(python(cell["source"])).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return not names_of(cell["source"])
    return all(map(_is_text, body))


def _enough(cells: list[dict], source: Source, found: dict, done: Examined) -> None:
    """Ask for a person if hardly anything of the set is there: it may be another notebook."""
    wanted = set(source.blanks.values())
    there = wanted & {*found}
    for name, grade_id in source.blanks.items():
        if any(_defines(cell["source"], [name]) for cell in cells):
            there.add(grade_id)
    if done.unreadable or 2 * len(there) >= len(wanted):
        return
    cut = done.human
    done.human, done.unreadable = True, not there
    if cut:
        return
    count = f"only {len(there)} of {len(wanted)} blanks" if there else "no blank"
    words = f"{count} of this set {'were' if there else 'was'} found; is it another notebook?"
    done.findings.insert(0, (WRONG, words[0].upper() + words[1:]))


def _id_of(cell: dict) -> str | None:
    return cell["metadata"].get("nbgrader", {}).get("grade_id")


def _fresh(cell: dict) -> dict:
    fresh = _plain(cell)
    fresh["metadata"] = {"nbgrader": dict(cell["metadata"]["nbgrader"])}
    return fresh


def _defines(text: str, names: list[str]) -> bool:
    return not set(names).isdisjoint(names_of(text))


def _names_in(source: Source, grade_id: str) -> list[str]:
    return [name for name, cell in source.blanks.items() if cell == grade_id]


def _recover(cells, source, lost, found, taken, done) -> None:
    """Find cells without metadata by what they define, or by what stands before them."""
    texts = [cell["source"] for cell in cells]
    ids = [_id_of(cell) for cell in source.released["cells"]]
    given = [text_of(cell) for cell in source.released["cells"]]
    for name in lost:
        kind, names = source.cells[name]["metadata"]["nbgrader"], _names_in(source, name)
        if kind["solution"] and names:
            group = [cell for cell in cells if _defines(cell["source"], names)]
        elif kind["solution"]:  # an answer in words: after the question
            question = given[ids.index(name) - 1]
            places = [i for i, text in enumerate(texts) if _same(text, question)]
            group = [
                cell
                for i in places
                for cell in cells[i + 1 : i + 2]
                if not any(_same(cell["source"], text) for text in given)
            ]
        else:
            group = [cell for cell in cells if _same(cell["source"], text_of(source.cells[name]))]
        group = [cell for cell in group if id(cell) not in taken]
        if group:
            found[name] = group
            taken |= {id(cell) for cell in group}
            done.note("mended", f"The cell {name} has lost its metadata; found by its contents.")


def _below_check(cells: list[dict], source: Source, name: str, found: dict) -> set[int]:
    """Return which cells stand below the check of a blank, where answers are played with."""
    names = set(_names_in(source, name))
    checks = [check.grade_id for check in source.checks if names & set(check.names)]
    first = next((found[check][0] for check in checks if check in found), None)
    place = next((i for i, cell in enumerate(cells) if cell is first), len(cells))
    return {id(cell) for cell in cells[place:]}


def _best(group: list[dict], released: dict, names: list[str], unseen: set[int]) -> dict:
    """Of several cells with one grade_id: the last one that was edited and defines the names.

    One that its check has seen goes before one that it has not; of cells that nobody has edited,
    as checks are, the first.
    """
    edited = [cell for cell in group if not _same(cell["source"], text_of(released))]
    defining = [cell for cell in edited if _defines(cell["source"], names)]
    seen = [cell for cell in defining if id(cell) not in unseen]
    return (seen or defining or edited or group[:1])[-1]


def _restored(cell: dict, released: dict, whole: str, done: Examined) -> list[dict]:
    """Return a graded cell as it must be: its metadata, and if it is locked its text too."""
    fresh = _fresh(released)
    kind = fresh["metadata"]["nbgrader"]
    if cell["cell_type"] != fresh["cell_type"]:
        done.note("mended", f"The cell {kind['grade_id']} had become {cell['cell_type']}.")
    if not kind["locked"] or kind["solution"]:
        return [fresh | {key: cell[key] for key in ("source", "attachments")}]
    if _same(cell["source"], fresh["source"]) or _same(cell["source"], whole):
        return [fresh]
    done.note("edited check", f"The cell {kind['grade_id']} was changed; the original counts.")
    # It may hold the answer, or a helper.
    own = names_of(cell["source"]) and cell["cell_type"] == "code"
    return (
        [_fresh(released) | {"source": cell["source"], "metadata": {}}, fresh] if own else [fresh]
    )


def _to_run(cells: list[dict], source: Source, done: Examined) -> None:
    """List the cells to run, and why some are not."""
    codes, trees, defining, copied = {}, {}, {}, []
    for number, cell in enumerate(cells, 1):
        text = cell["source"]
        grade_id = _id_of(cell)
        if cell["cell_type"] != "code" or (grade_id and cell["metadata"]["nbgrader"]["locked"]):
            continue
        if any(mark in text for mark in SOLUTION):
            done.note(COPIED, f"Cell {number} has the marks of a solution notebook in it.")
        try:
            codes[number] = python(text)
            trees[number] = ast.parse(codes[number])
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = getattr(error, "lineno", None)
            where = f"cell {number}" + (f" ({grade_id})" if grade_id else "")
            problem = f"{where}, line {line}: {getattr(error, 'msg', error)}"
            done.note("syntax error", f"Syntax error in {problem}.")
            for name in source.blanks:
                if source.blanks[name] == grade_id or _defines(text, [name]):
                    done.problems[name] = f"There is a syntax error in {problem}."
            continue
        magic, held = held_by_a_magic(codes[number])
        for name in source.blanks.keys() & held:
            done.problems[name] = f"Cell {number} begins with %%{magic}, so it defines nothing."
        bodies = _bodies(trees[number])
        copied += [name for name in bodies if source.long.get(name) == bodies[name]]
        for name in defined(trees[number]):
            if name in source.blanks:
                defining.setdefault(name, []).append(number)
    if copied:
        words = f"{', '.join(dict.fromkeys(copied))}: line by line the solution notebook's."
        done.note(COPIED, words)
    for number in trees:
        text, names = cells[number - 1]["source"], tuple(defined(trees[number]))
        blanks = tuple(name for name in names if name in source.blanks)
        given = text_of(source.cells[source.blanks[blanks[0]]]) if blanks else ""
        if blanks and _same(text, given) and len(defining[blanks[0]]) > 1:
            done.note("mended", f"{blanks[0]} is defined elsewhere too; its blank does not count.")
            continue
        done.run.append((f"cell-{number}", codes[number], blanks))
