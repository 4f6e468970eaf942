"""Seeds and spherical K-means against loops."""

import math

import pytest
import torch
from torch import Tensor

from clipteacher.method.plm.kmeans import kmeans, window_seeds


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def naive_seeds(tokens: Tensor, windows: list[int], overlap: float) -> list[Tensor]:
    """Seeds of one image (C, h, w)."""
    _, height, breadth = tokens.shape
    seeds = []
    for window in windows:
        tall, wide = min(window, height), min(window, breadth)
        down, right = max(1, round(tall * (1 - overlap))), max(1, round(wide * (1 - overlap)))
        for y in range(0, height - tall + 1, down):
            for x in range(0, breadth - wide + 1, right):
                cells = [tokens[:, i, j] for i in range(y, y + tall) for j in range(x, x + wide)]
                seeds.append(torch.stack(cells).sum(dim=0) / len(cells))
    return seeds


def unit(vector: list[float]) -> list[float]:
    length = math.sqrt(sum(x * x for x in vector))
    return [x / length for x in vector]


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def naive_kmeans(points: Tensor, seeds: Tensor, iterations: int) -> tuple[list[list[float]], list[int], int]:
    """K-means of one image: centroids, labels and how often a cluster was empty at an update."""
    vectors, centroids = [unit(p) for p in points.tolist()], [unit(s) for s in seeds.tolist()]
    empties = 0

    def nearest() -> list[int]:
        return [max(range(len(centroids)), key=lambda k: dot(vector, centroids[k])) for vector in vectors]

    labels = nearest()
    for _ in range(iterations):
        for k in range(len(centroids)):
            members = [vector for vector, label in zip(vectors, labels, strict=True) if label == k]
            if members:
                centroids[k] = unit([sum(column) for column in zip(*members, strict=True)])
            else:
                empties += 1
        labels = nearest()
    return centroids, labels, empties


def circle(*degrees: float) -> Tensor:
    angles = torch.tensor(degrees).deg2rad()
    return torch.stack([angles.cos(), angles.sin()], dim=1).unsqueeze(0)


@pytest.mark.parametrize("overlap", [0.0, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("size", [(8, 8), (5, 9), (1, 4), (1, 1)])
@pytest.mark.parametrize("windows", [[1], [3], [4, 8], [2, 100]])
def test_seeds_as_a_loop_computes_them(windows: list[int], size: tuple[int, int], overlap: float) -> None:
    tokens = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
    seeds = window_seeds(tokens, windows, overlap)
    for image, mine in zip(tokens, seeds, strict=True):
        torch.testing.assert_close(mine, torch.stack(naive_seeds(image, windows, overlap)))


def test_a_window_longer_than_the_map_gives_the_mean_token() -> None:
    tokens = torch.randn(2, 3, 4, 6)
    torch.testing.assert_close(window_seeds(tokens, [7])[:, 0], tokens.mean(dim=(2, 3)))
    assert window_seeds(tokens, [7]).shape == (2, 1, 3)


def test_a_window_of_one_token_seeds_with_every_token() -> None:
    tokens = torch.randn(1, 3, 2, 4)
    torch.testing.assert_close(window_seeds(tokens, [1]), tokens.flatten(2).transpose(1, 2))


@pytest.mark.parametrize("windows", [[], [0], [4, -1]])
def test_windows_that_cannot_be(windows: list[int]) -> None:
    with pytest.raises(ValueError, match=r"window_seeds: got windows \[.*\], expected at least one side of 1 token"):
        window_seeds(torch.zeros(1, 2, 4, 4), windows)


@pytest.mark.parametrize("overlap", [-0.1, 1.0, 1.5])
def test_overlap_that_cannot_be(overlap: float) -> None:
    with pytest.raises(ValueError, match=f"window_seeds: got overlap {overlap}, expected 0 <= overlap < 1"):
        window_seeds(torch.zeros(1, 2, 4, 4), [2], overlap)


@pytest.mark.parametrize("iterations", [0, 1, 2, 10])
@pytest.mark.parametrize(
    ("images", "count", "clusters"), [(3, 20, 4), (1, 20, 4), (2, 20, 1), (2, 1, 3), (2, 6, 12), (2, 30, 9)]
)
def test_kmeans_as_a_loop_computes_it(images: int, count: int, clusters: int, iterations: int) -> None:
    generator = torch.Generator().manual_seed(count * clusters)
    points = 3 * torch.randn(images, count, 4, generator=generator)
    seeds = torch.randn(images, clusters, 4, generator=generator)
    centroids, labels = kmeans(points, seeds, iterations)
    assert labels.dtype == torch.int64
    for b in range(images):
        expected_centroids, expected_labels, _ = naive_kmeans(points[b], seeds[b], iterations)
        assert labels[b].tolist() == expected_labels
        torch.testing.assert_close(centroids[b], torch.tensor(expected_centroids), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("iterations", [0, 1, 2, 5])
def test_labels_agree_with_the_centroids_returned(iterations: int) -> None:
    points, seeds = torch.randn(2, 50, 3), torch.randn(2, 6, 3)
    centroids, labels = kmeans(points, seeds, iterations)
    assert torch.equal(labels, (points @ centroids.transpose(1, 2)).argmax(dim=2))
    torch.testing.assert_close(centroids.norm(dim=2), torch.ones(2, 6))


def test_an_empty_cluster_keeps_its_centroid() -> None:
    points, seeds = circle(0, 10, 90, 100), circle(5, 95, 230)
    centroids, labels = kmeans(points, seeds, iterations=5)
    assert labels.tolist() == [[0, 0, 1, 1]]
    torch.testing.assert_close(centroids, circle(5, 95, 230))


def test_an_empty_cluster_may_win_points_back() -> None:
    points, seeds = circle(0, 0, 0, 0, 0, 40), circle(40, 70)
    assert kmeans(points, seeds, iterations=0)[1].tolist() == [[0] * 6]  # the second cluster is empty
    centroids, labels = kmeans(points, seeds, iterations=3)
    assert labels.tolist() == [[0, 0, 0, 0, 0, 1]]
    torch.testing.assert_close(centroids, circle(0, 40))
    assert naive_kmeans(points[0], seeds[0], 3)[2] == 1


def test_points_and_seeds_of_any_length() -> None:
    points, seeds = torch.randn(1, 20, 4), torch.randn(1, 3, 4)
    lengths = torch.rand(1, 20, 1) * 10 + 0.1
    plain, scaled = kmeans(points, seeds, 4), kmeans(points * lengths, seeds * 30, 4)
    assert torch.equal(plain[1], scaled[1])
    torch.testing.assert_close(plain[0], scaled[0])


def test_the_same_input_gives_the_same_bits() -> None:
    points, seeds = torch.randn(2, 40, 5), torch.randn(2, 7, 5)
    first, second = kmeans(points, seeds, 6), kmeans(points.clone(), seeds.clone(), 6)
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])


def test_zero_points_and_seeds_stay_finite() -> None:
    centroids, labels = kmeans(torch.zeros(1, 4, 3), torch.zeros(1, 2, 3), 3)
    assert centroids.isfinite().all()
    assert len(set(labels.flatten().tolist())) == 1


@pytest.mark.parametrize(
    ("points", "seeds"), [((1, 4, 3), (2, 4, 3)), ((1, 4, 3), (1, 4, 2)), ((4, 3), (1, 4, 3)), ((1, 4, 3), (4, 3))]
)
def test_shapes_that_do_not_fit(points: tuple[int, ...], seeds: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"kmeans: got points \(.*, seeds \(.*expected \(B, L, C\) and \(B, K, C\)"):
        kmeans(torch.ones(points), torch.ones(seeds), 1)


def test_iterations_must_not_be_negative() -> None:
    with pytest.raises(ValueError, match="kmeans: got -1 iterations, expected 0 or more"):
        kmeans(torch.ones(1, 2, 3), torch.ones(1, 2, 3), -1)
