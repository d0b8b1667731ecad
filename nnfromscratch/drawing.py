"""From a pen to an image that a network can read: strokes become ink, ink becomes a digit of MNIST.

A stroke is a row of points (x, y), from the left and from the top, where the pad is 1 wide and 1
high. Stored strokes are drawn as those of a hand are.
"""

import functools
import json
import math
from collections.abc import Sequence
from importlib import resources

import numpy as np
import numpy.typing as npt

from ._guards import between_0_and_1, whole
from .contracts import FloatArray, as_float_array, shapes

BOX, SIDE = 20, 28


def draw_strokes(
    strokes: Sequence[npt.ArrayLike], *, side: int = SIDE, width: float = 0.08
) -> FloatArray:
    """Draw strokes with a round pen.

    Args:
        strokes: arrays of points, (P, 2), in units of the pad; a single point is a dot.
        side: pixels of the image along each side.
        width: of the pen, as a fraction of the pad.

    Returns:
        the image, (side, side), float32: 1 within the pen's width of a stroke, 0 on paper, and
        between them for a pixel's breadth.

    Raises:
        TypeError: strokes is no list, or holds what is no array of numbers.
        ValueError: a stroke is not rows of two numbers, or lies far outside of the pad.
    """
    side, width = whole("draw_strokes", side=side), between_0_and_1("draw_strokes", width=width)
    if not isinstance(strokes, Sequence | np.ndarray) or not np.iterable(strokes):
        raise TypeError(f"draw_strokes: strokes must be a list, got {type(strokes).__name__}")
    middles = (np.arange(side) + 0.5) / side
    pixels = np.stack(np.meshgrid(middles, middles), axis=-1)  # (side, side, 2): x, y
    nearest = np.full((side, side), math.inf)
    for stroke in strokes:
        points = _checked_points(as_float_array("draw_strokes", "strokes", stroke))
        for start, end in zip(points, [*points[1:], points[-1]], strict=True):
            nearest = np.minimum(nearest, _distance(pixels, start, end))
    # Rounded, so that rounding errors at the pen's edge are no ink.
    return np.clip(np.round(0.5 + (width / 2 - nearest) * side, 6), 0, 1).astype(np.float32)


def _checked_points(points: FloatArray) -> FloatArray:
    if points.ndim != 2 or points.shape[1] != 2 or not len(points) or np.iscomplexobj(points):
        raise ValueError(f"draw_strokes: strokes must hold points (P, 2), got {points.shape}")
    if not (np.abs(points) < 1e6).all():
        raise ValueError("draw_strokes: strokes must lie on the pad, from 0 to 1")
    return points.astype(np.float64)


def _distance(pixels: FloatArray, start: FloatArray, end: FloatArray) -> FloatArray:
    """How far each pixel's middle is from the line between two points."""
    way = end - start
    length = way @ way
    share = np.clip((pixels - start) @ way / length, 0, 1) if length else np.zeros(1)
    return np.linalg.norm(pixels - start - share[..., np.newaxis] * way, axis=-1)


@shapes("image: H W -> 784")
def prepare_digit(image: FloatArray) -> FloatArray:
    """Bring a drawing into the form of MNIST's images.

    The ink is cut out, shrunk or enlarged by area averages until its longer side has 20 pixels, and
    put into 28 by 28 with its centre of mass at row 14 and column 14, to the nearest pixel. No ink
    is pushed over the edge.

    Args:
        image: ink from 0 for paper to 1, (H, W).

    Returns:
        the pixels, (784,), one row for a network.

    Raises:
        ValueError: there is no ink, or it is not between 0 and 1.

    Source: LeCun, Cortes and Burges, The MNIST database of handwritten digits, on the
    preparation; the nearest pixel leaves MNIST's own images as they are.
    """
    valid = np.isrealobj(image) and ((image >= 0) & (image <= 1)).all()
    if not (valid and image.any()):
        raise ValueError("prepare_digit: image must hold ink, from 0 for paper to 1")
    rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
    ink = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = (max(1, round(BOX * size / max(ink.shape))) for size in ink.shape)
    small = _averages(height, len(ink)) @ ink @ _averages(width, ink.shape[1]).T
    top, left = (_start(small.sum(axis=axis)) for axis in (1, 0))
    prepared = np.zeros((SIDE, SIDE))
    prepared[top : top + height, left : left + width] = small
    return prepared.reshape(-1).astype(image.dtype)


def _averages(new: int, old: int) -> FloatArray:
    """The matrix (new, old) that averages `old` pixels of a line over `new` equal intervals."""
    ends = np.arange(new + 1)[:, np.newaxis] * old / new
    pixel = np.arange(old)
    overlap = np.minimum(ends[1:], pixel + 1) - np.maximum(ends[:-1], pixel)
    return np.maximum(overlap, 0) * new / old


def _start(ink: FloatArray) -> int:
    """Where a line of ink has to begin so that its centre of mass lies at SIDE / 2."""
    centre = ink @ np.arange(len(ink)) / ink.sum()
    # Rounded first, so that a tie is one whatever the order of the sums.
    return min(max(round(round(float(SIDE / 2 - centre), 6)), 0), SIDE - len(ink))


@functools.cache
def _stored() -> dict[str, list[list[list[float]]]]:
    file = resources.files(__package__) / "widgets" / "strokes.json"
    return json.loads(file.read_text(encoding="utf-8"))


def stored_strokes(name: str) -> list[FloatArray]:
    """Return the strokes of a digit or a letter, small and off the middle of the pad.

    Raises:
        ValueError: there is no such drawing; the message lists those that there are.
    """
    if not isinstance(name, str) or name not in _stored():
        known = ", ".join(_stored())
        raise ValueError(f"stored_strokes: name must be one of {known}, not {name!r}")
    return [np.array(stroke) for stroke in _stored()[name]]
