"""The real commands on the drawn world under the tiny CLIP, from world to segment; no random weights."""

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from clipteacher.cli.main import main
from clipteacher.demo.drawn_world import CLASSES, UNSEEN, draw_scene, scene_generator
from clipteacher.demo.quickstart.config import FIT_CONFIG
from clipteacher.teachers.openclip import OpenClipTeacher

TINY_CLIP = "package:clipteacher.demo.tiny_clip"
TINY_CLIP_VIT = "package:clipteacher.demo.tiny_clip_vit"


@pytest.fixture(scope="module")
def whole_way(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A world and a run on it; the configuration is the quickstart's own, with smaller pictures and fewer steps."""
    root = tmp_path_factory.mktemp("whole_way")
    main(["world", "--out", str(root / "world"), "--seed", "7", "--train", "60", "--val", "20", "--size", "96"])
    main(
        [
            *("fit", "--config", str(FIT_CONFIG), "--data.root", str(root / "world"), "--out", str(root / "run")),
            *("--data.augment.crop_size", "[64, 64]", "--trainer.max_steps", "40", "--trainer.accelerator", "cpu"),
            *("--trainer.limit_val_batches", "0", "--report_rows", "2"),
        ]
    )
    return root / "world", root / "run"


def test_the_student_has_learned(whole_way: tuple[Path, Path]) -> None:
    found = json.loads((whole_way[1] / "metrics.json").read_text())
    assert found["protocol"] == "world-15-5"
    assert found["pAcc"] > 0.25  # the largest class has a fifth of the pixels
    assert found["mIoU_seen"] > 0.08
    assert set(found["IoU"]) == set(CLASSES)


def test_evaluate_finds_the_figures_of_fit(whole_way: tuple[Path, Path], tmp_path: Path) -> None:
    world, run = whole_way
    main(["evaluate", "--model", str(run / "model"), "--data", str(world), "--out", str(tmp_path / "again.json")])
    again, first = (json.loads(path.read_text()) for path in (tmp_path / "again.json", run / "metrics.json"))
    assert again == first


def test_segment_takes_words_that_no_label_was_given_for(whole_way: tuple[Path, Path], tmp_path: Path) -> None:
    world, run = whole_way
    photo = world / "images" / "val" / "00000.png"
    words = ["a purple boat", "sand", "sky"]
    main(["segment", str(photo), "--model", str(run / "model"), "--classes", ", ".join(words), "--out", str(tmp_path)])
    pictures = sorted(tmp_path.iterdir())
    assert pictures
    ids = [np.asarray(Image.open(path)) for path in pictures if Image.open(path).mode in ("L", "P")]
    assert ids
    assert set(np.unique(ids[0])) <= {0, 1, 2, 255}


@pytest.mark.parametrize(("model", "all_names", "unseen_names"), [(TINY_CLIP, 0.85, 0.8), (TINY_CLIP_VIT, 0.8, 0.75)])
def test_the_teacher_tells_the_main_thing_of_scenes_that_it_never_saw(
    model: str, all_names: float, unseen_names: float
) -> None:
    teacher = OpenClipTeacher(model, None)
    # Seed 8: neither the world that it was pretrained on nor one that a quickstart draws by default.
    scenes = [draw_scene(scene_generator(8, 1, index), 128) for index in range(200)]
    images = torch.stack([torch.from_numpy(scene.image).permute(2, 0, 1) for scene in scenes]).float() / 255
    found = (teacher.encode_image(images).cls @ teacher.encode_text(CLASSES).T).argmax(dim=1)
    right = [CLASSES[index] == scene.subject for index, scene in zip(found.tolist(), scenes, strict=True)]
    unseen = [hit for hit, scene in zip(right, scenes, strict=True) if scene.subject in UNSEEN]
    assert np.mean(right) >= all_names
    assert np.mean(unseen) >= unseen_names


@pytest.mark.parametrize("model", [TINY_CLIP, TINY_CLIP_VIT])
def test_the_configuration_keeps_to_six_million_parameters_and_the_weights_to_twelve_megabytes(model: str) -> None:
    teacher = OpenClipTeacher(model, None)
    parameters = [*teacher.image.network.parameters(), *teacher.tower.network.parameters()]
    assert sum(parameter.numel() for parameter in parameters) <= 6_000_000
    weights = files(model.removeprefix("package:")) / "open_clip_model.safetensors"
    assert Path(str(weights)).stat().st_size <= 12_000_000


def test_the_vision_transformers_readings_localise_in_the_order_that_the_lab_book_gives() -> None:
    scenes = [draw_scene(scene_generator(8, 1, index), 128) for index in range(60)]
    images = torch.stack([torch.from_numpy(scene.image).permute(2, 0, 1) for scene in scenes]).float() / 255
    truth = torch.stack([torch.from_numpy(scene.mask[4::8, 4::8].astype("int64")) for scene in scenes])
    right = {}
    for dense in ("tokens", "value", "clearclip", "naclip"):
        teacher = OpenClipTeacher(TINY_CLIP_VIT, None, dense=dense)
        tokens = F.normalize(teacher.encode_image(images).dense, dim=1)
        labels = torch.einsum("nc,bchw->bnhw", teacher.encode_text(CLASSES), tokens).argmax(dim=1)
        right[dense] = float((labels == truth)[truth < len(CLASSES)].float().mean())
    assert right["tokens"] < right["value"] < right["clearclip"] < right["naclip"]
    assert right["naclip"] >= 1.25 * right["value"]
