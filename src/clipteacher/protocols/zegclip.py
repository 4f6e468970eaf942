"""What the protocols of ZegCLIP (arXiv 2212.03588) and its descendants share: schedule and test pipeline."""

from __future__ import annotations

from typing import Final

from clipteacher.protocols.protocol import TestPipeline
from clipteacher.protocols.schedule import AugmentConfig, OptimizerConfig, Schedule

SLIDE_512: Final = TestPipeline(short_side=512, mode="slide", crop=512, stride=426)
"""Shorter side 512, windows of 512 every 426 pixels, one scale, no flip; scores are enlarged to the photo's own size.

Source: ZegCLIP, `configs/_base_/datasets/*_512x512.py` (`img_scale=(2048, 512)`, `min_size=512`), and `test_cfg` of
every configuration.
"""


def schedule(steps: int) -> Schedule:
    """Return ZegCLIP's schedule: 16 crops of 512 per step, AdamW.

    Source: ZegCLIP, `configs/_base_/datasets/*_512x512.py` and the `optimizer` and `lr_config` of its configurations
    (4 GPUs with 4 crops each): lr 2e-5, times 10 for its head and its prompts, at least 1e-6; its CLIP is frozen.

    Deviation: how CLIPTeacher's authors trained their students is not available (arXiv 2310.02296). Crops, batch size
    and steps make rows comparable; a student with an optimizer of its own may keep that.

    Args:
        steps: 20,000 for VOC, 40,000 for PASCAL Context, 80,000 for COCO-Stuff.
    """
    lr = 2e-5 * 10
    return Schedule(
        augment=AugmentConfig(
            crop_size=(512, 512), base_size=512, scale=(0.5, 2.0), cat_max_ratio=0.75, flip=0.5, photometric=0.5
        ),
        optimizer=OptimizerConfig(
            lr=lr, encoder_lr_factor=0.1, weight_decay=0.01, warmup_steps=1500, power=0.9, min_factor=1e-6 / lr
        ),
        batch_size=16,
        steps=steps,
    )
