"""Lists of file names that say which photos to train and to score on, as VOC has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from clipteacher.convert.annotated import left_out_note
from clipteacher.convert.mask_files import MASK_SUFFIXES
from clipteacher.convert.pairs import MaskedPhoto
from clipteacher.convert.structure import split_word
from clipteacher.convert.text_files import read_text
from clipteacher.convert.writing import TRAIN, VAL
from clipteacher.data.files import IMAGE_SUFFIXES, DataError
from clipteacher.protocols.splits import composed
from clipteacher.utils.lists import shortened


def find_lists(root: Path) -> dict[str, Path]:
    """Find `train.txt` and `val.txt` where VOC has them, or at the top: files by split."""
    for folder in (root / "ImageSets" / "Segmentation", root / "ImageSets", root / "splits", root):
        texts = sorted(folder.glob("*.txt")) if folder.is_dir() else []
        named = {split: file for file in texts if file.stem.isalpha() and (split := split_word(file.stem))}
        found: dict[str, Path] = {split: named[split] for split in (TRAIN, VAL) if split in named}
        if found:
            return found
    return {}


def split_by_lists(
    photos: Sequence[MaskedPhoto], lists: Mapping[str, Path]
) -> tuple[dict[str, list[MaskedPhoto]], tuple[str, ...]]:
    """Sort photos by lists.

    Args:
        photos: All photos.
        lists: Files by split. A list to score on alone leaves all others to train on; of one to train on alone, photos
            to score on are still to be drawn.

    Returns:
        Photos by split, "" for those of which some are to be drawn; and notes of what is in no list or has no mask.

    Raises:
        DataError: A photo is in both lists, or a list names no photo.
    """
    by_key = {photo.key: photo for photo in photos}
    by_name: dict[str, MaskedPhoto | None] = {}
    for photo in photos:
        name = PurePosixPath(photo.key).name
        by_name[name] = None if name in by_name else photo
    found: dict[str, dict[str, MaskedPhoto]] = {}
    notes = []
    for split, file in lists.items():
        lines = [line.strip() for line in read_text(file).splitlines() if line.strip()]
        named = {line: _find(line, by_key, by_name) for line in lines}
        found[split] = {photo.key: photo for photo in named.values() if photo is not None}
        if missing := [line for line, photo in named.items() if photo is None]:
            notes.append(left_out_note(f"names in {file.name} have no photo with a mask", missing))
        if not found[split]:
            raise DataError(f"{file}: got {shortened(lines) or 'no name'}, expected names of photos. Correct the list.")
    train, val = found.get(TRAIN), found.get(VAL)
    if train and val and (both := sorted(train.keys() & val.keys())):
        raise DataError(
            f"{lists[VAL]}: got {len(both)} photos that are in {lists[TRAIN].name} too, such as {both[0]}, expected "
            "none, for a score on photos of training says nothing. Take them out of one list."
        )
    if train is None and val is not None:
        return {TRAIN: [photo for photo in photos if photo.key not in val], VAL: _ordered(photos, val)}, tuple(notes)
    others = [photo.key for photo in photos if not any(photo.key in keys for keys in found.values())]
    if others:
        notes.append(left_out_note(f"photos are not in {' or '.join(file.name for file in lists.values())}", others))
    return {split if val else "": _ordered(photos, keys) for split, keys in found.items()}, tuple(notes)


def _ordered(photos: Sequence[MaskedPhoto], keys: Mapping[str, MaskedPhoto]) -> list[MaskedPhoto]:
    return [photo for photo in photos if photo.key in keys]


def _find(
    line: str, by_key: Mapping[str, MaskedPhoto], by_name: Mapping[str, MaskedPhoto | None]
) -> MaskedPhoto | None:
    """Return the photo that a line names, by path or name, perhaps followed by the path of its mask."""
    for text in (line, line.split()[0]):
        path = PurePosixPath(PureWindowsPath(composed(text)).as_posix())
        if path.suffix.lower() in (*IMAGE_SUFFIXES, *MASK_SUFFIXES):
            path = path.with_suffix("")
        tails = ("/".join(path.parts[start:]) for start in range(len(path.parts)))
        if photo := next((by_key[tail] for tail in tails if tail in by_key), None) or by_name.get(path.name):
            return photo
    return None
