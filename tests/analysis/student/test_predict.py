"""One pass of the student: the matrix of `evaluate`, the sweep and the cosines against naive loops."""

import math

import pytest
import torch
from tests.analysis.student.worlds import PIPELINES, SPLIT, Student, samples, segmenter, vectors
from torch.nn import functional as F

from clipteacher.analysis.student.calibration_sweep import check_offsets, seen_bias
from clipteacher.analysis.student.cosines import CosineSums
from clipteacher.analysis.student.predict import ask_student
from clipteacher.data.dataset import Sample
from clipteacher.evaluation.evaluate import pooled_confusion
from clipteacher.evaluation.metrics import compute_metrics, confusion_matrix
from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.inference.settings import TestSettings
from clipteacher.protocols.splits import ClassSplit
from clipteacher.segmenter.segmenter import Segmenter


@pytest.mark.parametrize("name", PIPELINES)
def test_at_no_offset_it_is_the_matrix_of_evaluate(name: str) -> None:
    model = segmenter(PIPELINES[name])
    said = ask_student(model, samples(), SPLIT, [0.1])
    assert torch.equal(said.confusion, pooled_confusion(model, samples()))
    assert [offset for offset, _ in said.confusions] == [0.0, 0.1]
    assert said.photos == 2


@pytest.mark.parametrize("offset", [-0.3, 0.05, 0.4])
def test_an_offset_is_taken_off_the_seen_scores(offset: float) -> None:
    """Against the argmax of all names' scores at full size."""
    model, sample = segmenter(), samples(1)[0]
    with torch.inference_mode():
        scored = DensePrediction(model.student, sample.image[None], model.settings).logits(model.classifier)[0]
        scored[list(SPLIT.seen_ids)] -= offset
    expected = confusion_matrix(sample.mask, scored.argmax(dim=0), len(SPLIT.names))
    matrix = dict(ask_student(model, [sample], SPLIT, [offset]).confusions)[offset]
    assert not torch.equal(matrix, dict(ask_student(model, [sample], SPLIT).confusions)[0.0]), "it does something"
    assert (matrix - expected).abs().sum() <= 2, "equal but for a tie that rounding breaks"


def test_far_offsets_leave_one_kind_of_names_alone() -> None:
    confusions = dict(ask_student(segmenter(), samples(), SPLIT, [-99, 99]).confusions)
    assert confusions[99][:, list(SPLIT.seen_ids)].sum() == 0
    assert confusions[-99][:, list(SPLIT.unseen_ids)].sum() == 0


def test_a_model_with_a_seen_offset_is_diagnosed_with_it() -> None:
    plain = segmenter()
    model = plain.with_settings(calibration=0.3)
    said, without = ask_student(model, samples(), SPLIT, [0.1]), ask_student(plain, samples(), SPLIT, [0.1, 0.3])
    assert [offset for offset, _ in said.confusions] == [0.0, 0.1, 0.3]
    assert (said.own, without.own) == (0.3, 0.0)
    assert (said.confusion - pooled_confusion(model, samples())).abs().sum() <= 2, "equal but for rounding"
    assert not torch.equal(said.confusion, without.confusion)
    for (_, one), (_, other) in zip(said.confusions, without.confusions, strict=True):
        assert torch.equal(one, other)
    own, none = seen_bias(said.confusions, SPLIT, said.own), seen_bias(without.confusions, SPLIT)
    assert own.unseen_called_seen <= none.unseen_called_seen
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
        found = {each.name: each for each in ask_student(model, samples(), SPLIT).cosines}
        for index, label in enumerate(SPLIT.names):
            each = found[label]
            assert each.positions == len(own[index])
            assert each.own == pytest.approx(sum(own[index]) / len(own[index]), abs=1e-5)
            assert each.best_other == pytest.approx(sum(other[index]) / len(other[index]), abs=1e-5)
            assert each.margin == pytest.approx(each.own - each.best_other)
            wins = sum(mine > best for mine, best in zip(own[index], other[index], strict=True))
            assert each.wins == pytest.approx(wins / len(own[index]))
        assert [each.name for each in ask_student(model, samples(1), SPLIT).cosines][:2] == ["cat", "car"]


def test_a_class_that_never_occurs_and_one_name_alone() -> None:
    sums = CosineSums(vectors())
    sums.add(torch.randn(6, 2, 2), torch.tensor([[0, 255], [0, 0]]))
    sums.add(torch.randn(6, 1, 1), torch.tensor([[255]]))
    cat, car, sky, *_ = sums.figures(SPLIT)
    assert (cat.positions, cat.rival, car.positions, sky.positions) == (0, None, 0, 3)
    assert math.isnan(cat.own)
    assert math.isnan(cat.wins)
    alone = CosineSums(vectors(count=1))
    alone.add(torch.ones(6, 1, 2), torch.zeros(1, 2, dtype=torch.int64))
    (only,) = alone.figures(ClassSplit(("cat",), ("cat",)))
    assert (only.positions, only.wins, only.rival) == (2, 1.0, None)
    assert math.isnan(only.margin)


def test_unseen_classes_alone() -> None:
    split = ClassSplit(SPLIT.names, SPLIT.names)
    said = ask_student(segmenter(), samples(), split, [-0.5, 0.5])
    assert all(torch.equal(matrix, said.confusion) for _, matrix in said.confusions), "no seen name to hold back"
    bias = seen_bias(said.confusions, split)
    assert bias.unseen_called_seen == 0
    assert math.isnan(bias.seen_called_unseen)


def test_the_sweep_is_scored_as_everything_else() -> None:
    said = ask_student(segmenter(), samples(), SPLIT, [-0.1, 0.2])
    bias = seen_bias(said.confusions, SPLIT)
    assert [point.offset for point in bias.curve] == [-0.1, 0.0, 0.2]
    for point, (_, matrix) in zip(bias.curve, said.confusions, strict=True):
        result = compute_metrics(matrix, SPLIT)
        assert (point.pAcc, point.S, point.U, point.hIoU) == (
            result.pAcc,
            result.mIoU_seen,
            result.mIoU_unseen,
            result.hIoU,
        )
    rows = [row for index, row in enumerate(said.confusion.tolist()) if index in SPLIT.unseen_ids]
    taken = sum(count for row in rows for index, count in enumerate(row) if index in SPLIT.seen_ids)
    assert bias.unseen_called_seen == pytest.approx(taken / sum(map(sum, rows)))


def test_equal_scores_go_to_the_first_name() -> None:
    """Two names of one vector, one unseen and one seen, in both orders."""
    vector = F.normalize(torch.ones(1, 6), dim=1).expand(2, -1)
    for unseen in ("a", "b"):
        split = ClassSplit(("a", "b"), (unseen,))
        model = Segmenter(Student(), split.names, vector, settings=TestSettings(pad_multiple=8))
        sample = Sample(torch.rand(3, 8, 8), torch.zeros(8, 8, dtype=torch.int64), "one")
        assert ask_student(model, [sample], split).confusion.tolist() == [[64, 0], [0, 0]]


def test_wrong_input() -> None:
    with pytest.raises(ValueError, match="photos: got none"):
        ask_student(segmenter(), [], SPLIT)
    for offset in (math.nan, math.inf):
        with pytest.raises(ValueError, match="offsets: got"):
            check_offsets([offset])
