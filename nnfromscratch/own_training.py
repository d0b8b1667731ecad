"""Train on your own images, look at what came of it, and ask the trained network.

nnfromscratch train --data FOLDER --out trained
nnfromscratch predict trained/model.npz picture.png ...
"""

import argparse
import base64
import html
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ._files import check_writable, replacing
from .data import train_validation_split
from .functional import log_softmax, softmax
from .history import History, TrainingDiverged
from .inspection import confusion_matrix
from .model import Sequential, mlp
from .own_data import Images, count_copies, describe, load_images, picture

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222 }}
img {{ max-width: 100% }} pre {{ background: #f2f2f2; padding: 1em; white-space: pre-wrap }}
</style></head><body>
<h1>{title}</h1>
{body}
</body></html>
"""
SHOWN = 20
"""Images of each kind on the page."""


def train(
    options: argparse.Namespace, fit: Callable[..., History], result: Callable[..., dict]
) -> int:
    """Train on the images that were named; return the exit status.

    Args:
        options: those of the command, `data` among them.
        fit: how the command trains: fit(model, data, validation, options, rng).
        result: what --json is to hold: result(history, test_error, seed, sizes).
    """
    model_file, about_file, page_file = (
        options.out / name for name in ("model.npz", "model.json", "report.html")
    )
    try:
        for file in filter(None, (model_file, about_file, page_file, options.json)):
            check_writable(file)
        images, test, found = _load(options)
    except (OSError, ValueError, ImportError) as error:
        print(f"train: {_in_options(error)}", file=sys.stderr)
        return 1
    print(found)
    rng = np.random.default_rng(options.seed)
    part = max(len(images.classes), len(images.x) // 7)
    x, y, *validation = train_validation_split(images.x, images.y, part, rng=rng)
    x_test, y_test = test[:2] if test else (None, None)
    if test is None:
        x, y, x_test, y_test = train_validation_split(x, y, part, rng=rng)
    print(f"{len(x):,} to train on, {part:,} to watch, {len(x_test):,} for the test")
    sizes = [x.shape[1], *options.hidden, len(images.classes)]
    model = mlp(sizes, rng=rng)
    try:
        history = fit(model, (x, y), tuple(validation), options, rng)
    except TrainingDiverged as error:
        print(error, file=sys.stderr)
        return 1
    model.save(model_file)  # before all else, whatever may interrupt the rest
    about = {"sizes": sizes, "classes": images.classes, "shape": images.shape}
    _write(about_file, json.dumps(about | {"mean": float(x.mean())}, indent=1) + "\n")
    _write(page_file, page(model, history, images, found, x_test, y_test))
    error = float((model.predict(x_test) != y_test).mean())
    if options.json:
        numbers = result(history, error, options.seed, sizes)
        _write(options.json, json.dumps(numbers, indent=1) + "\n")
    if history.interrupted:
        print(f"interrupted after {history.epochs} of {options.epochs} epochs; saved as it is")
    print(f"test error {error:.2%}; weights and a page about them in {options.out}")
    return 130 if history.interrupted else 0


def _load(options: argparse.Namespace) -> tuple[Images, Images | None, str]:
    """Return what --data and --test-data hold, and what should be known of both."""
    names = ("side", "transposed", "label_column")
    settings = {name: getattr(options, name) for name in names}
    images = load_images(options.data, **settings)
    if not options.test_data:
        return images, None, describe(images)
    test = load_images(options.test_data, **settings)
    if (test.classes, test.shape) != (images.classes, images.shape):
        raise ValueError("--test-data has other classes, or images of another size, than --data")
    lines = [describe(images), *(f"--test-data: {line}" for line in test.left_out)]
    if copies := count_copies(test.x, images.x):
        lines.append(
            f"{copies:,} of {len(test.x):,} images of --test-data are exact copies of some of "
            "--data: the test error is too small, remove them from one of the two"
        )
    return images, test, "\n".join(lines)


def _in_options(error: Exception) -> str:
    """Say an error in the terms of the command, where a setting is an option."""
    words = str(error).replace("label_column=", "--label-column ")
    return words.replace("label_column", "--label-column")


def _write(path: Path, text: str) -> None:
    with replacing(path) as file:
        file.write(text.encode())


def page(
    model: Sequential,
    history: History,
    images: Images,
    found: str,
    x: np.ndarray,
    y: np.ndarray,
) -> str:
    """Return a page about a trained network: what was found of its data, its curves, its mistakes.

    x and y are the images and labels of the test.
    """
    z = model.forward(x)
    answers, counts = z.argmax(axis=1), confusion_matrix(z, y)
    error = float((answers != y).mean())
    costs = -log_softmax(z)[np.arange(len(y)), y]
    worst = [i for i in np.argsort(-costs)[:SHOWN] if answers[i] != y[i]]
    names = images.classes
    pairs = sorted(((counts[i, j], i, j) for i, j in np.argwhere(counts) if i != j), reverse=True)
    confused = [f"{n} of {names[i]} were taken for {names[j]}" for n, i, j in pairs[:10]]
    some = np.linspace(0, len(images.y) - 1, SHOWN).astype(int)  # classes may lie in order
    parts = [
        f"<pre>{html.escape(found)}</pre>",
        _figure(images, images.x[some], [names[i] for i in images.y[some]], "Some images"),
        f"<h2>Test error {error:.2%}</h2>",
        f"<p>{int((answers != y).sum())} of {len(y):,} images that were kept for the test.</p>",
        _curves(history) if history.epochs else "",
        "<h2>What it confuses</h2>",
        "<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in confused) + "</ul>",
    ]
    if worst:
        titles = [f"{names[y[i]]}: {names[answers[i]]}" for i in worst]
        parts += [
            "<h2>Its costliest mistakes</h2><p>The label, and what the network says.</p>",
            _figure(images, x[worst], titles, "The costliest mistakes"),
        ]
    return PAGE.format(title=f"{len(names)} classes, {error:.2%} wrong", body="\n".join(parts))


def _figure(images: Images, x: np.ndarray, titles: list[str], what: str) -> str:
    from matplotlib.figure import Figure

    rows = -(-len(x) // 10)
    figure = Figure(figsize=(11, 1.5 * rows), layout="constrained", dpi=100)
    for axes in figure.subplots(rows, 10, squeeze=False).flat:
        axes.set_axis_off()
    for axes, image, title in zip(figure.axes, x, titles, strict=False):
        axes.imshow(image.reshape(images.shape), cmap="gray", vmin=0, vmax=1)
        axes.set_title(title[:18], fontsize=8)
    return _picture(figure, f"{what}: {', '.join(titles)}")


def _curves(history: History) -> str:
    from matplotlib.figure import Figure

    from .plots import plot_history

    figure = Figure(figsize=(8, 3), layout="constrained", dpi=100)
    plot_history(history, figure.subplots(1, 2))
    alt = f"Loss and error by epoch; the loss ends at {history.loss[-1]:.3g}."
    return _picture(figure, alt)


def _picture(figure, alt: str) -> str:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure).print_png(file := io.BytesIO())
    data = base64.b64encode(file.getvalue()).decode()
    return f'<p><img src="data:image/png;base64,{data}" alt="{html.escape(alt)}"></p>'


def predict(options: argparse.Namespace) -> int:
    """Say what a trained network sees in pictures; return the exit status."""
    about_file = options.model.with_name("model.json")
    try:
        about = json.loads(about_file.read_text(encoding="utf-8"))
        model = mlp(about["sizes"], rng=np.random.default_rng()).load(options.model)
    except FileNotFoundError as error:
        words = f"{error.filename or error} is missing; `nnfromscratch train --data` writes it"
        print(f"predict: {words}", file=sys.stderr)
        return 1
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"predict: {options.model} cannot be used: {error}", file=sys.stderr)
        return 1
    failed = 0
    for path in options.pictures:
        try:
            image = picture(path, tuple(about["shape"]))
        except (OSError, ValueError, ImportError) as error:
            print(f"predict: {error}", file=sys.stderr)
            failed = 1
            continue
        image = 1 - image if options.invert else image
        p = softmax(model.forward(image.reshape(1, -1)))[0]
        best = np.argsort(-p)[:3]
        print(f"{path}: " + ", ".join(f"{about['classes'][i]} {p[i]:.1%}" for i in best))
        if abs(image.mean() - about["mean"]) > abs(1 - image.mean() - about["mean"]) + 0.2:
            print("  it is far brighter or darker than what was trained on: try --invert")
    return failed
