"""Schedules: their end points and what lies between."""

import math

import pytest

from nnfromscratch import schedules


@pytest.mark.parametrize(
    ("schedule", "start", "middle", "end"),
    [
        (schedules.constant(), 1, 1, 1),
        (schedules.linear(), 1, 0.5, 0),
        (schedules.linear(0.5), 1, 0.75, 0.5),
        (schedules.linear(3), 1, 2, 3),
    ],
)
def test_factors(schedule, start, middle, end):
    assert [schedule(progress) for progress in (0, 0.5, 1)] == [start, middle, end]


@pytest.mark.parametrize("end", [-0.1, math.nan, math.inf])
def test_a_negative_or_infinite_end_is_refused(end):
    with pytest.raises(ValueError) as caught:
        schedules.linear(end)
    assert str(caught.value) == f"schedules.linear: end must be finite and not negative, got {end}"
