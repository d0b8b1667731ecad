"""Run historical networks at full length with their own settings, and store what they reached.

    python benchmarks/five_networks.py A --seeds 5

writes benchmarks/results/network_a.json.

A: 784-300-10, ReLU, softmax. Normal weights of standard deviation 0.05; 50 epochs' worth of
   batches of 128, each drawn without replacement; step 0.1; L2 penalty of 0.01 / 128 on weights
   and biases alike.
B: 784-10-10, ReLU, softmax, no bias on the second layer. Weights uniform in [-0.5, 0.5]; 500
   steps of 0.1 on all of 41,000 images, 1,000 more to develop on.
"""

import argparse
import json
import math
import platform
import time
from pathlib import Path

import numpy as np
from tqdm import trange

import nnfromscratch as nn

RESULTS = Path(__file__).parent / "results"


def logits(params: dict, x: np.ndarray) -> np.ndarray:
    """Forward pass of a network with one hidden layer of ReLU."""
    return nn.linear(nn.relu(nn.linear(x, params["w1"], params["b1"])), params["w2"], params["b2"])


def error(params: dict, x: np.ndarray, y: np.ndarray) -> float:
    """Fraction of wrong answers."""
    return float((logits(params, x).argmax(axis=1) != y).mean())


def gradients(params: dict, x: np.ndarray, y: np.ndarray) -> tuple[float, dict]:
    """Loss and the gradient by each parameter."""
    z1 = nn.linear(x, params["w1"], params["b1"])
    a1 = nn.relu(z1)
    loss, dz2 = nn.softmax_cross_entropy(nn.linear(a1, params["w2"], params["b2"]), y)
    da1, dw2, db2 = nn.linear_backward(dz2, a1, params["w2"])
    _, dw1, db1 = nn.linear_backward(nn.relu_backward(da1, z1), x, params["w1"], need_dx=False)
    return float(loss), {"w1": dw1, "b1": db1, "w2": dw2, "b2": db2}


def network_a(seed: int, mnist: tuple) -> dict:
    """Train network A once; return its errors before and after and the curve of its loss."""
    x, y, x_test, y_test = mnist
    batch_size, epochs, step, l2 = 128, 50, 0.1, 0.01 / 128
    rng = np.random.default_rng(seed)
    params = {
        "w1": nn.normal((784, 300), 0.05, rng=rng),
        "w2": nn.normal((300, 10), 0.05, rng=rng),
        "b1": np.zeros(300, np.float32),
        "b2": np.zeros(10, np.float32),
    }
    before = error(params, x_test, y_test)
    epoch_loss = []
    for _ in trange(epochs, desc=f"network A, seed {seed}", unit="epoch"):
        losses = []
        for _ in range(math.ceil(len(x) / batch_size)):
            batch = rng.choice(len(x), batch_size, replace=False)
            loss, grads = gradients(params, x[batch], y[batch])
            for name, array in params.items():
                array -= step * (grads[name] + l2 * array)
            losses.append(loss)
        epoch_loss.append(round(float(np.mean(losses)), 5))
    after = error(params, x_test, y_test)
    return {"error_before": before, "test_error": after, "epoch_loss": epoch_loss}


def network_b(seed: int, mnist: tuple) -> dict:
    """Train network B once; return its errors and its loss at every tenth step."""
    x, y, x_test, y_test = mnist
    split = np.random.default_rng(6)  # the same split for every seed
    x, y, x_dev, y_dev = nn.train_validation_split(x[:42_000], y[:42_000], 1_000, rng=split)
    rng = np.random.default_rng(seed)
    shapes = {"w1": (784, 10), "b1": (10,), "w2": (10, 10)}
    params = {
        name: rng.uniform(-0.5, 0.5, shape).astype(np.float32) for name, shape in shapes.items()
    }
    params["b2"] = np.zeros(10, np.float32)
    before = error(params, x_test, y_test)
    losses = []
    for _ in trange(500, desc=f"network B, seed {seed}", unit="step"):
        loss, grads = gradients(params, x, y)
        for name in shapes:  # not b2
            params[name] -= 0.1 * grads[name]
        losses.append(loss)
    return {
        "error_before": before,
        "development_error": error(params, x_dev, y_dev),
        "test_error": error(params, x_test, y_test),
        "loss_every_tenth_step": [round(loss, 4) for loss in losses[9::10]],
    }


def main() -> None:
    """Run the network asked for and write its results."""
    networks = {"A": network_a, "B": network_b}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=sorted(networks))
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0 to SEEDS - 1")
    options = parser.parse_args()
    mnist = nn.load_mnist()
    runs = []
    for seed in range(options.seeds):
        started = time.perf_counter()
        run = networks[options.network](seed, mnist)
        seconds = round(time.perf_counter() - started, 1)
        runs.append({"seed": seed, "seconds": seconds} | run)
    errors = [run["test_error"] for run in runs]
    result = {
        "command": f"python benchmarks/five_networks.py {options.network} --seeds {options.seeds}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "mean_test_error": round(float(np.mean(errors)), 5),
        "spread_test_error": round(float(np.std(errors, ddof=1)), 5) if len(errors) > 1 else None,
        "runs": runs,
    }
    path = RESULTS / f"network_{options.network.lower()}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"test error {result['mean_test_error']:.2%}, {path.name} written")


if __name__ == "__main__":
    main()
