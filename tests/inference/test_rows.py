"""Resizing in rows: against a loop over pixels, against `F.interpolate`, and against itself in one piece."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.inference.rows import resize_rows

SIZES = [
    ((4, 6), (16, 24)),
    ((5, 7), (13, 30)),
    ((13, 30), (5, 7)),
    ((9, 4), (9, 11)),
    ((1, 1), (3, 2)),
    ((6, 5), (1, 1)),
    ((3, 8), (7, 8)),
]


def maps(size: tuple[int, int], names: int = 3) -> Tensor:
    return torch.randn(2, names, *size, generator=torch.Generator().manual_seed(0))


def resized(source: Tensor, new: tuple[int, int], start: int, stop: int) -> Tensor:
    old = (source.shape[2], source.shape[3])
    return resize_rows(lambda first, last: source[:, :, first:last], old, new, start, stop)


def by_pixel(source: Tensor, new: tuple[int, int]) -> Tensor:
    """Bilinear resizing between pixel centres, one pixel at a time."""
    height, width = source.shape[2:]
    out = torch.zeros(*source.shape[:2], *new)
    for y in range(new[0]):
        for x in range(new[1]):
            down = max((y + 0.5) * height / new[0] - 0.5, 0.0)
            across = max((x + 0.5) * width / new[1] - 0.5, 0.0)
            top, left = int(down), int(across)
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            a, b = down - top, across - left
            above = (1 - b) * source[:, :, top, left] + b * source[:, :, top, right]
            below = (1 - b) * source[:, :, bottom, left] + b * source[:, :, bottom, right]
            out[:, :, y, x] = (1 - a) * above + a * below
    return out


@pytest.mark.parametrize(("old", "new"), SIZES)
def test_all_rows_as_a_loop_and_as_interpolate(old: tuple[int, int], new: tuple[int, int]) -> None:
    source = maps(old)
    whole = resized(source, new, 0, new[0])
    torch.testing.assert_close(whole, by_pixel(source, new))
    torch.testing.assert_close(whole, F.interpolate(source, size=new, mode="bilinear", align_corners=False))


@pytest.mark.parametrize("names", [1, 3, 8])
@pytest.mark.parametrize(("old", "new"), SIZES)
def test_pieces_are_the_whole_to_the_bit(old: tuple[int, int], new: tuple[int, int], names: int) -> None:
    source = maps(old, names)
    whole = resized(source, new, 0, new[0])
    for step in range(1, new[0] + 1):
        pieces = [resized(source, new, y, min(y + step, new[0])) for y in range(0, new[0], step)]
        assert torch.equal(torch.cat(pieces, dim=2), whole)


def test_only_the_rows_that_are_needed_are_asked_for() -> None:
    asked = []

    def source(first: int, last: int) -> Tensor:
        asked.append((first, last))
        return torch.zeros(1, 1, last - first, 4)

    resize_rows(source, (100, 4), (200, 4), 100, 110)
    resize_rows(source, (100, 4), (200, 4), 0, 1)
    resize_rows(source, (100, 4), (100, 4), 7, 9)
    assert asked == [(49, 56), (0, 2), (7, 9)]
