"""The whole result of a diagnosis, and the folder that it is written to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
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
from clipteacher.analysis.wanted.report import WantedReport
from clipteacher.analysis.wanted.sheet import Read
from clipteacher.evaluation.metrics import Scores
from clipteacher.protocols.splits import ClassSplit
from clipteacher.utils.atomic_files import write_json

_FILES = ("diagnosis.json", "confusion.png", "cosines.png", "calibration.png", "attention.png", "wanted.png")


@dataclass(frozen=True, eq=False)
class UnseenDiagnosis:
    """The diagnosis of unseen classes, on photos with masks of them.

    Attributes:
        photos: Number of photos used.
        of: Number of photos in the split.
        scores: The scores of `clipteacher evaluate`.
        confusion: (N, N), int64, rows = truth.
        confusions: Where each class's pixels go.
        cosines: Cosines of each class's features.
        calibration_sweep: Scores by calibration.
        pseudo_labels: Metrics of PLM's pseudo labels; None where that part was skipped.
        attention: Metrics of GLM's attention; None where that part was skipped.
    """

    photos: int
    of: int
    scores: Scores
    confusion: Tensor
    confusions: tuple[ClassConfusion, ...]
    cosines: tuple[ClassCosines, ...]
    calibration_sweep: CalibrationSweep
    pseudo_labels: PseudoLabelMetrics | None = None
    attention: AttentionMetrics | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return everything as nested dicts and lists, ready for `write_json`."""
        curve = [{"calibration": each, **scores.to_dict()} for each, scores in self.calibration_sweep.curve]
        return {
            **{each.name: _plain(getattr(self, each.name)) for each in fields(self)},
            "scores": self.scores.to_dict(),
            "confusion": self.confusion.tolist(),
            "calibration_sweep": _plain(self.calibration_sweep) | {"curve": curve},
        }


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """The result of a diagnosis.

    Attributes:
        protocol: The protocol's name.
        split: The N classes.
        settings: Options of the diagnosis.
        unseen: The diagnosis of unseen classes; None where the masks have none.
        wanted: What wanted names get on the training photos; None where the run wanted none, or the part was skipped.
        skipped: Why a part was skipped, by its name.
    """

    protocol: str
    split: ClassSplit
    settings: Mapping[str, Any]
    unseen: UnseenDiagnosis | None
    wanted: WantedReport | None = None
    skipped: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as nested dicts and lists, ready for `write_json`; None for each part that is not there."""
        absent: dict[str, Any] = dict.fromkeys(each.name for each in fields(UnseenDiagnosis))
        return {
            "protocol": self.protocol,
            "split": {"names": list(self.split.names), "unseen": list(self.split.unseen)},
            "settings": dict(self.settings),
            **(absent if self.unseen is None else self.unseen.to_dict()),
            "wanted": None if self.wanted is None else self.wanted.to_dict(),
            "skipped": dict(self.skipped),
        }


def write_diagnosis(
    diagnosis: Diagnosis, rows: Sequence[AttentionRow], folder: Path, read: Read | None = None
) -> list[Path]:
    """Write pictures and diagnosis.json, each whole or not at all; the JSON last, so that it marks a complete folder.

    Args:
        diagnosis: The result.
        rows: Photos for attention.png; none where the attention was skipped.
        folder: Where to. The files of an earlier diagnosis there are replaced.
        read: Reads a training photo, (H, W, 3), uint8, RGB, by its number, for wanted.png; None where nothing is
            wanted.

    Returns:
        The files.

    Raises:
        OSError: The disk refuses a file.
    """
    figures = _figures(diagnosis, rows)
    folder.mkdir(parents=True, exist_ok=True)
    for name in _FILES:
        (folder / name).unlink(missing_ok=True)  # leftovers would pass for this diagnosis's
    written = [folder / name for name in figures]
    for name, figure in figures.items():
        save_figure(figure, folder / name)
    if diagnosis.wanted is not None and read is not None:
        written.append(folder / "wanted.png")
        diagnosis.wanted.write_sheet(written[-1], read)
    written.append(folder / "diagnosis.json")
    write_json(written[-1], diagnosis.to_dict())
    return written


def _figures(diagnosis: Diagnosis, rows: Sequence[AttentionRow]) -> dict[str, Figure]:
    """Draw the charts of unseen classes, by file name."""
    split, title, unseen = diagnosis.split, diagnosis.protocol, diagnosis.unseen
    if unseen is None:
        return {}
    return {
        "confusion.png": confusion_figure(unseen.confusion, split, title),
        "cosines.png": cosine_figure(unseen.cosines, split, title),
        "calibration.png": calibration_figure(unseen.calibration_sweep, title),
        **({"attention.png": attention_figure(rows, split, title)} if rows else {}),
    }


def _plain(value: Any) -> Any:  # noqa: ANN401 (named tuples, or what JSON may hold)
    """Named tuples as dicts, other tuples as lists."""
    if hasattr(value, "_asdict"):
        return {key: _plain(each) for key, each in value._asdict().items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
