"""Part of a blank's points, for those of its results that are right in every case.

Each result is judged as the check judges the whole answer. One that is right without any work, such
as zeros where zeros are always due, shows nothing and is not counted.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..exercises import Exercise
from ..exercises._compare import is_number, leaves, same
from ..exercises._diagnosis import Trial, parts_of
from ..exercises._sandbox import Behaviour, Observed


class Share(NamedTuple):
    """What is right of an answer that is wrong as a whole."""

    right: tuple[str, ...] = ()
    """The results that are right in every case."""
    free: tuple[str, ...] = ()
    """Those that are, too, but would be without any work."""
    count: int = 1

    def of(self, points: float) -> float:
        """Return the share of the points, rounded down to half a point."""
        return math.floor(2 * points * len(self.right) / self.count) / 2

    def words(self, points: float) -> str:
        """Say which results are right, and what that gives."""
        said = ""
        if self.right:
            said += f"\n\nRight in every case: {', '.join(self.right)}. {len(self.right)} of "
            said += f"{self.count} results give {self.of(points):g} of {points:g} points."
        if self.free:
            said += f"\n\nRight too, but not counted, as it takes no work: {', '.join(self.free)}."
        return said


def share(exercise: Exercise, cases: Sequence[tuple], observed: Observed) -> Share:
    """Return which results of an answer are right, if it has several and gave them in all cases."""
    done, outputs = observed.behaviours, exercise.outputs
    stopped = observed.used or observed.trouble or len(done) < len(cases)
    if stopped or any(one.changed for one in done):
        return Share()
    trials = exercise.trials(cases, done, exercise.expected(cases))
    due = [parts_of(trial.expected, outputs) for trial in trials]
    names = due[0].keys()
    # A list without names is one result, and so is a dict whose keys the arguments decide.
    named = outputs or isinstance(trials[0].expected, dict)
    if not named or len(names) < 2 or any(parts.keys() != names for parts in due):
        return Share()
    if not all(_built_alike(trial, outputs) for trial in trials):
        return Share()
    right = [n for n in names if not exercise.wrong([_alone(t, outputs, n) for t in trials])]
    free = [n for n in right if _is_free([parts[n] for parts in due], cases)]
    return Share(tuple(n for n in right if n not in free), tuple(free), len(names))


def _built_alike(trial: Trial, outputs: Sequence[str]) -> bool:
    """Say whether the results are as many as are due, under the same names; an error is none."""
    found, due = trial.found.result, trial.expected
    names = (parts_of(value, outputs).keys() for value in (found, due))
    return isinstance(found, dict) == isinstance(due, dict) and len({*map(frozenset, names)}) == 1


def _alone(trial: Trial, outputs: Sequence[str], name: str) -> Trial:
    """Return a trial in which the other results are what is due, so that one alone is judged."""
    found = parts_of(trial.found.result, outputs)[name]
    parts = parts_of(trial.expected, outputs) | {name: found}
    kind = type(trial.expected)
    result = parts if kind is dict else kind(parts.values())
    return trial._replace(found=Behaviour(result))


def _is_free(due: Sequence, cases: Sequence[tuple]) -> bool:
    """Say whether the cases do not show a result: it never varies, or is always an argument."""
    arrays = [np.asarray(value) for value in due if is_number(value)]
    if len(arrays) < len(due):
        varies = not all(same(value, due[0]) for value in due)
    else:
        one = next((array.flat[0] for array in arrays if array.size), 0)
        varies = not all(same(np.full_like(array, one), array) for array in arrays)
    return not varies or all(map(_is_given, due, cases))


def _is_given(due: object, case: tuple) -> bool:
    """Say whether what is due in a case is an argument, or a part of one."""
    return any(same(part, due, types=False) for part in (*case, *leaves(case)))
