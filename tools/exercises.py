"""What instructors want to know of the exercises, and whether their checks can be relied on.

    python tools/exercises.py list             writes docs/exercises.md from the registry
    python tools/exercises.py soak             50 runs of every check of the graded sets
    python tools/exercises.py soak --practice  100 of those for practice only, which train networks
    python tools/exercises.py soak --runs 20   fewer runs, to try; stores nothing
    python tools/exercises.py soak --minutes 9 as many as fit; stores how many

One run draws new cases for each exercise, and asks for a verdict on each right answer (it must be
accepted), on each right answer that computes in float32 on the way, wholly and from one argument on
(accepted, too, where float32 is enough), and on each mistake (it must be rejected, and diagnosed by
its own name and no other).
The answers run in this process, without the guard around a learner's, which takes most of the time
of a check and has no part in the verdict.
"""

import argparse
import functools
import json
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from nnfromscratch._files import replacing
from nnfromscratch.exercises import OPEN_POINTS, all_exercises
from nnfromscratch.exercises._compare import RELATIVE, in_float32, like, same
from nnfromscratch.exercises._sandbox import behaviour

RUNS = {"graded": 50, "practice": 100}
ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "exercises.md"
RESULT = ROOT / "benchmarks" / "results" / "exercises.json"


def in_single(exercise, answer, case, done, due, only=None):
    """Return what an answer does with one case if it computes in float32, and returns float64.

    With `only`, it has one of the arguments alone in float32, as from a helper of the package.
    Where that is not good enough (a difference of two slopes), `done`, what it does in float64.
    """
    single = in_float32(case)
    if only is not None:
        single = (*case[:only], single[only], *case[only + 1 :])
    rough = behaviour(answer, single, exercise.call)
    result = like(rough.result, due)
    rest = {"types": False, "relative": RELATIVE[4]}
    return rough._replace(result=result) if same(result, due, **rest) else done


def faults(exercise, rng):
    """Return what one run of a check says wrongly: a list of sentences."""
    found = []
    cases = exercise.cases(rng)
    expected = exercise.expected(cases)

    def wrong(done):
        return exercise.wrong(exercise.trials(cases, done, expected))

    for number, answer in enumerate((exercise.reference, *exercise.variants)):
        done = [behaviour(answer, case, exercise.call) for case in cases]
        if wrong(done):
            found.append(f"{exercise.name}: right answer {number} is rejected")
        for only in (None, int(rng.integers(len(cases[0])))):
            single = [
                in_single(exercise, answer, *parts, only)
                for parts in zip(cases, done, expected, strict=True)
            ]
            if wrong(single):
                where = "" if only is None else f" of argument {only + 1} alone"
                found.append(
                    f"{exercise.name}: right answer {number} in float32{where} is rejected"
                )
    known = exercise.known(cases)
    for mistake, done in zip(exercise.mistakes, known, strict=True):
        trials = exercise.trials(cases, done, expected)
        if not wrong(done):
            found.append(f"{exercise.name}: {mistake.name!r} is accepted")
        elif exercise.diagnose(trials, known) is not mistake:
            found.append(f"{exercise.name}: {mistake.name!r} is not told by its name")
    return found


def soaked(practice):
    """Return the exercises of the graded sets, or those of the sets for practice only.

    The latter train networks from a few dozen seeds, which a tenth of the runs goes through
    several times; more would repeat the same.
    """
    return [exercise for exercise in all_exercises() if exercise.gradable != practice]


def one_run(practice, seeds):
    """Run every check once; return what was wrong."""
    rng = np.random.default_rng(seeds)
    return [f"run {seeds[1]}: {f}" for exercise in soaked(practice) for f in faults(exercise, rng)]


def soak(runs, seed, minutes, practice):
    """Run every check many times; return how often, how many verdicts, and what was wrong."""
    verdicts = sum(3 + 3 * len(e.variants) + len(e.mistakes) for e in soaked(practice))
    done, wrong, end = 0, [], time.monotonic() + 60 * minutes
    one = functools.partial(one_run, practice)
    with ProcessPoolExecutor() as pool, tqdm(total=runs, unit="run") as bar:
        while done < runs and time.monotonic() < end:
            seeds = [(seed, run) for run in range(done, min(done + 10, runs))]
            for found in pool.map(one, seeds):
                wrong += found
                bar.update()
            done += len(seeds)
    return done, done * verdicts, wrong


def reliance(result):
    """Return a sentence on what a soak test has shown."""
    wrong = Counter(text.rpartition(" is ")[2] for text in result["wrong"])
    return (
        f"{result['runs']:,} runs of {result['exercises']} checks, each with new random cases: of "
        f"{result['verdicts']:,} verdicts {wrong.pop('rejected', 0)} reject a right answer, "
        f"{wrong.pop('accepted', 0)} accept a wrong one, and {wrong.total()} reject a mistake "
        f"without telling it by its name (`{result['command']}`)."
    )


def page(exercises, result):
    """Return the page for instructors."""
    blanks, mistakes = len(exercises), sum(len(e.mistakes) for e in exercises)
    lessons = sorted({exercise.lesson for exercise in exercises})
    lines = [
        "# The exercises, for instructors",
        "",
        f"{len(lessons)} sets, {blanks} blanks, {mistakes} mistakes that the checks know by name. "
        f"Each set ends with an open question ({OPEN_POINTS} points) to grade by hand; its rubric "
        "stands in the solution notebook. Folded below the question a learner finds three or four "
        "criteria of a good answer, which say what to look for and not what to find.",
        "",
        "Written by `python tools/exercises.py list`.",
        "",
        "## How far a verdict can be relied on",
        "",
        "Every right answer must be accepted, every mistake rejected and told by its own name.",
        "",
        f"- Graded sets: {reliance(result['graded'])}",
        f"- For practice only: {reliance(result['practice'])}",
    ]
    for lesson in lessons:
        chosen = [exercise for exercise in exercises if exercise.lesson == lesson]
        name = f"{lesson:02}_exercises.ipynb"
        total = sum(exercise.points for exercise in chosen)
        lines += [
            "",
            f"## Lesson {lesson:02}: {total} points and {OPEN_POINTS}",
            "",
            f"[Student edition](../notebooks/exercises/{name}), "
            f"[solutions](../notebooks/solutions/{name})",
        ]
        for exercise in chosen:
            points = "1 point" if exercise.points == 1 else f"{exercise.points} points"
            known = "; ".join(mistake.name for mistake in exercise.mistakes)
            lines += [
                "",
                f"**`{exercise.name}`**, {points}. {exercise.goal} *Misconception:* "
                f"{exercise.misconception}",
                "",
                f"<details><summary>{len(exercise.mistakes)} known mistakes</summary>",
                "",
                f"{known}.",
                "",
                "</details>",
            ]
    return "\n".join(lines) + "\n"


def write(path, text):
    """Write a file whole, or leave the old one."""
    with replacing(path) as file:
        file.write(text.encode())


def main(arguments=None):
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description="The exercises: their list, and their soak test.")
    parser.add_argument("what", choices=("list", "soak"))
    parser.add_argument("--runs", type=int, help="fewer than all, to try; nothing is stored")
    parser.add_argument("--practice", action="store_true", help="the sets for practice only")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after these")
    options = parser.parse_args(arguments)
    if options.what == "soak":
        part = "practice" if options.practice else "graded"
        wanted = options.runs or RUNS[part]
        runs, verdicts, wrong = soak(wanted, options.seed, options.minutes, options.practice)
        print("\n".join(wrong[:50]))
        print(f"{runs} runs, {verdicts:,} verdicts, {len(wrong)} wrong")
        if wanted == RUNS[part]:
            limit = f" --minutes {options.minutes:g}" if options.minutes < float("inf") else ""
            practice = " --practice" if options.practice else ""
            stored = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
            stored[part] = {
                "command": f"python tools/exercises.py soak{practice} --seed {options.seed}{limit}",
                "runs": runs,
                "exercises": len(soaked(options.practice)),
                "verdicts": verdicts,
                "wrong": wrong,
            }
            write(RESULT, json.dumps(stored, indent=1) + "\n")
        return 1 if wrong else 0
    write(PAGE, page(all_exercises(), json.loads(RESULT.read_text(encoding="utf-8"))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
