"""What holds for unit tests and lessons alike, from whatever folder they are run."""

import importlib.util
import os
import shutil
import tempfile

import pytest

from tools import surroundings

# The student edition fails at its blanks, as it should; a test of its own looks at it.
collect_ignore = ["notebooks/exercises"]


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Set what kernels inherit, before the first one or another worker starts."""
    if importlib.util.find_spec("coverage"):
        # In one of several kernels coverage may find nothing to measure, and says so.
        config.addinivalue_line("filterwarnings", "default::coverage.exceptions.CoverageWarning")
    if hasattr(config, "workerinput"):
        return  # a worker of xdist: it has what the main process has set
    if config.getoption("numprocesses", None) or config.getoption("tx", None):
        surroundings.use_one_thread()
        # As they are collected, not those with the fewest tests last: these are not the shortest,
        # and one worker would end alone. The last ones now are the sets, a few seconds each.
        config.option.loadscopereorder = False
    # Options that somebody always gives are meant for this run, not for those that tests start.
    os.environ.pop("PYTEST_ADDOPTS", None)
    spare = tempfile.mkdtemp(prefix="nnfromscratch-")
    config.add_cleanup(lambda: shutil.rmtree(spare, ignore_errors=True))
    surroundings.use_writable_folders(spare)
    surroundings.show_no_widgets()
    if config.getoption("nbval", None) and not config.option.collectonly:
        surroundings.prepare_fonts()


def pytest_collection_modifyitems(items):
    """Hand out lessons and unit tests by turns: two lessons at once wait for the same memory."""
    scopes = {}
    for item in items:
        scopes.setdefault(item.nodeid.partition("::")[0], []).append(item)
    lessons = [n for n in scopes if n.endswith(".ipynb") and "solutions/" not in n]
    order = [name for name in scopes if name not in lessons]
    for number, name in enumerate(lessons):
        order.insert(3 * number, name)  # two files of unit tests are about as long as one lesson
    items[:] = [item for name in order for item in scopes[name]]
