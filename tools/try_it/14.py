"""Answers to the "Try it" of lesson 14."""

# %% 1
ten, turned = math.radians(10), image  # noqa: F821
step = np.array([[math.cos(ten), -math.sin(ten)], [math.sin(ten), math.cos(ten)]])  # noqa: F821
for _ in range(36):
    turned = redraw(turned, centre + (pixels - centre) @ step.T)  # noqa: F821
whole = np.linalg.matrix_power(step, 36)  # noqa: F821
once = redraw(image, centre + (pixels - centre) @ whole.T)  # noqa: F821
print(f"36 times {turned.max():.2f}, once {once.max():.2f}, original {image.max():.2f}")  # noqa: F821
assert abs(turned.max() - 0.48) < 0.01, turned.max()
assert abs(once - image).max() < 1e-6  # noqa: F821

# %% 2
found = {}
for name, settings in (
    ("elastic", {"rotation": 0, "scaling": 0, "shear": 0}),
    ("affine", {"elastic": 0}),
):
    model, _ = learn(few, augment=partial(distort, **settings))  # noqa: F821
    found[name] = 100 * evaluate(model, x_val, y_val)[1]  # noqa: F821
print(found)
assert abs(found["elastic"] - 4.4) < 0.5, found
assert abs(found["affine"] - 7.6) < 0.6, found


# %% 3
def mirror(x, *, rng):
    flipped = x.reshape(-1, 28, 28)[:, :, ::-1].reshape(x.shape)
    return np.where(rng.random((len(x), 1)) < 0.5, flipped, x)  # noqa: F821


found = {}
for name, untrue in (("turn", partial(distort, rotation=180)), ("mirror", mirror)):  # noqa: F821
    model, _ = learn(few, augment=untrue)  # noqa: F821
    found[name] = 100 * evaluate(model, x_val, y_val)[1]  # noqa: F821
print(found)
assert abs(found["turn"] - 17) < 2.5, found
assert abs(found["mirror"] - 12) < 1.5, found

# %% 4
d = np.sqrt(((pixels - centre) ** 2).sum(axis=-1))  # noqa: F821
t = math.radians(60) * np.exp(-d / 8)  # noqa: F821
v = pixels - centre  # noqa: F821
rows = np.cos(t) * v[..., 0] - np.sin(t) * v[..., 1]  # noqa: F821
columns = np.sin(t) * v[..., 0] + np.cos(t) * v[..., 1]  # noqa: F821
whirl = redraw(image, centre + np.stack([rows, columns], axis=-1))  # noqa: F821
print(f"ink {image.sum():.0f} before, {whirl.sum():.0f} after")  # noqa: F821
assert abs(whirl.sum() / image.sum() - 1) < 0.1  # noqa: F821
