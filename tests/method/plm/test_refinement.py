"""Refinement of masks against loops over pixels and neighbours."""

import math
import statistics

import pytest
import torch
from tests.stand_ins import random_images
from torch import Tensor

from clipteacher.method.plm.refinement import DILATIONS, refine_masks, refined_latent


def naive_step(image: list[list[list[float]]], mask: list[list[float]]) -> list[list[float]]:
    height, width = len(mask), len(mask[0])

    def inside(value: int, side: int) -> int:
        return min(max(value, 0), side - 1)

    out = [[0.0] * width for _ in range(height)]
    for y in range(height):
        for x in range(width):
            places = [
                (inside(y + dy * d, height), inside(x + dx * d, width))
                for d in DILATIONS
                for dy in (-1, 0, 1)
                for dx in (-1, 0, 1)
                if (dy, dx) != (0, 0)
            ]
            scores = []
            spreads = [statistics.stdev([c[v][u] for v, u in places] + [c[y][x]]) for c in image]
            for v, u in places:
                parts = [abs(c[v][u] - c[y][x]) / (1e-8 + 0.1 * s) for c, s in zip(image, spreads, strict=True)]
                scores.append(math.exp(-sum(parts) / len(parts)))
            out[y][x] = sum(s * mask[v][u] for s, (v, u) in zip(scores, places, strict=True)) / sum(scores)
    return out


@pytest.mark.parametrize("iterations", [0, 1, 3])
def test_against_loops(iterations: int) -> None:
    image, masks = random_images(1, 3, 6, 7), random_images(1, 2, 6, 7, seed=1)
    refined = refine_masks(image, masks, iterations)
    for channel in range(2):
        expected = masks[0, channel].tolist()
        for _ in range(iterations):
            expected = naive_step(image[0].tolist(), expected)
        torch.testing.assert_close(refined[0, channel], torch.tensor(expected), rtol=1e-4, atol=1e-5)


def test_shares_stay_shares() -> None:
    masks = random_images(2, 4, 9, 5).softmax(dim=1)
    refined = refine_masks(random_images(2, 3, 9, 5, seed=1), masks, 5)
    torch.testing.assert_close(refined.sum(dim=1), torch.ones(2, 9, 5))


def test_masks_take_on_the_edges_of_the_image() -> None:
    # A bright disc; the tokens' mask is a coarse box around it.
    y, x = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    disc = (y - 15.5) ** 2 + (x - 15.5) ** 2 < 64
    image = (0.2 + 0.6 * disc).expand(1, 3, 32, 32) + 0.02 * random_images(1, 3, 32, 32)
    latent = torch.zeros(1, 8, 8, dtype=torch.int64)
    latent[0, 2:6, 1:7] = 1

    def overlap(labels: Tensor) -> float:
        return float((disc & (labels[0] == 1)).sum() / (disc | (labels[0] == 1)).sum())

    assert overlap(refined_latent(latent, image, (32, 32), 0)) < 0.65
    assert overlap(refined_latent(latent, image, (32, 32), 10)) > 0.8


def test_a_single_mask_stays() -> None:
    latent = torch.zeros(2, 3, 3, dtype=torch.int64)
    assert torch.equal(refined_latent(latent, random_images(2, 3, 24, 24), (6, 6), 3), latent.new_zeros(2, 6, 6))
