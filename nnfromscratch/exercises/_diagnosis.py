"""What can be measured on a wrong result that no catalogue knows.

Each fact is a sentence that is true of the learner's result; none guesses at the code. A fact is
told only if it holds in every case that went wrong.
"""

import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ._compare import close, is_number, is_whole, kind_of, same
from ._pairs import vector
from ._sandbox import Behaviour, Other, Raised
from ._suppose import suppose


class Fact(NamedTuple):
    """Something measured on a wrong answer."""

    kind: str
    sentence: str


class Trial(NamedTuple):
    """One case: the arguments, what the answer did, and what is right."""

    arguments: tuple
    found: Behaviour
    expected: object

    @property
    def right(self) -> bool:
        """Whether result and arguments are as they should be."""
        return not self.found.changed and same(self.found.result, self.expected)

    @property
    def size(self) -> int:
        """How much there is to look at."""
        return entries(self.arguments)


def entries(value: object) -> int:
    """Return how many numbers there are in a value."""
    if isinstance(value, tuple | list):
        return sum(map(entries, value))
    if isinstance(value, dict):
        return sum(map(entries, value.values()))
    return np.size(value) if is_number(value) else 0


def measure(
    trials: Sequence[Trial],
    wrong: Sequence[Trial],
    names: Sequence[str],
    outputs: Sequence[str],
    due: Callable[[tuple], object] | None = None,
) -> list[Fact]:
    """Return what can be said of an answer that is wrong in some of the trials, best first.

    Numbers in a sentence are those of the first wrong trial. With `due`, which returns what is
    right for other arguments, it is also tried for which arguments the results would be right.
    """
    raised = [trial for trial in wrong if isinstance(trial.found.result, Raised)]
    returned = [trial for trial in wrong if not isinstance(trial.found.result, Raised)]
    if not returned:
        return [_of_raised(raised, trials), *_of_the_cases(trials, wrong, names)]
    facts = _of_types(returned, outputs) or _of_changes(returned, names)
    if not facts or not all(same(t.found.result, t.expected) for t in returned):
        supposing = _supposing(trials, outputs, names, due)
        if not _of_types(returned, outputs):
            facts += _of_values(trials, returned, names, outputs, supposing)
    if raised:
        facts = [*facts[:2], _of_raised(raised, trials)]
    if any(fact.kind == "changed" for fact in facts):
        return facts
    return facts + _of_the_cases(trials, wrong, names)


def _of_raised(raised: Sequence[Trial], trials: Sequence[Trial]) -> Fact:
    error = raised[0].found.result
    where = f" at `{error.line}`" if error.line else ""
    often = "" if len(raised) == len(trials) else f" in {len(raised)} of {len(trials)} cases"
    verb = "It raised" if error.line else "It could not be used:"
    return Fact("raised", f"{verb} {error.type}: {error.message.rstrip('.')}{where}{often}.")


def _holds_nan(value: object) -> bool:
    if isinstance(value, tuple | list):
        return any(map(_holds_nan, value))
    if isinstance(value, dict):
        return any(map(_holds_nan, value.values()))
    return is_number(value) and bool(np.isnan(value).any())


# Types


def type_of(value: object) -> str:
    """Say in words what kind of thing a result is."""
    if value is None:
        return "nothing (None)"
    if isinstance(value, Other):
        return f"{'an' if value.type[:1] in tuple('aeiou') else 'a'} {value.type}"
    if isinstance(value, np.ndarray) and not is_number(value):
        return "an array of text"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}" if value.ndim else "a number"
    if is_number(value):
        return "a number"
    return f"a {type(value).__name__}"


def _of_types(wrong: Sequence[Trial], outputs: Sequence[str]) -> list[Fact]:
    trial = wrong[0]
    found, expected = trial.found.result, trial.expected
    if found is None:
        return [Fact("none", "It returned None. Does every way through it end with `return`?")]
    if isinstance(found, Other):
        return [Fact("type", f"It returned {type_of(found)}; {type_of(expected)} is due.")]
    if isinstance(expected, tuple | list):
        parts = ", ".join(outputs) or "its parts"
        if not isinstance(found, tuple | list):
            due = f"{len(expected)} results are due: {parts}" if outputs else "a list is due"
            return [Fact("count", f"It returned {type_of(found)}; {due}.")]
        if len(found) != len(expected):
            if named := _of_names(found, expected):
                return [named]
            sentence = f"It returned {type_of(found)}; {type_of(expected)} is due."
            if outputs:
                one = "1 result" if len(found) == 1 else f"{len(found)} results"
                sentence = f"It returned {one}; the number due is {len(expected)}: {parts}."
            return [Fact("count", sentence)]
        return []
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            return [Fact("type", f"It returned {type_of(found)}; a dict is due.")]
        if found.keys() != expected.keys():
            return [_of_names(list(found), list(expected), "key ")]
        return []
    if is_number(expected) and not is_number(found):
        due = type_of(expected)
        return [Fact("type", f"It returned {type_of(found)}; {due} is due.")]
    if not is_number(expected) and type(found) is not type(expected):
        return [Fact("type", f"It returned {type_of(found)}; {type_of(expected)} is due.")]
    return []


def in_another_order(wrong: Sequence[Trial], outputs: Sequence[str]) -> Fact | None:
    """Say that the results are those that are due, each in the place of another."""
    for found, due in ((trial.found.result, trial.expected) for trial in wrong):
        if not (isinstance(found, tuple | list) and isinstance(due, tuple | list)):
            return None
        if same(found, due) or not same(sorted_parts(found), sorted_parts(due)):
            return None
    due = f"; due: {', '.join(outputs)}" if outputs else ""
    return Fact("order", f"The results are right, but in another order{due}.")


MOST_NAMES = 5


def _of_names(found: Sequence, expected: Sequence, kind: str = "") -> Fact | None:
    """Say which names are too many and which are missing, if both are lists of names."""
    if not all(isinstance(part, str) for part in (*found, *expected)):
        return None
    left = list(expected)
    extra = [name for name in found if name not in left or left.remove(name)]
    parts = []
    for names, words in ((extra, "too many"), (left, "missing")):
        if names:
            shown = ", ".join(f'{kind}"{name[:40]}"' for name in names[:MOST_NAMES])
            more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
            parts.append(f"{shown}{more} {'are' if len(names) > 1 else 'is'} {words}")
    said = "; ".join(parts)
    if kind:
        return Fact("keys", f"{said[:1].upper()}{said[1:]}.")
    return Fact("count", f"It returned {type_of(found)}; {type_of(expected)} is due: {said}.")


def sorted_parts(parts: Sequence) -> list:
    """Return results in an order of their own, to compare them whatever their order."""

    def key(part):
        rounds = is_number(part) and np.asarray(part).dtype.kind in "fc"
        shape = np.shape(part) if is_number(part) else ()
        return shape, repr(np.round(part, 6) if rounds else part)

    return sorted(parts, key=key)


def _of_changes(wrong: Sequence[Trial], names: Sequence[str]) -> list[Fact]:
    """Say that an argument is no longer what it was."""
    changed = sorted({i for trial in wrong for i in trial.found.changed})
    if not changed:
        return []
    which = " and ".join(names[i] if i < len(names) else f"argument {i + 1}" for i in changed)
    verb = "is" if len(changed) == 1 else "are"
    right = all(same(trial.found.result, trial.expected) for trial in wrong)
    opening = "The result is right, but " if right else ""
    return [
        Fact(
            "changed",
            f"{opening}{which} {verb} no longer what the caller gave: +=, -=, .sort() or an "
            "assignment into an argument changes what the caller holds. Make something new.",
        )
    ]


# Values


def parts_of(value: object, outputs: Sequence[str]) -> dict[str, object]:
    """Return the results by name; a single one has an empty name."""
    if isinstance(value, tuple | list):
        names = [outputs[i] if i < len(outputs) else f"result {i + 1}" for i in range(len(value))]
        return dict(zip(names, value, strict=True))
    if isinstance(value, dict):
        return {str(key): part for key, part in value.items()}
    return {"": value}


def _supposing(
    trials: Sequence[Trial],
    outputs: Sequence[str],
    names: Sequence[str],
    due: Callable[[tuple], object] | None,
) -> Callable[[list[str]], dict[str, str]]:
    """Return a function that says what wrong results, by their names, would be right for."""
    cases = [
        (t.arguments, parts_of(t.found.result, outputs), parts_of(t.expected, outputs))
        for t in sorted(trials, key=lambda t: (t.right, t.size))
        if not isinstance(t.found.result, Raised)
    ]
    if due is None or not cases:
        return lambda wanted: {}
    return lambda wanted: suppose(
        cases, wanted, names, lambda arguments: parts_of(due(arguments), outputs)
    )


def besides(
    trials: Sequence[Trial],
    given: Sequence[object],
    names: Sequence[str],
    due: Callable[[tuple], object],
) -> str:
    """Say what else there is if a result is that of a known mistake and something more.

    Args:
        trials: what was tried, what came back, and what is due.
        given: what the mistake alone gives in each of the trials.
        names: the arguments' names.
        due: what the mistake gives for other arguments.
    """
    results = [trial.found.result for trial in trials]
    single = all(is_number(part) for part in (*results, *given))
    whole = np.asarray if single else vector  # of several results, all numbers in one row
    triples = [
        (trial.arguments, whole(found), whole(part))
        for trial, found, part in zip(trials, results, given, strict=True)
    ]
    if any(f is None or g is None for _, f, g in triples):
        return ""
    triples.sort(key=lambda parts: close(*parts[1:]))  # numbers are those of the first
    if any(f.shape != g.shape for _, f, g in triples):
        return ""
    factors = _factors(triples)
    if factors and _equal(factors, [-1.0] * len(factors)):
        return "its sign is turned round"
    if factors and (told := _named_factor(factors, triples, names)):
        return f"it is {told}".replace("the right one", MISTAKE_ALONE)
    if len(factors) >= FEWEST_FACTORS and _equal(factors, [factors[0]] * len(factors)):
        return f"it is {_apart(factors[0], 1.0)[0]} times {MISTAKE_ALONE}"
    cases = [(arguments, {"": f}, {"": g}) for arguments, f, g in triples]
    supposed = suppose(cases, [""], names, lambda a: {"": whole(due(a))}, likeliest=True)
    words = supposed.get("", "")
    return f"it {words}".replace("the right one", MISTAKE_ALONE).replace(
        "would be right", f"is {MISTAKE_ALONE}"
    ) * bool(words)


MISTAKE_ALONE = "what this mistake alone gives"
VAGUE = {"shape", "entries", "value", "places", "parts", "cases", "multiple"}
VAGUE |= {"all but first", "all but last", "first only", "some signs"}
"""Kinds of facts that say where a result is wrong, and not what it is instead."""


def _of_values(
    trials: Sequence[Trial],
    wrong: Sequence[Trial],
    names: Sequence[str],
    outputs: Sequence[str],
    supposing: Callable[[list[str]], dict[str, str]],
) -> list[Fact]:
    facts: list[tuple[str, Fact | None]] = []
    right = []
    nan_is_due = any(_holds_nan(trial.expected) for trial in trials)
    for name in parts_of(wrong[0].expected, outputs):
        triples = []
        for trial in wrong:
            found = parts_of(trial.found.result, outputs).get(name)
            expected = parts_of(trial.expected, outputs).get(name)
            if not same(found, expected):
                triples.append((trial.arguments, found, expected))
        if not triples:
            right.append(name)
            continue
        fact = _of_part(triples, names, name or "the result", nan_is_due)
        if fact and fact.kind == "sign" and _is_right_elsewhere(trials, name, outputs):
            fact = Fact("some signs", f"{fact.sentence[:-1]}, wherever it is wrong.")
        facts.append((name, fact))
    vague = [name for name, fact in facts if fact is None or fact.kind in VAGUE]
    if vague:
        for name, words in supposing(vague).items():
            fact = Fact("supposed", f"{name or 'the result'} {words}.")
            facts = [(n, fact if n == name else f) for n, f in facts]
    joined = _joined([(name, _begun(name, fact)) for name, fact in facts if fact])
    if right and len(facts) > 1:
        joined.insert(0, Fact("parts", f"Right: {', '.join(right)}. The others are not."))
    return joined


def _is_right_elsewhere(trials: Sequence[Trial], name: str, outputs: Sequence[str]) -> bool:
    """Say whether a result is right in some case, and not because 0 is due there."""
    for trial in trials:
        found, due = (parts_of(v, outputs).get(name) for v in (trial.found.result, trial.expected))
        if same(found, due) and np.any(due):
            return True
    return False


def _begun(name: str, fact: Fact) -> Fact:
    """Return a fact whose sentence begins with a capital, if not with the name of a result."""
    if name:
        return fact
    return fact._replace(sentence=fact.sentence[:1].upper() + fact.sentence[1:])


def _joined(named: list[tuple[str, Fact]]) -> list[Fact]:
    """Tell what is true of several results once."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name, fact in named:
        begins = bool(name) and fact.sentence.startswith(f"{name} ")
        rest = fact.sentence.removeprefix(f"{name} ") if begins else fact.sentence
        groups.setdefault((fact.kind, rest), []).append(name if begins else "")
    facts = []
    for (kind, rest), names in groups.items():
        start = f"Each of {', '.join(names)}" if len(names) > 1 and all(names) else names[0]
        facts.append(Fact(kind, f"{start} {rest}".strip()))
    return facts


def _of_part(triples: list, names: Sequence[str], subject: str, nan_is_due: bool) -> Fact | None:
    _, found, expected = triples[0]
    if is_number(expected) and not is_number(found):
        return Fact("type", f"{subject} is {type_of(found)}; {type_of(expected)} is due.")
    if not is_number(expected):
        return Fact("value", f"{subject} is {found!r}; {expected!r} is due.")
    triples = [t for t in triples if is_number(t[1]) and is_number(t[2])]
    if all(np.shape(f) == np.shape(e) and is_whole(e) and not is_whole(f) for _, f, e in triples):
        return _of_floats(triples, subject)
    wrong = [t for t in triples if not close(*t[1:])]
    triples = [(arguments, np.asarray(f), np.asarray(e)) for arguments, f, e in wrong or triples]
    if not wrong:
        return _of_kind(triples, subject)
    of_nan = _of_misplaced_nan if nan_is_due else _of_nan
    for look in (
        _of_shapes,
        of_nan,
        _of_decimals,
        _of_factors,
        _of_arrangement,
        _of_constant,
        _of_signs,
    ):
        if fact := look(triples, names, subject):
            return fact
    return _of_places(triples, names, subject)


def _of_floats(triples: list, subject: str) -> Fact:
    """Say that a float came back where an integer is due."""
    _, found, expected = triples[0]
    values = "values are right" if all(close(f, e) for _, f, e in triples) else "values differ too"
    found, kind = np.asarray(found), "complex" if np.iscomplexobj(found) else "float"
    what = f"{found.item()!r}, a {kind}" if not found.ndim else f"an array of {kind}s"
    due = "integer" if np.asarray(expected).dtype.kind in "iu" else "truth value"
    due = f"an {due} is".replace("an t", "a t") if not found.ndim else f"{due}s are"
    return Fact("dtype", f"{subject} is {what}; {due} due ({values}).")


def _of_kind(triples: list, subject: str) -> Fact:
    _, found, expected = triples[0]
    return Fact(
        "dtype",
        f"{subject} has the right values in {kind_of(found)}; for these arguments "
        f"{kind_of(expected)} is due. What turns one into the other on the way?",
    )


def _all(triples: list, test: Callable) -> bool:
    return all(test(found, expected) for _, found, expected in triples)


REDUCTIONS = (
    ("sum", np.sum),
    ("mean", np.mean),
    ("largest entry", np.max),
    ("smallest entry", np.min),
    ("last entry", lambda a, axis, keepdims=False: _picked(a, axis, -1, keepdims)),
    ("first entry", lambda a, axis, keepdims=False: _picked(a, axis, 0, keepdims)),
)


def _picked(a: np.ndarray, axis: int, place: int, keepdims: bool) -> np.ndarray:
    return np.take(a, [place] if keepdims else place, axis=axis)


def _of_shapes(triples: list, names: Sequence[str], subject: str) -> Fact | None:
    odd = [t for t in triples if t[1].shape != t[2].shape]
    if not odd:
        return None
    _, found, expected = odd[0]
    due = expected.shape if expected.ndim else "one number"
    shapes = f"{subject} has shape {found.shape}; {due} is due"
    if all(f.ndim == 2 and f.shape == e.shape[::-1] for _, f, e in odd):
        right = "values are right" if all(close(f.T, e) for _, f, e in odd) else "values differ too"
        return Fact("transposed", f"{shapes}: it is transposed ({right}).")
    if all(f.size == e.size and close(f.ravel(), e.ravel()) for _, f, e in odd):
        return Fact("reshape", f"{shapes}. The numbers are right, only their arrangement is not.")
    for axis in range(found.ndim):
        for word, reduce in REDUCTIONS:
            if all(f.ndim > axis and _reduces(reduce, f, e, axis) for _, f, e in odd):
                return Fact("not reduced", f"{shapes}: its {word} over axis {axis} would be right.")
    for axis in range(expected.ndim):
        for word, reduce in REDUCTIONS:
            if all(e.ndim > axis and _reduces(reduce, e, f, axis) for _, f, e in odd):
                return Fact(
                    "reduced", f"{shapes}: it is the {word} of the right one over axis {axis}."
                )
    for word, reduce in REDUCTIONS[:4]:
        if all(f.size and not e.ndim and close(reduce(f), e) for _, f, e in odd):
            return Fact(
                "not reduced", f"{shapes}: the {word.split()[0]} of all its entries would be right."
            )
        if all(e.size and not f.ndim and close(f, reduce(e)) for _, f, e in odd):
            return Fact(
                "reduced", f"{shapes}: it is the {word.split()[0]} of all entries of the right one."
            )
    if found.ndim > expected.ndim and all(
        f.ndim == 2 and e.ndim == 1 and f.shape == (e.size, e.size) for _, f, e in odd
    ):
        return Fact(
            "broadcast",
            f"{shapes}. Is there a row or column to pick, or has an array of shape (N,) met one of "
            "shape (N, 1), of which NumPy makes all pairs?",
        )
    return Fact("shape", f"{shapes}.")


def _reduces(reduce: Callable, big: np.ndarray, small: np.ndarray, axis: int) -> bool:
    if not big.shape[axis]:
        return False  # nothing has no largest entry, and its sum says nothing
    with np.errstate(all="ignore"):
        return close(reduce(big, axis=axis), small) or (
            small.ndim == big.ndim and close(reduce(big, axis=axis, keepdims=True), small)
        )


def _of_nan(triples: list, names: Sequence[str], subject: str) -> Fact | None:
    odd = [
        (a, f, e)
        for a, f, e in triples
        if f.dtype.kind in "fc" and np.isfinite(e).all() and not np.isfinite(f).all()
    ]
    if len(odd) < len(triples) or not odd:
        return None
    arguments, found, _ = odd[0]
    what = "nan" if np.isnan(found).any() else "inf"
    largest = max(
        (float(np.abs(a).max()) for a in arguments if is_number(a) and np.size(a)), default=0
    )
    return Fact(
        "nan",
        f"{subject} holds {what}, where finite numbers are due; the largest argument is "
        f"{largest:.4g}. Look for exp of something large, log of 0, a division by 0, or a root of "
        "something negative.",
    )


def _of_misplaced_nan(triples: list, names: Sequence[str], subject: str) -> Fact | None:
    """Where nan is an answer, say how often it stands in the wrong place."""
    _, found, expected = triples[0]
    if found.dtype.kind not in "fc":
        return None
    there, due = np.isnan(found), np.isnan(expected)
    more, less = int((there & ~due).sum()), int((due & ~there).sum())
    if not more and not less:
        return None
    entries = "1 entry" if found.size == 1 else f"{found.size} entries"
    return Fact(
        "nan",
        f"{subject} has {entries}: in {more} of them nan stands where a number is due, in {less} "
        "a number where nan is due.",
    )


def _of_decimals(triples: list, names: Sequence[str], subject: str) -> Fact | None:
    """Say that a result was rounded, and to how many decimals."""
    if not any(found.any() for _, found, _ in triples) or _entries_of(triples) < FEWEST_ENTRIES:
        return None  # 0 is what all small numbers are rounded to, and one number meets another
    if not _all(triples, lambda f, e: e.dtype.kind == "f"):
        return None
    for places in range(1, MOST_DECIMALS + 1):
        if _all(triples, lambda f, e, places=places: close(f, e.round(places), 1e-12)):
            decimals = "1 decimal" if places == 1 else f"{places} decimals"
            return Fact("rounded", f"{subject} is the right one, rounded to {decimals}.")
    return None


def _of_constant(triples: list, names: Sequence[str], subject: str) -> Fact | None:
    """Say that all numbers of a result are one and the same, where different ones are due."""
    found, due = (np.concatenate([np.ravel(triple[i]) for triple in triples]) for i in (1, 2))
    if len(found) < FEWEST_ENTRIES or (found != found[0]).any() or (due == due[0]).all():
        return None
    where = " in every entry" if any(f.ndim for _, f, _ in triples) else ""
    number = _written(found[0].item())
    return Fact("constant", f"{subject} is {number}{where}, wherever it is wrong.")


def _entries_of(triples: list) -> int:
    return sum(expected.size for _, _, expected in triples)


FEWEST_ENTRIES = 3
"""So many numbers must agree before something is said that one could do by chance."""
MOST_DECIMALS = 9


def _factors(triples: list) -> list[float]:
    """Return what each right result must be multiplied by to give the one found, if that does."""
    factors = []
    for _, f, e in triples:
        f, e = f.astype(complex), e.astype(complex)
        if not (np.isfinite(f).all() and np.isfinite(e).all()):
            return []
        if not np.abs(e).max(initial=0) > 0:
            return []
        factor = np.vdot(e, f) / np.vdot(e, e)
        if abs(factor) < 1e-6 or not close(f, factor * e):
            return []
        factors.append(float(factor.real))
    return factors


def _of_factors(triples: list, names: Sequence[str], subject: str) -> Fact | None:
    """Look for result = factor times expected, with one factor per case."""
    factors = _factors(triples)
    if not factors:
        return None
    # A single number is always some multiple of another; that is news only if it is the same again.
    single = all(e.size == 1 for _, _, e in triples)
    if _equal(factors, [-1.0] * len(factors)):
        return Fact("sign", f"{subject} is the right one with its sign turned round.")
    first = factors[0]
    if all(abs(factor - 1) < 1e-3 for factor in factors):
        return _of_precision(triples, subject)
    if told := _named_factor(factors, triples, names):
        return Fact("factor", f"{subject} is {told}.")
    if len(factors) >= FEWEST_FACTORS and _equal(factors, [first] * len(factors)):
        return Fact(
            "factor", f"{subject} is {first:.4g} times the right one, wherever it is wrong."
        )
    if single:
        return None
    other = max(factors, key=lambda factor: abs(factor - first))
    times = _apart(first, 1.0)[0]
    elsewhere = max((_apart(other, number)[0] for number in (1.0, first)), key=len)
    more = "" if _equal([other], [first]) else f"; in another case, times {elsewhere}"
    return Fact("multiple", f"{subject} is the right one times {times}, for every entry{more}.")


def _named_factor(factors: list[float], triples: list, names: Sequence[str]) -> str:
    """Say which size or number among the arguments stands behind the factors, one for each case.

    One that is the same in all cases says no more than the factor.
    """
    known = [
        (word, sizes)
        for word, sizes in _sizes(triples, names)
        if len({*sizes}) > 1 or (len(sizes) == 1 and sizes[0] != 1)
    ]
    for sign, minus in ((1, ""), (-1, "minus ")):
        for word, sizes in known:
            if word in names and len(factors) < FEWEST_FACTORS:
                continue  # a number, unlike a size, meets another by chance
            size = _written(sizes[0])
            for power, times, more in (
                (1, f"{size} times", ""),
                (-1, f"1/{size} of", ""),
                (-2, f"1/{_written(sizes[0] ** 2)} of", ": divided by it twice too often"),
            ):
                if _equal(factors, [sign * float(n) ** power for n in sizes if n]):
                    return f"{minus}{times} the right one, and {word} is {size}{more}"
    if len(factors) < FEWEST_FACTORS:
        return ""
    for sign, minus in ((1, ""), (-1, "minus ")):
        for word, sizes in known:
            for words, function in FACTORS.items():
                if _equal(factors, [sign * function(float(n)) for n in sizes]):
                    return f"{minus}the right one {_of_size(words, word, names)}"
        for word, sizes in known:
            for other, others in known:
                if word != other and _equal(
                    factors, [sign * a / b if b else 0 for a, b in zip(sizes, others, strict=True)]
                ):
                    return f"the right one times {minus}{word}, divided by {other}"
        for i, (word, sizes) in enumerate(known):
            for other, others in known[i + 1 :]:
                products = [float(a) * b for a, b in zip(sizes, others, strict=True)]
                if _equal(factors, [sign * n for n in products]):
                    return f"the right one times {minus}{word}, times {other}"
                if all(products) and _equal(factors, [sign / n for n in products]):
                    return f"{minus}the right one divided by {word} and by {other}"
    return ""


FEWEST_FACTORS = 3
"""So many cases must agree before a factor is put together from two numbers, or from a root."""
FACTORS = {
    "times the square of {n}": lambda n: n**2,
    "times the root of {n}": lambda n: math.sqrt(n) if n > 0 else 0.0,
    "divided by the root of {n}": lambda n: 1 / math.sqrt(n) if n > 0 else 0.0,
    "times 1 less than {n}": lambda n: n - 1,
    "times 1 more than {n}": lambda n: n + 1,
    "times 1 - n": lambda n: 1 - n,
    "divided by 1 - n": lambda n: 1 / (1 - n) if n != 1 else 0.0,
    "divided by 1 less than {n}": lambda n: 1 / (n - 1) if n != 1 else 0.0,
    "divided by 1 more than {n}": lambda n: 1 / (n + 1) if n != -1 else 0.0,
    "times n / (n - 1)": lambda n: n / (n - 1) if n != 1 else 0.0,
    "times (n - 1) / n": lambda n: (n - 1) / n if n else 0.0,
    "times n / (n + 1)": lambda n: n / (n + 1) if n != -1 else 0.0,
    "times twice {n}": lambda n: 2 * n,
    "times half of {n}": lambda n: n / 2,
    "times 2 over {n}": lambda n: 2 / n if n else 0.0,
    "divided by twice {n}": lambda n: 1 / (2 * n) if n else 0.0,
}
"""What a result may be of the right one: words with a gap for the size, or a formula in n."""


def _of_size(words: str, size: str, names: Sequence[str]) -> str:
    if "{n}" in words:
        return words.format(n=size)
    return re.sub(r"\bn\b", size, words) if size in names else f"{words}, where n is {size}"


def _written(number: float) -> str:
    return f"{number + 0.0:.4g}" if isinstance(number, float) else str(number)  # no -0


def _of_precision(triples: list, subject: str) -> Fact:
    """Say to how many digits a result is right, and show the worst entry with one digit more."""
    worst = (0.0, 0.0, 0.0, "")
    for case, (_, found, expected) in enumerate(triples):
        with np.errstate(all="ignore"):
            off = np.abs(found - expected) / np.abs(expected).max(initial=0)
        off = np.where(np.isfinite(off), off, 0)
        place = np.unravel_index(off.argmax(), off.shape)
        where = ", in another case" if case else ""  # a message shows the first
        here = float(off[place]), found[place].item(), expected[place].item(), where
        worst = max(worst, here, key=_first)
    digits = max(1, math.floor(-math.log10(worst[0]))) if worst[0] else 15
    found, expected = _apart(*worst[1:3])
    return Fact(
        "precision",
        f"{subject} is right to about {digits} digits: {found}, where {expected} is due{worst[3]}. "
        "Has it been rounded, or a small number been added somewhere?",
    )


def _first(parts: tuple) -> float:
    return parts[0]


def _equal(a: Sequence[float], b: Sequence[float]) -> bool:
    return len(a) == len(b) and all(abs(x - y) <= 1e-5 * abs(y) for x, y in zip(a, b, strict=True))


def _sizes(triples: list, names: Sequence[str]):
    """Yield a description and, for each case, a size of an argument, or an argument's number."""
    seen = []
    for i, argument in enumerate(triples[0][0]):
        name = names[i] if i < len(names) else f"argument {i + 1}"
        if is_number(argument) and not np.ndim(argument) and not isinstance(argument, bool):
            kinds = [(name, lambda a: np.asarray(a).real.item())]
        elif isinstance(argument, np.ndarray):
            kinds = [
                (f"the length of axis {k} of {name}", lambda a, k=k: a.shape[k])
                for k in range(argument.ndim)
            ]
            kinds.append((f"the number of entries of {name}", lambda a: a.size))
        elif isinstance(argument, tuple | list | dict):
            kinds = [(f"the length of {name}", len)]
        else:
            continue
        for word, size in kinds:
            try:
                sizes = [size(arguments[i]) for arguments, _, _ in triples]
            except (AttributeError, IndexError, TypeError, ValueError):
                continue
            if sizes not in seen:
                seen.append(sizes)
                yield word, sizes


def _of_arrangement(triples: list, names: Sequence[str], subject: str) -> Fact | None:
    if _all(triples, lambda f, e: f.ndim == 2 and f.shape[0] == f.shape[1] and close(f.T, e)):
        return Fact("transposed", f"{subject} is the right one transposed.")
    for axis in range(triples[0][2].ndim):
        if _all(triples, lambda f, e, axis=axis: e.ndim > axis and close(np.flip(f, axis), e)):
            return Fact("reversed", f"{subject} is the right one backwards along axis {axis}.")
    for axis in range(triples[0][2].ndim):
        for shift in (1, -1):
            if _all(
                triples,
                lambda f, e, axis=axis, shift=shift: (
                    e.ndim > axis and close(np.roll(f, shift, axis), e)
                ),
            ):
                return Fact("shifted", f"{subject} is shifted by one along axis {axis}.")
    for i in range(len(triples[0][0])):
        if all(is_number(a[i]) and close(a[i], f) for a, f, _ in triples):
            name = names[i] if i < len(names) else f"argument {i + 1}"
            return Fact("unchanged", f"{subject} is {name} itself, as it came in.")
    return None


def _of_signs(triples: list, names: Sequence[str], subject: str) -> Fact | None:
    if _all(triples, lambda f, e: close(np.abs(f), np.abs(e))):
        return Fact("signs", f"{subject} has the right sizes, but some signs are turned round.")
    offsets = []
    for _, f, e in triples:
        difference = f.astype(complex) - e
        if not np.isfinite(difference).all():
            return None
        if not close(difference, np.full(f.shape, difference.flat[0])):
            return None
        offsets.append(float(difference.flat[0].real))
    if len(offsets) > 1 and _equal(offsets, [offsets[0]] * len(offsets)):
        return Fact("offset", f"{subject} is {offsets[0]:+.4g} off, wherever it is wrong.")
    if all(e.size < 2 for _, _, e in triples):
        return None
    return Fact("offset", f"All entries of {subject} are off by the same {offsets[0]:+.4g}.")


MOST_PLACES = 0.8
"""The share of the entries of one kind that must be wrong for the kind to be named."""


def _of_places(triples: list, names: Sequence[str], subject: str) -> Fact | None:
    """Say where entries are wrong, and what these places have in common."""
    wrong = [~_close_entries(f, e) for _, f, e in triples]
    if fact := _of_rounded_entries(triples, wrong, subject):
        return fact
    for i in range(len(triples[0][0])):
        pairs = [
            (np.asarray(a[i]), bad)
            for (a, _, _), bad in zip(triples, wrong, strict=True)
            if isinstance(a[i], np.ndarray) and a[i].shape == bad.shape and bad.size > 1
        ]
        # A law needs more than one case to hold in, and entries of both kinds.
        mixed = sum(bool(bad.any() and not bad.all()) for _, bad in pairs)
        if len(pairs) < len(triples) or mixed < 3:
            continue
        name = names[i] if i < len(names) else f"argument {i + 1}"
        for word, test in (
            ("negative", lambda a: a < 0),
            ("positive", lambda a: a > 0),
            ("zero", lambda a: a == 0),
            ("not positive", lambda a: a <= 0),
            ("not negative", lambda a: a >= 0),
            ("beyond 1 in size", lambda a: np.abs(a) > 1),
            ("below 1 in size", lambda a: np.abs(a) < 1),
        ):
            if all(a.dtype.kind in "iuf" and not (bad & ~test(a)).any() for a, bad in pairs):
                there = sum(int(test(a).sum()) for a, _ in pairs)
                count = sum(int(bad.sum()) for _, bad in pairs)
                if count == there:
                    return Fact("places", f"{subject} is wrong exactly where {name} is {word}.")
                if count >= MOST_PLACES * there:  # a wrong rule hits the right number now and then
                    where = f"where {name} is {word} ({count} of {there} such entries)"
                    return Fact("places", f"{subject} is wrong only {where}.")
    first, found, expected = wrong[0], triples[0][1], triples[0][2]
    if not first.any():  # the whole is further off than any entry
        return _of_precision(triples, subject)
    if expected.ndim and all(bad.ndim and bad.shape[0] > 1 for bad in wrong):
        rows = [bad.reshape(len(bad), -1).any(axis=1) for bad in wrong]
        if max(map(len, rows)) > 2:
            if all(not bad[1:].any() for bad in rows):
                return Fact("all but first", f"Only the first entry or row of {subject} is wrong.")
            if all(not bad[:-1].any() for bad in rows):
                return Fact("all but last", f"Only the last entry or row of {subject} is wrong.")
            if all(not bad[0] and bad[1:].all() for bad in rows):
                return Fact("first only", f"Only the first entry or row of {subject} is right.")
    if not expected.ndim:
        if subject == "the result":
            return None  # the two numbers stand in the message already
        found, expected = _apart(found, expected)
        return Fact("value", f"{subject} is {found}; {expected} is due.")
    count, place = int(first.sum()), tuple(int(i) for i in np.argwhere(first)[0])
    place = f"[{', '.join(map(str, place))}]"
    one, other = _apart(found[first][0], expected[first][0])
    return Fact(
        "entries",
        f"{subject} is right in {first.size - count} of {first.size} entries; the first wrong one "
        f"is at {place}: {one}, where {other} is due.",
    )


def _of_rounded_entries(triples: list, wrong: Sequence, subject: str) -> Fact | None:
    """Say that a result is right but for its last digits, whichever entries these are in."""
    for (_, found, expected), bad in zip(triples, wrong, strict=True):
        if expected.dtype.kind not in "fc":
            return None
        with np.errstate(all="ignore"):
            near = np.abs(found - expected) <= 1e-3 * np.abs(expected)
        if not near[bad].all():
            return None
    return _of_precision(triples, subject)


def _close_entries(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Compare entry by entry, with the tolerance that `close` gives the whole array."""
    if found.shape != expected.shape:
        return np.zeros(expected.shape, bool)
    scale = np.abs(expected[np.isfinite(expected)]).max(initial=0) if expected.size else 0
    rest = 1e-4 if "float32" in (str(found.dtype), str(expected.dtype)) else 1e-7
    with np.errstate(all="ignore"):
        equal = np.abs(found - expected) <= rest * scale + 1e-12
    return equal | (found == expected) | ((found != found) & (expected != expected))


def _apart(found: object, expected: object) -> tuple[str, str]:
    """Return two values with as many digits as show that they differ, at least four."""
    if not (is_number(found) and is_number(expected)):
        return repr(found), repr(expected)
    values = [np.asarray(value).item() for value in (found, expected)]
    for digits in range(4, 18):
        one, other = (f"{v:.{digits}g}" if isinstance(v, float) else repr(v) for v in values)
        if one != other:
            break
    return one, other


# Which cases


def _of_the_cases(
    trials: Sequence[Trial], wrong: Sequence[Trial], names: Sequence[str]
) -> list[Fact]:
    """Say what the cases that went right have in common and the wrong ones have not."""
    right = [trial for trial in trials if trial.right]
    if not right:
        return []
    for i, argument in enumerate(trials[0].arguments):
        if not isinstance(argument, np.ndarray) or not argument.ndim:
            continue
        name = names[i] if i < len(names) else f"argument {i + 1}"
        arrays = [[t.arguments[i] for t in group] for group in (right, wrong)]
        if not all(
            isinstance(a, np.ndarray) and a.ndim and a.dtype.kind in "iuf"
            for group in arrays
            for a in group
        ):
            continue
        for words, test, needed in (
            (f"{name} has a single row or entry", lambda a: a.shape[0] == 1, 1),
            (f"{name} has a single column", lambda a: a.ndim == 2 and a.shape[1] == 1, 1),
            (f"{name} is square", lambda a: a.ndim == 2 and a.shape[0] == a.shape[1], 1),
            (f"{name} is float64", lambda a: a.dtype == np.float64, 2),
            (f"{name} is float32", lambda a: a.dtype == np.float32, 1),
            (f"{name} has no negative entry", lambda a: bool((a >= 0).all()), 3),
        ):
            for group, other, verb in ((0, 1, "is right"), (1, 0, "goes wrong")):
                if (
                    all(map(test, arrays[group]))
                    and not any(map(test, arrays[other]))
                    and len(arrays[group]) >= needed
                    and len(arrays[other]) >= 3
                ):
                    return [Fact("cases", f"It {verb} only when {words}.")]
        largest = [[float(np.abs(a).max(initial=0)) for a in group] for group in arrays]
        if max(largest[0]) * 3 < min(largest[1]):
            small = f"no entry of {name} was beyond {max(largest[0]):.4g} in size"
            small = small if max(largest[0]) else f"all of {name} is 0"
            large = f"an entry was {min(largest[1]):.4g} or more"
            return [Fact("cases", f"It went right where {small}, and wrong where {large}.")]
    return []
