"""The command line: a run, its files, its options, its end by Ctrl-C."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import nnfromscratch as nn
from nnfromscratch import __main__ as command_line
from nnfromscratch import _files, verification
from nnfromscratch.__main__ import main

PNG = b"\x89PNG\r\n"


def test_a_small_run_writes_its_files(tmp_path, capsys, mnist):
    out, json_file = tmp_path / "a" / "b", tmp_path / "results" / "result.json"
    options = ["--epochs", "2", "--hidden", "12", "8", "--batch-size", "500", "--seed", "3"]
    status = main(["train", *options, "--out", str(out), "--json", str(json_file)])
    assert status == 0
    assert sorted(os.listdir(out)) == ["learning_curve.png", "model.npz"]
    assert (out / "learning_curve.png").read_bytes().startswith(PNG)

    result = json.loads(json_file.read_text())
    seconds = result["seconds_per_epoch"]
    assert len(seconds) == 2
    assert result["seconds_training"] == pytest.approx(sum(seconds))
    sizes = [784, 12, 8, 10]
    assert result | {"test_error": 0, "seconds_training": 0, "seconds_per_epoch": 0} == {
        "test_error": 0,
        "seconds_training": 0,
        "seconds_per_epoch": 0,
        "epochs": 2,
        "seed": 3,
        "sizes": sizes,
        "interrupted": False,
    }
    # The weights on file are those that were tested.
    model = nn.mlp(sizes, rng=np.random.default_rng()).load(out / "model.npz")
    assert nn.evaluate(model, *mnist[2:])[1] == result["test_error"] < 0.2

    printed, _ = capsys.readouterr()
    lines = printed.splitlines()
    assert lines[0] == "784 pixels to 10 digits, layers 784-12-8-10, seed 3"
    assert [line.split(":")[0] for line in lines[1:3]] == ["epoch  1 of 2", "epoch  2 of 2"]
    assert lines[3].startswith(f"test error {result['test_error']:.2%} after ")
    assert len(lines) == 4


def test_default_settings_reach_two_percent(tmp_path, capsys):
    json_file = tmp_path / "result.json"
    assert main(["train", "--out", str(tmp_path), "--json", str(json_file)]) == 0
    result = json.loads(json_file.read_text())
    assert result["sizes"] == [784, 300, 10]
    assert result["seed"] == 0
    assert result["test_error"] <= 0.02


def test_the_seed_repeats_the_run(tmp_path, capsys):
    def weights(folder, seed):
        options = ["--epochs", "1", "--hidden", "--seed", seed, "--batch-size", "5000"]
        assert main(["train", *options, "--out", str(tmp_path / folder)]) == 0
        with np.load(tmp_path / folder / "model.npz") as file:
            return file["w1"]

    first = weights("first", "0")
    assert first.shape == (784, 10)  # no hidden layer
    np.testing.assert_array_equal(first, weights("again", "0"))
    assert not np.array_equal(first, weights("other", "1"))


def test_a_diverging_run_says_so_and_saves_nothing(tmp_path, capsys):
    out = tmp_path / "out"
    options = ["--epochs", "1", "--hidden", "10", "--learning-rate", "1e30"]
    assert main(["train", *options, "--out", str(out)]) == 1
    assert "fit: the loss is" in capsys.readouterr().err
    assert not out.exists()


@pytest.fixture
def no_work(monkeypatch):
    """Long work that must not even begin."""

    def work(*arguments, **settings):
        raise AssertionError("the work began before its outputs were checked")

    monkeypatch.setattr(command_line, "load_mnist", work)
    monkeypatch.setattr(verification, "verify", work)


@pytest.mark.parametrize(
    ("options", "refused", "reason"),
    [
        (["train", "--out", "file/out"], "file/out/model.npz", "file is no folder"),
        (["train", "--out", "out", "--json", "file/a.json"], "file/a.json", "file is no folder"),
        (["train", "--out", "out", "--json", "folder"], "folder", "it is a folder"),
        (["train", "--out", "full"], "full/model.npz", "it is a folder"),
        (["train", "--out", "half"], "half/learning_curve.png", "it is a folder"),
        (["train", "--out", "x" * 300], "x" * 300 + "/model.npz", "File name too long"),
        (["verify", "--markdown", "file/table.md"], "file/table.md", "file is no folder"),
        (["verify", "--markdown", "folder"], "folder", "it is a folder"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="other words for the same errors")
def test_outputs_are_checked_before_the_work(
    options, refused, reason, no_work, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("precious")
    for folder in ("folder", "full/model.npz", "half/learning_curve.png"):
        (tmp_path / folder).mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    assert main(options) == 1
    printed = capsys.readouterr()
    assert printed.err == f"{options[0]}: {refused} cannot be written: {reason}\n"
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("options", [["train"], ["verify", "--markdown"]])
def test_a_folder_without_the_right_to_write_is_noticed_at_once(
    options, no_work, tmp_path, monkeypatch, capsys
):
    def refuse(dir, **settings):
        raise PermissionError(13, "Permission denied", str(dir))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_files.tempfile, "TemporaryFile", refuse)
    assert main(options) == 1
    assert "cannot be written: Permission denied" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def small_run(*options):
    return ["train", "--epochs", "1", "--hidden", "--batch-size", "5000", *map(str, options)]


@pytest.mark.parametrize("broken", ["_save_curve", "_save_json"])
def test_weights_are_there_whatever_fails_after_them(broken, tmp_path, monkeypatch, capsys):
    def fail(*arguments):
        raise RuntimeError("no font")

    monkeypatch.setattr(command_line, broken, fail)
    assert main(small_run("--out", tmp_path, "--json", tmp_path / "result.json")) == 1
    printed = capsys.readouterr()
    what = "learning curve" if broken == "_save_curve" else "result"
    assert f"train: the {what} could not be saved (RuntimeError: no font)\n" in printed.err
    assert printed.out.endswith(f"of training; weights in {tmp_path / 'model.npz'}\n")
    left = {"learning_curve.png", "model.npz", "result.json"}
    left -= {"learning_curve.png"} if broken == "_save_curve" else {"result.json"}
    assert set(os.listdir(tmp_path)) == left
    nn.mlp([784, 10], rng=np.random.default_rng()).load(tmp_path / "model.npz")


def test_weights_are_not_lost_where_the_folder_refuses_them_after_all(
    tmp_path, monkeypatch, capsys
):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(command_line.tempfile, "tempdir", str(elsewhere))
    fit = command_line._fit

    def fit_and_lose_the_folder(*arguments):
        history = fit(*arguments)
        out.write_text("a file where the folder should be")
        return history

    monkeypatch.setattr(command_line, "_fit", fit_and_lose_the_folder)
    assert main(small_run("--out", out)) == 1
    (saved,) = elsewhere.rglob("model.npz")
    assert f"weights in {saved}\n" in capsys.readouterr().out
    nn.mlp([784, 10], rng=np.random.default_rng()).load(saved)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["dance"], "argument COMMAND: invalid choice: 'dance'"),
        (["train", "--epochs", "0"], "argument --epochs: must be positive, got 0"),
        (["train", "--epochs", "1.5"], "argument --epochs: invalid int value: '1.5'"),
        (["train", "--hidden", "10", "-3"], "argument --hidden: must be positive, got -3"),
        (["train", "--hidden", "0"], "argument --hidden: must be positive, got 0"),
        (["train", "--batch-size", "x"], "argument --batch-size: invalid int value: 'x'"),
        (
            ["train", "--learning-rate", "nan"],
            "argument --learning-rate: must be positive, got nan",
        ),
        (
            ["train", "--learning-rate", "inf"],
            "argument --learning-rate: must be positive, got inf",
        ),
        (["train", "--seed", "-1"], "argument --seed: must not be negative, got -1"),
        (["train", "--seed", "x"], "argument --seed: invalid int value: 'x'"),
        (
            ["train", "--out", __file__],
            f"argument --out: must be a folder, but {__file__} is a file",
        ),
        (["train", "--wide"], "unrecognized arguments: --wide"),
    ],
)
def test_wrong_options(options, message, capsys):
    with pytest.raises(SystemExit) as caught:
        main(options)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["train", "--help"])
    assert caught.value.code == 0
    printed = " ".join(capsys.readouterr().out.split())  # however wide the terminal is
    options = "hidden epochs batch-size learning-rate seed out json label-column"
    for option in options.split():
        assert f"--{option}" in printed
    assert "(default: 0.2)" in printed


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to whole consoles")
def test_ctrl_c_ends_the_run_with_what_it_has(tmp_path):
    # Under a shell's `&`, children ignore Ctrl-C; this one listens whatever it has inherited.
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from nnfromscratch.__main__ import main\n"
        "sys.exit(main())\n"
    )
    options = ["--epochs", "100000", "--hidden", "10", "--json", str(tmp_path / "result.json")]
    command = [sys.executable, "-u", "-c", code, "train", *options, "--out", str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            for line in process.stdout:
                if line.startswith("epoch  1 of"):
                    break
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130, rest
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["interrupted"]
    assert result["epochs"] == len(result["seconds_per_epoch"]) >= 1
    assert f"interrupted after {result['epochs']} of 100000 epochs; saved as it is" in rest
    model = nn.mlp([784, 10, 10], rng=np.random.default_rng()).load(tmp_path / "model.npz")
    assert model.params["b1"].any()
    assert (tmp_path / "learning_curve.png").read_bytes().startswith(PNG)


def test_the_package_runs_as_a_module():
    command = [sys.executable, "-m", "nnfromscratch", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: nnfromscratch")
