"""Answers to the "Try it" of lesson 04."""

# ruff: noqa: F821

# %% 1
z = np.array([[-1.3, 0.0, 0.7], [2.1, -0.4, 0.9]])


@shapes("z: ... -> ...")
def leaky(z):
    return np.maximum(z, 0.1 * z)


@shapes("da: ..., z: ... -> ...")
def leaky_back(da, z):
    return da * np.where(z > 0, 1.0, 0.1)


report = check_gradients(leaky, z, backward=leaky_back)
assert report.passed, report
assert "1 left out at a kink" in str(report), report

# %% 2
measured = numerical_gradient(lambda x: relu(linear(x, w, b)).sum(), x, method="complex")
z = linear(x, w, b)
derived = linear_backward(relu_backward(np.ones_like(z), z), x, w)[0]
assert relative_error(measured, derived) < 1e-14

# %% 3
import pytest  # noqa: E402

with pytest.raises(TypeError, match="imaginary"):
    numerical_gradient(lambda x: np.abs(linear(x, w, b)).sum(), x, method="complex")

# %% 4
fig, ax = plt.subplots()
plot_errors(ax, lambda x: x * x, at, 2 * at, steps)
central = ax.lines[1].get_ydata()
assert central[-8:].max() < 1e-13, central  # only rounding, where the cube had its own error
assert central[:8].max() > 1e-4, central


# %% 5
def two_entries(dz, x, w):
    dx, dw, db = linear_backward(dz, x, w)
    dw[30, 17] += 1
    dw[50, 3] -= 1
    return dx, dw, db


passed = 0
for k in range(10):
    rng, arrays = np.random.default_rng(k), (xs[:, :100], ws[:100], np.zeros(128))
    passed += check_gradients(linear, *arrays, backward=two_entries, rng=rng).passed
assert 3 <= passed <= 7, passed
