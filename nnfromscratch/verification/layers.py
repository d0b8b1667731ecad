"""Layers and models, beside the plain functions and their complex steps."""

import cmath
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

import nnfromscratch as nn

from ..contracts import FloatArray
from .engine import EXACT, case
from .plain import (
    PLAIN,
    draw,
    fractions,
    gradients,
    plain_batch_norm,
    plain_linear,
    plain_moments,
    plain_network,
    plain_normalize,
    slopes,
)


@case("Linear", "complex steps through the sum written out")
def _() -> Iterator[tuple]:
    x, b, d_out = draw((5, 4), (3,), (5, 3))
    layer = nn.Linear(4, 3, rng=np.random.default_rng(0), dtype=np.float64)
    layer.params["b"] += b
    w, b = layer.params["w"], layer.params["b"]
    yield layer.forward(x), plain_linear(x.tolist(), w.tolist(), b.tolist())
    found = [layer.backward(d_out), layer.grads["w"], layer.grads["b"]]
    yield from zip(found, gradients(plain_linear, d_out, x, w, b), strict=True)


def _layer_case(kind: str, name: str) -> None:
    @case(kind, f"complex steps through {name} in plain Python")
    def _() -> Iterator[tuple]:
        z, d_out = draw((5, 4), (5, 4))
        layer, plain = getattr(nn, kind)(), PLAIN[name]
        yield layer.forward(z), np.real(plain(z.tolist()))
        yield layer.backward(d_out), gradients(plain, d_out, z)[0]


for _kind in ("ReLU", "LeakyReLU", "Sigmoid", "Tanh", "Softmax"):
    _layer_case(_kind, "leaky_relu" if _kind == "LeakyReLU" else _kind.lower())


@case("Dropout", "0 or x / (1 - rate), back by the same mask; x when testing")
def _() -> Iterator[tuple]:
    x, d_out = draw((20, 30), (20, 30))
    layer = nn.Dropout(0.25, rng=np.random.default_rng(0))
    y = layer.forward(x, training=True)
    silent = [[value == 0 for value in row] for row in y.tolist()]
    for given, found in ((x, y), (d_out, layer.backward(d_out))):
        yield (
            found,
            [
                [0 if s else v / Fraction(0.75) for v, s in zip(*rows, strict=True)]
                for rows in zip(fractions(given), silent, strict=True)
            ],
        )
    yield len(set(map(tuple, silent))), 20  # every example has a mask of its own
    yield layer.forward(x), x
    yield layer.backward(d_out), d_out


@case("Dropout, on average", "x where x = 1, of a million; the rate for the silent ones", 1e-2)
def _() -> Iterator[tuple]:
    for rate in (0.25, 0.5):
        layer = nn.Dropout(rate, rng=np.random.default_rng(0))
        y = layer.forward(np.ones((1000, 1000)), training=True)
        yield [y.mean(), (y == 0).mean() / rate], [1, 1]


def _batch_norm_layer(mode: str, against: str) -> Callable[[Callable], None]:
    """Enter a check of BatchNorm, given the layer, and pair its gradients with complex steps."""

    def enter(plain_of: Callable) -> None:
        @case(f"BatchNorm, {mode}", against)
        def _() -> Iterator[tuple]:
            first, x, gamma, beta, dy = draw((6, 4), (6, 4), (4,), (4,), (6, 4))
            layer = nn.BatchNorm(4, momentum=0.75, dtype=np.float64)
            layer.params["gamma"][...], layer.params["beta"][...] = gamma, beta
            for batch in (first, 3 * x):
                layer.forward(batch, training=True)
            averages = [(0.0, 1.0)] * 4
            for batch in (first, 3 * x):
                moments = plain_moments(batch.tolist())
                averages = [
                    (0.75 * m + 0.25 * m_now, 0.75 * v + 0.25 * v_now)
                    for (m, v), (m_now, v_now) in zip(averages, moments, strict=True)
                ]
            yield np.transpose(list(layer.buffers.values())), averages
            plain = plain_of(averages)
            y = layer.forward(x, training=mode == "training")
            yield y, np.real(plain(x.tolist(), gamma.tolist(), beta.tolist()))
            found = [layer.backward(dy), layer.grads["gamma"], layer.grads["beta"]]
            yield from zip(found, gradients(plain, dy, x, gamma, beta), strict=True)

    return enter


@_batch_norm_layer("training", "complex steps through batch_norm in plain Python")
def _(averages: list) -> Callable:
    return plain_batch_norm


@_batch_norm_layer("testing", "complex steps through its formula with the running averages")
def _(averages: list) -> Callable:
    return lambda x, gamma, beta: plain_normalize(
        x, averages, gamma, beta, lambda v: cmath.sqrt(v + 1e-5)
    )


def _network_pairs(model: "nn.Sequential", activation: str) -> Iterator[tuple]:
    """Pair all gradients of a network with one hidden layer with those of the plain network."""
    (x,), y = draw((6, 4)), [0, 2, 1, 1, 0, 2]
    for name, array in model.params.items():
        if name.startswith("b"):
            array += np.linspace(-0.3, 0.4, array.size)
    loss, dz = nn.softmax_cross_entropy(model.forward(x, training=True), y)
    found = {"x": model.backward(dz), **model.grads}
    plain = plain_network(activation, y)
    arrays = [x, *model.params.values()]
    yield loss, plain(*[array.tolist() for array in arrays]).real
    yield from zip(found.values(), slopes(plain, *arrays), strict=True)


@case("Sequential", "complex steps through a network of plain Python")
def _() -> Iterator[tuple]:
    rng = np.random.default_rng(0)
    layers = [nn.Linear(4, 5, rng=rng), nn.Tanh(), nn.Linear(5, 3, rng=rng)]
    yield from _network_pairs(nn.Sequential(layers), "tanh")


def affine_model(w: FloatArray, b: FloatArray) -> "nn.Sequential":
    """Return a network of one affine layer, in float64."""
    model = nn.Sequential([nn.Linear(*w.shape, rng=np.random.default_rng(0), dtype=np.float64)])
    model.params["w1"][...], model.params["b1"][...] = w, b
    return model


@case("Sequential.predict", "the largest logit of a network of plain Python", EXACT)
def _() -> Iterator[tuple]:
    x, w, b = draw((7, 4), (4, 3), (3,))
    model = affine_model(w, b)
    logits = plain_linear(x.tolist(), w.tolist(), b.tolist())
    yield model.predict(x, batch_size=3), [row.index(max(row)) for row in logits]


@case("Sequential.load", "the parameters that were saved", EXACT)
def _() -> Iterator[tuple]:
    saved, loaded = (nn.mlp([4, 5, 3], rng=np.random.default_rng(seed)) for seed in (0, 1))
    with tempfile.TemporaryDirectory() as folder:
        saved.save(Path(folder) / "model.npz")
        loaded.load(Path(folder) / "model.npz")
    yield list(loaded.params), list(saved.params)
    yield from zip(loaded.params.values(), saved.params.values(), strict=True)


@case("mlp", "complex steps through networks of plain Python, every activation")
def _() -> Iterator[tuple]:
    for activation in ("relu", "leaky_relu", "sigmoid", "tanh"):
        model = nn.mlp([4, 5, 3], activation=activation, rng=np.random.default_rng(0))
        yield from _network_pairs(model, activation)


@case("trace_shapes", "the shapes in the course's table of notation", EXACT)
def _() -> Iterator[tuple]:
    n, d, h, c = 7, 4, 5, 3
    expected = {"x": (n, d), "w1": (d, h), "b1": (h,), "z1": (n, h), "a1": (n, h)}
    expected |= {"w2": (h, c), "b2": (c,), "z2": (n, c), "loss": ()}
    model = nn.mlp([d, h, c], rng=np.random.default_rng(0))
    trace = nn.trace_shapes(model, np.ones((n, d)), np.zeros(n, int))
    yield [str((t.name, t.shape)) for t in trace], [str(pair) for pair in expected.items()]
    yield [str(t.gradient_shape) for t in trace], [str(shape) for shape in expected.values()]
