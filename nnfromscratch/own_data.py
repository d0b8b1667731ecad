"""Your own images: read in whatever form they come, described, and prepared as lesson 01 does.

    nnfromscratch train --data FOLDER

Understood are a folder with a folder of pictures for each class, two IDX files (images and labels),
a CSV file with a label in each line, and an .npz file with two arrays.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ._files import read_npz
from .contracts import FloatArray, IntArray
from .readers import load_digits_csv, load_idx

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp")
FEWEST = 10
"""Images of a class, below which there is too little to learn from and to test on."""
MOST_CLASSES = 1_000
SIDE = 28


class Images(NamedTuple):
    """Images and what is known of them."""

    x: FloatArray
    """Their pixels in [0, 1], (N, rows * columns), float32."""
    y: IntArray
    """Their labels from 0 to C - 1, (N,), int64."""
    classes: tuple[str, ...]
    """The names of the C classes."""
    shape: tuple[int, int]
    """Rows and columns of an image."""


def load_images(
    paths: Sequence[str | Path], *, side: int = SIDE, transposed: bool = False
) -> Images:
    """Images and labels from files of many kinds.

    Args:
        paths: one CSV file, .npz file or folder; or two IDX files, images and labels.
        side: rows and columns to which pictures are brought; arrays keep theirs.
        transposed: swap rows and columns of every image, as EMNIST needs.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: pictures need Pillow.
        ValueError: nothing can be learned from it; the message says what is missing.
    """
    paths = [Path(path) for path in paths]
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"load_images: {path} does not exist")
    if len(paths) == 2:
        x, y, names = (*_idx_pair(*paths, transposed), None)
    elif len(paths) != 1:
        raise ValueError(
            f"load_images: name one file or folder, or two IDX files, not {len(paths)}"
        )
    elif paths[0].is_dir():
        x, y, names = _folder(paths[0], side)
    elif paths[0].suffix == ".npz":
        x, y, names = (*_arrays(paths[0]), None)
    elif ".csv" in paths[0].name.lower() or paths[0].suffix == ".zip":
        x, y = load_digits_csv(paths[0], transposed=transposed)
        x, names = x.reshape(len(x), math.isqrt(x.shape[1]), -1), None
    else:
        raise ValueError(
            f"load_images: {paths[0]} is no folder, .csv or .npz; of IDX name two files, the "
            "images and the labels"
        )
    values, y = np.unique(y, return_inverse=True)
    _check(paths[0], x, y, values)
    names = names or tuple(f"{value}" for value in values)
    return Images(x.reshape(len(x), -1), y.astype(np.int64), names, x.shape[1:])


def _check(path: Path, x: np.ndarray, y: np.ndarray, values: np.ndarray) -> None:
    if len(values) < 2 or len(values) > MOST_CLASSES:
        raise ValueError(
            f"load_images: {path} has {len(values)} different labels; classes are needed, from 2 "
            f"to {MOST_CLASSES:,}. Are the labels numbers to be predicted?"
        )
    if (counts := np.bincount(y)).min() < FEWEST:
        raise ValueError(
            f"load_images: {path} has {counts.min()} images of the class "
            f"{values[counts.argmin()]}; at least {FEWEST} are needed, to learn from some and to "
            "test on others"
        )
    if not np.isfinite(x).all():
        raise ValueError(f"load_images: {path} has pixels that are nan or infinite")


def _scaled(images: np.ndarray) -> FloatArray:
    """Pixels in [0, 1]: whole numbers by their type's largest, fractions as they are."""
    if images.dtype.kind in "bu":
        largest = 1 if images.dtype.kind == "b" else np.iinfo(images.dtype).max
        return images.astype(np.float32) / np.float32(largest)
    return images.astype(np.float32) / np.float32(255 if images.max() > 1 else 1)


def _idx_pair(first: Path, second: Path, transposed: bool) -> tuple[FloatArray, IntArray]:
    arrays = load_idx(first), load_idx(second)
    if sorted(array.ndim for array in arrays) != [1, 3]:
        shapes = " and ".join(str(array.shape) for array in arrays)
        raise ValueError(
            f"load_images: {first} and {second} have shapes {shapes}; images (N, rows, columns) "
            "and labels (N,) are needed"
        )
    y, x = sorted(arrays, key=lambda array: array.ndim)
    if len(x) != len(y):
        raise ValueError(
            f"load_images: {first} and {second} have {len(x)} images and {len(y)} labels; are they "
            "of the same part, training or test?"
        )
    return _scaled(x.swapaxes(1, 2) if transposed else x), y


def _arrays(path: Path) -> tuple[FloatArray, IntArray]:
    arrays = read_npz("load_images", path)
    labels = {name: a for name, a in arrays.items() if a.ndim == 1 and a.dtype.kind in "iuUb"}
    images = {name: a for name, a in arrays.items() if a.ndim in (2, 3) and a.dtype.kind in "biuf"}
    pairs = [(x, y) for x in images for y in labels if len(images[x]) == len(labels[y])]
    if len(pairs) != 1:
        found = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(
            f"load_images: {path} must hold one array of images, (N, rows, columns) or (N, D), and "
            f"one of labels, (N,); it holds {found}"
        )
    ((name, label),) = pairs
    x = images[name]
    if x.ndim == 2:
        side = math.isqrt(x.shape[1])
        if side * side != x.shape[1]:
            raise ValueError(
                f"load_images: {path}: {name} {x.shape} has no square images in its rows"
            )
        x = x.reshape(len(x), side, side)
    return _scaled(x), labels[label]


def _folder(folder: Path, side: int) -> tuple[FloatArray, IntArray, tuple[str, ...]]:
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
    files = [(path, i) for i, inner in enumerate(classes) for path in _pictures(inner)]
    if not files:
        loose = sum(1 for _ in _pictures(folder))
        raise ValueError(
            f"load_images: {folder} must hold a folder of pictures for each class, named after it"
            + f"; it holds {loose} pictures and no such folder" * bool(loose)
        )
    filled = sorted({i for _, i in files})
    x = np.stack([picture(path, (side, side)) for path, _ in files])
    y = np.array([filled.index(i) for _, i in files])
    return x, y, tuple(classes[i].name for i in filled)


def _pictures(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in PICTURES)


def picture(path: str | Path, shape: tuple[int, int]) -> FloatArray:
    """A picture from a file in grey, (rows, columns) float32 in [0, 1], brought to a shape.

    Raises:
        ImportError: Pillow is missing.
        ValueError: the file is no picture.
    """
    try:
        from PIL import Image
    except ImportError:
        raise ImportError("pictures need Pillow: pip install pillow") from None
    try:
        with Image.open(path) as opened:
            grey = opened.convert("L").resize(shape[::-1], Image.Resampling.LANCZOS)
    except OSError as error:
        raise ValueError(f"picture: {path} cannot be read as a picture: {error}") from None
    return np.asarray(grey, np.float32) / np.float32(255)


def describe(images: Images) -> str:
    """What somebody should know of images before training, in a few lines."""
    x, y, classes, (rows, columns) = images
    counts = np.bincount(y, minlength=len(classes))
    few, many = counts.argmin(), counts.argmax()
    duplicates = len(x) - len(np.unique(x, axis=0))
    same = int((np.ptp(x, axis=0) == 0).sum())
    most, wrong = classes[many], 1 - counts[many] / len(x)
    shares = (
        f"from {counts[few] / len(x):.1%} ({classes[few]}) to {counts[many] / len(x):.1%} ({most})"
    )
    if counts[few] == counts[many]:
        shares = f"{1 - wrong:.1%} in each"
    lines = [
        f"{len(x):,} images of {rows} x {columns} pixels in {len(classes)} classes",
        f"{shares}: always saying {most} is {wrong:.1%} wrong",
        f"pixels from {x.min():.3g} to {x.max():.3g}, mean {x.mean():.3f}; {same} of {x.shape[1]} "
        "pixels are the same in all images",
        f"{duplicates:,} images are exact copies of others",
    ]
    if duplicates > len(x) / 100:
        lines.append("copies on both sides of a split make the test error too small: remove them")
    return "\n".join(lines)
