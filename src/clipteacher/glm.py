"""Global Learning Module: the teacher's CLS token asks the student's dense features (arXiv 2310.02296, GLM)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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
    """

    normalize: bool = True
    scale: float | None = 20.0
    temperature: float = 0.07
    bank_size: int = 256


def global_attention(cls: Tensor, features: Tensor, *, scale: float | None, normalize: bool) -> tuple[Tensor, Tensor]:
    """Pool the student's features by their likeness to the CLS token: W = softmax(S·R·scale), Ŝ = Σ_l W_l R_l.

    Source: GLM of arXiv 2310.02296.

    Deviation: the paper's scale is 1/√C; at unit length that makes W nearly uniform (average pooling), so the scale
    is a knob.

    Args:
        cls: S, (B, C).
        features: R, (B, C, h, w).
        scale: Factor before the softmax; None is 1/√C.
        normalize: Whether S and R are taken at unit length (per position).

    Returns:
        Ŝ, (B, C), and W, (B, h, w), which sums to 1 over each image.
    """
    dense = features.flatten(2)
    if normalize:
        cls, dense = F.normalize(cls, dim=1), F.normalize(dense, dim=1)
    if scale is None:
        scale = 1 / math.sqrt(cls.shape[1])
    weights = (torch.einsum("bc,bcl->bl", cls, dense) * scale).softmax(dim=1)
    return torch.einsum("bl,bcl->bc", weights, dense), weights.view(features.shape[0], *features.shape[2:])


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
    """

    def __init__(self, width: int, config: GLMConfig = GLMConfig()) -> None:
        super().__init__()
        self.config = config
        self.bank = CLSBank(config.bank_size, width)

    def forward(self, cls: Tensor, features: Tensor) -> Tensor:
        """Compute L_GLM for CLS tokens S (B, C) and student features R (B, C, h, w); a scalar.

        The bank is read before the batch is enqueued: otherwise each positive would also be a negative. In training on
        several ranks the batch is theirs all: other ranks' CLS tokens are negatives too, and each rank's bank takes all
        of them, so that the banks stay the same.
        """
        unit = F.normalize(cls, dim=1)
        asks = unit if self.config.normalize else cls
        pooled, _ = global_attention(asks, features, scale=self.config.scale, normalize=self.config.normalize)
        everyone, first = gather_rows(unit) if self.training else Gathered(unit, 0)
        negatives = torch.cat([everyone[:first], everyone[first + len(unit) :], self.bank.read()])
        loss = info_nce(pooled, unit, negatives, temperature=self.config.temperature)
        self.bank.enqueue(everyone)
        # The mean over this rank's images becomes its part of the mean over all; one process multiplies by 1.
        ranks = world_size() if self.training else 1
        return loss * (len(unit) * ranks / len(everyone))
