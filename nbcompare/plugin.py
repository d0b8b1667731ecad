"""The plugin for pytest: nbval runs and explains, this decides what counts as different.

It does nothing unless both `--nbval` and `--nbcompare` are given, so that being installed beside
other notebooks changes nothing for them.
"""

from types import MethodType

from .outputs import reconcile

SPREAD = "largest relative difference"


def pytest_addoption(parser):
    """Add --nbcompare."""
    parser.getgroup("nbval", "Jupyter Notebook validation").addoption(
        "--nbcompare",
        action="store_true",
        help="with --nbval: compare numbers as numbers and figures as data",
    )


def compare_outputs(cell, new, old, skip_compare=None):
    """Compare the outputs of a cell, in place of nbval's method of that name."""
    try:
        agreeing, stored, judge = reconcile(new, old, cell.cell.metadata.get("tags", []))
    except ValueError as error:
        cell.comparison_traceback = [str(error)]
        return False
    if judge.spread:
        cell.user_properties.append((SPREAD, f"{judge.spread:.2g}"))
    same = type(cell).compare_outputs(cell, agreeing, stored, skip_compare)
    cell.comparison_traceback += [f"nbcompare: {note}" for note in judge.notes]
    return same and not judge.notes


def pytest_itemcollected(item):
    """Give the cells of notebooks their comparison."""
    if not item.config.getoption("nbcompare"):
        return
    try:
        from nbval.plugin import IPyNbCell
    except ImportError:  # no nbval, so no cells of notebooks
        return
    if isinstance(item, IPyNbCell):
        item.compare_outputs = MethodType(compare_outputs, item)
