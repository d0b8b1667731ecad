"""Files: written beside their target and then renamed, and read without pickle."""

import contextlib
import errno
import os
import secrets
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
    if not path.name:
        raise ValueError(f"{function}: path must name a file, got {str(path)!r}")
    if "\0" in str(path):
        raise ValueError(f"{function}: path must not hold a null character, got {str(path)!r}")
    return path


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """Open a temporary file for writing that takes the place of `path` once all is written."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.{secrets.token_hex(4)}"
    try:
        with open(temporary, "xb") as file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
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


def check_writable(path: str | Path) -> None:
    """Raise OSError unless `path` can be written later; nothing of the trial is left behind."""
    path = Path(path)
    if path.exists() and not path.is_file():
        raise OSError(
            errno.EISDIR, "it is no file" if not path.is_dir() else "it is a folder", path
        )
    blocking = next((p for p in path.parents if p.exists() and not p.is_dir()), None)
    if blocking:
        raise OSError(errno.ENOTDIR, f"{blocking} is no folder", path)
    made = [folder for folder in path.parents if not folder.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent, prefix=f".{path.name}."):
            pass
    finally:
        for folder in made:
            with contextlib.suppress(OSError):  # another program may have used it by now
                folder.rmdir()


def create(path: Path, data: bytes) -> bool:
    """Write a new file, whole or not at all; False if there is one already: it stays."""
    if os.path.lexists(path):
        return False
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with replacing(temporary) as file:
        file.write(data)
    try:
        os.link(temporary, path)  # unlike a renaming, this fails if there is such a file by now
    except FileExistsError:
        return False
    except (AttributeError, NotImplementedError, OSError):
        return _create_without_links(path, data)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _create_without_links(path: Path, data: bytes) -> bool:
    """Do the same on a file system without hard links, where others may see half of the file."""
    try:
        with open(path, "xb") as file:
            file.write(data)
    except FileExistsError:
        return False
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return True
