"""What follows from a contract: right arguments, what a result must be, and ways to be wrong.

A new function needs its contract and formula in the package, and its reference in
`nnfromscratch.verification`. All other tests of it are made from the contract, by these helpers.
"""

import functools
import inspect

import numpy as np

import nnfromscratch as nn


def functions():
    """Every public function whose contract says all that it needs, by name."""
    public = {name: getattr(nn, name) for name in nn.__all__}
    return {name: f for name, f in public.items() if hasattr(f, "contract") and not _needs_more(f)}


def _needs_more(function):
    """Whether an argument without a default, such as `rng`, is outside of the contract."""
    arrays = {array.name for array in function.contract.inputs}
    parameters = inspect.signature(function).parameters.values()
    return any(p.default is p.empty and p.name not in arrays for p in parameters)


def letters(function):
    """The letters of its arguments' shapes, in order."""
    dims = [d for array in function.contract.inputs for d in array.dims]
    return dict.fromkeys(d for d in dims if not d.isdecimal())


def distinct(function, n=5):
    """A size for each letter, no two alike, and n for N."""
    others = iter((4, 3, 2, 6, 7))
    return {d: (n, 3) if d == "..." else n if d == "N" else next(others) for d in letters(function)}


def shape(dims, sizes):
    return (
        sizes["..."]
        if dims == ("...",)
        else tuple(sizes[d] if d in sizes else int(d) for d in dims)
    )


def draw(function, rng, sizes=None, dtype="f8"):
    """Right arguments by name: labels, and numbers at least 0.1 away from zero, of either sign."""
    drawn = _draw(function, rng, sizes or distinct(function), dtype)
    if np.dtype(dtype).kind == "c" or _takes_either_sign(function):
        return drawn
    return {name: np.abs(array) for name, array in drawn.items()}


def _draw(function, rng, sizes, dtype):
    drawn = {}
    for array in function.contract.inputs:
        size = shape(array.dims, sizes)
        if array.below:
            drawn[array.name] = rng.integers(0, shape((array.below,), sizes)[0], size)
            continue
        values = rng.uniform(0.1, 2, size) * rng.choice([-1, 1], size)
        if np.dtype(dtype).kind == "c":
            values = values + 1j * rng.uniform(0.1, 2, size)
        drawn[array.name] = np.asarray(values, dtype)
    return drawn


@functools.cache
def _takes_either_sign(function):
    """Whether no negative number makes nan, as a negative variance would."""
    drawn = _draw(function, np.random.default_rng(0), distinct(function), "f8")
    return not any(np.isnan(result).any() for result in results(function, drawn))


def results(function, arguments, **settings):
    """What it returns, as a list."""
    made = function(**arguments, **settings)
    return list(made) if isinstance(made, tuple) else [made]


def numbers(function):
    """Its arguments that are single numbers, such as a slope, with their defaults."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if isinstance(p.default, float)}


@functools.cache
def sources(function):
    """For each result, the names of the arguments on whose size it depends.

    The gradient behind a ReLU does not depend on the size of z, so neither its dtype nor a nan
    comes from z.
    """
    rng = np.random.default_rng(0)
    drawn = draw(function, rng)
    before = results(function, drawn)
    found = [[] for _ in before]
    for name in drawn:
        if drawn[name].dtype.kind == "f":
            after = results(function, drawn | {name: 1.5 * drawn[name]})
            for names, old, new in zip(found, before, after, strict=True):
                if not np.array_equal(old, new):
                    names.append(name)
    return found


# The tests of one function


def check_shapes(function, rng):
    """A batch of another size than all else, and one of a single example."""
    for n in (5, 1):
        sizes = distinct(function, n)
        try:
            found = results(function, draw(function, rng, sizes))
        except ValueError as error:
            assert n == 1, error  # noqa: PT017
            assert "needs two examples" in str(error)  # noqa: PT017
            continue
        expected = [shape(array.dims, sizes) for array in function.contract.outputs]
        assert [np.shape(result) for result in found] == expected


def check_dtypes(function, rng):
    """All results have the dtype of the arguments, and the same values."""
    for narrow, wide, digits in (("f4", "f8", 3), ("f8", "f8", 12), ("c8", "c16", 3)):
        drawn = draw(function, rng, dtype=narrow)
        widened = {k: v if v.dtype.kind == "i" else v.astype(wide) for k, v in drawn.items()}
        found, expected = results(function, drawn), results(function, widened)
        assert {result.dtype for result in found} == {np.dtype(narrow)}
        assert {result.dtype for result in expected} == {np.dtype(wide)}
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=10.0**-digits, atol=10.0**-digits)


def check_nothing_is_changed(function, rng):
    """No argument is written to, nor handed back under another name."""
    drawn = draw(function, rng)
    for array in drawn.values():
        array.flags.writeable = False  # a change in place raises
    for result in results(function, drawn):
        assert not any(np.shares_memory(result, array) for array in drawn.values())


def check_layouts(function, rng):
    """The place of the numbers in memory makes no difference, and lists do as well."""
    drawn = draw(function, rng)
    expected = results(function, drawn)
    for change in (
        np.asfortranarray,
        lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
        lambda array: array[::-1].copy()[::-1],
        lambda array: array.tolist(),
    ):
        found = results(function, {name: change(array) for name, array in drawn.items()})
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def check_names(function, rng):
    """Whatever is no array of numbers is called by its name."""
    for array in function.contract.inputs:
        what = "hold integer labels" if array.below else "be an array of numbers"
        try:
            function(**draw(function, rng) | {array.name: "text"})
        except TypeError as error:
            complaint = f"{function.__name__}: {array.name} must {what}, got dtype <U4"
            assert str(error) == complaint  # noqa: PT017
        else:
            raise AssertionError(f"{array.name} may be a text")


CHECKS = [check_shapes, check_dtypes, check_nothing_is_changed, check_layouts, check_names]


# Versions that are wrong


def _one_entry(result, n):
    result = np.array(result)
    result.flat[-1] += 1e-6 * np.abs(result).max() or 1
    return result


CHANGES = {
    "sign": lambda result, n: -result,
    "doubled": lambda result, n: 2 * result,
    "by N": lambda result, n: result / n,
    "an entry": _one_entry,
    "zeros": lambda result, n: np.zeros_like(result),
}


def broken(function):
    """Versions of a function that are wrong in one result, by what is wrong with which."""
    places = range(len(function.contract.outputs))
    return {
        f"{what}, result {place + 1}": _changed(function, place, change)
        for place in places
        for what, change in CHANGES.items()
    }


def _changed(function, place, change):
    def version(*args, **kwargs):
        made = function(*args, **kwargs)
        found = list(made) if isinstance(made, tuple) else [made]
        if found[place] is not None:
            n = max(2, len(next(iter((*args, *kwargs.values())))))
            found[place] = change(np.asarray(found[place]), n)
        return tuple(found) if isinstance(made, tuple) else found[0]

    return version
