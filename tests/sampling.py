"""Which cases of a long list `make test` tries; `make thorough` tries the rest."""

import pytest


def every(step, cases):
    """Let `make test` try the first case of that many, the next after them, and so on."""
    cases = list(cases)
    return some_of(cases, set(cases[::step]).__contains__)


def some_of(cases, wanted):
    """Mark every case that is not wanted as one more of a kind that is tried already."""
    more = pytest.mark.thorough
    return [case if wanted(case) else pytest.param(case, marks=more) for case in cases]
