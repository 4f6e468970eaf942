"""Tables from the ids in released files to class ids, against naive rules and values typed here."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from clipteacher.protocols import ade20k, coco_stuff, context, voc
from clipteacher.protocols.raw_ids import raw_id_table

Table = NDArray[np.unsignedinteger[Any]]


def naive_table(raw_ids: tuple[int, ...], size: int, rest: int) -> list[int]:
    return [raw_ids.index(raw) if raw in raw_ids else rest for raw in range(size)]


def classes_of(table: Table, ignore: int) -> list[int]:
    return sorted(int(value) for value in set(table.tolist()) if value != ignore)


@pytest.mark.parametrize(
    ("table", "size", "classes", "ignore"),
    [
        (voc.VOC_RAW_TO_ID, 256, 20, 255),
        (coco_stuff.COCO_STUFF_RAW_TO_ID, 256, 171, 255),
        (context.CONTEXT_MAT_TO_ID, 460, 59, 255),
        (context.CONTEXT_MAT_TO_ID_BG, 460, 60, 255),
        (context.CONTEXT_PNG_TO_ID, 256, 59, 255),
        (context.CONTEXT_PNG_TO_ID_BG, 256, 60, 255),
        (context.CONTEXT_CONVERTED_TO_ID, 256, 59, 255),
        (context.CONTEXT_CONVERTED_TO_ID_BG, 256, 60, 255),
        (ade20k.ADE20K_150_RAW_TO_ID, 256, 150, 255),
        (ade20k.ADE20K_847_RAW_TO_ID, 6656, 847, 65535),
    ],
)
def test_every_class_has_a_raw_id(table: Table, size: int, classes: int, ignore: int) -> None:
    assert table.shape == (size,)
    assert table.dtype == (np.uint8 if ignore == 255 else np.uint16)
    assert classes_of(table, ignore) == list(range(classes))
    with pytest.raises(ValueError, match="read-only"):
        table[0] = 1


def test_voc_is_reduced_by_one_and_its_background_ignored() -> None:
    assert voc.VOC_RAW_TO_ID[[0, 1, 16, 20, 21, 255]].tolist() == [255, 0, 15, 19, 255, 255]


def test_coco_stuff_ids_are_ranks_among_the_ids_that_occur() -> None:
    missing = {11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90}
    ranks = {raw: i for i, raw in enumerate(raw for raw in range(182) if raw not in missing)}
    table = coco_stuff.COCO_STUFF_RAW_TO_ID
    assert [int(value) for value in table] == [ranks.get(raw, 255) for raw in range(256)]
    assert len(coco_stuff.COCO_STUFF_RAW_IDS) == 171
    # Typed from SPNet's novel_cls.npy, in raw ids.
    unseen = [20, 24, 32, 33, 40, 56, 86, 99, 105, 123, 144, 147, 148, 168, 171]
    assert tuple(coco_stuff.COCO_STUFF_NAMES[i] for i in table[unseen]) == coco_stuff.COCO_STUFF_UNSEEN
    spots = {0: "person", 12: "stop sign", 89: "toothbrush", 91: "banner", 156: "sky-other", 181: "wood"}
    assert {raw: coco_stuff.COCO_STUFF_NAMES[table[raw]] for raw in spots} == spots


def test_context_ids_of_the_459_labels() -> None:
    table = context.CONTEXT_MAT_TO_ID
    spots = {2: "aeroplane", 9: "bag", 85: "computer", 98: "cow", 397: "table", 416: "train", 427: "tvmonitor"}
    assert {raw: context.CONTEXT_NAMES[table[raw]] for raw in spots} == spots
    assert table[[0, 1, 3, 431, 458, 459]].tolist() == [255, 255, 255, 255, 58, 255]
    assert int((table != 255).sum()) == 59
    with_background = context.CONTEXT_MAT_TO_ID_BG
    assert with_background[[0, 1, 2, 9, 431, 458, 459]].tolist() == [0, 0, 1, 2, 0, 59, 0]
    assert int((with_background == 0).sum()) == 460 - 59


def test_context_pngs_have_vocs_classes_first() -> None:
    table = context.CONTEXT_PNG_TO_ID
    spots = {1: "aeroplane", 2: "bicycle", 11: "table", 20: "tvmonitor", 21: "bag", 42: "curtain", 52: "bedclothes"}
    assert {raw: context.CONTEXT_NAMES[table[raw]] for raw in spots} == spots
    assert table[[0, 59, 60, 255]].tolist() == [255, 58, 255, 255]
    assert context.CONTEXT_PNG_NAMES[:20] == tuple(n if n != "diningtable" else "table" for n in voc.VOC_NAMES)
    assert set(context.CONTEXT_PNG_NAMES) == set(context.CONTEXT_NAMES)
    with_background = context.CONTEXT_PNG_TO_ID_BG
    assert with_background[[0, 1, 2, 59, 60, 255]].tolist() == [0, 1, 6, 59, 255, 255]


def test_converted_context_masks_are_reduced_by_one_or_stay() -> None:
    assert context.CONTEXT_CONVERTED_TO_ID[[0, 1, 59, 60, 255]].tolist() == [255, 0, 58, 255, 255]
    assert context.CONTEXT_CONVERTED_TO_ID_BG[[0, 1, 59, 60, 255]].tolist() == [0, 1, 59, 255, 255]


def test_ade20k() -> None:
    assert ade20k.ADE20K_150_RAW_TO_ID[[0, 1, 150, 151, 255]].tolist() == [255, 0, 149, 255, 255]
    table = ade20k.ADE20K_847_RAW_TO_ID
    # Typed from MaskFormer's list: id of wall, building, sky, ad, amphitheater, aircraft carrier, adding machine.
    assert table[[2978, 312, 2420, 6, 3114, 3144, 3148]].tolist() == [0, 1, 2, 263, 264, 99, 846]
    assert table[[0, 1, 3157, 6655]].tolist() == [65535] * 4
    assert (min(ade20k.ADE20K_847_RAW_IDS), max(ade20k.ADE20K_847_RAW_IDS)) == (6, 3156)
    red, green = np.array([110], np.uint8), np.array([162], np.uint8)  # 11 · 256 + 162 = 2978
    assert table[red.astype(int) // 10 * 256 + green].tolist() == [0]
    assert table[255 // 10 * 256 + 255] == 65535, "every colour has an entry"


@pytest.mark.parametrize(("rest", "expected"), [(None, 255), (0, 0)])
def test_a_table_as_a_loop_gives_it(rest: int | None, expected: int) -> None:
    raw_ids = (4, 0, 9)
    assert raw_id_table(raw_ids, 12, rest=rest).tolist() == naive_table(raw_ids, 12, expected)


@pytest.mark.parametrize(
    ("raw_ids", "size", "rest", "message"),
    [
        ((1, 2, 1), 5, None, r"raw_ids: got 1 twice"),
        ((1, 5), 5, None, r"raw_ids: got 5, expected 0\.\.4"),
        ((-1,), 5, None, r"raw_ids: got -1"),
        ((1, 2), 5, 2, r"rest: got 2, expected a class id 0\.\.1 or 255"),
        ((1, 2), 5, -1, r"rest: got -1"),
    ],
)
def test_bad_tables(raw_ids: tuple[int, ...], size: int, rest: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        raw_id_table(raw_ids, size, rest=rest)
