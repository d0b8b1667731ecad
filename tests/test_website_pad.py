"""The pad of the first page: what JavaScript makes of weights and drawings is what NumPy makes."""

import base64
import contextlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import nnfromscratch as nn
from nnfromscratch import widgets
from nnfromscratch._files import read_npz
from nnfromscratch.drawing import draw_strokes, prepare_digit, stored_strokes
from tools import website_pad

ROOT = Path(__file__).resolve().parent.parent
IMAGES = 1000
NODE = """globalThis.window = globalThis;
const { readFileSync } = require("fs");
require(%s);
const input = JSON.parse(readFileSync(0));
console.log(JSON.stringify((%s)(input)));"""
# Functions of JavaScript: what is asked of node and of a browser alike.
ANSWERS = """(text) => {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const x = new Float32Array(bytes.buffer);
  const layers = digitNetwork.load(digitWeights);
  return Array.from({ length: x.length / 784 }, (_, n) =>
    Array.from(digitNetwork.answer(layers, x.slice(784 * n, 784 * (n + 1))).p));
}"""
READINGS = """(drawings) => {
  const layers = digitNetwork.load(digitWeights);
  return drawings.map(([strokes, prepare]) => {
    const reading = digitNetwork.read(layers, strokes, prepare);
    const plain = (values) => Array.from(values);
    return { ...reading, pixels: plain(reading.pixels), p: plain(reading.p),
      activations: reading.activations.map(plain), change: plain(reading.change),
      shown: digitNetwork.asBytes(reading) };
  });
}"""
SECONDS = """(drawings) => {
  const layers = digitNetwork.load(digitWeights);
  const all = () => drawings.forEach(([strokes]) => digitNetwork.read(layers, strokes));
  all();
  const before = process.cpuUsage();
  for (let k = 0; k < 5; k++) all();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6 / (5 * drawings.length);
}"""


@pytest.fixture(scope="module")
def stored():
    return read_npz("test", website_pad.STORED)


@pytest.fixture(scope="module")
def script(stored, tmp_path_factory):
    path = tmp_path_factory.mktemp("pad") / "digit_pad.js"
    path.write_text(website_pad.script(stored), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def node(script):
    program = shutil.which("node")
    if program is None:
        pytest.skip("node is not installed")

    def run(function, argument):
        code = NODE % (json.dumps(str(script)), function)
        done = subprocess.run(
            [program, "-e", code], input=json.dumps(argument), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@contextlib.contextmanager
def first_page(browser, script, **settings):
    """Open a page with the pad alone, from a folder, and note what it asks for and complains of."""
    shutil.copy(ROOT / "docs" / "_static" / "first_page.js", script.parent)
    place = website_pad.PLACE.replace("_static/", "")
    page_file = script.parent / "page.html"
    page_file.write_text(f"<!doctype html><title>pad</title><body>{place}", encoding="utf-8")
    page = browser.new_page(**settings)
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(page_file.as_uri())
    page.wait_for_selector("#digit-pad canvas")
    yield page
    page.close()
    assert errors == []
    assert all(url.startswith("file:") for url in asked)


def test_the_stored_network_is_small_and_as_good_as_the_first_page_says(stored):
    *_, x, y = nn.load_mnist()
    _, error = nn.evaluate(website_pad.network(stored), x, y)
    words = " ".join((ROOT / "docs" / "index.md").read_text(encoding="utf-8").split())
    assert f"wrong on {100 * error:.1f} % of the test images" in words
    assert website_pad.STORED.stat().st_size < 500_000


def test_rounding_moves_no_weight_by_more_than_half_a_step():
    model = nn.mlp([784, 30, 20, 10], rng=np.random.default_rng(0))
    model.params["w2"][:, 3] = 0
    stored = website_pad.rounded(model.params)
    again = website_pad.network(stored)
    for k in (1, 2, 3):
        moved = np.abs(again.params[f"w{k}"] - model.params[f"w{k}"])
        assert (moved <= stored[f"scale{k}"] * 0.5001).all()
        np.testing.assert_array_equal(again.params[f"b{k}"], model.params[f"b{k}"])


def test_the_command_stores_what_was_trained(tmp_path, capsys):
    model = nn.mlp([784, 5, 10], rng=np.random.default_rng(0))
    model.save(tmp_path / "model.npz")
    out = tmp_path / "stored.npz"
    assert website_pad.main([str(tmp_path / "model.npz"), "--out", str(out)]) == 0
    np.testing.assert_array_equal(read_npz("test", out)["w1"],
                                  website_pad.rounded(model.params)["w1"])  # fmt: skip
    assert re.search(r"test error \d+\.\d\d%, and \d+\.\d\d% before", capsys.readouterr().out)


def images():
    x = nn.load_mnist()[2][:IMAGES]
    return x, base64.b64encode(x.astype("<f4").tobytes()).decode()


def test_node_answers_as_numpy_does(node, stored):
    x, text = images()
    expected = nn.softmax(website_pad.network(stored).forward(x))
    np.testing.assert_allclose(node(ANSWERS, text), expected, rtol=0, atol=1e-5)


def test_the_browser_answers_as_numpy_does(browser, script, stored):
    x, text = images()
    expected = nn.softmax(website_pad.network(stored).forward(x))
    with first_page(browser, script) as page:
        np.testing.assert_allclose(page.evaluate(ANSWERS, text), expected, rtol=0, atol=1e-5)


def drawings():
    """The stored digits, a dot, lines along and across, and strokes drawn by chance."""
    rng = np.random.default_rng(0)
    found = [[stroke.tolist() for stroke in stored_strokes(str(k))] for k in range(10)]
    found += [[[[0.3, 0.4]]], [[[0.5, 0.2], [0.5, 0.8]]], [[[0.1, 0.46], [0.9, 0.46]]]]
    for count in (1, 2, 3, 3):
        steps = [rng.normal(0, 0.06, (rng.integers(1, 30), 2)) for _ in range(count)]
        found.append([np.clip(0.5 + s.cumsum(axis=0), 0, 1).round(3).tolist() for s in steps])
    # Along the grid on which the arrow keys move the pen.
    found.append([[[0.46, 0.3 + 0.02 * k] for k in range(15)]])
    return [[strokes, prepare] for strokes in found for prepare in (True, False)]


def test_drawings_are_prepared_and_read_as_in_a_lesson(node, stored):
    model = website_pad.network(stored)
    for (strokes, prepare), found in zip(drawings(), node(READINGS, drawings()), strict=True):
        expected = widgets.read_strokes(model, strokes, prepare=prepare)
        for name in ("pixels", "p"):
            np.testing.assert_allclose(found[name], getattr(expected, name), atol=1e-5)
        np.testing.assert_allclose(found["activations"], expected.activations, atol=1e-4)
        assert (found["answer"], found["runnerUp"]) == (expected.answer, expected.runner_up)
        np.testing.assert_allclose(found["change"], expected.change, atol=1e-4)


def test_both_pads_are_shown_the_same(node, stored):
    pytest.importorskip("anywidget")
    from nnfromscratch.widgets._pad import _as_bytes

    drawing = [stored_strokes("4")[0].tolist(), stored_strokes("4")[1].tolist()]
    (found,) = node(READINGS, [[drawing, True]])
    expected = _as_bytes(widgets.read_strokes(website_pad.network(stored), drawing))
    for name in ("pixels", "layers", "change"):
        np.testing.assert_allclose(found["shown"][name], expected[name], atol=1)
    assert found["shown"].keys() >= expected.keys()


def test_an_answer_takes_less_than_20_milliseconds_of_the_processor(node):
    assert node(SECONDS, drawings()[:20:2]) < 0.020


def test_a_tie_of_the_centre_of_mass_is_the_same_for_every_order_of_the_sums():
    lines = [draw_strokes([[[x, 0.2], [x, 0.8]]], side=112) for x in (0.25, 0.5, 0.75)]
    starts = {np.flatnonzero(prepare_digit(image).reshape(28, 28).any(axis=0))[0]
              for image in lines}  # fmt: skip
    assert len(starts) == 1


def answer(page):
    return page.locator("figcaption", has_text="answer").inner_text()


def test_the_first_page_draws_until_the_reader_does(browser, script):
    with first_page(browser, script, has_touch=True) as page:
        page.wait_for_function("document.body.innerText.includes('answer: 3')")
        box = page.locator("#digit-pad canvas").first.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 4
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x, y + box["height"] / 2, steps=10)
        page.mouse.up()
        assert answer(page) == "answer: 1"  # and nothing is left of the 3
        page.get_by_role("button", name="clear").click()
        assert answer(page) == "answer"
        page.locator("#digit-pad canvas").first.focus()
        for key in ("ArrowUp", "Space", *["ArrowDown"] * 12, "Space"):
            page.keyboard.press(key)
        assert answer(page) == "answer: 1"
        page.get_by_role("button", name="clear").click()
        page.touchscreen.tap(x, y)
        assert re.fullmatch(r"answer: \d", answer(page))


def test_nothing_moves_by_itself_where_that_is_not_wanted(browser, script):
    with first_page(browser, script, reduced_motion="reduce") as page:
        assert answer(page) == "answer: 3"
        page.get_by_role("button", name="draw one for me").click()
        assert answer(page) == "answer: 4"
