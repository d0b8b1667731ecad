"""Tables to look at: every layer's outputs and slopes, and the size of a step."""

from typing import NamedTuple

import numpy as np

from .._guards import instance
from ..contracts import FloatArray, IntArray, as_float_array
from ..layers import ReLU, Sigmoid, Softmax, Tanh
from ..losses import softmax_cross_entropy
from ..model import Sequential, as_model
from ..optimizers import Optimizer
from ..tracing import there_and_back
from .probes import duplicate

SATURATED = {Sigmoid: (0.01, 0.99), Softmax: (0.01, 0.99), Tanh: (-0.99, 0.99)}
"""Outputs beyond these two count as saturated: the slope there is below a twentieth of its peak."""


class LayerStatistics(NamedTuple):
    """What `layer_statistics` measures on the outputs of one layer."""

    layer: str
    mean: float
    standard_deviation: float
    """Over batch and units."""
    saturated: float
    """Fraction of outputs near the ends of a sigmoid or tanh."""
    dead: float
    """Fraction of ReLU units that are silent for the whole batch."""
    gradient_mean: float
    gradient_standard_deviation: float


class LayerReport(list[LayerStatistics]):
    """A list of LayerStatistics that prints as a table."""

    def __str__(self) -> str:
        """Return a line per layer."""
        lines = ["layer                 mean        std  saturated   dead      gradient's std"]
        for row in self:
            lines.append(
                f"{row.layer:<16}{row.mean:+10.3g} {row.standard_deviation:10.3g} "
                f"{row.saturated:10.0%} "
                f"{row.dead:6.0%} {row.gradient_standard_deviation:19.2g}"
            )
        return "\n".join(lines)

    __repr__ = __str__


@np.errstate(over="ignore", invalid="ignore")
def layer_statistics(
    model: Sequential, x: FloatArray, y: IntArray, *, training: bool = True
) -> LayerReport:
    """Measure activations and gradients of every layer on one batch.

    Args:
        model: the network; it is not changed.
        x: a batch, (N, D).
        y: its labels, (N,).
        training: measure in training mode, or in test mode.

    Returns:
        one entry per layer, first to last.

    Raises:
        ShapeError: x or y does not fit the model.
        TypeError: an argument is of the wrong type.
    """
    x = checked_inputs("layer_statistics", model, x)
    model = duplicate(model)
    outputs, gradients, _ = there_and_back(model, x, y, training)
    report = LayerReport()
    rows = zip(model.layers, outputs[1:], gradients[1:], strict=True)
    for number, (layer, out, gradient) in enumerate(rows, start=1):
        low, high = SATURATED.get(type(layer), (-np.inf, np.inf))
        dead = (out <= 0).all(axis=0).mean() if isinstance(layer, ReLU) else 0.0
        report.append(
            LayerStatistics(
                f"{number} {type(layer).__name__}",
                float(out.mean(dtype=np.float64)),
                float(out.std(dtype=np.float64)),
                float(((out < low) | (out > high)).mean()),
                float(dead),
                float(gradient.mean(dtype=np.float64)),
                float(gradient.std(dtype=np.float64)),
            )
        )
    return report


@np.errstate(over="ignore", invalid="ignore")
def update_ratios(
    model: Sequential, x: FloatArray, y: IntArray, optimizer: Optimizer
) -> dict[str, float]:
    """How large one optimizer step is beside the parameters it changes.

    ratio = norm of the update / norm of the weights. About a thousandth is healthy: far less
    hardly moves, far more tramples on what was learned.

    Args:
        model: the network; it is not changed.
        x: a batch, (N, D).
        y: its labels, (N,).
        optimizer: the rule for the step; it is not changed.

    Returns:
        the ratio by name, for weights (arrays of two dimensions); infinity for weights of zero.

    Raises:
        ShapeError: x or y does not fit the model.
        TypeError: an argument is of the wrong type.
    """
    x = checked_inputs("update_ratios", model, x)
    instance("update_ratios", Optimizer, "SGD(0.1)", optimizer=optimizer)
    trial, optimizer = duplicate(model), duplicate(optimizer)
    _, d_out = softmax_cross_entropy(trial.forward(x, True), y)
    trial.backward(d_out)
    optimizer.step(trial)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            name: float(np.linalg.norm(trial.params[name] - w) / np.linalg.norm(w))
            for name, w in model.params.items()
            if w.ndim > 1
        }


def checked_inputs(function: str, model: Sequential, x: FloatArray) -> FloatArray:
    """Return x as real floats, after a look at the model that is to take it."""
    as_model(function, model)
    x = as_float_array(function, "x", x)
    if x.dtype.kind == "c":
        raise TypeError(f"{function}: x must hold real numbers, got dtype {x.dtype}")
    return x
