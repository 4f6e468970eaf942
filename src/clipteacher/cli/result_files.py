"""The files of results: named after the photos, none shared, none over a photo or over anything that is no result."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path, PurePath
from typing import Final, NamedTuple

from clipteacher.data.photo_search import FoundPhoto
from clipteacher.pictures.saving import MADE_BY, png_software
from clipteacher.protocols.splits import composed
from clipteacher.utils.printable import printable

_LONGEST: Final = 200  # bytes of a name: file systems take 255, and what is being written has a longer one
_PLAIN, _WITH_SUFFIX, _WITH_NUMBER = range(3)


class ResultFiles(NamedTuple):
    """The two files of a photo: the overlay, and the ids."""

    drawn: Path
    ids: Path


def is_result(path: Path) -> bool:
    """Return whether a file is a result of `clipteacher segment`, as it says of itself."""
    return path.suffix.lower() == ".png" and png_software(path) == MADE_BY


def result_files(photos: Sequence[FoundPhoto], out: Path) -> list[ResultFiles]:
    """Name the files of each photo: for sub/cat.jpg, `out`/sub/cat.png and `out`/sub/cat_ids.png.

    Photos whose files would be the same, or lie over a photo, keep their suffix: cat.jpg.png and cat.jpg_ids.png. Where
    that does not do, as with cat.jpg beside CAT.jpg, which some disks hold for the same, the name ends in a number made
    from the photo's place. So does one that is too long. No name depends on the order of the photos.

    Args:
        photos: The photos, with different places.
        out: The folder of results.

    Returns:
        The files, in the order of the photos.

    Raises:
        ValueError: A photo, or another file or folder that is no result, would be written over.
    """
    top = os.path.realpath(out)
    sources = {os.path.realpath(photo.path) for photo in photos}
    taken = {_key(PurePath(os.path.relpath(each, top))) for each in sources}
    stages = [_PLAIN] * len(photos)
    while True:
        named = [_named(photo.place, stage) for photo, stage in zip(photos, stages, strict=True)]
        keys = [tuple(map(_key, pair)) for pair in named]
        counts = Counter(key for pair in keys for key in pair)
        folders = {_key(above) for drawn, _ in named for above in drawn.parents}
        shared = {key for key, count in counts.items() if count > 1} | taken | folders
        clashing = [i for i, pair in enumerate(keys) if stages[i] < _WITH_NUMBER and not shared.isdisjoint(pair)]
        if not clashing:
            break
        for i in clashing:
            stages[i] += 1
    results = [ResultFiles(out / drawn, out / ids) for drawn, ids in named]
    _check_free([path for pair in results for path in pair], sources)
    return results


def _named(place: PurePath, stage: int) -> tuple[PurePath, PurePath]:
    """Return the paths of overlay and ids below the folder of results."""
    name = place.stem if stage == _PLAIN else place.name
    if stage == _WITH_NUMBER or len(os.fsencode(name)) > _LONGEST:
        number = blake2b(os.fsencode(str(place)), digest_size=4).hexdigest()
        name = f"{os.fsencode(name)[: _LONGEST - 20].decode(errors='ignore')}-{number}"
    return place.parent / f"{name}.png", place.parent / f"{name}_ids.png"


def _key(path: PurePath) -> str:
    """Return what two paths share that may be one file: some disks see no case, and one form of Unicode alone."""
    return composed(str(path)).casefold()


def _check_free(files: Sequence[Path], sources: set[str]) -> None:
    """Check that each file is new, or a result."""
    others = []
    for path in files:
        if os.path.join(os.path.realpath(path.parent), path.name) in sources:
            raise ValueError(
                f"out: {printable(path)} is one of the photos and would be written over. Name another --out."
            )
        if path.is_symlink() or (path.exists() and not is_result(path)):
            others.append(path)
    if others:
        raise ValueError(
            f"out: {printable(others[0])}{f' and {len(others) - 1} more' if others[1:] else ''} would be written over, "
            "expected nothing there, or results of clipteacher segment. Name another --out, or remove what is there."
        )


def make_folder(option: str, folder: Path | None) -> None:
    """Make a folder to write to, or say why that cannot be, before the work begins.

    Args:
        option: What the folder was given as, for messages.
        folder: The folder; None for none.

    Raises:
        ValueError: A file is in its way, or it may not be written to.
    """
    if folder is None:
        return
    file = next((each for each in (folder, *folder.parents) if each.exists() and not each.is_dir()), None)
    if file is not None:
        raise ValueError(
            f"{option}: got {printable(folder)}, but {printable(file)} is a file. Name another --{option}."
        )
    there = next(each for each in (folder, *folder.parents) if each.is_dir())
    if os.access(there, os.W_OK | os.X_OK):
        folder.mkdir(parents=True, exist_ok=True)
    else:
        raise ValueError(
            f"{option}: {printable(folder)} may not be written to. Change its permissions, or name another."
        )
