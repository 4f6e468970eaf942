"""The run behind a model: its teacher and its options, built again from config.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from jsonargparse import ArgumentError, ArgumentParser
from torch import nn

from clipteacher.method.config import MethodConfig, preset_defaults
from clipteacher.method.glm import GLMConfig
from clipteacher.method.plm.module import PLMConfig
from clipteacher.teachers.teacher import Teacher, check_teacher

_READ = ("teacher", "method")


class FoundModel(NamedTuple):
    """Where a model lies.

    Attributes:
        model: Its folder.
        config: config.yaml of its run; None where there is none.
    """

    model: Path
    config: Path | None


@dataclass(frozen=True, eq=False)
class RunOptions:
    """What of a run the teacher part needs.

    Attributes:
        teacher: The teacher.
        glm: Options of GLM; None where the run had none.
        plm: Options of PLM; None where the run had none.
    """

    teacher: Teacher
    glm: GLMConfig | None
    plm: PLMConfig | None


def find_model(path: str | Path) -> FoundModel:
    """Take a run's folder, or a model's, and find both.

    Args:
        path: A run's folder, with `config.yaml` and `model/`; or a model folder, whose run is the folder around it.

    Returns:
        The model's folder, which need not be whole, and the run's configuration.
    """
    path = Path(path)
    is_run = not (path / "config.json").is_file() and (path / "model").is_dir()
    model, run = (path / "model", path) if is_run else (path, path.resolve().parent)
    config = run / "config.yaml"
    return FoundModel(model, config if config.is_file() else None)


def read_run_options(config: Path) -> RunOptions:
    """Build a run's teacher and read its options. The file names the class of the teacher: open only runs you trust.

    Args:
        config: config.yaml of a run of `clipteacher fit`.

    Returns:
        The teacher, with the options; GLM of weight 0 counts as none.

    Raises:
        ImportError: The teacher's class, or what it needs, is not installed.
        TypeError: It is no teacher.
        ValueError: The file is no YAML, no configuration of `fit`, or the teacher cannot be built.
    """
    try:
        settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"config: {config} is no YAML ({error}). Give --teacher false to go without it.") from error
    model = settings.get("model") if isinstance(settings, dict) else None
    if not isinstance(model, dict) or not model.get("teacher"):
        raise ValueError(
            f"config: {config} has no model.teacher, expected the config.yaml of a run. Give --teacher false to go "
            "without it."
        )
    if older := sorted({"glm", "plm", "losses"} & set(model)):
        raise ValueError(
            f"config: {config} has model.{older[0]}, expected the parts of the method under model.method, as runs have "
            "them since 2026-11-27. Move them there, or give --teacher false to go without."
        )
    try:
        parser = ArgumentParser(exit_on_error=False)
        parser.add_subclass_arguments(nn.Module, "teacher", required=True)
        parser.add_class_arguments(MethodConfig, "method")
        parser.set_defaults(preset_defaults(settings.get("preset", "recommended"), "method"))
        built: Any = parser.instantiate(parser.parse_object({key: model[key] for key in _READ if key in model}))
    except (ArgumentError, ValueError) as error:
        raise ValueError(f"config: {config} cannot be read: {error}") from error
    check_teacher(built.teacher)
    method: MethodConfig = built.method
    return RunOptions(built.teacher, method.glm if method.losses.glm else None, method.plm)
