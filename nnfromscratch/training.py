"""Training: the loop around forward, loss, backward and step, and the record it leaves."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from .data import minibatches
from .functional import ieee
from .losses import softmax_cross_entropy
from .model import Sequential
from .optimizers import SGD
from .schedules import Schedule, constant
from .shapes import (
    FloatArray,
    IntArray,
    as_array,
    check_instance,
    check_number,
    check_positive_integer,
)

Callback = Callable[[Sequential, "History"], object]


@dataclass
class History:
    """What `fit` measured, one entry per epoch. Errors are fractions of wrong answers."""

    loss: list[float] = field(default_factory=list)
    """Mean loss over the epoch's batches, each with the weights of its moment."""
    error: list[float] = field(default_factory=list)
    """Fraction of the training examples answered wrongly, counted in the same way."""
    validation_loss: list[float] = field(default_factory=list)
    validation_error: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    """The learning rate of the epoch's last step."""
    seconds: list[float] = field(default_factory=list)
    """Seconds of training, evaluation not counted."""
    batch_loss: list[float] = field(default_factory=list)
    """The loss of every single batch."""
    interrupted: bool = False
    """Whether Ctrl-C, or the Stop button, ended the run early."""

    @property
    def epochs(self) -> int:
        """How many epochs were finished."""
        return len(self.loss)


class TrainingDiverged(ArithmeticError):
    """The loss is no longer a number. `history` holds what was measured until then."""

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history


def evaluate(
    model: Sequential, x: FloatArray, y: IntArray, *, batch_size: int = 1_000
) -> tuple[float, float]:
    """Mean cross-entropy and share of wrong answers, in the network's test mode.

    Args:
        model: the network.
        x: examples, (N, D).
        y: their labels, (N,).
        batch_size: how many examples to run at once; it bounds the memory, not the result.

    Returns:
        loss in nats, error as a fraction from 0 to 1.

    Raises:
        ShapeError: x or y does not fit the model.
        TypeError: an argument is of the wrong type.
        ValueError: there are no examples.
    """
    batch_size = check_positive_integer("evaluate", "batch_size", batch_size)
    x, y = _checked_data("evaluate", model, "(x, y)", (x, y))
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(f"evaluate: x has {len(x)} examples and y {len(y)} labels")
    total_loss, wrong = 0.0, 0
    for start in range(0, len(x), batch_size):
        labels = y[start : start + batch_size]
        logits = model.forward(x[start : start + batch_size])
        loss, _ = softmax_cross_entropy(logits, labels)
        total_loss += float(loss) * len(labels)
        wrong += int((logits.argmax(axis=1) != labels).sum())
    return total_loss / len(x), wrong / len(x)


def _checked_data(function: str, model: Sequential, name: str, data: tuple) -> tuple:
    """Return data as two arrays that can be cut into batches; the layers check the rest."""
    check_instance(function, "model", model, Sequential, "mlp([784, 300, 10], rng=rng)")
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise TypeError(f"{function}: {name} must be a pair (x, y), got {type(data).__name__}")
    x, y = as_array(function, "x", data[0]), as_array(function, "y", data[1])
    if x.ndim == 0 or y.ndim == 0:
        raise ValueError(f"{function}: x and y must have one row or label per example")
    if x.dtype.kind == "c":
        raise TypeError(f"{function}: x must hold real numbers, got dtype {x.dtype}")
    return x, y


def _diverged(
    what: str, step: int, epoch: int, optimizer: SGD, history: History
) -> TrainingDiverged:
    return TrainingDiverged(
        f"fit: {what} at step {step + 1} (epoch {epoch}), with a learning rate of "
        f"{optimizer.learning_rate:g}. Try a tenth of it; see that the inputs are scaled to "
        "about 0 to 1 and hold no nan.",
        history,
    )


@ieee
def fit(
    model: Sequential,
    data: tuple[FloatArray, IntArray],
    *,
    optimizer: SGD,
    epochs: int,
    batch_size: int,
    rng: np.random.Generator,
    schedule: Schedule | None = None,
    validation: tuple[FloatArray, IntArray] | None = None,
    callbacks: Iterable[Callback] = (),
    progress: bool = True,
) -> History:
    """Train a model on softmax cross-entropy with shuffled minibatches.

    Args:
        model: the network; its parameters are changed in place.
        data: x (N, D) and y (N,) to train on.
        optimizer: the rule for a step; a schedule multiplies its learning rate while it runs.
        epochs: how many times to go through the data, at least 1.
        batch_size: examples per step, at least 1.
        rng: the order of the examples comes from it, so the same seed gives the same run.
        schedule: a function of progress from 0 to 1 that returns a factor on the learning rate.
        validation: x and y to evaluate on after every epoch.
        callbacks: functions called as callback(model, history) after every epoch; one that returns
            True ends the training.
        progress: show a bar.

    Returns:
        the History so far, also after an interrupt (Ctrl-C), which ends the run early.

    Raises:
        ShapeError: the data do not fit the model.
        TypeError: an argument is of the wrong type.
        TrainingDiverged: the loss has become nan or infinite; the message says at which step.
        ValueError: a setting is out of its range.
    """
    from tqdm.auto import tqdm  # takes longer to import than all the rest of the package

    x, y = _checked_data("fit", model, "data", data)
    epochs = check_positive_integer("fit", "epochs", epochs)
    minibatches(x, y, batch_size, rng=rng)  # its checks, before anything runs
    if validation is not None:
        validation = _checked_data("fit", model, "validation", validation)
        evaluate(model, validation[0][:1], validation[1][:1])  # and those of the validation data
    if not (hasattr(optimizer, "learning_rate") and callable(getattr(optimizer, "step", None))):
        raise TypeError(f"fit: optimizer must be one such as SGD(0.1), got {optimizer!r}")
    schedule = constant() if schedule is None else schedule
    if not callable(schedule):
        raise TypeError(f"fit: schedule must be a function of progress, got {schedule!r}")
    callbacks = list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
    if not all(map(callable, callbacks)):
        raise TypeError(f"fit: callbacks must be a list of functions, got {callbacks!r}")
    base_rate = optimizer.learning_rate
    steps = epochs * math.ceil(len(x) / batch_size)
    history = History()
    bar = tqdm(total=steps, disable=not progress, unit="step", leave=False, dynamic_ncols=True)
    try:
        for epoch in range(1, epochs + 1):
            started = time.perf_counter()
            total_loss, wrong = 0.0, 0
            for x_batch, y_batch in minibatches(x, y, batch_size, rng=rng):
                step = len(history.batch_loss)
                factor = check_number("fit", "what schedule returns", schedule(step / steps))
                if not 0 <= factor < math.inf:
                    raise ValueError(f"fit: schedule must return 0 or more, got {factor}")
                optimizer.learning_rate = base_rate * factor
                logits = model.forward(x_batch, training=True)
                loss, d_logits = softmax_cross_entropy(logits, y_batch)
                if not math.isfinite(loss):
                    raise _diverged(f"the loss is {loss}", step, epoch, optimizer, history)
                model.backward(d_logits, need_dx=False)
                optimizer.step(model)
                history.batch_loss.append(float(loss))
                total_loss += float(loss) * len(y_batch)
                wrong += int((logits.argmax(axis=1) != y_batch).sum())
                bar.update()
            seconds = time.perf_counter() - started
            # The last step has no loss after it that would show it.
            if not all(np.isfinite(array).all() for array in model.params.values()):
                raise _diverged("a weight is not finite", step, epoch, optimizer, history)
            if validation is not None:
                # First of all, so that an interrupt in it leaves no half of an epoch's entries.
                validation_loss, validation_error = evaluate(model, *validation)
                history.validation_loss.append(validation_loss)
                history.validation_error.append(validation_error)
            history.seconds.append(seconds)
            history.learning_rate.append(optimizer.learning_rate)
            history.loss.append(total_loss / len(x))
            history.error.append(wrong / len(x))
            answers = [callback(model, history) for callback in callbacks]
            if any(isinstance(answer, bool | np.bool_) and answer for answer in answers):
                break
    except KeyboardInterrupt:
        history.interrupted = True
    finally:
        optimizer.learning_rate = base_rate
        bar.close()
    return history
