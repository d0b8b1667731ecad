"""What a trained network has learned, where it errs, and how far it can be believed."""

import math

import numpy as np

from ._guards import instance, not_negative, whole
from .contracts import FloatArray, IntArray, shapes
from .functional import softmax
from .losses import softmax_cross_entropy
from .model import Sequential


@shapes("z: N C, y: N < C -> C C")
def confusion_matrix(z: FloatArray, y: IntArray) -> IntArray:
    """Count which class was answered by which.

    m[c, k] = how many n have y[n] = c and their largest z[n] at k

    Args:
        z: logits or probabilities, (N, C).
        y: labels, (N,).

    Returns:
        m, (C, C), integers: a row for each label, a column for each answer. Its sum is N, and the
        right answers stand on its diagonal.
    """
    classes = z.shape[1]
    pairs = classes * y.astype(np.int64) + z.argmax(axis=1)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


@shapes("p: N C, y: N < C -> ")
def expected_calibration_error(p: FloatArray, y: IntArray, bins: int = 15) -> np.floating:
    """How far confidence is from accuracy, on average over equal intervals of confidence.

    sum over the intervals of (examples in it / N) |accuracy in it - mean confidence in it|

    Args:
        p: probabilities, (N, C); the largest of a row is the confidence of its answer.
        y: labels, (N,).
        bins: how many intervals [0, 1] is cut into; an inner end belongs to the upper one.

    Returns:
        a fraction from 0 to 1.

    Raises:
        ValueError: p is empty, holds a number outside [0, 1] or nan, or bins is below 1.

    Source: Guo et al., On calibration of modern neural networks (2017), section 2, equation 3.
    """
    bins = whole("expected_calibration_error", bins=bins)
    if not (len(p) and np.isrealobj(p) and ((p >= 0) & (p <= 1)).all()):
        raise ValueError("expected_calibration_error: p must hold probabilities from 0 to 1")
    confidence, right = p.max(axis=1), p.argmax(axis=1) == y
    interval = np.minimum((bins * confidence).astype(np.int64), bins - 1)
    _, group = np.unique(interval, return_inverse=True)  # empty intervals have no gap
    gaps = np.bincount(group, weights=(right - confidence).astype(float))
    return p.dtype.type(np.abs(gaps).sum() / len(p))


@shapes("z: N C, y: N < C -> ")
def fit_temperature(z: FloatArray, y: IntArray) -> np.floating:
    """Find the temperature T for which softmax(z / T) has the smallest cross-entropy.

    The loss is convex in b = 1 / T, where its slope is mean_n(sum_c p[n, c] z[n, c] - z[n, y[n]]).
    Halving looks for the zero of the slope, from T = 0.01 to T = 100.

    Args:
        z: logits of examples that the network was not trained on, (N, C).
        y: their labels, (N,).

    Returns:
        T, above 1 if the network is more sure than right.

    Raises:
        ValueError: no T in that range is best: all answers are right, or no better than guesses.

    Source: Guo et al., On calibration of modern neural networks (2017), section 4.2.
    """
    if not (len(z) and np.isrealobj(z) and np.isfinite(z).all()):
        raise ValueError("fit_temperature: z must hold finite logits of at least one example")
    logits = z.astype(np.float64)
    named = np.take_along_axis(logits, y[:, np.newaxis].astype(np.int64), axis=1)
    low, high = math.log(0.01), math.log(100)  # of b, so that all sizes are searched alike
    if not _slope(low, logits - named) < 0 < _slope(high, logits - named):
        raise ValueError("fit_temperature: z has no best temperature between 0.01 and 100")
    for _ in range(60):
        middle = (low + high) / 2
        too_high = _slope(middle, logits - named) > 0
        low, high = (low, middle) if too_high else (middle, high)
    return z.dtype.type(math.exp(-low))


def _slope(log_b: float, z: FloatArray) -> float:
    """The slope of the mean loss along b; z are logits less the label's own."""
    return float((softmax(math.exp(log_b) * z) * z).sum(axis=1).mean())


@shapes("x: N D, y: N -> N D")
def fast_gradient_sign(
    model: Sequential, x: FloatArray, y: IntArray, strength: float
) -> FloatArray:
    """Move every pixel by `strength` in the direction in which the loss rises.

    x + strength * sign(dx), kept between 0 and 1; `model.grads` are those of this loss then

    Args:
        model: a network whose outputs are logits.
        x: images with pixels in [0, 1], (N, D).
        y: the labels whose loss is to rise, (N,).
        strength: how far each pixel moves, in units of the pixels.

    Returns:
        the changed images, (N, D).

    Raises:
        TypeError: model is no Sequential.
        ValueError: x holds something else than pixels in [0, 1], or strength is negative.

    Source: Goodfellow, Shlens and Szegedy, Explaining and harnessing adversarial examples (2015),
    section 4.
    """
    strength = _checked_attack(model, x, strength)
    _, dz = softmax_cross_entropy(model.forward(x), y)
    dx = model.backward(dz)
    return np.clip(x + strength * np.sign(dx), 0, 1).astype(x.dtype)


def _checked_attack(model: Sequential, x: FloatArray, strength: float) -> float:
    instance("fast_gradient_sign", Sequential, "mlp makes", model=model)
    if not (np.isrealobj(x) and ((x >= 0) & (x <= 1)).all()):
        raise ValueError("fast_gradient_sign: x must hold pixels from 0 to 1")
    return not_negative("fast_gradient_sign", strength=strength)


@shapes("x: N D -> N K, D K, D")
def principal_components(x: FloatArray, count: int = 2) -> tuple[FloatArray, ...]:
    """Turn the axes so that the first ones show the largest spread.

    The directions are eigenvectors of the covariance c.T c / N, with c = x - mean(x).

    Args:
        x: examples, (N, D).
        count: how many directions K to keep.

    Returns:
        the examples along the directions (N, K); the directions (D, K), in columns of length 1,
        each with its largest entry positive; the variances along all D, falling, (D,).

    Raises:
        ValueError: count is more than D, or x is empty or holds numbers that are not below 1e100.

    Source: Bishop, Pattern Recognition and Machine Learning (2006), section 12.1.
    """
    count = whole("principal_components", count=count)
    if not (len(x) and np.isrealobj(x) and (np.abs(x) < 1e100).all()) or count > x.shape[1]:
        got = f"x has shape {x.shape}, count is {count}"
        raise ValueError(f"principal_components: x must be finite, with D >= count; {got}")
    centred = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    variances, directions = np.linalg.eigh(centred.T @ centred / len(x))  # from small to large
    directions = directions[:, ::-1][:, :count]
    largest = np.abs(directions).argmax(axis=0)
    directions = directions * np.sign(directions[largest, np.arange(count)])
    return tuple(
        found.astype(x.dtype) for found in (centred @ directions, directions, variances[::-1])
    )
