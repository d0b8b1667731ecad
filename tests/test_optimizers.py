"""SGD in all its forms, against sequences worked out by hand and closed forms."""

from types import SimpleNamespace

import numpy as np
import pytest

import nnfromscratch as nn


def parameters(w, b=0.0, dtype=np.float64):
    """A stand-in for a model: one weight and one bias, with the gradients of w²/2 and b²/2."""
    params = {"w1": np.array([[w]], dtype), "b1": np.array([b], dtype)}
    return SimpleNamespace(params=params, grads=params)


def path(optimizer, w, steps, dtype=np.float64):
    """The weight after each step down the parabola w²/2, whose gradient is w."""
    model, result = parameters(w, dtype=dtype), []
    for _ in range(steps):
        model.grads = {name: array.copy() for name, array in model.params.items()}
        optimizer.step(model)
        result.append(model.params["w1"].item())
    return result


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # w = w - 0.5 w
        ({}, [8, 4, 2]),
        # v: 16, 8 + 8 = 16, 0 + 8 = 8;  w = w - 0.5 v
        ({"momentum": 0.5}, [8, 0, -4]),
        # v: 16, 4 + 8 = 12, -1 + 6 = 5;  w = w - 0.5 (g + 0.5 v)
        ({"momentum": 0.5, "nesterov": True}, [4, -1, -1.75]),
        # g = 1.25 w
        ({"weight_decay": 0.25}, [6, 2.25, 0.84375]),
        # g: 20, 7.5, -3.4375;  v: 20, 17.5, 5.3125
        ({"momentum": 0.5, "weight_decay": 0.25}, [6, -2.75, -5.40625]),
    ],
)
def test_three_steps_by_hand(settings, expected):
    assert path(nn.SGD(0.5, **settings), 16, 3) == expected


@pytest.mark.parametrize(("m", "nesterov"), [(0, False), (0.6, False), (0.6, True)])
def test_closed_form_on_a_parabola(m, nesterov):
    # (w, v) is multiplied by the same 2 x 2 matrix in every step.
    rate = 0.3
    v_row = [1, m]
    w_row = [1 - rate * (1 + m), -rate * m * m] if nesterov else [1 - rate, -rate * m]
    w = (np.linalg.matrix_power(np.array([w_row, v_row]), 20) @ [2, 0])[0]
    np.testing.assert_allclose(path(nn.SGD(rate, m, nesterov), 2, 20)[-1], w, rtol=1e-12)


def test_biases_do_not_decay():
    model = parameters(2.0, 2.0)
    model.grads = {name: np.zeros_like(array) for name, array in model.params.items()}
    nn.SGD(0.5, weight_decay=0.5).step(model)
    assert (model.params["w1"].item(), model.params["b1"].item()) == (1.5, 2)


def test_decay_is_the_gradient_of_the_penalty(central_difference):
    w = np.array([[1.0, -2.0, 3.0]])
    model = SimpleNamespace(params={"w1": w.copy()}, grads={"w1": np.zeros_like(w)})
    nn.SGD(1.0, weight_decay=0.3).step(model)
    penalty = central_difference(lambda: 0.3 / 2 * (w**2).sum(), w)
    np.testing.assert_allclose(w - model.params["w1"], penalty, rtol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("nesterov", [False, True])
def test_step_is_in_place_and_keeps_the_dtype(dtype, nesterov):
    optimizer = nn.SGD(np.float64(0.1), np.float64(0.9), nesterov, np.float64(0.01))
    model = parameters(1.0, 1.0, dtype)
    model.grads = {name: np.ones_like(array) for name, array in model.params.items()}
    arrays = dict(model.params)
    for array in model.grads.values():
        array.flags.writeable = False  # gradients are only read
    for _ in range(2):
        optimizer.step(model)
    for name, array in arrays.items():
        assert model.params[name] is array
        assert array.dtype == optimizer.velocity[name].dtype == dtype
        assert array.item() < 1


def test_numpy_rates_do_not_round_differently(rng):
    # float32 arithmetic throughout: a float64 setting must not promote it on the way.
    start, g = rng.standard_normal((2, 30, 20)).astype(np.float32)
    results = []
    for number in (float, np.float64):
        model = SimpleNamespace(params={"w1": start.copy()}, grads={"w1": g})
        optimizer = nn.SGD(number(0.1), number(0.9), True, number(0.01))
        for _ in range(3):
            optimizer.step(model)
        results.append(model.params["w1"])
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rate": 0}, "learning_rate must be positive, got 0"),
        ({"learning_rate": -1}, "learning_rate must be positive, got -1"),
        ({"learning_rate": np.nan}, "learning_rate must be positive, got nan"),
        ({"learning_rate": np.inf}, "learning_rate must be positive, got inf"),
        ({"momentum": 1}, "momentum must be from 0 to below 1, got 1"),
        ({"momentum": -0.1}, "momentum must be from 0 to below 1, got -0.1"),
        ({"momentum": np.nan}, "momentum must be from 0 to below 1, got nan"),
        ({"weight_decay": -1}, "weight_decay must not be negative, got -1"),
        ({"weight_decay": np.nan}, "weight_decay must not be negative, got nan"),
        ({"weight_decay": np.inf}, "weight_decay must not be negative, got inf"),
        ({"nesterov": True}, "nesterov needs a momentum above 0"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(ValueError) as caught:
        nn.SGD(**{"learning_rate": 0.1} | settings)
    assert str(caught.value) == f"SGD: {message}"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rate": "0.1"}, "learning_rate must be a number, got str"),
        ({"learning_rate": True}, "learning_rate must be a number, got bool"),
        ({"momentum": None}, "momentum must be a number, got NoneType"),
        ({"weight_decay": [0.1]}, "weight_decay must be a number, got list"),
        ({"momentum": 0.9, "nesterov": 0.9}, "nesterov must be True or False, got 0.9"),
    ],
)
def test_settings_of_the_wrong_type(settings, message):
    with pytest.raises(TypeError) as caught:
        nn.SGD(**{"learning_rate": 0.1} | settings)
    assert str(caught.value) == f"SGD: {message}"


W = np.ones((2, 3))
READ_ONLY = np.ones((2, 3))
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    ("params", "grads", "message"),
    [
        (5, {}, "model must have params and grads, as a Sequential has, got SimpleNamespace"),
        ({}, 5, "model must have params and grads, as a Sequential has, got SimpleNamespace"),
        ({"w1": [1.0]}, {"w1": W}, "model.params['w1'] must be a writeable array of floats"),
        ({"w1": W > 0}, {"w1": W}, "model.params['w1'] must be a writeable array of floats"),
        ({"w1": READ_ONLY}, {"w1": W}, "model.params['w1'] must be a writeable array of floats"),
        ({"w1": W}, {}, "model.grads['w1'] must be an array of float64"),
        ({"w1": W}, {"w1": [[1.0] * 3] * 2}, "model.grads['w1'] must be an array of float64"),
        ({"w1": W}, {"w1": W * 1j}, "model.grads['w1'] must be an array of float64"),
        (
            {"w1": W},
            {"w1": W.T},
            "model.grads['w1'] has shape (3, 2) but (2, 3) is needed; "
            "did you mean SGD.step: model.grads['w1'].T?",
        ),
    ],
)
def test_models_that_cannot_be_stepped(params, grads, message):
    with pytest.raises((TypeError, nn.ShapeError)) as caught:
        nn.SGD(0.1).step(SimpleNamespace(params=params, grads=grads))
    assert str(caught.value) == f"SGD.step: {message}"


@pytest.mark.parametrize("model", [None, SimpleNamespace(params={}), SimpleNamespace(grads={})])
def test_no_model(model):
    kind = type(model).__name__
    with pytest.raises(TypeError, match=rf"^SGD\.step: model must have params .* got {kind}$"):
        nn.SGD(0.1).step(model)


def test_nothing_is_changed_if_one_gradient_does_not_fit():
    params = {"w1": np.ones((2, 3)), "w2": np.ones((3, 2))}
    model = SimpleNamespace(params=params, grads={"w1": W, "w2": W})
    with pytest.raises(nn.ShapeError, match=r"^SGD\.step: model\.grads\['w2'\] has shape"):
        nn.SGD(0.1).step(model)
    assert (params["w1"] == 1).all()


@pytest.mark.parametrize(("w", "kind"), [(np.ones((3, 2)), "shape"), (W.astype("f4"), "dtype")])
def test_the_momentum_of_another_model(w, kind):
    optimizer = nn.SGD(0.1, momentum=0.9)
    optimizer.step(SimpleNamespace(params={"w1": W.copy()}, grads={"w1": W}))
    with pytest.raises(nn.ShapeError) as caught:
        optimizer.step(SimpleNamespace(params={"w1": w}, grads={"w1": w.copy()}))
    assert str(caught.value) == (
        f"SGD.step: model has w1 {w.shape} {w.dtype}, but the momentum is that of another model, "
        "(2, 3) float64; make an SGD for each model"
    )


def test_complex_weights_can_be_stepped():
    w = np.ones((1, 1), complex)
    nn.SGD(0.5).step(SimpleNamespace(params={"w1": w}, grads={"w1": np.array([[2j]])}))
    assert w.item() == 1 - 1j


def test_a_step_to_infinity_gives_no_warning():
    w = np.array([[-np.inf, 1e300]])
    nn.SGD(1e10).step(SimpleNamespace(params={"w1": w}, grads={"w1": w.copy()}))
    np.testing.assert_array_equal(w, [[np.nan, -np.inf]])
