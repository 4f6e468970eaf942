"""Pixel Learning Module: pseudo labels from the teacher's tokens, and classifiers for them (arXiv 2310.02296)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.method.plm.fused_labels import FusedLabels, fuse_labels
from clipteacher.method.plm.fusion import fuse_masks
from clipteacher.method.plm.kmeans import kmeans, window_seeds
from clipteacher.method.plm.refinement import refined_latent
from clipteacher.method.plm.synthesizer import Synthesizer, id_masks, mean_features
from clipteacher.utils.distributed import ALONE, Ranks

PrototypeSource = Literal["region_pooling", "synthesizer"]
"""Where the classifiers of latent ids come from."""


@dataclass(frozen=True)
class PLMConfig:
    """Options of PLM. Every value is ours, for the paper's are not known; see `MethodConfig` for the two presets.

    Attributes:
        windows: Sides of the seeding windows, in tokens.
        overlap: Share of a window that it has in common with the next.
        iterations: Updates of K-means.
        fusion_threshold: λ, the cosine above which two masks become one.
        center: Whether the batch's mean token is taken off the tokens before they are clustered. Tokens of one
            teacher share a large common part, which hides their differences from the cosine.
        prototypes: With "region_pooling" the classifier of a latent id is the mean of the teacher's dense tokens over
            its pixels: there is no synthesizer, no L_BCE, and the options below do nothing. "synthesizer" is the
            paper's; in short runs it names unseen regions far less well (docs/research/lab_book.md).
        layers: Decoder layers of the synthesizer.
        heads: Its attention heads.
        feedforward: Width of its feed-forward part.
        dropout: Its dropout.

    Raises:
        ValueError: `prototypes` is neither.
    """

    windows: tuple[int, ...] = (6, 14)
    overlap: float = 0.5
    iterations: int = 10
    fusion_threshold: float = 0.4
    center: bool = True
    prototypes: PrototypeSource = "region_pooling"
    layers: int = 1
    heads: int = 8
    feedforward: int = 1024
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Check the source of the prototypes."""
        if self.prototypes not in get_args(PrototypeSource):
            raise ValueError(
                f"plm.prototypes: got {self.prototypes!r}, expected one of {', '.join(get_args(PrototypeSource))}"
            )


class Prototypes(NamedTuple):
    """Classifiers of the ids of the fused labels.

    Attributes:
        seen: P_seen, (B, N_s, C); None without a synthesizer, for names classify the seen classes.
        pseudo: P_pseudo, (B, M, C).
        present: (B, N_s) bool, the seen classes that occur in each image.
    """

    seen: Tensor | None
    pseudo: Tensor
    present: Tensor


@torch.no_grad()
def latent_masks(dense: Tensor, config: PLMConfig, *, ranks: Ranks = ALONE) -> Tensor:
    """Cluster the teacher's tokens: multi-scale K-means, then mask fusion.

    Args:
        dense: D, (B, C, h, w).
        config: The options.
        ranks: The processes that share the batch, on whose mean token the tokens are centred.

    Returns:
        (B, h, w) int64, the latent mask of each token, 0..M_b-1.
    """
    # In mixed precision the clusters would hang on rounding.
    with torch.autocast(dense.device.type, enabled=False):
        tokens = F.normalize(dense.float(), dim=1)
        if config.center:
            mean = tokens.mean(dim=(0, 2, 3), keepdim=True)
            tokens = tokens - ranks.mean(mean, tokens[:, 0].numel())
        seeds = window_seeds(tokens, config.windows, config.overlap)
        centroids, labels = kmeans(tokens.flatten(2).transpose(1, 2), seeds, config.iterations)
        sizes = torch.zeros_like(centroids[:, :, 0], dtype=torch.int64).scatter_add(1, labels, torch.ones_like(labels))
        fused = fuse_masks(centroids, sizes, config.fusion_threshold)
    return fused.gather(1, labels).view(len(dense), *dense.shape[2:])


def fuse_latent(
    dense: Tensor,
    labels: Tensor,
    num_seen: int,
    config: PLMConfig,
    images: Tensor | None = None,
    *,
    ignore_index: int,
    refinement: int = 0,
    ranks: Ranks = ALONE,
) -> FusedLabels:
    """Fill the ignored pixels of labels with the latent masks of the teacher's tokens.

    Args:
        dense: D, (B, C, h', w').
        labels: (B, h, w) int64, seen ids or `ignore_index`.
        num_seen: Number of ids before the latent ones.
        config: PLM's options.
        images: (B, 3, H, W), float in [0, 1], whose edges the masks take on; None leaves them as they are.
        ignore_index: Id of pixels without a label.
        refinement: Steps of that, see `clipteacher.method.plm.refinement`; 0 leaves the masks as they are.
        ranks: The processes that share the batch, over which the tokens are centred.

    Returns:
        The fused labels.
    """
    latent = latent_masks(dense, config, ranks=ranks)
    num_masks = latent[0].numel()  # each mask has one token at least
    if images is not None and refinement:
        latent = refined_latent(latent, images, (labels.shape[1], labels.shape[2]), refinement)
    return fuse_labels(labels, latent, num_seen, ignore_index=ignore_index, num_masks=num_masks)


def region_tokens(dense: Tensor, labels: Tensor, num_seen: int, num_latent: int) -> Tensor:
    """Average the teacher's dense tokens over the pixels of each latent id.

    Deviation: not in the paper, whose prototypes are the synthesizer's. The region's own token already lies in the
    space of the names, so nothing has to be learned before it says what the region is.

    Args:
        dense: D, (B, C, h', w'), any length; brought to (h, w) at unit length, bilinear.
        labels: F, (B, h, w) int64: latent ids N_s..N_s+M-1; all others are left out.
        num_seen: N_s.
        num_latent: M.

    Returns:
        P_pseudo, (B, M, C), zero where an id does not occur.
    """
    # A CPU enlarges maps of many channels many times as fast where the channels of a position lie side by side.
    unit = F.normalize(dense.float().contiguous(memory_format=torch.channels_last), dim=1)
    maps = F.interpolate(unit, size=labels.shape[1:], mode="bilinear", align_corners=False)
    return mean_features(maps, labels - num_seen, num_latent)[0]


class PLM(nn.Module):
    """Pseudo labels for the ignored pixels, and a classifier for each of them.

    Args:
        width: Channels C of the joint space.
        config: The options.
    """

    def __init__(self, width: int, config: PLMConfig = PLMConfig()) -> None:
        super().__init__()
        self.config = config
        self.synthesizer: Synthesizer | None = None
        if config.prototypes == "synthesizer":
            self.synthesizer = Synthesizer(
                width,
                layers=config.layers,
                heads=config.heads,
                feedforward=config.feedforward,
                dropout=config.dropout,
            )

    def fused_labels(
        self,
        dense: Tensor,
        labels: Tensor,
        num_seen: int,
        images: Tensor | None = None,
        *,
        ignore_index: int,
        refinement: int = 0,
        ranks: Ranks = ALONE,
    ) -> FusedLabels:
        """Fill the ignored pixels of labels (B, h, w) from dense tokens D (B, C, h', w'), see `fuse_latent`."""
        return fuse_latent(
            dense, labels, num_seen, self.config, images, ignore_index=ignore_index, refinement=refinement, ranks=ranks
        )

    def forward(
        self,
        features: Tensor,
        dense: Tensor,
        fused: FusedLabels,
        cls: Tensor,
        num_seen: int,
        *,
        ranks: Ranks = ALONE,
    ) -> Prototypes:
        """Give a prototype to every id of the fused labels.

        Args:
            features: R, (B, C, h, w).
            dense: D, (B, C, h', w').
            fused: The fused labels at (h, w).
            cls: S, (B, C), the CLS tokens of this process.
            num_seen: N_s.
            ranks: The processes that share the batch; the CLS tokens of all are the synthesizer's keys and values.

        Returns:
            The prototypes, seen and pseudo separately.
        """
        num_latent = fused.valid_mask.shape[1]
        if self.synthesizer is None:
            pseudo = region_tokens(dense, fused.labels, num_seen, num_latent)
            return Prototypes(None, pseudo, id_masks(fused.labels, num_seen).any(dim=2))
        queries, valid_mask = mean_features(features, fused.labels, num_seen + num_latent)
        prototypes = self.synthesizer(queries, valid_mask, ranks.gather(cls).rows)
        return Prototypes(prototypes[:, :num_seen], prototypes[:, num_seen:], valid_mask[:, :num_seen])
