"""What a kernel finds around it, so that a lesson prints the same on every machine.

Kernels inherit the variables of the process that starts them. So whoever starts kernels calls these
functions first: the tests' conftest.py, and tools/notebooks.py.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from jupyter_core.paths import jupyter_runtime_dir

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def use_one_thread():
    """Give each process one thread for its matrix products, unless somebody has said otherwise.

    Kernels that run side by side, with as many threads each as there are processors, wait for one
    another: a lesson of 25 seconds has been seen to take more than six minutes.
    """
    for name in THREADS:
        os.environ.setdefault(name, "1")


def show_no_widgets():
    """Let figures stand in for the course's widgets, which only a browser shows."""
    os.environ["NNFROMSCRATCH_WIDGETS"] = "off"


def use_writable_folders(spare):
    """Let what needs a folder of its own in the user's home have one in `spare` if it cannot.

    Without one Matplotlib and IPython warn, in the outputs, and a kernel may not start at all.
    """
    for variable, folders in _folders().items():
        if not all(map(_can_be_written, folders)):
            folder = Path(spare, variable.lower())
            folder.mkdir(parents=True, exist_ok=True)
            os.environ[variable] = str(folder)


FONTS = """
from matplotlib import font_manager
try:
    for name in ("DejaVu Sans", "cmsy10"):  # of its own, for text and for formulas
        font_manager.findfont(name, fallback_to_default=False)
except ValueError:
    font_manager._load_fontmanager(try_read_cache=False)
"""


def prepare_fonts():
    """Let Matplotlib list the fonts now; it says so if that takes long, which a lesson must not.

    The list is one file for all environments of a user. One that was made while another environment
    was being removed lacks Matplotlib's own fonts, and every figure with a formula says so.
    """
    subprocess.run([sys.executable, "-c", FONTS], capture_output=True, check=False)


def _folders():
    """Return the folders that are written to, by the variable that names another."""
    home = Path(os.path.expanduser("~"))  # as it stands, if there is none
    matplotlib = [home / ".matplotlib"]
    if sys.platform.startswith(("linux", "freebsd")):
        matplotlib = [
            Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config", "matplotlib"),
            Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache", "matplotlib"),
        ]
    if own := os.environ.get("MPLCONFIGDIR"):
        matplotlib = [Path(own)]
    return {
        "MPLCONFIGDIR": matplotlib,
        "IPYTHONDIR": [Path(os.environ.get("IPYTHONDIR") or home / ".ipython")],
        "JUPYTER_RUNTIME_DIR": [Path(jupyter_runtime_dir())],
    }


def _can_be_written(folder):
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
