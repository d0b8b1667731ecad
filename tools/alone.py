"""Run each lesson alone in an empty folder, out of the built wheel, as on somebody else's machine.

    python -m tools.alone            all lessons, by nbconvert and by papermill
    python -m tools.alone 02 03      those only

The home folder cannot be written to. nbconvert runs a lesson in the folder where it lies, papermill
in the one from which it is called, where nothing is. The package is what the wheel holds. What came
of each lesson is stored in docs/alone.json.
"""

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path

from tqdm import tqdm

from .notebooks import lessons

ROOT = Path(__file__).resolve().parent.parent
STORED = ROOT / "docs" / "alone.json"
COMMAND = "python -m tools.alone"
RUNNERS = ("nbconvert", "papermill")
TIMEOUT = 900


def unpack_wheel(folder):
    """Build the wheel and unpack it into a folder, which is all that an installer does."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "w")]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = (folder / "w").glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "package")
    return folder / "package"


def run(lesson, runner, package, folder):
    """Run a lesson alone, and return what went wrong, "" if nothing.

    Args:
        lesson: the stored notebook; a copy of it lies alone in an empty folder.
        runner: "nbconvert" or "papermill".
        package: the folder with the unpacked wheel.
        folder: where to work.
    """
    places = {name: folder / runner / name for name in ("dropped", "elsewhere", "done", "jupyter")}
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    copy, done = places["dropped"] / lesson.name, places["done"] / lesson.name
    copy.write_bytes(lesson.read_bytes())
    command = {
        "nbconvert": ["nbconvert", "--to", "notebook", "--execute", str(copy),
                      "--output-dir", str(places["done"])],
        "papermill": ["papermill", "--no-progress-bar", "-k", "python3", str(copy), str(done)],
    }[runner]  # fmt: skip
    # /dev/null is no folder, so that nobody can write below it, not even root.
    nowhere = {"HOME": "/dev/null/home", "XDG_CACHE_HOME": "/dev/null/cache"}
    environment = os.environ | nowhere | {
        "PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1",
        "JUPYTER_RUNTIME_DIR": str(places["jupyter"]), "IPYTHONDIR": str(places["jupyter"]),
    }  # fmt: skip
    environment.pop("MPLCONFIGDIR", None)
    try:
        ended = subprocess.run([sys.executable, "-m", *command], cwd=places["elsewhere"],
                               check=False, env=environment, capture_output=True, text=True,
                               timeout=TIMEOUT)  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"it took more than {TIMEOUT} s"
    left = [path.name for path in places["elsewhere"].iterdir()]
    if ended.returncode:
        return ended.stderr[-1500:]
    return f"it left {left} in the folder from which it was run" if left else ""


def main(numbers):
    """Run lessons alone, store what came out of each; return the exit status."""
    failed = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as spare:
        package = unpack_wheel(Path(spare))
        for lesson in tqdm(lessons(numbers=numbers), desc="alone"):
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                found = {r: run(lesson, r, package, Path(folder)) for r in RUNNERS}
            store(lesson.stem, {runner: said or "runs" for runner, said in found.items()})
            failed |= {lesson.stem: found} if any(found.values()) else {}
    print(json.dumps(failed, indent=1) if failed else "all run alone")
    return int(bool(failed))


def store(name, result):
    """Keep the result of a lesson beside those of the others; what is not there was not run."""
    known = json.loads(STORED.read_text("utf-8"))["lessons"] if STORED.exists() else {}
    results = known | {name: result}
    versions = {package: metadata.version(package) for package in (*RUNNERS, "ipykernel", "numpy")}
    stored = {"command": COMMAND, "versions": versions, "lessons": dict(sorted(results.items()))}
    STORED.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
