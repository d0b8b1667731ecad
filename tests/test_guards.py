"""The guards of settings, and their messages word by word."""

from fractions import Fraction

import numpy as np
import pytest

import nnfromscratch as nn
from nnfromscratch._guards import (
    above_0_to_1,
    between_0_and_1,
    finite,
    float_dtype,
    from_0_below_1,
    generator,
    instance,
    natural,
    not_negative,
    number,
    positive,
    whole,
)


def test_generator():
    generator("f", np.random.default_rng())
    with pytest.raises(TypeError) as caught:
        generator("f", 0)
    assert str(caught.value) == (
        "f: rng must be a numpy.random.Generator such as np.random.default_rng(0), got int"
    )


def test_whole():
    assert type(whole("f", n=np.int8(3))) is int
    assert whole("f", n=2**31 - 1) == 2**31 - 1
    for value, error, message in (
        (0, ValueError, "f: n must be at least 1, got 0"),
        (2.0, TypeError, "f: n must be an integer, got float"),
        (True, TypeError, "f: n must be an integer, got bool"),
        (2**31, ValueError, "f: n must be below 2**31, got 2147483648"),
    ):
        with pytest.raises(error) as caught:
            whole("f", n=value)
        assert str(caught.value) == message


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int8(2), Fraction(2)])
def test_number(value):
    found = number("f", h=value)
    assert found == 2
    assert type(found) is float


def test_number_of_something_else():
    assert number("f", h=10**400) == np.inf
    for value, kind in (("2", "str"), (True, "bool"), (1j, "complex"), (np.ones(1), "ndarray")):
        with pytest.raises(TypeError) as caught:
            number("f", h=value)
        assert str(caught.value) == f"f: h must be a number, got {kind}"


@pytest.mark.parametrize("dtype", [np.float32, "float64", float, np.dtype("f4")])
def test_float_dtype(dtype):
    assert float_dtype("f", dtype) == np.dtype(dtype)


@pytest.mark.parametrize("dtype", [int, "banana", np.float16, complex, object, {}, ">f4", 5])
def test_float_dtype_of_something_else(dtype):
    with pytest.raises(TypeError) as caught:
        float_dtype("f", dtype)
    assert str(caught.value) == f"f: dtype must be float32 or float64, got {dtype!r}"


def test_instance():
    instance("f", nn.Layer, "ReLU()", layer=nn.ReLU())
    for value, got in ((5, "int"), (nn.ReLU, "the class ReLU")):
        with pytest.raises(TypeError) as caught:
            instance("f", nn.Layer, "ReLU()", layer=value)
        assert str(caught.value) == f"f: layer must be a Layer such as ReLU(), got {got}"


@pytest.mark.parametrize(
    ("guard", "accepted", "refused", "need"),
    [
        (natural, [0, 3], [-1], "not be negative"),
        (finite, [-1.0, 0.0], [np.inf, np.nan], "be finite"),
        (positive, [1e-300], [0, -1, np.inf, np.nan], "be positive"),
        (not_negative, [0], [-1e-300, np.inf, np.nan], "not be negative"),
        (from_0_below_1, [0, 0.999], [1, -0.1, np.nan], "be from 0 to below 1"),
        (above_0_to_1, [1, 1e-9], [0, 1.1, np.nan], "be above 0 and at most 1"),
        (between_0_and_1, [0.5], [0, 1, np.nan], "be above 0 and below 1"),
    ],
)
def test_ranges(guard, accepted, refused, need):
    for value in accepted:
        assert guard("f", s=value) == value
    for value in refused:
        with pytest.raises(ValueError) as caught:
            guard("f", s=value)
        assert str(caught.value) == f"f: s must {need}, got {value}"
