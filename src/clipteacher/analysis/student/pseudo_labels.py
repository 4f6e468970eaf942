"""Quality of PLM's pseudo labels on unseen pixels: purity, recall, masks per photo, and the name of a mask's token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.analysis.student.attention import mean
from clipteacher.method.plm.module import PLMConfig, fuse_latent, region_tokens
from clipteacher.protocols.splits import ClassSplit

MIN_AREA: Final = 0.01
"""Share of a photo that an unseen class must cover to be judged: a sliver is smaller than a token of the teacher."""

_IGNORE_INDEX: Final = -1


class MaskMatch(NamedTuple):
    """An unseen class in one photo, and the latent mask that covers most of it.

    Only the pixels that a mask fills count: those that are ignored in training.

    Attributes:
        name: The class.
        purity: Share of the mask that is the class, 0..1.
        recall: Share of the class that the mask covers, 0..1.
        masks: Number of latent masks in the photo that fill pixels.
        latent: The mask's latent id, 0..M-1.
        token: Mean over the mask of the teacher's dense tokens, each at unit length, (C,).
    """

    name: str
    purity: float
    recall: float
    masks: int
    latent: int
    token: Tensor


class MaskMetrics(NamedTuple):
    """Means over the mask matches of one unseen class, or of all; NaN where there are none.

    Attributes:
        name: The class; "all" for all matches.
        masks: Number of matches, one for each class in each photo.
        purity: Mean purity, 0..1.
        recall: Mean recall, 0..1.
        right_name: Share of the masks whose token is nearest to the text feature of the right name.
        wrong_name: The wrong name that a token is nearest to most often; None where there is none.
    """

    name: str
    masks: int
    purity: float
    recall: float
    right_name: float
    wrong_name: str | None


class PseudoLabelMetrics(NamedTuple):
    """Metrics of the pseudo labels.

    Attributes:
        masks_per_photo: Mean number of latent masks, over the photos with a match; NaN without any.
        total: All matches together.
        classes: Each unseen class, in the order of the names.
    """

    masks_per_photo: float
    total: MaskMetrics
    classes: tuple[MaskMetrics, ...]


def mask_matches(
    dense: Tensor, truth: Tensor, split: ClassSplit, config: PLMConfig, min_area: float = MIN_AREA
) -> Iterator[MaskMatch]:
    """Find the latent mask of each unseen class in one photo, as PLM makes them in training.

    Args:
        dense: The teacher's dense tokens D, (1, C, h, w).
        truth: Class ids (1, H, W), int64, 0..N-1 or ignore, at the size at which labels are fused.
        split: The classes.
        config: PLM's options. With `center` the mean token is this photo's; in training it is the batch's.
        min_area: Share of the photo that a class must cover.

    Yields:
        The match of each unseen class that is large enough.
    """
    truth = truth.to(dense.device)
    seen = torch.from_numpy(split.training_lut.astype("int64")).to(dense.device)[truth]
    seen = seen.masked_fill(seen == split.ignore, _IGNORE_INDEX)
    fused = fuse_latent(dense, seen, len(split.seen), config, ignore_index=_IGNORE_INDEX)
    for index, name in zip(split.unseen_ids, split.unseen, strict=True):
        pixels = truth == index
        if not pixels.any() or pixels.sum() < min_area * truth.numel():
            continue
        label = fused.labels[pixels].mode().values
        mask = fused.labels == label
        yield MaskMatch(
            name=name,
            purity=float(pixels[mask].float().mean()),
            recall=float(mask[pixels].float().mean()),
            masks=int(fused.valid_mask.sum()),
            latent=int(label) - len(split.seen),
            token=region_tokens(dense, mask.long() - 1, 0, 1)[0, 0],
        )


def pseudo_label_metrics(
    photos: Iterable[Sequence[MaskMatch]], text_features: Tensor, names: Sequence[str], unseen: Sequence[str]
) -> PseudoLabelMetrics:
    """Pool the matches of photos.

    Args:
        photos: The matches of each photo; a photo without any does not count.
        text_features: Text features of all names, (N, C), unit length.
        names: The N names.
        unseen: The unseen ones among them.

    Returns:
        The metrics.
    """
    photos = [matches for matches in photos if matches]
    # Each match with the name that its token is nearest to.
    named = [
        (match, names[int((text_features @ F.normalize(match.token.to(text_features), dim=0)).argmax())])
        for matches in photos
        for match in matches
    ]
    return PseudoLabelMetrics(
        masks_per_photo=mean([matches[0].masks for matches in photos]),
        total=_metrics("all", named),
        classes=tuple(_metrics(name, [each for each in named if each[0].name == name]) for name in unseen),
    )


def _metrics(name: str, named: Sequence[tuple[MaskMatch, str]]) -> MaskMetrics:
    wrong = Counter(nearest for match, nearest in named if nearest != match.name)
    return MaskMetrics(
        name=name,
        masks=len(named),
        purity=mean([match.purity for match, _ in named]),
        recall=mean([match.recall for match, _ in named]),
        right_name=mean([nearest == match.name for match, nearest in named]),
        wrong_name=wrong.most_common(1)[0][0] if wrong else None,
    )
