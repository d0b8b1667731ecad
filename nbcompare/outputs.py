"""The outputs of a cell, new beside stored: what agrees becomes what is stored."""

import copy
import re
from collections import defaultdict

from . import figure_data, numbers
from .figures import MIME, is_empty
from .tolerance import Judge, Tolerance

# What differs from one version of matplotlib to the next, or follows from the figure's data.
UNCOMPARED = re.compile(
    r"(data:[\w/+.-]+;base64,)[A-Za-z0-9+/=]+|(<details class=\"nbcompare\">).*?(?=</details>)"
)


def _shorten(outputs):
    """Return a copy of outputs without the bytes of pictures in HTML, so that messages are short.

    A picture without bytes stays as it is, so it differs from one that has some.
    """
    result = copy.deepcopy(list(outputs))
    for holder, key in _places(result).values():
        if key == "text/html" and isinstance(holder[key], str):
            holder[key] = UNCOMPARED.sub(lambda found: f"{found[1] or found[2]}...", holder[key])
    return result


def _places(outputs):
    """Return {(what, n): (holder, key)} for each value in some outputs: the n-th of its kind.

    nbval counts like this: outputs of different kinds may change places, those of one may not.
    """
    found, counts = {}, defaultdict(int)
    for output in outputs:
        values = [(output["data"], key, key) for key in output.get("data", {})]
        if output["output_type"] == "stream":
            values.append((output, "text", output["name"]))
        if output["output_type"] == "error":
            values.append((output, "evalue", "error"))
        for holder, key, what in values:
            found[what, counts[what]] = holder, key
            counts[what] += 1
    return found


def reconcile(new, old, tags=()):
    """Return new and stored outputs as they are to be compared: what agrees is the same in both.

    Args:
        new: the outputs that came out, as in a notebook.
        old: those that are stored.
        tags: the tags of the cell.

    Returns:
        copies of new and old, in which equal texts agree, and the Judge with its notes.

    Raises:
        ValueError: a tag looks like a tolerance and is none.
    """
    judge = Judge(Tolerance.from_tags(tags))
    result, reference = _shorten(new), _shorten(old)
    stored = _places(reference)
    for (what, n), (holder, key) in _places(result).items():
        value = holder[key]
        if what == MIME:
            where = f"figure {n + 1}"
            judge.notes += [f"{where}: it shows nothing"] * is_empty(value)
        if (what, n) not in stored:
            continue
        old_holder, old_key = stored[what, n]
        if what == MIME:
            holder[key] = figure_data.reconcile(old_holder[old_key], value, judge, where)
        elif isinstance(value, str) and not what.startswith(("image/", "application/")):
            holder[key] = numbers.reconcile(old_holder[old_key], value, judge, what)
    return result, reference, judge
