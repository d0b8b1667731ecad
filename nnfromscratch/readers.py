"""Readers of files that others made: IDX, as MNIST and its relatives come, and CSV."""

import math
from pathlib import Path

import numpy as np

from ._files import as_path
from ._foreign import foreign, read_unpacked
from ._tables import Table, read_table
from .contracts import FloatArray, IntArray

IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
LABEL_NAMES = ("label", "class", "digit", "target", "y")
ID_NAMES = ("id", "index", "imageid", "image_id", "unnamed: 0")
WIDEST_LABELS = 62
"""Classes of digits and letters in both cases, the most that a column without a name may hold."""


def load_idx(path: str | Path, *, transposed: bool = False) -> np.ndarray:
    """The array in an IDX file, plain or compressed: MNIST, Fashion-MNIST, EMNIST and the like.

    The images of EMNIST lie in their files with rows and columns swapped, and no header says so:
    load them with `transposed=True`, and look at some with `show_digits` before you train.

    Args:
        path: the file; it may be compressed with gzip or alone in a zip.
        transposed: swap rows and columns of every image, (N, rows, columns).

    Returns:
        the array with the shape and type that the file's header names, in native byte order.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not IDX, or is cut short; the message names it.
    """
    path = as_path("load_idx", path)
    array = parse_idx(read_unpacked("load_idx", path), path)
    if transposed:
        if array.ndim != 3:
            raise ValueError(f"load_idx: {path} has shape {array.shape}: no images to transpose")
        array = array.swapaxes(1, 2)
    return array.astype(array.dtype.newbyteorder("="), order="C")


def parse_idx(content: bytes, path: str | Path) -> np.ndarray:
    """The array in the bytes of an IDX file, which came from `path`."""
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in IDX_TYPES:
        kind = foreign(content)
        raise ValueError(
            f"load_idx: {path} is not an IDX file: it begins with {content[:4]!r}"
            + f" and is {kind}" * bool(kind)
        )
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


def load_digits_csv(
    path: str | Path, *, label_column: int | str | None = None, transposed: bool = False
) -> tuple[FloatArray, IntArray]:
    """Images from a CSV file, one in a row: a label and the pixels of a square image.

    This is the form of Kaggle's Digit Recognizer: a line of column names, then the label and the
    pixels 0 to 255 in each line. Columns may also be separated by semicolons, tabs or blanks,
    values may be quoted, and the file may be compressed with gzip or alone in a zip.

    The label is in the column called label, class, digit, target or y, or in the first column of a
    file without names, if that looks like labels and the last does not. A column called id or
    index is left out. Pixels that are fractions of 1 stay as they are.

    Args:
        path: the file.
        label_column: the name or the position (0 is the first, -1 the last) of the label's column.
        transposed: the file holds its images with rows and columns swapped, as EMNIST's does;
            turn them upright. Nothing in such a file tells.

    Returns:
        x (N, D) float32 in [0, 1] and y (N,) int64.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not such a table, or it does not say where its labels are or what
            is white; the message names the file.
    """
    path = as_path("load_digits_csv", path)
    if not isinstance(label_column, int | str | None) or isinstance(label_column, bool):
        got = type(label_column).__name__
        raise TypeError(f"load_digits_csv: label_column must be a name or a position, got {got}")
    content = read_unpacked("load_digits_csv", path, ending=".csv")
    try:
        table = read_table(content)
        label, pixels = _label_and_pixels(table, label_column)
        y = whole_labels(table.numbers[:, label])
        x = scaled(table.numbers[:, pixels], binary=False)
    except ValueError as error:
        raise ValueError(f"load_digits_csv: {path} {error}") from None
    if transposed:
        side = math.isqrt(x.shape[1])
        x = x.reshape(-1, side, side).swapaxes(1, 2).reshape(len(x), -1)
    return x, y


def _label_and_pixels(table: Table, wanted: int | str | None) -> tuple[int, list[int]]:
    """Which column holds the label, and which hold pixels."""
    rows, columns = table.numbers.shape
    named = enumerate(name.lower() for name in table.names)
    ids = [i for i, name in named if name in ID_NAMES or (i == 0 and not name)]
    pixels = columns - 1 - len(ids)
    if not _is_square(pixels):
        slips = {
            "Is it a list of answers, such as a submission?": columns == 2,
            "Is the label column missing?": _is_square(pixels + 1),
            "Is there a column of ids, too?": _is_square(pixels - 1),
            "Has it a column for each image? Then transpose it.": _is_square(rows - 1),
        }
        raise ValueError(
            f"has {columns} columns; a label and a square image are needed, such as 1 + 784. "
            + next((slip for slip, fits in slips.items() if fits), "")
        )
    label = _label_column(table, wanted)
    if label in ids:
        raise ValueError(
            f"numbers its images in the column that label_column={wanted!r} names; the labels are "
            "in another"
        )
    return label, [i for i in range(columns) if i != label and i not in ids]


def _label_column(table: Table, wanted: int | str | None) -> int:
    names, columns = table.names, table.numbers.shape[1]
    called = f", called {', '.join(names[:3])}, ..., {names[-1]}" if names else ""
    if isinstance(wanted, int) and -columns <= wanted < columns:
        return wanted % columns
    if wanted in names:
        return names.index(wanted)
    if wanted is not None:
        raise ValueError(f"has no column {wanted!r} for label_column, but {columns}{called}")
    if not names:
        _refuse_doubtful_label(table.numbers)
        return 0
    found = [i for i, name in enumerate(names) if name.lower() in LABEL_NAMES]
    if len(found) != 1:
        many = "more than one" if found else "none"
        raise ValueError(
            f"has {columns} columns{called}, and {many} of them is called "
            f"{', '.join(LABEL_NAMES[:-1])} or {LABEL_NAMES[-1]}; say which holds the label, as in "
            f"label_column={names[0]!r}"
        )
    return found[0]


def _refuse_doubtful_label(numbers: np.ndarray) -> None:
    """Raise ValueError unless the first column looks like labels, and the last does not."""
    first, last = numbers[:, 0], numbers[:, -1]
    if not _like_labels(first) or _like_labels(last):
        raise ValueError(
            f"may hold its labels in the first column, which goes from {first.min():g} to "
            f"{first.max():g}, or in the last, from {last.min():g} to {last.max():g}; say "
            "label_column=0 or label_column=-1"
        )


def _like_labels(column: np.ndarray) -> bool:
    spread = column.max() - column.min()
    return bool(0 < spread < WIDEST_LABELS and (column == np.floor(column)).all())


def _is_square(pixels: int) -> bool:
    return pixels >= 4 and math.isqrt(pixels) ** 2 == pixels


def whole_labels(y: np.ndarray) -> IntArray:
    """Labels that came as floats, as int64.

    Raises:
        ValueError: one is no whole number from 0; the message goes on after the file's name.
    """
    wrong = y[(y != np.floor(y)) | (y < 0) | (y >= 2**15)]
    if wrong.size:
        raise ValueError(f"has the label {wrong[0]:g}; labels are whole numbers from 0")
    return y.astype(np.int64)


def scaled(x: np.ndarray, *, binary: bool) -> FloatArray:
    """Pixels in [0, 1], float32: fractions as they are, whole numbers divided by 255.

    Args:
        x: pixels of images, of any shape and type.
        binary: 0 and 1 alone are black and white, and not the two darkest of 256 greys.

    Raises:
        ValueError: white may be another number; the message goes on after the file's name.
    """
    if not x.size:
        raise ValueError("holds no images")
    low, high = float(x.min()), float(x.max())
    whole = x.dtype.kind != "f" or bool((x == np.floor(x)).all())
    white = 1 if high <= 1 and (binary or not whole) else 255
    # Where all pixels are dark, white is more likely 15, 63 or 4095: images of 4, 6 or 12 bits.
    if not (white / 4 <= high <= white and low >= 0 and (whole or white == 1)):
        raise ValueError(
            f"has pixels from {low:g} to {high:g} ({x.dtype}), so it is not clear what is white: "
            "pixels are fractions up to 1 or whole numbers up to 255, and the largest is at least "
            "a quarter of that; bring yours to 0 to 255 by np.rint(x / white * 255)"
        )
    return np.divide(x, white, dtype=np.float32)
