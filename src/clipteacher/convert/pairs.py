"""Photos and the masks beside them, paired by name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from clipteacher.convert.annotated import flat_name, visible_files
from clipteacher.convert.mask_files import LOSSY_SUFFIXES, MASK_SUFFIXES
from clipteacher.data.files import IMAGE_SUFFIXES, DataError
from clipteacher.protocols.splits import composed

_ENDINGS: Final = "mask|masks|label|labels|labelids|gt|groundtruth|seg|segmentation|annotation"
_MASK_END: Final = re.compile(rf"[-_. ]({_ENDINGS}|l)$", re.IGNORECASE)
"""What tools append to a photo's name for its mask: `a_mask.png`, CamVid's `a_L.png`."""

_MASK_AMONG_PHOTOS: Final = re.compile(rf"[-_. ]({_ENDINGS})$", re.IGNORECASE)
"""The same in the folder of photos, where `a_l.png` may be a photo."""


class MaskedPhoto(NamedTuple):
    """A photo, its mask, and its path inside the folder of photos."""

    file: Path
    inner: PurePosixPath
    mask: Path

    @property
    def key(self) -> str:
        """Its path without suffix, by which lists name it."""
        return _key(self.inner)

    @property
    def target(self) -> str:
        """Its file name in the folder to write."""
        return flat_name(self.inner)


class Pairs(NamedTuple):
    """Photos with masks, sorted, and the names of photos and masks that are alone."""

    photos: tuple[MaskedPhoto, ...]
    bare: tuple[str, ...]
    lone: tuple[str, ...]


def pair(photos: Path, masks: Path) -> Pairs:
    """Pair the photos of a folder with the masks of another, or of the same one, where masks end in `_mask` or alike.

    Names are compared without suffixes, in Unicode's composed form. Subfolders count; if they differ, names alone do,
    where they are unique.

    Raises:
        DataError: Two photos or two masks have one name, or a photo's mask is saved as JPEG.
    """
    # A folder of masks may lie inside that of the photos, whose other subfolders are none of ours then.
    inside = masks == photos or photos in masks.parents
    photo_of = _by_key(visible_files(photos, deep=not inside), photos, IMAGE_SUFFIXES)
    mask_files = visible_files(masks) if masks != photos else []
    if masks == photos:
        mask_files = [photo for key, photo in photo_of.items() if _is_mask(key, photo_of)]
        photo_of = {key: photo for key, photo in photo_of.items() if photo not in mask_files}
    mask_of, lossy = (_by_key(mask_files, masks, suffixes) for suffixes in (MASK_SUFFIXES, LOSSY_SUFFIXES))
    found = _matches(photo_of, mask_of) or _matches(photo_of, mask_of, by_name=True)
    for key, blurred in _matches(photo_of, lossy).items():
        if key not in found:
            raise DataError(
                f"{blurred}: got a mask saved as {blurred.suffix}, for {photo_of[key]}, expected PNG, since "
                "compression mixes the ids along every edge. Export the masks as PNG again."
            )
    inner = {key: PurePosixPath(photo.relative_to(photos).as_posix()) for key, photo in photo_of.items()}
    used = set(found.values())
    return Pairs(
        tuple(MaskedPhoto(photo_of[key], inner[key], found[key]) for key in sorted(found)),
        tuple(str(inner[key]) for key in sorted(inner.keys() - found.keys())),
        tuple(mask.relative_to(masks).as_posix() for _, mask in sorted(mask_of.items()) if mask not in used),
    )


def _is_mask(key: str, photos: Mapping[str, Path]) -> bool:
    """Return whether a picture among photos is the mask of one of them, by its name."""
    stem = _MASK_AMONG_PHOTOS.sub("", key)
    return stem != key and stem in photos


def _key(path: Path | PurePosixPath) -> str:
    """Return a relative path without suffix, composed."""
    return composed(path.with_suffix("").as_posix())


def _by_key(files: Sequence[Path], folder: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """Return the files with one of these suffixes by key."""
    found: dict[str, Path] = {}
    for file in files:
        if file.suffix.lower() in suffixes:
            other = found.setdefault(_key(file.relative_to(folder)), file)
            if other is not file:
                raise DataError(f"{file}: same name as {other.name}, expected one of them. Rename or remove one.")
    return found


def _matches(photos: Mapping[str, Path], masks: Mapping[str, Path], *, by_name: bool = False) -> dict[str, Path]:
    """Return masks by the keys of their photos: of the same key, or of one with a known ending more."""
    exact: dict[str, list[Path]] = {}
    ended: dict[str, list[Path]] = {}
    for key, mask in masks.items():
        name = PurePosixPath(key).name if by_name else key
        exact.setdefault(name, []).append(mask)
        ended.setdefault(_MASK_END.sub("", name), []).append(mask)
    names = {key: PurePosixPath(key).name if by_name else key for key in photos}
    times = Counter(names.values())
    options = {key: exact.get(name) or ended.get(name, []) for key, name in names.items()}
    return {key: found[0] for key, found in options.items() if len(found) == 1 and times[names[key]] == 1}
