"""CLIPTeacher: a frozen CLIP trains any segmentation network, then leaves (arXiv 2310.02296).

Teachers and students lie one level down, for each loads a library of its own: `clipteacher.teachers.openclip`,
`clipteacher.teachers.imagenet`, `clipteacher.students.smp`, `clipteacher.students.segnext` and the paper's others.
"""

from clipteacher.framework import CLIPTeacher, LossConfig
from clipteacher.glm import GLMConfig
from clipteacher.metrics import Scores, confusion_matrix, scores
from clipteacher.plm.module import PLMConfig
from clipteacher.protocols.splits import ClassSplit
from clipteacher.segmentation import Segmentation
from clipteacher.segmenter import Segmenter
from clipteacher.storage import load_segmenter, save_segmenter

__version__ = "0.1.0"

__all__ = [
    "CLIPTeacher",
    "ClassSplit",
    "GLMConfig",
    "LossConfig",
    "PLMConfig",
    "Scores",
    "Segmentation",
    "Segmenter",
    "confusion_matrix",
    "load_segmenter",
    "save_segmenter",
    "scores",
]
