"""What is wrong with a network that does not learn, measured: `examine`, and the tables behind it.

One module per question: `data`, `passes`, `structure`, `loss`, `modes`, `gradients`, `activity`,
`steps`. Each measurement is a function of a Sample that yields what it found. `causes` says what
can be wrong and which cause explains which, `thresholds` where the lines are drawn.
"""

from collections.abc import Callable

import numpy as np

from .._guards import function_of, generator, whole
from .._slips import label_slip
from ..contracts import FloatArray, IntArray, as_array, check_labels
from ..errors import ShapeError
from ..losses import softmax_cross_entropy
from ..model import Sequential
from ..optimizers import Optimizer
from . import activity, data, gradients, modes, passes, steps, structure
from . import loss as losses
from .causes import CAUSES
from .probes import duplicate
from .report import Examination, Finding, Measurement
from .sample import Sample
from .statistics import (
    SATURATED,
    LayerReport,
    LayerStatistics,
    checked_inputs,
    layer_statistics,
    update_ratios,
)

__all__ = [
    "CAUSES",
    "SATURATED",
    "Examination",
    "Finding",
    "LayerReport",
    "LayerStatistics",
    "examine",
    "layer_statistics",
    "update_ratios",
]

DATA = (data.numbers, data.label_range, data.variety, data.inputs, data.labels, data.order)
DATA += (data.neighbours,)
FIRST = (passes.one_pass, passes.last_batch)
NETWORK = (structure.last_layer, structure.bends, structure.biases, structure.widths)
NETWORK += (structure.dropout, structure.sharing)
NETWORK += (losses.value, losses.gradient, losses.direction, losses.separate)
NETWORK += (modes.inputs_kept, modes.test_mode, modes.masks, modes.averages)
NETWORK += (gradients.stored, gradients.slopes)
NETWORK += (activity.weights, activity.units, activity.outputs, activity.twins, activity.paces)
NETWORK += (losses.start, data.balance)
STEP = (passes.step, steps.penalty, steps.one_step, steps.memory)
RUNS, LAST = (steps.rates,), (steps.by_heart,)


def examine(
    model: Sequential,
    x: FloatArray,
    y: IntArray,
    *,
    loss: Callable = softmax_cross_entropy,
    optimizer: Optimizer | None = None,
    batch_size: int = 128,
    rng: np.random.Generator | None = None,
) -> Examination:
    """Measure what is usually wrong with a network that does not learn, and name what is.

    It looks at the data, at the loss and its gradient, at every layer forward and backward, at the
    start, and, with an optimizer, at the steps. Copies do the work: model, optimizer and data are
    not changed. Where one cause explains another measurement, only the cause is named; so mend the
    first finding and examine again.

    Args:
        model: the network, fresh or trained.
        x: the examples that it is trained on, (N, D), in their order; a few thousand are enough.
        y: their labels, (N,).
        loss: the function that it is trained with, of outputs and labels.
        optimizer: the rule that it is trained with; without one no step is judged.
        batch_size: examples per step.
        rng: chooses the examples to look at; by default the same ones every time.

    Returns:
        an Examination; it is empty if nothing was found, and it prints as a report.

    Raises:
        ShapeError: x or y does not fit the model.
        TypeError: an argument is of the wrong type.
        ValueError: there are no examples, or batch_size is below 1.
    """
    sample = _checked(model, x, y, loss, optimizer, batch_size, rng)
    report = Examination()
    with np.errstate(all="ignore"):
        for measurements in (DATA, FIRST, NETWORK):
            _make(report, measurements, sample)
            if any(CAUSES[cause].ends for cause in report.causes) or not len(sample.chosen):
                break
        else:
            _judge_steps(report, sample)
    report.settle()
    return report


def _judge_steps(report: Examination, sample: Sample) -> None:
    """Runs cost most, and mean something only where nothing else is wrong."""
    if sample.optimizer is not None:
        _make(report, STEP, sample)
        if all(CAUSES[cause].mild for cause in report.causes):
            _make(report, RUNS, sample)
    if not report:
        _make(report, LAST, sample)


def _make(report: Examination, measurements: tuple[Measurement, ...], sample: Sample) -> None:
    for measurement in measurements:
        report.include(measurement, sample)


def _checked(model, x, y, loss, optimizer, batch_size, rng) -> Sample:
    """Check the arguments of `examine`."""
    x, y = checked_inputs("examine", model, x), as_array("examine", "y", y)
    if x.ndim < 2 or len(x) == 0:
        raise ShapeError(f"examine: x has shape {x.shape} but (N, D) is needed, with N at least 1")
    function_of("examine", loss=loss)
    if optimizer is not None and not callable(getattr(optimizer, "step", None)):
        raise TypeError(f"examine: optimizer must be one such as SGD(0.1), got {optimizer!r}")
    batch_size = whole("examine", batch_size=batch_size)
    rng = generator("examine", np.random.default_rng(0) if rng is None else rng)
    with np.errstate(all="ignore"):
        classes = passes.output_shape(model, x)
    if y.shape != (len(x),):
        alone = "; examine knows classification alone, where y holds the number of each row's class"
        slip = (y.ndim == 2 and label_slip("y", y)) or alone
        raise ShapeError(f"examine: y has shape {y.shape} but ({len(x)},) is needed{slip}")
    if y.dtype.kind not in "iu":
        check_labels("examine", "y", y, classes)
    model, optimizer = duplicate(model), duplicate(optimizer)
    return Sample(model, x, y, loss, optimizer, batch_size, classes, duplicate(rng))
