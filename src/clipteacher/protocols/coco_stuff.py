"""COCO-Stuff 164k: 156 seen and 15 unseen classes; students tested on other sets are trained on it."""

from __future__ import annotations

from typing import Final

from clipteacher.protocols.protocol import Protocol
from clipteacher.protocols.splits import ClassSplit
from clipteacher.protocols.words import read_words
from clipteacher.protocols.zegclip import SLIDE_512, schedule
from clipteacher.teachers.prompts import VILD_15

COCO_STUFF_NAMES: Final = read_words("""
    person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, stop sign,
    parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella,
    handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard,
    surfboard, tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange,
    broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv,
    laptop, mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase,
    scissors, teddy bear, hair drier, toothbrush, banner, blanket, branch, bridge, building-other, bush, cabinet,
    cage, cardboard, carpet, ceiling-other, ceiling-tile, cloth, clothes, clouds, counter, cupboard, curtain,
    desk-stuff, dirt, door-stuff, fence, floor-marble, floor-other, floor-stone, floor-tile, floor-wood, flower,
    fog, food-other, fruit, furniture-other, grass, gravel, ground-other, hill, house, leaves, light, mat, metal,
    mirror-stuff, moss, mountain, mud, napkin, net, paper, pavement, pillow, plant-other, plastic, platform,
    playingfield, railing, railroad, river, road, rock, roof, rug, salad, sand, sea, shelf, sky-other, skyscraper,
    snow, solid-other, stairs, stone, straw, structural-other, table, tent, textile-other, towel, tree, vegetable,
    wall-brick, wall-concrete, wall-other, wall-panel, wall-stone, wall-tile, wall-wood, water-other, waterdrops,
    window-blind, window-other, wood
""")
"""The 171 classes in the order of the raw ids, 80 things first; "building-other", "sky-other" and the like are prompted
as they are.

Source: mmseg, `mmseg/datasets/coco_stuff.py`.
"""

COCO_STUFF_UNSEEN: Final = read_words("""
    cow, giraffe, suitcase, frisbee, skateboard, carrot, scissors, cardboard, clouds, grass, playingfield, river,
    road, tree, wall-concrete
""")
"""Source: SPNet's `novel_cls.npy`, raw ids 20, 24, 32, ..., 171; ZegCLIP, CLIP-RC and MaskCLIP+ list the same 15."""

COCO_STUFF_MISSING_RAW_IDS: Final[tuple[int, ...]] = (11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90)
"""Raw ids of the 11 COCO things that were never annotated: none of them is in any file. Masks in which the class ids
11, 25, 28, 29, ... never occur were not converted."""

COCO_STUFF_RAW_IDS: Final[tuple[int, ...]] = tuple(r for r in range(182) if r not in COCO_STUFF_MISSING_RAW_IDS)
"""Id of each class in the stuffthingmaps PNGs, 0..181; 255 is unlabelled.

Source: mmseg, `tools/dataset_converters/coco_stuff164k.py` (`clsID_to_trID`), which writes `*_labelTrainIds.png`: those
files hold class ids already, not these.
"""

COCO_STUFF_156_15: Final = Protocol(
    name="coco-stuff-156-15",
    dataset="coco-stuff",
    class_split=ClassSplit(COCO_STUFF_NAMES, COCO_STUFF_UNSEEN),
    templates=VILD_15,
    test=SLIDE_512,
    schedule=schedule(80_000),
    sources=(
        "classes: mmseg, mmseg/datasets/coco_stuff.py; raw ids: mmseg, tools/dataset_converters/coco_stuff164k.py",
        "split: SPNet, data/datasets/cocostuff/split/novel_cls.npy; ZegCLIP, configs/coco/",
        "prompts, pipeline: ZegCLIP, coco_multi.npy, configs/_base_/datasets/cocostuff_512x512.py",
        "schedule: ZegCLIP, configs/coco/vpt_seg_zero_vit-b_512x512_80k_12_100_multi.py",
    ),
)
"""Train on train2017 (118,287 photos), test on val2017 (5,000)."""
