"""Naming of latent regions, the transductive setting: is a region of a wanted name, and of which?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.method.plm.fused_labels import FusedLabels
from clipteacher.protocols.words import read_words

NO_NAME: Final = -1
"""Name of a region that is of no wanted name."""

BACKGROUND_PROMPTS: Final = ("background", "thing", "object", "stuff", "scene", "ground", "wall")
"""Words for things that nobody asks for; they compete with the wanted names."""


@dataclass(frozen=True)
class NamingConfig:
    """Options of naming. It is not part of the paper, whose setting is inductive.

    Attributes:
        margin: How much nearer than all others a region's token must be to a wanted name, a cosine.
        background_prompts: Words that compete with the wanted names beside the seen names. Those that are seen or
            wanted themselves are left out.
        refinement: Steps by which the edges of latent regions move to edges of the image, see
            `clipteacher.method.plm.refinement`: a named region's shape is what the student learns of that name.

    Raises:
        TypeError, ValueError: The prompts are no words, see `clipteacher.protocols.words.read_words`.
        ValueError: The margin is no cosine, or the steps are negative.
    """

    margin: float = 0.0
    background_prompts: tuple[str, ...] = BACKGROUND_PROMPTS
    refinement: int = 10

    def __post_init__(self) -> None:
        """Check the numbers, and read the words."""
        object.__setattr__(self, "background_prompts", read_words(self.background_prompts, "naming.background_prompts"))
        if self.refinement < 0:
            raise ValueError(f"naming.refinement: got {self.refinement}, expected 0 or more. Leave it out for 10.")
        if not -1 <= self.margin <= 1:
            raise ValueError(f"naming.margin: got {self.margin}, expected a cosine in -1..1. Leave it out for 0.")

    def prompts_beside(self, names: Collection[str]) -> tuple[str, ...]:
        """Return the background prompts without those that are seen or wanted names themselves.

        Example:
            >>> NamingConfig(background_prompts=("ground", "wall")).prompts_beside(["wall", "cat"])
            ('ground',)
        """
        return tuple(prompt for prompt in self.background_prompts if prompt not in names)


def name_regions(regions: Tensor, valid_mask: Tensor, wanted: Tensor, rivals: Tensor, *, margin: float = 0.0) -> Tensor:
    """Name each latent region by its token: w(m) = argmax_w cos(P_m, T_w) if it beats every rival, else none.

    A region is of wanted name w if cos(P_m, T_w) > max_r cos(P_m, T_r) + margin, with r over the rivals: the seen names
    and background prompts. A region is latent because nobody labelled it, so it is seldom of a seen class; but one that
    looks most like a seen name says little of the wanted ones, and is left latent.

    Source: ours. Peers restrict the network's own prediction to the unseen names (ZegCLIP, arXiv 2212.03588), which
    gives each ignored pixel one of them, whatever it shows.

    Args:
        regions: P_pseudo, (B, M, C), the regions' tokens, any length.
        valid_mask: (B, M) bool, the latent ids of each image.
        wanted: T_wanted, (N_w, C), unit vectors, N_w ≥ 1.
        rivals: T_seen and the background prompts', (N_r, C), unit vectors, N_r ≥ 1.
        margin: How much nearer than all rivals, a cosine.

    Returns:
        (B, M) int64: 0..N_w-1, or `NO_NAME`.

    Example:
        >>> names, regions = torch.eye(3), torch.tensor([[[0.9, 0.1, 0.2], [0.1, 0.2, 0.9]]])
        >>> name_regions(regions, torch.ones(1, 2, dtype=torch.bool), names[:2], names[2:]).tolist()
        [[0, -1]]
    """
    unit = F.normalize(regions, dim=2)
    best, name = (unit @ wanted.T).max(dim=2)
    rival = (unit @ rivals.T).amax(dim=2)
    return name.masked_fill(~(valid_mask & (best > rival + margin)), NO_NAME)


def apply_names(fused: FusedLabels, names: Tensor, first_wanted: int, first_latent: int) -> FusedLabels:
    """Give the pixels of named regions the id of their name; the other regions stay latent.

    Args:
        fused: Fused labels, whose latent ids begin at `first_latent`.
        names: (B, M) int64, the name of each region, or `NO_NAME`.
        first_wanted: N_s, id of the first wanted name.
        first_latent: N_s + N_w.

    Returns:
        The fused labels; a named region's latent id is not valid any more.

    Example:
        >>> fused = FusedLabels(torch.tensor([[[0, 3, 4, -1]]]), torch.ones(1, 2, dtype=torch.bool))
        >>> apply_names(fused, torch.tensor([[NO_NAME, 1]]), first_wanted=1, first_latent=3).labels.tolist()
        [[[0, 3, 2, -1]]]
    """
    if names.shape[1] == 0:
        return fused
    region = fused.labels - first_latent
    name = names.gather(1, region.clamp(min=0).flatten(1)).view_as(region)
    named = (region >= 0) & (name != NO_NAME)
    return FusedLabels(torch.where(named, first_wanted + name, fused.labels), fused.valid_mask & (names == NO_NAME))
