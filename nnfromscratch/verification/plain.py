"""The references: the course's formulas once more, for lists of Python's numbers."""

import cmath
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from ..contracts import FloatArray


def each(f: Callable) -> Callable:
    """Return the function that applies f to every entry of a list of rows."""
    return lambda z: [[f(value) for value in row] for row in z]


def plain_linear(x: list, w: list, b: list) -> list:
    """z[n][k] = Σ_d x[n][d] w[d][k] + b[k]."""
    return [
        [sum(row[d] * w[d][k] for d in range(len(w))) + b[k] for k in range(len(b))] for row in x
    ]


def plain_softmax(z: list) -> list:
    """p[n][c] = exp(z[n][c]) / Σ_k exp(z[n][k])."""
    exponentials = each(cmath.exp)(z)
    return [[e / sum(row) for e in row] for row in exponentials]


def plain_cross_entropy(z: list, y: list) -> complex:
    """-1/N Σ_n log p[n][y[n]]."""
    return -sum(cmath.log(p[label]) for p, label in zip(plain_softmax(z), y, strict=True)) / len(y)


def plain_moments(x: list) -> list:
    """Return mean and variance of every column, both sums divided by N."""
    columns = list(zip(*x, strict=True))
    means = [sum(column) / len(x) for column in columns]
    return [
        (m, sum((v - m) ** 2 for v in column) / len(x))
        for m, column in zip(means, columns, strict=True)
    ]


def plain_normalize(x: list, moments: list, gamma: list, beta: list, root: Callable) -> list:
    """y[n][d] = gamma[d] (x[n][d] - m[d]) / root(v[d]) + beta[d]."""
    columns = list(zip(moments, gamma, beta, strict=True))
    return [
        [g * (value - m) / root(v) + b for value, ((m, v), g, b) in zip(row, columns, strict=True)]
        for row in x
    ]


def plain_batch_norm(x: list, gamma: list, beta: list) -> list:
    """Y = gamma (x - m) / sqrt(v + 1e-5) + beta with the batch's own m and v."""
    return plain_normalize(x, plain_moments(x), gamma, beta, lambda v: cmath.sqrt(v + 1e-5))


PLAIN = {
    "relu": each(lambda z: z if z.real > 0 else 0.0),
    "leaky_relu": each(lambda z: z if z.real > 0 else 0.01 * z),
    "sigmoid": each(lambda z: 1 / (1 + cmath.exp(-z))),
    "tanh": each(cmath.tanh),
    "softmax": plain_softmax,
    "log_softmax": lambda z: each(cmath.log)(plain_softmax(z)),
}


def plain_network(activation: str, y: list) -> Callable:
    """Return the loss of a network with one hidden layer as a function of its arrays."""

    def loss(x: list, w1: list, b1: list, w2: list, b2: list) -> complex:
        a1 = PLAIN[activation](plain_linear(x, w1, b1))
        return plain_cross_entropy(plain_linear(a1, w2, b2), y)

    return loss


def weighted_sum(rows: list, weights: FloatArray) -> complex:
    """Turn outputs into one number whose derivative by them is `weights`."""
    return sum(map(lambda row, v: sum(map(lambda a, b: a * b, row, v)), rows, weights.tolist()))


def slopes(f: Callable, *arrays: FloatArray) -> list[FloatArray]:
    """Differentiate f, a function of lists, by every entry of every array: Im f(x + ih) / h."""
    h = 1e-30
    gradients = [np.empty(array.shape) for array in arrays]
    for k, gradient in enumerate(gradients):
        for index in np.ndindex(gradient.shape):
            moved = [array.astype(complex) for array in arrays]
            moved[k][index] += h * 1j
            gradient[index] = f(*[array.tolist() for array in moved]).imag / h
    return gradients


def gradients(plain: Callable, d_out: FloatArray, *arrays: FloatArray) -> list[FloatArray]:
    """Differentiate outputs weighted by `d_out`: what a backward that is given it must return."""
    return slopes(lambda *given: weighted_sum(plain(*given), d_out), *arrays)


def draw(*shapes: tuple[int, ...]) -> list[FloatArray]:
    """Return arrays of random numbers at least 0.1 away from zero, where relu has its kink."""
    rng = np.random.default_rng(0)
    return [rng.uniform(0.1, 2, shape) * rng.choice([-1, 1], shape) for shape in shapes]


def fractions(array: FloatArray) -> list:
    """Return a matrix as rows of exact fractions."""
    return [[Fraction(value) for value in row] for row in array.tolist()]
