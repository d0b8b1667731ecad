"""Gradients measured: differences and complex steps, and a check of any backward against them."""

import copy
import inspect
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .layers import Layer
from .losses import softmax_cross_entropy
from .model import Sequential
from .shapes import FloatArray, as_float_array, check_positive_integer, check_shape

METHODS = ("central", "forward", "complex")
_EPS = float(np.finfo(np.float64).eps)


def best_step(method: str, dtype: npt.DTypeLike = np.float64) -> float:
    """The step that balances the formula's own error against rounding.

    forward: sqrt(eps); central: cbrt(eps); complex: so small that its error h² vanishes, for
    there is no difference of close numbers in it that rounding could spoil.

    Args:
        method: "forward", "central" or "complex".
        dtype: float32 or float64; eps is its relative rounding error.

    Returns:
        h, to be multiplied by max(1, |x|) for the two differences.

    Source: Nocedal and Wright, Numerical Optimization (2006), section 8.1; Squire and Trapp, Using
    complex variables to estimate derivatives of real functions (1998).
    """
    if method not in METHODS:
        raise ValueError(f"best_step: method must be one of {', '.join(METHODS)}, got {method!r}")
    eps = float(np.finfo(dtype).eps)
    return {"forward": math.sqrt(eps), "central": eps ** (1 / 3), "complex": 1e-20}[method]


def numerical_gradient(
    f: Callable[[FloatArray], float],
    x: FloatArray,
    h: float | None = None,
    method: str = "central",
) -> FloatArray:
    """Measure the gradient of a scalar function, one entry of x at a time.

    central: (f(x + h) - f(x - h)) / 2h, error of order h²
    forward: (f(x + h) - f(x)) / h, error of order h
    complex: Im f(x + ih) / h, error of order h² and no rounding; f must take complex numbers

    Args:
        f: a function of an array of the shape of x that returns one number.
        x: where to measure, any shape; not changed.
        h: the step; by default the best one for the method and the dtype of x.
        method: "central", "forward" or "complex".

    Returns:
        the gradient, with the shape and dtype of x.

    Raises:
        TypeError: x does not hold real numbers, or f drops the imaginary part of a complex step.
        ValueError: an unknown method, a step that is not positive, or f returns no single number.
    """
    x = as_float_array("numerical_gradient", "x", x)
    if x.dtype.kind == "c":
        raise TypeError("numerical_gradient: x must hold real numbers, got complex ones")
    if h is not None and not (math.isfinite(h) and h > 0):
        raise ValueError(f"numerical_gradient: h must be positive, got {h}")
    step = best_step(method, x.dtype)  # which also knows the methods
    gradient = np.empty_like(x)
    at_x = _scalar(f, x.copy()) if method == "forward" else None
    for index in np.ndindex(x.shape):
        if method == "complex":
            gradient[index] = _complex_slope(f, x, index, h or step)
        else:
            width = h or step * max(1.0, abs(float(x[index])))
            gradient[index] = _difference(f, x, index, width, at_x)
    return gradient


def _difference(f, x: FloatArray, index: tuple, width: float, at_x: float | None) -> float:
    """Slope along one entry: central, or forward where f(x) is given."""
    up, down = x.copy(), x.copy()
    up[index] += width
    if at_x is None:
        down[index] -= width
        at_x = _scalar(f, down)
    # Divided by the width as it came out in floating point, not as it was meant.
    return (_scalar(f, up) - at_x) / (up[index] - down[index])


def _complex_slope(f, x: FloatArray, index: tuple, h: float) -> float:
    moved = x.astype(np.result_type(x.dtype, np.complex64))
    moved[index] += h * 1j
    value = _scalar(f, moved)
    if not isinstance(value, complex | np.complexfloating):
        raise TypeError(
            "numerical_gradient: f returned a real number for a complex argument, so it drops the "
            "imaginary part; take method='central'"
        )
    return value.imag / h


def _scalar(f, x: FloatArray):
    value = np.asarray(f(x))
    if value.size != 1 or value.dtype.kind not in "fciu":
        raise ValueError(f"numerical_gradient: f must return one number, got shape {value.shape}")
    return value.reshape(())[()]


def relative_error(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """How far two arrays are apart, relative to their size.

    max |a - b| / max(max |a|, max |b|), and 0 if both are zero

    Measured against the largest entry, since a gradient's small entries are known only to the
    rounding of its large ones. It is symmetric, and 1 or more if the arrays have nothing in common.

    Args:
        a: an array, any shape.
        b: another one of the same shape.

    Returns:
        the relative error; infinity if either holds nan or infinity.

    Raises:
        ShapeError: the shapes differ; no broadcasting here, where it would hide a mistake.
        TypeError: an argument does not hold numbers.
    """
    a = as_float_array("relative_error", "a", a)
    b = as_float_array("relative_error", "b", b)
    check_shape("relative_error: b", b, a.shape)
    if a.size == 0:
        return 0.0
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return math.inf
    largest = max(float(np.abs(a).max()), float(np.abs(b).max()))
    return float(np.abs(a - b).max()) / largest if largest else 0.0


class GradientRow(NamedTuple):
    """What `check_gradients` found for one argument or parameter."""

    argument: str
    shape: tuple[int, ...]
    checked: int
    """How many entries were measured."""
    kinks: int
    """How many of them were left out because the loss has a kink there."""
    error: float
    """Relative error over the measured entries."""
    worst: tuple[int, ...] | None
    """Index of the entry that is furthest off, and its two values."""
    analytic: float
    numeric: float


class GradientReport(list[GradientRow]):
    """What `check_gradients` returns: a list of GradientRow that prints as a table.

    `passed` tells whether every error is within the tolerance.
    """

    def __init__(self, name: str, tolerance: float, rows: list[GradientRow]) -> None:
        super().__init__(rows)
        self.name = name
        self.tolerance = tolerance

    @property
    def passed(self) -> bool:
        """Whether every argument's gradient agrees with its measurement."""
        return all(row.error <= self.tolerance for row in self)

    def __str__(self) -> str:
        """Return a line per argument; where it is wrong, the worst entry and both values."""
        lines = [f"{self.name}: {'passed' if self.passed else 'WRONG'}"]
        for row in self:
            right = row.error <= self.tolerance
            text = f"  d{row.argument:<7} {row.shape!s:<12} {row.checked:4d} entries measured"
            text += f", {row.kinks} left out at a kink" if row.kinks else ""
            if right:
                text += f", error at most {self.tolerance:.0e}"
            elif row.worst is None:
                text += f", not the shape of {row.argument}"
            else:
                where = ", ".join(map(str, row.worst))
                text += f", error {row.error:.1e}\n    worst at [{where}]: "
                text += f"backward says {row.analytic:+.6g}, measured {row.numeric:+.6g}"
            lines.append(text)
        return "\n".join(lines)

    __repr__ = __str__


def check_gradients(
    target: Callable | Layer | Sequential,
    *arguments: npt.ArrayLike,
    backward: Callable | None = None,
    entries: int = 40,
    tolerance: float = 1e-6,
    rng: np.random.Generator | None = None,
) -> GradientReport:
    """Compare a backward pass with central differences of its forward pass, in float64.

    - a function and its backward: `check_gradients(linear, x, w, b, backward=linear_backward)`.
      The backward gets the upstream gradient, then whatever its parameters' names ask for: inputs
      of the forward function under their own names, its result under any other.
    - a loss, which returns its value and gradient: `check_gradients(softmax_cross_entropy, z, y)`
    - a layer: `check_gradients(layer, x)`, in training mode
    - a model with softmax cross-entropy: `check_gradients(model, x, y)`, in training mode

    What is not a loss is turned into one by a random weighted sum of its outputs. Everything runs
    on float64 copies; the arguments, layers and models passed in are not changed. Entries at which
    the loss has a kink (ReLU at 0), where there is no derivative to compare with, are left out
    and counted.

    Args:
        target: function, loss, layer or model.
        arguments: what the forward pass takes; integers are labels and have no gradient.
        backward: the backward of a function.
        entries: how many entries of each array to measure, chosen at random; all if it has fewer.
        tolerance: the largest relative error that passes.
        rng: chooses the entries and the weighted sum; by default the same ones every time.

    Returns:
        a GradientReport; `report.passed` is the verdict, and it prints as a table.

    Raises:
        TypeError: no backward is given and the target is neither a loss nor a layer nor a model.
    """
    entries = check_positive_integer("check_gradients", "entries", entries)
    rng = np.random.default_rng(0) if rng is None else rng
    name = getattr(target, "__name__", type(target).__name__)
    inputs = [_float64(argument) for argument in arguments]
    if isinstance(target, Layer | Sequential):
        loss, arrays, gradients = _of_network(target, inputs, rng)
    else:
        loss, arrays, gradients = _of_function(target, inputs, backward, rng)
    rows = [
        _compare(argument, array, gradients.get(argument), loss, entries, rng)
        for argument, array in arrays.items()
    ]
    return GradientReport(name, tolerance, rows)


def _float64(argument: npt.ArrayLike) -> np.ndarray:
    """Copy an argument: labels as they are, everything else as float64."""
    array = np.array(argument)
    return array if array.dtype.kind in "iub" else array.astype(np.float64)


def _of_network(target: Layer | Sequential, inputs: list, rng: np.random.Generator) -> tuple:
    network = copy.deepcopy(target)
    for layer in network.layers if isinstance(network, Sequential) else [network]:
        layer.params = {key: array.astype(np.float64) for key, array in layer.params.items()}
    x, *labels = inputs
    arrays = {"x": x.astype(np.float64), **network.params}

    def run(values: dict) -> tuple:
        # A copy each time, so that a random mask is drawn from the same state again.
        trial = copy.deepcopy(network)
        for name, array in trial.params.items():
            array[...] = values[name]
        return trial, trial.forward(values["x"].copy(), True)

    trial, out = run(arrays)
    weights = rng.normal(size=out.shape)
    d_out = softmax_cross_entropy(out, labels[0])[1] if labels else weights.copy()
    gradients = {"x": trial.backward(d_out), **trial.grads}

    def loss(name: str, array: FloatArray) -> float:
        _, out = run(arrays | {name: array})
        return softmax_cross_entropy(out, labels[0])[0] if labels else (out * weights).sum()

    return loss, arrays, gradients


def _of_function(
    target: Callable, inputs: list, backward: Callable | None, rng: np.random.Generator
) -> tuple:
    names = list(inspect.signature(target).parameters)[: len(inputs)]
    values = dict(zip(names, inputs, strict=True))
    arrays = {name: array for name, array in values.items() if array.dtype.kind == "f"}

    def run(values: dict):
        return target(*[array.copy() for array in values.values()])

    out = run(values)
    if backward is None:
        if not (isinstance(out, tuple) and len(out) == 2 and np.ndim(out[0]) == 0):
            raise TypeError(
                f"check_gradients: {target.__name__} returns no loss and gradient; name its "
                "backward, as in check_gradients(relu, z, backward=relu_backward)"
            )
        gradients = out[1] if isinstance(out[1], tuple) else (out[1],)
        # A loss has a gradient by its first argument; a target behind it is data.
        arrays = dict(list(arrays.items())[: len(gradients)])

        def loss(name: str, array: FloatArray) -> float:
            return run(values | {name: array})[0]
    else:
        weights = rng.normal(size=out.shape)
        asked = [
            parameter.name
            for parameter in inspect.signature(backward).parameters.values()
            if parameter.kind is not parameter.KEYWORD_ONLY
        ]
        remembered = [values.get(name, out).copy() for name in asked[1:]]
        gradients = backward(weights.copy(), *remembered)
        gradients = gradients if isinstance(gradients, tuple) else (gradients,)

        def loss(name: str, array: FloatArray) -> float:
            return (run(values | {name: array}) * weights).sum()

    return loss, arrays, dict(zip(arrays, gradients, strict=False))


def _compare(
    argument: str,
    array: FloatArray,
    gradient: FloatArray | None,
    loss: Callable[[str, FloatArray], float],
    entries: int,
    rng: np.random.Generator,
) -> GradientRow:
    if np.shape(gradient) != array.shape:
        return GradientRow(argument, array.shape, 0, 0, math.inf, None, math.nan, math.nan)
    chosen = rng.choice(array.size, min(entries, array.size), replace=False)
    indices = [tuple(int(i) for i in np.unravel_index(k, array.shape)) for k in chosen]
    scale = float(np.abs(gradient).max(initial=0))
    pairs, kinks = [], 0
    for index in indices:
        slope = _slope_unless_kink(lambda moved: loss(argument, moved), array, index, scale)
        if slope is None:
            kinks += 1
        else:
            pairs.append((index, float(gradient[index]), slope))
    if not pairs:
        return GradientRow(argument, array.shape, kinks, kinks, 0.0, None, math.nan, math.nan)
    error = relative_error([a for _, a, _ in pairs], [n for _, _, n in pairs])
    # Rounding in the loss hides differences below this, as between 0 and 1e-17.
    unseen = 10 * _EPS ** (2 / 3) * abs(float(loss(argument, array)))
    if max(abs(a - n) for _, a, n in pairs) <= unseen:
        error = 0.0
    # nan counts as furthest off.
    worst, analytic, numeric = max(
        pairs, key=lambda p: abs(p[1] - p[2]) if math.isfinite(p[1] - p[2]) else math.inf
    )
    return GradientRow(argument, array.shape, len(indices), kinks, error, worst, analytic, numeric)


def _slope_unless_kink(f, x: FloatArray, index: tuple, scale: float) -> float | None:
    """Slope along one entry, or None where it jumps.

    The slopes to the left and to the right of a smooth point draw together as the step shrinks. If
    they still differ at a hundredth of the step, there is a kink in between.
    """
    width = best_step("central") * max(1.0, abs(float(x[index])))
    middle = f(x)
    for step in (width, width / 100):
        up, down = x.copy(), x.copy()
        up[index] += step
        down[index] -= step
        right = (f(up) - middle) / (up[index] - x[index])
        left = (middle - f(down)) / (x[index] - down[index])
        slope = float((right + left) / 2)
        rounding = 10 * _EPS * abs(middle) / step
        if not abs(right - left) > max(1e-5 * scale, 1e-5 * abs(slope), rounding):
            return slope
    return None
