"""timm's transformer blocks, taken apart as a `LastBlock`: those of its ViT, of EVA, and with relative positions."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from timm.layers import apply_rot_embed_cat
from timm.models.eva import EvaBlock, EvaBlockPostNorm
from timm.models.vision_transformer import Block, ResPostBlock
from timm.models.vision_transformer_relpos import RelPosBlock, ResPostRelPosBlock
from torch import Tensor

from clipteacher.teachers.last_block import LastBlock

_POST_NORM = (EvaBlockPostNorm, ResPostBlock, ResPostRelPosBlock)
BLOCKS = (Block, EvaBlock, RelPosBlock, *_POST_NORM)
"""Classes of blocks that `timm_block` takes apart."""


def timm_block(block: Any, x: Tensor, prefix: int, rope: Tensor | None = None) -> LastBlock:  # noqa: ANN401 (of `BLOCKS`)
    """Take a block of timm's apart for the tokens that enter it.

    Deviation: relative positions, which are added to the attention's logits, are no part of queries and keys, so a
    reading of these leaves them out.

    Args:
        block: One of `BLOCKS`, in evaluation mode.
        x: Tokens that enter the block, (B, L, D), floating point.
        prefix: How many of them, the first, are no patches.
        rope: Sines and cosines of the patches' rotary positions, (L - prefix, 2 · d), where the block has them.

    Returns:
        The block's parts; `q` and `k` after their norms and rotary positions.
    """
    attention = block.attn
    normed = x if isinstance(block, _POST_NORM) else block.norm1(x)
    q, k, v = (
        part.reshape(*x.shape[:2], attention.num_heads, -1).transpose(1, 2) for part in _projections(attention, normed)
    )
    q, k = attention.q_norm(q), attention.k_norm(k)
    if rope is not None:
        half = {"half": True} if getattr(attention, "rotate_half", False) else {}  # an argument of later timms
        q, k = (
            torch.cat([part[:, :, :prefix], apply_rot_embed_cat(part[:, :, prefix:], rope, **half)], dim=2).type_as(v)
            for part in (q, k)
        )
    return LastBlock(q, k, v, prefix, x, partial(_project, block), partial(_feed_forward, block))


def _projections(attention: Any, x: Tensor) -> tuple[Tensor, ...]:  # noqa: ANN401 (one of timm's attention classes)
    """Queries, keys and values of tokens (B, L, D), three (B, L, heads · d)."""
    if attention.qkv is None:
        return attention.q_proj(x), attention.k_proj(x), attention.v_proj(x)
    bias = attention.qkv.bias
    if getattr(attention, "q_bias", None) is not None:  # EVA's, whose keys have none
        bias = torch.cat((attention.q_bias, attention.k_bias, attention.v_bias))
    return F.linear(x, attention.qkv.weight, bias).chunk(3, dim=-1)


def _project(block: Any, merged: Tensor) -> Tensor:  # noqa: ANN401 (as above)
    """Merged heads (B, N, heads · d) to what the attention adds to the residual, (B, N, D)."""
    attention = block.attn
    norm = getattr(attention, "norm", None)  # a sub-norm, which relative positions have not
    out = attention.proj(merged if norm is None else norm(merged))
    return block.norm1(out) if isinstance(block, _POST_NORM) else _scale(block, "1", out)


def _feed_forward(block: Any, x: Tensor) -> Tensor:  # noqa: ANN401 (as above)
    """The second half of the block, (B, N, D) to (B, N, D)."""
    if isinstance(block, _POST_NORM):
        return x + block.norm2(block.mlp(x))  # type: ignore[no-any-return]
    return x + _scale(block, "2", block.mlp(block.norm2(x)))


def _scale(block: Any, half: str, x: Tensor) -> Tensor:  # noqa: ANN401 (as above)
    """Layer scale: a module in a ViT's block, a parameter or None in EVA's."""
    if isinstance(block, EvaBlock):
        gamma = getattr(block, f"gamma_{half}")
        return x if gamma is None else gamma * x
    return getattr(block, f"ls{half}")(x)  # type: ignore[no-any-return]
