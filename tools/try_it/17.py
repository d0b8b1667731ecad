"""Answers to the "Try it" of lesson 17."""

# %% 1
missed = first.predict(x_test) != y_test  # noqa: F821
draws = np.random.default_rng(1).integers(0, 10_000, (1_000, 10_000))  # noqa: F821
counts = missed[draws].sum(axis=1)
low, high = np.percentile(counts, [2.5, 97.5])  # noqa: F821
print(f"{counts.std():.1f}, {low:.0f} to {high:.0f}, interval {interval(missed.sum())}")  # noqa: F821
assert abs(counts.std() - np.sqrt(missed.sum())) < 0.6  # noqa: F821
assert abs(low - interval(missed.sum())[0]) < 4  # noqa: F821
assert abs(high - interval(missed.sum())[1]) < 4  # noqa: F821

# %% 2
found = {}
for strength in (0.3, 1.0, 1.5):
    settings = {"views": 16, "strength": strength, "rng": np.random.default_rng(17)}  # noqa: F821
    seen = record.log_probabilities(first, x_test[unsure], recipe, **settings)  # noqa: F821
    found[strength] = int((seen.argmax(axis=1) != y_test[unsure]).sum())  # noqa: F821
print(found)

# %% 3
settings = {"views": 16, "strength": 0.6, "rng": np.random.default_rng(17)}  # noqa: F821
labels = y_test[unsure]  # noqa: F821
alone = models[1].predict(x_test[unsure])  # noqa: F821
seen = record.log_probabilities(models[1], x_test[unsure], recipe, **settings)  # noqa: F821
seen = seen.argmax(axis=1)
better = set(unsure[(alone != labels) & (seen == labels)])  # noqa: F821
print((alone != labels).sum(), (seen != labels).sum(), len(better), len(better & set(mended)))  # noqa: F821
