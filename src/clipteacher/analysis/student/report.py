"""All figures of a diagnosis together, and the folder that they are written to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from clipteacher.analysis.student.attention import AttentionFigures
from clipteacher.analysis.student.attention_picture import AttentionRow, attention_picture
from clipteacher.analysis.student.bias_picture import bias_picture
from clipteacher.analysis.student.calibration_sweep import SeenBias
from clipteacher.analysis.student.confusion_picture import confusion_picture
from clipteacher.analysis.student.confusions import ClassConfusion
from clipteacher.analysis.student.cosine_picture import cosine_picture
from clipteacher.analysis.student.cosines import ClassCosines
from clipteacher.analysis.student.pseudo_labels import PseudoLabels
from clipteacher.evaluation.metrics import Scores
from clipteacher.pictures.saving import save_picture
from clipteacher.protocols.splits import ClassSplit
from clipteacher.utils.atomic_files import write_json

CONFUSION, COSINES, BIAS, ATTENTION = "confusion.png", "cosines.png", "seen_bias.png", "attention.png"
FIGURES = "diagnosis.json"


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What a diagnosis found.

    Attributes:
        protocol: The protocol's name.
        split: The N classes.
        photos: Photos that were looked at.
        of: Photos in the split.
        settings: Options of the diagnosis.
        scores: The scores.
        confusion: (N, N), int64, rows = truth.
        confusions: Where each class's pixels go.
        cosines: Cosines of each class's features.
        seen_bias: How much seen names take.
        pseudo_labels: Figures of PLM's pseudo labels; None where that part was skipped.
        attention: Figures of GLM's attention; None where that part was skipped.
        skipped: Why each of the two was skipped.
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
    seen_bias: SeenBias
    pseudo_labels: PseudoLabels | None = None
    attention: AttentionFigures | None = None
    skipped: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return all figures, ready for `write_json`."""
        return {
            "protocol": self.protocol,
            "photos": self.photos,
            "of": self.of,
            "unseen": list(self.split.unseen),
            "settings": dict(self.settings),
            "scores": self.scores.to_dict(),
            "confusions": [_plain(each) for each in self.confusions],
            "confusion_matrix": {"names": list(self.split.names), "pixels": self.confusion.tolist()},
            "cosines": [_plain(each) for each in self.cosines],
            "seen_bias": _plain(self.seen_bias),
            "pseudo_labels": _plain(self.pseudo_labels),
            "attention": _plain(self.attention),
            "skipped": dict(self.skipped),
        }


def write_diagnosis(found: Diagnosis, rows: Sequence[AttentionRow], folder: Path) -> list[Path]:
    """Write the figures and the pictures, each whole or not at all; the figures last, so that they mark a whole folder.

    Args:
        found: What was found.
        rows: Photos for the picture of the attention; none where there is no attention.
        folder: Where to. Pictures and figures of an earlier diagnosis there are replaced.

    Returns:
        The files.

    Raises:
        OSError: The disk refuses a file.
    """
    pictures = {
        CONFUSION: confusion_picture(found.confusion, found.split, found.protocol),
        COSINES: cosine_picture(found.cosines, found.protocol),
        BIAS: bias_picture(found.seen_bias.curve, found.protocol),
    }
    if rows:
        pictures[ATTENTION] = attention_picture(rows, found.split, found.protocol)
    folder.mkdir(parents=True, exist_ok=True)
    for name in (FIGURES, CONFUSION, COSINES, BIAS, ATTENTION):
        (folder / name).unlink(missing_ok=True)  # what is left of an earlier one would be taken for this one's
    for name, picture in pictures.items():
        save_picture(picture, folder / name)
    write_json(folder / FIGURES, found.to_dict())
    return [*(folder / name for name in pictures), folder / FIGURES]


def _plain(value: Any) -> Any:  # noqa: ANN401 (figures, or what JSON may hold)
    """Figures as nested dicts and lists."""
    if hasattr(value, "_asdict"):
        return {key: _plain(each) for key, each in value._asdict().items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
