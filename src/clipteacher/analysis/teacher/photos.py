"""The photos to check a teacher on: with masks where there are any."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from clipteacher.analysis.teacher.predict import CheckPhoto
from clipteacher.data.class_list import read_class_names
from clipteacher.data.files import IMAGE_SUFFIXES, DataError
from clipteacher.data.opened import open_data
from clipteacher.data.photo import read_photo
from clipteacher.data.source import Source
from clipteacher.inference.image import image_tensor
from clipteacher.protocols.named import known_protocol
from clipteacher.protocols.splits import ClassSplit, ignore_id, suggestion
from clipteacher.utils.lists import subsample


@dataclass(frozen=True, eq=False)
class CheckPhotos:
    """Photos of one split, with the class names to check.

    Attributes:
        class_names: The N names.
        read: Reads a photo of the split, by its number.
        chosen: Numbers of the photos to use, ascending.
        total: Number of photos in the split.
        title: What was opened, for the title of a table.
        has_masks: Whether there are masks.
    """

    class_names: tuple[str, ...]
    read: Callable[[int], CheckPhoto]
    chosen: tuple[int, ...]
    total: int
    title: str
    has_masks: bool

    def __len__(self) -> int:
        """Number of photos to use."""
        return len(self.chosen)

    def __iter__(self) -> Iterator[CheckPhoto]:
        """Read the photos to use, one by one."""
        return map(self.read, self.chosen)


def open_photos(
    root: str | Path,
    split: str,
    *,
    protocol: str | None = None,
    class_names: Sequence[str] | None = None,
    unseen: Sequence[str] = (),
    wanted: Sequence[str] = (),
    limit: int = 0,
) -> CheckPhotos:
    """Find photos, and their masks where there are any. None of them is read yet.

    Args:
        root: A protocol's data set; or a folder with `images/<split>`, and `classes.txt` and `masks/<split>` where
            there are any; or a folder of photos alone.
        split: Which photos; ignored for a folder of photos alone.
        protocol: Name of a protocol, whose data set is read as released; any other name stands for your own folder.
        class_names: The names to check; None is those of the data set. Names that it does not have have no masks.
        unseen: Names whose masks are not used: their pixels are ignored, as if nobody had labelled them.
        wanted: Likewise, and any other words, which need not be classes.
        limit: Use at most this many photos, evenly spread over the split; 0 is all.

    Returns:
        The photos.

    Raises:
        DataError: A file or folder is missing or wrong.
        ValueError: There are no names, a name is blank or given twice, an unseen one is no class, or the limit is
            negative.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"{root}: no such folder, expected one with photos. Correct --data.")
    if has_masks := known_protocol(protocol) is not None or (root / "masks" / split).is_dir():
        data = open_data(root, split, protocol, None)
        names = _checked(data.source.names if class_names is None else class_names)
        read, total = _reader_with_masks(data.source, names, unseen, wanted), len(data.source)
        # The numbers of seen and unseen classes in a folder's protocol name would be wrong here.
        title = f"{data.protocol if protocol is not None else root.resolve().name}, {split}"
    else:
        if class_names is None and not (root / "classes.txt").is_file():
            raise DataError(f"{root}: no classes.txt, expected class names. Give them: --classes 'cat, old chair'.")
        names = _checked(read_class_names(root) if class_names is None else class_names)
        files = photo_files(root, split)
        total, title = len(files), str(files[0].parent)

        def read(index: int) -> CheckPhoto:
            return CheckPhoto(image_tensor(read_photo(files[index])), None)

    return CheckPhotos(names, read, subsample(total, limit), total, title, has_masks)


def open_seen_photos(
    root: str | Path,
    split: str,
    *,
    protocol: str | None = None,
    class_names: Sequence[str] | None = None,
    unseen: Sequence[str] | None = None,
    wanted: Sequence[str] = (),
    limit: int = 0,
) -> CheckPhotos:
    """Find photos with their masks of the classes that training sees; all other pixels are ignored.

    Args:
        root: As `open_photos`, with masks.
        split: Which photos.
        protocol: As `open_photos`; a protocol holds back its unseen classes.
        class_names: Use these alone of the seen classes; None is all.
        unseen: Names that training will not see. None is those of the protocol; an empty list under a protocol
            holds nothing back.
        wanted: Likewise.
        limit: As `open_photos`.

    Returns:
        The photos, whose class names are the seen classes. None of them is read yet.

    Raises:
        DataError, ValueError: As `open_photos`, or no class is left.
    """
    known, masks = known_protocol(protocol) is not None, Path(root) / "masks" / split
    if not known and not masks.is_dir():
        raise DataError(
            f"{masks}: no such folder, expected masks of the photos. Correct --data, or name another --split."
        )
    everything = known and unseen is not None and not unseen
    data = open_data(root, split, protocol, None if everything else unseen, wanted=wanted)
    seen = data.class_split.names if everything else data.class_split.seen
    used = tuple(name for name in seen if class_names is None or name in class_names)
    if not used:
        raise ValueError(
            f"classes: got {', '.join(class_names or ()) or 'none'}, expected some of the classes with masks that "
            f"training sees: {', '.join(seen) or 'there are none'}."
        )
    photos = open_photos(root, split, protocol=protocol, class_names=used, limit=limit)
    return replace(photos, title=f"{data.protocol}, {split}")


def _reader_with_masks(
    source: Source, names: tuple[str, ...], unseen: Sequence[str], wanted: Sequence[str]
) -> Callable[[int], CheckPhoto]:
    """Return what reads a photo with its mask, in ids of `names`."""
    labelled = source.names
    for name in unseen:
        if name not in names and name not in labelled:
            raise ValueError(
                f"unseen: got {name!r}, expected names of the list. {suggestion(name, (*labelled, *names))}"
            )
    class_ids = np.full(source.ignore + 1, ignore_id(len(names)), dtype=np.int64)
    for label, name in enumerate(labelled):
        if name in names and name not in unseen and name not in wanted:
            class_ids[label] = names.index(name)

    def read(index: int) -> CheckPhoto:
        pixels, labels = source.read(index)
        return CheckPhoto(image_tensor(pixels), torch.from_numpy(class_ids[labels]))

    return read


def photo_files(root: Path, split: str) -> tuple[Path, ...]:
    """List photos by name: those of `images/<split>` where the folder has `images/`, else those in the folder itself.

    Raises:
        DataError: There is no such folder, or no photo in it.
    """
    folder = root / "images" / split if (root / "images").is_dir() else root
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder, expected photos. Name another --split, or correct --data.")
    files = sorted(each for each in folder.iterdir() if each.suffix.lower() in IMAGE_SUFFIXES and each.name[0] != ".")
    if not files:
        raise DataError(f"{folder}: got no photo, expected files ending in {', '.join(IMAGE_SUFFIXES)}.")
    return tuple(files)


def _checked(names: Sequence[str]) -> tuple[str, ...]:
    """Check names as a split does: at least one, none blank, none twice."""
    if not names:
        raise ValueError("classes: got no name, expected at least one")
    return ClassSplit(tuple(names), ()).names
