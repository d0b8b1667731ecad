"""Gradients measured: differences and complex steps, and a check of any backward against them."""

import copy
import inspect
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .functional import ieee
from .layers import Layer
from .losses import softmax_cross_entropy
from .model import Sequential
from .shapes import (
    FloatArray,
    as_array,
    as_float_array,
    check_number,
    check_positive_integer,
    check_rng,
    check_shape,
)

METHODS = ("central", "forward", "complex")


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
    if not isinstance(method, str) or method not in METHODS:
        raise ValueError(f"best_step: method must be one of {', '.join(METHODS)}, got {method!r}")
    eps = float(np.finfo(dtype).eps)
    return {"forward": math.sqrt(eps), "central": eps ** (1 / 3), "complex": 1e-20}[method]


@ieee
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
    if not callable(f):
        raise TypeError(f"numerical_gradient: f must be a function, got {type(f).__name__}")
    if h is not None and not 0 < check_number("numerical_gradient", "h", h) < math.inf:
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
    # Divided by the width as it came out in floating point, not as it was meant.
    came_out = up[index] - down[index]
    if came_out == 0:
        raise ValueError(
            f"numerical_gradient: h = {width:.0e} is lost in rounding beside x = {x[index]:.6g}; "
            "take a larger h"
        )
    return (_scalar(f, up) - (_scalar(f, down) if at_x is None else at_x)) / came_out


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
    value = as_array("numerical_gradient", "the result of f", f(x))
    if value.size != 1 or value.dtype.kind not in ("fciu" if x.dtype.kind == "c" else "fiu"):
        got = f"shape {value.shape} and dtype {value.dtype}"
        raise ValueError(f"numerical_gradient: f must return one number, got {got}")
    return value.reshape(())[()]


@ieee
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
    if largest == 0:
        return 0.0
    half = 0.5 if largest > 1 else 1.0  # of large numbers, so that no difference overflows
    return float(np.abs(half * a - half * b).max()) / (half * largest)


class GradientRow(NamedTuple):
    """What `check_gradients` found for one argument or parameter."""

    argument: str
    shape: tuple[int, ...]
    checked: int
    """How many entries were measured."""
    kinks: int
    """How many were left out because the loss has a kink there."""
    error: float
    """Relative error over the measured entries; nan if there is none."""
    worst: tuple[int, ...] | None
    """Index of the entry that is furthest off, and its two values."""
    analytic: float
    numeric: float


class GradientReport(list[GradientRow]):
    """What `check_gradients` returns: a list of GradientRow that prints as a table.

    `passed` tells whether every gradient was measured and every error is within the tolerance.
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
        wrong = any(row.error > self.tolerance for row in self)
        verdict = "passed" if self.passed else "WRONG" if wrong else "not checked"
        lines = [f"{self.name}: {verdict}"]
        for row in self:
            text = f"  d{row.argument:<7} {row.shape!s:<12} {row.checked:4d} entries measured"
            text += f", {row.kinks} left out at a kink" if row.kinks else ""
            if row.error <= self.tolerance:
                text += f", error at most {self.tolerance:.0e}"
            elif math.isnan(row.error):
                text += ", so there is nothing to compare"
            elif row.worst is None:
                text += f", not the shape of {row.argument}"
            else:
                where = ", ".join(map(str, row.worst))
                text += f", error {row.error:.1e}\n    worst at [{where}]: "
                text += f"backward says {row.analytic:+.6g}, measured {row.numeric:+.6g}"
            lines.append(text)
        return "\n".join(lines)

    __repr__ = __str__


@ieee
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
    and counted. Gradients too small for a difference to resolve, as of a saturated sigmoid, are
    compared to within its rounding.

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
        TypeError: no backward is given and the target is neither a loss nor a layer nor a model,
            or an argument is of the wrong type.
        ValueError: there is no array of floats to take a gradient by.
    """
    entries = check_positive_integer("check_gradients", "entries", entries)
    tolerance = check_number("check_gradients", "tolerance", tolerance)
    if not 0 < tolerance < math.inf:
        raise ValueError(f"check_gradients: tolerance must be positive, got {tolerance}")
    rng = np.random.default_rng(0) if rng is None else rng
    check_rng("check_gradients", rng)
    if not (callable(target) or isinstance(target, Layer | Sequential)):
        raise TypeError(f"check_gradients: target must be a function or a model, got {target!r}")
    if backward is not None and not callable(backward):
        raise TypeError(f"check_gradients: backward must be a function, got {backward!r}")
    if not arguments:
        raise TypeError("check_gradients: arguments are missing; name what the target takes")
    name = getattr(target, "__name__", type(target).__name__)
    inputs = [_float64(f"arguments[{i}]", argument) for i, argument in enumerate(arguments)]
    if isinstance(target, Layer | Sequential):
        loss, arrays, gradients = _of_network(target, inputs, rng)
    else:
        loss, arrays, gradients = _of_function(target, inputs, backward, rng)
    if not arrays:
        raise ValueError(
            "check_gradients: no argument holds floats, so there is no gradient to check; "
            "integers are labels: write 1.0 for 1"
        )
    rows = [
        _compare(argument, array, gradients.get(argument), loss, entries, tolerance, rng)
        for argument, array in arrays.items()
    ]
    return GradientReport(name, tolerance, rows)


def _float64(name: str, argument: npt.ArrayLike) -> np.ndarray:
    """Copy an argument: labels as they are, everything else as float64."""
    array = as_array("check_gradients", name, argument)
    if array.dtype.kind not in "iubf":
        raise TypeError(f"check_gradients: {name} must hold real numbers, got dtype {array.dtype}")
    return array.copy() if array.dtype.kind in "iub" else array.astype(np.float64)


def _of_network(target: Layer | Sequential, inputs: list, rng: np.random.Generator) -> tuple:
    if len(inputs) > 2:
        raise TypeError(
            f"check_gradients: target is a {type(target).__name__}, which takes x, or x and the "
            f"labels y, but {len(inputs)} arguments were given"
        )
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
    try:
        names = list(inspect.signature(target).parameters)[: len(inputs)]
    except ValueError:  # some functions written in C do not tell
        names = []
    if len(names) < len(inputs):
        raise TypeError(
            f"check_gradients: target takes {len(names)} arguments, but {len(inputs)} were given"
        )
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
        parameters = list(inspect.signature(backward).parameters.values())
        # One with a default, such as need_dx, is left alone unless it names an input.
        remembered = {
            parameter.name: values.get(parameter.name, out).copy()
            for parameter in parameters[1:]
            if parameter.name in values or parameter.default is parameter.empty
        }
        gradients = backward(weights.copy(), **remembered)
        gradients = gradients if isinstance(gradients, tuple) else (gradients,)

        def loss(name: str, array: FloatArray) -> float:
            return (run(values | {name: array}) * weights).sum()

    # A backward returns a gradient for every argument, or for the floats among them.
    owners = values if len(gradients) == len(values) else arrays
    return loss, arrays, dict(zip(owners, gradients, strict=False))


def _compare(
    argument: str,
    array: FloatArray,
    gradient: FloatArray | None,
    loss: Callable[[str, FloatArray], float],
    entries: int,
    tolerance: float,
    rng: np.random.Generator,
) -> GradientRow:
    if np.shape(gradient) != array.shape or gradient is None:
        return GradientRow(argument, array.shape, 0, 0, math.inf, None, math.nan, math.nan)
    gradient = np.asarray(gradient)
    chosen = rng.choice(array.size, min(entries, array.size), replace=False)
    indices = [tuple(int(i) for i in np.unravel_index(k, array.shape)) for k in chosen]
    scale = float(np.abs(gradient).max(initial=0))
    found: dict[tuple, tuple[float, float]] = {}
    for index in indices:
        slope = _slope_unless_kink(lambda moved: loss(argument, moved), array, index, scale)
        if slope:
            found[index] = slope
    kinks = len(indices) - len(found)
    if not found:
        return GradientRow(argument, array.shape, 0, kinks, math.nan, None, math.nan, math.nan)
    numeric = np.array([slope for slope, _ in found.values()])
    analytic = np.array([float(gradient[index]) for index in found])
    difference = np.abs(analytic - numeric)
    worst = int(difference.argmax())  # nan counts as the largest
    error = relative_error(analytic, numeric)
    rounding = max(rounding for _, rounding in found.values())
    if tolerance < error < math.inf and difference[worst] <= rounding:
        error = 0.0  # too little for a difference of losses to tell
    return GradientRow(
        argument,
        array.shape,
        len(found),
        kinks,
        error,
        list(found)[worst],
        float(analytic[worst]),
        float(numeric[worst]),
    )


def _slope_unless_kink(
    f: Callable, x: FloatArray, index: tuple, scale: float
) -> tuple[float, float] | None:
    """Slope along one entry and how far rounding may have shifted it, or None where it jumps.

    The slopes to the left and to the right of a smooth point draw together as the step shrinks. If
    at a hundredth of the step they still differ by much the same, there is a kink in between.
    """
    step = best_step("central") * max(1.0, abs(float(x[index])))
    slope, jump, rounding = _slope(f, x, index, step)
    if jump > max(rounding, 1e-5 * max(scale, abs(slope))):
        slope, nearer_jump, rounding = _slope(f, x, index, step / 100)
        if nearer_jump > max(rounding, jump / 10, 1e-5 * max(scale, abs(slope))):
            return None
    return slope, rounding


def _slope(f: Callable, x: FloatArray, index: tuple, step: float) -> tuple[float, float, float]:
    """Central slope, the difference of the slopes to the two sides, and the slope's rounding."""
    up, down = x.copy(), x.copy()
    up[index] += step
    down[index] -= step
    below, middle, above = f(down), f(x), f(up)
    right = (above - middle) / (up[index] - x[index])
    left = (middle - below) / (x[index] - down[index])
    # A loss below 1 may be the difference of larger numbers, and as inexact as they are.
    rounding = 10 * np.finfo(np.float64).eps * max(1, abs(below), abs(middle), abs(above)) / step
    return float((right + left) / 2), float(abs(right - left)), float(rounding)
