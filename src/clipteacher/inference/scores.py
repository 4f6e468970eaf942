"""Class scores and labels at a photo's own size, all names at once or a few at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.inference.placement import OWN_SIZE, resized_size, windows
from clipteacher.protocols.protocol import TestPipeline

MAX_SCORES: Final = 2**22
"""Class scores that are brought to full size at once: 16 MiB of float32, where CPUs were fastest."""


class _Window(NamedTuple):
    """What the network says of a window (B, N or C, h, w): scores, or features where `text` is there to score them.

    `bias` (N,) is still to be added where scores are still to be made.
    """

    top: int
    left: int
    height: int
    width: int
    padded: tuple[int, int]
    values: Tensor
    text: Tensor | None
    bias: Tensor | None

    def scores(self, first: int, last: int) -> Tensor:
        """Scores of names first..last-1 at the window's size, (B, last - first, height, width)."""
        if self.text is None:
            small = self.values[:, first:last]
        else:
            bias = None if self.bias is None else self.bias[first:last]
            small = _scored(self.values, self.text[first:last], bias)
        return _resized(small, self.padded)[:, :, : self.height, : self.width]


def _scored(values: Tensor, text: Tensor | None, bias: Tensor | None) -> Tensor:
    """Score features (B, C, h, w) against T (N, C), or take scores (B, N, h, w), and add a bias (N,) to each map.

    At the network's stride that is cheap, and what follows keeps constants: interpolation, and the mean over windows.
    """
    scores = values if text is None else torch.einsum("bchw,nc->bnhw", values, text)
    return scores if bias is None else scores + bias[:, None, None]


def _resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring maps (B, N, h, w) to a size, each by itself: PyTorch's kernels hang on N, and round differently."""
    single = maps.reshape(-1, 1, *maps.shape[2:])
    return F.interpolate(single, size=size, mode="bilinear", align_corners=False).view(*maps.shape[:2], *size)


class _PhotoScores:
    """Class scores of photos of one size, to be had at that size a few names at a time."""

    def __init__(
        self,
        student: nn.Module,
        text: Tensor | int,
        images: Tensor,
        pad_multiple: int,
        pipeline: TestPipeline,
        bias: Tensor | None = None,
    ) -> None:
        self.count = len(images)
        bias = bias if bias is None else bias.to(images.device)
        self.names = len(text) if isinstance(text, Tensor) else text
        self.own_size = (images.shape[2], images.shape[3])
        self.input_size = resized_size(*self.own_size, pipeline.short_side)
        if self.input_size != self.own_size:
            images = F.interpolate(images, size=self.input_size, mode="bilinear", align_corners=False, antialias=True)
        self.windows: list[_Window] = []
        for top, left, bottom, right in windows(*self.input_size, pipeline):
            height, width = bottom - top, right - left
            padded = F.pad(images[:, :, top:bottom, left:right], (0, -width % pad_multiple, 0, -height % pad_multiple))
            features = student(padded).float()
            size = (padded.shape[2], padded.shape[3])
            # Whichever is smaller is held: features do not grow with the number of names.
            later = text if isinstance(text, Tensor) and len(text) > features.shape[1] else None
            if later is None:
                values = _scored(features, text if isinstance(text, Tensor) else None, bias)
                self.windows.append(_Window(top, left, height, width, size, values, None, None))
            else:
                self.windows.append(_Window(top, left, height, width, size, features, later, bias))

    def tiles(self, max_scores: int) -> list[tuple[int, int]]:
        """Cut the names into runs first..last-1, each of at most `max_scores` scores, but of one name at least."""
        sides = (self.own_size, self.input_size, *(window.padded for window in self.windows))
        pixels = self.count * max(height * width for height, width in sides)
        step = max(max_scores // pixels, 1)
        return [(first, min(first + step, self.names)) for first in range(0, self.names, step)]

    def scores(self, first: int, last: int) -> Tensor:
        """Scores (B, last - first, H, W) of names first..last-1 at the photos' own size."""
        scores = self._input_scores(first, last)
        return scores if self.input_size == self.own_size else _resized(scores, self.own_size)

    def _input_scores(self, first: int, last: int) -> Tensor:
        """Scores at the size that the network is given: the mean over the windows that hold a pixel."""
        if len(self.windows) == 1:
            return self.windows[0].scores(first, last)
        total = self.windows[0].values.new_zeros(self.count, last - first, *self.input_size)
        counts = total.new_zeros(self.input_size)
        for window in self.windows:
            place = (slice(window.top, window.top + window.height), slice(window.left, window.left + window.width))
            total[..., *place] += window.scores(first, last)
            counts[place] += 1
        return total.div_(counts)


def class_logits(
    student: nn.Module,
    text: Tensor | int,
    images: Tensor,
    pad_multiple: int,
    pipeline: TestPipeline = OWN_SIZE,
    *,
    max_scores: int = MAX_SCORES,
    bias: Tensor | None = None,
) -> Tensor:
    """Score every pixel against every name: Rᵀ T, brought to the images' size.

    Only the class scores are brought to full size, never the features.

    Source: the test rule of arXiv 2310.02296, argmax over c of Rᵀ T_c; resizing and windows as mmseg 0.x.

    Deviation: an image is made smaller with antialiasing, as `Augment` makes it in training; mmcv does without.

    Args:
        student: The network, images (B, 3, H, W) in [0, 1] to features (B, C, h, w).
        text: T, (N, C), unit vectors; or N alone where the network gives class scores (B, N, h, w) already.
        images: (B, 3, H, W), float in [0, 1].
        pad_multiple: What the network is given is padded with black at the right and bottom to a multiple of this,
            which most encoders ask for; the padding is cut off again.
        pipeline: Size and windows in which the network sees an image. Scores come back to its own size.
        max_scores: As `class_labels`; with the same, labels are these scores' argmax to the bit.
        bias: (N,), floating point, added to the names' scores, such as `clipteacher.inference.seen_bias`; None adds
            nothing.

    Returns:
        (B, N, H, W), floating point.

    Raises:
        ValueError: `max_scores` is not positive, or `bias` is not one number a name.
    """
    check_max_scores(max_scores)
    _check_bias(bias, text)
    photos = _PhotoScores(student, text, images, pad_multiple, pipeline, bias)
    logits = photos.windows[0].values.new_empty(photos.count, photos.names, *photos.own_size)
    for first, last in photos.tiles(max_scores):
        logits[:, first:last] = photos.scores(first, last)
    return logits


def class_labels(
    student: nn.Module,
    text: Tensor | int,
    images: Tensor,
    pad_multiple: int,
    pipeline: TestPipeline = OWN_SIZE,
    *,
    max_scores: int = MAX_SCORES,
    bias: Tensor | None = None,
) -> Tensor:
    """Label every pixel with its best name, without all names' scores at full size in memory.

    A few names are scored at a time, and of each pixel the best so far is kept: the larger the photo, the fewer names.
    Labels are the argmax of `class_logits`, the first name of several that are equal. Another `max_scores` can change a
    score by rounding alone, and only with more names than channels, where a product of matrices is cut.

    Args:
        student: As `class_logits`.
        text: As `class_logits`.
        images: (B, 3, H, W), float in [0, 1].
        pad_multiple: As `class_logits`.
        pipeline: As `class_logits`.
        max_scores: Class scores brought to full size at once; those of one name are the least.
        bias: As `class_logits`.

    Returns:
        Class ids (B, H, W), int64, values 0..N-1.

    Raises:
        ValueError: `max_scores` is not positive, or `bias` is not one number a name.
    """
    check_max_scores(max_scores)
    _check_bias(bias, text)
    photos = _PhotoScores(student, text, images, pad_multiple, pipeline, bias)
    (first, last), *others = photos.tiles(max_scores)
    best = Best(*photos.scores(first, last).max(dim=1))
    for first, last in others:
        values, ids = photos.scores(first, last).max(dim=1)
        best = _better(best, Best(values, ids + first))
    return best.ids


class Best(NamedTuple):
    """The best name of a group at every pixel.

    Attributes:
        values: Its score, (B, H, W), floating point; -inf where the group has no name.
        ids: Its id among all names, (B, H, W), int64; the first of several that are equal, -1 in an empty group.
    """

    values: Tensor
    ids: Tensor


def class_bests(
    student: nn.Module,
    text: Tensor,
    images: Tensor,
    pad_multiple: int,
    pipeline: TestPipeline = OWN_SIZE,
    *,
    groups: Sequence[Sequence[int]],
    max_scores: int = MAX_SCORES,
) -> tuple[Best, ...]:
    """Find the best name of each group at every pixel, by the same scores, to the bit, as `class_labels`.

    Args:
        student: As `class_logits`.
        text: T, (N, C), unit vectors.
        images: (B, 3, H, W), float in [0, 1].
        pad_multiple: As `class_logits`.
        pipeline: As `class_logits`.
        groups: Ids of the names in each group, ascending, 0..N-1.
        max_scores: As `class_labels`.

    Returns:
        The best of each group.

    Raises:
        ValueError: `max_scores` is not positive.
    """
    check_max_scores(max_scores)
    photos = _PhotoScores(student, text, images, pad_multiple, pipeline)
    shape, like = (photos.count, *photos.own_size), photos.windows[0].values
    nothing = Best(like.new_full(shape, -torch.inf), like.new_full(shape, -1, dtype=torch.int64))
    bests = [nothing] * len(groups)
    for first, last in photos.tiles(max_scores):
        scores = photos.scores(first, last)
        for number, group in enumerate(groups):
            columns = torch.tensor([name - first for name in group if first <= name < last], device=scores.device)
            if len(columns):
                values, places = scores[:, columns].max(dim=1)
                bests[number] = _better(bests[number], Best(values, columns[places] + first))
    return tuple(bests)


def _better(earlier: Best, later: Best) -> Best:
    """Take the higher score at every pixel; of equal ones the earlier stays."""
    wins = later.values > earlier.values
    return Best(torch.where(wins, later.values, earlier.values), torch.where(wins, later.ids, earlier.ids))


def check_max_scores(max_scores: int) -> None:
    """Check the number of class scores that may be brought to full size at once.

    Raises:
        ValueError: It is not positive.
    """
    if max_scores < 1:
        raise ValueError(f"max_scores: got {max_scores}, expected at least 1. Give a count such as {MAX_SCORES}.")


def _check_bias(bias: Tensor | None, text: Tensor | int) -> None:
    count = len(text) if isinstance(text, Tensor) else text
    if bias is not None and bias.shape != (count,):
        raise ValueError(f"bias: got shape {tuple(bias.shape)}, expected ({count},). Give one number for each name.")
