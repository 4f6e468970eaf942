"""Global Learning Module: the teacher's CLS token queries the student's dense features (arXiv 2310.02296, GLM)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.method.grid_tokens import grid_cells
from clipteacher.method.losses.infonce import info_nce
from clipteacher.method.losses.loss_sum import LossSum
from clipteacher.method.norms import inverse_norm
from clipteacher.utils.counts import Counting
from clipteacher.utils.distributed import ALONE, Gathered, Ranks


@dataclass(frozen=True)
class GLMConfig:
    """Options of GLM. Every value is ours, for the paper's are not known.

    Attributes:
        normalize: Whether CLS token and dense features are taken at unit length before their product.
        scale: Factor on that product before the softmax: how sharp the attention is. None is the paper's 1/√C. The
            best value differs between data sets: on the drawn world 1 gives hIoU 72.4 where 20 gives 69.7 (three
            seeds); on MSRC-21's held-out classes 1 is no better than 20 (docs/research/lab_book.md).
        temperature: τ of InfoNCE.
        bank_size: Number of CLS tokens of earlier batches kept as negatives; 0 keeps none.
        keep: Share of the positions that the CLS token attends to: those most similar to it. Attention over all of
            them is diluted. Not in the paper; after Chimera-Seg (arXiv 2506.22032).
        keep_steps: Steps over which that share falls linearly from 1 to `keep`; 0 starts with `keep`.
        grid: Side k of a grid of k² cells. The mean dense token of each queries the features of its cell as the CLS
            token queries all; L_GLM is the mean over it and them. 0 uses the CLS token alone. Not in the paper.

    Raises:
        ValueError: `keep` is not in (0, 1], or `keep_steps` or `grid` is negative.
    """

    normalize: bool = True
    scale: float | None = 20.0
    temperature: float = 0.07
    bank_size: int = 256
    keep: float = 1.0
    keep_steps: int = 0
    grid: int = 0

    def __post_init__(self) -> None:
        """Check the share of the positions and the grid."""
        if not 0 < self.keep <= 1:
            raise ValueError(
                f"glm.keep: got {self.keep}, expected a share above 0 and up to 1, which keeps all positions"
            )
        if self.keep_steps < 0:
            raise ValueError(f"glm.keep_steps: got {self.keep_steps}, expected 0 or more steps")
        if self.grid < 0:
            raise ValueError(f"glm.grid: got {self.grid}, expected 0 for none, or the side of the grid")

    def kept_share(self, step: int) -> float:
        """Return the share of the positions that is kept at a step, counted from 0.

        Example:
            >>> [round(GLMConfig(keep=0.2, keep_steps=4).kept_share(step), 2) for step in (0, 2, 4, 9)]
            [1.0, 0.6, 0.2, 0.2]
        """
        done = min(step / self.keep_steps, 1.0) if self.keep_steps else 1.0
        return 1 - (1 - self.keep) * done


def global_attention(
    cls: Tensor, features: Tensor, *, scale: float | None, normalize: bool, keep: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Pool the student's features by their similarity to the CLS token: W = softmax(S·R·scale), Ŝ = Σ_l W_l R_l.

    Source: GLM of arXiv 2310.02296.

    Deviation: the paper's scale is 1/√C; at unit length that makes W nearly uniform (average pooling), so the scale
    is an option.

    Args:
        cls: S, (B, C).
        features: R, (B, C, h, w).
        scale: Factor before the softmax; None is 1/√C.
        normalize: Whether S and R are taken at unit length (per position).
        keep: Share of the positions that is kept, those with the largest S·R, rounded up; the others have weight 0.

    Returns:
        Ŝ, (B, C), and W, (B, h, w), which sums to 1 over each image.
    """
    dense = features.flatten(2)
    if scale is None:
        scale = 1 / math.sqrt(cls.shape[1])
    if normalize:
        cls, per_norm = F.normalize(cls, dim=1), inverse_norm(features).flatten(1)
    similarity = torch.einsum("bc,bcl->bl", cls, dense) * scale
    if normalize:
        similarity = similarity * per_norm
    if keep < 1:
        best = similarity.topk(math.ceil(keep * similarity.shape[1]), dim=1)
        similarity = torch.full_like(similarity, -torch.inf).scatter(1, best.indices, best.values)
    weights = similarity.softmax(dim=1)
    shares = weights * per_norm if normalize else weights
    return torch.einsum("bl,bcl->bc", shares, dense), weights.view(features.shape[0], *features.shape[2:])


class CLSBank(Counting):
    """A ring of CLS tokens of earlier batches, V in the paper. It is saved with a checkpoint, so runs resume exactly.

    Args:
        size: Rows M kept.
        width: Channels C.

    Attributes:
        tokens: (M, C), float32; rows never written are zero.
        written: Number of tokens ever written, int64, a scalar.
    """

    tokens: Tensor
    written: Tensor

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.register_buffer("tokens", torch.zeros(size, width))
        self.register_buffer("written", torch.zeros((), dtype=torch.int64))

    def read(self) -> Tensor:
        """Return the rows written so far, (m, C) with m ≤ M."""
        return self.tokens[: min(self.count("written"), len(self.tokens))]

    @torch.no_grad()
    def enqueue(self, cls: Tensor) -> None:
        """Write CLS tokens (B, C) over the oldest rows."""
        rows = len(self.tokens)
        if rows == 0:
            return
        cls = cls[-rows:].to(self.tokens)
        places = (self.written + torch.arange(len(cls), device=cls.device)) % rows
        self.tokens[places] = cls
        self.count_up("written", len(cls))


class GLM(Counting):
    """Attention pooling by the CLS token, then InfoNCE against the batch and the bank.

    Args:
        width: Channels C of the joint space.
        config: The options.

    Attributes:
        steps: Training steps so far, int64, a scalar; None where all positions are kept.
    """

    steps: Tensor | None

    def __init__(self, width: int, config: GLMConfig = GLMConfig()) -> None:
        super().__init__()
        self.config = config
        self.bank = CLSBank(config.bank_size, width)
        # Saved with a checkpoint; only where it is needed.
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64) if config.keep < 1 else None)

    def forward(self, cls: Tensor, features: Tensor, dense: Tensor | None = None, *, ranks: Ranks = ALONE) -> LossSum:
        """Compute L_GLM.

        The bank is read before the batch is enqueued: otherwise each positive would also be a negative. CLS tokens of
        other ranks are negatives too, and each rank's bank takes all of them, so that the banks stay the same.

        Args:
            cls: The teacher's CLS tokens S, (B, C).
            features: The student's features R, (B, C, h, w).
            dense: Dense tokens (B, C, h', w'), for `grid` alone.
            ranks: The processes that share the batch.

        Returns:
            The sum over images, a scalar, and their number.

        Raises:
            ValueError: There are no dense tokens for the grid, or more cells than tokens.
        """
        keep, unit = self._kept_share(), F.normalize(cls, dim=1)
        everyone = ranks.gather(unit)
        loss = self._contrast(unit if self.config.normalize else cls, features, everyone, keep)
        if self.config.grid:
            if dense is None:
                raise ValueError(f"glm.grid: got {self.config.grid} without dense tokens, expected them as an argument")
            parts = [loss.total]
            for cell in grid_cells(dense, features, self.config.grid):
                parts.append(self._contrast(cell.token, cell.features, ranks.gather(cell.token), keep).total)
            loss = replace(loss, total=torch.stack(parts).mean())
        self.bank.enqueue(everyone.rows)
        return loss

    def _contrast(self, queries: Tensor, features: Tensor, everyone: Gathered, keep: float) -> LossSum:
        """Pool features (B, C, h, w) by queries (B, C), and contrast the result with other images' and the bank's."""
        config, (rows, first) = self.config, everyone
        pooled, _ = global_attention(queries, features, scale=config.scale, normalize=config.normalize, keep=keep)
        own = rows[first : first + len(queries)]
        negatives = torch.cat([rows[:first], rows[first + len(queries) :], self.bank.read()])
        return info_nce(pooled, own, negatives, temperature=config.temperature)

    def _kept_share(self) -> float:
        """Share of the positions at this step; a step of training is counted."""
        if self.steps is None:
            return 1.0
        share = self.config.kept_share(self.count("steps"))
        if self.training:
            self.count_up("steps")
        return share
