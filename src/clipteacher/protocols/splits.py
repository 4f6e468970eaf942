"""Seen and unseen classes, given by name, and the training labels that follow from them."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

IGNORE: Final = 255
"""Label of pixels that no loss and no score counts, in 8-bit masks: up to 255 classes."""

IGNORE_16_BIT: Final = 65535
"""The same in 16-bit masks, which more than 255 classes need (as MaskFormer's for ADE20K-847)."""

_Id = TypeVar("_Id", np.uint8, np.uint16)


def composed(name: str) -> str:
    """Return a name in Unicode's composed form (NFC), in which names are compared; what is no string stays as it is.

    "ü" is one sign or "u" with two dots over it; they look alike, and macOS writes the latter into the names of files.

    Example:
        >>> composed("Zu\u0308rich") == "Z\u00fcrich"
        True
    """
    return unicodedata.normalize("NFC", name) if isinstance(name, str) else name


def ignore_id(num_classes: int) -> int:
    """Return the label that means "ignore" for a number of classes: 255 up to 255 classes, else 65535.

    Example:
        >>> ignore_id(171), ignore_id(255), ignore_id(256), ignore_id(847)
        (255, 255, 65535, 65535)
    """
    return IGNORE if num_classes <= IGNORE else IGNORE_16_BIT


def check_seen(seen: Collection[str], unseen: Collection[str]) -> None:
    """Check that no name is both seen and unseen.

    Raises:
        ValueError: One is.
    """
    if both := sorted(set(seen) & set(unseen)):
        raise ValueError(f"seen: got {both} as seen and as unseen, expected each name in one. Leave seen out.")


@dataclass(frozen=True)
class ClassSplit:
    """All classes of a protocol, and those that training never sees.

    The inductive label rule (ZegCLIP's `seen_map`, arXiv 2212.03588): a training mask holds the seen classes
    renumbered 0..N_s-1 in the order of `names`, and 255 everywhere else. A test mask keeps the ids of `names`. With
    more than 255 classes masks are uint16 and ignore is 65535, in training labels too, however few classes are seen.

    Deviation: unseen classes are given by name. A list of indices silently means other classes as soon as the class
    list has another order (Cascade-CLIP's released Context configuration).

    Args:
        names: Every class, in the order of the ids in the mask files; at most 65535.
        unseen: The names that training never sees; may be empty, or all of them for a test set of new classes only.
            Stored in the order of `names`.

    Raises:
        TypeError: A name is no string.
        ValueError: There are no names or more than 65535, a name is empty or given twice, or an unseen name is not in
            `names` or is given twice.

    Example:
        >>> split = ClassSplit(names=["sky", "cat", "tree"], unseen=["cat"])
        >>> split.seen, split.seen_ids, split.unseen_ids, split.label
        (('sky', 'tree'), (0, 2), (1,), '2-1')
        >>> split.training_labels(np.array([[0, 1], [2, 255]], dtype=np.uint8)).tolist()
        [[0, 255], [1, 255]]
        >>> ClassSplit(names=[f"class {i}" for i in range(847)], unseen=[]).ignore
        65535
    """

    names: tuple[str, ...]
    unseen: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check the names and store them as tuples."""
        names = checked_names("names", self.names)
        unseen = checked_names("unseen", self.unseen)
        if not names:
            raise ValueError("names: got no class, expected at least one. Give every class of the masks, in id order.")
        if len(names) > IGNORE_16_BIT:
            raise ValueError(
                f"names: got {len(names)} classes, expected at most {IGNORE_16_BIT}: a 16-bit mask holds ids "
                f"0..{IGNORE_16_BIT - 1}, and {IGNORE_16_BIT} means ignore. Merge or drop classes."
            )
        known = set(names)
        for name in unseen:
            if name not in known:
                raise ValueError(f"unseen: got {name!r}, expected names of the class list. {suggestion(name, names)}")
        # One split, one value: equality and hash do not depend on the order in which unseen was written.
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "unseen", tuple(name for name in names if name in unseen))

    @property
    def ignore(self) -> int:
        """Label of ignored pixels in this split's masks: 255 up to 255 classes, else 65535."""
        return ignore_id(len(self.names))

    @property
    def mask_dtype(self) -> type[np.uint8] | type[np.uint16]:
        """Type of this split's masks: uint8 up to 255 classes, else uint16."""
        return np.uint8 if self.ignore == IGNORE else np.uint16

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
    def training_lut(self) -> NDArray[np.unsignedinteger[Any]]:
        """Table from file id to training label, read-only, values 0..N_s-1 and `ignore`.

        Its shape is (256,), uint8, up to 255 classes, else (65536,), uint16. Ids of no class map to `ignore`;
        `training_labels` rejects them.
        """
        table = np.full(self.ignore + 1, self.ignore, dtype=self.mask_dtype)
        table[list(self.seen_ids)] = np.arange(len(self.seen_ids), dtype=self.mask_dtype)
        table.flags.writeable = False
        return table

    def training_labels(self, mask: NDArray[_Id]) -> NDArray[_Id]:
        """Renumber a mask for training; nothing of the unseen classes remains.

        Args:
            mask: File ids, any shape, `mask_dtype`, values 0..N-1 and `ignore`.

        Returns:
            Training labels, the same shape and dtype, values 0..N_s-1 and `ignore`.

        Raises:
            ValueError: The mask is not of `mask_dtype`, or it holds the id of no class.
        """
        if mask.dtype != self.mask_dtype:
            raise ValueError(
                f"mask: got dtype {mask.dtype}, expected {np.dtype(self.mask_dtype)} with ids 0..{len(self.names) - 1} "
                f"and {self.ignore}, since there are {len(self.names)} classes. Convert it, and its ignored pixels."
            )
        stray = np.unique(mask[(mask >= len(self.names)) & (mask != self.ignore)])
        if stray.size:
            raise ValueError(
                f"mask: got id {', '.join(map(str, stray[:5]))}, expected 0..{len(self.names) - 1} (the "
                f"{len(self.names)} class names) or {self.ignore} = ignore. Renumber the mask, or name every class."
            )
        labels: NDArray[_Id] = self.training_lut[mask].astype(mask.dtype, copy=False)
        return labels


def checked_names(field: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the names as a tuple, `composed`, and check that they are unique."""
    if isinstance(names, str):
        raise ValueError(f"{field}: got the string {names!r}, expected a sequence of names. Write [{names!r}].")
    names = tuple(map(composed, names))
    first: dict[str, int] = {}
    for position, name in enumerate(names):
        if not isinstance(name, str):
            raise TypeError(f"{field}: got {name!r} at position {position}, expected a class name. Write it in quotes.")
        if not name.strip():
            raise ValueError(f"{field}: got {name!r} at position {position}, expected a class name. Write it out.")
        if first.setdefault(name, position) != position:
            raise ValueError(
                f"{field}: got {name!r} twice, at positions {first[name]} and {position}, expected each name once. "
                "Rename or remove one of them."
            )
    return names


def suggestion(name: str, names: Sequence[str], what: str = "classes") -> str:
    """Suggest which of the names was meant.

    Example:
        >>> suggestion("gras", ["grass", "tree"]), suggestion("zebra", ["grass", "tree"])
        ("Did you mean 'grass'?", 'The classes are: grass, tree.')
    """
    lowered = {candidate.lower(): candidate for candidate in names}
    close = difflib.get_close_matches(name.strip().lower(), lowered, n=3)
    if close:
        return f"Did you mean {' or '.join(repr(lowered[match]) for match in close)}?"
    shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    return f"The {what} are: {shown}."
