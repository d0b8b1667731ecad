"""Two families about slopes: one measured at three places, and one along a network's input."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from ._draw import sizes
from .own_families import COSTS, SHAPES, Blank, Piece, back, numbers, slope

PLACES = {
    "one before": Piece("$x - {a:g}h$, $x + {b:g}h$ and $x + {c:g}h$", (-1, 1, 1)),
    "two before": Piece("$x - {a:g}h$, $x - {b:g}h$ and $x + {c:g}h$", (-1, -1, 1)),
    "all after": Piece("$x + {a:g}h$, $x + {b:g}h$ and $x + {c:g}h$", (1, 1, 1)),
    "all before": Piece("$x - {a:g}h$, $x - {b:g}h$ and $x - {c:g}h$", (-1, -1, -1)),
}
"""Where a function was measured."""
QUANTITIES = {
    "slope": Piece("The slope $f'(x)$", lambda p: ((0, 1, 0), -1)),
    "slope at the first": Piece(
        "The slope of f at the first of them", lambda p: ((0, 1, 2 * p[0]), -1)
    ),
    "slope at the second": Piece(
        "The slope of f at the second of them", lambda p: ((0, 1, 2 * p[1]), -1)
    ),
    "curvature": Piece("The second derivative $f''(x)$", lambda p: ((0, 0, 2), -2)),
    "value": Piece("The value $f(x)$", lambda p: ((1, 0, 0), 0)),
    "integral": Piece(r"The integral of f from $x$ to $x + h$", lambda p: ((1, 1 / 2, 1 / 3), 1)),
}
"""What is asked of it: by 1, u and u^2, if x is 0 and h is 1, and the power of h that it has."""


class Difference(Blank):
    """A formula of differences, at places where no book has it."""

    kind = "difference"
    name = "own_difference"
    arguments = ("values", "h")
    docstring = "Return (N,) estimates from values (N, 3), in the order of the text, and h > 0."
    choices: ClassVar = (QUANTITIES, PLACES)
    ranges: ClassVar = {"a": (0.301, 0.899), "b": (1.101, 1.899), "c": (2.101, 2.899)}

    def text(self):
        """Return places and question."""
        what, where = (part.latex for part in self.parts)
        return (
            f"A function f was measured at {where.format(a=self.a, b=self.b, c=self.c)}. {what} is "
            "to be estimated by a weighted sum of the three values, with the weights that make it "
            "exact for every polynomial of degree two. Each row of `values`, (N, 3), belongs to a "
            "function, in the order of the places, and `h` is positive. Return the N estimates."
        )

    def places(self) -> np.ndarray:
        """Return the places for x = 0 and h = 1."""
        return np.array(self.parts[1].f) * self.constants

    def estimate(self, values, h, places=None, moments=None, power=None, order=3):
        """Return the estimates; the other arguments are what mistakes change."""
        own = self.places() if places is None else places
        asked, degree = self.parts[0].f(self.places())
        asked = np.array(asked if moments is None else moments, dtype=float)
        kept = [0, 1, 2] if order == 3 else [0, 2]
        powers = own[kept] ** np.arange(order)[:, None]  # (condition, place)
        weights = np.linalg.solve(powers, asked[:order])
        return values[:, kept] @ weights * h ** (degree if power is None else power)

    def due(self, values, h):
        """Return the estimates: three conditions, for 1, u and u^2, and three weights."""
        return self.estimate(values, h)

    def inputs(self, rng):
        """Return the values of some functions, and a step."""
        return numbers(rng, sizes(rng, 1)[0], 3), float(np.round(rng.uniform(0.2, 0.8), 2))

    def wrong(self):
        """Return the mistakes: in the places, in the conditions, and in the power of h."""
        moments, power = self.parts[0].f(self.places())
        exact = "Put in 1, u and u^2: each gives one condition on the weights."
        where = "Draw the three places on a line, with x as 0."

        def but(**changes):
            return lambda values, h: self.estimate(values, h, **changes)

        return {
            "the places on the other side": (but(places=-self.places()), where),
            "as if the places were evenly spaced": (but(places=np.array([-1.0, 0.0, 1.0])), where),
            "exact for straight lines only": (
                but(order=2), "Three values are enough for a polynomial of degree two."),
            "the values in the other order": (
                lambda values, h: self.due(values[:, ::-1], h), where),
            "what is asked for at x": (
                but(moments=(0, 1, 0), power=-1), "At which place is it asked for?"),
            "h is forgotten": (but(power=0), "How does it change if h is halved?"),
            "multiplied by h in place of divided": (
                but(power=-power), "How does it change if h is halved?"),
            "divided by h once": (but(power=-1), "How does it change if h is halved?"),
            "the condition of u^2 without its factor": (
                but(moments=(*moments[:2], moments[2] / 2)), exact),
            "the mean of the three values": (lambda values, h: values.mean(axis=1), exact),
            "a sum over all functions": (
                lambda values, h: self.due(values.sum(axis=0)[None], h), "A number for each row."),
        }  # fmt: skip


class Ascent(Blank):
    """The slope along which an image is made that a network answers to."""

    kind = "ascent"
    name = "own_ascent"
    arguments = ("x", "w", "v", "m")
    docstring = "Return dx, (N, D), for images x (N, D), weights w (D, K), v (K,) and m (D,)."
    choices: ClassVar = (SHAPES, COSTS)
    ranges: ClassVar = {"a": (0.35, 1.9), "b": (0.35, 1.9), "c": (0.35, 2.9)}

    def text(self):
        """Return the formula and the question."""
        u, cost = (
            part.latex.format(f"{k:g}\\,{z}")
            for part, k, z in zip(self.parts, self.constants[:2], "se", strict=True)
        )
        return (
            "Images are changed so that a unit answers to them more, and yet stay near the mean "
            "image `m`. For `x`, (N, D), `w`, (D, K), `v`, (K,), and `m`, (D,), let $s = x w$, "
            "(N, K), and $e = x - m$, (N, D). With s and e for their entries,\n\n"
            rf"$$ J = \sum_{{n k}} v_k \cdot {u} - {self.c:g} \sum_{{n d}} {cost} $$"
            "\n\nReturn `dx`, (N, D), the slope of J along `x`: the direction to climb in."
        )

    def answers(self, x, w, v, m):
        """Return J's share of each image, (..., N, 1)."""
        answer = self.parts[0].f(self.a * (x @ w), np) @ v[:, None]
        return answer - self.c * self.parts[1].f(self.b * (x - m), np).sum(-1, keepdims=True)

    def due(self, x, w, v, m):
        """Return dx."""
        return back(lambda t: self.answers(t, w, v, m), np.ones(()), x)

    def inputs(self, rng):
        """Return images, weights and the mean image, with no sum at a kink."""
        while True:
            n, d, k = sizes(rng, 3)
            m, w = numbers(rng, d), numbers(rng, d, k)
            x = np.round(m + numbers(rng, n, d), 2)
            if np.abs(x @ w).min() > 1e-3:
                return x, w, numbers(rng, k), m

    def wrong(self):
        """Return the mistakes: of each of the two terms, and of what surrounds them."""
        a, b, c = self.constants
        u, cost = (part.f for part in self.parts)

        def of(first: Callable | None = None, second: Callable | None = None) -> Callable:
            def answer(x, w, v, m):
                s, e = x @ w, x - m
                up = slope(lambda t: u(t, np), a * s) * a if first is None else first(s)
                down = slope(lambda t: cost(t, np), b * e) * b if second is None else second(e, x)
                return (v * up) @ w.T - c * down

            return answer

        def gate(s):
            return slope(lambda t: u(t, np), s)

        def price(e):
            return slope(lambda t: cost(t, np), e)

        chain = "The slope of g(k z) along z is k g'(k z)."
        two = "J has two terms, and x is in both."
        return {
            f"the inner factor {a:g} is forgotten": (of(lambda s: gate(a * s)), chain),
            f"the inner factor {b:g} is forgotten": (of(second=lambda e, x: price(b * e)), chain),
            f"the factor {c:g} is forgotten": (self.but(c=1.0).due, two),
            "the unit's slope is forgotten": (of(lambda s: 1.0 + 0 * s), chain),
            "the unit's value in place of its slope": (of(lambda s: a * u(a * s, np)), chain),
            "the unit's slope where s is not scaled": (of(lambda s: a * gate(s)), chain),
            "the cost's slope is forgotten": (of(second=lambda e, x: 1.0 + 0 * e), chain),
            "the cost's value in place of its slope": (
                of(second=lambda e, x: b * cost(b * e, np)), chain),
            "the cost's slope at x in place of x - m": (
                of(second=lambda e, x: b * price(b * x)), "What is e?"),
            "the second term is forgotten": (self.but(c=0.0).due, two),
            "the second term is added": (self.but(c=-c).due, two),
            "v is forgotten": (
                lambda x, w, v, m: self.due(x, w, np.ones_like(v), m), "What counts how much?"),
            "the sign": (lambda *args: -self.due(*args), "One climbs."),
            "the mean over the images": (
                lambda x, *rest: self.due(x, *rest) / len(x), "The images are added up."),
        }  # fmt: skip
