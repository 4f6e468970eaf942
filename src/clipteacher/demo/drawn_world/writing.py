"""The drawn world in the folder format, so every command works on it as on your own data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from clipteacher.demo.drawn_world.scenes import CLASSES, draw_scene


def scene_generator(seed: int, split: int, index: int) -> np.random.Generator:
    """Return the generator of one scene, so that any scene can be drawn without those before it.

    Args:
        seed: The world's seed, 0 or more.
        split: 0 for training, 1 for test.
        index: The scene's number in its split.
    """
    return np.random.default_rng([seed, split, index])


def write_world(
    root: str | Path,
    *,
    seed: int,
    train: int,
    val: int,
    size: int = 128,
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Draw scenes and write `classes.txt`, `images/`, `masks/` and `captions/`, each with `train` and `val`.

    A line of `captions/<split>.jsonl` is an object with `image` (the file's name), `subject` and `captions` (five).

    Args:
        root: Folder to write; it must be new or empty.
        seed: The world's seed, 0 or more: same seed, same files.
        train: Number of training scenes, 1 or more.
        val: Number of test scenes, 1 or more.
        size: Side of the pictures, in pixels, 32 or more.
        progress: Called after each scene with the number of scenes done.

    Raises:
        FileExistsError: The folder is not empty.
        ValueError: A number is too small.
    """
    root = Path(root)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise FileExistsError(f"root: {root} is not empty, expected a new folder. Name another; nothing was written.")
    for name, count, least in (("seed", seed, 0), ("train", train, 1), ("val", val, 1), ("size", size, 32)):
        if count < least:
            raise ValueError(f"{name}: got {count}, expected {least} or more")
    done = 0
    for number, (split, count) in enumerate((("train", train), ("val", val))):
        images, masks, captions = root / "images" / split, root / "masks" / split, root / "captions"
        for folder in (images, masks, captions):
            folder.mkdir(parents=True, exist_ok=True)
        lines = []
        for index in range(count):
            scene = draw_scene(scene_generator(seed, number, index), size)
            name = f"{index:05d}.png"
            Image.fromarray(scene.image).save(images / name)
            Image.fromarray(scene.mask).save(masks / name)
            lines.append(json.dumps({"image": name, "subject": scene.subject, "captions": scene.captions}))
            done += 1
            progress(done)
        (captions / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    # Written last: an interrupted folder is not a data set.
    (root / "classes.txt").write_text("\n".join(CLASSES) + "\n", encoding="utf-8")
