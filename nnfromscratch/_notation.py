"""The notation of contracts, read: `"x: N D, w: D K, b: K -> N K"`, explained in `contracts`."""

import re
from typing import Any, NamedTuple

Shape = tuple[int, ...]
Expected = tuple[int | None, ...]
"""A shape in which None fits any size."""
Sizes = dict[str, Any]
"""The size of each letter, and under `...` a shape."""
ANY = ("...",)


class Array(NamedTuple):
    """What a contract says of one array, such as `x: N D`, `y: N < C` or `da: ...`."""

    name: str
    dims: tuple[str, ...] = ()
    below: str = ""
    """For labels: the size that they stay below."""
    optional: bool = False

    @property
    def may_be_labels(self) -> bool:
        """Whether integers stay what they are."""
        return bool(self.below) or self.name == "y"


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


_SHAPE = r"\s*((?:(?:[A-Za-z]\w*|\d+)\s*)*|\.\.\.)\s*"
_INPUT = re.compile(rf"\s*([A-Za-z_]\w*)\s*:{_SHAPE}(?:<\s*(\w+))?()\s*")
_OUTPUT = re.compile(rf"(){_SHAPE}()(\?)?\s*")


def _read_array(part: str, text: str, *, named: bool) -> Array:
    found = (_INPUT if named else _OUTPUT).fullmatch(part)
    if not found:
        form = "an argument such as 'x: N D'" if named else "a result such as 'N D'"
        raise ValueError(f"shapes: {part.strip()!r} in the contract {text!r} is not {form}")
    name, dims, below, optional = found.groups()
    letters = ANY if dims == "..." else tuple(dims.split())
    return Array(name, letters, below or "", bool(optional))


def fits(dims: tuple[str, ...], shape: Shape, sizes: Sizes) -> bool:
    """Whether a shape agrees with the sizes so far; letters that are new get theirs from it."""
    if dims is ANY:
        return sizes.setdefault("...", shape) == shape
    return len(dims) == len(shape) and all(
        sizes.setdefault(d, n) == n for d, n in zip(dims, shape, strict=True)
    )
