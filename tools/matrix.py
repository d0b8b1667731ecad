"""Run the tests as other machines would, and compare all that the lessons print and draw.

    python -m tools.matrix                   everything
    python -m tools.matrix Nehalem oldest    only the settings with these words in their names
    python -m tools.matrix --lessons         the lessons alone, without the unit tests
    python -m tools.matrix --again           what is known too

The results are kept in docs/matrix.json, each with a digest of what it holds for: the unit tests
with one of the package and of themselves, a lesson with one of its own code and stored texts and of
what it imports of the package. Only what has changed since or went wrong is run again, and
docs/matrix.md is composed from all of it. So the settings need not be run all at once, and a change
in one lesson costs minutes, not an hour.

The last digits of a matrix product depend on the processor, on the number of threads and on the
version of NumPy. One machine can show much of this: OpenBLAS takes the code of an older processor
on demand (OPENBLAS_CORETYPE), NumPy leaves out instructions on demand (NPY_DISABLE_CPU_FEATURES),
and the oldest supported versions are installed beside the newest, into .matrix/. Before each run a
small program finds out whether the processor can do it, and which code is really in use.

The lessons run in every setting. The unit tests run with every kernel of OpenBLAS, with every set
of NumPy's instructions and with every version, but with two threads only once: threads divide the
rows of a large product among them and change nothing else, and the only large products in the unit
tests are the same few in each setting. Left out are the tests of texts, files and formats, which
compute nothing, and those of grading, whose kernels run the checks that are tested anyway. The exit
status is 1 if a test fails or an output differs.

Outputs are compared as nbcompare does, and of each cell whose numbers are not quite the stored ones
the largest relative difference is kept, from which its tolerance can be chosen.
"""

import argparse
import ast
import functools
import hashlib
import inspect
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import venv
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

import nbcompare
import nnfromscratch as nn
from nbcompare.plugin import SPREAD
from nbcompare.tolerance import Tolerance
from tools import notebooks
from tools.surroundings import THREADS

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "matrix.md"
RESULTS = ROOT / "docs" / "matrix.json"
PACKAGE = "nnfromscratch"
IMPORTED = rf"{PACKAGE}[^\n(]*(?:\([^)]*\))?"  # and what follows, in parentheses over several lines
VENVS = ROOT / ".matrix"
OLDEST = ("numpy==2.0.*", "matplotlib==3.9.*", "pyparsing<3.3")
NEWEST = ("numpy", "matplotlib")
KERNELS = ("Nehalem", "Haswell", "Zen", "SkylakeX")
NOT_NUMERICAL = (
    *("test_notebooks", "test_repository", "test_command_line", "test_lesson_cost"),
    *("test_course", "test_collect", "test_grading", "test_student_edition", "test_matrix"),
    *("test_nbcompare", "test_surroundings", "test_workspace"),
)
PROBE = """
import json, warnings
warnings.simplefilter("ignore")
import matplotlib, numpy as np, threadpoolctl
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
for kind in (np.float32, np.float64):
    a = np.ones((300, 300), kind)
    assert (a @ a == 300).all() and (np.exp(a) > 2).all()
blas = [p for p in threadpoolctl.threadpool_info() if p["user_api"] == "blas"]
print(json.dumps({
    "kernel": blas[0].get("architecture", "") if blas else "",
    "threads": blas[0]["num_threads"] if blas else 1,
    "features": [f for f in __cpu_dispatch__ if __cpu_features__[f]],
    "numpy": np.__version__,
    "matplotlib": matplotlib.__version__,
}))
"""


class Setting(NamedTuple):
    """One way to run the tests."""

    name: str
    environment: dict[str, str]
    unit_tests: bool = True
    python: str = sys.executable
    kernel: str | None = None
    """What OpenBLAS must be using; None for whatever it takes."""
    without: frozenset = frozenset()
    """Instructions that NumPy must not be using."""


class Outcome(NamedTuple):
    """What came of it."""

    passed: int
    failed: list[str]
    """Unit tests."""
    differing: dict[str, list[str]]
    """Text outputs, by lesson."""
    spread: dict[str, dict[str, float]]
    """By lesson and cell, how far its decimal numbers are from the stored ones, at most."""


def variables(threads, **more):
    return dict.fromkeys(THREADS, str(threads)) | more


def probe(setting):
    """Return what is in use in a setting, or None if the processor cannot run it."""
    done = subprocess.run(
        [setting.python, "-c", PROBE],
        env=os.environ | setting.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(done.stdout) if done.returncode == 0 else None


def environment_with(name, requirements):
    """Make a virtual environment with these versions, or bring it up to date; return its Python."""
    folder = VENVS / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        print(f"Installing {', '.join(requirements)} into {folder.relative_to(ROOT)} ...")
        venv.create(folder, with_pip=True)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--upgrade", *requirements, "-e", f"{ROOT}[lab,test]"], check=True)
    return str(python)


def is_newest():
    """Tell whether the environment at hand has the newest NumPy and matplotlib already."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--upgrade"]
    command += ["--disable-pip-version-check", "--report", "-", *NEWEST]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return not json.loads(done.stdout)["install"]


def settings():
    """List the settings of this machine."""
    here = probe(Setting("", variables(1)))
    found = []
    for kernel in KERNELS:
        one = Setting(f"OpenBLAS {kernel}, 1 thread", variables(1, OPENBLAS_CORETYPE=kernel))
        two = Setting(f"OpenBLAS {kernel}, 2 threads", variables(2, OPENBLAS_CORETYPE=kernel))
        own = kernel == here["kernel"]
        found += [one._replace(kernel=kernel), two._replace(kernel=kernel, unit_tests=own)]
    present = here["features"]
    wide = [f for f in present if "AVX512" in f or f == "X86_V4"]
    for name, off in (("AVX-512", wide), ("all dispatched features", present)):
        if off:
            disabled = variables(1, NPY_DISABLE_CPU_FEATURES=" ".join(off))
            found.append(
                Setting(f"NumPy without {name}, 1 thread", disabled, without=frozenset(off))
            )
    found.append(Setting("oldest versions, 1 thread", variables(1), python="oldest"))
    if not is_newest():
        found.append(Setting("newest versions, 1 thread", variables(1), python="newest"))
    return found


def run(setting, tests, chosen):
    """Run unit tests and lessons in a setting."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        options = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout", "900"]
        # Two workers of two threads each would wait for each other on two cores.
        workers = 2 // int(setting.environment[THREADS[0]])
        options += ["-n", str(workers), "--dist", "loadscope", "-q", f"--junitxml={report}"]
        command = [setting.python, "-m", "pytest", *tests, *chosen, *options]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | setting.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in (0, 1):
            raise SystemExit(f"{setting.name}: pytest did not run\n{done.stdout}{done.stderr}")
        cases = list(ET.parse(report).iter("testcase"))
    lessons = {lesson.replace("/", "."): lesson for lesson in chosen}
    outcome = Outcome(0, [], {lesson: [] for lesson in chosen}, {lesson: {} for lesson in chosen})
    for case in cases:
        bad = case.find("failure") if case.find("failure") is not None else case.find("error")
        lesson = lessons.get(case.get("classname", ""))
        if lesson and (spread := spread_of(case)):
            outcome.spread[lesson][case.get("name")] = spread
        if bad is not None:
            text = f"{case.get('classname')} {case.get('name')}\n{bad.get('message')}\n{bad.text}"
            (outcome.differing[lesson] if lesson else outcome.failed).append(text[:3000])
        elif not lesson and case.find("skipped") is None:
            outcome = outcome._replace(passed=outcome.passed + 1)
    return outcome


def spread_of(case):
    """Return the largest relative difference that the comparison reports of a cell, or None."""
    found = [p.get("value") for p in case.iter("property") if p.get("name") == SPREAD]
    return max(map(float, found), default=None)


def in_use(found):
    parts = [found["kernel"] or "another BLAS", f"{found['threads']} thread(s)"]
    parts.append("+".join(found["features"]) or "baseline only")
    return f"{', '.join(parts)}, NumPy {found['numpy']}, matplotlib {found['matplotlib']}"


def executed():
    """Return the notebooks that the tests execute: lessons, and solutions of the exercises."""
    paths = [*notebooks.lessons(), *notebooks.solutions()]
    return {path.relative_to(ROOT).as_posix(): notebooks.read(path) for path in paths}


def unit_test_files():
    """Return the unit tests that compute something."""
    tests = sorted((ROOT / "tests").glob("test_*.py"))
    return [path for path in tests if path.stem not in NOT_NUMERICAL]


def digest(*parts):
    """Return the beginning of the SHA-256 of some texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def sources():
    """Return the digest of the unit tests and, for each notebook, of all that its texts depend on.

    The package is part of both, but for a notebook only what it imports and what that imports.
    Prose, docstrings and the look of pictures are not part of it; the data of figures are.
    """
    texts, imports, homes = package()
    tests = [path.read_text(encoding="utf-8") for path in unit_test_files()]
    found = {}
    for name, notebook in executed().items():
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        parts = []
        for cell in cells:
            parts.append(cell.source)
            parts += [str(output.get("text", "")) for output in cell.outputs]
            parts += compared_besides(cell)
        lines = re.findall(IMPORTED, "\n".join(cell.source for cell in cells))
        needed, left = set(), {"__init__"}
        left |= {homes[w] for w in re.findall(r"\w+", " ".join(lines)) if w in homes}
        while left:
            part = left.pop()
            needed.add(part)
            left |= imports[part] - needed
        found[name] = digest(*(texts[part] for part in sorted(needed)), *parts)
    return digest(*texts.values(), *tests), found


def package():
    """Return the texts of the package's parts, what each imports, and the part a name comes from.

    A part is a module, or a folder as a whole.
    """
    files = sorted((ROOT / PACKAGE).rglob("*.py"))
    parts = [Path(file.relative_to(ROOT / PACKAGE).parts[0]).stem for file in files]
    homes = {PACKAGE: "__init__"} | {name: name for name in parts}
    for name in set(nn.__all__) - set(parts):
        home = inspect.getmodule(getattr(nn, name)).__name__.split(".")[1]
        homes |= {name: home} if home in parts else {}
    texts, imports = dict.fromkeys(parts, ""), {part: set() for part in parts}
    for file, part in zip(files, parts, strict=True):
        code, names = code_alone(file.read_text(encoding="utf-8"))
        texts[part] += code
        imports[part] |= {homes[name] for name in names if name in homes}
    return texts, imports, homes


@functools.cache
def code_alone(source):
    """Return a module without docstrings, comments and layout, and all names in its imports."""
    tree, names = ast.parse(source), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [part for part in node.body if not _is_text(part)] or [ast.Pass()]
        elif isinstance(node, ast.Import | ast.ImportFrom):
            words = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            names |= set(".".join(words).split("."))
    return ast.unparse(tree), names


def _is_text(statement):
    value = getattr(statement, "value", None) if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def compared_besides(cell):
    """Return what else decides whether a cell agrees: its tolerance, the data of its figures."""
    tolerance = Tolerance.from_tags(cell.metadata.get("tags", []))
    data = [output.get("data", {}).get(nbcompare.MIME) for output in cell.outputs]
    parts = [json.dumps(figure, sort_keys=True) for figure in data if figure]
    return parts if tolerance == Tolerance() else [*parts, str(tolerance)]


def bring_up_to_date(setting, kept, unit_tests):
    """Run what has changed in a setting; return what is then kept of it, and what went wrong."""
    found = probe(setting)
    if not found:  # what another processor has found stays
        return kept or {"in use": "this processor cannot"}, []
    if setting.kernel not in (None, found["kernel"]):
        return kept or {"in use": f"this OpenBLAS takes {found['kernel']} for it"}, []
    if setting.without & set(found["features"]):
        raise SystemExit(f"{setting.name}: NumPy still uses {found['features']}")
    unit, lessons = sources()
    if kept.get("in use") != in_use(found):
        kept = {}
    result = {"in use": in_use(found), "lessons": {}}
    known = kept.get("unit tests", {})
    if known.get("source") == unit and known["passed"] == known["ran"]:
        result["unit tests"] = known
    for lesson, known in kept.get("lessons", {}).items():
        if known["source"] == lessons.get(lesson) and not known["differing"]:
            result["lessons"][lesson] = known
    wanted = setting.unit_tests and unit_tests and "unit tests" not in result
    tests = [str(path) for path in unit_test_files()] if wanted else []
    chosen = [lesson for lesson in lessons if lesson not in result["lessons"]]
    if not tests and not chosen:
        return result, []
    outcome = run(setting, tests, chosen)
    if tests:
        ran = outcome.passed + len(outcome.failed)
        result["unit tests"] = {"source": unit, "passed": outcome.passed, "ran": ran}
    for lesson in chosen:
        compared = notebooks.count(notebooks.read(ROOT / lesson))[0]
        differing = len(outcome.differing[lesson])
        result["lessons"][lesson] = {
            "source": lessons[lesson],
            "compared": compared,
            "differing": differing,
            "spread": outcome.spread[lesson],
        }
    return result, [*outcome.failed, *itertools.chain(*outcome.differing.values())]


HEAD = (
    "| setting | in use | unit tests | text outputs compared | differing | source |",
    "| --- | --- | --- | ---: | ---: | --- |",
)


def row(name, result):
    """Return a row of the table; its last cell is one digest of all that the row holds for."""
    cells = [name, result["in use"], "", "", "", ""]
    if lessons := result.get("lessons"):
        tests = result.get("unit tests")
        cells[2] = f"{tests['passed']} of {tests['ran']} pass" if tests else "not run"
        cells[3] = str(sum(lesson["compared"] for lesson in lessons.values()))
        cells[4] = str(sum(lesson["differing"] for lesson in lessons.values()))
        cells[5] = digest(*[lessons[name]["source"] for name in sorted(lessons)])
    return f"| {' | '.join(cells)} |"


def spreads(results):
    """Return [(lesson, cell, largest relative difference, its setting)], the largest first."""
    largest = {}
    for setting, result in results.items():
        for lesson, kept in result.get("lessons", {}).items():
            for cell, spread in kept.get("spread", {}).items():
                largest[lesson, cell] = max(largest.get((lesson, cell), (0, "")), (spread, setting))
    return sorted(((*key, *value) for key, value in largest.items()), key=lambda row: -row[2])


def spread_table(results):
    """Return the lines about how far numbers scatter, none if they do not."""
    rows = [
        f"| {Path(lesson).stem} | {cell} | {spread:.2g} | {setting} |"
        for lesson, cell, spread, setting in spreads(results)
    ]
    return rows and [
        "",
        "## How far numbers scatter",
        "",
        "The decimal numbers of these cells are not the stored ones everywhere, mostly by one unit",
        "of their last place. The largest difference, by the stored number, is what a tag such as",
        "`within-5-percent` must allow ([nbcompare.md](nbcompare.md)). The cells with code are",
        "counted from 0, as nbval does.",
        "",
        "| lesson | cell | largest relative difference | in |",
        "| --- | --- | ---: | --- |",
        *rows,
    ]


def page(results):
    """Return docs/matrix.md."""
    return "\n".join(
        [
            "# The same everywhere",
            "",
            "Written by `make test-matrix`. It runs the unit tests and the lessons as other",
            "machines would, and compares every text that a lesson prints, its numbers as numbers,",
            "and its figures as data ([nbcompare.md](nbcompare.md)). How,",
            "and why the unit tests run with two threads only once:",
            "[tools/matrix.py](../tools/matrix.py). The last column is the beginning of a",
            "SHA-256: rows with the same one hold for the same package and lessons.",
            "",
            *HEAD,
            *[row(name, result) for name, result in results.items()],
            *spread_table(results),
            "",
        ]
    )


def main(arguments=None):
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description="Run the tests as other machines would.")
    parser.add_argument("words", nargs="*", metavar="WORD", help="only settings with this word")
    parser.add_argument("--list", action="store_true", help="only list the settings")
    parser.add_argument("--lessons", action="store_true", help="leave out the unit tests")
    parser.add_argument("--again", action="store_true", help="run also what has not changed")
    options = parser.parse_args(arguments)
    details, every = [], settings()
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    chosen = [s for s in every if not options.words or any(w in s.name for w in options.words)]
    if options.list:
        print("\n".join(setting.name for setting in chosen))
        return 0
    print("\n".join(HEAD), flush=True)
    for setting in chosen:
        if setting.python in ("oldest", "newest"):
            wanted = OLDEST if setting.python == "oldest" else NEWEST
            setting = setting._replace(python=environment_with(setting.python, wanted))
        kept = {} if options.again else results.get(setting.name, {})
        begin = time.monotonic()
        results[setting.name], wrong = bring_up_to_date(setting, kept, not options.lessons)
        print("\n\n".join(wrong), file=sys.stderr, flush=True)
        details += [f"{setting.name}: {text}" for text in wrong]
        names = dict.fromkeys([*[s.name for s in every], *results])  # of other machines too
        results = {name: results[name] for name in names if name in results}
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(page(results), encoding="utf-8")
        print(row(setting.name, results[setting.name]), flush=True)
        print(f"    {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
    print("\n\n".join(details))
    return 1 if details else 0


if __name__ == "__main__":
    sys.exit(main())
