"""Patients: networks with all that they are trained with, and a short training to look at them."""

import copy
import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .._guards import whole
from ..contracts import FloatArray, IntArray
from ..data import load_mnist
from ..model import Sequential
from ..optimizers import Optimizer

POOL = 12_000
BATCH = 64
STEPS = 120
"""Two and a half times through the images, in a tenth of a second."""
ORDER = 0
"""The seed of the order in which `train` takes the images."""
JUDGED = 1_000
"""Images on which a trained network is judged."""


class Patient(NamedTuple):
    """A network that does not learn as it should, with all that it is trained with."""

    model: Sequential
    x: FloatArray
    y: IntArray
    optimizer: Optimizer
    loss: Callable
    batch_size: int

    def __repr__(self) -> str:
        """Return what one sees at once: layers, sizes, rule and rate."""
        return (
            f"Patient: {' '.join(map(repr, self.model.layers))}, x {self.x.shape}, "
            f"{type(self.optimizer).__name__}({self.optimizer.learning_rate:g}), "
            f"batches of {self.batch_size}"
        )


class Trained(NamedTuple):
    """What `train` saw."""

    losses: list[float]
    """The loss of each batch; it ends at the first that is not finite."""
    loss: float
    """The mean loss afterwards, on the first 1,000 examples; nan if it ended early."""
    error: float
    """The share of wrong answers afterwards, on the same examples; 1 if it ended early."""


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
    steps = whole("train", steps=steps)
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
