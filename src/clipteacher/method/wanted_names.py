"""Wanted names in training, the transductive setting: regions get names, then pixels do."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clipteacher.method.plm.fused_labels import FusedLabels
from clipteacher.method.plm.module import region_tokens
from clipteacher.method.plm.naming import NamingConfig, apply_names, name_regions
from clipteacher.method.self_training import SelfTraining, SelfTrainingConfig
from clipteacher.utils.distributed import ALONE, Ranks


class WantedNames(nn.Module):
    """Gives wanted names to pixels that nobody labelled: by the teacher's regions, then by the averaged student.

    Args:
        seen: T_seen, (N_s, C), unit vectors.
        wanted: T_wanted, (N_w, C), unit vectors.
        background: Text features of background prompts, (N_b, C), N_b ≥ 0; with the seen names they are the rivals.
        naming: Options of naming.
        self_training: Options of self-training; None switches it off.
        alpha: α, scale of the text logits.

    Attributes:
        self_training: The second half; None where it is off.
    """

    text_features: Tensor
    rivals: Tensor

    def __init__(
        self,
        seen: Tensor,
        wanted: Tensor,
        background: Tensor,
        naming: NamingConfig,
        self_training: SelfTrainingConfig | None,
        *,
        alpha: float,
    ) -> None:
        super().__init__()
        self.naming = naming
        self.num_seen = len(seen)
        self.alpha = alpha
        self.self_training = SelfTraining(len(wanted), self_training) if self_training is not None else None
        self.register_buffer("text_features", torch.cat([seen, wanted]), persistent=False)
        self.register_buffer("rivals", torch.cat([seen, background]), persistent=False)

    @torch.no_grad()
    def forward(
        self,
        fused: FusedLabels,
        dense: Tensor,
        averaged: Tensor | None,
        *,
        ignore_index: int,
        ranks: Ranks = ALONE,
    ) -> FusedLabels:
        """Give names to latent regions and pixels.

        Args:
            fused: Fused labels, whose latent ids begin at N_s + N_w.
            dense: D, (B, C, h', w').
            averaged: R̄, (B, C, h, w), the averaged student's features; None goes without self-training.
            ignore_index: Id of pixels without a label.
            ranks: The processes that share the batch.

        Returns:
            The fused labels, with wanted ids N_s..N_s+N_w-1; latent regions that got a name are not valid any more.
        """
        # In mixed precision the names would hang on rounding.
        with torch.autocast(dense.device.type, enabled=False):
            return self._named(fused, dense.float(), averaged, ignore_index, ranks)

    def _named(
        self, fused: FusedLabels, dense: Tensor, averaged: Tensor | None, ignore_index: int, ranks: Ranks
    ) -> FusedLabels:
        num_seen, num_names = self.num_seen, len(self.text_features)
        regions = region_tokens(dense, fused.labels, num_names, fused.valid_mask.shape[1])
        wanted = self.text_features[num_seen:]
        names = name_regions(regions, fused.valid_mask, wanted, self.rivals, margin=self.naming.margin)
        named = apply_names(fused, names, num_seen, num_names)
        if self.self_training is None or averaged is None:
            return named
        logits = self.alpha * torch.einsum("bchw,nc->bnhw", averaged.float(), self.text_features)
        open_pixels = fused.labels >= num_names
        labels = self.self_training(logits, named.labels, open_pixels, num_seen, ignore_index=ignore_index, ranks=ranks)
        return FusedLabels(labels, named.valid_mask)
