"""Temporary: the old names."""

import numpy as np

from . import _guards as g
from .contracts import *
from .contracts import FloatArray, IntArray, ShapeError, as_array, as_float_array

ieee = np.errstate(over="ignore", invalid="ignore")


def check_rng(f, rng):
    g.generator(f, rng)


def check_positive_integer(f, n, v):
    return g.whole(f, **{n: v})


def check_number(f, n, v):
    return g.number(f, **{n: v})


def check_finite(f, n, v):
    return g.finite(f, **{n: v})


def check_float_dtype(f, d):
    return g.float_dtype(f, d)


def check_instance(f, n, v, k, e):
    g.instance(f, k, e, **{n: v})


def checked(function: str, **arguments: tuple) -> list[FloatArray]:
    """Return a function's arguments as float arrays whose shapes fit each other.

    `checked("linear", x=(x, "ND"), w=(w, "DK"), b=(b, "K"))` reads: x is (N, D), w is (D, K) with
    the same D, b is (K,) with the same K. Instead of letters an argument may ask for the shape of
    an earlier array, as in `z=(z, None), da=(da, z)`; None takes any shape. A third entry is the
    verb of the message.

    Raises:
        ShapeError: an argument does not fit; the message names it and the one it has to fit.
        TypeError: an argument does not hold numbers.
    """
    sizes: dict[str, int] = {}
    arrays = []
    for name, (value, dims, *verb) in arguments.items():
        array = as_float_array(function, name, value)
        shape = array.shape
        if isinstance(dims, str):
            if len(shape) == len(dims):
                expected = tuple([sizes.setdefault(d, n) for d, n in zip(dims, shape, strict=True)])
            else:
                expected = tuple([sizes.get(d, d) for d in dims])
        else:
            expected = shape if dims is None else np.shape(dims)
        if shape != expected:
            raise ShapeError(_explain(function, name, shape, dims, expected, arguments, verb))
        arrays.append(array)
    return arrays


def check_labels(function: str, y: npt.ArrayLike, n: int, classes: int) -> IntArray:
    """Return the labels `y` after checking that they are n integers in [0, classes).

    Raises:
        ShapeError: `y` is not (N,); columns (N, 1) and one-hot rows (N, C) are named as such.
        TypeError: `y` does not hold integers.
        ValueError: a label is out of range, or there is none at all.
    """
    y = as_array(function, "y", y)
    if y.shape != (n,):
        slip = ""
        if y.shape == (n, 1):
            slip = "; did you mean y[:, 0]?"
        elif y.shape == (n, classes):
            slip = ": integer labels, not one-hot rows; did you mean y.argmax(axis=1)?"
        raise ShapeError(f"{function}: y has shape {y.shape} but (N,) = ({n},) is needed{slip}")
    if y.dtype.kind not in "iu":
        raise TypeError(f"{function}: y must hold integer labels, got dtype {y.dtype}")
    if n == 0:
        raise ValueError(f"{function}: y is empty; at least one example is needed")
    lowest, highest = int(y.min()), int(y.max())
    if lowest < 0 or highest >= classes:
        wrong = lowest if lowest < 0 else highest
        where = int(np.flatnonzero(y == wrong)[0])
        raise ValueError(
            f"{function}: y must hold labels from 0 to {classes - 1}, got {wrong} at index {where}"
        )
    return y


def _explain(function, name, shape, dims, expected, arguments, verb) -> str:
    """Say which shape was needed and which earlier argument asked for it."""
    needed = "(" + ", ".join(map(str, expected)) + ("," if len(expected) == 1 else "") + ")"
    partners = []
    for other, (value, other_dims, *_) in arguments.items():
        if other == name:
            break
        shares = isinstance(dims, str) and other_dims and set(dims) & set(other_dims)
        if shares or value is dims:
            partners.append(f"{other} {np.shape(value)}")
    partner = f" to {verb[0] if verb else 'match'} {' and '.join(partners)}" if partners else ""
    if isinstance(dims, str):
        letters = "(" + ", ".join(dims) + ("," if len(dims) == 1 else "") + ")"
        # A letter that no earlier argument has fixed stays a letter.
        fixed = {d for other in _before(arguments, name) for d in other}
        shown = [str(n) if d in fixed else d for d, n in zip(dims, expected, strict=True)]
        values = "(" + ", ".join(shown) + ("," if len(dims) == 1 else "") + ")"
        needed = letters if values == letters else f"{letters} = {values}"
        expected = tuple(n if d in fixed else None for d, n in zip(dims, expected, strict=True))
    slip = _likely_slip(name, shape, expected)
    return f"{function}: {name} has shape {shape} but {needed} is needed{partner}{slip}"


def _before(arguments: dict, name: str) -> list[str]:
    names = list(arguments)
    earlier = [arguments[other][1] for other in names[: names.index(name)]]
    return [dims for dims in earlier if isinstance(dims, str)]


def _likely_slip(name: str, shape: tuple, expected: tuple) -> str:
    """Name the usual slip that turns `expected` into `shape`; None in `expected` fits any size."""

    def fits(candidate: tuple) -> bool:
        return len(candidate) == len(expected) and all(
            want is None or got == want for got, want in zip(candidate, expected, strict=True)
        )

    if len(shape) == 2 and fits(shape[::-1]):
        return f"; did you mean {name}.T?"
    if len(shape) == 2 and 1 in shape and fits((max(shape),)):
        return f"; did you mean {name}.reshape(-1)?"
    if len(shape) == 1 and fits((1, *shape)):
        return f"; did you mean {name}[np.newaxis, :], a batch of one?"
    if len(shape) == 1 and fits((*shape, 1)):
        return f"; did you mean {name}[:, np.newaxis]?"
    if len(shape) > 2 and fits((shape[0], int(np.prod(shape[1:])))):
        return f"; did you mean {name}.reshape(len({name}), -1)?"
    return ""
