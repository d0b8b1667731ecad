"""Four ways against learning by heart, and more images, compared on draws of 1,000 images.

    python benchmarks/regularization.py

writes nnfromscratch/_results/regularization.json. Every run: 784-300-10, Nesterov momentum 0.9,
rate 0.1 falling to 0, batches of 50, 800 steps. Seed s draws the images, the weights and the
batches. The settings were chosen in lessons 13 and 14 on validation images of seed 0.
"""

import json
import platform

import numpy as np
from tqdm import trange

import nnfromscratch as nn
from nnfromscratch.results import FOLDER

STORED = FOLDER / "regularization.json"
SEEDS = 5
WAYS = {
    "nothing": {},
    "L2": {"weight_decay": 0.003},
    "early stopping": {"patience": 5},
    "dropout": {"hidden": 0.5, "pixels": 0.2},
    "distortion": {"augment": nn.distort},
    "2,000 images": {"images": 2_000},
    "5,000 images": {"images": 5_000},
    "10,000 images": {"images": 10_000},
    "20,000 images": {"images": 20_000},
}


def learn(
    seed, mnist, *, images=1_000, weight_decay=0.0, hidden=0.0, pixels=0.0, augment=None, patience=0
) -> dict:
    """Train once; return test loss, test error and the number of epochs."""
    x, y, x_test, y_test = mnist
    rng = np.random.default_rng(seed)
    x, y, x_val, y_val = nn.train_validation_split(x, y, 5_000, rng=rng)
    model = nn.Sequential(
        [
            nn.Dropout(pixels, rng=rng),
            nn.Linear(784, 300, rng=rng),
            nn.ReLU(),
            nn.Dropout(hidden, rng=rng),
            nn.Linear(300, 10, rng=rng),
        ]
    )
    history = nn.fit(
        model,
        (x[:images], y[:images]),
        optimizer=nn.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=weight_decay),
        schedule=nn.schedules.linear_decay(),
        epochs=40 * 1_000 // images,
        batch_size=50,
        rng=rng,
        augment=augment,
        validation=(x_val[:2_000], y_val[:2_000]) if patience else None,
        callbacks=[nn.EarlyStopping(patience)] if patience else (),
        progress=False,
    )
    loss, error = nn.evaluate(model, x_test, y_test)
    return {"test_loss": round(loss, 4), "test_error": error, "epochs": history.epochs}


def main() -> None:
    """Run everything and store it."""
    mnist = nn.load_mnist()
    runs = {
        way: [learn(seed, mnist, **settings) for seed in trange(SEEDS, desc=way)]
        for way, settings in WAYS.items()
    }
    result = {
        "command": "python benchmarks/regularization.py",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "runs": runs,
    }
    STORED.write_text(json.dumps(result, indent=1) + "\n")
    for way, results in runs.items():
        errors = [run["test_error"] for run in results]
        print(f"{way}: {np.mean(errors):.2%} ± {np.std(errors, ddof=1):.2%}")


if __name__ == "__main__":
    main()
