"""Is it the network that was meant? Layers that are missing or should not be there."""

import math

import numpy as np

from ..layers import Dropout
from .probes import answer, duplicate, forgets_shifts, is_affine, is_elementwise
from .report import Results, found, plural
from .sample import Sample
from .thresholds import HEAVY_DROPOUT

ROWS_OF_ONES = 64


def last_layer(sample: Sample) -> Results:
    """Whether the last layer hands on logits to a loss that takes them."""
    out, position = sample.still[-1], len(sample.model.layers) - 1
    if not sample.invariant or sample.classes == 1:
        return
    sums = out.sum(axis=1)
    if (out >= 0).all() and (abs(sums - 1) < 1e-3).all():
        yield found(
            "softmax twice",
            f"the outputs are probabilities already (rows add up to {sums.mean():.3f}), "
            "and the loss takes a softmax of them",
        )
    elif position not in sample.weighted and not sample.model.layers[-1].params:
        yield from _squashed(sample)


def _squashed(sample: Sample) -> Results:
    """Whether the last layer, which has no weights, keeps the logits from their values."""
    layer = duplicate(sample.double.layers[-1])
    name = f"the last layer, {type(layer).__name__},"
    probe = np.zeros((8, sample.classes))
    probe[:4, 0], probe[4:, 0] = 50.0, -50.0
    high, low = (half[:, 0].mean() for half in np.split(layer.forward(probe, True), 2))
    middle = layer.forward(np.zeros((8, sample.classes)), True)[:, 0].mean()
    if isinstance(layer, Dropout):
        text = f"{name} silences logits in training"
    elif high - low < 10:
        text = f"{name} keeps every logit between {low:.3g} and {high:.3g}"
    elif abs(low - middle) < 0.1 * abs(high - middle):
        text = f"{name} turns a logit of -50 into {low:.3g}"
    else:
        return
    yield found("activation on the logits", text)


def bends(sample: Sample) -> Results:
    """Whether something bends between two affine layers."""
    before = None
    for position, layer in enumerate(sample.double.layers):
        affine = is_affine(layer, sample.still[position])
        if affine and position in sample.weighted and before is not None:
            yield found(
                "no activation",
                f"nothing that bends stands between layer {before + 1} and layer "
                f"{position + 1}: together they are one affine layer",
            )
        if not affine:
            before = None
        elif position in sample.weighted:
            before = position


def biases(sample: Sample) -> Results:
    """Whether every affine layer can shift its outputs."""
    for position in sample.weighted:
        layer, v = sample.double.layers[position], sample.still[position]
        after = sample.double.layers[position + 1 : position + 2]
        if not is_affine(layer, v) or (
            after and forgets_shifts(after[0], sample.still[position + 1])
        ):
            continue
        columns = v.reshape(len(v), -1)
        constant = (columns == columns[0]).all(axis=0) & (columns[0] != 0)
        if not _can_shift(layer, v) and not constant.any():  # a column of ones is a bias
            shapes = ", ".join(str(w.shape) for w in layer.params.values())
            width = sample.still[position + 1][0].size
            yield found(
                "no bias",
                f"layer {position + 1}, {type(layer).__name__}, has weights {shapes} and no bias "
                f"of {plural(width, 'number')}",
            )


def _can_shift(layer, v) -> bool:
    """Whether some parameter moves the outputs for inputs of zero."""
    for key in layer.params:
        moved = duplicate(layer)
        moved.params[key][...] += 1
        if (np.array(moved.forward(0 * v[:1], False)) != answer(layer, 0 * v[:1])).any():
            return True
    return False


def widths(sample: Sample) -> Results:
    """Whether each hidden layer can carry as much as the classes need."""
    bits = math.log2(sample.classes)
    for position in sample.weighted[:-1]:
        width = sample.still[position + 1][0].size
        if width < bits:
            yield found(
                "too few units",
                f"layer {position + 1} hands on {plural(width, 'number')}, fewer than the "
                f"{math.ceil(bits)} bits that tell {sample.classes} classes apart",
            )


def dropout(sample: Sample) -> Results:
    """Whether dropout leaves enough."""
    for position, layer in enumerate(sample.model.layers):
        v = np.ones((ROWS_OF_ONES, sample.still[position][0].size))
        if layer.params or layer.buffers or not is_elementwise(layer, v):
            continue
        silent = float((answer(layer, v, True) == 0).mean())
        if silent > HEAVY_DROPOUT and answer(layer, v).all():
            yield found(
                "dropout too strong", f"layer {position + 1} silences {silent:.0%} of its units"
            )


def sharing(sample: Sample) -> Results:
    """Whether two parameters are one array."""
    arrays = list(sample.model.params.items())
    for k, (name, array) in enumerate(arrays):
        for other, second in arrays[k + 1 :]:
            if np.may_share_memory(array, second) and np.shares_memory(array, second, 10_000):
                yield found(
                    "parameters shared",
                    f"{name} and {other} are one array: what a step does for one of them, it does "
                    "to the other",
                )
