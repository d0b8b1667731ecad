"""A page about a class: scores, mistakes by frequency, blanks nobody solved, all that was found."""

import base64
import html
import io
from collections import Counter
from datetime import date

from ..exercises._exercise import BLANK
from .examine import WRONG
from .layout import Course

STYLE = """
body { font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1em 0 } td, th { padding: .2em .8em; text-align: left }
tr:nth-child(even) { background: #f2f2f2 } td.n { text-align: right } img { max-width: 100% }
"""
COLOUR = "#0072b2"


def page(course: Course, rows: list[dict], *, anonymous: bool = False) -> str:
    """Return the page as HTML with its figures in it.

    Args:
        course: the course.
        rows: of the grades, as export writes them.
        anonymous: whether nobody is named, so that it can be shown to the class.
    """
    title = f"{course.root.name}, {date.today():%d %B %Y}"
    parts = [f"<h1>{_safe(title)}</h1>"]
    for name in course.released():
        mine = [row for row in rows if row["set"] == name]
        results = {row["student"]: course.result(row["student"], name) for row in mine}
        results = {student: result for student, result in results.items() if result}
        parts.append(f"<h2>{_safe(name)}</h2>")
        handed = [row for row in mine if "not submitted" not in row["flags"]]
        parts.append(f"<p>{len(handed)} of {len(mine)} students in the gradebook handed it in.</p>")
        if results:
            parts += _of_set(course, name, handed, results, anonymous)
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>'
        f"{_safe(title)}</title><style>{STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )


def _of_set(
    course: Course, name: str, rows: list[dict], results: dict[str, dict], anonymous: bool
) -> list[str]:
    source = course.source(name)
    checks = {check.grade_id: check for check in source.checks}
    total = sum(check.points for check in source.checks)
    verdicts = [v for result in results.values() for v in result["verdicts"]]
    scores = [sum(v["points"] for v in result["verdicts"]) for result in results.values()]
    solved = {k: sum(not v["mistake"] for v in verdicts if v["grade_id"] == k) for k in checks}
    waiting = [row["student"] for row in rows if row["waiting for a person"]]
    median = sorted(scores)[len(scores) // 2]
    parts = [
        f"<p>{len(waiting)} wait for a person: their open question, or a file that could not be "
        "read. The scores below are those of the checks alone.</p>",
        f"<details><summary>Who waits</summary>{_safe(', '.join(waiting))}</details>"
        * bool(waiting and not anonymous),
    ]
    if not checks:  # open questions alone
        return [*parts, "<h3>What was found in the files</h3>", _found(results, anonymous)]
    parts += [
        _figure(
            lambda axes: _histogram(axes, scores, total),
            f"Histogram of the scores of {len(scores)} submissions, from {min(scores):g} to "
            f"{max(scores):g} of {total:g} points; half have {median:g} or more.",
        ),
        _figure(
            lambda axes: _solved(axes, solved, len(results)),
            f"Bars: {', '.join(f'{_blank(k)} solved by {n}' for k, n in solved.items())}.",
        ),
    ]
    nobody = [_blank(k) for k, count in solved.items() if not count]
    words = (
        f"Nobody solved {_safe(', '.join(nobody))}."
        if nobody
        else "Every blank was solved by somebody."
    )
    parts += [f"<p>{words}</p>", "<h3>Mistakes, by frequency</h3>"]
    apart = {BLANK, "unreadable", WRONG}  # no mistakes: nothing was written, or nothing read
    mistakes = Counter(
        (v["grade_id"], v["mistake"]) for v in verdicts if v["mistake"] not in ("", *apart)
    )
    ordered = sorted(mistakes.items(), key=lambda item: (-item[1], item[0]))
    parts.append(
        _table(
            ("submissions", "blank", "mistake"),
            [(n, _blank(blank), mistake) for (blank, mistake), n in ordered],
        )
    )
    blank = Counter(v["grade_id"] for v in verdicts if v["mistake"] == BLANK)
    if blank:
        counts = ", ".join(f"{_blank(grade_id)} ({n})" for grade_id, n in blank.most_common())
        parts.append(f"<p>Still blank: {_safe(counts)}.</p>")
    part = Counter(v["grade_id"] for v in verdicts if v["mistake"] and v["points"])
    if part:
        counts = ", ".join(f"{_blank(grade_id)} ({n})" for grade_id, n in part.most_common())
        parts.append(f"<p>Wrong, and given a part of the points: {_safe(counts)}.</p>")
    unread = sum(
        any(v["mistake"] in apart - {BLANK} for v in r["verdicts"]) for r in results.values()
    )
    if unread:
        parts.append(f"<p>{unread} submissions could not be read, or are another notebook.</p>")
    parts += ["<h3>What was found in the files</h3>", _found(results, anonymous)]
    return parts


def _found(results: dict[str, dict], anonymous: bool) -> str:
    """Return a row for each student and kind, or for each kind alone where nobody is named."""
    found: dict[tuple[str, str], list[str]] = {}
    for student, result in sorted(results.items()):
        for kind, sentence in result["findings"]:
            kind = "needs a human: " + kind if kind in ("unreadable", WRONG) else kind
            found.setdefault((student, kind), []).append(sentence)
    if not found:
        return "<p>Nothing odd.</p>"
    if anonymous:
        counts = Counter(kind for _, kind in found)
        return _table(("submissions", "kind"), [(n, kind) for kind, n in counts.most_common()])
    rows = [(*one, " ".join(dict.fromkeys(words))) for one, words in found.items()]
    return _table(("student", "kind", "what"), rows)


def _blank(grade_id: str) -> str:
    return grade_id.removeprefix("check_")


def _safe(text: object) -> str:
    return html.escape(str(text))


def _table(heads: tuple, rows: list[tuple]) -> str:
    lines = ["<table><tr>" + "".join(f"<th>{head}</th>" for head in heads) + "</tr>"]
    for row in rows:
        cells = [f"<td{' class=n' * isinstance(c, int)}>{_safe(c)}</td>" for c in row]
        lines.append("<tr>" + "".join(cells) + "</tr>")
    return "\n".join([*lines, "</table>"])


def _figure(draw, alt: str) -> str:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure.add_subplot())
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=100)
    text = base64.b64encode(data.getvalue()).decode()
    return f'<img src="data:image/png;base64,{text}" alt="{_safe(alt)}">'


def _histogram(axes, scores: list[float], total: float) -> None:
    step = 1.0 if all(score == int(score) for score in scores) else 0.5
    edges = [(i - 0.5) * step for i in range(int(total / step) + 2)]
    axes.hist(scores, edges, color=COLOUR, rwidth=0.9)
    axes.set(xlabel=f"points, of {total:g}", ylabel="submissions")
    axes.yaxis.get_major_locator().set_params(integer=True)


def _solved(axes, solved: dict[str, int], count: int) -> None:
    names = [_blank(name) for name in solved]
    axes.barh(names, list(solved.values()), color=COLOUR)
    axes.invert_yaxis()
    axes.set(xlabel=f"solved, of {count} submissions", xlim=(0, count))
