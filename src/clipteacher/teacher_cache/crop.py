"""A crop's tokens, cut out of its photo's: resampled, mirrored where it is, padding as the teacher sees it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from clipteacher.data.crop_box import CropBox
from clipteacher.teacher_cache.photo import PhotoTokens, view_boxes
from clipteacher.teachers.teacher import TeacherTokens


def axis_weights(
    cells: int, photo_side: int, first: int, length: int, crop_side: int, tokens: int, *, flipped: bool = False
) -> tuple[Tensor, Tensor]:
    """Weigh a photo's tokens for each token of a crop, along one axis: bilinear, antialiased where tokens get fewer.

    A triangle over the token's middle, as wide on each side as the larger of the two tokens, as Pillow's and torch's
    antialiased resizing have it; cut off at the photo's edge.

    Args:
        cells: Tokens h of the photo along the axis.
        photo_side: Length of the photo in pixels.
        first: The crop's first pixel in the photo.
        length: Pixels of the photo in the crop.
        crop_side: Pixels of the crop, padding included.
        tokens: Tokens h' of the crop along the axis.
        flipped: Whether the axis is mirrored.

    Returns:
        Weights, (h', h), float32, each row of sum 1, and whether a token's middle lies in the photo, (h',) bool.

    Example:
        >>> axis_weights(2, 8, 0, 8, 8, 4)[0].tolist()
        [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    middles = (torch.arange(tokens, dtype=torch.float64) + 0.5) * (crop_side / tokens)
    inside = middles < length
    pixels = first + (length - middles if flipped else middles)
    per_pixel = cells / photo_side
    middles = (pixels * per_pixel).clamp(0, cells)
    support = max(1.0, crop_side / tokens * per_pixel)
    distance = (torch.arange(cells, dtype=torch.float64) + 0.5 - middles.unsqueeze(1)).abs()
    weights = (1 - distance / support).clamp(min=0)
    return (weights / weights.sum(dim=1, keepdim=True)).float(), inside


def crop_tokens(
    photos: Sequence[PhotoTokens], places: Sequence[CropBox], size: tuple[int, int], black: TeacherTokens, *, parts: int
) -> TeacherTokens:
    """Cut the tokens of a batch of crops out of their photos'.

    Deviation: the teacher has seen the photo and not the crop. A dense token knows what lies outside the crop; a
    flipped crop has mirrored tokens, which are nearly those of the mirrored photo; distorted colours are not
    seen. A crop has the CLS token of the view (the whole photo or a part of it) that it has most in common with.

    Args:
        photos: What is known of the B photos, on any device.
        places: Where the B crops lie.
        size: Height and width of the crops in pixels, padding included.
        black: The teacher's tokens of a black image of that size, (1, C) and (1, C, h', w'): padding has these, and
            the crops' maps are as large.
        parts: Parts a side that the photos' CLS tokens are of.

    Returns:
        CLS (B, C) and dense tokens (B, C, h', w'), float32, on the device of `black`.
    """
    device, grid = black.dense.device, (black.dense.shape[2], black.dense.shape[3])
    channels = black.dense.shape[1]
    tall, wide = (max(photo.dense.shape[axis] for photo in photos) for axis in (1, 2))
    # One block, and so one way to the device; what is beyond a smaller photo's map has the weight 0.
    maps = torch.zeros(len(photos), channels, tall, wide, dtype=torch.float16)
    down, across = torch.zeros(len(photos), grid[0], tall), torch.zeros(len(photos), grid[1], wide)
    inside = torch.zeros(len(photos), 1, *grid, dtype=torch.bool)
    for number, (photo, place) in enumerate(zip(photos, places, strict=True)):
        height, width = photo.dense.shape[1:]
        maps[number, :, :height, :width] = photo.dense
        down[number, :, :height], rows = axis_weights(height, place.height, place.top, place.rows, size[0], grid[0])
        across[number, :, :width], columns = axis_weights(
            width, place.width, place.left, place.columns, size[1], grid[1], flipped=place.flipped
        )
        inside[number, 0] = rows.unsqueeze(1) & columns
    cls = torch.stack(
        [photo.cls[nearest_view(place, parts)].cpu() for photo, place in zip(photos, places, strict=True)]
    )
    with torch.autocast(device.type, enabled=False):
        dense = torch.einsum("bchw,bpw->bchp", maps.to(device).float(), across.to(device))
        dense = torch.einsum("boh,bchp->bcop", down.to(device), dense)
        dense = torch.where(inside.to(device), dense, black.dense.float())
    return TeacherTokens(cls.to(device).float(), dense)


def nearest_view(place: CropBox, parts: int) -> int:
    """Find the view of a photo that a crop has the most in common with: the largest share of both together.

    Args:
        place: The crop; its padding does not count.
        parts: Parts a side.

    Returns:
        Its number in `view_boxes`, the first of equals.
    """
    top, left = place.top / place.height, place.left / place.width
    bottom, right = top + place.rows / place.height, left + place.columns / place.width
    area, shares = (bottom - top) * (right - left), []
    for view in view_boxes(parts):
        common = max(0.0, min(bottom, view[2]) - max(top, view[0])) * max(0.0, min(right, view[3]) - max(left, view[1]))
        shares.append(common / (area + (view[2] - view[0]) * (view[3] - view[1]) - common))
    return shares.index(max(shares))
