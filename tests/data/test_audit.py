"""The label audit: each known mistake is caught and told apart, and nothing healthy is refused."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.data.tiny_copies import (
    COCO_GAPS,
    COCO_RAW,
    write_ade20k,
    write_ade20k_full,
    write_coco_stuff,
    write_context,
    write_folder,
    write_grey,
    write_voc12,
)

from clipteacher.data.ade20k import ade20k, ade20k_full
from clipteacher.data.audit import LabelAudit, audit_labels, check_audit
from clipteacher.data.coco_stuff import coco_stuff
from clipteacher.data.context import context
from clipteacher.data.files import DataError, Record
from clipteacher.data.folder import FolderSource
from clipteacher.data.source import Source, value_table
from clipteacher.data.value_counts import count_values
from clipteacher.data.voc import voc12
from clipteacher.protocols.coco_stuff import COCO_STUFF_NAMES
from clipteacher.protocols.voc import VOC_NAMES

MANY = 12  # masks; more than ENOUGH_MASKS


def source_of(masks: Sequence[NDArray[Any]], names: Sequence[str]) -> Source:
    """A source in memory; by default its values are class ids and 255."""
    records = [Record(Path(f"{i}.jpg"), Path(f"{i}.png")) for i in range(len(masks))]
    by_path = {record.mask: mask.astype(np.uint8) for record, mask in zip(records, masks, strict=True)}
    return Source(records, names, value_table(range(len(names)), rest=(255,)), fix="", decode=by_path.__getitem__)


def audited(source: Source, held_back: Sequence[str] = ()) -> LabelAudit:
    return audit_labels(source, count_values(source), held_back)


def drawn(classes: int, count: int = MANY, seed: int = 0) -> list[NDArray[Any]]:
    """Right masks of class ids in which every class and some ignored pixels occur."""
    rng = np.random.default_rng(seed)
    return [rng.permutation(np.array([*range(classes), *[255] * 9])).reshape(1, -1) for _ in range(count)]


def test_right_masks_pass() -> None:
    found = audited(source_of(drawn(20), VOC_NAMES))
    assert found == LabelAudit((), (), (), False)
    check_audit(found, "train")


def shifted(mask: NDArray[Any]) -> NDArray[Any]:
    return np.where(mask == 255, 255, mask + 1)


def zero_reduction_forgotten(mask: NDArray[Any]) -> NDArray[Any]:
    """VOC's PNGs as they are: 0 = background, 1..20, 255 = void."""
    values = np.where(mask == 255, 0, mask + 1)
    values[..., :2] = 255
    return values


def reduced_again(mask: NDArray[Any]) -> NDArray[Any]:
    """mmseg's rule once more: 0 becomes 255, one is subtracted, 254 becomes 255."""
    values = np.where(mask == 0, 255, mask) - 1
    return np.where(values == 254, 255, values)


def one_less_everywhere(mask: NDArray[Any]) -> NDArray[Any]:
    """One subtracted from every value of 8 bits: 255 becomes 254 and 0 becomes 255."""
    return (mask.astype(np.uint8) - np.uint8(1)).astype(np.uint8)


@pytest.mark.parametrize(
    ("fault", "cure", "unusable"),
    [
        (shifted, r"got value 20 .*expected values 0\.\.19 .*count from 1 instead of 0.*Subtract one", True),
        (zero_reduction_forgotten, r"zero reduction was forgotten, and 0 fills .*Put 255 for 0 and subtract one", True),
        (reduced_again, r"last class, 'tvmonitor', never occurs.*once too often.*Undo the subtraction", False),
        (one_less_everywhere, r"got value 254 .*ignore label 255 minus one", True),
        (lambda mask: mask * 0 + 255, r"No pixel has a class", False),
        (lambda mask: np.where(mask == 3, 99, mask), r"got value 99 .*No class has such an id", True),
    ],
)
def test_each_fault_of_a_folder(fault: Callable[[Any], Any], cure: str, unusable: bool) -> None:
    """VOC's classes in a folder of one's own, class ids 0..19."""
    masks = [fault(mask) for mask in drawn(20)]
    if fault is one_less_everywhere:
        masks = [np.where(mask == 255, 254, mask) for mask in masks]  # 0 did not occur in any of them
    found = audited(source_of(masks, VOC_NAMES))
    assert len(found.faults) == 1
    assert found.unusable is unusable
    with pytest.raises(DataError, match=rf"label audit of val: .*{cure}") as error:
        check_audit(found, "val")
    assert ("continue with --data.audit false" in str(error.value)) is not unusable


def raw(mask: NDArray[Any]) -> NDArray[Any]:
    return np.where(mask == 255, 255, np.array([*COCO_RAW, *[0] * 85])[mask])


def test_raw_coco_ids_in_a_folder() -> None:
    found = audited(source_of([raw(mask) for mask in drawn(171)], COCO_STUFF_NAMES))
    assert "got value 171 (in 12 of 12 masks), 172" in found.faults[0]
    assert "raw COCO-Stuff ids 0..181" in found.faults[0]
    assert "coco-stuff-156-15" in found.faults[0]


def test_raw_coco_ids_that_stay_in_range() -> None:
    """Where ids from 171 on happen not to occur, the gaps tell."""
    masks = [np.where(raw(mask) > 170, 255, raw(mask)) for mask in drawn(171)]
    found = audited(source_of(masks, COCO_STUFF_NAMES))
    assert "Exactly the ids 11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90 never occur" in found.faults[0]
    assert not found.unusable
    assert set(found.absent) == {COCO_STUFF_NAMES[gap] for gap in COCO_GAPS}


@pytest.mark.parametrize("present", [20, 60, 100, 150])
def test_a_small_sample_of_coco_is_not_refused(present: int) -> None:
    """Chance does leave ids out; that it should be just those eleven needs most of the others to occur."""
    for seed in range(20):
        kept = np.random.default_rng(seed).choice(171, present, replace=False)
        found = audited(
            source_of([np.where(np.isin(mask, kept), mask, 255) for mask in drawn(171, 2)], COCO_STUFF_NAMES)
        )
        assert not found.faults
        assert f"{171 - present} of 171 classes never occur in 2 masks" in found.warnings[0]


def test_rare_classes_are_a_warning() -> None:
    for absent in (0, 7, 19):
        masks = [np.where(mask == absent, 255, mask) for mask in drawn(20, 5)]
        found = audited(source_of(masks, VOC_NAMES))
        assert not found.faults, "five masks are a small sample, whichever class they lack"
        assert found.absent == (VOC_NAMES[absent],)
        assert f"1 of 20 classes never occur in 5 masks: {VOC_NAMES[absent]}." in found.warnings[0]
        check_audit(found, "train")


def test_other_absent_classes_are_a_warning_in_many_masks_too() -> None:
    for absent in (0, 7):
        masks = [np.where(mask == absent, 255, mask) for mask in drawn(20)]
        found = audited(source_of(masks, VOC_NAMES))
        assert not found.faults
        assert ("count from 1" in found.warnings[0]) is (absent == 0)
    two = [np.where((mask == 7) | (mask == 19), 255, mask) for mask in drawn(20)]
    assert not audited(source_of(two, VOC_NAMES)).faults


def test_the_last_class_without_an_ignored_pixel_is_a_warning() -> None:
    """Nothing was eaten: class 0 would be ignored now."""
    masks = [np.where(mask >= 19, 0, mask) for mask in drawn(20)]
    found = audited(source_of(masks, VOC_NAMES))
    assert not found.faults
    assert "It is the last one" in found.warnings[0]


def test_what_is_held_back_may_be_absent() -> None:
    masks = [reduced_again(mask) for mask in drawn(20)]
    found = audited(source_of(masks, VOC_NAMES), held_back=["tvmonitor"])
    assert found == LabelAudit((), (), ("tvmonitor",), False)


def test_one_class() -> None:
    """0 may be the object or what is around it: the audit says what both mean."""
    found = audited(source_of([np.array([[0, 255]])] * MANY, ["sky"]))
    assert (found.faults, found.absent, found.unusable) == ((), (), False)
    (warning,) = found.warnings
    assert "0 is 'sky', and 255 means not labelled: nothing is learned of it" in warning
    assert "If 255 is 'sky', put 1 for 255; if 0 is, put 1 in it and 0 around it" in warning
    assert "classes.txt two lines: background, sky." in warning
    assert audited(source_of([np.array([[0, 0]])] * MANY, ["sky"])) == LabelAudit((), (), (), False)


@pytest.mark.parametrize(("count", "kind"), [(MANY, "faults"), (3, "warnings")])
def test_masks_of_0_and_255_with_two_names(count: int, kind: str) -> None:
    masks = [np.array([[0, 255]])] * count
    found = audited(source_of(masks, ["background", "cat"]))
    assert len(found.faults) + len(found.warnings) == 1
    (told,) = getattr(found, kind)
    assert "255 means not labelled: nothing is learned of 'cat', which never occurs" in told
    assert "If 255 is 'cat', put its id, 1, for 255." in told
    assert "once too often" not in told
    held_back = audited(source_of(masks, ["background", "cat"]), held_back=["cat"])
    assert held_back == LabelAudit((), (), ("cat",), False)


def test_masks_of_0_and_255_with_more_names() -> None:
    found = audited(source_of([np.array([[0, 255]])] * MANY, ["sky", "cat", "dog"]), held_back=["cat"])
    assert not found.faults
    assert "nothing is learned of 'dog', which never occurs. If 255 is 'dog', put its id, 2" in found.warnings[0]


@pytest.mark.parametrize("more", [[], [255]])
def test_masks_of_0_and_1_with_one_name(more: list[int]) -> None:
    found = audited(source_of([np.array([[0, 1, *more]])] * MANY, ["cat"]))
    (fault,) = found.faults
    assert "got value 1 (in 12 of 12 masks), expected values 0 (1 classes)" in fault
    assert "0 around it, 1 in it. If 1 is 'cat', make classes.txt two lines: background, cat." in fault
    assert found.unusable


def test_what_the_reader_found_is_told_first() -> None:
    masks, names = drawn(3), ["0 sky", "1 cat", "2 dog"]
    source = source_of([np.where(mask == 1, 255, mask) for mask in masks], names)
    source.faults, source.warnings = ("numbers",), ("three files",)
    assert audited(source) == LabelAudit(("numbers",), ("three files",), ("1 cat",), False)


def rewrite(source: Source, change: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
    for index in range(len(source)):
        write_grey(source.paths(index).mask, change(source.values(index).astype(np.int64)))


def test_converted_coco_masks_in_place_of_the_released(tmp_path: Path) -> None:
    written = write_coco_stuff(tmp_path)
    source = coco_stuff(tmp_path, "train")
    assert not audited(source).faults
    for index in range(len(source)):
        write_grey(source.paths(index).mask, written["train"][source.paths(index).image.stem])
    assert "the masks were converted to 0..170 before" in audited(source).faults[0]


def test_coco_ids_from_1(tmp_path: Path) -> None:
    write_coco_stuff(tmp_path)
    source = coco_stuff(tmp_path, "train")
    rewrite(source, lambda raw: np.where(raw == 255, 0, raw + 1))
    assert "raw ones plus one (1..182, 0 = unlabelled)" in audited(source).faults[0]


def test_voc_masks_that_were_reduced_before(tmp_path: Path) -> None:
    write_voc12(tmp_path, train=MANY, val=1, added=0, sbd="png")
    source = voc12(tmp_path, "train-voc")
    assert not audited(source).faults
    rewrite(source, reduced_again)
    assert "The last class, 'tvmonitor', never occurs" in audited(source).faults[0]


def test_ade20k_masks_that_were_reduced_before(tmp_path: Path) -> None:
    write_ade20k(tmp_path)
    source = ade20k(tmp_path, "train")
    assert not audited(source).faults
    rewrite(source, reduced_again)
    assert "Masks as released do not have 255: these were reduced before" in audited(source).faults[0]


@pytest.mark.parametrize("background", [False, True])
def test_context_masks_that_were_reduced_before(tmp_path: Path, background: bool) -> None:
    write_context(tmp_path, "png")
    source = context(tmp_path, "train", background=background)
    assert not audited(source).faults
    rewrite(source, reduced_again)
    assert "Masks as released do not have 255" in audited(source).faults[0]


def test_a_mask_of_16_bits(tmp_path: Path) -> None:
    write_ade20k_full(tmp_path)
    source = ade20k_full(tmp_path, "train")
    found = audited(source)
    assert not found.faults
    assert len(found.absent) == 847 - 8
    assert "ignore" in source.known_values()


def test_the_first_mask_with_a_wrong_value_is_named(tmp_path: Path) -> None:
    right = np.array([[0, 1], [2, 255]])
    write_folder(tmp_path, ["sky", "cat", "tree"], {"train": {"a": right, "b": right, "c": right + 3, "d": right + 3}})
    source = FolderSource(tmp_path, "train")
    found = audited(source)
    assert (
        f"{tmp_path}/masks/train/c.png: got value 3 (in 2 of 4 masks), 4 (in 2 of 4 masks), 5 (in 2" in found.faults[0]
    )
