"""Pictures: what stands in them, and that nothing is imported for them before its time."""

import base64
import re
import subprocess
import sys
from types import SimpleNamespace

import IPython.display
import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

import matplotlib.pyplot as plt

import nbcompare
import nnfromscratch as nn
from nnfromscratch import diagrams, plots
from nnfromscratch.autodiff import Tensor
from tools import lesson_rules


@pytest.fixture(autouse=True)
def _tidy():
    """Close all figures, and undo changes of style, after each test."""
    with mpl.rc_context():
        yield
    plt.close("all")


def test_importing_the_package_imports_no_pictures():
    code = "import sys, nnfromscratch; print({'matplotlib', 'tqdm', 'IPython'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_digits_stand_in_a_grid_row_by_row():
    x = np.arange(1, 8)[:, np.newaxis] / 10 * np.ones((7, 49))
    x[:, 3] = 1  # in the middle of the top row, so that no image is its own transpose
    ax = nn.show_digits(x, columns=3)
    (image,) = ax.images
    canvas = np.asarray(image.get_array())
    assert canvas.shape == (3 * 8, 3 * 8)  # a gap of 1 beside 7 pixels
    for i in range(7):
        down, right = i // 3 * 8 + 1, i % 3 * 8
        np.testing.assert_array_equal(canvas[down : down + 7, right : right + 7].ravel(), x[i])
    assert image.get_clim() == (0, 1)
    assert image.get_cmap().name == "gray_r"  # ink is dark
    assert not ax.axison


def test_digits_have_their_titles_above_them():
    ax = nn.show_digits(np.zeros((3, 49)), ["five", 6, 7.5], columns=2)
    assert [text.get_text() for text in ax.texts] == ["five", "6", "7.5"]
    first, second, third = (text.get_position() for text in ax.texts)
    assert first[1] == second[1] < third[1]
    assert first[0] == third[0] < second[0]


def test_digits_are_drawn_where_asked():
    _, ax = plt.subplots()
    assert nn.show_digits(np.zeros((1, 784)), ax=ax) is ax
    assert len(ax.images) == 1


@pytest.mark.parametrize(
    ("x", "titles", "message"),
    [
        (np.zeros(784), None, "x has shape (784,) but (N, side * side) is needed"),
        (np.zeros((2, 28, 28)), None, "x has shape (2, 28, 28) but (N, side * side) is needed"),
        (np.zeros((2, 783)), None, "x has shape (2, 783) but (N, side * side) is needed"),
        (np.zeros((0, 784)), None, "x has shape (0, 784) but (N, side * side) is needed"),
        (np.zeros((2, 0)), None, "x has shape (2, 0) but (N, side * side) is needed"),
        (np.zeros((2, 784)), ["one"], "1 titles for 2 images"),
    ],
)
def test_what_is_no_digits(x, titles, message):
    with pytest.raises(ValueError) as caught:
        nn.show_digits(x, titles)
    assert str(caught.value) == f"show_digits: {message}"


def history(validation):
    return nn.History(
        loss=[2.0, 1.0],
        error=[0.5, 0.25],
        validation_loss=[2.5, 1.5] if validation else [],
        validation_error=[0.6, 0.3] if validation else [],
    )


@pytest.mark.parametrize("validation", [True, False])
def test_history_is_drawn_as_it_was_measured(validation):
    left, right = nn.plot_history(history(validation))
    labels = ["training", "validation"][: 1 + validation]
    for ax, curves, unit in (
        (left, [[2, 1], [2.5, 1.5]], "cross-entropy (nats)"),
        (right, [[50, 25], [60, 30]], "error (%)"),
    ):
        assert [line.get_label() for line in ax.lines] == labels
        assert [text.get_text() for text in ax.get_legend().get_texts()] == labels
        for line, curve in zip(ax.lines, curves, strict=False):
            np.testing.assert_allclose(line.get_xydata().T, [[1, 2], curve])
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", unit)
        assert ax.get_ylim()[0] == 0


def test_history_is_drawn_where_asked():
    _, axes = plt.subplots(1, 2)
    assert nn.plot_history(history(False), axes) is axes
    assert len(plt.get_fignums()) == 1
    nn.plot_history(nn.History(), plt.subplots(1, 2)[1])  # an interrupted first epoch


@pytest.mark.parametrize(
    ("quantity", "values"), [("activations", [2, 0.5]), ("gradients", [1e-3, 0.1])]
)
def test_layers_are_drawn_as_they_were_measured(quantity, values):
    row = nn.diagnostics.LayerStatistics
    report = nn.diagnostics.LayerReport(
        [row("1 Linear", 7, 2, 0, 0, 8, 1e-3), row("2 ReLU", 7, 0.5, 0, 0, 8, 0.1)]
    )
    ax = nn.plot_layers(report, quantity=quantity, label="He")
    (line,) = ax.lines
    np.testing.assert_allclose(line.get_xydata(), np.transpose([[1, 2], values]))
    assert line.get_label() == "He"
    assert ax.get_yscale() == "log"
    assert [text.get_text() for text in ax.get_xticklabels()] == ["1 Linear", "2 ReLU"]
    assert ax.get_ylabel() == f"standard deviation of {quantity}"
    assert nn.plot_layers(report, quantity=quantity, ax=ax) is ax
    assert len(ax.lines) == 2
    assert len(plt.get_fignums()) == 1


def test_layers_have_two_quantities():
    with pytest.raises(ValueError) as caught:
        nn.plot_layers(nn.diagnostics.LayerReport(), quantity="weights")
    assert str(caught.value) == (
        "plot_layers: quantity must be activations or gradients, got 'weights'"
    )


@pytest.fixture
def shown(monkeypatch):
    """Return a list of what a notebook would be given to show."""
    found = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: "a shell")
    monkeypatch.setattr(IPython.display, "display", lambda data, raw: found.append(data))
    return found


def test_figure_is_shown_once_with_its_texts_and_closed(shown):
    ax = nn.show_digits(np.eye(49))
    nn.show_figure(ax.figure, alt='Dots, "black" on white.', caption="A < B.")
    (data,) = shown
    assert data["text/plain"] == '<Figure: Dots, "black" on white.>'
    assert (
        '<img alt="Dots, &quot;black&quot; on white." src="data:image/png;base64,iVBOR'
        in (data["text/html"])
    )
    assert "<figcaption>A &lt; B.</figcaption>" in data["text/html"]
    assert data[nbcompare.MIME] == nbcompare.describe(ax.figure)
    assert plt.get_fignums() == []


def test_outside_of_ipython_the_sentence_is_printed_and_the_figure_stays(capsys):
    figure, _ = plt.subplots()
    nn.show_figure(figure, alt="An empty figure.")
    assert capsys.readouterr().out == "<Figure: An empty figure.>\n"
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"alt": " "}, "alt is empty; say in a sentence what the figure shows"),
        (
            {"alt": "A line.", "caption": ""},
            "caption is empty; say in a sentence what to look at, or leave it out",
        ),
    ],
)
def test_figure_needs_its_texts(texts, message):
    with pytest.raises(ValueError) as caught:
        nn.show_figure(plt.figure(), **texts)
    assert str(caught.value) == f"show_figure: {message}"


def test_pictures_are_the_same_bytes_each_time(shown):
    for _ in range(2):
        nn.show_figure(nn.show_digits(np.eye(49)).figure, alt="Dots.")
    assert shown[0] == shown[1]
    picture = re.search('base64,([^"]+)', shown[0]["text/html"])[1]
    assert b"Software" not in base64.b64decode(picture)


def test_a_table_is_a_table(shown, monkeypatch, capsys):
    rows = [("w1", (784, 300)), ("<b>", (300,))]
    nn.show_table(rows, header=["tensor", "shape"], caption="Shapes.")
    (data,) = shown
    assert data["text/html"] == (
        "<table>\n<caption>Shapes.</caption>\n"
        '<tr><th scope="col">tensor</th><th scope="col">shape</th></tr>\n'
        "<tr><td>w1</td><td>(784, 300)</td></tr>\n"
        "<tr><td>&lt;b&gt;</td><td>(300,)</td></tr>\n</table>"
    )
    text = "Shapes.\ntensor  shape\nw1      (784, 300)\n<b>     (300,)"
    assert data["text/plain"] == text
    monkeypatch.setattr(IPython, "get_ipython", lambda: None)
    nn.show_table(rows, header=["tensor", "shape"], caption="Shapes.")
    assert capsys.readouterr().out == text + "\n"


@pytest.mark.parametrize(
    ("rows", "header", "error", "message"),
    [
        ([(1, 2)], ["a"], ValueError, "rows[0] has 2 entries, the header 1"),
        ([], [], ValueError, "header is empty; name each column"),
        ([1], ["a"], TypeError, "rows[0] must be a Sequence"),
        ("ab", ["a"], TypeError, "rows must be a list, got str"),
        ([], "a", TypeError, "header must be a list, got str"),
    ],
)
def test_what_is_no_table(rows, header, error, message):
    with pytest.raises(error, match="show_table: " + re.escape(message)):
        nn.show_table(rows, header=header)


def test_course_style_sets_the_palette():
    nn.use_course_style()
    assert mpl.rcParams["axes.prop_cycle"].by_key()["color"] == list(plots.PALETTE)
    assert len(set(plots.PALETTE)) == 8
    plt.subplots()  # all settings are valid together


@pytest.mark.parametrize("color", [*plots.PALETTE, plots.GREY])
def test_colors_are_seen_on_white(color):
    text = color in (plots.BLUE, plots.RED, plots.BLACK, plots.GREY)
    assert lesson_rules.contrast(color) >= (4.5 if text else 3)  # WCAG 1.4.3 and 1.4.11


# What is left of linear red, green and blue for readers without one of the three kinds of cones,
# by G. M. Machado, M. M. Oliveira and L. A. F. Fernandes (2009), https://doi.org/10.1109/TVCG.2009.113.
VISION = {
    "full": np.eye(3),
    "no red": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "no green": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "no blue": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


def cielab(linear):
    """Return CIE 1976 L*, a*, b* of rows of linear red, green and blue."""
    to_xyz = np.array([[0.412, 0.358, 0.180], [0.213, 0.715, 0.072], [0.019, 0.119, 0.950]])
    xyz = np.clip(linear, 0, 1) @ to_xyz.T / to_xyz.sum(axis=1)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


@pytest.mark.parametrize("vision", VISION)
def test_any_two_colors_are_told_apart(vision):
    linear = lesson_rules.linear_rgb(plots.PALETTE)
    seen = cielab(linear @ np.transpose(VISION[vision]))
    apart = np.linalg.norm(seen[:, np.newaxis] - seen, axis=-1)
    assert apart[~np.eye(8, dtype=bool)].min() > 20  # Okabe and Ito's come as near as 16


# Pictures of walks


def test_a_walk_shows_its_places_and_two_arrows_for_each_step_with_an_old_part():
    path = np.array([[-4.0, 1.0], [-3.6, 0.0], [-2.88, -0.9]])
    kept = np.array([[0.0, 0.0], [0.36, -0.9]])
    ax = diagrams.draw_walk(np.diag([1.0, 10.0]), path, kept=kept)
    numbers = [text for text in ax.texts if text.get_text()]
    assert [text.get_text() for text in numbers] == ["0", "1", "2"]
    assert np.allclose([text.xy for text in numbers], path)
    # The first step has no old part; the second one's ends where its new part begins.
    heads = [arrow.xy for arrow in ax.texts if not arrow.get_text()]
    assert np.allclose(heads, [path[1], path[1] + kept[1], path[2]])


def test_a_valley_shows_each_place_at_the_height_of_its_loss():
    ax = diagrams.draw_valley(3.0, [0.0, -0.5, 0.25])
    numbers = [text for text in ax.texts if text.get_text()]
    assert np.allclose([text.xy for text in numbers], [(0, 0), (-0.5, 0.375), (0.25, 0.09375)])


def test_an_image_becomes_a_row_of_the_table_in_the_order_of_reshape():
    images = np.arange(12).reshape(2, 2, 3) / 10
    ax = diagrams.draw_flattening(images)
    numbers = [text for text in ax.texts if text.get_color() == diagrams.INK and text.get_text()]
    table = [text for text in numbers if text.get_position()[0] > 3 + 2.5]
    assert len(numbers) == 2 * len(table) == 24
    by_place = sorted(table, key=lambda text: (-text.get_position()[1], text.get_position()[0]))
    assert [float(text.get_text()) for text in by_place] == list(images.reshape(-1))


def test_a_chain_shows_each_step_with_what_enters_leaves_and_is_kept():
    ax = diagrams.draw_chain(["double", "cut"], ["1", "2", "2"], ["4", "2", "2"], kept=["a", ""])
    shown = [text.get_text() for text in ax.texts if text.get_text()]
    assert shown == ["1", "4", "double", "a", "2", "2", "cut", "2", "2"]
    with pytest.raises(ValueError, match="shorter"):
        diagrams.draw_chain(["double", "cut"], ["1", "2", "2"], kept=["a"])


def test_bands_stand_at_the_quantiles_of_their_arrays():
    ax = diagrams.draw_bands({"1": np.arange(101.0), "2": -np.arange(101.0)})
    low, high = (line.get_ydata() for line in ax.lines)
    assert np.allclose(low, [5, -95])
    assert np.allclose(high, [95, -5])


def test_what_comes_before_stands_to_the_left_and_needless_arrows_are_left_out():
    before = {"a": [], "b": ["a"], "d": ["a", "b", "c"], "c": ["b"], "alone one": []}
    ax = diagrams.draw_precedence(before)
    places = {t.get_text(): t.get_position()[0] for t in ax.texts if t.get_text()}
    assert places["a"] < places["b"] < places["c"] < places["d"]
    assert places["alone\none"] == places["a"]
    assert sum(not t.get_text() for t in ax.texts) == 3  # a to b, b to c, c to d
    with pytest.raises(ValueError, match="come before themselves"):
        diagrams.draw_precedence({"a": ["b"], "b": ["a"]})


def test_epochs_show_every_number_in_each_row_and_count_the_steps_through():
    ax = diagrams.draw_epochs([[[2, 0], [1]], [[1, 2], [0]]])
    shown = [text.get_text() for text in ax.texts]
    assert shown[:4] == ["as stored", "0", "1", "2"]
    assert shown[4:10] == ["epoch 1", "2", "0", "step 1", "1", "step 2"]
    assert shown[10:] == ["epoch 2", "1", "2", "step 3", "0", "step 4"]
    assert len(ax.patches) == 9


def test_tensors_are_drawn_with_their_own_numbers_steps_in_a_row_and_leaves_below():
    x, w, b = Tensor([[1.0, 2.0]]), Tensor([[3.0], [-1.0]]), Tensor([0.5])
    product = x @ w
    z = product + b
    z.backward(np.ones((1, 1)))
    ax = diagrams.draw_tensors({"x": x, "w": w, "x @ w": product, "b": b, "+ b": z}, places=1)
    places = {t.get_text(): t.get_position() for t in ax.texts if t.get_text()}
    assert {"x\n(1, 2)", "w\n(2, 1)", "b\n(1,)", "+ b\n(1, 1)"} <= places.keys()
    assert {"1.0  2.0", "3.0\n-1.0", "1.5", "+3.0  -1.0", "+1.0\n+2.0"} <= places.keys()
    steps = [places[name] for name in ("x\n(1, 2)", "x @ w\n(1, 1)", "+ b\n(1, 1)")]
    assert [y for _, y in steps] == [0, 0, 0]
    assert [x for x, _ in steps] == sorted({x for x, _ in steps})
    assert places["b\n(1,)"][0] == steps[2][0]
    assert places["b\n(1,)"][1] < 0
    assert sum(not t.get_text() for t in ax.texts) == 4


def test_a_curve_looks_the_same_in_every_figure_of_the_names():
    names = ["a", "b", "c"]
    both = diagrams.draw_curves({"a": [1, 2, 3], "c": [3, 2, 1]}, names=names)
    alone = diagrams.draw_curves({"c": [0, 0]}, names=names, marks=0)
    assert [line.get_label() for line in both.lines] == ["a", "c"]
    assert both.lines[1].get_color() == alone.lines[0].get_color() == "C2"
    assert both.lines[1].get_linestyle() == alone.lines[0].get_linestyle()
    assert list(both.lines[0].get_xdata()) == [1, 2, 3]
    assert both.lines[1].get_marker() == "D"
    assert alone.lines[0].get_marker() == ""


def test_numbers_move_from_row_to_row():
    ax = diagrams.draw_moves({"x": [1.0, 3.0], "minus the mean": [-1.0, 1.0]})
    assert [list(line.get_xdata()) for line in ax.lines] == [[1, -1], [3, 1]]
    assert [list(line.get_ydata()) for line in ax.lines] == [[1, 0], [1, 0]]
    assert [text.get_text() for text in ax.texts] == ["1.00", "3.00", "-1.00", "1.00"]


def test_points_stand_above_their_column_beside_those_of_other_groups():
    ax = diagrams.draw_points({"a": [[5, 6]], "b": [[7, 8], [9, 10]]})
    assert np.allclose(ax.lines[0].get_xdata(), [-0.15, 0.85])
    assert np.allclose(ax.lines[1].get_xdata(), [0.15, 1.15, 0.15, 1.15])
    assert list(ax.lines[1].get_ydata()) == [7, 8, 9, 10]


def test_marimo_shows_a_picture_and_a_table_too(monkeypatch):
    shown = []
    output = SimpleNamespace(append=shown.append)
    marimo = SimpleNamespace(running_in_notebook=lambda: True, Html=str, output=output)
    monkeypatch.setitem(sys.modules, "marimo", marimo)
    nn.show_figure(plt.figure(), alt="Nothing is drawn.")
    nn.show_table([[1]], header=["a"])
    assert '<img alt="Nothing is drawn."' in shown[0]
    assert "<td>1</td>" in shown[1]
