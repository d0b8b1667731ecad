"""Data and augmentation, beside published sums, hand-made files and loops over pixels."""

import hashlib
import math
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import nnfromscratch as nn

from .._mnist_files import MNIST_SHA256
from .engine import EXACT, case
from .plain import draw, each

# --- data


@case("load_mnist", "SHA-256 of the published files, rebuilt from arrays; class counts", EXACT)
def _() -> Iterator[tuple]:
    x_train, y_train, x_test, y_test = nn.load_mnist()
    for (name, published), array in zip(
        MNIST_SHA256.items(), (x_train, y_train, x_test, y_test), strict=True
    ):
        shape = (len(array), 28, 28) if "images" in name else (len(array),)
        scale = 255 if "images" in name else 1
        content = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
        content += np.rint(array * scale).astype(np.uint8).tobytes()
        yield hashlib.sha256(content).hexdigest(), published
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    yield [y_train.tolist().count(digit) for digit in range(10)], counts


@case("load_idx", "numbers packed by Python's struct", EXACT)
def _() -> Iterator[tuple]:
    numbers = list(range(6))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        for code, letter in ((8, "B"), (9, "b"), (11, "h"), (12, "i"), (13, "f"), (14, "d")):
            path.write_bytes(struct.pack(f">HBBII6{letter}", 0, code, 2, 2, 3, *numbers))
            yield nn.load_idx(path), [numbers[:3], numbers[3:]]


@case("load_digits_csv", "the numbers written, pixels divided by 255 in float32", EXACT)
def _() -> Iterator[tuple]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.csv"
        path.write_text("label,a,b,c,d\n7,0,1,254,255\n0,10,20,30,40\n")
        x, y = nn.load_digits_csv(path)
    in_float32 = each(lambda pixel: struct.unpack("f", struct.pack("f", pixel / 255))[0])
    yield x, in_float32([[0, 1, 254, 255], [10, 20, 30, 40]])
    yield y, [7, 0]


@case("one_hot", "1 where the column is the label, entry by entry", EXACT)
def _() -> Iterator[tuple]:
    y = [2, 0, 3, 3]
    yield nn.one_hot(y, 5), [[1 if c == label else 0 for c in range(5)] for label in y]


@case("minibatches", "every example once, beside its label, in batches of 4, 4 and 2", EXACT)
def _() -> Iterator[tuple]:
    x = np.arange(20.0).reshape(10, 2)
    batches = list(nn.minibatches(x, np.arange(10), 4, rng=np.random.default_rng(0)))
    y = [label for _, labels in batches for label in labels.tolist()]
    yield [len(batch) for batch, _ in batches], [4, 4, 2]
    yield sorted(y), range(10)
    yield y != sorted(y), True
    yield [row for batch, _ in batches for row in batch.tolist()], [[2 * n, 2 * n + 1] for n in y]


@case("train_validation_split", "every example once, beside its label, 3 set aside", EXACT)
def _() -> Iterator[tuple]:
    x = np.arange(20.0).reshape(10, 2)
    rng = np.random.default_rng(0)
    x_train, y_train, x_valid, y_valid = nn.train_validation_split(x, np.arange(10), 3, rng=rng)
    y = [*y_train.tolist(), *y_valid.tolist()]
    yield [len(y_train), len(y_valid)], [7, 3]
    yield sorted(y), range(10)
    yield y[:7] != sorted(y[:7]), True
    yield [*x_train.tolist(), *x_valid.tolist()], [[2 * n, 2 * n + 1] for n in y]


# --- augmentation


@case("distort", "the image itself if all strengths are zero", EXACT)
def _() -> Iterator[tuple]:
    (x,) = draw((3, 49))
    still = {"rotation": 0, "scaling": 0, "shear": 0, "elastic": 0}
    yield nn.distort(x, rng=np.random.default_rng(0), **still), x


def plain_bilinear(image: list, row: float, column: float) -> float:
    """Return the sum of all pixels, each weighted by its nearness in either direction."""
    return sum(
        value * max(0, 1 - abs(r - row)) * max(0, 1 - abs(c - column))
        for r, values in enumerate(image)
        for c, value in enumerate(values)
    )


def plain_distort(image: list, angle: float, stretch: list, slant: float, noise: list) -> list:
    """Read an image at c + A (r - c) + u(r), all of it pixel by pixel; noise is None or two."""
    pixels = range(len(image))
    centre = (len(image) - 1) / 2
    sin, cos = math.sin(math.radians(angle)), math.cos(math.radians(angle))
    gauss = [[math.exp(-((i - j) ** 2) / (2 * 1.5**2)) for j in pixels] for i in pixels]
    gauss = [[value / sum(row) for value in row] for row in gauss]
    out = []
    for r in pixels:
        for c in pixels:
            down = stretch[0] * (r - centre)
            right = slant * (r - centre) + stretch[1] * (c - centre)
            u = [
                sum(gauss[r][i] * gauss[c][j] * field[i][j] for i in pixels for j in pixels)
                for field in noise
            ]
            row, column = cos * down - sin * right + u[0], sin * down + cos * right + u[1]
            out.append(plain_bilinear(image, centre + row, centre + column))
    return out


def _distort_case(name: str, against: str, **strengths: float) -> None:
    @case(f"distort, {name}", f"{against}, pixel by pixel; it works in float32", 1e-5)
    def _() -> Iterator[tuple]:
        n, side = 3, 5
        x = np.abs(draw((n, side * side))[0])
        settings = {"rotation": 0.0, "scaling": 0.0, "shear": 0.0, "elastic": 0.0} | strengths
        # What the same generator draws, in the same order.
        rng = np.random.default_rng(0)
        angle = settings["rotation"] * rng.uniform(-1, 1, n)
        stretch = 1 + settings["scaling"] * rng.uniform(-1, 1, (2, n))
        slant = settings["shear"] * rng.uniform(-1, 1, n)
        noise = 2 * rng.random((2, n, side, side), dtype=np.float32).astype(float) - 1
        noise *= settings["elastic"]
        images = x.reshape(n, side, side).tolist()
        found = nn.distort(x, rng=np.random.default_rng(0), sigma=1.5, **settings)
        yield (
            found,
            [
                plain_distort(
                    images[k],
                    angle[k].item(),
                    stretch[:, k].tolist(),
                    slant[k].item(),
                    noise[:, k].tolist(),
                )
                for k in range(n)
            ],
        )


_distort_case("turned", "the turned grid", rotation=40.0)
_distort_case("all of it", "its formula", rotation=10.0, scaling=0.1, shear=0.1, elastic=1.0)
