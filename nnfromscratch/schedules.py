"""Schedules: how the learning rate changes over a training run.

A schedule is a function of progress t, 0 at the first step and 1 at the end, that returns the
factor by which the optimizer's learning rate is multiplied.
"""

import math
from collections.abc import Callable

from .shapes import check_number

Schedule = Callable[[float], float]


def constant() -> Schedule:
    """Keep the learning rate as it is: factor(t) = 1."""
    return lambda progress: 1.0


def step_decay(factor: float = 0.5, every: float = 0.1) -> Schedule:
    """Multiply by `factor` again and again: factor(t) = factor^floor(t / every).

    Args:
        factor: what each drop multiplies with, above 0 and at most 1.
        every: the share of the run between two drops, above 0 and at most 1.

    Raises:
        TypeError: a setting is not a number.
        ValueError: a setting is out of its range.
    """
    factor = _check("step_decay", "factor", factor, above=0, most=1)
    every = _check("step_decay", "every", every, above=0, most=1)
    # A little more than t, so that ten drops at tenths of a run are ten in floating point too.
    return lambda progress: factor ** math.floor(min(progress / every + 1e-9, 1e15))


def exponential_decay(end: float = 0.01) -> Schedule:
    """Fall by the same factor in every step: factor(t) = end^t.

    Args:
        end: the factor at the end, positive.

    Raises:
        TypeError: a setting is not a number.
        ValueError: end is not positive.
    """
    end = _check("exponential_decay", "end", end, above=0)
    return lambda progress: end**progress


def linear(end: float = 0.0) -> Schedule:
    """Fall, or rise, in a straight line: factor(t) = 1 + (end - 1) t.

    Args:
        end: the factor that the last step comes close to, not negative.

    Raises:
        TypeError: end is not a number.
        ValueError: end is negative or infinite.
    """
    end = _check("linear", "end", end)
    return lambda progress: 1.0 + (end - 1.0) * progress


def cosine(end: float = 0.0) -> Schedule:
    """Fall along half a cosine: factor(t) = end + (1 - end) (1 + cos(π t)) / 2.

    Args:
        end: the factor that the last step comes close to, not negative.

    Raises:
        TypeError: a setting is not a number.
        ValueError: end is negative.

    Source: Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts (2017).
    """
    end = _check("cosine", "end", end)
    return lambda progress: end + (1 - end) * (1 + math.cos(math.pi * progress)) / 2


def warmup(share: float = 0.05, then: Schedule | None = None) -> Schedule:
    """Rise in a straight line from 0 to 1 over the first part of the run, then follow `then`.

    factor(t) = t / share while t < share, then((t - share) / (1 - share)) afterwards

    Args:
        share: the part of the run spent rising, above 0 and below 1.
        then: the schedule of the rest, stretched over it; constant by default.

    Raises:
        TypeError: a setting is not a number.
        ValueError: share is out of its range.

    Source: Goyal et al., Accurate, large minibatch SGD (2017), section 2.2.
    """
    share = _check("warmup", "share", share, above=0, below=1)
    rest = constant() if then is None else then
    if not callable(rest):
        raise TypeError(f"schedules.warmup: then must be a schedule such as cosine(), got {then!r}")
    return lambda progress: (
        progress / share if progress < share else rest((progress - share) / (1 - share))
    )


def _check(
    schedule: str, name: str, value: float, above=None, below=math.inf, most=math.inf
) -> float:
    number = check_number(f"schedules.{schedule}", name, value)
    least = number > above if above is not None else number >= 0
    if not (least and number < below and number <= most and number < math.inf):
        lower = f"must be above {above}" if above is not None else "must not be negative"
        upper = f" and below {below}" if below < math.inf else ""
        upper = f" and at most {most}" if most < math.inf else upper
        raise ValueError(f"schedules.{schedule}: {name} {lower}{upper}, got {value}")
    return number
