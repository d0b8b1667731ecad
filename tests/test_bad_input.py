"""Bad input to every public function: a right result, or an error that names the argument.

Hypothesis draws right arguments and puts something else in the place of one or two of them: a
wrong rank, swapped dimensions, an empty batch, integers, objects, texts, None, lists, nan and
infinity, labels and sizes out of range, wrong dtypes, two arguments exchanged. The call must end in
a result of the right shape, dtype and value, with nan where nan came in, or in a ValueError or
TypeError of the package's own, which says which function complains, and about which argument.
NumPy's own errors do neither, so they fail here, and so does a warning.

The draws are the same on every run. Flags such as `need_dx` may be anything that is true or false,
as everywhere in Python, and what goes wrong inside a function that was passed in is its own affair.
"""

import copy
import faulthandler
import inspect
import io
import math
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import ModuleType, SimpleNamespace

import derived
import matplotlib
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sampling import some_of

import nnfromscratch as nn
from nnfromscratch import gradient_check

matplotlib.use("Agg")
import matplotlib.pyplot as plt

FEW, MANY = 120, 400  # of each function, in `make test` and in `make thorough`
CASES_PER_PICTURE = 40  # drawing is slow
counted = Counter()
C, D = 3, 4  # classes and inputs, where an argument does not bring its own


@pytest.fixture(autouse=True)
def folder_and_time_limit(tmp_path, monkeypatch):
    """Work in a folder of its own; end the process if a function hangs for ten minutes."""
    monkeypatch.chdir(tmp_path)
    faulthandler.dump_traceback_later(600, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


# What stands in the wrong place: functions that get the right value and return another one.


def makers(*functions):
    return st.sampled_from(functions)


def values(*items):
    return st.sampled_from(items).map(lambda item: lambda right: item)


def entry(number):
    def make(right):
        array = np.array(right, np.result_type(right, np.float32))
        array.flat[:1] = number
        return array

    return make


def dtype(name):
    return lambda right: np.abs(right).astype(name)


NUMERIC = ["?", "i1", "u1", "i8", "u8", ">i2", "f2", "f4", "f8", "g", ">f4", "c8", "c16"]


@st.composite
def any_array(draw):
    shape = draw(st.lists(st.integers(0, 4), max_size=4))
    kind = draw(st.sampled_from(NUMERIC))
    array = (np.arange(np.prod(shape, dtype=int)).reshape(shape) % 5).astype(kind)
    return lambda right: array


BENT = makers(
    lambda v: v.T,
    lambda v: v.T.copy(),
    lambda v: v[np.newaxis],
    lambda v: v[..., np.newaxis],
    lambda v: v[:0],
    lambda v: v[..., :0],
    lambda v: v[:1],
    lambda v: v[:-1],
    lambda v: v[..., :-1],
    lambda v: v[0],
    lambda v: v.reshape(-1),
    lambda v: v.sum(),
    lambda v: np.concatenate([v, v]),
    lambda v: np.repeat(v, 2, axis=-1),
    lambda v: v[::-1],
    lambda v: np.asfortranarray(v),
    lambda v: v.tolist(),
    lambda v: tuple(map(tuple, np.atleast_2d(v))),
    *map(dtype, NUMERIC),
    *map(entry, [np.nan, np.inf, -np.inf, 1e30, -1e30, 1e-320, -0.0]),
    lambda v: np.full(v.shape, np.nan),
    lambda v: np.full(v.shape, -np.inf),
    lambda v: np.full(v.shape, 1 + 1e30j),
    lambda v: np.full(v.shape, complex(1, np.inf)),
)
JUNK = makers(
    lambda v: None,
    lambda v: "text",
    lambda v: b"",
    lambda v: object(),
    lambda v: {"a": 1},
    lambda v: {1, 2},
    lambda v: [None, 1],
    lambda v: [["a", "b"]],
    lambda v: [[1], [1, 2]],
    lambda v: [2**70],
    lambda v: np.array(["a", "b"]),
    lambda v: np.array(["2020-01-01"], "M8[D]"),
    lambda v: np.zeros(3, "f4,i4"),
    lambda v: np.array(v, object),
    lambda v: np.array([str(v)]),
    lambda v: (i for i in range(3)),
    lambda v: len,
    lambda v: nn.ReLU,
    lambda v: nn.ReLU(),
)
ARRAYS = st.one_of(BENT, BENT, BENT, any_array(), JUNK)
LABELS = st.one_of(
    ARRAYS,
    makers(
        lambda y: np.where(y == y[0], -1, y),
        lambda y: np.where(y == y[0], C, y),
        lambda y: np.where(y == y[0], 2**40, y),
        lambda y: y.astype(np.uint64),
        lambda y: y.tolist(),
        lambda y: y[:, np.newaxis],
        lambda y: np.eye(y.max() + 1, dtype=int)[y],
    ),
)
# fmt: off
NUMBERS = values(
    0, -1, 2**31, 2**63, 10**30, 10**400, 1.0, 2.5, 0.5, -0.5, np.nan, np.inf, -np.inf, True, "3",
    "", None, np.int8(2), np.uint64(1), np.float16(0.5), np.float64(0.25), np.longdouble(0.5), 1j,
    np.array(3), np.array([3]), np.array([0.1, 0.2]), [3], (), Fraction(1, 3), {}, object(), len,
)
DTYPES = values(
    "float32", "f8", float, np.float64, np.dtype("f4"), None, int, bool, complex, object, str, "",
    "banana", 5, [], {}, "f4,i4", ">f4", np.float16, np.longdouble, "M8[s]", np.float32(1), len,
)
# fmt: on
SIZES = st.one_of(NUMBERS, st.integers(-3, 9).map(lambda n: lambda v: n))
REALS = st.one_of(NUMBERS, st.floats(width=32).map(lambda x: lambda v: x))
SHAPES = st.one_of(
    values(None, 5, "ab", (), (3,), (3, 2, 1), [3, 2], (0, 2), (3, -1), (2.0, 3), ("3", 2)),
    values((None, 2), {3, 2}, (True, 2), (2**31, 1), (10**30, 2), np.array([3, 2]), np.int64(3)),
)
GENERATORS = values(
    None, 0, "rng", np.random, np.random.default_rng, np.random.RandomState(0), np.random.PCG64(0)
)
TRUTHS = values(True, np.bool_(True), np.bool_(False), 1, 0.9, None, "no")
FLAGS = st.one_of(TRUTHS, values(np.array([1, 2])))
THINGS = st.one_of(NUMBERS, JUNK, any_array())
FUNCTIONS = values(None, 0, "f", [], nn.ReLU(), np.ones(2))
PATHS = values(None, 5, 1.5, b"file", [], {}, "", "missing/file", "null\0", object(), len)


def contents(right):
    """Bytes of a file that was damaged on its way, or is something else altogether."""
    places, piece = st.integers(0, len(right)), st.binary(max_size=4)
    cells = ["1", "-1", "0.5", "256", "nan", "1e9", "9" * 20, "a", "#", '"', "\n", "é", ""]
    return st.one_of(
        st.binary(max_size=40),
        places.map(lambda n: right[:n]),
        st.tuples(places, piece).map(lambda p: right[: p[0]] + p[1] + right[p[0] :]),
        st.tuples(places, piece).map(lambda p: right[: p[0]] + p[1] + right[p[0] + len(p[1]) :]),
        st.lists(st.sampled_from(cells), max_size=12).map(lambda line: ",".join(line).encode()),
    ).map(lambda made: lambda v: made)


# The functions, one entry each. A name may be followed by a word that tells two entries apart.


@dataclass
class Entry:
    call: Callable  # with the arguments by name
    arguments: Callable[[np.random.Generator], dict]  # right ones
    places: dict[str, st.SearchStrategy]  # what may stand in the place of each
    right: Callable[[dict, object], None]  # assert that the result is right for these arguments
    # The names by which messages speak of an argument, if not by its own: a layer hands its x on
    # to a function of the mathematics, which calls it z.
    also_called: dict[str, str]


ENTRIES: dict[str, Entry] = {}
NOTHING_TO_GET_WRONG = {
    *("load_mnist", "use_course_style", "schedules.constant"),  # no arguments
    *("Layer", "ReLU", "Sigmoid", "Tanh"),  # no arguments
    *("Layer.forward", "Layer.backward"),  # each layer has its own
    *(
        "ShapeError",
        "TrainingDiverged",
        "WorkersLost",
        "History",
        "GradientReport",
    ),  # the package's to fill
    *("Softmax", "Optimizer.direction"),  # no arguments; `step` checks theirs
    *("Optimizer.settings", "Layer.kept", "short_errors"),  # no arguments, or whether it is true
    *("SGD.direction", "RMSProp.direction", "Adam.direction"),
}


def add(name, arguments, places, right, *, call=None, **also_called):
    call = call or getattr(nn, name)
    assert name not in ENTRIES
    ENTRIES[name] = Entry(call, arguments, places, right, also_called)


# Functions of arrays


def moderate(array):
    return array.dtype.kind in "biu" or bool((np.abs(array) < 100).all())


def results(function, *outputs, labels=()):
    """Make a check from the shape of each output and the arguments that it is computed from.

    Its dtype is NumPy's for these arguments, where integers count as float64. Its value is that
    for float64 arguments. It holds nan if one of these arguments does.
    """

    def right(arguments, result):
        a = {name: np.asarray(value) for name, value in arguments.items()}
        got = result if isinstance(result, tuple) else (result,)
        wanted = [None] * len(outputs)
        if all(map(moderate, a.values())):
            wide = {k: v.astype("c16" if v.dtype.kind == "c" else "f8") for k, v in a.items()}
            wanted = function(**wide | {name: a[name] for name in labels})
            wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        for out, value, (shape, names) in zip(got, wanted, outputs, strict=True):
            sources = [a[name] for name in names.split()]
            floats = [v.dtype if v.dtype.kind in "fc" else np.dtype("f8") for v in sources]
            assert out.shape == shape(a)
            assert out.dtype == np.result_type(*floats).newbyteorder("=")
            if value is not None:
                kinds = [v.dtype for v in a.values() if v.dtype.kind in "fc"]
                digits = min([np.finfo(kind).precision for kind in kinds], default=15)
                tolerance = 10.0 ** (2 - min(digits, 15))
                np.testing.assert_allclose(out, value, rtol=tolerance, atol=tolerance)
            elif out.size and all(v.size for v in a.values()):
                assert np.isnan(out).any() or not any(np.isnan(v).any() for v in sources)

    return right


def arrays(rng, **letters):
    """Return an array of normal numbers for each name, its sizes by letters."""
    sizes = dict(zip("NDCK", rng.integers([2, 1, 1, 1], 5), strict=True))  # a variance needs two
    kind = rng.choice(["f4", "f8"])
    return {k: rng.standard_normal([sizes[d] for d in v]).astype(kind) for k, v in letters.items()}


def shape_of(name):
    return lambda a: a[name].shape


Z_OF_LINEAR = (lambda a: (len(a["x"]), a["w"].shape[1]), "x w b")


def from_contract(function):
    """Make a check of what a function returns from its contract, for numbers that it may take."""
    contract = function.contract

    def sizes(a):
        pairs = [(array.dims, a[array.name].shape) for array in contract.inputs]
        return {
            d: n
            for dims, s in pairs
            for d, n in (zip(dims, s, strict=True) if dims != ANY else [("...", s)])
        }

    outputs = [
        (lambda a, dims=array.dims: derived.shape(dims, sizes(a)), " ".join(names))
        for array, names in zip(contract.outputs, derived.sources(function), strict=True)
    ]
    labels = [array.name for array in contract.inputs if array.below]

    def right(a, result):
        settings = {name: float(a[name]) for name in derived.numbers(function)}
        rest = {name: value for name, value in a.items() if name not in settings}
        assert all(map(math.isfinite, settings.values()))
        assert all(np.asarray(a[name]).dtype.kind in "iu" for name in labels)
        if all(abs(value) < 100 for value in settings.values()):
            check = results(lambda **wide: function(**wide, **settings), *outputs, labels=labels)
            check(rest, result)

    return right


def right_arguments(function):
    settings = dict.fromkeys(derived.numbers(function), 0.1)

    def arguments(rng):
        sizes = {d: int(rng.integers(1, 5)) for d in derived.letters(function)}
        sizes["..."] = tuple(rng.integers(1, 5, 2).tolist())
        return derived.draw(function, rng, sizes, rng.choice(["f4", "f8"])) | settings

    return arguments


ANY = ("...",)
SETTINGS = st.one_of(NUMBERS, values(1e-3, 0.1, 3))
for name, function in derived.functions().items():
    kinds = {array.name: LABELS if array.below else ARRAYS for array in function.contract.inputs}
    add(
        name,
        right_arguments(function),
        kinds | dict.fromkeys(derived.numbers(function), SETTINGS),
        from_contract(function),
    )


def examples(rng, /, **more):
    """Return a batch x, its labels y, and other arguments."""
    n = int(rng.integers(2, 6))
    kind = rng.choice(["f4", "f8"])
    return {"x": rng.normal(size=(n, D)).astype(kind), "y": rng.integers(0, C, n), **more}


# Data


def right_one_hot(a, t):
    assert t.shape == (len(a["y"]), a["classes"])
    assert t.dtype == a["dtype"]
    np.testing.assert_array_equal(t, np.arange(a["classes"]) == np.reshape(a["y"], (-1, 1)))


add(
    "one_hot",
    lambda rng: {"y": rng.integers(0, C, 4), "classes": C, "dtype": np.float32},
    {"y": LABELS, "classes": SIZES, "dtype": DTYPES},
    right_one_hot,
)


def same_rows(whole, parts):
    whole, joined = np.asarray(whole), np.concatenate(parts)
    assert joined.shape == whole.shape
    assert sorted(map(repr, joined.tolist())) == sorted(map(repr, whole.tolist()))


def right_batches(a, batches):
    lengths = [len(x) for x, _ in batches]
    assert lengths == [len(y) for _, y in batches]
    assert all(n == a["batch_size"] for n in lengths[:-1])
    same_rows(a["x"], [x for x, _ in batches])
    same_rows(a["y"], [y for _, y in batches])


def right_split(a, parts):
    assert len(parts[2]) == len(parts[3]) == a["validation_size"]
    same_rows(a["x"], parts[::2])
    same_rows(a["y"], parts[1::2])


add(
    "minibatches",
    lambda rng: examples(rng, batch_size=2, rng=rng),
    {"x": ARRAYS, "y": LABELS, "batch_size": SIZES, "rng": GENERATORS},
    right_batches,
    call=lambda **a: list(nn.minibatches(**a)),
)
add(
    "train_validation_split",
    lambda rng: examples(rng, validation_size=1, rng=rng),
    {"x": ARRAYS, "y": LABELS, "validation_size": SIZES, "rng": GENERATORS},
    right_split,
)


# Files


def add_reader(name, content, right, read):
    def call(path, content):
        if path == "content":
            with open(path, "wb") as file:
                file.write(content)
        return read(path)

    add(
        name,
        lambda rng: {"path": "content", "content": content},
        {"path": PATHS, "content": contents(content)},
        right,
        call=call,
    )


def right_idx(a, array):
    assert array.dtype.isnative
    assert len(a["content"]) == 4 + 4 * array.ndim + array.nbytes


def right_csv(a, result):
    x, y = result
    assert (x.dtype, y.dtype) == (np.float32, np.int64)
    assert (x.ndim, y.ndim) == (2, 1)
    assert len(x) == len(y) > 0
    assert 0 <= x.min() <= x.max() <= 1
    assert y.min() >= 0


IDX = b"\0\0\x08\x02\0\0\0\x02\0\0\0\x03" + bytes(range(6))
add_reader("load_idx", IDX, right_idx, nn.load_idx)
CSV = b"label,a,b,c,d\n1,0,50,255,7\n0,1,2,3,4\n"
add_reader("load_digits_csv", CSV, right_csv, nn.load_digits_csv)


# Initializers and schedules


def right_weights(a, w):
    assert w.shape == tuple(a["shape"])
    assert w.dtype == a["dtype"]
    assert np.isfinite(w).all()
    assert "standard_deviation" not in a or np.abs(w).max() <= 6 * a["standard_deviation"]
    assert "gain" not in a or np.abs(w).max() <= 1.001 * abs(a["gain"])


for name in ("normal", "he_normal", "xavier_normal", "orthogonal"):
    more = {"normal": {"standard_deviation": 0.1}, "orthogonal": {"gain": 1.0}}.get(name, {})
    add(
        name,
        lambda rng, more=more: {"shape": (4, 3), **more, "rng": rng, "dtype": np.float32},
        {"shape": SHAPES, **dict.fromkeys(more, REALS), "rng": GENERATORS, "dtype": DTYPES},
        right_weights,
    )


def right_schedule(a, factor):
    assert factor(0) == 1
    assert factor(1) == pytest.approx(float(a["end"]))


add(
    "schedules.linear_decay",
    lambda rng: {"end": float(rng.random())},
    {"end": REALS},
    right_schedule,
    call=nn.schedules.linear_decay,
)


def right_decay(a, factor):
    factors = [factor(step / 8) for step in range(9)]
    assert all(type(f) is float and 0 <= f < math.inf for f in factors)
    rises = "then" in a and a["then"] is None
    assert factors[-1] == (1 if rises else pytest.approx(factors[-1]))


THEN = st.one_of(values(*[0, "f", [], nn.ReLU(), np.ones(2)]), values(nn.schedules.linear_decay()))
for name, more in (
    ("step_decay", {"factor": 0.5, "every": 0.1}),
    ("exponential_decay", {"end": 0.1}),
    ("cosine", {"end": 0.1}),
    ("warmup", {"fraction": 0.1, "then": None}),
):
    add(
        f"schedules.{name}",
        lambda rng, more=more: dict(more),
        {key: THEN if key == "then" else REALS for key in more},
        right_decay,
        call=getattr(nn.schedules, name),
    )


# Layers and models


def right_layer(a, layer):
    w, b = layer.params["w"], layer.params["b"]
    assert (w.shape, b.shape) == ((a["in_features"], a["out_features"]), (a["out_features"],))
    assert w.dtype == b.dtype == a["dtype"]


INITIALIZERS = st.one_of(
    FUNCTIONS,
    makers(
        *[
            lambda v, w=w: lambda shape, *, rng, dtype: w
            for w in (None, 5, "w", np.zeros((4, 3)), np.zeros((3, 4), "f4"), [[0.0] * 3] * 4)
        ]
    ),
)
add(
    "Linear",
    lambda rng: {
        **{"in_features": 4, "out_features": 3, "rng": rng},
        **{"initializer": nn.xavier_normal, "dtype": np.float32},
    },
    {
        **{"in_features": SIZES, "out_features": SIZES, "rng": GENERATORS},
        **{"initializer": INITIALIZERS, "dtype": DTYPES},
    },
    right_layer,
)


def linear_layer(w, b):
    layer = nn.Linear(*w.shape, rng=np.random.default_rng(0))
    layer.params = {"w": w, "b": b}
    return layer


def forward(x, **weights):
    return linear_layer(**weights).forward(x)


def backward(d_out, x, **weights):
    layer = linear_layer(**weights)
    layer.forward(x)
    return layer.backward(d_out)


def model_forward(x, **weights):
    return nn.Sequential([linear_layer(**weights), nn.Tanh()]).forward(x)


def model_backward(d_out, x, **weights):
    model = nn.Sequential([linear_layer(**weights), nn.Tanh()])
    model.forward(x)
    return model.backward(d_out)


for name, function in (("Linear.forward", forward), ("Sequential.forward", model_forward)):
    add(
        name,
        lambda rng: arrays(rng, x="ND", w="DK", b="K"),
        {"x": ARRAYS},
        results(function, Z_OF_LINEAR),
        call=function,
    )
for name, function in (("Linear.backward", backward), ("Sequential.backward", model_backward)):
    add(
        name,
        lambda rng: arrays(rng, d_out="NK", x="ND", w="DK", b="K"),
        {"d_out": ARRAYS},
        results(function, (shape_of("x"), "d_out w" if function is backward else "d_out x w b")),
        call=function,
        d_out="dz da",
    )
for kind in (nn.ReLU, nn.LeakyReLU, nn.Sigmoid, nn.Tanh, nn.Softmax):

    def forward(x, kind=kind):
        return kind().forward(x)

    def backward(d_out, x, kind=kind):
        layer = kind()
        layer.forward(x)
        return layer.backward(d_out)

    add(
        f"{kind.__name__}.forward",
        lambda rng: arrays(rng, x="NC"),
        {"x": ARRAYS},
        results(forward, (shape_of("x"), "x")),
        call=forward,
        x="z",
    )
    add(
        f"{kind.__name__}.backward",
        lambda rng: arrays(rng, d_out="NC", x="NC"),
        {"d_out": ARRAYS},
        results(backward, (shape_of("x"), "d_out" if "ReLU" in kind.__name__ else "d_out x")),
        call=backward,
        d_out="da dp",
        x="z",
    )


def right_dropout(a, layer):
    assert 0 <= layer.rate < 1
    assert layer.rate == float(a["rate"])


def right_norm(a, layer):
    arrays = [*layer.params.values(), *layer.buffers.values()]
    assert all(v.shape == (a["features"],) and v.dtype == a["dtype"] for v in arrays)
    assert 0 <= layer.momentum < 1
    assert 0 < layer.epsilon < math.inf


add(
    "LeakyReLU",
    lambda rng: {"slope": 0.1},
    {"slope": REALS},
    lambda a, layer: layer.slope == float(a["slope"]) and math.isfinite(layer.slope),
)
add(
    "Dropout",
    lambda rng: {"rate": 0.5, "rng": rng},
    {"rate": REALS, "rng": GENERATORS},
    right_dropout,
)
add(
    "BatchNorm",
    lambda rng: {"features": 3, "momentum": 0.9, "epsilon": 1e-5, "dtype": np.float32},
    {"features": SIZES, "momentum": REALS, "epsilon": REALS, "dtype": DTYPES},
    right_norm,
)


def make_layer(kind):
    if kind == "Dropout":
        return nn.Dropout(0.5, rng=np.random.default_rng(0))
    return nn.BatchNorm(D, epsilon=0.1, dtype=np.float64)


def right_pass(a, result):
    """In training or not: finite from moderate arguments, and nan where nan came in."""
    given = [np.asarray(a[name]) for name in ("x", "d_out") if name in a]
    assert result.shape == given[0].shape
    if all(map(moderate, given)):
        assert np.isfinite(result).all()
    elif np.isnan(given[-1]).all() and result.size:
        assert np.isnan(result).any()


for kind in ("Dropout", "BatchNorm"):

    def forward(x, training, kind=kind):
        return make_layer(kind).forward(x, training)

    def backward(d_out, x, training, kind=kind):
        layer = make_layer(kind)
        layer.forward(x, training)
        return layer.backward(d_out)

    add(
        f"{kind}.forward",
        lambda rng: {"x": rng.normal(size=(3, D)), "training": bool(rng.integers(2))},
        {"x": ARRAYS},
        right_pass,
        call=forward,
    )
    add(
        f"{kind}.backward",
        lambda rng: {
            **{"x": rng.normal(size=(3, D)), "d_out": rng.normal(size=(3, D))},
            "training": bool(rng.integers(2)),
        },
        {"x": ARRAYS, "d_out": ARRAYS},
        right_pass,
        call=backward,
        d_out="dy",
    )


def an_mlp(activation="relu"):
    return nn.mlp([D, 2, C], activation=activation, rng=np.random.default_rng(0))


SAME = nn.ReLU()
LAYERS = values(
    *([], None, 5, "ab", "", [nn.ReLU], [5], [None], nn.ReLU(), nn.ReLU, [SAME, SAME]),
    *((SAME,), {SAME: 1}, [[SAME]], np.array([SAME]), np.ones(2), len),
)
add(
    "Sequential",
    lambda rng: {"layers": [nn.Linear(D, C, rng=rng), nn.ReLU()]},
    {"layers": LAYERS},
    lambda a, model: model.forward(np.ones((2, 4))).shape == (2, 4),
)
add(
    "Sequential.predict",
    lambda rng: {"x": rng.normal(size=(5, D)), "batch_size": 2},
    {"x": ARRAYS, "batch_size": SIZES},
    lambda a, classes: np.testing.assert_array_equal(
        classes, an_mlp().forward(a["x"]).argmax(axis=1)
    ),
    call=lambda **a: an_mlp().predict(**a),
)
add(
    "Sequential.predict of logits",
    lambda rng: {"x": rng.normal(size=(5, C))},
    {"x": ARRAYS},
    lambda a, classes: np.testing.assert_array_equal(classes, np.maximum(a["x"], 0).argmax(axis=1)),
    call=lambda x: nn.Sequential([nn.ReLU()]).predict(x),
    x="z",
)


def saved(path):
    model = an_mlp()
    model.save(path)
    return model


def right_file(a, model):
    np.testing.assert_equal(an_mlp().load(a["path"]).params, model.params)


add("Sequential.save", lambda rng: {"path": "model"}, {"path": PATHS}, right_file, call=saved)


def model_bytes():
    file = io.BytesIO()
    np.savez(file, **an_mlp().params)
    return file.getvalue()


def right_model(a, model):
    shapes = {name: array.shape for name, array in an_mlp().params.items()}
    assert {name: array.shape for name, array in model.params.items()} == shapes


STORED = st.one_of(
    THINGS,
    makers(
        lambda v: {**v, "w1": v["w1"].T},
        lambda v: {**v, "w1": v["w1"].astype(float)},
        lambda v: {**v, "w1": v["w1"].astype("f2")},
        lambda v: {**v, "w1": v["w1"].astype(str)},
        lambda v: {**v, "w1": v["w1"].tolist()},
        lambda v: {**v, "w1": None},
        lambda v: {**v, "w3": v["w1"]},
        lambda v: {name.upper(): array for name, array in v.items()},
        lambda v: {1: v["w1"]},
        lambda v: list(v.values()),
    ),
)


def set_arrays(stored):
    model = an_mlp()
    before = {name: array.copy() for name, array in model.params.items()}
    try:
        model.set_arrays(stored, "load: the file")
    except (TypeError, ValueError):
        np.testing.assert_equal(model.params, before)
        raise
    return model


add(
    "Sequential.set_arrays",
    lambda rng: {"stored": {name: array + 1 for name, array in an_mlp().params.items()}},
    {"stored": STORED},
    lambda a, model: np.testing.assert_equal(model.params, a["stored"]),
    call=set_arrays,
    stored="holds",
)
add_reader("Sequential.load", model_bytes(), right_model, lambda path: an_mlp().load(path))

ALL_SIZES = st.one_of(
    values(None, 5, "784", "", [], [3], [3, 0], [3, -1, 2], [3.0, 2], ["3", 2], [[3, 2]], {}, len),
    values((3, 2), np.array([3, 2]), [True, 2], [3, None], [3, 10**30], [2**31, 1]),
)
add(
    "mlp",
    lambda rng: {"sizes": [D, 2, C], "activation": "relu", "rng": rng},
    {
        "sizes": ALL_SIZES,
        "activation": values("tanh", "ReLU", "", None, 5, [], {}, nn.ReLU, nn.relu, np.ones(2)),
        "rng": GENERATORS,
    },
    lambda a, model: isinstance(model, nn.Sequential),
)


def right_trace(a, trace):
    shapes = {tensor.name: tensor.shape for tensor in trace}
    assert shapes["x"] == np.shape(a["x"])
    assert shapes["loss"] == ()
    assert all(tensor.shape == tensor.gradient_shape for tensor in trace)


add(
    "trace_shapes",
    lambda rng: examples(rng, model=an_mlp()),
    {"x": ARRAYS, "y": LABELS, "model": THINGS},
    right_trace,
    x="z",
)


# Training


def right_optimizer(a, optimizer):
    for name, value in a.items():
        assert float(getattr(optimizer, name)) == float(value)
    assert 0 < optimizer.learning_rate < np.inf
    for name in ("momentum", "decay", "beta1", "beta2"):
        assert 0 <= getattr(optimizer, name, 0) < 1
    assert 0 < getattr(optimizer, "epsilon", 1) < np.inf
    assert 0 <= optimizer.weight_decay < np.inf


add(
    "SGD",
    lambda rng: {**{"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}},
    {"learning_rate": REALS, "momentum": REALS, "nesterov": FLAGS, "weight_decay": REALS},
    right_optimizer,
)
for name, more in (
    ("Optimizer", {}),
    ("RMSProp", {"decay": 0.9, "epsilon": 1e-8}),
    ("Adam", {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}),
    ("AdamW", {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}),
):
    right = {"learning_rate": 0.1, **more, "weight_decay": 0.01}
    add(name, lambda rng, right=right: dict(right), dict.fromkeys(right, REALS), right_optimizer)


def step(w, g, v, model, optimizer=None):
    """Take one step; v is the shape of a momentum that is there already."""
    if model is None:
        model = SimpleNamespace(params={"w1": w}, grads={"w1": g})
    before = w.copy() if isinstance(w, np.ndarray) else None
    optimizer = copy.deepcopy(optimizer or nn.SGD(0.5, momentum=0.5))
    if isinstance(v, tuple):
        optimizer.state["w1"]["velocity"] = np.zeros(v)
    optimizer.step(model)
    if model.params.get("w1") is w:
        copy_of_g = g.copy()
        after = w.copy()
        optimizer.step(model)  # what it remembers now must fit
        np.testing.assert_array_equal(g, copy_of_g)
        w[...] = after
    return before


def right_step(a, before):
    if a["model"] is not None:
        return  # something with parameters, such as a layer without any
    w, g = a["w"], np.asarray(a["g"])
    assert w.shape == g.shape
    assert a["v"] == w.shape or not isinstance(a["v"], tuple)
    if "optimizer" in a:
        assert moderate(g) or not (before.size and np.isnan(g).any()) or np.isnan(w).any()
        if moderate(before) and moderate(g) and "e" not in (w.dtype.char, g.dtype.char):
            assert (np.abs(w - before) <= 0.1).all()  # steps of 0.01 by the size of g
    elif moderate(before) and moderate(g):
        wanted = before - 0.5 * g
        tolerance = 0.05 if "e" in (w.dtype.char, g.dtype.char) else 1e-5
        np.testing.assert_allclose(w, wanted, rtol=tolerance, atol=tolerance)
    elif np.isnan(g).any() and g.size:
        assert np.isnan(w).any()


def weights(rng):
    found = arrays(rng, w="DK", g="DK")
    return {**found, "v": None, "model": None}


add(
    "Optimizer.step of SGD",
    weights,
    {"w": ARRAYS, "g": ARRAYS, "v": values((3,), (2, 2), (1, 1), ()), "model": THINGS},
    right_step,
    call=step,
    w="model",
    g="model",
    v="model",
)


RULES = [nn.RMSProp(0.01), nn.Adam(0.01), nn.AdamW(0.01)]
add(
    "Optimizer.step of rules with memory",
    lambda rng: {**weights(rng), "optimizer": RULES[rng.integers(3)]},
    {"w": ARRAYS, "g": ARRAYS, "v": values((3,), (2, 2), (1, 1), ()), "model": THINGS},
    right_step,
    call=step,
    w="model",
    g="model",
    v="model",
)


MADE = (None, 1.0, (1.0,), (1.0, None), ("a", 1), (1j, 1), (1.0, np.ones(2)), [1, 2])
LOSSES = st.one_of(
    values(None, 0, "f", [], nn.ReLU(), np.ones(2), nn.mean_squared_error),
    makers(*[lambda v, made=made: lambda outputs, y: made for made in MADE]),
)
ROWS = (None, 1.0, "a", [], np.ones(2), np.ones((7, D)), np.ones((2, D), "c16"), np.ones((2, 1)))
AUGMENTS = st.one_of(
    values(0, "f", [], nn.ReLU(), np.ones(2), lambda x, rng: x, lambda x, rng: x + 1),
    makers(*[lambda v, rows=rows: lambda x, rng: rows for rows in ROWS]),
)
HISTORIES_TO_GO_ON = st.one_of(
    THINGS, values(nn.History, {}, []), makers(lambda v: nn.History(), lambda v: v)
)


def right_evaluation(a, result):
    loss, error = result
    assert type(loss) is type(error) is float
    assert 0 <= error <= 1
    if a["loss"] is not nn.softmax_cross_entropy:
        return
    x = np.asarray(a["x"])
    assert math.isfinite(loss) or not moderate(x)
    assert math.isnan(loss) or not np.isnan(x.astype(float)).any()


add(
    "evaluate",
    lambda rng: examples(rng, model=an_mlp(), batch_size=2, loss=nn.softmax_cross_entropy),
    {"x": ARRAYS, "y": LABELS, "model": THINGS, "batch_size": SIZES, "loss": LOSSES},
    right_evaluation,
    x="z",
    loss="target",
)
AS_A_PAIR = object()  # x and y, which are drawn by themselves
PAIRS = st.one_of(THINGS, values((), (1,), (1, 2, 3), (None, None), [[1], [2]], {1: 2, 3: 4}))
SCHEDULES = st.one_of(
    FUNCTIONS,
    values(nn.schedules.linear_decay, nn.schedules.linear_decay(0.5), np.cos, "linear", 0.5),
    makers(*[lambda v, f=f: lambda progress: f for f in ("a", None, -1, np.nan, np.inf, 1j, [1])]),
    makers(*[lambda v, f=f: lambda progress: f for f in (np.float32(0.5), 2, np.ones(2), True)]),
)
OPTIMIZERS = values(None, 0.1, "SGD", nn.SGD, nn.ReLU(), nn.SGD(0.2, 0.9, True), {}, [], np.ones(2))
CALLBACKS = values(None, 5, [], [None], "ab", print, np.ones(2), {"a": 1}, [lambda m, h: 0])


def call_fit(model, data, x, y, **settings):
    return nn.fit(model, (x, y) if data is AS_A_PAIR else data, progress=False, **settings)


def right_history(a, history):
    if a["history"] is not None:
        assert history is a["history"]
        return
    assert history.epochs <= a["epochs"]
    steps = history.epochs * -(-len(a["x"]) // a["batch_size"])
    assert len(history.batch_loss) == steps
    assert np.isfinite(history.batch_loss).all()
    assert np.isfinite(history.validation_loss).all() or a["validation"] is not None


add(
    "fit",
    lambda rng: examples(
        rng,
        **{"model": an_mlp(), "data": AS_A_PAIR, "optimizer": nn.SGD(0.1), "epochs": 1},
        **{"batch_size": 2, "rng": rng, "schedule": None, "validation": None, "callbacks": []},
        **{"loss": nn.softmax_cross_entropy, "augment": None, "history": None},
    ),
    {
        **{"x": ARRAYS, "y": LABELS, "data": PAIRS, "validation": PAIRS, "model": THINGS},
        **{"optimizer": OPTIMIZERS, "epochs": SIZES, "batch_size": SIZES, "rng": GENERATORS},
        **{"schedule": SCHEDULES, "callbacks": CALLBACKS, "loss": LOSSES},
        **{"augment": AUGMENTS, "history": HISTORIES_TO_GO_ON},
    },
    right_history,
    call=call_fit,
    x="z",
    data="x y",
    validation="x y z",
    loss="dz target",
    augment="x z",
)
add(
    "EarlyStopping",
    lambda rng: {"patience": 2},
    {"patience": SIZES},
    lambda a, callback: callback.patience == a["patience"],
)


def restored(model):
    callback = nn.EarlyStopping()
    callback(an_mlp(), nn.History(loss=[1.0], validation_error=[0.5]))
    callback.restore(model)
    return model


MODELS = st.one_of(
    THINGS, values(nn.mlp([D, C], rng=np.random.default_rng(0)), nn.Sequential([nn.ReLU()]))
)
add(
    "EarlyStopping.restore",
    lambda rng: {"model": an_mlp()},
    {"model": MODELS},
    lambda a, model: np.testing.assert_equal(model.params, an_mlp().params),
    call=restored,
)
add(
    "Checkpoint",
    lambda rng: {"path": "run", "optimizer": nn.SGD(0.1), "rng": rng, "stopping": None},
    {
        **{"path": PATHS, "rng": GENERATORS},
        "stopping": values(nn.EarlyStopping(), nn.EarlyStopping, 5, "", nn.ReLU(), [], print),
        "optimizer": values(None, 0.1, "SGD", nn.SGD, nn.ReLU(), {}, [], np.ones(2)),
    },
    lambda a, checkpoint: str(checkpoint.path) == str(Path(a["path"])),
)


def resumed(path, content, model):
    if path == "content" and isinstance(content, bytes):
        Path(path).write_bytes(content)
    checkpoint = nn.Checkpoint(path, optimizer=nn.Adam(), rng=np.random.default_rng(0))
    return checkpoint.resume(model)


def checkpoint_bytes():
    optimizer, rng, model = nn.Adam(), np.random.default_rng(0), an_mlp()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        nn.Checkpoint(path, optimizer=optimizer, rng=rng)(model, nn.History())
        return path.read_bytes()


CHECKPOINT = checkpoint_bytes()
add(
    "Checkpoint.resume",
    lambda rng: {"path": "content", "content": CHECKPOINT, "model": an_mlp()},
    {"path": PATHS, "content": contents(CHECKPOINT), "model": MODELS},
    lambda a, history: isinstance(history, nn.History) or not Path(a["path"]).exists(),
    call=resumed,
    model="holds",
    content="path saved Checkpoint",
)


def right_images(a, y):
    x = np.asarray(a["x"])
    assert y.shape == x.shape
    assert y.dtype == (x.dtype if x.dtype.kind in "fc" else np.float64)
    if moderate(x):
        assert (np.abs(y) <= 1.01 * np.abs(x).max(initial=0)).all()


STRENGTHS = {"rotation": 10.0, "scaling": 0.1, "shear": 0.1, "elastic": 24.0, "sigma": 2.0}
add(
    "distort",
    lambda rng: {"x": rng.random((3, 9)), "rng": rng, **STRENGTHS},
    {"x": ARRAYS, "rng": GENERATORS, **dict.fromkeys(STRENGTHS, REALS)},
    right_images,
)


def right_statistics(a, report):
    assert len(report) == len(a["model"].layers)
    values = np.array([row[1:] for row in report])
    assert np.isfinite(values).all() or not moderate(np.asarray(a["x"]))


add(
    "diagnostics.layer_statistics",
    lambda rng: examples(rng, model=an_mlp("sigmoid"), training=True),
    {"x": ARRAYS, "y": LABELS, "model": THINGS, "training": TRUTHS},
    right_statistics,
    call=nn.diagnostics.layer_statistics,
    x="z",
)
add(
    "diagnostics.update_ratios",
    lambda rng: examples(rng, model=an_mlp(), optimizer=nn.SGD(0.1)),
    {
        **{"x": ARRAYS, "y": LABELS, "model": THINGS},
        "optimizer": values(None, 0.1, "SGD", nn.SGD, nn.ReLU(), nn.Adam(), {}, [], np.ones(2)),
    },
    lambda a, ratios: list(ratios) == ["w1", "w2"],
    call=nn.diagnostics.update_ratios,
    x="z",
)


def right_examination(a, report):
    assert set(report.causes) <= set(nn.diagnostics.CAUSES)
    assert str(report).startswith("examine")


add(
    "diagnostics.examine",
    lambda rng: examples(rng, model=an_mlp(), optimizer=nn.SGD(0.1), batch_size=2, rng=rng),
    {
        **{"x": ARRAYS, "y": LABELS, "model": THINGS, "batch_size": SIZES, "rng": GENERATORS},
        "optimizer": values(0.1, "SGD", nn.ReLU(), nn.Adam(), {}, [], np.ones(2)),
    },
    right_examination,
    call=nn.diagnostics.examine,
)


# Shapes and gradients


def right_shape(a, nothing):
    expected = a["expected"]
    expected = tuple(expected) if isinstance(expected, tuple | list) else (expected,)
    assert np.shape(a["array"]) == expected


CONTRACTS = ("x: N D", "x -> N", "x: N-1 -> N", "y: N -> N", "x: N, x: N -> ", "x: N -> N: x")
add(
    "shapes",
    lambda rng: {"contract": "x: N D -> N"},
    {"contract": st.one_of(THINGS, values("->", *CONTRACTS))},
    lambda a, decorated: callable(decorated),
    call=lambda contract: nn.shapes(contract)(lambda x: x[:, 0]),
)
add(
    "show_source",
    lambda rng: {"functions": nn.relu},
    {"functions": st.one_of(THINGS, values(nn, np.maximum, nn.SGD.step, lambda x: x))},
    lambda a, nothing: nothing is None,
    call=lambda functions: nn.show_source(functions),
)
add(
    "check_shape",
    lambda rng: {"name": "dw", "array": np.ones((4, 3)), "expected": (4, 3)},
    {
        "name": values(None, 5, "", [], np.ones(2), len),
        "array": ARRAYS,
        "expected": st.one_of(SHAPES, values((3, 4), (4, None), [4, 3], (4.0, 3), np.int64(4))),
    },
    right_shape,
    array="dw",
    expected="is needed",
)


def right_error(a, error):
    one, other = np.asarray(a["a"]), np.asarray(a["b"])
    assert type(error) is float
    assert error >= 0
    assert error == nn.relative_error(other, one)
    assert error == math.inf or (np.isfinite(one).all() and np.isfinite(other).all())
    if moderate(one) and moderate(other):
        assert error <= 2.001


add(
    "relative_error",
    lambda rng: arrays(rng, a="NC", b="NC"),
    {"a": ARRAYS, "b": ARRAYS},
    right_error,
)


def right_gradient(a, gradient):
    x = np.asarray(a["x"])
    assert gradient.shape == x.shape
    assert gradient.dtype == (x.dtype if x.dtype.kind == "f" else np.float64)
    if a["h"] is None and moderate(x) and a["f"] is sum_of_squares:
        tolerance = 10 * gradient_check.best_step("forward", gradient.dtype) * 100
        np.testing.assert_allclose(gradient, 2 * x.astype(float), rtol=tolerance, atol=tolerance)
    elif a["f"] is sum_of_squares and np.isnan(x).any():
        assert np.isnan(gradient).any()


@np.errstate(over="ignore", invalid="ignore")  # its warnings would be its own
def sum_of_squares(x):
    return (x * x).sum()


RESULTS = ("a", None, 1, 1j, np.ones(2), [[1], [1, 2]], {}, np.nan, True)
add(
    "numerical_gradient",
    lambda rng: {**arrays(rng, x="NC"), "f": sum_of_squares, "h": None, "method": "central"},
    {
        "x": ARRAYS,
        "f": st.one_of(FUNCTIONS, makers(*[lambda v, r=r: lambda x: r for r in RESULTS])),
        "h": st.one_of(REALS, values(1e-300, 1e-17, 1e-8, 1e300)),
        "method": values("forward", "complex", "Central", "", None, 5, [], np.ones(2), len),
    },
    right_gradient,
)


def right_report(a, report):
    assert isinstance(report, nn.GradientReport)
    assert len(report) > 0
    assert str(report)
    inputs = [np.asarray(a[name]) for name in ("x", "y", "w", "b") if name in a]
    if any(np.isnan(v).any() for v in inputs if v.dtype.kind == "f"):
        assert not report.passed
    elif (
        all(v.size and moderate(v) for v in inputs)
        and a["tolerance"] == 1e-5
        and a.get("backward") in (None, nn.linear_backward)
    ):
        assert report.passed


GENERAL = {
    "entries": SIZES,
    "tolerance": REALS,
    "rng": values(*[0, "rng", np.random, np.random.default_rng, np.random.PCG64(0)]),
}
add(
    "check_gradients of a function",
    lambda rng: {
        **arrays(rng, x="ND", w="DK", b="K"),
        **{"target": nn.linear, "backward": nn.linear_backward},
        **{"entries": 2, "tolerance": 1e-5, "rng": None},
    },
    {
        **{"x": ARRAYS, "w": ARRAYS, "b": ARRAYS, **GENERAL},
        **{"target": THINGS, "backward": st.one_of(FUNCTIONS, THINGS)},
    },
    right_report,
    call=lambda target, x, w, b, **settings: nn.check_gradients(target, x, w, b, **settings),
    **dict.fromkeys("xwb", "arguments"),
)
add(
    "check_gradients of a model",
    lambda rng: examples(rng, target=an_mlp("tanh"), entries=2, tolerance=1e-5, rng=None),
    {"x": ARRAYS, "y": LABELS, "target": THINGS, **GENERAL},
    right_report,
    call=lambda target, x, y, **settings: nn.check_gradients(target, x, y, **settings),
    x="arguments z",
    y="arguments",
)


# Pictures


def right_picture(a, result):
    assert all(isinstance(ax, plt.Axes) for ax in np.ravel(result))


add(
    "show_digits picture",
    lambda rng: {"x": rng.random((3, 4)), "titles": list("abc"), "columns": 2, "ax": None},
    {
        **{"x": ARRAYS, "columns": SIZES, "ax": THINGS},
        "titles": values(None, 5, "abc", ["a"], [1, 2, 3], np.arange(3), {1, 2, 3}),
    },
    right_picture,
    call=nn.show_digits,
)
HISTORIES = st.one_of(
    THINGS,
    values(nn.History, nn.History(), nn.History(loss=[1.0]), nn.History(error=[1.0])),
    values(*[nn.History(loss=bad, error=[1.0]) for bad in (["a"], [None], 5, [[1], [1, 2]])]),
    values(*[nn.History(loss=[1.0], error=[n], validation_loss=[n]) for n in (1, np.nan, "")]),
)
add(
    "plot_history picture",
    lambda rng: {"history": nn.History(loss=[2.0, 1.0], error=[0.5, 0.1]), "axes": None},
    {"history": HISTORIES, "axes": st.one_of(THINGS, values([], [1, 2]))},
    right_picture,
    call=nn.plot_history,
)
REPORT = nn.diagnostics.layer_statistics(an_mlp(), np.ones((2, D)), np.array([0, 1]))
add(
    "plot_layers picture",
    lambda rng: {"report": REPORT, "quantity": "gradients", "ax": None, "label": "a"},
    {
        "report": st.one_of(THINGS, values(type(REPORT)(), type(REPORT)([1]), list(REPORT))),
        "quantity": values("activations", "spread", "", None, 5, [], {}, np.ones(2), len),
        **{"ax": THINGS, "label": THINGS},
    },
    right_picture,
    call=nn.plot_layers,
)
add(
    "show_figure picture",
    lambda rng: {"figure": plt.figure(figsize=(1, 1)), "alt": "Nothing.", "caption": "None."},
    {"figure": THINGS, "alt": THINGS, "caption": THINGS},
    lambda a, nothing: nothing is None,
    call=nn.show_figure,
)
add(
    "show_table",
    lambda rng: {"rows": [("w1", "a"), ("b1", "b")], "header": ["a", "b"], "caption": "A."},
    {"rows": THINGS, "header": THINGS, "caption": THINGS},
    lambda a, nothing: nothing is None,
)


add(
    "stored",
    lambda rng: {"name": "network_b"},
    {"name": st.one_of(THINGS, values("network_z", "", "../class", "network_b.json", "ladder"))},
    lambda a, result: "command" in result or "07" in result,
)


# Inspection and drawing


def add_of(name, arguments, places, right):
    module, _, function = name.partition(".")
    add(name, arguments, places, right, call=getattr(getattr(nn, module), function))


def logits(rng):
    n, classes = rng.integers(4, 9), int(rng.integers(2, 5))
    z = rng.normal(size=(n, classes)).astype(rng.choice(["f4", "f8"]))
    z[:2], y = [[3, 2] + [0] * (classes - 2)] * 2, rng.integers(0, classes, n)
    y[:2] = 0, 1  # one right and one wrong
    return {"z": z, "y": y}


def probabilities(rng):
    a = logits(rng)
    return {"p": np.abs(a["z"]) / np.abs(a["z"]).sum(axis=1, keepdims=True), "y": a["y"], "bins": 5}


add_of(
    "inspection.confusion_matrix",
    logits,
    {"z": ARRAYS, "y": LABELS},
    lambda a, m: m.sum() == len(a["y"]) and m.shape == 2 * np.shape(a["z"])[1:],
)
add_of(
    "inspection.expected_calibration_error",
    probabilities,
    {"p": ARRAYS, "y": LABELS, "bins": SIZES},
    lambda a, error: bool(0 <= error <= 1),
)
add_of(
    "inspection.fit_temperature",
    logits,
    {"z": ARRAYS, "y": LABELS},
    lambda a, t: bool(0.01 <= t <= 100),
)
add_of(
    "inspection.fast_gradient_sign",
    lambda rng: {
        **{"model": an_mlp(), "x": rng.random((3, D)).astype(rng.choice(["f4", "f8"]))},
        **{"y": rng.integers(0, C, 3), "strength": 0.1},
    },
    {"model": THINGS, "x": ARRAYS, "y": LABELS, "strength": REALS},
    lambda a, x: x.shape == np.shape(a["x"]) and bool(((x >= 0) & (x <= 1)).all()),
)
add_of(
    "inspection.principal_components",
    lambda rng: {"x": rng.normal(size=(5, 3)).astype(rng.choice(["f4", "f8"])), "count": 2},
    {"x": ARRAYS, "count": SIZES},
    lambda a, result: bool(np.isfinite(result[0]).all() or not moderate(np.asarray(a["x"]))),
)
add_of(
    "drawing.draw_strokes",
    lambda rng: {"strokes": [rng.random((3, 2)), rng.random((1, 2))], "side": 7, "width": 0.2},
    {
        "strokes": st.one_of(THINGS, makers(lambda v: v[0], lambda v: v[:0], lambda v: [v])),
        **{"side": SIZES, "width": REALS},
    },
    lambda a, image: image.shape == (a["side"],) * 2 and bool(((image >= 0) & (image <= 1)).all()),
)
add_of(
    "drawing.prepare_digit",
    lambda rng: {"image": rng.random((6, 4)).astype(rng.choice(["f4", "f8"]))},
    {"image": ARRAYS},
    lambda a, pixels: pixels.shape == (784,) and bool(((pixels >= 0) & (pixels < 1.0001)).all()),
)
add_of(
    "drawing.stored_strokes",
    lambda rng: {"name": "3"},
    {"name": st.one_of(THINGS, values("A", "?", 3))},
    lambda a, strokes: all(stroke.shape[1] == 2 for stroke in strokes),
)


# The tests

FUNCTION_NAMES = {
    *nn.__all__,
    "best_step",
    "predict",
    "save",
    "load",
    "schedules",
    "layers",
    "diagnostics",
}
FUNCTION_NAMES |= {"examine", "layer_statistics", "update_ratios"}
FUNCTION_NAMES |= {*vars(nn.inspection), *vars(nn.drawing)}


def complains_properly(entry, arguments, replaced, error):
    """Tell whether a message says which function complains and about which argument."""
    text = str(error)
    function = re.match(r"(\w+)(\.\w+)?: ", text)
    if not (function and function[1] in FUNCTION_NAMES) and "expected" not in arguments:
        return False
    wrong = [name for name in replaced if hopeless(arguments[name])]
    blamed = wrong if len(wrong) == len(replaced) == 1 else list(arguments)
    names = [word for name in blamed for word in [name, *entry.also_called.get(name, "").split()]]
    return any(re.search(rf"\b{re.escape(word)}\b", text) for word in names)


def hopeless(value):
    """Tell whether something is no array of numbers."""
    if isinstance(value, int):  # NumPy makes an object of a large one
        return False
    try:
        return np.asarray(value).dtype.kind not in "biufc"
    except ValueError:
        return True


@pytest.mark.parametrize("name", ENTRIES)
@pytest.mark.parametrize("cases", some_of([FEW, MANY], lambda cases: cases == FEW))
@pytest.mark.usefixtures("capsys")
def test_right_result_or_named_error(name, cases):
    entry = ENTRIES[name]

    @settings(
        max_examples=CASES_PER_PICTURE if "picture" in name else cases,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.integers(0, 2**16),
        st.lists(st.sampled_from(list(entry.places)), min_size=1, max_size=2, unique=True),
        st.integers(0, 9),
        st.data(),
    )
    def check(seed, replaced, exchange, data):
        counted[name] += 1
        arguments = entry.arguments(np.random.default_rng(seed))
        if exchange == 0 and len(replaced) == 2:
            first, second = replaced
            arguments[first], arguments[second] = arguments[second], arguments[first]
        else:
            for place in replaced:
                arguments[place] = data.draw(entry.places[place])(arguments[place])
        try:
            result = entry.call(**arguments)
        except OSError as error:
            assert "path" in replaced, error  # noqa: PT017
            assert error.filename is not None  # noqa: PT017
        except nn.TrainingDiverged:
            assert not moderate(np.asarray(arguments["x"]))
        except (TypeError, ValueError) as error:
            if not complains_properly(entry, arguments, replaced, error):
                raise
        else:
            assert entry.right(arguments, result) in (None, True)
        finally:
            plt.close("all")

    check()


def test_there_were_ten_thousand_cases():
    if len(counted) < len(ENTRIES):
        pytest.skip("only some of the functions were tested")
    assert sum(counted.values()) >= 10_000


def public_names():
    for name in nn.__all__:
        value = getattr(nn, name)
        if isinstance(value, ModuleType):
            functions = inspect.getmembers(value, inspect.isfunction)
            yield from (
                f"{name}.{f}"
                for f, v in functions
                if v.__module__.startswith(value.__name__)
                and f in getattr(value, "__all__", [f])
                and not f.startswith("_")
            )
            continue
        yield name
        if inspect.isclass(value):
            functions = [f for f, v in vars(value).items() if inspect.isfunction(v)]
            yield from (f"{name}.{f}" for f in functions if not f.startswith("_"))


def test_every_public_function_is_here():
    assert {name.split()[0] for name in ENTRIES} | NOTHING_TO_GET_WRONG == set(public_names())
