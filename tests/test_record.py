"""The record: runs that can be repeated, cheats that are noticed, and the stored networks."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

import nnfromscratch as nn
from nnfromscratch import __main__, audit, record
from nnfromscratch.record import Recipe

TINY = Recipe((784, 6, 10), 3, images=400, batch_size=50)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of three epochs."""
    folder = tmp_path_factory.mktemp("record") / "run"
    record.train(TINY, 4, folder, progress=False)
    return folder


def copied(folder, target):
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_an_epoch_that_is_run_again_gives_the_same_bits(finished, epoch):
    assert record.replay(finished, epoch, progress=False) == 0


def test_a_run_that_was_stopped_goes_on_to_the_same_bits(finished, tmp_path):
    record.train(TINY, 4, tmp_path / "run", epochs=1, progress=False)
    record.train(TINY, 4, tmp_path / "run", epochs=1, progress=False)
    record.train(TINY, 4, tmp_path / "run", progress=False)
    there, here = record.read_run(finished)[2], record.read_run(tmp_path / "run")[2]
    assert [line["sha256"] for line in here] == [line["sha256"] for line in there]


def test_a_run_that_was_stopped_between_checkpoint_and_log(finished, tmp_path, monkeypatch):
    def stopped(model):
        raise KeyboardInterrupt

    record.train(TINY, 4, tmp_path / "run", epochs=1, progress=False)
    with monkeypatch.context() as patch:
        patch.setattr(record, "digest", stopped)
        record.train(TINY, 4, tmp_path / "run", epochs=1, progress=False)
    assert (tmp_path / "run" / "epoch_002.npz").exists()
    record.train(TINY, 4, tmp_path / "run", progress=False)
    there, here = record.read_run(finished)[2], record.read_run(tmp_path / "run")[2]
    assert [line["sha256"] for line in here] == [line["sha256"] for line in there]


def test_a_swapped_weight_file_is_noticed(finished, tmp_path):
    folder = copied(finished, tmp_path / "run")
    (folder / "epoch_002.npz").write_bytes((folder / "epoch_003.npz").read_bytes())
    with pytest.raises(ValueError, match="the weights of epoch 2 are not the log's"):
        record.replay(folder, 3, progress=False)


def test_a_skipped_epoch_is_noticed(finished, tmp_path):
    folder = copied(finished, tmp_path / "run")
    lines = (folder / "log.jsonl").read_text().splitlines()
    (folder / "log.jsonl").write_text("\n".join([lines[0], lines[2]]) + "\n")
    with pytest.raises(ValueError, match="does not count every epoch once"):
        record.replay(folder, 2, progress=False)
    # Counted anew, with the checkpoint renamed: the log is whole, but the epoch does not follow.
    moved = json.loads(lines[2]) | {"epoch": 2}
    (folder / "log.jsonl").write_text("\n".join([lines[0], json.dumps(moved)]) + "\n")
    (folder / "epoch_003.npz").replace(folder / "epoch_002.npz")
    assert record.replay(folder, 2, progress=False) > 1e-3


def test_test_images_in_training_are_noticed(tmp_path, monkeypatch):
    _, _, x_test, y_test = nn.load_mnist()
    with monkeypatch.context() as patch:
        patch.setattr(record, "load_mnist", lambda: (x_test, y_test, x_test, y_test))
        record.train(TINY, 4, tmp_path / "run", progress=False)
    assert record.replay(tmp_path / "run", 2, progress=False) > 1e-3


def test_a_folder_of_another_run_is_left_alone(finished):
    before = sorted(path.name for path in finished.iterdir())
    with pytest.raises(ValueError, match="holds another run; name another folder"):
        record.train(TINY, 5, finished, progress=False)
    assert sorted(path.name for path in finished.iterdir()) == before


def test_a_run_that_was_begun_before_a_setting_was_there_goes_on(finished, tmp_path):
    folder = copied(finished, tmp_path / "run")
    settings = json.loads((folder / "recipe.json").read_text())
    del settings["falling"]
    (folder / "recipe.json").write_text(json.dumps(settings))
    record.train(TINY, 4, folder, progress=False)


def test_a_folder_whose_recipe_is_lost_or_damaged_is_left_alone(finished, tmp_path):
    folder = copied(finished, tmp_path / "run")
    for text in ("{", "[]", '{"seed": 4, "sizes": [784, 10], "epoch": 3}'):
        (folder / "recipe.json").write_text(text)
        with pytest.raises(ValueError, match=r"recipe\.json is no recipe"):
            record.train(TINY, 4, folder, progress=False)
    (folder / "recipe.json").unlink()
    with pytest.raises(ValueError, match=r"holds a run without recipe\.json"):
        record.train(TINY, 9, folder, progress=False)


def test_a_line_of_the_log_that_was_cut_off_costs_its_epoch_alone(finished, tmp_path):
    folder = copied(finished, tmp_path / "run")
    log = (folder / "log.jsonl").read_bytes()
    (folder / "log.jsonl").write_bytes(log[:-40])
    record.train(TINY, 4, folder, progress=False)
    there, here = record.read_run(finished)[2], record.read_run(folder)[2]
    assert [line["sha256"] for line in here] == [line["sha256"] for line in there]


def test_a_checkpoint_with_a_nan_in_it_is_not_what_the_epoch_gives(finished, tmp_path):
    folder = copied(finished, tmp_path / "run")
    with np.load(folder / "epoch_002.npz") as stored:
        arrays = dict(stored)
    arrays["model b2"][0] = np.nan
    np.savez(folder / "epoch_002.npz", **arrays)
    model = TINY.network(np.random.default_rng(0))
    record.load_epoch(model, folder, 2)
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    lines[1]["sha256"] = record.digest(model)
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert np.isnan(record.replay(folder, 2, progress=False))


def test_digits_that_are_turned_less():
    x, _, _, _ = nn.load_mnist()
    upright = replace(TINY, scaling=0.0, shear=0.0, elastic=0.0, rotation=40.0)
    (rows, labels), _ = record.training_data(upright)
    changed = upright.distort(rows, rng=np.random.default_rng(0))
    moved = abs(changed - x[:400]).sum(axis=1) / x[:400].sum(axis=1)
    less = np.isin(labels, record.UPRIGHT)
    assert set(rows[less, -1]) == {0.5}
    assert set(rows[~less, -1]) == {1.0}
    assert moved[less].mean() < moved[~less].mean()


def test_label_smoothing_is_the_cross_entropy_of_its_target():
    rng = np.random.default_rng(3)
    z, y = rng.normal(size=(7, 5)), rng.integers(0, 5, 7)
    target = 0.9 * np.eye(5)[y] + 0.1 / 5
    value, dz = record.smoothed(0.1)(z, y)
    e = np.exp(z)
    assert np.isclose(value, -(target * np.log(e / e.sum(axis=1, keepdims=True))).sum() / 7)
    for n, c in np.ndindex(z.shape):
        step = np.zeros(z.shape, complex)
        step[n, c] = 1e-20j
        p = np.exp(z + step) / np.exp(z + step).sum(axis=1, keepdims=True)
        assert np.isclose(dz[n, c], (-(target * np.log(p)).sum() / 7).imag / 1e-20)


def test_deskewing_makes_rows_and_columns_independent():
    x, _, _, _ = nn.load_mnist()
    images = record.deskew(x[:300]).reshape(-1, 28, 28).astype(float)
    r, c = np.mgrid[:28, :28]
    for before, image in zip(x[:50].reshape(-1, 28, 28), images[:50], strict=True):
        down, right = ndimage.center_of_mass(image)
        covariance = (image * (r - down) * (c - right)).sum() / image.sum()
        # A twentieth of the variance is a slant of 3 degrees, which sampling between pixels leaves.
        assert abs(covariance) < 0.05 * (before * (r - down) ** 2).sum() / before.sum()
    assert np.allclose(images.sum(axis=(1, 2)), x[:300].sum(axis=1), rtol=0.1)


def test_a_digit_is_stretched_to_a_width_about_its_middle():
    image = np.zeros((28, 28))
    image[5:20, 10:18] = 1.0  # 8 wide, with its middle at 13.5 and rows that stay where they are
    wide = record.of_width(image.reshape(1, -1), 16).reshape(28, 28)
    expected = np.zeros((28, 28))
    expected[5:20, 6:22] = 1.0
    assert np.array_equal(wide > 0.5, expected > 0.5)
    assert np.isclose(wide.sum(), 2 * image.sum())
    moved = np.roll(image, 4, axis=1)
    assert np.allclose(record.of_width(moved.reshape(1, -1), 16).reshape(28, 28), wide)
    with pytest.raises(ValueError, match="width"):
        record.of_width(image.reshape(1, -1), 0)


def test_one_look_is_the_log_probabilities_of_the_prepared_image():
    x, _, _, _ = nn.load_mnist()
    recipe = replace(TINY, deskewed=True)
    model = recipe.network(np.random.default_rng(1))
    rng = np.random.default_rng(0)
    found = record.log_probabilities(model, x[:700], recipe, rng=rng, views=0)
    expected = nn.log_softmax(model.forward(record.deskew(x[:700])))
    assert np.allclose(found, expected, atol=1e-6)


def test_the_errors_of_the_stored_networks_are_counted_again():
    for who, stored, counted in audit.counts(audit.record_networks()):
        assert abs(counted - stored) <= 1, who
    assert sum(path.stat().st_size for path in audit.WEIGHTS.iterdir()) < 8e6


def test_stored_weights_that_are_not_the_records_are_refused(tmp_path):
    for path in audit.WEIGHTS.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    first, second = sorted(tmp_path.glob("larger_*"))[:2]
    first.write_bytes(second.read_bytes())
    with pytest.raises(ValueError, match="does not hold the weights whose hash is stored"):
        audit.record_networks(tmp_path)
    first.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="cannot be read"):
        audit.record_networks(tmp_path)


def test_the_command(finished, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(record.RECIPES, "minutes", TINY)
    run = ["record", "--out", str(tmp_path / "run"), "--seed", "4"]
    assert __main__.main([*run, "--run", "minutes"]) == 0
    assert __main__.main([*run, "--replay", "2"]) == 0
    assert "bit for bit" in capsys.readouterr().out
    assert __main__.main([*run, "--replay", "4"]) == 1
    assert "epoch must be at most 3, got 4" in capsys.readouterr().err
    assert __main__.main(["record", "--out", str(tmp_path / "no"), "--replay", "1"]) == 1
    assert "is not the folder of a run" in capsys.readouterr().err
