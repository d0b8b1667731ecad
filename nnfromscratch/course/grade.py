"""What a submission is worth: a verdict on each check, by a process that learners cannot reach.

The code of a check runs here, in the grader, on the text of the source, hidden tests included. The
learner's functions stand in it as `Inside`: each call is a request to the sandbox, and what comes
back is compared here. `check_NAME` is Exercise's own judgement on cases drawn here.
"""

import ast
import builtins
import contextlib
import functools
import hashlib
import inspect
import io
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ..exercises import Exercise, ExerciseError, all_exercises
from ..exercises._exercise import BLANK, STOPPED, shown
from ..exercises._sandbox import Behaviour, Observed, Raised
from ..exercises.own import ANOTHER
from .examine import Check, Examined, Source
from .jail import Inside, Jail, JailError, Limits, Lost, decode
from .partial import Share, share
from .runner import Shell, into

NOT_DEFINED = "not defined"
NOT_COMPARED = "not compared"
SYNTAX_ERROR = "syntax error"
MISSING = (NOT_DEFINED, SYNTAX_ERROR, BLANK)
"""What is said of an answer that is not there."""


def clean(text: object, most: int) -> str:
    """Return a text from outside as files and pages can hold it."""
    text = str(text)[:most].encode("utf-8", "replace").decode()
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)


@dataclass
class Verdict:
    """What one check is worth."""

    grade_id: str
    points: float
    maximum: float
    message: str = ""
    mistake: str = ""
    """What is wrong in a few words; nothing if all is right."""


def sent(exercise: Exercise) -> tuple[str, str]:
    """Return the name of the function that uses an answer, and the code that defines it.

    The sandbox has no lessons, so what `call` needs of its module is cut out and sent.
    """
    if exercise.call is Exercise.__dataclass_fields__["call"].default:
        return "", ""
    return _sent(exercise.call)


@functools.cache
def _sent(call: Callable) -> tuple[str, str]:
    nodes = {}
    for node in ast.parse(inspect.getsource(inspect.getmodule(call))).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            nodes[node.name] = node
        elif isinstance(node, ast.Import | ast.ImportFrom) and not getattr(node, "level", 0):
            nodes |= {alias.asname or alias.name: node for alias in node.names}
        elif isinstance(node, ast.Assign):
            nodes |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
    needed, names = [], [call.__name__]
    for name in names:
        node = nodes.get(name)
        if node is not None and node not in needed:
            needed.append(node)
            names += [part.id for part in ast.walk(node) if isinstance(part, ast.Name)]
    code = "\n".join(ast.unparse(node) for node in nodes.values() if node in needed)
    return call.__name__, code


class Session:
    """A learner's cells in a sandbox, which is started again whenever it is lost.

    A check sees the cells that are due by then; the others run when they are. A cell that ends the
    process or does not come to an end is reduced to its definitions, and if it still does, left
    out.
    """

    def __init__(self, cells: list[tuple[str, str]], start: Callable[[], Jail], limits: Limits):
        self.cells, self.start, self.limits = cells, start, limits
        self.due, self.done = len(cells), 0
        self.jail: Jail | None = None
        self.reduced: dict[str, int] = {}
        self.outcomes: dict[str, dict] = {}
        self.notes: list[tuple[str, str]] = []
        self.patience, self.left = limits.cell_seconds, limits.cells_seconds

    def ready(self) -> Jail:
        """Return a sandbox in which the cells that are due have run."""
        while self.jail is None or self.done < self.due:
            if self.jail is None:
                self.jail, self.done = self.start(), 0
                continue
            name, code = self.cells[self.done]
            try:
                if self.reduced.get(name, 0) < 2:
                    self._run(self.jail, name, code)
                self.done += 1
            except Lost as lost:
                self.lose()
                self._reduce(name, lost)
        return self.jail

    def _reduce(self, name: str, lost: Lost) -> None:
        self.reduced[name] = self.reduced.get(name, 0) + 1
        if lost.trouble == "time":
            self.patience = max(1.0, self.patience / 2)
        rest = "only its definitions are run" if self.reduced[name] < 2 else "left out"
        self.notes.append(("cell lost", f"{name}: {lost.words}; {rest}."))
        self.outcomes[name] = {"text": "", "error": ["Stopped", f"{lost.words}; {rest}", ""]}

    def _run(self, jail: Jail, name: str, code: str) -> None:
        request, begin = ("cell", name, code, name in self.reduced), time.monotonic()
        try:
            answer = jail.ask(request, begin + min(self.patience, max(1.0, self.left)))
        finally:
            self.left -= time.monotonic() - begin
        text, error = answer.get("text"), answer.get("error")
        if type(text) is not str or not (error is None or isinstance(error, list)):
            raise Lost("end", "it disturbed the messages of the grader")
        if name not in self.reduced:
            error = error and [clean(part, 300) for part in error]
            below = bool(error) and answer.get("below") is True
            self.outcomes[name] = {"text": clean(text, 1000), "error": error, "below": below}

    def lose(self) -> None:
        """End the sandbox."""
        jail, self.jail = self.jail, None
        if jail:
            jail.close()


class Asking:
    """One check's questions to the sandbox; they share a deadline."""

    def __init__(self, session: Session, check: Check, exercises: list[Exercise]):
        self.session, self.limits = session, session.limits
        self.jail = session.ready()
        self.deadline = time.monotonic() + self.limits.check_seconds
        self.readers: set[Inside] = set()
        self.last, self.ended = "", False
        forbidden = [name for exercise in exercises for name in exercise.out_of_reach]
        use = "\n".join(sent(exercise)[1] for exercise in exercises)
        names = [self.limits.check_processor, *forbidden]
        answer = self._ask(("check", list(check.names), names, use))
        pairs = answer.get("known")
        if not isinstance(pairs, list):
            raise self._broken()
        # Only what the blank asks for: a submission may send `np` or `abs` of its own as well.
        asked = [(name, value) for name, value in pairs if name in check.names]
        self.known = {name: decode(value, self.jail, self) for name, value in asked}

    def _broken(self) -> Lost:
        self.session.lose()
        return Lost("end", "it disturbed the messages of the grader")

    def _ask(self, request: tuple) -> dict:
        try:
            answer = self.jail.ask(request, self.deadline)
        except Lost:
            self.session.lose()
            raise
        if "ended" in answer:  # the fork alone: the session goes on
            self.ended = True
            trouble = "time" if answer["ended"] == -24 else "end"  # SIGXCPU
            raise Lost(trouble, "it ended its process")
        if "trouble" in answer:
            raise Lost("text" if answer["trouble"] == "text" else "memory", "it was stopped")
        return answer

    def request(self, request: tuple, arguments: tuple = ()) -> object:
        """Ask for one thing and return the result, or raise what the learner's code raised."""
        for reader in list(self.readers):
            reader._write_back()
        answer = self._ask(request)
        result = decode(answer.get("result"), self.jail, self)
        if isinstance(result, np.ndarray) and not result.ndim:
            result = result[()]
        if request[0] == "call":
            given = ", ".join(shown(part) for part in arguments)
            self.last = f"called with {given}\nit gave {shown(result)}"
            for place, value in answer.get("changed") or []:
                with contextlib.suppress(Exception):
                    into(arguments[place], decode(value, self.jail))
        if isinstance(result, Raised):
            raise _exception(result)
        return result

    def observe(self, exercise: Exercise, function: Inside, cases: list[tuple]) -> Observed:
        """Return what an answer does with all cases of its exercise."""
        behaviours, use, used = [], sent(exercise)[0], ()
        try:
            for case in cases:
                answer = self._ask(("case", function, case, use))
                changed = tuple(int(place) for place in answer.get("changed", []))
                after = decode(answer.get("after"), self.jail)
                after = after if isinstance(after, tuple) and len(after) == len(changed) else ()
                found = Behaviour(decode(answer.get("result"), self.jail), changed, after)
                behaviours.append(found)
                used = tuple(str(part)[:80] for part in answer.get("used", []))
                result = found.result
                if used or (isinstance(result, Raised) and result.type == "NotImplementedError"):
                    break
        except Lost as lost:
            return Observed(behaviours, lost.trouble, "", used)
        except (TypeError, ValueError):
            raise self._broken() from None
        return Observed(behaviours, "", "", used)

    def end(self) -> None:
        """Let the fork go; the session's process is then ready for the next check.

        Raises:
            Lost: the answer has ended that process, and could still say a result.
        """
        if self.session.jail is not self.jail or self.ended:
            return
        self.ended = True
        try:
            self.jail.send(("done",), self.deadline)
            said = self.jail.receive(time.monotonic() + self.limits.check_seconds)
        except Lost:
            self.session.lose()
            raise
        if "ended" not in said:
            self.session.lose()


class NotComparedError(RuntimeError):
    """The grader's own code failed on what came back."""


class FromInside(Exception):
    """Marks what a learner's own code raised."""


def _exception(raised: Raised) -> Exception:
    kind = getattr(builtins, raised.type, None)
    base = kind if isinstance(kind, type) and issubclass(kind, Exception) else Exception
    name = clean(raised.type, 100)
    try:
        return type(name, (FromInside, base), {})(raised.message)
    except Exception:  # an exception that wants other arguments
        return type(name, (FromInside,), {})(raised.message)


def _compared(exercise: Exercise, cases: list[tuple], observed: Observed, partial: bool) -> None:
    """Raise what `Exercise.judge` raises; with `partial`, the error has the share that is right."""
    try:
        exercise.judge(cases, observed)
    except ExerciseError as error:
        if partial and error.mistake != ANOTHER:  # that one was copied, whatever fits by chance
            error.share = share(exercise, cases, observed)
        raise


def judge(session: Session, check: Check, space: dict, examined: Examined, seed: bytes) -> Verdict:
    """Return the verdict on one check of a submission."""
    verdict = Verdict(check.grade_id, 0.0, check.points)
    by_check = check.exercises
    printed, asking = io.StringIO(), None
    try:
        asking = Asking(session, check, list(by_check.values()))
        missing = [name for name in check.names if name not in asking.known]
        if missing:
            words = examined.problems.get(missing[0]) or _why(missing[0], examined, session)
            verdict.message = f"{missing[0]} is not defined. {words}"
            verdict.mistake = SYNTAX_ERROR if SYNTAX_ERROR in words else NOT_DEFINED
            return verdict
        space = space | asking.known

        def trusted(exercise):
            name = exercise.name

            def check_function(answer, *_):  # what a notebook says of its draw counts for nothing
                if not isinstance(answer, Inside):
                    return exercise.check(answer)
                rng = np.random.default_rng([*hashlib.sha256(seed + name.encode()).digest()])
                cases = exercise.cases(rng)
                observed = asking.observe(exercise, answer, cases)
                try:
                    # Of several blanks in one check, the others would still be unknown.
                    _compared(exercise, cases, observed, check.partial and len(by_check) == 1)
                except ExerciseError:
                    raise
                except Exception as error:  # a result so odd that we cannot even say what is wrong
                    raise NotComparedError(f"{type(error).__name__}: {error}") from error
                print(f"{name}: right, in all {len(cases)} cases.")

            return check_function

        space |= {name: trusted(exercise) for name, exercise in by_check.items()}
        with contextlib.redirect_stdout(printed), np.errstate(all="ignore"):
            exec(compile(check.code, check.grade_id, "exec"), space)
        if asking:
            asking.end()
    except ExerciseError as error:
        part = getattr(error, "share", Share())
        verdict.points = part.of(check.points)
        verdict.message = str(error) + part.words(check.points)
        verdict.mistake = error.mistake
    except Lost as lost:
        what = ", ".join(check.names)
        verdict.message = f"{what}: {lost.words}.\n{asking.last if asking else ''}"
        verdict.mistake = STOPPED[lost.trouble]
    except JailError:
        raise
    except NotComparedError as error:
        verdict.mistake = NOT_COMPARED
        verdict.message = f"What came back could not be compared with what is due ({error})."
    except FromInside as error:
        name = type(error).__name__
        verdict.mistake = BLANK if name == "NotImplementedError" else f"raises {name}"
        verdict.message = f"It raised {name}: {error}"
    except Exception as error:
        what = ", ".join(check.names)
        verdict.mistake = "fails a further test"
        verdict.message = f"{what} fails a further test ({type(error).__name__}): "
        verdict.message += asking.last if asking else ""
    else:
        verdict.points, verdict.message = check.points, printed.getvalue()
    finally:
        if asking:
            with contextlib.suppress(Lost):
                asking.end()
        verdict.message = clean(verdict.message, 5000)
        verdict.mistake = clean(verdict.mistake, 100)
    return verdict


def _not_compared(check: Check, why: str) -> Verdict:
    words = f"The grader {why} while it compared this. Somebody will look at it."
    return Verdict(check.grade_id, 0.0, check.points, words, NOT_COMPARED)


def _why(name: str, examined: Examined, session: Session) -> str:
    """Say why no cell has defined a name."""
    for cell, _, blanks in examined.run:
        error = session.outcomes.get(cell, {}).get("error")
        if name in blanks and error:
            return f"{cell.replace('-', ' ').capitalize()} raised {_told(error)}."
    return "No cell that could be run defines it."


def _told(error: list) -> str:
    return f"{error[0]}: {error[1]}" if error[1] else error[0]


def _left_out(examined: Examined, session: Session) -> list[tuple[str, str]]:
    """Name what raised above an answer: a kernel stops there, and here the rest was run."""
    notes = []
    for cell, _, blanks in examined.run:
        outcome = session.outcomes.get(cell, {})
        if blanks and outcome.get("below"):
            words = f"{cell} ({', '.join(blanks)}): {_told(outcome['error'])}"
            notes.append(("statement left out", f"{words}. The rest of the cell counts."))
    return notes


class Tries:
    """One submission's answers, each judged until it is right: at its check, at the end, alone.

    A kernel that runs all cells has judged an answer where its check stands, whatever becomes of
    its names further down. What is not right there may stand below its check, or be disturbed.
    """

    def __init__(
        self,
        examined: Examined,
        source: Source,
        start: Callable[[], Jail],
        limits: Limits,
        judged: Callable[[Session, Check], Verdict],
    ):
        self.run, self.judged = examined.run, judged
        self.prelude = [(f"prelude-{i}", code) for i, code in enumerate(source.prelude)]
        self.above = {check.grade_id: examined.above(check.grade_id) for check in source.checks}
        self.started = functools.partial(Session, start=start, limits=limits)
        self.session = self.started([*self.prelude, *[part[:2] for part in self.run]])

    def verdicts(self, checks: list[Check]) -> dict[str, Verdict]:
        """Return the verdict on each check; run all cells once, and those further down last."""
        session, first = self.session, {}
        try:
            for check in sorted(checks, key=lambda check: self.above[check.grade_id]):
                session.due = len(self.prelude) + self.above[check.grade_id]
                first[check.grade_id] = self.judged(session, check)
            session.due = len(session.cells)
            found = {check.grade_id: self._again(check, first[check.grade_id]) for check in checks}
            if checks:
                session.ready()  # for what the last cells print
        finally:
            session.lose()
        return found

    def _again(self, check: Check, first: Verdict) -> Verdict:
        """Return the verdict that counts, when all cells are due."""
        tries = [first]
        if _may_differ(first, check, self.run[self.above[check.grade_id] :]):
            tries.append(self.judged(self.session, check))
            if first.mistake in MISSING:
                del tries[0]
        if all(one.mistake for one in tries) and any(map(_may_be_disturbed, tries)):
            alone = self._alone(check)
            if not alone.mistake:
                names = ", ".join(check.names)
                words = f"{names} is right on its own; something else in the notebook disturbs it."
                self.session.notes.append(("disturbed", words))
                return alone
        # Of verdicts that are worth as much, the learner has seen the first.
        return max(tries, key=lambda one: (not one.mistake, one.points))

    def _alone(self, check: Check) -> Verdict:
        own = [part[:2] for part in self.run if set(part[2]) & set(check.names)]
        session = self.started([*self.prelude, *own])
        session.reduced = {name: 1 for name, _ in own}
        try:
            return self.judged(session, check)
        finally:
            session.lose()


def grade(
    examined: Examined,
    source: Source,
    start: Callable[[], Jail],
    limits: Limits,
    seed: bytes,
    left_out: Mapping[str, str] | None = None,
    at: Callable[[str], None] = str,
) -> dict:
    """Return the verdicts on a submission and what its cells printed, as JSON can hold it.

    `left_out` and `at` are those of `apart.each`.
    """
    left_out, space = left_out or {}, _space(source)

    def judged(session: Session, check: Check) -> Verdict:
        at(check.grade_id)
        return judge(session, check, space, examined, seed)

    tries = Tries(examined, source, start, limits, judged)
    found = tries.verdicts([one for one in source.checks if one.grade_id not in left_out])
    notes = tries.session.notes + _left_out(examined, tries.session)
    for check in source.checks:
        if why := left_out.get(check.grade_id):
            found[check.grade_id] = _not_compared(check, why)
        asked = {exercise.name for exercise in check.exercises.values()}
        for name in sorted(asked & examined.claims) if found[check.grade_id].mistake else ():
            words = f"The file's own output says that {name} is right; graded, it is not."
            notes.append(("disagreement", words))
    return {
        "verdicts": [asdict(found[check.grade_id]) for check in source.checks],
        "outputs": tries.session.outcomes,
        "notes": notes,
    }


def _space(source: Source) -> dict:
    """Return the namespace of the checks, in which the source's own cells have run."""
    space: dict = {"__name__": "checks"}
    space["get_ipython"] = Shell(space, writes=False)
    for code in source.prelude:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(code, space)
    return space


def _may_differ(verdict: Verdict, check: Check, below: Sequence[tuple]) -> bool:
    """Say whether the cells below a check could make right what is not right where it stands."""
    if verdict.mistake in STOPPED.values():  # which mostly takes all the time of a check
        return any(set(blanks) & set(check.names) for *_, blanks in below)
    return bool(verdict.mistake and below)


def _may_be_disturbed(verdict: Verdict) -> bool:
    """Say whether other cells of the notebook could be the reason why a check fails."""
    known = {m.name for exercise in all_exercises() for m in exercise.mistakes}
    own = {*MISSING, "the package's own is called", STOPPED["time"]}
    return verdict.mistake not in known | own


def starter(
    home: Path, limits: Limits, sandbox: bool, files: Sequence[Path] = ()
) -> Callable[[], Jail]:
    """Return a function that starts a fresh sandbox."""
    return lambda: Jail(home, limits, sandbox=sandbox, files=files)
