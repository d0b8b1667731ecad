"""Distorted copies of images: a digit stays the same digit when it is turned, stretched or bent."""

import functools
import math

import numpy as np

from ._guards import generator, not_negative, number
from .contracts import FloatArray, shapes


@shapes("x: N D -> N D")
def distort(
    x: FloatArray,
    *,
    rng: np.random.Generator,
    rotation: float = 10.0,
    scaling: float = 0.1,
    shear: float = 0.1,
    elastic: float = 24.0,
    sigma: float = 4.0,
) -> FloatArray:
    """Give every image of a batch a random affine and elastic distortion of its own.

    y[n](r) = x[n](c + A_n (r - c) + u_n(r)), by bilinear sampling, paper outside the image

    A_n turns, stretches and shears about the image's centre c. The displacement u_n is noise, even
    in [-1, 1] at every pixel, smoothed by a Gaussian and multiplied by `elastic`: with the
    defaults about one pixel.

    Args:
        x: images, (N, side * side), one per row; the result has their shape and dtype.
        rng: where the randomness comes from.
        rotation: largest angle, in degrees.
        scaling: largest relative change of width and of height.
        shear: largest shear, as the tangent of its angle.
        elastic: strength of the elastic displacement, in pixels before smoothing; 0 for none.
        sigma: standard deviation of the smoothing, in pixels.

    Source: Simard, Steinkraus and Platt, Best practices for convolutional neural networks applied
    to visual document analysis (2003), section 2.
    """
    side = side_of("distort", x)
    elastic, sigma = _strength(elastic=elastic), _width(sigma)
    a = _affine_matrices(len(x), rng, rotation, scaling, shear)  # (N, 2, 2)
    rows, columns = np.moveaxis(a @ _grid(side), 1, 0)  # twice (N, side * side)
    if elastic:
        u: FloatArray = rng.random((2, len(x), side, side), dtype=np.float32)
        u *= 2 * elastic
        u -= elastic
        # A Gaussian in two dimensions is one along the rows and one along the columns.
        u = _blur(side, sigma) @ u @ _blur(side, sigma).T  # (2, N, side, side)
        u = u.reshape(2, len(x), side * side)
        rows, columns = rows + u[0], columns + u[1]
    centre = (side - 1) / 2
    return sample_bilinear(x, rows + centre, columns + centre)


@shapes("x: N D, rows: N K, columns: N K -> N K")
def sample_bilinear(x: FloatArray, rows: FloatArray, columns: FloatArray) -> FloatArray:
    """Read images (N, side * side) at places between the pixels.

    rows and columns of the places, (N, K), are in pixels from the middle of the first. A value is
    the mean of the four pixels around, weighted by nearness; outside the image there is paper, 0.
    """
    n, side = len(x), side_of("sample_bilinear", x)
    if np.isnan(rows).any() or np.isnan(columns).any():
        raise ValueError("sample_bilinear: rows and columns must be numbers, got nan")
    # A border of paper on all sides, so that every place has four pixels around it.
    padded = np.zeros((n, side + 3, side + 3), dtype=x.dtype)
    padded[:, 1:-2, 1:-2] = x.reshape(n, side, side)
    rows = np.clip(rows + 1, 0, side + 1).astype(np.float32)
    columns = np.clip(columns + 1, 0, side + 1).astype(np.float32)
    (down, row), (right, column) = np.modf(rows), np.modf(columns)
    start = np.arange(n, dtype=np.int32)[:, np.newaxis] * (side + 3) ** 2
    index = start + row.astype(np.int32) * (side + 3) + column.astype(np.int32)
    flat = padded.reshape(-1)
    top = flat.take(index)
    top += right * (flat.take(index + 1) - top)
    bottom = flat.take(index + (side + 3))
    bottom += right * (flat.take(index + (side + 4)) - bottom)
    top += down * (bottom - top)
    return top


def side_of(function: str, x: FloatArray) -> int:
    """Return how many pixels images in rows (N, side * side) are wide, or raise an error."""
    side = math.isqrt(x.shape[1])
    if side * side != x.shape[1] or side < 2:
        raise ValueError(f"{function}: x has shape {x.shape}, but images must be square")
    return side


def _strength(**setting: float) -> float:
    value = not_negative("distort", **setting)
    if value >= 1e6:  # far outside of any image, where float32 runs out of numbers
        raise ValueError(f"distort: {next(iter(setting))} must be below 1e6, got {value}")
    return value


def _width(sigma: float) -> float:
    value = number("distort", sigma=sigma)
    if not value > 0:
        raise ValueError(f"distort: sigma must be positive, got {sigma}")
    return value


def _affine_matrices(
    n: int, rng: np.random.Generator, rotation: float, scaling: float, shear: float
) -> FloatArray:
    """A random matrix for each of n images: turned, stretched and sheared, (N, 2, 2)."""
    rng, rotation = generator("distort", rng), _strength(rotation=rotation)
    scaling, shear = _strength(scaling=scaling), _strength(shear=shear)
    angle = rng.uniform(-rotation, rotation, n) * (math.pi / 180)
    stretch = 1 + rng.uniform(-scaling, scaling, (2, n))
    slant = rng.uniform(-shear, shear, n)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])  # (2, 2, N)
    lean = np.array([[stretch[0], np.zeros(n)], [slant, stretch[1]]])  # (2, 2, N)
    return np.einsum("ijn,jkn->nik", turn, lean).astype(np.float32)


@functools.cache
def _grid(side: int) -> FloatArray:
    """Rows and columns of all pixels, from the centre: (2, side * side)."""
    places = np.arange(side, dtype=np.float32) - (side - 1) / 2
    return np.stack(np.meshgrid(places, places, indexing="ij")).reshape(2, -1).astype(np.float32)


@functools.cache
def _blur(side: int, sigma: float) -> FloatArray:
    """Gaussian smoothing along one axis as a matrix; each row sums to 1."""
    places = np.arange(side)
    weights = np.exp(-(((places[:, np.newaxis] - places) / sigma) ** 2) / 2)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
