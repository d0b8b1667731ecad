"""The engine of `nnfromscratch verify`: the table, how checks get into it, and how one is run."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

ROUNDING = 1e-13
"""The bound for what differs by nothing but the rounding of a few float64 operations."""
EXACT = 0.0

Check = Callable[[], Iterable[tuple]]


class Case(NamedTuple):
    """A line of the table before it is run."""

    function: str
    against: str
    """What the function is checked against."""
    bound: float
    """The largest relative error that passes."""
    check: Check


class Row(NamedTuple):
    """A line of the table after it was run."""

    function: str
    against: str
    error: float
    """The largest relative error found; infinity if there was nothing to compare."""
    bound: float

    @property
    def passed(self) -> bool:
        """Whether the error is within its bound."""
        return self.error <= self.bound


ENTERED: dict[str, list[Case]] = defaultdict(list)
"""The checks of each module."""


def case(function: str, against: str, bound: float = ROUNDING) -> Callable[[Check], Check]:
    """Enter the check that follows into the table."""

    def enter(check: Check) -> Check:
        ENTERED[check.__module__].append(Case(function, against, bound, check))
        return check

    return enter


def run(case: Case) -> Row:
    """Run one check. An error in it, or not a single pair, counts as infinitely wrong."""
    try:
        error = max((distance(*pair) for pair in case.check()), default=math.inf)
    except Exception as exception:  # whatever a broken function does, the table goes on
        return Row(case.function, f"{case.against}: {exception!r}", math.inf, case.bound)
    return Row(case.function, case.against, error, case.bound)


def distance(found: object, expected: object) -> float:
    """Return max |found - expected| / max |expected|; infinity for another shape, or nan.

    What `relative_error` does, once more in plain Python: that function is to be checked, too.
    """
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        return math.inf
    found, expected = found.ravel().tolist(), expected.ravel().tolist()
    if found == expected:
        return 0.0
    if any(isinstance(value, bool | str) for value in found + expected):
        return math.inf
    size = max(abs(float(value)) for value in expected)
    errors = [abs(float(f) - float(e)) for f, e in zip(found, expected, strict=True)]
    if size == 0 or not all(map(math.isfinite, [size, *errors])):
        return math.inf
    return max(errors) / size
