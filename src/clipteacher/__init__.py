"""CLIPTeacher: a frozen CLIP trains any segmentation network, then leaves (arXiv 2310.02296).

    result = clipteacher.train("photos", wanted=["cat"])
    result.segmenter.segment("photo.jpg", ["cat", "old chair"]).save("found.png")

Teachers and students lie one level down, for each loads a library of its own: `clipteacher.teachers.openclip`,
`clipteacher.teachers.imagenet`, `clipteacher.students.smp`, `clipteacher.students.segnext` and the paper's others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipteacher.utils.lazy import lazy_names
from clipteacher.version import __version__

if TYPE_CHECKING:
    from clipteacher.data.augment import Augment
    from clipteacher.evaluation.metrics import Scores, compute_metrics, confusion_matrix
    from clipteacher.inference.settings import TestSettings
    from clipteacher.method.config import LossConfig, MethodConfig
    from clipteacher.method.framework import CLIPTeacher
    from clipteacher.method.glm import GLMConfig
    from clipteacher.method.plm.module import PLMConfig
    from clipteacher.onnx.segmenter import OnnxSegmenter
    from clipteacher.planning.train import train
    from clipteacher.protocols.schedule import OptimizerConfig
    from clipteacher.protocols.splits import ClassSplit
    from clipteacher.segmenter.segmentation import Segmentation
    from clipteacher.segmenter.segmenter import Segmenter
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
    "OnnxSegmenter",
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

# PyTorch and the trainer take seconds to load: a name is loaded when it is first asked for (PEP 562).
_MODULES = {
    "Augment": "data.augment",
    "CLIPTeacher": "method.framework",
    "ClassSplit": "protocols.splits",
    "FolderDataModule": "training.datamodule",
    "GLMConfig": "method.glm",
    "LossConfig": "method.config",
    "MethodConfig": "method.config",
    "OnnxSegmenter": "onnx.segmenter",
    "OptimizerConfig": "protocols.schedule",
    "PLMConfig": "method.plm.module",
    "Scores": "evaluation.metrics",
    "Segmentation": "segmenter.segmentation",
    "Segmenter": "segmenter.segmenter",
    "TestSettings": "inference.settings",
    "TrainingResult": "training.session",
    "compute_metrics": "evaluation.metrics",
    "confusion_matrix": "evaluation.metrics",
    "train": "planning.train",
}


if not TYPE_CHECKING:  # which would take every name for one of the package
    __getattr__ = lazy_names(__name__, _MODULES, globals())


def __dir__() -> list[str]:
    """Return the names of `__all__`, loaded or not, and what else is here."""
    return sorted({*globals(), *__all__})
