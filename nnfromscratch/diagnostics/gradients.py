"""Are the gradients right? Every backward against measured slopes, in float64."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from ..contracts import FloatArray
from ..layers import Layer
from ..model import Sequential
from .probes import (
    answer,
    directions_for,
    duplicate,
    forward_copy,
    holds,
    is_elementwise,
    natural_size,
    natural_sizes,
    observe,
    slopes_of,
    times_its_slope,
)
from .report import Finding, Number, Results, found
from .sample import Sample
from .thresholds import ROWS_FOR_GRADIENTS


class Ground:
    """A network of float64 off the kinks, a few examples, and any upstream gradient."""

    def __init__(self, sample: Sample) -> None:
        self.rng = sample.rng()
        self.x = sample.few_x[:ROWS_FOR_GRADIENTS].astype(np.float64)
        self.model = duplicate(sample.double)
        # Off the kink of ReLU, where blank examples and biases of zero would put z exactly.
        for name, size in natural_sizes(self.model, self.x, True).items():
            b = self.model.params[name]
            if b.ndim == 1:
                b += 0.01 * size / math.sqrt(b.size) * self.rng.normal(size=b.shape)
        # A layer that draws from a place of its own gives no slope to measure but in test mode.
        out = answer(self.model, self.x, True)
        self.training = bool(np.array_equal(out, answer(self.model, self.x, True)))
        self.values = observe(self.model, self.x, training=self.training)
        self.upstream = self.rng.normal(size=out.shape)
        self.rest, self.entering = duplicate(self.model), self.x.copy()

    def passes(self, count: int) -> list[dict[str, FloatArray]]:
        """Return the gradients that passes forward and back leave, one after the other."""
        trial, grads = duplicate(self.model), []
        for _ in range(count):
            state = duplicate([getattr(layer, "rng", None) for layer in trial.layers])
            trial.forward(self.x.copy(), self.training)
            trial.backward(self.upstream.copy())
            grads.append({k: np.array(g, np.float64) for k, g in trial.grads.items()})
            for layer, rng in zip(trial.layers, state, strict=True):
                if rng is not None:
                    layer.rng = rng  # the same masks again
        return grads

    def behind(self, name: str) -> tuple[Sequential, str, FloatArray]:
        """Return the layers that a parameter can act on, its name there, and what enters them."""
        w, layers = self.model.params[name], self.model.layers
        plain = type(self.model) is Sequential  # another kind may do more than call its layers
        count = next((p for p, layer in enumerate(layers) if plain and holds(layer, w)), 0)
        if len(layers) - len(self.rest.layers) > count:
            self.rest, self.entering = duplicate(self.model), self.x.copy()
        for _ in range(count - len(layers) + len(self.rest.layers)):
            self.entering = self.rest.layers.pop(0).forward(self.entering, self.training)
        names = zip(reversed(self.model.params), reversed(self.rest.params), strict=False)
        return self.rest, dict(names)[name], self.entering


def weighed(
    model: Layer | Sequential, v: FloatArray, training: bool, upstream: FloatArray
) -> Callable:
    """Return what is made of v, summed up with weights, as a function of how far to move what."""

    def moved(by: FloatArray, key: str | None = None) -> float:
        other, given = forward_copy(model), v + by if key is None else v.copy()
        if key is not None:
            other.params[key][...] += by
        return float((other.forward(given, training) * upstream).sum())

    return moved


def stored(sample: Sample) -> Results:
    """Whether backward stores a gradient for every parameter, and stores it anew."""
    ground = Ground(sample)
    first, second, third = ground.passes(3)
    for name, w in ground.model.params.items():
        if name not in first or first[name].shape != w.shape:
            got = f"of shape {first[name].shape}" if name in first else "missing"
            yield found("gradient wrong", f"the gradient of {name} {w.shape} is {got}")
            return
    piled = [name for name in first if _grows(first[name], second[name], third[name])]
    if piled:
        yield found(
            "gradients pile up",
            f"a second backward pass adds the same gradient again in {', '.join(piled)}",
        )


def _grows(first: FloatArray, second: FloatArray, third: FloatArray) -> bool:
    added = second - first
    return bool(abs(added).max() > 1e-9 * abs(third).max()) and np.allclose(
        third - second, added, 1e-6, 1e-9 * abs(third).max()
    )


def slopes(sample: Sample) -> Results:
    """Every parameter's gradient against the measured slope."""
    ground = Ground(sample)
    if any(v.dtype == np.float16 for v in ground.values):
        yield Number("gradients", "a layer computes in float16, too coarsely to measure slopes")
        return
    first, second = ground.passes(2)
    model, x = ground.model, ground.x
    fits = all(k in first and first[k].shape == w.shape for k, w in model.params.items())
    if not fits or not all(np.allclose(first[k], second[k], equal_nan=True) for k in first):
        return  # see `stored`
    scale = float(abs(ground.values[-1] * ground.upstream).sum())
    sizes, wrong = natural_sizes(model, x, ground.training), []
    for name in model.params:
        rest, own_name, v = ground.behind(name)
        moved = partial(weighed(rest, v, ground.training, ground.upstream), key=own_name)
        directions = directions_for(first[name], ground.rng)
        settings = {"size": sizes[name], "scale": scale}
        if times_its_slope(moved, first[name], directions, **settings) != 1:
            wrong.append(name)
    count = len(model.params)
    yield Number("gradients", f"{count - len(wrong)} of {count} agree with measured slopes")
    if wrong:
        yield from _who_is_wrong(ground, wrong)


def _who_is_wrong(ground: Ground, wrong: list[str]) -> Results:
    """Check every layer alone, to name the one whose backward is at fault."""
    guilty = False
    for position, layer in enumerate(ground.model.layers):
        for key, factor in _factors(ground, position, layer).items():
            if factor != 1:
                guilty = True
                yield _verdict(ground, position, key, factor)
    if not guilty:
        names = ", ".join(f"d{name}" for name in wrong)
        yield found(
            "gradient wrong",
            f"{names} not as measured, though every layer is right by itself: two layers share "
            "what they remember",
        )


def _factors(ground: Ground, position: int, layer: Layer) -> dict[str, float]:
    """How many times its slope each gradient of one layer is; "x" for that by its inputs."""
    v, out = ground.values[position], ground.values[position + 1]
    upstream = ground.rng.normal(size=out.shape)
    one = duplicate(layer)
    one.forward(v.copy(), ground.training)
    dv = one.backward(upstream.copy())
    scale, moved = float(abs(out * upstream).sum()), weighed(layer, v, ground.training, upstream)
    factors = {}
    if position:  # nothing needs the gradient by the examples
        size, fits = float(np.linalg.norm(v)) or 1.0, np.shape(dv) == v.shape
        along = directions_for(dv, ground.rng) if fits else []
        slope = times_its_slope(moved, dv, along, size=size, scale=scale) if fits else math.nan
        factors["x"] = slope
    for key, w in layer.params.items():
        g, size = np.array(one.grads[key], np.float64), natural_size(w, out)
        along = directions_for(g, ground.rng)
        factors[key] = times_its_slope(partial(moved, key=key), g, along, size=size, scale=scale)
    return factors


def _verdict(ground: Ground, position: int, key: str, factor: float) -> Finding:
    layer = ground.model.layers[position]
    name = f"layer {position + 1}, {type(layer).__name__}: the gradient by its {key}"
    if factor == 0 and key != "x":
        return found("parameters frozen", f"{name} is zero, though the loss depends on it")
    if factor == math.inf and key != "x":
        return found("parameters not used", f"{name} is not zero, but changing it changes nothing")
    # By a factor it still points the right way, at another pace than the others.
    cause = "gradient scaled" if 0 < factor < math.inf else "gradient wrong"
    return found(cause, f"{name} {_how_wrong(ground, position, key, factor)}")


def _how_wrong(ground: Ground, position: int, key: str, factor: float) -> str:
    layer, v, n = ground.model.layers[position], ground.values[position], len(ground.x)
    if math.isfinite(factor):
        text = f"is {factor:.3g} times its measured slope"
        if abs(factor * n - 1) < 0.01:
            return f"{text}: 1/N for N = {n} examples, a mean that was taken already"
        return f"{text}: N, for {n} examples" if abs(factor / n - 1) < 0.01 else text
    if key != "x" or layer.params or not is_elementwise(layer, v):
        return "is not its measured slope"
    one = duplicate(layer)
    one.forward(v.copy(), True)
    said = one.backward(np.ones_like(v))
    slope = slopes_of(layer, v)
    off = abs(said - slope)
    worst = np.unravel_index(off.argmax(), v.shape)
    return (
        f"is wrong at {(off > 0.01).mean():.0%} of the inputs: at {v[worst]:.2f} it lets "
        f"{said[worst]:.2f} through, measured {slope[worst]:.2f}"
    )
