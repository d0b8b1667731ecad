"""Tensors beside another library's tape, complex steps and the backward passes by hand."""

import ast
from pathlib import Path

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

import nnfromscratch as nn
from nnfromscratch import autodiff
from nnfromscratch.autodiff import Tensor, cross_entropy, topological_order, unbroadcast

N, D, K = 5, 3, 4
PLAIN = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "both ways": lambda a, b: a * b + a * a - b / a,
}
CONSTANTS = {
    "add": lambda a: a + 2.0,
    "add from the left": lambda a: np.ones((N, K)) + a,
    "subtract from": lambda a: 2 - a,
    "subtract": lambda a: a - np.arange(1.0, K + 1),
    "multiply": lambda a: np.full(K, 3.0) * a,
    "divide": lambda a: a / 4,
    "divide by": lambda a: 3 / a,
    "power": lambda a: a**3,
    "square root": lambda a: a**0.5,
    "negative": lambda a: -a,
    "matmul": lambda a: a @ np.arange(1.0, 2 * K + 1).reshape(K, 2),
    "matmul from the left": lambda a: np.arange(1.0, 2 * N + 1).reshape(2, N) @ a,
    "rows": lambda a: a[1:3],
    "an entry": lambda a: a[2, 1] * a[2, 1],
    "the same twice": lambda a: a[np.array([0, 0, 2]), np.array([1, 1, 3])],
}
SHAPES = [((N, K), (N, K)), ((N, K), (K,)), ((N, 1), (N, K)), ((N, 1), (K,)), ((), (N, K))]
SHAPES += [((1, K), (N, 1)), ((2, N, K), (N, 1)), ((1, 1), (3,))]


def slopes(f, arrays):
    """The value of f and its gradients, by tensors; what is not one number is weighted."""
    tensors = [Tensor(array) for array in arrays]
    out = f(*tensors)
    out.backward(weights(out.data))
    return out.data, [tensor.grad for tensor in tensors]


def weights(out):
    return np.cos(np.arange(out.size)).reshape(out.shape)


def assert_as_autograd(f, other, arrays):
    out, found = slopes(f, arrays)
    np.testing.assert_allclose(out, other(*arrays), rtol=1e-13)
    for i, (array, gradient) in enumerate(zip(arrays, found, strict=True)):
        due = autograd.grad(lambda *a: anp.sum(other(*a) * weights(out)), i)(*arrays)
        assert gradient.shape == array.shape
        assert np.abs(due).max() > 1e-3
        np.testing.assert_allclose(gradient, due, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("name", PLAIN)
def test_arithmetic_with_broadcasting(name, shapes, rng):
    assert_as_autograd(PLAIN[name], PLAIN[name], [rng.uniform(0.5, 2, shape) for shape in shapes])


@pytest.mark.parametrize("name", CONSTANTS)
def test_operations_with_constants(name, rng):
    assert_as_autograd(CONSTANTS[name], CONSTANTS[name], [rng.uniform(0.5, 2, (N, K))])


@pytest.mark.parametrize("name", ["exp", "log", "tanh"])
def test_functions(name, rng):
    arrays = [rng.uniform(0.5, 2, (N, K))]
    assert_as_autograd(lambda a: getattr(a, name)(), getattr(anp, name), arrays)


def test_relu_and_its_gate(rng):
    z = rng.standard_normal((N, K))
    z[0, 0] = 0.0
    out, (dz,) = slopes(lambda z: z.relu(), [z])
    np.testing.assert_array_equal(out, nn.relu(z))
    np.testing.assert_array_equal(dz, nn.relu_backward(weights(out), z))


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_sums(axis, keepdims, rng):
    settings = {"axis": axis, "keepdims": keepdims}
    square = [rng.standard_normal((N, K))]
    assert_as_autograd(
        lambda a: (a * a).sum(**settings), lambda a: anp.sum(a * a, **settings), square
    )


def test_products_of_two_tensors(rng):
    arrays = [rng.standard_normal(shape) for shape in ((N, D), (D, K))]
    assert_as_autograd(lambda a, b: a @ b, lambda a, b: a @ b, arrays)


def test_the_package_backward_as_one_step(rng):
    z, y = rng.standard_normal((N, K)), rng.integers(0, K, N)
    loss, dz = nn.softmax_cross_entropy(z, y)
    tensor = Tensor(z)
    half = 0.5 * cross_entropy(tensor, y)
    half.backward()
    np.testing.assert_array_equal(half.data, 0.5 * loss)
    np.testing.assert_allclose(tensor.grad, 0.5 * dz, rtol=1e-15)


def network_loss(x, y, w1, b1, w2, b2):
    """Composed of small steps alone, as a user would write it."""
    z = (x @ w1 + b1).tanh() @ w2 + b2
    log_p = z - z.exp().sum(axis=1, keepdims=True).log()
    return -log_p[np.arange(len(y)), y].sum() / len(y)


def test_a_network_against_complex_steps(rng):
    x, y = rng.standard_normal((N, D)), rng.integers(0, K, N)
    arrays = [rng.standard_normal(shape) for shape in ((N, D), (D, 6), (6,), (6, K), (K,))]
    arrays[0] = x
    tensors = [Tensor(array) for array in arrays]
    network_loss(tensors[0], y, *tensors[1:]).backward()
    for i, tensor in enumerate(tensors):

        def f(array, i=i):
            x, *rest = map(Tensor, [*arrays[:i], array, *arrays[i + 1 :]])
            return network_loss(x, y, *rest).data

        due = nn.numerical_gradient(f, arrays[i], method="complex")
        assert nn.relative_error(tensor.grad, due) < 1e-13


def test_check_gradients_takes_it_as_a_backward():
    rng = np.random.default_rng(0)
    shapes = ((N, D), (D, K), (K,))

    def forward(x, w, b):
        return (Tensor(x) @ w + b).relu().data

    def backward(da, x, w, b):
        tensors = [Tensor(array) for array in (x, w, b)]
        ((tensors[0] @ tensors[1]) + tensors[2]).relu().backward(da)
        return tuple(tensor.grad for tensor in tensors)

    arrays = [rng.standard_normal(shape) for shape in shapes]
    assert nn.check_gradients(forward, *arrays, backward=backward, rng=rng).passed


def test_float32_stays_float32(rng):
    a, b = (Tensor(rng.uniform(0.5, 1, shape).astype(np.float32)) for shape in ((N, K), (K,)))
    loss = ((2.0 * a + b / 3).tanh() ** 2).sum() / 7
    loss.backward()
    assert loss.data.dtype == a.grad.dtype == b.grad.dtype == np.float32


def test_a_later_backward_replaces_what_an_earlier_one_left():
    a = Tensor([1.0, 2.0])
    for _ in range(2):
        (a * a).sum().backward()
        np.testing.assert_array_equal(a.grad, [2.0, 4.0])


def test_nothing_is_changed_and_nothing_is_kept_for_constants(rng):
    x, w = rng.standard_normal((N, D)), Tensor(rng.standard_normal((D, K)))
    before = x.copy()
    product = x @ w
    assert [parent for parent, _ in product.parents] == [w]
    product.sum().backward()
    np.testing.assert_array_equal(x, before)


def test_the_order_has_each_tensor_once_after_its_parents_however_deep():
    last = Tensor(1.0)
    for _ in range(5_000):
        last = last + last * 0.0
    order = topological_order(last)
    places = {tensor: place for place, tensor in enumerate(order)}
    assert len(places) == len(order) == 10_001
    assert all(places[p] < places[t] for t in order for p, _ in t.parents)
    last.backward()
    assert order[0].grad == 1.0


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3), (1, 3), (2, 1), (1, 1), (4, 1, 3)])
def test_unbroadcast_adds_what_was_repeated(shape, rng):
    g = rng.standard_normal((4, 2, 3))
    found = unbroadcast(g, shape)
    due = autograd.grad(lambda a: anp.sum((a + np.zeros((4, 2, 3))) * g))(np.zeros(shape))
    np.testing.assert_allclose(found, due, rtol=1e-13)
    assert found.shape == shape


def test_it_is_about_a_hundred_lines():
    """As lesson 18 says; docstrings, comments and imports are not counted."""
    tree = ast.parse(Path(autodiff.__file__).read_text(encoding="utf-8"))
    documented = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    for node in documented:
        node.body = node.body[1:] if ast.get_docstring(node) else node.body
    code = "\n".join(map(ast.unparse, documented[:1] + tree.body[-5:]))
    assert 80 < len([line for line in code.splitlines() if line.strip()]) < 120


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda a: a.backward(), r"backward: Tensor of shape \(2, 3\) .* no loss"),
        (lambda a: a.backward(np.ones((3, 2))), "backward: gradient has shape"),
        (
            lambda a: a @ np.ones(3),
            r"matmul: \(N, D\) and \(D, K\) are needed, got \(2, 3\), \(3,\)",
        ),
        (lambda a: a @ a, r"got \(2, 3\), \(2, 3\)"),
        (lambda a: np.ones((4, 2, 2)) @ a, "matmul"),
        (lambda a: Tensor("two"), "Tensor: data"),
        (lambda a: np.exp(a), "does not support ufuncs"),
        (lambda a: cross_entropy(a, np.array([0, 3])), "y"),
    ],
)
def test_bad_input_is_answered(f, message):
    with pytest.raises((TypeError, ValueError), match=message):
        f(Tensor(np.ones((2, 3))))
