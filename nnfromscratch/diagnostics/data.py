"""Are the data what the reader thinks? Inputs, labels, and whether they belong together."""

import math

import numpy as np

from ..contracts import FloatArray, IntArray
from ..layers import Layer
from ..optimizers import Adam
from .probes import forgets_shifts, joins_units, train_briefly
from .report import Finding, Number, Results, found, plural
from .sample import Sample
from .thresholds import (
    CERTAIN,
    CONTRADICTED,
    FAR,
    FEW,
    FEW_EACH,
    LARGE_INPUT,
    MANY_COLUMNS,
    MOST,
    NEIGHBOURS,
    OFFSET,
    PLAUSIBLE,
    REACH,
    ROWS,
    SMALL_INPUT,
    SORTED,
    TORN,
)


def numbers(sample: Sample) -> Results:
    """Whether nan or infinity stands in the weights or in the data."""
    arrays = sample.model.arrays
    bad = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    if bad:
        yield found("nan in the weights", f"{', '.join(bad)} hold nan or infinity")
    holes = np.flatnonzero(~sample.finite)
    if len(holes):
        yield found(
            "nan in the data",
            f"{len(holes)} of {len(sample.finite)} rows of x hold nan or infinity, the first is "
            f"row {holes[0]}",
        )


def label_range(sample: Sample) -> Results:
    """Whether every label belongs to an output."""
    if sample.labelled.all():
        return
    low, high, classes = int(sample.y.min()), int(sample.y.max()), sample.classes
    text = f"labels run from {low} to {high}, but "
    if classes == 1:
        yield found("labels out of range", f"{text}one output answers for 0 alone")
        return
    shifted = " (shifted by one?)" if (low, high) == (1, classes) else ""
    yield found(
        "labels out of range", f"{text}{classes} outputs answer for 0 to {classes - 1}{shifted}"
    )


# Inputs


def variety(sample: Sample) -> Results:
    """Whether the rows of x differ, and equal rows have equal labels."""
    rows, back, counts = _different_rows(sample)
    n, columns = len(back), sample.flat.shape[1]
    yield Number("examples", f"{len(sample.y)}, of which {min(n, ROWS)} were sent through")
    if n > 1 and len(rows) == 1:
        yield found("inputs all the same", f"{n} rows of x were looked at, and all are equal")
        return
    if columns < MANY_COLUMNS or _is_one_hot(rows):
        return
    few = len(rows) < min(FEW_EACH * sample.classes, columns)
    if n > len(rows) and (few or counts.max() > MOST * n):
        yield found(
            "inputs all the same",
            f"only {len(rows)} of {n} rows of x are different from each other",
        )
    elif few and sample.optimizer is not None:
        yield found(
            "few examples",
            f"{n} examples of {columns} numbers for {sample.classes} classes: any network learns "
            "them by heart, and nothing else",
        )
    table = np.zeros((len(rows), sample.classes))
    np.add.at(table, (back, sample.some_y), 1)
    torn = 1 - table.max(axis=1).sum() / n
    if torn > TORN:
        yield found(
            "labels contradictory",
            f"{torn:.0%} of the rows of x stand there again, equal, with another label",
        )


def _different_rows(sample: Sample) -> tuple[FloatArray, IntArray, IntArray]:
    """Return the different rows, which of them each example is, and how many of each there are."""
    flat = sample.flat[sample.chosen]
    places: dict[bytes, int] = {}
    back = np.array([places.setdefault(row.tobytes(), len(places)) for row in flat])
    first = np.unique(back, return_index=True)[1]
    return flat[first], back, np.bincount(back)


def _is_one_hot(rows: FloatArray) -> bool:
    """Whether rows are categories: zeros, and the same few ones in each."""
    ones = (rows == 1).sum(axis=1)
    return bool((ones == ones[0]).all() and ((rows == 0) | (rows == 1)).all())


def inputs(sample: Sample) -> Results:
    """Range and centre of what the first layer of weights receives."""
    x = sample.flat[sample.chosen].astype(np.float64)
    yield Number("inputs", f"from {x.min():.4g} to {x.max():.4g}, mean {x.mean():.3g}")
    if len(x) > 1 and (x == x[0]).all():
        return  # see `variety`
    entry = _first_weights(sample.model.layers, sample.passed)
    if entry is not None:
        v = sample.passed[entry]
        yield from _scale(sample, v.reshape(len(v), -1).astype(np.float64))


def _first_weights(layers: list[Layer], values: list[FloatArray]) -> int | None:
    """Return the first layer that joins units, unless the next one, or itself, rescales."""
    for position, layer in enumerate(layers):
        v = values[position]
        if forgets_shifts(layer, v) and layer.params:
            return None
        if joins_units(layer, v):
            after = layers[position + 1 : position + 2]
            normalized = after and forgets_shifts(after[0], values[position + 1])
            return None if normalized else position
    return None


def _scale(sample: Sample, v: FloatArray) -> Results:
    mean, spread = v.mean(axis=0), v.std(axis=0)
    column, largest = np.sqrt((v**2).mean(axis=0)).max(), abs(v).max()
    row = _far_row(sample)
    if row:
        yield row
    elif column > LARGE_INPUT:
        yield found(
            "inputs not scaled",
            f"the first layer of weights receives {v.min():.4g} to {v.max():.4g}; the largest "
            f"column has a root mean square of {column:.3g}, where 1 is usual",
        )
    elif largest < SMALL_INPUT:
        yield found(
            "inputs too small",
            f"the first layer of weights receives nothing larger than {largest:.2g}, where 1 "
            "is usual",
        )
    elif len(v) >= FEW and math.sqrt((mean**2).mean() / (spread**2).mean()) > OFFSET:
        yield found(
            "inputs off centre",
            f"the inputs' mean is {mean.mean():.3g}, "
            f"{math.sqrt((mean**2).mean() / (spread**2).mean()):.0f} times their spread",
        )


def _far_row(sample: Sample) -> Finding | None:
    sizes = abs(sample.flat).max(axis=1)
    sizes = np.where(np.isfinite(sizes), sizes, 0)
    usual, far = float(np.median(sizes)), int(sizes.argmax())
    if usual > 0 and sizes[far] > max(FAR * usual, LARGE_INPUT):
        return found(
            "inputs not scaled",
            f"row {far} of x reaches {sizes[far]:.3g}, where half of the rows stay below "
            f"{usual:.3g}",
        )
    return None


# Labels


def labels(sample: Sample) -> Results:
    """Whether all classes are there."""
    shares, classes = sample.shares, sample.classes
    yield Number(
        "labels", f"{classes} outputs, shares from {shares.min():.0%} to {shares.max():.0%}"
    )
    absent = np.flatnonzero(shares == 0)
    if classes == 1 or len(sample.some_y) < 20 * classes or not len(absent):
        return
    missing = ", ".join(map(str, absent[:10]))
    more = f" or {len(absent) - 10} others" if len(absent) > 10 else ""
    late = " (do they start at 1?)" if absent.tolist() == [0] else ""
    if not _nearly_one(sample):
        yield found(
            "class missing",
            f"the network has {classes} outputs, but no label is {missing}{more}{late}",
        )


def balance(sample: Sample) -> Results:
    """Whether one class is nearly alone, and a short training learns to name only that one."""
    if sample.classes == 1 or len(sample.some_y) < 20 or not _nearly_one(sample):
        return
    top = int(sample.shares.argmax())
    trial = train_briefly(sample, sample.optimizer or Adam(0.01))
    others = sample.few_y != top
    named = 0.0
    if trial.outputs is not None and others.any():
        named = float((trial.outputs.argmax(axis=1) == sample.few_y)[others].mean())
    if named < MOST:
        yield found(
            "one class only",
            f"{sample.shares[top]:.0%} of the labels are {top}: naming it is enough, and after "
            f"{trial.steps} steps {named:.0%} of the others are right",
        )


def _nearly_one(sample: Sample) -> bool:
    """Half of the entropy of equal shares: 74 % in one of ten classes, 89 % in one of two."""
    shares = sample.shares[sample.shares > 0]
    return -(shares * np.log(shares)).sum() < MOST * math.log(max(2, len(shares)))


def order(sample: Sample) -> Results:
    """Whether rows in their order bring all classes into every batch."""
    usable = sample.y[sample.labelled]
    size = min(sample.batch_size, len(usable))
    count = len(usable) // max(size, 1)
    if sample.classes == 1 or count < 2 or size < 2:
        return
    batches = usable[: count * size].reshape(count, size)
    there = float(np.mean([len(np.unique(batch)) for batch in batches]))
    usual = float((1 - (1 - np.unique(usable, return_counts=True)[1] / len(usable)) ** size).sum())
    if there < SORTED * usual:
        yield found(
            "rows sorted",
            f"{size} rows in their order hold {there:.2g} classes, shuffled they would hold "
            f"{usual:.2g}: batches in order teach one class after another",
        )


# Inputs and labels


def neighbours(sample: Sample) -> Results:
    """Whether examples that look alike share a label, in the same row or some rows away."""
    n = len(sample.x)
    if n < 400 or sample.classes < 2 or len(_different_rows(sample)[0]) < 400:
        return
    reach = min(REACH, n // 10)
    asked, known = _two_halves(sample, reach)
    a, b = (sample.flat[rows].astype(np.float64) for rows in (asked, known))
    nearest, first = _nearest(a, b)
    y, agreement = sample.y, _agreement(sample.y, asked, known[first], reach)
    chance = float((sample.shares**2).sum())
    spread = math.sqrt(chance * (1 - chance) / len(asked))
    noise = CERTAIN * spread
    best = max(agreement, key=agreement.get)
    yield Number(
        "nearest neighbour",
        f"shares the label for {agreement[0]:.0%} (by chance {chance:.0%})",
    )
    if best != 0 and agreement[best] > max(chance + noise, 2 * agreement[0], 2 * chance):
        where = f"{plural(abs(best), 'row')} {'below' if best > 0 else 'above'}"
        yield found(
            "labels shifted",
            f"examples that look alike share the label {where} them in {agreement[best]:.0%}, "
            f"their own in {agreement[0]:.0%}",
        )
    elif agreement[0] >= chance + noise:
        yield from _contradictions(y[known][nearest], y[asked], sample.classes)
    elif abs(agreement[0] - chance) < PLAUSIBLE * spread:
        shared = f"{agreement[0]:.0%}, by chance {chance:.0%}"
        yield from _unrelated(sample, a, b, y[asked], y[known], shared)


def _agreement(y: IntArray, asked: IntArray, first: IntArray, reach: int) -> dict[int, float]:
    """How often rows that look alike share the label some rows away."""
    return {s: float((y[asked + s] == y[first + s]).mean()) for s in range(-reach, reach + 1)}


def _two_halves(sample: Sample, reach: int) -> tuple[IntArray, IntArray]:
    """Return rows to ask about, and others among which neighbours are sought."""
    inner = np.flatnonzero(sample.finite & sample.labelled)
    inner = inner[(inner >= reach) & (inner < len(sample.x) - reach)]
    chosen = sample.rng().choice(inner, min(len(inner), 2_000), replace=False)
    return np.split(chosen, [len(chosen) // 2])


def _nearest(a: FloatArray, b: FloatArray) -> tuple[IntArray, IntArray]:
    """Return for each row of a its nearest rows of b, and the very nearest."""
    scale = max(float(abs(b).max()), 1e-300)
    a, b = a / scale, b / scale
    distances = (b**2).sum(axis=1) - 2 * a @ b.T + (a**2).sum(axis=1)[:, np.newaxis]
    distances[distances < 1e-12] = np.inf  # a copy of the same row tells nothing
    nearest = np.argpartition(distances, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    order = np.take_along_axis(distances, nearest, axis=1).argmin(axis=1)
    return nearest, nearest[np.arange(len(a)), order]


def _contradictions(votes: IntArray, own: IntArray, classes: int) -> Results:
    """Whether examples contradict neighbours that agree among themselves."""
    counts = np.stack([(votes == c).sum(axis=1) for c in range(classes)], axis=1)
    # Lies leave one label far ahead; where the data are hard, the second is close.
    second, top = np.sort(counts, axis=1)[:, -2:].T
    sure = (top >= 0.4 * NEIGHBOURS) & (top >= 2 * second)
    torn = float((counts.argmax(axis=1) != own)[sure].mean()) if sure.any() else 0.0
    if any(sure.mean() > clear and torn > limit for clear, limit in CONTRADICTED):
        yield found(
            "labels contradictory",
            f"where one label is far ahead among {NEIGHBOURS} neighbours, {torn:.0%} of the "
            "examples in their midst have another",
        )


def _unrelated(sample: Sample, a, b, y_a: IntArray, y_b: IntArray, shared: str) -> Results:
    """Whether fits on b, of the columns and of their products in pairs, tell nothing of a."""
    mean, spread = b.mean(axis=0), b.std(axis=0)
    used = spread > 1e-9
    a, b = (a - mean)[:, used] / spread[used], (b - mean)[:, used] / spread[used]
    near, far = b @ b.T / b.shape[1], a @ b.T / b.shape[1]
    targets = (y_b[:, np.newaxis] == np.arange(sample.classes)) - sample.shares
    fits = [_ridge(near, far, targets), _ridge((1 + near) ** 2, (1 + far) ** 2, targets)]
    if max(_certainty(fit, y_a, sample.shares) for fit in fits) < PLAUSIBLE:
        linear, products = (f"{(fit.argmax(axis=1) == y_a).mean():.0%}" for fit in fits)
        yield found(
            "labels unrelated",
            f"the nearest neighbour shares the label in {shared}; a linear fit on half of the data "
            f"is right in {linear} of the rest, one of products of two columns in {products}",
        )


def _ridge(near: FloatArray, far: FloatArray, targets: FloatArray) -> FloatArray:
    """Return what ridge regression, given the inner products of its rows, expects of others."""
    damped = near + (0.1 * np.trace(near) / len(near) + 1e-9) * np.eye(len(near))
    return far @ np.linalg.solve(damped, targets)


def _certainty(fit: FloatArray, y: IntArray, shares: FloatArray) -> float:
    """By how many standard errors a fit expects more of the rows' own labels than of others."""
    more = fit[np.arange(len(y)), y] - fit @ shares
    return float(more.mean() / (more.std() / math.sqrt(len(y)) or 1.0))
