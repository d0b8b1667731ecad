"""Results of runs that take too long for a lesson: measured once and kept in the package."""

import difflib
import json
from pathlib import Path

FOLDER = Path(__file__).parent / "_results"
"""The programs in benchmarks/ write here."""


def stored(name: str) -> dict:
    """Return a stored result, with the command that computes it again.

    Args:
        name: "network_a" to "network_e", "ladder", "regularization", "frameworks" or
            "record".

    Raises:
        ValueError: there is no such result.
    """
    known = sorted(path.stem for path in FOLDER.glob("*.json"))
    if not isinstance(name, str) or name not in known:
        near = difflib.get_close_matches(str(name), known, 1)
        ask = f'; did you mean "{near[0]}"?' if near else f"; there are {', '.join(known)}"
        raise ValueError(f"stored: name must be that of a result, got {name!r}{ask}")
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
