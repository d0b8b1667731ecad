"""A class of students who never were: what they hand in, and what it is worth.

Some make the mistakes of the catalogue, some write right answers in other ways, some hand in
damaged files, and some attack whoever grades them. The points of each are known beforehand.

    python -m tools.simulated_class FOLDER     writes them as a learning platform would
"""

import argparse
import ast
import functools
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from nnfromscratch.course.examine import Source, text_of
from nnfromscratch.exercises import all_exercises
from nnfromscratch.exercises.sets import set_02

ROOT = Path(__file__).resolve().parent.parent
SET = "02_exercises"
SOLUTION = ROOT / "notebooks" / "solutions" / f"{SET}.ipynb"
POINTS = {e.name: e.points for e in all_exercises() if e.lesson == 2}

RIGHT = {
    "linear_columns": "return w @ x + b[:, None]",
    "leaky": "return np.where(z > 0, z, slope * z)",
    "softmax_with_temperature": (
        "z = z / temperature\ne = np.exp(z - z.max(axis=1, keepdims=True))\n"
        "return e / e.sum(axis=1, keepdims=True)"
    ),
    "cross_entropy_in_bits": "return -np.log2(p[np.arange(len(y)), y]).mean()",
    "forward_folded": (
        "for i, w in enumerate(folded):\n"
        "    x = np.hstack([x, np.ones((len(x), 1))]) @ w\n"
        "    x = np.maximum(x, 0) if i < len(folded) - 1 else x\n"
        "return x"
    ),
}
SIGNATURES = {
    "linear_columns": "w, x, b",
    "leaky": "z, slope",
    "softmax_with_temperature": "z, temperature",
    "cross_entropy_in_bits": "p, y",
    "forward_folded": "x, folded",
}


def function(name, body):
    """Return the text of a cell that defines a blank."""
    lines = "\n".join("    " + line for line in body.split("\n"))
    return f"def {name}({SIGNATURES[name]}):\n{lines}"


@dataclass
class Student:
    """One submission."""

    name: str
    data: bytes
    lost: tuple[str, ...] = ()
    """The blanks for which there are no points."""
    file: str = f"{SET}.ipynb"
    found: tuple[str, ...] = ()
    """Kinds of findings that must be there."""
    mistakes: dict[str, str] = field(default_factory=dict)
    """What is said to be wrong with a blank."""
    human: bool = False
    sandbox: bool = False
    """Whether it may only be run in a sandbox."""

    @property
    def points(self):
        """Return the points of each check."""
        return {f"check_{n}": 0 if n in self.lost else p for n, p in POINTS.items()}


class Book:
    """A student's notebook, to be filled in and damaged."""

    def __init__(self, **answers):
        self.notebook = json.loads(_released())
        self.cells = self.notebook["cells"]
        for name, body in (RIGHT | answers).items():
            self[name]["source"] = function(name, body)
        self["open_02"]["source"] = "About ln 10."

    def __getitem__(self, grade_id):
        """Return the cell with a grade_id."""
        return next(c for c in self.cells if self.id_of(c) == grade_id)

    @staticmethod
    def id_of(cell):
        """Return a cell's grade_id."""
        return cell["metadata"].get("nbgrader", {}).get("grade_id")

    def place(self, grade_id):
        """Return where a cell is."""
        return [self.id_of(c) for c in self.cells].index(grade_id)

    def add(self, code, after="open_02"):
        """Add a cell of code; return the book."""
        cell = {"cell_type": "code", "metadata": {}, "source": code, "outputs": []}
        self.cells.insert(self.place(after) + 1, cell | {"execution_count": None})
        return self

    def first(self, code):
        """Add a cell of code before all blanks; return the book."""
        self.add(code, "linear_columns")
        place = self.place("linear_columns")
        self.cells.insert(place, self.cells.pop(place + 1))
        return self

    def extend(self, name, code):
        """Add lines to a cell; return the book."""
        self[name]["source"] += "\n" + code
        return self

    @property
    def data(self):
        """Return the file."""
        return json.dumps(self.notebook).encode()


@functools.cache
def _released():
    source = Source(json.loads(SOLUTION.read_text(encoding="utf-8")))
    return json.dumps(source.released)


def _named(node):
    """Return the name and the code of a mistake in the catalogue, or of each that a loop makes."""
    if isinstance(node, ast.Call):
        return [(ast.literal_eval(node.args[0]), node.args[1])]
    (loop,), (name, code) = node.value.generators, node.value.elt.args[:2]
    variable, found = loop.target.id, []
    for value in eval(ast.unparse(loop.iter), vars(set_02)):
        said = eval(f"(lambda {variable}: {ast.unparse(name)})({value!r})")
        made = ast.parse(f"(lambda {variable}: {ast.unparse(code)})({value!r})", mode="eval").body
        found.append((said, made))
    return found


def _expressions(kind):
    """Return the code of each mistake, or of each other right way, and the helpers it needs."""
    module = ast.parse(
        (ROOT / "nnfromscratch/exercises/sets/set_02.py").read_text(encoding="utf-8")
    )
    nodes = {n.name: n for n in module.body if isinstance(n, ast.FunctionDef)}
    nodes |= {n.targets[0].id: n for n in module.body if isinstance(n, ast.Assign)}
    imports = "from itertools import pairwise\nimport numpy as np\n"
    found = {}
    for call in ast.walk(module):
        if not (isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Exercise"):
            continue
        parts = {k.arg: k.value for k in call.keywords}
        values = parts[kind].elts
        if kind == "mistakes":
            values = [pair for node in values for pair in _named(node)]
        else:
            values = [("", value) for value in values]
        for said, expression in values:
            needed, names = [], [n.id for n in ast.walk(expression) if isinstance(n, ast.Name)]
            for name in names:
                if name in nodes and name not in needed:
                    needed.append(name)
                    names += [n.id for n in ast.walk(nodes[name]) if isinstance(n, ast.Name)]
            helpers = "\n\n".join(ast.unparse(nodes[n]) for n in nodes if n in needed)
            name = parts["name"].value
            # A mistake may call the right answer, whose name the student's function will have.
            code = f"{helpers}\n_answer_of_{name} = {ast.unparse(expression)}\n"
            code = imports + re.sub(rf"\b{name}\b", f"_right_{name}", code)
            code += function(name, f"return _answer_of_{name}({SIGNATURES[name]})")
            found.setdefault(name, []).append((said, code))
    return found


def learners():
    """Return students who do nothing but learn: the whole catalogue, and other right answers."""
    wrong, right = _expressions("mistakes"), _expressions("variants")
    students = []
    for i in range(max(map(len, wrong.values()))):
        book, said = Book(), {}
        for name, mistakes in wrong.items():
            said[name], book[name]["source"] = mistakes[i % len(mistakes)]
        students.append(Student(f"learner_{i:02}", book.data, tuple(POINTS), mistakes=said))
    for i in range(max(map(len, right.values()))):
        book, lost = Book(), []
        for k, name in enumerate(right):
            choice = right[name] if (i + k) % 3 else wrong[name]
            book[name]["source"] = choice[i % len(choice)][1]
            lost += [name] * (choice is wrong[name])
        students.append(Student(f"mixed_{i:02}", book.data, tuple(lost)))
    students.append(Student("all_right", Book().data))
    blank = Source(json.loads(SOLUTION.read_text(encoding="utf-8"))).released
    said = dict.fromkeys(POINTS, "still blank")
    students.append(Student("blank", json.dumps(blank).encode(), tuple(POINTS), mistakes=said))
    return students


def damaged():
    """Return students whose files were damaged on the way, or by themselves."""
    students = []

    def add(name, book, lost=(), found=(), **more):
        data = book if isinstance(book, bytes) else book.data
        students.append(Student(name, data, lost, found=found, **more))

    given = Source(json.loads(SOLUTION.read_text(encoding="utf-8"))).cells

    book = Book()
    book.cells.insert(book.place("leaky") + 1, json.loads(json.dumps(given["leaky"])))
    add("copied_cell_left_blank", book, found=("mended",))

    book = Book(leaky="return z")
    book.cells.insert(
        -1, json.loads(json.dumps(book["leaky"])) | {"source": Book()["leaky"]["source"]}
    )
    add("copied_cell_edited", book, found=("mended",))

    book = Book()
    book.cells.insert(-1, json.loads(json.dumps(book["check_leaky"])))
    add("copied_check", book, found=("mended",))

    book = Book()
    for cell in book.cells:
        cell["metadata"] = {}
    add("no_metadata", book, found=("mended",))

    book = Book(leaky="return z")
    for cell in book.cells:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"] |= {"points": 1000, "locked": False, "solution": True}
    add("edited_metadata", book, ("leaky",))

    book = Book()
    for cell in book.cells:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"]["grade_id"] += "x"
    add("unknown_ids", book, found=("mended",))

    book = Book()
    for cell in book.cells:
        cell["metadata"] = "none" if "nbgrader" in cell["metadata"] else None
    add("odd_metadata", book, found=("mended",))

    book = Book(leaky="return -z")
    book.cells[:] = [c for c in book.cells if not (Book.id_of(c) or "").startswith("check_")]
    add("checks_deleted", book, ("leaky",), ("mended",))

    book = Book()
    for cell in book.cells:
        if (Book.id_of(cell) or "").startswith("check_"):
            cell["source"] = cell["source"] if isinstance(cell["source"], str) else "# nothing"
    add("checks_emptied", book, found=("edited check",))

    book = Book()
    sheets = []
    for cell in book.cells:
        old = dict(cell)
        if cell["cell_type"] == "code":
            old |= {"input": old.pop("source"), "language": "python", "prompt_number": 1}
            old.pop("execution_count", None)
        sheets.append(old)
    old = {"metadata": {"name": ""}, "nbformat": 3, "nbformat_minor": 0}
    add(
        "old_format",
        json.dumps(old | {"worksheets": [{"cells": sheets}]}).encode(),
        found=("mended",),
    )

    add("wrong_name", Book(), found=("mended",), file="my homework (final).ipynb")
    add("empty", b"", tuple(POINTS), ("unreadable",), human=True)
    add("spaces", b" \n\n", tuple(POINTS), ("unreadable",), human=True)
    data = Book().data[:3000]
    rest = tuple(name for name in POINTS if f"def {name}(".encode() not in data)
    add("truncated", data, rest, ("unreadable",), human=True)
    add("a_list", b"[1, 2, 3]", tuple(POINTS), ("unreadable",), human=True)
    add("a_script", b"import numpy as np\n", tuple(POINTS), ("unreadable",), human=True)
    add("no_cells", b'{"nbformat": 4, "cells": {}}', tuple(POINTS), ("unreadable",), human=True)
    deep = b'{"cells": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    add("nested_without_end", deep, tuple(POINTS), ("unreadable",), human=True)
    add("not_text", bytes(range(256)) * 40, tuple(POINTS), ("unreadable",), human=True)

    book = Book()
    flood = {"output_type": "stream", "name": "stdout", "text": "x" * (50 << 20)}
    book["leaky"]["outputs"] = [flood]
    add("fifty_megabytes", book, found=("mended",))

    add("byte_order_mark", b"\xef\xbb\xbf" + Book().data)
    add("utf_16", Book().data.decode().encode("utf-16"), found=("mended",))

    book = Book()
    book["leaky"]["source"] = "def leaky(z, slope)\n    return np.where(z > 0, z, slope * z)"
    add("syntax_error", book, ("leaky",), ("syntax error",), mistakes={"leaky": "syntax error"})

    book = Book()
    book.cells[:] = [c for c in book.cells if Book.id_of(c) or c["cell_type"] != "code"]
    add("imports_deleted", book)

    book = Book()
    book.cells.remove(book["leaky"])
    add("answer_deleted", book, ("leaky",), ("mended",))

    book = Book()
    book["leaky"]["cell_type"] = "markdown"
    book["forward_folded"]["cell_type"] = "raw"
    add("cells_turned_to_text", book, found=("mended",))

    book = Book().add(function("leaky", RIGHT["leaky"]), after="check_leaky")
    book["leaky"]["source"] = text_of(given["leaky"])
    add("answer_in_a_new_cell_above", book, found=("mended",))
    book = Book().first(function("leaky", RIGHT["leaky"]))
    book["leaky"]["source"] = text_of(given["leaky"])
    add("answer_in_a_new_cell_before", book, found=("mended",))

    book = Book()
    book["check_leaky"]["source"] = function("leaky", RIGHT["leaky"]) + "\ncheck_leaky(leaky)"
    book["leaky"]["source"] = text_of(given["leaky"])
    add("answer_in_the_check", book, found=("edited check",))

    book = Book().first("%matplotlib inline\n!ls\nnp?")
    book["leaky"]["source"] = "%%time\n" + book["leaky"]["source"]
    add("magics", book)

    book = Book()
    book.cells[1:1] = [None, 3, "cell", {}, {"cell_type": "code"}, {"cell_type": 5, "source": 7}]
    add("cells_that_are_none", json.dumps(book.notebook).encode(), found=("mended",))

    add("a_cell_that_raises", Book().first("1 / 0"))
    add("a_cell_that_asks", Book().first("name = input()"))
    add("numpy_overwritten", Book().first("np = None\nsum = max"), found=("disturbed",))
    add("numpy_damaged", Book().first("np.hstack = np.where = None"), found=("disturbed",))
    book = Book(leaky="return own(z > 0, z, slope * z)").first("own = np.where")
    add("a_helper_of_ones_own", book)
    add("prints_without_end", Book(leaky="while True:\n    print(z)"), ("leaky",))
    book = Book(leaky="return z")
    said = "leaky: right, in all 21 cases. 1 point."
    book["check_leaky"]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": [said]}]
    add("output_claims_it_is_right", book, ("leaky",), ("disagreement",))
    book = Book(leaky='raise ValueError("\\ud800\\0\\x1b[31m")')
    book.first('print("\\ud800\\x1b[31m")\n"\ud800"')
    book["open_02"]["source"] = "half a surrogate: \ud800"
    add("surrogates", book, ("leaky",))
    book = Book()
    book.cells.reverse()
    add("upside_down", book)
    return students


def attackers(course="/nowhere", port=9):
    """Return students who attack: the machine, the grader, the others, or their own score.

    Args:
        course: the path of the course's folder, which they happen to know.
        port: where something listens on this machine.
    """
    students = []

    def add(name, book, lost=(), found=(), **more):
        students.append(Student(name, book.data, lost, found=found, **more))

    right = RIGHT["leaky"]
    bomb = "import os\nwhile True:\n    os.fork()"
    everywhere = {
        "endless": "while True:\n    pass",
        "sleep": "import time\ntime.sleep(1e6)",
        "fork_bomb": bomb,
        "ten_gigabytes": "x = np.ones((10, 1 << 27))\nx.sum()",
        "os_exit": "import os\nos._exit(0)",
        "sys_exit": "import sys\nsys.exit()",
        "killed": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        "crash": "import ctypes\nctypes.string_at(0)",
    }
    for name, code in everywhere.items():
        lost = () if name in ("ten_gigabytes", "sys_exit") else ("cell lost",)
        add(f"{name}_in_a_function", Book(leaky=code + "\n" + right), ("leaky",))
        add(f"{name}_in_a_cell", Book().first(code), found=lost)
    add(
        "endless_after_the_answer",
        Book().extend("leaky", "while True:\n    pass"),
        found=("cell lost",),
    )
    add("kills_all", Book(leaky="import os\nos.kill(-1, 9)\n" + right), ("leaky",), sandbox=True)
    add("kills_all_in_a_cell", Book().first("import os\nos.kill(-1, 9)"), sandbox=True)  # fmt: skip
    add("kills_parent", Book(leaky="import os\nos.kill(os.getppid(), 9)\n" + right), ("leaky",))

    wrong = Book(leaky="return z")
    for cell in wrong.cells:
        if (Book.id_of(cell) or "").startswith("check_"):
            cell["source"] = "pass"
    add("checks_replaced_by_pass", wrong, ("leaky",), ("edited check",))
    patch = (
        "import numpy.testing\nyes = lambda *a, **k: True\n"
        "np.allclose = np.isclose = np.array_equal = yes\n"
        "for name in dir(np.testing):\n    setattr(np.testing, name, yes)"
    )
    add("numpy_testing_patched", Book(leaky="return z").first(patch), ("leaky",))
    patch = (
        "import nnfromscratch.exercises as e\nclass Never(Exception): pass\n"
        "e.ExerciseError = ExerciseError = Never\n"
        "check_leaky = e.check_leaky = lambda f: print('leaky: right')\n"
        "import builtins\nbuiltins.AssertionError = Never"
    )
    add("exercise_error_overwritten", Book(leaky="return z").first(patch), ("leaky",))
    patch = (
        "import sys\nfor m in list(sys.modules.values()):\n"
        "    if 'nnfromscratch' in getattr(m, '__name__', ''):\n"
        "        for n in ('same', 'close'):\n"
        "            if hasattr(m, n):\n                setattr(m, n, lambda *a, **k: True)"
    )
    add("comparison_patched", Book(leaky="return z").first(patch), ("leaky",))
    body = "import nnfromscratch\nreturn nnfromscratch.softmax(z / temperature)"
    add("package_function", Book(softmax_with_temperature=body), ("softmax_with_temperature",),
        mistakes={"softmax_with_temperature": "the package's own is called"})  # fmt: skip
    book = Book()
    book["leaky"]["source"] = "from nnfromscratch import leaky_relu as leaky"
    add("package_function_by_name", book, ("leaky",))

    # nbgrader's own tests, in the environment, hold a gradebook of nobody.
    search = (
        "import os\nfound = []\n"
        f"for folder in ('/', '..', {str(course)!r}):\n"
        "    for place, _, names in os.walk(folder):\n"
        "        if place.startswith(('/proc', '/sys', '/dev')) or '/nbgrader/' in place:\n"
        "            continue\n"
        "        wanted = 'set_02.py', 'gradebook.db', 'nbgrader_config.py'\n"
        "        found += [n for n in names if n in wanted or '_exercises' in n]\n"
    )
    body = "if not found:\n    raise LookupError('nothing to copy from')\n" + right
    add("reads_elsewhere", Book(leaky=body).first(search), ("leaky",), sandbox=True,
        mistakes={"leaky": "measured: raised"})  # fmt: skip
    copy = "from nnfromscratch.exercises.sets.set_02 import LEAKY\nreturn LEAKY.reference(z, slope)"
    add("asks_the_catalogue", Book(leaky=copy), ("leaky",))
    call = (
        f"import socket\nwith socket.create_connection(('127.0.0.1', {port}), 1) as s:\n"
        "    s.send(b'hello')\n"
    )
    add("opens_a_socket", Book(leaky=call + right), ("leaky",), sandbox=True)
    book = (
        f"import sqlite3\nc = sqlite3.connect({str(course)!r} + '/gradebook.db')\n"
        "c.execute('update grade set auto_score = 100')\nc.commit()\n"
    )
    add("writes_to_the_gradebook", Book(leaky=book + right), ("leaky",), sandbox=True)
    write = (
        "import nnfromscratch, pathlib\n"
        "p = pathlib.Path(nnfromscratch.__file__)\np.write_text('softmax = None')\n"
    )
    add("writes_to_the_package", Book(leaky=write + right), ("leaky",), sandbox=True)
    fill = (
        "import os\nfor i in range(100):\n    with open(f'big{i}', 'wb') as f:\n"
        "        f.write(bytes(40 << 20))\n"
    )
    add("fills_the_disk", Book(leaky=fill + right), ("leaky",), sandbox=True)
    garbage = "import os\nfor d in range(3, 64):\n    try:\n        os.write(d, b'7' * 100)\n"
    garbage += "    except OSError:\n        pass\n"
    add("writes_to_all_descriptors", Book(leaky=garbage + right), ("leaky",))
    forged = (
        "import os, json, struct\nm = json.dumps({'result': 1, 'changed': [[0, 1]], 'used': 5})\n"
        "m = m.encode()\n"
        "for d in range(3, 64):\n    try:\n        os.write(d, struct.pack('<Q', len(m)) + m)\n"
        "    except OSError:\n        pass\nreturn z\n"
    )
    add("forges_messages", Book(leaky=forged), ("leaky",))
    daemon = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        time.sleep(987654)\n    os._exit(0)"
    )
    add("leaves_a_process", Book().first(daemon))
    frames = (
        "import sys, gc\nframe = sys._getframe()\nwhile frame:\n"
        "    for value in list(frame.f_locals.values()):\n"
        "        for name in ('expected', 'reference'):\n"
        "            if hasattr(value, name):\n"
        "                return getattr(value, name)(z, slope)\n"
        "    frame = frame.f_back\nreturn z"
    )
    add("searches_the_stack", Book(leaky=frames), ("leaky",))
    liar = (
        "class Liar(np.ndarray):\n    def __eq__(self, other): return np.array(True)\n"
        "    def __reduce__(self): import os; return os._exit, (1,)\n"
        "    def tolist(self): return [-0.5, 0.0, 3.0]\nreturn z.view(Liar)"
    )
    add("a_result_that_lies", Book(leaky=liar), ("leaky",))
    evil = (
        "class Evil:\n    def __reduce__(self): return print, ('unpickled',)\n"
        "    def __eq__(self, other): return True\nreturn Evil()"
    )
    add("a_result_to_unpickle", Book(leaky=evil), ("leaky",))
    add("a_result_without_end", Book(leaky="x = []\nx.append(x)\nreturn x"), ("leaky",))
    add("a_large_result", Book(leaky="return np.zeros(10**8, bool)"), ("leaky",))
    add("objects", Book(leaky="return np.array([object(), 1])"), ("leaky",))
    changed = "z[z < 0] *= slope\nreturn z"
    add("changes_its_argument", Book(leaky=changed), ("leaky",),
        mistakes={"leaky": "the argument is changed"})  # fmt: skip
    again = "import os\nos.fork()\n" + right
    add("returns_twice", Book(leaky=again), found=())
    add("goes_on_twice", Book().first("import os\nos.fork()"), found=())
    return students


def everyone(course="/nowhere", port=9):
    """Return the whole class."""
    return [*learners(), *damaged(), *attackers(course, port)]


def main():
    """Write the class to a folder."""
    parser = argparse.ArgumentParser(description="Write a simulated class of submissions.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where they go")
    folder = parser.parse_args().folder
    for student in everyone():
        path = Path(folder, student.name, student.file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(student.data)


if __name__ == "__main__":
    main()
