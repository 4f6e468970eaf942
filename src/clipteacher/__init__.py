"""CLIPTeacher: a frozen CLIP trains any segmentation network, then leaves (arXiv 2310.02296).

    result = clipteacher.train("photos", wanted=["cat"])
    result.segmenter.segment("photo.jpg", ["cat", "old chair"]).save("found.png")

Teachers and students lie one level down, for each loads a library of its own: `clipteacher.teachers.openclip`,
`clipteacher.teachers.imagenet`, `clipteacher.students.smp`, `clipteacher.students.segnext` and the paper's others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from clipteacher.evaluation.metrics import Scores, compute_metrics, confusion_matrix
from clipteacher.inference.settings import TestSettings
from clipteacher.method.config import LossConfig, MethodConfig
from clipteacher.method.framework import CLIPTeacher
from clipteacher.method.glm import GLMConfig
from clipteacher.method.plm.module import PLMConfig
from clipteacher.protocols.schedule import OptimizerConfig
from clipteacher.protocols.splits import ClassSplit
from clipteacher.segmenter.segmentation import Segmentation
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.version import __version__

if TYPE_CHECKING:
    from clipteacher.data.augment import Augment
    from clipteacher.planning.train import train
    from clipteacher.training.datamodule import FolderDataModule
    from clipteacher.training.session import TrainingResult

__all__ = [
    "Augment",
    "CLIPTeacher",
    "ClassSplit",
    "FolderDataModule",
    "GLMConfig",
    "LossConfig",
    "MethodConfig",
    "OptimizerConfig",
    "PLMConfig",
    "Scores",
    "Segmentation",
    "Segmenter",
    "TestSettings",
    "TrainingResult",
    "__version__",
    "compute_metrics",
    "confusion_matrix",
    "train",
]

# The trainer and torchvision take seconds to load: what needs them is loaded when it is first asked for (PEP 562).
_LATER = {
    "Augment": "clipteacher.data.augment",
    "FolderDataModule": "clipteacher.training.datamodule",
    "TrainingResult": "clipteacher.training.session",
    "train": "clipteacher.planning.train",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 (whatever the module holds under that name)
    """Load a name that needs the trainer or torchvision."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
