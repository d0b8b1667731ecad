"""Notebook and grader give the same verdict, whatever else a cell holds and a file has lost."""

import ast
import base64
import inspect
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sampling import some_of

from nnfromscratch import exercises
from nnfromscratch.__main__ import main
from nnfromscratch.course import cells, cli, jail
from nnfromscratch.course.examine import Check, Examined, Source, examine
from nnfromscratch.course.grade import Session, _compared, grade, judge, starter
from nnfromscratch.course.jail import JailError, Limits, stripped_package
from nnfromscratch.course.layout import CourseError, init
from nnfromscratch.course.partial import Share, share
from nnfromscratch.course.pictures import harmless, kept
from nnfromscratch.exercises import Exercise, ExerciseError, all_exercises, own
from nnfromscratch.exercises._compare import leaves
from nnfromscratch.exercises._diagnosis import parts_of
from nnfromscratch.exercises._sandbox import Behaviour, Observed
from tools.simulated_class import RIGHT, SOLUTION, Book, function

ROOT = Path(__file__).resolve().parent.parent
NO_SANDBOX = jail.sandbox_works() if sys.platform == "linux" else "grading needs Linux"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="grading needs Linux")
in_sandbox = pytest.mark.skipif(bool(NO_SANDBOX), reason=NO_SANDBOX)
LIMITS = Limits(cell_seconds=20)
RELEASED = Source(json.loads(SOLUTION.read_text(encoding="utf-8")))
LEAKY = function("leaky", RIGHT["leaky"])


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return stripped_package(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def graded(home):
    """graded(book): what `grade` makes of a book, with its findings and the points by blank."""

    def run(book):
        examined = examine(book.data, RELEASED)
        start = starter(home, LIMITS, not NO_SANDBOX)
        result = grade(examined, RELEASED, start, LIMITS, b"")
        result["findings"] = examined.findings + result["notes"]
        points = {v["grade_id"].removeprefix("check_"): v["points"] for v in result["verdicts"]}
        return result | {"points": points}

    return run


def with_leaky(code):
    book = Book()
    book["leaky"]["source"] = code
    return book


# Names

SETS = sorted({exercise.lesson for exercise in all_exercises() if exercise.gradable})


def answers_of(lesson):
    """Return what a set's answers need, and each accepted answer: exercise, itself, its code."""
    chosen = {e.name: e for e in all_exercises() if e.lesson == lesson}
    path = Path(inspect.getfile(exercises)).with_name("sets") / f"set_{lesson:02}.py"
    helpers, answers = [], []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            packages = (
                "nnfromscratch.exercises.sets.",
                "nnfromscratch.exercises.",
                "nnfromscratch.",
            )
            package = packages[node.level - 1]
            node.module, node.level = package + node.module, 0
        value = getattr(node, "value", None)
        if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "Exercise":
            parts = {k.arg: k.value for k in value.keywords}
            exercise = chosen[ast.literal_eval(parts["name"])]
            codes = [parts["reference"], *getattr(parts.get("variants"), "elts", [])]
            functions = (exercise.reference, *exercise.variants)
            pairs = zip(functions, map(ast.unparse, codes), strict=True)
            answers += [(exercise, one, code) for one, code in pairs]
        elif getattr(getattr(node, "targets", [None])[0], "id", "") != "EXERCISES":
            helpers.append(ast.unparse(node))
    return "\n".join(helpers), answers


@pytest.mark.parametrize("lesson", some_of(SETS, lambda lesson: lesson % 4 == 2))
def test_the_grader_accepts_what_the_notebook_accepts(lesson, home):
    """Every answer of the catalogue; that checks accept them is tested with the exercises."""
    helpers, answers = answers_of(lesson)
    assert {e.name for e, *_ in answers} == {e.name for e in all_exercises() if e.lesson == lesson}
    code = [helpers, *(f"answer_{i} = {code}" for i, (_, _, code) in enumerate(answers))]
    session = Session([("cell-1", "\n".join(code))], starter(home, LIMITS, not NO_SANDBOX), LIMITS)
    refused = {}
    try:
        for i, (exercise, _, _) in enumerate(answers):
            check = Check("t", 1.0, f"check_{exercise.name}(answer_{i})", (f"answer_{i}",))
            verdict = judge(session, check, {}, Examined({}), b"")
            refused |= {(exercise.name, i): verdict.message} if verdict.mistake else {}
    finally:
        session.lose()
    assert session.outcomes["cell-1"]["error"] is None
    assert not refused


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("check_normalize_rows_backward(f)", ["check_normalize_rows_backward"]),
        ("check_leaky_deviation(f)", ["check_leaky_deviation"]),
        ("check_leaky(f)  # not check_leaky_deviation", ["check_leaky"]),
        ("print('check_leaky')\nassert f(1) == 2", []),
    ],
)
def test_a_check_asks_for_the_exercises_that_it_names(code, names):
    assert list(Check("t", 1.0, code, ("f",)).exercises) == names


def test_a_set_is_for_practice_whatever_it_is_called():
    path = SOLUTION.with_name("15_exercises.ipynb")
    assert len(Source(json.loads(path.read_text(encoding="utf-8"))).practice) == 6
    assert not RELEASED.practice


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("def leaky_deviation(): pass", ["leaky_deviation"]),
        ("class A:\n    def leaky(self): pass", ["A"]),
        ("'''\ndef leaky(z): pass\n'''", []),
        ("leaky = lambda z, slope: z", ["leaky"]),
        ("x[leaky] = 1", []),
        ("if True:\n    def leaky(z): pass\nelse:\n    b = 1", ["leaky", "b"]),
        ("%%time\ndef leaky(z): pass", ["leaky"]),
        ("%%writefile a.py\ndef leaky(z): pass", []),
        ("def leaky(z)\n    pass", ["leaky"]),
        ("In [5]: leaky = lambda z, slope: z", ["leaky"]),
        ("print()\nIn [5]: leaky = abs", ["leaky"]),
    ],
)
def test_what_a_cell_defines(text, names):
    assert cells.names_of(text) == names


# What Jupyter makes of a cell

FORMS = [
    "files = !ls\n{}",
    "t = %timeit -o 1 + 1\n{}\nprint(f'{t.average:.1e}')",
    "?np.dot\n{}",
    "np.dot?\n{}\nnp.sum??",
    "!pip install \\\n   numpy\n{}",
    "%matplotlib inline\n%load_ext autoreload\n{}",
    "   {}",
    ">>> {}",
    "In [3]: {}",
    "import asyncio\nawait asyncio.sleep(0)\n{}",
    "get_ipython().run_line_magic('matplotlib', 'inline')\n{}",
    "from IPython import get_ipython\nget_ipython().system('ls')\n{}",
    "x = (5\n% 7)\n%time y = 1\n{}\nassert x == 5 and y == 1",
    "%%time\n{}",
    "%%capture out\n%%time\n!ls\n{}",
    "display(1)\n{}",
    "{}\n3\nIn, Out, _\nimport matplotlib.pyplot as plt\nplt.plot([1])\nplt.show()",
    "\n\n  # a comment\n{}\nleaky(np.ones(2), 0.1);",
    "from __future__ import annotations\n{}\ndef f(x: nothing): pass",
    "if True:\n    {}",
    "!!ls\n{}",
    "rows = %sql SELECT 1\n{}",
    "{}\n;print f x",
    "{}\n/print 1",
    ",print a b\n{}",
    "import asyncio\nasync def f(): return 1\nx = [await f() for _ in (1, 2)]\n{}",
    "%%prun -q\n{}",
    "%alias_magic t timeit\n%pip install x\n%conda list\n{}",
    "with open('n.txt', 'w') as file:\n    file.write('1')\n!cat n.txt | wc\n{}",
    "%%time -n 1\n%%capture\n{}",
    "x = 1\n%time y = x + 1\n{}\nassert y == 2",
    "np.dot?\r\nfiles = !ls\r\n{}",
    "handle = display(display_id=True)\nhandle.update(display(1, clear=True))\n{}",
    "from IPython.display import HTML, display\n"
    "handle = display(HTML('a'), display_id='a')\nhandle.update(HTML('b'))\n{}",
    "import IPython.display as d\nd.display('a', display_id=1).update('b')\n{}",
]


def beginning(form):
    """Return a cell: the form, with the answer where its braces are."""
    before = form[: form.index("{}")].rsplit("\n", 1)[-1]
    below = {">>> ": "... ", "In [3]: ": "   ...: "}.get(before, before)
    return form.replace("{}", LEAKY.replace("\n", "\n" + below))


@pytest.mark.parametrize("form", FORMS)
def test_what_defines_an_answer_in_jupyter_defines_it_here(form, graded):
    result = graded(with_leaky(beginning(form)))
    assert result["points"]["leaky"] == 1
    assert not {"syntax error", "statement left out"} & {kind for kind, _ in result["findings"]}


NUMPY = "import numpy as np\n"


@pytest.mark.parametrize(
    ("cell", "use"),
    [
        ("%%writefile mine.py\n" + NUMPY, "from mine import leaky"),
        ("%%writefile 'my answer.py'\n" + NUMPY, "%run 'my answer'"),
        ("%%writefile mine.py\n", "%run -i mine.py"),
    ],
)
def test_a_file_that_a_cell_writes_is_used_below(cell, use, graded):
    result = graded(with_leaky(use).first(cell + LEAKY))
    assert result["points"]["leaky"] == 1
    assert not result["findings"]


def test_a_file_that_is_not_there_is_named(graded):
    result = graded(with_leaky("%run helpers.py\n" + LEAKY))
    assert result["points"]["leaky"] == 1
    assert (
        "No such file or directory: 'helpers.py'" in dict(result["findings"])["statement left out"]
    )


@pytest.mark.parametrize(
    "body",
    [
        "%time below = z * slope\n" + RIGHT["leaky"],
        "y = %time np.where(z > 0, z, slope * z)\nreturn y",
        "display(z, z.shape, clear=False, display_id=True).update(z)\n" + RIGHT["leaky"],
        "from IPython.display import display\nhandle = display(z, display_id='a', raw=True)\n"
        "handle.update(z)\n" + RIGHT["leaky"],
    ],
)
def test_what_a_function_may_ask_of_jupyter_it_may_ask_here(body, graded):
    assert graded(Book(leaky=body))["points"]["leaky"] == 1


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (LEAKY + "\nreturn 1", "line 3: 'return' outside function"),
        (LEAKY + "\nbreak", "line 3: 'break' outside loop"),
        (LEAKY + "\nyield 1", "line 3: 'yield' outside function"),
        (LEAKY.replace(":", "", 1), "line 1: expected ':'"),
        ("%%timeit\n" + LEAKY, "begins with %%timeit, so it defines nothing"),
        ("%%bash\n" + LEAKY, "begins with %%bash, so it defines nothing"),
        ("leaky = nowhere", "raised NameError: name 'nowhere' is not defined"),
    ],
)
def test_what_defines_nothing_in_jupyter_is_named(code, words, graded):
    result = graded(with_leaky(code))
    assert (result["points"]["leaky"], sum(result["points"].values())) == (0, 9)
    message = next(v["message"] for v in result["verdicts"] if v["grade_id"] == "check_leaky")
    assert "leaky is not defined" in message
    assert words in message


HOSTILE = {
    "questions": "?" * 200_000,
    "a long question": "a." * 100_000 + "?",
    "magics": "%time\n" * 20_000,
    "continued": "!ls \\\n" * 20_000,
    "brackets": "(" * 100_000,
    "cell magics": "%%time\n" * 500,
    "signs": "-" * 50_000 + "1",
    "a long sum": "x = " + "1 + " * 5_000 + "1",
    "a deep function": "def f(): return " + "1 + " * 600 + "1",
    "elif": "if 1: pass\n" + "elif 1: pass\n" * 3_000,
    "a null": "\0",
}


def test_hostile_text_costs_no_other_cell(graded):
    book = Book()
    for text in HOSTILE.values():
        book.add(text)
    start = time.process_time()
    assert sum(graded(book)["points"].values()) == 10
    assert time.process_time() - start < 60


# What raises above an answer


@pytest.mark.parametrize(
    ("above", "words"),
    [
        ("from google.colab import output", "ModuleNotFoundError: No module named 'google'"),
        ("import numpy, no_such_thing", "ModuleNotFoundError: No module named 'no_such_thing'"),
        ("from math import pi, nothing", "ImportError: cannot import name 'nothing'"),
        ("assert 1 == 2, 'no'", "AssertionError: no"),
        ("np.load('weights.npy')", "FileNotFoundError"),
        ("print(nowhere)", "NameError: name 'nowhere' is not defined"),
        ("name = input()", "EOFError"),
        ("raise SystemExit", "SystemExit"),
        ("from numba import njit\n@njit", "ModuleNotFoundError: No module named 'numba'"),
    ],
)
def test_what_raises_above_an_answer_is_named_and_left_out(above, words, graded):
    result = graded(with_leaky(f"{above}\n{LEAKY}"))
    assert result["points"]["leaky"] == 1
    (said,) = [text for kind, text in result["findings"] if kind == "statement left out"]
    assert words in said
    assert "(leaky)" in said


def test_types_that_cannot_be_imported_cost_no_answer(graded):
    typed = LEAKY.replace("z, slope", "z: torch.Tensor, slope: float", 1)
    result = graded(with_leaky("import no_such_thing as torch\n" + typed))
    assert result["points"]["leaky"] == 1


def test_what_raises_below_an_answer_is_no_flag(graded):
    result = graded(Book().extend("leaky", "leaky(1)\n"))
    assert result["points"]["leaky"] == 1
    assert "statement left out" not in dict(result["findings"])


# What stands below a check

RELU = function("leaky", "return np.maximum(z, 0)")
IS_RELU = "ReLU, which does not leak"


def played_with(answer, copy):
    """Return a book with a blank's cell, and below its check a copy of the cell."""
    book = Book()
    book["leaky"]["source"] = answer
    place = book.place("check_leaky") + 1
    book.cells.insert(place, json.loads(json.dumps(book["leaky"])) | {"source": copy})
    return book


def with_a_constant():
    book = Book(leaky="return np.where(z > CUT, z, slope * z)").extend("leaky", "CUT = 0")
    return book.extend("cross_entropy_in_bits", "CUT = 5")


LAMBDA = "leaky = lambda z, slope: np.where(z > 0, z, slope * z)"
BELOW = {
    "another try": lambda: Book().add(RELU, "check_leaky"),
    "a copy": lambda: played_with(LEAKY, RELU),
    "a constant": with_a_constant,
    "its result": lambda: with_leaky(LAMBDA).add("leaky = leaky(np.ones(2), 0.1)", "check_leaky"),
    "nothing": lambda: Book().add("del leaky, forward_folded"),
    "a library": lambda: Book().add("np.where = None", "check_leaky"),
}


@pytest.mark.parametrize("name", BELOW)
def test_an_answer_that_is_right_at_its_check_is_right(name, graded):
    result = graded(BELOW[name]())
    assert sum(result["points"].values()) == 10
    assert {kind for kind, _ in result["findings"]} <= {"mended"}


@pytest.mark.parametrize(
    ("answer", "copy", "graded_is"),
    [(LEAKY, RELU, LEAKY), (RELU, LEAKY, RELU), ("z = 1", LEAKY, LEAKY), (None, LEAKY, LEAKY)],
)
def test_the_copy_that_the_check_has_seen_is_graded(answer, copy, graded_is):
    given = RELEASED.cells["leaky"]["source"]
    done = examine(played_with(answer or given, copy).data, RELEASED)
    (cell,) = [c for c in done.notebook["cells"] if Book.id_of(c) == "leaky"]
    assert cell["source"] == graded_is


@pytest.mark.parametrize(
    ("answer", "copy", "mistake"),
    [
        ("return np.maximum(z, 0)", "return -z", IS_RELU),
        ("raise NotImplementedError", "return np.maximum(z, 0)", IS_RELU),
        ("import os; os._exit(0)", RIGHT["leaky"], ""),
        ("return -z", RIGHT["leaky"], ""),
    ],
)
def test_the_mistake_is_the_one_at_the_check_if_there_was_an_answer(answer, copy, mistake, graded):
    result = graded(played_with(function("leaky", answer), function("leaky", copy)))
    (found,) = [v for v in result["verdicts"] if v["grade_id"] == "check_leaky"]
    assert (found["mistake"], found["points"]) == (mistake, 0 if mistake else 1)


def test_what_has_no_end_is_waited_for_once(home):
    asked, limits = [], replace(LIMITS, check_processor=1)
    examined = examine(Book(leaky="while True: pass").data, RELEASED)
    start = starter(home, limits, not NO_SANDBOX)
    grade(examined, RELEASED, start, limits, b"", at=asked.append)
    assert asked == [check.grade_id for check in RELEASED.checks]


def test_the_cells_below_the_last_check_run_as_well(graded):
    result = graded(Book().add("print('at the end')"))
    assert "at the end\n" in [outcome["text"] for outcome in result["outputs"].values()]


# Part of the points

SEVERAL = Exercise(
    name="several", lesson=0, goal="", points=4, misconception="", mistakes=(),
    reference=lambda x: (2 * x, x.sum(), x, 0 * x),
    inputs=lambda rng: (rng.normal(size=3),), corners=(lambda rng: (np.ones(3),),),
    outputs=("double", "total", "same", "nothing"), out_of_reach=("relu",),
)  # fmt: skip
TWO = "return 2 * x, x.sum(), 1, 1"
PARTLY = {
    "two of four": (TWO, 2.0, "Right in every case: double, total. 2 of 4 results give 2 of 4"),
    "a list of them": ("return [2 * x, x.sum(), 1, 1]", 2.0, "double, total"),
    "rounded down": ("return 2 * x, 7, 7, 7", 0.5, "1 of 4 results give 0.5 of 3 points"),
    "one case wrong": ("return 2 * x + (x == 1).all(), x.sum(), 1, 1", 1.0, "every case: total."),
    "zeros": ("return 0 * x, 0.0, 0 * x, 0 * x", 0.0, "not counted, as it takes no work: nothing"),
    "the argument": ("return x, x, x, x", 0.0, "not counted, as it takes no work: same"),
    "one dtype wrong": ("return (2 * x).astype('f4'), x.sum(), 1, 1", 1.0, "every case: total."),
    "one shape wrong": ("return [2 * x], x.sum(), 1, 1", 1.0, "every case: total."),
    "too few": ("return 2 * x, x.sum()", 0.0, "number due is 4"),
    "a dict": ("return dict(double=2 * x, total=x.sum(), same=1, nothing=1)", 0.0, ""),
    "raises once": ("assert not (x == 1).all()\n    " + TWO, 0.0, "AssertionError"),
    "changes x": ("y = 2 * x\n    x += 1\n    return y, y.sum() / 2, 1, 1", 0.0, "no longer what"),
    "calls relu": ("import nnfromscratch as n\n    n.relu(x)\n    " + TWO, 0.0, "calls"),
    "hides the call": (
        "import nnfromscratch as n\n    try: n.relu(x)\n    except Exception: pass\n    " + TWO,
        0.0, "calls"),
    "no end": ("while (x == 1).all(): pass\n    " + TWO, 0.0, "did not come to an end"),
    "exits once": ("if not (x == 1).all(): import os; os._exit(0)\n    " + TWO, 0.0, "ended"),
}  # fmt: skip


@pytest.fixture(scope="module")
def partly(home):
    """partly(name, check, points, partial, own): the verdict on an answer of PARTLY."""
    limits = Limits(cell_seconds=20, check_processor=1)
    names = {name: name.replace(" ", "_") for name in PARTLY}
    code = [f"def {names[n]}(x):\n    {answer}" for n, (answer, *_) in PARTLY.items()]
    code += ["import numpy as np", "def right(x): return 2 * x, x.sum(), x, 0 * x"]
    code += ["def columns(dz, w, x): return dz @ x.T, w.T @ dz, dz.mean(axis=1)"]
    session = Session([("cell-1", "\n".join(code))], starter(home, limits, not NO_SANDBOX), limits)

    def run(name, check="check_own({})", points=4.0, partial=True):
        name = names.get(name, name)
        check = Check("t", points, check.format(name), (name,), SEVERAL, partial)
        return judge(session, check, {"np": np}, Examined({}), b"")

    yield run
    session.lose()


@pytest.mark.parametrize("name", PARTLY)
def test_the_results_that_are_right_give_their_share(name, partly):
    _, points, words = PARTLY[name]
    verdict = partly(name, points=3.0 if name == "rounded down" else 4.0)
    assert (verdict.points, bool(verdict.mistake)) == (points, True)
    assert words in " ".join(verdict.message.split())


def test_two_of_three_gradients_are_two_thirds_rounded_down(partly):
    for points, due in ((2.0, 1.0), (3.0, 2.0), (2.5, 1.5)):
        assert partly("columns", "check_columns_backward({})", points).points == due


def test_without_the_option_a_blank_gives_all_or_none(partly):
    verdict = partly("two of four", partial=False)
    assert (verdict.points, "Right in every case" in verdict.message) == (0.0, False)
    assert not Check("t", 1.0, "", ()).partial
    assert not any(check.partial for check in RELEASED.checks)
    assert all(check.partial for check in Source(RELEASED.notebook, partial=True).checks)


def test_only_a_check_that_stops_at_its_one_exercise_gives_a_part(partly):
    assert partly("right", "check_own({})").points == 4.0
    assert partly("right", "check_own({})\nassert False").points == 0.0
    assert partly("two of four", "check_own({0})\ncheck_leaky({0})").points == 0.0


@pytest.mark.parametrize("below", [False, True])
def test_the_larger_part_of_the_points_counts(below, home):
    """Where the check stands, or at the end."""

    def cell(grade_id, text, **kind):
        kind = {"grade_id": grade_id, "solution": False, "grade": False, "locked": False} | kind
        return {"cell_type": "code", "metadata": {"nbgrader": kind}, "source": text}

    answers = [f"def several(x):\n    {body}" for body in ("return 7", TWO)]
    blank = "def several(x):\n    ### BEGIN SOLUTION\n    return 7\n    ### END SOLUTION"
    check = cell("check", "check_own(several)", grade=True, locked=True, points=4)
    source = Source({"cells": [cell("several", blank, solution=True), check]}, SEVERAL, True)
    first, last = answers if below else answers[::-1]
    extra = {"cell_type": "code", "source": last}
    handed_in = {"cells": [cell("several", first, solution=True), check, extra]}
    examined = examine(json.dumps(handed_in).encode(), source)
    result = grade(examined, source, starter(home, LIMITS, not NO_SANDBOX), LIMITS, b"")
    assert [verdict["points"] for verdict in result["verdicts"]] == [2.0]


@pytest.mark.parametrize("more", [{"used": ("relu",)}, {"trouble": "time"}])
def test_what_the_last_case_did_counts_as_well(more):
    cases = SEVERAL.cases(np.random.default_rng(0))
    done = [Behaviour((2 * x, x.sum(), 1, 1)) for (x,) in cases]
    assert share(SEVERAL, cases, Observed(done)).right == ("double", "total")
    assert share(SEVERAL, cases, Observed(done, **more)) == Share()


SHARED = [e for e in all_exercises() if e.gradable and (e.outputs or "three_layer" in e.name)]


@pytest.mark.parametrize("exercise", SHARED, ids=lambda exercise: exercise.name)
def test_no_part_for_what_takes_no_work(exercise):
    cases = exercise.cases(np.random.default_rng(0))
    due = exercise.expected(cases)

    def shared(make):
        found = [filled(one, make(case)) for one, case in zip(due, cases, strict=True)]
        return share(exercise, cases, Observed([Behaviour(one) for one in found]))

    def filled(one, make):
        parts = {n: make(part) for n, part in parts_of(one, exercise.outputs).items()}
        return parts if isinstance(one, dict) else tuple(parts.values())

    whole = shared(lambda case: lambda part: part)
    assert whole.right or exercise.name == "arrays_from_vector"  # which are not always as many
    assert shared(lambda case: np.zeros_like).right == ()
    assert shared(lambda case: np.ones_like).right == ()
    for place in range(len(cases[0])):
        for kind in (leaves, lambda argument: [argument]):
            assert shared(lambda case, i=place, k=kind: lambda _: k(case[i])[0]).right == ()


OWN_DRAWS = [own.drawn(b"secret", "ada", "set", kind) for kind in own.FAMILIES]
OWN = [own.exercise(draw) for draw in OWN_DRAWS if own.blank_of(draw).outputs]


@pytest.mark.parametrize("exercise", OWN, ids=lambda exercise: exercise.name)
def test_an_own_blank_gives_a_part_unless_it_is_somebody_elses(exercise, monkeypatch):
    cases = exercise.cases(np.random.default_rng(0))
    found = [Behaviour((one[0], one[1] + 1)) for one in exercise.expected(cases)]
    theirs = SimpleNamespace(due=lambda *case: (lambda one: (one[0], one[1] + 1))(
        exercise.reference(*case)))  # fmt: skip
    monkeypatch.setattr(own, "blank_of", lambda draw: theirs)
    for others, right in (({}, exercise.outputs[:1]), ({"ben": ()}, ())):
        asked = replace(exercise, others=others)
        with pytest.raises(ExerciseError) as caught:
            _compared(asked, cases, Observed(found), True)
        assert getattr(caught.value, "share", Share()).right == right


def test_the_option_stands_in_the_courses_own_file(tmp_path):
    course = init(tmp_path / "course", None, own_blanks=True)
    mine = course.own_draw("ada", "02_exercises"), {}
    for one in (None, mine):
        parts, _ = cli._source_for(course.source_file("02_exercises"), one, True)
        assert all(check.partial for check in parts.checks)
    path = course.file("submitted", "ada", "02_exercises")
    path.parent.mkdir(parents=True)
    path.write_bytes(Book().data)
    keys = [course.key("ada", "02_exercises")]
    assert not course.partial_credit
    for text in ("", "partial_credit = false", "partial_credit = true"):
        (course.root / "grading.toml").write_text(text)
        assert course.partial_credit == text.endswith("true")
        keys.append(course.key("ada", "02_exercises"))
    assert keys[0] == keys[1] == keys[2] != keys[3]  # all are graded again by the new rule
    for text in ("partial_credit = 1", "partial = true", "= ="):
        (course.root / "grading.toml").write_text(text)
        with pytest.raises(CourseError, match=r"grading\.toml"):
            course.key("ada", "02_exercises")


# Answers in words


def added(book, kind, text, place, **more):
    cell = {"cell_type": kind, "metadata": {}, "source": text} | more
    cell |= {"outputs": [], "execution_count": None} if kind == "code" else {}
    book.cells.insert(place, cell)
    return book


def unanswered():
    book = Book()
    book["open_02"]["source"] = "YOUR ANSWER HERE"
    return book


@pytest.mark.parametrize("kind", ["markdown", "raw", "code"])
@pytest.mark.parametrize("place", [0, 1, "end"])
def test_an_answer_in_a_cell_of_its_own_is_found(kind, place):
    book, text = unanswered(), "# About ln 10, because all are alike."
    place = len(book.cells) if place == "end" else book.place("open_02") + place
    done = examine(added(book, kind, text, place).data, RELEASED)
    (cell,) = [c for c in done.notebook["cells"] if text in c["source"]]
    assert cell["metadata"]["nbgrader"]["grade_id"] == "open_02"
    assert "The answer to open_02 stood in another cell" in dict(done.findings)["mended"]


def test_an_answer_typed_into_the_question_is_found():
    book = unanswered()
    question = book.cells[book.place("open_02") - 1]
    question["source"] = "".join(question["source"]) + "\n\nAbout ln 10."
    done = examine(book.data, RELEASED)
    (cell,) = [c for c in done.notebook["cells"] if "About ln 10." in c["source"]]
    assert cell["metadata"]["nbgrader"]["grade_id"] == "open_02"


def test_without_an_answer_nobody_is_asked():
    book = added(unanswered(), "markdown", "A note about the first blank.", 3)
    done = examine(book.data, RELEASED)
    assert "YOUR ANSWER HERE" in [cell["source"] for cell in done.notebook["cells"]]
    assert not done.findings


DOT = base64.b64encode(b"GIF89a\x01\x00\x01\x00\x00\xff\x00,\x00\x00").decode()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("See ![my sketch](attachment:a.gif) here", "a.gif"),
        ("See ![](attachment:a%20b.gif 'a title') here", "a b.gif"),
        ('See <img src="attachment:a.gif" width="400"/> here', "a.gif"),
        (f"See ![x](data:image/gif;base64,{DOT}) here", ""),
        (f"See <img alt='x' src='data:image/gif;base64,{DOT}'> here", ""),
        ("See here", "a.gif"),
    ],
)
def test_pictures_are_kept(text, name):
    text, pictures = kept(text, {name: {"image/gif": [DOT]}} if name else None)
    ((new, parts),) = pictures.items()
    assert parts == {"image/gif": DOT}
    assert f"![picture](attachment:{new})" in text
    safe = "&lt;b>" + text + "! [](http://a/b.gif)"
    assert harmless("<b>" + text + "![](http://a/b.gif)", (new,)) == safe
    assert harmless(safe, (new,)) == safe


@pytest.mark.parametrize(
    "attachments",
    [
        7,
        [],
        {"a": 7},
        {"a": {"text/html": "<b>"}},
        {"a": {"image/gif": "<script>"}},
        {"a": {"image/gif": None}},
        {"a": {"image/gif": [1, {}]}},
        {'"><b': {}},
    ],
)
def test_what_is_no_picture_is_not_kept(attachments):
    text = "![x](attachment:a)"
    assert kept(text, attachments) == (text, {})
    assert harmless(text) == "! [x](attachment:a)"


@in_sandbox
def test_pictures_and_answers_reach_feedback_and_instructor(tmp_path):
    books = pytest.importorskip("nnfromscratch.course.books")
    course = init(tmp_path / "Kurs \u00dcbung", None)
    books.release(course, "02_exercises")
    book = unanswered()
    picture = {"attachments": {"a.gif": {"image/gif": DOT}}}
    text = "Here: ![x](attachment:a.gif) ![y](attachment:lost.gif)"
    added(book, "markdown", text, book.place("open_02") + 1, **picture)
    path = course.file("submitted", "Zo\u00eb", "02_exercises")
    path.parent.mkdir(parents=True)
    path.write_bytes(book.data)
    here = ["02", "--course", str(course.root)]
    assert main(["course", "grade", "--as-root", *here]) == 0
    assert main(["course", "feedback", *here]) == 0
    assert books.grades(course, "02_exercises")["Zo\u00eb"]["waiting"] == ["open_02"]
    page = course.file("feedback", "Zo\u00eb", "02_exercises", "html").read_text(encoding="utf-8")
    assert f'src="data:image/gif;base64,{DOT}"' in page
    assert "lost.gif" in page


# Where the environment is


@in_sandbox
@pytest.mark.parametrize("way", ["environment", "its parent", "relative", "two links"])
def test_an_environment_behind_links_can_be_seen(way, tmp_path, home):
    real, folder = Path(sys.prefix), tmp_path / "\u00dcml\u00e4ut and spaces"
    folder.mkdir()
    link = folder / "env"
    if way == "environment":
        link.symlink_to(real)
    elif way == "its parent":
        (folder / "home").symlink_to(real.parent)
        link = folder / "home" / real.name
    elif way == "relative":
        link.symlink_to(os.path.relpath(real, folder))
    else:
        (folder / "one").symlink_to(real)
        link.symlink_to("one")
    code = (
        "import sys, time; from pathlib import Path\n"
        "from nnfromscratch.course import jail\n"
        "assert not jail.sandbox_works(), jail.sandbox_works()\n"
        "one = jail.Jail(Path(sys.argv[1]), jail.Limits(), sandbox=True)\n"
        "print(one.ask(('cell', 'c', 'import numpy', False), time.monotonic() + 60)['error'])\n"
        "one.close()"
    )
    run = [link / "bin" / Path(sys.executable).name, "-c", code, home]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert (done.stdout, done.stderr) == ("None\n", "")


@in_sandbox
def test_a_path_is_no_reason_to_give_up_the_sandbox(monkeypatch):
    jail.sandbox_works.cache_clear()
    monkeypatch.setattr(jail, "_python", lambda: ({}, []))
    with pytest.raises(JailError, match=r"does not start in it: .*Nothing was run") as caught:
        jail.sandbox_works()
    assert "no-sandbox" not in str(caught.value)


def test_what_holds_answers_does_not_lie_beside_the_notebook(tmp_path):
    solution = SOLUTION.read_bytes()
    for name in ("02.ipynb", "02.ipynb~", "backup/old.txt", ".ipynb_checkpoints/02.ipynb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(solution)
    (tmp_path / "mine.py").write_text("### BEGIN HIDDEN TESTS")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "data").mkdir()
    for name in ("data/a.csv", "b c.csv"):
        (tmp_path / name).write_text("1,2")
    assert [p.name for p in jail.beside(tmp_path / "02.ipynb")] == ["b c.csv", "data"]


# Malformed fields

ODD = (None, 7, -1, 2_000_000_000, 1.5, True, "x", "", [], {}, [[]], [None], {"a": {"b": []}})


def in_the_old_format(book):
    sheet = [dict(cell) for cell in book.cells]
    for cell in sheet:
        if cell["cell_type"] == "code":
            cell |= {"input": cell.pop("source"), "language": "python"}
    sheet.insert(0, {"cell_type": "heading", "level": 2, "source": "A", "metadata": {}})
    return {"metadata": {}, "nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": sheet}]}


def blanks_to_run(done):
    return {name for _, _, names in done.run for name in names}


@pytest.mark.parametrize("form", [3, 4])
def test_one_malformed_field_costs_its_own_cell_at_most(form):
    whole = in_the_old_format(Book()) if form == 3 else Book().notebook
    sheet = whole["worksheets"][0]["cells"] if form == 3 else whole["cells"]
    place = next(i for i, cell in enumerate(sheet) if Book.id_of(cell) == "leaky")
    for number in (0, place):
        cell = sheet[number]
        for key in (*cell, "attachments", "level"):
            for odd in ODD:
                sheet[number] = cell | {key: odd}
                done = examine(json.dumps(whole).encode(), RELEASED)
                assert {*RIGHT} - {"leaky"} <= blanks_to_run(done), (key, odd)
                assert len(json.dumps(done.notebook)) < 100_000
        sheet[number] = cell


@pytest.mark.parametrize("form", [3, 4])
def test_a_malformed_notebook_goes_to_a_person(form):
    whole = in_the_old_format(Book()) if form == 3 else Book().notebook
    for key in (*whole, "cells", "worksheets"):
        for odd in ODD:
            done = examine(json.dumps(whole | {key: odd}).encode(), RELEASED)
            assert done.human or blanks_to_run(done) >= {*RIGHT}, (key, odd)


def test_cells_in_a_dict_are_cells():
    book = Book().notebook
    book["cells"] = {str(i): cell for i, cell in enumerate(book["cells"])}
    assert blanks_to_run(examine(json.dumps(book).encode(), RELEASED)) >= {*RIGHT}
