"""The command `nnfromscratch course`."""

import argparse
import csv
import io
import json
import multiprocessing
import signal
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from .._files import replacing
from . import layout
from .collect import collect
from .examine import LARGEST, Source, examine
from .grade import NOT_COMPARED, grade, starter
from .jail import JailError, Limits, sandbox_works, stripped_package
from .layout import Course, CourseError
from .student import to_text

LIMITS = Limits()


def add_to(commands: argparse._SubParsersAction) -> None:
    """Add the command and its parts to the command line."""
    course = commands.add_parser(
        "course",
        help="release, collect and grade exercise sets for a class",
        description="Grade a class: see docs/instructors.md.",
    )
    parts = course.add_subparsers(required=True, metavar="STEP")

    def part(name: str, run, words: str) -> argparse.ArgumentParser:
        parser = parts.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        if name != "init":
            parser.add_argument("--course", type=Path, default=Path(), metavar="FOLDER",
                                help="the course (the folder you are in)")  # fmt: skip
        parser.set_defaults(run=lambda options: _run(run, options))
        return parser

    init = part("init", _init, "make a course's folder")
    init.add_argument("folder", type=Path, metavar="FOLDER")
    init.add_argument("--solutions", type=Path, metavar="FOLDER",
                      help="the solution notebooks (the repository's)")  # fmt: skip
    release = part("release", _release, "make the student edition of sets")
    release.add_argument("sets", nargs="+", metavar="SET", help="02, or a folder's name in source")
    take = part("collect", _collect, "copy submissions into the course")
    take.add_argument("path", type=Path, metavar="FOLDER_OR_ZIP", help="as the platform gives it")
    take.add_argument(
        "--set", metavar="SET", help="the set that all belong to, if names do not say"
    )
    run = part("grade", _grade, "grade what is new or changed")
    run.add_argument("sets", nargs="*", metavar="SET", help="all that were released")
    run.add_argument("--student", metavar="ID", help="this one only, whether changed or not")
    run.add_argument("--workers", type=int, default=1, metavar="N", help="processes at a time (1)")
    run.add_argument("--no-sandbox", action="store_true",
                     help="students' code has limits only, and can read your files")  # fmt: skip
    feedback = part("feedback", _feedback, "write the pages that students get back")
    feedback.add_argument("sets", nargs="*", metavar="SET")
    export = part("export", _export, "write all grades to a CSV file")
    export.add_argument("file", type=Path, metavar="grades.csv")
    report = part("report", _report, "write a page about the class")
    report.add_argument("--out", type=Path, metavar="FILE", help="report.html in the course")


def _run(step, options: argparse.Namespace) -> int:
    try:
        return step(options) or 0
    except (CourseError, JailError) as error:
        print(f"course: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; what is done is kept. Run the same command again.", file=sys.stderr)
        return 130


def _books():
    try:
        from . import books
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("nnfromscratch"):
            raise
        raise CourseError(
            f"grading a class needs nbgrader ({error.name} is missing): "
            "pip install 'nnfromscratch[teach]', or in the repository pip install -e '.[teach]'"
        ) from None
    return books


def _bar(sequence, words: str, total: int | None = None):
    from tqdm import tqdm

    return tqdm(sequence, desc=words, total=total, unit="student", disable=None)


def _init(options: argparse.Namespace) -> None:
    course = layout.init(options.folder, options.solutions)
    print(f"{course.root}: a course with the sets {', '.join(course.sets())}")


def _release(options: argparse.Namespace) -> None:
    books, course = _books(), Course(options.course)
    for name in [course.resolve(name) for name in options.sets]:
        print(f"{books.release(course, name)}: give this to the students")


def _collect(options: argparse.Namespace) -> None:
    course = Course(options.course)
    found = collect(options.path, course, options.set and course.resolve(options.set))
    for one in found:
        if one.problem:
            print(f"not understood: {one.path}: {one.problem}")
    counts = Counter((one.set, one.state) for one in found if not one.problem)
    for (name, state), count in sorted(counts.items()):
        print(f"{name}: {count} {state}")
    print(f"{sum(bool(one.problem) for one in found)} files not understood")


def grade_file(
    path: Path, source: Path, home: Path, limits: Limits, sandbox: bool, seed: bytes
) -> tuple[dict, str]:
    """Grade one file; return the result and the mended notebook's text."""
    parts = Source(json.loads(source.read_text(encoding="utf-8")))
    with open(path, "rb") as file:
        examined = examine(file.read(LARGEST + 1), parts)
    if path.name != source.name:
        examined.note("mended", f"The file was called {path.name}.")
    files = source.parent if any(p != source for p in source.parent.iterdir()) else None
    if examined.human:
        verdicts = [
            {"grade_id": check.grade_id, "points": 0.0, "maximum": check.points,
             "message": f"{examined.findings[0][1]} Somebody will look at it.",
             "mistake": "unreadable"} for check in parts.checks
        ]  # fmt: skip
        result = {"verdicts": verdicts, "outputs": {}, "notes": []}
    else:
        result = grade(examined, parts, starter(home, limits, sandbox, files), limits, seed)
    human = examined.human or any(v["mistake"] == NOT_COMPARED for v in result["verdicts"])
    result |= {"findings": [*examined.findings, *result.pop("notes")], "human": human}
    return result, to_text(examined.notebook)


def _tried(*arguments) -> tuple[dict, str]:
    try:
        return grade_file(*arguments)
    except JailError:
        raise
    except Exception as error:  # a fault of ours must not stop the others
        raise CourseError(f"a fault in the grader, please report it: {error!r}") from error


def _grade(options: argparse.Namespace) -> int:
    books, course = _books(), Course(options.course)
    if sys.platform != "linux":
        raise CourseError("grading needs Linux: a virtual machine will do, or on Windows WSL")
    if options.workers < 1:
        raise CourseError(f"--workers must be 1 or more, got {options.workers}")
    broken = "" if options.no_sandbox else sandbox_works()
    if broken:
        raise CourseError(
            f"{broken}. Students' code would run unprotected: it could read your files and use the "
            "network. If you accept that, for example in a virtual machine made for it, say "
            "--no-sandbox; time, memory and processes are then limited, and nothing else."
        )
    sets = [course.resolve(name) for name in options.sets] or course.released()
    if not sets:
        raise CourseError("nothing is released yet: `nnfromscratch course release 02`")
    for name in sets:
        if name not in course.released():
            raise CourseError(f"{name} is not released: `nnfromscratch course release {name}`")
    home, failed, done = stripped_package(course.root / ".package"), [], 0
    for name in sets:
        students = course.submissions(name)
        if options.student:
            students = [one for one in students if one == options.student]
        keys = {student: course.key(student, name) for student in students}
        todo = [
            student
            for student in students
            if options.student
            or not (result := course.result(student, name))
            or result["key"] != keys[student]
            or not result.get("booked")
        ]
        jobs = {
            student: (course.submission(student, name), course.source_file(name), home,
                      LIMITS, not options.no_sandbox, course.seed + keys[student].encode())
            for student in todo
        }  # fmt: skip
        for student, outcome in _bar(_all(jobs, options.workers), name, len(jobs)):
            if isinstance(outcome, Exception):
                failed.append(f"{name}, {student}: {outcome}")
                continue
            result, text = outcome
            result |= {"key": keys[student], "student": student, "set": name, "booked": False}
            layout.write(course.file("mended", student, name), text)
            course.store(student, name, result)
            try:
                books.enter(course, student, name)
            except CourseError as error:
                failed.append(str(error))
                continue
            course.store(student, name, result | {"booked": True})
            done += 1
        print(f"{name}: {len(students)} submissions, {len(jobs)} of them new or changed")
    if options.student and not done and not failed:
        raise CourseError(f"{options.student} has handed in nothing of {', '.join(sets)}")
    for line in failed:
        print(f"not graded: {line}", file=sys.stderr)
    return int(bool(failed))


def _all(jobs: dict[str, tuple], workers: int, work=_tried):
    """Yield each student with the result, or the exception, as they come."""
    if workers == 1:
        for student, job in jobs.items():
            try:
                yield student, work(*job)
            except (CourseError, JailError) as error:
                yield student, error
        return
    todo, broken = dict(jobs), []
    while todo:
        alone = len(broken) > 0  # after a worker has died, one at a time, to see whose fault it is
        batch = dict(list(todo.items())[: 1 if alone else None])
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(1 if alone else workers, context, _quiet)
        try:
            futures = {pool.submit(work, *job): student for student, job in batch.items()}
            for future in as_completed(futures):
                student = futures[future]
                try:
                    outcome = future.result()
                except BrokenProcessPool:
                    if not alone:
                        broken.append(student)
                        continue
                    outcome = CourseError("the grader's own process was killed")
                except (CourseError, JailError) as error:
                    outcome = error
                todo.pop(student)
                yield student, outcome
        except BaseException:
            for process in list(pool._processes.values()):
                process.kill()  # their sandboxes die with them
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _quiet() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process decides


def _feedback(options: argparse.Namespace) -> None:
    books, course = _books(), Course(options.course)
    names = [course.resolve(name) for name in options.sets] or course.released()
    todo = [(student, name) for name in names for student in _graded(course, name)]
    written = sum(books.feedback(course, *one) for one in _bar(todo, "feedback"))
    print(f"{written} pages written, {len(todo) - written} were up to date: feedback/ID/SET/")


def _graded(course: Course, name: str) -> list[str]:
    results = (course.root / "results" / name).glob("*.json")
    students = sorted(path.stem for path in results)
    return [one for one in students if (course.result(one, name) or {}).get("booked")]


def table(course: Course, books) -> tuple[list[str], list[dict]]:
    """Return the columns and rows of the grades: one row for each student and set."""
    columns = ["student", "set", "total", "max", "waiting for a person", "flags"]
    rows = []
    for name in course.released():
        source = course.source(name)
        cells = [*(check.grade_id for check in source.checks), *source.manual]
        columns += [cell for cell in cells if cell not in columns]
        for student, grades in sorted(books.grades(course, name).items()):
            result = course.result(student, name) or {}
            kinds = sorted({kind for kind, _ in result.get("findings", [])})
            flags = ["needs a human"] * bool(result.get("human")) + kinds
            flags += ["not submitted"] * (not grades["submitted"])
            if student in course.submissions(name) and not result.get("booked"):
                flags.append("not graded yet")
            points = {cell: grades["points"].get(cell, 0.0) for cell in cells}
            rows.append(
                {
                    "student": student,
                    "set": name,
                    "total": sum(points.values()),
                    "max": source.points,
                    "waiting for a person": " ".join(grades["waiting"]),
                    "flags": "; ".join(flags),
                }
                | points
            )
    return columns, rows


def _export(options: argparse.Namespace) -> None:
    columns, rows = table(Course(options.course), _books())
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    with replacing(options.file) as file:
        file.write(text.getvalue().encode("utf-8-sig"))  # so that spreadsheets see the encoding
    print(f"{options.file}: {len(rows)} rows")


def _report(options: argparse.Namespace) -> None:
    from .report import page

    course = Course(options.course)
    path = options.out or course.root / "report.html"
    layout.write(path, page(course, *table(course, _books())))
    print(f"{path}: open it in a browser")
