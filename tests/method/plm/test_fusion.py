"""Mask fusion against a loop over clusters."""

import math

import pytest
import torch
from torch import Tensor

from clipteacher.method.plm.fusion import fuse_masks


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def cosine(a: list[float], b: list[float]) -> float:
    lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths


def naive_fusion(centroids: Tensor, sizes: Tensor, threshold: float) -> list[int]:
    """Fused ids of one image."""
    vectors, counts = centroids.tolist(), sizes.tolist()
    fused = [-1] * len(counts)
    next_id = 0
    for leader in sorted(range(len(counts)), key=lambda k: -counts[k]):
        if counts[leader] == 0 or fused[leader] != -1:
            continue
        for k in range(len(counts)):
            free = counts[k] > 0 and fused[k] == -1
            if k == leader or (free and cosine(vectors[leader], vectors[k]) > threshold):
                fused[k] = next_id
        next_id += 1
    return fused


def circle(*degrees: float) -> Tensor:
    angles = torch.tensor(degrees).deg2rad()
    return torch.stack([angles.cos(), angles.sin()], dim=1).unsqueeze(0)


@pytest.mark.parametrize("threshold", [-1.5, -0.3, 0.0, 0.5, 0.9, 1.1])
@pytest.mark.parametrize(("images", "clusters"), [(4, 9), (1, 9), (3, 1), (2, 30)])
def test_as_a_loop_computes_it(images: int, clusters: int, threshold: float) -> None:
    generator = torch.Generator().manual_seed(clusters)
    centroids = 4 * torch.randn(images, clusters, 3, generator=generator)
    sizes = torch.randint(5, (images, clusters), generator=generator)  # with ties and empty clusters
    fused = fuse_masks(centroids, sizes, threshold)
    assert fused.dtype == torch.int64
    for b in range(images):
        assert fused[b].tolist() == naive_fusion(centroids[b], sizes[b], threshold)


def test_above_one_nothing_is_fused_and_below_minus_one_everything() -> None:
    centroids, sizes = torch.ones(1, 4, 3), torch.tensor([[2, 0, 9, 2]])
    assert fuse_masks(centroids, sizes, threshold=1.01).tolist() == [[1, -1, 0, 2]]
    opposite = centroids * torch.tensor([1.0, 1.0, -1.0, 1.0]).view(1, 4, 1)
    assert fuse_masks(opposite, sizes, threshold=-1.01).tolist() == [[0, -1, 0, 0]]


def test_the_largest_leads_and_likeness_is_not_passed_on() -> None:
    """0° is like 40°, 40° like 80°, 0° not like 80°: who leads decides."""
    centroids, threshold = circle(0, 40, 80), math.cos(math.radians(50))
    assert fuse_masks(centroids, torch.tensor([[9, 5, 1]]), threshold).tolist() == [[0, 0, 1]]
    assert fuse_masks(centroids, torch.tensor([[1, 9, 5]]), threshold).tolist() == [[0, 0, 0]]
    assert fuse_masks(centroids, torch.tensor([[5, 1, 9]]), threshold).tolist() == [[1, 0, 0]]


def test_an_empty_cluster_takes_no_part() -> None:
    """The empty cluster lies between the two others and would join them."""
    centroids, threshold = circle(0, 40, 80), math.cos(math.radians(50))
    assert fuse_masks(centroids, torch.tensor([[3, 0, 3]]), threshold).tolist() == [[0, -1, 1]]


def test_all_clusters_empty() -> None:
    sizes = torch.tensor([[0, 0], [0, 4]])
    assert fuse_masks(torch.ones(2, 2, 3), sizes, threshold=0.5).tolist() == [[-1, -1], [-1, 0]]


def test_every_cluster_is_used_once_and_ids_close_up() -> None:
    generator = torch.Generator().manual_seed(3)
    centroids, sizes = torch.randn(5, 20, 4, generator=generator), torch.randint(4, (5, 20), generator=generator)
    fused = fuse_masks(centroids, sizes, threshold=0.6)
    assert torch.equal(fused == -1, sizes == 0)
    for row in fused:
        ids = row[row >= 0].unique().tolist()
        assert ids == list(range(len(ids)))
        assert 1 < len(ids) < 20


def test_images_do_not_see_each_other() -> None:
    centroids, sizes = torch.randn(3, 8, 4), torch.randint(1, 4, (3, 8))
    together = fuse_masks(centroids, sizes, threshold=0.3)
    alone = torch.cat([fuse_masks(centroids[b : b + 1], sizes[b : b + 1], threshold=0.3) for b in range(3)])
    assert torch.equal(together, alone)


@pytest.mark.parametrize(
    ("centroids", "sizes"), [((2, 3), (2,)), ((1, 3, 4), (1, 4)), ((1, 3, 4), (3,)), ((2, 3, 4), (1, 3))]
)
def test_shapes_that_do_not_fit(centroids: tuple[int, ...], sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"fuse_masks: got centroids \(.*, sizes \(.*expected \(B, K, C\) and \(B, K"):
        fuse_masks(torch.ones(centroids), torch.ones(sizes, dtype=torch.int64), 0.5)
