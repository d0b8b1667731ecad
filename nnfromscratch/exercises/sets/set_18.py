"""Exercises of lesson 18, Frameworks."""

import numpy as np

from .._draw import normal, sizes
from .._exercise import Exercise, Mistake


def _away_from_zero(rng, *shape):
    return np.round(rng.choice([-1, 1], shape) * rng.uniform(0.5, 2, shape), 2)


# division_vjps


def division_vjps(g, a, b):
    return g / b, -g * a / b**2


def _division(rng, *shape):
    return normal(rng, *shape), _away_from_zero(rng, *shape), _away_from_zero(rng, *shape)


def _division_through_result(g, a, b):
    c = a / b
    da = g / b
    return da, -da * c


def _division_as_power(g, a, b):
    return g * b**-1.0, g * a * (-1.0) * b**-2.0


def _division_loop(g, a, b):
    da, db = np.empty_like(g), np.empty_like(g)
    for i in np.ndindex(g.shape):
        da[i], db[i] = g[i] / b[i], -g[i] * a[i] / (b[i] * b[i])
    return da, db


DIVISION_VJPS = Exercise(
    name="division_vjps",
    lesson=18,
    goal="Give a new operation its two vector-Jacobian products.",
    points=2,
    misconception="The divisor's slope is taken without its sign, or without the square.",
    reference=division_vjps,
    inputs=lambda rng: _division(rng, *sizes(rng, 2)),
    corners=(lambda rng: _division(rng, 3), lambda rng: _division(rng, 1, 4)),
    outputs=("da", "db"),
    variants=(_division_through_result, _division_as_power, _division_loop),
    mistakes=(
        Mistake(
            "the sign of the divisor's slope",
            lambda g, a, b: (g / b, g * a / b**2),
            "A larger divisor makes a positive quotient smaller. Which sign has its slope?",
        ),
        Mistake(
            "the divisor is not squared",
            lambda g, a, b: (g / b, -g * a / b),
            "The derivative of 1 / b is -1 / b², not -1 / b.",
        ),
        Mistake(
            "the dividend is forgotten in db",
            lambda g, a, b: (g / b, -g / b**2),
            "In db the a that is divided stays as a factor: c = a times 1 / b.",
        ),
        Mistake(
            "the slopes of a product",
            lambda g, a, b: (g * b, g * a),
            "These are the slopes of a b. Write a / b as a times 1 / b.",
        ),
        Mistake(
            "the slope that arrives is left out",
            lambda g, a, b: (1 / b, -a / b**2),
            "These are the operation's own slopes. Multiply each by the slope that arrives.",
        ),
        Mistake(
            "the slope that arrives is left out of db",
            lambda g, a, b: (g / b, -a / b**2),
            "db, too, is the slope that arrives times the slope of the step.",
        ),
        Mistake(
            "the slope that arrives is left out of da",
            lambda g, a, b: (1 / b, -g * a / b**2),
            "da, too, is the slope that arrives times the slope of the step.",
        ),
        Mistake(
            "the two are exchanged",
            lambda g, a, b: division_vjps(g, a, b)[::-1],
            "Return the slope along a first, then the one along b.",
        ),
        Mistake(
            "a and b are exchanged",
            lambda g, a, b: (-g * b / a**2, g / a),
            "These are the slopes of b / a.",
        ),
        Mistake(
            "the dividend stays in da",
            lambda g, a, b: (g * a / b, -g * a / b**2),
            "Along a the quotient is a line through 0. How steep is it?",
        ),
    ),
    hints=(
        "c = a times 1 / b. What is the derivative of 1 / b by b?",
        "Along a the slope of the step is 1 / b; along b it is -a / b².",
        "Multiply each of the two by g, entry by entry. (Predicted? The slope along b, because a "
        "larger b makes the quotient smaller.)",
    ),
)

# scaled_vjps


def scaled_vjps(g, x, s):
    return g * s, (g * x).sum(axis=0), g.sum(axis=1, keepdims=True)


def _scaled(rng, n, d):
    return normal(rng, n, d), _away_from_zero(rng, n, d), _away_from_zero(rng, d)


def _scaled_products(g, x, s):
    ones = np.ones((g.shape[1], 1))
    return g @ np.diag(s), np.einsum("nd,nd->d", g, x), g @ ones


def _scaled_loop(g, x, s):
    dx, ds, dc = np.zeros(x.shape), np.zeros(s.shape), np.zeros((len(x), 1))
    for n, d in np.ndindex(x.shape):
        dx[n, d] += g[n, d] * s[d]
        ds[d] += g[n, d] * x[n, d]
        dc[n, 0] += g[n, d]
    return dx, ds, dc


def _scaled_with(
    dx=lambda g, x, s: g * s,
    ds=lambda g, x, s: (g * x).sum(axis=0),
    dc=lambda g, x, s: g.sum(axis=1, keepdims=True),
):
    """Return the function with something else in it."""
    return lambda g, x, s: (dx(g, x, s), ds(g, x, s), dc(g, x, s))


SCALED_VJPS = Exercise(
    name="scaled_vjps",
    lesson=18,
    goal="Sum a slope over what broadcasting has repeated.",
    points=3,
    misconception="What was broadcast gets a gradient of the large shape, or a mean, or one copy.",
    reference=scaled_vjps,
    inputs=lambda rng: _scaled(rng, *sizes(rng, 2)),
    corners=(lambda rng: _scaled(rng, 4, 3), lambda rng: _scaled(rng, 1, 3)),
    outputs=("dx", "ds", "dc"),
    variants=(_scaled_products, _scaled_loop),
    mistakes=(
        Mistake(
            "ds keeps the shape of x",
            _scaled_with(ds=lambda g, x, s: g * x),
            "s has shape (D,), and so must its gradient. Each row of x used a copy of it.",
        ),
        Mistake(
            "dc keeps the shape of x",
            _scaled_with(dc=lambda g, x, s: g),
            "c has shape (N, 1), and so must its gradient. Each column used a copy of it.",
        ),
        Mistake(
            "the axis of dc is lost",
            _scaled_with(dc=lambda g, x, s: g.sum(axis=1)),
            "c has shape (N, 1): the axis that was stretched is summed and kept.",
        ),
        Mistake(
            "ds has an axis too many",
            _scaled_with(ds=lambda g, x, s: (g * x).sum(axis=0, keepdims=True)),
            "s has shape (D,): the axis in front was added by broadcasting and goes away.",
        ),
        Mistake(
            "ds is a mean over the batch",
            _scaled_with(ds=lambda g, x, s: (g * x).mean(axis=0)),
            "Paths add. If the loss is a mean, its 1/N is in g already.",
        ),
        Mistake(
            "dc is a mean",
            _scaled_with(dc=lambda g, x, s: g.mean(axis=1, keepdims=True)),
            "Each column is a path from c to the loss, and paths add.",
        ),
        Mistake(
            "ds without x",
            _scaled_with(ds=lambda g, x, s: g.sum(axis=0)),
            "Along s the slope of the step is the x that it is multiplied with.",
        ),
        Mistake(
            "summed before it is multiplied",
            _scaled_with(ds=lambda g, x, s: g.sum(axis=0) * x.sum(axis=0)),
            "Each copy of s has its own product of g and x. Multiply first, then add.",
        ),
        Mistake(
            "dx without s",
            _scaled_with(dx=lambda g, x, s: g),
            "Along x the slope of the step is s.",
        ),
        Mistake(
            "dx with x in place of s",
            _scaled_with(dx=lambda g, x, s: g * x),
            "Along a factor the slope is the value of the other factor.",
        ),
        Mistake(
            "dc is that of a row",
            _scaled_with(dc=lambda g, x, s: g.sum(axis=0)),
            "c is a column, one number for each row of x. Over which axis was it repeated?",
        ),
        Mistake(
            "dc is multiplied by s",
            _scaled_with(dc=lambda g, x, s: (g * s).sum(axis=1, keepdims=True)),
            "c is added after the product with s, so s has no part in its slope.",
        ),
        Mistake(
            "only the first copy counts",
            _scaled_with(ds=lambda g, x, s: g[0] * x[0], dc=lambda g, x, s: g[:, :1]),
            "All copies reach the loss, not the first one alone.",
        ),
        Mistake(
            "dc is all ones",
            _scaled_with(dc=lambda g, x, s: np.ones((len(x), 1))),
            "1 is the slope of z along c. What arrives multiplies it, and is added up.",
        ),
    ),
    hints=(
        "Write the shape of each gradient first: that of the tensor it belongs to.",
        "Which axis did s gain, and which axis of c was stretched? Sum over these.",
        "ds: multiply g and x, then sum over axis 0. dc: sum over axis 1 with keepdims=True. "
        "(Predicted? D for each row, because its c is added to D entries.)",
    ),
)

# forward_slope


def forward_slope(x, v, w1, b1, w2):
    a = np.tanh(x @ w1 + b1)
    da = (1 - a**2) * (v @ w1)
    return a @ w2, da @ w2


def _network(rng, n, d, h, k):
    arrays = (normal(rng, n, d), normal(rng, n, d), 0.6 * normal(rng, d, h), normal(rng, h))
    return *arrays, normal(rng, h, k)


def _forward_complex(x, v, w1, b1, w2):
    z = np.tanh((x + 1e-30j * v) @ w1 + b1) @ w2
    return z.real, z.imag * 1e30


def _forward_pairs(x, v, w1, b1, w2):
    z, dz = x @ w1 + b1, v @ w1
    a, da = np.tanh(z), dz / np.cosh(z) ** 2
    return a @ w2, da @ w2


def _forward_rows(x, v, w1, b1, w2):
    z, dz = [], []
    for row, move in zip(x, v, strict=True):
        a = np.tanh(row @ w1 + b1)
        z.append(a @ w2)
        dz.append(w2.T @ (np.diag(1 - a * a) @ (w1.T @ move)))
    return np.array(z), np.array(dz)


def _forward_with(slope):
    """Return the function with another slope behind the right value."""
    return lambda x, v, w1, b1, w2: (
        np.tanh(x @ w1 + b1) @ w2,
        slope(x, v, w1, b1, w2, np.tanh(x @ w1 + b1)),
    )


FORWARD_SLOPE = Exercise(
    name="forward_slope",
    lesson=18,
    goal="Carry a value and its slope forward together, without a walk back.",
    points=3,
    misconception="The bias moves along, or the slope of tanh is taken of the wrong quantity.",
    reference=forward_slope,
    inputs=lambda rng: _network(rng, *sizes(rng, 4)),
    corners=(lambda rng: _network(rng, 1, 3, 4, 2), lambda rng: _network(rng, 4, 2, 5, 3)),
    outputs=("z", "dz"),
    variants=(_forward_complex, _forward_pairs, _forward_rows),
    mistakes=(
        Mistake(
            "the bias moves along",
            _forward_with(lambda x, v, w1, b1, w2, a: (1 - a**2) * (v @ w1 + b1) @ w2),
            "The bias stays where it is while x moves, so it has no part in the slope.",
        ),
        Mistake(
            "tanh is left out of the slope",
            _forward_with(lambda x, v, w1, b1, w2, a: v @ w1 @ w2),
            "On its way the slope passes tanh, which multiplies it by a slope of its own.",
        ),
        Mistake(
            "tanh of the slope",
            _forward_with(lambda x, v, w1, b1, w2, a: np.tanh(v @ w1) @ w2),
            "A slope is multiplied by the slope of tanh at z1. It does not go through tanh itself.",
        ),
        Mistake(
            "the slope of tanh is 1 - a",
            _forward_with(lambda x, v, w1, b1, w2, a: (1 - a) * (v @ w1) @ w2),
            "The slope of tanh is 1 less the square of its value.",
        ),
        Mistake(
            "the slope of the sigmoid",
            _forward_with(lambda x, v, w1, b1, w2, a: a * (1 - a) * (v @ w1) @ w2),
            "a (1 - a) belongs to the sigmoid. What is the slope of tanh, by its value?",
        ),
        Mistake(
            "the slope of tanh at z in place of a",
            _forward_with(lambda x, v, w1, b1, w2, a: (1 - (x @ w1 + b1) ** 2) * (v @ w1) @ w2),
            "1 - a² takes the value of tanh, not what went into it.",
        ),
        Mistake(
            "the slope of tanh along v",
            _forward_with(lambda x, v, w1, b1, w2, a: (1 - np.tanh(v @ w1) ** 2) * (v @ w1) @ w2),
            "The slope of tanh is taken where the network is, at x w1 + b1.",
        ),
        Mistake(
            "a whole step in place of the slope",
            _forward_with(
                lambda x, v, w1, b1, w2, a: (np.tanh((x + v) @ w1 + b1) - a) @ w2,
            ),
            "That is by how much z changes for the whole step v, which is no small one.",
        ),
        Mistake(
            "the direction is that of x",
            _forward_with(lambda x, v, w1, b1, w2, a: (1 - a**2) * (x @ w1) @ w2),
            "x moves along v, not along itself.",
        ),
        Mistake(
            "the slope stops at the hidden units",
            lambda x, v, w1, b1, w2: (
                forward_slope(x, v, w1, b1, w2)[0],
                (1 - np.tanh(x @ w1 + b1) ** 2) * (v @ w1),
            ),
            "One product is missing: the slope has to go through w2 as the value does.",
        ),
        Mistake(
            "value and slope are exchanged",
            lambda *a: forward_slope(*a)[::-1],
            "Return the value z first, then its slope.",
        ),
        Mistake(
            "tanh itself in place of its slope",
            _forward_with(lambda x, v, w1, b1, w2, a: a * (v @ w1) @ w2),
            "The slope is multiplied by the slope of tanh, 1 - a², not by its value.",
        ),
        Mistake(
            "v goes through the whole network",
            _forward_with(lambda x, v, w1, b1, w2, a: np.tanh(v @ w1 + b1) @ w2),
            "That is the network's answer to v. The slope is multiplied at each step by the "
            "step's own slope, and the bias has no part in it.",
        ),
        Mistake(
            "the direction is left out",
            _forward_with(lambda x, v, w1, b1, w2, a: (1 - a**2) @ w2),
            "How fast z1 moves depends on v: its slope is v w1.",
        ),
        Mistake(
            "the slope of tanh at v, and nothing of v besides",
            _forward_with(lambda x, v, w1, b1, w2, a: (1 - np.tanh(v @ w1) ** 2) @ w2),
            "The slope of tanh is taken at x w1 + b1, and multiplies the slope that comes, v w1.",
        ),
        Mistake(
            "the walk back",
            _forward_with(lambda x, v, w1, b1, w2, a: (w2.sum(axis=1) * (1 - a**2)) @ w1.T),
            "That is reverse mode: slopes along x. Asked for is how z moves as x moves along v.",
        ),
        Mistake(
            "the value is that of the hidden units",
            lambda x, v, w1, b1, w2: (np.tanh(x @ w1 + b1), forward_slope(x, v, w1, b1, w2)[1]),
            "One product is missing: z = a w2.",
        ),
        Mistake(
            "x has been moved already",
            lambda x, v, w1, b1, w2: forward_slope(x + v, v, w1, b1, w2),
            "Value and slope are asked for at x itself, at t = 0.",
        ),
    ),
    hints=(
        "Under each line of the forward pass write a second one, for the slope of its result.",
        "z1 = x w1 + b1 moves by v w1. Through tanh, the slope is multiplied by 1 - a².",
        "The last product treats value and slope alike: each is multiplied by w2. (Predicted? 784 "
        "times, once for each pixel's direction; backward, once is enough.)",
    ),
)

# total_slopes


def total_slopes(s, last):
    slopes = np.eye(len(s))[last]
    for _ in range(len(s)):
        slopes = np.eye(len(s))[last] + s.T @ slopes
    return slopes


def _exact(rng):
    """Draw a slope whose products and sums along all paths are exact, in float32 too."""
    return float(rng.choice([-2.5, -2, -1.5, -0.5, 0.5, 1.5, 2, 2.5]))


def _sorted_numbers(s):
    """Number by number, each after those it was made from."""
    order = []
    while len(order) < len(s):
        order += [
            i for i in range(len(s)) if i not in order and {*np.flatnonzero(s[i])} <= {*order}
        ]
    return order


def _ladder(rng):
    """Five numbers of which each is made from the two before it, numbered out of order."""
    s, order = np.zeros((6, 6)), [2, 4, 1, 5, 0]
    for i, number in enumerate(order):
        for parent in order[max(i - 2, 0) : i]:
            s[number, parent] = _exact(rng)
    s[3, 0] = _exact(rng)  # made from the last one, and no part of it
    return s, 0


def _drawn(rng):
    n = int(rng.integers(5, 8))
    order, s = rng.permutation(n), np.zeros((n, n))
    for i in range(1, n):
        count = min(i, int(rng.integers(1, 4)))
        for j in rng.choice(i, count, replace=False):
            s[order[i], order[j]] = _exact(rng)
    return s, int(order[-1 - rng.integers(0, 2)])


def _by_solving(s, last):
    return np.linalg.solve(np.eye(len(s)) - s.T, np.eye(len(s))[last])


def _by_paths(s, last):
    slopes = np.zeros(len(s))

    def follow(number, arriving):
        slopes[number] += arriving
        for parent in np.flatnonzero(s[number]):
            follow(parent, arriving * s[number, parent])

    follow(last, 1.0)
    return slopes


def _walk(
    order=lambda s: _sorted_numbers(s)[::-1],
    deliver=lambda old, slope, step: old + slope * step,
    start=1.0,
):
    """Return the walk with something else in it."""

    def function(s, last):
        slopes = np.zeros(len(s))
        slopes[last] = start
        for number in order(s):
            if number == last or slopes[number]:
                for parent in np.flatnonzero(s[number]):
                    old = slopes[parent]
                    slopes[parent] = deliver(old, slopes[number], s[number, parent])
        return slopes

    return function


def _impatient(s, last):
    slopes, todo = np.eye(len(s))[last], [last]
    while todo:
        number = todo.pop(0)
        for parent in np.flatnonzero(s[number]):
            slopes[parent] += slopes[number] * s[number, parent]
            todo.append(parent)
    return slopes


def _seen_once(s, last):
    slopes, todo, seen = np.eye(len(s))[last], [last], {last}
    while todo:
        number = todo.pop(0)
        for parent in np.flatnonzero(s[number]):
            slopes[parent] += slopes[number] * s[number, parent]
            if parent not in seen:
                seen.add(parent)
                todo.append(parent)
    return slopes


def _first_only(s, last):
    slopes, todo, seen = np.eye(len(s))[last], [last], {last}
    while todo:
        number = todo.pop(0)
        for parent in {*np.flatnonzero(s[number])} - seen:
            seen.add(parent)
            slopes[parent] = slopes[number] * s[number, parent]
            todo.append(parent)
    return slopes


def _overwritten(s, last):
    slopes, todo = np.eye(len(s))[last], [last]
    while todo:
        number = todo.pop(0)
        for parent in np.flatnonzero(s[number]):
            slopes[parent] = slopes[number] * s[number, parent]
            todo.append(parent)
    return slopes


def _own_slope_lost(s, last):
    return total_slopes(s, last) - np.eye(len(s))[last]


def _two_steps(s, last):
    one = np.eye(len(s))[last]
    return one + s.T @ (one + s.T @ one)


TOTAL_SLOPES = Exercise(
    name="total_slopes",
    lesson=18,
    goal="Walk back through any graph, each node once and not before its slope is complete.",
    points=4,
    misconception="A node passes its slope on before all that was made from it has delivered.",
    reference=total_slopes,
    inputs=_drawn,
    corners=(_ladder, _ladder, _ladder),
    variants=(_by_solving, _by_paths, _walk()),
    mistakes=(
        Mistake(
            "slopes are overwritten where paths meet",
            _walk(deliver=lambda old, slope, step: slope * step),
            "A second path to the same number adds to what has arrived, and does not replace it.",
        ),
        Mistake(
            "in the order of the numbers, from the end",
            _walk(order=lambda s: range(len(s))[::-1]),
            "A number with a large index may have been made early. Look at s for what comes "
            "before what.",
        ),
        Mistake(
            "in the order of the numbers",
            _walk(order=lambda s: range(len(s))),
            "The indices say nothing of the order. Look at s for what was made from what.",
        ),
        Mistake(
            "only the direct parents",
            lambda s, last: np.eye(len(s))[last] + s[last],
            "The parents have parents too. Walk on until nothing is left.",
        ),
        Mistake(
            "paths of two steps at most",
            _two_steps,
            "Longer paths count as well. How long can a path be among N numbers?",
        ),
        Mistake(
            "the slopes of the others along last",
            lambda s, last: total_slopes(s.T, last),
            "s[i, j] is the slope of number i along its parent j. Walk from last to its parents.",
        ),
        Mistake(
            "the own slope is 0",
            _own_slope_lost,
            "Along itself a number has slope 1, and the walk begins with it.",
        ),
        Mistake(
            "a sum is passed on each time that something arrives",
            _impatient,
            "A number that two paths reach has passed on the first slope twice. Wait until all "
            "have delivered, and pass the sum on once.",
        ),
        Mistake(
            "passed on before it is complete",
            _seen_once,
            "Some numbers have passed their slope on before the last part of it arrived. Put the "
            "numbers in an order first.",
        ),
        Mistake(
            "slopes are added along a path",
            _walk(deliver=lambda old, slope, step: old + slope + step),
            "Along a path slopes are multiplied. They are added where paths meet.",
        ),
        Mistake(
            "each number receives once",
            _first_only,
            "A second path to the same number adds to what has arrived, whether or not the number "
            "has been seen.",
        ),
        Mistake(
            "overwritten, as often as something arrives",
            _overwritten,
            "A second path to the same number adds to what has arrived, and does not replace it.",
        ),
        Mistake(
            "the slopes of the number with the largest index",
            lambda s, last: total_slopes(s, len(s) - 1),
            "Begin with slope 1 at number `last`, which need not be the last in the table.",
        ),
        Mistake(
            "the slopes of all numbers along all others",
            lambda s, last: np.linalg.inv(np.eye(len(s)) - s),
            "One row of this table is asked for, that of number `last`.",
        ),
        Mistake(
            "only paths of the greatest length",
            lambda s, last: np.linalg.matrix_power(s.T, len(s)) @ np.eye(len(s))[last],
            "Passed on N times without a sum, everything has left the graph. Add up what arrives "
            "after each step.",
        ),
    ),
    hints=(
        "Row i of s names the parents of number i: those with an entry that is not 0.",
        "Put the numbers in an order in which each stands after its parents; walk it from the end.",
        "Begin with slope 1 at last and 0 elsewhere. At each number i, slopes += slopes[i] * s[i]. "
        "(Predicted? a waits for c and d, and c for d and e. Only c has parents to pass it on to.)",
    ),
)

EXERCISES = (DIVISION_VJPS, SCALED_VJPS, FORWARD_SLOPE, TOTAL_SLOPES)
