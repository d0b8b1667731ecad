"""The data of two figures compared: words exactly, numbers by the length of their axis."""

import math
from dataclasses import replace

from . import numbers
from .figures import NAMES

SHARE = 1e-3
"""Of the length of an axis: less than a pixel of an ordinary picture."""


def reconcile(old, new, judge, where="figure"):
    """Return the stored description if the new one agrees with it; note where it does not."""
    before = len(judge.notes)
    judge = _judge_of(old, new, judge, where)
    for name in ("title", "text"):
        _texts(old[f"{name}s"], new[f"{name}s"], judge, f"{where}: {name}")
    if len(old["axes"]) != len(new["axes"]):
        judge.notes.append(f"{where}: {len(new['axes'])} Axes, {len(old['axes'])} are stored")
    for i, (a, b) in enumerate(zip(old["axes"], new["axes"], strict=False), start=1):
        title = f" ({a['title']})" if a["title"] else ""
        _axes_agree(a, b, judge, f"{where}, Axes {i}{title}")
    return old if len(judge.notes) == before else new


def _judge_of(old, new, judge, where):
    """Return a judge that lets all numbers pass if this part of the figure is measured."""
    if old.get("measured") != new.get("measured"):
        judge.notes.append(f"{where}: only one of stored and new is marked as measured")
    if not new.get("measured"):
        return judge
    return replace(judge, tolerance=replace(judge.tolerance, measured=True))


def _axes_agree(old, new, judge, where):
    judge = _judge_of(old, new, judge, where)
    _text(old["title"], new["title"], judge, f"{where}: title")
    _texts(old.get("legend", []), new.get("legend", []), judge, f"{where}: legend")
    for name in "xy":
        a, b, place = old[name], new[name], f"{where}: {name} axis"
        _text(a["label"], b["label"], judge, f"{place}: label")
        _text(a["scale"], b["scale"], judge, f"{place}: scale")
        _texts(a.get("ticks", []), b.get("ticks", []), judge, f"{place}: tick label")
        _numbers(a["limits"], b["limits"], a, judge, f"{place}: limit")
    old_names, new_names = _names(old["items"]), _names(new["items"])
    if old_names != new_names:
        _missing(old_names, new_names, judge, where)
        return
    for name, a, b in zip(old_names, old["items"], new["items"], strict=True):
        _item_agrees(a, b, old, judge, f"{where}: {name}")


def _names(items):
    """Return what each item of an Axes is called in a message; the second of a name is "... 2"."""
    found, counts = [], {}
    for item in items:
        name = f"{item['kind']} {item['label']!r}" if "label" in item else item["kind"]
        counts[name] = counts.get(name, 0) + 1
        found.append(f"{name} {counts[name]}" if counts[name] > 1 else name)
    return found


def _missing(old, new, judge, where):
    for name in old:
        if name not in new:
            judge.notes.append(f"{where}: {name} is missing")
    for name in new:
        if name not in old:
            judge.notes.append(f"{where}: {name} is not stored")
    if sorted(old) == sorted(new):
        judge.notes.append(f"{where}: in another order: {', '.join(new)}")


def _item_agrees(old, new, axes, judge, where):
    judge = _judge_of(old, new, judge, where)
    _texts(old.get("texts", []), new.get("texts", []), judge, f"{where}: text")
    for key in ("shape", "number"):
        if old.get(key) != new.get(key):
            judge.notes.append(f"{where}: {key} {new.get(key)}, {old.get(key)} is stored")
    for name in NAMES:
        a, b = old.get(name, {"count": 0}), new.get(name, {"count": 0})
        counts = [(each["count"], each.get("missing", 0)) for each in (a, b)]
        if counts[0] != counts[1]:
            judge.notes.append(
                f"{where}: {counts[1][0]} finite {NAMES[name]} values and {counts[1][1]} others, "
                f"{counts[0][0]} and {counts[0][1]} are stored"
            )
        elif a["count"]:
            axis = axes.get(name) or {"scale": "linear", "limits": a["range"]}
            for key in ("range", "mean", "samples"):
                _numbers(a[key], b[key], axis, judge, f"{where}: {NAMES[name]} {key}")


def _text(old, new, judge, where):
    before = len(judge.notes)
    if numbers.reconcile(old, new, judge, where) != old and len(judge.notes) == before:
        judge.notes.append(f"{where} {new!r}, {old!r} is stored")


def _texts(old, new, judge, where):
    if len(old) != len(new):
        judge.notes.append(f"{where}s {new}, {old} are stored")
        return
    for a, b in zip(old, new, strict=True):
        _text(a, b, judge, where)


SCALES = {
    "linear": float,
    "log": math.log10,
    "symlog": math.asinh,
    "asinh": math.asinh,
    "logit": lambda p: math.log10(p / (1 - p)),
}


def _numbers(old, new, axis, judge, where):
    """Compare numbers by the length of their axis, or by the tolerance of the cell."""
    if judge.tolerance.measured:
        return
    for i, (a, b) in enumerate(zip(old.split(), new.split(), strict=True), start=1):
        if a == b:
            continue
        a, b = float(a), float(b)
        share = _share(a, b, axis)
        percent = 100 * abs(b - a) / abs(a) if a else math.inf
        if share > SHARE and percent > judge.tolerance.percent:
            judge.notes.append(
                f"{where} {i}: {b:g}, {a:g} is stored: off by {share:.2%} of the axis "
                f"(allowed {SHARE:.1%}) and by {percent:.2g} % of the value "
                f"(allowed {judge.tolerance.percent})"
            )


def _share(a, b, axis):
    """Return how far two numbers are apart, by the length of the axis on its own scale."""
    low, high = map(float, axis["limits"].split())
    scale = SCALES.get(axis["scale"], float)
    try:
        length = abs(scale(high) - scale(low)) or abs(scale(a)) or 1.0
        return abs(scale(a) - scale(b)) / length
    except ValueError:  # no logarithm: zero or less, left of any axis
        return abs(a - b) / (abs(high - low) or 1.0)
