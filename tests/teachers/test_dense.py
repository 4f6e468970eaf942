"""A teacher's dense tokens as a segmenter, against a naive twin."""

from typing import Any

import pytest
import torch
from tests.stand_ins import StandInTeacher, random_images
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.data.dataset import Sample
from clipteacher.evaluation.evaluate import pooled_confusion
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.students.student import Student, check_student
from clipteacher.teachers.teacher import TeacherTokens, ZeroShotTeacher

WIDTH = 6


class Teacher(StandInTeacher):
    """Its tokens have very different lengths, in half precision."""

    def __init__(self) -> None:
        super().__init__(WIDTH, patch=8)

    def encode_image(self, images: Tensor) -> TeacherTokens:
        cls, dense = super().encode_image(images)
        return TeacherTokens(cls, (dense * (1 + 99 * F.avg_pool2d(images, 8)[:, :1])).half())


def test_tokens_are_the_teachers_own_at_unit_length() -> None:
    teacher, batch = Teacher(), random_images(2, 3, 32, 48)
    features = ZeroShotTeacher(teacher)(batch)
    assert features.shape == (2, 6, 4, 6)
    assert features.dtype == torch.float32
    assert not features.requires_grad
    dense = teacher.encode_image(batch).dense.float()
    for b in range(2):
        for i in range(4):
            for j in range(6):
                token = dense[b, :, i, j]
                torch.testing.assert_close(features[b, :, i, j], token / token.norm())


def test_it_is_scored_as_a_student_is() -> None:
    """Argmax over names of the enlarged products; counted pixel by pixel."""
    teacher, names = Teacher(), ("sky", "grass", "sun")
    vectors, photo = teacher.encode_text(names), random_images(3, 40, 56)
    mask = torch.randint(3, (40, 56), generator=torch.Generator().manual_seed(3))
    mask[:5] = 255
    dense = F.normalize(teacher.encode_image(F.pad(photo[None], (0, 8, 0, 24))).dense.float(), dim=1)
    maps = torch.stack([(dense[0] * vector[:, None, None]).sum(0) for vector in vectors])
    expected = F.interpolate(maps[None], size=(64, 64), mode="bilinear")[0, :, :40, :56].argmax(0)
    segmenter = Segmenter.from_teacher(teacher, names)
    assert (segmenter.class_names, segmenter.seen, segmenter.unseen) == (names, (), ())
    assert torch.equal(torch.from_numpy(segmenter.segment(photo).labels), expected)
    confusion = pooled_confusion(segmenter, [Sample(photo, mask, "photo")])
    twin = torch.zeros(3, 3, dtype=torch.int64)
    for true, predicted in zip(mask.flatten().tolist(), expected.flatten().tolist(), strict=True):
        if true != 255:
            twin[true, predicted] += 1
    assert torch.equal(confusion, twin)
    assert twin.sum() == 35 * 56


def test_the_length_of_a_token_plays_no_part() -> None:
    class Longer(Teacher):
        def encode_image(self, images: Tensor) -> TeacherTokens:
            cls, dense = super().encode_image(images)
            return TeacherTokens(cls, dense.float() * torch.linspace(1, 50, dense.shape[3]))

    batch = random_images(1, 3, 32, 32)
    torch.testing.assert_close(ZeroShotTeacher(Longer())(batch), ZeroShotTeacher(Teacher())(batch))


def test_it_stands_where_a_student_stands() -> None:
    student = ZeroShotTeacher(Teacher())
    check_student(student, WIDTH)
    assert isinstance(student, Student)


def test_what_is_no_teacher_is_refused() -> None:
    student: Any = nn.Conv2d(3, 4, 1)
    with pytest.raises(TypeError, match="got Conv2d without width, encode_image"):
        ZeroShotTeacher(student)
