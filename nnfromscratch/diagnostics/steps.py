"""Do the steps fit? One step, many steps under one gradient, and short runs at several rates."""

import math

import numpy as np

from ..contracts import FloatArray
from ..optimizers import Adam
from .activity import small_weights
from .probes import Trial, affordable, descend, duplicate, forgetful, observe, train_briefly
from .report import Finding, Number, Results, found, plural
from .sample import Sample
from .thresholds import (
    FALLS,
    FASTER,
    GROWS,
    HEART_STEPS,
    HEAVY_PENALTY,
    LEAPS,
    LONG_MEMORY,
    MOST,
    SAME_GRADIENTS,
    SLOW,
    STANDS,
)


def penalty(sample: Sample) -> Results:
    """What the L2 penalty would cost, if the weights had the size of a fresh start."""
    decay = getattr(sample.optimizer, "weight_decay", 0.0)
    if getattr(sample.optimizer, "decoupled", False):
        # Adam's directions are below 1, so weights end below 1 / weight_decay.
        if decay > 2:
            yield found(
                "penalty too strong",
                f"a decoupled weight decay of {decay:g} keeps every weight below {1 / decay:.2g}",
            )
        return
    # By He's rule D K weights have the squares 2 / D, so half their sum is K.
    cost = decay * sum(sample.still[p + 1][0].size for p in sample.gains)
    if cost > HEAVY_PENALTY * sample.nothing:
        yield found(
            "penalty too strong",
            f"on weights by He's rule, weight decay {decay:g} costs {cost:.3g}; all that "
            f"learning can win is {sample.nothing:.3g}",
        )


def one_step(sample: Sample) -> Results:
    """Whether a step goes down, and moves all that has a gradient."""
    trial, optimizer = duplicate(sample.model), duplicate(sample.optimizer)
    descend(sample, trial, 256)
    before = {k: w.astype(np.float64) for k, w in trial.params.items()}
    g = {k: np.array(v, np.float64) for k, v in trial.grads.items()}
    optimizer.step(trial)
    moves = {k: w.astype(np.float64) - before[k] for k, w in trial.params.items()}
    ratios = [
        np.linalg.norm(move) / max(np.linalg.norm(before[k]), 1e-300)
        for k, move in moves.items()
        if move.ndim > 1 and before[k].any()
    ]
    yield Number("first step by weights", " ".join(f"{r:.1g}" for r in ratios))
    yield from _unmoved(type(optimizer).__name__, g, moves)
    yield from _uphill(g, moves)


def _unmoved(name: str, g: dict, moves: dict) -> Results:
    # A gradient of rounding, or one so faint that its step is lost in float32, does not count.
    largest = max(float(abs(a).max()) for a in g.values())
    still = [k for k in g if abs(g[k]).max() > 1e-3 * largest and not moves[k].any()]
    if still:
        what = "every parameter" if len(still) == len(g) else ", ".join(still)
        yield found("step does nothing", f"a step of {name} leaves {what} unmoved")


def _uphill(g: dict, moves: dict) -> Results:
    along = sum(float((moves[k] * g[k]).sum()) for k in g)
    sizes = [math.sqrt(sum(float((a**2).sum()) for a in many.values())) for many in (moves, g)]
    size = sizes[0] * sizes[1]
    if size and along > 0.1 * size:
        yield found("climbs", f"a step goes up the gradient (cosine {along / size:+.2f})")


class Stub:
    """A model of four numbers, whose gradient never changes."""

    def __init__(self) -> None:
        self.params = {"w1": np.zeros((2, 2))}
        self.grads = {"w1": np.ones((2, 2))}


def memory(sample: Sample) -> Results:
    """Whether steps under one gradient grow without end, as if no gradient were forgotten."""
    if getattr(sample.optimizer, "momentum", 0.0) > LONG_MEMORY:
        return  # see `rates`
    optimizer = type(sample.optimizer).__name__
    try:
        sizes = _sizes_of_steps(forgetful(sample.optimizer), Stub())
    except Exception:  # an optimizer of one's own may look at the layers
        model = duplicate(sample.model)
        descend(sample, model, 16)
        sizes = _sizes_of_steps(duplicate(sample.optimizer), model)
    half, last = sizes[SAME_GRADIENTS // 2 - 1], sizes[-1]
    if half > 0 and last > GROWS * half:
        yield found(
            "gradients pile up",
            f"under one and the same gradient, step {SAME_GRADIENTS} of {optimizer} is "
            f"{last / half:.2g} times step {SAME_GRADIENTS // 2}: it adds up and never forgets",
        )


def _sizes_of_steps(optimizer, model) -> list[float]:
    """Return the size of each of many steps under the gradients that the model holds."""
    sizes = []
    for _ in range(SAME_GRADIENTS):
        for w in model.params.values():
            w[...] = 0  # where no step is lost in rounding, and no decay pulls
        optimizer.step(model)
        sizes.append(max(float(abs(w).max()) for w in model.params.values()))
    return sizes


# Short runs


def answers_well(sample: Sample, trial: Trial) -> bool:
    """Whether half of what was wrong before, or is by knowing nothing, is right by then.

    Some losses fall slowly while the answers are right already.
    """
    if trial.outputs is None:
        return False
    error = float((trial.outputs.argmax(axis=1) != sample.few_y).mean())
    return error < MOST * min(sample.error, 1 - float(sample.shares.max()))


def goal_of(sample: Sample) -> float:
    """The loss below which a trial learns; a start may be lucky, and below that of nothing."""
    return FALLS * (sample.nothing if sample.learned else min(sample.nothing, sample.now))


def rates(sample: Sample) -> Results:
    """Short runs at the rate given, and at others if that one fails."""
    rate = getattr(sample.optimizer, "learning_rate", None)
    if rate is None or sample.classes == 1:
        return
    first = train_briefly(sample, sample.optimizer)
    goal = goal_of(sample)
    text = (
        f"{plural(first.steps, 'step')} at {rate:g} take the loss from {sample.now:.3g} to "
        f"{first.loss:.3g}"
    )
    yield Number("short run", text)
    if math.isnan(sample.nothing):
        return  # nothing to judge a loss by
    leap = _leap(sample, rate, first, text)
    if leap:
        yield leap
        return
    faster = _faster(sample, first)
    if faster:
        yield found(
            "rate too small", f"{text}; steps at {faster[0] * rate:g} end at {faster[1]:.3g}"
        )
        return
    if first.loss < goal or (answers_well(sample, first) and first.loss < sample.now):
        yield from _long_memory(sample, rate)
        return
    # A deep network may stumble at first, at a rate with which it learns later.
    later = train_briefly(sample, sample.optimizer, longer=4)
    if later.loss < goal:
        return
    yield from _other_rate(sample, rate, first, later, text)


def _leap(sample: Sample, rate: float, first: Trial, text: str) -> Finding | None:
    """Whether the loss leaps on its way, and does not at a tenth of the rate."""
    limit = LEAPS * max(sample.now, sample.nothing)
    if not limit < first.highest < math.inf:
        return None
    if train_briefly(sample, sample.optimizer, factor=0.1).highest > limit:
        return None
    return found(
        "rate too large",
        f"{text}, by way of {first.highest:.3g}; at {rate / 10:g} it does not leap",
    )


def _faster(sample: Sample, first: Trial) -> tuple[float, float] | None:
    """Return a factor by which the rate would do far better, and the loss that it ends with."""
    slow = SLOW * sample.nothing
    if not slow < first.loss < math.inf:
        return None
    for factor in FASTER:
        loss = train_briefly(sample, sample.optimizer, factor=factor).loss
        if loss < min(slow, SLOW * first.loss):
            return factor, loss
    return None


def _other_rate(sample: Sample, rate: float, first: Trial, later: Trial, text: str) -> Results:
    """Look for a rate that does better."""
    smaller = _smaller(sample, later)
    if smaller:
        factor, other = smaller
        yield found(
            "rate too large",
            f"{text}; {other.steps} steps at {factor * rate:g} end at {other.loss:.3g}",
        )
    elif later.loss > 1.5 * max(sample.now, sample.nothing):
        yield found("rate too large", f"{text}, and four times as many to {later.loss:.3g}")
    elif not sample.learned and first.loss >= STANDS * min(sample.now, sample.nothing):
        yield from _standing(sample, rate, first, later, text)


def _smaller(sample: Sample, later: Trial) -> tuple[float, Trial] | None:
    for longer in (1, 4):
        for factor in (0.1, 0.01, 0.001):
            other = train_briefly(sample, sample.optimizer, factor=factor, longer=longer)
            if other.loss < min(goal_of(sample), 0.5 * later.loss):
                return factor, other
    return None


def _standing(sample: Sample, rate: float, first: Trial, later: Trial, text: str) -> Results:
    """The loss does not move: try larger rates, then look at the weights."""
    for factor in (30.0, 1e2, 1e3, 1e4, 1e5, 1e6):
        other = train_briefly(sample, sample.optimizer, factor=factor)
        if other.loss < goal_of(sample) or (
            answers_well(sample, other) and other.loss < first.loss
        ):
            yield found(
                "rate too small", f"{text}; steps at {factor * rate:g} end at {other.loss:.3g}"
            )
            return
    if later.loss > STANDS * min(sample.nothing, sample.now):
        yield small_weights(sample, text) or found(
            "does not fall", f"{text}, and no other rate does better"
        )


def _long_memory(sample: Sample, rate: float) -> Results:
    """Whether a momentum near 1 turns the rate into one that is too large in the long run."""
    momentum = getattr(sample.optimizer, "momentum", 0.0)
    if not LONG_MEMORY < momentum < 1:
        return
    pace = 1 / (1 - momentum)
    end = train_briefly(sample, sample.optimizer, factor=pace / 2, momentum=0.0).loss
    if end > max(sample.now, sample.nothing):
        text = (
            f"a momentum of {momentum:g} adds up {pace:.0f} steps, so a rate of {rate:g} acts "
            f"like {pace * rate:g}; without momentum, steps at half of that end at {end:.3g}"
        )
        usual = train_briefly(sample, sample.optimizer, momentum=0.9).loss
        cause = "momentum too large" if usual < goal_of(sample) else "rate too large"
        yield found(cause, text)


def by_heart(sample: Sample) -> Results:
    """Whether ten examples can be learned by heart; the last resort."""
    if sample.learned:
        return
    places: dict[bytes, int] = {}
    for n, row in enumerate(sample.few_x + 0.0):  # for -0.0 is 0.0
        places.setdefault(row.tobytes(), n)
    rows = list(places.values())[:10]
    x, labels = sample.few_x[rows].astype(np.float64), sample.few_y[rows]
    best = 1.0
    for rate in (0.01, 0.001):
        model, optimizer = duplicate(sample.double), Adam(rate)
        steps = affordable(model, 3 * len(rows), HEART_STEPS)
        for step in range(1, steps + 1):
            model.backward(sample.loss(model.forward(x.copy(), True), labels)[1])
            optimizer.step(model)
            if step % 20 == 0:
                best = min(best, _wrong(model, x, labels))
            if best == 0:
                yield Number("ten examples", f"learned in {step} steps of Adam")
                return
        if steps < HEART_STEPS:
            return  # too large a network to say
    if best > 0.3:
        yield found(
            "cannot overfit",
            f"after {steps} steps of Adam {best:.0%} of {len(labels)} examples are still wrong",
        )


def _wrong(model, x: FloatArray, labels) -> float:
    """Fraction of wrong answers, in the better mode."""
    outs = [observe(model, x, training=training)[-1] for training in (True, False)]
    return min(float((out.argmax(axis=1) != labels).mean()) for out in outs)
