"""The mathematics of a network: each function beside its backward.

A backward takes the upstream gradient first, then what the forward pass must have kept, and returns
the gradient of the loss by each input. The contract above a function gives the shapes of its arrays
and is checked at every call: see `contracts`. No function changes its arguments. float32 stays
float32, float64 stays float64, and complex numbers pass through, for complex-step checks.
"""

import numpy as np

from ._guards import finite, not_negative
from .contracts import FloatArray, shapes


@shapes("x: N D, w: D K, b: K -> N K")
def linear(x: FloatArray, w: FloatArray, b: FloatArray) -> FloatArray:
    """Affine map of a batch, one example per row: inputs x, weights w, biases b.

    z = x w + b

    Source: Goodfellow, Bengio and Courville, Deep Learning (2016), section 6.1.
    """
    return x @ w + b


@shapes("dz: N K, x: N D, w: D K -> N D?, D K, K")
def linear_backward(
    dz: FloatArray, x: FloatArray, w: FloatArray, *, need_dx: bool = True
) -> tuple[FloatArray | None, FloatArray, FloatArray]:
    """Gradients of the loss by the three inputs of `linear`.

    dx = dz wᵀ,  dw = xᵀ dz,  db = sum of dz over the batch

    x and w are those of the forward pass. need_dx=False leaves out dx, which nothing uses below the
    first layer. Source: Goodfellow, Bengio and Courville, Deep Learning (2016), section 6.5.
    """
    dx = dz @ w.T if need_dx else None
    dw = x.T @ dz
    db = dz.sum(axis=0)
    return dx, dw, db


@shapes("z: ... -> ...")
def relu(z: FloatArray) -> FloatArray:
    """Rectified linear unit, entry by entry: a = max(z, 0).

    Source: Nair and Hinton, Rectified linear units improve restricted Boltzmann machines (2010).
    """
    return np.maximum(z, 0)


@shapes("da: ..., z: ... -> ...")
def relu_backward(da: FloatArray, z: FloatArray) -> FloatArray:
    """Gradient of the loss by z, where a = relu(z): the gate is open where z > 0.

    dz = da where z > 0, else 0. At z = 0, where relu has no derivative, the gate is closed.
    """
    return da * (z > 0)


@shapes("z: ... -> ...")
def leaky_relu(z: FloatArray, slope: float = 0.01) -> FloatArray:
    """Leaky rectified linear unit, entry by entry: a = z where z > 0, else slope z.

    Source: Maas, Hannun and Ng, Rectifier nonlinearities improve neural network acoustic models
    (2013).
    """
    slope = finite("leaky_relu", slope=slope)
    return np.where(z > 0, z, slope * z)


@shapes("da: ..., z: ... -> ...")
def leaky_relu_backward(da: FloatArray, z: FloatArray, slope: float = 0.01) -> FloatArray:
    """Gradient of the loss by z, where a = leaky_relu(z, slope).

    dz = da where z > 0, else slope da
    """
    slope = finite("leaky_relu_backward", slope=slope)
    return np.where(z > 0, da, slope * da)


@shapes("z: ... -> ...")
def sigmoid(z: FloatArray) -> FloatArray:
    """Logistic sigmoid, entry by entry, a in [0, 1], without overflow at either end.

    a = 1 / (1 + exp(-z)), computed as exp(z) / (1 + exp(z)) where z < 0
    """
    positive = z.real >= 0
    e = np.exp(np.where(positive, -z, z))
    return np.where(positive, 1, e) / (1 + e)


@shapes("da: ..., a: ... -> ...")
def sigmoid_backward(da: FloatArray, a: FloatArray) -> FloatArray:
    """Gradient of the loss by z, where a = sigmoid(z).

    dz = da a (1 - a)
    """
    return da * a * (1 - a)


@shapes("z: ... -> ...")
def tanh(z: FloatArray) -> FloatArray:
    """Hyperbolic tangent, entry by entry, a in [-1, 1]: a = tanh(z)."""
    return np.tanh(z)


@shapes("da: ..., a: ... -> ...")
def tanh_backward(da: FloatArray, a: FloatArray) -> FloatArray:
    """Gradient of the loss by z, where a = tanh(z).

    dz = da (1 - a²)
    """
    return da * (1 - a * a)


@shapes("z: N C -> N C")
def softmax(z: FloatArray) -> FloatArray:
    """Probabilities from logits, row by row, safe for logits of any size; each row sums to 1.

    p[n, c] = exp(z[n, c] - m[n]) / Σ_k exp(z[n, k] - m[n]),  m[n] = max_k z[n, k]

    Source: Goodfellow, Bengio and Courville, Deep Learning (2016), sections 4.1 and 6.2.2.3.
    """
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@shapes("dp: N C, p: N C -> N C")
def softmax_backward(dp: FloatArray, p: FloatArray) -> FloatArray:
    """Gradient of the loss by the logits, where p = softmax(z).

    dz[n, c] = p[n, c] (dp[n, c] - Σ_k dp[n, k] p[n, k])
    """
    return p * (dp - (dp * p).sum(axis=1, keepdims=True))


@shapes("z: N C -> N C")
def log_softmax(z: FloatArray) -> FloatArray:
    """Logarithms of the softmax probabilities, row by row, finite even where p rounds to zero.

    log p[n, c] = z[n, c] - m[n] - log Σ_k exp(z[n, k] - m[n]),  m[n] = max_k z[n, k]
    """
    shifted = z - z.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


@shapes("dlog_p: N C, log_p: N C -> N C")
def log_softmax_backward(dlog_p: FloatArray, log_p: FloatArray) -> FloatArray:
    """Gradient of the loss by the logits, where log_p = log_softmax(z).

    dz[n, c] = dlog_p[n, c] - exp(log_p[n, c]) Σ_k dlog_p[n, k]
    """
    return dlog_p - np.exp(log_p) * dlog_p.sum(axis=1, keepdims=True)


@shapes("x: N D -> D, D")
def batch_statistics(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and variance of each column over a batch of two or more; the variance divides by N.

    mean = 1/N Σ_n x,  variance = 1/N Σ_n (x - mean)²
    """
    if len(x) < 2:
        raise ValueError(f"batch_norm: x has shape {x.shape}; a variance needs two examples")
    mean = x.mean(axis=0)
    centered = x - mean
    return mean, (centered * centered).mean(axis=0)


@shapes("x: N D, mean: D, variance: D, gamma: D, beta: D -> N D")
def normalize(
    x: FloatArray,
    mean: FloatArray,
    variance: FloatArray,
    gamma: FloatArray,
    beta: FloatArray,
    epsilon: float = 1e-5,
) -> FloatArray:
    """Normalize each column by a given mean and variance, then scale and shift it.

    y = gamma x̂ + beta,  x̂ = (x - mean) / sqrt(variance + epsilon)
    """
    epsilon = not_negative("normalize", epsilon=epsilon)
    return (x - mean) * (gamma / np.sqrt(variance + epsilon)) + beta


@shapes("dy: N D, x: N D, mean: D, variance: D, gamma: D -> N D, D, D")
def normalize_backward(
    dy: FloatArray,
    x: FloatArray,
    mean: FloatArray,
    variance: FloatArray,
    gamma: FloatArray,
    epsilon: float = 1e-5,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of the loss by x, gamma and beta of `normalize`, whose statistics are constants.

    dx = gamma / sqrt(variance + epsilon) dy,  dgamma = Σ_n dy x̂,  dbeta = Σ_n dy
    """
    deviation = np.sqrt(variance + not_negative("normalize_backward", epsilon=epsilon))
    x_hat = (x - mean) / deviation
    return dy * (gamma / deviation), (dy * x_hat).sum(axis=0), dy.sum(axis=0)


@shapes("x: N D, gamma: D, beta: D -> N D")
def batch_norm(
    x: FloatArray, gamma: FloatArray, beta: FloatArray, epsilon: float = 1e-5
) -> FloatArray:
    """Normalize each column over the batch, then scale and shift it.

    y = gamma x̂ + beta,  x̂ = (x - mean) / sqrt(variance + epsilon), mean and variance over n

    Source: Ioffe and Szegedy, Batch normalization (2015), algorithm 1.
    """
    mean, variance = batch_statistics(x)
    return normalize(x, mean, variance, gamma, beta, epsilon)


@shapes("dy: N D, x: N D, gamma: D -> N D, D, D")
def batch_norm_backward(
    dy: FloatArray, x: FloatArray, gamma: FloatArray, epsilon: float = 1e-5
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of the loss by x, gamma and beta of `batch_norm`.

    dbeta = Σ_n dy,  dgamma = Σ_n dy x̂
    dx = gamma / sqrt(variance + epsilon) (dy - dbeta / N - x̂ dgamma / N)

    Source: Ioffe and Szegedy, Batch normalization (2015), section 3.
    """
    mean, variance = batch_statistics(x)
    deviation = np.sqrt(variance + not_negative("batch_norm_backward", epsilon=epsilon))
    x_hat = (x - mean) / deviation
    dbeta = dy.sum(axis=0)
    dgamma = (dy * x_hat).sum(axis=0)
    dx = gamma / deviation * (dy - dbeta / len(x) - x_hat * (dgamma / len(x)))
    return dx, dgamma, dbeta


__all__ = [name for name, value in globals().items() if hasattr(value, "contract")]
