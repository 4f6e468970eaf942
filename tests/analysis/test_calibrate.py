"""Choosing a calibration: one pass gives the scores of every value, on held-out classes alone."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from clipteacher.analysis.calibrate import best_calibration, held_out_split, without_classes
from clipteacher.analysis.student.predict import student_predictions
from clipteacher.data.dataset import Sample
from clipteacher.evaluation.evaluate import pooled_confusion
from clipteacher.evaluation.metrics import Scores, compute_metrics
from clipteacher.inference.settings import TestSettings
from clipteacher.protocols.splits import ClassSplit
from clipteacher.segmenter.segmenter import Segmenter

NAMES = ("sky", "cat", "sea", "old chair", "tree")
VALUES = (-0.2, 0.0, 0.05, 0.1, 5.0)


def samples(count: int = 2, classes: int = len(NAMES)) -> list[Sample]:
    generator = torch.Generator().manual_seed(0)
    return [
        Sample(
            torch.randint(256, (3, 40, 53), generator=generator).byte(),
            torch.randint(classes, (40, 53), generator=generator).byte(),
            "photo",
        )
        for _ in range(count)
    ]


def scores(harmonic: float) -> Scores:
    return Scores(pAcc=0.5, mIoU_seen=0.5, mIoU_unseen=0.5, hIoU=harmonic, IoU={})


def test_one_pass_is_a_pass_for_each_value() -> None:
    torch.manual_seed(0)
    split = ClassSplit(NAMES, ("sky", "old chair"))
    student, text_features = nn.Conv2d(3, 16, 3, stride=4, padding=1), F.normalize(torch.randn(5, 16), dim=1)
    model = Segmenter(student, NAMES, text_features, unseen=split.unseen, settings=TestSettings(calibration=0.07))
    confusions, _ = student_predictions(model, samples(), split, VALUES)
    found = [compute_metrics(confusions[value], split) for value in VALUES]
    for value, each in zip(VALUES, found, strict=True):
        expected = compute_metrics(pooled_confusion(model.with_settings(calibration=value), samples()), split)
        assert each.pAcc == pytest.approx(expected.pAcc, abs=1e-3)
        assert list(each.IoU.values()) == pytest.approx(list(expected.IoU.values()), abs=1e-3, nan_ok=True)
    assert len({each.pAcc for each in found}) == len(VALUES)
    assert found[-1].mIoU_seen == 0, "5 is more than any logit"
    with pytest.raises(ValueError, match="got nan"):
        student_predictions(model, samples(), split, [math.nan])


def test_unseen_classes_are_ignored_pixels() -> None:
    split = ClassSplit(("sky", "sea", "tree"), ("tree",))
    mask = torch.tensor([[0, 1, 2], [3, 4, 255]], dtype=torch.uint8)
    (sample,) = without_classes([Sample(torch.zeros(3, 2, 3), mask, "photo")], NAMES, split)
    assert sample.mask.tolist() == [[0, 255, 1], [255, 2, 255]]
    assert sample.name == "photo"


def test_a_large_vocabulary_has_another_ignore_id() -> None:
    names = [f"class {number}" for number in range(300)]
    split = ClassSplit(tuple(names[:10]), ("class 9",))
    mask = torch.tensor([[9, 10, 299, 65535]], dtype=torch.int32)
    (sample,) = without_classes([Sample(torch.zeros(3, 1, 4), mask, "photo")], names, split)
    assert sample.mask.tolist() == [[9, 255, 255, 255]]


@pytest.mark.parametrize(
    ("seen", "unseen", "message"),
    [
        (("sky", "cat"), ("cat",), "got cat, which the model was trained on"),
        (("sky", "sea", "old chair", "tree"), ("cat",), "trained on 4 of 4 classes"),
        ((), ("cat",), "trained on 0 of 4 classes"),
    ],
)
def test_models_that_cannot_be_calibrated(seen: tuple[str, ...], unseen: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        held_out_split(NAMES, seen, unseen)


def test_a_name_that_the_data_lacks_is_a_typing_error() -> None:
    with pytest.raises(ValueError, match="unseen: got 'moon', expected classes of the data"):
        held_out_split(NAMES, ("sky", "cat", "sea"), ("moon",))
    split = held_out_split(NAMES, ("sky", "cat", "sea"), ())
    assert (split.names, split.unseen) == (NAMES, ("old chair", "tree"))


def test_the_best_is_the_best_of_the_means() -> None:
    values = (-0.1, 0.0, 0.1)
    assert best_calibration(values, [[scores(0.9), scores(0.2), scores(0.3)]]) == -0.1
    two = [[scores(0.5), scores(0.2), scores(0.3)], [scores(0.0), scores(0.2), scores(0.6)]]
    assert best_calibration(values, two) == 0.1
    assert best_calibration(values, [[scores(0.3)] * 3]) == 0.0, "of equals the smallest"
    with pytest.raises(ValueError, match="show no seen or no held-out class"):
        best_calibration(values, [[scores(math.nan)] * 3])
