"""Augmentation: sizes, alignment of photo and labels, padding, and that every option turns something."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from clipteacher.data.augment import Augment

PLAIN = Augment(crop_size=(24, 32), scale=(1.0, 1.0), cat_max_ratio=1.0, flip=0.0, photometric=0.0)


def draw_pair(height: int = 40, width: int = 56) -> tuple[Tensor, Tensor]:
    """A photo of noise, and labels 0..3 in stripes with some 255."""
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(256, (3, height, width), generator=generator, dtype=torch.uint8)
    mask = (torch.arange(width) // 8 % 4).to(torch.uint8).expand(height, width).clone()
    mask[:4] = 255
    return image, mask


def coloured_pair(height: int = 40, width: int = 56) -> tuple[Tensor, Tensor]:
    """A photo that shows its own labels: pixels of label k have the value 40 k."""
    mask = torch.zeros(height, width, dtype=torch.uint8)
    mask[8:, 12:] = 1
    mask[20:, 30:] = 2
    return (mask * 40).expand(3, height, width).contiguous(), mask


def run(augment: Augment, pair: tuple[Tensor, Tensor], seed: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(seed)
    return augment(*pair)


@pytest.mark.parametrize("size", [(40, 56), (10, 90), (90, 10), (3, 3), (24, 32)])
def test_size_and_type(size: tuple[int, int]) -> None:
    augment = Augment(crop_size=(24, 32), scale=(0.1, 2.0))
    for seed in range(10):
        image, mask = run(augment, draw_pair(*size), seed)
        assert image.shape == (3, 24, 32)
        assert mask.shape == (24, 32)
        assert image.dtype == mask.dtype == torch.uint8
        assert type(image) is type(mask) is Tensor
        assert set(mask.flatten().tolist()) <= {0, 1, 2, 3, 255}


def test_input_is_left_alone() -> None:
    image, mask = draw_pair()
    kept = image.clone(), mask.clone()
    for seed in range(20):
        run(replace(PLAIN, flip=0.5, photometric=1.0), (image, mask), seed)
    assert torch.equal(image, kept[0])
    assert torch.equal(mask, kept[1])


def test_nothing_drawn_is_a_crop() -> None:
    image, mask = draw_pair()
    crop_image, crop_mask = run(PLAIN, (image, mask), 0)
    places = [
        (top, left)
        for top in range(40 - 24 + 1)
        for left in range(56 - 32 + 1)
        if torch.equal(image[:, top : top + 24, left : left + 32], crop_image)
    ]
    assert len(places) == 1
    (top, left) = places[0]
    assert torch.equal(mask[top : top + 24, left : left + 32], crop_mask)


def test_photo_and_labels_stay_together() -> None:
    augment = replace(PLAIN, scale=(0.5, 2.0), flip=0.5)
    for seed in range(20):
        image, mask = run(augment, coloured_pair(), seed)
        valid = mask != 255
        # A blended pixel on the border of a patch shows the label that it shows more of.
        right = (image[0].int() - mask.int() * 40).abs()[valid] <= 21
        assert right.float().mean() > 0.99


def test_padding_is_right_and_below() -> None:
    augment = replace(PLAIN, flip=1.0, photometric=1.0)
    image, mask = run(augment, (torch.full((3, 10, 12), 200, dtype=torch.uint8), torch.ones(10, 12).byte()), 0)
    assert (mask[:10, :12] == 1).all()
    assert (image[:, :10, :12] > 0).all()
    assert (mask == 1).sum() == 120
    assert (mask[10:] == 255).all()
    assert (mask[:, 12:] == 255).all()
    assert not image[:, 10:].any()
    assert not image[:, :, 12:].any()


def test_flip_mirrors_both() -> None:
    whole = replace(PLAIN, crop_size=(40, 56))
    image, mask = draw_pair()
    flipped = run(replace(whole, flip=1.0), (image, mask), 0)
    assert torch.equal(flipped[0], image.flip(-1))
    assert torch.equal(flipped[1], mask.flip(-1))


def test_base_size_is_the_shorter_side() -> None:
    for size in ((40, 56), (56, 40)):
        _, mask = run(replace(PLAIN, crop_size=(100, 100), base_size=20), coloured_pair(*size), 0)
        labelled = mask != 255
        assert labelled.any(1).sum() == size[0] // 2
        assert labelled.any(0).sum() == size[1] // 2


def naive_share(mask: Tensor) -> float:
    """Largest share of a class among labelled pixels; 1 without two classes."""
    values = [value for row in mask.tolist() for value in row if value != 255]
    return max(values.count(value) for value in set(values)) / len(values) if len(set(values)) > 1 else 1.0


def test_cat_max_ratio_prefers_mixed_crops() -> None:
    # One corner holds class 1; ignored pixels fill half of the rest and must not be counted as a class.
    mask = torch.zeros(60, 60, dtype=torch.uint8)
    mask[:, ::2] = 255
    mask[:14, :14] = 1
    pair = (torch.zeros(3, 60, 60, dtype=torch.uint8), mask)

    def mixed(ratio: float) -> int:
        augment = replace(PLAIN, crop_size=(20, 20), cat_max_ratio=ratio)
        return sum(naive_share(run(augment, pair, seed)[1]) < 0.75 for seed in range(60))

    first, retried = mixed(1.0), mixed(0.75)
    assert 0 < first < 15
    assert retried > 2 * first


def test_photometric_changes_the_image_alone() -> None:
    image, mask = draw_pair(24, 32)
    changed = 0
    for seed in range(30):
        other, labels = run(replace(PLAIN, photometric=0.5), (image, mask), seed)
        assert torch.equal(labels, mask)
        changed += not torch.equal(other, image)
    assert 20 < changed < 30  # 1 - 0.5^4 of them


def test_channels_are_never_swapped() -> None:
    red = torch.zeros(3, 24, 32, dtype=torch.uint8)
    red[0] = 200
    for seed in range(60):
        image, _ = run(replace(PLAIN, photometric=1.0), (red, torch.zeros(24, 32).byte()), seed)
        assert image.float().mean((1, 2)).argmax() == 0


@pytest.mark.parametrize(
    "option",
    [
        {"crop_size": (20, 32)},
        {"scale": (0.6, 0.9)},
        {"base_size": 30},
        {"cat_max_ratio": 0.2},
        {"flip": 1.0},
        {"photometric": 1.0},
    ],
)
def test_every_knob_turns_something(option: dict[str, Any]) -> None:
    pair = draw_pair()
    plain, turned = (run(augment, pair, 3)[0] for augment in (PLAIN, replace(PLAIN, **option)))
    assert plain.shape != turned.shape or not torch.equal(plain, turned)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"crop_size": 512}, r"crop_size: got 512, expected two numbers"),
        ({"crop_size": (0, 5)}, r"crop_size: got \(0, 5\), expected whole pixels"),
        ({"crop_size": (5.0, 5)}, r"crop_size: got \(5\.0, 5\)"),
        ({"base_size": 0}, r"base_size: got 0, expected whole pixels"),
        ({"scale": (2.0, 0.5)}, r"scale: got \(2\.0, 0\.5\), expected 0 < smallest <= largest"),
        ({"scale": (0.0, 0.5)}, r"scale: got"),
        ({"cat_max_ratio": 0.0}, r"cat_max_ratio: got 0\.0"),
        ({"flip": 1.5}, r"flip: got 1\.5, expected a probability"),
        ({"photometric": True}, r"photometric: got True"),
    ],
)
def test_bad_arguments(option: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Augment(**option)


def test_bad_tensors() -> None:
    image, mask = draw_pair()
    with pytest.raises(ValueError, match=r"got \(3, 40, 56\) and \(40, 55\)"):
        PLAIN(image, mask[:, 1:])
    with pytest.raises(ValueError, match=r"got torch.float32 and torch.uint8, expected uint8"):
        PLAIN(image.float(), mask)


def test_a_list_from_yaml_will_do() -> None:
    assert Augment(crop_size=[8, 8], scale=[1, 2]) == Augment(crop_size=(8, 8), scale=(1, 2))  # type: ignore[arg-type]
