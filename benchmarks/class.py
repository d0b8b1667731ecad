"""A class graded from end to end: every point as expected, and how long it takes.

    python -m benchmarks.class class     the simulated class, damaged files and attacks included
    python -m benchmarks.class speed     200 submissions of one set, one worker and two
    python -m benchmarks.class own       300 students with own blanks, from release to gradebook

All run the commands of docs/instructors.md in a folder of their own and store what they find in
benchmarks/results/class.json.
"""

import argparse
import csv
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from itertools import product
from pathlib import Path

import psutil

from benchmarks.own_blanks import NAMES, python_of
from nnfromscratch.course.layout import safe_id
from tools import simulated_class

ROOT = Path(__file__).resolve().parent.parent
STORED = ROOT / "benchmarks" / "results" / "class.json"
STUDENTS = 200
FIRST = "Ada Åse Ben Chloé Dana Emre Eva Finn Gül Ida Ivan Jo Kai Léa Mia Noor Ole Pia Tom Zoé"
LAST = "Byron Cruz Diaz Fox Gauß Ito Kim Ng Novák O'Hara Øster Roy Sato Vogel Wu"


def course(folder, *arguments):
    """Run a step of the course; return seconds by the clock, of the processor, and peak memory."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "nnfromscratch", "course", *map(str, arguments)]
    command += ["--as-root"] * (arguments[0] == "grade")
    start, peak, used = time.monotonic(), 0, os.times()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        peak = max(peak, _memory(process.pid))
        time.sleep(0.1)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed")
    now = os.times()
    processor = now.children_user + now.children_system - used.children_user - used.children_system
    return time.monotonic() - start, processor, peak


def _memory(process):
    """Return the bytes that a process and all below it hold, shared pages counted once each."""
    total = 0
    try:
        for one in [psutil.Process(process), *psutil.Process(process).children(recursive=True)]:
            total += one.memory_info().rss
    except psutil.Error:
        pass
    return total


def prepared(folder, students):
    """Make a course in a folder, with submissions."""
    course(ROOT, "init", folder / "course")
    course(folder / "course", "release", "02")
    for name, student in students.items():
        path = folder / "handed in" / name / student.file
        path.parent.mkdir(parents=True)
        path.write_bytes(student.data)
    course(folder / "course", "collect", folder / "handed in")
    return folder / "course"


def whole_class():
    """Grade everyone; return how many points are as they should be."""
    with tempfile.TemporaryDirectory() as folder:
        students = {s.name: s for s in simulated_class.everyone(Path(folder) / "course")}
        root = prepared(Path(folder), students)
        seconds, _, _ = course(root, "grade", "--workers", 2)
        course(root, "feedback")
        course(root, "export", "grades.csv")
        course(root, "report")
        with open(root / "grades.csv", encoding="utf-8-sig", newline="") as file:
            rows = {row["student"]: row for row in csv.DictReader(file)}
        pages = sum((root / "feedback" / s / simulated_class.SET).is_dir() for s in students)
    wrong = []
    for name, student in students.items():
        for check, points in student.points.items():
            if name not in rows or float(rows[name][check]) != points:
                wrong.append(f"{name}: {check}")
        if name in rows and ("needs a human" in rows[name]["flags"]) != student.human:
            wrong.append(f"{name}: needs a human")
    return {
        "command": "python -m benchmarks.class class",
        "submissions": len(students),
        "damaged": len(simulated_class.damaged()),
        "attacks": len(simulated_class.attackers()),
        "scores": sum(len(s.points) for s in students.values()),
        "wrong": wrong,
        "feedback_pages": pages,
        "seconds": round(seconds, 1),
    }


def speed():
    """Grade 200 submissions with one worker and with two."""
    some = simulated_class.learners()
    students = {f"student_{i:03}": some[i % len(some)] for i in range(STUDENTS)}
    result = {
        "command": "python -m benchmarks.class speed",
        "submissions": STUDENTS,
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
        "workers": {},
    }
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            root = prepared(Path(folder), students)
            seconds, processor, peak = course(root, "grade", "--workers", workers)
            result["workers"][workers] = {
                "seconds": round(seconds, 1),
                "seconds_per_submission": round(seconds / STUDENTS, 3),
                "processor_seconds": round(processor, 1),
                "peak_memory_MB": peak >> 20,
            }
            if workers == 2:
                result["nothing_new_seconds"] = round(course(root, "grade")[0], 1)
                result["feedback_seconds"] = round(course(root, "feedback")[0], 1)
    return result


def from_text(text):
    """Return the code of a set 02 own blank, as a student writes it who has read its text."""
    scale, latex = re.search(
        r"s_\{nk\} = (\S+?)\\, b_k .*? \\qquad y_\{nk\} = (.*?) \$\$", text
    ).groups()
    turned = {"x": "`x` as (D, N)", "w": "`w` as (K, D)", "y": "`y` as (K, N)"}
    x, w, y = (name + ".T" * (words in text) for name, words in turned.items())
    return (
        f"from numpy import {', '.join(NAMES)}\n"
        f"def own_layer(x, w, bias):\n    s = {x} @ {w} + {scale} * bias\n"
        f"    y = {python_of(latex)}\n    return {y}"
    )


def answered(notebook, code=None):
    """Fill in a released notebook, the own blank from its text unless code is given."""
    found = json.loads(notebook.read_text(encoding="utf-8"))
    text = next("".join(cell["source"]) for cell in found["cells"] if cell.get("id") == "own-text")
    for cell in found["cells"]:
        name = simulated_class.Book.id_of(cell)
        if name in simulated_class.RIGHT:
            cell["source"] = simulated_class.function(name, simulated_class.RIGHT[name])
        elif name == "own_blank":
            cell["source"] = from_text(text) if code is None else code
    return json.dumps(found), from_text(text)


def own_class():
    """Take 300 students from the list of the class to Moodle's gradebook; time each step."""
    names = [f"{first} {last}" for first, last in product(FIRST.split(), LAST.split())]
    ids, seconds = [safe_id(name) for name in names], {}
    with tempfile.TemporaryDirectory() as folder:
        root, platform_zip = Path(folder) / "course", Path(folder) / "submissions.zip"

        def step(*arguments):
            seconds[arguments[0]] = round(course(root, *arguments)[0], 1)

        course(ROOT, "init", root)
        (root / "list.csv").write_text("\n".join(["id", *names]), encoding="utf-8")
        step("release", "02", "--students", root / "list.csv")
        before, due = "", {}  # points of the own blank
        with zipfile.ZipFile(platform_zip, "w", zipfile.ZIP_DEFLATED) as archive:
            for i, (name, student) in enumerate(zip(names, ids, strict=True)):
                path = root / "own" / simulated_class.SET / student / f"{simulated_class.SET}.ipynb"
                text, mine = answered(path, before if i % 10 == 9 else None)  # one in ten copies
                if i % 10 == 8:  # and one is wrong
                    text = answered(path, re.sub(r" \+ \S+ \* bias", "", mine))[0]
                before, due[name] = mine, 3.0 * (i % 10 < 8)
                where = f"{name}_{i}_assignsubmission_file_/{simulated_class.SET}.ipynb"
                archive.writestr(where, text)
        book = [f"{name.replace(' ', ',', 1)},{i},-" for i, name in enumerate(names)]
        book = ["First name,Last name,ID number,Assignment: Set 2 (Real)", *book]
        (root / "moodle.csv").write_text("\n".join(book), encoding="utf-8")
        step("collect", platform_zip)
        step("grade", "--workers", 2)
        step("feedback", "02", "--moodle", "feedback.zip")
        step("export", "--moodle", "moodle.csv", "filled.csv")
        pages = len(zipfile.ZipFile(root / "feedback.zip").namelist())
        with open(root / "filled.csv", encoding="utf-8-sig", newline="") as file:
            rows = {f"{r['First name']} {r['Last name']}": r for r in csv.DictReader(file)}
    common = sum(simulated_class.POINTS.values())
    column = "Assignment: Set 2 (Real)"
    wrong = [name for name in names if rows[name][column] != f"{common + due[name]:g}"]
    return {
        "command": "python -m benchmarks.class own",
        "students": len(ids),
        "own_blanks_right": sum(map(bool, due.values())),
        "wrong": wrong,
        "feedback_pages": pages,
        "seconds": seconds,
        "load_before": round(os.getloadavg()[0], 2),
    }


def main():
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description="A class graded from end to end.")
    parser.add_argument("what", choices=("class", "speed", "own"))
    what = parser.parse_args().what
    result = {"class": whole_class, "speed": speed, "own": own_class}[what]()
    print(json.dumps(result, indent=1))
    stored = json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else {}
    STORED.write_text(json.dumps(stored | {what: result}, indent=1) + "\n", encoding="utf-8")
    return 1 if result.get("wrong") else 0


if __name__ == "__main__":
    sys.exit(main())
