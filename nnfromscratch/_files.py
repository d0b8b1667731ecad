"""Files are written beside their target, then renamed: a stop leaves the old one whole."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np


def as_path(function: str, path: str | Path) -> Path:
    """Return `path` as a Path, or raise an error that names it."""
    try:
        path = Path(path)
    except TypeError:
        got = type(path).__name__
        raise TypeError(f"{function}: path must be a string or a Path, got {got}") from None
    if "\0" in str(path):
        raise ValueError(f"{function}: path must not hold a null character, got {str(path)!r}")
    return path


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """Open a temporary file for writing that takes the place of `path` once all is written."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp lets the owner alone read
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


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
            if not all(isinstance(array, np.ndarray) for array in arrays.values()):
                raise ValueError("it holds something else than arrays")
        except Exception as error:  # a damaged file raises errors of a dozen kinds
            raise ValueError(f"{function}: {path} is not a saved model ({error})") from None
    return arrays
