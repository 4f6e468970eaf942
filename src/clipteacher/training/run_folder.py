"""A run's folder: what is where."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from clipteacher.training.checkpoints import LAST, PREVIOUS
from clipteacher.utils.atomic_files import remove_unfinished


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run.

    Attributes:
        path: The folder, `--out`.
    """

    path: Path

    @property
    def config(self) -> Path:
        """The whole configuration."""
        return self.path / "config.yaml"

    @property
    def checkpoints(self) -> Path:
        """The trainer's checkpoints."""
        return self.path / "checkpoints"

    @property
    def last_checkpoint(self) -> Path:
        """The checkpoint to resume from."""
        return self.checkpoints / LAST

    @property
    def previous_checkpoint(self) -> Path:
        """The one before, for where the last is damaged."""
        return self.checkpoints / PREVIOUS

    @property
    def first_model(self) -> Path:
        """The student as it was at the first validation."""
        return self.checkpoints / "first_model"

    @property
    def model(self) -> Path:
        """The trained student."""
        return self.path / "model"

    @property
    def metrics(self) -> Path:
        """The scores; they mark a run as trained to its end."""
        return self.path / "metrics.json"

    @property
    def report(self) -> Path:
        """The picture."""
        return self.path / "report.png"

    def begun(self) -> bool:
        """Whether there is a run to go on with, or a finished one."""
        return any(path.exists() for path in (self.metrics, self.last_checkpoint, self.previous_checkpoint))

    def tidy(self, *, resumed: bool) -> list[str]:
        """Remove what a killed process left unfinished, and, where nothing is resumed, the first model of that run.

        Args:
            resumed: Whether a checkpoint is gone on from.

        Returns:
            The names of what was unfinished.
        """
        if not resumed and self.first_model.exists():
            shutil.rmtree(self.first_model)  # the report would compare with another run's
        return [name for folder in (self.path, self.checkpoints) for name in remove_unfinished(folder)]
