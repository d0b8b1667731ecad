"""The digits: all of MNIST inside the package, one-hot labels, a split, and minibatches."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ._foreign import read_unpacked
from ._guards import float_dtype, generator, whole
from .contracts import FloatArray, IntArray, as_array, as_float_array, check_labels, shapes
from .readers import parse_idx

MNIST_FOLDER = Path(__file__).parent / "_mnist"
# SHA-256 of each file's uncompressed bytes.
MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def load_mnist() -> tuple[FloatArray, IntArray, FloatArray, IntArray]:
    """All of MNIST, from the package's own files: no network, under a second.

    Returns:
        x_train (60000, 784) float32 in [0, 1], one image of 28 x 28 pixels per row; y_train
        (60000,) int64, the digits 0 to 9; x_test (10000, 784); y_test (10000,).

    Raises:
        FileNotFoundError: a data file is missing.
        ValueError: a data file is damaged; the message names it.

    Source: LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document
    recognition (1998). Y. LeCun, C. Cortes and C. J. C. Burges, CC BY-SA 3.0.
    """
    images, y, images_test, y_test = map(_mnist_file, MNIST_SHA256)
    x, x_test = (i.reshape(len(i), -1) / np.float32(255) for i in (images, images_test))
    return x, y.astype(np.int64), x_test, y_test.astype(np.int64)


def train_validation_split(
    x: npt.ArrayLike, y: npt.ArrayLike, validation_size: int, *, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Shuffle the examples and set some of them aside.

    Args:
        x: examples, (N, ...), any type.
        y: their labels, (N, ...).
        validation_size: how many examples to set aside, from 1 to N - 1.
        rng: where the randomness comes from.

    Returns:
        x_train, y_train, x_validation, y_validation: copies, no example in both parts.

    Raises:
        TypeError: rng is not a numpy.random.Generator or validation_size is not an integer.
        ValueError: x and y differ in length, or validation_size leaves nothing to train on.
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

    Every example comes exactly once; the last batch is smaller if batch_size does not divide N.

    Args:
        x: examples, (N, ...).
        y: their labels, (N, ...).
        batch_size: examples in a batch, at least 1.
        rng: where the randomness comes from.

    Yields:
        a batch of x and the batch of y that belongs to it, as copies.

    Raises:
        TypeError: rng is not a numpy.random.Generator or batch_size is not an integer.
        ValueError: x and y differ in length or are empty, or batch_size is below 1.
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
    x = as_float_array(function, "x", x) if not isinstance(x, np.ndarray) else x
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


def _mnist_file(name: str) -> np.ndarray:
    path = MNIST_FOLDER / f"{name}.gz"
    advice = (
        "install the package again, or restore the file with `git checkout -- nnfromscratch/_mnist`"
    )
    if not path.exists():
        raise FileNotFoundError(f"load_mnist: {path} is missing; {advice}")
    try:
        content = read_unpacked("load_mnist", path)
    except ValueError as error:
        raise ValueError(f"{error}; {advice}") from None
    if hashlib.sha256(content).hexdigest() != MNIST_SHA256[name]:
        raise ValueError(
            f"load_mnist: {path} is damaged: its SHA-256 is not the published one; {advice}"
        )
    return parse_idx(content, path)
