"""Open the working copy in JupyterLab in a real browser, and do there what a learner does.

    python -m tools.browser             every lesson and set, and what a learner does with them
    python -m tools.browser 02 16       the notebooks of these lessons, and the same

It needs Chromium and the extra `browser`. Each notebook is run from the top; an error in any output
is a failure. The sets are run solved, since the blanks of an unsolved one fail, as they should.
Pictures at four widths are left in build/browser. It waits for what is to come, not for
a time.
"""

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tqdm import tqdm

from nnfromscratch.course.workspace import Workspace, editions

from .book_files import find_browser
from .website_pages import source, unmarked

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "build" / "browser"
WIDTHS = (1280, 1150, 800, 390)
PATIENCE = 600  # seconds; a lesson of half a minute on a machine that is busy
PAD = ".digit-pad canvas"
SET = "exercises/02_exercises.ipynb"
WRONG, RIGHT = (
    '@shapes("w: K D, x: D N, b: K -> K N")\ndef linear_columns(w, x, b):\n    return w @ x + b'
    + end for end in ("", "[:, None]")
)  # fmt: skip

READY = """() => {
  const panel = window.jupyterapp?.shell.currentWidget;
  return panel?.context?.isReady && panel.content?.widgets?.length > 0
    && panel.sessionContext.isReady && panel.sessionContext.session?.kernel?.status === 'idle';
}"""
CALL = "([name, options]) => window.jupyterapp.commands.execute(name, options).then(() => null)"
SAVE = "() => window.jupyterapp.shell.currentWidget.context.save()"
BUSY = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'busy'"
SELECT = """number => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  notebook.deselectAll();
  notebook.activeCellIndex = number;
  return notebook.scrollToItem(number, 'smart').then(() => { notebook.mode = 'edit'; });
}"""
SETTLED = """() => {
  const app = window.jupyterapp, panel = app.shell.currentWidget;
  if (!app.shell.leftCollapsed) app.shell.collapseLeft();
  return panel?.sessionContext?.session?.kernel?.status === 'idle'
    && !document.querySelector('.jp-Spinner');
}"""


@contextlib.contextmanager
def chromium():
    """Start Chromium, and yield it as playwright drives it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        yield browser
        browser.close()


@contextlib.contextmanager
def jupyter(folder):
    """Run JupyterLab in a folder, and yield its address and its token."""
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser",
               "--allow-root", "--ServerApp.port=0", f"--ServerApp.root_dir={folder}"]  # fmt: skip
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as spare:
        names = ("JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
        environment = os.environ | {name: str(Path(spare, name)) for name in names}
        environment.pop("NNFROMSCRATCH_WIDGETS", None)
        log = Path(spare, "log")
        with log.open("w") as out:
            server = subprocess.Popen(command, stdout=out, stderr=out, env=environment, cwd=folder)
        try:
            yield _address(server, log)
        finally:
            server.terminate()
            server.wait(30)


def _address(server, log):
    while server.poll() is None:
        found = re.search(r"(http://(?:127|localhost)\S+?)/lab\?token=(\w+)", log.read_text())
        if found:
            return found[1], found[2]
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()}")


class Notebook:
    """A notebook that is open in a browser."""

    def __init__(self, browser, server, folder, name):
        self.path, self.name = folder / name, name
        self.page = browser.new_page(viewport={"width": WIDTHS[0], "height": 900})
        self.page.set_default_timeout(1000 * PATIENCE)
        address, token = server
        self.page.goto(f"{address}/lab/tree/{name}?token={token}&reset")
        self.page.wait_for_function(READY)
        self.page.wait_for_function(SETTLED)

    def run_all(self):
        """Run all cells, and return the errors that stand below them."""
        self.call("notebook:run-all-cells")
        self.page.wait_for_function(SETTLED)
        return self.errors()

    def call(self, command, **options):
        """Let JupyterLab carry out a command, and wait for its end."""
        self.page.evaluate(CALL, [command, options])

    def start(self, number):
        """Run a cell, as Shift-Enter does, and do not wait for its end."""
        self.page.evaluate(SELECT, number)
        self.page.keyboard.press("Shift+Enter")

    def run(self, number, text=None):
        """Write into a cell, if there is a text, run it, and return what stands below it."""
        self.page.evaluate(SELECT, number)
        if text is not None:
            self.page.keyboard.press("ControlOrMeta+a")
            self.page.keyboard.insert_text(text)
        self.call("notebook:run-cell")
        self.page.wait_for_function(SETTLED)
        return self.said(number)

    def cells(self):
        """Save, and return the cells of the file."""
        self.page.evaluate(SAVE)
        return json.loads(self.path.read_text(encoding="utf-8"))["cells"]

    def said(self, number):
        """Return the text below a cell, that of an error included."""
        outputs = self.cells()[number]["outputs"]
        return "".join(
            "".join(o.get("text", [])) + "".join(o.get("data", {}).get("text/plain", []))
            + o.get("ename", "") + o.get("evalue", "") + "".join(o.get("traceback", []))
            for o in outputs
        )  # fmt: skip

    def errors(self):
        """Return a line for each error in the outputs, and for each cell that was not run."""
        code = [c for c in self.cells() if c["cell_type"] == "code" and source(c).strip()]
        found = [
            f"{self.name}: {output['ename']}: {output['evalue'][:300]}"
            for cell in code
            for output in cell["outputs"]
            if output["output_type"] == "error"
        ]
        return found + [
            f"{self.name}: a cell was not run" for c in code if not c["execution_count"]
        ]

    def take_pictures(self):
        """Leave pictures of the page at each width."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            self.page.wait_for_function(f"window.innerWidth === {width}")
            self.page.screenshot(path=PICTURES / f"{self.path.stem}_{width}.png")

    def close(self):
        """End the kernel and close the page."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.page.close()


def solved(student, solution):
    """Return a set with the solutions in its blanks."""
    answers = {c["metadata"].get("nbgrader", {}).get("grade_id"): c for c in solution["cells"]}
    for cell in student["cells"]:
        grading = cell["metadata"].get("nbgrader", {})
        if grading.get("solution") and cell["cell_type"] == "code":
            cell["source"] = unmarked(source(answers[grading["grade_id"]])).splitlines(True)
    return student


def working_copy(folder, solve=True):
    """Make the learner's copy of the course in a folder, its sets solved."""
    texts = editions(ROOT / "notebooks")
    for name in texts:
        if solve and name.startswith("exercises/"):
            known = json.loads((ROOT / "notebooks/solutions" / Path(name).name).read_text("utf-8"))
            texts[name] = json.dumps(solved(json.loads(texts[name]), known)).encode()
    return Workspace(folder, texts).make()


# What is tried


def run_from_the_top(open_notebook, name):
    """Run a notebook and take its pictures."""
    notebook = open_notebook(name)
    found = notebook.run_all()
    notebook.take_pictures()
    if notebook.page.locator(PAD).count() or name.startswith("16"):
        found += draw(notebook)
    notebook.close()
    return found


def draw(notebook):
    """Draw on the pad of lesson 16; return what is wrong with its answer."""
    page = notebook.page
    page.set_viewport_size({"width": WIDTHS[0], "height": 900})
    cells = notebook.cells()
    page.evaluate(SELECT, next(n for n, c in enumerate(cells) if "show_pad(model" in source(c)))
    canvas = page.locator(PAD).first
    canvas.scroll_into_view_if_needed()
    page.get_by_role("button", name="clear").first.click()
    box = canvas.bounding_box()
    for number, (x, y) in enumerate([(0.5, 0.15), (0.5, 0.5), (0.5, 0.85)]):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=8)
        if number == 0:
            page.mouse.down()
    page.mouse.up()
    answer = page.get_by_text(re.compile(r"answer: \d")).first
    answer.wait_for()
    page.screenshot(path=PICTURES / "16_pad.png")
    said = answer.inner_text()
    return [] if "answer: 1" in said else [f"a straight stroke on the pad is read as {said!r}"]


def solve_a_blank(open_notebook):
    """Answer the first blank of a set wrongly and then rightly; return what the checks miss."""
    notebook = open_notebook(SET)
    code = [n for n, cell in enumerate(notebook.cells()) if cell["cell_type"] == "code"]
    imports, blank, check = code[:3]
    notebook.run(imports)
    notebook.run(blank, WRONG)
    first = notebook.run(check)
    notebook.page.screenshot(path=PICTURES / "wrong_answer.png")
    notebook.run(blank, RIGHT)
    second = notebook.run(check)
    found = ["a wrong answer is not explained"] * ("added along the examples" not in first)
    found += [f"a right answer is not taken: {second}"] * ("right, in all" not in second)
    return notebook, found


def interrupt_and_restart(notebook):
    """Interrupt a loop, restart the kernel; return what did not happen."""
    last = len(notebook.cells()) - 1
    notebook.page.evaluate(SELECT, last)
    notebook.call("notebook:insert-cell-below")
    notebook.page.evaluate(SELECT, last + 1)
    notebook.page.keyboard.insert_text("kept = 1\nwhile True:\n    pass")
    notebook.page.keyboard.press("Shift+Enter")
    notebook.page.wait_for_function(BUSY)
    notebook.call("notebook:interrupt-kernel")
    notebook.page.wait_for_function(SETTLED)
    found = ["not interrupted"] * ("KeyboardInterrupt" not in notebook.said(last + 1))
    found += ["what was there is lost"] * ("1" not in notebook.run(last + 1, "kept"))
    notebook.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
    )
    notebook.page.wait_for_function(READY)
    return found + ["not restarted"] * ("NameError" not in notebook.run(last + 1, "kept"))


def learn(browser, server, folder):
    """Do what a learner does, with two sets open at once; return what went wrong."""
    open_notebook = lambda name: Notebook(browser, server, folder, name)  # noqa: E731
    PICTURES.mkdir(parents=True, exist_ok=True)
    first, found = solve_a_blank(open_notebook)
    second = open_notebook("exercises/03_exercises.ipynb")
    code = [n for n, cell in enumerate(second.cells()) if cell["cell_type"] == "code"]
    second.run(code[0])
    said = second.run(code[-1], "progress(2)")
    found += [f"another set does not know of the solved blank: {said}"] * ("1 of" not in said)
    found += interrupt_and_restart(first)
    for notebook in (first, second):
        notebook.close()
    return found


def try_all(numbers=(), learning=True):
    """Try the notebooks of some lessons, and what a learner does; return what went wrong."""
    found = []
    with contextlib.ExitStack() as stack:
        spare = [Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
                 for _ in range(2)]  # fmt: skip
        browser = stack.enter_context(chromium())
        names = [name for name in working_copy(spare[0]) if name.endswith(".ipynb")]
        chosen = [n for n in names if not numbers or Path(n).name[:2] in numbers]
        with jupyter(spare[0]) as server:
            for name in tqdm(chosen, desc="browser"):
                found += run_from_the_top(lambda n: Notebook(browser, server, spare[0], n), name)
        if learning:
            working_copy(spare[1], solve=False)
            with jupyter(spare[1]) as server:
                found += learn(browser, server, spare[1])
    return found


def try_briefly(lesson):
    """Try a lesson and the first blank of a set, on one server; return what went wrong."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        browser = stack.enter_context(chromium())
        (name,) = (n for n in working_copy(folder, solve=False) if n.startswith(lesson))
        server = stack.enter_context(jupyter(folder))
        open_notebook = lambda name: Notebook(browser, server, folder, name)  # noqa: E731
        return run_from_the_top(open_notebook, name) + solve_a_blank(open_notebook)[1]


def main(arguments=None):
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.browser", description=__doc__.split("\n")[0]
    )
    parser.add_argument("numbers", nargs="*", help="lessons (all)")
    found = try_all(parser.parse_args(arguments).numbers)
    print("\n".join(found) or f"nothing went wrong; pictures are in {PICTURES}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
