"""The whole result of a diagnosis, and the folder that it is written to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from torch import Tensor

from clipteacher.analysis.plots.attention import AttentionRow, attention_figure
from clipteacher.analysis.plots.calibration import calibration_figure
from clipteacher.analysis.plots.confusion import confusion_figure
from clipteacher.analysis.plots.cosines import cosine_figure
from clipteacher.analysis.plots.style import save_figure
from clipteacher.analysis.student.attention import AttentionMetrics
from clipteacher.analysis.student.calibration_sweep import CalibrationSweep
from clipteacher.analysis.student.confusions import ClassConfusion
from clipteacher.analysis.student.cosines import ClassCosines
from clipteacher.analysis.student.pseudo_labels import PseudoLabelMetrics
from clipteacher.evaluation.metrics import Scores
from clipteacher.protocols.splits import ClassSplit
from clipteacher.utils.atomic_files import write_json

_FILES = ("confusion.png", "cosines.png", "calibration.png", "attention.png", "diagnosis.json")


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """The result of a diagnosis.

    Attributes:
        protocol: The protocol's name.
        split: The N classes.
        photos: Number of photos used.
        of: Number of photos in the split.
        settings: Options of the diagnosis.
        scores: The scores of `clipteacher evaluate`.
        confusion: (N, N), int64, rows = truth.
        confusions: Where each class's pixels go.
        cosines: Cosines of each class's features.
        calibration_sweep: Scores by calibration.
        pseudo_labels: Metrics of PLM's pseudo labels; None where that part was skipped.
        attention: Metrics of GLM's attention; None where that part was skipped.
        skipped: Why a part was skipped, by its name.
    """

    protocol: str
    split: ClassSplit
    photos: int
    of: int
    settings: Mapping[str, Any]
    scores: Scores
    confusion: Tensor
    confusions: tuple[ClassConfusion, ...]
    cosines: tuple[ClassCosines, ...]
    calibration_sweep: CalibrationSweep
    pseudo_labels: PseudoLabelMetrics | None = None
    attention: AttentionMetrics | None = None
    skipped: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as nested dicts and lists, ready for `write_json`."""
        curve = [{"calibration": each, **scores.to_dict()} for each, scores in self.calibration_sweep.curve]
        return {
            **{each.name: _plain(getattr(self, each.name)) for each in fields(self)},
            "split": {"names": list(self.split.names), "unseen": list(self.split.unseen)},
            "scores": self.scores.to_dict(),
            "confusion": self.confusion.tolist(),
            "calibration_sweep": _plain(self.calibration_sweep) | {"curve": curve},
        }


def write_diagnosis(diagnosis: Diagnosis, rows: Sequence[AttentionRow], folder: Path) -> list[Path]:
    """Write charts and diagnosis.json, each whole or not at all; the JSON last, so that it marks a complete folder.

    Args:
        diagnosis: The result.
        rows: Photos for attention.png; none where the attention was skipped.
        folder: Where to. The files of an earlier diagnosis there are replaced.

    Returns:
        The files.

    Raises:
        OSError: The disk refuses a file.
    """
    split, title = diagnosis.split, diagnosis.protocol
    figures = [
        confusion_figure(diagnosis.confusion, split, title),
        cosine_figure(diagnosis.cosines, split, title),
        calibration_figure(diagnosis.calibration_sweep, title),
        *([attention_figure(rows, split, title)] if rows else []),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    *pictures, metrics = (folder / name for name in _FILES)
    for path in (metrics, *pictures):
        path.unlink(missing_ok=True)  # leftovers would pass for this diagnosis's
    for figure, path in zip(figures, pictures, strict=False):
        save_figure(figure, path)
    write_json(metrics, diagnosis.to_dict())
    return [*pictures[: len(figures)], metrics]


def _plain(value: Any) -> Any:  # noqa: ANN401 (named tuples, or what JSON may hold)
    """Named tuples as dicts, other tuples as lists."""
    if hasattr(value, "_asdict"):
        return {key: _plain(each) for key, each in value._asdict().items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
