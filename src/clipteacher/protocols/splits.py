"""Which classes are seen and which are unseen, given by name, and what that makes of a training mask."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

IGNORE: Final = 255
"""Label of pixels that neither a loss nor a score counts."""


@dataclass(frozen=True)
class ClassSplit:
    """All classes of a protocol, and those of them that training never sees.

    The inductive label rule (ZegCLIP's `seen_map`, arXiv 2212.03588): a training mask holds the seen classes
    renumbered 0..N_s-1 in the order of `names`, and 255 everywhere else. A test mask keeps the ids of `names`.

    Deviation: the unseen classes are given by name. A list of indices silently means other classes as soon as the
    class list is ordered differently (Cascade-CLIP's released Context configuration).

    Args:
        names: Every class, in the order of the ids in the mask files; at most 255.
        unseen: The names that training never sees; may be empty, or all of them where a test set has new classes
            alone. Stored in the order of `names`.

    Raises:
        ValueError: No name, more than 255, a name that is empty, no string or given twice, or an unseen name that is
            not in `names` or is given twice.

    Example:
        >>> split = ClassSplit(names=["sky", "cat", "tree"], unseen=["cat"])
        >>> split.seen, split.seen_ids, split.unseen_ids, split.label
        (('sky', 'tree'), (0, 2), (1,), '2-1')
        >>> split.training_labels(np.array([[0, 1], [2, 255]], dtype=np.uint8)).tolist()
        [[0, 255], [1, 255]]
    """

    names: tuple[str, ...]
    unseen: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check the names and store them as tuples."""
        names = _checked_names("names", self.names)
        unseen = _checked_names("unseen", self.unseen)
        if not names:
            raise ValueError("names: got no class, expected at least one. Give every class of the masks, in id order.")
        if len(names) > IGNORE:
            raise ValueError(
                f"names: got {len(names)} classes, expected at most {IGNORE}, for a mask holds ids 0..254 and 255 "
                "means ignore. Merge or drop classes."
            )
        for name in unseen:
            if name not in names:
                raise ValueError(f"unseen: got {name!r}, expected names of the class list. {_suggestion(name, names)}")
        # One split, one value: equality and hash do not depend on the order in which unseen was written.
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "unseen", tuple(name for name in names if name in unseen))

    @property
    def seen(self) -> tuple[str, ...]:
        """The seen names in the order of `names`; a name's position is its training label."""
        return tuple(name for name in self.names if name not in self.unseen)

    @property
    def seen_ids(self) -> tuple[int, ...]:
        """File ids of the seen classes, ascending."""
        return tuple(index for index, name in enumerate(self.names) if name not in self.unseen)

    @property
    def unseen_ids(self) -> tuple[int, ...]:
        """File ids of the unseen classes, ascending."""
        return tuple(index for index, name in enumerate(self.names) if name in self.unseen)

    @property
    def label(self) -> str:
        """Number of seen and of unseen classes, such as "16-5"."""
        return f"{len(self.seen)}-{len(self.unseen)}"

    @cached_property
    def training_lut(self) -> NDArray[np.uint8]:
        """Table from file id to training label: (256,), uint8, read-only, values 0..N_s-1 and 255 = ignore.

        Ids that are no class map to 255 for want of a better value; `training_labels` rejects them.
        """
        table = np.full(256, IGNORE, dtype=np.uint8)
        table[list(self.seen_ids)] = np.arange(len(self.seen_ids), dtype=np.uint8)
        table.flags.writeable = False
        return table

    def training_labels(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Renumber a mask for training; nothing of the unseen classes is left in it.

        Args:
            mask: File ids, any shape, uint8, values 0..N-1 and 255 = ignore.

        Returns:
            Training labels, the same shape, uint8, values 0..N_s-1 and 255 = ignore.

        Raises:
            ValueError: The mask is not uint8, or it holds an id that is no class.
        """
        if mask.dtype != np.uint8:
            raise ValueError(f"mask: got dtype {mask.dtype}, expected uint8 with ids 0..{len(self.names) - 1} and 255.")
        stray = np.unique(mask[(mask >= len(self.names)) & (mask != IGNORE)])
        if stray.size:
            raise ValueError(
                f"mask: got id {', '.join(map(str, stray[:5]))}, expected 0..{len(self.names) - 1} (the "
                f"{len(self.names)} class names) or 255 = ignore. Renumber the mask, or name every class."
            )
        return self.training_lut[mask]


def listed_names(names: str | Sequence[str]) -> tuple[str, ...]:
    """Return names as a tuple; a string, as typed on a command line, is cut at its commas.

    Example:
        >>> listed_names("red barn, sky"), listed_names("sky"), listed_names(["building, edifice"])
        (('red barn', 'sky'), ('sky',), ('building, edifice',))
    """
    return tuple(name.strip() for name in names.split(",")) if isinstance(names, str) else tuple(names)


def _checked_names(field: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the names as a tuple, without a repetition."""
    if isinstance(names, str):
        raise ValueError(f"{field}: got the string {names!r}, expected a sequence of names. Write [{names!r}].")
    names = tuple(names)
    for position, name in enumerate(names):
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"{field}: got {name!r} at position {position}, expected a class name. Write it out.")
        if name in names[:position]:
            raise ValueError(
                f"{field}: got {name!r} twice, at positions {names.index(name)} and {position}, expected each name "
                "once. Rename or remove one of them."
            )
    return names


def _suggestion(name: str, names: tuple[str, ...]) -> str:
    """Say which of the names was perhaps meant."""
    lowered = {candidate.lower(): candidate for candidate in names}
    close = difflib.get_close_matches(name.strip().lower(), lowered, n=3)
    if close:
        return f"Did you mean {' or '.join(repr(lowered[match]) for match in close)}?"
    shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    return f"The classes are: {shown}."
