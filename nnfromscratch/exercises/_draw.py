"""Sizes and arrays for the cases of the exercises."""

import numpy as np


def sizes(rng: np.random.Generator, count: int, low: int = 2, high: int = 6) -> list[int]:
    """Return different sizes, so that no mistake hides behind a square array."""
    return [int(size) for size in rng.permutation(np.arange(low, high + 1))[:count]]


def normal(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> np.ndarray:
    """Return normal numbers of two decimals, which are easy to read in a message."""
    return np.round(scale * rng.standard_normal(shape), 2)


def positive(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Return numbers between 0.05 and 0.95."""
    return np.round(rng.uniform(0.05, 0.95, shape), 2)


def labels(rng: np.random.Generator, n: int, classes: int) -> np.ndarray:
    """Return n labels, (N,) integers below `classes`."""
    return rng.integers(0, classes, n)


def probabilities(rng: np.random.Generator, n: int, classes: int) -> np.ndarray:
    """Return n rows of positive numbers that sum to 1."""
    p = rng.uniform(0.1, 1, (n, classes))
    return p / p.sum(axis=1, keepdims=True)


def whole(answer, *arguments):
    """Call an answer whose results are whole numbers, and tell them from numbers with a point.

    Python's own numbers have any precision, so that 7.0 would pass where 7 is due.
    """
    result = answer(*arguments)
    return tuple(map(_typed, result)) if isinstance(result, tuple | list) else _typed(result)


def _typed(value):
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return np.int64(value)
    return np.float64(value) if isinstance(value, float | np.floating) else value
