r"""Ten thousand own blanks: right answers must be accepted, and generated mistakes refused.

    python -m benchmarks.own_blanks               all families, and whole classes of 300
    python -m benchmarks.own_blanks --minutes 10  as many as fit; stores how many
    python -m benchmarks.own_blanks --draws 200   fewer, to try; stores nothing

A right answer that owes nothing to the check is made from the text that a student reads: its LaTeX
is translated to Python and carried out on arrays. Slopes are five-point differences of it in
80-bit numbers. That the two agree says also that text and check mean the same formula. Each draw is
tried with the check's own form and with one in float32 on the way besides, where that is enough.
"""

import argparse
import functools
import json
import re
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from math import lgamma
from pathlib import Path

import numpy as np

from nnfromscratch._files import replacing
from nnfromscratch.exercises import own
from nnfromscratch.exercises import own_families as families
from nnfromscratch.exercises._sandbox import behaviour
from tools.exercises import in_single

RESULT = Path(__file__).resolve().parent / "results" / "own_blanks.json"
DRAWS = 10_000
CLASS = 300
WORDS = {
    r"\left": "", r"\right": "", r"\,": "", r"\;": " ", r"\cdot": "*", r"\hat s": "shat",
    r"\hat m": "mhat", r"\operatorname{sign} c": "sign(c)", r"\tfrac32": "1.5 *",
    r"\tfrac12": "0.5 *", r"\tfrac{\pi}{2}": "(pi/2)", r"\cos \pi v": "cos(pi*v)",
    r"\ln\cosh": r"\lncosh", r"\operatorname{sign}": "sign", r"\max": "maximum",
    r"\min": "minimum", r"\ln": "log", "log\\": "\\", r"\sqrt s": r"\sqrt{s}",
    r"\sqrt v": r"\sqrt{v}",
}  # fmt: skip


def group(text: str, start: int) -> tuple[str, int]:
    """Return what stands in the braces that open at `start`, and where they are closed."""
    depth = 0
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if not depth:
            return text[start + 1 : place], place + 1
    raise ValueError(text)


def python_of(latex: str) -> str:
    """Return the Python of a formula of the families, with the functions of NAMED."""
    text = latex.replace(r"\ln\cosh", "lncosh").replace(r"\sin q", r"\sin(q)")
    text = text.replace(r"\tanh p", r"\tanh(p)")
    for word, meaning in WORDS.items():
        text = text.replace(word, meaning)
    text = re.sub(r"\|(.+?)\|", r"absolute(\1)", text)
    while found := re.search(r"\\frac(?=\d)|\\frac|\\sqrt(\[4\])?|\\overline|e\^|\^", text):
        end = found.end()
        if text[end] != "{":
            text = text[:end] + "{" + text[end] + "}" + text[end + 1 :]
        inner, after = group(text, end)
        if found[0] == r"\frac":
            below, after = group(text, after)
            made = f"(({inner})/({below}))"
        elif found[0].startswith(r"\sqrt"):
            made = f"sqrt({inner})" if not found[1] else f"sqrt(sqrt({inner}))"
        else:
            made = {r"\overline": f"mean({inner})", "e^": f"exp({inner})", "^": f"**({inner})"}
            made = made[found[0]]
        text = text[: found.start()] + made + text[after:]
    text = text.replace("\\", "").replace("{", "(").replace("}", ")")
    text = re.sub(r"([a-z])_(\((ij|nk)\)|[ij]\b)", r"\1", text)
    text = re.sub(r"\)\s*(?=[\w(])", ")*", text)  # a product without a sign
    text = re.sub(r"(?<![\w.])(\d[\d.]*)\s*(?=[a-z(])", r"\1*", text)
    return re.sub(
        r"(?<![\w])([a-z])\s*(?=\()", r"\1*", re.sub(r"\b([a-z]) (?=[a-z])", r"\1*", text)
    )


NAMES = ("tanh", "log", "exp", "sqrt", "sin", "cos", "cosh", "arctan", "absolute", "sign",
         "maximum", "minimum", "pi")  # fmt: skip
NAMED = {name: getattr(np, name) for name in NAMES} | {"lncosh": lambda u: np.log(np.cosh(u))}
"""What the Python of a formula may use."""


def value(latex: str, **variables: object) -> object:
    """Return the value of a formula."""
    return eval(_compiled(latex), NAMED | variables)


@functools.cache
def _compiled(latex: str):
    return compile(python_of(latex).strip(), latex, "eval")


WEIGHTS = {-2: 1, -1: -8, 1: 8, 2: -1}


def differences(f, x: np.ndarray, elementwise: bool = False) -> np.ndarray:
    """Return the slopes of f along x, by five points in 80-bit numbers."""
    x, h = x.astype(np.longdouble), np.longdouble(2) ** -20
    if elementwise:
        return sum(k * f(x + s * h) for s, k in WEIGHTS.items()) / (12 * h)
    slopes = np.empty_like(x)
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = h
        slopes[place] = sum(k * f(x + s * step) for s, k in WEIGHTS.items()) / (12 * h)
    return slopes


def answer_from_text(blank: families.Blank):
    """Return an answer that does what the text says, and knows nothing of the check."""
    return ANSWERS[type(blank).__name__](blank, blank.text())


def _formulas(text: str) -> list[str]:
    return re.findall(r"\$\$ (.*?) \$\$", text, re.S)


def _activation(blank, text):
    latex = _formulas(text)[0].split(" = ")[1]

    def answer(da, z):
        return (da * differences(lambda t: value(latex, z=t), z, True)).astype(float)

    return answer


def _loss(blank, text):
    latex, over = re.match(r"\\ell\(e\) = (.*?) \\qquad \\text\{loss\} = (.*?)\\sum_n",
                           _formulas(text)[0]).groups()  # fmt: skip

    def answer(a, target):
        n, k = a.shape
        factor = 1 / {"": 1, "N": n, "{N K}": n * k}[over.strip().removeprefix(r"\frac1")]
        e = a - target
        slopes = differences(lambda t: value(latex, e=t), e, True)
        loss = sum(value(latex, e=row).sum() for row in e)
        return float(factor * loss), (factor * slopes).astype(float)

    return answer


def _penalty(blank, text):
    found = re.match(r"s_(.) = \\sum_. (.*?) \\qquad r = ([\d.]+) \\sum_. (.*)", _formulas(text)[0])
    index, inner, factor, outer = found.groups()

    def r(w):
        sums = value(inner, w=w).sum(axis={"i": 1, "j": 0}[index])
        return float(factor) * value(outer, s=sums).sum()

    return lambda w: (float(r(w)), differences(r, w).astype(float))


def _normalizing(blank, text):
    found = re.match(r"r_\{ij\} = x_\{ij\} - (\S+?)\\; \\overline\{(.*)\} \\qquad "
                     r"s = (.*?) \\qquad "
                     r"y_\{ij\} = \\frac\{(\S+?)\\; r_\{ij\}\}\{s\}",
                     _formulas(text)[0])  # fmt: skip
    share, centre, spread, factor = found.groups()
    axis = 0 if "over the index i" in text else 1

    def mean(t):
        return t.mean(axis=axis, keepdims=True)

    def y(x):
        r = x - float(share) * mean(value(centre, x=x))
        return float(factor) * r / value(spread, r=r, mean=mean)

    return lambda dy, x: differences(lambda t: (dy * y(t)).sum(), x).astype(float)


def _layer(blank, text):
    found = re.match(r"s_\{nk\} = (\S+?)\\, b_k \+ .*? \\qquad y_\{nk\} = (.*)", _formulas(text)[0])
    scale, latex = found.groups()
    latex = latex.replace(r"\, s", "\\,s")

    def answer(x, w, bias):
        x = x.T if "`x` as (D, N)" in text else x
        w = w.T if "`w` as (K, D)" in text else w
        y = value(latex, s=x @ w + float(scale) * bias)
        return (y.T if "`y` as (K, N)" in text else y).copy()

    return answer


def _rate(blank, text):
    share = float(re.search(r"w = ([\d.]+)\\,T", text)[1])
    peak, up, down = re.match(r"\\eta\(t\) = ([\d.]+) \\cdot \\begin\{cases\} (.*?) & "
                              r"t \+ 1 < w \\\\ "
                              r"(.*?) & t", _formulas(text)[0]).groups()  # fmt: skip

    def answer(t, total):
        w = share * total
        u, v = (t + 1) / w, (t + 1 - w) / (total - w)
        return float(peak) * float(value(up, u=u) if t + 1 < w else value(down, v=v))

    return answer


def _initial(blank, text):
    def half(power):  # the integral of z^power on the positive side, by the gamma function
        return np.exp((power / 2 - 1) * np.log(2) + lgamma((power + 1) / 2)) / np.sqrt(np.pi)

    branches = re.search(r"\{cases\} ([\d.]+)\\,(.*?) & z > 0 \\\\ -([\d.]+)\\,(.*?) & z", text)
    total = 0.0
    for factor, power in (branches.group(1, 2), branches.group(3, 4)):
        found = re.search(r"\^\{(\d)(?:/(\d))?\}", power)
        p = int(found[1]) / int(found[2] or 1) if found else float("z" in power)
        total += float(factor) ** 2 * half(2 * p)
    variance = float(re.search(r"have variance ([\d.]+),", text)[1])

    def answer(n_in, n_out):
        fan = n_in if r"$n_\text{in}$" in text else n_out
        fan = (n_in + n_out) / 2 if "tfrac12" in text else fan
        sigma = np.sqrt(variance / fan / total)
        return float(sigma * np.sqrt(3) if "return $k$" in text else sigma)

    return answer


def _map(blank, text):
    steps = [part.split(r"\mapsto ")[1].strip()[1:-1].split(r",\;") for part in _formulas(text)]
    down = float(re.search(r"at last ([\d.]+) rows", text)[1])

    def answer(height, width):
        p, q = np.meshgrid(*(np.arange(n, dtype=np.longdouble) - (n - 1) / 2
                             for n in (height, width)), indexing="ij")  # fmt: skip
        u, v = p - down, q
        for step in reversed(steps):
            u, v = _undone(lambda p, q, step=step: [value(f, p=p, q=q) for f in step], u, v)
        return (u + (height - 1) / 2).astype(float), (v + (width - 1) / 2).astype(float)

    return answer


def _undone(forward, p, q):
    """Return what a step moves to p and q: Newton's steps, with slopes by differences."""
    u, v, h = p, q, np.longdouble(2) ** -20
    for _ in range(30):
        (pu, qu), (pv, qv) = (
            [(a - b) / (2 * h) for a, b in zip(forward(*up), forward(*down), strict=True)]
            for up, down in (((u + h, v), (u - h, v)), ((u, v + h), (u, v - h)))
        )
        dp, dq = (a - b for a, b in zip(forward(u, v), (p, q), strict=True))
        det = pu * qv - pv * qu
        u, v = u - (qv * dp - pv * dq) / det, v - (pu * dq - qu * dp) / det
        if max(abs(dp).max(), abs(dq).max()) < 1e-13:
            break
    return u, v


def _steps(blank, text):
    lines = re.search(r"\{gathered\} (.*) \\end", _formulas(text)[0])[1].split(r" \\ ")
    rules = []
    for line in lines:
        left, right = re.split(r" \\leftarrow | = ", line, maxsplit=1)
        rules.append((left.replace(r"\hat s", "shat").replace(r"\hat m", "mhat"), right))

    def answer(w, gradients):
        state = {name: np.zeros(len(w)) for name in "msuv"} | {"w": w.copy()}
        for t, g in enumerate(gradients, 1):
            for left, right in rules:
                if "divides" in right:
                    right = "0" if t % 3 == 0 else left
                if "else" in right:
                    first, rest = re.split(r" \\text\{ if \} t = 1 \\text\{, else \} ", right)
                    right = first if t == 1 else rest
                state[left] = np.zeros(len(w)) + value(right, **state, g=g, t=t)
        return state["w"]

    return answer


def _difference(blank, text):
    """Through three points goes one polynomial: Lagrange's, which Simpson's rule integrates."""
    signs = re.findall(r"\$x ([+-]) ([\d.]+)h\$", text)
    places = [np.longdouble(sign + number) for sign, number in signs]
    asked = re.search(r"\. The (.*?) is to be", text)[1]

    def answer(values, h):
        def p(t):  # at x + t h
            return sum(
                values[:, i] * np.prod([(t - o) / (place - o) for o in places if o != place])
                for i, place in enumerate(places)
            )

        at = places[0] if "first" in asked else places[1] if "second of" in asked else 0
        if "integral" in asked:
            made = h * (p(0) + 4 * p(np.longdouble(0.5)) + p(1)) / 6
        elif "second derivative" in asked:
            made = (p(1) - 2 * p(0) + p(-1)) / np.longdouble(h) ** 2
        elif "slope" in asked:
            made = (p(at + 1) - p(at - 1)) / (2 * np.longdouble(h))
        else:
            made = p(0)
        return made.astype(float)

    return answer


def _ascent(blank, text):
    up, factor, down = re.match(r"J = \\sum_\{n k\} v_k \\cdot (.*?) - ([\d.]+) "
                                r"\\sum_\{n d\} (.*)", _formulas(text)[0]).groups()  # fmt: skip

    def answer(x, w, v, m):
        def j(t):
            gained = (v * value(up, s=t @ w)).sum()
            return gained - float(factor) * value(down, e=t - m).sum()

        return differences(j, x).astype(float)

    return answer


ANSWERS = {
    "Activation": _activation, "Loss": _loss, "Penalty": _penalty, "Normalizing": _normalizing,
    "Layer": _layer, "Rate": _rate, "Initial": _initial, "Map": _map, "Steps": _steps,
    "PlainSteps": _steps, "Difference": _difference, "Ascent": _ascent,
}  # fmt: skip


def faults(draw: own.Draw, seed: int) -> tuple[int, list[str]]:
    """Return the number of verdicts on one draw, and what is wrong with them."""
    exercise, blank, rng = own.exercise(draw), own.blank_of(draw), np.random.default_rng(seed)
    cases = exercise.cases(rng)
    due = exercise.expected(cases)
    right = {"text": answer_from_text(blank), "formula": exercise.reference}
    done = {
        name: [behaviour(f, case, exercise.call) for case in cases] for name, f in right.items()
    }
    done["float32"] = [
        in_single(exercise, exercise.reference, *parts)
        for parts in zip(cases, done["formula"], due, strict=True)
    ]
    wrong = [
        f"{draw}: the right answer by {name} is refused"
        for name, found in done.items()
        if exercise.wrong(exercise.trials(cases, found, due))
    ]
    known = exercise.known(cases)
    for mistake, found in zip(exercise.mistakes, known, strict=True):
        trials = exercise.trials(cases, found, due)
        if not exercise.wrong(trials):
            wrong.append(f"{draw}: {mistake.name!r} is accepted")
        elif exercise.diagnose(trials, known) is not mistake:
            wrong.append(f"{draw}: {mistake.name!r} is not told by its name")
    return len(done) + len(known), wrong


def part(kind: str, numbers: range) -> tuple[int, list[str]]:
    """Judge the draws of some students of one family."""
    verdicts, wrong = 0, []
    for number in numbers:
        count, found = faults(own.drawn(b"a secret", f"student {number}", "a set", kind), number)
        verdicts += count
        wrong += found
    return verdicts, wrong


def twins(classes: int) -> int:
    """Return in how many classes two students had the same blank in one of the sets."""
    found = 0
    for number in range(classes):
        secret = str(number).encode()
        found += any(
            len({own.drawn(secret, f"s{i}", name, kind) for i in range(CLASS)}) < CLASS
            for name, kind in own.SETS.items()
        )
    return found


def main(arguments=None):
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description="Ten thousand own blanks.")
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after these")
    options = parser.parse_args(arguments)
    each, end = options.draws // len(own.FAMILIES), time.monotonic() + 60 * options.minutes
    verdicts, wrong, counts = 0, [], Counter()
    rounds = [range(first, min(first + 10, each)) for first in range(0, each, 10)]
    with ProcessPoolExecutor(options.workers) as pool:
        for numbers in rounds:
            if time.monotonic() > end:
                break
            for kind, (count, found) in zip(
                own.FAMILIES,
                pool.map(part, own.FAMILIES, [numbers] * len(own.FAMILIES)),
                strict=True,
            ):
                verdicts, counts[kind] = verdicts + count, counts[kind] + len(numbers)
                wrong += found
            print(f"{counts.total()} draws, {len(wrong)} wrong", flush=True)
    classes = max(1, DRAWS // CLASS) if options.draws == DRAWS else 1
    limit = f" --minutes {options.minutes:g}" if options.minutes < float("inf") else ""
    result = {
        "command": f"python -m benchmarks.own_blanks{limit}",
        "draws": counts.total(),
        "of_each_family": min(counts.values()),
        "verdicts": verdicts,
        "wrong": wrong,
        "classes": classes,
        "students_in_a_class": CLASS,
        "sets": len(own.SETS),
        "classes_with_twins": twins(classes),
    }
    print(json.dumps(result | {"wrong": wrong[:20]}, indent=1))
    if options.draws == DRAWS:
        with replacing(RESULT) as file:
            file.write((json.dumps(result, indent=1) + "\n").encode())
    return 1 if wrong or result["classes_with_twins"] else 0


if __name__ == "__main__":
    sys.exit(main())
