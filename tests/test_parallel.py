"""Training by several processes of one computer: the same numbers, and nothing left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

import nnfromscratch as nn
from nnfromscratch import parallel


def runs(process):
    """Whether a process runs; one that ends meanwhile, or that is a zombie, does not."""
    with contextlib.suppress(psutil.NoSuchProcess):  # of which ZombieProcess is a kind
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def children():
    """The processes that this one has started and that run still, but for Python's own."""
    found = []
    for process in filter(runs, psutil.Process().children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            if "resource_tracker" not in " ".join(process.cmdline()):
                found.append(process)
    return found


@pytest.fixture(autouse=True)
def nothing_left_behind():
    before = {p.pid for p in children()}
    memory = set(os.listdir("/dev/shm")) if Path("/dev/shm").exists() else set()
    yield
    assert {p.pid for p in children()} <= before
    if memory:
        left = set(os.listdir("/dev/shm")) - memory
        assert not [name for name in left if name.startswith(("pym-", "psm_"))], left


def data(n=50, dtype=np.float64):
    rng = np.random.default_rng(5)
    return rng.normal(size=(n, 6)).astype(dtype), rng.integers(0, 3, n)


def train(workers, *, layers=None, **settings):
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        layers
        or [nn.Linear(6, 5, rng=rng, dtype=np.float64), nn.Tanh(),
            nn.Linear(5, 3, rng=rng, dtype=np.float64)]
    )  # fmt: skip
    settings = {"optimizer": nn.Adam(0.05), "epochs": 2, "batch_size": 16} | settings
    given = settings.pop("data", data())
    history = nn.fit(model, given, rng=rng, progress=False, workers=workers, **settings)
    return model, history


def test_two_and_five_processes_give_the_numbers_of_one():
    # 50 rows in batches of 16: the last batch has 2 rows, fewer than there are workers.
    one, measured = train(1, validation=data(9))
    for workers in (2, 5):
        several, history = train(workers, validation=data(9))
        np.testing.assert_allclose(history.batch_loss, measured.batch_loss, rtol=1e-12)
        np.testing.assert_allclose(history.validation_loss, measured.validation_loss, rtol=1e-12)
        assert history.error == measured.error
        for name, array in one.params.items():
            np.testing.assert_allclose(several.params[name], array, rtol=1e-10, atol=1e-13)


def test_the_parameters_are_the_models_own_arrays_again():
    rng = np.random.default_rng(0)
    layer = nn.Linear(6, 3, rng=rng, dtype=np.float64)
    own, before = layer.params["w"], layer.params["w"].copy()
    model, _ = train(2, layers=[layer])
    assert model.params["w1"] is own
    assert np.abs(own - before).max() > 0.01


def test_losses_and_augmentation_need_not_be_sent_anywhere():
    settings = {
        "augment": lambda x, rng: x + rng.normal(size=x.shape),
        "loss": lambda z, y: tuple(2 * part for part in nn.softmax_cross_entropy(z, y)),
    }
    _, one = train(1, **settings)
    _, two = train(2, **settings)
    np.testing.assert_allclose(two.batch_loss, one.batch_loss, rtol=1e-12)


@pytest.mark.parametrize("layer", [nn.BatchNorm(5), nn.Dropout(0.5, rng=np.random.default_rng(0))])
def test_layers_for_which_rows_are_not_alone_are_refused(layer):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="would not give the numbers of one process"):
        train(2, layers=[nn.Linear(6, 5, rng=rng), layer, nn.Linear(5, 3, rng=rng)])


@pytest.mark.parametrize("module", ["__main__", "test_parallel"])
def test_a_layer_that_another_process_cannot_import_is_refused(module):
    class Doubler(nn.ReLU):
        __module__ = module

    if module == "__main__":
        Doubler.__qualname__ = "Doubler"
    rng = np.random.default_rng(0)
    with pytest.raises(TypeError, match="cannot import Doubler, which is defined in this notebook"):
        train(2, layers=[nn.Linear(6, 5, rng=rng), Doubler(), nn.Linear(5, 3, rng=rng)])


@pytest.mark.parametrize(
    ("workers", "error"), [(0, ValueError), (1.5, TypeError), (True, TypeError)]
)
def test_workers_is_a_whole_number(workers, error):
    with pytest.raises(error, match="fit: workers must be"):
        train(workers)


def test_a_killed_worker_is_a_sentence():
    def kill(progress):
        if progress > 0.5 and children():
            children()[0].kill()
        return 1.0

    with pytest.raises(parallel.WorkersLost, match="worker 2 has ended in the middle of a step"):
        train(2, schedule=kill)


def test_an_augmentation_that_changes_the_shape_is_refused():
    with pytest.raises(ValueError, match="augment must leave shape and dtype"):
        train(2, augment=lambda x, rng: x[:, :5])


def test_a_layer_that_fails_in_the_worker_alone(tmp_path, monkeypatch):
    (tmp_path / "fragile_layer.py").write_text(
        textwrap.dedent(
            """
            import multiprocessing
            import nnfromscratch as nn

            class Fragile(nn.ReLU):
                def forward(self, x, training=False):
                    if multiprocessing.parent_process() is not None:
                        raise FloatingPointError("only in the worker")
                    return super().forward(x, training)
            """
        )
    )
    monkeypatch.syspath_prepend(tmp_path)
    from fragile_layer import Fragile

    rng = np.random.default_rng(0)
    layers = [nn.Linear(6, 5, rng=rng, dtype=np.float64), Fragile(),
              nn.Linear(5, 3, rng=rng, dtype=np.float64)]  # fmt: skip
    with pytest.raises(FloatingPointError, match="only in the worker"):
        train(2, layers=layers)


def test_a_loss_that_is_not_finite_ends_it():
    x, y = data()
    x[7, 0] = np.nan
    with pytest.raises(nn.TrainingDiverged):
        train(2, data=(x, y))


def still_running(processes):
    """What of these runs after a minute; most end at once, one after the other."""
    last = time.monotonic() + 60
    while processes and time.monotonic() < last:
        time.sleep(0.05)
        processes = [p for p in processes if runs(p)]
    return processes


SCRIPT = """
import signal, sys
import numpy as np
import nnfromscratch as nn

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores Ctrl-C
rng = np.random.default_rng(0)
x, y = rng.normal(size=(4000, 6)), rng.integers(0, 3, 4000)
model = nn.mlp([6, 5, 3], rng=rng)
epochs = int(sys.argv[1])

def say(model, history):
    print("epoch", flush=True)

history = nn.fit(model, (x, y), optimizer=nn.SGD(0.1), epochs=epochs, batch_size=8, rng=rng,
                 progress=False, workers=2, callbacks=[say])
print("interrupted" if history.interrupted else "whole")
"""


def script(tmp_path, epochs):
    """A script without `if __name__ == "__main__"`, as a learner writes it, in its own group."""
    path = tmp_path / "train_it.py"
    path.write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, str(path), str(epochs)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True, env=os.environ | {"PYTHONPATH": os.getcwd()},
    )  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="signals to a group of processes")
def test_a_plain_script_and_ctrl_c_in_it(tmp_path):
    process = script(tmp_path, 10_000)
    stop = threading.Timer(120, process.kill)
    stop.start()
    try:
        assert process.stdout.readline() == "epoch\n"
        started = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it: to the workers too
        out, error = process.communicate()
    finally:
        stop.cancel()
    assert (out.split()[-1], error) == ("interrupted", "")
    assert not still_running(started)


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_workers_end_when_the_first_process_is_killed(tmp_path):
    process = script(tmp_path, 10_000)
    assert process.stdout.readline() == "epoch\n"
    started = psutil.Process(process.pid).children(recursive=True)
    assert started
    process.kill()
    process.communicate()
    assert not still_running(started)


class Noise(nn.Layer):
    """Draws from a generator that is not called rng."""

    def __init__(self):
        self.dice = np.random.default_rng(0)


def test_a_layer_that_draws_is_found_whatever_its_generator_is_called():
    model = nn.Sequential([nn.Linear(3, 2, rng=np.random.default_rng(0)), Noise()])
    with pytest.raises(ValueError, match="draws by itself"):
        parallel.check_rows_are_alone("fit", model)
