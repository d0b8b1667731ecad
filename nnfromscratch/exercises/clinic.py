"""The patients of exercise set 13: sick networks from a seed, and a short training to confirm.

patient = admit(seed=1, number=1)  # numbers are kinds of fault, seeds are patients
losses, error = train(patient)  # a copy is trained; the patient stays as it is
"""

import copy
import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .. import functional
from ..data import load_mnist
from ..initializers import he_normal, xavier_normal
from ..layers import Layer, Linear, ReLU, Softmax, Tanh
from ..losses import softmax_cross_entropy
from ..model import Sequential
from ..optimizers import SGD, Optimizer
from ..patients import at_the_door
from ..shapes import FloatArray, IntArray, check_positive_integer

POOL = 12_000
IMAGES = 3_000
BATCH = 64
STEPS = 120
"""Two and a half times through the images, in a tenth of a second."""
ORDER = 0
"""The seed of the order in which `train` takes the images."""
JUDGED = 1_000
"""Images on which a trained network is judged."""
CLEAN = 8
"""Batches of `train` without a hole: a few good losses come before the first nan of patient 2."""
SHIFTS = (-3, -2, -1, 1, 2, 3)
"""By how many rows the labels of patient 5 are moved: `SHIFTS[seed % 6]`."""


class Patient(NamedTuple):
    """A network that does not learn as it should, with all that it is trained with."""

    model: Sequential
    x: FloatArray
    y: IntArray
    optimizer: Optimizer
    loss: Callable
    batch_size: int

    def __repr__(self) -> str:
        """Return what one sees from the door: layers, sizes, rule and rate."""
        return at_the_door(self)


class Trained(NamedTuple):
    """What `train` saw."""

    losses: list[float]
    """The loss of each batch; it ends at the first that is not finite."""
    loss: float
    """The mean loss afterwards, on the first 1,000 examples; nan if it ended early."""
    error: float
    """The share of wrong answers afterwards, on the same examples; 1 if it ended early."""


def admit(seed: int, number: int) -> Patient:
    """Make the patient that a seed gives.

    Args:
        seed: data, weights, sizes, rate, and the measure of the fault come from it.
        number: the kind of fault, from 1 to 6.

    Returns:
        a new Patient, the same one every time.

    Raises:
        TypeError: an argument is not an integer.
        ValueError: there is no such number, or the seed is negative.
    """
    number = check_positive_integer("admit", "number", number)
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise TypeError(f"admit: seed must be an integer such as 1, got {seed!r}")
    if seed < 0:
        raise ValueError(f"admit: seed must not be negative, got {seed}")
    if number > len(_FAULTS):
        raise ValueError(f"admit: number must be from 1 to {len(_FAULTS)}, got {number}")
    rng = np.random.default_rng([13, number, seed])
    chosen = rng.choice(POOL, IMAGES, replace=False)
    x, y = digits()
    hidden = [int(rng.choice([32, 40, 48]))]
    if rng.random() < 0.5 and number != 4:
        hidden.append(24)
    activation = (ReLU, Tanh)[int(rng.integers(2))]
    layers: list[Layer] = []
    start = he_normal if activation is ReLU else xavier_normal
    for inputs, outputs in zip([784, *hidden], [*hidden, 10], strict=True):
        layers += [Linear(inputs, outputs, rng=rng, initializer=start), activation()]
    rate = float(rng.choice([0.15, 0.2, 0.25]))
    healthy = Patient(
        Sequential(layers[:-1]), x[chosen], y[chosen], SGD(rate), softmax_cross_entropy, BATCH
    )
    return _FAULTS[number - 1](healthy, rng, seed)


@functools.cache
def digits() -> tuple[FloatArray, IntArray]:
    """Return the images and labels that patients are made of; they are read once."""
    x, y, _, _ = load_mnist()
    return x[:POOL].copy(), y[:POOL].astype(np.int64)


def train(patient: Patient, steps: int = STEPS) -> Trained:
    """Train a copy of a patient for a few steps, and judge it on its own examples.

    Args:
        patient: who is treated; it is not changed.
        steps: how many batches, shuffled, with the patient's own optimizer and loss.

    Returns:
        the loss of each batch, and loss and share of wrong answers at the end.

    Raises:
        TypeError: steps is not an integer.
        ValueError: steps is below 1, or x and y differ in length.
    """
    steps = check_positive_integer("train", "steps", steps)
    model, x, y, optimizer, loss, batch_size = copy.deepcopy(patient)
    if len(x) != len(y):
        raise ValueError(f"train: x has {len(x)} rows, but y has {len(y)} labels")
    rng, losses, order = np.random.default_rng(ORDER), [], []
    with np.errstate(all="ignore"):
        for _ in range(steps):
            if len(order) < batch_size:
                order = list(rng.permutation(len(x)))
            rows, order = order[:batch_size], order[batch_size:]
            value, d_out = loss(model.forward(x[rows], training=True), y[rows])
            losses.append(float(value))
            if not math.isfinite(value):
                return Trained(losses, math.nan, 1.0)
            model.backward(d_out, need_dx=False)
            optimizer.step(model)
        outputs = model.forward(x[:JUDGED])
        value, _ = loss(outputs, y[:JUDGED])
        error = float((outputs.argmax(axis=1) != y[:JUDGED]).mean())
    return Trained(losses, float(value), error)


# The faults


def _with_softmax(healthy, rng, seed):
    return healthy._replace(model=Sequential([*healthy.model.layers, Softmax()]))


def _with_holes(healthy, rng, seed):
    late = np.random.default_rng(ORDER).permutation(IMAGES)[CLEAN * BATCH :]
    rows = rng.choice(late, int(rng.integers(6, 15)), replace=False)
    healthy.x[rows, rng.integers(784, size=len(rows))] = np.nan
    return healthy


def _with_penalty(healthy, rng, seed):
    decay = float(rng.choice([0.6, 0.8, 1.0]))
    return healthy._replace(optimizer=SGD(healthy.optimizer.learning_rate, weight_decay=decay))


def _with_units_alike(healthy, rng, seed):
    w1, w2 = healthy.model.params["w1"], healthy.model.params["w2"]  # (784, H), (H, 10)
    w1[...] = w1[:, :1]
    # Equal units add up where others cancel: without the root the logits would start far too large,
    # which would be a second fault.
    row = w2[0] - w2[0].mean()  # (10,)
    w2[...] = row / row.std() * w2.std() / np.sqrt(len(w2))
    return healthy


def _with_labels_moved(healthy, rng, seed):
    return healthy._replace(y=np.roll(healthy.y, SHIFTS[seed % len(SHIFTS)]))


class ReadsCopies(Linear):
    """The layer of patient 6."""

    def forward(self, x, training=False):
        """Return x w + b, with the w and b that the layer had at the start."""
        self.x = x
        return functional.linear(x, self.w, self.b)


ReadsCopies.__name__ = ReadsCopies.__qualname__ = "Linear"  # as a class of one's own may be called


def _with_weights_unread(healthy, rng, seed):
    for layer in healthy.model.layers:
        if isinstance(layer, Linear):
            layer.__class__ = ReadsCopies
            layer.w, layer.b = layer.params["w"].copy(), layer.params["b"].copy()
    return healthy


_FAULTS: tuple[Callable, ...] = (
    _with_softmax,
    _with_holes,
    _with_penalty,
    _with_units_alike,
    _with_labels_moved,
    _with_weights_unread,
)
