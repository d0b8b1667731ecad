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
from .readers import LABEL_NAMES, load_digits_csv, load_idx, scaled, whole_labels

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp")
LABELS = (*LABEL_NAMES, "labels", "classes", "digits", "targets")
"""What the labels are called where there are other arrays beside them."""
FEWEST = 10
"""Images of a class, below which there is too little to learn from and to test on."""
MOST_CLASSES = 1_000
SIDE = 28
LISTED = 10
"""Files that a line about them names at most."""


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
    left_out: tuple[str, ...] = ()
    """What of a folder is not among them, in lines that `describe` repeats."""


def load_images(
    paths: Sequence[str | Path],
    *,
    side: int = SIDE,
    transposed: bool = False,
    label_column: int | str | None = None,
) -> Images:
    """Images and labels from files of many kinds.

    Pictures that cannot be read are left out. What lies below a name that begins with a dot or
    with `__MACOSX` is no picture of yours, and is passed over.

    Args:
        paths: one CSV file, .npz file or folder; or two IDX files, images and labels.
        side: rows and columns to which pictures are brought; arrays keep theirs.
        transposed: swap rows and columns of every image, as EMNIST needs.
        label_column: the name or the position of the label's column in a CSV file.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: pictures need Pillow.
        ValueError: nothing can be learned from it, or it may be meant in more than one way; the
            message says what is missing.
    """
    files = [Path(path) for path in paths]
    for path in files:
        if not path.exists():
            raise FileNotFoundError(f"load_images: {path} does not exist")
    x, y, names, left_out = _read(files, side, label_column)
    where = " and ".join(map(str, files))
    try:
        x = scaled(x, binary=x.dtype.kind in "bf")
        y = whole_labels(y) if y.dtype.kind == "f" else y
    except ValueError as error:
        raise ValueError(f"load_images: {where} {error}") from None
    values, y = np.unique(y, return_inverse=True)
    names = names or tuple(f"{value}" for value in values)
    _check(where + _in_brackets(left_out), y, names)
    x = x.swapaxes(1, 2) if transposed else x
    return Images(x.reshape(len(x), -1), y.astype(np.int64), names, x.shape[1:], left_out)


class _Found(NamedTuple):
    """What is in files: images (N, rows, columns) and labels (N,) of any type, and their names."""

    x: np.ndarray
    y: np.ndarray
    classes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def _read(paths: list[Path], side: int, label_column: int | str | None) -> _Found:
    if len(paths) not in (1, 2):
        raise ValueError(
            f"load_images: name one file or folder, or two IDX files, not {len(paths)}"
        )
    path = paths[0]
    single = len(paths) == 1
    if single and path.is_file() and (".csv" in path.name.lower() or path.suffix == ".zip"):
        x, y = load_digits_csv(path, label_column=label_column)
        return _Found(x.reshape(len(x), math.isqrt(x.shape[1]), -1), y)
    if label_column is not None:
        raise ValueError(f"load_images: label_column is for CSV files, but {path} is none")
    if not single:
        return _idx_pair(*paths)
    if path.is_dir():
        return _folder(path, side)
    if path.suffix == ".npz":
        return _arrays(path)
    raise ValueError(
        f"load_images: {path} is no folder, .csv or .npz; of IDX name two files, the images and "
        "the labels"
    )


def _check(where: str, y: IntArray, names: tuple[str, ...]) -> None:
    if len(names) < 2 or len(names) > MOST_CLASSES:
        raise ValueError(
            f"load_images: {where} has {len(names)} different labels; classes are needed, from 2 "
            f"to {MOST_CLASSES:,}. Are the labels numbers to be predicted?"
        )
    if (counts := np.bincount(y)).min() < FEWEST:
        raise ValueError(
            f"load_images: {where} has {counts.min()} images of the class "
            f"{names[counts.argmin()]}; at least {FEWEST} are needed, to learn from some and to "
            "test on others"
        )


def _idx_pair(first: Path, second: Path) -> _Found:
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
    return _Found(x, y)


def _arrays(path: Path) -> _Found:
    try:
        arrays = read_npz("load_images", path)
    except ValueError as error:
        reason = "it is damaged, or no .npz file"
        if "Object arrays" in str(error):  # in NumPy's words
            reason = (
                "it holds an array of Python objects, and reading those may run any code; save "
                "y.astype(str) for labels, and np.stack(x) for images"
            )
        raise ValueError(f"load_images: {path} cannot be read as arrays: {reason}") from None
    x, y = _images_and_labels(path, arrays)
    if x.ndim == 2:
        side = math.isqrt(x.shape[1])
        if side * side != x.shape[1]:
            raise ValueError(
                f"load_images: {path} has no square images in the rows of {x.shape}; save them as "
                "(N, rows, columns)"
            )
        x = x.reshape(len(x), side, side)
    return _Found(x, y)


def _images_and_labels(path: Path, arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    named = [array for name, array in arrays.items() if name.lower() in LABELS]
    labels = named if len(named) == 1 else list(arrays.values())
    labels = [array for array in labels if array.ndim == 1 and array.dtype.kind in "biufU"]
    images = [a for a in arrays.values() if a.ndim in (2, 3) and a.dtype.kind in "biuf"]
    pairs = [(x, y) for x in images for y in labels if len(x) == len(y)]
    if len(pairs) != 1:
        found = ", ".join(f"{name} {a.shape} {a.dtype}" for name, a in arrays.items())
        raise ValueError(
            f"load_images: {path} must hold one array of images, (N, rows, columns) or (N, D), and "
            "one of labels, (N,), called labels or y if there are others of this shape; it holds "
            f"{found}. np.savez(path, images=x, labels=y) saves such a pair; labels are y.ravel() "
            "from (N, 1), and y.argmax(axis=1) from one-hot rows (N, C)"
        )
    return pairs[0]


def _folder(folder: Path, side: int) -> _Found:
    # A class may be a link to a folder elsewhere, which rglob follows where it begins alone.
    inside = [path for top in sorted(folder.iterdir()) for path in (top, *sorted(top.rglob("*")))]
    inside = [path.relative_to(folder) for path in inside]
    inside = [path for path in inside if not any(map(_is_of_the_system, path.parts))]
    files = [path for path in inside if (folder / path).is_file()]
    loose = [path for path in files if len(path.parts) == 1 and _is_picture(path)]
    files = [path for path in files if len(path.parts) > 1]
    images, unreadable = _pictures(folder, [path for path in files if _is_picture(path)], side)
    names = sorted({path.parts[0] for path in images})
    folders = [path for path in inside if len(path.parts) == 1 and (folder / path).is_dir()]
    left_out = {
        "pictures that cannot be read": unreadable,
        "folders without a picture": [path for path in folders if path.name not in names],
        f"files that end in none of {' '.join(PICTURES)}": [
            path for path in files if not _is_picture(path)
        ],
        "pictures in no folder of a class": loose,
    }
    lines = tuple(_left_out(what, paths) for what, paths in left_out.items() if paths)
    if not images:
        raise ValueError(
            f"load_images: {folder} must hold a folder of pictures for each class, named after it"
            + _in_brackets(lines)
        )
    y = np.array([names.index(path.parts[0]) for path in images])
    return _Found(np.stack(list(images.values())), y, tuple(names), lines)


def _is_of_the_system(name: str) -> bool:
    return name.startswith((".", "__MACOSX"))


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES


def _pictures(
    folder: Path, paths: list[Path], side: int
) -> tuple[dict[Path, FloatArray], list[Path]]:
    """The pictures in files, and which files cannot be read."""
    images, errors = {}, {}
    for path in paths:
        try:
            images[path] = picture(folder / path, (side, side))
        except ValueError as error:
            errors[path] = error
    if 2 * len(errors) > len(paths):
        raise ValueError(
            f"load_images: {folder}: {len(errors)} of {len(paths)} pictures cannot be read; "
            f"{next(iter(errors.values()))}"
        )
    return images, list(errors)


def _left_out(what: str, paths: list[Path]) -> str:
    some = ", ".join(path.as_posix() for path in paths[:LISTED])
    return f"{what}: {len(paths)} left out, {some}" + ", ..." * (len(paths) > LISTED)


def _in_brackets(lines: tuple[str, ...]) -> str:
    return f" ({'; '.join(lines)})" * bool(lines)


def picture(path: str | Path, shape: tuple[int, int]) -> FloatArray:
    """A picture from a file in grey, (rows, columns) float32 in [0, 1], brought to a shape.

    It is turned as its camera was held, and lies on white paper where it is transparent.

    Raises:
        ImportError: Pillow is missing.
        ValueError: the file is no picture, or does not say what is white.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise ImportError("pictures need Pillow: pip install pillow") from None
    try:
        with Image.open(path) as opened:
            grey = _grey(ImageOps.exif_transpose(opened))
    except Exception as error:  # a damaged picture raises errors of a dozen kinds
        raise ValueError(f"picture: {path} cannot be read as a picture: {error}") from None
    resized = grey.resize(shape[::-1], Image.Resampling.LANCZOS)
    return np.asarray(resized, np.float32) / np.float32(255)


def _grey(image):
    """A picture of Pillow's in 256 greys."""
    from PIL import Image

    if image.mode in ("I", "F"):
        raise ValueError("nothing says which of its numbers of 32 bits is white; save 8 or 16 bits")
    if image.mode.startswith("I;16"):
        return Image.fromarray(np.rint(np.asarray(image) / 257).astype(np.uint8))
    paper = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(paper, image.convert("RGBA")).convert("L")


def describe(images: Images) -> str:
    """What somebody should know of images before training, in a few lines."""
    x, y, classes, (rows, columns), left_out = images
    counts = np.bincount(y, minlength=len(classes))
    few, many = counts.argmin(), counts.argmax()
    duplicates = len(x) - len(set(_rows(x)))
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
        *left_out,
    ]
    if duplicates > len(x) / 100:
        lines.append("copies on both sides of a split make the test error too small: remove them")
    return "\n".join(lines)


def count_copies(x: FloatArray, known: FloatArray) -> int:
    """How many images of x (N, D) are exact copies of some of known (M, D)."""
    rows = set(_rows(known))
    return sum(row in rows for row in _rows(x))


def _rows(x: FloatArray) -> Iterator[bytes]:
    return (row.tobytes() for row in x)
