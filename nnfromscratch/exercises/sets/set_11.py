"""Exercises of lesson 11, Learning-rate schedules."""

import math

import numpy as np

from .._exercise import Exercise, Mistake

# warmup_then_fall


def warmup_then_fall(step, warmup, steps):
    # np.divide makes a float64, not Python's number, which has any precision.
    if step < warmup:
        return np.divide(step, warmup)
    return np.divide(steps - step, steps - warmup)


def _warmup_inputs(rng):
    warmup = int(rng.integers(3, 20))
    steps = warmup + int(rng.integers(10, 60))
    rising = rng.integers(2)
    return int(rng.integers(1, warmup) if rising else rng.integers(warmup, steps)), warmup, steps


WARMUP_THEN_FALL = Exercise(
    name="warmup_then_fall",
    lesson=11,
    goal="Write a schedule by the number of the step, with two straight lines that meet.",
    points=1,
    misconception="The second line starts at step 0, so that the two do not meet.",
    reference=warmup_then_fall,
    inputs=_warmup_inputs,
    corners=(
        lambda rng: (9, 10, 12),
        lambda rng: (0, 10, 50),
        lambda rng: (10, 10, 50),
        lambda rng: (5, 10, 50),
        lambda rng: (30, 10, 50),
        lambda rng: (50, 10, 50),
    ),
    variants=(
        lambda step, warmup, steps: min(step / warmup, (steps - step) / (steps - warmup)),
        lambda step, warmup, steps: float(np.interp(step, [0, warmup, steps], [0, 1, 0])),
        lambda step, warmup, steps: (
            step / warmup if step <= warmup else 1 - (step - warmup) / (steps - warmup)
        ),
    ),
    mistakes=(
        Mistake(
            "the fall is measured from step 0",
            lambda step, warmup, steps: (
                step / warmup if step < warmup else (steps - step) / steps
            ),
            "At the end of the warmup the factor leaps down. There the falling line must be at 1.",
        ),
        Mistake(
            "the fall ends too late",
            lambda step, warmup, steps: (
                step / warmup if step < warmup else 1 - (step - warmup) / steps
            ),
            "At the last step the factor must be 0. How many steps are left for the fall?",
        ),
        Mistake(
            "zero comes one step early",
            lambda step, warmup, steps: (
                step / warmup if step < warmup else 1 - (step - warmup) / (steps - warmup - 1)
            ),
            "The factor is 0 at step steps itself. From warmup to there, how many steps are it?",
        ),
        Mistake(
            "step warmup itself has no answer",
            lambda step, warmup, steps: (
                None
                if step == warmup
                else step / warmup
                if step < warmup
                else (steps - step) / (steps - warmup)
            ),
            "There is a step that is neither below warmup nor above it. What does your function "
            "return there?",
        ),
        Mistake(
            "the fall begins one step too far down",
            lambda step, warmup, steps: (
                step / warmup if step < warmup else (steps - step - 1) / (steps - warmup)
            ),
            "At step warmup the factor is 1, and the whole fall is still to come: that is all of "
            "steps - warmup.",
        ),
        Mistake(
            "no fall",
            lambda step, warmup, steps: min(1.0, step / warmup),
            "After the warmup the factor goes down to 0 at the end.",
        ),
        Mistake(
            "no warmup",
            lambda step, warmup, steps: min(1.0, (steps - step) / (steps - warmup)),
            "The first steps must be small: the factor starts at 0.",
        ),
        Mistake(
            "both lines at once",
            lambda step, warmup, steps: min(1.0, step / warmup) * (steps - step) / steps,
            "The two are not multiplied: first one holds, then the other.",
        ),
        Mistake(
            "whole numbers only",
            lambda step, warmup, steps: (
                step // warmup if step < warmup else (steps - step) // (steps - warmup)
            ),
            "// drops what stands after the point. Which division keeps it?",
        ),
        Mistake(
            "one step early",
            lambda step, warmup, steps: (
                (step + 1) / warmup if step < warmup else (steps - step) / (steps - warmup)
            ),
            "At step 0 the factor is 0, as the formula says, and at step warmup it is 1.",
        ),
        Mistake(
            "the second line rises too",
            lambda step, warmup, steps: (
                step / warmup if step < warmup else (step - warmup) / (steps - warmup)
            ),
            "This is how much of the fall is done. The factor is what is left of it.",
        ),
        Mistake(
            "the smaller of two lines, one measured from step 0",
            lambda step, warmup, steps: min(step / warmup, 1 - step / steps),
            "The smaller of two lines is a good idea. But the falling one begins at step warmup "
            "with the value 1.",
        ),
        Mistake(
            "the way since step 0 is measured by the length of the fall",
            lambda step, warmup, steps: step / warmup
            if step < warmup
            else 1 - step / (steps - warmup),
            "At step warmup the fall begins, with 1: how many steps has it lasted?",
        ),
        Mistake(
            "the fall is bent",
            lambda step, warmup, steps: step / warmup
            if step < warmup
            else (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2,
            "Both parts are straight lines here, no cosine.",
        ),
        Mistake(
            "the fall is that of an inverse root",
            lambda step, warmup, steps: step / warmup
            if step < warmup
            else math.sqrt(warmup / step),
            "The fall is a straight line here, and reaches 0 at the end.",
        ),
        Mistake(
            "the lines are multiplied",
            lambda step, warmup, steps: step / warmup * (steps - step) / (steps - warmup),
            "Each line holds on one side of step warmup. Which one is it for this step?",
        ),
        Mistake(
            "the fall is below zero",
            lambda step, warmup, steps: step / warmup
            if step < warmup
            else (step - steps) / (steps - warmup),
            "A factor lies between 0 and 1: which steps are still to come?",
        ),
        Mistake(
            "the first line falls too",
            lambda step, warmup, steps: 1 - step / warmup
            if step < warmup
            else (steps - step) / (steps - warmup),
            "At step 0 the factor is 0.",
        ),
        Mistake(
            "the first line is upside down",
            lambda step, warmup, steps: warmup / max(step, 1)
            if step < warmup
            else (steps - step) / (steps - warmup),
            "At half of the warmup the factor is a half.",
        ),
        Mistake(
            "the rise is measured by the whole run",
            lambda step, warmup, steps: step / steps
            if step < warmup
            else (steps - step) / (steps - warmup),
            "The rise reaches 1 at step warmup.",
        ),
        Mistake(
            "the fall stops above zero",
            lambda step, warmup, steps: step / warmup
            if step < warmup
            else max(0.1, (steps - step) / (steps - warmup)),
            "The last factor is 0.",
        ),
        Mistake(
            "only the rise is a whole number",
            lambda step, warmup, steps: float(step // warmup)
            if step < warmup
            else (steps - step) / (steps - warmup),
            "// cuts the fraction off. A factor lies between 0 and 1.",
        ),
        Mistake(
            "half way up at step warmup",
            lambda step, warmup, steps: step / (2 * warmup)
            if step < warmup
            else (steps - step) / (steps - warmup),
            "The rise reaches 1 at step warmup.",
        ),
        Mistake(
            "the fall is as steep as the rise",
            lambda step, warmup, steps: step / warmup if step < warmup else (steps - step) / warmup,
            "The fall takes steps - warmup steps from 1 to 0.",
        ),
        Mistake(
            "the rise begins one step early",
            lambda step, warmup, steps: (step + 1) / (warmup + 1)
            if step < warmup
            else (steps - step) / (steps - warmup),
            "At step 0 the factor is 0.",
        ),
        Mistake(
            "the larger of the two lines",
            lambda step, warmup, steps: max(step / warmup, (steps - step) / (steps - warmup)),
            "Of the two lines the lower one counts: it rises before warmup, then it falls.",
        ),
    ),
    hints=(
        "Draw it: three points, joined by two straight lines.",
        "The fall lasts steps - warmup steps. How many of them are left at this step?",
    ),
)

# steepest_rate


def steepest_rate(rates, losses):
    slopes = np.diff(losses) / np.diff(np.log(rates))
    return rates[np.argmin(slopes)]


def _range_test(rates, slopes, start=2.3):
    """Return rates, and the losses that fall and rise by these slopes along log(rate)."""
    rates, slopes = np.array(rates), np.array(slopes)
    losses = start + np.cumsum(np.append(0, slopes * np.diff(np.log(rates))))
    return rates, np.round(losses, 3)


def _steepest_inputs(rng):
    falls = -0.04 * rng.permutation(int(rng.integers(4, 8))) - 0.02
    slopes = [*falls, 0.1, rng.uniform(1, 2)]
    rates = 0.001 * np.cumprod([1, *rng.choice([1.5, 2, 3, 5], len(slopes))])
    return _range_test(np.round(rates, 6), slopes)


def _steep_rise(rng):
    """Return a test in which each of the usual mistakes finds a place of its own."""
    rates = [0.001, 0.002, 0.01, 0.015, 0.045, 0.09, 0.36, 0.72]
    return _range_test(rates, [-0.3, -0.35, -0.6, -0.5, -0.4, -0.1, 2.0])


def _level_start(rng):
    # The first slopes are 0, and equal, in whatever way they are written.
    return np.array([0.01, 0.02, 0.05, 0.2]), np.array([2.25, 2.25, 2.25, 4.0])


def _gentle_rise(rng):
    """Return a test in which the loss rises more slowly than it has fallen."""
    rates = [0.01, 0.03, 0.06, 0.3, 0.6, 1.2]
    return _range_test(rates, [-0.1, -0.5, -0.3, -0.4, 0.2])


def _deep_fall(rng):
    """Return a test whose loss comes near to zero, where shares of it are large."""
    rates = [0.01, 0.02, 0.06, 0.12, 0.5, 1.0]
    return _range_test(rates, [-0.5, -0.9, -0.4, -0.3, 0.4], start=2.05)


def _long_way(rng):
    """Return a test whose largest fall is on neither the longest nor the steepest step."""
    return _range_test([0.01, 0.03, 0.27, 0.405, 0.6], [-0.9, -0.4, -1.5, 0.3], start=3.0)


def _steepest_with(
    length=lambda rates: np.diff(np.log(rates)),
    fall=np.diff,
    place=np.argmin,
    found=lambda rates, i: rates[i],
):
    """Return the function with something else in it."""

    def function(rates, losses):
        return found(rates, place(fall(losses) / length(rates)))

    return function


def _steepest_loop(rates, losses):
    best, steepest = None, math.inf
    for i in range(len(rates) - 1):
        slope = (losses[i + 1] - losses[i]) / math.log(rates[i + 1] / rates[i])
        if slope < steepest:
            best, steepest = rates[i], slope
    return best


def _steepest_falls(rates, losses):
    falls = (losses[:-1] - losses[1:]) / (np.log10(rates[1:]) - np.log10(rates[:-1]))
    return float(rates[:-1][falls == falls.max()][0])


STEEPEST_RATE = Exercise(
    name="steepest_rate",
    lesson=11,
    goal="Read a rate off a range test: where the loss falls fastest per factor of the rate.",
    points=2,
    misconception="The rate of the lowest loss is taken, or a fall is measured per unit of rate.",
    reference=steepest_rate,
    inputs=_steepest_inputs,
    corners=(_steep_rise, _gentle_rise, _level_start, _deep_fall, _long_way),
    variants=(_steepest_loop, _steepest_falls),
    mistakes=(
        Mistake(
            "the rate of the lowest loss",
            lambda rates, losses: rates[np.argmin(losses)],
            "Where the loss is lowest it has stopped falling, and a little further on it rises. "
            "The question is where it falls fastest.",
        ),
        Mistake(
            "a tenth of the rate of the lowest loss",
            lambda rates, losses: rates[np.argmin(losses)] / 10,
            "That is another rule of thumb. This one looks for the steepest step of the test.",
        ),
        Mistake(
            "the fall is measured per unit of rate",
            _steepest_with(length=np.diff),
            "Per unit of rate the small rates always win, because they lie close together. "
            "Measure how far apart two rates are by the logarithm of their ratio.",
        ),
        Mistake(
            "the largest fall, however far apart the rates are",
            _steepest_with(length=lambda rates: 1),
            "Two neighbours may be a factor of 1.5 or of 5 apart, and over a longer way the loss "
            "falls further. Divide by the length of the way.",
        ),
        Mistake(
            "divided by the ratio of the rates",
            _steepest_with(length=lambda rates: rates[1:] / rates[:-1]),
            "A factor of 4 is twice a factor of 2, one after the other: it is the logarithm of the "
            "ratio that counts twice as much.",
        ),
        Mistake(
            "the upper end of the step",
            _steepest_with(found=lambda rates, i: rates[i + 1]),
            "A step leads from one rate to the next. Return the smaller of the two.",
        ),
        Mistake(
            "the middle of the two rates",
            _steepest_with(found=lambda rates, i: (rates[i] + rates[i + 1]) / 2),
            "A step leads from one rate to the next. Return the smaller of the two as it is.",
        ),
        Mistake(
            "the geometric middle of the two rates",
            _steepest_with(found=lambda rates, i: np.sqrt(rates[i] * rates[i + 1])),
            "A step leads from one rate to the next. Return the smaller of the two as it is.",
        ),
        Mistake(
            "the number of the step, not its rate",
            _steepest_with(found=lambda rates, i: i),
            "You have found which step it is. At which rate does it begin?",
        ),
        Mistake(
            "the slope, not the rate",
            lambda rates, losses: (np.diff(losses) / np.diff(np.log(rates))).min(),
            "You have found how steep the steepest step is. At which rate does it begin?",
        ),
        Mistake(
            "the steepest rise",
            _steepest_with(place=np.argmax),
            "Where the loss falls, its slope is negative, so the steepest fall is the least slope.",
        ),
        Mistake(
            "the steepest step in either direction",
            _steepest_with(place=lambda slopes: np.argmax(np.abs(slopes))),
            "At the end of a test the loss rises steeply, and without its sign a rise looks like "
            "a fall.",
        ),
        Mistake(
            "the slope over both neighbours",
            lambda rates, losses: rates[np.argmin(np.gradient(losses, np.log(rates)))],
            "A slope taken over two steps smooths the curve. Here each step, from one rate to the "
            "next, has a slope of its own.",
        ),
        Mistake(
            "the fall of the logarithm of the loss",
            _steepest_with(fall=lambda losses: np.diff(np.log(losses))),
            "The logarithm belongs to the rates. The loss is taken as it is.",
        ),
        Mistake(
            "the gentlest fall",
            lambda rates, losses: rates[np.argmin(np.diff(np.log(rates)) / np.diff(losses))],
            "Here the loss falls most slowly. A slope is the change of the loss divided by the way "
            "along the rates, and the steepest fall is the least of them.",
        ),
        Mistake(
            "the smallest rate at which the loss falls",
            lambda rates, losses: rates[np.argmax(np.diff(losses) < 0)],
            "Several steps fall. Compare how fast they do.",
        ),
        Mistake(
            "multiplied by the distance of the logarithms",
            lambda rates, losses: rates[np.argmin(np.diff(losses) * np.diff(np.log(rates)))],
            "A slope is a rise divided by a distance.",
        ),
        Mistake(
            "divided by the square of the distance",
            lambda rates, losses: rates[np.argmin(np.diff(losses) / np.diff(np.log(rates)) ** 2)],
            "A slope is a rise divided by a distance, once.",
        ),
        Mistake(
            "one rate too low",
            lambda rates, losses: rates[np.argmin(np.diff(losses) / np.diff(np.log(rates))) - 1],
            "Slope number i belongs to rate number i.",
        ),
        Mistake(
            "the larger of two rates with equal slopes",
            lambda rates, losses: rates[
                len(rates) - 2 - np.argmin((np.diff(losses) / np.diff(np.log(rates)))[::-1])
            ],
            "If two slopes are equal, the smaller rate is the answer.",
        ),
        Mistake(
            "all slopes, and no choice",
            lambda rates, losses: np.diff(losses) / np.diff(np.log(rates)),
            "Return the one rate that belongs to the least slope.",
        ),
        Mistake(
            "the loss, not the rate",
            lambda rates, losses: losses[np.argmin(np.diff(losses) / np.diff(np.log(rates)))],
            "Asked for is the rate at which the fall begins.",
        ),
    ),
    hints=(
        "T rates make T - 1 steps from one to the next. Each has a fall of the loss and a length.",
        "The length of a step is the difference of the logarithms at its ends. np.diff takes "
        "differences of neighbours.",
        "Divide the differences of the losses by those of the logarithms, find the place of the "
        "least quotient, and take the rate there. (Predicted? The largest fall is over the "
        "longest way, but per factor of the rate the short one is steeper.)",
    ),
)

# cosine_with_restarts


def cosine_with_restarts(step, first, growth):
    length = first
    while step >= length:
        step -= length
        length *= growth
    return (1 + np.cos(math.pi * step / length)) / 2


def _restart_inputs(rng):
    first, growth = int(rng.integers(3, 9)), int(rng.integers(1, 4))
    return int(rng.integers(1, 7 * first)), first, growth


def _restarts_with(
    shape=lambda place: (1 + math.cos(math.pi * place)) / 2,
    grow=lambda length, first, growth: length * growth,
    start=lambda first, growth: first,
    place=lambda step, length, first: step / length,
    late=0,
):
    """Return the schedule with something else in it."""

    def schedule(step, first, growth):
        length = start(first, growth)
        while step >= length + late:
            step -= length
            length = grow(length, first, growth)
        return shape(place(step, length, first))

    return schedule


def _restarts_recursive(step, first, growth):
    if step >= first:
        return _restarts_recursive(step - first, first * growth, growth)
    return 0.5 + 0.5 * np.cos(np.pi * step / first)


def _restarts_by_ends(step, first, growth):
    begin, end, cycle = 0, first, 0
    while end <= step:
        cycle += 1
        begin, end = end, end + first * growth**cycle
    return math.cos(math.pi / 2 * (step - begin) / (end - begin)) ** 2


def _restarts_once(step, first, growth):
    length = first
    if step >= length:
        step, length = step - length, length * growth
    return (1 + math.cos(math.pi * step / length)) / 2


def _restarts_grown_first(step, first, growth):
    length = first
    while step >= length:
        length *= growth
        step -= length
    return (1 + math.cos(math.pi * step / length)) / 2


def _restarts_by_logarithm(step, first, growth):
    if growth == 1:
        begin, length = step - step % first, first
    else:
        cycle = int(math.log(step * (growth - 1) / first + 1, growth))
        begin = first * (growth**cycle - 1) // (growth - 1)
        length = first * growth**cycle
    return (1 + math.cos(math.pi * (step - begin) / length)) / 2


def _restarts_first_off(step, first, growth):
    length = first
    while step >= length:
        step -= first
        length *= growth
    return (1 + math.cos(math.pi * step / length)) / 2


COSINE_WITH_RESTARTS = Exercise(
    name="cosine_with_restarts",
    lesson=11,
    goal="Find a step's place within cycles of growing length.",
    points=3,
    misconception="The place within a cycle is measured from step 0, or by the first cycle.",
    reference=cosine_with_restarts,
    inputs=_restart_inputs,
    corners=(
        lambda rng: (0, 5, 2),
        lambda rng: (5, 5, 2),
        lambda rng: (3, 5, 2),
        lambda rng: (17, 4, 2),
        lambda rng: (9, 4, 1),
        lambda rng: (19, 4, 3),
        lambda rng: (121, 1, 3),  # a restart where math.log(243, 3) is just below 5
    ),
    variants=(_restarts_recursive, _restarts_by_ends),
    mistakes=(
        Mistake(
            "no restarts",
            lambda step, first, growth: (1 + math.cos(math.pi * step / first)) / 2,
            "After the first cycle your cosine rises slowly back to 1. It should leap there and "
            "fall again.",
        ),
        Mistake(
            "it ends after the first cycle",
            lambda step, first, growth: (1 + math.cos(math.pi * min(step / first, 1))) / 2,
            "When a cycle is over the next begins, at 1 again.",
        ),
        Mistake(
            "only the first cycle is taken off",
            _restarts_once,
            "An if asks once. What is left of step may lie beyond the second cycle too, and beyond "
            "the third.",
        ),
        Mistake(
            "the length grows before it is taken off",
            _restarts_grown_first,
            "What is over is the cycle as long as it was. Its length comes off first; then the "
            "next one is longer.",
        ),
        Mistake(
            "a logarithm finds the cycle, and is rounded",
            _restarts_by_logarithm,
            "math.log(243, 3) is 4.999..., not 5, so at some restarts the cycle is one too low. "
            "Count in whole numbers.",
        ),
        Mistake(
            "the cycles do not grow",
            _restarts_with(grow=lambda length, first, growth: length),
            "Each cycle is growth times as long as the one before.",
        ),
        Mistake(
            "the cycles grow by adding",
            _restarts_with(grow=lambda length, first, growth: length + growth),
            "Each cycle is growth times as long as the one before: is that a sum?",
        ),
        Mistake(
            "every later cycle has the length of the second",
            _restarts_with(grow=lambda length, first, growth: first * growth),
            "The third cycle is longer than the second by the same factor again.",
        ),
        Mistake(
            "the first cycle has grown already",
            _restarts_with(start=lambda first, growth: first * growth),
            "The first cycle has the length first. Only the next one is longer.",
        ),
        Mistake(
            "the place is measured by the first cycle",
            _restarts_with(place=lambda step, length, first: step / first),
            "A longer cycle falls more slowly. By which length must the place within it be "
            "divided?",
        ),
        Mistake(
            "the restart comes one step late",
            _restarts_with(late=1),
            "With a first cycle of 5 steps, the steps 0 to 4 belong to it. Step 5 is the restart.",
        ),
        Mistake(
            "down and up within a cycle",
            _restarts_with(shape=lambda place: (1 + math.cos(2 * math.pi * place)) / 2),
            "Half a cosine falls from 1 to 0. A whole one comes back up.",
        ),
        Mistake(
            "it rises",
            _restarts_with(shape=lambda place: (1 - math.cos(math.pi * place)) / 2),
            "At the start of a cycle the factor is 1. What is cos(0)?",
        ),
        Mistake(
            "from 2 to 0",
            _restarts_with(shape=lambda place: 1 + math.cos(math.pi * place)),
            "The factor starts at 1. What is 1 + cos(0)?",
        ),
        Mistake(
            "the last step of a cycle is at zero",
            _restarts_with(place=lambda step, length, first: step / (length - 1)),
            "As in the lesson, zero is where the cycle ends and the next begins: the last step "
            "only comes close.",
        ),
        Mistake(
            "a sine",
            _restarts_with(shape=lambda place: (1 + math.sin(math.pi * place)) / 2),
            "At the start of a cycle the factor is 1: cos(0) is.",
        ),
        Mistake(
            "pi is left out",
            _restarts_with(shape=lambda place: (1 + math.cos(place)) / 2),
            "At the end of a cycle half a cosine has passed: an angle of pi.",
        ),
        Mistake(
            "a straight fall",
            _restarts_with(shape=lambda place: 1 - place),
            "The factor falls along half a cosine.",
        ),
        Mistake(
            "one step early",
            _restarts_with(place=lambda step, length, first: (step + 1) / length),
            "Steps of a cycle count from 0, where the factor is 1.",
        ),
        Mistake(
            "each cycle is taken off with the length of the first",
            _restarts_first_off,
            "What has passed is the sum of the lengths of all cycles before. Each is growth times "
            "as long as the one before it.",
        ),
        Mistake(
            "a cosine without its half",
            _restarts_with(shape=lambda place: math.cos(math.pi * place / 2)),
            "The factor is (1 + cos) / 2, which is flat at both ends.",
        ),
        Mistake(
            "each cycle is longer by the first",
            _restarts_with(grow=lambda length, first, growth: length + first),
            "Each cycle is growth times as long as the one before: is that a sum?",
        ),
    ),
    hints=(
        "Two questions: in which cycle is this step, and how far into it?",
        "While the step lies beyond the present cycle, take the cycle's length off and make the "
        "length grow.",
        "The place within the cycle, from 0 to below 1, goes into the lesson's half cosine. "
        "(Predicted? Step 2 is half down, 0.5; step 4 restarts, 1; step 8 is half down again.)",
    ),
)

EXERCISES = (WARMUP_THEN_FALL, STEEPEST_RATE, COSINE_WITH_RESTARTS)
