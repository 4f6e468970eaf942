"""Grids of `benchmarks/`: each setting still means what its recorded lines meant when they were run."""

import json
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from clipteacher.method.config import MethodConfig
from clipteacher.training.configured import ConfiguredTraining
from clipteacher.training.datamodule import FolderDataModule
from clipteacher.training.module import TrainingModule

ROOT = Path(__file__).parents[2]
GRIDS = sorted((ROOT / "benchmarks" / "grids").glob("*.yaml"))
# Those of the transductive setting, and later ones, were run under today's names.
OF_OLD = [path for path in GRIDS if not any(word in path.stem for word in ("_wanted", "_five_minutes", "_steady"))]
PARTS = ("glm", "plm", "losses", "distillation")
Values = dict[str, Any]

# What the library's options were by default when the lines were run, under the names of then.
DEFAULTS: dict[str, Values | None] = {
    "glm": {
        **{"normalize": True, "scale": 20.0, "temperature": 0.07, "bank_size": 256},
        **{"keep": 1.0, "keep_steps": 0, "cells": 0},
    },
    "plm": {
        **{"windows": [6, 14], "overlap": 0.5, "iterations": 10, "fusion_threshold": 0.4, "center": True},
        **{"prototypes": "synthesizer", "layers": 1, "heads": 8, "feedforward": 1024, "dropout": 0.0},
    },
    "losses": {
        **{"glm": 1.0, "focal": 100.0, "dice": 1.0, "ce": 1.0, "bce": 1.0, "alpha": 1.0, "beta": 10.0},
        **{"foreign_latents": False, "ignored_are_negatives": True},
    },
    "distillation": None,
}
# What the configurations of the grids set then.
CONFIGS: dict[str, dict[str, Values]] = {
    "configs/msrc21-paper.yaml": {"losses": {"glm": 4.0, "alpha": 3.0}},
    "benchmarks/configs/world.yaml": {
        "plm": {"windows": [2, 4], "prototypes": "regions"},
        "losses": {"glm": 0.25, "focal": 0, "dice": 0, "alpha": 3, "beta": 20, "foreign_latents": True},
    },
}


def meaning_then(config: str, words: list[Any]) -> Values:
    """The method that the words of a line stood for when it was run, under today's names."""
    method = {part: values and {**values, **CONFIGS[config].get(part, {})} for part, values in DEFAULTS.items()}
    for option, word in zip(words[::2], words[1::2], strict=True):
        part, _, name = str(option).removeprefix("--model.").partition(".")
        if part in method:
            value = yaml.safe_load(word) if isinstance(word, str) else word
            method[part] = {**(method[part] or {}), name: value} if name else value
    glm, plm, losses = (values and dict(values) for values in (method["glm"], method["plm"], method["losses"]))
    if glm:
        glm["grid"] = glm.pop("cells")
    if plm:
        plm["prototypes"] = plm["prototypes"].replace("regions", "region_pooling")
    if losses:
        losses["cross_image_negatives"] = losses.pop("foreign_latents")
        losses["class_weights"] = {}  # there were none
    return {"glm": glm, "plm": plm, "losses": losses, "distillation": method["distillation"]}


class Parsed(ConfiguredTraining):
    """The command line of `clipteacher fit`, which builds nothing."""

    def before_instantiate_classes(self) -> None: ...

    def instantiate_classes(self) -> None: ...


@cache
def parser(config: str) -> Any:  # noqa: ANN401
    """The parser with the preset of a configuration; it parses other options of the same configuration, too."""
    arguments = ["--config", str(ROOT / config), "--data.root", "x"]
    return Parsed(TrainingModule, FolderDataModule, args=arguments, run=False, save_config_callback=None).parser


def meaning_now(options: list[str]) -> Values:
    """The method that options of `clipteacher fit` stand for."""
    config = str(Path(options[options.index("--config") + 1]).relative_to(ROOT))
    parsed = parser(config).parse_args([*options, "--data.root", "x"])
    method: Values = parsed.model.method.as_dict()
    return {part: method[part] for part in PARTS}  # without wanted names the others do nothing


def plain(method: Values) -> Values:
    """Numbers and lists as JSON has them, 1 and 1.0 alike."""
    return {
        part: values and {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
        for part, values in method.items()
    }


@pytest.fixture
def ablation(monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import ablation

    return ablation


def test_the_defaults_of_then_are_the_paper_preset_of_today() -> None:
    method = meaning_then("configs/msrc21-paper.yaml", ["--model.losses.glm", 1, "--model.losses.alpha", 1])
    assert plain({part: asdict(MethodConfig.paper())[part] for part in PARTS}) == method


@pytest.mark.parametrize("path", OF_OLD, ids=lambda path: path.stem)
def test_each_setting_means_what_its_lines_meant(path: Path, ablation: Any) -> None:  # noqa: ANN401
    grid = yaml.safe_load(path.read_text())
    results = ROOT / "benchmarks" / "results" / f"{path.stem}.jsonl"
    recorded = [json.loads(line) for line in results.read_text().splitlines()]  # in the words of then
    lines = ablation.read_lines(results)  # the same, in today's
    compared = set()
    for run in ablation.grid_runs(grid):
        then = [before for before, line in zip(recorded, lines, strict=True) if line.get("setting") == run.setting]
        if run.of is None and then and run.setting not in compared:
            compared.add(run.setting)
            now = meaning_now(ablation.fit_options(run, grid))
            assert plain(now) == meaning_then(grid["config"], [*then[0]["common"], *then[0]["switches"]]), run.setting
    assert compared == {line["setting"] for line in lines if line.get("of") is None}


@pytest.mark.parametrize("path", GRIDS, ids=lambda path: path.stem)
def test_every_line_is_a_run_of_its_grid(path: Path, ablation: Any) -> None:  # noqa: ANN401
    grid = yaml.safe_load(path.read_text())
    known = {"config", "data", "world", "unseen", "held_out", "seeds", "common", "settings", "rescored", "curves"}
    assert set(grid) <= known | {"zero_shot_teacher", "absent"}
    assert (ROOT / grid["config"]).is_file()
    assert not any(set(names) & set(grid["unseen"]) for names in grid.get("held_out", []))
    assert all(again["of"] in grid["settings"] for again in grid.get("rescored", {}).values())
    lines = ablation.read_lines(ROOT / "benchmarks" / "results" / f"{path.stem}.jsonl")
    keys = [run.key for run in ablation.grid_runs(grid)]
    for line in lines:
        assert any({name: line.get(name) for name in key} == key for key in keys), line["setting"]
        assert line["common"] == (grid.get("common") or [])


def test_a_switched_option_is_seen() -> None:
    """The comparison itself: another value would not pass for the recorded one."""
    options = ["--config", str(ROOT / "benchmarks/configs/world.yaml"), "--model.method.glm.scale", "1"]
    assert plain(meaning_now(options)) != meaning_then("benchmarks/configs/world.yaml", [])
    assert plain(meaning_now(options)) == meaning_then("benchmarks/configs/world.yaml", ["--model.glm.scale", "1"])
