"""Label maps at another size, against a loop and against PyTorch's nearest-exact."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.utils.nearest import resize_labels

SIDES = (1, 2, 3, 4, 5, 7, 8, 12, 16, 31, 32, 33, 41, 64, 100)


def loop(labels: Tensor, height: int, width: int) -> Tensor:
    """Position i of h takes the pixel that its middle, (i + 1/2) / h of the way, lies in."""
    rows = [(2 * i + 1) * labels.shape[0] // (2 * height) for i in range(height)]
    columns = [(2 * i + 1) * labels.shape[1] // (2 * width) for i in range(width)]
    return torch.stack([torch.stack([labels[y, x] for x in columns]) for y in rows])


def check_as_pytorch(labels: Tensor, size: tuple[int, int]) -> None:
    """Check (H, W) against `F.interpolate`, whose rounding may differ where a middle lies between two pixels."""
    theirs = F.interpolate(labels[None, None].double(), size=size, mode="nearest-exact")[0, 0].long()
    rows, columns = (
        (2 * torch.arange(new) + 1) * old % (2 * new) == 0 for old, new in zip(labels.shape, size, strict=True)
    )
    tied = rows[:, None] | columns
    assert torch.equal(resize_labels(labels, size)[~tied], theirs[~tied])


@pytest.mark.parametrize("old", SIDES)
def test_every_side_to_every_other_as_pytorch_and_a_loop_take_them(old: int) -> None:
    labels = torch.arange(old * 3).view(old, 3)
    for new in SIDES:
        assert torch.equal(resize_labels(labels, (new, 2)), loop(labels, new, 2))
        check_as_pytorch(labels, (new, 2))


@pytest.mark.parametrize("old", [(375, 500), (512, 512), (333, 1024), (9, 13)])
@pytest.mark.parametrize("new", [(94, 125), (128, 128), (41, 61)])
def test_sizes_of_photos_as_pytorch_takes_them(old: tuple[int, int], new: tuple[int, int]) -> None:
    check_as_pytorch(torch.randint(256, old, generator=torch.Generator().manual_seed(0)), new)


def test_a_middle_between_two_positions_takes_the_later() -> None:
    """With PyTorch it depends on the sizes: from 4 positions to 41 the earlier is taken."""
    for new in range(1, 100, 2):
        middle = resize_labels(torch.tensor([[0, 1, 2, 3]]), (1, new))[0, new // 2]
        assert middle == 2


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64, torch.bool, torch.float32])
def test_the_type_is_kept_and_large_ids_are_not_rounded(dtype: torch.dtype) -> None:
    labels = torch.tensor([[0, 1, 2**60 + 1, 3]]) if dtype == torch.int64 else torch.tensor([[0, 1, 1, 0]]).to(dtype)
    found = resize_labels(labels, (2, 2))
    assert found.dtype == dtype
    assert torch.equal(found, labels[:, [1, 3]].expand(2, 2))


def test_labels_of_that_size_are_themselves() -> None:
    labels = torch.zeros(2, 3, 4)
    assert resize_labels(labels, (3, 4)) is labels
