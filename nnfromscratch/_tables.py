"""Tables of numbers in text: CSV as people have it, or what is wrong with it, in plain words."""

import csv
import re
import warnings
from typing import NamedTuple

import numpy as np

from ._foreign import foreign


class Table(NamedTuple):
    """The names of the columns, if there are any, and the numbers, (rows, columns) float32."""

    names: list[str]
    numbers: np.ndarray


def read_table(content: bytes) -> Table:
    """The numbers in a text of lines and columns.

    Columns may be separated by commas, semicolons, tabs, bars or blanks, values may be quoted, and
    a first line of names and blank lines are left out of the numbers.

    Raises:
        ValueError: this is no such text; the message goes on after the file's name.
    """
    if kind := foreign(content):
        raise ValueError(f"is {kind}")
    lines = {n: line for n, line in enumerate(_text(content).splitlines(), 1) if _is_filled(line)}
    separator = _separator(lines)
    names = _names(lines, separator)
    if not lines:
        raise ValueError("holds no images")
    try:
        with warnings.catch_warnings(), np.errstate(over="ignore"):
            warnings.simplefilter("ignore")  # numbers beyond float32 become infinity
            numbers = np.loadtxt(
                list(lines.values()),
                delimiter=separator,
                dtype=np.float32,
                comments=None,
                ndmin=2,
                quotechar='"',
            )
    except ValueError as error:
        raise ValueError(_first_fault(lines, separator) or f"cannot be read: {error}") from None
    if not np.isfinite(numbers).all():
        raise ValueError(_first_fault(lines, separator) or "holds numbers that are too large")
    if names and len(names) != numbers.shape[1]:
        raise ValueError(f"names {len(names)} columns, but has {numbers.shape[1]}")
    return Table(names, numbers)


def _text(content: bytes) -> str:
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    if not utf16 and b"\0" in content[:1000]:
        raise ValueError("is no text in UTF-8; save it as CSV in UTF-8")
    return content.decode("utf-16" if utf16 else "utf-8-sig", errors="replace")


def _is_filled(line: str) -> bool:
    return bool(line.strip(' \t,;|"'))


def _separator(lines: dict[int, str]) -> str | None:
    """What separates the columns, None for blanks; a line such as `sep=;` is taken out."""
    if not lines:
        return ","
    first, last = next(iter(lines)), next(reversed(lines))
    said = re.fullmatch(r'\s*"?sep=([,;|\t])"?\s*', lines[first], re.IGNORECASE)
    if said:
        del lines[first]
        return said[1]
    found = [separator for separator in ";\t|," if separator in lines[last]]
    return found[0] if found else None if " " in lines[last].strip() else ","


def _names(lines: dict[int, str], separator: str | None) -> list[str]:
    """The names in the first line, which is taken out; none if it holds numbers."""
    first = next(iter(lines), None)
    cells = _cells(lines[first], separator) if lines else []
    named = next((not _is_number(cell) for cell in cells if cell), False)
    # Names by position, as of a table without names that was saved with them.
    numbered = len(cells) > 5 and cells == [str(i) for i in range(len(cells))]
    if named or numbered:
        del lines[first]
    return cells if named else []


def _cells(line: str, separator: str | None) -> list[str]:
    if separator is None:
        return line.split()
    try:
        (cells,) = csv.reader([line], delimiter=separator, skipinitialspace=True)
    except csv.Error:
        return line.split(separator)
    return [cell.strip() for cell in cells]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _first_fault(lines: dict[int, str], separator: str | None) -> str:
    """Say where the first row of another length or the first cell without a number stands."""
    columns = None
    for n, line in lines.items():
        cells = _cells(line, separator)
        columns = columns or (len(cells), n)
        if len(cells) != columns[0]:
            return f"has {len(cells)} values in line {n}, but {columns[0]} in line {columns[1]}"
        for column, cell in enumerate(cells, 1):
            if not cell:
                return f"has no value in line {n}, column {column}"
            if not (_is_number(cell) and abs(float(cell)) < 1e38):
                return f"has {cell[:20]!r} in line {n}, column {column}, where a number is needed"
    return ""
