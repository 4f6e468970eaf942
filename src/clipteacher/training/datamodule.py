"""Folder data for the trainer: verified before the first step, repeatable and resumable to the bit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader, Subset

from clipteacher.data.augment import Augment
from clipteacher.data.dataset import FolderDataset, Sample
from clipteacher.data.folder import protocol_name, read_class_names
from clipteacher.data.sampler import StepBatchSampler
from clipteacher.protocols.splits import ClassSplit, listed_names


class FolderDataModule(LightningDataModule):
    """Photos with masks in the folder format, and a class split by name.

    Args:
        root: Folder with `classes.txt`, `images/<split>/` and `masks/<split>/`.
        unseen: Names of the classes that training never sees; in one string, with commas between them.
        protocol: Name printed beside each score; None is "<folder>-<seen>-<unseen>".
        train_split: Split to train on.
        val_split: Split to score on.
        batch_size: Photos a step, over all devices together.
        augment: Augmentation of training photos.
        workers: Processes that read photos; 0 reads in the main one. The result is the same.
        cache: Keep decoded photos in memory.
        verify: Read every photo and mask once before training, so that a bad file shows at once.
        seed: Seed of order and augmentation. The command line gives it that of `seed_everything`.

    Raises:
        DataError: The folder is not in the format.
        ValueError: An unseen name is not in `classes.txt`, or is given twice.
    """

    def __init__(
        self,
        root: str | Path,
        unseen: Sequence[str] | str = (),
        *,
        protocol: str | None = None,
        train_split: str = "train",
        val_split: str = "val",
        batch_size: int = 16,
        augment: Augment = Augment(),
        workers: int = 4,
        cache: bool = False,
        verify: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.class_split = ClassSplit(names=read_class_names(root), unseen=listed_names(unseen))
        self.protocol = protocol or protocol_name(root, self.class_split)
        self.train_set = FolderDataset(root, train_split, self.class_split, training=True, augment=augment, cache=cache)
        self.val_set = FolderDataset(root, val_split, self.class_split, training=False, cache=cache)
        self.batch_size = batch_size
        self.workers = workers
        self.verify = verify
        self.seed = seed
        self.start_step = 0

    def setup(self, stage: str) -> None:
        """Read every pair once, where that is asked for."""
        if stage == "fit" and self.verify:
            self.train_set.verify()
            self.val_set.verify()
            self.verify = False  # once is enough: the command asks before the trainer does

    def train_dataloader(self) -> DataLoader[Sample]:
        """Return one endless epoch cut to the trainer's `max_steps`, from the step that a resumed run has reached."""
        trainer = self.trainer
        if trainer is None or trainer.max_steps < 1:
            raise ValueError(
                "data: got a trainer without max_steps, expected trainer.max_steps >= 1. Training is "
                "counted in steps, not in epochs."
            )
        batches = trainer.max_steps * trainer.accumulate_grad_batches
        sampler = StepBatchSampler(
            len(self.train_set),
            self.batch_size,
            steps=batches,
            seed=self.seed,
            start=self.start_step * trainer.accumulate_grad_batches,
            rank=trainer.global_rank,
            world_size=trainer.world_size,
        )
        return DataLoader(
            self.train_set,
            batch_sampler=sampler,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=trainer.num_devices > 0 and trainer.accelerator.__class__.__name__ == "CUDAAccelerator",
        )

    def val_dataloader(self) -> DataLoader[Sample]:
        """Return the test photos one by one at their own sizes; each device takes its share, none twice."""
        rank, world_size = (self.trainer.global_rank, self.trainer.world_size) if self.trainer is not None else (0, 1)
        share = Subset(self.val_set, range(rank, len(self.val_set), world_size))
        return DataLoader(share, batch_size=1, num_workers=self.workers)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: the step reached."""
        return {"step": self.trainer.global_step if self.trainer is not None else 0}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the step of a checkpoint."""
        self.start_step = int(state_dict["step"])
