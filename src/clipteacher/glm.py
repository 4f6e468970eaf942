"""Global Learning Module: the teacher's CLS token asks the student's dense features (arXiv 2310.02296, GLM)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.cells import cut
from clipteacher.cosines import inverse_length
from clipteacher.distributed import Gathered, gather_rows, world_size
from clipteacher.losses.infonce import info_nce


@dataclass(frozen=True)
class GLMConfig:
    """The knobs of GLM. All defaults are ours; the paper's values were not to be had.

    Attributes:
        normalize: Whether CLS token and dense features are taken at unit length before their product.
        scale: Factor on that product before the softmax. None is the paper's 1/√C.
        temperature: τ of InfoNCE.
        bank_size: Number of CLS tokens of earlier batches kept as negatives; 0 keeps none.
        keep: Share of the positions that the CLS token may ask: those most like it. Attention over all of them is
            diluted. Not in the paper; after Chimera-Seg (arXiv 2506.22032).
        keep_steps: Steps over which that share falls evenly from 1 to `keep`; 0 has it from the first step on.
        cells: Side k of a grid of k² cells, whose mean dense tokens ask the features of their cells as the CLS token
            asks all; L_GLM is the mean over it and them. 0 has the CLS token alone. Not in the paper.

    Raises:
        ValueError: `keep` is not in (0, 1], or `keep_steps` or `cells` is negative.
    """

    normalize: bool = True
    scale: float | None = 20.0
    temperature: float = 0.07
    bank_size: int = 256
    keep: float = 1.0
    keep_steps: int = 0
    cells: int = 0

    def __post_init__(self) -> None:
        """Check the share of the positions and the number of cells."""
        if not 0 < self.keep <= 1:
            raise ValueError(
                f"glm.keep: got {self.keep}, expected a share above 0 and up to 1, which keeps all positions"
            )
        if self.keep_steps < 0:
            raise ValueError(f"glm.keep_steps: got {self.keep_steps}, expected 0 or more steps")
        if self.cells < 0:
            raise ValueError(f"glm.cells: got {self.cells}, expected 0 for none, or the side of the grid")

    def kept_share(self, step: int) -> float:
        """Return the share of the positions that is asked at a step, counted from 0.

        Example:
            >>> [round(GLMConfig(keep=0.2, keep_steps=4).kept_share(step), 2) for step in (0, 2, 4, 9)]
            [1.0, 0.6, 0.2, 0.2]
        """
        done = min(step / self.keep_steps, 1.0) if self.keep_steps else 1.0
        return 1 - (1 - self.keep) * done


def global_attention(
    cls: Tensor, features: Tensor, *, scale: float | None, normalize: bool, keep: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Pool the student's features by their likeness to the CLS token: W = softmax(S·R·scale), Ŝ = Σ_l W_l R_l.

    Source: GLM of arXiv 2310.02296.

    Deviation: the paper's scale is 1/√C; at unit length that makes W nearly uniform (average pooling), so the scale
    is a knob.

    Args:
        cls: S, (B, C).
        features: R, (B, C, h, w).
        scale: Factor before the softmax; None is 1/√C.
        normalize: Whether S and R are taken at unit length (per position).
        keep: Share of the positions that is asked, those with the largest S·R, rounded up; the others have weight 0.

    Returns:
        Ŝ, (B, C), and W, (B, h, w), which sums to 1 over each image.
    """
    dense = features.flatten(2)
    if scale is None:
        scale = 1 / math.sqrt(cls.shape[1])
    if normalize:
        cls, per_length = F.normalize(cls, dim=1), inverse_length(features).flatten(1)
    likeness = torch.einsum("bc,bcl->bl", cls, dense) * scale
    if normalize:
        likeness = likeness * per_length
    if keep < 1:
        best = likeness.topk(math.ceil(keep * likeness.shape[1]), dim=1)
        likeness = torch.full_like(likeness, -torch.inf).scatter(1, best.indices, best.values)
    weights = likeness.softmax(dim=1)
    shares = weights * per_length if normalize else weights
    return torch.einsum("bl,bcl->bc", shares, dense), weights.view(features.shape[0], *features.shape[2:])


class CLSBank(nn.Module):
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
        return self.tokens[: min(int(self.written), len(self.tokens))]

    @torch.no_grad()
    def enqueue(self, cls: Tensor) -> None:
        """Write CLS tokens (B, C) over the oldest rows."""
        rows = len(self.tokens)
        if rows == 0:
            return
        cls = cls[-rows:].to(self.tokens)
        places = (self.written + torch.arange(len(cls), device=cls.device)) % rows
        self.tokens[places] = cls
        self.written += len(cls)


class GLM(nn.Module):
    """Attention pooling by the CLS token, then InfoNCE against the batch and the bank.

    Args:
        width: Channels C of the joint space.
        config: The knobs.

    Attributes:
        steps: Training steps so far, int64, a scalar; None where all positions are kept.
    """

    steps: Tensor | None

    def __init__(self, width: int, config: GLMConfig = GLMConfig()) -> None:
        super().__init__()
        self.config = config
        self.bank = CLSBank(config.bank_size, width)
        # Saved with a checkpoint; there only where it is needed.
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64) if config.keep < 1 else None)

    def forward(self, cls: Tensor, features: Tensor, dense: Tensor | None = None) -> Tensor:
        """Compute L_GLM for CLS tokens S (B, C), student features R (B, C, h, w) and dense tokens (B, C, h', w').

        Dense tokens are for `cells` alone. The bank is read before the batch is enqueued: otherwise each positive would
        also be a negative. In training on several ranks the batch is theirs all: other ranks' CLS tokens are negatives
        too, and each rank's bank takes all of them, so that the banks stay the same.

        Returns:
            A scalar.

        Raises:
            ValueError: There are no dense tokens for the cells, or more cells than tokens.
        """
        keep, unit = self._kept_share(), F.normalize(cls, dim=1)
        everyone = self._of_all_ranks(unit)
        loss = self._contrast(unit if self.config.normalize else cls, features, everyone, keep)
        if self.config.cells:
            if dense is None:
                raise ValueError(
                    f"glm.cells: got {self.config.cells} without dense tokens, expected them as an argument"
                )
            parts = [loss]
            for cell in cut(dense, features, self.config.cells):
                parts.append(self._contrast(cell.token, cell.features, self._of_all_ranks(cell.token), keep))
            loss = torch.stack(parts).mean()
        self.bank.enqueue(everyone.rows)
        return loss

    def _of_all_ranks(self, tokens: Tensor) -> Gathered:
        return gather_rows(tokens) if self.training else Gathered(tokens, 0)

    def _contrast(self, asks: Tensor, features: Tensor, everyone: Gathered, keep: float) -> Tensor:
        """Let a token an image ask features, and contrast what it gets with the tokens of other images and the bank."""
        config, (rows, first) = self.config, everyone
        pooled, _ = global_attention(asks, features, scale=config.scale, normalize=config.normalize, keep=keep)
        own = rows[first : first + len(asks)]
        negatives = torch.cat([rows[:first], rows[first + len(asks) :], self.bank.read()])
        loss = info_nce(pooled, own, negatives, temperature=config.temperature)
        # The mean over this rank's images becomes its part of the mean over all; one process multiplies by 1.
        ranks = world_size() if self.training else 1
        return loss * (len(asks) * ranks / len(rows))

    def _kept_share(self) -> float:
        """Share of the positions at this step; a step of training is counted."""
        if self.steps is None:
            return 1.0
        share = self.config.kept_share(int(self.steps))
        if self.training:
            self.steps += 1
        return share
