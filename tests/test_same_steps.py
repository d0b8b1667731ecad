"""The course's network in scikit-learn, the stored comparison, and PyTorch's names for weights."""

import io
import re

import numpy as np
import pytest

import nnfromscratch as nn
from nnfromscratch import frameworks
from nnfromscratch.autodiff import Tensor, cross_entropy


@pytest.fixture(scope="module")
def start():
    return frameworks.same_start()


@pytest.fixture(scope="module")
def ours(start):
    return frameworks.numpy_steps(*start, frameworks.LEARNING_RATE)


def test_the_steps_learn_and_leave_the_start_alone(start, ours):
    params, batches = start
    again, _ = frameworks.same_start()
    assert all((params[name] == again[name]).all() for name in params)
    assert len(batches) == frameworks.STEPS
    assert min(np.abs(ours[name] - params[name]).max() for name in ours) > 0.01
    x, y = batches[0]

    def loss(w1, b1, w2, b2):
        return nn.softmax_cross_entropy(nn.linear(nn.relu(nn.linear(x, w1, b1)), w2, b2), y)[0]

    assert loss(**ours) < 0.6 < 2 < loss(**params)


def test_scikit_learn_arrives_at_the_same_parameters(start):
    found = frameworks.compare("scikit-learn", *start)
    assert found.ran_here
    assert 0 < found.largest_difference < frameworks.BOUND


def test_tensors_arrive_at_the_same_parameters(start, ours):
    params, batches = start
    tensors = [Tensor(array) for array in params.values()]
    for x, y in batches:
        w1, b1, w2, b2 = tensors
        cross_entropy((x @ w1 + b1).relu() @ w2 + b2, y).backward()
        tensors = [Tensor(t.data - frameworks.LEARNING_RATE * t.grad) for t in tensors]
    found = dict(zip(params, (t.data for t in tensors), strict=True))
    assert frameworks.largest_difference(ours, found) < 1e-12


@pytest.mark.parametrize("name", frameworks.FRAMEWORKS)
def test_where_one_is_missing_the_stored_result_gives_the_same_line(name, start, monkeypatch):
    def missing(module):
        raise ModuleNotFoundError(module)

    monkeypatch.setattr(frameworks.importlib, "import_module", missing)
    found = frameworks.compare(name, *start)
    assert not found.ran_here
    assert str(found) == str(found._replace(ran_here=True, version="1"))
    assert re.search(
        r"\(pip install [a-z-]+\): after 100 steps, largest difference below 1e-10$", str(found)
    )
    assert str(found._replace(largest_difference=1e-9)).endswith("difference 1.0e-09")


def test_an_unknown_framework_is_named(start):
    with pytest.raises(ValueError, match="compare: framework must be one of scikit-learn"):
        frameworks.compare("Theano", *start)


# Weights both ways


def normalized(seed):
    rng = np.random.default_rng(seed)
    layers = [nn.Linear(5, 4, rng=rng), nn.BatchNorm(4), nn.ReLU(), nn.Linear(4, 3, rng=rng)]
    model = nn.Sequential(layers)
    for array in (model.params | model.buffers).values():
        array += rng.uniform(0.1, 1, array.shape).astype(np.float32)
    return model


def test_the_layout_is_that_of_pytorch():
    model = normalized(0)
    state = frameworks.to_state_dict(model)
    # As printed by torch.nn.Sequential(Linear(5, 4), BatchNorm1d(4), ReLU(), Linear(4, 3)).
    assert {name: array.shape for name, array in state.items()} == {
        "0.weight": (4, 5),
        "0.bias": (4,),
        "1.weight": (4,),
        "1.bias": (4,),
        "1.running_mean": (4,),
        "1.running_var": (4,),
        "1.num_batches_tracked": (),
        "3.weight": (3, 4),
        "3.bias": (3,),
    }
    np.testing.assert_array_equal(state["3.weight"], model.params["w2"].T)
    np.testing.assert_array_equal(state["1.weight"], model.params["gamma1"])
    np.testing.assert_array_equal(state["1.running_var"], model.buffers["variance1"])
    state["0.weight"][...] = 0
    assert model.params["w1"].all(), "the state holds copies"


def test_weights_come_back_through_a_file_without_pickle():
    model, other, file = normalized(0), normalized(1), io.BytesIO()
    np.savez(file, **frameworks.to_state_dict(model))
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        assert frameworks.load_state_dict(other, arrays) is other
    x = np.random.default_rng(2).standard_normal((7, 5)).astype(np.float32)
    np.testing.assert_array_equal(other.forward(x), model.forward(x))


def test_a_state_that_holds_text_changes_nothing():
    model = normalized(0)
    before, state = frameworks.to_state_dict(model), frameworks.to_state_dict(normalized(1))
    name = list(state)[-2]
    with pytest.raises(TypeError, match=f"load_state_dict: {name} must hold numbers"):
        frameworks.load_state_dict(model, state | {name: np.full(state[name].shape, "a")})
    for key, array in frameworks.to_state_dict(model).items():
        np.testing.assert_array_equal(array, before[key])


def test_a_state_of_another_model_changes_nothing():
    model, other = normalized(0), nn.mlp([5, 4, 3], rng=np.random.default_rng(0))
    before = frameworks.to_state_dict(other)
    with pytest.raises(ValueError, match="load_state_dict: state holds"):
        frameworks.load_state_dict(other, frameworks.to_state_dict(model))
    after = frameworks.to_state_dict(other)
    assert all((after[name] == before[name]).all() for name in before)
