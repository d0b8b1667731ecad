"""Every function against a reference that shares no code with it: `nnfromscratch verify`.

The references are plain and slow on purpose. They are closed forms, published facts, round trips,
and loops over Python's own numbers: exact fractions, decimals of 28 digits, and complex numbers,
whose complex steps give a derivative without a formula for it. A check yields pairs of what a
function returned and what it should have returned.
"""

import math

from . import data, functional, initializers, instruments, layers, optimizers, training
from .engine import ENTERED, Case, Row, distance, run

__all__ = ["CASES", "EXEMPT", "Case", "Row", "as_markdown", "as_text", "distance", "run", "verify"]

SUBJECTS = functional, layers, optimizers, initializers, data, training, instruments
CASES = [case for subject in SUBJECTS for case in ENTERED[subject.__name__]]
"""The lines of the table, in their order."""

EXEMPT = {
    "GradientReport": "what check_gradients returns",
    "History": "what fit returns",
    "Layer": "a frame; the layers made of it are checked",
    "Optimizer": "a frame; the optimizers made of it are checked",
    "ShapeError": "an error",
    "TrainingDiverged": "an error",
    "WorkersLost": "an error",
    "plot_history": "draws",
    "plot_layers": "draws",
    "shapes": "checks what goes in and out of a function, and passes it on",
    "short_errors": "sets how errors look",
    "drawing.stored_strokes": "reads stored drawings",
    "show_digits": "draws",
    "show_figure": "draws",
    "show_source": "prints",
    "show_table": "shows",
    "stored": "reads what benchmarks have measured",
    "use_course_style": "sets how drawings look",
}
"""Public names that compute nothing, and why not."""


def verify(*, progress: bool = False) -> list[Row]:
    """Run every check; with `progress`, show a bar."""
    from tqdm import tqdm

    return [run(case) for case in tqdm(CASES, disable=not progress, unit="check", leave=False)]


def as_text(rows: list[Row]) -> str:
    """Return the table for a terminal, with the errors of this machine."""
    lines = [("function", "checked against", "error", "bound", "verdict")]
    for row in rows:
        verdict = "passed" if row.passed else "WRONG"
        lines.append((row.function, row.against, f"{row.error:.2g}", f"{row.bound:.0g}", verdict))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def as_markdown(rows: list[Row]) -> str:
    """Return the table, all of it passed, as a page that is the same on every machine."""
    lines = [
        "# What is verified, and against what",
        "",
        "Written by `nnfromscratch verify --markdown`. `nnfromscratch verify` runs all of it",
        "again, in seconds, with NumPy alone, and prints the errors of the machine at hand; here",
        "they are rounded up to a power of ten, to 1e-14 at least. An error is the largest",
        "difference divided by the largest entry of the reference, and passes up to the bound.",
        "Complex steps read a slope off the imaginary part of f(x + ih) (lesson 04).",
        "",
        "| function | checked against | largest relative error | bound | verdict |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        error = _rounded_up(row.error) if row.bound else "0"
        lines.append(f"| `{row.function}` | {row.against} | {error} | {row.bound:.0g} | passed |")
    lines += ["", "Not in the table, because they compute nothing:", ""]
    lines += [f"- `{name}`: {reason}" for name, reason in EXEMPT.items()]
    return "\n".join(lines) + "\n"


def _rounded_up(error: float) -> str:
    power = max(-14, math.ceil(math.log10(error))) if error else -14
    return f"below {10.0**power:.0g}"
