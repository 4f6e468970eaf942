"""What a teacher scores on the labelled classes that training sees, and what it costs: to choose between several."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from clipteacher.analysis.teacher.photos import CheckPhotos
from clipteacher.analysis.teacher.predict import CheckPhoto, teacher_predictions
from clipteacher.analysis.teacher.timing import TimedTeacher
from clipteacher.evaluation.metrics import compute_metrics
from clipteacher.protocols.splits import ClassSplit
from clipteacher.teachers.teacher import Teacher
from clipteacher.utils.atomic_files import nan_to_none
from clipteacher.utils.memory import PeakMemory


@dataclass(frozen=True)
class TeacherResult:
    """A teacher's scores on seen classes, and its cost.

    Attributes:
        name: What it is called in the comparison.
        mIoU: Mean IoU over the classes that the masks of the photos show, 0..1, so that each teacher is scored on the
            same classes; NaN where no mask shows any.
        pAcc: Share of right pixels among those of these classes.
        IoU: IoU of each of these classes, by name.
        seconds: Seconds that the teacher takes for a photo, the median; reading and scoring are not counted.
        passes: Forward passes for a photo, the mean: more than 1 in windows.
        megabytes: Peak of memory while it is built and run, see `clipteacher.utils.memory.PeakMemory`.
    """

    name: str
    mIoU: float  # noqa: N815 (the field's spelling)
    pAcc: float  # noqa: N815
    IoU: dict[str, float]
    seconds: float
    passes: float
    megabytes: float

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values; NaN, which JSON lacks, becomes None."""
        values: dict[str, Any] = nan_to_none(asdict(self))
        return values


def score_teacher(
    name: str,
    build: Callable[[], Teacher],
    photos: CheckPhotos,
    device: torch.device,
    *,
    short_side: int | None = None,
    tracked: Callable[[Iterable[CheckPhoto]], Iterable[CheckPhoto]] = iter,
) -> TeacherResult:
    """Build a teacher, and score it as a segmenter of photos by their masks.

    Args:
        name: What it is called in the comparison.
        build: Builds the teacher on the device; it is gone when this returns.
        photos: Photos with masks. Their class names are all that a pixel can get.
        device: Where the teacher is.
        short_side: As `teacher_predictions`.
        tracked: Shows progress over the photos.

    Returns:
        Its scores and its cost.

    Raises:
        TypeError, ValueError: As `teacher_predictions`.
    """
    with PeakMemory(device) as peak:
        teacher = TimedTeacher(build())
        predictions = teacher_predictions(teacher, photos.class_names, tracked(photos), short_side)
    matrix, split = torch.from_numpy(predictions.confusion), ClassSplit(photos.class_names, ())
    scores, shown = compute_metrics(matrix, split), matrix.sum(dim=1) > 0
    found = {each: scores.IoU[each] for each, there in zip(split.names, shown.tolist(), strict=True) if there}
    return TeacherResult(
        name=name,
        mIoU=sum(found.values()) / len(found) if found else math.nan,
        pAcc=scores.pAcc,
        IoU=found,
        seconds=teacher.median_seconds,
        passes=teacher.mean_passes,
        megabytes=peak.megabytes,
    )


def best_result(results: Sequence[TeacherResult]) -> TeacherResult:
    """Return the result with the highest mIoU, of equal ones the fastest.

    Raises:
        ValueError: There is none, or the photos show no class with masks.
    """
    if not results or any(math.isnan(each.mIoU) for each in results):
        raise ValueError("photos: got no labelled pixel of a class that training sees, expected some. Use more photos.")
    return max(results, key=lambda each: (each.mIoU, -each.seconds))
