"""Sizes and windows: against tables written by hand and against mmseg's rule written out."""

from dataclasses import replace

import pytest

from clipteacher.inference.placement import OWN_SIZE, bounded_note, input_size, resized_size, windows
from clipteacher.protocols.protocol import TestPipeline


@pytest.mark.parametrize(
    ("size", "short_side", "expected"),
    [
        ((480, 640), 512, (512, 683)),
        ((640, 480), 512, (683, 512)),
        ((512, 512), 512, (512, 512)),
        ((375, 500), None, (375, 500)),
        ((2, 5), 1, (1, 3)),  # 2.5 goes up
        ((1000, 3), 1, (333, 1)),
        ((1, 1), 7, (7, 7)),
    ],
)
def test_sizes(size: tuple[int, int], short_side: int | None, expected: tuple[int, int]) -> None:
    assert resized_size(*size, short_side) == expected


@pytest.mark.parametrize("size", [(7, 11), (300, 500), (333, 1024), (1080, 1920)])
@pytest.mark.parametrize("short_side", [5, 224, 512])
def test_the_shorter_side_is_met_and_the_ratio_kept(size: tuple[int, int], short_side: int) -> None:
    height, width = resized_size(*size, short_side)
    assert height == short_side
    assert abs(width - size[1] * short_side / size[0]) <= 0.5


WINDOWS = TestPipeline(short_side=None, mode="slide", crop=512, stride=426)


@pytest.mark.parametrize(
    ("size", "pipeline", "expected"),
    [
        ((2048, 2048), OWN_SIZE, (2048, 2048)),
        ((1024, 4096), OWN_SIZE, (1024, 4096)),
        ((2049, 2048), OWN_SIZE, (2048, 2047)),
        ((4096, 4096), OWN_SIZE, (2048, 2048)),
        ((9000, 9000), OWN_SIZE, (2048, 2048)),
        ((3024, 4032), replace(OWN_SIZE, short_side=256), (256, 341)),
        ((3024, 4032), replace(OWN_SIZE, short_side=3024), (1773, 2364)),
        ((9000, 9000), WINDOWS, (9000, 9000)),
        ((600, 800), replace(WINDOWS, short_side=4096), (1773, 2364)),
        ((3000, 3000), replace(WINDOWS, short_side=4096), (3000, 3000)),
        ((1, 10_000), OWN_SIZE, (1, 10_000)),
        ((1, 10_000), replace(OWN_SIZE, short_side=512), (6, 65_536)),
        ((10_000, 1), replace(WINDOWS, short_side=512), (65_536, 6)),
        ((1, 80_000_000), OWN_SIZE, (1, 65_536)),
    ],
)
def test_what_a_network_sees_at_once_is_bounded(
    size: tuple[int, int], pipeline: TestPipeline, expected: tuple[int, int]
) -> None:
    assert input_size(*size, pipeline) == expected
    bounded = expected != resized_size(*size, pipeline.short_side)
    said = f"{size[1]}x{size[0]} seen as {expected[1]}x{expected[0]}"
    assert bounded_note(*size, pipeline) == (said if bounded else "")


def mmseg_windows(height: int, width: int, crop: int, stride: int) -> list[tuple[int, int, int, int]]:
    """The rule as `slide_inference` states it: begin at each multiple, cut at the edge, pull back by a crop."""
    boxes = []
    for row in range(-(-max(height - crop, 0) // stride) + 1):
        for column in range(-(-max(width - crop, 0) // stride) + 1):
            bottom, right = min(row * stride + crop, height), min(column * stride + crop, width)
            boxes.append((max(bottom - crop, 0), max(right - crop, 0), bottom, right))
    return boxes


@pytest.mark.parametrize("size", [(1, 1), (6, 6), (7, 6), (5, 20), (12, 13), (31, 17)])
@pytest.mark.parametrize(("crop", "stride"), [(6, 6), (6, 4), (6, 1), (7, 3), (40, 30)])
def test_windows_cover_every_pixel_as_mmsegs_do(size: tuple[int, int], crop: int, stride: int) -> None:
    placed = windows(*size, TestPipeline(short_side=None, mode="slide", crop=crop, stride=stride))
    assert placed == mmseg_windows(*size, crop, stride)
    assert len(set(placed)) == len(placed)
    covered = {(y, x) for top, left, bottom, right in placed for y in range(top, bottom) for x in range(left, right)}
    assert covered == {(y, x) for y in range(size[0]) for x in range(size[1])}
    for top, left, bottom, right in placed:
        assert (bottom - top, right - left) == (min(crop, size[0]), min(crop, size[1]))


def test_published_windows() -> None:
    """ZegCLIP's 512 / 426 and OTSeg's 480 / 80 on a photo of COCO."""
    zegclip = TestPipeline(short_side=512, mode="slide", crop=512, stride=426)
    otseg = TestPipeline(short_side=512, mode="slide", crop=480, stride=80)
    assert windows(512, 683, zegclip) == [(0, 0, 512, 512), (0, 171, 512, 683)]
    assert [box[:2] for box in windows(512, 683, otseg)] == [(y, x) for y in (0, 32) for x in (0, 80, 160, 203)]


def test_whole_is_one_window_whatever_crop_and_stride() -> None:
    assert windows(30, 50, OWN_SIZE) == [(0, 0, 30, 50)]
    assert windows(30, 50, TestPipeline(short_side=8, mode="whole", crop=8, stride=4)) == [(0, 0, 30, 50)]
