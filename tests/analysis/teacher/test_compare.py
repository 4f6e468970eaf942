"""Scores of a teacher on seen classes, against pixels counted by hand; what each call costs; the best of several."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.stand_ins import StandInTeacher, random_images

from clipteacher.analysis.teacher.compare import TeacherResult, best_result, score_teacher
from clipteacher.analysis.teacher.photos import CheckPhotos
from clipteacher.analysis.teacher.predict import CheckPhoto
from clipteacher.analysis.teacher.timing import TimedTeacher
from clipteacher.protocols.splits import IGNORE
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.teachers.windows import WindowedTeacher

CPU = torch.device("cpu")
NAMES = ("sky", "grass", "sun", "house")


def photos_of(count: int = 3) -> CheckPhotos:
    """Photos whose masks show sky, grass and sun, never a house; of sizes that a segmenter does not pad."""

    def read(index: int) -> CheckPhoto:
        truth = torch.randint(3, (32, 64), generator=torch.Generator().manual_seed(index))
        truth[:2] = IGNORE
        return CheckPhoto(random_images(3, 32, 64, seed=index), truth)

    return CheckPhotos(NAMES, read, tuple(range(count)), count, "drawn", True)


def test_the_mean_is_over_the_classes_that_masks_show() -> None:
    teacher, photos = StandInTeacher(8), photos_of()
    found = score_teacher("mine", lambda: teacher, photos, CPU)
    segmenter = Segmenter.from_teacher(teacher, NAMES)
    hits, union, right, labelled = dict.fromkeys(NAMES, 0), dict.fromkeys(NAMES, 0), 0, 0
    for image, truth in photos:
        assert truth is not None
        counted, labels = truth != IGNORE, torch.from_numpy(segmenter.segment(image).labels)
        for number, name in enumerate(NAMES):
            one, other = (truth == number) & counted, (labels == number) & counted
            hits[name] += int((one & other).sum())
            union[name] += int((one | other).sum())
        right += int(((truth == labels) & counted).sum())
        labelled += int(counted.sum())
    expected = {name: hits[name] / union[name] for name in NAMES[:3]}
    assert union["house"] > 0, "it is predicted, and would have an IoU of 0"
    assert found.IoU == pytest.approx(expected)
    assert found.mIoU == pytest.approx(sum(expected.values()) / 3)
    assert found.pAcc == pytest.approx(right / labelled)
    assert (found.name, found.passes) == ("mine", 1)
    assert found.to_dict()["mIoU"] == found.mIoU


def test_nothing_labelled() -> None:
    photos = replace(photos_of(1), read=lambda index: CheckPhoto(random_images(3, 8, 8), torch.full((8, 8), IGNORE)))
    found = score_teacher("mine", lambda: StandInTeacher(8), photos, CPU)
    assert math.isnan(found.mIoU)
    assert found.to_dict()["mIoU"] is None
    with pytest.raises(ValueError, match="got no labelled pixel of a class that training sees"):
        best_result([found])


def test_what_each_call_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The median without the first call; the passes of windows, photo by photo."""
    clock = iter([0.0, 9.0, 10.0, 11.0, 20.0, 22.0, 30.0, 33.0])
    monkeypatch.setattr("clipteacher.analysis.teacher.timing.perf_counter", lambda: next(clock))
    timed = TimedTeacher(WindowedTeacher(StandInTeacher(8), 16, 8))
    for size in ((16, 16), (16, 32), (32, 32), (24, 16)):
        timed.encode_image(random_images(1, 3, *size))
    assert timed.median_seconds == 2
    assert timed.mean_passes == (1 + (1 + 3) + (1 + 9) + (1 + 2)) / 4
    assert timed.width == 8
    assert timed.spec() is None


def test_one_call_counts() -> None:
    timed = TimedTeacher(StandInTeacher(8))
    timed.encode_image(random_images(1, 3, 16, 16))
    assert timed.median_seconds > 0
    assert timed.mean_passes == 1


def result(name: str, score: float, seconds: float) -> TeacherResult:
    values: dict[str, Any] = {"pAcc": 0.5, "IoU": {}, "passes": 1.0, "megabytes": math.nan}
    return TeacherResult(name=name, mIoU=score, seconds=seconds, **values)


def test_the_best_is_the_highest_and_of_equal_ones_the_fastest() -> None:
    results = [result("a", 0.4, 1), result("b", 0.5, 3), result("c", 0.5, 2), result("d", 0.1, 0.1)]
    assert best_result(results).name == "c"
    assert results[0].to_dict()["megabytes"] is None
    with pytest.raises(ValueError, match="got no labelled pixel"):
        best_result([])
