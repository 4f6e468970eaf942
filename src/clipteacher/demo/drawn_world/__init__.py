"""The drawn world: scenes of 20 classes with dense masks and captions, made from a seed."""

from clipteacher.demo.drawn_world.scenes import CLASSES, UNSEEN, Scene, draw_scene
from clipteacher.demo.drawn_world.writing import scene_generator, write_world

__all__ = ["CLASSES", "UNSEEN", "Scene", "draw_scene", "scene_generator", "write_world"]
