"""The words of a ShapeError: which array does not fit, what it has to fit, and the likely slip."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ._notation import ANY, Array, Expected, Shape, Sizes, fits


def explain(inputs: Sequence[Array], arrays: dict[str, np.ndarray]) -> str:
    """Say which array does not fit, what it has to fit, and the likely slip."""
    found = {name: value.shape for name, value in arrays.items()}
    present = [array for array in inputs if array.name in found]
    array = _suspect(present, found)
    before = present[: present.index(array)] or [a for a in present if a is not array]
    partners = [a for a in before if set(a.dims) & set(array.dims)]
    sizes: Sizes = {}
    reasons = []
    for other in partners:
        new = any(d not in sizes for d in other.dims if d in array.dims)
        if fits(other.dims, found[other.name], sizes) and new:
            reasons.append(f"{_verb(other.dims, array.dims)} {other.name} {found[other.name]}")
    expected = expected_shape(array.dims, sizes)
    reason = " and ".join(reasons)
    if reason.count("match") > 1:
        reason = "match " + reason.replace("match ", "")
    to = f" to {reason}" if reason else ""
    shape = found[array.name]
    slip = _slip(array, arrays[array.name], expected) or _exchanged(array, present, found)
    return f"{array.name} has shape {shape} but {needed(array.dims, expected)} is needed{to}{slip}"


def _suspect(present: list[Array], found: dict[str, Shape]) -> Array:
    """The array that does not fit the others; of two that contradict each other, one."""

    def agree(arrays: list[Array]) -> Sizes | None:
        sizes: Sizes = {}
        return sizes if all(fits(a.dims, found[a.name], sizes) for a in arrays) else None

    alone = [a for a in present if agree([a]) is None]
    if alone:
        return alone[0]
    suspects = []
    for array in present:
        sizes = agree([a for a in present if a is not array])
        if sizes is not None:
            # First those whose slip is known; a gradient, just computed, before what it belongs
            # to; and of two arguments the later one.
            expected = expected_shape(array.dims, sizes)
            slip = bool(likely_slip(array.name, found[array.name], expected))
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


def expected_shape(dims: tuple[str, ...], sizes: Sizes) -> Expected:
    """The shape that is needed; None for a size that nothing has fixed."""
    if dims is ANY:
        return sizes.get("...", ())
    return tuple(int(d) if d.isdecimal() else sizes.get(d) for d in dims)


def needed(dims: tuple[str, ...], expected: Expected) -> str:
    """Write the shape that is needed in letters, and behind them what is known of it in numbers."""
    if dims is ANY:
        return str(expected)
    letters = _shape_text(dims)
    values = _shape_text(d if n is None else n for d, n in zip(dims, expected, strict=True))
    return letters if values == letters else f"{letters} = {values}"


def _shape_text(entries: Iterable[Any]) -> str:
    """Write sizes and letters as Python writes a tuple: `(784, K)`, `(K,)`."""
    entries = [str(entry) for entry in entries]
    return f"({', '.join(entries)}{',' if len(entries) == 1 else ''})"


def _exchanged(array: Array, present: list[Array], found: dict[str, Shape]) -> str:
    """Name the argument with which `array` has changed places, if that explains everything."""
    for other in present if len(present) > 2 else []:
        trial = {**found, array.name: found[other.name], other.name: found[array.name]}
        sizes: Sizes = {}
        if trial != found and all(fits(a.dims, trial[a.name], sizes) for a in present):
            return f"; did you exchange {array.name} and {other.name}?"
    return ""


def _slip(array: Array, value: np.ndarray, expected: Expected) -> str:
    if array.may_be_labels and value.ndim == 2 and len(expected) == 1:
        return label_slip(array.name, value)
    return likely_slip(array.name, value.shape, expected)


def label_slip(name: str, y: np.ndarray) -> str:
    """Name the usual slip behind labels in two dimensions, if what they hold shows one."""
    if y.dtype.kind not in "biuf" or not (y == np.floor(y)).all():
        return ""  # targets of a regression, or of smoothed labels
    if y.shape[1] == 1:
        return f"; did you mean {name}[:, 0]?"
    if np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        return f": integer labels, not one-hot rows; did you mean {name}.argmax(axis=1)?"
    return ""


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


def result_slip(shape: Shape, expected: Expected) -> str:
    if shape[::-1] == expected != shape:
        return "; is it transposed?"
    if not expected:
        return "; is a sum or a mean missing?"
    if [n for n in shape if n != 1] == [n for n in expected if n != 1]:
        more = len(shape) > len(expected)
        return f"; is a keepdims=True {'too many' if more else 'missing'}?"
    return ""
