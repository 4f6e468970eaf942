"""Small runs from Python: drawn masks of a few values, two convolutions under a stand-in teacher."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tests.stand_ins import StandInStudent, StandInTeacher
from torch import nn

import clipteacher
from clipteacher import MethodConfig, TrainingResult
from clipteacher.data.augment import Augment
from clipteacher.method.plm.module import PLMConfig
from clipteacher.training.datamodule import FolderDataModule

WIDTH = 8
QUICK: dict[str, Any] = {
    "steps": 2,
    "method": MethodConfig(plm=PLMConfig(windows=(4, 8))),
    "accelerator": "cpu",
    "devices": 1,
    "logger": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}


def write_squares(root: Path, names: Sequence[str], square: int = 0, around: int = 255, photos: int = 4) -> Path:
    """Write photos of a bright square, whose masks hold one value in it and another around it."""
    root.mkdir(parents=True)
    (root / "classes.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    for split in ("train", "val"):
        for kind in ("images", "masks"):
            (root / kind / split).mkdir(parents=True)
        for number in range(photos):
            mask = np.full((48, 56), around, np.uint8)
            mask[10:34, 4 + number : 34 + number] = square
            photo = np.where((mask == square)[..., None], (240, 200, 90), (40, 60, 80)).astype(np.uint8)
            Image.fromarray(photo).save(root / "images" / split / f"{number}.png")
            Image.fromarray(mask).save(root / "masks" / split / f"{number}.png")
    return root


def opened(root: Path, **options: Any) -> FolderDataModule:  # noqa: ANN401
    crops = Augment(crop_size=(32, 32), scale=(0.9, 1.2))
    return FolderDataModule(root, **{"batch_size": 2, "workers": 0, "augment": crops, **options})


def train(
    data: FolderDataModule,
    out: Path,
    student: nn.Module | None = None,
    **changes: Any,  # noqa: ANN401
) -> TrainingResult:
    student = student if student is not None else StandInStudent(WIDTH)
    return clipteacher.train(data, student, StandInTeacher(WIDTH), out=out, **QUICK | changes)
