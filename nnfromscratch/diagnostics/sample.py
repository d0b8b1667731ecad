"""What `examine` was given, and what the first passes made of it: the ground that all stand on."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..contracts import FloatArray, IntArray
from ..model import Sequential
from .probes import answer, duplicate, gain, joins_units, loss_of, loss_or_nan, observe
from .thresholds import LEARNED, ROWS, ROWS_OF_DATA


@dataclass(frozen=True)
class Sample:
    """A network with its data and settings. What is measured more than once is measured here."""

    model: Sequential
    x: FloatArray
    y: IntArray
    loss: Callable
    optimizer: object | None
    batch_size: int
    classes: int
    """Outputs of the network."""
    seed: np.random.Generator
    """Never drawn from: see `rng`."""

    def rng(self) -> np.random.Generator:
        """Return a new generator, the same for every measurement."""
        return duplicate(self.seed)

    # Rows

    @cached_property
    def flat(self) -> FloatArray:
        """The examples as rows of numbers, (N, D)."""
        return self.x.reshape(len(self.x), -1)

    @cached_property
    def finite(self) -> np.ndarray:
        """Which rows hold neither nan nor infinity, (N,)."""
        return np.isfinite(self.flat).all(axis=1)

    @cached_property
    def labelled(self) -> np.ndarray:
        """Which rows have a label that an output answers for, (N,)."""
        return (self.y >= 0) & (self.y < self.classes)

    @cached_property
    def chosen(self) -> IntArray:
        """A few thousand usable rows, which tell as much as all."""
        usable = np.flatnonzero(self.finite & self.labelled)
        return self.rng().choice(usable, min(len(usable), ROWS_OF_DATA), replace=False)

    @cached_property
    def some_x(self) -> FloatArray:
        """The chosen rows."""
        return self.x[self.chosen]

    @cached_property
    def some_y(self) -> IntArray:
        """Their labels."""
        return self.y[self.chosen].astype(np.int64)

    @cached_property
    def few_x(self) -> FloatArray:
        """The rows that are sent through the network."""
        return self.some_x[:ROWS]

    @cached_property
    def few_y(self) -> IntArray:
        """Their labels."""
        return self.some_y[:ROWS]

    @cached_property
    def shares(self) -> FloatArray:
        """What fraction of the labels each class has, (C,)."""
        return np.bincount(self.some_y, minlength=self.classes) / len(self.some_y)

    # The network

    @cached_property
    def double(self) -> Sequential:
        """A copy in float64."""
        return duplicate(self.model, np.float64)

    @cached_property
    def flow(self) -> list[FloatArray]:
        """Inputs and every layer's outputs in training, in float64."""
        return observe(self.double, self.few_x.astype(np.float64), training=True)

    @cached_property
    def still(self) -> list[FloatArray]:
        """The same in test mode, for fewer examples."""
        return observe(self.double, self.few_x[:64].astype(np.float64), training=False)

    @cached_property
    def weighted(self) -> list[int]:
        """Positions of the layers that join units by parameters, as an affine layer does."""
        layers = enumerate(zip(self.double.layers, self.still, strict=False))
        return [position for position, (layer, v) in layers if joins_units(layer, v)]

    @cached_property
    def gains(self) -> dict[int, float]:
        """How much louder a layer's units are than its inputs: rms of weights times root of D."""
        return {p: gain(self.double.layers[p], self.still[p]) for p in self.weighted}

    def sizes(self, position: int) -> tuple[float, float]:
        """Return the size of a layer's weights, and the size that He's rule gives."""
        inputs = self.still[position][0].size
        return self.gains[position] / math.sqrt(inputs), math.sqrt(2 / inputs)

    # The loss

    @cached_property
    def values(self) -> dict[bool, float]:
        """The loss in training and in test mode."""
        return {mode: loss_of(self, out) for mode, out in self.outputs.items()}

    @cached_property
    def passed(self) -> list[FloatArray]:
        """Inputs and every layer's outputs in training, as the network itself computes them."""
        return observe(self.model, self.few_x, training=True)

    @cached_property
    def outputs(self) -> dict[bool, FloatArray]:
        """The outputs in training and in test mode."""
        still = observe(self.model, self.few_x, training=False)
        return {True: self.passed[-1], False: still[-1]}

    @property
    def now(self) -> float:
        """The loss in training mode."""
        return self.values[True]

    @cached_property
    def error(self) -> float:
        """Fraction of wrong answers in test mode."""
        return float((self.outputs[False].argmax(axis=1) != self.few_y).mean())

    @cached_property
    def nothing(self) -> float:
        """The loss of knowing only the classes' shares, or not even these.

        It is nan where it is not positive, for then no loss can be judged as a multiple of it.
        """
        shares = np.maximum(np.bincount(self.few_y, minlength=self.classes) / len(self.few_y), 1e-3)
        rows = []
        for p in (shares / shares.sum(), np.full(self.classes, 1 / self.classes)):
            # As probabilities, as logits, as logits that ReLU lets through, as those of a sigmoid.
            rows += [p, np.log(p), np.log(p / p.min()), np.log(p / (1 - p))]
        losses = [loss_or_nan(self, self._handed_on(row)) for row in rows]
        least = min((value for value in losses if math.isfinite(value)), default=math.nan)
        return least if least > 0 else math.nan

    def _handed_on(self, row: FloatArray) -> FloatArray:
        """Return a row for every example, as the last layer hands it on if it has no weights.

        What it cannot hand on, as LogSoftmax no probabilities, may cost less than any network can.
        """
        rows = np.repeat(row[np.newaxis], len(self.few_y), axis=0)
        last = self.double.layers[-1]
        made = rows if last.params else answer(last, rows)
        return made if made.shape == rows.shape else rows

    @cached_property
    def learned(self) -> bool:
        """Whether the network knows its examples already."""
        return min(self.values.values()) < LEARNED * self.nothing

    @cached_property
    def invariant(self) -> bool:
        """Whether the loss forgets a constant added to each row, as a softmax does."""
        z = self.rng().normal(size=self.still[-1].shape)
        values = [loss_or_nan(self, z + c, self.few_y[: len(z)]) for c in (0.0, 0.7)]
        return math.isfinite(values[0]) and abs(values[1] - values[0]) < 1e-6 * abs(values[0])
