"""examine in the field: networks as people write them, healthy and faulty, of all kinds.

Healthy ones learn, by whatever code, and nothing may be found. Faulty ones must be named.
"""

import threading

import numpy as np
import pytest
from sampling import every

import nnfromscratch as nn
from nnfromscratch.diagnostics import CAUSES, Examination, _checked, data, examine, structure
from nnfromscratch.diagnostics.causes import ANYTHING, SERIOUS
from nnfromscratch.diagnostics.probes import duplicate
from nnfromscratch.diagnostics.report import found
from nnfromscratch.layers import Layer
from nnfromscratch.optimizers import running

N, D, C, H = 900, 20, 4, 24


def blobs(classes=C, n=N, columns=D, spread=0.45, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, columns))
    y = rng.integers(0, classes, n)
    return (0.6 * centres[y] + spread * rng.normal(size=(n, columns))).astype(np.float32), y


def plain(sizes=(D, H, C), activation="relu", seed=1):
    return nn.mlp(list(sizes), activation=activation, rng=np.random.default_rng(seed))


def stack(*layers):
    return nn.Sequential(list(layers))


def linear(inputs, outputs, seed=1):
    return nn.Linear(inputs, outputs, rng=np.random.default_rng(seed))


# --- layers as people write them


class Residual(Layer):
    """x + relu(x w) u, of two layers inside."""

    def __init__(self, size, hidden, seed=3):
        super().__init__()
        self.first, self.middle = linear(size, hidden, seed), nn.ReLU()
        self.second = linear(hidden, size, seed + 1)

    @property
    def params(self):
        pairs = (("first", self.first), ("second", self.second))
        return {f"{k}_{name}": a for name, part in pairs for k, a in part.params.items()}

    @params.setter
    def params(self, value):
        pass

    @property
    def grads(self):
        pairs = (("first", self.first), ("second", self.second))
        return {f"{k}_{name}": a for name, part in pairs for k, a in part.grads.items()}

    @grads.setter
    def grads(self, value):
        pass

    def forward(self, x, training=False):
        return x + self.second.forward(self.middle.forward(self.first.forward(x)))

    def backward(self, d_out):
        inner = self.second.backward(d_out)
        return d_out + self.first.backward(self.middle.backward(inner))


class ResidualOfDict(Residual):
    """The same, with params that are another dict of the same arrays."""

    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.held = dict(Residual.params.fget(self))

    @property
    def params(self):
        return self.held if hasattr(self, "held") else {}

    @params.setter
    def params(self, value):
        pass


class Fused(Layer):
    """relu(x w + b) in one layer."""

    def __init__(self, inputs, outputs, seed=5):
        super().__init__()
        rng = np.random.default_rng(seed)
        self.w = nn.he_normal((inputs, outputs), rng=rng)
        self.b = np.zeros(outputs, np.float32)
        self.params = {"w": self.w, "b": self.b}
        self.grads = {}

    def forward(self, x, training=False):
        self.x, self.out = x, np.maximum(x @ self.w + self.b, 0)
        return self.out

    def backward(self, d_out):
        dz = d_out * (self.out > 0)
        self.grads["w"], self.grads["b"] = self.x.T @ dz, dz.sum(axis=0)
        return dz @ self.w.T


class OneVector(nn.Linear):
    """Parameters that are parts of one long vector."""

    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs, rng=np.random.default_rng(6))
        self.theta = np.zeros(inputs * outputs + outputs, np.float32)
        self.theta[: inputs * outputs] = self.params["w"].ravel()
        w = self.theta[: inputs * outputs].reshape(inputs, outputs)
        self.params = {"w": w, "b": self.theta[inputs * outputs :]}

    def forward(self, x, training=False):
        self.cache = x
        size = self.params["w"].size
        w = self.theta[:size].reshape(self.params["w"].shape)
        return x @ w + self.theta[size:]


class Convolution(Layer):
    """Filters that slide along a row."""

    def __init__(self, size, width, filters, bias=True, seed=7):
        super().__init__()
        w = nn.he_normal((width, filters), rng=np.random.default_rng(seed))
        self.params = {"w": w} | ({"b": np.zeros(filters, np.float32)} if bias else {})
        self.grads = {}
        self.rows = np.arange(size - width + 1)[:, np.newaxis] + np.arange(width)  # (P, width)

    def forward(self, x, training=False):
        self.shape, self.patches = x.shape, x[:, self.rows]  # (N, P, width)
        return (self.patches @ self.params["w"] + self.params.get("b", 0)).reshape(len(x), -1)

    def backward(self, d_out):
        d_out = d_out.reshape(len(d_out), len(self.rows), -1)
        self.grads["w"] = np.einsum("npk,npf->kf", self.patches, d_out)
        if "b" in self.params:
            self.grads["b"] = d_out.sum(axis=(0, 1))
        dx = np.zeros(self.shape, d_out.dtype)
        np.add.at(dx, (slice(None), self.rows), d_out @ self.params["w"].T)
        return dx


class LayerNorm(Layer):
    def __init__(self, size):
        super().__init__()
        self.params = {"scale": np.ones((1, size), np.float32)}
        self.grads = {}

    def forward(self, x, training=False):
        self.s = np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
        self.n = (x - x.mean(axis=1, keepdims=True)) / self.s
        return self.params["scale"] * self.n

    def backward(self, d_out):
        self.grads["scale"] = (d_out * self.n).sum(axis=0, keepdims=True)
        d = d_out * self.params["scale"]
        mean, along = d.mean(axis=1, keepdims=True), (d * self.n).mean(axis=1, keepdims=True)
        return (d - mean - self.n * along) / self.s


class Scale(Layer):
    """A factor and a shift for each column."""

    def __init__(self, size):
        super().__init__()
        self.params = {"s": np.ones((1, size), np.float32), "t": np.zeros((1, size), np.float32)}
        self.grads = {}

    def forward(self, x, training=False):
        self.x = x
        return x * self.params["s"] + self.params["t"]

    def backward(self, d_out):
        self.grads["s"] = (d_out * self.x).sum(axis=0, keepdims=True)
        self.grads["t"] = d_out.sum(axis=0, keepdims=True)
        return d_out * self.params["s"]


class Noise(Layer):
    def __init__(self):
        super().__init__()
        self.rng = np.random.default_rng(8)

    def forward(self, x, training=False):
        return x + (0.1 * self.rng.normal(size=x.shape).astype(x.dtype) if training else 0)

    def backward(self, d_out):
        return d_out


class Locked(nn.ReLU):
    """Holds something that cannot be copied."""

    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()


class Half(nn.Linear):
    """Keeps its weights in float16."""

    def __init__(self, *sizes):
        super().__init__(*sizes, rng=np.random.default_rng(9))
        self.params = {k: a.astype(np.float16) for k, a in self.params.items()}

    def forward(self, x, training=False):
        self.x = x.astype(self.params["w"].dtype)
        return self.x @ self.params["w"] + self.params["b"]

    def backward(self, d_out):
        d_out = d_out.astype(self.params["w"].dtype)
        self.grads = {"w": self.x.T @ d_out, "b": d_out.sum(axis=0)}
        return d_out @ self.params["w"].T


def weighted_loss(weights):
    weights = np.asarray(weights, float)

    def loss(z, y):
        log_p, w = nn.log_softmax(z), weights[y] / weights[y].sum()
        dz = (np.exp(log_p) - nn.one_hot(y, z.shape[1])) * w[:, np.newaxis]
        return -(w * log_p[np.arange(len(y)), y]).sum(), dz.astype(z.dtype)

    return loss


def of_probabilities(p, y):
    if not np.allclose(p.sum(axis=1), 1, atol=1e-4) or (p < 0).any():
        raise ValueError("rows must be probabilities")
    rows = np.arange(len(y))
    d = np.zeros_like(p)
    d[rows, y] = -1 / (len(y) * np.maximum(p[rows, y], 1e-12))
    return -np.log(np.maximum(p[rows, y], 1e-12)).mean(), d


def squared(a, y):
    return nn.mean_squared_error(a, nn.one_hot(y, a.shape[1]).astype(a.dtype))


def hinge(z, y):
    rows = np.arange(len(y))
    gap = np.maximum(0, 1 + z - z[rows, y][:, np.newaxis])
    gap[rows, y] = 0
    d = (gap > 0).astype(z.dtype)
    d[rows, y] = -d.sum(axis=1)
    return gap.sum() / len(y), d / len(y)


class AdaGrad(nn.SGD):
    def direction(self, g, state):
        s = running(state, "sum", g * g, 1, 1)
        return g / (np.sqrt(s) + 1e-8)


class OfLayers:
    """An optimizer without a base class, that looks at the layers."""

    learning_rate = 0.2

    def step(self, model):
        for layer in model.layers:
            for key, w in layer.params.items():
                w -= self.learning_rate * layer.grads[key]


def uneven():
    x, y = blobs(2, 3 * N)
    rows = np.flatnonzero((y == 0) | (np.random.default_rng(1).random(3 * N) < 0.11))
    return x[rows], y[rows]


def one_hot_categories():
    rng = np.random.default_rng(2)
    kinds = rng.integers(0, 60, N)
    return np.eye(60, dtype=np.float32)[kinds], kinds % C


def doubled():
    x, y = blobs(columns=60, n=80)
    rows = np.random.default_rng(3).permutation(np.repeat(np.arange(80), 10))
    return x[rows], y[rows]


def with_ones():
    x, y = blobs()
    return np.concatenate([x, np.ones((N, 1), np.float32)], axis=1), y


class NoBias(nn.Linear):
    def __init__(self, *sizes):
        super().__init__(*sizes, rng=np.random.default_rng(4))
        del self.params["b"], self.grads["b"]

    def forward(self, x, training=False):
        self.x = x
        return x @ self.params["w"]

    def backward(self, d_out):
        self.grads["w"] = self.x.T @ d_out
        return d_out @ self.params["w"].T


class MaxPool(Layer):
    def forward(self, x, training=False):
        self.shape, pairs = x.shape, x.reshape(len(x), -1, 2)
        self.best = pairs.argmax(axis=2)[:, :, np.newaxis]
        return pairs.max(axis=2)

    def backward(self, d_out):
        d = np.zeros((*d_out.shape, 2), d_out.dtype)
        np.put_along_axis(d, self.best, d_out[:, :, np.newaxis], axis=2)
        return d.reshape(self.shape)


class PReLU(Layer):
    """A slope below zero that is learned."""

    def __init__(self):
        super().__init__()
        self.params, self.grads = {"a": np.full(1, 0.25, np.float32)}, {}

    def forward(self, x, training=False):
        self.x = x
        return np.where(x > 0, x, self.params["a"] * x)

    def backward(self, d_out):
        self.grads["a"] = (d_out * np.minimum(self.x, 0)).sum(keepdims=True)[0]
        return d_out * np.where(self.x > 0, 1, self.params["a"]).astype(d_out.dtype)


class Flatten(Layer):
    def forward(self, x, training=False):
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, d_out):
        return d_out.reshape(self.shape)


class OwnBatchNorm(Layer):
    """Keeps its averages where nobody looks for them."""

    def __init__(self, size, moves=True):
        super().__init__()
        self.params = {"g": np.ones(size, np.float32)}
        self.grads, self.m, self.v, self.moves = {}, 0 * self.params["g"], self.params["g"], moves

    def forward(self, x, training=False):
        m, v = (x.mean(axis=0), x.var(axis=0)) if training else (self.m, self.v)
        if training and self.moves:
            self.m, self.v = 0.9 * self.m + 0.1 * m, 0.9 * self.v + 0.1 * v
        self.s, self.training = np.sqrt(v + 1e-5), training
        self.n = (x - m) / self.s
        return self.params["g"] * self.n

    def backward(self, d_out):
        self.grads["g"] = (d_out * self.n).sum(axis=0)
        d = d_out * self.params["g"]
        if self.training:
            d = d - d.mean(axis=0) - self.n * (d * self.n).mean(axis=0)
        return d / self.s


class OwnDropout(Layer):
    """Draws from a place that cannot be copied."""

    rng = np.random.RandomState(0)

    def __init__(self, rate):
        super().__init__()
        self.rate = rate

    def forward(self, x, training=False):
        keep = self.rng.rand(*x.shape) >= (self.rate if training else 0)
        self.mask = keep.astype(x.dtype) / (1 - (self.rate if training else 0))
        return x * self.mask

    def backward(self, d_out):
        return d_out * self.mask


class Transposed(Layer):
    """Weights (K, D) and a bias (1, K)."""

    def __init__(self, inputs, outputs):
        super().__init__()
        w = nn.he_normal((inputs, outputs), rng=np.random.default_rng(2)).T.copy()
        self.params, self.grads = {"w": w, "b": np.zeros((1, outputs), np.float32)}, {}

    def forward(self, x, training=False):
        self.x = x
        return x @ self.params["w"].T + self.params["b"]

    def backward(self, d_out):
        self.grads = {"w": d_out.T @ self.x, "b": d_out.sum(axis=0, keepdims=True)}
        return d_out @ self.params["w"]


def smoothed(z, y):
    log_p, c = nn.log_softmax(z), z.shape[1]
    t = 0.9 * nn.one_hot(y, c) + 0.1 / c
    return -(t * log_p).sum() / len(y), ((np.exp(log_p) - t) / len(y)).astype(z.dtype)


class Clipped(nn.SGD):
    def direction(self, g, state):
        return g / max(1, np.linalg.norm(g))


class WarmedUp(nn.SGD):
    def step(self, model):
        rate, self.learning_rate = self.learning_rate, min(1, (self.steps + 1) / 10) * 0.2
        super().step(model)
        self.learning_rate = rate


def trained(*layers):
    model, rng = stack(*layers), np.random.default_rng(0)
    settings = {"epochs": 15, "batch_size": 32, "rng": rng, "progress": False}
    nn.fit(model, blobs(), optimizer=sgd(), **settings)
    return model


def first_linear(*layers):
    return stack(linear(D, H), *layers)


def sgd(rate=0.2, *more):
    return nn.SGD(rate, *more)


HEALTHY = {
    "plain": lambda: (plain(), blobs(), {}),
    "tanh": lambda: (plain(activation="tanh"), blobs(), {}),
    "sigmoid": lambda: (plain(activation="sigmoid"), blobs(), {"optimizer": nn.Adam(0.01)}),
    "residual": lambda: (
        stack(linear(D, H), nn.ReLU(), Residual(H, H), linear(H, C, 2)),
        blobs(),
        {},
    ),
    "residual first": lambda: (stack(Residual(D, H), linear(D, C)), blobs(), {}),
    "residual, dict of arrays": lambda: (
        stack(linear(D, H), nn.ReLU(), ResidualOfDict(H, H), linear(H, C, 2)),
        blobs(),
        {},
    ),
    "fused": lambda: (stack(Fused(D, H), Fused(H, H), linear(H, C)), blobs(), {}),
    "one vector": lambda: (stack(OneVector(D, H), nn.ReLU(), OneVector(H, C)), blobs(), {}),
    "convolution": lambda: (
        stack(Convolution(D, 5, 4), nn.ReLU(), linear(64, C)),
        blobs(),
        {},
    ),
    "layer norm": lambda: (
        stack(linear(D, H), LayerNorm(H), nn.ReLU(), linear(H, C, 2)),
        blobs(),
        {},
    ),
    "scale first": lambda: (stack(Scale(D), *plain().layers), blobs(), {}),
    "noise": lambda: (stack(Noise(), *plain().layers), blobs(), {}),
    "a lock": lambda: (stack(linear(D, H), Locked(), linear(H, C, 2)), blobs(), {}),
    "float16": lambda: (stack(Half(D, H), nn.ReLU(), Half(H, C)), blobs(), {}),
    "float16 data": lambda: (plain(), (blobs()[0].astype(np.float16), blobs()[1]), {}),
    "BatchNorm": lambda: (
        stack(linear(D, H), nn.BatchNorm(H), nn.ReLU(), linear(H, C, 2)),
        blobs(),
        {},
    ),
    "BatchNorm without bias": lambda: (
        stack(NoBias(D, H), nn.BatchNorm(H), nn.ReLU(), linear(H, C, 2)),
        blobs(),
        {},
    ),
    "dropout": lambda: (
        stack(linear(D, H), nn.ReLU(), nn.Dropout(0.3, rng=np.random.default_rng(0)), linear(H, C)),
        blobs(),
        {},
    ),
    "100 classes": lambda: (
        plain((D, 64, 100)),
        blobs(100, 3_000, spread=0.2),
        {"optimizer": nn.Adam(0.01)},
    ),
    "100 classes, squared": lambda: (
        plain((D, 64, 100)),
        blobs(100, 3_000, spread=0.2),
        {"loss": squared, "optimizer": nn.Adam(0.01)},
    ),
    "weighted loss, 90:10": lambda: (
        plain((D, H, 2)),
        uneven(),
        {"loss": weighted_loss([1, 9])},
    ),
    "90:10": lambda: (plain((D, H, 2)), uneven(), {}),
    "weighted loss": lambda: (plain(), blobs(), {"loss": weighted_loss([1, 2, 3, 4])}),
    "probabilities": lambda: (
        stack(*plain().layers, nn.Softmax()),
        blobs(),
        {"loss": of_probabilities},
    ),
    "hinge": lambda: (plain(), blobs(), {"loss": hinge, "optimizer": sgd(0.05)}),
    "squared": lambda: (plain(), blobs(), {"loss": squared}),
    "one-hot categories": lambda: (plain((60, H, C)), one_hot_categories(), {"optimizer": sgd(1)}),
    "doubled rows": lambda: (plain((60, H, C)), doubled(), {}),
    "a column of ones": lambda: (
        stack(NoBias(D + 1, H), nn.ReLU(), linear(H, C)),
        with_ones(),
        {},
    ),
    "AdaGrad": lambda: (plain(), blobs(), {"optimizer": AdaGrad(0.05)}),
    "optimizer of one's own": lambda: (plain(), blobs(), {"optimizer": OfLayers()}),
    "momentum": lambda: (plain(), blobs(), {"optimizer": sgd(0.05, 0.9)}),
    "Nesterov": lambda: (plain(), blobs(), {"optimizer": sgd(0.05, 0.9, True)}),
    "classes that overlap in a plane": lambda: (
        plain((2, H, 2)),
        blobs(2, 2_000, 2, spread=0.5),
        {},
    ),
    "overlapping classes": lambda: (plain(), blobs(spread=0.9), {}),
    "whole batches": lambda: (plain(), blobs(), {"batch_size": N}),
    "max pooling": lambda: (first_linear(MaxPool(), linear(H // 2, C)), blobs(), {}),
    "PReLU": lambda: (first_linear(PReLU(), linear(H, C)), blobs(), {}),
    "images": lambda: (
        stack(Flatten(), *plain().layers),
        (blobs()[0].reshape(N, 1, 4, 5), blobs()[1]),
        {},
    ),
    "BatchNorm of one's own": lambda: (
        first_linear(OwnBatchNorm(H), nn.ReLU(), linear(H, C)),
        blobs(),
        {},
    ),
    "dropout of one's own": lambda: (
        first_linear(nn.ReLU(), OwnDropout(0.3), linear(H, C)),
        blobs(),
        {},
    ),
    "transposed": lambda: (stack(Transposed(D, H), nn.ReLU(), Transposed(H, C)), blobs(), {}),
    "smoothed labels": lambda: (plain(), blobs(), {"loss": smoothed}),
    "clipped": lambda: (plain(), blobs(), {"optimizer": Clipped(0.2)}),
    "warmed up": lambda: (plain(), blobs(), {"optimizer": WarmedUp(0.2)}),
    "BatchNorm first": lambda: (
        stack(nn.BatchNorm(D), *plain().layers),
        (100 * blobs()[0], blobs()[1]),
        {},
    ),
    "trained": lambda: (trained(*plain().layers), blobs(), {}),
    "trained, BatchNorm": lambda: (
        trained(linear(D, H), nn.BatchNorm(H), nn.ReLU(), linear(H, C)),
        blobs(),
        {},
    ),
    "few rows": lambda: (plain(), blobs(n=60), {"batch_size": 16}),
    "batches of four": lambda: (plain(), blobs(), {"batch_size": 4, "optimizer": sgd(0.05)}),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_nothing_is_found_in_what_is_healthy(name):
    model, (x, y), settings = HEALTHY[name]()
    report = examine(model, x, y, **({"optimizer": sgd()} | settings))
    assert report.causes == [], report
    assert report.skipped == {}


# --- faults


class FixedMask(Layer):
    """Dropout that draws its mask once."""

    def __init__(self, size):
        super().__init__()
        self.mask = (np.random.default_rng(0).random(size) > 0.5) * np.float32(2)

    def forward(self, x, training=False):
        self.now = self.mask if training else np.ones_like(self.mask)
        return x * self.now

    def backward(self, d_out):
        return d_out * self.now


class NeverMoved(nn.BatchNorm):
    def forward(self, x, training=False):
        kept = {name: array.copy() for name, array in self.buffers.items()}
        out = super().forward(x, training)
        for name, array in self.buffers.items():
            array[...] = kept[name]
        return out


class Root(Layer):
    """A root of what may be negative."""

    def forward(self, x, training=False):
        self.x = x
        return np.sqrt(x)

    def backward(self, d_out):
        return d_out / (2 * np.sqrt(self.x))


class OverTheBatch(Layer):
    def forward(self, x, training=False):
        e = np.exp(x - x.max(axis=0))
        self.p = e / e.sum(axis=0)
        return self.p

    def backward(self, d_out):
        return self.p * (d_out - (d_out * self.p).sum(axis=0))


def loss_over_the_batch(z, y):
    e = np.exp(z - z.max(axis=0))
    p, rows = e / e.sum(axis=0), np.arange(len(y))
    d_p = np.zeros_like(p)
    d_p[rows, y] = -1 / (len(y) * p[rows, y])
    return -np.log(p[rows, y]).mean(), p * (d_p - (d_p * p).sum(axis=0))


def broadcasting(z, y):
    """p[:, y] for p[rows, y]: (N, N)."""
    log_p, n = nn.log_softmax(z), len(y)
    share = np.bincount(y, minlength=z.shape[1]) / n
    return -log_p[:, y].mean(), ((np.exp(log_p) - share) / n).astype(z.dtype)


def broadcasting_sum(z, y):
    value, dz = broadcasting(z, y)
    return value * len(y), dz * len(y)


def forgets_gradient(z, y):
    return nn.softmax_cross_entropy(z, y)[0]


def raises(z, y):
    raise KeyError("no such class")


def log_of_zero(p, y):
    p = np.maximum(p - 0.5, 0)
    rows, d = np.arange(len(y)), np.zeros_like(p)
    d[rows, y] = -1 / (len(y) * p[rows, y])
    return -np.log(p[rows, y]).mean(), d


class Accumulating(nn.SGD):
    """Adds up all gradients that it has seen."""

    def direction(self, g, state):
        return running(state, "total", g, 1, 1)


class Broken(nn.SGD):
    def step(self, model):
        raise RuntimeError("no step today")


class ToNan(nn.SGD):
    def direction(self, g, state):
        return g / np.zeros_like(g)


class Piles(nn.Linear):
    def backward(self, d_out):
        before = dict(self.grads)
        dx = super().backward(d_out)
        self.grads = {key: before[key] + g for key, g in self.grads.items()}
        return dx


def trained_piles():
    model = stack(Piles(D, H, rng=np.random.default_rng(0)), nn.ReLU(), linear(H, C))
    x, y = blobs()
    model.backward(nn.softmax_cross_entropy(model.forward(x[:50], True), y[:50])[1])
    return model


def sharing():
    model = plain((D, H, H, H, C))
    model.layers[4].params["w"] = model.layers[2].params["w"]
    return model


def one_bias():
    model = plain((D, H, H, C))
    model.layers[2].params["b"] = model.layers[0].params["b"]
    return model


def in_order():
    x, y = blobs()
    rows = np.argsort(y, kind="stable")
    return x[rows], y[rows]


def pixels(n):
    x, y = blobs(10, n, 100)
    return x, y


def last(*layers):
    return stack(*plain().layers, *layers)


def moved(rows):
    x, y = blobs()
    return x, np.roll(y, rows)


def noisy(fraction):
    x, y = blobs()
    rng = np.random.default_rng(5)
    return x, np.where(rng.random(N) < fraction, rng.integers(0, C, N), y)


def huge_label():
    x, y = blobs()
    y[3] = 10**9
    return x, y


FAULTY = {
    "loss without gradient": (lambda: (plain(), blobs(), {"loss": forgets_gradient}), "loss fails"),
    "loss raises": (lambda: (plain(), blobs(), {"loss": raises}), "loss fails"),
    "log of zero": (
        lambda: (last(nn.Softmax()), blobs(), {"loss": log_of_zero}),
        "nan in the loss",
    ),
    "step raises": (lambda: (plain(), blobs(), {"optimizer": Broken(0.1)}), "step fails"),
    "step makes nan": (lambda: (plain(), blobs(), {"optimizer": ToNan(0.1)}), "step fails"),
    "BatchNorm, one by one": (
        lambda: (HEALTHY["BatchNorm"]()[0], blobs(), {"batch_size": 1}),
        "batch too small",
    ),
    "BatchNorm, one left": (
        lambda: (HEALTHY["BatchNorm"]()[0], blobs(n=N + 1), {"batch_size": 100}),
        "batch too small",
    ),
    "a root": (
        lambda: (stack(linear(D, H), Root(), linear(H, C)), blobs(), {}),
        "nan in the outputs",
    ),
    "a huge label": (lambda: (plain(), huge_label(), {}), "labels out of range"),
    "averages never moved": (
        lambda: (stack(linear(D, H), NeverMoved(H), nn.ReLU(), linear(H, C)), blobs(), {}),
        "averages out of date",
    ),
    "averages of one's own never moved": (
        lambda: (first_linear(OwnBatchNorm(H, False), nn.ReLU(), linear(H, C)), blobs(), {}),
        "averages out of date",
    ),
    "dropout of nearly all": (
        lambda: (first_linear(nn.ReLU(), OwnDropout(0.95), linear(H, C)), blobs(), {}),
        "dropout too strong",
    ),
    "a loss for each example": (
        lambda: (plain(), blobs(), {"loss": lambda z, y: (z[:, 0], z / len(z))}),
        "loss fails",
    ),
    "a gradient of nan": (
        lambda: (plain(), blobs(), {"loss": lambda z, y: (1.0, z * np.nan)}),
        "nan in the loss",
    ),
    "one bias for two": (lambda: (one_bias(), blobs(), {}), "parameters shared"),
    "Adam, far too large": (
        lambda: (plain(), blobs(), {"optimizer": nn.Adam(3.0)}),
        "rate too large",
    ),
    "Adam, too small": (
        lambda: (plain(), blobs(), {"optimizer": nn.Adam(1e-4)}),
        "rate too small",
    ),
    "in order": (lambda: (plain(), in_order(), {}), "rows sorted"),
    "softmax over the batch": (lambda: (last(OverTheBatch()), blobs(), {}), "examples mixed"),
    "loss over the batch": (
        lambda: (plain(), blobs(), {"loss": loss_over_the_batch}),
        "loss mixes examples",
    ),
    "broadcasting": (lambda: (plain(), blobs(), {"loss": broadcasting}), "loss mixes examples"),
    "broadcasting sum": (
        lambda: (plain(), blobs(), {"loss": broadcasting_sum}),
        "loss mixes examples",
    ),
    "ten images": (lambda: (plain((100, H, 10)), pixels(10), {}), "few examples"),
    "gradients added up by the optimizer": (
        lambda: (plain(), blobs(), {"optimizer": Accumulating(0.01)}),
        "gradients pile up",
    ),
    "gradients pile up in a used layer": (
        lambda: (trained_piles(), blobs(), {}),
        "gradients pile up",
    ),
    "one array for two": (lambda: (sharing(), blobs(), {}), "parameters shared"),
    "float16 and Adam": (
        lambda: (HEALTHY["float16"]()[0], blobs(), {"optimizer": nn.Adam(0.001)}),
        "precision too low",
    ),
    "one mask for ever": (
        lambda: (stack(linear(D, H), nn.ReLU(), FixedMask(H), linear(H, C)), blobs(), {}),
        "mask never changes",
    ),
    "moved by 40 rows": (lambda: (plain(), moved(40), {}), "labels shifted"),
    "moved by 7 rows": (lambda: (plain(), moved(-7), {}), "labels shifted"),
    "long memory": (
        lambda: (plain(), blobs(), {"optimizer": sgd(0.1, 0.999)}),
        "momentum too large",
    ),
    "a rate 25 times too small": (
        lambda: (plain(), blobs(), {"optimizer": sgd(0.008)}),
        "rate too small",
    ),
    "a rate far too small": (
        lambda: (plain(), blobs(), {"optimizer": sgd(1e-5)}),
        "rate too small",
    ),
    "a rate too large": (lambda: (plain(), blobs(), {"optimizer": sgd(100.0)}), "rate too large"),
    "two affine layers": (
        lambda: (stack(linear(D, H), linear(H, C)), blobs(), {}),
        "no activation",
    ),
    "a convolution and an affine layer": (
        lambda: (stack(Convolution(D, 5, 4), linear(64, C)), blobs(), {}),
        "no activation",
    ),
    "a convolution without bias": (
        lambda: (stack(Convolution(D, 5, 4, bias=False), nn.ReLU(), linear(64, C)), blobs(), {}),
        "no bias",
    ),
    "softmax twice": (lambda: (last(nn.Softmax()), blobs(), {}), "softmax twice"),
    "raw inputs": (
        lambda: (plain(), (300 * blobs()[0], blobs()[1]), {"optimizer": sgd(0.001)}),
        "inputs not scaled",
    ),
    "labels shuffled": (
        lambda: (plain(), (blobs()[0], np.random.default_rng(1).permutation(blobs()[1])), {}),
        "labels unrelated",
    ),
    "a third of the labels drawn": (
        lambda: (plain(), noisy(0.33), {}),
        "labels contradictory",
    ),
    "two fifths of the labels drawn": (
        lambda: (plain(), noisy(0.45), {}),
        "labels contradictory",
    ),
}


@pytest.mark.parametrize("name", FAULTY)
def test_what_is_faulty_is_named_first(name):
    make, cause = FAULTY[name]
    model, (x, y), settings = make()
    report = examine(model, x, y, **({"optimizer": sgd()} | settings))
    assert report.causes[:1] == [cause], report
    assert len(report) <= 2, report


# --- advice, followed to the letter


def fresh(**change):
    x, y = blobs()
    case = {"sizes": (D, H, C), "activation": "relu", "start": nn.he_normal, "last": []}
    case |= {"x": x, "y": y, "optimizer": sgd(), "batch_size": 64, "loss": nn.softmax_cross_entropy}
    return case | change


def built(case):
    """Return the network of a case, new, with the same weights every time."""
    rng, layers = np.random.default_rng(11), []
    kind = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "none": Scale}[case["activation"]]
    linear_kind = case.get("linear", nn.Linear)
    for inputs, outputs in zip(case["sizes"], case["sizes"][1:], strict=False):
        own = {} if linear_kind is Half else {"rng": rng, "initializer": case["start"]}
        layers += [linear_kind(inputs, outputs, **own)]
        layers += [nn.BatchNorm(outputs)] * bool(case.get("normalized"))
        layers += [kind(outputs) if kind is Scale else kind()]
    after = 1 + bool(case.get("normalized"))
    layers = layers[: len(layers) - after]
    if case.get("rate"):
        layers.insert(2, nn.Dropout(case["rate"], rng=rng))
    return nn.Sequential([*layers, *(kind() for kind in case["last"])])


def of_deviation(s):
    return lambda shape, *, rng, dtype: nn.normal(shape, s, rng=rng, dtype=dtype)


def wide_range():
    """Columns of very different sizes, one of them the same in every row."""
    x, _ = blobs()
    x = x * np.geomspace(1, 1000, D).astype(np.float32)
    x[:, 3] = 7
    return x


def standardized(case):
    x = case["x"]
    spread = x.std(axis=0)
    return {"x": np.where(spread > 0, (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1), 0)}


def other_rate(factor):
    def cure(case):
        old = case["optimizer"]
        return {"optimizer": nn.SGD(old.learning_rate * factor, old.momentum)}

    return cure


def ordered(case):
    i = np.random.default_rng(0).permutation(len(case["x"]))
    return {"x": case["x"][i], "y": case["y"][i]}


def summed(z, y):
    value, dz = nn.softmax_cross_entropy(z, y)
    return value * len(y), dz * len(y)


def without_holes(case):
    whole = np.isfinite(case["x"]).all(axis=1)
    return {"x": case["x"][whole], "y": case["y"][whole]}


def holes():
    x, _ = blobs()
    x[5, 5] = np.nan
    return x


HE = {"start": nn.he_normal}
ADVICE = {
    "columns": ("inputs not scaled", {"x": wide_range()}, standardized),
    "small": ("inputs too small", {"x": blobs()[0] / 1e4}, lambda c: {"x": c["x"] / c["x"].max()}),
    "off": (
        "inputs off centre",
        {"x": blobs()[0] / 9 + 4},
        lambda c: {"x": 9 * (c["x"] - c["x"].mean(axis=0))},
    ),
    "momentum": (
        "momentum too large",
        {"optimizer": sgd(0.1, 0.999)},
        lambda c: {"optimizer": sgd(c["optimizer"].learning_rate, 0.9)},
    ),
    "slow": ("rate too small", {"optimizer": sgd(0.008)}, other_rate(10)),
    "slower": ("rate too small", {"optimizer": sgd(1e-3)}, other_rate(10)),
    "slowest": ("rate too small", {"optimizer": sgd(1e-6)}, other_rate(10)),
    "slow momentum": ("rate too small", {"optimizer": sgd(1e-4, 0.9)}, other_rate(10)),
    "fast": ("rate too large", {"optimizer": sgd(100.0)}, other_rate(0.1)),
    "fast momentum": ("rate too large", {"optimizer": sgd(20.0, 0.9)}, other_rate(0.1)),
    "penalty": (
        "penalty too strong",
        {"optimizer": nn.SGD(0.2, weight_decay=1.0)},
        lambda c: {"optimizer": nn.SGD(0.2, weight_decay=0.001)},
    ),
    "large": ("weights too large", {"start": of_deviation(4.0)}, lambda c: HE),
    "small weights": (
        "weights too small",
        {"start": of_deviation(0.002), "sizes": (D, H, H, H, C)},
        lambda c: HE,
    ),
    "zeros": ("units all alike", {"start": of_deviation(0.0)}, lambda c: HE),
    "softmax": ("softmax twice", {"last": [nn.Softmax]}, lambda c: {"last": []}),
    "relu": ("activation on the logits", {"last": [nn.ReLU]}, lambda c: {"last": []}),
    "affine": ("no activation", {"activation": "none"}, lambda c: {"activation": "relu"}),
    "deep": (
        "gradients vanish",
        {"activation": "sigmoid", "sizes": (D, *[H] * 7, C), "start": nn.xavier_normal},
        lambda c: HE | {"activation": "relu"},
    ),
    "sum": ("sum for mean", {"loss": summed}, lambda c: {"loss": nn.softmax_cross_entropy}),
    "from one": ("labels out of range", {"y": blobs()[1] + 1}, lambda c: {"y": c["y"] - 1}),
    "holes": ("nan in the data", {"x": holes()}, without_holes),
    "sorted": (
        "rows sorted",
        dict(zip("xy", in_order(), strict=True)),
        ordered,
    ),
    "half": (
        "precision too low",
        {"linear": Half, "optimizer": nn.Adam(0.01)},
        lambda c: {"linear": nn.Linear},
    ),
    "dropout": ("dropout too strong", {"rate": 0.96}, lambda c: {"rate": 0.3}),
    "one by one": (
        "batch too small",
        {"normalized": True, "batch_size": 1},
        lambda c: {"batch_size": 32},
    ),
}


@pytest.mark.parametrize("name", every(3, ADVICE))
def test_advice_that_is_followed_until_nothing_is_found_makes_it_learn(name):
    cause, faulty, cure = ADVICE[name]
    case = fresh(**faulty)
    for _ in range(9):
        settings = {key: case[key] for key in ("optimizer", "batch_size", "loss")}
        report = examine(built(case), case["x"], case["y"], **settings)
        if not report:
            break
        assert report.causes[0] == cause, report
        case |= cure(case)
    assert not report
    model, rng = built(case), np.random.default_rng(0)
    data = (case["x"].astype(np.float32), case["y"])
    nn.fit(model, data, epochs=12, rng=rng, progress=False, **settings)
    assert nn.evaluate(model, *data)[1] < 0.1


# --- what could not be measured is said


class OnlyFloat32(nn.ReLU):
    def forward(self, x, training=False):
        if x.dtype != np.float32:
            raise TypeError("float32 only")
        return super().forward(x, training)


class NeverAlone(nn.ReLU):
    def forward(self, x, training=False):
        if len(x) < 3:
            raise IndexError("more than two")
        return super().forward(x, training)


def large_batches_only(z, y):
    if len(y) < 40:
        raise ValueError("a batch of 40 at least")
    return nn.softmax_cross_entropy(z, y)


class Uncopied(nn.ReLU):
    def __deepcopy__(self, memo):
        raise RuntimeError("there is only one of me")


@pytest.mark.parametrize(
    ("layer", "loss", "reason"),
    [
        (OnlyFloat32, nn.softmax_cross_entropy, "TypeError: float32 only ("),
        (nn.ReLU, large_batches_only, "ValueError: a batch of 40 at least ("),
    ],
)
def test_the_headline_says_how_much_could_not_be_measured_and_why(layer, loss, reason):
    x, y = blobs()
    model = stack(linear(D, H), layer(), linear(H, C))
    report = examine(model, x, y, loss=loss, optimizer=sgd())
    assert not report
    lost, words = len(report.skipped), " ".join(str(report).split())
    head = f"examine: nothing found, but {lost} of {report.attempted} measurements could not be "
    assert 0 < lost < report.attempted
    assert words.startswith(f"{head}made: {reason}")
    assert words.count(reason) == 1  # grouped, not one line each
    report = examine(model, x, np.roll(y, 3), loss=loss, optimizer=sgd())
    assert report.causes == ["labels shifted"]  # a fault does not vanish behind it
    assert "measurements could not be made" in str(report)


@pytest.mark.parametrize("layer", [NeverAlone, Uncopied, Locked])
def test_layers_with_a_will_of_their_own_do_not_stop_it(layer):
    x, y = blobs()
    model = stack(linear(D, H), layer(), linear(H, C))
    assert set(examine(model, x, y, optimizer=sgd()).causes) <= {"examples mixed"}
    assert examine(model, 300 * x, y, optimizer=sgd()).causes[0] == "inputs not scaled"


def test_one_huge_label_costs_no_memory():
    import tracemalloc

    model, (x, y), _ = FAULTY["a huge label"][0]()
    tracemalloc.start()
    examine(model, x, y, optimizer=sgd())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e8


# --- the parts alone


def sample_of(model, data, **settings):
    settings = {"loss": nn.softmax_cross_entropy, "optimizer": sgd(), "batch_size": 64} | settings
    return _checked(model, *data, **settings, rng=np.random.default_rng(0))


def test_a_measurement_can_be_made_alone():
    sample = sample_of(plain(), in_order())
    (finding,) = data.order(sample)
    assert finding.cause == "rows sorted"
    assert finding.lesson == CAUSES["rows sorted"].lesson
    assert list(structure.bends(sample)) == []
    with pytest.raises(AttributeError):
        sample.batch_size = 1


def test_copies_keep_what_belongs_together():
    layer = duplicate(duplicate(OneVector(3, 2)), np.float64)
    assert layer.theta.dtype == layer.params["w"].dtype == np.float64
    layer.params["w"][2, 1] = 5
    layer.params["b"][0] = 7
    assert layer.theta[5:7].tolist() == [5, 7]
    block = Residual(4, 5)
    twin = duplicate(block, np.float64)
    assert twin.params["w_first"] is twin.first.params["w"]
    assert not np.shares_memory(twin.first.params["w"], block.first.params["w"])


@pytest.mark.parametrize("cause", CAUSES)
def test_what_explains_a_cause_is_one_that_stands_in_the_list(cause):
    reasons = set(CAUSES[cause].explained_by) - {SERIOUS, ANYTHING}
    assert reasons <= set(CAUSES) - {cause}


def test_a_consequence_is_dropped_and_its_reason_stays():
    report = Examination([found(cause, "") for cause in ("rate too large", "units dead")])
    report.append(found("inputs all the same", ""))
    report.settle()
    assert report.causes == ["inputs all the same"]
    report = Examination([found("rate too large", ""), found("no bias", "")])
    report.settle()
    assert report.causes == ["rate too large", "no bias"]


class LogSoftmax(Layer):
    """The last layer of those who come from PyTorch."""

    def forward(self, x, training=False):
        self.cache = nn.log_softmax(x)
        return self.cache

    def backward(self, d_out):
        return nn.log_softmax_backward(d_out, self.cache)


def negative_log_likelihood(log_p, y):
    rows, slope = np.arange(len(y)), np.zeros_like(log_p)
    slope[rows, y] = -1 / len(y)
    return -log_p[rows, y].mean(), slope


@pytest.mark.parametrize(("rate", "causes"), [(0.1, []), (1e-5, ["rate too small"])])
def test_a_loss_of_log_probabilities(rate, causes, mnist):
    model = stack(*plain((784, 50, 10)).layers, LogSoftmax())
    few = mnist[0][:2000], mnist[1][:2000]
    settings = {"loss": negative_log_likelihood, "optimizer": nn.SGD(rate)}
    assert list(examine(model, *few, **settings).causes) == causes


class Single(Layer):
    """A ReLU that computes in float32 whatever it is given."""

    def __init__(self, times=1):
        super().__init__()
        self.times = times

    def forward(self, x, training=False):
        self.cache = x
        return np.maximum(x, 0).astype(np.float32)

    def backward(self, d_out):
        return self.times * d_out * (self.cache > 0)


@pytest.mark.parametrize(("times", "causes"), [(1, []), (2, ["gradient scaled"])])
@pytest.mark.parametrize("seed", range(3))
def test_float32_inside_is_no_wrong_gradient(seed, times, causes, mnist):
    model = stack(linear(784, 50, seed), Single(times), linear(50, 10, seed + 1))
    report = examine(model, mnist[0][:1000], mnist[1][:1000], optimizer=nn.SGD(0.1))
    assert list(report.causes) == causes


@pytest.mark.parametrize("seed", range(4))
def test_labels_that_follow_from_two_columns_together_are_related(seed):
    x = np.random.default_rng(seed).normal(size=(2000, 20)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    causes = examine(plain((20, 64, 2)), x, y, optimizer=nn.Adam(0.01)).causes
    assert "labels unrelated" not in causes


def test_labels_in_another_order_are_unrelated(mnist):
    y = np.random.default_rng(1).permutation(mnist[1][:2000])
    report = examine(plain((784, 50, 10)), mnist[0][:2000], y, optimizer=nn.SGD(0.1))
    assert next(iter(report.causes)) == "labels unrelated"


def minus_probability(p, y):
    rows, slope = np.arange(len(y)), np.zeros_like(p)
    slope[rows, y] = -1 / len(y)
    return -p[rows, y].mean(), slope


@pytest.mark.parametrize("optimizer", [None, nn.SGD(0.2), nn.SGD(0.2, weight_decay=1e-4)])
def test_a_loss_below_zero_is_measured_against_nothing(optimizer):
    report = examine(last(nn.Softmax()), *blobs(), loss=minus_probability, optimizer=optimizer)
    assert report.causes == []
    assert "of knowing" not in report.measured["loss"]


def test_a_penalty_on_log_probabilities_is_still_found():
    settings = {"loss": negative_log_likelihood, "optimizer": nn.SGD(0.2, weight_decay=1.0)}
    assert examine(last(LogSoftmax()), *blobs(), **settings).causes[0] == "penalty too strong"


def weak_signal(seed, n=800, columns=20):
    """Labels of two kinds that the best of all networks names for two rows in three."""
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(n, columns)), rng.normal(size=columns)
    return x, (0.5 * x @ w / np.linalg.norm(w) + rng.normal(size=n) > 0).astype(int)


def parity(seed):
    x = np.random.default_rng(seed).integers(0, 2, (1_024, 10)).astype(float)
    return x, x.sum(axis=1).astype(int) % 2


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("make", [weak_signal, parity])
def test_labels_that_are_hard_to_tell_are_not_unrelated(make, seed):
    x, y = make(seed)
    sample = sample_of(plain((x.shape[1], H, 2)), (x, y))
    assert not [one for one in data.neighbours(sample) if getattr(one, "cause", "")]


def test_a_layer_that_reads_what_stands_behind_it_is_measured_whole():
    """A slope is measured on the layers behind a parameter; here one before them reads it, too."""

    class Tied(nn.Linear):
        def forward(self, x, training=False):
            return super().forward(x, training) + self.later["b"].sum()

    model = stack(linear(D, H), nn.ReLU(), Tied(H, H, rng=np.random.default_rng(2)), linear(H, C))
    model.layers[2].later = model.layers[3].params
    report = examine(model, *blobs(), optimizer=sgd())
    assert report.measured["gradients"] == "5 of 6 agree with measured slopes"
