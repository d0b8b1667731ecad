"""Exercises of lesson 15, The clinic: six sick networks to name and to mend.

The seeds of the checks are 1000 to 1047. The references end below 0.7 of the loss that counts as
learned, and 0.6 of the error; the tests ask.
"""

import copy
import functools
import types

import numpy as np

from ...clinic.patients import train
from ...data import one_hot
from ...initializers import he_normal, normal
from ...layers import Linear, Sigmoid, Softmax
from ...model import Sequential
from ...optimizers import SGD, Adam
from .._exercise import Mistake
from ..clinic import IN_PLACE, TWO, exercise, seed_shifted_by

# Treatments


def _says(cause, mend=lambda patient: patient):
    """Return an answer that names a cause and treats a patient with a function."""
    return lambda patient: (cause, mend(patient))


def _in_turn(*mends):
    return lambda patient: functools.reduce(lambda treated, mend: mend(treated), mends, patient)


def _rate(factor):
    def mend(patient):
        optimizer = copy.deepcopy(patient.optimizer)
        optimizer.learning_rate *= factor
        return patient._replace(optimizer=optimizer)

    return mend


def _set_weights(change):
    """Return a treatment that puts change(w, rng) in the place of each matrix, in a copy."""

    def mend(patient):
        model, rng = copy.deepcopy(patient.model), np.random.default_rng(1)
        for w in model.params.values():
            if w.ndim > 1:
                w[...] = change(w, rng)
        return patient._replace(model=model)

    return mend


def _he(w, rng):
    return he_normal(w.shape, rng=rng)


def _in_place(cause, change):
    """Return an answer that changes the patient itself."""

    def answer(patient):
        change(patient)
        return cause, patient

    return answer


NOTHING = "the cause is named, but nothing is mended"
NOTHING_HINT = (
    "You know what it is. Now return a patient in which it is gone: patient._replace(...) with "
    "something new in it."
)
TWO_HINT = (
    "It learns, but you cannot say which of the two did it. Take one back, and look whether it "
    "still learns."
)

# treat_1


def treat_1(patient):
    return "softmax twice", patient._replace(model=Sequential(patient.model.layers[:-1]))


def _without_softmax(patient):
    layers = [layer for layer in patient.model.layers if not isinstance(layer, Softmax)]
    return patient._replace(model=Sequential(copy.deepcopy(layers)))


def _of_probabilities(p, y):
    n = len(y)
    right = p[np.arange(n), y]  # (N,)
    d_p = np.zeros_like(p)
    d_p[np.arange(n), y] = -1 / (n * right)
    return -np.log(right).mean(), d_p


def _last_replaced(patient):
    return patient._replace(model=Sequential([*patient.model.layers[:-1], Sigmoid()]))


TREAT_1 = exercise(
    1,
    points=1,
    goal="Recognize a loss that cannot fall below a floor, and take away what holds it up.",
    misconception="A loss that falls slowly is taken for a rate that is too small.",
    reference=treat_1,
    variants=(
        _says("softmax twice", _without_softmax),
        _says("softmax twice", lambda patient: patient._replace(loss=_of_probabilities)),
    ),
    mistakes=(
        Mistake(
            "a larger rate, for a loss that falls slowly",
            _says("rate too small", _rate(10)),
            "With any rate the loss stays above 1.46. Between which two numbers does each output "
            "of the last layer lie?",
        ),
        Mistake(
            "a smaller rate, for a loss that stops falling",
            _says("rate too large", _rate(0.1)),
            "A rate that is too large makes the loss jump. Does this one jump, or does it lie on a "
            "floor?",
        ),
        Mistake(
            "the right cure under a name that is too wide",
            _says("activation on the logits", _without_softmax),
            "You took away the right layer. CAUSES has a name for this very one: the loss takes "
            "logits, so what does it do with them first?",
        ),
        Mistake(
            "the layer is exchanged, where it should go",
            _says("softmax twice", _last_replaced),
            "There is still a last layer between the logits and the loss, and it changes them. "
            "Which outputs does this loss want?",
        ),
        Mistake(
            "too many layers are gone",
            _says("softmax twice", lambda p: p._replace(model=Sequential(p.model.layers[:-2]))),
            "More than one layer is gone now. Print the layers before and after. Which one was at "
            "fault?",
        ),
        Mistake(
            "a new network, with new weights",
            _says("softmax twice", lambda p: p._replace(model=_anew(p.model.layers[:-1]))),
            "The weights are new, too. They were not at fault: keep the patient's own layers.",
        ),
        Mistake(NOTHING, _says("softmax twice"), NOTHING_HINT),
        Mistake(
            IN_PLACE,
            _in_place("softmax twice", lambda patient: patient.model.layers.pop()),
            "pop takes the layer from the patient that you were given, and nobody can compare any "
            "more. Make a new list of layers, and a new Sequential.",
        ),
        Mistake(TWO, _says("softmax twice", _in_turn(_without_softmax, _rate(2))), TWO_HINT),
    ),
    hints=(
        "Train it for 3,000 steps. The error falls, but what is the smallest loss of any batch? "
        "Then look at a few rows of the outputs: their range, their sum.",
        "This loss computes softmax by itself. ln(1 + 9 / e) = 1.46 is the least it can give for "
        "numbers between 0 and 1.",
        "A network without its last layer is a Sequential of the others. (Predicted? After 3,000 "
        "steps the loss is still above 1.5, just over that least value. Healthy, it is near 0.02.)",
    ),
)

# treat_2


def treat_2(patient):
    whole = np.isfinite(patient.x).all(axis=1)  # (N,)
    return "nan in the data", patient._replace(x=patient.x[whole], y=patient.y[whole])


def _holes_to(value):
    return lambda p: p._replace(x=np.where(np.isnan(p.x), np.float32(value), p.x))


def _rows_of_x_only(patient):
    return patient._replace(x=patient.x[np.isfinite(patient.x).all(axis=1)])


def _first_whole(patient):
    whole = np.flatnonzero(np.isfinite(patient.x).all(axis=1))[:1000]
    return patient._replace(x=patient.x[whole], y=patient.y[whole])


def _first_hole(patient):
    x = patient.x.copy()
    x[tuple(np.argwhere(np.isnan(x))[0])] = 0
    return patient._replace(x=x)


def _fill(patient):
    patient.x[np.isnan(patient.x)] = 0


TREAT_2 = exercise(
    2,
    points=2,
    goal="Trace a loss of nan back to where the first nan comes from.",
    misconception="A loss of nan is always blamed on the learning rate.",
    reference=treat_2,
    variants=(
        _says("nan in the data", _holes_to(0)),
        _says("nan in the data", lambda p: p._replace(x=np.nan_to_num(p.x))),
        _says("nan in the data", _holes_to(0.5)),
    ),
    mistakes=(
        Mistake(
            "a smaller rate, as if it had diverged",
            _says("rate too large", _rate(0.1)),
            "A network that diverges has a loss that grows before it is nan. Did this one grow? "
            "Try a rate of 1e-6.",
        ),
        Mistake(
            "new weights, where the old ones were whole",
            _says("nan in the weights", _set_weights(_he)),
            "Look at the weights before the first step: is there a nan in them? What else goes "
            "into the first product?",
        ),
        Mistake(
            "the pixels are scaled",
            _says("inputs not scaled", lambda p: p._replace(x=p.x / 255)),
            "np.nanmax tells the largest pixel, and it is 1. And nan divided by 255 is nan.",
        ),
        Mistake(
            "rows are taken from x, but not from y",
            _says("nan in the data", _rows_of_x_only),
            "An image that goes takes its label with it. Choose the same rows of both.",
        ),
        Mistake(
            "some holes are left",
            _says("nan in the data", _first_hole),
            "There are nan in x after your treatment. One is enough to spoil all weights. Count "
            "them.",
        ),
        Mistake(
            "a mask of pixels, where one of images is due",
            _says("nan in the data", lambda p: p._replace(x=p.x[p.x != np.nan])),
            "Your x has no rows any more: a mask of pixels makes one long line of it. Which mask "
            "has one entry per image? (And x != np.nan is True everywhere, for nan too.)",
        ),
        Mistake(
            "columns are taken in place of rows",
            _says("nan in the data", lambda p: p._replace(x=p.x[:, np.isfinite(p.x).all(axis=0)])),
            "The images no longer have 784 pixels. Along which axis do you look for "
            "holes, and along which do you choose?",
        ),
        Mistake(
            "most of the data are thrown away",
            _says("nan in the data", _first_whole),
            "The holes are gone, and many good rows with them. How many rows have a hole? Only "
            "those need to go.",
        ),
        Mistake(
            "the holes are filled with a large number",
            _says("nan in the data", _holes_to(1000)),
            "No nan is left. But what you put there is far from what pixels are: they lie between "
            "0 and 1.",
        ),
        Mistake(NOTHING, _says("nan in the data"), NOTHING_HINT),
        Mistake(
            IN_PLACE,
            _in_place("nan in the data", _fill),
            "An assignment into patient.x changes the data that you were given, and whoever else "
            "holds them will wonder. Make a new array.",
        ),
        Mistake(TWO, _says("nan in the data", _in_turn(_holes_to(0), _rate(0.5))), TWO_HINT),
    ),
    hints=(
        "In train(patient).losses a good number is followed by nan. Nothing has grown. So somebody "
        "brought a nan along: what meets in the first layer?",
        "np.isnan(...).sum() on weights, biases and images. Which rows are concerned?",
        "np.isfinite finds good entries, .all(axis=...) good rows. Leave the others out, of images "
        "and labels; or fill the holes with a harmless number. (Predicted? At too large a rate "
        "the losses would grow before the first nan; these do not.)",
    ),
)

# treat_3


def treat_3(patient):
    optimizer = copy.deepcopy(patient.optimizer)
    optimizer.weight_decay = 0.0
    return "penalty too strong", patient._replace(optimizer=optimizer)


def _decay(factor):
    def mend(patient):
        old = patient.optimizer
        return patient._replace(
            optimizer=SGD(old.learning_rate, weight_decay=factor * old.weight_decay)
        )

    return mend


TREAT_3 = exercise(
    3,
    points=2,
    goal="See that something other than the loss moves the weights, and find what.",
    misconception="Only the rate is looked at, since it is the setting one knows.",
    reference=treat_3,
    variants=(
        _says("penalty too strong", lambda p: p._replace(optimizer=SGD(p.optimizer.learning_rate))),
        _says("penalty too strong", _decay(0.001)),
    ),
    mistakes=(
        Mistake(
            "a larger rate, for a loss that stands still",
            _says("rate too small", _rate(10)),
            "The weights move: watch their norm for ten steps. They do not move towards a smaller "
            "loss. What else pulls at them?",
        ),
        Mistake(
            "a smaller rate, for a loss that rises",
            _says("rate too large", _rate(0.1)),
            "At any rate the weights shrink towards zero, only sooner or later. The gradient of "
            "the loss does not do that. What does?",
        ),
        Mistake(
            "larger weights, which shrink as well",
            _says("weights too small", _set_weights(lambda w, rng: 3 * w)),
            "At the start the weights were of a healthy size. They lost it. Find what makes them "
            "lose it.",
        ),
        Mistake(
            "a part of it is left",
            _says("penalty too strong", _decay(0.5)),
            "A part of far too much is still too much. Lesson 13 has worked with 0.003, and found "
            "0.03 too strong already.",
        ),
        Mistake(
            "a smaller rate, in an optimizer that lacks settings of the old one",
            _says(
                "rate too large",
                lambda p: p._replace(optimizer=SGD(p.optimizer.learning_rate / 10)),
            ),
            "Your new optimizer differs from the old one in more than the rate. Print vars() of "
            "both. Which of the differences matters?",
        ),
        Mistake(
            "another optimizer, which takes the penalty along",
            _says("penalty too strong", lambda p: p._replace(optimizer=Adam(0.002))),
            "It learns, but the whole optimizer is another one. Keep the rule and its rate, and "
            "change the one setting that you named.",
        ),
        Mistake(NOTHING, _says("penalty too strong"), NOTHING_HINT),
        Mistake(
            IN_PLACE,
            _in_place("penalty too strong", lambda p: setattr(p.optimizer, "weight_decay", 0.0)),
            "patient.optimizer belongs to the patient that you were given, and so do its settings. "
            "Make a new one, or change a copy.",
        ),
        Mistake(
            TWO,
            _says("penalty too strong", lambda p: p._replace(optimizer=SGD(0.3))),
            "It learns. But the rate is larger, too. Keep the patient's own rate.",
        ),
    ),
    hints=(
        "Train a copy step by step, and print the norm of w1. Compare with what the gradients "
        "alone would do to it.",
        "Ten steps take most of the weights away. Print patient.optimizer with all its settings.",
        "Lesson 13: the penalty takes the share rate times decay from each weight in each step. "
        "Make an optimizer with the same rate and without it. (Predicted? All layers' weights have "
        "moved, towards zero: in most patients less than a quarter of their size is left.)",
    ),
)

# treat_4


def treat_4(patient):
    model, rng = copy.deepcopy(patient.model), np.random.default_rng(0)
    for name, w in model.params.items():
        if name.startswith("w"):
            w[...] = rng.normal(0, np.sqrt(2 / w.shape[0]), w.shape)
    return "units all alike", patient._replace(model=model)


def _anew(layers):
    """Return a network of the same layers with new weights."""
    rng = np.random.default_rng(5)
    return Sequential(
        [
            Linear(*layer.params["w"].shape, rng=rng) if layer.params else type(layer)()
            for layer in layers
        ]
    )


def _built_anew(patient):
    return patient._replace(model=_anew(patient.model.layers))


def _wider(patient):
    rng = np.random.default_rng(3)
    middle = type(patient.model.layers[1])()
    layers = [Linear(784, 100, rng=rng), middle, Linear(100, 10, rng=rng)]
    return patient._replace(model=Sequential(layers))


def _trained_anew(patient):
    mended = treat_4(patient)[1]
    rng, optimizer = np.random.default_rng(0), SGD(0.2)
    for _ in range(60):
        rows = rng.choice(len(mended.x), 64)
        logits = mended.model.forward(mended.x[rows], training=True)
        mended.model.backward(mended.loss(logits, mended.y[rows])[1])
        optimizer.step(mended.model)
    return mended


def _overwrite(patient):
    rng = np.random.default_rng(2)
    for w in patient.model.params.values():
        if w.ndim > 1:
            w[...] = _he(w, rng)


TREAT_4 = exercise(
    4,
    points=2,
    goal="Notice that many units do the work of one, where the first loss looks healthy.",
    misconception="Random numbers in a matrix are taken for random units.",
    reference=treat_4,
    variants=(
        _says("units all alike", _built_anew),
        _says(
            "units all alike",
            _set_weights(lambda w, rng: normal(w.shape, 0.05 if len(w) > 99 else 0.2, rng=rng)),
        ),
    ),
    mistakes=(
        Mistake(
            "more units, as if there were too few",
            _says("too few units", _wider),
            "It learns, since the new weights are good. There were units enough, though: how many "
            "of the old ones differ from each other?",
        ),
        Mistake(
            "other weights, as if they were too small",
            _says("weights too small", _set_weights(lambda w, rng: 2 * w)),
            "The outputs of the first layer have a healthy spread. Do not look at the size of the "
            "numbers, look at who has which: compare two columns.",
        ),
        Mistake(
            "other weights, as if they were too large",
            _says("weights too large", _set_weights(lambda w, rng: 0.5 * w)),
            "The first loss is near ln 10, so nothing is too large. Your change leaves each unit "
            "what it was beside the others. Compare two columns.",
        ),
        Mistake(
            "other weights, as if the units were saturated",
            _says("units saturated", _set_weights(lambda w, rng: 0.3 * w)),
            "Count the outputs of the hidden layer that are near their limits before you name "
            "them. And compare those of two units for the same images.",
        ),
        Mistake(
            "a smaller rate",
            _says("rate too large", _rate(0.1)),
            "With a rate that is too large the loss jumps. With a smaller one this loss falls no "
            "further, only later. Compare the outputs of two hidden units.",
        ),
        Mistake(
            "a larger rate",
            _says("rate too small", _rate(10)),
            "The weights move at a healthy pace, and the loss rests all the same. Compare the "
            "outputs of two hidden units for the same images.",
        ),
        Mistake(
            "the units are still alike",
            _says("units all alike", _set_weights(lambda w, rng: w * 0 + np.float32(0.01))),
            "After your treatment all columns of w1 are equal, and all rows of w2. Other numbers "
            "are not enough: each unit needs its own.",
        ),
        Mistake(
            "the units are nearly alike",
            _says("units all alike", _set_weights(lambda w, rng: w + 0.01 * _he(w, rng))),
            "Columns of w1 or rows of w2 differ now, but by far less than they are large. They "
            "must differ about as much as they are large.",
        ),
        Mistake(
            "only w1 is drawn anew",
            _says(
                "units all alike", _set_weights(lambda w, rng: _he(w, rng) if len(w) > 99 else w)
            ),
            "The columns of w1 differ now. Compare the rows of w2 as well: through them the units "
            "get their gradients.",
        ),
        Mistake(
            "new weights that are far too large",
            _says("units all alike", _set_weights(lambda w, rng: rng.normal(0, 1, w.shape))),
            "The units are no longer alike, but the numbers are many times too large. Which spread "
            "is due for 784 inputs?",
        ),
        Mistake(
            "the network is trained inside the answer",
            _says("units all alike", _trained_anew),
            "Before its first step the mended network knows the digits already. Return a start, "
            "and let the check train it.",
        ),
        Mistake(NOTHING, _says("units all alike"), NOTHING_HINT),
        Mistake(
            IN_PLACE,
            _in_place("units all alike", _overwrite),
            "model.params are the live arrays of the patient that you were given. Take a deep copy "
            "of the model first.",
        ),
        Mistake(TWO, _says("units all alike", _in_turn(_set_weights(_he), _rate(1.5))), TWO_HINT),
    ),
    hints=(
        "Averages over a whole layer hide something here. Look at single units: print the outputs "
        "of the hidden layer for one image.",
        "Which column of w1 belongs to which hidden unit? Compare several. Then do the same with "
        "the rows of w2.",
        "Units that start equal get equal gradients. In a deep copy of the model, fill each matrix "
        "with new random numbers, by the rule of lesson 09. (Predicted? One unit would do.)",
    ),
)

# treat_5


def _contrast(patient, k):
    """Return how far the mean images of the ten classes lie apart, with the labels moved."""
    t = one_hot(np.roll(patient.y, k), 10).astype(patient.x.dtype)  # (N, 10)
    means = t.T @ patient.x / t.sum(axis=0)[:, np.newaxis]  # (10, 784)
    return means.var(axis=0).sum()


def treat_5(patient):
    best = max(range(-9, 10), key=lambda k: _contrast(patient, k))
    return "labels shifted", patient._replace(y=np.roll(patient.y, best))


def _by_neighbours(patient):
    """Move the images so that nearest neighbours have the same label."""
    x, y = patient.x[:500], patient.y[:500]
    squares = (x**2).sum(axis=1)  # (N,)
    distance = squares[:, np.newaxis] + squares - 2 * x @ x.T  # (N, N)
    np.fill_diagonal(distance, np.inf)
    nearest = distance.argmin(axis=1)  # (N,)

    def agree(k):
        rows = np.arange(10, 490)
        rows = rows[(nearest[rows] >= 10) & (nearest[rows] < 490)]
        return (y[rows + k] == y[nearest[rows] + k]).mean()

    best = max(range(-5, 6), key=agree)
    return patient._replace(x=np.roll(patient.x, best, axis=0))


def _by_training(patient):
    tried = [patient._replace(y=np.roll(patient.y, k)) for k in range(-4, 5)]
    return min(tried, key=lambda p: train(p, 40).loss)


def _right_shift(patient):
    return treat_5(patient)[1].y


def _moved(k):
    return lambda patient: patient._replace(y=np.roll(patient.y, k))


def _the_wrong_way(patient):
    right = _right_shift(patient)
    best = max(range(-9, 10), key=lambda k: (np.roll(patient.y, k) == right).mean())
    return patient._replace(y=np.roll(patient.y, -best))


def _not_far_enough(patient):
    tried = range(-2, 3)
    return patient._replace(y=np.roll(patient.y, max(tried, key=lambda k: _contrast(patient, k))))


def _step_taken(patient):
    logits = patient.model.forward(patient.x[:64], training=True)
    patient.model.backward(patient.loss(logits, patient.y[:64])[1])
    patient.optimizer.step(patient.model)


def _move_labels(patient):
    patient.y[:] = _right_shift(patient)


def _realigned(patient):
    return treat_5(patient)[1]


TREAT_5 = exercise(
    5,
    points=3,
    goal="Find that images and labels are both fine, and only do not belong together.",
    misconception="Good images and good labels are taken for good data.",
    reference=treat_5,
    # Not by 1, where a search that fails at 3 and one that always moves by 1 may end alike.
    inputs=seed_shifted_by(-2, -1, 2),
    corners=(seed_shifted_by(3), seed_shifted_by(-3)),
    draws=1,
    variants=(_says("labels shifted", _by_neighbours), _says("labels shifted", _by_training)),
    mistakes=(
        Mistake(
            "nothing is found in the labels but disorder",
            _says("labels unrelated"),
            "They look unrelated, row by row. Look at a few images beside a few labels above and "
            "below: is the right one near?",
        ),
        Mistake(
            "the right cure under another name",
            _says("labels unrelated", _realigned),
            "You brought them together again, so they were related all the time. What had happened "
            "to them?",
        ),
        Mistake(
            "a larger rate",
            _says("rate too small", _rate(10)),
            "It learns fifty images by heart at the rate it has, so rate and network are fine. "
            "What of the data: do image and label belong together?",
        ),
        Mistake(
            "a larger network",
            _says("too few units", _wider),
            "The size is enough for digits. Before you enlarge it, show some images with their "
            "labels.",
        ),
        Mistake(
            "the labels are moved by one, for every patient",
            _says("labels shifted", _moved(-1)),
            "That is right for some patients. Others are off by more, or the other way. Let your "
            "function measure how far.",
        ),
        Mistake(
            "the labels are moved the wrong way",
            _says("labels shifted", _the_wrong_way),
            "After your treatment they are twice as far off. np.roll(y, 1) moves each label one "
            "row down. Which way does this patient need?",
        ),
        Mistake(
            "the search does not go far enough",
            _says("labels shifted", _not_far_enough),
            "It is right where your search goes, and no further. How far off may the labels be? "
            "Allow more than you expect, both ways.",
        ),
        Mistake(
            "the labels are others, or in an order of their own",
            _says("labels shifted", lambda p: p._replace(y=(p.y + 1) % 10)),
            "The labels that you return are not the old ones in their order. It is not the digits "
            "that are wrong, but the rows in which they stand.",
        ),
        Mistake(
            "the pixels are moved",
            _says("labels shifted", lambda p: p._replace(x=np.roll(p.x, 1))),
            "The images themselves are others now. np.roll without axis runs through all pixels; "
            "rows are axis 0.",
        ),
        Mistake(
            "few rows are kept",
            _says("labels shifted", lambda p: p._replace(x=p.x[:50], y=p.y[:50])),
            "A few images are learned by heart, with any labels. Look at some of them beside their "
            "labels: they are off as before.",
        ),
        Mistake(
            "the patient is trained while you measure",
            _in_place("labels shifted", _step_taken),
            "backward and step change the weights of the patient that you were given. train(...) "
            "works with a copy; so should you.",
        ),
        Mistake(NOTHING, _says("labels shifted"), NOTHING_HINT),
        Mistake(
            IN_PLACE,
            _in_place("labels shifted", _move_labels),
            "An assignment into patient.y changes the labels that you were given. "
            "Make a new array.",
        ),
        Mistake(TWO, _says("labels shifted", _in_turn(_realigned, _rate(1.5))), TWO_HINT),
    ),
    hints=(
        "show_digits(patient.x[:10]) beside patient.y[:10]. Each label is a digit that stands "
        "there. But where?",
        "The right distance differs from patient to patient, up to three rows either way. So try "
        "several, and measure for each how well images and labels fit.",
        "A measure of the fit: the mean image of each class. With the right labels the ten means "
        "differ most. A short training for each distance does it as well.",
    ),
)

# treat_6


def treat_6(patient):
    rng, layers = np.random.default_rng(0), []
    for layer in patient.model.layers:
        if isinstance(layer, Linear):
            new = Linear(*layer.params["w"].shape, rng=rng)
            for name, array in layer.params.items():
                new.params[name][...] = array
            layers.append(new)
        else:
            layers.append(copy.deepcopy(layer))
    return "parameters not used", patient._replace(model=Sequential(layers))


def _exchanged(patient, count=None):
    model = copy.deepcopy(patient.model)
    for layer in [layer for layer in model.layers if isinstance(layer, Linear)][:count]:
        layer.__class__ = Linear
        del layer.w, layer.b
    return patient._replace(model=model)


def _tied(patient, names="wb"):
    model = copy.deepcopy(patient.model)
    for layer in model.layers:
        if isinstance(layer, Linear):
            for name in names:
                setattr(layer, name, layer.params[name])
    return patient._replace(model=model)


def _bound(patient):
    """Give each layer a forward of its own, which reads params."""

    def forward(self, x, training=False):
        self.cache = x
        return x @ self.params["w"] + self.params["b"]

    model = copy.deepcopy(patient.model)
    for layer in model.layers:
        if isinstance(layer, Linear):
            layer.forward = types.MethodType(forward, layer)
    return patient._replace(model=model)


def _copies_changed(patient):
    model, rng = copy.deepcopy(patient.model), np.random.default_rng(4)
    for layer in model.layers:
        if isinstance(layer, Linear):
            layer.w = _he(layer.w, rng)
    return patient._replace(model=model)


def _exchange(patient):
    for layer in patient.model.layers:
        if isinstance(layer, Linear):
            layer.__class__ = Linear
            del layer.w, layer.b


TREAT_6 = exercise(
    6,
    points=3,
    goal="Tell a layer that does not use its parameters from a step that does not change them.",
    misconception="Parameters that change in params are taken for parameters that act.",
    reference=treat_6,
    variants=(
        _says("parameters not used", _exchanged),
        _says("parameters not used", _tied),
        _says("parameters not used", _bound),
        _says("parameters not used", _built_anew),
    ),
    mistakes=(
        Mistake(
            "a larger rate",
            _says("rate too small", _rate(10)),
            "Steps of any length leave the outputs exactly as they were, to the last digit. Are "
            "the outputs made with the numbers that change?",
        ),
        Mistake(
            "the cure is right, but the gradient was not at fault",
            _says("gradient wrong", _exchanged),
            "The check finds measured slopes of zero, where backward says something sensible. So "
            "backward is the one that is right. What does forward do?",
        ),
        Mistake(
            "the cure is right, but nothing was frozen",
            _says("parameters frozen", _exchanged),
            "Compare params before and after ten steps: they did change. It is the outputs that "
            "did not.",
        ),
        Mistake(
            "new numbers in params",
            _says("parameters not used", _set_weights(_he)),
            "You name it yourself: nobody reads them. New numbers in the same place will not be "
            "read either. The layers must become others.",
        ),
        Mistake(
            "one layer is mended, the others are not",
            _says("parameters not used", functools.partial(_exchanged, count=1)),
            "The first layer works now. Ask the same of the others: change a weight by hand, and "
            "see whether the outputs change.",
        ),
        Mistake(
            "the weights are read, the biases are not",
            _says("parameters not used", functools.partial(_tied, names="w")),
            "Each layer has two arrays, and one of them is still not read. Set a bias to 100 by "
            "hand: does any output answer?",
        ),
        Mistake(
            "new numbers in the copies",
            _says("parameters not used", _copies_changed),
            "The layers compute with other numbers now, but the optimizer changes those in params. "
            "The two must become one.",
        ),
        Mistake(NOTHING, _says("parameters not used"), NOTHING_HINT),
        Mistake(
            IN_PLACE,
            _in_place("parameters not used", _exchange),
            "The layers that you changed are those of the patient that you were given. Make new "
            "layers, or change those of a deep copy.",
        ),
        Mistake(TWO, _says("parameters not used", _in_turn(_exchanged, _rate(1.5))), TWO_HINT),
    ),
    hints=(
        "Outputs for ten images, ten steps with SGD on a deep copy, outputs again: what is the "
        'difference? And that of params["w1"]?',
        "Set one bias of the last layer to 100 by hand. Does any output answer?",
        "The layers look like Linear, and are not. Build a Sequential with real ones of the same "
        "shapes; the activations may stay.",
    ),
)

EXERCISES = (TREAT_1, TREAT_2, TREAT_3, TREAT_4, TREAT_5, TREAT_6)
