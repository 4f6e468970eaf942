"""What of a data set is there and whole; nothing is downloaded and nothing is written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from clipteacher.data.archives import PARTS, Part
from clipteacher.data.files import DataError
from clipteacher.data.released import PUBLISHED_COUNTS, open_source
from clipteacher.protocols.named import PROTOCOLS


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes:
        fine: Whether it is as it should be.
        text: What was found, and what to do.
    """

    fine: bool
    text: str


def inspect_data(dataset: str, root: Path, progress: Callable[[str], object] = lambda what: None) -> Iterator[Finding]:
    """Look at each part of a data set: is it there, are its archives whole, how many photos has each split.

    Args:
        dataset: A key of `PARTS`.
        root: The data set's folder.
        progress: Called with what is looked at next, where it may take a while.

    Yields:
        What was found, one after another.
    """
    for part in PARTS[dataset]:
        yield _presence(part, root)
        for archive in part.archives:
            if (root / archive.name).is_file() and archive.algorithm is not None:
                progress(f"{archive.algorithm} of {archive.name}")
                yield check_archive(root / archive.name, archive.algorithm, archive.digest)
    protocol = next(protocol for protocol in PROTOCOLS if protocol.dataset == dataset)
    for split, published in PUBLISHED_COUNTS[dataset].items():
        progress(f"photos of {split}")
        try:
            count = len(open_source(protocol, root, split))
        except DataError as error:
            yield Finding(False, f"{split}: {error}")
        else:
            yield check_count(split, count, published)


def check_count(split: str, count: int, published: tuple[int, ...]) -> Finding:
    """Compare a number of photos with the published ones."""
    if count in published:
        return Finding(True, f"{split}: {count:,} photos with masks, as published")
    expected = " or ".join(f"{number:,}" for number in published)
    return Finding(False, f"{split}: got {count:,} photos with masks, expected {expected}. Unpack the archives again.")


def check_archive(path: Path, algorithm: Literal["md5", "sha1"], expected: str) -> Finding:
    """Compare a file's checksum with the published one."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
    if digest == expected:
        return Finding(True, f"{path.name}: {algorithm} as published")
    return Finding(False, f"{path.name}: got {algorithm} {digest}, expected {expected}. Download it again.")


def _presence(part: Part, root: Path) -> Finding:
    """Say whether one of a part's folders is there."""
    places = [root / place for place in part.places]
    for place in places:
        if place.is_dir():
            return Finding(True, f"{part.what}: {place}")
    archives = " or ".join(archive.name for archive in part.archives)
    return Finding(
        False,
        f"{part.what}: missing, expected {places[0]}\n"
        + (f"  Unpack below {root}: {archives}\n" if archives else "")
        + f"  Home page: {part.home}\n  Licence: {part.licence}",
    )
