"""A teacher on photos: the very labels of the zero-shot teacher, and the ranks of names by its CLS token."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.analysis.teacher.predict import CheckPhoto, teacher_predictions
from clipteacher.data.dataset import Sample
from clipteacher.demo.drawn_world import CLASSES, draw_scene, scene_generator
from clipteacher.evaluation.evaluate import pooled_confusion
from clipteacher.inference import TestSettings
from clipteacher.protocols.protocol import TestPipeline
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
    predictions = teacher_predictions(Colours(), Colours.names, [CheckPhoto(image, truth), CheckPhoto(image, None)])
    assert predictions.confusion.tolist() == [[8, 0, 0], [0, 0, 16], [0, 0, 0]]
    assert predictions.pixels.sum() == pytest.approx(1)
    assert predictions.pixels[1] == 0
    assert predictions.ranks.tolist() == [[0, 2, 1], [0, 2, 1]]
    assert predictions.shown.tolist() == [[True, True, False], [False, False, False]]
    assert np.array_equal(predictions.text_features, np.eye(3))


def test_labels_are_those_of_the_zero_shot_teacher() -> None:
    teacher = OpenClipTeacher("package:clipteacher.demo.tiny_clip", None, image_size=192)
    samples = []
    for index in range(2):
        scene = draw_scene(scene_generator(0, 1, index), 64)
        image = torch.from_numpy(scene.image).permute(2, 0, 1).float() / 255
        samples.append(Sample(image, torch.from_numpy(scene.mask).long(), str(index)))
    segmenter = Segmenter.from_teacher(teacher, CLASSES, settings=TestSettings(pad_multiple=1))
    expected = pooled_confusion(segmenter, samples)
    photos = [CheckPhoto(sample.image, sample.mask) for sample in samples]
    predictions = teacher_predictions(teacher, CLASSES, photos)
    assert np.array_equal(predictions.confusion, expected.numpy())
    cls = F.normalize(teacher.encode_image(samples[0].image[None]).cls, dim=1)
    order = (cls @ teacher.encode_text(CLASSES).T)[0].argsort(descending=True)
    assert predictions.ranks[0][order.numpy()].tolist() == list(range(len(CLASSES)))
    half = segmenter.with_settings(pipeline=TestPipeline(short_side=32, mode="whole"))
    assert np.array_equal(
        teacher_predictions(teacher, CLASSES, photos, 32).confusion, pooled_confusion(half, samples).numpy()
    )


def test_many_names_have_another_ignore_label() -> None:
    class Many(Colours):
        def encode_text(self, names: Sequence[str]) -> Tensor:
            return torch.eye(3)[[number % 3 for number in range(len(names))]]

    names = tuple(f"name {number}" for number in range(300))
    truth = torch.full((2, 2), 65535)
    truth[0, 0] = 255
    predictions = teacher_predictions(Many(), names, [CheckPhoto(torch.ones(3, 2, 2), truth)])
    assert predictions.shown[0].nonzero()[0].tolist() == [255]
    assert predictions.confusion.sum() == 1


def test_wrong_input() -> None:
    with pytest.raises(ValueError, match="photos: got none"):
        teacher_predictions(Colours(), Colours.names, [])
    with pytest.raises(TypeError, match="teacher: got Linear"):
        teacher_predictions(torch.nn.Linear(1, 1), Colours.names, [])  # type: ignore[arg-type]
