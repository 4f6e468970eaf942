"""Advice on wanted names. Each threshold is a constant with the reason for its value.

Advice is no verdict: only the sheet of regions shows whether a word was understood.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clipteacher.analysis.teacher.advice import near_pairs
from clipteacher.analysis.wanted.regions import NameFeatures
from clipteacher.analysis.wanted.summary import WantedSummary
from clipteacher.utils.lists import shortened

MOST: Final = 0.5
"""Share of the unlabelled pixels from which on a name gets most of them. It may be right: look."""

CLOSE: Final = 0.5
"""Relative margin below which a name is hardly nearer than its rivals. Of regions below it 43 % of the pixels were
of the name on MSRC-21 (MiniLM) and 60 % on the drawn world (tiny CLIP), of those above 1.0 it was 71 % and 90 %: 60
photos, eight draws of four wanted and four other hidden classes."""

_LISTED: Final = 6  # names in one piece of advice


def advise_wanted(summary: WantedSummary, names: NameFeatures, seen: Collection[str]) -> tuple[str, ...]:
    """Derive advice from what wanted names get.

    Args:
        summary: What they get.
        names: The same names, with the text features (N_w, C) and (N_r, C).
        seen: The seen names among the rivals.

    Returns:
        Sentences; none where there is nothing to advise.
    """
    if not summary.unlabelled:
        return (
            "every pixel of these photos is labelled, so no region is left that could get a wanted name. Add photos "
            "that show the wanted things, and leave these unlabelled (255).",
        )
    nothing = [each for each in summary.names if not each.regions]
    pieces = [
        _listing(
            "no region gets these names: {}. Nothing would teach them. Either the photos do not show them, or the "
            "teacher needs another word for them.",
            [f"{each.name}{_nearest(each.rival, each.closest)}" for each in nothing],
        ),
        _listing(
            "these names get most of what is not labelled: {}. If they do not cover that much of it, they stand for "
            "whatever is left: use a narrower word, or want a second name that takes the rest.",
            [f"{each.name} ({100 * each.share:.0f} %)" for each in summary.names if each.share >= MOST],
        ),
        _listing(
            "these names are hardly nearer than others: {}. Look at their regions; if they are wrong, use a word that "
            "differs more from those.",
            [
                f"{each.name} (margin {each.margin:.3f}, next {each.rival})"
                for each in summary.names
                if each.relative_margin < CLOSE
            ],
        ),
        _listing(
            "nearly the same to the teacher: {}. Which of two wanted names a region gets is then chance; one that is "
            "nearly a seen name seldom gets any. Keep one, or use words that tell them apart.",
            _alike(names, seen),
        ),
    ]
    return tuple(piece for piece in pieces if piece)


def _nearest(rival: str | None, closest: float) -> str:
    return "" if rival is None or math.isnan(closest) else f" (where nearest, {rival} wins, margin {closest:.3f})"


def _alike(names: NameFeatures, seen: Collection[str]) -> list[str]:
    """Pairs of a wanted name and another wanted or a seen one that have nearly the same text feature."""
    words = (*names.wanted, *(name for name in names.rivals if name in seen))
    text_features: NDArray[np.float32] = np.concatenate(
        [names.wanted_features.cpu().numpy(), names.rival_features.cpu().numpy()[: len(words) - len(names.wanted)]]
    )
    return [
        f"{pair.first} / {pair.second} (cosine {pair.cosine:.2f})"
        for pair in near_pairs(words, text_features)
        if pair.first in names.wanted or pair.second in names.wanted
    ]


def _listing(sentence: str, items: Sequence[str]) -> str:
    """Put items in place of {} in a sentence; nothing without items."""
    return sentence.replace("{}", shortened(items, _LISTED)) if items else ""
