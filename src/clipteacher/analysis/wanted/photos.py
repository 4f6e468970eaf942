"""The training photos on which wanted names are checked: their labels are those that training sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from clipteacher.analysis.teacher.photos import photo_files
from clipteacher.data.class_list import read_class_names
from clipteacher.data.crop_box import whole
from clipteacher.data.dataset import Sample, SegmentationDataset
from clipteacher.data.files import DataError
from clipteacher.data.opened import OpenedData, open_data
from clipteacher.data.photo import read_photo
from clipteacher.inference.image import image_tensor
from clipteacher.protocols.named import known_protocol
from clipteacher.protocols.splits import IGNORE
from clipteacher.protocols.wanted import check_wanted
from clipteacher.utils.lists import subsample


@dataclass(frozen=True, eq=False)
class TrainingPhotos:
    """Photos of one split with their training labels.

    Attributes:
        dataset: All photos of the split.
        seen: Names of the seen classes.
        wanted: The wanted names.
        chosen: Numbers of the photos to use, ascending.
        total: Number of photos in the split.
        title: What was opened.
    """

    dataset: Dataset[Sample]
    seen: tuple[str, ...]
    wanted: tuple[str, ...]
    chosen: tuple[int, ...]
    total: int
    title: str

    def __len__(self) -> int:
        """Number of photos to use."""
        return len(self.chosen)

    def __iter__(self) -> Iterator[tuple[int, Sample]]:
        """Read the photos to use, one by one, each with its number."""
        return ((index, self.dataset[index]) for index in self.chosen)

    def read(self, index: int) -> NDArray[np.uint8]:
        """Read a photo of the split, (H, W, 3), uint8, RGB, by its number."""
        image = self.dataset[index].image
        if image.is_floating_point():  # of 16 bits
            image = (255 * image).round().to(torch.uint8)
        return image.permute(1, 2, 0).numpy()


def training_photos(data: OpenedData, split: str, limit: int = 0) -> TrainingPhotos:
    """Take photos with the labels that training sees: masks of unseen and of wanted classes are ignored.

    Args:
        data: The opened split.
        split: Its name, for the title.
        limit: Use at most this many photos, evenly spread; 0 is all.

    Returns:
        The photos. None of them is read yet.

    Raises:
        ValueError: No class is seen, or the limit is negative.
    """
    dataset = SegmentationDataset(data.source, data.class_split, training=True)
    title = f"{data.protocol}, {split}"
    chosen = subsample(len(dataset), limit)
    return TrainingPhotos(dataset, data.class_split.seen, data.wanted, chosen, len(dataset), title)


def open_training_photos(
    root: str | Path,
    split: str,
    *,
    protocol: str | None = None,
    class_names: Sequence[str] | None = None,
    unseen: Sequence[str] = (),
    wanted: Sequence[str] = (),
    limit: int = 0,
) -> TrainingPhotos:
    """Open the photos that training would see, or photos alone, of which nothing is labelled.

    Args:
        root: As for `open_photos` of `clipteacher.analysis.teacher.photos`.
        split: Which photos; ignored for a folder of photos alone.
        protocol: Name of a protocol; any other name stands for your own folder.
        class_names: For photos alone: the names that compete; None is those of `classes.txt`, none without one.
        unseen: Names that training will not see; those that are no class are left out.
        wanted: The wanted names; a transductive protocol has its own.
        limit: Use at most this many photos, evenly spread over the split; 0 is all.

    Returns:
        The photos. None of them is read yet.

    Raises:
        DataError: A file or folder is missing or wrong.
        ValueError: A wanted name is blank, given twice, seen or unseen as well, or given beside a protocol; no class is
            seen; or the limit is negative.
    """
    root = Path(root)
    if known_protocol(protocol) is not None:
        return training_photos(open_data(root, split, protocol, None, wanted=wanted), split, limit)
    if not root.is_dir():
        raise DataError(f"{root}: no such folder, expected one with photos. Correct --data.")
    if (root / "masks" / split).is_dir():
        held_back = [name for name in unseen if name in read_class_names(root)]
        return training_photos(open_data(root, split, protocol, held_back, wanted=wanted), split, limit)
    if class_names is None:
        class_names = read_class_names(root) if (root / "classes.txt").is_file() else ()
    seen = tuple(name for name in class_names if name not in wanted and name not in unseen)
    files = photo_files(root, split)
    chosen, title = subsample(len(files), limit), str(files[0].parent)
    return TrainingPhotos(_Unlabelled(files), seen, check_wanted(wanted, seen), chosen, len(files), title)


class _Unlabelled(Dataset[Sample]):
    """Photos alone: nothing of them is labelled."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files

    def __getitem__(self, index: int) -> Sample:
        """Read one photo, (3, H, W), uint8, with a mask (H, W) of 255."""
        image = image_tensor(read_photo(self.files[index]))
        mask = torch.full(image.shape[1:], IGNORE, dtype=torch.uint8)
        return Sample(image, mask, self.files[index].stem, whole(str(self.files[index]), *mask.shape))
