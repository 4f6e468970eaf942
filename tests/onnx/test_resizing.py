"""Resizing and windows without PyTorch give what PyTorch gives."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from clipteacher.inference import DensePrediction, TestSettings
from clipteacher.onnx.prediction import best_class, image_array, predicted_logits
from clipteacher.onnx.resizing import resized
from clipteacher.protocols.protocol import TestPipeline

SIZES = (
    *(((37, 50), (51, 68)), ((100, 150), (51, 77)), ((70, 91), (80, 104)), ((1, 1), (7, 7)), ((3, 200), (9, 600))),
    *(((2, 90), (1, 45)), ((97, 333), (13, 31)), ((40, 60), (80, 20)), ((9, 9), (1, 1)), ((5, 7), (5, 14))),
)


def maps(height: int, width: int) -> NDArray[np.float32]:
    return np.random.default_rng(height).random((4, height, width), dtype=np.float32)


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize(("old", "new"), SIZES)
def test_it_is_interpolate_to_rounding(old: tuple[int, int], new: tuple[int, int], antialias: bool) -> None:
    given = maps(*old)
    expected = F.interpolate(
        torch.from_numpy(given)[None], size=new, mode="bilinear", align_corners=False, antialias=antialias
    )[0].numpy()
    found = resized(given, new, antialias=antialias)
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_the_same_size_changes_no_bit() -> None:
    given = maps(5, 7)
    assert resized(given, (5, 7)) is given


@pytest.mark.parametrize(
    "pipeline",
    [
        TestPipeline(short_side=None, mode="whole"),
        TestPipeline(short_side=70, mode="whole"),
        TestPipeline(short_side=25, mode="whole"),
        TestPipeline(short_side=64, mode="slide", crop=48, stride=20),
        TestPipeline(short_side=None, mode="slide", crop=30, stride=30),
    ],
)
@pytest.mark.parametrize("size", [(40, 53), (1, 90), (90, 1)])
def test_windows_are_those_of_dense_prediction(pipeline: TestPipeline, size: tuple[int, int]) -> None:
    photo = np.random.default_rng(0).integers(256, size=(*size, 3), dtype=np.uint8)
    seen: list[tuple[int, ...]] = []

    def network(image: NDArray[np.float32]) -> NDArray[np.float32]:
        seen.append(image.shape)
        return np.concatenate([image, image.mean(axis=(1, 2), keepdims=True) - image]).astype(np.float32)

    logits = predicted_logits(network, image_array(photo), pipeline)
    found = resized(logits, size)
    images = torch.from_numpy(photo).permute(2, 0, 1)[None]
    expected = DensePrediction(
        lambda part: torch.from_numpy(network(part[0].numpy()))[None], images, TestSettings(pipeline, pad_multiple=1)
    ).logits()[0]
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)
    assert seen[: len(seen) // 2] == seen[len(seen) // 2 :], "the same windows"
    ids, values = best_class(logits, size)
    assert np.array_equal(ids, found.argmax(axis=0))
    assert np.array_equal(values, found.max(axis=0))


def test_8_bits_are_divided_as_for_pytorch() -> None:
    photo = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    expected = torch.from_numpy(photo).permute(2, 0, 1).float() / 255
    assert np.array_equal(image_array(photo), expected.numpy())
    assert np.array_equal(image_array(expected.permute(1, 2, 0).numpy()), expected.numpy())
