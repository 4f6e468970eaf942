"""Example photos: scenes of the drawn world, drawn when the page starts."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PIL import Image

from clipteacher.demo.drawn_world import draw_scene, scene_generator

SCENES: Final = (25, 37, 16)
"""Numbers of the scenes, chosen by eye: each shows a class for which the quickstart's student had no label."""

_SEED, _SPLIT = 0, 1  # the test scenes of the quickstart's world


def write_examples(folder: Path) -> list[Path]:
    """Draw the scenes, of 128 pixels, the size that the quickstart's student is trained on.

    Args:
        folder: Folder for the files; it is created.

    Returns:
        Paths of the PNGs; the same bytes each time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in SCENES:
        paths.append(folder / f"scene_{number}.png")
        Image.fromarray(draw_scene(scene_generator(_SEED, _SPLIT, number)).image).save(paths[-1])
    return paths
