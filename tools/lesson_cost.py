"""Hold every lesson to its cost, a plugin for pytest: 30 s, 1 GiB, measured on its kernel.

    pytest notebooks --nbval --nbval-current-env -p tools.lesson_cost

nbval runs each cell of a lesson as a test, all of them in one kernel. This plugin adds a test after
the last cell, while the kernel still lives, and asks the system what the kernel has used. So the
lessons run once, not twice.

The time is the kernel's processor time, not that of a clock: on a machine that is busy with
something else a lesson takes longer but computes no more. With one BLAS thread, as in `make test`,
it is what the clock would show on a quiet machine. With more threads it is their sum, so the test
is skipped.

A lesson has 30 s on a quiet machine. The bound is more than three times that: beside another lesson
that goes through all images at once, and waits for the same memory, lesson 07 has been seen to need
three times as long. And where a processor does less in a second than usual, because its neighbours
share it, a second counts as less: a piece of work that is always the same says how much.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from nbval.plugin import IPyNbFile

SECONDS = 100
BYTES = 2**30
QUIET = 0.15
"""Seconds of the processor that `work` takes where an epoch of 784-300-10 takes the 0.79 s that
docs/speed.md was measured with: it took 0.25 s where the epoch took 1.34 s."""


def work():
    """Do what lessons do: a hundred steps of one layer, with batches of 128 images."""
    x, w = np.ones((8_192, 784), np.float32), np.zeros((784, 300), np.float32)
    for step in range(100):
        batch = x[step::64]  # (128, 784)
        z = batch @ w  # (128, 300)
        w -= 1e-6 * (batch.T @ (np.maximum(z, 0) * (z > 0) - 1))


def slowdown():
    """Return how many times slower than on the quiet machine it is here and now, at least 1."""
    start = time.process_time()
    work()
    return max(1.0, (time.process_time() - start) / QUIET)


def measured(pid):
    """Return the processor time in seconds and the largest memory in bytes of a process so far."""
    process = psutil.Process(pid)
    times, memory = process.cpu_times(), process.memory_info()
    if sys.platform == "linux":
        # Not getrusage: its maximum counts the memory of the process that started this one.
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        peak = 1024 * int(status.split("VmHWM:")[1].split()[0])
    else:  # Windows knows the largest; macOS does not tell it of others, only the present one
        peak = getattr(memory, "peak_wset", memory.rss)
    return times.user + times.system, peak


def complaints(seconds, peak):
    """Return what is too much."""
    found = []
    if seconds > SECONDS:
        found.append(f"takes {seconds:.0f} s of processor time, more than {SECONDS} s")
    if peak > BYTES:
        found.append(f"needs {peak / 2**20:.0f} MiB, more than {BYTES / 2**20:.0f} MiB")
    return found


class TooDear(Exception):
    """A lesson takes or needs too much."""


class Cost(pytest.Item):
    """The test after the last cell."""

    def runtest(self):
        """Ask the system about the kernel, which is still there."""
        if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
            pytest.skip("processor time is the time of a lesson with one BLAS thread only")
        seconds, peak = measured(self.parent.kernel.km.provisioner.pid)
        seconds /= slowdown()
        self.user_properties += [("seconds", round(seconds, 1)), ("MiB", peak // 2**20)]
        if found := complaints(seconds, peak):
            raise TooDear(f"{self.path.name} {' and '.join(found)}")

    def repr_failure(self, excinfo):
        """Return the complaints alone; where in this file they arose helps nobody."""
        return str(excinfo.value) if excinfo.errisinstance(TooDear) else str(excinfo.getrepr())

    def reportinfo(self):
        """Return file, line and name."""
        return self.path, 0, f"{self.path.name}::{self.name}"


def pytest_collection_modifyitems(items):
    last = {item.parent: item for item in items if isinstance(item.parent, IPyNbFile)}
    for file, item in last.items():
        items.insert(items.index(item) + 1, Cost.from_parent(file, name="cost"))
