"""Exercises of lesson 13, Regularization."""

import itertools

import numpy as np

from .._draw import normal, sizes, whole
from .._exercise import Exercise, Mistake

# l1_price


def l1_price(w, strength):
    return strength * np.abs(w).sum(), strength * np.sign(w)


def _l1_inputs(rng):
    d, k = sizes(rng, 2)
    w = normal(rng, d, k)
    w.flat[rng.permutation(w.size)[:2]] = 0.0
    return w, float(rng.choice([0.1, 0.3, 0.5]))


def _l1_loop(w, strength):
    price, slope = 0.0, np.zeros_like(w)
    for place in np.ndindex(w.shape):
        price += strength * abs(w[place])
        slope[place] = strength * ((w[place] > 0) - float(w[place] < 0))
    return price, slope


L1_PRICE = Exercise(
    name="l1_price",
    lesson=13,
    goal="Write another penalty and its slope, with a convention at the kink.",
    points=1,
    misconception="The slope depends on the size of the weight, as that of L2 does.",
    reference=l1_price,
    inputs=_l1_inputs,
    corners=(
        lambda rng: (np.array([[3e-9, -1e-9, 0.0]]), 0.5),
        lambda rng: (np.array([[2.0, -0.5, 0.0]]), 0.1),
    ),
    outputs=("price", "slope"),
    variants=(
        _l1_loop,
        lambda w, strength: (
            strength * np.sum(w * np.sign(w)),
            np.where(w > 0, strength, np.where(w < 0, -strength, 0.0)),
        ),
    ),
    mistakes=(
        Mistake(
            "this is L2",
            lambda w, strength: (strength / 2 * (w**2).sum(), strength * w),
            "Here the price of a weight is its size, not its square, and the slope does not "
            "depend on how large it is.",
        ),
        Mistake(
            "the slope is the weight, cut at 1",
            lambda w, strength: (strength * np.abs(w).sum(), strength * np.clip(w, -1, 1)),
            "A small weight has the full slope as well. |w| rises at 0.1 as steeply as at 5.",
        ),
        Mistake(
            "the slope is the size",
            lambda w, strength: (strength * np.abs(w).sum(), strength * np.abs(w)),
            "By how much does |w| grow when w = 3 grows by a little? And when w = 5 does?",
        ),
        Mistake(
            "the slope has one sign for all",
            lambda w, strength: (strength * np.abs(w).sum(), strength * np.ones_like(w)),
            "When a negative weight rises, its size falls.",
        ),
        Mistake(
            "the slope lacks the strength",
            lambda w, strength: (strength * np.abs(w).sum(), np.sign(w)),
            "The strength is a factor of the price, so it is one of its slope too.",
        ),
        Mistake(
            "the price lacks the strength",
            lambda w, strength: (np.abs(w).sum(), strength * np.sign(w)),
            "What is the sum of the sizes multiplied with?",
        ),
        Mistake(
            "negative weights lower the price",
            lambda w, strength: (strength * w.sum(), strength * np.sign(w)),
            "A price for the size of a weight counts -3 like 3.",
        ),
        Mistake(
            "half the price",
            lambda w, strength: (strength / 2 * np.abs(w).sum(), strength * np.sign(w)),
            "The 1/2 of L2 is there to cancel the 2 of the square's slope. Here is no square.",
        ),
        Mistake(
            "means where sums are due",
            lambda w, strength: (
                strength * np.abs(w).mean(),
                strength * np.sign(w) / w.size,
            ),
            "Each weight has the same price, however many there are.",
        ),
        Mistake(
            "a mean in the price alone",
            lambda w, strength: (strength * np.abs(w).mean(), strength * np.sign(w)),
            "Each weight has its full price: the sum, not the mean.",
        ),
        Mistake(
            "0 / 0 at zero",
            lambda w, strength: (strength * np.abs(w).sum(), strength * w / np.abs(w)),
            "w / |w| is the sign, except where w is 0. There it is nan, and 0 is asked for.",
        ),
        Mistake(
            "a push at zero",
            lambda w, strength: (
                strength * np.abs(w).sum(),
                strength * np.where(w >= 0, 1.0, -1.0),
            ),
            "A weight that is exactly 0 should rest there: its slope is 0 by convention.",
        ),
        Mistake(
            "this is L2, without its half",
            lambda w, strength: (strength * (w**2).sum(), 2 * strength * w),
            "Here the price of a weight is its size, not its square, and the slope does not "
            "depend on how large it is.",
        ),
        Mistake(
            "the strength is left out",
            lambda w, strength: (np.abs(w).sum(), np.sign(w)),
            "The strength is a factor of the price, and so of its slope too.",
        ),
        *(
            Mistake(
                f"divided by the size and {tiny:g}",
                lambda w, strength, tiny=tiny: (
                    strength * np.abs(w).sum(),
                    strength * w / (np.abs(w) + tiny),
                ),
                "A tiny weight has the full slope as well. The sign is asked for; np.sign(0) is 0.",
            )
            for tiny in (1e-12, 1e-10, 1e-8, 1e-6)
        ),
        Mistake(
            "small weights are taken for zero",
            lambda w, strength: (
                strength * np.abs(w).sum(),
                strength * np.where(np.abs(w) < 1e-8, 0, np.sign(w)),
            ),
            "A tiny weight has the full slope as well. Only exactly 0 has none.",
        ),
        Mistake(
            "a push at zero, to the other side",
            lambda w, strength: (strength * np.abs(w).sum(), strength * np.where(w > 0, 1.0, -1.0)),
            "At exactly 0 take the slope 0.",
        ),
        Mistake(
            "only positive weights have a slope",
            lambda w, strength: (strength * np.abs(w).sum(), strength * (w > 0)),
            "When a negative weight rises, its size falls: its slope is negative.",
        ),
        Mistake(
            "the size of the sum",
            lambda w, strength: (strength * abs(w.sum()), strength * np.sign(w)),
            "First the size of each weight, then their sum: otherwise two signs cancel.",
        ),
        Mistake(
            "the slope has the wrong sign",
            lambda w, strength: (strength * np.abs(w).sum(), -strength * np.sign(w)),
            "When a positive weight rises, so does its size: its slope is positive.",
        ),
        Mistake(
            "a price for each column",
            lambda w, strength: (strength * np.abs(w).sum(axis=0), strength * np.sign(w)),
            "The price is one number: the sum runs over all weights.",
        ),
        Mistake(
            "the largest size",
            lambda w, strength: (strength * np.abs(w).max(), strength * np.sign(w)),
            "Every weight has a price: they are added up.",
        ),
        Mistake(
            "the two results are exchanged",
            lambda w, strength: (strength * np.sign(w), strength * np.abs(w).sum()),
            "Return the price first, then the slope.",
        ),
    ),
    hints=(
        "The price is a sum over all weights. The slope has the shape of w.",
        "Three cases for the slope: above zero, below, and at it. NumPy has a function for them.",
        "(Predicted? L1 takes the same amount off every weight in each step, so each arrives at "
        "zero, to within one step. L2 takes a share of what is left, and something is always "
        "left.)",
    ),
)

# patience_at_work


def patience_at_work(errors, patience):
    best = 1
    for epoch in range(1, len(errors) + 1):
        if errors[epoch - 1] < errors[best - 1]:
            best = epoch
        if epoch - best >= patience:
            return epoch, best
    return len(errors), best


def _patience_inputs(rng):
    count = int(rng.integers(6, 15))
    fall = 0.3 * 0.8 ** np.arange(count) + 0.1
    return np.round(fall + rng.choice([0, 0.01, 0.03, 0.05], count), 2), int(rng.integers(2, 5))


def _patience_with(
    better=lambda now, best, before: now < best,
    stop=lambda epoch, best, patience: epoch - best >= patience,
    result=lambda epoch, best, errors: (epoch, best),
):
    """Return the function with something else in it."""

    def function(errors, patience):
        best, lowest, before = 0, np.inf, np.inf
        for epoch, now in enumerate(errors, start=1):
            if better(now, lowest, before):
                best, lowest = epoch, now
            before = now
            if stop(epoch, best, patience):
                return result(epoch, best, errors)
        return result(len(errors), best, errors)

    return function


def _patience_from(start):
    def function(errors, patience):
        best, lowest = 0, start
        for epoch, now in enumerate(errors, start=1):
            if now < lowest:
                best, lowest = epoch, now
            if epoch - best >= patience:
                return epoch, best
        return len(errors), best

    return function


def _patience_knows_all(errors, patience):
    best = int(np.argmin(errors)) + 1
    return min(best + patience, len(errors)), best


def _patience_total(errors, patience):
    best, bad = 1, 0
    for epoch in range(2, len(errors) + 1):
        if errors[epoch - 1] < errors[best - 1]:
            best = epoch
        else:
            bad += 1
        if bad >= patience:
            return epoch, best
    return len(errors), best


def _patience_counter(errors, patience):
    best, lowest, waited = 0, float("inf"), 0
    for epoch, error in enumerate(errors):
        waited += 1
        if error < lowest:
            best, lowest, waited = epoch, error, 0
        if waited == patience:
            return epoch + 1, best + 1
    return len(errors), best + 1


def _patience_argmin(errors, patience):
    for epoch in range(1, len(errors) + 1):
        best = int(np.argmin(errors[:epoch])) + 1
        if best + patience <= epoch:
            break
    return epoch, best


def _patience_first_rise(errors, patience):
    for epoch in range(2, len(errors) + 1):
        if errors[epoch - 1] >= errors[epoch - 2]:
            return epoch, epoch - 1
    return len(errors), len(errors)


def _patience_rises(errors, patience):
    best, bad = 1, 0
    for epoch in range(2, len(errors) + 1):
        if errors[epoch - 1] < errors[best - 1]:
            best = epoch
        bad = bad + 1 if errors[epoch - 1] > errors[epoch - 2] else 0
        if bad >= patience:
            return epoch, best
    return len(errors), best


def _patience_short(errors, patience):
    epochs, best = patience_at_work(errors, patience)
    return (epochs - 1 if epochs - best >= patience else epochs), best


def _patience_end(errors, patience, more):
    """Return what is right if training stops, and otherwise more epochs, or nothing."""
    epochs, best = patience_at_work(errors, patience)
    if epochs - best >= patience:
        return epochs, best
    return None if more is None else (epochs + more, best)


def _patience_in_a_row(errors, patience):
    best, bad = 1, 0
    for epoch in range(2, len(errors) + 1):
        if errors[epoch - 1] < errors[best - 1]:
            best = epoch
        bad = 0 if errors[epoch - 1] < errors[epoch - 2] else bad + 1
        if bad >= patience:
            return epoch, best
    return len(errors), best


PATIENCE_AT_WORK = Exercise(
    name="patience_at_work",
    lesson=13,
    goal="Say when early stopping stops, and which epoch it keeps.",
    points=2,
    misconception="An epoch is compared with the one before it, not with the best so far.",
    reference=patience_at_work,
    inputs=_patience_inputs,
    call=whole,
    corners=(
        lambda rng: (np.array([0.5, 0.6, 0.4]), 1),
        lambda rng: (np.array([0.5, 0.4, 0.4, 0.4, 0.3, 0.2]), 2),
        lambda rng: (np.array([0.5, 0.3, 0.4, 0.35, 0.34, 0.33, 0.32, 0.31]), 3),
        lambda rng: (np.array([0.5, 0.6, 0.4, 0.5, 0.3, 0.4, 0.2]), 2),
        lambda rng: (np.array([0.9, 0.5, 0.6, 0.7, 0.8, 0.1, 0.05]), 3),
        lambda rng: (np.array([0.5, 0.4, 0.3, 0.35]), 3),
        lambda rng: (np.array([2.4, 1.9, 2.0, 1.95, 1.7]), 2),
        lambda rng: (np.array([0.5, 0.4, 0.3995, 0.41, 0.42, 0.3]), 2),
        # Falls of a billionth, in numbers so small that a message shows them.
        lambda rng: (1e-9 * np.array([5.0, 3.0, 2.5, 4.0, 6.0, 1.0]), 2),
    ),
    outputs=("epochs", "best"),
    out_of_reach=("EarlyStopping",),
    variants=(_patience_counter, _patience_argmin),
    mistakes=(
        Mistake(
            "compared with the epoch before",
            _patience_with(better=lambda now, best, before: now < before),
            "An error may fall from epoch to epoch and still be worse than the best one. Compare "
            "with that.",
        ),
        Mistake(
            "an equal error counts as better",
            _patience_with(better=lambda now, best, before: now <= best),
            "An epoch that is as good as the best has improved nothing.",
        ),
        Mistake(
            "small improvements do not count",
            _patience_with(better=lambda now, best, before: now < best - 1e-3),
            "Below is below, by however little.",
        ),
        Mistake(
            "very small improvements do not count",
            _patience_with(better=lambda now, best, before: now < best - 1e-5),
            "Below is below, by however little: a billionth will do.",
        ),
        Mistake(
            "the best error starts too low",
            _patience_from(1.0),
            "The first epoch is the best so far, however large its error. Begin with that error, "
            "or with infinity.",
        ),
        Mistake(
            "the best error starts at 0",
            _patience_from(0.0),
            "No error is below 0, so no epoch is ever the best. Begin with the first error, or "
            "with infinity.",
        ),
        Mistake(
            "the best of the whole list is looked for first",
            _patience_knows_all,
            "After an epoch training knows the errors up to there and no others. It may have "
            "stopped before the best of the list came.",
        ),
        Mistake(
            "one epoch too patient",
            _patience_with(stop=lambda epoch, best, patience: epoch - best > patience),
            "With a patience of 2 and the best at epoch 3, it stops after epoch 5. Try this by "
            "hand.",
        ),
        Mistake(
            "one epoch too impatient",
            _patience_with(stop=lambda epoch, best, patience: epoch - best >= patience - 1),
            "With a patience of 2 and the best at epoch 3, it stops after epoch 5. Try this by "
            "hand.",
        ),
        Mistake(
            "epochs are counted from 0",
            _patience_with(result=lambda epoch, best, errors: (epoch - 1, best - 1)),
            "The first epoch has the number 1.",
        ),
        Mistake(
            "the best epoch is counted from 0",
            _patience_with(result=lambda epoch, best, errors: (epoch, best - 1)),
            "The first epoch has the number 1, also when it is the best.",
        ),
        Mistake(
            "bad epochs are counted over the whole run",
            _patience_total,
            "A new best starts the waiting anew.",
        ),
        Mistake(
            "the best of epochs that never ran",
            _patience_with(result=lambda epoch, best, errors: (epoch, int(np.argmin(errors)) + 1)),
            "When training has stopped, nobody knows the errors that come after.",
        ),
        Mistake(
            "the last epoch is called the best",
            _patience_with(result=lambda epoch, best, errors: (epoch, epoch)),
            "Stopping comes some epochs after the best. Which weights are kept?",
        ),
        Mistake(
            "the two are exchanged",
            _patience_with(result=lambda epoch, best, errors: (best, epoch)),
            "First how many epochs were run, then which was the best.",
        ),
        Mistake(
            "it never stops",
            _patience_with(stop=lambda epoch, best, patience: False),
            "Inside the loop somebody must ask how long ago the best epoch was.",
        ),
        Mistake(
            "numbers with a point",
            lambda errors, patience: tuple(map(float, patience_at_work(errors, patience))),
            "The numbers are right, but they are floats. Epochs are counted: return integers.",
        ),
        Mistake(
            "the error of the best epoch",
            _patience_with(result=lambda epoch, best, errors: (epoch, errors[best - 1])),
            "The number of the best epoch is asked for, not its error.",
        ),
        Mistake(
            "it stops when the error rises for the first time",
            _patience_first_rise,
            "Training goes on for `patience` epochs after the best so far.",
        ),
        Mistake(
            "the last epoch that runs is not counted",
            _patience_short,
            "The epoch after which training stops has run as well.",
        ),
        Mistake(
            "a run to the end has one epoch too many",
            lambda errors, patience: _patience_end(errors, patience, 1),
            "If it does not stop, as many epochs are run as there are errors.",
        ),
        Mistake(
            "patience counts from the start",
            _patience_with(stop=lambda epoch, best, patience: epoch >= patience),
            "Patience counts from the best epoch so far, and begins anew with every new best.",
        ),
        Mistake(
            "only rises from the epoch before are counted",
            _patience_rises,
            "An epoch that is better than the last, but not than the best, is a bad one too: "
            "count from the best.",
        ),
        Mistake(
            "nothing is returned at the end",
            lambda errors, patience: _patience_end(errors, patience, None),
            "If training never stops, the loop ends: after it another return is due.",
        ),
        Mistake(
            "each epoch is compared with the one before it",
            _patience_in_a_row,
            "An epoch that is better than the last, but not than the best, is a bad one too: count "
            "from the best.",
        ),
    ),
    hints=(
        "Go through the epochs as training does, and know only what it knows by then.",
        "Two questions in each epoch, in this order: is it a new best? How long ago was the best?",
    ),
)

# KeepSome


class _KeepSome:
    def __init__(self, keep, draw):
        self.keep, self.draw = keep, draw

    def forward(self, x, training):
        self.factor = np.ones_like(x)
        if training:
            self.factor = (self.draw(x.shape) < self.keep) / self.keep
        return x * self.factor

    def backward(self, d_out):
        return d_out * self.factor


def _keep(rng, n, d):
    x = normal(rng, n, d)
    x.flat[rng.permutation(x.size)[:2]] = 0.0  # silent for reasons of their own
    numbers = np.round(rng.uniform(0, 0.98, (3, n, d)), 2) + 0.005
    # Three masks that differ, a number between keep and 1 - keep, and a zero that survives.
    keep = float(rng.choice([0.4, 0.6, 0.7, 0.8]))
    numbers[:, 0, :2] = (0.005, 0.985), (0.985, 0.005), (0.005, 0.005)
    numbers[0, -1, -1], numbers[0, -1, 0] = 0.505, 0.005
    x[0, :2], x[-1, -1], x[-1, 0] = (0.7, -1.2), 0.9, 0.0
    return x, normal(rng, n, d), keep, numbers


def _keep_equal(rng):
    """Return a case with numbers that equal keep, to the last bit and in float32, too."""
    x, d_out, _, numbers = _keep(rng, 2, 3)
    numbers[:, -1, 1] = 0.75
    return x, d_out, 0.75, numbers


def _keep_inputs(rng):
    return _keep(rng, *sizes(rng, 2))


def _use_keep(answer, x, d_out, keep, numbers):
    turn = itertools.cycle([*numbers, *(1 - numbers)])  # three are enough, for who needs no more

    def draw(shape):
        u = next(turn)
        if shape != u.shape:
            raise ValueError(f"draw(shape) was called with another shape than that of x, {u.shape}")
        return u.copy()

    layer, other = answer(keep, draw), answer(keep, draw)
    y = _as_it_was(layer.forward(x, True))
    other.forward(x, True)  # a second layer of the kind, as in a network of any depth
    dx = _as_it_was(layer.backward(d_out))
    y_use = _as_it_was(layer.forward(x, False))
    dx_use = _as_it_was(layer.backward(d_out))
    return y, dx, y_use, dx_use, layer.forward(x, True)


def _as_it_was(value):
    """Return a copy of an array; whatever else an answer has returned is judged as it is."""
    return value.copy() if isinstance(value, np.ndarray) else value


def _keep_with(
    chosen=lambda u, keep: u < keep,
    scale=lambda keep: 1 / keep,
    use=lambda x, factor, keep: x,
    back=lambda d_out, factor, y, layer: d_out * factor,
    shape=lambda x: x.shape,
    once=False,
    always=False,
    stale=False,
    draws_in_use=False,
):
    """Return the layer with something else in it."""

    class Layer:
        def __init__(self, keep, draw):
            self.keep, self.draw, self.factor = keep, draw, None

        def new(self, x):
            return chosen(self.draw(shape(x)), self.keep) * scale(self.keep)

        def forward(self, x, training):
            if training or always:
                if self.factor is None or not once:
                    self.factor = self.new(x)
                self.now, self.y = self.factor, x * self.factor
            else:
                if draws_in_use:
                    self.draw(x.shape)
                if not stale:
                    self.now = use(np.ones_like(x), None, self.keep)
                self.y = use(x, None, self.keep)
            return self.y

        def backward(self, d_out):
            return back(d_out, self.now, self.y, self)

    return Layer


class _KeepDrawsAnew(_KeepSome):
    def forward(self, x, training):
        self.training = training
        return super().forward(x, training)

    def backward(self, d_out):
        if not self.training:
            return d_out
        return d_out * (self.draw(d_out.shape) < self.keep) / self.keep


class _KeepShared(_KeepSome):
    def forward(self, x, training):
        _KeepShared.factor = np.ones_like(x)
        if training:
            _KeepShared.factor = (self.draw(x.shape) < self.keep) / self.keep
        return x * self.factor


class _KeepInPlace(_KeepSome):
    def forward(self, x, training):
        self.factor = (self.draw(x.shape) < self.keep) / self.keep if training else 1.0
        x *= self.factor
        return x


class _KeepBackUnscaled(_KeepSome):
    def backward(self, d_out):
        return d_out * (self.factor > 0)


class _KeepPlaces:
    def __init__(self, keep, draw):
        self.keep, self.draw = keep, draw

    def forward(self, x, training):
        self.silent = self.draw(x.shape) >= self.keep if training else None
        return self._pass(x)

    def backward(self, d_out):
        return self._pass(d_out)

    def _pass(self, a):
        if self.silent is None:
            return a.copy()
        a = a / self.keep
        a[self.silent] = 0
        return a


class _KeepWhere:
    def __init__(self, keep, draw):
        self.keep, self.draw = keep, draw
        self.mask = None

    def forward(self, x, training):
        if not training:
            self.mask, self.size = np.full(x.shape, True), 1
            return x
        u, self.size = self.draw(x.shape), self.keep
        self.mask = ~(u >= self.keep)
        return np.where(self.mask, x, 0) / self.size

    def backward(self, d_out):
        return np.where(self.mask, d_out, 0) / self.size


class _KeepReadsOutput(_KeepSome):
    def forward(self, x, training):
        y = super().forward(x, training)
        if training:
            self.factor = (y != 0) / self.keep
        return y


class _KeepDrawsAlways(_KeepSome):
    def backward(self, d_out):
        return d_out * (self.draw(d_out.shape) < self.keep) / self.keep


class _KeepNoShape(_KeepSome):
    def forward(self, x, training):
        self.factor = (self.draw() < self.keep) / self.keep if training else np.ones_like(x)
        return x * self.factor


class _KeepTwice(_KeepSome):
    def forward(self, x, training):
        if training:
            self.draw(x.shape)
        return super().forward(x, training)


class _KeepExchanged(_KeepSome):
    def forward(self, x, training):
        return super().forward(x, not training)


class _KeepLouderForward(_KeepSome):
    def forward(self, x, training):
        y = super().forward(x, training)
        return y if training else y / self.keep


class _KeepSignOfOutput(_KeepSome):
    def forward(self, x, training):
        y = super().forward(x, training)
        if training:
            self.factor = (y > 0) / self.keep
        return y


KEEP_SOME = Exercise(
    name="KeepSome",
    lesson=13,
    goal="Write a layer with randomness in it: one mask for both directions, two modes.",
    points=3,
    misconception="backward draws a mask of its own; or test mode silences units as well.",
    reference=_KeepSome,
    inputs=_keep_inputs,
    corners=(lambda rng: _keep(rng, 3, 3), _keep_equal),
    call=_use_keep,
    arguments=("x", "d_out", "keep", "what the calls of draw return, in turn"),
    outputs=("y", "dx", "y in use", "dx in use", "y of a second step in training"),
    out_of_reach=("Dropout",),
    variants=(_KeepPlaces, _KeepWhere),
    mistakes=(
        Mistake(
            "backward draws a mask of its own",
            _KeepDrawsAnew,
            "A unit that was silent has no part in the loss. backward needs the very mask of the "
            "forward pass: keep it.",
        ),
        Mistake(
            "the survivors are not made louder",
            _keep_with(scale=lambda keep: 1.0),
            "In training the next layer gets smaller sums than in use. What makes up for it?",
        ),
        Mistake(
            "divided by the wrong probability",
            _keep_with(scale=lambda keep: 1 / (1 - keep)),
            "Divide by the probability of surviving. In the lesson that was 1 - rate; what is it "
            "here?",
        ),
        Mistake(
            "multiplied where a division is due",
            _keep_with(scale=lambda keep: keep),
            "The survivors have to speak louder, not more softly.",
        ),
        Mistake(
            "the survivors are silenced",
            _keep_with(chosen=lambda u, keep: u >= keep),
            "keep is the probability of surviving. For which uniform numbers is it met, those "
            "below it or those above?",
        ),
        Mistake(
            "a number equal to keep survives, too",
            _keep_with(chosen=lambda u, keep: u <= keep),
            "The text draws the line: an entry survives where its number is below keep.",
        ),
        Mistake(
            "those above keep survive",
            _keep_with(chosen=lambda u, keep: u > keep),
            "keep is the probability of surviving. For which uniform numbers is it met, those "
            "below it or those above?",
        ),
        Mistake(
            "keep is taken for the rate",
            _keep_with(chosen=lambda u, keep: u >= keep, scale=lambda keep: 1 / (1 - keep)),
            "The lesson's rate was the probability of being silenced. keep is the other side: the "
            "probability of surviving.",
        ),
        Mistake(
            "keep is taken for the rate, and those above it survive",
            _keep_with(chosen=lambda u, keep: u > keep, scale=lambda keep: 1 / (1 - keep)),
            "The lesson's rate was the probability of being silenced. keep is the other side: the "
            "probability of surviving.",
        ),
        Mistake(
            "as many survive as should be silent",
            _keep_with(chosen=lambda u, keep: u < 1 - keep),
            "A uniform number lies below keep with the probability keep. What is the probability "
            "of your comparison?",
        ),
        Mistake(
            "1 - keep throughout",
            _keep_with(chosen=lambda u, keep: u < 1 - keep, scale=lambda keep: 1 / (1 - keep)),
            "keep is the probability of surviving, and 1 - keep that of being silenced. Which of "
            "them belongs here?",
        ),
        Mistake(
            "all layers of the kind share one mask",
            _KeepShared,
            "A second layer has run in between, and this one found its mask. What belongs to one "
            "object goes into self.",
        ),
        Mistake(
            "draw is called in use too",
            _keep_with(draws_in_use=True),
            "Who draws where no numbers are needed uses up those of the next step. In use, "
            "nothing is drawn.",
        ),
        Mistake(
            "backward lets everything pass",
            _keep_with(back=lambda d_out, factor, y, layer: d_out),
            "y is x times a number. The slope is that number, and for a silent unit it is 0.",
        ),
        Mistake(
            "backward forgets the division",
            _KeepBackUnscaled,
            "y is x times mask / keep. The whole factor belongs to the slope.",
        ),
        Mistake(
            "units are silenced in use too",
            _keep_with(always=True),
            "What is training for? In use, nobody is silenced.",
        ),
        Mistake(
            "in use everything is made softer",
            _keep_with(use=lambda x, factor, keep: x * keep),
            "The division in training has put that right already. In use, x passes as it is.",
        ),
        Mistake(
            "the original dropout, softer in use",
            _keep_with(scale=lambda keep: 1.0, use=lambda x, factor, keep: x * keep),
            "That was the first form of dropout, and it works too. Here the correction is made in "
            "training, and in use x passes as it is.",
        ),
        Mistake(
            "the training mask is still there in use",
            _keep_with(stale=True),
            "backward belongs to the latest forward. After one in use, the slope is 1 everywhere.",
        ),
        Mistake(
            "silent units are known by their zeros",
            _keep_with(
                back=lambda d_out, factor, y, layer: (
                    d_out * np.where(y != 0, factor.max(initial=0), 0)
                )
            ),
            "An output can be 0 because its input was. Remember the mask itself.",
        ),
        Mistake(
            "draw is not asked for the shape of x",
            _keep_with(shape=lambda x: x.shape[1:]),
            "Each entry of x, in each example, needs a number of its own.",
        ),
        Mistake(
            "the mask is drawn once and for all",
            _keep_with(once=True),
            "The same units would be silent for ever. Draw anew in every forward pass in training.",
        ),
        Mistake(
            "the argument is changed",
            _KeepInPlace,
            "x *= ... or an assignment into x writes into the caller's array. Make a new one.",
        ),
        Mistake(
            "in training, the mask is read off the output",
            _KeepReadsOutput,
            "An output can be 0 because its input was. Remember the mask itself.",
        ),
        Mistake(
            "as many survive, but others",
            _keep_with(chosen=lambda u, keep: u > 1 - keep),
            "Which entries survive is said: those whose number is below keep.",
        ),
        Mistake(
            "backward draws anew, in use too",
            _KeepDrawsAlways,
            "backward has to follow the mask of the latest forward. Remember it there.",
        ),
        Mistake(
            "draw is called without a shape",
            _KeepNoShape,
            "draw needs to know the shape of what it returns: that of x.",
        ),
        Mistake(
            "draw is called twice in one pass",
            _KeepTwice,
            "One call of draw for each forward in training.",
        ),
        Mistake(
            "training and use are exchanged",
            _KeepExchanged,
            "In training units are silenced; in use everything passes.",
        ),
        Mistake(
            "the mask comes in twice going back",
            _keep_with(back=lambda d_out, factor, y, layer: d_out * factor**2),
            "Going back each slope is multiplied by the factor of the way forward, once.",
        ),
        Mistake(
            "divided by the mask going back",
            _keep_with(back=lambda d_out, factor, y, layer: d_out / np.float64(factor)),
            "Going back each slope is multiplied by the factor of the way forward. Silent units "
            "have the slope 0.",
        ),
        Mistake(
            "in use everything is made louder",
            _keep_with(use=lambda x, factor, keep: x / keep),
            "The division in training is there so that nothing needs to be done in use.",
        ),
        Mistake(
            "in use everything is made louder, and slopes are not",
            _KeepLouderForward,
            "The division in training is there so that nothing needs to be done in use.",
        ),
        Mistake(
            "backward looks at the sign of the output",
            _KeepSignOfOutput,
            "Negative entries survive as well, and 0 may: the mask says who does.",
        ),
    ),
    hints=(
        "forward in training: draw, compare with keep, multiply, divide. Remember the factor.",
        "backward multiplies d_out by the same factor. What is the factor in use?",
        "One factor for both passes: what is it for a survivor, for a silent one, in use? "
        "(Predicted? dx is wrong wherever the two masks differ. For a d_out that never changes it "
        "would be right on average. But in a network d_out depends on the mask of the forward "
        "pass, so there it is wrong on average, too.)",
    ),
)

EXERCISES = (L1_PRICE, PATIENCE_AT_WORK, KEEP_SOME)
