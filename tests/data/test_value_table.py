"""Tables from the values in released files to class ids, against naive rules and values typed here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.data.tiny_copies import write_ade20k, write_ade20k_full, write_coco_stuff, write_context, write_voc12

from clipteacher.data.ade20k import ade20k, ade20k_full
from clipteacher.data.coco_stuff import coco_stuff
from clipteacher.data.context import context
from clipteacher.data.source import Source, value_table
from clipteacher.data.voc import voc12
from clipteacher.protocols import coco_stuff as coco_protocol
from clipteacher.protocols.ade20k import ADE20K_847_RAW_IDS
from clipteacher.protocols.context import CONTEXT_NAMES, CONTEXT_PNG_NAMES
from clipteacher.protocols.voc import VOC_NAMES


def written_context(form: str, *, background: bool) -> Callable[[Path], Source]:
    def opened(root: Path) -> Source:
        write_context(root, form)
        return context(root, "val", background=background)

    return opened


def written(write: Callable[[Path], Any], reader: Callable[[Path, str], Source]) -> Callable[[Path], Source]:
    def opened(root: Path) -> Source:
        write(root)
        return reader(root, "val")

    return opened


OPENED: dict[str, tuple[Callable[[Path], Source], int, int, int]] = {
    "voc": (written(write_voc12, voc12), 256, 20, 255),
    "coco": (written(write_coco_stuff, coco_stuff), 256, 171, 255),
    "mat": (written_context("mat", background=False), 65536, 59, 255),
    "mat-bg": (written_context("mat", background=True), 65536, 60, 255),
    "home": (written_context("home", background=False), 256, 59, 255),
    "home-bg": (written_context("home", background=True), 256, 60, 255),
    "converted": (written_context("png", background=False), 256, 59, 255),
    "converted-bg": (written_context("png", background=True), 256, 60, 255),
    "ade-150": (written(write_ade20k, ade20k), 256, 150, 255),
    "ade-847": (written(write_ade20k_full, ade20k_full), 65536, 847, 65535),
}


@pytest.mark.parametrize("name", OPENED)
def test_every_class_has_a_raw_id(name: str, tmp_path: Path) -> None:
    opened, size, classes, ignore = OPENED[name]
    source = opened(tmp_path)
    assert (source.table.shape, source.ignore) == ((size,), ignore)
    assert source.table.dtype == np.int32
    assert sorted(set(source.table.tolist()) - {-1, ignore}) == list(range(classes))
    with pytest.raises(ValueError, match="read-only"):
        source.table[0] = 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("voc", {0: 255, 1: 0, 16: 15, 20: 19, 21: -1, 254: -1, 255: 255}),
        ("converted", {0: 255, 1: 0, 59: 58, 60: -1, 255: -1}),
        ("converted-bg", {0: 0, 1: 1, 59: 59, 60: -1, 255: -1}),
        ("home", {0: 255, 59: 58, 60: -1, 255: -1}),
        ("home-bg", {0: 0, 1: 1, 2: 6, 59: 59, 60: -1, 255: -1}),
        ("mat", {0: 255, 1: 255, 3: 255, 431: 255, 458: 58, 459: 255, 460: -1}),
        ("mat-bg", {0: 0, 1: 0, 2: 1, 9: 2, 431: 0, 458: 59, 459: 0, 460: -1}),
        ("ade-150", {0: 255, 1: 0, 150: 149, 151: -1, 255: -1}),
        # Typed from MaskFormer's list: id of wall, building, sky, ad, amphitheater, aircraft carrier, adding machine.
        ("ade-847", {2978: 0, 312: 1, 2420: 2, 6: 263, 3114: 264, 3144: 99, 3148: 846}),
        ("ade-847", {0: 65535, 1: 65535, 3157: 65535, 255 // 10 * 256 + 255: 65535, 6656: -1}),
    ],
)
def test_spots(name: str, expected: dict[int, int], tmp_path: Path) -> None:
    table = OPENED[name][0](tmp_path).table
    assert {raw: int(table[raw]) for raw in expected} == expected


def test_coco_stuff_ids_are_ranks_among_the_ids_that_occur(tmp_path: Path) -> None:
    missing = {11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90}
    ranks = {raw: i for i, raw in enumerate(raw for raw in range(182) if raw not in missing)}
    table, names = OPENED["coco"][0](tmp_path).table, coco_protocol.COCO_STUFF_NAMES
    assert table.tolist() == [*(ranks.get(raw, -1) for raw in range(255)), 255]
    assert len(coco_protocol.COCO_STUFF_RAW_IDS) == 171
    # Typed from SPNet's novel_cls.npy, in raw ids.
    unseen = [20, 24, 32, 33, 40, 56, 86, 99, 105, 123, 144, 147, 148, 168, 171]
    assert tuple(names[i] for i in table[unseen]) == coco_protocol.COCO_STUFF_UNSEEN
    spots = {0: "person", 12: "stop sign", 89: "toothbrush", 91: "banner", 156: "sky-other", 181: "wood"}
    assert {raw: names[table[raw]] for raw in spots} == spots


def test_context_ids_of_the_459_labels(tmp_path: Path) -> None:
    table = OPENED["mat"][0](tmp_path).table
    spots = {2: "aeroplane", 9: "bag", 85: "computer", 98: "cow", 397: "table", 416: "train", 427: "tvmonitor"}
    assert {raw: CONTEXT_NAMES[table[raw]] for raw in spots} == spots
    assert int(((table != 255) & (table != -1)).sum()) == 59
    assert int((OPENED["mat-bg"][0](tmp_path).table == 0).sum()) == 460 - 59


def test_context_pngs_have_vocs_classes_first(tmp_path: Path) -> None:
    table = OPENED["home"][0](tmp_path).table
    spots = {1: "aeroplane", 2: "bicycle", 11: "table", 20: "tvmonitor", 21: "bag", 42: "curtain", 52: "bedclothes"}
    assert {raw: CONTEXT_NAMES[table[raw]] for raw in spots} == spots
    assert CONTEXT_PNG_NAMES[:20] == tuple(n if n != "diningtable" else "table" for n in VOC_NAMES)
    assert set(CONTEXT_PNG_NAMES) == set(CONTEXT_NAMES)


def test_raw_ids_of_the_full_ade20k() -> None:
    assert (min(ADE20K_847_RAW_IDS), max(ADE20K_847_RAW_IDS)) == (6, 3156)


@pytest.mark.parametrize(("rest_id", "expected"), [(None, 255), (0, 0)])
def test_a_table_as_a_loop_gives_it(rest_id: int | None, expected: int) -> None:
    raw_ids, rest = (4, 0, 9), range(11)
    naive = [raw_ids.index(raw) if raw in raw_ids else expected if raw in rest else -1 for raw in range(12)]
    assert value_table(raw_ids, 12, rest=rest, rest_id=rest_id).tolist() == naive


@pytest.mark.parametrize("raw_ids", [(1, 2, 1), (1, 5), (-1,)])
def test_bad_tables(raw_ids: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"raw_ids: got .*, expected each of them once and in 0\.\.4"):
        value_table(raw_ids, 5, rest=())
