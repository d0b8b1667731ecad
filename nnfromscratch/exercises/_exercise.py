"""An exercise: what one blank asks for, how it is checked, and the mistakes people make in it."""

import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from inspect import signature
from operator import attrgetter

import numpy as np

from ._compare import in_float32, is_number, only_rounded, same
from ._diagnosis import (
    VAGUE,
    Fact,
    Trial,
    besides,
    entries,
    in_another_order,
    measure,
    parts_of,
    type_of,
)
from ._pairs import pair_behind
from ._progress import record
from ._sandbox import (
    CPU_SECONDS,
    MEMORY,
    WALL_SECONDS,
    Behaviour,
    Behaviours,
    Observed,
    Raised,
    behaviour,
    observe,
    one_thread,
)

WIDTH = 84
"""Columns of a message: what a notebook shows beside its file browser."""
FEW = 2
"""How many wrong results a message shows, if there are several."""
LINES = 14
"""How many lines the arguments of a case may take; beyond, the largest are shown by shape alone."""
MOST_ENTRIES = 12
"""Of a larger argument that an answer has changed, one entry is shown."""
CASES = 20
"""How many random cases a check draws, besides the corners, unless an exercise says otherwise."""
IN_ONE_PART = re.compile(r"(\bin (?:the )?\w+) alone$")
"""How the name of a mistake ends that spares the other results: untrue if these are wrong too."""
BLANK = "still blank"
STOPPED = {
    "time": "no end",
    "memory": "too much memory",
    "text": "prints without end",
    "end": "ends the process",
}
"""What an answer did that did not come to an end, by what `observe` calls it."""


class ExerciseError(AssertionError):
    """An answer is not right yet. The message says what was tried, what came back, and a hint."""

    mistake = ""
    """What is wrong in a few words, for those who count: a mistake's name, or a kind of fact."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows: the message alone, without the way to it."""
        return [str(self)]


@dataclass(frozen=True)
class Mistake:
    """A mistake that people really make."""

    name: str
    """What it is called: "the sum where the mean is due"."""
    implementation: Callable
    """The blank filled with it."""
    hint: str
    """What leads out of it, without giving the line."""


@dataclass(frozen=True)
class Exercise:
    """One blank of an exercise notebook.

    Args:
        name: the function to write; its check is called check_NAME.
        lesson: the number of the lesson.
        goal: what the learner can do afterwards.
        points: what it counts.
        misconception: what usually stands behind a wrong answer, for the instructor.
        reference: a right answer.
        inputs: a function of a generator that draws the arguments of one case, as a tuple.
        mistakes: the catalogue; each is told from the right answer, and from the others, by what it
            does in the cases drawn.
        variants: other right ways to write it.
        hints: at most three, from a nudge to all but the line.
        corners: functions like `inputs` for cases that must not be missed.
        call: how an answer is used: call(answer, *arguments) returns the results. For a class, it
            makes an object and runs its methods.
        arguments: the names of the arguments, if they are not those of the reference.
        outputs: the names of the results, if there are several.
        out_of_reach: names in `nnfromscratch` that answer the blank, and may not be called, such as
            "relu" or "diagnostics.examine".
        gradable: whether a class can be graded on it; not if `call` needs more than can be sent to
            a sandbox that holds no answers.
        draws: how many random cases a check draws, besides the corners; fewer where one is dear.
    """

    name: str
    lesson: int
    goal: str
    points: int
    misconception: str
    reference: Callable
    inputs: Callable[[np.random.Generator], tuple]
    mistakes: tuple[Mistake, ...]
    variants: tuple[Callable, ...] = ()
    hints: tuple[str, ...] = ()
    corners: tuple[Callable[[np.random.Generator], tuple], ...] = ()
    call: Callable = field(default=lambda answer, *arguments: answer(*arguments))
    arguments: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    out_of_reach: tuple[str, ...] = ()
    gradable: bool = True
    draws: int = CASES

    @property
    def argument_names(self) -> tuple[str, ...]:
        """The names under which a message shows the arguments."""
        return self.arguments or tuple(signature(self.reference).parameters)

    def cases(self, rng: np.random.Generator) -> list[tuple]:
        """Draw the arguments of all cases of one check."""
        return [draw(rng) for draw in self.corners + (self.inputs,) * self.draws]

    def check(self, *answers: Callable, rng: np.random.Generator | None = None) -> None:
        """Say in one line that an answer is right, or raise an ExerciseError that says what is not.

        Args:
            answers: one thing, the learner's function (or class).
            rng: where the cases come from; by default they are new in every run.

        Raises:
            ExerciseError: the answer is not right, or not written yet.
        """
        if len(answers) != 1 or not callable(answers[0]):
            given = " and ".join(map(type_of, answers)) or "nothing"
            raise self._error(
                f"check_{self.name} takes the {self._kind} itself, check_{self.name}({self.name}), "
                f"and was given {given}.",
                "not a function",
            )
        (answer,) = answers
        cases = self.cases(np.random.default_rng() if rng is None else rng)
        with one_thread():
            observed = observe(answer, cases, self.call, self._out_of_reach_of(answer))
            if observed.printed:
                print(f"({self.name} printed: {_first_lines(observed.printed)})")
            self.judge(cases, observed)
        record(self.lesson, self.name)
        points = "1 point" if self.points == 1 else f"{self.points} points"
        print(f"{self.name}: right, in all {len(cases)} cases. {points}.")

    def judge(self, cases: Sequence[tuple], observed: Observed) -> None:
        """Raise an ExerciseError unless what an answer did with the cases is right.

        The answer itself is not needed: whoever grades may have observed it elsewhere.
        """
        self._check_that_it_ran(observed, cases)
        trials = self.trials(cases, observed.behaviours, self.expected(cases))
        with np.errstate(all="ignore"):  # whatever came back, it is measured in silence
            if wrong := self.wrong(trials):
                raise self._error(*self._report(trials, wrong))

    @staticmethod
    def trials(cases: Sequence[tuple], behaviours: Sequence, expected: Sequence) -> list[Trial]:
        """Put together what was tried, what came back, and what is due."""
        return [Trial(*parts) for parts in zip(cases, behaviours, expected, strict=True)]

    def wrong(self, trials: Sequence[Trial]) -> list[Trial]:
        """Return the trials that went wrong; none if float32 on the way is all that shows."""
        wrong = [trial for trial in trials if not trial.right]
        if not wrong or any(t.found.changed or isinstance(t.found.result, Raised) for t in trials):
            return wrong
        if not all(same(t.found.result, t.expected, relative=1e-3) for t in wrong):
            return wrong  # the usual case, at once
        results = [(t.found.result, t.expected, self._in_float32(t.arguments)) for t in trials]
        return [] if only_rounded(results) else wrong

    def _in_float32(self, case: tuple) -> list[object]:
        """Return what the right answers make of a case with float32 in it: all of it, or a part."""
        single, own = in_float32(case), (self.reference, *self.variants)
        parts = [(*case[:i], single[i], *case[i + 1 :]) for i in range(len(case))]
        return [behaviour(answer, c, self.call).result for c in (single, *parts) for answer in own]

    @property
    def _kind(self) -> str:
        return "class" if isinstance(self.reference, type) else "function"

    def _error(self, message: str, mistake: str) -> ExerciseError:
        lines = message.splitlines()
        error = ExerciseError("\n".join([textwrap.fill(lines[0], WIDTH), *lines[1:]]))
        error.mistake = mistake
        return error

    def _out_of_reach_of(self, answer: Callable) -> dict[str, object]:
        """Return what an answer may not call: the package's, and the solutions here."""
        import nnfromscratch

        own = (self.reference, *self.variants)
        if answer in (*own, *(mistake.implementation for mistake in self.mistakes)):
            return {}  # our own, checked by the tests
        package = {f"nnfromscratch.{n}": attrgetter(n)(nnfromscratch) for n in self.out_of_reach}
        return package | {f"solution {i + 1} of the catalogue": f for i, f in enumerate(own)}

    def expected(self, cases: Sequence[tuple]) -> list[object]:
        """Return what is right in each case."""
        results = [behaviour(self.reference, case, self.call).result for case in cases]
        for result in results:
            if isinstance(result, Raised):
                raise RuntimeError(f"the reference of {self.name} failed: {result}")
        return results

    def _due(self, arguments: tuple) -> object:
        """Return what is right for arguments that a learner's result may belong to."""
        return behaviour(self.reference, arguments, self.call).result

    def known(self, cases: Sequence[tuple]) -> list[Behaviours]:
        """Return, for each mistake of the catalogue, what it does with the cases."""
        return [Behaviours(m.implementation, cases, self.call) for m in self.mistakes]

    def _check_that_it_ran(self, observed: Observed, cases: Sequence[tuple]) -> None:
        if observed.used:
            raise self._error(
                f"{self.name} calls {observed.used[0]}, which does what this blank asks you to "
                "write, or a part of it. While it is checked, that one is out of reach: try it "
                f"yourself. {self._first_hint()}",
                "the package's own is called",
            )
        last = observed.behaviours[-1].result if observed.behaviours else None
        if isinstance(last, Raised) and last.type == "NotImplementedError":
            part = f" in `{last.function}`" if self._kind == "class" and last.function else ""
            raise self._error(
                f"{self.name} is still blank{part}. Write it in the cell above, in place of the "
                "line `raise NotImplementedError`, and run both cells again.",
                BLANK,
            )
        if not observed.trouble:
            return
        case = cases[min(len(observed.behaviours), len(cases) - 1)]
        trouble = {
            "time": "did not come to an end and was stopped: a check has "
            f"{CPU_SECONDS} seconds of the processor, and at most {WALL_SECONDS} by the clock. "
            "Does a loop never end?",
            "memory": f"needed more than {MEMORY >> 30} GB of memory. Which array is so large?",
            "text": "printed without end. Take the print out of the loop.",
            "end": "ended the whole Python process (exit, or a crash). The check ran it in a "
            "process of its own, so nothing of yours is lost.",
        }[observed.trouble]
        parts = [f"{self.name} {trouble}", "", wrapped("hint", self._first_hint())]
        parts += ["", self._tried(case)]
        raise self._error("\n".join(parts), STOPPED[observed.trouble])

    def _first_hint(self) -> str:
        if not self.hints:
            return "Look at the formula again."
        return f"hint({self.name}, 1) gives the first of {len(self.hints)} hints."

    # The message

    def diagnose(
        self, trials: Sequence[Trial], known: Sequence[Sequence[Behaviour]]
    ) -> Mistake | None:
        """Return the one mistake of the catalogue that does the same in all cases, if there is.

        The second time dtypes may differ, unless they are all that is wrong. The third time, errors
        of one type may differ in their words, if some wrong result agrees as well. The last time,
        values may differ by what float32 on the way costs. Where so much is passed over, a mistake
        that is no more than that, such as another dtype, would fit whatever is nearly right.
        """
        values = all(same(trial.found.result, trial.expected, types=False) for trial in trials)
        returned = any(
            not trial.right and not isinstance(trial.found.result, Raised) for trial in trials
        )
        rounds = [(True, True, None), (values, True, None), (values, not returned, None)]
        for types, words, relative in [*rounds, (values, not returned, 1e-5)]:
            lenient = not types or relative
            fitting = [
                mistake
                for mistake, behaviours in zip(self.mistakes, known, strict=True)
                if all(
                    _alike(trial.found, other, types, words, relative)
                    for trial, other in zip(trials, behaviours, strict=True)
                )
                and not (lenient and _hardly_wrong(behaviours, trials, relative))
            ]
            if len(fitting) == 1:
                return fitting[0]
        return None

    def findings(
        self, trials: Sequence[Trial], wrong: Sequence[Trial]
    ) -> tuple[list[Mistake], list[Fact]]:
        """Return the mistakes of the catalogue that an answer holds, and what is measured besides.

        Mistakes are told one by one: several, if each stands behind other results.
        """
        names, outputs = self.argument_names, self.outputs
        known = self.known([trial.arguments for trial in trials])
        if mistake := self.diagnose(trials, known):
            return [mistake], []
        if order := in_another_order(wrong, outputs):
            return [], [order]
        mistakes, trials, wrong = self._by_parts(trials, wrong, known)
        if mistakes and not wrong:
            return mistakes, []
        facts = measure(trials, wrong, names, outputs, self._due)
        if mistakes or any(fact.kind not in VAGUE for fact in facts):
            return mistakes, facts
        for mistake, done in zip(self.mistakes, known, strict=True):
            found = besides(
                trials,
                [each.result for each in done],
                names,
                lambda case, m=mistake: behaviour(m.implementation, case, self.call).result,
            )
            if found:
                return [mistake], [Fact("besides", f"Besides, {found}.")]
        pair = self._pair_behind(trials, known)
        return pair, [] if len(pair) == 2 else facts

    def _pair_behind(
        self, trials: Sequence[Trial], known: Sequence[Sequence[Behaviour]]
    ) -> list[Mistake]:
        """Return the two mistakes that explain an answer together, as far as that is certain."""
        if any(trial.found.changed for trial in trials):
            return []
        results = [[each.result for each in done] for done in known]
        found, due = zip(*((trial.found.result, trial.expected) for trial in trials), strict=True)
        return [self.mistakes[place] for place in pair_behind(found, due, results)]

    def _by_parts(
        self,
        trials: Sequence[Trial],
        wrong: Sequence[Trial],
        known: Sequence[Sequence[Behaviour]],
    ) -> tuple[list[Mistake], Sequence[Trial], Sequence[Trial]]:
        """Return the mistakes that stand behind single results, and the trials without these.

        A mistake is told if all results that it makes wrong are the learner's.
        """
        nothing = [], trials, wrong
        if any(t.found.changed or isinstance(t.found.result, Raised) for t in trials):
            return nothing
        due = [parts_of(trial.expected, self.outputs) for trial in trials]
        found = [parts_of(trial.found.result, self.outputs) for trial in trials]
        names = [*due[0]]
        if len(names) < 2 or any([*parts] != names for parts in (*due, *found)):
            return nothing

        def differing(parts):
            pairs = [
                zip(one.items(), right.values(), strict=True)
                for one, right in zip(parts, due, strict=True)
            ]
            return {name for pair in pairs for (name, a), b in pair if not same(a, b)}

        left, fitting = differing(found), []
        for mistake, done in zip(self.mistakes, known, strict=True):
            own = [parts_of(behaviour.result, self.outputs) for behaviour in done]
            if any([*parts] != names for parts in own) or any(d.changed for d in done):
                continue
            touched = differing(own)
            if (
                touched
                and touched < left
                and all(
                    _explains(other[name], one[name], right[name])
                    for one, other, right in zip(found, own, due, strict=True)
                    for name in touched
                )
            ):
                fitting.append((touched, mistake))
        mistakes = []
        for touched, mistake in sorted(fitting, key=lambda parts: -len(parts[0])):
            if touched <= left:
                mistakes.append(mistake)
                left = left - touched
        if not mistakes:
            return nothing
        rest = []
        for trial, parts, right in zip(trials, found, due, strict=True):
            parts = {name: parts[name] if name in left else right[name] for name in names}
            kind = type(trial.expected)
            result = parts if kind is dict else kind(parts.values())
            rest.append(trial._replace(found=Behaviour(result)))
        return mistakes, rest, sorted((t for t in rest if not t.right), key=lambda t: t.size)

    def _report(self, trials: Sequence[Trial], wrong: Sequence[Trial]) -> tuple[str, str]:
        """Return the message, and what is wrong in a few words.

        What is wrong and the hint come first: they must not be below the edge of a screen.
        """

        # The smallest example that shows a result; a case that raised only if all of them did.
        # Where an argument was changed in some of them, one of these.
        def order(trial: Trial) -> tuple:
            raised = isinstance(trial.found.result, Raised)
            return raised, not trial.found.changed, trial.size

        wrong = sorted(wrong, key=order)
        example = wrong[0]
        raised = isinstance(example.found.result, Raised)
        mistakes, facts = self.findings(trials, wrong)
        names = [mistake.name for mistake in mistakes]
        lines = []
        more = bool(facts) or len(mistakes) > 1
        for mistake in mistakes:
            name = IN_ONE_PART.sub(r"\1", mistake.name) if more else mistake.name
            lines += [wrapped("mistake", name), wrapped("hint", mistake.hint)]
        lines += [wrapped("measured", fact.sentence) for fact in facts[:3]]
        if mistakes and raised:
            (fact, *_) = measure([example], [example], self.argument_names, ())
            lines.append(wrapped("raised", fact.sentence))
        if not mistakes:
            lines.append(wrapped("hint", self._first_hint()))
        name = "; ".join(names) or (f"measured: {facts[0].kind}" if facts else "not known")
        evidence = []
        if not raised:
            changes = self._changes(example)
            evidence = [self._tried(example.arguments, example.found.changed if changes else ())]
            evidence += changes
            if not example.found.changed or not same(example.found.result, example.expected):
                evidence += self._results(example)
        elif len({trial.found.result for trial in wrong}) > 1 or len(wrong) < len(trials):
            evidence = [self._tried(example.arguments)]  # the error depends on the arguments
        evidence = [part for part in evidence if part]
        return "\n".join([f"{self.name} is not right yet.", "", *lines, "", *evidence]), name

    def _changes(self, example: Trial) -> list[str]:
        """Return what each argument that was changed is now, where it differs."""
        names, lines = self.argument_names, []
        for i, now in zip(example.found.changed, example.found.after, strict=False):
            name = names[i] if i < len(names) else f"argument {i + 1}"
            for place, old, new in _differing(name, example.arguments[i], now)[:FEW]:
                lines += [f"{'before':<10}" + _indented(f"{place} = {shown(old)}")]
                lines += [f"{'after':<10}" + _indented(f"{place} = {shown(new)}")]
        return lines

    def _results(self, example: Trial) -> list[str]:
        """Return what came back and what is due; of several results the first that are wrong."""
        found, expected, outputs = example.found.result, example.expected, self.outputs
        if (
            isinstance(found, dict)
            and isinstance(expected, dict)
            and found.keys() == expected.keys()
        ):
            differ = [key for key in found if not same(found[key], expected[key])]
            found = {key: found[key] for key in (differ or [*found])[:FEW]}
            expected = {key: expected[key] for key in found}
        elif (
            isinstance(found, tuple | list)
            and isinstance(expected, tuple | list)
            and len(found) == len(outputs) == len(expected)
        ):
            differ = [i for i in range(len(found)) if not same(found[i], expected[i])]
            keep = (differ or range(len(found)))[:FEW]
            found, expected = [found[i] for i in keep], [expected[i] for i in keep]
            outputs = [outputs[i] for i in keep]
        return _labelled("you gave", found, outputs) + _labelled("expected", expected, outputs)

    def _tried(self, case: tuple, changed: Sequence[int] = ()) -> str:
        """Return the arguments as a message shows them, but for those that were changed."""
        names = [*self.argument_names, *[f"argument {i + 1}" for i in range(len(case))]]
        names = [name for i, name in enumerate(names) if i not in changed]
        case = tuple(argument for i, argument in enumerate(case) if i not in changed)
        texts = [shown(argument) for argument in case]
        while "\n".join(texts).count("\n") >= LINES:
            longest = max(range(len(texts)), key=lambda i: texts[i].count("\n"))
            if (short := _by_shape(case[longest])) == texts[longest]:
                break
            texts[longest] = short
        lines = []
        for name, text in zip(names, texts, strict=False):
            label = "tried     " if not lines else "          "
            lines.append(label + _indented(f"{name} = {text}"))
        return "\n".join(lines)


def _alike(
    found: Behaviour, other: Behaviour, types: bool, words: bool, relative: float | None
) -> bool:
    if isinstance(found.result, Raised) or isinstance(other.result, Raised):
        both = isinstance(found.result, Raised) and isinstance(other.result, Raised)
        return (
            both
            and found.result.type == other.result.type
            and (not words or found.result.message == other.result.message)
        )
    if found.changed != other.changed:
        return False
    return same(found.result, other.result, types=types, relative=relative)


def _explains(other: object, found: object, due: object) -> bool:
    """Say whether a mistake's result is the one found; its type alone explains no wrong value."""
    if same(found, due, types=False):
        return same(found, other)
    return same(found, other, types=False) and not same(other, due, types=False)


def _hardly_wrong(
    behaviours: Sequence[Behaviour], trials: Sequence[Trial], relative: float | None
) -> bool:
    """Say whether a mistake is right in all cases, but for its types and up to `relative`."""
    return all(
        _alike(behaviour, Behaviour(trial.expected), False, True, relative)
        for behaviour, trial in zip(behaviours, trials, strict=True)
    )


def _differing(name: str, old: object, new: object) -> list[tuple[str, object, object]]:
    """Return the parts in which two values differ: where they stand, and both of them."""
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        pairs = [(f'{name}["{key}"]', old[key], new[key]) for key in old]
    elif isinstance(old, tuple | list) and isinstance(new, tuple | list) and len(old) == len(new):
        parts = enumerate(zip(old, new, strict=True))
        pairs = [(f"{name}[{i}]", one, other) for i, (one, other) in parts]
    elif np.shape(old) == np.shape(new) and np.size(old) > MOST_ENTRIES and is_number(new):
        place = tuple(int(i) for i in np.argwhere(old != new)[0])  # one entry says enough
        return [(f"{name}[{', '.join(map(str, place))}]", old[place], new[place])]
    else:
        return [(name, old, new)]
    return [part for pair in pairs if not same(*pair[1:]) for part in _differing(*pair)]


def _by_shape(value: object) -> str:
    """Return what kind of thing an argument is, without its numbers."""
    if isinstance(value, np.ndarray):
        return f"shape {value.shape}"
    if isinstance(value, dict):
        parts = ", ".join(f"{key}: {_by_shape(v)}" for key, v in value.items())
        return textwrap.fill(f"a dict, {parts}", 60, subsequent_indent="  ")
    return type_of(value)


def shown(value: object) -> str:
    """Return a value as a message shows it: small arrays with their numbers, large ones without."""
    if isinstance(value, np.ndarray):
        if not value.ndim:
            return f"{value.item():.6g}" if is_number(value) else repr(value.item())
        shape = f"shape {value.shape}"
        if value.dtype == np.float32:
            shape += " float32"
        if value.size > (40 if value.ndim < 3 else 24) or value.dtype.kind not in "biufc":
            return shape
        tiny = 0 < np.abs(value).max(initial=0) < 1e-3
        width = 78 if value.ndim > 1 else 76 - len(shape)  # a vector begins behind its shape
        with np.printoptions(precision=4, suppress=not tiny, linewidth=width, threshold=50):
            text = np.array2string(value, separator=", ")
        return f"{shape}:{chr(10) if value.ndim > 1 else ' '}{text}"
    if is_number(value):
        return f"{value:.6g}" if isinstance(value, float) else repr(value)
    if isinstance(value, tuple | list):
        parts = [shown(part) for part in value]
        text = f"[{', '.join(parts)}]" if isinstance(value, list) else f"({', '.join(parts)})"
        if len(text) <= 70 and "\n" not in text:
            return text
        parts = [part.replace("\n", "\n    ") for part in parts]
        more = [f"... {len(parts) - 6} more"] if len(parts) > 6 else []
        return "\n  ".join([f"a {type(value).__name__} of {len(parts)}", *parts[:6], *more])
    if isinstance(value, dict):
        small = entries(value) <= 40
        parts = [shown(v) if small else _by_shape(v) for v in value.values()]
        lines = [f"{key}: {part}" for key, part in zip(value, parts, strict=True)]
        return "\n  ".join(["a dict", *(line.replace("\n", "\n  ") for line in lines)])
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    text = repr(value)
    return text if len(text) < 200 else f"a {type(value).__name__}"


def wrapped(label: str, text: str) -> str:
    """Return a label and a text beside it, in lines that fit a notebook."""
    return textwrap.fill(
        f"{label:<10}{text}", WIDTH, subsequent_indent=" " * 10, break_on_hyphens=False
    )


def _labelled(label: str, value: object, outputs: Sequence[str]) -> list[str]:
    if isinstance(value, tuple | list) and outputs and len(outputs) == len(value):
        parts = [f"{name} = {shown(part)}" for name, part in zip(outputs, value, strict=True)]
    elif (
        isinstance(value, np.ndarray)
        or is_number(value)
        or isinstance(value, tuple | list | dict | str)
    ):
        parts = [shown(value)]
    else:
        parts = [type_of(value)]
    return [(f"{label:<10}" if i == 0 else " " * 10) + _indented(p) for i, p in enumerate(parts)]


def _indented(text: str) -> str:
    return text.replace("\n", "\n          ")


def _first_lines(text: str) -> str:
    lines = text.strip().splitlines()[:3]
    return " | ".join(line[:80] for line in lines)
