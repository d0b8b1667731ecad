"""Grading a class: every kind of damage and attack, and the commands of docs/instructors.md."""

import contextlib
import csv
import functools
import importlib.util
import io
import json
import multiprocessing
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sampling import every, some_of

from nnfromscratch.__main__ import main
from nnfromscratch.course import apart, cli, jail, layout
from nnfromscratch.course.collect import find
from nnfromscratch.course.examine import Check, Source, examine
from nnfromscratch.course.grade import Asking, Session, grade, sent, starter
from nnfromscratch.course.jail import Inside, Jail, Limits, Lost, decode, stripped_package
from nnfromscratch.course.layout import Course, CourseError, init, safe_id
from nnfromscratch.course.student import secrets
from nnfromscratch.exercises import all_exercises
from tools import simulated_class

ROOT = Path(__file__).resolve().parent.parent
SOLUTIONS = sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb"))
# By the clock there is room for a crowded machine; by the processor there is little.
SHORT = Limits(cell_seconds=20, check_seconds=8, check_processor=1, processor=4)
LINUX = sys.platform == "linux"
NO_SANDBOX = jail.sandbox_works() if LINUX else "grading needs Linux"
in_sandbox = pytest.mark.skipif(bool(NO_SANDBOX), reason=NO_SANDBOX)
# Without Linux nothing counts the processes of a fork bomb.
pytestmark = pytest.mark.skipif(not LINUX, reason="grading needs Linux")


@pytest.fixture(scope="module", autouse=True)
def one_question_to_alembic():
    """Every new gradebook asks a process of its own which version it has, for 3 s each time."""
    with pytest.MonkeyPatch.context() as patch:
        if importlib.util.find_spec("nbgrader"):
            from nbgrader import api

            patch.setattr(api, "get_alembic_version", functools.cache(api.get_alembic_version))
        yield


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return stripped_package(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course that attackers know the path of, with a gradebook."""
    made = init(tmp_path_factory.mktemp("course") / "my course", None)
    (made.root / "gradebook.db").write_bytes(b"untouched")
    return made


@pytest.fixture(scope="module")
def listener():
    """A port of this machine, and the list of those who have called it."""
    server, calls = socket.create_server(("127.0.0.1", 0)), []

    def listen():
        while True:
            try:
                calls.append(server.accept()[0])
            except OSError:
                return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    yield server.getsockname()[1], calls
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()
    for call in calls:
        call.close()


def graded(student, home, course, folder, limits=SHORT, sandbox=not NO_SANDBOX):
    path = folder / student.file
    path.write_bytes(student.data)
    source = course.source_file(simulated_class.SET)
    result, text = cli.grade_file(path, source, home, limits, sandbox, b"a seed")
    assert path.read_bytes() == student.data
    return result, json.loads(text)


def assert_as_expected(student, result):
    verdicts = {verdict["grade_id"]: verdict for verdict in result["verdicts"]}
    assert {name: verdict["points"] for name, verdict in verdicts.items()} == student.points
    for name, mistake in student.mistakes.items():
        assert verdicts[f"check_{name}"]["mistake"] == mistake
    for verdict in verdicts.values():
        assert bool(verdict["mistake"]) == (verdict["points"] == 0)
        assert verdict["message"]
    assert set(student.found) <= {kind for kind, _ in result["findings"]}
    assert result["human"] == student.human


def processes_with(text):
    """Return the processes whose command line holds a text, and still does in a moment."""
    found = _processes_with(text)
    for _ in range(50):
        if found:
            time.sleep(0.1)
            found = _processes_with(text)
    return found


def _processes_with(text):
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if text.encode() in Path("/proc", name, "cmdline").read_bytes():
                found.append(name)
    return found


NAMES = [student.name for student in simulated_class.everyone()]
# `make class` grades all of them. Here are those who attack, and a third of the others.
ATTACKS = {student.name for student in simulated_class.attackers()}


@pytest.fixture(scope="module")
def students(course, listener):
    return {s.name: s for s in simulated_class.everyone(course.root, listener[0])}


@pytest.mark.parametrize("name", some_of(NAMES, {*ATTACKS, *NAMES[::3]}.__contains__))
def test_every_student_gets_what_is_due(name, home, course, students, listener, tmp_path):
    calls, student = listener[1], students[name]
    if student.sandbox and NO_SANDBOX:
        pytest.skip(NO_SANDBOX)
    mark = SHORT.file + 1 + NAMES.index(name)
    limits = replace(SHORT, file=mark)
    if name == "sleep_in_a_cell":  # which waits to the end of its time
        limits = replace(limits, cell_seconds=8)
    result, _ = graded(student, home, course, tmp_path, limits)
    assert_as_expected(student, result)
    assert not calls
    assert (course.root / "gradebook.db").read_bytes() == b"untouched"
    assert not processes_with(f"{mark}]")


def test_a_session_that_ends_after_the_results_counts_as_ended(
    home, course, students, tmp_path, monkeypatch
):
    """Otherwise the points of kills_all are a matter of who is quicker."""
    send = Jail.send

    def killed(self, request, deadline):
        if request == ("done",):
            self._end_processes()  # and wait: in the sandbox the last one ends a little later
        send(self, request, deadline)

    monkeypatch.setattr(Jail, "send", killed)
    result, _ = graded(students["all_right"], home, course, tmp_path)
    assert {v["points"] for v in result["verdicts"]} == {0}
    assert all("it ended its process" in v["message"] for v in result["verdicts"])


def test_the_class_is_large_and_has_every_kind(students):
    assert len(NAMES) == len(set(NAMES)) >= 60
    wrong = {m.name for e in all_exercises() if e.lesson == 2 for m in e.mistakes}
    said = {m for s in students.values() for m in s.mistakes.values()}
    assert wrong <= said


def test_the_measured_class_is_the_one_that_is_described():
    stored = json.loads((ROOT / "benchmarks" / "results" / "class.json").read_text())["class"]
    assert stored["submissions"] == stored["feedback_pages"] > 60
    assert stored["wrong"] == []
    page = (ROOT / "docs" / "instructors.md").read_text(encoding="utf-8")
    said = (
        f"{stored['submissions']} submissions, {stored['damaged']} of them damaged and "
        f"{stored['attacks']} hostile: of {stored['scores']} scores 0 were wrong"
    )
    assert said in re.sub(r"\s+", " ", page)


def test_a_process_is_counted_whatever_it_calls_itself():
    renamed = "open('/proc/self/comm', 'wb').write(b'\\xff) 1'); print(flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", renamed], **pipes) as process:
        process.stdout.readline()
        parent, pages = jail._processes()[process.pid]
        process.communicate(b"\n")
    assert parent == os.getpid()
    assert pages > 100


WITHOUT = ["endless_in_a_function", "kills_parent", "fork_bomb_in_a_function", "os_exit_in_a_cell"]
WITHOUT += ["ten_gigabytes_in_a_function", "fork_bomb_in_a_cell"]
WITHOUT += ["leaves_a_process", "comparison_patched"]


@pytest.mark.parametrize("name", every(2, WITHOUT))
def test_without_a_sandbox_the_limits_hold(name, home, course, students, tmp_path):
    student = students[name]
    mark = SHORT.file + 1000 + NAMES.index(name)
    limits = replace(SHORT, file=mark)
    result, _ = graded(student, home, course, tmp_path, limits, sandbox=False)
    assert_as_expected(student, result)
    assert not processes_with(f"{mark}]"), result


GRADABLE = [path for path in SOLUTIONS if path.stem != "15_exercises"]
SOME = some_of(GRADABLE, lambda path: path.stem[:2] in ("01", "05", "09", "13", "18"))


def test_a_set_for_practice_is_not_released(course):
    from nnfromscratch.course import books

    assert {e.lesson for e in all_exercises() if not e.gradable} == {15}
    with pytest.raises(CourseError, match="release: 15_exercises is for practice"):
        books.release(course, "15_exercises")


@pytest.mark.parametrize("path", SOME, ids=lambda path: path.stem)
def test_every_set_can_be_graded(path, home):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    source = Source(notebook)
    limits = Limits(check_seconds=60)  # by the clock; the machine may be busy
    start = starter(home, limits, not NO_SANDBOX)
    result = grade(examine(path.read_bytes(), source), source, start, limits, b"")
    assert [v["message"] for v in result["verdicts"] if v["mistake"]] == []
    assert len(result["verdicts"]) == len(source.checks) >= 3
    blank = examine(json.dumps(source.released).encode(), source)
    result = grade(blank, source, start, limits, b"")
    assert {v["mistake"] for v in result["verdicts"]} == {"still blank"}


def test_what_is_sent_of_a_lesson_holds_no_answer():
    for exercise in filter(lambda exercise: exercise.gradable, all_exercises()):
        name, code = sent(exercise)
        answers = (exercise.reference, *exercise.variants)
        names = {f.__name__ for f in answers} - {"<lambda>"}
        assert not any(re.search(rf"\b{own}\b", code) for own in names - {"Layer"})
        if name:
            space = {"np": np}
            exec(code, space)
            case = exercise.cases(np.random.default_rng(1))[0]
            space[name](exercise.reference, *case)


def test_the_package_in_the_sandbox_holds_no_answer(home):
    names = [path.name for path in home.rglob("*")]
    assert "functional.py" in names
    assert not any(name.startswith("set_") or name.endswith(".ipynb") for name in names)
    text = "\n".join(path.read_text(encoding="utf-8") for path in home.rglob("*.py"))
    assert "Mistake(" not in text


@in_sandbox
def test_what_a_sandbox_can_see(home, course, tmp_path):
    code = (
        "import os\n"
        "PLACES = '/', '/submission', '/tmp', '/package'\n"
        "def found(): return {p: sorted(os.listdir(p)) for p in PLACES}\n"
        "def can_write(p):\n"
        "    try:\n        open(p + '/x', 'w').close()\n        return True\n"
        "    except OSError as error:\n        return False\n"
    )
    (tmp_path / "data.csv").write_text("1")
    one = Jail(home, SHORT, sandbox=True, files=[tmp_path / "data.csv"])
    try:
        one.ask(("cell", "c", code, False), time_in(5))
        one.ask(("check", ["found"], [4], ""), time_in(5))
        seen = decode(one.ask(("case", "found", (), None), time_in(5))["result"], one)
        places = {"/submission": 1, "/tmp": 1, "/": 0, "/package": 0, "/dev": 0, "/usr/lib": 0}
        for place, writable in (*places.items(), (sys.prefix, 0)):
            answer = one.ask(("case", "can_write", (place,), None), time_in(5))
            assert decode(answer["result"], one) == bool(writable), place
    finally:
        one.close()
    assert seen["/submission"] == ["data.csv"]
    assert seen["/package"] == ["nnfromscratch"]
    assert not {"home", "mnt", "srv", "var"} & set(seen["/"])
    assert str(course.root) not in json.dumps(seen)


@in_sandbox
def test_a_sandbox_shows_neither_the_environment_nor_what_is_shared(home, monkeypatch):
    """Process 1 inside is bubblewrap itself, and nbgrader's exchange lies in /usr/local/share."""
    monkeypatch.setenv("TOKEN_OF_THE_INSTRUCTOR", "secret")
    code = (
        "import os\n"
        "def environments():\n"
        "    return [open(f'/proc/{p}/environ', 'rb').read().decode('latin-1')\n"
        "            for p in os.listdir('/proc') if p.isdigit()]\n"
        "def shared():\n"
        "    return [p for f in ('/usr/share', '/usr/local/share') for p in os.listdir(f)]\n"
    )
    one = Jail(home, SHORT, sandbox=True)
    try:
        one.ask(("cell", "c", code, False), time_in(5))
        one.ask(("check", ["environments", "shared"], [4], ""), time_in(5))
        answer = one.ask(("case", "environments", (), None), time_in(5))
        environments = decode(answer["result"], one)
        shared = decode(one.ask(("case", "shared", (), None), time_in(5))["result"], one)
    finally:
        one.close()
    assert any("PYTHONHASHSEED" in one for one in environments)
    assert not any("TOKEN" in one for one in environments)
    assert shared == []


@in_sandbox
def test_nothing_of_the_system_can_be_written_from_a_sandbox(home):
    """Run as root, a sandbox has root's rights on what lies in /proc: only asked, never written."""
    code = (
        "import os\n"
        "def opens(path):\n"
        "    try:\n        os.close(os.open(path, os.O_WRONLY))\n        return True\n"
        "    except OSError:\n        return False\n"
        "def says(path):\n"
        "    try:\n        return os.write(os.open(path, os.O_WRONLY), b'x')\n"
        "    except OSError:\n        return 0\n"
    )
    one = Jail(home, SHORT, sandbox=True)
    try:
        one.ask(("cell", "c", code, False), time_in(5))
        one.ask(("check", ["opens", "says"], [4], ""), time_in(5))
        for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/kcore"):
            answer = one.ask(("case", "opens", (path,), None), time_in(5))
            assert not decode(answer["result"], one) or Path(path).stat().st_rdev, path
        answer = one.ask(("case", "says", ("/proc/1/fd/2",), None), time_in(5))
        assert decode(answer["result"], one) == 0  # a file there would fill the grader's disk
    finally:
        one.close()


@in_sandbox
@pytest.mark.skipif(
    bool(NO_SANDBOX) or not jail._no_namespaces(), reason="this bubblewrap cannot forbid them"
)
def test_nobody_becomes_root_of_a_namespace_in_a_sandbox(home):
    code = (
        "import ctypes\n"
        "def unshares(flag):\n    return ctypes.CDLL(None, use_errno=True).unshare(flag) == 0\n"
    )
    one = Jail(home, SHORT, sandbox=True)
    try:
        one.ask(("cell", "c", code, False), time_in(5))
        one.ask(("check", ["unshares"], [4], ""), time_in(5))
        for flag, works in ((0, True), (0x10000000, False)):  # nothing, and CLONE_NEWUSER
            assert (
                decode(one.ask(("case", "unshares", (flag,), None), time_in(5))["result"], one)
                is works
            )
    finally:
        one.close()


def time_in(seconds):
    return time.monotonic() + seconds


@pytest.mark.parametrize(
    "message",
    [
        {"array": ["O", [1], "AAAAAAAAAAA="]},
        {"array": ["<f8", [2], "AAAAAAAAAAA="]},
        {"array": ["<f8", [-1, 99], "AAAAAAAAAAA="]},
        {"array": ["<f8", [1], "not base 64"]},
        {"array": "<f8"},
        {"array": ["V8", [1], "AAAAAAAAAAA="]},
        {"unknown": 1},
        {"complex": ["x", 1]},
        {"outside": 99},
        {"inside": [0, "f"]},
        {"tuple": 3},
        {"a": 1, "b": 2},
        {},
    ],
)
def test_what_is_no_value_is_refused(message):
    class Nothing:
        kept = ()

    with pytest.raises(Lost, match="disturbed the messages"):
        decode(message, Nothing())


def test_a_class_can_be_asked_like_an_object():
    """What hidden tests do with a class: attributes are copies, and written back."""

    class Layer:
        def __init__(self):
            self.params = {"w": np.zeros(2)}

    class Check:
        def __init__(self):
            self.readers, self.thing = set(), Layer()

        def request(self, request, arguments=()):
            for reader in list(self.readers):
                reader._write_back()
            kind, _, name, *rest = request
            if kind == "put":
                self.thing.params["w"][...] = rest[0]["w"]
                return None
            return {key: value.copy() for key, value in getattr(self.thing, name).items()}

    check = Check()
    layer = Inside(check, 0, "Layer")
    layer.params["w"][...] = [3.0, 4.0]
    assert layer.params["w"].tolist() == [3.0, 4.0]
    assert check.thing.params["w"].tolist() == [3.0, 4.0]


def graded_cell(code, name, check):
    kind = {"grade_id": name, "grade": check, "solution": not check, "locked": check}
    kind |= {"schema_version": 3, "cell_type": "code", "task": False}
    kind |= {"points": 2} if check else {}
    return {"cell_type": "code", "metadata": {"nbgrader": kind}, "source": code}


def test_asserts_of_ones_own_are_graded(home):
    """A set without entries in the catalogue, as an instructor may write it."""

    cell = graded_cell
    body = "### BEGIN SOLUTION\n{}\n### END SOLUTION"
    tests = (
        "assert twice(2) == 4\n### BEGIN HIDDEN TESTS\nassert twice([1]) == [1, 1]\n"
        "try:\n    twice(None)\nexcept TypeError:\n    pass\nelse:\n    assert False\n"
        "assert apply(lambda x: x + base, 1) == 4\n### END HIDDEN TESTS"
    )
    right = "def twice(x):\n    return 2 * x\ndef apply(f, x):\n    return f(x)\nbase = 3"
    notebook = {"cells": [cell(body.format(right), "a", 0), cell(tests, "t", 1)], "metadata": {}}
    source = Source(notebook)
    start = starter(home, SHORT, not NO_SANDBOX)
    for answer, points, words in (
        (right, 2, ""),
        (right.replace("2 * x", "x + x"), 2, ""),
        (right.replace("2 * x", "x * x"), 0, "called with (1)\nit gave a"),
        (right.replace("2 * x", "2 * (x or 0)"), 0, "fails a further test"),
        (right.replace("f(x)", "5"), 0, "fails a further test"),
        (right.replace("base = 3", ""), 0, "base is not defined"),
    ):
        theirs = {"cells": [cell(answer, "a", 0), cell("pass", "t", 1)]}
        result = grade(examine(json.dumps(theirs).encode(), source), source, start, SHORT, b"")
        (verdict,) = result["verdicts"]
        assert verdict["points"] == points, verdict
        assert words in verdict["message"] or "It raised TypeError" in verdict["message"]


FORGED_NAMES = """
import gc
class Yes:
    def allclose(self, *arguments): return True
    def ones(self, n): return [1.0] * n
for thing in gc.get_objects():
    if type(thing).__name__ == "Channel":
        def send(self, message, send=type(thing).send):
            if "known" in message:
                own = [["np", Yes()], ["abs", lambda x: 0.0]]
                message["known"] += [[n, send.__globals__["encode"](v, self)] for n, v in own]
            send(self, message)
        type(thing).send = send
        break
def twice(x): return 0.0
"""


def test_names_that_nobody_asked_for_are_not_believed(home):
    """A submission that sends an `np` of its own would compare its answers itself."""
    tests = (
        "### BEGIN HIDDEN TESTS\nassert np.allclose(twice(np.ones(2)), 2)\n"
        "assert abs(twice(1.0) - 2.0) < 1e-9\n### END HIDDEN TESTS"
    )
    body = "### BEGIN SOLUTION\n{}\n### END SOLUTION"
    prelude = {"cell_type": "code", "metadata": {}, "source": "import numpy as np"}
    right = graded_cell(body.format("def twice(x): return 2 * x"), "a", 0)
    notebook = {"cells": [prelude, right, graded_cell(tests, "t", 1)], "metadata": {}}
    source = Source(notebook)
    for answer, points in (("def twice(x): return 2 * x", 2), (FORGED_NAMES, 0)):
        theirs = {"cells": [prelude, graded_cell(answer, "a", 0), graded_cell("pass", "t", 1)]}
        examined = examine(json.dumps(theirs).encode(), source)
        start = starter(home, SHORT, not NO_SANDBOX)
        (verdict,) = grade(examined, source, start, SHORT, b"")["verdicts"]
        assert verdict["points"] == points, verdict


def test_what_is_written_into_arguments_arrives(home):
    """Arrays in dicts, and in objects of the hidden test, as an optimizer changes them."""
    code = (
        "def step(params, model):\n    params['w'] -= 1\n    model.params['w'] *= 2\n"
        "    model.params['b'][0] += model.forward(3.0)\n"
    )
    session = Session([("c", code)], starter(home, SHORT, not NO_SANDBOX), SHORT)
    asking = Asking(session, Check("t", 1.0, "", ("step",)), [])
    params = {"w": np.array([1.0, 2.0])}
    model = SimpleNamespace(params={"w": np.ones(2), "b": np.zeros(1)}, forward=lambda x: x + 1)
    kept = model.params["w"]
    asking.known["step"](params, model)
    session.lose()
    assert params["w"].tolist() == [0.0, 1.0]
    assert kept.tolist() == [2.0, 2.0]
    assert model.params["b"].tolist() == [4.0]


# Collecting


def notebook(name="x"):
    metadata = {"nbgrader": {"grade_id": "leaky"}}
    cell = {"cell_type": "code", "source": f"# {name}\ndef leaky(z, slope): pass"}
    return json.dumps({"cells": [cell | {"metadata": metadata}]}).encode()


def zipped(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    ("name", "student", "which"),
    [
        ("Ada Byron_123_assignsubmission_file_/02_exercises.ipynb", "Ada_Byron", "02"),
        ("Ada Byron_123_assignsubmission_file_02_exercises.ipynb", "Ada_Byron", "02"),
        ("Øster, Åse_9_assignsubmission_file_/a b.ipynb", "Øster_Åse", "02"),
        ("byronada_12345_67890_02_exercises-1.ipynb", "byronada_12345", "02"),
        ("byronada_LATE_12345_67890_02_exercises.ipynb", "byronada_12345", "02"),
        ("Set 2_abyron_attempt_2026-03-01-10-00-00_02_exercises.ipynb", "abyron", "02"),
        ("Set 2_a_byron_attempt_2026-03-01-10-00-00_work.ipynb", "a_byron", "02"),
        ("02_exercises_a_byron_attempt_2026-03-01-10-00-00.ipynb", "a_byron", "02"),
        ("abyron/02_exercises.ipynb", "abyron", "02"),
        ("abyron/03_exercises/03_exercises.ipynb", "abyron", "03"),
        ("submitted/abyron/02_exercises/02_exercises.ipynb", "abyron", "02"),
        ("class of 2026/abyron/02_exercises.ipynb", "abyron", "02"),
        ("02_exercises (abyron).ipynb", "abyron", "02"),
        ("02_exercises_abyron.ipynb", "abyron", "02"),
        ("abyron_02_exercises.ipynb", "abyron", "02"),
        ("abyron/02_exercises (2).ipynb", "abyron", "02"),
        ("abyron/02_exercises.ipynb.txt", "abyron", "02"),
        ("abyron/Copy of 02 exercises.ipynb.json", "abyron", "02"),
        ("abyron/Untitled.ipynb", "abyron", "02"),
    ],
)
def test_names_are_understood(name, student, which, course, tmp_path):
    (found,) = find(zipped(tmp_path / "all.zip", {name: notebook()}), course)
    assert (found.student, found.set, found.problem) == (student, f"{which}_exercises", "")
    target = tmp_path / "as folders" / name
    target.parent.mkdir(parents=True)
    target.write_bytes(notebook())
    (found,) = find(tmp_path / "as folders", course)
    assert (found.student, found.set, found.problem) == (student, f"{which}_exercises", "")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("abyron/answers.pdf", "not a notebook"),
        ("02_exercises.ipynb", "whose it is"),
        ("02_exercises (1).ipynb", "whose it is"),
        ("abyron/work.ipynb", "which set"),
        ("../../abyron/02_exercises.ipynb", "leads out"),
        ("/abyron/02_exercises.ipynb", "leads out"),
        ("C:\\abyron\\02_exercises.ipynb", "leads out"),
        ("abyron/broken.zip", "cannot be opened"),
    ],
)
def test_what_is_not_understood_is_listed(name, words, course, tmp_path):
    (found,) = find(zipped(tmp_path / "all.zip", {name: b"{}"}), course)
    assert words in found.problem
    assert found.path


def test_with_a_set_the_files_name_is_the_student(course, tmp_path):
    path = zipped(tmp_path / "all.zip", {"alice.ipynb": notebook()})
    assert "whose it is: put it in a folder" in find(path, course)[0].problem
    assert find(path, course, "02_exercises")[0].student == "alice"


def test_the_latest_counts_and_nothing_is_lost(course, tmp_path):
    def run(files, *more):
        path = zipped(tmp_path / "all.zip", files)
        return main(["course", "collect", str(path), "--course", str(course.root), *more])

    inner = io.BytesIO()
    zipped(inner, {"02_exercises.ipynb": notebook("zip")})
    files = {
        "b_1_10_02_exercises.ipynb": notebook("1"),
        "b_1_11_02_exercises-2.ipynb": notebook("3"),
        "b_1_11_02_exercises-1.ipynb": notebook("2"),
        "Ada_5_assignsubmission_file_/02_exercises.ipynb": notebook("5"),
        "Ada_6_assignsubmission_file_/02_exercises.ipynb": notebook("6"),
        "Zoe_7_assignsubmission_file_/work.zip": inner.getvalue(),
        "__MACOSX/._x": b"",
        "Zoe_7_assignsubmission_file_/.DS_Store": b"",
    }
    assert run(files) == 0
    assert course.submissions("02_exercises") == ["Ada_5", "Ada_6", "Zoe", "b_1"]
    assert course.submission("b_1", "02_exercises").read_bytes() == notebook("3")
    assert run(files | {"b_1_12_02_exercises.ipynb": notebook("4")}) == 0
    assert course.submission("b_1", "02_exercises").read_bytes() == notebook("4")
    (before,) = (course.root / "submitted_before" / "b_1" / "02_exercises").iterdir()
    assert before.read_bytes() == notebook("3")
    shutil.rmtree(course.root / "submitted")


def test_names_that_come_out_the_same_are_told_apart(course, tmp_path):
    files = {f"{name}/02_exercises.ipynb": notebook(name) for name in ("A B", "A_B", "A-B")}
    found = find(zipped(tmp_path / "all.zip", files), course)
    assert len({one.student for one in found}) == 3
    assert not any(one.state for one in found)


def test_odd_names_become_safe():
    assert safe_id("../../etc") == "etc"
    assert safe_id("=cmd|' /C calc'!A0") == "cmd_C_calc_A0"
    assert safe_id(" Ada  Byron ") == "Ada_Byron"
    assert safe_id("...") == ""


# The commands


def told(arguments):
    """Return the arguments of a step as texts; tests may run as root, which grading asks about."""
    return [*map(str, arguments), *["--as-root"] * (arguments[0] == "grade")]


needs_nbgrader = pytest.mark.skipif(
    not shutil.which("nbgrader", path=str(Path(sys.executable).parent)), reason="no nbgrader here"
)


@needs_nbgrader
@in_sandbox
@pytest.mark.thorough
def test_the_page_for_instructors_can_be_followed(students, tmp_path, capsys, monkeypatch):
    downloads = tmp_path / "Downloads"
    downloads.mkdir()
    wanted = ("all_right", "syntax_error", "empty", "no_metadata", "blank", "copied_check")
    students = {name: students[name] for name in wanted}
    files = {
        f"{s.name.title()}_{i}_assignsubmission_file_/{s.file}": s.data
        for i, s in enumerate(students.values())
    }
    zipped(downloads / "submissions.zip", files | {"notes.txt": b"hello"})
    page = (ROOT / "docs" / "instructors.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```", page, re.M | re.S)
    assert len(blocks) >= 6
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"HOME": str(tmp_path), "PATH": path, "PYTHONPATH": str(ROOT)}

    def run(commands):
        return subprocess.run(["bash", "-euxc", commands], cwd=tmp_path, env=environment,
                              capture_output=True, text=True, timeout=300)  # fmt: skip

    done = run("".join(blocks).replace("course grade", "course grade --as-root"))
    assert done.returncode == 0, done.stderr
    assert "not understood: notes.txt: it is not a notebook" in done.stdout
    assert "6 submissions, 6 of them new or changed" in done.stdout
    root = tmp_path / "grading"
    rows = {}
    with open(root / "grades.csv", encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            rows[row["student"], row["set"]] = row
    for name, student in students.items():
        row = rows[name.title(), "02_exercises"]
        assert {k: float(row[k]) for k in student.points} == student.points
        assert float(row["total"]) == sum(student.points.values())
        assert row["max"] == "16.0"  # three of them are those of the own blank
        assert ("needs a human" in row["flags"]) == student.human
        page = root / "feedback" / name.title() / "02_exercises" / "02_exercises.html"
        text = page.read_text(encoding="utf-8")
        assert "HIDDEN TESTS" not in text
        assert "BEGIN SOLUTION" not in text
        assert "[[21.0, 27.0]]" not in text
    assert "open_02" in rows["All_Right", "02_exercises"]["waiting for a person"]
    assert rows["Blank", "02_exercises"]["waiting for a person"] == ""
    assert "linear_columns is still blank" in re.sub(r"\s+", " ", text) or name != "blank"
    report = (root / "report.html").read_text(encoding="utf-8")
    assert report.count("<img ") == report.count(' alt="') == 2
    for words in ("syntax error", "The file is empty.", "has lost its metadata", "Still blank"):
        assert words in report

    # Again: nothing to do. Then one file changes, and one stays unfinished.
    def step(*arguments):
        capsys.readouterr()
        status = main(["course", *told(arguments), "--course", str(root)])
        return capsys.readouterr().out if status == 0 else status

    file = root / "submitted/All_Right/02_exercises/02_exercises.ipynb"
    file.write_bytes(students["blank"].data)
    unfinished = root / "results" / "02_exercises" / "Blank.json"
    unfinished.write_text(unfinished.read_text()[:100])
    assert "6 submissions, 2 of them new or changed" in step("grade", "02")
    assert "1 pages written, 5 were up to date" in step("feedback", "02")
    assert "6 submissions, 0 of them new or changed" in step("grade")
    assert "6 submissions" not in step("grade", "02", "--student", "Blank")
    assert step("grade", "02", "--student", "nobody") == 1
    step("export", str(root / "grades.csv"))
    before = (root / "grades.csv").read_text()
    assert before.count(",03_exercises,0.0,20.0,0,0.0,,not submitted,") == 6

    # A stop in the middle keeps what is done.
    def stops(jobs, workers):
        yield next(iter(every(jobs, workers)))
        raise KeyboardInterrupt

    every = cli._graded_apart
    shutil.rmtree(root / "results")
    monkeypatch.setattr(cli, "_graded_apart", stops)
    assert step("grade", "02") == 130
    monkeypatch.setattr(cli, "_graded_apart", every)
    assert "6 submissions, 5 of them new or changed" in step("grade", "02")
    step("export", str(root / "grades.csv"))
    assert (root / "grades.csv").read_text() == before

    # nbgrader's own command takes the verdicts that are there, and stops where there are none.
    own = "cd grading; nbgrader autograde 02_exercises --student Syntax_Error --force"
    assert run(own).returncode == 0
    step("export", str(root / "grades.csv"))
    assert (root / "grades.csv").read_text() == before
    (root / "results" / "02_exercises" / "Syntax_Error.json").unlink()
    done = run(own)
    assert done.returncode
    assert "has not been graded in the sandbox" in done.stderr


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A course with set 02 released, into which every test puts students of its own."""
    pytest.importorskip("nbgrader")
    root = tmp_path_factory.mktemp("small") / "course"
    assert main(["course", "init", "--no-own", str(root)]) == 0
    assert main(["course", "release", "02", "--course", str(root)]) == 0
    return Course(root)


@pytest.fixture
def step(small, capsys):
    """Run a step of the small course; return its status and what it said."""

    def run(*arguments):
        capsys.readouterr()
        status = main(["course", *told(arguments), "--course", str(small.root)])
        said = capsys.readouterr()
        return status, said.out + said.err

    yield run
    shutil.rmtree(small.root / "submitted")
    for student in list(_rows(small)):
        with _gradebook(small) as book:
            book.remove_student(student)
    shutil.rmtree(small.root / "results", ignore_errors=True)


def _gradebook(course):
    from nnfromscratch.course import books

    return books._gradebook(course)


def _rows(course):
    from nnfromscratch.course import books

    _, rows = cli.table(course, books)
    return {row["student"]: row for row in rows if row["set"] == "02_exercises"}


def hand_in(course, student, data, name="02_exercises"):
    path = course.file("submitted", student, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@pytest.fixture
def quick(monkeypatch):
    """Grade without running anything: every check is passed, unless nothing could be read."""

    def all_right(examined, source, *more):
        verdicts = [
            {"grade_id": c.grade_id, "points": c.points, "maximum": c.points, "message": "right",
             "mistake": ""} for c in source.checks
        ]  # fmt: skip
        return {"verdicts": verdicts, "outputs": {}, "notes": []}

    monkeypatch.setattr(cli, "grade", all_right)
    monkeypatch.setattr(cli, "sandbox_works", lambda: "")


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVa&#115;cript:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](&amp;#106;avascript:alert(1))",
    "[x](javascript&amp#58;alert(1))",
    "[x](java&Tab;script:alert(1))",
    "[x](javascript\\:alert(1))",
    "[x][y]\n\n[y]: javascript:alert(1)",
    "![x](/logout)",
    "$\\href{javascript:alert(1)}{x}$",
]


@needs_nbgrader
def test_an_answer_in_words_cannot_reach_the_formgrader(small, step, quick):
    """The formgrader runs inside Jupyter: a script in it could start kernels."""
    from nbconvert.exporters import HTMLExporter
    from nbgrader.server_extensions.formgrader import handlers
    from traitlets.config import Config

    book = simulated_class.Book()
    book["open_02"]["source"] = "\n\n".join(HOSTILE)
    for kind in ("markdown", "raw"):
        book.add("\n\n".join(HOSTILE))
        book.cells[book.place("open_02") + 1] |= {"cell_type": kind}
    hand_in(small, "eve", book.data)
    assert step("grade")[0] == 0
    settings = Config()
    settings.HTMLExporter.template_name = "formgrade"
    settings.HTMLExporter.extra_template_basedirs = [handlers.template_path]
    names = ("assignment_id", "notebook_id", "submission_id", "student", "notebook_path")
    resources = dict.fromkeys((*names, "first_name", "last_name", "base_url"), "")
    path = small.file("autograded", "eve", "02_exercises")
    page, _ = HTMLExporter(config=settings).from_filename(
        str(path), resources=resources | {"index": 0, "total": 1}
    )
    page = page[page.index("About") if "About" in page else 0 :]
    assert page.count("alert(1)") > 10
    assert not re.search(r"<script>alert|<img [^>]*(onerror|logout)|\\href", page)
    assert not re.search(r'(?i)href="\s*j\s*a\s*v\s*a\s*s\s*c\s*r\s*i\s*p\s*t', page)
    assert HOSTILE[0].encode() in small.submission("eve", "02_exercises").read_bytes()


@needs_nbgrader
def test_a_student_who_leaves_stops_no_feedback(small, step, quick):
    for name in ("ada", "kim"):
        hand_in(small, name, simulated_class.Book().data)
    assert step("grade")[0] == 0
    shutil.rmtree(small.root / "submitted" / "kim")
    with _gradebook(small) as book:
        book.remove_student("kim")
    assert "do you mean ada?" in step("grade", "--student", "adda")[1]
    status, said = step("feedback")
    assert status == 0
    assert "1 pages written" in said
    assert "kim" not in _rows(small)
    hand_in(small, "kim", simulated_class.Book().data)
    assert "2 submissions, 1 of them new or changed" in step("grade")[1]
    assert _rows(small)["kim"]["total"] == 10


def test_a_student_whose_files_cannot_be_written_stops_no_other(small, step, quick):
    for name in ("una", "vic"):
        hand_in(small, name, simulated_class.Book().data)
    shutil.rmtree(small.root / "mended", ignore_errors=True)
    (small.root / "mended").mkdir()
    (small.root / "mended" / "una").write_text("no folder")
    status, said = step("grade")
    assert (status, "not graded: 02_exercises, una" in said) == (1, True)
    assert _rows(small)["vic"]["total"] == 10
    (small.root / "mended" / "una").unlink()
    assert step("grade")[0] == 0
    shutil.rmtree(small.root / "autograded" / "una")
    status, said = step("feedback", "02")
    assert (status, "1 pages written" in said) == (1, True)
    assert "no page: " in said
    assert small.file("feedback", "vic", "02_exercises", "html").exists()


def test_another_check_makes_what_was_graded_due_again(small, step, quick, monkeypatch):
    hand_in(small, "ada", simulated_class.Book().data)
    assert "1 of them new or changed" in step("grade")[1]
    assert "0 of them new or changed" in step("grade")[1]
    monkeypatch.setattr(layout, "checks_digest", lambda: b"another version of the package")
    assert "1 of them new or changed" in step("grade")[1]


@pytest.mark.parametrize("column", ["02=Points", "02"])
def test_a_column_of_no_gradebook_is_refused(column, small, step):
    hand_in(small, "ada", simulated_class.Book().data)
    status, said = step("export", small.root / "grades.csv", "--column", column)
    assert (status, "--column names a set's column" in said) == (1, True)


OTHERS = {
    "set 03": (ROOT / "notebooks" / "exercises" / "03_exercises.ipynb", "looks like 03_exercises"),
    "lesson": (ROOT / "notebooks" / "02_one_forward_pass.ipynb", "No blank of this set was found"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_the_wrong_notebook_waits_for_a_person(kind, course, home, tmp_path):
    path, words = OTHERS[kind]
    student = simulated_class.Student("x", path.read_bytes(), tuple(simulated_class.POINTS))
    result, _ = graded(student, home, course, tmp_path)
    assert result["human"]
    ((_, sentence),) = [f for f in result["findings"] if f[0] == "wrong notebook"]
    assert words in sentence
    assert all(sentence in verdict["message"] for verdict in result["verdicts"])


def test_a_few_blanks_are_graded_and_wait_for_a_person(course, home, tmp_path):
    book = simulated_class.Book()
    lost = [name for name in simulated_class.POINTS if name not in ("leaky", "linear_columns")]
    for name in lost:
        book.cells.remove(book[name])
    student = simulated_class.Student("x", book.data, tuple(lost), human=True)
    result, _ = graded(student, home, course, tmp_path)
    assert_as_expected(student, result)
    assert "Only 2 of 5 blanks" in result["findings"][0][1]


@pytest.mark.parametrize("kept", [1.0, 0.7])
def test_what_is_whole_in_a_damaged_file_is_graded(kept, course, home, tmp_path):
    """A file that lacks its end: a brace, or the last cells too."""
    data = simulated_class.Book().data
    data = data[: min(len(data) - 1, int(kept * len(data)))]
    lost = [n for n in simulated_class.POINTS if f"def {n}(".encode() not in data]
    lost = ["forward_folded"] if lost else []
    student = simulated_class.Student("x", data, tuple(lost), found=("unreadable",), human=True)
    result, _ = graded(student, home, course, tmp_path)
    assert_as_expected(student, result)
    assert len(lost) == (kept < 1)


def test_the_solution_notebooks_answers_are_recognized(course, home, tmp_path):
    data = course.source_file(simulated_class.SET).read_bytes()
    result, _ = graded(simulated_class.Student("x", data), home, course, tmp_path)
    found = [words for kind, words in result["findings"] if kind == "published solution"]
    assert "has the marks of a solution notebook" in found[0]
    assert found[-1] == "forward_folded: line by line the solution notebook's."
    data = re.sub(rb"### (BEGIN|END) SOLUTION", b"# mine", data)
    examined = examine(data, course.source(simulated_class.SET))
    assert ("published solution", found[-1]) in examined.findings
    examined = examine(simulated_class.Book().data, course.source(simulated_class.SET))
    assert examined.findings == []


@needs_nbgrader
def test_what_was_graded_before_it_changed_says_so(small, step, quick):
    for name in ("ada", "bob"):
        hand_in(small, name, simulated_class.Book().data)
    assert step("grade")[0] == 0
    assert "not graded" not in step("export", small.root / "grades.csv")[1]
    hand_in(small, "ada", simulated_class.Book(leaky="return z").data)
    hand_in(small, "new", simulated_class.Book().data)
    flags = {student: row["flags"] for student, row in _rows(small).items()}
    assert "not graded yet" in flags["ada"]
    assert flags["bob"] == ""
    assert flags["new"] == "not graded yet"
    for arguments in (("export", small.root / "grades.csv"), ("report",), ("feedback",)):
        said = step(*arguments)[1]
        assert "1 changed and 1 new submissions are not graded" in said, said


@needs_nbgrader
def test_a_file_that_cannot_be_read_stops_nobody(small, step, quick, monkeypatch):
    def refusing(kind):
        def opened(path, *more):
            if "bob" in Path(path).parts:
                raise PermissionError(13, "Permission denied", str(path))
            return kind(path, *more)

        return opened

    for name in ("ada", "bob"):
        hand_in(small, name, simulated_class.Book().data)
    monkeypatch.setattr(layout, "open", refusing(open), raising=False)
    for lost in ("file", "folder"):
        if lost == "folder":
            monkeypatch.setattr(Path, "iterdir", refusing(Path.iterdir))
        status, said = step("grade")
        assert (status, "02_exercises: 2 submissions" in said) == (1, True)
        assert "not graded: 02_exercises, bob: cannot be read: Permission denied" in said
        for arguments in (("export", small.root / "grades.csv"), ("report",), ("feedback",)):
            status, said = step(*arguments)
            assert (status, "0 changed and 1 new submissions are not" in said) == (0, True), said
        assert [_rows(small)[s]["flags"] for s in ("ada", "bob")] == ["", "not graded yet"]


@needs_nbgrader
def test_a_course_is_changed_by_one_command_at_a_time(small, step, quick):
    import fcntl

    for name in ("ada", "bob"):
        hand_in(small, name, simulated_class.Book().data)
    with open(small.root / ".in_use", "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        words = "another release, collect or grade is running in this course: wait until it ends"
        for command in (["grade"], ["release", "02"], ["collect", small.root / "submitted"]):
            assert step(*command) == (1, f"course: {words}\n")
    with contextlib.closing(sqlite3.connect(small.root / "gradebook.db")) as book:
        book.execute("BEGIN IMMEDIATE")
        words = f"{small.root / 'gradebook.db'} is in use: close the formgrader, run again"
        assert step("grade") == (1, f"course: {words}\n")
        book.rollback()
    assert "2 submissions, 2 of them new or changed" in step("grade")[1]


@needs_nbgrader
def test_what_is_late_loses_points_where_they_are_exported(small, step, quick, tmp_path):
    for name in ("ada", "bob", "eve"):
        hand_in(small, name, simulated_class.Book().data)
    assert step("grade")[0] == 0
    (full,) = {row["total"] for row in _rows(small).values()}
    rules = small.root / "late.toml"
    rules.write_text("percent_a_day = 10\nlast_day = 5\n[days.02]\nbob = 2\neve = 9\nAda = 1\n")
    try:
        rows = _rows(small)
        for name in (("export", "--sum", tmp_path / "sums.csv"), ("feedback",), ("report",)):
            status, said = step(*name)
            assert (status, "'Ada' is no student's id; do you mean ada?" in said) == (0, True)
    finally:
        rules.unlink()
    most = rows["bob"]["max"]
    assert [rows[s]["total"] for s in ("ada", "bob", "eve")] == [full, full - 0.2 * most, 0]
    assert [rows[s]["days late"] for s in ("ada", "bob", "eve")] == [0, 2, 9]
    assert rows["bob"]["lost by it"] == 0.2 * most
    pages = [small.file("feedback", s, "02_exercises", "html").read_text() for s in ("ada", "bob")]
    lost = f"2 days late: {0.2 * most:g} points are taken off."
    assert [lost in page for page in pages] == [False, True]
    assert 'href="#check_leaky">leaky</a> (Score:' in pages[0]
    assert "2 pages written, 1 were up to date" in step("feedback")[1]  # the rule is gone
    with open(tmp_path / "sums.csv", encoding="utf-8-sig", newline="") as file:
        sums = {row["student"]: row for row in csv.DictReader(file)}
    assert [*sums["bob"]] == ["student", "02_exercises", "sum", "max", "waiting for a person"]
    assert float(sums["bob"]["sum"]) == rows["bob"]["total"]
    assert sums["bob"]["waiting for a person"].startswith("02_exercises: ")


@needs_nbgrader
def test_a_part_of_the_points_reaches_tables_page_and_report(small, step, quick, monkeypatch):
    all_right = cli.grade

    def partly(examined, source, *more):
        result = all_right(examined, source)
        if source.checks[0].partial:  # not when the set's own solution is tried
            result["verdicts"][0] |= {"points": 0.5, "mistake": "m", "message": "Half is right."}
        return result

    monkeypatch.setattr(cli, "grade", partly)
    hand_in(small, "ada", simulated_class.Book().data)
    rules, option = small.root / "late.toml", small.root / "grading.toml"
    rules.write_text("percent_a_day = 10\n[days.02]\nada = 1\n")
    option.write_text("partial_credit = true\n")
    try:
        for name in ("grade", "feedback", "report"):
            assert step(name)[0] == 0
        row = _rows(small)["ada"]
    finally:
        rules.unlink()
        option.unlink()
    assert row["check_linear_columns"] == 0.5
    checks = sum(simulated_class.POINTS.values()) - simulated_class.POINTS["linear_columns"] + 0.5
    assert row["total"] == checks - 0.1 * row["max"]
    page = small.file("feedback", "ada", "02_exercises", "html").read_text()
    assert re.search(r"0\.5 of \d points", page)
    assert "Half is right." in page
    report = (small.root / "report.html").read_text(encoding="utf-8")
    assert "linear_columns solved by 0" in report
    assert "given a part of the points: linear_columns (1)" in report
    assert f"from {checks:g} to {checks:g} of" in report


@needs_nbgrader
def test_moodle_takes_the_pages_back_in_its_own_folders(small, step, quick, tmp_path):
    path = zipped(tmp_path / "s.zip", {
        "Åse Ng_12_assignsubmission_file_/02_exercises.ipynb": simulated_class.Book().data
    })  # fmt: skip
    assert step("collect", path)[0] == 0
    hand_in(small, "by_hand", simulated_class.Book().data)
    assert step("grade")[0] == 0
    status, said = step("feedback", "02", "--moodle", tmp_path / "back.zip")
    assert (status, "not from Moodle, so not in it: by_hand" in said) == (0, True)
    with zipfile.ZipFile(tmp_path / "back.zip") as archive:
        assert archive.namelist() == ["Åse Ng_12_assignsubmission_file_/02_exercises_feedback.html"]
        page = small.file("feedback", "Åse_Ng", "02_exercises", "html").read_bytes()
        assert archive.read(archive.namelist()[0]) == page
    status, said = step("feedback", "02", "--moodle", tmp_path)
    assert (status, f"course: {tmp_path}: Is a directory" in said) == (1, True)


@needs_nbgrader
def test_an_anonymous_report_names_nobody(small, step, quick):
    book = simulated_class.Book()
    book.add("x = (")
    hand_in(small, "Ada_Byron", book.data, "02_exercises")
    hand_in(small, "Bob_Ng", b"{", "02_exercises")
    assert step("grade")[0] == 0
    pages = []
    for more in ((), ("--anonymous",)):
        assert step("report", "--out", small.root / "r.html", *more)[0] == 0
        pages.append((small.root / "r.html").read_text(encoding="utf-8"))
    assert ["Ada_Byron" in page for page in pages] == [True, False]
    assert ["Bob_Ng" in page for page in pages] == [True, False]
    assert "<td>needs a human: unreadable</td>" in pages[1]


@needs_nbgrader
def test_points_that_change_after_the_release(small, step, quick):
    path = small.source_file("02_exercises")
    before = path.read_text(encoding="utf-8")
    for name in ("ada", "bob"):
        hand_in(small, name, simulated_class.Book().data)
    try:
        assert step("grade")[0] == 0
        source = json.loads(before)
        for cell in source["cells"]:
            if cell["metadata"].get("nbgrader", {}).get("grade_id") == "check_leaky":
                cell["metadata"]["nbgrader"]["points"] += 4
        path.write_text(json.dumps(source), encoding="utf-8")
        status, said = step("grade", "--student", "bob")
        assert status == 1
        assert "check_leaky: 1 points in the release, 5 points in source" in said
        assert "`nnfromscratch course release 02_exercises`, then `grade`" in said
        assert {row["max"] for row in _rows(small).values()} == {13.0}
        assert step("release", "02")[0] == 0
        assert "2 submissions, 2 of them new or changed" in step("grade")[1]
        rows = _rows(small)
        assert {(row["check_leaky"], row["max"]) for row in rows.values()} == {(5.0, 17.0)}
    finally:
        path.write_text(before, encoding="utf-8")
        assert step("release", "02")[0] == 0


@needs_nbgrader
def test_an_answer_that_was_read_does_not_come_back(small, step, quick):
    book = simulated_class.Book()
    book["open_02"]["source"] = "About ln 10 < 3."
    hand_in(small, "ada", book.data)
    assert step("grade")[0] == 0
    assert "1 of the pages show 0 points" in step("feedback")[1]
    with _gradebook(small) as grades:
        grade = grades.find_grade("open_02", "02_exercises", "02_exercises", "ada")
        grade.manual_score, grade.needs_manual_grade = 2, False
        grades.db.commit()
    assert "of the pages show" not in step("feedback")[1]
    book["leaky"]["source"] += "\n# once more"
    hand_in(small, "ada", book.data)
    assert step("grade")[0] == 0
    row = _rows(small)["ada"]
    assert (row["open_02"], row["waiting for a person"]) == (2, "")
    book["open_02"]["source"] = "Another answer."
    hand_in(small, "ada", book.data)
    assert step("grade")[0] == 0
    row = _rows(small)["ada"]
    assert (row["open_02"], row["waiting for a person"]) == (2, "open_02")


def test_namesakes_of_two_downloads_are_told_apart(tmp_path, capsys):
    course = init(tmp_path / "course", None)

    def run(*numbers, mark=""):
        name = "Anna Right_{}_assignsubmission_file_/02_exercises.ipynb"
        files = {name.format(n): notebook(f"{n}{mark}") for n in numbers}
        path = zipped(tmp_path / "all.zip", files)
        assert main(["course", "collect", str(path), "--course", str(course.root)]) == 0
        return capsys.readouterr().out

    def there():
        names = course.submissions("02_exercises")
        return {name: course.submission(name, "02_exercises").read_bytes() for name in names}

    run(101)
    assert "a namesake, taken as Anna_Right_108" in run(108)
    both = {"Anna_Right": notebook("101"), "Anna_Right_108": notebook("108")}
    assert there() == both
    run(101, 108)
    assert there() == both
    said = run(108, mark="again")
    assert "02_exercises: 1 changed (Anna_Right_108)" in said
    assert there() == both | {"Anna_Right_108": notebook("108again")}
    shutil.rmtree(course.root / "submitted")
    run(101, 108)
    run(108, mark="again")
    assert there() == {"Anna_Right_101": notebook("101"), "Anna_Right_108": notebook("108again")}


def test_a_set_and_its_variant_are_told_apart(tmp_path, capsys):
    course = init(tmp_path / "course", None)
    variant = course.root / "source" / "week_2" / "week_2.ipynb"
    variant.parent.mkdir()
    shutil.copy(course.source_file("02_exercises"), variant)
    (course.root / "source" / "empty").mkdir()
    files = {"ada/Homework final (1).ipynb": notebook()}
    path = zipped(tmp_path / "all.zip", files)
    (found,) = find(path, course)
    assert found.problem == "it could be 02_exercises or week_2 (name it with --set)"
    released = course.root / "release" / "week_2" / "week_2.ipynb"
    released.parent.mkdir(parents=True)
    shutil.copy(variant, released)
    (found,) = find(path, course)
    assert (found.set, found.problem) == ("week_2", "")
    here = ("--course", str(course.root))
    assert main(["course", "collect", str(path), "--set", "02", *here]) == 0
    assert "02_exercises is not released, so `grade` leaves these out" in capsys.readouterr().out
    assert main(["course", "release", "empty", *here]) == 1
    assert "a set is a folder with a notebook of its name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "only", "words"),
    [
        ("ada/02_exercises.ipynb", "03_exercises", "its name says 02_exercises; taken as 03"),
        ("ada/work.ipynb", "03_exercises", "it looks like 02_exercises; taken as 03"),
        ("ada/03_exercises.ipynb", None, "it looks like 02_exercises; taken as 03"),
        ("ada/03_exercises.ipynb", "02_exercises", ""),
    ],
)
def test_a_file_that_looks_like_another_set_is_pointed_out(name, only, words, course, tmp_path):
    (found,) = find(zipped(tmp_path / "all.zip", {name: notebook()}), course, only)
    assert words in found.warning
    assert bool(words) == bool(found.warning)


def test_the_semester_has_the_lessons_own_times():
    times = {}
    for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        said = re.search(r"Time to read:\*\* (\d+) minutes", path.read_text(encoding="utf-8"))
        times[path.name[:2]] = int(said[1])
    page = (ROOT / "docs" / "instructors.md").read_text(encoding="utf-8")
    weeks = re.findall(r"^\| \d+ \| (\d\d .+?) \| (\d+) \|", page, re.M)
    assert len(weeks) == 13
    seen = []
    for lessons, minutes in weeks:
        numbers = re.findall(r"\b(\d\d) ", lessons)
        assert int(minutes) == sum(times[number] for number in numbers), lessons
        seen += numbers
    assert seen == sorted(times)


def test_without_bubblewrap_it_says_so(course, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(cli, "_books", lambda: None)
    monkeypatch.setattr(cli, "sandbox_works", lambda: "bubblewrap is not installed")
    assert main(["course", *told(["grade"]), "--course", str(course.root)]) == 1
    said = capsys.readouterr().err
    assert "bubblewrap is not installed" in said
    assert "--no-sandbox" in said


def test_without_nbgrader_it_says_so(course, monkeypatch, capsys):
    for name in [n for n in sys.modules if n.split(".")[0] == "nbgrader"] + ["nbgrader"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "nnfromscratch.course.books", raising=False)
    monkeypatch.delattr("nnfromscratch.course.books", raising=False)
    assert main(["course", "release", "02", "--course", str(course.root)]) == 1
    assert "pip install 'nnfromscratch[teach]'" in capsys.readouterr().err


def test_wrong_use_is_explained(course, monkeypatch, capsys, tmp_path):
    def said(*arguments):
        assert main(["course", *told(arguments)]) == 1
        return capsys.readouterr().err

    here = ("--course", course.root)
    monkeypatch.setattr(cli, "_books", lambda: None)
    monkeypatch.setattr(cli, "sandbox_works", lambda: "")
    assert "is not a course" in said("export", "x.csv", "--course", tmp_path)
    assert main(["course", "init", str(course.root)]) == 0
    assert "was there already" in (words := capsys.readouterr().out)
    assert "14_exercises, 15_exercises (practice), 16_exercises" in words
    assert "there is no set '77'" in said("release", "77", *here)
    assert "does not exist" in said("collect", tmp_path / "none", *here)
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "one.ipynb").write_bytes(b"{}")
    words = "put it in a folder with the student's name"
    assert words in said("collect", tmp_path / "ada" / "one.ipynb", *here)
    assert "is a folder" in said("export", tmp_path, *here)
    assert "must be 1 or more" in said("grade", "--workers", 0, *here)
    assert "nothing is released yet" in said("grade", *here)
    assert "is not released" in said("grade", "02", *here)
    assert "no solution notebooks" in said("init", tmp_path / "a", "--solutions", tmp_path)
    (tmp_path / "file").write_text("")
    assert "is a file" in said("init", tmp_path / "file")
    with pytest.raises(CourseError, match="is missing"):
        Course(course.root).source_file("99")


# Each submission in a process of its own


def _work(name, left_out, at):
    """Do what a name says, as a file might that does something to the grader."""
    if name == "reading" and "" not in left_out:
        os.kill(os.getpid(), 9)
    verdicts = []
    for check in ("one", "two", "three"):
        if check in left_out:
            verdicts.append(left_out[check])
            continue
        at(check)
        if check == "two" and name == "memory":
            verdicts.append(len(bytearray(2 * apart.MEMORY)))
        if check == "two" and name in ("kill", "huge"):
            os.kill(os.getpid(), 9) if name == "kill" else verdicts.append("x" * 2000)
        if check != "one" and name == "asleep":
            time.sleep(60)
        if check == "two" and name == "busy":
            while True:
                pass
        verdicts.append("fine")
    if name == "fail":
        raise CourseError("no good")
    return verdicts


def test_whatever_a_file_does_to_the_grader_all_are_graded(monkeypatch):
    monkeypatch.setattr(apart, "SECONDS", 6)  # "busy" ends before, on a busy machine too
    monkeypatch.setattr(apart, "PROCESSOR", 0)
    monkeypatch.setattr(apart, "LARGEST_RESULT", 1000)
    names = ["a", "reading", "kill", "memory", "b", "huge", "asleep", "busy", "fail", "c"]
    done = dict(apart.each({name: (name,) for name in names}, 2, _work))
    assert list(done["a"]) == list(done["b"]) == list(done["c"]) == ["fine"] * 3
    assert done["reading"] == ["fine"] * 3
    assert done["kill"] == ["fine", "was killed", "fine"]
    assert done["memory"] == ["fine", "needed more than 1 GB", "fine"]
    assert done["busy"] == ["fine", "needed more than 0 s", "fine"]
    late = "did not come to an end in 6 s"
    assert done["asleep"] == ["fine", late, late]
    assert "no good" in str(done["fail"])
    assert "more to say than a result can be" in str(done["huge"])
    assert not multiprocessing.active_children()


def test_an_interrupt_ends_the_processes(monkeypatch):
    for _ in apart.each({name: (name,) for name in ("a", "asleep", "b")}, 2, _work):
        break
    assert not multiprocessing.active_children()


def test_a_check_that_ends_the_grader_costs_its_own_points_alone(home, course, students, tmp_path):
    path = tmp_path / "02_exercises.ipynb"
    path.write_bytes(students["all_right"].data)
    source = course.source_file(simulated_class.SET)
    lost = Source(json.loads(source.read_text())).checks[1]
    arguments = path, source, home, SHORT, not NO_SANDBOX, b"a seed"
    result, _ = cli.grade_file(*arguments, {lost.grade_id: "was killed"})
    points = {v["grade_id"]: v["points"] for v in result["verdicts"]}
    assert points == students["all_right"].points | {lost.grade_id: 0}
    assert result["human"]
    result, _ = cli.grade_file(*arguments, {"": "was killed"})
    assert {v["mistake"] for v in result["verdicts"]} == {"unreadable"}
    assert "The grader was killed while it read the file" in result["verdicts"][0]["message"]
    assert result["human"]


def test_many_slow_cells_have_a_time_together(home):
    slow = [
        (f"cell-{i}", f"import time\ntime.sleep(0.9)\ndef f{i}(): return {i}") for i in range(8)
    ]
    limits = replace(SHORT, cell_seconds=1.5, cells_seconds=2.0)
    session = Session(slow, starter(home, limits, not NO_SANDBOX), limits)
    begin = time.monotonic()
    asking = Asking(session, Check("t", 1.0, "", ("f0", "f7")), [])
    assert asking.known["f7"]() == 7
    session.lose()
    assert time.monotonic() - begin < 60


def test_root_is_asked_whether_that_is_meant(small, capsys, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert main(["course", "grade", "--course", str(small.root)]) == 1
    assert "say --as-root" in capsys.readouterr().err


@needs_nbgrader
@in_sandbox
def test_a_check_that_its_own_solution_fails_takes_nobodys_points(tmp_path, capsys):
    root = tmp_path / "course"
    assert main(["course", "init", str(root)]) == 0
    source = root / "source" / "02_exercises" / "02_exercises.ipynb"
    right, line = source.read_text(), "### BEGIN HIDDEN TESTS\\n"
    source.write_text(right.replace(line, line + '",\n    "assert False\\n', 1))
    assert main(["course", "release", "02", "--course", str(root)]) == 1
    assert "its own solution fails" in capsys.readouterr().err
    source.write_text(right)
    (root / "students.csv").write_text("id,first_name,last_name,email\nada,Ada,Byron,a@b.org")
    assert main(["course", "release", "02", "--course", str(root)]) == 0
    assert not Course(root).given_own("02_exercises"), "a list counts where it is named alone"


@needs_nbgrader
def test_the_archive_for_students_holds_no_solution(small, capsys, monkeypatch):
    monkeypatch.setattr(cli, "_own_solution_passes", lambda *arguments: None)
    (small.root / "source" / "02_exercises" / "data.csv").write_text("1,2")
    assert main(["course", "release", "02", "--zip", "--course", str(small.root)]) == 0
    path = small.root / "release" / "02_exercises.zip"
    assert f"{path}: give this to the students" in capsys.readouterr().out
    with zipfile.ZipFile(path) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert set(texts) == {
        "02_exercises/START.txt",
        "02_exercises/02_one_forward_pass.ipynb",
        "02_exercises/exercises/02_exercises.ipynb",
        "02_exercises/exercises/data.csv",
    }
    released = texts["02_exercises/exercises/02_exercises.ipynb"]
    assert "raise NotImplementedError" in released
    assert not re.search("BEGIN (SOLUTION|HIDDEN)", "".join(texts.values()))
    secret = secrets(small.source("02_exercises").notebook)
    assert not [line for line in secret if len(line) > 30 and line in released]
    assert "02_one_forward_pass.ipynb, running" in texts["02_exercises/START.txt"]
    (small.root / "source" / "02_exercises" / "data.csv").unlink()


def test_a_link_is_nobodys_submission(small, tmp_path):
    there = small.file("submitted", "ada", "02_exercises")
    hand_in(small, "ada", b"{}")
    assert small.submission("ada", "02_exercises") == there
    other = small.file("submitted", "eve", "02_exercises")
    other.parent.mkdir(parents=True)
    other.symlink_to(there)
    (small.root / "submitted" / "bob").symlink_to(there.parents[1])
    assert small.submissions("02_exercises") == ["ada"]
    shutil.rmtree(small.root / "submitted")
