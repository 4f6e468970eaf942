"""A teacher's tokens of a whole photo, or of overlapping parts of it for a finer grid, and of crops cut out of them.

A crop's tokens are resampled from its photo's, flipped as the crop is, and padded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.data.crop_box import CropBox
from clipteacher.teachers.teacher import Teacher, TeacherTokens

_HALF_MAX = torch.finfo(torch.float16).max


class PhotoTokens(NamedTuple):
    """CLS tokens (V, C) of a whole photo, then of its parts, see `view_boxes`; dense tokens (C, h, w); float16."""

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


def axis_weights(
    cells: int, photo_side: int, first: int, length: int, crop_side: int, tokens: int, *, flipped: bool = False
) -> tuple[Tensor, Tensor]:
    """Compute the weights of a photo's tokens for each token of a crop, along one axis: bilinear, antialiased.

    A triangle around the token's centre, as wide on each side as the larger of the two tokens, as in Pillow's and
    torch's antialiased resizing, cut off at the photo's edge.

    Args:
        cells: Tokens h of the photo along the axis.
        photo_side: Length of the photo in pixels.
        first: The crop's first pixel in the photo.
        length: Pixels of the photo in the crop.
        crop_side: Pixels of the crop, padding included.
        tokens: Tokens h' of the crop along the axis.
        flipped: Whether the axis is flipped.

    Returns:
        Weights, (h', h), float32, whose rows sum to 1, and whether a token's centre lies in the photo, (h',) bool.

    Example:
        >>> axis_weights(2, 8, 0, 8, 8, 4)[0].tolist()
        [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    # In double precision, for positions; on the CPU, where it costs nothing. The weights travel as float32.
    centres = (torch.arange(tokens, dtype=torch.float64) + 0.5) * (crop_side / tokens)
    inside = centres < length
    pixels = first + (length - centres if flipped else centres)
    per_pixel = cells / photo_side
    centres = (pixels * per_pixel).clamp(0, cells)
    support = max(1.0, crop_side / tokens * per_pixel)
    distance = (torch.arange(cells, dtype=torch.float64) + 0.5 - centres.unsqueeze(1)).abs()
    weights = (1 - distance / support).clamp(min=0)
    return (weights / weights.sum(dim=1, keepdim=True)).float(), inside


def crop_tokens(
    photos: Sequence[PhotoTokens],
    crop_boxes: Sequence[CropBox],
    size: tuple[int, int],
    black: TeacherTokens,
    *,
    parts: int,
) -> TeacherTokens:
    """Cut the tokens of a batch of crops out of their photos'.

    Deviation: the teacher has seen the photo and not the crop. A dense token depends on what lies outside the crop; a
    flipped crop has flipped tokens, which are nearly those of the flipped photo; distorted colours are not seen. A
    crop has the CLS token of the view (the whole photo or a part of it) that it overlaps most.

    Args:
        photos: Tokens of the B photos, on any device.
        crop_boxes: Positions of the B crops.
        size: Height and width of the crops in pixels, padding included.
        black: The teacher's tokens of a black image of that size, (1, C) and (1, C, h', w'): padding has these, and
            the crops' maps have this size.
        parts: Parts per side, as for `photo_tokens`.

    Returns:
        CLS (B, C) and dense tokens (B, C, h', w'), float32, on the device of `black`.
    """
    device, channels, grid = black.dense.device, black.dense.shape[1], (black.dense.shape[2], black.dense.shape[3])
    tall, wide = (max(photo.dense.shape[axis] for photo in photos) for axis in (1, 2))
    # One block needs one transfer to the device; what is beyond a smaller photo's map has weight 0.
    count, pinned = len(photos), device.type == "cuda"  # from pinned memory a GPU fetches by itself, without a wait
    maps = torch.zeros(count, channels, tall, wide, dtype=torch.float16, pin_memory=pinned)
    cls = torch.zeros(count, black.cls.shape[1], dtype=torch.float16, pin_memory=pinned)
    down, across = (
        torch.zeros(count, side, cells, pin_memory=pinned) for side, cells in zip(grid, (tall, wide), strict=True)
    )
    inside = torch.zeros(count, 1, *grid, dtype=torch.bool, pin_memory=pinned)
    for number, (photo, box) in enumerate(zip(photos, crop_boxes, strict=True)):
        height, width = photo.dense.shape[1:]
        maps[number, :, :height, :width] = photo.dense
        down[number, :, :height], rows = axis_weights(height, box.height, box.top, box.rows, size[0], grid[0])
        across[number, :, :width], columns = axis_weights(
            width, box.width, box.left, box.columns, size[1], grid[1], flipped=box.flipped
        )
        inside[number, 0] = rows.unsqueeze(1) & columns
        cls[number] = photo.cls[nearest_view(box, parts)]
    maps, cls, down, across, inside = (
        each.to(device, non_blocking=pinned) for each in (maps, cls, down, across, inside)
    )
    with torch.autocast(device.type, enabled=False):
        dense = torch.einsum("bchw,bpw->bchp", maps.float(), across)
        dense = torch.einsum("boh,bchp->bcop", down, dense)
        dense = torch.where(inside, dense, black.dense.float())
    return TeacherTokens(cls.float(), dense)


def nearest_view(box: CropBox, parts: int) -> int:
    """Return the index in `view_boxes` of the view with the largest intersection over union with a crop.

    The crop's padding does not count; of equals, the first is taken.
    """
    top, left = box.top / box.height, box.left / box.width
    bottom, right = top + box.rows / box.height, left + box.columns / box.width
    area, shares = (bottom - top) * (right - left), []
    for view in view_boxes(parts):
        common = max(0.0, min(bottom, view[2]) - max(top, view[0])) * max(0.0, min(right, view[3]) - max(left, view[1]))
        shares.append(common / (area + (view[2] - view[0]) * (view[3] - view[1]) - common))
    return shares.index(max(shares))
