"""The training loop: what it computes, what it records, and how it ends."""

import json
import math
import os
import pickle
import re
import time

import numpy as np
import pytest

import nnfromscratch as nn
from nnfromscratch import schedules, training

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def digits(mnist):
    """The first 32 training images and their labels, and 50 others."""
    x_train, y_train, _, _ = mnist
    return (x_train[:32], y_train[:32]), (x_train[100:150], y_train[100:150])


def run(data, *, seed=0, sizes=(784, 16, 10), optimizer=None, model=None, **settings):
    """Train a fresh model; return model, optimizer and history."""
    rng = np.random.default_rng(seed)
    model = model or nn.mlp(sizes, rng=rng)
    optimizer = optimizer or nn.SGD(0.1)
    settings = {"epochs": 3, "batch_size": 10, "rng": rng, "progress": False} | settings
    return model, optimizer, nn.fit(model, data, optimizer=optimizer, **settings)


def test_fit_is_the_loop_written_out_bit_for_bit(digits):
    (x, y), _ = digits
    model, _, history = run((x, y), seed=4)

    rng = np.random.default_rng(4)
    start = nn.mlp((784, 16, 10), rng=rng).params
    w1, b1, w2, b2 = (start[name] for name in ("w1", "b1", "w2", "b2"))
    losses = []
    for _ in range(3):
        for x_batch, y_batch in nn.minibatches(x, y, 10, rng=rng):
            z1 = nn.linear(x_batch, w1, b1)
            a1 = nn.relu(z1)
            z2 = nn.linear(a1, w2, b2)
            loss, dz2 = nn.softmax_cross_entropy(z2, y_batch)
            da1, dw2, db2 = nn.linear_backward(dz2, a1, w2)
            dz1 = nn.relu_backward(da1, z1)
            _, dw1, db1 = nn.linear_backward(dz1, x_batch, w1)
            w1 = w1 - 0.1 * dw1
            b1 = b1 - 0.1 * db1
            w2 = w2 - 0.1 * dw2
            b2 = b2 - 0.1 * db2
            losses.append(float(loss))

    assert history.batch_loss == losses
    for name, array in {"w1": w1, "b1": b1, "w2": w2, "b2": b2}.items():
        np.testing.assert_array_equal(model.params[name], array)


def test_one_full_batch_is_the_plain_formula(digits, assert_close):
    (x, y), _ = digits
    # Softmax regression in float64, with nothing of the package: w - rate xᵀ (p - t) / N.
    start = nn.mlp((784, 10), rng=np.random.default_rng(0)).params
    w, b = start["w1"].astype(float), start["b1"].astype(float)
    p = np.exp(x @ w + b)
    p /= p.sum(axis=1, keepdims=True)
    dz = (p - np.eye(10)[y]) / 32
    model, _, history = run((x, y), sizes=(784, 10), epochs=1, batch_size=32)
    assert_close(model.params["w1"], w - 0.1 * x.T @ dz, 1e-6)
    assert_close(model.params["b1"], b - 0.1 * dz.sum(axis=0), 1e-6)
    assert history.loss[0] == pytest.approx(-np.log(p[range(32), y]).mean(), rel=1e-6)
    assert history.error[0] == (p.argmax(axis=1) != y).mean()


@pytest.mark.parametrize(
    "optimizer",
    [
        nn.SGD(0.5),
        nn.SGD(0.1, momentum=0.9),
        nn.SGD(0.1, momentum=0.9, nesterov=True),
        nn.RMSProp(0.003),
        nn.Adam(0.01),
        nn.AdamW(0.01),
    ],
    ids=["SGD", "momentum", "nesterov", "RMSProp", "Adam", "AdamW"],
)
def test_32_images_are_learnt_by_heart(optimizer, digits):
    (x, y), _ = digits
    model, _, history = run((x, y), optimizer=optimizer, epochs=60, batch_size=8)
    loss, error = nn.evaluate(model, x, y)
    assert loss < 0.01 < 1 < history.loss[0]
    assert error == history.error[-1] == 0


def lively(seed=0, shared=False):
    """A network with all that remembers: averages, masks; a generator, shared with them or not."""
    rng = np.random.default_rng(seed)
    masks = rng if shared else np.random.default_rng(seed + 100)
    layers = [nn.Linear(784, 12, rng=rng), nn.BatchNorm(12), nn.ReLU(), nn.Dropout(0.3, rng=masks)]
    return nn.Sequential([*layers, nn.Linear(12, 10, rng=rng)]), rng


def numbers(history):
    """All of a history that a clock does not change."""
    return {key: value for key, value in vars(history).items() if key != "seconds"}


def test_batch_norm_dropout_and_distortions_are_learnt_too(digits):
    (x, y), _ = digits
    model, rng = lively()
    settings = {"rng": rng, "augment": nn.distort, "epochs": 150, "batch_size": 16}
    _, _, history = run((x, y), model=model, optimizer=nn.Adam(0.01), **settings)
    loss, error = nn.evaluate(model, x, y)
    assert loss < 0.1 < 1 < history.loss[0]
    assert error == 0


def test_the_same_seed_gives_the_same_run(digits):
    train, validation = digits

    def record(seed):
        model, rng = lively(seed)
        settings = {"validation": validation, "augment": nn.distort, "optimizer": nn.Adam()}
        _, _, history = run(train, model=model, rng=rng, **settings)
        return numbers(history), model.params["w2"].tolist()

    assert record(0) == record(0)
    assert record(0) != record(1)


def test_history_records_every_epoch(digits):
    train, validation = digits
    model, _, history = run(train, validation=validation, schedule=schedules.linear_decay())
    assert history.epochs == 3
    assert len(history.batch_loss) == 3 * 4
    assert not history.interrupted
    for key in ("loss", "error", "validation_loss", "validation_error", "learning_rate", "seconds"):
        assert len(getattr(history, key)) == 3
    # The last batch of an epoch holds 2 images, not 10, and counts for as much less.
    weighted = np.average(history.batch_loss[4:8], weights=[10, 10, 10, 2])
    assert history.loss[1] == pytest.approx(weighted, rel=1e-12)
    loss, error = nn.evaluate(model, *validation)
    assert (history.validation_loss[-1], history.validation_error[-1]) == (loss, error)
    assert all(second > 0 for second in history.seconds)


def test_training_error_is_counted_as_the_weights_go(digits):
    (x, y), _ = digits
    asked = []

    class Watched(nn.Sequential):
        def forward(self, x, training=False):
            logits = super().forward(x, training)
            asked.append((x, logits, training))
            return logits

    model = Watched(nn.mlp([784, 10], rng=np.random.default_rng(0)).layers)
    _, _, history = run((x, y), model=model, epochs=1, validation=(x[:7], y[:7]))
    labels = {image.tobytes(): label for image, label in zip(x, y, strict=True)}
    wrong = [
        logits.argmax() != labels[image.tobytes()]
        for images, answers, training in asked
        if training
        for image, logits in zip(images, answers, strict=True)
    ]
    assert history.error == [np.mean(wrong)]


def test_schedule_multiplies_the_learning_rate_of_every_step(digits):
    train, _ = digits
    used = []

    class Watched(nn.SGD):
        def step(self, model):
            used.append(self.learning_rate)
            super().step(model)

    schedule = schedules.linear_decay(np.float64(0.5))
    model, optimizer, history = run(train, optimizer=Watched(0.2), schedule=schedule, epochs=2)
    expected = [0.2 * (1 - 0.5 * step / 8) for step in range(8)]
    np.testing.assert_allclose(used, expected, rtol=1e-15)
    assert history.learning_rate == [used[3], used[7]]
    assert optimizer.learning_rate == 0.2
    assert all(array.dtype == np.float32 for array in model.params.values())


# --- loss, augment and history


def squares(a, y):
    return nn.mean_squared_error(a, nn.one_hot(y, 10))


def test_another_loss_is_trained_and_measured(digits):
    (x, y), validation = digits
    settings = {"loss": squares, "sizes": (784, 10), "validation": validation}
    model, _, history = run((x, y), epochs=1, batch_size=32, **settings)
    start = nn.mlp((784, 10), rng=np.random.default_rng(0)).params
    difference = nn.linear(x, start["w1"], start["b1"]) - np.eye(10)[y]
    assert history.loss == [pytest.approx((difference**2).mean(), rel=1e-6)]
    gradient = x.T @ difference * 2 / 320
    np.testing.assert_allclose(start["w1"] - model.params["w1"], 0.1 * gradient, atol=1e-7)
    loss, error = nn.evaluate(model, *validation, loss=squares)
    assert (history.validation_loss, history.validation_error) == ([loss], [error])
    difference = model.forward(validation[0]) - np.eye(10)[validation[1]]
    assert loss == pytest.approx((difference**2).mean(), rel=1e-6)


def test_another_loss_learns_by_heart(digits):
    (x, y), _ = digits
    settings = {"sizes": (784, 32, 10), "optimizer": nn.Adam(0.003), "epochs": 100}
    _, _, history = run((x, y), loss=lambda a, y: squares(a, y), **settings)
    assert history.loss[-1] < 0.02 < 0.1 < history.loss[0]
    assert history.error[-1] == 0


def test_a_loss_that_does_not_fit_is_noticed_in_the_validation_data_first(digits):
    train, validation = digits
    with pytest.raises(nn.ShapeError, match=re.escape("target has shape (1,)")):
        run(train, validation=validation, loss=nn.mean_squared_error)


def test_augment_must_return_real_numbers(digits):
    with pytest.raises(TypeError, match="fit: augment must return real numbers"):
        run(digits[0], augment=lambda x, *, rng: x + 0j)


def test_augment_changes_batches_in_training_and_nothing_else(digits):
    (x, y), validation = digits
    calls, seen = [], []
    rng = np.random.default_rng(0)

    def augment(batch, **settings):
        calls.append((batch.copy(), settings))
        return batch + len(calls)

    class Watched(nn.ReLU):
        def forward(self, x, training=False):
            seen.append((x.copy(), training))
            return super().forward(x, training)

    model = nn.Sequential([Watched(), nn.Linear(784, 10, rng=rng)])
    run((x, y), model=model, rng=rng, augment=augment, epochs=2, validation=validation)
    assert all(list(settings) == ["rng"] and settings["rng"] is rng for _, settings in calls)
    assert [len(batch) for batch, _ in calls] == [10, 10, 10, 2] * 2
    trained = [batch for batch, training in seen if training]
    for number, ((before, _), after) in enumerate(zip(calls, trained, strict=True), 1):
        np.testing.assert_array_equal(after, before + number)
    images = {image.tobytes() for image in x}
    assert {image.tobytes() for batch, _ in calls for image in batch} == images
    untouched = {image.tobytes() for image in validation[0]}
    tested = [batch for batch, training in seen if not training]
    assert {image.tobytes() for batch in tested for image in batch} == untouched


def test_history_is_continued_where_it_stopped(digits):
    train, validation = digits
    settings = {"validation": validation, "schedule": schedules.cosine(), "epochs": 5}

    def parts():
        model, rng = lively()
        return {"model": model, "rng": rng, "optimizer": nn.Adam()}

    whole = parts()
    _, _, expected = run(train, **whole, **settings)
    halves = parts()
    _, _, first = run(train, **halves, **settings, callbacks=[lambda m, h: h.epochs == 2])
    assert first.epochs == 2
    seen = []
    callbacks = [lambda m, h: seen.append(h.epochs)]
    _, _, history = run(train, **halves, **settings, history=first, callbacks=callbacks)
    assert history is first
    assert seen == [3, 4, 5]
    assert numbers(history) == numbers(expected)
    assert len(history.seconds) == 5
    for name, array in whole["model"].params.items():
        np.testing.assert_array_equal(halves["model"].params[name], array)
    # All is done: nothing is left to do.
    _, _, again = run(train, **halves, **settings, history=history)
    assert numbers(again) == numbers(expected)


def test_an_interrupted_epoch_starts_again(digits, rng):
    train, _ = digits
    model = nn.Sequential([nn.Linear(784, 10, rng=rng), Interrupting()])
    _, _, history = run(train, model=model)
    assert (history.interrupted, history.epochs, len(history.batch_loss)) == (True, 1, 6)
    kept = history.batch_loss[:4]
    _, _, history = run(train, model=model, history=history)
    assert (history.interrupted, history.epochs, len(history.batch_loss)) == (False, 3, 12)
    assert history.batch_loss[:4] == kept


@pytest.mark.parametrize("done", [0, 3])
def test_the_bar_begins_where_the_history_stopped(done, digits, capsys):
    run(digits[0], history=nn.History(*([1.0] * done for _ in range(2))), epochs=5, progress=True)
    assert f"| {4 * done}/20 " in capsys.readouterr().err


# --- What a learner brings


def odd(value):
    """Pass a value on, with the warning that a slip in one's own NumPy gives."""
    np.sqrt(np.float64(-1))
    return value


class OddLayer(nn.ReLU):
    def forward(self, x, training=False):
        return odd(super().forward(x, training))


class OddBackward(nn.ReLU):
    def backward(self, d_out):
        return odd(super().backward(d_out))


class OddSGD(nn.SGD):
    def direction(self, g, state):
        return odd(g)


ODD = {
    "loss": {"loss": lambda z, y: odd(nn.softmax_cross_entropy(z, y))},
    "augment": {"augment": lambda x, rng: odd(x)},
    "callback": {"callbacks": [lambda model, history: odd(None)]},
    "schedule": {"schedule": lambda t: odd(1.0)},
    "optimizer": {"optimizer": OddSGD(0.1)},
    "forward": {"model": nn.Sequential([OddLayer(), *nn.mlp([784, 10], rng=RNG).layers])},
    "backward": {"model": nn.Sequential([OddBackward(), *nn.mlp([784, 10], rng=RNG).layers])},
}


@pytest.mark.parametrize("settings", ODD.values(), ids=ODD)
def test_a_learners_own_warnings_are_shown(settings, digits):
    with pytest.warns(RuntimeWarning, match="invalid value encountered in sqrt"):
        run(digits[0], epochs=1, **settings)


class MyLinear(nn.Linear):
    """An affine layer whose backward knows nothing of `need_dx`."""

    def backward(self, d_out):
        self.grads = {"w": self.cache.T @ d_out, "b": d_out.sum(axis=0)}
        return d_out @ self.params["w"].T


class Scale(nn.Layer):
    """A factor for each column, and no super().__init__()."""

    def __init__(self, features):
        self.params = {"s": np.ones(features, np.float32)}

    def forward(self, x, training=False):
        self.cache = x
        return x * self.params["s"]

    def backward(self, d_out):
        self.grads = {"s": (d_out * self.cache).sum(axis=0)}
        return d_out * self.params["s"]


def test_a_learners_own_layers_train_like_the_packages(digits, tmp_path):
    def layers(first):
        rng = np.random.default_rng(0)
        return [first(784, 12, rng=rng), nn.ReLU(), Scale(12), nn.Linear(12, 10, rng=rng)]

    own, packages = nn.Sequential(layers(MyLinear)), nn.Sequential(layers(nn.Linear))
    histories = [run(digits[0], model=model)[2] for model in (own, packages)]
    assert numbers(histories[0]) == numbers(histories[1])
    assert histories[0].loss[-1] < histories[0].loss[0]
    assert np.std(own.params["s1"]) > 0
    assert nn.check_gradients(own, digits[0][0][:8], digits[0][1][:8]).passed
    own.save(tmp_path / "own.npz")
    again = nn.Sequential(layers(MyLinear)).load(tmp_path / "own.npz")
    np.testing.assert_array_equal(again.predict(digits[1][0]), own.predict(digits[1][0]))


# --- evaluate


@pytest.mark.parametrize("batch_size", [1, 7, 50, 1000])
def test_evaluate_is_the_mean_whatever_the_batch(batch_size, digits, rng):
    _, (x, y) = digits
    model = nn.mlp([784, 10], rng=rng)
    logits = model.forward(x)
    loss, error = nn.evaluate(model, x, y, batch_size=batch_size)
    assert loss == pytest.approx(nn.softmax_cross_entropy(logits, y)[0], rel=1e-6)
    assert error == (logits.argmax(axis=1) != y).mean()
    assert type(loss) is type(error) is float


def test_evaluate_checks_its_arguments(digits, rng):
    _, (x, y) = digits
    model = nn.mlp([784, 10], rng=rng)
    for arguments, message in (
        ((x, y[1:]), "evaluate: len(x) is 50 but len(y) is 49"),
        ((x[:0], y[:0]), "evaluate: x is empty; at least one example is needed"),
    ):
        with pytest.raises(ValueError) as caught:
            nn.evaluate(model, *arguments)
        assert str(caught.value) == message
    with pytest.raises(nn.ShapeError, match=re.escape("did you mean y[:, 0]?")):
        nn.evaluate(model, x, y[:, np.newaxis])


# --- how a run ends


def test_callbacks_see_model_and_history_after_every_epoch(digits):
    train, _ = digits
    seen = []

    def callback(model, history):
        seen.append((model, history.epochs, history.loss[-1]))

    model, _, history = run(train, callbacks=(c for c in [callback]))
    assert seen == [(model, epoch + 1, loss) for epoch, loss in enumerate(history.loss)]


@pytest.mark.parametrize(
    ("answer", "epochs"),
    [(True, 2), (np.True_, 2), (False, 3), (np.False_, 3), (None, 3), (1, 3), ("stop", 3)],
)
def test_only_true_ends_the_run(answer, epochs, digits):
    train, _ = digits
    later = []
    callbacks = [
        lambda m, h: answer if h.epochs == 2 else None,
        lambda m, h: later.append(h.epochs),
    ]
    _, optimizer, history = run(train, callbacks=callbacks, schedule=schedules.linear_decay())
    assert history.epochs == len(later) == epochs  # the callbacks after it are still called
    assert not history.interrupted
    assert optimizer.learning_rate == 0.1


class Interrupting(nn.ReLU):
    """A layer at which somebody presses Ctrl-C in its seventh forward pass."""

    count = 0

    def forward(self, x, training=False):
        self.count += 1
        if self.count == 7:
            raise KeyboardInterrupt
        return super().forward(x, training)


def test_interrupt_in_a_step(digits, rng):
    train, _ = digits
    model = nn.Sequential([nn.Linear(784, 10, rng=rng), Interrupting()])
    _, optimizer, history = run(train, model=model, schedule=schedules.linear_decay())
    assert history.interrupted
    assert history.epochs == len(history.seconds) == 1
    assert len(history.batch_loss) == 6
    assert optimizer.learning_rate == 0.1


def test_interrupt_in_the_validation_leaves_whole_epochs(digits):
    train, validation = digits
    validated = iter([False, True])  # the 50 validation examples, after one epoch and after two

    def interrupted(outputs, labels):
        if len(labels) == 50 and next(validated):
            raise KeyboardInterrupt
        return nn.softmax_cross_entropy(outputs, labels)

    _, _, history = run(train, validation=validation, loss=interrupted)
    assert history.interrupted
    for key in ("loss", "error", "validation_loss", "validation_error", "learning_rate", "seconds"):
        assert len(getattr(history, key)) == 1


def test_validation_data_are_checked_before_training(digits):
    (x, y), _ = digits
    model = nn.mlp([784, 10], rng=np.random.default_rng(0))
    before = {name: array.copy() for name, array in model.params.items()}
    with pytest.raises(nn.ShapeError):
        run((x, y), model=model, validation=(x[:, :5], y))
    with pytest.raises(ValueError, match=r"^fit: validation: len\(x\) is 32 but len\(y\) is 31$"):
        run((x, y), model=model, validation=(x, y[1:]))
    assert all(np.array_equal(model.params[name], before[name]) for name in before)


def test_weights_that_the_last_step_breaks_are_noticed(digits):
    class Breaking(nn.SGD):
        def step(self, model):
            super().step(model)
            model.params["w1"][0, 0] = np.nan

    train, _ = digits
    with pytest.raises(nn.TrainingDiverged, match="a weight is not finite at step 1"):
        run(train, optimizer=Breaking(0.1), epochs=1, batch_size=len(train[0]))


def test_interrupt_in_a_callback(digits):
    train, _ = digits

    def callback(model, history):
        raise KeyboardInterrupt

    _, _, history = run(train, callbacks=[callback])
    assert history.interrupted
    assert history.epochs == 1


def test_other_errors_pass_and_restore_the_learning_rate(digits):
    train, _ = digits
    optimizer = nn.SGD(0.1)

    def callback(model, history):
        raise LookupError

    with pytest.raises(LookupError):
        run(train, optimizer=optimizer, schedule=schedules.linear_decay(), callbacks=[callback])
    assert optimizer.learning_rate == 0.1


def test_nan_in_the_data_is_noticed_at_the_first_step(digits):
    (x, y), _ = digits
    x = x.copy()
    x[:] = np.nan
    with pytest.raises(nn.TrainingDiverged) as caught:
        run((x, y))
    assert str(caught.value) == (
        "fit: the loss is nan at step 1 (epoch 1), with a learning rate of 0.1. Try a tenth of it; "
        "see that the inputs are scaled to about 0 to 1 and hold no nan."
    )


def test_divergence_names_step_and_learning_rate_and_gives_no_warning(digits):
    (x, y), _ = digits
    optimizer = nn.SGD(1e9)
    with pytest.raises(nn.TrainingDiverged) as caught:
        run((255 * x, y), optimizer=optimizer, schedule=schedules.linear_decay(), epochs=50)
    history = caught.value.history
    step = len(history.batch_loss)  # counted from 0, the one that failed
    assert all(map(math.isfinite, history.batch_loss))
    rate = 1e9 * (1 - step / 200)
    assert re.match(
        rf"fit: the loss is (inf|nan) at step {step + 1} \(epoch {step // 4 + 1}\), "
        rf"with a learning rate of {re.escape(f'{rate:g}')}\. Try a tenth of it",
        str(caught.value),
    )
    assert step > 0
    assert optimizer.learning_rate == 1e9


# --- checks and the bar


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "fit: epochs must be at least 1, got 0"),
        ({"epochs": 1.5}, TypeError, "fit: epochs must be an integer, got float"),
        ({"batch_size": 0}, ValueError, "fit: batch_size must be at least 1, got 0"),
        ({"rng": 0}, TypeError, "fit: rng must be a numpy.random.Generator"),
    ],
)
def test_wrong_settings(settings, error, message, digits):
    train, _ = digits
    with pytest.raises(error, match=re.escape(message)):
        run(train, **settings)


def test_wrong_data(digits):
    (x, y), _ = digits
    for data, message in (
        ((x, y[1:]), "fit: len(x) is 32 but len(y) is 31"),
        ((x[:, 1:], y), "linear: w has shape (784, 16) but (D, K) = (783, K) is needed"),
        ((x, y[:, np.newaxis]), "softmax_cross_entropy: y has shape (10, 1) but (N,) = (10,)"),
    ):
        with pytest.raises(ValueError, match="^" + re.escape(message)):
            run(data)


def test_data_are_not_changed(digits):
    (x, y), _ = digits  # read-only: a change in place would raise
    assert not x.flags.writeable
    run((x, y))


@pytest.mark.parametrize("progress", [True, False])
def test_the_bar_is_drawn_on_demand(progress, digits, capsys):
    train, _ = digits
    run(train, progress=progress)
    out, err = capsys.readouterr()
    assert out == ""
    assert ("/12" in err) == progress


# --- EarlyStopping


def weights(number):
    """A model whose weights and running averages all have one value."""
    model = nn.Sequential([nn.Linear(2, 3, rng=np.random.default_rng(0)), nn.BatchNorm(3)])
    for array in (model.params | model.buffers).values():
        array[...] = number
    return model


def stopped(patience, errors, callback=None):
    """After which epoch it stops, and the value of the weights then; None if it does not."""
    callback, history = callback or nn.EarlyStopping(patience), nn.History()
    for epoch, error in enumerate(errors, 1):
        model = weights(epoch)
        history.loss.append(0.0)
        history.validation_error.append(error)
        if callback(model, history):
            (value,) = {v for a in (model.params | model.buffers).values() for v in a.flat}
            return epoch, value
    return None


@pytest.mark.parametrize(
    ("patience", "errors", "expected"),
    [
        (1, [0.5, 0.4, 0.3], None),
        (1, [0.5, 0.4, 0.4], (3, 2)),  # as good is no better
        (1, [0.5, 0.6], (2, 1)),
        (2, [0.5, 0.6, 0.4, 0.6, 0.3, 0.4, 0.35], (7, 5)),
        (2, [0.5, 0.6, 0.4, 0.6], None),
        (3, [0.2, 0.5, 0.4, 0.3, 0.1], (4, 1)),  # better than the last one is not enough
    ],
)
def test_early_stopping_counts_epochs_without_improvement(patience, errors, expected):
    assert stopped(patience, errors) == expected


def test_early_stopping_forgets_an_earlier_run():
    callback = nn.EarlyStopping(2)
    assert stopped(2, [0.1, 0.2, 0.2], callback) == (3, 1)
    assert stopped(2, [0.9, 0.8, 0.85, 0.85], callback) == (4, 2)


def test_early_stopping_leaves_the_model_of_its_best_epoch(digits):
    train, validation = digits
    callback, states = nn.EarlyStopping(3), []

    def remember(model, history):
        own = model.params | model.buffers
        states.append({name: array.copy() for name, array in own.items()})

    model, rng = lively()
    # With a rate that grows, learning soon turns into the opposite.
    settings = {
        "schedule": schedules.linear_decay(200),
        "epochs": 60,
        "callbacks": [remember, callback],
    }
    _, _, history = run(train, model=model, rng=rng, validation=validation, **settings)
    best = 1 + int(np.argmin(history.validation_error))
    assert (callback.best_epoch, callback.best_error) == (best, min(history.validation_error))
    assert history.epochs == best + 3 < 60
    for name, array in (model.params | model.buffers).items():
        np.testing.assert_array_equal(array, states[best - 1][name])
        assert not np.array_equal(array, states[-1][name])
    assert nn.evaluate(model, *validation)[1] == callback.best_error


def test_early_stopping_restores_after_a_run_that_ended_by_itself(digits):
    callback = nn.EarlyStopping(5)
    stopped(5, [0.5, 0.2, 0.3], callback)
    model = weights(9)
    live = model.params["w1"]
    callback.restore(model)
    assert set(live.flat) == {2}
    with pytest.raises(RuntimeError) as caught:
        nn.EarlyStopping().restore(model)
    assert str(caught.value) == "EarlyStopping.restore: no epoch has ended yet"


def test_early_stopping_of_wrong_settings(digits):
    with pytest.raises(ValueError) as caught:
        run(digits[0], callbacks=[nn.EarlyStopping()])
    assert str(caught.value) == "EarlyStopping: fit needs validation=(x, y) for it"
    with pytest.raises(ValueError, match="EarlyStopping: patience must be at least 1, got 0"):
        nn.EarlyStopping(0)
    with pytest.raises(TypeError, match="EarlyStopping: patience must be an integer"):
        nn.EarlyStopping(1.5)


# --- Checkpoint

OPTIMIZERS = {
    "SGD": lambda: nn.SGD(0.1),
    "momentum": lambda: nn.SGD(0.1, 0.9),
    "RMSProp": lambda: nn.RMSProp(0.003),
    "Adam": lambda: nn.Adam(0.01),
    "AdamW": lambda: nn.AdamW(np.float32(0.01)),
}


def kept(optimizer):
    """What an optimizer has kept from its steps, by parameter and name."""
    state = optimizer.state.items()
    return {f"{name} {key}": array for name, own in state for key, array in own.items()}


class Run:
    """All that belongs to one process: model, generators, optimizer, checkpoint."""

    def __init__(self, folder, seed=0, optimizer="Adam", shared=False):
        self.model, self.rng = lively(seed, shared)
        self.optimizer = OPTIMIZERS[optimizer]()
        path = folder / "run.npz"
        self.checkpoint = nn.Checkpoint(path, optimizer=self.optimizer, rng=self.rng)

    def fit(self, digits, callbacks=(), augment=nn.distort):
        """Five epochs, or what is left of them, with everything that has a memory."""
        return nn.fit(
            self.model,
            digits[0],
            optimizer=self.optimizer,
            epochs=5,
            batch_size=10,  # the last batch holds 2 images
            rng=self.rng,
            schedule=schedules.warmup(0.3, schedules.cosine()),
            validation=digits[1],
            augment=augment,
            callbacks=[self.checkpoint, *callbacks],
            history=self.checkpoint.resume(self.model),
            progress=False,
        )

    def state(self):
        """Every array, bit for bit, and every generator."""
        arrays = self.model.params | self.model.buffers | kept(self.optimizer)
        arrays = {name: (array.dtype, array.tobytes()) for name, array in arrays.items()}
        generators = [self.rng, self.model.layers[3].rng]
        return arrays, self.optimizer.steps, [rng.bit_generator.state for rng in generators]


@pytest.fixture(scope="module")
def uninterrupted(digits, tmp_path_factory):
    """State and numbers at the end of a run that nothing has stopped, for some settings."""
    known = {}

    def end(**settings):
        key = tuple(settings.items())
        if key not in known:
            run = Run(tmp_path_factory.mktemp("whole"), **settings)
            history = run.fit(digits)
            assert history.epochs == 5
            known[key] = run.state(), numbers(history)
        return known[key]

    return end


def interrupting(call):
    """`distort`, and Ctrl-C in the given call of it; there are four in an epoch."""
    calls = []

    def augment(x, *, rng):
        calls.append(len(x))
        if len(calls) == call:
            raise KeyboardInterrupt
        return nn.distort(x, rng=rng)

    return augment


@pytest.mark.parametrize("stop", [1, 2, 4, 5])
def test_a_stopped_run_ends_as_if_it_had_not_been(stop, digits, uninterrupted, tmp_path):
    first = Run(tmp_path)
    assert first.checkpoint.resume(first.model) is None
    first.fit(digits, callbacks=[lambda m, h: h.epochs == stop])
    # Another process begins with other weights and another seed.
    second = Run(tmp_path, seed=9)
    assert second.state() != first.state()
    history = second.checkpoint.resume(second.model)
    assert second.state() == first.state()
    assert history.epochs == stop
    history = second.fit(digits)
    assert (second.state(), numbers(history)) == uninterrupted()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("shared", [True, False])
def test_resuming_works_for_every_optimizer(optimizer, shared, digits, uninterrupted, tmp_path):
    settings = {"optimizer": optimizer, "shared": shared}
    Run(tmp_path, **settings).fit(digits, callbacks=[lambda m, h: h.epochs == 3])
    second = Run(tmp_path, seed=9, **settings)
    history = second.fit(digits)
    assert (second.state(), numbers(history)) == uninterrupted(**settings)


def test_a_run_may_be_stopped_after_every_epoch(digits, uninterrupted, tmp_path):
    for epoch in range(1, 6):
        process = Run(tmp_path, seed=epoch if epoch > 1 else 0)
        history = process.fit(digits, callbacks=[lambda m, h: True])
        assert history.epochs == epoch
    assert (process.state(), numbers(history)) == uninterrupted()


@pytest.mark.parametrize("call", [5, 7, 8, 11, 20])
@pytest.mark.parametrize("same", [True, False])
def test_an_interrupted_epoch_is_begun_again(call, same, digits, uninterrupted, tmp_path):
    first = Run(tmp_path)
    history = first.fit(digits, augment=interrupting(call))
    whole = (call - 1) // 4
    assert (history.interrupted, history.epochs) == (True, whole)
    # Batches of the epoch that broke off have moved weights and generators...
    assert len(history.batch_loss) == call - 1
    second = first if same else Run(tmp_path, seed=9)
    before = second.state()
    resumed = second.checkpoint.resume(second.model)
    # ... and are undone.
    assert second.state() != before
    assert (resumed.epochs, len(resumed.batch_loss)) == (whole, 4 * whole)
    history = second.fit(digits)
    assert not history.interrupted
    assert (second.state(), numbers(history)) == uninterrupted()


def test_an_interrupt_in_the_first_epoch_leaves_nothing_to_resume(digits, uninterrupted, tmp_path):
    first = Run(tmp_path)
    assert first.fit(digits, augment=interrupting(3)).epochs == 0
    assert first.checkpoint.resume(first.model) is None
    again = Run(tmp_path)  # from the beginning, with the same seed
    history = again.fit(digits)
    assert (again.state(), numbers(history)) == uninterrupted()


def test_an_interrupt_while_writing_leaves_the_last_checkpoint(
    digits, uninterrupted, tmp_path, monkeypatch
):
    written = []
    savez = np.savez

    def interrupted(file, **arrays):
        written.append(arrays)
        if len(written) == 3:
            file.write(b"half a file")
            raise KeyboardInterrupt
        savez(file, **arrays)

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", interrupted)
        history = Run(tmp_path).fit(digits)
    assert (history.interrupted, history.epochs) == (True, 3)
    assert os.listdir(tmp_path) == ["run.npz"]
    second = Run(tmp_path, seed=9)
    assert second.checkpoint.resume(second.model).epochs == 2
    history = second.fit(digits)
    assert (second.state(), numbers(history)) == uninterrupted()


def test_a_checkpoint_changes_nothing_and_its_file_needs_no_pickle(digits, tmp_path):
    watched = Run(tmp_path)
    watched.fit(digits, callbacks=[lambda m, h: h.epochs == 1])
    before = watched.state()
    watched.checkpoint(watched.model, nn.History())
    assert watched.state() == before
    with np.load(tmp_path / "run.npz", allow_pickle=False) as file:
        names = {f"model {name}" for name in watched.model.params | watched.model.buffers}
        assert set(file) == names | {"record"} | {
            f"state {name}" for name in kept(watched.optimizer)
        }


@pytest.mark.parametrize("kind", [np.random.MT19937, np.random.Philox, np.random.SFC64])
def test_other_generators_are_kept_too(kind, tmp_path):
    def parts(seed):
        rng, optimizer = np.random.Generator(kind(seed)), nn.SGD(0.1)
        return nn.Checkpoint(tmp_path / "run.npz", optimizer=optimizer, rng=rng), rng

    model = nn.mlp([3, 2], rng=np.random.default_rng(0))
    (checkpoint, rng), (other, other_rng) = parts(0), parts(1)
    rng.random(5)
    checkpoint(model, nn.History())
    other.resume(model)
    np.testing.assert_array_equal(other_rng.random(1000), rng.random(1000))


def write_damaged(kind, path, good):
    content = bytearray(path.read_bytes())
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "cut short":
        path.write_bytes(content[:-100])
    elif kind == "one bit":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif kind == "a model":
        good.model.save(path)
    elif kind == "no JSON":
        np.savez(path, record=np.array("{"))
    elif kind == "other JSON":
        np.savez(path, record=np.array(json.dumps([1, 2])))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        *[(kind, "is not a saved model (") for kind in ("empty", "cut short", "one bit")],
        *[(kind, "is not a checkpoint") for kind in ("a model", "no JSON", "other JSON")],
    ],
)
def test_a_damaged_file_is_refused(kind, message, digits, tmp_path):
    good = Run(tmp_path)
    good.fit(digits, callbacks=[lambda m, h: True])
    write_damaged(kind, tmp_path / "run.npz", good)
    other = Run(tmp_path, seed=9)
    before = other.state()
    with pytest.raises(ValueError) as caught:
        other.checkpoint.resume(other.model)
    assert str(caught.value).startswith(f"Checkpoint: {tmp_path / 'run.npz'} {message}")
    assert other.state() == before


def test_a_file_of_another_run_is_refused(digits, tmp_path):
    Run(tmp_path).fit(digits, callbacks=[lambda m, h: True])
    path = tmp_path / "run.npz"
    rng, philox = np.random.default_rng(9), np.random.Generator(np.random.Philox())
    first, *rest = lively()[0].layers
    wide = nn.Sequential([first, *rest[:-1], nn.Linear(12, 11, rng=rng)])
    sober = nn.Sequential([layer for layer in [first, *rest] if not isinstance(layer, nn.Dropout)])
    same, _ = lively(9)
    for model, optimizer, generator, message in (
        (wide, nn.Adam(0.01), rng, "holds another model: "),
        (same, nn.AdamW(0.01), rng, f"was written with {nn.Adam(0.01)}, not {nn.AdamW(0.01)}"),
        (same, nn.Adam(0.02), rng, f"was written with {nn.Adam(0.01)}, not {nn.Adam(0.02)}"),
        (same, nn.SGD(0.1), rng, f"was written with {nn.Adam(0.01)}, not {nn.SGD(0.1)}"),
        (sober, nn.Adam(0.01), rng, "was written with ['PCG64', 'PCG64'], not ['PCG64']"),
        (
            *(same, nn.Adam(0.01), philox),
            "was written with ['PCG64', 'PCG64'], not ['Philox', 'PCG64']",
        ),
    ):
        before = {name: array.copy() for name, array in (model.params | model.buffers).items()}
        state = json.dumps(generator.bit_generator.state, default=np.ndarray.tolist)
        with pytest.raises(ValueError) as caught:
            nn.Checkpoint(path, optimizer=optimizer, rng=generator).resume(model)
        assert str(caught.value).startswith(f"Checkpoint: {path} {message}")
        for name, array in (model.params | model.buffers).items():
            np.testing.assert_array_equal(array, before[name])
        assert (optimizer.steps, kept(optimizer)) == (0, {})
        assert json.dumps(generator.bit_generator.state, default=np.ndarray.tolist) == state


# --- Checkpoint and EarlyStopping together


def stopping_run(folder, digits, *, order="right", stopping=True, seed=0, last=None):
    """A run that early stopping ends: with a rate that grows, learning turns into the opposite."""
    model, rng = lively(seed)
    optimizer = nn.SGD(0.1)
    early = nn.EarlyStopping(3) if stopping else None
    checkpoint = nn.Checkpoint(folder / "run.npz", optimizer=optimizer, rng=rng, stopping=early)
    callbacks = [early, checkpoint] if order == "right" else [checkpoint, early]
    history = nn.fit(
        model,
        digits[0],
        optimizer=optimizer,
        epochs=60,
        batch_size=10,
        rng=rng,
        schedule=schedules.linear_decay(200),
        validation=digits[1],
        callbacks=[c for c in callbacks if c] + [lambda m, h: h.epochs == last],
        history=checkpoint.resume(model),
        progress=False,
    )
    return model, early, history


def test_the_best_weights_survive_a_stop(digits, tmp_path):
    (tmp_path / "whole").mkdir()
    expected, early, whole = stopping_run(tmp_path / "whole", digits)
    best = early.best_epoch
    assert 1 < best == whole.epochs - 3 < 57
    # Stopped after its best epoch, which only the file remembers then.
    for last in (best, best + 2):
        folder = tmp_path / str(last)
        folder.mkdir()
        stopping_run(folder, digits, last=last)
        model, resumed, history = stopping_run(folder, digits, seed=9)
        assert numbers(history) == numbers(whole)
        assert (resumed.best_epoch, resumed.best_error) == (best, early.best_error)
        for name, array in (model.params | model.buffers).items():
            np.testing.assert_array_equal(array, (expected.params | expected.buffers)[name])


def test_early_stopping_must_come_before_the_checkpoint(digits, tmp_path):
    with pytest.raises(ValueError) as caught:
        stopping_run(tmp_path, digits, order="wrong")
    assert str(caught.value) == "Checkpoint: stopping must stand before it among the callbacks"
    assert not (tmp_path / "run.npz").exists()
    checkpoint = nn.Checkpoint(
        tmp_path / "run.npz",
        optimizer=nn.SGD(0.1),
        rng=np.random.default_rng(0),
        stopping=nn.EarlyStopping(),
    )
    with pytest.raises(ValueError, match="stopping must stand before it"):
        run(digits[0], callbacks=[checkpoint])  # without validation data, and not in the list


@pytest.mark.parametrize("stopping", [True, False])
def test_a_file_with_or_without_early_stopping_is_told_apart(stopping, digits, tmp_path):
    stopping_run(tmp_path, digits, stopping=stopping, last=2)
    with pytest.raises(ValueError) as caught:
        stopping_run(tmp_path, digits, stopping=not stopping)
    there, here = ("early stopping", "no early stopping")[:: 1 if stopping else -1]
    path = tmp_path / "run.npz"
    assert str(caught.value) == f"Checkpoint: {path} was written with {there}, not {here}"


def test_stopping_of_the_wrong_type(tmp_path, rng):
    with pytest.raises(TypeError) as caught:
        nn.Checkpoint(tmp_path / "run.npz", optimizer=nn.SGD(0.1), rng=rng, stopping=3)
    message = "Checkpoint: stopping must be an EarlyStopping such as EarlyStopping(), got int"
    assert str(caught.value) == message


def test_the_settings_in_the_file_are_those_before_the_schedule(digits, tmp_path):
    model, rng = lively()
    optimizer = nn.SGD(0.1)
    checkpoint = nn.Checkpoint(tmp_path / "run.npz", optimizer=optimizer, rng=rng)
    settings = {"schedule": schedules.linear_decay(0.5), "callbacks": [checkpoint], "rng": rng}
    run(digits[0], model=model, optimizer=optimizer, **settings)
    assert checkpoint.resume(model).epochs == 3


# --- BatchNorm and batches of one


@pytest.mark.parametrize(("n", "batch_size"), [(31, 10), (31, 1), (32, 1), (31, 15), (1, 8)])
def test_a_batch_of_one_is_refused_at_the_door(n, batch_size, digits):
    (x, y), _ = digits
    model, rng = lively()
    before = {name: array.copy() for name, array in (model.params | model.buffers).items()}
    state = rng.bit_generator.state
    with pytest.raises(ValueError) as caught:
        run((x[:n], y[:n]), model=model, rng=rng, batch_size=batch_size)
    assert str(caught.value) == (
        f"fit: batch_size {batch_size} makes a batch of one example (len(x) is {n}), of which "
        "BatchNorm can take no variance; choose another batch_size"
    )
    for name, array in (model.params | model.buffers).items():
        np.testing.assert_array_equal(array, before[name])
    assert rng.bit_generator.state == state


@pytest.mark.parametrize(("n", "batch_size"), [(31, 31), (31, 29), (31, 100), (32, 10)])
def test_larger_batches_are_no_trouble(n, batch_size, digits):
    (x, y), _ = digits
    model, rng = lively()
    _, _, history = run((x[:n], y[:n]), model=model, rng=rng, batch_size=batch_size)
    assert history.epochs == 3


@pytest.mark.parametrize("batch_size", [1, 10])
def test_without_batch_norm_a_batch_of_one_is_welcome(batch_size, digits):
    (x, y), _ = digits
    _, _, history = run((x[:31], y[:31]), batch_size=batch_size, epochs=1)
    assert len(history.batch_loss) == (31 if batch_size == 1 else 4)


def test_a_float32_model_stays_so_on_float64_data(digits):
    (x, y), validation = digits
    ends = []
    for dtype in (np.float32, np.float64):
        model, rng = lively()
        optimizer = nn.Adam(0.01)
        settings = {"optimizer": optimizer, "rng": rng, "validation": validation}
        _, _, history = run((x.astype(dtype), y), model=model, **settings)
        own = model.params | model.buffers | kept(optimizer)
        assert {array.dtype for array in own.values()} == {np.dtype(np.float32)}
        assert model.forward(x.astype(dtype)).dtype == dtype
        ends.append(history.loss)
    # The same run but for rounding.
    np.testing.assert_allclose(*ends, rtol=1e-4)
    assert ends[0] != ends[1]


class Recording(nn.Layer):
    """A layer that passes everything on and notes what it was asked."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x, training=False):
        self.seen.append((len(x), training))
        return x

    def backward(self, d_out):
        return d_out


def recording_model():
    rng = np.random.default_rng(0)
    return nn.Sequential([Recording(), nn.Linear(784, 10, rng=rng)])


def test_layers_hear_whether_it_is_training(digits):
    train, validation = digits
    model = recording_model()
    run(train, model=model, epochs=1, batch_size=len(train[0]), validation=validation)
    seen = model.layers[0].seen
    assert [n for n, training in seen if training] == [len(train[0])]
    assert (len(validation[0]), False) in seen


def test_evaluate_keeps_to_its_batch_size(digits):
    (x, y), _ = digits
    model = recording_model()
    nn.evaluate(model, x[:25], y[:25], batch_size=10)
    assert max(n for n, _ in model.layers[0].seen) <= 10


def test_seconds_do_not_count_the_validation(digits, monkeypatch):
    train, validation = digits

    def slow(*arguments, **settings):
        time.sleep(0.3)
        return 1.0, 0.5

    monkeypatch.setattr(training, "evaluate", slow)
    _, _, history = run(train, epochs=1, validation=validation)
    assert history.seconds[0] < 0.3


def test_divergence_leaves_finite_weights(digits):
    train, _ = digits
    model = nn.mlp([784, 10], rng=np.random.default_rng(0))
    x = train[0].copy()
    x[-1, 0] = np.inf
    with pytest.raises(nn.TrainingDiverged):
        run((x, train[1]), model=model)
    assert all(np.isfinite(array).all() for array in model.params.values())


@pytest.mark.parametrize("name", ["w1", "b1", "w2", "b2"])
def test_any_broken_parameter_is_noticed(digits, name):
    class Breaking(nn.SGD):
        def step(self, model):
            super().step(model)
            model.params[name].flat[-1] = np.nan

    train, _ = digits
    with pytest.raises(nn.TrainingDiverged, match="a weight is not finite at step 1"):
        run(train, optimizer=Breaking(0.1), epochs=1, batch_size=len(train[0]))


@pytest.mark.parametrize("where", ["data", "validation"])
def test_a_label_without_an_output_is_named_before_anything_has_changed(where, digits):
    x, y = digits[0]
    wrong = y.copy()
    wrong[-3] = 99
    data = {"data": (x, y), "validation": (x, y)} | {where: (x, wrong)}
    model = nn.mlp([x.shape[1], 10], rng=np.random.default_rng(0))
    before = {name: array.copy() for name, array in model.params.items()}
    place = f"y must hold labels from 0 to 9, got 99 at index {len(y) - 3}"
    with pytest.raises(ValueError, match=place):
        nn.fit(
            model, data["data"], validation=data["validation"], optimizer=nn.SGD(0.1), epochs=1,
            batch_size=8, rng=np.random.default_rng(0), progress=False,
        )  # fmt: skip
    for name, array in model.params.items():
        np.testing.assert_array_equal(array, before[name])
    with pytest.raises(ValueError, match=place):
        nn.evaluate(model, x, wrong, batch_size=10)


def test_nan_is_no_answer():
    model = nn.mlp([3, 2], rng=np.random.default_rng(0))
    model.params["w1"][...] = np.nan
    assert nn.evaluate(model, np.ones((4, 3), np.float32), np.zeros(4, int))[1] == 1


@pytest.mark.parametrize("other", ["optimizer", "rng"])
def test_a_checkpoint_of_what_fit_does_not_have_is_refused(other, digits, tmp_path):
    rng, optimizer = np.random.default_rng(0), nn.SGD(0.1)
    own = {"optimizer": optimizer, "rng": rng}
    own |= {"optimizer": nn.SGD(0.1)} if other == "optimizer" else {"rng": np.random.default_rng(0)}
    checkpoint = nn.Checkpoint(tmp_path / "run.npz", **own)
    model = nn.mlp([784, 10], rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match=f"Checkpoint: {other} was not used"):
        nn.fit(
            model, digits[0], optimizer=optimizer, epochs=1, batch_size=64, rng=rng, progress=False,
            callbacks=[checkpoint],
        )  # fmt: skip
    assert not (tmp_path / "run.npz").exists()


def test_no_half_written_file_is_left(tmp_path, monkeypatch):
    real = open

    def interrupted(*arguments):
        real(*arguments).close()
        raise KeyboardInterrupt

    monkeypatch.setattr("nnfromscratch._files.open", interrupted, raising=False)
    with pytest.raises(KeyboardInterrupt):
        nn.mlp([3, 2], rng=np.random.default_rng(0)).save(tmp_path / "model.npz")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("way", ["an error", "divergence"])
def test_a_run_that_failed_and_goes_on_records_every_step_once(way, digits):
    def loss(z, y):
        steps.append(1)
        if len(steps) == 3 and way == "an error":
            raise OSError("the disk")
        value, dz = nn.softmax_cross_entropy(z, y)
        return (np.nan if len(steps) == 3 else value), dz

    steps, history = [], nn.History()
    model = nn.mlp([784, 10], rng=np.random.default_rng(0))
    x, y = digits[0]
    settings = {"epochs": 2, "batch_size": math.ceil(len(x) / 4), "progress": False}
    settings |= {"optimizer": nn.SGD(0.1), "rng": np.random.default_rng(0), "loss": loss}
    with pytest.raises((OSError, nn.TrainingDiverged)):
        nn.fit(model, (x, y), history=history, **settings)
    assert history.interrupted
    nn.fit(model, (x, y), history=history, **settings)
    assert (history.interrupted, history.epochs, len(history.batch_loss)) == (False, 2, 8)


def test_a_callback_may_lower_the_learning_rate(digits):
    optimizer = nn.SGD(0.1)

    def halve(model, history):
        optimizer.learning_rate /= 2

    history = nn.fit(
        nn.mlp([784, 10], rng=np.random.default_rng(0)), digits[0], optimizer=optimizer, epochs=3,
        batch_size=500, rng=np.random.default_rng(0), progress=False, callbacks=halve,
    )  # fmt: skip
    assert history.learning_rate == [0.1, 0.05, 0.025]
    assert optimizer.learning_rate == 0.0125


def test_a_diverged_run_comes_back_from_another_process():
    error = pickle.loads(pickle.dumps(nn.TrainingDiverged("the loss", nn.History([1.0]))))
    assert (str(error), error.history.loss) == ("the loss", [1.0])


@pytest.mark.parametrize("other", ["optimizer", "rng"])
def test_what_was_resumed_and_is_not_what_fit_has_is_refused(other, digits, tmp_path):
    def run(epochs, **changed):
        own = {"optimizer": nn.SGD(0.1), "rng": np.random.default_rng(0)}
        checkpoint = nn.Checkpoint(tmp_path / "run.npz", **own)
        model = nn.mlp([784, 10], rng=np.random.default_rng(0))
        nn.fit(
            model, digits[0], epochs=epochs, batch_size=64, progress=False, callbacks=[checkpoint],
            history=checkpoint.resume(model), **(own | changed),
        )  # fmt: skip

    run(1)
    new = {"optimizer": nn.SGD(0.1), "rng": np.random.default_rng(1)}
    with pytest.raises(ValueError, match=f"Checkpoint: {other} was not used"):
        run(2, **{other: new[other]})


def test_early_stopping_that_is_new_to_a_longer_run(digits, tmp_path):
    model, rng = nn.mlp([784, 10], rng=np.random.default_rng(0)), np.random.default_rng(0)
    settings = {"batch_size": 500, "rng": rng, "progress": False, "validation": digits[0]}
    optimizer = nn.SGD(0.1)
    history = nn.fit(model, digits[0], optimizer=optimizer, epochs=2, **settings)
    history.validation_error = [0.0, 0.0]  # better than anything that comes
    stopping = nn.EarlyStopping()
    checkpoint = nn.Checkpoint(
        tmp_path / "run.npz", optimizer=optimizer, rng=rng, stopping=stopping
    )
    settings |= {"callbacks": [stopping, checkpoint], "history": history}
    nn.fit(model, digits[0], optimizer=optimizer, epochs=3, **settings)
    assert stopping.best_epoch == 3


def test_a_generator_of_a_layer_is_kept_whatever_it_is_called(digits, tmp_path):
    class Noise(nn.Layer):
        def __init__(self):
            self.dice = np.random.default_rng(5)

        def forward(self, x, training=False):
            return x + self.dice.random(x.shape, np.float32) * training

        def backward(self, d_out):
            return d_out

    def run(name, *lengths):
        for epochs in lengths:
            rng, optimizer = np.random.default_rng(0), nn.SGD(0.1)
            model = nn.Sequential(
                [Noise(), *nn.mlp([784, 10], rng=np.random.default_rng(0)).layers]
            )
            checkpoint = nn.Checkpoint(tmp_path / name, optimizer=optimizer, rng=rng)
            nn.fit(
                model, digits[0], optimizer=optimizer, epochs=epochs, batch_size=500, rng=rng,
                progress=False, callbacks=[checkpoint], history=checkpoint.resume(model),
            )  # fmt: skip
        return model.params["w1"]

    assert np.array_equal(run("once.npz", 2), run("twice.npz", 1, 2))
