"""How far a plain network goes: recipes, runs to be repeated, views, votes and their audit."""

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ._files import read_npz, replacing
from ._guards import whole
from .augmentation import distort, sample_bilinear, side_of
from .callbacks import Checkpoint
from .contracts import FloatArray, IntArray, shapes
from .data import load_mnist, one_hot, train_validation_split
from .functional import log_softmax, softmax
from .history import History
from .layers import Dropout, Linear, ReLU
from .losses import mean_squared_error, softmax_cross_entropy
from .model import Sequential, mlp
from .optimizers import SGD
from .schedules import linear_decay
from .training import fit

HELD_OUT = 5_000
"""Training images on which settings are chosen; the test images are opened for chosen ones."""

UPRIGHT = (1, 7)
"""Digits that are turned by half the angle only, since a turned 1 or 7 is read as the other."""

VIEWS = 16
"""How many distorted copies of a test image are looked at."""

STRENGTH = 0.6
"""How far each of them is distorted, as a factor on the recipe's distortion."""


@dataclass(frozen=True)
class Recipe:
    """All that a run depends on, besides its seed. The distortion's settings are `distort`'s."""

    sizes: tuple[int, ...]
    epochs: int
    rotation: float = 12.0
    scaling: float = 0.12
    shear: float = 0.12
    elastic: float = 36.0
    sigma: float = 5.0
    smoothing: float = 0.05
    batch_size: int = 128
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    dropout: float = 0.0
    falling: bool = True
    distorted: bool = True
    upright: bool = True
    deskewed: bool = False
    width: int = 0
    loss: str = "cross-entropy"
    held_out: bool = False
    images: int = 60_000

    def prepare(self, x: FloatArray) -> FloatArray:
        """Return images as the network sees them: set upright, of one width, or as they are."""
        x = deskew(x) if self.deskewed else x
        return of_width(x, self.width) if self.width else x

    def distort(
        self, rows: FloatArray, *, rng: np.random.Generator, strength: float = 1.0
    ) -> FloatArray:
        """Distort a batch whose last column says which part of the angle a row may be turned."""
        x, turns = rows[:, :-1], rows[:, -1]
        changed = np.empty_like(x)
        for turn in np.unique(turns):
            changed[turns == turn] = distort(
                x[turns == turn],
                rng=rng,
                rotation=strength * float(turn) * self.rotation,
                scaling=strength * self.scaling,
                shear=strength * self.shear,
                elastic=strength * self.elastic,
                sigma=self.sigma,
            )
        return changed

    def network(self, rng: np.random.Generator) -> Sequential:
        """Return the network before training."""
        if not self.dropout:
            return mlp(list(self.sizes), rng=rng)
        *hidden, last = zip(self.sizes, self.sizes[1:], strict=False)
        layers: list = []
        for inputs, units in hidden:
            layers += [Linear(inputs, units, rng=rng), ReLU(), Dropout(self.dropout, rng=rng)]
        return Sequential([*layers, Linear(*last, rng=rng)])

    def optimizer(self) -> SGD:
        """Return the rule for a step."""
        return SGD(
            self.learning_rate,
            momentum=self.momentum,
            nesterov=self.momentum > 0,
            weight_decay=self.weight_decay,
        )

    def loss_function(self) -> Callable:
        """Return the loss that is trained with."""
        return squared if self.loss == "squared" else smoothed(self.smoothing)


SIMPLE = {"rotation": 10.0, "scaling": 0.1, "shear": 0.1, "elastic": 24.0, "sigma": 4.0}

RECIPES = {
    "minutes": Recipe((784, 800, 10), 40, smoothing=0.0, upright=False, **SIMPLE),
    "smaller": Recipe((784, 1000, 500, 10), 100),
    "larger": Recipe((784, 1500, 1000, 500, 10), 180),
    "deskewed": Recipe((784, 1500, 1000, 500, 10), 180, deskewed=True),
    "of_width": Recipe((784, 1500, 1000, 500, 10), 180, width=16),
}
"""The runs that the record is made of."""


def smoothed(smoothing: float) -> Callable:
    """Cross-entropy with label smoothing: the target is (1 - s) one_hot(y) + s / C.

    loss = (1 - s) cross_entropy - s mean(log p);  dz = (p - target) / N

    Source: Szegedy et al., Rethinking the Inception architecture (2016), section 7.
    """

    def loss(z: FloatArray, y: IntArray) -> tuple[np.floating, FloatArray]:
        value, dz = softmax_cross_entropy(z, y)
        even = -log_softmax(z).mean()
        d_even = (softmax(z) - 1 / z.shape[1]) / len(z)
        return value + smoothing * (even - value), dz + smoothing * (d_even - dz)

    return loss if smoothing else softmax_cross_entropy


def squared(z: FloatArray, y: IntArray) -> tuple[np.floating, FloatArray]:
    """Return the squared error of the outputs against one-hot labels, with its gradient."""
    return mean_squared_error(z, one_hot(y, z.shape[1], dtype=z.dtype))


@shapes("x: N D -> N D")
def deskew(x: FloatArray) -> FloatArray:
    """Set digits upright: shear every image until rows and columns of its ink do not covary.

    y(r, c) = x(r, c + s (r - mean r)), s = cov(r, c) / var(r), by bilinear sampling

    Source: LeCun et al., Gradient-based learning applied to document recognition (1998), III.A.
    """
    side = side_of("deskew", x)
    rows, columns = (a.reshape(1, -1).astype(x.dtype) for a in np.mgrid[:side, :side])
    ink = x / np.maximum(x.sum(axis=1, keepdims=True), 1e-9)  # (N, D)
    down = rows - (ink * rows).sum(axis=1, keepdims=True)  # (N, D)
    right = columns - (ink * columns).sum(axis=1, keepdims=True)  # (N, D)
    variance = np.maximum((ink * down**2).sum(axis=1, keepdims=True), 1e-9)  # (N, 1)
    slant = (ink * down * right).sum(axis=1, keepdims=True) / variance  # (N, 1)
    return sample_bilinear(x, np.broadcast_to(rows, x.shape), columns + slant * down)


INKED = 0.2
"""Above this a pixel belongs to the digit, and not to its blurred edge."""


@shapes("x: N D -> N D")
def of_width(x: FloatArray, width: int) -> FloatArray:
    """Stretch every digit sideways until it is so many pixels wide, about its middle.

    y(r, c) = x(r, middle + (c - (side - 1) / 2) (last - first + 1) / width), by bilinear
    sampling, where first and last are the outermost columns with ink

    Source: Ciresan et al., Handwritten digit recognition with a committee of deep neural nets on
    GPUs (2011), section 2.
    """
    side, width = side_of("of_width", x), whole("of_width", width=width)
    rows, columns = (a.reshape(1, -1).astype(x.dtype) for a in np.mgrid[:side, :side])
    inked = x.reshape(len(x), side, side).max(axis=1) > INKED  # (N, side)
    first = inked.argmax(axis=1)[:, None]  # (N, 1)
    last = side - 1 - inked[:, ::-1].argmax(axis=1)[:, None]  # (N, 1)
    factor = ((last - first + 1) / width).astype(x.dtype)  # (N, 1)
    middle = ((first + last) / 2).astype(x.dtype)  # (N, 1)
    across = middle + (columns - (side - 1) / 2) * factor  # (N, D)
    return sample_bilinear(x, np.broadcast_to(rows, x.shape), across)


def digest(model: Sequential) -> str:
    """Return the SHA-256 of all parameters, names and bytes."""
    found = hashlib.sha256()
    for name, array in model.params.items():
        found.update(name.encode() + array.tobytes())
    return found.hexdigest()


class Log(Checkpoint):
    """A checkpoint of its own after every epoch, and a line in log.jsonl with its hash."""

    def __init__(self, folder: Path, optimizer: SGD, rng: np.random.Generator) -> None:
        super().__init__(folder / "epoch_000.npz", optimizer=optimizer, rng=rng)
        self.folder, self.cpu = folder, time.process_time()

    def at(self, epoch: int) -> "Log":
        """Look at the file of that epoch."""
        self.path = self.folder / f"epoch_{epoch:03}.npz"
        return self

    def __call__(self, model: Sequential, history: History) -> None:
        """Write both."""
        super(Log, self.at(history.epochs)).__call__(model, history)
        spent, self.cpu = time.process_time() - self.cpu, time.process_time()
        line = {
            "epoch": history.epochs,
            "sha256": digest(model),
            "loss": history.loss[-1],
            "error": history.error[-1],
            "validation_error": (history.validation_error or [None])[-1],
            "seconds": round(history.seconds[-1], 2),
            "processor_seconds": round(spent, 2),
        }
        with open(self.folder / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def training_data(recipe: Recipe) -> tuple:
    """Return the pair to train on, with a column of turns if distorted, and the pair held out."""
    x, y, _, _ = load_mnist()
    x, y, validation = x[: recipe.images], y[: recipe.images], None
    if recipe.held_out:
        x, y, *validation = train_validation_split(x, y, HELD_OUT, rng=np.random.default_rng(0))
    x = recipe.prepare(x)
    validation = validation and [recipe.prepare(validation[0]), validation[1]]
    if recipe.distorted:
        turns = np.where(np.isin(y, UPRIGHT) & recipe.upright, 0.5, 1.0)
        x = np.column_stack([x, turns]).astype(x.dtype)
    return (x, y), validation


def train(
    recipe: Recipe,
    seed: int,
    folder: Path | None = None,
    *,
    start: int | None = None,
    epochs: int | None = None,
    progress: bool = True,
) -> Sequential:
    """Run a recipe, or go on where it was stopped; return the network.

    Args:
        recipe: what to run.
        seed: of weights, order and distortion.
        folder: where recipe.json, log.jsonl and a checkpoint for every epoch go; None for nowhere.
        start: go on after this epoch, and write nothing; None for after the last one.
        epochs: how many epochs to run of those that are due; None for all.
        progress: show a bar.
    """
    rng = np.random.default_rng(seed)
    data, validation = training_data(recipe)
    model, optimizer = recipe.network(rng), recipe.optimizer()
    callbacks: list = []
    history = None
    if folder is not None:
        log = Log(folder, optimizer, rng)
        if start is None:
            _begin(folder, recipe, seed)
            callbacks.append(log)
        done = _logged(folder) if start is None else start
        history = log.at(done).resume(model) if done else None
    if epochs is not None:
        end = epochs + (0 if history is None else history.epochs)
        callbacks.append(lambda model, history: history.epochs >= end)
    settings = {"epochs": recipe.epochs, "batch_size": recipe.batch_size, "rng": rng}
    settings |= {"schedule": linear_decay() if recipe.falling else None}
    settings |= {"loss": recipe.loss_function()}
    settings |= {"augment": recipe.distort if recipe.distorted else None, "progress": progress}
    settings |= {"callbacks": callbacks, "history": history, "validation": validation}
    fit(model, data, optimizer=optimizer, **settings)
    return model


def _logged(folder: Path) -> int:
    """Count the epochs in the log, which may end before the last checkpoint and never after it."""
    path = folder / "log.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _begin(folder: Path, recipe: Recipe, seed: int) -> None:
    """Write what is run, or refuse a folder that holds another run."""
    path, log = folder / "recipe.json", folder / "log.jsonl"
    if path.exists() and _recipe_of(path) != (recipe, seed):
        raise ValueError(f"record: {folder} holds another run; name another folder")
    if _logged(folder) and not path.exists():
        raise ValueError(f"record: {folder} holds a run without recipe.json; name another folder")
    with replacing(path) as file:
        file.write((json.dumps(asdict(recipe) | {"seed": seed}, indent=1) + "\n").encode())
    if log.exists():  # a line that was cut off as it was written belongs to no epoch
        os.truncate(log, log.read_bytes().rfind(b"\n") + 1)


def _recipe_of(path: Path) -> tuple[Recipe, int]:
    """Read recipe and seed; what an older file does not name is as it was by default."""
    try:
        settings = json.loads(path.read_text("utf-8"))
        seed, sizes = settings.pop("seed"), tuple(settings.pop("sizes"))
        return Recipe(sizes, **settings), seed
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"record: {path} is no recipe ({error})") from None


def read_run(folder: Path) -> tuple[Recipe, int, list[dict]]:
    """Return recipe, seed and log of a run.

    Raises ValueError if a file is missing or damaged, or the log lacks an epoch.
    """
    try:
        recipe, seed = _recipe_of(folder / "recipe.json")
        log = [json.loads(a) for a in (folder / "log.jsonl").read_text("utf-8").splitlines()]
        epochs = [line["epoch"] for line in log]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"record: {folder} is not the folder of a run ({error})") from None
    if epochs != list(range(1, len(epochs) + 1)):
        raise ValueError(f"record: {folder}: the log does not count every epoch once: {epochs}")
    return recipe, seed, log


def replay(folder: Path, epoch: int, *, progress: bool = True) -> float:
    """Run one epoch of a stored run again; return the largest difference between the weights.

    It starts from the checkpoint before that epoch, whose hash must be the log's, and is 0 where
    processor and libraries are those of the run.
    """
    recipe, seed, log = read_run(folder)
    if whole("record", epoch=epoch) > len(log):
        raise ValueError(f"record: epoch must be at most {len(log)}, got {epoch}")
    for number in range(max(epoch - 1, 1), epoch + 1):
        model, line = recipe.network(np.random.default_rng(0)), log[number - 1]
        load_epoch(model, folder, number)
        if digest(model) != line["sha256"]:
            raise ValueError(f"record: {folder}: the weights of epoch {number} are not the log's")
    again = train(recipe, seed, folder, start=epoch - 1, epochs=1, progress=progress)
    if digest(again) == log[epoch - 1]["sha256"]:
        return 0.0
    return float(np.max([abs(a - again.params[name]).max() for name, a in model.params.items()]))


def load_epoch(model: Sequential, folder: Path, epoch: int) -> None:
    """Give the model the weights that a run had after an epoch."""
    path = folder / f"epoch_{epoch:03}.npz"
    try:
        arrays = read_npz("record", path)
        own = {name: arrays[f"model {name}"] for name in model.params}
    except (OSError, KeyError):
        raise ValueError(f"record: {path} is missing, or no checkpoint of this network") from None
    model.set_arrays(own, f"record: {path}")


def log_probabilities(
    model: Sequential,
    x: FloatArray,
    recipe: Recipe,
    *,
    rng: np.random.Generator,
    views: int = VIEWS,
    strength: float = STRENGTH,
) -> FloatArray:
    """Mean log-probabilities of a network over distorted views of every image, (N, C).

    views is how many; 0 looks at the image itself. strength multiplies the recipe's distortion.
    """
    sums = []
    for i in range(0, len(x), 500):  # few at a time, since a network keeps what it was shown
        batch = recipe.prepare(x[i : i + 500])
        rows = np.column_stack([batch, np.full(len(batch), 0.5)]).astype(x.dtype)
        seen = [recipe.distort(rows, rng=rng, strength=strength) for _ in range(views)]
        sums.append(sum(log_softmax(model.forward(a)) for a in seen or [batch]))
    return np.concatenate(sums) / max(views, 1)
