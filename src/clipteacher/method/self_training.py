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
        agreement: Share of the pixels that the teacher gives a name which the student must give it too before it may
            doubt that name: until then it has not learned the name, and would only unlearn it.

    Raises:
        ValueError: A number is out of its range.
    """

    start: float = 0.3
    ema: float = 0.95
    agreement: float = 0.5

    def __post_init__(self) -> None:
        """Check every number."""
        for name, value, fits in (
            ("start", self.start, 0 <= self.start <= 1),
            ("ema", self.ema, 0 <= self.ema < 1),
            ("agreement", self.agreement, 0 <= self.agreement <= 1),
        ):
            if not fits:
                raise ValueError(f"self_training.{name}: got {value}, expected a share in 0..1. Leave it out.")


def name_moments(logits: Tensor, labels: Tensor, first_wanted: int) -> Tensor:
    """Count and sum what the student says of each wanted name on the pixels that have it as their label.

    Args:
        logits: (B, N_s + N_w, h, w), of the averaged student: α · R̄ᵀ [T_seen; T_wanted].
        labels: (B, h, w) int64: wanted ids N_s..N_s+N_w-1; all others are left out.
        first_wanted: N_s.

    Returns:
        (3, N_w): number of pixels, sum of their logits of that name, and number of those for which no name has a higher
        logit.
    """
    names = logits.shape[1] - first_wanted
    wanted = labels - first_wanted
    inside = (wanted >= 0) & (wanted < names)
    own = logits.gather(1, labels.clamp(0, logits.shape[1] - 1).unsqueeze(1))[:, 0]
    # Filled, not chosen: `where` with a number would wait for a GPU.
    name, value = wanted.masked_fill(~inside, names).flatten(), own.masked_fill(~inside, 0.0).flatten()
    agreed = (inside & (logits.argmax(dim=1) == labels)).flatten().to(logits)
    sums = [torch.zeros(names + 1, dtype=logits.dtype, device=logits.device) for _ in range(3)]
    for total, each in zip(sums, (inside.flatten().to(logits), value, agreed), strict=True):
        total.index_add_(0, name, each)
    return torch.stack(sums)[:, :names]


def least_logits(moments: Tensor) -> Tensor:
    """Compute how sure the student must be of each wanted name: τ_w, the mean logit, infinity without pixels.

    Args:
        moments: (3, N_w), as `name_moments` returns them.

    Returns:
        τ, (N_w,).

    Example:
        >>> least_logits(torch.tensor([[2.0, 0.0], [10.0, 0.0], [2.0, 0.0]])).tolist()
        [5.0, inf]
    """
    count, total, _ = moments
    mean: Tensor = total / count.clamp(min=1e-6)
    return mean.masked_fill(count < 0.5, torch.inf)


def student_labels(
    logits: Tensor,
    labels: Tensor,
    open_pixels: Tensor,
    first_wanted: int,
    least: Tensor,
    learned: Tensor,
    *,
    ignore_index: int,
) -> Tensor:
    """Put the averaged student's labels in place of the regions' where it is sure, and none where the two disagree.

    Of all names let k be the best by the student's logits x̄. A pixel that nobody labelled keeps its label if its region
    has a name that the student has not learned. Else it gets

    - k, if k is a wanted name and x̄_k ≥ τ_k: the student is sure;
    - else no label, if its region has a wanted name that is not k: one of the two is wrong;
    - else the label that it has, the region's name or its latent id.

    Args:
        logits: x̄ = α · R̄ᵀ [T_seen; T_wanted], (B, N_s + N_w, h, w).
        labels: (B, h, w) int64, fused labels in which regions have their names.
        open_pixels: (B, h, w) bool, where nobody labelled anything.
        first_wanted: N_s.
        least: τ, (N_w,).
        learned: (N_w,) bool, the names that the student has learned.
        ignore_index: Id of pixels without a label.

    Returns:
        The labels (B, h, w).

    Example:
        >>> logits = torch.tensor([[5.0, 1.0, 3.0], [2.0, 6.0, 2.0]]).view(1, 2, 1, 3)  # one seen, one wanted name
        >>> labels, every = torch.tensor([[[1, 2, 2]]]), torch.ones(1, 1, 3, dtype=torch.bool)
        >>> bar, learned = torch.tensor([4.0]), torch.tensor([True])
        >>> student_labels(logits, labels, every, 1, bar, learned, ignore_index=-1).tolist()
        [[[-1, 1, 2]]]
    """
    value, best = logits.max(dim=1)
    sure = (best >= first_wanted) & (value >= least[(best - first_wanted).clamp(min=0)])
    named = (labels >= first_wanted) & (labels < logits.shape[1])
    kept = named & ~learned[(labels - first_wanted).clamp(0, len(learned) - 1)]
    doubted = labels.masked_fill(named & (labels != best), ignore_index)
    return torch.where(open_pixels & ~kept, torch.where(sure, best, doubted), labels)


class SelfTraining(nn.Module):
    """Labels of the averaged student for pixels that nobody labelled, see `student_labels`.

    τ_w is the mean logit on the pixels whose region the teacher named w, so the bar is set by the teacher, name by
    name, and does not sink as the student grows sure of itself. What the ignored area holds beside the wanted names
    stays below it, of which a softmax over names would be sure: there is no other name for it. A name is learned once
    the student gives it to a share of those pixels; without that a rare name that it mixes up with a labelled one would
    be doubted on every pixel, and lost.

    Source: ours; self-training on the ignored pixels is ZegCLIP's second half (arXiv 2212.03588) and MaskCLIP+'s
    (arXiv 2112.01071), which take the best unseen name of every pixel.

    Args:
        num_wanted: N_w.
        config: The options.

    Attributes:
        moments: (3, N_w), float32: the sums of `name_moments` over batches, the latest of which count most.
    """

    moments: Tensor

    def __init__(self, num_wanted: int, config: SelfTrainingConfig = SelfTrainingConfig()) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("moments", torch.zeros(3, num_wanted))

    @torch.no_grad()
    def forward(
        self,
        logits: Tensor,
        labels: Tensor,
        open_pixels: Tensor,
        first_wanted: int,
        *,
        ignore_index: int,
        ranks: Ranks = ALONE,
    ) -> Tensor:
        """Follow the teacher's names with the moments, and relabel.

        Args:
            logits: x̄, (B, N_s + N_w, h, w), floating point.
            labels: (B, h, w) int64, fused labels in which regions have their names.
            open_pixels: (B, h, w) bool, where nobody labelled anything.
            first_wanted: N_s.
            ignore_index: Id of pixels without a label.
            ranks: The processes that share the batch.

        Returns:
            The labels (B, h, w).
        """
        logits = logits.float()
        found = name_moments(logits, labels.masked_fill(~open_pixels, -1), first_wanted)
        self.moments = _MEMORY * self.moments + ranks.mean(found) * ranks.number
        least = least_logits(self.moments)
        learned = self.moments[2] >= self.config.agreement * self.moments[0]
        return student_labels(logits, labels, open_pixels, first_wanted, least, learned, ignore_index=ignore_index)
