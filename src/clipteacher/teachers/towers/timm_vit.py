"""timm's vision transformers: SigLIP, PE-Core, EVA, ViTamin, MobileCLIP-B and plain ones, any way of pooling.

Pure functions of timm's own modules: no weight is changed and no layer replaced. Positions are interpolated and rotary
positions computed for the size of the images.
"""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from timm.layers import AttentionPoolLatent, HybridEmbed, resample_abs_pos_embed
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer
from timm.models.vision_transformer_relpos import VisionTransformerRelPos
from torch import Tensor

from clipteacher.teachers.dense_readings import Dense, read_dense
from clipteacher.teachers.towers.timm_block import BLOCKS, timm_block
from clipteacher.teachers.towers.tower import Tower, as_map


def timm_vit_tower(visual: Any) -> Tower | None:  # noqa: ANN401 (open_clip's `TimmModel`)
    """Describe a vision transformer of timm's; None where the tower is none, or none that is known here."""
    trunk = visual.trunk
    fixed = isinstance(trunk, VisionTransformerRelPos)
    if not (fixed or isinstance(trunk, VisionTransformer | Eva)) or not isinstance(trunk.blocks[-1], BLOCKS):
        return None
    pool, mixed = getattr(trunk, "attn_pool", None), getattr(trunk, "rope_mixed", False)
    gated = getattr(trunk.blocks[-1].attn, "gate", None) is not None
    if not isinstance(pool, AttentionPoolLatent | None) or mixed or gated:
        return None
    names = ["hybrid"] if isinstance(trunk.patch_embed, HybridEmbed) else []
    names += ["EVA"] if isinstance(trunk, Eva) else []
    names += ["ViT, relative positions"] if fixed else [] if isinstance(trunk, Eva) else ["ViT"]
    pooled = {"token": "class token", "avg": "mean", "map": "attention pool"}.get(trunk.global_pool, trunk.global_pool)
    ratio = cast(tuple[int, int], trunk.patch_embed.feat_ratio(as_scalar=False))
    family = f"timm, {' '.join(names)}, {pooled}"
    return Tower(family, timm_vit_tokens, ratio, cast(tuple[int, int], trunk.patch_embed.img_size), fixed)


def timm_vit_tokens(visual: Any, images: Tensor, dense: Dense) -> tuple[Tensor, Tensor]:  # noqa: ANN401 (as above)
    """Run a vision transformer of timm's once for its CLS token and its dense tokens.

    Dense tokens go through what the tower does after its last block, each as if it were alone: final norm, pool and
    projection. Alone in an attention pool, a token passes the pool's value path: values, output projection and MLP.

    Args:
        visual: open_clip's `TimmModel` with a trunk that `timm_vit_tower` knows.
        images: Normalised images, (B, 3, H, W), floating point; H and W multiples of the tower's step.
        dense: "tokens": the last layer's. "value": the value path of the last attention; with an attention pool this
            is the pool's, so that "tokens" and "value" are the same. All others: that reading of the last block.

    Returns:
        CLS (B, C), as the tower's own forward gives it, and dense tokens (B, C, h, w).
    """
    trunk = visual.trunk
    x, grid = _embed(trunk, images)
    extra = _positions_in_blocks(trunk, grid)
    *blocks, last = trunk.blocks
    for block in blocks:
        x = block(x, **extra)
    final, prefix = trunk.norm(last(x, **extra)), trunk.num_prefix_tokens
    if dense == "tokens" or (dense == "value" and getattr(trunk, "attn_pool", None) is not None):
        local = final[:, prefix:]
    else:
        local = trunk.norm(read_dense(timm_block(last, x, prefix, extra.get("rope")), grid, dense))
    return visual.head(trunk.forward_head(final)), as_map(visual.head(_head_alone(trunk, local)), grid)


def _embed(trunk: Any, images: Tensor) -> tuple[Tensor, tuple[int, int]]:  # noqa: ANN401 (one of timm's networks)
    """Images (B, 3, H, W) to the tokens that enter the first block, (B, L, D), and the grid of their patches."""
    embed = trunk.patch_embed
    maps = embed.proj(embed.backbone(images) if isinstance(embed, HybridEmbed) else images)
    grid = (maps.shape[-2], maps.shape[-1])
    x = maps.flatten(2).transpose(1, 2)
    x = x if isinstance(embed, HybridEmbed) else embed.norm(x)
    tokens = [getattr(trunk, name, None) for name in ("cls_token", "reg_token")]
    first = [token.expand(len(x), -1, -1) for token in tokens if token is not None]
    table, prefix = getattr(trunk, "pos_embed", None), trunk.num_prefix_tokens
    if table is None:
        x = torch.cat([*first, x], dim=1)
    elif trunk.no_embed_class:  # positions of patches alone
        x = torch.cat([*first, x + resample_abs_pos_embed(table, grid, embed.grid_size, 0)], dim=1)
    else:
        x = torch.cat([*first, x], dim=1) + resample_abs_pos_embed(table, grid, embed.grid_size, prefix)
    norm = getattr(trunk, "norm_pre", None)
    return x if norm is None else norm(x), grid


def _positions_in_blocks(trunk: Any, grid: tuple[int, int]) -> dict[str, Tensor | None]:  # noqa: ANN401 (as above)
    """Positions that the trunk hands to each of its blocks: rotary ones of EVA, relative ones that blocks share."""
    if isinstance(trunk, VisionTransformerRelPos):
        shared = trunk.shared_rel_pos
        return {"shared_rel_pos": None if shared is None else shared.get_bias()}
    if not isinstance(trunk, Eva) or trunk.rope is None:
        return {}
    rope: Any = trunk.rope
    if grid != tuple(trunk.patch_embed.grid_size):
        rope = copy.deepcopy(rope)  # the trunk stays as it is
        rope.update_feat_shape(list(grid))
    return {"rope": rope.get_embed()}


def _head_alone(trunk: Any, x: Tensor) -> Tensor:  # noqa: ANN401 (as above)
    """Pool and classifier for each of the tokens (B, L, D) as if it were the only one, (B, L, C)."""
    pool = getattr(trunk, "attn_pool", None)
    if pool is not None:
        x = pool.proj(pool.kv(x).chunk(2, dim=-1)[1])  # the softmax over one token is 1
        x = x if pool.mlp is None else x + pool.mlp(pool.norm(x))
    return trunk.head(trunk.fc_norm(x))  # type: ignore[no-any-return]
