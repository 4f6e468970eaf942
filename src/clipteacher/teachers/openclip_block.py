"""open_clip's transformer block, taken apart as a `LastBlock`, and its value path alone."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch.nn.functional as F
from open_clip.transformer import Attention
from torch import Tensor

from clipteacher.teachers.last_block import LastBlock


def open_clip_block(block: Any, x: Tensor, prefix: int) -> LastBlock:  # noqa: ANN401 (either of open_clip's two classes)
    """Take a block of open_clip's apart for the tokens that enter it.

    Args:
        block: open_clip's `ResidualAttentionBlock` or `CustomResidualAttentionBlock`, in evaluation mode.
        x: Tokens that enter the block, (B, L, D), floating point.
        prefix: How many of them, the first, are no patches.

    Returns:
        The block's parts; `q` and `k` after the norms that some blocks have for them.
    """
    attention = block.attn
    tokens = F.linear(block.ln_1(x), attention.in_proj_weight, attention.in_proj_bias)
    q, k, v = tokens.reshape(*x.shape[:2], 3, attention.num_heads, -1).permute(2, 0, 3, 1, 4)
    if isinstance(attention, Attention):
        q, k = attention.ln_q(q), attention.ln_k(k)
    return LastBlock(q, k, v, prefix, x, partial(_project, block), partial(_feed_forward, block))


def value_block(block: Any, x: Tensor) -> Tensor:  # noqa: ANN401 (either of open_clip's two block classes)
    """Run a transformer block with its attention replaced by the identity: every token attends to itself only.

    Source: `TransformerEncoderLayer.forward` of MaskCLIP's code (arXiv 2112.01071), for open_clip's blocks, LayerScale
    and sub-norms included. Equal to the reading "value" of `dense_readings`, without queries, keys and class token.

    Args:
        block: open_clip's `ResidualAttentionBlock` or `CustomResidualAttentionBlock`.
        x: Tokens that enter the block, (B, L, D).

    Returns:
        Tokens, (B, L, D): u + MLP(LN(u)) with u = x + out(v(LN(x))).
    """
    attention = block.attn
    bias = attention.in_proj_bias
    values = F.linear(block.ln_1(x), attention.in_proj_weight.chunk(3)[2], None if bias is None else bias.chunk(3)[2])
    return _feed_forward(block, x + _project(block, values))


def _project(block: Any, merged: Tensor) -> Tensor:  # noqa: ANN401 (as above)
    """Merged heads (B, N, D) to what the attention adds to the residual, (B, N, D)."""
    attention = block.attn
    if not isinstance(attention, Attention):
        return block.ls_1(attention.out_proj(merged))  # type: ignore[no-any-return]
    if attention.head_scale is not None:
        heads = merged.reshape(*merged.shape[:2], attention.num_heads, -1)
        merged = (heads * attention.head_scale.view(-1, 1)).flatten(-2)
    return block.ls_1(block.ln_attn(attention.out_proj(attention.ln_inner(merged))))  # type: ignore[no-any-return]


def _feed_forward(block: Any, x: Tensor) -> Tensor:  # noqa: ANN401 (as above)
    """The second half of the block, (B, N, D) to (B, N, D)."""
    return x + block.ls_2(block.mlp(block.ln_2(x)))  # type: ignore[no-any-return]
