"""Schedules: how the learning rate changes over a training run.

A schedule is a function of progress, 0 at the first step and 1 at the end, that returns the factor
by which the optimizer's learning rate is multiplied.
"""

import math
from collections.abc import Callable

from .shapes import check_number

Schedule = Callable[[float], float]


def constant() -> Schedule:
    """Keep the learning rate as it is."""
    return lambda progress: 1.0


def linear(end: float = 0.0) -> Schedule:
    """Fall, or rise, in a straight line from 1 to `end`.

    factor(t) = 1 + (end - 1) t

    Args:
        end: the factor that the last step comes close to, not negative.

    Raises:
        TypeError: end is not a number.
        ValueError: end is negative or infinite.
    """
    if not 0 <= check_number("schedules.linear", "end", end) < math.inf:
        raise ValueError(f"schedules.linear: end must be finite and not negative, got {end}")
    return lambda progress: 1.0 + (end - 1.0) * progress
