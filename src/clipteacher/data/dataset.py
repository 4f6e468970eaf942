"""A folder of photos and masks as a torch dataset, with the inductive label rule applied at reading."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from clipteacher.data.augment import Augment
from clipteacher.data.folder import DataError, list_folder, read_class_names, read_pair
from clipteacher.protocols.splits import ClassSplit

_SHOWN_FAULTS = 5


class Sample(NamedTuple):
    """One photo, ready for a batch.

    Attributes:
        image: (3, H, W), float32, RGB in [0, 1], not normalised.
        mask: (H, W), int64, 255 = ignore. Training: seen classes renumbered 0..N_s-1, unseen ones 255.
            Test: file ids 0..N-1.
        name: The photo's file name without its ending.
    """

    image: Tensor
    mask: Tensor
    name: str


class FolderDataset(Dataset[Sample]):
    """Photos and masks of one split of a folder.

    A training mask is renumbered as it is read, before it is cropped, cached or counted: values of unseen classes
    reach nothing else. A test sample is neither resized nor renumbered.

    Args:
        root: Folder with `classes.txt`, `images/<split>` and `masks/<split>`.
        split: Which photos, such as "train".
        class_split: Seen and unseen classes; its names are those of `classes.txt`, in order.
        training: Whether masks become training labels.
        augment: Augmentation of training samples; None leaves them as they are.
        cache: Keep decoded photos and their labels (uint8) in memory. Each worker process keeps its own, but for
            what `verify` read before the workers were forked.

    Raises:
        DataError: As `list_folder` and `read_class_names`, or `classes.txt` has other names than `class_split`.
        ValueError: `augment` is given for a test set, or a training set has no seen class.
    """

    def __init__(
        self,
        root: str | Path,
        split: str,
        class_split: ClassSplit,
        *,
        training: bool,
        augment: Augment | None = None,
        cache: bool = False,
    ) -> None:
        """List the files and compare the class names; no photo is opened yet."""
        if augment is not None and not training:
            raise ValueError("augment: got an augmentation with training=False, expected None: tests see whole photos.")
        if training and not class_split.seen:
            raise ValueError(
                f"unseen: got all {len(class_split.names)} classes, expected at least one seen class, for nothing "
                "would be left to train on. Take a name out of unseen."
            )
        self.records = list_folder(root, split)
        _check_names(Path(root) / "classes.txt", read_class_names(root), class_split.names)
        self.class_split = class_split
        self.training = training
        self.augment = augment
        self.cache = cache
        self._decoded: dict[int, tuple[NDArray[np.uint8], NDArray[np.uint8]]] = {}

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.records)

    def __getitem__(self, key: int | tuple[int, int]) -> Sample:
        """Read one sample.

        Args:
            key: An index; or (index, draw), where the integer `draw` alone decides the augmentation, so that the
                sample is the same in any worker and after resuming. With a plain index, torch's global generator
                decides.

        Returns:
            The sample.

        Raises:
            DataError: As `read_pair`.
        """
        if isinstance(key, tuple):
            index, draw = key
            # Not torch.manual_seed: that would also reseed a GPU, which fork_rng(devices=[]) does not restore.
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(draw)
                return self._sample(index)
        return self._sample(key)

    def verify(self) -> None:
        """Read every pair once, so that a bad file shows before training and not hours into it.

        Raises:
            DataError: Some pairs cannot be used; the message holds the first few faults and the number of all.
        """
        faults = []
        for index in range(len(self)):
            try:
                self._pair(index)
            except DataError as error:
                faults.append(str(error))
        if faults:
            more = f"\n… and {len(faults) - _SHOWN_FAULTS} more" if len(faults) > _SHOWN_FAULTS else ""
            count = f"{len(faults)} of {len(self)} pairs cannot be used:\n" if len(faults) > 1 else ""
            raise DataError(count + "\n".join(faults[:_SHOWN_FAULTS]) + more)

    def _sample(self, index: int) -> Sample:
        """Read, augment and convert one sample."""
        pixels, labels = self._pair(index)
        # Nothing below writes into these tensors: they may share memory with the cache.
        image, mask = torch.from_numpy(pixels).permute(2, 0, 1), torch.from_numpy(labels)
        if self.augment is not None:
            image, mask = self.augment(image, mask)
        return Sample(image.contiguous().float() / 255, mask.long(), self.records[index].image.stem)

    def _pair(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Read a photo (H, W, 3) and its labels (H, W), both uint8, from the cache where it has them."""
        if index in self._decoded:
            return self._decoded[index]
        pixels, labels = read_pair(self.records[index], len(self.class_split.names))
        if self.training:
            labels = self.class_split.training_labels(labels)
        if self.cache:
            self._decoded[index] = pixels, labels
        return pixels, labels


def _check_names(path: Path, names: tuple[str, ...], expected: tuple[str, ...]) -> None:
    """Check that a class list is the split's own, to the name and to the order."""
    if names == expected:
        return
    if len(names) != len(expected):
        raise DataError(
            f"{path}: got {len(names)} names, expected the {len(expected)} of the class split. Use one list."
        )
    line = next(i for i, (name, other) in enumerate(zip(names, expected, strict=True)) if name != other)
    raise DataError(
        f"{path}: got {names[line]!r} on line {line + 1}, expected {expected[line]!r} as in the class split. Ids "
        "follow the order of the names: use one list for both."
    )
