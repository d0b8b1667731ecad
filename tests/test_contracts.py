"""Contracts: their notation, what they check, and their messages word by word."""

import inspect
import re
import warnings

import derived
import nbclient
import nbformat
import numpy as np
import pytest

import nnfromscratch as nn
from nnfromscratch import functional, losses, shapes
from nnfromscratch._notation import Array, read_contract

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
        "linear: x has shape (784, 32) but (N, D) = (N, 784) is needed to multiply w (784, 10); "
        "did you mean x.T?",
    ),
    "one example without its batch axis": (
        lambda: nn.linear(X[0], W, B),
        "linear: x has shape (784,) but (N, D) = (N, 784) is needed to multiply w (784, 10); "
        "did you mean x[np.newaxis, :], a batch of one?",
    ),
    "images not flattened": (
        lambda: nn.linear(X.reshape(32, 28, 28), W, B),
        "linear: x has shape (32, 28, 28) but (N, D) = (N, 784) is needed to multiply w (784, 10); "
        "did you mean x.reshape(len(x), -1)?",
    ),
    "a number for a batch": (
        lambda: nn.linear(1.0, W, B),
        "linear: x has shape () but (N, D) = (N, 784) is needed to multiply w (784, 10)",
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
        "linear_backward: w has shape (10, 784) but (D, K) = (784, 10) is needed to match "
        "dz (32, 10) and multiply x (32, 784); did you mean w.T?",
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
        "softmax_cross_entropy: z has shape (3,) but (N, C) = (1, C) is needed to match y (1,); "
        "did you mean z[np.newaxis, :], a batch of one?",
    ),
    "labels as a column": (
        lambda: nn.softmax_cross_entropy(P, Y[:, np.newaxis]),
        "softmax_cross_entropy: y has shape (4, 1) but (N,) = (4,) is needed to match z (4, 3); "
        "did you mean y[:, 0]?",
    ),
    "one-hot labels": (
        lambda: nn.softmax_cross_entropy(P, np.eye(3)[Y]),
        "softmax_cross_entropy: y has shape (4, 3) but (N,) = (4,) is needed to match z (4, 3): "
        "integer labels, not one-hot rows; did you mean y.argmax(axis=1)?",
    ),
    "targets that are no labels": (
        lambda: nn.softmax_cross_entropy(P, np.eye(3)[Y] * 0.9 + 0.1 / 3),
        "softmax_cross_entropy: y has shape (4, 3) but (N,) = (4,) is needed to match z (4, 3)",
    ),
    "targets of a regression": (
        lambda: nn.softmax_cross_entropy(P, Y[:, np.newaxis] + 0.5),
        "softmax_cross_entropy: y has shape (4, 1) but (N,) = (4,) is needed to match z (4, 3)",
    ),
    "counts, two a row": (
        lambda: nn.softmax_cross_entropy(P, np.eye(3)[Y] + np.eye(3)[::-1][Y]),
        "softmax_cross_entropy: y has shape (4, 3) but (N,) = (4,) is needed to match z (4, 3)",
    ),
    "labels of another batch": (
        lambda: nn.softmax_cross_entropy(P, Y[2:]),
        "softmax_cross_entropy: y has shape (2,) but (N,) = (4,) is needed to match z (4, 3)",
    ),
    "a single label for a batch": (
        lambda: nn.softmax_cross_entropy(P, 0),
        "softmax_cross_entropy: y has shape () but (N,) = (4,) is needed to match z (4, 3)",
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
        "one_hot: y has shape (3, 3) but (N,) is needed: integer labels, not one-hot rows; "
        "did you mean y.argmax(axis=1)?",
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


# The notation


def test_a_contract_is_read():
    read = read_contract("z: N C, y: N < C, a: ... -> N 10?, , ...")
    assert read.inputs == (
        Array("z", ("N", "C"), "", False),
        Array("y", ("N",), "C", False),
        Array("a", ("...",), "", False),
    )
    outputs = [("N", "10"), (), ("...",)]
    assert [array.dims for array in read.outputs] == outputs
    assert [array.optional for array in read.outputs] == [True, False, False]


@pytest.mark.parametrize(
    ("contract", "message"),
    [
        ("x: N D", "has no arrow"),
        ("x N D -> N", "'x N D' in the contract 'x N D -> N' is not an argument such as 'x: N D'"),
        ("x: N D -> z: N", "'z: N' in the contract 'x: N D -> z: N' is not a result such as 'N D'"),
        ("x: N, x: D -> N", "a name stands twice"),
        ("x: ... D -> N", "is not an argument"),
        ("x: N-1 -> N", "is not an argument"),
        ("y: N < C -> N", "nothing in the contract 'y: N < C -> N' says what C is"),
        ("q: N -> N", "the contract has q, but the function's arguments are x, w"),
    ],
)
def test_a_contract_that_cannot_be_read(contract, message):
    with pytest.raises(ValueError, match=r"^shapes: ") as caught:
        shapes(contract)(lambda x, w: x)
    assert message in str(caught.value)


def test_a_decorator_without_its_contract():
    with pytest.raises(TypeError, match=r"^shapes: the contract must be a text, got function"):
        shapes(lambda x: x)


# What has passed once


def test_what_has_passed_once_is_still_checked_where_values_or_results_may_differ():
    y = np.array([0, 1, 2, 0])
    for classes in (10, 3, 10, 4):  # C is no size of y, so each call may have its own
        assert nn.one_hot(y, classes).shape == (4, classes)
    z = np.zeros((4, 3))
    nn.softmax_cross_entropy(z, y)
    with pytest.raises(ValueError, match="labels from 0 to 2, got 3 at index 1"):
        nn.softmax_cross_entropy(z, np.array([0, 3, 2, 0]))
    results = iter([np.zeros(4), np.zeros(4), np.zeros(3), np.zeros(4, "f4"), [0, 0, 0, 0]])

    @shapes("z: N C -> N")
    def f(z):
        return next(results)

    f(z), f(z)
    for error, message in (
        (nn.ShapeError, "f: its result has shape (3,) but (N,) = (4,) is needed"),
        (TypeError, "f: its result is float32, but z came in as float64"),
        (TypeError, "f: its result must be an array, got list"),
    ):
        with pytest.raises(error, match=re.escape(message)):
            f(z)


def test_lists_integers_and_none_are_no_arrays_that_have_passed():
    w, b = np.ones((3, 2)), np.ones(2)
    for _ in range(2):
        assert nn.linear([[1, 2, 3]], w, b).tolist() == [[7, 7]]
        with pytest.raises(nn.ShapeError, match="linear: w has shape"):
            nn.linear([[1, 2]], w, b)
        with pytest.raises(TypeError, match="linear: b must be an array of numbers"):
            nn.linear(np.ones((1, 3)), w, None)


def test_what_has_passed_is_not_kept_without_end():
    @shapes("x: N -> N")
    def f(x):
        return x

    checks = next(c.cell_contents for c in f.__closure__ if hasattr(c.cell_contents, "passed"))
    for n in range(2_500):
        f(np.zeros(n))
    assert 0 < len(checks.passed) <= 1_000


# What a reader's own functions get


def own(contract, body):
    """A function of x and w with a contract."""

    def f(x, w=None, *, scale=1.0):
        return body(x, w)

    return shapes(contract)(f)


RESULTS = {
    "transposed": (
        "x: N D, w: D K -> N K",
        lambda x, w: (x @ w).T,
        "f: its result has shape (2, 4) but (N, K) = (4, 2) is needed; is it transposed?",
    ),
    "not summed": (
        "x: N D, w: D K -> ",
        lambda x, w: x @ w,
        "f: its result has shape (4, 2) but () is needed; is a sum or a mean missing?",
    ),
    "keepdims": (
        "x: N D, w: D K -> N 1",
        lambda x, w: x.sum(axis=1),
        "f: its result has shape (4,) but (N, 1) = (4, 1) is needed; is a keepdims=True missing?",
    ),
    "the second of two": (
        "x: N D, w: D K -> N D, D K",
        lambda x, w: (x, w[:, :1]),
        "f: result 2 of 2 has shape (3, 1) but (D, K) = (3, 2) is needed",
    ),
    "one result too few": (
        "x: N D, w: D K -> N D, D K",
        lambda x, w: x,
        "f: must return 2 results, got ndarray",
    ),
    "nothing": (
        "x: N D, w: D K -> N D",
        lambda x, w: None,
        "f: its result is None; is a return missing?",
    ),
    "nothing where it may be": (
        "x: N D, w: D K -> N D?, D K",
        lambda x, w: (None, None),
        "f: result 2 of 2 is None; is a return missing?",
    ),
}


@pytest.mark.parametrize(("contract", "body", "message"), RESULTS.values(), ids=RESULTS)
def test_results_are_checked(contract, body, message):
    with pytest.raises((nn.ShapeError, TypeError)) as caught:
        own(contract, body)(ones(4, 3), ones(3, 2))
    assert str(caught.value).startswith(message)


def test_a_result_in_another_dtype_is_refused():
    f = own("x: N D -> N D", lambda x, w: x * np.sqrt(2.0))
    assert f(ones(2, 3)).dtype == np.float64
    with pytest.raises(TypeError, match="its result is float64, but x came in as float32"):
        f(ones(2, 3).astype("f4"))


def test_labels_and_booleans_may_be_returned():
    x = ones(2, 3).astype("f4")
    assert own("x: N D -> N", lambda x, w: x.argmax(axis=1))(x).dtype.kind == "i"
    assert own("x: N D -> N D", lambda x, w: x > 0)(x).dtype == bool


def test_arguments_by_name_by_default_and_left_out():
    f = own("x: N D, w: D K -> N D", lambda x, w: x)
    assert f(ones(4, 3)).shape == (4, 3)
    assert f(x=[[1, 2, 3]], w=None).dtype == np.float64
    with pytest.raises(nn.ShapeError, match=r"f: w has shape \(2, 2\)"):
        f(ones(4, 3), w=ones(2, 2))
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        f(w=ones(2, 2))


def test_arguments_that_have_changed_places():
    with pytest.raises(nn.ShapeError, match=r"; did you exchange w and x\?$"):
        nn.linear(ones(5, 2), ones(4, 5), ones(2))


def test_numbers_in_a_contract():
    f = own("x: N 784 -> N 784", lambda x, w: x)
    f(ones(2, 784))
    with pytest.raises(nn.ShapeError, match=r"f: x has shape \(2, 10\) but \(N, 784\) is needed"):
        f(ones(2, 10))


def test_labels_keep_their_integers_and_their_range():
    f = own("w: N C, x: N < C -> N", lambda x, w: x)
    assert f([0, 2], ones(2, 3)).dtype.kind == "i"
    with pytest.raises(ValueError, match="f: x must hold labels from 0 to 2, got 3 at index 1"):
        f([0, 3], ones(2, 3))
    with pytest.raises(TypeError, match="f: x must hold integer labels, got dtype float64"):
        f([0.0, 1.0], ones(2, 3))

    @shapes("y: N -> N")
    def same(y):
        return y

    assert same([1, 2]).dtype.kind == "i"


def test_overflow_makes_no_warning_and_other_warnings_stay():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert own("x: N -> N", lambda x, w: x * 1e300 * 1e300)([1.0])[0] == np.inf
        with pytest.raises(RuntimeWarning):
            own("x: N -> N", lambda x, w: x / 0.0)([1.0])


def test_methods_have_contracts_too():
    class Mine(nn.Layer):
        @shapes("x: N D -> N D")
        def forward(self, x, training=False):
            return x

    with pytest.raises(nn.ShapeError, match=r"^Mine\.forward: x has shape \(3,\)"):
        Mine().forward(ones(3))


def test_every_array_function_has_a_contract_and_shows_it():
    for module in (functional, losses):
        for name, function in vars(module).items():
            if inspect.isfunction(function) and function.__module__ == module.__name__:
                source = inspect.getsource(function)
                assert re.match(r'@shapes\(".+"\)\ndef ' + name, source), name


# What follows from a contract is tested for every public function that has one


@pytest.mark.parametrize("check", derived.CHECKS)
@pytest.mark.parametrize("name", derived.functions())
def test_what_follows_from_a_contract(name, check, rng):
    check(getattr(nn, name), rng)


def gate_backward(body):
    """A function that nobody has heard of: da where z is between -1 and 1, else slope da."""

    def gate_backward(da, z, slope=0.5):
        return body(da, z, slope)

    return shapes("da: N C, z: N C -> N C")(gate_backward)


def in_place(da, z, slope):
    da[np.abs(z) > 1] *= slope
    return da


GATE = gate_backward(lambda da, z, slope: np.where(np.abs(z) < 1, da, slope * da))
WRONG_GATES = {
    derived.check_shapes: lambda da, z, slope: np.where(np.abs(z) < 1, da, slope * da).squeeze(),
    derived.check_dtypes: lambda da, z, slope: np.where(np.abs(z) < 1, da, np.float64(slope) * da),
    derived.check_nothing_is_changed: in_place,
    derived.check_layouts: lambda da, z, slope: (
        np.where(np.abs(z.ravel("K")) < 1, da.ravel(), slope * da.ravel()).reshape(da.shape)
    ),
    derived.check_names: None,
}


@pytest.mark.parametrize("check", derived.CHECKS)
def test_a_new_function_gets_its_tests_from_its_contract(check, rng):
    check(GATE, rng)
    wrong = gate_backward(WRONG_GATES[check]) if WRONG_GATES[check] else lambda da, z: da
    wrong.contract = GATE.contract
    with pytest.raises((AssertionError, TypeError, ValueError)):
        check(wrong, rng)


def test_a_new_function_gets_its_broken_versions(rng):
    arguments = derived.draw(GATE, rng)
    right = GATE(**arguments)
    versions = derived.broken(GATE)
    assert len(versions) == len(derived.CHANGES)
    assert not any(np.array_equal(wrong(**arguments), right) for wrong in versions.values())
    assert derived.numbers(GATE) == {"slope": 0.5}
    assert derived.sources(GATE) == [["da", "z"]]
    assert derived.sources(nn.relu_backward) == [["da"]]


def test_a_masked_array_is_refused_since_its_mask_would_be_lost():
    x = np.ma.masked_array(np.ones((2, 3)), mask=np.eye(2, 3))
    with pytest.raises(
        TypeError, match=r"relu: z must not be masked; fill it, as in z.filled\(0\)"
    ):
        nn.relu(x)


# What a notebook shows


def shown(*sources):
    """Run cells in a kernel and return the traceback of the last, without its colours."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    cells[-1].metadata.tags = ["raises-exception"]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, kernel_name="python3").execute()
    return re.sub(r"\x1b\[[\d;]*m", "", "\n".join(cells[-1].outputs[-1].traceback))


OWN_LINES = "import numpy as np\nfrom nnfromscratch import *\ndef f(x):\n    return linear(x, W, B)"


def test_a_notebook_shows_the_readers_lines_and_the_sentence():
    given = OWN_LINES + "\nx, W, B = np.ones((32, 784)), np.ones((10, 784)), np.ones(10)"
    text = shown(given, "f(x)")
    assert text.splitlines() == [
        "line 1: f(x)",
        "line 4:     return linear(x, W, B)",
        "",
        "ShapeError: linear: w has shape (10, 784) but (D, K) = (784, K) is needed to multiply "
        "x (32, 784); did you mean w.T?",
    ]
    assert "contracts.py" in shown(given, "short_errors(False)", "f(x)")
