"""timm's vision transformers against timm's own forward, at any size, and against naive twins of dense tokens."""

import copy
from typing import Any

import pytest
import torch
from tests.teachers.towers.timm_towers import ANY_SIZE, TOWERS, WIDTH, pictures, timm_tower
from torch import Tensor

from clipteacher.teacher_cache.fingerprint import teacher_fingerprint
from clipteacher.teachers.dense_readings import Dense, read_dense
from clipteacher.teachers.towers.families import tower_of
from clipteacher.teachers.towers.timm_block import timm_block

POOLED = ("siglip", "pe_core")


@pytest.fixture(scope="module")
def towers() -> dict[str, Any]:
    return {name: timm_tower(*parts) for name, parts in TOWERS.items()}


def entering(visual: Any, images: Tensor) -> tuple[Tensor, dict[str, Any]]:  # noqa: ANN401 (open_clip is untyped)
    """Tokens that enter the last block, and what else it is called with."""
    seen: list[Any] = []
    hook = visual.trunk.blocks[-1].register_forward_pre_hook(
        lambda _, args, named: seen.append((args[0], named)), with_kwargs=True
    )
    visual(images)
    hook.remove()
    return seen[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", TOWERS)
def test_cls_is_timms_own(towers: dict[str, Any], name: str) -> None:
    visual = towers[name]
    tower = tower_of(visual)
    images = pictures(2, 3, *tower.native)
    expected = visual(images)
    assert expected.std() > 0.01
    for dense in ("tokens", "value"):
        cls, local = tower.read(visual, images, dense)
        torch.testing.assert_close(cls, expected, rtol=1e-5, atol=1e-5)
        assert local.shape == (2, WIDTH, tower.native[0] // tower.step[0], tower.native[1] // tower.step[1])


@pytest.mark.parametrize("dense", ["tokens", "value"])
@pytest.mark.parametrize("name", TOWERS)
def test_dense_equals_the_naive_twin(towers: dict[str, Any], name: str, dense: Dense) -> None:
    """One token at a time, each alone: in the last block for "value", in the tower's head in every case."""
    visual = towers[name]
    tower, trunk = tower_of(visual), visual.trunk
    images, prefix = pictures(1, 3, *tower.native), trunk.num_prefix_tokens
    if dense == "value" and name not in POOLED:
        last = copy.deepcopy(trunk.blocks[-1])
        if getattr(last.attn, "rel_pos", None) is not None:
            last.attn.rel_pos = None  # of one token to itself: added to the only logit
        x, _ = entering(visual, images)
        final = trunk.norm(torch.cat([last(x[:, i : i + 1]) for i in range(x.shape[1])], dim=1))
    else:
        final = trunk.forward_features(images)
    expected = torch.cat([visual.head(trunk.forward_head(token[None, None])) for token in final[0, prefix:]])
    found = tower.read(visual, images, dense)[1][0].flatten(1).T
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in TOWERS if name != "relative"])
def test_a_block_taken_apart_is_the_block(towers: dict[str, Any], name: str) -> None:
    """Queries and keys, rotary positions among them, by the block's own output."""
    visual, tower = towers[name], tower_of(towers[name])
    x, extra = entering(visual, pictures(2, 3, *tower.native))
    block, prefix = visual.trunk.blocks[-1], visual.trunk.num_prefix_tokens
    grid = (tower.native[0] // tower.step[0], tower.native[1] // tower.step[1])
    parts = timm_block(block, x, prefix, extra.get("rope"))
    torch.testing.assert_close(read_dense(parts, grid, "tokens"), block(x, **extra)[:, prefix:], rtol=1e-4, atol=1e-5)
    assert tower.attention


@pytest.mark.parametrize("name", ["siglip", "pe_core", "eva02", "clip", "gap", "mobileclip"])
def test_another_size_is_timms_own_set_input_size(towers: dict[str, Any], name: str) -> None:
    visual, tower = towers[name], tower_of(towers[name])
    size = (3 * tower.step[0], 7 * tower.step[1])
    images, resized = pictures(1, 3, *size), copy.deepcopy(visual)
    resized.trunk.set_input_size(size)
    cls, dense = tower.read(visual, images, "value")
    torch.testing.assert_close(cls, resized(images), rtol=1e-4, atol=1e-5)
    assert dense.shape == (1, WIDTH, 3, 7)


def test_nothing_of_a_tower_changes(towers: dict[str, Any]) -> None:
    for name in ANY_SIZE:
        visual, tower = towers[name], tower_of(towers[name])
        before = teacher_fingerprint(visual)
        tower.read(visual, pictures(1, 3, 2 * tower.step[0], 3 * tower.step[1]), "sclip")
        assert teacher_fingerprint(visual) == before


def test_a_size_that_is_no_multiple_of_the_patch_stays_where_it_is_the_towers_own() -> None:
    name, wrapped, tiny = TOWERS["siglip"]
    visual = timm_tower(name, wrapped, tiny | {"img_size": 35})
    tower = tower_of(visual)
    images = pictures(1, 3, 35, 35)
    assert tower.fit(images) is images
    torch.testing.assert_close(tower.read(visual, images, "value")[0], visual(images), rtol=1e-5, atol=1e-5)
    assert tower.fit(pictures(1, 3, 70, 70), 35).shape == (1, 3, 35, 35)
    assert tower.fit(pictures(1, 3, 35, 50)).shape == (1, 3, 32, 48)


def test_relative_positions_take_one_size(towers: dict[str, Any]) -> None:
    tower = tower_of(towers["relative"])
    assert tower.fixed_size == (32, 32)
    assert tower.fit(pictures(2, 3, 50, 90)).shape == (2, 3, 32, 32)
    assert {name for name in TOWERS if tower_of(towers[name]).fixed_size} == {"relative"}


def test_families(towers: dict[str, Any]) -> None:
    assert {name: tower_of(visual).family for name, visual in towers.items()} == {
        "siglip": "timm, ViT, attention pool",
        "pe_core": "timm, EVA, attention pool",
        "eva01": "timm, EVA, class token",
        "eva02": "timm, EVA, class token",
        "eva02_post_norm": "timm, EVA, class token",
        "clip": "timm, ViT, class token",
        "gap": "timm, ViT, mean",
        "relative": "timm, ViT, relative positions, class token",
        "mobileclip": "timm, hybrid ViT, class token",
    }
