"""Execute the lessons and store their outputs, always in the same form.

    python tools/notebooks.py             execute and store every lesson
    python tools/notebooks.py 02 03       only those whose names begin with these numbers
                                          (in either case the solutions of the exercises too)
    python tools/notebooks.py --check     execute nothing, name files not in the stored form
    python tools/notebooks.py --count     how many text outputs the tests compare and ignore

Each lesson runs in a fresh kernel that starts in the lesson's own folder, as in JupyterLab.
Where the code has not changed since the last commit and its outputs agree with those of that commit
(texts word by word, numbers and the data of figures within what the tests allow), the committed
outputs are kept: pictures differ by a few bytes from one matplotlib to the next, and such
differences would hide the real ones. `--refresh` stores the new outputs in any case.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from tqdm import tqdm

import nbcompare
from nbcompare.outputs import reconcile

if __package__:
    from . import surroundings
    from .stale_numbers import no_longer_said
else:  # run as a script
    import surroundings
    from stale_numbers import no_longer_said

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
IGNORED = "nbval-ignore-output"
KEPT_CELL_METADATA = ("guess", "nbgrader", "tags")
NOTEBOOK_METADATA = {
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}
COMPARED_MIMES = ("text/plain", "text/html", "text/markdown", nbcompare.MIME)


def lessons(folder=FOLDER, numbers=()):
    """List the lessons in a folder, or those whose names begin with one of the numbers."""
    found = sorted(Path(folder).glob("[0-9][0-9]_*.ipynb"))
    if not numbers:
        return found
    prefixes = [number.zfill(2) for number in numbers]
    for number, prefix in zip(numbers, prefixes, strict=True):
        if not any(path.name.startswith(prefix) for path in found):
            raise SystemExit(f"No lesson begins with {number!r} in {folder}.")
    return [path for path in found if path.name.startswith(tuple(prefixes))]


def solutions(folder=FOLDER, numbers=()):
    """List the solutions of the exercises, or those of some of the lessons."""
    prefixes = tuple(number.zfill(2) for number in numbers) or ("",)
    found = sorted(Path(folder, "solutions").glob("[0-9][0-9]_*.ipynb"))
    return [path for path in found if path.name.startswith(prefixes)]


# The stored form


def normalize(notebook):
    """Return the notebook in the stored form, without what editors and kernels leave behind."""
    if notebook.nbformat != 4:
        raise ValueError(f"the notebook's format is {notebook.nbformat}, not 4")
    seen = set()
    cells = []
    for position, cell in enumerate(notebook.cells):
        metadata = cell.metadata
        kept = {
            "cell_type": cell.cell_type,
            "id": _unused_id(cell, position, seen),
            "metadata": {key: metadata[key] for key in KEPT_CELL_METADATA if metadata.get(key)},
            "source": cell.source,
        }
        if cell.get("attachments"):
            kept["attachments"] = cell.attachments
        if cell.cell_type == "code":
            kept["execution_count"] = cell.execution_count
            kept["outputs"] = [_normalize_output(output) for output in _merge_streams(cell.outputs)]
        cells.append(kept)
    return nbformat.from_dict(
        {"nbformat": 4, "nbformat_minor": 5, "metadata": NOTEBOOK_METADATA, "cells": cells}
    )


def _unused_id(cell, position, seen):
    """Keep the cell's id; a cell without one, or a copied one, gets one made from its text."""
    name = cell.get("id")
    attempt = 0
    while not name or name in seen:
        name = hashlib.sha256(f"{position} {attempt} {cell.source}".encode()).hexdigest()[:8]
        attempt += 1
    seen.add(name)
    return name


def _merge_streams(outputs):
    """Join consecutive pieces of one stream: where a kernel cuts them depends on timing."""
    merged = []
    for output in outputs:
        previous = merged[-1] if merged else None
        if (
            previous is not None
            and output.output_type == previous.output_type == "stream"
            and output.name == previous.name
        ):
            previous["text"] += output.text
        else:
            merged.append(nbformat.from_dict(output))
    return merged


def _normalize_output(output):
    """Keep of an output's metadata what belongs to a MIME type, such as a picture's alt text."""
    if "metadata" in output:
        output["metadata"] = {key: value for key, value in output.metadata.items() if "/" in key}
    return output


def read(path):
    """Read a notebook exactly as it is stored."""
    return nbformat.v4.reads(Path(path).read_text(encoding="utf-8"))


def to_text(notebook):
    """Return the text of a notebook's file."""
    return nbformat.v4.writes(notebook, ensure_ascii=False) + "\n"


def write(path, notebook):
    """Write the whole file or nothing: an interrupt must not cost a lesson."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(to_text(notebook).encode())
    os.replace(temporary, path)


# What the tests compare


def is_ignored(cell):
    """Tell whether the tests leave the outputs of this cell uncompared."""
    return IGNORED in cell.metadata.get("tags", [])


def is_picture(output):
    """Tell whether an output is a picture: an image, or a figure in HTML with its data."""
    return any(mime.startswith("image/") or mime == nbcompare.MIME for mime in output.data)


def text_outputs(cell):
    """Return the texts a reader sees below a code cell, without the texts beside pictures."""
    texts = []
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            texts.append(output.text)
        elif "text/plain" in output.get("data", {}) and not is_picture(output):
            texts.append(output.data["text/plain"])
    return [text for text in texts if text.strip()]


def count(notebook):
    """Count the cells with text output: those compared by the tests, and those ignored."""
    speaking = [cell for cell in notebook.cells if text_outputs(cell)]
    ignored = sum(is_ignored(cell) for cell in speaking)
    return len(speaking) - ignored, ignored


def _code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _compared(outputs):
    """Return everything in outputs that the tests compare, and which kinds there are."""
    parts = []
    for output in outputs:
        if output.output_type == "stream":
            parts.append((output.name, output.text))
        elif output.output_type == "error":
            parts.append((output.ename, output.evalue))
        else:
            texts = [output.data.get(mime) for mime in COMPARED_MIMES]
            parts.append((output.output_type, sorted(output.data), texts, output.metadata))
    return parts


def _says_the_same(new, old):
    """Tell whether what a cell now says agrees with what it said, as the tests would."""
    if is_ignored(new):
        return bool(new.outputs) == bool(old.outputs)
    agreeing, stored, judge = reconcile(new.outputs, old.outputs, new.metadata.get("tags", []))
    return not judge.notes and _compared(agreeing) == _compared(stored)


def says_the_same(executed, committed):
    """Tell whether two executions have the same code, and outputs that agree."""
    new, old = _code_cells(executed), _code_cells(committed)
    return len(new) == len(old) and all(
        a.source == b.source
        and is_ignored(a) == is_ignored(b)
        and a.execution_count == b.execution_count
        and _says_the_same(a, b)
        for a, b in zip(new, old, strict=True)
    )


def with_outputs_of(notebook, source):
    """Return the notebook with the outputs of another one that has the same code cells."""
    result = nbformat.from_dict(notebook)
    for cell, old in zip(_code_cells(result), _code_cells(source), strict=True):
        cell["outputs"] = old.outputs
        cell["execution_count"] = old.execution_count
    return result


def committed_version(path):
    """Return the notebook as it stands in the last commit, or None."""
    shown = subprocess.run(
        ["git", "show", f"HEAD:./{path.name}"], cwd=path.parent, capture_output=True, check=False
    )
    if shown.returncode != 0:
        return None
    return normalize(nbformat.v4.reads(shown.stdout.decode("utf-8")))


# Execution


class LessonError(Exception):
    """A lesson could not be executed to its end; the message shows where and why."""


def execute(path, timeout=600):
    """Execute a lesson in a fresh kernel and return it in the stored form."""
    notebook = normalize(read(path))
    for cell in _code_cells(notebook):
        cell["outputs"], cell["execution_count"] = [], None
    started = {"cell": None, "position": 0}

    with tqdm(total=len(notebook.cells), desc=path.name, unit="cell", leave=False) as bar:

        def on_cell_start(cell, cell_index):
            started.update(cell=cell, position=cell_index + 1)
            bar.update(cell_index - bar.n)

        client = NotebookClient(
            notebook,
            timeout=timeout,
            kernel_name="python3",
            record_timing=False,
            # Only what fails: newer kernels remark on their own transport at each start.
            extra_arguments=["--log-level=ERROR"],
            resources={"metadata": {"path": str(path.parent)}},
            on_cell_start=on_cell_start,
        )
        try:
            client.execute()
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise LessonError(_report(path, started, error, timeout)) from None
    return normalize(notebook)


def _report(path, started, error, timeout):
    cell, position = started["cell"], started["position"]
    if isinstance(error, CellTimeoutError):
        reason = f"It took more than {timeout} seconds."
    elif isinstance(error, DeadKernelError):
        reason = "The kernel died; it may have run out of memory."
    else:
        failed = [output for output in cell.outputs if output.output_type == "error"]
        lines = "\n".join(failed[-1].traceback) if failed else str(error)
        reason = re.sub(r"\x1b\[[0-9;]*m", "", lines)
    source = "\n".join(f"    {line}" for line in cell.source.splitlines())
    return f"{path.name}, cell {position} (id {cell.id}) failed:\n\n{source}\n\n{reason}"


def left_behind(new, old):
    """Return the numbers of the new version's text that only the outputs of the old one say."""
    outputs = [[t for c in _code_cells(n) for t in text_outputs(c)] for n in (new, old)]
    return no_longer_said(new, *outputs)


def store(path, refresh=False, timeout=600):
    """Execute a lesson, store it, and return a line that says what was done."""
    begin = time.perf_counter()
    executed = execute(path, timeout)
    seconds = time.perf_counter() - begin
    committed = committed_version(path)
    if committed is not None and not refresh and says_the_same(executed, committed):
        executed = with_outputs_of(executed, committed)
        outcome = "same code and text as committed, outputs kept"
    else:
        outcome = "new outputs stored"
        for said in left_behind(executed, committed) if committed is not None else ():
            outcome += f"\n    no output says this any more; {said}"
    if to_text(executed) != path.read_bytes().decode("utf-8"):
        write(path, executed)
    else:
        outcome = "unchanged"
    return f"{path.name}: {len(executed.cells)} cells, {seconds:.1f} s, {outcome}"


# The command


def check(paths):
    """Print which files are not in the stored form; return how many."""
    different = [p for p in paths if to_text(normalize(read(p))).encode() != p.read_bytes()]
    for path in different:
        stored = path.read_text(encoding="utf-8").splitlines()
        wanted = to_text(normalize(read(path))).splitlines()
        pairs = enumerate(zip(stored, wanted, strict=False), start=1)
        line = next((n for n, (a, b) in pairs if a != b), min(len(stored), len(wanted)) + 1)
        print(f"{path.name}: not in the stored form, from line {line} of the file")
    if not different:
        print(f"{len(paths)} lessons, all in the stored form")
    return len(different)


def print_count(paths):
    """Print how many cells with text output the tests compare and how many they ignore."""
    total_compared = total_ignored = 0
    width = max((len(path.name) for path in paths), default=0)
    for path in paths:
        compared, ignored = count(read(path))
        total_compared, total_ignored = total_compared + compared, total_ignored + ignored
        print(f"{path.name:<{width}}  {compared:3d} compared  {ignored:3d} ignored")
    total = total_compared + total_ignored
    share = f" ({total_compared / total:.0%} compared)" if total else ""
    print(
        f"{len(paths)} lessons, cells with text output: "
        f"{total_compared} compared, {total_ignored} ignored{share}"
    )


def main(arguments=None, folder=FOLDER):
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description="Execute the lessons and store their outputs.")
    parser.add_argument("numbers", nargs="*", help="only lessons whose names begin with these")
    parser.add_argument("--check", action="store_true", help="execute nothing, check the form")
    parser.add_argument("--count", action="store_true", help="count compared and ignored outputs")
    parser.add_argument("--refresh", action="store_true", help="store new outputs in any case")
    parser.add_argument("--timeout", type=int, default=600, help="seconds a cell may take")
    options = parser.parse_args(arguments)
    paths = lessons(folder, options.numbers) + solutions(folder, options.numbers)
    if options.count:
        print_count(paths)
        return 0
    if options.check:
        return 1 if check(paths) else 0
    failures = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as spare:
        surroundings.use_writable_folders(spare)
        surroundings.show_no_widgets()
        surroundings.prepare_fonts()
        for path in paths:
            try:
                print(store(path, options.refresh, options.timeout), flush=True)
            except Exception as error:  # whatever it is, the other lessons are not its prisoners
                failures += 1
                words = error if isinstance(error, LessonError) else f"{path.name}: {error!r}"
                print(f"\n{words}\n", file=sys.stderr, flush=True)
    if failures:
        print(f"{failures} of {len(paths)} lessons failed; their files are as before.")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
