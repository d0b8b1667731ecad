"""Reverse-mode automatic differentiation: arrays that remember how they were made.

An operation on a `Tensor` returns a new one, which keeps its inputs and for each of them a function
from the slope that arrives to the slope that leaves, its vector-Jacobian product (VJP). `backward`
walks back through all of them and adds where paths meet. Arrays and numbers that are no Tensor are
constants: nothing walks to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from .contracts import FloatArray, IntArray, as_float_array, check_shape
from .errors import ShapeError
from .losses import softmax_cross_entropy

VJP = Callable[[FloatArray], FloatArray]
Parents = Iterable[tuple[Any, VJP]]


class Tensor:
    """An array that remembers the tensors it was made from: a node of the computational graph.

    `data` is the array, any shape, float or complex; `parents` holds pairs (tensor, VJP); `grad`
    is None until a `backward` has passed, and then has the shape of `data`.

    Source: Baydin, Pearlmutter, Radul and Siskind, Automatic differentiation in machine learning: a
    survey (2018), section 3.2.
    """

    __array_ufunc__ = None  # array + tensor is then left to the tensor

    def __init__(self, data: npt.ArrayLike, parents: Parents = ()) -> None:
        self.data = as_float_array("Tensor", "data", data)
        self.parents = [(t, vjp) for t, vjp in parents if isinstance(t, Tensor)]
        self.grad: FloatArray | None = None

    def backward(self, gradient: FloatArray | None = None) -> None:
        """Write the gradient of this tensor into `grad` of all that it was made from.

        A loss needs no argument. For any other tensor, `gradient` is the slope that arrives at it,
        of its shape. What an earlier call left in `grad` is replaced and not added to.

        Raises:
            ShapeError: `gradient` is not of its shape, or missing where it is no single number.
        """
        if gradient is None and self.data.size != 1:
            raise ShapeError(f"backward: {self!r} is no loss; pass the gradient at it")
        gradient = np.ones_like(self.data) if gradient is None else gradient
        arriving = as_float_array("backward", "gradient", gradient)
        check_shape("backward: gradient", arriving, self.data.shape)
        slopes = {self: arriving}
        for tensor in reversed(topological_order(self)):
            tensor.grad = slopes.pop(tensor)
            for parent, vjp in tensor.parents:
                slope = unbroadcast(vjp(tensor.grad), parent.data.shape)
                slopes[parent] = slopes[parent] + slope if parent in slopes else slope

    def __add__(self, other: Any) -> Tensor:
        """Entry by entry, with broadcasting, as all arithmetic here."""
        return Tensor(self.data + data_of(other), [(self, lambda g: g), (other, lambda g: g)])

    def __mul__(self, other: Any) -> Tensor:
        """Entry by entry: the slope along each factor is the other."""
        a, b = self.data, data_of(other)
        return Tensor(a * b, [(self, lambda g: g * b), (other, lambda g: g * a)])

    def __matmul__(self, other: Any) -> Tensor:
        """Product of two matrices: see `matmul`."""
        return matmul(self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        """The same with a constant on the left."""
        return matmul(other, self)

    def __pow__(self, exponent: float) -> Tensor:
        """Each entry to a power that is a constant."""
        a = self.data
        return Tensor(a**exponent, [(self, lambda g: g * exponent * a ** (exponent - 1))])

    def __neg__(self) -> Tensor:
        """The opposite of each entry."""
        return self * -1

    def __sub__(self, other: Any) -> Tensor:
        """A sum with the opposite."""
        return self + -other

    def __rsub__(self, other: Any) -> Tensor:
        """The same with a constant on the left."""
        return -self + other

    def __truediv__(self, other: Any) -> Tensor:
        """A product with the inverse."""
        return self * other**-1.0

    def __rtruediv__(self, other: Any) -> Tensor:
        """The same with a constant on the left."""
        return self**-1.0 * other

    __radd__, __rmul__ = __add__, __mul__

    def exp(self) -> Tensor:
        """Exponential of each entry."""
        out = np.exp(self.data)
        return Tensor(out, [(self, lambda g: g * out)])

    def log(self) -> Tensor:
        """Natural logarithm of each entry."""
        return Tensor(np.log(self.data), [(self, lambda g: g / self.data)])

    def tanh(self) -> Tensor:
        """Hyperbolic tangent of each entry."""
        out = np.tanh(self.data)
        return Tensor(out, [(self, lambda g: g * (1 - out * out))])

    def relu(self) -> Tensor:
        """Each entry where it is positive, else 0; the slope at 0 is taken as 0."""
        is_open = self.data > 0
        return Tensor(self.data * is_open, [(self, lambda g: g * is_open)])

    def sum(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """Sum over one axis or over all: what is summed here is repeated on the way back."""

        def vjp(g: FloatArray) -> FloatArray:
            g = g if axis is None or keepdims else np.expand_dims(g, axis)
            return np.broadcast_to(g, self.data.shape)

        return Tensor(self.data.sum(axis=axis, keepdims=keepdims), [(self, vjp)])

    def __getitem__(self, index: Any) -> Tensor:
        """Entries picked by any index of NumPy; the others get slope 0."""

        def vjp(g: FloatArray) -> FloatArray:
            out = np.zeros_like(self.data)
            np.add.at(out, index, g)  # adds, where an entry was picked twice
            return out

        return Tensor(self.data[index], [(self, vjp)])

    def __repr__(self) -> str:
        """Return the shape, and how many tensors it was made from."""
        return f"Tensor of shape {self.data.shape} with {len(self.parents)} parents"


def data_of(x: Any) -> Any:
    """The array of a tensor, and a constant as it is."""
    return x.data if isinstance(x, Tensor) else x


def matmul(a: Any, b: Any) -> Tensor:
    """Product of two matrices, a (N, D) and b (D, K), at least one of them a tensor.

    The VJPs are those of `functional.linear_backward`: g bᵀ and aᵀ g.

    Raises:
        ShapeError: one of them is no matrix, or they do not fit together.
    """
    x, w = data_of(a), data_of(b)
    if np.ndim(x) != 2 or np.ndim(w) != 2 or np.shape(x)[1] != len(w):
        got = f"{np.shape(x)}, {np.shape(w)}"
        raise ShapeError(f"matmul: (N, D) and (D, K) are needed, got {got}")
    return Tensor(x @ w, [(a, lambda g: g @ w.T), (b, lambda g: x.T @ g)])


def topological_order(root: Tensor) -> list[Tensor]:
    """List root and all that it was made from, each after everything that it was made from.

    Depth first, with a list of what is still to do in place of recursion, which Python stops at a
    depth of 1000. Source: Cormen, Leiserson, Rivest and Stein, Introduction to Algorithms (2009),
    section 22.4.
    """
    order, seen, todo = [], set(), [(root, False)]
    while todo:
        tensor, parents_are_listed = todo.pop()
        if parents_are_listed:
            order.append(tensor)
        elif tensor not in seen:
            seen.add(tensor)
            todo.append((tensor, True))  # comes up again when its parents are done
            todo += [(parent, False) for parent, _ in tensor.parents]
    return order


def unbroadcast(gradient: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Sum a gradient over the axes along which an array of this shape was repeated.

    Broadcasting puts new axes in front and stretches those of length 1. Each repetition is a path
    from the array to the loss, and paths add.
    """
    if gradient.shape == shape:
        return gradient
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    stretched = tuple(axis for axis, size in enumerate(shape) if size == 1)
    return gradient.sum(axis=stretched, keepdims=True)


def cross_entropy(z: Tensor, y: IntArray) -> Tensor:
    """Mean cross-entropy of the softmax of logits z (N, C) against labels y (N,), as one step.

    Its VJP is g (p - t) / N, derived once by hand: see `losses.softmax_cross_entropy`.
    """
    loss, dz = softmax_cross_entropy(z.data, y)
    return Tensor(loss, [(z, lambda g: g * dz)])
