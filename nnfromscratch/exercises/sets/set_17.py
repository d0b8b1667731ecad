"""Exercises of lesson 17, How far: counts compared, votes, averaged weights, a teacher."""

import math

import numpy as np

from .._draw import labels, normal, probabilities, sizes
from .._exercise import Exercise, Mistake


def _softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# paired_score


def paired_score(y, a, b):
    only_a = ((a != y) & (b == y)).sum()
    only_b = ((a == y) & (b != y)).sum()
    if only_a + only_b == 0:
        return 0.0
    return float((only_a - only_b) / np.sqrt(only_a + only_b))


def _paired_inputs(rng):
    n, classes = int(rng.integers(20, 30)), int(rng.integers(3, 6))
    y = labels(rng, n, classes)
    a = np.where(rng.random(n) < 0.6, y, (y + 1) % classes)
    b = np.where(rng.random(n) < 0.7, y, (y + 2) % classes)
    # Two images that both answer wrongly, and unequal numbers that one alone does.
    a[:2], b[:2] = (y[:2] + 1) % classes, (y[:2] + 1) % classes
    a[2:7], b[2:7] = (y[2:7] + 1) % classes, y[2:7]
    a[7:9], b[7:9] = y[7:9], (y[7:9] + 2) % classes
    if ((a != y) & (b == y)).sum() == ((a == y) & (b != y)).sum():
        a[9], b[9] = (y[9] + 1) % classes, y[9]
        a[10], b[10] = y[10], y[10]
    return (y, a, b) if rng.random() < 0.5 else (y, b, a)


def _paired_better(rng):
    y = np.array([0, 1, 2, 0, 1, 2])
    return y, np.array([1, 1, 2, 0, 1, 2]), np.array([2, 2, 0, 1, 1, 2])


def _paired_same(rng):
    y = labels(rng, 9, 4)
    a = np.where(np.arange(9) % 3 == 0, (y + 1) % 4, y)
    return y, a, a.copy()


def _paired_loop(y, a, b):
    score, differ = 0, 0
    for label, first, second in zip(y, a, b, strict=True):
        move = int(first != label) - int(second != label)
        score += move
        differ += abs(move)
    return score / math.sqrt(differ) if differ else 0.0


def _paired_variance(y, a, b):
    d = (a != y).astype(float) - (b != y)
    return d.sum() / np.sqrt(max((d**2).sum(), 1.0))


def _with_counts(formula):
    """Return the function with another formula of the two counts; 0 where they are both 0."""

    def function(y, a, b):
        only_a = float(((a != y) & (b == y)).sum())
        only_b = float(((a == y) & (b != y)).sum())
        return float(formula(only_a, only_b)) if only_a + only_b else 0.0

    return function


def _paired_all(y, a, b):
    wrong_a, wrong_b = (a != y).sum(), (b != y).sum()
    return (wrong_a - wrong_b) / np.sqrt(max(wrong_a + wrong_b, 1))


def _paired_nan(y, a, b):
    d = (a != y).astype(float) - (b != y)
    with np.errstate(invalid="ignore"):
        return d.sum() / np.sqrt((d**2).sum())


PAIRED_SCORE = Exercise(
    name="paired_score",
    lesson=17,
    goal="Compare two networks on the same images by those that only one of them answers wrongly.",
    points=1,
    misconception="Two counts of mistakes are compared as if they came from different images.",
    reference=paired_score,
    inputs=_paired_inputs,
    corners=(_paired_same, _paired_better),
    variants=(_paired_loop, _paired_variance),
    mistakes=(
        Mistake(
            "all mistakes are counted, not those of one alone",
            _paired_all,
            "An image that both answer wrongly says nothing of which is better: leave it out of "
            "the sum under the root.",
        ),
        Mistake(
            "two networks that agree give nan",
            _paired_nan,
            "Where the two never differ, 0 / 0 is nan. The score is 0 then.",
        ),
        Mistake(
            "the sign is the other way round",
            _with_counts(lambda a, b: (b - a) / math.sqrt(a + b)),
            "The score is positive where a makes more mistakes of its own.",
        ),
        Mistake(
            "no root",
            _with_counts(lambda a, b: (a - b) / (a + b)),
            "A count is uncertain by about its square root: divide by the root of the sum.",
        ),
        Mistake(
            "not divided",
            _with_counts(lambda a, b: a - b),
            "This is the difference. Divide it by what chance alone would make it.",
        ),
        Mistake(
            "the sign is lost",
            _with_counts(lambda a, b: abs(a - b) / math.sqrt(a + b)),
            "Who is better is in the sign: no absolute value.",
        ),
        Mistake(
            "squared",
            _with_counts(lambda a, b: (a - b) ** 2 / (a + b)),
            "This is McNemar's chi-squared, the square of the score that is asked for.",
        ),
        Mistake(
            "divided by the root of the number of images",
            lambda y, a, b: ((a != y).sum() - (b != y).sum()) / math.sqrt(len(y)),
            "Images on which both are right, or both wrong, do not belong under the root.",
        ),
        Mistake(
            "answers that differ are counted, right or wrong",
            lambda y, a, b: ((a != y).sum() - (b != y).sum()) / math.sqrt(max((a != b).sum(), 1)),
            "Two different answers may both be wrong. Count images that exactly one answers "
            "rightly.",
        ),
    ),
    hints=(
        "Make two arrays of yes and no: where a is wrong, where b is wrong. On which images do "
        "they differ?",
        "only_a counts the images that a answers wrongly and b rightly, only_b the others; & joins "
        "two arrays of yes and no.",
        "(only_a - only_b) / sqrt(only_a + only_b), and 0.0 if both are 0. (Predicted? 10 and 2 "
        "give 8 / sqrt(12) = 2.3, more than 1.96, where 40 and 32 mistakes of different images "
        "gave 8 / sqrt(72) = 0.9.)",
    ),
)

# majority_vote


def majority_vote(answers, classes):
    counts = np.stack([(answers == c).sum(axis=0) for c in range(classes)])
    return counts.argmax(axis=0)


def _vote_inputs(rng):
    members, n = sizes(rng, 2, low=3, high=8)
    classes = int(rng.integers(4, 7))
    answers = rng.integers(0, classes, (members, n))
    answers[:, 0] = np.resize([3, 1, 3], members)
    answers[:, 1] = np.resize([2, 2, 0], members)
    return answers, classes


def _vote_ties(rng):
    # A tie of 2 and 1, a tie of all, and a majority that stands last.
    return np.array([[2, 3, 0, 4], [2, 1, 4, 4], [1, 2, 4, 0], [1, 0, 4, 0]]), 5


def _vote_loop(answers, classes):
    chosen = []
    for column in answers.T:
        counts = [0] * classes
        for answer in column:
            counts[answer] += 1
        chosen.append(counts.index(max(counts)))
    return np.array(chosen)


def _vote_one_hot(answers, classes):
    return np.eye(classes)[answers].sum(axis=0).argmax(axis=1)


def _vote_bincount(answers, classes):
    return np.array([np.bincount(column, minlength=classes).argmax() for column in answers.T])


def _vote_largest_tie(answers, classes):
    counts = np.stack([(answers == c).sum(axis=0) for c in range(classes)])
    return classes - 1 - counts[::-1].argmax(axis=0)


def _vote_first_tie(answers, classes):
    counts = np.stack([(answers == c).sum(axis=0) for c in range(classes)])
    votes = np.take_along_axis(counts, answers, axis=0)
    return answers[votes.argmax(axis=0), np.arange(answers.shape[1])]


MAJORITY_VOTE = Exercise(
    name="majority_vote",
    lesson=17,
    goal="Let several networks vote, image by image, with a rule for ties.",
    points=2,
    misconception="Class numbers are averaged as if they were quantities.",
    reference=majority_vote,
    inputs=_vote_inputs,
    corners=(_vote_ties,),
    variants=(_vote_loop, _vote_one_hot, _vote_bincount),
    mistakes=(
        Mistake(
            "the mean of the class numbers",
            lambda answers, classes: np.rint(answers.mean(axis=0)).astype(int),
            "A 3 and a 9 do not make a 6: classes have names, and only votes can be counted.",
        ),
        Mistake(
            "the median of the class numbers",
            lambda answers, classes: np.median(answers, axis=0).astype(int),
            "Classes have no order that means anything. Count the votes for each.",
        ),
        Mistake(
            "a tie goes to the largest class",
            _vote_largest_tie,
            "Of classes with equally many votes the smallest wins; argmax takes the first.",
        ),
        Mistake(
            "a tie goes to the first network",
            _vote_first_tie,
            "Of classes with equally many votes the smallest wins, whoever voted for it.",
        ),
        Mistake(
            "the votes are counted along the images",
            lambda answers, classes: majority_vote(answers.T, classes),
            "There is a row for each network and a column for each image, so sum over axis 0.",
        ),
        Mistake(
            "the number of votes",
            lambda answers, classes: np.eye(classes, dtype=int)[answers].sum(axis=0).max(axis=1),
            "That is how many votes the winner has. Which class is it? argmax.",
        ),
        Mistake(
            "all counts",
            lambda answers, classes: np.eye(classes, dtype=int)[answers].sum(axis=0),
            "These are the votes, (N, C). The class with most of them is due for each image.",
        ),
        Mistake(
            "the first network decides",
            lambda answers, classes: answers[0],
            "The other networks have a vote too.",
        ),
        Mistake(
            "one class for all images",
            lambda answers, classes: np.full(
                answers.shape[1], np.bincount(answers.ravel(), minlength=classes).argmax()
            ),
            "Each image has a vote of its own: count along axis 0 only.",
        ),
        Mistake(
            "the least votes win",
            lambda answers, classes: np.eye(classes)[answers].sum(axis=0).argmin(axis=1),
            "The class with most votes is asked for: argmax, where this is argmin.",
        ),
    ),
    hints=(
        "Count, for each class, how many networks say it: (answers == c) is an array of yes and "
        "no, and its sum along one axis is a count for each image.",
        "The counts of all classes, stacked, are (C, N). Which row is largest in each column?",
        "argmax along the classes, which takes the first of equals. (Predicted? Three networks "
        "that say 3, 3 and 9 answer 3; the mean of the numbers, 5, is what nobody said.)",
    ),
)

# average_weights


def average_weights(average, params, keep):
    return {name: keep * average[name] + (1 - keep) * w for name, w in params.items()}


def _weights_inputs(rng):
    d, h, c = sizes(rng, 3)
    shapes = {"w1": (d, h), "b1": (h,), "w2": (h, c), "b2": (c,)}
    average = {name: normal(rng, *shape) for name, shape in shapes.items()}
    params = {name: normal(rng, *shape) + 0.05 for name, shape in shapes.items()}
    return average, params, float(rng.choice([0.6, 0.8, 0.9]))


def _weights_otherwise_ordered(rng):
    """Return weights in another order than their averages, of shapes that do not tell."""
    shapes = {"w1": (2, 2), "b1": (2,), "w2": (2, 2), "b2": (2,)}
    average = {name: normal(rng, *shape) for name, shape in shapes.items()}
    params = {name: normal(rng, *shapes[name]) + 0.05 for name in ("w2", "b2", "w1", "b1")}
    return average, params, 0.8


def _weights_by_order(average, params, keep):
    pairs = zip(average.items(), params.values(), strict=True)
    return {name: keep * old + (1 - keep) * w for (name, old), w in pairs}


def _weights_loop(average, params, keep):
    new = {}
    for name in params:
        new[name] = average[name] + (1 - keep) * (params[name] - average[name])
    return new


def _weights_copies(average, params, keep):
    new = {name: array.copy() for name, array in average.items()}
    for name, w in params.items():
        new[name] *= keep
        new[name] += (1 - keep) * w
    return new


def _weights_in_place(average, params, keep):
    for name, w in params.items():
        average[name] *= keep
        average[name] += (1 - keep) * w
    return average


AVERAGE_WEIGHTS = Exercise(
    name="average_weights",
    lesson=17,
    goal="Keep a running average of all parameters beside the training.",
    points=2,
    misconception="The new weights get the large factor, so that the average forgets at once.",
    reference=average_weights,
    inputs=_weights_inputs,
    corners=(_weights_otherwise_ordered,),
    variants=(_weights_loop, _weights_copies),
    mistakes=(
        Mistake(
            "the factors are exchanged",
            lambda average, params, keep: average_weights(params, average, keep),
            "keep belongs to the old average, which is to change little in one step.",
        ),
        Mistake(
            "the new weights in full",
            lambda average, params, keep: {k: keep * average[k] + w for k, w in params.items()},
            "The factors must sum to 1, or the average grows with every step.",
        ),
        Mistake(
            "the plain mean",
            lambda average, params, keep: {k: (average[k] + w) / 2 for k, w in params.items()},
            "keep says how much of the old average remains.",
        ),
        Mistake(
            "the average is changed in place",
            _weights_in_place,
            "The old average must stay as it was. Make new arrays.",
        ),
        Mistake(
            "the averages are paired with the weights by their order",
            _weights_by_order,
            "The names are the same, but not their order. Look each array up by its name.",
        ),
        Mistake(
            "the weights alone are averaged",
            lambda average, params, keep: {
                k: keep * average[k] + (1 - keep) * w if w.ndim == 2 else w
                for k, w in params.items()
            },
            "Biases are parameters too.",
        ),
        Mistake(
            "the biases keep their old average",
            lambda average, params, keep: {
                k: keep * average[k] + (1 - keep) * w if w.ndim == 2 else average[k]
                for k, w in params.items()
            },
            "Biases are parameters too.",
        ),
        Mistake(
            "the difference is added whole",
            lambda average, params, keep: {k: w + 0 * average[k] for k, w in params.items()},
            "These are the new weights. keep of the old average should remain in them.",
        ),
        Mistake(
            "a step away from the weights",
            lambda average, params, keep: {
                k: average[k] - (1 - keep) * (w - average[k]) for k, w in params.items()
            },
            "The average moves towards the weights: add the difference.",
        ),
        Mistake(
            "the weights have no factor of their own",
            lambda average, params, keep: {k: keep * (average[k] + w) for k, w in params.items()},
            "keep for the old average, 1 - keep for the weights.",
        ),
    ),
    hints=(
        "The average moves a little towards the new weights, for every parameter by its name.",
        "With keep = 0.9 a tenth of each new array comes in, and nine tenths of the old average "
        "remain.",
        "One dict comprehension over params.items(), with keep for the old array and what is left "
        "of 1 for the new one. (Predicted? 0.99 to the power of 100 is 0.37: about a third.)",
    ),
)

# distillation_loss


def distillation_loss(z, p):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    log_q = z - z.max(axis=1, keepdims=True) - np.log(e.sum(axis=1, keepdims=True))
    return -(p * log_q).sum() / len(z), (np.exp(log_q) - p) / len(z)


def _distillation_inputs(rng):
    n, classes = sizes(rng, 2, low=3, high=6)
    return normal(rng, n, classes, scale=2.0), probabilities(rng, n, classes)


def _distillation_large(rng):
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]])
    return np.array([[900.0, 0.0, -50.0], [0.0, 3.0, -900.0]]), p


def _distillation_loop(z, p):
    total, slopes = 0.0, np.zeros_like(z)
    for n, (row, target) in enumerate(zip(z, p, strict=True)):
        top = row.max()
        log_sum = top + np.log(sum(math.exp(value - top) for value in row))
        total += float(target @ (log_sum - row))
        slopes[n] = np.exp(row - log_sum) - target
    return total / len(z), slopes / len(z)


def _distillation_sum(z, p):
    top = z.max(axis=1)
    log_sum = top + np.log(np.exp(z - top[:, None]).sum(axis=1))
    loss = (log_sum - (p * z).sum(axis=1)).mean()
    return loss, (_softmax(z) - p) / z.shape[0]


def _log_softmax(z):
    shifted = z - z.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _distilled(loss=None, slope=None):
    """Return the function with another loss, or another gradient, in it."""

    def function(z, p):
        value, dz = distillation_loss(z, p)
        return (loss(z, p) if loss else value), (slope(z, p) if slope else dz)

    return function


def _naive(z, p):
    with np.errstate(all="ignore"):
        q = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        return -(p * np.log(q)).sum() / len(z), (q - p) / len(z)


def _of_labels(z, p):
    y = p.argmax(axis=1)
    one_hot = np.eye(z.shape[1])[y]
    return -_log_softmax(z)[np.arange(len(z)), y].mean(), (_softmax(z) - one_hot) / len(z)


def _divergence(z, p):
    return (p * (np.log(p) - _log_softmax(z))).sum() / len(z), (_softmax(z) - p) / len(z)


DISTILLATION_LOSS = Exercise(
    name="distillation_loss",
    lesson=17,
    goal="Derive loss and gradient for a target that is a row of probabilities.",
    points=3,
    misconception="The teacher's probabilities are turned into labels, and what they say is lost.",
    reference=distillation_loss,
    inputs=_distillation_inputs,
    corners=(_distillation_large,),
    outputs=("loss", "dz"),
    variants=(_distillation_loop, _distillation_sum),
    mistakes=(
        Mistake(
            "the teacher's best class as a label",
            _of_labels,
            "All of p is the target: what the teacher says of the other classes is what it has to "
            "teach.",
        ),
        Mistake(
            "exp overflows",
            _naive,
            "Large logits make exp infinite. Take off each row's maximum first.",
        ),
        Mistake(
            "the sum where the mean is due",
            lambda z, p: tuple(len(z) * part for part in distillation_loss(z, p)),
            "The loss is the mean over the examples, and so is its gradient.",
        ),
        Mistake(
            "the gradient of the sum",
            _distilled(slope=lambda z, p: _softmax(z) - p),
            "The loss is a mean over N, so 1 / N is in its gradient too.",
        ),
        Mistake(
            "the gradient's sign",
            _distilled(slope=lambda z, p: (p - _softmax(z)) / len(z)),
            "Where the network gives too much, its logit must fall: the slope is q - p.",
        ),
        Mistake(
            "the loss's sign",
            _distilled(loss=lambda z, p: -distillation_loss(z, p)[0]),
            "Logarithms of probabilities are negative, and a loss is not.",
        ),
        Mistake(
            "teacher and network exchanged",
            _distilled(loss=lambda z, p: -(_softmax(z) * np.log(p)).sum() / len(z)),
            "The logarithm is taken of the network's probabilities and weighted by the teacher's.",
        ),
        Mistake(
            "the divergence in place of the cross-entropy",
            _divergence,
            "The teacher's entropy, sum of p log p, is in it too. It has no slope, but the loss "
            "that is asked for is without it.",
        ),
        Mistake(
            "the mean over the classes too",
            lambda z, p: tuple(part / z.shape[1] for part in distillation_loss(z, p)),
            "Sum over the classes, mean over the examples.",
        ),
        Mistake(
            "the squared error of the probabilities",
            lambda z, p: (
                ((_softmax(z) - p) ** 2).sum() / len(z),
                2 * (_softmax(z) - p) / len(z),
            ),
            "Lesson 05: cross-entropy, -sum of p log q.",
        ),
        Mistake(
            "softmax over the examples",
            lambda z, p: (
                -(p * _log_softmax(z.T).T).sum() / len(z),
                (_softmax(z.T).T - p) / len(z),
            ),
            "Probabilities sum to 1 over the classes, axis 1.",
        ),
        Mistake(
            "the gradient of the loss by q",
            _distilled(slope=lambda z, p: -p / np.maximum(_softmax(z), 1e-300) / len(z)),
            "That is the slope along q. Go on through softmax to z: much of it cancels.",
        ),
        Mistake(
            "a loss for each example",
            _distilled(loss=lambda z, p: -(p * _log_softmax(z)).sum(axis=1)),
            "The loss is one number, the mean over the examples.",
        ),
        Mistake(
            "the gradient misses the teacher",
            _distilled(slope=lambda z, p: _softmax(z) / len(z)),
            "The network's probabilities minus the teacher's.",
        ),
    ),
    hints=(
        "Lesson 05 derived the loss of a label. A label is a row of p with a single 1 in it; where "
        "in the derivation was that used?",
        "-sum of p log q has the slope q - p along z as long as the row of p sums to 1.",
        "log q = z - log(sum of exp z), with the maximum taken off; loss -(p * log q).sum() / N; "
        "dz = (q - p) / N. (Predicted? The gradient is 0, the loss is not: it is the teacher's "
        "entropy, its least value, which is above 0 unless the teacher is certain.)",
    ),
)

EXERCISES = (PAIRED_SCORE, MAJORITY_VOTE, AVERAGE_WEIGHTS, DISTILLATION_LOSS)
