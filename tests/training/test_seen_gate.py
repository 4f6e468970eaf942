"""The gate for seen names at the end of a training: no weight changes, and no unseen mask plays a part."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.scrambled import scramble
from tests.training.test_train import AUGMENT, QUICK, same, student

import clipteacher
from clipteacher import Segmenter, TestSettings, TrainingResult
from clipteacher.data.dataset import SegmentationDataset
from clipteacher.data.folder import FolderSource
from clipteacher.protocols.splits import ClassSplit
from clipteacher.teachers.openclip import OpenClipTeacher
from clipteacher.training.datamodule import FolderDataModule
from clipteacher.training.seen_gate import pixel_moments, with_seen_gate


@pytest.fixture
def teacher(tiny_clip: tuple[Path, Path]) -> OpenClipTeacher:
    return OpenClipTeacher(str(tiny_clip[0]), str(tiny_clip[1]))


def train(folder: Path, teacher: OpenClipTeacher, out: Path, **changes: Any) -> TrainingResult:  # noqa: ANN401
    data = FolderDataModule(folder, ["grass"], batch_size=2, workers=0, augment=AUGMENT)
    return clipteacher.train(data, student(), teacher, out=out, **QUICK | changes)


def test_a_gate_changes_no_weight_and_takes_the_place_of_the_calibration(
    folder: Path, teacher: OpenClipTeacher, tmp_path: Path
) -> None:
    test = TestSettings(calibration=0.3)
    plain = train(folder, teacher, tmp_path / "plain", test=test)
    result = train(folder, teacher, tmp_path / "gated", test=test, seen_gate=3.6)
    assert plain.segmenter.gate is None
    assert same(plain.segmenter, result.segmenter)
    gate = result.segmenter.gate
    assert gate is not None
    assert gate.separation == pytest.approx(3.6 / 3), "in units of Rᵀ T: alpha is 3"
    assert result.segmenter.settings.calibration == 0
    metrics = json.loads((result.folder / "metrics.json").read_text())
    assert metrics == {"protocol": "drawn-3-1", "seen_gate": gate.separation, **result.scores.to_dict()}
    again = Segmenter.from_pretrained(result.folder)
    assert again.gate is not None
    assert torch.equal(again.gate.numbers, gate.numbers)


def test_the_gate_is_the_same_to_the_bit_when_unseen_masks_are_scrambled(
    folder: Path, teacher: OpenClipTeacher, tmp_path: Path
) -> None:
    gates = []
    for run in ("before", "after"):
        gate = train(folder, teacher, tmp_path / run, seen_gate=3.6).segmenter.gate
        assert gate is not None
        gates.append(gate.numbers)
        scramble(folder, unseen=1)
    assert torch.equal(*gates)


def test_it_is_fitted_to_whole_photos_in_eval_mode(folder: Path, teacher: OpenClipTeacher) -> None:
    names = ("sky", "grass", "sun", "house")
    data = FolderDataModule(folder, ["sun"], batch_size=2, workers=0)
    network = student().train()
    segmenter = Segmenter(network, names, teacher.encode_text(names), unseen=["sun"])
    one, other = (pixel_moments(segmenter, data.train_set) for _ in range(2))
    for before, after in zip(one, other, strict=True):
        assert before.count == after.count > 0
        assert torch.equal(before.mean, after.mean)
    source = FolderSource(folder, "train")
    share = np.mean([(source.labels(i) == 2).mean() + (source.labels(i) == 255).mean() for i in range(len(source))])
    assert 0.2 * share < one[1].count / (one[0].count + one[1].count) < share, "without what lies beside a label"


def test_without_enough_latent_pixels_the_calibration_stays(folder: Path, teacher: OpenClipTeacher) -> None:
    names = ("sky", "grass", "sun", "house")
    for path in sorted((folder / "masks" / "train").iterdir()):
        with Image.open(path) as picture:
            mask = np.array(picture)
        mask[mask == 255] = 0
        mask[20:24] = mask[:, 30:34] = 255  # seams, a position wide
        Image.fromarray(mask).save(path)
    photos = SegmentationDataset(FolderSource(folder, "train"), ClassSplit(names, ()), training=True)
    segmenter = Segmenter(student(), names, teacher.encode_text(names), settings=TestSettings(calibration=0.3))
    with pytest.warns(UserWarning, match=r"seen_gate: 0\.0 % of .* area has no label, .* at least 2 %"):
        assert with_seen_gate(segmenter, photos, 1.2) is segmenter
    assert segmenter.settings.calibration == 0.3


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), True])
def test_no_separation(value: Any, folder: Path, teacher: OpenClipTeacher, tmp_path: Path) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=r"seen_gate: got .*, expected a positive number"):
        train(folder, teacher, tmp_path / "run", seen_gate=value)


def test_no_gate_for_names_that_were_said_before(folder: Path, teacher: OpenClipTeacher, tmp_path: Path) -> None:
    data = FolderDataModule(folder, wanted=["sun"], batch_size=2, workers=0)
    with pytest.raises(ValueError, match=r"seen_gate: got 3\.6 with wanted names, expected null"):
        clipteacher.train(data, student(), teacher, out=tmp_path / "run", **QUICK, seen_gate=3.6)
