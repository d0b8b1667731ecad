"""Answers to the "Try it" of lesson 12."""
# ruff: noqa: F821

# %% 1
draw = lambda shape, *, rng, dtype: normal(shape, 0.01, rng=rng, dtype=dtype)  # noqa: E731
rng, layers = np.random.default_rng(0), []
for wide, narrow in itertools.pairwise(SIZES):
    linear = Linear(wide, narrow, rng=rng, initializer=draw)
    layers += [linear, ReLU(), BatchNorm(narrow)]
settings = {"batch_size": 128, "rng": np.random.default_rng(1), "progress": False}
settings["validation"] = x_val[:2000], y_val[:2000]
history = fit(Sequential(layers[:-2]), few, optimizer=SGD(0.1), epochs=2, **settings)
assert 0.05 < history.validation_error[-1] < 0.08, history.validation_error

# %% 2
assert 0.12 < learn("1", True, rate=1)[1].validation_error[-1] < 0.18
assert learn("1", True, rate=10)[1].validation_error[-1] > 0.7


# %% 3
def both_modes(images, momentum=0.9):
    model = seven_layers("0.01", normalized=True)
    for layer in model.layers:
        if isinstance(layer, BatchNorm):
            layer.momentum = momentum
    settings = {"batch_size": 128, "rng": np.random.default_rng(1), "progress": False}
    fit(model, (few[0][:images], few[1][:images]), optimizer=SGD(0.1), epochs=1, **settings)
    return 100 * evaluate(model, x_val, y_val)[1], wrong_mode(model, x_val, y_val, 1000)


early, late, slow = both_modes(2_560), both_modes(12_800), both_modes(12_800, 0.99)
assert early[0] > 85, early
assert 35 < early[1] < 50, early
assert 8 < min(late) < max(late) < 16, late
assert slow[0] > 85, slow
assert slow[1] < 16, slow

# %% 4
from nnfromscratch import schedules  # noqa: E402

found = {}
for bn, rate in ((False, 0.2), (True, 1.0)):
    settings = {"batch_size": 128, "rng": np.random.default_rng(1), "progress": False}
    settings |= {"validation": (x_val, y_val), "schedule": schedules.linear_decay()}
    model, data = seven_layers("He", bn), (x_train, y_train)
    history = fit(model, data, optimizer=SGD(rate), epochs=5, **settings)
    found[bn] = history.validation_error[0], history.validation_error[-1]
assert 0.04 < found[False][0] < 0.065, found
assert 0.03 < found[True][0] < 0.07, found
assert 0.02 < found[False][1] < 0.026, found
assert 0.016 < found[True][1] < 0.02, found

# %% 5
STARTS["0.1"] = 0.1
settings = {"epochs": 2, "batch_size": 1000, "progress": False, "validation": (255 * x_val, y_val)}
raw = 255 * x_train, y_train
diverged = False
try:
    fit(seven_layers("0.1", False), raw, optimizer=SGD(0.1), rng=rng, **settings)
except TrainingDiverged:
    diverged = True
assert diverged
rng = np.random.default_rng(1)
history = fit(seven_layers("0.1", True), raw, optimizer=SGD(1), rng=rng, **settings)
assert 0.03 < history.validation_error[-1] < 0.05, history.validation_error
