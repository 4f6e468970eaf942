"""What the quickstart draws, trains and shows, and where. Nothing slow is imported here: a command refuses at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from clipteacher.demo.drawn_world import UNSEEN

FIT_CONFIG = Path(__file__).with_name("quickstart.yaml")
"""Configuration of `clipteacher fit` for all runs; it ships with the package."""

_NO_TEACHER = ("--model.method.glm", "null", "--model.method.plm", "null")


class Run(NamedTuple):
    """One training of the quickstart.

    Attributes:
        stage: What its stage says.
        options: Arguments of `clipteacher fit` beside the common configuration.
    """

    stage: str
    options: tuple[str, ...]


RUNS: Final[Mapping[str, Run]] = {
    "baseline": Run("Training with the labels only", ("--data.unseen", json.dumps(UNSEEN), *_NO_TEACHER)),
    "after": Run("Training under the teacher, words said after", ("--data.unseen", json.dumps(UNSEEN))),
    "before": Run(
        "Training under the teacher, words said before", ("--data.unseen", "[]", "--data.wanted", json.dumps(UNSEEN))
    ),
    "reference": Run("Training the reference with all masks", ("--data.unseen", "[]", *_NO_TEACHER)),
}
"""The trainings in their order, by the name of their folders: the same network, seed and steps."""


@dataclass(frozen=True)
class QuickstartConfig:
    """Options of the quickstart.

    Attributes:
        train: Scenes to train on.
        val: Scenes to score on.
        size: Height and width of a scene in pixels.
        fit: Configuration of `clipteacher fit`; `data.root` and the run folder are given separately.
        rows: Scenes in the panel, chosen by their truth alone: one for each unseen class.
        panel_width: Width of the panel's columns in pixels.
        timed: Scenes that the speed at test is measured on.

    Raises:
        ValueError: A number is below 1.
    """

    train: int = 600
    val: int = 150
    size: int = 128
    fit: Path = FIT_CONFIG
    rows: int = 5
    panel_width: int = 256
    timed: int = 50

    def __post_init__(self) -> None:
        """Check every number."""
        for name in ("train", "val", "size", "rows", "panel_width", "timed"):
            if getattr(self, name) < 1:
                raise ValueError(f"quickstart.{name}: got {getattr(self, name)}, expected 1 or more")


def check_empty(out: Path) -> None:
    """Check that nothing would be written over.

    Raises:
        FileExistsError: There is a file in the place of `out`, or something in it.
    """
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists():
        what = "holds a quickstart" if (out / "metrics.json").exists() else "is not empty"
        raise FileExistsError(
            f"out: {out} {what}, expected a new or an empty folder. Name another --out, or remove it."
        )
