"""Training by the workers of a Dask cluster: the same numbers, whatever happens to a worker."""

import contextlib
import gc
import logging
import os
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

import nnfromscratch as nn
from nnfromscratch import distributed, parallel, search

dask = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
PATIENCE = 120.0


@pytest.fixture(scope="module")
def cluster():
    """Two local worker processes, which a nanny starts again when they die."""
    with dask.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=":0",  # a free port; None takes 8787, and warns if it is taken
        silence_logs=logging.CRITICAL,
    ) as cluster:
        yield cluster


def data(n=50):
    rng = np.random.default_rng(5)
    return rng.normal(size=(n, 6)), rng.integers(0, 3, n)


def train(scheduler=None, **settings):
    """Train on the cluster, or without one on this computer."""
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        [nn.Linear(6, 5, rng=rng, dtype=np.float64), nn.Tanh(),
         nn.Linear(5, 3, rng=rng, dtype=np.float64)]
    )  # fmt: skip
    settings = {"optimizer": nn.Adam(0.05), "epochs": 2, "batch_size": 16} | settings
    given = settings.pop("data", data())
    if scheduler is None:
        return model, nn.fit(model, given, rng=rng, progress=False, **settings)
    settings = {"patience": PATIENCE} | settings
    return model, distributed.fit(
        model, given, scheduler=scheduler, rng=rng, progress=False, **settings
    )


def agree(found, expected):
    np.testing.assert_allclose(found[1].batch_loss, expected[1].batch_loss, rtol=1e-12)
    assert found[1].error == expected[1].error
    for name, array in expected[0].params.items():
        np.testing.assert_allclose(found[0].params[name], array, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("shards", [None, 1, 3, 16])
def test_any_number_of_shards_gives_the_numbers_of_one_computer(cluster, shards):
    settings = {"validation": data(9), "augment": lambda x, rng: x + rng.normal(size=x.shape)}
    found = train(cluster.scheduler_address, shards=shards, **settings)
    agree(found, train(**settings))


def test_add_up_weighs_shards_by_their_size():
    rng = np.random.default_rng(0)
    model = nn.mlp([6, 3], rng=rng)
    x, y = data(7)
    whole = distributed.shard_gradient(model.layers, x, y, nn.softmax_cross_entropy)
    cuts = [(x[:1], y[:1]), (x[1:3], y[1:3]), (x[3:], y[3:])]
    parts = [
        distributed.shard_gradient(model.layers, *cut, nn.softmax_cross_entropy) for cut in cuts
    ]
    summed = distributed.add_up(parts)
    assert summed.size == 7
    assert summed.loss == pytest.approx(whole.loss, rel=1e-12)
    for name, gradient in whole.gradients.items():
        np.testing.assert_allclose(summed.gradients[name], gradient, rtol=1e-6)
        means = np.mean([part.gradients[name] for part in parts], axis=0)
        assert np.abs(means - gradient).max() > 0.01  # the plain mean of means is another number


def test_a_worker_killed_in_the_middle_of_an_epoch_changes_no_number(cluster):
    with dask.Client(cluster.scheduler_address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=PATIENCE)
        pids = list(client.run(os.getpid).values())

    def accident(progress):
        if progress >= 0.5 and len(pids) == 2:
            psutil.Process(pids.pop()).kill()
        return 1.0

    expected = train(schedule=lambda progress: 1.0)
    agree(train(cluster.scheduler_address, schedule=accident, shards=2), expected)
    assert len(pids) == 1


def test_an_exception_in_a_worker_is_raised_here(cluster):
    x, y = data()
    with pytest.raises(ValueError, match="y"):
        train(cluster.scheduler_address, data=(x, y + 3))


def test_a_loss_that_is_not_finite_ends_it(cluster):
    x, y = data()
    x[7, 0] = np.nan
    with pytest.raises(nn.TrainingDiverged):
        train(cluster.scheduler_address, data=(x, y))


def test_a_search_on_the_cluster_finds_what_it_finds_here(cluster):
    settings = [search.Setting(rate, 10, 64, 1, 256, 0) for rate in (0.03, 0.1, 0.2)]
    here = dict(search.results(settings))
    assert dict(search.results(settings, cluster.scheduler_address, PATIENCE)) == here
    assert len(set(here.values())) == 3


def test_another_version_on_a_worker_is_a_sentence(cluster, monkeypatch):
    from distributed import versions

    here = versions._version_cached
    monkeypatch.setattr(
        versions, "_version_cached", lambda name: "0.9" if name == "numpy" else here(name)
    )
    with pytest.raises(RuntimeError, match=r"has numpy \d.*, but here it is 0.9"):
        train(cluster.scheduler_address)


def test_no_scheduler_is_a_sentence():
    with pytest.raises(ConnectionError, match=r"no scheduler answers at tcp://127\.0\.0\.1:9"):
        train("tcp://127.0.0.1:9", patience=0.5)


@pytest.mark.parametrize("scheduler", ["", "nonsense", "ftp://a:1", "tcp://127.0.0.1"])
def test_what_is_no_address_is_a_sentence(scheduler):
    with pytest.raises(ConnectionError, match="no scheduler answers at"):
        train(scheduler, patience=0.5)


def test_what_a_failed_try_leaves_behind_does_not_stop_the_next(monkeypatch):
    """Dask's thread collects garbage while it starts: a client in it would wait for that thread."""
    real = dask.utils.get_loop_factory
    monkeypatch.setattr(dask.utils, "get_loop_factory", lambda: (gc.collect(), real())[1])
    for scheduler in ("nonsense", "tcp://127.0.0.1:9", "nonsense"):
        with pytest.raises(ConnectionError, match="no scheduler answers at"):
            train(scheduler, patience=0.5)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"scheduler": 8786}, TypeError, "scheduler must be an address"),
        ({"scheduler": "tcp://127.0.0.1:9", "shards": 0}, ValueError, "shards must be at least 1"),
        ({"scheduler": "tcp://127.0.0.1:9", "patience": 0}, ValueError, "patience must be"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_tried(settings, error, message):
    with pytest.raises(error, match=message):
        train(**settings)


def test_batch_norm_is_refused():
    model = nn.Sequential([nn.BatchNorm(6), nn.Linear(6, 3, rng=np.random.default_rng(0))])
    with pytest.raises(ValueError, match="looks at the whole batch"):
        distributed.fit(
            model, data(), scheduler="tcp://127.0.0.1:9", optimizer=nn.SGD(0.1), epochs=1,
            batch_size=16, rng=np.random.default_rng(0),
        )  # fmt: skip


def test_without_dask_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install \"nnfromscratch\[cluster\]\""):
        train("tcp://127.0.0.1:9")


@contextlib.contextmanager
def started(*command):
    process = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli." + command[0], *command[1:]],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def written(path):
    """The address in a scheduler's file, once it is there."""
    import json

    for _ in range(1_200):
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            return json.loads(path.read_text())["address"]
        time.sleep(0.1)
    raise TimeoutError(path)


def lose(process):
    """A schedule that kills a process when half of the run is over."""
    return lambda progress: 1.0 if progress < 0.5 else process.kill() or 1.0


def test_a_scheduler_started_apart_and_lost(tmp_path):
    file = tmp_path / "scheduler.json"
    apart = ("--host", "127.0.0.1", "--port", "0", "--dashboard-address", ":0")
    with started("dask_scheduler", *apart, "--scheduler-file", str(file)) as scheduler:
        address = written(file)
        with pytest.raises(ConnectionError, match="has no workers; start one or more with"):
            train(address, patience=0.5)
        worker = ("dask_worker", address, "--no-nanny", "--nthreads", "1", "--no-dashboard",
                  "--local-directory", str(tmp_path))  # fmt: skip
        with started(*worker) as process:
            agree(train(address), train())
            with pytest.raises(parallel.WorkersLost, match="no worker has been left for 1 s"):
                train(address, schedule=lose(process), patience=1)
        with (
            started(*worker),
            pytest.raises(parallel.WorkersLost, match="before is as it was"),
        ):
            train(address, schedule=lose(scheduler), patience=20)
