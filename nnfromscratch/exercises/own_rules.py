"""The family of step rules: each a recursion for one weight, as the text states it.

The check carries a rule out number by number; an answer works on arrays, and so is another form.
"""

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from ._draw import sizes
from .own_families import Blank, Piece, numbers

M = r"m \leftarrow {r:g}\,m + {one_r:g}\,g"
S = r"s \leftarrow {q:g}\,s + {one_q:g}\,g^2"


def _m(s, g, k):
    s["m"] = k.r * s["m"] + (1 - k.r) * g
    return s["m"]


def _s(s, g, k, by=None):
    s["s"] = k.q * s["s"] + (1 - k.q) * (g if by is None else by) ** 2
    return s["s"]


def adagrad(w, g, s, t, k):
    s["s"] += g**2
    return w - k.eta * g / np.sqrt(k.r + s["s"]) - k.eta * k.eps * w


def centred(w, g, s, t, k):
    m = _m(s, g, k)
    return w - k.eta * g / (np.sqrt(_s(s, g, k, g - m)) + k.eps)


def adadelta(w, g, s, t, k):
    d = np.sqrt(s["u"] + k.eps) / np.sqrt(_s(s, g, k) + k.eps) * g
    s["u"] = k.r * s["u"] + (1 - k.r) * d**2
    return w - k.eta * d


def adamax(w, g, s, t, k):
    s["u"] = max(k.q * s["u"], abs(g))
    return w - k.eta / (1 - k.r**t) * _m(s, g, k) / (s["u"] + k.eps)


def amsgrad(w, g, s, t, k):
    m = _m(s, g, k)
    s["v"] = max(s["v"], _s(s, g, k))
    return w - k.eta * m / (np.sqrt(s["v"]) + k.eps)


def nadam(w, g, s, t, k):
    m = k.r * _m(s, g, k) / (1 - k.r ** (t + 1)) + (1 - k.r) * g / (1 - k.r**t)
    return w - k.eta * m / (np.sqrt(_s(s, g, k) / (1 - k.q**t)) + k.eps)


def lion(w, g, s, t, k):
    c = k.r * s["m"] + (1 - k.r) * g
    s["m"] = k.q * s["m"] + (1 - k.q) * g
    return w - k.eta * (np.sign(c) + k.eps * w)


def yogi(w, g, s, t, k):
    m = _m(s, g, k)
    s["s"] = s["s"] - (1 - k.q) * np.sign(s["s"] - g**2) * g**2
    return w - k.eta * m / (np.sqrt(s["s"]) + k.eps)


def adabelief(w, g, s, t, k):
    m = _m(s, g, k)
    v = _s(s, g, k, g - m)
    return w - k.eta * m / (1 - k.r**t) / (np.sqrt(v / (1 - k.q**t)) + k.eps)


def padam(w, g, s, t, k):
    return w - k.eta * _m(s, g, k) / (np.sqrt(np.sqrt(_s(s, g, k))) + k.eps)


def quasi(w, g, s, t, k):
    m = _m(s, g, k)
    return w - k.eta * (k.r * m + (1 - k.r) * g) / (np.sqrt(_s(s, g, k)) + k.eps)


def adamw(w, g, s, t, k):
    m, v = _m(s, g, k) / (1 - k.r**t), _s(s, g, k) / (1 - k.q**t)
    return w - k.eta * (m / (np.sqrt(v) + 0.01) + k.eps * w)


def soft_lion(w, g, s, t, k):
    c = k.r * s["m"] + (1 - k.r) * g
    s["m"] = k.q * s["m"] + (1 - k.q) * g
    return w - k.eta * c / (k.eps + abs(c))


HATS = r"\hat s = \frac{{s}}{{1 - {q:g}^t}}"
NEXT = r"m \leftarrow {q:g}\,m + {one_q:g}\,g"
STEP = r"w \leftarrow w - {eta:g}"
ADAPTIVE = {
    "Adagrad": Piece(
        r"s \leftarrow s + g^2 \qquad " + STEP
        + r"\left(\frac{{g}}{{\sqrt{{{r:g} + s}}}} + {eps:g}\,w\right)", adagrad),
    "centred": Piece(
        M + r" \qquad s \leftarrow {q:g}\,s + {one_q:g}\,(g - m)^2 \qquad " + STEP
        + r"\,\frac{{g}}{{\sqrt s + {eps:g}}}", centred),
    "Adadelta": Piece(
        S + r" \qquad d = \frac{{\sqrt{{u + {eps:g}}}}}{{\sqrt{{s + {eps:g}}}}}\,g \qquad "
        r"u \leftarrow {r:g}\,u + {one_r:g}\,d^2 \qquad " + STEP + r"\,d", adadelta),
    "AdaMax": Piece(
        M + r" \qquad u \leftarrow \max({q:g}\,u, |g|) \qquad " + STEP
        + r"\,\frac{{m}}{{(1 - {r:g}^t)(u + {eps:g})}}", adamax),
    "AMSGrad": Piece(
        M + r" \qquad " + S + r" \qquad v \leftarrow \max(v, s) \qquad " + STEP
        + r"\,\frac{{m}}{{\sqrt v + {eps:g}}}", amsgrad),
    "NAdam": Piece(
        M + r" \qquad " + S + r" \qquad " + HATS + r" \qquad \hat m = "
        r"\frac{{{r:g}\,m}}{{1 - {r:g}^{{t + 1}}}} + \frac{{{one_r:g}\,g}}{{1 - {r:g}^t}} \qquad "
        + STEP + r"\,\frac{{\hat m}}{{\sqrt{{\hat s}} + {eps:g}}}", nadam),
    "Lion": Piece(
        r"c = {r:g}\,m + {one_r:g}\,g \qquad " + STEP
        + r"\,(\operatorname{{sign}} c + {eps:g}\,w) \qquad " + NEXT, lion),
    "Yogi": Piece(
        M + r" \qquad s \leftarrow s - {one_q:g}\,\operatorname{{sign}}(s - g^2)\,g^2 \qquad "
        + STEP + r"\,\frac{{m}}{{\sqrt s + {eps:g}}}", yogi),
    "AdaBelief": Piece(
        M + r" \qquad s \leftarrow {q:g}\,s + {one_q:g}\,(g - m)^2 \qquad " + HATS
        + r" \qquad " + STEP
        + r"\,\frac{{m / (1 - {r:g}^t)}}{{\sqrt{{\hat s}} + {eps:g}}}", adabelief),
    "Padam": Piece(
        M + r" \qquad " + S + r" \qquad " + STEP + r"\,\frac{{m}}{{\sqrt[4]{{s}} + {eps:g}}}",
        padam),
    "quasi-hyperbolic Adam": Piece(
        M + r" \qquad " + S + r" \qquad " + STEP
        + r"\,\frac{{{r:g}\,m + {one_r:g}\,g}}{{\sqrt s + {eps:g}}}", quasi),
    "AdamW": Piece(
        M + r" \qquad " + S + r" \qquad " + HATS + r" \qquad " + STEP
        + r"\left(\frac{{m / (1 - {r:g}^t)}}{{\sqrt{{\hat s}} + 0.01}} + {eps:g}\,w\right)",
        adamw),
    "soft Lion": Piece(
        r"c = {r:g}\,m + {one_r:g}\,g \qquad " + STEP
        + r"\,\frac{{c}}{{{eps:g} + |c|}} \qquad " + NEXT, soft_lion),
}  # fmt: skip


def _v(s, g, k):
    s["v"] = k.r * s["v"] + g
    return s["v"]


def heavy_ball(w, g, s, t, k):
    return w - k.eta * (_v(s, g, k) + k.eps * w)


def nesterov(w, g, s, t, k):
    return w - k.eta * (g + k.r * _v(s, g, k) + k.eps * w)


def dampened(w, g, s, t, k):
    return w - k.eta * _v(s, (1 - k.q) * g, k)


def mixed(w, g, s, t, k):
    return w - k.eta * ((1 - k.q) * g + k.q * _m(s, g, k))


def two_speeds(w, g, s, t, k):
    s["u"] = k.q * s["u"] + g
    return w - k.eta * (_v(s, g, k) + k.eps * s["u"])


def slowing(w, g, s, t, k):
    return w - k.eta * _v(s, g, k) / (1 + k.eps * t)


def clipped(w, g, s, t, k):
    return w - k.eta * _v(s, max(-k.q, min(k.q, g)), k)


def softened(w, g, s, t, k):
    return w - k.eta * _v(s, g / (k.q + abs(g)), k)


def restarted(w, g, s, t, k):
    if t % 3 == 0:
        s["v"] = 0.0
    return w - k.eta * (_v(s, g, k) + k.eps * w)


def anchored(w, g, s, t, k):
    s["m"] = w if t <= 1 else k.q * s["m"] + (1 - k.q) * w
    return w - k.eta * (_v(s, g, k) + k.eps * (w - s["m"]))


def controlled(w, g, s, t, k):
    s["s"] += g
    change, s["u"] = g - s["u"], g
    return w - k.eta * (g + k.r * s["s"] + k.q * change)


def powered(w, g, s, t, k):
    return w - k.eta * t ** (-k.q) * (_v(s, g, k) + k.eps * w)


V = r"v \leftarrow {r:g}\,v + g"
PLAIN = {
    "heavy ball": Piece(V + r" \qquad " + STEP + r"\,(v + {eps:g}\,w)", heavy_ball),
    "Nesterov": Piece(V + r" \qquad " + STEP + r"\,(g + {r:g}\,v + {eps:g}\,w)", nesterov),
    "dampened": Piece(
        r"v \leftarrow {r:g}\,v + {one_q:g}\,g \qquad " + STEP + r"\,v", dampened),
    "mixed": Piece(M + r" \qquad " + STEP + r"\,({one_q:g}\,g + {q:g}\,m)", mixed),
    "two speeds": Piece(
        V + r" \qquad u \leftarrow {q:g}\,u + g \qquad " + STEP + r"\,(v + {eps:g}\,u)",
        two_speeds),
    "slowing": Piece(V + r" \qquad " + STEP + r"\,\frac{{v}}{{1 + {eps:g}\,t}}", slowing),
    "clipped": Piece(
        r"v \leftarrow {r:g}\,v + \max(-{q:g}, \min({q:g}, g)) \qquad " + STEP + r"\,v", clipped),
    "softened": Piece(
        r"v \leftarrow {r:g}\,v + \frac{{g}}{{{q:g} + |g|}} \qquad " + STEP + r"\,v", softened),
    "restarted": Piece(
        r"v \leftarrow 0 \text{{ if 3 divides }} t \qquad " + V + r" \qquad " + STEP
        + r"\,(v + {eps:g}\,w)", restarted),
    "anchored": Piece(
        V + r" \qquad m \leftarrow w \text{{ if }} t = 1 \text{{, else }} {q:g}\,m + {one_q:g}\,w "
        r"\qquad " + STEP + r"\,\left(v + {eps:g}\,(w - m)\right)", anchored),
    "controlled": Piece(
        r"s \leftarrow s + g \qquad " + STEP
        + r"\,\left(g + {r:g}\,s + {q:g}\,(g - u)\right) \qquad u \leftarrow g", controlled),
    "powered": Piece(
        V + r" \qquad " + STEP + r"\,t^{{-{q:g}}}\,(v + {eps:g}\,w)", powered),
}  # fmt: skip


class Steps(Blank):
    """Steps of an optimizer."""

    kind = "adaptive"
    name = "own_steps"
    arguments = ("w", "gradients")
    docstring = "Return the weights (D,) after a step for each row of gradients (T, D)."
    choices: ClassVar = (ADAPTIVE,)
    ranges: ClassVar = {
        "eta": (0.011, 0.899),
        "r": (0.521, 0.949),
        "q": (0.521, 0.979),
        "eps": (0.011, 0.199),
    }

    def text(self):
        """Return the recursion and the question."""
        values = dict(zip(self.ranges, self.constants, strict=True))
        ones = {"one_r": round(1 - values["r"], 3), "one_q": round(1 - values["q"], 3)}
        rule = self.parts[0].latex.format(**values, **ones).replace(r" \qquad ", r" \\ ")
        return (
            "An optimizer makes step t, counted from 1, with the gradient g in each weight by\n\n"
            rf"$$ \begin{{gathered}} {rule} \end{{gathered}} $$"
            "\n\nin this order. All but the weights starts at 0, and is kept from step to step. "
            "`w`, (D,), are the first weights, and `gradients`, (T, D), has a row for each step. "
            "Return the weights after the last step, and leave `w` as it is."
        )

    def run(self, w, gradients, first=1, kept=True, rule: Callable | None = None):
        """Return the weights after all steps, one weight after the other."""
        rule, after = rule or self.parts[0].f, np.empty(w.shape)
        for place, weight in enumerate(w):
            state = dict.fromkeys("msuv", np.float64(0))
            for t, row in enumerate(gradients, first):
                weight = rule(weight, row[place], state, t, self)
                state = state if kept else dict.fromkeys("msuv", np.float64(0))
            after[place] = weight
        return after

    def due(self, w, gradients):
        """Return the weights after all steps."""
        return self.run(w, gradients)

    def inputs(self, rng):
        """Return weights and gradients."""
        steps, d = sizes(rng, 2, 3, 6)
        return numbers(rng, d), numbers(rng, steps, d)

    def wrong(self):
        """Return the mistakes: what is kept, counted, and which constant stands where."""
        order = "Read the rule once more, from left to right."

        def in_place(w, gradients):
            w[:] = self.run(w, gradients)
            return w

        return {
            "the sign": (self.but(eta=-self.eta).due, "Against the gradient, or with it?"),
            "nothing is kept from step to step": (
                lambda w, g: self.run(w, g, kept=False), "What does step 2 know of step 1?"),
            "steps counted from 0": (lambda w, g: self.run(w, g, first=0), "The first t is 1."),
            "steps counted from 2": (lambda w, g: self.run(w, g, first=2), "The first t is 1."),
            f"{self.r:g} and {self.q:g} swapped": (self.but(r=self.q, q=self.r).due, order),
            f"{self.eps:g} is forgotten": (self.but(eps=0.0).due, order),
            f"the step size {self.eta:g} is forgotten": (self.but(eta=1.0).due, order),
            f"{self.r:g} is 0": (self.but(r=0.0).due, order),
            f"{self.q:g} is 0": (self.but(q=0.0).due, order),
            "the gradients from the last to the first": (
                lambda w, g: self.run(w, g[::-1]), "Row 0 is the first step's."),
            "the mean of the gradients in every step": (
                lambda w, g: self.run(w, 0 * g + g.mean(axis=0)), "A row for each step."),
            "the first step alone": (lambda w, g: self.run(w, g[:1]), "A step for each row."),
            "the last step is missing": (lambda w, g: self.run(w, g[:-1]), "A step for each row."),
            "w itself is changed": (in_place, "Work on a copy."),
        }  # fmt: skip


class PlainSteps(Steps):
    """Steps of plain descent, with something kept from step to step."""

    kind = "steps"
    choices: ClassVar = (PLAIN,)
