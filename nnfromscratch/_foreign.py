"""Files that others made: unpacked, and called by their names if they are of another kind."""

import gzip
import io
import zipfile
import zlib
from pathlib import Path


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
