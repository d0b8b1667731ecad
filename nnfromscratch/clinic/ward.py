"""Who is ill: `patient` for practice, with every fault there is, and `admit` for exercise set 15.

Numbers are the kinds of fault; seeds change the data, the weights, the sizes, and where in the
network the fault sits, so that two learners can be given two patients of the same kind.
"""

import functools

import numpy as np

from .._guards import natural, whole
from .._mnist_files import MNIST_SHA256, mnist_file
from ..initializers import he_normal, xavier_normal
from ..layers import ReLU, Tanh
from .faults import (
    KINDS,
    SOFTMAX_TWICE,
    UNITS_ALIKE,
    WEIGHTS_UNREAD,
    Draft,
    Fault,
    labels_moved_by,
    late_holes,
    penalty_of,
)
from .patients import BATCH, ORDER, POOL, Patient, digits

IMAGES = 3_000
CLEAN = 8
"""Batches of `train` without a hole: a few good losses come before the first nan of patient 2."""
SHIFTS = (-3, -2, -1, 1, 2, 3)
"""By how many rows the labels of patient 5 are moved: `SHIFTS[seed % 6]`."""
TREATED = (
    SOFTMAX_TWICE,
    Fault(
        late_holes(np.random.default_rng(ORDER).permutation(IMAGES), CLEAN * BATCH),
        "nan in the data",
    ),
    Fault(penalty_of(0.6, 0.8, 1.0), "penalty too strong"),
    UNITS_ALIKE,
    Fault(labels_moved_by(SHIFTS), "labels shifted"),
    WEIGHTS_UNREAD,
)
"""The kinds that exercise set 15 has mended, by number; the first is number 1."""


def cause_of(number: int) -> str:
    """Return what is wrong with the patients of a number that `patient` makes.

    Raises:
        TypeError: number is not an integer.
        ValueError: there is no such number.
    """
    return KINDS[_checked_number("cause_of", number, len(KINDS)) - 1].cause


def patient(seed: int, number: int) -> Patient:
    """Make a sick network to practise on; `cause_of(number)` tells what is wrong with it.

    Args:
        seed: whatever is random comes from it.
        number: the kind of fault, from 1 to `len(KINDS)`.

    Returns:
        a new Patient, the same one every time.

    Raises:
        TypeError: an argument is not an integer.
        ValueError: there is no such number, or the seed is negative.
    """
    number = _checked_number("patient", number, len(KINDS))
    rng = np.random.default_rng([natural("patient", seed=seed), number])
    pixels, y = _training_files()
    chosen = rng.choice(len(y), IMAGES, replace=False)
    x = pixels[chosen].reshape(IMAGES, -1) / np.float32(255)
    draft = Draft(rng, seed, x, y[chosen].astype(np.int64))
    hidden = int(rng.choice([64, 100, 128, 200]))
    draft.sizes = [784, hidden, 10] if rng.random() < 0.5 else [784, hidden, 50, 10]
    draft.rate, draft.batch_size = float(rng.choice([0.1, 0.2])), int(rng.choice([64, 128]))
    KINDS[number - 1].change(draft)
    return draft.patient()


def admit(seed: int, number: int) -> Patient:
    """Make the patient of exercise set 15 that a seed gives.

    Args:
        seed: data, weights, sizes, rate, and the measure of the fault come from it.
        number: the kind of fault, from 1 to 6.

    Returns:
        a new Patient, the same one every time.

    Raises:
        TypeError: an argument is not an integer.
        ValueError: there is no such number, or the seed is negative.
    """
    number = _checked_number("admit", number, len(TREATED))
    rng = np.random.default_rng([13, number, natural("admit", seed=seed)])
    chosen = rng.choice(POOL, IMAGES, replace=False)
    x, y = digits()
    draft = Draft(rng, seed, x[chosen], y[chosen])
    hidden = [int(rng.choice([32, 40, 48]))]
    if rng.random() < 0.5 and number != 4:  # units that are alike are easiest to see in one layer
        hidden.append(24)
    draft.sizes = [784, *hidden, 10]
    draft.activation = (ReLU, Tanh)[int(rng.integers(2))]
    draft.initializer = he_normal if draft.activation is ReLU else xavier_normal
    draft.rates = (0.15, 0.2, 0.25)
    TREATED[number - 1].change(draft)
    return draft.patient()


@functools.cache
def _training_files() -> tuple[np.ndarray, np.ndarray]:
    """Return MNIST's training images, a byte a pixel, and labels; they are read once."""
    images, labels = map(mnist_file, list(MNIST_SHA256)[:2])
    return images, labels


def _checked_number(function: str, number: int, last: int) -> int:
    number = whole(function, number=number)
    if number > last:
        raise ValueError(f"{function}: number must be from 1 to {last}, got {number}")
    return number
