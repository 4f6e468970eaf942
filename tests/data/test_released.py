"""Each data set in its released layout is read back pixel by pixel; what is missing is named with its cure."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.data.tiny_copies import (
    Written,
    write_ade20k,
    write_ade20k_full,
    write_coco_stuff,
    write_context,
    write_grey,
    write_lines,
    write_mat,
    write_msrc21,
    write_voc12,
)

from clipteacher.data.ade20k import ade20k, ade20k_full
from clipteacher.data.coco_stuff import coco_stuff
from clipteacher.data.context import context
from clipteacher.data.files import DataError, read_image
from clipteacher.data.opened import RELEASES
from clipteacher.data.source import Source
from clipteacher.data.voc import voc12
from clipteacher.protocols.named import PROTOCOLS, protocol_named
from clipteacher.protocols.protocol import DATASETS

Reader = Callable[[Path, str], Source]


def check(source: Source, expected: dict[str, Any], dtype: type[Any] = np.uint8) -> None:
    """Stems, photos and labels are those that were written."""
    assert [source.paths(index).image.stem for index in range(len(source))] == sorted(expected)
    for index in range(len(source)):
        photo, labels = source.read(index)
        assert labels.dtype == dtype
        np.testing.assert_array_equal(labels, expected[source.paths(index).image.stem])
        np.testing.assert_array_equal(source.labels(index), labels)
        np.testing.assert_array_equal(photo, read_image(source.paths(index).image))


@pytest.mark.parametrize("sbd", ["mat", "png"])
def test_voc12(tmp_path: Path, sbd: str) -> None:
    written = write_voc12(tmp_path, sbd=sbd)
    for split in ("train", "train-voc", "val"):
        check(voc12(tmp_path, split), written[split])
    source = voc12(tmp_path, "train")
    assert len(source) == 4
    assert source.names[14] == "person"
    assert source.ignore == 255
    assert not set(written["train"]) & set(written["val"]), "SBD lists a photo of val, which must not be trained on"
    for root in (tmp_path / "VOCdevkit", tmp_path / "VOCdevkit" / "VOC2012"):
        check(voc12(root, "val"), written["val"])


def test_voc12_with_deeplabs_list(tmp_path: Path) -> None:
    """`trainaug.txt` holds train.txt too; masks of those are VOC's own."""
    written = write_voc12(tmp_path, sbd="png")
    lists = tmp_path / "VOCdevkit/VOC2012/ImageSets/Segmentation"
    (lists / "aug.txt").unlink()
    write_lines(lists / "trainaug.txt", [f"{stem}" for stem in written["train"]])
    for stem in written["train-voc"]:
        write_grey(tmp_path / f"VOCdevkit/VOC2012/SegmentationClassAug/{stem}.png", np.full((48, 64), 3))
    check(voc12(tmp_path, "train"), written["train"])
    write_lines(lists / "trainaug.txt", [*written["train"], *written["val"]])
    with pytest.raises(DataError, match=r"trainaug\.txt: got 2 photos of val\.txt, such as 2007_000501"):
        voc12(tmp_path, "train")


def test_voc12_without_sbd(tmp_path: Path) -> None:
    written = write_voc12(tmp_path, sbd="none", added=0)
    check(voc12(tmp_path, "val"), written["val"])
    check(voc12(tmp_path, "train-voc"), written["train-voc"])
    with pytest.raises(DataError, match=r"got no SBD, .*prepare voc12 --root .* Or train on VOC's own .*train-voc"):
        voc12(tmp_path, "train")


def test_coco_stuff(tmp_path: Path) -> None:
    written = write_coco_stuff(tmp_path)
    for split in ("train", "val"):
        source = coco_stuff(tmp_path, split)
        check(source, written[split])
        assert (source.names[11], source.names[170]) == ("stop sign", "wood")
    (tmp_path / "images").mkdir()
    for folder in ("train2017", "val2017"):
        (tmp_path / folder).rename(tmp_path / "images" / folder)
    (tmp_path / "stuffthingmaps").rename(tmp_path / "annotations")
    check(coco_stuff(tmp_path, "val"), written["val"])


@pytest.mark.parametrize("form", ["mat", "png", "home"])
@pytest.mark.parametrize("lists", ["Main", "SegmentationContext"])
def test_context(tmp_path: Path, form: str, lists: str) -> None:
    written = write_context(tmp_path, form, lists=lists)
    for split in ("train", "val"):
        source = context(tmp_path, split)
        check(source, written[split])
        assert len(source.names) == 59
        with_background = {stem: np.where(ids == 255, 0, ids + 1) for stem, ids in written[split].items()}
        source = context(tmp_path, split, background=True)
        check(source, with_background)
        assert source.names[:2] == ("background", "aeroplane")


def test_context_prefers_mmsegs_own_list(tmp_path: Path) -> None:
    """Three photos of VOC 2010's lists have no mask in the detail API's file."""
    written = write_context(tmp_path, "png", train=3)
    kept = list(written["train"])[:2]
    (tmp_path / f"VOCdevkit/VOC2010/SegmentationClassContext/{list(written['train'])[2]}.png").unlink()
    with pytest.raises(DataError, match=r"2008_000003\.png: no such file, and 1 of 3 are missing"):
        context(tmp_path, "train")
    write_lines(tmp_path / "VOCdevkit/VOC2010/ImageSets/SegmentationContext/train.txt", kept)
    assert len(context(tmp_path, "train")) == 2


def test_ade20k(tmp_path: Path) -> None:
    written = write_ade20k(tmp_path)
    for root in (tmp_path, tmp_path / "ADEChallengeData2016"):
        for split in ("train", "val"):
            source = ade20k(root, split)
            check(source, written[split])
            assert (source.names[0], source.names[149]) == ("wall", "flag")


def test_ade20k_full(tmp_path: Path) -> None:
    written = write_ade20k_full(tmp_path)
    for root in (tmp_path, tmp_path / "ADE20K_2021_17_01"):
        for split in ("train", "val"):
            source = ade20k_full(root, split)
            check(source, written[split], np.uint16)
            assert source.ignore == 65535
            assert (source.names[0], source.names[12], source.names[255]) == ("wall", "grass", "pier")


def writers() -> dict[str, Callable[[Path], Written]]:
    return {
        "voc12": write_voc12,
        "coco-stuff": write_coco_stuff,
        "context": write_context,
        "ade20k": write_ade20k,
        "ade20k-full": write_ade20k_full,
        "msrc21": lambda root: write_msrc21(root, protocol_named("msrc21-16-5").class_split.names),
    }


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_every_protocol_opens_its_data(tmp_path: Path, protocol: Any) -> None:  # noqa: ANN401
    written = writers()[protocol.dataset](tmp_path)
    for split in ("train", "val"):
        source = RELEASES[protocol.dataset].open(tmp_path, split, protocol)
        assert source.names == protocol.class_split.names
        assert source.ignore == protocol.class_split.ignore
        assert len(source) == len(written[split])
        assert source.labels(0).shape == (48, 64)
    assert RELEASES.keys() == writers().keys() == set(DATASETS)


READERS: dict[str, Reader] = {
    "voc12": voc12,
    "coco-stuff": coco_stuff,
    "context": context,
    "ade20k": ade20k,
    "ade20k-full": ade20k_full,
}


@pytest.mark.parametrize("name", READERS)
def test_nothing_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=rf"got no .*expected them in .*`clipteacher prepare {name} --root {tmp_path}`"):
        READERS[name](tmp_path, "train")


@pytest.mark.parametrize("name", READERS)
def test_an_unknown_split(tmp_path: Path, name: str) -> None:
    writers()[name](tmp_path)
    with pytest.raises(DataError, match=rf"split: got 'test', expected one that {name} has: train.*val"):
        READERS[name](tmp_path, "test")


@pytest.mark.parametrize("name", READERS)
def test_a_missing_mask_is_named(tmp_path: Path, name: str) -> None:
    writers()[name](tmp_path)
    gone = READERS[name](tmp_path, "val").paths(1).mask
    gone.unlink()
    with pytest.raises(DataError, match=rf"{gone.name}.*1 of 2.*clipteacher prepare {name}"):
        READERS[name](tmp_path, "val")


@pytest.mark.parametrize("name", READERS)
def test_a_missing_photo_is_named(tmp_path: Path, name: str) -> None:
    """Where there is a list, a photo that it names must be there; where there is none, it is not known of."""
    writers()[name](tmp_path)
    gone = READERS[name](tmp_path, "val").paths(1).image
    gone.unlink()
    if name in ("voc12", "context"):
        with pytest.raises(DataError, match=rf"{gone.name}: no such file, and 1 of 2"):
            READERS[name](tmp_path, "val")
    else:
        assert len(READERS[name](tmp_path, "val")) == 1


def test_missing_and_broken_lists(tmp_path: Path) -> None:
    write_voc12(tmp_path)
    path = tmp_path / "VOCdevkit/VOC2012/ImageSets/Segmentation/val.txt"
    path.write_text("2007_000501\n2007_000501\n")
    with pytest.raises(DataError, match=r"val\.txt: got 2 lines with 1 different photos"):
        voc12(tmp_path, "val")
    path.write_text("\n")
    with pytest.raises(DataError, match=r"val\.txt: got 0 lines"):
        voc12(tmp_path, "val")
    path.unlink()
    with pytest.raises(DataError, match=r"val\.txt: no such file, expected a list of photos.*prepare voc12"):
        voc12(tmp_path, "val")


def test_context_without_masks_or_lists(tmp_path: Path) -> None:
    write_context(tmp_path)
    devkit = tmp_path / "VOCdevkit/VOC2010"
    (devkit / "ImageSets/Main/train.txt").unlink()
    with pytest.raises(DataError, match=r"train\.txt: no such file"):
        context(tmp_path, "train")
    (devkit / "trainval").rename(devkit / "elsewhere")
    with pytest.raises(DataError, match=r"expected a folder trainval, SegmentationClassContext or 59_context_labels"):
        context(tmp_path, "val")


def test_values_that_no_released_mask_has(tmp_path: Path) -> None:
    for name, value in (("coco-stuff", 11), ("ade20k", 151), ("voc12", 21)):
        root = tmp_path / name
        writers()[name](root)
        mask = READERS[name](root, "val").paths(0).mask
        write_grey(mask, np.full((48, 64), value))
        with pytest.raises(DataError, match=rf"{mask.name}: got value {value} \(3072 pixels\), expected values .*Use"):
            READERS[name](root, "val").labels(0)


def test_broken_mat_files(tmp_path: Path) -> None:
    write_context(tmp_path)
    source = context(tmp_path, "val")
    path = source.paths(0).mask
    path.write_bytes(b"MATLAB 5.0")
    with pytest.raises(DataError, match=rf"{path.name}: cannot be read"):
        source.labels(0)
    write_mat(path, {"other": np.ones((2, 2), np.uint16)})
    with pytest.raises(DataError, match=rf"{path.name}: got other, expected the variable LabelMap"):
        source.labels(0)
    for wrong in (np.ones((2, 2, 2), np.uint16), np.ones((2, 2)), np.full((2, 2), -1, np.int16)):
        write_mat(path, {"LabelMap": wrong})
        with pytest.raises(DataError, match=r"expected labels \(H, W\), whole numbers"):
            source.labels(0)
    write_voc12(tmp_path / "voc")
    source = voc12(tmp_path / "voc", "train")
    path = source.paths(3).mask
    write_mat(path, {"GTcls": np.ones((2, 2), np.uint8)})
    with pytest.raises(DataError, match=rf"{path.name}: got a GTcls without Segmentation"):
        source.labels(3)


def test_a_full_mask_that_is_not_in_colour(tmp_path: Path) -> None:
    write_ade20k_full(tmp_path)
    source = ade20k_full(tmp_path, "val")
    path = source.paths(0).mask
    Image.fromarray(np.zeros((48, 64), np.uint8)).save(path)
    with pytest.raises(DataError, match=rf"{path.name}: got a mask of mode L, expected RGB"):
        source.labels(0)
    path.write_bytes(b"")
    with pytest.raises(DataError, match=rf"{path.name}: cannot be read"):
        source.labels(0)


def test_photo_and_mask_of_two_sizes(tmp_path: Path) -> None:
    write_ade20k(tmp_path)
    source = ade20k(tmp_path, "val")
    write_grey(source.paths(0).mask, np.ones((48, 63)))
    with pytest.raises(DataError, match=r"got 63x48 .*, expected 64x48"):
        source.read(0)
    assert source.labels(0).shape == (48, 63), "the mask alone is read for what does not need the photo"
