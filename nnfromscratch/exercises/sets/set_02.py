"""Exercises of lesson 02, One forward pass."""

from itertools import pairwise

import numpy as np

from .._draw import labels, normal, positive, probabilities, sizes
from .._exercise import Exercise, Mistake

# linear_columns


def linear_columns(w, x, b):
    return w @ x + b[:, None]


def _linear_columns_inputs(rng):
    k, d, n = sizes(rng, 3)
    return normal(rng, k, d), normal(rng, d, n), normal(rng, k)


def _linear_columns_square(rng):
    n = int(rng.integers(2, 5))
    # Biases that all differ, so that a bias along the other axis is seen.
    return normal(rng, n, n), normal(rng, n, n), rng.permutation(n) + positive(rng, n)


def _loop_over_columns(w, x, b):
    z = np.empty((len(w), x.shape[1]), x.dtype)
    for n in range(x.shape[1]):
        z[:, n] = w.dot(x[:, n]) + b
    return z


LINEAR_COLUMNS = Exercise(
    name="linear_columns",
    lesson=2,
    goal="Write the affine layer for examples in columns, and place the bias by its shape.",
    points=1,
    misconception="A bias of shape (K,) is added along the last axis, which here holds examples.",
    reference=linear_columns,
    inputs=_linear_columns_inputs,
    corners=(_linear_columns_square,),
    out_of_reach=("linear", "Linear"),
    variants=(
        lambda w, x, b: (x.T @ w.T + b).T,
        lambda w, x, b: np.einsum("kd,dn->kn", w, x) + b.reshape(-1, 1),
        _loop_over_columns,
    ),
    mistakes=(
        Mistake(
            "the bias is added along the examples",
            lambda w, x, b: w @ x + b,
            "NumPy lines shapes up from the right: (K,) meets the last axis of (K, N). Give the "
            "bias a second axis of length 1.",
        ),
        Mistake(
            "the layout with examples in rows",
            lambda w, x, b: x @ w + b,
            "Here an example is a column of x, and w has one row per output: which of the two "
            "must stand on the left?",
        ),
        Mistake(
            "the weights are transposed",
            lambda w, x, b: w.T @ x + b[:, None],
            "w has shape (K, D) and x has (D, N). Their inner axes meet as they are.",
        ),
        Mistake(
            "the result is in rows",
            lambda w, x, b: x.T @ w.T + b,
            "The numbers are right. In this layout the result, too, has one example per column.",
        ),
        Mistake(
            "the bias is left out",
            lambda w, x, b: w @ x,
            "A product of matrices is only the linear part. What shifts each output?",
        ),
        Mistake(
            "the bias is multiplied",
            lambda w, x, b: (w @ x) * b[:, None],
            "The bias shifts each output; it does not stretch it.",
        ),
        Mistake(
            "the bias is subtracted",
            lambda w, x, b: w @ x - b[:, None],
            "Look at the sign in front of b in the formula.",
        ),
        Mistake(
            "* where @ is due",
            lambda w, x, b: w * x + b[:, None],
            "* multiplies entry by entry. A layer sums over the inputs, a product of matrices.",
        ),
        Mistake(
            "the sum of all biases",
            lambda w, x, b: w @ x + b.sum(),
            "Output k has a bias of its own, b_k. Yours adds all of them to every output.",
        ),
        Mistake(
            "the mean of the biases",
            lambda w, x, b: w @ x + b.mean(),
            "Output k has a bias of its own, b_k. Yours adds one number to every output.",
        ),
        Mistake(
            "one bias for all outputs",
            lambda w, x, b: w @ x + b[0],
            "Output k has a bias of its own, b_k. Yours adds the first to every output.",
        ),
        Mistake(
            "the bias counts twice",
            lambda w, x, b: w @ x + 2 * b[:, None],
            "Each bias is added once.",
        ),
        Mistake(
            "the bias goes through the weights",
            lambda w, x, b: w @ (x + b[:, None]),
            "The bias shifts the outputs, after the product. It has one entry for each output.",
        ),
        Mistake(
            "the bias is added to the weights",
            lambda w, x, b: (w + b[:, None]) @ x,
            "The bias shifts the outputs, after the product; it does not depend on x.",
        ),
        Mistake(
            "an activation at the end",
            lambda w, x, b: np.maximum(w @ x + b[:, None], 0),
            "A layer's z may be negative. No activation is asked for here.",
        ),
        Mistake(
            "the mean over the inputs",
            lambda w, x, b: w @ x / len(x) + b[:, None],
            "The products with the inputs are added up; nothing divides the sum.",
        ),
        Mistake(
            "the rows' layout, with the bias as a column",
            lambda w, x, b: x @ w + b[:, None],
            "The bias stands right. Now the product: an example is a column of x, and w has one "
            "row per output.",
        ),
        Mistake(
            "the bias is added to the first example alone",
            lambda w, x, b: w @ x + b[:, None] * (np.arange(x.shape[1]) == 0),
            "The bias belongs to every example, so to every column, not to the first alone.",
        ),
    ),
    hints=(
        "Write the three shapes down: (K, D), (D, N), (K,). Which product has shape (K, N)?",
        "The bias must meet the axis of the outputs, the first one.",
        "An index None makes a new axis of length 1, over which NumPy repeats. At which end of b "
        "is it due?",
    ),
)

# leaky


def leaky(z, slope):
    return np.where(z > 0, z, slope * z)


def _leaky_inputs(rng):
    n, h = sizes(rng, 2)
    return normal(rng, n, h), float(np.round(rng.uniform(0.02, 0.4), 2))


def _leaky_in_place(z, slope):
    z[z < 0] *= slope
    return z


def _leaky_loop(z, slope):
    a = z.copy()
    for place in np.ndindex(z.shape):
        if z[place] < 0:
            a[place] = slope * z[place]
    return a


def _leaky_corner(rng):
    return np.array([[-2.0, -1.0, 0.0], [0.0, 1.0, 2.0]]), 0.1


LEAKY = Exercise(
    name="leaky",
    lesson=2,
    goal="Write an activation that treats two kinds of inputs differently, without a loop.",
    points=1,
    misconception="An if statement about an array, or an assignment that changes the argument.",
    reference=leaky,
    inputs=_leaky_inputs,
    corners=(_leaky_corner,),
    out_of_reach=("leaky_relu", "LeakyReLU"),
    variants=(
        lambda z, slope: np.maximum(z, slope * z),
        lambda z, slope: z * np.where(z < 0, slope, 1.0),
        lambda z, slope: np.maximum(z, 0) + slope * np.minimum(z, 0),
        _leaky_loop,
    ),
    mistakes=(
        Mistake(
            "ReLU, which does not leak",
            lambda z, slope: np.maximum(z, 0),
            "Negative inputs are not cut to zero here. What is left of -2 when slope is 0.1?",
        ),
        Mistake(
            "the argument is changed",
            _leaky_in_place,
            "An assignment into z, or *= on it, changes the caller's array. Make a new one.",
        ),
        Mistake(
            "the two sides are exchanged",
            lambda z, slope: np.where(z > 0, slope * z, z),
            "Positive inputs pass unchanged; the negative ones are made small. Of z and slope z, "
            "the larger one is right.",
        ),
        Mistake(
            "the negative side is the slope itself",
            lambda z, slope: np.where(z > 0, z, slope),
            "The slope is a factor on z, not a value in its place.",
        ),
        Mistake(
            "the negative side is turned round",
            lambda z, slope: np.where(z > 0, z, -slope * z),
            "Negative inputs give small negative outputs. Look at the sign.",
        ),
        Mistake(
            "everything is multiplied by the slope",
            lambda z, slope: slope * z,
            "Positive inputs pass unchanged. How do you ask for each entry on its own?",
        ),
        Mistake(
            "the slope is subtracted",
            lambda z, slope: np.where(z > 0, z, z - slope),
            "The slope is a factor on z, and at 0 the result is 0.",
        ),
        Mistake(
            "the slope is added",
            lambda z, slope: np.where(z > 0, z, z + slope),
            "The slope is a factor on z, and at 0 the result is 0.",
        ),
        Mistake(
            "divided by the slope",
            lambda z, slope: np.where(z > 0, z, z / slope),
            "A leak lets only a little through: what is left of -2 when slope is 0.1?",
        ),
        Mistake(
            "the slope where the value is due",
            lambda z, slope: np.where(z > 0, 1.0, slope),
            "This is how steep the function is. Its value is asked for.",
        ),
        Mistake(
            "the larger of z and the slope",
            lambda z, slope: np.maximum(z, slope),
            "The slope is a factor on z: the second candidate is slope times z.",
        ),
        Mistake(
            "positive inputs count twice",
            lambda z, slope: np.maximum(z, 0) + slope * z,
            "The leak is meant for negative inputs only. Yours adds it on the positive side as "
            "well.",
        ),
        Mistake(
            "a floor at minus the slope",
            lambda z, slope: np.maximum(z, -slope),
            "The slope is a factor on z, not a floor below it.",
        ),
        Mistake(
            "the rest where the slope is due",
            lambda z, slope: np.where(z > 0, z, (1 - slope) * z),
            "The slope itself is what is let through: of -2 with slope 0.1 there is -0.2 left.",
        ),
        Mistake(
            "a slope of 0.01, whatever is asked for",
            lambda z, slope: np.where(z > 0, z, 0.01 * z),
            "The slope comes in as an argument.",
        ),
        Mistake(
            "a slope of 0.1, whatever is asked for",
            lambda z, slope: np.where(z > 0, z, 0.1 * z),
            "The slope comes in as an argument.",
        ),
        Mistake(
            "the sides meet at 1",
            lambda z, slope: np.where(z >= 1, z, slope * z),
            "The two sides meet at 0. A z of 0.5 is positive and passes unchanged.",
        ),
        Mistake(
            "the sides meet at the slope",
            lambda z, slope: np.where(z > slope, z, slope * z),
            "The two sides meet at 0, whatever the slope is.",
        ),
        Mistake(
            "one decision for the whole array",
            lambda z, slope: z if (z > 0).any() else slope * z,
            "Each entry is decided on its own. How do you ask for each entry?",
        ),
        Mistake(
            "an if about an array",
            lambda z, slope: z if z > 0 else slope * z,
            "z > 0 is an array of answers, and `if` wants one. Choose entry by entry.",
        ),
        Mistake(
            "an exponential below zero",
            lambda z, slope: np.where(z > 0, z, slope * np.expm1(np.minimum(z, 0))),
            "Below zero the formula is a straight line, slope times z.",
        ),
        Mistake(
            "the square of z below zero",
            lambda z, slope: np.where(z > 0, z, slope * z**2),
            "Below zero the formula is a straight line, slope times z.",
        ),
        Mistake(
            "one decision for each row",
            lambda z, slope: np.where((z > 0).all(axis=-1, keepdims=True), z, slope * z),
            "Each entry is decided by itself, not its row.",
        ),
    ),
    hints=(
        "Two cases, entry by entry: which function of NumPy chooses between two arrays?",
        "With a slope below 1, the right answer is always the larger of two candidates.",
    ),
)

# softmax_with_temperature


def softmax_with_temperature(z, temperature):
    z = z / temperature
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _temperature_inputs(rng):
    n, c = sizes(rng, 2)
    return normal(rng, n, c), float(np.round(rng.choice([0.3, 0.5, 2.0, 4.0, 7.0]), 2))


def _temperature_large(rng):
    n, c = sizes(rng, 2)
    z = normal(rng, n, c) + 100 * np.arange(n)[:, None] * np.array([-9, 9])[rng.integers(2)]
    return z + 900, 0.5


def _temperature_wide(rng):
    """Return rows that only their own largest logit makes safe, after the division."""
    z = [[-1000.0, 1000.0, 999.5], [1000.0, -1000.0, 999.0], [0.0, 500.0, 499.5]]
    return np.array([*z, [-1001.0, -1000.0, -1000.5]]), 0.5


def _temperature_square(rng):
    return normal(rng, 4, 4), 2.0


def _exp(z):
    return np.exp(z - z.max(axis=1, keepdims=True))


def _softmax(z, axis=1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _naive(z, temperature):
    e = np.exp(z / temperature)
    return e / e.sum(axis=1, keepdims=True)


def _global_maximum(z, temperature):
    e = np.exp((z - z.max()) / temperature)
    return e / e.sum(axis=1, keepdims=True)


def _no_keepdims(z, temperature):
    z = z / temperature
    e = np.exp(z.T - z.max(axis=1)).T
    return e / e.sum(axis=1)


def _no_keepdims_twice(z, temperature):
    e = np.exp(z / temperature - (z / temperature).max(axis=1))
    return e / e.sum(axis=1)


def _taken_off(what):
    """Return a softmax that takes something else off the rows before exp."""

    def softmax(z, temperature):
        e = np.exp(z / temperature - what(z, temperature))
        return e / e.sum(axis=1, keepdims=True)

    return softmax


def _temperature_loop(z, temperature):
    rows = []
    for row in z:
        shifted = [(value - max(row)) / temperature for value in row]
        total = sum(np.exp(value) for value in shifted)
        rows.append([np.exp(value) / total for value in shifted])
    return np.array(rows)


def _numerator_only(z, temperature):
    return np.exp(z / temperature) / np.exp(z).sum(axis=1, keepdims=True)


def _cut(z, limit):
    e = np.exp(np.clip(z, -limit, limit))
    return e / e.sum(axis=1, keepdims=True)


def _temperature_in_place(z, temperature):
    z /= temperature
    return _softmax(z)


SOFTMAX_WITH_TEMPERATURE = Exercise(
    name="softmax_with_temperature",
    lesson=2,
    goal="Write a softmax that does not overflow, and place a factor inside it.",
    points=2,
    misconception="One maximum for the whole batch is enough; a factor may go anywhere.",
    reference=softmax_with_temperature,
    inputs=_temperature_inputs,
    corners=(
        _temperature_large,
        _temperature_large,
        _temperature_wide,
        _temperature_square,
    ),
    out_of_reach=("softmax", "log_softmax", "Softmax"),
    variants=(
        lambda z, temperature: _softmax((z - z.max(axis=1, keepdims=True)) / temperature),
        lambda z, temperature: np.exp(
            (z / temperature - (z / temperature).max(axis=1, keepdims=True))
            - np.log(_exp(z / temperature).sum(axis=1, keepdims=True))
        ),
        _temperature_loop,
    ),
    mistakes=(
        Mistake(
            "exp overflows",
            _naive,
            "exp of a number above 709 is infinite. What may be taken off a row of logits without "
            "changing its softmax?",
        ),
        Mistake(
            "one maximum for the whole batch",
            _global_maximum,
            "A row far below the batch's largest logit turns into exp of something very negative, "
            "0, and 0 / 0. Each row needs a maximum of its own.",
        ),
        Mistake(
            "the largest logit is not divided by the temperature",
            _taken_off(lambda z, temperature: z.max(axis=1, keepdims=True)),
            "Take off the largest of the numbers that go into exp. Otherwise exp still overflows, "
            "or all of a row becomes 0, and 0 / 0 is nan.",
        ),
        Mistake(
            "the mean of the row is taken off",
            _taken_off(lambda z, temperature: (z / temperature).mean(axis=1, keepdims=True)),
            "In a row with logits of 1,000 and -1,000 the largest is still far above the mean. "
            "What must be taken off so that no exponent is above 0?",
        ),
        Mistake(
            "the smallest logit is taken off",
            _taken_off(lambda z, temperature: (z / temperature).min(axis=1, keepdims=True)),
            "Now every exponent is 0 or more, and exp of a large one is infinite. None should be "
            "above 0.",
        ),
        Mistake(
            "the first logit is taken off",
            _taken_off(lambda z, temperature: (z / temperature)[:, :1]),
            "The first logit of a row may be far below the others. What must be taken off so that "
            "no exponent is above 0?",
        ),
        Mistake(
            "the temperature is multiplied",
            lambda z, temperature: _softmax(z * temperature),
            "A high temperature makes the probabilities more equal, so it makes logits smaller.",
        ),
        Mistake(
            "the temperature has no effect",
            lambda z, temperature: _softmax(z),
            "This is the plain softmax. Dividing the exps by T, or taking T off the logits, "
            "changes nothing "
            "of it: in the formula T divides the logits.",
        ),
        Mistake(
            "the temperature divides the probabilities",
            lambda z, temperature: _softmax(z) / temperature,
            "Each row must still sum to 1. The temperature belongs to the logits.",
        ),
        Mistake(
            "the sum runs over the examples",
            lambda z, temperature: _softmax(z / temperature, axis=0),
            "Look at the sums of your result along both axes: which of them should be 1? A row is "
            "one example.",
        ),
        Mistake(
            "keepdims is forgotten",
            _no_keepdims,
            "e.sum(axis=1) has shape (N,), which meets the last axis, that of the classes.",
        ),
        Mistake(
            "keepdims is forgotten, in the maximum and in the sum",
            _no_keepdims_twice,
            "max and sum over axis 1 have shape (N,), which meets the last axis, that of the "
            "classes. They must keep their second axis.",
        ),
        Mistake(
            "one sum for the whole batch",
            lambda z, temperature: _exp(z / temperature) / _exp(z / temperature).sum(),
            "The probabilities of each row sum to 1, not those of the whole batch.",
        ),
        Mistake(
            "exp is not divided by its sum",
            lambda z, temperature: _exp(z / temperature),
            "Probabilities sum to 1. What must each row be divided by?",
        ),
        Mistake(
            "the temperature is in the numerator only",
            lambda z, temperature: _exp(z / temperature) / _exp(z).sum(axis=1, keepdims=True),
            "Your rows do not sum to 1. The sum below must be that of the numbers above it.",
        ),
        Mistake(
            "the temperature is in the numerator only, beside one maximum",
            _numerator_only,
            "Your rows do not sum to 1. The sum below must be that of the numbers above it.",
        ),
        Mistake(
            "the temperature is in the denominator only",
            lambda z, temperature: _exp(z) / _exp(z / temperature).sum(axis=1, keepdims=True),
            "Your rows do not sum to 1. The sum below must be that of the numbers above it.",
        ),
        Mistake(
            "the probabilities to the power of the temperature",
            lambda z, temperature: _softmax(z) ** temperature,
            "The logits are divided by the temperature, and only then comes softmax; each row "
            "must sum to 1.",
        ),
        Mistake(
            "the roots of the probabilities are not divided by their sum",
            lambda z, temperature: _softmax(z) ** (1 / temperature),
            "The proportions are right. Each row must also sum to 1.",
        ),
        Mistake(
            "large exponents are cut off",
            lambda z, temperature: _cut(z / temperature, 500),
            "Cut exponents do not overflow, but logits of 1,000 and 999 become equal. Take off "
            "each row's largest instead.",
        ),
        Mistake(
            "the largest size is taken off",
            _taken_off(lambda z, temperature: np.abs(z / temperature).max(axis=1, keepdims=True)),
            "In a row of large negative logits every exponent becomes very negative, and 0 / 0 is "
            "nan. The largest logit may be negative.",
        ),
        Mistake(
            "the largest of each column is taken off",
            _taken_off(lambda z, temperature: (z / temperature).max(axis=0, keepdims=True)),
            "Your maxima are those of the columns. A row is one example: over which axis does its "
            "maximum run?",
        ),
        Mistake(
            "the logarithm of the probabilities",
            lambda z, temperature: (z - z.max(axis=1, keepdims=True)) / temperature
            - np.log(_exp(z / temperature).sum(axis=1, keepdims=True)),
            "These are logarithms. The probabilities themselves are asked for.",
        ),
        Mistake(
            "the root of the temperature",
            lambda z, temperature: _softmax(z / np.sqrt(temperature)),
            "The logits are divided by the temperature itself.",
        ),
        Mistake(
            "powers of 2",
            lambda z, temperature: _softmax(z / temperature * np.log(2)),
            "The formula has e to the power, np.exp.",
        ),
        Mistake(
            "the sum runs over the examples, and the temperature has no effect",
            lambda z, temperature: _softmax(z, axis=0),
            "A row is one example, so sums run along it; and the temperature must enter.",
        ),
        Mistake(
            "the argument is changed",
            _temperature_in_place,
            "/= on an argument changes the caller's array. Make a new one.",
        ),
        Mistake(
            "a sigmoid of each logit",
            lambda z, temperature: 1 / (1 + np.exp(-z / temperature)),
            "The probabilities of a row sum to 1: each exponential is divided by the sum of "
            "its row.",
        ),
        Mistake(
            "exp is left out",
            lambda z, temperature: z / z.sum(axis=1, keepdims=True),
            "Shares of the logits may be negative. The formula takes exp of each z / T first.",
        ),
    ),
    hints=(
        "Divide the logits by the temperature; the rest is the softmax of the lesson.",
        "Take off each row's largest entry before exp, so that no exponent is above 0.",
        "Both the maximum and the sum run over axis 1, and keep that axis with length 1. (The "
        "prediction: a large T makes all entries 1/C, a small one leaves 1 for the largest.)",
    ),
)

# cross_entropy_in_bits


def cross_entropy_in_bits(p, y):
    return -np.log2(p[np.arange(len(y)), y]).mean()


def _bits_inputs(rng):
    n, c = sizes(rng, 2)
    return probabilities(rng, n, c), labels(rng, n, c)


def _bits_square(rng):
    return probabilities(rng, 4, 4), rng.permutation([0, 1, 1, 3])


def _bits_zeros(rng):
    """Return a case in which classes that are not the label have probability 0."""
    return np.array([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.25, 0.0, 0.75]]), np.array([1, 1, 0])


def _bits_tiny(rng):
    """Return a case in which any small number beside a probability is seen."""
    return np.array([[1e-200, 1.0], [0.25, 0.75]]), np.array([0, 1])


def _bits_sure(rng):
    """Return a case without surprise: a probability that is kept below 1 costs something."""
    return np.array([[0.0, 1.0, 0.0]]), np.array([1])


def _bits_with(kept):
    """Return the loss of probabilities that something was done to first."""

    def loss(p, y):
        return -np.log2(kept(p)[np.arange(len(y)), y]).mean()

    return loss


CROSS_ENTROPY_IN_BITS = Exercise(
    name="cross_entropy_in_bits",
    lesson=2,
    goal="Pick each row's entry at its label, and average.",
    points=2,
    misconception="p[:, y] picks, for every row, the columns of all labels: (N, N) entries.",
    reference=cross_entropy_in_bits,
    inputs=_bits_inputs,
    corners=(_bits_tiny, _bits_sure, _bits_square, _bits_zeros),
    variants=(
        lambda p, y: -np.log(p[np.arange(len(y)), y]).mean() / np.log(2),
        lambda p, y: -np.log2((np.eye(p.shape[1])[y] * p).sum(axis=1)).sum() / len(p),
        lambda p, y: sum(-np.log2(row[label]) for row, label in zip(p, y, strict=True)) / len(y),
        lambda p, y: -np.log2(np.take_along_axis(p, y[:, None], axis=1)).mean(),
    ),
    mistakes=(
        Mistake(
            "nats where bits are due",
            lambda p, y: -np.log(p[np.arange(len(y)), y]).mean(),
            "np.log is the natural logarithm. A bit halves the possibilities: which base is that?",
        ),
        Mistake(
            "the logarithm to base 10",
            lambda p, y: -np.log10(p[np.arange(len(y)), y]).mean(),
            "A bit halves the possibilities. Which base does that ask for?",
        ),
        Mistake(
            "the sum where the mean is due",
            lambda p, y: -np.log2(p[np.arange(len(y)), y]).sum(),
            "With twice as many examples the loss should stay about the same.",
        ),
        Mistake(
            "all labels in all rows",
            lambda p, y: -np.log2(p[:, y]).mean(),
            "p[:, y] has shape (N, N). You need one entry of each row: give the rows' numbers too.",
        ),
        Mistake(
            "the sign is missing",
            lambda p, y: np.log2(p[np.arange(len(y)), y]).mean(),
            "A logarithm of a probability is negative, and a loss is not.",
        ),
        Mistake(
            "the mean before the logarithm",
            lambda p, y: -np.log2(p[np.arange(len(y)), y].mean()),
            "The surprise of each example first, then their mean: the order matters, as the "
            "logarithm is not linear.",
        ),
        Mistake(
            "the classes that are not the label count too",
            lambda p, y: -np.log2(p).sum(axis=1).mean(),
            "Only the probability given to the right class counts. What does y tell you?",
        ),
        Mistake(
            "the mean over all entries",
            lambda p, y: -np.log2(p[np.arange(len(y)), y]).sum() / p.size,
            "p has N times C entries, but only N surprises are added up. By what must their sum be "
            "divided?",
        ),
        Mistake(
            "the labels pick rows",
            lambda p, y: -np.log2(p[y]).mean(),
            "p[y] takes whole rows, the ones with these numbers. You need one entry of each row: "
            "the label is its column.",
        ),
        Mistake(
            "0 times an infinite logarithm",
            lambda p, y: -(np.eye(p.shape[1])[y] * np.log2(p)).sum() / len(p),
            "A class that is not the label may have probability 0. Its logarithm is infinite, and "
            "0 times that is nan. Pick first, then take logarithms.",
        ),
        Mistake(
            "the examples are not averaged",
            lambda p, y: -np.log2(p[np.arange(len(y)), y]),
            "This is the surprise of each example. The loss is one number for the batch.",
        ),
        *(
            Mistake(
                f"{tiny:g} in the logarithm keeps it finite",
                _bits_with(lambda p, tiny=tiny: p + tiny),
                "A small number inside the logarithm caps the loss: a label with a probability of "
                "1e-200 must cost 664 bits. Pick first, and nothing that is picked is 0.",
            )
            for tiny in (1e-15, 1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)
        ),
        *(
            Mistake(
                f"a floor of {tiny:g} keeps the logarithm finite",
                _bits_with(lambda p, tiny=tiny: np.maximum(p, tiny)),
                "A floor below the probabilities caps the loss: a label with a probability of "
                "1e-200 must cost 664 bits.",
            )
            for tiny in (1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)
        ),
        Mistake(
            "the labels are counted from 1",
            lambda p, y: -np.log2(p[np.arange(len(y)), y - 1]).mean(),
            "The labels count from 0, as NumPy's indices do. Label 1 is the second column.",
        ),
        Mistake(
            "multiplied by ln 2 where a division is due",
            lambda p, y: -np.log(p[np.arange(len(y)), y]).mean() * np.log(2),
            "A probability of 1/2 costs one bit, and 0.69 nats: by which number must nats be "
            "divided?",
        ),
        Mistake(
            "the entropy of the rows",
            lambda p, y: -(p * np.log2(np.where(p > 0, p, 1))).sum(axis=1).mean(),
            "The logarithms are not weighted by p here. Only the entry at the label counts.",
        ),
        Mistake(
            "the largest probability of each row",
            lambda p, y: -np.log2(p.max(axis=1)).mean(),
            "The right class counts, not the one that the network finds most probable.",
        ),
        Mistake(
            "rows and columns are exchanged",
            lambda p, y: -np.log2(p[y, np.arange(len(y))]).mean(),
            "The rows' numbers come first in the index, then the columns'. Which are the labels?",
        ),
        Mistake(
            "all labels in all rows, added up",
            lambda p, y: -np.log2(p[:, y]).sum() / len(y),
            "p[:, y] has shape (N, N). You need one entry of each row: give the rows' numbers too.",
        ),
        Mistake(
            "softmax once more",
            lambda p, y: -np.log2(_softmax(p)[np.arange(len(y)), y]).mean(),
            "p holds probabilities already.",
        ),
        Mistake(
            "1 is added to the probability",
            lambda p, y: -np.log1p(p[np.arange(len(y)), y]).mean(),
            "log1p(p) is the logarithm of 1 + p. Here it is that of p, to base 2.",
        ),
        Mistake(
            "the probability of all other classes",
            lambda p, y: -np.log2(1 - p[np.arange(len(y)), y]).mean(),
            "The surprise is that of the right class, not of all the others.",
        ),
        Mistake(
            "the median",
            lambda p, y: -np.median(np.log2(p[np.arange(len(y)), y])),
            "The formula adds up and divides by N: that is the mean.",
        ),
        Mistake(
            "1 less the probability, and no logarithm",
            lambda p, y: (1 - p[np.arange(len(y)), y]).mean(),
            "Surprise is a logarithm: a probability of 1/4 costs two bits, not 3/4.",
        ),
        Mistake(
            "the worst example",
            lambda p, y: -np.log2(p[np.arange(len(y)), y]).min(),
            "The loss is the mean over the examples, not the largest surprise.",
        ),
        Mistake(
            "only the first example",
            lambda p, y: -np.log2(p[0, y[0]]),
            "All examples count: their surprises are averaged.",
        ),
        Mistake(
            "each surprise is weighted by its probability",
            lambda p, y: -(p[np.arange(len(y)), y] * np.log2(p[np.arange(len(y)), y])).mean(),
            "No factor p stands before the logarithm. Only the mean is taken of the surprises.",
        ),
        Mistake(
            "the labels multiply as numbers",
            lambda p, y: -(y[:, None] * np.log2(np.maximum(p, 1e-300))).sum(axis=1).mean(),
            "A label is a name, not a size: it says which column counts.",
        ),
        Mistake(
            "the labels are one too high",
            lambda p, y: -np.log2(p[np.arange(len(y)), (y + 1) % p.shape[1]]).mean(),
            "The labels count from 0, as NumPy's indices do. Label 1 is the second column.",
        ),
        Mistake(
            "the mean over all entries, infinite logarithms with it",
            lambda p, y: -(np.eye(p.shape[1])[y] * np.log2(p)).mean(),
            "The mean runs over the N examples, not over the N times C entries; and 0 times an "
            "infinite logarithm is nan. Pick one entry of each row first.",
        ),
    ),
    hints=(
        "First pick, for each row of p, its entry in the column that y names.",
        "p[rows, columns] with two arrays of length N picks N entries, pair by pair.",
        "Base 2: np.log2, or np.log divided by ln 2. Then one mean, over the N surprises. (The "
        "prediction: 1/10 for each of ten classes costs 3.3 bits.)",
    ),
)

# forward_folded


def forward_folded(x, folded):
    a = x
    for i, w in enumerate(folded):
        z = np.hstack([a, np.ones((len(a), 1))]) @ w
        a = np.maximum(z, 0) if i < len(folded) - 1 else z
    return a


def _folded_inputs(rng):
    n, d, h, c = sizes(rng, 4)
    layers = [d, h, int(rng.integers(2, 6)), c][: int(rng.integers(2, 5))]
    return normal(rng, n, d), tuple(normal(rng, a + 1, b) for a, b in pairwise(layers))


def _folded_deep(rng):
    n, d, h, c = sizes(rng, 4)
    return normal(rng, n, d), (
        normal(rng, d + 1, h),
        normal(rng, h + 1, h),
        normal(rng, h + 1, c),
    )


def _folded_alike(rng):
    """Return a network with a hidden matrix of the shape of the last, and one of another."""
    n, d, h = sizes(rng, 3)
    first, hidden, last = (normal(rng, rows + 1, h) for rows in (d, h, h))
    hidden[-1, 0] = -20.0  # a unit that its ReLU silences, whatever else is drawn
    return normal(rng, n, d), (first, hidden, last)


def _folded(
    ones=1.0,
    first=False,
    last_relu=False,
    relu=True,
    only_first=False,
    sigmoid=False,
    first_relu=False,
):
    """Return the forward pass with something else in it."""

    def forward(x, folded):
        a = np.maximum(x, 0) if first_relu else x
        for i, w in enumerate(folded):
            column = np.full((len(a), 1), 0.0 if only_first and i else ones)
            z = np.hstack([column, a] if first else [a, column]) @ w
            cut = relu and (i < len(folded) - 1 or last_relu)
            a = np.maximum(z, 0) if cut else z
            if sigmoid and i == len(folded) - 1:
                a = _softmax(a)
        return a

    return forward


def _folded_split(x, folded):
    for w in folded[:-1]:
        x = np.clip(x @ w[:-1] + w[-1], 0, None)
    return x @ folded[-1][:-1] + folded[-1][-1]


def _folded_recursive(x, folded):
    z = np.c_[x, np.ones(len(x))] @ folded[0]
    return z if len(folded) == 1 else _folded_recursive(np.where(z > 0, z, 0), folded[1:])


def _folded_one(rng):
    """Return a network of one layer, which is the first and the last, and one example."""
    return normal(rng, 1, 3), (normal(rng, 4, 2),)


def _folded_relu_where(cut):
    """Return the forward pass with its ReLUs where `cut` of a layer's number says so."""

    def forward(x, folded):
        a = x
        for i, w in enumerate(folded):
            z = a @ w[:-1] + w[-1]
            a = np.maximum(z, 0) if cut(i, len(folded)) else z
        return a

    return forward


def _folded_ones_once(x, folded):
    a = np.hstack([x, np.ones((len(x), 1))])
    for i, w in enumerate(folded):
        z = a @ w
        a = np.maximum(z, 0) if i < len(folded) - 1 else z
    return a


def _folded_two(x, folded):
    w1, w2 = folded
    return forward_folded(x, (w1, w2))


def _folded_first_and_last(x, folded):
    return forward_folded(x, (folded[0], folded[-1]))


def _folded_returns_early(x, folded):
    z = np.hstack([x, np.ones((len(x), 1))]) @ folded[0]
    return np.maximum(z, 0) if len(folded) > 1 else z


def _folded_reads_input(x, folded):
    for i, w in enumerate(folded):
        z = np.hstack([x, np.ones((len(x), 1))]) @ w
        a = np.maximum(z, 0) if i < len(folded) - 1 else z
    return a


def _folded_flat_ones(x, folded):
    return np.hstack([x, np.ones(len(x))]) @ folded[0]


def _folded_row_of_ones(x, folded):
    return np.vstack([x, np.ones((len(x), 1))]) @ folded[0]


def _folded_last_column(x, folded):
    a = x
    for i, w in enumerate(folded):
        z = a @ w[:, :-1] + w[:, -1]
        a = np.maximum(z, 0) if i < len(folded) - 1 else z
    return a


ACTIVATIONS = {
    "a leaky ReLU": lambda z: np.where(z > 0, z, 0.01 * z),
    "a sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "the size": np.abs,
    "the smaller of z and 0": lambda z: np.minimum(z, 0),
    "a step from 0 to 1": lambda z: np.where(z > 0, 1.0, 0.0),
}


def _folded_with(cut):
    """Return the forward pass with another activation."""

    def forward(x, folded):
        for w in folded[:-1]:
            x = cut(x @ w[:-1] + w[-1])
        return x @ folded[-1][:-1] + folded[-1][-1]

    return forward


def _folded_by_shape(x, folded):
    for w in folded:
        z = x @ w[:-1] + w[-1]
        x = np.maximum(z, 0) if w.shape != folded[-1].shape else z
    return x


def _folded_late(x, folded):
    for w in folded[:-1]:
        x = np.maximum(x @ w[:-1], 0) + w[-1]
    return x @ folded[-1][:-1] + folded[-1][-1]


FORWARD_FOLDED = Exercise(
    name="forward_folded",
    lesson=2,
    goal="Run a network of any depth whose biases are the last rows of its weights.",
    points=4,
    misconception="The ones are appended to the input alone, or ReLU is applied to the logits.",
    reference=forward_folded,
    inputs=_folded_inputs,
    corners=(_folded_one, _folded_deep, _folded_deep, _folded_alike),
    variants=(_folded_split, _folded_recursive),
    mistakes=(
        Mistake(
            "ReLU on the logits",
            _folded(last_relu=True),
            "The last layer's outputs are scores of either sign; softmax needs them as they are.",
        ),
        Mistake(
            "no bias after the first layer",
            _folded(only_first=True),
            "Every layer has its row of biases, so every layer's input needs its column of ones.",
        ),
        Mistake(
            "the first row is taken for the biases",
            _folded(first=True),
            "The biases are the last row of each matrix, so the ones are the last column.",
        ),
        Mistake(
            "ReLU on the input",
            _folded(first_relu=True),
            "The input may be negative, and goes into the first layer as it is. ReLU comes after a "
            "layer.",
        ),
        Mistake(
            "no ReLU between the layers",
            _folded(relu=False),
            "Without an activation between them two layers are one. What stands between them?",
        ),
        Mistake(
            "the biases have no effect",
            _folded(ones=0.0),
            "The last row of each matrix is added to every example's outputs. By which number must "
            "it be multiplied for that?",
        ),
        Mistake(
            "softmax at the end",
            _folded(sigmoid=True),
            "The logits are asked for, before softmax.",
        ),
        Mistake(
            "only the first layer",
            lambda x, folded: np.hstack([x, np.ones((len(x), 1))]) @ folded[0],
            "Each layer's output is the next one's input: the loop must hand it on.",
        ),
        Mistake(
            "the last layer is known by its shape",
            _folded_by_shape,
            "A hidden layer may have a matrix of the same shape. Which one is the last?",
        ),
        Mistake(
            "the ones are appended to the input alone",
            _folded_ones_once,
            "A product of a later layer does not fit: its input lacks a column. Every layer's "
            "input needs its column of ones, not only x.",
        ),
        Mistake(
            "only two layers have a turn",
            _folded_first_and_last,
            "There may be any number of matrices. Loop over all of them.",
        ),
        Mistake(
            "two layers are taken for granted",
            _folded_two,
            "There may be one matrix, or five. Loop over all of them.",
        ),
        Mistake(
            "ReLU after the first layer only",
            _folded_relu_where(lambda i, count: i == 0 and count > 1),
            "There is a ReLU after every layer but the last.",
        ),
        Mistake(
            "ReLU after the last layer only",
            _folded_relu_where(lambda i, count: i == count - 1),
            "It is the other way round: after every layer but the last.",
        ),
        Mistake(
            "the last hidden layer has no ReLU",
            _folded_relu_where(lambda i, count: i < count - 2),
            "Every layer but the last has its ReLU, so the last hidden layer has one too.",
        ),
        Mistake(
            "the last layer is left out",
            lambda x, folded: np.maximum(forward_folded(x, folded[:-1]), 0),
            "The last matrix is a layer as well; only its ReLU is left out.",
        ),
        Mistake(
            "the last layer is left out, and the ReLU before it",
            lambda x, folded: forward_folded(x, folded[:-1]),
            "The last matrix is a layer as well; only its ReLU is left out.",
        ),
        Mistake(
            "it returns after the first layer",
            _folded_returns_early,
            "Only the first layer has run: at which depth does the return stand?",
        ),
        Mistake(
            "every layer reads the input",
            _folded_reads_input,
            "What a layer returns is the input of the next one. Yours reads x each time.",
        ),
        Mistake(
            "the biases count twice",
            lambda x, folded: _folded(ones=2.0)(x, folded),
            "The ones bring the biases in. Nothing more is added.",
        ),
        Mistake(
            "the ones have one axis",
            _folded_flat_ones,
            "A column of ones has shape (N, 1), as an array of two axes.",
        ),
        Mistake(
            "the ones are a row",
            _folded_row_of_ones,
            "The ones are a column: side by side with the input, not below it.",
        ),
        Mistake(
            "the last column is taken for the biases",
            _folded_last_column,
            "The biases are the last row of each matrix, not its last column.",
        ),
        *(
            Mistake(
                f"{what} in place of ReLU",
                _folded_with(ACTIVATIONS[what]),
                "ReLU is max(0, z), entry by entry.",
            )
            for what in ACTIVATIONS
        ),
        Mistake(
            "the biases are added after ReLU",
            _folded_late,
            "A layer is complete with its bias. ReLU comes after both.",
        ),
        Mistake(
            "the biases are subtracted",
            _folded(ones=-1.0),
            "The ones bring the biases in with a plus.",
        ),
        Mistake(
            "the mean of the biases",
            lambda x, folded: forward_folded(
                x, tuple(np.vstack([w[:-1], 0 * w[-1:] + w[-1].mean()]) for w in folded)
            ),
            "Each output has a bias of its own.",
        ),
        Mistake(
            "the first layer has no ReLU",
            _folded_relu_where(lambda i, count: 0 < i < count - 1),
            "There is a ReLU after every layer but the last, so after the first one too.",
        ),
        Mistake(
            "the last matrix is not used",
            lambda x, folded: np.maximum(forward_folded(x, folded[:-1]), 0) if folded[1:] else x,
            "The logits come out of the last matrix. Yours stops one before it.",
        ),
        Mistake(
            "two layers, whatever the depth",
            lambda x, folded: forward_folded(x, (folded[0], folded[1])),
            "folded may hold one matrix, or five. Loop over all of them.",
        ),
    ),
    hints=(
        "One layer: append a column of ones to its input, then multiply.",
        "Loop over the matrices; what one layer returns is the input of the next.",
        "ReLU after every layer but the last: the loop must know which one that is.",
    ),
)

EXERCISES = (
    LINEAR_COLUMNS,
    LEAKY,
    SOFTMAX_WITH_TEMPERATURE,
    CROSS_ENTROPY_IN_BITS,
    FORWARD_FOLDED,
)
