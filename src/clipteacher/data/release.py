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


class Unpacked:
    """The folder below which a released data set was unpacked; its errors name the command that tells what is missing.

    Args:
        dataset: Name of the data set, for messages.
        root: The folder.
        split: The split to open.
        splits: All splits of the data set.

    Raises:
        DataError: The data set has no such split.
    """

    def __init__(self, dataset: str, root: str | Path, split: str, splits: Iterable[str]) -> None:
        self.root = Path(root)
        self.dataset = dataset
        if split not in (known := tuple(splits)):
            raise DataError(
                f"split: got {split!r}, expected one that {dataset} has: {', '.join(known)}. Name one of them."
            )

    def error(self, problem: str) -> DataError:
        """Return an error that ends in advice on what to do."""
        return DataError(f"{problem}. {self.advice()}")

    def advice(self) -> str:
        """Name the command that lists the missing parts."""
        return f"`clipteacher prepare {self.dataset} --root {self.root}` says what is missing and where it is from."

    def folder(self, candidates: Sequence[str], what: str) -> Path:
        """Return the first candidate below the root that exists; `what` it holds, in the plural, is for the message.

        Raises:
            DataError: None of them exists.
        """
        folders = [self.root / candidate for candidate in candidates]
        for folder in folders:
            if folder.is_dir():
                return folder
        raise self.error(f"{self.root}: got no {what}, expected them in {' or '.join(map(str, folders))}")

    def listed(self, path: Path) -> tuple[str, ...]:
        """Read a list of photos: the file name without folder and suffix of the first word of each line.

        Raises:
            DataError: The file is missing or empty, or names a photo twice.
        """
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

    def stems(self, folder: Path, suffix: str) -> tuple[str, ...]:
        """Return the files of a folder that end in a suffix such as ".jpg", sorted, without it.

        Raises:
            DataError: There is no such file.
        """
        # Hidden files are no photos: macOS leaves a `._photo.jpg` beside `photo.jpg`.
        names = [entry.name for entry in folder.iterdir() if not entry.name.startswith(".")]
        stems = sorted(name.removesuffix(suffix) for name in names if name.endswith(suffix))
        if not stems:
            raise self.error(f"{folder}: got no file ending in {suffix}, expected the photos")
        return tuple(stems)

    def records(self, stems: Iterable[str], images: Path, masks: Path, mask_suffix: str = ".png") -> tuple[Record, ...]:
        """Pair photos, which end in ".jpg", with their masks.

        Args:
            stems: File names without suffix.
            images: Folder of the photos.
            masks: Folder of the masks.
            mask_suffix: What a mask's file name ends in.

        Returns:
            A record for each photo, in the order of `stems`.

        Raises:
            DataError: A photo or a mask does not exist.
        """
        records = tuple(Record(images / f"{stem}.jpg", masks / f"{stem}{mask_suffix}") for stem in stems)
        for folder, part in ((images, 0), (masks, 1)):
            # One listing for a hundred thousand files, not a hundred thousand questions.
            present = {entry.name for entry in folder.iterdir()}
            missing = [record[part] for record in records if record[part].name not in present]
            if missing:
                raise self.error(
                    f"{missing[0]}: no such file, and {len(missing)} of {len(records)} are missing in {folder}, "
                    "expected one for each listed photo"
                )
        return records
