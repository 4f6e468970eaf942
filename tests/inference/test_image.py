"""From photos to images: what networks take, from 8 bits and from floating point."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from clipteacher.inference.image import float_images, image_tensor


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_photo_becomes_channels_first_and_keeps_its_type(dtype: Any) -> None:  # noqa: ANN401
    photo: NDArray[Any] = np.random.default_rng(0).integers(0, 2, (4, 5, 3)).astype(dtype)[:, ::-1]
    image = image_tensor(photo)
    assert image.shape == (3, 4, 5)
    assert image.is_contiguous()
    assert np.array_equal(image.numpy(), photo.transpose(2, 0, 1))
    assert image.numpy().dtype == dtype


def test_8_bits_are_divided_by_255_and_other_types_stay() -> None:
    values = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(float_images(values), torch.arange(256) / 255)
    for dtype in (torch.float32, torch.float64, torch.float16):
        images = torch.rand(2, 3, 4, 5).to(dtype)
        assert float_images(images) is images
