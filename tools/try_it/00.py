"""Answers to the "Try it" of lesson 00."""

# ruff: noqa: F821

# %% 1
try:
    x / x.sum(axis=1)
    fits = True
except ValueError:
    fits = False
assert not fits
assert np.allclose((x / x.sum(axis=1, keepdims=True)).sum(axis=1), 1)

# %% 2
assert np.allclose([slope_of(takings, price) for price in (2, 3, 4)], [4, 0, -4])
assert takings(3) == 18 > max(takings(2.9), takings(3.1))

# %% 3
slope = (x.T @ (2 * z))[1, 0]
nudge = np.zeros((D, K))
nudge[1, 0] = 1e-5
up, down = (((x @ (w + move) + b) ** 2).sum() for move in (nudge, -nudge))
assert slope == 104 == 2 * (1 * 7 + 1 * 9 + 0 * 15 + 3 * 12)
assert abs((up - down) / 2e-5 - slope) < 1e-4
