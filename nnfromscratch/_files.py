"""Files: written beside their target and then renamed, read and unpacked, and named if foreign."""

import contextlib
import errno
import gzip
import io
import os
import secrets
import tempfile
import zipfile
import zlib
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


def read_unpacked(function: str, path: Path, ending: str = "") -> bytes:
    """Return a file's bytes; gzip is unpacked, and so is a zip with one file (of that ending)."""
    content = path.read_bytes()
    try:
        if content.startswith(b"PK\3\4"):
            content = _only_member(content, ending)
        return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    except (EOFError, OSError, zlib.error, zipfile.BadZipFile) as error:
        raise ValueError(f"{function}: {path} is damaged: {error}") from None
    except (RuntimeError, NotImplementedError, ValueError) as error:  # locked, rare, or many files
        raise ValueError(f"{function}: {path} cannot be unpacked: {error}") from None


def _only_member(content: bytes, ending: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        names = [name for name in names if not name.startswith((".", "__MACOSX/"))]
        if "[Content_Types].xml" in names:
            raise ValueError(
                "it is an Excel workbook or another document of Office; save it as CSV"
            )
        wanted = names if len(names) == 1 else [n for n in names if n.lower().endswith(ending)]
        if len(wanted) != 1:
            few = ", ".join(names[:5]) + ", ..." * (len(names) > 5)
            raise ValueError(f"it holds {len(names)} files ({few}); unpack it and name one of them")
        return archive.read(wanted[0])


FOREIGN = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "compressed twice",
    b"PK\3\4": "compressed twice",
    b"BZh": "compressed with bzip2; unpack it first",
    b"\xfd7zXZ": "compressed with xz; unpack it first",
    b"\x28\xb5\x2f\xfd": "compressed with Zstandard; unpack it first",
    b"7z\xbc\xaf": "a 7-Zip archive; unpack it first",
    b"Rar!": "a RAR archive; unpack it first",
    b"\x93NUMPY": "an array saved by NumPy; numpy.load reads it",
    b"\x89HDF": "an HDF5 file",
    b"PAR1": "a Parquet table; save it as CSV",
    b"\xd0\xcf\x11\xe0": "an Excel workbook; save it as CSV",
    b"\0\0\x08": "an IDX file; load_idx reads it",
    b"<": "a web page or other markup; the download went wrong",
    b"version https://git-lfs": "a pointer of Git LFS; `git lfs pull` fetches the file itself",
    b"{": "JSON",
    b"[": "JSON",
    b"@": "an ARFF table; save it as CSV",
}


def foreign(content: bytes) -> str:
    """Say what a file of another kind is, as far as its first bytes tell; else an empty string."""
    begin = content[:200].removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    return next((kind for start, kind in FOREIGN.items() if begin.startswith(start)), "")


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
