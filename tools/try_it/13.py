"""Answers to the "Try it" of lesson 13."""
# ruff: noqa: F821

# %% 1
model = fresh()
late = lambda model, h: h.epochs - np.argmin(h.validation_loss) > 5  # noqa: E731
history = learn(model, callbacks=[late])
loss, error = evaluate(model, x_val, y_val)
assert 9 <= history.epochs <= 13, history.epochs
assert np.argmin(history.validation_loss) + 6 == history.epochs
assert 0.43 < loss < 0.47 < evaluate(plain, x_val, y_val)[0], loss
assert abs(error - evaluate(plain, x_val, y_val)[1]) < 0.006, error

# %% 2
decayed, dropped, stopped = fresh(), dropping(0.2, 0.5), fresh()
learn(decayed, shuffled, weight_decay=0.003)
learn(dropped, shuffled)
learn(stopped, shuffled, callbacks=[EarlyStopping(patience=5)])
assert evaluate(decayed, *shuffled)[1] == 0
assert 0.06 < evaluate(dropped, *shuffled)[1] < 0.14
assert 0.5 < evaluate(stopped, *shuffled)[1] < 0.7
assert 0.45 < confidence_in_mistakes(decayed) < 0.55
assert 0.62 < confidence_in_mistakes(parrot) < 0.69

# %% 3
assert np.allclose(descend(0.1)[-1], (2.03, 2.70), atol=0.005)
assert np.allclose(descend(10)[-1], (0.66, 0.39), atol=0.005)

# %% 4
alone, both = dropping(0.2, 0.5), dropping(0.2, 0.5)
learn(alone)
learn(both, weight_decay=0.003)
(loss, error), (loss_both, error_both) = (evaluate(m, x_val, y_val) for m in (alone, both))
assert abs(error_both - 0.092) < 0.004, error_both
assert error_both > error, (error, error_both)
assert abs(loss - 0.34) < 0.015, loss
assert abs(loss_both - 0.29) < 0.015, loss_both
