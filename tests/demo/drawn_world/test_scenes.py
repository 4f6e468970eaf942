"""Scenes: same seed, same scene; every class is drawn, varied, and not told by its colour."""

import numpy as np
import pytest
from numpy.typing import NDArray

from clipteacher.demo.drawn_world import CLASSES, UNSEEN, Scene, draw_scene, scene_generator
from clipteacher.demo.drawn_world.stuff import TEXTURES
from clipteacher.demo.drawn_world.things import THINGS


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [draw_scene(scene_generator(1, 0, index), 64) for index in range(400)]


def test_there_are_twenty_classes_and_five_unseen_ones_of_both_kinds() -> None:
    assert len(CLASSES) == len(set(CLASSES)) == 20
    assert len(UNSEEN) == 5
    assert set(UNSEEN) <= set(CLASSES)
    assert set(UNSEEN) & set(TEXTURES)
    assert set(UNSEEN) & set(THINGS)


def test_the_same_generator_gives_the_same_scene() -> None:
    first, second, other = (draw_scene(scene_generator(3, 1, index), 48) for index in (7, 7, 8))
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.mask, second.mask)
    assert first[2:] == second[2:]
    assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("size", [32, 96, 131])
def test_shapes_and_types(size: int) -> None:
    scene = draw_scene(np.random.default_rng(0), size)
    assert scene.image.shape == (size, size, 3)
    assert scene.mask.shape == (size, size)
    assert scene.image.dtype == scene.mask.dtype == np.uint8
    assert scene.mask.max() < len(CLASSES)


def test_a_size_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="got 31, expected 32"):
        draw_scene(np.random.default_rng(0), 31)


def test_each_class_is_the_subject_about_equally_often(scenes: list[Scene]) -> None:
    counts = [sum(scene.subject == name for scene in scenes) for name in CLASSES]
    assert min(counts) >= 7
    assert max(counts) <= 40


def test_the_subject_is_seen(scenes: list[Scene]) -> None:
    shares = [np.mean(scene.mask == CLASSES.index(scene.subject)) for scene in scenes]
    assert np.mean(np.array(shares) > 0.02) > 0.98
    stuff = [share for scene, share in zip(scenes, shares, strict=True) if scene.subject in TEXTURES]
    assert np.median(stuff) > 0.4


def test_seen_and_unseen_classes_cover_enough_pixels(scenes: list[Scene]) -> None:
    shares = np.mean([np.bincount(scene.mask.ravel(), minlength=20) / scene.mask.size for scene in scenes], axis=0)
    assert shares.min() > 0.003
    unseen = sum(shares[CLASSES.index(name)] for name in UNSEEN)
    assert 0.1 < unseen < 0.4


def test_no_class_is_told_by_its_colour_alone(scenes: list[Scene]) -> None:
    # The best guess from a pixel's colour (512 bins, classes weighted alike), judged on scenes that it did not count.
    def colours(some: list[Scene]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        pixels = np.concatenate([scene.image.reshape(-1, 3) for scene in some]).astype(np.int64)
        return pixels // 32 @ np.array([64, 8, 1]), np.concatenate([scene.mask.ravel() for scene in some])

    bins, labels = colours(scenes[:300])
    counts = np.zeros((512, len(CLASSES)))
    np.add.at(counts, (bins, labels), 1)
    guess = (counts / counts.sum(axis=0)).argmax(axis=1)
    bins, labels = colours(scenes[300:])
    found = guess[bins]
    iou = [np.sum((found == c) & (labels == c)) / np.sum((found == c) | (labels == c)) for c in range(len(CLASSES))]
    assert np.mean(iou) < 0.25
    assert max(iou[CLASSES.index(name)] for name in THINGS) < 0.35


def test_captions_name_the_subject_and_only_what_is_seen(scenes: list[Scene]) -> None:
    for scene in scenes:
        assert len(scene.captions) == 5
        for caption in scene.captions:
            assert scene.subject in caption, (scene.subject, caption)
        visible = {CLASSES[label] for label in np.unique(scene.mask)} | {scene.subject}
        for name in set(CLASSES) - visible:
            assert not any(name in caption.replace("sunset", "") for caption in scene.captions), (name, scene.captions)


def test_captions_of_many_scenes_name_every_class(scenes: list[Scene]) -> None:
    text = " ".join(caption for scene in scenes for caption in scene.captions)
    assert all(name in text for name in CLASSES)
