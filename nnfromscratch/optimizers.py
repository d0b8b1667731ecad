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


class Optimizer:
    """What all optimizers share: the loop over parameters, weight decay, and their memory.

    Each rule says, in `direction`, what its learning rate is to be multiplied with:

    g = dw + weight_decay w    (weights only: arrays of two dimensions, so never biases)
    w = w - learning_rate direction(g)

    `weight_decay` is the coefficient in loss + weight_decay / 2 Σ w². An optimizer remembers past
    steps by the parameters' names, so a new model needs a new optimizer.

    Args:
        learning_rate: the step size, positive; `fit` lets a schedule change it.
        weight_decay: strength of the L2 penalty, not negative.

    Raises:
        ValueError: a setting is out of its range.
    """

    decoupled = False
    """Whether the decay stays out of g, and learning_rate weight_decay w is taken off w itself."""

    def __init__(self, learning_rate: float, weight_decay: float = 0.0) -> None:
        name = type(self).__name__
        if not 0 < check_number(name, "learning_rate", learning_rate) < math.inf:
            raise ValueError(f"{name}: learning_rate must be positive, got {learning_rate}")
        if not 0 <= check_number(name, "weight_decay", weight_decay) < math.inf:
            raise ValueError(f"{name}: weight_decay must not be negative, got {weight_decay}")
        self.learning_rate = float(learning_rate)
        self.weight_decay = float(weight_decay)
        self.steps = 0
        self.memory: dict[str, FloatArray] = {}
        """Averages over past steps, such as "velocity w1"; empty until the first step."""

    def __repr__(self) -> str:
        """Return the rule and its settings, such as `RMSProp(learning_rate=0.001, ...)`."""
        own = {key: value for key, value in vars(self).items() if key not in ("steps", "memory")}
        return f"{type(self).__name__}({', '.join(f'{key}={own[key]}' for key in own)})"

    @ieee
    def step(self, model: Trainable) -> None:
        """Move every parameter of the model once, by the gradients it holds now.

        Raises:
            ShapeError: a gradient, or an average kept from another model, has another shape.
            TypeError: model has no parameters and gradients, or they are not arrays of floats.
        """
        checked_gradients = self._checked_gradients(model)
        self.steps += 1
        # Python floats: a NumPy float64 would turn float32 arrays into float64 ones.
        learning_rate, weight_decay = float(self.learning_rate), float(self.weight_decay)
        for name, w, g in checked_gradients:
            if weight_decay and w.ndim > 1:
                if self.decoupled:
                    w -= learning_rate * weight_decay * w
                else:
                    g = g + weight_decay * w
            w -= learning_rate * self.direction(name, g)

    def _checked_gradients(self, model: Trainable) -> list[tuple[str, FloatArray, FloatArray]]:
        """Return name, parameter and gradient, all of them checked before the first is changed."""
        step = f"{type(self).__name__}.step"
        params, grads = getattr(model, "params", None), getattr(model, "grads", None)
        if not (isinstance(params, dict) and isinstance(grads, dict)):
            raise TypeError(
                f"{step}: model must have params and grads, as a Sequential has, got "
                f"{type(model).__name__}"
            )
        for name, w in params.items():
            if not (isinstance(w, np.ndarray) and w.dtype.kind in "fc" and w.flags.writeable):
                raise TypeError(
                    f"{step}: model.params[{name!r}] must be a writeable array of floats"
                )
            g = grads.get(name)
            if not (isinstance(g, np.ndarray) and np.can_cast(g.dtype, w.dtype, "same_kind")):
                raise TypeError(f"{step}: model.grads[{name!r}] must be an array of {w.dtype}")
            check_shape(f"{step}: model.grads[{name!r}]", g, w.shape)
        for key, average in self.memory.items():
            name = key.split(" ", 1)[1]
            w = params.get(name)
            if w is None or w.shape != average.shape or w.dtype != average.dtype:
                found = "none" if w is None else f"{w.shape} {w.dtype}"
                raise ShapeError(
                    f"{step}: model has {name} {found}, but this optimizer has stepped another "
                    f"model, with {average.shape} {average.dtype}; make one for each model"
                )
        # Averages are kept in the parameter's dtype, whatever the gradient's.
        return [(name, w, grads[name].astype(w.dtype, copy=False)) for name, w in params.items()]

    def direction(self, name: str, g: FloatArray) -> FloatArray:
        """Return the direction of the step for the parameter called `name`."""
        raise NotImplementedError

    def average(self, kind: str, name: str, value: FloatArray, keep: float, add: float):
        """Update and return a running average: keep times the old one, plus add times value."""
        key = f"{kind} {name}"
        average = self.memory.get(key)
        if average is None:
            average = self.memory[key] = np.zeros_like(value)
        average *= keep
        average += value if add == 1 else add * value
        return average


class SGD(Optimizer):
    """Stochastic gradient descent with momentum.

    v = momentum v + g
    direction = v, or, with nesterov, g + momentum v

    Args:
        learning_rate: the step size, positive.
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
        super().__init__(learning_rate, weight_decay)
        self.momentum = _share("SGD", "momentum", momentum)
        if not isinstance(nesterov, bool | np.bool_):
            raise TypeError(f"SGD: nesterov must be True or False, got {nesterov!r}")
        if nesterov and momentum == 0:
            raise ValueError("SGD: nesterov needs a momentum above 0")
        self.nesterov = bool(nesterov)

    def direction(self, name: str, g: FloatArray) -> FloatArray:
        """Return the gradient, or with momentum the velocity."""
        if not self.momentum:
            return g
        v = self.average("velocity", name, g, self.momentum, 1)
        return g + self.momentum * v if self.nesterov else v


class RMSProp(Optimizer):
    """Divide each gradient by the recent size of the gradients in the same place.

    s = decay s + (1 - decay) g²
    direction = g / (sqrt(s) + epsilon)

    Args:
        learning_rate: the step size, positive.
        decay: how much of the average is kept, from 0 to below 1.
        epsilon: keeps the quotient finite, positive.
        weight_decay: strength of the L2 penalty, not negative.

    Raises:
        ValueError: a setting is out of its range.

    Source: Tieleman and Hinton, Neural networks for machine learning, lecture 6e (2012).
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        decay: float = 0.9,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, weight_decay)
        self.decay = _share("RMSProp", "decay", decay)
        self.epsilon = _positive("RMSProp", "epsilon", epsilon)

    def direction(self, name: str, g: FloatArray) -> FloatArray:
        """Return the gradient in units of its recent size."""
        s = self.average("square", name, g * g, self.decay, 1 - self.decay)
        return g / (np.sqrt(s) + self.epsilon)


class Adam(Optimizer):
    """Momentum and RMSProp together, both corrected for their start at zero.

    m = beta1 m + (1 - beta1) g,  s = beta2 s + (1 - beta2) g²
    m̂ = m / (1 - beta1^t),  ŝ = s / (1 - beta2^t)
    direction = m̂ / (sqrt(ŝ) + epsilon)

    Args:
        learning_rate: the step size, positive.
        beta1: how much of the average gradient is kept, from 0 to below 1.
        beta2: how much of the average square is kept, from 0 to below 1.
        epsilon: keeps the quotient finite, positive.
        weight_decay: strength of the L2 penalty, not negative.

    Raises:
        ValueError: a setting is out of its range.

    Source: Kingma and Ba, Adam: a method for stochastic optimization (2015), algorithm 1.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, weight_decay)
        self.beta1 = _share(type(self).__name__, "beta1", beta1)
        self.beta2 = _share(type(self).__name__, "beta2", beta2)
        self.epsilon = _positive(type(self).__name__, "epsilon", epsilon)

    def direction(self, name: str, g: FloatArray) -> FloatArray:
        """Return the average gradient in units of its size."""
        m = self.average("mean", name, g, self.beta1, 1 - self.beta1)
        s = self.average("square", name, g * g, self.beta2, 1 - self.beta2)
        m_hat = m / (1 - self.beta1**self.steps)
        s_hat = s / (1 - self.beta2**self.steps)
        return m_hat / (np.sqrt(s_hat) + self.epsilon)


class AdamW(Adam):
    """Adam with the weight decay outside the averages, so that it is not divided by them.

    w = w - learning_rate (direction(dw) + weight_decay w)

    Args:
        learning_rate: the step size, positive.
        beta1: how much of the average gradient is kept, from 0 to below 1.
        beta2: how much of the average square is kept, from 0 to below 1.
        epsilon: keeps the quotient finite, positive.
        weight_decay: strength of the decay, not negative.

    Raises:
        ValueError: a setting is out of its range.

    Source: Loshchilov and Hutter, Decoupled weight decay regularization (2019), algorithm 2.
    """

    decoupled = True

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, epsilon, weight_decay)


def _share(optimizer: str, name: str, value: float) -> float:
    if not 0 <= check_number(optimizer, name, value) < 1:
        raise ValueError(f"{optimizer}: {name} must be from 0 to below 1, got {value}")
    return float(value)


def _positive(optimizer: str, name: str, value: float) -> float:
    if not 0 < check_number(optimizer, name, value) < math.inf:
        raise ValueError(f"{optimizer}: {name} must be positive, got {value}")
    return float(value)
