"""The pad in a notebook: strokes come from the browser, what a network makes of them goes back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import numpy.typing as npt
import traitlets

from ..contracts import FloatArray
from ..model import Sequential
from . import Reading, read_strokes


class DigitPad(anywidget.AnyWidget):
    """A pad to draw on; `reading` holds what the network makes of it, or None while it is empty."""

    _esm = Path(__file__).parent / "digit_pad.js"
    strokes = traitlets.List().tag(sync=True)
    prepare = traitlets.Bool(True).tag(sync=True)
    shown = traitlets.Dict().tag(sync=True)

    def __init__(
        self, network: Sequential, strokes: Sequence[npt.ArrayLike] = (), *, prepare: bool = True
    ) -> None:
        super().__init__(strokes=[np.asarray(s).tolist() for s in strokes], prepare=prepare)
        self.network = network
        self.reading: Reading | None = None
        self.observe(self._read, names=["strokes", "prepare"])
        self._read()

    def _read(self, change: object = None) -> None:
        self.reading = None
        if self.strokes:
            self.reading = read_strokes(self.network, self.strokes, prepare=self.prepare)
        self.shown = _as_bytes(self.reading)


def _as_bytes(reading: Reading | None) -> dict[str, Any]:
    """What the browser draws, each value from 0 to 255, 128 standing for no slope."""
    if reading is None:
        return {}
    largest = max(float(np.abs(reading.change).max()), 1e-30)
    return {
        "pixels": _scaled(reading.pixels, 255),
        "layers": [_scaled(a, 255 / max(float(a.max()), 1e-30)) for a in reading.activations],
        "change": _scaled(reading.change, 127 / largest, 128),
        "p": [round(float(share), 4) for share in reading.p],
        "answer": reading.answer,
        "runnerUp": reading.runner_up,
    }


def _scaled(values: FloatArray, factor: float, middle: float = 0) -> list[int]:
    return np.clip(np.round(middle + factor * values), 0, 255).astype(int).tolist()
