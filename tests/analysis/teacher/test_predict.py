"""What a teacher says of photos: the very labels of "teacher alone", and the places of names by its CLS token."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.analysis.teacher.predict import Asked, ask_teacher
from clipteacher.data.dataset import Sample
from clipteacher.demo.drawn_world import CLASSES, draw_scene, scene_generator
from clipteacher.evaluation.evaluate import pooled_confusion
from clipteacher.inference.placement import OWN_SIZE
from clipteacher.inference.settings import TestSettings
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.teachers.openclip import OpenClipTeacher
from clipteacher.teachers.teacher import TeacherTokens


class Colours:
    """It knows three colours: a token is the mean colour of a block of 2 x 2 pixels, CLS the mean of all."""

    width = 3
    names = ("red", "green", "blue")

    def encode_image(self, images: Tensor) -> TeacherTokens:
        return TeacherTokens(images.mean(dim=(2, 3)), F.avg_pool2d(images, 2))

    def encode_text(self, names: Sequence[str]) -> Tensor:
        return torch.stack([torch.eye(3)[self.names.index(name)] for name in names])

    def spec(self) -> dict[str, Any] | None:
        return None


def test_a_teacher_of_colours() -> None:
    """Left third red and taken so; the right is blue, and called green by the mask."""
    image, truth = torch.zeros(3, 4, 12), torch.full((4, 12), 255)
    image[0, :, :4], image[2, :, 4:] = 1, 0.5
    truth[:, :2], truth[:, 8:] = 0, 1
    answers = ask_teacher(Colours(), Colours.names, [Asked(image, truth), Asked(image, None)])
    assert answers.confusion.tolist() == [[8, 0, 0], [0, 0, 16], [0, 0, 0]]
    assert answers.pixels.sum() == pytest.approx(1)
    assert answers.pixels[1] == 0
    assert answers.ranks.tolist() == [[0, 2, 1], [0, 2, 1]]
    assert answers.shown.tolist() == [[True, True, False], [False, False, False]]
    assert np.array_equal(answers.vectors, np.eye(3))


def test_labels_are_those_of_the_teacher_alone() -> None:
    teacher = OpenClipTeacher("package:clipteacher.demo.tiny_clip", None, image_size=192)
    samples = []
    for index in range(2):
        scene = draw_scene(scene_generator(0, 1, index), 64)
        image = torch.from_numpy(scene.image).permute(2, 0, 1).float() / 255
        samples.append(Sample(image, torch.from_numpy(scene.mask).long(), str(index)))
    segmenter = Segmenter.from_teacher(teacher, CLASSES, settings=TestSettings(pad_multiple=1))
    expected = pooled_confusion(segmenter, samples)
    asked = [Asked(sample.image, sample.mask) for sample in samples]
    answers = ask_teacher(teacher, CLASSES, asked)
    assert np.array_equal(answers.confusion, expected.numpy())
    cls = F.normalize(teacher.encode_image(samples[0].image[None]).cls, dim=1)
    order = (cls @ teacher.encode_text(CLASSES).T)[0].argsort(descending=True)
    assert answers.ranks[0][order.numpy()].tolist() == list(range(len(CLASSES)))
    half = segmenter.with_settings(pipeline=replace(OWN_SIZE, short_side=32))
    assert np.array_equal(ask_teacher(teacher, CLASSES, asked, 32).confusion, pooled_confusion(half, samples).numpy())


def test_many_names_have_another_ignore_label() -> None:
    class Many(Colours):
        def encode_text(self, names: Sequence[str]) -> Tensor:
            return torch.eye(3)[[number % 3 for number in range(len(names))]]

    names = tuple(f"name {number}" for number in range(300))
    truth = torch.full((2, 2), 65535)
    truth[0, 0] = 255
    answers = ask_teacher(Many(), names, [Asked(torch.ones(3, 2, 2), truth)])
    assert answers.shown[0].nonzero()[0].tolist() == [255]
    assert answers.confusion.sum() == 1


def test_wrong_input() -> None:
    with pytest.raises(ValueError, match="photos: got none"):
        ask_teacher(Colours(), Colours.names, [])
    with pytest.raises(TypeError, match="teacher: got Linear"):
        ask_teacher(torch.nn.Linear(1, 1), Colours.names, [])  # type: ignore[arg-type]
