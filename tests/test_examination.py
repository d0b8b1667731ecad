"""examine, on sick networks whose cause is known and on healthy ones, where it must say nothing."""

import functools
import itertools
import json

import numpy as np
import pytest
from sampling import every, some_of

import nnfromscratch as nn
from nnfromscratch.clinic import KINDS, cause_of, patient
from nnfromscratch.diagnostics import CAUSES, examine


@functools.cache
def mnist():
    x, y, _, _ = nn.load_mnist()
    return x[:3_000], y[:3_000]


def spread(sigma):
    return lambda shape, *, rng, dtype: nn.normal(shape, sigma, rng=rng, dtype=dtype)


def zeros(shape, *, rng, dtype):
    return np.zeros(shape, dtype)


def network(sizes, activation, start, rng, *, normalized=False, rate=0.0, last=(), linears=()):
    layers, linears = [], linears or [nn.Linear] * len(sizes)
    for linear, (inputs, outputs) in zip(linears, itertools.pairwise(sizes), strict=False):
        layers.append(linear(inputs, outputs, rng=rng, initializer=start))
        layers += [nn.BatchNorm(outputs)] if normalized else []
        layers.append(activation())
        layers += [nn.Dropout(rate, rng=rng)] if rate else []
    after = 1 + normalized + bool(rate)
    return nn.Sequential([*layers[: len(layers) - after], *last])


def half_squared_error(a, y):
    difference = a - nn.one_hot(y, 10).astype(a.dtype)
    return 0.5 * (difference**2).sum() / len(a), difference / len(a)


def squared_error(a, y):
    return nn.mean_squared_error(a, nn.one_hot(y, 10).astype(a.dtype))


# --- sick networks


@pytest.mark.parametrize("seed", some_of([0, 1], lambda seed: seed == 0))
@pytest.mark.parametrize("number", range(1, len(KINDS) + 1))
def test_the_cause_of_every_patient_is_found_first(number, seed):
    case = patient(seed, number)
    settings = {"loss": case.loss, "optimizer": case.optimizer, "batch_size": case.batch_size}
    report = examine(case.model, case.x, case.y, **settings)
    assert report.causes[:1] == [cause_of(number)], report
    assert len(report) <= 2, report
    assert not report.skipped


@pytest.mark.parametrize("number", range(1, len(KINDS) + 1))
def test_patients_come_from_their_seed_alone(number):
    one, same, other = (patient(seed, number) for seed in (3, 3, 4))
    pairs = zip(one.model.params.values(), same.model.params.values(), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)
    assert np.array_equal(one.x, same.x, equal_nan=True)
    assert np.array_equal(one.y, same.y)
    assert not (np.array_equal(one.x, other.x) and np.array_equal(one.y, other.y))
    assert cause_of(number) not in repr(one)
    assert cause_of(number) in CAUSES


@pytest.mark.parametrize(
    ("seed", "number", "words"),
    [
        (0, 0, "number must be at least 1, got 0"),
        (0, 1_000, f"number must be from 1 to {len(KINDS)}, got 1000"),
        (-1, 1, "seed must not be negative, got -1"),
        (1.5, 1, "seed must be an integer, got float"),
        (True, 1, "seed must be an integer, got bool"),
    ],
)
def test_what_is_no_patient_is_said_as_it_was_given(seed, number, words):
    with pytest.raises((TypeError, ValueError), match=f"^patient: {words}"):
        patient(seed, number)


class SlowBias(nn.Linear):
    def backward(self, d_out):
        dx = super().backward(d_out)
        self.grads["b"] /= len(d_out)
        return dx


class FrozenBias(nn.Linear):
    def backward(self, d_out):
        dx = super().backward(d_out)
        self.grads["b"][...] = 0
        return dx


class OpenReLU(nn.ReLU):
    def backward(self, d_out):
        return d_out * (self.cache != 0)


def summed(z, y):
    loss, dz = nn.softmax_cross_entropy(z, y)
    return loss, dz * len(z)


def with_biases(model, sigma, rng):
    for name, array in model.params.items():
        if array.ndim == 1:
            model.params[name][...] = sigma * rng.standard_normal(array.shape)
    return model


def even(shape, *, rng, dtype):
    return rng.uniform(-0.5, 0.5, shape).astype(dtype)


DEEP = [784, 500, 200, 100, 30, 30, 30, 10]


def old_network(name, rng):
    """Return the model, its settings, the scale of its pixels, and what is to be found first."""
    relu, sigmoid = nn.ReLU, nn.Sigmoid
    if name == "A":
        model = network([784, 300, 10], relu, spread(0.05), rng, last=[nn.ReLU()])
        return model, {"optimizer": nn.SGD(0.1)}, 1, "activation on the logits"
    if name == "B":
        model = network([784, 10, 10], relu, even, rng, linears=[nn.Linear, FrozenBias])
        return model, {"optimizer": nn.SGD(0.1), "batch_size": 3_000}, 1, "parameters frozen"
    if name == "C":
        slow = {"last": [nn.Sigmoid()], "linears": [SlowBias, SlowBias]}
        model = network([784, 128, 10], sigmoid, spread(1.0), rng, **slow)
        settings = {"loss": half_squared_error, "optimizer": nn.SGD(3.0), "batch_size": 16}
        return with_biases(model, 1.0, rng), settings, 1, "weights too large"
    if name == "D":
        model = with_biases(network([784, 128, 10], OpenReLU, spread(0.1), rng), 0.1, rng)
        return model, {"loss": summed, "optimizer": nn.SGD(0.05)}, 1, "sum for mean"
    model = with_biases(network(DEEP, relu, spread(0.1), rng), 0.1, rng)
    return model, {"optimizer": nn.SGD(0.01), "batch_size": 1_000}, 255, "inputs not scaled"


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", "ABCDE")
def test_the_five_networks(name, seed):
    model, settings, scale, cause = old_network(name, np.random.default_rng(seed))
    x, y = mnist()
    report = examine(model, scale * x, y, **settings)
    assert report.causes[0] == cause, report
    also = {"C": {"outputs dead", "gradient scaled"}, "D": {"gradient wrong"}}.get(name, set())
    assert set(report.causes[1:]) <= also, report


# --- healthy networks

HE, XAVIER = nn.he_normal, nn.xavier_normal
HEALTHY = {
    "A": (([784, 300, 10], nn.ReLU, spread(0.05)), {}, nn.SGD(0.1, weight_decay=8e-5), {}),
    "Nesterov": (([784, 300, 10], nn.ReLU, HE), {}, nn.SGD(0.2, 0.9, True), {}),
    "Adam": (([784, 128, 64, 10], nn.ReLU, HE), {}, nn.Adam(0.001), {}),
    "AdamW": (([784, 100, 10], nn.LeakyReLU, HE), {}, nn.AdamW(0.001), {}),
    "RMSProp": (([784, 100, 10], nn.ReLU, XAVIER), {}, nn.RMSProp(0.001), {}),
    "E mended": ((DEEP, nn.ReLU, HE), {}, nn.SGD(0.1), {}),
    "deep and narrow": (([784, *[30] * 10, 10], nn.ReLU, HE), {}, nn.Adam(0.001), {}),
    "tanh": (([784, 100, 100, 10], nn.Tanh, XAVIER), {}, nn.SGD(0.1), {}),
    "sigmoid": (([784, 128, 10], nn.Sigmoid, XAVIER), {}, nn.SGD(0.5), {}),
    "BatchNorm": (([784, 100, 50, 10], nn.ReLU, HE), {"normalized": True}, nn.SGD(0.1), {}),
    "BatchNorm, large weights": (
        ([784, 100, 50, 10], nn.ReLU, spread(0.2)),
        {"normalized": True},
        None,
        {},
    ),
    "Dropout": (([784, 200, 10], nn.ReLU, HE), {"rate": 0.5}, nn.SGD(0.1), {}),
    "both": (
        ([784, 100, 50, 10], nn.ReLU, HE),
        {"normalized": True, "rate": 0.2},
        nn.Adam(0.001),
        {},
    ),
    "no hidden layer": (([784, 10], nn.ReLU, HE), {}, nn.SGD(0.5), {}),
    "no hidden layer, zeros": (([784, 10], nn.ReLU, zeros), {}, nn.SGD(0.5), {}),
    "C mended": (
        ([784, 64, 10], nn.Sigmoid, XAVIER),
        {"last": [nn.Sigmoid()]},
        nn.SGD(3.0),
        {"loss": half_squared_error, "batch_size": 16},
    ),
    "squared error of a softmax": (
        ([784, 64, 10], nn.ReLU, HE),
        {"last": [nn.Softmax()]},
        nn.SGD(1.0, 0.9),
        {"loss": squared_error},
    ),
    "squared error of logits": (
        ([784, 64, 10], nn.ReLU, HE),
        {},
        nn.SGD(0.1),
        {"loss": squared_error},
    ),
}


@pytest.mark.parametrize("seed", some_of([0, 1], lambda seed: seed == 1))
@pytest.mark.parametrize("name", every(2, HEALTHY))
def test_nothing_is_found_wrong_with_a_healthy_network(name, seed):
    frame, more, optimizer, settings = HEALTHY[name]
    model = network(*frame, np.random.default_rng(seed), **more)
    x, y = mnist()
    if seed == 1:  # standardized pixels, too
        x = (x - x.mean()) / x.std()
    report = examine(model, x, y, optimizer=optimizer, **settings)
    assert not report, report
    assert not report.skipped


TRAINED = ["A", "E mended", "tanh", "both", "Dropout", "C mended"]


@pytest.mark.parametrize("name", every(3, TRAINED))
def test_nothing_is_found_wrong_with_a_trained_network(name):
    frame, more, optimizer, settings = HEALTHY[name]
    rng = np.random.default_rng(2)
    model = network(*frame, rng, **more)
    x, y = mnist()
    loss = settings.get("loss", nn.softmax_cross_entropy)
    fresh = type(optimizer)(optimizer.learning_rate)
    nn.fit(model, (x, y), optimizer=fresh, epochs=4, batch_size=32, rng=rng, loss=loss,
           progress=False)  # fmt: skip
    report = examine(model, x, y, optimizer=fresh, **settings)
    assert not report, report
    assert not report.skipped


def test_toy_data_that_no_line_divides():
    x = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]] * 10)
    model = nn.mlp([2, 8, 2], activation="tanh", rng=np.random.default_rng(0))
    report = examine(model, x, np.array([0, 1, 1, 0] * 10), optimizer=nn.SGD(0.5), batch_size=4)
    assert not report, report


def test_few_examples_and_no_optimizer():
    x, y = mnist()
    for n in (1, 2, 12):
        report = examine(nn.mlp([784, 30, 10], rng=np.random.default_rng(0)), x[:n], y[:n])
        assert not report, report


# --- what it promises


def state(model, optimizer):
    arrays = model.params | {f"d{name}": array for name, array in model.grads.items()}
    arrays |= model.buffers
    arrays |= {f"{n} {k}": a for n, kept in optimizer.state.items() for k, a in kept.items()}
    generators = [layer.rng.bit_generator.state for layer in model.layers if hasattr(layer, "rng")]
    settings = optimizer.steps, optimizer.learning_rate, optimizer.weight_decay
    return json.dumps(
        [{name: array.tolist() for name, array in arrays.items()}, generators, settings],
        default=np.ndarray.tolist,
    )


def test_nothing_is_changed():
    rng = np.random.default_rng(0)
    model = network([784, 20, 10], nn.ReLU, HE, rng, normalized=True, rate=0.2)
    optimizer = nn.Adam(0.001)
    x, y = (array[:500].copy() for array in mnist())
    nn.fit(model, (x, y), optimizer=optimizer, epochs=1, batch_size=50, rng=rng, progress=False)
    before, chooser = state(model, optimizer), np.random.default_rng(7)
    first = str(examine(model, x, y, optimizer=optimizer, rng=chooser))
    assert state(model, optimizer) == before
    assert chooser.bit_generator.state == np.random.default_rng(7).bit_generator.state
    assert np.array_equal(x, mnist()[0][:500])
    assert str(examine(model, x, y, optimizer=optimizer, rng=chooser)) == first


def test_the_report_prints_findings_in_order_of_suspicion():
    model, settings, _, _ = old_network("D", np.random.default_rng(0))
    report = examine(model, *mnist(), **settings)
    lines = str(report).splitlines()
    assert lines[0] == "examine, most suspicious first:"
    assert lines[1].startswith("1. sum for mean: the gradient of the loss is 16 times")
    second = next(i for i, line in enumerate(lines) if line.startswith("2. "))
    assert lines[second - 1].endswith("(lesson 05)")
    assert lines[second].startswith(
        "2. gradient wrong: layer 2, OpenReLU: the gradient by its x is wrong"
    )
    assert "at most" not in str(report)
    assert str(report) == repr(report)
    order = list(CAUSES)
    assert sorted(report.causes, key=order.index) == report.causes


def test_a_broken_layer_is_a_finding_and_not_an_error():
    class Broken(nn.ReLU):
        def backward(self, d_out):
            return d_out @ np.ones((3, 3))

    rng = np.random.default_rng(0)
    model = nn.Sequential([nn.Linear(784, 20, rng=rng), Broken(), nn.Linear(20, 10, rng=rng)])
    report = examine(model, *mnist())
    assert report.causes == ["layer fails"]


def test_weights_of_nan():
    model = nn.mlp([784, 20, 10], rng=np.random.default_rng(0))
    model.params["w2"][3, 3] = np.nan
    assert examine(model, *mnist(), optimizer=nn.SGD(0.1)).causes == ["nan in the weights"]


def test_bad_arguments_are_named():
    model, (x, y) = nn.mlp([784, 20, 10], rng=np.random.default_rng(0)), mnist()
    with pytest.raises(nn.ShapeError, match="examine: y has shape"):
        examine(model, x, y[:-1])
    with pytest.raises(nn.ShapeError, match=r"did you mean y\.argmax"):
        examine(model, x, nn.one_hot(y, 10))
    with pytest.raises(nn.ShapeError, match=r"did you mean y\[:, 0\]\?"):
        examine(model, x, y[:, np.newaxis])
    with pytest.raises(nn.ShapeError, match="examine: x has shape"):
        examine(model, x[0], y[:784])
    with pytest.raises(TypeError, match="examine: loss must be a function"):
        examine(model, x, y, loss="cross-entropy")
    with pytest.raises(TypeError, match="examine: optimizer must be"):
        examine(model, x, y, optimizer="SGD")


@pytest.mark.parametrize(
    "targets",
    [
        lambda y: nn.one_hot(y, 10) * 0.9 + 0.01,  # smoothed
        lambda y: nn.one_hot(y, 10) + nn.one_hot(9 - y, 10),  # two classes a row
        lambda y: np.zeros((len(y), 784)),  # an autoencoder's
        lambda y: y[:, np.newaxis] / 9,  # a regression's
        lambda y: np.array([["a"] * 10] * len(y), object),
    ],
)
def test_targets_that_are_no_classes_get_no_advice_for_labels(targets):
    model, (x, y) = nn.mlp([784, 20, 10], rng=np.random.default_rng(0)), mnist()
    with pytest.raises(nn.ShapeError, match="classification alone") as caught:
        examine(model, x, targets(y))
    assert "did you mean" not in str(caught.value)


# --- faults in the steps, the labels and the rows that nothing else shows


class Nowhere(nn.SGD):
    """A step that makes new arrays, and leaves those of the model as they were."""

    def step(self, model):
        for name in model.params:
            w = model.params[name]
            w = w - self.learning_rate * model.grads[name]


class OnlyBiases(nn.SGD):
    def step(self, model):
        for name, array in model.params.items():
            if array.ndim == 1:
                array -= self.learning_rate * model.grads[name]


def loss_without_value(z, y):
    return np.float64(1.0), nn.softmax_cross_entropy(z, y)[1]


def mean_taken_twice(z, y):
    loss, dz = nn.softmax_cross_entropy(z, y)
    return loss, dz / len(z)


def first_layer_uniform(high):
    return lambda shape, *, rng, dtype: rng.uniform(0, high, shape).astype(dtype)


PLAIN = ([784, 64, 10], nn.ReLU, HE)
DEEPER = ([784, 64, 64, 10], nn.ReLU, spread(0.001))
SHALLOW_TANH = ([784, 64, 10], nn.Tanh, HE)
UNSEEN = {
    "inverted pixels": (PLAIN, {"optimizer": nn.SGD(0.2)}, "rate too large", "at 0.02"),
    "tiny weights": (DEEPER, {"optimizer": nn.SGD(0.2)}, "weights too small", "0.001"),
    "squared error diverges": (
        SHALLOW_TANH,
        {"optimizer": nn.SGD(0.5), "loss": squared_error},
        "rate too large",
        "to inf",
    ),
    "no step": (PLAIN, {"optimizer": Nowhere(0.1)}, "step does nothing", "every parameter"),
    "biases only": (PLAIN, {"optimizer": OnlyBiases(0.1)}, "step does nothing", "w1, w2"),
    "long memory": (
        PLAIN,
        {"optimizer": nn.SGD(0.1, 0.999)},
        "momentum too large",
        "acts like 100",
    ),
    "no value": (PLAIN, {"loss": loss_without_value}, "loss gradient wrong", "does not change"),
    "1/N twice": (PLAIN, {"loss": mean_taken_twice}, "loss gradient wrong", "1/N for N = 16"),
    "large positive weights": (
        ([784, 64, 10], nn.ReLU, first_layer_uniform(1.0)),
        {},
        "weights too large",
        "layer 1",
    ),
    "a fifth of the labels drawn": (PLAIN, {}, "labels contradictory", "label is far ahead"),
    "one row far out": (PLAIN, {}, "inputs not scaled", "row 7 of x reaches"),
    "labels from 1": (([784, 64, 11], nn.ReLU, HE), {}, "class missing", "start at 1?"),
    "many outputs": (([784, 64, 100], nn.ReLU, HE), {}, "class missing", "or 80 others"),
}


@pytest.mark.parametrize("name", UNSEEN)
def test_faults_that_only_a_step_or_a_count_shows(name):
    build, settings, cause, words = UNSEEN[name]
    x, y = mnist()
    if name == "inverted pixels":
        x = 1 - x
    if name == "one row far out":
        x = x.copy()
        x[7] *= 1e6
    if name == "a fifth of the labels drawn":
        rng = np.random.default_rng(2)
        y = np.where(rng.random(len(y)) < 0.2, rng.integers(0, 10, len(y)), y)
    if name == "labels from 1":
        y = y + 1
    report = examine(network(*build, np.random.default_rng(0)), x, y, **settings)
    assert report.causes == [cause], report
    assert words in report[0].what


@pytest.mark.parametrize("sizes", [[784, 64, 10], [784, 64, 64, 10]])
def test_a_last_layer_of_zeros_is_healthy(sizes):
    model = network(sizes, nn.ReLU, HE, np.random.default_rng(0))
    model.layers[-1].params["w"][...] = 0
    report = examine(model, *mnist(), optimizer=nn.SGD(0.1))
    assert report.causes == [], report
