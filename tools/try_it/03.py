"""Answers to the "Try it" of lesson 03."""

# %% 1
error, _ = worst_of("w2", dw2 / 32)  # noqa: F821
assert round(error) == 13, error

# %% 2
relu = np.tanh  # noqa: F821


def relu_backward(da, z):
    return da * (1 - np.tanh(z) ** 2)  # noqa: F821


worst = 0.0
for i, gradient in enumerate(slopes_of(xs, ys, *small)[1]):  # noqa: F821
    for index in np.ndindex(gradient.shape):  # noqa: F821
        f = lambda array: slopes_of(xs, ys, *small[:i], array, *small[i + 1 :])[0]  # noqa
        worst = max(worst, abs(gradient[index] - nudge(f, small[i], index)))  # noqa: F821
assert worst < 1e-8, worst


# %% 3
assert abs(hundred_steps(rate=1)[1][-1] - 0.002) < 0.001  # noqa: F821
losses = hundred_steps(rate=4)[1]  # noqa: F821
assert round(max(losses)) == 24, max(losses)
assert 1.9 < losses[-1] < 2.1, losses[-1]

# %% 4
x[1] = x[0]  # noqa: F821
assert y[0] != y[1]  # noqa: F821
loss = hundred_steps(rate=1)[1][-1]  # noqa: F821
assert 2 * np.log(2) / 32 < loss < 0.05, loss  # noqa: F821
