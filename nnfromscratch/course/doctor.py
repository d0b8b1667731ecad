"""The command `nnfromscratch doctor`: what is wrong with an installation, in sentences."""

import argparse
import contextlib
import importlib.util
import os
import re
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import threadpoolctl

from .._mnist_files import MNIST_SHA256, mnist_file
from .workspace import WorkspaceError, stored_notebooks

QUOTA = Path("/sys/fs/cgroup/cpu.max")
LAB = ("jupyterlab", "ipykernel", "ipywidgets")


def add_to(commands: argparse._SubParsersAction) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "doctor",
        help="say what is wrong with the installation, and what to do",
        description="Look at Python, the packages, the data files, JupyterLab, the folder and the "
        "threads, and say in sentences what is wrong. The exit status is 1 if anything is.",
    )
    parser.add_argument("folder", type=Path, nargs="?", default=Path("."), metavar="FOLDER",
                        help="where you want to work (here)")  # fmt: skip
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    found = examine(options.folder)
    for sentence in found:
        print(f"- {sentence}")
    if not found:
        print("Nothing is wrong: `nnfromscratch lab` opens the course.")
    return int(bool(found))


def examine(folder: Path) -> list[str]:
    """Return a sentence for each thing that is wrong with the installation; change nothing."""
    questions = (versions, data_files, lessons, jupyter, lambda: place(folder), threads)
    return [sentence for question in questions for sentence in question()]


def versions() -> list[str]:
    """Ask whether Python and the packages are as new as pyproject.toml asks for."""
    try:
        about = metadata.metadata("nnfromscratch")
    except metadata.PackageNotFoundError:
        return [
            "nnfromscratch is not installed, only found in a folder, so nothing has checked what "
            "it needs. In the course's folder: `pip install -e .`"
        ]
    found, least = [], about["Requires-Python"].removeprefix(">=")
    if sys.version_info[:2] < _numbers(least):
        found.append(
            f"This is Python {sys.version.split()[0]}, but {least} or newer is needed. Install one "
            "and make a new environment with it."
        )
    needed = [line for line in about.get_all("Requires-Dist", []) if "extra ==" not in line]
    return found + [sentence for line in needed if (sentence := _package(line))]


def _package(requirement: str) -> str:
    """Return what is wrong with a package that is asked for as in `numpy>=2.0`, "" if nothing."""
    name, least = requirement.split(">=")
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"{name} is missing: `pip install '{requirement}'`"
    if _numbers(version) >= _numbers(least):
        return ""
    return f"{name} is {version}, but {least} or newer is needed: `pip install '{requirement}'`"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def data_files() -> list[str]:
    """Ask whether MNIST is whole: each file there, with its published SHA-256."""
    found = []
    for name in MNIST_SHA256:
        try:
            mnist_file(name)
        except (OSError, ValueError) as error:
            found.append(f"{error}.")
    return found


def lessons() -> list[str]:
    """Ask whether the lessons are there."""
    try:
        stored_notebooks()
    except WorkspaceError as error:
        return [f"{error}"]
    return []


def jupyter() -> list[str]:
    """Ask for JupyterLab and what it needs to run a lesson."""
    missing = [name for name in LAB if importlib.util.find_spec(name) is None]
    if not missing:
        return []
    return [
        f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing, so lessons "
        "cannot be opened in JupyterLab: `pip install 'nnfromscratch[lab]'`"
    ]


def place(folder: Path) -> list[str]:
    """Ask whether the folder can be written to, and whether a file there hides a package."""
    found = []
    above = next((f for f in (folder.absolute(), *folder.absolute().parents) if f.exists()), folder)
    try:
        tempfile.TemporaryFile(dir=above).close()
    except OSError as error:
        found.append(
            f"{above} cannot be written to ({error.strerror}), so your work could not be kept "
            "there. Name another folder: `nnfromscratch lab FOLDER`"
        )
    for name in ("numpy", "matplotlib", "nnfromscratch"):
        file = folder / f"{name}.py"
        if file.is_file():
            found.append(
                f"{file} hides the package {name} from every notebook in that folder. Give the "
                "file another name."
            )
    return found


def threads() -> list[str]:
    """Ask whether matrix products have more threads than there are processors for them."""
    pools = threadpoolctl.threadpool_info()
    used = max((pool["num_threads"] for pool in pools if pool["user_api"] == "blas"), default=1)
    processors = _processors()
    if used <= processors:
        return []
    return [
        f"NumPy's matrix products use {used} threads, but there is time for {processors} on the "
        "processors, so they wait for one another and are several times slower. Set "
        f"OPENBLAS_NUM_THREADS and OMP_NUM_THREADS to {processors} before you start."
    ]


def _processors() -> int:
    """Return how many processors this process may use, what a container allows included."""
    allowed = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    # "max 100000" where nothing is limited, which is no number; other systems have no such file.
    with contextlib.suppress(OSError, ValueError):
        quota, period = map(int, QUOTA.read_text().split())
        allowed = min(allowed, max(1, round(quota / period)))
    return allowed
