"""The drawn world: scenes of 20 classes with dense masks and captions, made from a seed."""

from clipteacher.drawn_world.folder import scene_generator, write_world
from clipteacher.drawn_world.scenes import CLASSES, UNSEEN, Scene, draw_scene

__all__ = ["CLASSES", "UNSEEN", "Scene", "draw_scene", "scene_generator", "write_world"]
