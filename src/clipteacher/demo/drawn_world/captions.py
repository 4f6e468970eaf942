"""What a person would write under a scene: five captions, some of the subject alone, some of all that is seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

_STUFF: Final = {
    "sky": "the sky",
    "grass": "grass",
    "sea": "the sea",
    "road": "a road",
    "sand": "sand",
    "brick wall": "a brick wall",
    "snow": "snow",
    "mountain": "a mountain",
}
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
    """Name a class as it stands in a sentence: "an orange car", "the sea"."""
    if name in _STUFF:
        return _STUFF[name]
    words = f"{colour} {name}" if colour else name
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def captions(
    rng: np.random.Generator,
    subject: str,
    seen: Sequence[tuple[str, str | None]],
    colour: str | None = None,
    under: str | None = None,
) -> tuple[str, ...]:
    """Write five captions of one scene.

    Args:
        rng: Source of chance.
        subject: Class of the main thing, or of the stuff that fills the scene.
        seen: Class and colour of all else that is large enough to be mentioned, largest first.
        colour: Word of the subject's colour; None for stuff.
        under: Class of what the subject stands on; None where it is in the air or is stuff.

    Returns:
        Two of the subject's name alone, one with its colour or place, two of the whole scene.
    """
    alone = [_SUBJECT[index].format(subject) for index in rng.choice(len(_SUBJECT), 2, replace=False)]
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
    return (*alone, f"{placed if rng.random() < 0.5 else main}.", *whole)


def _list(words: Sequence[str]) -> str:
    """Join words as English does: "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
