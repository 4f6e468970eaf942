"""Which parts of a released data set are present and intact; nothing is downloaded and nothing is written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from clipteacher.data.files import DataError
from clipteacher.data.release import Part, Release
from clipteacher.protocols.protocol import Protocol


class Finding(NamedTuple):
    """The result of one check.

    Attributes:
        fine: Whether it is as it should be.
        text: What was found, and what to do.
    """

    fine: bool
    text: str


def inspect_release(
    release: Release, protocol: Protocol, root: Path, progress: Callable[[str], object] = lambda what: None
) -> Iterator[Finding]:
    """Check each part of a data set: whether it is present, its archives are intact, its splits are complete.

    Args:
        release: The data set.
        protocol: A protocol of it, to open its splits with.
        root: Its folder.
        progress: Called with the name of a check that may take a while, before it starts.

    Yields:
        The findings, one by one.
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
            yield Finding(False, f"{split}: {error}")


def check_count(split: str, count: int, published: tuple[int, ...]) -> Finding:
    """Compare a number of photos with the published ones."""
    if count in published:
        return Finding(True, f"{split}: {count:,} photos with masks, as published")
    expected = " or ".join(f"{number:,}" for number in published)
    return Finding(False, f"{split}: got {count:,} photos with masks, expected {expected}. Unpack the archives again.")


def check_archive(path: Path, checksum: str) -> Finding:
    """Compare a file's checksum with the published one, such as "md5:6cd6e144…"."""
    algorithm, _, expected = checksum.partition(":")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
    if digest == expected:
        return Finding(True, f"{path.name}: {algorithm} as published")
    return Finding(False, f"{path.name}: got {algorithm} {digest}, expected {expected}. Download it again.")


def _presence(part: Part, root: Path) -> Finding:
    """Check whether one of a part's folders exists."""
    folders = [root / folder for folder in part.folders]
    for folder in folders:
        if folder.is_dir():
            return Finding(True, f"{part.what}: {folder}")
    archives = " or ".join(part.archives)
    return Finding(
        False,
        f"{part.what}: missing, expected {folders[0]}\n"
        + (f"  Unpack below {root}: {archives}\n" if archives else "")
        + f"  Home page: {part.home}\n  Licence: {part.licence}",
    )
