"""Names of regions against a loop over regions; pixels of named regions against a loop over pixels."""

import math

import pytest
import torch
from tests.stand_ins import random_tensor, unit_vectors
from torch import Tensor

from clipteacher.method.plm.fused_labels import FusedLabels
from clipteacher.method.plm.naming import NO_NAME, NamingConfig, apply_names, name_regions


def cosine(a: list[float], b: list[float]) -> float:
    lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths


def naive_names(regions: Tensor, valid: Tensor, wanted: Tensor, rivals: Tensor, margin: float) -> list[list[int]]:
    found = []
    for tokens, exists in zip(regions.tolist(), valid.tolist(), strict=True):
        row = []
        for token, there in zip(tokens, exists, strict=True):
            own = [cosine(token, word) for word in wanted.tolist()]
            rival = max(cosine(token, word) for word in rivals.tolist())
            best = max(range(len(own)), key=lambda index: own[index])
            row.append(best if there and own[best] > rival + margin else NO_NAME)
        found.append(row)
    return found


@pytest.mark.parametrize("margin", [0.0, 0.2, -0.2])
def test_names_against_a_loop(margin: float) -> None:
    regions, valid = random_tensor(3, 30, 5), random_tensor(3, 30, seed=4) > -0.5
    wanted, rivals = unit_vectors(3, 5, seed=2), unit_vectors(4, 5, seed=3)
    names = name_regions(regions, valid, wanted, rivals, margin=margin)
    assert names.dtype == torch.int64
    assert names.tolist() == naive_names(regions, valid, wanted, rivals, margin)
    assert {NO_NAME, 0, 1, 2} == set(names.flatten().tolist()), "every case occurs"


def test_a_larger_margin_names_fewer() -> None:
    regions, valid = random_tensor(4, 9, 5), torch.ones(4, 9, dtype=torch.bool)
    wanted, rivals = unit_vectors(3, 5, seed=2), unit_vectors(4, 5, seed=3)
    counts = [int((name_regions(regions, valid, wanted, rivals, margin=m) != NO_NAME).sum()) for m in (-2, 0, 0.3, 2)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 36
    assert counts[-1] == 0


def naive_pixels(labels: Tensor, names: Tensor, first_wanted: int, first_latent: int) -> list[list[list[int]]]:
    return [
        [
            [
                first_wanted + row_names[label - first_latent]
                if label >= first_latent and row_names[label - first_latent] != NO_NAME
                else label
                for label in row
            ]
            for row in image
        ]
        for image, row_names in zip(labels.tolist(), names.tolist(), strict=True)
    ]


def test_pixels_against_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(-1, 9, (2, 4, 5), generator=generator)
    labels[(labels == 2) | (labels == 3)] = -1  # wanted ids come from names alone
    names = torch.tensor([[1, NO_NAME, 0, NO_NAME, 1], [NO_NAME, NO_NAME, 1, 0, NO_NAME]])
    valid = torch.ones(2, 5, dtype=torch.bool)
    named = apply_names(FusedLabels(labels, valid), names, first_wanted=2, first_latent=4)
    assert named.labels.tolist() == naive_pixels(labels, names, 2, 4)
    assert named.valid_mask.tolist() == [[name == NO_NAME for name in row] for row in names.tolist()]


def test_without_regions_nothing_is_named() -> None:
    fused = FusedLabels(torch.zeros(2, 3, 3, dtype=torch.int64), torch.zeros(2, 0, dtype=torch.bool))
    names = name_regions(torch.zeros(2, 0, 5), fused.valid_mask, unit_vectors(2, 5), unit_vectors(2, 5))
    assert names.shape == (2, 0)
    assert torch.equal(apply_names(fused, names, 1, 3).labels, fused.labels)


@pytest.mark.parametrize(("changes", "match"), [({"margin": 2.0}, "naming.margin"), ({"refinement": -1}, "0 or more")])
def test_wrong_options(changes: dict[str, float], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        NamingConfig(**changes)  # type: ignore[arg-type]
