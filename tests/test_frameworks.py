"""The package beside PyTorch and JAX, in float64: `make test-frameworks`.

The two are large, so they are an extra of their own; a test whose framework is missing is skipped.
"""

import numpy as np
import pytest

import nnfromscratch as nn

pytestmark = pytest.mark.frameworks

N, D, H, C = 7, 5, 6, 4
BOUND = 1e-10
FUNCTIONS = ["linear", "relu", "sigmoid", "tanh", "softmax", "log_softmax"]
ACTIVATIONS = ["relu", "sigmoid", "tanh"]


def assert_agree(found, expected):
    """Compare by the largest entry, which must not vanish: zeros would agree with anything."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype == np.float64
    assert found.shape == expected.shape
    assert np.abs(expected).max() > 1e-6
    assert np.abs(found - expected).max() <= BOUND * np.abs(expected).max()


class PyTorch:
    """PyTorch's own functions, and its tape."""

    def __init__(self):
        self.torch = torch = pytest.importorskip("torch", reason="PyTorch is not installed")
        functional = torch.nn.functional
        self.functions = {
            "linear": lambda x, w, b: functional.linear(x, w.T, b),
            "relu": functional.relu,
            "sigmoid": torch.sigmoid,
            "tanh": torch.tanh,
            "softmax": lambda z: functional.softmax(z, dim=1),
            "log_softmax": lambda z: functional.log_softmax(z, dim=1),
            "softmax_cross_entropy": functional.cross_entropy,
            "mean_squared_error": functional.mse_loss,
        }
        self.array = torch.tensor

    def value_and_gradients(self, f, arrays):
        tensors = [self.torch.tensor(array, requires_grad=True) for array in arrays]
        value = f(*tensors)
        value.backward()
        return value.detach().numpy(), [tensor.grad.numpy() for tensor in tensors]


class JAX:
    """JAX's own functions, and its transformation of programs into their gradients."""

    def __init__(self):
        self.jax = jax = pytest.importorskip("jax", reason="JAX is not installed")
        jax.config.update("jax_enable_x64", True)
        self.functions = {
            "linear": lambda x, w, b: x @ w + b,
            "relu": jax.nn.relu,
            "sigmoid": jax.nn.sigmoid,
            "tanh": jax.numpy.tanh,
            "softmax": jax.nn.softmax,
            "log_softmax": jax.nn.log_softmax,
            "softmax_cross_entropy": lambda z, y: (
                -jax.nn.log_softmax(z)[jax.numpy.arange(len(y)), y].mean()
            ),
            "mean_squared_error": lambda a, target: ((a - target) ** 2).mean(),
        }
        self.array = jax.numpy.asarray

    def value_and_gradients(self, f, arrays):
        every = tuple(range(len(arrays)))
        value, gradients = self.jax.value_and_grad(f, every)(*map(self.array, arrays))
        return value, gradients


@pytest.fixture(scope="module", params=[PyTorch, JAX], ids=["torch", "jax"])
def framework(request):
    return request.param()


def check(framework, f, arrays, value, gradients):
    """Compare a value and its gradients with what the framework makes of f."""
    other_value, other_gradients = framework.value_and_gradients(f, arrays)
    assert_agree(value, other_value)
    for gradient, other in zip(gradients, other_gradients, strict=True):
        assert_agree(gradient, other)


@pytest.mark.parametrize("n", [1, N])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(framework, name, n, rng):
    shapes = [(n, D), (D, C), (C,)] if name == "linear" else [(n, C)]
    arrays = [2 * rng.standard_normal(shape) for shape in shapes]
    d_out, out = rng.standard_normal((n, C)), getattr(nn, name)(*arrays)
    other = framework.functions[name]
    assert_agree(out, other(*map(framework.array, arrays)))
    # What a backward must remember: linear its inputs, relu its input, the others their result.
    remembered = {"linear": arrays[:2], "relu": arrays}.get(name, [out])
    gradients = getattr(nn, f"{name}_backward")(d_out, *remembered)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    weights = framework.array(d_out)
    check(
        framework,
        lambda *arrays: (other(*arrays) * weights).sum(),
        arrays,
        (out * d_out).sum(),
        gradients,
    )


def test_relu_has_the_same_gate_at_zero(framework):
    z, da = np.array([[-1.0, 0.0, 1.0]]), np.array([[5.0, 5.0, 5.0]])
    relu, weights = framework.functions["relu"], framework.array(da)
    _, (dz,) = framework.value_and_gradients(lambda z: (relu(z) * weights).sum(), [z])
    np.testing.assert_array_equal(nn.relu_backward(da, z), dz)


@pytest.mark.parametrize("n", [1, N])
@pytest.mark.parametrize("name", ["softmax_cross_entropy", "mean_squared_error"])
def test_losses(framework, name, n, rng):
    a, target = rng.standard_normal((2, n, C))
    target = rng.integers(0, C, n) if name == "softmax_cross_entropy" else target
    other = framework.functions[name]
    value, gradient = getattr(nn, name)(a, target)
    target = framework.array(target)
    check(framework, lambda a: other(a, target), [a], value, [gradient])


@pytest.mark.parametrize("n", [1, N])
@pytest.mark.parametrize("kind", ["Linear", "ReLU", "Sigmoid", "Tanh"])
def test_layers(framework, kind, n, rng):
    layer = nn.Linear(D, C, rng=rng, dtype=np.float64) if kind == "Linear" else getattr(nn, kind)()
    for array in layer.params.values():
        array += rng.standard_normal(array.shape)
    x = rng.standard_normal((n, D))
    out = layer.forward(x, training=True)
    d_out = rng.standard_normal(out.shape)
    other, weights = framework.functions[kind.lower()], framework.array(d_out)
    check(
        framework,
        lambda *arrays: (other(*arrays) * weights).sum(),
        [x, *layer.params.values()],
        (out * d_out).sum(),
        [layer.backward(d_out), *layer.grads.values()],
    )


def network(activation, rng):
    """A network in float64 with one hidden layer, its biases not zero."""
    model = nn.mlp([D, H, C], activation=activation, rng=rng)
    for layer in model.layers:
        layer.params = {name: array.astype(np.float64) for name, array in layer.params.items()}
        if layer.params:
            layer.params["b"] += 0.3 * rng.standard_normal(layer.params["b"].shape)
    return model


@pytest.mark.parametrize("n", [1, N])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_network(framework, activation, n, rng):
    model = network(activation, rng)
    x, y = rng.standard_normal((n, D)), rng.integers(0, C, n)
    loss, dz = nn.softmax_cross_entropy(model.forward(x, training=True), y)
    other, labels = framework.functions, framework.array(y)

    def other_loss(x, w1, b1, w2, b2):
        a1 = other[activation](other["linear"](x, w1, b1))
        return other["softmax_cross_entropy"](other["linear"](a1, w2, b2), labels)

    arrays = [x, *model.params.values()]
    check(framework, other_loss, arrays, loss, [model.backward(dz), *model.grads.values()])


# --- Optimizers


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"momentum": 0.9},
        {"momentum": 0.9, "nesterov": True},
        {"weight_decay": 0.1},
        {"momentum": 0.9, "weight_decay": 0.1},
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    ],
    ids=lambda settings: " ".join(settings) or "plain",
)
def test_steps_of_sgd(settings, rng):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    model = network("tanh", rng)
    peer = torch.nn.Sequential(
        torch.nn.Linear(D, H), torch.nn.Tanh(), torch.nn.Linear(H, C)
    ).double()
    with torch.no_grad():
        for ours, theirs in ((model.layers[0], peer[0]), (model.layers[2], peer[2])):
            theirs.weight.copy_(torch.tensor(ours.params["w"].T))
            theirs.bias.copy_(torch.tensor(ours.params["b"]))

    optimizer = nn.SGD(0.5, **settings)
    # Here weights decay and biases do not; there each group of parameters says so.
    groups = [
        {"params": [peer[0].weight, peer[2].weight]},
        {"params": [peer[0].bias, peer[2].bias], "weight_decay": 0},
    ]
    other = torch.optim.SGD(groups, lr=0.5, **settings)
    for _ in range(6):
        x, y = rng.standard_normal((N, D)), rng.integers(0, C, N)
        _, dz = nn.softmax_cross_entropy(model.forward(x, training=True), y)
        model.backward(dz)
        optimizer.step(model)

        other.zero_grad()
        torch.nn.functional.cross_entropy(peer(torch.tensor(x)), torch.tensor(y)).backward()
        other.step()
        for ours, theirs in ((model.layers[0], peer[0]), (model.layers[2], peer[2])):
            assert_agree(ours.params["w"].T, theirs.weight.detach())
            assert_agree(ours.params["b"], theirs.bias.detach())
