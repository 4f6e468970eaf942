"""The run behind a model: its teacher and its method, read from config.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentError, ArgumentParser
from torch import nn

from clipteacher.method.config import MethodConfig, preset_defaults
from clipteacher.storage.saved_model import model_folder
from clipteacher.teachers.teacher import Teacher, check_teacher
from clipteacher.utils.yaml_words import load_yaml


@dataclass(frozen=True, eq=False)
class RunOptions:
    """What the diagnosis needs of a run.

    Attributes:
        teacher: The teacher.
        method: The method; `glm` is None where its loss has weight 0.
        train_split: Split that it was trained on.
        base_size: Shorter side of its training photos; None is their own.
    """

    teacher: Teacher
    method: MethodConfig
    train_split: str = "train"
    base_size: int | None = None


def find_model(path: str | Path) -> tuple[Path, Path | None]:
    """Find model and run, given the folder of either.

    Args:
        path: A run's folder, with `config.yaml` and `model/`; or a model folder, whose parent is then the run's.

    Returns:
        The model's folder, which may be incomplete, and config.yaml of the run; None where there is none.
    """
    path = Path(path)
    model = model_folder(path)
    config = (path.resolve().parent if model == path else path) / "config.yaml"
    return model, config if config.is_file() else None


def read_config(config: Path) -> dict[str, Any]:
    """Read a configuration of `clipteacher fit`.

    Args:
        config: The file.

    Returns:
        Its values, in which `model.teacher` names a class.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no YAML, or names no class for model.teacher.
    """
    if not config.is_file():
        raise FileNotFoundError(f"config: no file {config}, expected a configuration of `clipteacher fit`")
    try:
        settings: dict[str, Any] = load_yaml(config.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"config: {config} is no YAML ({error})") from error
    model = settings.get("model") if isinstance(settings, dict) else None
    teacher = model.get("teacher") if isinstance(model, dict) else None
    if not teacher or (isinstance(teacher, dict) and "class_path" not in teacher):
        why = ", because the run was started from Python: add class_path and init_args" if teacher else ""
        raise ValueError(f"config: {config} has no class for model.teacher{why}, expected one of `clipteacher fit`")
    return settings


def read_method(config: Path) -> MethodConfig:
    """Read the method from a configuration of `clipteacher fit`.

    Args:
        config: The file.

    Returns:
        The method. Options that the file leaves out are those of its preset.

    Raises:
        FileNotFoundError, ValueError: As `read_config`; or an option of the method is wrong.
    """
    parser = ArgumentParser(exit_on_error=False)
    method: MethodConfig = _built(parser, ("method",), config, read_config(config)).method
    return method


def read_run_options(config: Path) -> RunOptions:
    """Build the teacher of a run and read its method. The file names a class to import: open only runs you trust.

    Args:
        config: A configuration of `clipteacher fit`, such as config.yaml of a run.

    Returns:
        The options. Those of the method that the file leaves out are those of its preset.

    Raises:
        FileNotFoundError, ValueError: As `read_config`; or the teacher cannot be built.
        ImportError: The teacher's class, or a package that it needs, is not installed.
        TypeError: It is no teacher.
    """
    try:
        settings = read_config(config)
    except ValueError as error:
        raise ValueError(f"{error}. Skip the teacher with --teacher false.") from error
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--teacher", type=nn.Module, required=True)
    built = _built(parser, ("teacher", "method"), config, settings)
    check_teacher(built.teacher)
    method, data = built.method, settings.get("data") or {}
    return RunOptions(
        teacher=built.teacher,
        method=method if method.losses.glm else replace(method, glm=None),
        train_split=data.get("train_split") or "train",
        base_size=(data.get("augment") or {}).get("base_size"),
    )


def _built(parser: ArgumentParser, keys: Sequence[str], config: Path, settings: dict[str, Any]) -> Any:  # noqa: ANN401 (a namespace)
    """Build these parts of the model, the method among them; the parser has arguments for the others."""
    model = settings["model"]
    if older := sorted({"glm", "plm", "losses"} & set(model)):
        raise ValueError(
            f"config: {config} has model.{older[0]}, expected the parts of the method under model.method, where "
            "runs have them since 2026-11-27. Move them there, or skip the teacher with --teacher false."
        )
    parser.add_class_arguments(MethodConfig, "method")
    try:
        parser.set_defaults(preset_defaults(settings.get("preset", "recommended"), "method"))
        return parser.instantiate(parser.parse_object({key: model[key] for key in keys if model.get(key)}))
    except (ArgumentError, ValueError) as error:
        raise ValueError(f"config: {config} cannot be read: {error}") from error
