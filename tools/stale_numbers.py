"""Find the numbers that the text of a lesson repeats and its outputs no longer say.

Outputs are compared and stored anew by commands; sentences are not. So when new outputs are stored,
each number of the text that agrees with an output of before, rounded or as a percentage, and with
none of the new ones, is named: either it has to change or it came from elsewhere.
"""

from nbcompare.numbers import TOKEN

FOLLOWED = 20  # characters after the number, to know it by


def _numbers(text):
    """Yield each number, as nbcompare sees it, without sign and commas, and what it begins."""
    text = text.replace("{,}", ",")  # as in LaTeX
    for match in TOKEN.finditer(text):
        if match.lastgroup == "number":
            said = text[match.start() : match.end() + FOLLOWED]
            yield match.group().lstrip("+-\u2212").replace(",", ""), " ".join(said.split())


def _ways(texts):
    """Return every way to write a number of some texts: whole, rounded, or in per cent."""
    ways = set()
    for number in {number for text in texts for number, _ in _numbers(text)}:
        decimals = len(number.partition(".")[2])
        ways |= {f"{float(number):.{n}f}" for n in range(decimals + 1)}
        ways |= {f"{100 * float(number):.{n}f}" for n in range(max(decimals - 1, 1))}
    return ways


def no_longer_said(notebook, new, old):
    """Return the numbers of a notebook's text that old outputs say and new ones do not."""
    lost = _ways(old) - _ways(new)
    return [
        f"cell {position}: {said}"
        for position, cell in enumerate(notebook.cells, start=1)
        if cell.cell_type == "markdown"
        for number, said in _numbers(cell.source)
        if number in lost
    ]
