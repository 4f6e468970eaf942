"""The most memory that something takes: of the process on a CPU, of a GPU's allocator on a GPU."""

from __future__ import annotations

import gc
import math
import re
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import torch

_STATUS: Final = Path("/proc/self/status")
_CLEAR: Final = Path("/proc/self/clear_refs")
_MEGABYTE: Final = 1e6


class PeakMemory:
    """Measures the peak of memory while a block runs.

    On a GPU it is what torch allocates there. On a CPU it is the resident memory of the whole process, Python and
    torch included, which Linux tells; other systems only know the peak since the process began.

    Args:
        device: Where the work is done.

    Attributes:
        megabytes: The peak in units of 10^6 bytes, once the block has ended; NaN where the system does not tell.

    Example:
        >>> with PeakMemory(torch.device("cpu")) as peak:
        ...     _ = torch.zeros(1000)
        >>> peak.megabytes > 10 or math.isnan(peak.megabytes)
        True
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.megabytes = math.nan
        self._known = False

    def __enter__(self) -> Self:
        """Forget earlier peaks; what nobody uses any more is freed first."""
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        elif self._device.type == "cpu":
            try:
                _CLEAR.write_text("5")  # resets the peak of resident memory: proc(5), since Linux 4.0
                self._known = True
            except OSError:  # another system, or a sandbox
                self._known = False
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Read the peak."""
        if self._device.type == "cuda":
            self.megabytes = torch.cuda.max_memory_allocated(self._device) / _MEGABYTE
        elif self._known and (found := re.search(r"VmHWM:\s*(\d+) kB", _STATUS.read_text())) is not None:
            self.megabytes = int(found[1]) * 1024 / _MEGABYTE
