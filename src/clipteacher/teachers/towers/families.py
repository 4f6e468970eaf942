"""Which family an image tower of open_clip's belongs to, by its modules and never by its name."""

from __future__ import annotations

from typing import Any, Literal, cast

from open_clip.modified_resnet import ModifiedResNet
from open_clip.timm_model import TimmModel
from open_clip.transformer import VisionTransformer
from torch import Tensor, nn

from clipteacher.teachers.dense_readings import Dense
from clipteacher.teachers.openclip_trunk import resnet_tokens, vit_tokens
from clipteacher.teachers.towers.feature_map import feature_map_tower
from clipteacher.teachers.towers.openclip_pooled import pooled_vit_tokens
from clipteacher.teachers.towers.timm_vit import timm_vit_tower
from clipteacher.teachers.towers.tower import Tower


def tower_of(visual: nn.Module) -> Tower:
    """Find how an image tower is read.

    Args:
        visual: `CLIP.visual` of open_clip.

    Raises:
        ValueError: No family has such modules.
    """
    tower: Any = visual
    found: Tower | None = None
    if isinstance(tower, ModifiedResNet):
        size = _pair(tower.image_size)
        found = Tower("open_clip, ResNet, attention pool", _resnet, (32, 32), size, attention=False)
    elif isinstance(tower, VisionTransformer):
        found = _vit(tower)
    elif isinstance(tower, TimmModel):
        found = timm_vit_tower(tower) or feature_map_tower(tower)
    if found is None:
        inner = getattr(tower, "trunk", tower)
        raise ValueError(
            f"model: got an image tower of class {type(inner).__name__}; expected open_clip's vision transformer or "
            "ResNet, or timm's vision transformer, EVA, or a network that ends in a map. Write a teacher of your own: "
            "clipteacher.teachers.teacher.Teacher says what it must give."
        )
    return found


def _vit(visual: Any) -> Tower:  # noqa: ANN401 (mypy cannot infer the types of open_clip's `VisionTransformer`)
    pooled = visual.attn_pool is not None
    how = "attention pool" if pooled else {"tok": "class token", "avg": "mean"}[visual.pool_type]
    read = pooled_vit_tokens if pooled else vit_tokens
    return Tower(f"open_clip, ViT, {how}", read, _pair(visual.patch_size), _pair(visual.image_size))


def _resnet(visual: ModifiedResNet, images: Tensor, dense: Dense) -> tuple[Tensor, Tensor]:
    return resnet_tokens(visual, images, cast(Literal["tokens", "value"], dense))


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])
