"""The bookkeeping around the loop of `fit`: what is checked, shown, recorded, and given back."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from ._guards import function_of, generator, instance, not_negative, number, whole
from .contracts import FloatArray, IntArray, as_array, check_labels
from .data import check_pairs
from .errors import ShapeError
from .history import History, TrainingDiverged
from .layers import BatchNorm
from .model import Sequential, as_model
from .optimizers import Optimizer
from .parallel import SharedModel, check_can_travel, check_rows_are_alone
from .schedules import Schedule

Loss = Callable[[FloatArray, IntArray], tuple[np.floating, FloatArray]]
Callback = Callable[[Sequential, History], object]
Data = tuple[FloatArray, IntArray]


@dataclass
class Run:
    """The bookkeeping of one `fit`, whose arguments it takes: checks, bar, interrupts, the record.

    As a context it gives the learning rate back and closes the bar, whatever ends the training.
    """

    model: Sequential
    data: Data
    optimizer: Optimizer
    epochs: int
    batch_size: int
    rng: np.random.Generator
    schedule: Schedule | None
    validation: Data | None
    loss: Loss
    augment: Callable[..., FloatArray] | None
    callbacks: Iterable[Callback]
    history: History
    progress: bool
    workers: int = 1

    def __post_init__(self) -> None:
        """Check all of it, before anything is changed."""
        self._check_settings()
        self.data = checked_data("fit", "data", self.model, self.data)
        generator("fit", self.rng)
        self._check_batch_norm()
        _check_optimizer(self.optimizer)
        if self.validation is not None:
            x, y = self.validation = checked_data("fit", "validation", self.model, self.validation)
            outputs = self.model.forward(x[:1])  # with the layers' checks
            _check_labels("fit: validation", self.loss, outputs, y)
            _checked_loss("fit", self.loss, outputs, y[:1])
        instance("fit", History, "the one that fit returns", history=self.history)
        if self.workers > 1:
            check_rows_are_alone("fit", self.model)
            check_can_travel("fit", self.model)
        self.base_rate = self.optimizer.learning_rate
        self.batches = math.ceil(len(self.data[0]) / self.batch_size)
        self.steps, self.step = self.epochs * self.batches, self.history.epochs * self.batches
        self.first = self.step

    def _check_settings(self) -> None:
        self.epochs = whole("fit", epochs=self.epochs)
        self.batch_size = whole("fit", batch_size=self.batch_size)
        self.workers = whole("fit", workers=self.workers)
        function_of("fit", loss=self.loss)
        if self.schedule is not None:
            function_of("fit", schedule=self.schedule)
        if self.augment is not None:
            function_of("fit", augment=self.augment)
        given = self.callbacks
        self.callbacks = list(given) if isinstance(given, Iterable) else [given]
        if not all(map(callable, self.callbacks)):
            raise TypeError(f"fit: callbacks must be a list of functions, got {given!r}")

    def _check_batch_norm(self) -> None:
        n, size = len(self.data[0]), self.batch_size
        alone = 1 in (size, n % size)
        if alone and any(isinstance(layer, BatchNorm) for layer in self.model.layers):
            raise ValueError(
                f"fit: batch_size {size} makes a batch of one example (len(x) is {n}), "
                "of which BatchNorm can take no variance; choose another batch_size"
            )

    def __enter__(self) -> "Run":
        """Show the bar; an epoch that was interrupted starts again."""
        from tqdm.auto import tqdm  # takes longer to import than all the rest of the package

        if self.history.interrupted:
            del self.history.batch_loss[self.step :]
        self.history.interrupted = False
        self.bar = tqdm(
            total=self.steps,
            initial=self.step,
            disable=not self.progress,
            unit="step",
            leave=False,
            dynamic_ncols=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> bool:
        """Give the learning rate back; Ctrl-C ends the run without an error."""
        self.optimizer.learning_rate = self.base_rate
        self.bar.close()
        self.history.interrupted = kind is not None
        return kind is not None and issubclass(kind, KeyboardInterrupt)

    def shared(self) -> AbstractContextManager[Sequential]:
        """Return the model, or one whose passes are shared by processes, as a context."""
        if self.workers == 1:
            return nullcontext(self.model)
        return SharedModel(self.model, self.workers, self.data[0][: self.batch_size])

    def epochs_to_go(self) -> Iterator[int]:
        """Count the epochs, and close the record of each when its last batch is done."""
        for epoch in range(self.history.epochs + 1, self.epochs + 1):
            self.total_loss, self.wrong = 0.0, 0
            started = time.perf_counter()
            yield epoch
            if self._end_epoch(time.perf_counter() - started):
                return

    def learning_rate(self) -> float:
        """Return the learning rate of the step to come, as the schedule has it."""
        if self.schedule is None:
            return self.base_rate
        factor = self.schedule(self.step / self.steps)
        return self.base_rate * not_negative("fit", **{"what schedule returns": factor})

    def augmented(self, x: FloatArray, y: IntArray) -> FloatArray:
        """Return the batch as `augment` changes it."""
        if self.augment is None:
            return x
        changed = self.augment(x, rng=self.rng)
        changed = as_array("fit", "what augment returns", changed)
        if np.iscomplexobj(changed):
            raise TypeError("fit: augment must return real numbers, got complex ones")
        if changed.shape[:1] != y.shape[:1]:
            raise ShapeError(
                f"fit: augment must return {len(y)} rows, as it was given, got shape "
                f"{changed.shape}"
            )
        return changed

    def loss_of(self, logits: FloatArray, y: IntArray) -> tuple[float, FloatArray]:
        """Return the loss of a batch and its gradient, or raise if it is not finite."""
        if self.step == self.first:  # before any weight has changed
            _check_labels("fit", self.loss, logits, self.data[1])
        value, d_logits = _checked_loss("fit", self.loss, logits, y)
        self.check(value)
        return value, d_logits

    def check(self, value: float) -> None:
        """Raise TrainingDiverged if the loss of a batch is not finite."""
        if not math.isfinite(value):
            raise self._diverged(f"the loss is {value}", self.step)

    def record(self, value: float, logits: FloatArray, y: IntArray) -> None:
        """Note what a step has shown."""
        self.step += 1
        self.history.batch_loss.append(value)
        self.total_loss += value * len(y)
        self.wrong += _count_wrong(logits, y)
        self.bar.update()

    def _end_epoch(self, seconds: float) -> bool:
        """Close an epoch's record, all entries or none; return whether a callback says stop."""
        # The last step has no loss after it that would show it.
        if not all(np.isfinite(array).all() for array in self.model.params.values()):
            raise self._diverged("a weight is not finite", self.step - 1)
        history, n = self.history, len(self.data[0])
        if self.validation is not None:
            # First of all, so that an interrupt in it leaves no half of an epoch's entries.
            measured = loss_and_error("fit", self.model, self.validation, self.loss)
            history.validation_loss.append(measured[0])
            history.validation_error.append(measured[1])
        history.seconds.append(seconds)
        history.learning_rate.append(float(self.optimizer.learning_rate))
        history.loss.append(self.total_loss / n)
        history.error.append(self.wrong / n)
        answers = [callback(self.model, history) for callback in self.callbacks]
        if self.schedule is None:
            self.base_rate = self.optimizer.learning_rate  # a callback may have changed it
        return any(isinstance(answer, bool | np.bool_) and answer for answer in answers)

    def _diverged(self, what: str, step: int) -> TrainingDiverged:
        epoch, rate = step // self.batches + 1, self.optimizer.learning_rate
        return TrainingDiverged(
            f"fit: {what} at step {step + 1} (epoch {epoch}), with a learning rate of {rate:g}. "
            "Try a tenth of it; see that the inputs are scaled to about 0 to 1 and hold no nan.",
            self.history,
        )


def loss_and_error(
    function: str, model: Sequential, data: Data, loss: Loss, batch_size: int = 1_000
) -> tuple[float, float]:
    """Return what `evaluate` does, of data that have been checked."""
    x, y = data
    total_loss, wrong = 0.0, 0
    for start in range(0, len(x), batch_size):
        labels = y[start : start + batch_size]
        logits = model.forward(x[start : start + batch_size])
        if not start:
            _check_labels(function, loss, logits, y)
        value, _ = _checked_loss(function, loss, logits, labels)
        total_loss += value * len(labels)
        wrong += _count_wrong(logits, labels)
    return total_loss / len(x), wrong / len(x)


def _count_wrong(logits: FloatArray, y: IntArray) -> int:
    # Of nan, argmax makes an answer.
    return int(((logits.argmax(axis=1) != y) | np.isnan(logits).any(axis=1)).sum())


def checked_data(function: str, name: str, model: Sequential, data: Any) -> Data:
    """Return data as two arrays that can be cut into batches; the layers check the rest."""
    as_model(function, model)
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise TypeError(f"{function}: {name} must be a pair (x, y), got {type(data).__name__}")
    x, y = as_array(function, "x", data[0]), as_array(function, "y", data[1])
    check_pairs(f"{function}: validation" if name == "validation" else function, x, y)
    if x.dtype.kind == "c":
        raise TypeError(f"{function}: x must hold real numbers, got dtype {x.dtype}")
    return x, y


def _check_labels(function: str, loss: Loss, outputs: FloatArray, y: IntArray) -> None:
    """Raise ValueError if one of all labels has no output, where the loss's contract says so."""
    contract = getattr(loss, "contract", None)
    labels = contract and any(array.below for array in contract.inputs)
    if labels and y.dtype.kind in "iu" and outputs.ndim == 2:
        check_labels(function, "y", y, outputs.shape[1])


def _checked_loss(
    function: str, loss: Loss, outputs: FloatArray, labels: IntArray
) -> tuple[float, FloatArray]:
    """Return the loss of a batch and its gradient, after checking what `loss` made of them."""
    result = loss(outputs, labels)
    if not (isinstance(result, tuple) and len(result) == 2):
        got = type(result).__name__
        raise TypeError(f"{function}: loss must return its value and its gradient, got {got}")
    if outputs.ndim != 2 or outputs.shape[1] == 0 or labels.ndim != 1:
        raise ShapeError(
            f"{function}: y has shape {labels.shape} and the outputs for x {outputs.shape}, but "
            "(N,) and (N, C) are needed to count wrong answers"
        )
    return number(function, **{"the value that loss returns": result[0]}), result[1]


def _check_optimizer(optimizer: Optimizer) -> None:
    if not (hasattr(optimizer, "learning_rate") and callable(getattr(optimizer, "step", None))):
        raise TypeError(f"fit: optimizer must be one such as SGD(0.1), got {optimizer!r}")
