"""Dense distillation against a loop over the teacher's tokens."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.method.losses import distillation as losses


def dense_distillation(*arguments: Any, **options: Any) -> Tensor:  # noqa: ANN401
    """The loss of one process, as a number."""
    return losses.dense_distillation(*arguments, **options).mean()


def tensors(student: tuple[int, int], teacher: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    features, dense = (torch.randn(2, 5, *size, generator=generator) for size in (student, teacher))
    return features, dense, torch.rand(2, *student, generator=generator) < 0.4


def twin(features: Tensor, dense: Tensor, counted: Tensor) -> float:
    """Each token's area, from the floor of its begin to the ceiling of its end, by itself."""
    (height, width), (rows, columns) = features.shape[2:], dense.shape[2:]
    total = weight = 0.0
    for b in range(len(features)):
        for y in range(rows):
            for x in range(columns):
                area = [
                    (i, j)
                    for i in range(y * height // rows, -(-(y + 1) * height // rows))
                    for j in range(x * width // columns, -(-(x + 1) * width // columns))
                ]
                inside = [features[b, :, i, j] for i, j in area if counted[b, i, j]]
                if inside:
                    mean = sum(inside, torch.zeros(5)) / len(inside)
                    cosine = float(mean @ dense[b, :, y, x] / mean.norm() / dense[b, :, y, x].norm())
                    total += len(inside) / len(area) * (1 - cosine)
                    weight += len(inside) / len(area)
    return total / weight if weight else 0.0


@pytest.mark.parametrize(
    ("student", "teacher"), [((8, 8), (4, 4)), ((9, 7), (4, 3)), ((3, 4), (3, 4)), ((2, 3), (5, 4)), ((1, 1), (1, 1))]
)
def test_as_a_loop_over_tokens(student: tuple[int, int], teacher: tuple[int, int]) -> None:
    features, dense, counted = tensors(student, teacher)
    everything = torch.ones_like(counted)
    assert dense_distillation(features, dense).item() == pytest.approx(twin(features, dense, everything), rel=1e-4)
    assert torch.equal(dense_distillation(features, dense), dense_distillation(features, dense, everything))
    expected = pytest.approx(twin(features, dense, counted), rel=1e-4, abs=1e-6)
    assert dense_distillation(features, dense, counted).item() == expected


def test_lengths_of_tokens_do_not_matter_and_the_range_is_0_to_2() -> None:
    features, dense, _ = tensors((8, 8), (4, 4))
    torch.testing.assert_close(dense_distillation(features, 7 * dense), dense_distillation(features, dense))
    enlarged = F.interpolate(dense, scale_factor=2, mode="nearest")
    assert dense_distillation(3 * enlarged, dense).item() == pytest.approx(0, abs=1e-6)
    assert dense_distillation(-enlarged, dense).item() == pytest.approx(2)


def test_what_is_not_counted_has_no_say_and_no_gradient() -> None:
    features, dense, counted = tensors((8, 8), (4, 4))
    changed = torch.where(counted.unsqueeze(1), features, 100 * features.flip(0))
    torch.testing.assert_close(
        dense_distillation(changed, dense, counted), dense_distillation(features, dense, counted)
    )
    features.requires_grad_()
    dense.requires_grad_()
    dense_distillation(features, dense, counted).backward()  # type: ignore[no-untyped-call]
    assert features.grad is not None
    assert dense.grad is None
    assert not features.grad.permute(0, 2, 3, 1)[~counted].any()
    assert features.grad.permute(0, 2, 3, 1)[counted].any()


def test_nothing_counted_is_0_and_a_single_pixel_counts_in_full() -> None:
    features, dense, counted = tensors((8, 8), (4, 4))
    features.requires_grad_()
    nothing = dense_distillation(features, dense, torch.zeros_like(counted))
    nothing.backward()  # type: ignore[no-untyped-call]
    assert nothing == 0
    assert features.grad is not None
    assert not features.grad.any()
    one = torch.zeros_like(counted)
    one[1, 3, 6] = True
    expected = 1 - F.cosine_similarity(features[1, :, 3, 6], dense[1, :, 1, 3], dim=0)
    torch.testing.assert_close(dense_distillation(features, dense, one), expected)


def test_descent_brings_features_to_the_tokens() -> None:
    features, dense, _ = tensors((8, 8), (4, 4))
    features.requires_grad_()
    optimizer = torch.optim.Adam([features], lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        loss = dense_distillation(features, dense)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert loss < 0.02


def test_shapes_that_do_not_fit() -> None:
    features, dense, counted = tensors((8, 8), (4, 4))
    with pytest.raises(ValueError, match=r"distillation: got features \(2, 5, 8, 8\), dense \(2, 4, 4, 4\); expected"):
        dense_distillation(features, dense[:, :4])
    with pytest.raises(ValueError, match=r"distillation: got counted \(2, 7, 8\) for features .*expected \(B, h, w\)"):
        dense_distillation(features, dense, counted[:, 1:])
