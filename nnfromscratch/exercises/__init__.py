"""The exercises: one check for each blank, and the catalogue of mistakes that it knows.

In a notebook:

    from nnfromscratch.exercises import check_linear_columns, hint, progress

    check_linear_columns(linear_columns)  # says that it is right, or which mistake it is
    hint(linear_columns, 1)  # up to three, each leading further
    progress(2)  # what of lesson 02 is solved; without a number, of every lesson
"""

import difflib
import functools
import importlib
import pkgutil
import sys
import textwrap
from collections.abc import Callable

from . import sets
from ._exercise import WIDTH, Exercise, ExerciseError, Mistake
from ._progress import in_notebook, solved

OPEN_POINTS = 3
"""What the open question of each set counts; no check can give them."""
GRADED = "graded by your instructor (alone: by the criteria below it)"

__all__ = ["Exercise", "ExerciseError", "Mistake", "all_exercises", "hint", "progress"]


@functools.cache
def all_exercises() -> tuple[Exercise, ...]:
    """Return every exercise, lesson by lesson, in the order of the notebooks."""
    names = sorted(module.name for module in pkgutil.iter_modules(sets.__path__, "."))
    modules = [importlib.import_module(name, sets.__name__) for name in names]
    return tuple(exercise for module in modules for exercise in module.EXERCISES)


def __getattr__(name: str) -> Callable:
    """Return check_NAME for the exercise NAME; check_own is for the blank of one's own."""
    if name == "check_own":
        return importlib.import_module(".own", __name__).check
    if name.startswith("check_"):
        for exercise in all_exercises():
            if name == f"check_{exercise.name}":
                return exercise.check
    raise AttributeError(f"nnfromscratch.exercises has no {name}")


def hint(name: str | Callable, number: int = 1) -> None:
    """Print one of the hints for a blank: number 1 is a nudge, the last is all but the line.

    Args:
        name: the blank's name, or the function (or class) that fills it.
        number: which one, from 1; most blanks have three.

    If there is no such blank, or no such hint, it prints what there is.
    """
    wanted = name if isinstance(name, str) else _name_of(name)
    known = {exercise.name: exercise for exercise in all_exercises()}
    chosen = known.get(str(wanted).removeprefix("check_"))
    if chosen is None:
        text = _no_blank(wanted, known, sys._getframe(1).f_globals)
    elif isinstance(number, bool) or number not in range(1, len(chosen.hints) + 1):
        count = "1 hint" if len(chosen.hints) == 1 else f"{len(chosen.hints)} hints"
        text = f"There are {count} for {chosen.name}: ask for a number from 1 to "
        text += f"{len(chosen.hints)}, as in hint({chosen.name}, 1)."
    else:
        number = int(number)
        text = f"{chosen.name}, hint {number} of {len(chosen.hints)}: {chosen.hints[number - 1]}"
    print(textwrap.fill(text, WIDTH, break_on_hyphens=False))


def _name_of(thing: object) -> str:
    """Return the name of a blank's function or class, or of the blank that a check is for."""
    owner = getattr(thing, "__self__", None)
    if isinstance(owner, Exercise):
        return owner.name
    return getattr(thing, "__name__", type(thing).__name__)


def _no_blank(wanted: str, known: dict[str, Exercise], names: dict) -> str:
    """Say that there is no such blank, with the names of the set that a notebook is about."""
    here = [name for name in known if f"check_{name}" in names] or list(known)
    near = difflib.get_close_matches(wanted, here, 1) or difflib.get_close_matches(wanted, known, 1)
    said = f'There is no blank called "{wanted[:60]}".'
    if near:
        return f"{said} Did you mean hint({near[0]}, 1)?"
    if len(here) == len(known):
        return f"{said} progress(2) lists the blanks of set 02."
    return f"{said} This set has {', '.join(here)}."


def progress(lesson: int | None = None) -> None:
    """Print what is solved of a lesson's exercises, as a table and a bar; without a number, all.

    The points of the open question stand apart, because a person has to give them.

    Raises:
        ValueError: the lesson has no exercises.
    """
    by_lesson: dict[int, list[Exercise]] = {}
    for exercise in all_exercises():
        by_lesson.setdefault(exercise.lesson, []).append(exercise)
    if lesson is not None and lesson not in by_lesson:
        raise ValueError(f"progress: lesson must be one of {list(by_lesson)}, got {lesson!r}")
    if not in_notebook():
        print("(what is solved is noted only in a notebook)")
    done = solved()
    if lesson is None:
        for number, chosen in by_lesson.items():
            print(f"lesson {number:02}  {_bar(chosen, done.get(f'{number:02}', []))}")
        print(f"open questions: {OPEN_POINTS} points each, {GRADED}")
        return
    chosen, names = by_lesson[lesson], done.get(f"{lesson:02}", [])
    width = max(len(exercise.name) for exercise in chosen)
    for exercise in chosen:
        state = "solved" if exercise.name in names else "open"
        print(f"{exercise.name:<{width}}  {exercise.points:>2}  {state}")
    print(_bar(chosen, names))
    print(f"open question: {OPEN_POINTS} points, {GRADED}")


def _bar(chosen, names):
    """Return a bar of what is done of some exercises, with the counts and points."""
    right = [exercise for exercise in chosen if exercise.name in names]
    points, total = (sum(exercise.points for exercise in part) for part in (right, chosen))
    bar = "#" * round(20 * len(right) / len(chosen))
    return f"[{bar:<20}] {len(right)} of {len(chosen)} solved, checks {points} of {total} points"
