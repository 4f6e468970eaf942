"""Pixel Learning Module: pseudo labels from the teacher's tokens, and classifiers for them (arXiv 2310.02296)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.plm.fused_labels import FusedLabels, fuse_labels
from clipteacher.plm.fusion import fuse_masks
from clipteacher.plm.kmeans import kmeans, window_seeds
from clipteacher.plm.synthesizer import Synthesizer, mean_features


@dataclass(frozen=True)
class PLMConfig:
    """The knobs of PLM. All defaults are ours; the paper's values were not to be had.

    Attributes:
        windows: Sides of the seeding windows, in tokens.
        overlap: Share of a window that it has in common with the next.
        iterations: Updates of K-means.
        fusion_threshold: λ, the cosine above which two masks become one.
        center: Whether the batch's mean token is taken off the tokens before they are clustered. Tokens of one
            teacher share a large common part, which hides their differences from the cosine.
        layers: Decoder layers of the synthesizer.
        heads: Its attention heads.
        feedforward: Width of its feed-forward part.
        dropout: Its dropout.
    """

    windows: tuple[int, ...] = (6, 14)
    overlap: float = 0.5
    iterations: int = 10
    fusion_threshold: float = 0.4
    center: bool = True
    layers: int = 1
    heads: int = 8
    feedforward: int = 1024
    dropout: float = 0.0


class Prototypes(NamedTuple):
    """Outputs of the synthesizer.

    Attributes:
        seen: P_seen, (B, N_s, C).
        pseudo: P_pseudo, (B, M, C).
        present: (B, N_s) bool, the seen classes that occur in each image.
    """

    seen: Tensor
    pseudo: Tensor
    present: Tensor


@torch.no_grad()
def latent_masks(dense: Tensor, config: PLMConfig) -> Tensor:
    """Cluster the teacher's tokens: multi-scale K-means, then mask fusion.

    Args:
        dense: D, (B, C, h, w).
        config: The knobs.

    Returns:
        (B, h, w) int64, the latent mask of each token, 0..M_b-1.
    """
    # In mixed precision the clusters would hang on rounding.
    with torch.autocast(dense.device.type, enabled=False):
        tokens = F.normalize(dense.float(), dim=1)
        if config.center:
            tokens = tokens - tokens.mean(dim=(0, 2, 3), keepdim=True)
        seeds = window_seeds(tokens, config.windows, config.overlap)
        centroids, labels = kmeans(tokens.flatten(2).transpose(1, 2), seeds, config.iterations)
        sizes = F.one_hot(labels, centroids.shape[1]).sum(dim=1)
        fused = fuse_masks(centroids, sizes, config.fusion_threshold)
    return fused.gather(1, labels).view(len(dense), *dense.shape[2:])


class PLM(nn.Module):
    """Pseudo labels for the ignored pixels, and a synthesizer that gives each of them a classifier.

    Args:
        width: Channels C of the joint space.
        config: The knobs.
    """

    def __init__(self, width: int, config: PLMConfig = PLMConfig()) -> None:
        super().__init__()
        self.config = config
        self.synthesizer = Synthesizer(
            width,
            layers=config.layers,
            heads=config.heads,
            feedforward=config.feedforward,
            dropout=config.dropout,
        )

    def fused_labels(self, dense: Tensor, labels: Tensor, num_seen: int, *, ignore_index: int) -> FusedLabels:
        """Fill the ignored pixels of labels (B, h, w) from dense tokens D (B, C, h', w')."""
        return fuse_labels(labels, latent_masks(dense, self.config), num_seen, ignore_index=ignore_index)

    def forward(self, features: Tensor, fused: FusedLabels, cls: Tensor, num_seen: int) -> Prototypes:
        """Synthesize a prototype for every id of the fused labels.

        Args:
            features: R, (B, C, h, w).
            fused: The fused labels at (h, w).
            cls: S, (B, C), the batch's CLS tokens.
            num_seen: N_s.

        Returns:
            The prototypes, seen and pseudo apart.
        """
        queries, exists = mean_features(features, fused.labels, num_seen + fused.exists.shape[1])
        prototypes = self.synthesizer(queries, exists, cls)
        return Prototypes(prototypes[:, :num_seen], prototypes[:, num_seen:], exists[:, :num_seen])
