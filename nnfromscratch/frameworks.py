"""The course's network in scikit-learn, PyTorch and JAX, each in the framework's own idiom.

The three are imported when they are used, since none is needed for anything else in the package.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .contracts import FloatArray, IntArray
from .data import load_mnist, minibatches
from .functional import linear, linear_backward, relu, relu_backward
from .initializers import he_normal
from .losses import softmax_cross_entropy
from .model import Sequential
from .results import stored

Params = dict[str, FloatArray]
Batches = Sequence[tuple[FloatArray, IntArray]]

STEPS, BATCH_SIZE, LEARNING_RATE = 100, 32, 0.1
BOUND = 1e-10
"""How far a parameter may be from ours after all steps, in float64."""


def same_start() -> tuple[Params, Batches]:
    """Return weights of 784-128-10 and batches, in float64, from which all of them start."""
    rng = np.random.default_rng(18)
    w1 = he_normal((784, 128), rng=rng, dtype=np.float64)
    w2 = he_normal((128, 10), rng=rng, dtype=np.float64)
    params = {"w1": w1, "b1": np.zeros(128), "w2": w2, "b2": np.zeros(10)}
    images, labels, _, _ = load_mnist()
    dealt = minibatches(images, labels, BATCH_SIZE, rng=rng)
    return params, [(x.astype(np.float64), y) for x, y in itertools.islice(dealt, STEPS)]


def numpy_steps(params: Params, batches: Batches, learning_rate: float) -> Params:
    """Take a step of gradient descent on each batch with the backward pass of lesson 03."""
    w1, b1, w2, b2 = params.values()
    for x, y in batches:
        z1 = linear(x, w1, b1)
        a1 = relu(z1)
        _, dz2 = softmax_cross_entropy(linear(a1, w2, b2), y)
        da1, dw2, db2 = linear_backward(dz2, a1, w2)
        _, dw1, db1 = linear_backward(relu_backward(da1, z1), x, w1, need_dx=False)
        w1, b1 = w1 - learning_rate * dw1, b1 - learning_rate * db1
        w2, b2 = w2 - learning_rate * dw2, b2 - learning_rate * db2
    return {"w1": w1, "b1": b1, "w2": w2, "b2": b2}


def sklearn_steps(params: Params, batches: Batches, learning_rate: float) -> Params:
    """Take the same steps with scikit-learn."""
    from sklearn.neural_network import MLPClassifier

    settings = {"momentum": 0.0, "alpha": 0.0, "shuffle": False, "solver": "sgd"}
    model = MLPClassifier((128,), learning_rate_init=learning_rate, **settings)
    model.partial_fit(*batches[0], classes=np.arange(10))  # this makes the arrays
    model.coefs_[0][...], model.intercepts_[0][...] = params["w1"], params["b1"]
    model.coefs_[1][...], model.intercepts_[1][...] = params["w2"], params["b2"]
    for x, y in batches:
        model.partial_fit(x, y)
    (w1, w2), (b1, b2) = model.coefs_, model.intercepts_
    return {"w1": w1, "b1": b1, "w2": w2, "b2": b2}


def pytorch_steps(params: Params, batches: Batches, learning_rate: float) -> Params:
    """Take the same steps with PyTorch."""
    import torch
    from torch import nn

    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10)).double()
    names = {"w1": "0.weight", "b1": "0.bias", "w2": "2.weight", "b2": "2.bias"}
    model.load_state_dict({names[k]: torch.tensor(a.T) for k, a in params.items()})
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)
    for x, y in batches:
        loss = nn.functional.cross_entropy(model(torch.tensor(x)), torch.tensor(y))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    state = model.state_dict()
    return {k: state[name].numpy().T for k, name in names.items()}


def jax_steps(params: Params, batches: Batches, learning_rate: float) -> Params:
    """Take the same steps with JAX."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def loss(params, x, y):
        a1 = jax.nn.relu(x @ params["w1"] + params["b1"])
        log_p = jax.nn.log_softmax(a1 @ params["w2"] + params["b2"])
        return -log_p[jnp.arange(len(y)), y].mean()

    @jax.jit
    def step(params, x, y):
        grads = jax.grad(loss)(params, x, y)
        return jax.tree.map(lambda p, g: p - learning_rate * g, params, grads)

    for x, y in batches:
        params = step(params, x, y)
    return {name: np.asarray(array) for name, array in params.items()}


class Framework(NamedTuple):
    """What a framework is called, imported and installed as, and its steps."""

    module: str
    package: str
    steps: Callable[[Params, Batches, float], Params]


FRAMEWORKS = {
    "scikit-learn": Framework("sklearn", "scikit-learn", sklearn_steps),
    "PyTorch": Framework("torch", "torch", pytorch_steps),
    "JAX": Framework("jax", "jax", jax_steps),
}


class Comparison(NamedTuple):
    """How far a framework's parameters were from ours after the same steps."""

    framework: str
    largest_difference: float
    version: str
    ran_here: bool
    """False if the framework is not installed, so that the stored result is shown."""

    def __str__(self) -> str:
        """Return the same line wherever it ran."""
        package = FRAMEWORKS[self.framework].package
        far = self.largest_difference
        words = f"below {BOUND:.0e}" if far < BOUND else f"{far:.1e}"
        return (
            f"{self.framework} (pip install {package}): after {STEPS} steps, "
            f"largest difference {words}"
        )


def compare(framework: str, params: Params, batches: Batches) -> Comparison:
    """Take the same steps with a framework and with ours, and compare all parameters.

    Where the framework is not installed, the result is the one stored by
    `python -m benchmarks.frameworks`, for the weights and batches of `same_start`.

    Args:
        framework: "scikit-learn", "PyTorch" or "JAX".
        params: w1, b1, w2, b2 of 784-128-10 in float64; not changed.
        batches: pairs of images (N, 784) and labels (N,).

    Raises:
        ValueError: another framework.
    """
    if framework not in FRAMEWORKS:
        known = ", ".join(FRAMEWORKS)
        raise ValueError(f"compare: framework must be one of {known}, got {framework!r}")
    module, _, steps = FRAMEWORKS[framework]
    try:
        version = importlib.import_module(module).__version__
    except ModuleNotFoundError:
        return Comparison(framework, **stored("frameworks")["found"][framework], ran_here=False)
    theirs = steps(params, batches, LEARNING_RATE)
    ours = numpy_steps(params, batches, LEARNING_RATE)
    return Comparison(framework, largest_difference(ours, theirs), version, ran_here=True)


def largest_difference(ours: Params, theirs: Params) -> float:
    """The largest difference between two parameters of the same name."""
    return max(float(np.abs(ours[name] - theirs[name]).max()) for name in ours)


# Weights both ways

TORCH_NAMES = {
    **{"w": "weight", "b": "bias", "gamma": "weight", "beta": "bias"},
    **{"mean": "running_mean", "variance": "running_var"},
}


def to_state_dict(model: Sequential) -> dict[str, np.ndarray]:
    """The arrays of a model as PyTorch's `state_dict` of the same layers: names and layout.

    "0.weight" is the weight of the layer at place 0 in the list, and (out, in) where ours is
    (in, out). The arrays are copies.
    """
    state: dict[str, np.ndarray] = {}
    for place, layer in enumerate(model.layers):
        for name, array in (layer.params | layer.buffers).items():
            state[f"{place}.{TORCH_NAMES[name]}"] = array.T.copy()
        if layer.buffers:
            state[f"{place}.num_batches_tracked"] = np.array(0)  # PyTorch asks for it
    return state


def load_state_dict(model: Sequential, state: Mapping[str, Any]) -> Sequential:
    """Copy a `state_dict` of the same layers, of arrays or tensors, into a model; return the model.

    Raises ValueError or TypeError, and changes nothing, if names or shapes are not those of the
    model, or an array holds something else than real numbers.
    """
    arrays = {name: np.asarray(array) for name, array in state.items()}
    for name, array in arrays.items():
        if array.dtype.kind not in "fiu":
            raise TypeError(f"load_state_dict: {name} must hold numbers, got dtype {array.dtype}")
    here = {name: array.shape for name, array in to_state_dict(model).items()}
    there = {name: array.shape for name, array in arrays.items()}
    if here != there:
        raise ValueError(f"load_state_dict: state holds {there}, where the model has {here}")
    for place, layer in enumerate(model.layers):
        for name, array in (layer.params | layer.buffers).items():
            array[...] = arrays[f"{place}.{TORCH_NAMES[name]}"].T
    return model
