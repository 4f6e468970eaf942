"""Self-training, the transductive setting: the averaged student's own prediction where it is sure of a wanted name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from clipteacher.utils.distributed import ALONE, Ranks

_MEMORY: Final = 0.9  # share of the moments that stays at each step: they look back over about ten batches


@dataclass(frozen=True)
class SelfTrainingConfig:
    """Options of self-training. It is not part of the paper, whose setting is inductive.

    Attributes:
        start: Share of the steps before it begins: until then the student learns from the teacher's regions alone.
        ema: Decay of the average of the student's weights that predicts.
        deviations: How sure it must be: its logit is at least the mean, less so many standard deviations, of its logits
            on the pixels whose region the teacher gave the same name.

    Raises:
        ValueError: A number is out of its range.
    """

    start: float = 0.3
    ema: float = 0.95
    deviations: float = 0.5

    def __post_init__(self) -> None:
        """Check every number."""
        for name, value, fits in (
            ("start", self.start, 0 <= self.start <= 1),
            ("ema", self.ema, 0 <= self.ema < 1),
        ):
            if not fits:
                raise ValueError(f"self_training.{name}: got {value}, expected a share in 0..1. Leave it out.")


def name_moments(logits: Tensor, labels: Tensor, first_wanted: int) -> Tensor:
    """Sum the logits of each wanted name over the pixels that have it as their label.

    Args:
        logits: (B, N_s + N_w, h, w), of the averaged student: α · R̄ᵀ [T_seen; T_wanted].
        labels: (B, h, w) int64: wanted ids N_s..N_s+N_w-1; all others are left out.
        first_wanted: N_s.

    Returns:
        (3, N_w): number of pixels, sum of their logits, sum of the squares.
    """
    names = logits.shape[1] - first_wanted
    wanted = labels - first_wanted
    inside = (wanted >= 0) & (wanted < names)
    own = logits.gather(1, labels.clamp(0, logits.shape[1] - 1).unsqueeze(1))[:, 0]
    name, value = wanted.where(inside, names).flatten(), own.where(inside, 0).flatten()
    sums = [torch.zeros(names + 1, dtype=logits.dtype, device=logits.device) for _ in range(3)]
    for total, each in zip(sums, (inside.flatten().to(logits), value, value**2), strict=True):
        total.index_add_(0, name, each)
    return torch.stack(sums)[:, :names]


def least_logits(moments: Tensor, deviations: float) -> Tensor:
    """Compute how sure the student must be of each wanted name: τ_w = μ_w - c · σ_w, infinity without pixels.

    Args:
        moments: (3, N_w), as `name_moments` returns them.
        deviations: c.

    Returns:
        τ, (N_w,).

    Example:
        >>> least_logits(torch.tensor([[2.0, 0.0], [10.0, 0.0], [52.0, 0.0]]), deviations=1.0).tolist()
        [4.0, inf]
    """
    count, total, squares = moments
    mean = total / count.clamp(min=1e-6)
    variance = (squares / count.clamp(min=1e-6) - mean**2).clamp(min=0)
    least: Tensor = mean - deviations * variance.sqrt()
    return least.masked_fill(count < 0.5, torch.inf)


def sure_labels(logits: Tensor, first_wanted: int, least: Tensor) -> Tensor:
    """Label the pixels whose best name is a wanted one, with a logit that is high enough.

    Args:
        logits: (B, N_s + N_w, h, w).
        first_wanted: N_s.
        least: τ, (N_w,).

    Returns:
        (B, h, w) int64: wanted ids N_s..N_s+N_w-1, or -1.

    Example:
        >>> logits = torch.tensor([[5.0, 1.0, 1.0], [2.0, 6.0, 3.0]]).view(1, 2, 1, 3)
        >>> sure_labels(logits, first_wanted=1, least=torch.tensor([4.0])).tolist()
        [[[-1, 1, -1]]]
    """
    value, label = logits.max(dim=1)
    sure = (label >= first_wanted) & (value >= least[(label - first_wanted).clamp(min=0)])
    return label.masked_fill(~sure, -1)


class SelfTraining(nn.Module):
    """Labels of the averaged student for pixels that nobody labelled.

    A pixel takes the wanted name w if w is the best of all names, seen and wanted, and the logit is at least τ_w: as
    high as on the pixels whose region the teacher named w. So the bar is set by regions, name by name, and does not
    sink as the student grows sure of itself. What the ignored area holds beside the wanted names stays below it: the
    softmax over names would be sure of those, too, for there is no name for them.

    Source: ours; self-training on the ignored pixels is ZegCLIP's second half (arXiv 2212.03588) and MaskCLIP+'s
    (arXiv 2112.01071), which take the best unseen name of every pixel.

    Args:
        num_wanted: N_w.
        config: The options.

    Attributes:
        moments: (3, N_w), float32: count, sum and sum of squares of `name_moments`, an average that forgets.
    """

    moments: Tensor

    def __init__(self, num_wanted: int, config: SelfTrainingConfig = SelfTrainingConfig()) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("moments", torch.zeros(3, num_wanted))

    @torch.no_grad()
    def forward(
        self, logits: Tensor, labels: Tensor, open_pixels: Tensor, first_wanted: int, *, ranks: Ranks = ALONE
    ) -> Tensor:
        """Put the labels of which the student is sure in place of the teacher's.

        Args:
            logits: (B, N_s + N_w, h, w), of the averaged student.
            labels: (B, h, w) int64, fused labels in which regions have their names.
            open_pixels: (B, h, w) bool, where nobody labelled anything.
            first_wanted: N_s.
            ranks: The processes that share the batch.

        Returns:
            The labels (B, h, w).
        """
        found = name_moments(logits.float(), labels.masked_fill(~open_pixels, -1), first_wanted)
        self.moments = _MEMORY * self.moments + ranks.mean(found) * ranks.number
        sure = sure_labels(logits, first_wanted, least_logits(self.moments, self.config.deviations))
        return torch.where(open_pixels & (sure >= 0), sure, labels)
