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


@every_initializer
def test_the_seed_repeats_and_the_generator_moves_on(name):
    initialize, _ = INITIALIZERS[name]
    rng = np.random.default_rng(3)
    first, second = initialize((5, 4), rng=rng), initialize((5, 4), rng=rng)
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, initialize((5, 4), rng=np.random.default_rng(3)))
    assert not np.array_equal(first, second)


def test_numpy_deviation_keeps_float32(rng):
    assert nn.normal((2, 3), np.sqrt(2 / 784), rng=rng).dtype == np.float32
    assert not nn.normal((2, 3), 0, rng=rng).any()


@every_initializer
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
        INITIALIZERS[name][0](shape, rng=rng)
    assert str(caught.value) == f"{name}: {message}"


@every_initializer
def test_wrong_generator(name):
    with pytest.raises(TypeError, match=r"^normal: rng must be a numpy\.random\.Generator"):
        INITIALIZERS[name][0]((5, 4), rng=np.random)


@pytest.mark.parametrize("deviation", [-1, math.nan, math.inf])
def test_wrong_deviation(deviation, rng):
    with pytest.raises(ValueError) as caught:
        nn.normal((5, 4), deviation, rng=rng)
    assert str(caught.value) == (
        f"normal: standard_deviation must be finite and not negative, got {deviation}"
    )


def test_a_deviation_that_is_no_number(rng):
    with pytest.raises(TypeError) as caught:
        nn.normal((5, 4), "0.1", rng=rng)
    assert str(caught.value) == "normal: standard_deviation must be a number, got str"


@every_initializer
def test_wrong_dtype(name, rng):
    with pytest.raises(TypeError) as caught:
        INITIALIZERS[name][0]((5, 4), rng=rng, dtype=np.float16)
    message = f"normal: dtype must be float32 or float64, got {np.float16!r}"
    assert str(caught.value) == message
