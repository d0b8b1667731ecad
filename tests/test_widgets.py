"""The pad: what stands in for it, what goes to the browser, and drawing on it in a real browser."""

import json
import re
from pathlib import Path

import matplotlib
import nbformat
import numpy as np
import pytest

import nnfromscratch as nn
from nnfromscratch import widgets
from nnfromscratch.drawing import stored_strokes
from tools.browser import Notebook, jupyter

matplotlib.use("Agg")
ROOT = Path(__file__).resolve().parent.parent
JS = Path(widgets.__file__).with_name("digit_pad.js")


@pytest.fixture
def model():
    return nn.mlp([784, 12, 7, 10], rng=np.random.default_rng(0))


def test_a_reading_is_the_networks_own(model):
    reading = widgets.read_strokes(model, stored_strokes("4"))
    logits = model.forward(reading.pixels[np.newaxis])
    np.testing.assert_array_equal(reading.p, nn.softmax(logits)[0])
    assert [len(a) for a in reading.activations] == [12, 7]
    assert reading.answer == reading.p.argmax()
    assert reading.p[reading.runner_up] == np.sort(reading.p)[-2]

    def lead(x):
        return np.subtract(*model.forward(x[np.newaxis])[0, [reading.runner_up, reading.answer]])

    nudge = 1e-2 * reading.change / np.abs(reading.change).max()
    expected = (reading.change * nudge).sum()
    assert lead(reading.pixels + nudge) - lead(reading.pixels) == pytest.approx(expected, rel=1e-2)


def test_raw_strokes_stay_where_they_are(model):
    raw = widgets.read_strokes(model, stored_strokes("1"), prepare=False).pixels.reshape(28, 28)
    prepared = widgets.read_strokes(model, stored_strokes("1")).pixels.reshape(28, 28)
    height = [np.ptp(np.flatnonzero(image.any(axis=1))) + 1 for image in (raw, prepared)]
    assert height[0] < height[1] == 20


def test_no_strokes_are_refused(model):
    with pytest.raises(ValueError, match="read_strokes: strokes is empty"):
        widgets.read_strokes(model, [])


def test_a_figure_stands_in_where_no_pad_can_be_shown(model, monkeypatch, capsys):
    shown = []
    monkeypatch.setenv("NNFROMSCRATCH_WIDGETS", "off")
    monkeypatch.setattr(widgets, "show_figure", lambda figure, alt: shown.append(figure))
    assert widgets.show_pad(model, stored_strokes("4")) is None
    assert len(shown[0].axes) == 4
    monkeypatch.delenv("NNFROMSCRATCH_WIDGETS")
    monkeypatch.setattr(widgets.importlib.util, "find_spec", lambda name: None)
    assert widgets.show_pad(model, stored_strokes("4")) is None
    assert len(shown) == 2


def test_the_pad_reads_what_the_browser_sends(model):
    pytest.importorskip("anywidget")
    from nnfromscratch.widgets._pad import DigitPad

    pad = DigitPad(model)
    assert pad.reading is None
    assert pad.shown == {}
    pad.strokes = [[[0.2, 0.3], [0.25, 0.7]]]
    assert pad.shown["answer"] == pad.reading.answer
    assert [len(pad.shown[name]) for name in ("pixels", "change", "p")] == [784, 784, 10]
    assert [len(layer) for layer in pad.shown["layers"]] == [12, 7]
    values = [*pad.shown["pixels"], *pad.shown["change"], *pad.shown["layers"][0]]
    assert 0 <= min(values) <= max(values) <= 255
    json.dumps(pad.shown)
    before = pad.shown
    pad.prepare = False
    assert pad.shown != before
    pad.strokes = []
    assert pad.reading is None


def test_the_module_has_no_dependencies():
    source = JS.read_text(encoding="utf-8")
    assert not re.search(r"^\s*import\b|\bimport\(|\brequire\(|https?://", source, re.MULTILINE)
    assert f"PEN = {0.08};" in source, "the pen on the pad is that of draw_strokes"


# In a real browser


PAGE = """<!doctype html><title>pad</title><body><div id="here"></div><script type="module">
import pad from "data:text/javascript;base64,%s";
const values = { strokes: [], prepare: true, shown: {} }, listeners = {};
window.model = {
  sent: 0,
  get: (name) => values[name],
  set: (name, value) => { values[name] = value; },
  on: (what, f) => { listeners[what] = f; },
  save_changes() { this.sent += 1; },
  answer(shown) { values.shown = shown; listeners["change:shown"](); },
};
pad.render({ model: window.model, el: document.getElementById("here") });
window.ready = true;
</script>"""


@pytest.fixture
def page(browser):
    import base64

    page = browser.new_page(viewport={"width": 900, "height": 600})
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_content(PAGE % base64.b64encode(JS.read_bytes()).decode())
    page.wait_for_function("window.ready")
    yield page
    page.close()
    assert errors == []


def strokes_of(page):
    return page.evaluate("window.model.get('strokes')")


def drag(page, *points):
    box = page.locator(".digit-pad canvas").first.bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


ANSWER = {
    **{"pixels": [0] * 784, "layers": [[255] * 12], "change": [255] * 784},
    **{"p": [0.0] * 9 + [1.0], "answer": 9, "runnerUp": 4},
}


def test_a_page_without_jupyter_can_use_the_pad(page):
    drag(page, (0.3, 0.2), (0.3, 0.8))
    page.evaluate("shown => window.model.answer(shown)", ANSWER)  # what waited is now sent
    (stroke,) = strokes_of(page)
    assert stroke[0] == pytest.approx([0.3, 0.2], abs=0.02)
    assert stroke[-1] == pytest.approx([0.3, 0.8], abs=0.02)
    assert len(stroke) == 9
    assert page.get_by_text("answer: 9").is_visible()
    assert page.get_by_text("orange: ink for a 4").is_visible()
    page.get_by_role("button", name="clear").click()
    page.evaluate("window.model.answer({})")
    assert strokes_of(page) == []


def test_one_message_at_a_time_is_on_its_way(page):
    drag(page, (0.3, 0.2), (0.3, 0.8))
    assert page.evaluate("window.model.sent") == 1
    page.evaluate("window.model.answer({})")
    assert page.evaluate("window.model.sent") == 2


def test_the_keyboard_draws(page):
    page.locator(".digit-pad canvas").first.focus()
    for key in ("ArrowLeft", "Space", *["ArrowDown"] * 3, "Space", "ArrowUp"):
        page.keyboard.press(key)
        page.evaluate("window.model.answer({})")
    (stroke,) = strokes_of(page)
    assert stroke == [pytest.approx([0.48, 0.5 + 0.02 * k]) for k in range(4)]
    page.keyboard.press("Delete")
    assert strokes_of(page) == []


def test_touch_draws(browser):
    import base64

    context = browser.new_context(has_touch=True)
    page = context.new_page()
    page.set_content(PAGE % base64.b64encode(JS.read_bytes()).decode())
    page.wait_for_function("window.ready")
    box = page.locator(".digit-pad canvas").first.bounding_box()
    page.touchscreen.tap(box["x"] + 0.5 * box["width"], box["y"] + 0.25 * box["height"])
    (stroke,) = strokes_of(page)
    assert stroke[0] == pytest.approx([0.5, 0.25], abs=0.02)
    context.close()


LESSON = """import numpy as np
import nnfromscratch as nn
from nnfromscratch.widgets import show_pad
model = nn.mlp([784, 12, 10], rng=np.random.default_rng(0))
pad = show_pad(model, [])
"""


def test_what_is_drawn_in_jupyterlab_is_read_in_the_kernel(browser, tmp_path):
    pytest.importorskip("anywidget")
    later = (
        "open('found', 'w').write(f'{len(pad.strokes)} {pad.reading.answer} {len(pad.strokes[0])}')"
    )
    cells = [nbformat.v4.new_code_cell(LESSON), nbformat.v4.new_code_cell(later)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, tmp_path / "pad.ipynb")
    with jupyter(tmp_path) as server:
        opened = Notebook(browser, server, tmp_path, "pad.ipynb")
        opened.run(0)
        drag(opened.page, (0.4, 0.2), (0.4, 0.8), (0.7, 0.8))
        answer = opened.page.locator("figcaption", has_text=re.compile(r"answer: \d"))
        answer.wait_for()  # of the first points; the kernel reads the others one after the other
        opened.run(1)
        count, answer, points = (tmp_path / "found").read_text().split()
        opened.page.locator("figcaption", has_text=f"answer: {answer}").wait_for()
        opened.close()
    assert count == "1"
    assert int(points) > 5
