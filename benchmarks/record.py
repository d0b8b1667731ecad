"""The record: a table of published rows run again, the choice of settings, the stored networks.

    python -m benchmarks.record choose           settings compared on 5,000 training images held out
    python -m benchmarks.record table [ROW ...]  rows of LeCun's page and of later papers
    python -m benchmarks.record store RUN ...    measure finished runs on the test images and keep
                                                 their weights in the package
    python -m benchmarks.record peek RUN ...     the test error of every epoch, after all is chosen

A run is made by `nnfromscratch record --run larger --seed 0 --out RUN`, and goes on where it was
stopped.
"""

import argparse
import json
import platform
import tempfile
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

import nnfromscratch as nn
from nnfromscratch import audit, record
from nnfromscratch._files import replacing
from nnfromscratch.record import SIMPLE, Recipe
from nnfromscratch.results import FOLDER

STORED = FOLDER / "record.json"
STEP = 2.0**-7
"""The stored weights are multiples of this, so that those of all networks are below 8 MB."""
COMMITTEES = {
    "alike": ("larger_0", "larger_1", "larger_2"),
    "committee": ("larger_0", "deskewed_3", "of_width_4"),
}
"""Part of the results -> its members, written down before deskewed_3 and of_width_4 were counted.

Each has three networks of the same size and training, so what differs is how they see the images.
"""
LECUN = "LeCun et al. 1998"
SIMARD = "Simard et al. 2003"


def rate(settings: dict) -> dict:
    """The learning rate: the squared error's slopes are smaller, being means over classes too."""
    return {"learning_rate": 0.2 if settings.get("loss") == "squared" else 0.1}


def plain(*hidden: int, epochs: int = 15, **more) -> Recipe:
    """A recipe without distortion and label smoothing."""
    chosen = {"distorted": False, "smoothing": 0.0} | rate(more) | more
    return Recipe((784, *hidden, 10), epochs, **chosen)


def distorted(*hidden: int, epochs: int = 15, elastic: float = 0.0, **more) -> Recipe:
    """A recipe with lesson 14's distortion, or its affine part alone."""
    settings = SIMPLE | {"elastic": elastic, "smoothing": 0.0, "upright": False}
    settings |= rate(more) | more
    return Recipe((784, *hidden, 10), epochs, **settings)


ROWS = {
    "300, squared error": (4.7, LECUN, plain(300, loss="squared")),
    "300, squared error, distorted": (3.6, LECUN, distorted(300, loss="squared")),
    "300, squared error, deskewed": (1.6, LECUN, plain(300, loss="squared", deskewed=True)),
    "1000, squared error": (4.5, LECUN, plain(1000, loss="squared")),
    "1000, squared error, distorted": (3.8, LECUN, distorted(1000, loss="squared")),
    "300-100, squared error": (3.05, LECUN, plain(300, 100, loss="squared")),
    "300-100, squared error, distorted": (2.5, LECUN, distorted(300, 100, loss="squared")),
    "500-150, squared error": (2.95, LECUN, plain(500, 150, loss="squared")),
    "500-150, squared error, distorted": (2.45, LECUN, distorted(500, 150, loss="squared")),
    "500-300, weight decay": (1.53, "Hinton 2005", plain(500, 300, weight_decay=1e-4)),
    "800": (1.6, SIMARD, plain(800)),
    "800, affine": (1.1, SIMARD, distorted(800, epochs=20)),
    "800, squared error, elastic": (
        0.9,
        SIMARD,
        distorted(800, epochs=40, elastic=24.0, loss="squared"),
    ),
    "800, elastic": (0.7, SIMARD, record.RECIPES["minutes"]),
    "1024-1024, dropout": (
        1.25,
        "Srivastava et al. 2014",
        plain(1024, 1024, epochs=30, dropout=0.5),
    ),
}
"""Row -> test error published in percent, where, and our settings. Ours: ReLU, Nesterov 0.9."""

SHORT = Recipe((784, 1000, 500, 10), 20, held_out=True)


def strength(factor: float) -> Recipe:
    """The short recipe with all of its distortion so many times as strong."""
    names = ("rotation", "scaling", "shear", "elastic")
    return replace(SHORT, **{name: factor * getattr(SHORT, name) for name in names})


CHOICES = {
    "the recipe": SHORT,
    "no distortion": replace(SHORT, distorted=False),
    "distorted half as strongly": strength(0.5),
    "distorted 1.5 times as strongly": strength(1.5),
    "elastic 30, sigma 4": replace(SHORT, elastic=30.0, sigma=4.0),
    "1 and 7 turned like all": replace(SHORT, upright=False),
    "no label smoothing": replace(SHORT, smoothing=0.0),
    "a rate that does not fall": replace(SHORT, falling=False),
    "784-800-10": replace(SHORT, sizes=(784, 800, 10)),
}
"""Setting -> recipe: the first is the one that the others change in one thing."""


def stored() -> dict:
    """Return what is stored so far."""
    return json.loads(STORED.read_text()) if STORED.exists() else {}


def keep(part: str, found: dict | list) -> None:
    """Store results beside those that are stored already."""
    results = stored()
    results[part] = results.get(part, {}) | found if isinstance(found, dict) else found
    with replacing(STORED) as file:
        file.write((json.dumps(results, indent=1) + "\n").encode())


def test_images(recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """The test images as the recipe's network sees them, and their labels."""
    _, _, x, y = nn.load_mnist()
    return recipe.prepare(x), y


def table(rows: list[str], seeds: int) -> None:
    """Run rows, seed by seed, and store errors and seconds of one processor core as they come."""
    for seed in range(seeds):
        for row in tqdm(rows, desc=f"seed {seed}"):
            published, source, recipe = ROWS[row]
            result = stored().get("table", {}).get(row, {"test_error": [], "processor_seconds": []})
            if len(result["test_error"]) > seed:
                continue  # it was run before
            started = time.process_time()
            model = record.train(recipe, seed, progress=False)
            result["processor_seconds"].append(round(time.process_time() - started, 1))
            result["test_error"].append(nn.evaluate(model, *test_images(recipe))[1])
            result |= {"published": published, "source": source, "epochs": recipe.epochs}
            result["command"] = f'python -m benchmarks.record table "{row}"'
            keep("table", {row: result})


def choose(names: list[str]) -> None:
    """Run the settings, and store the errors on the images held out."""
    for name in names:
        recipe = CHOICES[name]
        _, validation = record.training_data(recipe)
        with tempfile.TemporaryDirectory() as folder:
            started = time.process_time()
            model = record.train(recipe, 100, Path(folder))
            seconds = round(time.process_time() - started, 1)
            networks = {name: model}
            if not recipe.falling:
                networks["the same, its last five averaged"] = averaged(Path(folder))
            for who, network in networks.items():
                error = nn.evaluate(network, *validation)[1]
                keep("choice", {who: {"held_out_error": error, "processor_seconds": seconds}})


def averaged(run: Path) -> nn.Sequential:
    """Return a network whose weights are the mean of those after a run's last five epochs."""
    recipe, _, log = record.read_run(run)
    model, arrays = recipe.network(np.random.default_rng(0)), []
    for line in log[-5:]:
        record.load_epoch(model, run, line["epoch"])
        arrays.append({name: array.copy() for name, array in model.params.items()})
    means = {name: np.mean([a[name] for a in arrays], axis=0) for name in model.params}
    model.set_arrays(means, "record")
    return model


def store(runs: list[Path]) -> None:
    """Measure finished runs on the test images, alone and together, and keep their weights.

    The weights are rounded first, so what is counted is what is kept.
    """
    models, entries = [], []
    audit.WEIGHTS.mkdir(exist_ok=True)
    _, _, x, y = nn.load_mnist()
    for run in runs:
        entry, model = finished(run, x, y)
        arrays = {name: np.round(a / STEP) * STEP for name, a in model.params.items()}
        pack(audit.WEIGHTS / entry["file"], arrays)
        model.set_arrays(arrays, "record")
        recipe = record.RECIPES[entry["recipe"]]
        entries.append(entry | {
            "sha256": record.digest(model),
            "errors": int((model.predict(x) != y).sum()),
            "errors_by_views": wrong([model], recipe, record.VIEWS, x, y),
        })  # fmt: skip
        models.append(model)
    keep("networks", entries)
    keep("committee", {"seed": 0, "views": record.VIEWS, "strength": record.STRENGTH})
    recipe = record.RECIPES[entries[0]["recipe"]]
    keep("committee", {
        "errors": wrong(models, recipe, record.VIEWS, x, y),
        "errors_without_views": wrong(models, recipe, 0, x, y),
    })  # fmt: skip
    for path in {*audit.WEIGHTS.iterdir()} - {audit.WEIGHTS / e["file"] for e in entries}:
        path.unlink()


def pack(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write an .npz file of float16, packed by bzip2, which packs rounded weights closest."""
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_BZIP2) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as entry:
                np.lib.format.write_array(entry, array.astype(np.float16))


def finished(run: Path, x: np.ndarray, y: np.ndarray) -> tuple[dict, nn.Sequential]:
    """Return what is to be said of a finished run, and its network as it was trained."""
    recipe, seed, log = record.read_run(run)
    if len(log) != recipe.epochs:
        raise SystemExit(f"{run}: {len(log)} of {recipe.epochs} epochs are done")
    model = recipe.network(np.random.default_rng(0))
    record.load_epoch(model, run, len(log))
    name = next(name for name, known in record.RECIPES.items() if known == recipe)
    return {
        "file": f"{name}_{seed}.npz",
        "recipe": name,
        "seed": seed,
        "run": f"nnfromscratch record --run {name} --seed {seed} --out RUN",
        "sha256_of_the_run": log[-1]["sha256"],
        "processor_seconds": round(sum(line["processor_seconds"] for line in log)),
        "training_error": [line["error"] for line in log],
        "errors_in_float32": int((model.predict(x) != y).sum()),
    }, model


def wrong(models: list, recipe: Recipe, views: int, x: np.ndarray, y: np.ndarray) -> int:
    """How many images the models answer wrongly together."""
    rng = np.random.default_rng(0)
    seen = record.log_probabilities(models, x, recipe, rng=rng, views=views)
    return int((seen.argmax(axis=1) != y).sum())


def peek(runs: list[Path]) -> None:
    """Store the test error after every epoch of finished runs: what choosing by it would gain."""
    for run in runs:
        recipe, seed, log = record.read_run(run)
        x, y = test_images(recipe)
        model, errors = recipe.network(np.random.default_rng(0)), []
        for line in tqdm(log, desc=str(run)):
            record.load_epoch(model, run, line["epoch"])
            errors.append(nn.evaluate(model, x, y)[1])
        keep("peeked", {f"{'-'.join(map(str, recipe.sizes))}, seed {seed}": errors})


def known(names: list[str], all_names: dict) -> list[str]:
    """Return the names asked for, all of them if none is."""
    for name in names:
        if name not in all_names:
            raise SystemExit(f"there is no {name!r}; there are: {', '.join(map(repr, all_names))}")
    return names or list(all_names)


def main() -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, dest="command")
    part = commands.add_parser("table", help="run rows of the table")
    part.add_argument("rows", nargs="*", metavar="ROW")
    part.add_argument("--seeds", type=int, default=5)
    part = commands.add_parser("choose", help="compare settings on images held out")
    part.add_argument("names", nargs="*", metavar="SETTING")
    for name, what in (("store", "measure and keep finished runs"), ("peek", "test every epoch")):
        commands.add_parser(name, help=what).add_argument("runs", nargs="+", type=Path)
    options = parser.parse_args()
    if options.command == "table":
        table(known(options.rows, ROWS), options.seeds)
    elif options.command in ("store", "peek"):
        {"store": store, "peek": peek}[options.command](options.runs)
    else:
        choose(known(options.names, CHOICES))
    keep("machine", {"python": platform.python_version(), "numpy": np.__version__})


if __name__ == "__main__":
    main()
