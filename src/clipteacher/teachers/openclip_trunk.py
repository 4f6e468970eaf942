"""CLIP's image towers read for a CLS token and dense tokens in one forward, at any image size.

Pure functions of open_clip's own modules: no weight is changed and no layer replaced. Dense tokens are "tokens", what
the last layer gives at each position, "value", the value path of the last attention (MaskCLIP, arXiv 2112.01071,
section 3.2): as if each position of it looked at itself only, or another of the `dense_readings`.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
import torch.nn.functional as F
from open_clip.modified_resnet import AttentionPool2d, ModifiedResNet
from open_clip.transformer import VisionTransformer
from torch import Tensor

from clipteacher.teachers.dense_readings import Dense, read_dense
from clipteacher.teachers.openclip_block import open_clip_block, value_block
from clipteacher.teachers.towers.tower import as_map


def resize_positions(table: Tensor, native: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """Resize a table of learned positions to another grid; the class token's position, the first, stays.

    Bicubic with antialiasing, in float32, as open_clip itself resizes positions when it loads a checkpoint.
    Deviation: MaskCLIP's code (arXiv 2112.01071) is bicubic without antialiasing.

    Args:
        table: Positions, (L, D), floating point, L = 1 + native height · native width.
        native: Rows and columns that the table was learned for.
        grid: Rows and columns wanted.

    Returns:
        Positions, (L', D), same dtype, L' = 1 + grid height · grid width; `table` itself where the grids are equal.

    Raises:
        ValueError: The table does not hold 1 + native height · native width positions.
    """
    if len(table) != 1 + native[0] * native[1]:
        raise ValueError(
            f"positions: got {len(table)} for a grid of {native[0]}x{native[1]}; expected one a cell and one for the "
            "class token. Image towers without a class token are not supported."
        )
    if grid == native:
        return table
    cells = table[1:].float().T.reshape(1, -1, *native)
    cells = F.interpolate(cells, size=grid, mode="bicubic", align_corners=False, antialias=True)
    return torch.cat([table[:1], cells[0].flatten(1).T.to(table.dtype)])


def before_last_block(visual: Any, images: Tensor) -> tuple[Tensor, tuple[int, int]]:  # noqa: ANN401 (see `_pool`)
    """Run a vision transformer up to its last block.

    Args:
        visual: open_clip's vision transformer with a class token.
        images: Normalised images, (B, 3, H, W), floating point; H and W multiples of the patch size.

    Returns:
        The tokens that enter the last block, class token first, (B, 1 + h · w, D), and h and w.
    """
    maps = visual.conv1(images)
    grid = (maps.shape[-2], maps.shape[-1])
    cls = visual.class_embedding.to(maps.dtype).expand(len(maps), 1, -1)
    positions = resize_positions(visual.positional_embedding, visual.grid_size, grid)
    x = torch.cat([cls, maps.flatten(2).transpose(1, 2)], dim=1) + positions.to(maps.dtype)
    x = visual.ln_pre(x)
    for block in visual.transformer.resblocks[:-1]:
        x = block(x)
    return x, grid


def vit_tokens(visual: VisionTransformer, images: Tensor, dense: Dense) -> tuple[Tensor, Tensor]:
    """Run a vision transformer once for its CLS token and its dense tokens.

    Args:
        visual: open_clip's vision transformer with a class token, pooled by that token or by the patches' mean.
        images: Normalised images, (B, 3, H, W), floating point; H and W multiples of the patch size.
        dense: "tokens": the last layer's patch tokens. All others: that reading of the last block, see
            `dense_readings`. They then go through the final norm and projection.

    Returns:
        CLS (B, C), as the tower's own forward gives it, and dense tokens (B, C, H / patch, W / patch).
    """
    x, grid = before_last_block(visual, images)
    last = visual.transformer.resblocks[-1]
    final = last(x)
    if dense == "tokens":
        local = final[:, 1:]
    elif dense == "value":
        local = value_block(last, x[:, 1:])  # needs neither queries, keys nor class token
    else:
        local = read_dense(open_clip_block(last, x, prefix=1), grid, dense)
    pooled, local = _pool(visual, final), visual.ln_post(local)
    if visual.proj is not None:
        pooled, local = pooled @ visual.proj, local @ visual.proj
    return pooled, as_map(local, grid)


def _pool(visual: Any, x: Tensor) -> Tensor:  # noqa: ANN401 (mypy cannot infer the type of open_clip's `pool_type`)
    """Pool tokens (B, 1 + L, D) to (B, D) as the tower does: class token or mean, final norm before or after."""
    if visual.pool_type == "tok":
        return visual.ln_post(x[:, 0])  # type: ignore[no-any-return]
    if visual.final_ln_after_pool:
        return visual.ln_post(x[:, 1:].mean(dim=1))  # type: ignore[no-any-return]
    return visual.ln_post(x[:, 1:]).mean(dim=1)  # type: ignore[no-any-return]


def resnet_tokens(visual: ModifiedResNet, images: Tensor, dense: Literal["tokens", "value"]) -> tuple[Tensor, Tensor]:
    """Run CLIP's ResNet once for its CLS token (the attention pool's) and its dense tokens.

    Args:
        visual: open_clip's modified ResNet.
        images: Normalised images, (B, 3, H, W), floating point; H and W multiples of 32.
        dense: "tokens": the attention pool, each position a query instead of the mean. "value": the pool's value
            and output projections of each position, without position embeddings, as in MaskCLIP's code.

    Returns:
        CLS (B, C), as the tower's own forward gives it, and dense tokens (B, C, H / 32, W / 32).
    """
    maps = images
    for layer in (visual.stem, visual.layer1, visual.layer2, visual.layer3, visual.layer4):
        maps = layer(maps)
    pool = visual.attnpool
    grid = (maps.shape[-2], maps.shape[-1])
    side = math.isqrt(len(pool.positional_embedding) - 1)
    cells = maps.flatten(2).transpose(1, 2)
    x = torch.cat([cells.mean(dim=1, keepdim=True), cells], dim=1)
    x = x + resize_positions(pool.positional_embedding, (side, side), grid).to(x.dtype)
    if dense == "tokens":
        out = _attend(pool, x, x)
        pooled, local = out[:, 0], out[:, 1:]
    else:
        pooled, local = _attend(pool, x[:, :1], x)[:, 0], pool.c_proj(pool.v_proj(cells))
    return pooled, as_map(local, grid)


def _attend(pool: AttentionPool2d, queries: Tensor, x: Tensor) -> Tensor:
    """Multi-head attention of queries (B, Q, D) over x (B, L, D) with the pool's weights: (B, Q, C)."""
    q, k, v = (
        projection(tokens).reshape(*tokens.shape[:2], pool.num_heads, -1).transpose(1, 2)
        for projection, tokens in ((pool.q_proj, queries), (pool.k_proj, x), (pool.v_proj, x))
    )
    out = F.scaled_dot_product_attention(q, k, v)
    return pool.c_proj(out.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]
