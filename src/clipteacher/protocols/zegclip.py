"""What the protocols of ZegCLIP (arXiv 2212.03588) and its descendants have in common: schedule and test pipeline."""

from __future__ import annotations

from typing import Final

from clipteacher.protocols.protocol import Schedule, TestPipeline

SLIDE_512: Final = TestPipeline(short_side=512, mode="slide", crop=512, stride=426)
"""Shorter side 512, windows of 512 every 426 pixels, one scale, no flip; scores are enlarged to the photo's own size.

Source: ZegCLIP, `configs/_base_/datasets/*_512x512.py` (`img_scale=(2048, 512)`, `min_size=512`), and `test_cfg` of
every configuration.
"""


def schedule(iterations: int) -> Schedule:
    """Return ZegCLIP's schedule: 16 crops of 512 a step, AdamW.

    Source: ZegCLIP, `configs/_base_/datasets/*_512x512.py` and the `optimizer` and `lr_config` of its configurations
    (4 GPUs of 4 crops). The factor of 10 is on its head and its prompts; its CLIP is frozen.

    Deviation: how CLIPTeacher's authors trained their students is not to be had (arXiv 2310.02296). Crops, batch and
    iterations are what makes rows comparable; a student with another optimiser of its own may keep that.

    Args:
        iterations: Steps: 20,000 for VOC, 40,000 for PASCAL Context, 80,000 for COCO-Stuff.

    Returns:
        The schedule.
    """
    return Schedule(
        crop_size=(512, 512),
        base_size=512,
        scale=(0.5, 2.0),
        cat_max_ratio=0.75,
        flip=0.5,
        photometric=0.5,
        batch_size=16,
        iterations=iterations,
        lr=2e-5,
        head_lr_factor=10.0,
        weight_decay=0.01,
        warmup_steps=1500,
        power=0.9,
        min_lr=1e-6,
    )
