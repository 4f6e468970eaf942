"""MSRC-21: 16 seen and 5 unseen classes of a set that is small enough to develop on."""

from __future__ import annotations

from typing import Final

from clipteacher.protocols.protocol import Protocol, TestPipeline
from clipteacher.protocols.schedule import AugmentConfig, OptimizerConfig, Schedule
from clipteacher.protocols.splits import ClassSplit
from clipteacher.protocols.words import read_words
from clipteacher.teachers.prompts import SINGLE

MSRC21_NAMES: Final = read_words("""
    building, grass, tree, cow, sheep, sky, aeroplane, water, face, car, bicycle, flower, sign, bird, book, chair,
    road, cat, dog, body, boat
""")
"""TextonBoost's 21 classes in its order; a mask holds 0..20 and 255 = void, so there is no table of raw ids."""

MSRC21_UNSEEN: Final[tuple[str, ...]] = ("cow", "car", "flower", "sign", "cat")
"""This project's own split, to develop on."""

MSRC21_16_5: Final = Protocol(
    name="msrc21-16-5",
    dataset="msrc21",
    class_split=ClassSplit(MSRC21_NAMES, MSRC21_UNSEEN),
    templates=SINGLE,
    test=TestPipeline(short_side=None, mode="whole"),
    schedule=Schedule(
        augment=AugmentConfig(
            crop_size=(224, 320), base_size=None, scale=(0.75, 1.5), cat_max_ratio=0.75, flip=0.5, photometric=0.5
        ),
        optimizer=OptimizerConfig(lr=5e-4, weight_decay=0.01, warmup_steps=20, power=0.9, min_factor=0.0),
        batch_size=10,
        steps=240,
    ),
    sources=(
        "classes: Shotton et al., TextonBoost (ECCV 2006); masks: Malisiewicz and Efros (BMVC 2007)",
        "split, pipeline and schedule are this project's own: configs/msrc21.yaml",
    ),
)
"""Photos of 320 by 213 pixels at their own size: 297 to train, 155 to test."""
