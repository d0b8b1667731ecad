"""The digits: all of MNIST inside the package, one-hot labels, a split, and minibatches."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ._guards import float_dtype, generator, whole
from ._mnist_files import MNIST_SHA256, mnist_file
from .contracts import FloatArray, IntArray, as_array, as_float_array, check_labels, shapes


def load_mnist() -> tuple[FloatArray, IntArray, FloatArray, IntArray]:
    """All of MNIST, from the package's own files: no network, under a second.

    Returns x_train (60000, 784) float32 in [0, 1], one image of 28 x 28 pixels per row; y_train
    (60000,) int64, the digits 0 to 9; x_test (10000, 784); y_test (10000,). Raises
    FileNotFoundError if a data file is missing, ValueError if one is damaged.

    Source: LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document
    recognition (1998). Y. LeCun, C. Cortes and C. J. C. Burges, CC BY-SA 3.0.
    """
    images, y, images_test, y_test = map(mnist_file, MNIST_SHA256)
    x, x_test = (i.reshape(len(i), -1) / np.float32(255) for i in (images, images_test))
    return x, y.astype(np.int64), x_test, y_test.astype(np.int64)


def train_validation_split(
    x: npt.ArrayLike, y: npt.ArrayLike, validation_size: int, *, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Shuffle examples x (N, ...) and labels y (N, ...), and set some of them aside.

    validation_size, how many, is from 1 to N - 1; the choice comes from rng. Returns x_train,
    y_train, x_validation, y_validation: copies, no example in both parts. Raises ValueError if x
    and y differ in length, or nothing is left to train on, TypeError for a wrong rng or size.
    """
    x, y = _pairs("train_validation_split", x, y)
    generator("train_validation_split", rng)
    size = whole("train_validation_split", validation_size=validation_size)
    if size >= len(x):
        raise ValueError(
            f"train_validation_split: validation_size must be below the {len(x)} examples, "
            f"got {size}"
        )
    order = rng.permutation(len(x))
    train, validation = order[size:], order[:size]
    return x[train], y[train], x[validation], y[validation]


@shapes("y: N -> N C")
def one_hot(y: IntArray, classes: int, *, dtype: npt.DTypeLike = np.float32) -> FloatArray:
    """Labels as rows of zeros with a single one.

    t[n, c] = 1 if y[n] = c else 0

    classes is C; dtype is float32 or float64.
    """
    classes = whole("one_hot", classes=classes)
    check_labels("one_hot", "y", y, classes)
    return (y[:, np.newaxis] == np.arange(classes)).astype(float_dtype("one_hot", dtype))


def minibatches(
    x: npt.ArrayLike, y: npt.ArrayLike, batch_size: int, *, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """One epoch of minibatches in a fresh random order.

    Every example of x (N, ...) comes exactly once, together with its label in y (N, ...), as
    copies. batch_size is at least 1; the last batch is smaller if it does not divide N. The order
    comes from rng. Raises ValueError if x and y differ in length or are empty, or batch_size is
    below 1, TypeError for a wrong rng or batch_size.
    """
    x, y = _pairs("minibatches", x, y)
    generator("minibatches", rng)
    batch_size = whole("minibatches", batch_size=batch_size)

    # The checks above run at the call; a generator's body would wait for the first batch.
    def epoch() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch_size):
            batch = order[start : start + batch_size]
            yield x[batch], y[batch]

    return epoch()


def _pairs(function: str, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    as_is = isinstance(x, np.ndarray)
    x = as_array(function, "x", x) if as_is else as_float_array(function, "x", x)
    y = as_array(function, "y", y)
    check_pairs(function, x, y)
    return x, y


def check_pairs(function: str, x: np.ndarray, y: np.ndarray) -> None:
    """Raise ValueError unless x has rows, and y one entry for each of them."""
    if x.ndim == 0 or y.ndim == 0:
        raise ValueError(f"{function}: x and y must have one row or label per example")
    if len(x) != len(y):
        raise ValueError(f"{function}: len(x) is {len(x)} but len(y) is {len(y)}")
    if len(x) == 0:
        raise ValueError(f"{function}: x is empty; at least one example is needed")
