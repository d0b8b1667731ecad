"""The catalogue of faults: each changes one thing about the draft of a healthy network.

The cause of each is one of `diagnostics.CAUSES`.
"""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .. import functional
from ..contracts import FloatArray, IntArray
from ..data import one_hot
from ..diagnostics.causes import CAUSES
from ..initializers import normal, xavier_normal
from ..layers import BatchNorm, Dropout, Layer, Linear, ReLU, Sigmoid, Softmax, Tanh
from ..losses import softmax_cross_entropy
from ..model import Sequential
from ..optimizers import SGD, Adam, Optimizer
from .patients import Patient


class Draft:
    """A healthy network, before a fault changes something about it."""

    def __init__(self, rng: np.random.Generator, seed: int, x: FloatArray, y: IntArray) -> None:
        self.rng, self.seed, self.x, self.y = rng, seed, x, y
        self.sizes: list[int] = []
        self.linear: Callable = Linear
        self.one_linear: Callable | None = None
        """The class of one affine layer, drawn at random."""
        self.activation: Callable = ReLU
        self.initializer: Callable | None = None
        self.inserted: list[tuple[int, Callable[[], Layer]]] = []
        """Layers to put in, each with its place."""
        self.last: list[Layer] = []
        self.after: list[Callable[[Sequential], None]] = []
        """What is done when all else has been drawn."""
        self.loss: Callable = softmax_cross_entropy
        self.optimizer: Optimizer | None = None
        self.rate = 0.1
        self.rates: tuple[float, ...] = ()
        """Rates to draw one from, after the weights."""
        self.momentum = 0.0
        self.decay = 0.0
        self.batch_size = 64

    def deep(self, depth: int, width: int = 60) -> None:
        """Give it many hidden layers."""
        self.sizes = [784, *[width] * depth, 10]

    def layers(self) -> list[Layer]:
        """Return the layers, first to last."""
        layers: list[Layer] = []
        settings = {} if self.initializer is None else {"initializer": self.initializer}
        place = int(self.rng.integers(len(self.sizes) - 1)) if self.one_linear else -1
        for k, (inputs, outputs) in enumerate(itertools.pairwise(self.sizes)):
            kind = self.one_linear if k == place else self.linear
            layers += [kind(inputs, outputs, rng=self.rng, **settings), self.activation()]
        layers = [*layers[:-1], *self.last]
        for where, make in self.inserted:
            layers.insert(where, make())
        return layers

    def patient(self) -> Patient:
        """Return the finished network with all that it is trained with."""
        model = Sequential(self.layers())
        self.rate = float(self.rng.choice(self.rates)) if self.rates else self.rate
        for change in self.after:
            change(model)
        optimizer = self.optimizer or SGD(self.rate, self.momentum, weight_decay=self.decay)
        return Patient(model, self.x, self.y, optimizer, self.loss, self.batch_size)


class Fault(NamedTuple):
    """A kind of fault: what it changes, and the cause that it comes down to."""

    change: Callable[[Draft], None]
    cause: str


def _spread(deviation: float) -> Callable:
    return lambda shape, *, rng, dtype: normal(shape, deviation, rng=rng, dtype=dtype)


def _constant(value: float) -> Callable:
    return lambda shape, *, rng, dtype: np.full(shape, value, dtype)


def _squared_error(a: FloatArray, y: IntArray) -> tuple:
    difference = a - one_hot(y, a.shape[1]).astype(a.dtype)
    return 0.5 * (difference**2).sum() / len(a), difference / len(a)


# The faults, each a function that changes a healthy case


def _raw_pixels(case: Draft) -> None:
    case.x = 255 * case.x


def _twice_scaled(case: Draft) -> None:
    case.x = case.x / 255


def _far_from_centre(case: Draft) -> None:
    case.x = case.x + np.float32(case.rng.choice([6, 8]))


def _holes(case: Draft) -> None:
    rows = case.rng.choice(len(case.x), 5, replace=False)
    case.x = case.x.copy()
    case.x[rows, case.rng.integers(784, size=5)] = np.nan


def _same_image(case: Draft) -> None:
    case.x = np.repeat(case.x[:1], len(case.x), axis=0)


def _shuffled_labels(case: Draft) -> None:
    case.y = case.rng.permutation(case.y)


def _shifted_labels(case: Draft) -> None:
    case.y = np.roll(case.y, int(case.rng.choice([-2, -1, 1, 2])))


def _labels_from_one(case: Draft) -> None:
    case.y = case.y + 1


def _lying_labels(case: Draft) -> None:
    lies = case.rng.random(len(case.y)) < 0.4
    case.y = np.where(lies, case.rng.integers(10, size=len(case.y)), case.y)


def _nearly_all_ones(case: Draft) -> None:
    ones = np.flatnonzero(case.y == 1)
    rows = np.concatenate([case.rng.choice(ones, 2_700), case.rng.choice(len(case.y), 300)])
    rows = case.rng.permutation(rows)
    case.x, case.y = case.x[rows] + 0.01 * case.rng.random((3_000, 784), np.float32), case.y[rows]


class _OpenReLU(ReLU):
    def backward(self, d_out):
        return d_out * (self.kept() != 0)


def _open_gate(case: Draft) -> None:
    case.activation = _OpenReLU


class _SlopeOfOutput(Sigmoid):
    def backward(self, d_out):
        return d_out * functional.sigmoid(self.kept()) * (1 - functional.sigmoid(self.kept()))


def _sigmoid_of_sigmoid(case: Draft) -> None:
    case.activation = _SlopeOfOutput
    case.initializer = xavier_normal


class _MeanBias(Linear):
    def backward(self, d_out):
        dx = super().backward(d_out)
        self.grads["b"] = d_out.mean(axis=0)
        return dx


def _averaged_bias(case: Draft) -> None:
    case.linear = _MeanBias


class _PilesUp(Linear):
    def backward(self, d_out):
        before = dict(self.grads)
        dx = super().backward(d_out)
        for key in before:
            self.grads[key] = self.grads[key] + before[key]
        return dx


def _pile(case: Draft) -> None:
    case.linear = _PilesUp


class _Frozen(Linear):
    def backward(self, d_out):
        dx = super().backward(d_out)
        self.grads["w"] = np.zeros_like(self.params["w"])
        return dx


def _frozen_weights(case: Draft) -> None:
    case.one_linear = _Frozen


class ReadsCopies(Linear):
    """An affine layer that computes with the w and b it had at the start."""

    def __init__(self, *sizes, **settings):
        super().__init__(*sizes, **settings)
        self.w, self.b = (array.copy() for array in self.params.values())

    def forward(self, x, training=False):
        """Return x w + b, without a look at params."""
        self.cache = x
        return functional.linear(x, self.w, self.b)


ReadsCopies.__name__ = ReadsCopies.__qualname__ = "Linear"  # as a class of one's own may be called


def _own_copy(case: Draft) -> None:
    case.one_linear = ReadsCopies


def _all_copies(case: Draft) -> None:
    case.linear = ReadsCopies


class _NoBias(Linear):
    def __init__(self, *sizes, **settings):
        super().__init__(*sizes, **settings)
        del self.params["b"], self.grads["b"]

    def forward(self, x, training=False):
        self.cache = x
        return x @ self.params["w"]

    def backward(self, d_out):
        self.grads["w"] = self.kept().T @ d_out
        return d_out @ self.params["w"].T


def _without_bias(case: Draft) -> None:
    case.linear = _NoBias


def _summed(z: FloatArray, y: IntArray) -> tuple:
    loss, dz = softmax_cross_entropy(z, y)
    return loss, dz * len(z)


def _sum_in_gradient(case: Draft) -> None:
    case.loss = _summed


def _total(z: FloatArray, y: IntArray) -> tuple:
    loss, dz = softmax_cross_entropy(z, y)
    return loss * len(z), dz * len(z)


def _sum_in_both(case: Draft) -> None:
    case.loss = _total


def _upside_down(z: FloatArray, y: IntArray) -> tuple:
    loss, dz = softmax_cross_entropy(z, y)
    return loss, -dz


def _wrong_sign(case: Draft) -> None:
    case.loss = _upside_down


def _distance_to_number(a: FloatArray, y: IntArray) -> tuple:
    difference = a - y[:, np.newaxis].astype(a.dtype)
    return (difference**2).mean(), difference * (2 / a.size)


def _number_as_target(case: Draft) -> None:
    case.loss = _distance_to_number
    case.rate = 0.01


def _softmax_twice(case: Draft) -> None:
    case.last = [Softmax()]


def _relu_on_logits(case: Draft) -> None:
    case.last = [ReLU()]


def _sigmoid_on_logits(case: Draft) -> None:
    case.last = [case.rng.choice([Sigmoid, Tanh])()]


class _Identity(Layer):
    def forward(self, x, training=False):
        return x

    def backward(self, d_out):
        return d_out


def _no_activation(case: Draft) -> None:
    case.activation = _Identity


def _all_zero(case: Draft) -> None:
    case.initializer = _constant(0.0)


def _all_equal(case: Draft) -> None:
    case.initializer = _constant(0.02)


def _too_large(case: Draft) -> None:
    case.initializer = _spread(float(case.rng.choice([0.5, 1.0])))


def _too_small(case: Draft) -> None:
    case.deep(5)
    case.initializer = _spread(0.01)


def _saturated_sigmoids(case: Draft) -> None:
    case.activation = Sigmoid
    case.last = [Sigmoid()]
    case.loss = _squared_error
    case.initializer = _spread(1.0)
    case.rate = 3.0


def _vanishing(case: Draft) -> None:
    case.deep(7)
    case.activation = Sigmoid
    case.initializer = xavier_normal


def _dead_units(case: Draft) -> None:
    def change(model):
        model.layers[0].params["b"][...] -= np.float32(15)

    case.after.append(change)


def _always_open(case: Draft) -> None:
    def change(model):
        for layer in model.layers[:-1]:
            if isinstance(layer, Linear):
                layer.params["b"][...] += np.float32(30)

    case.after.append(change)


def _bottleneck(case: Draft) -> None:
    case.sizes = [784, 100, 2, 10]


def _rate_too_large(case: Draft) -> None:
    case.rate = float(case.rng.choice([6.4, 10.0]))


def _rate_too_small(case: Draft) -> None:
    case.rate = float(case.rng.choice([1e-4, 1e-5]))


def _adam_too_large(case: Draft) -> None:
    case.optimizer = Adam(0.5)


def _momentum_too_large(case: Draft) -> None:
    case.rate, case.momentum = 0.5, 0.99


def _penalty(case: Draft) -> None:
    case.decay = float(case.rng.choice([0.1, 0.3]))


class _Ascent(SGD):
    def direction(self, name, g):
        return -super().direction(name, g)


def _climbing(case: Draft) -> None:
    case.optimizer = _Ascent(case.rate)


def _heavy_dropout(case: Draft) -> None:
    case.inserted = [(2, lambda: Dropout(0.95, rng=case.rng))]


class _AlwaysDropout(Dropout):
    def forward(self, x, training=False):
        return super().forward(x, True)


def _dropout_in_tests(case: Draft) -> None:
    case.inserted = [(2, lambda: _AlwaysDropout(0.4, rng=case.rng))]


class _PlainDropout(Dropout):
    def forward(self, x, training=False):
        out = super().forward(x, training)
        if training:
            self.cache = self.cache * (1 - self.rate)
            out = out * (1 - self.rate)
        return out


def _dropout_not_rescaled(case: Draft) -> None:
    case.inserted = [(2, lambda: _PlainDropout(0.5, rng=case.rng))]


class _BatchAlways(BatchNorm):
    def forward(self, x, training=False):
        return super().forward(x, True)


def _batch_in_tests(case: Draft) -> None:
    case.inserted = [(1, lambda: _BatchAlways(case.sizes[1]))]


class _Rewrites(Layer):
    def forward(self, x, training=False):
        x -= x.mean()
        return x

    def backward(self, d_out):
        return d_out - d_out.mean()


def _rewrites_data(case: Draft) -> None:
    case.inserted = [(0, _Rewrites)]


class _SharedReLU(ReLU):
    shared: dict[str, FloatArray] = {}  # noqa: RUF012, the fault itself

    def forward(self, x, training=False):
        self.shared["z"] = x
        return functional.relu(x)

    def backward(self, d_out):
        return functional.relu_backward(d_out, self.shared["z"])


def _shared_memory(case: Draft) -> None:
    case.sizes = [784, 80, 80, 10]
    case.activation = _SharedReLU


# The same faults in another measure, for the patients that a learner mends


def late_holes(order: IntArray, first: int) -> Callable[[Draft], None]:
    """Put nan into rows that a training meets only after some good batches."""

    def pierce(case: Draft) -> None:
        rows = case.rng.choice(order[first:], int(case.rng.integers(6, 15)), replace=False)
        case.x[rows, case.rng.integers(784, size=len(rows))] = np.nan

    return lambda case: case.after.append(lambda model: pierce(case))


def penalty_of(*decays: float) -> Callable[[Draft], None]:
    """Draw the weight decay from some."""

    def draw(case: Draft) -> None:
        case.decay = float(case.rng.choice(decays))

    return lambda case: case.after.append(lambda model: draw(case))


def labels_moved_by(shifts: tuple[int, ...]) -> Callable[[Draft], None]:
    """Move the labels by as many rows as the seed says."""

    def change(case: Draft) -> None:
        case.y = np.roll(case.y, shifts[case.seed % len(shifts)])

    return change


def _twins(case: Draft) -> None:
    def change(model):
        w1, w2 = model.params["w1"], model.params["w2"]  # (784, H), (H, 10)
        w1[...] = w1[:, :1]
        # Equal units add up where others cancel: without the root the logits would start far too
        # large, which would be a second fault.
        row = w2[0] - w2[0].mean()  # (10,)
        w2[...] = row / row.std() * w2.std() / np.sqrt(len(w2))

    case.after.append(change)


KINDS: list[Fault] = [
    Fault(_raw_pixels, "inputs not scaled"),
    Fault(_open_gate, "gradient wrong"),
    Fault(_sum_in_gradient, "sum for mean"),
    Fault(_too_large, "weights too large"),
    Fault(_saturated_sigmoids, "weights too large"),
    Fault(_relu_on_logits, "activation on the logits"),
    Fault(_without_bias, "no bias"),
    Fault(_softmax_twice, "softmax twice"),
    Fault(_rate_too_large, "rate too large"),
    Fault(_rate_too_small, "rate too small"),
    Fault(_all_zero, "units all alike"),
    Fault(_all_equal, "units all alike"),
    Fault(_too_small, "weights too small"),
    Fault(_vanishing, "gradients vanish"),
    Fault(_shuffled_labels, "labels unrelated"),
    Fault(_shifted_labels, "labels shifted"),
    Fault(_labels_from_one, "labels out of range"),
    Fault(_lying_labels, "labels contradictory"),
    Fault(_nearly_all_ones, "one class only"),
    Fault(_twice_scaled, "inputs too small"),
    Fault(_far_from_centre, "inputs off centre"),
    Fault(_holes, "nan in the data"),
    Fault(_same_image, "inputs all the same"),
    Fault(_sigmoid_of_sigmoid, "gradient wrong"),
    Fault(_averaged_bias, "gradient scaled"),
    Fault(_shared_memory, "gradient wrong"),
    Fault(_pile, "gradients pile up"),
    Fault(_frozen_weights, "parameters frozen"),
    Fault(_own_copy, "parameters not used"),
    Fault(_sum_in_both, "sum for mean"),
    Fault(_wrong_sign, "loss gradient wrong"),
    Fault(_number_as_target, "labels ignored"),
    Fault(_sigmoid_on_logits, "activation on the logits"),
    Fault(_no_activation, "no activation"),
    Fault(_dead_units, "units dead"),
    Fault(_always_open, "activation without effect"),
    Fault(_bottleneck, "too few units"),
    Fault(_adam_too_large, "rate too large"),
    Fault(_momentum_too_large, "rate too large"),
    Fault(_penalty, "penalty too strong"),
    Fault(_climbing, "climbs"),
    Fault(_heavy_dropout, "dropout too strong"),
    Fault(_dropout_in_tests, "random outside training"),
    Fault(_dropout_not_rescaled, "not rescaled"),
    Fault(_batch_in_tests, "examples mixed"),
    Fault(_rewrites_data, "inputs changed"),
]
"""The kinds of fault, by number; the first is number 1."""

assert all(cause in CAUSES for _, cause in KINDS)

SOFTMAX_TWICE, UNITS_ALIKE = (
    Fault(_softmax_twice, "softmax twice"),
    Fault(_twins, "units all alike"),
)
WEIGHTS_UNREAD = Fault(_all_copies, "parameters not used")
