"""How fast `fit` is with several workers, beside as many BLAS threads.

    python benchmarks/workers.py               5 rounds; prints a table, and stores nothing
    python benchmarks/workers.py --rounds 9    more

The work is that of speed.py: 784-300-10, batches of 128, passes over all 60,000 images. Run it on
a machine that does nothing else. The contestants take turns, each time as a process of its own of
which the first pass, in which it warms up, is not counted.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

if __package__:
    from . import speed
else:  # run as a script
    import speed

PASSES = 4


def passes(workers):
    """Return the seconds of each pass of one `fit`, but for the first."""
    import numpy as np

    import nnfromscratch as nn

    rng = np.random.default_rng(0)
    model = nn.mlp(speed.SIZES, rng=rng)
    settings = {"epochs": PASSES, "batch_size": speed.BATCH, "rng": rng, "progress": False}
    optimizer = nn.SGD(speed.RATE)
    return nn.fit(model, speed.data(), optimizer=optimizer, workers=workers, **settings).seconds[1:]


def bare():
    """Return the seconds of as many passes of the matrix products alone."""
    epoch, seconds = speed.products(), []
    for _ in range(PASSES):
        start = time.perf_counter()
        epoch()
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


def measured(kind, threads, workers):
    """Run one contestant in a process of its own."""
    command = [sys.executable, __file__, "--one", kind, str(workers)]
    environment = os.environ | dict.fromkeys(speed.VARIABLES, str(threads))
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout)


def main():
    """Measure in turns, and print medians and ratios of the same rounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        kind, workers = options.one
        print(json.dumps(bare() if kind == "products" else passes(int(workers))))
        return
    count = len(os.sched_getaffinity(0))
    contestants = {
        f"fit, {count} BLAS threads": ("fit", count, 1),
        f"fit, {count} workers": ("fit", 1, count),
        f"products alone, {count} threads": ("products", count, 1),
    }
    rounds = [
        {name: statistics.median(measured(*how)) for name, how in contestants.items()}
        for _ in range(options.rounds)
    ]
    first = next(iter(contestants))
    for name in contestants:
        seconds = [done[name] for done in rounds]
        ratios = [done[name] / done[first] for done in rounds]
        print(
            f"{name:<32} {statistics.median(seconds):.2f} s a pass, "
            f"{statistics.median(ratios):.2f} of the first ({min(ratios):.2f} to {max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
