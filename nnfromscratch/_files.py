"""Files are written beside their target, then renamed: a stop leaves the old one whole."""

import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


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
