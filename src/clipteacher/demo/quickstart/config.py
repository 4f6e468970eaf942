"""What the quickstart draws, trains and shows, and where. Nothing slow is imported here: a command refuses at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FIT_CONFIG = Path(__file__).with_name("quickstart.yaml")
"""Configuration of `clipteacher fit` for both students; it ships with the package."""


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
