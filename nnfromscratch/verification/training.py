"""Training, beside gradient descent in plain Python and runs without a break."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import nnfromscratch as nn

from ..contracts import FloatArray
from .engine import EXACT, case
from .layers import affine_model
from .plain import draw, plain_cross_entropy, plain_linear, slopes


@case("evaluate", "loss and wrong answers counted in plain Python, in batches of 3")
def _() -> Iterator[tuple]:
    x, w, b = draw((7, 4), (4, 3), (3,))
    y = [0, 2, 1, 1, 0, 2, 2]
    model = affine_model(w, b)
    z = plain_linear(x.tolist(), w.tolist(), b.tolist())
    wrong = sum(row.index(max(row)) != label for row, label in zip(z, y, strict=True))
    expected = [plain_cross_entropy(z, y).real, wrong / 7]
    yield from zip(nn.evaluate(model, x, y, batch_size=3), expected, strict=True)


def _fit_pairs(x: FloatArray, y: list, batch_size: int, steps: int, epochs: int) -> Iterator[tuple]:
    """Pair the weights after `fit` with those after as many steps in plain Python."""
    w, b = draw((4, 3), (3,))
    model = affine_model(w, b)

    def loss(w, b):
        return plain_cross_entropy(plain_linear(x.tolist(), w, b), y)

    losses = []
    for step in range(steps):
        losses.append(loss(w.tolist(), b.tolist()).real)
        dw, db = slopes(loss, w, b)
        rate = 0.5 * (1 - step / steps)
        w, b = w - rate * dw, b - rate * db
    history = nn.fit(
        model,
        (x, np.array(y)),
        optimizer=nn.SGD(0.5),
        epochs=epochs,
        batch_size=batch_size,
        rng=np.random.default_rng(0),
        schedule=nn.schedules.linear_decay(),
        progress=False,
    )
    yield from zip(model.params.values(), (w, b), strict=True)
    yield history.batch_loss, losses


@case("fit", "gradient descent in plain Python, its gradients by complex steps")
def _() -> Iterator[tuple]:
    (x,), y = draw((6, 4)), [0, 2, 1, 1, 0, 2]
    yield from _fit_pairs(x, y, batch_size=6, steps=4, epochs=4)
    # One example six times over: whatever the order, the batches are the same.
    yield from _fit_pairs(np.tile(x[:1], (6, 1)), y[:1] * 6, batch_size=2, steps=6, epochs=2)


@case("EarlyStopping", "the epoch of the smallest error, its parameters and buffers", EXACT)
def _() -> Iterator[tuple]:
    for errors, best in (([5, 4, 2, 3, 6, 1], 3), ([5, 2, 2, 2], 2), ([7, 5, 6, 4, 5, 6], 4)):
        model, history = nn.Sequential([nn.BatchNorm(3)]), nn.History()
        arrays = [*model.params.values(), *model.buffers.values()]
        stopping, answers = nn.EarlyStopping(patience=2), []
        for epoch, error in enumerate(errors, start=1):
            for k, array in enumerate(arrays):
                array[...] = 10 * epoch + k
            history.loss.append(0.0)
            history.validation_error.append(error / 10)
            answers.append(stopping(model, history))
            if answers[-1]:
                break
        yield answers, [False] * (best + 1) + [True]
        yield arrays, [[10 * best + k] * 3 for k in range(4)]


@case("Checkpoint", "the same run without a break, bit by bit", EXACT)
def _() -> Iterator[tuple]:
    x, y = np.float32(draw((12, 4))[0]), np.arange(12) % 3

    def run(path: Path, seed: int, stop: int | None = None) -> tuple:
        rng, layers_rng = np.random.default_rng(seed), np.random.default_rng(seed + 1)
        layers = [nn.Linear(4, 5, rng=rng), nn.BatchNorm(5), nn.Dropout(0.5, rng=layers_rng)]
        model = nn.Sequential([*layers, nn.Linear(5, 3, rng=rng)])
        optimizer = nn.Adam(0.1)
        checkpoint = nn.Checkpoint(path, optimizer=optimizer, rng=rng)
        history = nn.fit(
            model,
            (x, y),
            optimizer=optimizer,
            epochs=4,
            batch_size=4,
            rng=rng,
            callbacks=[checkpoint, lambda model, history: history.epochs == stop],
            history=checkpoint.resume(model),
            progress=False,
        )
        return model, history

    with tempfile.TemporaryDirectory() as folder:
        whole, expected = run(Path(folder) / "whole.npz", 0)
        run(Path(folder) / "broken.npz", 0, stop=2)
        resumed, history = run(Path(folder) / "broken.npz", 7)
    yield history.batch_loss, expected.batch_loss
    arrays = [[*model.params.values(), *model.buffers.values()] for model in (resumed, whole)]
    yield from zip(*arrays, strict=True)
