"""Dense readings: what a vision transformer's last block says of each patch, by another attention than its own.

CLIP trains the class token alone, so the last attention mixes all patches into each. None of the readings changes a
weight. They differ in what a patch attends to, and in whether the residual and the feed-forward network stay:

| reading | attention | residual and feed-forward |
|---|---|---|
| "tokens" | softmax(q·kᵀ / √d), the block's own | stay |
| "value" (MaskCLIP) | the identity: each patch sees itself | stay |
| "sclip" | softmax(q·qᵀ / √d) + softmax(k·kᵀ / √d) | stay |
| "cliptrase" | the same + softmax(v·vᵀ / √d) | stay |
| "clearclip" | softmax(q·qᵀ / √d) | neither |
| "naclip" | softmax(k·kᵀ / √d + ω), ω a Gaussian of the distance | neither |

The tower's final norm and projection follow in every case.

Deviation, in all: layer scale, scales of heads, sub-norms and norms of queries and keys are applied where a block has
them; the CLIPs of these papers have none.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from clipteacher.teachers.last_block import LastBlock

Dense = Literal["tokens", "value", "sclip", "cliptrase", "clearclip", "naclip"]
"""Which dense tokens an image tower gives."""


def read_dense(block: LastBlock, grid: tuple[int, int], dense: Dense) -> Tensor:
    """Read the patches of a last block.

    Args:
        block: The block, taken apart.
        grid: Rows and columns of patches.
        dense: The reading; "tokens" are those of the block's own forward, up to rounding.

    Returns:
        Tokens, (B, N, D), dtype of the block, before the tower's final norm: one for each of the N = rows · columns
            patches, row by row.

    Raises:
        ValueError: The grid has not as many cells as the block has patches.
    """
    q, k, v, start = block.q, block.k, block.v, block.prefix
    if v.shape[2] != start + grid[0] * grid[1]:
        raise ValueError(
            f"grid: got {grid[0]}x{grid[1]} for {v.shape[2] - start} patches; expected one cell a patch. "
            "Count class and register tokens in `prefix`."
        )
    match dense:
        case "tokens":
            mixed = F.scaled_dot_product_attention(q, k, v)
        case "value":
            mixed = v
        case "sclip":
            mixed = sclip(q, k, v)
        case "cliptrase":
            mixed = cliptrase(q, k, v)
        case "clearclip":
            mixed = clearclip(q, v)
        case "naclip":
            mixed = naclip(k, v, grid)
    attended = block.project(mixed[:, :, start:].transpose(1, 2).flatten(2))
    if dense in ("clearclip", "naclip"):
        return attended
    return block.feed_forward(block.residual[:, start:] + attended)


def sclip(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attend where queries are alike and where keys are alike.

    (softmax(q·qᵀ / √d) + softmax(k·kᵀ / √d))·v: weights of a token sum to two.

    Source: SCLIP (arXiv 2312.01597), "correlative self-attention"; `custom_attn` of its code. The residual and the
    feed-forward network stay, and class tokens are attended to.

    Args:
        q: Queries, (B, heads, L, d), floating point.
        k: Keys, likewise.
        v: Values, likewise.

    Returns:
        Mixed values, (B, heads, L, d).
    """
    return F.scaled_dot_product_attention(q, q, v) + F.scaled_dot_product_attention(k, k, v)


def cliptrase(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attend where queries, where keys and where values are alike.

    (softmax(q·qᵀ / √d) + softmax(k·kᵀ / √d) + softmax(v·vᵀ / √d))·v: weights of a token sum to three.

    Source: CLIPtrase (arXiv 2407.08268), "semantic correlation recovery"; `self_qk_weight` in `attn2.py` of its code.
    Deviation: its second half is left out, which clusters patches by the attention of the block before the last and
    lets each cluster vote. That gives labels and no tokens.

    Args:
        q: Queries, (B, heads, L, d), floating point.
        k: Keys, likewise.
        v: Values, likewise.

    Returns:
        Mixed values, (B, heads, L, d).
    """
    return sclip(q, k, v) + F.scaled_dot_product_attention(v, v, v)


def clearclip(q: Tensor, v: Tensor) -> Tensor:
    """Attend where queries are alike: softmax(q·qᵀ / √d)·v.

    Source: ClearCLIP (arXiv 2407.12442); `custom_attn` of its code, which leaves out the residual and the feed-forward
    network. Class tokens are attended to.

    Args:
        q: Queries, (B, heads, L, d), floating point.
        v: Values, likewise.

    Returns:
        Mixed values, (B, heads, L, d).
    """
    return F.scaled_dot_product_attention(q, q, v)


def naclip(k: Tensor, v: Tensor, grid: tuple[int, int], std: float = 5.0) -> Tensor:
    """Attend where keys are alike, and to the neighbourhood: softmax(k·kᵀ / √d + ω)·v.

    Source: NACLIP (arXiv 2404.08181); `custom_attn` of its code with its defaults, `arch="reduced"` (no residual, no
    feed-forward network) and `gaussian_std=5`. Class tokens are attended to, with ω = 0.

    Args:
        k: Keys, (B, heads, L, d), floating point; the last rows · columns tokens are the patches.
        v: Values, likewise.
        grid: Rows and columns of patches.
        std: Standard deviation of ω, in patches.

    Returns:
        Mixed values, (B, heads, L, d).
    """
    prefix = k.shape[2] - grid[0] * grid[1]
    prior = F.pad(neighbourhood(grid, std, k.device), (prefix, 0, prefix, 0)).to(k.dtype)
    return F.scaled_dot_product_attention(k, k, v, attn_mask=prior)


def neighbourhood(grid: tuple[int, int], std: float, device: torch.device | None = None) -> Tensor:
    """Weigh each pair of patches by a Gaussian of their distance: ω = exp(-(Δrow² + Δcolumn²) / 2σ²), 1 at itself.

    Args:
        grid: Rows and columns of patches.
        std: Standard deviation σ, in patches.
        device: Where to.

    Returns:
        ω, (N, N), float32 in (0, 1], symmetric; N = rows · columns patches, row by row.

    Example:
        >>> neighbourhood((1, 3), std=1.0)
        tensor([[1.0000, 0.6065, 0.1353],
                [0.6065, 1.0000, 0.6065],
                [0.1353, 0.6065, 1.0000]])
    """
    places = (torch.arange(side, dtype=torch.float32, device=device) for side in grid)
    rows, columns = (torch.exp(-((line[:, None] - line) ** 2) / (2 * std**2)) for line in places)
    return torch.kron(rows, columns)
