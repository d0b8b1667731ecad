"""A network is a list of layers: forward runs down the list, backward runs up it."""

import copy
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ._files import as_path, replacing
from .layers import BatchNorm, Dropout, Layer, LeakyReLU, Linear, ReLU, Sigmoid, Tanh
from .losses import softmax_cross_entropy
from .shapes import (
    FloatArray,
    IntArray,
    ShapeError,
    as_array,
    check_instance,
    check_positive_integer,
)

ACTIVATIONS = {"relu": ReLU, "leaky_relu": LeakyReLU, "sigmoid": Sigmoid, "tanh": Tanh}


class Sequential:
    """Layers one after the other.

    `params` and `grads` number the layers' arrays in the course's notation: the first Linear's are
    `w1` and `b1`, the second's `w2` and `b2`. They are the live arrays, not copies.

    Args:
        layers: the layers, first to last; each object may stand in the list once.

    Raises:
        TypeError: something in the list is not a layer.
        ValueError: the list is empty, or a layer stands in it twice.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        if not isinstance(layers, Iterable):
            raise TypeError(f"Sequential: layers must be a list of layers, got {layers!r}")
        self.layers = list(layers)
        if not self.layers:
            raise ValueError("Sequential: layers is empty; at least one layer is needed")
        for layer in self.layers:
            if not isinstance(layer, Layer):
                raise TypeError(
                    f"Sequential: layers must hold layers such as ReLU(), got {layer!r}; "
                    "a class needs its brackets"
                )
        if len({id(layer) for layer in self.layers}) < len(self.layers):
            raise ValueError(
                "Sequential: a layer stands in layers twice, but it remembers only one input; "
                "make a second one"
            )

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """Return the last layer's outputs, (N, C) logits, for a batch x (N, D)."""
        for layer in self.layers:
            x = layer.forward(x, training)
        return x

    def backward(self, d_out: FloatArray, *, need_dx: bool = True) -> FloatArray | None:
        """Fill every layer's `grads` from the gradient by the outputs; return it by the inputs.

        Args:
            d_out: gradient of the loss by the outputs of the latest `forward`, (N, C).
            need_dx: False saves the product below the first layer, which training does not use.
        """
        for layer in reversed(self.layers[1:]):
            d_out = layer.backward(d_out)
        first = self.layers[0]
        if isinstance(first, Linear):
            return first.backward(d_out, need_dx=need_dx)
        return first.backward(d_out)

    @property
    def params(self) -> dict[str, FloatArray]:
        """All parameters by name: w1, b1, w2, b2 and so on."""
        return self._numbered("params")

    @property
    def buffers(self) -> dict[str, FloatArray]:
        """Arrays that are saved but not learned, such as BatchNorm's running averages."""
        return self._numbered("buffers")

    @property
    def grads(self) -> dict[str, FloatArray]:
        """The gradient of the loss by each parameter, under the parameter's name."""
        return self._numbered("grads")

    def _numbered(self, attribute: str) -> dict[str, FloatArray]:
        arrays: dict[str, FloatArray] = {}
        for layer in self.layers:
            for key, array in getattr(layer, attribute).items():
                number = 1
                while f"{key}{number}" in arrays:
                    number += 1
                arrays[f"{key}{number}"] = array
        return arrays

    def predict(self, x: FloatArray, *, batch_size: int = 1_000) -> IntArray:
        """Return the class with the largest logit for each row of x: (N,) integers."""
        batch_size = check_positive_integer("predict", "batch_size", batch_size)
        x = as_array("predict", "x", x)
        if x.ndim == 0:
            raise ShapeError("predict: x has shape () but (N, D) is needed")
        starts = range(0, max(len(x), 1), batch_size)
        logits = [self.forward(x[start : start + batch_size]) for start in starts]
        if logits[0].ndim != 2 or logits[0].shape[1] == 0:
            made = logits[0].shape
            raise ShapeError(
                f"predict: x has shape {x.shape}, which makes outputs {made}, no logits"
            )
        return np.concatenate(logits).argmax(axis=1)

    def save(self, path: str | Path) -> None:
        """Write parameters and buffers to an .npz file, without pickle, in one piece."""
        with replacing(as_path("save", path)) as file:
            np.savez(file, **self.params, **self.buffers)

    def load(self, path: str | Path) -> "Sequential":
        """Read the arrays that `save` wrote for a model of the same sizes; return the model.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is not a saved model, or is one of other sizes.
        """
        self.set_arrays(read_npz("load", path), f"load: {path}")
        return self

    def set_arrays(self, stored: dict[str, np.ndarray], source: str) -> None:
        """Copy arrays into parameters and buffers of the same names, or change nothing and raise.

        Raises:
            TypeError: `stored` is no dict of arrays; the message begins with `source`.
            ValueError: names, shapes or types differ; so does this one.
        """
        if not (
            isinstance(stored, dict) and all(isinstance(a, np.ndarray) for a in stored.values())
        ):
            raise TypeError(f"{source} holds no arrays by name")
        own = self.params | self.buffers
        here = {name: array.shape for name, array in own.items()}
        there = {name: array.shape for name, array in stored.items()}
        if here != there:
            raise ValueError(f"{source} holds another model: {there}, where this has {here}")
        for name, array in stored.items():
            if not np.can_cast(array.dtype, own[name].dtype):
                raise ValueError(
                    f"{source} holds {name} as {array.dtype}, which {own[name].dtype} "
                    "cannot hold without loss"
                )
        for name, array in stored.items():
            own[name][...] = array

    def __repr__(self) -> str:
        """Return a table of the layers, the shapes of their parameters, and the counts."""
        rows = []
        for layer in self.layers:
            shapes = ", ".join(f"{key} {array.shape}" for key, array in layer.params.items())
            count = sum(array.size for array in layer.params.values())
            rows.append(f"  {layer!r:<20} {shapes:<26} {count:>9,}".rstrip())
        total = sum(array.size for array in self.params.values())
        return "\n".join(["Sequential", *rows, f"  {total:,} parameters"])


def read_npz(function: str, path: str | Path) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz file, read without pickle.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no archive of arrays.
    """
    with open(as_path(function, path), "rb") as opened:
        try:
            with np.load(opened, allow_pickle=False) as file:
                arrays = dict(file)
            assert all(isinstance(array, np.ndarray) for array in arrays.values())
        except Exception as error:  # a damaged file raises errors of a dozen kinds
            raise ValueError(f"{function}: {path} is not a saved model ({error})") from None
    return arrays


def mlp(sizes: Sequence[int], *, activation: str = "relu", rng: np.random.Generator) -> Sequential:
    """Multilayer perceptron: affine layers of the given sizes with an activation between them.

    Args:
        sizes: inputs, hidden units of each layer, classes, such as [784, 300, 10].
        activation: "relu", "leaky_relu", "sigmoid" or "tanh".
        rng: where the randomness of the weights comes from.

    Returns:
        a model whose outputs are logits; weights by He's rule, biases zero.

    Raises:
        TypeError: a size is not an integer.
        ValueError: there are fewer than two sizes, a size below 1, or an unknown activation.
    """
    if not isinstance(sizes, Iterable):
        raise TypeError(f"mlp: sizes must be a list such as [784, 300, 10], got {sizes!r}")
    sizes = [check_positive_integer("mlp", f"sizes[{i}]", size) for i, size in enumerate(sizes)]
    if len(sizes) < 2:
        raise ValueError(f"mlp: sizes needs at least inputs and outputs, got {sizes}")
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise ValueError(f"mlp: activation must be one of {known}, got {activation!r}")
    layers: list[Layer] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [Linear(inputs, outputs, rng=rng), ACTIVATIONS[activation]()]
    return Sequential(layers[:-1])


class TracedTensor(NamedTuple):
    """A tensor of the forward pass and the gradient that belongs to it."""

    name: str
    shape: tuple[int, ...]
    gradient: str
    gradient_shape: tuple[int, ...]


class ShapeTrace(list[TracedTensor]):
    """What `trace_shapes` returns: a list of TracedTensor that prints as a table."""

    def __str__(self) -> str:
        """Return the table: forward runs down its left half, backward up its right half."""
        rows = [("forward, down", "", "backward, up", "")]
        rows += [(t.name, str(t.shape), t.gradient, str(t.gradient_shape)) for t in self]
        return "\n".join(f"{a:<14}{b:<14}{c:<14}{d}".rstrip() for a, b, c, d in rows)

    __repr__ = __str__


def trace_shapes(model: Sequential, x: FloatArray, y: IntArray) -> ShapeTrace:
    """Run one forward and one backward pass and note the shape of every tensor on the way.

    Affine layer k makes z_k, batch normalization after it n_k, the activation a_k, dropout m_k; the
    last z holds the logits. Parameters have the names that they have in `model.params`.

    Args:
        model: the network; it is not changed.
        x: a batch, (N, D).
        y: its labels, (N,).

    Returns:
        one entry per tensor in the order of the forward pass, each with its gradient's shape.

    Raises:
        ShapeError: x or y does not fit the model.
    """
    check_instance("trace_shapes", "model", model, Sequential, "mlp([784, 300, 10], rng=rng)")
    model = copy.deepcopy(model)
    outputs = [as_array("trace_shapes", "x", x)]
    for layer in model.layers:
        outputs.append(layer.forward(outputs[-1], True))
    loss, d_out = softmax_cross_entropy(outputs[-1], y)
    gradients = [d_out]
    for layer in reversed(model.layers):
        gradients.insert(0, layer.backward(gradients[0]))

    def traced(name: str, tensor: FloatArray, gradient: FloatArray) -> TracedTensor:
        return TracedTensor(name, tensor.shape, f"d{name}", gradient.shape)

    names = {id(array): name for name, array in model.params.items()}
    trace = ShapeTrace([traced("x", outputs[0], gradients[0])])
    k = 0
    for layer, output, gradient in zip(model.layers, outputs[1:], gradients[1:], strict=True):
        k += isinstance(layer, Linear)
        own = layer.params
        trace += [traced(names[id(own[key])], own[key], layer.grads[key]) for key in own]
        letter = {Linear: "z", BatchNorm: "n", Dropout: "m"}.get(type(layer), "a")
        trace.append(traced(f"{letter}{k}", output, gradient))
    trace.append(TracedTensor("loss", np.shape(loss), "1", ()))
    return trace
