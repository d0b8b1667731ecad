"""The exercises: every mistake is rejected and called by its name, every right answer accepted."""

import builtins
import dataclasses
import difflib
import re
import subprocess
import sys
import threading
import time
import warnings
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl
from sampling import some_of

import nnfromscratch as nn
from nnfromscratch import exercises
from nnfromscratch.exercises import (
    Exercise,
    ExerciseError,
    Mistake,
    _progress,
    _sandbox,
    all_exercises,
    hint,
    progress,
)

EXERCISES = {exercise.name: exercise for exercise in all_exercises()}
every_exercise = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
# The others train networks: their set is run, and tests/test_clinic_exercises.py looks at them.
every_quick_one = pytest.mark.parametrize(
    "exercise", some_of(EXERCISES.values(), lambda exercise: exercise.gradable), ids=EXERCISES
)


def message_of(exercise, answer):
    """Return what a check says of a wrong answer, with its lines joined."""
    with pytest.raises(ExerciseError) as caught:
        exercise.check(answer)
    return told(caught.value)


def told(error):
    """Return the text of an error, with its lines joined, after a look at its size."""
    lines = str(error).splitlines()
    assert all(len(line) <= 100 for line in lines)
    assert len(lines) <= 60
    return re.sub(r"\s+", " ", " ".join(lines))


def test_names_are_unique_and_no_names_of_the_package():
    assert len(EXERCISES) == len(all_exercises())
    assert not set(EXERCISES) & set(nn.__all__)


@every_exercise
def test_an_exercise_is_whole(exercise):
    assert exercise.name.isidentifier()
    assert 1 <= exercise.points <= 6
    assert len(exercise.goal) > 20
    assert len(exercise.misconception) > 20
    assert len(exercise.mistakes) >= 5
    assert len({mistake.name for mistake in exercise.mistakes}) == len(exercise.mistakes)
    assert len(exercise.variants) >= 2
    assert 2 <= len(exercise.hints) <= 3
    assert all(callable(attrgetter(name)(nn)) for name in exercise.out_of_reach)
    for mistake in exercise.mistakes:
        assert 20 <= len(mistake.hint) <= 250, mistake.name
        assert len(mistake.name) <= 70


@every_quick_one
def test_right_answers_are_accepted(exercise, capsys):
    for answer in (exercise.reference, *exercise.variants):
        exercise.check(answer)
        assert re.fullmatch(
            rf"{exercise.name}: right, in all \d+ cases\. \d points?\.\n", capsys.readouterr().out
        )


@every_quick_one
def test_every_mistake_is_called_by_its_name(exercise, monkeypatch):
    # A check runs the whole catalogue on its cases, so all of these checks share one draw. The
    # first runs in a process of its own, as for a learner; what that does is tested elsewhere.
    cases = exercise.cases(np.random.default_rng(20))
    shared = {"cases": cases, "expected": exercise.expected(cases), "known": exercise.known(cases)}
    for name, value in shared.items():
        monkeypatch.setattr(Exercise, name, lambda *arguments, value=value: value)

    def check_here(answer):
        done = [_sandbox.behaviour(answer, case, exercise.call) for case in cases]
        exercise.judge(cases, _sandbox.Observed(done))

    for i, mistake in enumerate(exercise.mistakes):
        check = check_here if i else exercise.check
        with _sandbox.one_thread(), pytest.raises(ExerciseError) as caught:
            check(mistake.implementation)
        assert f"mistake {mistake.name} hint {mistake.hint}" in told(caught.value)


@every_exercise
def test_the_reference_keeps_its_arguments(exercise, rng):
    for case in exercise.cases(rng):
        assert not _sandbox.behaviour(exercise.reference, case, exercise.call).changed


def test_a_contract_above_an_answer_changes_no_verdict(capsys):
    exercise = EXERCISES["columns_backward"]
    contract = nn.shapes("dz: K N, w: K D, x: D N -> K D, D N, K")

    @contract
    def columns_backward(dz, w, x):
        return dz @ x.T, w.T @ dz, dz.sum(axis=1)

    exercise.check(columns_backward)
    for mistake in exercise.mistakes:
        answer = contract(mistake.implementation)
        assert f"mistake {mistake.name} hint" in message_of(exercise, answer)


@pytest.mark.parametrize("answer", [nn.linear_backward, nn.linear_backward.__wrapped__])
def test_the_package_is_out_of_reach_without_its_contract_too(answer):
    exercise = EXERCISES["columns_backward"]
    words = "nnfromscratch.linear_backward"
    assert words in message_of(exercise, lambda dz, w, x: answer(dz.T, x.T, w.T))
    assert answer(np.ones((1, 2)), np.ones((1, 3)), np.ones((3, 2)))[1].shape == (3, 2)


# What the catalogue does not know is measured.


def standardized(x, mean):
    return (x - mean) / x.std(axis=0, keepdims=True)


def row_sums(x, mean):
    return x.sum(axis=1)


def both(x, mean):
    return x - mean, x.sum(axis=0)


def made_up(reference, outputs=()):
    return Exercise(
        name="blank",
        lesson=2,
        goal="",
        points=1,
        misconception="",
        reference=reference,
        inputs=lambda rng: (
            rng.standard_normal((int(rng.integers(2, 4)), int(rng.integers(4, 6)))) + 0.5,
            0.5,
        ),
        corners=(
            lambda rng: (rng.standard_normal((1, 4)), 0.5),
            lambda rng: (rng.standard_normal((3, 3)), 0.5),
            lambda rng: (rng.standard_normal((2, 4)), 0.5),  # the smallest: a message shows it
        ),
        mistakes=(),
        outputs=outputs,
    )


def in_place(x, mean):
    x -= mean
    return x


def by_chance(x):
    return (x.shape == (2, 4)) & ((x < 0).sum() > 1) & (x == x.min())


MEASURED = {
    "transposed": (lambda x, m: x, lambda x, m: x.T, "it is transposed (values are right)"),
    "column": (row_sums, lambda x, m: x.sum(axis=1, keepdims=True), "only their arrangement"),
    "not summed": (row_sums, lambda x, m: x, "its sum over axis 1 would be right"),
    "averaged away": (
        lambda x, m: x,
        lambda x, m: x.mean(axis=0),
        "it is the mean of the right one over axis 0",
    ),
    "all pairs": (
        lambda x, m: x[:, 0] - x[:, 1],
        lambda x, m: x[:, :1] - x[:, 1],
        "all pairs",
    ),
    "sign": (row_sums, lambda x, m: -x.sum(axis=1), "sign turned round"),
    "mean for sum": (
        lambda x, m: x.sum(axis=0),
        lambda x, m: x.mean(axis=0),
        "1/2 of the right one, and the length of axis 0 of x is 2",
    ),
    "sum for mean": (
        lambda x, m: x.mean(axis=1),
        row_sums,
        "4 times the right one, and the length of axis 1 of x is 4",
    ),
    "twice": (
        lambda x, m: x.mean(axis=0),
        lambda x, m: x.mean(axis=0) / len(x),
        "the length of axis 0 of x is 2",
    ),
    "constant factor": (
        row_sums,
        lambda x, m: 2.5 * x.sum(axis=1),
        "is 2.5 times the right one, wherever it is wrong",
    ),
    "offset": (row_sums, lambda x, m: x.sum(axis=1) + 3, "is +3 off, wherever it is wrong"),
    "nan": (row_sums, lambda x, m: x.sum(axis=1) * np.nan, "holds nan"),
    "unchanged": (lambda x, m: np.exp(x), lambda x, m: x, "is x itself"),
    "zeros": (lambda x, m: x, lambda x, m: np.zeros_like(x), "The result is 0 in every entry"),
    "always 0": (lambda x, m: (x**2).sum(), lambda x, m: -0.0, "The result is 0, wherever"),
    "always 1": (lambda x, m: (x**2).sum(), lambda x, m: 1, "The result is 1, wherever"),
    "backwards": (row_sums, lambda x, m: x.sum(axis=1)[::-1], "backwards along axis 0"),
    "shifted": (lambda x, m: x, lambda x, m: np.roll(x, 1, 1), "shifted by one along axis 1"),
    "signs": (lambda x, m: x, lambda x, m: np.abs(x), "right sizes, but some signs"),
    "negatives": (
        lambda x, m: np.where(x > 0, x, 0.1 * x),
        lambda x, m: np.where(x > 0, x, 0.3 * x),
        "exactly where x is negative",
    ),
    "first row": (
        lambda x, m: x,
        lambda x, m: np.vstack([x[:1], 2 * x[1:]]),
        "Only the first entry or row of the result is right",
    ),
    "one wrong": (
        lambda x, m: x + m,
        lambda x, m: np.where((x == x[-1, -1]) | (x == x[0, 0]), 7, x + m),
        "right in ",
    ),
    "one example only": (
        lambda x, m: x - x.mean(axis=0),
        lambda x, m: x - x.mean(),
        "right in ",
    ),
    "float32": (row_sums, lambda x, m: x.sum(axis=1).astype("f4"), "right values in float32"),
    "in place": (
        lambda x, m: x - m,
        in_place,
        "The result is right, but x is no longer what the caller gave",
    ),
    "none": (row_sums, lambda x, m: None, "It returned None"),
    "list": (row_sums, lambda x, m: x.sum(axis=1).tolist(), "It returned a list"),
    "generator": (row_sums, lambda x, m: (row.sum() for row in x), "It returned a generator"),
    "word": (row_sums, lambda x, m: "right", "It returned a str"),
    "object": (row_sums, lambda x, m: np.array([None]), "It returned an array of object"),
    "error": (row_sums, lambda x, m: x.summ(), "It raised AttributeError"),
    "order": (both, lambda x, m: (x.sum(axis=0), x - m), "in another order; due: dx, db"),
    "one of two": (both, lambda x, m: x - m, "2 results are due: dx, db"),
    "three": (both, lambda x, m: (x, x, x), "It returned 3 results; the number due is 2: dx, db"),
    "second": (both, lambda x, m: (x - m, -x.sum(axis=0)), "db is the right one with its sign"),
    "bool": (both, lambda x, m: (x - m, x.sum(axis=0) > 0), "db is right in"),
    "text": (lambda x, m: ["a", "b"], lambda x, m: ["b", "a"], "right, but in another order"),
    "text array": (row_sums, lambda x, m: np.array(["a"] * len(x)), "returned an array of text"),
    "last row": (
        lambda x, m: np.vstack([x, x, x]),
        lambda x, m: np.vstack([x, x, x[:-1], 2 * x[-1:]]),
        "Only the last entry or row of the result is wrong",
    ),
    "changed and wrong": (
        lambda x, m: x - m,
        lambda x, m: 2 * in_place(x, m),
        "measured x is no longer what the caller gave",
    ),
    "almost": (row_sums, lambda x, m: x.sum(axis=1) * (1 - 2e-5), "right to about 4 digits"),
    "misplaced nan": (
        lambda x, m: np.where(x > 0, np.nan, x),
        lambda x, m: np.where(x > 0, x, np.nan),
        "nan stands where a number is due",
    ),
    "a tuple inside": (both, lambda x, m: (x - m, (x, x[0])), "db is a tuple of 2"),
    "one of three": (
        lambda x, m: (x, x + 1, x + 2),
        lambda x, m: (2 * x, x + 1, 3 * x),
        "Right: db. The others are not",
    ),
    "all alike": (both, lambda x, m: (7 * (x - m), 7 * x.sum(axis=0)), "Each of dx, db is 7 times"),
    "called wrongly": (row_sums, lambda x: x.sum(axis=1), "It could not be used: TypeError: "),
    "one number": (lambda x, m: x.sum(), row_sums, "one number is due"),
    "dict": (
        lambda x, m: {"a": x},
        lambda x, m: {"b": x},
        'Key "b" is too many; key "a" is missing',
    ),
    "a name too many": (
        lambda x, m: [],
        lambda x, m: ["w1"],
        'It returned a list of 1; a list of 0 is due: "w1" is too many',
    ),
    "a name missing": (
        lambda x, m: ["a", "b", "a"],
        lambda x, m: ["a", "b"],
        'a list of 3 is due: "a" is missing',
    ),
    "digits": (
        lambda x, m: 1.5,
        lambda x, m: 1.5 + 3e-7,
        "right to about 6 digits: 1.5000003, where 1.5 is due",
    ),
    "digits of an entry": (
        lambda x, m: x,
        lambda x, m: np.where(x > 0, x * (1 + 2e-6), x),
        "The result is right to about 5 digits: ",
    ),
    "a coincidence": (
        lambda x, m: np.where(x > 0, x, 0.1 * x),
        lambda x, m: np.where(x > 0, x, np.where(by_chance(x), 0.1, 0.3) * x),
        "wrong only where x is negative (",
    ),
    "a float for an integer": (
        lambda x, m: len(x),
        lambda x, m: float(len(x)),
        "0, a float; an integer is due (values are right)",
    ),
    "floats for integers": (
        lambda x, m: x.argmax(axis=1),
        lambda x, m: x.argmax(axis=1) + 0.5,
        "an array of floats; integers are due (values differ too)",
    ),
    "a float for a truth value": (
        lambda x, m: bool(x.max() > m),
        lambda x, m: float(x.max() > m),
        "a float; a truth value is due",
    ),
    "half precision": (
        lambda x, m: float(x.shape[1]) * 1.2345,
        lambda x, m: np.float16(x.shape[1] * 1.2345),
        "right to about",
    ),
    "an argument ignored": (
        lambda x, m: np.exp(x) - m * x**2,
        lambda x, m: np.exp(x),
        "The result would be right with zeros in place of m",
    ),
    "an argument's signs": (
        lambda x, m: np.exp(x) + 2 * x,
        lambda x, m: np.exp(-x) - 2 * x,
        "The result would be right with -x in place of x",
    ),
    "a factor N - 1": (
        lambda x, m: x.sum(axis=1),
        lambda x, m: x.sum(axis=1) * (x.shape[1] - 1),
        "the right one times 1 less than the length of axis 1 of x",
    ),
    "N for another size": (
        lambda x, m: x.sum(axis=1) / x.shape[1],
        lambda x, m: x.sum(axis=1) / x.shape[0],
        "divided by the length of axis 0 of x",
    ),
    "something else done to it": (
        lambda x, m: x + 5,
        lambda x, m: np.log(x + 5),
        "is the logarithm of the right one",
    ),
    "an argument too many": (
        lambda x, m: np.exp(x),
        lambda x, m: np.exp(x) + x,
        "The result is the right one plus x",
    ),
    "one result for another": (
        lambda x, m: (x - m, x**2),
        lambda x, m: (x - m, x - m),
        "db is what dx should be",
    ),
    "one of all entries": (
        lambda x, m: float(x.max()),
        lambda x, m: x,
        "the largest of all its entries would be right",
    ),
    "no sign": (
        lambda x, m: (x - 0.5).sum(),
        lambda x, m: abs((x - 0.5).sum()),
        "The result is the size of the right one, without its sign",
    ),
    "rounded": (
        lambda x, m: x,
        lambda x, m: np.round(x, 4),
        "The result is the right one, rounded to 4 decimals",
    ),
    "a factor of almost 1": (
        lambda x, m: x,
        lambda x, m: x * (1 + 1e-5 if x.shape == (1, 4) else 1.5),
        "the right one times 1.00001, for every entry; in another case, times 1.5.",
    ),
    "a division by 1 - m": (
        lambda x, m: x.sum(axis=1),
        lambda x, m: x.sum(axis=1) / (1 - x.shape[1]),
        "is the right one divided by 1 - n, where n is the length of axis 1 of x",
    ),
    "almost 1 in another case": (
        lambda x, m: x,
        lambda x, m: x * (1.5 if x.shape == (1, 4) else 1 + 1e-5),
        "the right one times 1.5, for every entry; in another case, times 1.00001.",
    ),
    "digits of another case": (
        lambda x, m: x.sum(axis=1),
        lambda x, m: x.sum(axis=1) * (1 + 1e-6 * x.size),
        "is due, in another case. Has it",
    ),
    "a small number added": (
        lambda x, m: np.abs(x),
        lambda x, m: np.abs(x) + 1e-6,
        "The result",
    ),
}


@pytest.mark.parametrize(("right", "wrong", "words"), MEASURED.values(), ids=MEASURED)
def test_what_no_catalogue_knows_is_measured(right, wrong, words):
    exercise = made_up(right, ("dx", "db"))
    message = message_of(exercise, wrong)
    assert words in message
    assert "mistake " not in message


def with_mistakes(reference, *mistakes, outputs=()):
    found = tuple(Mistake(f"mistake {i}", m, "What is due?") for i, m in enumerate(mistakes))
    return dataclasses.replace(made_up(reference, outputs), mistakes=found)


def test_two_mistakes_are_told_one_by_one():
    exercise = with_mistakes(
        both,
        lambda x, m: (x - 2 * m, x.sum(axis=0)),
        lambda x, m: (x - m, np.exp(x).sum(axis=0)),
        outputs=("dx", "db"),
    )
    message = message_of(exercise, lambda x, m: (x - 2 * m, np.exp(x).sum(axis=0)))
    assert "mistake mistake 0 hint What is due? mistake mistake 1 hint" in message
    message = message_of(exercise, lambda x, m: (x - 2 * m, -x.sum(axis=0)))
    assert "mistake mistake 0" in message
    assert "measured db is the right one with its sign turned round" in message


def test_a_part_is_not_wrong_alone_where_others_are_wrong_too():
    exercise = with_mistakes(both, lambda x, m: (2 * x, x.sum(axis=0)), outputs=("dx", "db"))
    (mistake,) = exercise.mistakes
    mistake = dataclasses.replace(mistake, name="no mean is taken off, in dx alone")
    exercise = dataclasses.replace(exercise, mistakes=(mistake,))
    message = message_of(exercise, lambda x, m: (2 * x, x.sum(axis=0)))
    assert "mistake no mean is taken off, in dx alone hint" in message
    with pytest.raises(ExerciseError) as caught:
        exercise.check(lambda x, m: (2 * x, -x.sum(axis=0)))
    assert "mistake no mean is taken off, in dx hint" in told(caught.value)
    assert "db is the right one with its sign turned round" in told(caught.value)
    assert caught.value.mistake == mistake.name  # as it is counted


def test_results_in_another_order_hold_no_mistake():
    def three(x, m):
        return x - m, x.sum(axis=0), x.mean(axis=0)

    exercise = with_mistakes(
        three, lambda x, m: (x - m, x.mean(axis=0), x.mean(axis=0)), outputs=("dx", "db", "dg")
    )
    message = message_of(exercise, lambda x, m: (x.sum(axis=0), x.mean(axis=0), x - m))
    assert "right, but in another order; due: dx, db, dg" in message
    assert "mistake" not in message


NEARLY_RIGHT = {
    "in its type": lambda x, m: (20 * x).astype(np.float32),
    "in its numbers": lambda x, m: 20 * x + 1e-5 * (x.shape == (3, 3)),
}


@pytest.mark.parametrize("what", NEARLY_RIGHT)
def test_a_mistake_that_is_hardly_one_explains_no_other(what):
    exercise = with_mistakes(lambda x, m: 20 * x, NEARLY_RIGHT[what])
    for factor in (1 + 1e-6, 1 - 1e-6):
        message = message_of(exercise, lambda x, m, factor=factor: 20 * x * factor)
        assert "The result is right to about" in message
        assert "mistake" not in message
    assert "mistake mistake 0" in message_of(exercise, NEARLY_RIGHT[what])


def test_a_mistake_in_float32_is_named():
    exercise = with_mistakes(lambda x, m: 20 * x, lambda x, m: 19 * x)
    message = message_of(exercise, lambda x, m: (19 * x.astype(np.float32)).astype(float))
    assert "mistake mistake 0" in message


def test_a_size_that_is_always_the_same_explains_no_factor():
    shape = made_up(lambda x, m: x.sum(axis=1))
    exercise = dataclasses.replace(
        shape, inputs=lambda rng: (rng.standard_normal((2, 3)), rng.random()), corners=()
    )
    message = message_of(exercise, lambda x, m: 2 * x.sum(axis=1))
    assert "The result is 2 times the right one, wherever it is wrong" in message


def test_a_mistake_and_something_more():
    exercise = with_mistakes(lambda x, m: np.exp(x), lambda x, m: np.exp(x) - x**2)
    message = message_of(exercise, lambda x, m: x**2 - np.exp(x))
    assert "mistake mistake 0" in message
    assert "Besides, its sign is turned round." in message
    message = message_of(exercise, lambda x, m: (np.exp(x) - x**2) / x.shape[1])
    assert re.search(r"1/[2-9] of what this mistake alone gives", message)
    message = message_of(exercise, lambda x, m: np.sqrt(2) * (np.exp(x) - x**2))
    assert "Besides, it is 1.414 times what this mistake alone gives." in message


def test_a_part_that_is_lost_beside_another_proves_nothing():
    def price(x):
        return 1e-9 * np.abs(x).sum()

    exercise = with_mistakes(
        lambda x, m: (price(x), np.sign(x)), lambda x, m: (price(x) / x.size, np.sign(x) / x.size)
    )
    message = message_of(exercise, lambda x, m: (price(x + np.cos(3 * x)), np.sign(x)))
    assert "this mistake alone" not in message  # so many times it: true of the signs alone


PAIRS = {
    "terms of a sum": (
        lambda x, m: x + np.sin(x),
        [lambda x, m: x - np.sin(x), lambda x, m: x + 1 + np.sin(x)],
        lambda x, m: x + 1 - np.sin(x),
    ),
    "factors": (
        lambda x, m: np.exp(x),
        [lambda x, m: np.exp(x) * np.cosh(x), lambda x, m: np.exp(x) / (2 + np.sin(x))],
        lambda x, m: np.exp(x) * np.cosh(x) / (2 + np.sin(x)),
    ),
    "entries of their own": (
        lambda x, m: np.where(x > 0, x, 2 * x),
        [lambda x, m: np.where(x > 0, x**2, 2 * x), lambda x, m: np.where(x > 0, x, np.sin(x))],
        lambda x, m: np.where(x > 0, x**2, np.sin(x)),
    ),
}


@pytest.mark.parametrize("what", PAIRS)
def test_two_mistakes_at_once_are_both_named(what):
    right, mistakes, answer = PAIRS[what]
    message = message_of(with_mistakes(right, *mistakes), answer)
    assert "mistake mistake 0 hint" in message
    assert "mistake mistake 1 hint" in message


def test_two_sizes_of_one_error_do_not_explain_a_third():
    mistakes = [lambda x, m: x + 2 * np.sin(x), lambda x, m: x + 3 * np.sin(x)]
    exercise = with_mistakes(lambda x, m: x + np.sin(x), *mistakes)
    assert "mistake mistake" not in message_of(exercise, lambda x, m: x + 4 * np.sin(x))


def test_of_several_pairs_what_they_share_is_named():
    twice = lambda x, m: x + 1 + np.sin(x)  # noqa: E731
    exercise = with_mistakes(
        lambda x, m: x + np.sin(x), lambda x, m: x - np.sin(x), twice, lambda x, m: twice(x, m)
    )
    message = message_of(exercise, lambda x, m: x + 1 - np.sin(x))
    assert "mistake mistake 0" in message
    assert "mistake mistake 1" not in message


def test_a_right_answer_that_does_not_end_for_other_arguments_is_given_up():
    def halved(x, mean):
        while mean < 1:
            mean = mean * 2
        return np.exp(x) * mean

    message_of(made_up(halved), lambda x, m: np.exp(x) - np.sin(x))


# float32 on the way


def dividing(constant):
    return lambda x, m: x / np.abs(x).sum(axis=1, keepdims=True) * (1 + constant)


def one_factor(x, m):
    return x.astype(np.float32) / np.abs(x).sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    "answer",
    [
        lambda x, m: one_factor(x, m).astype(np.float64),
        lambda x, m: dividing(0)(x.astype(np.float32), m).astype(np.float64),
        lambda x, m: x / np.abs(x.astype(np.float32)).sum(axis=1, keepdims=True),
    ],
)
def test_float32_on_the_way_is_accepted(answer):
    for _ in range(5):
        made_up(dividing(0)).check(answer)


@pytest.mark.parametrize("constant", [2e-7, -3e-7, 1e-6, 1e-5])
def test_a_factor_that_is_a_little_off_is_no_rounding(constant):
    assert "right to about" in message_of(made_up(dividing(0)), dividing(constant))
    exercise = made_up(lambda x, m: 20 * x)
    message_of(exercise, lambda x, m: 20 * x + 50 * constant)  # up for all, if not away from 0
    rounded = dividing(0)
    message_of(made_up(dividing(0)), lambda x, m: np.round(rounded(x, m), 6))


def test_targets_from_the_packages_one_hot_are_accepted(rng):
    exercise = EXERCISES["smoothed_cross_entropy"]

    def answer(z, y, s):
        t = (1 - s) * nn.one_hot(y, z.shape[1]) + s / z.shape[1]
        return -(t * nn.log_softmax(z)).sum() / len(z), (nn.softmax(z) - t) / len(z)

    rejected = 0
    for _ in range(60):
        cases = exercise.cases(rng)
        done = [_sandbox.behaviour(answer, case, exercise.call) for case in cases]
        trials = exercise.trials(cases, done, exercise.expected(cases))
        rejected += not all(trial.right for trial in trials)
        assert not exercise.wrong(trials)
    assert rejected  # or this test shows nothing


# Answers of every other kind

ODD = {
    "dict": {},
    "dict of an empty array": {"w": np.empty(0), 3: None},
    "empty array": np.empty(0),
    "empty matrix": np.empty((3, 0)),
    "string": "a",
    "set": {1, 2},
    "None": None,
    "object array": np.array([None, 1], dtype=object),
    "array of text": np.array(["a"]),
    "dates": np.array(["2020"], dtype="M8[D]"),
    "nested list": [[1, [2.0, "a"]], []],
    "empty list": [],
    "pair": (np.empty(0), {}),
    "function": len,
    "exception class": ValueError,
    "complex": 1j,
    "inf": np.inf,
    "float16": np.float16(1),
    "bytes": b"1",
    "range": range(3),
}


def with_first_leaf(value, leaf):
    """Return a right result with something else as its first part."""
    if isinstance(value, tuple | list) and value:
        return type(value)([with_first_leaf(value[0], leaf), *value[1:]])
    if isinstance(value, dict) and value:
        (key, part), *rest = value.items()
        return {key: with_first_leaf(part, leaf), **dict(rest)}
    return leaf


@pytest.mark.filterwarnings("error")
@every_exercise
def test_whatever_comes_back_there_is_a_verdict(exercise, rng, monkeypatch):
    if not exercise.gradable:
        pytest.skip("its results come from training, and are a verdict already")
    cases = exercise.cases(rng)[:3]
    expected, known = exercise.expected(cases), exercise.known(cases)
    monkeypatch.setattr(Exercise, "expected", lambda self, cases: expected)
    monkeypatch.setattr(Exercise, "known", lambda self, cases: known)
    for odd in [*ODD.values(), (i for i in range(3))]:
        for results in ([odd] * len(cases), [with_first_leaf(due, odd) for due in expected]):
            done = [_sandbox.Behaviour(_sandbox.plain(result)) for result in results]
            with pytest.raises(ExerciseError) as caught:
                exercise.judge(cases, _sandbox.Observed(done))
            lines = str(caught.value).splitlines()
            assert lines[0] == f"{exercise.name} is not right yet."
            assert lines[2].startswith(("measured  ", "mistake   ", "hint  "))


def test_a_class_as_answer_may_return_anything():
    for value in (None, {}, np.empty(0)):
        odd = type("Maxout", (), {"forward": lambda self, x, v=value: v})
        assert "Maxout is not right yet" in message_of(EXERCISES["Maxout"], odd)


def test_what_is_wrong_comes_before_the_evidence():
    lines = str(caught_by(made_up(row_sums), lambda x, m: -x.sum(axis=1))).splitlines()
    starts = [line[:10].strip() for line in lines if line[:1].strip()]
    assert starts == ["blank is n", "measured", "hint", "tried", "you gave", "expected"]


def caught_by(exercise, answer):
    with pytest.raises(ExerciseError) as caught:
        exercise.check(answer)
    return caught.value


@pytest.mark.parametrize(
    ("answer", "arrays"),
    [
        (lambda x, m: nowhere, False),  # noqa: F821
        (lambda x: x, False),
        (lambda x, m: x.summ(), False),
        (lambda x, m: x @ x @ x + np.ones((7, 7)), True),
        (lambda x, m: x.sum(axis=1) if len(x) > 1 else 1 / 0, True),
    ],
)
def test_arrays_are_shown_with_an_error_only_if_it_depends_on_them(answer, arrays):
    assert ("tried" in message_of(made_up(row_sums), answer)) == arrays


def only_one_example(x, mean):
    return x[:1].sum(axis=1) if len(x) > 1 else x.sum(axis=1)


def test_the_cases_that_go_right_are_described():
    assert "right only when x has a single row" in message_of(made_up(row_sums), only_one_example)
    zeros = dataclasses.replace(
        made_up(lambda x, m: np.exp(x)), corners=(lambda rng: (np.zeros((2, 4)), 0.5),) * 2
    )
    message = message_of(zeros, lambda x, m: np.cosh(x) + x**3)
    assert "It went right where all of x is 0, and wrong where an entry was " in message
    square = made_up(lambda x, m: x @ x.T)
    wrong = message_of(square, lambda x, m: x @ x if x.shape[0] == x.shape[1] else x @ x.T)
    assert "wrong only when x is square" in wrong


def test_errors_beside_results_are_counted_and_shown():
    def answer(x, mean):
        return -x.sum(axis=1) @ np.ones(3) if len(x) == 2 else -x.sum(axis=1)

    message = message_of(made_up(row_sums), answer)
    assert "sign turned round" in message
    assert re.search(r"It raised ValueError: .* at `return -x.*` in \d+ of 23 cases", message)


def test_one_case_makes_no_law():
    exercise = made_up(lambda x, mean: x)
    for number in range(5):
        seen = []

        def answer(x, mean, seen=seen, number=number):
            seen.append((x < 0).any())
            return np.where(x < 0, 0, x) if seen[-1] and sum(seen) == 5 + number else x

        assert "exactly where" not in message_of(exercise, answer)


def test_a_mistake_is_known_by_its_results_where_its_errors_read_otherwise():
    def on_rows(x, mean):
        return x @ x + mean

    def by_einsum(x, mean):
        if x.shape[0] != x.shape[1]:
            raise ValueError("other words")
        return np.einsum("ij,jk->ik", x, x) + mean

    settings = vars(made_up(lambda x, mean: x @ x.T + mean))
    exercise = Exercise(**(settings | {"mistakes": (Mistake("no transpose", on_rows, "A hint."),)}))
    assert "mistake no transpose" in message_of(exercise, by_einsum)

    def always(x, mean):
        raise ValueError("other words")

    assert "mistake" not in message_of(exercise, always)


def test_numbers_in_a_sentence_are_those_of_the_example():
    for _ in range(20):
        message = message_of(made_up(lambda x, m: x.sum(axis=0)), lambda x, m: x.mean(axis=0))
        found = re.search(r"1/(\d+) of the right one, and .* axis 0 of x is (\d+)", message)
        size, axis = found.groups()
        assert f"x = shape ({size}, " in message
        assert size == axis


def test_a_mistake_of_another_dtype_is_named_but_a_wrong_dtype_alone_is_not():
    mistakes = (
        Mistake("in place", in_place, "A hint."),
        Mistake("the mean is added", lambda x, mean: x + mean, "A hint."),
    )
    exercise = made_up(lambda x, mean: x - mean)
    exercise = Exercise(**(vars(exercise) | {"mistakes": mistakes}))
    assert "the mean is added" in message_of(exercise, lambda x, m: (x + m).astype(np.float32))
    message = message_of(exercise, lambda x, m: (x - m).astype(np.float32))
    assert "mistake" not in message
    assert "right values in float32" in message


# Answers that would harm


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(_sandbox, "CPU_SECONDS", 1)
    monkeypatch.setattr(_sandbox, "WALL_SECONDS", 4)


def endless(x, mean):
    while True:
        try:
            x = x + 1
        except BaseException:  # not even an exception stops it
            continue


def asleep(x, mean):
    time.sleep(1000)


def huge(x, mean):
    return np.ones(10 * 1024**3 // 8).sum() + x.sum(axis=1)


def noisy(x, mean):
    while True:
        print("still here")


def gone(x, mean):
    import os

    os._exit(0)


def swallowed(x, mean):
    try:
        return noisy(x, mean)
    except Exception:
        return 0


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (endless, "did not come to an end"),
        (lambda x, mean: sum(range(10**14)), "did not come to an end"),
        (asleep, "did not come to an end"),
        (huge, "more than 2 GB of memory"),
        (noisy, "printed without end"),
        (swallowed, "printed without end"),
        (gone, "ended the whole Python process"),
        (lambda x, mean: exit(3), "It raised SystemExit: 3"),
        (lambda x, mean: (_ for _ in ()).throw(KeyboardInterrupt), "It raised KeyboardInterrupt"),
    ],
)
def test_an_answer_that_would_harm_gives_a_message(answer, words):
    begin = time.monotonic()
    assert words in message_of(made_up(row_sums), answer)
    assert time.monotonic() - begin < 10


def test_prints_are_shown(capsys):
    def answer(x, mean):
        print("shape", x.shape)
        return x.sum(axis=1)

    made_up(row_sums).check(answer)
    assert "(blank printed: shape (1, 4) | shape (3, 3) | shape" in capsys.readouterr().out


def test_a_blank_says_so():
    def blank(x, mean):
        raise NotImplementedError

    assert message_of(made_up(row_sums), blank).startswith("blank is still blank. Write it in")


def test_a_class_says_which_method_is_blank():
    class Half:
        def forward(self, x):
            return np.maximum(*np.split(x, 2, axis=1))

        def backward(self, d_out):
            raise NotImplementedError

    message = message_of(EXERCISES["Maxout"], Half)
    assert message.startswith("Maxout is still blank in `backward`. Write")


@pytest.mark.parametrize("answers", [(), (None,), (3.0,), (np.ones(2),), (row_sums, row_sums)])
def test_what_is_no_function(answers):
    with pytest.raises(ExerciseError, match=r"takes the function itself,\scheck_blank\(blank\)"):
        made_up(row_sums).check(*answers)


def test_the_package_is_out_of_reach_and_back_again():
    exercise = EXERCISES["leaky"]

    def hidden(z, slope):
        try:
            return nn.leaky_relu(z, slope)
        except RuntimeError:
            return exercise.reference(z, slope)

    layer = nn.LeakyReLU
    for answer in (nn.leaky_relu, lambda z, s: nn.functional.leaky_relu(z, s), hidden):
        assert "leaky calls nnfromscratch.leaky_relu, which" in message_of(exercise, answer)
    assert "leaky calls nnfromscratch.LeakyReLU, which" in message_of(
        exercise, lambda z, s: layer(s).forward(z)
    )
    assert "out of reach" in message_of(exercise, lambda z, s: exercise.reference(z, s))
    assert nn.leaky_relu([[-1.0]], 0.5) == -0.5


def test_ipython_shows_the_message_alone():
    assert ExerciseError("a\nb")._render_traceback_() == ["a\nb"]


def test_in_a_thread_where_there_is_no_fork(monkeypatch):
    monkeypatch.delattr("os.fork")
    monkeypatch.setattr(_sandbox, "WALL_SECONDS", 0.5)
    made_up(row_sums).check(row_sums)
    streams, filters = (sys.stdout, sys.stderr), list(warnings.filters)
    assert "sign turned round" in message_of(made_up(row_sums), lambda x, m: -x.sum(axis=1))
    assert "did not come to an end" in message_of(
        made_up(row_sums), lambda x, m: time.sleep(2) or row_sums(x, m)
    )
    assert "leaky calls nnfromscratch.leaky_relu" in message_of(EXERCISES["leaky"], nn.leaky_relu)

    # What an answer that does not end was kept from is in reach again, for all and for itself.
    begun, done = threading.Event(), []

    def waits(z, slope):
        begun.set()
        time.sleep(1)
        done.append(nn.leaky_relu([[-1.0]], 0.5).item())

    assert "did not come to an end" in message_of(EXERCISES["leaky"], waits)
    assert begun.is_set()
    assert nn.leaky_relu([[-1.0]], 0.5) == -0.5
    assert (sys.stdout, sys.stderr) == streams
    assert warnings.filters == filters


def test_what_is_out_of_reach_for_an_answer_is_in_reach_for_other_threads():
    seen = []
    go, end = threading.Event(), threading.Event()

    def other():
        go.wait(5)
        seen.append(nn.leaky_relu([[-1.0]], 0.5).item())
        end.set()

    thread = threading.Thread(target=other, daemon=True)
    thread.start()

    def answer(z, slope):
        go.set()
        end.wait(5)
        return nn.leaky_relu(z, slope)

    exercise = EXERCISES["leaky"]
    cases = exercise.cases(np.random.default_rng(1))
    forbidden = {"nnfromscratch.leaky_relu": nn.leaky_relu}
    observed = _sandbox._in_thread(answer, cases, exercise.call, forbidden)
    assert observed.used
    assert seen == [-0.5]


# Hints and progress


@every_exercise
def test_hints(exercise, capsys):
    for number, text in enumerate(exercise.hints, start=1):
        hint(exercise.name, number)
        shown = capsys.readouterr().out
        assert max(map(len, shown.splitlines())) <= 84
        count = len(exercise.hints)
        assert " ".join(shown.split()) == f"{exercise.name}, hint {number} of {count}: {text}"
    for number in (len(exercise.hints) + 1, 0, "1", None, True, 1.5):
        hint(exercise.check, number)
    said = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert said.count(f"There are {len(exercise.hints)} hints for {exercise.name}: ask for") == 6


def leaky():
    """Stand for a learner's function: its name is all that counts."""


def test_hints_are_asked_for_by_name_function_or_check(capsys):
    for name in ("leaky", "check_leaky", leaky, EXERCISES["leaky"].check):
        hint(name, 1)
        assert capsys.readouterr().out.startswith("leaky, hint 1 of 2: ")


@pytest.mark.parametrize(
    ("names", "wanted", "words"),
    [
        ((), "leeky", "Did you mean hint(leaky, 1)?"),
        ((), "nothing at all", 'called "nothing at all". progress(2) lists the blanks of set 02.'),
        (("check_leaky", "check_Maxout"), "xyz", 'called "xyz". This set has leaky, Maxout.'),
        (("check_leaky",), print, 'called "print". This set has leaky.'),
        (("check_leaky",), 3, 'called "int". This set has leaky.'),
    ],
)
def test_a_hint_for_something_else(names, wanted, words, capsys):
    exec("hint(wanted, 1)", {"hint": hint, "wanted": wanted, **dict.fromkeys(names)})
    assert words in re.sub(r"\s+", " ", capsys.readouterr().out)


def test_no_check_of_another_name():
    with pytest.raises(AttributeError, match="no check_nothing"):
        _ = exercises.check_nothing


CHANGES = {
    "an array": (
        lambda z, slope: (np.negative(z, out=z), 1)[1],
        ["tried     slope = 0.1", "before    z = shape (2, 3):", "after     z = shape (2, 3):"],
    ),
    "one entry of a large one": (
        lambda z, slope: z.__setitem__(np.s_[-1:], 7.0),
        ["before    z[2, 0] = 0.5", "after     z[2, 0] = 7"],
    ),
    "one array of a dict": (
        lambda z, slope: z["w"].__isub__(slope),
        ['before    z["w"] = shape (1,): [2.]', 'after     z["w"] = shape (1,): [1.9]'],
    ),
    "a list": (lambda z, slope: z.pop(), ["before    z = [1, 2]", "after     z = [1]"]),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_argument_is_shown_before_and_after(what):
    answer, shown = CHANGES[what]
    given = {
        "an array": np.arange(6.0).reshape(2, 3),
        "one entry of a large one": np.full((3, 8), 0.5),
        "one array of a dict": {"b": np.zeros(2), "w": np.array([2.0])},
        "a list": [1, 2],
    }[what]
    exercise = dataclasses.replace(
        EXERCISES["leaky"],
        reference=lambda z, slope: 1,
        inputs=lambda rng: (given, 0.1),
        corners=(),
        mistakes=(),
        variants=(),
    )
    for wrong in (False, True):
        with pytest.raises(ExerciseError) as caught:
            exercise.check(lambda z, slope: (answer(z, slope), 1 + wrong)[1])  # noqa: B023
        lines = str(caught.value).splitlines()
        assert [line for line in lines if line in shown] == shown
        text = str(caught.value)
        assert text.index("measured") < text.index("before")
        assert ("you gave" in text) == wrong  # a right result would only take the place
        assert text.count("z = ") <= 2


def test_an_answer_has_one_thread(capsys):
    def threads(*_):
        found = threadpoolctl.threadpool_info()
        return max((pool["num_threads"] for pool in found if pool["user_api"] == "blas"), default=1)

    with threadpoolctl.threadpool_limits(3):
        before = threads()
        made_up(lambda x, m: 1).check(threads)
        assert threads() == before
    assert "right" in capsys.readouterr().out


def test_progress(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exercise = EXERCISES["leaky"]
    exercise.check(exercise.reference)
    assert not any(tmp_path.iterdir())  # only in a notebook
    monkeypatch.setattr(builtins, "get_ipython", object, raising=False)
    exercise.check(exercise.reference)
    exercise.check(exercise.reference)
    capsys.readouterr()
    progress(2)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines[:-2]] == ["open", "solved", "open", "open", "open"]
    assert lines[-2] == "[####                ] 1 of 5 solved, checks 1 of 10 points"
    assert lines[-1].startswith("open question: 3 points, graded by your instructor")
    progress()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "lesson 02  [####                ] 1 of 5 solved, checks 1 of 10 points"
    assert [line[:9] for line in lines[:-1]] == [f"lesson {n:02}" for n in range(2, 20)]
    assert all("] 0 of " in line for line in lines[1:-1])
    assert lines[-1].startswith("open questions: 3 points each, graded by your instructor")
    for former in ("", "{", "[]", '{"02": 3}', "null", '{"02": ["linear_columns"]}'):
        Path(".progress.json").write_text(former)
        progress(2)
        assert f"{1 + ('linear' in former)} of 5 solved" in capsys.readouterr().out
    with pytest.raises(ValueError, match="lesson must be one of"):
        progress(1)
    with pytest.raises(ValueError, match=r"got 2\.5"):
        progress(2.5)


def test_progress_of_several_notebooks_at_once(tmp_path, monkeypatch):
    code = """
import builtins, sys
from nnfromscratch.exercises import _progress
builtins.get_ipython = object
for i in range(200):
    _progress.record(int(sys.argv[1]) % 2, f"{sys.argv[1]}_{i}")
"""
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(n)], cwd=tmp_path) for n in range(4)
    ]
    assert [process.wait(60) for process in started] == [0] * 4
    monkeypatch.chdir(tmp_path)
    done = _progress.solved()
    for lesson in range(2):
        names = {f"{n}_{i}" for n in range(lesson, 4, 2) for i in range(200)}
        assert set(done[f"{lesson:02}"]) == names


def test_progress_where_nothing_can_be_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(builtins, "get_ipython", object, raising=False)
    Path(".progress").write_text("in the way")
    EXERCISES["leaky"].check(EXERCISES["leaky"].reference)
    progress(2)
    assert "0 of 5 solved" in capsys.readouterr().out


def test_hints_do_not_give_the_line():
    import inspect

    for exercise in EXERCISES.values():
        source = inspect.getsource(exercise.reference)
        lines = [re.sub(r"\s", "", line) for line in source.splitlines()[1:]]
        for text in (*exercise.hints, *(mistake.hint for mistake in exercise.mistakes)):
            told = re.sub(r"\s", "", text)
            for line in lines:
                body = line.removeprefix("return")
                assert len(body) < 12 or body not in told, (exercise.name, text)
                match = difflib.SequenceMatcher(None, told, body).find_longest_match()
                assert match.size < 30, (exercise.name, text)
