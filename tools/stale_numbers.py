"""Find the numbers that the text of a lesson repeats and its outputs no longer say.

Outputs are compared and stored anew by commands; sentences are not. So when new outputs are stored,
each number of the text that agrees with an output of before, rounded or as a percentage, and with
none of the new ones, is named: either it has to change or it came from elsewhere.
"""

import re

NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.]*\d)")
FOLLOWED = 20  # characters after the number, to know it by


def _plain(text):
    """Return the text without what separates thousands: 60,000 and 60{}000 are 60000."""
    return re.sub(r"(?<=\d)(?:,|\{\}|\\,)(?=\d{3})", "", text)


def _said(notebook):
    """Return every way to write a number of the outputs: whole, rounded, or in per cent."""
    ways = set()
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            text = output.get("text") or output.get("data", {}).get("text/plain", "")
            for number in set(NUMBER.findall(_plain(text))):
                decimals = len(number.partition(".")[2])
                ways |= {f"{float(number):.{n}f}" for n in range(decimals + 1)}
                ways |= {f"{100 * float(number):.{n}f}" for n in range(max(decimals - 1, 1))}
    return ways


def no_longer_said(new, old):
    """Return the numbers of the new version's text that only the old outputs say, with context."""
    lost = _said(old) - _said(new)
    found = []
    for position, cell in enumerate(new.cells, start=1):
        if cell.cell_type == "markdown":
            text = _plain(cell.source)
            found += [
                f"cell {position}: {' '.join(text[m.start() : m.end() + FOLLOWED].split())}"
                for m in NUMBER.finditer(text)
                if m.group() in lost
            ]
    return found
