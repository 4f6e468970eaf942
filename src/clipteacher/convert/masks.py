"""Folders of photos and masks in any of the usual structures, read as one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from clipteacher.convert.class_files import NameList, find_names
from clipteacher.convert.colour_files import find_colours, read_colour_table
from clipteacher.convert.mask_classes import Coding, Hints, MaskCode, is_binary, mask_code
from clipteacher.convert.mask_files import FoundValues, find_values
from clipteacher.convert.mask_labels import read_labels
from clipteacher.convert.names import BACKGROUND
from clipteacher.convert.paired_masks import PairedMasks, alone, text_folders
from clipteacher.convert.pairs import MaskedPhoto
from clipteacher.convert.reading import DataRead
from clipteacher.convert.split_lists import find_lists, split_by_lists
from clipteacher.convert.structure import SplitFolders
from clipteacher.convert.writing import TRAIN, VAL, PhotoAndMask
from clipteacher.data.class_list import read_class_names
from clipteacher.data.files import DataError
from clipteacher.data.folder import list_folder
from clipteacher.protocols.splits import IGNORE
from clipteacher.protocols.voc import VOC_NAMES
from clipteacher.utils.lists import subsample

_SAMPLE: Final = 64  # masks that are read to tell what their values mean; each is checked when it is written
_VOC_PHOTO: Final = re.compile(r"\d{4}_\d{6}")
_KIND_OF: Final[Mapping[Coding, str]] = {"ids": "images-masks", "colours": "colour-masks", "binary": "binary"}


def read_masks(
    root: Path,
    paired: PairedMasks,
    *,
    classes: Sequence[str] = (),
    colours: Path | None = None,
    ignore: Sequence[str] = (),
    coding: Coding | None = None,
) -> DataRead:
    """Tell what the masks' values mean, and who is in which split.

    Args:
        root: The folder.
        paired: Its photos and masks.
        classes: The class names, in the order of the ids; none leaves them to a file in the folder.
        colours: A table of colours; None leaves it to a file in the folder.
        ignore: Ids and names that are not labelled.
        coding: How the masks hold their labels; None leaves it to their values.

    Raises:
        DataError: It cannot be told; the message names the flag to add. Or a file cannot be read.
    """
    structure, pairs = paired
    empty = [each.split for each in structure.folders if not pairs[each.split].photos]
    if empty:
        raise DataError(
            f"{root}: got no photo with a mask for {empty[0]}, expected some. Add them, or remove its folder."
        )
    everything = [photo for each in pairs.values() for photo in each.photos]
    sampled = [everything[index].mask for index in subsample(len(everything), _SAMPLE)]
    found = find_values(sampled)
    notes = [*alone(pairs), *(f"{name}/ is not used" for name in structure.unused)]
    folders = list(text_folders(root, structure.folders))
    splits = {split: list(each.photos) for split, each in pairs.items()}
    if not (classes or colours or ignore or coding) and (names := _names_as_is(root, paired, found)):
        what = f"classes.txt, {structure.what}"
        return DataRead("folder", what, names, _with(splits, _as_it_is(names)), tuple(notes), as_is=True)
    table = find_colours(folders) if colours is None else read_colour_table(colours)
    listed = find_names(folders)
    if structure.kind == "voc" and listed is None and table is None and _is_voc(everything, found):
        listed = NameList(Path("PASCAL VOC 2012"), dict(enumerate((BACKGROUND, *VOC_NAMES))), numbered=True)
    where = structure.folders[0].masks
    hints = Hints(where, table, listed, tuple(classes), tuple(ignore), coding, structure.kind == "voc")
    code = mask_code(found, hints)
    what = structure.what
    if tuple(splits) == ("",) and (lists := find_lists(root)):
        splits, more = split_by_lists(everything, lists)
        notes += more
        what += f" with {' and '.join(file.name for file in lists.values())}"
    kind = structure.kind
    if kind == "images-masks":
        kind = _KIND_OF[code.coding]
    elif kind == "voc" and code.coding == "colours" and table is not None and table.cvat:
        kind = "cvat"
    return DataRead(kind, f"{what}; {code.reason}", code.classes, _with(splits, code), (*notes, *code.notes))


def read_folder(root: Path) -> DataRead:
    """Read the folder format, without a look at the values of the masks.

    Raises:
        DataError: A file is missing, or a name is wrong.
    """
    names = read_class_names(root)
    splits = {
        split: [MaskedPhoto(each.image, PurePosixPath(each.image.name), each.mask) for each in list_folder(root, split)]
        for split in (TRAIN, VAL)
    }
    return DataRead("folder", "classes.txt, images/ and masks/", names, _with(splits, _as_it_is(names)), (), as_is=True)


def _as_it_is(names: tuple[str, ...]) -> MaskCode:
    """Return the code of masks in the folder format."""
    return MaskCode("ids", names, {value: value for value in (*range(len(names)), IGNORE)}, "", ())


def _with(splits: Mapping[str, Sequence[MaskedPhoto]], code: MaskCode) -> dict[str, list[PhotoAndMask]]:
    """Return photos with what reads their masks."""
    return {
        split: [PhotoAndMask(each.file, each.target, partial(read_labels, each.file, each.mask, code)) for each in part]
        for split, part in splits.items()
    }


def _names_as_is(root: Path, paired: PairedMasks, found: FoundValues) -> tuple[str, ...] | None:
    """Return the class names if this is the folder format already and would be written just as it is; else None."""
    expected = tuple(SplitFolders(split, root / "images" / split, root / "masks" / split) for split in (TRAIN, VAL))
    if paired.structure.folders != expected or not (root / "classes.txt").is_file():
        return None
    if not found.plain or found.ids is None or any(pairs.bare for pairs in paired.pairs.values()):
        return None
    try:
        names = read_class_names(root)
        listed = {split: [record.image for record in list_folder(root, split)] for split in (TRAIN, VAL)}
    except DataError:
        return None
    if listed != {split: sorted(photo.file for photo in pairs.photos) for split, pairs in paired.pairs.items()}:
        return None  # photos in subfolders, or names of two forms of Unicode
    ids = found.ids - {IGNORE}
    binary = is_binary(found.ids, len(names))
    return None if binary or any(value >= len(names) for value in ids) else names


def _is_voc(photos: Sequence[MaskedPhoto], found: FoundValues) -> bool:
    """Return whether photos are named as PASCAL VOC's, and masks have its ids and its palette."""
    if found.ids is None or not found.palette or found.clash:
        return False
    ids = found.ids - {IGNORE}
    named = all(_VOC_PHOTO.fullmatch(photo.file.stem) for photo in photos)
    return named and max(ids, default=0) <= len(VOC_NAMES) and all(found.palette.get(i) == _voc_colour(i) for i in ids)


def _voc_colour(index: int) -> int:
    """Return a colour of PASCAL VOC's palette (VOCdevkit, `VOClabelcolormap.m`): bits dealt to the channels."""
    channels = [0, 0, 0]
    for place in range(8):
        for channel in range(3):
            channels[channel] |= (index >> (3 * place + channel) & 1) << (7 - place)
    return channels[0] << 16 | channels[1] << 8 | channels[2]
