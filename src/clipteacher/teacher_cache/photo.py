"""A teacher's tokens of a whole photo, or of overlapping parts of it for a finer grid."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.teachers.teacher import Teacher

_HALF_MAX = torch.finfo(torch.float16).max


class PhotoTokens(NamedTuple):
    """A teacher's tokens of a photo.

    Attributes:
        cls: (V, C), float16: CLS tokens of the whole photo, then of its parts; see `view_boxes`.
        dense: (C, h, w), float16: dense tokens of the whole photo.
    """

    cls: Tensor
    dense: Tensor


def view_boxes(parts: int) -> list[tuple[float, float, float, float]]:
    """List the views of a photo that the teacher sees, as top, left, bottom and right in fractions of its sides.

    The whole photo comes first; with `parts` = n > 1, n × n parts follow, row by row, each 2 / (n + 1) as long as the
    photo, so neighbours overlap by half.

    Example:
        >>> [tuple(round(side, 2) for side in box) for box in view_boxes(2)][:3]
        [(0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 0.67, 0.67), (0.0, 0.33, 0.67, 1.0)]
    """
    edge = [(first / (parts + 1), (first + 2) / (parts + 1)) for first in range(parts)] if parts > 1 else []
    return [(0.0, 0.0, 1.0, 1.0), *((top, left, bottom, right) for top, bottom in edge for left, right in edge)]


@torch.no_grad()
def photo_tokens(teacher: Teacher, photo: Tensor, *, parts: int, short_side: int | None) -> PhotoTokens:
    """Compute a teacher's tokens of a whole photo.

    The maps of the parts overlap by half and are averaged there. The photo is always alone in its batch, and the
    trainer's mixed precision is off, so the bits do not depend on the rest of a step.

    Args:
        teacher: The teacher.
        photo: (3, H, W), float in [0, 1], on the teacher's device.
        parts: Parts per side; 1 means the whole photo only.
        short_side: Length in pixels to which the photo's shorter side is resized first; None keeps it.

    Returns:
        The tokens, on the teacher's device.

    Raises:
        ValueError: A token is too large for half precision.
    """
    image = photo.unsqueeze(0)
    if short_side is not None:
        scale = short_side / min(image.shape[2:])
        size = [max(1, round(side * scale)) for side in image.shape[2:]]
        image = F.interpolate(image, size=size, mode="bilinear", align_corners=False, antialias=True)
    with torch.autocast(image.device.type, enabled=False):
        cls, dense = teacher.encode_image(image)
        if parts > 1:
            of_parts = teacher.encode_image(_cut(image, parts))
            cls, dense = torch.cat([cls, of_parts.cls]), _averaged(of_parts.dense.float(), parts)
    if max(float(tokens.abs().amax()) for tokens in (cls, dense)) > _HALF_MAX:
        raise ValueError(
            f"teacher_cache: got tokens of {type(teacher).__name__} above {_HALF_MAX:.0f}, the largest number of half "
            "precision. Train without the cache, or scale the teacher's tokens down."
        )
    return PhotoTokens(cls.half(), dense[0].half())


def _cut(image: Tensor, parts: int) -> Tensor:
    """Cut (1, 3, H, W) into parts of one size, (n·n, 3, H', W'), with edges rounded to pixels."""
    tall, wide = (max(1, round(2 * side / (parts + 1))) for side in image.shape[2:])
    starts = [
        [round(number * (side - length) / (parts - 1)) for number in range(parts)]
        for side, length in zip(image.shape[2:], (tall, wide), strict=True)
    ]
    return torch.cat([image[:, :, y : y + tall, x : x + wide] for y in starts[0] for x in starts[1]])


def _averaged(maps: Tensor, parts: int) -> Tensor:
    """Average the parts' maps (n·n, C, h, w) where they overlap, (1, C, (n + 1)·h / 2, (n + 1)·w / 2)."""
    height, width = (side + side % 2 for side in maps.shape[2:])  # half a side must be a whole number of tokens
    if (height, width) != tuple(maps.shape[2:]):
        maps = F.interpolate(maps, size=(height, width), mode="bilinear", align_corners=False)
    down, right = height // 2, width // 2
    total = maps.new_zeros(maps.shape[1], (parts + 1) * down, (parts + 1) * right)
    count = torch.zeros_like(total[:1])
    for number, tokens in enumerate(maps):
        y, x = (number // parts) * down, (number % parts) * right
        total[:, y : y + height, x : x + width] += tokens
        count[:, y : y + height, x : x + width] += 1
    return (total / count).unsqueeze(0)
