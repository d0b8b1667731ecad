"""Answers to the "Try it" of lesson 10."""
# ruff: noqa: F821

# %% 1
here, there = (descend(adam, 0.5, factor * bowl, start, 2)[-1] for factor in (1, 1000))
assert np.abs(here - there).max() < 1e-6
far = descend(momentum, 0.1, 1000 * bowl, start, 2)[-1]
assert np.allclose(far, (-39_000, 997_000), rtol=0.01), far

# %% 2
crooked = turn @ straight @ turn.T
path = descend(adam, 0.3, crooked, turn @ (-10.0, 1.0), 60)
assert abs(np.hypot(*path[-1]) - 4.4) < 0.1
assert abs(np.hypot(*descend(adam, 0.3, straight, (-10.0, 1.0), 60)[-1]) - 0.44) < 0.01
draw_walk(crooked, path)
for rate in np.geomspace(0.05, 1, 7)[:6]:  # the text: only the seventh ends near the bottom
    assert np.hypot(*descend(adam, rate, crooked, turn @ (-10.0, 1.0), 60)[-1]) > 1.45

# %% 3
root = np.sqrt(0.99)
assert 157_500 < ((1 + root) / (1 - root)) ** 2 < 158_500
assert round(np.log(0.01) / np.log(root)) == 916

# %% 4
plain_fit = fit


def fit(*arguments, **options):
    return plain_fit(*arguments, **{**options, "epochs": 5})


assert abs(error("plain", 0.6, 0) - 3.5) < 0.3
assert abs(error("Nesterov", 0.2, 0) - 2.8) < 0.3
