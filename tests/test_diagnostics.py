"""Diagnostics, against networks small enough to work out by hand."""

import numpy as np
import pytest

import nnfromscratch as nn
from nnfromscratch.diagnostics import layer_statistics, update_ratios


def small():
    """Two inputs, three units, two classes; of the units one is dead on X."""
    rng = np.random.default_rng(0)
    layers = [nn.Linear(2, 3, rng=rng, dtype=float), nn.ReLU()]
    model = nn.Sequential([*layers, nn.Linear(3, 2, rng=rng, dtype=float)])
    for name, values in (
        ("w1", [[1, -1, 2], [0, -1, -2]]),
        ("b1", [0, 0, 1]),
        ("w2", [[1, 0], [5, 5], [0, 1]]),
        ("b2", [0, 0]),
    ):
        model.params[name][...] = values
    return model


X, Y = np.array([[1.0, 0], [2, 2]]), np.array([0, 1])
Z1 = np.array([[1, -1, 3], [2, -4, 1]])
A1 = np.array([[1, 0, 3], [2, 0, 1]])
Z2 = np.array([[1, 3], [2, 1]])
P = np.array([[1 / (1 + np.e**2), 1 / (1 + np.e**-2)], [1 / (1 + 1 / np.e), 1 / (1 + np.e)]])
DZ2 = (P - np.eye(2)) / 2
DA1 = DZ2 @ [[1, 5, 0], [0, 5, 1]]


def lively():
    """A network in which training leaves traces: running averages, masks."""
    rng = np.random.default_rng(1)
    layers = [nn.Linear(6, 5, rng=rng), nn.BatchNorm(5), nn.Tanh(), nn.Dropout(0.4, rng=rng)]
    return nn.Sequential([*layers, nn.Linear(5, 4, rng=rng)])


def state(model, optimizer):
    arrays = model.params | {f"d{name}": array for name, array in model.grads.items()}
    arrays |= model.buffers | {
        f"{n} {k}": a for n, s in optimizer.state.items() for k, a in s.items()
    }
    generators = [layer.rng.bit_generator.state for layer in model.layers if hasattr(layer, "rng")]
    numbers = optimizer.steps, optimizer.learning_rate, optimizer.weight_decay
    return {name: array.tolist() for name, array in arrays.items()}, generators, numbers


# --- layer_statistics


def test_layer_statistics_by_hand():
    report = layer_statistics(small(), X, Y)
    assert [row.layer for row in report] == ["1 Linear", "2 ReLU", "3 Linear"]
    for row, out, d_out in zip(report, (Z1, A1, Z2), (DA1 * (Z1 > 0), DA1, DZ2), strict=True):
        np.testing.assert_allclose(
            (row.mean, row.standard_deviation), (out.mean(), out.std()), rtol=1e-14
        )
        gradient = row.gradient_mean, row.gradient_standard_deviation
        np.testing.assert_allclose(gradient, (d_out.mean(), d_out.std()), rtol=1e-13, atol=1e-17)
    assert [row.dead for row in report] == [0, 1 / 3, 0]
    assert [row.saturated for row in report] == [0, 0, 0]
    assert {type(value) for row in report for value in row[1:]} == {float}


@pytest.mark.parametrize(
    ("kind", "z", "saturated"),
    [
        # sigmoid: 0.99 at ln 99 = 4.595;  tanh: 0.99 at ln 199 / 2 = 2.647
        (nn.Sigmoid, [[4.6, -4.6, 4.59, -4.59]], 2 / 4),
        (nn.Sigmoid, [[0, 1, 2, 5]], 1 / 4),
        (nn.Tanh, [[2.65, -2.65, 2.64, -2.64]], 2 / 4),
        (nn.Tanh, [[0, 1, -3, 30]], 2 / 4),
        (nn.Softmax, [[9, 0, 0, 0]], 4 / 4),
        (nn.Softmax, [[1, 0, 0, 0]], 0),
        (nn.ReLU, [[100, -100, 0, 1]], 0),
    ],
)
def test_share_of_saturated_outputs(kind, z, saturated):
    (row,) = layer_statistics(nn.Sequential([kind()]), np.array(z, float), np.array([0]))
    assert row.saturated == saturated


def test_a_unit_that_speaks_once_is_not_dead():
    z = np.array([[-1.0, 0, 2, -3], [-1, 0, -1, 4]])
    (row,) = layer_statistics(nn.Sequential([nn.ReLU()]), z, np.array([0, 1]))
    assert row.dead == 1 / 2
    (row,) = layer_statistics(nn.Sequential([nn.LeakyReLU()]), z, np.array([0, 1]))
    assert row.dead == 0


def test_training_and_test_mode_are_told_apart(rng):
    x, y = rng.standard_normal((8, 6)).astype(np.float32), rng.integers(0, 4, 8)
    trained, tested = (layer_statistics(lively(), x, y, training=mode) for mode in (True, False))
    assert trained[1].standard_deviation == pytest.approx(
        1, rel=1e-3
    )  # batch normalization at work
    assert tested[1].standard_deviation != pytest.approx(1, rel=0.1)
    assert tested[3][1:3] == tested[2][1:3]  # no dropout
    assert trained[3].mean != trained[2].mean


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_not_changed(training, rng):
    x, y = rng.standard_normal((8, 6)).astype(np.float32), rng.integers(0, 4, 8)
    model, optimizer = lively(), nn.Adam(weight_decay=0.1)
    for _ in range(2):
        before = state(model, optimizer)
        first = layer_statistics(model, x, y, training=training)
        assert layer_statistics(model, x, y, training=training) == first
        assert update_ratios(model, x, y, optimizer) == update_ratios(model, x, y, optimizer)
        assert state(model, optimizer) == before
        nn.fit(model, (x, y), optimizer=optimizer, epochs=1, batch_size=4, rng=rng, progress=False)


def test_wrong_shapes_are_named():
    with pytest.raises(nn.ShapeError, match="x has shape"):
        layer_statistics(small(), X[:, :1], Y)
    with pytest.raises(nn.ShapeError, match="y has shape"):
        update_ratios(small(), X, Y[:1], nn.SGD(0.1))


def test_a_report_prints_as_a_table():
    report = layer_statistics(small(), X, Y)
    assert str(report) == repr(report)
    lines = str(report).splitlines()
    assert lines[0] == "layer                 mean        std  saturated   dead      gradient's std"
    # mean of 1, 0, 3, 2, 0, 1
    assert lines[2].split() == ["2", "ReLU", "+1.17", "1.07", "0%", "33%", f"{DA1.std():.2g}"]
    assert len({len(line) for line in lines}) == 1


# --- update_ratios


def test_update_ratios_by_hand():
    ratios = update_ratios(small(), X, Y, nn.SGD(0.5))
    dw1, dw2 = X.T @ (DA1 * (Z1 > 0)), A1.T @ DZ2
    sizes = np.sqrt(1 + 1 + 4 + 1 + 4), np.sqrt(1 + 25 + 25 + 1)
    assert set(ratios) == {"w1", "w2"}
    for name, gradient, size in (("w1", dw1, sizes[0]), ("w2", dw2, sizes[1])):
        expected = 0.5 * np.sqrt((gradient**2).sum()) / size
        assert ratios[name] == pytest.approx(expected, rel=1e-12)
        assert type(ratios[name]) is float


def test_update_ratios_follow_the_optimizer():
    # Adam's first step is its learning rate for every weight with a gradient.
    ratios = update_ratios(small(), X, Y, nn.Adam(0.01))
    moved = np.count_nonzero(X.T @ (DA1 * (Z1 > 0)))
    assert ratios["w1"] == pytest.approx(0.01 * np.sqrt(moved / 11), rel=1e-5)


def test_weights_of_zero_have_no_ratio():
    model = small()
    model.params["w2"][...] = 0
    assert update_ratios(model, X, Y, nn.SGD(0.5)) == {"w1": 0, "w2": np.inf}
