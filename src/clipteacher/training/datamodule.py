"""Data for the trainer: audited and verified before the first step, repeatable and resumable to the bit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn
from torch.utils.data import DataLoader, Subset

from clipteacher.data.audit import audit_labels, check_audit
from clipteacher.data.augment import Augment
from clipteacher.data.class_list import listed_words, words_of_file
from clipteacher.data.crop_box import NOWHERE
from clipteacher.data.dataset import Sample, SegmentationDataset
from clipteacher.data.opened import open_data
from clipteacher.data.sampler import StepBatchSampler
from clipteacher.data.value_counts import kept_counts


class FolderDataModule(LightningDataModule):
    """Photos with masks in a folder: a protocol's data set as released, or your own in the folder format.

    Args:
        root: The data set's folder. With the name of a protocol: as its reader finds it, see `docs/guides/datasets.md`.
            Else with `classes.txt`, `images/<split>/` and `masks/<split>/`.
        unseen: Names of the classes that training never sees, in a list, in one text with commas, or in a .txt file,
            see `clipteacher.data.class_list.listed_words`. A protocol brings its own.
        wanted: Names that training knows by word alone (the transductive setting), in a list or one string; any words.
            Those with masks are held back and scored. A transductive protocol brings its own.
        protocol: Name of a protocol such as "voc12-15-5": it decides reader, classes and split; `clipteacher fit` takes
            prompts, schedule and test pipeline from it too. Any other name is printed beside each score; None is
            "<folder>-<seen>-<unseen>", with "-transductive" where names are wanted.
        train_split: Split to train on.
        val_split: Split to score on.
        batch_size: Photos a step, over all devices together.
        augment: Augmentation of training photos.
        workers: Processes that read photos; 0 reads in the main one. The result is the same.
        cache: Keep decoded photos in memory.
        audit: Count the ids in all masks before training and refuse to train on wrong ones; counts are kept, see
            `clipteacher.data.value_counts`. false trains in any case.
        verify: Read every photo and mask once before training, so that a bad file shows at once.
        seed: Seed of order and augmentation. The command line gives it that of `seed_everything`.

    Raises:
        DataError: The folder is not as it should be.
        ValueError: The batch size is below 1; an unseen name is not in `classes.txt`, is given twice, or is given
            together with a protocol; or a wanted name is given twice, is unseen as well, or the protocol is inductive.
    """

    def __init__(
        self,
        root: str | Path,
        unseen: Sequence[str] | str = (),
        *,
        wanted: Sequence[str] | str = (),
        protocol: str | None = None,
        train_split: str = "train",
        val_split: str = "val",
        batch_size: int = 16,
        augment: Augment = Augment(),
        workers: int = 4,
        cache: bool = False,
        audit: bool = True,
        verify: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if batch_size < 1:
            raise ValueError(f"batch_size: got {batch_size}, expected 1 or more. Give 8 to 16.")
        self.root = Path(root)
        given, words = listed_words(unseen or (), "unseen") or None, listed_words(wanted or (), "wanted")
        for said in (words_of_file(unseen, given or (), "unseen"), words_of_file(wanted, words, "wanted")):
            if said:
                rank_zero_info(said)
        train, val = (open_data(root, split, protocol, given, wanted=words) for split in (train_split, val_split))
        self.class_split, self.wanted, self.protocol = train.class_split, train.wanted, train.protocol
        self.train_set = SegmentationDataset(
            train.source, train.class_split, training=True, augment=augment, cache=cache
        )
        self.val_set = SegmentationDataset(val.source, val.class_split, training=False, cache=cache)
        # In a folder of your own, held-back classes may be in no training mask.
        self.held_back = () if train.released else self.class_split.unseen
        self.batch_size = batch_size
        self.workers = workers
        self.audit = audit
        self.verify = verify
        self.seed = seed
        self.start_step = 0

    def setup(self, stage: str) -> None:
        """Check the ids in the masks and read every pair once, unless this is switched off."""
        if stage != "fit":
            return
        if self.audit:
            for name, data, held_back in (("train", self.train_set, self.held_back), ("val", self.val_set, ())):
                found = audit_labels(data.source, kept_counts(data.source), held_back)
                check_audit(found, name)
                for warning in found.warnings:
                    rank_zero_warn(f"label audit of {name}: {warning}", stacklevel=3)
        if self.verify:
            self.train_set.verify()
            self.val_set.verify()
        self.audit = self.verify = False  # once is enough: the command calls this before the trainer does

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
        """Return the test photos one by one at their own sizes; each device takes its share, none twice.

        A device beyond the number of photos takes one without labels: the trainer would pass over a validation without
        photos, and the others wait for it when they add up the confusion.
        """
        rank, world_size = (self.trainer.global_rank, self.trainer.world_size) if self.trainer is not None else (0, 1)
        share: Any = Subset(self.val_set, range(rank, len(self.val_set), world_size))
        if not len(share):
            first = self.val_set[0]
            share = [first._replace(mask=torch.full_like(first.mask, self.class_split.ignore))]
        return DataLoader(share, batch_size=1, num_workers=self.workers)

    def transfer_batch_to_device(self, batch: Sample, device: torch.device, dataloader_idx: int) -> Sample:
        """Move photos (B, 3, H, W) and labels (B, H, W); boxes stay, for numbers are read off them without a wait."""
        moved: Sample = super().transfer_batch_to_device(batch._replace(crop_box=NOWHERE), device, dataloader_idx)
        return moved._replace(crop_box=batch.crop_box)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: the step reached, and the number of photos, on which their order depends."""
        return {"step": self.trainer.global_step if self.trainer is not None else 0, "photos": len(self.train_set)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the step of a checkpoint."""
        self.start_step = int(state_dict["step"])
