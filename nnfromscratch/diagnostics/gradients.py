"""Are the gradients right? Every backward against measured slopes, in float64."""

import math

import numpy as np

from ..contracts import FloatArray
from ..layers import Layer
from .probes import (
    answer,
    coarsest,
    directions_for,
    duplicate,
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
        self.eps = coarsest(self.values)

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
    first, second = ground.passes(2)
    model, x = ground.model, ground.x
    fits = all(k in first and first[k].shape == w.shape for k, w in model.params.items())
    if not fits or not all(np.allclose(first[k], second[k], equal_nan=True) for k in first):
        return  # see `stored`
    scale = float(abs(ground.values[-1] * ground.upstream).sum())
    sizes, wrong = natural_sizes(model, x, ground.training), []
    for name in model.params:

        def moved(v, name=name):
            other = duplicate(model)
            other.params[name][...] += v
            return float((other.forward(x.copy(), ground.training) * ground.upstream).sum())

        settings = {"size": sizes[name], "scale": scale, "eps": ground.eps}
        directions = directions_for(first[name], ground.rng)
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
    settings = {"scale": float(abs(out * upstream).sum()), "eps": ground.eps}

    def run(by, key=None):
        other = duplicate(layer)
        if key is not None:
            other.params[key][...] += by
        moved = v if key is not None else v + by
        return float((other.forward(moved.copy(), ground.training) * upstream).sum())

    factors = {}
    if position:  # nothing needs the gradient by the examples
        size, fits = float(np.linalg.norm(v)) or 1.0, np.shape(dv) == v.shape
        along = directions_for(dv, ground.rng) if fits else []
        factors["x"] = times_its_slope(run, dv, along, size=size, **settings) if fits else math.nan
    for key, w in layer.params.items():
        g, size = np.array(one.grads[key], np.float64), natural_size(w, out)
        factors[key] = times_its_slope(
            lambda by, key=key: run(by, key),
            g,
            directions_for(g, ground.rng),
            size=size,
            **settings,
        )
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
