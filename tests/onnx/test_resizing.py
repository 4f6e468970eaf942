"""Resizing in numpy and Pillow is torch's."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from clipteacher.onnx.resizing import resize_photo, resize_scores

SIZES = [((7, 9), (14, 30)), ((40, 33), (12, 10)), ((5, 5), (5, 5)), ((1, 1), (4, 3)), ((64, 48), (50, 70))]


@pytest.mark.parametrize(("old", "new"), SIZES)
def test_scores(old: tuple[int, int], new: tuple[int, int]) -> None:
    scores = torch.randn(4, *old, generator=torch.Generator().manual_seed(0))
    expected = F.interpolate(scores[None], size=new, mode="bilinear", align_corners=False)[0].numpy()
    made = resize_scores(scores.numpy(), *new)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, expected, atol=5e-5)


@pytest.mark.parametrize(("old", "new"), SIZES)
def test_photos(old: tuple[int, int], new: tuple[int, int]) -> None:
    image = torch.rand(3, *old, generator=torch.Generator().manual_seed(0))
    expected = F.interpolate(image[None], size=new, mode="bilinear", align_corners=False, antialias=True)[0]
    made = resize_photo(image.permute(1, 2, 0).numpy(), *new)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, expected.permute(1, 2, 0).numpy(), atol=1e-5, rtol=1e-5)
