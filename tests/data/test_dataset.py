"""The folder dataset: labels, draws, cache; and that nothing of the unseen classes gets through."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.data.tiny_copies import write_ade20k_full
from torch.utils.data import DataLoader

from clipteacher.data.ade20k import ade20k_full
from clipteacher.data.augment import Augment
from clipteacher.data.dataset import Sample, SegmentationDataset
from clipteacher.data.files import DataError
from clipteacher.data.folder import FolderSource
from clipteacher.data.sampler import StepBatchSampler
from clipteacher.protocols.ade20k import ADE20K_847
from clipteacher.protocols.splits import ClassSplit

SPLIT = ClassSplit(names=("sky", "cat", "tree", "cow", "road"), unseen=("cat", "cow"))
AUGMENT = Augment(crop_size=(16, 20), scale=(0.5, 2.0))


def draw_folder(root: Path, photos: int = 5, scramble: bool = False) -> Path:
    """Photos of noise and masks of patches; `scramble` redraws unseen pixels among unseen ids and 255."""
    rng, other = np.random.default_rng(0), np.random.default_rng(1)
    for folder in ("images/train", "masks/train"):
        (root / folder).mkdir(parents=True)
    (root / "classes.txt").write_text("\n".join(SPLIT.names))
    for number in range(photos):
        pixels = rng.integers(0, 256, (24, 32 + number, 3), dtype=np.uint8)
        patches = rng.choice(np.array([0, 1, 2, 3, 4, 255], dtype=np.uint8), (6, 10))
        mask = patches.repeat(4, 0).repeat(4, 1)[:24, : 32 + number].copy()
        if scramble:
            hidden = np.isin(mask, [1, 3, 255])
            mask[hidden] = other.choice(np.array([1, 3, 255], dtype=np.uint8), hidden.sum())
        Image.fromarray(pixels).save(root / f"images/train/{number}.png")
        Image.fromarray(mask).save(root / f"masks/train/{number}.png")
    return root


def of_folder(root: Path, split: str, classes: ClassSplit, **options: Any) -> SegmentationDataset:  # noqa: ANN401
    return SegmentationDataset(FolderSource(root, split, classes.names), classes, **options)


def same(one: Sample, other: Sample) -> bool:
    return torch.equal(one.image, other.image) and torch.equal(one.mask, other.mask) and one.name == other.name


def test_test_samples_are_as_stored(tmp_path: Path) -> None:
    data = of_folder(draw_folder(tmp_path), "train", SPLIT, training=False)
    assert len(data) == 5
    image, mask, name, _ = data[3]
    assert name == "3"
    assert (image.dtype, mask.dtype) == (torch.uint8, torch.uint8)
    assert image.is_contiguous()
    stored = np.array(Image.open(tmp_path / "images/train/3.png"))
    np.testing.assert_array_equal(image.numpy(), stored.transpose(2, 0, 1))
    np.testing.assert_array_equal(mask.numpy(), np.array(Image.open(tmp_path / "masks/train/3.png")))


def test_masks_of_more_than_255_classes_are_int32(tmp_path: Path) -> None:
    written = write_ade20k_full(tmp_path)
    data = SegmentationDataset(ade20k_full(tmp_path, "val"), ADE20K_847.class_split, training=False)
    _, mask, name, _ = data[0]
    assert mask.dtype == torch.int32
    np.testing.assert_array_equal(mask.numpy(), written["val"][name])
    assert mask.max() == 65535


def test_training_labels(tmp_path: Path) -> None:
    root = draw_folder(tmp_path)
    data = of_folder(root, "train", SPLIT, training=True)
    stored = np.array(Image.open(root / "masks/train/0.png"))
    for file_id, label in {0: 0, 1: 255, 2: 1, 3: 255, 4: 2, 255: 255}.items():
        assert set(data[0].mask.numpy()[stored == file_id].tolist()) <= {label}


@pytest.mark.parametrize("augment", [None, AUGMENT])
def test_unseen_values_leave_no_trace(tmp_path: Path, augment: Augment | None) -> None:
    plain = draw_folder(tmp_path / "plain")
    scrambled = draw_folder(tmp_path / "scrambled", scramble=True)
    assert (plain / "masks/train/0.png").read_bytes() != (scrambled / "masks/train/0.png").read_bytes()
    one, other = (of_folder(root, "train", SPLIT, training=True, augment=augment) for root in (plain, scrambled))
    for index in range(len(one)):
        for draw in range(4):
            assert same(one[index, draw], other[index, draw])


def test_the_draw_alone_decides(tmp_path: Path) -> None:
    data = of_folder(draw_folder(tmp_path), "train", SPLIT, training=True, augment=AUGMENT)
    torch.manual_seed(0)
    first = data[1, 2**63 - 1]
    state = torch.get_rng_state()
    torch.manual_seed(1)
    assert same(data[1, 2**63 - 1], first)
    assert not same(data[1, 8], first)
    torch.manual_seed(0)
    assert torch.equal(torch.get_rng_state(), state), "the caller's generator must not move"
    assert not same(data[1], data[1])


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_the_same_in_any_worker(tmp_path: Path, workers: int) -> None:
    data = of_folder(draw_folder(tmp_path), "train", SPLIT, training=True, augment=AUGMENT)
    sampler = StepBatchSampler(len(data), batch_size=4, steps=3, seed=5)
    loader = DataLoader(data, batch_sampler=sampler, num_workers=workers)
    for keys, batch in zip(sampler, loader, strict=True):
        assert isinstance(batch, Sample)
        assert batch.image.shape == (4, 3, 16, 20)
        assert batch.mask.shape == (4, 16, 20)
        assert torch.equal(batch.image, torch.stack([data[key].image for key in keys]))
        assert torch.equal(batch.mask, torch.stack([data[key].mask for key in keys]))


def test_cache_changes_nothing_and_is_never_written(tmp_path: Path) -> None:
    root = draw_folder(tmp_path)
    fresh = of_folder(root, "train", SPLIT, training=True, augment=AUGMENT)
    cached = of_folder(root, "train", SPLIT, training=True, augment=AUGMENT, cache=True)
    expected = [fresh[0, draw] for draw in range(6)]
    cached.verify()
    for file in (*root.glob("images/train/*"), *root.glob("masks/train/*")):
        file.unlink()
    for _ in range(2):
        assert all(same(cached[0, draw], sample) for draw, sample in enumerate(expected))
    plain = of_folder(draw_folder(tmp_path / "again"), "train", SPLIT, training=True, cache=True)
    sample = plain[0]
    sample.image.zero_()
    sample.mask.zero_()
    assert plain[0].image.any()
    assert plain[0].mask.any()


def test_verify_names_the_faults(tmp_path: Path) -> None:
    root = draw_folder(tmp_path, photos=8)
    data = of_folder(root, "train", SPLIT, training=True)
    data.verify()
    Image.fromarray(np.full((24, 34), 77, dtype=np.uint8)).save(root / "masks/train/2.png")
    with pytest.raises(DataError, match=r"^\S*2\.png: got value 77 \(816 pixels\)"):
        data.verify()
    for number in range(1, 8):
        (root / f"images/train/{number}.png").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"(?s)7 of 8 pairs cannot be used:.*1\.png.*5\.png.*… and 2 more"):
        data.verify()


def test_other_class_names(tmp_path: Path) -> None:
    root = draw_folder(tmp_path)
    swapped = ClassSplit(names=("sky", "tree", "cat", "cow", "road"), unseen=("cat",))
    with pytest.raises(DataError, match=r"classes\.txt: got .* got 'cat' on line 2, expected 'tree'"):
        of_folder(root, "train", swapped, training=True)
    with pytest.raises(DataError, match=r"classes\.txt: got 5 names, expected the 2"):
        of_folder(root, "train", ClassSplit(("sky", "cat"), ("cat",)), training=True)


def test_no_augmentation_of_tests(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"augment: got an augmentation with training=False"):
        of_folder(draw_folder(tmp_path), "train", SPLIT, training=False, augment=AUGMENT)


def test_a_training_set_needs_a_seen_class_and_a_test_set_does_not(tmp_path: Path) -> None:
    root, new_alone = draw_folder(tmp_path), ClassSplit(SPLIT.names, SPLIT.names)
    with pytest.raises(ValueError, match=r"unseen: got all \d classes, expected at least one seen class"):
        of_folder(root, "train", new_alone, training=True)
    assert len(of_folder(root, "train", new_alone, training=False)) > 0
