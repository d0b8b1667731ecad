"""The mathematics of a network: each function beside its backward.

A backward takes the upstream gradient first, then what the forward pass must have remembered, and
returns the gradient of the loss by each input. No function changes its arguments. float32 stays
float32, float64 stays float64, and complex numbers pass through, for complex-step checks.
"""

import numpy as np

from .shapes import FloatArray, check_finite, checked

# Overflow becomes inf and nan without a warning; `fit` looks at the loss and says what to do.
ieee = np.errstate(over="ignore", invalid="ignore")


@ieee
def linear(x: FloatArray, w: FloatArray, b: FloatArray) -> FloatArray:
    """Affine map of a batch, one example per row.

    z = x w + b

    Args:
        x: inputs, (N, D).
        w: weights, (D, K).
        b: biases, (K,), added to every row.

    Returns:
        z, (N, K).

    Raises:
        ShapeError: the shapes do not fit each other.
        TypeError: an argument does not hold numbers.

    Source: Goodfellow, Bengio and Courville, Deep Learning (2016), section 6.1.
    """
    x, w, b = checked("linear", x=(x, "ND"), w=(w, "DK", "multiply"), b=(b, "K"))
    return x @ w + b


@ieee
def linear_backward(
    dz: FloatArray, x: FloatArray, w: FloatArray, *, need_dx: bool = True
) -> tuple[FloatArray | None, FloatArray, FloatArray]:
    """Gradients of the loss by the three inputs of `linear`.

    dx = dz wᵀ,  dw = xᵀ dz,  db = sum of dz over the batch

    Args:
        dz: gradient of the loss by z, (N, K).
        x: the inputs of the forward pass, (N, D).
        w: its weights, (D, K).
        need_dx: False leaves out dx, which nothing needs below the first layer.

    Returns:
        dx (N, D) or None, dw (D, K), db (K,).

    Raises:
        ShapeError: the shapes do not fit each other.
        TypeError: an argument does not hold numbers.

    Source: Goodfellow, Bengio and Courville, Deep Learning (2016), section 6.5.
    """
    x, w, dz = checked("linear_backward", x=(x, "ND"), w=(w, "DK", "multiply"), dz=(dz, "NK"))
    dx = dz @ w.T if need_dx else None
    dw = x.T @ dz
    db = dz.sum(axis=0)
    return dx, dw, db


def relu(z: FloatArray) -> FloatArray:
    """Rectified linear unit: a = max(z, 0), entry by entry.

    Args:
        z: pre-activations, any shape.

    Returns:
        a, the shape of z.

    Raises:
        TypeError: z does not hold numbers.

    Source: Nair and Hinton, Rectified linear units improve restricted Boltzmann machines (2010).
    """
    (z,) = checked("relu", z=(z, None))
    return np.maximum(z, 0)


@ieee
def relu_backward(da: FloatArray, z: FloatArray) -> FloatArray:
    """Gradient of the loss by z, where a = relu(z): the gate is open where z > 0.

    dz = da where z > 0, else 0. At z = 0, where relu has no derivative, the gate is closed.

    Args:
        da: gradient of the loss by a, the shape of z.
        z: the pre-activations of the forward pass, any shape.

    Returns:
        dz, the shape of z.

    Raises:
        ShapeError: da and z differ in shape.
        TypeError: an argument does not hold numbers.
    """
    z, da = checked("relu_backward", z=(z, None), da=(da, z))
    return da * (z > 0)


@ieee
def leaky_relu(z: FloatArray, slope: float = 0.01) -> FloatArray:
    """Leaky rectified linear unit: a = z where z > 0, else slope z, entry by entry.

    Args:
        z: pre-activations, any shape.
        slope: the slope below zero.

    Returns:
        a, the shape of z.

    Raises:
        TypeError: z does not hold numbers.

    Source: Maas, Hannun and Ng, Rectifier nonlinearities improve neural network acoustic models
    (2013).
    """
    (z,) = checked("leaky_relu", z=(z, None))
    slope = check_finite("leaky_relu", "slope", slope)
    return np.where(z > 0, z, slope * z)


@ieee
def leaky_relu_backward(da: FloatArray, z: FloatArray, slope: float = 0.01) -> FloatArray:
    """Gradient of the loss by z, where a = leaky_relu(z, slope).

    dz = da where z > 0, else slope da

    Args:
        da: gradient of the loss by a, the shape of z.
        z: the pre-activations of the forward pass, any shape.
        slope: the slope below zero.

    Returns:
        dz, the shape of z.

    Raises:
        ShapeError: da and z differ in shape.
        TypeError: an argument does not hold numbers.
    """
    z, da = checked("leaky_relu_backward", z=(z, None), da=(da, z))
    slope = check_finite("leaky_relu_backward", "slope", slope)
    return np.where(z > 0, da, slope * da)


@ieee
def sigmoid(z: FloatArray) -> FloatArray:
    """Logistic sigmoid, entry by entry, without overflow at either end.

    a = 1 / (1 + exp(-z)), computed as exp(z) / (1 + exp(z)) where z < 0

    Args:
        z: pre-activations, any shape.

    Returns:
        a in [0, 1], the shape of z.

    Raises:
        TypeError: z does not hold numbers.
    """
    (z,) = checked("sigmoid", z=(z, None))
    positive = z.real >= 0
    e = np.exp(np.where(positive, -z, z))
    return np.where(positive, 1, e) / (1 + e)


@ieee
def sigmoid_backward(da: FloatArray, a: FloatArray) -> FloatArray:
    """Gradient of the loss by z, where a = sigmoid(z).

    dz = da a (1 - a)

    Args:
        da: gradient of the loss by a, the shape of a.
        a: the activations of the forward pass, any shape.

    Returns:
        dz, the shape of a.

    Raises:
        ShapeError: da and a differ in shape.
        TypeError: an argument does not hold numbers.
    """
    a, da = checked("sigmoid_backward", a=(a, None), da=(da, a))
    return da * a * (1 - a)


@ieee
def tanh(z: FloatArray) -> FloatArray:
    """Hyperbolic tangent, entry by entry: a = tanh(z).

    Args:
        z: pre-activations, any shape.

    Returns:
        a in [-1, 1], the shape of z.

    Raises:
        TypeError: z does not hold numbers.
    """
    (z,) = checked("tanh", z=(z, None))
    return np.tanh(z)


@ieee
def tanh_backward(da: FloatArray, a: FloatArray) -> FloatArray:
    """Gradient of the loss by z, where a = tanh(z).

    dz = da (1 - a²)

    Args:
        da: gradient of the loss by a, the shape of a.
        a: the activations of the forward pass, any shape.

    Returns:
        dz, the shape of a.

    Raises:
        ShapeError: da and a differ in shape.
        TypeError: an argument does not hold numbers.
    """
    a, da = checked("tanh_backward", a=(a, None), da=(da, a))
    return da * (1 - a * a)


@ieee
def softmax(z: FloatArray) -> FloatArray:
    """Probabilities from logits, row by row, safe for logits of any size.

    p[n, c] = exp(z[n, c] - m[n]) / Σ_k exp(z[n, k] - m[n]),  m[n] = max_k z[n, k]

    Args:
        z: logits, (N, C).

    Returns:
        p, (N, C); each row sums to 1.

    Raises:
        ShapeError: z is not (N, C) with at least one class.
        TypeError: z does not hold numbers.

    Source: Goodfellow, Bengio and Courville, Deep Learning (2016), sections 4.1 and 6.2.2.3.
    """
    z = _logits("softmax", z)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@ieee
def softmax_backward(dp: FloatArray, p: FloatArray) -> FloatArray:
    """Gradient of the loss by the logits, where p = softmax(z).

    dz[n, c] = p[n, c] (dp[n, c] - Σ_k dp[n, k] p[n, k])

    Args:
        dp: gradient of the loss by p, (N, C).
        p: the probabilities of the forward pass, (N, C).

    Returns:
        dz, (N, C).

    Raises:
        ShapeError: dp and p differ in shape, or are not (N, C).
        TypeError: an argument does not hold numbers.
    """
    p, dp = checked("softmax_backward", p=(p, "NC"), dp=(dp, "NC"))
    return p * (dp - (dp * p).sum(axis=1, keepdims=True))


@ieee
def log_softmax(z: FloatArray) -> FloatArray:
    """Logarithms of the softmax probabilities, row by row, finite even where p rounds to zero.

    log p[n, c] = z[n, c] - m[n] - log Σ_k exp(z[n, k] - m[n]),  m[n] = max_k z[n, k]

    Args:
        z: logits, (N, C).

    Returns:
        log p, (N, C).

    Raises:
        ShapeError: z is not (N, C) with at least one class.
        TypeError: z does not hold numbers.
    """
    z = _logits("log_softmax", z)
    shifted = z - z.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


@ieee
def log_softmax_backward(dlog_p: FloatArray, log_p: FloatArray) -> FloatArray:
    """Gradient of the loss by the logits, where log_p = log_softmax(z).

    dz[n, c] = dlog_p[n, c] - exp(log_p[n, c]) Σ_k dlog_p[n, k]

    Args:
        dlog_p: gradient of the loss by log_p, (N, C).
        log_p: the result of the forward pass, (N, C).

    Returns:
        dz, (N, C).

    Raises:
        ShapeError: dlog_p and log_p differ in shape, or are not (N, C).
        TypeError: an argument does not hold numbers.
    """
    log_p, dlog_p = checked("log_softmax_backward", log_p=(log_p, "NC"), dlog_p=(dlog_p, "NC"))
    return dlog_p - np.exp(log_p) * dlog_p.sum(axis=1, keepdims=True)


@ieee
def batch_norm(
    x: FloatArray, gamma: FloatArray, beta: FloatArray, epsilon: float = 1e-5
) -> FloatArray:
    """Normalize each feature over the batch, then scale and shift it.

    y = gamma x̂ + beta,  x̂ = (x - m) / sqrt(v + epsilon)
    m and v: mean and variance of each column of x over the batch (v divides by N)

    Args:
        x: inputs, (N, D).
        gamma: scales, (D,).
        beta: shifts, (D,).
        epsilon: keeps the root away from zero.

    Returns:
        y, (N, D).

    Raises:
        ShapeError: the shapes do not fit each other.
        TypeError: an argument does not hold numbers.
        ValueError: there are fewer than two examples to take a variance of.

    Source: Ioffe and Szegedy, Batch normalization (2015), algorithm 1.
    """
    x, gamma, beta = checked("batch_norm", x=(x, "ND"), gamma=(gamma, "D"), beta=(beta, "D"))
    normalized, _ = _normalized("batch_norm", x, epsilon)
    return gamma * normalized + beta


@ieee
def batch_norm_backward(
    dy: FloatArray, x: FloatArray, gamma: FloatArray, epsilon: float = 1e-5
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of the loss by the three inputs of `batch_norm`.

    dbeta = Σ_n dy,  dgamma = Σ_n dy x̂
    dx = gamma / sqrt(v + epsilon) (dy - dbeta / N - x̂ dgamma / N)

    Args:
        dy: gradient of the loss by y, (N, D).
        x: the inputs of the forward pass, (N, D).
        gamma: its scales, (D,).
        epsilon: as in the forward pass.

    Returns:
        dx (N, D), dgamma (D,), dbeta (D,).

    Raises:
        ShapeError: the shapes do not fit each other.
        TypeError: an argument does not hold numbers.
        ValueError: there are fewer than two examples.

    Source: Ioffe and Szegedy, Batch normalization (2015), section 3.
    """
    x, gamma, dy = checked("batch_norm_backward", x=(x, "ND"), gamma=(gamma, "D"), dy=(dy, "ND"))
    normalized, deviation = _normalized("batch_norm_backward", x, epsilon)
    dgamma = (dy * normalized).sum(axis=0)
    dbeta = dy.sum(axis=0)
    dx = gamma / deviation * (dy - dbeta / len(x) - normalized * (dgamma / len(x)))
    return dx, dgamma, dbeta


def _normalized(function: str, x: FloatArray, epsilon: float) -> tuple[FloatArray, FloatArray]:
    if len(x) < 2:
        raise ValueError(f"{function}: x has shape {x.shape}; a variance needs two examples")
    epsilon = check_finite(function, "epsilon", epsilon)
    if epsilon < 0:
        raise ValueError(f"{function}: epsilon must not be negative, got {epsilon}")
    centered = x - x.mean(axis=0)
    deviation = np.sqrt((centered * centered).mean(axis=0) + epsilon)
    return centered / deviation, deviation


def _logits(function: str, z: FloatArray) -> FloatArray:
    (z,) = checked(function, z=(z, "NC"))
    if z.shape[1] == 0:
        raise ValueError(f"{function}: z has shape {z.shape}; at least one class is needed")
    return z
