"""Training: the loop around forward, loss, backward and step, and the record it leaves."""

import json
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from ._files import replacing
from .data import minibatches
from .functional import ieee
from .losses import softmax_cross_entropy
from .model import Sequential, read_npz
from .optimizers import Optimizer
from .schedules import Schedule, constant
from .shapes import FloatArray, IntArray, check_positive_integer

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
        ValueError: there are no examples.
    """
    batch_size = check_positive_integer("evaluate", "batch_size", batch_size)
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(f"evaluate: x has {len(x)} examples and y {len(y)} labels")
    total_loss, wrong = 0.0, 0
    for start in range(0, len(x), batch_size):
        labels = y[start : start + batch_size]
        logits = model.forward(x[start : start + batch_size])
        value, _ = loss(logits, labels)
        total_loss += float(value) * len(labels)
        wrong += int((logits.argmax(axis=1) != labels).sum())
    return total_loss / len(x), wrong / len(x)


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
        TrainingDiverged: the loss has become nan or infinite; the message says at which step.
        ValueError: a setting is out of its range.
    """
    from tqdm.auto import tqdm  # takes longer to import than all the rest of the package

    x, y = data
    epochs = check_positive_integer("fit", "epochs", epochs)
    minibatches(x, y, batch_size, rng=rng)  # its checks, before anything runs
    if validation is not None:
        # And those of the validation data.
        evaluate(model, validation[0][:1], validation[1][:1], loss=loss)
    schedule = schedule or constant()
    callbacks = list(callbacks)
    base_rate = optimizer.learning_rate
    steps = epochs * math.ceil(len(x) / batch_size)
    history = history or History()
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
                optimizer.learning_rate = base_rate * schedule(step / steps)
                if augment is not None:
                    x_batch = augment(x_batch, rng=rng)
                logits = model.forward(x_batch, training=True)
                value, d_logits = loss(logits, y_batch)
                if not math.isfinite(value):
                    raise _diverged(f"the loss is {value}", step, epoch, optimizer, history)
                model.backward(d_logits, need_dx=False)
                optimizer.step(model)
                history.batch_loss.append(float(value))
                total_loss += float(value) * len(y_batch)
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
        """
        if not self.arrays:
            raise RuntimeError("EarlyStopping.restore: no epoch has ended yet")
        model.set_arrays(self.arrays, "EarlyStopping")


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
    """

    def __init__(self, path: str | Path, *, optimizer: Optimizer, rng: np.random.Generator) -> None:
        self.path = Path(path)
        self.optimizer = optimizer
        self.rng = rng

    def _generators(self, model: Sequential) -> list[np.random.Generator]:
        return [self.rng, *(layer.rng for layer in model.layers if hasattr(layer, "rng"))]

    def __call__(self, model: Sequential, history: History) -> None:
        """Write the file."""
        state = {
            "history": asdict(history),
            "steps": self.optimizer.steps,
            "optimizer": type(self.optimizer).__name__,
            "generators": [rng.bit_generator.state for rng in self._generators(model)],
        }
        arrays = {f"model {name}": a for name, a in (model.params | model.buffers).items()}
        arrays |= {f"optimizer {name}": a for name, a in self.optimizer.memory.items()}
        with replacing(self.path) as file:
            # Some generators keep arrays in their state.
            text = json.dumps(state, default=np.ndarray.tolist)
            np.savez(file, state=np.array(text), **arrays)

    def resume(self, model: Sequential) -> History | None:
        """Restore model, optimizer and generators from the file; return its history.

        Returns:
            the history so far, or None if there is no file yet.

        Raises:
            ValueError: the file is damaged, or belongs to another model or optimizer.
        """
        if not self.path.exists():
            return None
        arrays = read_npz("Checkpoint", self.path)
        try:
            state = json.loads(str(arrays.pop("state")))
            written = state["optimizer"]
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"Checkpoint: {self.path} is not a checkpoint") from None
        generators = self._generators(model)
        kinds = [type(rng.bit_generator).__name__ for rng in generators]
        for there, here in (
            (written, type(self.optimizer).__name__),
            ([saved["bit_generator"] for saved in state["generators"]], kinds),
        ):
            if there != here:
                raise ValueError(f"Checkpoint: {self.path} was written with {there}, not {here}")
        parts: dict[str, dict[str, np.ndarray]] = {"model": {}, "optimizer": {}}
        for key, array in arrays.items():
            part, name = key.split(" ", 1)
            parts[part][name] = array
        model.set_arrays(parts["model"], f"Checkpoint: {self.path}")
        self.optimizer.memory = parts["optimizer"]
        self.optimizer.steps = state["steps"]
        for rng, saved in zip(generators, state["generators"], strict=True):
            rng.bit_generator.state = saved
        return History(**state["history"])
