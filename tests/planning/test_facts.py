"""What decides a plan."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clipteacher.data.dataset import SegmentationDataset
from clipteacher.data.files import DataError
from clipteacher.data.folder import FolderSource
from clipteacher.planning.facts import data_facts, machine_facts
from clipteacher.protocols.splits import ClassSplit


def sets(root: Path, unseen: tuple[str, ...] = ()) -> tuple[SegmentationDataset, SegmentationDataset]:
    sources = [FolderSource(root, split) for split in ("train", "val")]
    split = ClassSplit(sources[0].names, unseen)
    return SegmentationDataset(sources[0], split, training=True), SegmentationDataset(sources[1], split, training=False)


def test_photos_are_counted_and_measured(folder: Path) -> None:
    facts = data_facts(*sets(folder))
    assert (facts.photos, facts.val_photos, facts.height, facts.width) == (5, 3, 70, 90)
    pixels = np.zeros(4)
    for path in (folder / "masks" / "train").iterdir():
        pixels += np.bincount(np.asarray(Image.open(path)).ravel(), minlength=256)[:4]
    assert list(facts.shares) == ["sky", "grass", "sun", "house"]
    assert list(facts.shares.values()) == pytest.approx(pixels / pixels.sum())


def test_the_shorter_side_of_photos_that_lie_and_stand(folder: Path) -> None:
    for number, path in enumerate(sorted((folder / "images" / "train").iterdir())):
        if number < 2:
            mask = folder / "masks" / "train" / f"{path.stem}.png"
            for each in (path, mask):
                turned = Image.open(each).transpose(Image.Transpose.ROTATE_90)
                turned.save(each)
    facts = data_facts(*sets(folder))
    assert facts.short_side == 70


def test_masks_of_held_back_classes_change_nothing(folder: Path) -> None:
    before = data_facts(*sets(folder, ("sun",)))
    assert "sun" not in before.shares
    for path in (folder / "masks" / "train").iterdir():
        mask = np.array(Image.open(path))
        rows, columns = np.nonzero(mask == 2)
        mask[rows[: len(rows) // 2], columns[: len(rows) // 2]] = 255
        Image.fromarray(mask).save(path)
    assert data_facts(*sets(folder, ("sun",))) == before


def test_a_turned_photo_is_measured_upright(folder: Path) -> None:
    for path in (folder / "images" / "train").iterdir():
        with Image.open(path) as image:
            exif = image.getexif()
            exif[0x0112] = 6
            image.save(path, exif=exif)
    facts = data_facts(*sets(folder))
    assert (facts.height, facts.width) == (90, 70)


def test_a_broken_photo_is_named(folder: Path) -> None:
    (folder / "images" / "train" / "scene0.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"scene0\.png: cannot be opened"):
        data_facts(*sets(folder))


def test_the_machine() -> None:
    facts = machine_facts("cpu")
    assert facts.device == "cpu"
    assert facts.cores >= 1
    assert not facts.bf16
    with pytest.raises(ValueError, match="device: got 'tpu'"):
        machine_facts("tpu")
