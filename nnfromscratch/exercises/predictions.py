"""Guesses that a reader types before a lesson gives the answer, and how near they came.

In the learner's copy of a lesson:

    guess("the loss of a network that knows nothing", 10)
    ...                                              # the lesson finds it out
    answer("the loss of a network that knows nothing", loss)  # You said 10; it is 2.303.
    how_near()

A guess is a number, a word, True or False, or a shape. Where the three dots are left standing,
nothing is guessed and nothing is said.
"""

import math
import numbers
import textwrap

from ._exercise import WIDTH

Guess = float | str | bool | tuple[int, ...]

_guesses: dict[str, Guess] = {}
_answers: dict[str, Guess] = {}

YES = {"yes": True, "y": True, "no": False, "n": False}
NEAR = 0.1
"""A number counts as near if it is at most this fraction of the answer away."""


def guess(prompt: str, value: Guess = ...) -> None:
    """Keep a guess until its answer comes.

    Args:
        prompt: what is guessed.
        value: a number, a word, True or False, a shape like (32, 10); `...` for no guess.

    Raises:
        TypeError: it is something else.
        ValueError: it is not finite, or empty.
    """
    _answers.pop(prompt, None)
    _guesses.pop(prompt, None)
    if value is not ...:
        _guesses[prompt] = _plain("guess", value)


def answer(prompt: str, value: Guess) -> None:
    """Print what was guessed beside what it is; without a guess, print nothing.

    Raises:
        TypeError: the answer is none that can be guessed.
        ValueError: it is not finite, or empty.
    """
    _answers[prompt] = _plain("answer", value)
    if prompt in _guesses:
        print(f"You said {_shown(_guesses[prompt])}; it is {_shown(_answers[prompt])}.")


def how_near() -> None:
    """Print every guess of this session beside its answer, and how many were near."""
    pairs = [(p, _guesses[p], _answers[p]) for p in _guesses if p in _answers]
    if not pairs:
        print("You have typed no guesses, or not yet run the cells that answer them.")
        return
    good = sum(_verdict(*pair[1:]) in ("right", "near") for pair in pairs)
    print(f"{good} of your {len(pairs)} guesses were right, or within {NEAR:.0%}.")
    for prompt, said, found in pairs:
        line = f"{prompt}: you said {_shown(said)}, it is {_shown(found)}"
        print(textwrap.fill(f"- {line} ({_verdict(said, found)})", WIDTH, subsequent_indent="  "))


def _plain(function: str, value: Guess) -> Guess:
    """Return a guess as one of Python's own kinds, or say what it may be."""
    if isinstance(value, str):
        value = " ".join(value.split())
        if not value:
            raise ValueError(f"{function}: value must not be empty; type a number or a word")
        return value
    value = getattr(value, "item", lambda: value)() if getattr(value, "ndim", None) == 0 else value
    if isinstance(value, bool):
        return value
    if isinstance(value, numbers.Real):
        if not math.isfinite(value):
            raise ValueError(f"{function}: value must be finite, got {value}")
        return value
    if isinstance(value, tuple) and all(isinstance(size, numbers.Integral) for size in value):
        return tuple(int(size) for size in value)
    raise TypeError(
        f"{function}: value must be a number, a word in quotes, True or False, or a shape like "
        f"(32, 10), got {type(value).__name__}"
    )


def _same_kind(said: Guess, found: Guess) -> Guess | None:
    """Return a guess as the kind of thing that its answer is, None if it is of another kind."""
    if isinstance(found, bool):
        said = YES.get(said.lower(), said) if isinstance(said, str) else said
        return said if isinstance(said, bool) else None
    if isinstance(found, numbers.Real):
        return said if isinstance(said, numbers.Real) and not isinstance(said, bool) else None
    return said if type(said) is type(found) else None


def _verdict(said: Guess, found: Guess) -> str:
    """Say how near a guess came."""
    said = _same_kind(said, found)
    if said is None:
        kinds = {bool: "yes or no", str: "a word", tuple: "a shape"}
        return f"{kinds.get(type(found), 'a number')} was asked for"
    if isinstance(found, str):
        return "right" if said.casefold() == found.casefold() else "not that"
    if said == found or isinstance(found, bool | tuple):
        return "right" if said == found else "not that"
    return _distance(said, found)


def _distance(said: float, found: float) -> str:
    """Say how near a number came: what is the same to three digits is right."""
    if _shown(said) == _shown(found):
        return "right"
    if abs(said - found) <= NEAR * abs(found):
        return "near"
    if said * found <= 0:
        return "another sign" if said * found < 0 else "not that"
    ratio = said / found
    return f"{ratio:.3g} times as much" if ratio > 1 else f"{1 / ratio:.3g} times too small"


def _shown(value: Guess) -> str:
    """Return a value as it is printed: yes or no, whole numbers in full, others to 4 digits."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, numbers.Integral):
        return f"{value:,}"
    if isinstance(value, numbers.Real):
        return f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    return str(value)
