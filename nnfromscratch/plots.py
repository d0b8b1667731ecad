"""Pictures: each function draws on Axes and returns them, importing matplotlib when called."""

from __future__ import annotations

import html
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ._guards import instance, whole
from .contracts import FloatArray, as_float_array
from .diagnostics import LayerReport, LayerStatistics
from .errors import ShapeError
from .history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Each has a contrast of at least 3 to 1 against white, BLUE and RED, which text may have, 4.5 to 1;
# and any two stay apart for readers of every kind of colour vision. Tests hold it to both.
BLUE, ORANGE, GREEN, RED, PURPLE, NAVY, BROWN, BLACK = (
    "#0666A7", "#CD7100", "#04A46B", "#C1392C", "#C0709E", "#1B3759", "#472000", "#000000",
)  # fmt: skip
PALETTE = (BLUE, ORANGE, GREEN, RED, PURPLE, NAVY, BROWN, BLACK)
GREY = "#666666"
DPI = 110


def use_course_style() -> None:
    """Set matplotlib's defaults to the course's: palette, light grid, readable sizes."""
    import matplotlib as mpl

    mpl.rcParams.update(
        {
            "axes.prop_cycle": mpl.cycler(color=PALETTE),
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "figure.figsize": (7, 3.2),
            "figure.dpi": DPI,
            "figure.constrained_layout.use": True,
            "font.size": 10,
            "grid.color": "#dddddd",
            "grid.linewidth": 0.6,
            "image.cmap": "gray_r",
            "legend.frameon": False,
            "lines.linewidth": 1.8,
        }
    )


def show_figure(figure: Figure, *, alt: str, caption: str | None = None) -> None:
    """Show a figure in a notebook with a sentence that says what it shows, and close it.

    In a program outside of IPython the sentence is printed, and the figure stays open for
    `plt.show()`.

    Args:
        figure: what to show.
        alt: the text for readers who do not see the picture.
        caption: a sentence below the picture for everybody.

    Raises:
        TypeError: figure is no figure, or alt or caption no text.
        ValueError: alt or caption is empty.
    """
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    from nbcompare import bundle

    instance("show_figure", Figure, "ax.figure", figure=figure)
    _check_sentence("show_figure", "alt", alt, "what the figure shows")
    if caption is not None:
        _check_sentence("show_figure", "caption", caption, "what to look at, or leave it out")
    if _display(bundle(figure, alt=alt, caption=caption, dpi=DPI)):
        plt.close(figure)


def _check_sentence(function: str, name: str, text: str, what: str) -> None:
    instance(function, str, "'The loss falls.'", **{name: text})
    if not text.strip():
        raise ValueError(f"{function}: {name} is empty; say in a sentence {what}")


def _display(bundle: dict) -> bool:
    """Show something in a notebook; in a plain program print its text. Tell which it was."""
    marimo = sys.modules.get("marimo")
    if marimo and marimo.running_in_notebook():  # it has no IPython
        marimo.output.append(marimo.Html(bundle["text/html"]))
        return True
    try:
        from IPython import get_ipython
    except ImportError:
        get_ipython = lambda: None  # noqa: E731
    if get_ipython() is None:
        print(bundle["text/plain"])
        return False
    from IPython.display import display

    display(bundle, raw=True)
    return True


def show_table(
    rows: Sequence[Sequence[object]], *, header: Sequence[str], caption: str | None = None
) -> None:
    """Show rows under a header as a real table, which a screen reader can walk through.

    Args:
        rows: the rows, each as long as the header; an entry may be anything that prints.
        header: a name for each column.
        caption: a sentence above the table.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: header is empty, or a row has another length.
    """
    for name, value in (("rows", rows), ("header", header)):
        instance("show_table", Sequence, "[('w1', (784, 300))]", **{name: value})
        if isinstance(value, str):
            raise TypeError(f"show_table: {name} must be a list, got str")
    if caption is not None:
        _check_sentence("show_table", "caption", caption, "what the table lists")
    if not header:
        raise ValueError("show_table: header is empty; name each column")
    for i, row in enumerate(rows):
        instance("show_table", Sequence, "('w1', (784, 300))", **{f"rows[{i}]": row})
        if len(row) != len(header):
            raise ValueError(
                f"show_table: rows[{i}] has {len(row)} entries, the header {len(header)}"
            )
    lines = [[str(entry) for entry in row] for row in (header, *rows)]
    _display({"text/html": _table_html(lines, caption), "text/plain": _table_text(lines, caption)})


def _table_html(lines: list[list[str]], caption: str | None) -> str:
    head, *body = [[html.escape(entry) for entry in line] for line in lines]
    above = [f"<caption>{html.escape(caption)}</caption>"] if caption else []
    top = "".join(f'<th scope="col">{entry}</th>' for entry in head)
    rows = ["".join(f"<td>{entry}</td>" for entry in row) for row in body]
    rows = [f"<tr>{row}</tr>" for row in rows]
    return "\n".join(["<table>", *above, f"<tr>{top}</tr>", *rows, "</table>"])


def _table_text(lines: list[list[str]], caption: str | None) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [[e.ljust(w) for e, w in zip(line, widths, strict=True)] for line in lines]
    return "\n".join([*([caption] if caption else []), *("  ".join(p).rstrip() for p in padded)])


def show_digits(
    x: FloatArray,
    titles: Sequence[object] | None = None,
    *,
    columns: int = 10,
    ax: Axes | None = None,
) -> Axes:
    """Draw images in a grid, ink dark on white, with a title above each.

    Args:
        x: images, (N, D) with D a square number, pixels in [0, 1].
        titles: one short text per image.
        columns: images in a row of the grid.
        ax: where to draw; a new figure if it is None.

    Returns:
        the Axes.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: x is not rows of square images, or titles has another length.
    """
    import matplotlib.pyplot as plt

    x = as_float_array("show_digits", "x", x)
    if x.dtype.kind == "c":
        raise TypeError(f"show_digits: x must hold real numbers, got dtype {x.dtype}")
    side = round(x.shape[-1] ** 0.5) if x.ndim == 2 else 0
    if x.ndim != 2 or x.size == 0 or side * side != x.shape[1]:
        raise ValueError(f"show_digits: x has shape {x.shape} but (N, side * side) is needed")
    if titles is not None and not isinstance(titles, Sequence | np.ndarray):
        raise TypeError(f"show_digits: titles must be a list, got {type(titles).__name__}")
    if titles is not None and len(titles) != len(x):
        raise ValueError(f"show_digits: {len(titles)} titles for {len(x)} images")
    columns = min(whole("show_digits", columns=columns), len(x))
    rows = -(-len(x) // columns)
    gap, top = side // 7, side // 2 if titles is not None else side // 7
    if ax is not None:
        _check_axes("show_digits", "ax", [ax])
    else:
        width = 0.72 * columns
        size = (width, width * rows * (side + top) / (columns * (side + gap)))
        ax = plt.figure(figsize=size).add_subplot()
    canvas = np.zeros((rows * (side + top), columns * (side + gap)))
    for i, image in enumerate(x):
        down, right = (i // columns) * (side + top) + top, (i % columns) * (side + gap)
        canvas[down : down + side, right : right + side] = image.reshape(side, side)
        if titles is not None:
            ax.text(right + side / 2, down - 2, titles[i], ha="center", va="bottom", fontsize=10)
    ax.imshow(canvas, cmap="gray_r", vmin=0, vmax=1)
    ax.set_axis_off()
    return ax


def plot_layers(
    report: LayerReport, *, quantity: str = "activations", ax: Axes | None = None, label: str = ""
) -> Axes:
    """Draw the spread of activations or gradients layer by layer, on a log scale.

    Args:
        report: what `diagnostics.layer_statistics` returned.
        quantity: "activations" or "gradients".
        ax: where to draw; a new figure if it is None.
        label: what to call the line.

    Returns:
        the Axes.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: an unknown quantity, or an empty report.
    """
    import matplotlib.pyplot as plt

    columns = {"activations": "standard_deviation", "gradients": "gradient_standard_deviation"}
    if not isinstance(label, str):
        raise TypeError(f"plot_layers: label must be a string, got {type(label).__name__}")
    if not isinstance(quantity, str) or quantity not in columns:
        raise ValueError(
            f"plot_layers: quantity must be activations or gradients, got {quantity!r}"
        )
    instance("plot_layers", LayerReport, "layer_statistics makes", report=report)
    if not report or not all(isinstance(row, LayerStatistics) for row in report):
        raise ValueError("plot_layers: report must hold one LayerStatistics per layer")
    if ax is None:
        _, ax = plt.subplots(layout="constrained")
    else:
        _check_axes("plot_layers", "ax", [ax])
    values = [getattr(row, columns[quantity]) for row in report]
    ax.semilogy(range(1, len(values) + 1), values, "o-", label=label)
    ax.set_xticks(range(1, len(values) + 1), [row.layer for row in report])
    ax.set_ylabel(f"standard deviation of {quantity}")
    return ax


def plot_history(history: History, axes: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Draw loss and error against the epoch, for training and validation.

    Args:
        history: what `fit` returned.
        axes: two Axes, for the loss and for the error; a new figure if it is None.

    Returns:
        the two Axes.

    Raises:
        ShapeError: the lists of the history differ in length.
        TypeError: an argument is of the wrong type.
    """
    import matplotlib.pyplot as plt

    instance("plot_history", History, "the one that fit returns", history=history)
    lists = {"history.loss": history.loss, "history.error": history.error}
    if history.validation_loss or history.validation_error:
        lists["history.validation_loss"] = history.validation_loss
        lists["history.validation_error"] = history.validation_error
    for name, values in lists.items():
        found = as_float_array("plot_history", name, values).shape
        if len(found) != 1 or found != np.shape(history.loss):
            raise ShapeError(
                f"plot_history: {name} has shape {found}, but one entry an epoch is needed, as in "
                f"history.loss with {np.shape(history.loss)}"
            )
    if axes is None:
        _, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    else:
        _check_axes("plot_history", "axes", axes)
    epochs = np.arange(1, history.epochs + 1)
    left, right = axes
    for ax, training, validation, scale in (
        (left, history.loss, history.validation_loss, 1),
        (right, history.error, history.validation_error, 100),
    ):
        ax.plot(epochs, scale * np.array(training), "o-", color=BLUE, label="training")
        if validation:
            ax.plot(epochs, scale * np.array(validation), "s-", color=ORANGE, label="validation")
        ax.set_xlabel("epoch")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_ylim(bottom=0)
        ax.legend()
    left.set_ylabel("cross-entropy (nats)")
    right.set_ylabel("error (%)")
    return axes


def _check_axes(function: str, name: str, axes: Sequence[Axes]) -> None:
    """Raise TypeError unless these are two matplotlib Axes, or one where one is asked for."""
    from matplotlib.axes import Axes

    wanted = 1 if name == "ax" else 2
    found = np.array(axes, dtype=object).ravel()
    if len(found) != wanted or not all(isinstance(ax, Axes) for ax in found):
        raise TypeError(
            f"{function}: {name} must be matplotlib Axes, as plt.subplots(1, {wanted}) makes"
        )
