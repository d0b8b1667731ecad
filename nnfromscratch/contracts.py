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
import linecache
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.integer]
Shape = tuple[int, ...]
Expected = tuple[int | None, ...]
"""A shape in which None fits any size."""
P = ParamSpec("P")
R = TypeVar("R")
Sizes = dict[str, Any]
"""The size of each letter, and under `...` a shape."""
Args = tuple[Any, ...]
Kwargs = dict[str, Any]
Dtypes = set[np.dtype[Any]]


class ShapeError(ValueError):
    """An array does not have the shape that a function or a lesson needs.

    A notebook shows the reader's own lines and the message; after `short_errors(False)`, all the
    calls between them too.
    """

    short = True

    def __getattr__(self, name: str) -> Any:
        """Be short in a notebook."""
        # IPython shows what this method returns, and the whole traceback where there is none.
        if name == "_render_traceback_" and ShapeError.short:
            return self._own_lines
        raise AttributeError(name)

    def _own_lines(self) -> list[str]:
        others = (str(Path(__file__).parent), sys.prefix, sys.base_prefix, "<frozen")
        lines = []
        for frame in traceback.extract_tb(self.__traceback__):
            if not frame.filename.startswith(others) and frame.lineno:
                source = linecache.getline(frame.filename, frame.lineno).rstrip()
                lines.append(f"line {frame.lineno}: {source}")
        return [*lines, "", f"{type(self).__name__}: {self}"]


def short_errors(on: bool = True) -> None:
    """Show a ShapeError in a notebook by the reader's own lines alone, or else with everything."""
    ShapeError.short = bool(on)


class Array(NamedTuple):
    """What a contract says of one array, such as `x: N D`, `y: N < C` or `da: ...`."""

    name: str
    dims: tuple[str, ...]
    below: str
    """For labels: the size that they stay below."""
    optional: bool

    @property
    def letters(self) -> str:
        """The shape in letters: `(N, D)`."""
        return shape_text(self.dims)


class Contract(NamedTuple):
    """The arrays that come in, and those that go out."""

    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]


def read_contract(text: str) -> Contract:
    """Read a contract such as `"x: N D, w: D K, b: K -> N K"`.

    Raises:
        TypeError: it is no text.
        ValueError: it cannot be read; the message quotes the part and shows the form.
    """
    if not isinstance(text, str):
        raise TypeError(f"shapes: the contract must be a text, got {type(text).__name__}")
    left, arrow, right = text.partition("->")
    if not arrow:
        raise ValueError(f"shapes: the contract {text!r} has no arrow, as 'x: N D -> N' has")
    inputs = tuple(_read_array(part, text, named=True) for part in left.split(",") if part.strip())
    names = [array.name for array in inputs]
    if len(set(names)) < len(names):
        raise ValueError(f"shapes: a name stands twice in the contract {text!r}")
    known = {d for array in inputs for d in array.dims}
    for array in inputs:
        if array.below and array.below not in known and not array.below.isdecimal():
            raise ValueError(f"shapes: nothing in the contract {text!r} says what {array.below} is")
    return Contract(
        inputs, tuple(_read_array(part, text, named=False) for part in right.split(","))
    )


_ANY = ("...",)
_FLOATS = {np.dtype(letter) for letter in "efdgFDG"}
_SHAPE = r"\s*((?:(?:[A-Za-z]\w*|\d+)\s*)*|\.\.\.)\s*"
_INPUT = re.compile(rf"\s*([A-Za-z_]\w*)\s*:{_SHAPE}(?:<\s*(\w+))?()\s*")
_OUTPUT = re.compile(rf"(){_SHAPE}()(\?)?\s*")


def _read_array(part: str, text: str, *, named: bool) -> Array:
    found = (_INPUT if named else _OUTPUT).fullmatch(part)
    if not found:
        form = "an argument such as 'x: N D'" if named else "a result such as 'N D'"
        raise ValueError(f"shapes: {part.strip()!r} in the contract {text!r} is not {form}")
    name, dims, below, optional = found.groups()
    letters = _ANY if dims == "..." else tuple(dims.split())
    return Array(name, letters, below or "", bool(optional))


def shapes(contract: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Check the shapes of a function's arrays at every call, on the way in and on the way out.

    Args:
        contract: the shapes, such as `"x: N D, w: D K, b: K -> N K"`; the text at the head of this
            module explains the notation.

    Returns:
        a decorator. A call of the decorated function raises ShapeError if an array does not fit
        the others, and says which, why, and the likely slip; TypeError if one holds no numbers, or
        goes out in another dtype than came in; ValueError for labels out of range and for arrays
        of no entries.

    Raises:
        TypeError: the contract is no text.
        ValueError: it cannot be read, or names what is no argument of the function.
    """
    read = read_contract(contract)

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        door = _Door(function, read)
        quiet = np.errstate(over="ignore", invalid="ignore")(function)

        @functools.wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            given, named, sizes, dtypes = door.enter(args, kwargs)
            result = quiet(*given, **named)
            door.leave(result, sizes, dtypes)
            return result

        checked.contract = read  # type: ignore[attr-defined]
        return checked

    return decorate


class _Door:
    """The checks of one function, on the way in and on the way out."""

    def __init__(self, function: Callable[..., Any], contract: Contract) -> None:
        self.name = function.__qualname__.rpartition("<locals>.")[2]
        self.inputs, self.outputs = contract
        self.scalar = any(not array.dims for array in self.outputs)
        self.places = _places(function, contract)
        every = (*self.inputs, *self.outputs)
        self.numbers = {d: int(d) for a in every for d in (*a.dims, a.below) if d.isdecimal()}

    def enter(self, args: Args, kwargs: Kwargs) -> tuple[Args, Kwargs, Sizes, Dtypes]:
        """Return the arguments as arrays, the size of each letter, and the dtypes."""
        sizes: Sizes = self.numbers.copy()
        dtypes: Dtypes = set()
        for place, array, may_be_none in self.places:
            name, dims, below, _ = array
            if place < len(args):
                value = args[place]
            elif name in kwargs:
                value = kwargs[name]
            else:
                continue  # its default, or else Python's own complaint
            if type(value) is not np.ndarray or value.dtype not in _FLOATS:
                if value is None and may_be_none:
                    continue
                value = _numbers(self.name, array, value)
                args, kwargs = _replaced(args, kwargs, place, name, value)
            if not _fits(dims, value.shape, sizes):
                raise ShapeError(f"{self.name}: {_explain(self.inputs, self._found(args, kwargs))}")
            if below:
                check_labels(self.name, name, value, sizes[below])
            elif value.dtype in _FLOATS:
                dtypes.add(value.dtype)
        if 0 in sizes.values() or (self.scalar and 0 in sizes.get("...", ())):
            self._check_not_empty(sizes, self._found(args, kwargs))
        return args, kwargs, sizes, dtypes

    def leave(self, result: Any, sizes: Sizes, dtypes: Dtypes) -> None:
        """Check what the function returns."""
        if len(self.outputs) == 1:
            self._check_result(self.outputs[0], result, sizes, dtypes)
            return
        if not isinstance(result, tuple | list) or len(result) != len(self.outputs):
            got = f"{len(result)}" if isinstance(result, tuple | list) else type(result).__name__
            raise TypeError(f"{self.name}: must return {len(self.outputs)} results, got {got}")
        for array, value in zip(self.outputs, result, strict=True):
            if not (value is None and array.optional):
                self._check_result(array, value, sizes, dtypes)

    def _check_result(self, array: Array, value: Any, sizes: Sizes, dtypes: Dtypes) -> None:
        shape = value.shape if type(value) is np.ndarray else np.shape(value)
        if value is None or not _fits(array.dims, shape, sizes):
            raise self._wrong_result(array, value, sizes)
        if shape and value.dtype not in dtypes and len(dtypes) == 1:
            self._check_dtype(array, value, dtypes)

    def _found(self, args: Args, kwargs: Kwargs) -> dict[str, Shape]:
        found = {}
        for place, array, _ in self.places:
            value = args[place] if place < len(args) else kwargs.get(array.name)
            if value is not None:
                found[array.name] = _numbers(self.name, array, value).shape
        return found

    def _check_not_empty(self, sizes: Sizes, found: dict[str, Shape]) -> None:
        empty = [d for d, n in sizes.items() if n in (0, ()) and (self.scalar or d != "N")]
        names = [name for name, shape in found.items() if 0 in shape]
        if names and (empty or (self.scalar and "..." in sizes)):
            what = {"N": "example", "C": "class"}.get(empty[0] if empty else "", "entry")
            shape = found[names[0]]
            raise ValueError(
                f"{self.name}: {names[0]} has shape {shape}; at least one {what} is needed"
            )

    def _called(self, array: Array) -> str:
        if len(self.outputs) == 1:
            return "its result"
        position = next(i for i, output in enumerate(self.outputs) if output is array)
        return f"result {position + 1} of {len(self.outputs)}"

    def _wrong_result(self, array: Array, value: Any, sizes: Sizes) -> Exception:
        what = self._called(array)
        if value is None:
            return TypeError(f"{self.name}: {what} is None; is a return missing?")
        shape, expected = np.shape(value), _expected(array.dims, sizes)
        return ShapeError(
            f"{self.name}: {what} has shape {shape} but {_needed(array.dims, expected)} is needed"
            f"{_result_slip(shape, expected)}"
        )

    def _check_dtype(self, array: Array, value: FloatArray, dtypes: Dtypes) -> None:
        (own,) = dtypes
        if value.dtype.kind in "fc" and value.dtype.char != own.char:
            raise TypeError(
                f"{self.name}: {self._called(array)} is {value.dtype}, but what came in is {own}; "
                "a NumPy number such as np.sqrt(2) changes the dtype of what it meets, "
                "math.sqrt(2) does not"
            )


def _places(function: Callable[..., Any], contract: Contract) -> list[tuple[int, Array, bool]]:
    """Where each array stands among the arguments, and whether it may be left out as None."""
    parameters = inspect.signature(function).parameters
    places = []
    for array in contract.inputs:
        if array.name not in parameters:
            known = ", ".join(parameters)
            raise ValueError(
                f"shapes: the contract has {array.name}, but the function's arguments are {known}"
            )
        parameter = parameters[array.name]
        place = list(parameters).index(array.name)
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            place = sys.maxsize
        places.append((place, array, parameter.default is None))
    return places


def _replaced(args: Args, kwargs: Kwargs, place: int, name: str, value: Any) -> tuple[Args, Kwargs]:
    if place < len(args):
        return (*args[:place], value, *args[place + 1 :]), kwargs
    return args, {**kwargs, name: value}


def _fits(dims: tuple[str, ...], shape: Shape, sizes: Sizes) -> bool:
    """Whether a shape agrees with the sizes so far; letters that are new get theirs from it."""
    if dims is _ANY:
        return sizes.setdefault("...", shape) == shape
    if len(dims) != len(shape):
        return False
    # A loop, since this runs at every call and `all` of a generator takes twice as long.
    for d, n in zip(dims, shape):  # noqa: B905, SIM110
        if sizes.setdefault(d, n) != n:
            return False
    return True


def _numbers(function: str, array: Array, value: npt.ArrayLike) -> np.ndarray:
    """Return `value` as an array of floats, or of integers if it holds labels."""
    value = as_array(function, array.name, value)
    if value.dtype.kind in "fc" or (
        value.dtype.kind in "iu" and (array.below or array.name == "y")
    ):
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


# The messages


def _explain(inputs: Sequence[Array], found: dict[str, Shape]) -> str:
    """Say which array does not fit, what it has to fit, and the likely slip."""
    present = [array for array in inputs if array.name in found]
    array = _suspect(present, found)
    before = present[: present.index(array)] or [a for a in present if a is not array]
    partners = [a for a in before if set(a.dims) & set(array.dims)]
    sizes: Sizes = {}
    reasons = []
    for other in partners:
        new = any(d not in sizes for d in other.dims if d in array.dims)
        if _fits(other.dims, found[other.name], sizes) and new:
            reasons.append(f"{_verb(other.dims, array.dims)} {other.name} {found[other.name]}")
    expected = _expected(array.dims, sizes)
    reason = " and ".join(reasons)
    if reason.count("match") > 1:
        reason = "match " + reason.replace("match ", "")
    to = f" to {reason}" if reason else ""
    shape = found[array.name]
    slip = _slip(array, shape, expected) or _exchanged(array, present, found)
    return f"{array.name} has shape {shape} but {_needed(array.dims, expected)} is needed{to}{slip}"


def _suspect(present: list[Array], found: dict[str, Shape]) -> Array:
    """The array that does not fit the others; of two that contradict each other, one."""

    def agree(arrays: list[Array]) -> Sizes | None:
        sizes: Sizes = {}
        return sizes if all(_fits(a.dims, found[a.name], sizes) for a in arrays) else None

    alone = [a for a in present if agree([a]) is None]
    if alone:
        return alone[0]
    suspects = []
    for array in present:
        sizes = agree([a for a in present if a is not array])
        if sizes is not None:
            # First those whose slip is known; a gradient, just computed, before what it belongs
            # to; and of two arguments the later one.
            slip = bool(_slip(array, found[array.name], _expected(array.dims, sizes)))
            swap = bool(_exchanged(array, present, found))
            suspects.append((slip, swap, array.name.startswith("d"), present.index(array)))
    if suspects:
        return present[max(suspects)[-1]]
    return next(a for i, a in enumerate(present) if agree(present[: i + 1]) is None)


def _verb(dims: tuple[str, ...], own: tuple[str, ...]) -> str:
    """Multiply, if the two arrays meet in a product of matrices; match otherwise."""
    shared = set(dims) & set(own)
    products = len(dims) == len(own) == 2 and (dims[1] == own[0] or dims[0] == own[1])
    return "multiply" if products and len(shared) == 1 else "match"


def _expected(dims: tuple[str, ...], sizes: Sizes) -> Expected:
    """The shape that is needed; None for a size that nothing has fixed."""
    if dims is _ANY:
        return sizes.get("...", ())
    return tuple(int(d) if d.isdecimal() else sizes.get(d) for d in dims)


def _needed(dims: tuple[str, ...], expected: Expected) -> str:
    if dims is _ANY:
        return str(expected)
    letters = shape_text(dims)
    values = shape_text(d if n is None else n for d, n in zip(dims, expected, strict=True))
    return letters if values == letters else f"{letters} = {values}"


def shape_text(entries: Iterable[Any]) -> str:
    """Write sizes and letters as Python writes a tuple: `(784, K)`, `(K,)`."""
    entries = [str(entry) for entry in entries]
    return f"({', '.join(entries)}{',' if len(entries) == 1 else ''})"


def _exchanged(array: Array, present: list[Array], found: dict[str, Shape]) -> str:
    """Name the argument with which `array` has changed places, if that explains everything."""
    for other in present if len(present) > 2 else []:
        trial = {**found, array.name: found[other.name], other.name: found[array.name]}
        sizes: Sizes = {}
        if trial != found and all(_fits(a.dims, trial[a.name], sizes) for a in present):
            return f"; did you exchange {array.name} and {other.name}?"
    return ""


def _slip(array: Array, shape: Shape, expected: Expected) -> str:
    if (array.below or array.name == "y") and len(shape) == 2 and len(expected) == 1:
        if shape[1] == 1:
            return f"; did you mean {array.name}[:, 0]?"
        return f": integer labels, not one-hot rows; did you mean {array.name}.argmax(axis=1)?"
    return likely_slip(array.name, shape, expected)


def likely_slip(name: str, shape: Shape, expected: Expected) -> str:
    """Name the usual slip that turns `expected` into `shape`; None in `expected` fits any size."""

    def fits(candidate: Shape) -> bool:
        return len(candidate) == len(expected) and all(
            want is None or got == want for got, want in zip(candidate, expected, strict=True)
        )

    name = name.rpartition(": ")[2]
    if not re.fullmatch(r"[A-Za-z_][\w.]*", name):
        return ""  # a description, with which nothing could be written
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


def _result_slip(shape: Shape, expected: Expected) -> str:
    if shape[::-1] == expected != shape:
        return "; is it transposed?"
    if not expected:
        return "; is a sum or a mean missing?"
    if [n for n in shape if n != 1] == [n for n in expected if n != 1]:
        more = len(shape) > len(expected)
        return f"; is a keepdims=True {'too many' if more else 'missing'}?"
    return ""


# Single arrays


def check_shape(name: str, array: npt.ArrayLike, expected: Shape) -> None:
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
    shape, expected = as_array("check_shape", name, array).shape, tuple(expected)
    if np.asarray(array).dtype == object:
        raise TypeError(f"{name} must be an array of numbers, got dtype object")
    if shape != expected:
        slip = likely_slip(name, shape, expected)
        raise ShapeError(f"{name} has shape {shape} but {expected} is needed{slip}")


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
    return _numbers(function, Array(name, (), "", False), value)
