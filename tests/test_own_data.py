"""Images of one's own: found in every form, refused with a reason, trained on and asked about."""

import gzip
import json
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from nnfromscratch.__main__ import main
from nnfromscratch.own_data import describe, load_images, picture

ROOT = Path(__file__).resolve().parent.parent

N, SIDE = 120, 6
Image = pytest.importorskip("PIL.Image", reason="pictures need Pillow, which matplotlib brings")


@pytest.fixture(scope="module")
def known():
    """Bright bars, one place for each of three classes: anything can learn them."""
    rng = np.random.default_rng(1)
    y = np.arange(N) % 3
    x = rng.integers(0, 60, (N, SIDE, SIDE))
    x[np.arange(N), :, 2 * y] += 190
    return x.astype(np.uint8), y


def idx(path, array):
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(head + array.astype(np.uint8).tobytes()))
    return path


def pictures(folder, x, y, names="abc"):
    for i, (image, label) in enumerate(zip(x, y, strict=True)):
        inner = folder / f"class {names[label]}"
        inner.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(inner / f"{i:03}.png")
    return [folder]


def forms(tmp_path, x, y):
    rows = np.column_stack([y, x.reshape(N, -1)])
    np.savetxt(tmp_path / "a.csv", rows, "%d", ",")
    np.savez(tmp_path / "a.npz", images=x, labels=y)
    np.savez(tmp_path / "flat.npz", x=x.reshape(N, -1) / 255, y=y.astype(str))
    return {
        "csv": [tmp_path / "a.csv"],
        "npz": [tmp_path / "a.npz"],
        "flat": [tmp_path / "flat.npz"],
        "idx": [idx(tmp_path / "labels.gz", y), idx(tmp_path / "images.gz", x)],
        "pictures": pictures(tmp_path / "pictures", x, y),
    }


def test_the_same_images_in_every_form(known, tmp_path):
    x, y = known
    for form, paths in forms(tmp_path, x, y).items():
        images = load_images(paths, side=SIDE)
        assert images.x.dtype == np.float32
        assert images.y.dtype == np.int64
        assert images.shape == (SIDE, SIDE)
        order = np.argsort(y, kind="stable") if form == "pictures" else slice(None)
        np.testing.assert_allclose(images.x, x.reshape(N, -1)[order] / 255, atol=1e-6, err_msg=form)
        np.testing.assert_array_equal(images.y, y[order], form)
        names = ("class a", "class b", "class c") if form == "pictures" else ("0", "1", "2")
        assert images.classes == names


def test_emnist_is_turned_upright(known, tmp_path):
    x, y = known
    paths = [idx(tmp_path / "i", x), idx(tmp_path / "l", y)]
    upright = load_images(paths, transposed=True).x.reshape(N, SIDE, SIDE)
    np.testing.assert_allclose(upright, x.swapaxes(1, 2) / 255, atol=1e-6)


def test_a_picture_of_any_kind_becomes_grey_and_small(tmp_path):
    colours = np.zeros((40, 60, 3), np.uint8)
    colours[:, 30:] = 255, 255, 255
    Image.fromarray(colours).save(tmp_path / "c.png")
    Image.fromarray(colours).convert("P").save(tmp_path / "c.gif")
    for name in ("c.png", "c.gif"):
        image = picture(tmp_path / name, (10, 12))
        assert image.shape == (10, 12)
        np.testing.assert_allclose(image[:, :4], 0, atol=0.02)
        np.testing.assert_allclose(image[:, -4:], 1, atol=0.02)


def test_it_says_what_it_found(known, tmp_path):
    x, y = known
    np.savez(tmp_path / "a.npz", x=np.concatenate([x, x[:6]]), y=np.concatenate([y, y[:6]]))
    text = describe(load_images([tmp_path / "a.npz"]))
    assert "126 images of 6 x 6 pixels in 3 classes" in text
    assert "6 images are exact copies of others" in text
    assert "remove them" in text
    assert re.search(r"33.3% in each: always saying \d is 66.7% wrong", text)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda p, x, y: [p / "nothing"], "does not exist"),
        (lambda p, x, y: [p], "must hold a folder of pictures for each class"),
        (lambda p, x, y: pictures(p, x[:1], y[:1]), "has 1 different labels"),
        (lambda p, x, y: pictures(p, x[:20], y[:20]), "has 6 images of the class"),
        (lambda p, x, y: [idx(p / "a", x), idx(p / "b", x)], "images (N, rows, columns)"),
        (lambda p, x, y: [idx(p / "a", x), idx(p / "b", y[1:])], "of the same part"),
        (lambda p, x, y: [idx(p / "a", x)], "of IDX name two files"),
        (lambda p, x, y: [idx(p / c, y) for c in "abc"], "not 3"),
        (lambda p, x, y: np.savez(p / "a.npz", x=x) or [p / "a.npz"], "one of labels"),
        (lambda p, x, y: np.savez(p / "a.npz", x=x[:, :5].reshape(N, -1), y=y) or [p / "a.npz"],
         "no square images"),
        (lambda p, x, y: np.savez(p / "a.npz", x=x * np.nan, y=y) or [p / "a.npz"], "nan"),
        (lambda p, x, y: np.savez(p / "a.npz", x=np.repeat(x, 12, 0), y=np.arange(12 * N)) or
         [p / "a.npz"], "different labels; classes"),
    ],
)  # fmt: skip
def test_what_cannot_be_learned_from_is_refused(made, words, known, tmp_path):
    paths = made(tmp_path, *known)
    with pytest.raises((ValueError, FileNotFoundError), match=re.escape(words)):
        load_images(paths, side=SIDE)


def test_from_a_folder_of_pictures_to_an_answer(known, tmp_path, capsys):
    paths = pictures(tmp_path / "mine", *known)
    out = tmp_path / "trained"
    options = ["--data", *map(str, paths), "--side", str(SIDE), "--out", str(out)]
    options += ["--epochs", "30", "--batch-size", "8", "--hidden", "16"]
    options += ["--json", str(tmp_path / "result.json")]
    assert main(["train", *options]) == 0
    said = capsys.readouterr().out
    assert "120 images of 6 x 6 pixels in 3 classes" in said
    assert "86 to train on, 17 to watch, 17 for the test" in said
    error = float(re.search(r"test error ([\d.]+)%", said)[1])
    assert error < 10
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert result["sizes"] == [SIDE * SIDE, 16, 3]
    assert round(100 * result["test_error"], 2) == error
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("<img ") == page.count(' alt="') >= 2
    assert f"Test error {error:.2f}%" in page
    picture_of_b = str(next((tmp_path / "mine" / "class b").iterdir()))
    broken = tmp_path / "broken.png"
    broken.write_text("no picture")
    assert main(["predict", str(out / "model.npz"), str(broken), picture_of_b]) == 1
    said = capsys.readouterr()
    assert re.search(r": class b \d+\.\d%, class", said.out)
    assert "cannot be read as a picture" in said.err


def test_images_to_test_on_may_be_apart(known, tmp_path, capsys):
    x, y = known
    np.savez(tmp_path / "train.npz", x=x, y=y)
    np.savez(tmp_path / "test.npz", x=x[:60], y=y[:60])
    np.savez(tmp_path / "other.npz", x=x[:60], y=y[:60] % 2)
    options = ["--data", str(tmp_path / "train.npz"), "--out", str(tmp_path), "--epochs", "1"]
    assert main(["train", *options, "--test-data", str(tmp_path / "test.npz")]) == 0
    assert "103 to train on, 17 to watch, 60 for the test" in capsys.readouterr().out
    assert main(["train", *options, "--test-data", str(tmp_path / "other.npz")]) == 1
    assert "has other classes" in capsys.readouterr().err


def test_a_picture_with_light_and_dark_swapped_is_noticed(known, tmp_path, capsys):
    x, y = known
    out = tmp_path / "trained"
    paths = pictures(tmp_path / "mine", x, y)
    options = ["--data", *map(str, paths), "--side", str(SIDE), "--out", str(out), "--epochs", "1"]
    assert main(["train", *options]) == 0
    Image.fromarray(255 - x[0]).save(tmp_path / "dark.png")
    assert main(["predict", str(out / "model.npz"), str(tmp_path / "dark.png")]) == 0
    assert "try --invert" in capsys.readouterr().out
    assert main(["predict", "--invert", str(out / "model.npz"), str(tmp_path / "dark.png")]) == 0
    assert "try --invert" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["none.npz", "model.npz"])
def test_a_model_that_is_none_is_said(name, tmp_path, capsys):
    (tmp_path / "model.npz").write_text("nothing")
    (tmp_path / "model.json").write_text("{}" if name == "model.npz" else "[")
    assert main(["predict", str(tmp_path / name), "a.png"]) == 1
    assert capsys.readouterr().err.startswith("predict: ")


def test_the_page_says_what_is_stored_of_fashion_mnist():
    stored = json.loads((ROOT / "benchmarks/results/fashion_mnist.json").read_text())
    page = (ROOT / "docs/your_own_images.md").read_text(encoding="utf-8")
    errors = [100 * error for error in stored["test_error"]]
    assert f"20 epochs | {np.mean(errors):.1f} % | `train" in page
    assert f"{min(errors):.1f} to {max(errors):.1f} %" in page
    assert stored["command"].removeprefix("nnfromscratch ").removesuffix(" --seed SEED") in page
