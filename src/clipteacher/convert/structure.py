"""Where photos and masks lie in a folder, by the names of its subfolders."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Final, NamedTuple

from clipteacher.convert.writing import TRAIN, VAL
from clipteacher.data.files import DataError

TEST: Final = "test"

_SPLITS: Final = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation"), VAL),
    **dict.fromkeys(("test", "testing"), TEST),
}
_PHOTOS: Final = (
    *("images", "image", "imgs", "img", "photos", "photo", "pictures", "jpegimages", "rgb", "input", "inputs"),
)
_MASKS: Final = (
    *("masks", "mask", "labels", "label", "annotations", "annotation", "annots", "annot", "gts", "gt", "groundtruths"),
    *("groundtruth", "segmentations", "segmentation", "seg", "targets", "target", "segmentationclass"),
    *("segmentationclasspng", "segmentationclassraw", "segmentationclassaug"),
)
_ROLES: Final = {**dict.fromkeys(_PHOTOS, "photos"), **dict.fromkeys(_MASKS, "masks"), "": ""}


class SplitFolders(NamedTuple):
    """Folders of the photos and masks of one split; the split is "" if all photos are there."""

    split: str
    photos: Path
    masks: Path


class Structure(NamedTuple):
    """Where photos and masks lie.

    Attributes:
        kind: "voc", "train-trainannot" or "images-masks".
        folders: Those of each split.
        what: Describes it, such as "images/ and masks/".
        unused: Splits that are neither trained nor scored on, such as "test".
    """

    kind: str
    folders: tuple[SplitFolders, ...]
    what: str
    unused: tuple[str, ...] = ()


def split_word(name: str) -> str | None:
    """Return the split that a file or a folder is named after.

    Example:
        >>> split_word("valid"), split_word("instances_train2017"), split_word("trainval"), split_word("retrain")
        ('val', 'train', None, None)
    """
    words = re.findall(r"[a-z]+", name.lower())
    found = {_SPLITS[word] for word in words if word in _SPLITS}
    return found.pop() if len(found) == 1 else None


def inner_root(path: Path) -> Path:
    """Return the folder that holds the data: archives are often unpacked into folders that hold one folder alone.

    Raises:
        DataError: There is no such folder.
    """
    if not path.is_dir():
        raise DataError(f"{path}: no such folder, expected one of photos with masks or annotations. Correct the path.")
    while True:
        entries = [entry for entry in path.iterdir() if not entry.name.startswith(".") and entry.name != "__MACOSX"]
        if len(entries) != 1 or not entries[0].is_dir() or _role(entries[0].name) is not None:
            return path
        path = entries[0]


def structures(root: Path) -> Iterator[Structure]:
    """Find every way in which the names of the folders may pair photos with masks; some may have no pair."""
    there = _by_role(root)
    # images/ and masks/, with or without train/ and val/ in them
    for photos, masks in product(there.get(("", "photos"), []), there.get(("", "masks"), [])):
        yield _parallel(photos, masks)
    # train/images and train/masks
    bare = {split: folders[0] for (split, role), folders in there.items() if split and not role}
    inner = [_by_role(folder) for folder in bare.values()]
    words = {role: {each.name for roles in inner for each in roles.get(("", role), [])} for role in ("photos", "masks")}
    for one, other in product(sorted(words["photos"]), sorted(words["masks"])):
        inside = {split: (folder / one, folder / other) for split, folder in bare.items()}
        yield from _of_splits(inside, "images-masks", f"{one}/ and {other}/ in")
    # train_images and train_masks, or train and trainannot
    marked, beside = _by_word(there, "masks"), _by_word(there, "photos")
    for masks_of in marked.values():
        for photos_of, kind in (*((each, "images-masks") for each in beside.values()), (bare, "train-trainannot")):
            both = {split: (photos_of[split], masks_of[split]) for split in photos_of if split in masks_of}
            yield from _of_splits(both, kind, "")
    # photos in train/, or at the top, with masks among them or in a subfolder
    for name in sorted(words["masks"]):
        inside = {split: (folder, folder / name) for split, folder in bare.items()}
        yield from _of_splits(inside, "images-masks", f"photos and {name}/ in")
    yield from _of_splits({split: (folder, folder) for split, folder in bare.items()}, "images-masks", "pairs in")
    for masks in there.get(("", "masks"), []):
        yield Structure("images-masks", (SplitFolders("", root, masks),), f"photos and {masks.name}/")
    yield Structure("images-masks", (SplitFolders("", root, root),), "photos and masks in one folder")


def _parallel(photos: Path, masks: Path) -> Structure:
    """Return the structure of two folders that hold the same."""
    kind = "voc" if masks.name.lower().startswith("segmentationclass") else "images-masks"
    what = f"{photos.name}/ and {masks.name}/"
    bare, marked = (
        {split: folders[0] for (split, role), folders in _by_role(each).items() if split and not role}
        for each in (photos, masks)
    )
    inside = {split: (folder, marked.get(split, masks)) for split, folder in bare.items()}
    return next(_of_splits(inside, kind, f"{what} with"), Structure(kind, (SplitFolders("", photos, masks),), what))


def _of_splits(folders: Mapping[str, tuple[Path, Path]], kind: str, what: str) -> Iterator[Structure]:
    """Make a structure of folders by split, if there is one to train on; `what` comes before the splits."""
    there = {split: both for split, both in folders.items() if all(folder.is_dir() for folder in both)}
    if TRAIN not in there:
        return
    used = {split: there[split] for split in (TRAIN, VAL) if split in there}
    names = " and ".join(f"{split}/" for split in used)
    if not what:
        names = ", ".join(f"{photos.name}/ and {masks.name}/" for photos, masks in used.values())
    unused = (there[TEST][0].name,) if TEST in there else ()
    yield Structure(
        kind, tuple(SplitFolders(split, *both) for split, both in used.items()), f"{what} {names}".strip(), unused
    )


def _by_role(folder: Path) -> dict[tuple[str, str], list[Path]]:
    """Return the subfolders by split and role, each of which may be ""."""
    found: dict[tuple[str, str], list[Path]] = {}
    for entry in sorted(folder.iterdir()):
        role = _role(entry.name) if entry.is_dir() and not entry.name.startswith(".") else None
        if role is not None:
            found.setdefault(role, []).append(entry)
    return found


def _by_word(there: Mapping[tuple[str, str], list[Path]], role: str) -> dict[str, dict[str, Path]]:
    """Return folders such as `train_masks` by what follows the split, then by split."""
    found: dict[str, dict[str, Path]] = {}
    for (split, each), folders in there.items():
        for folder in folders if split and each == role else ():
            word = re.sub(r"[^a-z]", "", folder.name.lower())
            rest = next(word.replace(name, "", 1) for name in sorted(_SPLITS, key=len, reverse=True) if name in word)
            found.setdefault(rest, {})[split] = folder
    return found


def _role(name: str) -> tuple[str, str] | None:
    """Return the split and the role of a folder, such as ("train", "masks") for `trainannot`; None if it has none."""
    word = re.sub(r"[^a-z]", "", name.lower())
    if word in _ROLES:
        return ("", _ROLES[word]) if word else None
    for start in sorted(_SPLITS, key=len, reverse=True):
        for rest in (word.removeprefix(start), word.removesuffix(start)):
            if rest != word and rest in _ROLES:
                return _SPLITS[start], _ROLES[rest]
    return None
