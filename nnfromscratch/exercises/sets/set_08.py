"""Exercises of lesson 08, Layers and models."""

import copy
import math
from itertools import pairwise

import numpy as np

from .._draw import normal, sizes, whole
from .._exercise import Exercise, Mistake


def _as_it_was(value):
    """Return a copy of an array; whatever else an answer has returned is judged as it is."""
    return value.copy() if isinstance(value, np.ndarray) else value


# how_many_parameters


def how_many_parameters(sizes):
    return sum(inputs * outputs + outputs for inputs, outputs in pairwise(sizes))


def _sizes_inputs(rng):
    return (tuple(sizes(rng, int(rng.integers(3, 6)), high=9)),)


def _count_by_index(sizes):
    total = 0
    for i in range(1, len(sizes)):
        total += (sizes[i - 1] + 1) * sizes[i]
    return total


HOW_MANY_PARAMETERS = Exercise(
    name="how_many_parameters",
    lesson=8,
    goal="Count the parameters of a fully connected network from its sizes.",
    points=1,
    misconception="Biases are forgotten, or are counted by a layer's inputs.",
    reference=how_many_parameters,
    inputs=_sizes_inputs,
    call=whole,
    corners=(lambda rng: ((784, 300, 10),), lambda rng: ((5, 3),)),
    variants=(
        _count_by_index,
        lambda sizes: int(np.dot(sizes[:-1], sizes[1:]) + sum(sizes[1:])),
        lambda sizes: sum(np.zeros((d + 1, k)).size for d, k in pairwise(sizes)),
    ),
    mistakes=(
        Mistake(
            "the biases are forgotten",
            lambda sizes: sum(d * k for d, k in pairwise(sizes)),
            "A layer has a matrix and a bias. How many numbers has its bias?",
        ),
        Mistake(
            "a bias for each input",
            lambda sizes: sum(d * k + d for d, k in pairwise(sizes)),
            "The bias is added to the layer's output. What shape has it?",
        ),
        Mistake(
            "the inputs have biases too",
            lambda sizes: sum(d * k for d, k in pairwise(sizes)) + sum(sizes),
            "The first size is that of the input, which no layer computes. It has no bias.",
        ),
        Mistake(
            "one bias for each layer",
            lambda sizes: sum(d * k + 1 for d, k in pairwise(sizes)),
            "Each output unit has a bias of its own.",
        ),
        Mistake(
            "only the first layer",
            lambda sizes: sizes[0] * sizes[1] + sizes[1],
            "There is a layer between every two neighbours in the list.",
        ),
        Mistake(
            "no bias in the last layer",
            lambda sizes: sum(d * k for d, k in pairwise(sizes)) + sum(sizes[1:-1]),
            "The last layer is an affine layer like the others.",
        ),
        Mistake(
            "every layer reads the inputs",
            lambda sizes: sum(sizes[0] * k + k for k in sizes[1:]),
            "A layer reads the outputs of the layer before it, not those of the network's input.",
        ),
        Mistake(
            "a number with a point",
            lambda sizes: float(sum(d * k + k for d, k in pairwise(sizes))),
            "The count is right, but it is a float. A count is an integer: int(...) makes one.",
        ),
        Mistake(
            "biases counted twice",
            lambda sizes: sum(d * k + 2 * k for d, k in pairwise(sizes)),
            "Each output unit has one bias.",
        ),
        Mistake(
            "the product of all sizes",
            lambda sizes: math.prod(sizes) + sum(sizes[1:]),
            "Each layer has a matrix of its own, and their numbers of entries are added up.",
        ),
        Mistake(
            "units are counted, not weights",
            lambda sizes: sum(sizes),
            "Each unit has a weight for every input of its layer.",
        ),
        Mistake(
            "units of the layers are counted, not weights",
            lambda sizes: sum(sizes[1:]),
            "Each unit has a weight for every input of its layer.",
        ),
        Mistake(
            "a bias on both sides",
            lambda sizes: sum((d + 1) * (k + 1) for d, k in pairwise(sizes)),
            "w has D times K entries and b has K: that is (D + 1) K.",
        ),
        Mistake(
            "the last layer is left out",
            lambda sizes: sum(d * k + k for d, k in pairwise(sizes[:-1])),
            "A list of n sizes describes n - 1 layers: is the last pair in your sum?",
        ),
        Mistake(
            "the first layer is left out",
            lambda sizes: sum(d * k + k for d, k in pairwise(sizes[1:])),
            "A list of n sizes describes n - 1 layers: is the first pair in your sum?",
        ),
        Mistake(
            "sizes are added where they are multiplied",
            lambda sizes: sum(d + k for d, k in pairwise(sizes)),
            "A matrix of D rows and K columns has D times K entries.",
        ),
        Mistake(
            "sizes are added where they are multiplied, beside the biases",
            lambda sizes: sum(d + 2 * k for d, k in pairwise(sizes)),
            "A matrix of D rows and K columns has D times K entries.",
        ),
        Mistake(
            "only the last layer is counted",
            lambda sizes: sizes[-2] * sizes[-1] + sizes[-1],
            "The numbers of all layers are added up. Does your total start anew in each turn?",
        ),
        Mistake(
            "a bias for each input, too, and for each output",
            lambda sizes: sum(a * b + a + b for a, b in pairwise(sizes)),
            "Each unit has one bias: as many as the layer has outputs.",
        ),
        Mistake(
            "all sizes are multiplied",
            lambda sizes: int(np.prod(sizes)),
            "Each pair of neighbours makes one matrix; the numbers of the matrices are added up.",
        ),
        Mistake(
            "the last layer is joined to the first",
            lambda sizes: how_many_parameters(sizes) + sizes[-1] * sizes[0] + sizes[0],
            "sizes[-1] is the last one: where does the loop begin?",
        ),
        Mistake(
            "each layer is taken for square",
            lambda sizes: sum(a * a + b for a, b in pairwise(sizes)),
            "A matrix has as many rows as there are inputs, and as many columns as outputs.",
        ),
        Mistake(
            "one bias for the whole network",
            lambda sizes: sum(a * b for a, b in pairwise(sizes)) + 1,
            "Each unit of each layer has a bias of its own.",
        ),
        Mistake(
            "the number of arrays",
            lambda sizes: 2 * (len(sizes) - 1),
            "The numbers in the arrays are to be counted, not the arrays.",
        ),
    ),
    hints=(
        "Count one layer first: with D inputs and K outputs, w is (D, K). And b?",
        "A list of n sizes describes n - 1 layers, each between two neighbours. (Predicted? In "
        "(784, 300, 10) only 310 numbers are biases, about a thousandth of all.)",
    ),
)

# Maxout


class _Maxout:
    def forward(self, x):
        half = x.shape[1] // 2
        self.first = x[:, :half] >= x[:, half:]
        return np.where(self.first, x[:, :half], x[:, half:])

    def backward(self, d_out):
        return np.hstack([d_out * self.first, d_out * ~self.first])


def _maxout_inputs(rng):
    n, k = sizes(rng, 2)
    return normal(rng, n, 2 * k), normal(rng, n, k)


def _maxout_ties(rng):
    x = np.array([[2.0, -1.0, 2.0, 3.0], [0.0, -4.0, 0.0, -5.0], [1.0, 0.5, -2.0, 0.5]])
    return x, normal(rng, 3, 2)


def _maxout_one(rng):
    return normal(rng, 1, 6), normal(rng, 1, 3)


def _use_maxout(answer, x, d_out):
    layer, other = answer(), answer()
    a = layer.forward(x)
    other.forward(-x)  # a second layer of the kind, as in a network of any depth
    dx = layer.backward(d_out)
    layer.forward(-x)
    return a, dx, layer.backward(d_out)


def _maxout_with(
    halves=lambda x: np.split(x, 2, axis=1),
    larger=np.maximum,
    gate=lambda a, b: a >= b,
    back=lambda d, first: (d * first, d * ~first),
    join=lambda parts: np.hstack(parts),
):
    """Return the layer with something else in it."""

    class Layer:
        def forward(self, x):
            a, b = halves(x)
            self.first = gate(a, b)
            return larger(a, b)

        def backward(self, d_out):
            return join(back(d_out, self.first))

    return Layer


class _MaxoutShared(_Maxout):
    memory = {}  # noqa: RUF012 - the mistake

    def forward(self, x):
        a = super().forward(x)
        self.memory["first"] = self.first
        return a

    def backward(self, d_out):
        self.first = self.memory["first"]
        return super().backward(d_out)


class _MaxoutOnce(_Maxout):
    def forward(self, x):
        old = getattr(self, "first", None)
        a = super().forward(x)
        self.first = self.first if old is None else old
        return a


class _MaxoutByIndex:
    def forward(self, x):
        self.shape = x.shape
        pairs = x.reshape(len(x), 2, -1)
        self.winner = pairs.argmax(axis=1)[:, None]
        return np.take_along_axis(pairs, self.winner, axis=1)[:, 0]

    def backward(self, d_out):
        dx = np.zeros((self.shape[0], 2, self.shape[1] // 2))
        np.put_along_axis(dx, self.winner, d_out[:, None], axis=1)
        return dx.reshape(self.shape)


class _MaxoutLoops:
    def forward(self, x):
        self.x, half = x.copy(), x.shape[1] // 2
        return np.array([[max(r[k], r[half + k]) for k in range(half)] for r in x])

    def backward(self, d_out):
        dx, half = np.zeros(self.x.shape), d_out.shape[1]
        for n, k in np.ndindex(*d_out.shape):
            dx[n, k if self.x[n, k] >= self.x[n, half + k] else half + k] = d_out[n, k]
        return dx


class _MaxoutInPlace(_Maxout):
    def forward(self, x):
        a = super().forward(x)
        x[:, : a.shape[1]] = a
        return a


class _MaxoutNothing(_Maxout):
    def backward(self, d_out):
        self.first = d_out > 0
        return super().backward(d_out)


class _MaxoutValues(_Maxout):
    def forward(self, x):
        self.x = x
        return super().forward(x)

    def backward(self, d_out):
        half = d_out.shape[1]
        a, b = self.x[:, :half], self.x[:, half:]
        return np.hstack([d_out * self.first * a, d_out * ~self.first * b])


MAXOUT = Exercise(
    name="Maxout",
    lesson=8,
    goal="Write a layer that remembers in forward which way its backward must go.",
    points=2,
    misconception="The slope goes to both, or the memory is shared by all layers of a kind.",
    reference=_Maxout,
    inputs=_maxout_inputs,
    corners=(_maxout_ties, _maxout_one),
    call=_use_maxout,
    arguments=("x", "d_out"),
    outputs=("a", "dx", "dx of a second pass"),
    variants=(_MaxoutByIndex, _MaxoutLoops),
    mistakes=(
        Mistake(
            "all layers of the kind share one memory",
            _MaxoutShared,
            "A second layer has run in between, and this one found its numbers. What belongs to "
            "one object goes into self.",
        ),
        Mistake(
            "the memory of the first pass is kept",
            _MaxoutOnce,
            "The layer runs forward more than once. backward belongs to the latest pass.",
        ),
        Mistake(
            "both entries of a pair get the slope",
            _maxout_with(back=lambda d, first: (d, d)),
            "Only the larger entry of a pair reaches the output. What does a nudge of the smaller "
            "one change?",
        ),
        Mistake(
            "each entry of a pair gets half of the slope",
            _maxout_with(back=lambda d, first: (d / 2, d / 2)),
            "Only the larger entry of a pair reaches the output, and all of it.",
        ),
        Mistake(
            "the slope goes to the smaller entry",
            _maxout_with(back=lambda d, first: (d * ~first, d * first)),
            "A nudge of the larger entry moves the output, one of the smaller has no effect. Or "
            "have the halves of dx changed places?",
        ),
        Mistake(
            "the slope always goes to the first half",
            _maxout_with(back=lambda d, first: (d, 0 * d)),
            "Where the second half holds the larger entry, that one gets the slope.",
        ),
        Mistake(
            "the slope always goes to the second half",
            _maxout_with(back=lambda d, first: (0 * d, d)),
            "Where the first half holds the larger entry, that one gets the slope.",
        ),
        Mistake(
            "equal entries both get the slope",
            type(
                "Layer",
                (_Maxout,),
                {
                    "forward": lambda self, x: setattr(self, "x", x) or _Maxout().forward(x),
                    "backward": lambda self, d: np.hstack(
                        [
                            d * (self.x[:, : d.shape[1]] >= self.x[:, d.shape[1] :]),
                            d * (self.x[:, : d.shape[1]] <= self.x[:, d.shape[1] :]),
                        ]
                    ),
                },
            ),
            "If the two are equal, the slope goes to the first half alone.",
        ),
        Mistake(
            "of equal entries the second gets the slope",
            _maxout_with(gate=lambda a, b: a > b),
            "If the two are equal, the slope goes to the first half.",
        ),
        Mistake(
            "neighbours are the pairs",
            _maxout_with(
                halves=lambda x: (x[:, ::2], x[:, 1::2]),
                join=lambda parts: np.stack(parts, axis=2).reshape(len(parts[0]), -1),
            ),
            "Entry k of the first half belongs to entry k of the second half, not to its "
            "neighbour.",
        ),
        Mistake(
            "neighbours are the pairs on the way forward only",
            _maxout_with(halves=lambda x: (x[:, ::2], x[:, 1::2])),
            "Which entries are a pair on the way back? Those that were one on the way forward.",
        ),
        Mistake(
            "the smaller entry",
            _maxout_with(larger=np.minimum, gate=lambda a, b: a <= b),
            "The layer answers with the larger of the two.",
        ),
        Mistake(
            "the smaller entry, on the way forward only",
            _maxout_with(larger=np.minimum),
            "The layer answers with the larger of the two, as your backward takes for granted.",
        ),
        Mistake(
            "the larger size",
            _maxout_with(
                larger=lambda a, b: np.where(np.abs(a) >= np.abs(b), a, b),
                gate=lambda a, b: np.abs(a) >= np.abs(b),
            ),
            "Of -3 and 2 the larger number is 2. Signs count.",
        ),
        Mistake(
            "ReLU on each half",
            _maxout_with(
                larger=lambda a, b: np.maximum(np.maximum(a, b), 0),
            ),
            "Nothing is cut off at 0: of two negative entries, too, the larger one comes out.",
        ),
        Mistake(
            "the sum of the two",
            _maxout_with(larger=np.add, back=lambda d, first: (d, d)),
            "The layer answers with the larger of the two, not with what they make together.",
        ),
        Mistake(
            "the sign of d_out opens the gate",
            _MaxoutNothing,
            "Which of the two was larger is decided in forward. d_out knows nothing of it.",
        ),
        Mistake(
            "the slope is multiplied by the entry",
            _MaxoutValues,
            "The larger entry passes as it is, so the slope along it is 1.",
        ),
        Mistake(
            "d_out is left out",
            _maxout_with(back=lambda d, first: (first * 1.0, ~first * 1.0)),
            "backward hands on the slope of the loss: the layer's own slope, 1 or 0, times what "
            "came in from behind.",
        ),
        Mistake(
            "dx has the shape of the output",
            _maxout_with(join=lambda parts: parts[0] + parts[1]),
            "dx belongs to x, so it has its shape: twice as many columns as d_out.",
        ),
        Mistake(
            "the argument is changed",
            _MaxoutInPlace,
            "forward writes into x, which belongs to the layer before this one.",
        ),
        Mistake(
            "one winner for each row",
            _maxout_with(
                larger=lambda a, b: np.where((a.sum(axis=1) >= b.sum(axis=1))[:, None], a, b),
                gate=lambda a, b: np.broadcast_to(
                    (a.sum(axis=1) >= b.sum(axis=1))[:, None], a.shape
                ),
            ),
            "Each pair is decided by itself, not the halves as a whole.",
        ),
        Mistake(
            "the largest entry of each half",
            _maxout_with(
                larger=lambda a, b: np.maximum(a, b).max(axis=1, keepdims=True) + 0 * a,
            ),
            "Each pair is decided by itself: K outputs for each row, not one number.",
        ),
    ),
    hints=(
        "What must backward know of each pair? Let forward put just that into self.",
        "A comparison of the two halves is an array of True and False, (N, K), and multiplies "
        "like 1 and 0.",
        "The slopes of the first half are d_out where it won, those of the second d_out where it "
        "did not; np.hstack puts the two side by side. (The prediction: half of all slopes.)",
    ),
)

# FeatureScale


class _FeatureScale:
    def __init__(self, features):
        self.params = {"gain": np.ones(features)}
        self.grads = {"gain": np.zeros(features)}

    def forward(self, x):
        self.x = x
        return x * self.params["gain"]

    def backward(self, d_out):
        self.grads["gain"] = (d_out * self.x).sum(axis=0)
        return d_out * self.params["gain"]


def _scale_inputs(rng):
    n, d = sizes(rng, 2)
    return normal(rng, n, d), normal(rng, n, d), np.round(rng.uniform(1.2, 3, d), 2)


def _scale_square(rng):
    return normal(rng, 3, 3), normal(rng, 3, 3), np.array([2.0, 0.5, 1.5])


def _gain_of(layer, where):
    held = getattr(layer, where)
    if not isinstance(held, dict):
        raise TypeError(f"{where} must be a dict, and is a {type(held).__name__}")
    if "gain" not in held:
        raise LookupError(f'{where} has no "gain"; it has {sorted(map(str, held))}')
    return _as_it_was(held["gain"])


def _set_gain(layer, gain):
    held = _gain_of(layer, "params")
    if not isinstance(held, np.ndarray):
        raise TypeError(f'params["gain"] must be an array, and is a {type(held).__name__}')
    if held.shape != gain.shape:
        raise ValueError(f'params["gain"] has shape {held.shape}; {gain.shape} is due')
    if held.dtype.kind != "f":
        raise TypeError(f'params["gain"] holds {held.dtype} numbers; float64 is due')
    array = layer.params["gain"]
    array[...] = gain  # as an optimizer does
    return array


def _use_scale(answer, x, d_out, gain):
    layer, other = answer(len(gain)), answer(len(gain))
    start = _gain_of(layer, "params")
    held = _set_gain(layer, gain)
    _set_gain(other, gain[::-1] + 1.25)  # a second layer of the kind, with numbers of its own
    y = _as_it_was(layer.forward(x))
    other.forward(x[::-1] + 0.25)
    dx = _as_it_was(layer.backward(d_out))
    other.backward(d_out[::-1] + 0.25)
    first = _gain_of(layer, "grads")
    held += 0.5  # an optimizer goes on with the array that it was given
    y_then = _as_it_was(layer.forward(x + 1))
    layer.backward(d_out)
    return start, y, dx, first, y_then, _gain_of(layer, "grads")


def _scale_with(
    start=1.0,
    dgain=lambda d_out, x, gain: (d_out * x).sum(axis=0),
    dx=lambda d_out, x, gain: d_out * gain,
    forward=lambda x, gain: x * gain,
    add=False,
):
    """Return the layer with something else in it."""

    class Layer:
        def __init__(self, features):
            self.params = {"gain": np.full(features, start)}
            self.grads = {"gain": np.zeros(features)}

        def forward(self, x):
            self.x = x
            return forward(x, self.params["gain"])

        def backward(self, d_out):
            new = dgain(d_out, self.x, self.params["gain"])
            self.grads["gain"] = self.grads["gain"] + new if add else new
            return dx(d_out, self.x, self.params["gain"])

    return Layer


class _ScaleApart(_FeatureScale):
    def __init__(self, features):
        super().__init__(features)
        self.gain = np.ones(features)

    def forward(self, x):
        self.x = x
        return x * self.gain

    def backward(self, d_out):
        self.grads["gain"] = (d_out * self.x).sum(axis=0)
        return d_out * self.gain


class _ScaleShared(_FeatureScale):
    params, grads = {}, {}

    def __init__(self, features):
        self.params["gain"] = np.ones(features)
        self.grads["gain"] = np.zeros(features)


class _ScaleSharedInput(_FeatureScale):
    def forward(self, x):
        _ScaleSharedInput.x = x
        return x * self.params["gain"]


class _ScaleForwardApart(_FeatureScale):
    def __init__(self, features):
        super().__init__(features)
        self.gain = self.params["gain"].copy()

    def forward(self, x):
        self.x = x
        return x * self.gain


class _ScaleInPlace(_FeatureScale):
    def forward(self, x):
        self.x = x
        x *= self.params["gain"]
        return x


class _ScaleFirst(_FeatureScale):
    def forward(self, x):
        if not hasattr(self, "x"):
            self.x = x
        return x * self.params["gain"]


class _ScaleRenewed(_FeatureScale):
    def backward(self, d_out):
        dx = super().backward(d_out)
        self.params = {"gain": self.params["gain"].copy()}
        return dx


class _ScaleGradientIntoParams(_FeatureScale):
    def backward(self, d_out):
        dx = super().backward(d_out)
        self.params = {"gain": self.grads["gain"]}
        return dx


def _scale_steps(sign, renewed):
    """Return the layer whose backward moves the gain by its gradient, in place or anew."""

    class Layer(_FeatureScale):
        def backward(self, d_out):
            dx = super().backward(d_out)
            moved = self.params["gain"] + sign * self.grads["gain"]
            if renewed:
                self.params["gain"] = moved
            else:
                self.params["gain"][...] = moved
            return dx

    return Layer


class _ScaleLoop(_FeatureScale):
    def backward(self, d_out):
        dx = np.empty_like(d_out)
        for d, gain in enumerate(self.params["gain"]):
            self.grads["gain"][d] = d_out[:, d] @ self.x[:, d]
            dx[:, d] = gain * d_out[:, d]
        return dx


class _ScaleEinsum(_FeatureScale):
    def forward(self, x):
        self.x = x.copy()
        return x @ np.diag(self.params["gain"])

    def backward(self, d_out):
        self.grads = {"gain": np.einsum("nd,nd->d", d_out, self.x)}
        return np.einsum("nd,d->nd", d_out, self.params["gain"])


class _ScaleSingle(_FeatureScale):
    def __init__(self, features):
        self.params, self.grads = {"gain": np.ones(1)}, {"gain": np.zeros(1)}


class _ScaleMisnamed(_FeatureScale):
    def backward(self, d_out):
        self.grads["dgain"] = (d_out * self.x).sum(axis=0)
        return d_out * self.params["gain"]


def _scale_dgain(dgain):
    """Return the layer with another gradient of the gain."""

    class Layer(_FeatureScale):
        def backward(self, d_out):
            dx = super().backward(d_out)
            self.grads["gain"] = dgain(d_out, self.x, self.params["gain"])
            return dx

    return Layer


class _ScaleSharedParams(_FeatureScale):
    held = {}  # noqa: RUF012 - the mistake

    def __init__(self, features):
        super().__init__(features)
        self.held["gain"] = np.ones(features)
        self.params = self.held


FEATURE_SCALE = Exercise(
    name="FeatureScale",
    lesson=8,
    goal="Write a layer with a parameter: params, grads, and a sum over the batch.",
    points=2,
    misconception="What is repeated for all examples on the way forward is not summed backward.",
    reference=_FeatureScale,
    inputs=_scale_inputs,
    corners=(_scale_square,),
    call=_use_scale,
    arguments=("x", "d_out", "gain"),
    outputs=(
        "gain at the start",
        "y",
        "dx",
        "dgain",
        "y after a step",
        "dgain of a second pass",
    ),
    variants=(_ScaleLoop, _ScaleEinsum),
    mistakes=(
        Mistake(
            "the gradient of a bias",
            _scale_with(dgain=lambda d_out, x, gain: d_out.sum(axis=0)),
            "A bias is added, a gain is multiplied. By how much does y change when a gain rises by "
            "a little: what stands beside it in the product?",
        ),
        Mistake(
            "the gradient is a mean over the batch",
            _scale_with(dgain=lambda d_out, x, gain: (d_out * x).mean(axis=0)),
            "The 1/N of the mean loss is already in d_out. What a layer does with the examples of "
            "a batch adds up.",
        ),
        Mistake(
            "the gradient is summed over the features",
            _scale_with(dgain=lambda d_out, x, gain: (d_out * x).sum(axis=1)),
            "A gradient has the shape of its parameter, (D,). Which axis must go?",
        ),
        Mistake(
            "the gradient is not summed",
            _scale_with(dgain=lambda d_out, x, gain: d_out * x),
            "One gain serves all N examples. A gradient has the shape of its parameter.",
        ),
        Mistake(
            "the output stands in for the input",
            _scale_with(dgain=lambda d_out, x, gain: (d_out * x * gain).sum(axis=0)),
            "The slope of x gain by the gain does not hold the gain itself.",
        ),
        Mistake(
            "dx lacks the gain",
            _scale_with(dx=lambda d_out, x, gain: d_out),
            "When x rises by 1, y rises by the gain. backward must say so.",
        ),
        Mistake(
            "dx is divided by the gain",
            _scale_with(dx=lambda d_out, x, gain: d_out / gain),
            "backward is not the inverse of forward. It multiplies by the slope.",
        ),
        Mistake(
            "gradients pile up",
            _scale_with(add=True),
            "The second backward must not remember the first: grads belong to the latest pass.",
        ),
        Mistake(
            "the layer works with another gain than that in params",
            _ScaleApart,
            "An optimizer changes the array in params. A layer that works with another one, be it "
            "a copy, never learns.",
        ),
        Mistake(
            "forward works with a copy of the gain",
            _ScaleForwardApart,
            "An optimizer changes the array in params, and a copy stays as it was. Which array "
            "does forward multiply by?",
        ),
        Mistake(
            "a new array is put into params",
            _ScaleRenewed,
            "The optimizer holds the array that was in params, and changes it in place. Once "
            "another one stands there, no step reaches the layer: leave params as __init__ made "
            "it.",
        ),
        Mistake(
            "backward takes a step itself",
            _scale_steps(-1, renewed=False),
            "backward says how the loss changes with the gain. How far to step, and when, is the "
            "optimizer's business: it changes the array in params.",
        ),
        Mistake(
            "backward adds the gradient to the gain",
            _scale_steps(1, renewed=False),
            "The gradient belongs into grads alone; params is the optimizer's to change.",
        ),
        Mistake(
            "backward puts the gain, a step further, into params as a new array",
            _scale_steps(-1, renewed=True),
            "backward says how the loss changes with the gain, and leaves params alone: the "
            "optimizer steps, and it holds the array that __init__ put there.",
        ),
        Mistake(
            "backward puts the gradient into params",
            _ScaleGradientIntoParams,
            "The gradient goes into grads, under the same name; params holds the gain.",
        ),
        Mistake(
            "all layers of the kind share one memory",
            _ScaleShared,
            "A second layer has run in between, and this one found its numbers. params and grads "
            "of one object are made in __init__, with self.",
        ),
        Mistake(
            "all layers of the kind share one x",
            _ScaleSharedInput,
            "A second layer has run in between, and this one found its x. What belongs to one "
            "object goes into self.",
        ),
        Mistake(
            "the argument is changed",
            _ScaleInPlace,
            "x *= ... writes into the caller's array, which backward needs as it was. Make a new "
            "one.",
        ),
        Mistake(
            "the first batch is remembered for ever",
            _ScaleFirst,
            "backward belongs to the latest forward. Store x anew in every forward pass.",
        ),
        Mistake(
            "the gains start at zero",
            _scale_with(start=0.0),
            "A layer of zeros silences the network. With which gain does the layer do nothing?",
        ),
        Mistake(
            "the gradient is one number",
            _scale_with(dgain=lambda d_out, x, gain: (d_out * x).sum()),
            "Each gain has its own slope. Which axis has to go, and which has to stay?",
        ),
        Mistake(
            "the gradient keeps the axis of the examples",
            _scale_with(dgain=lambda d_out, x, gain: (d_out * x).sum(axis=0, keepdims=True)),
            "A gradient has the shape of its parameter, (D,).",
        ),
        Mistake(
            "the sums are multiplied",
            _scale_with(dgain=lambda d_out, x, gain: d_out.sum(axis=0) * x.sum(axis=0)),
            "Each slope is multiplied by its own x first; then the products are added up.",
        ),
        Mistake(
            "dx lacks d_out",
            _scale_with(dx=lambda d_out, x, gain: np.ones_like(d_out) * gain),
            "The chain rule multiplies: what arrives, times the slope here.",
        ),
        Mistake(
            "x is taken for the slope along x",
            _scale_with(dx=lambda d_out, x, gain: d_out * x),
            "y is x times the gain: what multiplies x, is its slope.",
        ),
        Mistake(
            "the gain is added",
            _scale_with(forward=lambda x, gain: x + gain),
            "The layer multiplies each feature by its gain.",
        ),
        Mistake(
            "the gains are float32",
            _scale_with(start=np.float32(1.0)),
            "The text asks for a float64 array: say no dtype, and np.ones makes one.",
        ),
        Mistake(
            "backward returns two things",
            _scale_with(dx=lambda d_out, x, gain: ((d_out * x).sum(axis=0), d_out * gain)),
            "backward puts the gradient of the gain into grads, and returns dx alone.",
        ),
        Mistake(
            "the gradient has another name",
            _ScaleMisnamed,
            "The gradient is put into grads under the name of the parameter, gain.",
        ),
        Mistake(
            "one gain for all features",
            _ScaleSingle,
            "Every feature has a gain of its own: shape (D,).",
        ),
        Mistake(
            "the gain's gradient lacks the slope that came in",
            _scale_dgain(lambda d_out, x, gain: (x * gain).sum(axis=0)),
            "The gradient is the slope of the loss: d_out is a factor of it.",
        ),
        Mistake(
            "all layers of the kind share one params",
            _ScaleSharedParams,
            "A second layer has put its own gain there. params of one object is made in __init__, "
            "as a new dict.",
        ),
    ),
    hints=(
        "Write the formula for one entry, y[n, d] = x[n, d] gain[d], and its two slopes.",
        "gain[d] appears in all N rows, so its gradient is a sum over them.",
        "forward needs self.params['gain'] and keeps x; backward fills self.grads['gain'], shape "
        "(D,), and returns dx. (Predicted? Only that of the gain needs a sum, over axis 0, because "
        "all N rows use the same gain, while each x[n, d] is used once.)",
    ),
)

# arrays_from_vector


def arrays_from_vector(vector, shapes):
    arrays, first = {}, 0
    for name, shape in shapes.items():
        size = int(np.prod(shape))
        arrays[name] = vector[first : first + size].reshape(shape).copy()
        first += size
    return arrays


def _vector_of(rng, d, h, c):
    shapes = {"w1": (d, h), "b1": (h,), "w2": (h, c), "b2": (c,)}
    return np.round(rng.permutation(h * (d + 1) + c * (h + 1)) / 10 + 0.1, 1), shapes


def _vector_inputs(rng):
    return _vector_of(rng, *sizes(rng, 3, high=5))


def _vector_square(rng):
    return _vector_of(rng, 2, 2, 2)


def _vector_32(rng):
    vector, shapes = _vector_of(rng, 2, 1, 3)
    return vector.astype(np.float32), shapes


def _use_arrays(answer, vector, shapes):
    arrays = answer(vector, shapes)
    if not isinstance(arrays, dict):
        raise TypeError(f"a dict is due, and a {type(arrays).__name__} came back")
    if arrays.keys() != shapes.keys():
        raise LookupError(f"the names are {list(shapes)}, and these came back: {list(arrays)}")
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise TypeError(f"{name} must be an array, and is a {type(array).__name__}")
    result = tuple(np.array(arrays[name]) for name in shapes)
    for name in shapes:
        arrays[name][...] = 0.0  # an optimizer changes them in place; the vector should not feel it
    return result


def _vector_with(order="C", place=None, names=lambda shapes: shapes, part=np.copy):
    """Return the function with something else in it."""

    def function(vector, shapes):
        arrays, first = {}, 0
        for name in names(shapes):
            size = int(np.prod(shapes[name]))
            start = first if place is None else place(first, vector, size)
            piece = vector[start : start + size]
            arrays[name] = part(piece.reshape(shapes[name], order=order))
            first += size
        return arrays

    return function


def _vector_first_axis(vector, shapes):
    arrays, first = {}, 0
    for name, shape in shapes.items():
        size = int(np.prod(shape))
        arrays[name] = np.array(vector[first : first + size].reshape(shape))
        first += shape[0]
    return arrays


def _vector_pop(vector, shapes):
    numbers = list(vector)
    return {
        name: np.array([numbers.pop(0) for _ in range(int(np.prod(shape)))]).reshape(shape)
        for name, shape in shapes.items()
    }


def _vector_split(vector, shapes):
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
    parts = np.split(vector, ends[:-1])
    pairs = zip(shapes, parts, strict=True)
    return {name: part.copy().reshape(shapes[name]) for name, part in pairs}


def _vector_three_axes(rng):
    shapes = {"w1": (2, 1, 3), "b1": (1,), "w2": (1, 2, 2), "b2": (2, 1)}
    return np.round(rng.permutation(13) / 10 + 0.1, 1), shapes


def _vector_two_names(rng):
    return np.round(rng.permutation(9) / 10 + 0.1, 1), {"kernel": (3, 2), "bias": (3,)}


def _vector_sized(
    size_of, step=lambda first, size: first + size, end=lambda first, size: first + size
):
    """Return the function with another size of each array, or with other ends."""

    def function(vector, shapes):
        arrays, first = {}, 0
        for name, shape in shapes.items():
            size = size_of(shape)
            arrays[name] = vector[first : end(first, size)].reshape(shape).copy()
            first = step(first, size)
        return arrays

    return function


_vector_skips = _vector_sized(math.prod, step=lambda first, size: first + size + 1)
_vector_ends_at_size = _vector_sized(math.prod, end=lambda first, size: size)
_vector_last_size = _vector_sized(math.prod, step=lambda first, size: size)


def _vector_four_names(vector, shapes):
    arrays = arrays_from_vector(vector, shapes)
    return {name: arrays[name] for name in ("w1", "b1", "w2", "b2")}


def _vector_equal_parts(vector, shapes):
    parts = np.array_split(vector, len(shapes))
    return {name: np.resize(part, shapes[name]) for name, part in zip(shapes, parts, strict=True)}


ARRAYS_FROM_VECTOR = Exercise(
    name="arrays_from_vector",
    lesson=8,
    goal="Cut one long vector into named arrays, and know a view from a copy.",
    points=2,
    misconception="A slice is a copy; arrays can be taken from a vector without counting places.",
    reference=arrays_from_vector,
    inputs=_vector_inputs,
    corners=(_vector_three_axes, _vector_two_names, _vector_square, _vector_32),
    call=_use_arrays,
    outputs=("w1", "b1", "w2", "b2"),
    variants=(_vector_pop, _vector_split),
    mistakes=(
        Mistake(
            "views of the vector",
            _vector_with(part=lambda piece: piece),
            "The numbers are right, but a slice is a window on the vector: who changes the array "
            "changes the vector. Copy each piece.",
        ),
        Mistake(
            "float32 is lost",
            _vector_with(part=lambda piece: piece.astype(np.float64)),
            "np.zeros and np.empty make float64 unless they are told otherwise. A copy of a slice "
            "has the dtype of the vector.",
        ),
        Mistake(
            "every array starts at the beginning",
            _vector_with(place=lambda first, vector, size: 0),
            "What w1 has taken is gone: b1 begins where w1 ends. What must grow in the loop?",
        ),
        Mistake(
            "the start moves on by one",
            _vector_with(place=lambda first, vector, size: first + (first > 0)),
            "A slice a[i:j] ends before j, so the next piece begins at j itself.",
        ),
        Mistake(
            "the start moves on by the first axis only",
            _vector_first_axis,
            "An array of shape (3, 2) takes six numbers, not three.",
        ),
        Mistake(
            "column by column",
            _vector_with(order="F"),
            "NumPy's arrays are read row by row, as ravel does. Which order does reshape take "
            "by itself?",
        ),
        Mistake(
            "in alphabetical order",
            _vector_with(names=sorted),
            "The vector was made in the order of the dict, w1 first. Do not sort the names.",
        ),
        Mistake(
            "from the last name to the first",
            _vector_with(names=lambda shapes: list(shapes)[::-1]),
            "The vector begins with the first name of the dict.",
        ),
        Mistake(
            "two axes are taken for granted",
            _vector_sized(lambda shape: shape[0] if len(shape) == 1 else shape[0] * shape[1]),
            "A shape may have three axes. The size is the product of all of them: np.prod(shape).",
        ),
        Mistake(
            "only the first and the last axis count",
            _vector_sized(lambda shape: shape[0] if len(shape) == 1 else shape[0] * shape[-1]),
            "A shape may have three axes. The size is the product of all of them: np.prod(shape).",
        ),
        Mistake(
            "the axes are added",
            _vector_sized(sum),
            "An array of shape (3, 2) takes six numbers: the axes are multiplied.",
        ),
        Mistake(
            "the shapes are not given back",
            _vector_with(part=np.ravel),
            "The numbers are right, but in one long row. reshape gives each its shape.",
        ),
        Mistake(
            "the start is the size of the last array alone",
            _vector_last_size,
            "Where the next one begins is the sum of all sizes before it: the counter grows.",
        ),
        Mistake(
            "one number is lost between two arrays",
            _vector_skips,
            "A slice a[i:j] ends before j, so the next piece begins at j itself.",
        ),
        Mistake(
            "every array is float32",
            _vector_with(part=np.float32),
            "The arrays have the dtype of the vector: a copy of a slice has it by itself.",
        ),
        Mistake(
            "a list in place of the dict",
            lambda vector, shapes: [*arrays_from_vector(vector, shapes).values()],
            "A dict of the same names is asked for.",
        ),
        Mistake(
            "lists in place of arrays",
            _vector_with(part=np.ndarray.tolist),
            "Each name holds an array: reshape makes one, and copy keeps it.",
        ),
        Mistake(
            "the names are taken for granted",
            _vector_four_names,
            "The names come with shapes: there may be others, and more or fewer.",
        ),
        Mistake(
            "the end of a slice is its size",
            _vector_ends_at_size,
            "A slice from first ends at first + size.",
        ),
        Mistake(
            "the number of axes is taken for the size",
            _vector_sized(len),
            "len of a shape says how many axes there are. The size is their product.",
        ),
        Mistake(
            "only the first axis counts",
            _vector_sized(lambda shape: shape[0]),
            "An array of shape (3, 2) takes six numbers: the axes are multiplied.",
        ),
        Mistake(
            "only the last axis counts",
            _vector_sized(lambda shape: shape[-1]),
            "An array of shape (3, 2) takes six numbers: the axes are multiplied.",
        ),
        Mistake(
            "a second axis is taken for granted",
            _vector_sized(lambda shape: shape[0] * shape[1]),
            "A bias has one axis. The size is the product of however many there are: "
            "np.prod(shape).",
        ),
        Mistake(
            "the vector is cut into equal parts",
            _vector_equal_parts,
            "Each array takes as many numbers as its shape has, and no two need be alike.",
        ),
    ),
    hints=(
        "Keep a counter of how many numbers have been used.",
        "Each array takes the product of its shape: np.prod(shape), as an integer.",
        "Slice, reshape, copy, then move the counter on by the size.",
    ),
)

# Residual


class _Residual:
    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        out = x
        for layer in self.layers:
            out = layer.forward(out)
        return x + out

    def backward(self, d_out):
        d = d_out
        for layer in reversed(self.layers):
            d = layer.backward(d)
        return d_out + d


class _Affine:
    def __init__(self, w, b):
        self.w, self.b, self.dw, self.dx = w, b, None, None

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, d_out):
        self.dw, self.dx = self.x.T @ d_out, d_out @ self.w.T
        return self.dx


class _Tanh:
    def forward(self, x):
        self.a = np.tanh(x)
        return self.a

    def backward(self, d_out):
        return d_out * (1 - self.a**2)


def _residual_arrays(rng, n, d, h):
    return (
        normal(rng, n, d),
        normal(rng, n, d),
        normal(rng, d, h),
        normal(rng, h),
        normal(rng, h, d),
        normal(rng, d),
    )


def _residual_inputs(rng):
    return _residual_arrays(rng, *sizes(rng, 3, high=4))


def _residual_square(rng):
    return _residual_arrays(rng, 2, 2, 2)


def _use_residual(answer, x, d_out, w1, b1, w2, b2):
    first = _Affine(w1, b1)
    block = answer([first, _Affine(w2, b2), _Tanh()])  # tanh remembers what it has returned
    y = _as_it_was(block.forward(x))
    dx = _as_it_was(block.backward(d_out))
    dw, kept = first.dw, first.dx
    again = block.forward(x)
    short = answer([_Affine(w1 @ w2, b2)])  # a block may have any number of layers
    return y, dx, dw, kept, again, short.forward(x), short.backward(d_out)


def _down(layers, x):
    for layer in layers:
        x = layer.forward(x)
    return x


def _up(layers, d):
    for layer in layers[::-1]:
        d = layer.backward(d)
    return d


def _residual_with(
    forward=lambda layers, x: x + _down(layers, x),
    backward=lambda layers, d_out: d_out + _up(layers, d_out),
):
    """Return the block with something else in it."""

    class Block:
        def __init__(self, layers):
            self.layers = layers

        def forward(self, x):
            return forward(self.layers, x)

        def backward(self, d_out):
            return backward(self.layers, d_out)

    return Block


def _residual_in_place(layers, x):
    x += _down(layers, x)
    return x


def _residual_gradient_in_place(layers, d_out):
    d_out += _up(layers, d_out)
    return d_out


def _output_in_place(layers, x):
    out = _down(layers, x)
    out += x
    return out


def _slope_in_place(layers, d_out):
    d = _up(layers, d_out)
    d += d_out
    return d


class _ResidualReverse(_Residual):
    def backward(self, d_out):
        self.layers.reverse()
        d = d_out
        for layer in self.layers:
            d = layer.backward(d)
        return d_out + d


def _each_by_itself(layers, x):
    for layer in layers:
        out = layer.forward(x)
    return x + out


def _forward_order(layers, d_out):
    d = d_out
    for layer in layers:
        d = layer.backward(d)
    return d_out + d


def _each_gets_d_out(layers, d_out):
    for layer in reversed(layers):
        d = layer.backward(d_out)
    return d_out + d


def _skip_everywhere(layers, x):
    for layer in layers:
        x = x + layer.forward(x)
    return x


class _ResidualRecursive:
    def __init__(self, layers):
        self.first, self.rest = layers[0], layers[1:]
        self.tail = _Chain(layers)

    def forward(self, x):
        y = self.tail.forward(x)
        return y + x

    def backward(self, d_out):
        return sum([self.tail.backward(d_out), d_out])


class _Chain:
    def __init__(self, layers):
        self.layers = list(layers)

    def forward(self, x):
        return _down(self.layers, x)

    def backward(self, d_out):
        return _up(self.layers, d_out)


class _ResidualIndices:
    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        outs = [x]
        for layer in self.layers:
            outs.append(layer.forward(outs[-1]))
        return outs[0] + outs[-1]

    def backward(self, d_out):
        d = np.copy(d_out)
        for i in range(len(self.layers) - 1, -1, -1):
            d = self.layers[i].backward(d)
        return np.add(d, d_out)


class _ResidualAddsX(_Residual):
    def forward(self, x):
        self.x = x
        return super().forward(x)

    def backward(self, d_out):
        return self.x + _up(self.layers, d_out)


def _residual_three(layers):
    a, b, c = layers
    return _Residual([a, b, c])


def _down_with_paths(layers, x):
    for layer in layers:
        x = x + layer.forward(x)
    return x


def _up_with_paths(layers, d):
    for layer in layers[::-1]:
        d = d + layer.backward(d)
    return d


RESIDUAL = Exercise(
    name="Residual",
    lesson=8,
    goal="Build a layer out of layers, and add the slopes of two paths.",
    points=3,
    misconception="The slope goes back through the layers alone; the path around them is lost.",
    reference=_Residual,
    inputs=_residual_inputs,
    corners=(_residual_square, _residual_square),
    call=_use_residual,
    arguments=("x", "d_out", "w1", "b1", "w2", "b2"),
    outputs=(
        "y",
        "dx",
        "dw1",
        "what the first layer handed back",
        "y of a second pass",
        "y of a block of one layer",
        "dx of a block of one layer",
    ),
    out_of_reach=("Sequential",),
    variants=(_ResidualRecursive, _ResidualIndices),
    mistakes=(
        Mistake(
            "the path around is missing in backward",
            _residual_with(backward=_up),
            "x reaches y by two paths, and slopes along separate paths add up. Which one did you "
            "not walk back?",
        ),
        Mistake(
            "the path around is missing in forward",
            _residual_with(forward=_down),
            "The block's output is what the layers make of x, plus x itself.",
        ),
        Mistake(
            "the path around is missing both ways",
            _residual_with(forward=_down, backward=_up),
            "This is a plain chain of layers. Where does x itself join in?",
        ),
        Mistake(
            "the layers run backward in the forward order",
            _residual_with(backward=_forward_order),
            "The slope comes from behind, so the last layer must be the first to get it.",
        ),
        Mistake(
            "every layer gets d_out",
            _residual_with(backward=_each_gets_d_out),
            "A layer needs the slope that the layer behind it hands on. Pass the result along.",
        ),
        Mistake(
            "every layer gets x",
            _residual_with(forward=_each_by_itself),
            "The second layer reads what the first one puts out. Pass the result along.",
        ),
        Mistake(
            "a path around every layer",
            _residual_with(forward=_skip_everywhere),
            "There is one path around all the layers together: x is added once, at the end.",
        ),
        Mistake(
            "the block's input is changed",
            _residual_with(forward=_residual_in_place),
            "x += ... writes into the caller's array, which the first layer also remembers. "
            "Make a new array.",
        ),
        Mistake(
            "d_out is changed",
            _residual_with(backward=_residual_gradient_in_place),
            "d_out += ... writes into the caller's array. Make a new one.",
        ),
        Mistake(
            "the input is gone: its name now holds what the layers made",
            _residual_with(forward=lambda layers, x: 2 * _down(layers, x)),
            "When x = layer.forward(x) has run, x is not the input any more, and that is added at "
            "the end. Give what passes through the layers another name.",
        ),
        Mistake(
            "d_out is gone: its name now holds what the layers handed back",
            _residual_with(backward=lambda layers, d_out: 2 * _up(layers, d_out)),
            "When d_out = layer.backward(d_out) has run, d_out is not the slope that came in any "
            "more. Give what passes through the layers another name.",
        ),
        Mistake(
            "x and d_out are gone: their names hold what the layers made",
            _residual_with(
                forward=lambda layers, x: 2 * _down(layers, x),
                backward=lambda layers, d_out: 2 * _up(layers, d_out),
            ),
            "Both are needed at the end as they came in. Give what passes through the layers "
            "another name.",
        ),
        Mistake(
            "what the last layer returned is changed",
            _residual_with(forward=_output_in_place),
            "The array belongs to the layer, which may need it in its backward. += writes into it: "
            "make a new array.",
        ),
        Mistake(
            "what the first layer handed back is changed",
            _residual_with(backward=_slope_in_place),
            "The array belongs to the layer, which may still hold it. += writes into it: make a "
            "new array.",
        ),
        Mistake(
            "what the layers returned is changed, both ways",
            _residual_with(forward=_output_in_place, backward=_slope_in_place),
            "The arrays belong to the layers, which may still need them. += writes into them: make "
            "new ones.",
        ),
        Mistake(
            "the list itself is turned round",
            _ResidualReverse,
            "The first pass is right, and the second finds its layers in the wrong order. Walk "
            "through the list from its end, and leave self.layers as it is.",
        ),
        Mistake(
            "the paths are multiplied",
            _residual_with(backward=lambda layers, d_out: d_out * _up(layers, d_out)),
            "Slopes multiply along one path. Those of separate paths are added.",
        ),
        Mistake(
            "the layers are not chained, in either direction",
            _residual_with(
                lambda layers, x: x + [layer.forward(x) for layer in layers][-1],
                lambda layers, d: d + [layer.backward(d) for layer in layers[::-1]][-1],
            ),
            "What a layer returns is the input of the next one; going back, what it hands back "
            "goes into the one before.",
        ),
        Mistake(
            "every layer gets x, and all outputs are added",
            _residual_with(lambda layers, x: x + sum(layer.forward(x) for layer in layers)),
            "f is one layer after the other: what one returns is the input of the next.",
        ),
        Mistake(
            "1 stands for the slope of the path around",
            _residual_with(backward=lambda layers, d: 1 + _up(layers, d)),
            "Along the path around, the slope here is 1, and it multiplies what arrives: d_out.",
        ),
        Mistake(
            "x stands for the slope of the path around",
            _ResidualAddsX,
            "What travels back is a slope. Along the path around it is d_out, unchanged.",
        ),
        Mistake(
            "the path around is subtracted in backward",
            _residual_with(backward=lambda layers, d: _up(layers, d) - d),
            "Slopes of separate paths add up.",
        ),
        Mistake(
            "the path around counts twice in forward",
            _residual_with(forward=lambda layers, x: 2 * x + _down(layers, x)),
            "x is added once, to what the layers make of it.",
        ),
        Mistake(
            "the path around counts twice in backward",
            _residual_with(backward=lambda layers, d: 2 * d + _up(layers, d)),
            "d_out is added once.",
        ),
        Mistake(
            "what the layers make counts twice",
            _residual_with(forward=lambda layers, x: x + 2 * _down(layers, x)),
            "What comes out of the last layer is added once, to x.",
        ),
        Mistake(
            "what the layers hand back counts twice",
            _residual_with(backward=lambda layers, d: d + 2 * _up(layers, d)),
            "What comes back through the layers is added once, to d_out.",
        ),
        Mistake(
            "only the first layer runs",
            _residual_with(forward=lambda layers, x: x + layers[0].forward(x)),
            "f is all the layers, one after the other.",
        ),
        Mistake(
            "the last layer does not run",
            _residual_with(forward=lambda layers, x: x + _down(layers[:-1], x)),
            "f is all the layers, one after the other: where does the loop end?",
        ),
        Mistake(
            "three layers are taken for granted",
            _residual_three,
            "The block holds some layers: go through the list.",
        ),
        Mistake(
            "backward returns nothing",
            _residual_with(backward=lambda layers, d: None),
            "backward must hand dx on, with return.",
        ),
        Mistake(
            "a path around every layer in forward, and one around all",
            _residual_with(forward=lambda layers, x: x + _down_with_paths(layers, x)),
            "The path leads around all the layers together, once.",
        ),
        Mistake(
            "a path around every layer, both ways",
            _residual_with(_down_with_paths, _up_with_paths),
            "There is one path around all the layers together: x is added once, at the end, and "
            "d_out once.",
        ),
        Mistake(
            "every layer gets x and every layer d_out, and all is added",
            _residual_with(
                lambda layers, x: x + sum(layer.forward(x) for layer in layers),
                lambda layers, d: d + sum(layer.backward(d) for layer in layers[::-1]),
            ),
            "f is one layer after the other: what one returns is the input of the next, and back "
            "again.",
        ),
        Mistake(
            "x and f(x) are multiplied",
            _residual_with(forward=lambda layers, x: x * _down(layers, x)),
            "The block adds its input to what the layers make of it.",
        ),
        Mistake(
            "x is subtracted in forward",
            _residual_with(forward=lambda layers, x: _down(layers, x) - x),
            "The block adds its input to what the layers make of it.",
        ),
        Mistake(
            "f(x) is subtracted in forward",
            _residual_with(forward=lambda layers, x: x - _down(layers, x)),
            "The block adds its input to what the layers make of it.",
        ),
        Mistake(
            "x and f(x) stand side by side",
            _residual_with(forward=lambda layers, x: np.hstack([x, _down(layers, x)])),
            "The block adds its input to what the layers make of it: the shape stays (N, D).",
        ),
        Mistake(
            "the block works with copies of the layers",
            lambda layers: _Residual(copy.deepcopy(layers)),
            "The layers store their gradients where others look for them: use the objects in the "
            "list.",
        ),
    ),
    hints=(
        "Write the two loops of the lesson first, as if there were no path around.",
        "y = x + f(x). What is the slope of y by x, when that of f is known? (Predicted? Where f "
        "is zero, y is x and dx is d_out: a hundred such blocks pass both on unharmed.)",
        "Keep d_out under its own name while another variable goes through the layers; both are "
        "needed at the end.",
    ),
)

EXERCISES = (HOW_MANY_PARAMETERS, MAXOUT, FEATURE_SCALE, ARRAYS_FROM_VECTOR, RESIDUAL)
