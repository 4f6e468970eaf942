"""The cells of a photo: the shares that resizing makes, and runs of pixels with the same corners."""

from itertools import groupby

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.inference.bilinear import resized, shares
from clipteacher.inference.cells import Side, cells_along, parts, rounding

CPU = torch.device("cpu")
# Spans of the windows, positions, padded size, own size: stride 4, 3, 1 and 16/5; padding; one position; windows that
# overlap once, twice and by an odd number of pixels; each with another size of the photo's own.
SIDES = [
    ([(0, 32)], 8, 32, 32),
    ([(0, 27)], 9, 27, 27),
    ([(0, 11)], 11, 11, 11),
    ([(0, 16)], 5, 16, 16),
    ([(0, 27)], 8, 32, 27),
    ([(0, 27)], 8, 32, 41),
    ([(0, 27)], 8, 32, 13),
    ([(0, 5)], 1, 8, 5),
    ([(0, 1)], 1, 1, 1),
    ([(0, 16), (9, 25)], 4, 16, 25),
    ([(0, 16), (9, 25)], 4, 16, 40),
    ([(0, 13), (5, 18), (8, 21)], 4, 16, 21),
]


def side_of(case: tuple[list[tuple[int, int]], int, int, int]) -> Side:
    return cells_along(shares(*case, device=CPU))


@pytest.mark.parametrize(("spans", "positions", "padded", "own"), SIDES)
def test_shares_are_what_resizing_does_to_a_map(
    spans: list[tuple[int, int]], positions: int, padded: int, own: int
) -> None:
    maps = torch.randn(len(spans), 1, 1, positions, generator=torch.Generator().manual_seed(0))
    given = spans[-1][1]
    total, counts = torch.zeros(1, 1, 1, given), torch.zeros(given)
    for (begin, end), one in zip(spans, F.interpolate(maps, size=(1, padded), mode="bilinear"), strict=True):
        total[0, 0, 0, begin:end] += one[0, 0, : end - begin]
        counts[begin:end] += 1
    expected = resized(total / counts, (1, own))[0, 0, 0]
    found = shares(spans, positions, padded, own, device=CPU)
    assert found.shape == (own, len(spans) * positions)
    assert (found >= 0).all()
    torch.testing.assert_close(found.sum(dim=1), torch.ones(own))
    torch.testing.assert_close(found @ maps.flatten(), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("case", SIDES)
def test_a_run_holds_the_pixels_that_are_mixed_from_its_corners(
    case: tuple[list[tuple[int, int]], int, int, int],
) -> None:
    weights, side = shares(*case, device=CPU), side_of(case)
    again = torch.zeros_like(weights)
    for run, (corners, own, pixels) in enumerate(zip(side.corners, side.shares, side.pixels, strict=True)):
        held = sorted(set(pixels.tolist()))
        assert held == (side.run == run).nonzero()[:, 0].tolist()
        for pixel, share in zip(pixels, own, strict=True):
            assert set((weights[pixel] != 0).nonzero()[:, 0].tolist()) <= set(corners.tolist())
            again[pixel] = 0
            again[pixel].index_add_(0, corners, share)
    assert torch.equal(again, weights), "every pixel is in a run, with its shares to the bit"


def test_the_cells_of_stride_4() -> None:
    side = side_of(([(0, 12)], 3, 12, 12))
    assert side.corners.tolist() == [[0, 0], [0, 1], [1, 2], [2, 2]]
    assert side.pixels.tolist() == [[0, 1, 1, 1], [2, 3, 4, 5], [6, 7, 8, 9], [10, 11, 11, 11]]
    assert side.shares[1].tolist() == [[0.875, 0.125], [0.625, 0.375], [0.375, 0.625], [0.125, 0.875]]


def enlarged(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(maps, size=size, mode="bilinear")


@pytest.mark.parametrize(("padded", "own"), [((64, 96), (64, 96)), ((72, 100), (61, 93)), ((40, 80), (200, 333))])
def test_rounding_is_bounded(padded: tuple[int, int], own: tuple[int, int]) -> None:
    """Enlarging a map errs by less than half of what is allowed for a logit; the sum over corners may have the rest."""
    maps = torch.randn(50, 1, 16, 20, generator=torch.Generator().manual_seed(0))
    weights = [
        shares([(0, size)], n, size, end, device=CPU) for n, size, end in zip((16, 20), padded, own, strict=True)
    ]
    exact = torch.einsum("yi,xj,ncij->ncyx", weights[0].double(), weights[1].double(), maps.double())
    found = resized(resized(maps, padded), own)
    bound = rounding(*(cells_along(each) for each in weights)) / 2 * float(maps.abs().max())
    assert float((found - exact).abs().max()) < bound / 2


@pytest.mark.parametrize("most", [1, 4, 6, 20, 10**6])
@pytest.mark.parametrize("case", [SIDES[0], SIDES[5], SIDES[9], SIDES[11]])
def test_parts_cover_the_photo_once(case: tuple[list[tuple[int, int]], int, int, int], most: int) -> None:
    rows, columns = side_of(case), side_of(SIDES[4])
    seen = torch.zeros(len(rows.corners), len(columns.corners), dtype=torch.int64)
    for down, across in parts(rows, columns, most):
        seen[down, across] += 1
        held = len(torch.unique(rows.corners[down])) * len(torch.unique(columns.corners[across]))
        assert held <= max(most, rows.corners.shape[1] * columns.corners.shape[1])
    assert (seen == 1).all()
    if most == 10**6:
        assert len(list(parts(rows, columns, most))) == 1


@pytest.mark.parametrize("case", SIDES)
def test_runs_are_joined_within_the_largest(case: tuple[list[tuple[int, int]], int, int, int]) -> None:
    """No run has more pixels than the longest of equal positions, nor a quarter more positions; no corner is idle."""
    used, side = shares(*case, device=CPU) != 0, side_of(case)
    same = [len(list(run)) for _, run in groupby(used.tolist())]
    assert int(side.run.bincount().max()) == side.pixels.shape[1] == max(same)
    most = int(used.sum(dim=1).max())
    assert side.corners.shape[1] <= most + most // 4
    assert len(side.corners) <= len(same)
    first = side.corners == side.corners.roll(1, dims=1)
    first[:, 0] = False
    assert ((side.shares > 0).any(dim=1) | first).all()


def test_short_runs_are_joined_after_two_resizings() -> None:
    """Stride 4, 160 pixels brought to 213: runs of 4 pixels, and of 1 and 2 between them."""
    case = ([(0, 160)], 40, 160, 213)
    used, side = shares(*case, device=CPU) != 0, side_of(case)
    assert (len(list(groupby(used.tolist()))), len(side.corners)) == (79, 54)
    assert (side.corners.shape[1], side.pixels.shape[1]) == (3, 5)
