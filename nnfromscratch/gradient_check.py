"""Gradients measured: differences and complex steps, and a check of any backward against them."""

import copy
import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from . import _calls
from ._guards import generator, positive, whole
from .contracts import FloatArray, as_array, as_float_array, check_shape
from .layers import Layer
from .losses import softmax_cross_entropy
from .model import Sequential

METHODS = ("central", "forward", "complex")
EPS = float(np.finfo(np.float64).eps)
SMOOTH = 1.65
"""How far the slopes beside a smooth point may differ, in units of step and slope."""
COARSE, COARSEST = 100 * EPS, 2 * float(np.finfo(np.float16).eps)
"""Relative rounding that float64 has not, up to that of float16; beyond it is none."""
NEAR = 4e-3
"""How far rounding is looked for: several gaps between numbers of float16, many of float32."""
TELLING = 0.1
"""The largest rounding, beside the slopes, that leaves something to compare."""


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
    if not np.issubdtype(dtype, np.floating):
        raise TypeError(f"best_step: dtype must be float32 or float64, got {dtype!r}")
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
    f = as_outside(_returning_one_number(f))
    if h is not None:
        h = positive("numerical_gradient", h=h)
    step = best_step(method, x.dtype)  # which also knows the methods
    gradient = np.empty_like(x)
    at_x = f(x.copy()) if method == "forward" else None
    with np.errstate(over="ignore", invalid="ignore"):
        for index in np.ndindex(x.shape):
            if method == "complex":
                gradient[index] = _complex_slope(f, x, index, h or step)
            else:
                width = h or step * max(1.0, abs(float(x[index])))
                gradient[index] = slope(f, x, index, width, at_x)
    return gradient


def slope(f: Callable, x: FloatArray, index: tuple, h: float, at_x: float | None = None) -> float:
    """Slope of f along one entry of x, by a central difference or by a one-sided one.

    (f(x + h) - f(x - h)) / 2h, or (f(x + h) - f(x)) / h where f(x) is given as `at_x`; with a
    negative h that is the slope to the left.

    Raises:
        ValueError: x + h is x, because h is lost in rounding.
    """
    ahead, behind = x.copy(), x.copy()
    ahead[index] += h
    if at_x is None:
        behind[index] -= h
    # Divided by the width as it came out in floating point, not as it was meant.
    width = ahead[index] - behind[index]
    if width == 0:
        raise ValueError(
            f"numerical_gradient: h = {h:.0e} is lost in rounding beside x = {x[index]:.6g}; "
            "take a larger h"
        )
    return (f(ahead) - (f(behind) if at_x is None else at_x)) / width


def slope_off_kinks(
    f: Callable,
    x: FloatArray,
    index: tuple,
    at_x: float,
    scale: float,
    *,
    size: float = 1.0,
    numbers: float = 1.0,
    eps: float = EPS,
) -> tuple[float, float] | None:
    """Slope along one entry and how far rounding may have shifted it, or None at a kink.

    The slopes to the left and to the right of a smooth point draw together as the step shrinks. If
    at a hundredth of the step they still differ by much the same, there is a kink in between.
    `at_x` is f(x), and `scale` the size of a large slope, beside which a small jump is rounding.
    `size` is that of x, `numbers` that of the numbers of which f may be the difference, and as
    inexact as they are; `eps` is their relative rounding error.
    """
    relative = eps ** (1 / 3)  # 6e-6 in float64
    step = relative * max(size, abs(float(x[index])))
    earlier_jump = 0.0
    for h in (step, step / 100):
        right, left = (slope(f, x, index, signed, at_x) for signed in (h, -h))
        middle, jump = float((right + left) / 2), float(abs(right - left))
        largest = max(numbers, abs(at_x) + h * max(abs(right), abs(left)))
        rounding = float(10 * eps * largest / h)
        smooth = max(rounding, SMOOTH * relative * max(scale, abs(middle)))
        if not jump > max(smooth, earlier_jump / 10):
            return middle, rounding
        earlier_jump = jump
    return None


class Slope(NamedTuple):
    """A measured slope, and how far to trust it."""

    value: float
    rounding: float
    """How far rounding may have shifted it."""
    eps: float
    """The relative rounding error of the function."""


def slope_beside_claim(
    f: Callable,
    x: FloatArray,
    index: tuple,
    at_x: float,
    scale: float,
    *,
    claim: float,
    tolerance: float,
    size: float = 1.0,
    numbers: float = 1.0,
    near: float = NEAR,
) -> Slope | None:
    """Slope along one entry as `slope_off_kinks` has it, by steps that suit the precision of f.

    A layer may compute in float32 whatever it is given. Steps for float64 then measure rounding, a
    right claim looks wrong, and smooth points look like kinks. So where the claim is off by more
    than the tolerance, or there is a kink, the rounding itself is measured.
    """
    place, how = (f, x, index, at_x, scale), {"size": size, "numbers": numbers}
    measured = slope_off_kinks(*place, **how)
    if measured:
        value, rounding = measured
        if abs(value - claim) <= tolerance * max(scale, abs(value)) + rounding:
            return Slope(value, rounding, EPS)
    eps = _rounding_along(f, x, index, numbers, near)
    if COARSE < eps < COARSEST:
        return _coarse_slope(*place, eps=eps, **how)
    return Slope(*measured, EPS) if measured else None


def _coarse_slope(f, x, index, at_x, scale, *, size, numbers, eps) -> Slope | None:
    """Slope by long steps; what they pass over, kinks and curvature, counts as rounding."""
    how = {"size": size, "numbers": numbers, "eps": eps}
    measured = slope_off_kinks(f, x, index, at_x, scale, **how)
    if measured is None:
        return None
    value, rounding = measured
    relative = eps ** (1 / 3)
    closer = slope(f, x, index, relative / 10 * max(size, abs(float(x[index]))))
    hidden = SMOOTH * relative * max(scale, abs(value)) + abs(closer - value)
    return Slope(value, rounding + hidden, eps)


def _rounding_along(f: Callable, x: FloatArray, index: tuple, numbers: float, near: float) -> float:
    """Relative rounding error of f along one entry: what a polynomial of degree 9 leaves of it.

    Of a smooth function it leaves nothing, so near x; and yet that is far beside the gaps between
    numbers of float32. The steps are roots, so that no multiple of a gap fits them all.
    """
    places = np.sqrt(np.arange(1, 21) / 20)  # not at x, where there may be a kink
    values = []
    for place in places:
        moved = x.copy()
        moved[index] += near * place * max(1.0, abs(float(x[index])))
        values.append(float(f(moved)))
    if not np.isfinite(values).all():
        return math.inf
    polynomials = np.polynomial.chebyshev.chebvander(2 * places - 1, 9)
    squares = np.linalg.lstsq(polynomials, values)[1][0]
    return math.sqrt(squares / 10) / max(numbers, np.abs(values).max())


def _complex_slope(f: Callable, x: FloatArray, index: tuple, h: float) -> float:
    moved = x.astype(np.result_type(x.dtype, np.complex64))
    moved[index] += h * 1j
    value = f(moved)
    if not isinstance(value, complex | np.complexfloating):
        raise TypeError(
            "numerical_gradient: f returned a real number for a complex argument, so it drops the "
            "imaginary part; take method='central'"
        )
    return value.imag / h


def as_outside(f: Callable) -> Callable:
    """The function f with the warnings that it gives now, whatever is kept quiet around it."""
    state = np.geterr()

    @functools.wraps(f)
    def outside(*arguments, **settings):
        with np.errstate(**state):
            return f(*arguments, **settings)

    outside.__name__ = _calls.name_of(f)
    return outside


def _returning_one_number(f: Callable) -> Callable:
    """The function f, with a check of what it returns."""
    if not callable(f):
        raise TypeError(f"numerical_gradient: f must be a function, got {type(f).__name__}")

    def one_number(x: FloatArray):
        value = as_array("numerical_gradient", "the result of f", f(x))
        if value.size != 1 or value.dtype.kind not in ("fciu" if x.dtype.kind == "c" else "fiu"):
            got = f"shape {value.shape} and dtype {value.dtype}"
            raise ValueError(f"numerical_gradient: f must return one number, got {got}")
        return value.reshape(())[()]

    return one_number


@np.errstate(over="ignore", invalid="ignore")
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
    problem: str = ""
    """Why nothing was measured, if what should be a gradient is none, or only roughly."""


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
        return "\n".join([f"{self.name}: {verdict}", *map(self._line, self)])

    def _line(self, row: GradientRow) -> str:
        text = f"  d{row.argument:<7} {row.shape!s:<12} {row.checked:4d} entries measured"
        text += f", {row.kinks} left out at a kink" if row.kinks else ""
        if row.problem:
            return f"{text}, but {row.problem}"
        if row.error <= self.tolerance:
            return f"{text}, error at most {self.tolerance:.0e}"
        if row.worst is None:
            return f"{text}, so there is nothing to compare"
        where = ", ".join(map(str, row.worst))
        return (
            f"{text}, error {row.error:.1e}\n    worst at [{where}]: "
            f"backward says {row.analytic:+.6g}, measured {row.numeric:+.6g}"
        )

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
      The backward gets the upstream gradient first, then what the names of its other parameters
      ask for: an argument of the forward function under its own name, and the forward's result
      under the name of its gradient without the d (`da` first, so the result is `a`), or `out`.
      Any other name is an error; a lambda says what is meant:
      `backward=lambda da, z: my_backward(da, z)`.
    - a loss, which returns its value and gradient: `check_gradients(softmax_cross_entropy, z, y)`
    - a layer: `check_gradients(layer, x)`, in training mode
    - a model with softmax cross-entropy: `check_gradients(model, x, y)`, in training mode

    What is not a loss is turned into one by a random weighted sum of its outputs. Everything runs
    on float64 copies; the arguments, layers and models passed in are not changed. Entries at which
    the loss has a kink (ReLU at 0), where there is no derivative to compare with, are left out
    and counted. Gradients too small for a difference to resolve, as of a saturated sigmoid, are
    compared to within its rounding, and so is what computes in float32 whatever it is given; the
    table then says how closely. The entries are drawn from all, zeros among them, and one
    random direction through the whole array looks for a wrong one among those not drawn.

    Args:
        target: function, loss, layer or model.
        arguments: what the forward pass takes; integers are labels and have no gradient.
        backward: the backward of a function; it returns a gradient for every argument, or for
            the floats among them, several of them as a tuple.
        entries: how many entries of each array to measure, chosen at random; all if it has fewer.
        tolerance: the largest relative error that passes.
        rng: chooses the entries and the weighted sum; by default the same ones every time.

    Returns:
        a GradientReport; `report.passed` is the verdict, and it prints as a table.

    Raises:
        TypeError: no backward is given and the target is neither a loss nor a layer nor a model,
            the backward asks for something unknown or returns another number of gradients, or an
            argument is of the wrong type.
        ValueError: there is no array of floats to take a gradient by.
    """
    entries = whole("check_gradients", entries=entries)
    tolerance = positive("check_gradients", tolerance=tolerance)
    rng = generator("check_gradients", np.random.default_rng(0) if rng is None else rng)
    _check_target(target, backward)
    if not arguments:
        raise TypeError("check_gradients: arguments are missing; name what the target takes")
    inputs = [_float64(f"arguments[{i}]", argument) for i, argument in enumerate(arguments)]
    target = target if isinstance(target, Layer | Sequential) else as_outside(target)
    with np.errstate(over="ignore", invalid="ignore"):
        claim = _claim(target, inputs, backward, rng)
        rows = [_compare(name, claim, entries, tolerance, rng) for name in claim.arrays]
    return GradientReport(_calls.name_of(target), tolerance, rows)


class _Claim(NamedTuple):
    """What is to be compared: a loss that can be measured, and the gradients that were claimed."""

    loss: Callable[[str, FloatArray], float]
    """The loss with one of the arrays replaced."""
    arrays: dict[str, FloatArray]
    gradients: dict[str, object]


def _claim(target, inputs: list, backward: Callable | None, rng: np.random.Generator) -> _Claim:
    if isinstance(target, Layer | Sequential):
        claim = _of_network(target, inputs, rng)
    elif backward is None:
        claim = _of_loss(target, inputs)
    else:
        claim = _of_function(target, inputs, backward, rng)
    if not claim.arrays:
        raise ValueError(
            "check_gradients: no argument holds floats, so there is no gradient to check; "
            "integers are labels: write 1.0 for 1"
        )
    return claim


def _check_target(target: object, backward: object) -> None:
    if isinstance(target, type):
        raise TypeError(f"check_gradients: target is the class {target.__name__}; give an object")
    if isinstance(target, Layer | Sequential):
        if backward is not None:
            kind = type(target).__name__
            words = f"target is a {kind}, which has its own backward; leave backward out"
            raise TypeError(f"check_gradients: {words}")
    elif not callable(target):
        raise TypeError(f"check_gradients: target must be a function or a model, got {target!r}")
    if backward is not None and not callable(backward):
        raise TypeError(f"check_gradients: backward must be a function, got {backward!r}")


def _float64(name: str, argument: npt.ArrayLike) -> np.ndarray:
    """Copy an argument: labels as they are, everything else as float64."""
    if callable(argument):
        given = _calls.name_of(argument)
        raise TypeError(f"check_gradients: {name} is a function; is it meant as backward={given}?")
    array = as_array("check_gradients", name, argument)
    if array.dtype.kind not in "iubf":
        raise TypeError(f"check_gradients: {name} must hold real numbers, got dtype {array.dtype}")
    return array.copy() if array.dtype.kind in "iub" else array.astype(np.float64)


def in_float64(network: Layer | Sequential) -> Layer | Sequential:
    """A copy with float64 parameters; other names that a layer has for one stay names for it."""
    network = copy.deepcopy(network)
    for layer in network.layers if isinstance(network, Sequential) else [network]:
        for key, array in list(layer.params.items()):
            layer.params[key] = array.astype(np.float64)
            for name, value in list(vars(layer).items()):
                if value is array:
                    setattr(layer, name, layer.params[key])
    return network


def _of_network(target: Layer | Sequential, inputs: list, rng: np.random.Generator) -> _Claim:
    if len(inputs) > 2:
        raise TypeError(
            f"check_gradients: target is a {type(target).__name__}, which takes x, or x and the "
            f"labels y, but {len(inputs)} arguments were given"
        )
    network = in_float64(target)
    for layer in network.layers if isinstance(network, Sequential) else [network]:
        layer.cache = None  # of whatever it has seen before
    x, *labels = inputs
    if "x" in network.params:
        raise ValueError(
            f"check_gradients: {type(target).__name__} has a parameter called x, as its input is; "
            "give it another name"
        )
    arrays = {"x": x.astype(np.float64), **network.params}

    def run(values: dict) -> tuple:
        # A copy each time, so that a random mask is drawn from the same state again; of the
        # parameters none but the new ones, and of the gradients, which nobody reads, none at all.
        known = {id(array): np.array(values[name]) for name, array in network.params.items()}
        known |= {id(array): array for array in network.grads.values()}
        trial = copy.deepcopy(network, known)
        return trial, trial.forward(values["x"].copy(), True)

    trial, out = run(arrays)
    weights = rng.normal(size=out.shape)
    d_out = softmax_cross_entropy(out, labels[0])[1] if labels else weights.copy()
    gradients = {"x": trial.backward(d_out), **trial.grads}

    def loss(name: str, array: FloatArray) -> float:
        _, out = run(arrays | {name: array})
        return softmax_cross_entropy(out, labels[0])[0] if labels else (out * weights).sum()

    return _Claim(loss, arrays, gradients)


def _of_loss(target: Callable, inputs: list) -> _Claim:
    forward = _calls.forward(target, inputs)
    out, who = forward.run(), f"target={_calls.name_of(target)}"
    pair = isinstance(out, tuple) and len(out) == 2
    if not (pair and _calls.is_array(out[0]) and np.ndim(out[0]) == 0):
        _calls.refuse(
            f"{who} returns no loss and gradient; name its backward, as in "
            "check_gradients(relu, z, backward=relu_backward)"
        )
    gradients = _calls.as_gradients(who, out[1])
    # A loss has a gradient by its first argument; a target behind it is data.
    owners = list(forward.floats)
    if len(gradients) <= len(owners):
        owners = owners[: len(gradients)]
        gradients = dict(zip(owners, gradients, strict=True))
    else:
        gradients = _calls.by_argument(who, gradients, forward)
    arrays = {name: forward.values[name] for name in owners}
    return _Claim(lambda name, array: forward.run(**{name: array})[0], arrays, gradients)


def _of_function(
    target: Callable, inputs: list, backward: Callable, rng: np.random.Generator
) -> _Claim:
    forward = _calls.forward(target, inputs)
    out = forward.run()
    if isinstance(out, tuple) or not _calls.is_array(out):
        _calls.refuse(
            f"target={_calls.name_of(target)} returns a {type(out).__name__}, but one array of "
            "numbers is needed; wrap it, as in lambda x: f(x)[0]"
        )
    out = np.asarray(out)
    weights = rng.normal(size=out.shape)
    returned = _calls.call_backward(backward, forward, weights, out)
    who = f"backward={_calls.name_of(backward)}"
    gradients = _calls.by_argument(who, _calls.as_gradients(who, returned), forward)

    def loss(name: str, array: FloatArray) -> float:
        return (forward.run(**{name: array}) * weights).sum()

    return _Claim(loss, forward.floats, gradients)


def _compare(
    argument: str, claim: _Claim, entries: int, tolerance: float, rng: np.random.Generator
) -> GradientRow:
    """Compare the gradient by one array with measured slopes."""
    array, gradient = claim.arrays[argument], claim.gradients.get(argument)
    nothing = GradientRow(argument, array.shape, 0, 0, math.nan, None, math.nan, math.nan)
    problem = _calls.flaw(gradient, array)
    if problem:
        return nothing._replace(error=math.inf, problem=problem)
    measure = _Measure(lambda moved: claim.loss(argument, moved), array, np.asarray(gradient))
    slopes = {k: measure.slope(k, tolerance) for k in measure.sample(entries, tolerance, rng)}
    found = {k: slope for k, slope in slopes.items() if slope}
    row = nothing._replace(checked=len(found), kinks=len(slopes) - len(found))
    if not found:
        return row
    analytic = np.array([float(measure.gradient.flat[k]) for k in found])
    numeric, rounding, eps = np.array(list(found.values())).T
    difference = np.abs(analytic - numeric)
    worst = int(difference.argmax())  # nan counts as the largest
    error = relative_error(analytic, numeric)
    hidden = tolerance < error < math.inf and difference[worst] <= rounding.max()
    error = 0.0 if hidden else error  # too little for a difference of losses to tell
    coarse = bool(error <= tolerance and eps.max() > EPS)
    within = rounding.max() / max(measure.scale, EPS)
    # Beside slopes near 0, as those of saturated units, a little rounding hides nothing else.
    blind = hidden and within > TELLING and rounding.max() > tolerance
    error = math.nan if blind or (coarse and within > TELLING) else error
    problem = _roughness(within, coarse) if coarse or blind else ""
    values = {"analytic": float(analytic[worst]), "numeric": float(numeric[worst])}
    where = measure.index(list(found)[worst])
    return row._replace(error=error, worst=where, problem=problem, **values)


def _roughness(within: float, coarse: bool) -> str:
    closely = f"only to within {within:.0e}" if within <= TELLING else "too roughly to tell"
    if not coarse:
        return f"{closely}, since rounding is larger than the slopes; bring the inputs near 1"
    return f"{closely}, as if something in it computed in float32"


class _Measure:
    """The slopes of a loss by the entries of one array, beside the gradient that is claimed."""

    def __init__(self, f: Callable, array: FloatArray, gradient: np.ndarray) -> None:
        self.f, self.array, self.gradient = f, array, gradient
        self.at_x = float(f(array.copy()))
        self.scale = float(np.abs(gradient).max(initial=0))

    def index(self, k: int) -> tuple[int, ...]:
        """Where the entry stands that is number k in the flattened array."""
        return tuple(map(int, np.unravel_index(k, self.array.shape)))

    def slope(self, k: int, tolerance: float) -> Slope | None:
        """Slope along entry number k; None at a kink."""
        claim = float(self.gradient.flat[k])
        where = self.index(k), self.at_x, self.scale
        return slope_beside_claim(self.f, self.array, *where, claim=claim, tolerance=tolerance)

    def sample(self, entries: int, tolerance: float, rng: np.random.Generator) -> list[int]:
        """The numbers of the entries to measure: some of all, whether zero or not, and suspects."""
        size = self.array.size
        chosen = rng.choice(size, min(entries, size), replace=False).tolist()
        return list(
            dict.fromkeys(chosen + (self.suspects(tolerance, rng) if entries < size else []))
        )

    def suspects(self, tolerance: float, rng: np.random.Generator) -> list[int]:
        """The entry, if any, at which a random direction through the array says something is off.

        Where gradient and slope along the direction differ, halving it finds the entry: a sample
        alone would miss one wrong row of many. Only the entry's own slope decides.
        """
        strange = np.flatnonzero(~np.isfinite(self.gradient))
        if strange.size:
            return [int(strange[0])]
        signs = rng.choice([-1.0, 1.0], self.array.size) / math.sqrt(self.array.size)
        part = np.arange(self.array.size)
        if self._off(signs, part) <= tolerance * self.scale:
            return []
        while len(part) > 1:
            part = max(np.array_split(part, 2), key=lambda half: self._off(signs, half))
        return [int(part[0])]

    def _off(self, signs: FloatArray, part: np.ndarray) -> float:
        """How far gradient and slope differ along a part of a direction; 0 where none can tell."""
        direction = np.zeros_like(signs)
        direction[part] = signs[part]
        direction = direction.reshape(self.array.shape)
        along = slope_off_kinks(
            lambda t: self.f(self.array + t * direction), np.zeros(()), (), self.at_x, self.scale
        )
        off = abs(along[0] - float((self.gradient * direction).sum())) if along else 0.0
        return off if along and off > along[1] else 0.0
