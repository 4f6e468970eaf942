"""A data set as its authors released it: archives, folders, photo counts; how it is opened and what is present."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from clipteacher.data.files import DataError, Record
from clipteacher.data.source import Source
from clipteacher.protocols.protocol import Protocol


class Part(NamedTuple):
    """What one or more archives unpack to.

    Attributes:
        what: Its name.
        folders: Possible folders below the root, the usual one first; one is enough.
        archives: The files that it comes from, each with its published checksum, such as "md5:6cd6e144…", or "".
        home: Home page.
        licence: What to know before use; the home page has the terms.
    """

    what: str
    folders: tuple[str, ...]
    archives: Mapping[str, str]
    home: str
    licence: str


@dataclass(frozen=True, eq=False)
class Release:
    """A released data set.

    Attributes:
        name: One of `clipteacher.protocols.protocol.DATASETS`.
        parts: What it consists of.
        photos: Published number of photos with masks of each split; where several are known, the home page's first.
        open: Opens one split for a protocol of this data set: root, split and protocol in, the split out. Raises
            DataError if a part is missing.
    """

    name: str
    parts: tuple[Part, ...]
    photos: Mapping[str, tuple[int, ...]]
    open: Callable[[str | Path, str, Protocol], Source]


@dataclass(frozen=True)
class Unpacked:
    """The folder below which a data set was unpacked; its errors name the command that tells what is missing.

    Args:
        release: The data set.
        root: The folder.
        split: The split to open.

    Raises:
        DataError: The data set has no such split; and methods raise it for what is missing.
    """

    release: Release
    root: Path
    split: str

    def __post_init__(self) -> None:
        """Check the split."""
        if self.split not in self.release.photos:
            raise DataError(
                f"split: got {self.split!r}, expected one that {self.release.name} has: "
                f"{', '.join(self.release.photos)}. Name one of them."
            )

    def error(self, problem: str) -> DataError:
        """Return an error that ends in the command that lists the missing parts."""
        command = f"`clipteacher prepare {self.release.name} --root {self.root}`"
        return DataError(f"{problem}. {command} says what is missing and where it is from.")

    def folder(self, candidates: Sequence[str], what: str) -> Path:
        """Return the first candidate below the root that exists; `what` it holds, in the plural, is for the message."""
        folders = [self.root / candidate for candidate in candidates]
        if found := next(filter(Path.is_dir, folders), None):
            return found
        raise self.error(f"{self.root}: got no {what}, expected them in {' or '.join(map(str, folders))}")

    def listed(self, path: Path) -> tuple[str, ...]:
        """Read a list of photos, each once: the file name without folder and suffix of the first word of each line."""
        if not path.is_file():
            raise self.error(f"{path}: no such file, expected a list of photos, one per line")
        lines = path.read_text(encoding="utf-8").splitlines()
        stems = tuple(Path(line.split()[0]).stem for line in lines if line.strip())
        if not stems or len(set(stems)) != len(stems):
            raise DataError(
                f"{path}: got {len(stems)} lines with {len(set(stems))} different photos, expected each photo once. "
                "Unpack it from its archive again."
            )
        return stems

    def records(
        self, images: Path, masks: Path, stems: Iterable[str] | None = None, mask_suffix: str = ".png"
    ) -> tuple[Record, ...]:
        """Pair photos, which end in ".jpg", with their masks.

        Args:
            images: Folder of the photos.
            masks: Folder of the masks.
            stems: File names without suffix; None takes all photos of the folder, sorted.
            mask_suffix: What a mask's file name ends in.

        Returns:
            A record for each photo, in the order of `stems`.
        """
        # One listing for a hundred thousand files, not a hundred thousand questions.
        present = [{entry.name for entry in folder.iterdir()} for folder in (images, masks)]
        if stems is None:
            # Hidden files are no photos: macOS leaves a `._photo.jpg` beside `photo.jpg`.
            names = [name for name in present[0] if name.endswith(".jpg") and not name.startswith(".")]
            if not names:
                raise self.error(f"{images}: got no file ending in .jpg, expected the photos")
            stems = sorted(name.removesuffix(".jpg") for name in names)
        records = tuple(Record(images / f"{stem}.jpg", masks / f"{stem}{mask_suffix}") for stem in stems)
        for part, names_there in enumerate(present):
            missing = [record[part] for record in records if record[part].name not in names_there]
            if missing:
                raise self.error(
                    f"{missing[0]}: no such file, and {len(missing)} of {len(records)} are missing in "
                    f"{missing[0].parent}, expected one for each listed photo"
                )
        return records


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
