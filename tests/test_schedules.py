"""Schedules: their end points and what lies between."""

import itertools
import math

import pytest

from nnfromscratch import schedules


@pytest.mark.parametrize(
    ("schedule", "start", "middle", "end"),
    [
        (schedules.constant(), 1, 1, 1),
        (schedules.linear_decay(), 1, 0.5, 0),
        (schedules.linear_decay(0.5), 1, 0.75, 0.5),
        (schedules.linear_decay(3), 1, 2, 3),
        (schedules.cosine(), 1, 0.5, 0),
        (schedules.cosine(0.5), 1, 0.75, 0.5),
        (schedules.exponential_decay(), 1, 0.1, 0.01),
        (schedules.exponential_decay(0.25), 1, 0.5, 0.25),
        (schedules.step_decay(), 1, 0.5**5, 0.5**10),
        (schedules.step_decay(0.1, every=0.5), 1, 0.1, 0.01),
        (schedules.step_decay(0.1, every=1), 1, 1, 0.1),
        (schedules.warmup(), 0, 1, 1),
        (schedules.warmup(0.5), 0, 1, 1),
        (schedules.warmup(0.5, schedules.linear_decay(0.5)), 0, 1, 0.5),
        (schedules.warmup(0.25, schedules.cosine()), 0, 0.75, 0),
    ],
)
def test_factors(schedule, start, middle, end):
    factors = [schedule(progress) for progress in (0, 0.5, 1)]
    assert factors == pytest.approx([start, middle, end], rel=1e-12, abs=1e-15)


def test_step_decay_is_flat_between_its_drops():
    schedule = schedules.step_decay(0.5, every=0.1)
    for drops in range(11):
        assert schedule(drops / 10) == 0.5**drops
        assert schedule(drops / 10 + 0.099) == 0.5**drops


@pytest.mark.parametrize("steps", [7, 30, 600, 46_900])
def test_step_decay_drops_at_the_step_it_should(steps):
    schedule = schedules.step_decay(0.5, every=0.1)
    for step in range(steps):
        assert schedule(step / steps) == 0.5 ** (10 * step // steps)


def test_exponential_decay_falls_by_the_same_factor_in_every_step():
    schedule = schedules.exponential_decay(0.01)
    factors = [schedule(step / 8) for step in range(9)]
    for before, after in itertools.pairwise(factors):
        assert after / before == pytest.approx(0.01 ** (1 / 8), rel=1e-12)


def test_cosine_is_flat_at_its_ends():
    schedule = schedules.cosine()
    assert 1 - schedule(1e-3) < 1e-5
    assert schedule(1 - 1e-3) < 1e-5
    assert schedule(0.25) == pytest.approx((1 + math.sqrt(0.5)) / 2, rel=1e-12)


def test_warmup_rises_in_a_line_and_stretches_the_rest():
    schedule = schedules.warmup(0.2, schedules.linear_decay())
    rising = [schedule(progress) for progress in (0.05, 0.1, 0.15, 0.2)]
    assert rising == pytest.approx([0.25, 0.5, 0.75, 1], rel=1e-12)
    falling = [schedule(progress) for progress in (0.4, 0.6, 0.8)]
    assert falling == pytest.approx([0.75, 0.5, 0.25], rel=1e-12)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("linear_decay", {"end": -0.1}, "end must not be negative, got -0.1"),
        ("linear_decay", {"end": math.nan}, "end must not be negative, got nan"),
        ("cosine", {"end": -1}, "end must not be negative, got -1"),
        ("exponential_decay", {"end": 0}, "end must be positive, got 0"),
        ("exponential_decay", {"end": math.nan}, "end must be positive, got nan"),
        ("step_decay", {"factor": 0}, "factor must be above 0 and at most 1, got 0"),
        ("step_decay", {"every": 0}, "every must be above 0 and at most 1, got 0"),
        ("step_decay", {"every": 1.1}, "every must be above 0 and at most 1, got 1.1"),
        ("warmup", {"fraction": 0}, "fraction must be above 0 and below 1, got 0"),
        ("warmup", {"fraction": 1}, "fraction must be above 0 and below 1, got 1"),
        ("warmup", {"fraction": math.nan}, "fraction must be above 0 and below 1, got nan"),
    ],
)
def test_wrong_settings(name, settings, message):
    with pytest.raises(ValueError) as caught:
        getattr(schedules, name)(**settings)
    assert str(caught.value) == f"schedules.{name}: {message}"


@pytest.mark.parametrize("name", ["linear_decay", "cosine", "exponential_decay"])
def test_an_infinite_end_is_refused(name):
    with pytest.raises(ValueError, match="got inf"):
        getattr(schedules, name)(math.inf)
