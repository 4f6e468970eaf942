"""What is measured takes time, and leaves the student as it was."""

from pathlib import Path

import torch
from tests.stand_ins import StandInStudent, StandInTeacher

from clipteacher.data.augment import Augment
from clipteacher.data.dataset import SegmentationDataset
from clipteacher.data.folder import FolderSource
from clipteacher.method.config import MethodConfig
from clipteacher.method.framework import CLIPTeacher
from clipteacher.method.plm.module import PLMConfig
from clipteacher.planning.measure import measure
from clipteacher.protocols.splits import ClassSplit


def test_a_step_the_teacher_and_a_test_photo(folder: Path) -> None:
    split = ClassSplit(("sky", "grass", "sun", "house"), ("sun",))
    train = SegmentationDataset(
        FolderSource(folder, "train"), split, training=True, augment=Augment(crop_size=(64, 64), scale=(0.9, 1.2))
    )
    method = MethodConfig(plm=PLMConfig(windows=(2, 4)))
    framework = CLIPTeacher(StandInStudent(16), StandInTeacher(16, patch=8), split.seen, method, wanted=("sun",))
    before = [parameter.clone() for parameter in framework.student.parameters()]
    for short_side in (None, 48):
        found = measure(framework, train, batch_size=2, short_side=short_side, cache_side=None, device="cpu", workers=0)
        assert min(found.step, found.teacher, found.test) > 0
    assert all(map(torch.equal, before, framework.student.parameters()))
    assert framework.student.training
