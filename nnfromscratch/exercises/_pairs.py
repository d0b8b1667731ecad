"""Two mistakes of the catalogue in one answer.

An answer that holds two mistakes does what neither does alone. Where they stand in different terms
of a sum, their errors add up; where they are factors, they multiply; where each has its own
entries, each shows there. Nothing here knows the blank.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from ._compare import close, is_number, leaves

FEWEST = 3
"""In at least so many cases an answer must be wrong."""
PARALLEL = 1e-6
"""How far from proportional two errors must be, to be two."""
SMALL = 1e-4
"""A part of a result whose largest number is so small beside another's is lost in one row."""


def _sum(one: np.ndarray, other: np.ndarray, due: np.ndarray) -> np.ndarray:
    return one + other - due


def _product(one: np.ndarray, other: np.ndarray, due: np.ndarray) -> np.ndarray:
    factor = np.divide(other, due, out=np.ones_like(due), where=due != 0)
    return one * factor


def _each_its_own(one: np.ndarray, other: np.ndarray, due: np.ndarray) -> np.ndarray:
    return np.where(np.isclose(one, due, rtol=1e-9, atol=0), other, one)


JOINED = (_each_its_own, _sum, _product)


def vector(result: object) -> np.ndarray | None:
    """Return all numbers of a result in one row, or None if it holds anything but floats.

    Rows are compared by their largest entry, so there is none where a part would be lost in it.
    """
    parts = leaves(result)
    if not parts or not all(is_number(p) and np.asarray(p).dtype.kind in "iuf" for p in parts):
        return None
    parts = [np.ravel(np.asarray(part, dtype=float)) for part in parts]
    largest = [size for part in parts if (size := np.abs(part).max(initial=0))]
    if largest and min(largest) < SMALL * max(largest):
        return None
    return np.concatenate(parts)


def pair_behind(
    found: Sequence[object], due: Sequence[object], known: Sequence[Sequence[object]]
) -> tuple[int, ...]:
    """Return the places of the two mistakes behind an answer, or of the one in all such pairs.

    Args:
        found: for each case the result of the answer.
        due: for each case what is right.
        known: for each mistake, what it returns in each case.

    If several pairs would explain the answer, and they have a mistake in common, it is that one.
    """
    rows, right = [vector(f) for f in found], [vector(d) for d in due]
    if any(a is None or b is None or a.shape != b.shape for a, b in zip(rows, right, strict=True)):
        return ()
    vectors = {}
    for place, results in enumerate(known):
        own = [vector(result) for result in results]
        if all(a is not None and a.shape == b.shape for a, b in zip(own, right, strict=True)):
            vectors[place] = own
    with np.errstate(all="ignore"):
        pairs = [
            {i, j}
            for i, j in combinations(vectors, 2)
            if any(_explains(rows, right, vectors[i], vectors[j], join) for join in JOINED)
        ]
    return tuple(sorted(set.intersection(*pairs))) if pairs else ()


def _explains(found, due, one, other, join) -> bool:
    """Say whether two mistakes, put together, give an answer in all cases, and both are seen."""
    both, wrong = [], 0
    for f, d, a, b in zip(found, due, one, other, strict=True):
        made = join(a, b, d)
        if not np.isfinite(made).all() or not close(f, made):
            return False
        wrong += not close(f, d)
        if not (close(a, d) or close(b, d) or close(f, a) or close(f, b)):
            both.append((a, b, d))
    return bool(both) and wrong >= FEWEST and (join is _each_its_own or _are_apart(both, join))


def _are_apart(cases: Sequence[tuple], join) -> bool:
    """Say whether two errors are of two kinds: of one kind, they make any third one.

    Half of a term and none of it, put together, make its negative half; so do many others.
    """
    a, b, d = (np.concatenate(parts) for parts in zip(*cases, strict=True))
    if join is _sum:
        one, other = a - d, b - d
    else:
        with np.errstate(all="ignore"):
            one, other = np.log(np.abs(a / d)), np.log(np.abs(b / d))
        fine = np.isfinite(one) & np.isfinite(other)
        one, other = one[fine], other[fine]
    sizes = np.sqrt((one @ one) * (other @ other))
    return bool(sizes and abs(one @ other) < (1 - PARALLEL) * sizes)
