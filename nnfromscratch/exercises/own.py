"""A blank of one's own: drawn for each student, with no answer written down anywhere.

The draw follows from the course's secret, the student's id and the name of the set, so that the
grader makes it again and believes no notebook. A notebook holds the draw itself (pieces and
constants of a family), which is all that its check needs:

    from nnfromscratch.exercises import check_own

    mine = ("activation", "tanh", "bump", 0.713, 1.302, 2.004)
    check_own(own_backward, mine)

`practice("activation")` shows another one, as often as you like.
"""

import ast
import copy
import functools
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from . import own_families as families
from ._compare import same
from ._diagnosis import Trial
from ._exercise import Exercise, Mistake
from ._sandbox import Behaviour, Raised, behaviour
from .own_rules import PlainSteps, Steps
from .own_slopes import Ascent, Difference

Draw = tuple
"""A family's kind, the names of its pieces, and its constants."""
FAMILIES: dict[str, type[families.Blank]] = {
    family.kind: family
    for family in (
        families.Layer, families.Activation, families.Loss, families.Penalty,
        families.Normalizing, families.Initial, families.Rate, families.Map, Steps, PlainSteps,
        Difference, Ascent,
    )
}  # fmt: skip
SETS = {
    "02": "layer", "03": "activation", "04": "difference", "05": "loss", "06": "steps",
    "07": "loss", "08": "normalizing", "09": "initial", "10": "adaptive", "11": "rate",
    "12": "normalizing", "13": "penalty", "14": "map", "15": "activation", "16": "ascent",
    "17": "loss", "18": "penalty", "19": "loss",
}  # fmt: skip
"""The family of each set; for 15, which no machine grades, one to practise on."""
POINTS = 3
CHECK = "check_own_blank"
"""The cell that is graded."""
GAP = 0.93, 1.07
"""Nothing is drawn here: a factor of about 1 could be missed without a trace."""
TOOLS = ("numerical_gradient", "check_gradients", "gradient_check.slope",
         "gradient_check.slope_off_kinks")  # fmt: skip
"""What differentiates in place of a formula, and is out of reach."""
LINE = re.compile(rb"mine = (\([^()\n]{0,300}\))")
"""The draw in a notebook's file."""
NUMERIC = re.compile(r"\bimag\b|\bcomplex\w*\b|\b\d[\d.e+-]*j\b")
ANOTHER = "another student's blank"
CASES = 12
"""Of one check."""
SAMPLE = 3
"""Cases by which a mistake is told from the right answer before it enters the catalogue."""


def drawn(secret: bytes, student: str, name: str, kind: str) -> Draw:
    """Return a student's draw; for practice, the student is the empty text.

    Args:
        secret: the course's.
        student: the id, as the course's folders have it.
        name: of the set.
        kind: of the family.
    """
    count = 0

    def below(most: int) -> int:
        nonlocal count
        text = "\0".join((name, student, str(count))).encode()
        count += 1
        return int.from_bytes(hmac.new(secret, text, hashlib.sha256).digest()) % most

    return _drawn(FAMILIES[kind], below)


def _drawn(family: type[families.Blank], below: Callable[[int], int]) -> Draw:
    pieces: list[str] = []
    for part in family.choices:
        left = [piece for piece in part if part is not family.choices[0] or piece not in pieces]
        pieces.append(left[below(len(left))])
    constants: list[float] = []
    for low, high in family.ranges.values():
        grid = _grid(low, high)
        while (constant := grid[below(len(grid))]) in constants:
            pass  # two constants that are the same could be swapped without a trace
        constants.append(constant)
    return (family.kind, *pieces, *constants)


@functools.cache
def _grid(low: float, high: float) -> list[float]:
    grid = [i / 1000 for i in range(round(1000 * low), round(1000 * high) + 1)]
    return [k for k in grid if not GAP[0] < k < GAP[1]]


def blank_of(draw: Draw) -> families.Blank:
    """Return what a draw stands for.

    Raises:
        ValueError: it is no draw of a family.
    """
    try:
        kind, *parts = draw
        family = FAMILIES[kind]
        pieces, constants = parts[: len(family.choices)], parts[len(family.choices) :]
        return family(pieces, [float(k) for k in constants])
    except (KeyError, TypeError, ValueError, IndexError):
        raise ValueError(
            f"mine must be the line that your notebook came with, got {str(draw)[:80]}"
        ) from None


@dataclass(frozen=True)
class Own(Exercise):
    """The exercise of a draw.

    Args:
        others: the blanks of other students, by id, that an answer may have been meant for.
        meant: the students whose blank the answer was right for; filled by a judgement.
    """

    others: Mapping[str, Draw] = field(default_factory=dict)
    meant: list[str] = field(default_factory=list)

    def diagnose(
        self, trials: Sequence[Trial], known: Sequence[Sequence[Behaviour]]
    ) -> Mistake | None:
        """Return the mistake, which may be to have answered another student's blank."""
        found = super().diagnose(trials, known)
        if found or isinstance(trials[0].found.result, Raised):
            return found
        for student, draw in self.others.items():
            other = blank_of(draw)
            if all(
                same(t.found.result, behaviour(other.due, t.arguments, self.call).result)
                for t in trials
            ):
                self.meant.append(student)
                return Mistake(
                    ANOTHER, other.due,
                    "Right for the blank of somebody else. Yours has other constants: see the "
                    "notebook that you were given.",
                )  # fmt: skip
        return None


def exercise(draw: Draw, others: Mapping[str, Draw] | None = None) -> Own:
    """Return the exercise of a draw, with the mistakes that follow from its formula."""
    blank = blank_of(draw)
    mistakes, rare = _told_apart(blank)
    return Own(
        name=blank.name,
        lesson=0,
        goal="Derive what a formula asks for that nobody else has.",
        points=POINTS,
        misconception="A published solution is taken for an answer.",
        reference=blank.due,
        inputs=blank.inputs,
        mistakes=mistakes,
        arguments=blank.arguments,
        outputs=blank.outputs,
        out_of_reach=TOOLS,
        corners=(*blank.corners(), *rare),
        draws=CASES - len(blank.corners()),
        others={s: d for s, d in (others or {}).items() if d[0] == draw[0] and d != draw},
    )


def _told_apart(blank: families.Blank) -> tuple[tuple[Mistake, ...], list[Callable]]:
    """Return the mistakes that show in this draw: not those that change nothing, nor twins.

    What shows in few cases, such as two nearly equal constants swapped in front of a sign, might
    show in none that a check draws; so a case where it does is returned besides, to be drawn.
    """
    rng = np.random.default_rng(0)
    cases = [draw(rng) for draw in (*blank.corners(), *[blank.inputs] * 2 * SAMPLE)]

    def does(f: Callable) -> list:
        done = [behaviour(f, case, lambda answer, *args: answer(*args)) for case in cases]
        return [(d.result, d.changed) for d in done]

    alike = partial(same, types=False, relative=1e-5)
    seen, kept, rare = [does(blank.due)], [], []
    for name, (f, hint) in blank.wrong().items():
        done = does(f)
        if any(alike(done, other) for other in seen):
            continue
        seen.append(done)
        kept.append(Mistake(name, f, hint))
        shows = [k for k, due in enumerate(seen[0]) if not alike(done[k], due)]
        if shows[0] >= len(blank.corners()) and len(shows) <= len(cases) / 2:
            rare.append(lambda rng, case=cases[shows[0]]: copy.deepcopy(case))
    return tuple(kept), rare


def check(answer: Callable, mine: Draw) -> None:
    """Say whether an answer to the blank `mine` is right, or raise an ExerciseError."""
    exercise(mine).check(answer)


# The notebook


def cells(draw: Draw) -> list[dict]:
    """Return the cells of a draw: text, draw, blank and check, as a solution notebook has them."""
    blank = blank_of(draw)
    code = (
        f"def {blank.name}({', '.join(blank.arguments)}):\n"
        f'    """{blank.docstring}"""\n'
        "    ### BEGIN SOLUTION\n    raise NotImplementedError\n    ### END SOLUTION"
    )
    mine = f"from nnfromscratch.exercises import check_own\n\nmine = {draw!r}"
    about = {"own_blank": draw[0]}
    return [
        _cell("own-text", "markdown", f"## A blank of your own ({POINTS} points)\n\n{_said(blank)}",
              about),
        _cell("own-draw", "code", mine, about),
        _cell("own-answer", "code", code, about | _graded("own_blank", solution=True)),
        _cell("own-check", "code", f"check_own({blank.name}, mine)",
              about | _graded(CHECK, solution=False)),
    ]  # fmt: skip


def _said(blank: families.Blank) -> str:
    return (
        f"{blank.text()}\n\nNobody else has these constants. The grader knows yours and takes no "
        "others, and a formula is asked for: the package's own differences are out of reach."
    )


def _cell(name: str, kind: str, text: str, metadata: dict) -> dict:
    made = {"cell_type": kind, "id": name, "metadata": metadata}
    made["source"] = text.splitlines(keepends=True)
    return made | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def _graded(grade_id: str, *, solution: bool) -> dict:
    kind = {"grade": not solution, "grade_id": grade_id, "locked": not solution,
            "schema_version": 3, "solution": solution, "task": False}  # fmt: skip
    return {"nbgrader": kind | ({} if solution else {"points": POINTS})}


def kind_in(notebook: dict) -> str:
    """Return the family of a notebook's own blank, "" if it has none."""
    kinds = (cell["metadata"].get("own_blank") for cell in notebook["cells"])
    return next((kind for kind in kinds if kind in FAMILIES), "")


def with_own(notebook: dict, draw: Draw) -> dict:
    """Return a solution notebook with the draw's cells in the place of those that it has.

    If it has none, they come before the open question, or at its end.
    """
    old = [i for i, c in enumerate(notebook["cells"]) if c["metadata"].get("own_blank")]
    rest = [cell for i, cell in enumerate(notebook["cells"]) if i not in old]
    place = old[0] if old else _before_the_question(rest)
    fresh = cells(draw)
    for cell in fresh:  # points, and what an instructor has set, are theirs
        before = next((c for c in notebook["cells"] if c.get("id") == cell["id"]), None)
        if before and "nbgrader" in before["metadata"]:
            cell["metadata"]["nbgrader"] = before["metadata"]["nbgrader"]
    return notebook | {"cells": [*rest[:place], *fresh, *rest[place:]]}


def _before_the_question(cells: list[dict]) -> int:
    manual = [
        i
        for i, cell in enumerate(cells)
        if cell["cell_type"] == "markdown" and cell["metadata"].get("nbgrader")
    ]
    return max(0, manual[0] - 1) if manual else len(cells)


def by_numbers(codes: Sequence[str]) -> bool:
    """Say whether code takes a slope from complex numbers: right by value, and no formula."""
    return any(NUMERIC.search(code) for code in codes)


def lines_of(data: bytes) -> list[Draw]:
    """Return the draws that a file of whatever state says it has; () is one that was changed."""
    found = []
    for line in LINE.findall(data):
        try:
            found.append(tuple(ast.literal_eval(line.decode().replace('\\"', '"'))))
        except (ValueError, SyntaxError, TypeError, UnicodeError, RecursionError, MemoryError):
            found.append(())
    return found


def shown(draw: Draw) -> str:
    """Return the text of a draw's blank, in Markdown."""
    blank = blank_of(draw)
    head = f"def {blank.name}({', '.join(blank.arguments)}): ..."
    return f"{blank.text()}\n\n```python\n{head}\n```"


def practice(which: str | int, rng: np.random.Generator | None = None) -> Draw:
    """Show a new blank of a family, and return its draw for `check_own`.

    Args:
        which: a kind of FAMILIES, or the number of a set.
        rng: where it comes from; by default it is new in every call.
    """
    kind = SETS.get(f"{which:02}" if isinstance(which, int) else which, which)
    if kind not in FAMILIES:
        raise ValueError(f"practice: which must be a set or one of {[*FAMILIES]}, got {which!r}")
    rng = np.random.default_rng() if rng is None else rng
    draw = _drawn(FAMILIES[kind], lambda most: int(rng.integers(most)))
    try:
        from IPython.display import Markdown, display
    except ImportError:
        print(shown(draw))
    else:
        display(Markdown(shown(draw)))
    return draw
