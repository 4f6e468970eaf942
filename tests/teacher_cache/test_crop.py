"""Crops of a photo's token map against a loop over tokens, and which CLS token a crop has."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.data.augment import Augment
from clipteacher.data.crop_box import CropBox, whole
from clipteacher.teacher_cache.tokens import PhotoTokens, axis_weights, crop_tokens, nearest_view, view_boxes
from clipteacher.teachers.teacher import TeacherTokens


def naive_crop(dense: Tensor, box: CropBox, size: tuple[int, int], black: Tensor) -> Tensor:
    """One crop's tokens, one at a time: what the box says, pixel by pixel."""
    _, h, w = dense.shape
    out = black.clone()
    for i in range(black.shape[1]):
        for j in range(black.shape[2]):
            y, x = (i + 0.5) * size[0] / black.shape[1], (j + 0.5) * size[1] / black.shape[2]
            if y >= box.rows or x >= box.columns:
                continue
            x = box.columns - x if box.flipped else x
            v, u = (box.top + y) / box.height * h, (box.left + x) / box.width * w
            tall = max(1.0, size[0] / black.shape[1] / box.height * h)
            wide = max(1.0, size[1] / black.shape[2] / box.width * w)
            total, token = 0.0, torch.zeros(len(dense))
            for k in range(h):
                for m in range(w):
                    weight = max(0.0, 1 - abs(k + 0.5 - v) / tall) * max(0.0, 1 - abs(m + 0.5 - u) / wide)
                    total, token = total + weight, token + weight * dense[:, k, m]
            out[:, i, j] = token / total
    return out


BOXES = [
    CropBox("a", 60, 80, 0, 0, 48, 64, False),
    CropBox("b", 60, 80, 12, 16, 48, 64, True),
    CropBox("c", 30, 40, 0, 0, 30, 40, False),  # smaller than the crop: padded right and below
    CropBox("d", 30, 40, 0, 0, 30, 40, True),
    CropBox("e", 500, 300, 100, 7, 48, 64, True),
]


def test_crops_as_a_loop_computes_them() -> None:
    generator = torch.Generator().manual_seed(0)
    sizes = [(6, 8), (7, 5), (12, 3), (3, 20), (2, 2)]
    photos = [
        PhotoTokens(torch.randn(1, 4, generator=generator).half(), torch.randn(4, *size, generator=generator).half())
        for size in sizes
    ]
    black = TeacherTokens(torch.zeros(1, 4), torch.randn(1, 4, 6, 4, generator=generator))
    cls, dense = crop_tokens(photos, BOXES, (48, 64), black, parts=1)
    assert cls.dtype == dense.dtype == torch.float32
    for number, (photo, box) in enumerate(zip(photos, BOXES, strict=True)):
        expected = naive_crop(photo.dense.float(), box, (48, 64), black.dense[0])
        torch.testing.assert_close(dense[number], expected, rtol=1e-4, atol=1e-5)
        assert torch.equal(cls[number], photo.cls[0].float())


def test_a_crop_of_everything_is_torchs_antialiased_resize() -> None:
    dense = torch.randn(1, 3, 9, 10, generator=torch.Generator().manual_seed(0))
    down, across = axis_weights(9, 90, 0, 90, 90, 4)[0], axis_weights(10, 70, 0, 70, 70, 14)[0]
    mine = torch.einsum("oh,bchw,pw->bcop", down, dense, across)
    expected = F.interpolate(dense, size=(4, 14), mode="bilinear", align_corners=False, antialias=True)
    torch.testing.assert_close(mine, expected, rtol=1e-4, atol=1e-5)


def test_a_flipped_crop_is_the_mirrored_crop() -> None:
    photo = PhotoTokens(
        torch.zeros(1, 2).half(), torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0)).half()
    )
    black = TeacherTokens(torch.zeros(1, 2), torch.zeros(1, 2, 4, 6))
    box = CropBox("a", 50, 70, 3, 11, 40, 40, False)
    plain, flipped = crop_tokens([photo] * 2, [box, box._replace(flipped=True)], (40, 40), black, parts=1).dense
    torch.testing.assert_close(flipped, plain.flip(2))


def test_the_tokens_under_a_crop_are_those_of_its_pixels() -> None:
    """A teacher that averages blocks of pixels: what is cut out of the photo's map is what it says of the crop."""
    augment = Augment(crop_size=(16, 24), scale=(1.0, 1.0), cat_max_ratio=1.0, photometric=0.0)
    y, x = torch.meshgrid(torch.arange(40), torch.arange(56), indexing="ij")
    image = torch.stack([2 * y, 3 * x, y + x]).to(torch.uint8)  # linear, so that bilinear tokens are exact
    black = TeacherTokens(torch.zeros(1, 3), torch.zeros(1, 3, 4, 6))
    photo = PhotoTokens(torch.zeros(1, 3).half(), F.avg_pool2d(image[None].float(), 4)[0].half())
    flips = set()
    for seed in range(12):
        torch.manual_seed(seed)
        crop, _, box = augment.with_crop_box(image, torch.zeros(40, 56, dtype=torch.uint8))
        flips.add(box.flipped)
        found = crop_tokens([photo], [box], (16, 24), black, parts=1).dense
        expected = F.avg_pool2d(crop[None].float(), 4)
        inner = (found - expected)[..., 1:-1, 1:-1]  # at the photo's edge the map is cut off
        assert inner.abs().max() < 0.1
    assert flips == {True, False}


def test_a_crop_has_the_cls_token_of_the_view_nearest_to_it() -> None:
    assert len(view_boxes(1)) == 1
    assert len(view_boxes(3)) == 10
    assert nearest_view(whole("a", 60, 90), 2) == 0
    assert nearest_view(CropBox("a", 60, 90, 0, 0, 40, 60, False), 2) == 1
    assert nearest_view(CropBox("a", 60, 90, 20, 30, 40, 60, True), 2) == 4
    assert nearest_view(CropBox("a", 60, 90, 20, 30, 40, 60, True), 1) == 0


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_every_place_of_a_photo_has_a_view(parts: int) -> None:
    boxes = view_boxes(parts)
    for y in torch.linspace(0.01, 0.99, 9).tolist():
        for x in torch.linspace(0.01, 0.99, 9).tolist():
            assert any(top <= y <= bottom and left <= x <= right for top, left, bottom, right in boxes[-(parts**2) :])
