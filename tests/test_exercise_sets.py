"""Single blanks: what must be refused in every run of a check, and by which name."""

import json
import math
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from sampling import every

from nnfromscratch.exercises import ExerciseError, all_exercises
from nnfromscratch.exercises._diagnosis import Trial
from nnfromscratch.exercises._sandbox import Raised, behaviour
from nnfromscratch.exercises._suppose import suppositions
from tools.exercises import in_single

EXERCISES = {exercise.name: exercise for exercise in all_exercises()}
SETS = [exercise for exercise in all_exercises() if exercise.gradable]
RUNS = 5


PAGES = sorted((Path(__file__).parent.parent / "notebooks" / "solutions").glob("*.ipynb"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_hint_answers_what_the_page_asks_to_predict(page):
    asked = ""
    for cell in json.loads(page.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        asked = text if cell["cell_type"] == "markdown" else asked
        for name in re.findall(r"^# hint\((\w+), 1\)", text, re.M) * ("**Predict" in asked):
            assert "redict" in " ".join(EXERCISES[name].hints), name


GRADED = [page for page in PAGES if not page.stem.startswith("15")]  # that set is for practice


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # as where an answer is graded
@pytest.mark.parametrize("page", GRADED, ids=lambda page: page.stem)
def test_hidden_tests_accept_every_right_answer(page):
    world: dict = {}
    for cell in json.loads(page.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        asked = re.match(r"check_(\w+)\(", text)
        if asked:
            hidden = re.search("### BEGIN HIDDEN TESTS\n(.*)### END", text, re.S)[1]
            exercise = EXERCISES[asked[1]]
            for answer in (exercise.reference, *exercise.variants):
                exec(hidden, world | {exercise.name: answer})
        elif cell["cell_type"] == "code" and not text.startswith(("# hint", "progress(")):
            exec(text, world)


def trials_of(exercise, answer, seed):
    """Return what an answer does in the cases of one check."""
    cases = exercise.cases(np.random.default_rng(seed))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = [behaviour(answer, case, exercise.call) for case in cases]
    return [Trial(*parts) for parts in zip(cases, found, exercise.expected(cases), strict=True)]


def accepted(name, answer, seed):
    """Say whether one check accepts an answer."""
    return all(trial.right for trial in trials_of(EXERCISES[name], answer, seed))


def verdict(name, answer, seed):
    """Return the name of the mistake that one check finds, or ""."""
    trials = trials_of(EXERCISES[name], answer, seed)
    known = EXERCISES[name].known([trial.arguments for trial in trials])
    mistake = EXERCISES[name].diagnose(trials, known)
    return mistake.name if mistake else ""


def decayed(is_weight):
    def step(params, grads, rate, decay):
        pulls = {name: decay * p * is_weight(name, p) for name, p in params.items()}
        return {name: p - rate * (grads[name] + pulls[name]) for name, p in params.items()}

    return step


def gives_up(tries):
    def rate_of(loss, w, gradient, rate):
        for _ in range(tries):
            if loss(w - rate * gradient) <= loss(w) - rate / 2 * (gradient**2).sum():
                break
            rate /= 2
        return rate

    return rate_of


def walks_on(loss, w, gradient, rate):
    start, squares = loss(w), (gradient**2).sum()
    while loss(w - rate * gradient) > start - rate / 2 * squares:
        w = w - rate * gradient
        rate = rate / 2
    return rate


def not_renewed(loss, w, gradient, rate):
    promise = rate / 2 * (gradient**2).sum()
    while loss(w - rate * gradient) > loss(w) - promise:
        rate = rate / 2
    return rate


def arrays(size):
    def fill(vector, shapes):
        found, first = {}, 0
        for name, shape in shapes.items():
            n = size(shape)
            found[name] = vector[first : first + n].reshape(shape).copy()
            first += n
        return found

    return fill


def bits(kept):
    return lambda p, y: -np.log2(kept(p)[np.arange(len(y)), y]).mean()


def without_abs(z, temperature):
    z = z / temperature
    e = np.exp(z - np.abs(z).max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def ones_at_the_input(x, folded):
    a = np.hstack([x, np.ones((len(x), 1))])
    for i in range(len(folded)):
        a = a @ folded[i]
        if i + 1 < len(folded):
            a = np.maximum(a, 0)
    return a


def float_count(sizes):
    return float(sum(sizes[i] * sizes[i + 1] + sizes[i + 1] for i in range(len(sizes) - 1)))


def softplus(z, t):
    s = np.where(t[:, None] == 1, -z, z)
    return np.log(1 + np.exp(s)).mean(), EXERCISES["yes_or_no_loss"].reference(z, t)[1]


def chosen_log(z, t):
    a = 1 / (1 + np.exp(-z))
    t = t[:, None]
    return -np.log(np.where(t == 1, a, 1 - a)).mean(), (a - t) / len(z)


def all_pairs(z, t):
    a = 1 / (1 + np.exp(-z))
    return -(t * np.log(a) + (1 - t) * np.log(1 - a)).mean(), (a - t) / len(z)


class TwiceTheLayers:
    def __init__(self, layers, back=1):
        self.layers, self.back = layers, back

    def forward(self, x):
        h = x
        for layer in self.layers:
            h = layer.forward(h)
        return x + 2 * h

    def backward(self, d_out):
        d = d_out
        for layer in reversed(self.layers):
            d = layer.backward(d)
        return d_out + self.back * d


class NotChained:
    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            out = layer.forward(x)
        return x + out

    def backward(self, d_out):
        for layer in reversed(self.layers):
            d = layer.backward(d_out)
        return d_out + d


def three_layers(layers):
    first, second, third = layers
    return EXERCISES["Residual"].reference([first, second, third])


class GainReplaced:
    """What an optimizer holds from the start is no longer what the layer uses."""

    def __init__(self, features):
        self.params = {"gain": np.ones(features)}
        self.grads = {}

    def forward(self, x):
        self.x = x
        self.params["gain"] = self.params["gain"] * 1.0
        return x * self.params["gain"]

    def backward(self, d_out):
        self.grads = {"gain": (d_out * self.x).sum(axis=0)}
        return d_out * self.params["gain"]


class MaskFromOutput:
    def __init__(self, keep, draw):
        self.keep, self.draw = keep, draw

    def forward(self, x, training):
        if not training:
            self.mask = np.ones_like(x)
            return x * 1.0
        y = np.where(self.draw(x.shape) < self.keep, x, 0) / self.keep
        self.mask = np.where(y == 0, 0, 1 / self.keep)
        return y

    def backward(self, d_out):
        return d_out * self.mask


class KeepsEqual(EXERCISES["KeepSome"].reference):
    def forward(self, x, training):
        y = super().forward(x, False)
        if training:
            self.factor = (self.draw(x.shape) <= self.keep) / self.keep
        return y * self.factor


def relu_by(hidden):
    def forward(x, folded):
        for w in folded:
            x = x @ w[:-1] + w[-1]
            if hidden(w, folded[-1]):
                x = np.maximum(x, 0)
        return x

    return forward


def off_kinks(is_kink):
    def measure(f, z, h):
        right, left = (f(z + h) - f(z)) / h, (f(z) - f(z - h)) / h
        return np.where(is_kink(right, left), np.nan, (right + left) / 2)

    return measure


def improving_by(least):
    def epochs_and_best(errors, patience):
        lowest, best = math.inf, 0
        for epoch, error in enumerate(errors, 1):
            if error < lowest - least:
                lowest, best = error, epoch
            elif epoch - best >= patience:
                break
        return epoch, best

    return epochs_and_best


def in_pairs(average, params, keep):
    pairs = zip(average, average.values(), params.values(), strict=True)
    return {name: keep * a + (1 - keep) * p for name, a, p in pairs}


def measured_slope(z, y, temperature):
    def loss(t):
        e = np.exp(z / t - (z / t).max(axis=1, keepdims=True))
        return -np.log((e / e.sum(axis=1, keepdims=True))[np.arange(len(y)), y]).mean()

    return (loss(temperature + 1e-5) - loss(temperature - 1e-5)) / 2e-5


def never_halved(loss, w, gradient, rate):
    while loss(w - rate * gradient) > loss(w) - rate / 2 * (gradient**2).sum():
        pass
    return rate


def doubled(loss, w, gradient, rate):
    while loss(w - rate * gradient) > loss(w) - rate / 2 * (gradient**2).sum():
        rate = rate * 2
    return rate


def right_by_row(dy, x, gamma, epsilon):
    dx, _, dbeta = EXERCISES["normalize_rows_backward"].reference(dy, x, gamma, epsilon)
    c = x - x.mean(axis=1, keepdims=True)
    s = np.sqrt((c**2).mean(axis=1, keepdims=True) + epsilon)
    return dx, (dy * c / s).sum(axis=1), dbeta


def turned(centre, finish=lambda places: places):
    def places(side, degrees):
        z = np.arange(side) - centre(side)
        z = (z[:, None] + 1j * z) * np.exp(1j * np.radians(degrees)) + centre(side) * (1 + 1j)
        return finish(z.real), finish(z.imag)

    return places


REFUSED = {
    "backtracking_rate": [gives_up(tries) for tries in (5, 7, 10, 40)],
    "decayed_step": [
        decayed(lambda name, p: "w" in name),
        decayed(lambda name, p: p.ndim > 1),
        decayed(lambda name, p: p.ndim == 2),
        decayed(lambda name, p: not name.startswith("b")),
        decayed(lambda name, p: "b" not in name),
        decayed(lambda name, p: name in ("w", "w1", "w2")),
        decayed(lambda name, p: name[-1] in "w123456789" and name[0] != "b"),
    ],
    "arrays_from_vector": [
        arrays(lambda shape: shape[0] * (shape[1] if len(shape) > 1 else 1)),
        arrays(lambda shape: shape[0] * (shape[-1] if len(shape) > 1 else 1)),
    ],
    "slopes_off_kinks": [
        *(off_kinks(lambda a, b, e=e: abs(a - b) > e) for e in (0.12, 0.15, 0.2, 0.3)),
    ],
    "forward_folded": [
        relu_by(lambda w, last: w.shape != last.shape),
        relu_by(lambda w, last: w.shape[1] != last.shape[1]),
        relu_by(lambda w, last: len(w) != len(last)),
    ],
    "patience_at_work": [improving_by(least) for least in (1e-4, 1e-5, 1e-6, 1e-8)],
    "how_many_parameters": [float_count],
    "Residual": [three_layers],
    "cross_entropy_in_bits": [
        *(bits(lambda p, tiny=tiny: p + tiny) for tiny in (1e-15, 1e-12, 1e-8)),
        bits(lambda p: np.clip(p, 1e-9, 1)),
        bits(lambda p: np.clip(p, 0, 1 - 1e-7)),
    ],
    "softmax_with_temperature": [without_abs],
    "elu_backward": [lambda da, z: da * np.exp(np.clip(z, -10, 0))],
    "max_norm": [
        lambda w, limit: w * np.minimum(1, limit / (np.sqrt((w**2).sum(axis=0)) + 1e-8)),
    ],
    "to_unit_output": [lambda w, x: w / ((x @ w).std() + 1e-8)],
    "l1_price": [
        lambda w, strength: (strength * np.abs(w).sum(), strength * w / (np.abs(w) + 1e-10)),
    ],
    "silent_share": [lambda x, w, b: (x @ w + b < 0.05).all(axis=0).mean()],
    "warmup_then_fall": [
        lambda step, warmup, steps: np.float16(
            min(step / warmup, (steps - step) / (steps - warmup))
        )
    ],
    "steepest_rate": [
        lambda rates, losses: rates[np.argmin(np.diff(losses) / (rates[1:] / rates[:-1]))],
        lambda rates, losses: rates[np.argmin(np.diff(losses) / np.sqrt(np.diff(rates)))],
        lambda rates, losses: rates[np.argmin(np.diff(losses) / np.log(1 + np.diff(rates)))],
        lambda rates, losses: np.round(rates[np.argmin(np.diff(losses))], 2),
        lambda rates, losses: rates[::-1][
            np.argmin((np.diff(losses) / np.diff(np.log(rates)))[::-1]) + 1
        ],
    ],
    "turn_places": [
        turned(lambda side: side / 2 - 0.5 * (side % 2)),
        turned(lambda side: (side - 1) / 2, lambda places: np.round(places, 1)),
        turned(lambda side: (side - 1) / 2, np.abs),
    ],
    "leaky_deviation": [
        lambda shape, slope: np.float16(math.sqrt(2 / ((1 + slope**2) * shape[0]))),
    ],
}


@pytest.mark.parametrize("name", REFUSED)
def test_no_run_accepts_what_only_some_inputs_show(name):
    for answer in REFUSED[name]:
        runs = [seed for seed in range(RUNS) if accepted(name, answer, seed)]
        assert not runs, f"{name}: answer {REFUSED[name].index(answer)}"


NAMED = {
    "linear_columns": (lambda w, x, b: w.dot(x) + np.sum(b), "the sum of all biases"),
    "softmax_with_temperature": (
        lambda z, t: (
            np.exp(z / t - (z / t).max(axis=1, keepdims=True))
            / np.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)
        ),
        "the temperature is in the numerator only",
    ),
    "cross_entropy_in_bits": (
        lambda p, y: -sum(math.log2(p[n, y[n] - 1]) for n in range(len(y))) / len(y)
        if (p[np.arange(len(y)), y - 1] > 0).all()
        else np.inf,
        "the labels are counted from 1",
    ),
    "forward_folded": (ones_at_the_input, "the ones are appended to the input alone"),
    "yes_or_no_loss": (chosen_log, "log of a sigmoid, chosen by the target"),
    "slopes_off_kinks": (
        off_kinks(lambda right, left: abs(right - (right + left) / 2) > 0.1),
        "the slope to one side is compared with the mean",
    ),
    "silent_share": (
        lambda x, w, b: (x @ w + b <= 0).all(axis=0).sum() // len(b),
        "all or nothing: 1 if every unit is silent, and 0 otherwise",
    ),
    "average_weights": (in_pairs, "the averages are paired with the weights by their order"),
    "temperature_slope": (measured_slope, "the logarithm of a probability that is 0"),
    "backtracking_rate": (walks_on, "the search walks on from the moved w"),
    "Residual": (NotChained, "the layers are not chained, in either direction"),
    "FeatureScale": (GainReplaced, "a new array is put into params"),
    "leaky_deviation": (
        lambda shape, slope: math.sqrt(2 / shape[0]) / (1 + slope),
        "the sum is squared",
    ),
    "warmup_then_fall": (
        lambda step, warmup, steps: min(step / warmup, 1 - step / steps),
        "the smaller of two lines, one measured from step 0",
    ),
    "steepest_rate": (
        lambda rates, losses: min(zip(losses, rates, strict=True))[1],
        "the rate of the lowest loss",
    ),
    "turn_places": (
        turned(lambda side: side / 2),
        "the centre is at side / 2",
    ),
    "normalize_rows_backward": (right_by_row, "dgamma is summed over the features"),
    "KeepSome": (MaskFromOutput, "in training, the mask is read off the output"),
}


@pytest.mark.parametrize("name", NAMED)
def test_first_mistakes_are_named_however_they_are_written(name):
    answer, mistake = NAMED[name]
    assert {verdict(name, answer, seed) for seed in range(RUNS)} == {mistake}


def test_more_first_mistakes_are_named():
    assert verdict("yes_or_no_loss", all_pairs, 0) == "log of a sigmoid, and all pairs"
    assert verdict("yes_or_no_loss", softplus, 0) == "exp overflows in log(1 + exp)"
    assert verdict("backtracking_rate", not_renewed, 0) == "the promise is not renewed"
    assert verdict("KeepSome", KeepsEqual, 0) == "a number equal to keep survives, too"
    assert verdict("patience_at_work", improving_by(1e-3), 0) == "small improvements do not count"


def test_a_search_without_end_is_an_error_that_says_so():
    exercise = EXERCISES["backtracking_rate"]
    cases = exercise.cases(np.random.default_rng(0))
    results = [behaviour(walks_on, case, exercise.call).result for case in cases]
    ends = [r for r in results if isinstance(r, Raised)]
    assert ends
    assert all("has not ended" in r.message for r in ends)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (never_halved, "at the same places again and again (does the rate change?)"),
        (doubled, "farther and farther away (does the rate shrink?)"),
    ],
)
def test_a_search_without_end_is_not_told_what_another_one_does(answer, words):
    exercise = EXERCISES["backtracking_rate"]
    assert verdict("backtracking_rate", answer, 0) == ""
    with pytest.raises(ExerciseError, match="has not ended") as caught:
        exercise.check(answer)
    assert words in " ".join(str(caught.value).split())


@pytest.mark.parametrize("back", [1, 2])
def test_what_the_layers_make_counts_twice(back):
    with pytest.raises(ExerciseError) as caught:
        EXERCISES["Residual"].check(lambda layers: TwiceTheLayers(layers, back))
    names = ["what the layers make counts twice", "what the layers hand back counts twice"]
    assert caught.value.mistake == "; ".join(names[:back])


NEARLY = (
    "complex_step_gradient",
    "descent_step",
    "clip_by_norm",
    "how_many_parameters",
    "arrays_from_vector",
    "xavier_from_uniform",
    "to_unit_output",
    "orthonormal_columns",
    "patience_at_work",
)


def scaled(value, factor):
    """Return a result with all its numbers times a factor."""
    if isinstance(value, dict):
        return {key: scaled(part, factor) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(scaled(part, factor) for part in value)
    return value * factor


@pytest.mark.parametrize("name", NEARLY)
@pytest.mark.parametrize("factor", [1 + 1e-6, 1 - 1e-6])
def test_six_right_digits_hold_no_mistake_of_the_catalogue(name, factor):
    right = EXERCISES[name].reference
    assert verdict(name, lambda *arguments: scaled(right(*arguments), factor), 7) == ""


def test_half_of_the_promise_to_the_last_digit_is_enough():
    def more(loss, w, gradient, rate):
        while loss(w - rate * gradient) >= loss(w) - rate / 2 * (gradient**2).sum():
            rate /= 2
        return rate

    assert verdict("backtracking_rate", more, 0) == "just half of the promise is not enough"


CODE = re.compile(r"ask for 0 <=|the sign in front of v\b|which sign leads", re.IGNORECASE)


@pytest.mark.parametrize("exercise", SETS, ids=lambda exercise: exercise.name)
def test_hints_speak_of_the_result(exercise):
    assert not [mistake.name for mistake in exercise.mistakes if CODE.search(mistake.hint)]


@pytest.mark.parametrize("exercise", every(2, SETS), ids=lambda exercise: exercise.name)
def test_float32_on_the_way_costs_nobody_a_right_answer(exercise):
    cases = exercise.cases(np.random.default_rng(5))
    expected = exercise.expected(cases)
    for number, answer in enumerate((exercise.reference, *exercise.variants)):
        done = [behaviour(answer, case, exercise.call) for case in cases]
        for only in (None, number % len(cases[0])):
            single = [
                in_single(exercise, answer, *parts, only)
                for parts in zip(cases, done, expected, strict=True)
            ]
            assert not exercise.wrong(exercise.trials(cases, single, expected)), only


def test_matrices_of_unlike_shapes_stop_no_search():
    arguments = np.ones((2, 2)), (np.ones((3, 4)), np.ones((5, 2)))
    assert list(suppositions(arguments, ("x", "folded")))


def test_logits_that_overflow_after_the_division_are_tried():
    def naive(z, y, temperature):
        e = np.exp(z / temperature)
        expected = (e * z).sum(axis=1) / e.sum(axis=1)
        return ((z[np.arange(len(z)), y] - expected) / temperature**2).mean()

    assert verdict("temperature_slope", naive, 0) == "exp of z / T overflows"


def moved(value, rng):
    """Return arguments whose every decimal number is another in its tenth digit; zeros stay."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return value * (1 + 1e-10 * rng.standard_normal(value.shape))
    if isinstance(value, float):
        return value * (1 + 1e-10 * rng.standard_normal())
    if isinstance(value, dict):
        return {key: moved(part, rng) for key, part in value.items()}
    return type(value)(moved(v, rng) for v in value) if type(value) in (list, tuple) else value


def arrays_in(result):
    """Return the numbers in a result, whatever holds them."""
    if isinstance(result, dict):
        result = tuple(result.values())
    if isinstance(result, list | tuple):
        return [array for part in result for array in arrays_in(part)]
    array = np.asarray(result)
    return [array] if array.dtype.kind in "fiub" else []


def jumps(exercise, draw, rng):
    """Say whether the last bits of the inputs choose between two results."""
    case = draw(rng)
    results = [
        behaviour(exercise.reference, c, exercise.call).result for c in (case, moved(case, rng))
    ]
    before, after = map(arrays_in, results)
    return not all(
        a.shape == b.shape and np.allclose(a, b, 1e-4, 1e-6, equal_nan=True)
        for a, b in zip(before, after, strict=True)
    )


# In these the text says who wins if two are equal, and they are drawn equal, to the last bit.
TIES = ("Maxout", "patience_at_work")


@pytest.mark.parametrize("exercise", SETS, ids=lambda exercise: exercise.name)
def test_no_last_bit_chooses_what_is_right(exercise):
    draws = 2_000 if exercise.name == "eight_bits" else 100
    rng = np.random.default_rng(14)
    count = sum(jumps(exercise, exercise.inputs, rng) for _ in range(draws))
    assert (count > 0) == (exercise.name in TIES)
