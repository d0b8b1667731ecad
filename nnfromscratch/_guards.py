"""Settings are checked in one line each: `epochs = whole("fit", epochs=epochs)`.

Each guard takes the name of the function that complains and one setting under its own name, and
returns it as plain Python, or raises TypeError or ValueError that names it and says what is needed.
"""

import math
import numbers
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")


def _integer(least: int, need: str) -> Callable[..., int]:
    """Make the guard of whole numbers from `least` to below 2**31."""

    def guard(function: str, **setting: Any) -> int:
        ((name, value),) = setting.items()
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise TypeError(f"{function}: {name} must be an integer, got {type(value).__name__}")
        if value < least:
            raise ValueError(f"{function}: {name} must {need}, got {value}")
        if value >= 2**31:  # before NumPy fails to find the memory
            raise ValueError(f"{function}: {name} must be below 2**31, got {value}")
        return int(value)

    return guard


whole = _integer(1, "be at least 1")
natural = _integer(0, "not be negative")


def number(function: str, **setting: Any) -> float:
    """Return a real number as a float, which leaves float32 arrays float32."""
    ((name, value),) = setting.items()
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{function}: {name} must be a number, got {type(value).__name__}")
    try:
        return float(value) + 0.0  # 0.0 for -0.0, from which to 0.0 NumPy draws nothing
    except OverflowError:  # a whole number of more than 308 digits
        return math.inf


def _real(fits: Callable[[float], bool], need: str) -> Callable[..., float]:
    """Make the guard of real numbers for which `fits` is true."""

    def guard(function: str, **setting: Any) -> float:
        ((name, value),) = setting.items()
        found = number(function, **setting)
        if not fits(found):
            raise ValueError(f"{function}: {name} must {need}, got {value}")
        return found

    return guard


finite = _real(math.isfinite, "be finite")
positive = _real(lambda x: 0 < x < math.inf, "be positive")
not_negative = _real(lambda x: 0 <= x < math.inf, "not be negative")
from_0_below_1 = _real(lambda x: 0 <= x < 1, "be from 0 to below 1")
above_0_to_1 = _real(lambda x: 0 < x <= 1, "be above 0 and at most 1")
between_0_and_1 = _real(lambda x: 0 < x < 1, "be above 0 and below 1")


def float_dtype(function: str, dtype: npt.DTypeLike) -> np.dtype:
    """Return float32 or float64 as a NumPy dtype."""
    try:
        found = np.dtype(dtype)
    except (TypeError, ValueError):
        found = None
    if found is None or found not in (np.float32, np.float64):
        raise TypeError(f"{function}: dtype must be float32 or float64, got {dtype!r}")
    return found


def generator(function: str, rng: np.random.Generator) -> np.random.Generator:
    """Return the generator of randomness, or say how to make one."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"{function}: rng must be a numpy.random.Generator such as np.random.default_rng(0), "
            f"got {type(rng).__name__}"
        )
    return rng


def instance(function: str, kind: type[T], example: str, **setting: Any) -> T:
    """Return an object of the given class, or show how to get one."""
    ((name, value),) = setting.items()
    if not isinstance(value, kind):
        got = f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise TypeError(
            f"{function}: {name} must be {article} {kind.__name__} such as {example}, got {got}"
        )
    return value


def function_of(function: str, **setting: Any) -> Any:
    """Return something that can be called."""
    ((name, value),) = setting.items()
    if not callable(value):
        raise TypeError(f"{function}: {name} must be a function, got {value!r}")
    return value
