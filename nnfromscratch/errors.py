"""How a wrong shape is told: in the reader's own lines, and in a sentence."""

import linecache
import sys
import traceback
from pathlib import Path
from typing import Any


class ShapeError(ValueError):
    """An array does not have the shape that a function or a lesson needs.

    A notebook shows the reader's own lines and the message; after `short_errors(False)`, all the
    calls between them too.
    """

    short = True

    def __getattr__(self, name: str) -> Any:
        """Be short in a notebook."""
        # IPython shows what this method returns, and the whole traceback where there is none.
        if name == "_render_traceback_" and ShapeError.short:
            return self._own_lines
        raise AttributeError(name)

    def _own_lines(self) -> list[str]:
        others = (str(Path(__file__).parent), sys.prefix, sys.base_prefix, "<frozen")
        lines = []
        for frame in traceback.extract_tb(self.__traceback__):
            if not frame.filename.startswith(others) and frame.lineno:
                source = linecache.getline(frame.filename, frame.lineno).rstrip()
                lines.append(f"line {frame.lineno}: {source}")
        return [*lines, "", f"{type(self).__name__}: {self}"]


def short_errors(on: bool = True) -> None:
    """Show a ShapeError in a notebook by the reader's own lines alone, or else with everything."""
    ShapeError.short = bool(on)
