"""The command `nnfromscratch lab`: the learner's folder, and JupyterLab in it."""

import argparse
import importlib.util
import shlex
import subprocess
import sys
from pathlib import Path

from .workspace import RECORD, Workspace, WorkspaceError, editions, stored_notebooks

DEFAULT = "my_course"


def add_to(commands: argparse._SubParsersAction) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "lab",
        help="make a folder of your own with all lessons and exercises, and open JupyterLab in it",
        description="Make FOLDER with a working copy of all lessons and exercise sets, and open "
        "JupyterLab in it. What is there already is never written over.",
        epilog="What stands after -- is handed on to JupyterLab: lab my_course -- --no-browser",
    )
    parser.add_argument("folder", type=Path, nargs="?", metavar="FOLDER",
                        help=f"yours ({DEFAULT})")  # fmt: skip
    parser.add_argument("options", nargs="*", metavar="-- OPTIONS", help="of JupyterLab")
    does = parser.add_mutually_exclusive_group()
    does.add_argument("--no-open", action="store_true", help="make the folder, open nothing")
    does.add_argument("--update", action="store_true",
                      help="bring new versions: unchanged notebooks are replaced, beside a changed "
                           "one its new version is put; nothing is opened")  # fmt: skip
    does.add_argument("--fresh", nargs="+", metavar="03",
                      help="put fresh copies of lessons or sets (03_exercises) beside yours; "
                           "nothing is opened")  # fmt: skip
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    folder, handed_on = options.folder, options.options
    if str(folder or "").startswith("-"):  # no folder before the --
        folder, handed_on = None, [str(folder), *handed_on]
    folder = folder or Path("." if Path(RECORD).is_file() else DEFAULT)
    try:
        workspace = _workspace(folder)
        if options.fresh:
            for which in options.fresh:
                print(f"{folder / workspace.fresh(which)}: fresh, as the course has it")
            return 0
        if options.update:
            _print_update(folder, workspace.update())
            return 0
        _print_made(folder, workspace)
    except OSError as error:
        print(f"lab: {folder} cannot be used: {error}. {_elsewhere()}", file=sys.stderr)
        return 1
    except WorkspaceError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0 if options.no_open else _open(folder, workspace, handed_on)


def _workspace(folder: Path) -> Workspace:
    """Return the folder's workspace, if it may be one."""
    source = stored_notebooks()
    if folder.exists() and not folder.is_dir():
        raise WorkspaceError(f"{folder} is a file, not a folder. {_elsewhere()}")
    if source in (folder.resolve(), *folder.resolve().parents):
        raise WorkspaceError(f"{folder} holds the course's own notebooks. {_elsewhere()}")
    return Workspace(folder, editions(source))


def _elsewhere() -> str:
    return f"Name another one: {_command()} lab FOLDER"


def _command() -> str:
    """Return the command as it was called, so that what a message says can be typed."""
    called = Path(sys.argv[0])
    return str(called) if called.stem == "nnfromscratch" else "python -m nnfromscratch"


def _print_made(folder: Path, workspace: Workspace) -> None:
    """Say in a line where the folder is, and how to get a lesson fresh."""
    made, call = workspace.make(), f"{_command()} lab {shlex.quote(str(folder))}"
    count = f" ({len(made)} notebooks written)" if made else ""
    print(
        f"Your course is in {folder.resolve()}{count}, and nothing there is ever written over. "
        f"A fresh copy of lesson 03 beside yours: {call} --fresh 03"
    )
    if newer := workspace.outdated():
        print(f"The course has new versions of {len(newer)} notebooks: {call} --update")


def _print_update(folder: Path, done: dict[str, str]) -> None:
    for name, what in done.items():
        print(f"{folder / name}: {what}")
    print(f"{len(done)} notebooks new, changed or left" if done else f"{folder}: nothing is new")


def _open(folder: Path, workspace: Workspace, options: list[str]) -> int:
    """Run JupyterLab in the folder until it is stopped; return its exit status."""
    if importlib.util.find_spec("jupyterlab") is None:
        print(
            "JupyterLab is not installed: pip install 'nnfromscratch[lab]', then the same command; "
            f"or open {folder} with what you have.",
            file=sys.stderr,
        )
        return 1
    first = min((name for name in workspace.editions if name[:2].isdigit()), default="")
    command = [sys.executable, "-m", "jupyterlab", f"--LabApp.default_url=/lab/tree/{first}"]
    process = subprocess.Popen([*command, *options], cwd=folder)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # JupyterLab gets it too, and asks whether to stop
            continue
