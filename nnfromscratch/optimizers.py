"""Optimizers: rules that turn gradients into steps. They change a model's parameters in place."""

from collections import defaultdict
from typing import Any, Protocol

import numpy as np

from ._guards import from_0_below_1, not_negative, positive
from .contracts import FloatArray, check_shape, shapes
from .errors import ShapeError

State = dict[str, FloatArray]
"""What an optimizer keeps for one parameter, such as {"velocity": v}."""


class Trainable(Protocol):
    """Anything with parameters and their gradients under the same names."""

    @property
    def params(self) -> dict[str, FloatArray]:
        """The arrays that are learned."""

    @property
    def grads(self) -> dict[str, FloatArray]:
        """The gradient of the loss by each."""


class Optimizer:
    """What all optimizers share: the loop over parameters, weight decay, and the state they keep.

    Each rule says, in `direction`, what its learning rate is to be multiplied with:

    g = dw + weight_decay w    (weights only: arrays of two dimensions, so never biases)
    w = w - learning_rate direction(g)

    learning_rate is positive; `fit` lets a schedule change it. weight_decay, not negative, is the
    coefficient in loss + weight_decay / 2 Σ w². State is kept by the parameters' names, such as
    state["w1"]["velocity"], so a new model needs a new optimizer.
    """

    decoupled = False
    """Whether the decay stays out of g, and learning_rate weight_decay w is taken off w itself."""

    def __init__(self, learning_rate: float, weight_decay: float = 0.0) -> None:
        name = type(self).__name__
        self.learning_rate = positive(name, learning_rate=learning_rate)
        self.weight_decay = not_negative(name, weight_decay=weight_decay)
        self.steps = 0
        self.state: dict[str, State] = defaultdict(dict)

    def step(self, model: Trainable) -> None:
        """Move every parameter of the model once, by the gradients it holds now."""
        gradients = _checked_gradients(self, model)
        self.steps += 1
        # Python floats: a NumPy float64 would turn float32 arrays into float64 ones.
        learning_rate, weight_decay = float(self.learning_rate), float(self.weight_decay)
        for name, w in model.params.items():
            g, decay = gradients[name], weight_decay if w.ndim > 1 else 0.0
            if decay and not self.decoupled:
                g = g + decay * w
            direction = self.direction(g, self.state[name])
            check_shape(f"{type(self).__name__}.direction of {name}", direction, w.shape)
            with np.errstate(over="ignore", invalid="ignore"):
                if decay and self.decoupled:
                    w -= learning_rate * decay * w
                w -= learning_rate * direction

    def direction(self, g: FloatArray, state: State) -> FloatArray:
        """Return the direction of one parameter's step, given its gradient and its state."""
        raise NotImplementedError

    def settings(self) -> dict[str, Any]:
        """Return the rule's name and its settings, without what it has kept from its steps."""
        kept = ("steps", "state")
        own = {key: value for key, value in vars(self).items() if key not in kept}
        return {"name": type(self).__name__, **own}

    def __repr__(self) -> str:
        """Return the rule and its settings, such as `RMSProp(learning_rate=0.001, ...)`."""
        return settings_text(self.settings())


def settings_text(settings: dict[str, Any]) -> str:
    """Write settings as the call that makes them: `SGD(learning_rate=0.1, ...)`."""
    shown = ", ".join(f"{key}={value}" for key, value in settings.items() if key != "name")
    return f"{settings['name']}({shown})"


def running(state: State, name: str, value: FloatArray, keep: float, add: float) -> FloatArray:
    """Update a running sum or average: keep times the old one, from 0, plus add times value."""
    if name not in state:
        state[name] = np.zeros_like(value)
    state[name] *= keep
    state[name] += value if add == 1 else add * value
    return state[name]


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum from 0 to below 1.

    v = momentum v + g
    direction = v, or, with nesterov, g + momentum v

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
        self.momentum = from_0_below_1("SGD", momentum=momentum)
        if not isinstance(nesterov, bool | np.bool_):
            raise TypeError(f"SGD: nesterov must be True or False, got {nesterov!r}")
        if nesterov and momentum == 0:
            raise ValueError("SGD: nesterov needs a momentum above 0")
        self.nesterov = bool(nesterov)

    @shapes("g: ... -> ...")
    def direction(self, g: FloatArray, state: State) -> FloatArray:
        """Return the gradient, or with momentum the velocity."""
        if not self.momentum:
            return g
        v = running(state, "velocity", g, self.momentum, 1)
        return g + self.momentum * v if self.nesterov else v


class RMSProp(Optimizer):
    """Divide each gradient by the recent size of the gradients in the same place.

    s = decay s + (1 - decay) g²
    direction = g / (sqrt(s) + epsilon)

    decay is from 0 to below 1; epsilon, positive, keeps the quotient finite.

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
        self.decay = from_0_below_1("RMSProp", decay=decay)
        self.epsilon = positive("RMSProp", epsilon=epsilon)

    @shapes("g: ... -> ...")
    def direction(self, g: FloatArray, state: State) -> FloatArray:
        """Return the gradient in units of its recent size."""
        s = running(state, "square", g * g, self.decay, 1 - self.decay)
        return g / (np.sqrt(s) + self.epsilon)


class Adam(Optimizer):
    """Momentum and RMSProp together, both corrected for their start at zero.

    m = beta1 m + (1 - beta1) g,  s = beta2 s + (1 - beta2) g²
    m̂ = m / (1 - beta1^t),  ŝ = s / (1 - beta2^t)
    direction = m̂ / (sqrt(ŝ) + epsilon)

    beta1 and beta2 are from 0 to below 1; epsilon, positive, keeps the quotient finite.

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
        self.beta1 = from_0_below_1(type(self).__name__, beta1=beta1)
        self.beta2 = from_0_below_1(type(self).__name__, beta2=beta2)
        self.epsilon = positive(type(self).__name__, epsilon=epsilon)

    @shapes("g: ... -> ...")
    def direction(self, g: FloatArray, state: State) -> FloatArray:
        """Return the average gradient in units of its size."""
        m = running(state, "mean", g, self.beta1, 1 - self.beta1)
        s = running(state, "square", g * g, self.beta2, 1 - self.beta2)
        m_hat = m / (1 - self.beta1**self.steps)
        s_hat = s / (1 - self.beta2**self.steps)
        return m_hat / (np.sqrt(s_hat) + self.epsilon)


class AdamW(Adam):
    """Adam with the weight decay outside the averages, so that it is not divided by them.

    w = w - learning_rate (direction(dw) + weight_decay w)

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


def _checked_gradients(optimizer: Optimizer, model: Trainable) -> dict[str, FloatArray]:
    """Return the gradients in their parameters' dtypes, all checked before the first change."""
    step = f"{type(optimizer).__name__}.step"
    params, grads = getattr(model, "params", None), getattr(model, "grads", None)
    if not (isinstance(params, dict) and isinstance(grads, dict)):
        got = type(model).__name__
        raise TypeError(f"{step}: model must have params and grads, as a Sequential has, got {got}")
    for name, w in params.items():
        if not (isinstance(w, np.ndarray) and w.dtype.kind in "fc" and w.flags.writeable):
            raise TypeError(f"{step}: model.params[{name!r}] must be a writeable array of floats")
        g = grads.get(name)
        if not (isinstance(g, np.ndarray) and np.can_cast(g.dtype, w.dtype, "same_kind")):
            raise TypeError(f"{step}: model.grads[{name!r}] must be an array of {w.dtype}")
        if g.shape != w.shape:
            check_shape(f"{step}: model.grads[{name!r}]", g, w.shape)
    for name, state in optimizer.state.items():
        for kept in state.values():
            w = params.get(name)
            if w is None or w.shape != kept.shape or w.dtype != kept.dtype:
                found = "none" if w is None else f"{w.shape} {w.dtype}"
                raise ShapeError(
                    f"{step}: model has {name} {found}, but this optimizer has stepped another "
                    f"model, with {kept.shape} {kept.dtype}; make one for each model"
                )
    return {name: grads[name].astype(w.dtype, copy=False) for name, w in params.items()}
