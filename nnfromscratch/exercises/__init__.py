"""The exercises: one check for each blank, and the catalogue of mistakes that it knows.

In a notebook:

    from nnfromscratch.exercises import check_linear_columns, hint, progress

    check_linear_columns(linear_columns)  # says that it is right, or which mistake it is
    hint("linear_columns", 1)  # up to three, each leading further
    progress(2)  # what of lesson 02 is solved; without a number, of every lesson
"""

import difflib
import functools
import importlib
import pkgutil
import textwrap
from collections.abc import Callable

from ._exercise import WIDTH, Exercise, ExerciseError, Mistake
from ._progress import in_notebook, solved

__all__ = ["Exercise", "ExerciseError", "Mistake", "all_exercises", "hint", "progress"]


@functools.cache
def all_exercises() -> tuple[Exercise, ...]:
    """Return every exercise, lesson by lesson, in the order of the notebooks."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f".{n}", __name__) for n in names if n[:7] == "lesson_"]
    return tuple(exercise for module in modules for exercise in module.EXERCISES)


def __getattr__(name: str) -> Callable:
    """Return check_NAME for the exercise NAME."""
    if name.startswith("check_"):
        for exercise in all_exercises():
            if name == f"check_{exercise.name}":
                return exercise.check
    raise AttributeError(f"nnfromscratch.exercises has no {name}")


def hint(name: str, number: int = 1) -> None:
    """Print one of the hints for a blank: number 1 is a nudge, the last is all but the line.

    Raises:
        ValueError: there is no such exercise, or no such hint.
    """
    known = {exercise.name: exercise for exercise in all_exercises()}
    if name not in known:
        near = difflib.get_close_matches(str(name), known, 1)
        ask = f'; did you mean "{near[0]}"?' if near else f"; there are {', '.join(known)}"
        raise ValueError(f"hint: name must be that of an exercise, got {name!r}{ask}")
    hints = known[name].hints
    if type(number) is not int or not 1 <= number <= len(hints):
        raise ValueError(f"hint: number must be from 1 to {len(hints)} for {name}, got {number!r}")
    text = f"{name}, hint {number} of {len(hints)}: {hints[number - 1]}"
    print(textwrap.fill(text, WIDTH, break_on_hyphens=False))


def progress(lesson: int | None = None) -> None:
    """Print what is solved of a lesson's exercises, as a table and a bar; without a number, all.

    Raises:
        ValueError: the lesson has no exercises.
    """
    sets = {}
    for exercise in all_exercises():
        sets.setdefault(exercise.lesson, []).append(exercise)
    if lesson is not None and lesson not in sets:
        raise ValueError(f"progress: lesson must be one of {list(sets)}, got {lesson!r}")
    if not in_notebook():
        print("(what is solved is noted only in a notebook)")
    done = solved()
    if lesson is None:
        for number, chosen in sets.items():
            print(f"lesson {number:02}  {_bar(chosen, done.get(f'{number:02}', []))}")
        return
    chosen, names = sets[lesson], done.get(f"{lesson:02}", [])
    width = max(len(exercise.name) for exercise in chosen)
    for exercise in chosen:
        state = "solved" if exercise.name in names else "open"
        print(f"{exercise.name:<{width}}  {exercise.points:>2}  {state}")
    print(_bar(chosen, names))


def _bar(chosen, names):
    """Return a bar of what is done of some exercises, with the counts and points."""
    right = [exercise for exercise in chosen if exercise.name in names]
    points, total = (sum(exercise.points for exercise in part) for part in (right, chosen))
    bar = "#" * round(20 * len(right) / len(chosen))
    return f"[{bar:<20}] {len(right)} of {len(chosen)} solved, {points} of {total} points"
