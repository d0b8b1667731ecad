"""Exercises of lesson 05, Losses and the softmax Jacobian."""

import numpy as np

from .._draw import labels, normal, sizes
from .._exercise import Exercise, Mistake

LOSSES = ("softmax_cross_entropy", "mean_squared_error")
"""The losses of the package: out of reach in every blank of this set."""


def _softmax(z, axis=1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _log_softmax(z):
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def _naive_softmax(z):
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


# back_through_log_softmax


def back_through_log_softmax(d, z):
    return d - _softmax(z) * d.sum(axis=1, keepdims=True)


def _log_inputs(rng):
    n, c = sizes(rng, 2)
    return normal(rng, n, c), normal(rng, n, c)


def _log_square(rng):
    n = int(rng.integers(3, 5))
    return normal(rng, n, n), normal(rng, n, n)


def _log_large(rng):
    return normal(rng, 2, 3), np.array([[1000.0, 999.0, -1000.0], [-800.0, -801.0, -799.0]])


def _log_with_table(d, z):
    p = _softmax(z)
    table = np.eye(z.shape[1]) - p[:, None, :]  # (N, i, j): how log p_i answers to z_j
    return np.einsum("ni,nij->nj", d, table)


def _log_loop(d, z):
    dz = np.empty_like(d)
    for n in range(len(z)):
        dz[n] = d[n] - d[n].sum() * _softmax(z[n : n + 1])[0]
    return dz


BACK_THROUGH_LOG_SOFTMAX = Exercise(
    name="back_through_log_softmax",
    lesson=5,
    goal="Multiply with a Jacobian that is not symmetric, without building it.",
    points=2,
    misconception="Only the entry itself answers to a logit, or the sum has the weights in it.",
    reference=back_through_log_softmax,
    inputs=_log_inputs,
    corners=(_log_square, _log_large),
    out_of_reach=("log_softmax_backward", "softmax_backward", *LOSSES),
    variants=(_log_with_table, _log_loop),
    mistakes=(
        Mistake(
            "the step back through softmax",
            lambda d, z: _softmax(z) * (d - (d * _softmax(z)).sum(axis=1, keepdims=True)),
            "That is the product for softmax. The logarithm has divided its table by p_i: which "
            "factors are gone?",
        ),
        Mistake(
            "the table is transposed",
            lambda d, z: d - (_softmax(z) * d).sum(axis=1, keepdims=True),
            "This Jacobian is not symmetric. The sum runs over the outputs i; is p_j inside it or "
            "outside?",
        ),
        Mistake(
            "the sum runs over the examples",
            lambda d, z: d - _softmax(z) * d.sum(axis=0),
            "Each example has a table of its own. The sum runs over its classes.",
        ),
        Mistake(
            "one sum for the whole batch",
            lambda d, z: d - _softmax(z) * d.sum(),
            "Each example has a sum of its own, over its classes.",
        ),
        Mistake(
            "the sum is left out",
            lambda d, z: d - _softmax(z),
            "Every output answers to z_j by -p_j, each with its own d_i. What adds up?",
        ),
        Mistake(
            "only the entry itself",
            lambda d, z: d * (1 - _softmax(z)),
            "That is the diagonal of the table alone. Raising one logit lowers all other outputs.",
        ),
        Mistake(
            "a plus where a minus is due",
            lambda d, z: d + _softmax(z) * d.sum(axis=1, keepdims=True),
            "A larger logit lowers the log-probabilities of the others. Look at the sign.",
        ),
        Mistake(
            "exp overflows",
            lambda d, z: d - _naive_softmax(z) * d.sum(axis=1, keepdims=True),
            "exp of a logit above 709 is infinite. Take off each row's maximum first.",
        ),
        Mistake(
            "softmax over the examples",
            lambda d, z: d - _softmax(z, axis=0) * d.sum(axis=1, keepdims=True),
            "A row is one example, and its probabilities sum to 1.",
        ),
        Mistake(
            "the mean where the sum is due",
            lambda d, z: d - _softmax(z) * d.mean(axis=1, keepdims=True),
            "The slopes of a row are added up: dz_j has the sum of all d_i in it.",
        ),
        Mistake(
            "keepdims is forgotten",
            lambda d, z: d - _softmax(z) * d.sum(axis=1),
            "d.sum(axis=1) has shape (N,), which meets the last axis, that of the classes. Keep "
            "its second axis.",
        ),
        Mistake(
            "the wrong sign",
            lambda d, z: _softmax(z) * d.sum(axis=1, keepdims=True) - d,
            "The delta in the table has a plus, the probability a minus.",
        ),
        Mistake(
            "the logits in place of the probabilities",
            lambda d, z: d - z * d.sum(axis=1, keepdims=True),
            "The table has p in it, the softmax of z.",
        ),
        Mistake(
            "the logarithms in place of the probabilities",
            lambda d, z: d - _log_softmax(z) * d.sum(axis=1, keepdims=True),
            "The table has p in it, not its logarithm.",
        ),
        Mistake(
            "softmax of d",
            lambda d, z: d - _softmax(d) * d.sum(axis=1, keepdims=True),
            "The probabilities are those of the logits z; d is what arrives.",
        ),
        Mistake(
            "1/N comes in once more",
            lambda d, z: back_through_log_softmax(d, z) / len(d),
            "Whatever factor the loss has, it is in d already.",
        ),
        Mistake(
            "one maximum for the whole batch",
            lambda d, z: d
            - np.exp(z - z.max())
            / np.exp(z - z.max()).sum(axis=1, keepdims=True)
            * d.sum(axis=1, keepdims=True),
            "A row far below the batch's largest logit becomes 0 / 0. Each row has a maximum of "
            "its own.",
        ),
        Mistake(
            "d is divided by the probabilities",
            lambda d, z: d
            / np.maximum(
                np.exp(z - z.max(axis=1, keepdims=True))
                / np.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True),
                1e-300,
            ),
            "That is the step back through the logarithm alone. The table of slopes has "
            "softmax in it already.",
        ),
    ),
    hints=(
        "Put the table into the sum over i, and split it in two: where is delta_ij 1?",
        "p_j does not depend on i, so it can be taken out of the sum. What is left inside? (The "
        "prediction: row i sums to 0, column j to 1 - C p_j.)",
    ),
)

# huber


def huber(a, target, delta):
    e = a - target
    far = np.abs(e) > delta
    loss = np.where(far, delta * (np.abs(e) - delta / 2), e**2 / 2).sum() / len(a)
    return loss, np.clip(e, -delta, delta) / len(a)


def _huber_inputs(rng):
    n, k = sizes(rng, 2)
    a, delta = normal(rng, n, k), float(rng.choice([0.6, 0.75, 1.5]))
    e = normal(rng, n, k) + 0.003
    e.flat[:4] = delta * np.array([0.3, -0.4, 1.7, -2.3])
    return a, a - e, delta


def _huber_loop(a, target, delta):
    loss, da = 0.0, np.zeros_like(a)
    for place in np.ndindex(a.shape):
        e = a[place] - target[place]
        if abs(e) <= delta:
            loss, da[place] = loss + e * e / 2, e
        else:
            loss, da[place] = loss + delta * abs(e) - delta**2 / 2, delta * (1 if e > 0 else -1)
    return float(loss / len(a)), da / len(a)


def _huber_by_minimum(a, target, delta):
    e = np.abs(target - a)
    q = np.minimum(e, delta)
    loss = (q**2 / 2 + delta * (e - q)).sum(axis=1).mean()
    return loss, q * np.sign(a - target) / len(a)


def _huber(loss=None, da=None):
    """Return the pair with another loss, another gradient, or both."""

    def pair(a, target, delta):
        right, e = huber(a, target, delta), a - target
        return (
            loss(e, delta) / len(a) if loss else right[0],
            da(e, delta) / len(a) if da else right[1],
        )

    return pair


def _after(right, loss=lambda loss, a: loss, back=lambda slope, a: slope):
    """Return a loss and its gradient after something was done to the right ones.

    `a` is the first argument, (N, K), whose shape is at hand.
    """

    def pair(a, *others):
        value, slope = right(a, *others)
        return loss(value, a), back(slope, a)

    return pair


def _huber_each(e, delta):
    size = np.abs(e)
    return np.where(size > delta, delta * (size - delta / 2), e**2 / 2)


def _huber_other(a, target, delta, near=lambda e: e**2 / 2, far=None):
    """Return the loss with another piece near zero, or far out."""
    e = a - target
    size = np.abs(e)
    outside = far(size) if far else delta * (size - delta / 2)
    return np.where(size > delta, outside, near(e)).sum() / len(a)


def _huber_if(e, delta):
    size = np.abs(e)
    return delta * (size - delta / 2) if size.max() > delta else e**2 / 2


HUBER = Exercise(
    name="huber",
    lesson=5,
    goal="Write a loss of two pieces with its gradient, and know how they join.",
    points=2,
    misconception="The pieces need not meet, or the slope has no sign on the straight one.",
    reference=huber,
    inputs=_huber_inputs,
    outputs=("loss", "da"),
    out_of_reach=LOSSES,
    variants=(_huber_loop, _huber_by_minimum),
    mistakes=(
        Mistake(
            "the two pieces do not meet",
            _huber(
                loss=lambda e, delta: np.where(np.abs(e) > delta, delta * np.abs(e), e**2 / 2).sum()
            ),
            "At an error of delta both pieces must give the same value. What does the straight one "
            "need so that they do?",
        ),
        Mistake(
            "the square without its half",
            _huber(
                loss=lambda e, delta: np.where(
                    np.abs(e) > delta, delta * (np.abs(e) - delta / 2), e**2
                ).sum()
            ),
            "Near zero the loss is half of the square. At an error of delta the pieces must meet.",
        ),
        Mistake(
            "the slope has no sign far out",
            _huber(da=lambda e, delta: np.where(np.abs(e) > delta, delta, e)),
            "For an answer that is far too low, the loss falls when the answer rises.",
        ),
        Mistake(
            "the slope of squared error everywhere",
            _huber(da=lambda e, delta: e),
            "On the straight pieces the slope no longer grows with the error. That is what this "
            "loss is for.",
        ),
        Mistake(
            "the slope of the square is doubled",
            _huber(
                da=lambda e, delta: np.where(np.abs(e) > delta, delta * np.sign(e), 2 * e),
            ),
            "The square has a factor one half in front, and its derivative has none.",
        ),
        Mistake(
            "answers that are far too low count as near",
            _huber(
                loss=lambda e, delta: np.where(
                    e > delta, delta * (np.abs(e) - delta / 2), e**2 / 2
                ).sum(),
                da=lambda e, delta: np.where(e > delta, delta * np.sign(e), e),
            ),
            "An error of -5 is not below delta in size.",
        ),
        Mistake(
            "the sum where the mean is due",
            lambda a, target, delta: tuple(part * len(a) for part in huber(a, target, delta)),
            "With twice as many examples the loss should stay about the same.",
        ),
        Mistake(
            "the mean over all entries",
            lambda a, target, delta: tuple(part / a.shape[1] for part in huber(a, target, delta)),
            "Sum over the outputs of an example, and divide by the number of examples.",
        ),
        Mistake(
            "1/N is missing in the gradient",
            lambda a, target, delta: (
                huber(a, target, delta)[0],
                huber(a, target, delta)[1] * len(a),
            ),
            "The loss is a mean over the examples, so each slope has the same factor.",
        ),
        Mistake(
            "the gradient has the wrong sign",
            lambda a, target, delta: (huber(a, target, delta)[0], -huber(a, target, delta)[1]),
            "The slope is along a: where a is too large, the loss rises with it.",
        ),
        Mistake(
            "the mean over all entries in the loss alone",
            _after(huber, loss=lambda loss, a: loss / a.shape[1]),
            "The entries of an example are added up, and only the examples are averaged.",
        ),
        Mistake(
            "1/N is missing in the loss",
            _after(huber, loss=lambda loss, a: loss * len(a)),
            "With twice as many examples the loss should stay about the same.",
        ),
        Mistake(
            "one loss for each example",
            lambda a, target, delta: (
                _huber_each(a - target, delta).sum(axis=1) / len(a),
                huber(a, target, delta)[1],
            ),
            "The loss is one number: the sum runs over both axes.",
        ),
        Mistake(
            "the square without its half, in loss and slope",
            lambda a, target, delta: (
                _huber_other(a, target, delta, near=lambda e: e**2),
                np.where(np.abs(a - target) > delta, delta * np.sign(a - target), 2 * (a - target))
                / len(a),
            ),
            "The parabola is one half of the square, so that its slope is e.",
        ),
        Mistake(
            "the straight line begins too low",
            lambda a, target, delta: (
                _huber_other(a, target, delta, far=lambda s: delta * (s - delta)),
                huber(a, target, delta)[1],
            ),
            "At the seam both pieces must agree: one half of delta squared. Which share of delta "
            "is taken off?",
        ),
        Mistake(
            "the straight line has the slope 1",
            lambda a, target, delta: (
                _huber_other(a, target, delta, far=lambda s: s - delta / 2),
                huber(a, target, delta)[1],
            ),
            "The straight line has the slope delta: the bracket is multiplied by it.",
        ),
        Mistake(
            "delta is squared in the bracket",
            lambda a, target, delta: (
                _huber_other(a, target, delta, far=lambda s: delta * (s - delta**2 / 2)),
                huber(a, target, delta)[1],
            ),
            "In the bracket delta stands as it is; the factor in front makes the square.",
        ),
        Mistake(
            "the slope far out is 1",
            lambda a, target, delta: (
                huber(a, target, delta)[0],
                np.where(np.abs(a - target) > delta, np.sign(a - target), a - target) / len(a),
            ),
            "Far out the loss rises by delta for every 1.",
        ),
        Mistake(
            "negative errors have no slope",
            lambda a, target, delta: (
                huber(a, target, delta)[0],
                np.clip(a - target, 0, delta) / len(a),
            ),
            "Answers that are too low must be pushed up: their slope is negative.",
        ),
        Mistake(
            "the slope has lost its sign",
            lambda a, target, delta: (
                huber(a, target, delta)[0],
                np.clip(np.abs(a - target), 0, delta) / len(a),
            ),
            "Answers that are too low must be pushed up: their slope is negative.",
        ),
        Mistake(
            "delta is taken for 1",
            lambda a, target, delta: huber(a, target, 1.0),
            "The seam is at delta, which comes in as an argument.",
        ),
        Mistake(
            "one decision for the whole array",
            lambda a, target, delta: (
                _huber_if(a - target, delta).sum() / len(a),
                huber(a, target, delta)[1],
            ),
            "Each entry is near or far on its own. Choose entry by entry.",
        ),
        Mistake(
            "the doubled error is cut off at delta",
            lambda a, target, delta: (
                huber(a, target, delta)[0],
                np.clip(2 * (a - target), -delta, delta) / len(a),
            ),
            "The parabola has a factor 1/2, so its slope is e, up to delta.",
        ),
        Mistake(
            "the two formulas have changed places",
            lambda a, target, delta: (
                np.where(
                    np.abs(a - target) > delta,
                    (a - target) ** 2 / 2,
                    delta * (np.abs(a - target) - delta / 2),
                ).sum()
                / len(a),
                huber(a, target, delta)[1],
            ),
            "Near zero it is a parabola, far out a straight line.",
        ),
        Mistake(
            "the parabola ends at 1, whatever delta is",
            lambda a, target, delta: (
                np.where(
                    np.abs(a - target) > 1,
                    delta * (np.abs(a - target) - delta / 2),
                    (a - target) ** 2 / 2,
                ).sum()
                / len(a),
                huber(a, target, delta)[1],
            ),
            "The two formulas meet where the error is delta in size.",
        ),
        Mistake(
            "the straight line lacks the size of the error",
            lambda a, target, delta: (
                np.where(
                    np.abs(a - target) > delta,
                    delta * (a - target - delta / 2),
                    (a - target) ** 2 / 2,
                ).sum()
                / len(a),
                huber(a, target, delta)[1],
            ),
            "The loss is never negative: far out it is the size of the error that counts.",
        ),
    ),
    hints=(
        "First e = a - target, and where it is far. Then two formulas and a choice between them.",
        "The slope is e near zero, and stops growing at delta, on both sides.",
        "np.where chooses between the pieces; np.clip keeps numbers between two limits. (The "
        "prediction: -delta, then a ramp through 0, then delta.)",
    ),
)

# smoothed_cross_entropy


def smoothed_cross_entropy(z, y, s):
    c = z.shape[1]
    t = (1 - s) * np.eye(c)[y] + s / c
    return -(t * _log_softmax(z)).sum() / len(z), (_softmax(z) - t) / len(z)


def _smoothed_inputs(rng):
    n, c = sizes(rng, 2, low=3)
    return normal(rng, n, c, scale=2.0), labels(rng, n, c), float(rng.choice([0.1, 0.2, 0.3]))


def _smoothed_large(rng):
    z = np.array([[1000.0, 998.0, 0.0], [-900.0, -1300.0, -905.0]])
    return z, np.array([1, 2]), 0.1


def _smoothed_wide(rng):
    """Return a case with probabilities of every size, which tell one small number from another."""
    return np.array([[0.0, -18.5, -23.0, -27.5, -34.5]]), np.array([3]), 0.2


def _smoothed(
    t=lambda y, c, s: (1 - s) * np.eye(c)[y] + s / c,
    t_back=None,
    log_p=_log_softmax,
    p=_softmax,
    mean=lambda total, z: total / len(z),
    mean_back=lambda dz, z: dz / len(z),
):
    """Return loss and gradient with something else in them."""

    def pair(z, y, s):
        targets = t(y, z.shape[1], s)
        back = (t_back or t)(y, z.shape[1], s)
        return mean(-(targets * log_p(z)).sum(), z), mean_back(p(z) - back, z)

    return pair


def _smoothed_mixture(z, y, s):
    log_p, rows = _log_softmax(z), np.arange(len(y))
    loss = -(1 - s) * log_p[rows, y].mean() - s * log_p.mean(axis=1).mean()
    dz = np.exp(log_p) - s / z.shape[1]
    dz[rows, y] -= 1 - s
    return float(loss), dz / len(y)


def _smoothed_loop(z, y, s):
    n, c = z.shape
    loss, dz = 0.0, np.zeros(z.shape)
    for i in range(n):
        t = [s / c + (1 - s) * (j == y[i]) for j in range(c)]
        top = max(z[i])
        total = top + np.log(sum(np.exp(v - top) for v in z[i]))
        for j in range(c):
            loss -= t[j] * (z[i, j] - total) / n
            dz[i, j] = (np.exp(z[i, j] - total) - t[j]) / n
    return loss, dz


def _one_hot(y, c, s):
    return np.eye(c)[y]


def _smoothed_by_batch(z, y, s):
    return _smoothed(t=lambda y, c, s: (1 - s) * np.eye(c)[y] + s / len(z))(z, y, s)


def _smoothed_divergence(z, y, s):
    loss, dz = smoothed_cross_entropy(z, y, s)
    t = (1 - s) * np.eye(z.shape[1])[y] + s / z.shape[1]
    return loss + (t * np.log(t)).sum() / len(z), dz


def _log_with_one_maximum(z):
    z = z - z.max()
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


SMOOTHED_CROSS_ENTROPY = Exercise(
    name="smoothed_cross_entropy",
    lesson=5,
    goal="Derive loss and gradient for targets that are not one-hot.",
    points=3,
    misconception="Loss and gradient are changed in only one of the two, or log(p) is rescued "
    "with a small number.",
    reference=smoothed_cross_entropy,
    inputs=_smoothed_inputs,
    corners=(_smoothed_large, _smoothed_wide),
    outputs=("loss", "dz"),
    out_of_reach=LOSSES,
    variants=(_smoothed_mixture, _smoothed_loop),
    mistakes=(
        Mistake(
            "the rest is spread over the other classes only",
            _smoothed(t=lambda y, c, s: (1 - s) * np.eye(c)[y] + s / (c - 1) * (1 - np.eye(c)[y])),
            "Here all C classes get their share of s, the right one too.",
        ),
        Mistake(
            "the right class keeps all of its 1",
            _smoothed(t=lambda y, c, s: np.eye(c)[y] + s / c),
            "The targets of an example must sum to 1. What is given away must be taken somewhere.",
        ),
        Mistake(
            "the right class gets no share of s",
            _smoothed(t=lambda y, c, s: s / c + (1 - s - s / c) * np.eye(c)[y]),
            "The right class keeps 1 - s, and gets its share of s like all the others.",
        ),
        Mistake(
            "every class gets s",
            _smoothed(t=lambda y, c, s: (1 - s) * np.eye(c)[y] + s),
            "The targets of an example must sum to 1: s is shared by the classes.",
        ),
        Mistake(
            "the gradient is not smoothed",
            _smoothed(t_back=_one_hot),
            "The loss has new targets, and its slope must have the same.",
        ),
        Mistake(
            "the loss is not smoothed",
            _smoothed(t=_one_hot, t_back=lambda y, c, s: (1 - s) * np.eye(c)[y] + s / c),
            "The gradient has the new targets, and the loss must have the same.",
        ),
        Mistake(
            "log of 0",
            _smoothed(log_p=lambda z: np.log(_softmax(z))),
            "A probability that rounds to 0 has an infinite logarithm. Write log p with the logits "
            "and a logarithm of a sum.",
        ),
        Mistake(
            "a small number in the logarithm caps the loss",
            _smoothed(log_p=lambda z: np.log(_softmax(z) + 1e-8)),
            "It hides the infinity, but no log p is below -18.4 now, and it may well be -1,000. "
            "Write log p without p.",
        ),
        Mistake(
            "a tiny number in the logarithm caps the loss",
            _smoothed(log_p=lambda z: np.log(_softmax(z) + 1e-12)),
            "It hides the infinity, but no log p is below -27.6 now, and it may well be -1,000. "
            "Write log p without p.",
        ),
        Mistake(
            "the probability is clipped in the logarithm",
            _smoothed(log_p=lambda z: np.log(np.clip(_softmax(z), 1e-12, 1))),
            "It hides the infinity, but no log p is below -27.6 now, and it may well be -1,000. "
            "Write log p without p.",
        ),
        Mistake(
            "exp overflows",
            _smoothed(log_p=lambda z: np.log(_naive_softmax(z)), p=_naive_softmax),
            "exp of a logit above 709 is infinite. Take off each row's maximum first.",
        ),
        Mistake(
            "the sum where the mean is due",
            _smoothed(mean=lambda total, z: total, mean_back=lambda dz, z: dz),
            "With twice as many examples the loss should stay about the same.",
        ),
        Mistake(
            "1/N is missing in the gradient",
            _smoothed(mean_back=lambda dz, z: dz),
            "The loss is a mean over the examples, so each slope has the same factor.",
        ),
        Mistake(
            "the mean over all entries",
            _smoothed(
                mean=lambda total, z: total / z.size,
                mean_back=lambda dz, z: dz / z.size,
            ),
            "Sum over the classes of an example, and divide by the number of examples.",
        ),
        Mistake(
            "nothing is given to the classes",
            _smoothed(t=lambda y, c, s: (1 - s) * np.eye(c)[y]),
            "What is taken from the right class goes to all classes, s / C to each: the rows of t "
            "sum to 1.",
        ),
        Mistake(
            "the share is divided by N",
            _smoothed_by_batch,
            "s is shared by the C classes, not by the examples.",
        ),
        Mistake(
            "the mean over all entries in the loss alone",
            _after(smoothed_cross_entropy, loss=lambda loss, z: loss / z.shape[1]),
            "The classes are added up, and only the examples are averaged.",
        ),
        Mistake(
            "1/N is missing in the loss",
            _after(smoothed_cross_entropy, loss=lambda loss, z: loss * len(z)),
            "The loss is a mean over the examples.",
        ),
        Mistake(
            "the gradient has the wrong sign",
            _after(smoothed_cross_entropy, back=lambda dz, z: -dz),
            "A gradient points uphill. Where a probability is above its target, the slope is "
            "positive.",
        ),
        Mistake(
            "the loss has the wrong sign",
            _after(smoothed_cross_entropy, loss=lambda loss, z: -loss),
            "A logarithm of a probability is negative, and this loss is not.",
        ),
        Mistake(
            "the labels are not smoothed at all",
            _smoothed(t=lambda y, c, s: np.eye(c)[y]),
            "This is the plain cross-entropy. Where does s enter?",
        ),
        Mistake(
            "the entropy of the targets is taken off",
            _smoothed_divergence,
            "Your loss reaches 0 at the best probabilities. This one does not: only the sum of t "
            "log p is asked for.",
        ),
        Mistake(
            "the gradient is shortened, not smoothed",
            lambda z, y, s: (
                smoothed_cross_entropy(z, y, s)[0],
                (1 - s) * (_softmax(z) - np.eye(z.shape[1])[y]) / len(z),
            ),
            "The slope is p - t, with the t of the smoothed labels.",
        ),
        Mistake(
            "one maximum for the whole batch",
            _smoothed(log_p=_log_with_one_maximum, p=lambda z: np.exp(_log_with_one_maximum(z))),
            "A row far below the batch's largest logit becomes log of 0. Each row has a maximum "
            "of its own.",
        ),
        Mistake(
            "the loss is kept finite by a floor of 1e-15",
            _smoothed(log_p=lambda z: np.log(np.clip(_softmax(z), 1e-15, 1))),
            "A floor caps the loss: a class that is 1,000 logits behind must cost 1,000. Take the "
            "logarithm of softmax as a difference.",
        ),
    ),
    hints=(
        "First the targets t, (N, C). With s = 0 they are the one-hot rows.",
        "The lesson's derivation of p - t uses of t only that each row sums to 1.",
        "log p_c is z_c minus the logarithm of the sum of exp(z), after the row's maximum has been "
        "taken off. (The prediction: p = t, and then the loss is the sum of -t log t, above 0.)",
    ),
)

# yes_or_no_loss


def yes_or_no_loss(z, t):
    v = z[:, 0]
    loss = (np.maximum(v, 0) - v * t + np.log1p(np.exp(-np.abs(v)))).mean()
    return loss, ((_sigmoid(v) - t) / len(v))[:, None]


def _sigmoid(v):
    return 0.5 * (1 + np.tanh(v / 2))


def _yes_inputs(rng):
    n = int(rng.integers(3, 7))
    return normal(rng, n, 1, scale=2.0), rng.permutation(np.arange(n) % 2)


def _yes_sure(logit, target):
    """Return a drawer of cases with one answer that is right and very sure."""

    def draw(rng):
        return np.array([[logit], [1.5], [-0.5]]), np.array([target, 0, 1])

    return draw


def _yes_large(rng):
    return np.array([[1000.0], [-2000.0], [1.5], [-900.0], [40.0]]), np.array([0, 1, 1, 0, 0])


def _yes_wrong(rng):
    """Return logits that are wrong and so sure that a sigmoid is 1, though no exp is infinite."""
    return np.array([[40.0], [-1.5], [0.5]]), np.array([0, 1, 1])


def _yes(loss=None, dz=None):
    """Return the pair with another loss of each example, another gradient, or both."""

    def pair(z, t):
        right, v = yes_or_no_loss(z, t), z[:, 0]
        return (
            loss(v, t).mean() if loss else right[0],
            (dz(v, t) / len(v))[:, None] if dz else right[1],
        )

    return pair


def _stable(v, t):
    return np.maximum(v, 0) - v * t + np.log1p(np.exp(-np.abs(v)))


def _clipped(v, t):
    a = np.clip(_sigmoid(v), 1e-12, 1 - 1e-12)
    return -(t * np.log(a) + (1 - t) * np.log(1 - a))


def _logarithms(v, t):
    a = _sigmoid(v)
    return -(t * np.log(a) + (1 - t) * np.log(1 - a))


def _logarithms_plus(small):
    """Return the loss of each example with a small number in the logarithms."""

    def loss(v, t):
        a = _sigmoid(v)
        return -(t * np.log(a + small) + (1 - t) * np.log(1 - a + small))

    return loss


def _all_pairs(z, t):
    dz = (_sigmoid(z) - t) / len(z)
    return _stable(z, t).mean(), dz


def _all_pairs_loss(z, t):
    return _stable(z, t).mean(), yes_or_no_loss(z, t)[1]


def _all_pairs_slope(z, t):
    return yes_or_no_loss(z, t)[0], (_sigmoid(z) - t) / len(z)


def _yes_loop(z, t):
    loss, dz = 0.0, np.zeros(z.shape)
    for n in range(len(z)):
        v = z[n, 0] if t[n] else -z[n, 0]  # how far on the right side
        loss += np.log(1 + np.exp(-v)) if v > 0 else np.log(1 + np.exp(v)) - v
        e = np.exp(-abs(v))
        wrong = e / (1 + e) if v > 0 else 1 / (1 + e)
        dz[n, 0] = -wrong if t[n] else wrong
    return loss / len(z), dz / len(z)


def _yes_chosen(z, t):
    a = _sigmoid(z)
    return -np.log(np.where(t[:, None] == 1, a, 1 - a)).mean(), (a - t[:, None]) / len(z)


def _yes_pairs_naive(z, t):
    a = _sigmoid(z)
    return -(t * np.log(a) + (1 - t) * np.log(1 - a)).mean(), (a - t) / len(z)


YES_OR_NO_LOSS = Exercise(
    name="yes_or_no_loss",
    lesson=5,
    goal="Fuse sigmoid and cross-entropy into a loss of the logit that is never infinite.",
    points=3,
    misconception="Clipping the probability makes it safe; (N, 1) and (N,) are the same.",
    reference=yes_or_no_loss,
    inputs=_yes_inputs,
    corners=(
        _yes_sure(900.0, 1),
        _yes_sure(-900.0, 0),
        _yes_large,
        _yes_wrong,
    ),
    outputs=("loss", "dz"),
    out_of_reach=(*LOSSES, "log_softmax"),
    variants=(
        lambda z, t: (
            np.logaddexp(0, (1 - 2 * t) * z[:, 0]).mean(),
            (_sigmoid(z) - t[:, None]) / len(z),
        ),
        lambda z, t: (
            -_log_softmax(np.hstack([0 * z, z]))[np.arange(len(t)), t].mean(),
            (_softmax(np.hstack([0 * z, z]))[:, 1:] - t.reshape(-1, 1)) / len(t),
        ),
        _yes_loop,
    ),
    mistakes=(
        Mistake(
            "log of 0",
            _yes(loss=_logarithms),
            "A sigmoid that rounds to 0 or 1 has an infinite logarithm in the loss. Write the loss "
            "with the logit, and exp of -|z| only.",
        ),
        Mistake(
            "the probability is clipped",
            _yes(loss=_clipped),
            "Clipping hides the infinity, but the loss is wrong: for z = 1000, t = 0 it is 1000.",
        ),
        Mistake(
            "a small number in the logarithm caps the loss",
            _yes(loss=_logarithms_plus(1e-8)),
            "It hides the infinity, but no example costs more than 18.4 now: for z = 1000, t = 0 "
            "it is 1000. Write the loss with the logit.",
        ),
        Mistake(
            "a tiny number in the logarithm caps the loss",
            _yes(loss=_logarithms_plus(1e-12)),
            "It hides the infinity, but no example costs more than 27.6 now: for z = 1000, t = 0 "
            "it is 1000. Write the loss with the logit.",
        ),
        Mistake(
            "all pairs of logits and targets",
            _all_pairs,
            "z has shape (N, 1) and t has (N,): NumPy makes (N, N) of them. Bring both to the same "
            "shape first.",
        ),
        Mistake(
            "all pairs in the loss",
            _all_pairs_loss,
            "z has shape (N, 1) and t has (N,): their product is (N, N), and the mean over it is "
            "something else.",
        ),
        Mistake(
            "all pairs in the gradient",
            _all_pairs_slope,
            "z has shape (N, 1) and t has (N,): their difference is (N, N). The gradient needs t "
            "as a column, too.",
        ),
        Mistake(
            "the targets are exchanged",
            _yes(loss=lambda v, t: _stable(v, 1 - t), dz=lambda v, t: _sigmoid(v) - (1 - t)),
            "With t = 1 a large logit must cost nothing.",
        ),
        Mistake(
            "only the examples with t = 1 count",
            _yes(loss=lambda v, t: t * _stable(v, t)),
            "An example with t = 0 costs something as well: -log(1 - a).",
        ),
        Mistake(
            "the slope of the sigmoid is left in",
            _yes(dz=lambda v, t: (_sigmoid(v) - t) * _sigmoid(v) * (1 - _sigmoid(v))),
            "The slope a (1 - a) cancels against the logarithm's. That is why this loss works.",
        ),
        Mistake(
            "1/N is missing in the gradient",
            lambda z, t: (yes_or_no_loss(z, t)[0], yes_or_no_loss(z, t)[1] * len(z)),
            "The loss is a mean over the examples, so each slope has the same factor.",
        ),
        Mistake(
            "the sum where the mean is due",
            lambda z, t: tuple(part * len(z) for part in yes_or_no_loss(z, t)),
            "With twice as many examples the loss should stay about the same.",
        ),
        Mistake(
            "the gradient has the wrong sign",
            _yes(dz=lambda v, t: t - _sigmoid(v)),
            "A gradient points uphill: what was said, minus what should have been said.",
        ),
        Mistake(
            "the gradient has lost an axis",
            lambda z, t: (yes_or_no_loss(z, t)[0], yes_or_no_loss(z, t)[1][:, 0]),
            "A gradient has the shape of its tensor, and z is (N, 1).",
        ),
        Mistake(
            "log of a sigmoid, chosen by the target",
            _yes_chosen,
            "For z = 1,000 and target 0 the chosen probability is 0, and its logarithm infinite. "
            "-log of a sigmoid is log(1 + exp(-z)). Write that with z, and so that exp only ever "
            "sees -|z|.",
        ),
        Mistake(
            "exp overflows in log(1 + exp)",
            _yes(loss=lambda v, t: np.log(1 + np.exp(np.where(t == 1, -v, v)))),
            "The formula is right, but exp of 1,000 is infinite. log(1 + exp(s)) is s + "
            "log(1 + exp(-s)), too: let exp only ever see -|z|.",
        ),
        Mistake(
            "log of a sigmoid, and all pairs",
            _yes_pairs_naive,
            "Two things: (N, 1) and (N,) make all pairs of logits and targets, so give t a second "
            "axis first; and a sigmoid may be 0 or 1, whose logarithm is infinite.",
        ),
        Mistake(
            "exp(-z) overflows",
            lambda z, t: (
                np.where(
                    z < -700, np.inf, np.log1p(np.exp(-np.maximum(z, -700))) + z * (1 - t[:, None])
                ).mean(),
                yes_or_no_loss(z, t)[1],
            ),
            "exp of -z is infinite for a z of -1,000. Let exp only see numbers that are never "
            "above 0.",
        ),
        Mistake(
            "exp(z) overflows",
            lambda z, t: (
                np.where(
                    z > 709.7, np.inf, np.log1p(np.exp(np.minimum(z, 709))) - z * t[:, None]
                ).mean(),
                yes_or_no_loss(z, t)[1],
            ),
            "exp of z is infinite for a z of 1,000. Let exp only see numbers that are never above "
            "0.",
        ),
        Mistake(
            "the gradient overflows",
            lambda z, t: (
                yes_or_no_loss(z, t)[0],
                (np.exp(z) / (1 + np.exp(z)) - t[:, None]) / len(z),
            ),
            "For a z of 1,000 this is infinity divided by infinity. Divide above and below by "
            "exp(z) where z is positive.",
        ),
        Mistake(
            "the sum where the mean is due, in the loss alone",
            _after(yes_or_no_loss, loss=lambda loss, z: loss * len(z)),
            "The loss of the batch is the mean.",
        ),
        Mistake(
            "the loss has the wrong sign",
            _after(yes_or_no_loss, loss=lambda loss, z: -loss),
            "A logarithm of a probability is negative, and a loss is not.",
        ),
        Mistake(
            "the squared error",
            lambda z, t: (((_sigmoid(z) - t[:, None]) ** 2).mean(), yes_or_no_loss(z, t)[1]),
            "The loss of an example is minus the logarithm of the probability of its target.",
        ),
        Mistake(
            "the targets are exchanged in the loss alone",
            lambda z, t: (yes_or_no_loss(z, 1 - t)[0], yes_or_no_loss(z, t)[1]),
            "-log a belongs to target 1. Which target makes your loss large for a large z?",
        ),
        Mistake(
            "the logit in place of the probability in dz",
            lambda z, t: (yes_or_no_loss(z, t)[0], (z - t[:, None]) / len(z)),
            "The slope compares the target with a probability, which lies between 0 and 1.",
        ),
    ),
    hints=(
        "Put a = 1 / (1 + exp(-z)) into -log(a) and -log(1 - a), and simplify each on paper.",
        "Both are log(1 + exp(something)). For a large something that is the something itself, "
        "plus very little.",
        "log(1 + exp(u)) = max(u, 0) + log(1 + exp(-|u|)), and that never overflows. Along z "
        "the slope of one example is a - 1 if its target is 1, and a if it is 0: which formula "
        "with t gives both? (The prediction: NumPy makes (N, N) of z - t, all pairs.)",
    ),
)

# hinge


def hinge(z, y):
    return _hinge()(z, y)


def _hinge(
    margin=1.0,
    own=False,
    slope=lambda m: (m > 0).astype(float),
    label=lambda g: g.sum(axis=1),
    worst=False,
    loss_mean=lambda total, m: total / len(m),
    mean=lambda g, m: g / len(m),
    cut=True,
    sign=1,
):
    """Return loss and gradient with something else in them."""

    def pair(z, y):
        rows = np.arange(len(y))
        m = sign * (z - z[rows, y][:, None]) + margin
        m = np.maximum(m, 0) if cut else m
        if not own:
            m[rows, y] = 0
        if worst:
            m = m * (np.arange(z.shape[1]) == m.argmax(axis=1)[:, None])
        g = slope(m) * sign
        pull = label(g)
        g[rows, y] -= pull
        return loss_mean(m.sum(), m), mean(g, m)

    return pair


def _hinge_inputs(rng):
    n, c = sizes(rng, 2, low=3)
    y = labels(rng, n, c)
    z = normal(rng, n, c)
    z[np.arange(n), y] += 0.005  # so that no margin is exactly 0, up to rounding
    z[0, y[0]] = z[0].min() - 0.505  # wrong in all classes
    return z, y


def _hinge_zero(rng):
    """Return a case with margins of exactly 0."""
    z = np.array([[2.0, 1.0, 3.0, -1.0], [0.0, 0.0, -1.0, -4.0], [5.0, 0.0, 4.0, 1.0]])
    return z, np.array([0, 1, 0])


def _hinge_loop(z, y):
    loss, dz = 0.0, np.zeros_like(z)
    for n in range(len(z)):
        for c in range(z.shape[1]):
            m = z[n, c] - z[n, y[n]] + 1
            if c != y[n] and m > 0:
                loss += m / len(z)
                dz[n, c] += 1 / len(z)
                dz[n, y[n]] -= 1 / len(z)
    return loss, dz


def _hinge_one_hot(z, y):
    t = np.eye(z.shape[1])[y]
    m = (1 - t) * np.maximum(0, 1 + z - (z * t).sum(axis=1, keepdims=True))
    g = (m > 0) * 1.0
    return m.sum(axis=1).mean(), (g - t * g.sum(axis=1, keepdims=True)) / len(z)


def _margins(z, y):
    rows = np.arange(len(y))
    margins = np.maximum(0, z - z[rows, y][:, None] + 1)
    margins[rows, y] = 0
    return margins


def _hinge_squared(z, y):
    margins, rows = _margins(z, y), np.arange(len(y))
    dz = 2 * margins
    dz[rows, y] = -dz.sum(axis=1)
    return (margins**2).sum() / len(y), dz / len(y)


def _hinge_all_at_zero(z, y):
    margins, rows = _margins(z, y), np.arange(len(y))
    dz = (margins >= 0) * 1.0
    dz[rows, y] = -dz.sum(axis=1)
    return margins.sum() / len(y), dz / len(y)


def _hinge_label(label):
    """Return the pair with another slope of the label's logit, of those of the other classes."""

    def pair(z, y):
        margins, rows = _margins(z, y), np.arange(len(y))
        dz = (margins > 0) * 1.0
        dz[rows, y] = -label(dz)
        return margins.sum() / len(y), dz / len(y)

    return pair


HINGE = Exercise(
    name="hinge",
    lesson=5,
    goal="Write a loss that is not cross-entropy, and find the gradient along every logit.",
    points=4,
    misconception="The label's logit appears in every margin, and its slope is forgotten or "
    "counted once.",
    reference=hinge,
    inputs=_hinge_inputs,
    corners=(_hinge_zero,),
    outputs=("loss", "dz"),
    out_of_reach=LOSSES,
    variants=(_hinge_loop, _hinge_one_hot),
    mistakes=(
        Mistake(
            "the label competes with itself",
            _hinge(own=True),
            "The margin of the label against itself is always 1. The sum leaves that class out.",
        ),
        Mistake(
            "the label's own margin counts in loss and slope",
            lambda z, y: (_hinge(own=True)(z, y)[0], _hinge_own_slope(z, y)),
            "The margin of the label against itself is always 1. It is neither in the loss nor "
            "among the slopes that are counted.",
        ),
        Mistake(
            "the label's own margin counts in its slope",
            lambda z, y: (hinge(z, y)[0], _hinge_own_slope(z, y)),
            "The loss leaves the label's own margin out. When you count the margins above 0 for "
            "its slope, that one must not be among them.",
        ),
        Mistake(
            "the label's slope counts once",
            _hinge(label=lambda g: (g.sum(axis=1) > 0) * 1.0),
            "The label's logit is in every margin of its row. How many of them are above 0?",
        ),
        Mistake(
            "the label's slope is always -1",
            _hinge(label=lambda g: np.ones(len(g))),
            "The label's logit is in every margin of its row. How many of them are above 0? "
            "Perhaps none, perhaps three.",
        ),
        Mistake(
            "the label's slope is left out",
            _hinge(label=lambda g: np.zeros(len(g))),
            "The label's logit is in the margins, too. Which way does the loss move when it rises?",
        ),
        Mistake(
            "the label's slope has the wrong sign",
            _hinge(label=lambda g: -g.sum(axis=1)),
            "When the label's logit rises, the margins fall.",
        ),
        Mistake(
            "the margin where the slope is due",
            _hinge(slope=lambda m: m.copy()),
            "max(0, m) is straight above zero. Its slope there is 1, however large m is.",
        ),
        Mistake(
            "margins of exactly 0 count",
            lambda z, y: (hinge(z, y)[0], _hinge_at_zero(z, y)),
            "Where a margin is exactly 0, take the slope 0.",
        ),
        Mistake(
            "only the worst class counts",
            _hinge(worst=True),
            "Every class that comes too near the label costs something, not only the nearest.",
        ),
        Mistake(
            "the margin is not cut at zero",
            _hinge(cut=False, slope=lambda m: (m != 0) * 1.0),
            "A class far below the label costs nothing. It must not earn anything either.",
        ),
        Mistake(
            "no distance is asked for",
            _hinge(margin=0.0),
            "The label's logit must be ahead by 1, not only ahead.",
        ),
        Mistake(
            "the distance of 1 is taken off",
            _hinge(margin=-1.0),
            "A class that is level with the label already costs 1. Which sign does that 1 have?",
        ),
        Mistake(
            "the difference is turned round",
            _hinge(sign=-1),
            "A class costs something when its logit is too large beside the label's.",
        ),
        Mistake(
            "the difference is turned round, but not its slopes",
            lambda z, y: (_hinge(sign=-1)(z, y)[0], -_hinge(sign=-1)(z, y)[1]),
            "A class costs something when its logit is too large beside the label's. Your slopes "
            "know that, your margins do not.",
        ),
        Mistake(
            "the sum where the mean is due",
            _hinge(loss_mean=lambda total, m: total, mean=lambda g, m: g),
            "With twice as many examples the loss should stay about the same.",
        ),
        Mistake(
            "1/N is missing in the gradient",
            _hinge(mean=lambda g, m: g),
            "The loss is a mean over the examples, so each slope has the same factor.",
        ),
        Mistake(
            "the mean over all entries",
            _hinge(loss_mean=lambda total, m: total / m.size, mean=lambda g, m: g / m.size),
            "Sum over the classes of an example, and divide by the number of examples.",
        ),
        Mistake(
            "squared margins",
            lambda z, y: ((_margins(z, y) ** 2).sum() / len(z), hinge(z, y)[1]),
            "The hinge charges what is missing, not its square. Its slope is 1 whatever the "
            "margin is.",
        ),
        Mistake(
            "squared margins, in loss and slope",
            _hinge_squared,
            "The hinge charges what is missing, not its square. Its slope is 1 whatever the "
            "margin is.",
        ),
        Mistake(
            "the mean over all entries in the loss alone",
            _after(hinge, loss=lambda loss, z: loss / z.shape[1]),
            "The classes are added up, and only the examples are averaged.",
        ),
        Mistake(
            "1/N is missing in the loss",
            _after(hinge, loss=lambda loss, z: loss * len(z)),
            "The loss is a mean over the examples.",
        ),
        Mistake(
            "only the worst class costs something",
            lambda z, y: (_margins(z, y).max(axis=1).mean(), hinge(z, y)[1]),
            "Every class that is too near charges what is missing: they add up.",
        ),
        Mistake(
            "all margins of 0 have a slope",
            _hinge_all_at_zero,
            "Most margins are cut to exactly 0, and there the slope is 0.",
        ),
        Mistake(
            "the label's slope is that of the whole batch",
            _hinge_label(lambda g: g.sum()),
            "The logit of a label is in the margins of its own row only.",
        ),
        Mistake(
            "the label's slope is a mean",
            _hinge_label(lambda g: g.mean(axis=1)),
            "The logit of the label is in each margin of its row: their slopes add up.",
        ),
        Mistake(
            "divided by the number of the other classes",
            lambda z, y: tuple(part / (z.shape[1] - 1) for part in hinge(z, y)),
            "The margins of a row are added up, not averaged.",
        ),
        Mistake(
            "probabilities in place of logits",
            lambda z, y: hinge(_softmax(z), y),
            "The hinge loss takes the logits as they are, without softmax.",
        ),
    ),
    hints=(
        "Make a table of margins, (N, C): each row minus the label's logit, plus 1, cut at zero.",
        "Set the label's own margin to 0, then it takes no part in the rest.",
        "A margin above 0 gives slope 1 to its own class and takes 1 from the label's, each time.",
    ),
)


def _hinge_own_slope(z, y):
    rows = np.arange(len(y))
    g = (z - z[rows, y][:, None] + 1 > 0) * 1.0
    g[rows, y] = -g.sum(axis=1)
    return g / len(y)


def _hinge_at_zero(z, y):
    rows = np.arange(len(y))
    g = (z - z[rows, y][:, None] + 1 >= 0) * 1.0
    g[rows, y] = 0
    g[rows, y] = -g.sum(axis=1)
    return g / len(y)


EXERCISES = (
    BACK_THROUGH_LOG_SOFTMAX,
    HUBER,
    SMOOTHED_CROSS_ENTROPY,
    YES_OR_NO_LOSS,
    HINGE,
)
