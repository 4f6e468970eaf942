"""Dense readings against loops over images, heads and positions, and what each reading must keep."""

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import get_args

import pytest
import torch
from tests.stand_ins import random_tensor
from torch import Tensor

from clipteacher.teachers.dense_readings import Dense, clearclip, cliptrase, naclip, neighbourhood, read_dense, sclip
from clipteacher.teachers.last_block import LastBlock

GRID = (2, 3)
HEADS, DEPTH = 2, 4
Similar = Callable[[int, int], float]


def tensors(prefix: int, grid: tuple[int, int] = GRID, batch: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    length = prefix + grid[0] * grid[1]
    q, k, v = (random_tensor(batch, HEADS, length, DEPTH, seed=seed) for seed in range(3))
    return q, k, v


def softmax(logits: Sequence[float]) -> list[float]:
    powers = [math.exp(each) for each in logits]
    return [each / sum(powers) for each in powers]


def mix(similar: Sequence[Similar], values: Tensor) -> Tensor:
    """Mix values (L, d): for each way to be similar, a softmax over all positions; the ways are added."""
    mixed = torch.zeros_like(values)
    for way in similar:
        for i in range(len(values)):
            for j, weight in enumerate(softmax([way(i, j) for j in range(len(values))])):
                mixed[i] += weight * values[j]
    return mixed


def alike(one: Tensor, other: Tensor) -> Similar:
    """Scaled dot products of two lists of vectors, (L, d)."""
    return lambda i, j: sum(float(a) * float(b) for a, b in zip(one[i], other[j], strict=True)) / math.sqrt(DEPTH)


def near(keys: Tensor, prefix: int, grid: tuple[int, int], std: float) -> Similar:
    """Similarity of keys, and for two patches a bonus that falls with their distance on the grid."""

    def similar(i: int, j: int) -> float:
        if i < prefix or j < prefix:
            return alike(keys, keys)(i, j)
        (row, column), (other_row, other_column) = divmod(i - prefix, grid[1]), divmod(j - prefix, grid[1])
        square = (row - other_row) ** 2 + (column - other_column) ** 2
        return alike(keys, keys)(i, j) + math.exp(-square / (2 * std**2))

    return similar


def naive(dense: Dense, q: Tensor, k: Tensor, v: Tensor, prefix: int, grid: tuple[int, int]) -> Tensor:
    """Mixed values (B, heads, L, d) of a reading, head by head."""
    out = torch.zeros_like(v)
    for b, h in product(range(len(v)), range(HEADS)):
        queries, keys, values = q[b, h], k[b, h], v[b, h]
        to_queries, to_keys, to_values = alike(queries, queries), alike(keys, keys), alike(values, values)
        ways: dict[Dense, list[Similar]] = {
            "tokens": [alike(queries, keys)],
            "value": [lambda i, j: 0.0 if i == j else -math.inf],
            "sclip": [to_queries, to_keys],
            "cliptrase": [to_queries, to_keys, to_values],
            "clearclip": [to_queries],
            "naclip": [near(keys, prefix, grid, 5.0)],
        }
        out[b, h] = mix(ways[dense], values)
    return out


def block_of(q: Tensor, k: Tensor, v: Tensor, prefix: int) -> LastBlock:
    """A block whose projection and feed-forward network are told apart in what comes out."""
    residual = random_tensor(len(q), q.shape[2], HEADS * DEPTH, seed=3)
    return LastBlock(q, k, v, prefix, residual, lambda merged: 3 * merged + 1, lambda x: x + x.tanh())


def whole(dense: Dense, mixed: Tensor, block: LastBlock) -> Tensor:
    """What a reading makes of mixed values (B, heads, L, d), written out token by token."""
    rows = []
    for b in range(len(mixed)):
        for i in range(block.prefix, mixed.shape[2]):
            token = 3 * torch.cat([mixed[b, h, i] for h in range(HEADS)]) + 1
            if dense not in ("clearclip", "naclip"):
                token = block.residual[b, i] + token
                token = token + token.tanh()
            rows.append(token)
    return torch.stack(rows).view(len(mixed), -1, HEADS * DEPTH)


@pytest.mark.parametrize("prefix", [0, 1, 3])
@pytest.mark.parametrize("dense", get_args(Dense))
def test_a_reading_equals_its_naive_twin(dense: Dense, prefix: int) -> None:
    q, k, v = tensors(prefix)
    block = block_of(q, k, v, prefix)
    expected = whole(dense, naive(dense, q, k, v, prefix, GRID), block)
    assert read_dense(block, GRID, dense).shape == (2, 6, HEADS * DEPTH)
    torch.testing.assert_close(read_dense(block, GRID, dense), expected, rtol=1e-5, atol=1e-5)


def test_all_readings_differ() -> None:
    block = block_of(*tensors(1), 1)
    found = [read_dense(block, GRID, dense) for dense in get_args(Dense)]
    for i, one in enumerate(found):
        for other in found[:i]:
            assert (one - other).abs().max() > 0.05


@pytest.mark.parametrize(("dense", "weight"), [("tokens", 1), ("sclip", 2), ("cliptrase", 3), ("clearclip", 1)])
def test_where_all_is_alike_each_patch_is_the_mean(dense: Dense, weight: int) -> None:
    _, _, v = tensors(1)
    same = torch.ones_like(v)
    if dense == "cliptrase":
        v = v.mean(2, keepdim=True).expand_as(v)  # it looks at values, too
    block = block_of(same, same, v, 1)
    mean = weight * v.mean(2, keepdim=True).expand_as(v)
    torch.testing.assert_close(read_dense(block, GRID, dense), whole(dense, mean, block))


def test_one_patch_alone_sees_itself() -> None:
    q, k, v = tensors(0, (1, 1))
    torch.testing.assert_close(sclip(q, k, v), 2 * v)
    torch.testing.assert_close(cliptrase(q, k, v), 3 * v)
    torch.testing.assert_close(clearclip(q, v), v)
    torch.testing.assert_close(naclip(k, v, (1, 1)), v)


def test_distinct_patches_see_themselves() -> None:
    """Long vectors that point apart: each token is the only one like itself, as in the value path."""
    sharp = 100 * torch.eye(7).expand(1, 1, 7, 7)
    _, _, v = (random_tensor(1, 1, 7, 7, seed=seed) for seed in range(3))
    for mixed, weight in ((sclip(sharp, sharp, v), 2), (clearclip(sharp, v), 1), (naclip(sharp, v, GRID), 1)):
        torch.testing.assert_close(mixed, weight * v)


@pytest.mark.parametrize("dense", [each for each in get_args(Dense) if each != "naclip"])
def test_without_a_prior_the_order_of_patches_does_not_matter(dense: Dense) -> None:
    block = block_of(*tensors(0), 0)
    order = torch.tensor([4, 0, 5, 2, 1, 3])
    q, k, v, residual = (tensor[..., order, :] for tensor in (block.q, block.k, block.v, block.residual))
    moved = block._replace(q=q, k=k, v=v, residual=residual)
    torch.testing.assert_close(read_dense(moved, GRID, dense), read_dense(block, GRID, dense)[:, order])


def test_a_mirrored_photo_has_mirrored_neighbourhoods() -> None:
    _, k, v = tensors(0)
    mirror = torch.arange(6).view(GRID).flip(1).flatten()
    torch.testing.assert_close(naclip(k[:, :, mirror], v[:, :, mirror], GRID), naclip(k, v, GRID)[:, :, mirror])
    shuffled = torch.tensor([4, 0, 5, 2, 1, 3])
    moved = naclip(k[:, :, shuffled], v[:, :, shuffled], GRID, std=0.5)
    assert (moved - naclip(k, v, GRID, std=0.5)[:, :, shuffled]).abs().max() > 0.01, "a neighbourhood is a place"


def test_a_wide_neighbourhood_is_none_and_a_narrow_one_is_the_patch() -> None:
    _, k, v = tensors(0)
    torch.testing.assert_close(naclip(k, v, GRID, std=1e6), clearclip(k, v))
    torch.testing.assert_close(neighbourhood(GRID, 0.01), torch.eye(6))


def test_neighbourhood() -> None:
    omega = neighbourhood((3, 4), 1.5)
    assert omega.dtype == torch.float32
    for i, j in product(range(12), range(12)):
        square = (i // 4 - j // 4) ** 2 + (i % 4 - j % 4) ** 2
        assert omega[i, j].item() == pytest.approx(math.exp(-square / 4.5), rel=1e-5)


@pytest.mark.parametrize("dense", get_args(Dense))
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_stays_and_is_near(dense: Dense, dtype: torch.dtype) -> None:
    block = block_of(*tensors(1), 1)
    half = LastBlock(*(t.to(dtype) for t in block[:3]), 1, block.residual.to(dtype), block.project, block.feed_forward)
    found = read_dense(half, GRID, dense)
    assert found.dtype == dtype
    torch.testing.assert_close(found.float(), read_dense(block, GRID, dense), rtol=0.05, atol=0.1)


@pytest.mark.parametrize("grid", [(3, 3), (2, 2), (7, 1)])
def test_a_grid_that_does_not_fit(grid: tuple[int, int]) -> None:
    block = block_of(*tensors(1), 1)
    message = rf"grid: got {grid[0]}x{grid[1]} for 6 patches; expected one cell a patch. Count class"
    with pytest.raises(ValueError, match=message):
        read_dense(block, grid, "naclip")
