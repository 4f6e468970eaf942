"""The peak of memory: of the block alone, and unknown where the system does not tell."""

import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from clipteacher.utils import memory
from clipteacher.utils.memory import PeakMemory

CPU = torch.device("cpu")
LINUX = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells")


MEASURED = """
import torch
from clipteacher.utils.memory import PeakMemory
for size in (0, 100_000_000, 10_000_000):
    with PeakMemory(torch.device("cpu")) as peak:
        torch.ones(size, dtype=torch.uint8)
    print(peak.megabytes)
"""


@LINUX
def test_the_peak_of_a_block_and_not_of_an_earlier_one() -> None:
    # In a fresh process: one that keeps freed memory gives it to the block.
    done = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, text=True, check=True)  # noqa: S603 (our own)
    nothing, large, small = (float(line) for line in done.stdout.split())
    assert 95 < large - nothing < 150
    assert small < large - 50


@pytest.mark.parametrize(("file", "there"), [("_CLEAR", False), ("_STATUS", True)])
def test_a_system_that_does_not_tell(file: str, there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_CLEAR", "_STATUS"):
        (tmp_path / name).write_text("VmHWM:\t 5000 kB\n" if name != file else "")
        monkeypatch.setattr(memory, name, tmp_path / name)
    if not there:
        monkeypatch.setattr(memory, file, tmp_path / "none" / file)
    with PeakMemory(CPU) as peak:
        pass
    assert math.isnan(peak.megabytes)


def test_other_devices_are_unknown() -> None:
    with PeakMemory(torch.device("meta")) as peak:
        pass
    assert math.isnan(peak.megabytes)
