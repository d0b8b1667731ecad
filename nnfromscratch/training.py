"""Training: the loop around forward, loss, backward and step, and the record it leaves."""

import json
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from ._files import as_path, replacing
from .data import minibatches
from .functional import ieee
from .layers import BatchNorm
from .losses import softmax_cross_entropy
from .model import Sequential, read_npz
from .optimizers import Optimizer
from .schedules import Schedule, constant
from .shapes import (
    FloatArray,
    IntArray,
    ShapeError,
    as_array,
    check_instance,
    check_number,
    check_positive_integer,
    check_rng,
)

Loss = Callable[[FloatArray, IntArray], tuple[np.inexact, FloatArray]]
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
    model: Sequential,
    x: FloatArray,
    y: IntArray,
    *,
    loss: Loss = softmax_cross_entropy,
    batch_size: int = 1_000,
) -> tuple[float, float]:
    """Mean loss and share of wrong answers, in the network's test mode.

    Args:
        model: the network.
        x: examples, (N, D).
        y: their labels, (N,).
        loss: a function of outputs and labels that returns its value and gradient.
        batch_size: how many examples to run at once; it bounds the memory, not the result.

    Returns:
        loss (in nats for cross-entropy), error as a fraction from 0 to 1.

    Raises:
        ShapeError: x or y does not fit the model.
        TypeError: an argument is of the wrong type.
        ValueError: there are no examples.
    """
    batch_size = check_positive_integer("evaluate", "batch_size", batch_size)
    x, y = _checked_data("evaluate", model, "(x, y)", (x, y))
    _check_function("evaluate", "loss", loss)
    if len(x) != len(y):
        raise ValueError(f"evaluate: len(x) is {len(x)} but len(y) is {len(y)}")
    if len(x) == 0:
        raise ValueError("evaluate: x is empty; at least one example is needed")
    total_loss, wrong = 0.0, 0
    for start in range(0, len(x), batch_size):
        labels = y[start : start + batch_size]
        logits = model.forward(x[start : start + batch_size])
        value, _ = _measured("evaluate", loss, logits, labels)
        total_loss += value * len(labels)
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


def _check_function(function: str, name: str, value: object) -> None:
    if not callable(value):
        raise TypeError(f"{function}: {name} must be a function, got {value!r}")


def _measured(
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
    return check_number(function, "the value that loss returns", result[0]), result[1]


def _diverged(
    what: str, step: int, epoch: int, optimizer: Optimizer, history: History
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
    optimizer: Optimizer,
    epochs: int,
    batch_size: int,
    rng: np.random.Generator,
    schedule: Schedule | None = None,
    validation: tuple[FloatArray, IntArray] | None = None,
    loss: Loss = softmax_cross_entropy,
    augment: Callable[..., FloatArray] | None = None,
    callbacks: Iterable[Callback] = (),
    history: History | None = None,
    progress: bool = True,
) -> History:
    """Train a model with shuffled minibatches.

    Args:
        model: the network; its parameters are changed in place.
        data: x (N, D) and y (N,) to train on.
        optimizer: the rule for a step; a schedule multiplies its learning rate while it runs.
        epochs: how many times to go through the data, at least 1.
        batch_size: examples per step, at least 1.
        rng: the order of the examples comes from it, so the same seed gives the same run.
        schedule: a function of progress from 0 to 1 that returns a factor on the learning rate.
        validation: x and y to evaluate on after every epoch.
        loss: a function of outputs and labels that returns its value and gradient.
        augment: a function that changes a batch of inputs, called as augment(x, rng=rng), such as
            `distort`.
        callbacks: functions called as callback(model, history) after every epoch; one that returns
            True ends the training.
        history: what an earlier part of the same run returned; it is continued.
        progress: show a bar.

    Returns:
        the History so far, also after an interrupt (Ctrl-C), which ends the run early.

    Raises:
        ShapeError: the data do not fit the model.
        TypeError: an argument is of the wrong type.
        TrainingDiverged: the loss has become nan or infinite; the message says at which step.
        ValueError: a setting is out of its range, or BatchNorm would get a batch of one example.
    """
    from tqdm.auto import tqdm  # takes longer to import than all the rest of the package

    x, y = _checked_data("fit", model, "data", data)
    epochs = check_positive_integer("fit", "epochs", epochs)
    minibatches(x, y, batch_size, rng=rng)  # its checks, before anything runs
    if 1 in (batch_size, len(x) % batch_size) and any(
        isinstance(layer, BatchNorm) for layer in model.layers
    ):
        raise ValueError(
            f"fit: batch_size {batch_size} makes a batch of one example (len(x) is {len(x)}), of "
            "which BatchNorm can take no variance; choose another batch_size"
        )
    _check_function("fit", "loss", loss)
    if validation is not None:
        validation = _checked_data("fit", model, "validation", validation)
        # And those of the validation data.
        evaluate(model, validation[0][:1], validation[1][:1], loss=loss)
    if not (hasattr(optimizer, "learning_rate") and callable(getattr(optimizer, "step", None))):
        raise TypeError(f"fit: optimizer must be one such as SGD(0.1), got {optimizer!r}")
    schedule = constant() if schedule is None else schedule
    _check_function("fit", "schedule", schedule)
    if augment is not None:
        _check_function("fit", "augment", augment)
    callbacks = list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
    if not all(map(callable, callbacks)):
        raise TypeError(f"fit: callbacks must be a list of functions, got {callbacks!r}")
    base_rate = optimizer.learning_rate
    steps = epochs * math.ceil(len(x) / batch_size)
    history = History() if history is None else history
    check_instance("fit", "history", history, History, "the one that fit returns")
    done = history.epochs
    if history.interrupted:  # in the middle of an epoch, which starts again
        del history.batch_loss[done * (steps // epochs) :]
    history.interrupted = False
    bar = tqdm(
        total=steps,
        initial=done * (steps // epochs),
        disable=not progress,
        unit="step",
        leave=False,
        dynamic_ncols=True,
    )
    try:
        for epoch in range(done + 1, epochs + 1):
            started = time.perf_counter()
            total_loss, wrong = 0.0, 0
            for batch, (x_batch, y_batch) in enumerate(minibatches(x, y, batch_size, rng=rng)):
                step = (epoch - 1) * (steps // epochs) + batch
                factor = check_number("fit", "what schedule returns", schedule(step / steps))
                if not 0 <= factor < math.inf:
                    raise ValueError(f"fit: schedule must return 0 or more, got {factor}")
                optimizer.learning_rate = base_rate * factor
                if augment is not None:
                    x_batch = as_array("fit", "what augment returns", augment(x_batch, rng=rng))
                    if x_batch.shape[:1] != y_batch.shape[:1]:
                        raise ShapeError(
                            f"fit: augment must return {len(y_batch)} rows, as it was given, "
                            f"got shape {x_batch.shape}"
                        )
                logits = model.forward(x_batch, training=True)
                value, d_logits = _measured("fit", loss, logits, y_batch)
                if not math.isfinite(value):
                    raise _diverged(f"the loss is {value}", step, epoch, optimizer, history)
                model.backward(d_logits, need_dx=False)
                optimizer.step(model)
                history.batch_loss.append(value)
                total_loss += value * len(y_batch)
                wrong += int((logits.argmax(axis=1) != y_batch).sum())
                bar.update()
            seconds = time.perf_counter() - started
            # The last step has no loss after it that would show it.
            if not all(np.isfinite(array).all() for array in model.params.values()):
                raise _diverged("a weight is not finite", step, epoch, optimizer, history)
            if validation is not None:
                # First of all, so that an interrupt in it leaves no half of an epoch's entries.
                validation_loss, validation_error = evaluate(model, *validation, loss=loss)
                history.validation_loss.append(validation_loss)
                history.validation_error.append(validation_error)
            history.seconds.append(seconds)
            history.learning_rate.append(float(optimizer.learning_rate))
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


class EarlyStopping:
    """Stop when the validation error has not improved for some epochs; keep the best weights.

    A callback for `fit`, which needs `validation`. When training stops by it, the model holds the
    parameters of the best epoch; after a run that ended by itself, call `restore(model)`.

    Args:
        patience: how many epochs without improvement to wait.

    Raises:
        TypeError: patience is not an integer.
        ValueError: patience is below 1, or `fit` runs without validation data.
    """

    def __init__(self, patience: int = 5) -> None:
        self.patience = check_positive_integer("EarlyStopping", "patience", patience)
        self.best_error = math.inf
        self.best_epoch = 0
        self.arrays: dict[str, np.ndarray] = {}

    def __call__(self, model: Sequential, history: History) -> bool:
        """Look at the latest epoch; return True to stop."""
        if not history.validation_error:
            raise ValueError("EarlyStopping: fit needs validation=(x, y) for it")
        if history.epochs == 1:
            self.best_error = math.inf  # a new run
        if history.validation_error[-1] < self.best_error:
            self.best_error, self.best_epoch = history.validation_error[-1], history.epochs
            own = model.params | model.buffers
            self.arrays = {name: array.copy() for name, array in own.items()}
        if history.epochs - self.best_epoch < self.patience:
            return False
        self.restore(model)
        return True

    def restore(self, model: Sequential) -> None:
        """Give the model the parameters of the best epoch so far.

        Raises:
            RuntimeError: there has been no epoch yet.
            TypeError: model is not a Sequential.
            ValueError: it is of other sizes than the one that was trained.
        """
        check_instance("EarlyStopping.restore", "model", model, Sequential, "the one it saw")
        if not self.arrays:
            raise RuntimeError("EarlyStopping.restore: no epoch has ended yet")
        model.set_arrays(self.arrays, "EarlyStopping.restore: the best epoch")


class Checkpoint:
    """Save everything a run needs to go on, after every epoch.

    A callback for `fit`. A run that is stopped and resumed ends with the same weights, bit for bit:

        checkpoint = Checkpoint("run.npz", optimizer=optimizer, rng=rng)
        history = checkpoint.resume(model)  # None if there is nothing to resume
        fit(model, data, optimizer=optimizer, rng=rng, callbacks=[checkpoint], history=history, ...)

    Args:
        path: the file, replaced only when the new one is whole.
        optimizer: the one passed to `fit`.
        rng: the generator passed to `fit`; generators of layers are found in the model.
        stopping: the EarlyStopping that stands before it among the callbacks, if there is one.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: when called, if `stopping` has not seen the latest epoch yet.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        optimizer: Optimizer,
        rng: np.random.Generator,
        stopping: EarlyStopping | None = None,
    ) -> None:
        self.path = as_path("Checkpoint", path)
        check_instance("Checkpoint", "optimizer", optimizer, Optimizer, "SGD(0.1)")
        check_rng("Checkpoint", rng)
        if stopping is not None:
            check_instance("Checkpoint", "stopping", stopping, EarlyStopping, "EarlyStopping()")
        self.optimizer = optimizer
        self.rng = rng
        self.stopping = stopping
        self.settings = repr(optimizer)  # of now: in `fit` a schedule changes the learning rate

    def _generators(self, model: Sequential) -> list[np.random.Generator]:
        return [self.rng, *(layer.rng for layer in model.layers if hasattr(layer, "rng"))]

    def __call__(self, model: Sequential, history: History) -> None:
        """Write the file."""
        state = {
            "history": asdict(history),
            "steps": self.optimizer.steps,
            "optimizer": self.settings,
            "generators": [rng.bit_generator.state for rng in self._generators(model)],
            "best": None,
        }
        arrays = {f"model {name}": a for name, a in (model.params | model.buffers).items()}
        arrays |= {f"optimizer {name}": a for name, a in self.optimizer.memory.items()}
        if self.stopping is not None:
            if self.stopping.best_error > min(history.validation_error, default=-math.inf):
                raise ValueError("Checkpoint: stopping must stand before it among the callbacks")
            state["best"] = [self.stopping.best_error, self.stopping.best_epoch]
            arrays |= {f"best {name}": a for name, a in self.stopping.arrays.items()}
        with replacing(self.path) as file:
            # Some generators keep arrays in their state.
            text = json.dumps(state, default=np.ndarray.tolist)
            np.savez(file, state=np.array(text), **arrays)

    def resume(self, model: Sequential) -> History | None:
        """Restore model, optimizer, generators and `stopping` from the file; return its history.

        Returns:
            the history so far, or None if there is no file yet.

        Raises:
            ValueError: the file is damaged, or belongs to another model or other settings.
        """
        check_instance("Checkpoint", "model", model, Sequential, "mlp([784, 300, 10], rng=rng)")
        if not self.path.exists():
            return None
        arrays = read_npz("Checkpoint", self.path)
        try:
            state = json.loads(str(arrays.pop("state")))
            written, steps, best = state["optimizer"], int(state["steps"]), state["best"]
            saved_kinds = [saved["bit_generator"] for saved in state["generators"]]
            history = History(**state["history"])
            parts: dict[str, dict[str, np.ndarray]] = {"model": {}, "optimizer": {}, "best": {}}
            for key, array in arrays.items():
                part, name = key.split(" ", 1)
                parts[part][name] = array
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"Checkpoint: {self.path} is not a checkpoint") from None
        generators = self._generators(model)
        kinds = [type(rng.bit_generator).__name__ for rng in generators]
        said = {True: "no early stopping", False: "early stopping"}
        for there, here in (
            (written, self.settings),
            (saved_kinds, kinds),
            (said[best is None], said[self.stopping is None]),
        ):
            if there != here:
                raise ValueError(f"Checkpoint: {self.path} was written with {there}, not {here}")
        model.set_arrays(parts["model"], f"Checkpoint: {self.path}")
        self.optimizer.memory = parts["optimizer"]
        self.optimizer.steps = steps
        if self.stopping is not None:
            self.stopping.best_error, self.stopping.best_epoch = best
            self.stopping.arrays = parts["best"]
        for rng, saved in zip(generators, state["generators"], strict=True):
            rng.bit_generator.state = saved
        return history
