"""PASCAL VOC 2012: 15 seen and 5 unseen classes, and all 20 as a test of a student trained on another set."""

from __future__ import annotations

from typing import Final

from clipteacher.protocols.protocol import Protocol
from clipteacher.protocols.splits import ClassSplit
from clipteacher.protocols.words import read_words
from clipteacher.protocols.zegclip import SLIDE_512, schedule
from clipteacher.teachers.prompts import SINGLE

VOC_NAMES: Final = read_words("""
    aeroplane, bicycle, bird, boat, bottle, bus, car, cat, chair, cow, diningtable, dog, horse, motorbike, person,
    pottedplant, sheep, sofa, train, tvmonitor
""")
"""The 20 classes in the order of the PNGs' ids 1..20; the names are prompted as they are."""

VOC_UNSEEN: Final[tuple[str, ...]] = ("pottedplant", "sheep", "sofa", "train", "tvmonitor")
"""Source: SPNet's `novel_cls.npy`, PNG ids 16..20; ZegCLIP's and MaskCLIP's configurations list the same five."""

VOC_RAW_IDS: Final[tuple[int, ...]] = tuple(range(1, 21))
"""Id of each class in `SegmentationClass/*.png` and `SegmentationClassAug/*.png`; 0 is background and 255 void,
both ignored in training and in test."""

_SOURCES: Final = (
    "classes, 0 = background, 255 = void: PASCAL VOC 2012, SegmentationClass; mmseg, mmseg/datasets/voc.py",
    "background ignored, prompt, pipeline: ZegCLIP, configs/_base_/datasets/voc12_20_aug_512x512.py, voc12_single.npy",
)

VOC12_15_5: Final = Protocol(
    name="voc12-15-5",
    dataset="voc12",
    class_split=ClassSplit(VOC_NAMES, VOC_UNSEEN),
    templates=SINGLE,
    test=SLIDE_512,
    schedule=schedule(20_000),
    sources=(
        *_SOURCES,
        "split: SPNet, data/datasets/voc12/split/novel_cls.npy; ZegCLIP, configs/voc12/",
        "schedule: ZegCLIP, configs/voc12/vpt_seg_zero_vit-b_512x512_20k_12_10.py",
    ),
)
"""Train on train.txt + SBD's aug (10,582 photos), test on val.txt (1,449)."""

VOC20: Final = Protocol(
    name="voc-20",
    dataset="voc12",
    class_split=ClassSplit(VOC_NAMES, ()),
    templates=SINGLE,
    test=SLIDE_512,
    sources=(*_SOURCES, "cross-data-set: ZegCLIP, configs/cross_dataset/coco-to-voc.py (all 20 classes as one group)"),
)
"""Mean IoU over all 20 classes on val.txt (1,449 photos), for a student trained on COCO-Stuff."""
