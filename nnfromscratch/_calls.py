"""Which argument is which: what a function and its backward take and return, by their names."""

import copy
import inspect
import re
from collections.abc import Callable
from typing import NamedTuple, NoReturn

import numpy as np

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
STARRED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Forward(NamedTuple):
    """A function, its arguments by its own names for them, its settings at their defaults."""

    function: Callable
    values: dict[str, np.ndarray]
    settings: dict[str, object]

    def run(self, **changed: np.ndarray) -> object:
        """Call the function with copies of its arguments, some of them replaced."""
        # Indexed by (), an array without axes becomes a number, as a setting has to be one.
        return self.function(*[array.copy()[()] for array in (self.values | changed).values()])

    @property
    def floats(self) -> dict[str, np.ndarray]:
        """The arguments that have a gradient; integers are labels."""
        return {name: array for name, array in self.values.items() if array.dtype.kind == "f"}


def name_of(function: object) -> str:
    """Return the name of a function, or of the type of what is called like one."""
    return getattr(function, "__name__", type(function).__name__)


def refuse(words: str) -> NoReturn:
    """Raise TypeError."""
    raise TypeError(f"check_gradients: {words}")


def forward(function: Callable, arguments: list[np.ndarray]) -> Forward:
    """Give every argument the name that the function has for it."""
    name, parameters = f"target={name_of(function)}", _parameters(function)
    names = [parameter.name for parameter in parameters if parameter.kind in POSITIONAL]
    if len(names) < len(arguments):
        if any(parameter.kind in STARRED for parameter in parameters):
            refuse(f"{name} does not name its arguments; wrap it, as in lambda x, w: f(x, w)")
        refuse(f"{name} takes {len(names)} arguments, but {len(arguments)} were given")
    values = dict(zip(names, arguments, strict=False))
    others = [p for p in parameters if p.name not in values and p.kind not in STARRED]
    missing = [parameter.name for parameter in others if parameter.default is parameter.empty]
    if missing:
        refuse(f"{name} also needs {' and '.join(missing)}; give all its arguments in order")
    return Forward(function, values, {p.name: p.default for p in others})


def call_backward(
    backward: Callable, forward: Forward, upstream: np.ndarray, out: np.ndarray
) -> object:
    """Call a backward with the upstream gradient, and then with what its parameters' names say.

    A name is that of an argument of the forward function, or of its result: `out`, or what is left
    of the upstream gradient's name without its d. A name that says nothing, or two things, is an
    error, because any guess would call right backwards wrong and pass wrong ones.
    """
    name, parameters = f"backward={name_of(backward)}", _parameters(backward)
    if any(parameter.kind in STARRED for parameter in parameters):
        refuse(
            f"{name} does not name all that it takes; wrap it, as in lambda d_out, x: f(d_out, x)"
        )
    if not parameters or parameters[0].kind not in POSITIONAL:
        refuse(f"{name} takes no upstream gradient; it comes first, as in backward(d_out, x)")
    first, *others = parameters
    if first.name in forward.values:
        refuse(
            f"the first parameter of {name} is for the upstream gradient, but {first.name} is an "
            f"argument of {name_of(forward.function)}; name it d_out"
        )
    results = {"out", *re.findall("^(?:grad_|d_|d)(.+)", first.name)}
    given = {p.name: _find(p, backward, forward, results, out) for p in others}
    unknown = [key for key, value in given.items() if value is inspect.Parameter.empty]
    if unknown:
        required = [p for p in others if p.default is p.empty or p.name in forward.values]
        _refuse_unknown(unknown, backward, forward, results, required)
    given = copy.deepcopy(given)
    named = {p.name: given.pop(p.name) for p in others if p.kind not in POSITIONAL}
    return backward(upstream.copy(), *given.values(), **named)


def _parameters(function: Callable) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some functions written in C do not tell
        return [inspect.Parameter("arguments", inspect.Parameter.VAR_POSITIONAL)]


def _find(
    parameter: inspect.Parameter,
    backward: Callable,
    forward: Forward,
    results: set[str],
    out: np.ndarray,
) -> object:
    """What one parameter of a backward asks for; `Parameter.empty` if its name says nothing."""
    name, default = parameter.name, parameter.default
    if name in forward.values:
        if name in results:
            _refuse_ambiguous(name, backward, forward)
        return forward.values[name][()]
    if default is not parameter.empty:  # such as need_dx, or a slope that both have
        here = forward.settings.get(name, default)
        if here is not default and not np.array_equal(here, default):
            refuse(
                f"{name} is {here!r} by default in {name_of(forward.function)}, but {default!r} in "
                f"backward={name_of(backward)}; give both the same, as in "
                f"functools.partial(f, {name}=...)"
            )
        return default
    return out if name in results else forward.settings.get(name, parameter.empty)


def _refuse_ambiguous(name: str, backward: Callable, forward: Forward) -> NoReturn:
    function = name_of(forward.function)
    refuse(
        f"{name} in backward={name_of(backward)} may be the argument {name} of {function}, or its "
        f"result, whose gradient is d{name}; name the upstream gradient d_out to mean the "
        "argument, and take out to mean the result"
    )


def _refuse_unknown(
    unknown: list[str],
    backward: Callable,
    forward: Forward,
    results: set[str],
    required: list[inspect.Parameter],
) -> NoReturn:
    asked = {parameter.name for parameter in required}
    free = [name for name in (*forward.values, "out") if name not in asked]
    meant = dict(zip(unknown, free, strict=False))
    names = {p.name: meant.get(p.name, p.name) for p in required}
    taken = ", ".join(["d_out", *dict.fromkeys(names.values())])
    handed = ["d_out"] + [
        names[p.name] if p.kind in POSITIONAL else f"{p.name}={names[p.name]}" for p in required
    ]
    name = name_of(backward) if name_of(backward).isidentifier() else "f"
    refuse(
        f"backward={name_of(backward)} asks for {' and '.join(unknown)}, but "
        f"{name_of(forward.function)} has the arguments {', '.join(forward.values)} and the result "
        f"{' or '.join(sorted(results))}; say which is meant, as in "
        f"backward=lambda {taken}: {name}({', '.join(handed)})"
    )


def as_gradients(who: str, returned: object) -> tuple:
    """Return what a backward or a loss has returned as a tuple of gradients."""
    if isinstance(returned, list) and any(isinstance(g, np.ndarray) for g in returned):
        return tuple(returned)
    if returned is None:
        refuse(f"{who} returns None where a gradient is due; is a return missing?")
    if isinstance(returned, dict | set | str) or callable(returned):
        kind = type(returned).__name__
        refuse(
            f"{who} returns a {kind} where a gradient is due, or a tuple of one for "
            "each argument in their order"
        )
    return returned if isinstance(returned, tuple) else (returned,)


def by_argument(who: str, gradients: tuple, forward: Forward) -> dict[str, object]:
    """Gradients by the arguments they belong to: one for every argument, or for every float."""
    for names in (forward.values, forward.floats):
        if len(gradients) == len(names):
            return dict(zip(names, gradients, strict=True))
    count = f"{len(gradients)} gradient" + "s" * (len(gradients) != 1)
    refuse(
        f"{who} returns {count} for the arguments {', '.join(forward.floats)}; "
        "return one for each, in a tuple. A setting is not checked if it is bound beforehand, as "
        "in functools.partial(f, slope=0.1)"
    )


def flaw(gradient: object, array: np.ndarray) -> str:
    """Say why something cannot be the gradient of an array; an empty string if it can."""
    if gradient is None:
        return "there is no gradient"
    try:
        found = np.asarray(gradient)
    except ValueError:
        return "the gradient has rows of different lengths"
    if found.dtype.kind not in "iuf":
        return f"the gradient is of dtype {found.dtype}"
    if found.shape != array.shape:
        return f"the gradient has shape {found.shape}"
    return ""


def is_array(value: object) -> bool:
    """Whether a value can stand for an array of real numbers."""
    try:
        return np.asarray(value).dtype.kind in "biuf"
    except ValueError:
        return False
