"""Layers: objects that keep what their backward needs; `functional` does the numbers.

Every layer has `forward(x, training=False)`, `backward(d_out)`, `params` and `grads`, two dicts
with the same keys. `backward` belongs to the latest `forward`, whose `cache` it uses.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from . import functional
from ._guards import finite, float_dtype, from_0_below_1, function_of, generator, positive, whole
from .contracts import FloatArray, check_shape, shapes
from .initializers import he_normal


class Layer:
    """A step of a network without parameters, until a subclass says otherwise."""

    params: dict[str, FloatArray]
    grads: dict[str, FloatArray]
    buffers: dict[str, FloatArray]
    """Arrays that belong to the layer and are saved with it, but are not learned."""
    cache: Any
    """What the latest forward pass kept for its backward pass."""
    need_dx: bool
    """False while the layer is first in training: nothing uses its gradient by x."""

    def __new__(cls, *args: Any, **kwargs: Any) -> "Layer":
        """Make a layer without parameters; a subclass need not call super().__init__()."""
        self = super().__new__(cls)
        self.params, self.grads, self.buffers = {}, {}, {}
        self.cache, self.need_dx = None, True
        return self

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """Compute the outputs for the inputs x, and keep in `cache` what `backward` will need."""
        raise NotImplementedError

    def backward(self, d_out: FloatArray) -> FloatArray | None:
        """Store the gradients by the parameters in `grads`; return the gradient by the inputs."""
        raise NotImplementedError

    def kept(self) -> Any:
        """Return the cache, or raise RuntimeError if there has been no forward pass."""
        if self.cache is None:
            raise RuntimeError(f"{type(self).__name__}.backward: call forward first")
        return self.cache

    def __repr__(self) -> str:
        """Return the layer as one would write it, such as `ReLU()`."""
        return f"{type(self).__name__}()"


def generators_of(layer: Layer) -> list[np.random.Generator]:
    """Return the generators that a layer draws from, whatever it calls them."""
    return [value for value in vars(layer).values() if isinstance(value, np.random.Generator)]


class Linear(Layer):
    """Affine layer, z = x w + b: see `functional.linear`.

    Weights come from initializer((in_features, out_features), rng=rng, dtype=dtype), biases start
    at zero. dtype is float32 or float64.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        rng: np.random.Generator,
        initializer: Callable[..., FloatArray] = he_normal,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        shape = (
            whole("Linear", in_features=in_features),
            whole("Linear", out_features=out_features),
        )
        dtype = float_dtype("Linear", dtype)
        w = function_of("Linear", initializer=initializer)(shape, rng=rng, dtype=dtype)
        check_shape("Linear: the result of initializer", w, shape)
        if not isinstance(w, np.ndarray) or w.dtype != dtype:
            got = getattr(w, "dtype", type(w).__name__)
            raise TypeError(f"Linear: initializer must return an array of {dtype}, got {got}")
        self.params = {"w": w.copy(), "b": np.zeros(shape[1], dtype)}
        self.grads = {name: np.zeros_like(array) for name, array in self.params.items()}

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """Return z (N, K) for x (N, D)."""
        z = functional.linear(x, self.params["w"], self.params["b"])
        self.cache = x
        return z

    def backward(self, d_out: FloatArray) -> FloatArray | None:
        """Return dx (N, D) for dz (N, K)."""
        x, w = self.kept(), self.params["w"]
        dx, dw, db = functional.linear_backward(d_out, x, w, need_dx=self.need_dx)
        self.grads = {"w": dw, "b": db}
        return dx

    def __repr__(self) -> str:
        """Return the layer as one would write it, such as `Linear(784, 300)`."""
        in_features, out_features = self.params["w"].shape
        return f"Linear({in_features}, {out_features})"


class ReLU(Layer):
    """Rectified linear units: see `functional.relu`."""

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """Return max(x, 0) entry by entry."""
        a = functional.relu(x)
        self.cache = x
        return a

    def backward(self, d_out: FloatArray) -> FloatArray:
        """Return d_out where the input was positive, and 0 elsewhere."""
        return functional.relu_backward(d_out, self.kept())


class Sigmoid(Layer):
    """Logistic sigmoid units: see `functional.sigmoid`."""

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """Return 1 / (1 + exp(-x)) entry by entry."""
        self.cache = functional.sigmoid(x)
        return self.cache.copy()

    def backward(self, d_out: FloatArray) -> FloatArray:
        """Return d_out a (1 - a)."""
        return functional.sigmoid_backward(d_out, self.kept())


class Tanh(Layer):
    """Hyperbolic tangent units: see `functional.tanh`."""

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """Return tanh(x) entry by entry."""
        self.cache = functional.tanh(x)
        return self.cache.copy()

    def backward(self, d_out: FloatArray) -> FloatArray:
        """Return d_out (1 - a²)."""
        return functional.tanh_backward(d_out, self.kept())


class LeakyReLU(Layer):
    """Leaky rectified linear units, with a slope below zero: see `functional.leaky_relu`."""

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = finite("LeakyReLU", slope=slope)

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """Return x where it is positive, and slope x elsewhere."""
        a = functional.leaky_relu(x, self.slope)
        self.cache = x
        return a

    def backward(self, d_out: FloatArray) -> FloatArray:
        """Return d_out where the input was positive, and slope d_out elsewhere."""
        return functional.leaky_relu_backward(d_out, self.kept(), self.slope)

    def __repr__(self) -> str:
        """Return the layer as one would write it."""
        return f"LeakyReLU({self.slope:g})"


class Softmax(Layer):
    """Probabilities from logits: see `functional.softmax`.

    The last layer before `softmax_cross_entropy` needs none: that loss takes logits.
    """

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """Return probabilities (N, C) for logits (N, C)."""
        self.cache = functional.softmax(x)
        return self.cache.copy()

    def backward(self, d_out: FloatArray) -> FloatArray:
        """Return the gradient by the logits."""
        return functional.softmax_backward(d_out, self.kept())


class Dropout(Layer):
    """In training, silence each unit of each example with probability `rate`, from 0 to below 1.

    y = x mask / (1 - rate), mask 1 with probability 1 - rate, else 0

    Dividing by 1 - rate keeps the mean, so that outside training the layer does nothing.

    Source: Srivastava et al., Dropout (2014), section 10 for the division during training.
    """

    def __init__(self, rate: float, *, rng: np.random.Generator) -> None:
        self.rate = from_0_below_1("Dropout", rate=rate)
        self.rng = generator("Dropout", rng)

    @shapes("x: ... -> ...")
    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """Return x with some units silenced in training, and x itself otherwise."""
        mask = np.ones_like(x)
        if training and self.rate:
            silent = self.rng.random(x.shape, dtype=np.float32) < self.rate
            mask[silent] = 0
            mask /= 1 - self.rate
        self.cache = mask
        return x * mask

    @shapes("d_out: ... -> ...")
    def backward(self, d_out: FloatArray) -> FloatArray:
        """Return d_out through the mask of the forward pass."""
        mask = self.kept()
        check_shape("Dropout.backward: d_out", d_out, mask.shape)
        return d_out * mask

    def __repr__(self) -> str:
        """Return the layer as one would write it."""
        return f"Dropout({self.rate:g})"


class BatchNorm(Layer):
    """Normalize each of the D features over the batch: see `functional.batch_norm`.

    In training it uses the batch's own mean and variance and keeps running averages of them, of
    which momentum (from 0 to below 1) is kept at each step; otherwise it uses those averages, and
    each example is on its own. epsilon keeps the root away from zero.
    """

    def __init__(
        self,
        features: int,
        *,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        features = whole("BatchNorm", features=features)
        self.momentum = from_0_below_1("BatchNorm", momentum=momentum)
        self.epsilon = positive("BatchNorm", epsilon=epsilon)
        dtype = float_dtype("BatchNorm", dtype)
        self.params = {"gamma": np.ones(features, dtype), "beta": np.zeros(features, dtype)}
        self.grads = {name: np.zeros_like(array) for name, array in self.params.items()}
        self.buffers = {"mean": np.zeros(features, dtype), "variance": np.ones(features, dtype)}

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """Return y (N, D) for x (N, D); in training, update the running averages."""
        mean, variance = self.buffers["mean"], self.buffers["variance"]
        if training:
            mean, variance = functional.batch_statistics(x)
        gamma, beta = self.params["gamma"], self.params["beta"]
        y = functional.normalize(x, mean, variance, gamma, beta, self.epsilon)
        if training:
            self._average(mean=mean, variance=variance)
        self.cache = x, training
        return y

    def _average(self, **latest: FloatArray) -> None:
        if not all(np.isfinite(value).all() for value in latest.values()):
            return  # one nan would spoil the averages for good
        for name, value in latest.items():
            self.buffers[name] *= self.momentum
            self.buffers[name] += (1 - self.momentum) * value.real

    def backward(self, d_out: FloatArray) -> FloatArray:
        """Return dx (N, D) for dy (N, D), with the statistics that the forward pass used."""
        (x, training), gamma = self.kept(), self.params["gamma"]
        if training:
            gradients = functional.batch_norm_backward(d_out, x, gamma, self.epsilon)
        else:
            mean, variance = self.buffers["mean"], self.buffers["variance"]
            gradients = functional.normalize_backward(d_out, x, mean, variance, gamma, self.epsilon)
        dx, dgamma, dbeta = gradients
        self.grads = {"gamma": dgamma, "beta": dbeta}
        return dx

    def __repr__(self) -> str:
        """Return the layer as one would write it."""
        return f"BatchNorm({len(self.params['gamma'])})"
