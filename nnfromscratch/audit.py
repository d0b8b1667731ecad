"""The record's networks as they are stored, their errors counted again, and `record` to run them.

Anyone can repeat the count: weights, images and labels all come with the package.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from . import record
from ._files import read_npz
from .contracts import FloatArray
from .data import load_mnist
from .model import Sequential
from .results import stored

WEIGHTS = Path(__file__).parent / "_record"
"""One file of float16 weights for each network."""


def kept() -> list[dict]:
    """Return what is stored of each network whose weights come with the package."""
    return [entry for entry in stored("record")["networks"] if entry["kept"]]


def record_networks(folder: Path = WEIGHTS) -> list[Sequential]:
    """Return the networks that `kept` lists, as float32.

    Raises ValueError if a file is missing, damaged, or not the one whose hash is stored.
    """
    models = []
    for entry in kept():
        path = folder / entry["file"]
        model = record.RECIPES[entry["recipe"]].network(np.random.default_rng(0))
        try:
            arrays = read_npz("record", path)
            model.set_arrays({k: a.astype(np.float32) for k, a in arrays.items()}, str(path))
        except (OSError, ValueError) as error:
            raise ValueError(f"record: {path} cannot be read ({error})") from None
        if record.digest(model) != entry["sha256"]:
            raise ValueError(f"record: {path} does not hold the weights whose hash is stored")
        models.append(model)
    return models


def ask(model: Sequential, entry: dict, x: FloatArray, views: int = 0) -> FloatArray:
    """Log-probabilities (N, 10) that a stored network gives images x (N, 784).

    entry is the network's in the stored results, whose recipe says how the image is prepared.
    """
    recipe = record.RECIPES[entry["recipe"]]
    return record.log_probabilities(model, x, recipe, rng=np.random.default_rng(0), views=views)


def counts(models: Sequence[Sequential]) -> Iterator[tuple[str, int, int]]:
    """Yield who answers, the errors that are stored, and those counted now."""
    _, _, x, y = load_mnist()
    committee, together = stored("record")["committee"], np.zeros((len(x), 10))
    for entry, model in zip(kept(), models, strict=True):
        look = ask(model, entry, x)
        together += look * (entry["file"] in committee["members"])
        yield entry["file"], entry["errors"], int((look.argmax(axis=1) != y).sum())
    wrong = int((together.argmax(axis=1) != y).sum())
    yield "the committee", committee["errors"], wrong


def check() -> int:
    """Count the record's errors again and print them; return 1 if one is not what is stored."""
    status = 0
    for who, there, here in counts(record_networks()):
        # One image on the edge may fall to the other side by another processor's rounding.
        agrees = abs(there - here) <= 1
        status |= not agrees
        print(f"{who:14} {here:3} of 10,000 wrong ({here / 100:.2f} %)", end="")
        print("" if here == there else f"  but {there} are stored")
    return int(status)


def add_to(commands: argparse._SubParsersAction) -> None:
    """Add `record` to the command line."""
    parser = commands.add_parser(
        "record",
        help="count the record's errors again, or run it again",
        description="How far a plain network goes: count the errors of the stored networks, run "
        "one of their recipes, or one epoch of a run again.",
    )
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--check", action="store_true", help="count the stored networks' errors")
    task.add_argument("--run", dest="recipe", choices=sorted(record.RECIPES),
                      help="run a recipe, or go on with it")  # fmt: skip
    task.add_argument("--replay", type=int, metavar="EPOCH",
                      help="run an epoch of the run in --out again, and compare")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of a run (0)")
    parser.add_argument("--out", type=Path, default=Path("record_run"), metavar="FOLDER",
                        help="where the run's log and checkpoints are (record_run)")  # fmt: skip
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    try:
        if options.check:
            return check()
        if options.replay is not None:
            return _replay(options.out, options.replay)
        recipe = record.RECIPES[options.recipe]
        record.train(recipe, options.seed, options.out)
        done = len(record.read_run(options.out)[2])
        print(f"{done} of {recipe.epochs} epochs are done, in {options.out}")
        return 0 if done == recipe.epochs else 130
    except (OSError, ValueError) as error:
        print(f"record: {str(error).removeprefix('record: ')}", file=sys.stderr)
        return 1


def _replay(folder: Path, epoch: int) -> int:
    difference = record.replay(folder, epoch)
    if difference:
        print(f"epoch {epoch} ends with other weights: the largest difference is {difference:.1e}.")
        print("Another processor or NumPy rounds otherwise; on the same, the log is not true.")
        return 1
    print(f"epoch {epoch} ends with the same weights, bit for bit")
    return 0
