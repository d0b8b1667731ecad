"""Store what came of `make thorough`, a plugin for pytest.

    pytest tests -m thorough -p tools.thorough

It goes into benchmarks/results/thorough.json.
"""

import json
import platform
import time
from pathlib import Path

import numpy as np
import pytest

STORED = Path(__file__).resolve().parent.parent / "benchmarks" / "results" / "thorough.json"


def pytest_configure(config):
    """Remember when it began."""
    config.thorough_began = time.monotonic()


def pytest_terminal_summary(terminalreporter, exitstatus, config):
    """Write how many tests passed, failed and were skipped, and which failed, of a whole run."""
    if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return  # it was stopped
    stats = terminalreporter.stats
    failed = [report.nodeid for kind in ("failed", "error") for report in stats.get(kind, [])]
    found = {
        "command": "make thorough",
        "passed": len(stats.get("passed", [])),
        "skipped": len(stats.get("skipped", [])),
        "failed": failed,
        "minutes": round((time.monotonic() - config.thorough_began) / 60, 1),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    STORED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
