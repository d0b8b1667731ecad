"""Layers: objects that remember what their backward needs; `functional` does the numbers.

Every layer has `forward(x, training=False)`, `backward(d_out)`, `params` and `grads`, two dicts
with the same keys. `backward` belongs to the latest `forward`.
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from . import functional
from .initializers import he_normal
from .shapes import (
    FloatArray,
    as_float_array,
    check_finite,
    check_float_dtype,
    check_number,
    check_positive_integer,
    check_rng,
    check_shape,
    checked,
)


class Layer:
    """A step of a network without parameters, until a subclass says otherwise."""

    def __init__(self) -> None:
        self.params: dict[str, FloatArray] = {}
        self.grads: dict[str, FloatArray] = {}
        self.buffers: dict[str, FloatArray] = {}
        """Arrays that belong to the layer and are saved with it, but are not learned."""

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """Compute the outputs for the inputs x, and remember what `backward` will need."""
        raise NotImplementedError

    def backward(self, d_out: FloatArray) -> FloatArray:
        """Store the gradients by the parameters in `grads`; return the gradient by the inputs."""
        raise NotImplementedError

    def __repr__(self) -> str:
        """Return the layer as one would write it, such as `ReLU()`."""
        return f"{type(self).__name__}()"

    def _remembered(self, name: str) -> FloatArray:
        value = getattr(self, name, None)
        if value is None:
            raise RuntimeError(f"{type(self).__name__}.backward: call forward first")
        return value


class Linear(Layer):
    """Affine layer, z = x w + b: see `functional.linear`.

    Args:
        inputs: D, the size of an example on the way in.
        outputs: K, its size on the way out.
        rng: where the randomness of the weights comes from.
        initializer: a function of (D, K), rng and dtype; biases start at zero.
        dtype: float32 or float64.

    Raises:
        ShapeError: the initializer returns another shape than (D, K).
        TypeError: an argument, or what the initializer returns, is of the wrong type.
        ValueError: a size is below 1.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        rng: np.random.Generator,
        initializer: Callable[..., FloatArray] = he_normal,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        inputs = check_positive_integer("Linear", "inputs", inputs)
        outputs = check_positive_integer("Linear", "outputs", outputs)
        dtype = check_float_dtype("Linear", dtype)
        if not callable(initializer):
            raise TypeError(
                f"Linear: initializer must be a function such as he_normal, got {initializer!r}"
            )
        w = initializer((inputs, outputs), rng=rng, dtype=dtype)
        check_shape("Linear: the result of initializer", w, (inputs, outputs))
        if not (isinstance(w, np.ndarray) and w.dtype == dtype):
            got = getattr(w, "dtype", type(w).__name__)
            raise TypeError(f"Linear: initializer must return an array of {dtype}, got {got}")
        self.params = {"w": w, "b": np.zeros(outputs, dtype=dtype)}
        self.grads = {name: np.zeros_like(array) for name, array in self.params.items()}

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """Return z (N, K) for x (N, D)."""
        z = functional.linear(x, self.params["w"], self.params["b"])
        self.x = x
        return z

    def backward(self, d_out: FloatArray, *, need_dx: bool = True) -> FloatArray | None:
        """Return dx (N, D) for dz (N, K); None if need_dx is False, as below the first layer."""
        dx, self.grads["w"], self.grads["b"] = functional.linear_backward(
            d_out, self._remembered("x"), self.params["w"], need_dx=need_dx
        )
        return dx

    def __repr__(self) -> str:
        """Return the layer as one would write it, such as `Linear(784, 300)`."""
        inputs, outputs = self.params["w"].shape
        return f"Linear({inputs}, {outputs})"


class ReLU(Layer):
    """Rectified linear units: see `functional.relu`."""

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """Return max(x, 0) entry by entry."""
        a = functional.relu(x)
        self.z = x
        return a

    def backward(self, d_out: FloatArray) -> FloatArray:
        """Return d_out where the input was positive, and 0 elsewhere."""
        return functional.relu_backward(d_out, self._remembered("z"))


class Sigmoid(Layer):
    """Logistic sigmoid units: see `functional.sigmoid`."""

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """Return 1 / (1 + exp(-x)) entry by entry."""
        self.a = functional.sigmoid(x)
        return self.a

    def backward(self, d_out: FloatArray) -> FloatArray:
        """Return d_out a (1 - a)."""
        return functional.sigmoid_backward(d_out, self._remembered("a"))


class Tanh(Layer):
    """Hyperbolic tangent units: see `functional.tanh`."""

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """Return tanh(x) entry by entry."""
        self.a = functional.tanh(x)
        return self.a

    def backward(self, d_out: FloatArray) -> FloatArray:
        """Return d_out (1 - a²)."""
        return functional.tanh_backward(d_out, self._remembered("a"))


class LeakyReLU(Layer):
    """Leaky rectified linear units: see `functional.leaky_relu`.

    Args:
        slope: the slope below zero.

    Raises:
        TypeError: slope is not a number.
        ValueError: slope is not finite.
    """

    def __init__(self, slope: float = 0.01) -> None:
        super().__init__()
        self.slope = check_finite("LeakyReLU", "slope", slope)

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """Return x where it is positive, and slope x elsewhere."""
        a = functional.leaky_relu(x, self.slope)
        self.z = x
        return a

    def backward(self, d_out: FloatArray) -> FloatArray:
        """Return d_out where the input was positive, and slope d_out elsewhere."""
        return functional.leaky_relu_backward(d_out, self._remembered("z"), self.slope)

    def __repr__(self) -> str:
        """Return the layer as one would write it."""
        return f"LeakyReLU({self.slope:g})"


class Softmax(Layer):
    """Probabilities from logits: see `functional.softmax`.

    The last layer before `softmax_cross_entropy` needs none: that loss takes logits.
    """

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """Return probabilities (N, C) for logits (N, C)."""
        self.p = functional.softmax(x)
        return self.p

    def backward(self, d_out: FloatArray) -> FloatArray:
        """Return the gradient by the logits."""
        return functional.softmax_backward(d_out, self._remembered("p"))


class Dropout(Layer):
    """In training, silence each unit of each example with probability `rate`.

    y = x mask / (1 - rate), mask 1 with probability 1 - rate, else 0

    Dividing by 1 - rate keeps the mean, so that outside training the layer does nothing.

    Args:
        rate: the probability of silence, from 0 to below 1.
        rng: where the masks come from.

    Raises:
        TypeError: rate is not a number, or rng not a numpy.random.Generator.
        ValueError: rate is out of its range.

    Source: Srivastava et al., Dropout (2014), section 10 for the division during training.
    """

    def __init__(self, rate: float, *, rng: np.random.Generator) -> None:
        super().__init__()
        if not 0 <= check_number("Dropout", "rate", rate) < 1:
            raise ValueError(f"Dropout: rate must be from 0 to below 1, got {rate}")
        check_rng("Dropout", rng)
        self.rate = float(rate)
        self.rng = rng

    @functional.ieee
    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """Return x with some units silenced in training, and x itself otherwise."""
        x = as_float_array("Dropout.forward", "x", x)
        if training and self.rate:
            keep = self.rng.random(x.shape, dtype=np.float32) >= self.rate
            self.mask = keep.astype(x.dtype) / (1 - self.rate)
        else:
            self.mask = np.ones_like(x)
        return x * self.mask

    @functional.ieee
    def backward(self, d_out: FloatArray) -> FloatArray:
        """Return d_out through the mask of the forward pass."""
        mask = self._remembered("mask")
        mask, d_out = checked("Dropout.backward", mask=(mask, None), d_out=(d_out, mask))
        return d_out * mask

    def __repr__(self) -> str:
        """Return the layer as one would write it."""
        return f"Dropout({self.rate:g})"


class BatchNorm(Layer):
    """Normalize each feature over the batch: see `functional.batch_norm`.

    In training it uses the batch's own mean and variance and keeps running averages of them;
    otherwise it uses those averages, and each example is on its own.

    Args:
        features: D, the size of an example.
        momentum: how much of the running averages is kept at each step, from 0 to below 1.
        epsilon: keeps the root away from zero.
        dtype: float32 or float64.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a setting is out of its range.
    """

    def __init__(
        self,
        features: int,
        *,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        features = check_positive_integer("BatchNorm", "features", features)
        if not 0 <= check_number("BatchNorm", "momentum", momentum) < 1:
            raise ValueError(f"BatchNorm: momentum must be from 0 to below 1, got {momentum}")
        dtype = check_float_dtype("BatchNorm", dtype)
        if not 0 < check_number("BatchNorm", "epsilon", epsilon) < math.inf:
            raise ValueError(f"BatchNorm: epsilon must be positive, got {epsilon}")
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.params = {"gamma": np.ones(features, dtype), "beta": np.zeros(features, dtype)}
        self.grads = {name: np.zeros_like(array) for name, array in self.params.items()}
        self.buffers = {"mean": np.zeros(features, dtype), "variance": np.ones(features, dtype)}

    @functional.ieee
    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """Return y (N, D) for x (N, D); in training, update the running averages."""
        x = as_float_array("BatchNorm.forward", "x", x)
        gamma, beta = self.params.values()
        mean, variance = self.buffers.values()
        if training:
            y = functional.batch_norm(x, gamma, beta, self.epsilon)
            for average, now in ((mean, x.mean(axis=0).real), (variance, x.var(axis=0))):
                average *= self.momentum
                average += (1 - self.momentum) * now
            self.x = x
        else:
            x, mean = checked("BatchNorm.forward", x=(x, "ND"), mean=(mean, "D"))
            self.x = (x - mean) / np.sqrt(variance + self.epsilon)
            y = gamma * self.x + beta
        self.training = training
        return y

    @functional.ieee
    def backward(self, d_out: FloatArray) -> FloatArray:
        """Return dx (N, D) for dy (N, D), with the statistics that the forward pass used."""
        x, gamma = self._remembered("x"), self.params["gamma"]
        if self.training:
            dx, self.grads["gamma"], self.grads["beta"] = functional.batch_norm_backward(
                d_out, x, gamma, self.epsilon
            )
            return dx
        x, d_out = checked("BatchNorm.backward", x=(x, "ND"), d_out=(d_out, "ND"))
        self.grads["gamma"], self.grads["beta"] = (d_out * x).sum(axis=0), d_out.sum(axis=0)
        return d_out * (gamma / np.sqrt(self.buffers["variance"] + self.epsilon))

    def __repr__(self) -> str:
        """Return the layer as one would write it."""
        return f"BatchNorm({len(self.params['gamma'])})"
