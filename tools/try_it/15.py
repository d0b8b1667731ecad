"""Answers to the "Try it" of lesson 15."""
# ruff: noqa: F821

# %% 1
model = small(-1.1)
losses = treat(model, SGD(0.1), two, labels, 200, 2).batch_loss
assert three_numbers(small(-1.1), two, labels)[1] == "75%"
assert three_numbers(model, two, labels)[1] == "100%"
assert abs(losses[0] - 0.72) < 0.005
assert abs(losses[-1] - np.log(2)) < 1e-6

# %% 2
well_d = ward["D mended"][0]
slipped = np.roll(y[:5000], 1)
numbers = three_numbers(well_d, x[:1000], slipped[:1000])
report = examine(well_d, x[:5000], slipped)
assert numbers[1:] == ("47%", "none")
assert report.causes == ["labels shifted"]

# %% 3
still = faster(100)
for layer in still.model.layers:
    if layer.params:
        layer.__class__ = bias_times(0)
run = train(still)
assert abs(run.loss - 1.1) < 0.1, run

# %% 4
case = patient(seed=1, number=9)
assert case.optimizer.learning_rate == 10
report = examine(case.model, case.x, case.y, optimizer=case.optimizer)
assert report.causes == ["rate too large"]
for factor, (least, most) in ((0.1, (0.45, 0.9)), (0.01, (0.05, 0.15))):
    better = case._replace(optimizer=SGD(factor * case.optimizer.learning_rate))
    assert least < train(better).error < most
