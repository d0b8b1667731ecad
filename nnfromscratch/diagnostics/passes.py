"""Does it run at all? One step of training, part by part, as `fit` would take it."""

import math

import numpy as np

from ..errors import ShapeError
from .probes import duplicate, observe
from .report import Finding, Results, found, said
from .sample import Sample


def one_pass(sample: Sample) -> Results:
    """A pass forward, the loss, and a pass back, with a batch as in training."""
    size = min(sample.batch_size, len(sample.few_y))
    for training in (True, False):
        model, x = duplicate(sample.model), sample.few_x[:size].copy()
        try:
            out = model.forward(x, training)
        except Exception as error:  # whatever a reader's layer may raise
            yield _forward_fails(sample, size, training, error)
            return
        if not np.isfinite(out).all():
            yield from _nan(sample, training)
            return
        if training:
            yield from _loss_and_back(sample, model, out, size)


def _forward_fails(sample: Sample, size: int, training: bool, error: Exception) -> Finding:
    """Tell a layer that fails from a batch that is too small for it."""
    mode = "training" if training else "test"
    text = f"forward in {mode} mode, with a batch of {size}, raises {said(error)}"
    try:
        duplicate(sample.model).forward(np.repeat(sample.few_x[:2], 16, axis=0), training)
    except Exception:
        return found("layer fails", text)
    return found("batch too small", f"{text}; a batch of 32 passes")


def _nan(sample: Sample, training: bool) -> Results:
    """Name the layer that makes nan or infinity of numbers."""
    values = observe(sample.model, sample.few_x, training=training)
    finite = [bool(np.isfinite(v).all()) for v in values]
    position = finite.index(False) if False in finite else len(values) - 1
    layer, v = sample.model.layers[position - 1], values[position]
    yield found(
        "nan in the outputs",
        f"layer {position}, {type(layer).__name__}, makes nan or infinity at "
        f"{(~np.isfinite(v)).mean():.1%} of its outputs, from inputs up to "
        f"{abs(values[position - 1]).max():.3g}",
    )


def _loss_and_back(sample: Sample, model, out, size: int) -> Results:
    labels = sample.few_y[:size]
    try:
        value, d_out = sample.loss(out.copy(), labels)
        value = float(value)
    except Exception as error:
        yield found("loss fails", f"for outputs {out.shape} and labels, loss raises {said(error)}")
        return
    if np.shape(d_out) != out.shape:
        return  # for the measurements of the loss
    if not math.isfinite(value) or not np.isfinite(d_out).all():
        yield found(
            "nan in the loss",
            f"the loss is {value:.3g} for finite outputs, and {(~np.isfinite(d_out)).mean():.1%} "
            "of its gradient is nan or infinite",
        )
        return
    try:
        model.backward(d_out)
    except Exception as error:
        yield found("layer fails", f"backward raises {said(error)}")


def last_batch(sample: Sample) -> Results:
    """Whether the rows that are left for the last batch of an epoch are enough."""
    rest = len(sample.x) % sample.batch_size
    if rest == 0 or rest > 2 or len(sample.x) < sample.batch_size:
        return
    try:
        duplicate(sample.model).forward(sample.few_x[:rest].copy(), True)
    except Exception as error:
        yield found(
            "batch too small",
            f"{len(sample.x)} rows in batches of {sample.batch_size} leave {rest} for the last, "
            f"and forward raises {said(error)}",
        )


def step(sample: Sample) -> Results:
    """Whether the optimizer's step runs, and leaves numbers."""
    model, optimizer = duplicate(sample.model), duplicate(sample.optimizer)
    name, size = type(optimizer).__name__, min(sample.batch_size, len(sample.few_y))
    out = model.forward(sample.few_x[:size].copy(), True)
    model.backward(sample.loss(out, sample.few_y[:size])[1])
    try:
        optimizer.step(model)
    except Exception as error:
        yield found("step fails", f"a step of {name} raises {said(error)}")
        return
    bad = [key for key, w in model.params.items() if not np.isfinite(w).all()]
    if not bad:
        return
    half = [key for key in bad if model.params[key].dtype == np.float16]
    if half:
        yield found(
            "precision too low",
            f"{', '.join(half)} are float16, and a step of {name} makes nan or infinity of them",
        )
    else:
        yield found("step fails", f"a step of {name} makes nan or infinity of {', '.join(bad)}")


def output_shape(model, x) -> int:
    """Return the number of outputs; the model is not changed."""
    try:
        outputs = duplicate(model).forward(x[:2].copy())
    except Exception:  # two may be too few for a layer
        outputs = duplicate(model).forward(x[:64].copy())
    if np.ndim(outputs) != 2 or outputs.shape[1] == 0:
        made = np.shape(outputs)
        raise ShapeError(f"examine: the model makes outputs {made} from x {x.shape}")
    return outputs.shape[1]
