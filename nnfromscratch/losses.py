"""Losses: each returns its value and the gradient by its input together.

The value is a mean, and the mean's 1/N stands in the gradient returned here and nowhere else.
"""

import numpy as np

from .functional import ieee, log_softmax
from .shapes import FloatArray, IntArray, check_labels, checked


@ieee
def softmax_cross_entropy(z: FloatArray, y: IntArray) -> tuple[np.inexact, FloatArray]:
    """Mean cross-entropy of the softmax of logits against integer labels.

    loss = -1/N Σ_n log p[n, y[n]],  p = softmax(z)
    dz = (p - t) / N,  t the one-hot rows of y

    Args:
        z: logits, (N, C).
        y: labels, (N,) integers from 0 to C - 1.

    Returns:
        loss, in nats, and dz (N, C).

    Raises:
        ShapeError: z is not (N, C) or y is not (N,).
        TypeError: z does not hold numbers, or y does not hold integers.
        ValueError: a label is out of range, or the batch is empty.

    Source: Goodfellow, Bengio and Courville, Deep Learning (2016), section 6.2.2.3.
    """
    (z,) = checked("softmax_cross_entropy", z=(z, "NC"))
    n, classes = z.shape
    if classes == 0:
        raise ValueError(
            f"softmax_cross_entropy: z has shape {z.shape}; it needs at least one class"
        )
    y = check_labels("softmax_cross_entropy", y, n, classes)
    rows = np.arange(n)
    log_p = log_softmax(z)
    loss = -log_p[rows, y].mean()
    dz = np.exp(log_p)
    dz[rows, y] -= 1
    dz /= n
    return loss, dz


@ieee
def mean_squared_error(a: FloatArray, target: FloatArray) -> tuple[np.inexact, FloatArray]:
    """Mean of the squared differences over all entries.

    loss = 1/(N K) Σ (a - target)²
    da = 2 (a - target) / (N K)

    Args:
        a: outputs, (N, K).
        target: what they should have been, (N, K).

    Returns:
        loss and da (N, K).

    Raises:
        ShapeError: a is not (N, K), or target differs from it in shape.
        TypeError: an argument does not hold numbers.
        ValueError: there is no entry to take a mean of.
    """
    a, target = checked("mean_squared_error", a=(a, "NK"), target=(target, "NK"))
    if a.size == 0:
        raise ValueError(f"mean_squared_error: a has shape {a.shape}; it must not be empty")
    difference = a - target
    loss = (difference * difference).mean()
    return loss, difference * (2 / a.size)
