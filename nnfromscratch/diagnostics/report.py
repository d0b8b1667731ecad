"""What `examine` returns: findings in order of suspicion, and what could not be measured."""

import textwrap
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from .causes import CAUSES, explains

WIDTH = 88


class Finding(NamedTuple):
    """One thing that `examine` found wrong."""

    cause: str
    """Its name in `CAUSES`."""
    what: str
    """A sentence with the number behind it."""
    cure: str
    lesson: str
    """The number of the lesson to read."""


def found(cause: str, what: str) -> Finding:
    """Return a finding with the cure and the lesson of its cause."""
    return Finding(cause, what, CAUSES[cause].cure, CAUSES[cause].lesson)


class Number(NamedTuple):
    """A number that was looked at, whatever it said."""

    name: str
    text: str


Results = Iterator[Finding | Number]
Measurement = Callable[..., Results]


class Examination(list[Finding]):
    """What `examine` returns: a list of Finding, most suspicious first, that prints as a report.

    `causes` is the list of their names, `measured` holds the numbers that were looked at.
    """

    def __init__(self, findings: Iterable[Finding] = ()) -> None:
        super().__init__(findings)
        self.measured: dict[str, str] = {}
        self.skipped: dict[str, str] = {}
        """Measurements that could not be made, and the error that prevented each."""
        self.attempted = 0
        """How many measurements were tried."""

    @property
    def causes(self) -> list[str]:
        """The names of what was found, most suspicious first."""
        return [finding.cause for finding in self]

    def include(self, measurement: Measurement, *arguments: object) -> None:
        """Make a measurement; one that fails is noted and does not stop the others."""
        self.attempted += 1
        try:
            for result in measurement(*arguments):
                if isinstance(result, Number):
                    self.measured[result.name] = result.text
                elif result.cause not in self.causes:  # one cause is named once
                    self.append(result)
        except Exception as error:  # whatever a reader's layer or loss may raise
            name = measurement.__name__.strip("_").replace("_", " ")
            self.skipped[name] = said(error)

    def settle(self) -> None:
        """Sort by suspicion, and drop what another finding explains."""
        names = set(self.causes)
        self[:] = [finding for finding in self if not explains(names, finding.cause)]
        self.sort(key=lambda finding: list(CAUSES).index(finding.cause))

    def reasons(self) -> list[str]:
        """Return why measurements could not be made, each reason with their names."""
        by_reason: dict[str, list[str]] = {}
        for name, error in self.skipped.items():
            by_reason.setdefault(error, []).append(name)
        return [f"{error} ({', '.join(names)})" for error, names in by_reason.items()]

    def headline(self) -> str:
        """Return the verdict, and how much of it is missing."""
        head = "most suspicious first" if self else "nothing found"
        if not self.skipped:
            return f"examine, {head}:" if self else f"examine: {head}"
        lost = f"{len(self.skipped)} of {self.attempted} measurements could not be made"
        join = f"examine, {head}, but {lost}" if self else f"examine: {head}, but {lost}"
        return f"{join}: {'; '.join(self.reasons())}"

    def __str__(self) -> str:
        """Return the findings in order of suspicion, then the numbers that were looked at."""
        lines = textwrap.wrap(self.headline(), WIDTH, subsequent_indent="   ")
        for number, finding in enumerate(self, start=1):
            for text in (
                f"{number}. {finding.cause}: {finding.what}",
                f"   try: {finding.cure} (lesson {finding.lesson})",
            ):
                lines += textwrap.wrap(text, WIDTH, subsequent_indent="   ")
        width = max((len(name) for name in self.measured), default=0)
        lines += [f"  {name:<{width}}  {text}" for name, text in self.measured.items()]
        return "\n".join(lines)

    __repr__ = __str__


def said(error: Exception) -> str:
    """Return an error's kind and the first line of its words."""
    words = str(error).strip().splitlines()
    return f"{type(error).__name__}: {words[0]}" if words else type(error).__name__


def plural(count: int, word: str) -> str:
    """Return a count with its word."""
    return f"{count} {word}{'s' * (count != 1)}"
