"""The teacher on each photo: the labels of its dense tokens, and the rank of each name by its CLS token."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from clipteacher.evaluation.metrics import confusion_matrix
from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.inference.placement import OWN_SIZE
from clipteacher.inference.settings import TestSettings
from clipteacher.inference.text_classifier import TextClassifier
from clipteacher.protocols.splits import ignore_id
from clipteacher.teachers.teacher import Teacher, check_teacher


class CheckPhoto(NamedTuple):
    """A photo to check a teacher on.

    Attributes:
        image: (3, H, W), uint8, or float in [0, 1], RGB.
        truth: Class ids (H, W), integer, 0..N-1 in the order of the class names, or `ignore_id(N)`; None where the
            photo has no mask.
    """

    image: Tensor
    truth: Tensor | None


@dataclass(frozen=True, eq=False)
class TeacherPredictions:
    """Predictions of a teacher on P photos with N class names.

    Attributes:
        confusion: Labelled pixels, (N, N), int64, rows = truth, columns = prediction of the dense tokens.
        pixels: Share of all pixels that the dense tokens give to each name, (N,), float64, 0..1.
        ranks: Rank of each name by cosine to the CLS token, (P, N), int64, 0..N-1, 0 = nearest.
        shown: Whether the mask of a photo has the name, (P, N), bool; all False for a photo without a mask.
        text_features: Text features of the names, (N, C), float32, unit length.
    """

    confusion: NDArray[np.int64]
    pixels: NDArray[np.float64]
    ranks: NDArray[np.int64]
    shown: NDArray[np.bool_]
    text_features: NDArray[np.float32]


@torch.inference_mode()
def teacher_predictions(
    teacher: Teacher, class_names: tuple[str, ...], photos: Iterable[CheckPhoto], short_side: int | None = None
) -> TeacherPredictions:
    """Run a teacher over photos, each whole and in a single forward.

    The labels are those of the zero-shot teacher, `Segmenter.from_teacher`.

    Args:
        teacher: Any teacher.
        class_names: N different names.
        photos: Photos, each with a mask or without.
        short_side: Size to which the shorter side of a photo is brought for the teacher; None keeps photos at their
            own size. Masks are scored at the photo's own size in either case.

    Returns:
        The predictions.

    Raises:
        TypeError: It is no teacher.
        ValueError: There are no names or no photos.
    """
    check_teacher(teacher)
    text_features = teacher.encode_text(class_names).float()
    settings = TestSettings(replace(OWN_SIZE, short_side=short_side), pad_multiple=1)
    classifier, cls = TextClassifier(text_features), text_features[:1]

    def dense_tokens(images: Tensor) -> Tensor:
        """Dense tokens as `ZeroShotTeacher` gives them; the CLS token of the same forward is kept."""
        nonlocal cls
        cls, dense = teacher.encode_image(images)
        return F.normalize(dense.float(), dim=1)

    count, ignore = len(class_names), ignore_id(len(class_names))
    confusion = torch.zeros(count, count, dtype=torch.int64)
    pixels, ranks, shown = np.zeros(count), [], []
    for photo in photos:
        images = photo.image.unsqueeze(0).to(text_features.device)
        labels = DensePrediction(dense_tokens, images, settings).labels(classifier)[0].cpu()
        predicted = torch.bincount(labels.flatten(), minlength=count).numpy()
        pixels += predicted / predicted.sum()  # photos count equally, whatever their size
        order = (F.normalize(cls.float(), dim=1) @ text_features.T)[0].argsort(descending=True, stable=True)
        ranks.append(order.argsort().cpu().numpy())
        present = np.zeros(count, dtype=bool)
        if photo.truth is not None:
            confusion += confusion_matrix(photo.truth, labels, count)
            ids = np.unique(photo.truth.numpy())
            present[ids[ids != ignore]] = True
        shown.append(present)
    if not ranks:
        raise ValueError("photos: got none, expected at least one")
    features = text_features.cpu().numpy()
    return TeacherPredictions(confusion.numpy(), pixels / len(ranks), np.stack(ranks), np.stack(shown), features)
