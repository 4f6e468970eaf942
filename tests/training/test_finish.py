"""A run's folder: where things lie, which photos the report shows, and what a finished run leaves."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from clipteacher.data.dataset import SegmentationDataset
from clipteacher.data.files import read_image
from clipteacher.data.folder import FolderSource
from clipteacher.evaluation.evaluate import pooled_confusion
from clipteacher.evaluation.metrics import compute_metrics
from clipteacher.pictures import report_rows
from clipteacher.protocols.splits import ClassSplit
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.storage.saved_model import read_config
from clipteacher.students.smp import SMPStudent
from clipteacher.training.finish import KeepFirstModel, draw_report, finish_run
from clipteacher.training.run_folder import RunFolder

NAMES = ("sky", "grass", "sun", "house")
SPLIT = ClassSplit(names=NAMES, unseen=("sun",))
TWO = ClassSplit(names=NAMES, unseen=("sun", "house"))
NONE = ClassSplit(names=NAMES, unseen=())


class Student(nn.Sequential):
    """A network of your own, which clipteacher cannot build again."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 4, 1))


def segmenter(seed: int, names: tuple[str, ...] = NAMES) -> Segmenter:
    torch.manual_seed(seed)
    return Segmenter(Student(), names, torch.randn(len(names), 4), unseen=("sun",))


def truth(*shares: tuple[int, float], size: int = 100) -> NDArray[np.int64]:
    """A mask (10, 10) of sky with these shares of other ids."""
    mask = np.zeros(size, np.int64)
    at = 0
    for label, share in shares:
        mask[at : at + round(share * size)] = label
        at += round(share * size)
    return mask.reshape(10, -1)


def random_masks(seed: int, count: int, labels: int) -> list[NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    masks = []
    for _ in range(count):
        present = random.choice([*range(labels), 255], random.integers(1, labels + 1), replace=False)
        masks.append(random.choice(present, (6, 7)).astype(np.int64))
    return masks


def test_paths(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    names = {
        "config": "config.yaml",
        "checkpoints": "checkpoints",
        "last_checkpoint": "checkpoints/last.ckpt",
        "previous_checkpoint": "checkpoints/previous.ckpt",
        "first_model": "checkpoints/first_model",
        "model": "model",
        "metrics": "metrics.json",
        "report": "report.png",
        "lock": "run.lock",
    }
    assert vars(run).keys() == {"path", *names}
    for name, path in names.items():
        assert getattr(run, name) == tmp_path / "run" / path
    assert not run.path.exists(), "naming a path makes none"


def test_the_middle_of_the_photos_with_an_unseen_class_comes_first() -> None:
    """Of five with a sun, of shares 0.5 > 0.4 > 0.3 > 0.2 > 0.1, the third, then the smaller ones."""
    shares = [0.2, 0.0, 0.5, 0.1, 0.4, 0.3]
    masks = [truth((2, share)) for share in shares]
    assert report_rows(masks, SPLIT, 1) == [5]
    assert report_rows(masks, SPLIT, 3) == [5, 0, 3]
    assert report_rows(masks, SPLIT, 6) == [5, 0, 3, 1, 2, 4]


def test_rows_are_shared_among_the_unseen_classes() -> None:
    masks = [truth((1, 0.3)), *(truth((2, s)) for s in (0.1, 0.2, 0.3)), *(truth((3, s)) for s in (0.1, 0.2, 0.3))]
    rows = report_rows(masks, TWO, 4)
    assert [sum((masks[row] == label).any() for row in rows) for label in (2, 3)] == [2, 2]


@pytest.mark.parametrize("split", [SPLIT, TWO, NONE, ClassSplit(names=NAMES, unseen=NAMES[1:])])
@pytest.mark.parametrize("rows", [0, 1, 2, 3, 5, 8, 30])
def test_whatever_the_truth(split: ClassSplit, rows: int) -> None:
    """At most so many rows, none twice, as many as there are photos, and each unseen class where there is room."""
    for seed in range(20):
        masks = random_masks(seed, count=seed % 13, labels=4)
        chosen = report_rows(masks, split, rows)
        assert len(chosen) == len(set(chosen)) == min(rows, len(masks))
        assert set(chosen) <= set(range(len(masks)))
        assert all(type(index) is int for index in chosen)
        if rows >= len(split.unseen):
            for label in split.unseen_ids:
                if any((mask == label).any() for mask in masks):
                    assert any((masks[index] == label).any() for index in chosen), (seed, label)


def test_the_choice_is_a_function_of_the_truth() -> None:
    masks = random_masks(3, count=9, labels=4)
    before = [mask.copy() for mask in masks]
    first = report_rows(masks, TWO, 4)
    np.random.seed(1)
    torch.manual_seed(1)
    assert report_rows(masks, TWO, 4) == first
    assert all(np.array_equal(mask, old) for mask, old in zip(masks, before, strict=True))
    turned = [mask[::-1, ::-1] for mask in masks]
    assert report_rows(turned, TWO, 4) == first, "where in the photo a class lies plays no part"


def test_no_unseen_class_shows_photos_all_over_the_set() -> None:
    assert report_rows(random_masks(0, count=5, labels=4), NONE, 3) == [0, 4, 2]
    assert report_rows(random_masks(0, count=101, labels=4), NONE, 5) == [0, 100, 50, 25, 75]


def test_the_frames_of_a_film_are_not_shown_side_by_side() -> None:
    """Neighbours have about the same share of the class, and so lie side by side in the order of shares too."""
    shares = [0.3 + 0.002 * frame for frame in range(60)]
    rows = sorted(report_rows([truth((2, share)) for share in shares], SPLIT, 5))
    assert min(np.diff(rows)) >= 3
    assert max(rows) < 32, "from the median share down"
    films = [0.1 + 0.1 * (photo // 20) for photo in range(80)]  # four, each of one share
    chosen = report_rows([truth((2, share)) for share in films], SPLIT, 2)
    assert [photo // 20 for photo in chosen] == [1, 1], "of about the median share while there are any"
    assert abs(chosen[0] - chosen[1]) >= 10
    mixed = [0.1 + 0.05 * ((7 * photo) % 11) for photo in range(60)]
    spread = sorted(report_rows([truth((2, share)) for share in mixed], SPLIT, 4))
    assert min(np.diff(spread)) >= 12


def test_masks_are_held_one_at_a_time() -> None:
    masks = random_masks(3, count=9, labels=4)
    assert report_rows(iter(masks), TWO, 4) == report_rows(masks, TWO, 4)


def keeper(folder: Path) -> tuple[KeepFirstModel, Any]:
    trainer: Any = SimpleNamespace(is_global_zero=True, sanity_checking=False)
    return KeepFirstModel(folder), trainer


def test_the_first_model_is_written_once(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints" / "first_model"
    callback, trainer = keeper(folder)
    first, second = segmenter(1), segmenter(2)
    module: Any = SimpleNamespace(segmenter=lambda: first)
    callback.on_validation_end(trainer, module)
    written = (folder / "student.safetensors").read_bytes()
    module.segmenter = lambda: second
    callback.on_validation_end(trainer, module)
    keeper(folder)[0].on_validation_end(trainer, module)  # a resumed run
    assert (folder / "student.safetensors").read_bytes() == written
    assert torch.equal(Segmenter.from_pretrained(folder, student=Student()).text_features, first.text_features)


def test_without_a_validation_the_model_is_written_at_the_end(tmp_path: Path) -> None:
    callback, trainer = keeper(tmp_path / "first_model")
    module: Any = SimpleNamespace(segmenter=lambda: segmenter(1))
    callback.on_train_end(trainer, module)
    written = (tmp_path / "first_model" / "student.safetensors").read_bytes()
    module.segmenter = lambda: segmenter(2)
    callback.on_train_end(trainer, module)
    assert (tmp_path / "first_model" / "student.safetensors").read_bytes() == written


@pytest.mark.parametrize(("zero", "sanity"), [(False, False), (True, True), (False, True)])
def test_no_first_model_of_another_device_or_of_a_sanity_check(tmp_path: Path, zero: bool, sanity: bool) -> None:
    callback, trainer = keeper(tmp_path / "first_model")
    trainer.is_global_zero, trainer.sanity_checking = zero, sanity
    module: Any = SimpleNamespace(segmenter=lambda: segmenter(1))
    callback.on_validation_end(trainer, module)
    callback.on_train_end(trainer, module)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def val_set(folder: Path) -> SegmentationDataset:
    return SegmentationDataset(FolderSource(folder, "val"), SPLIT, training=False)


def test_a_finished_run(val_set: SegmentationDataset, tmp_path: Path) -> None:
    run, student = RunFolder(tmp_path / "run"), segmenter(1)
    segmenter(2).save_pretrained(run.first_model)
    result = finish_run(run, student, val_set, "drawn-3-1", None, 2)
    samples = [val_set[index] for index in range(len(val_set))]
    assert result.to_dict() == compute_metrics(pooled_confusion(student, samples), SPLIT).to_dict()
    written = json.loads(run.metrics.read_text())
    assert written == {"protocol": "drawn-3-1", **result.to_dict()}
    assert read_config(run.model)["protocol"] == "drawn-3-1"
    assert read_config(run.model)["scores"] == result.to_dict()
    again = Segmenter.from_pretrained(run.model, student=Student())
    assert all(np.array_equal(again.segment(s.image).labels, student.segment(s.image).labels) for s in samples)
    with Image.open(run.report) as picture:
        assert picture.width > 4 * 90
        assert picture.height > 2 * 70
    assert sorted(path.name for path in run.path.iterdir()) == ["checkpoints", "metrics.json", "model", "report.png"]


def test_the_scores_are_those_of_the_student_as_it_will_be_loaded(val_set: SegmentationDataset, tmp_path: Path) -> None:
    """Weights that lie channels-last take other kernels, whose last bits differ, and so does a pixel that is a tie."""
    student = segmenter(1)
    student.student = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 4, 3, padding=1))
    student.student.to(memory_format=torch.channels_last)
    assert not all(parameter.is_contiguous() for parameter in student.student.parameters())
    finish_run(RunFolder(tmp_path / "run"), student, val_set, "drawn-3-1", None, 2)
    assert all(parameter.is_contiguous() for parameter in student.student.parameters())


def report_bytes(
    val_set: SegmentationDataset,
    path: Path,
    baseline: Segmenter,
    student: Segmenter,
    **other: Any,  # noqa: ANN401
) -> bytes:
    options: dict[str, Any] = {"title": "first checkpoint", "rows": 2} | other
    draw_report(path, val_set, {options.pop("title"): baseline, "student": student}, **options)
    return path.read_bytes()


def test_each_part_of_the_report_shows(val_set: SegmentationDataset, tmp_path: Path) -> None:
    one, other, path = segmenter(1), segmenter(2), tmp_path / "report.png"
    plain = report_bytes(val_set, path, one, other)
    assert report_bytes(val_set, path, one, other) == plain
    assert report_bytes(val_set, path, other, one) != plain
    assert report_bytes(val_set, path, one, one) != plain
    assert report_bytes(val_set, path, one, other, title="student alone") != plain
    assert report_bytes(val_set, path, one, other, rows=1) != plain
    assert report_bytes(val_set, path, one, other, panel_width=200) != plain


def test_a_report_of_three(val_set: SegmentationDataset, tmp_path: Path) -> None:
    path, titles = tmp_path / "report.png", ("student alone", "teacher alone", "student")
    draw_report(path, val_set, {title: segmenter(seed) for seed, title in enumerate(titles)}, 2, panel_width=130)
    with Image.open(path) as picture:
        assert 5 * 130 < picture.width < 6 * 130


def test_another_baseline_changes_the_report_and_no_score(val_set: SegmentationDataset, tmp_path: Path) -> None:
    torch.manual_seed(3)
    alone = Segmenter(SMPStudent("FPN", "tu-test_efficientnet", 4), NAMES, torch.randn(4, 4), unseen=("sun",))
    pictures, metrics = [], []
    for name, baseline in (("a", None), ("b", alone)):
        run = RunFolder(tmp_path / name)
        segmenter(2).save_pretrained(run.first_model)
        finish_run(run, segmenter(1), val_set, "drawn-3-1", baseline, 2)
        pictures.append(run.report.read_bytes())
        metrics.append(run.metrics.read_text())
    assert pictures[0] != pictures[1]
    assert metrics[0] == metrics[1]


def test_the_first_model_is_filled_into_a_copy_of_the_student(val_set: SegmentationDataset, tmp_path: Path) -> None:
    run, student = RunFolder(tmp_path / "run"), segmenter(1)
    segmenter(2).save_pretrained(run.first_model)
    before = {name: tensor.clone() for name, tensor in student.student.state_dict().items()}
    finish_run(run, student, val_set, "drawn-3-1", None, 2)
    assert all(torch.equal(tensor, before[name]) for name, tensor in student.student.state_dict().items())
    expected = report_bytes(val_set, tmp_path / "report.png", segmenter(2), student)
    assert run.report.read_bytes() == expected


def test_each_photo_is_decoded_once_and_those_of_the_report_again(
    val_set: SegmentationDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, decoded = RunFolder(tmp_path / "run"), []
    segmenter(2).save_pretrained(run.first_model)

    def spy(path: Path) -> NDArray[np.uint8]:
        decoded.append(path.name)
        return read_image(path)

    monkeypatch.setattr("clipteacher.data.source.read_image", spy)
    finish_run(run, segmenter(1), val_set, "drawn-3-1", None, 1)
    assert len(decoded) == len(val_set) + 1


def test_the_scores_and_the_model_are_kept_whatever_becomes_of_the_report(
    val_set: SegmentationDataset, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path / "run")
    segmenter(2).save_pretrained(run.first_model)
    with pytest.raises(ValueError, match="rows: got none"):
        finish_run(run, segmenter(1), val_set, "drawn-3-1", None, 0)
    assert json.loads(run.metrics.read_text())["protocol"] == "drawn-3-1"
    assert Segmenter.from_pretrained(run.model, student=Student()).class_names == NAMES
    assert not run.report.exists()


def test_a_report_without_the_first_model_has_a_column_less(val_set: SegmentationDataset, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    with pytest.warns(UserWarning, match=r"column of the first checkpoint is left out: model: no folder"):
        finish_run(run, segmenter(1), val_set, "drawn-3-1", None, 1)
    with Image.open(run.report) as narrow:
        width = narrow.width
    segmenter(2).save_pretrained(run.first_model)
    finish_run(run, segmenter(1), val_set, "drawn-3-1", None, 1)
    with Image.open(run.report) as whole:
        assert whole.width > width


def test_tidying_keeps_all_but_what_is_unfinished(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    assert run.tidy(resumed=False) == []
    run.first_model.mkdir(parents=True)
    for name in (".model.part-abcd1234/config.json", "checkpoints/.last.part-abcd1234.ckpt", "notes/.a.part-abcd1234"):
        (run.path / name).parent.mkdir(parents=True, exist_ok=True)
        (run.path / name).touch()
    run.metrics.touch()
    assert run.tidy(resumed=True) == [".model.part-abcd1234", ".last.part-abcd1234.ckpt"]
    assert sorted(path.name for path in run.path.iterdir()) == ["checkpoints", "metrics.json", "notes"]
    assert run.first_model.exists()
    run.tidy(resumed=False)
    assert not run.first_model.exists(), "another run's first model"


def test_begun(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    assert not run.begun()
    run.checkpoints.mkdir(parents=True)
    assert not run.begun()
    run.previous_checkpoint.touch()
    assert run.begun()


def test_a_baseline_with_its_names_in_another_order(val_set: SegmentationDataset, tmp_path: Path) -> None:
    student, baseline = segmenter(1), segmenter(2)
    order = [3, 1, 0, 2]
    turned = Segmenter(baseline.student, [NAMES[i] for i in order], baseline.text_features[order], unseen=("sun",))
    pictures = [report_bytes(val_set, tmp_path / "report.png", each, student) for each in (baseline, turned)]
    assert pictures[0] == pictures[1]
