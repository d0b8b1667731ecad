"""Run historical networks at full length with their own settings, and store what they reached.

    python benchmarks/five_networks.py A --seeds 5

writes nnfromscratch/_results/network_a.json.

A: 784-300-10, ReLU, softmax. Normal weights of standard deviation 0.05; 50 epochs' worth of
   batches of 128, each drawn without replacement; step 0.1; L2 penalty of 0.01 / 128 on weights
   and biases alike.
B: 784-10-10, ReLU, softmax, no bias on the second layer. Weights uniform in [-0.5, 0.5]; 500
   steps of 0.1 on all of 41,000 images, 1,000 more to develop on.
C: 784-10 and 784-128-10, sigmoids, half squared error. Weights and biases normal, standard
   deviation 1; 30 epochs, batches of 16, a step of 3.0 for a batch, so 3.0 / 16 for an example:
   weights get the sum over the batch, biases the mean.
D: 784-128-10, ReLU, softmax, built of layer objects. Weights and biases normal, standard
   deviation 0.1; 10 epochs in fixed order, batches of 128, step 0.05 halved each epoch, the first
   included, on the sum of the gradients; a gate that asks z != 0; loss by log10(p + 1e-6).
E: 784-500-200-100-30-30-30-10, ReLU, softmax. Weights and biases normal, standard deviation 0.1;
   pixels from 0 to 255; 20 epochs, batches of 1,000; cross-entropy with step 0.01, or half squared
   error with step 0.03, without and with weight decay 0.05.

C, D and E are run as they were and with their cures, one change at a time. The errors of each
epoch are on the test set, as the old programs printed them; nothing is chosen by them.
"""

import argparse
import functools
import itertools
import json
import math
import platform
import time

import numpy as np
from tqdm import trange

import nnfromscratch as nn
from nnfromscratch.results import FOLDER


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


class SmallBiasStep(nn.Linear):
    """An affine layer whose weights get the sum over the batch and whose biases get the mean.

    Seen from the mean of both, which the step of 3.0 belongs to, the biases are N times too slow.
    """

    def backward(self, d_out):
        """Return dx; divide the gradient by the biases by N."""
        dx = super().backward(d_out)
        self.grads["b"] /= len(d_out)
        return dx


class OpenReLU(nn.ReLU):
    """A ReLU whose gate never closes on the way back, since z is hardly ever exactly 0."""

    def backward(self, d_out):
        """Return d_out nearly as it came."""
        return d_out * (self.cache != 0)


class OldSoftmax(nn.Softmax):
    """A softmax whose result is mixed with 1e-8 / C, so that no logarithm of it is infinite."""

    def forward(self, x, training=False):
        """Return probabilities, none of them zero."""
        return super().forward(x, training) + 1e-8 / x.shape[1]


def half_squared_error(a: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Half the squared distance to the one-hot row, a mean over the batch only."""
    difference = a - nn.one_hot(y, a.shape[1])
    return 0.5 * (difference**2).sum() / len(a), difference / len(a)


def summed(z: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Cross-entropy by log10(p + 1e-6), a mean, with the gradient of the sum over the batch."""
    p = nn.softmax(z)[np.arange(len(y)), y]
    _, dz = nn.softmax_cross_entropy(z, y)
    return -np.log10(p + 1e-6).mean(), dz * len(z)


def network(sizes, rng, spread, *, biases=True, linear=nn.Linear, activation=nn.ReLU, last=()):
    """Stack affine layers with normal weights of one spread, or He's for None, and activations."""

    def start(shape, *, rng, dtype):
        if spread is None:
            return nn.he_normal(shape, rng=rng, dtype=dtype)
        return nn.normal(shape, spread, rng=rng, dtype=dtype)

    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [linear(inputs, outputs, rng=rng, initializer=start), activation()]
        if biases and spread is not None:
            layers[-2].params["b"][...] = spread * rng.standard_normal(outputs)
    return nn.Sequential([*layers[:-1], *last])


def dead_outputs(model: nn.Sequential, x: np.ndarray, y: np.ndarray) -> int:
    """Sigmoid outputs that stay below 0.01 for every image of their own digit."""
    a = model.forward(x)
    return sum(bool(a[y == digit, digit].max() < 0.01) for digit in range(a.shape[1]))


def dead_hidden(model: nn.Sequential, x: np.ndarray) -> float:
    """Share of the first layer's units that are silent for all of the images."""
    a = model.layers[1].forward(model.layers[0].forward(x))
    return float((a <= 0).all(axis=0).mean())


def trained(model, mnist, name, *, rate, epochs, batch_size, rng, scale=1, in_order=False, **more):
    """Train and return the test error before and after every epoch, and why it stopped."""
    x, y, x_test, y_test = mnist
    if scale != 1:
        x, x_test = scale * x, scale * x_test
    loss = more.get("loss", nn.softmax_cross_entropy)
    settings = {"momentum": more.pop("momentum", 0), "weight_decay": more.pop("weight_decay", 0)}
    optimizer = nn.SGD(rate, nesterov=settings["momentum"] > 0, **settings)
    loss_before, error_before = nn.evaluate(model, x_test, y_test, loss=loss)
    result = {"loss_before": round(loss_before, 3), "error_before": error_before}
    print(name, flush=True)
    try:
        history = nn.fit(
            model,
            (x, y),
            optimizer=optimizer,
            epochs=epochs,
            batch_size=batch_size,
            # A generator that leaves the order as it is.
            rng=InOrder(rng.bit_generator) if in_order else rng,
            validation=(x_test, y_test),
            **more,
        )
    except nn.TrainingDiverged as stopped:
        history = stopped.history
        result["diverged"] = str(stopped)
    errors = [round(error, 4) for error in history.validation_error]
    losses = [round(loss, 4) for loss in history.loss]
    return result | {"error_by_epoch": errors, "loss_by_epoch": losses}


class InOrder(np.random.Generator):
    """A generator that shuffles nothing."""

    def permutation(self, x, axis=0):
        """Return the numbers from 0 up, or x itself."""
        return np.arange(x) if np.ndim(x) == 0 else np.array(x)


def network_c(seed: int, mnist: tuple) -> dict:
    """Train network C as it was, and mended; return errors and dead outputs of each."""
    runs = {}
    variants = {
        "784-10 as it was": ([784, 10], 1.0, True, nn.Sigmoid, SmallBiasStep),
        "784-128-10 as it was": ([784, 128, 10], 1.0, True, nn.Sigmoid, SmallBiasStep),
        "biases by the mean like the weights": ([784, 128, 10], 1.0, True, nn.Sigmoid, nn.Linear),
        "first weights by He's rule": ([784, 128, 10], None, True, nn.Sigmoid, nn.Linear),
        "cross-entropy, step 0.5": ([784, 128, 10], 1.0, False, nn.Sigmoid, nn.Linear),
        "both, step 0.5": ([784, 128, 10], None, False, nn.Sigmoid, nn.Linear),
    }
    for name, (sizes, spread, squared, activation, linear) in variants.items():
        rng = np.random.default_rng(seed)
        last = [nn.Sigmoid()] if squared else []
        model = network(sizes, rng, spread, linear=linear, activation=activation, last=last)
        loss = half_squared_error if squared else nn.softmax_cross_entropy
        settings = {"rate": 3.0 if squared else 0.5, "epochs": 30, "batch_size": 16}
        runs[name] = trained(model, mnist, f"C, {name}", rng=rng, loss=loss, **settings)
        if squared:
            runs[name]["dead_outputs"] = dead_outputs(model, *mnist[2:])
    return {"test_error": runs["784-128-10 as it was"]["error_by_epoch"][-1], "variants": runs}


def network_d(seed: int, mnist: tuple) -> dict:
    """Train network D with both faults, with either mended, and with both."""
    x, y, x_test, y_test = mnist
    # In float64, as it was: in float32 its numbers overflow.
    mnist = x.astype(np.float64), y, x_test.astype(np.float64), y_test
    linear = functools.partial(nn.Linear, dtype=np.float64)
    runs = {}
    variants = {
        "as it was": (OpenReLU, summed, 0.05 / 2),
        "as it was, step halved after the epoch": (OpenReLU, summed, 0.05),
        "gate mended": (nn.ReLU, summed, 0.05 / 2),
        "mean mended": (OpenReLU, nn.softmax_cross_entropy, 0.05 / 2),
        "both mended": (nn.ReLU, nn.softmax_cross_entropy, 0.05 / 2),
        "both mended, step 0.5": (nn.ReLU, nn.softmax_cross_entropy, 0.5),
    }
    for name, (activation, loss, rate) in variants.items():
        rng = np.random.default_rng(seed)
        model = network([784, 128, 10], rng, 0.1, linear=linear, activation=activation)
        halved = nn.schedules.step_decay(0.5, every=1 / 10)
        settings = {"rate": rate, "epochs": 10, "batch_size": 128, "schedule": halved}
        settings |= {"in_order": True, "loss": loss}
        runs[name] = trained(model, mnist, f"D, {name}", rng=rng, **settings)
        runs[name]["dead_hidden"] = round(dead_hidden(model, mnist[2]), 3)
    return {"test_error": runs["as it was"]["error_by_epoch"][-1], "variants": runs}


def network_e(seed: int, mnist: tuple) -> dict:
    """Train network E by its two losses as it was, then with one change after the other."""
    sizes = [784, 500, 200, 100, 30, 30, 30, 10]
    runs = {}
    nesterov = {"momentum": 0.9, "schedule": nn.schedules.linear_decay()}
    variants = {  # squared error, pixels, spread, weight decay, rate, more
        "cross-entropy as it was": (False, 255, 0.1, 0, 0.01, {}),
        "cross-entropy, pixels to 1, He, step 0.1 falling, Nesterov": (
            *(False, 1, None, 0, 0.1),
            nesterov,
        ),
        "squared error as it was": (True, 255, 0.1, 0, 0.03, {}),
        "squared error, weight decay as it was": (True, 255, 0.1, 0.05, 0.03, {}),
        "squared error, pixels to 1": (True, 1, 0.1, 0, 0.03, {}),
        "squared error, pixels to 1, He": (True, 1, None, 0, 0.03, {}),
        "squared error, pixels to 1, He, step 0.1 falling, Nesterov": (
            *(True, 1, None, 0, 0.1),
            nesterov,
        ),
    }
    for name, (squared, scale, spread, decay, rate, more) in variants.items():
        rng = np.random.default_rng(seed)
        model = network(sizes, rng, spread, last=[OldSoftmax()] if squared else [])
        loss = half_squared_error if squared else nn.softmax_cross_entropy
        settings = {"rate": rate, "epochs": 20, "batch_size": 1_000, "weight_decay": decay}
        settings |= {"scale": scale, "loss": loss} | more
        runs[name] = trained(model, mnist, f"E, {name}", rng=rng, **settings)
    return {"test_error": runs["squared error as it was"]["error_by_epoch"][-1], "variants": runs}


def main() -> None:
    """Run the network asked for and write its results."""
    networks = {"A": network_a, "B": network_b, "C": network_c, "D": network_d, "E": network_e}
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
    path = FOLDER / f"network_{options.network.lower()}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"test error {result['mean_test_error']:.2%}, {path.name} written")


if __name__ == "__main__":
    main()
