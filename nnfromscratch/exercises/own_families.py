"""The families of own blanks: each stated by formulas, none with the answer's own.

A family has pieces to choose from and constants to draw, so its members are many. What is due comes
from what the text states: gradients by complex steps on the forward formula, everything else by
carrying out the statement number by number. Mistakes come from the same formulas.

A piece is a function of a number u and of the module that it computes with: NumPy in a check, and
anything with the same functions in a test.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from math import pi
from typing import ClassVar

import numpy as np

from ._draw import sizes

H = 1e-30
"""The complex step: its square is lost beside 1, so nothing is lost in the slope."""
Wrong = dict[str, tuple[Callable, str]]
"""Mistakes: by name, what an answer with it does, and the hint."""


@dataclass(frozen=True)
class Piece:
    """A part of a formula."""

    latex: str
    """With {} where the argument stands."""
    f: Callable
    """f(u, m): its value, computed by the functions of module m."""


def size(u, m):
    """Return |u| in a form that a complex step goes through."""
    return m.sqrt(u * u)


SHAPES = {
    "tanh": Piece(r"\tanh({})", lambda u, m: m.tanh(u)),
    "softplus": Piece(r"\ln(1 + e^{{{}}})", lambda u, m: m.log(1 + m.exp(u))),
    "softsign": Piece(r"\frac{{{0}}}{{1 + |{0}|}}", lambda u, m: u / (1 + size(u, m))),
    "arctan": Piece(r"\arctan({})", lambda u, m: m.arctan(u)),
    "wave": Piece(r"({0} + \sin({0}))", lambda u, m: u + m.sin(u)),
    "root": Piece(r"\frac{{{0}}}{{\sqrt{{1 + ({0})^2}}}}", lambda u, m: u / m.sqrt(1 + u * u)),
    "logs": Piece(r"\ln({0} + \sqrt{{1 + ({0})^2}})", lambda u, m: m.arcsinh(u)),
    "leaky": Piece(r"(\tfrac32\,{0} + |{0}|)", lambda u, m: 1.5 * u + size(u, m)),
}
"""Shapes that let a sign through."""
GATES = {
    "sigmoid": Piece(r"\frac{{1}}{{1 + e^{{-{}}}}}", lambda u, m: 1 / (1 + m.exp(-u))),
    "bump": Piece(r"e^{{-({})^2}}", lambda u, m: m.exp(-u * u)),
    "cosine": Piece(r"(2 + \cos({}))", lambda u, m: 2 + m.cos(u)),
    "witch": Piece(r"\frac{{1}}{{1 + ({})^2}}", lambda u, m: 1 / (1 + u * u)),
    "sech": Piece(r"\frac{{1}}{{\cosh({})}}", lambda u, m: 1 / m.cosh(u)),
    "slow": Piece(
        r"\left(2 + \frac{{{0}}}{{1 + |{0}|}}\right)", lambda u, m: 2 + u / (1 + size(u, m))
    ),
    "angle": Piece(r"(2 + \arctan({}))", lambda u, m: 2 + m.arctan(u)),
}
"""Positive factors."""
COSTS = {
    "square": Piece(r"({})^2", lambda u, m: u * u),
    "log cosh": Piece(r"\ln\cosh({})", lambda u, m: m.log(m.cosh(u))),
    "size": Piece(r"|{}|", size),
    "Cauchy": Piece(r"\ln(1 + ({})^2)", lambda u, m: m.log(1 + u * u)),
    "Welsch": Piece(r"\left(1 - e^{{-({})^2}}\right)", lambda u, m: 1 - m.exp(-u * u)),
    "bowl": Piece(r"\left(\sqrt{{1 + ({})^2}} - 1\right)", lambda u, m: m.sqrt(1 + u * u) - 1),
    "Geman": Piece(r"\frac{{({0})^2}}{{1 + ({0})^2}}", lambda u, m: u * u / (1 + u * u)),
    "cube": Piece(r"|{}|^3", lambda u, m: size(u, m) ** 3),
}
"""Costs of an error: 0 at 0, and positive on both sides."""
OUTER = {
    "root": Piece(r"\sqrt{{1 + {}}}", lambda u, m: m.sqrt(1 + u)),
    "log": Piece(r"\ln(1 + {})", lambda u, m: m.log(1 + u)),
    "share": Piece(r"\frac{{{0}}}{{1 + {0}}}", lambda u, m: u / (1 + u)),
    "fade": Piece(r"\left(1 - e^{{-{}}}\right)", lambda u, m: 1 - m.exp(-u)),
    "angle": Piece(r"\arctan({})", lambda u, m: m.arctan(u)),
    "power": Piece(r"({})^{{3/2}}", lambda u, m: m.sqrt(u) ** 3),
}
"""What is made of a sum of costs."""


class Blank:
    """One draw of a family: pieces and constants, and what follows from them.

    Args:
        pieces: the name of one piece from each part of `choices`.
        constants: one number for each part of `ranges`.
    """

    kind: ClassVar[str]
    name: ClassVar[str]
    """Of the function that the student writes."""
    arguments: ClassVar[tuple[str, ...]]
    outputs: ClassVar[tuple[str, ...]] = ()
    docstring: ClassVar[str]
    choices: ClassVar[tuple[dict, ...]]
    ranges: ClassVar[dict[str, tuple[float, float]]]
    """The ends of each constant; around 1 nothing is drawn, so that it can be missed."""

    def __init__(self, pieces: Sequence[str], constants: Sequence[float]):
        self.pieces, self.constants = tuple(pieces), tuple(constants)
        self.parts = [part[name] for part, name in zip(self.choices, self.pieces, strict=True)]
        for name, value in zip(self.ranges, self.constants, strict=True):
            setattr(self, name, value)

    def but(self, **changes: float) -> "Blank":
        """Return the same member with other constants."""
        constants = dict(zip(self.ranges, self.constants, strict=True)) | changes
        return type(self)(self.pieces, list(constants.values()))

    def text(self) -> str:
        """Return what the notebook says: the formula with its constants, and what is asked."""
        raise NotImplementedError

    def due(self, *arguments):
        """Return what is right, from the formula that the text states."""
        raise NotImplementedError

    def inputs(self, rng: np.random.Generator) -> tuple:
        """Return the arguments of one case."""
        raise NotImplementedError

    def corners(self) -> tuple[Callable, ...]:
        """Return what draws the cases that no check may lack: some mistake shows there alone."""
        return ()

    def wrong(self) -> Wrong:
        """Return the mistakes that follow from the formula."""
        raise NotImplementedError


def numbers(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Return numbers of two decimals, none of them near 0, where a formula may have a kink."""
    drawn = np.round(np.clip(rng.standard_normal(shape), -2.5, 2.5), 2)
    return np.where(np.abs(drawn) < 0.05, 0.37, drawn)


def slope(f: Callable, z: np.ndarray) -> np.ndarray:
    """Return the slope of f at each entry of z, by a complex step."""
    return np.imag(f(z + 1j * H)) / H


def back(f: Callable, d: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the gradient of sum(d * f(x)) along the matrix x, by a complex step of each entry.

    All steps are made at once, so f must take a stack of matrices.
    """
    moved = x + 1j * H * np.eye(x.size).reshape(x.size, *x.shape)
    return np.imag(np.sum(d * f(moved), axis=(1, 2))).reshape(x.shape) / H


class Product(Blank):
    """c U(a z) V(b z), with U and V from two lists: what activation and loss are built from."""

    ranges: ClassVar = {"a": (0.35, 1.9), "b": (0.35, 1.9), "c": (0.35, 2.9)}

    def __init__(self, pieces, constants):
        super().__init__(pieces, constants)
        self.u, self.v = (part.f for part in self.parts[:2])

    def f(self, z, m=np):
        """Return the forward formula's value."""
        return self.c * self.u(self.a * z, m) * self.v(self.b * z, m)

    def formula(self, z: str) -> str:
        """Return the formula in LaTeX, of a variable called z."""
        u, v = (
            p.latex.format(f"{k:g}\\,{z}")
            for p, k in zip(self.parts, self.constants[:2], strict=False)
        )
        return rf"{self.c:g} \cdot {u} \cdot {v}"

    def terms(self, z):
        """Return value and slope of each factor: U, U', V, V', the slopes along its argument."""
        a, b = self.a * z, self.b * z
        u, v = (lambda t: self.u(t, np)), (lambda t: self.v(t, np))
        return u(a), slope(u, a), v(b), slope(v, b)

    def slips(self) -> dict[str, tuple[Callable, str]]:
        """Return slopes that are wrong, as functions of z."""

        def of(rule):
            return lambda z: self.c * rule(*self.terms(z))

        a, b = self.a, self.b
        rule = "A product has two terms: each factor's slope times the other factor."
        chain = "The slope of g(k z) along z is k g'(k z)."
        return {
            f"the inner factor {a:g} is forgotten": (of(lambda u, du, v, dv: du * v + b * u * dv),
                                                     chain),
            f"the inner factor {b:g} is forgotten": (of(lambda u, du, v, dv: a * du * v + u * dv),
                                                     chain),
            "the second factor's slope is forgotten": (of(lambda u, du, v, dv: a * du * v), rule),
            "the first factor's slope is forgotten": (of(lambda u, du, v, dv: b * u * dv), rule),
            "the product of the slopes": (of(lambda u, du, v, dv: a * b * du * dv), rule),
            "minus between the two terms": (of(lambda u, du, v, dv: a * du * v - b * u * dv),
                                            rule),
            f"the outer factor {self.c:g} is forgotten": (lambda z: slope(self.f, z) / self.c,
                                                          "Which constant multiplies it all?"),
            "the value in place of the slope": (self.f, "Backward multiplies by the slope."),
        }  # fmt: skip


class Activation(Product):
    """Backward through an activation."""

    kind = "activation"
    name = "own_backward"
    arguments = ("da", "z")
    docstring = "Return dz, from the gradient da and the input z, both (N, D)."
    choices: ClassVar = (SHAPES, GATES)

    def text(self):
        """Return the formula and the question."""
        return (
            "An activation acts on each entry of z by\n\n"
            f"$$ f(z) = {self.formula('z')} $$\n\n"
            "Write its backward: from `da`, the gradient along $f(z)$, and `z`, both (N, D), "
            "return `dz`, (N, D)."
        )

    def due(self, da, z):
        """Return dz."""
        return da * slope(self.f, z)

    def inputs(self, rng):
        """Return da and z."""
        n, d = sizes(rng, 2)
        return numbers(rng, n, d), numbers(rng, n, d)

    def wrong(self):
        """Return the mistakes of the slope, and those of what surrounds it."""
        found = {
            name: (lambda da, z, g=g: da * g(z), hint) for name, (g, hint) in self.slips().items()
        }
        return found | {
            "da is forgotten": (lambda da, z: slope(self.f, z), "Where does da come in?"),
            "the slope of da in place of z": (lambda da, z: z * slope(self.f, da),
                                              "The slope is taken where forward was: at z."),
            "the slope at the value f(z)": (lambda da, z: da * slope(self.f, self.f(z)),
                                            "The slope is taken at z, the input."),
            "the sign": (lambda da, z: -da * slope(self.f, z), "Check one entry by a step of z."),
            "the mean where each entry counts": (lambda da, z: da * slope(self.f, z) / len(z),
                                                 "An activation knows nothing of the batch."),
        }  # fmt: skip


MEANS = {
    "examples": Piece(r"\frac1N \sum_n \sum_k", lambda shape, m: shape[0]),
    "all": Piece(r"\frac1{{N K}} \sum_n \sum_k", lambda shape, m: shape[0] * shape[1]),
    "none": Piece(r"\sum_n \sum_k", lambda shape, m: 1),
}


class Loss(Product):
    """A loss of its own, and its gradient."""

    kind = "loss"
    name = "own_loss"
    arguments = ("a", "target")
    outputs = ("loss", "da")
    docstring = "Return the loss, a number, and its gradient da (N, K); a and target are (N, K)."
    choices: ClassVar = (COSTS, GATES, MEANS)
    ranges: ClassVar = {"a": (0.35, 1.9), "b": (0.35, 1.9), "c": (0.35, 2.9)}

    def text(self):
        """Return the formula and the question."""
        return (
            "With $e = a - t$ for each entry, a loss charges\n\n"
            rf"$$ \ell(e) = {self.formula('e')} \qquad \text{{loss}} = "
            rf"{self.parts[2].latex.format()}\; \ell(e_{{nk}}) $$"
            "\n\nReturn `loss, da` for outputs `a` and targets `target`, both (N, K); `da`, (N, K),"
            " is the gradient of the loss along `a`."
        )

    def divisor(self, e):
        """Return what the sum over all entries is divided by."""
        return self.parts[2].f(e.shape, np)

    def due(self, a, target):
        """Return the loss and da."""
        e = a - target
        n = self.divisor(e)
        return self.f(e).sum() / n, slope(self.f, e) / n

    def inputs(self, rng):
        """Return outputs and targets."""
        n, k = sizes(rng, 2)
        target = numbers(rng, n, k)
        return np.round(target + numbers(rng, n, k), 2), target

    def wrong(self):
        """Return the mistakes: in the slope, in what is divided by, and in the error's sign."""

        def with_slope(g):
            def answer(a, target):
                return self.due(a, target)[0], g(a - target) / self.divisor(a)

            return answer

        found = {
            f"in da, {name}": (with_slope(g), hint) for name, (g, hint) in self.slips().items()
        }
        mean = "Which numbers is the sum divided by, in the formula of the loss?"
        for name in MEANS:
            if name != self.pieces[2]:
                other = type(self)((*self.pieces[:2], name), self.constants)
                found[f"divided by {('N', 'N K', '1')[[*MEANS].index(name)]}"] = other.due, mean
                found[f"da divided by {('N', 'N K', '1')[[*MEANS].index(name)]}"] = (
                    lambda a, t, other=other: (self.due(a, t)[0], other.due(a, t)[1]), mean,
                )  # fmt: skip
        return found | {
            "da with the sign of the target's gradient": (
                with_slope(lambda e: -slope(self.f, e)), "da is along a, not along the target."),
            "e is target - a": (lambda a, t: self.due(t, a), "e is a - t: the loss is no even "
                                "function of it."),
            "da along e = target - a": (lambda a, t: (self.due(a, t)[0], self.due(t, a)[1]),
                                        "Which sign has e?"),
        }  # fmt: skip


ROWS_OR_COLUMNS = {
    "rows": Piece("i", lambda shape, m: -1),
    "columns": Piece("j", lambda shape, m: -2),
}


class Penalty(Blank):
    """A regularizer over groups of weights, and its gradient."""

    kind = "penalty"
    name = "own_penalty"
    arguments = ("w",)
    outputs = ("r", "dw")
    docstring = "Return the penalty r, a number, and its gradient dw, in the shape of w."
    choices: ClassVar = (COSTS, OUTER, ROWS_OR_COLUMNS)
    ranges: ClassVar = {"a": (0.35, 1.9), "b": (0.35, 1.9), "c": (0.35, 2.9)}

    def text(self):
        """Return the formula and the question."""
        u, g = self.parts[0].latex.format(rf"{self.a:g}\,w_{{ij}}"), self.parts[1].latex
        s = r"s_i" if self.pieces[2] == "rows" else "s_j"
        over, sums = ("j", "i") if self.pieces[2] == "rows" else ("i", "j")
        return (
            f"A penalty on the weights `w`, one for each group of them:\n\n"
            rf"$$ {s} = \sum_{over} {u} \qquad r = {self.c:g} \sum_{sums} "
            f"{g.format(rf'{self.b:g}' + chr(92) + ',' + s)} $$\n\n"
            "Here i counts the rows of `w` and j its columns. Return `r, dw`, with `dw` the "
            "gradient of r along `w`."
        )

    def groups(self, w):
        """Return the sum of costs of each group, kept in its place."""
        axis = self.parts[2].f(None, None)
        return self.parts[0].f(self.a * w, np).sum(axis=axis, keepdims=True)

    def each(self, w):
        """Return the penalty of each group, kept in its place."""
        return self.c * self.parts[1].f(self.b * self.groups(w), np)

    def r(self, w):
        """Return the penalty."""
        return self.each(w).sum()

    def due(self, w):
        """Return the penalty and its gradient."""
        return self.r(w), back(self.each, np.ones(()), w)

    def inputs(self, rng):
        """Return weights."""
        n, d = sizes(rng, 2)
        return (numbers(rng, n, d),)

    def wrong(self):
        """Return the mistakes: in the two slopes, in the groups, and in the factors."""

        def outer(s):
            return slope(lambda t: self.parts[1].f(t, np), self.b * s)

        def inner(w):
            return slope(lambda t: self.parts[0].f(t, np), self.a * w)

        def with_dw(g):
            return lambda w: (self.r(w), g(w))

        def dw(w):
            return self.due(w)[1]

        turned = {"rows": "columns", "columns": "rows"}[self.pieces[2]]
        other = type(self)((*self.pieces[:2], turned), self.constants)
        a, b, c, axis = self.a, self.b, self.c, self.parts[2].f(None, None)
        chain = "Three links: r along s, s along the scaled weight, and that one along w."
        return {
            "dw without the outer slope": (with_dw(lambda w: a * b * c * inner(w)), chain),
            "dw without the inner slope": (
                with_dw(lambda w: a * b * c * outer(self.groups(w)) + 0 * w), chain),
            f"dw without the factor {a:g}": (with_dw(lambda w: dw(w) / a), chain),
            f"dw without the factor {b:g}": (with_dw(lambda w: dw(w) / b), chain),
            f"dw without the factor {c:g}": (with_dw(lambda w: dw(w) / c), chain),
            "the outer value in place of its slope": (with_dw(
                lambda w: a * b * c * self.parts[1].f(b * self.groups(w), np) * inner(w)), chain),
            "dw with the other sign": (with_dw(lambda w: -dw(w)), "A penalty grows with a weight."),
            f"groups over {turned}": (other.due, "Which index does the inner sum run over?"),
            f"dw of groups over {turned}": (with_dw(lambda w: other.due(w)[1]),
                                            "Which weights share a group?"),
            "the mean over the groups": (
                lambda w: tuple(p / self.groups(w).size for p in self.due(w)),
                "The groups are added up."),
            "the mean within a group": (
                self._mean_within(axis), "The costs of a group are added up."),
            "dw of the mean within a group": (
                with_dw(lambda w: dw(w) / w.shape[axis]), "The costs of a group are added up."),
        }  # fmt: skip

    def _mean_within(self, axis):
        def each(w):
            return self.c * self.parts[1].f(self.b * self.groups(w) / w.shape[axis], np)

        return lambda w: (each(w).sum(), back(each, np.ones(()), w))


CENTRES = {
    "mean": Piece(r"x_{ij}", lambda x, m: x),
    "tanh": Piece(r"\tanh(x_{ij})", lambda x, m: m.tanh(x)),
    "root": Piece(r"\frac{x_{ij}}{\sqrt{1 + x_{ij}^2}}", lambda x, m: x / m.sqrt(1 + x * x)),
    "sin": Piece(r"\sin(x_{ij})", lambda x, m: m.sin(x)),
}
SPREADS = {
    "square": Piece(
        r"\sqrt{{{b} + \overline{{r^2}}}}", lambda r, b, mean: np.sqrt(b + mean(r * r))
    ),
    "size": Piece(r"{b} + \overline{{|r|}}", lambda r, b, mean: b + mean(size(r, np))),
    "fourth": Piece(
        r"\sqrt[4]{{{b} + \overline{{r^4}}}}", lambda r, b, mean: np.sqrt(np.sqrt(b + mean(r**4)))
    ),
    "log": Piece(
        r"{b} + \ln\left(1 + \overline{{r^2}}\right)",
        lambda r, b, mean: b + np.log(1 + mean(r * r)),
    ),
    "bowl": Piece(
        r"{b} + \overline{{\sqrt{{1 + r^2}}}}", lambda r, b, mean: b + mean(np.sqrt(1 + r * r))
    ),
}
AXES = {
    "examples": Piece("i", lambda shape, m: -2),
    "features": Piece("j", lambda shape, m: -1),
}


class Normalizing(Blank):
    """Backward through a layer that centres and scales."""

    kind = "normalizing"
    name = "own_backward"
    arguments = ("dy", "x")
    docstring = "Return dx, from the gradient dy and the input x, both (N, D)."
    choices: ClassVar = (CENTRES, SPREADS, AXES)
    ranges: ClassVar = {"a": (0.35, 1.9), "b": (0.35, 1.9), "c": (0.35, 2.9)}

    def text(self):
        """Return the formula and the question."""
        over = self.parts[2].latex
        return (
            f"A layer centres and scales its input over the index {over} (i counts the examples, j "
            f"the features; a bar is the mean over {over}):\n\n"
            rf"$$ r_{{ij}} = x_{{ij}} - {self.a:g}\; \overline{{{self.parts[0].latex}}} \qquad "
            f"s = {self.parts[1].latex.format(b=f'{self.b:g}')} \\qquad "
            rf"y_{{ij}} = \frac{{{self.c:g}\; r_{{ij}}}}{{s}} $$"
            "\n\nWrite its backward: from `dy` and `x`, both (N, D), return `dx`, (N, D). Centre "
            "and spread depend on `x`, too."
        )

    def mean(self, x):
        """Return the mean over the index that the layer averages over, kept in its place."""
        return x.mean(axis=self.parts[2].f(None, None), keepdims=True)

    def centre(self, x):
        """Return what is subtracted."""
        return self.a * self.mean(self.parts[0].f(x, np))

    def spread(self, r):
        """Return what is divided by."""
        return self.parts[1].f(r, self.b, self.mean)

    def y(self, x):
        """Return the layer's output."""
        r = x - self.centre(x)
        return self.c * r / self.spread(r)

    def due(self, dy, x):
        """Return dx."""
        return back(self.y, dy, x)

    def inputs(self, rng):
        """Return dy and x."""
        n, d = sizes(rng, 2, 3)
        return numbers(rng, n, d), numbers(rng, n, d)

    def wrong(self):
        """Return the mistakes: what was taken as constant, axis, factors."""

        def frozen(dy, x, centre, spread):
            m = self.centre(x)
            s = self.spread(x - m)

            def y(t):
                r = t - (m if centre else self.centre(t))
                return self.c * r / (s if spread else self.spread(r))

            return back(y, dy, x)

        turned = {"examples": "features", "features": "examples"}[self.pieces[2]]
        other = type(self)((*self.pieces[:2], turned), self.constants)
        along = "x reaches y on three ways: by itself, through the centre, through the spread."
        axis = self.parts[2].f(None, None)
        return {
            "the centre as a constant": (lambda dy, x: frozen(dy, x, True, False), along),
            "the spread as a constant": (lambda dy, x: frozen(dy, x, False, True), along),
            "centre and spread as constants": (lambda dy, x: frozen(dy, x, True, True), along),
            f"the mean over the {turned}": (other.due, "Which index does the bar run over?"),
            "the forward's value times dy": (lambda dy, x: dy * self.y(x), "What is asked is dx."),
            "dy and x swapped": (lambda dy, x: self.due(x, dy), "Which comes first?"),
            f"the factor {self.c:g} is forgotten": (lambda dy, x: self.due(dy, x) / self.c,
                                                    "Which constant multiplies y?"),
            f"the factor {self.a:g} is forgotten": (self.but(a=1.0).due,
                                                    "What multiplies the centre?"),
            f"the constant {self.b:g} is forgotten": (self.but(b=0.0).due, "What is in s?"),
            "the sign": (lambda dy, x: -self.due(dy, x), "Check one entry by a step of x."),
            "divided by the count": (lambda dy, x: self.due(dy, x) / x.shape[axis],
                                     "The mean is inside already."),
        }  # fmt: skip


POWERS = {
    f"{i}{j}": (i, j) for i in ("0", "1/2", "1", "3/2", "2") for j in ("0", "1/2", "1", "3/2", "2")
}
FANS = {
    "in": Piece(r"n_\text{in}", lambda i, o: i),
    "out": Piece(r"n_\text{out}", lambda i, o: o),
    "mean": Piece(r"\tfrac12 (n_\text{in} + n_\text{out})", lambda i, o: (i + o) / 2),
}
DRAWN = {
    "normal": Piece("from a normal distribution; return its standard deviation", lambda s, m: s),
    "uniform": Piece("uniformly from $(-k, k)$; return $k$", lambda s, m: s * m.sqrt(3.0)),
}


@cache
def moment(power: float) -> float:
    """Return the integral of z^power under the normal density where z > 0, by quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(120)
    z = 6 * (nodes + 1)  # to 12, beyond which nothing is left
    return float(6 * weights @ (z**power * np.exp(-z * z / 2)) / np.sqrt(2 * pi))


class Initial(Blank):
    """The spread of first weights before an activation of one's own."""

    kind = "initial"
    name = "own_spread"
    arguments = ("n_in", "n_out")
    docstring = "Return what the weights are drawn with, a number."
    choices: ClassVar = (POWERS, FANS, DRAWN)
    ranges: ClassVar = {"a": (0.35, 2.9), "b": (0.35, 2.9), "c": (0.35, 2.9)}

    def text(self):
        """Return the formula and the question."""
        up, down = ({"0": "", "1": "z"}.get(p, rf"z^{{{p}}}") for p in self.parts[0])
        down = down.replace("z", "|z|")
        return (
            "An activation of two branches,\n\n"
            rf"$$ f(z) = \begin{{cases}} {self.a:g}\, {up} & z > 0 \\ -{self.b:g}\, {down}"
            r" & z \le 0"
            r" \end{cases} $$"
            "\n\nfollows a layer whose outputs are standard normal. The layer after it has "
            rf"weights of mean 0. Its outputs $\sum_i w_i f(z_i)$ are to have variance {self.c:g}, "
            rf"when its sum is taken to have ${self.parts[1].latex}$ terms. They are drawn "
            f"{self.parts[2].latex}.".replace("They are drawn", "The weights are drawn")
            + " In closed form: the check compares seven digits."
        )

    def second(self, a, b):
        """Return the mean square of the activation."""
        p, q = (_fraction(power) for power in self.parts[0])
        return a * a * moment(2 * p) + b * b * moment(2 * q)

    def variance(self, n_in, n_out):
        """Return the variance of the weights."""
        fan = self.parts[1].f(float(n_in), float(n_out))
        return self.c / (fan * self.second(self.a, self.b))

    def due(self, n_in, n_out):
        """Return the standard deviation, or the bound."""
        return float(self.parts[2].f(np.sqrt(self.variance(n_in, n_out)), np))

    def inputs(self, rng):
        """Return the numbers of inputs and outputs."""
        return tuple(int(n) for n in rng.choice(np.arange(2, 400), 2, replace=False))

    def wrong(self):
        """Return the mistakes: moments, fans, and what of the distribution is asked."""
        p, q = (_fraction(power) for power in self.parts[0])
        both = self.second(self.a, self.b)

        def times(factor):
            return lambda n_in, n_out: self.due(n_in, n_out) * float(np.sqrt(factor))

        def fan(name):
            other = type(self)((self.pieces[0], name, self.pieces[2]), self.constants)
            return other.due, "How many terms is the sum taken to have?"

        mean = self.a * moment(p) - self.b * moment(q)
        half = "Each branch holds half of the normal distribution."
        found = {
            "the variance": (lambda i, o: self.due(i, o) ** 2, "Take the root."),
            "both branches over all of z": (times(1 / 2), half),
            "the negative branch is forgotten": (
                times(both / (self.a**2 * moment(2 * p))), half),
            "the positive branch is forgotten": (
                times(both / (self.b**2 * moment(2 * q))), half),
            "constants that are not squared": (
                times(both / (self.a * moment(2 * p) + self.b * moment(2 * q))),
                "The mean square has the square of each constant."),
            "the variance of f in place of its mean square": (
                times(both / (both - mean**2)), "The mean of f is not 0."),
            f"the variance {self.c:g} is forgotten": (times(1 / self.c), "Which variance is due?"),
        }  # fmt: skip
        found |= {f"the fan is {n}": fan(n) for n in FANS if n != self.pieces[1]}
        kinds = {"normal": ("a bound in place of the deviation", 3.0),
                 "uniform": ("the deviation in place of the bound", 1 / 3)}  # fmt: skip
        name, factor = kinds[self.pieces[2]]
        return found | {name: (times(factor), "A uniform number on (-k, k) has variance k^2/3.")}


def _fraction(text: str) -> float:
    above, _, below = text.partition("/")
    return float(above) / float(below or 1)


WARM = {
    "line": Piece("{}", lambda u: u),
    "square": Piece("({})^2", lambda u: u * u),
    "root": Piece(r"\sqrt{{{}}}", np.sqrt),
    "sine": Piece(r"\sin(\tfrac{{\pi}}{{2}} \cdot {})", lambda u: np.sin(pi * u / 2)),
    "smooth": Piece(r"({0})^2 (3 - 2 \cdot {0})", lambda u: u * u * (3 - 2 * u)),
}
DECAY = {
    "line": Piece("(1 - v)", lambda v, k: 1 - v),
    "cosine": Piece(r"\tfrac12 (1 + \cos \pi v)", lambda v, k: (1 + np.cos(pi * v)) / 2),
    "power": Piece("(1 - v)^{{{k}}}", lambda v, k: (1 - v) ** k),
    "fade": Piece("e^{{-{k} v}}", lambda v, k: np.exp(-k * v)),
    "witch": Piece(r"\frac{{1}}{{1 + {k} v}}", lambda v, k: 1 / (1 + k * v)),
    "root": Piece(r"\frac{{1}}{{\sqrt{{1 + {k} v}}}}", lambda v, k: 1 / np.sqrt(1 + k * v)),
}


class Rate(Blank):
    """A schedule of the learning rate."""

    kind = "rate"
    name = "own_rate"
    arguments = ("t", "total")
    docstring = "Return the learning rate of step t, counted from 0, of `total` steps."
    choices: ClassVar = (WARM, DECAY)
    ranges: ClassVar = {
        "peak": (0.011, 0.999),
        "floor": (0.052, 0.448),
        "share": (0.101, 0.399),
        "k": (1.201, 3.999),
    }

    def text(self):
        """Return the formula and the question."""
        u, v = self.parts[0].latex.format("u"), self.parts[1].latex.format(k=f"{self.k:g}")
        return (
            "A learning rate rises to its peak and then falls. Of T steps the first "
            rf"$w = {self.share:g}\,T$ are for warm-up, and w may be no integer. With "
            r"$u = (t + 1)/w$ and $v = (t + 1 - w)/(T - w)$,"
            "\n\n"
            rf"$$ \eta(t) = {self.peak:g} \cdot \begin{{cases}} {u} & t + 1 < w \\ "
            rf"{self.floor:g} + (1 - {self.floor:g}) \cdot {v} & t + 1 \ge w \end{{cases}} $$"
            "\n\nReturn the rate of step `t`, counted from 0, of `total` steps."
        )

    def due(self, t, total):
        """Return the rate of a step."""
        return self.rate(t + 1, self.share * total, total)

    def rate(self, t, w, total, floor=None, start=None, length=None):
        """Return the rate of a step that is counted from 1."""
        floor = self.floor if floor is None else floor
        if t < w:
            return float(self.peak * self.parts[0].f(t / w))
        v = (t - (w if start is None else start)) / (length or total - w)
        return float(self.peak * (floor + (1 - floor) * self.parts[1].f(v, self.k)))

    def corners(self):
        """Return a draw of early steps and one of late steps, twice each."""
        return (partial(self.inputs, early=True), partial(self.inputs, early=False)) * 2

    def inputs(self, rng, early=None):
        """Return a step, early or late, and the number of steps."""
        total = int(rng.integers(30, 90))
        w = int(self.share * total)
        early = rng.random() < 0.4 if early is None else early
        t = rng.integers(0, w - 1) if early else rng.integers(w + 2, total - 1)
        return int(t), total

    def wrong(self):
        """Return the mistakes: counting, floor, and where the fall begins and ends."""
        s = self.share
        where = "v goes from 0 at the end of the warm-up to 1 at the end."
        return {
            "steps counted from 1": (lambda t, n: self.rate(t, s * n, n), "In u and v: t + 1."),
            "the floor is forgotten": (lambda t, n: self.rate(t + 1, s * n, n, floor=0.0),
                                       "What is left at the end?"),
            "the floor is only added": (
                lambda t, n: self.due(t, n) if t + 1 < s * n
                else self.due(t, n) + self.peak * self.floor * self._fall(t, n),
                "From peak to floor it is 1 - floor."),
            "the fall begins at step 0": (
                lambda t, n: self.rate(t + 1, s * n, n, start=0.0), where),
            "the fall is as long as all steps": (
                lambda t, n: self.rate(t + 1, s * n, n, length=n), where),
            "no warm-up": (lambda t, n: self.rate(t + 1 + 0.0, 0.0, n, start=s * n,
                                                  length=n - s * n), "Two cases."),
            "the peak is forgotten": (lambda t, n: self.due(t, n) / self.peak, "What is the peak?"),
            "the warm-up's share of 1 in place of total": (
                lambda t, n: self.rate(t + 1, s, n), "w is a number of steps."),
            "the rate from the peak down": (
                lambda t, n: self.peak - self.due(t, n), "It rises, then falls."),
        }  # fmt: skip

    def _fall(self, t, n):
        w = self.share * n
        return self.parts[1].f((t + 1 - w) / (n - w), self.k)


def _rotate(p, q, k):
    return np.cos(k) * p - np.sin(k) * q, np.sin(k) * p + np.cos(k) * q


MOVES = {
    "turn": Piece(r"(\cos({k})\, p - \sin({k})\, q,\; \sin({k})\, p + \cos({k})\, q)", _rotate),
    "shear rows": Piece(r"(p + {k}\, q,\; q)", lambda p, q, k: (p + k * q, q)),
    "shear columns": Piece(r"(p,\; q + {k}\, p)", lambda p, q, k: (p, q + k * p)),
    "zoom": Piece(r"({k}\, p,\; {k}\, q)", lambda p, q, k: (k * p, k * q)),
    "stretch rows": Piece(r"({k}\, p,\; q)", lambda p, q, k: (k * p, q)),
    "stretch columns": Piece(r"(p,\; {k}\, q)", lambda p, q, k: (p, k * q)),
    "wave": Piece(r"(p + {k} \sin q,\; q)", lambda p, q, k: (p + k * np.sin(q), q)),
    "bend": Piece(r"(p,\; q + {k}\, \tanh p)", lambda p, q, k: (p, q + k * np.tanh(p))),
}


class Map(Blank):
    """The map of a distortion: where each pixel of the result is read."""

    kind = "map"
    name = "own_map"
    arguments = ("height", "width")
    outputs = ("rows", "columns")
    docstring = "Return rows and columns, (height, width) each: where the result is read."
    choices: ClassVar = (MOVES, MOVES)
    ranges: ClassVar = {"a": (0.35, 1.9), "b": (0.35, 1.9), "c": (0.35, 1.9)}

    def text(self):
        """Return the formula and the question."""
        one, two = (
            part.latex.format(k=f"{k:g}")
            for part, k in zip(self.parts, self.constants, strict=False)
        )
        return (
            "A distortion moves what stands at row $i$ and column $j$. Seen from the middle of the "
            r"picture, $p = i - \frac{H - 1}{2}$ and $q = j - \frac{W - 1}{2}$, it goes first to"
            f"\n\n$$ (p, q) \\mapsto {one} $$\n\nthen, with the new p and q, to\n\n"
            rf"$$ (p, q) \mapsto {two} $$"
            f"\n\nand at last {self.c:g} rows down, to $(p + {self.c:g},\\, q)$. The picture that "
            "results has the same height and width, and reads each of its pixels from where it "
            "came. Return `rows, columns`, both (height, width) and floats: row and column in the "
            "old picture, counted from its first row and column, for each pixel of the new one."
        )

    def forward(self, p, q):
        """Return where a point goes, both seen from the middle."""
        p, q = self.parts[0].f(p, q, self.a)
        p, q = self.parts[1].f(p, q, self.b)
        return p + self.c, q

    def grid(self, height, width):
        """Return p and q of each pixel."""
        return np.meshgrid(np.arange(height) - (height - 1) / 2,
                           np.arange(width) - (width - 1) / 2, indexing="ij")  # fmt: skip

    def solved(self, p, q):
        """Return the points that go to p and q: Newton's steps, with slopes by complex steps."""
        u, v = self._from(0, *self._from(1, p - self.c, q))
        return u, v

    def _from(self, place, p, q):
        move, k = self.parts[place].f, self.constants[place]
        u, v = p.copy(), q.copy()
        for _ in range(60):
            there = move(u, v, k)
            (pu, qu), (pv, qv) = (
                [np.imag(part) / H + 0 * u for part in move(*moved, k)]
                for moved in ((u + 1j * H, v + 0j), (u + 0j, v + 1j * H))
            )
            dp, dq, det = there[0] - p, there[1] - q, pu * qv - pv * qu
            u, v = u - (qv * dp - pv * dq) / det, v - (pu * dq - qu * dp) / det
            if max(np.abs(dp).max(), np.abs(dq).max()) < 1e-13:
                break
        return u, v

    def due(self, height, width):
        """Return rows and columns to read."""
        p, q = self.solved(*self.grid(height, width))
        return p + (height - 1) / 2, q + (width - 1) / 2

    def inputs(self, rng):
        """Return a height and a width."""
        return tuple(sizes(rng, 2, 3, 7))

    def wrong(self):
        """Return the mistakes: the map forward, the order, the middle, the shift."""
        swapped = type(self)(self.pieces[::-1], (self.b, self.a, self.c))

        def around(solve, middle=lambda n: (n - 1) / 2):
            def answer(height, width):
                p, q = np.meshgrid(np.arange(height) - middle(height),
                                   np.arange(width) - middle(width), indexing="ij")  # fmt: skip
                p, q = solve(p, q)
                return p + middle(height), q + middle(width)

            return answer

        read = "The result reads: each new pixel asks where it came from."
        found = {
            "the map forward": (around(self.forward), read),
            "undone in the order of the text": (
                around(lambda p, q: swapped.solved(p, q)), "Undo the last step first."),
            "the middle at H/2": (around(self.solved, lambda n: n / 2), "Which row is the middle?"),
            "around the first pixel": (around(self.solved, lambda n: 0), "Seen from the middle."),
            "seen from the middle still": (
                lambda h, w: self.solved(*self.grid(h, w)), "Rows and columns count from 0."),
            "the rows down the other way": (
                around(lambda p, q: self.but(c=-self.c).solved(p, q)), read),
            "not moved down": (around(self.but(c=0.0).solved), "Three steps."),
            "the first step is not undone": (
                around(lambda p, q: self._from(1, p - self.c, q)), "Three steps."),
            "the second step is not undone": (
                around(lambda p, q: self._from(0, p - self.c, q)), "Three steps."),
            "columns and rows swapped": (lambda h, w: self.due(h, w)[::-1], "rows, columns."),
        }  # fmt: skip
        return found


SIDES = {"rows": Piece("(N, D)", lambda x, m: x), "columns": Piece("(D, N)", lambda x, m: x.T)}
WEIGHTS = {"in-out": Piece("(D, K)", lambda w, m: w), "out-in": Piece("(K, D)", lambda w, m: w.T)}
RESULTS = {"rows": Piece("(N, K)", lambda y, m: y), "columns": Piece("(K, N)", lambda y, m: y.T)}


class Layer(Blank):
    """One forward pass in a layout of its own."""

    kind = "layer"
    name = "own_layer"
    arguments = ("x", "w", "bias")
    docstring = "Return y for the input x, weights w and biases (K,)."
    choices: ClassVar = (SHAPES, SIDES, WEIGHTS, RESULTS)
    ranges: ClassVar = {"a": (0.35, 1.9), "b": (0.35, 1.9), "c": (0.35, 2.9)}

    def text(self):
        """Return the formula and the question."""
        x, w, y = (part.latex for part in self.parts[1:])
        return (
            "A layer gives output k of example n the value\n\n"
            rf"$$ s_{{nk}} = {self.b:g}\, b_k + \sum_d x_{{nd}} w_{{dk}} \qquad y_{{nk}} = "
            f"{self.c:g} \\cdot {self.parts[0].latex.format(f'{self.a:g}' + chr(92) + ', s_{nk}')}"
            " $$\n\n"
            f"with N examples, D inputs and K outputs. Its arrays are stored so: `x` as {x}, "
            f"`w` as {w}, `bias` as (K,). Return `y` as {y}, without a loop."
        )

    def due(self, x, w, bias):
        """Return y, number by number."""
        return self.of(x, w, bias)

    def of(self, x, w, bias, shape=None, inside=1.0, outside=0.0, turned=False, plain=False):
        """Return y; the other arguments are what mistakes change."""
        x, w = self.parts[1].f(x, np), self.parts[2].f(w, np)
        y = np.empty((x.shape[0], w.shape[1]))
        for n, k in np.ndindex(y.shape):
            b = self.b * bias[n if turned else k]
            s = inside * b + sum(x[n, d] * w[d, k] for d in range(x.shape[1]))
            value = s if plain else self.c * self.parts[0].f(self.a * s, np)
            y[n, k] = value + outside * b
        return self.parts[3].f(y, np).copy()

    def inputs(self, rng):
        """Return x, w and bias; in every third case all sizes are the same."""
        n, d, k = [int(rng.integers(2, 4))] * 3 if rng.random() < 0.5 else sizes(rng, 3)
        x, w = self.parts[1].f(numbers(rng, n, d), np), self.parts[2].f(numbers(rng, d, k), np)
        return x.copy(), w.copy(), numbers(rng, k)

    def wrong(self):
        """Return the mistakes: layouts, bias, activation and factors."""
        stored = "Write the shape of each array beside the formula."

        def square(x, w, bias):
            """Let a layout that does not fit raise as a product of arrays does."""
            if len({*x.shape, *w.shape}) > 1:
                raise ValueError("shapes do not fit")

        def with_x_turned(x, w, bias):
            square(x, w, bias)
            return self.of(x.T, w, bias)

        def with_w_turned(x, w, bias):
            square(x, w, bias)
            return self.of(x, w.T, bias)

        def with_bias_turned(x, w, bias):
            square(x, w, bias)
            return self.of(x, w, bias, turned=True)

        return {
            "y in the other layout": (lambda *args: self.of(*args).T.copy(), stored),
            "x taken in the other layout": (with_x_turned, stored),
            "w taken in the other layout": (with_w_turned, stored),
            "the bias along the examples": (with_bias_turned, "Which index has b?"),
            "the bias is forgotten": (lambda *args: self.of(*args, inside=0.0), "What is in s?"),
            "the bias after the activation": (
                lambda *args: self.of(*args, inside=0.0, outside=1.0), "What is in s?"),
            f"the factor {self.b:g} is forgotten": (self.but(b=1.0).due, "What multiplies b?"),
            f"the factor {self.a:g} is forgotten": (self.but(a=1.0).due, "What multiplies s?"),
            f"the factor {self.c:g} is forgotten": (self.but(c=1.0).due, "What multiplies it all?"),
            "the activation is forgotten": (lambda *args: self.of(*args, plain=True),
                                            "y is not s."),
        }  # fmt: skip
