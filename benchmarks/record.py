"""The record: a table of published rows run again, the choice of settings, the stored networks.

    python -m benchmarks.record choose           settings compared on 5,000 training images held out
    python -m benchmarks.record table [ROW ...]  rows of LeCun's page and of later papers
    python -m benchmarks.record distil RUN ...   teach a small network what they answer together
    python -m benchmarks.record threads          time one network on two threads, and two networks
    python -m benchmarks.record store RUN ...    measure finished runs on the test images and keep
                                                 their weights in the package
    python -m benchmarks.record peek RUN ...     the test error of every epoch, after all is chosen

A run is made by `nnfromscratch record --run larger --seed 0 --out RUN`, and goes on where it was
stopped.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
import zipfile
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from tqdm import tqdm

import nnfromscratch as nn
from nnfromscratch import audit, record
from nnfromscratch._files import replacing
from nnfromscratch.record import SIMPLE, Recipe
from nnfromscratch.results import FOLDER

STORED = FOLDER / "record.json"
STEP = 2.0**-6
"""The stored weights are multiples of this, so that those of four networks are below 8 MB."""
COMMITTEES = {
    "alike": ("larger_0", "larger_1", "larger_2"),
    "committee": ("larger_0", "deskewed_3", "of_width_4"),
}
"""Part of the results -> its members, written down before deskewed_3 and of_width_4 were counted.

Each has three networks of the same size and training, so what differs is how they see the images.
"""
KEPT = (*COMMITTEES["committee"], "larger_1")
"""The networks whose weights come with the package: the committee, and the best one alone."""
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
    "300, squared error, affine": (3.6, LECUN, distorted(300, loss="squared")),
    "300, squared error, deskewed": (1.6, LECUN, plain(300, loss="squared", deskewed=True)),
    "1000, squared error": (4.5, LECUN, plain(1000, loss="squared")),
    "1000, squared error, affine": (3.8, LECUN, distorted(1000, loss="squared")),
    "300-100, squared error": (3.05, LECUN, plain(300, 100, loss="squared")),
    "300-100, squared error, affine": (2.5, LECUN, distorted(300, 100, loss="squared")),
    "500-150, squared error": (2.95, LECUN, plain(500, 150, loss="squared")),
    "500-150, squared error, affine": (2.45, LECUN, distorted(500, 150, loss="squared")),
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


def keep(parts: dict, *, beside: bool = False) -> None:
    """Store parts of the results and what made them, in place of earlier ones, or beside them."""
    results = stored()
    made = {"command": f"python -m benchmarks.record {sys.argv[1]}"}
    made |= {"python": platform.python_version(), "numpy": np.__version__}
    for part, found in parts.items():
        results[part] = results.get(part, {}) | found if beside else found
        results.setdefault("made", {})[part] = made
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
            keep({"table": {row: result}}, beside=True)


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
                found = {"held_out_error": error, "processor_seconds": seconds}
                keep({"choice": {who: found}}, beside=True)


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


def epoch_seconds(seed: int) -> float:
    """Run one epoch of the larger recipe and return how long it took."""
    started = time.perf_counter()
    record.train(record.RECIPES["larger"], seed, epochs=1, progress=False)
    return time.perf_counter() - started


def threads() -> None:
    """Time an epoch: one network by one thread and by two, and two networks by one thread each."""
    ways = {
        "one network, one thread": (1, 1),
        "one network, two threads": (1, 2),
        "two networks, one thread each": (2, 1),
    }
    seconds: dict = {way: [] for way in ways}
    for _ in range(3):
        for way, (networks, each) in ways.items():
            # A process that is spawned loads NumPy anew, which reads this as it is loaded.
            os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(each))
            with get_context("spawn").Pool(networks) as pool:
                slowest = max(pool.map(epoch_seconds, range(networks)))
            seconds[way].append(round(slowest / networks, 2))
    keep({"seconds_per_epoch_and_network": seconds})


def distil(runs: list[Path]) -> None:
    """Train the recipe of minutes on what finished runs answer, in place of the labels.

    Source: Hinton, Vinyals and Dean, Distilling the knowledge in a neural network (2015).
    """
    recipe, teachers = record.RECIPES["minutes"], [finished(run) for run in runs]
    rng, seen = np.random.default_rng(0), {}
    (x, y), _ = record.training_data(recipe)
    model = recipe.network(rng)

    def distorted(rows: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
        seen["x"] = recipe.distort(rows, rng=rng)  # the teachers are asked about the same images
        return seen["x"]

    def loss(z: np.ndarray, y: np.ndarray) -> tuple[np.floating, np.ndarray]:
        asked = [(m, record.RECIPES[entry["recipe"]].prepare(seen["x"])) for entry, m in teachers]
        p = sum(nn.softmax(m.forward(images)) for m, images in asked) / len(asked)
        log_q = nn.log_softmax(z)
        return -(p * log_q).sum() / len(z), (np.exp(log_q) - p) / len(z)

    started = time.process_time()
    nn.fit(
        model, (x, y), optimizer=recipe.optimizer(), epochs=recipe.epochs, rng=rng, loss=loss,
        batch_size=recipe.batch_size, schedule=nn.schedules.linear_decay(), augment=distorted,
    )  # fmt: skip
    seconds = round(time.process_time() - started)
    result = {"test_error": nn.evaluate(model, *test_images(recipe))[1], "seed": 0}
    result |= {"processor_seconds": seconds, "teachers": [entry["file"] for entry, _ in teachers]}
    keep({"distilled": result})


def store(runs: list[Path]) -> None:
    """Measure finished runs on the test images, alone and together, and keep some of their weights.

    The weights are rounded first, so what is counted is what is kept.
    """
    _, _, x, y = nn.load_mnist()
    found = {entry["file"].removesuffix(".npz"): (entry, m) for entry, m in map(finished, runs)}
    if missing := {*KEPT, *(name for names in COMMITTEES.values() for name in names)} - {*found}:
        raise SystemExit(f"these runs are needed, too: {', '.join(sorted(missing))}")
    parts: dict = {"networks": []}
    looks, weights = {}, {}
    for name, (entry, model) in tqdm(found.items()):
        entry["errors_in_float32"] = wrong(audit.ask(model, entry, x), y)
        weights[name] = {key: np.round(a / STEP) * STEP for key, a in model.params.items()}
        model.set_arrays(weights[name], "record")
        looks[name] = audit.ask(model, entry, x), audit.ask(model, entry, x, record.VIEWS)
        entry |= {"sha256": record.digest(model)} | errors([looks[name]], y)
        parts["networks"].append(entry)
    for part, names in COMMITTEES.items():
        members = [looks[name] for name in names]
        failed = sum((once.argmax(axis=1) != y).astype(int) for once, _ in members)  # (N,)
        by_how_many = np.bincount(failed, minlength=len(names) + 1).tolist()
        parts[part] = {"members": [f"{name}.npz" for name in names]} | errors(members, y)
        parts[part]["images_by_mistakes"] = by_how_many
    audit.WEIGHTS.mkdir(exist_ok=True)
    for name in KEPT:
        pack(audit.WEIGHTS / f"{name}.npz", weights[name])
    keep(parts)
    for path in {*audit.WEIGHTS.glob("*.npz")} - {audit.WEIGHTS / f"{name}.npz" for name in KEPT}:
        path.unlink()


def errors(looks: list[tuple[np.ndarray, np.ndarray]], y: np.ndarray) -> dict[str, int]:
    """Count the errors of networks together, by one look and by views."""
    once, by_views = (sum(part) for part in zip(*looks, strict=True))
    return {"errors": wrong(once, y), "errors_by_views": wrong(by_views, y)}


def wrong(log_p: np.ndarray, y: np.ndarray) -> int:
    """Count the images whose most probable class is not the label."""
    return int((log_p.argmax(axis=1) != y).sum())


def pack(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write an .npz file of float16, packed by bzip2, which packs rounded weights closest."""
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_BZIP2) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as entry:
                np.lib.format.write_array(entry, array.astype(np.float16))


def finished(run: Path) -> tuple[dict, nn.Sequential]:
    """Return what is to be said of a finished run, and its network as it was trained."""
    recipe, seed, log = record.read_run(run)
    if len(log) != recipe.epochs:
        raise SystemExit(f"{run}: {len(log)} of {recipe.epochs} epochs are done")
    model = recipe.network(np.random.default_rng(0))
    record.load_epoch(model, run, len(log))
    name = next((name for name, known in record.RECIPES.items() if known == recipe), None)
    if name is None:
        raise SystemExit(f"{run}: its recipe is none of {', '.join(record.RECIPES)}")
    return {
        "file": f"{name}_{seed}.npz",
        "kept": f"{name}_{seed}" in KEPT,
        "recipe": name,
        "seed": seed,
        "run": f"nnfromscratch record --run {name} --seed {seed} --out RUN",
        "sha256_of_the_run": log[-1]["sha256"],
        "processor_seconds": round(sum(line["processor_seconds"] for line in log)),
        "training_error": [line["error"] for line in log],
    }, model


def peek(runs: list[Path]) -> None:
    """Store the test error after every epoch of finished runs: what choosing by it would gain."""
    for run in runs:
        recipe, seed, log = record.read_run(run)
        x, y = test_images(recipe)
        model, errors = recipe.network(np.random.default_rng(0)), []
        for line in tqdm(log, desc=str(run)):
            record.load_epoch(model, run, line["epoch"])
            errors.append(nn.evaluate(model, x, y)[1])
        name = f"{'-'.join(map(str, recipe.sizes))}, seed {seed}"
        keep({"peeked": {name: errors}}, beside=True)


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
    commands.add_parser("threads", help="time one network on two threads, and two networks")
    does = {"store": "measure and keep finished runs", "peek": "test every epoch"}
    does |= {"distil": "teach a small network what finished runs answer together"}
    for name, what in does.items():
        commands.add_parser(name, help=what).add_argument("runs", nargs="+", type=Path)
    options = parser.parse_args()
    if options.command == "table":
        table(known(options.rows, ROWS), options.seeds)
    elif options.command == "choose":
        choose(known(options.names, CHOICES))
    elif options.command in ("store", "peek", "distil"):
        {"store": store, "peek": peek, "distil": distil}[options.command](options.runs)
    else:
        threads()


if __name__ == "__main__":
    main()
