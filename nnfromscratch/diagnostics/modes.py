"""Is it the same network when it is tested? Test mode, masks and running averages."""

import numpy as np

from .probes import answer, coarsest, duplicate, is_elementwise, varies
from .report import Results, found
from .sample import Sample
from .thresholds import ALONE, LEARNED, SILENCED


def test_mode(sample: Sample) -> Results:
    """Test mode must be the same twice, and treat every example by itself."""
    x = sample.few_x[:32].astype(np.float64)
    trial = duplicate(sample.double)
    first, second = (trial.forward(x.copy(), False).copy() for _ in range(2))
    size = float(abs(first).max()) or 1.0
    if not np.allclose(first, second, rtol=1e-5, atol=1e-6 * size, equal_nan=True):
        yield found(
            "random outside training",
            f"two passes over the same examples in test mode differ by up to "
            f"{np.nanmax(abs(first - second)):.2g}",
        )
        return
    try:
        alone = [trial.forward(x[n : n + 1].copy(), False) for n in range(min(4, len(x)))]
    except ValueError as error:
        yield found("examples mixed", f"in test mode an example alone fails: {error}")
        return
    difference = float(abs(np.concatenate(alone) - first[:4]).max())
    if difference > max(ALONE, 50 * coarsest(sample.still)) * size:
        yield found(
            "examples mixed",
            f"in test mode an example's outputs change by up to {difference:.2g} when it "
            "comes alone instead of in a batch",
        )


def inputs_kept(sample: Sample) -> Results:
    """Whether forward leaves alone what it is given."""
    kept = sample.few_x[:32].copy()
    duplicate(sample.model).forward(kept, True)
    if not np.array_equal(kept, sample.few_x[:32], equal_nan=True):
        yield found("inputs changed", "forward has written into the examples that it was given")


def masks(sample: Sample) -> Results:
    """What layers without weights do in training and not in test mode."""
    for position, layer in enumerate(sample.double.layers):
        v = abs(sample.still[position])
        if layer.params or layer.buffers:
            continue
        name = f"layer {position + 1}, {type(layer).__name__},"
        if varies(layer, v):
            yield from _not_rescaled(layer, v, name)
        elif v.ndim == 2 and is_elementwise(layer, v):
            silent = (answer(layer, v, True) == 0) & (answer(layer, v) != 0)
            if silent.mean() > SILENCED:
                yield found(
                    "mask never changes",
                    f"{name} silences {silent.mean():.0%} in training, the same in every pass",
                )


def _not_rescaled(layer, v, name: str) -> Results:
    one = duplicate(layer)
    means = [np.mean(one.forward(v.copy(), True)) for _ in range(4)]
    test = np.mean(answer(layer, v))
    ratio = float(np.mean(means) / test) if test else 1.0
    if abs(ratio - 1) > 0.1 + 4 * float(np.std(means) / abs(test)):
        yield found(
            "not rescaled",
            f"{name} hands on {ratio:.2f} times as much in training as in test mode",
        )


def averages(sample: Sample) -> Results:
    """Whether what test mode uses in place of the batch follows the training."""
    train, test = sample.values[True], sample.values[False]
    if train < LEARNED * sample.nothing and test > max(sample.nothing, 2 * train):
        yield found(
            "averages out of date",
            f"the loss is {train:.2g} in training mode and {test:.2g} in test mode, on the "
            "same examples",
        )
        return
    for position, layer in enumerate(sample.double.layers):
        v = sample.still[position]
        if len(v) > 2 and _looks_at_the_batch(layer, v) and not _follows(layer, v):
            yield found(
                "averages out of date",
                f"layer {position + 1}, {type(layer).__name__}, uses the batch in training and "
                "averages in test mode, but no pass in training moves them",
            )


def _looks_at_the_batch(layer, v) -> bool:
    """Whether an example's outputs in training depend on the others, and in test mode do not."""
    if varies(layer, v) or np.array_equal(answer(layer, v), v):
        return False
    others = v.copy()
    others[1:] = 1 + 2 * others[1:]
    turned = {
        mode: not np.allclose(answer(layer, v, mode)[0], answer(layer, others, mode)[0])
        for mode in (True, False)
    }
    return turned[True] and not turned[False]


def _follows(layer, v) -> bool:
    """Whether passes in training, on inputs of another size, change test mode."""
    trained = duplicate(layer)
    for _ in range(3):
        trained.forward(1 + 3 * v, True)
    return not np.array_equal(answer(layer, v), answer(trained, v))
