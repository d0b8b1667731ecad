"""Answers to the "Try it" of lesson 01."""
# ruff: noqa: F821

# %% 1
medians = np.stack([np.median(x_train[y_train == c], axis=0) for c in range(10)])  # (10, 784)
error = 100 * (scores_of(x_val, medians).argmax(axis=1) != y_val).mean()
assert abs(error - 24) < 1, error

# %% 2
best = [100 * right[:, :n].mean(axis=1).max() for n in (10, 100, 1_000)]
assert [round(float(value)) for value in best] == [50, 22, 13], best

# %% 3
moved = np.roll(x_val.reshape(-1, 28, 28), 2, axis=2).reshape(-1, 784)  # (5000, 784)
error = 100 * (scores_of(moved, prototypes).argmax(axis=1) != y_val).mean()
assert abs(error - 38) < 1, error

# %% 4
large = prototypes_of(255 * x_train, y_train, 10)  # (10, 784)
error_large = (scores_of(255 * x_val, large).argmax(axis=1) != y_val).mean()
assert abs(error_large - error) < 0.0005, error_large
