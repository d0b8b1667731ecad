"""Functions and losses, beside plain Python in fractions, decimals and complex steps."""

import math
from collections.abc import Iterator
from decimal import Decimal

import numpy as np

import nnfromscratch as nn

from ..contracts import FloatArray
from .engine import EXACT, case
from .plain import (
    PLAIN,
    draw,
    each,
    fractions,
    gradients,
    plain_batch_norm,
    plain_cross_entropy,
    plain_linear,
    plain_moments,
    plain_normalize,
    slopes,
)

# --- functional


@case("linear", "the sum written out, in exact fractions")
def _() -> Iterator[tuple]:
    x, w, b = draw((5, 4), (4, 3), (3,))
    yield nn.linear(x, w, b), plain_linear(fractions(x), fractions(w), fractions(b[np.newaxis])[0])


@case("linear_backward", "complex steps through the sum written out")
def _() -> Iterator[tuple]:
    x, w, b, dz = draw((5, 4), (4, 3), (3,), (5, 3))
    expected = gradients(plain_linear, dz, x, w, b)
    yield from zip(nn.linear_backward(dz, x, w), expected, strict=True)
    yield from zip(nn.linear_backward(dz, x, w, need_dx=False)[1:], expected[1:], strict=True)


@case("relu", "the larger of z and 0, entry by entry", EXACT)
def _() -> Iterator[tuple]:
    z = [[-2.0, -1e-300, 0.0, 1e-300, 3.0]]
    yield nn.relu(z), each(lambda z: max(z, 0.0))(z)


@case("relu_backward", "a closed gate where z = 0", EXACT)
def _() -> Iterator[tuple]:
    yield nn.relu_backward([5.0, 5.0, 5.0], [-1.0, 0.0, 1.0]), [0, 0, 5]


@case("leaky_relu", "z or slope z, entry by entry", EXACT)
def _() -> Iterator[tuple]:
    z = [[-2.0, -1e-300, 0.0, 1e-300, 3.0]]
    yield nn.leaky_relu(z), each(lambda z: z if z > 0 else 0.01 * z)(z)
    yield nn.leaky_relu(z, 0.25), each(lambda z: z if z > 0 else z / 4)(z)


@case("leaky_relu_backward", "a gate a quarter open where z = 0", EXACT)
def _() -> Iterator[tuple]:
    yield nn.leaky_relu_backward([5.0, 5.0, 5.0], [-1.0, 0.0, 1.0], 0.25), [1.25, 1.25, 5]


# Sixteenths from -40 to 40: their differences are exact, so every error is the function's own.
WIDE = (np.arange(-640, 641).reshape(-1, 7) / 16).tolist()


@case("sigmoid", "1 / (1 + exp(-z)) in decimals, z from -700 to 700")
def _() -> Iterator[tuple]:
    z = [[-700.0, 700.0, -1e-9, 0.0], *WIDE]
    for row in z:
        yield from zip(nn.sigmoid(row), [1 / (1 + Decimal(-v).exp()) for v in row], strict=True)


@case("tanh", "(1 - exp(-2z)) / (1 + exp(-2z)) in decimals, z from -300 to 300")
def _() -> Iterator[tuple]:
    for row in [[-300.0, 300.0, -1e-6, 0.0], *WIDE]:
        e = [Decimal(-2 * v).exp() for v in row]
        yield from zip(nn.tanh(row), [(1 - v) / (1 + v) for v in e], strict=True)


@case("softmax", "exp(z) / sum of exp(z) in decimals, z from -1000 to 1000")
def _() -> Iterator[tuple]:
    for row in [[1000.0, 600.0, 300.0], [-1000.0, -1000.0, -999.0], *WIDE]:
        e = [Decimal(v).exp() for v in row]
        yield from zip(nn.softmax([row])[0], [v / sum(e) for v in e], strict=True)


@case("log_softmax", "z - ln(sum of exp(z)) in decimals, z from -1000 to 1000")
def _() -> Iterator[tuple]:
    for row in [[1000.0, -1000.0, 0.0], [-1000.0, -1000.0, -999.0], *WIDE]:
        total = sum(Decimal(v).exp() for v in row).ln()
        yield nn.log_softmax([row])[0], [Decimal(v) - total for v in row]


def _backward_case(name: str) -> None:
    @case(f"{name}_backward", f"complex steps through {name} in plain Python")
    def _() -> Iterator[tuple]:
        z, d_out = draw((5, 4), (5, 4))
        remembered = z if name.endswith("relu") else np.real(PLAIN[name](z.tolist()))
        found = getattr(nn, f"{name}_backward")(d_out, remembered)
        yield found, gradients(PLAIN[name], d_out, z)[0]


for _name in PLAIN:
    _backward_case(_name)


def decimals(*arrays: FloatArray) -> list:
    """Return each array as a list of decimals, or as rows of them."""
    return [np.vectorize(Decimal, otypes=[object])(array).tolist() for array in arrays]


def decimal_root(variance: Decimal) -> Decimal:
    """sqrt(variance + 1e-5)."""
    return (variance + Decimal("0.00001")).sqrt()


@case("batch_statistics", "sums over each column, divided by N, in exact fractions")
def _() -> Iterator[tuple]:
    (x,) = draw((6, 4))
    yield np.array(nn.batch_statistics(x)).T, plain_moments(fractions(x))


@case("normalize", "its formula entry by entry, the root in decimals")
def _() -> Iterator[tuple]:
    x, mean, variance, gamma, beta = arrays = draw((6, 4), (4,), (4,), (4,), (4,))
    variance[...] = abs(variance)
    rows, m, v, g, b = decimals(*arrays)
    expected = plain_normalize(rows, list(zip(m, v, strict=True)), g, b, decimal_root)
    yield nn.normalize(x, mean, variance, gamma, beta), expected


@case("normalize_backward", "complex steps through its formula with constant statistics")
def _() -> Iterator[tuple]:
    x, mean, variance, gamma, beta, dy = draw((6, 4), (4,), (4,), (4,), (4,), (6, 4))
    variance = abs(variance)
    moments = list(zip(mean.tolist(), variance.tolist(), strict=True))

    def plain(x: list, gamma: list, beta: list) -> list:
        return plain_normalize(x, moments, gamma, beta, lambda v: math.sqrt(v + 1e-5))

    found = nn.normalize_backward(dy, x, mean, variance, gamma)
    yield from zip(found, gradients(plain, dy, x, gamma, beta), strict=True)


@case("batch_norm", "mean, variance and root in decimals")
def _() -> Iterator[tuple]:
    arrays = draw((6, 4), (4,), (4,))
    x, gamma, beta = decimals(*arrays)
    expected = plain_normalize(x, plain_moments(x), gamma, beta, decimal_root)
    yield nn.batch_norm(*arrays), expected


@case("batch_norm_backward", "complex steps through batch_norm in plain Python")
def _() -> Iterator[tuple]:
    x, gamma, beta, dy = draw((6, 4), (4,), (4,), (6, 4))
    expected = gradients(plain_batch_norm, dy, x, gamma, beta)
    yield from zip(nn.batch_norm_backward(dy, x, gamma), expected, strict=True)


# --- losses


@case("softmax_cross_entropy", "the loss in decimals; complex steps through it in plain Python")
def _() -> Iterator[tuple]:
    (z,), y = draw((5, 4)), [3, 0, 1, 1, 2]
    loss, dz = nn.softmax_cross_entropy(z, y)
    terms = [
        sum(Decimal(v).exp() for v in row).ln() - Decimal(row[label])
        for row, label in zip(z.tolist(), y, strict=True)
    ]
    yield loss, sum(terms) / 5
    yield dz, slopes(lambda z: plain_cross_entropy(z, y), z)[0]


@case("mean_squared_error", "the loss in exact fractions; complex steps through it")
def _() -> Iterator[tuple]:
    a, target = draw((5, 4), (5, 4))

    def plain(a, target):
        squares = map(lambda p, q: sum(map(lambda v, t: (v - t) ** 2, p, q)), a, target)
        return sum(squares) / 20

    loss, da = nn.mean_squared_error(a, target)
    yield loss, plain(fractions(a), fractions(target))
    yield da, slopes(lambda a: plain(a, target.tolist()), a)[0]
