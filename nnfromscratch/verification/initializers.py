"""Initializers, beside the distributions that their papers ask for."""

import math
from collections.abc import Iterator
from decimal import Decimal

import numpy as np

import nnfromscratch as nn

from ..contracts import FloatArray
from .engine import case
from .plain import each


def distribution(w: FloatArray, deviation: float) -> tuple[list[float], list[float]]:
    """Return the fraction of weights below each weight, and that of a normal distribution."""
    ordered = sorted(w.ravel().tolist())
    below = [(rank + 0.5) / len(ordered) for rank in range(len(ordered))]
    return below, [0.5 + 0.5 * math.erf(v / (deviation * math.sqrt(2))) for v in ordered]


def _initializer_case(name: str, text: str, deviation: float, *settings: float) -> None:
    @case(name, f"normal distribution by math.erf, deviation {text}", 1e-2)
    def _() -> Iterator[tuple]:
        rng = np.random.default_rng(0)
        yield distribution(getattr(nn, name)((200, 500), *settings, rng=rng), deviation)


_initializer_case("normal", "0.05", 0.05, 0.05)
_initializer_case("he_normal", "sqrt(2 / D)", math.sqrt(2 / 200))
_initializer_case("xavier_normal", "sqrt(2 / (D + K))", math.sqrt(2 / 700))


@case("orthogonal", "Gram and Schmidt's steps on the same draws, in decimals")
def _() -> Iterator[tuple]:
    for shape, gain in (((6, 4), 1), ((4, 6), 1), ((5, 5), 3)):
        vectors = np.random.default_rng(0).standard_normal((max(shape), min(shape))).T
        basis = []
        for v in each(Decimal)(vectors.tolist()):
            for u in basis:
                along = sum(map(lambda p, q: p * q, u, v))
                v = [p - along * q for p, q in zip(v, u, strict=True)]
            basis.append([p / sum(q * q for q in v).sqrt() for p in v])
        rows = basis if shape[0] < shape[1] else zip(*basis, strict=True)
        found = nn.orthogonal(shape, gain, rng=np.random.default_rng(0), dtype=np.float64)
        yield found, [[gain * value for value in row] for row in rows]
