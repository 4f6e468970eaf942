"""A teacher in windows: against a naive twin, to the bit where one window is the whole; cost, cache and YAML."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image
from tests.stand_ins import StandInTeacher, random_images, smooth_photo
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.analysis.student.run_options import read_run_options
from clipteacher.data.crop_box import whole
from clipteacher.teacher_cache import TeacherCache, TeacherCacheConfig
from clipteacher.teacher_cache.fingerprint import teacher_fingerprint
from clipteacher.teachers.openclip import OpenClipTeacher
from clipteacher.teachers.teacher import TeacherTokens, check_teacher
from clipteacher.teachers.windows import WindowedTeacher

WIDTH = 6


class Teacher(StandInTeacher):
    """Its tokens depend on the whole window: what they are relative to differs from window to window."""

    def __init__(self, patch: int = 4) -> None:
        super().__init__(WIDTH, patch)

    def encode_image(self, images: Tensor) -> TeacherTokens:
        cls, dense = super().encode_image(images)
        return TeacherTokens(cls, dense - cls[:, :, None, None] / 2)


class FixedTeacher(Teacher):
    """It brings every image to one size, as a tower without position interpolation must."""

    fixed_size = (16, 24)

    def encode_image(self, images: Tensor) -> TeacherTokens:
        size = self.fixed_size
        return super().encode_image(F.interpolate(images, size=size, mode="bilinear", antialias=True))


def twin(teacher: Any, image: Tensor, window: int, stride: int, step: int) -> Tensor:  # noqa: ANN401
    """Token by token: the mean over all windows that hold it, each encoded alone. Sides are multiples of the step."""
    height, width = image.shape[1] // step, image.shape[2] // step
    held: dict[tuple[int, int], list[Tensor]] = {(i, j): [] for i in range(height) for j in range(width)}
    side, seen = window // step, set()
    for row in range(0, height, stride // step):
        for column in range(0, width, stride // step):
            top, left = min(row, height - side), min(column, width - side)
            if (top, left) in seen:
                continue
            seen.add((top, left))
            part = image[:, top * step : top * step + window, left * step : left * step + window]
            dense = teacher.encode_image(part[None]).dense[0]
            for i in range(side):
                for j in range(side):
                    held[top + i, left + j].append(dense[:, i, j])
    out = torch.empty(WIDTH, height, width)
    for (i, j), tokens in held.items():
        out[:, i, j] = torch.stack(tokens).mean(dim=0)
    return out


@pytest.mark.parametrize(("size", "window", "stride"), [((32, 48), 16, 8), ((36, 20), 20, 16), ((24, 64), 16, 16)])
def test_tokens_are_the_mean_over_windows(size: tuple[int, int], window: int, stride: int) -> None:
    teacher, images = Teacher(), random_images(2, 3, *size)
    windowed = WindowedTeacher(teacher, window, stride)
    cls, dense = windowed.encode_image(images)
    assert dense.dtype == torch.float32
    assert dense.shape == (2, WIDTH, size[0] // 4, size[1] // 4)
    for b in range(2):
        torch.testing.assert_close(dense[b], twin(teacher, images[b], window, stride, step=4))
    assert torch.equal(cls, teacher.encode_image(images).cls), "of the whole image"
    assert not torch.allclose(dense, teacher.encode_image(images).dense, atol=1e-2)


def test_where_tokens_know_nothing_of_their_window_the_sum_is_the_whole() -> None:
    teacher, images = StandInTeacher(WIDTH), random_images(2, 3, 28, 44)
    dense = WindowedTeacher(teacher, 12, 4).encode_image(images).dense
    torch.testing.assert_close(dense, teacher.encode_image(images).dense, rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [(16, 16), (13, 16), (5, 7)])
def test_an_image_no_larger_than_the_window_has_the_teachers_own_tokens(size: tuple[int, int]) -> None:
    teacher, images = Teacher(), random_images(2, 3, *size)
    windowed = WindowedTeacher(teacher, 16)
    teacher.sizes.clear()
    found = windowed.encode_image(images)
    assert teacher.sizes == [(2, 3, *size)], "one pass"
    assert windowed.passes(*size) == 1
    for one, other in zip(found, teacher.encode_image(images), strict=True):
        assert torch.equal(one, other)


def test_one_window_of_open_clip_is_the_whole_to_the_bit(tiny_clip: tuple[Path, Path]) -> None:
    clip = OpenClipTeacher(str(tiny_clip[0]), str(tiny_clip[1]))
    images = random_images(1, 3, 30, 32)
    for one, other in zip(WindowedTeacher(clip, 32).encode_image(images), clip.encode_image(images), strict=True):
        assert torch.equal(one, other)


def test_other_sizes_are_brought_to_whole_tokens() -> None:
    """53 pixels become 52, 30 become 32; the rest is as for an image of that size."""
    teacher, images = Teacher(), random_images(1, 3, 53, 30)
    resized = F.interpolate(images, size=(52, 32), mode="bilinear", align_corners=False, antialias=True)
    dense = WindowedTeacher(teacher, 16, 8).encode_image(images).dense
    torch.testing.assert_close(dense[0], twin(teacher, resized[0], 16, 8, step=4))


def test_a_side_shorter_than_the_window_is_enlarged_to_it() -> None:
    teacher, images = Teacher(), random_images(1, 3, 10, 40)
    resized = F.interpolate(images, size=(16, 64), mode="bilinear", align_corners=False, antialias=True)
    dense = WindowedTeacher(teacher, 16, 8).encode_image(images).dense
    torch.testing.assert_close(dense[0], twin(teacher, resized[0], 16, 8, step=4))


def test_a_fixed_size_is_the_window_and_need_not_be_square() -> None:
    teacher, images = FixedTeacher(), random_images(1, 3, 32, 48)
    windowed = WindowedTeacher(teacher)
    assert (windowed.window, windowed.step, windowed.stride) == ((16, 24), (4, 4), (8, 12))
    teacher.sizes.clear()
    found = windowed.encode_image(images)
    assert {size[2:] for size in teacher.sizes} == {(16, 24)}
    assert found.dense.shape[2:] == (8, 12)
    expected = torch.zeros(WIDTH, 8, 12)
    counts = torch.zeros(8, 12)
    for top in (0, 2, 4):
        for left in (0, 3, 6):
            part = images[:, :, top * 4 : top * 4 + 16, left * 4 : left * 4 + 24]
            expected[:, top : top + 4, left : left + 6] += teacher.encode_image(part).dense[0]
            counts[top : top + 4, left : left + 6] += 1
    torch.testing.assert_close(found.dense[0], expected / counts)
    square = WindowedTeacher(FixedTeacher(), 24, 12)
    assert (square.window, square.step) == ((24, 24), (6, 4)), "a window of one's own goes in at the fixed size"


def test_a_size_of_the_teacher_is_that_of_each_window(tiny_clip: tuple[Path, Path]) -> None:
    """Windows of 32 pixels, each enlarged to 64: tokens are four pixels apart instead of eight."""
    clip = OpenClipTeacher(str(tiny_clip[0]), str(tiny_clip[1]), image_size=64)
    windowed = WindowedTeacher(clip, 32, 16)
    assert windowed.step == (4, 4)
    dense = windowed.encode_image(smooth_photo(48, 64)[None]).dense
    assert dense.shape == (1, 16, 12, 16)
    part = clip.encode_image(smooth_photo(48, 64)[None, :, :32, :32]).dense
    torch.testing.assert_close(dense[0, :, :4, :4], part[0, :, :4, :4])


@pytest.mark.parametrize(("size", "count"), [((64, 48), 2), ((200, 16), 3)])
def test_cost_and_memory(size: tuple[int, int], count: int) -> None:
    """Passes are as many as are told; no batch has more pixels than the images."""
    teacher = Teacher()
    windowed = WindowedTeacher(teacher, 16, 8)
    teacher.sizes.clear()
    windowed.encode_image(random_images(count, 3, *size))
    assert teacher.sizes[0] == (count, 3, *size)
    assert sum(each[0] for each in teacher.sizes) == count * windowed.passes(*size)
    assert all(each[2:] == (16, 16) for each in teacher.sizes[1:])
    assert max(each[0] for each in teacher.sizes) * 16 * 16 <= count * size[0] * size[1]
    assert windowed.passes(*size) == {(64, 48): 1 + 7 * 5, (200, 16): 1 + 24}[size]


def test_it_is_a_teacher_with_the_words_of_the_one_inside(tiny_clip: tuple[Path, Path]) -> None:
    clip = OpenClipTeacher(str(tiny_clip[0]), str(tiny_clip[1]))
    windowed = WindowedTeacher(clip, 32)
    check_teacher(windowed)
    assert windowed.width == clip.width
    assert windowed.spec() == clip.spec() is not None
    assert torch.equal(windowed.encode_text(["cat", "dog"]), clip.encode_text(["cat", "dog"]))


def test_nothing_of_it_is_trained_or_saved(tiny_clip: tuple[Path, Path]) -> None:
    windowed = WindowedTeacher(OpenClipTeacher(str(tiny_clip[0]), str(tiny_clip[1])), 32).train()
    assert not list(windowed.parameters())
    assert not windowed.state_dict()
    assert not windowed.teacher.image.network.training  # type: ignore[attr-defined]
    images = random_images(1, 3, 40, 40).requires_grad_()
    assert not any(tokens.requires_grad for tokens in windowed.encode_image(images))
    network: Any = windowed.to(torch.float64).teacher.image.network  # type: ignore[attr-defined]
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float64}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "window: got none for Teacher, which takes images of any size, expected pixels. Set window, such as 224"),
        ((0,), "window: got 0, expected pixels, 1..4096"),
        ((5000,), "window: got 5000, expected pixels, 1..4096"),
        ((18,), "window: got 18 pixels, which the teacher reads as 4 tokens, expected whole pixels a token. Set"),
        ((18,), "Set window, such as 16 or 20."),
        ((16, 6), "stride: got 6 for windows of 16x16 pixels, expected a multiple of 4, the pixels of a token"),
        ((16, 20), "stride: got 20 for windows of 16x16 pixels, expected a multiple of 4"),
        ((16, 0), "stride: got 0 for windows of 16x16 pixels"),
    ],
)
def test_wrong_options(arguments: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        WindowedTeacher(Teacher(), *arguments)


def test_what_is_no_teacher() -> None:
    with pytest.raises(TypeError, match="teacher: got Identity without width, encode_image"):
        WindowedTeacher(nn.Identity(), 16)


def test_the_default_stride_is_half_a_window_in_whole_tokens() -> None:
    assert WindowedTeacher(Teacher(), 16).stride == (8, 8)
    assert WindowedTeacher(Teacher(), 20).stride == (8, 8)
    assert WindowedTeacher(Teacher(), 4).stride == (4, 4)


def test_a_plain_object_is_a_teacher_too() -> None:
    """It need not be a module."""
    inner = Teacher()

    class Plain:
        width = WIDTH
        encode_image = staticmethod(inner.encode_image)
        encode_text = staticmethod(inner.encode_text)
        spec = staticmethod(inner.spec)

    images = random_images(1, 3, 24, 24)
    found = WindowedTeacher(Plain(), 16, 8).encode_image(images)  # type: ignore[arg-type]
    assert torch.equal(found.dense, WindowedTeacher(inner, 16, 8).encode_image(images).dense)


def test_the_cache_knows_window_stride_and_teacher(tmp_path: Path, tiny_clip: tuple[Path, Path]) -> None:
    clip = OpenClipTeacher(str(tiny_clip[0]), str(tiny_clip[1]))
    other = OpenClipTeacher(str(tiny_clip[0]), str(tiny_clip[1]), dense="tokens")
    teachers = (
        clip,
        WindowedTeacher(clip, 32),
        WindowedTeacher(clip, 32, 8),
        WindowedTeacher(clip, 24),
        WindowedTeacher(other, 32),
    )
    prints = [teacher_fingerprint(each) for each in teachers]
    assert len(set(prints)) == 5
    assert teacher_fingerprint(WindowedTeacher(clip, 32, 16)) == prints[1], "the default stride, written out"
    photo = smooth_photo(64, 96)
    pixels = (photo.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    cache = TeacherCache(teachers[1], TeacherCacheConfig(str(tmp_path / "tokens")))
    box = whole(str(tmp_path / "photo.png"), 64, 96)
    found, expected = cache.tokens(photo[None], [box]), teachers[1].encode_image(photo[None])
    assert found.dense.shape == (1, 16, 8, 12)
    for one, two in zip(found, expected, strict=True):
        torch.testing.assert_close(one, two, rtol=2e-3, atol=2e-3)
    hit = cache.tokens(photo[None], [box])
    assert all(torch.equal(one, two) for one, two in zip(found, hit, strict=True))


def test_a_configuration_names_it_around_another(tiny_config: Path) -> None:
    config = yaml.safe_load(tiny_config.read_text())
    inner = config["model"]["teacher"]
    path = "clipteacher.teachers.windows.WindowedTeacher"
    config["model"]["teacher"] = {"class_path": path, "init_args": {"teacher": inner, "window": 32, "stride": 8}}
    tiny_config.write_text(yaml.safe_dump(config))
    teacher: Any = read_run_options(tiny_config).teacher
    assert isinstance(teacher, WindowedTeacher)
    assert (teacher.window, teacher.stride) == ((32, 32), (8, 8))
    assert isinstance(teacher.teacher, OpenClipTeacher)
