"""What many tests share: drawn photographs in the folder format, a tiny CLIP on disk, and a config that joins them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import open_clip as _untyped
import pytest
import torch
import yaml
from jsonargparse import ArgumentParser
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

from clipteacher.cli.main import main
from clipteacher.protocols.named import known_protocol
from clipteacher.protocols.protocol import Protocol, TestPipeline

open_clip: Any = _untyped

NAMES = ("sky", "grass", "sun", "house")
UNSEEN = ("sun",)
_COLOURS = np.array([[90, 160, 240], [70, 160, 60], [250, 210, 40], [170, 60, 50]])


def draw_scene(seed: int, height: int = 70, width: int = 90) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw sky over grass, a sun and a house, with noise and a void seam; returns photo (H, W, 3) and ids (H, W)."""
    random = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.uint8)
    horizon = int(random.integers(height // 3, 2 * height // 3))
    mask[horizon:] = 1
    mask[horizon] = 255
    y, x = np.mgrid[:height, :width]
    mask[(y - horizon // 2) ** 2 + (x - int(random.integers(15, width - 15))) ** 2 < 100] = 2
    left = int(random.integers(0, width - 30))
    mask[horizon - 10 : horizon + 15, left : left + 25] = 3
    photo = _COLOURS[np.where(mask == 255, 0, mask)] + random.normal(0, 12, (height, width, 3))
    return photo.clip(0, 255).astype(np.uint8), mask


def write_folder(root: Path, counts: dict[str, int], names: tuple[str, ...] = NAMES) -> Path:
    """Write drawn scenes in the folder format."""
    root.mkdir(parents=True)
    (root / "classes.txt").write_text("\n".join(names) + "\n")
    for number, (split, count) in enumerate(counts.items()):
        for kind in ("images", "masks"):
            (root / kind / split).mkdir(parents=True)
        for i in range(count):
            photo, mask = draw_scene(100 * number + i, 70 + 2 * (i % 2), 90)
            Image.fromarray(photo).save(root / "images" / split / f"scene{i}.png")
            Image.fromarray(mask).save(root / "masks" / split / f"scene{i}.png")
    return root


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep tests out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let protocols test at a shorter side of 64 in windows of 64: the same way with a 64th of the pixels."""

    def small(name: str | None) -> Protocol | None:
        known = known_protocol(name)
        if known is None or known.test.short_side is None:
            return known
        return replace(known, test=TestPipeline(short_side=64, mode="slide", crop=64, stride=48))

    for module in ("training.configured", "cli.arguments"):
        monkeypatch.setattr(f"clipteacher.{module}.known_protocol", small)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "drawn", {"train": 5, "val": 3})


def write_clip(folder: Path, context_length: int) -> tuple[Path, Path]:
    """Write a random CLIP of open_clip's own architecture: its config and its weights, of width 16."""
    config = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 8, "patch_size": 8},
        "text_cfg": {"context_length": context_length, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    }
    torch.manual_seed(0)
    save_file(open_clip.CLIP(**config).state_dict(), folder / "clip.safetensors")
    (folder / "clip.json").write_text(json.dumps(config))
    return folder / "clip.json", folder / "clip.safetensors"


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A random CLIP that reads 16 tokens."""
    return write_clip(tmp_path_factory.mktemp("clip"), 16)


@pytest.fixture
def reading_clip(tmp_path: Path) -> tuple[Path, Path]:
    """A random CLIP that reads 48 tokens: the longest name of ADE20K-847 has 40 with its prompt."""
    return write_clip(tmp_path, 48)


@pytest.fixture
def tiny_config(tmp_path: Path, folder: Path, tiny_clip: tuple[Path, Path]) -> Path:
    """The smallest whole configuration of `clipteacher fit`."""
    config = {
        "data": {
            "root": str(folder),
            "unseen": list(UNSEEN),
            "batch_size": 2,
            "workers": 0,
            "augment": {"crop_size": [64, 64], "scale": [0.9, 1.2]},
        },
        "model": {
            "student": {
                "class_path": "clipteacher.students.smp.SMPStudent",
                "init_args": {"architecture": "FPN", "encoder": "tu-test_efficientnet", "channels": 16},
            },
            "teacher": {
                "class_path": "clipteacher.teachers.openclip.OpenClipTeacher",
                "init_args": {"model": str(tiny_clip[0]), "pretrained": str(tiny_clip[1])},
            },
            "method": {"plm": {"windows": [4, 8]}},
        },
        "trainer": {"max_steps": 4, "accelerator": "cpu", "devices": 1},
        "checkpoint": {"every_n_train_steps": 1},
        "report_rows": 2,
    }
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_clip: tuple[Path, Path]) -> tuple[Path, Path]:
    """A finished run whose student predicts every class, and the folder it learned on. Nothing may write to either."""
    root = tmp_path_factory.mktemp("trained")
    folder = write_folder(root / "drawn", {"train": 5, "val": 3})
    main(
        [
            *("fit", "--preset", "paper", "--out", str(root / "run"), "--report_rows", "1"),
            *("--data.root", str(folder), "--data.unseen", "[sun]", "--data.batch_size", "2", "--data.workers", "0"),
            *("--data.augment.crop_size", "[64, 64]", "--data.augment.scale", "[0.9, 1.2]"),
            *("--model.student", "clipteacher.students.smp.SMPStudent", "--model.student.channels", "16"),
            *("--model.student.architecture", "FPN", "--model.student.encoder", "tu-test_efficientnet"),
            *("--model.teacher", "clipteacher.teachers.openclip.OpenClipTeacher"),
            *("--model.teacher.model", str(tiny_clip[0]), "--model.teacher.pretrained", str(tiny_clip[1])),
            *("--model.method.glm", "null", "--model.method.plm", "null", "--model.method.losses.alpha", "10"),
            *("--model.optimizer.lr", "5e-3", "--model.optimizer.warmup_steps", "2"),
            *("--trainer.max_steps", "8", "--trainer.accelerator", "cpu", "--trainer.logger", "false"),
        ]
    )
    return root / "run", folder


@pytest.fixture(scope="session")
def fit_parser() -> ArgumentParser:
    """The parser of `clipteacher fit`, before it parses."""
    from clipteacher.training.configured import ConfiguredTraining, configured_session

    found: list[ArgumentParser] = []

    def keep(cli: ConfiguredTraining, parser: ArgumentParser, arguments: object) -> None:
        found.append(parser)
        raise StopIteration

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ConfiguredTraining, "parse_arguments", keep)
        with pytest.raises(StopIteration):
            configured_session([])
    return found[0]
