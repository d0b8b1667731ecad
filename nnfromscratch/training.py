"""Training: the loop around forward, loss, backward and step."""

from collections.abc import Callable, Iterable

import numpy as np

from ._guards import function_of, whole
from ._run import Callback, Data, Loss, Run, checked_data, loss_and_error
from .contracts import FloatArray, IntArray
from .data import minibatches
from .history import History
from .losses import softmax_cross_entropy
from .model import Sequential
from .optimizers import Optimizer
from .schedules import Schedule


def fit(
    model: Sequential,
    data: Data,
    *,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int,
    rng: np.random.Generator,
    schedule: Schedule | None = None,
    validation: Data | None = None,
    loss: Loss = softmax_cross_entropy,
    augment: Callable[..., FloatArray] | None = None,
    callbacks: Iterable[Callback] = (),
    history: History | None = None,
    progress: bool = True,
    workers: int = 1,
) -> History:
    """Train with shuffled minibatches; return the History so far, also after Ctrl-C, which ends it.

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
        workers: how many processes take the rows of each batch among them; the numbers are those
            of one process up to rounding, and layers that look at the whole batch need one.

    Raises:
        ShapeError: the data do not fit the model.
        TypeError: an argument is of the wrong type.
        TrainingDiverged: the loss has become nan or infinite; the message says at which step.
        ValueError: a setting is out of its range, or BatchNorm would get a batch of one example.
        WorkersLost: one of several workers has ended before its time.
    """
    history = History() if history is None else history
    run = Run(
        model, data, optimizer, epochs, batch_size, rng, schedule, validation,
        loss, augment, callbacks, history, progress, workers,
    )  # fmt: skip
    with run, run.shared() as model:
        for _ in run.epochs_to_go():
            for x, y in minibatches(*run.data, batch_size, rng=rng):
                optimizer.learning_rate = run.learning_rate()
                x = run.augmented(x, y)
                logits = model.forward(x, training=True)
                value, d_logits = run.loss_of(logits, y)
                model.backward(d_logits, need_dx=False)
                optimizer.step(model)
                run.record(value, logits, y)
    return history


def evaluate(
    model: Sequential,
    x: FloatArray,
    y: IntArray,
    *,
    loss: Loss = softmax_cross_entropy,
    batch_size: int = 1_000,
) -> tuple[float, float]:
    """Mean loss (in nats for cross-entropy) and fraction of wrong answers, in the test mode.

    x (N, D) are the examples, y (N,) their labels; loss is a function of outputs and labels that
    returns its value and gradient. batch_size bounds the memory, not the result.
    """
    batch_size = whole("evaluate", batch_size=batch_size)
    data = checked_data("evaluate", "(x, y)", model, (x, y))
    return loss_and_error("evaluate", model, data, function_of("evaluate", loss=loss), batch_size)
