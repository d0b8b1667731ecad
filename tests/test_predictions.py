"""Guesses: typed before an answer, shown beside it, and counted at the end."""

import numpy as np
import pytest

from nnfromscratch.exercises import predictions
from nnfromscratch.exercises.predictions import answer, guess, how_near


@pytest.fixture(autouse=True)
def nothing_guessed_yet(monkeypatch):
    monkeypatch.setattr(predictions, "_guesses", {})
    monkeypatch.setattr(predictions, "_answers", {})


def said(capsys, value, found):
    """Return what stands below the answer, and the verdict at the end."""
    guess("the loss", value)
    answer("the loss", found)
    below = capsys.readouterr().out.strip()
    how_near()
    return below, capsys.readouterr().out.strip().rsplit("(", 1)[1].rstrip(")")


@pytest.mark.parametrize(
    ("value", "found", "below", "verdict"),
    [
        (10, np.float32(2.302585), "You said 10; it is 2.303.", "4.34 times as much"),
        (0.5, 2.0, "You said 0.5; it is 2.", "4 times too small"),
        (2.3, math_ln10 := 2.302585092994046, "You said 2.3; it is 2.303.", "near"),
        (2.303, math_ln10, "You said 2.303; it is 2.303.", "right"),
        (101_770, np.int64(101_770), "You said 101,770; it is 101,770.", "right"),
        (-1.0, 2, "You said -1; it is 2.", "another sign"),
        (1, 0, "You said 1; it is 0.", "not that"),
        (0, 0.0, "You said 0; it is 0.", "right"),
        ("Relu ", "relu", "You said Relu; it is relu.", "right"),
        ("tanh", "relu", "You said tanh; it is relu.", "not that"),
        (True, np.True_, "You said yes; it is yes.", "right"),
        ("No", True, "You said No; it is yes.", "not that"),
        ((784,), (784,), "You said (784,); it is (784,).", "right"),
        ((784, 1), np.zeros(784).shape, "You said (784, 1); it is (784,).", "not that"),
        ("ten", 10, "You said ten; it is 10.", "a number was asked for"),
        (True, 1, "You said yes; it is 1.", "a number was asked for"),
        (1, True, "You said 1; it is yes.", "yes or no was asked for"),
        (7, "relu", "You said 7; it is relu.", "a word was asked for"),
        (7, (7,), "You said 7; it is (7,).", "a shape was asked for"),
    ],
)
def test_the_answer_stands_beside_the_guess(capsys, value, found, below, verdict):
    assert said(capsys, value, found) == (below, verdict)


def test_left_alone_it_changes_nothing(capsys):
    guess("the loss", ...)
    answer("the loss", 2.3)
    answer("the error", 0.9)
    assert capsys.readouterr().out == ""
    how_near()
    assert capsys.readouterr().out.startswith("You have typed no guesses")


def test_at_the_end_all_are_counted_and_a_cell_run_twice_counts_once(capsys):
    for value in (10, 2.3):
        guess("the loss", value)
        answer("the loss", 2.303)
    guess("the error", 0.5)
    answer("the error", 0.9)
    guess("not answered yet", 1)
    capsys.readouterr()
    how_near()
    assert capsys.readouterr().out.splitlines() == [
        "1 of your 2 guesses were right, or within 10%.",
        "- the loss: you said 2.3, it is 2.303 (near)",
        "- the error: you said 0.5, it is 0.9 (1.8 times too small)",
    ]


def test_a_guess_taken_back_is_gone(capsys):
    guess("the loss", 10)
    guess("the loss", ...)
    answer("the loss", 2.3)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (None, TypeError, "a number, a word in quotes.*got NoneType"),
        ([1, 2], TypeError, "got list"),
        (np.ones(3), TypeError, "got ndarray"),
        ((1.5, 2), TypeError, "got tuple"),
        (1j, TypeError, "got complex"),
        (float("nan"), ValueError, "must be finite, got nan"),
        (-np.inf, ValueError, "must be finite"),
        ("  ", ValueError, "must not be empty"),
    ],
)
def test_anything_else_is_answered_with_a_sentence(value, error, words):
    guess("the loss", 10)
    with pytest.raises(error, match=f"guess: value must be .*{words}|guess: value {words}"):
        guess("the loss", value)
    assert predictions._guesses == {}
