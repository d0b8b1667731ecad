"""Exercises of lesson 06, Gradient descent."""

import numpy as np

from .._draw import labels, normal, sizes
from .._exercise import Exercise, Mistake

# descent_step


def descent_step(params, grads, rate):
    return {
        name: array - rate * grads[name] if name in grads else array
        for name, array in params.items()
    }


def _step_inputs(rng):
    d, k = sizes(rng, 2)
    params = {"w": normal(rng, d, k), "b": normal(rng, k), "c": normal(rng, 2)}
    grads = {name: normal(rng, *params[name].shape) for name in ("w", "b", "c")}
    del grads[("w", "b", "c")[rng.integers(3)]]
    return params, grads, float(rng.choice([0.1, 0.25, 0.5]))


def _step_all(rng):
    params, _, rate = _step_inputs(rng)
    return params, {name: normal(rng, *array.shape) for name, array in params.items()}, rate


def _step_float32(rng):
    params, grads, _ = _step_inputs(rng)
    params = {name: array.astype(np.float32) for name, array in params.items()}
    return params, {name: array.astype(np.float32) for name, array in grads.items()}, 0.25


def _step_in_place(params, grads, rate):
    for name in grads:
        params[name] -= rate * grads[name]
    return params


def _step_copy_of_the_dict(params, grads, rate):
    params = dict(params)
    for name in grads:
        params[name] = params[name] - rate * grads[name]
    return params


def _step_copied(params, grads, rate):
    moved = {name: array.copy() for name, array in params.items()}
    for name in grads:
        moved[name] -= rate * grads[name]
    return moved


def _step_by_order(params, grads, rate):
    pairs = zip(params.items(), grads.values(), strict=False)
    return {name: array - rate * slope for (name, array), slope in pairs}


DESCENT_STEP = Exercise(
    name="descent_step",
    lesson=6,
    goal="Take a step with a dict of parameters, and leave the old ones as they were.",
    points=1,
    misconception="A copy of a dict has copies of its arrays.",
    reference=descent_step,
    inputs=_step_inputs,
    corners=(_step_all, _step_float32),
    out_of_reach=("SGD",),
    variants=(_step_copied, _step_copy_of_the_dict),
    mistakes=(
        Mistake(
            "the caller's dict is changed",
            _step_in_place,
            "-= works inside the caller's arrays, even in a copy of the dict, and an assignment to "
            "params[name] replaces them. Make a new dict of new arrays.",
        ),
        Mistake(
            "up instead of down",
            lambda params, grads, rate: descent_step(params, grads, -rate),
            "The gradient points uphill, and you want to go down.",
        ),
        Mistake(
            "frozen parameters are lost",
            lambda params, grads, rate: {k: params[k] - rate * grads[k] for k in grads},
            "A parameter without a gradient stays where it is. It is part of the result, too.",
        ),
        Mistake(
            "a gradient for every name is taken for granted",
            lambda params, grads, rate: {k: a - rate * grads[k] for k, a in params.items()},
            "grads need not have all the names. What has none is frozen: it stays as it is.",
        ),
        Mistake(
            "the rate is not used",
            lambda params, grads, rate: descent_step(params, grads, 1.0),
            "The whole gradient is too long a step. How much of it is due?",
        ),
        Mistake(
            "divided by the rate",
            lambda params, grads, rate: descent_step(params, grads, 1 / rate),
            "A smaller rate makes a shorter step.",
        ),
        Mistake(
            "the step instead of the new place",
            lambda params, grads, rate: {
                k: -rate * grads[k] if k in grads else 0 * a for k, a in params.items()
            },
            "The result is where the parameters are after the step.",
        ),
        Mistake(
            "float32 is lost",
            lambda params, grads, rate: {
                k: a.astype(np.float64) for k, a in descent_step(params, grads, rate).items()
            },
            "Parameters in float32 must stay float32. What turns them into float64 on the way?",
        ),
        Mistake(
            "frozen parameters become zeros",
            lambda params, grads, rate: {
                k: p - rate * grads[k] if k in grads else 0 * p for k, p in params.items()
            },
            "A parameter without a gradient stays where it is.",
        ),
        Mistake(
            "frozen parameters move by themselves",
            lambda params, grads, rate: {k: p - rate * grads.get(k, p) for k, p in params.items()},
            "A parameter without a gradient stays where it is: nothing is taken off.",
        ),
        Mistake(
            "only w and b move",
            lambda params, grads, rate: {
                k: p - rate * grads[k] if k in grads and k in ("w", "b") else p
                for k, p in params.items()
            },
            "Any name may have a gradient. Ask grads which ones there are.",
        ),
        Mistake(
            "the slope multiplies the parameter",
            lambda params, grads, rate: {
                k: p * (1 - rate * grads[k]) if k in grads else p for k, p in params.items()
            },
            "A step is taken off the parameter, whatever its size: rate times the slope.",
        ),
        Mistake(
            "only the sign of the slope counts",
            lambda params, grads, rate: {
                k: p - rate * np.sign(grads[k]) if k in grads else p for k, p in params.items()
            },
            "Where it is steeper the step is longer: the slope itself counts.",
        ),
        Mistake(
            "every gradient has the length 1",
            lambda params, grads, rate: {
                k: p - rate * grads[k] / np.sqrt((grads[k] ** 2).sum()) if k in grads else p
                for k, p in params.items()
            },
            "Where it is steeper the step is longer: the slope is not divided by its size.",
        ),
        Mistake(
            "the parameters shrink as well",
            lambda params, grads, rate: {
                k: (1 - rate) * p - rate * grads[k] if k in grads else p for k, p in params.items()
            },
            "Only the slope is multiplied by the rate.",
        ),
        Mistake(
            "gradients are paired with parameters by their order",
            _step_by_order,
            "Two dicts may have their names in another order, and grads may have fewer. Look each "
            "gradient up by its name.",
        ),
        Mistake(
            "the sum of the gradient moves every entry",
            lambda params, grads, rate: {
                k: p - rate * grads[k].sum() if k in grads else p for k, p in params.items()
            },
            "Every entry moves by its own slope.",
        ),
        Mistake(
            "the steps come back, not the parameters",
            lambda params, grads, rate: {
                k: -rate * grads[k] if k in grads else p for k, p in params.items()
            },
            "A step is added to the parameter: what comes back is where the parameter is then.",
        ),
    ),
    hints=(
        "Build a new dict; look at every name in params.",
        "array - something makes a new array; array -= something does not. (The prediction: yes. "
        "dict(params) copies the names, not the arrays.)",
    ),
)

# bowl_rates


def bowl_rates(k):
    return 2 / k.max(), 2 / (k.min() + k.max())


def _bowl_inputs(rng):
    k = np.round(rng.uniform(0.2, 9, int(rng.integers(3, 7))), 2)
    # So that least, mean and largest never meet.
    k[:3] = [np.round(rng.uniform(9.5, 14), 2), np.round(rng.uniform(0.05, 0.18), 2), 2.5]
    return (rng.permutation(k),)


def _bowl_single(rng):
    return (np.array([4.0]),)


BOWL_RATES = Exercise(
    name="bowl_rates",
    lesson=6,
    goal="Carry the one-dimensional argument over to a valley with several curvatures.",
    points=2,
    misconception="The average curvature decides, or each direction may have a rate of its own.",
    reference=bowl_rates,
    inputs=_bowl_inputs,
    corners=(
        lambda rng: (np.array([3.0, 8.0, 0.5, 2.0]),),
        _bowl_single,
    ),
    outputs=("limit", "best"),
    variants=(
        lambda k: (float(min(2 / k)), float(1 / np.mean([min(k), max(k)]))),
        lambda k: (2.0 / np.sort(k)[-1], 2.0 / (np.sort(k)[0] + np.sort(k)[-1])),
    ),
    mistakes=(
        Mistake(
            "the flattest direction sets the limit",
            lambda k: (2 / k.min(), bowl_rates(k)[1]),
            "At this rate the sharpest direction has long flown out of the valley. All directions "
            "must come down.",
        ),
        Mistake(
            "the limit of a creeping descent",
            lambda k: (1 / k.max(), bowl_rates(k)[1]),
            "At this rate nothing jumps across the valley. But jumping across is allowed, as long "
            "as each jump lands lower.",
        ),
        Mistake(
            "the mean curvature sets the limit",
            lambda k: (2 / k.mean(), bowl_rates(k)[1]),
            "In a direction sharper than the mean this rate diverges.",
        ),
        Mistake(
            "the curvatures are added up",
            lambda k: (2 / k.sum(), bowl_rates(k)[1]),
            "The directions do not disturb each other: each has its own factor 1 - rate * k.",
        ),
        Mistake(
            "best for the sharpest direction alone",
            lambda k: (bowl_rates(k)[0], 1 / k.max()),
            "There the sharpest direction is done in one step, and the flattest creeps. Which rate "
            "is a balance of the two?",
        ),
        Mistake(
            "best for the flattest direction alone",
            lambda k: (bowl_rates(k)[0], 1 / k.min()),
            "There the flattest direction is done in one step, and the sharpest diverges.",
        ),
        Mistake(
            "best for the mean curvature",
            lambda k: (bowl_rates(k)[0], 1 / k.mean()),
            "The slowest direction counts. Only two of the curvatures can be the slowest.",
        ),
        Mistake(
            "best for the median curvature",
            lambda k: (bowl_rates(k)[0], 1 / np.median(k)),
            "Draw |1 - rate * k| over the rate, for the least k and for the largest. Where do the "
            "two lines cross?",
        ),
        Mistake(
            "the two rates are exchanged",
            lambda k: bowl_rates(k)[::-1],
            "The limit comes first, and it is the larger of the two.",
        ),
        Mistake(
            "best is half as large as it should be",
            lambda k: (2 / k.max(), 1 / (k.min() + k.max())),
            "At the best rate the flattest and the sharpest direction shrink equally fast, and "
            "the factor of the sharpest is negative: 1 - r k = -(1 - r K).",
        ),
        Mistake(
            "best from the sum of all curvatures",
            lambda k: (2 / k.max(), 2 / k.sum()),
            "Only the flattest and the sharpest direction matter: all others shrink faster than "
            "one of them.",
        ),
        Mistake(
            "the first and the last are taken for the extremes",
            lambda k: (2 / k[-1], 2 / (k[0] + k[-1])),
            "The curvatures come in any order: k.min() and k.max().",
        ),
        Mistake(
            "the last and the first are taken for the extremes",
            lambda k: (2 / k[0], 2 / (k[0] + k[-1])),
            "The curvatures come in any order: k.min() and k.max().",
        ),
        Mistake(
            "best from the geometric mean",
            lambda k: (2 / k.max(), 1 / np.sqrt(k.min() * k.max())),
            "At the best rate 1 - r k of the flattest and of the sharpest direction differ in "
            "sign alone. Solve that for r.",
        ),
        Mistake(
            "best is the mean of the two inverse curvatures",
            lambda k: (2 / k.max(), (1 / k.min() + 1 / k.max()) / 2),
            "At the best rate 1 - r k of the flattest and of the sharpest direction differ in "
            "sign alone. Solve that for r.",
        ),
        Mistake(
            "the difference of the curvatures",
            lambda k: (2 / k.max(), 2 / (k.max() - k.min())),
            "One of the two factors is negative: solve 1 - r k = r K - 1. On which side do the "
            "curvatures meet?",
        ),
        Mistake(
            "the factor in place of the rate",
            lambda k: (2 / k.max(), (k.max() - k.min()) / (k.min() + k.max())),
            "This is what a step multiplies the distance by. The rate is asked for.",
        ),
        Mistake(
            "limits of all directions",
            lambda k: (2 / k, 2 / (k.min() + k.max())),
            "One number: below it every direction shrinks. Which direction is the first to grow?",
        ),
        Mistake(
            "multiplied where a division is due",
            lambda k: (2 * k.max(), 2 / (k.min() + k.max())),
            "The sharper the valley, the smaller the rate that it bears.",
        ),
        Mistake(
            "the difference of the curvatures below",
            lambda k: (2 / k.max(), 2 / (k.max() - k.min() + 1e-9)),
            "At the best rate the flattest and the sharpest direction shrink alike: 1 - rate "
            "k_min = rate k_max - 1.",
        ),
        Mistake(
            "the first and the last curvature",
            lambda k: (2 / k.max(), 2 / (k[0] + k[-1])),
            "The curvatures come in any order: ask for the least and the largest.",
        ),
    ),
    hints=(
        "Each direction i is multiplied by 1 - rate * k_i. For the limit, which one leaves the "
        "range from -1 to 1 first?",
        "For the best rate only the least and the largest k matter: one factor is positive, the "
        "other negative.",
        "The best rate makes the two equal in size: 1 - rate * least = rate * largest - 1. (The "
        "prediction: with 1 and 100 both are 99/101, and halving takes 35 steps.)",
    ),
)

# clip_by_norm


def clip_by_norm(grads, limit):
    norm = np.sqrt(sum((g**2).sum() for g in grads.values()))
    return {name: g * (limit / norm) if norm > limit else g for name, g in grads.items()}


def _clip_inputs(rng):
    d, k = sizes(rng, 2)
    names = [("w", "b"), ("w1", "b1", "w2", "b2"), ("v", "gain")][rng.integers(3)]
    shapes = ((d, k), (k,), (k, d), (d,))
    grads = {name: normal(rng, *s, scale=2.0) + 0.5 for name, s in zip(names, shapes, strict=False)}
    return grads, float(rng.choice([0.5, 1.5]))


def _clip_names(rng):
    """Return a case of other names, the third of which matters."""
    grads = {"w1": normal(rng, 2, 3), "b1": normal(rng, 3), "w2": normal(rng, 3, 2) + 2.0}
    return grads, 1.5


def _clip_one(rng):
    return {"kernel": normal(rng, 2, 3) + 1.0}, 0.5


def _clip_tiny(rng):
    """Return a case whose norm is so small that a small number beside it is seen."""
    return {"w": 1e-3 * (normal(rng, 2, 3) + 1.5), "b": np.full(3, 2e-3)}, 1e-3


def _clip_short(rng):
    return {"w": np.array([[0.3, -0.4]]), "b": np.array([0.1])}, 2.0


def _clip_between(rng):
    """Return a case in which each array is within the limit, and all together are not."""
    return {"w": np.array([[0.8, 0.6], [0.0, 0.0]]), "b": np.array([0.0, 0.9])}, 1.2


def _clip_below_one(rng):
    """Return a case whose norm is above the limit, and its square below."""
    return {"w": np.array([[0.3, 0.3]]), "b": np.array([0.4])}, 0.5


def _clip_zero(rng):
    return {"w": np.zeros((2, 3)), "b": np.zeros(3)}, 1.0


def _clip_in_place(grads, limit):
    norm = np.sqrt(sum((g**2).sum() for g in grads.values()))
    if norm > limit:
        for name in grads:
            grads[name] *= limit / norm
    return grads


def _norm(grads):
    return np.linalg.norm(np.concatenate([g.ravel() for g in grads.values()]))


def _scaled(grads, factor):
    return {name: factor * g for name, g in grads.items()}


def _clip_with_norm(
    norm_of=lambda arrays: np.sqrt(sum((g**2).sum() for g in arrays)),
    factor=lambda norm, limit: limit / norm if norm > limit else 1.0,
):
    """Return the clipping with another norm or another factor."""

    def clip(grads, limit):
        share = factor(norm_of([*grads.values()]), limit)
        return {name: share * g for name, g in grads.items()}

    return clip


CLIP_BY_NORM = Exercise(
    name="clip_by_norm",
    lesson=6,
    goal="Treat the gradients of all parameters as one arrow, and shorten it.",
    points=2,
    misconception="Every array, or every entry, is cut by itself, which turns the arrow.",
    reference=clip_by_norm,
    inputs=_clip_inputs,
    corners=(
        _clip_short,
        _clip_between,
        _clip_below_one,
        _clip_zero,
        _clip_names,
        _clip_one,
        _clip_tiny,
    ),
    variants=(
        lambda grads, limit: _scaled(grads, min(1.0, limit / max(_norm(grads), 1e-300))),
        lambda grads, limit: _scaled(grads, limit / np.maximum(_norm(grads), limit)),
    ),
    mistakes=(
        Mistake(
            "each array by itself",
            lambda grads, limit: {
                name: g * (limit / np.linalg.norm(g)) if np.linalg.norm(g) > limit else g
                for name, g in grads.items()
            },
            "The length of the whole step counts. One norm for all arrays, and one factor.",
        ),
        Mistake(
            "each entry by itself",
            lambda grads, limit: {name: np.clip(g, -limit, limit) for name, g in grads.items()},
            "Cutting single entries turns the arrow. Make it shorter, and keep its direction.",
        ),
        Mistake(
            "short gradients are made longer",
            lambda grads, limit: _scaled(grads, limit / max(_norm(grads), 1e-300)),
            "A gradient within the limit stays as it is.",
        ),
        Mistake(
            "short gradients are made longer, and zeros become nan",
            lambda grads, limit: _scaled(grads, limit / _norm(grads)),
            "A gradient within the limit stays as it is. That goes for one of zeros, too.",
        ),
        Mistake(
            "1e-6 is added to the norm",
            lambda grads, limit: _scaled(grads, min(1.0, limit / (_norm(grads) + 1e-6))),
            "Where the norm is above the limit it is not 0, and needs no help. Here the shortened "
            "gradient is to have exactly the limit as its norm.",
        ),
        Mistake(
            "1e-8 is added to the norm",
            lambda grads, limit: _scaled(grads, min(1.0, limit / (_norm(grads) + 1e-8))),
            "Where the norm is above the limit it is not 0, and needs no help. Here the shortened "
            "gradient is to have exactly the limit as its norm.",
        ),
        Mistake(
            "the square root is missing",
            lambda grads, limit: (
                _scaled(grads, limit / _norm(grads) ** 2)
                if _norm(grads) ** 2 > limit
                else _scaled(grads, 1.0)
            ),
            "The length of an arrow is the root of the sum of its squares.",
        ),
        Mistake(
            "sizes are added, not squares",
            lambda grads, limit: _scaled(
                grads, min(1.0, limit / max(sum(np.abs(g).sum() for g in grads.values()), 1e-300))
            ),
            "The length of an arrow is the root of the sum of its squares.",
        ),
        Mistake(
            "the norms of the arrays are added",
            lambda grads, limit: _scaled(
                grads,
                min(1.0, limit / max(sum(np.linalg.norm(g) for g in grads.values()), 1e-300)),
            ),
            "Lengths do not add up like that: add the squares of all entries, then take one root.",
        ),
        Mistake(
            "divided by the norm alone",
            lambda grads, limit: _scaled(grads, 1 / _norm(grads) if _norm(grads) > limit else 1.0),
            "Now its length is 1. How long should it be?",
        ),
        Mistake(
            "everything beyond the limit is set to zero",
            lambda grads, limit: _scaled(grads, float(_norm(grads) <= limit)),
            "A gradient that is too long still knows the direction.",
        ),
        Mistake(
            "0 / 0",
            lambda grads, limit: {
                name: g / _norm(grads) * min(_norm(grads), limit) for name, g in grads.items()
            },
            "A gradient of zeros has norm 0. Divide only if the norm is above the limit.",
        ),
        Mistake(
            "grads is changed",
            _clip_in_place,
            "*= works inside the caller's arrays. Make new ones.",
        ),
        Mistake(
            "the longest array sets the norm",
            _clip_with_norm(lambda arrays: max(np.sqrt((g**2).sum()) for g in arrays)),
            "All arrays together are one arrow: their squares are added up, and one root is taken.",
        ),
        Mistake(
            "the largest entry is taken for the norm",
            _clip_with_norm(lambda arrays: max(np.abs(g).max() for g in arrays)),
            "The norm is the root of the sum of all squares.",
        ),
        Mistake(
            "the last array sets the norm",
            _clip_with_norm(lambda arrays: np.sqrt((arrays[-1] ** 2).sum())),
            "All arrays together are one arrow: the sum goes on from one array to the next.",
        ),
        Mistake(
            "the mean of the squares",
            _clip_with_norm(
                lambda arrays: np.sqrt(np.mean(np.concatenate([g.ravel() for g in arrays]) ** 2))
            ),
            "The norm is the root of the sum of the squares.",
        ),
        Mistake(
            "the factor is upside down",
            _clip_with_norm(factor=lambda norm, limit: norm / limit if norm > limit else 1.0),
            "What is too long must become shorter: the factor is below 1.",
        ),
        Mistake(
            "short gradients are made longer, long ones stay",
            _clip_with_norm(factor=lambda norm, limit: limit / norm if 0 < norm < limit else 1.0),
            "Look at the comparison: which ones are shortened, those above the limit or those "
            "below?",
        ),
        Mistake(
            "what is too much is subtracted from the factor",
            _clip_with_norm(factor=lambda norm, limit: 1 - (norm - limit) if norm > limit else 1.0),
            "Multiply by limit / norm, and the norm becomes the limit.",
        ),
    ),
    hints=(
        "One number for the whole dict: the root of the sum of all squares, over all arrays.",
        "One factor for all arrays. When is it 1? (The prediction: arrays clipped by themselves "
        "keep their directions, but together the arrow turns.)",
    ),
)

# backtracking_rate


def backtracking_rate(loss, w, gradient, rate):
    while loss(w - rate * gradient) > loss(w) - rate / 2 * (gradient**2).sum():
        rate /= 2
    return rate


def _bowl(rng, k):
    """Return the loss of a bowl with these curvatures, and its slope."""

    def loss(w):
        return (k * w**2).sum() / 2

    loss.__name__ = f"sum({np.round(k, 3).tolist()} * w**2) / 2"
    return loss, lambda w: k * w


def _backtracking_inputs(rng):
    d = int(rng.integers(2, 5))
    w = np.round(rng.choice([-1, 1], d) * rng.uniform(1, 3, d), 2)
    if rng.integers(2):
        loss, slope = _bowl(rng, np.round(rng.uniform(1.5, 6, d), 2) + 0.003)
    else:

        def loss(w):
            return np.cosh(w).sum()

        loss.__name__, slope = "sum(cosh(w))", np.sinh
        w = np.sign(w) * (np.abs(w) + 0.5)
    return loss, w, slope(w), float(rng.choice([0.03, 0.9, 3.0, 7.0]))


def _backtracking_bowl(rate, curvature=1.0):
    """Return a drawer of cases in a round bowl."""

    def draw(rng):
        w = np.array([8.0, -4.0, 1.0])
        loss, slope = _bowl(rng, np.full(3, curvature))
        return loss, w, slope(w), rate

    return draw


def _backtracking(enough, shrink=0.5, first=1.0, last=1.0):
    """Return the search with another condition, or other factors."""

    def search(loss, w, gradient, rate):
        rate, before = rate * first, loss(w)
        while not enough(before, loss(w - rate * gradient), rate, gradient):
            rate *= shrink
        return rate * last

    return search


def _half(before, after, rate, g):
    return after <= before - rate / 2 * (g**2).sum()


def _backtracking_for(loss, w, gradient, rate):
    start, squares = loss(w), np.dot(gradient, gradient)
    for halvings in range(1000):
        now = rate * 0.5**halvings
        if start - loss(w - now * gradient) >= 0.5 * now * squares:
            return now
    return 0.0


def _use_backtracking(answer, loss, w, gradient, rate):
    """Use an answer with a loss that ends what would go on forever, and says where it went."""
    asked = []

    def counted(place):
        asked.append(np.copy(place))
        if len(asked) > 500:
            where = _backtracking_path(asked, w)
            raise RuntimeError(f"loss was asked 500 times, {where}, and it has not ended")
        return loss(place)

    return answer(counted, w, gradient, rate)


def _backtracking_path(asked, w):
    """Say where a loss was asked: by this, searches without end are told from each other."""
    far = [float(np.abs(place - w).max()) for place in asked]
    first, last = next(filter(None, far), 0.0), max(far[-2:])
    if len({*far[:20]}) < 4:
        return "at the same places again and again (does the rate change?)"
    if last > 2.5 * first:
        return "farther and farther away (does the rate shrink?)"
    return "nearer and nearer to w" if last < first else "at one place after the other"


def _backtracking_walks_on(loss, w, gradient, rate):
    start, squares = loss(w), (gradient**2).sum()
    while loss(w - rate * gradient) > start - rate / 2 * squares:
        w = w - rate * gradient
        rate /= 2
    return rate


def _backtracking_promise(promise):
    """Return the search with a promise that is not renewed, or lacks the rate."""

    def search(loss, w, gradient, rate):
        start, due = loss(w), promise(rate, (gradient**2).sum())
        while loss(w - rate * gradient) > start - due:
            rate /= 2
        return rate

    return search


def _backtracking_start_renewed(loss, w, gradient, rate):
    start, squares = loss(w), (gradient**2).sum()
    while loss(w - rate * gradient) > start - rate / 2 * squares:
        start = loss(w - rate * gradient)
        rate /= 2
    return rate


def _backtracking_tries(tries):
    """Return a search that gives up after so many halvings."""

    def search(loss, w, gradient, rate):
        for _ in range(tries):
            if _half(loss(w), loss(w - rate * gradient), rate, gradient):
                break
            rate /= 2
        return rate

    return search


def _backtracking_count(loss, w, gradient, rate):
    return round(np.log2(rate / backtracking_rate(loss, w, gradient, rate)))


def _backtracking_promise_each(loss, w, gradient, rate):
    start, total = loss(w), gradient.sum()
    while loss(w - rate * gradient) > start - rate / 2 * total:
        rate /= 2
    return rate


def _backtracking_deep(rng):
    """Return a case in which the second try keeps even what the first has promised."""

    def loss(w):
        return (w**4 - 3 * w**2 - w).sum()

    loss.__name__ = "sum(w**4 - 3 w**2 - w)"
    return loss, np.zeros(2), -np.ones(2), 2.0


BACKTRACKING_RATE = Exercise(
    name="backtracking_rate",
    lesson=6,
    goal="Let the loss itself say how far a step may go.",
    points=3,
    misconception="Any step that lowers the loss is good enough.",
    reference=backtracking_rate,
    inputs=_backtracking_inputs,
    call=_use_backtracking,
    draws=6,  # the corners hold what decides, and some mistakes end only when the loss gives up
    corners=(
        _backtracking_deep,
        # Where the rate squared promises less than the rate: in steep bowls, below 1.
        _backtracking_bowl(0.3, 4.0),
        *map(
            _backtracking_bowl,
            (0.4, 1.0, 1.5, 1.6, 1.68, 1.8, 1.86, 1.91, 1.95, 2.3, 7.0, 3e4, 3e20),
        ),
    ),
    variants=(_backtracking_for, _backtracking(_half)),
    mistakes=(
        Mistake(
            "any fall is enough",
            _backtracking(lambda before, after, rate, g: after < before),
            "A step across the valley may land only a little lower. Ask for half of what the "
            "gradient promises.",
        ),
        Mistake(
            "the promise has the wrong sign",
            _backtracking(lambda before, after, rate, g: after <= before + rate / 2 * (g**2).sum()),
            "The loss must fall by at least that much, so it is taken off.",
        ),
        Mistake(
            "the promise is not squared",
            _backtracking(
                lambda before, after, rate, g: after <= before - rate / 2 * np.sqrt((g**2).sum())
            ),
            "The step is rate times the gradient, and the slope along it is the gradient again: "
            "the promise has its square.",
        ),
        Mistake(
            "the mean of the squares",
            _backtracking(
                lambda before, after, rate, g: after <= before - rate / 2 * (g**2).mean()
            ),
            "The falls along all entries add up.",
        ),
        Mistake(
            "all of the promise is asked for",
            _backtracking(lambda before, after, rate, g: after <= before - rate * (g**2).sum()),
            "A valley bends upwards, so no step keeps the whole promise; only rounding ends your "
            "search. Ask for half.",
        ),
        Mistake(
            "halved before the first try",
            _backtracking(_half, first=0.5),
            "The rate that comes in is tried first.",
        ),
        Mistake(
            "halved once too often",
            _backtracking(_half, last=0.5),
            "The first rate that keeps the promise is the answer, not the one after it.",
        ),
        Mistake(
            "the rate is divided by ten",
            _backtracking(_half, shrink=0.1),
            "Each try has half of the rate before.",
        ),
        Mistake(
            "only one halving",
            lambda loss, w, gradient, rate: (
                rate if _half(loss(w), loss(w - rate * gradient), rate, gradient) else rate / 2
            ),
            "Half may still be too long. Ask again, until the promise is kept.",
        ),
        Mistake(
            "the new place instead of the rate",
            lambda loss, w, gradient, rate: (
                w - backtracking_rate(loss, w, gradient, rate) * gradient
            ),
            "Asked for is the rate, one number.",
        ),
        Mistake(
            "the search walks on from the moved w",
            _backtracking_walks_on,
            "Every try starts at the same w. Do not put the place that was tried into its name.",
        ),
        Mistake(
            "the promise is not renewed",
            _backtracking_promise(lambda rate, squares: rate / 2 * squares),
            "A shorter step promises less. When the rate is halved, so is what it has to keep.",
        ),
        Mistake(
            "the promise lacks the rate",
            _backtracking_promise(lambda rate, squares: squares / 2),
            "A shorter step promises less: the rate is a factor of the promise, and halved with "
            "it.",
        ),
        Mistake(
            "the start is renewed",
            _backtracking_start_renewed,
            "The fall is measured from the loss at w, not from the try before.",
        ),
        Mistake(
            "a quarter of the promise is enough",
            _backtracking(lambda before, after, rate, g: after <= before - rate / 4 * (g**2).sum()),
            "Half of the promise must be kept.",
        ),
        Mistake(
            "just half of the promise is not enough",
            _backtracking(lambda before, after, rate, g: after < before - rate / 2 * (g**2).sum()),
            "At least half of the promise must be kept, so exactly half is enough.",
        ),
        Mistake(
            "the slopes are added, not their squares",
            _backtracking_promise_each,
            "The step is rate times the gradient, and the slope along it is the gradient again: "
            "the promise has its square.",
        ),
        Mistake(
            "a quarter is taken off at each try",
            _backtracking(_half, shrink=0.75),
            "Each try has half of the rate before.",
        ),
        Mistake(
            "the number of halvings",
            _backtracking_count,
            "The rate is asked for, not how often it was halved.",
        ),
        *(
            Mistake(
                f"the search gives up after {tries} halvings",
                _backtracking_tries(tries),
                "The first rate may be far too large. A while loop goes on until half of the "
                "promise is kept.",
            )
            for tries in (2, 3, 4, 5, 8, 10, 20, 30, 50)
        ),
        Mistake(
            "the sizes of the slopes are added, not their squares",
            _backtracking(
                lambda before, after, rate, g: after <= before - rate / 2 * np.abs(g).sum()
            ),
            "The step is rate times the gradient, and the slope along it is the gradient again: "
            "the promise has its square.",
        ),
        Mistake(
            "the sum of the slopes is squared",
            _backtracking(lambda before, after, rate, g: after <= before - rate / 2 * g.sum() ** 2),
            "Each entry has a promise of its own: square first, then add up.",
        ),
        Mistake(
            "the promise has the rate squared",
            _backtracking(
                lambda before, after, rate, g: after <= before - rate**2 / 2 * (g**2).sum()
            ),
            "The promise grows in proportion to the step: the rate is a factor of it, once.",
        ),
        Mistake(
            "a tenth is taken off at each try",
            _backtracking(_half, shrink=0.9),
            "Each try has half of the rate before.",
        ),
        Mistake(
            "the loss itself must be below the promise",
            _backtracking(lambda before, after, rate, g: after <= -rate / 2 * (g**2).sum()),
            "It is the fall that counts: the loss at w, less the loss at the new place.",
        ),
        Mistake(
            "it goes on as long as the promise is kept",
            _backtracking(lambda before, after, rate, g: not _half(before, after, rate, g)),
            "Halve as long as the fall is too small, and stop at the first rate that keeps the "
            "promise.",
        ),
    ),
    hints=(
        "Every try starts from the same w, and its fall and its promise are computed anew, with "
        "the rate of that try. Otherwise the search may never end.",
        "The promise of lesson 03: rate times the sum of the squared slopes.",
        "A while loop: as long as the fall is less than half of the promise, halve the rate. (The "
        "prediction: up to 1/k.)",
    ),
)

# linear_classifier


def linear_classifier(x, y, classes, rate, steps):
    return _classifier()(x, y, classes, rate, steps)


def _log_softmax(z):
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def _softmax(z, axis=1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _naive(z):
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def _classifier(
    p=_softmax,
    log_p=_log_softmax,
    error=lambda p, t: (p - t) / len(p),
    bias=lambda d: d.sum(axis=0),
    loss=lambda total, n: total / n,
    when="before",
    frozen=False,
    sign=-1,
    anew=False,
    more=0,
    only_one=False,
    count=lambda y, classes: classes,
):
    """Return the training with something else in it."""

    def train(x, y, classes, rate, steps):
        classes = count(y, classes)
        w, b = np.zeros((x.shape[1], classes)), np.zeros(classes)
        t, losses, first = np.eye(classes)[y], [], None
        for _ in range(1 if only_one else steps + more):
            z = x @ w + b
            if when == "before":
                losses.append(loss(-(t * log_p(z)).sum(), len(x)))
            d = error(p(z), t)
            first = d if first is None else first
            d = first if frozen else d
            w = w + sign * rate * x.T @ d
            if anew:
                d = error(p(x @ w + b), t)
            b = b + sign * rate * bias(d)
            if when == "after":
                losses.append(loss(-(t * log_p(x @ w + b)).sum(), len(x)))
        return w, b, np.array(losses)

    return train


def _classifier_inputs(rng):
    n, d, c = sizes(rng, 3, low=3)
    y = labels(rng, n, c)
    y[:2] = [1, c - 1]
    return normal(rng, n, d), y, c, float(rng.choice([0.2, 0.5])), int(rng.integers(3, 6))


def _classifier_small(rng):
    """Return a case that is easy to read, and so the first that a message shows."""
    return normal(rng, 2, 2), np.array([1, 0]), 2, 0.5, 2


def _classifier_missing(rng):
    """Return a case in which no image belongs to the last two classes."""
    return normal(rng, 4, 3), np.array([1, 0, 2, 1]), 5, 0.5, 3


def _classifier_large(rng):
    """Return a case whose logits are in the thousands after one step."""
    x = np.array([[3000.0, 10.0], [-20.0, 2000.0], [1000.0, 900.0], [2500.0, -70.0]])
    return x, np.array([0, 1, 1, 2]), 3, 0.5, 3


def _classifier_folded(x, y, classes, rate, steps):
    n, d = x.shape
    x = np.hstack([x, np.ones((n, 1))])
    w, losses, rows = np.zeros((d + 1, classes)), [], np.arange(n)
    for _ in range(steps):
        log_p = _log_softmax(x @ w)
        losses.append(float(-log_p[rows, y].mean()))
        d_z = np.exp(log_p)
        d_z[rows, y] -= 1
        w -= rate / n * np.einsum("nd,nc->dc", x, d_z)
    return w[:-1], w[-1], np.array(losses)


LINEAR_CLASSIFIER = Exercise(
    name="linear_classifier",
    lesson=6,
    goal="Write a whole training run: forward, loss, backward, step, and again.",
    points=4,
    misconception="The gradient is computed once, or at a place that has half moved already.",
    reference=linear_classifier,
    inputs=_classifier_inputs,
    corners=(_classifier_small, _classifier_missing, _classifier_large),
    outputs=("w", "b", "losses"),
    out_of_reach=("fit", "SGD", "Sequential", "mlp", "Linear"),
    variants=(
        _classifier_folded,
        _classifier(bias=lambda d: np.ones(len(d)) @ d),
    ),
    mistakes=(
        Mistake(
            "up instead of down",
            _classifier(sign=1),
            "The losses rise. A gradient points uphill.",
        ),
        Mistake(
            "1/N is missing",
            _classifier(error=lambda p, t: p - t),
            "The loss is a mean over the images, so its slopes have the same factor.",
        ),
        Mistake(
            "1/N is missing in loss and gradients",
            _classifier(error=lambda p, t: p - t, loss=lambda total, n: total),
            "With twice as many images the loss should stay about the same, and so should its "
            "slopes.",
        ),
        Mistake(
            "1/N is in twice",
            _classifier(error=lambda p, t: (p - t) / len(p) ** 2),
            "The factor 1/N is in dz already. The products and sums after it just add up.",
        ),
        Mistake(
            "only one step is made",
            _classifier(only_one=True),
            "Only one loss has come back. Does `return` stand inside the loop?",
        ),
        Mistake(
            "the classes are counted from the labels",
            _classifier(count=lambda y, classes: y.max() + 1),
            "A class of which there is no image in x is a class all the same. How many there are "
            "is an argument.",
        ),
        Mistake(
            "the mean in db",
            _classifier(bias=lambda d: d.mean(axis=0)),
            "The factor 1/N is in dz already. The bias adds up.",
        ),
        Mistake(
            "the biases do not move",
            _classifier(bias=lambda d: 0 * d[0]),
            "db has one number for each class: a sum over the images. A sum over everything is 0, "
            "as each row of dz sums to 0.",
        ),
        Mistake(
            "the gradient of the first step, again and again",
            _classifier(frozen=True),
            "After each step the probabilities are others. Forward and backward go into the loop.",
        ),
        Mistake(
            "the bias moves by a gradient at the new weights",
            _classifier(anew=True),
            "Both gradients are taken at the same place; only then both parameters move.",
        ),
        Mistake(
            "the losses after the steps",
            _classifier(when="after"),
            "The first loss is that of the untrained network, ln C.",
        ),
        Mistake(
            "one step too many",
            _classifier(more=1),
            "Count the losses: there should be as many as steps.",
        ),
        Mistake(
            "the sum of the losses",
            _classifier(loss=lambda total, n: total),
            "The loss is the mean over the images.",
        ),
        Mistake(
            "exp overflows",
            _classifier(p=_naive, log_p=lambda z: np.log(_naive(z))),
            "exp of a logit above 709 is infinite. Take off each row's maximum first.",
        ),
        Mistake(
            "log of 0",
            _classifier(log_p=lambda z: np.log(_softmax(z))),
            "A probability that rounds to 0 has an infinite logarithm. Write log p with logits.",
        ),
        Mistake(
            "a small number in the logarithm caps the loss",
            _classifier(log_p=lambda z: np.log(_softmax(z) + 1e-8)),
            "It hides the infinity, but no image costs more than 18.4 now, and it may well be "
            "1,000. Write log p with logits.",
        ),
        Mistake(
            "a tiny number in the logarithm caps the loss",
            _classifier(log_p=lambda z: np.log(_softmax(z) + 1e-12)),
            "It hides the infinity, but no image costs more than 27.6 now, and it may well be "
            "1,000. Write log p with logits.",
        ),
        Mistake(
            "softmax over the images",
            _classifier(p=lambda z: _softmax(z, axis=0)),
            "A row is one image, and its probabilities sum to 1.",
        ),
        Mistake("one step too few", _classifier(more=-1), "Make as many steps as `steps` says."),
        Mistake(
            "the labels are not subtracted",
            _classifier(error=lambda p, t: p / len(p)),
            "What the network said, minus what it should have said: only the first half is there.",
        ),
        Mistake(
            "only the last loss",
            lambda *arguments: (
                *linear_classifier(*arguments)[:2],
                linear_classifier(*arguments)[2][-1],
            ),
            "The losses of all steps are asked for, (steps,).",
        ),
        Mistake(
            "the losses are a list",
            lambda *arguments: (
                *linear_classifier(*arguments)[:2],
                linear_classifier(*arguments)[2].tolist(),
            ),
            "The losses are asked for as an array: np.array(losses).",
        ),
        Mistake(
            "divided by the number of features",
            lambda x, y, classes, rate, steps: linear_classifier(
                x, y, classes, rate * len(x) / x.shape[1], steps
            ),
            "The mean is taken over the examples, so 1/N belongs in the gradient.",
        ),
    ),
    hints=(
        "Four things in the loop, in this order: logits, loss, gradients, step.",
        "dz is p minus the one-hot rows, divided by N. From it follow dw and db.",
        "Compute both gradients before you move either of the two parameters. (The prediction: all "
        "probabilities are 1/C at the start, so the first loss is ln C.)",
    ),
)

EXERCISES = (
    DESCENT_STEP,
    BOWL_RATES,
    CLIP_BY_NORM,
    BACKTRACKING_RATE,
    LINEAR_CLASSIFIER,
)
