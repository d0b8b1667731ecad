"""What can be wrong: for each cause the lesson to read, the cure, and what else would explain it.

The order is that of suspicion: first what makes the other measurements meaningless, then what is
wrong in any case, then what is a matter of degree. A cause stands before what it causes.
"""

from typing import NamedTuple

SERIOUS = "whatever is not mild"
ANYTHING = "whatever else is found"


class Cause(NamedTuple):
    """A kind of fault."""

    lesson: str
    """The number of the lesson to read."""
    cure: str
    """The smallest cure, to be followed to the letter."""
    explained_by: tuple[str, ...] = ()
    """Causes, SERIOUS or ANYTHING: where one of them is found, this one is only its consequence."""
    mild: bool = False
    """Whether it explains neither a large loss at the start nor a step that fails."""
    ends: bool = False
    """Whether nothing can be measured behind it."""


LAYER_ALONE = "check the layer alone: check_gradients(layer, x)"
LAYER_BY_LAYER = "look at each layer: layer_statistics(model, x, y)"
RULES = "start by He's rule, sqrt(2 / D), or Xavier's"
SMALLER_START = "start by Xavier's rule; cross-entropy on logits in place of squared error"
ALL_EQUAL = ("inputs all the same",)
NO_SLOPE = (
    *("units dead", "units saturated", "units all alike", "outputs dead"),
    *("weights too large", "gradient wrong", "parameters frozen", "inputs too small"),
)

CAUSES: dict[str, Cause] = {
    "nan in the data": Cause(
        "01", "find where the data get it, or leave these rows out, of x and of y"
    ),
    "nan in the weights": Cause("06", "start again, with a tenth of the learning rate", ends=True),
    "labels out of range": Cause(
        "01", "use labels from 0 to C - 1, and as many outputs as classes", ends=True
    ),
    "inputs all the same": Cause("01", "look at the data with show_digits(x[:40])"),
    "few examples": Cause(
        "01", "train on more of the data: hundreds a class", ALL_EQUAL, mild=True
    ),
    "labels shifted": Cause(
        "01", "give each row of x the label that belongs to it", (*ALL_EQUAL, "one class only")
    ),
    "labels unrelated": Cause(
        "01",
        "bring x and y into the same order, row by row, or look how x was reshaped",
        (*ALL_EQUAL, "few examples", "one class only"),
    ),
    "rows sorted": Cause(
        "07",
        "shuffle the rows of x and y together: i = rng.permutation(len(x)); x, y = x[i], y[i]",
        ("one class only",),
        mild=True,
    ),
    "one class only": Cause(
        "01", "balance the classes, or judge by more than the error", mild=True
    ),
    "class missing": Cause(
        "01", "take a random sample of all classes", ("labels out of range",), mild=True
    ),
    "batch too small": Cause(
        "12", "batches of 32 or more, and no last batch of one example", ends=True
    ),
    "layer fails": Cause(
        "08", "mend forward and backward until check_gradients(layer, x) runs", ends=True
    ),
    "loss fails": Cause(
        "05", "return two things, the value and its gradient by the outputs: loss, dz", ends=True
    ),
    "step fails": Cause("10", "let step change each array of model.params by model.grads"),
    "precision too low": Cause("10", "keep weights and inputs in float32"),
    "nan in the outputs": Cause(
        "02",
        "subtract the row's largest entry before exp, and keep log, root and division from zero",
        ("nan in the weights",),
        ends=True,
    ),
    "nan in the loss": Cause(
        "05", "compute the loss from logits, with log_softmax, and never log(0)", ends=True
    ),
    "labels ignored": Cause(
        "05",
        "let the slope of the loss lead towards the example's own label",
        ("loss mixes examples",),
    ),
    "loss mixes examples": Cause(
        "05", "softmax along axis=1, and differences of arrays of the same shape (N, C)"
    ),
    "sum for mean": Cause(
        "05", "divide by N once, in the gradient of the loss", ("loss mixes examples",)
    ),
    "loss gradient wrong": Cause("05", "check it: check_gradients(loss, z, y)"),
    "gradient wrong": Cause("04", LAYER_ALONE, ("parameters shared",)),
    "gradients pile up": Cause(
        "08", "assign to grads in backward instead of adding to it, and keep no sum in step"
    ),
    "parameters shared": Cause("08", "give each layer arrays of its own: array.copy()"),
    "parameters not used": Cause(
        "08", "let forward read params, and change arrays in place only", ("parameters shared",)
    ),
    "parameters frozen": Cause("08", "let backward store this gradient in grads"),
    "inputs changed": Cause("08", "write a = x * 2, which makes a new array, and not x *= 2"),
    "step does nothing": Cause("10", "change arrays in place: w -= step, and not w = w - step"),
    "climbs": Cause("06", "subtract the gradient"),
    "softmax twice": Cause("05", "remove the Softmax layer: this loss takes logits"),
    "activation on the logits": Cause(
        "02", "remove it: logits need both signs and any size", ("examples mixed",)
    ),
    "random outside training": Cause(
        "13", "let forward do nothing at random unless training is True", ("inputs changed",)
    ),
    "examples mixed": Cause(
        "12",
        "take sums over the units, axis=1, not over the batch",
        ("inputs changed", "random outside training"),
    ),
    "mask never changes": Cause("13", "draw a new mask in every forward pass of training"),
    "not rescaled": Cause("13", "divide by 1 - rate in training"),
    "averages out of date": Cause(
        "12",
        "call forward with training=True while training, let it move the averages, and only then",
        ("examples mixed",),
    ),
    "dropout too strong": Cause("13", "a rate of 0.2 to 0.5", mild=True),
    "units all alike": Cause("09", "start from random weights: he_normal"),
    "inputs not scaled": Cause(
        "09",
        "divide pixels by 255; standardize other columns, (x - mean) / spread, where a column of "
        "spread 0 becomes 0",
    ),
    "inputs too small": Cause("09", "scale the inputs once, to about 0 to 1"),
    "inputs off centre": Cause("09", "subtract the mean of each column"),
    "weights too large": Cause("09", RULES, ("inputs not scaled",)),
    "weights too small": Cause("09", RULES, NO_SLOPE),
    "units saturated": Cause("05", SMALLER_START, ("inputs not scaled", "weights too large")),
    "outputs dead": Cause("05", SMALLER_START),
    "gradient scaled": Cause(
        "04", "let backward multiply by what forward multiplies with", ("parameters shared",)
    ),
    "units dead": Cause(
        "06",
        "start again with a smaller step, and biases of zero",
        (*ALL_EQUAL, "inputs off centre"),
    ),
    "gradients vanish": Cause(
        "09", "ReLU and He's rule, or batch normalization", (*NO_SLOPE, "weights too small")
    ),
    "no activation": Cause("02", "put a ReLU between the two affine layers"),
    "activation without effect": Cause(
        "02",
        "start from biases of zero, and weights of both signs",
        (*ALL_EQUAL, "units all alike", "units dead", "weights too large"),
    ),
    "too few units": Cause("08", "more hidden units", mild=True),
    "penalty too strong": Cause("13", "a weight decay of 0.001 or less"),
    "momentum too large": Cause("10", "a momentum of 0.9", (SERIOUS,)),
    "rate too large": Cause("06", "a tenth of the learning rate, and again", (SERIOUS,)),
    "rate too small": Cause("06", "a learning rate ten times as large, and again", (SERIOUS,)),
    "does not fall": Cause("09", LAYER_BY_LAYER, (SERIOUS,)),
    "loss at the start": Cause(
        "02", "compare the outputs' size with what the loss expects", (SERIOUS,)
    ),
    "labels contradictory": Cause(
        "13",
        "look at the examples that their neighbours contradict",
        (*ALL_EQUAL, "few examples", "one class only", "labels shifted", "labels unrelated"),
        mild=True,
    ),
    "no bias": Cause("02", "give the layer a bias", ("parameters not used",), mild=True),
    "cannot overfit": Cause("13", LAYER_BY_LAYER, (ANYTHING,)),
}


def explains(found: set[str], cause: str) -> bool:
    """Tell whether a cause is only the consequence of others that were found."""
    others = found - {cause}
    reasons = CAUSES[cause].explained_by
    # Two that would explain each other as matters of degree both stay.
    serious = {name for name in others if not CAUSES[name].mild}
    serious -= {name for name in others if SERIOUS in CAUSES[name].explained_by}
    return bool(
        others & set(reasons)
        or (SERIOUS in reasons and serious)
        or (ANYTHING in reasons and others)
    )
