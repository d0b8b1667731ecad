"""Contracts: the shapes of a function, written above it once and checked whenever it is called.

    @shapes("x: N D, w: D K, b: K -> N K")
    def linear(x, w, b):
        return x @ w + b

Letters are sizes: equal letters must agree, and a number stands for itself. `...` is any shape, the
same wherever it stands. Results come after the arrow, in order; nothing is a single number, as in
`"z: N C, y: N < C -> , N C"`, where `y: N < C` says that y holds labels, whole numbers from 0 to
below C. A result `N D?` may also be None. Arguments that the contract does not name are left alone.

What comes in is turned into arrays: lists into arrays, integers into float64. Only an argument
called `y`, the course's name for labels, keeps its integers. If all arrays that come in have one
dtype, floats that go out have it too. Overflow makes inf and nan, as in IEEE arithmetic, without a
warning. N, the number of examples, may be 0; other sizes may not, nor N where a mean is taken.
"""

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any, NamedTuple, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

from ._notation import Array, Contract, Shape, Sizes, fits, read_contract
from ._slips import expected_shape, explain, likely_slip, needed, result_slip
from .errors import ShapeError

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.integer]
P = ParamSpec("P")
R = TypeVar("R")
Args = tuple[Any, ...]
Kwargs = dict[str, Any]
Dtypes = set[np.dtype[Any]]
Form = tuple[Any, ...]
"""Types, shapes and dtypes, by which arrays that have passed are known again."""
_ABSENT = object()


def shapes(contract: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Check the shapes of a function's arrays at every call, on the way in and on the way out.

    The text at the head of this module explains the notation. A call of the decorated function
    raises ShapeError if an array does not fit the others, and says which, why, and the likely slip;
    TypeError if one holds no numbers, or goes out in another dtype than came in; ValueError for
    labels out of range and for arrays of no entries. Raises itself TypeError for a contract that is
    no text, ValueError for one that cannot be read, or names what is no argument of the function.
    """
    read = read_contract(contract)

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        checks = _Checks(function, read)
        quiet = np.errstate(over="ignore", invalid="ignore")(function)

        @functools.wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            arrays, others, passed = checks.enter(args, kwargs)
            result = quiet(*arrays, **others)
            checks.leave(result, passed)
            return result

        checked.contract = read  # type: ignore[attr-defined]
        return checked

    return decorate


class _Passed(NamedTuple):
    """What is known of arrays that have passed, and so of all with the same shapes and dtypes."""

    sizes: Sizes
    dtypes: Dtypes
    results: set[Form]
    """The shapes and dtypes of the results that have passed after them."""


class _Checks:
    """The checks of one function. Shapes and dtypes that have passed once are known to pass."""

    def __init__(self, function: Callable[..., Any], contract: Contract) -> None:
        self.name = function.__qualname__.rpartition("<locals>.")[2]
        self.inputs, outputs = contract
        count = len(outputs)
        called = [f"result {k} of {count}" for k in range(1, count + 1)]
        called = called if count > 1 else ["its result"]
        self.outputs = [a._replace(name=name) for a, name in zip(outputs, called, strict=True)]
        self.scalar = any(not array.dims for array in self.outputs)
        self.places = [(_place(function, array.name), array) for array in self.inputs]
        parameters = inspect.signature(function).parameters.values()
        self.may_be_none = {p.name for p in parameters if p.default is None}
        every = (*self.inputs, *self.outputs)
        self.numbers = {d: int(d) for a in every for d in (*a.dims, a.below) if d.isdecimal()}
        self.labels = [(place, array) for place, array in self.places if array.below]
        self.passed: dict[Form, _Passed] = {}

    def enter(self, args: Args, kwargs: Kwargs) -> tuple[Args, Kwargs, _Passed]:
        """Return the arguments as arrays, and what is known of them."""
        passed = self.passed.get(self._form(args, kwargs))
        if passed is None:
            args, kwargs, arrays = self._as_arrays(args, kwargs)
            passed = self._check(arrays)
            if len(self.passed) == 1_000:  # a memory needs an end
                self.passed.clear()
            self.passed[self._form(args, kwargs)] = passed
        for place, array in self.labels:
            y = args[place] if place < len(args) else kwargs.get(array.name)
            if y is not None:
                check_labels(self.name, array.name, y, passed.sizes[array.below])
        return args, kwargs, passed

    def leave(self, result: Any, passed: _Passed) -> None:
        """Check what the function returns."""
        results = (result,) if len(self.outputs) == 1 else result
        if not isinstance(results, tuple | list) or len(results) != len(self.outputs):
            got = f"{len(result)}" if isinstance(result, tuple | list) else type(result).__name__
            raise TypeError(f"{self.name}: must return {len(self.outputs)} results, got {got}")
        form = tuple([_form(value) for value in results])
        if form not in passed.results:
            sizes = passed.sizes.copy()
            for array, value in zip(self.outputs, results, strict=True):
                if not (value is None and array.optional):
                    self._check_result(array, value, sizes, passed.dtypes)
            passed.results.add(form)

    def _form(self, args: Args, kwargs: Kwargs) -> Form:
        form = []
        for place, array in self.places:
            value = args[place] if place < len(args) else kwargs.get(array.name, _ABSENT)
            form.append(_form(value))
        return tuple(form)

    def _as_arrays(self, args: Args, kwargs: Kwargs) -> tuple[Args, Kwargs, dict[str, np.ndarray]]:
        """Return the arguments with lists and integers turned into arrays, and these by name."""
        given, named, arrays = list(args), dict(kwargs), {}
        for place, array in self.places:
            held: Any = given if place < len(args) else named
            key = place if held is given else array.name
            if held is named and key not in named:
                continue  # its default, or else Python's own complaint
            if held[key] is not None or array.name not in self.may_be_none:
                arrays[array.name] = held[key] = _numbers(self.name, array, held[key])
        return tuple(given), named, arrays

    def _check(self, arrays: dict[str, np.ndarray]) -> _Passed:
        sizes: Sizes = self.numbers.copy()
        found = {name: array.shape for name, array in arrays.items()}
        present = [array for array in self.inputs if array.name in found]
        if not all(fits(array.dims, found[array.name], sizes) for array in present):
            raise ShapeError(f"{self.name}: {explain(self.inputs, arrays)}")
        self._check_not_empty(sizes, found)
        dtypes = {arrays[array.name].dtype for array in present if not array.below}
        return _Passed(sizes, {dtype for dtype in dtypes if dtype.kind in "fc"}, set())

    def _check_not_empty(self, sizes: Sizes, found: dict[str, Shape]) -> None:
        empty = [d for d, n in sizes.items() if n == 0 and (self.scalar or d != "N")]
        if empty or (self.scalar and 0 in sizes.get("...", ())):
            name, shape = next((name, shape) for name, shape in found.items() if 0 in shape)
            what = {"N": "example", "C": "class"}.get(empty[0] if empty else "", "entry")
            raise ValueError(
                f"{self.name}: {name} has shape {shape}; at least one {what} is needed"
            )

    def _check_result(self, array: Array, value: Any, sizes: Sizes, dtypes: Dtypes) -> None:
        """Raise unless one result has the shape and the dtype that it has to have."""
        what = f"{self.name}: {array.name}"
        if value is None:
            raise TypeError(f"{what} is None; is a return missing?")
        shape, expected = np.shape(value), expected_shape(array.dims, sizes)
        if not fits(array.dims, shape, sizes):
            need, slip = needed(array.dims, expected), result_slip(shape, expected)
            raise ShapeError(f"{what} has shape {shape} but {need} is needed{slip}")
        if shape and not isinstance(value, np.ndarray):
            raise TypeError(f"{what} must be an array, got {type(value).__name__}")
        if shape and value.dtype.kind in "fc" and len(dtypes) == 1:
            (own,) = dtypes
            if value.dtype.char != own.char:
                given = " and ".join(array.name for array in self.inputs if not array.below)
                raise TypeError(
                    f"{what} is {value.dtype}, but {given} came in as {own}; a NumPy number such "
                    "as np.sqrt(2) changes the dtype of what it meets, math.sqrt(2) does not"
                )


def _form(value: Any) -> Form:
    return type(value), getattr(value, "shape", None), getattr(value, "dtype", None)


def _place(function: Callable[..., Any], name: str) -> int:
    """Where an array stands among the arguments, or beyond all of them if it needs its name."""
    parameters = inspect.signature(function).parameters
    if name not in parameters:
        known = ", ".join(parameters)
        raise ValueError(
            f"shapes: the contract has {name}, but the function's arguments are {known}"
        )
    keyword_only = parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
    return sys.maxsize if keyword_only else list(parameters).index(name)


def _numbers(function: str, array: Array, value: npt.ArrayLike) -> np.ndarray:
    """Return `value` as an array of floats, or of integers if it holds labels."""
    value = as_array(function, array.name, value)
    if value.dtype.kind in ("fciu" if array.may_be_labels else "fc"):
        return value
    if value.dtype.kind not in ("iu" if array.below else "biu"):
        what = "hold integer labels" if array.below else "be an array of numbers"
        raise TypeError(f"{function}: {array.name} must {what}, got dtype {value.dtype}")
    return value.astype(np.float64)


def check_labels(function: str, name: str, y: np.ndarray, classes: int) -> None:
    """Raise unless y holds integers from 0 to below the number of classes."""
    if y.dtype.kind not in "iu":
        raise TypeError(f"{function}: {name} must hold integer labels, got dtype {y.dtype}")
    if y.size and classes and not 0 <= y.min() <= y.max() < classes:
        where = np.flatnonzero((y < 0) | (y >= classes))[0]
        raise ValueError(
            f"{function}: {name} must hold labels from 0 to {classes - 1}, got {y.flat[where]} at "
            f"index {where}"
        )


def check_shape(name: str, array: npt.ArrayLike, expected: Shape) -> None:
    """Raise ShapeError unless `array` has exactly the shape `expected`.

    name is what the message calls it; expected is such as `w1.shape` for the gradient `dw1`. The
    message holds both shapes and, where one is likely, the slip behind the difference. TypeError if
    name is no string, array no array, or expected no shape.
    """
    if not isinstance(name, str):
        raise TypeError(f"check_shape: name must be a string, got {type(name).__name__}")
    # (128) is no tuple but 128 in brackets, a slip that would hide the one looked for.
    expected = (expected,) if isinstance(expected, int | np.integer) else expected
    if not isinstance(expected, tuple | list):
        raise TypeError(f"{name}: expected must be a shape, got {type(expected).__name__}")
    found, expected = as_array("check_shape", name, array), tuple(expected)
    if found.dtype == object:
        raise TypeError(f"{name} must be an array of numbers, got dtype object")
    if found.shape != expected:
        slip = likely_slip(name, found.shape, expected)
        raise ShapeError(f"{name} has shape {found.shape} but {expected} is needed{slip}")


def as_array(function: str, name: str, value: npt.ArrayLike) -> np.ndarray:
    """Return `value` as an array of any type, or raise TypeError if its rows differ in length."""
    if type(value) is np.ndarray:
        return value
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{function}: {name} must not be masked; fill it, as in {name}.filled(0)")
    try:
        return np.asarray(value)
    except ValueError as error:
        raise TypeError(f"{function}: {name} must be an array of numbers ({error})") from None


def as_float_array(function: str, name: str, value: npt.ArrayLike) -> FloatArray:
    """Return `value` as an array of floats: floats and complex as they are, integers as float64.

    TypeError if it holds something that is not a number.
    """
    return _numbers(function, Array(name), value)
