"""Every backward against central differences and complex steps, and what no oracle tells."""

import derived
import numpy as np
import pytest
import scipy.stats

import nnfromscratch as nn

D, K = 4, 3
FORWARD = {
    "linear": nn.linear,
    "relu": nn.relu,
    "leaky_relu": nn.leaky_relu,
    "sigmoid": nn.sigmoid,
    "tanh": nn.tanh,
    "softmax": nn.softmax,
    "log_softmax": nn.log_softmax,
    "batch_norm": nn.batch_norm,
}
# Upstream gradient and the inputs of the forward pass to the gradients by each input.
BACKWARD = {
    "linear": lambda d, x, w, b: nn.linear_backward(d, x, w),
    "relu": lambda d, z: [nn.relu_backward(d, z)],
    "leaky_relu": lambda d, z: [nn.leaky_relu_backward(d, z)],
    "sigmoid": lambda d, z: [nn.sigmoid_backward(d, nn.sigmoid(z))],
    "tanh": lambda d, z: [nn.tanh_backward(d, nn.tanh(z))],
    "softmax": lambda d, z: [nn.softmax_backward(d, nn.softmax(z))],
    "log_softmax": lambda d, z: [nn.log_softmax_backward(d, nn.log_softmax(z))],
    "batch_norm": lambda d, x, gamma, beta: nn.batch_norm_backward(d, x, gamma),
}
every_function = pytest.mark.parametrize("name", FORWARD)


def inputs(name, n, rng, dtype=np.float64):
    """Inputs of a function for n examples, at least 0.1 away from relu's kink."""
    shapes = {"linear": [(n, D), (D, K), (K,)], "batch_norm": [(n, K), (K,), (K,)]}
    shapes = shapes.get(name, [(n, K)])
    return [
        (rng.uniform(0.1, 2, shape) * rng.choice([-1, 1], shape)).astype(dtype) for shape in shapes
    ]


# A batch of one has no variance.
@pytest.mark.parametrize(
    ("name", "n"),
    [(name, n) for name in FORWARD for n in (1, 5) if (name, n) != ("batch_norm", 1)],
)
def test_backward_is_the_derivative(name, n, rng, central_difference, complex_step, assert_close):
    arrays = inputs(name, n, rng)
    d_out = rng.standard_normal((n, K))

    def loss(*arrays):
        return (FORWARD[name](*arrays) * d_out).sum()

    gradients = BACKWARD[name](d_out, *arrays)
    assert len(gradients) == len(arrays)
    for i, gradient in enumerate(gradients):
        assert_close(gradient, central_difference(lambda: loss(*arrays), arrays[i]), 1e-7)
        assert_close(gradient, complex_step(loss, arrays, i), 1e-13)


def test_linear_is_the_sum_written_out(rng):
    x, w, b = inputs("linear", 5, rng)
    by_hand = [
        [sum(x[n, d] * w[d, k] for d in range(D)) + b[k] for k in range(K)] for n in range(5)
    ]
    np.testing.assert_allclose(nn.linear(x, w, b), by_hand, rtol=1e-13)


def test_linear_backward_leaves_out_dx_on_demand(rng):
    x, w, _ = inputs("linear", 5, rng)
    dz = rng.standard_normal((5, K))
    _, dw, db = nn.linear_backward(dz, x, w)
    nothing, same_dw, same_db = nn.linear_backward(dz, x, w, need_dx=False)
    assert nothing is None
    np.testing.assert_array_equal(same_dw, dw)
    np.testing.assert_array_equal(same_db, db)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("name", "z", "expected"),
    [
        ("relu", [[1e4, -1e4, 0]], [[1e4, 0, 0]]),
        ("relu", [[np.inf, -np.inf, np.nan]], [[np.inf, 0, np.nan]]),
        ("leaky_relu", [[1e4, -1e4, 0]], [[1e4, -100, 0]]),
        ("leaky_relu", [[np.inf, -np.inf, np.nan]], [[np.inf, -np.inf, np.nan]]),
        ("sigmoid", [[1e4, -1e4, 0]], [[1, 0, 0.5]]),
        ("sigmoid", [[np.inf, -np.inf, np.nan]], [[1, 0, np.nan]]),
        ("tanh", [[1e4, -1e4, 0]], [[1, -1, 0]]),
        ("softmax", [[1e4, -1e4, 0], [-1e4] * 3], [[1, 0, 0], [1 / 3] * 3]),
        ("softmax", [[-np.inf, 0, 0]], [[0, 0.5, 0.5]]),
        ("softmax", [[np.inf, 0, 0], [np.nan, 0, 0], [-np.inf] * 3], [[np.nan] * 3] * 3),
        ("log_softmax", [[1e4, -1e4, 0], [1e4] * 3], [[0, -2e4, -1e4], [-np.log(3)] * 3]),
        ("log_softmax", [[-np.inf, 0, 0]], [[-np.inf, -np.log(2), -np.log(2)]]),
        ("log_softmax", [[np.inf, 0, 0], [np.nan, 0, 0], [-np.inf] * 3], [[np.nan] * 3] * 3),
    ],
)
def test_extreme_inputs_without_a_warning(name, z, expected, dtype):
    out = FORWARD[name](np.array(z, dtype))
    assert out.dtype == dtype
    np.testing.assert_allclose(out, expected, rtol=1e-6)


@every_function
def test_overflow_passes_through_without_a_warning(name, rng):
    arrays = inputs(name, 2, rng, np.float32)
    for value in (np.float32(3e38), np.float32(np.inf), np.float32(np.nan)):
        arrays[0][0, 0] = value
        FORWARD[name](*arrays)
        BACKWARD[name](np.full((2, K), value), *arrays)


def test_relu_gate_is_closed_at_zero():
    np.testing.assert_array_equal(nn.relu_backward([5, 5, 5], [-1, 0, 1]), [0, 0, 5])


def test_leaky_relu_has_the_slope_it_is_given():
    np.testing.assert_array_equal(nn.leaky_relu([-2.0, 0, 3], 0.25), [-0.5, 0, 3])
    np.testing.assert_array_equal(nn.leaky_relu_backward([8, 8, 8], [-2, 0, 3], 0.25), [2, 2, 8])
    z = np.array([-3e38, -np.inf], np.float32)
    nn.leaky_relu(z, np.float64(2))  # overflow passes here too
    nn.leaky_relu_backward(z, z, 2)
    nn.leaky_relu(z, 0)
    assert nn.leaky_relu(z, np.float64(0.1)).dtype == np.float32


@pytest.mark.parametrize("scale", [1e-3, 1, 1e6])
def test_batch_norm_is_the_standard_score_scaled_and_shifted(scale, rng):
    x = scale * rng.standard_normal((50, 7)) + 3
    gamma, beta = rng.standard_normal((2, 7))
    expected = gamma * scipy.stats.zscore(x, axis=0) + beta
    np.testing.assert_allclose(nn.batch_norm(x, gamma, beta, 0), expected, rtol=1e-8)


def test_batch_norm_by_hand():
    # mean 2, variance 1, deviation sqrt(1 + 3) = 2
    x, gamma, beta = np.array([[1.0], [3]]), np.array([4.0]), np.array([5.0])
    np.testing.assert_array_equal(nn.batch_norm(x, gamma, beta, 3), [[3], [7]])
    # 4 / 2 (dy - 6 / 2 -+ 1/2 * 1 / 2), where dgamma = -1/2 * 2 + 1/2 * 4 = 1
    dx, dgamma, dbeta = nn.batch_norm_backward([[2], [4]], x, gamma, 3)
    np.testing.assert_array_equal(dx, [[-1.5], [1.5]])
    assert (dgamma.item(), dbeta.item()) == (1, 6)


def test_batch_norm_of_a_constant_feature_is_its_shift():
    x = np.array([[7.0, 1], [7, 2], [7, 4]], np.float32)
    gamma, beta = np.array([2, 2], np.float32), np.array([0.5, 0.5], np.float32)
    np.testing.assert_array_equal(nn.batch_norm(x, gamma, beta)[:, 0], 0.5)


@pytest.mark.parametrize(
    ("name", "shapes", "message"),
    [
        ("batch_norm", [(6,), (4,), (4,)], "x has shape (6,) but (N, D) = (N, 4) is needed"),
        ("batch_norm", [(6, 4), (5,), (4,)], "gamma has shape (5,) but (D,) = (4,) is needed"),
        ("batch_norm", [(6, 4), (4,), (1,)], "beta has shape (1,) but (D,) = (4,) is needed"),
        ("batch_norm_backward", [(6,), (6,), (4,)], "dy has shape (6,) but (N, D) = (N, 4) is"),
        (
            *("batch_norm_backward", [(6, 4), (6, 4), (1,)]),
            "gamma has shape (1,) but (D,) = (4,) is needed",
        ),
        (
            *("batch_norm_backward", [(1, 4), (6, 4), (4,)]),
            "dy has shape (1, 4) but (N, D) = (6, 4) is needed",
        ),
    ],
)
def test_batch_norm_does_not_broadcast(name, shapes, message):
    with pytest.raises(nn.ShapeError) as caught:
        getattr(nn, name)(*map(np.ones, shapes))
    assert str(caught.value).startswith(f"{name}: {message}")


@pytest.mark.parametrize("n", [0, 1])
def test_batch_norm_needs_two_examples(n):
    x, one = np.ones((n, K)), np.ones(K)
    for call in (
        lambda: nn.batch_norm(x, one, one),
        lambda: nn.batch_norm_backward(x, x, one),
    ):
        with pytest.raises(ValueError) as caught:
            call()
        assert (
            str(caught.value) == f"batch_norm: x has shape ({n}, 3); a variance needs two examples"
        )


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64])
def test_whole_numbers_become_float64(dtype):
    # In uint8, 0 - 1 would be 255.
    z = np.array([[0, 1]], dtype)
    p = nn.softmax(z)
    assert p.dtype == np.float64
    np.testing.assert_allclose(p, [[1 / (1 + np.e), np.e / (1 + np.e)]])


def test_softmax_rows_sum_to_one_and_ignore_a_shift(rng):
    z = rng.standard_normal((50, 7))
    np.testing.assert_allclose(nn.softmax(z).sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(nn.softmax(z + 1e3), nn.softmax(z), rtol=1e-11)


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_complex_infinity_is_nan_without_a_warning(name):
    assert np.isnan(getattr(nn, name)([[complex(1, np.inf)]])).all()


TOLD_BY = {"batch_norm": "normalize"}
"""Functions whose setting is checked by another, which it calls."""
SETTINGS = [(name, n) for name, f in derived.functions().items() for n in derived.numbers(f)]


@pytest.mark.parametrize(("name", "setting"), SETTINGS)
@pytest.mark.parametrize("wrong", ["text", np.nan])
def test_a_setting_that_is_no_number(name, setting, wrong, rng):
    function, told_by = getattr(nn, name), TOLD_BY.get(name, name)
    with pytest.raises((TypeError, ValueError), match=rf"^{told_by}: {setting} must "):
        function(**derived.draw(function, rng), **{setting: wrong})


@pytest.mark.parametrize("name", [name for name, setting in SETTINGS if setting == "epsilon"])
def test_an_epsilon_is_not_negative(name, rng):
    function, told_by = getattr(nn, name), TOLD_BY.get(name, name)
    with pytest.raises(ValueError, match=f"^{told_by}: epsilon must not be negative, got -1e-09$"):
        function(**derived.draw(function, rng), epsilon=-1e-9)


@pytest.mark.parametrize("name", [name for name, setting in SETTINGS if setting == "epsilon"])
def test_epsilon_is_a_hundred_thousandth_unless_one_says_otherwise(name, rng):
    function = getattr(nn, name)
    arrays = derived.draw(function, rng)
    found, due = function(**arrays), function(**arrays, epsilon=1e-5)
    np.testing.assert_equal(found, due)
    with pytest.raises(AssertionError):
        np.testing.assert_equal(function(**arrays, epsilon=1.00001), due)
