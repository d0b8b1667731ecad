"""Checks at the door, of shapes above all: errors that name the argument and the likely slip."""

import math
import numbers

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.inexact]
IntArray = npt.NDArray[np.integer]


class ShapeError(ValueError):
    """An array does not have the shape that a function or a lesson needs."""


def check_shape(name: str, array: npt.ArrayLike, expected: tuple[int, ...]) -> None:
    """Raise ShapeError unless `array` has exactly the shape `expected`.

    Args:
        name: what the array is called, for the message.
        array: the array to look at.
        expected: the shape it has to have, such as `w1.shape` for the gradient `dw1`.

    Raises:
        ShapeError: with both shapes and, where one is likely, the slip behind the difference.
        TypeError: name is not a string, array not an array, or expected not a shape.
    """
    if not isinstance(name, str):
        raise TypeError(f"check_shape: name must be a string, got {type(name).__name__}")
    # (128) is no tuple but 128 in brackets, a slip that would hide the one looked for.
    expected = (expected,) if isinstance(expected, int | np.integer) else expected
    if not isinstance(expected, tuple | list):
        raise TypeError(f"{name}: expected must be a shape, got {type(expected).__name__}")
    expected, array = tuple(expected), as_array("check_shape", name, array)
    shape = array.shape
    if array.dtype == object:
        raise TypeError(f"{name} must be an array of numbers, got dtype object")
    if shape != expected:
        slip = _likely_slip(name, shape, expected)
        raise ShapeError(f"{name} has shape {shape} but {expected} is needed{slip}")


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


def as_array(function: str, name: str, value: npt.ArrayLike) -> np.ndarray:
    """Return `value` as an array of any type, or raise TypeError if its rows differ in length."""
    if type(value) is np.ndarray:
        return value
    try:
        return np.asarray(value)
    except ValueError as error:
        raise TypeError(f"{function}: {name} must be an array of numbers ({error})") from None


def as_float_array(function: str, name: str, value: npt.ArrayLike) -> FloatArray:
    """Return `value` as an array of floats: floats and complex as they are, integers as float64.

    Raises:
        TypeError: `value` holds something that is not a number.
    """
    value = as_array(function, name, value)
    if value.dtype.kind in "fc":
        return value
    if value.dtype.kind in "biu":
        return value.astype(np.float64)
    raise TypeError(f"{function}: {name} must be an array of numbers, got dtype {value.dtype}")


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


def check_rng(function: str, rng: np.random.Generator) -> None:
    """Raise TypeError unless `rng` is a Generator, and say how to make one."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"{function}: rng must be a numpy.random.Generator such as np.random.default_rng(0), "
            f"got {type(rng).__name__}"
        )


def check_positive_integer(function: str, name: str, value: int) -> int:
    """Return `value` as an int, or raise unless it is a positive whole number."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{function}: {name} must be an integer, got {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{function}: {name} must be at least 1, got {value}")
    if value >= 2**31:  # before NumPy fails to find the memory
        raise ValueError(f"{function}: {name} must be below 2**31, got {value}")
    return int(value)


def check_number(function: str, name: str, value: float) -> float:
    """Return `value` as a float, or raise TypeError unless it is a real number."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{function}: {name} must be a number, got {type(value).__name__}")
    try:
        return float(value)
    except OverflowError:  # a whole number of more than 308 digits
        return math.inf


def check_finite(function: str, name: str, value: float) -> float:
    """Return `value` as a float, or raise unless it is a finite real number."""
    number = check_number(function, name, value)
    if not math.isfinite(number):
        raise ValueError(f"{function}: {name} must be finite, got {value}")
    return number


def check_float_dtype(function: str, dtype: npt.DTypeLike) -> np.dtype:
    """Return `dtype` as a NumPy dtype, or raise TypeError unless it is float32 or float64."""
    try:
        found = np.dtype(dtype)
    except (TypeError, ValueError):
        found = None
    if found not in (np.float32, np.float64):
        raise TypeError(f"{function}: dtype must be float32 or float64, got {dtype!r}")
    return found


def check_instance(function: str, name: str, value: object, kind: type, example: str) -> None:
    """Raise TypeError unless `value` is an instance of `kind`, and show how to get one."""
    if not isinstance(value, kind):
        got = f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise TypeError(
            f"{function}: {name} must be {article} {kind.__name__} such as {example}, got {got}"
        )


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
