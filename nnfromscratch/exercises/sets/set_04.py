"""Exercises of lesson 04, Checking gradients."""

import numpy as np

from .._draw import normal, sizes
from .._exercise import Exercise, Mistake


def _named(name, function):
    function.__name__ = name  # which is what a message shows
    return function


# worst_relative_error


def worst_relative_error(a, b):
    largest = np.maximum(np.abs(a), np.abs(b))
    largest = np.where(largest == 0, 1, largest)
    return (np.abs(a - b) / largest).max()


def _worst_inputs(rng):
    n, d = sizes(rng, 2)
    a = normal(rng, n, d) + 0.004
    b = a * (1 + np.round(rng.uniform(-0.5, 0.5, (n, d)), 2))
    b[0, 0] *= rng.choice([-1, 3])
    a[-1, -1] = 200.0
    b[-1, -1] = 190.0
    return (a, b) if rng.integers(2) else (b, a)


def _worst_zeros(rng):
    a = np.array([[0.0, 2.0, -4.0], [1.0, 0.0, 0.5]])
    return a, a * np.array([[1.0, 1.0, 0.75], [1.0, 1.0, 1.0]])


def _worst_at(scale):
    """Return a drawer of cases with entries of this size."""

    def draw(rng):
        a = scale * (np.abs(normal(rng, 2, 3)) + 1.007)
        return a, a * np.array([[1.0, 1.2, 0.75], [1.0, 0.9, 1.0]])

    return draw


def _worst_all_zero(rng):
    return np.zeros((2, 3)), np.zeros((2, 3))


def _worst_one_sided(rng):
    """Return a case whose worst entry is 0 in one of the two arrays."""
    a = np.array([[3.0, 2.0], [0.0, 1.0]])
    b = np.array([[0.0, 2.2], [0.0, 1.0]])
    return a, b


def _ratio(top, bottom):
    return np.nan_to_num(top / np.where(bottom == 0, np.nan, bottom))


def _worst_loop(a, b):
    worst = 0.0
    for place in np.ndindex(a.shape):
        if a[place] != b[place]:
            distance = abs(a[place] - b[place])
            worst = max(worst, distance / max(abs(a[place]), abs(b[place])))
    return float(worst)


def _larger(a, b):
    return np.maximum(np.abs(a), np.abs(b))


def _sizes_of(a, b):
    return np.maximum(np.abs(a), np.abs(b))


def _worst_of(size):
    """Return the worst error relative to another size; where that is 0, it is not divided."""

    def worst(a, b):
        below = size(a, b)
        return (np.abs(a - b) / np.where(below == 0, 1, below)).max()

    return worst


def _relative(a, b):
    largest = np.maximum(np.abs(a), np.abs(b))
    return np.abs(a - b) / np.where(largest == 0, 1, largest)


WORST_RELATIVE_ERROR = Exercise(
    name="worst_relative_error",
    lesson=4,
    goal="Compare two arrays entry by entry, at any scale, and zeros too.",
    points=1,
    misconception="A small number in the denominator is harmless, whatever the scale.",
    reference=worst_relative_error,
    inputs=_worst_inputs,
    corners=(
        _worst_zeros,
        _worst_all_zero,
        _worst_one_sided,
        lambda rng: _worst_one_sided(rng)[::-1],
        _worst_at(1e-9),
        _worst_at(1e-9),
        _worst_at(1e-15),
    ),
    out_of_reach=("relative_error",),
    variants=(
        _worst_loop,
        lambda a, b: _ratio(np.abs(a - b), _larger(a, b)).max(),
        lambda a, b: np.divide(
            np.abs(a - b), _larger(a, b), out=np.zeros_like(a), where=_larger(a, b) > 0
        ).max(),
        lambda a, b: np.nanmax(np.append(np.abs(a - b) / _larger(a, b), 0)),
    ),
    mistakes=(
        Mistake(
            "0 / 0",
            lambda a, b: (np.abs(a - b) / _larger(a, b)).max(),
            "Where both entries are 0 nothing is wrong, but 0 / 0 is nan, and the maximum with it.",
        ),
        Mistake(
            "a small number is added below",
            lambda a, b: (np.abs(a - b) / (_larger(a, b) + 1e-8)).max(),
            "Beside entries of 1e-9 the number that you add is not small. Treat 0 by itself.",
        ),
        Mistake(
            "a very small number is added below",
            lambda a, b: (np.abs(a - b) / (_larger(a, b) + 1e-12)).max(),
            "Beside entries of 1e-15 even 1e-12 is large. Treat 0 by itself.",
        ),
        Mistake(
            "a floor below",
            lambda a, b: (np.abs(a - b) / np.maximum(_larger(a, b), 1e-12)).max(),
            "Entries of 1e-15 are below a floor of 1e-12, and their errors are lost. Only 0 needs "
            "care: treat it by itself.",
        ),
        Mistake(
            "the worst of nothing",
            lambda a, b: (
                np.abs(a - b)[_larger(a, b) > 0] / _larger(a, b)[_larger(a, b) > 0]
            ).max(),
            "Where both are 0 the entry is left out. If all are, nothing remains, and the error is "
            "0.",
        ),
        Mistake(
            "nan when all entries are zero",
            lambda a, b: np.nanmax(np.abs(a - b) / _larger(a, b)),
            "Skipping nan works as long as another entry is left. With zeros alone the error is 0.",
        ),
        Mistake(
            "entries where one of the two is 0 are left out",
            lambda a, b: np.where(a * b == 0, 0, np.abs(a - b) / _larger(a, b)).max(),
            "Only where both are 0 is nothing wrong. 0 beside 3 is a large error.",
        ),
        Mistake(
            "the largest entry of the whole array below",
            lambda a, b: np.abs(a - b).max() / _larger(a, b).max(),
            "This is the lesson's error. Here each entry is measured by its own size.",
        ),
        Mistake(
            "the sum of the two sizes below",
            lambda a, b: _ratio(np.abs(a - b), np.abs(a) + np.abs(b)).max(),
            "Of the two sizes the larger one is due, not their sum.",
        ),
        Mistake(
            "relative to a alone",
            lambda a, b: _ratio(np.abs(a - b), np.abs(a)).max(),
            "The two must be treated alike: exchange them, and the result should be the same.",
        ),
        Mistake(
            "relative to b alone",
            lambda a, b: _ratio(np.abs(a - b), np.abs(b)).max(),
            "The two must be treated alike: exchange them, and the result should be the same.",
        ),
        Mistake(
            "the mean where the worst is due",
            lambda a, b: _ratio(np.abs(a - b), _larger(a, b)).mean(),
            "One wrong entry in a thousand is a bug, and a mean would hide it.",
        ),
        Mistake(
            "the absolute error",
            lambda a, b: np.abs(a - b).max(),
            "An error of 0.01 is much beside 0.02 and nothing beside 1,000.",
        ),
        Mistake(
            "the size of the difference is not taken",
            lambda a, b: _ratio(a - b, _larger(a, b)).max(),
            "A difference may be negative, and then a maximum passes over it.",
        ),
        Mistake(
            "relative to b alone, and a 0 in it is passed over",
            _worst_of(lambda a, b: np.abs(b)),
            "Which of the two is right you do not know, and either may be 0. Divide by the larger "
            "of the two sizes.",
        ),
        Mistake(
            "signs are kept below the fraction",
            _worst_of(lambda a, b: np.maximum(a, b)),
            "Of two negative numbers the larger is the smaller in size. Take sizes first.",
        ),
        Mistake(
            "the size of the larger, not the larger size",
            _worst_of(lambda a, b: np.abs(np.maximum(a, b))),
            "Of -4 and 1 the larger number is 1, but the larger size is 4. Take sizes first.",
        ),
        Mistake(
            "relative to the whole array",
            lambda a, b: np.abs(a - b).max() / max(np.abs(a).max(), np.abs(b).max(), 5e-324),
            "This is the lesson's error, in which small entries are forgiven everything. Here "
            "each entry has its own size.",
        ),
        Mistake(
            "only the sizes are compared",
            lambda a, b: (
                np.abs(np.abs(a) - np.abs(b)) / np.where(_sizes_of(a, b) == 0, 1, _sizes_of(a, b))
            ).max(),
            "1 and -1 have the same size, and yet they are 2 apart.",
        ),
        Mistake(
            "relative to the mean of the two sizes",
            _worst_of(lambda a, b: (np.abs(a) + np.abs(b)) / 2),
            "The formula divides by the larger of the two sizes, so that the result is never "
            "above 2.",
        ),
        Mistake(
            "relative to the smaller of the two",
            _worst_of(lambda a, b: np.minimum(np.abs(a), np.abs(b))),
            "The formula divides by the larger of the two sizes; the smaller may be 0.",
        ),
        Mistake(
            "the smallest error",
            lambda a, b: _relative(a, b).min(),
            "The worst entry counts: the largest error.",
        ),
        Mistake(
            "the sum of the errors",
            lambda a, b: _relative(a, b).sum(),
            "The worst entry counts, not all of them together.",
        ),
        Mistake(
            "the median of the errors",
            lambda a, b: np.median(_relative(a, b)),
            "The worst entry counts, not the middle one.",
        ),
        Mistake(
            "the place of the worst entry",
            lambda a, b: _relative(a, b).argmax(),
            "The error itself is asked for, not where it is.",
        ),
        Mistake(
            "sizes below 1 are taken for 1",
            lambda a, b: (np.abs(a - b) / np.maximum(np.maximum(np.abs(a), np.abs(b)), 1)).max(),
            "It must work at any scale: entries of 1e-15 are measured by their own size.",
        ),
        Mistake(
            "relative to a alone, and 0 / 0",
            lambda a, b: (np.abs(a - b) / np.abs(a)).max(),
            "Which of the two is right you do not know, and either may be 0, or both. Divide by "
            "the larger of the two sizes, and treat 0 by itself.",
        ),
        Mistake(
            "relative to b alone, and 0 / 0",
            lambda a, b: (np.abs(a - b) / np.abs(b)).max(),
            "Which of the two is right you do not know, and either may be 0, or both. Divide by "
            "the larger of the two sizes, and treat 0 by itself.",
        ),
        Mistake(
            "the lengths of the whole arrays",
            lambda a, b: (np.linalg.norm(a - b) / np.maximum(np.linalg.norm(a), np.linalg.norm(b))),
            "A length adds up all entries, and the small ones do not count in it. Here each entry "
            "is measured by its own size.",
        ),
        Mistake(
            "one pair of zeros ends the search",
            lambda a, b: 0.0 if (_larger(a, b) == 0).any() else _relative(a, b).max(),
            "Where both are 0 that entry has no error. The others may have one.",
        ),
        Mistake(
            "the sum of the two sizes below, and nan skipped",
            lambda a, b: np.nanmax(np.abs(a - b) / (np.abs(a) + np.abs(b))),
            "Of the two sizes the larger one is due, not their sum; and of zeros alone the error "
            "is 0.",
        ),
        Mistake(
            "1 less the ratio of the sizes",
            lambda a, b: (
                1
                - np.minimum(np.abs(a), np.abs(b)) / np.where(_larger(a, b) == 0, 1, _larger(a, b))
            ).max(),
            "The ratio of two sizes knows nothing of signs, and where both are 0 it says 1. Take "
            "the difference of the two numbers.",
        ),
        Mistake(
            "what is near 0 is taken for 0",
            lambda a, b: np.where(np.isclose(_larger(a, b), 0), 0, _relative(a, b)).max(),
            "np.isclose takes 1e-9 for 0. Only where both are exactly 0 is there nothing to "
            "divide.",
        ),
    ),
    hints=(
        "An array of differences, an array of sizes, one division, one maximum.",
        "np.maximum takes the larger of two arrays, entry by entry.",
        "Where the larger size is 0, divide by something else: the difference is 0 there. (The "
        "prediction: at most 2, for two numbers of opposite sign and equal size.)",
    ),
)

# complex_step_gradient


def complex_step_gradient(f, x, h):
    gradient = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        moved = x.astype(complex)
        moved[place] += 1j * h
        gradient[place] = f(moved).imag / h
    return gradient


def _complex_inputs(rng):
    n, d = sizes(rng, 2, high=4)
    c = normal(rng, n, d)
    f = [
        _named("sum(c * exp(x) * sin(x))", lambda x: (c * np.exp(x) * np.sin(x)).sum()),
        _named("sum(c * x) ** 2", lambda x: (c * x).sum() ** 2),
        _named("sum(c * x**3) + x[0, 0] * x[-1, -1]", lambda x: _product(c * x**3, x)),
    ][rng.integers(3)]
    return f, normal(rng, n, d), float(rng.choice([1e-20, 0.1]))


def _product(cubes, x):
    return cubes.sum() + x[0, 0] * x[-1, -1]


def _complex_vector(rng):
    f = _named("x[0] * x[1] ** 2 + exp(x[2])", lambda x: x[0] * x[1] ** 2 + np.exp(x[2]))
    return f, np.array([2.0, -3.0, 0.0]), 1e-20


def _complex_wide(rng):
    """Return a case in which even a large step shows what was done with it."""
    return *_complex_vector(rng)[:2], 0.1


def _complex_flat(f, x, h):
    units = np.eye(x.size).reshape(x.size, *x.shape)
    return np.array([np.imag(f(x + 1j * h * unit)) / h for unit in units]).reshape(x.shape)


def _complex_restored(f, x, h):
    moved, gradient = x + 0j, np.empty_like(x)
    for place in np.ndindex(*x.shape):
        moved[place] = complex(x[place], h)
        gradient[place] = f(moved).imag / h
        moved[place] = x[place]
    return gradient


def _complex(read=lambda f, moved, x, h: f(moved).imag / h, step=lambda h: 1j * h, keep=False):
    """Return the measurement with something else in it."""

    def measure(f, x, h):
        gradient, kept = np.zeros(x.shape), x.astype(complex)
        for place in np.ndindex(x.shape):
            moved = kept if keep else x.astype(complex)
            moved[place] += step(h)
            gradient[place] = read(f, moved, x, h)
        return gradient

    return measure


def _complex_in_place(f, x, h):
    gradient = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        moved = x
        moved[place] += 1j * h
        gradient[place] = f(moved).imag / h
    return gradient


def _complex_three_axes(rng):
    f = _named("sum(x**3)", lambda x: (x**3).sum())
    return f, normal(rng, 2, 1, 3) + 0.5, 1e-20


def _complex_rows(f, x, h):
    gradient = np.zeros(x.shape)
    for i in range(len(x)):
        moved = x.astype(complex)
        moved[i] += 1j * h
        gradient[i] = f(moved).imag / h
    return gradient


def _complex_two_axes(f, x, h):
    gradient = np.zeros(x.shape)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            moved = x.astype(complex)
            moved[i, j] += 1j * h
            gradient[i, j] = f(moved).imag / h
    return gradient


def _complex_read(read):
    """Return the gradient in which something else is read off f."""

    def gradient(f, x, h):
        slopes = np.zeros(x.shape)
        for place in np.ndindex(x.shape):
            moved = x.astype(complex)
            moved[place] += 1j * h
            slopes[place] = read(f(moved)) / h
        return slopes

    return gradient


def _complex_moved(move, first=False):
    """Return the gradient with another move of each entry."""

    def measure(f, x, h):
        gradient = np.zeros(x.shape)
        for place in np.ndindex(x.shape):
            moved = x.astype(complex)
            moved[place] = move(moved[place], h)
            gradient[place] = f(moved).imag / h
            if first:
                break
        return gradient

    return measure


def _real_step(f, x, h):
    gradient = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        moved = x.copy()
        moved[place] += h
        gradient[place] = f(moved) / h
    return gradient


COMPLEX_STEP_GRADIENT = Exercise(
    name="complex_step_gradient",
    lesson=4,
    goal="Measure a gradient without any subtraction, one entry at a time.",
    points=2,
    misconception="The entries can be moved all at once, or the step need not be taken back.",
    reference=complex_step_gradient,
    inputs=_complex_inputs,
    corners=(_complex_three_axes, _complex_vector, _complex_wide),
    out_of_reach=("numerical_gradient", "check_gradients"),
    variants=(_complex_flat, _complex_restored),
    mistakes=(
        Mistake(
            "all entries are moved at once",
            lambda f, x, h: np.full(x.shape, f(x + 1j * h).imag / h),
            "Moving everything measures the sum of all slopes. Each entry needs a call of its own.",
        ),
        Mistake(
            "the step is not taken back",
            _complex(keep=True),
            "When you come to the second entry, the first one is still moved.",
        ),
        Mistake(
            "no imaginary step arrives",
            _complex_in_place,
            "The imaginary part of f is 0 everywhere. Is your step imaginary, and can the array "
            "that you move hold it?",
        ),
        Mistake(
            "all entries are moved at once, for a single number",
            lambda f, x, h: f(x + 1j * h).imag / h,
            "x + 1j * h moves all entries. Each one needs a call of its own, and gets a slope of "
            "its own.",
        ),
        Mistake(
            "a real step to both sides",
            _complex(
                read=lambda f, moved, x, h: (f(moved) - f(2 * x - moved)).real / (2 * h),
                step=lambda h: h,
            ),
            "Beside x a step of 1e-20 is lost, to whichever side. Step where there is nothing to "
            "be lost beside.",
        ),
        Mistake(
            "the real part",
            _complex(read=lambda f, moved, x, h: f(moved).real / h),
            "Which part of f(x + ih) has the slope in it?",
        ),
        Mistake(
            "not divided by the step",
            _complex(read=lambda f, moved, x, h: f(moved).imag),
            "The imaginary part is h times the slope.",
        ),
        Mistake(
            "divided by twice the step",
            _complex(read=lambda f, moved, x, h: f(moved).imag / (2 * h)),
            "There is one step here, not one to each side.",
        ),
        Mistake(
            "a real step",
            _complex(
                read=lambda f, moved, x, h: (f(moved) - f(x)).real / h,
                step=lambda h: h,
            ),
            "Beside x a real step of 1e-20 is lost in rounding. Step where there is nothing to be "
            "lost beside.",
        ),
        Mistake(
            "a difference with f(x)",
            _complex(read=lambda f, moved, x, h: (f(moved) - f(x)).real / h),
            "Nothing needs to be subtracted: f(x) has no imaginary part.",
        ),
        Mistake(
            "the sign of the step",
            _complex(step=lambda h: -1j * h),
            "A step of -ih turns the sign of the imaginary part round.",
        ),
        Mistake(
            "one axis is looped over",
            _complex_rows,
            "All entries of a row are moved at once, so each gets the sum of the row's slopes. "
            "Every entry is moved alone.",
        ),
        Mistake(
            "two axes are taken for granted",
            _complex_two_axes,
            "x may have one axis, or three. np.ndindex(x.shape) goes through the places of any "
            "shape.",
        ),
        Mistake(
            "the angle",
            _complex_read(np.angle),
            "The angle is not the imaginary part: it also depends on the real one.",
        ),
        Mistake(
            "the size of a complex number",
            _complex_read(np.abs),
            "The size has the real part in it. Which part holds the slope?",
        ),
        Mistake(
            "the gradient has lost its shape",
            lambda f, x, h: complex_step_gradient(f, x, h).ravel(),
            "The numbers are right. The gradient has the shape of x.",
        ),
        Mistake(
            "the gradient is complex",
            lambda f, x, h: complex_step_gradient(f, x, h) + 0j,
            "The numbers are right, but complex. The gradient is real: into what kind of array do "
            "you put them?",
        ),
        Mistake(
            "h is not used",
            lambda f, x, h: complex_step_gradient(f, x, 1e-20),
            "The step is an argument: the check does not always take the same.",
        ),
        Mistake(
            "the entry is replaced by the step",
            _complex_moved(lambda old, h: 1j * h),
            "The step is added to the entry. Where has the entry itself gone?",
        ),
        Mistake(
            "the entry is multiplied, not moved",
            _complex_moved(lambda old, h: old * (1 + 1j * h)),
            "The step is added to the entry, so that it is as long at every entry.",
        ),
        Mistake(
            "only the first entry",
            _complex_moved(lambda old, h: old + 1j * h, first=True),
            "Each entry has its turn. At which depth does the loop end?",
        ),
        Mistake(
            "a real step, and nothing is subtracted",
            _real_step,
            "The step is imaginary, 1j * h: a real one of this size is lost when it is added to x.",
        ),
    ),
    hints=(
        "Loop over the places of x; np.ndindex(x.shape) gives them for any number of axes.",
        "For each place make a complex copy of x, and move that one entry by ih.",
        "astype(complex) copies an array of real numbers into one that can hold the step.",
    ),
)

# directional_slopes


def directional_slopes(f, x, gradient, v, h):
    return (f(x + h * v) - f(x - h * v)) / (2 * h), (gradient * v).sum()


def _directional_inputs(rng):
    n, d = sizes(rng, 2)
    c = normal(rng, n, d)
    name = "sum(c * x**3 + x**2)"
    f = _named(name, lambda x: (c * x**3 + x**2).sum())
    x = normal(rng, n, d)
    return f, x, 3 * c * x**2 + 2 * x, normal(rng, n, d) + 1.0, float(rng.choice([0.1, 0.2]))


def _directional_square(rng):
    n = int(rng.integers(2, 4))
    f = _named("sum(x**3)", lambda x: (x**3).sum())
    x = normal(rng, n, n)
    return f, x, 3 * x**2, normal(rng, n, n), 0.1


def _directional_in_place(f, x, gradient, v, h):
    x += h * v
    up = f(x)
    x -= 2 * h * v
    return (up - f(x)) / (2 * h), (gradient * v).sum()


def _unit(v):
    return v / np.sqrt((v**2).sum())


def _central(f, x, v, h):
    return (f(x + h * v) - f(x - h * v)) / (2 * h)


def _promising(promise, factor=False):
    """Return the two slopes with another promise, times h if `factor`."""

    def slopes(f, x, gradient, v, h):
        measured = (f(x + h * v) - f(x - h * v)) / (2 * h)
        return measured, promise(gradient, v) * (h if factor else 1)

    return slopes


DIRECTIONAL_SLOPES = Exercise(
    name="directional_slopes",
    lesson=4,
    goal="Test a whole gradient with two evaluations, along one direction.",
    points=2,
    misconception="The slope along v is a matrix product, or belongs to v of length 1.",
    reference=directional_slopes,
    inputs=_directional_inputs,
    corners=(_directional_square,),
    outputs=("measured", "promised"),
    out_of_reach=("numerical_gradient", "check_gradients"),
    variants=(
        lambda f, x, gradient, v, h: (
            0.5 / h * (f(x + h * v) - f(x - h * v)),
            np.vdot(gradient, v),
        ),
        lambda f, x, gradient, v, h: (
            (f(x + v * h) - f(x + v * -h)) / h / 2,
            sum(g * w for g, w in zip(gradient.flat, v.flat, strict=True)),
        ),
        lambda f, x, gradient, v, h: (_central(f, x, v, h), np.einsum("nd,nd->", gradient, v)),
    ),
    mistakes=(
        Mistake(
            "a step to one side only",
            lambda f, x, gradient, v, h: ((f(x + h * v) - f(x)) / h, (gradient * v).sum()),
            "The forward difference is wrong by a term with h. Go to both sides, and it drops out.",
        ),
        Mistake(
            "divided by h instead of 2h",
            lambda f, x, gradient, v, h: (
                (f(x + h * v) - f(x - h * v)) / h,
                (gradient * v).sum(),
            ),
            "How far apart are the two points, counted in v?",
        ),
        Mistake(
            "divided by 2, then multiplied by h",
            lambda f, x, gradient, v, h: (
                (f(x + h * v) - f(x - h * v)) / 2 * h,
                (gradient * v).sum(),
            ),
            "Python reads from left to right: a / 2 * h is (a / 2) * h. What must be put in "
            "brackets?",
        ),
        Mistake(
            "every entry is moved by h",
            lambda f, x, gradient, v, h: ((f(x + h) - f(x - h)) / (2 * h), (gradient * v).sum()),
            "The direction v must enter the step: entry by entry it says how far to go.",
        ),
        Mistake(
            "only the measured slope has v of length 1",
            lambda f, x, gradient, v, h: (_central(f, x, _unit(v), h), (gradient * v).sum()),
            "Both slopes must be along the same v, and v as it is given.",
        ),
        Mistake(
            "v is brought to length 1",
            lambda f, x, gradient, v, h: (
                _central(f, x, _unit(v), h),
                (gradient * _unit(v)).sum(),
            ),
            "The two slopes agree, but they are asked for along v as it is given, of any length.",
        ),
        Mistake(
            "the promised slope is not added up",
            lambda f, x, gradient, v, h: (_central(f, x, v, h), gradient * v),
            "Each entry changes f by its slope times its step. All of them move at once.",
        ),
        Mistake(
            "a matrix product",
            lambda f, x, gradient, v, h: (_central(f, x, v, h), (gradient @ v).sum()),
            "@ on tables sums rows against columns. Here each entry meets the entry in its place.",
        ),
        Mistake(
            "the mean where the sum is due",
            lambda f, x, gradient, v, h: (_central(f, x, v, h), (gradient * v).mean()),
            "The changes that the entries make to f add up.",
        ),
        Mistake(
            "x is changed",
            _directional_in_place,
            "+= on an argument changes the caller's array. Make a new one.",
        ),
        Mistake(
            "a product of matrices",
            _promising(lambda g, v: g @ v.T),
            "Each slope is multiplied by its own entry of v, entry by entry, and all products are "
            "added up.",
        ),
        Mistake(
            "a product of matrices, added up",
            _promising(lambda g, v: (g @ v.T).sum()),
            "A product of matrices pairs rows with other rows. Each slope is multiplied by its "
            "own entry of v.",
        ),
        Mistake(
            "the sums are multiplied",
            _promising(lambda g, v: g.sum() * v.sum()),
            "Each slope is multiplied by its own entry of v first; then the products are added up.",
        ),
        Mistake(
            "the sum runs over one axis only",
            _promising(lambda g, v: (g * v).sum(axis=0)),
            "The promise is one number: the sum runs over all entries.",
        ),
        Mistake(
            "the sum runs over the second axis only",
            _promising(lambda g, v: (g * v).sum(axis=1)),
            "The promise is one number: the sum runs over all entries.",
        ),
        Mistake(
            "the direction is left out of the promise",
            _promising(lambda g, v: g.sum()),
            "How far each entry moves, v says. Its slope is multiplied by that.",
        ),
        Mistake(
            "the promise is that of a whole step",
            _promising(lambda g, v: (g * v).sum(), factor=True),
            "Measured is a slope, the difference divided by the length of the step. So is the "
            "promise: h is not in it.",
        ),
        Mistake(
            "sizes are added in the promise",
            _promising(lambda g, v: np.abs(g * v).sum()),
            "Rising along one entry and falling along another cancel each other. Keep the signs.",
        ),
        Mistake(
            "the length of the gradient is promised",
            _promising(lambda g, v: np.sqrt((g**2).sum())),
            "That is the slope along the gradient itself. Along v it is another.",
        ),
        Mistake(
            "the measured slope has the wrong sign",
            lambda f, x, gradient, v, h: (
                -directional_slopes(f, x, gradient, v, h)[0],
                (gradient * v).sum(),
            ),
            "What lies ahead along v comes first, what lies behind is taken off.",
        ),
        Mistake(
            "h is left out of the step",
            lambda f, x, gradient, v, h: ((f(x + v) - f(x - v)) / (2 * h), (gradient * v).sum()),
            "The step is h v, and only the division has an h in yours.",
        ),
        Mistake(
            "the two are exchanged",
            lambda f, x, gradient, v, h: directional_slopes(f, x, gradient, v, h)[::-1],
            "Return the measured slope first, then the promised one.",
        ),
        Mistake(
            "the two values are added",
            lambda f, x, gradient, v, h: (
                (f(x + h * v) + f(x - h * v)) / (2 * h),
                (gradient * v).sum(),
            ),
            "A slope is a difference: how much f rises from one place to the other.",
        ),
        Mistake(
            "the promise is a cosine",
            lambda f, x, gradient, v, h: (
                (f(x + h * v) - f(x - h * v)) / (2 * h),
                (gradient * v).sum() / np.sqrt((gradient**2).sum() * (v**2).sum() + 1e-300),
            ),
            "The promise is the sum of the products, not divided by any length.",
        ),
        Mistake(
            "measured for a v of length 1",
            lambda f, x, gradient, v, h: (
                _central(f, x, v, h) / np.linalg.norm(v),
                (gradient * v).sum(),
            ),
            "The slope is asked for along v as it is given: nothing is divided by its length.",
        ),
        Mistake(
            "both for a v of length 1",
            lambda f, x, gradient, v, h: (
                _central(f, x, v, h) / np.linalg.norm(v),
                (gradient * v).sum() / np.linalg.norm(v),
            ),
            "The two slopes agree, but they are asked for along v as it is given, of any length.",
        ),
        Mistake(
            "the promise of the first row",
            lambda f, x, gradient, v, h: (_central(f, x, v, h), gradient[0] @ v[0]),
            "All entries move, so all of them are in the promise, those of the other rows too.",
        ),
    ),
    hints=(
        "Along v, f is a function of one number t: f(x + t v). You know how to measure its slope.",
        "The two points are at t = h and at t = -h. By how much does t differ between them?",
        "The promise is that of lesson 03: each entry's slope times its step, added up. (The "
        "prediction: any gradient whose entries have the right sum.)",
    ),
)

# slopes_off_kinks


def slopes_off_kinks(f, z, h):
    right, left = (f(z + h) - f(z)) / h, (f(z) - f(z - h)) / h
    return np.where(np.abs(right - left) > 0.1, np.nan, (f(z + h) - f(z - h)) / (2 * h))


def _bend(at, left, right):
    name = f"slope {left} below {at}, {right} above"
    return _named(name, lambda z: np.where(z > at, right, left) * (z - at))


def _square(at):
    return _named(f"(z - {at})**2", lambda z: (z - at) ** 2)


def _near(rng, at):
    """Return a table of points, some of which are at or near the kink."""
    n, d = sizes(rng, 2)
    z = normal(rng, 2 * n, 2 * d) + at  # enough entries to tell float32 on the way from a mistake
    z = np.where(np.abs(z - at) < 0.03, at + 0.5, z)
    z.flat[:4] = at + np.array([0.0, 0.004, -0.006, 0.02])
    return z


def _kink_inputs(rng):
    at = float(rng.choice([0, 1, 2]))
    left, right = rng.choice([[0.0, 1.0], [-1.0, 1.0], [0.2, 1.0], [1.0, -1.0], [1.0, 0.0]])
    f = _bend(at, float(left), float(right)) if rng.integers(3) else _square(at)
    return f, _near(rng, at), 0.01


def _kink_up(rng):
    return _bend(0.0, 0.0, 1.0), _near(rng, 0.0), 0.01


def _kink_down(rng):
    return _bend(0.0, 1.0, -1.0), _near(rng, 0.0), 0.01


def _kink_elsewhere(rng):
    return _bend(1.0, -1.0, 1.0), _near(rng, 1.0), 0.01


def _kink_none(rng):
    return _square(0.0), _near(rng, 0.0), 0.01


def _kink_loop(f, z, h):
    slopes = np.empty_like(z)
    for place in np.ndindex(z.shape):
        low, middle, high = (float(f(z[place] + step)) for step in (-h, 0.0, h))
        kink = abs((high - middle) - (middle - low)) / h > 0.1
        slopes[place] = float("nan") if kink else (high - low) / (2 * h)
    return slopes


def _kink_mean(f, z, h):
    right, left = (f(z + h) - f(z)) / h, (f(z - h) - f(z)) / -h
    slopes = (right + left) / 2
    slopes[np.abs(right - left) > 0.1] = np.nan
    return slopes


def _kink(where=None, value=None, otherwise=np.nan):
    """Return the measurement with another question, another slope or another mark."""

    def measure(f, z, h):
        right, left = (f(z + h) - f(z)) / h, (f(z) - f(z - h)) / h
        odd = where(z, h, right, left) if where else np.abs(right - left) > 0.1
        return np.where(odd, otherwise, value(right, left) if value else (right + left) / 2)

    return measure


def _kink_in_place(f, z, h):
    right, left = (f(z + h) - f(z)) / h, (f(z) - f(z - h)) / h
    z[...] = np.where(np.abs(right - left) > 0.1, np.nan, (right + left) / 2)
    return z


def _kink_times_h(f, z, h):
    return slopes_off_kinks(f, z, h) * h**2


def _kink_beside_the_bottom(rng):
    """Return a smooth curve with a slope of -0.19 to the right of a point, -0.21 to its left."""
    return _square(0.0), np.array([[-0.1, 0.5], [1.0, -0.5]]), 0.01


def _kink_at_the_limit(rng):
    """Return a case whose slopes differ by 0.1 to the last digit, which is not more than 0.1."""
    return _bend(0.0, 0.0, 0.1), np.array([[0.0, 1.0], [-1.0, 0.0]]), 2.0**-7


def _kink_small(rng):
    """Return a line with three small bends, all of them above 0.1."""

    def f(z):
        return sum(bend * np.maximum(z - at, 0) for at, bend in enumerate((0.11, 0.15, 0.23)))

    name = "a line with bends of 0.11, 0.15 and 0.23 at 0, 1 and 2"
    return _named(name, f), np.array([[0.0, 1.0, 2.0], [-1.0, 0.5, 3.0]]), 0.01


SLOPES_OFF_KINKS = Exercise(
    name="slopes_off_kinks",
    lesson=4,
    goal="Find out from measurements alone where a function has no slope.",
    points=3,
    misconception="A kink is met only if one stands on it, and always at zero.",
    reference=slopes_off_kinks,
    inputs=_kink_inputs,
    corners=(
        _kink_at_the_limit,
        _kink_small,
        _kink_beside_the_bottom,
        _kink_up,
        _kink_down,
        _kink_elsewhere,
        _kink_none,
    ),
    out_of_reach=("numerical_gradient", "check_gradients"),
    variants=(_kink_loop, _kink_mean),
    mistakes=(
        Mistake(
            "no entry is left out",
            _kink(where=lambda z, h, right, left: right != right),
            "At a kink the central difference is a number, too, but no slope. Compare the slopes "
            "on either side: differences, divided by h.",
        ),
        Mistake(
            "only z = 0 is left out",
            _kink(where=lambda z, h, right, left: z == 0),
            "A step can cross a kink that it does not start from, and a kink may be elsewhere. "
            "Ask the slopes, not z.",
        ),
        Mistake(
            "all points near 0 are left out",
            _kink(where=lambda z, h, right, left: np.abs(z) < h),
            "Not every function has a kink at 0, and some have theirs elsewhere. Ask the slopes.",
        ),
        Mistake(
            "kinks that bend down are not seen",
            _kink(where=lambda z, h, right, left: right - left > 0.1),
            "The slope may jump up or down. How far apart are two numbers, whichever is larger?",
        ),
        Mistake(
            "0 where nan is due",
            _kink(otherwise=0.0),
            "0 is a slope like any other. What says that there is none?",
        ),
        Mistake(
            "the slope to the right",
            _kink(value=lambda right, left: right),
            "Where there is no kink, the central difference is due: it is more precise.",
        ),
        Mistake(
            "the slope to the left",
            _kink(value=lambda right, left: left),
            "Where there is no kink, the central difference is due: it is more precise.",
        ),
        Mistake(
            "divided by 2, then multiplied by h",
            _kink_times_h,
            "Python reads from left to right: a / 2 * h is (a / 2) * h. What must be put in "
            "brackets?",
        ),
        Mistake(
            "np.where has its sides exchanged",
            _kink(where=lambda z, h, right, left: np.abs(right - left) <= 0.1),
            "np.where takes its second argument where the condition holds. You have nan exactly "
            "where there is a slope.",
        ),
        Mistake(
            "the slope to the left has the wrong sign",
            _kink(where=lambda z, h, right, left: np.abs(right + left) > 0.1),
            "On the left, subtract the left value from the middle one. On a straight line the two "
            "slopes are equal.",
        ),
        Mistake(
            "z is changed",
            _kink_in_place,
            "An assignment into z changes the caller's array. Make a new one.",
        ),
        Mistake(
            "kinks that bend up are not seen",
            _kink(where=lambda z, h, right, left: left - right > 0.1),
            "The slope to the right may be the larger or the smaller one. It is the size of the "
            "difference that counts.",
        ),
        Mistake(
            "the difference is taken relative to the slopes",
            _kink(
                where=lambda z, h, right, left: np.abs(right - left)
                > 0.1 * np.maximum(np.abs(right), np.abs(left))
            ),
            "A difference of more than 0.1 counts, however steep the slopes are. Yours finds a "
            "kink in a smooth curve.",
        ),
        Mistake(
            "only sizes of slopes are compared",
            _kink(where=lambda z, h, right, left: np.abs(np.abs(right) - np.abs(left)) > 0.1),
            "Slopes of -1 and 1 have the same size, and meet in a kink all the same.",
        ),
        Mistake(
            "divided by h where 2h is due",
            _kink(value=lambda right, left: right + left),
            "The central difference reaches over 2h: it is the mean of the two slopes.",
        ),
        Mistake(
            "the differences are not divided by h",
            lambda f, z, h: np.where(
                np.abs(f(z + h) - 2 * f(z) + f(z - h)) > 0.1, np.nan, (f(z + h) - f(z - h)) / 2
            ),
            "A slope is a difference divided by the step. Undivided, no difference is above 0.1.",
        ),
        Mistake(
            "the limit is too small",
            _kink(where=lambda z, h, right, left: np.abs(right - left) > 1e-5),
            "In a curve the two slopes differ a little without a kink. The text gives the limit, "
            "0.1.",
        ),
        Mistake(
            "the limit is too large",
            _kink(where=lambda z, h, right, left: np.abs(right - left) > 0.5),
            "The text gives the limit, 0.1: a bend from 0 to 0.4 is a kink.",
        ),
        Mistake(
            "the slope to one side is compared with the mean",
            _kink(where=lambda z, h, right, left: np.abs(right - left) / 2 > 0.1),
            "The central difference lies half way between the two slopes. How far are they from "
            "each other?",
        ),
        Mistake(
            "a difference of just 0.1 counts",
            _kink(where=lambda z, h, right, left: np.abs(right - left) >= 0.1),
            "A kink is met if they differ by more than 0.1.",
        ),
        Mistake(
            "one kink makes all of it nan",
            _kink(where=lambda z, h, right, left: (np.abs(right - left) > 0.1).any()),
            "Each entry is decided on its own.",
        ),
        Mistake(
            "the slope to the left has the wrong sign, in the mean too",
            _kink(
                where=lambda z, h, right, left: np.abs(right + left) > 0.1,
                value=lambda right, left: (right - left) / 2,
            ),
            "To the left, too, the value further to the right comes first: f(z) - f(z - h).",
        ),
        Mistake(
            "one kink makes its row nan",
            _kink(
                where=lambda z, h, right, left: (np.abs(right - left) > 0.1).any(
                    axis=1, keepdims=True
                )
            ),
            "Each entry is decided on its own, and not with the rest of its row.",
        ),
        Mistake(
            "the entries without a slope are dropped",
            lambda f, z, h: slopes_off_kinks(f, z, h)[~np.isnan(slopes_off_kinks(f, z, h))],
            "The result has the shape of z: nan stands where there is no slope.",
        ),
        Mistake(
            "steps of h / 2",
            lambda f, z, h: slopes_off_kinks(f, z, h / 2),
            "A step of h leads to z - h and to z + h: a kink further away than h / 2 can be met, "
            "too.",
        ),
        Mistake(
            "the difference is taken relative to the slope to the right",
            _kink(where=lambda z, h, right, left: np.abs(right - left) > 0.1 * np.abs(right)),
            "A difference of more than 0.1 counts, however steep the slopes are.",
        ),
        Mistake(
            "slopes of unlike sign",
            _kink(where=lambda z, h, right, left: right * left <= 0),
            "A bend from 0.2 to 1 is a kink without a change of sign, and the bottom of a smooth "
            "curve changes sign without a kink.",
        ),
        Mistake(
            "the limit is 1",
            _kink(where=lambda z, h, right, left: np.abs(right - left) > 1),
            "The text gives the limit, 0.1: a bend from 0 to 1 is a kink.",
        ),
        Mistake(
            "h is not used",
            lambda f, z, h: slopes_off_kinks(f, z, 1e-5),
            "The step is an argument: a kink that it reaches must be noticed.",
        ),
    ),
    hints=(
        "Three values are enough: f at z - h, z and z + h. They give two slopes.",
        "Compare the two slopes: how far apart are they, whichever is larger?",
        "np.where takes nan in one place and the central difference in the other. (The prediction: "
        "nearer than h, as far as a step reaches; with the limit of 0.1 a little nearer still, "
        "0.95 h for |z| and 0.9 h for ReLU.)",
    ),
)

# wrong_gradients


def wrong_gradients(loss, params, grads, h):
    return _wrong()(loss, params, grads, h)


def _wrong(
    kind=np.float64,
    places=np.ndindex,
    differ=lambda gradient, array: gradient.shape != array.shape,
    go_on=False,
    worst=lambda a, b: np.abs(a - b).max(),
    size=lambda a, b: max(np.abs(a).max(), np.abs(b).max()),
    is_wrong=lambda error, size: size > 0 and error / size > 1e-5,
    restore=True,
    slope=lambda difference, h: difference / (2 * h),
    step=None,
    order=lambda params, grads: params,
):
    """Return the search with something else in it."""

    def search(loss, params, grads, h):
        params = {name: array.astype(kind or array.dtype) for name, array in params.items()}
        names, h = [], step or h
        for name in order(params, grads):
            array, gradient = params[name], grads[name]
            if differ(gradient, array):
                names.append(name)
                if not go_on:
                    continue
            measured = np.zeros(array.shape)
            for place in places(array.shape):
                before = array[place]
                array[place] = before + h
                up = loss(params)
                array[place] = before - h
                measured[place] = slope(up - loss(params), h)
                if restore:
                    array[place] = before
            if places is not np.ndindex:
                chosen = tuple(np.transpose(places(array.shape)))
                measured, gradient = measured[chosen], gradient[chosen]
            if is_wrong(worst(measured, gradient), size(measured, gradient)):
                names.append(name)
        return names

    return search


def _wrong_in_place(loss, params, grads, h):
    names = []
    for name, array in params.items():
        measured = np.zeros(array.shape)
        for place in np.ndindex(array.shape):
            array[place] += h
            up = loss(params)
            array[place] -= 2 * h
            measured[place] = (up - loss(params)) / (2 * h)
        largest = max(np.abs(measured).max(), np.abs(grads[name]).max())
        far = np.abs(measured - grads[name]).max() > 1e-5 * largest
        if far or grads[name].shape != array.shape:
            names.append(name)
    return names


def _each_by_its_own(loss, params, grads, h):
    return _wrong(
        worst=lambda a, b: (np.abs(a - b) / np.maximum(_larger(a, b), 1e-300)).max(),
        size=lambda a, b: 1.0,
    )(loss, params, grads, h)


def _wrong_variant(loss, params, grads, h):
    def slope(name, place):
        values = []
        for step in (h, -h):
            moved = {key: np.array(array, dtype=np.float64) for key, array in params.items()}
            moved[name][place] += step
            values.append(loss(moved))
        return (values[0] - values[1]) / (2 * h)

    def right(name):
        if params[name].shape != grads[name].shape:
            return False
        measured = np.array([slope(name, p) for p in np.ndindex(params[name].shape)])
        claimed = grads[name].ravel()
        largest = np.abs(np.append(measured, claimed)).max()
        return bool(np.abs(measured - claimed).max() <= 1e-5 * largest)

    return tuple(name for name in params if not right(name))


def _network(rng, scale=1.0, kind=np.float64):
    """Return a loss of w, b and u, right gradients, and the parameters; u takes no part."""
    n, (d, k) = 4, sizes(rng, 2, high=3)  # w is not square, and has 6 entries
    x, t = normal(rng, n, d), normal(rng, n, k)
    params = {"w": normal(rng, d, k, scale=0.5), "b": normal(rng, k, scale=0.5)}
    params = {name: array.astype(kind) for name, array in params.items()}
    params["u"] = normal(rng, 2).astype(kind)
    x, t = x.astype(kind), t.astype(kind)  # so that the precision is that of params

    def loss(params):
        return scale * ((np.tanh(x @ params["w"] + params["b"]) - t) ** 2).sum() / n

    exact = {name: array.astype(np.float64) for name, array in params.items()}
    a = np.tanh(x.astype(np.float64) @ exact["w"] + exact["b"])
    dz = scale * 2 * (a - t) * (1 - a**2) / n
    # In another order than params, so that one sees whose order the answer has.
    grads = {"u": np.zeros(2), "b": dz.sum(axis=0), "w": x.astype(np.float64).T @ dz}
    return _named(f"a loss, of size {scale:g}", loss), params, grads


def _last(g):
    return (np.arange(g.size) == g.size - 1).reshape(g.shape)


def _first(g):
    return (np.arange(g.size) == 0).reshape(g.shape)


SPOIL = {
    "doubled": lambda g: 2 * g,
    "too small": lambda g: g - 0.3 * np.abs(g).max(),
    "too large": lambda g: g + 0.3 * np.abs(g).max(),
    "last": lambda g: g - 0.5 * np.abs(g).max() * _last(g),
    "first": lambda g: g - 0.5 * np.abs(g).max() * _first(g),
    "last a little": lambda g: g + 1.3e-5 * np.abs(g).max() * _last(g),
    "a little": lambda g: g * (1 + 9e-5),
    "nearly right": lambda g: g * (1 + 5e-6),
    "zeros": lambda g: 0 * g,
    "ones": lambda g: g + 1,
    "one number": lambda g: np.atleast_1d(g.mean()),
    "a row": lambda g: g[None],
    "transposed": lambda g: g.T.copy(),
    "right": lambda g: g,
}


def _planted(scale=1.0, kind=np.float64, **how):
    """Return a drawer of cases with these bugs planted."""

    def draw(rng):
        loss, params, grads = _network(rng, scale, kind)
        for name, word in how.items():
            grads[name] = SPOIL[word](grads[name])
        return loss, params, grads, 1e-5

    return draw


def _wrong_inputs(rng):
    words = rng.choice(["right", "doubled", "too small", "too large", "last"], 2)
    return _planted(1.0, w=words[0], b=words[1])(rng)


def _equal_rows(rng):
    """Return a case in which the gradient of b is the same in all entries, but one number."""
    _, params, _ = _network(rng)
    loss = _named("sum(3 b) + sum(w**2)", lambda p: 3 * p["b"].sum() + (p["w"] ** 2).sum())
    grads = {"w": 2 * params["w"], "b": np.array([3.0]), "u": np.zeros(2)}
    return loss, params, grads, 1e-5


def _long_step(rng):
    """Return a case in which the step decides: with h = 0.1 the slope of w**3 is off by h**2."""
    params = {"w": np.round(rng.uniform(0.5, 2, (2, 2)), 2), "b": normal(rng, 3)}
    loss = _named("sum(w**3) + sum(2 b)", lambda p: (p["w"] ** 3).sum() + 2 * p["b"].sum())
    return loss, params, {"b": np.full(3, 2.0), "w": 3 * params["w"] ** 2 + 0.01}, 0.1


def _uneven(rng):
    """Return a case in which one entry is wrong, but far too small to matter in its array."""
    params = {"w": normal(rng, 2, 2), "b": normal(rng, 3), "u": normal(rng, 2)}
    c = np.array([[3.0, 1e-7], [2.0, 1.0]])
    loss = _named("3 w00 + 1e-7 w01 + 2 w10 + w11", lambda p: (c * p["w"]).sum())
    grads = {"w": np.where(c < 1e-5, 0, c), "b": np.ones(3), "u": np.zeros(2)}
    return loss, params, grads, 1e-5


def _coupled(rng):
    """Return a case in which each entry's slope depends much on all the others."""
    params = {"w": np.array([[0.5, -0.4], [0.3, -0.3]]), "b": normal(rng, 3), "u": normal(rng, 2)}
    loss = _named("50 sum(w)**2 + sum(b**2)", lambda p: _coupled_loss(p["w"], p["b"]))
    grads = {"w": np.full((2, 2), 10.0), "b": 4 * params["b"], "u": np.zeros(2)}
    return loss, params, grads, 1e-5


def _coupled_loss(w, b):
    return 50 * w.sum() ** 2 + (b**2).sum()


def _three_axes(rng):
    """Return a case with a parameter of three axes, wrong in its last entry, and one of none."""
    params = {"kernel": normal(rng, 2, 1, 3) + 2.0, "scale": np.array(1.5)}
    loss = _named("sum(kernel**2) + scale**2", lambda p: (p["kernel"] ** 2).sum() + p["scale"] ** 2)
    kernel = 2 * params["kernel"]
    kernel[-1, -1, -1] *= 1.5
    return loss, params, {"scale": np.array(3.0), "kernel": kernel}, 1e-5


def _one_and_a_half(rng):
    """Return a case whose errors are 1.5e-5 in all entries, above the limit, but not by much."""
    loss = _named("3 sum(b) + 2 sum(w)", lambda p: 3 * p["b"].sum() + 2 * p["w"].sum())
    grads = {"w": np.full((2, 2), 2 * 1.000015), "b": np.full(3, 3.0)}
    return loss, {"w": normal(rng, 2, 2), "b": normal(rng, 3)}, grads, 0.5


def _falling(rng):
    """Return a case in which all slopes are negative, and one gradient is wrong."""
    loss = _named("-3 sum(b) - 2 sum(w)", lambda p: -3 * p["b"].sum() - 2 * p["w"].sum())
    grads = {"w": np.full((2, 2), -4.0), "b": np.full(3, -3.0)}
    return loss, {"w": normal(rng, 2, 2), "b": normal(rng, 3)}, grads, 1e-5


def _linear_case(slopes, factors):
    """Return a case with a loss that is linear in w, and claims that are off by these factors."""

    def draw(rng):
        loss = _named("sum(c w) + 3 sum(b)", lambda p: (slopes * p["w"]).sum() + 3 * p["b"].sum())
        grads = {"w": slopes * factors, "b": np.full(3, 3.0)}
        return loss, {"w": normal(rng, 2, 2), "b": normal(rng, 3)}, grads, 0.5

    return draw


_one_far = _linear_case(np.full((2, 2), 2.0), np.array([[1 + 3e-5, 1], [1, 1]]))
"""One entry of four is off by 3e-5: more than the limit, and less in a mean of the four."""
_one_near = _linear_case(np.full((2, 2), 2.0), np.array([[1 + 1.5e-5, 1], [1, 1]]))
"""One entry of four is off by 1.5e-5: more than the limit, and less in the length of the four."""
_all_near = _linear_case(np.full((2, 2), 2.0), np.full((2, 2), 1 + 5e-6))
"""All four are off by less than the limit, whether the largest entry or a mean stands below."""
_one_large = _linear_case(np.array([[3.0, 0.1], [0.2, 0.1]]), np.array([[1 + 8e-6, 1], [1, 1]]))
"""An error below the limit, relative to the largest entry, and above it relative to a mean."""


def _wrong_by_position(loss, params, grads, h):
    return wrong_gradients(loss, params, dict(zip(params, grads.values(), strict=True)), h)


def _wrong_stops_at_shape(loss, params, grads, h):
    names = []
    for name in wrong_gradients(loss, params, grads, h):
        names.append(name)
        if grads[name].shape != params[name].shape:
            break
    return names


def _wrong_shape_passed(loss, params, grads, h):
    wrong = wrong_gradients(loss, params, grads, h)
    return [name for name in wrong if grads[name].shape == params[name].shape]


def _wrong_stops_at_number(loss, params, grads, h):
    names = []
    for name in wrong_gradients(loss, params, grads, h):
        names.append(name)
        if grads[name].shape == params[name].shape:
            break
    return names


def _wrong_one_sided(loss, params, grads, h):
    def moved(name, place):
        new = {key: np.array(array, dtype=np.float64) for key, array in params.items()}
        new[name][place] += h
        return loss(new)

    start = loss({name: array.astype(np.float64) for name, array in params.items()})
    names = []
    for name, array in params.items():
        if grads[name].shape != array.shape:
            names.append(name)
            continue
        measured = np.zeros(array.shape)
        for place in np.ndindex(array.shape):
            measured[place] = (moved(name, place) - start) / h
        largest = max(np.abs(measured).max(), np.abs(grads[name]).max())
        if np.abs(measured - grads[name]).max() > 1e-5 * largest:
            names.append(name)
    return names


WRONG_GRADIENTS = Exercise(
    name="wrong_gradients",
    lesson=4,
    goal="Write a gradient check that can be trusted: every entry, any scale, float64.",
    points=5,
    misconception="The check itself is right, because it says that the gradient is.",
    reference=wrong_gradients,
    inputs=_wrong_inputs,
    corners=(
        _one_and_a_half,
        _falling,
        _planted(1e-15, w="doubled", b="right"),
        _planted(w="transposed", b="doubled"),
        _three_axes,
        _one_far,
        _one_near,
        _all_near,
        _one_large,
        _planted(1e-20, w="doubled", b="right"),
        _planted(w="right", b="doubled", u="ones"),
        _planted(1e-7, w="doubled", b="right"),
        _planted(1e-7, w="right", b="doubled"),
        _planted(1e7),
        _planted(w="last", b="right"),
        _planted(w="too small", b="too large"),
        _planted(w="too large", b="too small"),
        _planted(w="doubled", b="right"),
        _planted(kind=np.float32, w="right", b="doubled"),
        _planted(),
        _planted(w="last a little", b="right"),
        _planted(w="a little", b="nearly right"),
        _planted(w="nearly right", b="a little"),
        _planted(w="first", b="right"),
        _planted(w="right", b="first"),
        _planted(w="zeros", b="right"),
        _planted(w="right", b="zeros"),
        _planted(w="right", b="right", u="ones"),
        _planted(w="right", b="a row"),
        _planted(w="right", b="one number"),
        _planted(w="transposed", b="right"),
        _long_step,
        _equal_rows,
        _coupled,
        _uneven,
    ),
    out_of_reach=("numerical_gradient", "check_gradients", "relative_error"),
    variants=(
        _wrong_variant,
        _wrong(is_wrong=lambda error, size: error > 1e-5 * size),
    ),
    mistakes=(
        Mistake(
            "measured in float32",
            _wrong(kind=None),
            "In float32 a difference over a step of 1e-5 is mostly rounding. Measure on copies in "
            "float64.",
        ),
        Mistake(
            "only the first entry of each array",
            _wrong(places=lambda shape: [(0,) * len(shape)]),
            "A bug may sit in the last row alone. Here the arrays are small: measure every entry.",
        ),
        Mistake(
            "the shape is not looked at",
            _wrong(differ=lambda gradient, array: False),
            "A gradient of shape (1,) meets any other by broadcasting, and nobody notices. "
            "Compare the shapes first.",
        ),
        Mistake(
            "the sizes are compared, not the shapes",
            _wrong(differ=lambda gradient, array: gradient.size != array.size),
            "(1, 3) and (3,) have as many entries, and so have w and its transpose. Compare the "
            "shapes themselves.",
        ),
        Mistake(
            "after a wrong shape the search goes on with the same name",
            _wrong(go_on=True),
            "Its name is in the list already, and two arrays of different shapes cannot be "
            "compared. Go on with the next name.",
        ),
        Mistake(
            "the names come in the order of grads",
            _wrong(order=lambda params, grads: grads),
            "Two dicts with the same names may have them in different orders. Asked for is that of "
            "params.",
        ),
        Mistake(
            "h is not used",
            _wrong(step=1e-5),
            "The step of the measurement is an argument: the check does not always take the same.",
        ),
        Mistake(
            "the absolute error",
            _wrong(is_wrong=lambda error, size: error > 1e-5),
            "With a loss of 1e-7 every gradient is small, and every error too. Relative to what?",
        ),
        Mistake(
            "the limit is too large",
            _wrong(is_wrong=lambda error, size: size > 0 and error / size > 1e-3),
            "A gradient that is off by 9e-5 of its size is not right. What limit does the text "
            "give?",
        ),
        Mistake(
            "the limit is too small",
            _wrong(is_wrong=lambda error, size: size > 0 and error / size > 1e-7),
            "An error of 5e-6 may be rounding, and is not reported here. What limit does the text "
            "give?",
        ),
        Mistake(
            "the mean where the worst is due",
            _wrong(worst=lambda a, b: np.abs(a - b).mean()),
            "One wrong entry makes a gradient wrong, and a mean over many would hide it.",
        ),
        Mistake(
            "all entries must be wrong",
            _wrong(worst=lambda a, b: np.abs(a - b).min()),
            "One wrong entry makes a gradient wrong, even if the others are right.",
        ),
        Mistake(
            "a claim of zeros is believed",
            _wrong(size=lambda a, b: max(np.abs(a).max(), np.abs(b).max()) * b.any()),
            "Zeros are right only where zeros are measured, too. A gradient that was forgotten "
            "claims zeros.",
        ),
        Mistake(
            "nothing is compared where zeros are measured",
            _wrong(size=lambda a, b: max(np.abs(a).max(), np.abs(b).max()) * a.any()),
            "Measured zeros are right only if zeros are claimed, too.",
        ),
        Mistake(
            "the size of the difference is not taken",
            _wrong(worst=lambda a, b: (a - b).max()),
            "A gradient may be too large or too small. One of the two differences is negative.",
        ),
        Mistake(
            "each entry by its own size",
            _each_by_its_own,
            "The slope of a tiny entry is measured with the rounding of the large ones. Divide by "
            "the largest size in the whole array.",
        ),
        Mistake(
            "0 / 0 is reported",
            _wrong(is_wrong=lambda error, size: not (size > 0 and error / size <= 1e-5)),
            "A gradient of zeros that is measured as zeros is right.",
        ),
        Mistake(
            "the step is not taken back",
            _wrong(restore=False),
            "After an entry has been measured, it must be what it was before.",
        ),
        Mistake(
            "divided by h instead of 2h",
            _wrong(slope=lambda difference, h: difference / h),
            "The two points are 2h apart. Every right gradient looks wrong by a factor of two.",
        ),
        Mistake(
            "right gradients of several entries are reported",
            _wrong(slope=lambda difference, h: difference / 2 * h),
            "What you measure is not the slope. Try one entry by hand: is the difference divided "
            "by "
            "the distance, (2 * h) in brackets, and is every entry measured?",
        ),
        Mistake(
            "the right ones are returned",
            _wrong(is_wrong=lambda error, size: not (size > 0 and error / size > 1e-5)),
            "Asked for are the names of the gradients that are wrong.",
        ),
        Mistake(
            "the parameters are changed",
            _wrong_in_place,
            "+= on an entry changes the caller's array, and the next measurement starts from it. "
            "Work on copies.",
        ),
        Mistake(
            "the two sizes are added below",
            _wrong(size=lambda a, b: np.abs(a).max() + np.abs(b).max()),
            "The error is relative to the larger of the two sizes. Their sum is twice as large, "
            "and lets errors of up to 2e-5 pass.",
        ),
        Mistake(
            "one axis is looped over",
            _wrong(places=lambda shape: range(len(np.empty(shape)))),
            "All entries of a row are moved at once. Every entry is moved alone, in arrays of any "
            "number of axes.",
        ),
        Mistake(
            "gradients are paired with parameters by their order",
            _wrong_by_position,
            "grads may have another order than params. Look each gradient up by its name.",
        ),
        Mistake(
            "it stops at the first wrong gradient",
            lambda loss, params, grads, h: wrong_gradients(loss, params, grads, h)[:1],
            "All wrong gradients are asked for: the loop goes on.",
        ),
        Mistake(
            "it stops at a wrong shape",
            _wrong_stops_at_shape,
            "After a wrong shape the other names still have to be looked at.",
        ),
        Mistake(
            "signs are kept in the size",
            _wrong(size=lambda a, b: max(a.max(), b.max())),
            "If all slopes are negative, the largest of them is not the largest in size.",
        ),
        Mistake(
            "a step to one side only",
            _wrong_one_sided,
            "The text asks for a central difference: f(x + h) - f(x) is less precise, and right "
            "gradients look wrong.",
        ),
        Mistake(
            "a small number is added below",
            _wrong(is_wrong=lambda error, size: error / (size + 1e-8) > 1e-5),
            "With a loss of 1e-15 every gradient is far smaller than that number, and passes. "
            "Zeros need no division: compare error and 1e-5 times size.",
        ),
        Mistake(
            "the names are sorted",
            lambda loss, params, grads, h: sorted(wrong_gradients(loss, params, grads, h)),
            "Asked for is the order of params, which need not be that of the alphabet.",
        ),
        Mistake(
            "the lengths of the whole arrays",
            _wrong(
                worst=lambda a, b: np.linalg.norm(a - b),
                size=lambda a, b: max(np.linalg.norm(a), np.linalg.norm(b)),
            ),
            "A length adds up all entries, so one that is wrong may vanish in it. Take the "
            "largest difference and the largest size.",
        ),
        Mistake(
            "relative to the mean size",
            _wrong(size=lambda a, b: max(np.abs(a).mean(), np.abs(b).mean())),
            "The error is relative to the largest size in either array. The mean size is smaller, "
            "and right gradients look wrong.",
        ),
        Mistake(
            "a very small number is added below",
            _wrong(is_wrong=lambda error, size: error / (size + 1e-12) > 1e-5),
            "With a loss of 1e-20 every gradient is far smaller than that number, and passes. "
            "Zeros need no division: compare error and 1e-5 times size.",
        ),
        Mistake(
            "only the last entry of each array",
            _wrong(places=lambda shape: [tuple(n - 1 for n in shape)]),
            "A bug may sit in the first row alone. Here the arrays are small: measure every entry.",
        ),
        Mistake(
            "a wrong shape is passed over",
            _wrong_shape_passed,
            "A gradient whose shape is not that of its parameter is wrong, so its name belongs "
            "into the list.",
        ),
        Mistake(
            "it stops at the first wrong number",
            _wrong_stops_at_number,
            "All wrong gradients are asked for: the loop goes on.",
        ),
        Mistake(
            "the differences are added up",
            _wrong(worst=lambda a, b: np.abs(a - b).sum()),
            "Many small errors are not one large one: the largest difference counts.",
        ),
        Mistake(
            "the largest entry stands for the largest size",
            _wrong(
                size=lambda a, b: max(a.max(), b.max()),
                is_wrong=lambda error, size: error > 1e-5 * size,
            ),
            "If all slopes are negative, the largest of them is not the largest in size.",
        ),
    ),
    hints=(
        "Write a function inside yours that measures the slope along one entry of one parameter.",
        "Copy all parameters into float64 first; then you may move entries as you like, and must "
        "put each one back.",
        "Three questions for each name: the same shape? how large is the largest size, "
        "without its sign, in either of the two? how far apart are they at worst?",
    ),
)

EXERCISES = (
    WORST_RELATIVE_ERROR,
    COMPLEX_STEP_GRADIENT,
    DIRECTIONAL_SLOPES,
    SLOPES_OFF_KINKS,
    WRONG_GRADIENTS,
)
