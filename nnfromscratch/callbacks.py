"""Callbacks for `fit`: what happens between two epochs. Each is called with model and history."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ._files import as_path, read_npz, replacing
from ._guards import generator, instance, whole
from .history import History
from .layers import generators_of
from .model import Sequential, as_model
from .optimizers import Optimizer, settings_text


class EarlyStopping:
    """Stop when the validation error has not improved for some epochs; keep the best weights.

    `fit` needs `validation` for it. When training stops by it, the model holds the parameters of
    the best epoch; after a run that ended by itself, call `restore(model)`. patience is the number
    of epochs without improvement to wait, at least 1.
    """

    def __init__(self, patience: int = 5) -> None:
        self.patience = whole("EarlyStopping", patience=patience)
        self.best_error = math.inf
        self.best_epoch = self.seen = 0
        self.arrays: dict[str, np.ndarray] = {}

    def __call__(self, model: Sequential, history: History) -> bool:
        """Look at the latest epoch; return True to stop."""
        if not history.validation_error:
            raise ValueError("EarlyStopping: fit needs validation=(x, y) for it")
        if history.epochs == 1:
            self.best_error = math.inf  # a new run
        if history.validation_error[-1] < self.best_error:
            self.best_error, self.best_epoch = history.validation_error[-1], history.epochs
            self.arrays = {name: array.copy() for name, array in model.arrays.items()}
        self.seen = history.epochs
        if history.epochs - self.best_epoch < self.patience:
            return False
        self.restore(model)
        return True

    def restore(self, model: Sequential) -> None:
        """Give the model the parameters of the best epoch so far.

        Raises RuntimeError if no epoch has ended yet, ValueError for a model of other sizes.
        """
        as_model("EarlyStopping.restore", model)
        if not self.arrays:
            raise RuntimeError("EarlyStopping.restore: no epoch has ended yet")
        model.set_arrays(self.arrays, "EarlyStopping.restore: the best epoch")


class Checkpoint:
    """Save everything a run needs to go on, after every epoch.

    A run that is stopped and resumed ends with the same weights, bit for bit:

        checkpoint = Checkpoint("run.npz", optimizer=optimizer, rng=rng)
        history = checkpoint.resume(model)  # None if there is nothing to resume
        fit(model, data, optimizer=optimizer, rng=rng, callbacks=[checkpoint], history=history, ...)

    The file at path is replaced only when the new one is whole. optimizer and rng are those passed
    to `fit`; generators of layers are found in the model. stopping is the EarlyStopping that stands
    before it among the callbacks, if there is one.
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
        self.optimizer = instance("Checkpoint", Optimizer, "SGD(0.1)", optimizer=optimizer)
        self.rng = generator("Checkpoint", rng)
        if stopping is not None:
            instance("Checkpoint", EarlyStopping, "EarlyStopping()", stopping=stopping)
        self.stopping = stopping
        self.settings = optimizer.settings()  # of now: in `fit` a schedule changes the rate
        self.unused = self._used()

    def __call__(self, model: Sequential, history: History) -> None:
        """Write the file."""
        arrays: dict[str, Any] = {f"model {name}": a for name, a in model.arrays.items()}
        for name, kept in self.optimizer.state.items():
            arrays |= {f"state {name} {key}": array for key, array in kept.items()}
        if self.stopping is not None:
            if self.stopping.seen != history.epochs:
                raise ValueError("Checkpoint: stopping must stand before it among the callbacks")
            arrays |= {f"best {name}": array for name, array in self.stopping.arrays.items()}
        for name, state in self._used().items():
            if history.epochs and state == self.unused[name]:
                raise ValueError(f"Checkpoint: {name} was not used; pass the one that fit has")
        record = self._conditions(model) | {
            "history": asdict(history),
            "steps": self.optimizer.steps,
            "generators": [rng.bit_generator.state for rng in self._generators(model)],
            "best": self.stopping and [self.stopping.best_error, self.stopping.best_epoch],
        }
        # Some generators keep arrays in their state.
        text = json.dumps(record, default=np.ndarray.tolist)
        with replacing(self.path) as file:
            np.savez(file, record=np.array(text), **arrays)

    def resume(self, model: Sequential) -> History | None:
        """Restore model, optimizer, generators and `stopping` from the file; return its history.

        Returns None if there is no file yet. Raises ValueError, and changes nothing, if the file is
        damaged or belongs to another model or other settings.
        """
        as_model("Checkpoint", model)
        if not self.path.exists():
            return None
        record, history, parts = self._read()
        for name, here in self._conditions(model).items():
            there = record[name]
            if there != here:
                if isinstance(here, dict):
                    there, here = settings_text(there), settings_text(here)
                raise ValueError(f"Checkpoint: {self.path} was written with {there}, not {here}")
        model.set_arrays(parts.pop("model", {}), f"Checkpoint: {self.path}")
        if self.stopping is not None:
            self.stopping.best_error, self.stopping.best_epoch = record["best"]
            self.stopping.arrays = parts.pop("best", {})
        self.optimizer.steps = record["steps"]
        self.optimizer.state.clear()
        for place, array in parts.get("state", {}).items():
            name, _, key = place.partition(" ")
            self.optimizer.state[name][key] = array
        for rng, saved in zip(self._generators(model), record["generators"], strict=True):
            rng.bit_generator.state = saved
        self.unused = self._used()
        return history

    def _read(self) -> tuple[dict[str, Any], History, dict[str, dict[str, np.ndarray]]]:
        """Return the record, its history, and the arrays by part and by name."""
        arrays = read_npz("Checkpoint", self.path)
        parts: dict[str, dict[str, np.ndarray]] = {}
        try:
            record = json.loads(str(arrays.pop("record")))
            history = History(**record["history"])
            needed: dict[str, Any] = {"steps": int, "generators": list}
            needed |= {"rules": list, "optimizer": dict, "stopping": str, "best": list | None}
            if not all(isinstance(record[key], kind) for key, kind in needed.items()):
                raise TypeError
            for key, array in arrays.items():
                part, _, name = key.partition(" ")
                parts.setdefault(part, {})[name] = array
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"Checkpoint: {self.path} is not a checkpoint") from None
        return record, history, parts

    def _conditions(self, model: Sequential) -> dict[str, Any]:
        """What must be the same when the run goes on."""
        return {
            "optimizer": json.loads(json.dumps(self.settings, default=str)),
            "rules": [type(rng.bit_generator).__name__ for rng in self._generators(model)],
            "stopping": "no early stopping" if self.stopping is None else "early stopping",
        }

    def _used(self) -> dict[str, Any]:
        """What every epoch changes, if it is the one that `fit` has."""
        return {"optimizer": self.optimizer.steps, "rng": repr(self.rng.bit_generator.state)}

    def _generators(self, model: Sequential) -> list[np.random.Generator]:
        return [self.rng, *(rng for layer in model.layers for rng in generators_of(layer))]
