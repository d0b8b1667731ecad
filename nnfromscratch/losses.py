"""Losses: each returns its value and the gradient by its input together.

The value is a mean, and the mean's 1/N stands in the gradient returned here and nowhere else.
"""

import numpy as np

from .contracts import FloatArray, IntArray, shapes
from .functional import log_softmax


@shapes("z: N C, y: N < C -> , N C")
def softmax_cross_entropy(z: FloatArray, y: IntArray) -> tuple[np.floating, FloatArray]:
    """Mean cross-entropy, in nats, of the softmax of logits z against integer labels y.

    loss = -1/N Σ_n log p[n, y[n]],  p = softmax(z)
    dz = (p - t) / N,  t the one-hot rows of y

    Source: Goodfellow, Bengio and Courville, Deep Learning (2016), section 6.2.2.3.
    """
    n, rows = len(z), np.arange(len(z))
    log_p = log_softmax(z)
    loss = -log_p[rows, y].mean()
    dz = np.exp(log_p)
    dz[rows, y] -= 1
    return loss, dz / n


@shapes("a: N K, target: N K -> , N K")
def mean_squared_error(a: FloatArray, target: FloatArray) -> tuple[np.floating, FloatArray]:
    """Mean of the squared differences over all N K entries.

    loss = 1/(N K) Σ (a - target)²
    da = 2 (a - target) / (N K)
    """
    difference = a - target
    loss = (difference * difference).mean()
    return loss, difference * (2 / a.size)


__all__ = [name for name, value in globals().items() if hasattr(value, "contract")]
