"""Exercises of lesson 12, Regularization."""

import itertools

import numpy as np

from .._draw import labels, normal, sizes, whole
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
    lesson=12,
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
        "(Predicted? L1 takes the same amount off every weight in each step, so it brings them to "
        "zero. L2 takes a share of what is left, and something is always left.)",
    ),
)

# mix_pairs


def mix_pairs(x, y, partner, share, classes):
    answers = np.eye(classes)[y]
    keep = share[:, None]
    mixed = keep * x + (1 - keep) * x[partner]
    return mixed, keep * answers + (1 - keep) * answers[partner]


def _mix(rng, n, d, classes):
    y = labels(rng, n, classes)
    y[:3] = rng.permutation(classes)[:3]
    partner = rng.permutation(n) if n > 3 else np.array([1, 2, 0])
    return normal(rng, n, d), y, partner, np.round(rng.uniform(0.55, 0.95, n), 2), classes


def _mix_in_a_ring(rng):
    # Averaged labels 1.2, 2.2 and 0.6: no label of the pair, and cut another than rounded.
    y, partner = np.array([0, 3, 1]), np.array([1, 2, 0])
    return normal(rng, 3, 2), y, partner, np.array([0.6, 0.6, 0.6]), 4


def _mix_inputs(rng):
    n, d, classes = sizes(rng, 3, low=3, high=6)
    return _mix(rng, n, d, classes)


def _mix_with(
    images=lambda x, other, keep: keep * x + (1 - keep) * other,
    answers=lambda t, other, keep: keep * t + (1 - keep) * other,
    who=lambda partner: partner,
    keep=lambda share: share[:, None],
    labels_of=lambda partner: partner,
):
    """Return the function with something else in it."""

    def function(x, y, partner, share, classes):
        t, others, k = np.eye(classes)[y], who(partner), keep(share)
        return images(x, x[others], k), answers(t, t[labels_of(others)], k)

    return function


def _mix_numbers(x, y, partner, share, classes):
    mixed, _ = mix_pairs(x, y, partner, share, classes)
    return mixed, share * y + (1 - share) * y[partner]


def _mix_in_place(x, y, partner, share, classes):
    answers = mix_pairs(x, y, partner, share, classes)[1]
    x[...] = share[:, None] * x + (1 - share[:, None]) * x[partner]
    return x, answers


def _mix_averaged(whole):
    def function(x, y, partner, share, classes):
        mixed, averages = _mix_numbers(x, y, partner, share, classes)
        return mixed, np.eye(classes)[whole(averages).astype(int)]

    return function


def _mix_with_mixed(x, y, partner, share, classes):
    mixed, answers = x.copy(), np.eye(classes)[y]
    for n in range(len(x)):
        for rows in (mixed, answers):
            rows[n] = share[n] * rows[n] + (1 - share[n]) * rows[partner[n]]
    return mixed, answers


def _mix_loop(x, y, partner, share, classes):
    mixed, answers = np.zeros_like(x), np.zeros((len(x), classes))
    for n in range(len(x)):
        mixed[n] = share[n] * x[n] + (1 - share[n]) * x[partner[n]]
        answers[n, y[n]] += share[n]
        answers[n, y[partner[n]]] += 1 - share[n]
    return mixed, answers


def _mix_matrix(x, y, partner, share, classes):
    n = len(x)
    m = np.diag(share)
    m[np.arange(n), partner] += 1 - share
    return m @ x, m @ (y[:, None] == np.arange(classes)).astype(float)


def _mix_partner_share(x, y, partner, share, classes):
    keep, t = share[:, None], np.eye(classes)[y]
    rest = 1 - keep[partner]
    return keep * x + rest * x[partner], keep * t + rest * t[partner]


def _mix_without_last(rng):
    """Return a case in which no image belongs to the last class."""
    return *_mix(rng, 4, 3, 3)[:-1], 5


MIX_PAIRS = Exercise(
    name="mix_pairs",
    lesson=12,
    goal="Mix images in pairs, and say what the right answer to a mixture is.",
    points=2,
    misconception="The images are mixed and the answers are not, or the labels are as numbers.",
    reference=mix_pairs,
    inputs=_mix_inputs,
    corners=(
        _mix_without_last,
        lambda rng: _mix(rng, 3, 3, 3),
        lambda rng: _mix(rng, 5, 3, 4),
        _mix_in_a_ring,
    ),
    outputs=("mixed", "answers"),
    variants=(_mix_loop, _mix_matrix),
    mistakes=(
        Mistake(
            "the answers are not mixed",
            _mix_with(answers=lambda t, other, keep: t),
            "An image that is a third of a 7 should be answered with a third of a 7.",
        ),
        Mistake(
            "the images are not mixed",
            _mix_with(images=lambda x, other, keep: x),
            "The answers belong to mixtures, and the images are still the old ones.",
        ),
        Mistake(
            "labels are mixed as numbers",
            _mix_numbers,
            "Half of a 2 and half of a 6 is not a 4. Make one-hot rows first.",
        ),
        Mistake(
            "one-hot of the averaged labels, cut to whole numbers",
            _mix_averaged(np.floor),
            "Between a 2 and a 6 there is no 4. Make one-hot rows of both labels first, and mix "
            "the rows.",
        ),
        Mistake(
            "one-hot of the averaged labels, rounded",
            _mix_averaged(np.round),
            "Between a 2 and a 6 there is no 4. Make one-hot rows of both labels first, and mix "
            "the rows.",
        ),
        Mistake(
            "a partner is mixed already",
            _mix_with_mixed,
            "In your loop some partners come from rows that have been written before. Read from "
            "the old arrays and write into new ones.",
        ),
        Mistake(
            "the shares are exchanged",
            _mix_with(keep=lambda share: 1 - share[:, None]),
            "share is how much of an image is itself. The partner has the rest.",
        ),
        Mistake(
            "the shares are exchanged in the answers",
            _mix_with(answers=lambda t, other, keep: (1 - keep) * t + keep * other),
            "Image and answer are mixed with the same shares.",
        ),
        Mistake(
            "partners the wrong way round",
            _mix_with(who=np.argsort),
            "partner[n] says whom image n is mixed with: pick the rows of x by it, as it stands.",
        ),
        Mistake(
            "one share for the whole batch",
            _mix_with(keep=lambda share: share[0]),
            "Each pair has its own share.",
        ),
        Mistake(
            "the shares lie along the features",
            _mix_with(keep=lambda share: share),
            "share has one number per image, (N,), and meets the last axis. Give it a second axis "
            "of length 1.",
        ),
        Mistake(
            "the partner is added in full",
            _mix_with(
                images=lambda x, other, keep: keep * x + other,
                answers=lambda t, other, keep: keep * t + other,
            ),
            "The two shares must add up to 1. What is left for the partner?",
        ),
        Mistake(
            "the images are changed in place",
            _mix_in_place,
            "Writing into x changes the caller's images, which are needed again in the next epoch.",
        ),
        Mistake(
            "the partner has the same share",
            _mix_with(images=lambda x, other, keep: keep * x + keep * other),
            "The partner has the rest: 1 minus the share.",
        ),
        Mistake(
            "the partner has the same share, in the answers too",
            _mix_with(
                images=lambda x, other, keep: keep * x + keep * other,
                answers=lambda t, other, keep: keep * t + keep * other,
            ),
            "The partner has the rest: 1 minus the share.",
        ),
        Mistake(
            "half and half",
            _mix_with(keep=lambda share: 0.5),
            "Each pair has its own share, which comes in as an argument.",
        ),
        Mistake(
            "the partner's share is the rest of its own",
            _mix_partner_share,
            "Each image n has one share: it keeps s_n, and its partner has 1 - s_n, with the same "
            "s_n.",
        ),
        Mistake(
            "each pair has the partner's share",
            lambda x, y, partner, share, classes: mix_pairs(x, y, partner, share[partner], classes),
            "share[n] belongs to image n, the one that is mixed, and not to its partner.",
        ),
        Mistake(
            "the classes are counted from the labels",
            lambda x, y, partner, share, classes: mix_pairs(x, y, partner, share, y.max() + 1),
            "There are `classes` columns, even if the last ones have no image here.",
        ),
        Mistake(
            "the images are added in full",
            _mix_with(images=lambda x, other, keep: x + other),
            "Each image counts with its share only.",
        ),
        Mistake(
            "the larger of the two answers",
            _mix_with(answers=lambda t, other, keep: np.maximum(t, other)),
            "The answers are mixed with the same shares as the images, and sum to 1.",
        ),
        Mistake(
            "images and answers have changed places",
            lambda *a: mix_pairs(*a)[::-1],
            "Return the images first, then the answers.",
        ),
    ),
    hints=(
        "x[partner] has, in row n, the partner of image n.",
        "np.eye(classes)[y] has the one-hot rows. Mix them exactly as you mix the images. "
        "(Predicted? A half at 2 and a half at 6; a 4 would mean that it looks like a 4.)",
        "share[:, np.newaxis] has shape (N, 1) and is repeated along the features.",
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


PATIENCE_AT_WORK = Exercise(
    name="patience_at_work",
    lesson=12,
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
    ),
    hints=(
        "Go through the epochs as training does, and know only what it knows by then.",
        "Two questions in each epoch, in this order: is it a new best? How long ago was the best?",
    ),
)

# shift_pixels


def shift_pixels(images, down, right):
    _, height, width = images.shape
    new = np.zeros_like(images)
    for r in range(height):
        for c in range(width):
            if 0 <= r - down < height and 0 <= c - right < width:
                new[:, r, c] = images[:, r - down, c - right]
    return new


def _images(rng, n, height, width):
    count = n * height * width
    return np.round(rng.permutation(count) / count * 0.9 + 0.05, 2).reshape(n, height, width)


def _shift(rng, n, height, width):
    down, right = (int(rng.integers(1 - size, size)) for size in (height, width))
    return _images(rng, n, height, width), down, right


def _shift_inputs(rng):
    return _shift(rng, *sizes(rng, 3, high=5))


def _shift_by(down, right):
    return lambda rng: (_images(rng, 2, 4, 3), down, right)


def _use_shift(answer, images, down, right):
    new = answer(images, down, right)
    if not isinstance(new, np.ndarray):
        return new
    result = new.copy()
    if new.flags.writeable:
        new[...] = 7.0  # the caller draws on the new images; the old ones should not feel it
    return result


def _shift_with(change):
    return lambda images, down, right: shift_pixels(images, *change(down, right))


def _shift_wraps(images, down, right):
    return np.roll(images, (down, right), axis=(1, 2))


def _shift_edge(images, down, right):
    _, height, width = images.shape
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    return images[:, rows][:, :, columns]


def _shift_forward_only(images, down, right):
    new = np.zeros_like(images)
    new[:, down:, right:] = images[:, :-down, :-right]
    return new


def _shift_in_place(images, down, right):
    images[...] = shift_pixels(images, down, right)
    return images


def _shift_same(images, down, right):
    return shift_pixels(images, down, right) if down or right else images


def _shift_roll_emptied(images, down, right):
    new = np.roll(images, (down, right), axis=(1, 2))
    new[:, :down], new[:, :, :right] = 0, 0
    return new


def _shift_cut(images, down, right):
    _, height, width = images.shape
    return images[
        :, max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)
    ].copy()


def _shift_examples(images, down, right):
    return shift_pixels(images.transpose(1, 0, 2), down, right).transpose(1, 0, 2)


def _shift_writes_zero(images, down, right):
    new = images.copy()
    _, height, width = images.shape
    for r in range(height):
        for c in range(width):
            if 0 <= r - down < height and 0 <= c - right < width:
                new[:, r, c] = images[:, r - down, c - right]
    return new


def _shift_asks_beyond(images, down, right):
    new = np.zeros_like(images)
    _, height, width = images.shape
    for r in range(height):
        for c in range(width):
            if r - down < height and c - right < width:
                new[:, r, c] = images[:, r - down, c - right]
    return new


def _shift_puts_beyond(images, down, right):
    new = np.zeros_like(images)
    _, height, width = images.shape
    for r in range(height):
        for c in range(width):
            if r + down < height and c + right < width:
                new[:, r + down, c + right] = images[:, r, c]
    return new


def _shift_padded(images, down, right):
    _, height, width = images.shape
    padded = np.pad(images, ((0, 0), (height, height), (width, width)))
    return padded[:, height - down : 2 * height - down, width - right : 2 * width - right]


def _shift_slices(images, down, right):
    new = np.zeros_like(images)
    _, height, width = images.shape
    to_r, to_c = max(0, down), max(0, right)
    from_r, from_c = max(0, -down), max(0, -right)
    rows, columns = height - abs(down), width - abs(right)
    new[:, to_r : to_r + rows, to_c : to_c + columns] = images[
        :, from_r : from_r + rows, from_c : from_c + columns
    ]
    return new


def _shift_matrices(images, down, right):
    _, height, width = images.shape
    return np.eye(height, k=-down) @ images @ np.eye(width, k=right)


def _shift_emptied_first(images, down, right):
    new = np.roll(images, (down, right), axis=(1, 2))
    new[:, : abs(down)], new[:, :, : abs(right)] = 0, 0
    return new


def _shift_emptied_rows(images, down, right):
    new = np.roll(images, (down, right), axis=(1, 2))
    if down > 0:
        new[:, :down] = 0
    elif down < 0:
        new[:, down:] = 0
    return new


def _shift_emptied_at_zero(images, down, right):
    new = np.roll(images, (down, right), axis=(1, 2))
    new[:, :down] = 0 if down > 0 else new[:, :down]
    new[:, :, :right] = 0 if right > 0 else new[:, :, :right]
    if down <= 0:
        new[:, down:] = 0
    if right <= 0:
        new[:, :, right:] = 0
    return new


def _shift_mask(images, down, right):
    return shift_pixels(np.ones_like(images), down, right) > 0


def _shift_first_row(images, down, right):
    images = images.copy()
    images[:, 0] = 0
    return shift_pixels(images, down, right)


def _shift_one(images, down, right):
    new = np.zeros_like(images)
    new[:1] = shift_pixels(images[:1], down, right)
    return new


def _shift_square(images, down, right):
    new = np.zeros_like(images)
    _, height, width = images.shape
    for r in range(height):
        for c in range(width):
            if 0 <= r - down < height and 0 <= c - right < height:
                new[:, r, c] = images[:, r - down, c - right]
    return new


def _shift_positive(images, down, right):
    new = np.zeros_like(images)
    height, width = images.shape[1:]
    new[:, down:, right:] = images[:, : height - down, : width - right]
    return new


SHIFT_PIXELS = Exercise(
    name="shift_pixels",
    lesson=12,
    goal="Shift images by asking for each new pixel where it comes from.",
    points=3,
    misconception="What leaves on one side comes back on the other, or negative shifts are lost.",
    reference=shift_pixels,
    inputs=_shift_inputs,
    corners=(
        _shift_by(1, 2),
        _shift_by(-1, 1),
        _shift_by(2, 0),
        _shift_by(0, 0),
        lambda rng: (_images(rng, 3, 3, 3), 1, -1),
    ),
    call=_use_shift,
    arguments=("images", "down", "right"),
    out_of_reach=("distort",),
    variants=(_shift_padded, _shift_slices, _shift_matrices),
    mistakes=(
        Mistake(
            "what leaves on one side comes back on the other",
            _shift_wraps,
            "np.roll is a carousel. Outside the image there is paper: zeros come in.",
        ),
        Mistake(
            "rolled, and emptied at the same end whatever the sign",
            _shift_roll_emptied,
            "[:down] is the top for a positive down. For down = -1 the bottom row must be emptied, "
            "and [:-1] is all but that.",
        ),
        Mistake(
            "the other way",
            _shift_with(lambda down, right: (-down, -right)),
            "A positive down moves the ink to larger row numbers. The new pixel r reads the old "
            "one at r - down: which sign have you?",
        ),
        Mistake(
            "down and right are exchanged",
            _shift_with(lambda down, right: (right, down)),
            "Axis 1 counts the rows, from top to bottom. That is the axis of down.",
        ),
        Mistake(
            "only down",
            _shift_with(lambda down, right: (down, 0)),
            "The columns have stayed where they were.",
        ),
        Mistake(
            "only to the right",
            _shift_with(lambda down, right: (0, right)),
            "The rows have stayed where they were.",
        ),
        Mistake(
            "negative shifts are taken for positive",
            _shift_with(lambda down, right: (abs(down), abs(right))),
            "down = -1 means one row up.",
        ),
        Mistake(
            "right only for positive shifts",
            _shift_forward_only,
            "A slice [:-0] is empty, and a negative start counts from the end. What must happen "
            "for shifts of 0 and below?",
        ),
        Mistake(
            "a negative place is read from the other end",
            _shift_asks_beyond,
            "Ink that should be outside comes in at the opposite edge: to NumPy an index of -1 "
            "means the last row or column. What lies before the first one must be left out.",
        ),
        Mistake(
            "a negative place is written at the other end",
            _shift_puts_beyond,
            "Ink that leaves the image comes back at the opposite edge: to NumPy an index of -1 "
            "means the last row or column. What lies before the first one must be left out.",
        ),
        Mistake(
            "the edge is repeated",
            _shift_edge,
            "Outside the image there is paper: zeros come in, not copies of the edge.",
        ),
        Mistake(
            "the old ink stays where nothing new comes",
            _shift_writes_zero,
            "Begin with an empty image, so that what has moved away is gone.",
        ),
        Mistake(
            "the image has become smaller",
            _shift_cut,
            "The result has the shape of the images. Where nothing comes from, it is zero.",
        ),
        Mistake(
            "the examples are shifted",
            _shift_examples,
            "Axis 0 counts the images. Rows are axis 1, columns axis 2.",
        ),
        Mistake(
            "the caller's own images come back",
            _shift_same,
            "For a shift of (0, 0) this is the very array that came in, and whoever draws on the "
            "new images draws on the old ones. Return a copy there too.",
        ),
        Mistake(
            "the argument is changed",
            _shift_in_place,
            "The caller needs the old images again. Write into a new array.",
        ),
        Mistake(
            "rolled the other way",
            lambda images, down, right: np.roll(images, (-down, -right), axis=(1, 2)),
            "Two things: what leaves on one side must not come back on the other, and down means "
            "towards larger row numbers.",
        ),
        Mistake(
            "rolled, and emptied at the first rows and columns",
            _shift_emptied_first,
            "With a negative shift the new paper is at the other end.",
        ),
        Mistake(
            "rolled, and only rows emptied",
            _shift_emptied_rows,
            "The columns that come in are paper as well.",
        ),
        Mistake(
            "rolled, and emptied as a whole at a shift of 0",
            _shift_emptied_at_zero,
            "A shift of 0 empties nothing. To NumPy -0: means everything.",
        ),
        Mistake(
            "ones come in",
            lambda images, down, right: np.where(
                _shift_mask(images, down, right), shift_pixels(images, down, right), 1.0
            ),
            "Outside the image there are zeros.",
        ),
        Mistake(
            "the first row is left out",
            _shift_first_row,
            "Row 0 of the old image belongs to it, and its ink is lost in yours.",
        ),
        Mistake(
            "only the first image is shifted", _shift_one, "All images of the batch are shifted."
        ),
        Mistake(
            "rows are measured by the width",
            _shift_square,
            "Images need not be square: rows end at H, columns at W.",
        ),
        Mistake(
            "the image has become larger",
            lambda images, down, right: np.pad(
                images, ((0, 0), (max(down, 0), max(-down, 0)), (max(right, 0), max(-right, 0)))
            ),
            "The new images are as large as the old ones: what leaves the image is lost.",
        ),
        Mistake(
            "only positive shifts fit",
            _shift_positive,
            "Shifts may be negative, and slices of two lengths do not fit into each other.",
        ),
    ),
    hints=(
        "Ask, don't put: for the new pixel (r, c), which old pixel does it read? Is there one?",
        "Two loops over r and c are fine; new[:, r, c] = ... does all images at once.",
        "Work out the old row and the old column of each new pixel, and look whether both lie in "
        "the image, at either end. (Predicted? What has left the image does not come back.)",
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
        self.mask = ~(u > self.keep)
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


KEEP_SOME = Exercise(
    name="KeepSome",
    lesson=12,
    goal="Write a layer with randomness in it: one mask for both directions, two modes.",
    points=3,
    misconception="backward draws a mask of its own; or test mode silences units as well.",
    reference=_KeepSome,
    inputs=_keep_inputs,
    corners=(lambda rng: _keep(rng, 3, 3),),
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
            "keep is taken for the rate",
            _keep_with(chosen=lambda u, keep: u >= keep, scale=lambda keep: 1 / (1 - keep)),
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
    ),
    hints=(
        "forward in training: draw, compare with keep, multiply, divide. Remember the factor.",
        "backward multiplies d_out by the same factor. What is the factor in use?",
        "One factor for both passes: what is it for a survivor, for a silent one, in use? "
        "(Predicted? dx would be right on average, and wrong in every single step.)",
    ),
)

EXERCISES = (L1_PRICE, MIX_PAIRS, PATIENCE_AT_WORK, SHIFT_PIXELS, KEEP_SOME)
