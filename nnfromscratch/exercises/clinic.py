"""The exercises of the clinic: an answer treats a patient, and the check tells what came of it.

A case is a seed. The check makes the patient, has the answer treat it, and returns plain words:
whether the cause is named, what was changed, whether the mended network learns, and whether the
patient given was left as it was. The right cause is never among the words of a wrong answer.
"""

import functools

from ..clinic.patients import digits
from ..clinic.treatment import CURED, RIGHT, UNTRIED, outcome
from ..clinic.ward import SHIFTS
from ._exercise import STOPPED, Exercise, Mistake
from ._sandbox import CPU_SECONDS, Raised

SEEDS = range(1000, 1048)
"""Few enough to try them all."""
OUTPUTS = ("cause", "changed", "training", "patient given")
IN_PLACE = "the patient itself is changed"
TWO = "two changes at once"


_remembered = functools.cache(outcome)


def _call(number):
    def call(answer, seed):
        # What the catalogue's own answers do with a seed never changes.
        own = str(getattr(answer, "__module__", "")).startswith(__package__)
        return (_remembered if own else outcome)(answer, number, int(seed))

    return call


def a_seed(rng):
    """Draw the seed of a patient."""
    digits()  # read once, before the check divides its process
    return (int(rng.choice(SEEDS)),)


def seed_shifted_by(*shifts):
    """Return what draws a seed whose labels are moved by one of some distances."""
    chosen = [seed for seed in SEEDS if SHIFTS[seed % len(SHIFTS)] in shifts]
    return lambda rng: (digits() is None or int(rng.choice(chosen)),)


class Treatment(Exercise):
    """An exercise whose outcomes are words, so that something can be said of any wrong one."""

    def diagnose(self, trials, known):
        """Return the mistake of the catalogue, or else what the outcomes say by themselves."""
        mistake = super().diagnose(trials, known)
        wrong = [trial for trial in trials if not trial.right]
        if mistake or any(isinstance(trial.found.result, Raised) for trial in wrong):
            return mistake
        results = [trial.found.result for trial in trials]
        # Whether something learns that is no cure is luck: that word may differ.
        fitting = [
            known_one
            for known_one, behaviours in zip(self.mistakes, known, strict=True)
            if all(
                not isinstance(other.result, Raised)
                and other.result[2] != RIGHT[2]  # its hint may say that it learns
                and _apart_from_training(result) == _apart_from_training(other.result)
                for result, other in zip(results, behaviours, strict=True)
            )
        ]
        if len(fitting) == 1:
            return fitting[0]
        name, text = _told(trials, wrong)
        return Mistake(name, self.reference, text)

    def _check_that_it_ran(self, observed, cases):
        if observed.trouble == "time":
            raise self._error(
                f"{self.name} took more than {CPU_SECONDS} seconds for {len(cases)} patients. If "
                "it trains, take fewer steps, or fewer trainings; if not, does a loop never end?",
                STOPPED["time"],
            )
        super()._check_that_it_ran(observed, cases)


def _apart_from_training(result):
    cause, changed, _, given = result
    return cause, changed, given


def _told(trials, wrong):
    """Return a name and a sentence for outcomes that no mistake of the catalogue has."""
    cause, changed, training, given = wrong[0].found.result
    named = "the cause" if cause == RIGHT[0] else f'"{cause}"'
    cured = changed == RIGHT[1]
    extra = changed.removeprefix(f"{CURED}, and ")
    if given != RIGHT[3]:
        return IN_PLACE, (
            f"Of the patient that you were given, this is no longer as it was: {given}. Work on "
            "copies, and leave the patient alone."
        )
    if training.startswith("raises"):
        return "the mended patient cannot be trained", f"train(...) with it {training}"
    if len(wrong) < len(trials):
        seeds = ", ".join(f"seed {trial.arguments[0]}" for trial in wrong)
        return "right for some patients, not for all", (
            f"It goes wrong with {seeds}. What differs from patient to patient, and does your "
            "function find it?"
        )
    if cured and cause != RIGHT[0]:
        return "the right cure under another name", (
            f"What you changed was at fault, and nothing else. But {named} is not its name."
        )
    if cured:
        return "the right thing is changed, but not well", (
            "You changed what is at fault, and nothing else. The network does not learn all the "
            "same: look at the new values."
        )
    if extra != changed:
        if cause != RIGHT[0]:
            return "more is changed than the name says", (
                f"You named {named}. Compare before and after: you changed several things at once, "
                "and one of them was at fault. Which?"
            )
        if training == RIGHT[2]:
            return TWO, f"It learns. But you also changed {extra}. Leave that as it was."
        return "something beside the fault is changed", (
            f"What was at fault is gone. But you also changed {extra}, and it does not learn. "
            "Leave that as it was."
        )
    if changed == "nothing":
        return "nothing is mended", f"You named {named}, and returned the patient as it was."
    does = {RIGHT[2]: "It learns, but you changed more than the fault, or passed it by. "}.get(
        training, ""
    )
    if cause == RIGHT[0]:
        ask = "Does this take away what you named?"
        if training == UNTRIED:
            ask = "Take away what you named, all of it, and leave the rest as it was."
        return "the name is right, the cure is not", (
            f"You named the cause, and changed {changed}. {does}{ask}"
        )
    return "neither the name nor the cure is right", (
        f"You named {named}, and changed {changed}. {does}Which measurement speaks for that name, "
        "and would it come out otherwise in a healthy network?"
    )


def exercise(number, *, points, goal, misconception, **parts):
    """Return the exercise of treating a kind of patient."""
    settings = {"inputs": a_seed, "draws": 2} | parts
    return Treatment(
        name=f"treat_{number}",
        lesson=15,
        gradable=False,
        goal=goal,
        points=points,
        misconception=misconception,
        call=_call(number),
        arguments=("seed",),
        outputs=OUTPUTS,
        out_of_reach=("diagnostics.examine",),
        **settings,
    )
