"""The losses and their gradients, against formulas, numbers, SciPy and scikit-learn."""

import numpy as np
import pytest
import scipy.special
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

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


@pytest.mark.parametrize("n", [1, 5])
def test_cross_entropy_agrees_with_the_others(n, rng):
    z, y = batch("softmax_cross_entropy", n, rng)
    loss, dz = nn.softmax_cross_entropy(z, y)
    p = scipy.special.softmax(z, axis=1)
    np.testing.assert_allclose(loss, log_loss(y, p, labels=range(C)), rtol=1e-12)
    np.testing.assert_allclose(dz, (p - np.eye(C)[y]) / n, rtol=1e-12)


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
            "softmax_cross_entropy: y is empty; at least one example is needed",
        ),
        (
            lambda: nn.mean_squared_error(np.zeros((0, 3)), np.zeros((0, 3))),
            "mean_squared_error: a has shape (0, 3); it must not be empty",
        ),
    ],
)
def test_empty_batches(loss, message):
    with pytest.raises(ValueError) as caught:
        loss()
    assert str(caught.value) == message


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_gradients_of_a_network_agree_with_scikit_learn(activation, rng):
    # One step of plain SGD with learning rate 1 moves the weights by the gradient.
    x, y = rng.standard_normal((7, 5)), rng.integers(0, C, 7)
    peer = MLPClassifier(
        (6,),
        activation={"sigmoid": "logistic"}.get(activation, activation),
        solver="sgd",
        alpha=0,
        batch_size=7,
        learning_rate_init=1,
        momentum=0,
        random_state=0,
    )
    peer.partial_fit(x, y, classes=range(C))
    before = [array.copy() for array in (*peer.coefs_, *peer.intercepts_)]
    peer.partial_fit(x, y)
    after = [*peer.coefs_, *peer.intercepts_]

    w1, w2, b1, b2 = before
    forward, backward = getattr(nn, activation), getattr(nn, f"{activation}_backward")
    z1 = nn.linear(x, w1, b1)
    a1 = forward(z1)
    loss, dz2 = nn.softmax_cross_entropy(nn.linear(a1, w2, b2), y)
    da1, dw2, db2 = nn.linear_backward(dz2, a1, w2)
    dz1 = backward(da1, z1 if activation == "relu" else a1)
    _, dw1, db1 = nn.linear_backward(dz1, x, w1)

    np.testing.assert_allclose(loss, peer.loss_, rtol=1e-10)
    for gradient, old, new in zip((dw1, dw2, db1, db2), before, after, strict=True):
        assert np.abs(gradient).max() > 1e-3
        np.testing.assert_allclose(gradient, old - new, rtol=1e-10, atol=1e-14)


def test_no_classes():
    message = r"softmax_cross_entropy: z has shape \(2, 0\); it needs at least one class"
    with pytest.raises(ValueError, match=message):
        nn.softmax_cross_entropy(np.zeros((2, 0)), np.zeros(2, int))
