"""Figures as data: what a matplotlib figure shows, in JSON, in words, and compared.

A figure is described Axes by Axes: title, labels, scales, limits, tick labels that are words, the
legend, and for each line, bar chart, set of points, area, image and text a summary: how many
values, their range and mean, and five samples in order. Colours and fonts are left out.

An artist, an Axes or a figure whose gid is "measured" shows measured times: its numbers are stored
but not compared. `ax.set_gid("measured")` says so.
"""

import math

MIME = "application/vnd.nbcompare.figure+json"
SAMPLES = 5
MOST_LINES = 8
"""Lines without a label: more than these in one Axes are summarized together."""
KINDS = {
    "PathCollection": "points",
    "LineCollection": "segments",
    "QuadMesh": "mesh",
    "FillBetweenPolyCollection": "area",
    "PolyCollection": "area",
}
TITLES = ("left", "center", "right")
FIGURE_TITLES = ("suptitle", "supxlabel", "supylabel")
NAMES = {"x": "x", "y": "y", "values": "value"}


# Description


def describe(figure):
    """Return what a matplotlib figure shows, as a dict for JSON."""
    parts = [figure, *getattr(figure, "subfigs", [])]
    titles = [getattr(part, f"_{name}", None) for part in parts for name in FIGURE_TITLES]
    texts = [text for part in parts for text in part.texts if text not in titles]
    texts += [text for part in parts for each in part.legends for text in each.get_texts()]
    found = {"titles": _visible(titles), "texts": _visible(texts)}
    axes = list(figure.axes)
    for ax in axes:
        axes += [child for child in getattr(ax, "child_axes", []) if child not in axes]
    found["axes"] = [_describe_axes(ax) for ax in axes if ax.get_visible()]
    return _mark(found, figure)


def _visible(texts):
    shown = [text for text in texts if text is not None and text.get_visible()]
    return [text.get_text() for text in shown if text.get_text()]


def _mark(found, artist):
    if artist.get_gid() == "measured":
        found["measured"] = True
    return found


def _describe_axes(ax):
    found = {"title": " / ".join(filter(None, (ax.get_title(loc) for loc in TITLES)))}
    for name in "xy":
        axis = getattr(ax, f"{name}axis")
        found[name] = {
            "label": axis.get_label_text(),
            "scale": axis.get_scale(),
            "limits": _join(getattr(ax, f"get_{name}lim")()),
        }
        if type(axis.get_major_locator()).__name__ in ("FixedLocator", "StrCategoryLocator"):
            ticks = [tick.get_text() for tick in axis.get_ticklabels()]
            found[name]["ticks"] = [tick for tick in ticks if tick]
    legend = ax.get_legend()
    if legend is not None and legend.get_visible():
        found["legend"] = [text.get_text() for text in legend.get_texts()]
    found["items"] = _items(ax)
    return _mark(found, ax)


def _items(ax):
    """Describe what is drawn on an Axes."""
    bars = [c for c in ax.containers if type(c).__name__ == "BarContainer"]
    in_bars = {id(patch) for container in bars for patch in container.patches}
    found = [_bars(container) for container in bars if any(p.get_visible() for p in container)]
    found += _lines([line for line in ax.lines if line.get_visible()])
    found += [_collection(each) for each in ax.collections if each.get_visible()]
    found += [_image(image) for image in ax.images if image.get_visible()]
    found += _patches([p for p in ax.patches if p.get_visible() and id(p) not in in_bars])
    texts = [text for text in ax.texts if _visible([text])]
    if texts:
        x, y = zip(*(text.get_position() for text in texts), strict=True)
        item = _item("texts", "", [], x=_places(x), y=_places(y))
        found.append(item | {"texts": _visible(texts)})
    for table in ax.tables:
        cells = [cell.get_text().get_text() for _, cell in sorted(table.get_celld().items())]
        found.append(_item("table", "", []) | {"texts": cells})
    return found


def _item(kind, label, artists, **values):
    """Describe one thing: its kind, its label if it has one, and its values."""
    found = {"kind": kind}
    if label and not str(label).startswith("_"):
        found["label"] = str(label)
    found |= {name: _summary(each) for name, each in values.items()}
    if artists and all(artist.get_gid() == "measured" for artist in artists):
        found["measured"] = True
    return found


def _bars(container):
    patches = container.patches
    middle = {
        "x": [patch.get_x() + patch.get_width() / 2 for patch in patches],
        "y": [patch.get_y() + patch.get_height() / 2 for patch in patches],
    }
    end = {
        "x": [patch.get_x() + patch.get_width() for patch in patches],
        "y": [patch.get_y() + patch.get_height() for patch in patches],
    }
    flat = container.orientation == "horizontal"
    x, y = (end["x"], middle["y"]) if flat else (middle["x"], end["y"])
    labels = [container.get_label(), *(patch.get_label() for patch in patches[:1])]
    label = next((each for each in labels if not str(each).startswith("_")), "")
    return _item("bars", label, patches, x=x, y=y)


def _lines(lines):
    plain = [line for line in lines if str(line.get_label()).startswith("_")]
    together = plain if len(plain) > MOST_LINES else []
    found = [
        _item("line", line.get_label(), [line], x=line.get_xdata(False), y=line.get_ydata(False))
        for line in lines
        if line not in together
    ]
    if together:
        x, y = (_joined([line.get_data(False)[i] for line in together]) for i in (0, 1))
        found.append(_item("lines", "", together, x=x, y=y) | {"number": len(together)})
    return found


def _joined(arrays):
    import numpy as np

    return np.concatenate([np.ma.filled(np.ma.asarray(a, float), np.nan).ravel() for a in arrays])


def _collection(collection):
    import numpy as np

    kind = KINDS.get(type(collection).__name__, "collection")
    offsets = np.ma.filled(np.ma.asarray(collection.get_offsets(), float), np.nan)
    if kind != "points" and len(offsets) < 2:
        paths = [path.vertices for path in collection.get_paths() if len(path.vertices)]
        offsets = np.concatenate(paths) if paths else np.empty((0, 2))
    values = {"x": offsets[:, 0], "y": offsets[:, 1]}
    if collection.get_array() is not None:
        values["values"] = collection.get_array()
    return _item(kind, collection.get_label(), [collection], **values)


def _image(image):
    array = image.get_array()
    shape = " by ".join(map(str, array.shape))
    return _item("image", image.get_label(), [image], values=array) | {"shape": shape}


def _patches(patches):
    """Describe shapes, those of one class and label together."""
    groups = {}
    for patch in patches:
        groups.setdefault((type(patch).__name__, str(patch.get_label())), []).append(patch)
    found = []
    for (kind, label), group in groups.items():
        values = {}
        if not kind.startswith("FancyArrow"):  # where an arrow runs is known when it is drawn
            corners = [p.get_patch_transform().transform(p.get_path().vertices) for p in group]
            values = {
                "x": _joined([c[:, 0] for c in corners]),
                "y": _joined([c[:, 1] for c in corners]),
            }
        found.append(_item(kind, label, group, **values) | {"number": len(group)})
    return found


def _places(values):
    """Return coordinates as numbers; a category or a date is left to the tick labels."""
    return [value if isinstance(value, int | float) else math.nan for value in map(_plain, values)]


def _plain(value):
    return value.item() if hasattr(value, "item") else value


def _summary(values):
    """Return how many numbers there are, their range, their mean, and samples in order."""
    import numpy as np

    array = np.ma.filled(np.ma.asarray(values, float), np.nan).ravel()
    finite = array[np.isfinite(array)]
    found = {"count": int(finite.size)}
    if finite.size < array.size:
        found["missing"] = int(array.size - finite.size)
    if finite.size:
        chosen = np.linspace(0, finite.size - 1, min(SAMPLES, finite.size)).round().astype(int)
        found["range"] = _join((finite.min(), finite.max()))
        found["mean"] = _join((finite.mean(),))
        found["samples"] = _join(finite[chosen])
    return found


def _join(values):
    """Write numbers in one text: JSON in a notebook would give each a line of its own."""
    return " ".join(f"{float(value):.7g}" for value in values)


def is_empty(description):
    """Tell whether a figure shows no value, no shape and no text, titles left aside."""
    items = [item for axes in description["axes"] for item in axes["items"]]
    return not description["texts"] and not any(map(_shows, items))


def _shows(item):
    counts = [item[name]["count"] for name in NAMES if name in item]
    return bool(item.get("texts") or (all(counts) if counts else item.get("number")))


# In words


def to_text(description):
    """Return a description in sentences, for readers who do not see the picture."""
    parts = [f"{text}." for text in description["titles"] + description["texts"]]
    several = len(description["axes"]) > 1
    for number, axes in enumerate(description["axes"], start=1):
        name = f"Panel {number}" if several else "The figure"
        title = f", {axes['title']!r}" if axes["title"] else ""
        along = " and ".join(_axis_in_words(axes[each], each) for each in "xy")
        shown = "; ".join(_item_in_words(item) for item in axes["items"]) or "nothing"
        parts.append(f"{name}{title} has {along}. It shows {shown}.")
    return " ".join(parts)


def _axis_in_words(axis, name):
    low, high = (f"{float(value):.3g}" for value in axis["limits"].split())
    label = f" ({axis['label']})" if axis["label"] else ""
    ticks = f" with {', '.join(axis['ticks'])}" if axis.get("ticks") else ""
    scale = "" if axis["scale"] == "linear" else f" on a {axis['scale']} scale"
    return f"{name}{label} from {low} to {high}{scale}{ticks}"


def _item_in_words(item):
    number = f"{item['number']} " if "number" in item else ""
    words = f"{number}{item['kind']}"
    if "label" in item:
        words += f" {item['label']!r}"
    if "shape" in item:
        words += f" of {item['shape']}"
    if item.get("texts"):
        return f"{words} {', '.join(map(repr, item['texts']))}"
    summary = item.get("y") or item.get("values") or {}
    if summary.get("count"):
        low, high = (f"{float(value):.3g}" for value in summary["range"].split())
        samples = ", ".join(f"{float(value):.3g}" for value in summary["samples"].split())
        words += f": {summary['count']} values between {low} and {high}, such as {samples}"
    return words
