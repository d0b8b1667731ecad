"""Answers to the "Try it" of lesson 07."""
# ruff: noqa: F821

# %% 1
pairs = np.array(list(itertools.combinations(slopes, 2)))
assert pairs.shape == (28, 2)
assert abs(pairs.mean(axis=1).std() - 1.309) < 0.001
assert abs(2 / np.sqrt(2) * np.sqrt(6 / 7) - 1.309) < 0.001

# %% 2
rng, network, drawn = np.random.default_rng(2), start(np.random.default_rng(0)), set()
for _ in range(430):
    batch = rng.integers(len(x), size=128)
    drawn |= set(batch.tolist())
    train(network, [(x[batch], y[batch])], rate=0.1)
assert 8 < error(network, x_val, y_val) < 11
assert abs(1 - len(drawn) / len(x) - 0.37) < 0.01

# %% 3
network = start(np.random.default_rng(0))
every = [order[first::430] for first in range(430)]
train(network, ((x[batch], y[batch]) for batch in every), rate=0.1)
assert 8 < error(network, x_val, y_val) < 11, error(network, x_val, y_val)

# %% 4
ends = [race(128, rate, 55_000)[-1, 2] for rate in (0.25, 1.0)]
assert abs(ends[0] - 7.3) < 0.7, ends
assert abs(ends[1] - 4.6) < 0.5, ends

# %% 5
_, curve = learn(epochs=15)
assert curve[-1, 1] < 0.1, curve[-1]
assert 1.6 < curve[-1, 2] < 2.2, curve[-1]
