"""Synthesizer: prototypes of seen and latent ids from student features and CLS tokens (arXiv 2310.02296, PLM)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def id_masks(labels: Tensor, num_ids: int) -> Tensor:
    """Return the mask of each id: labels (B, h, w) int64, any, to (B, N, h·w) bool; ids are 0..N-1."""
    ids = torch.arange(num_ids, device=labels.device).view(1, -1, 1)
    return labels.flatten(1).unsqueeze(1) == ids


def mean_features(features: Tensor, labels: Tensor, num_ids: int) -> tuple[Tensor, Tensor]:
    """Average the student's features over the pixels of each id.

    Args:
        features: R, (B, C, h, w).
        labels: F, (B, h, w) int64; ids outside 0..num_ids-1 are left out.
        num_ids: N.

    Returns:
        Means, (B, N, C), zero where an id does not occur, and which ids occur, (B, N) bool.

    Raises:
        ValueError: Sizes of features and labels differ.

    Example:
        >>> features = torch.tensor([[[[1.0, 3.0, 5.0]]]])
        >>> mean_features(features, torch.tensor([[[0, 0, 1]]]), num_ids=3)[0].flatten().tolist()
        [2.0, 5.0, 0.0]
    """
    if labels.shape != (features.shape[0], *features.shape[2:]):
        raise ValueError(
            f"mean_features: got features {tuple(features.shape)}, labels {tuple(labels.shape)}; "
            "expected (B, C, h, w) and (B, h, w)"
        )
    members = id_masks(labels, num_ids).to(features.dtype)
    counts = members.sum(dim=2)
    sums = torch.einsum("bnl,bcl->bnc", members, features.flatten(2))
    return sums / counts.clamp(min=1).unsqueeze(2), counts > 0


class Synthesizer(nn.Module):
    """A transformer decoder: mean student features query CLIP's CLS tokens; its outputs are prototypes.

    Deviation: a linear layer follows the decoder. The decoder's residual path alone would make each prototype look like
    its query at the start of training, when all pixels of an image look alike, so that every pixel would be taken for
    every latent id; behind the layer the first cosines are near 0.

    Args:
        width: Channels C.
        layers: Decoder layers.
        heads: Attention heads; they divide the width.
        feedforward: Width of the feed-forward part.
        dropout: Dropout in the decoder.

    Raises:
        ValueError: The heads do not divide the width.
    """

    def __init__(
        self, width: int, *, layers: int = 1, heads: int = 8, feedforward: int = 1024, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"Synthesizer: got {heads} heads for width {width}, expected a divisor of the width")
        layer = nn.TransformerDecoderLayer(width, heads, feedforward, dropout, batch_first=True)
        self.decoder = nn.TransformerDecoder(layer, layers)
        self.project = nn.Linear(width, width)

    def forward(self, queries: Tensor, valid_mask: Tensor, cls: Tensor) -> Tensor:
        """Turn queries into prototypes.

        Args:
            queries: (B, N, C), the mean student feature of each id.
            valid_mask: (B, N) bool; rows of ids that do not occur are masked out of the attention.
            cls: S, (M, C), the CLS tokens of the whole batch: the same keys and values for every image.

        Returns:
            P, (B, N, C); rows of ids that do not occur mean nothing.
        """
        # An image without any id would leave a softmax over nothing (NaN): its rows see each other instead.
        absent = ~valid_mask & valid_mask.any(dim=1, keepdim=True)
        memory = cls.unsqueeze(0).expand(len(queries), -1, -1)
        prototypes: Tensor = self.project(self.decoder(queries, memory, tgt_key_padding_mask=absent))
        return prototypes
