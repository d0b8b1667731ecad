"""The patients of exercise set 13: sick for sure, curable for sure, and told apart by `examine`."""

import copy
import re

import numpy as np
import pytest

from nnfromscratch import SGD, Linear
from nnfromscratch.diagnostics import examine
from nnfromscratch.exercises import ExerciseError, all_exercises, lesson_13
from nnfromscratch.exercises.clinic import ReadsCopies, admit, train

TREAT = {int(e.name[-1]): e for e in all_exercises() if e.lesson == 13}
every_kind = pytest.mark.parametrize("number", TREAT)


@every_kind
def test_margins_are_wide(number):
    for seed in [*range(1000, 1006), 1, 2]:  # all six distances of patient 5
        sick = train(admit(seed, number))
        assert not sick.loss < 1.5 * lesson_13.LOSS
        name, mended = TREAT[number].reference(admit(seed, number))
        well = train(mended)
        assert well.loss < 0.7 * lesson_13.LOSS
        assert well.error < 0.6 * lesson_13.ERROR
        assert name == lesson_13.FAULTS[number]


@every_kind
def test_examine_confirms_the_cause_and_nothing_beside_it(number):
    for seed in (1, 2):
        p = admit(seed, number)
        report = examine(p.model, p.x, p.y, loss=p.loss, optimizer=p.optimizer, batch_size=64)
        assert report.causes == [lesson_13.FAULTS[number]]


@every_kind
def test_a_seed_gives_the_same_patient_every_time_and_another_seed_another(number):
    one, again, other = admit(5, number), admit(5, number), admit(6, number)
    assert lesson_13.differences(one, again) == []
    assert "x" in lesson_13.differences(one, other)
    assert train(one).losses == pytest.approx(train(again).losses, nan_ok=True)
    assert lesson_13.differences(one, again) == []  # training leaves the patient as it was


@every_kind
def test_the_seal(number):
    patient = admit(1, number)
    assert not hasattr(patient, "cause")
    words = f"{patient!r} {patient.model.layers} {patient.optimizer} {patient.loss.__name__}"
    assert not re.search("copies|hole|alike|moved|shift|penalty", words.lower())
    assert "decay" not in repr(patient)


def message_of(number, answer):
    with pytest.raises(ExerciseError) as caught:
        TREAT[number].check(answer)
    return re.sub(r"\s+", " ", str(caught.value))


@every_kind
def test_a_wrong_answer_is_not_told_the_cause(number):
    assert lesson_13.FAULTS[number] not in message_of(number, lambda p: ("climbs", p))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda p: "softmax twice", "must return two things"),
        (lambda p: ("soft max twice", p), 'did you mean "softmax twice"?'),
        (lambda p: (3, p), "the cause must be a name from CAUSES, got int"),
        (lambda p: ("softmax twice", p.model), "mended patient must be one"),
        (lambda p: (examine(p.model, p.x, p.y).causes[0], p), "out of reach"),
    ],
)
def test_what_is_no_treatment(answer, words):
    assert words in message_of(1, answer)


def test_the_reference_of_another_kind_is_wrong():
    assert "is not right yet" in message_of(2, lambda p: ("nan in the data", p._replace(y=-p.y)))


def changed(patient, **parts):
    return lesson_13.differences(patient, patient._replace(**parts))


def test_every_difference_is_seen():
    p = admit(1, 6)
    model = copy.deepcopy(p.model)
    model.params["b1"][0] += 1
    assert changed(p, model=model) == ["weights"]
    model.layers[0].__class__ = Linear
    assert changed(p, model=model) == ["layers"]
    assert changed(p, optimizer=SGD(p.optimizer.learning_rate, weight_decay=1.0)) == [
        "weight_decay"
    ]
    assert changed(p, optimizer=SGD(9.0, momentum=0.5)) == ["learning_rate", "momentum"]
    assert changed(p, x=p.x[:5], y=p.y[:5], batch_size=2) == ["x", "y", "batch_size"]
    assert changed(p, loss=lambda z, y: p.loss(z, y)) == ["loss"]
    measured = copy.deepcopy(p)
    measured.model.backward(p.loss(measured.model.forward(p.x[:9], True), p.y[:9])[1])
    assert lesson_13.differences(p, measured) == []
    measured.optimizer.step(measured.model)
    assert lesson_13.differences(p, measured) == ["weights"]


def test_parameters_that_are_read_are_a_cure_in_whatever_way():
    p = admit(1, 6)
    tied = copy.deepcopy(p.model)
    for layer in tied.layers:
        if isinstance(layer, ReadsCopies):
            layer.params["w"], layer.params["b"] = layer.w, layer.b
    assert changed(p, model=tied) == ["layers"]
    assert train(p._replace(model=tied)).error < lesson_13.ERROR


@pytest.mark.parametrize(
    ("seed", "number", "words"),
    [
        (-1, 1, "seed must not be negative, got -1"),
        (1.5, 1, "seed must be an integer such as 1, got 1.5"),
        (True, 1, "seed must be an integer such as 1, got True"),
        (0, 0, "number must be"),
        (0, 7, "number must be from 1 to 6, got 7"),
    ],
)
def test_there_is_no_such_patient(seed, number, words):
    with pytest.raises((TypeError, ValueError), match=f"admit: {words}"):
        admit(seed, number)


def test_images_without_labels_cannot_be_trained():
    p = admit(1, 1)
    with pytest.raises(ValueError, match="x has 9 rows, but y has 3000"):
        train(p._replace(x=p.x[:9]))
    assert np.isfinite(train(p, 3).loss)
