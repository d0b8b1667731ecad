"""Schedules: how the learning rate changes over a training run.

A schedule is a function of progress t, 0 at the first step and 1 at the end, that returns the
factor by which the optimizer's learning rate is multiplied.
"""

import math
from collections.abc import Callable

from ._guards import above_0_to_1, between_0_and_1, function_of, not_negative, positive

Schedule = Callable[[float], float]


def constant() -> Schedule:
    """Keep the learning rate as it is: factor(t) = 1."""
    return lambda t: 1.0


def step_decay(factor: float = 0.5, every: float = 0.1) -> Schedule:
    """Multiply by `factor` again and again: factor(t) = factor^floor(t / every).

    Both settings are above 0 and at most 1; every is the fraction of the run between two drops.
    """
    factor = above_0_to_1("schedules.step_decay", factor=factor)
    every = above_0_to_1("schedules.step_decay", every=every)
    # A little more than t, so that ten drops at tenths of a run are ten in floating point too.
    return lambda t: factor ** math.floor(min(t / every + 1e-9, 1e15))


def exponential_decay(end: float = 0.01) -> Schedule:
    """Fall by the same factor in every step, to a positive end: factor(t) = end^t."""
    end = positive("schedules.exponential_decay", end=end)
    return lambda t: end**t


def linear_decay(end: float = 0.0) -> Schedule:
    """Fall, or rise, in a straight line: factor(t) = 1 + (end - 1) t.

    The last step comes close to end, which is not negative.
    """
    end = not_negative("schedules.linear_decay", end=end)
    return lambda t: 1.0 + (end - 1.0) * t


def cosine(end: float = 0.0) -> Schedule:
    """Fall along half a cosine: factor(t) = end + (1 - end) (1 + cos(π t)) / 2.

    The last step comes close to end, which is not negative.

    Source: Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts (2017).
    """
    end = not_negative("schedules.cosine", end=end)
    return lambda t: end + (1 - end) * (1 + math.cos(math.pi * t)) / 2


def warmup(fraction: float = 0.05, then: Schedule | None = None) -> Schedule:
    """Rise in a straight line from 0 to 1 over the first part of the run, then follow `then`.

    factor(t) = t / fraction while t < fraction, then((t - fraction) / (1 - fraction)) afterwards

    fraction is the part of the run spent rising, above 0 and below 1; then, constant by default, is
    stretched over the rest.

    Source: Goyal et al., Accurate, large minibatch SGD (2017), section 2.2.
    """
    fraction = between_0_and_1("schedules.warmup", fraction=fraction)
    rest = constant() if then is None else function_of("schedules.warmup", then=then)
    left = 1 - fraction
    return lambda t: t / fraction if t < fraction else rest((t - fraction) / left)
