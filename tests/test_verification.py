"""`nnfromscratch verify`: it passes, nothing is missing from it, and it notices what is broken."""

import inspect
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import derived
import numpy as np
import pytest

import nnfromscratch as nn
from nnfromscratch import contracts, verification
from nnfromscratch.__main__ import main
from nnfromscratch.drawing import draw_strokes, prepare_digit
from nnfromscratch.inspection import (
    confusion_matrix,
    expected_calibration_error,
    fast_gradient_sign,
    fit_temperature,
    principal_components,
)
from nnfromscratch.optimizers import running

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
                and value.__module__.startswith(module.__name__)
                and name in getattr(module, "__all__", [name])
                and not name.startswith("_")
            }
    return names


def test_every_public_name_is_in_the_table_or_exempt():
    in_table = {case.function.split(",")[0] for case in verification.CASES}
    assert public_names() - in_table == set(verification.EXEMPT)
    assert in_table - public_names() == {"Sequential.predict", "Sequential.load"}


def test_a_name_that_is_missing_would_be_seen(monkeypatch):
    before = public_names()
    assert {"relu", "SGD", "schedules.linear_decay"} <= before
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

    def backward(self, d_out):
        dx = super().backward(d_out)
        self.grads["b"] = self.grads["b"] / len(d_out)
        return dx


class UpsideDownModel(nn.Sequential):
    def backward(self, d_out, *, need_dx=True):
        return -super().backward(d_out, need_dx=need_dx)


class CoupledAdamW(nn.AdamW):
    """Let the decay into the averages, as Adam does."""

    decoupled = False


class UncorrectedAdam(nn.Adam):
    """Forget that the averages start at zero."""

    def direction(self, g, state):
        m = running(state, "mean", g, self.beta1, 1 - self.beta1)
        s = running(state, "square", g * g, self.beta2, 1 - self.beta2)
        return m / (np.sqrt(s) + self.epsilon)


class InnerRMSProp(nn.RMSProp):
    """Put epsilon under the root."""

    def direction(self, g, state):
        s = running(state, "square", g * g, self.decay, 1 - self.decay)
        return g / np.sqrt(s + self.epsilon**2)


class UnscaledDropout(nn.Dropout):
    """Do not divide by 1 - rate."""

    def forward(self, x, training=False):
        super().forward(x, training)
        self.cache = self.cache * (1 - self.rate)
        return x * self.cache


class SharedDropout(nn.Dropout):
    """Use one mask for the whole batch."""

    def forward(self, x, training=False):
        super().forward(x, training)
        self.cache = np.tile(self.cache[:1], (len(x), 1))
        return x * self.cache


class EagerDropout(nn.Dropout):
    """Silence units outside training, too."""

    def forward(self, x, training=False):
        return super().forward(x, True)


class FreshDropout(nn.Dropout):
    """Draw another mask on the way back."""

    def backward(self, d_out):
        return super().forward(d_out, True)


class TrainingBatchNorm(nn.BatchNorm):
    """Use the batch's statistics at all times."""

    def forward(self, x, training=False):
        return super().forward(x, True)


class FrozenBatchNorm(nn.BatchNorm):
    """Take the statistics for constants on the way back."""

    def backward(self, d_out):
        super().backward(d_out)
        return d_out * self.params["gamma"] / np.sqrt(np.var(self.cache[0], axis=0) + 1e-5)


class SwappedBatchNorm(nn.BatchNorm):
    """Take the momentum for its complement."""

    def __init__(self, features, momentum, **settings):
        super().__init__(features, momentum=1 - momentum, **settings)


def unsigned_orthogonal(shape, gain, *, rng, dtype):
    """Leave the signs of the columns to the algorithm."""
    q = gain * np.linalg.qr(rng.standard_normal((max(shape), min(shape))))[0]
    return q if shape[0] >= shape[1] else q.T


class LastEpoch(nn.EarlyStopping):
    """Stop, but keep the last epoch's parameters."""

    def restore(self, model):
        pass


class ImpatientStopping(nn.EarlyStopping):
    def __init__(self, patience):
        super().__init__(patience - 1)


class ParametersOnly(nn.EarlyStopping):
    """Forget the buffers."""

    def restore(self, model):
        model.set_arrays(model.buffers | {k: self.arrays[k] for k in model.params}, "")


class ForgetsMemory(nn.Checkpoint):
    def resume(self, model):
        history = super().resume(model)
        self.optimizer.state.clear()
        return history


class ForgetsSteps(nn.Checkpoint):
    def resume(self, model):
        history = super().resume(model)
        self.optimizer.steps *= 10  # 0 could look as if fit had another optimizer
        return history


class ForgetsGenerators(nn.Checkpoint):
    """Restore fit's generator, but not those of layers."""

    def resume(self, model):
        rngs = [layer.rng for layer in model.layers if hasattr(layer, "rng")]
        states = [rng.bit_generator.state for rng in rngs]
        history = super().resume(model)
        for rng, state in zip(rngs, states, strict=True):
            rng.bit_generator.state = state
        return history


def flipped(x):
    """Transpose every image."""
    side = math.isqrt(x.shape[1])
    return x.reshape(-1, side, side).transpose(0, 2, 1).reshape(len(x), -1)


def without(**strengths):
    """Return a distort that ignores some of its strengths."""
    distort = nn.distort
    return lambda x, **settings: distort(x, **settings | strengths)


def changed_statistics(**change):
    measure = nn.diagnostics.layer_statistics

    def changed(model, x, y):
        rows = measure(model, x, y)
        return [row._replace(**{k: f(row) for k, f in change.items()}) for row in rows]

    return changed


def changed_ratios(change):
    measure = nn.diagnostics.update_ratios
    return lambda *arguments: {k: change(v) for k, v in measure(*arguments).items()}


EXAMINE = nn.diagnostics.examine


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
    activation = "tanh" if activation == "sigmoid" else activation
    return nn.model.mlp(sizes, activation=activation, rng=rng)


def mlp_without_leak(sizes, *, activation="relu", rng):
    return nn.model.mlp(sizes, activation=activation.removeprefix("leaky_"), rng=rng)


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
    trace = nn.tracing.trace_shapes(model, x, y)
    return [t._replace(gradient_shape=t.gradient_shape[::-1]) for t in trace]


def rounded_check(name, array, expected):
    contracts.check_shape(name, np.ravel(array), (math.prod(expected),))


functional, losses, data, gradient_check = nn.functional, nn.losses, nn.data, nn.gradient_check
# For each line of the table, functions that are wrong in the way of a tired person.
BROKEN = {
    "linear": [lambda x, w, b: x @ w],
    "linear_backward": [
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
        lambda z: 1 - functional.sigmoid(-np.asarray(z)),  # right but for rounding
        lambda z: functional.sigmoid(np.float32(z)),
    ],
    "sigmoid_backward": [lambda da, a: da * (1 - a)],
    "tanh": [lambda z: np.tanh(np.float32(z))],
    "tanh_backward": [lambda da, a: da * (1 - a), lambda da, a: 1 - a * a],
    "softmax": [
        lambda z: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True),  # overflows
        lambda z: functional.softmax(np.transpose(z)).T,
    ],
    "softmax_backward": [
        lambda dp, p: dp * p * (1 - p),
        lambda dp, p: p * (dp - (dp * p).sum(axis=0)),
    ],
    "log_softmax": [lambda z: np.log(functional.softmax(z) + 1e-300)],
    "log_softmax_backward": [
        lambda d, log_p: d - np.exp(log_p),
        lambda d, log_p: d - np.exp(log_p) * d.sum(axis=0),
    ],
    "leaky_relu": [lambda z, slope=0.01: functional.relu(z), lambda z, slope=0.01: np.abs(z)],
    "leaky_relu_backward": [
        lambda da, z, slope=0.01: np.where(np.asarray(z) >= 0, da, slope * np.asarray(da)),
        lambda da, z, slope=0.01: functional.leaky_relu_backward(da, z),
        lambda da, z, slope=0.01: functional.relu_backward(da, z),
    ],
    "batch_statistics": [lambda x: (x.mean(0), x.var(0, ddof=1)), lambda x: (x.mean(0), x.std(0))],
    "normalize": [lambda *arrays: functional.normalize(*arrays, 1e-6)],
    "normalize_backward": [lambda *arrays: functional.normalize_backward(*arrays, 1e-6)],
    "batch_norm": [
        lambda x, gamma, beta: functional.batch_norm(x, gamma, beta, 1e-6),
        lambda x, gamma, beta: functional.batch_norm(x, gamma, -beta),
        lambda x, gamma, beta: gamma * (x - x.mean(0)) / x.std(0, ddof=1) + beta,
    ],
    "batch_norm_backward": [
        lambda dy, x, gamma: functional.batch_norm_backward(dy, x, gamma)[::-1],
        lambda dy, x, gamma: functional.batch_norm_backward(dy, x, gamma, 1e-6),
        lambda dy, x, gamma: (
            gamma * dy / np.sqrt(x.var(0) + 1e-5),  # the statistics as constants
            *functional.batch_norm_backward(dy, x, gamma)[1:],
        ),
    ],
    "softmax_cross_entropy": [
        lambda z, y: (losses.softmax_cross_entropy(z, y)[0], functional.softmax(z)),
        lambda z, y: [len(z) ** k * v for k, v in enumerate(losses.softmax_cross_entropy(z, y))],
    ],
    "mean_squared_error": [
        lambda a, t: (((a - t) ** 2).sum() / len(a), 2 * (a - t) / a.size),
        lambda a, t: (((a - t) ** 2).mean(), (a - t) / a.size),
    ],
    "Linear": [
        AveragingLinear,
        method(nn.Linear, "forward", lambda z: z + 1e-9),
        method(nn.Linear, "backward", np.negative),
    ],
    "ReLU": [method(nn.ReLU, "backward", np.negative), nn.Tanh],
    "Sigmoid": [method(nn.Sigmoid, "backward", lambda dz: dz / 5), nn.Tanh],
    "Tanh": [method(nn.Tanh, "forward", np.negative), nn.Sigmoid],
    "LeakyReLU": [nn.ReLU, lambda: nn.layers.LeakyReLU(0.1)],
    "Softmax": [method(nn.Softmax, "backward", np.negative), nn.Sigmoid],
    "Dropout": [UnscaledDropout, SharedDropout, EagerDropout, FreshDropout],
    "Dropout, on average": [
        UnscaledDropout,
        lambda rate, rng: nn.layers.Dropout(1 - rate, rng=rng),
    ],
    "BatchNorm, training": [FrozenBatchNorm, SwappedBatchNorm],
    "BatchNorm, testing": [TrainingBatchNorm, method(nn.BatchNorm, "backward", np.negative)],
    "Sequential": [UpsideDownModel, lambda layers: nn.model.Sequential(layers[::2])],
    "Sequential.predict": [
        lambda self, x, batch_size: self.forward(x[:batch_size]).argmax(axis=1),
        lambda self, x, batch_size: self.forward(x).argmin(axis=1),
    ],
    "mlp": [mlp_without_sigmoid, mlp_without_leak],
    "Sequential.load": [lambda self, path: self, load_without_biases],
    "trace_shapes": [transposed_shapes, lambda model, x, y: []],
    "SGD": [lambda rate, **settings: nn.optimizers.SGD(rate / 2, **settings), ForgetfulSGD],
    "SGD, momentum": [ForgetfulSGD],
    "SGD, nesterov": [ForgetfulSGD, HeavySGD],
    "RMSProp": [
        InnerRMSProp,
        lambda rate=0.001, decay=0.9, *rest: nn.optimizers.RMSProp(rate, decay / 2, *rest),
    ],
    "Adam": [
        UncorrectedAdam,
        nn.AdamW,
        lambda rate=0.001, b1=0.9, b2=0.999, *rest: nn.optimizers.Adam(rate, b2, b1, *rest),
    ],
    "AdamW": [CoupledAdamW, nn.Adam],
    "schedules.step_decay": [
        lambda factor=0.5, every=0.1: lambda t: factor ** (t / every),
        lambda factor=0.5, every=0.1: lambda t: factor ** math.floor(t / every + 0.5),
    ],
    "schedules.exponential_decay": [
        lambda end: lambda t: math.exp(-t / end),
        lambda end: lambda t: end ** (t * t),
    ],
    "schedules.cosine": [
        lambda end: lambda t: (1 + math.cos(math.pi * t)) / 2,
        lambda end: lambda t: end + (1 - end) * math.cos(math.pi * t / 2),
    ],
    "schedules.warmup": [
        lambda share, then=None: lambda t: min(1, t / share),
        lambda share, then=lambda t: 1: lambda t: t / share if t < share else then(t),
    ],
    "schedules.constant": [lambda: lambda progress: 1 - progress],
    "schedules.linear_decay": [lambda end=0: lambda progress: 1 - (1 + end) * progress],
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
    "orthogonal": [
        lambda shape, *rest, **s: nn.initializers.orthogonal(shape[::-1], *rest, **s).T,
        lambda shape, *rest, **s: -nn.initializers.orthogonal(shape, *rest, **s),
        lambda shape, gain, **s: nn.initializers.orthogonal(shape, **s),
        unsigned_orthogonal,
    ],
    "load_mnist": [
        lambda: wrong_mnist(data.load_mnist()),
        lambda: (*data.load_mnist()[:3], data.load_mnist()[3][::-1]),
    ],
    "load_idx": [
        lambda path: nn.readers.load_idx(path).T,
        lambda path: nn.readers.load_idx(path).view(np.uint8),
    ],
    "load_digits_csv": [
        lambda path: shifted(*nn.readers.load_digits_csv(path)),
        lambda path: (nn.readers.load_digits_csv(path)[0] * 255, [7, 0]),
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
    "distort": [
        lambda x, **s: flipped(nn.augmentation.distort(x, **s)),
        lambda x, **s: np.roll(nn.augmentation.distort(x, **s), 1, axis=1),
    ],
    "distort, turned": [
        without(rotation=0),
        lambda x, **s: flipped(nn.augmentation.distort(flipped(x), **s)),  # the other way round
        lambda x, rotation, **s: nn.augmentation.distort(x, rotation=math.radians(rotation), **s),
    ],
    "distort, all of it": [
        without(rotation=0),
        without(scaling=0),
        without(shear=0),
        without(elastic=0),
        without(sigma=1.6),
    ],
    "EarlyStopping": [LastEpoch, ImpatientStopping, ParametersOnly],
    "Checkpoint": [ForgetsMemory, ForgetsSteps, ForgetsGenerators],
    "diagnostics.layer_statistics": [
        changed_statistics(standard_deviation=lambda row: row.standard_deviation**2),
        changed_statistics(saturated=lambda row: row.dead),
        changed_statistics(dead=lambda row: 0.0),
        changed_statistics(
            gradient_standard_deviation=lambda row: 6 * row.gradient_standard_deviation
        ),
    ],
    "diagnostics.update_ratios": [
        changed_ratios(lambda ratio: ratio / 0.5),
        changed_ratios(lambda ratio: ratio**2),
    ],
    "diagnostics.examine": [
        lambda model, x, y, **settings: nn.diagnostics.Examination(),
        lambda model, x, y, loss, **settings: EXAMINE(model, x, y, **settings),
        lambda model, x, y, optimizer, **settings: EXAMINE(model, x, y, **settings),
    ],
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
    "inspection.confusion_matrix": [
        lambda z, y: confusion_matrix(z, y).T,
        lambda z, y: np.minimum(confusion_matrix(z, y), 1),
    ],
    "inspection.expected_calibration_error": [
        lambda p, y, bins: abs((np.argmax(p, 1) == y).mean() - np.max(p, 1).mean()),
        lambda p, y, bins: expected_calibration_error(p, y, bins + 1),
    ],
    "inspection.fit_temperature": [
        lambda z, y: 1 / fit_temperature(z, y),
        lambda z, y: 1.0,
    ],
    "inspection.fast_gradient_sign": [
        lambda model, x, y, strength: np.clip(
            2 * x - fast_gradient_sign(model, x, y, strength), 0, 1
        ),
        lambda model, x, y, strength: fast_gradient_sign(model, x, y, strength / 2),
    ],
    "inspection.principal_components": [
        lambda x, count=2: [
            -result if n < 2 else result for n, result in enumerate(principal_components(x, count))
        ],
        lambda x, count=2: principal_components(np.subtract(x, 1) ** 3, count),
    ],
    "drawing.draw_strokes": [
        lambda strokes, **how: draw_strokes(strokes, **how).T,
        lambda strokes, **how: draw_strokes(strokes, **how).round(),
    ],
    "drawing.prepare_digit": [
        lambda image: prepare_digit(image[::-1]),
        lambda image: np.roll(prepare_digit(image), 1),
        lambda image: np.roll(prepare_digit(image), 28),
    ],
}


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        *[(name, broken) for name, functions in BROKEN.items() for broken in functions],
        *[
            pytest.param(name, broken, id=f"{name}: {what}")
            for name, function in derived.functions().items()
            for what, broken in derived.broken(function).items()
        ],
    ],
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
    seen = {*BROKEN, *derived.functions()}
    assert {case.function for case in verification.CASES} == seen


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
    assert max(map(len, lines)) <= 130


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
