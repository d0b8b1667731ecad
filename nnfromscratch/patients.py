"""Sick networks to practise on: each has one fault, drawn from a seed, with its name sealed.

`patient(seed, number)` makes one. Numbers are the kinds of fault; seeds change the data, the
weights, the sizes, and where in the network the fault sits, so that two learners can be given two
patients of the same kind, or of different kinds. The cause is one of `diagnostics.CAUSES`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from . import functional
from .data import load_mnist, one_hot
from .examination import CAUSES
from .initializers import normal, xavier_normal
from .layers import BatchNorm, Dropout, Layer, Linear, ReLU, Sigmoid, Softmax, Tanh
from .losses import softmax_cross_entropy
from .model import Sequential
from .optimizers import SGD, Adam, Optimizer
from .shapes import FloatArray, IntArray, check_positive_integer

IMAGES = 3_000


class Patient(NamedTuple):
    """A network that does not learn as it should, with all that it is trained with."""

    model: Sequential
    x: FloatArray
    y: IntArray
    optimizer: Optimizer
    loss: Callable
    batch_size: int
    cause: str
    """What is wrong: a name in `diagnostics.CAUSES`."""

    def __repr__(self) -> str:
        """Return all but the cause, which is for the reader to find."""
        return at_the_door(self)


def at_the_door(patient) -> str:
    """Return what one sees of a patient at once: layers, sizes, rule and rate."""
    return (
        f"Patient: {' '.join(map(repr, patient.model.layers))}, x {patient.x.shape}, "
        f"{type(patient.optimizer).__name__}({patient.optimizer.learning_rate:g}), "
        f"batches of {patient.batch_size}"
    )


def patient(seed: int, number: int) -> Patient:
    """Make a sick network.

    Args:
        seed: whatever is random comes from it.
        number: the kind of fault, from 1 to `len(KINDS)`.

    Returns:
        a Patient.

    Raises:
        TypeError: an argument is not an integer.
        ValueError: there is no such number.
    """
    number = check_positive_integer("patient", "number", number)
    seed = check_positive_integer("patient", "seed", seed + 1) - 1
    if number > len(KINDS):
        raise ValueError(f"patient: number must be from 1 to {len(KINDS)}, got {number}")
    rng = np.random.default_rng([seed, number])
    fault, cause = KINDS[number - 1]
    x, y, _, _ = load_mnist()
    chosen = rng.choice(len(x), IMAGES, replace=False)
    case = _Case(rng, x[chosen], y[chosen].astype(np.int64))
    fault(case)
    optimizer = case.optimizer or SGD(case.rate, case.momentum, weight_decay=case.decay)
    model = Sequential(case.layers or case.network())
    for change in case.after:
        change(model)
    return Patient(model, case.x, case.y, optimizer, case.loss, case.batch_size, cause)


class _Case:
    """A healthy network, before a fault changes something about it."""

    def __init__(self, rng: np.random.Generator, x: FloatArray, y: IntArray) -> None:
        self.rng, self.x, self.y = rng, x, y
        hidden = int(rng.choice([64, 100, 128, 200]))
        self.sizes = [784, hidden, 10] if rng.random() < 0.5 else [784, hidden, 50, 10]
        self.layers: list[Layer] | None = None
        self.linear: Callable = Linear
        self.activation: Callable = ReLU
        self.initializer: Callable | None = None
        self.last: list[Layer] = []
        self.after: list[Callable] = []
        self.loss: Callable = softmax_cross_entropy
        self.optimizer: Optimizer | None = None
        self.rate = float(rng.choice([0.1, 0.2]))
        self.momentum = 0.0
        self.decay = 0.0
        self.batch_size = int(rng.choice([64, 128]))

    def network(self) -> list[Layer]:
        layers: list[Layer] = []
        settings = {} if self.initializer is None else {"initializer": self.initializer}
        for inputs, outputs in zip(self.sizes, self.sizes[1:], strict=False):
            layers += [self.linear(inputs, outputs, rng=self.rng, **settings), self.activation()]
        return [*layers[:-1], *self.last]

    def deep(self, depth: int, width: int = 60) -> None:
        self.sizes = [784, *[width] * depth, 10]


def _spread(deviation: float) -> Callable:
    return lambda shape, *, rng, dtype: normal(shape, deviation, rng=rng, dtype=dtype)


def _constant(value: float) -> Callable:
    return lambda shape, *, rng, dtype: np.full(shape, value, dtype)


def _squared_error(a: FloatArray, y: IntArray) -> tuple:
    difference = a - one_hot(y, a.shape[1]).astype(a.dtype)
    return 0.5 * (difference**2).sum() / len(a), difference / len(a)


# The faults, each a function that changes a healthy case


def _raw_pixels(case: _Case) -> None:
    case.x = 255 * case.x


def _twice_scaled(case: _Case) -> None:
    case.x = case.x / 255


def _far_from_centre(case: _Case) -> None:
    case.x = case.x + np.float32(case.rng.choice([6, 8]))


def _holes(case: _Case) -> None:
    rows = case.rng.choice(len(case.x), 5, replace=False)
    case.x = case.x.copy()
    case.x[rows, case.rng.integers(784, size=5)] = np.nan


def _same_image(case: _Case) -> None:
    case.x = np.repeat(case.x[:1], len(case.x), axis=0)


def _shuffled_labels(case: _Case) -> None:
    case.y = case.rng.permutation(case.y)


def _shifted_labels(case: _Case) -> None:
    case.y = np.roll(case.y, int(case.rng.choice([-2, -1, 1, 2])))


def _labels_from_one(case: _Case) -> None:
    case.y = case.y + 1


def _lying_labels(case: _Case) -> None:
    lies = case.rng.random(len(case.y)) < 0.4
    case.y = np.where(lies, case.rng.integers(10, size=len(case.y)), case.y)


def _nearly_all_ones(case: _Case) -> None:
    ones = np.flatnonzero(case.y == 1)
    rows = np.concatenate([case.rng.choice(ones, 2_700), case.rng.choice(len(case.y), 300)])
    rows = case.rng.permutation(rows)
    case.x, case.y = case.x[rows] + 0.01 * case.rng.random((3_000, 784), np.float32), case.y[rows]


class _OpenReLU(ReLU):
    def backward(self, d_out):
        return d_out * (self.z != 0)


def _open_gate(case: _Case) -> None:
    case.activation = _OpenReLU


class _SlopeOfOutput(Sigmoid):
    def backward(self, d_out):
        return d_out * functional.sigmoid(self.a) * (1 - functional.sigmoid(self.a))


def _sigmoid_of_sigmoid(case: _Case) -> None:
    case.activation = _SlopeOfOutput
    case.initializer = xavier_normal


class _MeanBias(Linear):
    def backward(self, d_out, *, need_dx=True):
        dx = super().backward(d_out, need_dx=need_dx)
        self.grads["b"] = d_out.mean(axis=0)
        return dx


def _averaged_bias(case: _Case) -> None:
    case.linear = _MeanBias


class _PilesUp(Linear):
    def backward(self, d_out, *, need_dx=True):
        before = dict(self.grads)
        dx = super().backward(d_out, need_dx=need_dx)
        for key in before:
            self.grads[key] = self.grads[key] + before[key]
        return dx


def _pile(case: _Case) -> None:
    case.linear = _PilesUp


def _exchange(case: _Case, kind: type) -> None:
    """Give one of the affine layers another class."""
    place = int(case.rng.integers(len(case.sizes) - 1))

    def change(model):
        layer = [layer for layer in model.layers if isinstance(layer, Linear)][place]
        layer.own = layer.params["w"].copy()
        layer.__class__ = kind

    case.after.append(change)


class _Frozen(Linear):
    def backward(self, d_out, *, need_dx=True):
        dx = super().backward(d_out, need_dx=need_dx)
        self.grads["w"] = np.zeros_like(self.params["w"])
        return dx


def _frozen_weights(case: _Case) -> None:
    _exchange(case, _Frozen)


class _ReadsAnother(Linear):
    def forward(self, x, training=False):
        self.x = x
        return functional.linear(x, self.own, self.params["b"])


def _own_copy(case: _Case) -> None:
    _exchange(case, _ReadsAnother)


class _NoBias(Linear):
    def __init__(self, *sizes, **settings):
        super().__init__(*sizes, **settings)
        del self.params["b"], self.grads["b"]

    def forward(self, x, training=False):
        self.x = x
        return x @ self.params["w"]

    def backward(self, d_out, *, need_dx=True):
        self.grads["w"] = self.x.T @ d_out
        return d_out @ self.params["w"].T


def _without_bias(case: _Case) -> None:
    case.linear = _NoBias


def _summed(z: FloatArray, y: IntArray) -> tuple:
    loss, dz = softmax_cross_entropy(z, y)
    return loss, dz * len(z)


def _sum_in_gradient(case: _Case) -> None:
    case.loss = _summed


def _total(z: FloatArray, y: IntArray) -> tuple:
    loss, dz = softmax_cross_entropy(z, y)
    return loss * len(z), dz * len(z)


def _sum_in_both(case: _Case) -> None:
    case.loss = _total


def _upside_down(z: FloatArray, y: IntArray) -> tuple:
    loss, dz = softmax_cross_entropy(z, y)
    return loss, -dz


def _wrong_sign(case: _Case) -> None:
    case.loss = _upside_down


def _distance_to_number(a: FloatArray, y: IntArray) -> tuple:
    difference = a - y[:, np.newaxis].astype(a.dtype)
    return (difference**2).mean(), difference * (2 / a.size)


def _number_as_target(case: _Case) -> None:
    case.loss = _distance_to_number
    case.rate = 0.01


def _softmax_twice(case: _Case) -> None:
    case.last = [Softmax()]


def _relu_on_logits(case: _Case) -> None:
    case.last = [ReLU()]


def _sigmoid_on_logits(case: _Case) -> None:
    case.last = [case.rng.choice([Sigmoid, Tanh])()]


class _Identity(Layer):
    def forward(self, x, training=False):
        return x

    def backward(self, d_out):
        return d_out


def _no_activation(case: _Case) -> None:
    case.activation = _Identity


def _all_zero(case: _Case) -> None:
    case.initializer = _constant(0.0)


def _all_equal(case: _Case) -> None:
    case.initializer = _constant(0.02)


def _too_large(case: _Case) -> None:
    case.initializer = _spread(float(case.rng.choice([0.5, 1.0])))


def _too_small(case: _Case) -> None:
    case.deep(5)
    case.initializer = _spread(0.01)


def _saturated_sigmoids(case: _Case) -> None:
    case.activation = Sigmoid
    case.last = [Sigmoid()]
    case.loss = _squared_error
    case.initializer = _spread(1.0)
    case.rate = 3.0


def _vanishing(case: _Case) -> None:
    case.deep(7)
    case.activation = Sigmoid
    case.initializer = xavier_normal


def _dead_units(case: _Case) -> None:
    def change(model):
        model.layers[0].params["b"][...] -= np.float32(15)

    case.after.append(change)


def _always_open(case: _Case) -> None:
    def change(model):
        for layer in model.layers[:-1]:
            if isinstance(layer, Linear):
                layer.params["b"][...] += np.float32(30)

    case.after.append(change)


def _bottleneck(case: _Case) -> None:
    case.sizes = [784, 100, 2, 10]


def _rate_too_large(case: _Case) -> None:
    case.rate = float(case.rng.choice([6.4, 10.0]))


def _rate_too_small(case: _Case) -> None:
    case.rate = float(case.rng.choice([1e-4, 1e-5]))


def _adam_too_large(case: _Case) -> None:
    case.optimizer = Adam(0.5)


def _momentum_too_large(case: _Case) -> None:
    case.rate, case.momentum = 0.5, 0.99


def _penalty(case: _Case) -> None:
    case.decay = float(case.rng.choice([0.1, 0.3]))


class _Ascent(SGD):
    def direction(self, name, g):
        return -super().direction(name, g)


def _climbing(case: _Case) -> None:
    case.optimizer = _Ascent(case.rate)


def _heavy_dropout(case: _Case) -> None:
    layers = case.network()
    layers.insert(2, Dropout(0.95, rng=case.rng))
    case.layers = layers


class _AlwaysDropout(Dropout):
    def forward(self, x, training=False):
        return super().forward(x, True)


def _dropout_in_tests(case: _Case) -> None:
    layers = case.network()
    layers.insert(2, _AlwaysDropout(0.4, rng=case.rng))
    case.layers = layers


class _PlainDropout(Dropout):
    def forward(self, x, training=False):
        out = super().forward(x, training)
        if training:
            self.mask = self.mask * (1 - self.rate)
            out = out * (1 - self.rate)
        return out


def _dropout_not_rescaled(case: _Case) -> None:
    layers = case.network()
    layers.insert(2, _PlainDropout(0.5, rng=case.rng))
    case.layers = layers


class _BatchAlways(BatchNorm):
    def forward(self, x, training=False):
        return super().forward(x, True)


def _batch_in_tests(case: _Case) -> None:
    layers = case.network()
    layers.insert(1, _BatchAlways(case.sizes[1]))
    case.layers = layers


class _Rewrites(Layer):
    def forward(self, x, training=False):
        x -= x.mean()
        return x

    def backward(self, d_out):
        return d_out - d_out.mean()


def _rewrites_data(case: _Case) -> None:
    case.layers = [_Rewrites(), *case.network()]


MEMORY: dict[str, FloatArray] = {}


class _SharedReLU(ReLU):
    def forward(self, x, training=False):
        MEMORY["z"] = x
        return functional.relu(x)

    def backward(self, d_out):
        return functional.relu_backward(d_out, MEMORY["z"])


def _shared_memory(case: _Case) -> None:
    case.sizes = [784, 80, 80, 10]
    case.activation = _SharedReLU


KINDS: list[tuple[Callable[[_Case], None], str]] = [
    (_raw_pixels, "inputs not scaled"),
    (_open_gate, "gradient wrong"),
    (_sum_in_gradient, "sum for mean"),
    (_too_large, "weights too large"),
    (_saturated_sigmoids, "weights too large"),
    (_relu_on_logits, "activation on the logits"),
    (_without_bias, "no bias"),
    (_softmax_twice, "softmax twice"),
    (_rate_too_large, "rate too large"),
    (_rate_too_small, "rate too small"),
    (_all_zero, "units all alike"),
    (_all_equal, "units all alike"),
    (_too_small, "weights too small"),
    (_vanishing, "gradients vanish"),
    (_shuffled_labels, "labels unrelated"),
    (_shifted_labels, "labels shifted"),
    (_labels_from_one, "labels out of range"),
    (_lying_labels, "labels contradictory"),
    (_nearly_all_ones, "one class only"),
    (_twice_scaled, "inputs too small"),
    (_far_from_centre, "inputs off centre"),
    (_holes, "nan in the data"),
    (_same_image, "inputs all the same"),
    (_sigmoid_of_sigmoid, "gradient wrong"),
    (_averaged_bias, "gradient scaled"),
    (_shared_memory, "gradient wrong"),
    (_pile, "gradients pile up"),
    (_frozen_weights, "parameters frozen"),
    (_own_copy, "parameters not used"),
    (_sum_in_both, "sum for mean"),
    (_wrong_sign, "loss gradient wrong"),
    (_number_as_target, "labels ignored"),
    (_sigmoid_on_logits, "activation on the logits"),
    (_no_activation, "no activation"),
    (_dead_units, "units dead"),
    (_always_open, "activation without effect"),
    (_bottleneck, "too few units"),
    (_adam_too_large, "rate too large"),
    (_momentum_too_large, "rate too large"),
    (_penalty, "penalty too strong"),
    (_climbing, "climbs"),
    (_heavy_dropout, "dropout too strong"),
    (_dropout_in_tests, "random outside training"),
    (_dropout_not_rescaled, "not rescaled"),
    (_batch_in_tests, "examples mixed"),
    (_rewrites_data, "inputs changed"),
]
"""The kinds of fault, and the cause that each comes down to; the first seven are the old ones."""

assert all(cause in CAUSES for _, cause in KINDS)
