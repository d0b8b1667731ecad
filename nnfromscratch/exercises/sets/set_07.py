"""Exercises of lesson 07, Minibatch training."""

import numpy as np

from .._draw import labels, normal, sizes
from .._exercise import Exercise, Mistake

# split_order


def split_order(order, size):
    return [order[first : first + size] for first in range(0, len(order), size)]


def _split_inputs(rng):
    size = int(rng.integers(2, 5))
    return rng.permutation(size * int(rng.integers(2, 4)) + int(rng.integers(0, size))), size


def _split_uneven(rng):
    return np.array([3, 0, 6, 1, 5, 4, 2]), 3


def _split_even(rng):
    return np.array([3, 0, 5, 1, 4, 2]), 2


def _split_short(rng):
    return np.array([2, 0, 1]), 8


def _split_while(order, size):
    batches = []
    while len(order):
        batches.append(order[:size])
        order = order[size:]
    return batches


def _split_merged(order, size):
    batches = split_order(order, size)
    if len(batches) > 1 and len(batches[-1]) < size:
        batches[-2:] = [np.concatenate(batches[-2:])]
    return batches


SPLIT_ORDER = Exercise(
    name="split_order",
    lesson=7,
    goal="Cut a shuffled order into batches, so that each example comes exactly once.",
    points=1,
    misconception="The number of examples is a multiple of the batch size.",
    reference=split_order,
    inputs=_split_inputs,
    corners=(
        lambda rng: (np.array([2, 0, 1]), 1),
        lambda rng: (np.array([4, 2, 0, 1, 3]), 4),
        _split_uneven,
        _split_even,
        _split_short,
    ),
    out_of_reach=("minibatches",),
    variants=(
        _split_while,
        lambda order, size: np.split(order, np.arange(size, len(order), size)),
        lambda order, size: tuple(
            order[i * size : (i + 1) * size] for i in range(-(-len(order) // size))
        ),
    ),
    mistakes=(
        Mistake(
            "the rest at the end is lost",
            lambda order, size: [
                order[i * size : (i + 1) * size] for i in range(len(order) // size)
            ],
            "Seven examples in batches of three: where does the seventh go? The last batch may be "
            "smaller.",
        ),
        Mistake(
            "an empty batch at the end",
            lambda order, size: [
                order[i * size : (i + 1) * size] for i in range(len(order) // size + 1)
            ],
            "Six examples in batches of two: how many batches are there?",
        ),
        Mistake(
            "the order is not used",
            lambda order, size: split_order(np.arange(len(order)), size),
            "The batches take the examples as `order` has them, shuffled.",
        ),
        Mistake(
            "the order is sorted again",
            lambda order, size: [np.sort(batch) for batch in split_order(order, size)],
            "Within a batch, too, keep the examples as `order` has them.",
        ),
        Mistake(
            "the size is taken for the number of batches",
            lambda order, size: np.array_split(order, size),
            "`size` says how many examples a batch has, not how many batches there are.",
        ),
        Mistake(
            "the batches are evened out",
            lambda order, size: np.array_split(order, -(-len(order) // size)),
            "All batches but the last have exactly `size` examples.",
        ),
        Mistake(
            "the last batch is filled up from the start",
            lambda order, size: [
                np.take(order, range(first, first + size), mode="wrap")
                for first in range(0, len(order), size)
            ],
            "Then some examples come twice in an epoch. The last batch may be smaller.",
        ),
        Mistake(
            "the batches overlap",
            lambda order, size: [order[i : i + size] for i in range(len(order))],
            "Each batch starts where the one before it ends. How far apart are the starts?",
        ),
        Mistake(
            "every size-th number",
            lambda order, size: [order[first::size] for first in range(size)],
            "The first batch is the first `size` numbers, in a row.",
        ),
        Mistake(
            "each batch has one number too many",
            lambda order, size: [order[i : i + size + 1] for i in range(0, len(order), size)],
            "A slice a[i:j] ends before j: from i on, `size` numbers end at i + size.",
        ),
        Mistake(
            "each batch has one number too few",
            lambda order, size: [order[i : i + size - 1] for i in range(0, len(order), size)],
            "A slice a[i:j] ends before j: from i on, `size` numbers end at i + size.",
        ),
        Mistake(
            "the slice always ends at size",
            lambda order, size: [order[i:size] for i in range(0, len(order), size)],
            "Where a batch begins moves on, so where it ends must move on too.",
        ),
        Mistake(
            "the rest is put into the batch before",
            _split_merged,
            "If N is not a multiple of `size`, the last batch is smaller, a batch of its own.",
        ),
        Mistake(
            "only the first batch",
            lambda order, size: [order[:size]],
            "Every number comes once: go on until the end of order.",
        ),
        Mistake(
            "the number of batches is rounded",
            lambda order, size: [
                order[i * size : (i + 1) * size] for i in range(round(len(order) / size))
            ],
            "A smaller rest is a batch too: the number of batches is rounded up.",
        ),
        Mistake(
            "a rest of one is lost",
            lambda order, size: [order[i : i + size] for i in range(0, len(order) - 1, size)],
            "A last batch may have one number alone.",
        ),
        Mistake(
            "the batches are lists",
            lambda order, size: [part.tolist() for part in split_order(order, size)],
            "The numbers are right. A batch is an array, a slice of order.",
        ),
        Mistake(
            "only orders that divide evenly",
            lambda order, size: list(order.reshape(-1, size)),
            "reshape needs a multiple of size. The last batch may be smaller: cut slices.",
        ),
    ),
    hints=(
        "Where does each batch start? At 0, at size, at twice the size, ...",
        "range takes a third number, the distance; a slice that reaches past the end is cut there. "
        "(The prediction: 430 batches, the last with 88.)",
    ),
)

# smoothed_losses


def smoothed_losses(losses, beta):
    return _smoothed()(losses, beta)


def _smoothed(
    start=lambda losses: 0.0,
    mix=lambda s, loss, beta: beta * s + (1 - beta) * loss,
    correct=lambda s, beta, t: s / (1 - beta**t),
    feed=False,
):
    """Return the smoothing with something else in it."""

    def smooth(losses, beta):
        s, out = start(losses), []
        for t, loss in enumerate(losses, start=1):
            s = mix(s, loss, beta)
            out.append(correct(s, beta, t))
            if feed:
                s = out[-1]
        return np.array(out)

    return smooth


def _smoothed_inputs(rng):
    losses = normal(rng, int(rng.integers(4, 8))) + 3.0
    return losses, float(rng.choice([0.6, 0.8, 0.9, 0.95]))


def _smoothed_known(rng):
    return np.array([4.0, 2.0, 2.0]), 0.9


def _smoothed_by_weights(losses, beta):
    out = np.empty(len(losses))
    for t in range(len(losses)):
        weights = beta ** np.arange(t, -1, -1)
        out[t] = (weights * losses[: t + 1]).sum() / weights.sum()
    return out


def _smoothed_sums(losses, beta):
    total, weight, out = 0.0, 0.0, []
    for loss in losses:
        total, weight = beta * total + loss, beta * weight + 1
        out.append(total / weight)
    return np.array(out)


def _smoothed_in_place(losses, beta):
    right = smoothed_losses(losses, beta)
    losses[:] = right
    return losses


def _smoothed_by(correct):
    """Return the running averages with another correction."""

    def smoothed(losses, beta):
        s, out = 0.0, []
        for t, loss in enumerate(losses, start=1):
            s = beta * s + (1 - beta) * loss
            out.append(correct(s, beta, t))
        return np.array(out)

    return smoothed


SMOOTHED_LOSSES = Exercise(
    name="smoothed_losses",
    lesson=7,
    goal="Smooth a noisy curve as it comes in, without a false start.",
    points=2,
    misconception="Starting at 0 does no harm, or the corrected value is what is carried on.",
    reference=smoothed_losses,
    inputs=_smoothed_inputs,
    corners=(
        lambda rng: (np.array([3.0]), 0.9),
        _smoothed_known,
    ),
    variants=(_smoothed_by_weights, _smoothed_sums),
    mistakes=(
        Mistake(
            "no correction for the start at 0",
            _smoothed(correct=lambda s, beta, t: s),
            "Your first value is far below the first loss: s starts at 0 and has not forgotten it.",
        ),
        Mistake(
            "it starts with the first loss",
            _smoothed(start=lambda losses: losses[0], correct=lambda s, beta, t: s),
            "Then the first loss counts far more than the others. Start at 0, and correct for it.",
        ),
        Mistake(
            "it starts with the first loss, and is corrected",
            _smoothed(start=lambda losses: losses[0]),
            "The correction is for a start at 0. Together with another start it is too much.",
        ),
        Mistake(
            "the two shares are exchanged",
            _smoothed(mix=lambda s, loss, beta: (1 - beta) * s + beta * loss),
            "beta is the share of what was there before; the new loss gets the rest.",
        ),
        Mistake(
            "the corrected value is carried on",
            _smoothed(feed=True),
            "Only what is returned is corrected. The running value itself goes on as it is.",
        ),
        Mistake(
            "the power is one too large",
            _smoothed(correct=lambda s, beta, t: s / (1 - beta ** (t + 1))),
            "After the first loss s is (1 - beta) times it. Dividing by what gives it back?",
        ),
        Mistake(
            "the power is one too small",
            _smoothed(correct=lambda s, beta, t: s / (1 - beta ** (t - 1)) if t > 1 else np.inf),
            "Count from 1: after the first loss the power is 1.",
        ),
        Mistake(
            "the same correction at every step",
            _smoothed(correct=lambda s, beta, t: s / (1 - beta)),
            "The start is forgotten more and more, so the correction must fade.",
        ),
        Mistake(
            "the mean of all losses so far",
            _smoothed(
                mix=lambda s, loss, beta: s + loss,
                correct=lambda s, beta, t: s / t,
            ),
            "A loss of long ago should count less than the last one. What is beta for?",
        ),
        Mistake(
            "losses is changed",
            _smoothed_in_place,
            "An assignment into losses changes the caller's array. Make a new one.",
        ),
        Mistake(
            "the two shares are exchanged, in the correction too",
            lambda losses, beta: smoothed_losses(losses, 1 - beta),
            "beta is the share of the old, 1 - beta that of the new loss.",
        ),
        Mistake(
            "the new loss has no share",
            lambda losses, beta: smoothed_losses(losses, beta) / (1 - beta),
            "The new loss is multiplied by 1 - beta.",
        ),
        Mistake(
            "beta times t, not to the power of t",
            _smoothed_by(lambda s, beta, t: s / (1 - beta * t)),
            "The formula has beta to the power of t.",
        ),
        Mistake(
            "multiplied by the correction",
            _smoothed_by(lambda s, beta, t: s * (1 - beta**t)),
            "The start at 0 pulls s down, and a division by a number below 1 takes that out.",
        ),
        Mistake(
            "one correction for all, that of the last step",
            lambda losses, beta: _smoothed_by(lambda s, beta, t: s)(losses, beta)
            / (1 - beta ** len(losses)),
            "t is the number of the step, and grows from 1.",
        ),
        Mistake(
            "only the last value",
            lambda losses, beta: smoothed_losses(losses, beta)[-1],
            "All values are asked for, (T,).",
        ),
        Mistake(
            "the start is counted as a value",
            lambda losses, beta: np.array([0.0, *smoothed_losses(losses, beta)]),
            "There is one value for each loss. The start at 0 is none of them.",
        ),
    ),
    hints=(
        "A loop with one running number s. For each loss: update s, then store the corrected one.",
        "With all losses equal to 1, s is 1 - beta after one step. And after t steps?",
        "Divide by 1 - beta to the power t, with t counted from 1. (The prediction: the first "
        "value is the first loss itself.)",
    ),
)

# decayed_step


def decayed_step(params, grads, rate, decay):
    return _decayed()(params, grads, rate, decay)


def _decayed(pull=lambda p, g, rate, decay: rate * decay * p, which=lambda name: name[0] == "w"):
    """Return the step with another pull, or with other parameters that are pulled."""

    def step(params, grads, rate, decay):
        return {
            name: p
            - rate * grads[name]
            - (pull(p, grads[name], rate, decay) if which(name) else 0.0)
            for name, p in params.items()
        }

    return step


def _decayed_inputs(rng):
    d, h, c = sizes(rng, 3)
    shapes = {"w1": (d, h), "b1": (h,), "w2": (h, c), "b2": (c,)}
    params = {name: normal(rng, *shape) for name, shape in shapes.items()}
    grads = {name: normal(rng, *shape) for name, shape in shapes.items()}
    return params, grads, float(rng.choice([0.1, 0.25])), float(rng.choice([0.2, 0.3]))


def _decayed_small(rng):
    params = {"w1": np.array([[2.0, -1.0]]), "b1": np.array([3.0, 4.0])}
    return params, {"w1": np.zeros((1, 2)), "b1": np.zeros(2)}, 0.5, 0.1


def _decayed_in_place(params, grads, rate, decay):
    for name in params:
        if name.startswith("w"):
            params[name] *= 1 - rate * decay
        params[name] -= rate * grads[name]
    return params


def _decayed_by_dimension(params, grads, rate, decay):
    moved = {}
    for name, p in params.items():
        gradient = grads[name] + decay * p if p.ndim == 2 else grads[name]
        moved[name] = p - rate * gradient
    return moved


def _decayed_names(rng):
    """Return a case in which only the first letter of a name tells a weight from a bias."""
    shapes = {
        "bw1": (3,),
        "wide": (2,),
        "b_table": (2, 3),
        "embed": (2,),
        "web": (2,),
        "w": (2, 2, 2),
        "kernel": (3, 2),
    }
    params = {name: normal(rng, *shape) + 3.0 for name, shape in shapes.items()}
    grads = {name: normal(rng, *shapes[name]) for name in reversed(shapes)}
    return params, grads, 0.25, 0.2


def _decayed_by_axes(params, grads, rate, decay):
    return {k: p - rate * (grads[k] + decay * p * (p.ndim > 1)) for k, p in params.items()}


def _decayed_changes_grads(params, grads, rate, decay):
    for name, p in params.items():
        if name.startswith("w"):
            grads[name] += decay * p
    return {name: p - rate * grads[name] for name, p in params.items()}


def _decayed_in_two_parts(params, grads, rate, decay):
    moved = {name: p - rate * grads[name] for name, p in params.items()}
    for name in filter(lambda name: name[0] == "w", params):
        moved[name] = moved[name] - rate * decay * params[name]
    return moved


def _decayed_full_gradient(params, grads, rate, decay):
    return {k: p - grads[k] - rate * decay * p * (k[0] == "w") for k, p in params.items()}


DECAYED_STEP = Exercise(
    name="decayed_step",
    lesson=7,
    goal="Put an L2 penalty into the step, for those parameters that should have it.",
    points=2,
    misconception="Regularization is for all parameters, or beside the learning rate.",
    reference=decayed_step,
    inputs=_decayed_inputs,
    corners=(
        _decayed_names,
        _decayed_small,
    ),
    out_of_reach=("SGD", "AdamW"),
    variants=(
        _decayed_in_two_parts,
        lambda params, grads, rate, decay: {
            k: (1 - rate * decay * k.startswith("w")) * p - rate * grads[k]
            for k, p in params.items()
        },
    ),
    mistakes=(
        Mistake(
            "the biases are pulled too",
            _decayed(which=lambda name: True),
            "The penalty has only the weights in it. A bias that is large does no harm.",
        ),
        Mistake(
            "only the biases are pulled",
            _decayed(which=lambda name: name[0] == "b"),
            "It is the other way round: weights are pulled, biases are not.",
        ),
        Mistake(
            "the pull is away from zero",
            _decayed(pull=lambda p, g, rate, decay: -rate * decay * p),
            "With gradients of zero every weight must become smaller.",
        ),
        Mistake(
            "the pull without the rate",
            _decayed(pull=lambda p, g, rate, decay: decay * p),
            "The penalty is part of the loss, so its slope is multiplied by the rate as well.",
        ),
        Mistake(
            "the slope of the penalty is doubled",
            _decayed(pull=lambda p, g, rate, decay: 2 * rate * decay * p),
            "The square has a factor one half in front. What is left after differentiating?",
        ),
        Mistake(
            "the penalty where its slope is due",
            _decayed(pull=lambda p, g, rate, decay: rate * decay / 2 * (p**2).sum()),
            "The penalty is a number, and all weights feel the same of it. Differentiate it.",
        ),
        Mistake(
            "only the sign of the weight counts",
            _decayed(pull=lambda p, g, rate, decay: rate * decay * np.sign(p)),
            "That is the slope of a sum of sizes. The slope of a square grows with the weight.",
        ),
        Mistake(
            "there is no pull",
            _decayed(which=lambda name: False),
            "No weight is pulled. The names are w1, b1 and so on: does your question find those "
            "that begin with w?",
        ),
        Mistake(
            "half of the pull",
            _decayed(pull=lambda p, g, rate, decay: rate * decay / 2 * p),
            "The penalty has a factor one half, and the derivative of a square has a factor 2.",
        ),
        Mistake(
            "only w1 is pulled",
            _decayed(which=lambda name: name == "w1"),
            "There may be a w2, too. Ask for the first letter of a name.",
        ),
        Mistake(
            "the caller's dict is changed",
            _decayed_in_place,
            "-= and *= work inside the caller's arrays, and an assignment to params[name] replaces "
            "them. Make a new dict of new arrays.",
        ),
        Mistake(
            "a w anywhere in the name makes a weight",
            _decayed(which=lambda name: "w" in name),
            "Only the first letter of a name tells a weight from a bias: `bw1` is a bias, and so "
            "is a matrix called `kernel`.",
        ),
        Mistake(
            "all but the names with b are weights",
            _decayed(which=lambda name: name[0] != "b"),
            "Only the first letter of a name tells a weight from a bias: `bw1` is a bias, and so "
            "is a matrix called `kernel`.",
        ),
        Mistake(
            "all but the names with a b in them are weights",
            _decayed(which=lambda name: "b" not in name),
            "Only the first letter of a name tells a weight from a bias: `bw1` is a bias, and so "
            "is a matrix called `kernel`.",
        ),
        Mistake(
            "only w is pulled",
            _decayed(which=lambda name: name == "w"),
            "Only the first letter of a name tells a weight from a bias: `bw1` is a bias, and so "
            "is a matrix called `kernel`.",
        ),
        Mistake(
            "only names from a list are pulled",
            _decayed(which=lambda name: name in ("w", "w1", "w2", "w3")),
            "Only the first letter of a name tells a weight from a bias: `bw1` is a bias, and so "
            "is a matrix called `kernel`.",
        ),
        Mistake(
            "matrices are pulled, whatever their names",
            _decayed_by_dimension,
            "Asked for are the names that begin with w. A bias may be a matrix, and a weight may "
            "have one axis or three.",
        ),
        Mistake(
            "all that has two axes or more is pulled",
            _decayed_by_axes,
            "Asked for are the names that begin with w. A bias may be a matrix, and a weight may "
            "have one axis.",
        ),
        Mistake(
            "all weights are pulled by the same",
            _decayed(pull=lambda p, g, rate, decay: rate * decay),
            "The slope of a square is twice the number, so a large weight is pulled more than a "
            "small one.",
        ),
        Mistake(
            "the square of the weight pulls",
            _decayed(pull=lambda p, g, rate, decay: rate * decay * p**2),
            "The penalty has the square; its slope has the weight itself.",
        ),
        Mistake(
            "the pull comes after the step",
            _decayed(pull=lambda p, g, rate, decay: rate * decay * (p - rate * g)),
            "Both slopes are taken at the same place, before the step.",
        ),
        Mistake(
            "the gradient is multiplied by the decay",
            _decayed(pull=lambda p, g, rate, decay: rate * g * (decay - 1)),
            "The slope of the penalty is added to the gradient.",
        ),
        Mistake(
            "uphill",
            lambda params, grads, rate, decay: decayed_step(params, grads, -rate, decay),
            "A step of descent is taken off.",
        ),
        Mistake(
            "only the weights come back",
            lambda params, grads, rate, decay: {
                k: p for k, p in decayed_step(params, grads, rate, decay).items() if k[0] == "w"
            },
            "The biases make their step as well, without the pull.",
        ),
        Mistake(
            "grads is changed",
            _decayed_changes_grads,
            "+= on an entry of grads changes the caller's array. Make a new one.",
        ),
        Mistake(
            "all but the weights are pulled",
            _decayed(which=lambda name: name[0] != "w"),
            "It is the other way round: weights are pulled, and nothing else.",
        ),
        Mistake(
            "half of the square of the weight pulls",
            _decayed(pull=lambda p, g, rate, decay: rate * decay * p**2 / 2),
            "The penalty has the square; its slope has the weight itself.",
        ),
        Mistake(
            "the gradient lacks the rate",
            _decayed_full_gradient,
            "The rate multiplies the whole slope, the gradient and the pull.",
        ),
        Mistake(
            "the weights make no step, and are only pulled",
            _decayed(pull=lambda p, g, rate, decay: rate * decay * p - rate * g),
            "The pull comes on top of the step along the gradient.",
        ),
        Mistake(
            "the pull is divided by the number of rows",
            _decayed(pull=lambda p, g, rate, decay: rate * decay * p / len(p)),
            "The penalty is a sum over all weights, and no mean.",
        ),
    ),
    hints=(
        "The slope of the penalty along a weight w is decay times w. Add it to the gradient.",
        "Weights and biases are told apart by the first letter of their names. (The prediction: "
        "2 becomes 1.9, and the bias stays 2.)",
    ),
)

# max_norm


def max_norm(w, limit):
    norms = np.sqrt((w**2).sum(axis=0))
    return w * np.where(norms > limit, limit / np.where(norms > limit, norms, 1), 1)


def _max_norm_inputs(rng):
    d, h = sizes(rng, 2)
    w = normal(rng, d, h) + 0.3
    w[:, 0] *= 4.0
    w[:, 1] *= 0.05
    return w, float(rng.choice([0.75, 1.5]))


def _max_norm_square(rng):
    return np.array([[3.0, 0.6, 0.0], [4.0, 0.0, 0.3], [0.0, 0.8, 0.4]]), 2.0


def _max_norm_below_one(rng):
    """Return a case with a column whose norm is above the limit, and its square below."""
    return np.array([[0.3, 0.1], [0.4, 0.2], [0.0, 0.1]]), 0.4


def _max_norm_zero(rng):
    return np.array([[0.0, 3.0], [0.0, 4.0]]), 2.5


def _max_norm_loop(w, limit):
    w = w.copy()
    for h in range(w.shape[1]):
        norm = np.linalg.norm(w[:, h])
        if norm > limit:
            w[:, h] *= limit / norm
    return w


def _max_norm_in_place(w, limit):
    w *= np.minimum(1, limit / np.maximum(np.linalg.norm(w, axis=0), 1e-300))
    return w


def _factor(norms, limit):
    return np.minimum(1.0, limit / np.maximum(norms, 1e-300))


def _max_norm_tiny(rng):
    """Return a case in which a small number beside a norm is seen."""
    return 1e-6 * np.array([[3.0, 0.6], [4.0, 0.8]]), 2e-6


MAX_NORM = Exercise(
    name="max_norm",
    lesson=7,
    goal="Bound the incoming weights of each unit, unit by unit.",
    points=2,
    misconception="A unit's weights are a row, or one factor is enough for the whole matrix.",
    reference=max_norm,
    inputs=_max_norm_inputs,
    corners=(_max_norm_tiny, _max_norm_square, _max_norm_below_one, _max_norm_zero),
    variants=(
        _max_norm_loop,
        lambda w, limit: w / np.maximum(np.linalg.norm(w, axis=0) / limit, 1),
        lambda w, limit: w * _factor(np.sqrt(np.einsum("dh,dh->h", w, w)), limit),
    ),
    mistakes=(
        Mistake(
            "rows instead of columns",
            lambda w, limit: w * _factor(np.linalg.norm(w, axis=1, keepdims=True), limit),
            "w is (D, H): the weights that go into hidden unit h are a column.",
        ),
        Mistake(
            "norms of the rows, used for the columns",
            lambda w, limit: w * _factor(np.linalg.norm(w, axis=1), limit),
            "One norm for each row makes (D,), and that meets the last axis of w, the columns. "
            "Over which axis is a column summed?",
        ),
        Mistake(
            "one norm for the whole matrix",
            lambda w, limit: w * _factor(np.linalg.norm(w), limit),
            "Each unit has a norm of its own. Which axis is summed over, and which stays?",
        ),
        Mistake(
            "all columns have the limit as their norm",
            lambda w, limit: w * (limit / np.maximum(np.linalg.norm(w, axis=0), 1e-300)),
            "A column that is within the limit stays as it is.",
        ),
        Mistake(
            "all columns have the limit as their norm, and zeros become nan",
            lambda w, limit: w * (limit / np.linalg.norm(w, axis=0)),
            "A column that is within the limit stays as it is. That goes for one of zeros, too.",
        ),
        Mistake(
            "all columns are shortened by the same factor",
            lambda w, limit: w * _factor(np.linalg.norm(w, axis=0).max(), limit),
            "Only those columns that are too long are shortened, each by its own factor.",
        ),
        Mistake(
            "each entry by itself",
            lambda w, limit: np.clip(w, -limit, limit),
            "It is the length of a column that has a limit. Its direction must stay.",
        ),
        Mistake(
            "the square root is missing",
            lambda w, limit: w * _factor((w**2).sum(axis=0), limit),
            "The norm is the root of the sum of the squares.",
        ),
        Mistake(
            "sizes are added, not squares",
            lambda w, limit: w * _factor(np.abs(w).sum(axis=0), limit),
            "The norm is the root of the sum of the squares.",
        ),
        Mistake(
            "long columns are set to length 1",
            lambda w, limit: w
            / np.where(np.linalg.norm(w, axis=0) > limit, np.linalg.norm(w, axis=0), 1),
            "Dividing by its norm gives a column the length 1. How long may it be?",
        ),
        Mistake(
            "0 / 0",
            lambda w, limit: (
                w / np.linalg.norm(w, axis=0) * np.minimum(np.linalg.norm(w, axis=0), limit)
            ),
            "A column of zeros has norm 0, and 0 / 0 is nan. It is within the limit.",
        ),
        Mistake(
            "w is changed",
            _max_norm_in_place,
            "*= works inside the caller's array. Make a new one.",
        ),
        *(
            Mistake(
                f"{tiny:g} is added to the norms",
                lambda w, limit, tiny=tiny: w
                * np.minimum(1, limit / (np.linalg.norm(w, axis=0) + tiny)),
                "What is shortened has exactly the limit as its norm. Divide only where the norm "
                "is above the limit, and no small number is needed.",
            )
            for tiny in (1e-10, 1e-8, 1e-7, 1e-6)
        ),
        Mistake(
            "the factor is upside down",
            lambda w, limit: w * np.maximum(np.linalg.norm(w, axis=0) / limit, 1),
            "What is too long must become shorter: the factor is below 1.",
        ),
        Mistake(
            "short columns are made longer, long ones stay",
            lambda w, limit: w
            / np.minimum(np.maximum(np.linalg.norm(w, axis=0), 1e-300) / limit, 1),
            "Look at the comparison: which columns are shortened, those above the limit or those "
            "below?",
        ),
        Mistake(
            "the mean of the squares",
            lambda w, limit: w * _factor(np.sqrt((w**2).mean(axis=0)), limit),
            "The norm is the root of the sum of the squares.",
        ),
        Mistake(
            "the largest entry is taken for the norm",
            lambda w, limit: w * _factor(np.abs(w).max(axis=0), limit),
            "The norm is the root of the sum of the squares.",
        ),
        Mistake(
            "long columns are set to zero",
            lambda w, limit: np.where(np.linalg.norm(w, axis=0) > limit, 0, w),
            "A column that is too long is shortened: its direction stays.",
        ),
        Mistake(
            "long columns are dropped",
            lambda w, limit: w[:, np.linalg.norm(w, axis=0) <= limit],
            "The result has the shape of w: what is too long is shortened.",
        ),
        Mistake(
            "the factor is squared",
            lambda w, limit: w * _factor(np.linalg.norm(w, axis=0), limit) ** 2,
            "Multiplied by limit / norm a column has just the limit as its norm.",
        ),
        Mistake(
            "the standard deviation is taken for the norm",
            lambda w, limit: w * _factor(w.std(axis=0), limit),
            "The norm is the root of the sum of the squares: no mean is taken off, and none is "
            "taken.",
        ),
    ),
    hints=(
        "First the norms, (H,): one for each column.",
        "Then one factor for each column, which is 1 where the norm is within the limit.",
        "(D, H) times (H,) multiplies each column by its own factor. (The prediction: (H,). Norms "
        "of rows, (D,), would run without an error if D = H.)",
    ),
)

# one_epoch


def one_epoch(x, y, w, b, order, size, rate):
    return _epoch()(x, y, w, b, order, size, rate)


def _loss_and_slope(z, y):
    z = z - z.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    rows = np.arange(len(y))
    dz = np.exp(log_p)
    dz[rows, y] -= 1
    return -log_p[rows, y], dz


def _epoch(
    order_of=lambda order: order,
    label_order=None,
    divisor=lambda batch, size, n: len(batch),
    mean=lambda sums, sizes, n: sum(sums) / sum(sizes),
    count=lambda n, size: -(-n // size),
    sign=-1,
    still=False,
    after=False,
    bias=lambda d: d.sum(axis=0),
):
    """Return an epoch with something else in it."""

    def epoch(x, y, w, b, order, size, rate):
        start_w, start_b = w, b
        sums, lengths = [], []
        shuffled = order_of(order)
        for i in range(count(len(order), size)):
            batch = shuffled[i * size : (i + 1) * size]
            labels_at = label_order(order)[i * size : (i + 1) * size] if label_order else batch
            z = x[batch] @ start_w + start_b if still else x[batch] @ w + b
            each, dz = _loss_and_slope(z, y[labels_at])
            dz = dz / divisor(batch, size, len(x))
            w = w + sign * rate * x[batch].T @ dz
            b = b + sign * rate * bias(dz)
            if after:
                each, _ = _loss_and_slope(x[batch] @ w + b, y[labels_at])
            sums.append(each.sum())
            lengths.append(len(batch))
        return w, b, mean(sums, lengths, len(x))

    return epoch


def _epoch_arrays(rng, n):
    d, c = sizes(rng, 2, low=2, high=4)
    y = labels(rng, n, c)
    y[:2] = [0, c - 1]
    order = rng.permutation(n)
    order = np.roll(np.arange(n)[::-1], int(rng.integers(n))) if rng.integers(3) else order
    return normal(rng, n, d), y, normal(rng, d, c), normal(rng, c), order


def _epoch_inputs(rng):
    size = int(rng.integers(3, 5))
    n = size * int(rng.integers(1, 3)) + int(rng.integers(1, size))
    return *_epoch_arrays(rng, n), size, 0.5


def _epoch_even(rng):
    return *_epoch_arrays(rng, 6), 3, 0.5


def _epoch_in_place(x, y, w, b, order, size, rate):
    moved_w, moved_b, loss = one_epoch(x, y, w, b, order, size, rate)
    w[:], b[:] = moved_w, moved_b
    return w, b, loss


def _epoch_in_one(x, y, w, b, order, size, rate):
    return one_epoch(x, y, w, b, order, len(x), rate)


def _epoch_gathered(x, y, w, b, order, size, rate):
    x, y, w, b, total = x[order], y[order], w.copy(), b.copy(), 0.0
    for first in range(0, len(x), size):
        xs, ys = x[first : first + size], y[first : first + size]
        e = np.exp(xs @ w + b)
        p = e / e.sum(axis=1, keepdims=True)
        t = np.eye(len(b))[ys]
        total -= np.log((p * t).sum(axis=1)).mean() * len(xs) / len(x)
        b -= rate * (p - t).mean(axis=0)
        w -= rate * np.einsum("nd,nc->dc", xs, p - t) / len(xs)
    return w, b, total


def _epoch_single(rng):
    """Return a case of batches of one, the last one too."""
    return *_epoch_arrays(rng, 3), 1, 0.5


def _epoch_at_once(rng):
    """Return a case in which all examples are fewer than a batch."""
    return *_epoch_arrays(rng, 4), 7, 0.5


def _epoch_w_twice(x, y, w, b, order, size, rate):
    total = 0.0
    for batch in split_order(order, size):
        each, dz = _loss_and_slope(x[batch] @ w + b, y[batch])
        dz = dz / len(batch)
        w, b = w - rate * x[batch].T @ dz / len(batch), b - rate * dz.sum(axis=0)
        total += each.sum()
    return w, b, total / len(x)


def _epoch_loss_at_end(x, y, w, b, order, size, rate):
    w, b, _ = one_epoch(x, y, w, b, order, size, rate)
    return w, b, _loss_and_slope(x @ w + b, y)[0].mean()


def _epoch_without_b(x, y, w, b, order, size, rate):
    total = 0.0
    for batch in split_order(order, size):
        each, dz = _loss_and_slope(x[batch] @ w, y[batch])
        dz = dz / len(batch)
        w, b = w - rate * x[batch].T @ dz, b - rate * dz.sum(axis=0)
        total += each.sum()
    return w, b, total / len(x)


def _epoch_loss(join):
    """Return the epoch with another mean of the batches' losses."""

    def epoch(x, y, w, b, order, size, rate):
        losses, counts = [], []
        for first in range(0, len(order), size):
            batch = order[first : first + size]
            w, b, loss = one_epoch(x, y, w, b, batch, len(batch), rate)
            losses.append(loss)
            counts.append(len(batch))
        return w, b, join(losses, counts, size)

    return epoch


ONE_EPOCH = Exercise(
    name="one_epoch",
    lesson=7,
    goal="Write one epoch of minibatch training, down to the last, smaller batch.",
    points=4,
    misconception="The last batch is like the others, so a mean of means is a mean.",
    reference=one_epoch,
    inputs=_epoch_inputs,
    corners=(
        _epoch_single,
        _epoch_at_once,
        _epoch_even,
    ),
    outputs=("w", "b", "loss"),
    out_of_reach=("minibatches", "fit", "SGD", "Sequential", "Linear"),
    variants=(
        _epoch_gathered,
        _epoch(mean=lambda sums, sizes, n: float(np.average(_each(sums, sizes), weights=sizes))),
    ),
    mistakes=(
        Mistake(
            "the order is not used",
            _epoch(order_of=lambda order: np.arange(len(order))),
            "The batches take the examples as `order` has them, not as they lie in x.",
        ),
        Mistake(
            "only the images are shuffled",
            _epoch(label_order=lambda order: np.arange(len(order))),
            "Each image must keep its label. Take both from the same places.",
        ),
        Mistake(
            "the last batch is divided by the full size",
            _epoch(divisor=lambda batch, size, n: size),
            "The last batch may be smaller, and its mean is over what it has.",
        ),
        Mistake(
            "every batch is divided by N",
            _epoch(divisor=lambda batch, size, n: n),
            "The gradient of a batch is the mean over the batch, not over all examples.",
        ),
        Mistake(
            "the sum over the batch where the mean is due",
            _epoch(divisor=lambda batch, size, n: 1),
            "The loss of a batch is a mean, and so is its gradient.",
        ),
        Mistake(
            "1/N is in twice",
            _epoch(divisor=lambda batch, size, n: len(batch) ** 2),
            "The factor one over the size of the batch is in dz already. The products and sums "
            "after it just add up.",
        ),
        Mistake(
            "the mean in db",
            _epoch(bias=lambda d: d.mean(axis=0)),
            "The factor one over the size of the batch is in dz already. The bias adds up.",
        ),
        Mistake(
            "the rest at the end is lost",
            _epoch(count=lambda n, size: n // size),
            "Every example has its turn in an epoch. The last batch may be smaller.",
        ),
        Mistake(
            "the last, smaller batch is left out",
            _epoch(
                count=lambda n, size: n // size,
                mean=lambda sums, sizes, n: sum(sums) / n,
            ),
            "You divide by all examples, but those of the last, smaller batch had no turn.",
        ),
        Mistake(
            "the mean of the batch means",
            _epoch(mean=lambda sums, sizes, n: np.mean(_each(sums, sizes))),
            "The examples of a smaller last batch count for more in it. Weigh each batch by its "
            "size.",
        ),
        Mistake(
            "the loss of the last batch",
            _epoch(mean=lambda sums, sizes, n: sums[-1] / sizes[-1]),
            "Asked for is the mean loss over all examples of the epoch.",
        ),
        Mistake(
            "the losses after the steps",
            _epoch(after=True),
            "Each batch's loss is taken before the step that uses it.",
        ),
        Mistake(
            "all gradients at the start of the epoch",
            _epoch(still=True),
            "After each step the weights are others, and the next batch starts from there.",
        ),
        Mistake(
            "one step for the whole epoch",
            _epoch_in_one,
            "There is a step for every batch.",
        ),
        Mistake(
            "up instead of down",
            _epoch(sign=1),
            "A gradient points uphill.",
        ),
        Mistake(
            "the bias never moves",
            _epoch(bias=lambda d: 0.0),
            "db has one number for each class: a sum over the images. A sum over everything is 0, "
            "as each row of dz sums to 0.",
        ),
        Mistake(
            "w and b are changed",
            _epoch_in_place,
            "-= works inside the caller's arrays. Copy them first, or compute new ones.",
        ),
        Mistake(
            "the loss is divided by full batches",
            _epoch(
                mean=lambda sums, sizes, n: sum(s / k for s, k in zip(sums, sizes, strict=True))
                * max(sizes)
                / n
            ),
            "The last batch has fewer examples: its mean counts only as often as it has examples.",
        ),
        Mistake(
            "the losses are not divided by N",
            _epoch(mean=lambda sums, sizes, n: sum(sums)),
            "The mean over all examples is asked for.",
        ),
        Mistake(
            "the batch means are divided by N",
            _epoch(
                mean=lambda sums, sizes, n: sum(s / k for s, k in zip(sums, sizes, strict=True)) / n
            ),
            "A batch's mean loss stands for all of its examples: multiply it by their number "
            "before you add up.",
        ),
        Mistake("1/N twice in w alone", _epoch_w_twice, "The 1/N of the batch is in dz already."),
        Mistake(
            "the loss at the end of the epoch",
            _epoch_loss_at_end,
            "Each example's loss is that in its batch, before the step, with the parameters of "
            "that moment.",
        ),
        Mistake(
            "the bias is left out of z",
            _epoch_without_b,
            "z has a bias in it; the loss and all slopes depend on it.",
        ),
        Mistake(
            "each batch counts as a full one",
            _epoch_loss(lambda losses, counts, size: sum(losses) * size / sum(counts)),
            "The last batch may be smaller: its loss counts as often as it has examples.",
        ),
        Mistake(
            "the losses of the batches are added",
            _epoch_loss(lambda losses, counts, size: sum(losses)),
            "Each example counts once: multiply by the batch's examples, and divide by all of "
            "them.",
        ),
    ),
    hints=(
        "Loop over the starts of the batches. In the loop: take the batch, loss and gradients, "
        "step.",
        "Add up the losses of the examples, not of the batches, and divide once at the end.",
        "`softmax_cross_entropy` has divided by the length of the batch, the last one's too. So dw "
        "is a product and db a sum, without another factor. (The prediction: (3 * 2 + 6) / 4 is "
        "3, not 4.)",
    ),
)


def _each(sums, sizes):
    return np.array(sums) / np.array(sizes)


EXERCISES = (
    SPLIT_ORDER,
    SMOOTHED_LOSSES,
    DECAYED_STEP,
    MAX_NORM,
    ONE_EPOCH,
)
