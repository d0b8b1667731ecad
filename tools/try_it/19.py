"""Answers to the "Try it" of lesson 19."""

# %% 1
model = fresh()  # noqa: F821
order = np.argsort(y, kind="stable")  # noqa: F821
whole = gradient_of(order)  # noqa: F821
digits = [gradient_of(np.flatnonzero(y == digit)) for digit in range(10)]  # noqa: F821
weighed = distributed.add_up(digits).gradients["w1"]  # noqa: F821
plain = np.mean([shard.gradients["w1"] for shard in digits], axis=0)  # noqa: F821
print(f"weighed {off(weighed):.6f} %, plain {off(plain):.1f} %")  # noqa: F821
assert off(weighed) < 1e-3  # noqa: F821
assert 40 < off(plain) < 50, off(plain)  # noqa: F821

# %% 2
times = step_time(machines, 1e-5 * 8_192, *networks["data centre"], 470_000)  # noqa: F821
print("best at", machines[times.argmin()])  # noqa: F821
assert machines[times.argmin()] == 33  # noqa: F821

# %% 3
order = np.argsort(y_train[:6_400], kind="stable")  # noqa: F821
parts = np.array_split(order, 4)  # noqa: F821
own = [(x_train[part], y_train[part]) for part in parts]  # noqa: F821
found = {
    k: 100 * evaluate(local_sgd(own, k)[0], x_val, y_val)[1]  # noqa: F821
    for k in (1, 16)
}
print(found)
assert abs(found[1] - 14) < 2, found
assert abs(found[16] - 22) < 4, found

# %% 4
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

from nnfromscratch import WorkersLost  # noqa: E402

file = Path(tempfile.mkdtemp()) / "scheduler.json"
dask = [sys.executable, "-m"]
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
where = ["--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file)]
where += ["--dashboard-address", ":0"]
boss = subprocess.Popen([*dask, "distributed.cli.dask_scheduler", *where], **quiet)
join = ["--scheduler-file", str(file), "--no-nanny", "--nthreads", "1", "--no-dashboard"]
hand = subprocess.Popen([*dask, "distributed.cli.dask_worker", *join], **quiet)
try:
    while not file.exists():
        time.sleep(0.1)  # noqa: F821
    import json

    address = json.loads(file.read_text())["address"]
    given = {"scheduler": address, "optimizer": SGD(0.2), **settings}  # noqa: F821
    rng = np.random.default_rng(1)  # noqa: F821
    history = distributed.fit(fresh(), few, rng=rng, patience=100, **given)  # noqa: F821
    assert np.abs(history.batch_loss - losses[1]).max() < 1e-4  # noqa: F821

    def stop(progress):
        if progress >= 0.5:
            hand.kill()
        return 1.0

    try:
        distributed.fit(fresh(), few, rng=rng, patience=3, schedule=stop, **given)  # noqa: F821
        raise AssertionError("it went on without a worker")
    except WorkersLost as error:
        print(error)
finally:
    hand.kill()
    boss.kill()
