"""Exercises of lesson 16, Looking inside: what has it learned, and when does it not know."""

import numpy as np

from .._draw import labels, normal, sizes
from .._exercise import Exercise, Mistake


def _softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# confusion_rates


def confusion_rates(y, answers, classes):
    counts = np.zeros((classes, classes))
    np.add.at(counts, (y, answers), 1)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _rates(rng, n, classes, present):
    """Labels of some of the classes, and answers that are right more often than not."""
    y = rng.permutation(np.resize(present, n))
    answers = np.where(rng.random(n) < 0.5, y, labels(rng, n, classes))
    answers[:2] = (y[:2] + 1) % classes
    return y, answers, classes


def _rates_inputs(rng):
    classes = int(rng.integers(3, 6))
    return _rates(rng, int(rng.integers(12, 20)), classes, np.arange(classes))


def _rates_corner(rng):
    # Label 0 never occurs, label 1 four times, 2 twice: rows, columns and N are all different.
    return np.array([1, 1, 1, 1, 2, 2, 3]), np.array([1, 1, 2, 0, 1, 2, 3]), 5


def _counts(y, answers, classes):
    counts = np.zeros((classes, classes))
    np.add.at(counts, (y, answers), 1)
    return counts


def _rates_loop(y, answers, classes):
    rates = np.zeros((classes, classes))
    for label in range(classes):
        those = [answer for true, answer in zip(y, answers, strict=True) if true == label]
        for answer in those:
            rates[label, answer] += 1 / len(those)
    return rates


def _rates_matrix(y, answers, classes):
    counts = np.eye(classes)[y].T @ np.eye(classes)[answers]
    total = counts.sum(axis=1)[:, None]
    return np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)


def _rates_bincount(y, answers, classes):
    counts = np.bincount(classes * y + answers, minlength=classes**2).reshape(classes, classes)
    return counts / np.maximum(np.bincount(y, minlength=classes), 1)[:, None]


def _rates_once(y, answers, classes):
    counts = np.zeros((classes, classes))
    counts[y, answers] += 1
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _rates_columns(y, answers, classes):
    counts = _counts(y, answers, classes)
    return counts / np.maximum(counts.sum(axis=0), 1)


def _rates_flat(y, answers, classes):
    counts = _counts(y, answers, classes)
    return counts / np.maximum(counts.sum(axis=1), 1)


def _rates_nan(y, answers, classes):
    counts = _counts(y, answers, classes)
    with np.errstate(invalid="ignore"):
        return counts / counts.sum(axis=1, keepdims=True)


def _rates_wrong_only(y, answers, classes):
    return confusion_rates(y, answers, classes) * (1 - np.eye(classes))


def _rates_of_mistakes(y, answers, classes):
    counts = _counts(y, answers, classes) * (1 - np.eye(classes))
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


CONFUSION_RATES = Exercise(
    name="confusion_rates",
    lesson=16,
    goal="Count pairs of labels and answers, and turn each row into fractions.",
    points=1,
    misconception="The columns are divided, or a class without examples makes nan.",
    reference=confusion_rates,
    inputs=_rates_inputs,
    corners=(_rates_corner,),
    variants=(_rates_loop, _rates_matrix, _rates_bincount),
    mistakes=(
        Mistake(
            "the columns are made to sum to 1",
            _rates_columns,
            "Of all the sevens, how many are answered 2? So the sum over a row, all examples of a "
            "label, is what to divide by.",
        ),
        Mistake(
            "the sums lie along the columns",
            _rates_flat,
            "The sums of the rows, (C,), meet the last axis. Keep the axis: keepdims=True.",
        ),
        Mistake(
            "labels and answers are exchanged",
            lambda y, answers, classes: confusion_rates(answers, y, classes),
            "A row for each label, a column for each answer.",
        ),
        Mistake(
            "the result is transposed",
            lambda y, answers, classes: confusion_rates(y, answers, classes).T,
            "The fractions are right, but a label must have a row, and its row must sum to 1.",
        ),
        Mistake(
            "a class without examples gives nan",
            _rates_nan,
            "0 / 0 is nan. Where a label never occurs, its row should be 0: divide by at least 1.",
        ),
        Mistake(
            "counts, not fractions",
            _counts,
            "These are the counts. Divide each row by the number of examples with its label.",
        ),
        Mistake(
            "fractions of all examples",
            lambda y, answers, classes: _counts(y, answers, classes) / len(y),
            "Each row is divided by its own sum, not by N.",
        ),
        Mistake(
            "each pair counts once",
            _rates_once,
            "counts[y, answers] += 1 adds 1 to each field once, however often the pair occurs. Use "
            "np.add.at, or np.bincount, or a loop.",
        ),
        Mistake(
            "right answers are left out",
            _rates_wrong_only,
            "The diagonal belongs to the matrix: it says how often a label is answered rightly.",
        ),
        Mistake(
            "fractions of the mistakes",
            _rates_of_mistakes,
            "A row is divided by all examples of its label, those with right answers included.",
        ),
        Mistake(
            "per cent",
            lambda y, answers, classes: 100 * confusion_rates(y, answers, classes),
            "Fractions from 0 to 1 are asked for.",
        ),
        Mistake(
            "the classes are counted from the labels",
            lambda y, answers, classes: confusion_rates(
                y, answers, max(y.max(), answers.max()) + 1
            ),
            "There are `classes` rows, even if the last ones have no example.",
        ),
        Mistake(
            "1 is added to the sums",
            lambda y, answers, classes: (
                _counts(y, answers, classes)
                / (_counts(y, answers, classes).sum(axis=1, keepdims=True) + 1)
            ),
            "The added 1 changes every row. Only a sum of 0 needs care: divide by at least 1.",
        ),
        Mistake(
            "a class without examples gets equal shares",
            lambda y, answers, classes: np.where(
                _counts(y, answers, classes).any(axis=1, keepdims=True),
                confusion_rates(y, answers, classes),
                1 / classes,
            ),
            "Where a label never occurs, its row is 0: nothing was answered.",
        ),
        Mistake(
            "divided by the number of the answers, row by row",
            lambda y, answers, classes: (
                _counts(y, answers, classes)
                / np.maximum(np.bincount(answers, minlength=classes), 1)[:, None]
            ),
            "Row c is divided by the number of examples with label c, not with answer c.",
        ),
        Mistake(
            "division without a remainder",
            lambda y, answers, classes: (
                _counts(y, answers, classes)
                // np.maximum(_counts(y, answers, classes).sum(axis=1, keepdims=True), 1)
            ),
            "// cuts every fraction down to a whole number. Divide by /.",
        ),
    ),
    hints=(
        "First count: for each example, 1 is added in the row of its label and the column of its "
        "answer.",
        "np.add.at adds to the fields of an array as often as they are named.",
        "Divide each row by its sum: along axis=1 with keepdims=True, but never by less than 1. "
        "(Predicted? Rows sum to 1 because each example of a label has some answer; nothing makes "
        "columns do so.)",
    ),
)

# temperature_slope


def temperature_slope(z, y, temperature):
    p = _softmax(z / temperature)
    named = z[np.arange(len(z)), y]
    return ((named - (p * z).sum(axis=1)) / temperature**2).mean()


def _temperature(rng, n, classes):
    z = np.round(3 * normal(rng, n, classes), 2)
    return z, labels(rng, n, classes), float(rng.choice([0.5, 0.8, 1.5, 2.0, 3.0]))


def _temperature_inputs(rng):
    n, classes = sizes(rng, 2, low=3, high=6)
    return _temperature(rng, n, classes)


def _named(z, y):
    return z[np.arange(len(z)), y]


def _expected(z, temperature):
    return (_softmax(z / temperature) * z).sum(axis=1)


def _temperature_by_logits(z, y, temperature):
    p = _softmax(z / temperature)
    dz = (p - np.eye(z.shape[1])[y]) / len(z)  # slope along z / temperature
    return (dz * -z / temperature**2).sum()


def _temperature_loop(z, y, temperature):
    total = 0.0
    for row, label in zip(z, y, strict=True):
        e = np.exp((row - row.max()) / temperature)
        total += row[label] - e @ row / e.sum()
    return total / temperature**2 / len(z)


def _temperature_complex(z, y, temperature):
    scaled = z / (temperature + 1e-30j)
    scaled = scaled - z.max(axis=1, keepdims=True) / (temperature + 1e-30j)
    losses = np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(len(z)), y]
    return losses.mean().imag / 1e-30


def _temperature_behind(rng):
    """Return labels so far behind that softmax has a probability of 0 for them."""
    return np.array([[800.0, 0.0, -200.0], [3.0, 1.0, 2.0]]), np.array([1, 0]), 1.0


def _temperature_measured(z, y, temperature):
    def loss(t):
        return -np.log(_named(_softmax(z / t), y)).mean()

    return (loss(temperature + 1e-5) - loss(temperature - 1e-5)) / 2e-5


TEMPERATURE_SLOPE = Exercise(
    name="temperature_slope",
    lesson=16,
    goal="Derive a slope along a new parameter by the chain rule.",
    points=2,
    misconception="The slope along 1 / T is taken for the slope along T.",
    reference=temperature_slope,
    inputs=_temperature_inputs,
    corners=(
        lambda rng: (np.array([[800.0, 0.0, -200.0], [0.0, 900.0, 1.0]]), np.array([1, 1]), 100.0),
        lambda rng: (np.array([[800.0, 799.5, 0.0], [1.0, 900.0, 902.0]]), np.array([1, 1]), 1.0),
        _temperature_behind,
        lambda rng: (*_temperature(rng, 3, 4)[:2], 2.0),
        lambda rng: (*_temperature(rng, 4, 3)[:2], 0.5),
    ),
    variants=(_temperature_by_logits, _temperature_loop, _temperature_complex),
    mistakes=(
        Mistake(
            "the slope along 1 / T",
            lambda z, y, t: (_expected(z, t) - _named(z, y)).mean(),
            "This is the lesson's slope, along b = 1 / T. By the chain rule it is multiplied by "
            "the slope of b along T.",
        ),
        Mistake(
            "the wrong sign",
            lambda z, y, t: -temperature_slope(z, y, t),
            "The slope of 1 / T along T is negative, so the signs change.",
        ),
        Mistake(
            "divided by T, not by its square",
            lambda z, y, t: t * temperature_slope(z, y, t),
            "What is the slope of 1 / T along T? It has a square in it.",
        ),
        Mistake(
            "not divided by the square of T",
            lambda z, y, t: t**2 * temperature_slope(z, y, t),
            "Only the sign of the slope of 1 / T is here. What is its size?",
        ),
        Mistake(
            "the sum where the mean is due",
            lambda z, y, t: len(z) * temperature_slope(z, y, t),
            "The loss is the mean over the examples.",
        ),
        Mistake(
            "the probabilities have no temperature",
            lambda z, y, t: ((_named(z, y) - _expected(z, 1.0)) / t**2).mean(),
            "p is softmax of z / T, at the temperature at which the slope is asked.",
        ),
        Mistake(
            "the probabilities at the inverse temperature",
            lambda z, y, t: ((_named(z, y) - _expected(z, 1 / t)) / t**2).mean(),
            "The logits are divided by T, not multiplied.",
        ),
        Mistake(
            "the largest logit in place of the label's",
            lambda z, y, t: ((z.max(axis=1) - _expected(z, t)) / t**2).mean(),
            "The loss knows the label: take the logit at y[n].",
        ),
        Mistake(
            "the mean of the logits in place of the expected one",
            lambda z, y, t: ((_named(z, y) - z.mean(axis=1)) / t**2).mean(),
            "The second term weights each logit by its probability.",
        ),
        Mistake(
            "the label's logit is left out",
            lambda z, y, t: (-_expected(z, t) / t**2).mean(),
            "The loss is -z_y / T + ln sum exp(z / T): two terms, two slopes.",
        ),
        Mistake(
            "the expected logit is left out",
            lambda z, y, t: (_named(z, y) / t**2).mean(),
            "The loss is -z_y / T + ln sum exp(z / T): two terms, two slopes.",
        ),
        Mistake(
            "one slope for each example",
            lambda z, y, t: (_named(z, y) - _expected(z, t)) / t**2,
            "T is one number, so its slope is one number: the mean over the examples.",
        ),
        Mistake(
            "softmax over the examples",
            lambda z, y, t: (
                (_named(z, y) - (_softmax((z / t).T).T * z).sum(axis=1)) / t**2
            ).mean(),
            "Probabilities sum to 1 over the classes, axis 1.",
        ),
        Mistake(
            "divided by the cube of T",
            lambda z, y, t: ((_named(z, y) / t - _expected(z, t) / t) / t**2).mean(),
            "The slope of z_c / T along T is -z_c / T**2: z_c itself, and T twice. Have you "
            "weighted z / T?",
        ),
        Mistake(
            "exp overflows",
            lambda z, y, t: (
                (
                    _named(z, y)
                    - (np.exp(z) ** (1 / t) * z).sum(axis=1) / (np.exp(z) ** (1 / t)).sum(axis=1)
                )
                / t**2
            ).mean(),
            "Large logits make exp infinite. Divide by T first, and use the course's softmax.",
        ),
        Mistake(
            "exp of z / T overflows",
            lambda z, y, t: (
                (_named(z, y) - (np.exp(z / t) * z).sum(axis=1) / np.exp(z / t).sum(axis=1)) / t**2
            ).mean(),
            "exp of a number above 709 is infinite. Take off each row's largest first.",
        ),
        Mistake(
            "the logarithm of a probability that is 0",
            _temperature_measured,
            "For a label that is 800 behind, softmax is 0 and its logarithm infinite. The slope "
            "can be written without a logarithm.",
        ),
        Mistake(
            "the largest logit in place of the expected one",
            lambda z, y, t: ((_named(z, y) - z.max(axis=1)) / t**2).mean(),
            "The expected logit is a mean of all of them, weighted by their probabilities.",
        ),
        Mistake(
            "the loss, not its slope",
            lambda z, y, t: -np.log(_named(_softmax(z / t), y)).mean(),
            "Asked for is how the loss changes with T.",
        ),
        Mistake(
            "only the label's own logit",
            lambda z, y, t: ((1 - _named(_softmax(z / t), y)) * _named(z, y) / t**2).mean(),
            "T divides the other logits, too, and each has its own part in the slope.",
        ),
    ),
    hints=(
        "Write the loss of one image with T in it: -z_y / T + ln(sum of exp(z_c / T)).",
        "The lesson has the slope along b = 1 / T. What is the slope of b along T?",
        "(z_y - sum of p_c z_c) / T**2, with p from softmax(z / T), and the mean over the "
        "examples. (Predicted? Where the network is too sure, a higher T lowers the loss, so it is "
        "negative.)",
    ),
)

# equal_count_calibration


def equal_count_calibration(p, y, groups):
    confidence, right = p.max(axis=1), p.argmax(axis=1) == y
    order = np.argsort(confidence, kind="stable")
    gaps = [
        len(part) * abs(right[part].mean() - confidence[part].mean())
        for part in np.array_split(order, groups)
    ]
    return sum(gaps) / len(p)


def _probabilities(rng, n, classes):
    """Rows of probabilities, no two alike in their largest."""
    tops = rng.permutation(np.linspace(0.52, 0.98, n))
    others = rng.uniform(0.1, 1, (n, classes - 1))
    others *= ((1 - tops) / others.sum(axis=1))[:, None]
    rows = np.concatenate([tops[:, None], others], axis=1)
    return np.array([np.roll(row, rng.integers(classes)) for row in rows])


def _calibration(rng, n, classes, groups):
    while True:
        p = _probabilities(rng, n, classes)
        y = np.where(rng.random(n) < 0.6, p.argmax(axis=1), labels(rng, n, classes))
        y[0], y[1] = p[0].argmax(), (p[1].argmax() + 1) % classes
        if equal_count_calibration(p, y, groups) > 0.03:  # not lost in the rounding of float32
            return p, y, groups


def _calibration_inputs(rng):
    groups = int(rng.integers(2, 5))
    return _calibration(rng, groups * int(rng.integers(3, 6)), int(rng.integers(3, 5)), groups)


def _calibration_with(
    confidence=lambda p: p.max(axis=1),
    right=lambda p, y: p.argmax(axis=1) == y,
    order=np.argsort,
    gap=lambda right, confidence: abs(right.mean() - confidence.mean()),
    weight=len,
    split=np.array_split,
    finish=lambda total, n, groups: total / n,
):
    """Return the function with something else in it."""

    def function(p, y, groups):
        c, r = confidence(p), right(p, y)
        parts = split(order(c), groups)
        return finish(sum(weight(part) * gap(r[part], c[part]) for part in parts), len(p), groups)

    return function


def _rest_last(order, groups):
    size = len(order) // groups
    return [order[i * size : (i + 1) * size if i < groups - 1 else None] for i in range(groups)]


def _sorted_by_answer(p, y, groups):
    order = np.argsort(p.argmax(axis=1), kind="stable")
    return _calibration_with(order=lambda confidence: order)(p, y, groups)


def _equal_width(p, y, groups):
    c, r = p.max(axis=1), p.argmax(axis=1) == y
    part = np.minimum((groups * c).astype(int), groups - 1)
    return np.abs(np.bincount(part, r - c)).sum() / len(p)


def _calibration_sums(p, y, groups):
    order = p.max(axis=1).argsort()
    gap = (p.argmax(axis=1) == y)[order] - p.max(axis=1)[order]
    sizes_ = np.full(groups, len(p) // groups) + (np.arange(groups) < len(p) % groups)
    starts = np.cumsum(sizes_) - sizes_
    return np.abs(np.add.reduceat(gap, starts)).sum() / len(p)


def _calibration_loop(p, y, groups):
    pairs = sorted(
        (float(row.max()), float(row.argmax() == label)) for row, label in zip(p, y, strict=True)
    )
    total, start = 0.0, 0
    for k in range(groups):
        size = len(pairs) // groups + (k < len(pairs) % groups)
        part = pairs[start : start + size]
        total += abs(sum(r for _, r in part) - sum(c for c, _ in part))
        start += size
    return total / len(pairs)


def _cut_down(order, groups):
    size = len(order) // groups
    return [order[k * size : (k + 1) * size] for k in range(groups)]


EQUAL_COUNT_CALIBRATION = Exercise(
    name="equal_count_calibration",
    lesson=16,
    goal="Sort, cut into groups of equal size, and weight their gaps.",
    points=3,
    misconception="Confidences are sorted, and the right answers stay in their old order.",
    reference=equal_count_calibration,
    inputs=_calibration_inputs,
    corners=(
        lambda rng: _calibration(rng, 11, 3, 4),
        lambda rng: _calibration(rng, 8, 4, 1),
        lambda rng: (
            np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6], [0.45, 0.55]]),
            np.array([0, 1, 1, 0, 1]),
            2,
        ),
        lambda rng: (
            np.array([[0.55, 0.45], [0.4, 0.6], [0.35, 0.65], [0.95, 0.05], [0.98, 0.02]]),
            np.array([0, 1, 1, 1, 1]),
            2,
        ),
    ),
    out_of_reach=("inspection.expected_calibration_error",),
    variants=(_calibration_sums, _calibration_loop),
    mistakes=(
        Mistake(
            "intervals of equal width",
            _equal_width,
            "These are the lesson's intervals, most of which hold next to nothing. Here every "
            "group has the same number of examples.",
        ),
        Mistake(
            "not sorted",
            _calibration_with(order=lambda c: np.arange(len(c))),
            "The groups are cut in the order of the rows. Sort by confidence first.",
        ),
        Mistake(
            "only the confidences are sorted",
            lambda p, y, groups: _split_apart(p, y, groups),
            "After sorting, confidence and right answer of one row must still belong together: "
            "sort both by the same order, np.argsort.",
        ),
        Mistake(
            "the gaps keep their signs",
            _calibration_with(gap=lambda r, c: r.mean() - c.mean()),
            "A gap below and one above must not cancel: take the size of each.",
        ),
        Mistake(
            "the gaps keep their signs, confidence less accuracy",
            _calibration_with(gap=lambda r, c: c.mean() - r.mean()),
            "A gap below and one above must not cancel: take the size of each.",
        ),
        Mistake(
            "the size of each example's gap",
            _calibration_with(gap=lambda r, c: abs(r - c).mean()),
            "Within a group the mean comes first and the size after: accuracy is a property of the "
            "group, not of an example.",
        ),
        Mistake(
            "the groups are not weighted",
            _calibration_with(
                weight=lambda part: 1, finish=lambda total, n, groups: total / groups
            ),
            "If N is no multiple of the groups, some are larger by one, and count for more.",
        ),
        Mistake(
            "the gaps are added up",
            _calibration_with(weight=lambda part: 1, finish=lambda total, n, groups: total),
            "The mean of the gaps is due, each weighted by its share of the examples.",
        ),
        Mistake(
            "not divided by N",
            _calibration_with(finish=lambda total, n, groups: total),
            "A group's weight is its share of the examples: its size divided by N.",
        ),
        Mistake(
            "the largest gap",
            lambda p, y, groups: max(_gaps(p, y, groups)),
            "This is the maximum calibration error. The expected one is the weighted mean.",
        ),
        Mistake(
            "the gaps are squared",
            _calibration_with(gap=lambda r, c: (r.mean() - c.mean()) ** 2),
            "The size of the gap is due, not its square.",
        ),
        Mistake(
            "the label's probability is taken for the confidence",
            lambda p, y, groups: _with_confidence(p, y, groups, p[np.arange(len(p)), y]),
            "Confidence is the probability of the answer, whether or not it is the label.",
        ),
        Mistake(
            "the last examples are left out",
            _calibration_with(split=_cut_down),
            "Every example belongs to a group. np.array_split makes the first groups larger by "
            "one.",
        ),
        Mistake(
            "the larger groups come last",
            _calibration_with(order=lambda c: np.argsort(-c)),
            "Sort from the least confident upwards, so that the larger groups are the less sure.",
        ),
        Mistake(
            "per cent",
            lambda p, y, groups: 100 * equal_count_calibration(p, y, groups),
            "A fraction from 0 to 1 is asked for.",
        ),
        Mistake(
            "errors in place of right answers",
            _calibration_with(right=lambda p, y: p.argmax(axis=1) != y),
            "Confidence promises that the answer is right. Compare it with the fraction of right "
            "answers.",
        ),
        Mistake(
            "the last group takes the rest",
            _calibration_with(split=_rest_last),
            "If N is no multiple of the groups, the first groups get one example more each.",
        ),
        Mistake(
            "groups of so many examples",
            _calibration_with(
                split=lambda order, k: [order[i : i + k] for i in range(0, len(order), k)]
            ),
            "groups says how many groups there are, not how many examples are in each.",
        ),
        Mistake(
            "sorted by the answers",
            _sorted_by_answer,
            "Sort by confidence, the largest probability of a row, not by the class answered.",
        ),
    ),
    hints=(
        "order = np.argsort(p.max(axis=1)) has the row numbers, from the least to the most sure.",
        "np.array_split(order, groups) cuts them into groups; each holds row numbers.",
        "For a group: its size times the size of (mean of right - mean of confidence). Add up, and "
        "divide by N. (Predicted? With one group it is the gap of the whole.)",
    ),
)


def _gaps(p, y, groups):
    c, r = p.max(axis=1), p.argmax(axis=1) == y
    parts = np.array_split(np.argsort(c), groups)
    return [abs(r[part].mean() - c[part].mean()) for part in parts]


def _split_apart(p, y, groups):
    c, r = np.sort(p.max(axis=1)), p.argmax(axis=1) == y
    parts = np.array_split(np.arange(len(p)), groups)
    return sum(len(part) * abs(r[part].mean() - c[part].mean()) for part in parts) / len(p)


def _with_confidence(p, y, groups, c):
    r = p.argmax(axis=1) == y
    parts = np.array_split(np.argsort(c), groups)
    return sum(len(part) * abs(r[part].mean() - c[part].mean()) for part in parts) / len(p)


# step_towards


def step_towards(x, w1, b1, w2, b2, target, strength):
    z1 = x @ w1 + b1
    z2 = np.maximum(z1, 0) @ w2 + b2
    dz2 = _softmax(z2) - np.eye(w2.shape[1])[target]
    dx = ((dz2 @ w2.T) * (z1 > 0)) @ w1.T
    return np.clip(x - strength * np.sign(dx), 0, 1)


def _attack(rng, n, d, h, classes, strength=None):
    x = np.round(rng.uniform(0.02, 0.98, (n, d)), 2)
    w1, w2 = normal(rng, d, h), normal(rng, h, classes)
    b1, b2 = 0.5 * normal(rng, h), 0.5 * normal(rng, classes)
    b1[0] = 3.0  # one gate that is open for every image, so that no slope is lost
    strength = strength or float(np.round(rng.uniform(0.1, 0.4), 2))
    return x, w1, b1, w2, b2, int(rng.integers(classes)), strength


def _attack_inputs(rng):
    n, d, h, classes = sizes(rng, 4, low=3, high=7)
    return _attack(rng, n, d, h, classes)


def _attack_with(
    dz=lambda p, target: p - np.eye(p.shape[1])[target],
    gate=lambda z1: z1 > 0,
    step=lambda x, dx, strength: x - strength * np.sign(dx),
    finish=lambda x: np.clip(x, 0, 1),
    activation=lambda z1: np.maximum(z1, 0),
):
    """Return the function with something else in it."""

    def function(x, w1, b1, w2, b2, target, strength):
        z1 = x @ w1 + b1
        p = _softmax(activation(z1) @ w2 + b2)
        dx = ((dz(p, target) @ w2.T) * gate(z1)) @ w1.T
        return finish(step(x, dx, strength))

    return function


def _attack_in_place(x, w1, b1, w2, b2, target, strength):
    x[...] = step_towards(x, w1, b1, w2, b2, target, strength)
    return x


def _attack_loop(x, w1, b1, w2, b2, target, strength):
    rows = []
    for row in x:
        z1 = row @ w1 + b1
        z2 = np.where(z1 > 0, z1, 0) @ w2 + b2
        p = np.exp(z2 - z2.max())
        p /= p.sum()
        p[target] -= 1
        rows.append(
            np.minimum(np.maximum(row - strength * np.sign(w1 @ ((w2 @ p) * (z1 > 0))), 0), 1)
        )
    return np.array(rows)


def _attack_uphill(x, w1, b1, w2, b2, target, strength):
    z1 = x @ w1 + b1
    p = _softmax(np.maximum(z1, 0) @ w2 + b2)
    up = -(p / len(x))
    up[:, target] += 1 / len(x)
    moved = x + strength * np.sign((up @ w2.T * (z1 > 0)) @ w1.T)
    return moved.clip(0.0, 1.0)


def _attack_fixed(rng):
    """Return a case in which every gate is shut for one image: nothing moves there."""
    x, w1, b1, w2, b2, target, strength = _attack(rng, 4, 3, 2, 3)
    w1, b1 = np.array([[2.0, -1.0], [-1.5, 1.0], [0.5, 2.0]]), np.array([-0.5, -0.6])
    x = np.array([[0.1, 0.3, 0.05], [0.9, 0.2, 0.6], [0.4, 0.8, 0.7], [0.95, 0.03, 0.5]])
    return x, w1, b1, w2, b2, target, strength


STEP_TOWARDS = Exercise(
    name="step_towards",
    lesson=16,
    goal="Walk back to the pixels of a network with one hidden layer, and aim.",
    points=4,
    misconception="The step goes up the loss, away from the class that is aimed at.",
    reference=step_towards,
    inputs=_attack_inputs,
    corners=(_attack_fixed, lambda rng: _attack(rng, 5, 6, 4, 3, 0.45)),
    out_of_reach=("inspection.fast_gradient_sign",),
    variants=(_attack_loop, _attack_uphill),
    mistakes=(
        Mistake(
            "away from the class",
            _attack_with(step=lambda x, dx, strength: x + strength * np.sign(dx)),
            "This raises the loss of the class aimed at, so it leads away from it. Go down.",
        ),
        Mistake(
            "the slope itself, not its sign",
            _attack_with(step=lambda x, dx, strength: x - strength * dx),
            "Every pixel moves by the full strength; of the slope only the sign counts.",
        ),
        Mistake(
            "the slope, brought to length 1",
            _attack_with(
                step=lambda x, dx, strength: (
                    x - strength * dx / np.maximum(np.linalg.norm(dx, axis=1, keepdims=True), 1e-12)
                )
            ),
            "Every pixel moves by the full strength; of the slope only the sign counts.",
        ),
        Mistake(
            "the pixels leave [0, 1]",
            _attack_with(finish=lambda x: x),
            "A pixel is between 0 and 1 before and after the step: clip.",
        ),
        Mistake(
            "only pixels below 0 are cut off",
            _attack_with(finish=lambda x: np.maximum(x, 0)),
            "A pixel cannot be above 1 either.",
        ),
        Mistake(
            "only pixels above 1 are cut off",
            _attack_with(finish=lambda x: np.minimum(x, 1)),
            "A pixel cannot be below 0 either.",
        ),
        Mistake(
            "no gate on the way back",
            _attack_with(gate=lambda z1: np.ones_like(z1)),
            "Where ReLU is shut, no slope passes: multiply by z1 > 0 before w1.",
        ),
        Mistake(
            "the gate is open where it should be shut",
            _attack_with(gate=lambda z1: z1 < 0),
            "ReLU lets slopes pass where z1 > 0.",
        ),
        Mistake(
            "no ReLU on the way forward",
            _attack_with(activation=lambda z1: z1),
            "The network has a ReLU between its layers: max(z1, 0) goes into the second.",
        ),
        Mistake(
            "no ReLU at all",
            _attack_with(activation=lambda z1: z1, gate=lambda z1: np.ones_like(z1)),
            "The network has a ReLU between its layers, in both directions.",
        ),
        Mistake(
            "the target is not subtracted",
            _attack_with(dz=lambda p, target: p),
            "At the logits the slope is p - t: subtract 1 in the column of the target.",
        ),
        Mistake(
            "aimed away from the network's own answer",
            _attack_with(dz=lambda p, target: np.eye(p.shape[1])[p.argmax(axis=1)] - p),
            "This leads away from the answer of the moment, to whatever is nearest. The step "
            "should lead to `target`.",
        ),
        Mistake(
            "aimed at the network's own answer",
            _attack_with(dz=lambda p, target: p - np.eye(p.shape[1])[p.argmax(axis=1)]),
            "The one-hot row is that of `target`, the class that the images shall be taken for.",
        ),
        Mistake(
            "the change, not the images",
            _attack_with(
                step=lambda x, dx, strength: -strength * np.sign(dx), finish=lambda step: step
            ),
            "Return the changed images, x and the step together.",
        ),
        Mistake(
            "the caller's images are changed",
            _attack_in_place,
            "x belongs to the caller, who will compare it with the changed images. Return new "
            "ones.",
        ),
        Mistake(
            "the slope of the target's logit",
            _attack_with(dz=lambda p, target: -np.ones_like(p) * np.eye(p.shape[1])[target]),
            "The logits of the other classes are in the loss, too: its slope at the logits is "
            "p - t.",
        ),
        Mistake(
            "one step for the whole batch",
            _attack_with(
                step=lambda x, dx, strength: x - strength * np.sign(dx.sum(axis=0)),
            ),
            "Each image has slopes of its own, and its own step.",
        ),
        Mistake(
            "1 is subtracted in a row",
            _attack_with(
                dz=lambda p, target: p - (np.arange(len(p)) == target)[:, None],
            ),
            "The target is a class, so 1 is subtracted in its column, for every image.",
        ),
        Mistake(
            "the slope, brought to a largest entry of 1",
            _attack_with(
                step=lambda x, dx, strength: (
                    x - strength * dx / np.maximum(np.abs(dx).max(axis=1, keepdims=True), 1e-300)
                )
            ),
            "Every pixel moves by the full strength; of the slope only the sign counts.",
        ),
        Mistake(
            "a pixel without a slope moves",
            _attack_with(step=lambda x, dx, strength: np.where(dx > 0, x - strength, x + strength)),
            "Where the slope is 0, a pixel stays. np.sign is 0 there.",
        ),
    ),
    hints=(
        "Forward: z1, ReLU, z2, softmax. The slope at the logits is p less the one-hot row of the "
        "target, as if the target were the label.",
        "Back: @ w2.T, the gate z1 > 0, @ w1.T. The last product is the line of the lesson's "
        "beginning.",
        "Loss of the target *down*: x - strength * np.sign(dx), then np.clip. (Predicted? A "
        "slope is true nearby only, so after a long step some are there, and some elsewhere.)",
    ),
)

# back_from_plane


def back_from_plane(x, new, count):
    mean = x.mean(axis=0)
    c = x - mean
    _, directions = np.linalg.eigh(c.T @ c / len(x))
    kept = directions[:, ::-1][:, :count]
    images = mean + (new - mean) @ kept @ kept.T
    return images, ((new - images) ** 2).sum(axis=1)


def _plane(rng, n, m, d, count):
    """Examples whose spread along the axes is clearly different, far from the origin."""
    turn, _ = np.linalg.qr(rng.normal(size=(d, d)))
    spread = 2.0 ** -np.arange(d)
    centre = rng.uniform(1, 3, d)
    x = (rng.normal(size=(n, d)) * spread) @ turn.T + centre
    new = (rng.normal(size=(m, d)) * spread) @ turn.T + centre + 0.3 * rng.normal(size=(m, d))
    return x, new, count


def _plane_inputs(rng):
    d = int(rng.integers(4, 6))
    return _plane(rng, 30, int(rng.integers(2, 5)), d, int(rng.integers(1, d - 1)))


def _plane_with(
    mean=lambda x, new: x.mean(axis=0),
    shift=lambda new, mean: new - mean,
    pick=lambda directions, count: directions[:, ::-1][:, :count],
    back=lambda kept: kept.T,
    add=lambda images, mean: images + mean,
    off=lambda new, images: ((new - images) ** 2).sum(axis=1),
    source=lambda x, new: x,
    centre=True,
):
    """Return the function with something else in it."""

    def function(x, new, count):
        m, data = mean(x, new), source(x, new)
        c = data - data.mean(axis=0) if centre else data
        _, directions = np.linalg.eigh(c.T @ c / len(data))
        kept = pick(directions, count)
        images = add(shift(new, m) @ kept @ back(kept), m)
        return images, off(new, images)

    return function


def _plane_uncentred_result(x, new, count):
    images, lost = back_from_plane(x, new, count)
    return images - x.mean(axis=0), lost


def _plane_coordinates(x, new, count):
    mean = x.mean(axis=0)
    kept = np.linalg.eigh((x - mean).T @ (x - mean))[1][:, ::-1][:, :count]
    return (new - mean) @ kept, back_from_plane(x, new, count)[1]


def _plane_of_equal_spreads(x, new, count):
    deviation = x.std(axis=0)
    images = back_from_plane(x / deviation, new / deviation, count)[0] * deviation
    return images, ((new - images) ** 2).sum(axis=1)


def _plane_svd(x, new, count):
    mean = x.mean(axis=0)
    rows = np.linalg.svd(x - mean, full_matrices=False)[2][:count]
    images = mean + np.einsum("nd,kd,ke->ne", new - mean, rows, rows)
    return images, np.linalg.norm(new - images, axis=1) ** 2


def _plane_rest(x, new, count):
    """By what is lost, along the directions that are left out."""
    mean = x.mean(axis=0)
    _, directions = np.linalg.eigh(np.cov(x.T))
    lost = (new - mean) @ directions[:, : x.shape[1] - count]
    return new - lost @ directions[:, : x.shape[1] - count].T, (lost**2).sum(axis=1)


BACK_FROM_PLANE = Exercise(
    name="back_from_plane",
    lesson=16,
    goal="Project new examples on the principal directions of others, and come back.",
    points=5,
    misconception="The mean is not added again, or the new examples choose their own plane.",
    reference=back_from_plane,
    inputs=_plane_inputs,
    corners=(lambda rng: _plane(rng, 20, 3, 4, 3), lambda rng: _plane(rng, 25, 1, 4, 2)),
    outputs=("points", "lost"),
    out_of_reach=("inspection.principal_components",),
    variants=(_plane_svd, _plane_rest),
    mistakes=(
        Mistake(
            "the mean is not added again",
            _plane_with(add=lambda images, mean: images),
            "These points are measured from the mean of x. Add it at the end.",
        ),
        Mistake(
            "the mean is not taken off first",
            _plane_with(shift=lambda new, mean: new),
            "The plane goes through the mean of x: take it off before you project.",
        ),
        Mistake(
            "the mean is neither taken off nor added",
            _plane_with(shift=lambda new, mean: new, add=lambda images, mean: images),
            "The plane goes through the mean of x, not through 0.",
        ),
        Mistake(
            "the directions of the smallest spread",
            _plane_with(pick=lambda directions, count: directions[:, :count]),
            "eigh sorts from small to large, so the largest stand in the last columns.",
        ),
        Mistake(
            "rows where columns are due",
            _plane_with(pick=lambda directions, count: directions[::-1][:count].T),
            "The eigenvectors are the columns of what eigh returns.",
        ),
        Mistake(
            "the mean of the new examples",
            _plane_with(mean=lambda x, new: new.mean(axis=0)),
            "The plane belongs to x, and so does the mean through which it goes.",
        ),
        Mistake(
            "x is not centred for the covariance",
            _plane_with(centre=False),
            "Without centring the first direction points at the mean. Take the mean off before the "
            "product.",
        ),
        Mistake(
            "one direction too many",
            _plane_with(pick=lambda directions, count: directions[:, ::-1][:, : count + 1]),
            "Keep `count` directions.",
        ),
        Mistake(
            "one direction too few",
            _plane_with(pick=lambda directions, count: directions[:, ::-1][:, : count - 1]),
            "Keep `count` directions.",
        ),
        Mistake(
            "only the direction number count",
            _plane_with(pick=lambda directions, count: directions[:, ::-1][:, count - 1 : count]),
            "All of the first `count` directions are kept, not the last of them alone.",
        ),
        Mistake(
            "the root of what is lost",
            _plane_with(off=lambda new, images: np.linalg.norm(new - images, axis=1)),
            "The squared distance is asked for, without its root.",
        ),
        Mistake(
            "the mean over the features",
            _plane_with(off=lambda new, images: ((new - images) ** 2).mean(axis=1)),
            "The squares are added up over the features, not averaged.",
        ),
        Mistake(
            "one number for all examples",
            _plane_with(off=lambda new, images: ((new - images) ** 2).sum()),
            "One number for each new example: sum over axis 1.",
        ),
        Mistake(
            "the sum runs over the examples",
            _plane_with(off=lambda new, images: ((new - images) ** 2).sum(axis=0)),
            "One number for each new example: sum over axis 1.",
        ),
        Mistake(
            "differences are not squared",
            _plane_with(off=lambda new, images: (new - images).sum(axis=1)),
            "Differences of both signs cancel. Square them first.",
        ),
        Mistake(
            "the sizes of the differences are added",
            _plane_with(off=lambda new, images: np.abs(new - images).sum(axis=1)),
            "The squares of the differences are asked for.",
        ),
        Mistake(
            "points and losses have changed places",
            lambda *a: back_from_plane(*a)[::-1],
            "Return the points first, then what is lost.",
        ),
        Mistake(
            "the mean is not added again, and the losses measured without it",
            _plane_uncentred_result,
            "The points lie in the space of the features, around the mean of x: add it again.",
        ),
        Mistake(
            "no mean anywhere",
            _plane_with(centre=False, mean=lambda x, new: 0.0),
            "Directions of variance are those of x less its mean, and the plane goes through it.",
        ),
        Mistake(
            "mean and directions are those of new",
            lambda x, new, count: back_from_plane(new, new, count),
            "The plane is that of x. The new examples need not be among them.",
        ),
        Mistake(
            "the examples of x are projected",
            lambda x, new, count: back_from_plane(x, x, count),
            "x gives the plane. It is the examples of new that are projected on it.",
        ),
        Mistake(
            "the coordinates in the plane",
            _plane_coordinates,
            "These are the K numbers of each point. One product leads back to the D features.",
        ),
        Mistake(
            "the distance of the point from the mean",
            lambda x, new, count: (
                back_from_plane(x, new, count)[0],
                ((back_from_plane(x, new, count)[0] - x.mean(axis=0)) ** 2).sum(axis=1),
            ),
            "That is what the plane keeps. It loses the distance from the example to its point.",
        ),
        Mistake(
            "features are brought to one spread",
            _plane_of_equal_spreads,
            "Divided by their deviations the features have other directions of largest variance.",
        ),
    ),
    hints=(
        "As in the lesson: centre x, covariance, eigh, the last columns. All of this from x alone.",
        "(new - mean) @ kept are the coordinates in the plane, (M, K). From there, @ kept.T leads "
        "back to D, because the columns have length 1 and are perpendicular.",
        "mean + (new - mean) @ kept @ kept.T. (Predicted? With all D directions nothing is lost.)",
    ),
)

EXERCISES = (
    CONFUSION_RATES,
    TEMPERATURE_SLOPE,
    EQUAL_COUNT_CALIBRATION,
    STEP_TOWARDS,
    BACK_FROM_PLANE,
)
