"""How fast the package trains, beside the bare matrix products and beside everyone else.

    python benchmarks/speed.py                 measure everything; writes results/speed.json
    python benchmarks/speed.py epoch others    only these parts; the others stay as stored
    python benchmarks/speed.py draw            docs/speed.md and docs/speed.png from what is stored

The work: 784-300-10, ReLU, softmax cross-entropy, plain SGD, float32, batches of 128, one pass over
all 60,000 images, shuffled, data in memory. Each contestant is a process of its own that has
loaded its data and done one pass before anything is timed; then they take turns, one pass each,
round after round, so that a change of the machine's mood meets them all. Medians and ratios come
from the same rounds. A contestant that is not installed is left out, and the page says so.
"""

import argparse
import importlib.util
import json
import math
import os
import platform
import queue
import statistics
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
STORED = HERE / "results" / "speed.json"
PAGE = HERE.parent / "docs" / "speed.md"
PICTURE = HERE.parent / "docs" / "speed.png"
BATCH, SIZES, RATE = 128, (784, 300, 10), 0.1
PRODUCTS, JAX = "matrix products alone", "JAX, jitted"
FIRST, SHARED = "network A as first written", "fit, workers=2"
GATHER, FORWARD, BACKWARD = "gather into a buffer", "forward in buffers", "backward in buffers"
UPDATE, LOSS = "update without a copy", "gradient without the loss and its checks"
VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def data():
    """MNIST's training images and labels."""
    import nnfromscratch as nn

    return nn.load_mnist()[:2]


# The contestants: each function prepares, and returns a function that does one pass


def products(sizes=SIZES, batch=BATCH, images=60_000):
    """Only the matrix products of the passes, on one batch again and again: the limit."""
    rng = np.random.default_rng(0)
    a = [rng.random((batch, size), dtype=np.float32) for size in sizes]
    w = [rng.random(pair, dtype=np.float32) for pair in pairwise(sizes)]

    def epoch():
        for _ in range(math.ceil(images / batch)):
            for i in range(len(w)):
                a[i] @ w[i]
            for i in range(len(w) - 1, -1, -1):
                a[i].T @ a[i + 1]
                if i:
                    a[i + 1] @ w[i].T

    return epoch


def fit(sizes=SIZES, batch=BATCH, repeat=1.0):
    """`fit` of the package, without evaluation."""
    import nnfromscratch as nn

    x, y = data()
    if repeat != 1:
        chosen = np.arange(round(repeat * len(x))) % len(x)
        x, y = x[chosen], y[chosen]
    rng = np.random.default_rng(0)
    model, optimizer = nn.mlp(sizes, rng=rng), nn.SGD(RATE)

    def epoch():
        settings = {"epochs": 1, "batch_size": batch, "rng": rng, "progress": False}
        nn.fit(model, (x, y), optimizer=optimizer, **settings)

    return epoch


def shared():
    """`fit` whose batches two processes share: one long run, which waits after each pass."""
    import nnfromscratch as nn

    begin, end, rng = queue.Queue(), queue.Queue(), np.random.default_rng(0)

    def wait(model, history):
        end.put(None)
        begin.get()

    def train():
        begin.get()
        settings = {"epochs": 10**6, "batch_size": BATCH, "rng": rng, "progress": False}
        settings |= {"workers": 2, "callbacks": [wait]}
        nn.fit(nn.mlp(SIZES, rng=rng), data(), optimizer=nn.SGD(RATE), **settings)

    threading.Thread(target=train, daemon=True).start()

    def epoch():
        begin.put(None)
        end.get()

    return epoch


def lesson():
    """The loop as lesson 07 writes it, from the package's functions."""
    import nnfromscratch as nn

    x, y = data()
    rng = np.random.default_rng(0)
    w1, w2 = nn.he_normal(SIZES[:2], rng=rng), nn.he_normal(SIZES[1:], rng=rng)
    b1, b2 = np.zeros(SIZES[1], np.float32), np.zeros(SIZES[2], np.float32)

    def epoch():
        for x_batch, y_batch in nn.minibatches(x, y, BATCH, rng=rng):
            z1 = nn.linear(x_batch, w1, b1)
            a1 = nn.relu(z1)
            _, dz2 = nn.softmax_cross_entropy(nn.linear(a1, w2, b2), y_batch)
            da1, dw2, db2 = nn.linear_backward(dz2, a1, w2)
            dz1 = nn.relu_backward(da1, z1)
            _, dw1, db1 = nn.linear_backward(dz1, x_batch, w1, need_dx=False)
            for parameter, gradient in ((w1, dw1), (b1, db1), (w2, dw2), (b2, db2)):
                parameter -= RATE * gradient

    return epoch


def buffers(without=""):
    """The same step in bare NumPy: no checks, no records, every large array allocated once.

    It shows how close NumPy comes to the products at all, and so what `fit` pays for being
    readable and for checking its shapes. `without` names a trick to leave out, to see its worth.
    """
    import nnfromscratch as nn

    x, y = data()
    y = y.astype(np.int64)
    rng = np.random.default_rng(0)
    w1, w2 = (rng.normal(0, 0.05, s).astype(np.float32) for s in (SIZES[:2], SIZES[1:]))
    b1, b2 = np.zeros(SIZES[1], np.float32), np.zeros(SIZES[2], np.float32)
    batch, hidden, logits = (np.empty((BATCH, size), np.float32) for size in SIZES)
    d_hidden, gate = np.empty_like(hidden), np.empty(hidden.shape, bool)
    dw1, dw2 = np.empty_like(w1), np.empty_like(w2)
    rows, ones, rate = np.arange(BATCH), np.ones(BATCH, np.float32), np.float32(RATE)

    def out(array, trick):
        return None if without == trick else array

    def epoch():
        order = rng.permutation(len(x))
        for start in range(0, len(x) - BATCH + 1, BATCH):
            chosen = order[start : start + BATCH]
            labels = y[chosen]
            a0 = x[chosen] if without == GATHER else x.take(chosen, 0, out=batch, mode="clip")
            z1 = np.matmul(a0, w1, out=out(hidden, FORWARD))
            z1 = np.add(z1, b1, out=out(z1, FORWARD))
            a1 = np.maximum(z1, 0, out=out(z1, FORWARD))
            z2 = np.matmul(a1, w2, out=out(logits, FORWARD))
            z2 = np.add(z2, b2, out=out(z2, FORWARD))
            if without == LOSS:
                _, dz2 = nn.softmax_cross_entropy(z2, labels)
            else:
                dz2 = np.subtract(z2, z2.max(axis=1, keepdims=True), out=z2)
                np.exp(dz2, out=dz2)
                np.divide(dz2, dz2.sum(axis=1, keepdims=True), out=dz2)
                dz2[rows, labels] -= 1
                np.multiply(dz2, np.float32(1 / BATCH), out=dz2)
            g2 = np.matmul(a1.T, dz2, out=out(dw2, BACKWARD))
            da1 = np.matmul(dz2, w2.T, out=out(d_hidden, BACKWARD))
            is_open = np.greater(a1, 0, out=out(gate, BACKWARD))
            dz1 = np.multiply(da1, is_open, out=out(da1, BACKWARD))
            g1 = np.matmul(a0.T, dz1, out=out(dw1, BACKWARD))
            for w, g in ((w1, g1), (w2, g2)):
                step = np.multiply(g, rate, out=out(g, UPDATE))
                np.subtract(w, step, out=w)
            np.subtract(b1, rate * (ones @ dz1), out=b1)
            np.subtract(b2, rate * (ones @ dz2), out=b2)

    return epoch


def first():
    """Network A as it was first written: columns, rows of ones, float64, indices by choice.

    Its examples stand in the columns of an array in NumPy's usual order, and each batch is drawn
    by `np.random.choice`, as was usual when it was written.
    """
    x, y = data()
    x, n = np.ascontiguousarray(x.T, np.float64), len(x)
    one_hot = np.ascontiguousarray(np.eye(10)[y].T)
    rng = np.random.RandomState(0)
    w1, w2 = 0.05 * rng.standard_normal((300, 785)), 0.05 * rng.standard_normal((10, 301))

    def epoch():
        nonlocal w1, w2
        for _ in range(math.ceil(n / BATCH)):
            chosen = rng.choice(np.arange(n), BATCH, replace=False)
            with_ones = np.concatenate([np.ones((1, BATCH)), x[:, chosen]])
            z1 = w1 @ with_ones
            a1 = np.concatenate([np.ones((1, BATCH)), np.maximum(z1, 0)])
            z2 = w2 @ a1
            e = np.exp(z2 - z2.max(axis=0))
            dz2 = (e / e.sum(axis=0) - one_hot[:, chosen]) / BATCH
            dw2 = dz2 @ a1.T + 0.01 / BATCH * w2
            dz1 = (w2.T @ dz2)[1:] * (np.sign(z1) + 1) / 2
            dw1 = dz1 @ with_ones.T + 0.01 / BATCH * w1
            w1, w2 = w1 - RATE * dw1, w2 - RATE * dw2

    return epoch


def pytorch(compiled=False):
    """PyTorch on the same arrays, its own optimizer, batches by index."""
    import torch

    torch.set_num_threads(int(os.environ[VARIABLES[0]]))
    torch.manual_seed(0)
    x, y = (torch.tensor(array) for array in data())
    y = y.long()
    model = torch.nn.Sequential(
        torch.nn.Linear(*SIZES[:2]), torch.nn.ReLU(), torch.nn.Linear(*SIZES[1:])
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    loss_of = torch.nn.CrossEntropyLoss()

    def loss_on(x_batch, y_batch):
        return loss_of(model(x_batch), y_batch)

    if compiled:
        loss_on = torch.compile(loss_on)

    def epoch():
        for chosen in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            loss_on(x[chosen], y[chosen]).backward()
            optimizer.step()

    return epoch


def pytorch_compiled():
    """PyTorch with the loss compiled by torch.compile."""
    return pytorch(compiled=True)


def jax():
    """JAX, one step compiled by jit, parameters given back and reused in place."""
    import jax as framework
    import jax.numpy as jnp

    x, y = data()
    rng = np.random.default_rng(0)
    params = [
        (jnp.asarray(rng.normal(0, 0.05, pair), jnp.float32), jnp.zeros(pair[1]))
        for pair in (SIZES[:2], SIZES[1:])
    ]

    def loss(params, x_batch, y_batch):
        (w1, b1), (w2, b2) = params
        z = framework.nn.relu(x_batch @ w1 + b1) @ w2 + b2
        return -jnp.take_along_axis(framework.nn.log_softmax(z), y_batch[:, None], 1).mean()

    @framework.jit
    def step(params, x_batch, y_batch):
        gradients = framework.grad(loss)(params, x_batch, y_batch)
        return framework.tree.map(lambda w, g: w - RATE * g, params, gradients)

    def epoch():
        nonlocal params
        order = rng.permutation(len(x))
        for start in range(0, len(x), BATCH):
            chosen = order[start : start + BATCH]
            params = step(params, x[chosen], y[chosen])
        framework.block_until_ready(params)

    return epoch


def scikit_learn():
    """scikit-learn's MLPClassifier, one pass by partial_fit."""
    from sklearn.neural_network import MLPClassifier

    x, y = data()
    settings = {"solver": "sgd", "momentum": 0.0, "alpha": 0.0, "learning_rate_init": RATE}
    model = MLPClassifier((SIZES[1],), batch_size=BATCH, random_state=0, **settings)
    return lambda: model.partial_fit(x, y, classes=np.arange(10))


def keras():
    """Keras on JAX, its own fit."""
    os.environ["KERAS_BACKEND"] = "jax"
    import keras as framework

    x, y = data()
    layers = [framework.layers.Dense(300, "relu"), framework.layers.Dense(10)]
    model = framework.Sequential([framework.Input((784,)), *layers])
    loss = framework.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(framework.optimizers.SGD(RATE), loss)
    return lambda: model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)


CONTESTANTS = {
    PRODUCTS: (products, None),
    "fit": (fit, None),
    SHARED: (shared, None),
    "the loop of lesson 07": (lesson, None),
    "bare NumPy, unchecked": (buffers, None),
    FIRST: (first, None),
    "PyTorch, eager": (pytorch, "torch"),
    "PyTorch, compiled": (pytorch_compiled, "torch"),
    JAX: (jax, "jax"),
    "scikit-learn": (scikit_learn, "sklearn"),
    "Keras on JAX": (keras, "keras"),
}


# Processes that take turns


class Worker:
    """A process that prepares one contestant, and does a pass when it is told to."""

    def __init__(self, name, threads, settings=None):
        environment = os.environ | dict.fromkeys(VARIABLES, str(threads))
        # JAX has no such setting: the number of processors it may use is its number of threads.
        self.process = subprocess.Popen(
            [sys.executable, __file__, "worker", name, str(threads), json.dumps(settings or {})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            text=True,
        )
        self.alive = self.epoch() is not None  # the first pass, not counted

    def epoch(self):
        """Do one pass; return its seconds, or None if the process has ended."""
        try:
            self.process.stdin.write("go\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return None
        line = self.process.stdout.readline()
        return float(line) if line else None

    def close(self):
        """End the process; return its peak memory in bytes."""
        self.process.stdin.close()
        rest = self.process.stdout.read()
        self.process.wait()
        return int(rest) if rest else 0


def work(name, threads, settings):
    """What a worker does: wait for a line, do a pass, print its seconds."""
    processors = sorted(os.sched_getaffinity(0))[:threads]
    os.sched_setaffinity(0, processors)
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a framework prints
    epoch = CONTESTANTS[name][0](**settings)
    for _ in sys.stdin:
        start = time.perf_counter()
        epoch()
        print(time.perf_counter() - start, file=out, flush=True)
    print(peak_memory(), file=out, flush=True)


def peak_memory():
    """Return the bytes that this process held at most.

    Not `ru_maxrss`, which a process inherits from the one that started it.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def rounds_of(workers, rounds):
    """Let the workers take turns; return the seconds of each."""
    seconds = {name: [] for name in workers}
    for number in range(rounds):
        for name, worker in workers.items():
            seconds[name].append(worker.epoch())
        print(f"  round {number + 1} of {rounds}", end="\r", flush=True)
    return seconds


def compared(jobs, threads, rounds, reference):
    """Run jobs {label: (contestant, settings)} in turns; return a row for each."""
    workers, missing = {}, []
    for label, (name, settings) in jobs.items():
        module = CONTESTANTS[name][1]
        worker = None
        if module is None or importlib.util.find_spec(module):
            worker = Worker(name, threads, settings)
        if worker and worker.alive:
            workers[label] = worker
        else:
            missing.append(label)
    seconds = rounds_of(workers, rounds)
    rows = []
    for label, worker in workers.items():
        ratios = [a / b for a, b in zip(seconds[label], seconds[reference], strict=True)]
        rows.append(
            {
                "name": label,
                "threads": threads,
                "seconds": statistics.median(seconds[label]),
                "ratio": statistics.median(ratios),
                "ratio_low": min(ratios),
                "ratio_high": max(ratios),
                "peak_memory": worker.close(),
            }
        )
        print(f"  {threads} {label:<28} {rows[-1]['seconds']:.3f} s, {rows[-1]['ratio']:.2f}")
    return {"rows": rows, "missing": missing}


# The parts


def part_epoch(rounds):
    """One pass over the data, everyone, with one thread and with all."""
    jobs = {name: (name, {}) for name in CONTESTANTS if name != SHARED}
    return [compared(jobs, threads, rounds, PRODUCTS) for threads in thread_counts()]


def part_processes(rounds):
    """One pass over the data by two processes with a thread each, beside two threads."""
    jobs = {name: (name, {}) for name in (PRODUCTS, "fit", SHARED, JAX)}
    return compared(jobs, 2, rounds, PRODUCTS)


def thread_counts():
    """One thread, and as many as there are processors."""
    return sorted({1, len(os.sched_getaffinity(0))})


def part_phases(rounds):
    """Seconds of each phase of `fit`, and of the matrix products in it, with one thread and all."""
    result = []
    for threads in thread_counts():
        code = [sys.executable, __file__, "phases", str(threads), str(rounds)]
        environment = os.environ | dict.fromkeys(VARIABLES, str(threads))
        run = subprocess.run(code, capture_output=True, text=True, check=True, env=environment)
        result.append({"threads": threads} | json.loads(run.stdout))
        print(f"  {threads}", {k: round(v, 3) for k, v in result[-1]["seconds"].items()})
    return result


def phases(threads, rounds):
    """Measure the phases of `fit` by stopwatches around what it calls."""
    import nnfromscratch as nn
    from nnfromscratch import training

    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    x, y = data()
    rng = np.random.default_rng(0)
    model, optimizer = nn.mlp(SIZES, rng=rng), nn.SGD(RATE)
    spent = dict.fromkeys(["gather", "forward", "loss", "backward", "update"], 0.0)

    def timed(name, function):
        def call(*arguments, **settings):
            start = time.perf_counter()
            result = function(*arguments, **settings)
            spent[name] += time.perf_counter() - start
            return result

        return call

    def batches(*arguments, original=training.minibatches, **settings):
        iterator = iter(original(*arguments, **settings))
        advance = timed("gather", lambda: next(iterator, None))
        while (batch := advance()) is not None:
            yield batch

    training.minibatches = batches
    model.forward, model.backward = (
        timed("forward", model.forward),
        timed("backward", model.backward),
    )
    optimizer.step = timed("update", optimizer.step)
    settings = {"epochs": 1, "batch_size": BATCH, "rng": rng, "progress": False}
    settings["loss"] = timed("loss", nn.softmax_cross_entropy)
    bare, measured = products(), []
    for _ in range(rounds + 1):
        spent.update(dict.fromkeys(spent, 0.0))
        start = time.perf_counter()
        nn.fit(model, (x, y), optimizer=optimizer, **settings)
        whole = time.perf_counter() - start
        start = time.perf_counter()
        bare()
        alone = time.perf_counter() - start
        measured.append([*spent.values(), whole - sum(spent.values()), alone])
    *phases, alone = np.median(measured[1:], axis=0)  # the first round warms up
    names = [*spent, "the loop itself"]
    return {"seconds": dict(zip(names, phases, strict=True)), "products": alone}


def part_tricks(rounds):
    """What each trick of bare NumPy is worth: the same pass with one of them taken back."""
    name, threads = "bare NumPy, unchecked", thread_counts()[0]
    jobs = {name: (name, {})}
    for trick in (GATHER, FORWARD, BACKWARD, UPDATE, LOSS):
        jobs[trick] = (name, {"without": trick})
    jobs["fit"] = ("fit", {})
    return compared(jobs, threads, 2 * rounds, name)


def part_sizes(rounds):
    """`fit` beside the bare products for other batches, widths and depths."""
    deep = {
        1: (784, 10),
        3: (784, 300, 300, 10),
        5: (784, *[300] * 4, 10),
        7: (784, *[300] * 6, 10),
    }
    runs = {f"batch {b}": {"batch": b} for b in (32, 64, 128, 256, 512, 1024, 2048, 4096)}
    runs |= {f"width {h}": {"sizes": (784, h, 10)} for h in (100, 300, 1000, 2000)}
    runs |= {f"depth {k}": {"sizes": sizes} for k, sizes in deep.items()}
    rows = []
    for label, settings in runs.items():
        print(f" {label}")
        jobs = {"products": ("matrix products alone", settings), "fit": ("fit", settings)}
        done = compared(jobs, thread_counts()[-1], rounds, "products")
        rows.append(done["rows"][1] | {"name": label})
    return rows


def part_growth(rounds):
    """Time and memory of `fit` by images, width and depth, one thread, with exponents."""
    series = {
        "images": {n: {"repeat": n / 60_000} for n in (1_000, 6_000, 60_000, 200_000, 600_000)},
        "width": {h: {"sizes": (784, h, 10)} for h in (100, 250, 500, 1000, 2000)},
        "depth": {k: {"sizes": (784, *[300] * k, 10)} for k in (1, 2, 4, 7)},
    }
    result = {}
    for what, runs in series.items():
        jobs = {f"{size:,} {what}": ("fit", settings) for size, settings in runs.items()}
        done = compared(jobs, 1, max(3, rounds // 2), next(iter(jobs)))["rows"]
        rows = [
            {"size": size, "seconds": row["seconds"], "memory": row["peak_memory"]}
            for size, row in zip(runs, done, strict=True)
        ]
        result[what] = {"rows": rows, "exponent": exponent(rows, "seconds")}
    return result


def exponent(rows, key):
    """Return the slope of log key by log size in the upper half, where fixed costs matter least."""
    upper = rows[len(rows) // 2 :]
    sizes, values = ([math.log(row[k]) for row in upper] for k in ("size", key))
    return statistics.linear_regression(sizes, values).slope


def in_turns(functions, rounds):
    """Return the median seconds of each function, called in turns."""
    seconds = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def part_others(rounds):
    """Inference, loading, import, memory of `nnfromscratch train`, distorted images."""
    import nnfromscratch as nn

    x, _, x_test, _ = nn.load_mnist()
    model = nn.mlp(SIZES, rng=np.random.default_rng(0))
    w1, b1, w2, b2 = model.params.values()
    timed = {
        "predict 10,000 images": lambda: model.predict(x_test),
        "their matrix products alone": lambda: x_test @ w1 @ w2,
        "load_mnist": nn.load_mnist,
    }
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(thread_counts()[-1])
        tensors = [torch.tensor(array) for array in (x_test, w1, b1, w2, b2)]

        def torch_predict():
            images, v1, c1, v2, c2 = tensors
            with torch.no_grad():
                return (torch.relu(images @ v1 + c1) @ v2 + c2).argmax(dim=1)

        timed["predict with PyTorch"] = torch_predict
    result = {"seconds": in_turns(timed, 3 * rounds)}

    with tempfile.TemporaryDirectory() as compiled:
        # As after the first time: with compiled modules, wherever they may be written.
        environment = os.environ | {"PYTHONPYCACHEPREFIX": compiled}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)

        def imports(module):
            command = [sys.executable, "-c", f"import {module}"]
            return lambda: subprocess.run(command, check=True, env=environment)

        jobs = {module: imports(module) for module in ("nnfromscratch", "numpy")}
        in_turns(jobs, 1)
        done = in_turns(jobs, 5 * rounds)
    result["seconds"] |= {f"import {name}": value for name, value in done.items()}
    result["import_ratio"] = done["nnfromscratch"] / done["numpy"]

    batch = x[:1_000]
    rng = np.random.default_rng(0)
    seconds = in_turns({"distort": lambda: nn.distort(batch, rng=rng)}, 3 * rounds)["distort"]
    result["distorted_per_second"] = {"one call": len(batch) / seconds}
    from concurrent.futures import ThreadPoolExecutor

    workers = thread_counts()[-1]
    with ThreadPoolExecutor(workers) as pool:
        generators = rng.spawn(workers)

        def all_at_once():
            list(pool.map(lambda g: [nn.distort(batch, rng=g) for _ in range(4)], generators))

        seconds = in_turns({"threads": all_at_once}, rounds)["threads"]
    result["distorted_per_second"]["in threads"] = 4 * workers * len(batch) / seconds
    from scipy.ndimage import map_coordinates

    images, places = batch[:100].reshape(-1, 28, 28), rng.uniform(0, 27, (2, 28, 28))
    seconds = in_turns(
        {"scipy": lambda: [map_coordinates(image, places, order=1) for image in images]}, rounds
    )["scipy"]
    result["distorted_per_second"]["scipy.ndimage.map_coordinates, sampling alone"] = 100 / seconds

    run = subprocess.run(
        [sys.executable, __file__, "train"], capture_output=True, text=True, check=True
    )
    result["train_peak_memory"] = int(run.stdout.split()[-1])
    return result


# Seconds to a test error of 2.0 %


def to_two_percent(name, seed, threads):
    """Train until the test error is at most 2.0 %; return seconds of training and the error.

    The same for all, chosen by the errors on the last 10,000 training images: the mean image is
    taken off, batches of 256, Nesterov momentum 0.9, a learning rate of 0.6 that falls linearly to
    zero over three passes.
    """
    import nnfromscratch as nn

    x, y, x_test, y_test = nn.load_mnist()
    mean = x.mean(axis=0)
    x, x_test = x - mean, x_test - mean
    epochs, rate, batch = 3, 0.6, 256
    steps = epochs * math.ceil(len(x) / batch)
    rng = np.random.default_rng(seed)
    if name == "fit":
        model, seconds = nn.mlp(SIZES, rng=rng), 0.0
        errors, times = [], []

        def look(model, history):
            errors.append(nn.evaluate(model, x_test, y_test)[1])
            times.append(sum(history.seconds))

        optimizer = nn.SGD(rate, momentum=0.9, nesterov=True)
        settings = {"epochs": epochs, "batch_size": batch, "rng": rng, "progress": False}
        settings |= {"schedule": nn.schedules.linear_decay(), "callbacks": [look]}
        nn.fit(model, (x, y), optimizer=optimizer, **settings)
        return times, errors
    if name == "PyTorch, eager":
        import torch

        torch.set_num_threads(threads)
        torch.manual_seed(seed)
        tx, ty, test = torch.tensor(x), torch.tensor(y).long(), torch.tensor(x_test)
        layers = torch.nn.Linear(784, 300), torch.nn.ReLU(), torch.nn.Linear(300, 10)
        model = torch.nn.Sequential(*layers)
        optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9, nesterov=True)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
        loss_of, seconds, errors, times = torch.nn.CrossEntropyLoss(), 0.0, [], []
        for _ in range(epochs):
            start = time.perf_counter()
            for chosen in torch.randperm(len(tx)).split(batch):
                optimizer.zero_grad()
                loss_of(model(tx[chosen]), ty[chosen]).backward()
                optimizer.step()
                schedule.step()
            seconds += time.perf_counter() - start
            with torch.no_grad():
                errors.append(float((model(test).argmax(1).numpy() != y_test).mean()))
            times.append(seconds)
        return times, errors
    from sklearn.neural_network import MLPClassifier

    # It has no such schedule; the step falls from one pass to the next, by the same amounts.
    settings = {"solver": "sgd", "momentum": 0.9, "alpha": 0.0, "learning_rate_init": rate}
    model = MLPClassifier((300,), batch_size=batch, random_state=seed, **settings)
    seconds, errors, times = 0.0, [], []
    for epoch in range(epochs):
        if epoch:
            model._optimizer.learning_rate = rate * (1 - (epoch + 0.5) / epochs)
        start = time.perf_counter()
        model.partial_fit(x, y, classes=np.arange(10))
        seconds += time.perf_counter() - start
        errors.append(1 - model.score(x_test, y_test))
        times.append(seconds)
    return times, errors


def part_result(rounds):
    """Seconds of training to 2.0 % test error, five seeds, everyone with the same settings."""
    threads = thread_counts()[-1]
    rows = {}
    for seed in range(5):
        for name, module in (
            ("fit", None),
            ("PyTorch, eager", "torch"),
            ("scikit-learn", "sklearn"),
        ):
            if module and not importlib.util.find_spec(module):
                continue
            code = [sys.executable, __file__, "two", name, str(threads), str(seed)]
            environment = os.environ | dict.fromkeys(VARIABLES, str(threads))
            run = subprocess.run(code, capture_output=True, text=True, check=True, env=environment)
            times, errors = json.loads(run.stdout)
            hit = next((t for t, e in zip(times, errors, strict=True) if e <= 0.0200001), None)
            rows.setdefault(name, []).append({"seconds": hit, "errors": errors, "times": times})
            print(f"  seed {seed} {name}: {hit and round(hit, 2)} s, {errors}")
    return rows


PARTS = {
    "epoch": part_epoch,
    "processes": part_processes,
    "phases": part_phases,
    "tricks": part_tricks,
    "sizes": part_sizes,
    "growth": part_growth,
    "others": part_others,
    "result": part_result,
}


# The page


def aims(stored):
    """Return rows (what, aim, measured), all threads in use."""
    rows = {row["name"]: row for row in stored["epoch"]["result"][-1]["rows"]}
    sizes = {row["name"]: row["ratio"] for row in stored["sizes"]["result"]}
    runs = stored["result"]["result"]["fit"]
    median = statistics.median(run["seconds"] or math.inf for run in runs)
    others = stored["others"]["result"]
    distorted = others["distorted_per_second"]["in threads"]
    megabytes = others["train_peak_memory"] / 1e6

    shared = {row["name"]: row["ratio"] for row in stored["processes"]["result"]["rows"]}

    def beside(other):
        return rows[other]["ratio"] / rows["fit"]["ratio"]

    return [
        ("`fit` / matrix products, batches of 128", "at most 1.20", rows["fit"]["ratio"]),
        ("`fit` / matrix products, batches of 1,024", "at most 1.10", sizes["batch 1024"]),
        ("network A as first written / `fit`", "at least 4.50", beside(FIRST)),
        ("PyTorch, eager / `fit`", "at least 1.35", beside("PyTorch, eager")),
        ("scikit-learn / `fit`", "at least 1.60", beside("scikit-learn")),
        ("`fit` / JAX", "at most 1.25", 1 / beside(JAX)),
        ("two processes / matrix products", "at most 1.35", shared[SHARED]),
        ("two processes / JAX", "at most 0.90", shared[SHARED] / shared[JAX]),
        ("seconds of training to a test error of 2.0 %", "at most 2.00", median),
        ("thousand images distorted per second", "at least 50.00", distorted / 1e3),
        ("import / that of NumPy alone", "at most 1.50", others["import_ratio"]),
        ("peak memory of `nnfromscratch train`, MB", "at most 600", megabytes),
    ]


def opening(stored):
    """Return a paragraph that says what one gets, in two or three sentences."""
    names = [name for name, (_, module) in CONTESTANTS.items() if module]
    seconds, ratios, frameworks = [], [], []
    for group in stored["epoch"]["result"]:
        rows = {row["name"]: row for row in group["rows"]}
        fit = rows["fit"]
        threads = f"{fit['threads']} thread{'s' * (fit['threads'] > 1)}"
        seconds.append(f"{fit['seconds']:.2f} seconds with {threads}")
        ratios.append(f"{fit['ratio']:.2f}")
        beside = {name: rows[name]["ratio"] / fit["ratio"] for name in names if name in rows}
        if beside:
            least, most = min(beside, key=beside.get), max(beside, key=beside.get)
            frameworks.append(
                f"from {beside[least]:.2f} ({least}) to {beside[most]:.2f} times as long ({most}) "
                f"with {threads}"
            )
    sentences = [
        f"One pass over all 60,000 images takes `fit` {' and '.join(seconds)}, which is "
        f"{' and '.join(ratios)} times what its matrix products alone take."
    ]
    if frameworks:
        taking = f"the same pass takes the frameworks {', and '.join(frameworks)}."
        sentences.append(f"By the ratios in the tables below, {taking}")
    runs = [run["seconds"] for run in stored["result"]["result"]["fit"]]
    if (median := statistics.median(run or math.inf for run in runs)) < math.inf:
        sentences.append(
            f"`fit` trains to a test error of 2.0 % in {median:.1f} seconds with {threads}, the "
            f"median of {len(runs)} seeds."
        )
    return textwrap.wrap(" ".join(sentences), 100, break_on_hyphens=False)


def reading(stored):
    """Return a paragraph on where the time beside the products goes, from the phases."""
    one, *more = stored["phases"]["result"]
    bare = [
        next(row["ratio"] for row in group["rows"] if row["name"] == "bare NumPy, unchecked")
        for group in stored["epoch"]["result"]
    ]
    lines = [
        "",
        "Even bare NumPy, with no layer, no check and no loss printed, takes "
        f"{bare[0]:.2f} times its",
        "products with one thread. The rest is work that is no product: reading 128 scattered",
        "images, biases and gates, the softmax, and moving 240,000 weights.",
    ]
    for group in more:

        def outside(phases):
            seconds = sum(phases["seconds"].values()) - phases["products"]
            return seconds / math.ceil(60_000 / BATCH) * 1e6

        lines += [
            f"A second thread takes {1 - group['products'] / one['products']:.0%} off the "
            f"products, but only {1 - outside(group) / outside(one):.0%} off the rest, which",
            f"one thread does: outside its products a step of `fit` spends {outside(one):.0f} "
            f"microseconds with one thread and {outside(group):.0f} with {group['threads']}.",
            f"So bare NumPy itself is at {bare[-1]:.2f} there.",
        ]
    return lines


def table(group):
    """Return the lines of a table of contestants, and who is missing."""
    lines = ["| | seconds | beside the products | peak memory |", "| --- | ---: | ---: | ---: |"]
    lines += [
        f"| {row['name']} | {row['seconds']:.3f} | {row['ratio']:.2f} ({row['ratio_low']:.2f} to "
        f"{row['ratio_high']:.2f}) | {row['peak_memory'] / 1e6:.0f} MB |"
        for row in group["rows"]
    ]
    missing = ["", f"Not measured: {', '.join(group['missing'])}."] if group["missing"] else []
    return lines + missing


def page(stored):
    """Return the page: tables with ratios from one run each."""
    whole = set(PARTS) <= set(stored)
    lines = ["# How fast it is", ""]
    if whole:
        lines += [*opening(stored), ""]
    lines += [
        "Written by `make bench`. The work: 784-300-10, ReLU, softmax cross-entropy, SGD, float32,",
        "batches of 128, one pass over all 60,000 images. Ratios are medians over rounds in which",
        "the contestants take turns; in brackets the smallest and the largest.",
        "",
        "![Time of one pass beside the matrix products alone](speed.png)",
    ]
    if "epoch" in stored:
        for group in stored["epoch"]["result"]:
            threads = group["rows"][0]["threads"]
            lines += ["", f"## One pass, {threads} thread{'s' * (threads > 1)}", "", *table(group)]
    if "processes" in stored:
        group = stored["processes"]["result"]
        ratios = {row["name"]: row["ratio"] for row in group["rows"]}
        lines += [
            "",
            "## Two processes in place of two threads",
            "",
            "In `fit(..., workers=2)` each process has half of a batch and one thread. So all but",
            "the step itself is done by two, but they wait for each other four times a step, and",
            "what that costs depends on the machine (`python benchmarks/workers.py`). This table",
            "was measured apart from the others, and its seconds compare with each other alone.",
            f"Two processes take {ratios[SHARED] / ratios['fit']:.2f} times as long as two "
            "threads.",
            "",
            *table(group),
        ]
    if "phases" in stored:
        steps = math.ceil(60_000 / BATCH)
        lines += ["", "## Where each microsecond goes", "", "Microseconds of a step of `fit`:", ""]
        names = stored["phases"]["result"][0]["seconds"]
        lines += [f"| threads | {' | '.join(names)} | whole | products alone |"]
        lines += ["| ---: " * (len(names) + 3) + "|"]
        for group in stored["phases"]["result"]:
            values = [*group["seconds"].values(), sum(group["seconds"].values()), group["products"]]
            shown = " | ".join(f"{value / steps * 1e6:.0f}" for value in values)
            lines.append(f"| {group['threads']} | {shown} |")
        if "epoch" in stored:
            lines += reading(stored)
    if "tricks" in stored:
        rows = stored["tricks"]["result"]["rows"]
        lines += [
            "",
            "## What each trick would buy",
            "",
            "Bare NumPy with one of its tricks taken back, beside itself with all of them, one",
            "thread. From 5 % on a trick would have its place in the package, if it had no price.",
            "The two that come to about that have one: a gather into a buffer hands out batches",
            "that the next step overwrites; a gradient without the loss leaves nothing to print",
            "and checks no label.",
            "",
            "| taken back | time beside bare NumPy |",
            "| --- | ---: |",
        ]
        lines += [
            f"| {row['name']} | {row['ratio']:.2f} ({row['ratio_low']:.2f} to "
            f"{row['ratio_high']:.2f}) |"
            for row in rows[1:-1]
        ]
        lines.append(f"| all, with layers, checks and records: `fit` | {rows[-1]['ratio']:.2f} |")
    if "sizes" in stored:
        lines += [
            "",
            "## Other batches, widths and depths: `fit` beside its own products, all threads",
            "",
            "| | seconds | beside the products |",
            "| --- | ---: | ---: |",
        ]
        lines += [
            f"| {row['name']} | {row['seconds']:.3f} | {row['ratio']:.2f} |"
            for row in stored["sizes"]["result"]
        ]
    if "growth" in stored:
        head = ["| | seconds | memory |", "| --- | ---: | ---: |"]
        lines += ["", "## How cost grows, one thread", "", *head]
        for what, group in stored["growth"]["result"].items():
            lines += [
                f"| {row['size']:,} {what} | {row['seconds']:.3f} | {row['memory'] / 1e6:.0f} MB |"
                for row in group["rows"]
            ]
        words = []
        for what, group in stored["growth"]["result"].items():
            memory = round(exponent(group["rows"], "memory"), 2) + 0.0  # no -0.00
            words.append(f"{what} {group['exponent']:.2f} (memory {memory:.2f})")
        lines += ["", f"Exponents in the upper half of each series: {', '.join(words)}."]
    if "result" in stored:
        lines += [
            "",
            "## Seconds of training to a test error of 2.0 %",
            "",
            "The same settings for all, chosen on training images: the mean image taken off,",
            "batches of 256, Nesterov momentum 0.9, a learning rate of 0.6 that falls linearly to",
            "zero over three passes (with scikit-learn, from pass to pass). The test is after each",
            "pass, and its time is not counted.",
            "",
        ]
        lines += [
            "| | median of 5 seeds | each | errors in the end |",
            "| --- | ---: | --- | --- |",
        ]
        for name, runs in stored["result"]["result"].items():
            hits = [run["seconds"] for run in runs]
            median = statistics.median(math.inf if hit is None else hit for hit in hits)
            each = ", ".join("not reached" if hit is None else f"{hit:.2f}" for hit in hits)
            final = ", ".join(f"{run['errors'][-1]:.2%}" for run in runs)
            shown = f"{median:.2f}" if median < math.inf else "not reached"
            lines.append(f"| {name} | {shown} | {each} | {final} |")
    if "others" in stored:
        others = stored["others"]["result"]
        lines += ["", "## The rest", "", "| | |", "| --- | ---: |"]
        lines += [f"| {name} | {s * 1e3:.1f} ms |" for name, s in others["seconds"].items()]
        lines.append(f"| import beside that of NumPy alone | {others['import_ratio']:.2f} |")
        lines += [
            f"| images distorted per second, {name} | {value:,.0f} |"
            for name, value in others["distorted_per_second"].items()
        ]
        peak = others["train_peak_memory"] / 1e6
        lines.append(f"| peak memory of `nnfromscratch train` | {peak:.0f} MB |")
    lines += ["", "## Where this was measured", ""]
    machines = {}
    for part in stored.values():
        place = part["where"]
        machine = (
            f"{place['processor']}, {place['processors']} processors, Python {place['python']}, "
            f"{place['versions']}"
        )
        machines.setdefault(machine, []).append(f"`{place['command']}`")
    for machine, commands in machines.items():
        lines.append(f"- {machine}: {', '.join(commands)}")
    if whole:
        threads = stored["epoch"]["result"][-1]["rows"][0]["threads"]
        lines += [
            "",
            "## What was aimed at",
            "",
            f"For those who work on the package, with {threads} threads:",
            "",
            "| | aim | measured |",
            "| --- | ---: | ---: |",
        ]
        lines += [
            f"| {what} | {aim} | {value:{'.0f' if value > 100 else '.2f'}} |"
            for what, aim, value in aims(stored)
        ]
    return "\n".join(lines) + "\n"


def draw(stored):
    """Draw the table of one pass as bars, the limit as a line."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    from nnfromscratch.plots import BLUE, ORANGE

    groups = stored["epoch"]["result"]
    figure, axes = plt.subplots(
        1, len(groups), figsize=(5 * len(groups), 3.6), layout="constrained", squeeze=False, dpi=110
    )
    for ax, group in zip(axes[0], groups, strict=True):
        rows = [row for row in group["rows"] if row["ratio"] != 1]
        rows.sort(key=lambda row: -row["ratio"])
        ratios = np.array([row["ratio"] for row in rows])
        spread = [
            ratios - [row["ratio_low"] for row in rows],
            [row["ratio_high"] for row in rows] - ratios,
        ]
        colours = [ORANGE if row["name"] == "fit" else BLUE for row in rows]
        ax.barh([row["name"] for row in rows], ratios, xerr=spread, color=colours)
        ax.axvline(1, color="black", linewidth=1)
        threads = group["rows"][0]["threads"]
        ax.set_xlabel("time of one pass / time of its matrix products")
        ax.set_title(f"{threads} thread{'s' * (threads > 1)}")
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(PICTURE)


def where(part):
    """Say on what machine and with what versions a part was measured."""
    import importlib.metadata as metadata

    names = ("numpy", "torch", "jax", "scikit-learn", "keras", "scipy")
    have = {d.metadata["Name"].lower() for d in metadata.distributions() if d.metadata["Name"]}
    models = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "command": f"python benchmarks/speed.py {part}",
        "processor": models[0] if models else platform.processor(),
        "processors": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "versions": ", ".join(f"{n} {metadata.version(n)}" for n in names if n in have),
    }


def main():
    """Run the command."""
    if sys.argv[1:2] == ["worker"]:
        work(sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4]))
        return
    if sys.argv[1:2] == ["train"]:
        from nnfromscratch.__main__ import main as command

        with tempfile.TemporaryDirectory() as folder:
            command(["train", "--epochs", "2", "--out", folder])
        print(peak_memory())
        return
    if sys.argv[1:2] == ["phases"]:
        print(json.dumps(phases(int(sys.argv[2]), int(sys.argv[3]))))
        return
    if sys.argv[1:2] == ["two"]:
        print(json.dumps(to_two_percent(sys.argv[2], int(sys.argv[4]), int(sys.argv[3]))))
        return
    parser = argparse.ArgumentParser(description="Time the package beside everyone else.")
    parser.add_argument("parts", nargs="*", help=f"{', '.join(PARTS)}, draw; all by default")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    parts = options.parts or [*PARTS, "draw"]
    if wrong := set(parts) - {*PARTS, "draw"}:
        parser.error(f"no such part: {', '.join(sorted(wrong))}")
    stored = json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else {}
    for part in parts:
        if part == "draw":
            continue
        print(part, flush=True)
        place = where(part)
        stored[part] = {"where": place, "result": PARTS[part](options.rounds)}
        stored = {name: stored[name] for name in PARTS if name in stored}
        STORED.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(stored), encoding="utf-8")
    if "epoch" in stored:
        draw(stored)


if __name__ == "__main__":
    main()
