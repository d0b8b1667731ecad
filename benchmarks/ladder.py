"""The error ladder: test error lesson by lesson, measured, stored and drawn.

    python benchmarks/ladder.py measure 02 07     run these rungs, five seeds each, and store them
    python benchmarks/ladder.py draw              draw docs/error_ladder.png from what is stored

The rung of lesson 06 is network B, which `five_networks.py B` measures and stores, and that of
lesson 17 the record's networks, which `record.py store` does.
"""

import argparse
import copy
import json
import platform
import textwrap
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt
import numpy as np
from tqdm import trange

import nnfromscratch as nn
from nnfromscratch.plots import BLUE, ORANGE
from nnfromscratch.results import FOLDER

HERE = Path(__file__).parent
STORED = FOLDER / "ladder.json"
PICTURE = HERE.parent / "docs" / "error_ladder.png"
SEEDS = 5


def untrained(seed: int, mnist: tuple) -> tuple[float, float]:
    """A network that has seen nothing: test error and seconds of training."""
    _, _, x_test, y_test = mnist
    model = nn.mlp([784, 128, 10], rng=np.random.default_rng(seed))
    return nn.evaluate(model, x_test, y_test)[1], 0.0


def trained(optimizer: nn.optimizers.Optimizer, epochs: int, batch_size: int, augment=None):
    """Return a rung that trains 784-300-10, the rate falling to zero on a straight line."""

    def run(seed: int, mnist: tuple) -> tuple[float, float]:
        x, y, x_test, y_test = mnist
        rng = np.random.default_rng(seed)
        x, y, _, _ = nn.train_validation_split(x, y, 5_000, rng=rng)
        model = nn.mlp([784, 300, 10], rng=rng)
        history = nn.fit(
            model,
            (x, y),
            optimizer=copy.deepcopy(optimizer),  # it remembers past steps
            schedule=nn.schedules.linear_decay(),
            epochs=epochs,
            batch_size=batch_size,
            rng=rng,
            augment=augment,
        )
        return nn.evaluate(model, x_test, y_test)[1], sum(history.seconds)

    return run


RUNGS = {
    "02": (untrained, "784-128-10, untrained"),
    "07": (
        trained(nn.SGD(0.4), epochs=5, batch_size=32),
        "784-300-10, batches of 32, rate 0.4 falling to 0, 5 epochs",
    ),
    "11": (
        trained(nn.SGD(0.2, momentum=0.9, nesterov=True), epochs=10, batch_size=128),
        "784-300-10, Nesterov 0.9, rate 0.2 falling to 0, 10 epochs",
    ),
    "14": (
        trained(
            nn.SGD(0.1, momentum=0.9, nesterov=True), epochs=20, batch_size=128, augment=nn.distort
        ),
        "784-300-10, Nesterov 0.9, distorted, rate 0.1 falling to 0, 20 epochs",
    ),
}


def measure(lessons: list[str]) -> None:
    """Run the rungs asked for and store them, beside those that are stored already."""
    mnist = nn.load_mnist()
    for lesson in lessons:
        run, settings = RUNGS[lesson]
        results = [run(seed, mnist) for seed in trange(SEEDS, desc=f"lesson {lesson}")]
        # Read only now: another rung may have been stored in the meantime.
        stored = json.loads(STORED.read_text()) if STORED.exists() else {}
        stored[lesson] = {
            "command": f"python benchmarks/ladder.py measure {lesson}",
            "settings": settings,
            "seeds": list(range(SEEDS)),
            "test_error": [error for error, _ in results],
            "seconds": [round(seconds, 2) for _, seconds in results],
            "python": platform.python_version(),
            "numpy": np.__version__,
        }
        STORED.write_text(json.dumps(dict(sorted(stored.items())), indent=1) + "\n")


def rungs() -> dict[str, tuple[str, list[float], list[float]]]:
    """All stored rungs: lesson -> settings, test errors, seconds."""
    stored = {
        lesson: (rung["settings"], rung["test_error"], rung["seconds"])
        for lesson, rung in json.loads(STORED.read_text()).items()
    }
    network_b = nn.stored("network_b")["runs"]
    stored["06"] = (
        "784-10-10, full batch, 500 steps",
        [run["test_error"] for run in network_b],
        [run["seconds"] for run in network_b],
    )
    networks = [n for n in nn.stored("record")["networks"] if n["recipe"] == "larger"]
    stored["17"] = (
        "784-1500-1000-500-10, distorted, 180 epochs",
        [network["errors"] / 10_000 for network in networks],
        [network["processor_seconds"] for network in networks],
    )
    return dict(sorted(stored.items()))


def draw() -> None:
    """Draw the ladder."""
    nn.use_course_style()
    figure, ax = plt.subplots(figsize=(9, 3.6))
    ladder = rungs()
    for position, (_, errors, seconds) in enumerate(ladder.values()):
        percent = 100 * np.array(errors)
        ax.plot([position] * len(percent), percent, "_", color=ORANGE, markersize=22, mew=1.5)
        ax.plot(position, percent.mean(), "o", color=BLUE, markersize=9)
        middle = np.median(seconds)
        spent = f"{middle:.0f} s" if middle < 300 else f"{middle / 60:.0f} min"
        spent = spent if max(seconds) else "no training"
        ax.annotate(
            f"{percent.mean():.3g} %\n{spent}",
            (position, percent.max()),
            xytext=(0, 9),
            textcoords="offset points",
            ha="center",
        )
    means = [100 * np.mean(errors) for _, errors, _ in ladder.values()]
    ax.plot(means, color=BLUE, linewidth=1, zorder=0)
    sizes = {k: textwrap.fill(v[0].split(",")[0], 14) for k, v in ladder.items()}
    ticks = [f"lesson {lesson}\n{lines}" for lesson, lines in sizes.items()]
    ax.set_xticks(range(len(ladder)), ticks)
    ax.set(
        yscale="log",
        ylim=(0.25, 400),
        xlim=(-0.5, len(ladder) - 0.5),
        ylabel="test error (%, log scale)",
    )
    ax.set_yticks([1, 10, 100], ["1", "10", "100"])
    ax.grid(visible=False, axis="x")
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=110, metadata={"Software": None})


def main() -> None:
    """Measure or draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, dest="command")
    measuring = commands.add_parser("measure", help="run rungs and store them")
    measuring.add_argument("lessons", nargs="+", choices=sorted(RUNGS))
    commands.add_parser("draw", help="draw the picture from what is stored")
    options = parser.parse_args()
    if options.command == "measure":
        measure(options.lessons)
    draw()


if __name__ == "__main__":
    main()
