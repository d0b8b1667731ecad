"""`nnfromscratch verify`: it passes, nothing is missing from it, and it notices what is broken."""

import inspect
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import nnfromscratch as nn
from nnfromscratch import verification
from nnfromscratch.__main__ import main

PAGE = Path(__file__).resolve().parent.parent / "docs" / "verification.md"


@pytest.fixture(scope="module")
def rows():
    started = time.process_time()
    rows = verification.verify()
    assert time.process_time() - started < 10
    return rows


def test_everything_passes(rows):
    assert [row for row in rows if not row.passed] == []


# --- Nothing is missing


def public_names():
    """Everything public that can be called, as it is named in the table."""
    names = {name for name in nn.__all__ if callable(getattr(nn, name))}
    for module in (getattr(nn, name) for name in nn.__all__):
        if inspect.ismodule(module):
            short = module.__name__.removeprefix("nnfromscratch.")
            names |= {
                f"{short}.{name}"
                for name, value in vars(module).items()
                if inspect.isfunction(value)
                and value.__module__ == module.__name__
                and not name.startswith("_")
            }
    return names


def test_every_public_name_is_in_the_table_or_exempt():
    in_table = {case.function.split(",")[0] for case in verification.CASES}
    assert public_names() - in_table == set(verification.EXEMPT)
    assert in_table - public_names() == {"Sequential.predict", "Sequential.load"}


def test_a_name_that_is_missing_would_be_seen(monkeypatch):
    before = public_names()
    assert {"relu", "SGD", "schedules.linear"} <= before
    monkeypatch.setattr(nn, "__all__", [*nn.__all__, "gelu"])
    monkeypatch.setattr(nn, "gelu", lambda z: z, raising=False)

    def sawtooth(progress):
        return progress

    sawtooth.__module__ = "nnfromscratch.schedules"
    monkeypatch.setattr(nn.schedules, "sawtooth", sawtooth, raising=False)
    assert public_names() - before == {"gelu", "schedules.sawtooth"}


# --- It notices


def method(kind, name, change):
    """Return a subclass whose method gives a changed result."""
    original = getattr(kind, name)

    def changed(self, *arguments, **settings):
        return change(original(self, *arguments, **settings))

    return type(kind.__name__, (kind,), {name: changed})


class ForgetfulSGD(nn.SGD):
    """Drop the momentum, and let biases decay."""

    def step(self, model):
        for name, w in model.params.items():
            w -= self.learning_rate * (model.grads[name] + self.weight_decay * w)


class HeavySGD(nn.SGD):
    """Momentum instead of Nesterov's."""

    def __init__(self, learning_rate, momentum=0.0, nesterov=False, weight_decay=0.0):
        super().__init__(learning_rate, momentum, False, weight_decay)


class AveragingLinear(nn.Linear):
    """Average the bias gradient."""

    def backward(self, d_out, *, need_dx=True):
        dx = super().backward(d_out, need_dx=need_dx)
        self.grads["b"] = self.grads["b"] / len(d_out)
        return dx


class UpsideDownModel(nn.Sequential):
    def backward(self, d_out, *, need_dx=True):
        return -super().backward(d_out, need_dx=need_dx)


def shifted(x, y):
    return x, np.roll(y, 1)


def wrong_mnist(arrays):
    arrays[0][-1, 300] += 1 / 255
    return arrays


def unshuffled_split(x, y, size, *, rng):
    return x[size:], y[size:], x[:size], y[:size]


def leaking_split(x, y, size, *, rng):
    x, y, *validation = nn.data.train_validation_split(x, y, size, rng=rng)
    return x, np.roll(y, 1), *validation


def unshuffled_batches(x, y, size, *, rng):
    yield from ((x[k : k + size], y[k : k + size]) for k in range(0, len(x), size))


def incomplete_batches(x, y, size, *, rng):
    batches = nn.data.minibatches(x, y, size, rng=rng)
    return ((a, b) for a, b in batches if len(a) == size)


def load_without_biases(self, path):
    with np.load(path) as file:
        for name, array in self.params.items():
            array[...] = file[name] if name.startswith("w") else 1


def mlp_without_sigmoid(sizes, *, activation="relu", rng):
    return nn.model.mlp(sizes, activation="tanh" if activation == "sigmoid" else "relu", rng=rng)


def unscheduled_fit(model, data, **settings):
    return nn.training.fit(model, data, **settings | {"schedule": None})


def whole_batch_fit(model, data, **settings):
    return nn.training.fit(model, data, **settings | {"batch_size": len(data[0])})


def trusting_check(*arguments, **settings):
    report = nn.gradient_check.check_gradients(*arguments, **settings)
    report.tolerance = math.inf
    return report


def strict_check(*arguments, **settings):
    report = nn.gradient_check.check_gradients(*arguments, **settings)
    report.tolerance = 0
    return report


def transposed_shapes(model, x, y):
    trace = nn.model.trace_shapes(model, x, y)
    return [t._replace(gradient_shape=t.gradient_shape[::-1]) for t in trace]


def rounded_check(name, array, expected):
    nn.shapes.check_shape(name, np.ravel(array), (math.prod(expected),))


functional, losses, data, gradient_check = nn.functional, nn.losses, nn.data, nn.gradient_check
# For each line of the table, functions that are wrong in the way of a tired person.
BROKEN = {
    "linear": [lambda x, w, b: x @ w, lambda x, w, b: x @ w - b],
    "linear_backward": [
        lambda dz, x, w, need_dx=True: (dz @ w.T, x.T @ dz, dz.mean(axis=0)),
        lambda dz, x, w, need_dx=True: (-dz @ w.T, x.T @ dz, dz.sum(axis=0)),
        lambda dz, x, w, need_dx=True: (dz @ w.T, x.T @ dz / len(x), dz.sum(axis=0)),
        lambda dz, x, w, need_dx=True: (dz @ w.T, x.T @ dz, dz.sum(axis=1)),
        lambda dz, x, w, need_dx=True: (dz @ w.T, x.T @ dz * need_dx, dz.sum(axis=0)),
    ],
    "relu": [np.abs, lambda z: np.maximum(z, 1e-300)],
    "relu_backward": [
        lambda da, z: np.asarray(da) * (np.asarray(z) >= 0),
        lambda da, z: np.asarray(da) * (functional.relu(z) >= 0),
        lambda da, z: functional.relu(da),
    ],
    "sigmoid": [
        lambda z: 1 - functional.sigmoid(z),
        lambda z: 1 - functional.sigmoid(-np.asarray(z)),  # right but for rounding
        lambda z: functional.sigmoid(np.float32(z)),
    ],
    "sigmoid_backward": [lambda da, a: da * (1 - a), lambda da, a: -da * a * (1 - a)],
    "tanh": [lambda z: np.tanh(np.float32(z)), lambda z: -np.tanh(z)],
    "tanh_backward": [lambda da, a: da * (1 - a), lambda da, a: 1 - a * a],
    "softmax": [
        lambda z: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True),  # overflows
        lambda z: functional.softmax(np.transpose(z)).T,
    ],
    "softmax_backward": [
        lambda dp, p: dp * p * (1 - p),
        lambda dp, p: p * (dp - (dp * p).sum(axis=0)),
        lambda dp, p: -functional.softmax_backward(dp, p),
    ],
    "log_softmax": [
        lambda z: np.log(functional.softmax(z) + 1e-300),
        lambda z: -functional.log_softmax(z),
    ],
    "log_softmax_backward": [
        lambda d, log_p: d - np.exp(log_p),
        lambda d, log_p: d - np.exp(log_p) * d.sum(axis=0),
    ],
    "softmax_cross_entropy": [
        lambda z, y: (losses.softmax_cross_entropy(z, y)[0] * len(z), None),
        lambda z, y: (losses.softmax_cross_entropy(z, y)[0], functional.softmax(z)),
        lambda z, y: [len(z) ** k * v for k, v in enumerate(losses.softmax_cross_entropy(z, y))],
    ],
    "mean_squared_error": [
        lambda a, t: (((a - t) ** 2).sum() / len(a), 2 * (a - t) / a.size),
        lambda a, t: (((a - t) ** 2).mean(), (a - t) / a.size),
        lambda a, t: (((a - t) ** 2).mean(), 2 * (t - a) / a.size),
    ],
    "Linear": [
        AveragingLinear,
        method(nn.Linear, "forward", lambda z: z + 1e-9),
        method(nn.Linear, "backward", np.negative),
    ],
    "ReLU": [method(nn.ReLU, "backward", np.negative), nn.Tanh],
    "Sigmoid": [method(nn.Sigmoid, "backward", lambda dz: dz / 5), nn.Tanh],
    "Tanh": [method(nn.Tanh, "forward", np.negative), nn.Sigmoid],
    "Sequential": [UpsideDownModel, lambda layers: nn.model.Sequential(layers[::2])],
    "Sequential.predict": [
        lambda self, x, batch_size: self.forward(x[:batch_size]).argmax(axis=1),
        lambda self, x, batch_size: self.forward(x).argmin(axis=1),
    ],
    "mlp": [mlp_without_sigmoid],
    "Sequential.load": [lambda self, path: self, load_without_biases],
    "trace_shapes": [transposed_shapes, lambda model, x, y: []],
    "SGD": [lambda rate, **settings: nn.optimizers.SGD(rate / 2, **settings), ForgetfulSGD],
    "SGD, momentum": [ForgetfulSGD],
    "SGD, nesterov": [ForgetfulSGD, HeavySGD],
    "schedules.constant": [lambda: lambda progress: 1 - progress],
    "schedules.linear": [lambda end=0: lambda progress: 1 - (1 + end) * progress],
    "normal": [lambda shape, deviation, **s: nn.initializers.normal(shape, deviation**2, **s)],
    "he_normal": [
        nn.initializers.xavier_normal,
        lambda shape, **s: nn.initializers.he_normal(shape, **s) / np.float32(np.sqrt(2)),
        lambda shape, rng: np.sqrt(6 / shape[0]) * rng.uniform(-1, 1, shape),
    ],
    "xavier_normal": [
        nn.initializers.he_normal,
        lambda shape, **s: nn.initializers.xavier_normal(shape, **s) + np.float32(0.01),
    ],
    "load_mnist": [
        lambda: wrong_mnist(data.load_mnist()),
        lambda: (*data.load_mnist()[:3], data.load_mnist()[3][::-1]),
    ],
    "load_idx": [
        lambda path: data.load_idx(path).T,
        lambda path: data.load_idx(path).view(np.uint8),
    ],
    "load_digits_csv": [
        lambda path: shifted(*data.load_digits_csv(path)),
        lambda path: (data.load_digits_csv(path)[0] * 255, [7, 0]),
    ],
    "one_hot": [
        lambda y, classes: data.one_hot(y, classes).T,
        lambda y, classes: data.one_hot(y, classes)[:, ::-1],
    ],
    "minibatches": [
        unshuffled_batches,
        incomplete_batches,
        lambda x, y, size, rng: (shifted(*b) for b in data.minibatches(x, y, size, rng=rng)),
    ],
    "train_validation_split": [unshuffled_split, leaking_split],
    "evaluate": [
        lambda model, x, y, batch_size: nn.training.evaluate(model, x[:-1], y[:-1]),
        lambda model, x, y, batch_size: nn.training.evaluate(model, x, y)[::-1],
    ],
    "fit": [unscheduled_fit, whole_batch_fit],
    "numerical_gradient": [
        lambda f, x, method: -gradient_check.numerical_gradient(f, x, method=method),
        lambda f, x, method: gradient_check.numerical_gradient(f, x, 1e-3, "forward"),
    ],
    "relative_error": [
        lambda a, b: 0,
        lambda a, b: np.max(np.abs(np.subtract(a, b)) / (np.abs(a) + np.abs(b) + 1e-300)),
    ],
    "check_gradients": [trusting_check, strict_check],
    "check_shape": [rounded_check, lambda name, array, expected: None],
}


@pytest.mark.parametrize(
    ("name", "broken"),
    [(name, broken) for name, functions in BROKEN.items() for broken in functions],
)
def test_a_broken_function_is_noticed(name, broken, monkeypatch):
    cases = [case for case in verification.CASES if case.function == name]
    owner, _, attribute = name.split(",")[0].rpartition(".")
    monkeypatch.setattr(getattr(nn, owner) if owner else nn, attribute, broken)
    rows = [verification.run(case) for case in cases]
    assert not all(row.passed for row in rows)
    # By what it computes, not because the break itself breaks.
    assert not any("Error(" in row.against for row in rows)


def test_every_line_of_the_table_has_been_seen_to_fail():
    assert {case.function for case in verification.CASES} == set(BROKEN)


@pytest.mark.parametrize(
    ("found", "expected", "error"),
    [
        (2.0, 2, 0),
        ([1.0, -2.0], [1, -2.5], 0.2),
        ([0.0, 0.0], [0, 0], 0),
        ([0.0, 1e-300], [0, 0], math.inf),
        ([math.nan], [1], math.inf),
        ([1.0], [math.nan], math.inf),
        ([math.inf], [1], math.inf),
        ([1.0, 2.0], [[1, 2]], math.inf),
        ([1.0], 1, math.inf),
        ([], [1], math.inf),
        (True, False, math.inf),
        ("a", "b", math.inf),
        ("a", "a", 0),
    ],
)
def test_distance(found, expected, error):
    assert verification.distance(found, expected) == error


def test_a_check_without_a_pair_or_with_an_error_is_wrong():
    def nothing():
        yield from ()

    def fails():
        yield 1, 1
        raise ValueError("too short")

    def close():
        yield 1.0, 1
        yield 1.0, 1.1

    rows = [
        verification.run(verification.Case("f", "g", 0.1, check))
        for check in (nothing, fails, close)
    ]
    assert [row.passed for row in rows] == [False, False, True]
    assert rows[1].against == "g: ValueError('too short')"
    assert rows[2].error == pytest.approx(1 / 11)


# --- The command and the page


def test_the_command_prints_the_table(rows, capsys, monkeypatch):
    kept = iter(rows)
    monkeypatch.setattr(verification, "run", lambda case: next(kept))  # they have just been run
    assert main(["verify"]) == 0
    printed, bar = capsys.readouterr()
    lines = printed.splitlines()
    assert lines[0].split() == ["function", "checked", "against", "error", "bound", "verdict"]
    assert [line.split()[0].strip(",") for line in lines[1:-1]] == [
        row.function.split(",")[0] for row in rows
    ]
    assert all(line.endswith("passed") for line in lines[1:-1])
    assert lines[-1] == f"all {len(rows)} checks passed"
    assert f"/{len(rows)} " in bar
    assert printed.isascii()  # for terminals of every kind
    assert max(map(len, lines)) <= 120


def test_the_command_fails_if_a_function_is_wrong(monkeypatch, capsys, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("as it was")
    monkeypatch.setattr(nn, "relu_backward", lambda da, z: -functional.relu_backward(da, z))
    monkeypatch.setattr(nn, "sigmoid", None)
    monkeypatch.setattr(verification, "CASES", verification.CASES[:12])
    assert main(["verify", "--markdown", str(page)]) == 1
    printed, _ = capsys.readouterr()
    wrong = [line for line in printed.splitlines() if line.endswith("WRONG")]
    assert [line.split()[0] for line in wrong] == ["relu_backward", "sigmoid", "relu_backward"]
    assert "'NoneType' object is not callable" in wrong[1]
    assert printed.splitlines()[-1] == "3 of 12 checks found something wrong"
    assert page.read_text() == "as it was"


def test_the_page_is_the_one_that_the_command_writes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["verify", "--markdown"]) == 0
    written = (tmp_path / "docs" / "verification.md").read_bytes()
    assert os.listdir(tmp_path / "docs") == ["verification.md"]
    assert written.decode() == PAGE.read_text(encoding="utf-8"), (
        "docs/verification.md is not up to date: run nnfromscratch verify --markdown"
    )


def test_the_page_does_not_depend_on_the_machine(rows):
    def page(rows):
        return verification.as_markdown(rows)

    assert page(rows) == page([row._replace(error=row.error * 1.2) for row in rows])
    assert page(rows) == page([row._replace(error=row.error * 0.8) for row in rows])
    noisy = [row._replace(error=9e-15) if row.error < 1e-14 else row for row in rows]
    assert page(rows) == page(noisy)
    assert all(line.count("|") == 6 for line in page(rows).splitlines() if line.startswith("|"))
    assert "`nnfromscratch verify --markdown`" in page(rows)
    worse = [row._replace(error=1e-10) if row.bound == 1e-13 else row for row in rows]
    assert page(worse) != page(rows)


def test_it_needs_the_packages_own_dependencies_alone():
    code = (
        "import sys\n"
        "for name in ('scipy', 'sklearn', 'autograd', 'pytest', 'torch', 'jax'):\n"
        "    sys.modules[name] = None\n"
        "from nnfromscratch.__main__ import main\n"
        "assert 'nnfromscratch.verification' not in sys.modules, 'start-up would be slower'\n"
        "assert main(['verify']) == 0\n"
        "assert 'matplotlib' not in sys.modules\n"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
