"""Answers to the "Try it" of lesson 16."""
# ruff: noqa: F821

# %% 1
moved = x_few
for _ in range(10):
    step = fast_gradient_sign(learner, moved, y_few, 0.025)
    moved = np.clip(step, x_few - 0.1, x_few + 0.1)
error = (learner.predict(moved) != y_few).mean()
assert 0.17 < error < 0.26, error

# %% 2
moved = fast_gradient_sign(memorizer, x_few, y_few, 0.1)
error = (model.predict(moved) != y_few).mean()
assert 0.07 < error < 0.13, error

# %% 3
p_ink = softmax(model.forward(1 - x_test))
wrong, sure = (p_ink.argmax(axis=1) != y_test).mean(), (p_ink.max(axis=1) > 0.9).mean()
assert 0.93 < wrong < 0.96, wrong
assert 0.3 < sure < 0.4, sure
