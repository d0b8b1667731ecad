"""Answers to the "Try it" of lesson 08."""

# ruff: noqa: F821

# %% 1
rng = np.random.default_rng(0)
straight = Sequential([Linear(784, 128, rng=rng), Linear(128, 10, rng=rng)])
w1, w2 = straight.params["w1"], straight.params["w2"]
assert np.abs(straight.forward(x[:5]) - x[:5] @ (w1 @ w2)).max() < 1e-5
count, _, error = trained(straight, rng)
assert 8.0 < float(error) < 9.2, error

# %% 2
fresh = mlp([784, 10], rng=rng)
said = ""
try:
    fresh.backward(np.ones((5, 10), np.float32))
except RuntimeError as error:
    said = str(error)
assert said == "Linear.backward: call forward first", said

# %% 3
rng = np.random.default_rng(0)
layers = [MaxPool(28), MaxPool(14), Linear(49, 128, rng=rng), ReLU(), Linear(128, 10, rng=rng)]
count, _, error = trained(Sequential(layers), rng)
assert count == "7,690"
assert 13 < float(error) < 18, error

# %% 4
for seed in range(3):
    rng = np.random.default_rng(seed)
    model = mlp([784, 128, 10], rng=rng)
    settings = {"epochs": 8, "batch_size": 128, "rng": rng, "progress": False}
    settings |= {"schedule": schedules.step_decay(0.5, every=1 / 8), "validation": (x_val, y_val)}
    history = fit(model, (x, y), optimizer=SGD(6.4), **settings)
    assert 0.3 < history.validation_error[-1] < 0.92, history.validation_error
