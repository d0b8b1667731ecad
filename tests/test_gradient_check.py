"""The gradient checks, checked: on closed forms, on right functions, and on planted bugs."""

import inspect
import math
import pickle
from functools import partial

import numpy as np
import pytest

import nnfromscratch as nn
from nnfromscratch.gradient_check import best_step

DTYPES = [np.float32, np.float64]
METHODS = ["forward", "central", "complex"]


# --- best_step


@pytest.mark.parametrize("dtype", DTYPES)
def test_best_steps(dtype):
    eps = float(np.finfo(dtype).eps)
    assert best_step("forward", dtype) == eps**0.5
    assert best_step("central", dtype) == eps ** (1 / 3)
    assert best_step("complex", dtype) == 1e-20
    assert best_step("central") == best_step("central", np.float64)


# --- numerical_gradient

# Relative error of the slope of exp with the best step, by the theory: its power of eps.
POWERS = {"forward": 1 / 2, "central": 2 / 3, "complex": 1}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", METHODS)
def test_error_with_the_best_step_is_what_the_theory_says(method, dtype):
    points = np.linspace(-1, 1, 50).astype(dtype)
    slopes = [
        nn.numerical_gradient(lambda x: np.exp(x).sum(), points[k : k + 1], method=method)
        for k in range(50)
    ]
    assert {slope.dtype for slope in slopes} == {np.dtype(dtype)}
    exact = np.exp(points.astype(np.float64))
    errors = np.abs(np.concatenate(slopes).astype(np.float64) / exact - 1)
    theory = float(np.finfo(dtype).eps) ** POWERS[method]
    assert errors.max() < 4 * theory
    if method != "complex":
        assert errors.max() > theory / 20


@pytest.mark.parametrize(
    ("method", "order", "constant"), [("forward", 1, 1 / 2), ("central", 2, 1 / 6)]
)
def test_error_falls_with_the_step_until_rounding_takes_over(method, order, constant):
    def error(h):
        (slope,) = nn.numerical_gradient(lambda x: np.exp(x[0]), np.zeros(1), h, method)
        return abs(slope - 1)

    for h in (1e-1, 1e-2, 1e-3):
        assert error(h) == pytest.approx(constant * h**order, rel=0.06)
    assert error(1e-13) > 1e-5


def test_complex_steps_fall_with_the_square_and_know_no_rounding():
    def error(h):
        (slope,) = nn.numerical_gradient(lambda x: np.exp(x[0]), np.zeros(1), h, "complex")
        return abs(slope - 1)

    assert error(1e-1) == pytest.approx(1e-2 / 6, rel=0.01)
    assert error(1e-3) == pytest.approx(1e-6 / 6, rel=0.01)
    assert error(1e-13) == error(1e-200) == 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    # x³ at 1 with h = 1/2: 3 + 3h + h², 3 + h², 3 - h².
    ("method", "slope"),
    [("forward", 4.75), ("central", 3.25), ("complex", 2.75)],
)
def test_a_cube_by_hand(method, slope, dtype):
    found = nn.numerical_gradient(lambda x: (x**3).sum(), np.ones(2, dtype), 0.5, method)
    assert found.dtype == dtype
    assert found.tolist() == [slope, slope]


def test_central_differences_are_the_default():
    x = np.array([1.0, -3.0])

    def f(x):
        return np.exp(x).sum()

    expected = nn.numerical_gradient(f, x, best_step("central"), "central")
    assert nn.numerical_gradient(f, x)[0] == expected[0]
    # The step grows with x.
    expected = nn.numerical_gradient(f, x, 3 * best_step("central"), "central")
    assert nn.numerical_gradient(f, x)[1] == expected[1]


@pytest.mark.parametrize("method", ["forward", "central"])
def test_the_default_step_suits_large_numbers(method):
    (slope,) = nn.numerical_gradient(lambda x: (x**2).sum(), np.array([1e9]), method=method)
    assert slope == pytest.approx(2e9, rel=1e-7)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 1, 2), (0, 3)])
def test_every_shape(shape, method):
    x = np.linspace(1, 2, math.prod(shape)).reshape(shape)
    gradient = nn.numerical_gradient(lambda x: (x * x).sum(), x, method=method)
    assert gradient.shape == shape
    np.testing.assert_allclose(gradient, 2 * x, rtol=1e-7)


def test_every_entry_has_its_own_slope(rng):
    x, weights = rng.standard_normal((2, 3, 4))
    gradient = nn.numerical_gradient(lambda x: (weights * x).sum(), x)
    np.testing.assert_allclose(gradient, weights, rtol=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_whole_numbers_and_lists_become_float64(method):
    for x in ([[1, 2]], np.array([[1, 2]], np.int8)):
        gradient = nn.numerical_gradient(lambda x: (x * x).sum(), x, method=method)
        assert gradient.dtype == np.float64
        np.testing.assert_allclose(gradient, [[2, 4]], rtol=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_a_function_that_writes_into_its_argument_harms_nothing(method):
    x = np.array([1.0, 2.0, 3.0])
    x.flags.writeable = False

    def f(x):
        x *= x
        return x.sum()

    gradient = nn.numerical_gradient(f, x, method=method)
    np.testing.assert_allclose(gradient, [2, 4, 6], rtol=1e-7)
    assert x.tolist() == [1, 2, 3]


@pytest.mark.parametrize(("method", "calls"), [("forward", 7), ("central", 12), ("complex", 6)])
def test_calls(method, calls):
    count = 0

    def f(x):
        nonlocal count
        count += 1
        return x.sum()

    nn.numerical_gradient(f, np.ones((2, 3)), method=method)
    assert count == calls


@pytest.mark.parametrize("number", [float, np.float64, np.array, lambda v: np.array([[v]])])
def test_one_number_in_whatever_form(number):
    gradient = nn.numerical_gradient(lambda x: number(x[0] * 3), np.ones(1))
    np.testing.assert_allclose(gradient, [3], rtol=1e-9)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"x": [1j]}, TypeError, "x must hold real numbers, got complex ones"),
        ({"h": 0}, ValueError, "h must be positive, got 0"),
        ({"h": -0.1}, ValueError, "h must be positive, got -0.1"),
        ({"h": math.nan}, ValueError, "h must be positive, got nan"),
        ({"h": math.inf}, ValueError, "h must be positive, got inf"),
        (
            {"f": lambda x: x},
            ValueError,
            "f must return one number, got shape (2,) and dtype float64",
        ),
        (
            {"f": lambda x: x.real.sum(), "method": "complex"},
            TypeError,
            "f returned a real number for a complex argument, so it drops the imaginary part; "
            "take method='central'",
        ),
        (
            {"h": 1e-17},
            ValueError,
            "h = 1e-17 is lost in rounding beside x = 1; take a larger h",
        ),
        (
            {"h": 1e-17, "method": "forward"},
            ValueError,
            "h = 1e-17 is lost in rounding beside x = 1; take a larger h",
        ),
        ({"f": 3}, TypeError, "f must be a function, got int"),
        ({"x": "a"}, TypeError, "x must be an array of numbers, got dtype <U1"),
        ({"h": "a"}, TypeError, "h must be a number, got str"),
        (
            {"f": lambda x: 1j},
            ValueError,
            "f must return one number, got shape () and dtype complex128",
        ),
        (
            {"f": lambda x: "a", "method": "complex"},
            ValueError,
            "f must return one number, got shape () and dtype <U1",
        ),
    ],
)
def test_what_numerical_gradient_refuses(settings, error, message):
    settings = {"f": lambda x: x.sum(), "x": np.ones(2)} | settings
    with pytest.raises(error) as caught:
        nn.numerical_gradient(**settings)
    assert str(caught.value) == f"numerical_gradient: {message}"


def test_f_must_not_return_rows_of_different_lengths():
    with pytest.raises(TypeError, match=r"^numerical_gradient: the result of f must be an array"):
        nn.numerical_gradient(lambda x: [[1], [1, 2]], np.ones(2))


@pytest.mark.parametrize(("dtype", "kind"), [(np.float32, "complex64"), (float, "complex128")])
def test_complex_steps_keep_the_precision(dtype, kind):
    def f(x):
        assert x.dtype == kind
        return (x * x).sum()

    np.testing.assert_allclose(nn.numerical_gradient(f, np.ones(2, dtype), None, "complex"), 2)


def test_nan_and_infinity_come_out_as_nan_without_a_warning():
    gradient = nn.numerical_gradient(np.sum, np.array([np.inf, np.nan]))
    assert np.isnan(gradient).all()


@pytest.mark.parametrize("method", ["Central", "", None, []])
def test_unknown_methods(method):
    with pytest.raises(ValueError) as caught:
        nn.numerical_gradient(np.sum, np.ones(2), method=method)
    assert str(caught.value) == (
        f"best_step: method must be one of central, forward, complex, got {method!r}"
    )


# --- relative_error


@pytest.mark.parametrize(
    ("a", "b", "error"),
    [
        ([1, 2], [1, 2], 0),
        ([0, 0], [0, 0], 0),
        ([[0, 4]], [[0, 5]], 0.2),
        ([1e-9, 4], [0, 4], 1e-9 / 4),  # by the largest entry of all
        ([0, 0], [0, 1e-300], 1),
        ([1, 0], [0, 1], 1),
        ([3], [-3], 2),
        ([1.7e308], [-1.7e308], 2),
        ([5e-324], [0], 1),
        (2, 1, 0.5),
        ([3 + 4j], [0], 1),
        ([], [], 0),
        ([1, np.nan], [1, 1], math.inf),
        ([np.nan], [np.nan], math.inf),
        ([np.inf], [np.inf], math.inf),
        ([1, -np.inf], [1, 1], math.inf),
    ],
)
def test_relative_errors(a, b, error):
    assert nn.relative_error(a, b) == nn.relative_error(b, a) == error
    assert type(nn.relative_error(a, b)) is float


def test_large_float32_numbers_do_not_overflow():
    assert nn.relative_error(np.float32([3e38]), np.float32([-3e38])) == 2


def test_a_modulus_that_overflows_gives_no_warning():
    a = np.array([complex(3e38, 3e38)], np.complex64)
    assert nn.relative_error(a, a) == 0


def test_relative_error_is_symmetric_and_knows_no_scale(rng):
    a, b = rng.standard_normal((2, 5, 4))
    error = np.abs(a - b).max() / max(np.abs(a).max(), np.abs(b).max())
    for scale in (1, -1, 2.0**-40, 2.0**40):
        assert nn.relative_error(scale * a, scale * b) == error
        assert nn.relative_error(scale * b, scale * a) == error


@pytest.mark.parametrize("wrong", ["a", "b"])
def test_relative_error_of_something_else(wrong):
    with pytest.raises(TypeError) as caught:
        nn.relative_error(**{"a": 1.0, "b": 1.0} | {wrong: "text"})
    assert (
        str(caught.value) == f"relative_error: {wrong} must be an array of numbers, got dtype <U4"
    )


def test_relative_error_does_not_broadcast():
    with pytest.raises(nn.ShapeError) as caught:
        nn.relative_error(np.ones((3, 4)), np.ones(4))
    assert str(caught.value).startswith("relative_error: b has shape (4,) but (3, 4) is needed")
    with pytest.raises(TypeError, match="relative_error: a must be an array of numbers"):
        nn.relative_error(["one"], [1.0])


# --- check_gradients: what is right passes


def away_from_zero(rng, *shape):
    return rng.uniform(0.1, 2, shape) * rng.choice([-1, 1], shape)


@pytest.mark.parametrize("n", [1, 5])
@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "softmax", "log_softmax"])
def test_a_function_and_its_backward(name, n, rng):
    backward = getattr(nn, f"{name}_backward")
    report = nn.check_gradients(getattr(nn, name), away_from_zero(rng, n, 4), backward=backward)
    assert report.passed
    (row,) = report
    assert row.argument == "z"
    assert (row.shape, row.checked, row.kinks) == ((n, 4), 4 * n, 0)
    assert row.error < 1e-8
    assert str(report) == (
        f"{name}: passed\n  dz       {(n, 4)!s:<12} {4 * n:4d} entries measured, "
        "error at most 1e-06"
    )


def test_a_function_of_several_arguments(rng):
    arrays = [rng.standard_normal(shape) for shape in ((5, 4), (4, 3), (3,))]
    report = nn.check_gradients(nn.linear, *arrays, backward=nn.linear_backward)
    assert str(report) == (
        "linear: passed\n"
        "  dx       (5, 4)         20 entries measured, error at most 1e-06\n"
        "  dw       (4, 3)         12 entries measured, error at most 1e-06\n"
        "  db       (3,)            3 entries measured, error at most 1e-06"
    )
    assert repr(report) == str(report)
    assert max(row.error for row in report) < 1e-9


def test_losses(rng):
    a, target = rng.standard_normal((2, 5, 4))
    report = nn.check_gradients(nn.softmax_cross_entropy, a, [0, 3, 1, 1, 2])
    assert [row.argument for row in report] == ["z"]
    assert report.passed
    report = nn.check_gradients(nn.mean_squared_error, a, target)
    assert [row.argument for row in report] == ["a"]  # the target is data
    assert report.passed


def test_a_loss_with_gradients_by_two_arguments(rng):
    def product(a, b):
        return (a * b).sum(), (b, a)

    report = nn.check_gradients(product, *rng.standard_normal((2, 3, 4)))
    assert [row.argument for row in report] == ["a", "b"]
    assert report.passed
    report = nn.check_gradients(lambda a, b: ((a * b).sum(), (b, b)), *rng.standard_normal((2, 4)))
    assert [row.error <= report.tolerance for row in report] == [True, False]


@pytest.mark.parametrize("kind", [nn.Linear, nn.ReLU, nn.Sigmoid, nn.Tanh])
def test_layers(kind, rng):
    layer = nn.Linear(4, 3, rng=rng) if kind is nn.Linear else kind()
    report = nn.check_gradients(layer, away_from_zero(rng, 5, 4))
    assert report.name == kind.__name__
    assert [row.argument for row in report] == ["x", *layer.params]
    assert report.passed
    assert max(row.error for row in report) < 1e-8


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_models(activation, rng):
    model = nn.mlp([4, 6, 5, 3], activation=activation, rng=rng)
    report = nn.check_gradients(model, rng.standard_normal((7, 4)), rng.integers(0, 3, 7))
    assert [row.argument for row in report] == ["x", "w1", "b1", "w2", "b2", "w3", "b3"]
    assert report.name == "Sequential"
    assert report.passed
    # Without labels, the outputs are summed up with random weights.
    assert nn.check_gradients(model, rng.standard_normal((7, 4))).passed


def test_float32_models_are_checked_in_float64(rng):
    seen = set()

    class Watching(nn.Linear):
        def forward(self, x, training=False):
            seen.update({x.dtype, self.params["w"].dtype, training})
            return super().forward(x, training)

    model = nn.Sequential([Watching(4, 5, rng=rng), nn.Tanh(), Watching(5, 3, rng=rng)])
    x = rng.standard_normal((6, 4)).astype(np.float32)
    report = nn.check_gradients(model, x, [0, 1, 2, 0, 1, 2])
    assert seen == {np.dtype(np.float64), True}
    assert max(row.error for row in report) < 1e-7  # out of reach in float32


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_functions_get_float64_copies(dtype, rng):
    def forward(z):
        assert z.dtype == np.float64
        return np.exp(z)

    def backward(da, a):
        assert da.dtype == a.dtype == np.float64
        return da * a

    z = rng.standard_normal((3, 4)).astype(dtype)
    assert nn.check_gradients(forward, z, backward=backward)[0].error < 1e-9


def test_integers_have_no_gradient(rng):
    w, b = rng.standard_normal((2, 3)), rng.standard_normal(3)
    report = nn.check_gradients(nn.linear, [[1, 2], [3, 4]], w, b, backward=nn.linear_backward)
    assert [row.argument for row in report] == ["w", "b"]
    assert report.passed


def test_a_backward_may_return_the_gradients_by_floats_alone(rng):
    def pick(y, z):
        return z[np.arange(len(y)), y]

    def pick_backward(d_out, y, z):
        dz = np.zeros_like(z)
        dz[np.arange(len(y)), y] = d_out
        return dz

    def pick_backward_with_a_blank(d_out, y, z):
        return None, pick_backward(d_out, y, z)

    for backward in (pick_backward, pick_backward_with_a_blank):
        report = nn.check_gradients(pick, [0, 2], X, backward=backward)
        assert [row.argument for row in report] == ["z"]
        assert report.passed


def test_a_backward_is_given_what_its_names_ask_for(rng):
    def scaled_power(x, factor, power=3):
        return factor * x**power

    def backward(d_out, factor, out, x, power=3, *, sign=1):
        return sign * d_out * power * out / x, (d_out * out).sum() / factor

    x = rng.uniform(1, 2, (2, 3))
    report = nn.check_gradients(scaled_power, x, 2.5, backward=backward)
    assert [(row.argument, row.shape) for row in report] == [("x", (2, 3)), ("factor", ())]
    assert report.passed
    # An argument that is given reaches both; the integer has no gradient.
    report = nn.check_gradients(scaled_power, x, 2.5, 4, backward=backward)
    assert [row.argument for row in report] == ["x", "factor"]
    assert report.passed


@pytest.mark.parametrize(
    ("name", "z"),
    [
        ("sigmoid", [[30.0, 32.0]]),
        ("sigmoid", [[-30.0, -800.0]]),
        ("tanh", [[15.0, -15.0]]),
        ("softmax", [[40.0, 0.0, 0.0]]),
        ("log_softmax", [[40.0, 0.0, 0.0]]),
    ],
)
def test_saturated_units_are_no_false_alarm(name, z):
    # Their gradients are smaller than what a difference of losses can resolve.
    backward = getattr(nn, f"{name}_backward")
    assert nn.check_gradients(getattr(nn, name), z, backward=backward).passed
    assert nn.check_gradients(nn.softmax_cross_entropy, [[40.0, 0.0, 0.0]], [0]).passed


def test_small_gradients_are_compared_all_the_same(rng):
    # As in a large batch: far below 1, yet above what a difference can resolve.
    def loss(factor):
        return lambda a: (1 + np.sin(a).sum() * 1e-6, factor * 1e-6 * np.cos(a))

    a = rng.standard_normal((3, 4))
    assert nn.check_gradients(loss(1), a, tolerance=1e-3).passed
    assert not nn.check_gradients(loss(1.01), a, tolerance=1e-3).passed
    assert nn.check_gradients(loss(2), a)[0].error == pytest.approx(0.5, rel=1e-3)


@pytest.mark.parametrize("steepness", [1, 10, 100, 1000])
def test_a_steep_curve_is_not_taken_for_a_kink(steepness, rng):
    def f(z):
        return np.tanh(steepness * z)

    def backward(da, a):
        return steepness * da * (1 - a * a)

    z = rng.standard_normal((5, 4)) / steepness
    (row,) = nn.check_gradients(f, z, backward=backward)
    assert row.kinks == 0
    assert row.error < 1e-7


def test_the_rounding_of_a_large_loss_is_not_taken_for_a_kink(rng):
    report = nn.check_gradients(
        lambda a: (1e6 + np.sin(30 * a).sum(), 30 * np.cos(30 * a)), rng.standard_normal((3, 4))
    )
    assert report[0].kinks == 0
    assert report.passed


# --- check_gradients: what is wrong is reported

X = np.array([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]])
W = np.array([[0.5, -1.0, 2.0], [1.0, 0.25, -0.5], [-1.5, 1.0, 0.75]])
B = np.array([0.1, -0.2, 0.3])
RIGHT = {
    "x": "  dx       (2, 3)          6 entries measured, error at most 1e-06",
    "w": "  dw       (3, 3)          9 entries measured, error at most 1e-06",
    "b": "  db       (3,)            3 entries measured, error at most 1e-06",
}


@pytest.mark.parametrize(
    ("backward", "wrong", "text"),
    [
        pytest.param(
            lambda dz, x, w: (dz @ w.T, x.T @ dz, dz.mean(axis=0)),
            "b",
            "  db       (3,)            3 entries measured, error 5.0e-01\n"
            "    worst at [2]: backward says +0.501009, measured +1.00202",
            id="bias gradient averaged",
        ),
        pytest.param(
            lambda dz, x, w: (dz @ w, x.T @ dz, dz.sum(axis=0)),
            "x",
            "  dx       (2, 3)          6 entries measured, error 1.7e+00\n"
            "    worst at [0, 0]: backward says -1.02987, measured +1.47582",
            id="missing transpose, square weights",
        ),
        pytest.param(
            lambda dz, x, w: (dz @ w.T, x.T @ dz / len(x), dz.sum(axis=0)),
            "w",
            "  dw       (3, 3)          9 entries measured, error 5.0e-01\n"
            "    worst at [0, 1]: backward says -0.869556, measured -1.73911",
            id="a second 1/N",
        ),
        pytest.param(
            lambda dz, x, w: (dz @ w.T, x.T @ dz, dz.sum(axis=0, keepdims=True)),
            "b",
            "  db       (3,)            0 entries measured, but the gradient has shape (1, 3)",
            id="wrong shape",
        ),
        pytest.param(
            lambda dz, x, w: (dz @ w.T, x.T @ dz, None),
            "b",
            "  db       (3,)            0 entries measured, but there is no gradient",
            id="a gradient is None",
        ),
        pytest.param(
            lambda dz, x, w: (dz @ w.T, x.T @ dz, "db"),
            "b",
            "  db       (3,)            0 entries measured, but the gradient is of dtype <U2",
            id="a gradient is text",
        ),
        pytest.param(
            lambda dz, x, w: (dz @ w.T, x.T @ dz, [1j, 0, 0]),
            "b",
            "  db       (3,)            0 entries measured, but the gradient is of dtype "
            "complex128",
            id="a gradient is complex",
        ),
        pytest.param(
            lambda dz, x, w: (dz @ w.T, x.T @ dz, [[1], [2, 3]]),
            "b",
            "  db       (3,)            0 entries measured, but the gradient has rows of different "
            "lengths",
            id="a gradient is ragged",
        ),
        pytest.param(
            lambda dz, x, w: (dz @ w.T, x.T @ dz * np.array([1, 1, np.nan]), dz.sum(axis=0)),
            "w",
            "  dw       (3, 3)          9 entries measured, error inf\n"
            "    worst at [2, 2]: backward says +nan, measured -0.0413837",
            id="nan",
        ),
    ],
)
def test_planted_bugs_of_a_function(backward, wrong, text):
    report = nn.check_gradients(nn.linear, X, W, B, backward=backward)
    assert not report.passed
    expected = "\n".join(["linear: WRONG", *(RIGHT | {wrong: text}).values()])
    assert str(report) == expected


def test_a_gate_that_never_closes():
    report = nn.check_gradients(nn.relu, X, backward=lambda da, a: da * (a >= 0))
    assert str(report) == (
        "relu: WRONG\n"
        "  dz       (2, 3)          6 entries measured, error 5.6e-01\n"
        "    worst at [1, 2]: backward says +0.361595, measured +0"
    )
    assert report[0].worst == (1, 2)
    assert (report[0].checked, report[0].kinks) == (6, 0)


def test_a_loss_gradient_without_its_1_over_n():
    def cross_entropy(z, y):
        loss, dz = nn.softmax_cross_entropy(z, y)
        return loss, dz * len(y)

    assert str(nn.check_gradients(cross_entropy, X, [0, 2])) == (
        "cross_entropy: WRONG\n"
        "  dz       (2, 3)          6 entries measured, error 5.0e-01\n"
        "    worst at [1, 2]: backward says -0.983076, measured -0.491538"
    )


class AveragedBias(nn.Linear):
    def backward(self, d_out):
        dx = super().backward(d_out)
        self.grads["b"] = d_out.mean(axis=0)
        return dx


class OpenGate(nn.ReLU):
    def backward(self, d_out):
        return d_out * (np.maximum(self.cache, 0) >= 0)


class SavingLinear(nn.Linear):
    """Write into the upstream gradient, as if it were its own."""

    def backward(self, d_out):
        d_out *= 2
        return super().backward(d_out)


@pytest.mark.parametrize(
    ("kind", "wrong"), [(AveragedBias, {"b"}), (OpenGate, {"x"}), (SavingLinear, {"x", "w", "b"})]
)
def test_planted_bugs_of_a_layer(kind, wrong, rng):
    layer = kind() if kind is OpenGate else kind(3, 3, rng=rng)
    report = nn.check_gradients(layer, X)
    assert {row.argument for row in report if not row.error <= report.tolerance} == wrong
    assert str(report).startswith(f"{kind.__name__}: WRONG\n")


def test_planted_bugs_of_a_model(rng):
    layers = [nn.Linear(3, 4, rng=rng), OpenGate(), AveragedBias(4, 3, rng=rng)]
    report = nn.check_gradients(nn.Sequential(layers), X, [0, 2])
    # Above the gate only the bias is wrong, below it everything is.
    wrong = {row.argument for row in report if not row.error <= report.tolerance}
    assert wrong == {"x", "w1", "b1", "b2"}


def test_a_forward_that_returns_nan_is_wrong():
    report = nn.check_gradients(lambda z: z * np.nan, X, backward=lambda da, z: da)
    assert report[0].error == math.inf
    assert "measured +nan" in str(report)


def test_a_loss_that_jumps_to_infinity_is_wrong():
    report = nn.check_gradients(
        lambda z: (np.where(z > 1, np.inf, z).sum(), np.ones_like(z)), np.ones((1, 2))
    )
    assert report[0].error == math.inf
    assert "backward says +1, measured +inf" in str(report)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "returns None where a gradient is due; is a return missing?"),
        ({"x": X}, "returns a dict where a gradient is due, or a tuple of one for each argument"),
        ("dx", "returns a str where a gradient is due"),
        ({1}, "returns a set where a gradient is due"),
        (np.sin, "returns a ufunc where a gradient is due"),
        (X, "returns 1 gradient for the arguments x, w, b; return one for each, in a tuple"),
        ((X, W), "returns 2 gradients for the arguments x, w, b"),
        ([X, W], "returns 2 gradients for the arguments x, w, b"),
        ((X, W, B, B), "returns 4 gradients for the arguments x, w, b"),
        ((), "returns 0 gradients for the arguments x, w, b"),
    ],
)
def test_what_is_no_gradient_is_named(returned, message):
    with pytest.raises(TypeError) as caught:
        nn.check_gradients(nn.linear, X, W, B, backward=lambda dz, x, w: returned)
    assert str(caught.value).startswith(f"check_gradients: backward=<lambda> {message}")


def test_gradients_may_come_in_a_list():
    def backward(dz, x, w):
        return list(nn.linear_backward(dz, x, w))

    assert nn.check_gradients(nn.linear, X, W, B, backward=backward).passed


@pytest.mark.parametrize("returned", [None, {"x": 1}, (X, X, X)])
def test_a_loss_that_returns_no_gradient(returned):
    def loss(x, target):
        return (x - target).sum(), returned

    with pytest.raises(TypeError, match="check_gradients: target=loss returns "):
        nn.check_gradients(loss, X, X)


def test_a_gradient_that_a_layer_does_not_give():
    class Forgetful(nn.Linear):
        def backward(self, d_out):
            self.grads["w"] = self.cache.T @ d_out

    report = nn.check_gradients(Forgetful(3, 2, rng=np.random.default_rng(0)), X)
    assert [row.problem for row in report] == ["there is no gradient", "", ""]
    assert not report.passed


# --- check_gradients: which argument is which


def sig(x):
    return 1 / (1 + np.exp(-x))


def leaky(z, slope=0.01):
    return np.where(z > 0, z, slope * z)


class Squared:
    def __call__(self, x):
        return x * x


class SquaredBackward:
    def __call__(self, d_out, x):
        return 2 * d_out * x


@pytest.mark.parametrize(
    ("forward", "backward"),
    [
        (sig, lambda da, a: da * a * (1 - a)),
        (sig, lambda d_out, out: d_out * out * (1 - out)),
        (sig, lambda grad_y, y: grad_y * y * (1 - y)),
        (sig, lambda g, out, /: g * out * (1 - out)),
        (sig, lambda g, *, x: g * sig(x) * (1 - sig(x))),
        (sig, lambda dlog_p, x, log_p: dlog_p * log_p * (1 - log_p)),
        (np.tanh, lambda d_out, out: d_out * (1 - out * out)),
        (np.tanh, lambda d_out, x: d_out / np.cosh(x) ** 2),
        (Squared(), SquaredBackward()),
        (leaky, lambda da, z, slope: np.where(z > 0, da, slope * da)),
        (leaky, lambda da, z, slope=0.01: np.where(z > 0, da, slope * da)),
        (leaky, lambda da, z, *, sign=1: sign * np.where(z > 0, da, 0.01 * da)),
        (partial(leaky, slope=0.3), lambda da, z, slope: np.where(z > 0, da, slope * da)),
        (partial(leaky, slope=0.3), partial(nn.leaky_relu_backward, slope=0.3)),
        (partial(nn.linear, w=W, b=B), lambda dz, x, w: dz @ w.T),
        (lambda x: nn.linear(x, W, B), partial(lambda w, dz: dz @ w.T, W)),
        (lambda a: a * a, lambda d_out, a: 2 * d_out * a),
        (Squared(), SquaredBackward().__call__),
        (lambda z: nn.softmax(z), nn.softmax_backward),
    ],
)
def test_right_backwards_pass_and_wrong_ones_do_not(forward, backward):
    assert nn.check_gradients(forward, X, backward=backward).passed

    def wrong(*arguments, **named):
        return 1.01 * backward(*arguments, **named)

    wrong.__signature__ = inspect.signature(backward)
    assert not nn.check_gradients(forward, X, backward=wrong).passed


@pytest.mark.parametrize(
    ("forward", "backward", "message"),
    [
        (
            sig,
            nn.relu_backward,
            "backward=relu_backward asks for z, but sig has the arguments x and the result a or "
            "out; say which is meant, as in backward=lambda d_out, x: relu_backward(d_out, x)",
        ),
        (
            sig,
            lambda da, z: da,
            "backward=<lambda> asks for z, but sig has the arguments x and the result a or out; "
            "say which is meant, as in backward=lambda d_out, x: f(d_out, x)",
        ),
        (
            sig,
            lambda g, x, cache: g,
            "backward=<lambda> asks for cache, but sig has the arguments x and the result out; say "
            "which is meant, as in backward=lambda d_out, x, out: f(d_out, x, out)",
        ),
        (
            sig,
            lambda g, *, cache, scale=2: g,
            "backward=<lambda> asks for cache, but sig has the arguments x and the result out; say "
            "which is meant, as in backward=lambda d_out, x: f(d_out, cache=x)",
        ),
        (
            lambda a: a,
            lambda da, a: da,
            "a in backward=<lambda> may be the argument a of <lambda>, or its result, whose "
            "gradient is da; name the upstream gradient d_out to mean the argument, and take out "
            "to mean the result",
        ),
        (
            sig,
            lambda x, da: da,
            "the first parameter of backward=<lambda> is for the upstream gradient, but x is an "
            "argument of sig; name it d_out",
        ),
        (
            sig,
            lambda *arguments: arguments,
            "backward=<lambda> does not name all that it takes; wrap it, as in lambda d_out, x: "
            "f(d_out, x)",
        ),
        (
            sig,
            lambda da, **cache: da,
            "backward=<lambda> does not name all that it takes; wrap it, as in ",
        ),
        (sig, max, "backward=max does not name all that it takes; wrap it, as in "),
        (sig, lambda: X, "backward=<lambda> takes no upstream gradient; it comes first, as in "),
        (
            sig,
            lambda *, da: da,
            "backward=<lambda> takes no upstream gradient; it comes first, as in ",
        ),
        (
            leaky,
            lambda da, z, slope=0.3: da,
            "slope is 0.01 by default in leaky, but 0.3 in backward=<lambda>; give both the same, "
            "as in functools.partial(f, slope=...)",
        ),
        (
            lambda *arrays: X,
            lambda d, x: d,
            "target=<lambda> does not name its arguments; wrap it, as in",
        ),
        (
            nn.linear,
            nn.linear_backward,
            "target=linear also needs w and b; give all its arguments in ",
        ),
        (lambda x, *, scale: x, lambda d, x: d, "target=<lambda> also needs scale; give all its "),
        (
            lambda x: (x, x),
            lambda d, x: d,
            "target=<lambda> returns a tuple, but one array of numbers is",
        ),
        (
            lambda x: None,
            lambda d, x: d,
            "target=<lambda> returns a NoneType, but one array of numbers",
        ),
        (
            lambda x: {"x": x},
            lambda d, x: d,
            "target=<lambda> returns a dict, but one array of numbers",
        ),
        (nn.ReLU, lambda d, x: d, "target is the class ReLU; give an object"),
        (
            nn.ReLU(),
            lambda d, x: d,
            "target is a ReLU, which has its own backward; leave backward out",
        ),
    ],
)
def test_names_that_say_nothing_are_refused(forward, backward, message):
    with pytest.raises(TypeError) as caught:
        nn.check_gradients(forward, X, backward=backward)
    assert str(caught.value).startswith(f"check_gradients: {message}")


def test_a_setting_given_as_an_argument_needs_its_gradient_or_is_bound():
    with pytest.raises(TypeError, match=r"returns 1 gradient for the arguments z, slope; "):
        nn.check_gradients(nn.leaky_relu, X, 0.1, backward=nn.leaky_relu_backward)


def test_a_loss_that_has_no_name():
    class Half:
        def __call__(self, x):
            return x

    with pytest.raises(
        TypeError, match="check_gradients: target=Half returns no loss and gradient"
    ):
        nn.check_gradients(Half(), X)


# --- check_gradients: kinks


def test_kinks_are_left_out_and_counted():
    z = np.array([[0.0, 1.0, -1.0, 1e-9, 1e-7]])  # the last is seen from near by
    assert str(nn.check_gradients(nn.relu, z, backward=nn.relu_backward)) == (
        "relu: passed\n"
        "  dz       (1, 5)          3 entries measured, 2 left out at a kink, error at most 1e-06"
    )


def test_kinks_hide_no_mistake_elsewhere():
    z = np.array([[0.0, 1.0, -1.0]])
    report = nn.check_gradients(nn.relu, z, backward=lambda da, z: da)
    assert (report[0].checked, report[0].kinks, report[0].worst) == (2, 1, (0, 2))
    assert not report.passed


@pytest.mark.parametrize(
    ("z", "text"),
    [
        (
            np.zeros((2, 3)),
            "  dz       (2, 3)          0 entries measured, 6 left out at a kink, "
            "so there is nothing to compare",
        ),
        (
            np.zeros((0, 3)),
            "  dz       (0, 3)          0 entries measured, so there is nothing to compare",
        ),
    ],
)
def test_nothing_measured_is_no_pass(z, text):
    report = nn.check_gradients(nn.relu, z, backward=nn.relu_backward)
    assert not report.passed
    assert str(report) == f"relu: not checked\n{text}"


def test_a_kink_inside_a_model():
    model = nn.mlp([3, 4, 3], rng=np.random.default_rng(1))
    model.params["w1"][:, 1] = 0  # the second hidden unit sits at zero for every input
    report = nn.check_gradients(model, X, [0, 2])
    kinks = {row.argument: row.kinks for row in report}
    assert kinks == {"x": 0, "w1": 3, "b1": 1, "w2": 0, "b2": 0}
    assert report.passed


# --- check_gradients: which entries, and what is left unchanged


def test_entries_are_a_sample():
    report = nn.check_gradients(nn.relu, np.ones((30, 40)), backward=nn.relu_backward)
    assert report[0].checked == 40
    report = nn.check_gradients(nn.relu, np.ones((30, 40)), backward=nn.relu_backward, entries=7)
    assert report[0].checked == 7


def test_entries_are_drawn_from_rng():
    def wrong(da, z):
        return da + np.arange(z.size).reshape(z.shape)

    def worst(**settings):
        z = np.ones((30, 40))
        return nn.check_gradients(nn.relu, z, backward=wrong, entries=3, **settings)[0].worst

    assert worst() == worst() == worst(rng=np.random.default_rng(0))
    assert len({worst(rng=np.random.default_rng(seed)) for seed in range(10)}) > 5


@pytest.mark.parametrize(
    "spoiled",
    [
        np.s_[:, 64:],  # half of the units
        np.s_[:, 5],  # one unit
        np.s_[3],  # one row
        np.s_[17, 100],  # one entry of 10,000
    ],
)
@pytest.mark.parametrize("value", [0, 1, np.nan, np.inf])
def test_a_part_that_is_wrong_is_found_wherever_it_is(spoiled, value, rng):
    w = rng.standard_normal((80, 128))

    def forward(w):
        return np.tanh(0.1 * w)

    def backward(d_out, w):
        dw = 0.1 * d_out / np.cosh(0.1 * w) ** 2
        dw[spoiled] = value
        return dw

    report = nn.check_gradients(forward, w, backward=backward)
    assert not report.passed
    where = np.zeros(w.shape, bool)
    where[spoiled] = True
    assert where[report[0].worst]
    assert report[0].checked in (40, 41)


def test_a_slope_where_the_backward_says_zero_is_found(rng):
    """A sample of the nonzero entries would never look at the half that is missing."""

    class Halved(nn.Linear):
        def backward(self, d_out):
            dx = super().backward(d_out)
            self.grads["w"][:, ::2] = 0
            return dx

    model = nn.Sequential([Halved(30, 8, rng=rng), nn.ReLU(), nn.Linear(8, 3, rng=rng)])
    report = nn.check_gradients(model, rng.standard_normal((6, 30)), rng.integers(0, 3, 6))
    wrong = {row.argument for row in report if not row.error <= report.tolerance}
    assert wrong == {"w1"}


def test_every_entry_is_measured_once():
    for k in range(6):
        wrong = np.zeros((2, 3))
        wrong.flat[k] = 1
        report = nn.check_gradients(
            nn.relu, np.ones((2, 3)), backward=lambda da, z, w=wrong: da + w
        )
        assert report[0].worst == (k // 3, k % 3)


def test_tolerance():
    def backward(da, z):
        return da * 1.001

    passed = [
        nn.check_gradients(nn.relu, np.ones((2, 3)), backward=backward, tolerance=t).passed
        for t in (1e-2, 1e-4)
    ]
    assert passed == [True, False]


def test_an_error_equal_to_the_tolerance_passes():
    row = nn.check_gradients(nn.relu, X, backward=nn.relu_backward)[0]._replace(error=0.5)
    report = nn.GradientReport("relu", 0.5, [row])
    assert report.passed
    assert str(report).startswith("relu: passed\n")
    assert "error at most 5e-01" in str(report)


def test_what_is_within_the_tolerance_is_not_wrong_beside_what_was_not_measured():
    measured = nn.gradient_check.GradientRow("x", (1,), 1, 0, 0.5, (0,), 1.0, 2.0)
    nothing = nn.gradient_check.GradientRow("w", (1,), 0, 1, math.nan, None, math.nan, math.nan)
    report = nn.GradientReport("f", 0.5, [measured, nothing])
    assert not report.passed
    assert str(report).startswith("f: not checked\n")


@pytest.mark.parametrize(
    "returned",
    [
        lambda x: x[0],  # one row
        lambda x: x,
        lambda x: x.sum(),
        lambda x: (x.sum(),),
        lambda x: (x.sum(), x, x),
        lambda x: (x[0], x),
        lambda x: [x.sum(), x],
    ],
)
def test_a_loss_and_its_gradient_are_two_things_the_first_a_number(returned):
    def target(x):
        return returned(x)

    with pytest.raises(TypeError) as caught:
        nn.check_gradients(target, np.ones((2, 3)))
    words = "check_gradients: target=target returns no loss and gradient;"
    assert str(caught.value).startswith(words)


def test_rows_of_gradients_without_a_measurement():
    wrong = nn.check_gradients(nn.relu, np.ones((2, 3)), backward=lambda da, z: da.T)
    problem = "the gradient has shape (3, 2)"
    assert repr(tuple(wrong[0])) == f"('z', (2, 3), 0, 0, inf, None, nan, nan, {problem!r})"
    kinks = nn.check_gradients(nn.relu, np.zeros((2, 3)), backward=nn.relu_backward)
    assert repr(tuple(kinks[0])) == "('z', (2, 3), 0, 6, nan, None, nan, nan, '')"


def test_a_kink_is_small_or_large_beside_the_largest_entry():
    def beside_a_large_one(x):
        return 1e6 * x[0] + 1e-3 * abs(x[1]), np.array([1e6, 0.0])

    (row,) = nn.check_gradients(beside_a_large_one, np.zeros(2))
    assert (row.checked, row.kinks, row.error < 1e-6) == (2, 0, True)

    def by_itself(x):
        return 1e-7 * abs(x[0]), np.zeros(1)

    (row,) = nn.check_gradients(by_itself, np.zeros(1))
    assert (row.checked, row.kinks) == (0, 1)


def test_rows_of_different_lengths_are_named():
    with pytest.raises(TypeError, match=r"^check_gradients: arguments\[0\] must be an array of"):
        nn.check_gradients(nn.relu, [[1], [1, 2]])


def test_nan_gives_no_warning():
    report = nn.check_gradients(nn.relu, [[math.inf, math.nan]], backward=nn.relu_backward)
    assert not report.passed


def test_arguments_are_not_changed():
    def greedy(z):
        z *= z
        return z

    def greedy_backward(da, z):
        da *= 2
        da *= z
        z += 5
        return da

    z = X.copy()
    z.flags.writeable = False
    assert nn.check_gradients(greedy, z, backward=greedy_backward).passed
    np.testing.assert_array_equal(z, X)

    def greedy_loss(z, y):
        z -= 1
        y += 1
        return (z * y).sum(), y

    y = np.array([[1, 2, 3]] * 2)
    assert nn.check_gradients(greedy_loss, X, y).passed
    assert y.tolist() == [[1, 2, 3]] * 2


class NoisyLayer(nn.Layer):
    """Multiply by random numbers, as dropout does, and count the calls."""

    def __init__(self, rng):
        super().__init__()
        self.rng = rng
        self.calls = 0

    def forward(self, x, training=False):
        self.calls += 1
        self.mask = self.rng.uniform(0.5, 2, x.shape) if training else 1
        return x * self.mask

    def backward(self, d_out):
        return d_out * self.mask


def test_layers_and_models_are_not_changed(rng):
    layers = [
        nn.Linear(3, 4, rng=rng),
        nn.ReLU(),
        NoisyLayer(rng),
        nn.Tanh(),
        nn.Linear(4, 3, rng=rng),
    ]
    model = nn.Sequential(layers)
    x = X.astype(np.float32)
    model.backward(nn.softmax_cross_entropy(model.forward(x, training=True), [0, 1])[1])
    arrays = [*model.params.values(), *model.grads.values()]
    before = pickle.dumps(model)  # parameters, gradients, remembered input, random state

    assert nn.check_gradients(model, X, [0, 2]).passed
    for layer in (layers[0], layers[1], layers[3]):
        assert nn.check_gradients(layer, X).passed
    assert nn.check_gradients(layers[2], X).passed  # the same mask for every measurement

    assert pickle.dumps(model) == before
    after = [*model.params.values(), *model.grads.values()]
    assert all(a is b for a, b in zip(arrays, after, strict=True))
    assert model.params["w1"].dtype == np.float32
    assert layers[0].cache is x


# --- check_gradients: what it refuses


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "message"),
    [
        (
            (nn.relu, X),
            {},
            TypeError,
            "target=relu returns no loss and gradient; name its backward, as in "
            "check_gradients(relu, z, backward=relu_backward)",
        ),
        (
            (nn.relu, [[1, -2]]),
            {"backward": nn.relu_backward},
            ValueError,
            "no argument holds floats, so there is no gradient to check; integers are labels: "
            "write 1.0 for 1",
        ),
        ((nn.relu, X), {"entries": 0}, ValueError, "entries must be at least 1, got 0"),
        ((nn.relu, X), {"entries": 1.5}, TypeError, "entries must be an integer, got float"),
        ((nn.relu, X), {"tolerance": 0}, ValueError, "tolerance must be positive, got 0"),
        ((nn.relu, X), {"tolerance": math.nan}, ValueError, "tolerance must be positive, got nan"),
        ((nn.relu, X), {"tolerance": math.inf}, ValueError, "tolerance must be positive, got inf"),
        ((nn.relu, X), {"tolerance": "a"}, TypeError, "tolerance must be a number, got str"),
        (
            (nn.relu, X),
            {"rng": 0},
            TypeError,
            "rng must be a numpy.random.Generator such as np.random.default_rng(0), got int",
        ),
        ((5, X), {}, TypeError, "target must be a function or a model, got 5"),
        ((nn.relu, X), {"backward": 5}, TypeError, "backward must be a function, got 5"),
        ((nn.relu,), {}, TypeError, "arguments are missing; name what the target takes"),
        (
            (nn.linear, X, "w"),
            {"backward": nn.linear_backward},
            TypeError,
            "arguments[1] must hold real numbers, got dtype <U1",
        ),
        (
            (nn.relu, nn.relu_backward, X),
            {},
            TypeError,
            "arguments[0] is a function; is it meant as backward=relu_backward?",
        ),
        (
            (nn.relu, [[1j]]),
            {},
            TypeError,
            "arguments[0] must hold real numbers, got dtype complex128",
        ),
        ((nn.relu, X, X), {}, TypeError, "target=relu takes 1 arguments, but 2 were given"),
        (
            (max, X),
            {},
            TypeError,
            "target=max does not name its arguments; wrap it, as in lambda x, w: f(x, w)",
        ),
        (
            (nn.ReLU(), X, [0], X),
            {},
            TypeError,
            "target is a ReLU, which takes x, or x and the labels y, but 3 arguments were given",
        ),
    ],
)
def test_what_check_gradients_refuses(arguments, settings, error, message):
    with pytest.raises(error) as caught:
        nn.check_gradients(*arguments, **settings)
    assert str(caught.value) == f"check_gradients: {message}"


def test_a_layer_that_writes_into_its_weights_disturbs_no_other_measurement(rng):
    class Doubling(nn.Layer):
        def __init__(self):
            self.params = {"w": rng.normal(size=(3, 2))}

        def forward(self, x, training=False):
            self.cache = x
            self.params["w"] *= 2  # in place: the layer is x @ (2 w)
            return x @ self.params["w"]

        def backward(self, d_out):
            self.grads = {"w": 2 * self.cache.T @ d_out}
            return d_out @ self.params["w"].T

    layer = Doubling()
    before = layer.params["w"].copy()
    assert nn.check_gradients(layer, rng.normal(size=(4, 3)), rng=rng).passed
    np.testing.assert_array_equal(layer.params["w"], before)


class Aliased(nn.Linear):
    """A layer that keeps its weights under a name of its own too, and goes by that."""

    def __init__(self):
        super().__init__(3, 2, rng=np.random.default_rng(0))
        self.weights = self.params["w"]

    def forward(self, x, training=False):
        self.cache = x
        return x @ self.weights + self.params["b"]


def test_a_layer_that_names_its_weights_twice_is_measured():
    layer = Aliased()
    report = nn.check_gradients(layer, np.random.default_rng(1).normal(size=(4, 3)))
    assert report.passed, report
    assert layer.weights is layer.params["w"]


def test_a_difference_that_overflows_is_no_warning():
    def leaps(x):
        return 1.7e308 * np.sign(x)

    zero = np.zeros(1)
    assert not np.isfinite(nn.numerical_gradient(lambda x: leaps(x).sum(), zero)).any()
    assert nn.check_gradients(leaps, zero, backward=lambda d, x: 0 * d)


def test_what_a_function_warns_of_is_shown():
    def grows(x):
        return np.exp(x)

    large = np.array([800.0])
    with pytest.warns(RuntimeWarning, match="overflow"):
        nn.check_gradients(grows, large, backward=lambda d, x: 0 * d)


class Single(nn.ReLU):
    """Computes in float32 whatever it is given."""

    def __init__(self, times=1):
        super().__init__()
        self.times = times

    def forward(self, x, training=False):
        return super().forward(x, training).astype(np.float32)

    def backward(self, d_out, *, need_dx=True):
        return self.times * super().backward(d_out)


@pytest.mark.parametrize("seed", range(6))
def test_float32_inside_is_told_and_not_called_wrong(seed):
    x = np.random.default_rng(seed).normal(size=(4, 5))
    report = nn.check_gradients(Single(), x)
    assert report.passed, report
    assert "only to within" in str(report)
    assert not nn.check_gradients(Single(times=2), x).passed


def test_float32_that_no_dtype_shows_is_told_too():
    def forward(x):
        return np.tanh(x.astype(np.float32)).astype(x.dtype)

    x = np.random.default_rng(0).normal(size=(4, 5))
    right = nn.check_gradients(forward, x, backward=lambda d_out, out: d_out * (1 - out * out))
    assert right.passed
    assert "as if something in it computed in float32" in str(right)
    wrong = nn.check_gradients(forward, x, backward=lambda d_out, out: d_out * (1 - out))
    assert str(wrong).startswith("forward: WRONG\n")


def test_float16_is_too_rough_to_tell():
    def forward(x):
        return np.tanh(x).astype(np.float16).astype(x.dtype)

    x = np.random.default_rng(0).normal(size=(4, 5))
    report = nn.check_gradients(forward, x, backward=lambda d_out, x: d_out / np.cosh(x) ** 2)
    assert str(report).startswith("forward: not checked\n")
    assert "but too roughly to tell" in str(report)


@pytest.mark.parametrize("steepness", [1, 10, 100])
def test_a_steep_curve_is_not_taken_for_float32(steepness):
    def backward(da, a):
        return 1.0001 * steepness * da * (1 - a * a)

    z = np.random.default_rng(0).normal(size=(5, 4)) / steepness
    report = nn.check_gradients(lambda z: np.tanh(steepness * z), z, backward=backward)
    assert report[0].error == pytest.approx(1e-4, rel=0.01)


@pytest.mark.parametrize("wrong", [lambda dz: dz.mean(axis=0), lambda dz: 0 * dz.sum(axis=0)])
def test_rounding_that_hides_the_slopes_is_no_pass(wrong, rng):
    x = 1.7e9 + rng.normal(size=(6, 3))  # as times in seconds since 1970 are
    w, b = rng.normal(size=(3, 2)), rng.normal(size=2)

    def backward(dz, x, w):
        dx, dw, _ = nn.linear_backward(dz, x, w)
        return dx, dw, wrong(dz)

    report = nn.check_gradients(nn.linear, x, w, b, backward=backward)
    assert not report.passed
    assert "too roughly to tell, since rounding is larger than the slopes" in str(report)


def test_saturated_units_pass(rng):
    z = 40 + rng.random((3, 2))
    assert nn.check_gradients(nn.Sigmoid(), z).passed


def test_a_parameter_that_is_called_as_the_input_is(rng):
    class Scale(nn.Layer):
        def __init__(self):
            self.params, self.grads = {"x": np.ones(3)}, {"x": np.zeros(3)}

    with pytest.raises(ValueError, match="Scale has a parameter called x"):
        nn.check_gradients(Scale(), rng.random((4, 3)))
