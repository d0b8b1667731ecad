"""A network is a list of layers: forward runs down the list, backward runs up it."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ._files import as_path, read_npz, replacing
from ._guards import instance, whole
from .contracts import FloatArray, IntArray, as_array
from .errors import ShapeError
from .layers import Layer, LeakyReLU, Linear, ReLU, Sigmoid, Tanh

ACTIVATIONS = {"relu": ReLU, "leaky_relu": LeakyReLU, "sigmoid": Sigmoid, "tanh": Tanh}


class Sequential:
    """Layers one after the other; each object may stand in the list once.

    `params` and `grads` number the layers' arrays in the course's notation: the first Linear's are
    `w1` and `b1`, the second's `w2` and `b2`. They are the live arrays, not copies.
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
                "Sequential: a layer stands in layers twice, but it keeps only one cache; "
                "make a second one"
            )

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """Return the last layer's outputs, (N, C) logits, for a batch x (N, D)."""
        for layer in self.layers:
            x = layer.forward(x, training)
        return x

    def backward(self, d_out: FloatArray, *, need_dx: bool = True) -> FloatArray | None:
        """Fill every layer's `grads` from the gradient by the outputs; return it by the inputs.

        need_dx=False saves the product below the first layer, a result which training does not use.
        """
        first = self.layers[0]
        first.need_dx = need_dx
        try:
            for layer in reversed(self.layers):
                d_out = layer.backward(d_out)
        finally:
            first.need_dx = True
        return d_out

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

    @property
    def arrays(self) -> dict[str, FloatArray]:
        """All that is saved: parameters and buffers, numbered together."""
        return self._numbered("params", "buffers")

    def _numbered(self, *attributes: str) -> dict[str, FloatArray]:
        arrays: dict[str, FloatArray] = {}
        for layer, attribute in itertools.product(self.layers, attributes):
            for key, array in getattr(layer, attribute).items():
                n = 1
                while f"{key}{n}" in arrays:
                    n += 1
                arrays[f"{key}{n}"] = array
        return arrays

    def predict(self, x: FloatArray, *, batch_size: int = 1_000) -> IntArray:
        """Return the class with the largest logit for each row of x: (N,) integers."""
        batch_size = whole("predict", batch_size=batch_size)
        x = as_array("predict", "x", x)
        if x.ndim < 2:
            raise ShapeError(f"predict: x has shape {x.shape} but (N, D) is needed")
        starts = range(0, max(len(x), 1), batch_size)
        logits = [self.forward(x[start : start + batch_size]) for start in starts]
        if logits[0].ndim != 2 or logits[0].shape[1] == 0:
            made = f"makes outputs {logits[0].shape}, no logits"
            raise ShapeError(f"predict: x has shape {x.shape}, which {made}")
        return np.concatenate(logits).argmax(axis=1)

    def save(self, path: str | Path) -> None:
        """Write parameters and buffers to an .npz file, without pickle, in one piece."""
        with replacing(as_path("save", path)) as file:
            arrays: dict[str, Any] = self.arrays
            np.savez(file, **arrays)

    def load(self, path: str | Path) -> "Sequential":
        """Read the arrays that `save` wrote for a model of the same sizes; return the model.

        Raises FileNotFoundError if there is no such file, ValueError if it is no saved model or one
        of other sizes; then nothing has changed.
        """
        self.set_arrays(read_npz("load", path), f"load: {path}")
        return self

    def set_arrays(self, stored: Mapping[str, np.ndarray], source: str) -> None:
        """Copy arrays into parameters and buffers of the same names, or change nothing and raise.

        Raises TypeError if `stored` holds no arrays by name, ValueError if names, shapes or types
        differ; the messages begin with `source`.
        """
        if not isinstance(stored, Mapping) or not all(
            isinstance(array, np.ndarray) for array in stored.values()
        ):
            raise TypeError(f"{source} holds no arrays by name")
        own = self.arrays
        here = {name: array.shape for name, array in own.items()}
        there = {name: array.shape for name, array in stored.items()}
        if here != there:
            raise ValueError(f"{source} holds another model: {there}, where this has {here}")
        for name, array in stored.items():
            if not own[name].flags.writeable:
                raise ValueError(f"{source} cannot be copied to {name}, which is read-only")
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


def mlp(sizes: Sequence[int], *, activation: str = "relu", rng: np.random.Generator) -> Sequential:
    """Multilayer perceptron: affine layers of the given sizes with an activation between them.

    sizes are inputs, hidden units of each layer, classes, such as [784, 300, 10]; the activation is
    "relu", "leaky_relu", "sigmoid" or "tanh". The outputs are logits; weights follow He's rule.
    """
    if not isinstance(sizes, Iterable):
        raise TypeError(f"mlp: sizes must be a list such as [784, 300, 10], got {sizes!r}")
    sizes = [whole("mlp", **{f"sizes[{i}]": size}) for i, size in enumerate(sizes)]
    if len(sizes) < 2:
        raise ValueError(f"mlp: sizes needs at least inputs and outputs, got {sizes}")
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise ValueError(f"mlp: activation must be one of {known}, got {activation!r}")
    layers: list[Layer] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [Linear(inputs, outputs, rng=rng), ACTIVATIONS[activation]()]
    return Sequential(layers[:-1])


def as_model(function: str, model: Sequential) -> Sequential:
    """Return the model, or raise TypeError and say how to make one."""
    return instance(function, Sequential, "mlp([784, 300, 10], rng=rng)", model=model)
