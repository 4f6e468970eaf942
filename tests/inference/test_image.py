"""From photos to images: what networks take, from 8 bits and from floating point."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from clipteacher.inference.image import check_images, float_images, image_tensor
from clipteacher.segmenter.segmenter import Segmenter


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


def test_a_picture_of_pillows_gives_no_warning(recwarn: pytest.WarningsRecorder) -> None:
    """Its array is read-only, of which PyTorch warns."""
    pixels = np.asarray(Image.new("RGB", (1, 1), (1, 2, 3)))
    assert not pixels.flags.writeable
    image = image_tensor(pixels)
    image += 1
    assert image.flatten().tolist() == [2, 3, 4]
    assert pixels.flatten().tolist() == [1, 2, 3]
    assert not recwarn.list


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.rand(0, 3, 4, 4), r"got shape \(0, 3, 4, 4\), expected \(B, 3, H, W\).*at least one image"),
        (torch.rand(1, 3, 0, 4), r"got shape \(1, 3, 0, 4\).*at least one image and one pixel"),
        (torch.rand(1, 4, 4, 4), r"got shape \(1, 4, 4, 4\).*RGB"),
        (torch.rand(1, 1, 4, 4), r"got shape \(1, 1, 4, 4\).*RGB"),
        (torch.rand(3, 4, 4), r"got shape \(3, 4, 4\).*images\[None\]"),
        (torch.rand(1, 4, 4, 3), r"got shape \(1, 4, 4, 3\).*permute\(0, 3, 1, 2\)"),
        (torch.full((1, 3, 4, 4), torch.nan), "got values nan..nan, expected 0..1. NaN is no colour"),
        (torch.tensor([0, 0.5, torch.nan]).view(1, 3, 1, 1), "got values nan..nan, expected 0..1"),
        (torch.tensor([0, 0.5, torch.inf]).view(1, 3, 1, 1), "got values 0..inf, expected 0..1"),
        (torch.tensor([0, 9, 255.0]).view(1, 3, 1, 1), "got values 0..255, expected 0..1. Divide 8-bit values by 255"),
        (torch.tensor([-2, 0, 2.0]).view(1, 3, 1, 1), "got values -2..2, expected 0..1. Undo the normalization"),
        (torch.tensor([-2, 0, 2.0]).view(1, 3, 1, 1).half(), "got values -2..2, expected 0..1"),
        (torch.zeros(1, 3, 4, 4, dtype=torch.int64), r"got torch.int64, expected uint8.*images.to\(torch.uint8\)"),
        (torch.zeros(1, 3, 4, 4, dtype=torch.bool), "got torch.bool, expected uint8"),
    ],
)
def test_images_that_no_network_should_see(images: torch.Tensor, message: str) -> None:
    model = Segmenter(nn.Conv2d(3, 3, 1), ["red", "green", "blue"], torch.eye(3))
    for segment in (model, model.to_closed_set(), check_images):
        with pytest.raises(ValueError, match=f"images: {message}"):
            segment(images)


def test_images_that_are_no_tensor() -> None:
    with pytest.raises(TypeError, match=r"images: got ndarray, expected a tensor \(B, 3, H, W\)"):
        Segmenter(nn.Identity(), ["red", "green", "blue"], torch.eye(3))(np.zeros((1, 3, 4, 4)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_images_of_any_floating_point(dtype: torch.dtype) -> None:
    """The segmenter brings them to the type of its weights."""
    images = torch.tensor([0.9, 0.1, 0.2]).view(1, 3, 1, 1).expand(2, 3, 4, 5)
    model = Segmenter(nn.Conv2d(3, 3, 1), ["red", "green", "blue"], torch.eye(3))
    assert torch.equal(model(images.to(dtype)), model(images))
    assert torch.equal(model.to_closed_set()(images.to(dtype)), model(images))
