"""The teacher on each photo: what its dense tokens call the pixels, and how its CLS token ranks the names."""

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


class Asked(NamedTuple):
    """A photo to ask the teacher about.

    Attributes:
        image: (3, H, W), float32, RGB in [0, 1].
        truth: Class ids (H, W), int64, 0..N-1 in the order of the names asked for, and the ignore label of so many
            (255 up to 255, else 65535); None where the photo has no mask.
    """

    image: Tensor
    truth: Tensor | None


@dataclass(frozen=True, eq=False)
class Answers:
    """What the teacher said of P photos and N names.

    Attributes:
        confusion: Pixels with truth, (N, N), int64, rows = truth, columns = what the dense tokens say.
        pixels: Share of all pixels that the dense tokens give to each name, (N,), float64, 0..1.
        ranks: Place of each name among all names by the CLS token, (P, N), int64, 0..N-1, 0 = most alike.
        shown: Whether the truth of a photo has the name, (P, N), bool; all False for a photo without a mask.
        vectors: The names' text vectors, (N, C), float32, unit length.
    """

    confusion: NDArray[np.int64]
    pixels: NDArray[np.float64]
    ranks: NDArray[np.int64]
    shown: NDArray[np.bool_]
    vectors: NDArray[np.float32]


@torch.inference_mode()
def ask_teacher(
    teacher: Teacher, names: tuple[str, ...], photos: Iterable[Asked], short_side: int | None = None
) -> Answers:
    """Ask a teacher about photos, each once and whole.

    The labels are those of `Segmenter.from_teacher(teacher, names)`: the row "zero-shot teacher" of every table here.

    Args:
        teacher: Any teacher.
        names: N different names.
        photos: Photos, each with its mask or without.
        short_side: Length to which the shorter side of a photo is brought for the teacher, the longer one in step; None
            leaves photos at their own size. Masks are scored at the photo's own size in any case.

    Returns:
        What it said.

    Raises:
        TypeError: It is no teacher.
        ValueError: There are no names or no photos.
    """
    check_teacher(teacher)
    vectors = teacher.encode_text(names).float()
    settings = TestSettings(replace(OWN_SIZE, short_side=short_side), pad_multiple=1)
    classifier, cls = TextClassifier(vectors), vectors[:1]

    def dense_tokens(images: Tensor) -> Tensor:
        """What `ZeroShotTeacher` gives; the CLS token of the same forward is kept."""
        nonlocal cls
        tokens = teacher.encode_image(images)
        cls = tokens.cls
        return F.normalize(tokens.dense.float(), dim=1)

    count, ignore = len(names), ignore_id(len(names))
    confusion = torch.zeros(count, count, dtype=torch.int64)
    pixels, ranks, shown = np.zeros(count), [], []
    for photo in photos:
        image = photo.image.unsqueeze(0).to(vectors)
        labels = DensePrediction(dense_tokens, image, settings).labels(classifier)[0].cpu()
        said = torch.bincount(labels.flatten(), minlength=count).numpy()
        pixels += said / said.sum()  # each photo counts alike, whatever its size
        order = (F.normalize(cls.float(), dim=1) @ vectors.T)[0].argsort(descending=True, stable=True)
        ranks.append(order.argsort().cpu().numpy())
        present = np.zeros(count, dtype=bool)
        if photo.truth is not None:
            confusion += confusion_matrix(photo.truth, labels, count)
            ids = np.unique(photo.truth.numpy())
            present[ids[ids != ignore]] = True
        shown.append(present)
    if not ranks:
        raise ValueError("photos: got none, expected at least one")
    return Answers(confusion.numpy(), pixels / len(ranks), np.stack(ranks), np.stack(shown), vectors.cpu().numpy())
