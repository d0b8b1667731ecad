"""Every optimizer against sequences worked out by hand, and SGD against closed forms."""

from math import sqrt
from types import SimpleNamespace

import numpy as np
import pytest

import nnfromscratch as nn

ALL = {
    "SGD": lambda number=float, **s: nn.SGD(number(0.1), **s),
    "momentum": lambda number=float, **s: nn.SGD(number(0.1), number(0.9), **s),
    "nesterov": lambda number=float, **s: nn.SGD(number(0.1), number(0.9), True, **s),
    "RMSProp": lambda number=float, **s: nn.RMSProp(number(0.01), number(0.9), number(1e-8), **s),
    "Adam": lambda number=float, **s: nn.Adam(
        number(0.01), number(0.9), number(0.999), number(1e-8), **s
    ),
    "AdamW": lambda number=float, **s: nn.AdamW(
        number(0.01), number(0.9), number(0.999), number(1e-8), **s
    ),
}
every_optimizer = pytest.mark.parametrize("make", ALL.values(), ids=ALL)


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


def descend(optimizer, w, gradients, name="w1"):
    """The parameter after each of the given gradients, whatever its value."""
    model, result = parameters(w, w), []
    for g in gradients:
        model.grads = {key: np.full_like(array, g) for key, array in model.params.items()}
        optimizer.step(model)
        result.append(model.params[name].item())
    return result


def test_three_steps_of_rmsprop_by_hand():
    # s: 1/4 * 4 = 1, 3/4 * 1 + 1/4 * 16 = 19/4, 3/4 * 19/4 + 1/4 = 61/16
    w1 = 10 - 0.5 * 2 / (1 + 0.5)
    w2 = w1 + 0.5 * 4 / (sqrt(19 / 4) + 0.5)
    w3 = w2 - 0.5 * 1 / (sqrt(61 / 16) + 0.5)
    steps = descend(nn.RMSProp(0.5, decay=0.75, epsilon=0.5), 10, [2, -4, 1])
    np.testing.assert_allclose(steps, [w1, w2, w3], rtol=1e-14)


def adam_directions():
    """Three directions of Adam with beta1 1/2, beta2 3/4, epsilon 1/2 for gradients 2, -4, 1."""
    # m: 1, 1/2 - 2 = -3/2, -3/4 + 1/2 = -1/4;  divided by 1/2, 3/4, 7/8: 2, -2, -2/7
    # s: 1, 19/4, 61/16, as for RMSProp;  divided by 1/4, 7/16, 37/64: 4, 76/7, 244/37
    return 2 / (2 + 0.5), -2 / (sqrt(76 / 7) + 0.5), -2 / 7 / (sqrt(244 / 37) + 0.5)


def test_three_steps_of_adam_by_hand():
    first, second, third = adam_directions()
    expected = np.cumsum([10 - 0.5 * first, -0.5 * second, -0.5 * third])
    steps = descend(nn.Adam(0.5, 0.5, 0.75, 0.5), 10, [2, -4, 1])
    np.testing.assert_allclose(steps, expected, rtol=1e-14)


@pytest.mark.parametrize(("name", "decay"), [("w1", 0.25), ("b1", 0)])
def test_three_steps_of_adamw_by_hand(name, decay):
    # w = w - 1/2 (direction + 1/4 w), and no 1/4 for a bias
    first, second, third = adam_directions()
    w1 = 10 - 0.5 * (first + decay * 10)
    w2 = w1 - 0.5 * (second + decay * w1)
    w3 = w2 - 0.5 * (third + decay * w2)
    steps = descend(nn.AdamW(0.5, 0.5, 0.75, 0.5, 0.25), 10, [2, -4, 1], name)
    np.testing.assert_allclose(steps, [w1, w2, w3], rtol=1e-14)


@pytest.mark.parametrize("kind", [nn.RMSProp, nn.Adam])
def test_the_penalty_of_the_others_goes_through_the_averages(kind):
    decayed, plain, w = kind(0.5, weight_decay=0.25), kind(0.5), 10.0
    for g in (2, -4, 1):
        (step,) = descend(decayed, w, [g])
        (w,) = descend(plain, w, [g + 0.25 * w])
        assert step == pytest.approx(w, rel=1e-14)


def test_adam_begins_with_steps_of_the_learning_rate():
    for g in (1e-3, 7, -1e5):
        (w,) = descend(nn.Adam(0.01), 1, [g])
        assert w == pytest.approx(1 - np.copysign(0.01, g), rel=1e-6)


def test_defaults_are_those_of_the_papers():
    for optimizer in (nn.Adam(), nn.AdamW()):
        settings = (optimizer.learning_rate, optimizer.beta1, optimizer.beta2, optimizer.epsilon)
        assert settings == (0.001, 0.9, 0.999, 1e-8)
    assert (nn.Adam().weight_decay, nn.AdamW().weight_decay) == (0, 0.01)
    assert (nn.RMSProp().decay, nn.RMSProp().weight_decay) == (0.9, 0)
    assert nn.Optimizer(0.1).weight_decay == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("m", "nesterov", "decay"),
    [(0, False, 0), (0, False, 0.01), (0.9, False, 0.01), (0.9, True, 0.01)],
)
def test_sgd_is_the_loop_written_out_bit_for_bit(m, nesterov, decay, dtype, rng):
    w, b = rng.standard_normal((30, 20)).astype(dtype), rng.standard_normal(20).astype(dtype)
    model = SimpleNamespace(params={"w1": w.copy(), "b1": b.copy()})
    optimizer, v_w, v_b = nn.SGD(0.1, m, nesterov, decay), np.zeros_like(w), np.zeros_like(b)
    for _ in range(4):
        dw, db = (rng.standard_normal(array.shape).astype(dtype) for array in (w, b))
        model.grads = {"w1": dw, "b1": db}
        optimizer.step(model)
        dw = dw + decay * w if decay else dw
        v_w = m * v_w + dw
        v_b = m * v_b + db
        w = w - 0.1 * (dw + m * v_w if nesterov else v_w)
        b = b - 0.1 * (db + m * v_b if nesterov else v_b)
        np.testing.assert_array_equal(model.params["w1"], w)
        np.testing.assert_array_equal(model.params["b1"], b)


@pytest.mark.parametrize(("m", "nesterov"), [(0, False), (0.6, False), (0.6, True)])
def test_closed_form_on_a_parabola(m, nesterov):
    # (w, v) is multiplied by the same 2 x 2 matrix in every step.
    rate = 0.3
    v_row = [1, m]
    w_row = [1 - rate * (1 + m), -rate * m * m] if nesterov else [1 - rate, -rate * m]
    w = (np.linalg.matrix_power(np.array([w_row, v_row]), 20) @ [2, 0])[0]
    np.testing.assert_allclose(path(nn.SGD(rate, m, nesterov), 2, 20)[-1], w, rtol=1e-12)


@every_optimizer
def test_only_weights_decay(make):
    model = parameters(2.0, 2.0)
    model.params |= {"gamma1": np.array([2.0])}
    model.grads = {name: np.zeros_like(array) for name, array in model.params.items()}
    make(weight_decay=0.5).step(model)
    assert model.params["w1"].item() < 2
    assert model.params["b1"].item() == model.params["gamma1"].item() == 2


def test_decay_is_the_gradient_of_the_penalty(central_difference):
    w = np.array([[1.0, -2.0, 3.0]])
    model = SimpleNamespace(params={"w1": w.copy()}, grads={"w1": np.zeros_like(w)})
    nn.SGD(1.0, weight_decay=0.3).step(model)
    penalty = central_difference(lambda: 0.3 / 2 * (w**2).sum(), w)
    np.testing.assert_allclose(w - model.params["w1"], penalty, rtol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_optimizer
def test_step_is_in_place_and_keeps_the_dtype(make, dtype):
    optimizer = make(np.float64, weight_decay=np.float64(0.01))
    model = parameters(1.0, 1.0, dtype)
    model.grads = {name: np.ones_like(array) for name, array in model.params.items()}
    arrays = dict(model.params)
    for array in model.grads.values():
        array.flags.writeable = False  # gradients are only read
    for _ in range(2):
        optimizer.step(model)
    for name, array in arrays.items():
        assert model.params[name] is array
        assert array.dtype == dtype
        assert array.item() < 1
    assert all(array.dtype == dtype for kept in optimizer.state.values() for array in kept.values())
    assert optimizer.steps == 2


@every_optimizer
def test_numpy_rates_do_not_round_differently(make, rng):
    # float32 arithmetic throughout: a float64 setting must not promote it on the way.
    start, g = rng.standard_normal((2, 30, 20)).astype(np.float32)
    results = []
    for number in (float, np.float64):
        model = SimpleNamespace(params={"w1": start.copy()}, grads={"w1": g})
        optimizer = make(number, weight_decay=number(0.01))
        for _ in range(3):
            optimizer.step(model)
        results.append(model.params["w1"])
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize(
    ("optimizer", "text"),
    [
        (
            nn.SGD(np.float32(0.5), nesterov=np.True_, momentum=np.float64(0.25)),
            "SGD(learning_rate=0.5, weight_decay=0.0, momentum=0.25, nesterov=True)",
        ),
        (
            nn.RMSProp(weight_decay=1),
            "RMSProp(learning_rate=0.001, weight_decay=1.0, decay=0.9, epsilon=1e-08)",
        ),
        (
            nn.AdamW(2, epsilon=0.1),
            "AdamW(learning_rate=2.0, weight_decay=0.01, beta1=0.9, beta2=0.999, epsilon=0.1)",
        ),
    ],
)
def test_repr_says_the_settings_and_nothing_else(optimizer, text):
    assert repr(optimizer) == text
    optimizer.step(parameters(1.0))
    assert repr(optimizer) == text


@every_optimizer
def test_float64_gradients_move_float32_parameters(make, rng):
    start, g = rng.standard_normal((2, 30, 20)).astype(np.float32)
    results = []
    for dtype in (np.float32, np.float64):
        model = SimpleNamespace(params={"w1": start.copy()}, grads={"w1": g.astype(dtype)})
        optimizer = make(weight_decay=0.01)
        for _ in range(3):
            optimizer.step(model)
        assert model.params["w1"].dtype == np.float32
        assert all(
            array.dtype == np.float32
            for kept in optimizer.state.values()
            for array in kept.values()
        )
        results.append(model.params["w1"])
    # The gradient is rounded first, so that averages and steps are those of float32.
    np.testing.assert_array_equal(*results)


def test_state_is_kept_by_the_names_of_the_parameters():
    for make, kinds in (
        ("SGD", []),
        ("momentum", ["velocity"]),
        ("RMSProp", ["square"]),
        ("AdamW", ["mean", "square"]),
    ):
        optimizer = ALL[make]()
        descend(optimizer, 1.0, [1, 1])
        assert {name: sorted(kept) for name, kept in optimizer.state.items()} == dict.fromkeys(
            ("w1", "b1"), kinds
        )


@pytest.mark.parametrize("make", [ALL["momentum"], ALL["RMSProp"], ALL["Adam"], ALL["AdamW"]])
@pytest.mark.parametrize(
    ("sizes", "name", "shapes"),
    [([3, 4, 5], "w2", ((4, 5), (4, 2))), ([3, 2], "w1", ((3, 2), (3, 4)))],
)
def test_another_model_is_refused_and_left_alone(make, sizes, name, shapes, rng):
    optimizer, model, other = make(), nn.mlp([3, 4, 2], rng=rng), nn.mlp(sizes, rng=rng)
    for network in (model, other):
        for gradient in network.grads.values():
            gradient += 1
    optimizer.step(model)
    before = {key: array.copy() for key, array in other.params.items()}
    with pytest.raises(ValueError) as caught:
        optimizer.step(other)
    assert str(caught.value) == (
        f"{type(optimizer).__name__}.step: model has {name} {shapes[0]} float32, but this "
        f"optimizer has stepped another model, with {shapes[1]} float32; make one for each model"
    )
    for key, array in other.params.items():
        np.testing.assert_array_equal(array, before[key])
    assert optimizer.steps == 1
    optimizer.step(model)


@every_optimizer
def test_names_of_parameters_may_hold_spaces(make):
    model = SimpleNamespace(params={" the  first weight": np.ones((1, 1))})
    model.grads = {name: array.copy() for name, array in model.params.items()}
    optimizer = make()
    for _ in range(2):
        optimizer.step(model)
    assert model.params[" the  first weight"].item() < 1


def test_a_model_with_fewer_layers_is_refused(rng):
    optimizer = nn.Adam()
    optimizer.step(nn.mlp([3, 4, 2], rng=rng))
    with pytest.raises(ValueError, match=r"Adam\.step: model has w2 none, but"):
        optimizer.step(nn.mlp([3, 4], rng=rng))


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        *[
            (kind, settings, message)
            for kind in (nn.SGD, nn.RMSProp, nn.Adam, nn.AdamW)
            for settings, message in (
                ({"learning_rate": 0}, "learning_rate must be positive, got 0"),
                ({"learning_rate": -1}, "learning_rate must be positive, got -1"),
                ({"learning_rate": np.nan}, "learning_rate must be positive, got nan"),
                ({"learning_rate": np.inf}, "learning_rate must be positive, got inf"),
                ({"weight_decay": -1}, "weight_decay must not be negative, got -1"),
                ({"weight_decay": np.nan}, "weight_decay must not be negative, got nan"),
                ({"weight_decay": np.inf}, "weight_decay must not be negative, got inf"),
            )
        ],
        *[
            (kind, {name: value}, f"{name} must be from 0 to below 1, got {value}")
            for kind, name in (
                (nn.SGD, "momentum"),
                (nn.RMSProp, "decay"),
                (nn.Adam, "beta1"),
                (nn.AdamW, "beta2"),
            )
            for value in (1, -0.1, np.nan)
        ],
        *[
            (kind, {"epsilon": value}, f"epsilon must be positive, got {value}")
            for kind in (nn.RMSProp, nn.Adam, nn.AdamW)
            for value in (0, np.nan, np.inf)
        ],
        (nn.SGD, {"nesterov": True}, "nesterov needs a momentum above 0"),
    ],
)
def test_wrong_settings(kind, settings, message):
    with pytest.raises(ValueError) as caught:
        kind(**{"learning_rate": 0.1} | settings)
    assert str(caught.value) == f"{kind.__name__}: {message}"


def test_an_optimizer_must_bring_its_own_direction():
    with pytest.raises(NotImplementedError):
        nn.Optimizer(0.1).step(parameters(1.0))


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


@pytest.mark.parametrize("kind", [nn.RMSProp, nn.Adam, nn.AdamW])
def test_an_epsilon_of_the_wrong_type(kind):
    with pytest.raises(TypeError) as caught:
        kind(epsilon="tiny")
    assert str(caught.value) == f"{kind.__name__}: epsilon must be a number, got str"


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
            "model.grads['w1'] has shape (3, 2) but (2, 3) is needed",
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


def test_complex_weights_can_be_stepped():
    w = np.ones((1, 1), complex)
    nn.SGD(0.5).step(SimpleNamespace(params={"w1": w}, grads={"w1": np.array([[2j]])}))
    assert w.item() == 1 - 1j


def test_a_step_to_infinity_gives_no_warning():
    w = np.array([[-np.inf, 1e300]])
    nn.SGD(1e10).step(SimpleNamespace(params={"w1": w}, grads={"w1": w.copy()}))
    np.testing.assert_array_equal(w, [[np.nan, -np.inf]])


@pytest.mark.parametrize("rule", [nn.SGD(0.1, momentum=0.9), nn.RMSProp(), nn.Adam()])
def test_gradients_that_overflow_are_no_warning(rule):
    model = SimpleNamespace(params={"w1": np.ones((1, 2), np.float32)})
    model.grads = {"w1": np.full((1, 2), 3e38, np.float32)}
    for _ in range(2):
        rule.step(model)
    assert all(np.isinf(kept).any() for kept in list(rule.state["w1"].values())[-1:])


def test_a_direction_of_another_shape_is_refused():
    class Mean(nn.Optimizer):
        def direction(self, g, state):
            return g.mean(axis=0)

    w = np.ones((3, 2))
    model = SimpleNamespace(params={"w1": w}, grads={"w1": np.ones((3, 2))})
    with pytest.raises(nn.ShapeError, match=r"Mean\.direction of w1 has shape"):
        Mean(0.1).step(model)
    assert (w == 1).all()
