"""The training loop: what it computes, what it records, and how it ends."""

import math
import re

import numpy as np
import pytest

import nnfromscratch as nn
from nnfromscratch import schedules, training


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


def test_32_images_are_learnt_by_heart(digits):
    (x, y), _ = digits
    optimizer = nn.SGD(0.1, momentum=0.9, nesterov=True)
    model, _, history = run((x, y), optimizer=optimizer, epochs=60, batch_size=8)
    loss, error = nn.evaluate(model, x, y)
    assert loss < 0.01 < 1 < history.loss[0]
    assert error == history.error[-1] == 0


def test_the_same_seed_gives_the_same_run(digits):
    train, validation = digits

    def record(seed):
        model, _, history = run(train, seed=seed, validation=validation)
        numbers = {key: value for key, value in vars(history).items() if key != "seconds"}
        return numbers, model.params["w2"].tolist()

    assert record(0) == record(0)
    assert record(0) != record(1)


def test_history_records_every_epoch(digits):
    train, validation = digits
    model, _, history = run(train, validation=validation, schedule=schedules.linear())
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
    # One example first, to check the validation data before anything runs.
    assert [training for *_, training in asked] == [False] + [True] * 4 + [False]


def test_schedule_multiplies_the_learning_rate_of_every_step(digits):
    train, _ = digits
    used = []

    class Watched(nn.SGD):
        def step(self, model):
            used.append(self.learning_rate)
            super().step(model)

    schedule = schedules.linear(np.float64(0.5))
    model, optimizer, history = run(train, optimizer=Watched(0.2), schedule=schedule, epochs=2)
    expected = [0.2 * (1 - 0.5 * step / 8) for step in range(8)]
    np.testing.assert_allclose(used, expected, rtol=1e-15)
    assert history.learning_rate == [used[3], used[7]]
    assert optimizer.learning_rate == 0.2
    assert all(array.dtype == np.float32 for array in model.params.values())


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
        ((x, y[1:]), "evaluate: x has 50 examples and y 49 labels"),
        ((x[:0], y[:0]), "evaluate: x has 0 examples and y 0 labels"),
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
    _, optimizer, history = run(train, callbacks=callbacks, schedule=schedules.linear())
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
    _, optimizer, history = run(train, model=model, schedule=schedules.linear())
    assert history.interrupted
    assert history.epochs == len(history.seconds) == 1
    assert len(history.batch_loss) == 6
    assert optimizer.learning_rate == 0.1


def test_interrupt_in_the_validation_leaves_whole_epochs(digits, monkeypatch):
    train, validation = digits
    results = iter([(2.0, 0.5), (2.0, 0.5)])  # the check before training, then one epoch

    def interrupted(*arguments, **settings):
        for result in results:
            return result
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "evaluate", interrupted)
    _, _, history = run(train, validation=validation)
    assert history.interrupted
    for key in ("loss", "error", "validation_loss", "validation_error", "learning_rate", "seconds"):
        assert len(getattr(history, key)) == 1


def test_validation_data_are_checked_before_training(digits):
    (x, y), _ = digits
    model = nn.mlp([784, 10], rng=np.random.default_rng(0))
    before = {name: array.copy() for name, array in model.params.items()}
    with pytest.raises(nn.ShapeError):
        run((x, y), model=model, validation=(x[:, :5], y))
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
        run(train, optimizer=optimizer, schedule=schedules.linear(), callbacks=[callback])
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
        run((255 * x, y), optimizer=optimizer, schedule=schedules.linear(), epochs=50)
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
        ({"batch_size": 0}, ValueError, "minibatches: batch_size must be at least 1, got 0"),
        ({"rng": 0}, TypeError, "minibatches: rng must be a numpy.random.Generator"),
    ],
)
def test_wrong_settings(settings, error, message, digits):
    train, _ = digits
    with pytest.raises(error, match=re.escape(message)):
        run(train, **settings)


def test_wrong_data(digits):
    (x, y), _ = digits
    for data, message in (
        ((x, y[1:]), "minibatches: x has 32 examples but y has 31 labels"),
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
