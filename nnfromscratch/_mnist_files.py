"""The four files of MNIST that come with the package, read only if they are the published ones."""

import hashlib
from pathlib import Path

import numpy as np

from ._foreign import read_unpacked
from .readers import parse_idx

MNIST_FOLDER = Path(__file__).parent / "_mnist"
# SHA-256 of each file's uncompressed bytes.
MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def mnist_file(name: str) -> np.ndarray:
    """The array in one of the four, or an error that says how to get the file back."""
    path = MNIST_FOLDER / f"{name}.gz"
    advice = (
        "install the package again, or restore the file with `git checkout -- nnfromscratch/_mnist`"
    )
    if not path.exists():
        raise FileNotFoundError(f"load_mnist: {path} is missing; {advice}")
    try:
        content = read_unpacked("load_mnist", path)
    except ValueError as error:
        raise ValueError(f"{error}; {advice}") from None
    if hashlib.sha256(content).hexdigest() != MNIST_SHA256[name]:
        raise ValueError(
            f"load_mnist: {path} is damaged: its SHA-256 is not the published one; {advice}"
        )
    return parse_idx(content, path)
