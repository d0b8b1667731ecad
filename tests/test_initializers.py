"""Mean, spread and form of the random weights."""

import math

import numpy as np
import pytest
import scipy.stats

import nnfromscratch as nn

D, K = 400, 300
# Each initializer and the standard deviation it promises.
INITIALIZERS = {
    "normal": (lambda shape, **settings: nn.normal(shape, 0.05, **settings), 0.05),
    "he_normal": (nn.he_normal, math.sqrt(2 / D)),
    "xavier_normal": (nn.xavier_normal, math.sqrt(2 / (D + K))),
}
every_initializer = pytest.mark.parametrize("name", INITIALIZERS)
ALL = INITIALIZERS | {"orthogonal": (nn.orthogonal, None)}
every_one = pytest.mark.parametrize("name", ALL)


@every_initializer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_distribution(name, dtype, rng):
    initialize, deviation = INITIALIZERS[name]
    w = initialize((D, K), rng=rng, dtype=dtype)
    assert w.shape == (D, K)
    assert w.dtype == dtype
    # Four standard errors of the mean and of the standard deviation.
    assert abs(w.mean(dtype=np.float64)) < 4 * deviation / math.sqrt(w.size)
    assert abs(w.std(dtype=np.float64) / deviation - 1) < 4 / math.sqrt(2 * w.size)
    assert scipy.stats.kstest(w.ravel(), "norm", (0, deviation)).pvalue > 1e-3


@every_one
def test_the_seed_repeats_and_the_generator_moves_on(name):
    initialize, _ = ALL[name]
    rng = np.random.default_rng(3)
    first, second = initialize((5, 4), rng=rng), initialize((5, 4), rng=rng)
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, initialize((5, 4), rng=np.random.default_rng(3)))
    assert not np.array_equal(first, second)


def test_numpy_deviation_keeps_float32(rng):
    assert nn.normal((2, 3), np.sqrt(2 / 784), rng=rng).dtype == np.float32
    assert not nn.normal((2, 3), 0, rng=rng).any()


@every_one
@pytest.mark.parametrize(
    ("shape", "error", "message"),
    [
        (5, ValueError, "shape must be (inputs, outputs), got 5"),
        ((5, 4, 3), ValueError, "shape must be (inputs, outputs), got (5, 4, 3)"),
        ((0, 4), ValueError, "shape[0] must be at least 1, got 0"),
        ((5, 4.0), TypeError, "shape[1] must be an integer, got float"),
    ],
)
def test_wrong_shapes(name, shape, error, message, rng):
    with pytest.raises(error) as caught:
        ALL[name][0](shape, rng=rng)
    assert str(caught.value) == f"{name}: {message}"


@every_one
def test_wrong_generator(name):
    with pytest.raises(TypeError) as caught:
        ALL[name][0]((5, 4), rng=np.random)
    where = "orthogonal" if name == "orthogonal" else "normal"
    assert str(caught.value).startswith(f"{where}: rng must be a numpy.random.Generator such as")


@pytest.mark.parametrize("deviation", [-1, math.nan, math.inf])
def test_wrong_deviation(deviation, rng):
    with pytest.raises(ValueError) as caught:
        nn.normal((5, 4), deviation, rng=rng)
    assert str(caught.value) == (
        f"normal: standard_deviation must not be negative, got {deviation}"
    )


def test_a_deviation_that_is_no_number(rng):
    with pytest.raises(TypeError) as caught:
        nn.normal((5, 4), "0.1", rng=rng)
    assert str(caught.value) == "normal: standard_deviation must be a number, got str"


@every_one
def test_wrong_dtype(name, rng):
    with pytest.raises(TypeError) as caught:
        ALL[name][0]((5, 4), rng=rng, dtype=np.float16)
    where = "orthogonal" if name == "orthogonal" else "normal"
    assert str(caught.value) == f"{where}: dtype must be float32 or float64, got {np.float16!r}"


# --- orthogonal


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (5, 5), (1, 3), (3, 1), (1, 1)])
@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 1e-6), (np.float64, 1e-14)])
def test_columns_or_rows_are_orthonormal(shape, dtype, bound, rng):
    w = nn.orthogonal(shape, rng=rng, dtype=dtype)
    assert w.shape == shape
    assert w.dtype == dtype
    assert w.flags.c_contiguous
    small = w.T @ w if shape[0] >= shape[1] else w @ w.T
    np.testing.assert_allclose(small, np.eye(min(shape)), atol=bound)


def test_no_length_changes_on_the_way_up_and_down(rng):
    down, up = nn.orthogonal((9, 4), rng=rng), nn.orthogonal((4, 9), rng=rng)
    x = rng.standard_normal((5, 4)).astype(np.float32)
    lengths = np.linalg.norm(x, axis=1)
    np.testing.assert_allclose(np.linalg.norm(x @ up, axis=1), lengths, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(x @ down.T, axis=1), lengths, rtol=1e-5)


@pytest.mark.parametrize("gain", [np.sqrt(2), -3, 0])
def test_gain_multiplies_all_weights(gain):
    plain, scaled = (
        nn.orthogonal((6, 4), *more, rng=np.random.default_rng(5), dtype=np.float64)
        for more in ((), (gain,))
    )
    np.testing.assert_allclose(scaled, gain * plain, rtol=1e-14)
    assert nn.orthogonal((6, 4), gain, rng=np.random.default_rng(5)).dtype == np.float32


@pytest.mark.parametrize("shape", [(3, 2), (2, 3), (3, 3)])
def test_every_orthogonal_matrix_is_equally_likely(shape, rng):
    # Then an entry of it, in three dimensions, is even in [-1, 1] (Archimedes). Without the signs
    # of the diagonal the first one would always be negative.
    draws = np.array([nn.orthogonal(shape, rng=rng, dtype=np.float64) for _ in range(2000)])
    for entry in np.moveaxis(draws.reshape(2000, -1), 1, 0):
        assert scipy.stats.kstest(entry, "uniform", (-1, 2)).pvalue > 1e-4


@pytest.mark.parametrize(
    ("gain", "error", "message"),
    [
        (math.inf, ValueError, "gain must be finite, got inf"),
        (math.nan, ValueError, "gain must be finite, got nan"),
        ("1", TypeError, "gain must be a number, got str"),
    ],
)
def test_wrong_gain(gain, error, message, rng):
    with pytest.raises(error) as caught:
        nn.orthogonal((5, 4), gain, rng=rng)
    assert str(caught.value) == f"orthogonal: {message}"


def test_a_layer_begins_with_it(rng):
    layer = nn.Linear(6, 4, rng=rng, initializer=nn.orthogonal)
    w = layer.params["w"]
    np.testing.assert_allclose(w.T @ w, np.eye(4), atol=1e-6)
