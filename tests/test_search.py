"""The search over settings: what it writes, and that it goes on where it was interrupted."""

import csv

import numpy as np
import pytest

import nnfromscratch as nn
from nnfromscratch import __main__, search


@pytest.fixture
def quick(monkeypatch):
    """Settings whose errors are made up, and the list of those that were asked for."""
    asked = []

    def error_of(setting):
        asked.append(setting)
        return abs(setting.learning_rate - 0.1) + setting.hidden / 1e4 + setting.batch_size / 1e5

    def trained(setting, x, y):
        assert len(x) == 60_000  # training images, all of them, and no test image
        return nn.mlp([784, setting.hidden, 10], rng=np.random.default_rng(0))

    monkeypatch.setattr(search, "validation_error", error_of)
    monkeypatch.setattr(search, "trained", trained)
    return asked


def run(folder, *more):
    files = ("--results", str(folder / "found.csv"), "--out", str(folder / "best.npz"))
    return __main__.main(["search", *files, *more])


def test_24_settings_in_a_table_and_the_best_saved(quick, tmp_path, capsys):
    assert run(tmp_path) == 0
    assert len(quick) == len(set(quick)) == 24
    rows = list(csv.DictReader((tmp_path / "found.csv").read_text().splitlines()))
    errors = [float(row["validation_error"]) for row in rows]
    assert len(rows) == 24
    assert errors == sorted(errors)
    assert (rows[0]["learning_rate"], rows[0]["hidden"], rows[0]["batch_size"]) == (
        "0.1",
        "100",
        "64",
    )
    nn.mlp([784, 100, 10], rng=np.random.default_rng(1)).load(tmp_path / "best.npz")
    assert "best: rate 0.1, 100 units, batches of 64" in capsys.readouterr().out


def test_an_interrupted_search_goes_on_where_it_was(quick, tmp_path, monkeypatch, capsys):
    real = search.validation_error

    def interrupted(setting):
        if len(quick) == 5:
            raise KeyboardInterrupt
        return real(setting)

    monkeypatch.setattr(search, "validation_error", interrupted)
    assert run(tmp_path) == 130
    assert "goes on from" in capsys.readouterr().out
    assert len(search.read_results(tmp_path / "found.csv")) == 5
    monkeypatch.setattr(search, "validation_error", real)
    assert run(tmp_path) == 0
    assert len(quick) == len(set(quick)) == 24
    assert run(tmp_path, "--epochs", "4") == 0  # other settings: none of them is done
    assert len(quick) == 48


def test_two_searches_share_a_file(quick, tmp_path, monkeypatch):
    real = search.validation_error

    def another_is_done(setting):
        if len(quick) == 5 and setting.epochs == 3:
            assert run(tmp_path, "--epochs", "7") == 0
        return real(setting)

    monkeypatch.setattr(search, "validation_error", another_is_done)
    assert run(tmp_path) == 0
    assert len(search.read_results(tmp_path / "found.csv")) == 48


@pytest.mark.parametrize("setting", ["--images=-5", "--epochs=0", "--seed=-1"])
def test_a_setting_out_of_range_is_a_sentence(quick, tmp_path, capsys, setting):
    assert run(tmp_path, setting) == 1
    assert f"search: {setting.split('=')[0]} must " in capsys.readouterr().err
    assert not quick


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "\x00\xff", "learning_rate\nmany\n"])
def test_a_file_of_something_else_is_a_sentence(quick, tmp_path, capsys, text):
    (tmp_path / "found.csv").write_bytes(text.encode("latin-1"))
    assert run(tmp_path) == 1
    assert "does not hold the results of a search" in capsys.readouterr().err
    assert not quick


def test_no_scheduler_is_a_sentence(quick, tmp_path, capsys):
    pytest.importorskip("distributed")
    assert run(tmp_path, "--scheduler", "tcp://127.0.0.1:9", "--patience", "0.5") == 1
    assert "search: distributed: no scheduler answers" in capsys.readouterr().err


def test_a_setting_that_diverges_is_the_worst():
    setting = search.Setting(1e30, 10, 64, 1, 256, 0)
    assert search.validation_error(setting) == 1.0
