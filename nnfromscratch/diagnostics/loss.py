"""Is the loss right? Its gradient, its mean, and whether it looks at each example by itself."""

import math

import numpy as np

from ..contracts import FloatArray
from ..functional import log_softmax
from .probes import directions_for, loss_of, loss_or_nan, times_its_slope
from .report import Finding, Number, Results, found
from .sample import Sample
from .thresholds import EXCESS, LARGE_GAIN, LOUD, ROWS_FOR_GRADIENTS, TURNED


def value(sample: Sample) -> Results:
    """The loss at hand against that of knowing nothing."""
    beside = f" (of knowing only the classes' shares: {sample.nothing:.3g})"
    yield Number("loss", f"{sample.now:.3g}{'' if math.isnan(sample.nothing) else beside}")
    yield Number("wrong answers", f"{sample.error:.0%}")


def start(sample: Sample) -> Results:
    """Whether the loss before any step is about that of knowing nothing."""
    if not math.isfinite(sample.now):
        yield found("loss at the start", f"the loss is {sample.now} before any step")
        return
    if math.isnan(sample.nothing):
        return
    noise = EXCESS * sample.rng().normal(size=(len(sample.few_y), sample.classes))
    loud = loss_or_nan(sample, noise)
    if sample.invariant:
        limit = sample.nothing + EXCESS**2 / 2
    else:
        limit = np.nanmax([LOUD * sample.nothing, loud])
    if sample.now <= limit:
        return
    blamed = large_weights(sample, f"the loss is {sample.now:.3g}")
    yield blamed or found(
        "loss at the start",
        f"the loss is {sample.now:.3g}, where knowing nothing costs {sample.nothing:.3g}",
    )


def large_weights(sample: Sample, consequence: str) -> Finding | None:
    """Blame the weights, if they are large."""
    if not sample.gains or max(sample.gains.values()) < LARGE_GAIN:
        return None
    worst = max(sample.gains, key=sample.gains.get)
    size, usual = sample.sizes(worst)
    return found(
        "weights too large",
        f"layer {worst + 1} has weights of size {size:.2g}, where He's rule gives {usual:.2g}; "
        f"{consequence}",
    )


def safe_outputs(sample: Sample, n: int) -> FloatArray:
    """Outputs as a softmax gives them, which every loss takes: logits, probabilities, targets."""
    return np.exp(log_softmax(0.5 * sample.rng().normal(size=(n, sample.classes))))


def direction(sample: Sample) -> Results:
    """Whether descending the loss raises the output of the example's own label."""
    n = min(ROWS_FOR_GRADIENTS, len(sample.few_y))
    if sample.classes == 1 or _gradient_factor(sample, n) < 0:
        return
    flat, labels = np.full((n, sample.classes), 1 / sample.classes), sample.few_y[:n]
    pull = -np.asarray(sample.loss(flat, labels)[1], float)
    leads = float((pull.argmax(axis=1) == labels).mean())
    if leads < 0.9:
        yield found(
            "labels ignored",
            f"from equal outputs, descending the loss raises the labelled one most in only "
            f"{leads:.0%} of {n} examples",
        )


def _gradient_factor(sample: Sample, n: int) -> float:
    """How many times its measured slope the gradient of the loss is, for n examples."""
    z, labels = safe_outputs(sample, n), sample.few_y[:n]
    gradient = np.asarray(sample.loss(z.copy(), labels)[1], float)
    directions = directions_for(gradient, sample.rng())
    step = directions[-1] * 1e-6 / np.linalg.norm(directions[-1])
    if math.isnan(loss_or_nan(sample, z + step, labels)):
        # It demands rows that add up to 1, so they are moved in such a way.
        directions = [v - v.mean(axis=1, keepdims=True) for v in directions]
    return times_its_slope(lambda v: loss_of(sample, z + v, labels), gradient, directions)


def gradient(sample: Sample) -> Results:
    """Whether the gradient of the loss is the slope of its value, and both a mean's."""
    n = min(ROWS_FOR_GRADIENTS, len(sample.few_y))
    z, labels = safe_outputs(sample, n), sample.few_y[:n]
    shape = np.shape(sample.loss(z.copy(), labels)[1])
    if shape != z.shape:
        yield found(
            "loss gradient wrong", f"loss returns a gradient of shape {shape} for outputs {z.shape}"
        )
        return
    factor = _gradient_factor(sample, n)
    if factor == 1:
        yield from _sum_for_mean(sample, z, labels)
        return
    half = _gradient_factor(sample, n // 2) if n > 1 else math.nan
    if abs(factor / half - n / max(n // 2, 1)) < 0.01:
        yield found(
            "sum for mean",
            f"the gradient of the loss is {factor:.3g} times the slope of its value for {n} "
            f"examples and {half:.3g} times for {n // 2}: it grows with the batch, so a rate acts "
            f"{sample.batch_size} times as large in batches of {sample.batch_size}",
        )
        return
    yield found("loss gradient wrong", _how_wrong(factor, n))


def _sum_for_mean(sample: Sample, z: FloatArray, labels) -> Results:
    """Whether the same examples twice cost twice as much."""
    once, twice = _once_and_twice(sample, z, labels)
    if once and abs(twice / once - 2) < 1e-6:
        yield found(
            "sum for mean",
            "the same examples twice give twice the loss: it is a sum, so every learning "
            f"rate acts {sample.batch_size} times as large in batches of {sample.batch_size}",
        )


def _once_and_twice(sample: Sample, z: FloatArray, labels) -> tuple[float, float]:
    """The loss of some examples, and that of the same examples with each of them twice."""
    once = loss_of(sample, z, labels)
    return once, loss_of(sample, np.concatenate([z, z]), np.concatenate([labels, labels]))


def _how_wrong(factor: float, n: int) -> str:
    if math.isnan(factor):
        return "the gradient of the loss is not its measured slope"
    if math.isinf(factor):
        return (
            "the value of the loss does not change with the outputs, but its gradient is not zero"
        )
    text = f"the gradient of the loss is {factor:.3g} times its measured slope"
    if factor < 0:
        return f"{text}: a step climbs"
    return f"{text}: 1/N for N = {n}, a mean taken twice" if abs(factor * n - 1) < 0.01 else text


def separate(sample: Sample) -> Results:
    """Whether an example's part of the loss is its own affair."""
    n, classes = min(ROWS_FOR_GRADIENTS, len(sample.few_y)), sample.classes
    if n < 2 or classes < 2:
        return
    z, labels, rng = safe_outputs(sample, n), sample.few_y[:n], sample.rng()
    own = np.asarray(sample.loss(z.copy(), labels)[1], float)[0]
    others, other_labels = z.copy(), labels.copy()
    others[1:] = rng.permuted(z[1:], axis=1)
    other_labels[1:] = (labels[1:] + rng.integers(1, classes, n - 1)) % classes
    moved = np.asarray(sample.loss(others, other_labels)[1], float)[0]
    size = np.linalg.norm(own) * np.linalg.norm(moved)
    if size and float(own @ moved) < TURNED * size:
        yield found(
            "loss mixes examples",
            f"other outputs and labels in the other rows turn the first row's gradient (cosine "
            f"{float(own @ moved) / size:+.2f}), which is none of their business",
        )
        return
    once, twice = _once_and_twice(sample, z, labels)
    ratio = twice / once if once else 1.0
    if min(abs(ratio - 1), abs(ratio - 2)) > 1e-3:
        yield found(
            "loss mixes examples",
            f"the loss of {n} examples is {once:.3g}, that of each of them twice {twice:.3g}",
        )
