"""Photos at hand."""

from pathlib import Path

import numpy as np
from PIL import Image

from clipteacher.app.example import SCENES, write_examples
from clipteacher.demo.drawn_world import CLASSES, UNSEEN, draw_scene, scene_generator


def test_scenes_are_the_same_each_time_and_show_what_nobody_labelled(tmp_path: Path) -> None:
    first, second = write_examples(tmp_path / "a"), write_examples(tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert len(first) == len(set(first)) == len(SCENES)
    for number, path in zip(SCENES, first, strict=True):
        scene = draw_scene(scene_generator(0, 1, number))
        with Image.open(path) as picture:
            assert np.array_equal(np.array(picture), scene.image)
        shares = np.bincount(scene.mask.ravel(), minlength=len(CLASSES)) / scene.mask.size
        assert max(shares[CLASSES.index(name)] for name in UNSEEN) > 0.05
