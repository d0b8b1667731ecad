"""The messages of the checks at the door, word by word."""

from fractions import Fraction

import numpy as np
import pytest

import nnfromscratch as nn
from nnfromscratch.shapes import (
    check_float_dtype,
    check_instance,
    check_number,
    check_positive_integer,
    check_rng,
)

X, W, B = np.ones((32, 784)), np.ones((784, 10)), np.ones(10)
P = np.ones((4, 3))
Y = np.zeros(4, int)


def ones(*shape):
    return np.ones(shape)


CASES = {
    # linear: each argument
    "w transposed": (
        lambda: nn.linear(X, W.T, B),
        "linear: w has shape (10, 784) but (D, K) = (784, K) is needed to multiply x (32, 784); "
        "did you mean w.T?",
    ),
    "w of another layer": (
        lambda: nn.linear(X, ones(300, 10), B),
        "linear: w has shape (300, 10) but (D, K) = (784, K) is needed to multiply x (32, 784)",
    ),
    "one output as a row of weights": (
        lambda: nn.linear(X, ones(784), ones(1)),
        "linear: w has shape (784,) but (D, K) = (784, K) is needed to multiply x (32, 784); "
        "did you mean w[:, np.newaxis]?",
    ),
    "examples in columns": (
        lambda: nn.linear(X.T, W, B),
        "linear: w has shape (784, 10) but (D, K) = (32, K) is needed to multiply x (784, 32)",
    ),
    "one example without its batch axis": (
        lambda: nn.linear(X[0], W, B),
        "linear: x has shape (784,) but (N, D) is needed; "
        "did you mean x[np.newaxis, :], a batch of one?",
    ),
    "images not flattened": (
        lambda: nn.linear(X.reshape(32, 28, 28), W, B),
        "linear: x has shape (32, 28, 28) but (N, D) is needed; "
        "did you mean x.reshape(len(x), -1)?",
    ),
    "a number for a batch": (
        lambda: nn.linear(1.0, W, B),
        "linear: x has shape () but (N, D) is needed",
    ),
    "bias as a column": (
        lambda: nn.linear(X, W, ones(10, 1)),
        "linear: b has shape (10, 1) but (K,) = (10,) is needed to match w (784, 10); "
        "did you mean b.reshape(-1)?",
    ),
    "bias as a row": (
        lambda: nn.linear(X, W, ones(1, 10)),
        "linear: b has shape (1, 10) but (K,) = (10,) is needed to match w (784, 10); "
        "did you mean b.reshape(-1)?",
    ),
    "bias of another layer": (
        lambda: nn.linear(X, W, ones(9)),
        "linear: b has shape (9,) but (K,) = (10,) is needed to match w (784, 10)",
    ),
    # the backwards
    "upstream gradient transposed": (
        lambda: nn.linear_backward(ones(10, 32), X, W),
        "linear_backward: dz has shape (10, 32) but (N, K) = (32, 10) is needed to match "
        "x (32, 784) and w (784, 10); did you mean dz.T?",
    ),
    "upstream gradient of one example": (
        lambda: nn.linear_backward(ones(10), X[:1], W),
        "linear_backward: dz has shape (10,) but (N, K) = (1, 10) is needed to match "
        "x (1, 784) and w (784, 10); did you mean dz[np.newaxis, :], a batch of one?",
    ),
    "upstream gradient of another batch": (
        lambda: nn.linear_backward(ones(31, 10), X, W),
        "linear_backward: dz has shape (31, 10) but (N, K) = (32, 10) is needed to match "
        "x (32, 784) and w (784, 10)",
    ),
    "weights transposed in the backward": (
        lambda: nn.linear_backward(ones(32, 10), X, W.T),
        "linear_backward: w has shape (10, 784) but (D, K) = (784, K) is needed to multiply "
        "x (32, 784); did you mean w.T?",
    ),
    "relu's gradient transposed": (
        lambda: nn.relu_backward(P.T, P),
        "relu_backward: da has shape (3, 4) but (4, 3) is needed to match z (4, 3); "
        "did you mean da.T?",
    ),
    "relu's gradient as a column": (
        lambda: nn.relu_backward(ones(4, 1), ones(4)),
        "relu_backward: da has shape (4, 1) but (4,) is needed to match z (4,); "
        "did you mean da.reshape(-1)?",
    ),
    "sigmoid's gradient of another layer": (
        lambda: nn.sigmoid_backward(ones(4, 5), P),
        "sigmoid_backward: da has shape (4, 5) but (4, 3) is needed to match a (4, 3)",
    ),
    "tanh's gradient not flattened": (
        lambda: nn.tanh_backward(ones(4, 3, 1), P),
        "tanh_backward: da has shape (4, 3, 1) but (4, 3) is needed to match a (4, 3); "
        "did you mean da.reshape(len(da), -1)?",
    ),
    "softmax of one example": (
        lambda: nn.softmax(P[0]),
        "softmax: z has shape (3,) but (N, C) is needed; "
        "did you mean z[np.newaxis, :], a batch of one?",
    ),
    "log_softmax of one example": (
        lambda: nn.log_softmax(P[0]),
        "log_softmax: z has shape (3,) but (N, C) is needed; "
        "did you mean z[np.newaxis, :], a batch of one?",
    ),
    "softmax's gradient transposed": (
        lambda: nn.softmax_backward(P.T, P),
        "softmax_backward: dp has shape (3, 4) but (N, C) = (4, 3) is needed to match p (4, 3); "
        "did you mean dp.T?",
    ),
    "log_softmax's gradient transposed": (
        lambda: nn.log_softmax_backward(P.T, P),
        "log_softmax_backward: dlog_p has shape (3, 4) but (N, C) = (4, 3) is needed to match "
        "log_p (4, 3); did you mean dlog_p.T?",
    ),
    # the losses
    "logits of one example": (
        lambda: nn.softmax_cross_entropy(P[0], Y[:1]),
        "softmax_cross_entropy: z has shape (3,) but (N, C) is needed; "
        "did you mean z[np.newaxis, :], a batch of one?",
    ),
    "labels as a column": (
        lambda: nn.softmax_cross_entropy(P, Y[:, np.newaxis]),
        "softmax_cross_entropy: y has shape (4, 1) but (N,) = (4,) is needed; "
        "did you mean y[:, 0]?",
    ),
    "one-hot labels": (
        lambda: nn.softmax_cross_entropy(P, P),
        "softmax_cross_entropy: y has shape (4, 3) but (N,) = (4,) is needed: "
        "integer labels, not one-hot rows; did you mean y.argmax(axis=1)?",
    ),
    "labels of another batch": (
        lambda: nn.softmax_cross_entropy(P, Y[1:]),
        "softmax_cross_entropy: y has shape (3,) but (N,) = (4,) is needed",
    ),
    "a single label for a batch": (
        lambda: nn.softmax_cross_entropy(P, 0),
        "softmax_cross_entropy: y has shape () but (N,) = (4,) is needed",
    ),
    "target without its second axis": (
        lambda: nn.mean_squared_error(ones(4, 1), ones(4)),
        "mean_squared_error: target has shape (4,) but (N, K) = (4, 1) is needed to match "
        "a (4, 1); did you mean target[:, np.newaxis]?",
    ),
    "target transposed": (
        lambda: nn.mean_squared_error(P, P.T),
        "mean_squared_error: target has shape (3, 4) but (N, K) = (4, 3) is needed to match "
        "a (4, 3); did you mean target.T?",
    ),
    "labels as a column, for rows": (
        lambda: nn.one_hot(Y[:, np.newaxis], 3),
        "one_hot: y has shape (4, 1) but (N,) is needed; did you mean y[:, 0]?",
    ),
    "one-hot rows, again": (
        lambda: nn.one_hot(np.eye(3, dtype=int), 3),
        "one_hot: y has shape (3, 3) but (N,) is needed",
    ),
    # check_shape, as lessons use it
    "gradient transposed": (
        lambda: nn.check_shape("dw1", ones(128, 784), (784, 128)),
        "dw1 has shape (128, 784) but (784, 128) is needed; did you mean dw1.T?",
    ),
    "bias gradient as a column": (
        lambda: nn.check_shape("db1", ones(128, 1), (128,)),
        "db1 has shape (128, 1) but (128,) is needed; did you mean db1.reshape(-1)?",
    ),
    "bias gradient of the other layer": (
        lambda: nn.check_shape("db1", ones(10, 1), (128,)),
        "db1 has shape (10, 1) but (128,) is needed",
    ),
    "a list for the expected shape": (
        lambda: nn.check_shape("x", ones(784), [1, 784]),
        "x has shape (784,) but (1, 784) is needed; did you mean x[np.newaxis, :], a batch of one?",
    ),
}


@pytest.mark.parametrize(("call", "message"), CASES.values(), ids=CASES)
def test_shape_error(call, message):
    with pytest.raises(nn.ShapeError) as caught:
        call()
    assert str(caught.value) == message


def test_shape_error_is_a_value_error():
    assert issubclass(nn.ShapeError, ValueError)


def test_right_shapes_pass():
    nn.check_shape("x", X, (32, 784))
    nn.check_shape("loss", 2.3, ())
    assert nn.linear(ones(0, 784), W, B).shape == (0, 10)
    assert nn.softmax(ones(0, 3)).shape == (0, 3)


@pytest.mark.parametrize("softmax", [nn.softmax, nn.log_softmax])
def test_softmax_needs_a_class(softmax):
    with pytest.raises(ValueError) as caught:
        softmax(ones(3, 0))
    message = f"{softmax.__name__}: z has shape (3, 0); at least one class is needed"
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "reason"),
    [(["a"], "numbers, got dtype <U1"), (None, "numbers, got dtype object"), ([[1], [1, 2]], "(")],
)
def test_arguments_that_are_not_numbers(value, reason):
    with pytest.raises(TypeError) as caught:
        nn.relu(value)
    assert str(caught.value).startswith("relu: z must be an array of numbers")
    assert reason in str(caught.value)


@pytest.mark.parametrize("y", [["a", "b"], [[1], [1, 2]]])
def test_labels_that_are_not_numbers(y):
    with pytest.raises(TypeError, match=r"^softmax_cross_entropy: y must "):
        nn.softmax_cross_entropy(ones(2, 3), y)


def test_check_rng():
    check_rng("f", np.random.default_rng())
    with pytest.raises(TypeError) as caught:
        check_rng("f", 0)
    assert str(caught.value) == (
        "f: rng must be a numpy.random.Generator such as np.random.default_rng(0), got int"
    )


def test_check_positive_integer():
    assert type(check_positive_integer("f", "n", np.int8(3))) is int
    assert check_positive_integer("f", "n", 2**31 - 1) == 2**31 - 1
    for value, error, message in (
        (0, ValueError, "f: n must be at least 1, got 0"),
        (2.0, TypeError, "f: n must be an integer, got float"),
        (True, TypeError, "f: n must be an integer, got bool"),
        (2**31, ValueError, "f: n must be below 2**31, got 2147483648"),
    ):
        with pytest.raises(error) as caught:
            check_positive_integer("f", "n", value)
        assert str(caught.value) == message


def test_a_number_is_taken_for_a_shape_of_one_dimension():
    nn.check_shape("b1", np.zeros(128), 128)
    with pytest.raises(nn.ShapeError, match=r"b1 has shape \(10,\) but \(128,\) is needed"):
        nn.check_shape("b1", np.zeros(10), 128)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((ones(2), "x", (2,)), TypeError, "check_shape: name must be a string, got ndarray"),
        (("x", ones(2), None), TypeError, "x: expected must be a shape, got NoneType"),
        (("x", None, ()), TypeError, "x must be an array of numbers, got dtype object"),
        (("x", [[1], [1, 2]], (2,)), TypeError, "check_shape: x must be an array of numbers ("),
    ],
)
def test_check_shape_of_something_else(arguments, error, message):
    with pytest.raises(error) as caught:
        nn.check_shape(*arguments)
    assert str(caught.value).startswith(message)


def test_check_shape_takes_a_numpy_integer_for_a_size():
    nn.check_shape("b", ones(3), np.int64(3))


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int8(2), Fraction(2)])
def test_check_number(value):
    number = check_number("f", "h", value)
    assert number == 2
    assert type(number) is float


def test_check_number_of_something_else():
    assert check_number("f", "h", 10**400) == np.inf
    for value, kind in (("2", "str"), (True, "bool"), (1j, "complex"), (np.ones(1), "ndarray")):
        with pytest.raises(TypeError) as caught:
            check_number("f", "h", value)
        assert str(caught.value) == f"f: h must be a number, got {kind}"


@pytest.mark.parametrize("dtype", [np.float32, "float64", float, np.dtype("f4")])
def test_check_float_dtype(dtype):
    assert check_float_dtype("f", dtype) == np.dtype(dtype)


@pytest.mark.parametrize("dtype", [int, "banana", np.float16, complex, object, {}, ">f4", 5])
def test_check_float_dtype_of_something_else(dtype):
    with pytest.raises(TypeError) as caught:
        check_float_dtype("f", dtype)
    assert str(caught.value) == f"f: dtype must be float32 or float64, got {dtype!r}"


def test_check_instance():
    check_instance("f", "layer", nn.ReLU(), nn.Layer, "ReLU()")
    for value, got in ((5, "int"), (nn.ReLU, "the class ReLU")):
        with pytest.raises(TypeError) as caught:
            check_instance("f", "layer", value, nn.Layer, "ReLU()")
        assert str(caught.value) == f"f: layer must be a Layer such as ReLU(), got {got}"
