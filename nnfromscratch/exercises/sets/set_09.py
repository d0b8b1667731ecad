"""Exercises of lesson 09, Initialization."""

import math

import numpy as np

from .._draw import normal, positive, sizes
from .._exercise import Exercise, Mistake

# leaky_deviation


def leaky_deviation(shape, slope):
    return np.sqrt(2 / ((1 + slope**2) * shape[0]))


def _leaky_inputs(rng):
    d, k = sizes(rng, 2, low=3, high=40)
    return (d, k), float(np.round(rng.uniform(0.1, 0.9), 2))


LEAKY_DEVIATION = Exercise(
    name="leaky_deviation",
    lesson=9,
    goal="Carry He's derivation over to another activation.",
    points=1,
    misconception="The slope acts on the mean square as it is, or outside the root.",
    reference=leaky_deviation,
    inputs=_leaky_inputs,
    corners=(lambda rng: ((100, 50), 0.0), lambda rng: ((50, 200), 1.0)),
    out_of_reach=("he_normal", "xavier_normal"),
    variants=(
        lambda shape, slope: np.sqrt(2 / (1 + slope**2)) / np.sqrt(shape[0]),
        lambda shape, slope: ((1 + slope * slope) / 2 * shape[0]) ** -0.5,
    ),
    mistakes=(
        Mistake(
            "the slope is left out",
            lambda shape, slope: math.sqrt(2 / shape[0]),
            "This is He's rule for ReLU. A leaky unit lets more of the square pass.",
        ),
        Mistake(
            "the slope is not squared",
            lambda shape, slope: math.sqrt(2 / ((1 + slope) * shape[0])),
            "The rule is about squares. When a number is multiplied by s, what is its square "
            "multiplied by?",
        ),
        Mistake(
            "the variance, not the deviation",
            lambda shape, slope: 2 / ((1 + slope**2) * shape[0]),
            "This is sigma squared. A step is missing at the end.",
        ),
        Mistake(
            "the number of outputs",
            lambda shape, slope: math.sqrt(2 / ((1 + slope**2) * shape[1])),
            "Forward, a unit sums over its inputs. Which of (D, K) is that?",
        ),
        Mistake(
            "inputs and outputs together",
            lambda shape, slope: math.sqrt(2 / ((1 + slope**2) * sum(shape))),
            "D + K is Xavier's middle road. Here only the forward signal is to keep its size.",
        ),
        Mistake(
            "the slope outside the root",
            lambda shape, slope: math.sqrt(2 / shape[0]) / (1 + slope**2),
            "Solve the equation for sigma squared first. The root is taken of all of it.",
        ),
        Mistake(
            "the root of the 2 alone",
            lambda shape, slope: math.sqrt(2) / ((1 + slope**2) * shape[0]),
            "The root is taken of the whole fraction.",
        ),
        Mistake(
            "the leak makes the weights larger",
            lambda shape, slope: math.sqrt(2 * (1 + slope**2) / shape[0]),
            "More of the signal passes a leaky unit, so the weights must be smaller than He's.",
        ),
        Mistake(
            "the share that passes stands above the bar",
            lambda shape, slope: math.sqrt((1 + slope**2) / (2 * shape[0])),
            "sigma^2 times D times the share (1 + s^2) / 2 must be 1. Where does the share stand "
            "when that is solved for sigma^2?",
        ),
        Mistake(
            "the sum is squared",
            lambda shape, slope: math.sqrt(2 / ((1 + slope) ** 2 * shape[0])),
            "The two halves are added as squares: 1 plus the square of the slope, not the square "
            "of 1 plus the slope.",
        ),
        Mistake(
            "the inputs outside the root",
            lambda shape, slope: math.sqrt(2 / (1 + slope**2)) / shape[0],
            "The variance has D below the fraction. Its root is taken as a whole.",
        ),
        Mistake(
            "1 where 2 is due",
            lambda shape, slope: math.sqrt(1 / ((1 + slope**2) * shape[0])),
            "Half of 1 + s squared stays: solve D Var(w) (1 + s squared) / 2 = 1.",
        ),
        Mistake(
            "the half is left above",
            lambda shape, slope: math.sqrt(0.5 / ((1 + slope**2) * shape[0])),
            "Half of 1 + s squared stays: solve D Var(w) (1 + s squared) / 2 = 1.",
        ),
        Mistake(
            "the square of the slope is subtracted",
            lambda shape, slope: math.sqrt(2 / ((1 - slope**2) * shape[0])),
            "What leaks adds to the signal: a plus.",
        ),
        Mistake(
            "multiplied by the inputs",
            lambda shape, slope: math.sqrt(2 / (1 + slope**2) * shape[0]),
            "More inputs need smaller weights. What stands below the fraction belongs in brackets.",
        ),
        Mistake(
            "the rule without a ReLU",
            lambda shape, slope: math.sqrt(1 / shape[0]),
            "That keeps a signal that passes unchanged. Here the negative half is multiplied by "
            "the slope.",
        ),
        Mistake(
            "inputs times outputs",
            lambda shape, slope: math.sqrt(2 / ((1 + slope**2) * shape[0] * shape[1])),
            "One output adds up D products; K plays no part on the way forward.",
        ),
        Mistake(
            "the number of inputs is left out",
            lambda shape, slope: math.sqrt(2 / (1 + slope**2)),
            "Each output sums over D inputs, so the variance of the weights is divided by D.",
        ),
        Mistake(
            "the difference 1 - s**2",
            lambda shape, slope: math.sqrt(2 / (abs(1 - slope**2) + 1e-9) / shape[0]),
            "The two halves of the square add up: 1 + s**2.",
        ),
        Mistake(
            "Xavier's rule",
            lambda shape, slope: math.sqrt(2 / (shape[0] + shape[1])),
            "This rule looks at what comes in alone, and knows the slope.",
        ),
    ),
    hints=(
        "Put the mean square of a into Var(z) = D sigma^2 (mean square of the inputs).",
        "For the signal to keep its size, sigma^2 times everything else must be 1.",
        "Check: a slope of 0 gives He's rule, and a slope of 1 gives 1 / sqrt(D). (Predicted? More "
        "of the signal passes, so the weights are smaller than He's.)",
    ),
)

# xavier_from_uniform


def xavier_from_uniform(u):
    limit = math.sqrt(6 / (u.shape[0] + u.shape[1]))
    return limit * (2 * u - 1)


def _uniform_inputs(rng):
    return (positive(rng, *sizes(rng, 2)),)


def _uniform_32(rng):
    return (np.array([[0.0, 0.5, 1.0], [0.25, 0.75, 0.125]], np.float32),)


def _uniform_with(limit):
    return lambda u: limit(*u.shape) * (2 * u - 1)


def _xavier_in_place(u):
    u *= 2
    u -= 1
    u *= math.sqrt(6 / sum(u.shape))
    return u


XAVIER_FROM_UNIFORM = Exercise(
    name="xavier_from_uniform",
    lesson=9,
    goal="Find the range of a uniform distribution from the deviation it should have.",
    points=2,
    misconception="The deviation is taken for the limit of the range, or the mean is not zero.",
    reference=xavier_from_uniform,
    inputs=_uniform_inputs,
    corners=(_uniform_32,),
    out_of_reach=("xavier_normal",),
    variants=(
        lambda u: (u - 0.5) * float(np.sqrt(24 / sum(u.shape))),
        lambda u: 2 * math.sqrt(6 / sum(u.shape)) * u - math.sqrt(6 / sum(u.shape)),
        lambda u: (math.sqrt(3) * math.sqrt(2 / sum(u.shape)) * (u + u - 1)).astype(u.dtype),
    ),
    mistakes=(
        Mistake(
            "the deviation is taken for the limit",
            _uniform_with(lambda d, k: math.sqrt(2 / (d + k))),
            "Between -l and l most numbers are nearer to 0 than l, so their deviation is smaller "
            "than l. By which factor?",
        ),
        Mistake(
            "the weights are not centred",
            lambda u: math.sqrt(6 / sum(u.shape)) * u,
            "All your weights are positive. A u of 0.5 must become 0.",
        ),
        Mistake(
            "the range has half its width",
            lambda u: math.sqrt(6 / sum(u.shape)) * (u - 0.5),
            "u - 0.5 goes from -0.5 to 0.5 only. A u of 1 must become the limit itself.",
        ),
        Mistake(
            "the inputs alone",
            _uniform_with(lambda d, k: math.sqrt(6 / d)),
            "Xavier's rule takes inputs and outputs together, D + K.",
        ),
        Mistake(
            "the root is missing",
            _uniform_with(lambda d, k: 6 / (d + k)),
            "This is the square of the limit.",
        ),
        Mistake(
            "the width is taken for the limit",
            _uniform_with(lambda d, k: math.sqrt(24 / (d + k))),
            "A range of full width b has the variance b^2 / 12. From -l to l the full width is "
            "2 l.",
        ),
        Mistake(
            "a factor of 2 is lost under the root",
            _uniform_with(lambda d, k: math.sqrt(3 / (d + k))),
            "The variance should be 2 / (D + K), and l^2 / 3 is what a limit l gives. Solve for l.",
        ),
        Mistake(
            "the range is turned round",
            lambda u: math.sqrt(6 / sum(u.shape)) * (1 - 2 * u),
            "As a distribution this is as good, but here u = 0 is to become the lower end.",
        ),
        Mistake(
            "the argument is changed",
            _xavier_in_place,
            "*=, -= or an assignment into u writes into the caller's array. Make a new one.",
        ),
        Mistake(
            "float32 is lost",
            lambda u: (math.sqrt(6 / sum(u.shape)) * (2 * u - 1)).astype(np.float64),
            "Something in the product is float64: an array, or a number from np.sqrt. math.sqrt "
            "gives a plain Python number, which takes the dtype of u.",
        ),
        Mistake(
            "the outputs alone",
            lambda u: math.sqrt(6 / u.shape[1]) * (2 * u - 1),
            "Xavier's rule has both in it, D + K.",
        ),
        Mistake(
            "one axis counts twice",
            lambda u: math.sqrt(3 / u.shape[1]) * (2 * u - 1),
            "Xavier's rule has both in it, D + K: the rows and the columns.",
        ),
        Mistake(
            "the rows count twice",
            lambda u: math.sqrt(3 / u.shape[0]) * (2 * u - 1),
            "Xavier's rule has both in it, D + K: the rows and the columns.",
        ),
        Mistake(
            "a factor of 2 too many under the root",
            lambda u: math.sqrt(12 / sum(u.shape)) * (2 * u - 1),
            "Solve l squared / 3 = 2 / (D + K). What is l squared?",
        ),
        Mistake(
            "only the 6 under the root",
            lambda u: math.sqrt(6) / sum(u.shape) * (2 * u - 1),
            "The root is taken of all of 6 / (D + K).",
        ),
        Mistake(
            "1 is taken off at the end",
            lambda u: 2 * math.sqrt(6 / sum(u.shape)) * u - 1,
            "2u - 1 goes from -1 to 1, and the limit multiplies all of it.",
        ),
        Mistake(
            "the product of the axes",
            lambda u: math.sqrt(6 / math.prod(u.shape)) * (2 * u - 1),
            "Xavier's rule has the sum in it, D + K.",
        ),
        Mistake(
            "the numbers are standardized",
            lambda u: ((u - u.mean()) / u.std() * math.sqrt(2 / sum(u.shape))).astype(u.dtype),
            "A u of 0.5 becomes 0, whatever the other numbers are: use the known limits, not "
            "measured ones.",
        ),
    ),
    hints=(
        "Two steps: from 0..1 to -1..1, then stretch to -l..l.",
        "The variance l^2 / 3 must be 2 / (D + K). Which l is that?",
        "2 u - 1 goes from -1 to 1; D and K are the two entries of u.shape.",
    ),
)

# to_unit_output


def to_unit_output(w, x):
    return w / (x @ w).std()


def _unit_inputs(rng):
    n, d, k = sizes(rng, 3)
    return normal(rng, d, k, scale=2.0), normal(rng, n, d) + 0.5


def _unit_square(rng):
    return normal(rng, 3, 3, scale=2.0), normal(rng, 3, 3)


def _unit_in_place(w, x):
    w /= (x @ w).std()
    return w


def _unit_by_hand(w, x):
    z = x @ w
    mean = z.sum() / z.size
    return w * (((z - mean) ** 2).sum() / z.size) ** -0.5


def _unit_tiny(rng):
    """Return a case in which a small number beside the deviation is seen."""
    return 1e-7 * (normal(rng, 3, 4) + 2.0), normal(rng, 5, 3)


TO_UNIT_OUTPUT = Exercise(
    name="to_unit_output",
    lesson=9,
    goal="Set the size of a layer by measuring what it puts out.",
    points=2,
    misconception="The deviation of the weights is set to 1, not that of the outputs.",
    reference=to_unit_output,
    inputs=_unit_inputs,
    corners=(
        _unit_tiny,
        _unit_square,
    ),
    variants=(
        _unit_by_hand,
        lambda w, x: w / math.sqrt(np.var(np.einsum("nd,dk->nk", x, w))),
        lambda w, x: w * (1 / np.std((w.T @ x.T).ravel())),
    ),
    mistakes=(
        Mistake(
            "the outputs are returned",
            lambda w, x: (x @ w) / (x @ w).std(),
            "The new weights are asked for, shape (D, K). The outputs served to measure.",
        ),
        Mistake(
            "a factor of its own for each unit",
            lambda w, x: w / (x @ w).std(axis=0),
            "One number for the whole layer: the deviation of all N K outputs together.",
        ),
        Mistake(
            "divided by the variance",
            lambda w, x: w / (x @ w).var(),
            "Weights half as large make outputs half as large, and their variance a quarter. By "
            "what must you divide?",
        ),
        Mistake(
            "multiplied where a division is due",
            lambda w, x: w * (x @ w).std(),
            "Outputs that spread too much need smaller weights.",
        ),
        Mistake(
            "the size of the weights",
            lambda w, x: w / w.std(),
            "What is to have a deviation of 1 is not w but what the layer puts out.",
        ),
        Mistake(
            "the size of the inputs",
            lambda w, x: w / x.std(),
            "What is to have a deviation of 1 is the output, x @ w.",
        ),
        Mistake(
            "the mean is left in",
            lambda w, x: w / math.sqrt(((x @ w) ** 2).mean()),
            "The root of the mean square is not the deviation, unless the mean is 0.",
        ),
        Mistake(
            "divided by one less than there are",
            lambda w, x: w / (x @ w).std(ddof=1),
            "Here the deviation is that of these numbers themselves: ddof stays 0.",
        ),
        Mistake(
            "the argument is changed",
            _unit_in_place,
            "w /= ... or an assignment into w writes into the caller's weights. Return new ones.",
        ),
        *(
            Mistake(
                f"{tiny:g} is added to the deviation",
                lambda w, x, tiny=tiny: w / ((x @ w).std() + tiny),
                "With small weights that number is not small any more. Divide by the deviation "
                "itself.",
            )
            for tiny in (1e-12, 1e-10, 1e-8, 1e-6)
        ),
        Mistake(
            "the root of the deviation",
            lambda w, x: w / np.sqrt((x @ w).std()),
            "std is the root already. A w that is twice as large makes outputs that are twice as "
            "large.",
        ),
        Mistake(
            "the weights are centred",
            lambda w, x: (w - w.mean()) / (x @ w).std(),
            "w is multiplied by one number; nothing is subtracted.",
        ),
        Mistake(
            "the mean size of the outputs",
            lambda w, x: w / np.abs(x @ w).mean(),
            "The standard deviation is to be 1: the root of the mean square around the mean.",
        ),
        Mistake(
            "the largest output",
            lambda w, x: w / np.abs(x @ w).max(),
            "The standard deviation is to be 1, not the largest entry.",
        ),
        Mistake(
            "the mean of the units' deviations",
            lambda w, x: w / (x @ w).std(axis=0).mean(),
            "It is the deviation of all N K entries together.",
        ),
        Mistake(
            "the norm of the outputs",
            lambda w, x: w / np.linalg.norm(x @ w),
            "The norm grows with the number of entries. The deviation is a root of a mean.",
        ),
        Mistake(
            "the number is returned, not the weights",
            lambda w, x: 1 / (x @ w).std(),
            "Return the weights, multiplied by that number.",
        ),
        Mistake(
            "the rule for the inputs",
            lambda w, x: w / np.sqrt(len(w)),
            "Nothing is calculated from sizes here: send the batch through and measure.",
        ),
        Mistake(
            "measured after a ReLU",
            lambda w, x: w / np.maximum(x @ w, 0).std(),
            "Measure x @ w itself; there is no activation.",
        ),
    ),
    hints=(
        "Compute the outputs first and look at their deviation.",
        "The outputs are proportional to the weights: with c w they become c times as large.",
    ),
)

# silent_share


def silent_share(x, w, b):
    return float((x @ w + b <= 0).all(axis=0).mean())


def _silent_inputs(rng):
    n, d, h = sizes(rng, 3, low=3, high=7)
    x, w, b = normal(rng, n, d), normal(rng, d, h), normal(rng, h)
    kinds = rng.permutation(h)
    z = x @ w
    b[kinds[0]] = np.round(-z[:, kinds[0]].max() - 0.5, 2)  # silent for all
    b[kinds[1]] = np.round(-np.sort(z[:, kinds[1]])[:2].mean(), 2)  # silent for some
    if rng.integers(2):
        w[:, kinds[2]], b[kinds[2]] = 0.0, 0.0  # silent, at zero itself
    return x, w, b


def _silent_zero(rng):
    x = np.array([[1.0, 2.0], [3.0, -1.0], [2.0, 2.0]])
    w = np.array([[0.0, 1.0, -1.0, 1.0], [0.0, 1.0, -1.0, 0.0]])
    return x, w, np.array([0.0, 0.0, 0.0, -2.5])


def _silent_bias(rng):
    # Of six units: three silent whose bias alone is positive, one silent through its bias.
    x = np.array([[1.0, 2.0], [3.0, -1.0], [2.0, 2.0]])
    w = np.array([[-1.0, -1.0, -2.0, 1.0, 1.0, 1.0], [-1.0, 0.0, -1.0, 1.0, 0.0, 0.0]])
    return x, w, np.array([1.0, 0.5, 1.5, -5.0, 1.0, -1.5])


def _relu(x, w, b):
    return np.maximum(x @ w + b, 0)


def _silent_loop(x, w, b):
    a = _relu(x, w, b)
    return sum(1 for unit in a.T if not unit.any()) / a.shape[1]


def _silent_nearly(rng):
    """Return a case of units that answer, though hardly, or once and against a large no."""
    x = np.array([[1.0, 0.01], [-3.0, 0.02], [-1.0, 0.03]])
    return x, np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]), np.array([0.0, 0.0, -1.0])


def _silent_all(rng):
    x, w, _ = _silent_inputs(rng)
    return x, w, np.round(-(x @ w).max(axis=0) - 0.5, 2)


SILENT_SHARE = Exercise(
    name="silent_share",
    lesson=9,
    goal="Find the units of a layer that no example wakes.",
    points=2,
    misconception="The share of zeros among the activations is taken for that of silent units.",
    reference=silent_share,
    inputs=_silent_inputs,
    corners=(_silent_nearly, _silent_zero, _silent_bias, _silent_all),
    variants=(
        _silent_loop,
        lambda x, w, b: 1 - np.mean(_relu(x, w, b).max(axis=0) > 0),
        lambda x, w, b: (_relu(x, w, b).sum(axis=0) == 0).sum() / len(b),
    ),
    mistakes=(
        Mistake(
            "the share of zeros",
            lambda x, w, b: float((_relu(x, w, b) == 0).mean()),
            "A unit that is silent for half of the examples is not counted. Look at each unit over "
            "all examples, then count units.",
        ),
        Mistake(
            "silent for at least one example",
            lambda x, w, b: float((_relu(x, w, b) == 0).any(axis=0).mean()),
            "A unit that answers to one example does not count as silent. For how many of them "
            "must it be 0?",
        ),
        Mistake(
            "examples are counted, not units",
            lambda x, w, b: float((_relu(x, w, b) == 0).all(axis=1).mean()),
            "a has shape (N, H), and a unit is a column. Which axis must go first?",
        ),
        Mistake(
            "the units that answer are counted",
            lambda x, w, b: float((_relu(x, w, b) > 0).any(axis=0).mean()),
            "This is the share of the units that answer to something. The others are asked for.",
        ),
        Mistake(
            "a count, not a share",
            lambda x, w, b: int((_relu(x, w, b) == 0).all(axis=0).sum()),
            "Five of ten and five of a thousand are not the same. Divide by the number of units.",
        ),
        Mistake(
            "divided by the number of examples",
            lambda x, w, b: float((_relu(x, w, b) == 0).all(axis=0).sum() / len(x)),
            "A share of the units is asked for: how many units are there?",
        ),
        Mistake(
            "the bias is left out",
            lambda x, w, b: float((x @ w <= 0).all(axis=0).mean()),
            "A very negative bias is what silences most silent units. It belongs to z.",
        ),
        Mistake(
            "the bias comes after ReLU",
            lambda x, w, b: float((np.maximum(x @ w, 0) + b <= 0).all(axis=0).mean()),
            "ReLU is the last thing that happens: z is whole, bias and all, before it is cut.",
        ),
        Mistake(
            "a z of exactly zero is taken for an answer",
            lambda x, w, b: float((x @ w + b < 0).all(axis=0).mean()),
            "ReLU of 0 is 0: such a unit says nothing either.",
        ),
        Mistake(
            "a small answer is taken for none",
            lambda x, w, b: (np.maximum(x @ w + b, 0) < 0.1).all(axis=0).mean(),
            "Silent is exactly 0: a small answer has a slope.",
        ),
        Mistake(
            "the sum of z is asked, not each z",
            lambda x, w, b: ((x @ w + b).sum(axis=0) <= 0).mean(),
            "A large no of one example hides the yes of another. Ask ReLU's answer for each "
            "example, or each z.",
        ),
        Mistake(
            "the sum of z is asked, and must be below zero",
            lambda x, w, b: ((x @ w + b).sum(axis=0) < 0).mean(),
            "A large no of one example hides the yes of another. Ask ReLU's answer for each "
            "example, or each z.",
        ),
        Mistake(
            "only sums of z that are exactly zero",
            lambda x, w, b: ((x @ w + b).sum(axis=0) == 0).mean(),
            "Before ReLU the numbers of a silent unit are negative, and their sum is not 0.",
        ),
        Mistake(
            "only the first example is asked",
            lambda x, w, b: (np.maximum(x @ w + b, 0)[0] == 0).mean(),
            "A unit must be silent for every example.",
        ),
        Mistake(
            "all or nothing: 1 if every unit is silent, and 0 otherwise",
            lambda x, w, b: float((np.maximum(x @ w + b, 0) == 0).all()),
            "Is each unit asked on its own: over which axis does `all` run? And if they are "
            "counted, // would cut off what is below 1.",
        ),
        Mistake(
            "one answer for each unit",
            lambda x, w, b: (np.maximum(x @ w + b, 0) == 0).all(axis=0),
            "These are the silent units. Asked for is their share, one number.",
        ),
        Mistake(
            "in percent",
            lambda x, w, b: 100 * silent_share(x, w, b),
            "A share is a number from 0 to 1.",
        ),
        Mistake(
            "units whose weights are zero",
            lambda x, w, b: (w == 0).all(axis=0).mean(),
            "A unit with weights may be silent too. Look at what comes out, for every example.",
        ),
        Mistake(
            "the share of units that are never silent",
            lambda x, w, b: (x @ w + b > 0).all(axis=0).mean(),
            "Asked for are the units that are silent for every example.",
        ),
        Mistake(
            "the signs of the weights decide",
            lambda x, w, b: (w <= 0).all(axis=0).mean(),
            "Whether a unit is silent, its z says, for every example: x @ w + b.",
        ),
    ),
    hints=(
        "Compute z, then ReLU, shape (N, H). A silent unit is a column of zeros. (Predicted? One "
        "of the four is such a column: 0.25.)",
        "(a == 0) is an array of True and False; all(axis=...) asks along one axis.",
        "The mean of an array of True and False is the share of True.",
    ),
)

# orthonormal_columns


def orthonormal_columns(a):
    q = np.empty(a.shape)
    for k in range(a.shape[1]):
        v = a[:, k]
        for j in range(k):
            v = v - (q[:, j] @ a[:, k]) * q[:, j]
        q[:, k] = v / np.linalg.norm(v)
    return q


def _orthonormal_inputs(rng):
    k = int(rng.integers(3, 5))
    return (normal(rng, k + int(rng.integers(1, 3)), k),)


def _orthonormal_square(rng):
    a = np.array([[-2.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.0, 1.0, -2.0]])
    return (a + normal(rng, 3, 3, scale=0.1),)


def _gram_schmidt(columns=None, share=None, unit=True, sign=-1):
    """Return the procedure with something else in it."""

    def function(a):
        q = np.empty(a.shape)
        for k in range(a.shape[1]):
            v = a[:, k].copy()
            for j in range(k) if columns is None else columns(k):
                part = q[:, j] @ a[:, k] * q[:, j] if share is None else share(q, a, j, k)
                v = v + sign * part
            q[:, k] = v / np.linalg.norm(v) if unit else v
        return q

    return function


def _gram_schmidt_in_place(a):
    for k in range(a.shape[1]):
        for j in range(k):
            a[:, k] -= a[:, j] @ a[:, k] * a[:, j]
        a[:, k] /= np.linalg.norm(a[:, k])
    return a


def _modified(a):
    a = a.copy()
    for k in range(a.shape[1]):
        a[:, k] /= np.linalg.norm(a[:, k])
        a[:, k + 1 :] -= np.outer(a[:, k], a[:, k] @ a[:, k + 1 :])
    return a


def _qr_with_signs(a):
    q, r = np.linalg.qr(a)
    return q * np.sign(np.diag(r))


def _by_projection(a):
    q = np.zeros((len(a), 0))
    for column in a.T:
        v = column - q @ (q.T @ column)
        q = np.c_[q, v / np.sqrt(v @ v)]
    return q


def _polar(a):
    u, _, vt = np.linalg.svd(a, full_matrices=False)
    return u @ vt


def _orthonormal_single(rng):
    return (np.array([[3.0], [-4.0]]),)


def _orthonormal_tiny(rng):
    """Return a case in which a small number beside a length is seen."""
    return (1e-7 * (np.eye(4, 3) + 0.3 * normal(rng, 4, 3)),)


def _gram(
    a,
    size=lambda v: np.sqrt((v**2).sum()),
    share=lambda q, column: q @ column,
    before=range,
    old=False,
    first=False,
):
    """Return the columns that another step makes."""
    q = np.zeros(a.shape)
    for k in range(a.shape[1]):
        v = a[:, k]
        for j in before(k):
            along = a[:, j] if old else q[:, j]
            v = v - share(along, a[:, k]) / (along @ along if old else 1) * along
        q[:, k] = v if first and k == 0 else v / size(v)
    return q


def _gram_of_rows(a):
    q = np.zeros(a.shape)
    for k in range(len(a)):
        v = a[:, k]
        for j in range(k):
            v = v - (q[:, j] @ a[:, k]) * q[:, j]
        q[:, k] = v / np.sqrt((v**2).sum())
    return q


def _gram_early(a):
    q = np.zeros(a.shape)
    for k in range(a.shape[1]):
        v = unit = a[:, k] / np.sqrt((a[:, k] ** 2).sum())
        for j in range(k):
            v = v - (q[:, j] @ unit) * q[:, j]
        q[:, k] = v
    return q


ORTHONORMAL_COLUMNS = Exercise(
    name="orthonormal_columns",
    lesson=9,
    goal="Make a matrix that changes no lengths, column by column.",
    points=4,
    misconception="Parts are taken off along the original columns, or only along the last one.",
    reference=orthonormal_columns,
    inputs=_orthonormal_inputs,
    corners=(
        _orthonormal_single,
        _orthonormal_tiny,
        _orthonormal_square,
    ),
    variants=(_modified, _qr_with_signs, _by_projection),
    mistakes=(
        Mistake(
            "signs as np.linalg.qr leaves them",
            lambda a: np.linalg.qr(a)[0],
            "Some columns are turned round. Each new column should point to the same side as the "
            "old one: see the diagonal of r.",
        ),
        Mistake(
            "the columns have length 1 and nothing more",
            lambda a: a / np.linalg.norm(a, axis=0),
            "Multiply two different columns of your result: the sum should be 0. Take off first "
            "what they share.",
        ),
        Mistake(
            "the columns are not brought to length 1",
            _gram_schmidt(
                share=lambda q, a, j, k: q[:, j] @ a[:, k] / (q[:, j] @ q[:, j]) * q[:, j],
                unit=False,
            ),
            "They are at right angles. What is the sum of squares of each? See step 3.",
        ),
        Mistake(
            "step 3 is forgotten",
            _gram_schmidt(unit=False),
            "The shares of step 2 are measured along columns of length 1. What is the sum of "
            "squares of your first column?",
        ),
        Mistake(
            "a number is taken off, not a column",
            _gram_schmidt(share=lambda q, a, j, k: q[:, j] @ a[:, k]),
            "The sum of products is one number, and says how much of q_j to take off. The same "
            "number from every entry is not along q_j.",
        ),
        Mistake(
            "length 1 comes only at the end",
            lambda a: _gram_schmidt(unit=False)(a)
            / np.linalg.norm(_gram_schmidt(unit=False)(a), axis=0),
            "What is taken off is measured along columns of length 1. Step 3 comes before the "
            "next column's turn.",
        ),
        Mistake(
            "parts are taken off along the old columns",
            _gram_schmidt(share=lambda q, a, j, k: a[:, j] @ a[:, k] * a[:, j]),
            "The shares are measured along the new columns, which have length 1 and stand at "
            "right angles.",
        ),
        Mistake(
            "only the column before is looked at",
            _gram_schmidt(columns=lambda k: range(max(k - 1, 0), k)),
            "The third column must stand at right angles to the first one too.",
        ),
        Mistake(
            "only the first column is looked at",
            _gram_schmidt(columns=lambda k: range(min(k, 1))),
            "The third column must stand at right angles to the second one too.",
        ),
        Mistake(
            "parts are added, not taken off",
            _gram_schmidt(sign=1),
            "What a column shares with an earlier one must go. Look at the sign.",
        ),
        Mistake(
            "the new column is taken off whole",
            _gram_schmidt(share=lambda q, a, j, k: q[:, j]),
            "Take off only as much as they share: the product of the two columns says how much.",
        ),
        Mistake(
            "another matrix with orthonormal columns",
            _polar,
            "Its columns are orthonormal, but all of them have moved. Here the first one keeps "
            "its direction.",
        ),
        Mistake(
            "the argument is changed",
            _gram_schmidt_in_place,
            "a[:, k] is a window on the caller's matrix: -= and /= write through it, as does an "
            "assignment. Copy first.",
        ),
        *(
            Mistake(
                f"{tiny:g} is added to the length",
                lambda a, tiny=tiny: _gram(a, size=lambda v: np.sqrt((v**2).sum()) + tiny),
                "With small numbers that number is not small any more. Divide by the length "
                "itself.",
            )
            for tiny in (1e-12, 1e-10, 1e-8, 1e-6)
        ),
        Mistake(
            "the rows are made orthonormal",
            lambda a: _gram(a.T.copy())[:, : len(a)].T,
            "It is columns that are taken one after the other: a[:, k].",
        ),
        Mistake(
            "the parts are those along the old columns, with their right size",
            lambda a: _gram(a, old=True),
            "Step 2 takes off parts along the new columns q_j: the old ones are not at right "
            "angles with each other.",
        ),
        Mistake(
            "the root of the length is missing",
            lambda a: _gram(a, size=lambda v: (v**2).sum()),
            "The length is the root of the sum of squares.",
        ),
        Mistake(
            "the product is not summed",
            lambda a: _gram(a, share=lambda q, column: q * column),
            "What they share is one number, the sum of products of q_j and a_k.",
        ),
        Mistake(
            "the column just before is left out",
            lambda a: _gram(a, before=lambda k: range(k - 1)),
            "For each new column before it: that is every j below k.",
        ),
        Mistake(
            "the first column is left out",
            lambda a: _gram(a, before=lambda k: range(1, k)),
            "For each new column before it: that begins with j = 0.",
        ),
        Mistake(
            "the sizes are added for the length",
            lambda a: _gram(a, size=lambda v: np.abs(v).sum()),
            "The length is the root of the sum of squares.",
        ),
        Mistake(
            "the largest entry is taken for the length",
            lambda a: _gram(a, size=lambda v: np.abs(v).max()),
            "The length is the root of the sum of squares.",
        ),
        Mistake(
            "from the last column to the first",
            lambda a: _gram(a[:, ::-1])[:, ::-1],
            "The first column only changes its length; the second loses its share of the first, "
            "and so on.",
        ),
        Mistake(
            "the first column is left as it is",
            lambda a: _gram(a, first=True),
            "The first column gets length 1 as well.",
        ),
        Mistake(
            "the loop runs over rows",
            lambda a: _gram_of_rows(a),
            "There are K columns: a.shape[1].",
        ),
        Mistake(
            "1e-4 is added to the length",
            lambda a: _gram(a, size=lambda v: np.sqrt((v**2).sum()) + 1e-4),
            "With small numbers that number is not small any more. Divide by the length itself.",
        ),
        Mistake(
            "the mean of the products",
            lambda a: _gram(a, share=lambda q, column: (q * column).mean()),
            "What they share is the sum of products of q_j and a_k.",
        ),
        Mistake(
            "the standard deviation is taken for the length",
            lambda a: _gram(a, size=lambda v: v.std()),
            "The length is the root of the sum of squares: no mean is taken off, and none is "
            "taken.",
        ),
        Mistake(
            "the rows have length 1 and nothing more",
            lambda a: a / np.linalg.norm(a, axis=1, keepdims=True),
            "It is columns that get length 1, after what they share has been taken off.",
        ),
        Mistake(
            "length 1 comes before the parts are taken off",
            lambda a: _gram_early(a),
            "What is left of a column when its parts are off is shorter than 1: step 3 comes last.",
        ),
    ),
    hints=(
        "Start with the first column: only its length changes. Then the second, by hand, for a "
        "matrix of two columns.",
        "For column k, a loop over all new columns j before it; take off q_j times what a_k "
        "shares with it.",
        "The share is the sum of products of q[:, j] and a[:, k]. Divide by the length when all "
        "shares are off.",
    ),
)

EXERCISES = (
    LEAKY_DEVIATION,
    XAVIER_FROM_UNIFORM,
    TO_UNIT_OUTPUT,
    SILENT_SHARE,
    ORTHONORMAL_COLUMNS,
)
