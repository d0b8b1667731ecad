"""The losses and their gradients, against differences, formulas and numbers."""

import numpy as np
import pytest
import scipy.special

import nnfromscratch as nn

C = 4


def batch(name, n, rng, dtype=np.float64):
    """Outputs of a network and what they should have been."""
    a = rng.standard_normal((n, C)).astype(dtype)
    if name == "softmax_cross_entropy":
        return a, rng.integers(0, C, n)
    return a, rng.standard_normal((n, C)).astype(dtype)


every_loss = pytest.mark.parametrize("name", ["softmax_cross_entropy", "mean_squared_error"])


@every_loss
@pytest.mark.parametrize("n", [1, 5])
def test_gradient_is_the_derivative(name, n, rng, central_difference, complex_step, assert_close):
    loss = getattr(nn, name)
    a, target = batch(name, n, rng)
    _, gradient = loss(a, target)
    assert_close(gradient, central_difference(lambda: loss(a, target)[0], a), 1e-7)
    assert_close(gradient, complex_step(lambda a: loss(a, target)[0], [a], 0), 1e-13)


def test_mean_squared_error_by_hand():
    loss, da = nn.mean_squared_error([[1, 2, 3], [4, 5, 6]], [[1, 2, 3], [4, 4, 3]])
    assert loss == 10 / 6
    np.testing.assert_array_equal(da, np.array([[0, 0, 0], [0, 1, 3]]) / 3)


def test_untrained_loss_is_the_logarithm_of_the_classes():
    loss, _ = nn.softmax_cross_entropy(np.zeros((7, 10)), np.arange(7))
    np.testing.assert_allclose(loss, np.log(10), rtol=1e-15)


@every_loss
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_is_kept(name, dtype, rng):
    loss, gradient = getattr(nn, name)(*batch(name, 5, rng, dtype))
    assert loss.dtype == gradient.dtype == dtype


@every_loss
def test_arguments_are_not_changed(name, rng):
    arguments = batch(name, 5, rng)
    copies = [argument.copy() for argument in arguments]
    for argument in arguments:
        argument.flags.writeable = False
    getattr(nn, name)(*arguments)
    for argument, copy in zip(arguments, copies, strict=True):
        np.testing.assert_array_equal(argument, copy)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("z", "y", "expected_loss", "expected_dz"),
    [
        ([1e4, -1e4, 0], 0, 0, [0, 0, 0]),
        ([1e4, -1e4, 0], 1, 2e4, [1, -1, 0]),
        ([-1e4, -1e4, -1e4], 2, np.log(3), [1 / 3, 1 / 3, -2 / 3]),
        ([-np.inf, 0, 0], 1, np.log(2), [0, -0.5, 0.5]),
        ([-np.inf, 0, 0], 0, np.inf, [-1, 0.5, 0.5]),
        ([np.inf, 0, 0], 0, np.nan, [np.nan] * 3),
        ([np.nan, 0, 0], 1, np.nan, [np.nan] * 3),
    ],
)
def test_extreme_logits_without_a_warning(z, y, expected_loss, expected_dz, dtype):
    loss, dz = nn.softmax_cross_entropy(np.array([z], dtype), [y])
    assert dz.dtype == dtype
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-6)
    np.testing.assert_allclose(dz, [expected_dz], rtol=1e-6)


def test_squared_overflow_is_infinite_without_a_warning():
    loss, _ = nn.mean_squared_error(np.array([[1e30]], np.float32), np.array([[0]], np.float32))
    assert loss == np.inf


@pytest.mark.parametrize("y_type", [np.uint8, np.int8, np.int64, np.uint64, list])
def test_labels_of_every_integer_type(y_type):
    y = [0, 3, 1] if y_type is list else np.array([0, 3, 1], y_type)
    z = np.arange(12.0).reshape(3, 4)
    loss, _ = nn.softmax_cross_entropy(z, y)
    np.testing.assert_allclose(loss, -scipy.special.log_softmax(z, 1)[[0, 1, 2], [0, 3, 1]].mean())


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        ([0, 1, 3], ValueError, "y must hold labels from 0 to 2, got 3 at index 2"),
        ([0, -1, 7], ValueError, "y must hold labels from 0 to 2, got -1 at index 1"),
        ([0.0, 1.0, 2.0], TypeError, "y must hold integer labels, got dtype float64"),
        ([True, False, True], TypeError, "y must hold integer labels, got dtype bool"),
    ],
)
def test_labels_that_are_none(y, error, message):
    with pytest.raises(error) as caught:
        nn.softmax_cross_entropy(np.zeros((3, 3)), y)
    assert str(caught.value) == f"softmax_cross_entropy: {message}"


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (
            lambda: nn.softmax_cross_entropy(np.zeros((0, 3)), np.zeros(0, int)),
            "softmax_cross_entropy: z has shape (0, 3); at least one example is needed",
        ),
        (
            lambda: nn.mean_squared_error(np.zeros((0, 3)), np.zeros((0, 3))),
            "mean_squared_error: a has shape (0, 3); at least one example is needed",
        ),
    ],
)
def test_empty_batches(loss, message):
    with pytest.raises(ValueError) as caught:
        loss()
    assert str(caught.value) == message


def test_no_classes():
    message = r"softmax_cross_entropy: z has shape \(2, 0\); at least one class is needed"
    with pytest.raises(ValueError, match=message):
        nn.softmax_cross_entropy(np.zeros((2, 0)), np.zeros(2, int))


def test_a_mean_that_overflows_is_infinite_without_a_warning():
    # Each row's loss is 3e38, which float32 can hold; the sum of two is more than it can.
    z = np.array([[0, 3e38], [0, 3e38]], np.float32)
    loss, dz = nn.softmax_cross_entropy(z, [0, 0])
    assert loss == np.inf
    np.testing.assert_array_equal(dz, [[-0.5, 0.5]] * 2)


@every_loss
def test_errors_name_the_loss_and_the_argument(name):
    names = "z y" if name == "softmax_cross_entropy" else "a target"
    for wrong in names.split():
        arguments = dict(zip(names.split(), batch(name, 2, np.random.default_rng(0)), strict=True))
        arguments[wrong] = [["a"] * C] * 2 if wrong != "y" else ["a", "b"]
        with pytest.raises(TypeError, match=f"^{name}: {wrong} must .*, got dtype <U1$"):
            getattr(nn, name)(**arguments)
