"""The record: a table of published rows run again, the choice of settings, the stored networks.

    python -m benchmarks.record choose           settings compared on 5,000 training images held out
    python -m benchmarks.record table [ROW ...]  rows of LeCun's page and of later papers
    python -m benchmarks.record store RUN ...    measure finished runs on the test images and keep
                                                 their weights in the package; a RUN that is one
                                                 of its files, such as member_0.npz, stays
    python -m benchmarks.record peek RUN ...     the test error of every epoch, after all is chosen

A run is made by `nnfromscratch record --run member --seed 0 --out RUN`, and goes on where it was
stopped.
"""

import argparse
import json
import platform
import time
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
BITS = {"minutes": 10, "member": 8, "larger": 3}
"""How many bits of the fraction are kept, so that all weights are below 8 MB together."""
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
CHOICES = {
    "the recipe": SHORT,
    "no distortion": replace(SHORT, distorted=False),
    "elastic 30, sigma 4": replace(SHORT, elastic=30.0, sigma=4.0),
    "no label smoothing": replace(SHORT, smoothing=0.0),
    "1 and 7 turned like all": replace(SHORT, upright=False),
    "784-1500-1000-500-10": replace(SHORT, sizes=(784, 1500, 1000, 500, 10)),
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
    """The test images, deskewed where the recipe says so, and their labels."""
    _, _, x, y = nn.load_mnist()
    return (record.deskew(x) if recipe.deskewed else x), y


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
        started = time.process_time()
        error = nn.evaluate(record.train(recipe, 100), *validation)[1]
        seconds = round(time.process_time() - started, 1)
        keep("choice", {name: {"held_out_error": error, "processor_seconds": seconds}})


def rounded(array: np.ndarray, bits: int) -> np.ndarray:
    """Round to float16 with so many of its 10 bits of the fraction; zeros in the rest pack well."""
    last = np.uint16(1 << (10 - bits))
    numbers = array.astype(np.float16).view(np.uint16)
    # Half a last bit more, which may carry into the exponent, and then cut off.
    return ((numbers + last // 2) & ~(last - np.uint16(1))).view(np.float16)


def store(runs: list[Path]) -> None:
    """Measure finished runs on the test images, alone and together, and keep their weights.

    The weights are rounded first, so what is counted is what is kept.
    """
    models, entries = [], []
    audit.WEIGHTS.mkdir(exist_ok=True)
    _, _, x, y = nn.load_mnist()
    there = stored().get("networks", [])
    known = {e["file"]: (e, m) for e, m in zip(there, audit.record_networks(), strict=True)}
    for run in runs:
        entry, model = known.get(run.name) or finished(run, x, y)
        recipe = record.RECIPES[entry["recipe"]]
        bits = BITS[entry["recipe"]]
        arrays = {key: rounded(array, bits) for key, array in model.params.items()}
        with replacing(audit.WEIGHTS / entry["file"]) as file:
            np.savez_compressed(file, **arrays)
        model.set_arrays({k: a.astype(np.float32) for k, a in arrays.items()}, "record")
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
