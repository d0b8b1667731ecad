"""The digits: all of MNIST inside the package, readers for such files, splits, minibatches."""

import gzip
import hashlib
import math
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ._files import as_path
from .shapes import (
    FloatArray,
    IntArray,
    ShapeError,
    as_array,
    as_float_array,
    check_float_dtype,
    check_positive_integer,
    check_rng,
)

MNIST_FOLDER = Path(__file__).parent / "_mnist"
# SHA-256 of each file's uncompressed bytes.
MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


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
    images_train, y_train, images_test, y_test = (_mnist_file(name) for name in MNIST_SHA256)
    return (
        _pixels(images_train),
        y_train.astype(np.int64),
        _pixels(images_test),
        y_test.astype(np.int64),
    )


def load_idx(path: str | Path) -> np.ndarray:
    """The array in an IDX file, plain or gzip: MNIST, Fashion-MNIST, EMNIST and the like.

    Args:
        path: the file.

    Returns:
        the array with the shape and type that the file's header names, in native byte order.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not IDX, or is cut short; the message names it.
    """
    array = _parse_idx(_read("load_idx", as_path("load_idx", path)), path)
    return array.astype(array.dtype.newbyteorder("="))


def load_digits_csv(path: str | Path) -> tuple[FloatArray, IntArray]:
    """Images from a CSV file with the label in the first column and pixels 0 to 255 after it.

    This is the form of Kaggle's Digit Recognizer. A first line of column names is skipped. The
    file may be compressed with gzip.

    Args:
        path: the file.

    Returns:
        x (N, D) float32 in [0, 1] and y (N,) int64.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file has no label column, a row of another length, or a value that is
            not a whole number from 0 to 255; the message names the file.
    """
    content = _read("load_digits_csv", as_path("load_digits_csv", path))
    text = content.decode("utf-8-sig", errors="replace")
    lines = [line for line in text.splitlines() if line.strip()]
    header = bool(lines) and not _is_number(lines[0].split(",")[0].strip().strip('"'))
    if len(lines) <= header:
        raise ValueError(f"load_digits_csv: {path} holds no images")
    try:
        with warnings.catch_warnings():
            # Before NumPy 2.3, loadtxt makes 4 of 4.5 and only warns.
            warnings.simplefilter("error", DeprecationWarning)
            table = np.loadtxt(
                lines[header:], delimiter=",", dtype=np.int16, comments=None, ndmin=2
            )
    except ValueError as error:
        raise ValueError(f"load_digits_csv: {path}: {error}") from None
    pixels = table.shape[1] - 1
    if pixels < 1 or math.isqrt(pixels) ** 2 != pixels:
        raise ValueError(
            f"load_digits_csv: {path} has {pixels + 1} columns; a label and a square image are "
            "needed, such as 1 + 784. Is the label column missing?"
        )
    y, x = table[:, 0], table[:, 1:]
    if y.min() < 0 or x.min() < 0 or x.max() > 255:
        raise ValueError(f"load_digits_csv: {path}: labels start at 0 and pixels lie in 0 to 255")
    return x / np.float32(255), y.astype(np.int64)


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
    check_rng("train_validation_split", rng)
    size = check_positive_integer("train_validation_split", "validation_size", validation_size)
    if size >= len(x):
        raise ValueError(
            f"train_validation_split: validation_size must be below the {len(x)} examples, "
            f"got {size}"
        )
    order = rng.permutation(len(x))
    train, validation = order[size:], order[:size]
    return x[train], y[train], x[validation], y[validation]


def one_hot(y: IntArray, classes: int, *, dtype: npt.DTypeLike = np.float32) -> FloatArray:
    """Labels as rows of zeros with a single one.

    t[n, c] = 1 if y[n] = c else 0

    Args:
        y: labels, (N,) integers from 0 to classes - 1.
        classes: C, how many classes there are.
        dtype: float32 or float64.

    Returns:
        t, (N, C).

    Raises:
        ShapeError: y is not (N,).
        TypeError: y does not hold integers, or dtype is another one.
        ValueError: a label is out of range.
    """
    classes = check_positive_integer("one_hot", "classes", classes)
    dtype = check_float_dtype("one_hot", dtype)
    y = as_array("one_hot", "y", y)
    if y.ndim != 1:
        slip = "; did you mean y[:, 0]?" if y.ndim == 2 and y.shape[1] == 1 else ""
        raise ShapeError(f"one_hot: y has shape {y.shape} but (N,) is needed{slip}")
    if y.dtype.kind not in "iu":
        raise TypeError(f"one_hot: y must hold integer labels, got dtype {y.dtype}")
    if len(y) and not 0 <= y.min() <= y.max() < classes:
        raise ValueError(
            f"one_hot: y must hold labels from 0 to {classes - 1}, got {y.min()} to {y.max()}"
        )
    t = np.zeros((len(y), classes), dtype=dtype)
    t[np.arange(len(y)), y] = 1
    return t


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
    check_rng("minibatches", rng)
    batch_size = check_positive_integer("minibatches", "batch_size", batch_size)

    # The checks above run at the call; a generator's body would wait for the first batch.
    def epoch():
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch_size):
            batch = order[start : start + batch_size]
            yield x[batch], y[batch]

    return epoch()


def _pairs(function: str, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    x = as_float_array(function, "x", x) if not isinstance(x, np.ndarray) else x
    y = as_array(function, "y", y)
    if x.ndim == 0 or y.ndim == 0:
        raise ValueError(f"{function}: x and y must have one row or label per example")
    if len(x) != len(y):
        raise ValueError(f"{function}: len(x) is {len(x)} but len(y) is {len(y)}")
    if len(x) == 0:
        raise ValueError(f"{function}: x is empty; at least one example is needed")
    return x, y


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _pixels(images: np.ndarray) -> FloatArray:
    return images.reshape(len(images), -1) / np.float32(255)


def _mnist_file(name: str) -> np.ndarray:
    path = MNIST_FOLDER / f"{name}.gz"
    advice = (
        "install the package again, or restore the file with `git checkout -- nnfromscratch/_mnist`"
    )
    if not path.exists():
        raise FileNotFoundError(f"load_mnist: {path} is missing; {advice}")
    try:
        content = _read("load_mnist", path)
    except ValueError as error:
        raise ValueError(f"{error}; {advice}") from None
    if hashlib.sha256(content).hexdigest() != MNIST_SHA256[name]:
        raise ValueError(
            f"load_mnist: {path} is damaged: its SHA-256 is not the published one; {advice}"
        )
    return _parse_idx(content, path)


def _read(function: str, path: Path) -> bytes:
    content = path.read_bytes()
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{function}: {path} is damaged: {error}") from None


def _parse_idx(content: bytes, path: str | Path) -> np.ndarray:
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in IDX_TYPES:
        raise ValueError(f"load_idx: {path} is not an IDX file: it begins with {content[:4]!r}")
    dtype, rank = np.dtype(IDX_TYPES[content[2]]), content[3]
    start = 4 + 4 * rank
    if len(content) < start:
        raise ValueError(f"load_idx: {path} is cut short inside its header")
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", rank, offset=4))
    needed = math.prod(shape) * dtype.itemsize
    if len(content) - start != needed:
        raise ValueError(
            f"load_idx: {path} is damaged: its header {shape} asks for {needed} bytes of data, "
            f"but {len(content) - start} follow"
        )
    try:
        return np.frombuffer(content, dtype, offset=start).reshape(shape)
    except ValueError as error:  # more dimensions, or sizes, than NumPy can hold
        raise ValueError(f"load_idx: {path} is damaged: {error}") from None
