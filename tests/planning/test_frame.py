"""Sizes of photos and crops."""

import pytest

from clipteacher.planning.frame import CPU_SIDE, GPU_SIDE, STEP, choose_frame, windows_for


@pytest.mark.parametrize(
    ("size", "gpu", "short_side", "crop", "teacher_side"),
    [
        ((213, 320), False, None, (224, 320), None),
        ((128, 128), False, None, (128, 128), 192),
        ((1080, 1920), False, 256, (256, 384), None),
        ((1920, 1080), False, 256, (384, 256), None),
        ((480, 640), True, None, (480, 640), None),
        ((3000, 4000), True, 512, (512, 672), None),
        ((300, 3000), True, None, (288, 448), None),
        ((20, 20), False, None, (32, 32), 192),
    ],
)
def test_a_crop_is_about_a_photo(
    size: tuple[int, int], gpu: bool, short_side: int | None, crop: tuple[int, int], teacher_side: int | None
) -> None:
    frame = choose_frame(*size, gpu=gpu)
    assert (frame.short_side, frame.crop, frame.teacher_side) == (short_side, crop, teacher_side)
    assert all(side % STEP == 0 for side in frame.crop)
    assert min(frame.crop) <= (GPU_SIDE if gpu else CPU_SIDE)
    assert f"{size[1]}x{size[0]}" in frame.reason


@pytest.mark.parametrize(
    ("size", "gpu", "short_side", "crop", "cache_side"),
    [
        ((213, 320), False, 160, (160, 256), None),
        ((1080, 1920), False, 160, (160, 256), 256),
        ((1080, 1920), True, 320, (320, 480), 512),
        ((128, 128), False, None, (128, 128), None),
    ],
)
def test_where_time_is_short_the_student_sees_smaller_photos_and_the_teacher_does_not(
    size: tuple[int, int], gpu: bool, short_side: int | None, crop: tuple[int, int], cache_side: int | None
) -> None:
    frame, usual = (choose_frame(*size, gpu=gpu, quick=quick) for quick in (True, False))
    assert (frame.short_side, frame.crop, frame.cache_side, frame.quick) == (short_side, crop, cache_side, True)
    assert usual.cache_side == cache_side == usual.short_side
    assert ("time is too short" in frame.reason) == (short_side is not None)


@pytest.mark.parametrize(
    ("tokens", "usual", "windows"),
    [((10, 14), (14, 20), (4, 10)), ((14, 20), (14, 20), (6, 14)), ((6, 6), (12, 12), (1, 2))],
)
def test_windows_cover_the_same_part_of_a_smaller_photo(
    tokens: tuple[int, int], usual: tuple[int, int], windows: tuple[int, int]
) -> None:
    assert windows_for(tokens, usual) == windows


@pytest.mark.parametrize(
    ("tokens", "windows"), [((14, 20), (6, 14)), ((32, 32), (6, 14)), ((12, 18), (2, 4)), ((2, 2), (1, 2))]
)
def test_windows_fit_into_the_map(tokens: tuple[int, int], windows: tuple[int, int]) -> None:
    assert windows_for(tokens) == windows
