"""The last block of a vision transformer, taken apart: all that a dense reading of its attention needs.

Family-independent: a tower of any library fills a `LastBlock`, and `dense_readings` reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor


class LastBlock(NamedTuple):
    """What the last block makes of the L tokens that enter it; the first `prefix` of them are no patches.

    The block's own output is `feed_forward(residual + project(merge(softmax(q·kᵀ / √d)·v)))`, where `merge` lays the
    heads side by side: (B, heads, L, d) → (B, L, heads · d).

    Attributes:
        q: Queries, (B, heads, L, d), floating point, as the block's attention multiplies them: after its own
            normalisation and its rotary positions, before the division by √d. Where its logits are scaled otherwise
            than by 1 / √d, the difference is multiplied into q and k, its square root into each.
        k: Keys, likewise, (B, heads, L, d).
        v: Values, (B, heads, L, d).
        prefix: Number of class and register tokens, which stand before the patches; 0 where there are none.
        residual: The tokens that enter the block, before its first norm, (B, L, D).
        project: From merged heads (B, N, heads · d) to what the attention adds to the residual, (B, N, D), for any N:
            the output projection and all that comes with it, such as scales of heads, sub-norms and layer scale.
        feed_forward: The second half of the block with its residual, (B, N, D) → (B, N, D), for any N:
            x → x + scale(MLP(norm(x))). The tower's final norm is no part of it.
    """

    q: Tensor
    k: Tensor
    v: Tensor
    prefix: int
    residual: Tensor
    project: Callable[[Tensor], Tensor]
    feed_forward: Callable[[Tensor], Tensor]
