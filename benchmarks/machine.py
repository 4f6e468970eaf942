"""Where and how figures were measured, and waiting for a device."""

from __future__ import annotations

import os
import platform
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import torch

from clipteacher.demo.quickstart.results import machine as this_machine


def wait(device: torch.device) -> None:
    """Wait until a GPU has finished its work; a CPU has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def provenance(device: torch.device | None = None) -> dict[str, Any]:
    """Return the entries that every file of figures begins with: command, date, machine, load and versions."""
    on_gpu = device is not None and device.type == "cuda"
    name = torch.cuda.get_device_name(device) if on_gpu else this_machine()["cpu"]
    return {
        "command": shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]),
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{name}, {torch.get_num_threads()} threads of {os.cpu_count()} cores",
        "load_average": os.getloadavg()[0],
        "versions": {"python": platform.python_version(), "torch": torch.__version__.split("+")[0]},
    }
