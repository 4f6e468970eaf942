"""One pass of the student over test photos: all that its figures need, from each photo's one forward."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from clipteacher.data.dataset import Sample
from clipteacher.diagnosis.cosines import ClassCosines, CosineSums
from clipteacher.diagnosis.labels import window_labels
from clipteacher.diagnosis.seen_bias import check_offsets, offset_labels
from clipteacher.inference.scores import Best, class_bests, class_logits
from clipteacher.metrics import confusion_matrix
from clipteacher.protocols.splits import ClassSplit
from clipteacher.segmenter import Segmenter


@dataclass(frozen=True, eq=False)
class StudentAnswers:
    """What the student said of the test photos.

    Attributes:
        confusions: A confusion matrix (N, N), int64, rows = truth, for each offset, ascending; that of 0 is the one
            that `evaluate` scores.
        cosines: Cosines of each class's features.
        photos: Number of photos.
    """

    confusions: tuple[tuple[float, Tensor], ...]
    cosines: tuple[ClassCosines, ...]
    photos: int

    @property
    def confusion(self) -> Tensor:
        """The confusion matrix as the student is scored, (N, N), int64, rows = truth."""
        return next(matrix for offset, matrix in self.confusions if offset == 0)


@torch.inference_mode()
def ask_student(
    segmenter: Segmenter, samples: Iterable[Sample], split: ClassSplit, offsets: Sequence[float] = (0.0,)
) -> StudentAnswers:
    """Ask the student about test photos.

    Args:
        segmenter: It answers to `split.names`, in their order, and knows how it is tested.
        samples: Test samples: image (3, H, W), float in [0, 1]; mask (H, W), int64 in 0..N-1 or ignore.
        split: The N classes.
        offsets: What is taken off the seen names' cosines, see `offset_labels`.

    Returns:
        The answers.

    Raises:
        ValueError: An offset is no difference of cosines, or there are no photos.
    """
    offsets, size = check_offsets(offsets), len(split.names)
    how = (segmenter.pad_multiple, segmenter.pipeline)
    matrices = [torch.zeros(size, size, dtype=torch.int64) for _ in offsets]
    sums, listening, count = CosineSums(segmenter.vectors), _Listening(segmenter.eval().student), 0
    for sample in samples:
        listening.features.clear()
        images = sample.image.unsqueeze(0).to(segmenter.vectors)
        seen, unseen = class_bests(
            listening,
            segmenter.vectors,
            images,
            *how,
            groups=(split.seen_ids, split.unseen_ids),
            max_scores=segmenter.max_scores,
        )
        lengths = class_logits(_Lengths(listening.features), 1, images, *how)[0, 0]
        for offset, matrix in zip(offsets, matrices, strict=True):
            labels = offset_labels(_first(seen), _first(unseen), lengths, offset)
            matrix += confusion_matrix(sample.mask, labels.cpu(), size)
        sizes = [(each.shape[2], each.shape[3]) for each in listening.features]
        for features, truth in zip(
            listening.features, window_labels(sample.mask, sizes, *how, ignore=split.ignore), strict=True
        ):
            sums.add(features[0], truth)
        count += 1
    if not count:
        raise ValueError("photos: got none, expected at least one")
    return StudentAnswers(tuple(zip(offsets, matrices, strict=True)), sums.figures(split), count)


def _first(best: Best) -> Best:
    return Best(best.values[0], best.ids[0])


class _Listening(nn.Module):
    """The student; the features of each window stay at hand."""

    def __init__(self, student: nn.Module) -> None:
        super().__init__()
        self.student = student
        self.features: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to features (B, C, h, w)."""
        features: Tensor = self.student(images)
        self.features.append(features)
        return features


class _Lengths(nn.Module):
    """Stands in the student's place and gives the lengths of what it gave, one window after the other."""

    def __init__(self, features: Sequence[Tensor]) -> None:
        super().__init__()
        self._features = iter(features)

    def forward(self, images: Tensor) -> Tensor:
        """Lengths (B, 1, h, w) of the next window's features."""
        lengths: Tensor = torch.linalg.vector_norm(next(self._features).float(), dim=1, keepdim=True)
        return lengths
