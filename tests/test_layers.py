"""Layers do what the functions do, and remember what backward needs."""

import inspect

import numpy as np
import pytest

import nnfromscratch as nn

ACTIVATIONS = [nn.ReLU, nn.LeakyReLU, nn.Sigmoid, nn.Tanh, nn.Softmax]
FROM_INPUTS = (nn.ReLU, nn.LeakyReLU)  # the others' backward goes by their outputs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_linear_calls_the_functions(dtype, rng):
    layer = nn.Linear(4, 3, rng=rng, dtype=dtype)
    layer.params["b"] += 1
    x, dz = rng.standard_normal((5, 4)).astype(dtype), rng.standard_normal((5, 3)).astype(dtype)
    w, b = layer.params["w"], layer.params["b"]
    np.testing.assert_array_equal(layer.forward(x, training=True), nn.linear(x, w, b))
    dx, dw, db = nn.linear_backward(dz, x, w)
    np.testing.assert_array_equal(layer.backward(dz), dx)
    np.testing.assert_array_equal(layer.grads["w"], dw)
    np.testing.assert_array_equal(layer.grads["b"], db)
    assert {g.dtype for g in layer.grads.values()} == {np.dtype(dtype)}
    layer.need_dx = False
    assert layer.backward(dz) is None


def test_linear_starts_by_its_initializer_with_zero_biases():
    layer = nn.Linear(4, 3, rng=np.random.default_rng(1))
    w = nn.he_normal((4, 3), rng=np.random.default_rng(1))
    np.testing.assert_array_equal(layer.params["w"], w)
    other = nn.Linear(4, 3, rng=np.random.default_rng(1), initializer=nn.xavier_normal)
    np.testing.assert_allclose(other.params["w"], w * np.float32(np.sqrt(4 / 7)), rtol=1e-6)
    assert not layer.params["b"].any()
    assert not any(array.any() for array in layer.grads.values())
    shapes = {"w": (4, 3), "b": (3,)}
    for arrays in (layer.params, layer.grads):
        assert {name: array.shape for name, array in arrays.items()} == shapes
        assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_activations_call_the_functions(kind, rng):
    layer, name = kind(), {nn.LeakyReLU: "leaky_relu"}.get(kind, kind.__name__.lower())
    forward, backward = getattr(nn, name), getattr(nn, f"{name}_backward")
    z, da = rng.standard_normal((2, 5, 3))
    a = layer.forward(z)
    np.testing.assert_array_equal(a, forward(z))
    remembered = z if kind in FROM_INPUTS else a
    np.testing.assert_array_equal(layer.backward(da), backward(da, remembered))
    assert layer.params == layer.grads == layer.buffers == {}


def test_leaky_relu_keeps_its_slope(rng):
    layer, (z, da) = nn.LeakyReLU(0.2), rng.standard_normal((2, 5, 3))
    np.testing.assert_array_equal(layer.forward(z), nn.leaky_relu(z, 0.2))
    np.testing.assert_array_equal(layer.backward(da), nn.leaky_relu_backward(da, z, 0.2))


def test_backward_belongs_to_the_latest_forward(rng):
    first, second = rng.standard_normal((2, 5, 4))
    once, twice = (nn.Linear(4, 4, rng=np.random.default_rng(0)) for _ in range(2))
    once.forward(second)
    once.backward(first)
    twice.forward(first)
    twice.forward(second)
    twice.backward(first)
    twice.backward(first)  # gradients are set, not added up
    np.testing.assert_array_equal(once.grads["w"], twice.grads["w"])


@pytest.mark.parametrize(
    "kind",
    [
        *ACTIVATIONS,
        lambda: nn.Linear(4, 3, rng=np.random.default_rng()),
        lambda: nn.Dropout(0.5, rng=np.random.default_rng()),
        lambda: nn.BatchNorm(3),
    ],
)
def test_backward_before_forward(kind):
    layer = kind()
    with pytest.raises(RuntimeError) as caught:
        layer.backward(np.ones((5, 3)))
    assert str(caught.value) == f"{type(layer).__name__}.backward: call forward first"


def test_layers_read_as_they_are_written(rng):
    layers = [nn.Linear(784, 300, rng=rng), nn.ReLU(), nn.Sigmoid(), nn.Tanh(), nn.Softmax()]
    assert repr(layers) == "[Linear(784, 300), ReLU(), Sigmoid(), Tanh(), Softmax()]"
    layers = [nn.LeakyReLU(), nn.Dropout(0.25, rng=rng), nn.BatchNorm(300)]
    assert repr(layers) == "[LeakyReLU(0.01), Dropout(0.25), BatchNorm(300)]"


@pytest.mark.parametrize(
    "layer", [nn.Linear(3, 2, rng=np.random.default_rng(0)), nn.BatchNorm(3)], ids=repr
)
def test_gradients_begin_at_zero(layer):
    assert set(layer.grads) == set(layer.params)
    assert not any(array.any() for array in layer.grads.values())


@pytest.mark.parametrize("kind", [nn.Layer, nn.Linear, *ACTIVATIONS, nn.Dropout, nn.BatchNorm])
def test_no_layer_is_in_training_unless_told(kind):
    assert inspect.signature(kind.forward).parameters["training"].default is False


@pytest.mark.parametrize(
    ("slope", "error", "message"),
    [
        ("steep", TypeError, "slope must be a number, got str"),
        (np.nan, ValueError, "slope must be finite, got nan"),
    ],
)
def test_leaky_relu_of_a_wrong_slope(slope, error, message):
    with pytest.raises(error) as caught:
        nn.LeakyReLU(slope)
    assert str(caught.value) == f"LeakyReLU: {message}"


def test_a_layer_must_bring_its_own_forward_and_backward():
    with pytest.raises(NotImplementedError):
        nn.Layer().forward(np.ones((1, 1)))
    with pytest.raises(NotImplementedError):
        nn.Layer().backward(np.ones((1, 1)))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"in_features": 0}, ValueError, "in_features must be at least 1, got 0"),
        ({"out_features": 3.0}, TypeError, "out_features must be an integer, got float"),
        ({"dtype": int}, TypeError, "dtype must be float32 or float64, got <class 'int'>"),
        (
            {"initializer": "he"},
            TypeError,
            "initializer must be a function, got 'he'",
        ),
        (
            {"initializer": lambda shape, rng, dtype: np.zeros(shape[::-1], dtype)},
            nn.ShapeError,
            "the result of initializer has shape (3, 4) but (4, 3) is needed",
        ),
        (
            {"initializer": lambda shape, rng, dtype: np.zeros(shape)},
            TypeError,
            "initializer must return an array of float32, got float64",
        ),
        (
            {"initializer": lambda shape, rng, dtype: np.zeros(shape).tolist()},
            TypeError,
            "initializer must return an array of float32, got list",
        ),
        (
            {"initializer": lambda shape, rng, dtype: [[0.0] * 3] * 4, "dtype": np.float64},
            TypeError,
            "initializer must return an array of float64, got list",
        ),
    ],
)
def test_wrong_settings(settings, error, message, rng):
    with pytest.raises(error) as caught:
        nn.Linear(**{"in_features": 4, "out_features": 3, "rng": rng} | settings)
    assert str(caught.value) == f"Linear: {message}"


def test_a_failed_forward_is_not_remembered():
    for layer in (nn.ReLU(), nn.Sigmoid(), nn.Tanh()):
        layer.forward(np.ones((2, 3)))
        with pytest.raises(TypeError):
            layer.forward("text")
        assert layer.backward(np.ones((2, 3))).shape == (2, 3)


# --- Dropout


def dropout(rate=0.3, seed=0):
    return nn.Dropout(rate, rng=np.random.default_rng(seed))


def test_dropout_silences_a_share_and_keeps_the_mean():
    n = 400_000
    out = dropout(0.3).forward(np.ones((n // 100, 100)), training=True)
    assert set(np.unique(out)) == {0, 1 / 0.7}
    # Five standard deviations of a share: sqrt(0.3 * 0.7 / n).
    bound = 5 * np.sqrt(0.3 * 0.7 / n)
    assert abs((out == 0).mean() - 0.3) < bound
    assert abs(out.mean() - 1) < bound / 0.7
    # Each unit of each example for itself.
    assert abs((out == 0).mean(axis=0) - 0.3).max() < 10 * bound
    assert len(np.unique(out[:200], axis=0)) == 200


def test_dropout_backward_goes_through_the_same_mask(rng, central_difference, assert_close):
    x, d_out = rng.uniform(1, 2, (2, 40, 7))
    layer = dropout()
    out = layer.forward(x, training=True)
    dx = layer.backward(d_out)
    np.testing.assert_allclose(dx, d_out * (out / x), rtol=1e-15)
    np.testing.assert_array_equal(layer.backward(d_out), dx)  # no new mask
    # The same seed draws the same mask.
    measured = central_difference(lambda: (dropout().forward(x, True) * d_out).sum(), x)
    assert_close(dx, measured, 1e-7)


def test_dropout_draws_a_new_mask_each_time():
    layer, x = dropout(), np.ones((5, 20))
    first, second = (layer.forward(x, training=True) for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(dropout().forward(x, training=True), first)


def test_dropout_does_nothing_in_test_mode(rng):
    x, d_out = rng.standard_normal((2, 5, 4))
    for layer, training in ((dropout(0.9), False), (dropout(0), True)):
        layer.forward(x, training=True)
        state = layer.rng.bit_generator.state
        np.testing.assert_array_equal(layer.forward(x, training), x)
        np.testing.assert_array_equal(layer.backward(d_out), d_out)
        assert layer.rng.bit_generator.state == state


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("training", [True, False])
def test_dropout_keeps_the_dtype(dtype, training):
    layer, x = dropout(np.float64(0.3)), np.full((5, 4), 2, dtype)
    assert layer.forward(x, training).dtype == layer.backward(x).dtype == dtype
    x[:] = np.inf
    layer.forward(x, training)  # without a warning
    layer.backward(x)
    assert layer.forward([[1, 2]], training).dtype == np.float64


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5, np.nan])
def test_dropout_of_a_wrong_rate(rate, rng):
    with pytest.raises(ValueError) as caught:
        nn.Dropout(rate, rng=rng)
    assert str(caught.value) == f"Dropout: rate must be from 0 to below 1, got {rate}"


def test_dropout_checks_generator_and_gradient():
    with pytest.raises(TypeError, match=r"^Dropout: rng must be a numpy\.random\.Generator"):
        nn.Dropout(0.5, rng=0)
    with pytest.raises(TypeError, match=r"^Dropout: rate must be a number, got str$"):
        nn.Dropout("half", rng=np.random.default_rng(0))
    layer = dropout()
    with pytest.raises(TypeError, match=r"^Dropout\.forward: x must be an array of numbers"):
        layer.forward("pixels")
    layer.forward(np.ones((5, 4)), training=True)
    with pytest.raises(nn.ShapeError) as caught:
        layer.backward(np.ones((5, 1)))
    assert str(caught.value) == ("Dropout.backward: d_out has shape (5, 1) but (5, 4) is needed")


# --- BatchNorm

N, D = 7, 4


def batch_norm(rng, dtype=np.float64, **settings):
    """A layer whose parameters and averages are all different and not where they start."""
    layer = nn.BatchNorm(D, dtype=dtype, **settings)
    for array in [*layer.params.values(), *layer.buffers.values()]:
        array[:] = rng.uniform(0.5, 2, D)
    return layer


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_batch_norm_in_training_calls_the_functions(dtype, rng):
    layer = batch_norm(rng, dtype, epsilon=0.01)
    x, dy = rng.standard_normal((2, N, D)).astype(dtype)
    gamma, beta = layer.params["gamma"], layer.params["beta"]
    y = layer.forward(x, training=True)
    np.testing.assert_array_equal(y, nn.batch_norm(x, gamma, beta, 0.01))
    dx, dgamma, dbeta = nn.batch_norm_backward(dy, x, gamma, 0.01)
    np.testing.assert_array_equal(layer.backward(dy), dx)
    np.testing.assert_array_equal(layer.grads["gamma"], dgamma)
    np.testing.assert_array_equal(layer.grads["beta"], dbeta)
    arrays = [y, dx, *layer.grads.values(), *layer.buffers.values()]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_backward_is_the_derivative(
    training, rng, central_difference, complex_step, assert_close
):
    layer = batch_norm(rng)
    kept = {name: array.copy() for name, array in layer.buffers.items()}
    x, dy = rng.standard_normal((2, N, D))

    def loss(x=x, gamma=layer.params["gamma"], beta=layer.params["beta"]):
        layer.params = {"gamma": gamma, "beta": beta}
        for name, array in layer.buffers.items():
            array[:] = kept[name]
        return (layer.forward(x, training) * dy).sum()

    arrays = [x, *layer.params.values()]
    measured = [central_difference(loss, array) for array in arrays]
    exact = [complex_step(loss, arrays, i) for i in range(3)]
    loss(*arrays)
    gradients = [layer.backward(dy), layer.grads["gamma"], layer.grads["beta"]]
    for gradient, by_difference, by_complex_step in zip(gradients, measured, exact, strict=True):
        assert_close(gradient, by_difference, 1e-7)
        assert_close(gradient, by_complex_step, 1e-13)


def test_batch_norm_goes_by_the_names_of_its_parameters(rng):
    x, dy = rng.standard_normal((2, N, D))
    layers = [batch_norm(np.random.default_rng(0)) for _ in range(2)]
    layers[1].params = dict(reversed(layers[1].params.items()))
    layers[1].buffers = dict(reversed(layers[1].buffers.items()))
    for training in (True, False):
        (y, dx, grads), other = (
            (layer.forward(x, training), layer.backward(dy), layer.grads) for layer in layers
        )
        np.testing.assert_equal((y, dx, grads), other)
    np.testing.assert_equal(layers[0].buffers, layers[1].buffers)


def test_batch_norm_running_averages_by_hand():
    layer = nn.BatchNorm(1, momentum=0.75, dtype=np.float64)
    assert (layer.buffers["mean"], layer.buffers["variance"]) == (0, 1)
    mean = layer.buffers["mean"]
    layer.forward([[2], [6]], training=True)  # mean 4, variance 4
    assert (layer.buffers["mean"], layer.buffers["variance"]) == (1, 1.75)
    layer.forward([[-4], [0]], training=True)  # mean -2, variance 4
    assert (layer.buffers["mean"], layer.buffers["variance"]) == (0.25, 2.3125)
    assert layer.buffers["mean"] is mean  # in place, so that a model's buffers are live
    layer.forward([[100], [200]])
    assert (layer.buffers["mean"], layer.buffers["variance"]) == (0.25, 2.3125)


def test_batch_norm_without_momentum_keeps_the_latest_batch(rng):
    layer, x = nn.BatchNorm(D, momentum=0, dtype=np.float64), rng.standard_normal((N, D))
    layer.forward(x + 1, training=True)
    layer.forward(x, training=True)
    np.testing.assert_allclose(layer.buffers["mean"], x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(layer.buffers["variance"], x.var(axis=0), rtol=1e-12)


def test_batch_norm_in_test_mode_by_hand():
    layer = nn.BatchNorm(2, epsilon=1, dtype=np.float64)
    for array, values in (
        (layer.buffers["mean"], [1, 2]),
        (layer.buffers["variance"], [3, 8]),
        (layer.params["gamma"], [2, 6]),
        (layer.params["beta"], [0, 5]),
    ):
        array[:] = values
    # One example on its own: 2 (5 - 1) / 2 and 6 (-1 - 2) / 3 + 5.
    np.testing.assert_array_equal(layer.forward([[5, -1]]), [[4, -1]])
    np.testing.assert_array_equal(layer.backward([[3, 7]]), [[3, 14]])
    assert [g.tolist() for g in layer.grads.values()] == [[6, -7], [3, 7]]


def test_batch_norm_running_averages_meet_the_data(rng):
    layer = nn.BatchNorm(D)
    for _ in range(200):
        layer.forward((3 * rng.standard_normal((500, D)) + 5).astype(np.float32), training=True)
    y = layer.forward((3 * rng.standard_normal((5000, D)) + 5).astype(np.float32))
    assert abs(y.mean(axis=0)).max() < 0.1
    assert abs(y.std(axis=0) - 1).max() < 0.1


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_lets_overflow_pass(training, rng):
    layer = batch_norm(rng, np.float32)
    x = np.full((3, D), 3e38, np.float32)
    x[0] = -np.inf
    layer.forward(x, training)
    layer.backward(x)


def test_batch_norm_refuses_one_example_and_keeps_its_memory(rng):
    layer, x = batch_norm(rng), rng.standard_normal((N, D))
    layer.forward(x)
    dx = layer.backward(x)
    before = {name: array.copy() for name, array in layer.buffers.items()}
    with pytest.raises(ValueError, match="a variance needs two examples"):
        layer.forward(x[:1], training=True)
    with pytest.raises(nn.ShapeError):
        layer.forward(x[:, 1:])
    np.testing.assert_array_equal(layer.backward(x), dx)
    for name, array in before.items():
        np.testing.assert_array_equal(layer.buffers[name], array)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"features": 0}, ValueError, "features must be at least 1, got 0"),
        ({"features": 1.5}, TypeError, "features must be an integer, got float"),
        ({"momentum": 1}, ValueError, "momentum must be from 0 to below 1, got 1"),
        ({"momentum": -0.1}, ValueError, "momentum must be from 0 to below 1, got -0.1"),
        ({"epsilon": 0}, ValueError, "epsilon must be positive, got 0"),
        ({"epsilon": np.nan}, ValueError, "epsilon must be positive, got nan"),
        ({"epsilon": np.inf}, ValueError, "epsilon must be positive, got inf"),
        ({"epsilon": "x"}, TypeError, "epsilon must be a number, got str"),
        ({"momentum": "x"}, TypeError, "momentum must be a number, got str"),
        ({"dtype": int}, TypeError, f"dtype must be float32 or float64, got {int}"),
    ],
)
def test_batch_norm_of_wrong_settings(settings, error, message):
    with pytest.raises(error) as caught:
        nn.BatchNorm(**{"features": D} | settings)
    assert str(caught.value) == f"BatchNorm: {message}"


def test_batch_norm_says_what_does_not_fit(rng):
    layer = batch_norm(rng)
    for training, message in (
        (False, "normalize: x has shape (5, 3) but (N, D) = (N, 4) is needed to match mean (4,)"),
        (True, "normalize: gamma has shape (4,) but (D,) = (3,) is needed to match x (5, 3)"),
    ):
        with pytest.raises(nn.ShapeError) as caught:
            layer.forward(np.ones((5, 3)), training)
        assert str(caught.value) == message
    layer.forward(np.ones((5, D)))
    for d_out in (np.ones((5, 1)), np.ones((1, D))):
        with pytest.raises(nn.ShapeError) as caught:
            layer.backward(d_out)
        assert str(caught.value).startswith(
            f"normalize_backward: dy has shape {d_out.shape} but (N, D) = (5, 4) is needed"
        )
    with pytest.raises(TypeError, match=r"^normalize: x must be an array of numbers"):
        layer.forward("pixels")


@pytest.mark.parametrize("layer", [nn.Sigmoid(), nn.Tanh(), nn.Softmax()], ids=repr)
def test_outputs_may_be_changed_before_the_backward_pass(layer, rng):
    z, d_out = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    layer.forward(z)
    expected = layer.backward(d_out)
    out = layer.forward(z)
    out -= 1
    assert np.array_equal(layer.backward(d_out), expected)


def test_two_layers_do_not_share_the_array_of_an_initializer(rng):
    w = np.ones((2, 3), np.float32)
    layers = [nn.Linear(2, 3, rng=rng, initializer=lambda *_, **__: w) for _ in range(2)]
    layers[0].params["w"] += 1
    assert np.array_equal(w, layers[1].params["w"])


@pytest.mark.parametrize("bad", [np.nan, 1e30])
def test_one_bad_batch_does_not_spoil_the_running_averages(bad, rng):
    layer = nn.BatchNorm(2)
    layer.forward(rng.normal(size=(5, 2)).astype(np.float32), training=True)
    before = {name: array.copy() for name, array in layer.buffers.items()}
    x = np.array([[1.0, bad], [0.0, 1.0]], np.float32)
    with np.errstate(all="ignore"):
        layer.forward(x, training=True)
    assert all(np.array_equal(layer.buffers[name], before[name]) for name in before)
