"""Captions as a person would write them: five per scene, some of the subject only, some of all that is visible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

_STUFF: Final = {"sky": "the sky", "sea": "the sea", "grass": "grass", "sand": "sand", "snow": "snow"}
_SUBJECT: Final = (
    "a photo of a {}",
    "a photo of a {}.",
    "a photo of the {}.",
    "a picture of a {}",
    "a drawing of a {}.",
    "a {}",
    "{}",
)
_WHOLE: Final = ("{}.", "a photo of {}.", "a picture with {}.", "a scene with {}.", "{} in a picture.")


def phrase(name: str, colour: str | None = None) -> str:
    """Return a class as it is named in a sentence: "an orange car", "the sea"."""
    words = f"{colour} {name}" if colour else name
    return _STUFF.get(name) or f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def captions(
    rng: np.random.Generator,
    subject: str,
    seen: Sequence[tuple[str, str | None]],
    colour: str | None = None,
    under: str | None = None,
) -> tuple[str, ...]:
    """Write five captions of one scene.

    Args:
        rng: Random generator.
        subject: Class of the main thing, or of the stuff that fills the scene.
        seen: Class and colour of everything else that is large enough to mention, largest first.
        colour: Word of the subject's colour; None for stuff.
        under: Class of what the subject stands on; None if it is in the air or is stuff.

    Returns:
        Two with only the subject's name, one with its colour or ground, two of the whole scene.
    """
    short = [_SUBJECT[index].format(subject) for index in rng.choice(len(_SUBJECT), 2, replace=False)]
    main = phrase(subject, colour)
    placed = f"{main} on {phrase(under)}" if under is not None else main
    others = [phrase(name, shade if rng.random() < 0.5 else None) for name, shade in seen]
    whole = []
    for _ in range(2):
        kept = [other for other in others if rng.random() < 0.85]
        text = main if rng.random() < 0.5 else placed
        if kept:
            text += (" with " if rng.random() < 0.5 else ", ") + _list(kept)
        whole.append(_WHOLE[rng.integers(len(_WHOLE))].format(text))
    return (*short, f"{placed if rng.random() < 0.5 else main}.", *whole)


def _list(words: Sequence[str]) -> str:
    """Join words as in English: "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
