"""ADE20K with 150 and with 847 classes, as tests of a student that was trained on COCO-Stuff."""

from __future__ import annotations

import csv
from importlib import resources
from typing import Final

from clipteacher.protocols.protocol import Protocol
from clipteacher.protocols.splits import ClassSplit
from clipteacher.protocols.words import read_words
from clipteacher.protocols.zegclip import SLIDE_512
from clipteacher.teachers.prompts import VILD_15

ADE20K_150_NAMES: Final = read_words("""
    wall, building, sky, floor, tree, ceiling, road, bed, windowpane, grass, cabinet, sidewalk, person, earth, door,
    table, mountain, plant, curtain, chair, car, water, painting, sofa, shelf, house, sea, mirror, rug, field,
    armchair, seat, fence, desk, rock, wardrobe, lamp, bathtub, railing, cushion, base, box, column, signboard,
    chest of drawers, counter, sand, sink, skyscraper, fireplace, refrigerator, grandstand, path, stairs, runway,
    case, pool table, pillow, screen door, stairway, river, bridge, bookcase, blind, coffee table, toilet, flower,
    book, hill, bench, countertop, stove, palm, kitchen island, computer, swivel chair, boat, bar, arcade machine,
    hovel, bus, towel, light, truck, tower, chandelier, awning, streetlight, booth, television receiver, airplane,
    dirt track, apparel, pole, land, bannister, escalator, ottoman, bottle, buffet, poster, stage, van, ship,
    fountain, conveyer belt, canopy, washer, plaything, swimming pool, stool, barrel, basket, waterfall, tent, bag,
    minibike, cradle, oven, ball, food, step, tank, trade name, microwave, pot, animal, bicycle, lake, dishwasher,
    screen, blanket, sculpture, hood, sconce, vase, traffic light, tray, ashcan, fan, pier, crt screen, plate,
    monitor, bulletin board, shower, radiator, glass, clock, flag
""")
"""The 150 classes of ADEChallengeData2016 in the order of its ids 1..150, each by its first name.

Source: mmseg, `mmseg/datasets/ade.py`; CAT-Seg, `datasets/ade150.json`.

Deviation: both write "bed " with a space behind it, and prompt it so.
"""

ADE20K_150_RAW_IDS: Final = tuple(range(1, 151))
"""Id of each class in ADEChallengeData2016/annotations/*.png; 0 is other, which is ignored."""


# Raw id and name of each of the 847 classes of the full release of January 2021 (ADE20K_2021_17_01), in class order.
# Source: Mask2Former, `mask2former/data/datasets/register_ade20k_full.py` (`id`, `name`, in the order of `trainId`),
# which is MaskFormer's list (arXiv 2107.06278).
_CSV: Final = resources.files("clipteacher.protocols").joinpath("ade20k_847.csv").read_text(encoding="utf-8")
_ROWS: Final = tuple(csv.DictReader(_CSV.splitlines()))

ADE20K_847_RAW_IDS: Final[tuple[int, ...]] = tuple(int(row["raw_id"]) for row in _ROWS)
"""Id of each class in the full release, 6..3156. A pixel (R, G, B) of `*_seg.png` has the id R // 10 * 256 + G, where 0
means none.

Source: MaskFormer, `datasets/prepare_ade20k_full_sem_seg.py`.
"""

ADE20K_847_NAMES: Final[tuple[str, ...]] = tuple(row["name"] for row in _ROWS)
"""The 847 classes, each with all its synonyms in one string ("building, edifice"), and prompted so, as MaskFormer's
descendants do. The first synonyms alone are not unique: there are three bags."""

_SOURCES: Final = (
    "pipeline: OTSeg, configs/cross_dataset/coco-to-ade.py and configs/_base_/datasets/ade.py (512, slide 512/426)",
    "prompts are those that the student was trained with (coco-stuff-156-15); the field has no common ones here",
)

ADE20K_150: Final = Protocol(
    name="ade20k-150",
    dataset="ade20k",
    class_split=ClassSplit(ADE20K_150_NAMES, ()),
    templates=VILD_15,
    test=SLIDE_512,
    sources=("classes, 0 = other = ignored: mmseg, mmseg/datasets/ade.py; CAT-Seg, datasets/ade150.json", *_SOURCES),
)
"""Mean IoU over all 150 classes on validation (2,000 photos), for a student trained on COCO-Stuff."""

ADE20K_847: Final = Protocol(
    name="ade20k-847",
    dataset="ade20k-full",
    class_split=ClassSplit(ADE20K_847_NAMES, ()),
    templates=VILD_15,
    test=SLIDE_512,
    sources=(
        "classes: Mask2Former, mask2former/data/datasets/register_ade20k_full.py",
        "raw ids: MaskFormer, datasets/prepare_ade20k_full_sem_seg.py, which first shrinks photos and labels to a "
        "shorter side of 512; here labels stay at their own size",
        *_SOURCES,
    ),
)
"""Mean IoU over all 847 classes on validation (2,000 photos), for a student trained on COCO-Stuff.

Deviation: MaskFormer's preparation shrinks labels to a shorter side of 512 and its descendants score there; here scores
are counted at the labels' own size.
"""
