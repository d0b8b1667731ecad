"""Answers to the "Try it" of lesson 09."""

# ruff: noqa: F821

# %% 1
model = seven_layers(constant(0.05))
history = learn(model, 0.1, 1)
w2 = model.params["w2"]  # near -511, where rounding alone is 3e-5
assert np.ptp(w2, axis=1).max() < 1e-5 * np.abs(w2).max()
assert history.validation_error[-1] > 0.85, history.validation_error

# %% 2
try:
    learn(seven_layers(he_normal), 0.01, 1, pixels=255, size=1_000)
except TrainingDiverged as stopped:
    losses = stopped.history.batch_loss
    assert round(losses[0]) == 174, losses
    assert len(losses) in (3, 4, 5), losses
else:
    raise AssertionError("it did not diverge")

# %% 3
sigma = 1 / (255 * math.sqrt(784 * mean_square))
assert round(sigma, 5) == 0.00042
z = 255 * x[:1000] @ normal((784, 500), sigma, rng=np.random.default_rng(1))
assert round(float((z**2).mean()), 2) == 0.99

# %% 4
errors = learn(seven_layers(pytorch), 0.1, 4).validation_error
assert errors[0] > 0.8, errors
assert 0.2 < errors[1] < 0.6, errors
assert 0.07 < errors[2] < 0.13, errors
assert 0.04 < errors[3] < 0.08, errors

# %% 5
SIZES = [784] + [100] * 19 + [10]


def larger(d, k):
    return 1.1 * math.sqrt(2 / d)


def start(shape, *, rng, dtype):
    return normal(shape, larger(*shape), rng=rng, dtype=dtype)


assert round(rule(larger)[0], 1) == 3.2
for seed in range(4):
    last = linear_layers(seven_layers(start, seed), x[:1000])[-1].standard_deviation
    assert 1.4 < last < 4.7, last
