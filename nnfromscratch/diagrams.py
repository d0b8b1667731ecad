"""Pictures that explain: networks, shapes, products and graphs, drawn from the arrays themselves.

Each function draws on Axes of its own figure, unless `ax` is given, and returns the Axes. Numbers
in a picture are those of the arrays, so a picture cannot say anything else than the code.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .plots import BLUE, GREEN, GREY, RED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .autodiff import Tensor

INK, PALE, EDGE = "#222222", "#eef3f8", "#7a7a7a"
FORWARD, BACKWARD = BLUE, RED
"""Values and what runs forward are blue, slopes and what runs back are red, in every picture."""


class Column(NamedTuple):
    """One column of a drawn network: its units, their values and slopes."""

    name: str
    values: Sequence[float]
    slopes: Sequence[float] | None = None


def _canvas(ax: Axes | None, width: float, height: float) -> Axes:
    """Return Axes without frame on which one unit is the same length in both directions."""
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(figsize=(width, height))
    ax.set_aspect("equal")
    ax.axis("off")
    return ax


def draw_network(
    columns: Sequence[Column],
    weights: Sequence[np.ndarray],
    slopes: Sequence[np.ndarray] | None = None,
    *,
    places: int = 2,
    ax: Axes | None = None,
) -> Axes:
    """Draw a small network with the numbers on it: values above and on the edges, slopes below.

    Args:
        columns: one for each layer of units, left to right.
        weights: the array between two columns, (units on the left, units on the right).
        slopes: the gradient of each of these arrays, written under its weights.
        places: decimal places.
        ax: where to draw.
    """
    ax = _canvas(ax, 3.1 * len(columns), 3.4)
    tallest = max(len(column.values) for column in columns)
    spots = [
        [
            (4.0 * i, 2.4 * ((tallest - 1) / 2 - j + (len(c.values) - tallest) / 2))
            for j in range(len(c.values))
        ]
        for i, c in enumerate(columns)
    ]
    for i, w in enumerate(weights):
        dw = None if slopes is None else slopes[i]
        for j, k in np.ndindex(w.shape):
            _edge(
                ax, spots[i][j], spots[i + 1][k], w[j, k], None if dw is None else dw[j, k], places
            )
    for column, positions in zip(columns, spots, strict=True):
        x, top = positions[0]
        ax.text(x, top + 0.95, column.name, ha="center", va="bottom", fontsize=11, color=INK)
        given = [None] * len(positions) if column.slopes is None else column.slopes
        for (x, y), value, slope in zip(positions, column.values, given, strict=True):
            _unit(ax, x, y, value, slope, places)
    ax.set_xlim(-0.8, 4.0 * (len(columns) - 1) + 0.8)
    ax.set_ylim(-1.2 * tallest - 0.3, 1.2 * tallest + 0.5)
    return ax


def _unit(ax: Axes, x: float, y: float, value: float, slope: float | None, places: int) -> None:
    import matplotlib.pyplot as plt

    ax.add_patch(plt.Circle((x, y), 0.62, facecolor="white", edgecolor=INK, lw=1.2, zorder=3))
    ax.text(x, y, f"{value:.{places}f}", ha="center", va="center", color=FORWARD, zorder=4)
    if slope is not None:
        ax.text(x, y - 0.92, f"{slope:+.{places}f}", ha="center", va="center", color=BACKWARD)


def _edge(ax: Axes, start, end, value: float, slope: float | None, places: int) -> None:
    """An edge with its weight above it, and the slope of the loss by that weight below."""
    (x0, y0), (x1, y1) = start, end
    ax.plot([x0, x1], [y0, y1], color=EDGE, lw=1, zorder=1)
    t = 0.34  # near the left end, where edges that cross are still apart
    x, y = x0 + t * (x1 - x0), y0 + t * (y1 - y0)
    angle = np.degrees(np.arctan2(y1 - y0, x1 - x0))
    style = {
        "ha": "center",
        "fontsize": 9,
        "rotation": angle,
        "rotation_mode": "anchor",
        "zorder": 2,
    }
    ax.text(x, y + 0.06, f"{value:.{places}f}", va="bottom", color=FORWARD, **style)
    if slope is not None:
        ax.text(x, y - 0.08, f"{slope:+.{places}f}", va="top", color=BACKWARD, **style)


def draw_matrix(
    array: np.ndarray,
    name: str = "",
    *,
    places: int = 2,
    shaded: np.ndarray | None = None,
    color: str = FORWARD,
    ax: Axes | None = None,
) -> Axes:
    """Draw a small matrix as a grid of its numbers; entries of `shaded` that are true are gray."""
    import matplotlib.pyplot as plt

    array = np.atleast_2d(array) + 0.0  # no negative zeros
    rows, columns = array.shape
    ax = _canvas(ax, 0.8 * columns + 0.4, 0.5 * rows + 0.5)
    for i, j in np.ndindex(rows, columns):
        dark = shaded is not None and np.atleast_2d(shaded)[i, j]
        face = "#d9d9d9" if dark else "white"
        ax.add_patch(plt.Rectangle((1.6 * j, -i), 1.6, 1, facecolor=face, edgecolor=EDGE, lw=0.8))
        text = f"{array[i, j]:.{places}f}"
        ax.text(1.6 * j + 0.8, -i + 0.5, text, ha="center", va="center", fontsize=9, color=color)
    ax.set_title(f"{name} {array.shape}" if name else "", fontsize=10)
    ax.set_xlim(-0.1, 1.6 * columns + 0.1)
    ax.set_ylim(-rows + 0.9, 1.1)
    return ax


def draw_product(
    left: tuple[str, Sequence[int]],
    right: tuple[str, Sequence[int]],
    result: str,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw two matrices that meet in a product, left @ right: the size that they share is summed.

    The right matrix stands above the result, the left one beside it, as one multiplies by hand: a
    row of the left one and a column of the right one make the entry where they cross.
    """
    (name_l, (n, d)), (name_r, (d_r, k)) = left, right
    if d != d_r:
        raise ValueError(f"draw_product: {name_l} is {(n, d)} and {name_r} is {(d_r, k)}")
    ax = _canvas(ax, 5.2, 3.8)
    n_, d_, k_ = (_length(size, max(n, d, k)) for size in (n, d, k))
    gap = 0.5
    _block(ax, 0, 0, d_, n_, f"{name_l}\n{(n, d)}", FORWARD, "left")
    _block(ax, d_ + gap, n_ + gap, k_, d_, f"{name_r}\n{(d, k)}", FORWARD, "right")
    _block(ax, d_ + gap, 0, k_, n_, f"{result}\n{(n, k)}", INK, "right")
    row, column, thick = 0.82 * n_, d_ + gap + 0.12 * k_, 0.1
    for x, y, w, h in (
        (0, row, d_, thick),
        (column, n_ + gap, thick, d_),
        (column, row, thick, thick),
    ):
        _bar(ax, x, y, w, h)
    ax.set_xlim(-1.4, d_ + gap + k_ + 1.4)
    ax.set_ylim(-0.2, n_ + gap + d_ + 0.2)
    return ax


def _length(size: int, largest: int) -> float:
    """The side of a block: the root of the size, so that 10 is still seen beside 784."""
    return max(0.35, 4.0 * float(np.sqrt(size / largest)))


def _bar(ax: Axes, x: float, y: float, width: float, height: float) -> None:
    import matplotlib.pyplot as plt

    ax.add_patch(plt.Rectangle((x, y), width, height, facecolor=RED, edgecolor="none", zorder=3))


def _block(
    ax: Axes, x: float, y: float, width: float, height: float, text: str, color: str, beside: str
) -> None:
    """A block with its name in it, or beside it on the given side where it is too narrow."""
    import matplotlib.pyplot as plt

    ax.add_patch(plt.Rectangle((x, y), width, height, facecolor=PALE, edgecolor=color, lw=1.4))
    if width > 1.3:
        place, align = x + width / 2, "center"
    else:
        place, align = (x - 0.12, "right") if beside == "left" else (x + width + 0.12, "left")
    ax.text(place, y + height / 2, text, ha=align, va="center", fontsize=9, color=INK, zorder=4)


def draw_shapes(
    tensors: Mapping[str, Sequence[int]], *, batch: int, ax: Axes | None = None
) -> Axes:
    """Draw the shapes of a pass, block by block: tensors above, their gradients under them.

    Args:
        tensors: names and shapes in the order of the forward pass, such as `{"x": (32, 784)}`.
        batch: the number of examples; blocks with so many rows are values, others parameters.
        ax: where to draw.
    """
    import matplotlib.pyplot as plt

    largest = max(size for shape in tensors.values() for size in shape or (1,))
    ax = _canvas(ax, 9.5, 4.0)
    x, tallest = 0.0, 2.9
    for name, shape in tensors.items():
        rows, columns = shape if len(shape) == 2 else (1, *shape) if shape else (1, 1)
        height, width = _short(rows, largest), _short(columns, largest)
        for y, label, color in ((tallest, name, FORWARD), (-tallest, f"d{name}", BACKWARD)):
            face = PALE if len(shape) == 2 and rows == batch else "#fff3e0"
            box = plt.Rectangle(
                (x, y - height / 2), width, height, facecolor=face, edgecolor=color, lw=1.4
            )
            ax.add_patch(box)
            ax.text(
                x + width / 2, y + height / 2 + 0.12, label, ha="center", va="bottom", color=color
            )
        text = "\N{MULTIPLICATION SIGN}".join(map(str, shape)) or "one number"
        ax.text(
            x + width / 2,
            0,
            text,
            ha="center",
            va="center",
            fontsize=8,
            color=INK,
            rotation=90 if width < 1.2 else 0,
        )
        x += width + 0.65
    for y, start, end, color in ((5.3, 0, x - 0.65, FORWARD), (-5.0, x - 0.65, 0, BACKWARD)):
        ax.annotate(
            "", (end, y), (start, y), arrowprops={"arrowstyle": "->", "color": color, "lw": 1.6}
        )
    ax.text(0, 5.4, "forward", color=FORWARD, va="bottom")
    ax.text(x - 0.65, -5.1, "backward", color=BACKWARD, va="top", ha="right")
    ax.set_xlim(-0.3, x)
    ax.set_ylim(-6.0, 6.2)
    return ax


def _short(size: int, largest: int) -> float:
    return max(0.3, 3.2 * float(np.sqrt(size / largest)))


def draw_reading(
    old: np.ndarray, new: np.ndarray, places: np.ndarray, *, ax: Axes | None = None
) -> Axes:
    """Draw a row of pixels that is read anew: from each new pixel an arrow to where it reads.

    Args:
        old: the ink that is read, (W,); outside of it there is paper.
        new: what the new pixels found, (K,).
        places: where they read, in pixels from the middle of the first, (K,).
        ax: where to draw.
    """
    import matplotlib.pyplot as plt

    ax = _canvas(ax, 0.9 * (max(len(old), len(new)) + 2), 2.8)
    for y, name, row in ((2.0, "new", new), (0.0, "old", old)):
        ax.text(-0.8, y, name, ha="right", va="center", color=INK)
        for i, ink in enumerate(row):
            face = str(1 - 0.45 * float(np.clip(ink, 0, 1)))
            spot = (i - 0.5, y - 0.35)
            ax.add_patch(plt.Rectangle(spot, 1, 0.7, facecolor=face, edgecolor=INK, lw=0.8))
            ax.text(i, y, f"{ink:.2f}", ha="center", va="center", fontsize=9, color=INK)
    for i, place in enumerate(places):
        arrow = {"arrowstyle": "->", "color": FORWARD, "lw": 1.4, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", (place, 0.35), (i, 1.65), arrowprops=arrow)
    ax.set_xlim(-1.6, max(len(old), len(new)) - 0.2)
    ax.set_ylim(-0.5, 2.5)
    return ax


class Node(NamedTuple):
    """A step of a computational graph: where it stands, what it does, its value and slope."""

    place: tuple[float, float]
    text: str
    value: str = ""
    slope: str = ""


def draw_graph(
    nodes: Mapping[str, Node], edges: Sequence[tuple[str, str]], *, ax: Axes | None = None
) -> Axes:
    """Draw a computational graph: values in blue above each step, slopes in red below it.

    Args:
        nodes: the steps by name; places count columns and rows, rows upwards.
        edges: pairs of names, from a step to the one that uses its result.
        ax: where to draw.
    """
    xs = [node.place[0] for node in nodes.values()]
    ys = [node.place[1] for node in nodes.values()]
    ax = _canvas(ax, 1.5 * (max(xs) - min(xs)) + 2, 1.3 * (max(ys) - min(ys)) + 1.6)
    box = {"boxstyle": "round,pad=0.35", "facecolor": PALE, "edgecolor": INK, "lw": 1.1}
    patches = {}
    for name, node in nodes.items():
        text = ax.text(*_spot(node), node.text, ha="center", va="center", bbox=box, zorder=2)
        patches[name] = text.get_bbox_patch()
    for start, end in edges:  # drawn after the boxes, at whose edges they begin and end
        arrow = {"arrowstyle": "->", "color": EDGE, "lw": 1.2}
        arrow |= {"patchA": patches[start], "patchB": patches[end]}
        ax.annotate("", _spot(nodes[end]), _spot(nodes[start]), arrowprops=arrow, zorder=3)
    for node in nodes.values():
        _beside(ax, node, node.value, 0.3, FORWARD)
        _beside(ax, node, node.slope, -0.3, BACKWARD)
    ax.set_xlim(1.7 * min(xs) - 0.9, 1.7 * max(xs) + 0.9)
    ax.set_ylim(1.5 * min(ys) - 0.9, 1.5 * max(ys) + 0.9)
    return ax


def _beside(ax: Axes, node: Node, text: str, move: float, color: str) -> None:
    """A number above or below a step, on white, since arrows may pass there."""
    if not text:
        return
    x, y = _spot(node)
    white = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}
    ax.text(
        x,
        y + move,
        text,
        ha="center",
        va="bottom" if move > 0 else "top",
        color=color,
        fontsize=9,
        bbox=white,
        zorder=4,
    )


def _spot(node: Node) -> tuple[float, float]:
    return 1.7 * node.place[0], 1.5 * node.place[1]


def draw_pipeline(steps: Sequence[str], *, ax: Axes | None = None) -> Axes:
    """Draw what follows on what: boxes from left to right, an arrow between each two."""
    widths = [0.16 * max(map(len, step.split("\n"))) + 0.5 for step in steps]
    ax = _canvas(ax, sum(widths) + 0.6 * len(steps), 1.0)
    x = 0.0
    for position, (step, width) in enumerate(zip(steps, widths, strict=True)):
        box = {"boxstyle": "round,pad=0.4", "facecolor": PALE, "edgecolor": INK, "lw": 1.1}
        ax.text(x + width / 2, 0, step, ha="center", va="center", bbox=box, zorder=3)
        if position:
            arrow = {"arrowstyle": "->", "color": EDGE, "lw": 1.4}
            ax.annotate("", (x - 0.05, 0), (x - 0.65, 0), arrowprops=arrow)
        x += width + 0.7
    ax.set_xlim(-0.3, x - 0.4)
    ax.set_ylim(-0.6, 0.6)
    return ax


def draw_secants(
    f: Callable[[np.ndarray], np.ndarray],
    at: float,
    slope: float,
    h: float,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw a curve with its tangent, the secant to the right, and the secant to both sides.

    Args:
        f: a function of an array, entry by entry.
        at: where the slope is asked for.
        slope: the slope there, 0 and more, for the tangent.
        h: the step of both secants.
        ax: where to draw.
    """
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(figsize=(6.2, 4.0))
    end = at + 1.6 * h
    x = np.linspace(at - 1.3 * h, end, 101)
    ax.plot(x, f(x), color=INK, lw=2)
    left, here, right = (float(f(np.array(at + step))) for step in (-h, 0.0, h))
    lines = (
        ("tangent", slope, at, here, FORWARD, "-"),
        ("to the right", (right - here) / h, at, here, RED, "--"),
        ("to both sides", (right - left) / (2 * h), at - h, left, GREEN, "-."),
    )
    for name, rise, x0, y0, color, style in lines:
        ends = np.array([x0 - 0.3 * h, end])
        ax.plot(ends, y0 + rise * (ends - x0), style, color=color, lw=1.6)
        height = y0 + rise * (end - x0)
        ax.text(end, height, f" {name}: {rise:.4g}", color=color, va="center")
    ax.plot([at - h, at, at + h], [left, here, right], "o", color=INK, zorder=4)
    ax.set(xlabel="x", ylabel="f(x)", xlim=(at - 1.3 * h, at + 2.5 * h))
    return ax


def draw_plane(
    points: Mapping[str, complex], arrows: Sequence[tuple[str, str]], *, ax: Axes | None = None
) -> Axes:
    """Draw named complex numbers in their plane, real part to the right, imaginary part upwards.

    Args:
        points: the numbers by the names that are written beside them.
        arrows: pairs of names, from where to where an arrow leads.
        ax: where to draw.
    """
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(figsize=(4.0, 3.4))
    for start, end in arrows:
        (x0, y0), (x1, y1) = ((points[name].real, points[name].imag) for name in (start, end))
        arrow = {"arrowstyle": "->", "color": RED, "lw": 1.8, "shrinkA": 4, "shrinkB": 4}
        ax.annotate("", (x1, y1), (x0, y0), arrowprops=arrow)
    for name, point in points.items():
        ax.plot(point.real, point.imag, "o", color=FORWARD)
        shift = (5, 5) if point.imag else (5, -14)  # below the axis of the real numbers
        place = (point.real, point.imag)
        ax.annotate(name, place, shift, textcoords="offset points", color=FORWARD)
    ax.axhline(0, color=EDGE, lw=1, zorder=1)
    ax.set(xlabel="real part", ylabel="imaginary part")
    ax.margins(0.3)
    return ax


def draw_shares(
    rows: Mapping[str, Sequence[float]], names: Sequence[str], *, ax: Axes | None = None
) -> Axes:
    """Draw shares that sum to one as parts of bars of equal length, one bar a row.

    Args:
        rows: what is written beside each bar, and its shares, from left to right.
        names: the names of the shares, written above the first bar.
        ax: where to draw.
    """
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(figsize=(7.5, 0.7 * len(rows) + 0.7))
    for i, shares in enumerate(rows.values()):
        left = 0.0
        for j, share in enumerate(shares):
            face = (PALE, "white", "#d9d9d9")[j % 3]
            ax.barh(-i, share, left=left, height=0.62, facecolor=face, edgecolor=INK, lw=1.1)
            ax.text(left + share / 2, -i, f"{share:.3f}", ha="center", va="center", color=FORWARD)
            if i == 0:
                ax.text(left + share / 2, 0.38, names[j], ha="center", va="bottom", color=INK)
            left += share
    ax.set_yticks([-i for i in range(len(rows))], list(rows))
    ax.set(xlim=(0, 1.02), ylim=(0.55 - len(rows), 0.75), xlabel="probability")
    ax.grid(visible=False)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax


def draw_walk(
    bowl: np.ndarray,
    path: np.ndarray,
    *,
    kept: np.ndarray | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a walk over a bowl of two weights, seen from above: lines of equal loss, and the steps.

    Args:
        bowl: the curvatures, (2, 2), so that the loss at w is w @ bowl @ w / 2.
        path: the places, (steps + 1, 2).
        kept: the part of each step that earlier slopes have left behind, (steps, 2). Each step is
            then drawn as two arrows: this part in blue and dashed, what the new slope adds in red.
        ax: where to draw, with the limits that are set; a new figure around the walk if it is None.
    """
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(figsize=(6, 3.2))
        between = path if kept is None else path[:-1] + kept
        seen = np.vstack([path, between, np.zeros((1, 2))])
        room = 0.12 * np.ptp(seen, axis=0)
        low, high = seen.min(axis=0) - room, seen.max(axis=0) + room
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    _lines_of_equal_loss(ax, bowl)
    ax.plot(0, 0, "+", color=INK, markersize=11)
    if kept is None:
        ax.plot(*path.T, "o-", color=FORWARD, markersize=2.5, linewidth=1)
        return ax
    for start, part, end in zip(path[:-1], kept, path[1:], strict=True):
        for tail, head, color in ((start, start + part, FORWARD), (start + part, end, BACKWARD)):
            if not np.allclose(tail, head):
                _arrow(ax, tail, head, color, "--" if color == FORWARD else "-")
    for number, place in enumerate(path):
        ax.plot(*place, "o", color=INK, markersize=5, zorder=4)
        ax.annotate(str(number), place, (6, 4), textcoords="offset points", color=INK)
    return ax


def _lines_of_equal_loss(ax: Axes, bowl: np.ndarray) -> None:
    """Lines at equal distances in the root of the loss, so that the middle is not left empty."""
    a, b = np.meshgrid(np.linspace(*ax.get_xlim(), 120), np.linspace(*ax.get_ylim(), 120))
    height = (bowl[0, 0] * a**2 + 2 * bowl[0, 1] * a * b + bowl[1, 1] * b**2) / 2
    levels = height.max() * np.linspace(0.1, 1, 8) ** 2
    ax.contour(a, b, height, levels=levels, colors=EDGE, linewidths=0.5)
    ax.set(xlabel="first weight", ylabel="second weight")
    ax.grid(visible=False)


def _arrow(ax: Axes, tail, head, color: str, line: str = "-") -> None:
    arrow = {"arrowstyle": "-|>", "color": color, "lw": 1.6, "shrinkA": 0, "shrinkB": 0, "ls": line}
    ax.annotate("", head, tail, arrowprops=arrow, zorder=3)


def draw_valley(curvature: float, places: Sequence[float], *, ax: Axes | None = None) -> Axes:
    """Draw a walk in a valley of one weight, seen from the side: numbered places, step by step.

    Args:
        curvature: k, so that the loss at w is k w² / 2.
        places: the weight before the first step and after each.
        ax: where to draw.
    """
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(figsize=(6, 2.8))
    places = np.asarray(places, dtype=float)
    reach = 1.25 * np.abs(places).max()
    w = np.linspace(-reach, reach, 201)
    ax.plot(w, curvature * w**2 / 2, color=EDGE, linewidth=1.2)
    heights = curvature * places**2 / 2
    spots = list(zip(places, heights, strict=True))
    for tail, head in itertools.pairwise(spots):
        _arrow(ax, tail, head, BACKWARD)
    for number, place in enumerate(spots):
        ax.plot(*place, "o", color=INK, markersize=5, zorder=4)
        ax.annotate(str(number), place, (0, -14), textcoords="offset points", ha="center")
    ax.set(xlabel="weight", ylabel="loss", xlim=(-reach, reach))
    ax.set_ylim(-0.2 * heights.max(), None)
    ax.grid(visible=False)
    return ax


def draw_flattening(images: np.ndarray, *, ax: Axes | None = None) -> Axes:
    """Draw small images beside the table that they become: one row each, image row after image row.

    Args:
        images: the ink of each pixel, from 0 to 1, (N, H, W).
        ax: where to draw.
    """
    import matplotlib.pyplot as plt

    n, height, width = images.shape
    tall, start = n * (height + 1) - 1, width + 2.5
    ax = _canvas(ax, 0.55 * (start + height * width + 0.6), 0.55 * (tall + 0.8))
    top = (tall + n) / 2  # of the table, whose middle is at the height of the images' middle
    for i, image in enumerate(images):
        corner = tall - i * (height + 1)
        for j, k in np.ndindex(height, width):
            _pixel(ax, k, corner - j - 1, image[j, k])
            _pixel(ax, start + j * width + k, top - i - 1, image[j, k])
        for x, y, wide, high in (
            *((0, corner - j - 1, width, 1) for j in range(height)),
            *((start + j * width, top - i - 1, width, 1) for j in range(height)),
        ):
            edge = {"facecolor": "none", "edgecolor": INK, "lw": 2}
            ax.add_patch(plt.Rectangle((x, y), wide, high, **edge))
        place, end = (width + 0.3, corner - height / 2), (start - 0.3, top - i - 0.5)
        ax.annotate("", end, place, arrowprops={"arrowstyle": "->", "color": EDGE, "lw": 1.4})
    small = {"ha": "center", "va": "center", "fontsize": 9, "color": GREY}
    for j in range(height):
        ax.text(start + (j + 0.5) * width, top + 0.5, f"image row {j}", **small)
    for k in range(height * width):
        ax.text(start + k + 0.5, top - n - 0.5, str(k), **small)
    ax.text(start + height * width / 2, top - n - 1.3, "column of the table", **small)
    ax.set_xlim(-0.3, start + height * width + 0.3)
    ax.set_ylim(-0.4, tall + 0.4)
    return ax


def _pixel(ax: Axes, x: float, y: float, ink: float) -> None:
    """A pixel with its ink as a number, and never so dark that the number cannot be read."""
    import matplotlib.pyplot as plt

    face = str(1 - 0.3 * float(np.clip(ink, 0, 1)))
    ax.add_patch(plt.Rectangle((x, y), 1, 1, facecolor=face, edgecolor=EDGE, lw=0.6))
    ax.text(x + 0.5, y + 0.5, f"{ink:g}", ha="center", va="center", fontsize=9, color=INK)


def draw_chain(
    steps: Sequence[str],
    values: Sequence[str],
    slopes: Sequence[str] | None = None,
    *,
    kept: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw steps in a row: what runs forward above the arrows, what runs back below them.

    Args:
        steps: the names in the boxes, left to right.
        values: what enters the first box, what leaves each: one more than there are boxes.
        slopes: the slope along each of the values, written under it.
        kept: what each step keeps between forward and backward, in a dashed box beneath it.
        ax: where to draw.
    """
    notes = [""] * len(steps) if kept is None else kept
    boxes = [_text_width(step, note) for step, note in zip(steps, notes, strict=True)]
    gap = _text_width(*values, *(slopes or ()))
    width = sum(boxes) + gap * len(values)
    low = -0.75 if kept is None else -1.2 - 0.3 * max(note.count("\n") + 1 for note in notes)
    ax = _canvas(ax, 0.62 * width, 0.62 * (1.0 - low))
    x = 0.0
    for i, value in enumerate(values):
        _there_and_back(ax, x, x + gap, value, None if slopes is None else slopes[i])
        x += gap
        if i < len(steps):
            _step_with_note(ax, x, boxes[i], steps[i], notes[i])
            x += boxes[i]
    ax.set_xlim(-0.05, width + 0.05)
    ax.set_ylim(low, 0.95)
    return ax


def _text_width(*texts: str) -> float:
    """The width of the widest line, with some room beside it."""
    return 0.12 * max(len(line) for text in texts for line in text.split("\n")) + 0.4


def _there_and_back(ax: Axes, x0: float, x1: float, value: str, slope: str | None) -> None:
    rows = [(0.22, x0, x1, value, "bottom", FORWARD)]
    if slope is not None:
        rows.append((-0.22, x1, x0, slope, "top", BACKWARD))
    for y, start, end, text, side, color in rows:
        arrow = {"arrowstyle": "->", "color": color, "lw": 1.4, "shrinkA": 2, "shrinkB": 2}
        ax.annotate("", (end, y), (start, y), arrowprops=arrow)
        ax.text((x0 + x1) / 2, 1.5 * y, text, ha="center", va=side, color=color, fontsize=9)


def _step_with_note(ax: Axes, x: float, width: float, name: str, note: str) -> None:
    import matplotlib.pyplot as plt

    box = plt.Rectangle((x, -0.45), width, 0.9, facecolor=PALE, edgecolor=INK, lw=1.2)
    ax.add_patch(box)
    ax.text(x + width / 2, 0, name, ha="center", va="center", color=INK, fontsize=9)
    if note:
        height = 0.3 * (note.count("\n") + 1) + 0.2
        frame = {"facecolor": "white", "edgecolor": FORWARD, "ls": "--", "lw": 1.0}
        ax.add_patch(plt.Rectangle((x + 0.05, -0.8 - height), width - 0.1, height, **frame))
        ax.plot([x + width / 2] * 2, [-0.8, -0.45], ":", color=FORWARD, lw=1.2)
        place = (x + width / 2, -0.8 - height / 2)
        ax.text(*place, note, ha="center", va="center", color=FORWARD, fontsize=9)


def draw_bands(
    arrays: Mapping[str, np.ndarray], *, color: str = FORWARD, ax: Axes | None = None
) -> Axes:
    """Draw how the numbers of one array after the other spread: the middle 50 % and 90 % of them.

    Args:
        arrays: what to draw at each place from left to right, by the name of the place.
        color: the colour of the bands.
        ax: where to draw.
    """
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(figsize=(4, 2.6))
    places = np.arange(len(arrays))
    marks = np.array([np.quantile(a, [0.05, 0.25, 0.75, 0.95]) for a in arrays.values()])
    ax.fill_between(places, marks[:, 0], marks[:, 3], color=color, alpha=0.25, lw=0)
    ax.fill_between(places, marks[:, 1], marks[:, 2], color=color, alpha=0.55, lw=0)
    ax.plot(places, marks[:, [0, 3]], "o-", color=color, lw=1, markersize=3)
    ax.set_xticks(places, list(arrays))
    return ax


def draw_precedence(before: Mapping[str, Sequence[str]], *, ax: Axes | None = None) -> Axes:
    """Draw what comes before what: each name to the right of all that come before it.

    An arrow that a longer way of arrows makes needless is left out.

    Args:
        before: for each name the names that come before it; all listed, none twice.
        ax: where to draw.
    """
    column: dict[str, int] = {}
    while len(column) < len(before):
        ready = [n for n in before if n not in column and column.keys() >= {*before[n]}]
        if not ready:
            raise ValueError("draw_precedence: some names come before themselves")
        for name in ready:
            column[name] = max((column[other] + 1 for other in before[name]), default=0)
    nodes: dict[str, Node] = {}
    edges = []
    taken: set[tuple[int, int]] = set()
    for name in sorted(before, key=column.__getitem__):
        last = [o for o in before[name] if not any(o in before[m] for m in before[name])]
        edges += [(other, name) for other in last]
        row = min((int(-nodes[other].place[1] / 0.6 + 0.5) for other in last), default=0)
        while (column[name], row) in taken:
            row += 1
        taken.add((column[name], row))
        nodes[name] = Node((column[name], -0.6 * row), _in_two_lines(name))
    return draw_graph(nodes, edges, ax=ax)


def _in_two_lines(text: str) -> str:
    """Break a name at the blank nearest to its middle."""
    blanks = [i for i, letter in enumerate(text) if letter == " "]
    if not blanks:
        return text
    middle = min(blanks, key=lambda i: abs(i - len(text) / 2))
    return f"{text[:middle]}\n{text[middle + 1 :]}"


def draw_epochs(epochs: Sequence[Sequence[Sequence[int]]], *, ax: Axes | None = None) -> Axes:
    """Draw how examples are dealt into batches: as they are stored above, then epoch by epoch.

    Args:
        epochs: for each epoch its batches in order, for each batch the numbers of its examples,
            which are the numbers from 0 on; the steps are counted through all epochs.
        ax: where to draw.
    """
    import matplotlib.pyplot as plt

    stored = [sorted(number for batch in epochs[0] for number in batch)]
    count, gap = len(stored[0]), 0.7
    width = count + gap * (max(map(len, epochs)) - 1)
    ax = _canvas(ax, 0.55 * (width + 2.6), 0.85 * (len(epochs) + 1))
    step = 0
    for row, batches in enumerate([stored, *epochs]):
        y, x = -1.9 * row, 0.0
        name = f"epoch {row}" if row else "as stored"
        ax.text(-0.4, y + 0.4, name, ha="right", va="center", color=INK)
        for batch in batches:
            for number in batch:
                white = 1 - 0.6 * number / count  # dark text is read on all of these
                face = tuple(1 - (1 - white) * part for part in (0.9, 0.5, 0.3))
                box = plt.Rectangle((x, y), 1, 0.8, facecolor=face, edgecolor=INK, lw=0.8)
                ax.add_patch(box)
                ax.text(x + 0.5, y + 0.4, str(number), ha="center", va="center", color=INK)
                x += 1
            if row:
                step += 1
                middle = x - len(batch) / 2
                ax.text(middle, y - 0.12, f"step {step}", ha="center", va="top", color=FORWARD)
            x += gap
    ax.set_xlim(-2.6, width + 0.2)
    ax.set_ylim(-1.9 * len(epochs) - 0.8, 1.0)
    return ax


def draw_tensors(tensors: Mapping[str, Tensor], *, places: int = 2, ax: Axes | None = None) -> Axes:
    """Draw the graph of tensors after a `backward`: each with its data in blue, its grad in red.

    Steps stand in a row, each to the right of what it was made from. What was not made from
    anything stands below the step that uses it, with its numbers below; a step has them above.

    Args:
        tensors: all tensors of the graph by name, each after its parents.
        places: decimal places.
        ax: where to draw.
    """
    names = {tensor: name for name, tensor in tensors.items()}
    spots: dict[str, tuple[float, float]] = {}
    edges = []
    for name, tensor in tensors.items():
        parents = [names[parent] for parent, _ in tensor.parents]
        edges += [(parent, name) for parent in parents]
        new = [parent for parent in parents if parent not in spots]
        if parents and len(new) == len(parents):
            spots[new.pop(0)] = 0.0, 0.0  # what comes in, at the left end
        if parents:
            column = 0.95 + max(spots[parent][0] for parent in parents if parent in spots)
            spots |= {leaf: (column, -0.85 * (i + 1)) for i, leaf in enumerate(new)}
            spots[name] = column, 0.0
    shapes = {name: tensor.data.shape or "one number" for name, tensor in tensors.items()}
    nodes = {name: Node(spots[name], f"{name}\n{shapes[name]}") for name in tensors}
    ax = draw_graph(nodes, edges, ax=ax)
    for name, tensor in tensors.items():
        _numbers(ax, nodes[name], _rows(tensor.data, "", places), _rows(tensor.grad, "+", places))
    ax.set_ylim(ax.get_ylim()[0] - 0.3, 1.0)
    return ax


def _numbers(ax: Axes, node: Node, values: str, slopes: str) -> None:
    """Write values and, below them, slopes: above a node of the first row, below any other."""
    x, y = _spot(node)
    heights = [0.23 * (text.count("\n") + 1) for text in (values, slopes)]
    top = y + 0.3 + sum(heights) if node.place[1] == 0 else y - 0.36
    style = {"ha": "center", "va": "top", "fontsize": 9}
    ax.text(x, top, values, color=FORWARD, **style)
    ax.text(x, top - heights[0], slopes, color=BACKWARD, **style)


def _rows(array: np.ndarray | None, sign: str, places: int) -> str:
    """The numbers of a small array, a row of it in each line."""
    rows = [] if array is None else np.atleast_2d(array) + 0.0  # no negative zeros
    return "\n".join("  ".join(f"{v:{sign}.{places}f}" for v in row) for row in rows)


LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)))
MARKS = "osD^vP"


def draw_curves(
    curves: Mapping[str, Sequence[float]],
    *,
    names: Sequence[str] | None = None,
    marks: int = 8,
    ax: Axes | None = None,
) -> Axes:
    """Draw curves over 1, 2, 3, ..., each with a colour, a line and a mark of its own.

    Args:
        curves: the values of each by its name.
        names: all names that a lesson draws, so that each looks the same in every figure; those
            of `curves` if it is None.
        marks: how many marks a curve has, shifted so that none hides another's; 0 for none.
        ax: where to draw.
    """
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots()
    order = list(curves if names is None else names)
    for name, values in curves.items():
        k = order.index(name)
        every = max(1, len(values) // marks) if marks else None
        where = (k * every // len(order), every) if every else None
        look = {
            "color": f"C{k}",
            "linestyle": LINES[k % 6],
            "marker": MARKS[k % 6] if marks else "",
        }
        ax.plot(
            range(1, len(values) + 1), values, **look, markevery=where, markersize=5, label=name
        )
    return ax


def draw_moves(rows: Mapping[str, Sequence[float]], *, ax: Axes | None = None) -> Axes:
    """Draw how numbers move from row to row: each row its line of numbers, the first at the top.

    Args:
        rows: the numbers of each row by its name, equally many in each.
        ax: where to draw.
    """
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots()
    heights = range(len(rows) - 1, -1, -1)
    ax.plot(list(rows.values()), heights, "o-", color=FORWARD, linewidth=1)
    white = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}
    for height, values in zip(heights, rows.values(), strict=True):
        for value in values:
            left = value == min(values)  # the others to the right of their points
            place = {"xytext": (-7 if left else 7, 0), "textcoords": "offset points"}
            place |= {"ha": "right" if left else "left", "va": "center"}
            ax.annotate(f"{value:.2f}", (value, height), **place, color=FORWARD, bbox=white)
    ax.margins(x=0.15)
    ax.set(yticks=heights, yticklabels=rows, ylim=(-0.4, len(rows) - 0.6), xlabel="value")
    return ax


def draw_points(groups: Mapping[str, np.ndarray], *, ax: Axes | None = None) -> Axes:
    """Draw every number of several arrays above the number of its column, groups side by side.

    Args:
        groups: (R, C) numbers by the name of their group.
        ax: where to draw.
    """
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots()
    for k, (name, values) in enumerate(groups.items()):
        rows, columns = np.shape(values)
        where = np.tile(np.arange(columns), rows) + 0.3 * (k - (len(groups) - 1) / 2)
        look = {"color": f"C{k}", "marker": MARKS[k], "linestyle": "none", "markersize": 5}
        ax.plot(where, np.ravel(values), **look, label=name)
    ax.set_xticks(range(columns))
    return ax
