"""Counts that are saved with a module and that Python knows, without a wait for the module's device."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class Counting(nn.Module):
    """A module with counts, such as its steps, in buffers: scalars (), int64, which a checkpoint holds.

    Reading a buffer waits for a GPU. So it is read once, after the module was built or loaded; from then on Python
    counts, too.
    """

    def count(self, name: str) -> int:
        """Return a count by the name of its buffer."""
        known: dict[str, int] = self.__dict__.setdefault("_known_counts", {})
        if name not in known:
            known[name] = int(self.get_buffer(name))
        return known[name]

    @torch.no_grad()
    def count_up(self, name: str, number: int = 1) -> None:
        """Add a number to a count."""
        total = self.count(name) + number
        self.get_buffer(name).add_(number)
        self.__dict__["_known_counts"][name] = total

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 (torch's own)
        super()._load_from_state_dict(*args, **kwargs)
        self.__dict__["_known_counts"] = {}
