"""PASCAL Context: 49 seen and 10 unseen classes, or 50 and 10 with background as a class; the two do not compare."""

from __future__ import annotations

from typing import Final

from clipteacher.protocols.protocol import BACKGROUND, Protocol
from clipteacher.protocols.splits import ClassSplit
from clipteacher.protocols.words import read_words
from clipteacher.protocols.zegclip import SLIDE_512, schedule
from clipteacher.teachers.prompts import VILD_15

CONTEXT_NAMES: Final = read_words("""
    aeroplane, bag, bed, bedclothes, bench, bicycle, bird, boat, book, bottle, building, bus, cabinet, car, cat,
    ceiling, chair, cloth, computer, cow, cup, curtain, dog, door, fence, floor, flower, food, grass, ground, horse,
    keyboard, light, motorbike, mountain, mouse, person, plate, platform, pottedplant, road, rock, sheep, shelves,
    sidewalk, sign, sky, snow, sofa, table, track, train, tree, truck, tvmonitor, wall, water, window, wood
""")
"""The 59 classes in alphabetical order, that of mmseg's converter (`tools/dataset_converters/pascal_context.py`)."""

CONTEXT_UNSEEN: Final = read_words("""
    aeroplane, bird, boat, cat, cow, fence, keyboard, motorbike, sofa, tvmonitor
""")
"""Source: ZS3Net, `zs3/data/pascal_context_unseen_classes.txt`; MaskCLIP+ and OTSeg have the same ten.

Cascade-CLIP's configuration lists 0, 2, 3, 7, 9, 13, 17, 19, 31, 37: these ten in the order of `CONTEXT_PNG_NAMES`,
which older mmseg versions had. Read in the alphabetical order of the converted masks they are ten other classes.
"""

# fmt: off
CONTEXT_RAW_IDS: Final[tuple[int, ...]] = (
    2, 9, 18, 19, 22, 23, 25, 31, 33, 34, 44, 45, 46, 59, 65, 68, 72, 80, 85, 98, 104, 105, 113, 115, 144, 158, 159,
    162, 187, 189, 207, 220, 232, 258, 259, 260, 284, 295, 296, 308, 324, 326, 347, 349, 354, 355, 360, 366, 368,
    397, 415, 416, 420, 424, 427, 440, 445, 454, 458,
)
# fmt: on
"""Id of each class among the 459 of `LabelMap` in the released .mat files, which are numbered 1..459 alphabetically.

Source: mmseg, `tools/dataset_converters/pascal_context.py` (`_mapping`).
"""

CONTEXT_PNG_NAMES: Final = read_words("""
    aeroplane, bicycle, bird, boat, bottle, bus, car, cat, chair, cow, table, dog, horse, motorbike, person,
    pottedplant, sheep, sofa, train, tvmonitor, bag, bed, bench, book, building, cabinet, ceiling, cloth, computer,
    cup, door, fence, floor, flower, food, grass, ground, keyboard, light, mountain, mouse, curtain, platform, sign,
    plate, road, rock, shelves, sidewalk, sky, snow, bedclothes, track, tree, truck, wall, water, window, wood
""")
"""The 59 classes in the order of ids 1..59 of the PNGs on the data set's home page (`59_context_labels`, by its
59_labels.txt): VOC's 20 first. 0 is background. **Not the order of masks that mmseg's converter wrote**, which hold the
same values 0..59.

Source: mmseg 0.x, `mmseg/datasets/pascal_context.py`, and the class lists of other public readers of these PNGs, all
alike. 59_labels.txt itself spells three names diningtable, bedcloth and clothes (FCN's reader maps them).
"""

CONTEXT_PNG_RAW_IDS: Final = tuple(CONTEXT_PNG_NAMES.index(name) + 1 for name in CONTEXT_NAMES)
"""Id of each class in the home page's PNGs, 1..59; 0 is background."""

CONTEXT_CONVERTED_RAW_IDS: Final = tuple(range(1, 60))
"""Id of each class in masks that mmseg's converter wrote (`SegmentationClassContext`); 0 is background."""

_SOURCES: Final = (
    "classes, raw ids: mmseg, tools/dataset_converters/pascal_context.py and mmseg/datasets/pascal_context.py",
    "prompts: Cascade-CLIP, configs/_base_/datasets/text_embedding/context-59_multi.npy",
)

CONTEXT_49_10: Final = Protocol(
    name="context-49-10",
    dataset="context",
    class_split=ClassSplit(CONTEXT_NAMES, CONTEXT_UNSEEN),
    templates=VILD_15,
    test=SLIDE_512,
    schedule=schedule(40_000),
    sources=(
        *_SOURCES,
        "split: ZS3Net, zs3/data/pascal_context_unseen_classes.txt; OTSeg, configs/context/vpt_context_vpt.py",
        "pipeline: Cascade-CLIP, configs/_base_/datasets/context_59_512x512.py (OTSeg: scale 520, crop 480, stride 80)",
        "schedule: Cascade-CLIP, configs/context_59/vpt_seg_zero_vit-b_512x512_40k_12_10.py",
    ),
)
"""Background ignored. Train 4,996 to 4,998 photos, test 5,104 or 5,105, by how the lists were made."""

CONTEXT_50_10_BG: Final = Protocol(
    name="context-50-10-bg",
    dataset="context",
    class_split=ClassSplit((BACKGROUND, *CONTEXT_NAMES), CONTEXT_UNSEEN),
    templates=VILD_15,
    test=SLIDE_512,
    schedule=schedule(40_000),
    sources=(
        *_SOURCES,
        "split: MaskCLIP+, suppress_labels = 1, 7, 8, 15, 20, 25, 32, 34, 49, 55, names in a comment",
        "background = 0 and seen, pipeline: ZegCLIP, configs/cross_dataset/coco-to-context.py (60 classes)",
        "schedule: as context-49-10; MaskCLIP+ has 40,000 steps too, with SGD, scale 520 and crop 480",
    ),
)
"""Background is class 0 and seen, so that every other id is one higher than in `CONTEXT_49_10`."""

CONTEXT_59: Final = Protocol(
    name="context-59",
    dataset="context",
    class_split=ClassSplit(CONTEXT_NAMES, ()),
    templates=VILD_15,
    test=SLIDE_512,
    sources=(
        *_SOURCES,
        "cross-data-set: Cascade-CLIP, configs/cross_dataset/coco-to-context.py (all 59 classes as one group)",
        "CAT-Seg, datasets/pc59.json, prompts the class table as diningtable; here it is table",
    ),
)
"""Mean IoU over all 59 classes, background ignored, for a student trained on COCO-Stuff."""
