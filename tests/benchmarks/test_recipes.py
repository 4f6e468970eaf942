"""Recipes: each is what the tool writes, and goes one step of fit and evaluate on a tiny copy of its data set.

The smallest student of each family runs by default on each benchmark in turn; all run with `-m recipes`, which CI does
after the tests.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.data.tiny_copies import Written, write_coco_stuff, write_context, write_voc12
from tools.write_recipes import CONFIGS, recipes

from clipteacher.cli.main import main
from clipteacher.protocols.named import protocol_named
from clipteacher.protocols.protocol import Protocol

WRITERS: dict[str, Callable[[Path], Written]] = {
    "voc12-15-5": write_voc12,
    "coco-stuff-156-15": write_coco_stuff,
    "context-49-10": write_context,
    "context-50-10-bg": lambda root: write_context(root, "png"),
    "voc12-15-5-transductive": write_voc12,
    "coco-stuff-156-15-transductive": write_coco_stuff,
    "context-49-10-transductive": write_context,
}
BY_DEFAULT = (
    "voc12-15-5/segnext-t",
    "coco-stuff-156-15/segformer-b0",
    "context-49-10/swin-t-upernet",
    "context-50-10-bg/deeplabv3plus-r50",
    "voc12-15-5-transductive/segnext-b",
)
CASES = [
    pytest.param(name, marks=[] if name.removesuffix(".yaml") in BY_DEFAULT else [pytest.mark.recipes], id=name)
    for name in sorted(recipes())
]


def test_the_recipes_are_what_the_tool_writes() -> None:
    written = {
        str(path.relative_to(CONFIGS)): path.read_text(encoding="utf-8")
        for protocol in WRITERS
        for path in (CONFIGS / protocol).iterdir()
    }
    assert written == recipes(), "run: python tools/write_recipes.py"


def test_every_shipped_config_is_a_recipe_or_tested_by_itself() -> None:
    shipped = {str(path.relative_to(CONFIGS)) for path in CONFIGS.rglob("*.yaml")}
    assert shipped == {*recipes(), "msrc21.yaml", "msrc21-paper.yaml", "msrc21-transductive.yaml"}
    assert {f"{name}.yaml" for name in BY_DEFAULT} <= recipes().keys()


def test_the_page_lists_every_student_once() -> None:
    lines = (CONFIGS.parent / "docs" / "benchmarks" / "recipes.md").read_text(encoding="utf-8").splitlines()
    files = [line.split("|")[2].strip(" `") for line in lines if line.startswith("| ") and "`" in line.split("|")[2]]
    assert sorted(files) == sorted({Path(name).stem for name in recipes()})


@pytest.mark.parametrize("name", CASES)
@pytest.mark.usefixtures("small_windows")
def test_one_step_of_fit_and_evaluate(name: str, tmp_path: Path, tiny_clip: tuple[Path, Path]) -> None:
    """Left out is what a machine without hub and GPU cannot have: weights, CLIP's width, 16 crops of 512."""
    protocol = protocol_named(name.split("/")[0])
    WRITERS[protocol.name](tmp_path / "data")
    main(
        [
            *("fit", "--config", str(CONFIGS / name), "--data.root", str(tmp_path / "data")),
            *("--out", str(tmp_path / "run"), "--report_rows", "1", "--trainer.max_steps", "1"),
            *("--data.batch_size", "2", "--data.workers", "0", "--data.augment.crop_size", "[64, 64]"),
            *("--model.student.init_args.channels", "16", "--model.student.init_args.weights", "null"),
            *("--model.teacher.init_args.model", str(tiny_clip[0])),
            *("--model.teacher.init_args.pretrained", str(tiny_clip[1])),
            *("--trainer.accelerator", "cpu", "--trainer.logger", "false"),
            *("--trainer.limit_val_batches", "0"),
        ]
    )
    model = json.loads((tmp_path / "run" / "model" / "config.json").read_text())
    assert tuple(model["text_encoder"]["templates"]) == protocol.templates
    assert tuple(model["wanted"]) == (protocol.class_split.unseen if protocol.transductive else ())
    saved = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert saved["preset"] == ("recommended" if protocol.transductive else "paper")
    check_saved(saved, protocol)
    command = ["evaluate", "--model", str(tmp_path / "run" / "model"), "--data", str(tmp_path / "data")]
    main([*command, "--protocol", protocol.name, "--out", str(tmp_path / "scores.json")])
    assert (tmp_path / "scores.json").read_bytes() == (tmp_path / "run" / "metrics.json").read_bytes()
    result = json.loads((tmp_path / "scores.json").read_text())
    assert result["protocol"] == protocol.name
    assert tuple(result["IoU"]) == protocol.class_split.names
    assert 0 <= result["pAcc"] <= 1


def check_saved(saved: dict[str, Any], protocol: Protocol) -> None:
    """Schedule and prompts are the protocol's where the recipe says nothing else."""
    schedule, augment = protocol.schedule, saved["data"]["augment"]
    assert schedule is not None
    assert tuple(augment["scale"]) == schedule.augment.scale
    for option in ("base_size", "cat_max_ratio", "flip", "photometric"):
        assert augment[option] == getattr(schedule.augment, option), option
    assert saved["model"]["optimizer"]["warmup_steps"] == schedule.optimizer.warmup_steps
    assert saved["model"]["optimizer"]["weight_decay"] == schedule.optimizer.weight_decay
    assert saved["model"]["optimizer"]["lr"] in (6e-4, 6e-5)
