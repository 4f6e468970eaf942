"""A run's folder: what is where."""

from __future__ import annotations

import shutil
from pathlib import Path

from clipteacher.training.checkpoints import LAST, PREVIOUS
from clipteacher.utils.atomic_files import remove_unfinished


class RunFolder:
    """Paths of a run; naming them makes none.

    Args:
        path: The folder, `--out`.

    Attributes:
        path: The folder.
        config: The whole configuration.
        checkpoints: The trainer's checkpoints.
        last_checkpoint: The checkpoint to resume from.
        previous_checkpoint: The one before, for where the last is damaged.
        first_model: The student as it was at the first validation.
        model: The trained student.
        metrics: The scores; they mark a run as trained to its end.
        report: The picture.
        lock: What a process locks while it trains here.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.checkpoints = path / "checkpoints"
        self.last_checkpoint = self.checkpoints / LAST
        self.previous_checkpoint = self.checkpoints / PREVIOUS
        self.first_model = self.checkpoints / "first_model"
        self.model = path / "model"
        self.metrics = path / "metrics.json"
        self.report = path / "report.png"
        self.lock = path / "run.lock"

    def begun(self) -> bool:
        """Whether there is a run to go on with, or a finished one."""
        return any(path.exists() for path in (self.metrics, self.last_checkpoint, self.previous_checkpoint))

    def tidy(self, *, resumed: bool) -> list[str]:
        """Remove what a killed process left unfinished, and, where nothing is resumed, the first model of that run.

        Returns:
            The names of what was unfinished.
        """
        if not resumed and self.first_model.exists():
            shutil.rmtree(self.first_model)  # the report would compare with another run's
        return [name for folder in (self.path, self.checkpoints) for name in remove_unfinished(folder)]
