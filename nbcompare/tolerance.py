"""How far the numbers of a cell may move: read from its tags, asked by the comparisons."""

import re
from dataclasses import dataclass, field
from decimal import Decimal

MEASURED = ("measured", "timing")
WITHIN = re.compile(r"(counts-)?within-(\d+(?:\.\d+)?)-percent")


@dataclass(frozen=True)
class Tolerance:
    """What the tags of a cell allow."""

    percent: Decimal = Decimal(0)
    """How far decimal numbers may be off, beside one unit of the last place."""
    counts: Decimal = Decimal(0)
    """How far integers may be off."""
    measured: bool = False
    """Numbers may be anything: they are measured times."""

    @classmethod
    def from_tags(cls, tags):
        """Read the tags of a cell.

        Raises:
            ValueError: a tag looks like a tolerance and is none, or there are two of a kind.
        """
        found = {}
        for tag in tags:
            if not re.match(r"(counts?-?)?within", tag):
                continue
            match = WITHIN.fullmatch(tag)
            if not match or not 0 < Decimal(match[2]) < 100:
                raise ValueError(
                    f"the tag {tag!r} is no tolerance; write within-5-percent for decimal numbers "
                    "or counts-within-5-percent for integers, more than 0 and less than 100"
                )
            name = "counts" if match[1] else "percent"
            if name in found:
                raise ValueError(f"the tag {tag!r} is the second of its kind in this cell")
            found[name] = Decimal(match[2])
        return cls(**found, measured=any(tag in MEASURED for tag in tags))


@dataclass
class Judge:
    """One comparison of a cell: its tolerance, and what has been seen so far."""

    tolerance: Tolerance
    notes: list[str] = field(default_factory=list)
    """What is off by more than is allowed, a line each."""
    spread: float = 0.0
    """The largest difference between two decimal numbers, by the stored one."""

    def saw(self, difference, stored):
        """Remember a difference between decimal numbers."""
        if stored:
            self.spread = max(self.spread, float(abs(difference / stored)))
