"""Random weights to start from, for a layer with D inputs and K outputs: shape (D, K).

Every function takes shape, rng (a numpy.random.Generator) and dtype (float32 or float64), and
returns w (D, K). A shape that is not two positive integers is a ValueError, or a TypeError if
they are no integers.
"""

import math

import numpy as np
import numpy.typing as npt

from ._guards import finite, float_dtype, generator, not_negative, whole
from .contracts import FloatArray


def normal(
    shape: tuple[int, int],
    standard_deviation: float,
    *,
    rng: np.random.Generator,
    dtype: npt.DTypeLike = np.float32,
) -> FloatArray:
    """Weights drawn from a normal distribution with mean 0 and the given standard deviation."""
    shape = _sizes("normal", shape)
    # A Python float, so that float32 weights stay float32.
    deviation = not_negative("normal", standard_deviation=standard_deviation)
    dtype = float_dtype("normal", dtype)
    return generator("normal", rng).standard_normal(shape, dtype=dtype) * deviation


def he_normal(
    shape: tuple[int, int],
    *,
    rng: np.random.Generator,
    dtype: npt.DTypeLike = np.float32,
) -> FloatArray:
    """Normal weights that keep the size of activations through ReLU layers.

    Standard deviation sqrt(2 / D).

    Source: He et al., Delving deep into rectifiers (2015), section 2.2, equation 10.
    """
    inputs, _ = _sizes("he_normal", shape)
    return normal(shape, math.sqrt(2 / inputs), rng=rng, dtype=dtype)


def xavier_normal(
    shape: tuple[int, int], *, rng: np.random.Generator, dtype: npt.DTypeLike = np.float32
) -> FloatArray:
    """Normal weights that balance the sizes of activations and of gradients.

    Standard deviation sqrt(2 / (D + K)).

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

    gain is what all lengths are multiplied with, such as sqrt(2) before ReLU.

    Source: Saxe, McClelland and Ganguli, Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks (2014), section 3; Mezzadri, How to generate random matrices from
    the classical compact groups (2007), section 5, for the signs.
    """
    sizes = _sizes("orthogonal", shape)
    dtype = float_dtype("orthogonal", dtype)
    gain = finite("orthogonal", gain=gain)
    normals = generator("orthogonal", rng).standard_normal((max(sizes), min(sizes)))
    q, r = np.linalg.qr(normals)
    # QR leaves the sign of each column open. A positive diagonal of r settles it; without that,
    # the signs would be those of the algorithm, and not every matrix equally likely.
    q *= gain * np.sign(r.diagonal())
    return np.ascontiguousarray(q if sizes == q.shape else q.T, dtype)


def _sizes(function: str, shape: tuple[int, int]) -> tuple[int, int]:
    if not isinstance(shape, tuple | list) or len(shape) != 2:
        raise ValueError(f"{function}: shape must be (inputs, outputs), got {shape!r}")
    inputs, outputs = shape
    return (
        whole(function, **{"shape[0]": inputs}),
        whole(function, **{"shape[1]": outputs}),
    )
