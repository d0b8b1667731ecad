"""Are the units alive? Signals and slopes through the layers, at the start and after."""

import numpy as np

from .loss import large_weights
from .probes import answer, descend, duplicate, ends_of, is_activation, slope_is_flat
from .report import Finding, Number, Results, found
from .sample import Sample
from .thresholds import ALIKE, FEW, FLAT, MOST, OPEN, SLOW_PACE, SMALL_GAIN, VANISHING


def weights(sample: Sample) -> Results:
    """The size of the weights beside the numbers that they add up."""
    if sample.gains:
        shown = " ".join(f"{gain:.2g}" for gain in sample.gains.values())
        yield Number("weights", f"size by the root of the inputs {shown}")


def units(sample: Sample) -> Results:
    """Units of activation layers that pass no slope, or always pass it."""
    shown, layers = [], sample.double.layers
    for position in range(min(sample.weighted, default=len(layers)) + 1, len(layers)):
        layer, v = layers[position], sample.flow[position]
        if not is_activation(layer, v):
            continue
        peak, left, right = ends_of(layer, v.shape[1])
        bounded = left < FLAT * peak and right < FLAT * peak
        if peak <= 0 or (position == len(layers) - 1 and bounded):
            continue  # see `outputs`
        flat = slope_is_flat(layer, v, peak)  # (N, H)
        shown.append(f"{flat.all(axis=0).mean():.0%}")
        if len(v) >= FEW:
            name = f"layer {position + 1}, {type(layer).__name__}"
            yield from (
                _saturated(sample, flat, name)
                if bounded
                else _gated(sample, flat, name, left < FLAT * peak < right)
            )
    if shown:
        yield Number("dead units", " ".join(shown))


def _gated(sample: Sample, flat: np.ndarray, name: str, one_sided: bool) -> Results:
    """Units like ReLU: dead if always shut; nothing bends if they are always open."""
    dead, open_ = flat.all(axis=0), (~flat).all(axis=0).mean()
    if dead.mean() > MOST:
        yield found(
            "units dead",
            f"{name}: {dead.mean():.0%} of {dead.size} units pass no slope for any of "
            f"{len(flat)} examples",
        )
    elif one_sided and dead.size >= 5 and open_ > OPEN:
        text = (
            f"{name}: {open_:.0%} of {dead.size} units are open for all of {len(flat)} examples, "
            "so the layer bends nothing"
        )
        yield large_weights(sample, text) or found("activation without effect", text)


def _saturated(sample: Sample, flat: np.ndarray, name: str) -> Results:
    """Units like sigmoid and tanh."""
    if flat.mean() > MOST and not sample.learned:
        text = f"{flat.mean():.0%} of the outputs of {name} are saturated"
        yield large_weights(sample, text) or found("units saturated", text)


def outputs(sample: Sample) -> Results:
    """Bounded outputs that are down, with no slope, for the examples of their own class."""
    layer, v, out = sample.double.layers[-1], sample.flow[-2], sample.flow[-1]
    if not sample.weighted or not is_activation(layer, v):
        return
    peak, left, right = ends_of(layer, v.shape[1])
    if peak <= 0 or left >= FLAT * peak or right >= FLAT * peak:
        return
    flat, low = slope_is_flat(layer, v, peak), out < (out.max() + out.min()) / 2
    own = sample.few_y[:, np.newaxis] == np.arange(sample.classes)
    stuck = [
        c
        for c in range(sample.classes)
        if own[:, c].sum() >= 5 and (flat & low)[own[:, c], c].mean() > 0.9
    ]
    yield Number("dead outputs", ", ".join(map(str, stuck)) or "none")
    blamed = _on_the_wrong_side(sample, float((flat & (low == own)).mean()))
    if blamed:
        yield blamed
    if stuck:
        yield found(
            "outputs dead",
            f"output{'s' * (len(stuck) > 1)} {', '.join(map(str, stuck))} of layer "
            f"{len(sample.double.layers)}, {type(layer).__name__}, stay down without a slope for "
            "nine in ten examples of their own class",
        )


def _on_the_wrong_side(sample: Sample, share: float) -> Finding | None:
    """Blame large weights for saturated outputs, if there are many."""
    text = f"{share:.0%} of the outputs are saturated on the wrong side, where no slope "
    few = share <= 0.1 or sample.learned
    return None if few else large_weights(sample, f"{text}brings them back")


def twins(sample: Sample) -> Results:
    """Whether hidden units are still copies of each other after three small steps."""
    model = _after_three_steps(sample)
    for position in sample.weighted[:-1]:
        v = sample.still[position]
        width = sample.still[position + 1][0].size
        if width < 2:
            continue
        noise = sample.rng().normal(size=(1, *v.shape[1:]))
        seen = answer(model.layers[position], noise) - answer(model.layers[position], 0 * noise)
        seen = np.sort(seen.ravel())
        kinds = 1 + int((np.diff(seen) > ALIKE * abs(seen).max()).sum())
        if kinds > MOST * width:
            continue
        start = np.concatenate([w.ravel() for w in sample.model.layers[position].params.values()
                                if w.ndim > 1])  # fmt: skip
        value = f"from {start.min():.3g} to {start.max():.3g}" if start.any() else "all zero"
        yield found(
            "units all alike",
            f"the {width} units of layer {position + 1} (weights {value}) are only {kinds} "
            f"different one{'s' * (kinds > 1)} after three steps",
        )
        return


def _after_three_steps(sample: Sample):
    """Return a copy in float64 whose parameters have moved by a hundredth of their size."""
    model = duplicate(sample.double)
    for _ in range(3):
        descend(sample, model, 64)
        for name, w in model.params.items():
            g = np.array(model.grads[name], np.float64)
            if g.any():
                w -= 0.01 * (np.linalg.norm(w) or 1.0) / np.linalg.norm(g) * g
    return model


def paces(sample: Sample) -> Results:
    """Gradients by the size of what they change, layer by layer."""
    model = duplicate(sample.double)
    out = descend(sample, model, 256)
    found_paces = _paces(model)
    if not found_paces or not list(sample.gains.values() or [1])[-1]:
        return  # a last layer of zeros hides the others for one step only
    yield Number("gradient by weights", " ".join(f"{p:.1g}" for p in found_paces.values()))
    slowest, fastest = (f(found_paces, key=found_paces.get) for f in (min, max))
    low, high = found_paces[slowest], found_paces[fastest]
    if sample.learned or (high >= SLOW_PACE and low >= VANISHING * high):
        return
    text = (
        f"the gradient of layer {slowest + 1} is {low:.1g} of its weights, that of layer "
        f"{fastest + 1} {high:.1g}; outputs differ by {out.std(axis=0).mean():.1g} from one "
        "example to another"
    )
    yield small_weights(sample, text, some=high < SLOW_PACE) or found("gradients vanish", text)


def _paces(model) -> dict[int, float]:
    paces = {}
    for position, layer in enumerate(model.layers):
        for key, w in layer.params.items():
            size = float(np.linalg.norm(w))
            if w.ndim > 1 and size > 0:
                paces[position] = float(np.linalg.norm(layer.grads[key])) / size
    return paces


def small_weights(sample: Sample, consequence: str, *, some: bool = False) -> Finding | None:
    """Blame the weights, if most of them are small, or some where that is enough."""
    small = [p for p, gain in sample.gains.items() if gain < SMALL_GAIN]
    if len(small) > MOST * len(sample.gains) or (some and small):
        size, _ = sample.sizes(small[0])
        text = f"layer {small[0] + 1} has weights of size {size:.2g}; {consequence}"
        return found("weights too small", text)
    return None
