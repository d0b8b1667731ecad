"""The package beside PyTorch and JAX, in float64: `make test-frameworks`.

The two are large, so they are an extra of their own; a test whose framework is missing is skipped.
"""

import numpy as np
import pytest

import nnfromscratch as nn
from nnfromscratch import frameworks

pytestmark = pytest.mark.frameworks

N, D, H, C = 7, 5, 6, 4
BOUND = 1e-10
FUNCTIONS = ["linear", "relu", "leaky_relu", "sigmoid", "tanh", "softmax", "log_softmax"]
ACTIVATIONS = ["relu", "leaky_relu", "sigmoid", "tanh"]


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
            "leaky_relu": functional.leaky_relu,
            "batch_norm": lambda x, gamma, beta: functional.batch_norm(
                x, None, None, gamma, beta, training=True
            ),
            "normalize": lambda x, mean, variance, gamma, beta: functional.batch_norm(
                x, self.array(mean), self.array(variance), gamma, beta
            ),
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
            "leaky_relu": jax.nn.leaky_relu,
            "batch_norm": lambda x, gamma, beta: (
                jax.nn.standardize(x, axis=0, epsilon=1e-5) * gamma + beta
            ),
            "normalize": lambda x, mean, variance, gamma, beta: (
                jax.nn.standardize(x, axis=0, mean=mean, variance=variance) * gamma + beta
            ),
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
    kept = {"linear": arrays[:2], "relu": arrays, "leaky_relu": arrays}
    remembered = kept.get(name, [out])
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


def batch_norm_arrays(n, rng):
    x = 3 + 2 * rng.standard_normal((n, C))
    return x, rng.uniform(0.5, 2, C), rng.standard_normal(C), rng.standard_normal((n, C))


@pytest.mark.parametrize("n", [3, N])  # two are always 1 and -1, with no gradient but rounding
def test_batch_norm(framework, n, rng):
    x, gamma, beta, dy = batch_norm_arrays(n, rng)
    y, other = nn.batch_norm(x, gamma, beta), framework.functions["batch_norm"]
    assert_agree(y, other(*map(framework.array, (x, gamma, beta))))
    weights, gradients = framework.array(dy), nn.batch_norm_backward(dy, x, gamma)

    def f(x, gamma, beta):
        return (other(x, gamma, beta) * weights).sum()

    check(framework, f, [x, gamma, beta], (y * dy).sum(), gradients)


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_layer(framework, training, rng):
    x, gamma, beta, dy = batch_norm_arrays(N, rng)
    layer = nn.BatchNorm(C, dtype=np.float64)
    layer.params["gamma"][...], layer.params["beta"][...] = gamma, beta
    for _ in range(3):
        layer.forward(2 + rng.standard_normal((N, C)), training=True)
    mean, variance = (array.copy() for array in layer.buffers.values())
    y = layer.forward(x, training=training)
    weights, functions = framework.array(dy), framework.functions

    def f(x, gamma, beta):
        if training:
            return (functions["batch_norm"](x, gamma, beta) * weights).sum()
        return (functions["normalize"](x, mean, variance, gamma, beta) * weights).sum()

    gradients = [layer.backward(dy), *layer.grads.values()]
    check(framework, f, [x, gamma, beta], (y * dy).sum(), gradients)


def test_running_averages_are_those_of_pytorch(rng):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    layer, other = nn.BatchNorm(C, dtype=np.float64), torch.nn.BatchNorm1d(C).double()
    for _ in range(5):
        x = 3 + 2 * rng.standard_normal((N, C))
        layer.forward(x, training=True)
        other(torch.tensor(x))
    assert_agree(layer.buffers["mean"], other.running_mean)
    # PyTorch averages the variance that is divided by N - 1, here that divided by N. Both start
    # at 1, of which 0.9^5 is left.
    left = 0.9**5
    assert_agree((layer.buffers["variance"] - left) * N / (N - 1), other.running_var - left)


@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
def test_the_same_gate_at_zero(framework, name):
    z, da = np.array([[-1.0, 0.0, 1.0]]), np.array([[5.0, 5.0, 5.0]])
    if (name, type(framework)) == ("leaky_relu", JAX):
        z = z[:, ::2]  # JAX takes the slope above zero there
        da = da[:, ::2]
    function, weights = framework.functions[name], framework.array(da)
    _, (dz,) = framework.value_and_gradients(lambda z: (function(z) * weights).sum(), [z])
    np.testing.assert_array_equal(getattr(nn, f"{name}_backward")(da, z), dz)


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
@pytest.mark.parametrize("kind", ["Linear", "ReLU", "LeakyReLU", "Sigmoid", "Tanh", "Softmax"])
def test_layers(framework, kind, n, rng):
    layer = nn.Linear(D, C, rng=rng, dtype=np.float64) if kind == "Linear" else getattr(nn, kind)()
    for array in layer.params.values():
        array += rng.standard_normal(array.shape)
    x = rng.standard_normal((n, D))
    out = layer.forward(x, training=True)
    d_out = rng.standard_normal(out.shape)
    name = "leaky_relu" if kind == "LeakyReLU" else kind.lower()
    other, weights = framework.functions[name], framework.array(d_out)
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


def steps_beside_pytorch(ours, make_theirs, rng):
    """Take six steps with an optimizer and with PyTorch's on the same network and batches."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    model = network("tanh", rng)
    peer = torch.nn.Sequential(
        torch.nn.Linear(D, H), torch.nn.Tanh(), torch.nn.Linear(H, C)
    ).double()
    pairs = ((model.layers[0], peer[0]), (model.layers[2], peer[2]))
    with torch.no_grad():
        for layer, other in pairs:
            other.weight.copy_(torch.tensor(layer.params["w"].T))
            other.bias.copy_(torch.tensor(layer.params["b"]))
    # Here weights decay and biases do not; there each group of parameters says so.
    groups = [
        {"params": [peer[0].weight, peer[2].weight]},
        {"params": [peer[0].bias, peer[2].bias], "weight_decay": 0},
    ]
    theirs = make_theirs(torch.optim, groups)
    for _ in range(6):
        x, y = rng.standard_normal((N, D)), rng.integers(0, C, N)
        _, dz = nn.softmax_cross_entropy(model.forward(x, training=True), y)
        model.backward(dz)
        ours.step(model)

        theirs.zero_grad()
        torch.nn.functional.cross_entropy(peer(torch.tensor(x)), torch.tensor(y)).backward()
        theirs.step()
        for layer, other in pairs:
            assert_agree(layer.params["w"].T, other.weight.detach())
            assert_agree(layer.params["b"], other.bias.detach())


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
    def theirs(optim, groups):
        return optim.SGD(groups, lr=0.5, **settings)

    steps_beside_pytorch(nn.SGD(0.5, **settings), theirs, rng)


@pytest.mark.parametrize("decay", [0, 0.1])
@pytest.mark.parametrize("epsilon", [1e-8, 0.1])
def test_steps_of_rmsprop(epsilon, decay, rng):
    def theirs(optim, groups):
        return optim.RMSprop(groups, lr=0.01, alpha=0.9, eps=epsilon, weight_decay=decay)

    # What is called alpha there is decay here, and the default is another.
    ours = nn.RMSProp(0.01, decay=0.9, epsilon=epsilon, weight_decay=decay)
    steps_beside_pytorch(ours, theirs, rng)


@pytest.mark.parametrize("decay", [0, 0.1])
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.75)])
@pytest.mark.parametrize("epsilon", [1e-8, 0.1])
@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_steps_of_adam(name, epsilon, betas, decay, rng):
    def theirs(optim, groups):
        kind = getattr(optim, name)
        return kind(groups, lr=0.01, betas=betas, eps=epsilon, weight_decay=decay)

    ours = getattr(nn, name)(0.01, *betas, epsilon, weight_decay=decay)
    steps_beside_pytorch(ours, theirs, rng)


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_defaults_of_adam(name, rng):
    # PyTorch's AdamW decays by 0.01 as ours, but a group's own 0 goes before it.
    steps_beside_pytorch(
        getattr(nn, name)(), lambda optim, groups: getattr(optim, name)(groups), rng
    )


# --- The course's network, and weights both ways


@pytest.mark.parametrize("name", ["PyTorch", "JAX"])
def test_the_network_of_the_course_in_each_idiom(name):
    pytest.importorskip(frameworks.FRAMEWORKS[name].module, reason=f"{name} is not installed")
    found = frameworks.compare(name, *frameworks.same_start())
    assert found.ran_here
    assert 0 < found.largest_difference < BOUND


def both_models(rng):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    layers = [nn.Linear(D, H, rng=rng), nn.BatchNorm(H), nn.ReLU(), nn.Linear(H, C, rng=rng)]
    theirs = [
        torch.nn.Linear(D, H),
        torch.nn.BatchNorm1d(H),
        torch.nn.ReLU(),
        torch.nn.Linear(H, C),
    ]
    return torch, nn.Sequential(layers), torch.nn.Sequential(*theirs).eval()


def test_our_weights_in_pytorch(rng):
    torch, model, peer = both_models(rng)
    x = rng.standard_normal((N, D)).astype(np.float32)
    model.forward(2 * x + 1, training=True)  # moves the running averages
    state = frameworks.to_state_dict(model)
    peer.load_state_dict({name: torch.tensor(array) for name, array in state.items()})
    found = peer(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(found, model.forward(x), rtol=1e-4, atol=1e-6)


def test_weights_of_pytorch_here(rng):
    torch, model, peer = both_models(rng)
    x = rng.standard_normal((N, D)).astype(np.float32)
    peer.train()(torch.tensor(2 * x + 1))
    state = peer.eval().state_dict()
    frameworks.load_state_dict(model, state)
    found = peer(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(model.forward(x), found, rtol=1e-4, atol=1e-6)
