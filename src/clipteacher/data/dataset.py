"""Photos and masks as a torch dataset, with the inductive label rule applied as masks are read."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from clipteacher.data.augment import Augment
from clipteacher.data.crop_box import NOWHERE, CropBox, whole
from clipteacher.data.files import DataError
from clipteacher.data.source import Labels, Source
from clipteacher.protocols.splits import IGNORE, ClassSplit

_SHOWN_FAULTS = 5


class Sample(NamedTuple):
    """One photo, ready for a batch.

    Attributes:
        image: (3, H, W), uint8, RGB in 0..255. `clipteacher.inference.image.float_images` makes a batch floating point
            on its device.
        mask: (H, W), uint8 with ignore = 255, or int32 with ignore = 65535 in a test set of more than 255 classes.
            Training: seen classes renumbered 0..N_s-1. Test: class ids 0..N-1.
        name: The photo's file name without its suffix.
        crop_box: Position of the sample in its photo.
    """

    image: Tensor
    mask: Tensor
    name: str
    crop_box: CropBox = NOWHERE


@dataclass(eq=False, repr=False)
class SegmentationDataset(Dataset[Sample]):
    """Photos and masks of a source.

    A training mask is renumbered as it is read, before it is cropped, cached or counted: values of unseen classes
    go no further. A test sample is neither resized nor renumbered.

    Args:
        source: Where photos and labels are read from.
        class_split: Seen and unseen classes; its names are the source's, in the same order.
        training: Whether masks become training labels.
        augment: Augmentation of training samples; None leaves them as they are.
        cache: Keep decoded photos and their labels in memory. Each worker process keeps its own, except for what
            `verify` read before the workers were forked.

    Raises:
        ValueError: The source has other names than `class_split`, `augment` is given for a test set, or a training
            set has no seen class or more than 255 classes.
    """

    source: Source
    class_split: ClassSplit
    _: KW_ONLY
    training: bool
    augment: Augment | None = None
    cache: bool = False
    _decoded: dict[int, tuple[NDArray[np.uint8], Labels]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the arguments against each other; no photo is opened yet."""
        names = self.class_split.names
        if self.source.names != names:
            raise ValueError(
                f"class_split: got {len(names)} names that are not the {len(self.source.names)} of the source in their "
                "order. Make the split of source.names."
            )
        if self.augment is not None and not self.training:
            raise ValueError("augment: got an augmentation with training=False, expected None: tests see whole photos.")
        if self.training and not self.class_split.seen:
            raise ValueError(
                f"unseen: got all {len(names)} classes, expected at least one seen class to train on. Take a name out "
                "of unseen, or of wanted, whose masks are held back too."
            )
        if self.training and self.class_split.ignore != IGNORE:
            raise ValueError(
                f"class_split: got {len(names)} classes to train on, expected at most {IGNORE}. Train on another data "
                "set, and test on this one."
            )

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self.source)

    def __getitem__(self, key: int | tuple[int, int]) -> Sample:
        """Read one sample.

        Args:
            key: An index, or (index, draw), where the integer `draw` alone seeds the augmentation, so the sample is the
                same in any worker and after resuming. With a plain index, torch's global generator is used.

        Raises:
            DataError: As `Source.read`.
        """
        if isinstance(key, tuple):
            index, draw = key
            # Not torch.manual_seed: that would also reseed a GPU, which fork_rng(devices=[]) does not restore.
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(draw)
                return self._sample(index)
        return self._sample(key)

    def verify(self) -> None:
        """Read every pair once, so that a bad file is reported before training and not hours into it.

        Raises:
            DataError: Some pairs cannot be used; the message holds the first few errors and their number.
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
        image = torch.from_numpy(pixels).permute(2, 0, 1)
        mask = torch.from_numpy(labels if labels.dtype == np.uint8 else labels.astype(np.int32))
        photo = self.source.paths(index).image
        crop_box = whole(str(photo), *mask.shape)
        if self.augment is not None:
            image, mask, crop_box = self.augment.with_crop_box(image, mask)
            crop_box = crop_box._replace(photo=str(photo))
        # Copied, because they may share memory with the cache.
        return Sample(image.clone(memory_format=torch.contiguous_format), mask.clone(), photo.stem, crop_box)

    def _pair(self, index: int) -> tuple[NDArray[np.uint8], Labels]:
        """Return a photo (H, W, 3), uint8, and its labels (H, W), from the cache if they are there."""
        if index in self._decoded:
            return self._decoded[index]
        pixels, labels = self.source.read(index)
        if self.training:
            labels = self.class_split.training_labels(labels)
        if self.cache:
            self._decoded[index] = pixels, labels
        return pixels, labels
