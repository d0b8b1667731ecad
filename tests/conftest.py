"""What several test files share: MNIST, loaded once, and two ways to differentiate by number."""

import numpy as np
import pytest

import nnfromscratch as nn


@pytest.fixture(scope="session")
def mnist():
    """x_train, y_train, x_test, y_test, read-only because all tests share them."""
    arrays = nn.load_mnist()
    for array in arrays:
        array.flags.writeable = False
    return arrays


@pytest.fixture(scope="module")
def browser():
    """Chromium, driven by playwright; what needs it is skipped where one of them is missing."""
    from tools.browser import chromium, find_browser

    if find_browser() is None:
        pytest.skip("no Chromium is installed")
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with chromium() as started:
        yield started


@pytest.fixture
def rng():
    return np.random.default_rng(20)


@pytest.fixture(scope="session")
def central_difference():
    """gradient(f, array): derivative of the number f() by each entry, which f must look at."""

    def gradient(f, array, step=1e-5):
        result = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            kept = array[index]
            array[index] = kept + step
            above = f()
            array[index] = kept - step
            result[index] = (above - f()) / (2 * step)
            array[index] = kept
        return result

    return gradient


@pytest.fixture(scope="session")
def complex_step():
    """gradient(f, arrays, i): derivative of the number f(*arrays) by each entry of arrays[i]."""

    def gradient(f, arrays, i, step=1e-30):
        arrays = [np.asarray(a) for a in arrays]
        result = np.zeros(arrays[i].shape)
        for index in np.ndindex(arrays[i].shape):
            moved = [a.astype(complex) if a.dtype.kind == "f" else a for a in arrays]
            moved[i][index] += 1j * step
            result[index] = f(*moved).imag / step
        return result

    return gradient


@pytest.fixture(scope="session")
def assert_close():
    """assert_close(a, b, relative): the largest difference, measured by the largest entry."""

    def check(a, b, relative):
        a, b = np.asarray(a), np.asarray(b)
        assert a.shape == b.shape
        scale = max(np.abs(a).max(), np.abs(b).max())
        assert scale > 0, "zeros would agree with anything that vanishes"
        assert np.abs(a - b).max() <= relative * scale

    return check
