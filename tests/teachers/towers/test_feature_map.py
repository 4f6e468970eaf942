"""Towers that end in a map, against timm's own forward and against their heads written out."""

from typing import Any

import pytest
import torch
from tests.teachers.towers.timm_towers import WIDTH, pictures, timm_tower
from torch.nn import functional as F

from clipteacher.teachers.towers.families import tower_of
from clipteacher.teachers.towers.tower import check_reading

MAPS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "convnext": ("convnext_tiny", {"pool": "", "proj": "mlp"}, {"depths": (1, 1, 1, 1), "dims": (8, 16, 24, 32)}),
    "fastvit": (
        "fastvit_mci1",
        {"pool": "avg", "proj": ""},
        {"layers": (1, 1, 1, 1), "embed_dims": (16, 32, 32, 64)},
    ),
    "swin": (
        "swin_base_patch4_window7_224",
        {"pool": "", "proj": "linear"},
        {"img_size": 64, "window_size": 4, "depths": (1, 2), "embed_dim": 16, "num_heads": (2, 2)},
    ),
}
STEPS = {"convnext": 32, "fastvit": 32, "swin": 8}


@pytest.fixture(scope="module")
def towers() -> dict[str, Any]:
    return {name: timm_tower(*parts) for name, parts in MAPS.items()}


@pytest.mark.parametrize("name", MAPS)
def test_cls_is_timms_own(towers: dict[str, Any], name: str) -> None:
    visual, tower = towers[name], tower_of(towers[name])
    assert tower.step == (STEPS[name], STEPS[name])
    sides = (64, 64) if tower.fixed else (64, 96)
    images = pictures(2, 3, *sides)
    cls, dense = tower.read(visual, images, "value")
    expected = visual(images)
    assert expected.std() > 0.01
    torch.testing.assert_close(cls, expected, rtol=1e-5, atol=1e-5)
    assert dense.shape == (2, WIDTH, sides[0] // STEPS[name], sides[1] // STEPS[name])
    assert torch.equal(dense, tower.read(visual, images, "tokens")[1])


@pytest.mark.parametrize("name", ["fastvit", "swin"])
def test_where_a_head_is_linear_the_mean_of_the_map_is_the_cls_token(towers: dict[str, Any], name: str) -> None:
    visual = towers[name]
    cls, dense = tower_of(visual).read(visual, pictures(2, 3, 64, 64), "value")
    torch.testing.assert_close(dense.mean(dim=(2, 3)), cls, rtol=1e-4, atol=1e-5)


def test_convnexts_head_written_out(towers: dict[str, Any]) -> None:
    """FC-CLIP: norm over channels and projection at each position."""
    visual, images = towers["convnext"], pictures(1, 3, 64, 96)
    features, head = visual.trunk.forward_features(images), visual.trunk.head
    dense = tower_of(visual).read(visual, images, "value")[1]
    for i in range(2):
        for j in range(3):
            x = F.layer_norm(features[0, :, i, j], (32,), head.norm.weight, head.norm.bias, head.norm.eps)
            mlp = visual.head.mlp
            expected = F.linear(F.gelu(F.linear(x, mlp.fc1.weight, mlp.fc1.bias)), mlp.fc2.weight)
            torch.testing.assert_close(dense[0, :, i, j], expected, rtol=1e-4, atol=1e-5)


def test_windows_of_swin_are_laid_out_for_one_size(towers: dict[str, Any]) -> None:
    assert tower_of(towers["swin"]).fixed_size == (64, 64)
    assert tower_of(towers["convnext"]).fixed_size is None


def test_a_map_has_no_last_attention(towers: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"got 'sclip' for x, whose image tower \(timm, ConvNeXt\) has no transformer"):
        check_reading(tower_of(towers["convnext"]), "x", "sclip")
