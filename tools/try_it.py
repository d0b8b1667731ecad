"""Do what the lessons' "Try it" ask for, from the state in which each lesson leaves its kernel.

    python tools/try_it.py             all lessons that have such a script
    python tools/try_it.py 03 07       those only

The answers stand in tools/try_it/NN.py, one cell after each line `# %% 1`, `# %% 2` and so on, and
assert what the lesson says that one should see. Each runs in a kernel in which the lesson has just
been run from the top, and which nobody else has touched.
"""

import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "tools" / "try_it"


def answers(script):
    """Return the numbered answers of a script."""
    parts = re.split(r"^# %% (\d+).*$", script.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(map(int, parts[1::2]), parts[2::2], strict=True))


def complaints(script):
    """Run a lesson and its answers, and return what was not as the lesson says."""
    (path,) = (ROOT / "notebooks").glob(f"{script.stem}_*.ipynb")
    lesson = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    found = []
    tried = answers(script)
    for number, source in tqdm(tried.items(), desc=path.name, leave=False):
        cells = [*lesson, nbformat.v4.new_code_cell(source)]
        notebook = nbformat.v4.new_notebook(cells=cells)
        client = NotebookClient(notebook, kernel_name="python3", timeout=600,
                                resources={"metadata": {"path": str(path.parent)}})  # fmt: skip
        try:
            client.execute()
        except CellExecutionError as error:
            found.append(f"{path.name}, try it {number}: {error.ename}: {error.evalue}")
    return found


def main(numbers):
    scripts = sorted(SCRIPTS.glob("[0-9][0-9].py"))
    wanted = {number.zfill(2) for number in numbers} or {script.stem for script in scripts}
    if unknown := wanted - {script.stem for script in scripts}:
        sys.exit(f"there are no answers of {', '.join(sorted(unknown))}")
    chosen = [script for script in scripts if script.stem in wanted]
    found = [complaint for script in chosen for complaint in complaints(script)]
    print("\n".join(found) or f"all answers of {len(chosen)} lessons are as promised")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
