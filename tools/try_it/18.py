"""Answers to the "Try it" of lesson 18."""
# ruff: noqa: F821

# %% 1
w1, b1, w2, b2 = map(Tensor, params.values())
x, y = batches[0]
found = []
for batch in (x, Tensor(x)):
    cross_entropy((batch @ w1 + b1).relu() @ w2 + b2, y).backward()
    found.append(w1.grad)
assert batch.grad.shape == (32, 784)
assert (found[0] == found[1]).all()


# %% 2
def sin(t):
    return Tensor(np.sin(t.data), [(t, lambda g: g * np.cos(t.data))])


t = Tensor([0.0, 0.5, 2.0])
sin(t).sum().backward()
measured = numerical_gradient(lambda t: np.sin(t).sum(), t.data)
assert np.abs(t.grad - measured).max() < 1e-9


# %% 3
def losses_of(add_up):
    tensors = [Tensor(array) for array in params.values()]
    sums, losses = [0.0] * 4, []
    for x, y in batches:
        w1, b1, w2, b2 = tensors
        loss = cross_entropy((x @ w1 + b1).relu() @ w2 + b2, y)
        loss.backward()
        losses.append(float(loss.data))
        sums = [add_up * s + t.grad for s, t in zip(sums, tensors, strict=True)]
        tensors = [Tensor(t.data - 0.1 * s) for s, t in zip(sums, tensors, strict=True)]
    return losses


honest, summed = losses_of(0), losses_of(1)
assert np.mean(honest[-20:]) < 0.6, honest[-20:]
assert np.mean(summed[-20:]) > 1.2, (np.round(summed, 2), np.mean(honest[-20:]))

# %% 4
z = Tensor([[1000.0, 0.0]])
loss = composed(z - z.data.max(axis=1, keepdims=True), y := np.array([0]))
loss.backward()
assert loss.data == 0
assert not z.grad.any()

# %% 5
narrow = {name: a.astype(np.float32) for name, a in params.items()}
few = [(x.astype(np.float32), y) for x, y in batches[:10]]
off = largest_difference(numpy_steps(params, batches[:10], 0.1), numpy_steps(narrow, few, 0.1))
assert 1e-9 < off < 1e-6, off
