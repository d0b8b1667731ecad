"""Networks: names, gradients, prediction, files, the table of shapes."""

import os
import stat
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import nnfromscratch as nn
from nnfromscratch._files import replacing

D, H, C = 6, 5, 4


def network(activation=nn.Tanh, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    layers = [
        nn.Linear(D, H, rng=rng, dtype=dtype),
        activation(),
        nn.Linear(H, H + 2, rng=rng, dtype=dtype),
        activation(),
        nn.Linear(H + 2, C, rng=rng, dtype=dtype),
    ]
    return nn.Sequential(layers)


def normalized(dtype=np.float64, seed=0):
    """A network with a layer of every kind that is not in `network`."""
    rng = np.random.default_rng(seed)
    layers = [
        nn.Linear(D, H, rng=rng, dtype=dtype),
        nn.BatchNorm(H, dtype=dtype),
        nn.LeakyReLU(0.3),
        nn.Dropout(0.25, rng=rng),
        nn.Linear(H, H + 2, rng=rng, dtype=dtype),
        nn.BatchNorm(H + 2, dtype=dtype),
        nn.Sigmoid(),
        nn.Linear(H + 2, C, rng=rng, dtype=dtype),
    ]
    model = nn.Sequential(layers)
    for array in [*model.params.values(), *model.buffers.values()]:
        array += rng.uniform(0.2, 0.4, array.shape)
    return model


def test_parameters_have_the_names_of_the_course():
    model = network()
    shapes = {"w1": (D, H), "b1": (H,), "w2": (H, H + 2), "b2": (H + 2,), "w3": (H + 2, C)}
    shapes["b3"] = (C,)
    for arrays in (model.params, model.grads):
        assert {name: array.shape for name, array in arrays.items()} == shapes
    assert model.params["w2"] is model.layers[2].params["w"]  # live, not a copy


def test_parameters_and_buffers_of_batch_norm_are_numbered_too():
    model = normalized()
    shapes = {"mean1": (H,), "variance1": (H,), "mean2": (H + 2,), "variance2": (H + 2,)}
    assert {name: array.shape for name, array in model.buffers.items()} == shapes
    assert model.buffers["mean2"] is model.layers[5].buffers["mean"]
    assert model.params["gamma2"] is model.layers[5].params["gamma"]
    assert {"gamma1", "beta1", "gamma2", "beta2"} < set(model.params) == set(model.grads)
    assert network().buffers == {}


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Sigmoid, nn.Tanh])
@pytest.mark.parametrize("n", [1, 3])
def test_gradients_of_a_whole_network(activation, n, rng, central_difference, assert_close):
    model = network(activation)
    for name, array in model.params.items():
        if name.startswith("b"):
            array += rng.uniform(0.2, 0.4, array.shape)
    x, y = rng.standard_normal((n, D)), rng.integers(0, C, n)

    def loss():
        return nn.softmax_cross_entropy(model.forward(x, training=True), y)[0]

    z = x
    for layer in model.layers:
        if activation is nn.ReLU and isinstance(layer, nn.ReLU):
            assert np.abs(z).min() > 1e-3, "too near to the kink for a central difference"
        z = layer.forward(z)
    _, dz = nn.softmax_cross_entropy(z, y)
    dx = model.backward(dz)
    gradients = {"x": dx} | model.grads
    for name, array in ({"x": x} | model.params).items():
        assert_close(gradients[name], central_difference(loss, array), 1e-7)


@pytest.mark.parametrize("training", [True, False])
def test_gradients_through_batch_norm_and_dropout(training, rng, central_difference, assert_close):
    model, x, y = normalized(), rng.standard_normal((9, D)), rng.integers(0, C, 9)
    state = model.layers[3].rng.bit_generator.state
    kept = {name: array.copy() for name, array in model.buffers.items()}

    def forward():
        model.layers[3].rng.bit_generator.state = state  # the same mask again
        for name, array in model.buffers.items():
            array[:] = kept[name]
        return nn.softmax_cross_entropy(model.forward(x, training), y)

    _, dz = forward()
    gradients = {"x": model.backward(dz)} | model.grads
    for name, array in ({"x": x} | model.params).items():
        measured = central_difference(lambda: forward()[0], array)
        if training and name in ("b1", "b2"):  # batch normalization takes the mean off again
            assert abs(gradients[name]).max() < 1e-15 < 1e-9 > abs(measured).max()
        else:
            assert_close(gradients[name], measured, 1e-7)


def test_check_gradients_passes_what_rounding_hides_and_no_more(rng):
    x, y = rng.standard_normal((9, D)), rng.integers(0, C, 9)
    report = nn.check_gradients(normalized(), x, y)
    assert report.passed, str(report)

    class Wrong(nn.BatchNorm):
        def backward(self, d_out):
            return super().backward(d_out) + 1e-5

    model = normalized()
    model.layers[1] = Wrong(H, dtype=np.float64)
    wrong = nn.check_gradients(model, x, y)
    assert {row.argument for row in wrong if row.error > wrong.tolerance} == {"x", "w1", "b1"}


def test_backward_leaves_out_dx_on_demand(rng):
    model, x = network(), rng.standard_normal((3, D))
    dz = np.ones_like(model.forward(x))
    assert model.backward(dz).shape == x.shape
    kept = {name: array.copy() for name, array in model.grads.items()}
    assert model.backward(dz, need_dx=False) is None
    for name, array in model.grads.items():
        np.testing.assert_array_equal(array, kept[name])
    beginning = nn.Sequential([nn.Tanh(), *model.layers])  # nothing to leave out
    beginning.forward(x)
    assert beginning.backward(dz, need_dx=False).shape == x.shape


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        ([], ValueError, "Sequential: layers is empty; at least one layer is needed"),
        (
            [nn.ReLU],
            TypeError,
            "Sequential: layers must hold layers such as ReLU(), got <class "
            "'nnfromscratch.layers.ReLU'>; a class needs its brackets",
        ),
        (
            [nn.ReLU()] * 2,
            ValueError,
            "Sequential: a layer stands in layers twice, but it keeps only one cache; "
            "make a second one",
        ),
    ],
)
def test_lists_that_are_no_network(layers, error, message):
    with pytest.raises(error) as caught:
        nn.Sequential(layers)
    assert str(caught.value) == message


@pytest.mark.parametrize("batch_size", [1, 3, 7, 1000])
def test_predict_is_the_largest_logit_whatever_the_batch(batch_size, rng):
    model, x = network(), rng.standard_normal((7, D))
    predicted = model.predict(x, batch_size=batch_size)
    assert predicted.dtype.kind == "i"
    assert predicted.tolist() == [int(np.argmax(row)) for row in model.forward(x)]
    assert model.predict(x[:0]).shape == (0,)


# --- mlp


@pytest.mark.parametrize(
    ("activation", "kind"),
    [
        ("relu", nn.ReLU),
        ("leaky_relu", nn.LeakyReLU),
        ("sigmoid", nn.Sigmoid),
        ("tanh", nn.Tanh),
    ],
)
def test_mlp(activation, kind):
    model = nn.mlp([D, H, C], activation=activation, rng=np.random.default_rng(0))
    assert [type(layer) for layer in model.layers] == [nn.Linear, kind, nn.Linear]
    again = nn.mlp([D, H, C], rng=np.random.default_rng(0))
    for name, array in model.params.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, again.params[name])
    assert len(nn.mlp((D, C), rng=np.random.default_rng(0)).layers) == 1


@pytest.mark.parametrize(
    ("sizes", "settings", "error", "message"),
    [
        ([784], {}, ValueError, "sizes needs at least inputs and outputs, got [784]"),
        ([784, 0, 10], {}, ValueError, "sizes[1] must be at least 1, got 0"),
        ([784, 1.5, 10], {}, TypeError, "sizes[1] must be an integer, got float"),
        (
            [784, 10],
            {"activation": "ReLU"},
            ValueError,
            "activation must be one of relu, leaky_relu, sigmoid, tanh, got 'ReLU'",
        ),
    ],
)
def test_mlp_of_wrong_settings(sizes, settings, error, message, rng):
    with pytest.raises(error) as caught:
        nn.mlp(sizes, rng=rng, **settings)
    assert str(caught.value) == f"mlp: {message}"


def test_a_network_prints_as_a_table(rng):
    assert repr(nn.mlp([784, 128, 10], rng=rng)).splitlines() == [
        "Sequential",
        "  Linear(784, 128)     w (784, 128), b (128,)       100,480",
        "  ReLU()                                                  0",
        "  Linear(128, 10)      w (128, 10), b (10,)           1,290",
        "  101,770 parameters",
    ]


# --- trace_shapes


def test_trace_shapes_prints_as_a_table(rng):
    model = nn.mlp([784, 128, 10], rng=rng)
    trace = nn.trace_shapes(model, np.zeros((32, 784), np.float32), np.zeros(32, int))
    assert str(trace) == repr(trace)
    assert str(trace).splitlines() == [
        "forward, down               backward, up",
        "x             (32, 784)     dx            (32, 784)",
        "w1            (784, 128)    dw1           (784, 128)",
        "b1            (128,)        db1           (128,)",
        "z1            (32, 128)     dz1           (32, 128)",
        "a1            (32, 128)     da1           (32, 128)",
        "w2            (128, 10)     dw2           (128, 10)",
        "b2            (10,)         db2           (10,)",
        "z2            (32, 10)      dz2           (32, 10)",
        "loss          ()            1             ()",
    ]


def test_trace_shapes_measures_the_gradients(rng):
    trace = nn.trace_shapes(network(), rng.standard_normal((3, D)).tolist(), [0, 1, 2])
    assert [entry.name for entry in trace] == [
        *("x", "w1", "b1", "z1", "a1", "w2", "b2", "z2", "a2", "w3", "b3", "z3", "loss")
    ]
    assert all(entry.shape == entry.gradient_shape for entry in trace)
    with pytest.raises(nn.ShapeError, match="w has shape"):
        nn.trace_shapes(network(), np.zeros((3, D + 1)), [0, 1, 2])

    class Slip(nn.Tanh):
        def backward(self, d_out):
            return super().backward(d_out)[:, :1]

    slipped = nn.Sequential([Slip(), nn.Linear(D, C, rng=rng)])
    assert nn.trace_shapes(slipped, np.zeros((3, D)), [0, 1, 2])[0].gradient_shape == (3, 1)


def test_trace_shapes_names_every_layer_and_leaves_the_model_alone(rng):
    model, x, y = normalized(), rng.standard_normal((3, D)), [0, 1, 2]
    arrays = model.params | model.grads | model.buffers
    before = {name: array.copy() for name, array in arrays.items()}
    state = model.layers[3].rng.bit_generator.state
    assert [entry.name for entry in nn.trace_shapes(model, x, y)] == [
        *("x", "w1", "b1", "z1", "gamma1", "beta1", "n1", "a1", "m1"),
        *("w2", "b2", "z2", "gamma2", "beta2", "n2", "a2", "w3", "b3", "z3", "loss"),
    ]
    for name, array in (model.params | model.grads | model.buffers).items():
        np.testing.assert_array_equal(array, before[name])
    assert model.layers[3].rng.bit_generator.state == state


def test_trace_shapes_uses_the_names_of_the_parameters(rng):
    # A BatchNorm on the inputs: gamma is counted by itself, not by the affine layers.
    layers = [nn.BatchNorm(D), nn.Linear(D, 5, rng=rng), nn.ReLU(), nn.Linear(5, 6, rng=rng)]
    layers += [nn.BatchNorm(6), nn.ReLU(), nn.Linear(6, C, rng=rng)]
    model = nn.Sequential(layers)
    for k, array in enumerate(model.params.values()):
        array += k
    trace = nn.trace_shapes(model, rng.standard_normal((3, D)), [0, 1, 2])
    assert [entry.name for entry in trace] == [
        *("x", "gamma1", "beta1", "n0", "w1", "b1", "z1", "a1", "w2", "b2", "z2"),
        *("gamma2", "beta2", "n2", "a2", "w3", "b3", "z3", "loss"),
    ]
    shapes = {entry.name: (entry.shape, entry.gradient_shape) for entry in trace}
    for name, array in model.params.items():
        assert shapes[name] == (array.shape, model.grads[name].shape)


# --- save and load


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_round_trip_is_exact(dtype, tmp_path, rng):
    saved, other = network(dtype=dtype), network(dtype=dtype, seed=1)
    path = tmp_path / "new folder" / "model.npz"
    saved.save(str(path))
    live = other.params
    assert other.load(str(path)) is other
    for name, array in saved.params.items():
        assert other.params[name] is live[name]  # in place, so layers and optimizers keep up
        assert live[name].dtype == dtype
        np.testing.assert_array_equal(live[name], array)
    x = rng.standard_normal((3, D))
    np.testing.assert_array_equal(saved.forward(x), other.forward(x))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_running_averages_are_saved_and_loaded(dtype, tmp_path, rng):
    saved, other = normalized(dtype), normalized(dtype, seed=1)
    saved.forward(rng.standard_normal((9, D)).astype(dtype), training=True)
    saved.save(tmp_path / "model.npz")
    live = other.buffers
    other.load(tmp_path / "model.npz")
    for name, array in saved.buffers.items():
        assert other.buffers[name] is live[name]
        np.testing.assert_array_equal(live[name], array)
    x = rng.standard_normal((3, D)).astype(dtype)
    np.testing.assert_array_equal(saved.forward(x), other.forward(x))


def test_the_file_holds_plain_arrays_under_their_names(tmp_path):
    for model in (network(), normalized()):
        model.save(tmp_path / "model.npz")
        with np.load(tmp_path / "model.npz", allow_pickle=False) as file:
            assert set(file) == set(model.params) | set(model.buffers)


def test_float64_weights_do_not_fit_a_float32_model(tmp_path):
    path = tmp_path / "model.npz"
    network().save(path)
    with pytest.raises(ValueError) as caught:
        network(dtype=np.float32).load(path)
    assert str(caught.value) == (
        f"load: {path} holds w1 as float64, which float32 cannot hold without loss"
    )
    network(dtype=np.float32).save(path)
    assert network().load(path).params["w1"].dtype == np.float64


def test_file_of_another_model(tmp_path, rng):
    path = tmp_path / "model.npz"
    nn.mlp([3, 2], rng=rng).save(path)
    model = nn.mlp([4, 2], rng=rng)
    before = model.params["w1"].copy()
    with pytest.raises(ValueError) as caught:
        model.load(path)
    assert str(caught.value) == (
        f"load: {path} holds another model: {{'w1': (3, 2), 'b1': (2,)}}, "
        "where this has {'w1': (4, 2), 'b1': (2,)}"
    )
    np.testing.assert_array_equal(model.params["w1"], before)


def test_nothing_is_loaded_if_one_array_cannot_be(tmp_path):
    def last(array):
        return {**nn.mlp([3, 2], rng=np.random.default_rng(1)).params, "b1": array}

    fitting = np.ones(2, np.float32)
    for stored, frozen, message in (
        (last(np.ones(3, np.float32)), False, "holds another model"),
        (last(np.ones(2)), False, "holds b1 as float64"),
        (last("text"), False, "holds no arrays by name"),
        (last(fitting), True, "cannot be copied to b1, which is read-only"),
    ):
        model = nn.mlp([3, 2], rng=np.random.default_rng(0))
        model.params["b1"].flags.writeable = not frozen
        before = {name: array.copy() for name, array in model.params.items()}
        with pytest.raises((TypeError, ValueError), match=f"^load: the file {message}"):
            model.set_arrays(stored, "load: the file")
        np.testing.assert_equal(model.params, before)


def test_a_switch_of_python_changes_no_error(tmp_path):
    write_damaged("another zip", tmp_path / "model.npz")
    code = (
        "import nnfromscratch as nn, numpy as np\n"
        "model = nn.mlp([2, 3], rng=np.random.default_rng(0))\n"
        "try:\n    model.load('model.npz')\n"
        "except ValueError as error:\n    print(error)\n"
    )
    for switch in ([], ["-O"]):  # under which Python passes over every assert
        command = [sys.executable, *switch, "-c", code]
        settings = {"capture_output": True, "text": True, "check": True, "cwd": tmp_path}
        printed = subprocess.run(command, **settings).stdout
        assert printed.startswith("load: model.npz is not a saved model (")


def write_damaged(kind, path):
    network().save(path)
    content = bytearray(path.read_bytes())
    if kind == "empty":
        content = b""
    elif kind == "text":
        content = b"not a model"
    elif kind == "cut short":
        content = content[:-100]
    elif kind == "one bit":
        content[content.index(b"w2.npy") + 200] ^= 1
    path.write_bytes(content)
    if kind == "one array":
        with open(path, "wb") as file:
            np.save(file, np.ones(3))
    elif kind == "pickle":
        np.savez(path, w1=np.array([{}], object))
    elif kind == "another zip":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("letter.txt", "Dear all")
    elif kind == "damaged zlib":
        np.savez_compressed(path, **network().params)
        content = bytearray(path.read_bytes())
        start = content.index(b"w1.npy")
        content[start + 40 : start + 140] = b"\xff" * 100
        path.write_bytes(content)


@pytest.mark.parametrize(
    "kind",
    [
        "empty",
        "text",
        "cut short",
        "one bit",
        "one array",
        "pickle",
        "another zip",
        "damaged zlib",
    ],
)
def test_file_that_is_no_model(kind, tmp_path):
    path = tmp_path / "model.npz"
    write_damaged(kind, path)
    model = network(seed=1)
    before = {name: array.copy() for name, array in model.params.items()}
    with pytest.raises(ValueError) as caught:
        model.load(path)
    assert str(caught.value).startswith(f"load: {path} is not a saved model (")
    for name, array in model.params.items():
        np.testing.assert_array_equal(array, before[name])


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        network().load(tmp_path / "nowhere")


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError])
def test_an_interrupted_write_leaves_the_old_file(stop, tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    network().save(path)
    old = path.read_bytes()

    def interrupted(file, **arrays):
        file.write(b"half a file")
        raise stop

    monkeypatch.setattr(np, "savez", interrupted)
    with pytest.raises(stop):
        network(seed=1).save(path)
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["model.npz"]


def test_files_appear_whole_and_readable(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    with replacing(path) as file:
        file.write(b"text")
        assert not path.exists()
    assert path.read_bytes() == b"text"
    assert os.listdir(path.parent) == ["file"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_files_get_the_usual_permissions(tmp_path):
    with replacing(tmp_path / "ours"):
        pass
    (tmp_path / "usual").touch()
    ours, usual = (stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ours", "usual"))
    assert ours == usual


class Shift(nn.Layer):
    """A layer whose parameter is called as a buffer of BatchNorm is."""

    def __init__(self):
        self.params = {"mean": np.full(3, 7.0)}
        self.grads = {"mean": np.zeros(3)}


def test_a_parameter_and_a_buffer_of_one_name_are_both_saved(tmp_path):
    model = nn.Sequential([Shift(), nn.BatchNorm(3)])
    model.buffers["mean1"][...] = 2
    model.save(tmp_path / "model.npz")
    again = nn.Sequential([Shift(), nn.BatchNorm(3)])
    again.params["mean1"][...] = 0
    again.load(tmp_path / "model.npz")
    assert (again.params["mean1"] == 7).all()
    assert (again.buffers["mean1"] == 2).all()


def test_an_opened_file_is_arrays_by_name(tmp_path, rng):
    model = nn.mlp([3, 2], rng=rng)
    model.save(tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as stored:
        nn.mlp([3, 2], rng=rng).set_arrays(stored, "stored")


def test_what_names_no_file():
    with pytest.raises(ValueError, match="save: path must name a file"):
        nn.mlp([3, 2], rng=np.random.default_rng(0)).save("")


def test_one_image_is_no_batch():
    with pytest.raises(nn.ShapeError, match=r"predict: x has shape \(3,\) but \(N, D\)"):
        nn.mlp([3, 2], rng=np.random.default_rng(0)).predict(np.zeros(3))
