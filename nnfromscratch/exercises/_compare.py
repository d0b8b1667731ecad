"""When two results are the same, up to rounding."""

import math
from collections.abc import Sequence

import numpy as np

RELATIVE = {2: 1e-2, 4: 1e-4, 8: 1e-7, 16: 1e-7}
"""Allowed error beside the largest entry, by the bytes of a real number."""
SINGLE = 2e-6
"""What float32 on the way may cost a float64 result, beside the largest entry, at least."""


FEWEST = 8
ONE_WAY = 0.1
"""Rounding shows in at least so many entries, and in at least this share of them each way."""


def is_number(value: object) -> bool:
    """Say whether a value is a number or an array of numbers."""
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.kind in "biufc"
    return isinstance(value, int | float | complex) and np.asarray(value).dtype.kind in "biufc"


def kind_of(value: object) -> str:
    """Return the dtype of an array, or "number" for Python's own, which has any precision."""
    if isinstance(value, np.ndarray | np.generic):
        return str(value.dtype)
    return "number"


def is_whole(value: object) -> bool:
    """Say whether a number is an integer (or True or False) by its type, not by its value."""
    return is_number(value) and np.asarray(value).dtype.kind in "biu"


def _kinds_agree(a: object, b: object) -> bool:
    """Say whether two numbers, or arrays of them, are of one dtype.

    Python's own numbers have any precision, and an integer may stand for the float of its value;
    but where `b`, what is due, is an integer, a float is none.
    """
    if is_whole(b) and not is_whole(a):
        return False
    kinds = getattr(a, "dtype", None), getattr(b, "dtype", None)
    # (None == np.dtype(float), so: is.)
    return kinds[0] is None or kinds[1] is None or kinds[0] == kinds[1]


def close(a: object, b: object, relative: float | None = None) -> bool:
    """Say whether two numbers or arrays have the same shape and, up to rounding, values.

    Infinities must agree in sign, and nan is the same as nan.
    """
    own = not all(isinstance(x, np.ndarray | np.generic) for x in (a, b))
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    if a.size == 0 or _identical(a, b):
        return True
    inexact = [x.dtype for x in (a, b) if x.dtype.kind in "fc"]
    if not inexact:
        return bool((a == b).all())
    size = min(np.empty(0, kind).real.dtype.itemsize for kind in inexact)
    if own:  # beside a number of Python's own, float16 is a loss
        size = max(size, 4)
    with np.errstate(all="ignore"):
        scales = float(np.abs(a).max()), float(np.abs(b).max())
        if not math.isfinite(sum(scales)):  # rare, and the masks take most of the time
            finite = np.isfinite(a) & np.isfinite(b)
            odd = ~finite
            if not ((a[odd] == b[odd]) | (np.isnan(a[odd]) & np.isnan(b[odd]))).all():
                return False
            if not finite.any():
                return True
            a, b = a[finite], b[finite]
            scales = float(np.abs(a).max()), float(np.abs(b).max())
        return bool(np.abs(a - b).max() <= (relative or RELATIVE[size]) * max(scales) + 1e-12)


def _identical(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype != object and a.tobytes() == b.tobytes()


def same(a: object, b: object, *, types: bool = True, relative: float | None = None) -> bool:
    """Say whether two values are the same: structure, shapes, values, and with `types` dtypes.

    Where `b` is what is due, `a` is what was found.
    """
    if type(a) is type(b) is np.ndarray and a.shape == b.shape and _identical(a, b):
        return True  # the usual case, at once
    rest = {"types": types, "relative": relative}
    if is_number(a) and is_number(b):
        return (not types or _kinds_agree(a, b)) and close(a, b, relative)
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(same(x, y, **rest) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key], **rest) for key in a)
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):  # texts
        return a.shape == b.shape and bool((a == b).all())
    if isinstance(a, np.random.Generator) and isinstance(b, np.random.Generator):
        return True  # to draw from it is no change
    if type(a) is not type(b):
        return False
    if type(a).__eq__ is object.__eq__ and hasattr(a, "__dict__"):
        return a is b or same(vars(a), vars(b), **rest)
    try:
        return bool(a == b)
    except Exception:
        return False


# float32 on the way to a float64 result


def in_float32(value: object) -> object:
    """Return a value with its float64 arrays in float32 (and complex128 in complex64)."""
    if isinstance(value, np.ndarray):
        kinds = {np.dtype(np.float64): np.float32, np.dtype(np.complex128): np.complex64}
        with np.errstate(all="ignore"):
            return value.astype(kinds.get(value.dtype, value.dtype))
    if type(value) in (tuple, list):
        return type(value)([in_float32(part) for part in value])
    if type(value) is dict:
        return {key: in_float32(part) for key, part in value.items()}
    return value


def like(value: object, due: object) -> object:
    """Return a value with the dtypes of what is due, where the two are built alike."""
    if isinstance(value, dict) and isinstance(due, dict):
        return {key: like(part, due.get(key)) for key, part in value.items()}
    if isinstance(value, tuple | list) and isinstance(due, tuple | list):
        return type(value)(
            [like(a, b) for a, b in zip(value, due, strict=False)] + [*value[len(due) :]]
        )
    if is_number(value) and is_number(due) and np.asarray(due).dtype.kind in "fc":
        return np.asarray(value).astype(np.asarray(due).dtype)
    return value


def _same_structure(a: object, b: object) -> bool:
    """Say whether two values are built alike, with the same dtypes."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same_structure(a[key], b[key]) for key in a)
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(map(_same_structure, a, b))
    return _kinds_agree(a, b) if is_number(a) and is_number(b) else same(a, b)


def leaves(value: object) -> list:
    """Return what stands in tuples, lists and dicts, in one row."""
    if isinstance(value, dict):
        value = [value[key] for key in sorted(value, key=str)]
    if isinstance(value, tuple | list):
        return [leaf for part in value for leaf in leaves(part)]
    return [value]


def _deviation(found: object, due: object, roughs: Sequence) -> np.ndarray | None:
    """Return signed deviations from what is due, or None if float32 does not explain them.

    In the first row positive is up, in the second away from zero. Left out are numbers of float32,
    which explain themselves.
    """
    nothing = np.empty((2, 0))
    if not (is_number(due) and np.asarray(due).dtype.kind in "fc"):
        return nothing if same(found, due) else None
    found, due, *roughs = (np.asarray(value) for value in (found, due, *roughs))
    if any(array.shape != due.shape for array in (found, *roughs)):
        return None
    finite = np.isfinite(due)
    if not same(found[~finite], due[~finite]) or not np.isfinite(found[finite]).all():
        return None
    found, due = found[finite], due[finite]
    scale = np.abs(due).max(initial=0)
    costs = [np.abs(rough[finite] - due).max(initial=0) for rough in roughs]
    # Where more is lost, float32 is no use: a difference of two nearly equal numbers.
    cost = max((cost for cost in costs if cost <= RELATIVE[4] * scale), default=None)
    if cost is None:
        return nothing if same(found, due) else None
    if np.abs(found - due).max(initial=0) > max(SINGLE * scale, 8 * cost):
        return None
    own = in_float32(found) != found
    if own.any() and (found == np.round(found, 8)).all():
        return nothing if same(found, due) else None  # rounded to decimals
    off = (found - due)[own] / (scale or 1)
    return np.array([off.real, (off * np.sign(due[own]).conj()).real])


def only_rounded(results: Sequence[tuple[object, object, Sequence]]) -> bool:
    """Say whether results differ from what is due as they do if float32 was used on the way.

    Args:
        results: for each case what was found, what is due, and what right answers make of it in
            float32: how much a case makes of a rounding is measured, not guessed.

    Such deviations are small, and go up about as often as down. Those of a small number added
    somewhere, or of a factor that is a little off, all go one way: they are no rounding.
    """
    off = [np.empty((2, 0))]
    for found, due, roughs in results:
        if not _same_structure(found, due):
            return False
        parts = [leaves(value) for value in (found, due, *roughs)]
        if len({len(part) for part in parts}) > 1:
            return False
        for one, other, *rest in zip(*parts, strict=True):
            if (deviation := _deviation(one, other, rest)) is None:
                return False
            off.append(deviation[:, np.abs(deviation[0]) > 1e-12])
    off = np.hstack(off)
    if not off.size:
        return True
    return off.shape[1] >= FEWEST and not any(map(_one_way, off))


def _one_way(off: np.ndarray) -> bool:
    """Say whether deviations all but go one way.

    One rounding, of a step or of 1/N, may stand behind many entries, so each size counts once. Two
    or three roundings go the same way often enough to say nothing.
    """
    sizes = np.unique([float(f"{part:.1e}") for part in off])
    up = float(np.mean(sizes > 0))
    return len(sizes) not in (2, 3) and not ONE_WAY <= up <= 1 - ONE_WAY
