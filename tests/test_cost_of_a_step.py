"""What a step of training costs, counted and not timed: memory, calls, and the size of numbers.

Times change from machine to machine; these counts do not. They catch an array that has become
float64, a copy of the data set, and a loop over examples.
"""

import sys
import tracemalloc

import numpy as np
import pytest

import nnfromscratch as nn

SIZES, BATCH, STEPS = (784, 300, 10), 128, 8
OPTIMIZERS = {
    "SGD": lambda: nn.SGD(0.1),
    "Nesterov": lambda: nn.SGD(0.1, momentum=0.9, nesterov=True),
    "RMSProp": lambda: nn.RMSProp(),
    "Adam": lambda: nn.Adam(),
    "AdamW": lambda: nn.AdamW(),
}
every_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS)


def run(optimizer, steps=STEPS, batch=BATCH, **settings):
    """Return a function that trains for some steps, prepared, and its model and optimizer."""
    rng = np.random.default_rng(0)
    x = rng.random((steps * batch, SIZES[0]), dtype=np.float32)
    y = rng.integers(0, SIZES[-1], len(x))
    model, optimizer = nn.mlp(SIZES, rng=rng), OPTIMIZERS[optimizer]()
    settings = {"epochs": 1, "batch_size": batch, "rng": rng, "progress": False} | settings

    def training():
        nn.fit(model, (x, y), optimizer=optimizer, **settings)

    training()  # memory of the optimizer, caches, imports
    return training, model, optimizer


def peak(function):
    """Return the largest number of bytes allocated at a time while a function runs."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@every_optimizer
def test_memory_of_a_step(optimizer):
    # In arrays of the size of the first layer's weights: for SGD the gradient, its product with
    # the learning rate, and rather less than one for the batch and its activations. Momentum adds
    # a product; Adam's direction g², m̂, ŝ and a root.
    arrays = {"SGD": 3.2, "Nesterov": 4.1, "RMSProp": 4.1}.get(optimizer, 6.1)
    training, _, _ = run(optimizer)
    assert peak(training) < arrays * 784 * 300 * 4


@every_optimizer
def test_memory_does_not_grow_with_the_data(optimizer):
    short, long = (peak(run(optimizer, steps=steps)[0]) for steps in (4, 40))
    data = 36 * BATCH * 784 * 4
    assert long - short < data / 50  # the order of the examples grows, nothing else


@every_optimizer
def test_float32_stays_float32(optimizer):
    training, model, optimizer = run(optimizer)
    training()
    groups = [model.params, model.grads, *optimizer.state.values()]
    logits = model.forward(np.zeros((1, SIZES[0]), np.float32))
    arrays = [logits, *(array for group in groups for array in group.values())]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


def calls_of(function):
    """Return how many functions, of Python and of C, a function calls in all."""
    count = 0

    def watch(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


def test_calls_do_not_grow_with_the_batch():
    small, large = (calls_of(run("SGD", steps=4, batch=batch)[0]) for batch in (8, 256))
    assert abs(large - small) < 40
