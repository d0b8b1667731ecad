"""Layers: objects that remember what their backward needs; `functional` does the numbers.

Every layer has `forward(x, training=False)`, `backward(d_out)`, `params` and `grads`, two dicts
with the same keys. `backward` belongs to the latest `forward`.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from . import functional
from .initializers import he_normal
from .shapes import FloatArray, check_float_dtype, check_positive_integer, check_shape


class Layer:
    """A step of a network without parameters, until a subclass says otherwise."""

    def __init__(self) -> None:
        self.params: dict[str, FloatArray] = {}
        self.grads: dict[str, FloatArray] = {}

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
