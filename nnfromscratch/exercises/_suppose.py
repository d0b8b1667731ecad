"""What would have to be different for a wrong result to be right.

A right answer is called with other arguments: zeros in place of one of them, one turned round in
sign or squared, two of them exchanged. If that gives the learner's result in all cases, it is a
fact about the result, and says which part of the formula to look at. Nothing here knows the blank.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from ._compare import is_number, is_whole, same

Change = Callable[[tuple], tuple]


class Supposition(NamedTuple):
    """Another set of arguments, and the words that follow "would be right with"."""

    words: str
    change: Change
    likely: bool = False
    """Whether it is tried beside a known mistake, too, where only a few can be."""


FEWEST = 3
"""In at least so many wrong cases a supposition must hold."""


def _square(v):
    return np.ndim(v) == 2 and np.shape(v)[0] == np.shape(v)[1]


def _whole_array(reduce: Callable) -> Callable:
    return lambda v: np.full_like(v, reduce(v))


def _along(reduce: Callable, axis: int) -> Callable:
    return lambda v: np.broadcast_to(reduce(v, axis=axis, keepdims=True), v.shape) * 1.0


REAL = {
    "zeros in place of {}": lambda v: v * 0,
    "ones in place of {}": lambda v: v * 0 + 1,
    "-{0} in place of {0}": lambda v: -v,
    "the sizes of {0}, without their signs": np.abs,
    "{0} squared": lambda v: v**2,
    "the root of {0} in place of {0}": lambda v: np.sqrt(v) if (v >= 0).all() else None,
    "1 - {0} in place of {0}": lambda v: 1 - v,
    "1 / {0} in place of {0}": lambda v: 1 / v,
    "1 + {0} in place of {0}": lambda v: 1 + v,
    "{0} - 1 in place of {0}": lambda v: v - 1,
    "2 {0} in place of {0}": lambda v: 2 * v,
    "half of {0}": lambda v: v / 2,
    "the exponential of {0} in place of {0}": np.exp,
    "the logarithm of {0} in place of {0}": lambda v: np.log(v) if (v > 0).all() else None,
    "0 where {0} is negative": lambda v: np.maximum(v, 0),
    "the signs of {0} alone": np.sign,
}
NUMBER = {
    "a huge {0} in place of {0}": lambda v: 1e9 * v,
    "{0} in degrees, not in radians": np.degrees,
    "{0} in radians, not in degrees": np.radians,
    "10 {0} in place of {0}": lambda v: 10 * v,
    "a tenth of {0}": lambda v: v / 10,
    "{0} squared, and halved": lambda v: v**2 / 2,
}
WHOLE = {
    "{0} + 1 in place of {0}": lambda v: v + 1,
    "{0} - 1 in place of {0}": lambda v: v - 1,
    "2 {0} in place of {0}": lambda v: 2 * v,
    "half of {0}": lambda v: v // 2 if v % 2 == 0 else None,
    "-{0} in place of {0}": lambda v: -v,
    "the size of {0}, without its sign": lambda v: abs(v),
    "0 in place of {0}": lambda v: v * 0,
    "1 in place of {0}": lambda v: v * 0 + 1,
    "{0} squared": lambda v: v**2,
}
ARRAY = {
    "{0} transposed": lambda v: v.T if _square(v) else None,
    "the mean of all entries of {0} in place of each": _whole_array(np.mean),
    "the sum of all entries of {0} in place of each": _whole_array(np.sum),
    "the largest entry of {0} in place of each": _whole_array(np.max),
    "the smallest entry of {0} in place of each": _whole_array(np.min),
    "the first entry of {0} in place of each": lambda v: np.full_like(v, v.flat[0]),
    "the last entry of {0} in place of each": lambda v: np.full_like(v, v.flat[-1]),
    "{0} sorted": lambda v: np.sort(v, axis=0),
    "{0} rounded": np.round,
}
WHOLE_ARRAY = {
    "{0} counted from 1": lambda v: v - 1,
    "{0} one too high": lambda v: v + 1,
    "the places of {0} in place of {0}": lambda v: np.argsort(v) if _permutes(v) else None,
    "0, 1, 2, ... in place of {0}": lambda v: np.arange(len(v)) if v.ndim == 1 else None,
    "1 - {0} in place of {0}": lambda v: 1 - v,
    "{0} squared": lambda v: v**2,
    "the root of {0} in place of {0}": lambda v: np.sqrt(v) if (v >= 0).all() else None,
    "the exponential of {0} in place of {0}": np.exp,
    "{0} sorted": lambda v: np.sort(v, axis=0),
    "the first entry of {0} in place of each": lambda v: np.full_like(v, v.flat[0]),
}
LIKELY = ("{0} counted from 1", "{0} transposed")
LIKELY_OF_NUMBERS = (
    "-{0} in place of {0}",
    "2 {0} in place of {0}",
    "half of {0}",
    "1 / {0} in place of {0}",
    "{0} squared",
    "the root of {0} in place of {0}",
)
TUPLE = {
    "{0} backwards": lambda v: v[::-1],
    "{0} without its first part": lambda v: v[1:],
    "{0} without its last part": lambda v: v[:-1],
    "nothing but the first part of {0}": lambda v: v[:1],
    "nothing but the last part of {0}": lambda v: v[-1:],
}


def _permutes(v: np.ndarray) -> bool:
    return v.ndim == 1 and bool((np.sort(v) == np.arange(v.size)).all())


def _of_value(value: object) -> Iterator[tuple[str, Callable]]:
    """Yield what else a value might be: words with a gap for its name, and a function of it."""
    if isinstance(value, bool) or value is None or callable(value):
        return
    if isinstance(value, np.ndarray) and value.ndim and is_number(value):
        yield from (WHOLE_ARRAY if is_whole(value) else {**REAL, **ARRAY}).items()
        for axis in range(value.ndim):
            words = f"{{0}} backwards along axis {axis}"
            yield words, lambda v, axis=axis: np.flip(v, axis)
            for shift in (1, -1):
                words = f"{{0}} moved by one along axis {axis}"
                yield words, lambda v, axis=axis, shift=shift: np.roll(v, shift, axis)
            if not is_whole(value) and value.ndim > 1:
                for word, reduce in (("mean", np.mean), ("sum", np.sum), ("largest", np.max)):
                    words = f"the {word} of {{0}} along axis {axis} in place of each entry"
                    yield words, _along(reduce, axis)
    elif is_number(value):
        yield from (WHOLE if is_whole(value) else {**REAL, **NUMBER}).items()
    elif isinstance(value, tuple | list):
        yield from TUPLE.items()


def _part_changes(i: int, name: str, value: object) -> Iterator[Supposition]:
    """Yield what else one argument might be, or one array in it."""

    def put(new: Callable) -> Change:
        return lambda arguments: (*arguments[:i], new(arguments[i]), *arguments[i + 1 :])

    likely = LIKELY + LIKELY_OF_NUMBERS * (is_number(value) and not np.ndim(value))
    for words, function in _of_value(value):
        yield Supposition(words.format(name), put(function), words in likely)
    if isinstance(value, dict):
        arrays = {key: v for key, v in value.items() if isinstance(v, np.ndarray)}
        for words, function in {**REAL, "{0} transposed": ARRAY["{0} transposed"]}.items():
            yield Supposition(
                words.format(f"every array in {name}"),
                put(lambda v, f=function: {k: _needed(f(a)) for k, a in v.items()}),
                words in LIKELY,
            )
        for key, array in arrays.items():
            for words, function in _of_value(array):

                def renew(v, key=key, function=function):
                    return {**v, key: _needed(function(v[key]))}

                yield Supposition(words.format(key), put(renew), words in LIKELY)
    if isinstance(value, tuple | list) and all(isinstance(v, np.ndarray) for v in value):
        for words, function in {**REAL, "{0} transposed": ARRAY["{0} transposed"]}.items():
            yield Supposition(
                words.format(f"every array in {name}"),
                put(lambda v, f=function: type(v)(_needed(f(a)) for a in v)),
                words in LIKELY,
            )


class _Unfit(Exception):
    pass


LINES = 20_000
"""A loop that ends for the arguments of a case may have no end for others."""


@contextmanager
def bounded(lines: int = LINES) -> Iterator[None]:
    """Raise an error in what runs inside once it has run so many lines of Python."""
    left, before = lines, sys.gettrace()

    def count(frame, event, argument):
        nonlocal left
        left -= 1
        if left < 0:
            raise _Unfit("no end")
        return count

    sys.settrace(count)
    try:
        yield
    finally:
        sys.settrace(before)


def _needed(value: object) -> object:
    if value is None:
        raise _Unfit
    return value


def suppositions(arguments: tuple, names: Sequence[str]) -> Iterator[Supposition]:
    """Yield other arguments that these might be confused with, the likeliest first."""
    for i, one in enumerate(arguments):
        for j in range(i + 1, len(arguments)):
            other = arguments[j]
            if not (is_number(one) and is_number(other) and np.shape(one) == np.shape(other)):
                continue
            yield Supposition(f"{names[i]} and {names[j]} exchanged", _exchanged(i, j), True)
            yield Supposition(f"{names[j]} in place of {names[i]}", _copied(i, j))
            yield Supposition(f"{names[i]} in place of {names[j]}", _copied(j, i))
    for i, value in enumerate(arguments):
        yield from _part_changes(i, names[i], value)
    for i, value in enumerate(arguments):
        real = is_number(value) and not is_whole(value)
        if not (real or (isinstance(value, int) and not isinstance(value, bool))):
            continue
        for k, size in sized(arguments, names):
            for words, function in (
                (f"{names[i]} times {k}", lambda v, n: v * n),
                (f"{names[i]} divided by {k}", lambda v, n: v / n),
            ):
                yield Supposition(f"{words} in place of {names[i]}", _scaled(i, function, size))


def _exchanged(i: int, j: int) -> Change:
    def change(arguments):
        new = list(arguments)
        new[i], new[j] = arguments[j], arguments[i]
        return tuple(new)

    return change


def _copied(i: int, j: int) -> Change:
    return lambda arguments: (*arguments[:i], arguments[j], *arguments[i + 1 :])


def _scaled(i: int, function: Callable, size: Callable) -> Change:
    return lambda arguments: (
        *arguments[:i],
        function(arguments[i], size(arguments)),
        *arguments[i + 1 :],
    )


def sized(arguments: tuple, names: Sequence[str]) -> Iterator[tuple[str, Callable]]:
    """Yield the sizes and numbers among the arguments: words, and a function of all arguments."""
    for i, value in enumerate(arguments):
        if isinstance(value, np.ndarray):
            for axis in range(value.ndim):
                words = f"the length of axis {axis} of {names[i]}"
                yield words, lambda a, i=i, axis=axis: a[i].shape[axis]
        elif is_number(value) and not isinstance(value, bool):
            yield names[i], lambda a, i=i: a[i]


# What may have been done to a right result

AFTER = {
    "the size of the right one, without its sign": np.abs,
    "the square of the right one": lambda e: e**2,
    "the root of the right one": lambda e: np.sqrt(e) if (e >= 0).all() else None,
    "1 minus the right one": lambda e: 1 - e,
    "1 divided by the right one": lambda e: 1 / e if (e != 0).all() else None,
    "the exponential of the right one": np.exp,
    "2 to the power of the right one": lambda e: 2.0**e,
    "the logarithm of the right one": lambda e: np.log(e) if (e > 0).all() else None,
    "the right one with 0 where it is negative": lambda e: np.maximum(e, 0),
    "the right one with 0 where it is positive": lambda e: np.minimum(e, 0),
    "the right one rounded to whole numbers": lambda e: np.round(e) if _beyond_one(e) else None,
    "the right one with all places after the point cut off": lambda e: (
        np.trunc(e) if _beyond_one(e) else None
    ),
    "the right one, no larger than 1": lambda e: np.minimum(e, 1),
    "the signs of the right one": np.sign,
    "the right one sorted": lambda e: np.sort(e, axis=0) if e.ndim else None,
}


def _beyond_one(e: np.ndarray) -> bool:
    """Say whether rounding leaves more than 0 and 1, which much else leaves as well."""
    return bool(np.abs(e).max(initial=0) > 1.5)


def afterwards(
    arguments: tuple, names: Sequence[str], expected: object, *, with_arguments: bool = False
) -> Iterator[tuple[str, Callable]]:
    """Yield what may have been made of a right result: words, and a function of it and the rest.

    Args:
        arguments: those of one case.
        names: the arguments' names.
        expected: the right result of that case.
        with_arguments: whether only what needs an argument is tried.
    """
    if not (is_number(expected) and np.asarray(expected).dtype.kind in "iuf"):
        return
    for words, function in () if with_arguments else AFTER.items():
        yield words, lambda e, a, f=function: f(e)
    if np.ndim(expected) and not with_arguments:
        for axis in range(np.ndim(expected)):
            words = f"the place of the largest entry of the right one along axis {axis}"
            yield words, lambda e, a, axis=axis: e.argmax(axis=axis)
            for word, reduce in (("mean", np.mean), ("sum", np.sum)):
                words = f"the {word} of the right one along axis {axis}, in every entry"
                spread = _along(reduce, axis)
                yield words, lambda e, a, f=spread: f(e)
            words = f"the right one added up from the start along axis {axis}"
            yield words, lambda e, a, axis=axis: np.cumsum(e, axis=axis)
    for i, value in enumerate(arguments):
        arrays = value if isinstance(value, dict) else {None: value}
        for key, array in arrays.items():
            if not (is_number(array) and np.asarray(array).dtype.kind in "iuf"):
                continue
            name = names[i] if key is None else key

            def own(a, i=i, key=key):
                return np.asarray(a[i] if key is None else a[i][key], dtype=float)

            for words, function in (
                (f"the right one plus {name}", lambda e, v: e + v),
                (f"the right one minus {name}", lambda e, v: e - v),
                (f"{name} minus the right one", lambda e, v: v - e),
                (f"the right one times {name}", lambda e, v: e * v),
                (f"the right one times {name} squared", lambda e, v: e * v * v),
                (f"the right one divided by {name}", lambda e, v: e / v if v.all() else None),
                (f"the right one times 1 - {name}", lambda e, v: e * (1 - v)),
                (
                    f"the right one divided by the root of {name}",
                    lambda e, v: e / np.sqrt(v) if (v > 0).all() else None,
                ),
                (
                    f"the right one times the root of {name}",
                    lambda e, v: e * np.sqrt(v) if (v >= 0).all() else None,
                ),
            ):
                yield words, lambda e, a, f=function, own=own: f(e, own(a))


# The search


def _finite(value: object) -> bool:
    return not is_number(value) or bool(np.isfinite(value).all())


def suppose(
    cases: Sequence[tuple[tuple, dict, dict]],
    wanted: Sequence[str],
    names: Sequence[str],
    due: Callable[[tuple], dict],
    *,
    likeliest: bool = False,
) -> dict[str, str]:
    """Return, for each of the wanted results that can be explained, what it is.

    Args:
        cases: for each case the arguments, the results found and those expected, by their names;
            the first is wrong in all that is wanted, if there is such a case.
        wanted: the names of the results to be explained.
        names: the arguments' names.
        due: returns the right results for other arguments.
        likeliest: whether only a few arguments are tried, since this is asked often.

    The words follow "It": "would be right with zeros in place of b", "is the square of ...".
    """
    arguments = cases[0][0]
    names = [*names, *(f"argument {i + 1}" for i in range(len(names), len(arguments)))]
    first, explained = {}, {}
    for name in wanted:
        wrong = [case for case in cases if not same(case[1].get(name), case[2].get(name))]
        if len(wrong) >= FEWEST:
            first[name] = wrong[0]
            if words := _of_the_right_one(cases, wrong[0], name, names, likeliest):
                explained[name] = f"is {words}"
    for supposition in suppositions(arguments, names):
        left = {name: case for name, case in first.items() if name not in explained}
        if not left:
            break
        if supposition.likely or not likeliest:
            explained |= _explained_by(supposition, cases, left, due)
    return explained


def _of_the_right_one(cases, first, name, names, likeliest) -> str:
    """Say what a wrong result is of the right one, or of which other result it is the right one."""
    arguments, _, right = first
    for words, make in afterwards(arguments, names, right.get(name), with_arguments=likeliest):
        if all(_made(case, name, make) for case in (first, *cases)):
            return words
    for other in right:
        if other != name and all(
            same(found.get(name), due.get(other), types=False) for _, found, due in cases
        ):
            return f"what {other} should be"
    return ""


def _explained_by(supposition, cases, first, due) -> dict[str, str]:
    """Return the results that a supposition explains, with its words."""
    values: dict[int, dict] = {}

    def value_of(case):
        if id(case) not in values:
            values[id(case)] = _value(supposition, case[0], due)
        return values[id(case)]

    explained = {}
    for name, case in first.items():
        for sign, more in ((1, ""), (-1, ", and its sign turned round")):
            if all(_fits(each, name, sign, value_of) for each in (case, *cases)):
                explained[name] = f"would be right with {supposition.words}{more}"
                break
    return explained


def _made(case: tuple, name: str, make: Callable) -> bool:
    arguments, found, right = case
    try:
        with np.errstate(all="ignore"):
            made = make(np.asarray(right[name]), arguments)
        return made is not None and _finite(made) and same(found[name], made, types=False)
    except Exception:
        return False


def _value(supposition: Supposition, arguments: tuple, due: Callable) -> dict:
    try:
        changed = supposition.change(arguments)
        if any(part is None for part in changed):
            return {}
        with np.errstate(all="ignore"), bounded():
            return due(changed)
    except Exception:
        return {}


def _fits(case: tuple, name: str, sign: int, value_of: Callable) -> bool:
    value = value_of(case).get(name)
    if value is None or (_finite(case[2].get(name)) and not _finite(value)):
        return False
    try:
        return same(case[1].get(name), value if sign > 0 else -value, types=False)
    except Exception:
        return False
