"""Looking into networks: beside scikit-learn and SciPy, and what must hold whatever the numbers."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.calibration import calibration_curve
from sklearn.decomposition import PCA
from sklearn.metrics import confusion_matrix as confusion_of_sklearn

import nnfromscratch as nn
from nnfromscratch.drawing import draw_strokes, prepare_digit, stored_strokes
from nnfromscratch.inspection import (
    confusion_matrix,
    expected_calibration_error,
    fast_gradient_sign,
    fit_temperature,
    principal_components,
)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_confusion_matrix_is_that_of_scikit_learn(rng):
    z, y = rng.normal(size=(300, 7)), rng.integers(0, 5, 300).astype(np.uint8)
    expected = confusion_of_sklearn(y, z.argmax(axis=1), labels=range(7))
    np.testing.assert_array_equal(confusion_matrix(z, y), expected)


def test_calibration_error_agrees_with_the_curve_of_scikit_learn(rng):
    confidence = rng.uniform(0.5, 1, 4000)
    y = (rng.random(4000) > confidence**2).astype(int)
    p = np.stack([confidence, 1 - confidence], axis=1)
    accuracy, mean = calibration_curve(y == 0, confidence, n_bins=15)
    sizes = np.histogram(confidence, np.linspace(0, 1, 16))[0]
    expected = (sizes[sizes > 0] * abs(accuracy - mean)).sum() / 4000
    assert expected_calibration_error(p, y) == pytest.approx(expected, rel=1e-12)
    assert expected_calibration_error(p.astype("g"), y) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("factor", [0.2, 1.0, 8.0])
def test_temperature_is_where_scipy_finds_the_smallest_loss(factor, rng):
    z = rng.normal(size=(500, 6))
    y = np.array([rng.choice(6, p=p) for p in nn.softmax(z)])
    scaled = factor * z

    def loss(log_t):
        return nn.softmax_cross_entropy(scaled / np.exp(log_t), y)[0]

    found = minimize_scalar(loss, bounds=(-4, 4), method="bounded", options={"xatol": 1e-9})
    assert fit_temperature(scaled, y) == pytest.approx(np.exp(found.x), rel=1e-6)
    assert fit_temperature(scaled, y) == pytest.approx(factor * fit_temperature(z, y), rel=1e-9)


@pytest.mark.parametrize(
    ("z", "y"),
    [([[3.0, 0.0], [0.0, 2.0]], [0, 1]), ([[3.0, 0.0], [0.0, 2.0]], [1, 0]), ([[1.0, 1.0]], [0])],
    ids=["all right", "all wrong", "no preference"],
)
def test_there_may_be_no_best_temperature(z, y):
    with pytest.raises(ValueError, match="fit_temperature: z has no best temperature"):
        fit_temperature(z, y)


def test_principal_components_are_those_of_scikit_learn(rng):
    x = rng.normal(size=(200, 9)) @ rng.normal(size=(9, 9)) + 5
    scores, directions, variances = principal_components(x, 4)
    oracle = PCA(9).fit(x)
    signs = np.sign((directions * oracle.components_[:4].T).sum(axis=0))
    np.testing.assert_allclose(directions * signs, oracle.components_[:4].T, atol=1e-9)
    np.testing.assert_allclose(scores * signs, oracle.transform(x)[:, :4], atol=1e-8)
    np.testing.assert_allclose(variances, oracle.explained_variance_ * 199 / 200, rtol=1e-9)


def test_the_step_is_the_worst_of_all_corners_for_a_linear_network(rng):
    layer = nn.Linear(5, 3, rng=rng, dtype=np.float64)
    model = nn.Sequential([layer])
    layer.params["w"][:, 2] = layer.params["w"][:, 1]  # so that only one difference counts
    x, y = rng.uniform(0.3, 0.7, (1, 5)), np.array([0])
    worst = nn.evaluate(model, fast_gradient_sign(model, x, y, 0.2), y)[0]
    corners = x + 0.2 * (2 * np.array(list(np.ndindex(*[2] * 5))) - 1)
    losses = [nn.evaluate(model, corner[np.newaxis], y)[0] for corner in corners]
    assert worst == pytest.approx(max(losses), rel=1e-12)


# Drawing


def test_mnist_is_left_as_it_is():
    images = nn.load_mnist()[2][:500]
    prepared = [prepare_digit(image.reshape(28, 28)) for image in images]
    np.testing.assert_allclose(prepared, images, atol=1e-6)


# A busy machine draws slowly, which is no fault of what is tested.
EVERY_TIME = settings(
    derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
strokes = st.lists(
    st.lists(st.tuples(*[st.floats(0.1, 0.9)] * 2), min_size=1, max_size=5), min_size=1, max_size=3
)


@settings(EVERY_TIME, max_examples=60)
@given(strokes)
def test_what_is_prepared_fills_its_box_and_lies_in_the_middle(drawn):
    prepared = prepare_digit(draw_strokes(drawn, side=56)).reshape(28, 28)
    rows, columns = (np.flatnonzero(prepared.any(axis=axis)) for axis in (1, 0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    for axis, ink in ((rows, prepared.sum(axis=1)), (columns, prepared.sum(axis=0))):
        off = ink @ np.arange(28) / ink.sum() - 14
        at_an_edge = axis[0] == 0 or axis[-1] == 27
        assert abs(off) <= 0.5 + 1e-5 or at_an_edge
    assert prepared.min() >= 0
    assert prepared.max() <= 1 + 1e-12


def test_strokes_are_many():
    with pytest.raises(TypeError, match="draw_strokes: strokes must be a list, got ndarray"):
        draw_strokes(np.array(3))


@settings(EVERY_TIME, max_examples=40)
@given(strokes, st.integers(0, 20), st.integers(0, 20), st.integers(1, 3))
def test_place_and_size_do_not_matter(drawn, down, right, times):
    image = draw_strokes(drawn, side=40).astype(np.float64)
    moved = np.zeros((40 * times + 30, 40 * times + 30))
    moved[down : down + 40 * times, right : right + 40 * times] = np.kron(
        image, np.ones((times, times))
    )
    np.testing.assert_allclose(prepare_digit(moved), prepare_digit(image), atol=1e-12)


@pytest.mark.parametrize("image", [np.zeros((5, 5)), np.full((3, 3), 2.0), -np.ones((2, 2))])
def test_what_is_no_drawing_is_refused(image):
    with pytest.raises(ValueError, match="prepare_digit: image must hold ink"):
        prepare_digit(image)


def test_stored_strokes_are_on_the_pad_and_cannot_be_spoilt():
    for name in [*"0123456789", "A", "X"]:
        for stroke in stored_strokes(name):
            assert stroke.shape[1] == 2
            assert ((stroke >= 0) & (stroke <= 1)).all()
    stored_strokes("3")[0][...] = 0
    assert stored_strokes("3")[0].any()
    with pytest.raises(ValueError, match="one of 0, 1, 2"):
        stored_strokes("?")
