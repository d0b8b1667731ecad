"""Exercises of lesson 12, Batch normalization."""

import numpy as np

from .._draw import normal, sizes
from .._exercise import Exercise, Mistake

# normalize_in_use


def normalize_in_use(x, gamma, beta, mean, variance, epsilon):
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


def _gains(rng, d):
    """Draw gains that are neither 1 nor near 0, of either sign."""
    return np.round(rng.choice([-1, 1], d) * rng.uniform(0.5, 2, d), 2)


def _variances(rng, d):
    return np.round(rng.uniform(0.3, 3, d), 2)


def _epsilon(rng):
    return float(rng.choice([0.1, 0.2, 0.5]))  # large enough to be seen


def _in_use(rng, n, d):
    arrays = normal(rng, n, d), _gains(rng, d), normal(rng, d), normal(rng, d) + 1
    return *arrays, _variances(rng, d), _epsilon(rng)


def _in_use_inputs(rng):
    return _in_use(rng, *sizes(rng, 2))


def _of_the_batch(x, gamma, beta, mean, variance, epsilon):
    return gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + epsilon) + beta


def _batch_variance(x, gamma, beta, mean, variance, epsilon):
    return gamma * (x - mean) / np.sqrt(x.var(axis=0) + epsilon) + beta


def _in_use_loop(x, gamma, beta, mean, variance, epsilon):
    y = np.empty_like(x)
    for n, d in np.ndindex(x.shape):
        y[n, d] = gamma[d] * (x[n, d] - mean[d]) * (variance[d] + epsilon) ** -0.5 + beta[d]
    return y


def _in_use_scale(x, gamma, beta, mean, variance, epsilon):
    scale = gamma / (variance + epsilon) ** 0.5
    return x * scale + (beta - mean * scale)


def _in_use_with(
    top=lambda x, mean: x - mean,
    size=lambda variance, epsilon: np.sqrt(variance + epsilon),
    out=lambda x_hat, gamma, beta: gamma * x_hat + beta,
):
    """Return the normalization with another piece in it."""

    def normalize(x, gamma, beta, mean, variance, epsilon):
        return out(top(x, mean) / size(variance, epsilon), gamma, beta)

    return normalize


NORMALIZE_IN_USE = Exercise(
    name="normalize_in_use",
    lesson=12,
    goal="Write batch normalization in test mode.",
    points=1,
    misconception="The batch's own statistics are used, so that the answers depend on company.",
    reference=normalize_in_use,
    inputs=_in_use_inputs,
    corners=(lambda rng: _in_use(rng, 1, 3), lambda rng: _in_use(rng, 3, 3)),
    out_of_reach=("batch_norm", "BatchNorm"),
    variants=(_in_use_loop, _in_use_scale),
    mistakes=(
        Mistake(
            "the batch's own mean and variance",
            _of_the_batch,
            "A trained network must give one image the same answer in any company. Which mean and "
            "variance were handed in?",
        ),
        Mistake(
            "the batch's own variance",
            _batch_variance,
            "The mean is the one that was handed in, and the variance is measured on this batch. "
            "Which variance was handed in?",
        ),
        Mistake(
            "gamma and beta are left out",
            lambda x, gamma, beta, mean, variance, epsilon: (
                (x - mean) / np.sqrt(variance + epsilon)
            ),
            "The learned scale and shift come after the normalization, in test mode too.",
        ),
        Mistake(
            "epsilon after the root",
            lambda x, gamma, beta, mean, variance, epsilon: (
                gamma * (x - mean) / (np.sqrt(variance) + epsilon) + beta
            ),
            "In the formula epsilon is added to the variance, before the root.",
        ),
        Mistake(
            "epsilon is left out",
            lambda x, gamma, beta, mean, variance, epsilon: (
                gamma * (x - mean) / np.sqrt(variance) + beta
            ),
            "A feature that never changed has variance 0. What keeps it from a division by 0?",
        ),
        Mistake(
            "the root is missing",
            lambda x, gamma, beta, mean, variance, epsilon: (
                gamma * (x - mean) / (variance + epsilon) + beta
            ),
            "Divide by the deviation. What is it, when the variance is known?",
        ),
        Mistake(
            "the mean is left in",
            lambda x, gamma, beta, mean, variance, epsilon: (
                gamma * x / np.sqrt(variance + epsilon) + beta
            ),
            "First the mean is taken off.",
        ),
        Mistake(
            "gamma is left out",
            lambda x, gamma, beta, mean, variance, epsilon: (
                (x - mean) / np.sqrt(variance + epsilon) + beta
            ),
            "The learned scale comes after the normalization, in test mode too.",
        ),
        Mistake(
            "beta is left out",
            lambda x, gamma, beta, mean, variance, epsilon: (
                gamma * (x - mean) / np.sqrt(variance + epsilon)
            ),
            "The learned shift comes last, in test mode too.",
        ),
        Mistake(
            "beta is scaled by gamma",
            lambda x, gamma, beta, mean, variance, epsilon: (
                gamma * ((x - mean) / np.sqrt(variance + epsilon) + beta)
            ),
            "First times gamma, then plus beta. The order matters.",
        ),
        Mistake(
            "only the mean is taken off",
            lambda x, gamma, beta, mean, variance, epsilon: gamma * (x - mean) + beta,
            "Centred, but not brought to size: what must it be divided by?",
        ),
        Mistake(
            "gamma and beta are exchanged",
            _in_use_with(out=lambda x_hat, gamma, beta: beta * x_hat + gamma),
            "gamma stretches, beta shifts.",
        ),
        Mistake(
            "beta is subtracted",
            _in_use_with(out=lambda x_hat, gamma, beta: gamma * x_hat - beta),
            "Look at the sign in front of beta.",
        ),
        Mistake(
            "divided by gamma",
            _in_use_with(out=lambda x_hat, gamma, beta: x_hat / gamma + beta),
            "gamma multiplies what has been normalized.",
        ),
        Mistake(
            "the mean is added",
            _in_use_with(top=lambda x, mean: x + mean),
            "Around the mean: it is taken off.",
        ),
        Mistake(
            "the batch's own mean",
            _in_use_with(top=lambda x, mean: x - x.mean(axis=0)),
            "In test mode nothing is measured on the batch: the mean comes in as an argument.",
        ),
        Mistake(
            "each row's own mean",
            _in_use_with(top=lambda x, mean: x - x.mean(axis=1, keepdims=True)),
            "In test mode nothing is measured on the batch: the mean comes in as an argument, one "
            "for each feature.",
        ),
        Mistake(
            "the variance is squared",
            _in_use_with(size=lambda variance, epsilon: np.sqrt(variance**2 + epsilon)),
            "The variance is a square already; only the root is taken.",
        ),
        Mistake(
            "multiplied by the deviation",
            _in_use_with(size=lambda variance, epsilon: 1 / np.sqrt(variance + epsilon)),
            "A feature with a large spread is made smaller: divide.",
        ),
        Mistake(
            "epsilon is 1e-5, whatever comes in",
            _in_use_with(size=lambda variance, epsilon: np.sqrt(variance + 1e-5)),
            "epsilon comes in as an argument.",
        ),
        Mistake(
            "brackets are missing around x - mean",
            lambda x, gamma, beta, mean, variance, epsilon: gamma * x
            - mean / np.sqrt(variance + epsilon)
            + beta,
            "Only the mean is divided in yours. x - mean is one number, and all of it is "
            "stretched.",
        ),
        Mistake(
            "the mean is taken off at the end",
            lambda x, gamma, beta, mean, variance, epsilon: gamma * x / np.sqrt(variance + epsilon)
            - mean
            + beta,
            "The mean is taken off before the division: x - mean is one number.",
        ),
        Mistake(
            "mean and variance are exchanged",
            lambda x, gamma, beta, mean, variance, epsilon: gamma
            * (x - variance)
            / np.sqrt(np.abs(mean) + epsilon)
            + beta,
            "The mean is taken off, and the variance stands under the root.",
        ),
        Mistake(
            "brackets are missing: only the mean is divided",
            lambda x, gamma, beta, mean, variance, epsilon: (
                gamma * (x - mean / np.sqrt(variance + epsilon)) + beta
            ),
            "Division comes before subtraction: x - mean needs brackets.",
        ),
    ),
    hints=(
        "It is the training formula with other numbers for the mean and the variance. (Predicted? "
        "These come from training, so an image gets the same answer in any batch.)",
        "mean and variance have shape (D,) and meet the last axis of x by themselves.",
    ),
)

# renewed_averages


def renewed_averages(mean, variance, x, keep):
    now = x.var(axis=0) * len(x) / (len(x) - 1)
    return (
        keep * mean + (1 - keep) * x.mean(axis=0),
        keep * variance + (1 - keep) * now,
    )


def _averages(rng, n, d, keep=None):
    keep = float(rng.choice([0.6, 0.7, 0.8, 0.9])) if keep is None else keep
    return normal(rng, d), _variances(rng, d), normal(rng, n, d, scale=2.0) + 1, keep


def _averages_inputs(rng):
    return _averages(rng, *sizes(rng, 2))


def _averages_with(
    batch_mean=lambda x: x.mean(axis=0),
    batch_variance=lambda x, mean, new: x.var(axis=0, ddof=1),
    mix=lambda old, now, keep: keep * old + (1 - keep) * now,
):
    """Return the function with something else in it."""

    def function(mean, variance, x, keep):
        new = mix(mean, batch_mean(x), keep)
        return new, mix(variance, batch_variance(x, mean, new), keep)

    return function


def _averages_in_place(mean, variance, x, keep):
    mean *= keep
    mean += (1 - keep) * x.mean(axis=0)
    variance *= keep
    variance += (1 - keep) * x.var(axis=0, ddof=1)
    return mean, variance


def _averages_step(mean, variance, x, keep):
    c = x - x.sum(axis=0) / len(x)
    now = np.einsum("nd,nd->d", c, c) / (len(x) - 1)
    share = 1 - keep
    return mean + share * (x.mean(axis=0) - mean), variance + share * (now - variance)


def _around(x, centre):
    return ((x - centre) ** 2).sum(axis=0) / (len(x) - 1)


def _averages_mean_in_place(mean, variance, x, keep):
    _, new_variance = renewed_averages(mean, variance, x, keep)
    mean *= keep
    mean += (1 - keep) * x.mean(axis=0)
    return mean, new_variance


def _renewed_variance(now):
    """Return the averages with another variance of the batch."""

    def renewed(mean, variance, x, keep):
        new = renewed_averages(mean, variance, x, keep)[0]
        return new, keep * variance + (1 - keep) * now(x)

    return renewed


RENEWED_AVERAGES = Exercise(
    name="renewed_averages",
    lesson=12,
    goal="Renew running averages, with a variance that is right on average.",
    points=2,
    misconception="The shares of old and new are exchanged, or the caller's arrays are changed.",
    reference=renewed_averages,
    inputs=_averages_inputs,
    corners=(lambda rng: _averages(rng, 3, 3, 0.6), lambda rng: _averages(rng, 2, 3)),
    outputs=("mean", "variance"),
    out_of_reach=("BatchNorm",),
    variants=(
        _averages_with(),
        _averages_step,
        lambda mean, variance, x, keep: (
            keep * mean + (1 - keep) * x.mean(axis=0),
            keep * variance + (1 - keep) * _around(x, x.mean(axis=0)),
        ),
    ),
    mistakes=(
        Mistake(
            "old and new are exchanged",
            _averages_with(mix=lambda old, now, keep: (1 - keep) * old + keep * now),
            "keep is the share of the old average. With 0.9, a single batch must change little.",
        ),
        Mistake(
            "divided by N, not by N - 1",
            _averages_with(batch_variance=lambda x, mean, new: x.var(axis=0)),
            "The batch's own variance is a little too small, since its mean was fitted to it. Here "
            "the sum is divided by N - 1.",
        ),
        Mistake(
            "the correction is upside down",
            _averages_with(
                batch_variance=lambda x, mean, new: x.var(axis=0) * (len(x) - 1) / len(x)
            ),
            "The batch's own variance is too small on average. Should the correction make it "
            "larger or smaller?",
        ),
        Mistake(
            "the deviation, not the variance",
            _averages_with(batch_variance=lambda x, mean, new: x.std(axis=0, ddof=1)),
            "std is the root of the variance. The average is one of variances.",
        ),
        Mistake(
            "the mean is divided by N - 1 too",
            _averages_with(batch_mean=lambda x: x.sum(axis=0) / (len(x) - 1)),
            "The mean of N numbers is their sum over N. Only the variance needs the correction.",
        ),
        Mistake(
            "the variance is taken around the running mean",
            _averages_with(batch_variance=lambda x, mean, new: _around(x, mean)),
            "The variance of a batch is measured around the mean of that batch.",
        ),
        Mistake(
            "the variance is taken around the renewed mean",
            _averages_with(batch_variance=lambda x, mean, new: _around(x, new)),
            "The variance of a batch is measured around the mean of that batch.",
        ),
        Mistake(
            "keep is always 0.9",
            _averages_with(mix=lambda old, now, keep: 0.9 * old + 0.1 * now),
            "keep is an argument: the caller decides how much of the old stays.",
        ),
        Mistake(
            "nothing of the old is kept",
            _averages_with(mix=lambda old, now, keep: now),
            "These are the numbers of this batch alone. A running average forgets slowly.",
        ),
        Mistake(
            "the new is added in full",
            _averages_with(mix=lambda old, now, keep: keep * old + now),
            "The two shares must add up to 1, or the average grows and grows.",
        ),
        Mistake(
            "along the wrong axis",
            _averages_with(
                batch_mean=lambda x: x.mean(axis=1),
                batch_variance=lambda x, mean, new: x.var(axis=1, ddof=1),
            ),
            "One mean for each feature, over the examples. Which axis is that of the examples?",
        ),
        Mistake(
            "one mean and variance for all features",
            _averages_with(
                batch_mean=lambda x: x.mean(),
                batch_variance=lambda x, mean, new: x.var(ddof=1),
            ),
            "Each feature has averages of its own. Which axis of x must go, and which must stay?",
        ),
        Mistake(
            "the old averages are changed in place",
            _averages_in_place,
            "*= and +=, or an assignment into mean or variance, write into the caller's arrays. "
            "Here new ones are asked for.",
        ),
        Mistake(
            "the mean is a sum divided by N - 1, and the variance around it",
            _averages_with(
                batch_mean=lambda x: x.sum(axis=0) / (len(x) - 1),
                batch_variance=lambda x, mean, new: ((x - mean) ** 2).sum(axis=0) / (len(x) - 1),
            ),
            "Only the variance is divided by N - 1. The mean is divided by N.",
        ),
        Mistake(
            "old and new are exchanged in the variance",
            lambda *a: (
                renewed_averages(*a)[0],
                _averages_with(mix=lambda old, now, keep: (1 - keep) * old + keep * now)(*a)[1],
            ),
            "keep is the share of the old, for the variance too.",
        ),
        Mistake(
            "old and new are exchanged in the mean",
            lambda *a: (
                _averages_with(mix=lambda old, now, keep: (1 - keep) * old + keep * now)(*a)[0],
                renewed_averages(*a)[1],
            ),
            "keep is the share of the old, for the mean too.",
        ),
        Mistake(
            "means and squares run along the rows",
            _averages_with(
                batch_mean=lambda x: x.mean(axis=1),
                batch_variance=lambda x, mean, new: ((x.T - mean) ** 2).sum(axis=0)
                / (x.shape[1] - 1),
            ),
            "Each feature has its own mean: over which axis does it run?",
        ),
        Mistake(
            "divided by N + 1",
            _averages_with(
                batch_variance=lambda x, mean, new: ((x - mean) ** 2).sum(axis=0) / (len(x) + 1)
            ),
            "The variance came out too small: the divisor is smaller than N.",
        ),
        Mistake(
            "divided by D - 1",
            _averages_with(
                batch_variance=lambda x, mean, new: ((x - mean) ** 2).sum(axis=0)
                / np.float64(x.shape[1] - 1)
            ),
            "N is the number of examples, the rows of x.",
        ),
        Mistake(
            "the sum is not divided",
            _averages_with(batch_variance=lambda x, mean, new: ((x - mean) ** 2).sum(axis=0)),
            "The sum of squares is divided by N - 1.",
        ),
        Mistake(
            "sizes are added, not squares",
            _averages_with(
                batch_variance=lambda x, mean, new: np.abs(x - mean).sum(axis=0) / (len(x) - 1)
            ),
            "A variance is made of squares.",
        ),
        Mistake(
            "the old average is corrected too",
            lambda mean, variance, x, keep: (
                renewed_averages(mean, variance, x, keep)[0],
                (keep * variance + (1 - keep) * x.var(axis=0)) * len(x) / (len(x) - 1),
            ),
            "Only this batch's variance is put right. The old average was when it was made.",
        ),
        Mistake(
            "the variance stays as it was",
            lambda mean, variance, x, keep: (
                renewed_averages(mean, variance, x, keep)[0],
                1 * variance,
            ),
            "Both averages are renewed.",
        ),
        Mistake(
            "the mean stays as it was",
            lambda mean, variance, x, keep: (
                1 * mean,
                renewed_averages(mean, variance, x, keep)[1],
            ),
            "Both averages are renewed.",
        ),
        Mistake(
            "the two results are exchanged",
            lambda *a: renewed_averages(*a)[::-1],
            "Return the mean first, then the variance.",
        ),
        Mistake(
            "the old mean is changed in place",
            _averages_mean_in_place,
            "*= and += on an argument change the caller's array. Make a new one.",
        ),
        Mistake(
            "the mean is not taken off the squares",
            _renewed_variance(lambda x: (x**2).sum(axis=0) / (len(x) - 1)),
            "The variance is measured around the batch's own mean.",
        ),
        Mistake(
            "the sum of squares is not divided",
            _renewed_variance(lambda x: ((x - x.mean(axis=0)) ** 2).sum(axis=0)),
            "The sum of squares is divided by N - 1.",
        ),
        Mistake(
            "the sum of squares is divided by N + 1",
            _renewed_variance(lambda x: ((x - x.mean(axis=0)) ** 2).sum(axis=0) / (len(x) + 1)),
            "The variance of a batch comes out too small, so it is divided by less than N.",
        ),
        Mistake(
            "one variance for all features",
            _renewed_variance(lambda x: np.full(x.shape[1], x.var(ddof=1))),
            "Each feature has its own variance, over the examples.",
        ),
    ),
    hints=(
        "First the mean and the variance of this batch, shape (D,) each; then the mixing.",
        "Sum of squares around the batch's mean, divided by N - 1; NumPy calls it ddof=1.",
    ),
)

# normalize_rows


def normalize_rows(x, gamma, beta, epsilon):
    c = x - x.mean(axis=1, keepdims=True)
    s = np.sqrt((c**2).mean(axis=1, keepdims=True) + epsilon)
    return gamma * c / s + beta


def _rows(rng, n, d):
    return normal(rng, n, d, scale=1.5) + 1, _gains(rng, d), normal(rng, d), _epsilon(rng)


def _rows_inputs(rng):
    return _rows(rng, *sizes(rng, 2))


def _rows_constant(rng):
    return np.array([[7.0, 7.0, 7.0], [1.0, 2.0, 6.0]]), _gains(rng, 3), normal(rng, 3), 0.1


def _rows_with(
    mean=lambda x: x.mean(axis=1, keepdims=True),
    variance=lambda x: x.var(axis=1, keepdims=True),
    size=lambda v, epsilon: np.sqrt(v + epsilon),
    out=lambda x_hat, gamma, beta: gamma * x_hat + beta,
):
    """Return the function with something else in it."""
    return lambda x, gamma, beta, epsilon: out(
        (x - mean(x)) / size(variance(x), epsilon), gamma, beta
    )


def _rows_in_place(x, gamma, beta, epsilon):
    x -= x.mean(axis=1, keepdims=True)
    x /= np.sqrt((x**2).mean(axis=1, keepdims=True) + epsilon)
    return gamma * x + beta


def _rows_loop(x, gamma, beta, epsilon):
    y = []
    for row in x:
        m = sum(row) / len(row)
        v = sum((value - m) ** 2 for value in row) / len(row)
        y.append((row - m) / np.sqrt(v + epsilon) * gamma + beta)
    return np.array(y)


def _rows_turned(x, gamma, beta, epsilon):
    t = x.T
    t = (t - t.mean(axis=0)) / np.sqrt(t.var(axis=0) + epsilon)
    return t.T * gamma + beta


def _rows_flat(x, gamma, beta, epsilon):
    c = x - x.mean(axis=1)
    return gamma * c / np.sqrt((c**2).mean(axis=1) + epsilon) + beta


NORMALIZE_ROWS = Exercise(
    name="normalize_rows",
    lesson=12,
    goal="Normalize along the other axis, so that no example depends on another.",
    points=2,
    misconception="The axis of the batch is kept from the lesson, or keepdims is forgotten.",
    reference=normalize_rows,
    inputs=_rows_inputs,
    corners=(lambda rng: _rows(rng, 3, 3), lambda rng: _rows(rng, 1, 4), _rows_constant),
    out_of_reach=("batch_norm", "BatchNorm"),
    variants=(_rows_loop, _rows_turned),
    mistakes=(
        Mistake(
            "normalized over the batch",
            _rows_with(
                mean=lambda x: x.mean(axis=0),
                variance=lambda x: x.var(axis=0),
            ),
            "This is batch normalization. Here each example is on its own: which axis holds its "
            "numbers?",
        ),
        Mistake(
            "one mean and variance for everything",
            _rows_with(mean=lambda x: x.mean(), variance=lambda x: x.var()),
            "Each row has a mean and a variance of its own.",
        ),
        Mistake(
            "keepdims is forgotten",
            _rows_with(mean=lambda x: x.mean(axis=1), variance=lambda x: x.var(axis=1)),
            "x.mean(axis=1) has shape (N,), and NumPy lines it up with the last axis, that of the "
            "features. It must be (N, 1).",
        ),
        Mistake(
            "epsilon after the root",
            _rows_with(size=lambda v, epsilon: np.sqrt(v) + epsilon),
            "In the formula epsilon is added to the variance, before the root.",
        ),
        Mistake(
            "epsilon is left out",
            _rows_with(size=lambda v, epsilon: np.sqrt(v)),
            "A row that says the same everywhere has variance 0. What keeps it from 0 / 0?",
        ),
        Mistake(
            "the root is missing",
            _rows_with(size=lambda v, epsilon: v + epsilon),
            "Divide by the deviation. What is it, when the variance is known?",
        ),
        Mistake(
            "divided by one less than there are",
            _rows_with(variance=lambda x: x.var(axis=1, keepdims=True, ddof=1)),
            "The variance here is the mean of the squares: divide by D and not by D - 1.",
        ),
        Mistake(
            "gamma and beta are left out",
            _rows_with(out=lambda x_hat, gamma, beta: x_hat),
            "After the normalization each feature gets its learned scale and shift.",
        ),
        Mistake(
            "beta is left out",
            _rows_with(out=lambda x_hat, gamma, beta: gamma * x_hat),
            "The learned shift comes last.",
        ),
        Mistake(
            "beta is scaled by gamma",
            _rows_with(out=lambda x_hat, gamma, beta: gamma * (x_hat + beta)),
            "First times gamma, then plus beta. The order matters.",
        ),
        Mistake(
            "gamma and beta along the examples",
            _rows_with(out=lambda x_hat, gamma, beta: gamma[:, None] * x_hat + beta[:, None]),
            "gamma and beta belong to the features, (D,), and meet the last axis as they are.",
        ),
        Mistake(
            "the argument is changed",
            _rows_in_place,
            "-= and /=, or an assignment into x, write into the caller's array. Make new ones.",
        ),
        Mistake(
            "gamma and beta are exchanged",
            _rows_with(out=lambda x_hat, gamma, beta: beta * x_hat + gamma),
            "gamma stretches, beta shifts.",
        ),
        Mistake(
            "the squares are not averaged",
            _rows_with(
                variance=lambda x: ((x - x.mean(axis=1, keepdims=True)) ** 2).sum(
                    axis=1, keepdims=True
                )
            ),
            "v is the mean of the squares: divide their sum by D.",
        ),
        Mistake(
            "the mean is a sum",
            _rows_with(
                mean=lambda x: x.sum(axis=1, keepdims=True),
                variance=lambda x: ((x - x.sum(axis=1, keepdims=True)) ** 2).mean(
                    axis=1, keepdims=True
                ),
            ),
            "m is the mean of the row: divide the sum by D.",
        ),
        Mistake(
            "the variance is taken around 0",
            _rows_with(variance=lambda x: (x**2).mean(axis=1, keepdims=True)),
            "The squares are those of x - m.",
        ),
        Mistake(
            "the mean is not taken off",
            _rows_with(mean=lambda x: 0.0),
            "Above the fraction stands x - m.",
        ),
        Mistake(
            "gamma is left out",
            _rows_with(out=lambda x_hat, gamma, beta: x_hat + beta),
            "What is normalized is stretched by gamma.",
        ),
        Mistake(
            "beta is subtracted",
            _rows_with(out=lambda x_hat, gamma, beta: gamma * x_hat - beta),
            "Look at the sign in front of beta.",
        ),
        Mistake(
            "epsilon is 1e-5, whatever comes in",
            _rows_with(size=lambda v, epsilon: np.sqrt(v + 1e-5)),
            "epsilon comes in as an argument.",
        ),
        Mistake(
            "multiplied by the deviation",
            _rows_with(size=lambda v, epsilon: 1 / np.sqrt(v + epsilon)),
            "A row with a large spread is made smaller: divide.",
        ),
        Mistake(
            "gamma and beta come first",
            lambda x, gamma, beta, epsilon: _rows_with(out=lambda x_hat, gamma, beta: x_hat)(
                gamma * x + beta, gamma, beta, epsilon
            ),
            "Normalize first; gamma and beta come last, or the normalization takes them out again.",
        ),
        Mistake(
            "keepdims is forgotten in both",
            _rows_flat,
            "x.mean(axis=1) has shape (N,), which meets the last axis, that of the features. Keep "
            "the second axis, in mean and variance.",
        ),
        Mistake(
            "the variance is that of the batch",
            _rows_with(variance=lambda x: x.var(axis=0)),
            "Mean and variance are both those of the row: the same axis for both.",
        ),
        Mistake(
            "the mean is that of the batch",
            _rows_with(mean=lambda x: x.mean(axis=0)),
            "Mean and variance are both those of the row: the same axis for both.",
        ),
        Mistake(
            "the variance is squared",
            _rows_with(variance=lambda x: x.var(axis=1, keepdims=True) ** 2),
            "var is the mean of the squares already.",
        ),
        Mistake(
            "scaled to the least and the largest entry",
            lambda x, gamma, beta, epsilon: (
                gamma
                * (x - x.min(axis=1, keepdims=True))
                / (np.ptp(x, axis=1, keepdims=True) + epsilon)
                + beta
            ),
            "Take off the mean, and divide by the root of variance plus epsilon.",
        ),
    ),
    hints=(
        "Take the lesson's forward pass. What changes is the axis, and not for gamma and beta.",
        "The mean of each row has to meet all D entries of its row: shape (N, 1).",
        "(Predicted? A row of equal entries lies at its mean, 0 after the normalization, so its "
        "answer is beta.)",
    ),
)

# fold_into_next


def fold_into_next(w, b, gamma, beta, mean, variance, epsilon):
    scale = gamma / np.sqrt(variance + epsilon)
    return scale[:, None] * w, b + (beta - mean * scale) @ w


def _fold(rng, d, k):
    arrays = normal(rng, d, k), normal(rng, k), _gains(rng, d), normal(rng, d) + 1
    return *arrays, normal(rng, d) + 1, _variances(rng, d), _epsilon(rng)


def _fold_inputs(rng):
    return _fold(rng, *sizes(rng, 2))


def _fold_with(
    size=lambda variance, epsilon: np.sqrt(variance + epsilon),
    weights=lambda w, scale: scale[:, None] * w,
    bias=lambda w, new, b, beta, mean, scale: b + (beta - mean * scale) @ w,
):
    """Return the function with something else in it."""

    def function(w, b, gamma, beta, mean, variance, epsilon):
        scale = gamma / size(variance, epsilon)
        new = weights(w, scale)
        return new, bias(w, new, b, beta, mean, scale)

    return function


def _fold_in_place(w, b, gamma, beta, mean, variance, epsilon):
    scale = gamma / np.sqrt(variance + epsilon)
    b += (beta - mean * scale) @ w
    w *= scale[:, None]
    return w, b


def _fold_no_gamma(w, b, gamma, beta, mean, variance, epsilon):
    scale = 1 / np.sqrt(variance + epsilon)
    return scale[:, None] * w, b + (beta - mean * scale) @ w


def _fold_by_trial(w, b, gamma, beta, mean, variance, epsilon):
    def both(x):
        return (gamma * (x - mean) / np.sqrt(variance + epsilon) + beta) @ w + b

    zero = np.zeros_like(mean)
    return both(np.eye(len(w))) - both(zero), both(zero)


def _fold_matrix(w, b, gamma, beta, mean, variance, epsilon):
    new = np.diag(gamma / np.sqrt(variance + epsilon)) @ w
    return new, b + beta @ w - mean @ new


def _fold_before(w, b, gamma, beta, mean, variance, epsilon):
    scale = gamma / np.sqrt(variance + epsilon)
    if w.shape[1] != len(scale):
        return scale[:, np.newaxis] * w, b
    return w * scale, scale * (b - mean) + beta


FOLD_INTO_NEXT = Exercise(
    name="fold_into_next",
    lesson=12,
    goal="Fold a scale and a shift into the layer behind them.",
    points=3,
    misconception="The scale is put on the columns of w, as for the layer before.",
    reference=fold_into_next,
    inputs=_fold_inputs,
    corners=(lambda rng: _fold(rng, 3, 3),),
    outputs=("new w", "new b"),
    out_of_reach=("batch_norm", "BatchNorm"),
    variants=(_fold_by_trial, _fold_matrix),
    mistakes=(
        Mistake(
            "the scale is on the columns of w",
            _fold_with(weights=lambda w, scale: w * scale),
            "The scale belongs to the inputs of this layer. Along which axis of w (D, K) do they "
            "lie?",
        ),
        Mistake(
            "this folds into the layer before",
            _fold_before,
            "That is right for a layer that comes before the normalization: its outputs are "
            "scaled. Here the layer comes after it: its inputs are scaled.",
        ),
        Mistake(
            "beta is scaled too",
            _fold_with(bias=lambda w, new, b, beta, mean, scale: b + ((beta - mean) * scale) @ w),
            "(x - mean) scale + beta: which of the two, mean and beta, stands inside the brackets?",
        ),
        Mistake(
            "the bias is left as it was",
            _fold_with(bias=lambda w, new, b, beta, mean, scale: b),
            "What comes out for x = 0? The mean and beta must go somewhere.",
        ),
        Mistake(
            "beta is forgotten",
            _fold_with(bias=lambda w, new, b, beta, mean, scale: b - (mean * scale) @ w),
            "The normalization adds beta to each feature, and w carries it on to the outputs.",
        ),
        Mistake(
            "the mean is forgotten",
            _fold_with(bias=lambda w, new, b, beta, mean, scale: b + beta @ w),
            "The normalization takes the mean off before it scales. What is left of it behind w?",
        ),
        Mistake(
            "the mean is added",
            _fold_with(bias=lambda w, new, b, beta, mean, scale: b + (beta + mean * scale) @ w),
            "The mean is taken off: look at its sign.",
        ),
        Mistake(
            "the mean is not scaled",
            _fold_with(bias=lambda w, new, b, beta, mean, scale: b + (beta - mean) @ w),
            "(x - mean) scale is x scale - mean scale.",
        ),
        Mistake(
            "the shift goes through the new weights",
            _fold_with(bias=lambda w, new, b, beta, mean, scale: b + (beta - mean * scale) @ new),
            "The new weights hold the scale already. What has been scaled goes through the old w.",
        ),
        Mistake(
            "the shift does not go through the weights",
            _fold_with(bias=lambda w, new, b, beta, mean, scale: b + beta - mean * scale),
            "The shift has one number per input, (D,), and the bias one per output, (K,). What "
            "leads from one to the other?",
        ),
        Mistake(
            "the old bias is lost",
            _fold_with(bias=lambda w, new, b, beta, mean, scale: (beta - mean * scale) @ w),
            "The layer's own bias is still added.",
        ),
        Mistake(
            "epsilon after the root",
            _fold_with(size=lambda variance, epsilon: np.sqrt(variance) + epsilon),
            "In the formula epsilon is added to the variance, before the root.",
        ),
        Mistake(
            "the root is missing",
            _fold_with(size=lambda variance, epsilon: variance + epsilon),
            "Divide by the deviation. What is it, when the variance is known?",
        ),
        Mistake(
            "gamma is forgotten",
            _fold_no_gamma,
            "What the normalization multiplies a feature with has two parts: 1 / s and gamma.",
        ),
        Mistake(
            "the old layer is changed",
            _fold_in_place,
            "*= and +=, or an assignment into w or b, write into the caller's arrays. Return new "
            "ones.",
        ),
        Mistake(
            "epsilon is left out",
            _fold_with(size=lambda variance, epsilon: np.sqrt(variance)),
            "epsilon is added to the variance, under the root.",
        ),
        Mistake(
            "gamma and beta are exchanged",
            lambda w, b, gamma, beta, *rest: fold_into_next(w, b, beta, gamma, *rest),
            "gamma stretches, beta shifts.",
        ),
        Mistake(
            "multiplied by the deviation",
            _fold_with(size=lambda variance, epsilon: 1 / np.sqrt(variance + epsilon)),
            "A feature with a large spread is made smaller: divide.",
        ),
        Mistake(
            "the shift is one number",
            _fold_with(
                bias=lambda w, new, b, beta, mean, scale: b + ((beta - mean * scale) @ w).sum()
            ),
            "Each output has its own bias: the shift goes through w as a vector.",
        ),
        Mistake(
            "the shift has the wrong sign",
            _fold_with(bias=lambda w, new, b, beta, mean, scale: b - (beta - mean * scale) @ w),
            "What h has at x = 0 goes through w, and is added to b.",
        ),
        Mistake(
            "the weights are left as they were",
            _fold_with(weights=lambda w, scale: 1 * w),
            "x is stretched before it reaches w. new_w must do that as well.",
        ),
    ),
    hints=(
        "Write the normalization as scale x + shift, with two arrays of shape (D,).",
        "(scale x + shift) @ w + b: multiply out, and sort by what is multiplied with x.",
        "x[:, d] meets row d of w. So scale each row of w, and send the shift through the old w. "
        "(That the rows are scaled is what was to be predicted.)",
    ),
)

# normalize_rows_backward


def normalize_rows_backward(dy, x, gamma, epsilon):
    c = x - x.mean(axis=1, keepdims=True)
    s = np.sqrt((c**2).mean(axis=1, keepdims=True) + epsilon)
    x_hat = c / s
    dx_hat = dy * gamma
    along = (dx_hat * x_hat).mean(axis=1, keepdims=True)
    dx = (dx_hat - dx_hat.mean(axis=1, keepdims=True) - x_hat * along) / s
    return dx, (dy * x_hat).sum(axis=0), dy.sum(axis=0)


def _back(rng, n, d):
    return normal(rng, n, d), normal(rng, n, d, scale=1.5) + 1, _gains(rng, d), _epsilon(rng)


def _back_inputs(rng):
    return _back(rng, *sizes(rng, 2, low=3, high=6))


def _back_with(
    dx=None,
    through=lambda dy, gamma: dy * gamma,
    dgamma=lambda dy, x_hat: (dy * x_hat).sum(axis=0),
    dbeta=lambda dy: dy.sum(axis=0),
    size=lambda v, epsilon: np.sqrt(v + epsilon),
):
    """Return the function with something else in it."""

    def function(dy, x, gamma, epsilon):
        c = x - x.mean(axis=1, keepdims=True)
        s = size((c**2).mean(axis=1, keepdims=True), epsilon)
        x_hat, dx_hat = c / s, through(dy, gamma)
        ways = dx or _three_paths
        return ways(dx_hat, x_hat, s), dgamma(dy, x_hat), dbeta(dy)

    return function


def _mean1(a):
    return a.mean(axis=1, keepdims=True)


def _three_paths(dx_hat, x_hat, s):
    return (dx_hat - _mean1(dx_hat) - x_hat * _mean1(dx_hat * x_hat)) / s


def _mean_by_examples(a):
    return a.sum(axis=1, keepdims=True) / len(a)


def _dgamma_of_dx_hat(dy, x, gamma, epsilon):
    dx, dgamma, dbeta = normalize_rows_backward(dy, x, gamma, epsilon)
    return dx, gamma * dgamma, dbeta


def _gamma_in_front(dy, x, gamma, epsilon):
    dx, dgamma, dbeta = _back_with(through=lambda dy, gamma: dy)(dy, x, gamma, epsilon)
    return gamma * dx, dgamma, dbeta


def _back_walk(dy, x, gamma, epsilon):
    d = x.shape[1]
    c = x - _mean1(x)
    s = np.sqrt(_mean1(c * c) + epsilon)
    dgamma, dbeta = np.einsum("nd,nd->d", dy, c / s), np.ones(len(dy)) @ dy
    dx_hat = dy * gamma
    ds = -(dx_hat * c / s**2).sum(axis=1, keepdims=True)
    dc = dx_hat / s + ds / (2 * s) * 2 * c / d
    dm = -dc.sum(axis=1, keepdims=True)
    return dc + dm / d, dgamma, dbeta


def _back_jacobian(dy, x, gamma, epsilon):
    dx, d = np.empty_like(x), x.shape[1]
    dgamma = np.zeros(d)
    for n in range(len(x)):
        c = x[n] - x[n].mean()
        s = np.sqrt(c @ c / d + epsilon)
        jacobian = (np.eye(d) - 1 / d - np.outer(c, c) / (d * s**2)) / s
        dx[n] = jacobian @ (gamma * dy[n])
        dgamma += dy[n] * c / s
    return dx, dgamma, dy.sum(axis=0)


def _back_of_batch(dy, x, gamma, epsilon):
    c = x - x.mean(axis=0)
    s = np.sqrt((c**2).mean(axis=0) + epsilon)
    x_hat, dx_hat = c / s, dy * gamma
    dx = (dx_hat - dx_hat.mean(axis=0) - x_hat * (dx_hat * x_hat).mean(axis=0)) / s
    return dx, (dy * x_hat).sum(axis=0), dy.sum(axis=0)


NORMALIZE_ROWS_BACKWARD = Exercise(
    name="normalize_rows_backward",
    lesson=12,
    goal="Derive a backward pass along three paths, with a factor that does not come out.",
    points=4,
    misconception="gamma is pulled in front of the brackets, as if it were the same in the row.",
    reference=normalize_rows_backward,
    inputs=_back_inputs,
    corners=(lambda rng: _back(rng, 3, 3), lambda rng: _back(rng, 1, 4)),
    outputs=("dx", "dgamma", "dbeta"),
    out_of_reach=("batch_norm_backward", "BatchNorm", "numerical_gradient", "check_gradients"),
    variants=(_back_walk, _back_jacobian),
    mistakes=(
        Mistake(
            "gamma in front of the brackets",
            _gamma_in_front,
            "In the lesson gamma was the same for all that a mean was taken over. Along a row it "
            "is not: it belongs inside the means.",
        ),
        Mistake(
            "the direct path alone",
            _back_with(dx=lambda dx_hat, x_hat, s: dx_hat / s),
            "x also moves the mean and the variance of its row, and with them all other entries "
            "there.",
        ),
        Mistake(
            "the path through the variance is missing",
            _back_with(dx=lambda dx_hat, x_hat, s: (dx_hat - _mean1(dx_hat)) / s),
            "Two of three paths. When x moves away from the mean, the deviation grows too.",
        ),
        Mistake(
            "the path through the mean is missing",
            _back_with(dx=lambda dx_hat, x_hat, s: (dx_hat - x_hat * _mean1(dx_hat * x_hat)) / s),
            "If all entries of a row rise alike, y stays the same. So each row of dx must sum to "
            "0; does yours?",
        ),
        Mistake(
            "the means run over the batch",
            _back_with(
                dx=lambda dx_hat, x_hat, s: (
                    (dx_hat - dx_hat.mean(axis=0) - x_hat * (dx_hat * x_hat).mean(axis=0)) / s
                )
            ),
            "Here each row is on its own, backward too. Along which axis did forward take its "
            "means?",
        ),
        Mistake(
            "gamma is left out of dx",
            _back_with(through=lambda dy, gamma: dy),
            "y is gamma times x_hat, so dx_hat is not dy.",
        ),
        Mistake(
            "not divided by s",
            _back_with(dx=lambda dx_hat, x_hat, s: s * _three_paths(dx_hat, x_hat, s)),
            "Forward divides by s. What does a division do to a slope?",
        ),
        Mistake(
            "sums where means are due",
            _back_with(
                dx=lambda dx_hat, x_hat, s: (
                    dx_hat
                    - dx_hat.sum(axis=1, keepdims=True)
                    - x_hat * (dx_hat * x_hat).sum(axis=1, keepdims=True)
                )
                / s
            ),
            "The mean of a row gives each entry a D-th of what arrives. Where is the 1 / D?",
        ),
        Mistake(
            "divided by N where D numbers were averaged",
            _back_with(
                dx=lambda dx_hat, x_hat, s: (
                    (dx_hat - _mean_by_examples(dx_hat) - x_hat * _mean_by_examples(dx_hat * x_hat))
                    / s
                )
            ),
            "In the lesson a mean ran over N examples. Over how many numbers does the mean of a "
            "row run?",
        ),
        Mistake(
            "the last term has the wrong sign",
            _back_with(
                dx=lambda dx_hat, x_hat, s: (
                    (dx_hat - _mean1(dx_hat) + x_hat * _mean1(dx_hat * x_hat)) / s
                )
            ),
            "A larger deviation makes x_hat smaller, so this path is taken off too.",
        ),
        Mistake(
            "x_hat is missing in the last term",
            _back_with(
                dx=lambda dx_hat, x_hat, s: (dx_hat - _mean1(dx_hat) - _mean1(dx_hat * x_hat)) / s
            ),
            "An entry far from the mean moves the variance more than one near to it.",
        ),
        Mistake(
            "dgamma is summed over the features",
            _back_with(dgamma=lambda dy, x_hat: (dy * x_hat).sum(axis=1)),
            "A gradient has the shape of its parameter: gamma has one number per feature.",
        ),
        Mistake(
            "means in dgamma and dbeta",
            _back_with(
                dgamma=lambda dy, x_hat: (dy * x_hat).mean(axis=0),
                dbeta=lambda dy: dy.mean(axis=0),
            ),
            "What was repeated for all rows on the way forward is summed on the way back.",
        ),
        Mistake(
            "dgamma lacks x_hat",
            _back_with(dgamma=lambda dy, x_hat: dy.sum(axis=0)),
            "gamma is multiplied with x_hat. By how much does y change when gamma rises?",
        ),
        Mistake(
            "dgamma is made from dx_hat",
            _dgamma_of_dx_hat,
            "dx_hat holds gamma already. The slope along y is dy, and gamma stands right before y.",
        ),
        Mistake(
            "epsilon is left out",
            _back_with(size=lambda v, epsilon: np.sqrt(v)),
            "s is the root of variance plus epsilon, as in the forward pass.",
        ),
        Mistake(
            "epsilon after the root",
            _back_with(size=lambda v, epsilon: np.sqrt(v) + epsilon),
            "s is the root of variance plus epsilon, as in the forward pass.",
        ),
        Mistake(
            "dgamma and dbeta are summed over the features",
            _back_with(
                dgamma=lambda dy, x_hat: (dy * x_hat).sum(axis=1), dbeta=lambda dy: dy.sum(axis=1)
            ),
            "gamma and beta belong to the features, (D,), and are used in all N rows. Which axis "
            "has to go?",
        ),
        Mistake(
            "dbeta is summed over the features",
            _back_with(dbeta=lambda dy: dy.sum(axis=1)),
            "beta belongs to the features, (D,), and is used in all N rows. Which axis has to go?",
        ),
        Mistake(
            "a mean in dgamma",
            _back_with(dgamma=lambda dy, x_hat: (dy * x_hat).mean(axis=0)),
            "The slopes of all rows add up; the factor 1/N is in dy already.",
        ),
        Mistake(
            "a mean in dbeta",
            _back_with(dbeta=lambda dy: dy.mean(axis=0)),
            "The slopes of all rows add up; the factor 1/N is in dy already.",
        ),
        Mistake(
            "dgamma and dbeta are single numbers",
            _back_with(dgamma=lambda dy, x_hat: (dy * x_hat).sum(), dbeta=lambda dy: dy.sum()),
            "Each feature has its own gamma and beta. Which axis has to go, and which has to stay?",
        ),
        Mistake(
            "dgamma and dbeta have changed places",
            lambda *a: tuple(normalize_rows_backward(*a)[i] for i in (0, 2, 1)),
            "Return dx first, then dgamma, then dbeta.",
        ),
        Mistake(
            "a sum in the path through the mean",
            _back_with(
                dx=lambda dx_hat, x_hat, s: (
                    dx_hat - dx_hat.sum(axis=1, keepdims=True) - x_hat * _mean1(dx_hat * x_hat)
                )
                / s
            ),
            "m is a mean: each x has the share 1/D in it.",
        ),
        Mistake(
            "a sum in the path through the variance",
            _back_with(
                dx=lambda dx_hat, x_hat, s: (
                    dx_hat - _mean1(dx_hat) - x_hat * (dx_hat * x_hat).sum(axis=1, keepdims=True)
                )
                / s
            ),
            "v is a mean: each x has the share 1/D in it.",
        ),
        Mistake(
            "dgamma is made from the centred x",
            lambda dy, x, gamma, epsilon: (
                normalize_rows_backward(dy, x, gamma, epsilon)[0],
                (dy * (x - _mean1(x))).sum(axis=0),
                dy.sum(axis=0),
            ),
            "gamma multiplies x_hat, which is centred and divided by s.",
        ),
        Mistake(
            "dgamma is made from x",
            lambda dy, x, gamma, epsilon: (
                normalize_rows_backward(dy, x, gamma, epsilon)[0],
                (dy * x).sum(axis=0),
                dy.sum(axis=0),
            ),
            "gamma multiplies x_hat, not x.",
        ),
        Mistake(
            "divided by the square of s",
            _back_with(dx=lambda dx_hat, x_hat, s: _three_paths(dx_hat, x_hat, s) / s),
            "x_hat is c / s: the slope along c has one s below.",
        ),
        Mistake(
            "gamma is in dbeta",
            lambda dy, x, gamma, epsilon: (
                *normalize_rows_backward(dy, x, gamma, epsilon)[:2],
                (dy * gamma).sum(axis=0),
            ),
            "beta is added after gamma: nothing multiplies it.",
        ),
        Mistake(
            "this is the lesson's, along the batch",
            _back_of_batch,
            "The lesson's means run over the examples. Here each row is normalized on its own: "
            "over which axis do m and v run?",
        ),
        Mistake(
            "the path through the mean is added",
            _back_with(
                dx=lambda dx_hat, x_hat, s: (
                    dx_hat + _mean1(dx_hat) - x_hat * _mean1(dx_hat * x_hat)
                )
                / s
            ),
            "The mean is taken off x: its path has a minus.",
        ),
    ),
    hints=(
        "dgamma and dbeta are those of the lesson: gamma and beta still belong to the features.",
        "Take the lesson's walk in five steps. The axis of the means and sums over a row changes, "
        "and with it the number that divides: N becomes D.",
        "The lesson's line before gamma came out: (dx_hat - its mean - x_hat times the mean of "
        "dx_hat x_hat) / s, now along each row. (Predicted? Each row of dx sums to 0; the columns "
        "need not.)",
    ),
)

EXERCISES = (
    NORMALIZE_IN_USE,
    RENEWED_AVERAGES,
    NORMALIZE_ROWS,
    FOLD_INTO_NEXT,
    NORMALIZE_ROWS_BACKWARD,
)
