"""Test the tests: change one thing in the package at a time, and see whether a test notices.

    python tools/mutation.py                 all modules
    python tools/mutation.py losses layers   only these
    python tools/mutation.py losses --again  only those that survived and have no reason yet
    python tools/mutation.py --page          nothing; only write the page once more
    python tools/mutation.py --jobs 4        four mutants at a time

The result of each module is kept in docs/mutation.json, with the SHA-256 of the source that was
mutated, and docs/mutation.md is composed from it. So a module can be run without the others. With
--again, which takes a minute after adding tests, what was killed before counts as killed still, and
what is known to be harmless as alive; it needs the same source.

The changes are those of mutmut: another operator, another number, an argument left out or None,
True for False, a text in capitals. A few of linear algebra, which mutmut does not know, come with
them. mutmut's own runner leaves out functions with a decorator, which most of `functional` and
`losses` are. So this script takes mutmut's list of changes and runs the tests itself: in a copy of
the tree, a process for each mutant, forked from one that has NumPy and the like imported already.

The unit tests of the numerical modules run, not the lessons and not the drawn bad inputs. A mutant
is killed if a test fails, or if the tests take ten times as long as they should. One that survives
must stand in tools/mutation_survivors.toml with the reason why it is harmless. The exit status is 1
if one does not, if a reason there has no survivor any more, if a module is below 95 %, or if its
source is no longer the one that was mutated.

Not mutated: docstrings, annotations, calls of len and isinstance (mutmut leaves them out), and
plain texts inside `raise`. What a message says is tested word by word for one case of each kind,
but another word is no other behaviour. The numbers and names that a message reports are mutated.
"""

import argparse
import ast
import difflib
import gc
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "mutation.md"
RESULTS = ROOT / "docs" / "mutation.json"
REASONS = ROOT / "tools" / "mutation_survivors.toml"
MODULES = ("functional", "losses", "layers", "initializers", "optimizers", "gradient_check")
TESTS = (*MODULES, "contracts", "oracles", "model", "training")
WANTED = 0.95
SWAPPED = {
    **{"sum": "mean", "mean": "sum", "max": "min", "min": "max", "maximum": "minimum"},
    **{"zeros": "ones", "zeros_like": "ones_like", "empty_like": "zeros_like"},
}


class Mutant(NamedTuple):
    """One change of one module."""

    module: str
    function: str
    line: int
    old: str
    new: str
    source: str

    @property
    def key(self):
        """What stays the same when lines above are added or removed."""
        return self.module, self.function, self.old, self.new


# The mutants


def more_operators(cst):
    """Return the changes that mutmut does not make, as pairs of node type and generator."""

    def transpose(node):
        if node.attr.value == "T":
            yield node.value

    def factors(node):
        if isinstance(node.operator, cst.MatrixMultiply):
            yield node.with_changes(left=node.right, right=node.left)

    def other_name(node):
        if node.attr.value in SWAPPED:
            yield node.with_changes(attr=cst.Name(SWAPPED[node.attr.value]))

    def no_statement(node):
        if len(node.body) == 1 and (
            isinstance(node.body[0], cst.Raise)
            or (isinstance(node.body[0], cst.Expr) and isinstance(node.body[0].value, cst.Call))
        ):
            yield node.with_changes(body=[cst.Pass()])

    def no_decorator(node):
        if any(getattr(d.decorator, "value", "") != "property" for d in node.decorators):
            yield node.with_changes(decorators=[])

    return [
        (cst.Attribute, transpose),
        (cst.Attribute, other_name),
        (cst.BinaryOperation, factors),
        (cst.SimpleStatementLine, no_statement),
        (cst.FunctionDef, no_decorator),
    ]


def source_of(module):
    return (ROOT / "nnfromscratch" / f"{module}.py").read_text(encoding="utf-8")


def mutants_of(module):
    """Return all mutants of a module of the package."""
    import libcst as cst
    from libcst.metadata import MetadataWrapper
    from mutmut.mutation.file_mutation import MutationVisitor
    from mutmut.mutation.mutators import mutation_operators
    from mutmut.mutation.pragma_handling import IgnoredCode

    class Visitor(MutationVisitor):
        """mutmut's, which also enters decorated functions, and leaves out the texts of errors."""

        def __init__(self):
            nothing = IgnoredCode(set(), set(), set())
            super().__init__([*mutation_operators, *more_operators(cst)], nothing)
            self.raising = 0

        def on_visit(self, node):
            self.raising += isinstance(node, cst.Raise)
            return super().on_visit(node)

        def on_leave(self, node):
            self.raising -= isinstance(node, cst.Raise)
            super().on_leave(node)

        def _skip_node_and_children(self, node):
            if isinstance(node, cst.FunctionDef):
                return False
            if isinstance(node, cst.SimpleString) and self.raising:
                return True
            return super()._skip_node_and_children(node)

    source = source_of(module)
    visitor = Visitor()
    tree = MetadataWrapper(cst.parse_module(source)).visit(visitor)
    found = {}
    for mutation in visitor.mutations:
        changed = tree.deep_replace(mutation.original_node, mutation.mutated_node).code
        if changed != source:
            found.setdefault(changed, described(module, source, changed))
    return list(found.values())


def described(module, before, after):
    """Say where and what the change is: the function, and the lines before and after."""
    a, b = before.splitlines(), after.splitlines()
    parts = difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    parts = [part for part in parts if part[0] != "equal"]
    (_, first, _, new_first, _), (_, _, last, _, new_last) = parts[0], parts[-1]
    old = " ".join(line.strip() for line in a[first:last])
    new = " ".join(line.strip() for line in b[new_first:new_last])
    return Mutant(module, function_at(before, first + 1), first + 1, old, new, after)


def function_at(source, line):
    """Return the name of the function or class that a line belongs to, such as SGD.step."""
    names, level = [], ast.parse(source).body
    while True:
        inside = [
            node
            for node in level
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
            and min([node.lineno, *[d.lineno for d in node.decorator_list]]) <= line
            and line <= node.end_lineno
        ]
        if not inside:
            return ".".join(names) or "the module itself"
        names.append(inside[0].name)
        level = inside[0].body


# The runs


def preload():
    """Import what the tests import, except for the package."""
    import autograd.numpy
    import matplotlib.pyplot
    import pytest
    import scipy.special
    import scipy.stats
    import sklearn.metrics
    import sklearn.neural_network
    import tqdm.auto

    pytest.main(["-q", tempfile.mkdtemp()])  # loads the rest of pytest, and finds no tests
    assert "nnfromscratch" not in sys.modules
    return autograd, matplotlib, pytest, scipy, sklearn, tqdm


def copy_of_the_tree(folder):
    skip = shutil.ignore_patterns("__pycache__")
    for name in ("nnfromscratch", "tests", "tools"):
        shutil.copytree(ROOT / name, folder / name, ignore=skip)
    shutil.copy(ROOT / "pyproject.toml", folder)


class Early:
    """A plugin that runs some tests before all others of their module."""

    def __init__(self, likely):
        self.likely = likely

    def pytest_collection_modifyitems(self, items):
        """Sort what was collected; the rest stays in its order."""
        items.sort(key=lambda item: item.nodeid not in self.likely)


def start(folder, tests, likely):
    """Fork a process that imports the package from the folder and runs tests; return its id."""
    process = os.fork()
    if process:
        return process
    status = 99
    try:
        os.setsid()
        os.chdir(folder)
        log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        import pytest

        # A module's own tests first: most mutants get no further.
        for names in (tests[:1], tests[1:]):
            files = [f"tests/test_{name}.py" for name in names]
            options = ["-x", "-q", "--tb=short", "-p", "no:cacheprovider"]
            status = int(pytest.main([*options, *files], plugins=[Early(likely)]))
            if status:
                break
        package = sys.modules.get("nnfromscratch")
        if status == 0 and not package.__file__.startswith(str(folder)):
            status = 99
    except BaseException as error:  # a mutant may end in any way
        print(repr(error), flush=True)
    finally:
        os._exit(status)


class Slot:
    """A copy of the tree in which one mutant at a time is tested."""

    def __init__(self, folder):
        self.folder = folder
        copy_of_the_tree(folder)
        self.process = None
        self.killers = []

    def begin(self, mutant, limit):
        """Put the mutant in its place and start the tests."""
        self.mutant, self.deadline = mutant, time.monotonic() + limit
        package = self.folder / "nnfromscratch"
        (package / f"{mutant.module}.py").write_text(mutant.source, encoding="utf-8")
        for compiled in (package / "__pycache__").glob(f"{mutant.module}.*"):
            compiled.unlink()
        others = [name for name in TESTS if name != mutant.module]
        # What killed the last mutants often kills the next one, a few letters on.
        self.process = start(self.folder, [mutant.module, *others], self.killers[-5:])

    def poll(self):
        """Return whether the mutant was killed; None while its tests run."""
        process, status = os.waitpid(self.process, os.WNOHANG)
        if not process:
            if time.monotonic() < self.deadline:
                return None
            os.killpg(self.process, signal.SIGKILL)
            _, status = os.waitpid(self.process, 0)
        code = os.waitstatus_to_exitcode(status)
        if code == 99:
            raise SystemExit((self.folder / "log").read_text(encoding="utf-8")[-3000:])
        log = (self.folder / "log").read_text(encoding="utf-8", errors="replace")
        self.killers += re.findall(r"^FAILED (.+?)(?: - |$)", log, re.MULTILINE)
        package = self.folder / "nnfromscratch" / f"{self.mutant.module}.py"
        shutil.copy(ROOT / "nnfromscratch" / package.name, package)
        for compiled in (package.parent / "__pycache__").glob(f"{self.mutant.module}.*"):
            compiled.unlink()
        self.process = None
        return code != 0


def run(mutants, jobs, folder):
    """Test all mutants; return those that survive."""
    from tqdm import tqdm

    slots = [Slot(folder / str(i)) for i in range(jobs)]
    begin = time.monotonic()
    # The unchanged package first: its tests must pass, and show how long they take.
    unchanged = mutants[0]._replace(source=source_of(mutants[0].module))
    for slot in slots:
        slot.begin(unchanged, 600)
    while any(slot.process and slot.poll() is None for slot in slots):
        time.sleep(0.05)
    for slot in slots:
        log = (slot.folder / "log").read_text(encoding="utf-8")
        if log.count(" passed") != 2 or " failed" in log or " error" in log:
            raise SystemExit(f"The tests of the unchanged package do not pass:\n{log[-3000:]}")
    limit = 10 * (time.monotonic() - begin) + 10

    waiting, survivors = list(reversed(mutants)), []
    with tqdm(total=len(mutants), unit="mutant", smoothing=0) as bar:
        while waiting or any(slot.process for slot in slots):
            for slot in slots:
                if slot.process:
                    killed = slot.poll()
                    if killed is None:
                        continue
                    bar.update()
                    if not killed:
                        survivors.append(slot.mutant)
                        tqdm.write(text_of(slot.mutant))
                if waiting:
                    slot.begin(waiting.pop(), limit)
            time.sleep(0.04)
    return survivors


# The result


def text_of(mutant):
    return (
        f"survived: {mutant.module}.py, line {mutant.line}, {mutant.function}\n"
        f"  - {mutant.old}\n  + {mutant.new}"
    )


def read_reasons():
    """Return {key: reason} from the table of harmless mutants."""
    if not REASONS.exists():
        return {}
    table = tomllib.loads(REASONS.read_text(encoding="utf-8"))["survivor"]
    return {
        (row["module"], row["function"], row["old"], new): row["reason"]
        for row in table
        for new in ([row["new"]] if isinstance(row["new"], str) else row["new"])
    }


def read_results():
    """Return what is known of each module."""
    if not RESULTS.exists():
        return {}
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def write_results(results):
    """Store them and compose the page; so nothing is lost if a later module breaks off."""
    results = {module: results[module] for module in MODULES if module in results}
    text = json.dumps(results, indent=1, ensure_ascii=False)
    RESULTS.write_text(text + "\n", encoding="utf-8")
    PAGE.write_text(page(results, read_reasons()), encoding="utf-8")


def digest(module):
    return hashlib.sha256(source_of(module).encode()).hexdigest()


def result_of(module, mutants, survivors):
    """Return what is kept of the mutants of a module."""
    return {
        "sha256": digest(module),
        "tools": {name: importlib.metadata.version(name) for name in ("mutmut", "libcst")},
        "mutants": len(mutants),
        "survivors": [
            {"function": m.function, "old": m.old, "new": m.new}
            for m in sorted(survivors, key=mutants.index)
        ],
    }


def keys_of(results):
    """Return the keys of all survivors."""
    return [
        (module, row["function"], row["old"], row["new"])
        for module, result in results.items()
        for row in result["survivors"]
    ]


def complaints_about(results, reasons):
    """Return what stands in the way of exit status 0."""
    found = []
    for module, result in results.items():
        total, alive = result["mutants"], len(result["survivors"])
        if total - alive < WANTED * total:
            found.append(f"{module}: only {total - alive} of {total} killed")
        if result["sha256"] != digest(module):
            found.append(f"{module}: has changed since it was mutated; run it again")
    keys = keys_of(results)
    found += [
        f"survived: {module}, {function}\n  - {old}\n  + {new}"
        for module, function, old, new in keys
        if (module, function, old, new) not in reasons
    ]
    found += [
        f"in {REASONS.name}, but killed or gone: {' | '.join(key)}"
        for key in reasons
        if key[0] in results and key not in keys
    ]
    return found


def page(results, reasons):
    """Return docs/mutation.md."""
    rows, counts = [], [0, 0]
    for module, result in results.items():
        total, killed = result["mutants"], result["mutants"] - len(result["survivors"])
        counts = [counts[0] + total, counts[1] + killed]
        rows.append(f"| `{module}` | {total} | {killed} | {killed / total:.1%} ")
        rows[-1] += f"| {result['sha256'][:12]} |"
    if counts[0]:
        rows.append(f"| all | {counts[0]} | {counts[1]} | {counts[1] / counts[0]:.1%} | |")
    by_place = {}
    for key in keys_of(results):
        by_place.setdefault((*key[:3], reasons.get(key, "")), []).append(key[3])
    lists = []
    for (module, function, old, reason), new in by_place.items():
        lists += ["", f"**{module}.{function}**: {reason}", "", "```diff", f"- {old}"]
        lists += [*[f"+ {line}" for line in new], "```"]
    versions = sorted({" ".join(pair) for r in results.values() for pair in r["tools"].items()})
    tests = ", ".join(f"`{name}`" for name in TESTS)
    text = [
        "# How good the tests are",
        "",
        f"Written by `make mutation` ({', '.join(versions)}). It changes one thing at a time in",
        "the modules below (an operator, a number, an argument, a name, a check left out) and runs",
        "the unit tests. A mutant is killed if a test fails. At least 95 % must be, and each that",
        "survives must be known to be harmless. What is changed and what is not:",
        "[tools/mutation.py](../tools/mutation.py).",
        "",
        "Each module is run by itself. Its row holds for the source whose SHA-256 begins as in the",
        "last column; `python tools/mutation.py --page` says which modules have changed since.",
        "",
        "| module | mutants | killed | | source |",
        "| --- | ---: | ---: | ---: | --- |",
        *rows,
        "",
        f"Tests: {tests} in `tests/test_*.py`.",
        "",
        "## The survivors, and why they are harmless",
        *(lists or ["", "There is none."]),
        "",
    ]
    return "\n".join(text)


def main(arguments=None):
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description="Change the package and see the tests fail.")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=", ".join(MODULES))
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="mutants at a time")
    parser.add_argument("--again", action="store_true", help="only survivors without a reason")
    parser.add_argument("--page", action="store_true", help="run nothing; write the page")
    parser.add_argument("--count", action="store_true", help="only count the mutants")
    options = parser.parse_args(arguments)
    if unknown := set(options.modules) - set(MODULES):
        parser.error(f"no such module: {', '.join(sorted(unknown))}")
    if not hasattr(os, "fork"):
        parser.error("this needs fork: Linux or macOS")
    modules = [] if options.page else options.modules or MODULES
    results = read_results()
    for module in modules if options.again else ():
        if module not in results or results[module]["sha256"] != digest(module):
            parser.error(f"--again: {module} has not been run as it is now")
    mutants = {module: mutants_of(module) for module in modules}
    for module in modules:
        print(f"{module}: {len(mutants[module])} mutants", flush=True)
    if options.count:
        return 0
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # none is needed, and they take time
    if modules:
        preload()
        gc.freeze()  # pytest collects garbage twice; in every fork it would look through all this
    for module in modules:
        wanted, harmless = mutants[module], []
        if options.again:
            known, reasons = keys_of({module: results[module]}), read_reasons()
            alive = [mutant for mutant in wanted if mutant.key in known]
            assert {mutant.key for mutant in alive} == set(known)
            harmless = [mutant for mutant in alive if mutant.key in reasons]
            wanted = [mutant for mutant in alive if mutant.key not in reasons]
        with tempfile.TemporaryDirectory() as folder:
            survivors = run(wanted, options.jobs, Path(folder).resolve()) if wanted else []
        results[module] = result_of(module, mutants[module], survivors + harmless)
        write_results(results)
    write_results(results)
    complaints = complaints_about(results, read_reasons())
    print("\n".join(complaints))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
