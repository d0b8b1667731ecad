"""A search over settings: each is a training of its own, done here or by the workers of a cluster.

    nnfromscratch search                                        on this computer
    nnfromscratch search --scheduler tcp://192.168.0.7:8786     on a Dask cluster

Settings are compared on validation images, and no test image is looked at: a setting chosen by them
could no longer be judged by them.
"""

import argparse
import csv
import functools
import io
import itertools
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import schedules
from ._files import check_writable, replacing
from ._guards import natural, whole
from .data import load_mnist, train_validation_split
from .distributed import completed, connected
from .history import TrainingDiverged
from .model import Sequential, mlp
from .optimizers import SGD
from .parallel import WorkersLost
from .training import evaluate, fit

RATES, HIDDEN, SIZES = (0.03, 0.1, 0.2, 0.4), (100, 300, 500), (64, 128)
VALIDATION_SIZE = 5_000


class Setting(NamedTuple):
    """What is tried, and how long."""

    learning_rate: float
    """At the start; it falls linearly to zero."""
    hidden: int
    """Hidden units."""
    batch_size: int
    """Examples in a step."""
    epochs: int
    """Passes over the images."""
    images: int
    """How many training images to learn from, at most."""
    seed: int
    """Of weights, split and order."""


COLUMNS = (*Setting._fields, "validation_error")


def grid(epochs: int, images: int, seed: int) -> list[Setting]:
    """Return the 24 settings: four rates, three numbers of hidden units, two batch sizes."""
    tried = itertools.product(RATES, HIDDEN, SIZES)
    return [Setting(*setting, epochs, images, seed) for setting in tried]


@functools.lru_cache(maxsize=1)
def _data(images: int, seed: int) -> tuple[np.ndarray, ...]:
    """The images to learn from and those to judge by; every worker has them in its package."""
    x, y, _, _ = load_mnist()
    split = train_validation_split(x, y, VALIDATION_SIZE, rng=np.random.default_rng(seed))
    return *(array[:images] for array in split[:2]), *split[2:]


def trained(setting: Setting, x: np.ndarray, y: np.ndarray) -> Sequential:
    """Return a network trained with a setting."""
    rng = np.random.default_rng(setting.seed)
    model = mlp([784, setting.hidden, 10], rng=rng)
    fit(
        model,
        (x, y),
        optimizer=SGD(setting.learning_rate, momentum=0.9, nesterov=True),
        epochs=setting.epochs,
        batch_size=setting.batch_size,
        rng=rng,
        schedule=schedules.linear_decay(),
        progress=False,
    )
    return model


def validation_error(setting: Setting) -> float:
    """Return the fraction of validation images that are answered wrongly; 1 if it diverged."""
    x, y, *validation = _data(setting.images, setting.seed)
    try:
        return evaluate(trained(setting, x, y), *validation)[1]
    except TrainingDiverged:
        return 1.0


def results(
    settings: list[Setting], scheduler: str | None = None, patience: float = 60.0
) -> Iterator[tuple[Setting, float]]:
    """Yield settings and their validation errors as they are ready, in whatever order.

    Raises ConnectionError, RuntimeError or WorkersLost as `distributed.fit` does.
    """
    if scheduler is None:
        for setting in settings:
            yield setting, validation_error(setting)
        return
    with connected(scheduler, patience) as client:
        tasks = {client.submit(validation_error, each, pure=False): each for each in settings}
        with closing(completed(client, list(tasks), patience)) as ready:
            for task, error in ready:
                yield tasks[task], error


def read_results(path: Path) -> dict[Setting, float]:
    """Return what an earlier search has written; nothing if there is no such file."""
    if not path.exists():
        return {}
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        kinds = Setting.__annotations__
        return {
            Setting(**{name: kind(row[name]) for name, kind in kinds.items()}): float(
                row["validation_error"]
            )
            for row in rows
        }
    except (KeyError, TypeError, ValueError, UnicodeDecodeError, csv.Error):
        raise ValueError(
            f"{path} does not hold the results of a search; name another file"
        ) from None


def write_results(path: Path, found: dict[Setting, float]) -> None:
    """Write all results, the best first, with those that another search has written meanwhile."""
    found = read_results(path) | found
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows((*setting, error) for setting, error in sorted(found.items(), key=_by_error))
    with replacing(path) as file:
        file.write(text.getvalue().encode())


def _by_error(item: tuple[Setting, float]) -> tuple[float, Setting]:
    return item[1], item[0]


def add_to(commands: argparse._SubParsersAction) -> None:
    """Add the command `search`."""
    parser = commands.add_parser(
        "search",
        help="try 24 settings, here or on a Dask cluster, and keep the best",
        description="Train 24 networks, compare them on 5,000 validation images, and train the "
        "best setting once more on all training images. What is done is in the CSV file, and is "
        "not done again. No test image is looked at.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--scheduler", metavar="ADDRESS",
                        help="of a Dask scheduler, such as tcp://192.168.0.7:8786")  # fmt: skip
    parser.add_argument("--results", type=Path, default=Path("search.csv"), metavar="FILE",
                        help="the table of results")  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("best.npz"), metavar="FILE",
                        help="where the weights of the best setting go")  # fmt: skip
    parser.add_argument("--epochs", type=int, default=3, help="passes over the images")
    parser.add_argument("--images", type=int, default=55_000, help="to learn from")
    parser.add_argument("--seed", type=int, default=0, help="of weights, split and order")
    parser.add_argument("--patience", type=float, default=60.0, metavar="SECONDS",
                        help="to wait for a scheduler, or for workers")  # fmt: skip
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    try:
        for name in ("epochs", "images"):
            whole("search", **{f"--{name}": getattr(options, name)})
        natural("search", **{"--seed": options.seed})
        check_writable(options.results)
        check_writable(options.out)
        found = read_results(options.results)
        settings = grid(options.epochs, options.images, options.seed)
        _search([s for s in settings if s not in found], found, options)
        best = min(((s, found[s]) for s in settings), key=_by_error)
        _print_best(*best, options)
    except KeyboardInterrupt:
        print(f"interrupted; the same command goes on from {options.results}")
        return 130
    except (OSError, ValueError, RuntimeError, ModuleNotFoundError, WorkersLost) as error:
        print(f"search: {str(error).removeprefix('search: ')}", file=sys.stderr)
        return 1
    return 0


def _search(
    settings: list[Setting], found: dict[Setting, float], options: argparse.Namespace
) -> None:
    from tqdm import tqdm

    if found:
        print(f"{len(found)} results are in {options.results} already, {len(settings)} to go")
    with (
        tqdm(total=len(settings), unit="setting", leave=False) as bar,
        closing(results(settings, options.scheduler, options.patience)) as ready,
    ):
        for setting, error in ready:
            found[setting] = error
            write_results(options.results, found)
            rate, hidden, size = setting[:3]
            tqdm.write(
                f"rate {rate:<5} {hidden:4} units  batches of {size:4}: {error:6.2%} wrong",
                file=sys.stdout,
            )
            bar.update()


def _print_best(setting: Setting, error: float, options: argparse.Namespace) -> None:
    rate, hidden, size = setting[:3]
    print(f"best: rate {rate}, {hidden} units, batches of {size}, {error:.2%} wrong")
    x, y, _, _ = load_mnist()
    trained(setting, x, y).save(options.out)
    print(f"trained once more on all {len(y):,} training images; weights in {options.out}")
