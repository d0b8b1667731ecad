"""Optimizers and schedules, on the parabola w² / 2, whose gradient is w."""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

import numpy as np

import nnfromscratch as nn

from .engine import EXACT, case


def descend(optimizer: "nn.Optimizer", steps: int) -> list[float]:
    """Return a weight and a bias after some steps from 2."""
    model = nn.Linear(1, 1, rng=np.random.default_rng(0), dtype=np.float64)
    for array in model.params.values():
        array[...] = 2
    for _ in range(steps):
        model.grads = {name: array.copy() for name, array in model.params.items()}
        optimizer.step(model)
    return [model.params["w"].item(), model.params["b"].item()]


@case("SGD", "2 (1 - rate (1 + weight_decay))^t in fractions; bias not decayed")
def _() -> Iterator[tuple]:
    rate, decay = Fraction(0.3), Fraction(0.25)
    expected = [2 * (1 - rate * (1 + decay)) ** 20, 2 * (1 - rate) ** 20]
    yield from zip(descend(nn.SGD(0.3, weight_decay=0.25), 20), expected, strict=True)


@case("SGD, momentum", "the heavy ball: a step is -rate w + momentum times the last step")
def _() -> Iterator[tuple]:
    rate, momentum = Fraction(0.3), Fraction(0.6)
    before = now = Fraction(2)
    for _ in range(20):
        before, now = now, now - rate * now + momentum * (now - before)
    yield descend(nn.SGD(0.3, momentum=0.6), 20), [now, now]


@case("SGD, nesterov", "the gradient taken ahead, at w + momentum v (Sutskever, 2013)")
def _() -> Iterator[tuple]:
    rate, momentum = Fraction(0.3), Fraction(0.6)
    w, v = Fraction(2), Fraction(0)
    for _ in range(20):
        v = momentum * v - rate * (w + momentum * v)
        w += v
    # The optimizer keeps the point ahead, where the next gradient is taken.
    yield descend(nn.SGD(0.3, momentum=0.6, nesterov=True), 20), [w + momentum * v] * 2


def plain_adam(
    rate: float,
    betas: tuple[float, float],
    epsilon: float,
    decay: float = 0,
    *,
    corrected: bool = True,
    decoupled: bool = False,
) -> Decimal:
    """Return a weight after three steps from 2, in decimals."""
    w, m, s = Decimal(2), Decimal(0), Decimal(0)
    rate, epsilon, decay, beta1, beta2 = map(Decimal, (rate, epsilon, decay, *betas))
    for t in range(1, 4):
        g = w if decoupled else w + decay * w
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * g**2
        m_hat, s_hat = (m / (1 - beta1**t), s / (1 - beta2**t)) if corrected else (m, s)
        kept = 1 - rate * decay if decoupled else 1
        w = kept * w - rate * m_hat / (s_hat.sqrt() + epsilon)
    return w


@case("RMSProp", "lecture 6e of Tieleman and Hinton, three steps in decimals")
def _() -> Iterator[tuple]:
    expected = [plain_adam(0.3, (0, 0.75), 0.125, decay, corrected=False) for decay in (0.25, 0)]
    yield descend(nn.RMSProp(0.3, 0.75, 0.125, 0.25), 3), expected
    yield descend(nn.RMSProp(), 3), [plain_adam(0.001, (0, 0.9), 1e-8, corrected=False)] * 2


@case("Adam", "algorithm 1 of Kingma and Ba, three steps in decimals")
def _() -> Iterator[tuple]:
    expected = [plain_adam(0.3, (0.5, 0.75), 0.125, decay) for decay in (0.25, 0)]
    yield descend(nn.Adam(0.3, 0.5, 0.75, 0.125, 0.25), 3), expected
    yield descend(nn.Adam(), 3), [plain_adam(0.001, (0.9, 0.999), 1e-8)] * 2


@case("AdamW", "algorithm 2 of Loshchilov and Hutter, three steps in decimals")
def _() -> Iterator[tuple]:
    for rate, betas, epsilon, decay in (
        (0.3, (0.5, 0.75), 0.125, 0.25),
        (0.001, (0.9, 0.999), 1e-8, 0.01),
    ):
        expected = [plain_adam(rate, betas, epsilon, d, decoupled=True) for d in (decay, 0)]
        yield descend(nn.AdamW(rate, *betas, epsilon, decay), 3), expected
    yield descend(nn.AdamW(), 3), expected


@case("schedules.constant", "1", EXACT)
def _() -> Iterator[tuple]:
    yield [nn.schedules.constant()(t / 8) for t in range(9)], [1] * 9


@case("schedules.linear_decay", "the straight line from 1 to the end, in exact fractions")
def _() -> Iterator[tuple]:
    for end in (0, 0.25, 3):
        line = [Fraction(8 - t, 8) + Fraction(end) * Fraction(t, 8) for t in range(9)]
        yield [nn.schedules.linear_decay(end)(t / 8) for t in range(9)], line


@case("schedules.step_decay", "drops counted in integers, a power of two each", EXACT)
def _() -> Iterator[tuple]:
    yield (
        [nn.schedules.step_decay()(t / 20) for t in range(20)],
        [0.5 ** (t // 2) for t in range(20)],
    )
    found = [nn.schedules.step_decay(0.25, 0.5)(t / 8) for t in range(9)]
    yield found, [1] * 4 + [1 / 4] * 4 + [1 / 16]


@case("schedules.exponential_decay", "exp(t ln(end)) in decimals")
def _() -> Iterator[tuple]:
    for end in (0.01, 0.25, 3):
        expected = [(Decimal(end).ln() * t / 8).exp() for t in range(9)]
        yield [nn.schedules.exponential_decay(end)(t / 8) for t in range(9)], expected


@case("schedules.cosine", "cos(x)^2 at 0, 30, 45, 60 and 90 degrees: 1, 3/4, 1/2, 1/4, 0")
def _() -> Iterator[tuple]:
    for end in (0, 0.25, 3):
        found = [nn.schedules.cosine(end)(degrees / 90) for degrees in (0, 30, 45, 60, 90)]
        yield found, [Fraction(end) + (1 - Fraction(end)) * Fraction(k, 4) for k in (4, 3, 2, 1, 0)]


@case("schedules.warmup", "two straight lines, up and down, in exact fractions")
def _() -> Iterator[tuple]:
    up = [Fraction(t, 4) for t in range(4)]
    found = nn.schedules.warmup(0.25)
    yield [found(t / 16) for t in range(17)], up + [1] * 13
    found = nn.schedules.warmup(0.25, nn.schedules.linear_decay(0.5))
    yield [found(t / 16) for t in range(17)], up + [1 - Fraction(t, 24) for t in range(13)]
