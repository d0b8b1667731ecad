"""A pad to draw a digit on, beside what a network makes of it while it is drawn.

The pad itself is `digit_pad.js`, a module without dependencies that any web page can load. Between
it and a network in the kernel stands `_pad.py`, which needs anywidget (the extra `widgets`). Where
that is missing, or the variable NNFROMSCRATCH_WIDGETS is "off", a figure of stored strokes stands
in for the pad, so that a lesson runs and is compared without a browser.
"""

import importlib.util
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from ..contracts import FloatArray
from ..drawing import draw_strokes, prepare_digit
from ..functional import softmax
from ..layers import Linear
from ..model import Sequential
from ..plots import show_figure

__all__ = ["Reading", "plot_reading", "read_strokes", "show_pad"]
FINE = 112  # pixels along the pad before a drawing is prepared


class Reading(NamedTuple):
    """What a network makes of a drawing."""

    pixels: FloatArray
    """What it sees, (784,)."""
    activations: list[FloatArray]
    """The outputs of each hidden layer, (H,)."""
    p: FloatArray
    """The probabilities, (C,)."""
    change: FloatArray
    """The slope of the runner-up's logit less the answer's along each pixel, (784,)."""

    @property
    def answer(self) -> int:
        """The class with the largest probability."""
        return int(self.p.argmax())

    @property
    def runner_up(self) -> int:
        """The class with the second largest probability."""
        return int(self.p.argsort()[-2])


def read_strokes(
    model: Sequential, strokes: Sequence[npt.ArrayLike], *, prepare: bool = True
) -> Reading:
    """Draw strokes, prepare the image as MNIST's were unless `prepare` is false, and answer it.

    Raises:
        ValueError: there are no strokes, or they are not rows of points (see `draw_strokes`).
    """
    if not len(strokes):
        raise ValueError("read_strokes: strokes is empty; at least one stroke is needed")
    if prepare:
        pixels = prepare_digit(draw_strokes(strokes, side=FINE))
    else:
        pixels = draw_strokes(strokes).reshape(-1)
    a, activations = pixels[np.newaxis], []
    for layer in model.layers:
        a = layer.forward(a)
        if not isinstance(layer, Linear):
            activations.append(a[0])
    p = softmax(a)[0]
    answer, runner_up = p.argsort()[[-1, -2]]
    d_out = np.zeros_like(a)
    d_out[0, [runner_up, answer]] = 1, -1
    dx = model.backward(d_out)
    assert dx is not None
    return Reading(pixels, activations, p, dx[0])


def plot_reading(reading: Reading) -> Figure:
    """Draw what the network sees, its hidden units, its answer and what would change it."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 4, figsize=(9.5, 2.6), width_ratios=(1, 1, 1.2, 1))
    axes[0].imshow(reading.pixels.reshape(28, 28), "gray_r", vmin=0, vmax=1)
    axes[0].set_title("what it sees")
    hidden = np.concatenate(reading.activations)
    rows = max(n for n in range(1, 21) if len(hidden) % n == 0)
    axes[1].imshow(hidden.reshape(rows, -1), "Blues", aspect="auto")
    axes[1].set_title(f"{len(hidden)} hidden units")
    axes[2].bar(range(len(reading.p)), 100 * reading.p)
    axes[2].set(title=f"answer {reading.answer}", ylabel="probability (%)", ylim=(0, 105))
    axes[2].set_xticks(range(len(reading.p)))
    largest = np.abs(reading.change).max()
    change = reading.change.reshape(28, 28)
    axes[3].imshow(change, "PuOr_r", vmin=-largest, vmax=largest)
    axes[3].contour(reading.pixels.reshape(28, 28), [0.5], colors="#222222", linewidths=0.8)
    axes[3].set_title(f"what would make it {reading.runner_up}")
    for ax in axes[[0, 1, 3]]:
        ax.set(xticks=[], yticks=[])
    return fig


def show_pad(
    model: Sequential, strokes: Sequence[npt.ArrayLike], *, prepare: bool = True
) -> object:
    """Show the pad with some strokes on it, to be cleared and drawn anew, and return it.

    Where no pad can be shown, a figure of the same strokes is, and None is returned.
    """
    off = os.environ.get("NNFROMSCRATCH_WIDGETS") == "off"
    if off or not importlib.util.find_spec("anywidget"):
        alt = "What the network sees of the strokes, its hidden units, probabilities and slopes."
        show_figure(plot_reading(read_strokes(model, strokes, prepare=prepare)), alt=alt)
        return None
    from IPython.display import display

    from ._pad import DigitPad

    pad = DigitPad(model, strokes, prepare=prepare)
    display(pad)
    return pad
