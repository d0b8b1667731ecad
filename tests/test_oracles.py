"""The package beside independent implementations: autograd, SciPy and scikit-learn, in float64.

autograd differentiates the textbook formula, written down once more below; SciPy and scikit-learn
bring implementations of their own.
"""

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
import scipy.special
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

import nnfromscratch as nn

N, D, H, C = 7, 5, 6, 4
BOUND = 1e-10


def assert_agree(found, expected):
    """Compare by the largest entry, which must not vanish: zeros would agree with anything."""
    assert np.shape(found) == np.shape(expected)
    assert np.abs(expected).max() > 1e-6
    assert np.abs(found - expected).max() <= BOUND * np.abs(expected).max()


# --- autograd: the textbook formulas, differentiated by a program

TEXTBOOK = {
    "linear": lambda x, w, b: anp.dot(x, w) + b,
    "relu": lambda z: anp.maximum(z, 0),
    "leaky_relu": lambda z: anp.maximum(z, 0) + 0.01 * anp.minimum(z, 0),
    "sigmoid": lambda z: 1 / (1 + anp.exp(-z)),
    "tanh": lambda z: (anp.exp(z) - anp.exp(-z)) / (anp.exp(z) + anp.exp(-z)),
    "softmax": lambda z: anp.exp(z) / anp.sum(anp.exp(z), axis=1, keepdims=True),
    "log_softmax": lambda z: z - anp.log(anp.sum(anp.exp(z), axis=1, keepdims=True)),
    "batch_norm": lambda x, gamma, beta: (
        gamma * (x - anp.mean(x, axis=0)) / anp.sqrt(anp.var(x, axis=0) + 1e-5) + beta
    ),
}
SHAPES = {
    "linear": lambda n: [(n, D), (D, C), (C,)],
    "batch_norm": lambda n: [(max(n, 2), C), (C,), (C,)],  # one example has no variance
}
# Upstream gradient and the inputs of the forward pass to the gradients by each input.
BACKWARD = {
    "linear": lambda d, x, w, b: nn.linear_backward(d, x, w),
    "relu": lambda d, z: [nn.relu_backward(d, z)],
    "leaky_relu": lambda d, z: [nn.leaky_relu_backward(d, z)],
    "sigmoid": lambda d, z: [nn.sigmoid_backward(d, nn.sigmoid(z))],
    "tanh": lambda d, z: [nn.tanh_backward(d, nn.tanh(z))],
    "softmax": lambda d, z: [nn.softmax_backward(d, nn.softmax(z))],
    "log_softmax": lambda d, z: [nn.log_softmax_backward(d, nn.log_softmax(z))],
    "batch_norm": lambda d, x, gamma, beta: nn.batch_norm_backward(d, x, gamma),
}


def textbook_cross_entropy(z, y):
    rows = TEXTBOOK["log_softmax"](z)[np.arange(len(y)), y]
    return -anp.sum(rows) / len(y)


def textbook_network(activation):
    def loss(x, y, w1, b1, w2, b2):
        a1 = TEXTBOOK[activation](TEXTBOOK["linear"](x, w1, b1))
        return textbook_cross_entropy(TEXTBOOK["linear"](a1, w2, b2), y)

    return loss


def derivatives(f, arrays, by):
    return [autograd.grad(f, i)(*arrays) for i in by]


@pytest.mark.parametrize("n", [1, N])
@pytest.mark.parametrize("name", TEXTBOOK)
def test_functions_agree_with_autograd(name, n, rng):
    shapes = SHAPES.get(name, lambda n: [(n, C)])(n)
    arrays = [2 * rng.standard_normal(shape) for shape in shapes]
    d_out = rng.standard_normal((len(arrays[0]), C))
    assert_agree(getattr(nn, name)(*arrays), TEXTBOOK[name](*arrays))
    expected = derivatives(
        lambda *arrays: anp.sum(TEXTBOOK[name](*arrays) * d_out), arrays, range(len(arrays))
    )
    for gradient, other in zip(BACKWARD[name](d_out, *arrays), expected, strict=True):
        assert_agree(gradient, other)


@pytest.mark.parametrize("n", [1, N])
def test_losses_agree_with_autograd(n, rng):
    z, target, y = *rng.standard_normal((2, n, C)), rng.integers(0, C, n)
    textbook = {
        "softmax_cross_entropy": (lambda z: textbook_cross_entropy(z, y), y),
        "mean_squared_error": (lambda a: anp.mean((a - target) ** 2), target),
    }
    for name, (formula, data) in textbook.items():
        value, gradient = getattr(nn, name)(z, data)
        assert_agree(value, formula(z))
        assert_agree(gradient, autograd.grad(formula)(z))


@pytest.mark.parametrize("n", [1, N])
@pytest.mark.parametrize("name", [name for name in TEXTBOOK if name != "log_softmax"])
def test_layers_agree_with_autograd(name, n, rng):
    layer = {
        "linear": lambda: nn.Linear(D, C, rng=rng, dtype=np.float64),
        "relu": nn.ReLU,
        "leaky_relu": nn.LeakyReLU,
        "sigmoid": nn.Sigmoid,
        "tanh": nn.Tanh,
        "softmax": nn.Softmax,
        "batch_norm": lambda: nn.BatchNorm(D, dtype=np.float64),
    }[name]()
    for array in layer.params.values():
        if array.ndim == 1:
            array += rng.standard_normal(array.shape)
    n = max(n, 2) if name == "batch_norm" else n
    arrays = [rng.standard_normal((n, D)), *layer.params.values()]
    textbook = TEXTBOOK[name]
    out = layer.forward(arrays[0], training=True)
    assert_agree(out, textbook(*arrays))
    d_out = rng.standard_normal(out.shape)
    found = [layer.backward(d_out), *layer.grads.values()]
    expected = derivatives(
        lambda *arrays: anp.sum(textbook(*arrays) * d_out), arrays, range(len(arrays))
    )
    for gradient, other in zip(found, expected, strict=True):
        assert_agree(gradient, other)


def test_dropout_agrees_with_autograd(rng):
    layer, x, d_out = nn.Dropout(0.4, rng=rng), *rng.standard_normal((2, N, D))
    y = layer.forward(x, training=True)
    kept = y != 0  # the mask that was drawn
    assert 0 < kept.sum() < kept.size
    assert_agree(y, x * kept / 0.6)
    assert_agree(layer.backward(d_out), autograd.grad(lambda x: anp.sum(x * kept / 0.6 * d_out))(x))


def test_batch_norm_outside_training_agrees_with_autograd(rng):
    layer = nn.BatchNorm(D, dtype=np.float64)
    for array in (*layer.params.values(), *layer.buffers.values()):
        array += rng.random(D)
    m, v = layer.buffers.values()
    arrays = [rng.standard_normal((N, D)), *layer.params.values()]

    def textbook(x, gamma, beta):
        return gamma * (x - m) / anp.sqrt(v + 1e-5) + beta

    assert_agree(layer.forward(arrays[0]), textbook(*arrays))
    d_out = rng.standard_normal((N, D))
    found = [layer.backward(d_out), *layer.grads.values()]
    expected = derivatives(lambda *a: anp.sum(textbook(*a) * d_out), arrays, range(3))
    for gradient, other in zip(found, expected, strict=True):
        assert_agree(gradient, other)


def network(activation, rng):
    """A network in float64 with one hidden layer, its biases not zero."""
    model = nn.mlp([D, H, C], activation=activation, rng=rng)
    for layer in model.layers:
        layer.params = {name: array.astype(np.float64) for name, array in layer.params.items()}
    for name, array in model.params.items():
        if name.startswith("b"):
            array += 0.3 * rng.standard_normal(array.shape)
    return model


@pytest.mark.parametrize("n", [1, N])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "sigmoid", "tanh"])
def test_a_network_agrees_with_autograd(activation, n, rng):
    model = network(activation, rng)
    x, y = rng.standard_normal((n, D)), rng.integers(0, C, n)
    loss, dz = nn.softmax_cross_entropy(model.forward(x, training=True), y)
    found = {"x": model.backward(dz), **model.grads}
    arrays = [x, y, *model.params.values()]
    assert_agree(loss, textbook_network(activation)(*arrays))
    expected = derivatives(textbook_network(activation), arrays, [0, 2, 3, 4, 5])
    assert list(found) == ["x", "w1", "b1", "w2", "b2"]
    for gradient, other in zip(found.values(), expected, strict=True):
        assert_agree(gradient, other)


# --- SciPy

SCIPY = {
    "relu": lambda z: np.where(z > 0, z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "sigmoid": scipy.special.expit,
    "tanh": np.tanh,
    "softmax": lambda z: scipy.special.softmax(z, axis=1),
    "log_softmax": lambda z: scipy.special.log_softmax(z, axis=1),
}


@pytest.mark.parametrize("name", SCIPY)
@pytest.mark.parametrize("scale", [1, 30, 1e4])
def test_functions_agree_with_scipy(name, scale, rng):
    z = scale * rng.standard_normal((50, 7))
    np.testing.assert_allclose(getattr(nn, name)(z), SCIPY[name](z), rtol=1e-12, atol=1e-300)


# --- scikit-learn


@pytest.mark.parametrize("n", [1, 5])
def test_cross_entropy_agrees_with_scikit_learn(n, rng):
    z, y = rng.standard_normal((n, C)), rng.integers(0, C, n)
    loss, dz = nn.softmax_cross_entropy(z, y)
    p = scipy.special.softmax(z, axis=1)
    np.testing.assert_allclose(loss, log_loss(y, p, labels=range(C)), rtol=1e-12)
    np.testing.assert_allclose(dz, (p - np.eye(C)[y]) / n, rtol=1e-12)


@pytest.mark.parametrize("rate", [1, 0.1])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_a_step_agrees_with_scikit_learn(activation, rate, rng):
    x, y = rng.standard_normal((N, D)), rng.integers(0, C, N)
    peer = MLPClassifier(
        (H,),
        activation={"sigmoid": "logistic"}.get(activation, activation),
        solver="sgd",
        alpha=0,
        batch_size=N,
        learning_rate_init=rate,
        momentum=0,
        random_state=0,
    )
    peer.partial_fit(x, y, classes=range(C))
    model = network(activation, rng)
    w1, w2, b1, b2 = (array.copy() for array in (*peer.coefs_, *peer.intercepts_))
    for name, array in {"w1": w1, "b1": b1, "w2": w2, "b2": b2}.items():
        model.params[name][...] = array
    peer.partial_fit(x, y)

    loss, dz = nn.softmax_cross_entropy(model.forward(x, training=True), y)
    model.backward(dz)
    nn.SGD(rate).step(model)
    assert_agree(loss, peer.loss_)
    after = [model.params[name] for name in ("w1", "w2", "b1", "b2")]
    grads = [model.grads[name] for name in ("w1", "w2", "b1", "b2")]
    others = [*peer.coefs_, *peer.intercepts_]
    for array, gradient, before, other in zip(after, grads, (w1, w2, b1, b2), others, strict=True):
        assert_agree(array, other)
        assert_agree(gradient, (before - other) / rate)
