"""When two results are the same, up to rounding."""

import numpy as np

RELATIVE = {2: 1e-2, 4: 1e-4, 8: 1e-7, 16: 1e-7}
"""Allowed error beside the largest entry, by the bytes of a real number."""


def is_number(value: object) -> bool:
    """Say whether a value is a number or an array of numbers."""
    return isinstance(value, int | float | complex | np.ndarray | np.generic) and (
        np.asarray(value).dtype.kind in "biufc"
    )


def kind_of(value: object) -> str:
    """Return the dtype of an array, or "number" for Python's own, which has any precision."""
    if isinstance(value, np.ndarray | np.generic):
        return str(value.dtype)
    return "number"


def close(a: object, b: object) -> bool:
    """Say whether two numbers or arrays have the same shape and, up to rounding, values.

    Infinities must agree in sign, and nan is the same as nan.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    if a.size == 0 or (a.dtype == b.dtype and a.tobytes() == b.tobytes()):
        return True  # the usual case, at once
    inexact = [x.dtype for x in (a, b) if x.dtype.kind in "fc"]
    if not inexact:
        return bool((a == b).all())
    size = min(np.empty(0, kind).real.dtype.itemsize for kind in inexact)
    with np.errstate(all="ignore"):
        finite = np.isfinite(a) & np.isfinite(b)
        odd = ~finite
        if not ((a[odd] == b[odd]) | (np.isnan(a[odd]) & np.isnan(b[odd]))).all():
            return False
        if not finite.any():
            return True
        a, b = a[finite], b[finite]
        scale = max(float(np.abs(a).max()), float(np.abs(b).max()))
        return bool(np.abs(a - b).max() <= RELATIVE[size] * scale + 1e-12)


def same(a: object, b: object, *, types: bool = True) -> bool:
    """Say whether two values are the same: structure, shapes, values, and with `types` dtypes."""
    if is_number(a) and is_number(b):
        kinds = getattr(a, "dtype", None), getattr(b, "dtype", None)
        # Python's own numbers have any precision. (None == np.dtype(float), so: is.)
        if types and kinds[0] is not None and kinds[1] is not None and kinds[0] != kinds[1]:
            return False
        return close(a, b)
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(same(x, y, types=types) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key], types=types) for key in a)
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):  # texts
        return a.shape == b.shape and bool((a == b).all())
    if isinstance(a, np.random.Generator) and isinstance(b, np.random.Generator):
        return True  # to draw from it is no change
    if type(a) is not type(b):
        return False
    if type(a).__eq__ is object.__eq__ and hasattr(a, "__dict__"):
        return a is b or same(vars(a), vars(b), types=types)
    try:
        return bool(a == b)
    except Exception:
        return False
