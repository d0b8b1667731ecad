"""The course's network in scikit-learn, PyTorch and JAX, from the same weights on the same batches.

    python -m benchmarks.frameworks

writes nnfromscratch/_results/frameworks.json, which lesson 18 shows where a framework is not
installed. It needs the extra `frameworks`.
"""

import json

from nnfromscratch import frameworks
from nnfromscratch._files import replacing
from nnfromscratch.results import FOLDER

STORED = FOLDER / "frameworks.json"


def main() -> None:
    """Compare all three, and store what was found only if each of them ran."""
    params, batches = frameworks.same_start()
    found = {name: frameworks.compare(name, params, batches) for name in frameworks.FRAMEWORKS}
    if missing := [name for name, result in found.items() if not result.ran_here]:
        raise SystemExit(f"not installed: {', '.join(missing)}; make test-frameworks brings them")
    result = {
        "command": "python -m benchmarks.frameworks",
        "setting": {
            **{"steps": frameworks.STEPS, "batch_size": frameworks.BATCH_SIZE},
            **{"learning_rate": frameworks.LEARNING_RATE, "dtype": "float64"},
        },
        "found": {
            name: {"largest_difference": row.largest_difference, "version": row.version}
            for name, row in found.items()
        },
    }
    with replacing(STORED) as file:
        file.write((json.dumps(result, indent=1) + "\n").encode())
    print("\n".join(map(str, found.values())))


if __name__ == "__main__":
    main()
