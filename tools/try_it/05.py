"""Answers to the "Try it" of lesson 05."""

# ruff: noqa: F821

# %% 1
slow = outputs_until_half(lambda a: 2 * a * a * (1 - a), 9.0)
fast = outputs_until_half(lambda a: a, 9.0)
assert 6.5 < (len(slow) - 1) / (len(squared) - 1) < 8, len(slow)
assert len(fast) - len(crossed) == 2, len(fast)

# %% 2
p = softmax(rng.normal(size=(1, 10)))
table = softmax_jacobian(p)[0]
assert np.linalg.matrix_rank(table) == 9
assert np.abs(table @ np.ones(10)).max() < 1e-15


# %% 3
def without_dtype(p):
    return p[:, :, None] * (np.eye(p.shape[1]) - p[:, None, :])


p = np.full((128, 10), 0.1, dtype=np.float32)
assert softmax_jacobian(p).nbytes == 51_200
assert without_dtype(p).nbytes == 102_400

# %% 4
z = rng.normal(size=(3, 5))
assert check_gradients(softmax, z, backward=product_with_table).passed
report = check_gradients(softmax, z, backward=lambda dp, p: p * dp)
assert not report.passed, report


# %% 5
def centred(x):
    return x - x.mean(axis=1, keepdims=True)


x = rng.normal(size=(3, 7))
assert check_gradients(centred, x, backward=lambda d: d - d.mean(axis=1, keepdims=True)).passed
