"""Class scores and labels at a photo's own size, all at once or a few rows at a time."""

from __future__ import annotations

from math import ceil
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.inference.placement import OWN_SIZE, resized_size, windows
from clipteacher.inference.rows import resize_rows
from clipteacher.protocols.protocol import TestPipeline

MAX_SCORES: Final = 2**22
"""Class scores that are brought to full size at once: 16 MiB of float32, where CPUs were fastest."""


class _Window(NamedTuple):
    """What the network says of a window (B, N or C, h, w): scores, or features where `text` is there to score them."""

    top: int
    left: int
    height: int
    width: int
    padded: tuple[int, int]
    values: Tensor
    text: Tensor | None

    def rows(self, start: int, stop: int) -> Tensor:
        """Scores of the window's rows start..stop-1, (B, N, stop - start, width)."""
        steps = self.values.shape[2]
        stride = self.padded[0] // steps
        if start == 0 and stop == self.height:
            first, last = 0, steps
        elif stride * steps == self.padded[0] and stride & (stride - 1) == 0:
            # At strides 1, 2, 4 ... places are exact in binary, so `F.interpolate` gives a part the bits of the whole.
            first, last = max(start // stride - 1, 0), min((stop - 1) // stride + 2, steps)
        else:
            small = (steps, self.values.shape[3])
            return resize_rows(self._scores, small, self.padded, start, stop)[..., : self.width]
        size = ((last - first) * stride if last - first < steps else self.padded[0], self.padded[1])
        full = F.interpolate(self._scores(first, last), size=size, mode="bilinear", align_corners=False)
        return full[:, :, start - first * stride : stop - first * stride, : self.width]

    def _scores(self, first: int, last: int) -> Tensor:
        """Scores at the network's stride, rows first..last-1, (B, N, last - first, w)."""
        part = self.values[:, :, first:last]
        return part if self.text is None else torch.einsum("bchw,nc->bnhw", part, self.text)


class _PhotoScores:
    """Class scores of photos of one size, to be had at that size in rows."""

    def __init__(
        self,
        student: nn.Module,
        text: Tensor | int,
        images: Tensor,
        pad_multiple: int,
        pipeline: TestPipeline,
        keep: bool,
    ) -> None:
        self.shape = (len(images), _number_of_names(text))
        self.own_size = (images.shape[2], images.shape[3])
        self.input_size = resized_size(*self.own_size, pipeline.short_side)
        if self.input_size != self.own_size:
            images = F.interpolate(images, size=self.input_size, mode="bilinear", align_corners=False, antialias=True)
        self.windows: list[_Window] = []
        for top, left, bottom, right in windows(*self.input_size, pipeline):
            height, width = bottom - top, right - left
            padded = F.pad(images[:, :, top:bottom, left:right], (0, -width % pad_multiple, 0, -height % pad_multiple))
            features = student(padded).float()
            size, values = (padded.shape[2], padded.shape[3]), features
            # Whichever is smaller is held: features do not grow with the number of names.
            later = text if isinstance(text, Tensor) and not keep and len(text) > features.shape[1] else None
            if isinstance(text, Tensor) and later is None:
                values = torch.einsum("bchw,nc->bnhw", features, text)
            self.windows.append(_Window(top, left, height, width, size, values, later))

    def rows(self, start: int, stop: int) -> Tensor:
        """Scores (B, N, stop - start, W) of rows start..stop-1 at the photos' own size."""
        return resize_rows(self._input_rows, self.input_size, self.own_size, start, stop)

    def _input_rows(self, start: int, stop: int) -> Tensor:
        """Scores of rows at the size that the network is given: the mean over the windows that hold a pixel."""
        if len(self.windows) == 1:
            return self.windows[0].rows(start, stop)
        total = self.windows[0].values.new_zeros(*self.shape, stop - start, self.input_size[1])
        count = total.new_zeros(stop - start, self.input_size[1])
        for window in self.windows:
            top, bottom = max(start, window.top), min(stop, window.top + window.height)
            if top < bottom:
                place = (..., slice(top - start, bottom - start), slice(window.left, window.left + window.width))
                total[place] += window.rows(top - window.top, bottom - window.top)
                count[place] += 1
        return total / count


def class_logits(
    student: nn.Module, text: Tensor | int, images: Tensor, pad_multiple: int, pipeline: TestPipeline = OWN_SIZE
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

    Returns:
        (B, N, H, W), floating point.
    """
    return _PhotoScores(student, text, images, pad_multiple, pipeline, keep=True).rows(0, images.shape[2])


def class_labels(
    student: nn.Module,
    text: Tensor | int,
    images: Tensor,
    pad_multiple: int,
    pipeline: TestPipeline = OWN_SIZE,
    *,
    max_scores: int = MAX_SCORES,
) -> Tensor:
    """Label every pixel with its best name, without all names' scores at full size in memory.

    Rows are labelled a few at a time, the fewer the more names there are. Labels are those of `class_logits`' argmax,
    the first name of several that are equal. Scores differ from its by rounding alone, and only in a photo that takes
    more than one piece, where (1) there are more names than channels, so that a product of matrices is cut, or (2) the
    network's stride is no power of two, which `F.interpolate` cannot cut.

    Args:
        student: As `class_logits`.
        text: As `class_logits`.
        images: (B, 3, H, W), float in [0, 1].
        pad_multiple: As `class_logits`.
        pipeline: As `class_logits`.
        max_scores: Class scores brought to full size at once; one row of pixels is the least. The rows beside them that
            resizing needs, up to three strides of the network, come on top.

    Returns:
        Class ids (B, H, W), int64, values 0..N-1.

    Raises:
        ValueError: `max_scores` is not positive.
    """
    check_max_scores(max_scores)
    height, width = images.shape[2:]
    input_height, input_width = resized_size(height, width, pipeline.short_side)
    a_row = len(images) * _number_of_names(text) * max(width, ceil(input_height * input_width / height))
    step = min(max(max_scores // a_row, 1), height)
    scores = _PhotoScores(student, text, images, pad_multiple, pipeline, keep=step == height)
    pieces = [scores.rows(start, min(start + step, height)).argmax(dim=1) for start in range(0, height, step)]
    return torch.cat(pieces, dim=1)


def _number_of_names(text: Tensor | int) -> int:
    return len(text) if isinstance(text, Tensor) else text


def check_max_scores(max_scores: int) -> None:
    """Check the number of class scores that may be brought to full size at once.

    Raises:
        ValueError: It is not positive.
    """
    if max_scores < 1:
        raise ValueError(f"max_scores: got {max_scores}, expected at least 1. Give a count such as {MAX_SCORES}.")
