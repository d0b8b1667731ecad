"""nbgrader's part: release, gradebook, feedback. It is the only module that needs nbgrader.

nbgrader runs its own pipeline on the mended copies, but for one step: where it would execute the
notebook, `Verdicts` writes the outputs that the sandbox and the grader have found. So its scores,
its formgrader and its feedback show the trusted verdicts.
"""

import contextlib
import hashlib
import json
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from traitlets import Unicode
from traitlets.config import Config

from . import late
from .examine import text_of
from .layout import Course, CourseError, InUse, write
from .pictures import harmless
from .student import CODE_STUB, HIDDEN, _without, secrets

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what nbgrader imports has deprecations of its own
    from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
    from nbgrader.api import Gradebook, MissingEntry
    from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback
    from nbgrader.coursedir import CourseDirectory
    from nbgrader.preprocessors import GetGrades, NbGraderPreprocessor

# nbgrader calls alembic by its name, and this environment may not be the active one.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])

UNTRUSTED = "This set has not been graded in the sandbox: run `nnfromscratch course grade` first."


class Verdicts(NbGraderPreprocessor):
    """Writes the outputs of a graded submission, and takes the hidden tests out of its copy."""

    course = Unicode(help="the course's folder").tag(config=True)

    def preprocess(self, nb, resources):
        """Return the notebook with the outputs that belong to it."""
        where = resources["nbgrader"]
        course = Course(Path(self.course))
        result = course.result(where["student"], where["assignment"])
        if not result or result["key"] != course.key(where["student"], where["assignment"]):
            raise RuntimeError(UNTRUSTED)
        verdicts = {verdict["grade_id"]: verdict for verdict in result["verdicts"]}
        for cell in nb.cells:
            if cell.cell_type != "code":
                continue
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            cell.outputs = []
            if name in verdicts:
                verdict = verdicts.pop(name)
                text = (verdict["mistake"], verdict["message"]) if verdict["mistake"] else None
                cell.outputs = _outputs("" if text else verdict["message"], text)
                if text and verdict["points"]:  # nbgrader takes the first result for the points
                    cell.outputs.insert(0, _part(verdict["points"], verdict["maximum"]))
                lines = cell.source.split("\n")
                cell.source = "\n".join(_without(lines, HIDDEN, name, ())[0])
            elif cell.get("id") in result["outputs"]:
                outcome = result["outputs"][cell["id"]]
                error = outcome["error"]
                cell.outputs = _outputs(outcome["text"], error and (error[0], ": ".join(error[:2])))
        if verdicts:
            raise RuntimeError(f"{UNTRUSTED} It lacks {', '.join(verdicts)}.")
        # The formgrader shows this copy inside Jupyter, where a script could start kernels.
        _make_harmless(nb, course, where["assignment"])
        return nb, resources


class Harmless(NbGraderPreprocessor):
    """Shows HTML in a student's own text as text: a page of feedback must not run their scripts."""

    course = Unicode(help="the course's folder").tag(config=True)

    def preprocess(self, nb, resources):
        """Return the notebook with its student's text made harmless."""
        _make_harmless(nb, Course(Path(self.course)), resources["nbgrader"]["assignment"])
        return nb, resources


def _make_harmless(nb, course: Course, name: str) -> None:
    """Show as text what a browser would obey in cells that are not as they were released."""
    given = {text_of(cell) for cell in course.source(name).released["cells"]}
    for cell in nb.cells:
        if cell.cell_type != "code" and cell.source not in given:
            cell.source = harmless(cell.source, tuple(cell.get("attachments", {})))


def _outputs(text: str, error: tuple[str, str] | None) -> list:
    from nbformat.v4 import new_output

    outputs = [new_output("stream", name="stdout", text=text)] if text else []
    if error:
        name, message = error
        outputs.append(new_output("error", ename=name, evalue=message, traceback=[message]))
    return outputs


def _part(points: float, maximum: float):
    """Return the output by which nbgrader gives a part of the points, and what a page shows."""
    from nbformat.v4 import new_output

    shown = {"text/plain": str(points), "text/html": f"{points:g} of {maximum:g} points"}
    return new_output("execute_result", shown)


def _run(converter: type, course: Course, name: str, student: str, **settings: object) -> None:
    """Run one of nbgrader's steps, quietly; what it says is told if it fails.

    Raises:
        InUse: another program is writing in the gradebook.
        CourseError: the step has failed for another reason.
    """
    config = Config()
    config.CourseDirectory.root = str(course.root)
    config.CourseDirectory.assignment_id = name
    config.CourseDirectory.student_id = student
    config.CourseDirectory.submitted_directory = "mended"
    config.ClearSolutions.code_stub = {"python": "\n".join(CODE_STUB)}
    config.Verdicts.course = config.Harmless.course = str(course.root)
    said = _Said()
    logger = logging.getLogger("nnfromscratch.course.nbgrader")
    for one in (logger, logging.getLogger("tornado.application")):  # which the gradebook takes
        one.propagate, one.handlers = False, [said]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        step = converter(coursedir=CourseDirectory(config=config), config=config, log=logger)
        for key, value in settings.items():
            setattr(step, key, value)
        step.force = True
        try:
            step.start()
        except (Exception, SystemExit) as error:
            words = "\n".join(said.lines[-3:])
            failure = CourseError(f"nbgrader: {name}, {student}: {error} {words}")
            raise _in_use(course, "\n".join([str(error), *said.lines])) or failure from error


class _Said(logging.Handler):
    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record):
        self.lines.append(record.getMessage())


@contextlib.contextmanager
def _gradebook(course: Course) -> Iterator[Gradebook]:
    """Open the gradebook.

    Raises:
        InUse: another program is writing in it.
    """
    try:
        with Gradebook(f"sqlite:///{course.root / 'gradebook.db'}") as book:
            yield book
    except Exception as error:
        if in_use := _in_use(course, str(error)):
            raise in_use from None
        raise


def _in_use(course: Course, words: str) -> InUse | None:
    """Return the error to raise if these words, of another error or a log, hold SQLite's."""
    if "database is locked" not in words:
        return None
    return InUse(f"{course.root / 'gradebook.db'} is in use: close the formgrader, run again")


def release(course: Course, name: str) -> Path:
    """Make the student edition of a set and enter the set in the gradebook; return its path."""
    source = course.source(name)
    if source.practice:
        raise CourseError(
            f"release: {name} is for practice. Its checks train networks beside the answers, which "
            "the sandbox must not hold. Give the students notebooks/exercises, and read what they "
            "wrote."
        )
    _run(GenerateAssignment, course, name, ".")
    path = course.root / "release" / name / f"{name}.ipynb"
    text = path.read_text(encoding="utf-8")
    given = {line.strip() for cell in source.released["cells"] for line in cell["source"]}
    for line in secrets(source.notebook):
        if len(line) > 15 and line not in given and json.dumps(line)[1:-1] in text:
            path.unlink()
            raise CourseError(f"release: {name} would have shown this line of a solution: {line}")
    return path


def enter(course: Course, student: str, name: str) -> None:
    """Enter a graded submission in the gradebook, and write its autograded copy."""
    from nbgrader import preprocessors as steps

    read = _read(course, student, name)
    after = [steps.LimitOutput, steps.SaveAutoGrades, steps.AssignLatePenalties]
    _run(Autograde, course, name, student, autograde_preprocessors=[Verdicts, *after])
    if course.result(student, name)["human"]:
        with _gradebook(course) as book:
            for notebook in book.find_submission(name, student).notebooks:
                for grade in notebook.grades:
                    grade.needs_manual_grade = True
            book.db.commit()
    elif read:
        texts = _texts(course, student, name)
        with _gradebook(course) as book:
            for notebook in book.find_submission(name, student).notebooks:
                for grade in notebook.grades:
                    if grade.name in read and read[grade.name] == texts.get(grade.name):
                        grade.needs_manual_grade = False
            book.db.commit()


def _read(course: Course, student: str, name: str) -> dict[str, str]:
    """Return the answers in words that a person has given points for: grade_id and text."""
    texts = _texts(course, student, name)
    if not texts:
        return {}
    manual = course.source(name).manual
    with _gradebook(course) as book, contextlib.suppress(MissingEntry):
        notebooks = book.find_submission(name, student).notebooks
        done = {
            grade.name
            for notebook in notebooks
            for grade in notebook.grades
            if grade.manual_score is not None and not grade.needs_manual_grade
        }
        return {grade_id: texts[grade_id] for grade_id in done & {*manual} & {*texts}}
    return {}


def _texts(course: Course, student: str, name: str) -> dict[str, str]:
    """Return the text of each graded cell in a student's autograded copy."""
    try:
        text = course.file("autograded", student, name).read_text(encoding="utf-8")
        cells = json.loads(text)["cells"]
    except (OSError, ValueError, KeyError):
        return {}
    kinds = [(cell["metadata"].get("nbgrader", {}).get("grade_id"), cell) for cell in cells]
    return {grade_id: text_of(cell) for grade_id, cell in kinds if grade_id}


def students(course: Course) -> set[str]:
    """Return everybody in the gradebook, whether or not they have handed anything in."""
    with _gradebook(course) as book:
        return {student.id for student in book.students}


def entered(course: Course, name: str) -> set[str]:
    """Return the students whose submission of a set is in the gradebook."""
    with _gradebook(course) as book, contextlib.suppress(MissingEntry):
        return {submission.student.id for submission in book.find_assignment(name).submissions}
    return set()


def maximum(course: Course, name: str) -> float:
    """Return the points of a set as the gradebook counts them."""
    with _gradebook(course) as book:
        try:
            return book.find_assignment(name).max_score
        except MissingEntry:
            raise CourseError(
                f"{name} is not in the gradebook: run `nnfromscratch course release {name}`"
            ) from None


def feedback(course: Course, student: str, name: str) -> bool:
    """Write a student's feedback page; return whether it had to be written."""
    result = course.result(student, name)
    with _gradebook(course) as book:
        submission = book.find_submission(name, student)
        words = _late(course, student, name, submission)
        state = [result["key"], words, *_entries(submission)]
    mark = hashlib.sha256(repr(state).encode()).hexdigest()
    path = course.file("feedback", student, name, "html")
    known = path.parent / ".state"
    if path.is_file() and known.is_file() and known.read_text() == mark:
        return False
    steps = [GetGrades, Harmless, CSSHTMLHeaderPreprocessor]
    _run(GenerateFeedback, course, name, student, preprocessors=steps)
    write(path, _named(path.read_text(encoding="utf-8"), words))
    known.write_text(mark)
    return True


def _late(course: Course, student: str, name: str, submission) -> str:
    """Return what a page says of a submission that came late."""
    rules = late.policy(course)
    days = late.days_late(course, rules, student, name)
    lost = rules.penalty(days, submission.score, submission.max_score)
    several = "s" * (days != 1)
    return f"{days} day{several} late: {lost:g} points are taken off." if days and lost else ""


def _named(page: str, words: str) -> str:
    """Return a page whose list of scores names the blanks, and says what was lost."""
    page = re.sub(r'(<a href="#check_(\w+)">)Test cell</a>', r"\1\2</a>", page)
    return page.replace('<div id="toc">', f'<p>{words}</p><div id="toc">', 1) if words else page


def _entries(submission) -> list:
    return [
        (e.name, getattr(e, "score", None), getattr(e, "comment", None))
        for notebook in submission.notebooks
        for e in (*notebook.grades, *notebook.comments)
    ]


def grades(course: Course, name: str) -> dict[str, dict]:
    """Return, for each student in the gradebook, points by cell and what waits for a person."""
    rows = {}
    with _gradebook(course) as book:
        for student in book.students:
            row = rows[student.id] = {"points": {}, "waiting": [], "submitted": False}
            with contextlib.suppress(MissingEntry):
                submission = book.find_submission(name, student.id)
                row["submitted"] = True
                for grade in (g for notebook in submission.notebooks for g in notebook.grades):
                    row["points"][grade.name] = grade.score
                    if grade.needs_manual_grade:
                        row["waiting"].append(grade.name)
    return rows
