"""How a network is asked: copies, traces of a forward pass, measured slopes, short trainings.

Nothing here takes a layer's insides for granted. A layer is what it does to numbers, so its kind is
found by giving it numbers, and whatever it holds is copied with it.
"""

import copy
import math
import types
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ..contracts import FloatArray
from ..gradient_check import EPS, TELLING, slope_beside_claim
from ..layers import Layer
from ..model import Sequential
from .thresholds import (
    AGREES,
    FLAT,
    MOST_OPERATIONS,
    NEAR,
    SAME_FACTOR,
    TELLS,
    TRIAL_BATCH,
    TRIAL_STEPS,
)

ATOMS = (type, types.ModuleType, types.FunctionType, str, bytes, int, float, complex, np.generic)


# Copies


def duplicate(thing, dtype=None, *, but=()):
    """Return a deep copy, with every array of floats in another dtype if one is named.

    Names that lead to one array, or to parts of one, do so in the copy too, however deep they are
    hidden. What cannot be copied, such as an open file, is shared, and so are the arrays in `but`.
    """
    memo: dict[int, object] = {id(array): array for array in but}
    things = list(_reach(thing, set(memo)))
    _copy_arrays([a for a in things if isinstance(a, np.ndarray)], dtype, memo)
    try:
        return copy.deepcopy(thing, dict(memo))  # a copy that fails leaves halves in it
    except Exception:  # whatever a reader's class may raise
        for part in reversed(things):  # parts before wholes
            if id(part) not in memo:
                memo[id(part)] = _copied_or_shared(part, memo)
        return memo[id(thing)]


def _reach(thing, seen: set[int]) -> Iterator[object]:
    """Yield an object and all that it holds."""
    if id(thing) in seen or isinstance(thing, ATOMS) or thing is None:
        return
    seen.add(id(thing))
    yield thing
    if isinstance(thing, np.ndarray | np.random.Generator):
        return
    parts = thing.values() if isinstance(thing, dict) else ()
    parts = thing if isinstance(thing, list | tuple | set) else parts
    for part in [*parts, *getattr(thing, "__dict__", {}).values()]:
        yield from _reach(part, seen)


def holds(thing, array: np.ndarray) -> bool:
    """Whether an object holds an array, or may hold a part of it."""
    things = _reach(thing, set())
    return any(isinstance(a, np.ndarray) and np.may_share_memory(a, array) for a in things)


def _copy_arrays(arrays: list[np.ndarray], dtype, memo: dict) -> None:
    """Put a copy of each array into a memo of deepcopy."""
    families: dict[int, list[np.ndarray]] = {}
    roots = {}
    for array in arrays:
        root = array
        while isinstance(root.base, np.ndarray):
            root = root.base
        roots[id(root)] = root
        families.setdefault(id(root), []).append(array)
    for key, family in families.items():
        root = roots[key]
        shared = len(family) > 1 and root.size <= 4 * sum(a.size for a in family)
        whole = _converted(root, dtype) if shared and root.flags.forc else None
        for array in family:
            same = whole is not None and array.dtype == root.dtype
            memo[id(array)] = _part(array, root, whole) if same else _converted(array, dtype)


def _converted(array: np.ndarray, dtype) -> np.ndarray:
    return array.astype(dtype if dtype and array.dtype.kind == "f" else array.dtype)


def _part(array: np.ndarray, root: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return the part of `whole` that `array` is of `root`."""
    flat = whole.ravel(order="K")
    start = (array.ctypes.data - root.ctypes.data) // root.itemsize * whole.itemsize
    strides = [stride // root.itemsize * whole.itemsize for stride in array.strides]
    return np.ndarray(array.shape, whole.dtype, flat, start, strides)


def _copied_or_shared(part, memo: dict):
    try:
        return copy.deepcopy(part, dict(memo))
    except Exception:  # a lock, an open file, a class that will not be copied
        if not hasattr(part, "__dict__") or isinstance(part, ATOMS):
            return part
    try:
        twin = object.__new__(type(part))
        vars(twin).update(copy.deepcopy(vars(part), memo))
    except Exception:
        return part
    return twin


# Passes


def forward_copy(model: Layer | Sequential):
    """Return a copy to be run forward, where nobody reads the gradients: they are not copied."""
    return duplicate(model, but=model.grads.values())


def observe(model: Sequential, x: FloatArray, *, training: bool) -> list[FloatArray]:
    """Return inputs and every layer's outputs, as a copy computes them; no layer changes them."""
    values = [x.copy()]
    for layer in forward_copy(model).layers:
        values.append(np.array(layer.forward(values[-1].copy(), training)))
    return values


def answer(layer: Layer | Sequential, v: FloatArray, training: bool = False) -> FloatArray:
    """Return what a copy of a layer or a model makes of v."""
    return np.array(forward_copy(layer).forward(v.copy(), training))


def loss_of(sample, outputs: FloatArray, labels=None) -> float:
    """Return the value of the loss."""
    labels = sample.few_y if labels is None else labels
    return float(sample.loss(outputs.copy(), labels)[0])


def loss_or_nan(sample, outputs: FloatArray, labels=None) -> float:
    """Return the value of the loss, or nan if it does not take such outputs."""
    try:
        return loss_of(sample, outputs, labels)
    except Exception:  # a loss may demand rows of a kind
        return math.nan


def descend(sample, model: Sequential, rows: int) -> FloatArray:
    """Send rows through a model and back, and leave the gradients in it; return the outputs."""
    dtype = next((w.dtype for w in model.params.values()), sample.few_x.dtype)
    x = sample.few_x[:rows].astype(np.result_type(dtype, sample.few_x.dtype))
    out = model.forward(x, True)
    model.backward(np.array(sample.loss(out.copy(), sample.few_y[:rows])[1], out.dtype))
    return out


# What a layer does


def matrices(layer: Layer) -> list[FloatArray]:
    """Return the layer's arrays of two dimensions or more."""
    return [w for w in layer.params.values() if np.ndim(w) >= 2]


def natural_size(w: FloatArray, out: FloatArray) -> float:
    """Norm of a matrix; for a bias, which may be zero, that of a row of what it is added to."""
    norm = np.linalg.norm(w) if w.ndim > 1 else np.linalg.norm(out) / math.sqrt(len(out))
    return float(norm) or 1.0


def natural_sizes(model: Sequential, x: FloatArray, training: bool) -> dict[str, float]:
    """The natural size of every parameter, by its name in the model."""
    outs = observe(model, x, training=training)[1:]
    owner = {
        id(w): out
        for layer, out in zip(model.layers, outs, strict=True)
        for w in layer.params.values()
    }
    return {name: natural_size(w, owner[id(w)]) for name, w in model.params.items()}


def coarsest(values: list[FloatArray]) -> float:
    """Relative rounding of the least precise layer, from what a model of float64 computes."""
    kinds = [v.dtype for v in values if v.dtype.kind == "f"]
    return max(float(np.finfo(kind).eps) for kind in kinds)


def is_elementwise(layer: Layer, v: FloatArray) -> bool:
    """Whether every output depends on its own input alone, in test mode."""
    if v.ndim != 2:
        return False
    probe = np.linspace(-2, 2, 2 * v.shape[1]).reshape(2, -1)
    moved = probe.copy()
    moved[0, 0] += 0.7
    a, b = answer(layer, probe), answer(layer, moved)
    if a.shape != probe.shape:
        return False
    changed = a != b
    changed[0, 0] = False
    return not changed.any()


def is_activation(layer: Layer, v: FloatArray) -> bool:
    """Whether a layer without parameters works entry by entry, the same way everywhere."""
    if layer.params or layer.buffers or not is_elementwise(layer, v):
        return False
    return not np.array_equal(answer(layer, v), v) or not varies(layer, v)


def varies(layer: Layer, v: FloatArray) -> bool:
    """Whether two passes in training differ, as those of dropout do."""
    one = forward_copy(layer)
    first = np.array(one.forward(v.copy(), True))
    return not np.array_equal(first, one.forward(v.copy(), True), equal_nan=True)


def is_affine(layer: Layer, v: FloatArray) -> bool:
    """Whether f(a) + f(b) = f(a + b) + f(0) for inputs like v, in test mode."""
    size = float(abs(v).max()) or 1.0
    rng = np.random.default_rng(0)
    a, b = (size * rng.normal(size=v.shape) for _ in range(2))
    f = [answer(layer, p) for p in (a, b, a + b, 0 * a)]
    scale = max(float(abs(out).max()) for out in f)
    return bool(np.allclose(f[0] + f[1], f[2] + f[3], rtol=1e-4, atol=1e-5 * scale))


def joins_units(layer: Layer, v: FloatArray) -> bool:
    """Whether a layer has parameters and makes an output of several inputs."""
    return bool(matrices(layer)) and not is_elementwise(layer, v)


def gain(layer: Layer, v: FloatArray) -> float:
    """Root mean square of what a unit makes of independent inputs of size 1."""
    inputs = v[0].size
    for w in matrices(layer):
        if w.shape[0] == inputs:  # exactly, where the weights stand in a matrix (D, K)
            return float(np.sqrt((w**2).mean()) * math.sqrt(inputs))
    noise = np.random.default_rng(0).normal(size=v.shape)
    return float(np.sqrt(((answer(layer, noise) - answer(layer, 0 * noise)) ** 2).mean()))


def slopes_of(layer: Layer, v: FloatArray) -> FloatArray:
    """Slope of an elementwise layer at each input, by central differences."""
    step = 1e-6 * np.maximum(1, abs(v))
    return (answer(layer, v + step) - answer(layer, v - step)) / (2 * step)


def ends_of(layer: Layer, width: int) -> tuple[float, float, float]:
    """Largest slope of an elementwise layer, and its slopes far to the left and to the right."""
    grid = np.concatenate([np.linspace(-8, 8, 161) + 0.013, [-40.0, 40.0]])
    slopes = slopes_of(layer, np.repeat(grid[:, np.newaxis], width, axis=1))[:, 0]
    return float(slopes[:-2].max()), float(slopes[-2]), float(slopes[-1])


def forgets_shifts(layer: Layer, v: FloatArray) -> bool:
    """Whether a constant added to each column of the inputs is lost, as in batch normalization."""
    shift = (float(abs(v).max()) or 1.0) * np.random.default_rng(0).normal(size=v.shape[1:])
    out, moved = answer(layer, v, True), answer(layer, v + shift, True)
    return bool(np.allclose(out, moved, rtol=1e-3, atol=1e-4 * float(abs(out).max())))


# Slopes


def times_its_slope(
    f: Callable, gradient: FloatArray, directions: list[FloatArray], *, size=1.0, scale=1.0
) -> float:
    """How many times its measured slope a gradient is, along some directions.

    Returns 1 where nothing contradicts it, 0 for a gradient of zero where there is a slope,
    infinity for the opposite, and nan if the directions do not agree on a factor. Directions along
    which f has a kink, or rounds too much to tell, say nothing.
    """
    if not np.isfinite(gradient).all():
        return math.nan
    pairs, at_rest = [], f(np.zeros_like(gradient))
    for v in directions:
        v = v / np.linalg.norm(v)
        claim = float((gradient * v).sum())
        measured = _slope_along(f, v, at_rest, claim, size, scale)
        if measured is not None:
            pairs.append((claim, measured))
    return _factor(pairs)


def directions_for(gradient: FloatArray, rng: np.random.Generator) -> list[FloatArray]:
    """Return three random directions, after the gradient's own if it has one."""
    random = [rng.normal(size=gradient.shape) for _ in range(3)]
    return [gradient, *random] if gradient.any() and np.isfinite(gradient).all() else random


def _slope_along(f, v, at_rest, claim, size, scale) -> float | None:
    """Return the slope of f along v: the claim itself if it agrees, None if nothing can be told."""
    place = (lambda t: f(t * v)), np.zeros(()), (), at_rest
    how = {"size": size, "numbers": scale, "near": NEAR}
    measured = slope_beside_claim(*place, abs(claim), claim=claim, tolerance=AGREES, **how)
    if measured is None:
        return None
    slope, rounding, eps = measured
    largest = max(abs(claim), abs(slope))
    if not math.isfinite(slope) or rounding > (TELLS if eps == EPS else TELLING) * largest:
        return None  # too little to tell
    return claim if abs(claim - slope) <= AGREES * largest + rounding else slope


def _factor(pairs: list[tuple[float, float]]) -> float:
    """Return the one number that claims are of measured slopes, or nan if there is none."""
    if all(claim == slope for claim, slope in pairs):
        return 1.0
    largest = max(abs(claim) for claim, _ in pairs)
    if largest == 0:
        return 0.0
    if all(abs(slope) < 1e-6 * largest for _, slope in pairs):
        return math.inf
    ratios = [claim / slope if slope else math.inf for claim, slope in pairs]
    agree = max(ratios) - min(ratios) <= SAME_FACTOR * abs(ratios[0])
    if agree and abs(ratios[0] - 1) <= SAME_FACTOR:
        return 1.0
    return ratios[0] if agree else math.nan


def slope_is_flat(layer: Layer, v: FloatArray, peak: float) -> np.ndarray:
    """Tell for each input of an elementwise layer whether its slope is next to nothing."""
    return slopes_of(layer, v) < FLAT * peak


# Short trainings


def forgetful(optimizer):
    """Return a copy of an optimizer as it was before its first step."""
    optimizer = duplicate(optimizer)
    optimizer.state.clear()
    optimizer.steps = 0
    return optimizer


class Trial(NamedTuple):
    """How a copy of the network ended after some steps."""

    steps: int
    loss: float
    """Infinite if it is no number any more."""
    outputs: FloatArray | None
    """For `few_x`, in training mode; None if the loss is infinite."""
    highest: float = math.inf
    """The highest loss of a batch on the way."""


def train_briefly(
    sample, optimizer, *, model=None, factor: float = 1.0, longer: int = 1, momentum=None
) -> Trial:
    """Train a copy for some steps at `factor` times the rate; return how it ends."""
    model, optimizer = duplicate(model or sample.model), duplicate(optimizer)
    if factor != 1:
        optimizer.learning_rate = optimizer.learning_rate * factor
    if momentum is not None:
        optimizer.momentum, optimizer.nesterov = momentum, False
    rng, highest = np.random.default_rng(1), 0.0  # the same batches for every rate
    size = min(sample.batch_size, TRIAL_BATCH, len(sample.some_y))
    steps = affordable(model, size, TRIAL_STEPS) * longer
    for step in range(steps):
        rows = rng.integers(0, len(sample.some_y), size)
        out = model.forward(sample.some_x[rows], True)
        value, d_out = sample.loss(out, sample.some_y[rows])
        if not math.isfinite(float(value)):
            return Trial(step, math.inf, None)
        highest = max(highest, float(value))
        model.backward(d_out)
        optimizer.step(model)
    out = observe(model, sample.few_x, training=True)[-1]
    value = loss_of(sample, out)
    if not math.isfinite(value):
        return Trial(steps, math.inf, None)
    return Trial(steps, value, out, highest)


def affordable(model: Sequential, batch_size: int, most: int) -> int:
    """Return how many steps a trial may take."""
    parameters = sum(w.size for w in model.params.values())
    return int(np.clip(MOST_OPERATIONS / 3 / (6 * max(parameters, 1) * batch_size), 3, most))
