"""One pass of the student: the matrix of `evaluate`, the calibration sweep and the cosines against naive loops."""

import math

import pytest
import torch
from tests.analysis.student.worlds import PIPELINES, SPLIT, Student, samples, segmenter, text_features
from torch.nn import functional as F

from clipteacher.analysis.student.calibration_sweep import calibration_sweep, check_calibrations
from clipteacher.analysis.student.cosines import CosineSums
from clipteacher.analysis.student.predict import student_predictions
from clipteacher.data.dataset import Sample
from clipteacher.evaluation.evaluate import pooled_confusion
from clipteacher.evaluation.metrics import compute_metrics, confusion_matrix
from clipteacher.inference import DensePrediction, TestSettings, TextClassifier
from clipteacher.protocols.splits import ClassSplit
from clipteacher.segmenter.segmenter import Segmenter


@pytest.mark.parametrize("name", PIPELINES)
def test_at_its_own_calibration_it_is_the_matrix_of_evaluate(name: str) -> None:
    model = segmenter(PIPELINES[name])
    confusions, _ = student_predictions(model, samples(), SPLIT, [0.1])
    assert torch.equal(confusions[0.0], pooled_confusion(model, samples()))
    assert list(confusions) == [0.0, 0.1]


@pytest.mark.parametrize("gamma", [-0.3, 0.05, 0.4])
def test_a_calibration_is_subtracted_from_the_seen_logits(gamma: float) -> None:
    """Against the argmax of all names' logits at full size."""
    model, sample = segmenter(), samples(1)[0]
    with torch.inference_mode():
        prediction = DensePrediction(model.student, sample.image[None], model.settings)
        logits = prediction.logits(TextClassifier(model.text_features))[0]
        logits[list(SPLIT.seen_ids)] -= gamma
    expected = confusion_matrix(sample.mask, logits.argmax(dim=0), len(SPLIT.names))
    confusions, _ = student_predictions(model, [sample], SPLIT, [gamma])
    matrix = confusions[gamma]
    assert not torch.equal(matrix, confusions[0.0]), "it does something"
    assert (matrix - expected).abs().sum() <= 2, "equal but for a tie that rounding breaks"


def test_extreme_calibrations_leave_one_kind_of_names_alone() -> None:
    confusions, _ = student_predictions(segmenter(), samples(), SPLIT, [-99, 99])
    assert confusions[99][:, list(SPLIT.seen_ids)].sum() == 0
    assert confusions[-99][:, list(SPLIT.unseen_ids)].sum() == 0


def test_a_calibrated_model_is_diagnosed_with_its_calibration() -> None:
    plain = segmenter()
    model = plain.with_settings(calibration=0.3)
    said, _ = student_predictions(model, samples(), SPLIT, [0.1])
    without, _ = student_predictions(plain, samples(), SPLIT, [0.1, 0.3])
    assert list(said) == [0.0, 0.1, 0.3]
    assert (said[0.3] - pooled_confusion(model, samples())).abs().sum() <= 2, "equal but for rounding"
    assert not torch.equal(said[0.3], without[0.0])
    for calibration, matrix in said.items():
        assert torch.equal(matrix, without[calibration])
    own, none = calibration_sweep(said, SPLIT, 0.3), calibration_sweep(without, SPLIT)
    assert own.unseen_as_seen <= none.unseen_as_seen
    assert own.curve == none.curve


def test_cosines_are_those_of_each_position() -> None:
    """Against a loop over the windows' positions."""
    for name in ("whole", "slide"):
        model = segmenter(PIPELINES[name])
        own: dict[int, list[float]] = {index: [] for index in range(5)}
        other: dict[int, list[float]] = {index: [] for index in range(5)}
        boxes = (
            [(0, 0, 22, 30)] if name == "whole" else [(t, le, t + 16, le + 16) for t in (0, 6) for le in (0, 12, 14)]
        )
        for sample in samples():
            for top, left, bottom, right in boxes:
                image, mask = sample.image[None, :, top:bottom, left:right], sample.mask[top:bottom, left:right]
                padding = (0, -image.shape[3] % 8, 0, -image.shape[2] % 8)
                with torch.inference_mode():
                    features = F.normalize(model.student(F.pad(image, padding)), dim=1)[0]
                mask = F.pad(mask, padding, value=255)
                for row in range(features.shape[1]):
                    for column in range(features.shape[2]):
                        truth = int(mask[4 * row + 2, 4 * column + 2])
                        if truth == 255:
                            continue
                        cosines = (model.text_features @ features[:, row, column]).tolist()
                        own[truth].append(cosines.pop(truth))
                        other[truth].append(max(cosines))
        found = {each.name: each for each in student_predictions(model, samples(), SPLIT)[1]}
        for index, label in enumerate(SPLIT.names):
            each = found[label]
            assert each.positions == len(own[index])
            assert each.own == pytest.approx(sum(own[index]) / len(own[index]), abs=1e-5)
            assert each.best_other == pytest.approx(sum(other[index]) / len(other[index]), abs=1e-5)
            assert each.margin == pytest.approx(each.own - each.best_other)
            wins = sum(mine > best for mine, best in zip(own[index], other[index], strict=True))
            assert each.wins == pytest.approx(wins / len(own[index]))
        assert [each.name for each in student_predictions(model, samples(1), SPLIT)[1]][:2] == ["cat", "car"]


def test_a_class_that_never_occurs_and_one_name_alone() -> None:
    sums = CosineSums(text_features())
    sums.add(torch.randn(6, 2, 2), torch.tensor([[0, 255], [0, 0]]))
    sums.add(torch.randn(6, 1, 1), torch.tensor([[255]]))
    cat, car, sky, *_ = sums.means(SPLIT)
    assert (cat.positions, cat.nearest_other, car.positions, sky.positions) == (0, None, 0, 3)
    assert math.isnan(cat.own)
    assert math.isnan(cat.wins)
    alone = CosineSums(text_features(count=1))
    alone.add(torch.ones(6, 1, 2), torch.zeros(1, 2, dtype=torch.int64))
    (only,) = alone.means(ClassSplit(("cat",), ("cat",)))
    assert (only.positions, only.wins, only.nearest_other) == (2, 1.0, None)
    assert math.isnan(only.margin)


def test_unseen_classes_alone() -> None:
    split = ClassSplit(SPLIT.names, SPLIT.names)
    confusions, _ = student_predictions(segmenter(), samples(), split, [-0.5, 0.5])
    assert all(torch.equal(matrix, confusions[0.0]) for matrix in confusions.values()), "no seen name to calibrate"
    sweep = calibration_sweep(confusions, split)
    assert sweep.unseen_as_seen == 0
    assert math.isnan(sweep.seen_as_unseen)


def test_the_sweep_is_scored_as_everything_else() -> None:
    confusions, _ = student_predictions(segmenter(), samples(), SPLIT, [-0.1, 0.2])
    sweep = calibration_sweep(confusions, SPLIT)
    assert [calibration for calibration, _ in sweep.curve] == [-0.1, 0.0, 0.2]
    assert all(found == compute_metrics(confusions[calibration], SPLIT) for calibration, found in sweep.curve)
    rows = [row for index, row in enumerate(confusions[0.0].tolist()) if index in SPLIT.unseen_ids]
    taken = sum(count for row in rows for index, count in enumerate(row) if index in SPLIT.seen_ids)
    assert sweep.unseen_as_seen == pytest.approx(taken / sum(map(sum, rows)))


def test_equal_logits_go_to_the_first_name() -> None:
    """Two names of one vector, one unseen and one seen, in both orders."""
    vector = F.normalize(torch.ones(1, 6), dim=1).expand(2, -1)
    for unseen in ("a", "b"):
        split = ClassSplit(("a", "b"), (unseen,))
        model = Segmenter(Student(), split.names, vector, settings=TestSettings(pad_multiple=8))
        sample = Sample(torch.rand(3, 8, 8), torch.zeros(8, 8, dtype=torch.int64), "one")
        assert student_predictions(model, [sample], split)[0][0.0].tolist() == [[64, 0], [0, 0]]


def test_wrong_input() -> None:
    with pytest.raises(ValueError, match="photos: got none"):
        student_predictions(segmenter(), [], SPLIT)
    for calibration in (math.nan, math.inf):
        with pytest.raises(ValueError, match="calibration: got"):
            check_calibrations([calibration])
