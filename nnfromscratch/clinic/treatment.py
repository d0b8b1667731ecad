"""What a treatment made of a patient: what was changed, whether the fault is gone, what is learned.

Whether the fault is gone is read off the mended patient itself: its arrays, settings and first
step beside those of the same patient without the fault. A training only confirms it. So a cure that
goes half the way is never right by luck.

"Learns" is a mean loss below 1.0 and fewer than 40 % wrong after 120 steps.
"""

import copy
import difflib
import math
from typing import NamedTuple

import numpy as np

from ..diagnostics.causes import CAUSES
from ..layers import Linear
from ..model import Sequential
from ..optimizers import Optimizer
from .faults import ReadsCopies
from .patients import JUDGED, Patient, train
from .ward import SHIFTS, TREATED, admit

LOSS, ERROR = 1.0, 0.4
"""A network that ends below both has learned."""
CURED, UNTRIED = "what is at fault", "not tried"
RIGHT = ("the right one", "what is at fault, alone", "learns", "left as it was")

DECAY = 0.01
"""The strongest penalty that is no fault."""
SMALLEST, LARGEST = 0.04, 12.0
"""Between these a start is one: the root of the inputs times the spread. He's rule has 1.4."""
APART = 0.5
"""How far columns must differ, as a share of their size. New random ones have about 1."""
TRAINED = 0.6
"""A network with fewer wrong answers before any step has been trained already."""
KEPT = 2_900
"""Rows that must be left of 3,000: at most 14 have holes, at most 3 have no label."""
STRAY = 10
"""Wrong labels that may be left at the edges of a roll."""


def differences(before, after):
    """Return the names of what two patients differ in."""
    found = []
    if _structure(before.model) != _structure(after.model):
        found.append("layers")
    else:
        pairs = zip(_arrays(before.model), _arrays(after.model), strict=True)
        found += ["weights"] * any(not np.array_equal(a, b, equal_nan=True) for a, b in pairs)
    for name in ("x", "y"):
        a, b = np.asarray(getattr(before, name)), np.asarray(getattr(after, name))
        found += [name] * (not np.array_equal(a, b, equal_nan=a.dtype.kind == b.dtype.kind == "f"))
    found += ["loss"] * (before.loss is not after.loss)
    found += ["batch_size"] * (before.batch_size != after.batch_size)
    old, new = before.optimizer, after.optimizer
    if type(old) is not type(new):
        return [*found, "optimizer"]
    settings = [key for key in vars(old) if key not in ("steps", "state")]
    return found + [key for key in settings if vars(old)[key] != vars(new).get(key)]


def _arrays(model):
    return [*model.params.values(), *model.buffers.values()]


def _structure(model):
    """Return what layers a model has; what they remember of a forward pass is left out."""
    described = []
    for layer in model.layers:
        settings = {
            key: value
            for key, value in vars(layer).items()
            if isinstance(value, int | float | str) and key != "training"
        }
        own = layer.params
        shapes = {key: array.shape for key, array in own.items()}
        settings |= {key: True for key, value in vars(layer).items() if callable(value)}
        live = [k for k, v in vars(layer).items() if any(v is array for array in own.values())]
        described.append((type(layer), settings, shapes, sorted(live)))
    return described


# What is changed


class Judged(NamedTuple):
    """What was made of the fault, whatever a training may say."""

    cured: bool
    words: str
    """What was changed; of a cure, what was changed beside it."""
    in_part: bool = False
    """Whether it is a cure that goes half the way, so that a training would be a game of luck."""


def _named(changes, before, after):
    """Return differences in words, with the direction of those that have one."""
    words = []
    for name in changes:
        if name == "learning_rate":
            larger = after.optimizer.learning_rate > before.optimizer.learning_rate
            name = "a larger learning_rate" if larger else "a smaller learning_rate"
        words.append(name)
    return ", ".join(words)


def _judged(number, before, after, healthy):
    changes = differences(before, after)
    look, *sites = LOOKS[number - 1]
    site = next((site for site in sites if set(site) & set(changes)), sites[0])
    found = look(before, after, changes, healthy)
    others = _named([name for name in changes if name not in site], before, after)
    if found is None:
        return Judged(True, others)
    if found:
        return Judged(False, f"{found}, and {others}" if others else found, in_part=True)
    return Judged(False, _named(changes, before, after) or "nothing")


# A look at each patient: None for a cure, words for one that goes part of the way, or "" for
# something else.


def _last_layer(before, after, changes, healthy):
    """Compare the first step with that of the same network without its last layer."""
    twin = Sequential(copy.deepcopy(before.model.layers[:-1]))
    try:
        due = _first_step(twin, before.loss, before)
        found = _first_step(copy.deepcopy(after.model), after.loss, before)
    except Exception:
        return ""
    agree = due.keys() == found.keys() and all(
        np.shape(found[key]) == np.shape(due[key])
        and np.linalg.norm(found[key] - due[key]) <= 0.01 * np.linalg.norm(due[key])
        for key in due
    )
    if agree and {"loss", "layers"} & set(changes):
        return None
    return _of_layers(before.model, after.model) if "layers" in changes else ""


def _of_layers(before, after):
    """Say how the layers of a network differ from those of another one with a layer too many."""
    old, new = before.layers, after.layers
    if len(new) < len(old) - 1:
        return f"layers, of which {len(old) - len(new)} are gone"
    own, due = after.params, before.params
    if own.keys() != due.keys() or any(not np.array_equal(own[k], due[k]) for k in due):
        return "layers, and the weights in them"
    if len(new) == len(old) and list(map(type, new[:-1])) == list(map(type, old[:-1])):
        return "the last layer, for another one"
    return "layers"


def _first_step(model, loss, patient):
    """Return the loss of one batch, the gradients, and the weights themselves."""
    value, d_out = loss(model.forward(patient.x[:64], training=True), patient.y[:64])
    model.backward(d_out)
    return (
        {"loss": np.asarray(value)} | model.grads | {f"own {k}": v for k, v in model.params.items()}
    )


def _holes(before, after, changes, healthy):
    if "x" not in changes:
        return ""
    x, y, old = np.asarray(after.x), np.asarray(after.y), before.x
    if x.ndim != 2 or y.ndim != 1:
        return "x, which has no rows any more"
    if x.shape[1] != old.shape[1]:
        return "x, with other columns"
    if len(x) != len(y):
        return "x, with another number of rows than y" if "y" not in changes else "x and y"
    if not np.isfinite(x).all():
        return "x, in which there are nan still"
    holes = np.isnan(old)
    if len(x) == len(old) and "y" not in changes:
        near = holes.any(axis=1)[:, np.newaxis] | holes.any(axis=0)
        if not np.allclose(x[~near], old[~near], atol=1e-6):
            return "x, and pixels that were good"
        if np.abs(x[near]).max() > 1:
            return "x, with a filling that no pixel could be"
        return None
    pairs = _pairs(old, before.y)
    found = [pair in pairs for pair in _pairs(x, y)]
    if not all(found):
        return "x and y, with rows that the patient did not have"
    if len(set(_pairs(x, y))) < KEPT:
        return "x and y, with many good rows gone"
    return None


def _pairs(x, y):
    """Return images and their labels as something that can be looked up."""
    images = np.ascontiguousarray(x, dtype=np.float32)
    return dict.fromkeys(zip(map(bytes, images), map(float, y), strict=True))


def _decay(before, after, changes, healthy):
    # An optimizer of another kind is new as a whole, whatever its decay.
    if "weight_decay" not in changes:
        return ""
    old, new = before.optimizer.weight_decay, after.optimizer.weight_decay
    if 0 <= new < DECAY:
        return None
    return f"weight_decay, of which {'a part' if new < old else 'more'} is left"


def _units(before, after, changes, healthy):
    if "weights" not in changes:
        return ""
    matrices = _matrices(after.model)
    if not all(np.isfinite(w).all() for w in matrices):
        return "weights, which are not finite"
    apart = [_apart(w, axis) for w, axis in zip(matrices, (1, 0), strict=True)]
    if max(apart) < 0.001:
        return "weights, in which the units are alike as before"
    sizes = [float(np.sqrt((w.astype(float) ** 2).mean() * len(w))) for w in matrices]
    if max(sizes) > LARGEST:
        return "weights, which are far too large now"
    if max(apart) < APART:
        return "weights, in which the units are nearly alike"
    if min(apart) < APART:
        return f"weights, of which w{1 + int(np.argmin(apart))} has units alike"
    if min(sizes) < SMALLEST:
        return "weights, which are far too small now"
    return "weights, which are trained already" if _trained_already(after) else None


def _matrices(model):
    return [array for array in model.params.values() if array.ndim > 1]


def _apart(w, axis):
    """Return how much the units differ, as a share of the size of the numbers."""
    return float(w.std(axis=axis).mean() / max(float(np.sqrt((w**2).mean())), 1e-30))


def _trained_already(after):
    with np.errstate(all="ignore"):
        outputs = copy.deepcopy(after.model).forward(after.x[:JUDGED])
    return (outputs.argmax(axis=1) != np.asarray(after.y[:JUDGED])).mean() < TRAINED


def _labels(before, after, changes, healthy):
    altered = [name for name in ("x", "y") if name in changes]
    if not altered:
        return ""
    x, y = np.asarray(after.x), np.asarray(after.y)
    what = " and ".join(altered)
    if x.ndim != 2 or x.shape[1] != before.x.shape[1] or y.ndim != 1 or len(x) != len(y):
        return f"{what}, which have no rows in common"
    at = _places(healthy.x, x) if "x" in changes else np.arange(len(x))  # (N,)
    if (at < 0).sum() > STRAY:
        # The same sum, and as many that are not 0: no need to sort two million numbers.
        moved = all(np.isclose(f(x), f(before.x)) for f in (np.sum, np.count_nonzero))
        return f"x, in which pixels {'have moved' if moved else 'are others now'}"
    if ((at < 0) | (healthy.y[at] != y)).sum() <= STRAY:
        return None if len(np.unique(at)) >= KEPT else f"{what}, of which many rows are gone"
    few = f"{what}, of which many rows are gone" if len(x) < KEPT else what
    return f"{few}, {_misfit(healthy.y, at, y)}"


def _places(known, x):
    """Return for each image its row among those that are known, or -1."""
    rows = {row: i for i, row in enumerate(map(bytes, known))}
    found = map(bytes, np.ascontiguousarray(x, dtype=np.float32))
    return np.array([rows.get(row, -1) for row in found])


def _misfit(right, at, y):
    """Say by how many rows labels are off."""
    for k in sorted(range(-20, 21), key=abs):
        if (right[(at - k) % len(right)] == y).mean() > 0.95:
            return f"and the labels are off by {abs(k)}, {'down' if k > 0 else 'up'}"
    return "and the labels are not the old ones in their order"


def _copies(before, after, changes, healthy):
    twin = _real(before.model)
    own, due = after.model.params, twin.params
    if {k: v.shape for k, v in own.items()} != {k: v.shape for k, v in due.items()}:
        return ""
    model, x = copy.deepcopy(after.model), before.x[:64]
    start = model.forward(x)
    unread = []
    for name, array in model.params.items():
        kept = array.copy()
        array += 1 + array
        if np.array_equal(model.forward(x), start):
            unread.append(name)
        array[...] = kept
    if unread:
        touched = not np.array_equal(start, before.model.forward(x))
        if len(unread) < len(due):
            return f"layers, but {', '.join(unread)} are not read"
        if "layers" in changes:
            return "layers, but no parameter is read"
        if "weights" in changes:
            return "weights in params, which are not read"
        return "weights in the layers' copies, not in params" if touched else ""
    for name, array in own.items():
        due[name][...] = array
    if not np.allclose(twin.forward(x), start, rtol=1e-3, atol=1e-3):
        return "layers, and what they compute"
    if _trained_already(after):
        return "weights, which are trained already"
    return None


def _real(model):
    """Return a copy of patient 6 with layers that read their parameters."""
    return Sequential([_real_layer(layer) for layer in copy.deepcopy(model.layers)])


def _real_layer(layer):
    if not isinstance(layer, ReadsCopies):
        return layer
    real = Linear(*layer.params["w"].shape, rng=np.random.default_rng(0))
    real.params.update(layer.params)
    return real


LOOKS = (
    (_last_layer, ("layers",), ("loss",)),
    (_holes, ("x", "y")),
    (_decay, ("weight_decay",)),
    (_units, ("weights",)),
    (_labels, ("x", "y")),
    (_copies, ("layers", "weights")),
)
"""For each patient a look at what was made of it, and the changes that may belong to a cure."""


# What comes of an answer


def outcome(answer, number: int, seed: int) -> tuple[str, str, str, str]:
    """Return in four words what an answer made of a patient."""
    before, given = admit(seed, number), admit(seed, number)
    result = answer(given)
    if not (isinstance(result, tuple | list) and len(result) == 2):
        raise TypeError(f"treat_{number} must return two things: a cause and the mended patient")
    cause, mended = result
    if not isinstance(cause, str):
        raise TypeError(f"the cause must be a name from CAUSES, got {type(cause).__name__}")
    if cause not in CAUSES:
        near = difflib.get_close_matches(cause, CAUSES, 1)
        ask = f'; did you mean "{near[0]}"?' if near else ""
        raise ValueError(f"no such name in CAUSES: {cause!r}{ask}")
    _check_that_it_is_one(mended)
    healthy = before
    if number == 5:
        healthy = before._replace(y=np.roll(before.y, -SHIFTS[seed % len(SHIFTS)]))
    judged = _judged(number, before, mended, healthy)
    whole = f"{CURED}, and {judged.words}" if judged.words else RIGHT[1]
    return (
        RIGHT[0] if cause == TREATED[number - 1].cause else cause,
        whole if judged.cured else judged.words,
        UNTRIED if judged.in_part else _verdict(mended),
        _named(differences(before, given), before, given) or RIGHT[3],
    )


def _check_that_it_is_one(mended):
    if not isinstance(mended, Patient):
        got = type(mended).__name__
        raise TypeError(f"the mended patient must be one, such as patient._replace(...), got {got}")
    if not isinstance(mended.model, Sequential):
        got = type(mended.model).__name__
        raise TypeError(f"the mended patient's model must be a Sequential, got {got}")
    if not isinstance(mended.optimizer, Optimizer):
        new = mended.optimizer
        got = f"the class {new.__name__}: it needs its brackets" if isinstance(new, type) else new
        raise TypeError(f"the mended patient's optimizer must be one, such as SGD(0.1), got {got}")


def _verdict(mended):
    try:
        trained = train(mended)
    except Exception as error:  # whatever a reader's array or layer may raise
        return f"raises {type(error).__name__}: {error}"[:150]
    learned = math.isfinite(trained.loss) and trained.loss < LOSS and trained.error < ERROR
    return RIGHT[2] if learned else "does not learn"
