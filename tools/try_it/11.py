"""Answers to the "Try it" of lesson 11."""
# ruff: noqa: F821

# %% 1
rng, w = np.random.default_rng(4), np.zeros(4_000)
for _ in range(2_000):
    w = w - 0.1 * (4 * w + rng.choice([1.0, -1.0], size=4_000))
assert abs(np.sqrt(0.1 / (4 * (2 - 0.4))) - 0.125) < 1e-12
assert abs(np.sqrt((w**2).mean()) - 0.125) < 0.003

# %% 2
ends = {rate: distance(50 * [0.5] + 50 * [rate]) for rate in np.arange(0.01, 0.3, 0.01)}
assert abs(distance(50 * [0.5] + 50 * [0.05]) - 0.166) < 0.001
assert abs(min(ends.values()) - 0.160) < 0.001
assert abs(min(ends, key=ends.get) - 0.04) < 0.005

# %% 3
models = [first_epoch(seed, 0.1)[0] for seed in range(3)]
losses = [np.mean([evaluate(model, x_val, y_val)[0] for model in models])]
for rate in (0.1, 0.01):
    copies = [copy.deepcopy(model) for model in models]
    for model in copies:
        train(model, rate, images=12_800, rng=np.random.default_rng(99))
    losses.append(np.mean([evaluate(model, x_val, y_val)[0] for model in copies]))
assert np.allclose(losses, (0.171, 0.156, 0.150), atol=0.004), losses

# %% 4
found = {}
for name in ("constant", "linear", "warmup, linear"):
    for seed in (1, 2, 3, 4):
        rng = np.random.default_rng(seed)
        model = mlp([784, 50, 10], rng=rng)
        train(model, 0.3, rng=rng, epochs=2, schedule=schedule[name])
        found[name, seed] = 100 * evaluate(model, x_val, y_val)[1]
for seed in (1, 2, 3, 4):
    constant, linear, warm = (found[n, seed] for n in ("constant", "linear", "warmup, linear"))
    assert 3.0 < warm < 3.4 < linear < 4.0 < constant < 5.5, found

# %% 5
rng = np.random.default_rng(0)
model = mlp([784, 300, 10], rng=rng)
history = train(model, 0.2, rng=rng, epochs=10, schedule=schedules.linear_decay())
assert history.error[-1] < 0.0006, history.error
assert abs(100 * evaluate(model, x_val, y_val)[1] - 1.8) < 0.3
