"""Layers do what the functions do, and remember what backward needs."""

import numpy as np
import pytest

import nnfromscratch as nn

ACTIVATIONS = [nn.ReLU, nn.Sigmoid, nn.Tanh]


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
    assert layer.backward(dz, need_dx=False) is None


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
    layer, name = kind(), kind.__name__.lower()
    forward, backward = getattr(nn, name), getattr(nn, f"{name}_backward")
    z, da = rng.standard_normal((2, 5, 3))
    a = layer.forward(z)
    np.testing.assert_array_equal(a, forward(z))
    np.testing.assert_array_equal(layer.backward(da), backward(da, z if name == "relu" else a))
    assert layer.params == layer.grads == {}


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
    "kind", [*ACTIVATIONS, lambda: nn.Linear(4, 3, rng=np.random.default_rng())]
)
def test_backward_before_forward(kind):
    layer = kind()
    with pytest.raises(RuntimeError) as caught:
        layer.backward(np.ones((5, 3)))
    assert str(caught.value) == f"{type(layer).__name__}.backward: call forward first"


def test_layers_read_as_they_are_written(rng):
    layers = [nn.Linear(784, 300, rng=rng), nn.ReLU(), nn.Sigmoid(), nn.Tanh()]
    assert repr(layers) == "[Linear(784, 300), ReLU(), Sigmoid(), Tanh()]"


def test_a_layer_must_bring_its_own_forward_and_backward():
    with pytest.raises(NotImplementedError):
        nn.Layer().forward(np.ones((1, 1)))
    with pytest.raises(NotImplementedError):
        nn.Layer().backward(np.ones((1, 1)))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"inputs": 0}, ValueError, "inputs must be at least 1, got 0"),
        ({"outputs": 3.0}, TypeError, "outputs must be an integer, got float"),
        ({"dtype": int}, TypeError, "dtype must be float32 or float64, got <class 'int'>"),
        (
            {"initializer": "he"},
            TypeError,
            "initializer must be a function such as he_normal, got 'he'",
        ),
        (
            {"initializer": lambda shape, rng, dtype: np.zeros(shape[::-1], dtype)},
            nn.ShapeError,
            "the result of initializer has shape (3, 4) but (4, 3) is needed; "
            "did you mean Linear: the result of initializer.T?",
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
        nn.Linear(**{"inputs": 4, "outputs": 3, "rng": rng} | settings)
    assert str(caught.value) == f"Linear: {message}"


def test_a_failed_forward_is_not_remembered():
    for layer in (nn.ReLU(), nn.Sigmoid(), nn.Tanh()):
        layer.forward(np.ones((2, 3)))
        with pytest.raises(TypeError):
            layer.forward("text")
        assert layer.backward(np.ones((2, 3))).shape == (2, 3)
