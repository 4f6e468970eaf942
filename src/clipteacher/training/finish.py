"""What a finished run leaves in its folder: model, scores and report."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from clipteacher.data.dataset import SegmentationDataset
from clipteacher.evaluation.evaluate import pooled_confusion
from clipteacher.evaluation.metrics import Scores, compute_metrics
from clipteacher.inference.calibration import calibration_entry
from clipteacher.inference.seen_gate import gate_entry
from clipteacher.pictures import ReportRow, report, report_rows, save_picture
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.training.run_folder import RunFolder
from clipteacher.utils.atomic_files import write_json


class KeepFirstModel(Callback):
    """Writes the student down at the first validation of a run, for the report to compare with.

    Args:
        folder: Where to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write once; a resumed run keeps what it has."""
        if trainer.is_global_zero and not trainer.sanity_checking and not self.folder.exists():
            pl_module.segmenter().save_pretrained(self.folder)  # type: ignore[operator]  # TrainingModule has it

    on_train_end = on_validation_end  # where there was no validation before


def finish_run(
    run: RunFolder,
    segmenter: Segmenter,
    val_set: SegmentationDataset,
    protocol: str,
    baseline: Segmenter | None,
    rows: int,
) -> Scores:
    """Score the trained student and write `model/`, `metrics.json` and `report.png`, each whole or not at all.

    Done again after a kill it writes the same.

    Args:
        run: The run's folder.
        segmenter: The trained student.
        val_set: Test photos.
        protocol: Name of the protocol, written beside the scores.
        baseline: What the report's third column shows; None is the run's own first checkpoint.
        rows: Photos in the report.

    Returns:
        The scores.
    """
    # As a loaded student lies in memory: channels-last weights give other last bits, and a tie another label.
    segmenter.student.to(memory_format=torch.contiguous_format)
    samples = (val_set[index] for index in range(len(val_set)))
    confusion = pooled_confusion(segmenter, samples, len(val_set.class_split.names))
    result = compute_metrics(confusion, val_set.class_split)
    segmenter.record |= {"protocol": protocol, "scores": result.to_dict()}
    segmenter.save_pretrained(run.model)
    tested = {**calibration_entry(segmenter.settings.calibration), **gate_entry(segmenter.gate)}
    write_json(run.metrics, {"protocol": protocol, **tested, **result.to_dict()})
    other = baseline if baseline is not None else _first_segmenter(run.first_model, segmenter)
    title = "supervised baseline" if baseline is not None else "first checkpoint"
    columns = {}
    for name, each in ((title, other), ("student", segmenter)):
        if each is not None:
            value = each.settings.calibration
            columns[f"{name}, calibration {value:g}" if value else name] = each.to(segmenter.text_features.device)
    draw_report(run.report, val_set, columns, rows)
    return result


def _first_segmenter(folder: Path, segmenter: Segmenter) -> Segmenter | None:
    """Read the student as it was at the first validation; None, with a warning, where it was lost."""
    try:
        # The run's own network, which may be one that config.json cannot describe.
        first = Segmenter.from_pretrained(folder, student=copy.deepcopy(segmenter.student))
        # A resumed run may have another calibration than it began with.
        return first.with_settings(calibration=segmenter.settings.calibration)
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
        labels = tuple(segmenter.segment(sample.image).labels for segmenter in named)
        drawn.append(ReportRow(sample.image.permute(1, 2, 0).numpy(), sample.mask.numpy(), labels))
    columns = ("photo", "truth", *segmenters)
    save_picture(report(drawn, split.names, split.unseen, columns, panel_width=panel_width), path)
