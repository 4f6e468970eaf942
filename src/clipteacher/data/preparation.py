"""Which parts of a released data set are present and intact; nothing is downloaded and nothing is written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from clipteacher.data.files import DataError
from clipteacher.data.release import Part, Release
from clipteacher.protocols.protocol import Protocol


def inspect_release(
    release: Release, protocol: Protocol, root: Path, progress: Callable[[str], object] = lambda what: None
) -> Iterator[tuple[bool, str]]:
    """Check each part of a data set: whether it is present, its archives are intact, its splits are complete.

    Args:
        release: The data set.
        protocol: A protocol of it, to open its splits with.
        root: Its folder.
        progress: Called with the name of a check that may take a while, before it starts.

    Yields:
        Whether a check found what it should, and what it found and what to do, check by check.
    """
    for part in release.parts:
        yield _presence(part, root)
        for archive, checksum in part.archives.items():
            if checksum and (root / archive).is_file():
                progress(f"{checksum.partition(':')[0]} of {archive}")
                yield check_archive(root / archive, checksum)
    for split, published in release.photos.items():
        progress(f"photos of {split}")
        try:
            yield check_count(split, len(release.open(root, split, protocol)), published)
        except DataError as error:
            yield False, f"{split}: {error}"


def check_count(split: str, count: int, published: tuple[int, ...]) -> tuple[bool, str]:
    """Compare a number of photos with the published ones."""
    if count in published:
        return True, f"{split}: {count:,} photos with masks, as published"
    expected = " or ".join(f"{number:,}" for number in published)
    return False, f"{split}: got {count:,} photos with masks, expected {expected}. Unpack the archives again."


def check_archive(path: Path, checksum: str) -> tuple[bool, str]:
    """Compare a file's checksum with the published one, such as "md5:6cd6e144…"."""
    algorithm, _, expected = checksum.partition(":")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
    if digest == expected:
        return True, f"{path.name}: {algorithm} as published"
    return False, f"{path.name}: got {algorithm} {digest}, expected {expected}. Download it again."


def _presence(part: Part, root: Path) -> tuple[bool, str]:
    """Check whether one of a part's folders exists."""
    folders = [root / folder for folder in part.folders]
    if present := next(filter(Path.is_dir, folders), None):
        return True, f"{part.what}: {present}"
    archives = f"  Unpack below {root}: {' or '.join(part.archives)}\n" if part.archives else ""
    return False, (
        f"{part.what}: missing, expected {folders[0]}\n{archives}  Home page: {part.home}\n  Licence: {part.licence}"
    )
