"""Photos and masks of a folder, paired in the structure that it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from clipteacher.convert.annotated import left_out_note
from clipteacher.convert.pairs import Pairs, pair
from clipteacher.convert.structure import SplitFolders, Structure, structures
from clipteacher.data.files import DataError
from clipteacher.utils.lists import shortened


class PairedMasks(NamedTuple):
    """A structure and the pairs in it, by split."""

    structure: Structure
    pairs: Mapping[str, Pairs]

    @property
    def total(self) -> int:
        """The number of pairs."""
        return sum(len(pairs.photos) for pairs in self.pairs.values())


def find_masks(root: Path, kind: str | None = None, *, required: bool = True) -> PairedMasks | None:
    """Find the structure of a folder that pairs most photos with masks; None if none pairs any.

    Args:
        root: The folder.
        kind: The kind of structure that it must have.
        required: Whether photos and masks that do not fit together are an error.

    Raises:
        DataError: Two folders of masks have as many; or nothing is paired, because masks are saved as JPEG or no photo
            has the name of a mask.
    """
    tried: list[PairedMasks] = []
    faults: list[DataError] = []
    for structure in structures(root):
        if kind in (None, structure.kind):
            try:
                pairs = {each.split: pair(each.photos, each.masks) for each in structure.folders}
                tried.append(PairedMasks(structure, pairs))
            except DataError as fault:
                faults.append(fault)
    best = max(tried, key=lambda found: found.total, default=None)
    if best is None or not best.total:
        if required and faults:
            raise faults[0]
        if required:
            _check_names(root, tried)
        return None
    masks = {each.masks for each in best.structure.folders}
    for other in tried:
        if other.total == best.total and not masks & {each.masks for each in other.structure.folders}:
            raise DataError(
                f"{root}: got masks in {best.structure.what} and in {other.structure.what}, expected one kind. Move "
                "the other elsewhere."
            )
    return best


def _check_names(root: Path, tried: Sequence[PairedMasks]) -> None:
    """Raise an error if there are photos and masks, and they have no name in common."""
    for structure, pairs in tried:
        for _, bare, lone in pairs.values():
            if bare and lone:
                raise DataError(
                    f"{root}: got photos ({shortened(bare)}) and masks ({shortened(lone)}) in {structure.what}, and no "
                    "name in common, expected the same name for a photo and its mask. Rename one kind."
                )


def alone(pairs: Mapping[str, Pairs]) -> Iterator[str]:
    """Say which photos have no mask, and which masks no photo."""
    bare = [name for each in pairs.values() for name in each.bare]
    lone = [name for each in pairs.values() for name in each.lone]
    if bare:
        yield left_out_note("photos have no mask", bare)
    if lone:
        yield left_out_note("masks have no photo", lone)


def text_folders(root: Path, folders: Sequence[SplitFolders]) -> Iterator[Path]:
    """Return the folders in which people put the names of classes: at the top, and around and among the masks."""
    found = [root]
    for _, photos, masks in folders:
        found += [photos.parent, masks.parent, photos, masks]
    yield from dict.fromkeys(found)
