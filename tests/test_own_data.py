"""Images of one's own: found in every form, refused with a reason, trained on and asked about."""

import gzip
import json
import re
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from nnfromscratch.__main__ import main
from nnfromscratch.own_data import describe, load_images, picture
from tests.test_data import SCALES

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
        # Faint noise in the last pixel might be labels, too.
        images = load_images(paths, side=SIDE, label_column=0 if form == "csv" else None)
        assert images.x.dtype == np.float32
        assert images.y.dtype == np.int64
        assert images.shape == (SIDE, SIDE)
        order = np.argsort(y, kind="stable") if form == "pictures" else slice(None)
        np.testing.assert_allclose(images.x, x.reshape(N, -1)[order] / 255, atol=1e-6, err_msg=form)
        np.testing.assert_array_equal(images.y, y[order], form)
        names = ("class a", "class b", "class c") if form == "pictures" else ("0", "1", "2")
        assert images.classes == names


def test_emnist_is_turned_upright_in_every_form(known, tmp_path):
    x, y = known
    paths = forms(tmp_path, x, y)
    for form in ("idx", "npz", "csv"):
        column = 0 if form == "csv" else None
        images = load_images(paths[form], transposed=True, label_column=column)
        upright = images.x.reshape(N, SIDE, SIDE)
        np.testing.assert_allclose(upright, x.swapaxes(1, 2) / 255, atol=1e-6, err_msg=form)


@pytest.mark.parametrize(("pixels", "dtype", "white"), [*SCALES, ([0, 1, 0, 1], bool, 1)])
def test_what_is_white_in_an_array_is_known_or_asked_for(pixels, dtype, white, tmp_path):
    path = tmp_path / "a.npz"
    images = np.tile(np.array(pixels, dtype).reshape(2, 2), (20, 1, 1))
    np.savez(path, x=images, y=np.arange(20) % 2)
    if white:
        expected = np.array(pixels, float) / white
        np.testing.assert_allclose(load_images([path]).x, [expected] * 20, rtol=1e-3)
        return
    with pytest.raises(ValueError) as caught:
        load_images([path])
    said = f"{path} has pixels from {min(pixels):g} to {max(pixels):g} ({np.dtype(dtype)})"
    assert str(caught.value).startswith(f"load_images: {said}")
    assert "np.rint(x / white * 255)" in str(caught.value)


def test_zeros_and_ones_that_are_floats_are_black_and_white(tmp_path):
    x = np.tile(np.eye(2, dtype=np.float32), (20, 1, 1))
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(20) % 2)
    np.testing.assert_array_equal(load_images([tmp_path / "a.npz"]).x, x.reshape(20, 4))


Y = np.arange(20) % 2
X = np.tile(np.uint8([[0, 255], [99, 0]]), (20, 1, 1))


@pytest.mark.parametrize(
    "arrays",
    [
        {"x": X, "y": Y.astype(float)},
        {"x": X, "y": Y.astype(float), "ids": np.arange(20)},
        {"x": X, "group": Y[::-1], "Labels": Y},
        {"x": X, "y": Y, "labels": np.array(["zero", "one"])},  # the names of classes 0 and 1
        {"x": X, "mean": np.zeros((2, 2)), "target": Y},
    ],
)
def test_labels_are_found_among_other_arrays(arrays, tmp_path):
    np.savez(tmp_path / "a.npz", **arrays)
    images = load_images([tmp_path / "a.npz"])
    assert images.y.tolist() == Y.tolist()
    assert images.classes == ("0", "1")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": X, "ids": Y, "group": Y}, "it holds x (20, 2, 2) uint8, ids (20,) int64, group"),
        ({"x": X, "y": Y, "labels": Y}, "must hold one array of images"),
        ({"x": X, "ids": Y, "y": Y[1:]}, "y (19,) int64"),
        ({"x": X, "y": Y[:, np.newaxis]}, "labels are y.ravel() from (N, 1)"),
        ({"x": X, "y": np.eye(2)[Y]}, "y.argmax(axis=1) from one-hot rows (N, C)"),
        ({"x": X.reshape(20, 4), "ids": Y, "y": np.eye(2)[Y]}, "must hold one array of images"),
        ({"x": X, "a": X, "y": Y}, "must hold one array of images"),
        ({"x": X, "ids": Y, "y": Y / 2}, "has the label 0.5; labels are whole numbers"),
        ({"x": X, "y": np.where(Y, np.inf, 0)}, "has the label inf; labels are whole numbers"),
        ({"x": X, "y": Y.astype(object)}, "y.astype(str) for labels"),
        ({"x": X[:0], "y": Y[:0]}, "holds no images"),
    ],
)
def test_doubtful_arrays_are_refused(arrays, words, tmp_path):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        load_images([tmp_path / "a.npz"])
    assert str(caught.value).startswith(f"load_images: {tmp_path / 'a.npz'} ")


def test_a_damaged_archive_is_named(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"^load_images: .*a\.npz cannot be read as arrays"):
        load_images([tmp_path / "a.npz"])


def test_a_label_column_is_for_csv_files(known, tmp_path):
    for form, paths in forms(tmp_path, *known).items():
        if form != "csv":
            with pytest.raises(ValueError, match="label_column is for CSV files"):
                load_images(paths, label_column=-1)


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


RAMP = np.linspace(0, 1, 16 * 16).reshape(16, 16)


@pytest.mark.parametrize("kind", ["RGBA", "LA", "P", "PA"])
def test_a_transparent_ground_is_white_paper(kind, tmp_path):
    ink = np.zeros((8, 8, 4), np.uint8)
    ink[:, 4:, 3] = 255  # black on the right, and nothing on the left, which is black too
    image = Image.fromarray(ink)
    path = tmp_path / ("a.tif" if kind == "PA" else "a.png")
    if kind == "P":
        image = Image.fromarray((ink[..., 3] // 255).astype(np.uint8))
        image = image.convert("P")
        image.putpalette([0] * 6)
        image.save(path, transparency=0)
    else:
        image.convert("LA" if kind == "PA" else kind).save(path)
    np.testing.assert_array_equal(picture(path, (8, 8)), [[1] * 4 + [0] * 4] * 8)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_a_picture_of_16_bits_keeps_its_greys(name, tmp_path):
    Image.fromarray(np.rint(RAMP * 65535).astype(np.uint16)).save(tmp_path / name)
    np.testing.assert_allclose(picture(tmp_path / name, (16, 16)), RAMP, atol=0.0021)


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_a_picture_of_32_bits_is_refused(dtype, tmp_path):
    Image.fromarray((255 * RAMP).astype(dtype)).save(tmp_path / "a.tif")
    words = f"picture: {tmp_path / 'a.tif'} cannot be read as a picture: nothing says which"
    with pytest.raises(ValueError, match=f"^{re.escape(words)}"):
        picture(tmp_path / "a.tif", (16, 16))


def test_a_photograph_stands_upright(tmp_path):
    pixels = np.zeros((8, 16), np.uint8)
    pixels[:, :8] = 255
    exif = Image.Exif()
    exif[274] = 6  # taken with the camera turned: the left of the file is the top
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(picture(tmp_path / "a.png", (16, 8))[:, 3], [1] * 8 + [0] * 8)


def spoil(path, how):
    path.write_bytes(b"no picture" if how == "corrupt" else path.read_bytes()[:-30])


@pytest.mark.parametrize("how", ["corrupt", "cut short"])
def test_a_bad_picture_is_left_out_and_named(how, known, tmp_path):
    (folder,) = pictures(tmp_path / "mine", *known)
    for i in (3, 4):
        spoil(folder / f"class {'abc'[i % 3]}" / f"{i:03}.png", how)
    images = load_images([folder], side=SIDE)
    assert len(images.x) == len(images.y) == N - 2
    assert np.bincount(images.y).tolist() == [39, 39, 40]
    said = "pictures that cannot be read: 2 left out, class a/003.png, class b/004.png"
    assert said in describe(images).splitlines()


def test_a_picture_that_is_far_too_large_is_a_bad_picture(known, tmp_path, monkeypatch):
    (folder,) = pictures(tmp_path / "mine", *known)
    Image.new("1", (99, 99)).save(folder / "class a" / "000.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    images = load_images([folder], side=SIDE)
    assert images.left_out == ("pictures that cannot be read: 1 left out, class a/000.png",)


def test_a_folder_of_mostly_bad_pictures_is_refused(known, tmp_path):
    (folder,) = pictures(tmp_path / "mine", *known)
    for path in sorted(folder.rglob("*.png"))[:61]:
        spoil(path, "corrupt")
    words = f"load_images: {folder}: 61 of 120 pictures cannot be read; picture: "
    with pytest.raises(ValueError, match=f"^{re.escape(words)}"):
        load_images([folder], side=SIDE)


def test_what_systems_leave_in_folders_is_passed_over(known, tmp_path):
    (folder,) = pictures(tmp_path / ".mine", *known)  # the folder's own name does not hide it
    for name in ("class a/._000.png", "class b/.ipynb_checkpoints/1.png", ".c/1.png",
                 "__MACOSX/class a/._000.png", "class a/__MACOSX/1.png"):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("no picture")
    (folder / "class a" / "folder.png").mkdir()
    images = load_images([folder], side=SIDE)
    assert len(images.x) == N
    assert images.classes == ("class a", "class b", "class c")
    assert images.left_out == ()


def test_a_folder_without_pictures_and_other_files_are_named(known, tmp_path):
    (folder,) = pictures(tmp_path / "mine", *known)
    for name in ("oak", "elm"):
        (folder / name).mkdir()
    for name in ("class a/notes", *(f"oak/{i:02}.HEIC" for i in range(12))):
        (folder / name).write_text("something else")
    Image.fromarray(known[0][0]).save(folder / "loose.png")
    images = load_images([folder], side=SIDE)
    assert images.classes == ("class a", "class b", "class c")
    assert len(images.x) == N
    assert images.left_out == (
        "folders without a picture: 2 left out, elm, oak",
        "files that end in none of .png .jpg .jpeg .gif .bmp .tif .tiff .webp: 13 left out, "
        "class a/notes, " + ", ".join(f"oak/{i:02}.HEIC" for i in range(9)) + ", ...",
        "pictures in no folder of a class: 1 left out, loose.png",
    )


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right of their own there")
def test_a_class_may_be_a_link_to_a_folder(known, tmp_path):
    (folder,) = pictures(tmp_path / "mine", *known)
    (folder / "class a").rename(tmp_path / "elsewhere")
    (folder / "class a").symlink_to(tmp_path / "elsewhere")
    images = load_images([folder], side=SIDE)
    assert images.classes == ("class a", "class b", "class c")
    assert images.left_out == ()


def test_what_was_left_out_is_said_where_nothing_is_left(known, tmp_path):
    (folder,) = pictures(tmp_path / "mine", known[0], 0 * known[1])
    (folder / "oak").mkdir()
    with pytest.raises(
        ValueError, match=r"\(folders without a picture: 1 left out, oak\) has 1 different"
    ):
        load_images([folder], side=SIDE)


def test_a_class_with_too_few_pictures_is_called_by_its_name(known, tmp_path):
    with pytest.raises(ValueError, match="has 6 images of the class class c"):
        load_images(pictures(tmp_path, known[0][:20], known[1][:20]), side=SIDE)


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
        (lambda p, x, y: np.savez(p / "a.npz", x=x * np.nan, y=y) or [p / "a.npz"], "from nan"),
        (lambda p, x, y: pictures(p, x // 16, y), "has pixels from 0 to 0.0"),
        (lambda p, x, y: [p / "a.csv"] * bool((p / "a.csv").write_text("label,a,b,c,d\n")),
         "holds no images"),
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
    said = capsys.readouterr().out
    assert "103 to train on, 17 to watch, 60 for the test" in said
    copies = "60 of 60 images of --test-data are exact copies of some of --data"
    assert copies in said
    assert copies in (tmp_path / "report.html").read_text(encoding="utf-8")
    np.savez(tmp_path / "test.npz", x=x[:60, ::-1] // 2, y=y[:60])
    assert main(["train", *options, "--test-data", str(tmp_path / "test.npz")]) == 0
    assert "images of --test-data" not in capsys.readouterr().out
    assert main(["train", *options, "--test-data", str(tmp_path / "other.npz")]) == 1
    assert "has other classes" in capsys.readouterr().err


def test_what_is_left_out_of_the_test_is_said(known, tmp_path, capsys):
    (folder,) = pictures(tmp_path / "mine", *known)
    (test,) = pictures(tmp_path / "test", *known)
    spoil(test / "class a" / "000.png", "corrupt")
    options = ["--data", str(folder), "--test-data", str(test), "--side", str(SIDE)]
    assert main(["train", *options, "--epochs", "1", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "--test-data: pictures that cannot be read: 1 left out, class a/000.png" in said
    assert "119 of 119 images of --test-data are exact copies" in said


def test_the_label_column_is_asked_for_and_given_in_the_terms_of_the_command(
    known, tmp_path, capsys
):
    x, y = known
    rows = np.column_stack([x.reshape(N, -1), y])
    np.savetxt(tmp_path / "a.csv", rows, "%d", ",")
    names = [f"p{i}" for i in range(SIDE * SIDE)]
    np.savetxt(tmp_path / "b.csv", rows, "%d", ",", header=",".join([*names, "kind"]), comments="")
    options = ["--epochs", "1", "--out", str(tmp_path / "out"), "--data"]
    for name, column, advice in (
        ("a.csv", "-1", "say --label-column 0 or --label-column -1"),
        ("b.csv", "kind", "as in --label-column 'p0'"),
    ):
        assert main(["train", *options, str(tmp_path / name)]) == 1
        said = capsys.readouterr().err
        assert advice in said
        assert "label_column" not in said
        assert main(["train", *options, str(tmp_path / name), "--label-column", column]) == 0
        assert "120 images of 6 x 6 pixels in 3 classes" in capsys.readouterr().out
    assert main(["train", *options, str(tmp_path / "a.csv"), "--label-column", "99"]) == 1
    assert "has no column 99 for --label-column" in capsys.readouterr().err


def test_predict_goes_on_behind_whatever_cannot_be_read(known, tmp_path, monkeypatch, capsys):
    (folder,) = pictures(tmp_path / "mine", *known)
    out = tmp_path / "trained"
    options = ["--data", str(folder), "--side", str(SIDE), "--out", str(out), "--epochs", "1"]
    assert main(["train", *options]) == 0
    capsys.readouterr()
    Image.new("1", (99, 99)).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    bad = [tmp_path / "large.png", tmp_path / "none.png", folder]
    good = folder / "class a" / "000.png"
    assert main(["predict", str(out / "model.npz"), *map(str, [*bad, good])]) == 1
    said = capsys.readouterr()
    assert said.out.startswith(f"{good}: class ")
    assert [line.split(" cannot be read")[0] for line in said.err.splitlines()] == [
        f"predict: picture: {path}" for path in bad
    ]


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
