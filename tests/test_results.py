"""Stored results: in the package, so that a lesson needs nothing beside it."""

import re
from pathlib import Path

import pytest

import nnfromscratch as nn
from nnfromscratch import results

ROOT = Path(__file__).resolve().parent.parent
NAMES = [path.stem for path in sorted(results.FOLDER.glob("*.json"))]


@pytest.mark.parametrize("name", NAMES)
def test_a_result_is_read_whatever_folder_one_is_in(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "command" in str(nn.stored(name))


def test_every_part_of_the_record_says_what_made_it():
    parts = nn.stored("record")
    made = parts.pop("made")
    assert parts.keys() == made.keys()
    assert all(one["command"].startswith("python -m benchmarks.record ") for one in made.values())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("network_f", 'did you mean "network_'),
        ("", ", ladder, "),
        (3, "got 3"),
        ("../x", ""),
    ],
)
def test_an_unknown_name_is_answered_with_the_known_ones(name, words):
    with pytest.raises(ValueError, match="stored: name must be that of a result") as error:
        nn.stored(name)
    assert words in str(error.value)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "notebooks").rglob("*.ipynb")), ids=lambda p: p.stem
)
def test_no_lesson_reads_a_file_beside_it(path):
    assert re.findall(r"[\"'(]\.\./(?!\d\d_)[^\"')]*\.json", path.read_text(encoding="utf-8")) == []
