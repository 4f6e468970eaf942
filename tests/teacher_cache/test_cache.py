"""The cache beside its teacher: hit and miss, photos that change, parts; and a whole training with it."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.cli.main import main
from clipteacher.data.augment import Augment
from clipteacher.data.crop_box import NOWHERE, separate, whole
from clipteacher.data.dataset import SegmentationDataset
from clipteacher.data.files import DataError
from clipteacher.data.folder import FolderSource
from clipteacher.method.config import SUPERVISED
from clipteacher.protocols.splits import ClassSplit
from clipteacher.teacher_cache import TeacherCache, TeacherCacheConfig
from clipteacher.teacher_cache.tokens import photo_tokens
from clipteacher.teachers.teacher import TeacherTokens
from clipteacher.training.module import TrainingModule


class Teacher(nn.Module):
    """Blocks of eight pixels through a fixed matrix; it counts what it is asked."""

    width = 16

    def __init__(self, large: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("matrix", large * torch.randn(16, 3, generator=torch.Generator().manual_seed(0)))
        self.asked: list[Any] = []

    def encode_image(self, images: Tensor) -> TeacherTokens:
        self.asked.append(tuple(images.shape))
        dense = torch.einsum("ck,bkhw->bchw", self.matrix, F.avg_pool2d(images, 8) + 0.1)
        return TeacherTokens(dense.mean(dim=(2, 3)), dense)

    def encode_text(self, names: Sequence[str]) -> Tensor:
        return torch.eye(16)[: len(names)]

    def spec(self) -> dict[str, Any] | None:
        return None


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(path)
    return path


def pixels(path: Path) -> Tensor:
    return torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1).float()[None] / 255


def cache_in(folder: Path, **options: Any) -> TeacherCache:  # noqa: ANN401
    cache = TeacherCache(Teacher(), TeacherCacheConfig(str(folder / "tokens"), **options))
    assert len(cache.store.key) == 64
    return cache


def test_a_whole_photo_has_the_teachers_tokens_to_half_precision(tmp_path: Path, photo: Path) -> None:
    cache, image = cache_in(tmp_path), pixels(photo)
    found, expected = cache.tokens(image, [whole(str(photo), 48, 64)]), Teacher().encode_image(image)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def test_a_hit_has_the_bits_of_a_miss_and_asks_nobody(tmp_path: Path, photo: Path) -> None:
    boxes = [whole(str(photo), 48, 64), whole(str(photo), 48, 64)._replace(top=8, rows=32, flipped=True)]
    images = torch.zeros(2, 3, 48, 64)
    first, full = cache_in(tmp_path), cache_in(tmp_path / "other", gigabytes=1e-8)
    missed = first.tokens(images, boxes)
    assert first.teacher.asked == [(1, 3, 48, 64)] * 2  # type: ignore[attr-defined]  # black, and the photo once
    second = cache_in(tmp_path)
    hit = second.tokens(images, boxes)
    assert second.teacher.asked == [(1, 3, 48, 64)]  # type: ignore[attr-defined]
    with pytest.warns(UserWarning, match="no more tokens are kept"):
        unkept = full.tokens(images, boxes)
    for other in (hit, unkept):
        assert all(torch.equal(one, two) for one, two in zip(missed, other, strict=True))


def test_a_photo_that_changes_is_seen_again(tmp_path: Path, photo: Path) -> None:
    cache, box = cache_in(tmp_path), whole(str(photo), 48, 64)
    before = cache.tokens(torch.zeros(1, 3, 48, 64), [box]).dense
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(photo)
    os.utime(photo, ns=(1, 1))
    after = cache.tokens(torch.zeros(1, 3, 48, 64), [box]).dense
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, Teacher().encode_image(pixels(photo)).dense, rtol=1e-3, atol=1e-3)
    photo.unlink()
    with pytest.raises(DataError, match=r"photo.png: cannot be found any more .* --resume"):
        cache.tokens(torch.zeros(1, 3, 48, 64), [box])


def test_other_knobs_and_teachers_have_other_keys(tmp_path: Path) -> None:
    config = TeacherCacheConfig(str(tmp_path))
    keys = [TeacherCache(Teacher(), config).store.key, TeacherCache(Teacher(2.0), config).store.key]
    keys += [
        TeacherCache(Teacher(), other).store.key for other in (replace(config, parts=2), replace(config, short_side=99))
    ]
    assert len(set(keys)) == 4
    assert TeacherCache(Teacher(), replace(config, gigabytes=1.0)).store.key == keys[0]


def test_parts_give_the_map_of_the_whole_where_the_teacher_looks_at_blocks(photo: Path) -> None:
    """Parts of two thirds, 32 by 43 pixels: their blocks of eight overlap by whole tokens down the photo."""
    image = pixels(photo)[:, :, :, :48]
    one, two = (photo_tokens(Teacher(), image[0], parts=parts, short_side=None) for parts in (1, 2))
    assert two.cls.shape == (5, 16)
    assert torch.equal(one.cls, two.cls[:1])
    assert torch.equal(one.dense, two.dense)
    assert photo_tokens(Teacher(), image[0], parts=3, short_side=100).dense.shape[1:] == (12, 12)
    assert photo_tokens(Teacher(), image[0], parts=1, short_side=96).dense.shape == (16, 12, 12)


def test_what_cannot_be(tmp_path: Path, photo: Path) -> None:
    with pytest.raises(ValueError, match="got tokens of Teacher above 65504, the largest number of half precision"):
        photo_tokens(Teacher(1e7), pixels(photo)[0], parts=1, short_side=None)
    with pytest.raises(ValueError, match="got a sample that does not name its photo"):
        cache_in(tmp_path).tokens(torch.zeros(1, 3, 48, 64), [NOWHERE])
    for options in ({"gigabytes": 0.0}, {"parts": 0}, {"short_side": 0}, {"folder": ""}):
        with pytest.raises(ValueError, match=f"teacher_cache.{next(iter(options))}: got"):
            TeacherCacheConfig(**{"folder": "a"} | options)


def test_samples_say_where_they_lie(folder: Path) -> None:
    split = ClassSplit(names=("sky", "grass", "sun", "house"), unseen=("sun",))
    augment = Augment(crop_size=(40, 40), scale=(1.0, 1.0), cat_max_ratio=1.0, photometric=0.0)
    data = SegmentationDataset(FolderSource(folder, "train"), split, training=True, augment=augment)
    photo = str(folder / "images" / "train" / "scene0.png")
    plain = SegmentationDataset(FolderSource(folder, "train"), split, training=True)[0]
    assert plain.crop_box == whole(photo, 70, 90)
    for draw in range(5):
        image, _, _, box = data[0, draw]
        assert box.photo == photo
        cut = plain.image[:, box.top : box.top + box.rows, box.left : box.left + box.columns]
        assert torch.equal(cut.flip(2) if box.flipped else cut, image)
    batch = torch.utils.data.default_collate([data[0, 0], data[1, 1]])
    assert separate(batch.crop_box) == [data[0, 0].crop_box, data[1, 1].crop_box]


def fit(config: Path, out: Path, *more: str) -> dict[str, Tensor]:
    main(["fit", "--config", str(config), "--out", str(out), "--trainer.logger", "false", *more])
    return load_file(out / "model" / "student.safetensors")


def test_training_with_the_cache(tiny_config: Path, tmp_path: Path, folder: Path) -> None:
    """With no tokens on disk or all, with unseen masks as they are or scrambled, the bits are the same."""
    switches = ["--trainer.max_steps", "3", "--report_rows", "1", "--trainer.limit_val_batches", "0"]
    switches += ["--model.teacher_cache.folder", str(tmp_path / "tokens")]
    empty = fit(tiny_config, tmp_path / "empty", *switches)
    entries = [path for path in (tmp_path / "tokens").rglob("*") if path.is_file()]
    assert len(entries) == 5
    for path in (folder / "masks" / "train").iterdir():
        mask = np.array(Image.open(path))
        Image.fromarray(np.where(mask == 2, 255, mask)).save(path)  # "sun" is unseen
    filled = fit(tiny_config, tmp_path / "filled", *switches, "--data.audit", "false")
    assert all(torch.equal(empty[name], filled[name]) for name in empty)
    assert entries == [path for path in (tmp_path / "tokens").rglob("*") if path.is_file()]
    said = yaml.safe_load((tmp_path / "filled" / "config.yaml").read_text())["model"]["teacher_cache"]
    assert said == {"folder": str(tmp_path / "tokens"), "gigabytes": 20.0, "parts": 1, "short_side": None}


def test_the_student_alone_has_no_cache(tmp_path: Path) -> None:
    split = ClassSplit(names=("sky", "grass", "sun", "house"), unseen=("sun",))
    config = TeacherCacheConfig(str(tmp_path / "tokens"))
    module = TrainingModule(nn.Conv2d(3, 16, 4, 4), Teacher(), split, method=SUPERVISED, teacher_cache=config)
    assert module.teacher_cache is None
    module = TrainingModule(nn.Conv2d(3, 16, 4, 4), Teacher(), split, teacher_cache=config)
    assert module.teacher_cache is not None
    assert not any(name.startswith("teacher_cache") for name in module.state_dict())
