"""Answers to the "Try it" of lesson 06."""
# ruff: noqa: F821

# %% 1
_, frozen, _ = descend(start(0), 0.5, 150, frozen={"b2"})
reached = int(np.argmax(np.array(frozen) < every_tenth[-1]))
assert abs(reached - first) <= 2, (reached, first)

# %% 2
_, _, places = descend(start(0), 1.0, 150)
found = [sharpness(places, step) for step in (90, 120, 148)]
assert min(found) > 2.3, found
assert max(found) < 3.3, found
assert max(found) < np.mean([k_bold[step] for step in (10, 20, 30, 40, 48, 58)]), found

# %% 3
_, losses, _ = descend(start(0, reach=0.05), 0.5, 60)
assert abs(losses[0] - 2.30) < 0.01, losses[0]
assert losses[10] > 2.1, losses[10]
assert losses[25] < losses_better[25], losses[25]
assert 2 < max(losses[26:35]) < 4, losses[26:35]
assert losses[-1] < 1, losses[-1]

# %% 4
w, places = 4.0, []
for _ in range(20):
    w = w - 1 / 3 * 6 * w
    places.append(w)
assert np.allclose(np.abs(places), 4.0)
assert abs((1 - 0.33 * 6) ** 20) < 1 < abs((1 - 0.34 * 6) ** 20)
