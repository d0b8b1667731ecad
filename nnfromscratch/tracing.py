"""The shapes of a network, layer by layer."""

import copy
from typing import NamedTuple

import numpy as np

from .contracts import FloatArray, IntArray, as_array
from .layers import BatchNorm, Dropout, Linear
from .losses import softmax_cross_entropy
from .model import Sequential, as_model


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


def there_and_back(
    model: Sequential, x: FloatArray, y: IntArray, training: bool = True
) -> tuple[list[FloatArray], list[FloatArray], np.floating]:
    """Run this very model forward and backward under softmax cross-entropy.

    Returns:
        x and every layer's outputs, the gradient of the loss by each of them, and the loss.
    """
    outputs = [x]
    for layer in model.layers:
        outputs.append(layer.forward(outputs[-1], training))
    loss, d_out = softmax_cross_entropy(outputs[-1], y)
    gradients = [d_out]
    for layer in reversed(model.layers):
        gradients.insert(0, layer.backward(gradients[0]))
    return outputs, gradients, loss


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
    model = copy.deepcopy(as_model("trace_shapes", model))
    outputs, gradients, loss = there_and_back(model, as_array("trace_shapes", "x", x), y)

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
