"""Optimizers: rules that turn gradients into steps. They change a model's parameters in place."""

import math
from typing import Protocol

import numpy as np

from .shapes import FloatArray


class Trainable(Protocol):
    """Anything with parameters and their gradients under the same names."""

    params: dict[str, FloatArray]
    grads: dict[str, FloatArray]


class SGD:
    """Stochastic gradient descent with momentum and weight decay.

    g = dw + weight_decay w    (weights only: arrays of two dimensions, so never biases)
    v = momentum v + g
    w = w - learning_rate v                   or, with nesterov,
    w = w - learning_rate (g + momentum v)

    `weight_decay` is the coefficient in loss + weight_decay / 2 Σ w².

    Args:
        learning_rate: the step size, positive; `fit` lets a schedule change it.
        momentum: how much of the last step is kept, from 0 to below 1.
        nesterov: look ahead along the momentum before taking the gradient's step.
        weight_decay: strength of the L2 penalty, not negative.

    Raises:
        ValueError: a setting is out of its range.

    Source: Sutskever, Martens, Dahl and Hinton, On the importance of initialization and momentum in
    deep learning (2013), section 2; the form with the velocity in units of gradients.
    """

    def __init__(
        self,
        learning_rate: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        if not (math.isfinite(learning_rate) and learning_rate > 0):
            raise ValueError(f"SGD: learning_rate must be positive, got {learning_rate}")
        if not 0 <= momentum < 1:
            raise ValueError(f"SGD: momentum must be from 0 to below 1, got {momentum}")
        if not (math.isfinite(weight_decay) and weight_decay >= 0):
            raise ValueError(f"SGD: weight_decay must not be negative, got {weight_decay}")
        if nesterov and momentum == 0:
            raise ValueError("SGD: nesterov needs a momentum above 0")
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay
        self.velocity: dict[str, FloatArray] = {}

    def step(self, model: Trainable) -> None:
        """Move every parameter of the model once, by the gradients it holds now."""
        # Python floats: a NumPy float64 would turn float32 arrays into float64 ones.
        learning_rate, momentum = float(self.learning_rate), float(self.momentum)
        grads = model.grads
        for name, w in model.params.items():
            g = grads[name]
            if self.weight_decay and w.ndim > 1:
                g = g + float(self.weight_decay) * w
            if momentum:
                if name not in self.velocity:
                    self.velocity[name] = np.zeros_like(w)
                v = self.velocity[name]
                v *= momentum
                v += g
                g = g + momentum * v if self.nesterov else v
            w -= learning_rate * g
