"""Optimizers: rules that turn gradients into steps. They change a model's parameters in place."""

import math
from typing import Protocol

import numpy as np

from .functional import ieee
from .shapes import FloatArray, ShapeError, check_number, check_shape


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
        TypeError: a setting is not a number, or nesterov not True or False.
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
        if not 0 < check_number("SGD", "learning_rate", learning_rate) < math.inf:
            raise ValueError(f"SGD: learning_rate must be positive, got {learning_rate}")
        if not 0 <= check_number("SGD", "momentum", momentum) < 1:
            raise ValueError(f"SGD: momentum must be from 0 to below 1, got {momentum}")
        if not 0 <= check_number("SGD", "weight_decay", weight_decay) < math.inf:
            raise ValueError(f"SGD: weight_decay must not be negative, got {weight_decay}")
        if not isinstance(nesterov, bool | np.bool_):
            raise TypeError(f"SGD: nesterov must be True or False, got {nesterov!r}")
        if nesterov and momentum == 0:
            raise ValueError("SGD: nesterov needs a momentum above 0")
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay
        self.velocity: dict[str, FloatArray] = {}

    @ieee
    def step(self, model: Trainable) -> None:
        """Move every parameter of the model once, by the gradients it holds now.

        Raises:
            ShapeError: a gradient, or the momentum kept from another model, has another shape.
            TypeError: model has no parameters and gradients, or they are not arrays of floats.
        """
        # Python floats: a NumPy float64 would turn float32 arrays into float64 ones.
        learning_rate, momentum = float(self.learning_rate), float(self.momentum)
        for name, w, g in _checked_gradients(model, self.velocity):
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


def _checked_gradients(
    model: Trainable, velocity: dict[str, FloatArray]
) -> list[tuple[str, FloatArray, FloatArray]]:
    """Return name, parameter and gradient, all of them checked before the first is changed."""
    params, grads = getattr(model, "params", None), getattr(model, "grads", None)
    if not (isinstance(params, dict) and isinstance(grads, dict)):
        raise TypeError(
            "SGD.step: model must have params and grads, as a Sequential has, got "
            f"{type(model).__name__}"
        )
    for name, w in params.items():
        if not (isinstance(w, np.ndarray) and w.dtype.kind in "fc" and w.flags.writeable):
            raise TypeError(f"SGD.step: model.params[{name!r}] must be a writeable array of floats")
        g = grads.get(name)
        if not (isinstance(g, np.ndarray) and np.can_cast(g.dtype, w.dtype, "same_kind")):
            raise TypeError(f"SGD.step: model.grads[{name!r}] must be an array of {w.dtype}")
        check_shape(f"SGD.step: model.grads[{name!r}]", g, w.shape)
        v = velocity.get(name, w)
        if v.shape != w.shape or v.dtype != w.dtype:
            raise ShapeError(
                f"SGD.step: model has {name} {w.shape} {w.dtype}, but the momentum is that of "
                f"another model, {v.shape} {v.dtype}; make an SGD for each model"
            )
    return [(name, w, grads[name]) for name, w in params.items()]
