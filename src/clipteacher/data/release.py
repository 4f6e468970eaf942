"""A data set as its authors released it: archives with checksums, folders, photo counts, and how it is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
