"""open_clip's vision transformer with an attention pool of learned queries: CoCa's image tower."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from clipteacher.teachers.dense_readings import Dense, read_dense
from clipteacher.teachers.openclip_block import open_clip_block
from clipteacher.teachers.openclip_trunk import before_last_block
from clipteacher.teachers.towers.tower import as_map


def pooled_vit_tokens(visual: Any, images: Tensor, dense: Dense) -> tuple[Tensor, Tensor]:  # noqa: ANN401 (see below)
    """Run a vision transformer once for its CLS token, which is what a query finds, and its dense tokens.

    Dense tokens pass the pool's value path: its norm of keys, values and output projection; then the tower's final norm
    and projection.

    Args:
        visual: open_clip's `VisionTransformer` with one attention pool.
        images: Normalised images, (B, 3, H, W), floating point; H and W multiples of the patch size.
        dense: "tokens" and "value": the last layer's tokens, through the pool's value path. All others: that reading of
            the last block, through the same path.

    Returns:
        CLS (B, C), as the tower's own forward gives it, and dense tokens (B, C, H / patch, W / patch).
    """
    x, grid = before_last_block(visual, images)
    last = visual.transformer.resblocks[-1]
    final = last(x)
    if dense in ("tokens", "value"):
        local = final[:, 1:]
    else:
        local = read_dense(open_clip_block(last, x, prefix=1), grid, dense)
    found = visual.ln_post(_found(visual.attn_pool, final))
    pooled = found[:, 0] if visual.pool_type == "tok" else found[:, 1:].mean(dim=1)
    local = visual.ln_post(_values(visual.attn_pool, local))
    if visual.proj is not None:
        pooled, local = pooled @ visual.proj, local @ visual.proj
    return pooled, as_map(local, grid)


def _found(pool: Any, x: Tensor) -> Tensor:  # noqa: ANN401 (open_clip's `AttentionalPooler`)
    """What the pool's queries find among tokens (B, L, D): (B, queries, C), in half precision too."""
    keys, queries = pool.ln_k(x), pool.ln_q(pool.query).to(x.dtype)
    found: Tensor = pool.attn(queries.expand(len(x), -1, -1), keys, keys, need_weights=False)[0]
    return found


def _values(pool: Any, x: Tensor) -> Tensor:  # noqa: ANN401 (as above)
    """What a query finds that attends to one token alone: tokens (B, L, D) to (B, L, C)."""
    attention = pool.attn
    # torch keeps one matrix for all three where keys are as wide as queries.
    weight = attention.v_proj_weight if attention.in_proj_weight is None else attention.in_proj_weight.chunk(3)[2]
    values = F.linear(pool.ln_k(x), weight, attention.in_proj_bias.chunk(3)[2])
    return attention.out_proj(values)  # type: ignore[no-any-return]
