"""Diagnostics, inspection, drawing, gradient checks and shapes: the instruments, measured."""

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

import nnfromscratch as nn

from .engine import EXACT, ROUNDING, case
from .plain import PLAIN, draw, each, plain_cross_entropy, plain_linear, plain_network, slopes

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


@case("drawing.draw_strokes", "the distance of each pixel from a dot and from a line", 1e-6)
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
