"""The plugin that compares notebooks: numbers, figures, and whole notebooks run by nbval."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import matplotlib as mpl
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

mpl.use("Agg")

import matplotlib.pyplot as plt

import nbcompare
from nbcompare import figure_data, figures, numbers, outputs
from nbcompare.tolerance import Judge, Tolerance


@pytest.fixture(autouse=True)
def _tidy():
    yield
    plt.close("all")


def agrees(old, new, *tags):
    """Tell whether a new text agrees with a stored one, in a cell with these tags."""
    judge = Judge(Tolerance.from_tags(tags))
    return numbers.reconcile(old, new, judge) == old


# Numbers


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("loss 1.83", "loss 1.84"),
        ("loss 1.83.", "loss 1.82."),
        ("19.5 % wrong", "19.6 % wrong"),
        ("19.5% wrong", "19.4% wrong"),
        ("in 1.5s", "in 1.6s"),
        ("1.2e-05", "1.3e-05"),
        ("1.20e-05 and more", "1.19e-05 and more"),
        ("9.9e-05", "1.0e-04"),
        ("9e-16", "1e-15"),
        ("9.99", "10.0"),
        ("10.0", "9.99"),
        ("10.0", "9.96"),
        ("0.5", "0.499"),
        ("-0.00", "0.00"),
        ("0.00", "-0.01"),
        ("\u22120.50", "\u22120.51"),
        ("-0.50", "\u22120.50"),
        ("+0.50", "+0.51"),
        ("+0.00", "-0.01"),
        ("12,345.67", "12,345.68"),
        ("999.99", "1,000.00"),
        (".50", ".51"),
        ("[ 9.99 10.01]", "[10.00 10.01]"),
        ("a=1.5,b=2.5", "a=1.6,b=2.4"),
        ("(0.5+1.5j)", "(0.6+1.4j)"),
        ("0.5-0.7", "0.5-0.8"),
        ("<td>1.83</td>", "<td>1.84</td>"),
        ("| 1.83 | 2 |", "| 1.84 | 2 |"),
        ("step   loss\n   1   9.99\n", "step    loss\n   1   10.00\n"),
        ("| loss |\n| --- |\n| 9.99 |", "| loss  |\n| ---- |\n| 10.00 |"),
        ("loss\n----\n9.99", "loss\n-----\n10.00"),
    ],
)
def test_texts_that_agree(old, new):
    assert agrees(old, new)
    assert agrees(new, old)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("loss 1.83", "loss 1.85"),
        ("loss 1.83", "Loss 1.83"),
        ("loss 1.83", "loss 1.8"),
        ("loss 1.83", "loss  1.83"),
        ("1.2e-05", "1.4e-05"),
        ("1.2e-05", "1.2e-04"),
        ("1e-15", "1e-16"),
        ("0.0", "1e-17"),
        ("10.0", "9.8"),
        ("0.5", "0.46"),
        ("0.02", "-0.02"),
        ("+0.50", "0.50"),
        ("3 wrong", "4 wrong"),
        ("3 wrong", "3.0 wrong"),
        ("4,213", "4,214"),
        ("4,213", "4213"),
        ("4,213.5", "4213.5"),
        ("-0", "0"),
        ("07", "7"),
        ("1.5 %", "1.5"),
        ("1.5 ms", "1.5 s"),
        ("1.5s", "1.5m"),
        ("inf", "1.0"),
        ("nan", "inf"),
        ("-inf", "inf"),
        ("0.5", "nan"),
        ("conv2d", "conv3d"),
        ("w1", "w2"),
        ("version 2.4.1", "version 2.4.2"),
        ("numpy-2.4", "numpy-2.5"),
        ("v2.4", "v2.5"),
        ("3.0rc1", "3.1rc1"),
        ("2024-01-05", "2024-01-06"),
        ("12:30:05.25", "12:30:05.26"),
        ("loss_0.5.npz", "loss_0.6.npz"),
        ("0.5.npz", "0.6.npz"),
        ("0x7f", "0x7e"),
        ("3e5f9a1c", "3e5f9a1d"),
        ("28x28", "28x29"),
        ("(32, 784)", "(32, 785)"),
        ("1.5 2.5", "2.5 1.5"),
        ("1.5 2.5", "1.5 2.5 3.5"),
        ("1.5\n2.5", "1.5\n\n2.5"),
        ("a\nb", "b\na"),
        ("a  b", "a b"),
        ("ab 9.99", "a b 10.00"),
        ("epoch 10.00", " epoch 9.99"),
    ],
)
def test_texts_that_differ(old, new):
    assert not agrees(old, new)
    assert not agrees(new, old)


@pytest.mark.parametrize(
    ("old", "new", "tags", "same"),
    [
        ("2.00", "2.10", ["within-5-percent"], True),
        ("2.00", "2.11", ["within-5-percent"], False),
        ("-2.00", "-1.90", ["within-5-percent"], True),
        ("2.00", "2.01", ["within-0.1-percent"], True),  # one unit is always allowed
        ("2.00", "2.02", ["within-0.5-percent"], False),
        ("0.01", "-0.01", ["within-99-percent"], False),
        ("200", "201", ["within-5-percent"], False),
        ("200", "210", ["counts-within-5-percent"], True),
        ("200", "211", ["counts-within-5-percent"], False),
        ("0", "1", ["counts-within-5-percent"], False),
        ("2.00", "2.10", ["counts-within-5-percent"], False),
        ("200 2.0", "205 2.1", ["counts-within-5-percent", "within-5-percent"], True),
        ("1.5 s, 20 ms", "12.25 s, 3 ms", ["measured"], True),
        ("1.5 s", "1 s", ["timing"], True),
        ("1.5 s", "1.5 ms", ["measured"], False),
        ("1.5 s", "nan s", ["measured"], False),
        ("w1 in 20ms", "w2 in 20ms", ["measured"], False),
        ("1.83", "1.84", ["other"], True),
    ],
)
def test_tags(old, new, tags, same):
    assert agrees(old, new, *tags) is same


@pytest.mark.parametrize(
    "tags",
    [
        *(["within-five-percent"], ["within-5"], ["within-0-percent"], ["within-100-percent"]),
        *(["within5percent"], ["counts-within-x-percent"], ["count-within-5-percent"]),
        ["within-5-percent", "within-6-percent"],
    ],
)
def test_tags_that_are_no_tolerances(tags):
    with pytest.raises(ValueError, match="the tag"):
        Tolerance.from_tags(tags)


def test_a_message_says_which_number_is_off_by_how_much():
    judge = Judge(Tolerance())
    text = numbers.reconcile("a 1.83\nb 2.50\nc 3", "a 1.84\nb 2.53\nc 4", judge, "stdout")
    assert text == "a 1.83\nb 2.53\nc 4"  # what agrees is as stored
    assert judge.notes == [
        "stdout, line 2: 2.50 is stored, 2.53 came out: "
        "off by 0.03, allowed 0.01 (one unit of the last place)",
        "stdout, line 3: 3 is stored, 4 came out: off by 1, allowed 0 (integers must be equal)",
    ]
    assert judge.spread == pytest.approx(0.03 / 2.5)


# Figures


def draw(change=lambda figure: None, noise=0.0):
    """Return the description of a figure with one of everything, changed."""
    figure, axes = plt.subplots(2, 2)
    x = np.linspace(1, 10, 50)
    axes[0, 0].plot(x, np.sin(x) + noise, label="training")
    axes[0, 0].plot(x, np.cos(x) + noise, label="validation")
    axes[0, 0].set(title="Two curves", xlabel="epoch", ylabel="loss")
    axes[0, 0].legend()
    axes[0, 0].annotate("lowest 1.83", (3, 0), (4, 0.5), arrowprops={"arrowstyle": "->"})
    axes[0, 1].bar(["a", "b"], [3 + noise, 4])
    axes[0, 1].scatter([0, 1], [1, 2 + noise])
    axes[1, 0].imshow(np.eye(5) + noise)
    axes[1, 0].add_patch(plt.Rectangle((0, 0), 1, 2))
    axes[1, 1].loglog(x, 10.0**-x * (1 + noise))
    axes[1, 1].fill_between(x, 1e-9, 10.0**-x)
    axes[1, 1].hist([1, 2, 2, 3], label="counts")
    figure.suptitle("All of it")
    change(figure)
    return figures.describe(figure)


def complaints(old, new, *tags):
    judge = Judge(Tolerance.from_tags(tags))
    result = figure_data.reconcile(old, new, judge)
    assert (result is old) == (not judge.notes)
    return judge.notes


def test_a_figure_agrees_with_itself_and_with_noise_below_a_pixel(stored):
    assert complaints(stored, draw()) == []
    assert complaints(stored, draw(noise=1e-5)) == []
    assert complaints(stored, draw(noise=0.1)) != []


@pytest.fixture(scope="module")
def stored():
    return draw()


def at(index, change):
    """Return a change of the figure that `change` does to one of its Axes."""
    return lambda figure: change(figure.axes[index])


def set_y(line, change):
    line.set_ydata(change(line.get_ydata()))


CHANGES = [
    (at(0, lambda ax: ax.lines[1].remove()), "Axes 1 (Two curves): line 'validation' is missing"),
    (at(0, lambda ax: ax.lines[1].set_visible(False)), "line 'validation' is missing"),
    (at(0, lambda ax: ax.plot([1, 2], [0, 1], label="new")), "line 'new' is not stored"),
    (at(0, lambda ax: ax.lines[0].set_label("train")), "line 'training' is missing"),
    (at(0, lambda ax: ax.set_title("Curves")), "title 'Curves', 'Two curves' is stored"),
    (at(0, lambda ax: ax.set_xlabel("step")), "x axis: label 'step', 'epoch' is stored"),
    (at(0, lambda ax: ax.set_ylabel("")), "y axis: label '', 'loss' is stored"),
    (at(0, lambda ax: ax.get_legend().remove()), "legends [], ['training', 'validation']"),
    (at(0, lambda ax: ax.legend(["a", "b"])), "legend 'a', 'training' is stored"),
    (at(0, lambda ax: ax.texts[0].set_text("highest 1.83")), "text 'highest 1.83'"),
    (at(0, lambda ax: ax.texts[0].set_text("lowest 1.85")), "1.83 is stored, 1.85 came out"),
    (at(0, lambda ax: ax.set_yscale("symlog")), "y axis: scale 'symlog', 'linear' is stored"),
    (at(0, lambda ax: ax.set_ylim(-5, 5)), "y axis: limit 1: -5"),
    (at(0, lambda ax: set_y(ax.lines[0], lambda y: y[::-1])), "line 'training': y samples 1"),
    (at(0, lambda ax: set_y(ax.lines[0], lambda y: y * np.nan)), "0 finite y values and 50"),
    (at(0, lambda ax: ax.lines[0].set_data([1, 2], [0, 1])), "line 'training': 2 finite x"),
    (at(1, lambda ax: ax.patches[0].set_height(2)), "bars: y range 1: 2"),
    (at(1, lambda ax: ax.set_xticks([0, 1], ["a", "c"])), "x axis: tick label 'c', 'b'"),
    (at(1, lambda ax: ax.collections[0].set_offsets([[0, 1]])), "points: 1 finite x"),
    (at(2, lambda ax: ax.images[0].set_data(np.eye(6))), "image: shape 6 by 6, 5 by 5"),
    (at(2, lambda ax: ax.images[0].set_data(1 - np.eye(5))), "image: value mean 1: 0.8"),
    (at(2, lambda ax: ax.add_patch(plt.Circle((0, 0), 1))), "Circle is not stored"),
    (at(2, lambda ax: ax.patches[0].set_width(3)), "Rectangle: x range 2: 3"),
    (at(3, lambda ax: set_y(ax.lines[0], lambda y: y * 1.5)), "line: y range 1"),
    (at(3, lambda ax: ax.patches[0].set_label("number")), "bars 'counts' is missing"),
    (at(3, lambda ax: ax.remove()), "3 Axes, 4 are stored"),
    (lambda figure: figure.suptitle("Some of it"), "title 'Some of it', 'All of it' is stored"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_changes_of_a_figure_are_noticed_and_named(stored, change, message):
    notes = complaints(stored, draw(change))
    assert any(message in note for note in notes), notes


@pytest.mark.parametrize(
    "change",
    [
        at(0, lambda ax: ax.lines[0].set_color("red")),
        at(0, lambda ax: ax.lines[0].set_linewidth(9)),
        at(0, lambda ax: set_y(ax.lines[0], lambda y: y + 1e-4)),
        at(3, lambda ax: set_y(ax.lines[0], lambda y: y * 1.005)),
        lambda figure: figure.set_size_inches(9, 9),
    ],
)
def test_what_does_not_count_in_a_figure(stored, change):
    assert complaints(stored, draw(change)) == []


def test_the_tag_of_the_cell_holds_for_its_figures_too(stored):
    def higher(figure):
        line = figure.axes[3].lines[0]
        line.set_ydata(line.get_ydata() * 1.1)

    assert complaints(stored, draw(higher))
    assert complaints(stored, draw(higher), "within-5-percent")
    assert not complaints(stored, draw(higher), "within-11-percent")


@pytest.mark.parametrize("tagged", ["figure", "axes", "line", "cell"])
def test_measured_figures_are_compared_in_form_only(tagged):
    def timed(value, points=2, label="NumPy", mark=True):
        figure, ax = plt.subplots()
        ax.set(xlim=(0, 2), ylim=(0, 9))
        (line,) = ax.plot([0, 1, 2][:points], [value, 1, 1][:points], label=label)
        if mark and tagged != "cell":
            {"figure": figure, "axes": ax, "line": line}[tagged].set_gid("measured")
        return figures.describe(figure)

    tags = ["measured"] if tagged == "cell" else []
    assert complaints(timed(1), timed(8), *tags) == []
    assert complaints(timed(1), timed(8, points=3), *tags)
    assert complaints(timed(1), timed(8, label="JAX"), *tags)
    assert complaints(timed(1, mark=False), timed(8, mark=False))
    if tagged != "cell":
        assert "marked as measured" in complaints(timed(1, mark=False), timed(1))[0]


def test_many_lines_without_a_label_are_summarized_and_counted():
    def network(edges):
        figure, ax = plt.subplots()
        for i in range(edges):
            ax.plot([0, 1], [0, i % 10])
        ax.set_ylim(0, 9)
        return figures.describe(figure)

    (item,) = network(100)["axes"][0]["items"]
    assert item["number"] == 100
    assert any("lines: number 99, 100" in note for note in complaints(network(100), network(99)))


@pytest.mark.parametrize(
    ("draw_it", "empty"),
    [
        (lambda ax: None, True),
        (lambda ax: ax.set_title("A title alone"), True),
        (lambda ax: ax.figure.suptitle("A title alone"), True),
        (lambda ax: ax.figure.text(0, 0, "words"), False),
        (lambda ax: ax.plot([], []), True),
        (lambda ax: ax.plot([1, 2], [np.nan, np.nan]), True),
        (lambda ax: ax.plot([1], [1], "o")[0].set_visible(False), True),
        (lambda ax: ax.plot([1], [1], "o"), False),
        (lambda ax: ax.text(0, 0, "words"), False),
        (lambda ax: ax.arrow(0, 0, 1, 1), False),
        (lambda ax: ax.quiver([0, 1], [0, 1], [1, 1], [1, 1]), False),
        (lambda ax: ax.contourf(np.eye(4)), False),
        (lambda ax: ax.pcolormesh(np.eye(4)), False),
        (lambda ax: ax.errorbar([1, 2], [1, 2], [1, 1]), False),
        (lambda ax: ax.stem([1, 2]), False),
        (lambda ax: ax.barh(["a"], [1]), False),
        (lambda ax: ax.pie([1, 2]), False),
        (lambda ax: ax.table([["1"]]), False),
        (lambda ax: ax.hexbin([1, 2], [1, 2]), False),
        (lambda ax: ax.plot(np.array(["2024-01-05"], "datetime64[D]"), [1]), False),
        (lambda ax: ax.inset_axes([0, 0, 1, 1]).plot([1], [1]), False),
        (lambda ax: ax.figure.colorbar(ax.imshow(np.eye(3))), False),
        (lambda ax: ax.violinplot([1, 2, 3]), False),
        (lambda ax: ax.step([1, 2], [1, 2]), False),
        (lambda ax: ax.axhline(1), False),
        (lambda ax: ax.axvspan(0, 1), False),
        (lambda ax: ax.annotate("", (0, 0), (1, 1), arrowprops={}), True),
    ],
)
def test_what_is_empty(draw_it, empty):
    figure, ax = plt.subplots()
    draw_it(ax)
    found = figures.describe(figure)
    assert figures.is_empty(found) is empty
    assert complaints(found, figures.describe(figure)) == []
    assert "It shows" in nbcompare.to_text(found)


def test_a_figure_in_words():
    figure, ax = plt.subplots()
    ax.semilogy([1, 2, 4], [0.1, 0.01, 0.001], label="training")
    ax.set(xlabel="epoch", ylabel="loss", title="A fall", xlim=(1, 4), ylim=(1e-3, 1))
    assert nbcompare.to_text(figures.describe(figure)) == (
        "The figure, 'A fall' has x (epoch) from 1 to 4 and y (loss) from 0.001 to 1 on a log "
        "scale. It shows line 'training': 3 values between 0.001 and 0.1, such as 0.1, 0.01, 0.001."
    )


def test_the_bundle_carries_the_alt_text_in_its_html():
    figure, ax = plt.subplots()
    ax.plot([1, 2], label='"<&>')
    ax.legend()
    bundle = nbcompare.bundle(figure, alt='A "line" & more.', caption="x < y")
    assert set(bundle) == {"text/html", "text/plain", nbcompare.MIME}
    assert (
        '<img alt="A &quot;line&quot; &amp; more." src="data:image/png;base64,iVBOR'
        in (bundle["text/html"])
    )
    assert "<figcaption>x &lt; y</figcaption>" in bundle["text/html"]
    assert "<&>" not in bundle["text/html"]
    assert "figcaption" not in nbcompare.bundle(figure, alt="A line.")["text/html"]
    assert bundle["text/plain"] == '<Figure: A "line" & more.>'


# Whole notebooks, run by nbval


PLOT = """\
fig, ax = plt.subplots()
ax.plot([1, 2, 3], [4.0, 5.0, 6.0], label="training")
ax.plot([1, 2, 3], [5.0, 5.0, 5.0], label="validation")
"""
SHOW = PLOT + "display(nbcompare.bundle(fig, alt='Two lines.'), raw=True); plt.close()"


def text(old, new):
    """Return a change of the stored outputs."""

    def change(output):
        mime = next((m for m in ("text/html", "text/markdown") if m in output.get("data", {})), "")
        holder, key = (output.data, mime or "text/plain") if "data" in output else (output, "text")
        assert old in holder[key]
        holder[key] = holder[key].replace(old, new)

    return change


def data(change):
    return lambda output: change(output["data"][nbcompare.MIME]["axes"][0])


def curve_removed(output):
    found = output["data"][nbcompare.MIME]["axes"][0]
    found["items"].append(dict(found["items"][0], label="test"))


def nothing(output):
    pass


# Source, what is changed in what it stores, the tags, and what the failure says, if it fails.
CELLS = [
    ("print('loss', 1.83)", nothing, [], None),
    ("print('loss', 1.83)", text("1.83", "1.84"), [], None),
    ("print('loss', 1.83)", text("1.83", "1.85"), [], "1.85 is stored, 1.83 came out: off by 0.02"),
    ("print('loss', 1.83)", text("1.83", "1.85"), ["within-5-percent"], None),
    ("print('loss', 1.83)", text("1.83", "1.85"), ["within-five-percent"], "is no tolerance"),
    ("print(3, 'wrong')", text("3", "4"), [], "integers must be equal"),
    ("print('a word')", text("word", "verb"), [], "mismatch 'stdout'"),
    ("print(time.time())", nothing, ["measured"], None),
    ("print(time.time(), 's')", nothing, [], "came out: off by"),
    ("print(time.time())", text("1", "none: 1"), ["measured"], "mismatch 'stdout'"),
    ("print(time.time())", nothing, ["nbval-ignore-output"], None),
    ("1.5", text("1.5", "1.6"), [], None),
    ("HTML('<td>1.5</td>')", text("1.5", "1.6"), [], None),
    ("HTML('<td>1.5</td>')", text("1.5", "1.7"), [], "text/html: 1.7 is stored"),
    ("Markdown('| 1.5 |')", text("1.5", "1.6"), [], None),
    ("Markdown('| 1.5 |')", text("1.5", "1.7"), [], "text/markdown: 1.7 is stored"),
    (SHOW, nothing, [], None),
    (SHOW, text("base64,", "base64,AAAA"), [], None),
    (SHOW, text("Two lines", "Two curves"), [], "mismatch 'text/html'"),
    (SHOW, data(lambda ax: ax.update(title="A title")), [], "title '', 'A title' is stored"),
    (SHOW, curve_removed, [], "line 'test' is missing"),
    (SHOW, data(lambda ax: ax["items"][0]["y"].update(mean="5.1")), [], "y mean 1: 5, 5.1"),
    (SHOW, data(lambda ax: ax["items"][0]["y"].update(mean="5.1")), ["measured"], None),
    (SHOW.replace("ax.plot", "#"), nothing, [], "figure 1: it shows nothing"),
    (PLOT + "plt.show()", nothing, [], None),  # as in a course that knows nothing of this
    ("%load_ext nbcompare", nothing, [], None),
    (PLOT + "plt.show()", nothing, [], None),
    (PLOT + "plt.show()", curve_removed, [], "line 'test' is missing"),
]
FIRST = """\
import time
import matplotlib.pyplot as plt
import nbcompare
from IPython.display import HTML, Markdown, display
%matplotlib inline
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return what nbval says of each cell: the text of its failure, or None; and properties."""
    folder = tmp_path_factory.mktemp("notebook")
    cells = [nbformat.v4.new_code_cell(source) for source in (FIRST, *(c[0] for c in CELLS))]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    for cell, (_, change, tags, _) in zip(cells[1:], CELLS, strict=True):
        cell.metadata["tags"] = tags
        change(cell.outputs[0] if cell.outputs else None)
    nbformat.write(notebook, folder / "a.ipynb")
    return lambda *options: outcome(folder, *options)


def outcome(folder, *options):
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-p", "no:xdist"]
    done = subprocess.run(
        [*command, "--junitxml=xml", "--color=no", *options],
        cwd=folder,
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    _, *cases = ET.parse(folder / "xml").iter("testcase")
    found = [(case.find("failure"), case.findall(".//property")) for case in cases]
    return [(None if bad is None else bad.text, properties) for bad, properties in found]


@pytest.fixture(scope="module")
def with_plugin(run):
    return run("--nbcompare", "a.ipynb")


@pytest.mark.parametrize("number", range(len(CELLS)))
def test_cells_pass_and_fail_as_they_should(with_plugin, number):
    message = CELLS[number][3]
    failure = with_plugin[number][0]
    assert (failure is None) == (message is None), failure
    if message:
        assert message in failure
        assert max(map(len, failure.splitlines())) < 2000, "a picture's bytes stand in the message"


def test_the_largest_difference_of_a_cell_is_reported(with_plugin):
    (found,) = with_plugin[1][1]
    assert found.get("name") == "largest relative difference"
    assert float(found.get("value")) == pytest.approx(0.01 / 1.84, rel=0.01)
    assert not with_plugin[0][1]


def test_without_its_option_the_plugin_does_nothing(run):
    found = [failure for failure, _ in run(*(f"a.ipynb::Cell {i}" for i in range(3)))]
    assert found[0] is None
    assert all("nbcompare:" not in (failure or "") for failure in found)
    assert found[1] is not None


def test_without_nbval_the_option_does_nothing(tmp_path):
    (tmp_path / "test_a.py").write_text("def test_a(): pass\n", encoding="utf-8")
    code = "import sys, pytest; sys.modules['nbval'] = sys.modules['nbval.plugin'] = None\n"
    code += "sys.exit(pytest.main(['--nbcompare', '-p', 'nbcompare.plugin', '-q', 'test_a.py']))"
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_of_this_course_is_known_to_it():
    folder = os.path.dirname(nbcompare.__file__)
    code = (
        "import sys, nbcompare, nbcompare.outputs\n"
        "print({'nnfromscratch', 'matplotlib', 'numpy', 'pytest', 'nbval'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    for name in os.listdir(folder):
        if name.endswith(".py"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                assert "nnfromscratch" not in file.read()


def test_reconciled_outputs_leave_their_sources_alone():
    old = [nbformat.v4.new_output("stream", text="1.5\n")]
    new = [nbformat.v4.new_output("stream", text="1.6\n")]
    result, stored, _ = outputs.reconcile(new, old)
    assert result == stored == old
    assert new[0].text == "1.6\n"
