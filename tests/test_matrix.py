"""The matrix of settings: what is run again, and what is kept."""

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
        return matrix.Outcome(9, [], differing)

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


def test_exercises_and_unit_tests_count(monkeypatch, tmp_path):
    unit, lessons = matrix.sources()
    for name in ("exercises/clinic.py", "shapes.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("changed", encoding="utf-8")
    assert any(path.name == "test_layers.py" for path in matrix.unit_test_files())
    monkeypatch.setattr(matrix, "unit_test_files", lambda: [tmp_path / "shapes.py"])
    assert matrix.sources()[0] != unit
    assert matrix.sources()[1] == lessons
    monkeypatch.setattr(matrix, "PACKAGE", tmp_path)
    before = matrix.sources()[1]
    assert all(before[lesson] != lessons[lesson] for lesson in lessons)
    (tmp_path / "exercises" / "clinic.py").write_text("changed again", encoding="utf-8")
    assert all(matrix.sources()[1][lesson] != before[lesson] for lesson in lessons)
