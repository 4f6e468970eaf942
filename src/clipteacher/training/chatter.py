"""What Lightning and torch say in every run that tells nobody anything, kept off the screen of a command."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# Whence the trainer tells of the seed and of everything else.
_TALKERS: Final = (
    "lightning.fabric.utilities.seed",
    "lightning.fabric.utilities.rank_zero",
    "lightning.pytorch.utilities.rank_zero",
)

SAID: Final = (
    "Seed set to",
    "GPU available: False",
    "TPU available: False",
    "HPU available: False",
    "💡 Tip:",
    "Loading `train_dataloader` to estimate",
    "`Trainer.fit` stopped: `max_steps",
    "Restoring states from the checkpoint path",  # "Restored all states from …" follows
)
"""Beginnings of messages that are dropped: absent hardware, products, and the end that was asked for."""

WARNED: Final = (
    ".*does not have many workers",  # photos may be in memory, and the option has another name here
    r"This DataLoader will create \d+ worker process",
    ".*is smaller than the logging interval",  # a run of a few steps logs none
    r".*isinstance\(treespec, LeafSpec\)",
    r"Precision \S+ is not supported by the model summary",
    # Steps are a function of their number here, and a checkpoint's folder is the run's own.
    "You're resuming from a checkpoint that ended before the epoch ended",
    "Be aware that when using `ckpt_path`",
    ".*Checkpoint directory .* exists and is not empty",
    ".*Experiment logs directory .* exists",
)
"""Patterns of warnings that are dropped: none of them applies to a run of ours."""


class _Dropped(logging.Filter):
    """Lets through what is not in `SAID`."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to let a message through."""
        return not re.sub(r"^\[rank: \d+\] ", "", record.getMessage()).startswith(SAID)


@contextmanager
def without_chatter() -> Iterator[None]:
    """Drop what is in `SAID` and `WARNED`; everything else is heard."""
    dropped, loggers = _Dropped(), [logging.getLogger(name) for name in _TALKERS]
    with warnings.catch_warnings():
        for message in WARNED:
            warnings.filterwarnings("ignore", message=message)
        for logger in loggers:
            logger.addFilter(dropped)
        try:
            yield
        finally:
            for logger in loggers:
                logger.removeFilter(dropped)
