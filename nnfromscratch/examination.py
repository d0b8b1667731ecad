"""What is usually wrong with a network, measured: the machinery behind `diagnostics.examine`.

Every threshold stands here with where it comes from. They are wide: a finding that is not there
sends a reader the wrong way, so a measurement that could mean either says nothing.
"""

import copy
import math
import textwrap
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .functional import log_softmax
from .layers import BatchNorm, Dropout, Layer
from .model import Sequential
from .optimizers import Adam
from .shapes import (
    FloatArray,
)

LARGE_INPUT = 10.0
"""Root mean square of a column. Scaled inputs have 1 or less, pixels from 0 to 255 about 100. The
loss curves with the square of the inputs, so 10 asks for steps a hundred times shorter."""
SMALL_INPUT = 0.1
"""Largest size of any input. Scaled inputs reach 1; a tenth makes slopes a tenth as large."""
OFFSET = 10.0
"""Mean of the inputs in units of their spread, over columns. Digits on white paper have 3."""
FAR = 1_000.0
"""How many times the usual row's largest entry makes a row one of its own kind."""
FEW = 50
"""With fewer examples than this a unit may be silent for all of them, and a column constant."""
FLAT = 0.05
"""A slope below a twentieth of its peak: a sigmoid beyond 0.0127 or 0.9873."""
MOST = 0.5
"""More than half: of a layer's units dead, of its outputs saturated. Fresh networks by the rules of
He and Xavier have a third at the very most, deep in a narrow network."""
EXCESS = 3.0
"""Loss at the start above that of knowing nothing, in nats for cross-entropy. Logits of spread s
add about s²/2, so s is above 2.4, where the rules give 0.5 to 1.5."""
LARGE_GAIN = 3.0
"""Root mean square of a layer's weights times the root of its inputs: 1.4 by He's rule, and by
Xavier's less. Twice He's rule doubles the signal in every layer."""
SLOW_PACE = 1e-4
"""Norm of a gradient by the norm of its weights. Times a rate of 0.1 this moves the weights by a
hundred-thousandth a step."""
VANISHING = 1e-3
"""Pace of the slowest layer of weights in units of the fastest."""
FALLS = 0.7
"""A trial that brings the loss below 0.7 of that of knowing nothing learns."""
STANDS = 0.97
"""A trial that leaves the loss above 0.97 of where it began does not."""
LEARNED = 0.5
"""A loss below half of that of knowing nothing: the network has learned, so it could."""
AGREES = 1e-3
"""Relative difference of a backward and a measured slope: kinks and rounding stay far below."""
CONTRADICTED = 0.25
"""Share of clear neighbourhoods whose centre has another label. On clean digits it is 0.09; where a
fifth of the labels are drawn at random it is 0.24, where two fifths are, 0.41."""
LONG_MEMORY = 0.95
"""A momentum above it shows what it does only after more steps than a trial has."""
MOST_OPERATIONS = 3e10
"""Multiplications that a trial run may cost: about a second."""

CAUSES = {
    "nan in the data": ("01", "find where the data get it, or leave these rows out"),
    "nan in the weights": ("06", "start again, with a tenth of the learning rate"),
    "labels out of range": ("01", "use labels from 0 to C - 1, and as many outputs as classes"),
    "inputs all the same": ("01", "look at the data with show_digits(x[:40])"),
    "labels shifted": ("01", "give each row of x the label that belongs to it"),
    "labels unrelated": (
        "01",
        "bring x and y into the same order, row by row, or look how x was reshaped",
    ),
    "one class only": ("01", "balance the classes, or judge by more than the error"),
    "class missing": ("01", "take a random sample of all classes"),
    "layer fails": ("08", "mend forward and backward until check_gradients(layer, x) runs"),
    "labels ignored": ("05", "let the slope of the loss lead towards the example's own label"),
    "sum for mean": ("05", "divide by N once, in the gradient of the loss"),
    "loss gradient wrong": ("05", "check it: check_gradients(loss, z, y)"),
    "gradient wrong": ("04", "check the layer alone: check_gradients(layer, x)"),
    "gradients pile up": ("08", "assign to grads in backward instead of adding to it"),
    "parameters not used": ("08", "let forward read params, and change arrays in place only"),
    "parameters frozen": ("08", "let backward store this gradient in grads"),
    "inputs changed": ("08", "write a = x * 2, which makes a new array, and not x *= 2"),
    "step does nothing": ("10", "change arrays in place: w -= step, and not w = w - step"),
    "climbs": ("06", "subtract the gradient"),
    "softmax twice": ("05", "remove the Softmax layer: this loss takes logits"),
    "activation on the logits": ("02", "remove it: logits need both signs and any size"),
    "examples mixed": ("11", "take sums over the units, axis=1, not over the batch"),
    "random outside training": ("12", "let forward do nothing at random unless training is True"),
    "not rescaled": ("12", "divide by 1 - rate in training"),
    "averages out of date": ("11", "call forward with training=True while training, and only then"),
    "dropout too strong": ("12", "a rate of 0.2 to 0.5"),
    "units all alike": ("09", "start from random weights: he_normal"),
    "inputs not scaled": ("09", "divide pixels by 255; standardize other columns"),
    "inputs too small": ("09", "scale the inputs once, to about 0 to 1"),
    "inputs off centre": ("09", "subtract the mean of each column"),
    "weights too large": ("09", "start by He's rule, sqrt(2 / D), or Xavier's"),
    "weights too small": ("09", "start by He's rule, sqrt(2 / D), or Xavier's"),
    "units saturated": ("05", "smaller first weights; cross-entropy in place of squared error"),
    "outputs dead": ("05", "cross-entropy in place of squared error; smaller first weights"),
    "gradient scaled": ("04", "let backward multiply by what forward multiplies with"),
    "units dead": ("06", "start again with a smaller step, and biases of zero"),
    "gradients vanish": ("09", "ReLU and He's rule, or batch normalization"),
    "no activation": ("02", "put a ReLU between the two affine layers"),
    "activation without effect": ("02", "start from biases of zero, and weights of both signs"),
    "too few units": ("08", "more hidden units"),
    "penalty too strong": ("12", "a weight decay of 0.001 or less"),
    "rate too large": ("06", "a tenth of the learning rate, and again"),
    "rate too small": ("06", "a learning rate ten times as large, and again"),
    "does not fall": ("09", "look at each layer: layer_statistics(model, x, y)"),
    "loss at the start": ("02", "compare the outputs' size with what the loss expects"),
    "labels contradictory": ("12", "look at the examples that their neighbours contradict"),
    "no bias": ("02", "give the layer a bias"),
    "cannot overfit": ("12", "look at each layer: layer_statistics(model, x, y)"),
}
"""Every cause: the lesson to read, and the smallest cure. The order is that of suspicion: first
what makes the other measurements meaningless, then what is wrong in any case, then what is a matter
of degree. A cause stands before what it causes."""

MILD = {"no bias", "class missing", "too few units", "labels contradictory", "one class only"}
MILD |= {"dropout too strong"}
"""Causes that explain neither a large loss at the start nor a step that fails."""


class Finding(NamedTuple):
    """One thing that `examine` found wrong."""

    cause: str
    """Its name in `CAUSES`."""
    what: str
    """A sentence with the number behind it."""
    cure: str
    lesson: str
    """The number of the lesson to read."""


class Examination(list[Finding]):
    """What `examine` returns: a list of Finding, most suspicious first, that prints as a report.

    `causes` is the list of their names, `measured` holds the numbers that were looked at.
    """

    def __init__(self) -> None:
        super().__init__()
        self.measured: dict[str, str] = {}
        self.skipped: dict[str, str] = {}
        """Measurements that could not be made, and the error that prevented each."""

    @property
    def causes(self) -> list[str]:
        """The names of what was found, most suspicious first."""
        return [finding.cause for finding in self]

    def found(self, cause: str, what: str) -> None:
        """Add a finding; one cause is named once."""
        if cause not in self.causes:
            lesson, cure = CAUSES[cause]
            self.append(Finding(cause, what, cure, lesson))
            self.sort(key=lambda finding: list(CAUSES).index(finding.cause))

    def __str__(self) -> str:
        """Return the findings in order of suspicion, then the numbers that were looked at."""
        lines = ["examine: nothing found" if not self else "examine, most suspicious first:"]
        for number, finding in enumerate(self, start=1):
            for text in (
                f"{number}. {finding.cause}: {finding.what}",
                f"   try: {finding.cure} (lesson {finding.lesson})",
            ):
                lines += textwrap.wrap(text, 92, subsequent_indent="   ")
        width = max((len(name) for name in self.measured), default=0)
        lines += [f"  {name:<{width}}  {text}" for name, text in self.measured.items()]
        lines += [f"  not measured, {name}: {error}" for name, error in self.skipped.items()]
        return "\n".join(lines)

    __repr__ = __str__


class Examiner:
    """A network, its data, and what has been found so far."""

    def __init__(self, model, x, y, loss, optimizer, batch_size, rng) -> None:
        self.model, self.x, self.y, self.loss = model, x, y, loss
        self.optimizer, self.batch_size, self.rng = optimizer, batch_size, rng
        self.report = Examination()

    def attempt(self, *measurements: Callable[[], None]) -> None:
        """Run measurements; one that fails is noted and does not stop the others."""
        for measurement in measurements:
            try:
                measurement()
            except Exception as error:  # whatever a reader's layer or loss may raise
                name = measurement.__name__.strip("_").replace("_", " ")
                self.report.skipped[name] = f"{type(error).__name__}: {error}"

    def has(self, *causes: str) -> bool:
        """Tell whether one of these has been found."""
        return any(cause in self.report.causes for cause in causes)

    def examine(self, classes: int) -> Examination:
        """Make all measurements that the network allows, in order."""
        found, measured = self.report.found, self.report.measured
        bad = [name for name, w in self.model.params.items() if not np.isfinite(w).all()]
        bad += [name for name, w in self.model.buffers.items() if not np.isfinite(w).all()]
        if bad:
            found("nan in the weights", f"{', '.join(bad)} hold nan or infinity")
        finite = np.isfinite(self.x.reshape(len(self.x), -1)).all(axis=1)  # (N,)
        if not finite.all():
            first = int(np.flatnonzero(~finite)[0])
            found(
                "nan in the data",
                f"{(~finite).sum()} of {len(finite)} rows of x hold nan or infinity, the first is "
                f"row {first}",
            )
        wrong = (self.y < 0) | (self.y >= classes)
        if wrong.any():
            low, high = int(self.y.min()), int(self.y.max())
            shifted = " (shifted by one?)" if (low, high) == (1, classes) else ""
            found(
                "labels out of range",
                f"labels run from {low} to {high}, but {classes} outputs answer for 0 to "
                f"{classes - 1}{shifted}"
                if classes > 1
                else f"labels run from {low} to {high}, but one output answers for 0 alone",
            )
        self.classes = classes
        # A few thousand rows tell as much as all.
        usable = np.flatnonzero(finite & ~wrong)
        if len(usable) == 0:
            return self.report
        chosen = self.rng.choice(usable, min(len(usable), 5_000), replace=False)
        self.some_x, self.some_y = self.x[chosen], self.y[chosen].astype(np.int64)
        self.sample_x, self.sample_y = self.some_x[:1_000], self.some_y[:1_000]
        measured["examples"] = f"{len(self.y)}, of which {len(self.sample_y)} were sent through"
        self.attempt(self._inputs, self._labels, self._neighbours)
        if bad or wrong.any():
            return self.report
        # An error here is the loss's own, and for the reader to see.
        self.loss(_forward(self.model, self.sample_x[:2], training=False)[-1], self.sample_y[:2])
        self.attempt(self._structure, self._loss, self._modes)
        self.attempt(self._gradients)
        if self.has("layer fails"):
            return self.report
        self.attempt(self._flow, self._alike, self._activity, self._start, self._paces)
        if self.optimizer is not None:
            self.attempt(self._penalty, self._one_step, self._rates)
        self.attempt(self._by_heart)
        return self.report

    # The data

    def _inputs(self) -> None:
        """Range, centre and variety of what the first layer of weights receives."""
        found, measured = self.report.found, self.report.measured
        x = self.some_x.reshape(len(self.some_x), -1).astype(np.float64)
        low, high = x.min(), x.max()
        measured["inputs"] = f"from {low:.4g} to {high:.4g}, mean {x.mean():.3g}"
        if len(x) > 1 and (x == x[0]).all():
            found("inputs all the same", f"{len(x)} rows of x were looked at, and all are equal")
            return
        rows = [row.tobytes() for row in x]
        different = len(set(rows))
        labels: dict[bytes, set[int]] = {}
        for row, label in zip(rows, self.some_y.tolist(), strict=True):
            labels.setdefault(row, set()).add(label)
        torn = sum(len(labels[row]) > 1 for row in rows) / len(rows)
        if torn > CONTRADICTED:
            found(
                "labels contradictory",
                f"{torn:.0%} of the rows of x stand there again, equal, with another label",
            )
        # Few columns of whole numbers may repeat; images do not.
        if x.shape[1] >= 50 and different < MOST * len(rows):
            found(
                "inputs all the same",
                f"only {different} of {len(rows)} rows of x are different from each other",
            )
        entry, normalized = self._first_weights()
        if entry is None or normalized:
            return  # batch normalization scales by itself
        v = _forward(self.model, self.sample_x, training=True)[entry]
        v = v.reshape(len(v), -1).astype(np.float64)
        column = np.sqrt((v**2).mean(axis=0)).max()
        largest, mean, spread = abs(v).max(), v.mean(axis=0), v.std(axis=0)
        sizes = abs(self.x.reshape(len(self.x), -1)).max(axis=1)
        sizes = np.where(np.isfinite(sizes), sizes, 0)
        usual, far = float(np.median(sizes)), int(sizes.argmax())
        if sizes[far] > max(FAR * usual, LARGE_INPUT) and usual > 0:
            found(
                "inputs not scaled",
                f"row {far} of x reaches {sizes[far]:.3g}, where half of the rows stay below "
                f"{usual:.3g}",
            )
        elif column > LARGE_INPUT:
            found(
                "inputs not scaled",
                f"the first layer of weights receives {v.min():.4g} to {v.max():.4g}; the largest "
                f"column has a root mean square of {column:.3g}, where 1 is usual",
            )
        elif largest < SMALL_INPUT:
            found(
                "inputs too small",
                f"the first layer of weights receives nothing larger than {largest:.2g}, where 1 "
                "is usual",
            )
        elif len(v) >= FEW and math.sqrt((mean**2).mean() / (spread**2).mean()) > OFFSET:
            found(
                "inputs off centre",
                f"the inputs' mean is {mean.mean():.3g}, "
                f"{math.sqrt((mean**2).mean() / (spread**2).mean()):.0f} times their spread",
            )

    def _first_weights(self) -> tuple[int | None, bool]:
        """Position of the first layer with a matrix, and whether normalization undoes scale."""
        for position, layer in enumerate(self.model.layers):
            if isinstance(layer, BatchNorm):
                return position, True
            if _weights(layer):
                after = self.model.layers[position + 1 : position + 2]
                return position, bool(after) and isinstance(after[0], BatchNorm)
        return None, False

    def _labels(self) -> None:
        """Whether all classes are there, and none is nearly alone."""
        shares = np.bincount(self.some_y, minlength=self.classes) / len(self.some_y)
        self.shares = shares
        top = int(shares.argmax())
        self.report.measured["labels"] = (
            f"{self.classes} outputs, shares from {shares.min():.0%} to {shares.max():.0%}"
        )
        if self.classes == 1 or len(self.some_y) < 20:
            return
        entropy = -(shares[shares > 0] * np.log(shares[shares > 0])).sum()
        # Half of what equal shares of the classes that are there would have: 74 % in one of ten
        # classes, 89 % in one of two.
        if entropy < MOST * math.log(max(2, (shares > 0).sum())):
            self.report.found(
                "one class only", f"{shares[top]:.0%} of the labels are {top}: naming it is enough"
            )
        elif (
            len(self.some_y) >= 20 * self.classes
            and (shares == 0).any()
            and not self.has("labels out of range")
        ):
            absent = np.flatnonzero(shares == 0)
            missing = ", ".join(map(str, absent[:10]))
            more = f" or {len(absent) - 10} others" if len(absent) > 10 else ""
            late = " (do they start at 1?)" if absent.tolist() == [0] else ""
            self.report.found(
                "class missing",
                f"the network has {self.classes} outputs, but no label is {missing}{more}{late}",
            )

    def _neighbours(self) -> None:
        """Whether examples that look alike share a label, in the same row or some rows away."""
        n = len(self.x)
        flat = self.x.reshape(n, -1)
        reach = 5
        if n < 400 or self.classes < 2 or self.has("inputs all the same", "one class only"):
            return
        inner = np.flatnonzero(np.isfinite(flat).all(axis=1))
        inner = inner[(inner >= reach) & (inner < n - reach)]
        chosen = self.rng.choice(inner, min(len(inner), 2_000), replace=False)
        half = len(chosen) // 2
        asked, known = chosen[:half], chosen[half:]
        a, b = flat[asked].astype(np.float64), flat[known].astype(np.float64)
        scale = max(float(abs(b).max()), 1e-300)
        a, b = a / scale, b / scale
        distances = (b**2).sum(axis=1) - 2 * a @ b.T  # (asked, known), up to a constant per row
        distances += (a**2).sum(axis=1)[:, np.newaxis]
        distances[distances < 1e-12] = np.inf  # a copy of the same row tells nothing
        k = 20
        nearest = np.argpartition(distances, k, axis=1)[:, :k]
        order = np.take_along_axis(distances, nearest, axis=1).argmin(axis=1)
        first = known[nearest[np.arange(half), order]]
        y = self.y
        agreement = {
            s: float((y[asked + s] == y[first + s]).mean()) for s in range(-reach, reach + 1)
        }
        chance = float(((np.bincount(y[chosen][y[chosen] >= 0]) / len(chosen)) ** 2).sum())
        clear = chance + 5 * math.sqrt(chance * (1 - chance) / half)
        best = max(agreement, key=agreement.get)
        self.report.measured["nearest neighbour"] = (
            f"shares the label for {agreement[0]:.0%} (by chance {chance:.0%})"
        )
        if best != 0 and agreement[best] > max(clear, 2 * agreement[0], 2 * chance):
            where = f"{abs(best)} row{'s' * (abs(best) > 1)} {'below' if best > 0 else 'above'}"
            self.report.found(
                "labels shifted",
                f"examples that look alike share the label {where} them in {agreement[best]:.0%}, "
                f"their own in {agreement[0]:.0%}",
            )
        elif agreement[0] < clear:
            linear = self._linear_agreement(a, b, y[asked], y[known])
            if linear < float(self.shares.max()) + 5 * math.sqrt(chance * (1 - chance) / half):
                self.report.found(
                    "labels unrelated",
                    f"the nearest neighbour shares the label in {agreement[0]:.0%}, by chance "
                    f"{chance:.0%}; a linear fit on half of the data is right in {linear:.0%} of "
                    "the rest",
                )
        else:
            votes = (y[known][nearest][:, :, np.newaxis] == np.arange(self.classes)).sum(axis=1)
            # Lies leave one label far ahead; where the data are hard, the second is close.
            second, top = np.sort(votes, axis=1)[:, -2:].T
            sure = (top >= 0.4 * k) & (top >= 2 * second)
            if sure.mean() > 0.3:
                torn = float((votes.argmax(axis=1) != y[asked])[sure].mean())
                if torn > CONTRADICTED:
                    self.report.found(
                        "labels contradictory",
                        f"where one label is far ahead among {k} neighbours, {torn:.0%} of the "
                        "examples in their midst have another",
                    )

    def _linear_agreement(self, a, b, y_a, y_b) -> float:
        """Share of a that a ridge regression on b answers rightly."""
        mean, spread = b.mean(axis=0), b.std(axis=0)
        used = spread > 1e-9
        a, b = (a - mean)[:, used] / spread[used], (b - mean)[:, used] / spread[used]
        kernel = b @ b.T
        kernel[np.diag_indices_from(kernel)] += 0.1 * np.trace(kernel) / len(kernel) + 1e-9
        targets = (y_b[:, np.newaxis] == np.arange(self.classes)) - self.shares
        return float(((a @ (b.T @ np.linalg.solve(kernel, targets))).argmax(axis=1) == y_a).mean())

    # The network on paper

    def _structure(self) -> None:
        """Layers that are missing or should not be there, told by what they do."""
        found, model = self.report.found, self.model
        values = _forward(model, self.sample_x[:64], training=False)
        self.shapes = [v.shape[1:] for v in values]
        last, out = model.layers[-1], values[-1]
        self.invariant = self._is_shift_invariant(out)
        sums = out.astype(np.float64).sum(axis=1)
        if self.invariant and self.classes > 1:
            if (out >= 0).all() and (abs(sums - 1) < 1e-3).all():
                found(
                    "softmax twice",
                    f"the outputs are probabilities already (rows add up to {sums.mean():.3f}), "
                    "and the loss takes a softmax of them",
                )
            elif not _weights(last) and not isinstance(last, BatchNorm):
                self._squashed(last)
        affine: list[int] = []
        since: list[Layer] = []
        for position, layer in enumerate(model.layers):
            if _weights(layer):
                if affine and all(_is_affine(one, v) for one, v in since):
                    found(
                        "no activation",
                        f"nothing that bends stands between layer {affine[-1] + 1} and layer "
                        f"{position + 1}: together they are one affine layer",
                    )
                affine.append(position)
                since = []
            else:
                since.append((layer, values[position]))
            rate = getattr(layer, "rate", None)
            if isinstance(layer, Dropout) and rate > 0.8:
                found(
                    "dropout too strong", f"layer {position + 1} silences {rate:.0%} of its units"
                )
        for k, position in enumerate(affine):
            layer = model.layers[position]
            width = self.shapes[position + 1][-1]
            rest = model.layers[position + 1 : position + 2]
            if not _biases(layer, width) and not (rest and isinstance(rest[0], BatchNorm)):
                found(
                    "no bias",
                    f"layer {position + 1}, {type(layer).__name__}, has weights "
                    f"{_shapes_of(layer)} and no bias of {width} numbers",
                )
            if k < len(affine) - 1 and width < math.log2(self.classes):
                found(
                    "too few units",
                    f"layer {position + 1} hands on {width} number{'s' * (width > 1)}, fewer than "
                    f"the {math.ceil(math.log2(self.classes))} bits that tell {self.classes} "
                    "classes apart",
                )

    def _is_shift_invariant(self, out: FloatArray) -> bool:
        """Whether the loss forgets a constant added to each row, as a softmax does."""
        labels = self.sample_y[: len(out)]
        z = self.rng.normal(size=out.shape)
        values = [float(self.loss(z + shift, labels)[0]) for shift in (0.0, 0.7)]
        return math.isfinite(values[0]) and abs(values[1] - values[0]) < 1e-6 * abs(values[0])

    def _squashed(self, last: Layer) -> None:
        """Whether the last layer, which has no weights, keeps the logits from their values."""
        layer = copy.deepcopy(last)
        probe = np.zeros((8, self.classes))
        probe[:4, 0], probe[4:, 0] = 50.0, -50.0
        high, low = (half[:, 0].mean() for half in np.split(layer.forward(probe, True), 2))
        middle = layer.forward(np.zeros((8, self.classes)), True)[:, 0].mean()
        name = f"the last layer, {type(last).__name__},"
        if isinstance(last, Dropout):
            text = f"{name} silences logits in training"
        elif high - low < 10:
            text = f"{name} keeps every logit between {low:.3g} and {high:.3g}"
        elif abs(low - middle) < 0.1 * abs(high - middle):
            text = f"{name} turns a logit of -50 into {low:.3g}"
        else:
            return
        self.report.found("activation on the logits", text)

    # The loss

    def _loss(self) -> None:
        """The value at hand against that of knowing nothing, and the gradient of the loss."""
        measured = self.report.measured
        labels = self.sample_y
        shares = np.maximum(np.bincount(labels, minlength=self.classes) / len(labels), 1e-3)
        rows = np.broadcast_to(shares / shares.sum(), (len(labels), self.classes))
        constants = [float(self.loss(a.copy(), labels)[0]) for a in (rows, np.log(rows))]
        usable = [value for value in constants if math.isfinite(value)]
        self.nothing = min(usable) if usable else math.nan
        self.values = {}
        for training in (True, False):
            out = _forward(self.model, self.sample_x, training=training)[-1]
            self.values[training] = float(self.loss(out.copy(), labels)[0])
        self.now = self.values[True]
        self.error = error = float((out.argmax(axis=1) != labels).mean())
        measured["loss"] = (
            f"{self.now:.3g} (of knowing only the classes' shares: {self.nothing:.3g})"
        )
        measured["wrong answers"] = f"{error:.0%}"
        self.learned = min(self.values.values()) < LEARNED * self.nothing
        self.attempt(self._loss_gradient)

    def _loss_gradient(self) -> None:
        found = self.report.found
        n, classes = min(16, len(self.sample_y)), self.classes
        labels = self.sample_y[:n]
        # Outputs as a softmax gives them are safe for every loss: logits, probabilities, targets.
        z = np.exp(log_softmax(0.5 * self.rng.normal(size=(n, classes))))
        value, d = self.loss(z.copy(), labels)
        if np.shape(d) != z.shape:
            found(
                "loss gradient wrong",
                f"loss returns a gradient of shape {np.shape(d)} for outputs {z.shape}",
            )
            return
        doubled = self.loss(np.concatenate([z, z]), np.concatenate([labels, labels]))
        factors = {}
        for size in (n, n // 2) if n > 1 else (n,):
            part, part_labels = z[:size], labels[:size]
            gradient = np.asarray(self.loss(part.copy(), part_labels)[1], float)

            def shifted(v, part=part, part_labels=part_labels):
                return float(self.loss(part + v, part_labels)[0])

            factors[size] = _compare(shifted, gradient, self.rng)
        factor = factors[n]
        flat = np.full((n, classes), 1 / classes)
        pull = -np.asarray(self.loss(flat.copy(), labels)[1], float)
        leads = float((pull.argmax(axis=1) == labels).mean()) if classes > 1 else 1.0
        if classes > 1 and leads < 0.9 and not (factor == factor and factor < 0):
            found(
                "labels ignored",
                f"from equal outputs, descending the loss raises the labelled one most in only "
                f"{leads:.0%} of {n} examples",
            )
        if factor == 1:
            ratio = float(doubled[0]) / float(value) if value else 1.0
            if abs(ratio - 2) < 1e-6:
                found(
                    "sum for mean",
                    "the same examples twice give twice the loss: it is a sum, so every learning "
                    f"rate acts {self.batch_size} times as large in batches of {self.batch_size}",
                )
        elif factor == factor and n > 1 and abs(factor / factors[n // 2] - n / (n // 2)) < 0.01:
            found(
                "sum for mean",
                f"the gradient of the loss is {factor:.3g} times the slope of its value for {n} "
                f"examples and {factors[n // 2]:.3g} times for {n // 2}: it grows with the batch, "
                f"so a rate acts {self.batch_size} times as large in batches of {self.batch_size}",
            )
        elif factor == factor and factor < 0:
            found(
                "loss gradient wrong",
                f"the gradient of the loss is {factor:.3g} times its measured slope: a step climbs",
            )
        elif factor == math.inf:
            found(
                "loss gradient wrong",
                "the value of the loss does not change with the outputs, but its gradient is not "
                "zero",
            )
        elif factor == factor:
            twice = f": 1/N for N = {n}, a mean taken twice" if abs(factor * n - 1) < 0.01 else ""
            found(
                "loss gradient wrong",
                f"the gradient of the loss is {factor:.3g} times its measured slope{twice}",
            )
        else:
            found("loss gradient wrong", "the gradient of the loss is not its measured slope")

    # Training and test mode

    def _modes(self) -> None:
        """Test mode must be the same twice, and treat every example by itself."""
        found = self.report.found
        x = self.sample_x[:32]
        trial = copy.deepcopy(self.model)
        first, second = (trial.forward(x.copy(), False).copy() for _ in range(2))
        size = float(abs(first).max()) or 1.0
        kept = x.copy()
        copy.deepcopy(self.model).forward(kept, True)
        if not np.array_equal(kept, x):
            found("inputs changed", "forward has written into the examples that it was given")
            return
        if not np.allclose(first, second, rtol=1e-5, atol=1e-6 * size):
            found(
                "random outside training",
                f"two passes over the same examples in test mode differ by up to "
                f"{abs(first - second).max():.2g}",
            )
            return
        try:
            alone = [trial.forward(x[n : n + 1].copy(), False) for n in range(min(4, len(x)))]
        except ValueError as error:
            found("examples mixed", f"in test mode an example alone fails: {error}")
            return
        difference = float(abs(np.concatenate(alone) - first[:4]).max())
        if difference > 1e-3 * size:
            found(
                "examples mixed",
                f"in test mode an example's outputs change by up to {difference:.2g} when it "
                "comes alone instead of in a batch",
            )
        for position, layer in enumerate(self.model.layers):
            if isinstance(layer, BatchNorm) or _weights(layer):
                continue
            v = abs(_forward(self.model, self.sample_x, training=False)[position])
            one, other = copy.deepcopy(layer), copy.deepcopy(layer)
            training = [one.forward(v.copy(), True) for _ in range(4)]
            if np.array_equal(training[0], training[1]):
                continue
            means = [np.mean(out, dtype=np.float64) for out in training]
            test = np.mean(other.forward(v.copy(), False), dtype=np.float64)
            ratio = float(np.mean(means) / test) if test else 1.0
            if abs(ratio - 1) > 0.1 + 4 * float(np.std(means) / abs(test)):
                found(
                    "not rescaled",
                    f"layer {position + 1}, {type(layer).__name__}, hands on {ratio:.2f} times as "
                    "much in training as in test mode",
                )
        train, test = self.values[True], self.values[False]
        if train < LEARNED * self.nothing and test > max(self.nothing, 2 * train):
            found(
                "averages out of date",
                f"the loss is {train:.2g} in training mode and {test:.2g} in test mode, on the "
                "same examples",
            )

    # Gradients

    def _gradients(self) -> None:
        """Every parameter's gradient against the measured slope, on a few examples in float64."""
        n = min(16, len(self.sample_y))
        x = self.sample_x[:n].astype(np.float64)
        model = _in_float64(self.model)
        # Off the kink of ReLU, where blank examples and biases of zero would put z exactly.
        for name, size in _natural_sizes(model, x, True).items():
            b = model.params[name]
            if b.ndim == 1:
                b += 0.01 * size / math.sqrt(b.size) * self.rng.normal(size=b.shape)
        out = copy.deepcopy(model).forward(x.copy(), True)
        # A layer that draws from a place of its own gives no slope to measure but in test mode.
        training = bool(np.array_equal(out, copy.deepcopy(model).forward(x.copy(), True)))
        weighting = self.rng.normal(size=out.shape)  # any upstream gradient will do
        trial = copy.deepcopy(model)
        grads = []
        try:
            for _ in range(2):
                state = copy.deepcopy([getattr(layer, "rng", None) for layer in trial.layers])
                trial.forward(x.copy(), training)
                trial.backward(weighting.copy())
                grads.append({k: np.array(g, np.float64) for k, g in trial.grads.items()})
                for layer, rng in zip(trial.layers, state, strict=True):
                    if rng is not None:
                        layer.rng = rng  # the same masks again
        except Exception as error:  # whatever a reader's layer may raise
            self.report.found("layer fails", f"backward raises {type(error).__name__}: {error}")
            return
        first, again = grads
        for name, w in model.params.items():
            if name not in first or first[name].shape != w.shape:
                got = f"of shape {first[name].shape}" if name in first else "missing"
                self.report.found("gradient wrong", f"the gradient of {name} {w.shape} is {got}")
                return
        largest = max((float(abs(g).max()) for g in first.values()), default=0.0)
        piled = [
            k
            for k, g in first.items()
            if abs(g).max() > 1e-6 * largest and np.allclose(again[k], 2 * g, 1e-6, 0)
        ]
        if piled:
            self.report.found(
                "gradients pile up",
                f"a second backward pass leaves twice the gradient in {', '.join(piled)}",
            )
            return
        scale = float(abs(out * weighting).sum())
        eps = _coarsest(model, x)
        factors = {}
        sizes = _natural_sizes(model, x, training)
        for name in model.params:

            def moved(v, name=name):
                other = copy.deepcopy(model)
                other.params[name][...] += v
                return float((other.forward(x.copy(), training) * weighting).sum())

            size = sizes[name]
            factors[name] = _compare(moved, first[name], self.rng, size=size, scale=scale, eps=eps)
        wrong = {name: factor for name, factor in factors.items() if factor != 1}
        self.report.measured["gradients"] = (
            f"{len(factors) - len(wrong)} of {len(factors)} agree with measured slopes"
        )
        if wrong:
            self._who_is_wrong(model, x, training, wrong, eps)

    def _who_is_wrong(self, model, x, training, wrong, eps) -> None:
        """Check every layer alone, to name the one whose backward is at fault."""
        found, n = self.report.found, len(x)
        values = _forward(model, x, training=training)
        guilty = []
        for position, layer in enumerate(model.layers):
            v, out = values[position], values[position + 1]
            weighting = self.rng.normal(size=out.shape)
            one = copy.deepcopy(layer)
            one.forward(v.copy(), training)
            dv = one.backward(weighting.copy())
            scale = float(abs(out * weighting).sum())

            def run(by_x, key, by_w, layer=layer, v=v, weighting=weighting):
                other = copy.deepcopy(layer)
                if key:
                    other.params[key][...] += by_w
                return float((other.forward(v + by_x, training) * weighting).sum())

            settings = {"scale": scale, "eps": eps}
            size = float(np.linalg.norm(v)) or 1.0
            what = {}
            if position == 0:
                pass  # nothing needs the gradient by the examples
            elif np.shape(dv) == v.shape:
                along = _compare(lambda s, r=run: r(s, "", 0), dv, self.rng, size=size, **settings)
                what["x"] = along
            else:
                what["x"] = math.nan
            for key, w in layer.params.items():
                size = _natural_size(w, out)
                g = np.array(one.grads[key], np.float64)
                what[key] = _compare(
                    lambda s, r=run, key=key: r(0, key, s), g, self.rng, size=size, **settings
                )
            guilty += [(position, layer, key, f) for key, f in what.items() if f != 1]
        for position, layer, key, factor in guilty:
            name = f"layer {position + 1}, {type(layer).__name__}: the gradient by its {key}"
            if factor == 0 and key != "x":
                found("parameters frozen", f"{name} is zero, though the loss depends on it")
            elif factor == math.inf and key != "x":
                found("parameters not used", f"{name} is not zero, but changing it changes nothing")
            else:
                # By a factor it still points the right way, at another pace than the others.
                cause = "gradient scaled" if 0 < factor < math.inf else "gradient wrong"
                found(
                    cause,
                    f"{name} {self._how_wrong(factor, n, key, layer, values[position])}",
                )
        if not guilty:
            names = ", ".join(f"d{name}" for name in wrong)
            found(
                "gradient wrong",
                f"{names} not as measured, though every layer is right by itself: two layers share "
                "what they remember",
            )

    def _how_wrong(self, factor, n, key, layer, v) -> str:
        if math.isfinite(factor):
            text = f"is {factor:.3g} times its measured slope"
            if abs(factor * n - 1) < 0.01:
                return f"{text}: 1/N for N = {n} examples, a mean that was taken already"
            if abs(factor / n - 1) < 0.01:
                return f"{text}: N, for {n} examples"
            return text
        if key == "x" and _is_elementwise(layer, v):
            one = copy.deepcopy(layer)
            one.forward(v.copy(), True)
            said = one.backward(np.ones_like(v))
            slope = _slopes(layer, v)
            worst = np.unravel_index(np.abs(said - slope).argmax(), v.shape)
            share = float((np.abs(said - slope) > 0.01).mean())
            return (
                f"is wrong at {share:.0%} of the inputs: at {v[worst]:.2f} it lets "
                f"{said[worst]:.2f} through, measured {slope[worst]:.2f}"
            )
        return "is not its measured slope"

    # The network at work

    def _flow(self) -> None:
        """The size of weights and signals, and the loss that a start with them has."""
        model = _in_float64(self.model)
        x = self.sample_x[:256].astype(np.float64)
        self.flow = _forward(model, x, training=True)
        self.gains = {}
        for position, layer in enumerate(model.layers):
            for w in _weights(layer):
                inputs = self.flow[position].reshape(len(x), -1).shape[1]
                self.gains[position] = float(np.sqrt((w**2).mean()) * math.sqrt(inputs))
        if self.gains:
            self.report.measured["weights"] = "size by the root of the inputs " + " ".join(
                f"{gain:.2g}" for gain in self.gains.values()
            )

    def _start(self) -> None:
        """The loss before any step, if nothing else has been found that explains it."""
        invariant = getattr(self, "invariant", False)
        limit = self.nothing + EXCESS if invariant else 100 * self.nothing
        if set(self.report.causes) - MILD:
            return
        if not math.isfinite(self.now):
            self.report.found("loss at the start", f"the loss is {self.now} before any step")
        elif self.now > limit and not self._large_weights(f"the loss is {self.now:.3g}"):
            self.report.found(
                "loss at the start",
                f"the loss is {self.now:.3g}, where knowing nothing costs {self.nothing:.3g}",
            )

    def _large_weights(self, consequence: str) -> bool:
        """Blame the weights, if they are large."""
        if not self.gains or max(self.gains.values()) < LARGE_GAIN:
            return False
        worst = max(self.gains, key=self.gains.get)
        inputs = self.flow[worst].shape[1]
        self.report.found(
            "weights too large",
            f"layer {worst + 1} has weights of size {self.gains[worst] / math.sqrt(inputs):.2g}, "
            f"where He's rule gives {math.sqrt(2 / inputs):.2g}; {consequence}",
        )
        return True

    def _activity(self) -> None:
        """Units of activation layers that pass no slope, or always pass it."""
        found, measured = self.report.found, self.report.measured
        x = self.sample_x.astype(np.float64)
        model = _in_float64(self.model)
        values = _forward(model, x, training=True)
        weights_before, shown = False, []
        last = len(model.layers) - 1
        for position, layer in enumerate(model.layers):
            v = values[position]
            weights_before |= bool(_weights(layer))
            if not weights_before or layer.params or not _is_elementwise(layer, v):
                continue
            peak, left, right = _ends(layer)
            if peak <= 0:
                continue
            flat = _slopes(layer, v) < FLAT * peak  # (N, H)
            bounded = left < FLAT * peak and right < FLAT * peak
            name = f"layer {position + 1}, {type(layer).__name__}"
            if position == last and bounded:
                self._dead_outputs(values[-1], flat, name)
                continue
            dead = flat.all(axis=0)
            closed = float(flat.mean())
            shown.append(f"{dead.mean():.0%}")
            if len(v) < FEW:
                continue
            askew = self.has("inputs all the same", "inputs off centre")
            if dead.mean() > MOST and not bounded and not askew:
                found(
                    "units dead",
                    f"{name}: {dead.mean():.0%} of {dead.size} units pass no slope for any of "
                    f"{len(v)} examples",
                )
            elif bounded and closed > MOST and not (self.learned or self.has("inputs not scaled")):
                text = f"{closed:.0%} of the outputs of {name} are saturated"
                if not self._large_weights(text):
                    found("units saturated", text)
            elif (
                left < FLAT * peak < right
                and not self.has("units all alike", "units dead", "inputs all the same")
                and v.shape[1] >= 5
                and (~flat).all(axis=0).mean() > 0.95
            ):
                text = (
                    f"{name}: {(~flat).all(axis=0).mean():.0%} of {dead.size} units are open for "
                    f"all of {len(v)} examples, so the layer bends nothing"
                )
                if not self._large_weights(text):
                    found("activation without effect", text)
        if shown:
            measured["dead units"] = " ".join(shown)

    def _dead_outputs(self, out: FloatArray, flat: np.ndarray, name: str) -> None:
        """Bounded outputs that are down, with no slope, for the examples of their own class."""
        low = out < (out.max() + out.min()) / 2
        stuck = [
            c
            for c in range(self.classes)
            if (self.sample_y == c).sum() >= 5 and (flat & low)[self.sample_y == c, c].mean() > 0.9
        ]
        self.report.measured["dead outputs"] = ", ".join(map(str, stuck)) or "none"
        wrong_side = flat & (low == (self.sample_y[:, np.newaxis] == np.arange(self.classes)))
        share = float(wrong_side.mean())
        if share > 0.1 and not self.learned and not self.has("inputs not scaled"):
            self._large_weights(
                f"{share:.0%} of the outputs are saturated on the wrong side, where no slope "
                "brings them back"
            )
        if stuck:
            self.report.found(
                "outputs dead",
                f"output{'s' * (len(stuck) > 1)} {', '.join(map(str, stuck))} of {name}, stay down "
                "without a slope for nine in ten examples of their own class",
            )

    def _alike(self) -> None:
        """Whether hidden units are still copies of each other after three small steps."""
        model = _in_float64(self.model)
        x, labels = self.sample_x[:64].astype(np.float64), self.sample_y[:64]
        for _ in range(3):
            out = model.forward(x.copy(), True)
            model.backward(np.array(self.loss(out, labels)[1], np.float64))
            for name, w in model.params.items():
                g = np.array(model.grads[name], np.float64)
                size = np.linalg.norm(g)
                if size > 0:
                    w -= 0.01 * (np.linalg.norm(w) or 1.0) / size * g
        positions = [p for p, layer in enumerate(model.layers) if _weights(layer)]
        for position in positions[:-1]:
            (w, *_) = _weights(model.layers[position])
            width = self.shapes[position + 1][-1]
            columns = w if w.shape[-1] == width else w.T
            if width < 2:
                continue
            seen = np.sort(self.rng.normal(size=len(columns)) @ columns)
            size = float(abs(seen).max())
            kinds = 1 + int((np.diff(seen) > 1e-9 * size).sum())
            if kinds <= MOST * width:
                start = _weights(self.model.layers[position])[0]
                value = (
                    "all zero"
                    if not start.any()
                    else f"from {start.min():.3g} to {start.max():.3g}"
                )
                self.report.found(
                    "units all alike",
                    f"the {width} units of layer {position + 1} (weights {value}) are only {kinds} "
                    f"different one{'s' * (kinds > 1)} after three steps",
                )
                return

    def _paces(self) -> None:
        """Gradients by the size of what they change, layer by layer."""
        model = _in_float64(self.model)
        x, labels = self.sample_x[:256].astype(np.float64), self.sample_y[:256]
        out = model.forward(x.copy(), True)
        model.backward(np.array(self.loss(out, labels)[1], np.float64))
        paces = {}
        for position, layer in enumerate(model.layers):
            for key, w in layer.params.items():
                size = float(np.linalg.norm(w))
                if w.ndim > 1 and size > 0:
                    paces[position] = float(np.linalg.norm(layer.grads[key])) / size
        if not paces:
            return
        if self.gains and not list(self.gains.values())[-1]:
            return  # a last layer of zeros hides the others for one step only
        self.report.measured["gradient by weights"] = " ".join(f"{p:.1g}" for p in paces.values())
        blocked = ("units dead", "units saturated", "units all alike", "weights too large")
        wrong = ("gradient wrong", "parameters frozen", "inputs too small", "outputs dead")
        if self.learned or self.has(*blocked, *wrong):
            return
        slowest, fastest = min(paces, key=paces.get), max(paces, key=paces.get)
        small = [p for p, gain in self.gains.items() if gain < 0.35]
        spread = float(out.std(axis=0).mean())
        if paces[fastest] < SLOW_PACE or paces[slowest] < VANISHING * paces[fastest]:
            text = (
                f"the gradient of layer {slowest + 1} is {paces[slowest]:.1g} of its weights, that "
                f"of layer {fastest + 1} {paces[fastest]:.1g}; outputs differ by {spread:.1g} from "
                "one example to another"
            )
            if len(small) > MOST * len(self.gains) or (small and paces[fastest] < SLOW_PACE):
                size = self.gains[small[0]] / math.sqrt(self.flow[small[0]].shape[1])
                self.report.found(
                    "weights too small",
                    f"layer {small[0] + 1} has weights of size {size:.2g}; {text}",
                )
            else:
                self.report.found("gradients vanish", text)

    # Steps

    def _penalty(self) -> None:
        """What the L2 penalty would cost, if the weights had the size of a fresh start."""
        decay = getattr(self.optimizer, "weight_decay", 0.0)
        outputs = sum(self.shapes[p + 1][-1] for p in self.gains)
        if getattr(self.optimizer, "decoupled", False):
            # Adam's directions are below 1, so weights end below 1 / weight_decay.
            if decay > 2:
                self.report.found(
                    "penalty too strong",
                    f"a decoupled weight decay of {decay:g} keeps every weight below "
                    f"{1 / decay:.2g}",
                )
            return
        # By He's rule D K weights have the squares 2 / D, so half their sum is K.
        cost = decay * outputs
        if cost > 3 * self.nothing:
            self.report.found(
                "penalty too strong",
                f"on weights by He's rule, weight decay {decay:g} costs {cost:.3g}; all that "
                f"learning can win is {self.nothing:.3g}",
            )

    def _one_step(self) -> None:
        """Whether a step goes down, and moves all that has a gradient."""
        trial, optimizer = copy.deepcopy(self.model), copy.deepcopy(self.optimizer)
        x, labels = self.sample_x[:256], self.sample_y[:256]
        trial.backward(np.array(self.loss(trial.forward(x.copy(), True), labels)[1]))
        before = {k: w.astype(np.float64) for k, w in trial.params.items()}
        g = {k: np.array(v, np.float64) for k, v in trial.grads.items()}
        optimizer.step(trial)
        moves = {k: w.astype(np.float64) - before[k] for k, w in trial.params.items()}
        ratios = {
            k: np.linalg.norm(m) / max(np.linalg.norm(before[k]), 1e-300)
            for k, m in moves.items()
            if m.ndim > 1 and before[k].any()
        }
        self.report.measured["first step by weights"] = " ".join(
            f"{r:.1g}" for r in ratios.values()
        )
        # A gradient of rounding, or one so faint that its step is lost in float32, does not count.
        largest = max(float(abs(a).max()) for a in g.values())
        still = [k for k in g if abs(g[k]).max() > 1e-3 * largest and not moves[k].any()]
        if still:
            name = type(self.optimizer).__name__
            what = "every parameter" if len(still) == len(g) else ", ".join(still)
            self.report.found("step does nothing", f"a step of {name} leaves {what} unmoved")
        along = sum(float((moves[k] * g[k]).sum()) for k in g)
        sizes = [math.sqrt(sum(float((a**2).sum()) for a in many.values())) for many in (moves, g)]
        if sizes[0] and sizes[1] and along > 0.1 * sizes[0] * sizes[1]:
            self.report.found(
                "climbs", f"a step goes up the gradient (cosine {along / sizes[0] / sizes[1]:+.2f})"
            )

    def _trial(self, factor: float, longer: int = 1, momentum: float | None = None) -> float:
        """Train a copy for some steps at `factor` times the rate; return the loss it ends with.

        `answers` tells whether half of what was wrong before, or is by knowing nothing, is right
        by then: some losses fall slowly while the answers are right already.
        """
        trial, optimizer = copy.deepcopy(self.model), copy.deepcopy(self.optimizer)
        optimizer.learning_rate = optimizer.learning_rate * factor
        if momentum is not None:
            optimizer.momentum, optimizer.nesterov = momentum, False
        rng = np.random.default_rng(1)  # the same batches for every rate
        size = min(self.batch_size, 256, len(self.some_y))
        parameters = sum(w.size for w in trial.params.values())
        steps = int(np.clip(MOST_OPERATIONS / 3 / (6 * parameters * size), 3, 50)) * longer
        self.steps = steps
        for step in range(1, steps + 1):
            batch = rng.integers(0, len(self.some_y), size)
            out = trial.forward(self.some_x[batch], True)
            value, d_out = self.loss(out, self.some_y[batch])
            if not math.isfinite(float(value)):
                self.steps = step - 1
                return math.inf
            trial.backward(d_out)
            optimizer.step(trial)
        out = _forward(trial, self.sample_x, training=True)[-1]
        value = float(self.loss(out, self.sample_y)[0])
        if not math.isfinite(value):
            return math.inf
        error = float((out.argmax(axis=1) != self.sample_y).mean())
        self.answers = error < MOST * min(self.error, 1 - float(self.shares.max()))
        return value

    def _rates(self) -> None:
        """Short runs at the rate given, and at others if that one fails."""
        found = self.report.found
        rate = getattr(self.optimizer, "learning_rate", None)
        if rate is None or set(self.report.causes) - MILD or not self.classes > 1:
            return
        self.answers = False
        end, answers = self._trial(1.0), self.answers
        steps = f"{self.steps} step{'s' * (self.steps != 1)} at {rate:g}"
        # A start may be lucky, and below the loss of knowing nothing before any step.
        goal = FALLS * (self.nothing if self.learned else min(self.nothing, self.now))
        text = f"{steps} take the loss from {self.now:.3g} to {end:.3g}"
        self.report.measured["short run"] = text
        if end < goal or (answers and end < self.now):
            self._momentum(rate)
            return
        # A deep network may stumble at first, at a rate with which it learns later.
        later = self._trial(1.0, 4)
        if later < goal:
            return
        risen = later > 1.5 * max(self.now, self.nothing)
        for longer in (1, 4):
            for factor in (0.1, 0.01, 0.001):
                other = self._trial(factor, longer)
                if other < min(goal, 0.5 * later):
                    found(
                        "rate too large",
                        f"{text}; {self.steps} steps at {factor * rate:g} end at {other:.3g}",
                    )
                    return
        if risen:
            found("rate too large", f"{text}, and four times as many to {later:.3g}")
            return
        if self.learned or end < STANDS * min(self.now, self.nothing):
            return
        for factor in (30.0, 1e2, 1e3, 1e4, 1e5, 1e6):
            self.answers = False
            other = self._trial(factor)
            if other < goal or (self.answers and other < end):
                found("rate too small", f"{text}; steps at {factor * rate:g} end at {other:.3g}")
                return
        if later > STANDS * min(self.nothing, self.now):
            small = [p for p, gain in self.gains.items() if gain < 0.35]
            if len(small) > MOST * len(self.gains):
                size = self.gains[small[0]] / math.sqrt(self.flow[small[0]].shape[1])
                found(
                    "weights too small",
                    f"layer {small[0] + 1} has weights of size {size:.2g}; {text}",
                )
            else:
                found("does not fall", f"{text}, and no other rate does better")

    def _momentum(self, rate: float) -> None:
        """Whether a momentum near 1 turns the rate into one that is too large in the long run."""
        momentum = getattr(self.optimizer, "momentum", 0.0)
        if not LONG_MEMORY < momentum < 1:
            return
        pace = 1 / (1 - momentum)
        end = self._trial(pace / 2, momentum=0.0)
        if end > max(self.now, self.nothing):
            self.report.found(
                "rate too large",
                f"a momentum of {momentum:g} adds up {pace:.0f} steps, so a rate of {rate:g} acts "
                f"like {pace * rate:g}; without momentum, steps at half of that end at {end:.3g}",
            )

    def _by_heart(self) -> None:
        """Whether ten examples can be learned by heart; the last resort."""
        if self.report or self.learned:
            return
        x, index = np.unique(
            self.sample_x.reshape(len(self.sample_x), -1), axis=0, return_index=True
        )
        index = np.sort(index)[:10]
        x, labels = self.sample_x[index], self.sample_y[index]
        best = 1.0
        for rate in (0.01, 0.001):
            trial, optimizer = copy.deepcopy(self.model), Adam(rate)
            parameters = sum(w.size for w in trial.params.values())
            steps = int(min(MOST_OPERATIONS / 10 / (6 * parameters * 10), 400))
            for step in range(1, steps + 1):
                trial.backward(self.loss(trial.forward(x.copy(), True), labels)[1])
                optimizer.step(trial)
                if step % 20 == 0:
                    for training in (True, False):
                        out = _forward(trial, x, training=training)[-1]
                        best = min(best, float((out.argmax(axis=1) != labels).mean()))
                    if best == 0:
                        self.report.measured["ten examples"] = f"learned in {step} steps of Adam"
                        return
            if steps < 400:
                return  # too large a network to say
        if best > 0.3:
            self.report.found(
                "cannot overfit",
                f"after {steps} steps of Adam {best:.0%} of {len(labels)} examples are still wrong",
            )


# Small tools


def _weights(layer: Layer) -> list[FloatArray]:
    """The layer's matrices."""
    return [w for w in layer.params.values() if np.ndim(w) == 2]


def _biases(layer: Layer, width: int) -> list[FloatArray]:
    return [b for b in layer.params.values() if b.ndim != 2 and b.size == width] + [
        b for b in layer.params.values() if b.ndim == 2 and b.shape in ((1, width), (width, 1))
    ]


def _shapes_of(layer: Layer) -> str:
    return ", ".join(str(w.shape) for w in _weights(layer))


def _forward(model: Sequential, x: FloatArray, *, training: bool) -> list[FloatArray]:
    """Inputs, then the outputs of every layer, computed by a copy."""
    values = [x.copy()]
    for layer in copy.deepcopy(model).layers:
        values.append(np.array(layer.forward(values[-1].copy(), training)))
    return values


def _in_float64(model: Sequential) -> Sequential:
    """A copy in float64; other names that a layer has for a parameter stay names for it."""
    model = copy.deepcopy(model)
    for layer in model.layers:
        for key, w in list(layer.params.items()):
            layer.params[key] = w.astype(np.float64)
            for name, value in list(vars(layer).items()):
                if value is w:
                    setattr(layer, name, layer.params[key])
    return model


def _natural_size(w: FloatArray, out: FloatArray) -> float:
    """Norm of a matrix; for a bias, which may be zero, that of a row of what it is added to."""
    norm = np.linalg.norm(w) if w.ndim > 1 else np.linalg.norm(out) / math.sqrt(len(out))
    return float(norm) or 1.0


def _natural_sizes(model: Sequential, x: FloatArray, training: bool) -> dict[str, float]:
    """The natural size of every parameter, by its name in the model."""
    outs = _forward(model, x, training=training)[1:]
    owner = {id(w): out for layer, out in zip(model.layers, outs, strict=True)
             for w in layer.params.values()}  # fmt: skip
    return {name: _natural_size(w, owner[id(w)]) for name, w in model.params.items()}


def _coarsest(model: Sequential, x: FloatArray) -> float:
    """Relative rounding of the least precise layer, when all it is given is float64."""
    kinds = [v.dtype for v in _forward(model, x, training=True) if v.dtype.kind == "f"]
    return max(float(np.finfo(kind).eps) for kind in kinds)


def _is_elementwise(layer: Layer, v: FloatArray) -> bool:
    """Whether every output of a layer without parameters depends on its own input alone."""
    if layer.params or isinstance(layer, Dropout | BatchNorm) or v.ndim != 2:
        return False
    probe = np.linspace(-2, 2, 2 * v.shape[1]).reshape(2, -1)
    moved = probe.copy()
    moved[0, 0] += 0.7
    a, b = (copy.deepcopy(layer).forward(p.copy(), False) for p in (probe, moved))
    if np.shape(a) != probe.shape:
        return False
    changed = a != b
    changed[0, 0] = False
    return not changed.any()


def _slopes(layer: Layer, v: FloatArray) -> FloatArray:
    """Slope of an elementwise layer at each input, by central differences."""
    step = 1e-6 * np.maximum(1, abs(v))
    up, down = (copy.deepcopy(layer).forward(v + s, False) for s in (step, -step))
    return (up - down) / (2 * step)


def _ends(layer: Layer) -> tuple[float, float, float]:
    """Largest slope of an elementwise layer, and its slopes far to the left and to the right."""
    grid = np.concatenate([np.linspace(-8, 8, 161) + 0.013, [-40.0, 40.0]])
    slopes = _slopes(layer, grid[:, np.newaxis])[:, 0]
    return float(slopes[:-2].max()), float(slopes[-2]), float(slopes[-1])


def _is_affine(layer: Layer, v: FloatArray) -> bool:
    """Whether f(a) + f(b) = f(a + b) + f(0) for inputs like v, in test mode."""
    size = float(abs(v).max()) or 1.0
    rng = np.random.default_rng(0)
    a, b = (size * rng.normal(size=v.shape) for _ in range(2))
    f = [copy.deepcopy(layer).forward(p, False) for p in (a, b, a + b, 0 * a)]
    return bool(np.allclose(f[0] + f[1], f[2] + f[3], rtol=1e-4, atol=1e-4 * size))


def _compare(
    f: Callable,
    gradient: FloatArray,
    rng: np.random.Generator,
    *,
    size: float = 1.0,
    scale: float = 1.0,
    eps: float = float(np.finfo(np.float64).eps),
) -> float:
    """How many times its measured slope a gradient is, along itself and three random directions.

    Returns 1 where nothing contradicts it, 0 for a gradient of zero where there is a slope,
    infinity for the opposite, and nan if the directions do not agree on a factor. Directions along
    which f has a kink, or rounds too much to tell, say nothing.
    """
    directions = [rng.normal(size=gradient.shape) for _ in range(3)]
    if gradient.any():
        directions.insert(0, gradient)
    said, measured = [], []
    middle = f(np.zeros_like(gradient))
    widest = 1e-6 if eps < 1e-10 else 1e-2
    for v in directions:
        v = v / np.linalg.norm(v)
        claim = float((gradient * v).sum())
        verdict = None
        earlier = None
        for step in (widest * size, 1e-2 * widest * size, 1e-4 * widest * size):
            up, down = f(step * v), f(-step * v)
            right, left = (up - middle) / step, (middle - down) / step
            slope = (up - down) / (2 * step)
            rounding = 50 * eps * max(scale, abs(up), abs(down)) / step
            largest = max(abs(claim), abs(slope))
            if not math.isfinite(slope) or rounding > 0.01 * largest:
                continue  # too little to tell
            off = abs(claim - slope)
            if off <= AGREES * largest + rounding:
                verdict = (claim, claim)
                break
            # A kink shows on one side only, or moves as the step shrinks.
            smooth = abs(right - left) <= 0.2 * off + 2 * rounding
            steady = earlier is not None and abs(slope - earlier) <= 0.1 * off + 2 * rounding
            if smooth and (steady or eps > 1e-10):
                verdict = (claim, slope)
                break
            earlier = slope
        if verdict:
            said.append(verdict[0])
            measured.append(verdict[1])
    if said == measured:
        return 1.0
    if not any(said):
        return 0.0
    largest = max(map(abs, said))
    if all(abs(m) < 1e-6 * largest for m in measured):
        return math.inf
    ratios = [a / b if b else math.inf for a, b in zip(said, measured, strict=True)]
    if max(ratios) - min(ratios) <= 0.02 * abs(ratios[0]):
        return ratios[0]
    return math.nan
