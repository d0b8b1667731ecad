"""Exercises of lesson 10, Optimizers."""

import numpy as np

from .._draw import normal, sizes
from .._exercise import Exercise, Mistake

# centred_rms


def centred_rms(w, slopes, rate, keep, epsilon):
    mean, square = np.zeros_like(w), np.zeros_like(w)
    for g in slopes:
        mean = keep * mean + (1 - keep) * g
        square = keep * square + (1 - keep) * g**2
        w = w - rate * g / np.sqrt(square - mean**2 + epsilon)
    return w


def _centred_inputs(rng):
    t, d = sizes(rng, 2, low=3)
    rate, keep, epsilon = rng.uniform((0.05, 0.3, 0.05), (0.9, 0.9, 0.4))
    slopes = normal(rng, t, d) + 0.5
    return (normal(rng, d), slopes, *(float(np.round(v, 2)) for v in (rate, keep, epsilon)))


def _centred_steady(rng):
    # All slopes are equal: what is left of the square is what the start at 0 makes of it.
    return np.array([1.0, -2.0]), np.array([[2.0, -1.0]] * 3), 0.5, 0.75, 0.2


def _centred_with(
    below=lambda m, s, e: np.sqrt(s - m**2 + e),
    above=lambda g, m, t, keep: g,
    mix=lambda old, new, keep: keep * old + (1 - keep) * new,
    square=lambda g, m: g**2,
    sign=-1,
    late=False,
    corrected=False,
    start=0.0,
):
    """Return the rule with something else in it."""

    def rule(w, slopes, rate, keep, epsilon):
        m, s = np.zeros_like(w) + start, np.zeros_like(w) + start
        for t, g in enumerate(slopes, start=1):
            old = m, s
            s = mix(s, square(g, m), keep)
            m = mix(m, g, keep)
            now = old if late else (m, s)
            if corrected:
                now = [a / (1 - keep**t) for a in now]
            w = w + sign * rate * above(g, now[0], t, keep) / below(*now, epsilon)
        return w

    return rule


def _centred_loops(w, slopes, rate, keep, epsilon):
    ends = []
    for d in range(len(w)):
        place, m, s = w[d], 0.0, 0.0
        for g in slopes[:, d]:
            m += (1 - keep) * (g - m)
            s += (1 - keep) * (g * g - s)
            place -= rate * g * (s - m * m + epsilon) ** -0.5
        ends.append(place)
    return np.array(ends)


def _centred_at_once(w, slopes, rate, keep, epsilon):
    t = np.arange(len(slopes))
    share = np.tril((1 - keep) * keep ** np.abs(t[:, None] - t))
    spread = share @ slopes**2 - (share @ slopes) ** 2
    return w - rate * (slopes / np.sqrt(spread + epsilon)).sum(axis=0)


def _centred_in_place(w, slopes, rate, keep, epsilon):
    w -= w - centred_rms(w, slopes, rate, keep, epsilon)
    return w


CENTRED_RMS = Exercise(
    name="centred_rms",
    lesson=10,
    goal="Keep two averages in one rule, and put a difference of them below the step.",
    points=2,
    misconception="The mean is taken off the slope, or squared in the wrong place.",
    reference=centred_rms,
    inputs=_centred_inputs,
    corners=(_centred_steady,),
    variants=(_centred_loops, _centred_at_once),
    mistakes=(
        Mistake(
            "RMSProp, from which no mean is taken off",
            _centred_with(below=lambda m, s, e: np.sqrt(s + e)),
            "The square of the mean comes off the mean of the squares.",
        ),
        Mistake(
            "the mean is not squared",
            _centred_with(below=lambda m, s, e: np.sqrt(np.maximum(s - m, 0) + e)),
            "Below the root stand squares: the mean of the squares less the square of the mean.",
        ),
        Mistake(
            "the square of the mean is added",
            _centred_with(below=lambda m, s, e: np.sqrt(s + m**2 + e)),
            "What is steady shall not count: the square of the mean is taken off.",
        ),
        Mistake(
            "epsilon outside the root",
            _centred_with(below=lambda m, s, e: np.sqrt(np.maximum(s - m**2, 0)) + e),
            "In this rule epsilon stands below the root.",
        ),
        Mistake(
            "epsilon is left out",
            _centred_with(below=lambda m, s, e: np.sqrt(np.maximum(s - m**2, 1e-300))),
            "epsilon is not tiny here, and stands below the root.",
        ),
        Mistake(
            "no root",
            _centred_with(below=lambda m, s, e: s - m**2 + e),
            "The slope is divided by the root of what its square would be measured in.",
        ),
        Mistake(
            "the mean in place of the slope",
            _centred_with(above=lambda g, m, t, keep: m),
            "The step goes along the slope of this step. The mean only says how much of it is "
            "steady.",
        ),
        Mistake(
            "the mean is taken off the slope of the step, too",
            _centred_with(above=lambda g, m, t, keep: g - m),
            "The step goes along the slope itself. The mean is taken off below the root alone.",
        ),
        Mistake(
            "the averages of the step before",
            _centred_with(late=True),
            "First the new slope goes into both averages, then the step is made with them.",
        ),
        Mistake(
            "both averages are corrected for their start, as in Adam",
            _centred_with(corrected=True),
            "This rule leaves the averages as they are, low at first.",
        ),
        Mistake(
            "sums in place of averages",
            _centred_with(
                mix=lambda old, new, keep: old + new,
                below=lambda m, s, e: np.sqrt(np.abs(s - m**2) + e),
            ),
            "Both are averages: the old one counts keep, the new slope the rest.",
        ),
        Mistake(
            "keep goes to the new slope",
            _centred_with(mix=lambda old, new, keep: (1 - keep) * old + keep * new),
            "keep is the share of the old average.",
        ),
        Mistake(
            "the new slope counts in full",
            _centred_with(
                mix=lambda old, new, keep: keep * old + new,
                below=lambda m, s, e: np.sqrt(np.abs(s - m**2) + e),
            ),
            "The new slope has the share 1 - keep.",
        ),
        Mistake(
            "the averages do not remember",
            _centred_with(mix=lambda old, new, keep: (1 - keep) * new),
            "The average of the step before counts, with the share keep.",
        ),
        Mistake(
            "the mean of the squares is made of the distances from the mean",
            _centred_with(square=lambda g, m: (g - m) ** 2, below=lambda m, s, e: np.sqrt(s + e)),
            "The formula averages the squares of the slopes themselves, and takes the square of "
            "the mean off afterwards.",
        ),
        Mistake(
            "sizes in place of squares",
            _centred_with(
                square=lambda g, m: np.abs(g),
                below=lambda m, s, e: np.sqrt(np.maximum(s - m**2, 0) + e),
            ),
            "s averages the squares of the slopes.",
        ),
        Mistake(
            "the step goes up",
            _centred_with(sign=1),
            "The loss falls against the slope.",
        ),
        Mistake(
            "only the last slope makes a step",
            lambda w, slopes, rate, keep, epsilon: w
            + (
                centred_rms(w, slopes, rate, keep, epsilon)
                - centred_rms(w, slopes[:-1], rate, keep, epsilon)
            ),
            "Each row of slopes makes a step, one after the other.",
        ),
        Mistake(
            "all steps are made with the last averages",
            lambda w, slopes, rate, keep, epsilon: w
            - rate
            * slopes.sum(axis=0)
            / np.sqrt(
                sum((1 - keep) * keep**i * g**2 for i, g in enumerate(slopes[::-1]))
                - sum((1 - keep) * keep**i * g for i, g in enumerate(slopes[::-1])) ** 2
                + epsilon
            ),
            "Each step is divided by what the averages are at that time.",
        ),
        Mistake(
            "one number for all weights",
            _centred_with(
                square=lambda g, m: np.full_like(g, (g**2).mean()),
                below=lambda m, s, e: np.sqrt(np.maximum(s - m.mean() ** 2, 0) + e),
            ),
            "Each weight has its own two averages.",
        ),
        Mistake(
            "the steps are returned, not the place",
            lambda w, *rest: centred_rms(w, *rest) - w,
            "Return where w is after all steps, not how far it has moved.",
        ),
        Mistake(
            "the argument is changed",
            _centred_in_place,
            "w -= ... changes the caller's array. Write w = w - ... instead.",
        ),
    ),
    hints=(
        "Two averages run along: one of the slopes, one of their squares.",
        "In each step renew both averages first, then divide the slope.",
        "Below the root: the mean of the squares, less the square of the mean, plus epsilon. (The "
        "prediction: it grows to rate times g, divided by the root of epsilon.)",
    ),
)

# look_ahead_ball


def look_ahead_ball(w, curvature, rate, momentum, steps):
    v = np.zeros_like(w)
    for _ in range(steps):
        v = momentum * v - rate * curvature * (w + momentum * v)
        w = w + v
    return w


def _ball_inputs(rng):
    (d,) = sizes(rng, 1)
    rate, momentum = rng.uniform(0.05, 0.3), rng.choice([0.5, 0.6, 0.7, 0.8])
    curvature = np.round(rng.uniform(0.5, 3, d), 1)
    w = normal(rng, d, scale=3.0)
    return w, curvature, float(np.round(rate, 2)), float(momentum), int(rng.integers(3, 7))


def _ball_two(rng):
    return np.array([8.0, -4.0]), np.array([1.0, 2.0]), 0.25, 0.5, 2


def _ball_with(
    look=lambda w, v, momentum: w + momentum * v,
    move=lambda w, v, ahead, rate: w + v,
    keep=lambda momentum: momentum,
    sign=-1,
    end=lambda w, v, momentum: w,
    count=lambda steps: steps,
):
    """Return the walk with something else in it."""

    def walk(w, curvature, rate, momentum, steps):
        v = np.zeros_like(w)
        for _ in range(count(steps)):
            ahead = look(w, v, momentum)
            v = keep(momentum) * v + sign * rate * curvature * ahead
            w = move(w, v, ahead, rate)
        return end(w, v, momentum)

    return walk


def _ball_at_rest(w, curvature, rate, momentum, steps):
    for _ in range(steps):
        v = np.zeros_like(w)
        v = momentum * v - rate * curvature * (w + momentum * v)
        w = w + v
    return w


def _ball_moves_first(w, curvature, rate, momentum, steps):
    v = np.zeros_like(w)
    for _ in range(steps):
        new = momentum * v - rate * curvature * (w + momentum * v)
        w = w + v
        v = new
    return w


def _ball_in_place(w, curvature, rate, momentum, steps):
    v = 0 * w
    for _ in range(steps):
        v = momentum * v - rate * curvature * (w + momentum * v)
        w += v
    return w


def _ball_program(w, curvature, rate, momentum, steps):
    u, v = w.copy(), np.zeros_like(w)
    for _ in range(steps):
        g = curvature * u
        v = momentum * v + g
        u -= rate * (g + momentum * v)
    return u + rate * momentum * v


def _ball_two_places(w, curvature, rate, momentum, steps):
    before = w
    for _ in range(steps):
        ahead = w + momentum * (w - before)
        before, w = w, ahead - rate * curvature * ahead
    return w


def _ball_start(start):
    """Return the walk that starts with another velocity."""

    def walk(w, curvature, rate, momentum, steps):
        v = start(w, curvature, rate)
        for _ in range(steps):
            v = momentum * v - rate * curvature * (w + momentum * v)
            w = w + v
        return w

    return walk


def _ball_with_slope(slope):
    """Return the walk with something else in place of the step along the slope."""

    def walk(w, curvature, rate, momentum, steps):
        v = np.zeros_like(w)
        for _ in range(steps):
            v = momentum * v - slope(w, v, curvature, rate, momentum)
            w = w + v
        return w

    return walk


def _ball_rate_outside(ahead):
    """Return the walk whose rate stands outside of the velocity, as in the lesson."""

    def walk(w, curvature, rate, momentum, steps):
        v = np.zeros_like(w)
        for _ in range(steps):
            v = momentum * v - curvature * ahead(w, v, rate, momentum)
            w = w + rate * v
        return w

    return walk


def _ball_minus(w, curvature, rate, momentum, steps):
    v = np.zeros_like(w)
    for _ in range(steps):
        v = momentum * v - rate * curvature * (w + momentum * v)
        w = w - v
    return w


def _ball_lesson(w, curvature, rate, momentum, steps):
    v = np.zeros_like(w)
    for _ in range(steps):
        v = momentum * v + curvature * (w + momentum * v)
        w = w - rate * v
    return w


def _ball_rest(w, curvature, rate, momentum, steps):
    v = np.zeros_like(w)
    for _ in range(steps):
        v = (1 - momentum) * v - rate * curvature * (w + momentum * v)
        w = w + v
    return w


LOOK_AHEAD_BALL = Exercise(
    name="look_ahead_ball",
    lesson=10,
    goal="Write Nesterov's momentum in another form than the lesson's.",
    points=2,
    misconception="The slope is taken where the ball is, or the rate is applied twice.",
    reference=look_ahead_ball,
    inputs=_ball_inputs,
    corners=(
        lambda rng: (*_ball_inputs(rng)[:-1], 1),
        _ball_two,
    ),
    out_of_reach=("SGD",),
    variants=(_ball_program, _ball_two_places),
    mistakes=(
        Mistake(
            "the slope is taken where the ball is",
            _ball_with(look=lambda w, v, momentum: w),
            "This is plain momentum. Nesterov's slope is that of the place to which the velocity "
            "is about to carry the ball.",
        ),
        Mistake(
            "it looks back",
            _ball_with(look=lambda w, v, momentum: w - momentum * v),
            "Your slope is taken at a place behind the ball. It is due where the velocity alone "
            "would "
            "carry the ball, w + momentum v, for a v that is then added to w.",
        ),
        Mistake(
            "it looks too far ahead",
            _ball_with(look=lambda w, v, momentum: w + v),
            "Some of the velocity is lost to friction before the slope comes in. How much is left?",
        ),
        Mistake(
            "the rate is applied twice",
            _ball_with(move=lambda w, v, ahead, rate: w + rate * v),
            "In this form the velocity is a distance already: the rate is in it.",
        ),
        Mistake(
            "the velocity is forgotten",
            _ball_with(keep=lambda momentum: 0.0),
            "A share of the old velocity survives each step.",
        ),
        Mistake(
            "the velocity is set back to zero in every step",
            _ball_at_rest,
            "The ball is at rest once, before the first step. What stands inside the loop happens "
            "in every step.",
        ),
        Mistake(
            "no friction",
            _ball_with(keep=lambda momentum: 1.0),
            "Only a share of the old velocity survives each step.",
        ),
        Mistake(
            "uphill",
            _ball_with(sign=1),
            "With your steps the ball rolls uphill. The slope pushes it the other way.",
        ),
        Mistake(
            "it starts from the place ahead",
            _ball_with(move=lambda w, v, ahead, rate: ahead + v),
            "The place ahead is only looked at. The renewed velocity holds that way already.",
        ),
        Mistake(
            "it moves by the old velocity",
            _ball_moves_first,
            "First the velocity is renewed, then the ball moves by the new one.",
        ),
        Mistake(
            "the place ahead is returned",
            _ball_with(end=lambda w, v, momentum: w + momentum * v),
            "This is where the ball looks to. Return where it is.",
        ),
        Mistake(
            "one step too few",
            _ball_with(count=lambda steps: steps - 1),
            "range(1, steps) has one number less than steps. Count the passes of your loop.",
        ),
        Mistake(
            "one step too many",
            _ball_with(count=lambda steps: steps + 1),
            "range(steps + 1) has one number more than steps. Count the passes of your loop.",
        ),
        Mistake(
            "the argument is changed",
            _ball_in_place,
            "w += v and w[:] = ... write into the caller's array. w = w + v makes a new one.",
        ),
        Mistake(
            "the velocity is taken off",
            _ball_minus,
            "This velocity has the minus of the slope in it already: the ball moves by + v.",
        ),
        Mistake(
            "the slope counts only in part",
            _ball_with_slope(lambda w, v, k, rate, m: (1 - m) * rate * k * (w + m * v)),
            "The velocity is no average here: the slope is multiplied by the rate alone.",
        ),
        Mistake(
            "the rate is outside of the velocity, but not in the place ahead",
            _ball_rate_outside(lambda w, v, rate, m: w + m * v),
            "In this form the rate is in the velocity. With the rate outside, as in the lesson, "
            "the place ahead needs it too.",
        ),
        Mistake(
            "the place ahead has the rate in it",
            _ball_with_slope(lambda w, v, k, rate, m: rate * k * (w + rate * m * v)),
            "In this form the rate is in the velocity, which is a distance already: ahead is w + "
            "momentum v.",
        ),
        Mistake(
            "the curvature is left out",
            _ball_with_slope(lambda w, v, k, rate, m: rate * (w + m * v)),
            "The slope at a place p is k p, entry by entry.",
        ),
        Mistake(
            "the height in place of the slope",
            _ball_with_slope(lambda w, v, k, rate, m: rate * k * (w + m * v) ** 2 / 2),
            "That is the height of the bowl at the place ahead. Its slope there is k p.",
        ),
        Mistake(
            "the ball starts with a velocity",
            _ball_start(lambda w, k, rate: w.copy()),
            "The ball starts at rest, v = 0.",
        ),
        Mistake(
            "the ball starts with the first slope",
            _ball_start(lambda w, k, rate: -rate * k * w),
            "The ball starts at rest, v = 0; the first slope comes in with the first step.",
        ),
        Mistake(
            "only one step",
            _ball_with(count=lambda steps: min(steps, 1)),
            "As many steps as `steps` says: where does the return stand?",
        ),
        Mistake(
            "the velocity is returned",
            lambda *a: look_ahead_ball(*a[:-1], a[-1]) - look_ahead_ball(*a[:-1], a[-1] - 1),
            "The place of the ball is asked for.",
        ),
        Mistake(
            "the place and the velocity are returned",
            lambda *a: (
                look_ahead_ball(*a),
                look_ahead_ball(*a) - look_ahead_ball(*a[:-1], a[-1] - 1),
            ),
            "The place of the ball is asked for, and nothing else.",
        ),
        Mistake(
            "it looks to the end of a whole step",
            _ball_with_slope(lambda w, v, k, rate, m: rate * k * (w + m * v - rate * k * w)),
            "The place ahead is w + momentum v, without a step along the slope.",
        ),
        Mistake(
            "the velocity of the lesson, without the rate",
            _ball_lesson,
            "Here v is a distance: the rate stands in the velocity, with a minus.",
        ),
        Mistake(
            "1 - momentum is kept of the velocity",
            _ball_rest,
            "momentum is the share of the velocity that is kept.",
        ),
    ),
    hints=(
        "Three lines in the loop: the place ahead, the new velocity, the new place.",
        "The slope at a place p of the bowl is curvature * p. (Predicted? After one step the ball "
        "is at 6, after two at 3.75.)",
    ),
)

# adagrad


def adagrad(w, slopes, rate, epsilon):
    total = np.zeros_like(w)
    for g in slopes:
        total = total + g**2
        w = w - rate * g / (np.sqrt(total) + epsilon)
    return w


def _adagrad_inputs(rng):
    d, t = sizes(rng, 2, low=3)
    slopes = normal(rng, t, d)
    slopes[slopes == 0] = 0.3
    return normal(rng, d, scale=2.0), slopes, 0.1, float(rng.choice([0.1, 0.2, 0.5]))


def _adagrad_with(add=lambda total, g, t: total + g**2, size=None, sign=-1, late=False, more=0.0):
    """Return the walk with something else in it."""

    def walk(w, slopes, rate, epsilon):
        total = np.zeros_like(w)
        for t, g in enumerate(slopes, start=1):
            new = add(total, g, t)
            seen = total if late else new
            divisor = np.sqrt(seen) + epsilon if size is None else size(seen, epsilon)
            w = w + sign * rate * g / divisor + more * epsilon
            total = new
        return w

    return walk


def _adagrad_in_place(w, slopes, rate, epsilon):
    total = np.zeros_like(w)
    for g in slopes:
        total += g**2
        w -= rate * g / (np.sqrt(total) + epsilon)
    return w


def _adagrad_at_once(w, slopes, rate, epsilon):
    return w - rate * (slopes / (np.sqrt(np.cumsum(slopes**2, axis=0)) + epsilon)).sum(axis=0)


def _adagrad_loops(w, slopes, rate, epsilon):
    new = w.copy()
    for d in range(len(w)):
        total = 0.0
        for t in range(len(slopes)):
            total += slopes[t, d] ** 2
            new[d] -= rate * slopes[t, d] / (total**0.5 + epsilon)
    return new


def _adagrad_over(choose, sum_first=False):
    """Return the walk along other slopes, or with the sum of all of them from the start."""

    def walk(w, slopes, rate, epsilon):
        if sum_first:
            total = (slopes**2).sum(axis=0)
            return w - sum(rate * g / (np.sqrt(total) + epsilon) for g in slopes)
        return adagrad(w, choose(slopes), rate, epsilon)

    return walk


def _adagrad_step(step, start=0.0):
    """Return the walk with another step, or another sum at the start."""

    def walk(w, slopes, rate, epsilon):
        total = np.full_like(w, start)
        for g in slopes:
            total = total + g**2
            w = w - step(g, np.sqrt(total), rate, epsilon)
        return w

    return walk


def _adagrad_of_sums(size):
    """Return the walk whose sum is of the slopes, not of their squares."""

    def walk(w, slopes, rate, epsilon):
        total = np.zeros_like(w)
        for g in slopes:
            total = total + g
            w = w - rate * g / (size(total) + epsilon)
        return w

    return walk


def _adagrad_forgets_w(w, slopes, rate, epsilon):
    total, moved = np.zeros_like(w), w
    for g in slopes:
        total = total + g**2
        moved = w - rate * g / (np.sqrt(total) + epsilon)
    return moved


def _adagrad_without_slope(w, slopes, rate, epsilon):
    total = np.zeros_like(w)
    for g in slopes:
        total = total + g**2
        w = w - rate / (np.sqrt(total) + epsilon)
    return w


ADAGRAD = Exercise(
    name="adagrad",
    lesson=10,
    goal="Write an optimizer from its formula, and tell it from its neighbours.",
    points=2,
    misconception="A sum is mistaken for a running average, or one size serves all weights.",
    reference=adagrad,
    inputs=_adagrad_inputs,
    corners=(
        lambda rng: (
            np.array([1.0, -2.0]),
            np.array([[3.0, 0.6], [-4.0, 0.8]]),
            0.5,
            0.1,
        ),
    ),
    out_of_reach=("RMSProp", "Adam", "AdamW"),
    variants=(_adagrad_at_once, _adagrad_loops),
    mistakes=(
        Mistake(
            "a running average, as in RMSProp",
            _adagrad_with(add=lambda total, g, t: 0.9 * total + 0.1 * g**2),
            "RMSProp forgets. This rule keeps all squares since the start, each in full.",
        ),
        Mistake(
            "the mean of the squares",
            _adagrad_with(add=lambda total, g, t: total + (g**2 - total) / t),
            "The squares are added up and not averaged: the steps are meant to get shorter.",
        ),
        Mistake(
            "the root is missing",
            _adagrad_with(size=lambda total, epsilon: total + epsilon),
            "Without the root the unit of the slopes does not cancel.",
        ),
        Mistake(
            "epsilon under the root",
            _adagrad_with(size=lambda total, epsilon: np.sqrt(total + epsilon)),
            "In the formula epsilon is added after the root has been taken.",
        ),
        Mistake(
            "epsilon is left out",
            _adagrad_with(size=lambda total, epsilon: np.sqrt(total)),
            "A weight whose slopes have all been zero would be divided by zero. What prevents it?",
        ),
        Mistake(
            "without brackets epsilon is added to w",
            _adagrad_with(size=lambda total, epsilon: np.sqrt(total), more=1.0),
            "A fraction bar holds together what is below it; / does not. What does Python divide "
            "by, and what does it add afterwards?",
        ),
        Mistake(
            "without brackets epsilon is added to the step",
            _adagrad_with(size=lambda total, epsilon: np.sqrt(total), more=-1.0),
            "A fraction bar holds together what is below it; / does not. What does Python divide "
            "by, and what does it add afterwards?",
        ),
        Mistake(
            "the present slope is counted too late",
            _adagrad_with(late=True),
            "The square of the present slope belongs to the sum before this step divides by it.",
        ),
        Mistake(
            "no memory",
            _adagrad_with(add=lambda total, g, t: g**2),
            "Each step has forgotten the ones before. The sum goes on from step to step.",
        ),
        Mistake(
            "one size for all weights",
            _adagrad_with(add=lambda total, g, t: total + (g**2).sum()),
            "Each weight has a sum of its own: the squares are not added over the weights.",
        ),
        Mistake(
            "uphill",
            _adagrad_with(sign=1),
            "A step goes against the slope.",
        ),
        Mistake(
            "sizes are added, not squares",
            _adagrad_with(add=lambda total, g, t: (np.sqrt(total) + np.abs(g)) ** 2),
            "First the squares are added, then the root is taken of the sum.",
        ),
        Mistake(
            "the argument is changed",
            _adagrad_in_place,
            "w -= ... and w[:] = ... write into the caller's array. w = w - ... makes a new one.",
        ),
        Mistake(
            "the root of the sum of sizes",
            _adagrad_with(add=lambda total, g, t: total + np.abs(g)),
            "s adds up squares of slopes. The root is taken of that.",
        ),
        Mistake(
            "the slopes are added up, and then squared",
            _adagrad_of_sums(np.abs),
            "Each slope is squared first; then they are added up. Otherwise slopes of two signs "
            "cancel.",
        ),
        Mistake(
            "the slopes are added up, not squared",
            _adagrad_of_sums(np.sqrt),
            "s adds up squares, which are never negative; a root of a negative number is nan.",
        ),
        Mistake(
            "the sum of all steps from the start",
            _adagrad_over(None, sum_first=True),
            "In each step s holds what has come so far, not what is still to come.",
        ),
        Mistake(
            "the mean over all steps",
            _adagrad_step(lambda g, root, rate, eps: rate * g / (root / 2 + eps)),
            "s is a sum, which is divided by nothing.",
        ),
        Mistake(
            "multiplied where a division is due",
            _adagrad_step(lambda g, root, rate, eps: rate * g * (root + eps)),
            "The more a weight has been pushed, the shorter are its steps.",
        ),
        Mistake(
            "the rate is left out",
            _adagrad_step(lambda g, root, rate, eps: g / (root + eps)),
            "The step is multiplied by the rate.",
        ),
        Mistake(
            "only the sign of the slope counts",
            _adagrad_step(lambda g, root, rate, eps: rate * np.sign(g) / (root + eps)),
            "Above the fraction stands the slope itself.",
        ),
        Mistake(
            "the sum starts at 1",
            _adagrad_step(lambda g, root, rate, eps: rate * g / (root + eps), start=1.0),
            "s is 0 at the start.",
        ),
        Mistake(
            "only the last slope counts",
            _adagrad_over(lambda slopes: slopes[-1:]),
            "There is a step for each row of slopes.",
        ),
        Mistake(
            "the first slope is left out",
            _adagrad_over(lambda slopes: slopes[1:]),
            "There is a step for each row of slopes, the first one too.",
        ),
        Mistake(
            "columns are taken for steps",
            lambda w, slopes, rate, epsilon: adagrad(w, slopes.T, rate, epsilon),
            "slopes is (T, D): one step a row.",
        ),
        Mistake(
            "the steps are not remembered",
            _adagrad_forgets_w,
            "Each step begins where the one before it ended.",
        ),
        Mistake(
            "w and s are returned",
            lambda w, slopes, rate, epsilon: (
                adagrad(w, slopes, rate, epsilon),
                (slopes**2).sum(axis=0),
            ),
            "w is asked for, and nothing else.",
        ),
        Mistake(
            "the largest square in place of the sum",
            _adagrad_with(add=lambda total, g, t: np.maximum(total, g**2)),
            "s adds up all squares since the start.",
        ),
        Mistake(
            "the last slope at every step",
            lambda w, slopes, rate, epsilon: adagrad(w, 0 * slopes + slopes[-1], rate, epsilon),
            "Each row of slopes belongs to one step, in their order.",
        ),
        Mistake(
            "plain steps",
            lambda w, slopes, rate, epsilon: w - rate * slopes.sum(axis=0),
            "Each slope is divided by the root of the sum of squares so far.",
        ),
        Mistake(
            "the step lacks the slope",
            _adagrad_without_slope,
            "The step goes along the slope, divided by the root.",
        ),
    ),
    hints=(
        "Compare with RMSProp in the lesson: only the line of the memory is another.",
        "In each step: add the squares to the sum, then step. The sum has the shape of w.",
        "(Predicted? With slopes of 1 the sum is t after t steps: the first step is one rate long "
        "and the hundredth a tenth of it, apart from epsilon.)",
    ),
)

# DecoupledAdam


class _DecoupledAdam:
    def __init__(self, rate, beta1, beta2, epsilon, decay):
        self.rate, self.beta1, self.beta2 = rate, beta1, beta2
        self.epsilon, self.decay = epsilon, decay
        self.t, self.m, self.s = 0, {}, {}

    def step(self, params, grads):
        self.t += 1
        for name, w in params.items():
            g = grads[name]
            self.m[name] = self.beta1 * self.m.get(name, 0) + (1 - self.beta1) * g
            self.s[name] = self.beta2 * self.s.get(name, 0) + (1 - self.beta2) * g**2
            m_hat = self.m[name] / (1 - self.beta1**self.t)
            s_hat = self.s[name] / (1 - self.beta2**self.t)
            direction = m_hat / (np.sqrt(s_hat) + self.epsilon)
            if w.ndim > 1:
                direction = direction + self.decay * w
            w -= self.rate * direction


def _adam_arrays(rng, t, *shape):
    rate, epsilon = rng.choice([0.1, 0.2, 0.3]), rng.choice([0.05, 0.1])
    w, b, v = normal(rng, *shape) + 1, normal(rng, shape[-1]), normal(rng, *shape) - 1
    slopes = normal(rng, t, *shape), normal(rng, t, shape[-1]), normal(rng, t, *shape)
    return w, b, v, *slopes, float(rate), float(epsilon), float(rng.choice([0.1, 0.5]))


def _adam_inputs(rng):
    d, k, t = sizes(rng, 3, high=4)
    return _adam_arrays(rng, t, d, k)


def _adam_ones(rng):
    dw = np.array([[[1.0, -2.0]], [[1.0, -1.0]], [[3.0, 0.5]]])
    db = np.array([[0.5, 1.0], [0.5, -1.0], [1.0, 2.0]])
    w, b, v = np.array([[1.0, 2.0]]), np.array([1.0, -1.0]), np.array([[-1.0, 0.5]])
    return w, b, v, dw, db, -dw[::-1], 0.1, 0.1, 0.5


def _adam_three_axes(rng):
    return _adam_arrays(rng, 3, 1, 1, 3)


def _use_adam(answer, w, b, v, dw, db, dv, rate, epsilon, decay):
    optimizer = answer(rate, 0.8, 0.95, epsilon, decay)
    w, b, v = w.copy(), b.copy(), v.copy()  # the model's own arrays, which must change in place
    bias = ("b", "shift")[len(db) % 2]  # its name says nothing
    params, early = {"w": w, bias: b, "kernel": v}, []
    for slope_w, slope_b, slope_v in zip(dw, db, dv, strict=True):
        optimizer.step(params, {"kernel": slope_v, bias: slope_b, "w": slope_w})
        early.append(w.copy())
    if params.keys() != {"w", bias, "kernel"}:
        raise LookupError(f"params had w, {bias} and kernel, and after step it has {list(params)}")
    return early[0], w, b, v, params["w"]


def _adam_with(
    correct="ms",
    first=1,
    count="step",
    decay="decoupled",
    root=lambda s, epsilon: np.sqrt(s) + epsilon,
    keep_corrected=False,
    exchanged=False,
    square=lambda g: g**2,
    replace="",
    sign=-1,
    decay_sign=-1,
    shared=False,
    heavy=lambda name, w: w.ndim > 1,
    zipped=False,
):
    """Return the optimizer with something else in it."""

    class Rule:
        def __init__(self, rate, beta1, beta2, epsilon, decay):
            self.rate, self.epsilon, self.decay = rate, epsilon, decay
            self.betas = (beta2, beta1) if exchanged else (beta1, beta2)
            self.t, self.m, self.s = first - 1, {}, {}

        def step(self, params, grads):
            beta1, beta2 = self.betas
            self.t += count == "step"
            by_order = dict(zip(params, grads.values(), strict=True))
            for name, w in params.items():
                self.t += count == "array"
                place = "" if shared else name
                weights, g = heavy(name, w), by_order[name] if zipped else grads[name]
                if decay == "inside" and weights:
                    g = g + self.decay * w
                m = beta1 * self.m.get(place, 0) + (1 - beta1) * g
                s = beta2 * self.s.get(place, 0) + (1 - beta2) * square(g)
                m_hat = m / np.float64(1 - beta1**self.t) if "m" in correct else m
                s_hat = s / np.float64(1 - beta2**self.t) if "s" in correct else s
                self.m[place], self.s[place] = (m_hat, s_hat) if keep_corrected else (m, s)
                move = self.rate * m_hat / root(s_hat, self.epsilon)
                pull = 0 * w
                if (decay == "decoupled" and weights) or decay == "biases":
                    pull = self.rate * self.decay * w
                if decay == "no rate" and weights:
                    pull = self.decay * w
                new = w + sign * move + decay_sign * pull
                if decay == "afterwards" and weights:
                    new = new - self.rate * self.decay * new
                if replace == "in params":
                    params[name] = new
                elif not replace:
                    w[...] = new

    return Rule


class _AdamShrinksFirst:
    def __init__(self, rate, beta1, beta2, epsilon, decay):
        self.settings = rate, beta1, beta2, epsilon, decay
        self.past = {}

    def step(self, params, grads):
        rate, beta1, beta2, epsilon, decay = self.settings
        for name in params:
            w, g = params[name], grads[name]
            t, m, s = self.past.get(name, (0, np.zeros_like(w), np.zeros_like(w)))
            t, m, s = t + 1, m + (1 - beta1) * (g - m), s + (1 - beta2) * (g * g - s)
            self.past[name] = t, m, s
            if w.ndim >= 2:
                w *= 1 - rate * decay
            w -= rate * (m / (1 - beta1**t)) / ((s / (1 - beta2**t)) ** 0.5 + epsilon)


class _AdamFromHistory:
    def __init__(self, rate, beta1, beta2, epsilon, decay):
        self.settings = rate, beta1, beta2, epsilon, decay
        self.history = []

    def step(self, params, grads):
        rate, beta1, beta2, epsilon, decay = self.settings
        self.history.append({name: g.copy() for name, g in grads.items()})
        past = self.history[::-1]
        for name, w in params.items():
            one = sum(beta1**i for i in range(len(past)))
            two = sum(beta2**i for i in range(len(past)))
            m = sum(beta1**i * g[name] for i, g in enumerate(past)) / one
            s = sum(beta2**i * g[name] ** 2 for i, g in enumerate(past)) / two
            w += -rate * (m / (np.sqrt(s) + epsilon) + (decay * w if len(w.shape) > 1 else 0))


def _adam_terms(
    m_part=lambda beta: 1 - beta,
    s_part=lambda beta: 1 - beta,
    power=lambda beta, t: beta**t,
    direction=lambda m, s, epsilon: m / (np.sqrt(s) + epsilon),
    pull=lambda d, w, decay: d + decay * w,
    start=lambda g: 0.0 * g,
    both=lambda beta1, beta2: (beta1, beta2),
    frozen=False,
):
    """Return the optimizer with another term in its formulas."""

    class Rule:
        def __init__(self, rate, beta1, beta2, epsilon, decay):
            self.rate, self.epsilon, self.decay = rate, epsilon, decay
            self.beta1, self.beta2 = beta1, beta2
            self.t, self.m, self.s = 0, {}, {}

        def step(self, params, grads):
            self.t = 1 if frozen else self.t + 1
            beta1, beta2 = both(self.beta1, self.beta2)
            for name, w in params.items():
                g = grads[name]
                m = beta1 * self.m.get(name, start(g)) + m_part(self.beta1) * g
                s = beta2 * self.s.get(name, start(g) ** 2) + s_part(self.beta2) * g**2
                self.m[name], self.s[name] = m, s
                m_hat = m / (1 - power(self.beta1, self.t))
                s_hat = s / (1 - power(self.beta2, self.t))
                d = direction(m_hat, s_hat, self.epsilon)
                w -= self.rate * (pull(d, w, self.decay) if w.ndim > 1 else d)

    return Rule


def _adam_forgets(name):
    """Return the optimizer whose averages of this name start anew in each step."""

    class Rule(_DecoupledAdam):
        def step(self, params, grads):
            setattr(self, name, {})
            super().step(params, grads)

    return Rule


DECOUPLED_ADAM = Exercise(
    name="DecoupledAdam",
    lesson=10,
    goal="Write a whole optimizer: memories by name, a count of steps, changes in place.",
    points=4,
    misconception="The count of steps runs with the arrays, or corrected averages are kept.",
    reference=_DecoupledAdam,
    inputs=_adam_inputs,
    corners=(lambda rng: _adam_arrays(rng, 2, 2, 2), _adam_ones, _adam_three_axes),
    call=_use_adam,
    arguments=(
        "w",
        "b",
        "kernel",
        "dw of each step",
        "db of each step",
        "dkernel of each step",
        "rate",
        "epsilon",
        "decay",
    ),
    outputs=("w after one step", "w", "b", "kernel", "params['w']"),
    out_of_reach=("Optimizer", "Adam", "AdamW", "RMSProp"),
    variants=(_AdamShrinksFirst, _AdamFromHistory),
    mistakes=(
        Mistake(
            "no bias correction",
            _adam_with(correct=""),
            "The averages start at zero and are too small at first. What are they divided by?",
        ),
        Mistake(
            "only m is corrected",
            _adam_with(correct="m"),
            "s starts at zero as well, and is too small at first by a factor of its own.",
        ),
        Mistake(
            "only s is corrected",
            _adam_with(correct="s"),
            "m starts at zero as well, and is too small at first by a factor of its own.",
        ),
        Mistake(
            "s holds slopes, not squares",
            _adam_with(square=lambda g: g),
            "Slopes of both signs cancel in an average, and the root of a negative one is nan. "
            "What does s average?",
        ),
        Mistake(
            "the count of steps starts at 0",
            _adam_with(first=0),
            "In the first step t is 1. With t = 0 the correction divides by 1 - 1.",
        ),
        Mistake(
            "the count of steps runs with the arrays",
            _adam_with(count="array"),
            "A step takes all arrays once. t must rise by 1 per step, not per array.",
        ),
        Mistake(
            "corrected averages are kept",
            _adam_with(keep_corrected=True),
            "The correction is for this step only. The next one goes on from the averages as they "
            "were before it.",
        ),
        Mistake(
            "the decay goes through the averages",
            _adam_with(decay="inside"),
            "This is Adam with a penalty. Decoupled means: the gradient stays as it is, and the "
            "decay is added to the direction.",
        ),
        Mistake(
            "the biases decay too",
            _adam_with(decay="biases"),
            "Only arrays of two dimensions or more shrink. How does the lesson's step tell them "
            "apart?",
        ),
        Mistake(
            "whether an array decays goes by its name",
            _adam_with(heavy=lambda name, w: name.startswith("w")),
            "Not every array of weights is called w. How many dimensions an array has, it says "
            "itself.",
        ),
        Mistake(
            "arrays of three dimensions do not decay",
            _adam_with(heavy=lambda name, w: w.ndim == 2),
            "Two dimensions or more, says the text.",
        ),
        Mistake(
            "arrays and gradients are paired by their order",
            _adam_with(zipped=True),
            "Two dicts may hold the same names in another order. Look each gradient up by the name "
            "of its array.",
        ),
        Mistake(
            "the decay makes the weights grow",
            _adam_with(decay_sign=1),
            "In the formula the minus stands before the brackets, so it holds for the decay too.",
        ),
        Mistake(
            "the decay lacks the rate",
            _adam_with(decay="no rate"),
            "In the formula the rate multiplies both, the direction and the decay.",
        ),
        Mistake(
            "the decay is taken of the new weight",
            _adam_with(decay="afterwards"),
            "Direction and decay belong to one step, and both see the weight as it was before it.",
        ),
        Mistake(
            "no decay",
            _adam_with(decay="none"),
            "This is Adam. Where does the decay come in?",
        ),
        Mistake(
            "the root is missing",
            _adam_with(root=lambda s, epsilon: s + epsilon),
            "s is an average of squares. The slopes have the unit of its root.",
        ),
        Mistake(
            "epsilon under the root",
            _adam_with(root=lambda s, epsilon: np.sqrt(s + epsilon)),
            "In the formula epsilon is added after the root has been taken.",
        ),
        Mistake(
            "epsilon is left out",
            _adam_with(root=lambda s, epsilon: np.sqrt(s)),
            "A weight whose slopes have all been zero would be divided by zero. What prevents it?",
        ),
        Mistake(
            "the betas are exchanged",
            _adam_with(exchanged=True),
            "beta1 belongs to the average of the slopes, beta2 to that of their squares.",
        ),
        Mistake(
            "the arrays are replaced, not changed",
            _adam_with(replace="nowhere"),
            "w = w - ... makes a new array that nobody else sees, and the model still holds the "
            "old one. w -= ... changes the array itself.",
        ),
        Mistake(
            "params gets new arrays",
            _adam_with(replace="in params"),
            "params[name] = ... changes your dict; the model still holds the old array. w -= ... "
            "changes the array itself.",
        ),
        Mistake(
            "uphill",
            _adam_with(sign=1, decay_sign=1),
            "A step goes against the slope.",
        ),
        Mistake(
            "one memory for all arrays",
            _adam_with(shared=True),
            "Each array needs averages of its own. Keep them in dicts, by the name of the array.",
        ),
        Mistake(
            "only an array called b does not decay",
            _adam_with(heavy=lambda name, w: name != "b"),
            "A bias may have another name. How many dimensions an array has, it says itself.",
        ),
        Mistake(
            "the count of steps stays at 1",
            _adam_terms(frozen=True),
            "t counts the steps: it grows by 1 with each call of step.",
        ),
        Mistake(
            "beta times t, not to the power of t",
            _adam_terms(power=lambda beta, t: beta * t),
            "The corrections have beta to the power of t.",
        ),
        Mistake(
            "epsilon is added to the fraction",
            _adam_terms(direction=lambda m, s, epsilon: m / np.sqrt(s) + epsilon),
            "epsilon stands below the fraction: put root and epsilon in brackets.",
        ),
        Mistake(
            "the slope counts in full in m",
            _adam_terms(m_part=lambda beta: 1.0),
            "m is a running average: the slope has the share 1 - beta1.",
        ),
        Mistake(
            "the slope counts in full in s",
            _adam_terms(s_part=lambda beta: 1.0),
            "s is a running average: the square has the share 1 - beta2.",
        ),
        Mistake(
            "the slope counts in full in m and s",
            _adam_terms(m_part=lambda beta: 1.0, s_part=lambda beta: 1.0),
            "m and s are running averages: what is new has the share 1 - beta.",
        ),
        Mistake(
            "m keeps the share beta2",
            _adam_terms(both=lambda beta1, beta2: (beta2, beta2)),
            "m keeps the share beta1, s the share beta2.",
        ),
        Mistake(
            "s keeps the share beta1",
            _adam_terms(both=lambda beta1, beta2: (beta1, beta1)),
            "m keeps the share beta1, s the share beta2.",
        ),
        Mistake(
            "the averages start with the first slope",
            _adam_terms(start=lambda g: g),
            "Both averages start at zero; the corrections are made for that.",
        ),
        Mistake(
            "the decay stretches the direction",
            _adam_terms(pull=lambda d, w, decay: d * (1 + decay)),
            "The decay pulls at the weights: lambda times w is added to the direction.",
        ),
        Mistake(
            "the decay pulls all weights by the same",
            _adam_terms(pull=lambda d, w, decay: d + decay),
            "The decay pulls at the weights: lambda times w is added to the direction.",
        ),
        Mistake(
            "sizes are averaged, and no root undoes it",
            _adam_with(square=np.abs),
            "s is an average of squares; its root is a size.",
        ),
        Mistake(
            "m is not remembered",
            _adam_forgets("m"),
            "m is a running average: it goes on from what the step before has left.",
        ),
        Mistake(
            "s is not remembered",
            _adam_forgets("s"),
            "s is a running average: it goes on from what the step before has left.",
        ),
        Mistake(
            "t is one too high",
            _adam_with(first=2),
            "The first step has the number 1.",
        ),
    ),
    hints=(
        "Begin with one array: m, s, t, the two corrections, the step. Then a loop over the names.",
        "Dicts self.m and self.s hold the averages by name; self.m.get(name, 0) is 0 at first.",
        "Raise self.t once per call of step, before the loop. Add the decay to the direction "
        "where w.ndim > 1, and change w with -=.",
    ),
)

EXERCISES = (CENTRED_RMS, LOOK_AHEAD_BALL, ADAGRAD, DECOUPLED_ADAM)
