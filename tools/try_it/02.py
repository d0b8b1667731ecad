"""Answers to the "Try it" of lesson 02."""
# ruff: noqa: F821

# %% 1
logits = linear(relu(linear(x, 100 * w1, b1)), 100 * w2, b2)  # (10000, 10)
loss, _ = softmax_cross_entropy(logits, y)
assert abs(loss - 155) < 2, loss
sure = (softmax(logits).max(axis=1) > 0.99).mean()
assert abs(sure - 0.96) < 0.005, sure

# %% 2
z = np.maximum(np.array([[2.0, 1.0]]) @ np.array([[0.5, -0.3], [0.2, 0.4]]) + [0, 0.3], 0)
assert np.allclose(z, [[1.2, 0.1]])
assert np.allclose(z @ np.array([[0.6, -0.4], [-0.2, 0.7]]), [[0.70, -0.41]])

# %% 3
with np.errstate(over="ignore"):
    found = np.exp(np.array([11.08, 11.1], dtype=np.float16))  # (2,)
assert list(np.isinf(found)) == [False, True], found
assert round(math.log(np.finfo(np.float16).max), 1) == 11.1

# %% 4
raised = linear(relu(linear(x, w1, b1)), w2, b2 + np.float32(5))  # (10000, 10)
assert np.allclose(raised, z2 + 5, atol=1e-5)
assert np.allclose(softmax(raised), softmax(z2), atol=1e-6)
