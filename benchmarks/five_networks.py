"""Run a historical network at full length with its own settings, and store what it reached.

    python benchmarks/five_networks.py A --seeds 5

writes benchmarks/results/network_a.json. Network A is 784-300-10 with ReLU and softmax: normal
weights of standard deviation 0.05, 50 epochs' worth of batches of 128, each drawn without
replacement, step 0.1, L2 penalty of 0.01 / 128 on weights and biases alike.
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
BATCH_SIZE, EPOCHS, STEP, L2 = 128, 50, 0.1, 0.01 / 128


def network_a(seed: int, mnist: tuple) -> dict:
    """Train network A once; return its errors before and after and the curve of its loss."""
    x, y, x_test, y_test = mnist
    rng = np.random.default_rng(seed)
    w1, w2 = nn.normal((784, 300), 0.05, rng=rng), nn.normal((300, 10), 0.05, rng=rng)
    b1, b2 = np.zeros(300, np.float32), np.zeros(10, np.float32)

    def test_error() -> float:
        logits = nn.linear(nn.relu(nn.linear(x_test, w1, b1)), w2, b2)
        return float((logits.argmax(axis=1) != y_test).mean())

    before = test_error()
    steps_per_epoch = math.ceil(len(x) / BATCH_SIZE)
    epoch_loss = []
    started = time.perf_counter()
    for _ in trange(EPOCHS, desc=f"network A, seed {seed}", unit="epoch"):
        losses = []
        for _ in range(steps_per_epoch):
            batch = rng.choice(len(x), BATCH_SIZE, replace=False)
            xb = x[batch]
            z1 = nn.linear(xb, w1, b1)
            a1 = nn.relu(z1)
            loss, dz2 = nn.softmax_cross_entropy(nn.linear(a1, w2, b2), y[batch])
            da1, dw2, db2 = nn.linear_backward(dz2, a1, w2)
            _, dw1, db1 = nn.linear_backward(nn.relu_backward(da1, z1), xb, w1, need_dx=False)
            for array, gradient in ((w1, dw1), (b1, db1), (w2, dw2), (b2, db2)):
                array -= STEP * (gradient + L2 * array)
            losses.append(float(loss))
        epoch_loss.append(round(float(np.mean(losses)), 5))
    return {
        "seed": seed,
        "error_before": before,
        "test_error": test_error(),
        "seconds": round(time.perf_counter() - started, 1),
        "epoch_loss": epoch_loss,
    }


def main() -> None:
    """Run the network asked for and write its results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=["A"])
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0 to SEEDS - 1")
    options = parser.parse_args()
    mnist = nn.load_mnist()
    runs = [network_a(seed, mnist) for seed in range(options.seeds)]
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
