"""Fused labels against a loop over pixels."""

import pytest
import torch
from torch import Tensor

from clipteacher.method.plm.fused_labels import fuse_labels


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def naive_fused(seen: Tensor, latent: Tensor, num_seen: int, ignore_index: int) -> tuple[list[list[int]], int]:
    """Fused labels of one image and its number of latent ids."""
    height, breadth = seen.shape
    down, across = latent.shape[0] / height, latent.shape[1] / breadth

    def below(y: int, x: int) -> int:
        return int(latent[int((y + 0.5) * down), int((x + 0.5) * across)])

    ignored = [(y, x) for y in range(height) for x in range(breadth) if int(seen[y, x]) == ignore_index]
    ids = sorted({below(y, x) for y, x in ignored} - {-1})
    fused = seen.tolist()
    for y, x in ignored:
        if below(y, x) != -1:
            fused[y][x] = num_seen + ids.index(below(y, x))
    return fused, len(ids)


@pytest.mark.parametrize("ignore_index", [-1, 255])
@pytest.mark.parametrize("token_map", [(3, 4), (12, 8), (24, 40), (1, 1), (5, 7)])
@pytest.mark.parametrize(("images", "ignored"), [(3, 0.5), (1, 0.5), (2, 0.0), (2, 2.0), (4, 0.02)])
def test_as_a_loop_computes_it(images: int, ignored: float, token_map: tuple[int, int], ignore_index: int) -> None:
    generator = torch.Generator().manual_seed(images)
    seen = torch.randint(5, (images, 12, 8), generator=generator)
    seen[torch.rand(seen.shape, generator=generator) < ignored] = ignore_index
    latent = torch.randint(-1, 9, (images, *token_map), generator=generator)
    labels, exists = fuse_labels(seen, latent, num_seen=5, ignore_index=ignore_index)
    assert labels.dtype == torch.int64
    assert exists.dtype == torch.bool
    counts = []
    for b in range(images):
        expected, count = naive_fused(seen[b], latent[b], 5, ignore_index)
        assert labels[b].tolist() == expected
        assert exists[b].tolist() == [m < count for m in range(exists.shape[1])]
        counts.append(count)
    assert exists.shape == (images, max(counts))


def test_no_pixel_ignored_leaves_the_labels() -> None:
    seen, latent = torch.randint(3, (2, 4, 4)), torch.randint(4, (2, 2, 2))
    labels, exists = fuse_labels(seen, latent, num_seen=3, ignore_index=-1)
    assert torch.equal(labels, seen)
    assert exists.shape == (2, 0)


def test_everything_ignored_gives_the_masks_alone() -> None:
    latent = torch.tensor([[[0, 1], [2, 2]], [[0, 0], [0, 0]]])
    labels, exists = fuse_labels(torch.full((2, 2, 2), -1), latent, num_seen=7, ignore_index=-1)
    assert torch.equal(labels, latent + 7)
    assert exists.tolist() == [[True, True, True], [True, False, False]]


def test_an_image_without_ignored_pixels_beside_one_with_them() -> None:
    seen = torch.tensor([[[0, 1]], [[0, -1]]])
    labels, exists = fuse_labels(seen, torch.tensor([[[3, 3]], [[3, 3]]]), num_seen=2, ignore_index=-1)
    assert labels.tolist() == [[[0, 1]], [[0, 2]]]
    assert exists.tolist() == [[False], [True]]


def test_masks_under_seen_labels_are_dropped_and_the_others_close_up() -> None:
    seen = torch.tensor([[[0, -1, 0, -1]]])
    labels, exists = fuse_labels(seen, torch.tensor([[[0, 4, 6, 9]]]), num_seen=1, ignore_index=-1)
    assert labels.tolist() == [[[0, 1, 0, 2]]]
    assert exists.tolist() == [[True, True]]


def test_where_no_mask_is_the_pixel_stays_ignored() -> None:
    labels, exists = fuse_labels(torch.full((1, 1, 2), 255), torch.tensor([[[-1, 0]]]), num_seen=2, ignore_index=255)
    assert labels.tolist() == [[[255, 2]]]
    assert exists.tolist() == [[True]]
    labels, exists = fuse_labels(torch.full((1, 1, 2), 255), torch.tensor([[[-1, -1]]]), num_seen=2, ignore_index=255)
    assert labels.tolist() == [[[255, 255]]]
    assert exists.shape == (1, 0)


def test_the_inputs_are_left_as_they_were() -> None:
    seen, latent = torch.tensor([[[0, -1]]]), torch.tensor([[[5, 5]]])
    fuse_labels(seen, latent, num_seen=1, ignore_index=-1)
    assert seen.tolist() == [[[0, -1]]]
    assert latent.tolist() == [[[5, 5]]]


def test_batches_that_differ() -> None:
    with pytest.raises(ValueError, match="fuse_labels: got 2 seen and 3 latent maps, expected as many"):
        fuse_labels(torch.zeros(2, 4, 4).long(), torch.zeros(3, 2, 2).long(), num_seen=1, ignore_index=-1)


def test_a_bound_on_the_masks_changes_nothing() -> None:
    """With it the number of masks is not read; the latent ids are the same, however far above it lies."""
    generator = torch.Generator().manual_seed(3)
    seen = torch.randint(3, (3, 6, 6), generator=generator)
    seen[torch.rand(seen.shape, generator=generator) < 0.4] = -1
    latent = torch.randint(7, (3, 6, 6), generator=generator)
    expected = fuse_labels(seen, latent, num_seen=3, ignore_index=-1)
    for bound in (7, 36):
        found = fuse_labels(seen, latent, num_seen=3, ignore_index=-1, num_masks=bound)
        assert torch.equal(found.labels, expected.labels)
        assert torch.equal(found.valid_mask, expected.valid_mask)
    nothing = fuse_labels(seen.clamp(min=0), latent, num_seen=3, ignore_index=-1, num_masks=36)
    assert torch.equal(nothing.labels, seen.clamp(min=0))
    assert nothing.valid_mask.shape == (3, 0)
