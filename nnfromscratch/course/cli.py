"""The command `nnfromscratch course`."""

import argparse
import contextlib
import csv
import hashlib
import io
import json
import os
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping
from pathlib import Path

from .._files import replacing
from ..exercises import own
from ..exercises._exercise import STOPPED
from . import gradebooks, late, layout
from .collect import collect
from .examine import LARGEST, WRONG, Examined, Source, examine, likely, unread, worth
from .grade import NOT_COMPARED, grade, starter
from .handout import handout, own_notebooks
from .jail import JailError, Limits, beside, sandbox_works, stripped_package
from .layout import Course, CourseError, InUse, meant
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
    init.add_argument("--no-own", action="store_true",
                      help="without a blank of each student's own in the sets")  # fmt: skip
    release = part("release", _release, "make the student edition of sets")
    release.add_argument("sets", nargs="+", metavar="SET", help="02, or a folder's name in source")
    release.add_argument("--zip", action="store_true",
                         help="one archive: the set, its lesson, and how to start")  # fmt: skip
    release.add_argument("--students", type=Path, metavar="CSV",
                         help="whose own blanks to draw: Moodle's grading worksheet, Canvas's "
                         "gradebook, or a column id")  # fmt: skip
    release.add_argument("--moodle", type=Path, metavar="FILE.zip",
                         help="and the own notebooks of one set in a zip file that Moodle "
                         "takes")  # fmt: skip
    take = part("collect", _collect, "copy submissions into the course")
    take.add_argument("path", type=Path, metavar="FOLDER_OR_ZIP", help="as the platform gives it")
    take.add_argument(
        "--set", metavar="SET", help="the set that all belong to, if names do not say"
    )
    run = part("grade", _grade, "grade what is new or changed")
    run.add_argument("sets", nargs="*", metavar="SET", help="all that were released")
    run.add_argument("--student", metavar="ID", help="this one only, whether changed or not")
    run.add_argument("--workers", type=int, default=1, metavar="N", help="processes at a time (1)")
    run.add_argument("--as-root", action="store_true", help="even though you are root")
    run.add_argument("--no-sandbox", action="store_true",
                     help="students' code has limits only, and can read your files")  # fmt: skip
    feedback = part("feedback", _feedback, "write the pages that students get back")
    feedback.add_argument("sets", nargs="*", metavar="SET")
    feedback.add_argument("--moodle", type=Path, metavar="FILE.zip",
                          help="and those of one set in a zip file that Moodle takes")  # fmt: skip
    export = part("export", _export, "write all grades to a CSV file")
    export.add_argument("file", type=Path, metavar="grades.csv")
    platform = export.add_mutually_exclusive_group()
    for kind in ("moodle", "canvas"):
        words = f"fill in the gradebook that {kind.title()} has exported"
        platform.add_argument(f"--{kind}", type=Path, metavar="GRADEBOOK.csv", help=words)
    export.add_argument("--column", action="append", default=[], metavar="SET=TITLE",
                        help="the column of a set, or of the sum, in that gradebook")  # fmt: skip
    platform.add_argument("--sum", action="store_true", help="one row a student, over all sets")
    report = part("report", _report, "write a page about the class")
    report.add_argument("--anonymous", action="store_true", help="nobody named: to be shown")
    report.add_argument("--out", type=Path, metavar="FILE", help="report.html in the course")


def _run(step, options: argparse.Namespace) -> int:
    try:
        return step(options) or 0
    except (CourseError, JailError) as error:
        print(f"course: {error}", file=sys.stderr)
        return 1
    except OSError as error:  # of two names, the first is that of a file in the making
        where = error.filename2 or error.filename
        print(f"course: {f'{where}: {error.strerror}' if where else error}", file=sys.stderr)
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
    before = (options.folder / "nbgrader_config.py").is_file()
    course = layout.init(options.folder, options.solutions, own_blanks=not options.no_own)
    names = [name + " (practice)" * _for_practice(course, name) for name in course.sets()]
    words = "was there already, and is complete" if before else "a course"
    print(f"{course.root}: {words}, with the sets {', '.join(names)}")


def _for_practice(course: Course, name: str) -> bool:
    try:
        return bool(course.source(name).practice)
    except CourseError:  # a set that is being written stops nothing
        return False


def _release(options: argparse.Namespace) -> None:
    books, course = _books(), Course(options.course)
    students = gradebooks.students(options.students) if options.students else {}
    names = [course.resolve(name) for name in options.sets]
    if options.moodle:
        _can_hand_out(course, names, students, options.moodle)
    with _alone(course):
        for name in names:
            _release_set(course, name, students, options, books)


def _release_set(
    course: Course, name: str, students: dict[str, str], options: argparse.Namespace, books
) -> None:
    """Write what the students get of a set."""
    if sys.platform == "linux" and not sandbox_works():
        _own_solution_passes(course, name)
    released = books.release(course, name)
    if options.zip:
        released = handout(course, name, released)
    print(f"{released}: give this to the students")
    if students and course.own_draw("", name):
        where = own_notebooks(course, name, [*students])
        print(f"{where}: one notebook each for {len(students)} students, instead")
        if options.moodle:
            files = {one: where / one / f"{name}.ipynb" for one in students}
            _moodle_zip(options.moodle, students, files, f"{name}.ipynb")


def _can_hand_out(course: Course, names: list[str], students: dict[str, str], path: Path) -> None:
    """Stop where there is nothing that Moodle could give to each student."""
    if len(names) != 1:
        raise CourseError(f"--moodle: name one set, as in `release 02 --moodle {path}`")
    if not students or not all(students.values()):
        raise CourseError(
            "--moodle: Moodle takes files by the numbers in its grading worksheet, which each "
            "assignment has of its own: name that with --students"
        )
    if not course.own_draw("", names[0]):
        raise CourseError(f"--moodle: {names[0]} has no blank of each student's own")


def _collect(options: argparse.Namespace) -> None:
    course = Course(options.course)
    with _alone(course):
        found = collect(options.path, course, options.set and course.resolve(options.set))
    for one in found:
        if one.problem:
            print(f"not understood: {one.path}: {one.problem}")
        elif one.warning:
            print(f"look at {one.path}: {one.warning}")
    counts = Counter((one.set, one.state) for one in found if not one.problem)
    for (name, state), count in sorted(counts.items()):
        names = sorted(f.student for f in found if (f.set, f.state) == (name, "changed"))
        print(f"{name}: {count} {state}" + f" ({', '.join(names)})" * (state == "changed"))
        if state in ("new", "changed") and name not in course.released():
            words = f"`nnfromscratch course release {name}`, or take it out of source"
            print(f"{name} is not released, so `grade` leaves these out: {words}")
    print(f"{sum(bool(one.problem) for one in found)} files not understood")


def grade_file(
    path: Path,
    source: Path,
    home: Path,
    limits: Limits,
    sandbox: bool,
    seed: bytes,
    left_out: Mapping[str, str] | None = None,
    at: Callable[[str], None] = str,
    mine: tuple[own.Draw, dict[str, own.Draw]] | None = None,
    partial: bool = False,
) -> tuple[dict, str]:
    """Grade one file; return the result and the mended notebook's text.

    `left_out` and `at` are those of `apart.each`; `mine` is the draw of the student's own
    blank, and everybody's; `partial` is the course's `partial_credit`.
    """
    parts, asked = _source_for(source, mine, partial)
    left_out = left_out or {}
    if "" in left_out:
        examined = unread(parts, f"The grader {left_out['']} while it read the file.")
    else:
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
        examined = examine(data, parts)
        if examined.findings and examined.findings[0][0] == WRONG:
            examined.findings[0] = (WRONG, examined.findings[0][1] + _another(data, source))
    if path.name != source.name:
        examined.note("mended", f"The file was called {path.name}.")
    files = beside(source)
    if examined.unreadable:
        verdicts = [
            {"grade_id": check.grade_id, "points": 0.0, "maximum": check.points,
             "message": f"{examined.findings[0][1]} Somebody will look at it.",
             "mistake": examined.findings[0][0]} for check in parts.checks
        ]  # fmt: skip
        result = {"verdicts": verdicts, "outputs": {}, "notes": []}
    else:
        start = starter(home, limits, sandbox, files)
        result = grade(examined, parts, start, limits, seed, left_out, at)
    if mine and asked:
        _whose(data if "" not in left_out else b"", mine, asked, examined)
    human = examined.human or any(v["mistake"] == NOT_COMPARED for v in result["verdicts"])
    result |= {"findings": [*examined.findings, *result.pop("notes")], "human": human}
    return result, to_text(examined.notebook)


def _source_for(source: Path, mine: tuple | None, partial: bool) -> tuple[Source, own.Own | None]:
    """Return what a set asks of one student, and the exercise of the own blank."""
    notebook = json.loads(source.read_text(encoding="utf-8"))
    if not mine:
        return Source(notebook, None, partial), None
    asked = own.exercise(*mine)
    return Source(own.with_own(notebook, mine[0]), asked, partial), asked


def _whose(data: bytes, mine: tuple, asked: own.Own, examined: Examined) -> None:
    """Note whose blank was answered, and whose the file holds, if they are not the student's."""
    draw, everyone = mine
    names = {given: student or "practice" for student, given in everyone.items()}
    for student in dict.fromkeys(asked.meant):
        words = (
            f"The own blank is right for the blank of {student or 'practice'}, and not for theirs."
        )
        examined.note(own.ANOTHER, words)
    if own.by_numbers([code for _, code, blanks in examined.run if asked.name in blanks]):
        words = (
            "The own blank takes its slope from complex numbers: right by value, and no formula."
        )
        examined.note("numeric slope", words)
    for line in dict.fromkeys(own.lines_of(data)):
        if line != draw:
            known = names.get(line)
            words = f"is that of {known}" if known else "was changed"
            examined.note("another blank", f"The draw in the file {words}; their own was asked.")


def _another(data: bytes, source: Path) -> str:
    """Say which other set of the course a file looks like, if it does."""
    others = {}
    for path in sorted(source.parent.parent.glob("*/*.ipynb")):
        if path != source and path.stem == path.parent.name:
            with contextlib.suppress(ValueError, KeyError, SyntaxError):
                others[path.stem] = Source(json.loads(path.read_text(encoding="utf-8")))
    names = likely(data, others)
    return f" It looks like {' or '.join(names)}." if names else ""


def _tried(mine: tuple | None, partial: bool, *arguments) -> tuple[dict, str]:
    try:
        return grade_file(*arguments, mine=mine, partial=partial)
    except (JailError, MemoryError):
        raise
    except Exception as error:  # a fault of ours must not stop the others
        raise CourseError(f"a fault in the grader, please report it: {error!r}") from error


def _grade(options: argparse.Namespace) -> int:
    books, course = _books(), Course(options.course)
    _can_grade(options)
    with _alone(course):
        sets = _sets_to_grade(course, options)
        home = stripped_package(course.root / ".package")
        failed = [line for name in sets for line in _grade_set(course, name, options, home, books)]
    for line in failed:
        print(f"not graded: {line}", file=sys.stderr)
    return int(bool(failed))


@contextlib.contextmanager
def _alone(course: Course) -> Iterator[None]:
    """Keep other commands that change the course out: two would take each other's files away.

    Raises:
        InUse: there is one at work.
    """
    with open(course.root / ".in_use", "wb") as file:
        with contextlib.suppress(ImportError):  # on Windows, where nothing is graded
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InUse(
                    "another release, collect or grade is running in this course: wait until it "
                    "ends"
                ) from None
        yield


def _grade_set(
    course: Course, name: str, options: argparse.Namespace, home: Path, books
) -> list[str]:
    """Grade what is due of a set; return who was not graded, and why."""
    _own_solution_passes(course, name, sandbox=not options.no_sandbox)
    students = [s for s in course.submissions(name) if (options.student or s) == s]
    keys, failed = _keys(course, name, students)
    entered, everyone = books.entered(course, name), course.own_of_others(name)
    jobs = {
        student: (_mine(course, student, name, everyone), course.partial_credit,
                  course.submission(student, name), course.source_file(name), home, LIMITS,
                  not options.no_sandbox, course.seed + key.encode())
        for student, key in keys.items()
        if options.student or _is_due(course, student, name, key, entered)
    }  # fmt: skip
    for student, outcome in _bar(_graded_apart(jobs, options.workers), name, len(jobs)):
        if isinstance(outcome, Exception):
            failed.append(f"{name}, {student}: {outcome}")
            continue
        result, text = outcome
        result |= {"key": keys[student], "student": student, "set": name, "booked": False}
        try:
            layout.write(course.file("mended", student, name), text)
            course.store(student, name, result)
            books.enter(course, student, name)
            course.store(student, name, result | {"booked": True})
        except InUse:  # so it will be for the others
            raise
        except (CourseError, OSError) as error:
            failed.append(_why(error, student, name))
    print(f"{name}: {len(students)} submissions, {len(jobs)} of them new or changed")
    return failed


def _why(error: CourseError | OSError, student: str, name: str) -> str:
    """Return the line that says of a student alone what went wrong."""
    if isinstance(error, CourseError):
        return str(error)
    return f"{name}, {student}: {error.filename}: {error.strerror}"


def _keys(course: Course, name: str, students: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return the key of each submission, and what to say of those that cannot be read."""
    keys, failed = {}, []
    for student in students:
        try:
            keys[student] = course.key(student, name)
        except OSError as error:
            failed.append(f"{name}, {student}: cannot be read: {error.strerror}")
    return keys, failed


def _mine(course: Course, student: str, name: str, everyone: dict) -> tuple | None:
    """Return a student's draw and everybody's, or None if the set has no own blank."""
    draw = course.own_draw(student, name)
    return (draw, everyone) if draw else None


def _can_grade(options: argparse.Namespace) -> None:
    """Stop where students' code could not be enclosed, unless that is what was asked for."""
    if sys.platform != "linux":
        raise CourseError("grading needs Linux: a virtual machine will do, or on Windows WSL")
    if options.workers < 1:
        raise CourseError(f"--workers must be 1 or more, got {options.workers}")
    if os.geteuid() == 0 and not options.as_root:
        raise CourseError(
            "you are root, and a mistake in the sandbox would give students' code the whole "
            "machine. Grade as an ordinary user; or, in a container or virtual machine made for "
            "it, say --as-root"
        )
    broken = "" if options.no_sandbox else sandbox_works()
    if broken:
        raise CourseError(
            f"{broken}. Students' code would run unprotected: it could read your files and use the "
            "network. If you accept that, for example in a virtual machine made for it, say "
            "--no-sandbox; time, memory and processes are then limited, and nothing else."
        )


def _sets_to_grade(course: Course, options: argparse.Namespace) -> list[str]:
    """Return the sets to grade, which are released as they are now and of which there is work."""
    sets = [course.resolve(name) for name in options.sets] or course.released()
    if not sets:
        raise CourseError("nothing is released yet: `nnfromscratch course release 02`")
    for name in sets:
        if name not in course.released():
            raise CourseError(f"{name} is not released: `nnfromscratch course release {name}`")
        _as_released(course, name)
    if not any(course.submissions(name) for name in sets):
        raise CourseError(
            f"nothing of {', '.join(sets)} has been handed in; run `nnfromscratch course collect "
            "FOLDER_OR_ZIP` first"
        )
    if options.student:
        _known(course, options.student, sets)
    return sets


def _is_due(course: Course, student: str, name: str, key: str, entered: Container[str]) -> bool:
    """Say whether a submission is new, has changed, or was left unfinished."""
    result = course.result(student, name) or {}
    return result.get("key") != key or not result.get("booked") or student not in entered


def _graded_apart(jobs: dict[str, tuple], workers: int) -> Iterator[tuple[str, object]]:
    """Yield each student with the result; what had no end beside others is tried again alone."""
    from . import apart  # Linux only

    slow = []
    for student, outcome in apart.each(jobs, workers, _tried):
        if workers > 1 and not isinstance(outcome, Exception) and _ran_out(outcome[0]):
            slow.append(student)
        else:
            yield student, outcome
    yield from apart.each({student: jobs[student] for student in slow}, 1, _tried)


def _ran_out(result: dict) -> bool:
    """Say whether something in a submission was stopped because it took too long."""
    late = any(verdict["mistake"] == STOPPED["time"] for verdict in result["verdicts"])
    return late or any(kind == "cell lost" for kind, _ in result["findings"])


def _as_released(course: Course, name: str) -> None:
    """Stop where source and release disagree about points: scores would be of two kinds."""
    now, then = worth(course.source(name).notebook), course.released_points(name)
    changed = sorted(cell for cell in now.keys() | then.keys() if now.get(cell) != then.get(cell))
    if changed:
        cell = changed[0]
        given, due = (f"{p[cell]:g} points" if cell in p else "not there" for p in (then, now))
        raise CourseError(
            f"points changed in {name} ({cell}: {given} in the release, {due} in source): run "
            f"`nnfromscratch course release {name}`, then `grade`"
        )


def _own_solution_passes(course: Course, name: str, sandbox: bool = True) -> None:
    """Stop where a check refuses the set's own solution: nobody could have its points."""
    from . import apart  # Linux only

    source, home = course.source_file(name), stripped_package(course.root / ".package")
    digest = hashlib.sha256(source.read_bytes() + layout.checks_digest()).hexdigest()[:16]
    stamp = home.parent / f"passed-{digest}-{home.name}"
    if stamp.exists() or course.source(name).practice:
        return
    job = (_mine(course, "", name, {}), False, source, source, home, LIMITS, sandbox, b"")
    ((_, outcome),) = apart.each({name: job}, 1, _tried)
    if isinstance(outcome, Exception):
        raise outcome
    lost = [v for v in outcome[0]["verdicts"] if v["points"] < v["maximum"]]
    lost = [v for v in lost if v["grade_id"] != own.CHECK]  # it has no solution
    if lost:
        words = " ".join(lost[0]["message"].split())[:300]
        raise CourseError(
            f"{name}: its own solution fails {lost[0]['grade_id']}, so nobody could have these "
            f"points. Mend {source}. The check says: {words}"
        )
    layout.write(stamp, "")


def _known(course: Course, student: str, sets: list[str]) -> None:
    everyone = {one for name in sets for one in course.submissions(name)}
    if student not in everyone:
        words = f"{student} has handed in nothing of {', '.join(sets)}"
        raise CourseError(words + meant(student, everyone))


def _feedback(options: argparse.Namespace) -> int:
    books, course = _books(), Course(options.course)
    names = [course.resolve(name) for name in options.sets] or course.released()
    if options.moodle and len(names) != 1:
        raise CourseError(f"--moodle: name one set, as in `feedback 02 --moodle {options.moodle}`")
    todo = [(student, name) for name in names for student in _graded(course, name, books)]
    written, failed = 0, {}
    for one in _bar(todo, "feedback"):
        try:
            written += books.feedback(course, *one)
        except InUse:
            raise
        except (CourseError, OSError) as error:
            failed[one] = _why(error, *one)
    todo = [one for one in todo if one not in failed]
    print(f"{written} pages written, {len(todo) - written} were up to date: feedback/ID/SET/")
    rows = {name: books.grades(course, name) for name in names}
    unread = sum(bool(rows[name].get(student, {}).get("waiting")) for student, name in todo)
    if unread:
        print(f"{unread} of the pages show 0 points for what still waits for you to read")
    if options.moodle:
        folders = {one: late.origin(course, one, name).get("folder", "") for one, name in todo}
        files = {one: course.file("feedback", one, name, "html") for one, name in todo}
        _moodle_zip(options.moodle, folders, files, f"{names[0]}_feedback.html")
    _say_what_is_left(course, names, books)
    for line in failed.values():
        print(f"no page: {line}", file=sys.stderr)
    return int(bool(failed))


def _moodle_zip(path: Path, folders: dict[str, str], files: dict[str, Path], name: str) -> None:
    """Write each student's file into a zip file, by one name in the folder that Moodle knows."""
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for student, folder in folders.items():
            if folder:
                archive.write(files[student], f"{folder}/{name}")
    print(
        f"{path}: {sum(map(bool, folders.values()))} files; Moodle: Upload multiple feedback files"
    )
    if left := [student for student, folder in folders.items() if not folder]:
        print(f"not from Moodle, so not in it: {', '.join(left)}")


def _graded(course: Course, name: str, books) -> list[str]:
    """Return whose page can be written; whoever was taken out of the gradebook has none."""
    entered = books.entered(course, name)
    results = (course.root / "results" / name).glob("*.json")
    students = sorted(path.stem for path in results)
    return [s for s in students if s in entered and (course.result(s, name) or {}).get("booked")]


def _state(course: Course, student: str, name: str) -> str:
    """Return how far a submission is from its grade: "graded", "changed" or "new"."""
    result = course.result(student, name)
    if not result or not result.get("booked"):
        return "new"
    with contextlib.suppress(OSError):  # `grade` says of whom it cannot be read
        if result["key"] == course.key(student, name):
            return "graded"
    return "changed"


def _say_what_is_left(course: Course, names: list[str], books) -> None:
    """Say what is not graded, and which days in `late.toml` are nobody's."""
    states = Counter(
        _state(course, one, name) for name in names for one in course.submissions(name)
    )
    if states["changed"] or states["new"]:
        print(
            f"{states['changed']} changed and {states['new']} new submissions are not graded: "
            "run `nnfromscratch course grade`"
        )
    for line in late.strangers(late.policy(course), _everyone(course, books)):
        print(line)


def _everyone(course: Course, books) -> set[str]:
    """Return who has handed in something, or is in the gradebook."""
    return books.students(course).union(*map(course.submissions, course.released()))


def table(course: Course, books) -> tuple[list[str], list[dict]]:
    """Return the columns and rows of the grades: one row for each student and set."""
    columns = ["student", "set", "total", "max", "days late", "lost by it"]
    columns += ["waiting for a person", "flags"]
    rows, rules = [], late.policy(course)
    everyone = sorted(_everyone(course, books))
    for name in course.released():
        source = course.source(name)
        cells = [*(check.grade_id for check in source.checks), *source.manual]
        columns += [cell for cell in cells if cell not in columns]
        handed = set(course.submissions(name))
        maximum, entries = books.maximum(course, name), books.grades(course, name)
        nothing = {"points": {}, "waiting": [], "submitted": False}
        for student in everyone:
            grades = entries.get(student, nothing)
            result = course.result(student, name) or {}
            kinds = sorted({kind for kind, _ in result.get("findings", [])})
            flags = ["needs a human"] * bool(result.get("human")) + kinds
            if student in handed:
                flags += ["not graded yet"] * (_state(course, student, name) != "graded")
            else:
                flags += ["not submitted"] * (not grades["submitted"])
            points = {cell: grades["points"].get(cell, 0.0) for cell in cells}
            days, total = late.days_late(course, rules, student, name), sum(points.values())
            lost = rules.penalty(days, total, maximum)
            rows.append(
                {
                    "student": student,
                    "set": name,
                    "total": total - lost,
                    "max": maximum,
                    "days late": days,
                    "lost by it": lost,
                    "waiting for a person": " ".join(grades["waiting"]),
                    "flags": "; ".join(flags),
                }
                | points
            )
    return columns, rows


def _summed(rows: list[dict]) -> tuple[list[str], list[dict]]:
    """Return one row for each student: the total of each set, and their sum."""
    names = list(dict.fromkeys(row["set"] for row in rows))
    students: dict[str, dict] = {}
    for row in rows:
        one = students.setdefault(row["student"], {"student": row["student"], "sum": 0, "max": 0})
        one[row["set"]] = row["total"]
        one["sum"] += row["total"]
        one["max"] += row["max"]
        words = f"{row['set']}: {row['waiting for a person']}" * bool(row["waiting for a person"])
        one["waiting for a person"] = "; ".join(
            filter(None, (one.get("waiting for a person"), words))
        )
    return ["student", *names, "sum", "max", "waiting for a person"], [*students.values()]


def _export(options: argparse.Namespace) -> None:
    books, course = _books(), Course(options.course)
    if options.file.is_dir():
        raise CourseError(f"{options.file} is a folder; name a file in it, like grades.csv")
    columns, rows = table(course, books)
    given = options.moodle or options.canvas
    pairs = [part.partition("=") for part in options.column]
    if pairs and not (given and all(title for *_, title in pairs)):
        raise CourseError("--column names a set's column, as in --column 02=Points, of a gradebook "
                          "that --moodle or --canvas names")  # fmt: skip
    if given:
        named = {n if n == gradebooks.SUM else course.resolve(n): title for n, _, title in pairs}
        kind = "moodle" if options.moodle else "canvas"
        written, said = gradebooks.filled(gradebooks.read(given), kind, rows, named)
    else:
        text = io.StringIO(newline="")
        columns, rows = _summed(rows) if options.sum else (columns, rows)
        writer = csv.DictWriter(text, columns)
        writer.writeheader()
        writer.writerows(rows)
        written, said = text.getvalue(), [f"{len(rows)} rows"]
    with replacing(options.file) as file:
        file.write(written.encode("utf-8-sig"))  # so that spreadsheets see the encoding
    for line in said:
        print(f"{options.file}: {line}")
    _say_what_is_left(course, course.released(), books)


def _report(options: argparse.Namespace) -> None:
    from .report import page

    books, course = _books(), Course(options.course)
    path = options.out or course.root / "report.html"
    _, rows = table(course, books)
    layout.write(path, page(course, rows, anonymous=options.anonymous))
    print(f"{path}: open it in a browser")
    _say_what_is_left(course, course.released(), books)
