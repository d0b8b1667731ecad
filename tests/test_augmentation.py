"""Distorted images: against SciPy's interpolation, and what must stay as it was."""

import numpy as np
import pytest
import scipy.ndimage

import nnfromscratch as nn
from nnfromscratch.augmentation import sample_bilinear

STILL = {"rotation": 0, "scaling": 0, "shear": 0, "elastic": 0}
AFFINE = {"rotation": 25, "scaling": 0.2, "shear": 0.3, "elastic": 0}


def images(n, side, rng, dtype=np.float32):
    return rng.random((n, side * side)).astype(dtype)


def sampled_by_scipy(x, rows, columns):
    """Bilinear interpolation in float64, with zeros at the pixels around the image."""
    side = round(x.shape[1] ** 0.5)
    return [
        scipy.ndimage.map_coordinates(
            image.reshape(side, side).astype(float), places, order=1, mode="grid-constant", cval=0
        )
        for image, *places in zip(x, rows, columns, strict=True)
    ]


# --- sample_bilinear


@pytest.mark.parametrize("side", [2, 5, 28])
def test_sampling_agrees_with_scipy(side, rng):
    x = images(6, side, rng)
    rows, columns = rng.uniform(-3, side + 2, (2, 6, 500))
    out = sample_bilinear(x, rows, columns)
    np.testing.assert_allclose(out, sampled_by_scipy(x, rows, columns), rtol=0, atol=1e-5)


def test_sampling_inside_agrees_with_scipy_whatever_its_mode(rng):
    x, (rows, columns) = images(1, 28, rng), rng.uniform(0, 27, (2, 1, 500))
    places = rows[0], columns[0]
    expected = scipy.ndimage.map_coordinates(x.reshape(28, 28), places, order=1, mode="constant")
    np.testing.assert_allclose(sample_bilinear(x, rows, columns)[0], expected, rtol=0, atol=1e-5)


def test_sampling_by_hand():
    x = np.array([[1, 2, 3, 4]], np.float32)  # rows 1 2 and 3 4
    rows = np.array([[0, 0, 1, 0.5, 0.25, -0.5, 1.5, -1, 2, 0, 1e9, -1e9]])
    columns = np.array([[0, 1, 0, 0.5, 1, 0, 1, 0, 1, -0.25, 0, 0]])
    expected = [[1, 2, 3, 2.5, 2.5, 0.5, 2, 0, 0, 0.75, 0, 0]]
    np.testing.assert_array_equal(sample_bilinear(x, rows, columns), expected)


# --- distort


def by_scipy(x, seed, rotation, scaling, shear, elastic=0, sigma=4.0):
    """`distort` once more, one image after the other, with SciPy's filter and interpolation."""
    rng = np.random.default_rng(seed)
    n, side = len(x), round(x.shape[1] ** 0.5)
    angles = np.deg2rad(rng.uniform(-rotation, rotation, n))
    heights, widths = 1 + rng.uniform(-scaling, scaling, (2, n))
    slants = rng.uniform(-shear, shear, n)
    noise = np.zeros((2, n, side, side))
    if elastic:
        noise = elastic * (2 * rng.random((2, n, side, side), dtype=np.float32).astype(float) - 1)

    def smooth(field):
        return scipy.ndimage.gaussian_filter(field, sigma, mode="constant", truncate=12)

    inside = smooth(np.ones((side, side)))  # beyond the border there is nothing to average
    middle = (side - 1) / 2
    r, c = np.mgrid[:side, :side] - middle
    rows, columns = np.empty((2, n, side * side))
    for i in range(n):
        up, right = heights[i] * r, slants[i] * r + widths[i] * c
        cos, sin = np.cos(angles[i]), np.sin(angles[i])
        rows[i] = (cos * up - sin * right + middle + smooth(noise[0, i]) / inside).ravel()
        columns[i] = (sin * up + cos * right + middle + smooth(noise[1, i]) / inside).ravel()
    return sampled_by_scipy(x, rows, columns)


@pytest.mark.parametrize(
    "settings",
    [
        STILL | {"rotation": 45},
        STILL | {"scaling": 0.3},
        STILL | {"shear": 0.4},
        STILL | {"elastic": 30, "sigma": 3.0},
        AFFINE | {"elastic": 20, "sigma": 5},
    ],
)
@pytest.mark.parametrize("side", [9, 28])
def test_distort_agrees_with_scipy(settings, side, rng):
    x = images(5, side, rng)
    y = nn.distort(x, rng=np.random.default_rng(3), **settings)
    np.testing.assert_allclose(y, by_scipy(x, 3, **settings), rtol=0, atol=1e-4)


def test_a_quarter_turn_is_a_quarter_turn(monkeypatch):
    class Largest(np.random.Generator):
        """Draws the upper end every time."""

        def uniform(self, low, high, size):
            return np.full(size, high)

    x = np.arange(25, dtype=np.float32).reshape(1, 25)
    y = nn.distort(x, rng=Largest(np.random.PCG64()), **STILL | {"rotation": 90})
    # What stands at (r, c) afterwards stood at (-c, r), seen from the centre: turned clockwise.
    np.testing.assert_allclose(y.reshape(5, 5), np.rot90(x.reshape(5, 5), -1), atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("side", [2, 9, 28])
def test_without_strength_nothing_changes(side, dtype, rng):
    x = images(7, side, rng, dtype)
    np.testing.assert_array_equal(nn.distort(x, rng=rng, **STILL), x)
    negative = dict.fromkeys(["rotation", "scaling", "shear", "elastic"], -0.0)
    np.testing.assert_array_equal(nn.distort(x, rng=rng, **STILL | negative), x)


def test_defaults_move_by_about_a_pixel():
    # On a slope of one per pixel, the change of the value is the displacement.
    slope = np.tile(np.repeat(np.arange(28.0), 28), (500, 1))
    y = nn.distort(slope, rng=np.random.default_rng(0), **STILL | {"elastic": 24})
    moved = (y - slope).reshape(500, 28, 28)[:, 6:-6, 6:-6]
    assert 0.5 < moved.std() < 1.5
    assert abs(moved.mean()) < 0.1
    assert abs(moved).max() < 6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("settings", [{}, AFFINE, {"elastic": np.float64(24)}])
def test_dtype_and_range_are_kept(dtype, settings, rng):
    x = (images(200, 28, rng) > 0.5).astype(dtype)
    x.flags.writeable = False  # a change in place would raise
    y = nn.distort(x, rng=rng, **settings)
    assert y.dtype == dtype
    assert y.shape == x.shape
    assert y.min() == 0
    assert 0.9 < y.max() <= 1
    assert not np.shares_memory(x, y)


def test_ink_and_place_are_nearly_kept(mnist):
    x = mnist[0][:500]
    y = nn.distort(x, rng=np.random.default_rng(0))
    assert 0.9 < y.sum() / x.sum() < 1.1
    assert np.corrcoef(x.ravel(), y.ravel())[0, 1] > 0.6
    assert abs(y - x).mean() > 0.01


@pytest.mark.parametrize("settings", [{}, AFFINE, STILL | {"elastic": 24}])
def test_no_two_images_are_distorted_alike(settings, mnist, rng):
    x = np.tile(mnist[0][0], (50, 1))
    y = nn.distort(x, rng=rng, **settings)
    assert len(np.unique(y, axis=0)) == 50
    assert not np.array_equal(nn.distort(x, rng=rng, **settings), y)


def test_the_same_seed_gives_the_same_images(rng):
    x = images(5, 28, rng)
    first, again, other = (nn.distort(x, rng=np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_other_arrays_are_taken(rng):
    assert nn.distort(np.zeros((0, 784), np.float32), rng=rng).shape == (0, 784)
    assert nn.distort(np.ones((2, 9), np.uint8), rng=rng).dtype == np.float64
    assert nn.distort([[1, 2, 3, 4]], rng=rng).shape == (1, 4)


@pytest.mark.parametrize(
    ("x", "settings", "error", "message"),
    [
        (np.zeros(784), {}, nn.ShapeError, "x has shape (784,) but (N, D) is needed"),
        (np.zeros((2, 28, 28)), {}, nn.ShapeError, "x has shape (2, 28, 28) but (N, D) is"),
        (np.zeros((2, 783)), {}, ValueError, "x has shape (2, 783), but images must be square"),
        (np.zeros((2, 0)), {}, ValueError, "x has shape (2, 0); at least one entry is needed"),
        (np.array([["a"]]), {}, TypeError, "x must be an array of numbers, got dtype <U1"),
        (None, {"rng": 0}, TypeError, "rng must be a numpy.random.Generator"),
        (None, {"rotation": -1}, ValueError, "rotation must not be negative, got -1"),
        (None, {"scaling": -0.1}, ValueError, "scaling must not be negative, got -0.1"),
        (None, {"shear": np.nan}, ValueError, "shear must not be negative, got nan"),
        (None, {"elastic": np.inf}, ValueError, "elastic must not be negative, got inf"),
        (None, {"sigma": 0}, ValueError, "sigma must be positive, got 0"),
        (None, {"sigma": np.nan}, ValueError, "sigma must be positive, got nan"),
    ],
)
def test_bad_input(x, settings, error, message, rng):
    x = np.zeros((2, 784)) if x is None else x
    with pytest.raises(error) as caught:
        nn.distort(x, **{"rng": rng} | settings)
    assert str(caught.value).startswith(f"distort: {message}")


@pytest.mark.parametrize(("x", "place", "message"), [
    (np.zeros((2, 5)), 0.0, "images must be square"), (np.zeros((2, 9)), np.nan, "got nan"),
])  # fmt: skip
def test_what_cannot_be_sampled(x, place, message):
    places = np.full((2, 4), place)
    with pytest.raises(ValueError, match=f"sample_bilinear: .*{message}"):
        sample_bilinear(x, places, places)


def test_a_blur_wider_than_any_float():
    x = np.random.default_rng(0).random((2, 9))
    moved = nn.distort(
        x, rng=np.random.default_rng(0), rotation=0, scaling=0, shear=0, elastic=1.0, sigma=10**400
    )
    assert np.isfinite(moved).all()
