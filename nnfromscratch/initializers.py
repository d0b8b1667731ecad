"""Random weights to start from, for a layer with D inputs and K outputs: shape (D, K)."""

import math

import numpy as np
import numpy.typing as npt

from .shapes import (
    FloatArray,
    check_finite,
    check_float_dtype,
    check_number,
    check_positive_integer,
    check_rng,
)


def normal(
    shape: tuple[int, int],
    standard_deviation: float,
    *,
    rng: np.random.Generator,
    dtype: npt.DTypeLike = np.float32,
) -> FloatArray:
    """Weights drawn from a normal distribution with mean 0 and the given standard deviation.

    Args:
        shape: (D, K), inputs and outputs of the layer.
        standard_deviation: the spread of the weights, not negative.
        rng: where the randomness comes from.
        dtype: float32 or float64.

    Returns:
        w, (D, K).

    Raises:
        TypeError: rng is not a numpy.random.Generator, or dtype is another one.
        ValueError: shape is not two positive integers, or the standard deviation is negative.
    """
    inputs, outputs = _sizes("normal", shape)
    dtype = check_float_dtype("normal", dtype)
    # A Python float, so that float32 weights stay float32.
    deviation = check_number("normal", "standard_deviation", standard_deviation)
    if not 0 <= deviation < math.inf:
        raise ValueError(
            f"normal: standard_deviation must be finite and not negative, got {standard_deviation}"
        )
    check_rng("normal", rng)
    w = rng.standard_normal((inputs, outputs), dtype=dtype)
    w *= deviation
    return w


def he_normal(
    shape: tuple[int, int], *, rng: np.random.Generator, dtype: npt.DTypeLike = np.float32
) -> FloatArray:
    """Normal weights that keep the size of activations through ReLU layers.

    Standard deviation sqrt(2 / D).

    Args:
        shape: (D, K), inputs and outputs of the layer.
        rng: where the randomness comes from.
        dtype: float32 or float64.

    Returns:
        w, (D, K).

    Raises:
        TypeError: rng is not a numpy.random.Generator.
        ValueError: shape is not two positive integers.

    Source: He et al., Delving deep into rectifiers (2015), section 2.2, equation 10.
    """
    inputs, _ = _sizes("he_normal", shape)
    return normal(shape, math.sqrt(2 / inputs), rng=rng, dtype=dtype)


def xavier_normal(
    shape: tuple[int, int], *, rng: np.random.Generator, dtype: npt.DTypeLike = np.float32
) -> FloatArray:
    """Normal weights that balance the sizes of activations and of gradients.

    Standard deviation sqrt(2 / (D + K)).

    Args:
        shape: (D, K), inputs and outputs of the layer.
        rng: where the randomness comes from.
        dtype: float32 or float64.

    Returns:
        w, (D, K).

    Raises:
        TypeError: rng is not a numpy.random.Generator.
        ValueError: shape is not two positive integers.

    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward neural
    networks (2010), section 4.2.1, equation 12.
    """
    inputs, outputs = _sizes("xavier_normal", shape)
    return normal(shape, math.sqrt(2 / (inputs + outputs)), rng=rng, dtype=dtype)


def orthogonal(
    shape: tuple[int, int],
    gain: float = 1.0,
    *,
    rng: np.random.Generator,
    dtype: npt.DTypeLike = np.float32,
) -> FloatArray:
    """Weights that change no length: orthonormal columns if D >= K, orthonormal rows if not.

    wᵀ w = gain² I  or  w wᵀ = gain² I,  every such matrix equally likely

    Args:
        shape: (D, K), inputs and outputs of the layer.
        gain: what all lengths are multiplied with, such as sqrt(2) before ReLU.
        rng: where the randomness comes from.
        dtype: float32 or float64.

    Returns:
        w, (D, K).

    Raises:
        TypeError: rng is not a numpy.random.Generator, or dtype is another one.
        ValueError: shape is not two positive integers, or gain is not finite.

    Source: Saxe, McClelland and Ganguli, Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks (2014), section 3; Mezzadri, How to generate random matrices from
    the classical compact groups (2007), section 5, for the signs.
    """
    sizes = _sizes("orthogonal", shape)
    dtype = check_float_dtype("orthogonal", dtype)
    gain = check_finite("orthogonal", "gain", gain)
    check_rng("orthogonal", rng)
    q, r = np.linalg.qr(rng.standard_normal((max(sizes), min(sizes))))
    # QR leaves the sign of each column open. A positive diagonal of r settles it; without that,
    # the signs would be those of the algorithm, and not every matrix equally likely.
    q *= gain * np.sign(r.diagonal())
    return np.ascontiguousarray(q if sizes == q.shape else q.T, dtype)


def _sizes(function: str, shape: tuple[int, int]) -> tuple[int, int]:
    if not isinstance(shape, tuple | list) or len(shape) != 2:
        raise ValueError(f"{function}: shape must be (inputs, outputs), got {shape!r}")
    inputs, outputs = shape
    return (
        check_positive_integer(function, "shape[0]", inputs),
        check_positive_integer(function, "shape[1]", outputs),
    )
