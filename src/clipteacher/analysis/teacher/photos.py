"""The photographs to ask a teacher about: with masks where there are any, and without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from clipteacher.analysis.teacher.predict import Asked
from clipteacher.data.files import IMAGE_SUFFIXES, DataError
from clipteacher.data.folder import read_class_names
from clipteacher.data.opened import open_data
from clipteacher.data.photo import read_photo
from clipteacher.data.source import Source
from clipteacher.data.subsample import subsample
from clipteacher.protocols.named import known_protocol
from clipteacher.protocols.splits import ClassSplit, ignore_id, suggestion


@dataclass(frozen=True, eq=False)
class PhotosToAsk:
    """Photos of one split, and the names to ask for.

    Attributes:
        names: The N names.
        source: Photos with masks; None where there are none.
        files: Photos without masks; empty where there is a source.
        meaning: Id among `names`, or the ignore label of so many, by label of the source, (256,) or (65536,), int64.
        chosen: Numbers of the photos to ask about, ascending.
        total: Photos in the split.
        title: What was opened, for a table's title.
    """

    names: tuple[str, ...]
    source: Source | None
    files: tuple[Path, ...]
    meaning: NDArray[np.int64]
    chosen: tuple[int, ...]
    total: int
    title: str

    def __len__(self) -> int:
        """Number of photos to ask about."""
        return len(self.chosen)

    def __iter__(self) -> Iterator[Asked]:
        """Read them one by one."""
        for index in self.chosen:
            if self.source is None:
                pixels, truth = read_photo(self.files[index]), None
            else:
                pixels, labels = self.source.read(index)
                truth = torch.from_numpy(self.meaning[labels])
            image = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)
            yield Asked(image.float() / 255 if image.dtype == torch.uint8 else image, truth)


def photos_to_ask(
    root: str | Path,
    split: str,
    *,
    protocol: str | None = None,
    classes: Sequence[str] | None = None,
    closed: Sequence[str] = (),
    limit: int = 0,
) -> PhotosToAsk:
    """Find photos, and masks where there are any.

    Args:
        root: A protocol's data set; or a folder with `images/<split>`, and `classes.txt` and `masks/<split>` where
            there are any; or a folder of photos alone.
        split: Which photos; of no matter for a folder of photos alone.
        protocol: Name of a protocol, whose data set is read as released; any other is a name for one's own folder.
        classes: The names to ask for; None is those of the data set. Names that it does not have have no masks.
        closed: Names whose masks are not looked at: their pixels are ignored, as if nobody had labelled them.
        limit: Ask about so many photos at most, evenly spread over the split; 0 is all.

    Returns:
        The photos. No mask and no photo has been opened yet.

    Raises:
        DataError: A file or folder is missing or wrong.
        ValueError: There are no names, a name is given twice or is blank, a closed one is none of the classes, or the
            limit is negative.
    """
    if limit < 0:
        raise ValueError(f"photos: got {limit}, expected 0 for all, or more")
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"{root}: no such folder, expected one of photographs. Correct --data.")
    if known_protocol(protocol) is not None or (root / "masks" / split).is_dir():
        data = open_data(root, split, protocol, None)
        names = _checked(classes if classes is not None else data.source.names)
        for name in closed:
            if name not in names and name not in data.source.names:
                known = (*data.source.names, *names)
                raise ValueError(f"unseen: got {name!r}, expected names of the class list. {suggestion(name, known)}")
        ignore = ignore_id(len(names))
        meaning = np.full(data.source.ignore + 1, ignore, dtype=np.int64)
        for label, name in enumerate(data.source.names):
            if name in names and name not in closed:
                meaning[label] = names.index(name)
        total = len(data.source)
        # The numbers of seen and unseen classes in a folder's own name would be wrong here.
        title = f"{data.protocol if protocol is not None else root.resolve().name}, {split}"
        return PhotosToAsk(names, data.source, (), meaning, subsample(total, limit), total, title)
    folder = root / "images" / split if (root / "images").is_dir() else root
    files = _photos(folder)
    if classes is None and not (root / "classes.txt").is_file():
        raise DataError(f"{root}: no classes.txt, expected names to ask for. Give them: --classes 'cat, old chair'.")
    names = _checked(classes if classes is not None else read_class_names(root))
    nothing = np.empty(0, dtype=np.int64)
    return PhotosToAsk(names, None, files, nothing, subsample(len(files), limit), len(files), str(folder))


def _photos(folder: Path) -> tuple[Path, ...]:
    """List the photos of a folder."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder, expected photographs. Name another --split, or correct --data.")
    files = sorted(each for each in folder.iterdir() if each.suffix.lower() in IMAGE_SUFFIXES and each.name[0] != ".")
    if not files:
        raise DataError(f"{folder}: got no photo, expected files ending in {', '.join(IMAGE_SUFFIXES)}.")
    return tuple(files)


def _checked(names: Sequence[str]) -> tuple[str, ...]:
    """Check names as a split does: at least one, none blank, none twice."""
    if not names:
        raise ValueError("classes: got no name, expected at least one")
    return ClassSplit(tuple(names), ()).names
