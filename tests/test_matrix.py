"""The matrix of settings: what is run again, and what is kept."""

import json
import subprocess
from pathlib import Path

import pytest

from tools import matrix

FOUND = {"kernel": "Haswell", "threads": 1, "features": [], "numpy": "2.4", "matplotlib": "3.11"}
SETTING = matrix.Setting("OpenBLAS Haswell, 1 thread", {}, kernel="Haswell")


@pytest.fixture
def ran(monkeypatch):
    """Return a list of what is run, in place of running it; the first time a lesson differs."""
    calls = []

    def run(setting, tests, chosen):
        calls.append((len(tests) > 0, sorted(chosen)))
        differing = {lesson: [] for lesson in chosen}
        if len(calls) == 1:
            differing[min(chosen)] = ["cell 3: differs"]
        spread = {lesson: {} for lesson in chosen}
        return matrix.Outcome(9, [], differing, spread)

    monkeypatch.setattr(matrix, "probe", lambda setting: FOUND)
    monkeypatch.setattr(matrix, "run", run)
    return calls


def test_only_what_changed_or_went_wrong_is_run_again(ran, monkeypatch):
    package, lessons = matrix.sources()
    first, *rest = sorted(lessons)
    kept, wrong = matrix.bring_up_to_date(SETTING, {}, True)
    assert wrong == ["cell 3: differs"]
    assert "| 9 of 9 pass |" in matrix.row("a", kept)
    assert "| 1 |" in matrix.row("a", kept)
    kept, wrong = matrix.bring_up_to_date(SETTING, kept, True)
    assert not wrong
    assert "| 0 |" in matrix.row("a", kept)
    again, _ = matrix.bring_up_to_date(SETTING, kept, True)
    assert again == kept
    monkeypatch.setattr(matrix, "sources", lambda: (package, lessons | {rest[3]: "changed"}))
    again, _ = matrix.bring_up_to_date(SETTING, kept, True)
    assert matrix.row("a", again) != matrix.row("a", kept)
    monkeypatch.setattr(matrix, "sources", lambda: ("new", dict.fromkeys(lessons, "new")))
    _, _ = matrix.bring_up_to_date(SETTING, kept, True)
    assert ran == [(True, sorted(lessons)), (False, [first]), (False, [rest[3]]),
                   (True, sorted(lessons))]  # fmt: skip


def test_a_run_keeps_how_far_numbers_scatter(monkeypatch):
    report = """<testsuites><testcase classname="a.b.ipynb" name="Cell 3"><properties>
        <property name="largest relative difference" value="0.02" /></properties></testcase>
        <testcase classname="a.b.ipynb" name="Cell 4" /></testsuites>"""

    def pretend(command, **settings):
        path = next(word for word in command if word.startswith("--junitxml="))
        Path(path.removeprefix("--junitxml=")).write_text(report, encoding="utf-8")
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(matrix.subprocess, "run", pretend)
    outcome = matrix.run(SETTING._replace(environment=matrix.variables(1)), [], ["a/b.ipynb"])
    assert outcome.spread == {"a/b.ipynb": {"Cell 3": 0.02}}


def test_the_page_lists_the_largest_difference_of_each_cell():
    def result(**spread):
        lesson = {"source": "x", "compared": 9, "differing": 0}
        return {"in use": "", "lessons": {"a/07_b.ipynb": lesson | {"spread": spread}}}

    results = {"one": result(c3=0.01, c4=0.002), "two": result(c3=0.03), "three": result()}
    assert matrix.spreads(results) == [
        ("a/07_b.ipynb", "c3", 0.03, "two"),
        ("a/07_b.ipynb", "c4", 0.002, "one"),
    ]
    assert "| 07_b | c3 | 0.03 | two |\n| 07_b | c4 | 0.002 | one |\n" in matrix.page(results)
    assert "scatter" not in matrix.page({"three": result()})
    del results["three"]["lessons"]["a/07_b.ipynb"]["spread"]  # kept from before they were noted
    assert len(matrix.spreads(results)) == 2


def test_tolerances_and_the_data_of_figures_count(monkeypatch):
    before = matrix.sources()[1]
    notebooks = matrix.executed()
    first, second = sorted(notebooks)[:2]
    cells = [next(c for c in notebooks[n].cells if c.get("outputs")) for n in (first, second)]
    cells[0].metadata["tags"] = ["within-5-percent"]
    cells[1].outputs[0]["data"] = {matrix.nbcompare.MIME: {"axes": ["changed"]}}
    monkeypatch.setattr(matrix, "executed", lambda: notebooks)
    after = matrix.sources()[1]
    assert [lesson for lesson in before if before[lesson] != after[lesson]] == [first, second]


def test_other_versions_make_everything_old(ran, monkeypatch):
    kept, _ = matrix.bring_up_to_date(SETTING, {}, True)
    monkeypatch.setattr(matrix, "probe", lambda setting: FOUND | {"numpy": "2.5"})
    matrix.bring_up_to_date(SETTING, kept, True)
    assert ran[0] == ran[1]


def test_a_kernel_that_is_not_there(ran, monkeypatch):
    kept, wrong = matrix.bring_up_to_date(SETTING._replace(kernel="Zen"), {}, True)
    assert kept == {"in use": "this OpenBLAS takes Haswell for it"}
    assert not wrong
    monkeypatch.setattr(matrix, "probe", lambda setting: None)
    kept, _ = matrix.bring_up_to_date(SETTING, {}, True)
    assert "cannot" in matrix.row("a", kept)
    assert not ran


def test_what_another_processor_has_found_stays(ran, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(matrix, "RESULTS", tmp_path / "matrix.json")
    monkeypatch.setattr(matrix, "PAGE", tmp_path / "matrix.md")
    other = {"in use": "elsewhere", "lessons": {}}
    matrix.RESULTS.write_text(json.dumps({"only there": other, "b": other}))
    settings = [SETTING._replace(name="a"), SETTING._replace(name="b", kernel="Zen")]
    monkeypatch.setattr(matrix, "settings", lambda: settings)
    matrix.main([])
    kept = json.loads(matrix.RESULTS.read_text())
    assert list(kept) == ["a", "b", "only there"]
    assert kept["b"] == kept["only there"] == other


def test_texts_count_and_prose_does_not(monkeypatch):
    package, before = matrix.sources()
    notebooks = matrix.executed()
    first, second = sorted(notebooks)[:2]
    for cell in notebooks[first].cells:
        if cell.cell_type == "markdown":
            cell.source += " More prose."
    cell = next(c for c in notebooks[second].cells if c.cell_type == "code" and c.outputs)
    cell.outputs[0]["text"] = "other"
    monkeypatch.setattr(matrix, "executed", lambda: notebooks)
    assert matrix.sources()[0] == package
    after = matrix.sources()[1]
    assert [lesson for lesson in before if before[lesson] != after[lesson]] == [second]


def test_what_a_notebook_imports_counts(monkeypatch, tmp_path):
    unit, lessons = matrix.sources()
    assert any(path.name == "test_layers.py" for path in matrix.unit_test_files())
    monkeypatch.setattr(matrix, "unit_test_files", lambda: [tmp_path / "shapes.py"])
    package = {
        "__init__.py": "from .shapes import check",
        "shapes.py": "def check(): from . import rules",
        "rules.py": "",
        "course/grade.py": "import nnfromscratch",
        "distributed.py": "",
        "exercises/clinic.py": "",
    }
    for name, text in package.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert matrix.sources()[0] != unit
    assert matrix.sources()[1] == lessons
    monkeypatch.setattr(matrix, "PACKAGE", tmp_path)
    sets = {name for name in lessons if "/solutions/" in name}
    for name, who in (
        ("shapes.py", {*lessons}),
        ("rules.py", {*lessons}),
        ("course/grade.py", set()),
        ("distributed.py", {"notebooks/19_beyond_one_computer.ipynb"}),
        ("exercises/clinic.py", sets),
    ):
        unit, before = matrix.sources()
        (tmp_path / name).write_text(package[name] + "\nchanged = 1", encoding="utf-8")
        after = matrix.sources()
        assert after[0] != unit
        assert {lesson for lesson in lessons if after[1][lesson] != before[lesson]} == who


def test_what_computes_nothing_makes_nothing_old():
    def code(text):
        return matrix.code_alone(text)[0]

    said = '"""What it does."""\n\n\ndef f(x):\n    """Double."""\n    return 2 * x  # twice\n'
    assert code(said) == code("def f(x): return (2 * x)")
    assert code(said) != code(said.replace("2 * x", "3 * x"))
    assert code('class A:\n    """Text."""\n    a: int\n    """Text."""') == code("class A: a: int")
    assert code('def f():\n    """Text."""') == code("def f(): pass")
    assert code("a = 'text'") != code("a = ''")
