"""A run's folder: what is where, and what a finished run leaves in it."""

from __future__ import annotations

import copy
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from clipteacher.data.dataset import SegmentationDataset
from clipteacher.evaluation import pooled_confusion
from clipteacher.files import remove_unfinished, write_json
from clipteacher.inference.seen import seen_offset_entry
from clipteacher.metrics import Scores, scores
from clipteacher.pictures import ReportRow, report, report_rows, save_picture
from clipteacher.segmenter import Segmenter
from clipteacher.storage import load_segmenter, save_segmenter
from clipteacher.training.checkpoints import LAST, PREVIOUS


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run.

    Attributes:
        path: The folder, `--out`.
    """

    path: Path

    @property
    def config(self) -> Path:
        """The whole configuration."""
        return self.path / "config.yaml"

    @property
    def checkpoints(self) -> Path:
        """The trainer's checkpoints."""
        return self.path / "checkpoints"

    @property
    def last_checkpoint(self) -> Path:
        """The checkpoint to resume from."""
        return self.checkpoints / LAST

    @property
    def previous_checkpoint(self) -> Path:
        """The one before, for where the last is damaged."""
        return self.checkpoints / PREVIOUS

    @property
    def first_model(self) -> Path:
        """The student as it was at the first validation."""
        return self.checkpoints / "first_model"

    @property
    def model(self) -> Path:
        """The trained student."""
        return self.path / "model"

    @property
    def metrics(self) -> Path:
        """The scores; they mark a run as trained to its end."""
        return self.path / "metrics.json"

    @property
    def report(self) -> Path:
        """The picture."""
        return self.path / "report.png"

    def begun(self) -> bool:
        """Whether there is a run to go on with, or a finished one."""
        return any(path.exists() for path in (self.metrics, self.last_checkpoint, self.previous_checkpoint))

    def tidy(self, *, resumed: bool) -> list[str]:
        """Remove what a killed process left unfinished, and, where nothing is resumed, the first model of that run.

        Args:
            resumed: Whether a checkpoint is gone on from.

        Returns:
            The names of what was unfinished.
        """
        if not resumed and self.first_model.exists():
            shutil.rmtree(self.first_model)  # the report would compare with another run's
        return [name for folder in (self.path, self.checkpoints) for name in remove_unfinished(folder)]


class KeepFirstModel(Callback):
    """Writes the student down at the first validation of a run, for the report to compare with.

    Args:
        folder: Where to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write once; a resumed run keeps what it has."""
        self._write(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write at the end, where there was no validation before."""
        self._write(trainer, pl_module)

    def _write(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero and not trainer.sanity_checking and not self.folder.exists():
            save_segmenter(pl_module.segmenter(), self.folder)  # type: ignore[operator]  # TrainingModule has it


def finish_run(
    run: RunFolder, segmenter: Segmenter, val_set: SegmentationDataset, protocol: str, baseline: Path | None, rows: int
) -> Scores:
    """Score the trained student and write `model/`, `metrics.json` and `report.png`, each whole or not at all.

    Done again after a kill it writes the same.

    Args:
        run: The run's folder.
        segmenter: The trained student.
        val_set: Test photos.
        protocol: Name of the protocol, written beside the scores.
        baseline: Model folder for the report's third column; None is the run's own first checkpoint.
        rows: Photos in the report.

    Returns:
        The scores.
    """
    split = val_set.class_split
    # As a loaded student lies in memory: channels-last weights give other last bits, and a tie another label.
    segmenter.student.to(memory_format=torch.contiguous_format)
    result = scores(pooled_confusion(segmenter, (val_set[index] for index in range(len(val_set)))), split)
    save_segmenter(segmenter, run.model, {"protocol": protocol, "scores": result.to_dict()})
    write_json(run.metrics, {"protocol": protocol, **seen_offset_entry(segmenter.seen_offset), **result.to_dict()})
    other = load_segmenter(baseline) if baseline is not None else _first_segmenter(run.first_model, segmenter)
    title = "student alone" if baseline is not None else "first checkpoint"
    columns = {} if other is None else {title: other.to(segmenter.vectors.device)}
    columns["student"] = segmenter
    draw_report(run.report, val_set, {_title(title, each): each for title, each in columns.items()}, rows)
    return result


def _title(title: str, segmenter: Segmenter) -> str:
    """A column's title with the seen offset, where there is one."""
    return f"{title}, seen offset {segmenter.seen_offset:g}" if segmenter.seen_offset else title


def _first_segmenter(folder: Path, segmenter: Segmenter) -> Segmenter | None:
    """Read the student as it was at the first validation; None, with a warning, where it was lost."""
    try:
        # The run's own network, which may be one that config.json cannot describe.
        first = load_segmenter(folder, copy.deepcopy(segmenter.student))
        return first.with_seen_offset(segmenter.seen_offset)  # a resumed run may have another than it began with
    except (OSError, ValueError) as error:
        warnings.warn(f"report: its column of the first checkpoint is left out: {error}", stacklevel=3)
        return None


def draw_report(
    path: Path, val_set: SegmentationDataset, segmenters: Mapping[str, Segmenter], rows: int, *, panel_width: int = 320
) -> None:
    """Draw photo | truth | each segmenter for a few test photos.

    Args:
        path: The PNG to write.
        val_set: Test photos.
        segmenters: What is compared, by the titles of the columns.
        rows: Number of photos.
        panel_width: Width of a column in pixels.
    """
    split = val_set.class_split
    named = [segmenter.with_names(split.names) for segmenter in segmenters.values()]  # their ids may be in other orders
    # The masks alone: decoding the photos takes longer, and all of a large test set would not fit into memory.
    truths = (val_set.source.labels(index) for index in range(len(val_set)))
    drawn = []
    for index in report_rows(truths, split, rows):
        sample = val_set[index]
        photo = (sample.image.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
        labels = tuple(segmenter.segment(sample.image).labels for segmenter in named)
        drawn.append(ReportRow(photo, sample.mask.numpy(), labels))
    columns = ("photo", "truth", *segmenters)
    save_picture(report(drawn, split.names, split.unseen, columns, panel_width=panel_width), path)
