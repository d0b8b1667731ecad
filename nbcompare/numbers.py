"""Texts compared word by word, and their numbers as numbers.

A text is cut into words, numbers, blanks and the rest. A number is what a reader takes for one:
`conv2d`, `2.4.1`, `0x7f`, `12:30:05`, `model-0.5.npz` and `w1` are words.
"""

import re
from decimal import Decimal
from typing import NamedTuple

TOKEN = re.compile(
    r"""
    (?P<blanks> [ \t\u00a0]+ )
  | (?P<rule> -{3,} | ={3,} | \u2500{3,} )             # a line that is drawn below a heading
  | (?P<word> \x1b\[[\d;]*m                            # a colour
      | [^\W\d]\w*(?:[.-]\w+)*                         # numpy-2.4, loss_0.5.npz
      | \d{1,2}(?::\d\d)+(?:\.\d+)?(?!\d) )            # a time of day
  | (?P<number> (?:(?<![\w)\]])[+\u2212-])?
      (?: (?: (?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)\.\d+ | (?<![\w.])\.\d+ ) (?:[eE][+-]?\d+)?
        | \d+[eE][+-]\d+
        | \d{1,3}(?:,\d{3})+(?!\d) | \d+ )
      (?!\.\w) (?![^\W\d_]*[\d_]) )                    # no version, file name, digest
  | (?P<other> \d\w*(?:\.\w+)* | . )
    """,
    re.VERBOSE,
)


class Token(NamedTuple):
    """A piece of a line, and the blanks before it."""

    blanks: str
    kind: str
    text: str


def tokens(line):
    """Cut a line into its tokens; the last one is its end."""
    found, blanks = [], ""
    for match in TOKEN.finditer(line):
        if match.lastgroup == "blanks":
            blanks += match[0]
        else:
            found.append(Token(blanks, match.lastgroup, match[0]))
            blanks = ""
    return [*found, Token(blanks, "end", "")]


class Number(NamedTuple):
    """A number as it is printed."""

    text: str
    value: Decimal
    unit: Decimal | None
    """One in the last printed place; None for an integer."""

    @classmethod
    def read(cls, text):
        """Read a number as a token holds it."""
        value = Decimal(text.replace("\u2212", "-").replace(",", ""))
        whole = re.search(r"[.eE]", text) is None
        return cls(text, value, None if whole else Decimal((0, (1,), value.as_tuple().exponent)))

    @property
    def digits(self):
        """How many digits are printed, leading zeros left out."""
        return len(self.value.as_tuple().digits)


def one_unit(old, new):
    """Return one unit of the last place for two decimal numbers.

    If they are printed to different places, then either a power of ten lies between them (9.99 and
    10.0, as many digits: the coarser unit, but never more than a tenth), or zeros at the end were
    left out (0.5 and 0.499: the finer).
    """
    if old.unit == new.unit:
        return old.unit
    if old.digits == new.digits:
        return min(max(old.unit, new.unit), max(abs(old.value), abs(new.value)) / 10)
    return min(old.unit, new.unit)


def agree(old_text, new_text, judge, where=""):
    """Tell whether two numbers agree; what is wrong is noted."""
    if old_text == new_text or judge.tolerance.measured:
        return True
    old, new = Number.read(old_text), Number.read(new_text)
    difference = abs(new.value - old.value)
    if old.unit is not None and new.unit is not None:
        judge.saw(difference, old.value)
    if written_differently(old, new):
        off = "it is written differently"
    else:
        allowed, why = limit(old, new, judge.tolerance)
        # Decimals are exact: what is one unit off is not a little more by rounding.
        if difference <= allowed > 0:
            return True
        off = f"off by {difference:g}, allowed {allowed:.3g} ({why})"
    judge.notes.append(f"{where}{old.text} is stored, {new.text} came out: {off}")
    return False


def written_differently(old, new):
    """Tell whether two numbers differ in their form: one an integer, or with a plus, or commas."""
    signs = {old.text[0], new.text[0]}
    plus = "+" in signs and not signs <= set("+-\u2212")
    commas = ("," in old.text) != ("," in new.text) and min(abs(old.value), abs(new.value)) >= 1000
    return (old.unit is None) != (new.unit is None) or plus or commas


def limit(old, new, tolerance):
    """Return how far two numbers of one form may be apart, and why."""
    if old.unit is None:
        why = f"{tolerance.counts} percent" if tolerance.counts else "integers must be equal"
        return tolerance.counts * abs(old.value) / 100, why
    unit, share = one_unit(old, new), tolerance.percent * abs(old.value) / 100
    if share > unit:
        return share, f"{tolerance.percent} percent"
    return unit, "one unit of the last place"


def _blanks_agree(old, new, previous):
    """Tell whether the blanks before a token may differ, where a number changed its width."""
    if "number" in (old.kind, previous):
        return True
    return min(len(old.blanks), len(new.blanks)) > 0 and max(len(old.blanks), len(new.blanks)) > 1


def _line_agrees(old, new, wide, judge, where):
    previous, fine = "", True
    for a, b in zip(old, new, strict=True):
        if a.kind == b.kind == "number":
            fine &= agree(a.text, b.text, judge, where)
        elif not (wide and a.kind == b.kind == "rule") and a[1:] != b[1:]:
            return False
        if a.blanks != b.blanks and not (wide and _blanks_agree(a, b, previous)):
            fine = False
        previous = a.kind
    return fine


def reconcile(old, new, judge, where=""):
    """Return the new text, with each line that agrees with the stored one as it is stored.

    Column widths may move where a number in the text has changed its width.
    """
    old_lines, new_lines = old.split("\n"), new.split("\n")
    if old == new or len(old_lines) != len(new_lines):
        return new
    cut = [(tokens(a), tokens(b)) for a, b in zip(old_lines, new_lines, strict=True)]
    wide = any(
        len(a.text) != len(b.text)
        for one, other in cut
        if len(one) == len(other)
        for a, b in zip(one, other, strict=True)
        if a.kind == b.kind == "number"
    )
    result = []
    for i, (one, other) in enumerate(cut):
        place = f"{where}, line {i + 1}: " if where and len(cut) > 1 else f"{where}: " * bool(where)
        same = old_lines[i] == new_lines[i] or (
            len(one) == len(other) and _line_agrees(one, other, wide, judge, place)
        )
        result.append(old_lines[i] if same else new_lines[i])
    return "\n".join(result)
