"""Every function against a reference that shares no code with it: `nnfromscratch verify`.

The references are plain and slow on purpose. They are closed forms, published facts, round trips,
and loops over Python's own numbers: exact fractions, decimals of 28 digits, and complex numbers,
whose complex steps give a derivative without a formula for it. A check yields pairs of what a
function returned and what it should have returned.
"""

import cmath
import hashlib
import math
import struct
import tempfile
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

import nnfromscratch as nn  # the public names, as a reader imports them

from .contracts import FloatArray
from .data import MNIST_SHA256

ROUNDING = 1e-13
"""The bound for what differs by nothing but the rounding of a few float64 operations."""
EXACT = 0.0

EXEMPT = {
    "GradientReport": "what check_gradients returns",
    "History": "what fit returns",
    "Layer": "a frame; the layers made of it are checked",
    "Optimizer": "a frame; the optimizers made of it are checked",
    "ShapeError": "an error",
    "TrainingDiverged": "an error",
    "WorkersLost": "an error",
    "plot_history": "draws",
    "plot_layers": "draws",
    "shapes": "checks what goes in and out of a function, and passes it on",
    "short_errors": "sets how errors look",
    "drawing.stored_strokes": "reads stored drawings",
    "show_digits": "draws",
    "show_figure": "draws",
    "show_source": "prints",
    "show_table": "shows",
    "stored": "reads what benchmarks have measured",
    "use_course_style": "sets how drawings look",
}
"""Public names that compute nothing, and why not."""

Check = Callable[[], Iterable[tuple]]


class Case(NamedTuple):
    """A line of the table before it is run."""

    function: str
    against: str
    """What the function is checked against."""
    bound: float
    """The largest relative error that passes."""
    check: Check


class Row(NamedTuple):
    """A line of the table after it was run."""

    function: str
    against: str
    error: float
    """The largest relative error found; infinity if there was nothing to compare."""
    bound: float

    @property
    def passed(self) -> bool:
        """Whether the error is within its bound."""
        return self.error <= self.bound


CASES: list[Case] = []


def verify(*, progress: bool = False) -> list[Row]:
    """Run every check; with `progress`, show a bar."""
    from tqdm import tqdm

    return [run(case) for case in tqdm(CASES, disable=not progress, unit="check", leave=False)]


def run(case: Case) -> Row:
    """Run one check. An error in it, or not a single pair, counts as infinitely wrong."""
    try:
        error = max((distance(*pair) for pair in case.check()), default=math.inf)
    except Exception as exception:  # whatever a broken function does, the table goes on
        return Row(case.function, f"{case.against}: {exception!r}", math.inf, case.bound)
    return Row(case.function, case.against, error, case.bound)


def distance(found: object, expected: object) -> float:
    """Return max |found - expected| / max |expected|; infinity for another shape, or nan.

    What `relative_error` does, once more in plain Python: that function is to be checked, too.
    """
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        return math.inf
    found, expected = found.ravel().tolist(), expected.ravel().tolist()
    if found == expected:
        return 0.0
    if any(isinstance(value, bool | str) for value in found + expected):
        return math.inf
    size = max(abs(float(value)) for value in expected)
    errors = [abs(float(f) - float(e)) for f, e in zip(found, expected, strict=True)]
    if size == 0 or not all(map(math.isfinite, [size, *errors])):
        return math.inf
    return max(errors) / size


def as_text(rows: list[Row]) -> str:
    """Return the table for a terminal, with the errors of this machine."""
    lines = [("function", "checked against", "error", "bound", "verdict")]
    for row in rows:
        verdict = "passed" if row.passed else "WRONG"
        lines.append((row.function, row.against, f"{row.error:.2g}", f"{row.bound:.0g}", verdict))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def as_markdown(rows: list[Row]) -> str:
    """Return the table, all of it passed, as a page that is the same on every machine."""
    lines = [
        "# What is verified, and against what",
        "",
        "Written by `nnfromscratch verify --markdown`. `nnfromscratch verify` runs all of it",
        "again, in seconds, with NumPy alone, and prints the errors of the machine at hand; here",
        "they are rounded up to a power of ten, to 1e-14 at least. An error is the largest",
        "difference divided by the largest entry of the reference.",
        "",
        "| function | checked against | largest relative error | bound | verdict |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        error = _rounded_up(row.error) if row.bound else "0"
        lines.append(f"| `{row.function}` | {row.against} | {error} | {row.bound:.0g} | passed |")
    lines += ["", "Not in the table, because they compute nothing:", ""]
    lines += [f"- `{name}`: {reason}" for name, reason in EXEMPT.items()]
    return "\n".join(lines) + "\n"


def _rounded_up(error: float) -> str:
    power = max(-14, math.ceil(math.log10(error))) if error else -14
    return f"below {10.0**power:.0g}"


def case(function: str, against: str, bound: float = ROUNDING) -> Callable[[Check], Check]:
    """Enter the check that follows into the table."""

    def enter(check: Check) -> Check:
        CASES.append(Case(function, against, bound, check))
        return check

    return enter


# --- The references: the course's formulas once more, for lists of Python's numbers


def each(f: Callable) -> Callable:
    """Return the function that applies f to every entry of a list of rows."""
    return lambda z: [[f(value) for value in row] for row in z]


def plain_linear(x: list, w: list, b: list) -> list:
    """z[n][k] = Σ_d x[n][d] w[d][k] + b[k]."""
    return [
        [sum(row[d] * w[d][k] for d in range(len(w))) + b[k] for k in range(len(b))] for row in x
    ]


def plain_softmax(z: list) -> list:
    """p[n][c] = exp(z[n][c]) / Σ_k exp(z[n][k])."""
    exponentials = each(cmath.exp)(z)
    return [[e / sum(row) for e in row] for row in exponentials]


def plain_cross_entropy(z: list, y: list) -> complex:
    """-1/N Σ_n log p[n][y[n]]."""
    return -sum(cmath.log(p[label]) for p, label in zip(plain_softmax(z), y, strict=True)) / len(y)


def plain_moments(x: list) -> list:
    """Return mean and variance of every column, both sums divided by N."""
    columns = list(zip(*x, strict=True))
    means = [sum(column) / len(x) for column in columns]
    return [
        (m, sum((v - m) ** 2 for v in column) / len(x))
        for m, column in zip(means, columns, strict=True)
    ]


def plain_normalize(x: list, moments: list, gamma: list, beta: list, root: Callable) -> list:
    """y[n][d] = gamma[d] (x[n][d] - m[d]) / root(v[d]) + beta[d]."""
    columns = list(zip(moments, gamma, beta, strict=True))
    return [
        [g * (value - m) / root(v) + b for value, ((m, v), g, b) in zip(row, columns, strict=True)]
        for row in x
    ]


def plain_batch_norm(x: list, gamma: list, beta: list) -> list:
    """Y = gamma (x - m) / sqrt(v + 1e-5) + beta with the batch's own m and v."""
    return plain_normalize(x, plain_moments(x), gamma, beta, lambda v: cmath.sqrt(v + 1e-5))


PLAIN = {
    "relu": each(lambda z: z if z.real > 0 else 0.0),
    "leaky_relu": each(lambda z: z if z.real > 0 else 0.01 * z),
    "sigmoid": each(lambda z: 1 / (1 + cmath.exp(-z))),
    "tanh": each(cmath.tanh),
    "softmax": plain_softmax,
    "log_softmax": lambda z: each(cmath.log)(plain_softmax(z)),
}


def plain_network(activation: str, y: list) -> Callable:
    """Return the loss of a network with one hidden layer as a function of its arrays."""

    def loss(x: list, w1: list, b1: list, w2: list, b2: list) -> complex:
        a1 = PLAIN[activation](plain_linear(x, w1, b1))
        return plain_cross_entropy(plain_linear(a1, w2, b2), y)

    return loss


def weighted_sum(rows: list, weights: FloatArray) -> complex:
    """Turn outputs into one number whose derivative by them is `weights`."""
    return sum(map(lambda row, v: sum(map(lambda a, b: a * b, row, v)), rows, weights.tolist()))


def slopes(f: Callable, *arrays: FloatArray) -> list[FloatArray]:
    """Differentiate f, a function of lists, by every entry of every array: Im f(x + ih) / h."""
    h = 1e-30
    gradients = [np.empty(array.shape) for array in arrays]
    for k, gradient in enumerate(gradients):
        for index in np.ndindex(gradient.shape):
            moved = [array.astype(complex) for array in arrays]
            moved[k][index] += h * 1j
            gradient[index] = f(*[array.tolist() for array in moved]).imag / h
    return gradients


def gradients(plain: Callable, d_out: FloatArray, *arrays: FloatArray) -> list[FloatArray]:
    """Differentiate outputs weighted by `d_out`: what a backward that is given it must return."""
    return slopes(lambda *given: weighted_sum(plain(*given), d_out), *arrays)


def draw(*shapes: tuple[int, ...]) -> list[FloatArray]:
    """Return arrays of random numbers at least 0.1 away from zero, where relu has its kink."""
    rng = np.random.default_rng(0)
    return [rng.uniform(0.1, 2, shape) * rng.choice([-1, 1], shape) for shape in shapes]


def fractions(array: FloatArray) -> list:
    """Return a matrix as rows of exact fractions."""
    return [[Fraction(value) for value in row] for row in array.tolist()]


# --- functional


@case("linear", "the sum written out, in exact fractions")
def _() -> Iterator[tuple]:
    x, w, b = draw((5, 4), (4, 3), (3,))
    yield nn.linear(x, w, b), plain_linear(fractions(x), fractions(w), fractions(b[np.newaxis])[0])


@case("linear_backward", "complex steps through the sum written out")
def _() -> Iterator[tuple]:
    x, w, b, dz = draw((5, 4), (4, 3), (3,), (5, 3))
    expected = gradients(plain_linear, dz, x, w, b)
    yield from zip(nn.linear_backward(dz, x, w), expected, strict=True)
    yield from zip(nn.linear_backward(dz, x, w, need_dx=False)[1:], expected[1:], strict=True)


@case("relu", "the larger of z and 0, entry by entry", EXACT)
def _() -> Iterator[tuple]:
    z = [[-2.0, -1e-300, 0.0, 1e-300, 3.0]]
    yield nn.relu(z), each(lambda z: max(z, 0.0))(z)


@case("relu_backward", "a closed gate where z = 0", EXACT)
def _() -> Iterator[tuple]:
    yield nn.relu_backward([5.0, 5.0, 5.0], [-1.0, 0.0, 1.0]), [0, 0, 5]


@case("leaky_relu", "z or slope z, entry by entry", EXACT)
def _() -> Iterator[tuple]:
    z = [[-2.0, -1e-300, 0.0, 1e-300, 3.0]]
    yield nn.leaky_relu(z), each(lambda z: z if z > 0 else 0.01 * z)(z)
    yield nn.leaky_relu(z, 0.25), each(lambda z: z if z > 0 else z / 4)(z)


@case("leaky_relu_backward", "a gate a quarter open where z = 0", EXACT)
def _() -> Iterator[tuple]:
    yield nn.leaky_relu_backward([5.0, 5.0, 5.0], [-1.0, 0.0, 1.0], 0.25), [1.25, 1.25, 5]


# Sixteenths from -40 to 40: their differences are exact, so every error is the function's own.
WIDE = (np.arange(-640, 641).reshape(-1, 7) / 16).tolist()


@case("sigmoid", "1 / (1 + exp(-z)) in decimals, z from -700 to 700")
def _() -> Iterator[tuple]:
    z = [[-700.0, 700.0, -1e-9, 0.0], *WIDE]
    for row in z:
        yield from zip(nn.sigmoid(row), [1 / (1 + Decimal(-v).exp()) for v in row], strict=True)


@case("tanh", "(1 - exp(-2z)) / (1 + exp(-2z)) in decimals, z from -300 to 300")
def _() -> Iterator[tuple]:
    for row in [[-300.0, 300.0, -1e-6, 0.0], *WIDE]:
        e = [Decimal(-2 * v).exp() for v in row]
        yield from zip(nn.tanh(row), [(1 - v) / (1 + v) for v in e], strict=True)


@case("softmax", "exp(z) / sum of exp(z) in decimals, z from -1000 to 1000")
def _() -> Iterator[tuple]:
    for row in [[1000.0, 600.0, 300.0], [-1000.0, -1000.0, -999.0], *WIDE]:
        e = [Decimal(v).exp() for v in row]
        yield from zip(nn.softmax([row])[0], [v / sum(e) for v in e], strict=True)


@case("log_softmax", "z - ln(sum of exp(z)) in decimals, z from -1000 to 1000")
def _() -> Iterator[tuple]:
    for row in [[1000.0, -1000.0, 0.0], [-1000.0, -1000.0, -999.0], *WIDE]:
        total = sum(Decimal(v).exp() for v in row).ln()
        yield nn.log_softmax([row])[0], [Decimal(v) - total for v in row]


def _backward_case(name: str) -> None:
    @case(f"{name}_backward", f"complex steps through {name} in plain Python")
    def _() -> Iterator[tuple]:
        z, d_out = draw((5, 4), (5, 4))
        remembered = z if name.endswith("relu") else np.real(PLAIN[name](z.tolist()))
        found = getattr(nn, f"{name}_backward")(d_out, remembered)
        yield found, gradients(PLAIN[name], d_out, z)[0]


for _name in PLAIN:
    _backward_case(_name)


def decimals(*arrays: FloatArray) -> list:
    """Return each array as a list of decimals, or as rows of them."""
    return [np.vectorize(Decimal, otypes=[object])(array).tolist() for array in arrays]


def decimal_root(variance: Decimal) -> Decimal:
    """sqrt(variance + 1e-5)."""
    return (variance + Decimal("0.00001")).sqrt()


@case("batch_statistics", "sums over each column, divided by N, in exact fractions")
def _() -> Iterator[tuple]:
    (x,) = draw((6, 4))
    yield np.array(nn.batch_statistics(x)).T, plain_moments(fractions(x))


@case("normalize", "its formula entry by entry, the root in decimals")
def _() -> Iterator[tuple]:
    x, mean, variance, gamma, beta = arrays = draw((6, 4), (4,), (4,), (4,), (4,))
    variance[...] = abs(variance)
    rows, m, v, g, b = decimals(*arrays)
    expected = plain_normalize(rows, list(zip(m, v, strict=True)), g, b, decimal_root)
    yield nn.normalize(x, mean, variance, gamma, beta), expected


@case("normalize_backward", "complex steps through its formula with constant statistics")
def _() -> Iterator[tuple]:
    x, mean, variance, gamma, beta, dy = draw((6, 4), (4,), (4,), (4,), (4,), (6, 4))
    variance = abs(variance)
    moments = list(zip(mean.tolist(), variance.tolist(), strict=True))

    def plain(x: list, gamma: list, beta: list) -> list:
        return plain_normalize(x, moments, gamma, beta, lambda v: math.sqrt(v + 1e-5))

    found = nn.normalize_backward(dy, x, mean, variance, gamma)
    yield from zip(found, gradients(plain, dy, x, gamma, beta), strict=True)


@case("batch_norm", "mean, variance and root in decimals")
def _() -> Iterator[tuple]:
    arrays = draw((6, 4), (4,), (4,))
    x, gamma, beta = decimals(*arrays)
    expected = plain_normalize(x, plain_moments(x), gamma, beta, decimal_root)
    yield nn.batch_norm(*arrays), expected


@case("batch_norm_backward", "complex steps through batch_norm in plain Python")
def _() -> Iterator[tuple]:
    x, gamma, beta, dy = draw((6, 4), (4,), (4,), (6, 4))
    expected = gradients(plain_batch_norm, dy, x, gamma, beta)
    yield from zip(nn.batch_norm_backward(dy, x, gamma), expected, strict=True)


# --- losses


@case("softmax_cross_entropy", "the loss in decimals; complex steps through it in plain Python")
def _() -> Iterator[tuple]:
    (z,), y = draw((5, 4)), [3, 0, 1, 1, 2]
    loss, dz = nn.softmax_cross_entropy(z, y)
    terms = [
        sum(Decimal(v).exp() for v in row).ln() - Decimal(row[label])
        for row, label in zip(z.tolist(), y, strict=True)
    ]
    yield loss, sum(terms) / 5
    yield dz, slopes(lambda z: plain_cross_entropy(z, y), z)[0]


@case("mean_squared_error", "the loss in exact fractions; complex steps through it")
def _() -> Iterator[tuple]:
    a, target = draw((5, 4), (5, 4))

    def plain(a, target):
        squares = map(lambda p, q: sum(map(lambda v, t: (v - t) ** 2, p, q)), a, target)
        return sum(squares) / 20

    loss, da = nn.mean_squared_error(a, target)
    yield loss, plain(fractions(a), fractions(target))
    yield da, slopes(lambda a: plain(a, target.tolist()), a)[0]


# --- layers and models


@case("Linear", "complex steps through the sum written out")
def _() -> Iterator[tuple]:
    x, b, d_out = draw((5, 4), (3,), (5, 3))
    layer = nn.Linear(4, 3, rng=np.random.default_rng(0), dtype=np.float64)
    layer.params["b"] += b
    w, b = layer.params["w"], layer.params["b"]
    yield layer.forward(x), plain_linear(x.tolist(), w.tolist(), b.tolist())
    found = [layer.backward(d_out), layer.grads["w"], layer.grads["b"]]
    yield from zip(found, gradients(plain_linear, d_out, x, w, b), strict=True)


def _layer_case(kind: str, name: str) -> None:
    @case(kind, f"complex steps through {name} in plain Python")
    def _() -> Iterator[tuple]:
        z, d_out = draw((5, 4), (5, 4))
        layer, plain = getattr(nn, kind)(), PLAIN[name]
        yield layer.forward(z), np.real(plain(z.tolist()))
        yield layer.backward(d_out), gradients(plain, d_out, z)[0]


for _kind in ("ReLU", "LeakyReLU", "Sigmoid", "Tanh", "Softmax"):
    _layer_case(_kind, "leaky_relu" if _kind == "LeakyReLU" else _kind.lower())


@case("Dropout", "0 or x / (1 - rate), back by the same mask; x when testing")
def _() -> Iterator[tuple]:
    x, d_out = draw((20, 30), (20, 30))
    layer = nn.Dropout(0.25, rng=np.random.default_rng(0))
    y = layer.forward(x, training=True)
    silent = [[value == 0 for value in row] for row in y.tolist()]
    for given, found in ((x, y), (d_out, layer.backward(d_out))):
        yield (
            found,
            [
                [0 if s else v / Fraction(0.75) for v, s in zip(*rows, strict=True)]
                for rows in zip(fractions(given), silent, strict=True)
            ],
        )
    yield len(set(map(tuple, silent))), 20  # every example has a mask of its own
    yield layer.forward(x), x
    yield layer.backward(d_out), d_out


@case("Dropout, on average", "x where x = 1, of a million; the rate for the silent ones", 1e-2)
def _() -> Iterator[tuple]:
    for rate in (0.25, 0.5):
        layer = nn.Dropout(rate, rng=np.random.default_rng(0))
        y = layer.forward(np.ones((1000, 1000)), training=True)
        yield [y.mean(), (y == 0).mean() / rate], [1, 1]


def _batch_norm_layer(mode: str, against: str) -> Callable[[Callable], None]:
    """Enter a check of BatchNorm, given the layer, and pair its gradients with complex steps."""

    def enter(plain_of: Callable) -> None:
        @case(f"BatchNorm, {mode}", against)
        def _() -> Iterator[tuple]:
            first, x, gamma, beta, dy = draw((6, 4), (6, 4), (4,), (4,), (6, 4))
            layer = nn.BatchNorm(4, momentum=0.75, dtype=np.float64)
            layer.params["gamma"][...], layer.params["beta"][...] = gamma, beta
            for batch in (first, 3 * x):
                layer.forward(batch, training=True)
            averages = [(0.0, 1.0)] * 4
            for batch in (first, 3 * x):
                moments = plain_moments(batch.tolist())
                averages = [
                    (0.75 * m + 0.25 * m_now, 0.75 * v + 0.25 * v_now)
                    for (m, v), (m_now, v_now) in zip(averages, moments, strict=True)
                ]
            yield np.transpose(list(layer.buffers.values())), averages
            plain = plain_of(averages)
            y = layer.forward(x, training=mode == "training")
            yield y, np.real(plain(x.tolist(), gamma.tolist(), beta.tolist()))
            found = [layer.backward(dy), layer.grads["gamma"], layer.grads["beta"]]
            yield from zip(found, gradients(plain, dy, x, gamma, beta), strict=True)

    return enter


@_batch_norm_layer("training", "complex steps through batch_norm in plain Python")
def _(averages: list) -> Callable:
    return plain_batch_norm


@_batch_norm_layer("testing", "complex steps through its formula with the running averages")
def _(averages: list) -> Callable:
    return lambda x, gamma, beta: plain_normalize(
        x, averages, gamma, beta, lambda v: cmath.sqrt(v + 1e-5)
    )


def _network_pairs(model: "nn.Sequential", activation: str) -> Iterator[tuple]:
    """Pair all gradients of a network with one hidden layer with those of the plain network."""
    (x,), y = draw((6, 4)), [0, 2, 1, 1, 0, 2]
    for name, array in model.params.items():
        if name.startswith("b"):
            array += np.linspace(-0.3, 0.4, array.size)
    loss, dz = nn.softmax_cross_entropy(model.forward(x, training=True), y)
    found = {"x": model.backward(dz), **model.grads}
    plain = plain_network(activation, y)
    arrays = [x, *model.params.values()]
    yield loss, plain(*[array.tolist() for array in arrays]).real
    yield from zip(found.values(), slopes(plain, *arrays), strict=True)


@case("Sequential", "complex steps through a network of plain Python")
def _() -> Iterator[tuple]:
    rng = np.random.default_rng(0)
    layers = [nn.Linear(4, 5, rng=rng), nn.Tanh(), nn.Linear(5, 3, rng=rng)]
    yield from _network_pairs(nn.Sequential(layers), "tanh")


def _affine_model(w: FloatArray, b: FloatArray) -> "nn.Sequential":
    """Return a network of one affine layer, in float64."""
    model = nn.Sequential([nn.Linear(*w.shape, rng=np.random.default_rng(0), dtype=np.float64)])
    model.params["w1"][...], model.params["b1"][...] = w, b
    return model


@case("Sequential.predict", "the largest logit of a network of plain Python", EXACT)
def _() -> Iterator[tuple]:
    x, w, b = draw((7, 4), (4, 3), (3,))
    model = _affine_model(w, b)
    logits = plain_linear(x.tolist(), w.tolist(), b.tolist())
    yield model.predict(x, batch_size=3), [row.index(max(row)) for row in logits]


@case("Sequential.load", "the parameters that were saved", EXACT)
def _() -> Iterator[tuple]:
    saved, loaded = (nn.mlp([4, 5, 3], rng=np.random.default_rng(seed)) for seed in (0, 1))
    with tempfile.TemporaryDirectory() as folder:
        saved.save(Path(folder) / "model.npz")
        loaded.load(Path(folder) / "model.npz")
    yield list(loaded.params), list(saved.params)
    yield from zip(loaded.params.values(), saved.params.values(), strict=True)


@case("mlp", "complex steps through networks of plain Python, every activation")
def _() -> Iterator[tuple]:
    for activation in ("relu", "leaky_relu", "sigmoid", "tanh"):
        model = nn.mlp([4, 5, 3], activation=activation, rng=np.random.default_rng(0))
        yield from _network_pairs(model, activation)


@case("trace_shapes", "the shapes in the course's table of notation", EXACT)
def _() -> Iterator[tuple]:
    n, d, h, c = 7, 4, 5, 3
    expected = {"x": (n, d), "w1": (d, h), "b1": (h,), "z1": (n, h), "a1": (n, h)}
    expected |= {"w2": (h, c), "b2": (c,), "z2": (n, c), "loss": ()}
    model = nn.mlp([d, h, c], rng=np.random.default_rng(0))
    trace = nn.trace_shapes(model, np.ones((n, d)), np.zeros(n, int))
    yield [str((t.name, t.shape)) for t in trace], [str(pair) for pair in expected.items()]
    yield [str(t.gradient_shape) for t in trace], [str(shape) for shape in expected.values()]


# --- optimizers and schedules, on the parabola w² / 2, whose gradient is w


def descend(optimizer: "nn.Optimizer", steps: int) -> list[float]:
    """Return a weight and a bias after some steps from 2."""
    model = nn.Linear(1, 1, rng=np.random.default_rng(0), dtype=np.float64)
    for array in model.params.values():
        array[...] = 2
    for _ in range(steps):
        model.grads = {name: array.copy() for name, array in model.params.items()}
        optimizer.step(model)
    return [model.params["w"].item(), model.params["b"].item()]


@case("SGD", "2 (1 - rate (1 + weight_decay))^t in fractions; bias not decayed")
def _() -> Iterator[tuple]:
    rate, decay = Fraction(0.3), Fraction(0.25)
    expected = [2 * (1 - rate * (1 + decay)) ** 20, 2 * (1 - rate) ** 20]
    yield from zip(descend(nn.SGD(0.3, weight_decay=0.25), 20), expected, strict=True)


@case("SGD, momentum", "the heavy ball: a step is -rate w + momentum times the last step")
def _() -> Iterator[tuple]:
    rate, momentum = Fraction(0.3), Fraction(0.6)
    before = now = Fraction(2)
    for _ in range(20):
        before, now = now, now - rate * now + momentum * (now - before)
    yield descend(nn.SGD(0.3, momentum=0.6), 20), [now, now]


@case("SGD, nesterov", "the gradient taken ahead, at w + momentum v (Sutskever, 2013)")
def _() -> Iterator[tuple]:
    rate, momentum = Fraction(0.3), Fraction(0.6)
    w, v = Fraction(2), Fraction(0)
    for _ in range(20):
        v = momentum * v - rate * (w + momentum * v)
        w += v
    # The optimizer keeps the point ahead, where the next gradient is taken.
    yield descend(nn.SGD(0.3, momentum=0.6, nesterov=True), 20), [w + momentum * v] * 2


def plain_adam(
    rate: float,
    betas: tuple[float, float],
    epsilon: float,
    decay: float = 0,
    *,
    corrected: bool = True,
    decoupled: bool = False,
) -> Decimal:
    """Return a weight after three steps from 2, in decimals."""
    w, m, s = Decimal(2), Decimal(0), Decimal(0)
    rate, epsilon, decay, beta1, beta2 = map(Decimal, (rate, epsilon, decay, *betas))
    for t in range(1, 4):
        g = w if decoupled else w + decay * w
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * g**2
        m_hat, s_hat = (m / (1 - beta1**t), s / (1 - beta2**t)) if corrected else (m, s)
        kept = 1 - rate * decay if decoupled else 1
        w = kept * w - rate * m_hat / (s_hat.sqrt() + epsilon)
    return w


@case("RMSProp", "lecture 6e of Tieleman and Hinton, three steps in decimals")
def _() -> Iterator[tuple]:
    expected = [plain_adam(0.3, (0, 0.75), 0.125, decay, corrected=False) for decay in (0.25, 0)]
    yield descend(nn.RMSProp(0.3, 0.75, 0.125, 0.25), 3), expected
    yield descend(nn.RMSProp(), 3), [plain_adam(0.001, (0, 0.9), 1e-8, corrected=False)] * 2


@case("Adam", "algorithm 1 of Kingma and Ba, three steps in decimals")
def _() -> Iterator[tuple]:
    expected = [plain_adam(0.3, (0.5, 0.75), 0.125, decay) for decay in (0.25, 0)]
    yield descend(nn.Adam(0.3, 0.5, 0.75, 0.125, 0.25), 3), expected
    yield descend(nn.Adam(), 3), [plain_adam(0.001, (0.9, 0.999), 1e-8)] * 2


@case("AdamW", "algorithm 2 of Loshchilov and Hutter, three steps in decimals")
def _() -> Iterator[tuple]:
    for rate, betas, epsilon, decay in (
        (0.3, (0.5, 0.75), 0.125, 0.25),
        (0.001, (0.9, 0.999), 1e-8, 0.01),
    ):
        expected = [plain_adam(rate, betas, epsilon, d, decoupled=True) for d in (decay, 0)]
        yield descend(nn.AdamW(rate, *betas, epsilon, decay), 3), expected
    yield descend(nn.AdamW(), 3), expected


@case("schedules.constant", "1", EXACT)
def _() -> Iterator[tuple]:
    yield [nn.schedules.constant()(t / 8) for t in range(9)], [1] * 9


@case("schedules.linear_decay", "the straight line from 1 to the end, in exact fractions")
def _() -> Iterator[tuple]:
    for end in (0, 0.25, 3):
        line = [Fraction(8 - t, 8) + Fraction(end) * Fraction(t, 8) for t in range(9)]
        yield [nn.schedules.linear_decay(end)(t / 8) for t in range(9)], line


@case("schedules.step_decay", "drops counted in integers, a power of two each", EXACT)
def _() -> Iterator[tuple]:
    yield (
        [nn.schedules.step_decay()(t / 20) for t in range(20)],
        [0.5 ** (t // 2) for t in range(20)],
    )
    found = [nn.schedules.step_decay(0.25, 0.5)(t / 8) for t in range(9)]
    yield found, [1] * 4 + [1 / 4] * 4 + [1 / 16]


@case("schedules.exponential_decay", "exp(t ln(end)) in decimals")
def _() -> Iterator[tuple]:
    for end in (0.01, 0.25, 3):
        expected = [(Decimal(end).ln() * t / 8).exp() for t in range(9)]
        yield [nn.schedules.exponential_decay(end)(t / 8) for t in range(9)], expected


@case("schedules.cosine", "cos(x)^2 at 0, 30, 45, 60 and 90 degrees: 1, 3/4, 1/2, 1/4, 0")
def _() -> Iterator[tuple]:
    for end in (0, 0.25, 3):
        found = [nn.schedules.cosine(end)(degrees / 90) for degrees in (0, 30, 45, 60, 90)]
        yield found, [Fraction(end) + (1 - Fraction(end)) * Fraction(k, 4) for k in (4, 3, 2, 1, 0)]


@case("schedules.warmup", "two straight lines, up and down, in exact fractions")
def _() -> Iterator[tuple]:
    up = [Fraction(t, 4) for t in range(4)]
    found = nn.schedules.warmup(0.25)
    yield [found(t / 16) for t in range(17)], up + [1] * 13
    found = nn.schedules.warmup(0.25, nn.schedules.linear_decay(0.5))
    yield [found(t / 16) for t in range(17)], up + [1 - Fraction(t, 24) for t in range(13)]


# --- initializers


def distribution(w: FloatArray, deviation: float) -> tuple[list[float], list[float]]:
    """Return the fraction of weights below each weight, and that of a normal distribution."""
    ordered = sorted(w.ravel().tolist())
    below = [(rank + 0.5) / len(ordered) for rank in range(len(ordered))]
    return below, [0.5 + 0.5 * math.erf(v / (deviation * math.sqrt(2))) for v in ordered]


def _initializer_case(name: str, text: str, deviation: float, *settings: float) -> None:
    @case(name, f"normal distribution by math.erf, deviation {text}", 1e-2)
    def _() -> Iterator[tuple]:
        rng = np.random.default_rng(0)
        yield distribution(getattr(nn, name)((200, 500), *settings, rng=rng), deviation)


_initializer_case("normal", "0.05", 0.05, 0.05)
_initializer_case("he_normal", "sqrt(2 / D)", math.sqrt(2 / 200))
_initializer_case("xavier_normal", "sqrt(2 / (D + K))", math.sqrt(2 / 700))


@case("orthogonal", "Gram and Schmidt's steps on the same draws, in decimals")
def _() -> Iterator[tuple]:
    for shape, gain in (((6, 4), 1), ((4, 6), 1), ((5, 5), 3)):
        vectors = np.random.default_rng(0).standard_normal((max(shape), min(shape))).T
        basis = []
        for v in each(Decimal)(vectors.tolist()):
            for u in basis:
                along = sum(map(lambda p, q: p * q, u, v))
                v = [p - along * q for p, q in zip(v, u, strict=True)]
            basis.append([p / sum(q * q for q in v).sqrt() for p in v])
        rows = basis if shape[0] < shape[1] else zip(*basis, strict=True)
        found = nn.orthogonal(shape, gain, rng=np.random.default_rng(0), dtype=np.float64)
        yield found, [[gain * value for value in row] for row in rows]


# --- data


@case("load_mnist", "SHA-256 of the published files, rebuilt from arrays; class counts", EXACT)
def _() -> Iterator[tuple]:
    x_train, y_train, x_test, y_test = nn.load_mnist()
    for (name, published), array in zip(
        MNIST_SHA256.items(), (x_train, y_train, x_test, y_test), strict=True
    ):
        shape = (len(array), 28, 28) if "images" in name else (len(array),)
        scale = 255 if "images" in name else 1
        content = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
        content += np.rint(array * scale).astype(np.uint8).tobytes()
        yield hashlib.sha256(content).hexdigest(), published
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    yield [y_train.tolist().count(digit) for digit in range(10)], counts


@case("load_idx", "numbers packed by Python's struct", EXACT)
def _() -> Iterator[tuple]:
    numbers = list(range(6))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        for code, letter in ((8, "B"), (9, "b"), (11, "h"), (12, "i"), (13, "f"), (14, "d")):
            path.write_bytes(struct.pack(f">HBBII6{letter}", 0, code, 2, 2, 3, *numbers))
            yield nn.load_idx(path), [numbers[:3], numbers[3:]]


@case("load_digits_csv", "the numbers written, pixels divided by 255 in float32", EXACT)
def _() -> Iterator[tuple]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.csv"
        path.write_text("label,a,b,c,d\n7,0,1,254,255\n0,10,20,30,40\n")
        x, y = nn.load_digits_csv(path)
    in_float32 = each(lambda pixel: struct.unpack("f", struct.pack("f", pixel / 255))[0])
    yield x, in_float32([[0, 1, 254, 255], [10, 20, 30, 40]])
    yield y, [7, 0]


@case("one_hot", "1 where the column is the label, entry by entry", EXACT)
def _() -> Iterator[tuple]:
    y = [2, 0, 3, 3]
    yield nn.one_hot(y, 5), [[1 if c == label else 0 for c in range(5)] for label in y]


@case("minibatches", "every example once, beside its label, in batches of 4, 4 and 2", EXACT)
def _() -> Iterator[tuple]:
    x = np.arange(20.0).reshape(10, 2)
    batches = list(nn.minibatches(x, np.arange(10), 4, rng=np.random.default_rng(0)))
    y = [label for _, labels in batches for label in labels.tolist()]
    yield [len(batch) for batch, _ in batches], [4, 4, 2]
    yield sorted(y), range(10)
    yield y != sorted(y), True
    yield [row for batch, _ in batches for row in batch.tolist()], [[2 * n, 2 * n + 1] for n in y]


@case("train_validation_split", "every example once, beside its label, 3 set aside", EXACT)
def _() -> Iterator[tuple]:
    x = np.arange(20.0).reshape(10, 2)
    rng = np.random.default_rng(0)
    x_train, y_train, x_valid, y_valid = nn.train_validation_split(x, np.arange(10), 3, rng=rng)
    y = [*y_train.tolist(), *y_valid.tolist()]
    yield [len(y_train), len(y_valid)], [7, 3]
    yield sorted(y), range(10)
    yield y[:7] != sorted(y[:7]), True
    yield [*x_train.tolist(), *x_valid.tolist()], [[2 * n, 2 * n + 1] for n in y]


# --- augmentation


@case("distort", "the image itself if all strengths are zero", EXACT)
def _() -> Iterator[tuple]:
    (x,) = draw((3, 49))
    still = {"rotation": 0, "scaling": 0, "shear": 0, "elastic": 0}
    yield nn.distort(x, rng=np.random.default_rng(0), **still), x


def plain_bilinear(image: list, row: float, column: float) -> float:
    """Return the sum of all pixels, each weighted by its nearness in either direction."""
    return sum(
        value * max(0, 1 - abs(r - row)) * max(0, 1 - abs(c - column))
        for r, values in enumerate(image)
        for c, value in enumerate(values)
    )


def plain_distort(image: list, angle: float, stretch: list, slant: float, noise: list) -> list:
    """Read an image at c + A (r - c) + u(r), all of it pixel by pixel; noise is None or two."""
    pixels = range(len(image))
    centre = (len(image) - 1) / 2
    sin, cos = math.sin(math.radians(angle)), math.cos(math.radians(angle))
    gauss = [[math.exp(-((i - j) ** 2) / (2 * 1.5**2)) for j in pixels] for i in pixels]
    gauss = [[value / sum(row) for value in row] for row in gauss]
    out = []
    for r in pixels:
        for c in pixels:
            down = stretch[0] * (r - centre)
            right = slant * (r - centre) + stretch[1] * (c - centre)
            u = [
                sum(gauss[r][i] * gauss[c][j] * field[i][j] for i in pixels for j in pixels)
                for field in noise
            ]
            row, column = cos * down - sin * right + u[0], sin * down + cos * right + u[1]
            out.append(plain_bilinear(image, centre + row, centre + column))
    return out


def _distort_case(name: str, against: str, **strengths: float) -> None:
    @case(f"distort, {name}", f"{against}, pixel by pixel; it works in float32", 1e-5)
    def _() -> Iterator[tuple]:
        n, side = 3, 5
        x = np.abs(draw((n, side * side))[0])
        settings = {"rotation": 0.0, "scaling": 0.0, "shear": 0.0, "elastic": 0.0} | strengths
        # What the same generator draws, in the same order.
        rng = np.random.default_rng(0)
        angle = settings["rotation"] * rng.uniform(-1, 1, n)
        stretch = 1 + settings["scaling"] * rng.uniform(-1, 1, (2, n))
        slant = settings["shear"] * rng.uniform(-1, 1, n)
        noise = 2 * rng.random((2, n, side, side), dtype=np.float32).astype(float) - 1
        noise *= settings["elastic"]
        images = x.reshape(n, side, side).tolist()
        found = nn.distort(x, rng=np.random.default_rng(0), sigma=1.5, **settings)
        yield (
            found,
            [
                plain_distort(
                    images[k],
                    angle[k].item(),
                    stretch[:, k].tolist(),
                    slant[k].item(),
                    noise[:, k].tolist(),
                )
                for k in range(n)
            ],
        )


_distort_case("turned", "the turned grid", rotation=40.0)
_distort_case("all of it", "its formula", rotation=10.0, scaling=0.1, shear=0.1, elastic=1.0)


# --- training


@case("evaluate", "loss and wrong answers counted in plain Python, in batches of 3")
def _() -> Iterator[tuple]:
    x, w, b = draw((7, 4), (4, 3), (3,))
    y = [0, 2, 1, 1, 0, 2, 2]
    model = _affine_model(w, b)
    z = plain_linear(x.tolist(), w.tolist(), b.tolist())
    wrong = sum(row.index(max(row)) != label for row, label in zip(z, y, strict=True))
    expected = [plain_cross_entropy(z, y).real, wrong / 7]
    yield from zip(nn.evaluate(model, x, y, batch_size=3), expected, strict=True)


def _fit_pairs(x: FloatArray, y: list, batch_size: int, steps: int, epochs: int) -> Iterator[tuple]:
    """Pair the weights after `fit` with those after as many steps in plain Python."""
    w, b = draw((4, 3), (3,))
    model = _affine_model(w, b)

    def loss(w, b):
        return plain_cross_entropy(plain_linear(x.tolist(), w, b), y)

    losses = []
    for step in range(steps):
        losses.append(loss(w.tolist(), b.tolist()).real)
        dw, db = slopes(loss, w, b)
        rate = 0.5 * (1 - step / steps)
        w, b = w - rate * dw, b - rate * db
    history = nn.fit(
        model,
        (x, np.array(y)),
        optimizer=nn.SGD(0.5),
        epochs=epochs,
        batch_size=batch_size,
        rng=np.random.default_rng(0),
        schedule=nn.schedules.linear_decay(),
        progress=False,
    )
    yield from zip(model.params.values(), (w, b), strict=True)
    yield history.batch_loss, losses


@case("fit", "gradient descent in plain Python, its gradients by complex steps")
def _() -> Iterator[tuple]:
    (x,), y = draw((6, 4)), [0, 2, 1, 1, 0, 2]
    yield from _fit_pairs(x, y, batch_size=6, steps=4, epochs=4)
    # One example six times over: whatever the order, the batches are the same.
    yield from _fit_pairs(np.tile(x[:1], (6, 1)), y[:1] * 6, batch_size=2, steps=6, epochs=2)


@case("EarlyStopping", "the epoch of the smallest error, its parameters and buffers", EXACT)
def _() -> Iterator[tuple]:
    for errors, best in (([5, 4, 2, 3, 6, 1], 3), ([5, 2, 2, 2], 2), ([7, 5, 6, 4, 5, 6], 4)):
        model, history = nn.Sequential([nn.BatchNorm(3)]), nn.History()
        arrays = [*model.params.values(), *model.buffers.values()]
        stopping, answers = nn.EarlyStopping(patience=2), []
        for epoch, error in enumerate(errors, start=1):
            for k, array in enumerate(arrays):
                array[...] = 10 * epoch + k
            history.loss.append(0.0)
            history.validation_error.append(error / 10)
            answers.append(stopping(model, history))
            if answers[-1]:
                break
        yield answers, [False] * (best + 1) + [True]
        yield arrays, [[10 * best + k] * 3 for k in range(4)]


@case("Checkpoint", "the same run without a break, bit by bit", EXACT)
def _() -> Iterator[tuple]:
    x, y = np.float32(draw((12, 4))[0]), np.arange(12) % 3

    def run(path: Path, seed: int, stop: int | None = None) -> tuple:
        rng, layers_rng = np.random.default_rng(seed), np.random.default_rng(seed + 1)
        layers = [nn.Linear(4, 5, rng=rng), nn.BatchNorm(5), nn.Dropout(0.5, rng=layers_rng)]
        model = nn.Sequential([*layers, nn.Linear(5, 3, rng=rng)])
        optimizer = nn.Adam(0.1)
        checkpoint = nn.Checkpoint(path, optimizer=optimizer, rng=rng)
        history = nn.fit(
            model,
            (x, y),
            optimizer=optimizer,
            epochs=4,
            batch_size=4,
            rng=rng,
            callbacks=[checkpoint, lambda model, history: history.epochs == stop],
            history=checkpoint.resume(model),
            progress=False,
        )
        return model, history

    with tempfile.TemporaryDirectory() as folder:
        whole, expected = run(Path(folder) / "whole.npz", 0)
        run(Path(folder) / "broken.npz", 0, stop=2)
        resumed, history = run(Path(folder) / "broken.npz", 7)
    yield history.batch_loss, expected.batch_loss
    arrays = [[*model.params.values(), *model.buffers.values()] for model in (resumed, whole)]
    yield from zip(*arrays, strict=True)


# --- diagnostics


@case("diagnostics.layer_statistics", "a network of plain Python, its gradients by complex steps")
def _() -> Iterator[tuple]:
    (x,), y = draw((6, 4)), [0, 2, 1, 1, 0, 2]
    limits = {"relu": (-math.inf, math.inf), "sigmoid": (0.01, 0.99), "tanh": (-0.99, 0.99)}
    for activation, (low, high) in limits.items():
        model = nn.mlp([4, 5, 3], activation=activation, rng=np.random.default_rng(0))
        model.params["w1"][...] *= 3
        model.params["b1"][1] -= 50
        w1, b1, w2, b2 = (array.tolist() for array in model.params.values())
        plain = PLAIN[activation]
        z1 = plain_linear(x.tolist(), w1, b1)
        a1 = np.real(plain(z1)).tolist()
        z2 = plain_linear(a1, w2, b2)

        def top(z):
            return plain_cross_entropy(z, y)

        def middle(a, w2=w2, b2=b2):
            return plain_cross_entropy(plain_linear(a, w2, b2), y)

        def bottom(z, plain=plain, middle=middle):
            return middle(plain(z))

        outputs = [value for row in a1 for value in row]
        saturated = sum(value < low or value > high for value in outputs) / 30
        dead = sum(max(unit) == 0 for unit in zip(*a1, strict=True)) / 5
        found = nn.diagnostics.layer_statistics(model, x, y)
        names = [f"1 Linear/2 {type(model.layers[1]).__name__}/3 Linear"]
        yield ["/".join(row.layer for row in found)], names
        expected = [
            [*spread(z1), 0, 0, *spread(slopes(bottom, np.array(z1))[0].tolist())],
            [*spread(a1), saturated, dead, *spread(slopes(middle, np.array(a1))[0].tolist())],
            [*spread(z2), 0, 0, *spread(slopes(top, np.array(z2))[0].tolist())],
        ]
        yield from zip([row[1:] for row in found], expected, strict=True)


def spread(rows: list) -> tuple[float, float]:
    """Return mean and standard deviation of all entries."""
    values = [value for row in rows for value in row]
    mean = sum(values) / len(values)
    return mean, math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))


@case("diagnostics.update_ratios", "rate times norm of dw by norm of w; dw by complex steps")
def _() -> Iterator[tuple]:
    (x,), y, rng = draw((6, 4)), [0, 2, 1, 1, 0, 2], np.random.default_rng(0)
    linears = [nn.Linear(*sizes, rng=rng, dtype=np.float64) for sizes in ((4, 5), (5, 3))]
    model = nn.Sequential([linears[0], nn.Tanh(), linears[1]])
    _, dw1, _, dw2, _ = slopes(plain_network("tanh", y), x, *model.params.values())
    found = nn.diagnostics.update_ratios(model, x, y, nn.SGD(0.5))
    yield list(found), ["w1", "w2"]
    for name, dw in (("w1", dw1), ("w2", dw2)):
        norms = [math.hypot(*a.ravel().tolist()) for a in (dw, model.params[name])]
        yield found[name], 0.5 * norms[0] / norms[1]


@case("diagnostics.examine", "faults that were put in: the first cause named, or none", EXACT)
def _() -> Iterator[tuple]:
    rng = np.random.default_rng(0)
    y = np.arange(600) % 3
    x = 0.5 * rng.normal(size=(600, 8)) + 2 * np.eye(3, 8)[y]

    def first(x=x, y=y, last=(), start=nn.he_normal, loss=nn.softmax_cross_entropy, rate=0.1):
        rng = np.random.default_rng(1)
        layers = [
            nn.Linear(8, 20, rng=rng, initializer=start),
            nn.ReLU(),
            nn.Linear(20, 3, rng=rng),
        ]
        found = nn.diagnostics.examine(
            nn.Sequential([*layers, *last]), x, y, loss=loss, optimizer=nn.SGD(rate), batch_size=32
        )
        return [found.causes[0] if found else "nothing"]

    def summed(z, y):
        loss, dz = nn.softmax_cross_entropy(z, y)
        return loss, dz * len(z)

    yield first(), ["nothing"]
    yield first(x=255 * x), ["inputs not scaled"]
    yield first(y=np.roll(rng.permutation(y), 1)), ["labels unrelated"]
    yield first(y=y + 1), ["labels out of range"]
    yield first(x=np.where(x > 3.2, np.nan, x)), ["nan in the data"]
    yield first(last=[nn.Softmax()]), ["softmax twice"]
    yield first(last=[nn.ReLU()]), ["activation on the logits"]
    yield first(loss=summed), ["sum for mean"]
    yield first(rate=1e-6), ["rate too small"]
    yield first(rate=100), ["rate too large"]


# --- inspection and drawing


@case("inspection.confusion_matrix", "pairs counted one by one", EXACT)
def _() -> Iterator[tuple]:
    (z,), y = draw((40, 4)), [n * n % 4 for n in range(40)]  # labels 0 and 1 alone
    expected = [[0] * 4 for _ in range(4)]
    for row, label in zip(z.tolist(), y, strict=True):
        expected[label][row.index(max(row))] += 1
    yield nn.inspection.confusion_matrix(z, y), expected


@case(
    "inspection.expected_calibration_error", "its formula in exact fractions, empty intervals too"
)
def _() -> Iterator[tuple]:
    tops = [17, 18, 24, 27, 29, 30, 31, 32]  # of 32; 24 is an end of an interval
    p = [
        [top / 32, 1 - top / 32] if n % 3 else [1 - top / 32, top / 32]
        for n, top in enumerate(tops)
    ]
    y = [1, 0, 0, 0, 0, 0, 0, 0]
    for bins in (1, 4, 15):
        gaps = [Fraction(0)] * bins
        for row, label in zip(p, y, strict=True):
            top = Fraction(max(row))
            gaps[min(int(bins * top), bins - 1)] += (row.index(max(row)) == label) - top
        yield nn.inspection.expected_calibration_error(p, y, bins), sum(map(abs, gaps)) / len(p)


@case("inspection.fit_temperature", "two classes, 3 of 4 right with a lead of a: a / ln 3")
def _() -> Iterator[tuple]:
    for lead in (0.5, 3.0, 40.0):
        z = [[7.0 + lead, 7.0], [-lead, 0.0], [0.0, lead], [2.0, 2.0 - lead]]
        yield nn.inspection.fit_temperature(z, [0, 1, 0, 0]), lead / math.log(3)


@case("inspection.fast_gradient_sign", "signs of complex steps through the network, and its ends")
def _() -> Iterator[tuple]:
    rng = np.random.default_rng(0)
    layers = [nn.Linear(m, n, rng=rng, dtype=np.float64) for m, n in ((6, 5), (5, 3))]
    model = nn.Sequential([layers[0], nn.ReLU(), layers[1]])
    x, y = rng.random((4, 6)), [2, 0, 1, 1]
    x[0, :3] = 0, 1, 0.99
    w1, b1, w2, b2 = model.params.values()
    dx = slopes(plain_network("relu", y), x, w1, b1, w2, b2)[0].tolist()
    moved = map(
        lambda row, g: [v + math.copysign(0.25, s) for v, s in zip(row, g, strict=True)], x, dx
    )
    expected = each(lambda v: min(max(v, 0.0), 1.0))(moved)
    yield nn.inspection.fast_gradient_sign(model, x, y, 0.25), expected


@case("inspection.principal_components", "four points along two known axes")
def _() -> Iterator[tuple]:
    # At +-2 along (3, 4) / 5, at +-1 across it, around (7, -1).
    x = [[7 + 1.2, -1 + 1.6], [7 - 1.2, -1 - 1.6], [7 - 0.8, -1 + 0.6], [7 + 0.8, -1 - 0.6]]
    scores, directions, variances = nn.inspection.principal_components(x)
    yield scores, [[2, 0], [-2, 0], [0, -1], [0, 1]]
    yield directions, [[0.6, 0.8], [0.8, -0.6]]
    yield variances, [2, 0.5]
    yield nn.inspection.principal_components(x, 1)[0], [[2], [-2], [0], [0]]


@case("drawing.draw_strokes", "the distance of each pixel from a dot and from a line", 1e-7)
def _() -> Iterator[tuple]:
    def ink(away: float) -> float:
        return min(max(0.5 + 8 * (0.15 - away), 0), 1)

    middles = [(k + 0.5) / 8 for k in range(8)]
    dot = [[ink(math.hypot(x - 0.3, y - 0.6)) for x in middles] for y in middles]
    yield nn.drawing.draw_strokes([[[0.3, 0.6]]], side=8, width=0.3), dot
    line = [[ink(math.hypot(max(0.2 - x, 0, x - 0.7), y - 0.4)) for x in middles] for y in middles]
    yield nn.drawing.draw_strokes([[[0.2, 0.4], [0.7, 0.4]]], side=8, width=0.3), line


@case("drawing.prepare_digit", "area averages in exact fractions; MNIST's images stay as they are")
def _() -> Iterator[tuple]:
    image = np.zeros((9, 12))
    image[2:5, 3:9] = np.arange(1, 19).reshape(3, 6) / 32  # becomes 10 by 20

    def read(r: Fraction, c: Fraction) -> Fraction:
        # Intervals of 3/10 of a pixel meet two pixels at most; a tenth of a pixel is in one alone.
        return Fraction(image[2 + int(r), 3 + int(c)])

    tenths = [Fraction(2 * k + 1, 20) for k in range(3)]
    small = [
        [
            sum(
                read(Fraction(3 * i, 10) + r, Fraction(3 * j, 10) + c)
                for r in tenths
                for c in tenths
            )
            / 9
            for j in range(20)
        ]
        for i in range(10)
    ]
    total = sum(map(sum, small))
    top = round(14 - sum(i * sum(row) for i, row in enumerate(small)) / total)
    left = round(14 - sum(j * v for row in small for j, v in enumerate(row)) / total)
    expected = [[Fraction(0)] * 28 for _ in range(28)]
    for i, row in enumerate(small):
        expected[top + i][left : left + 20] = row
    yield nn.drawing.prepare_digit(image), [v for row in expected for v in row]
    for pixels in nn.load_mnist()[2][:20]:
        yield nn.drawing.prepare_digit(pixels.reshape(28, 28)), pixels


# --- gradient checks and shapes


def _numerical_case(method: str, formula: str, bound: float) -> None:
    @case("numerical_gradient", f"(e^10x)' = 10 e^10x; {method}, {formula}", bound)
    def _() -> Iterator[tuple]:
        x = np.arange(6.0).reshape(2, 3) / 8
        found = nn.numerical_gradient(lambda x: np.exp(10 * x).sum(), x, method=method)
        yield found, each(lambda x: 10 * math.exp(10 * x))(x.tolist())


_numerical_case("forward", "error 10 h / 2", 1e-6)
_numerical_case("central", "error 100 h^2 / 6", 1e-8)
_numerical_case("complex", "rounding alone", ROUNDING)


@case("relative_error", "largest difference by largest entry, in exact fractions")
def _() -> Iterator[tuple]:
    a, b = draw((5, 4), (5, 4))
    p, q = ([Fraction(value) for value in array.ravel().tolist()] for array in (a, b))
    expected = max(map(lambda v, w: abs(v - w), p, q)) / max(map(abs, p + q))
    yield [nn.relative_error(a, b), nn.relative_error(b, a)], [expected, expected]
    yield nn.relative_error([0.0], [0.0]), 0
    yield str(nn.relative_error([math.nan], [1.0])), "inf"


@case("check_gradients", "its verdict on a right gradient and on five planted bugs", EXACT)
def _() -> Iterator[tuple]:
    x, w, b = draw((5, 4), (4, 4), (4,))

    def verdict(dx=1, dw=1, db=lambda dz: dz.sum(axis=0), w_used=lambda w: w.T) -> bool:
        def backward(dz, x, w):
            return dx * (dz @ w_used(w)), dw * (x.T @ dz), db(dz)

        return nn.check_gradients(nn.linear, x, w, b, backward=backward).passed

    yield verdict(), True
    yield verdict(dx=-1), False
    yield verdict(dw=len(x)), False
    yield verdict(w_used=lambda w: w), False  # a transpose is missing
    yield verdict(db=lambda dz: dz.mean(axis=0)), False
    yield verdict(db=lambda dz: dz.sum(axis=1)), False


@case("check_shape", "equality of tuples", EXACT)
def _() -> Iterator[tuple]:
    shapes = [(), (2,), (2, 3), (3, 2), (2, 1), (1, 2, 3)]
    for shape in shapes:
        for other in shapes:
            try:
                nn.check_shape("x", np.zeros(shape), other)
                accepted = True
            except nn.ShapeError:
                accepted = False
            yield accepted, shape == other
