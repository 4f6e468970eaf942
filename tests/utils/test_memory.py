"""The peak of memory: of the block alone, and unknown where the system does not tell."""

import math
from pathlib import Path

import pytest
import torch

from clipteacher.utils import memory
from clipteacher.utils.memory import PeakMemory

CPU = torch.device("cpu")
LINUX = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells")


@LINUX
def test_the_peak_of_a_block_and_not_of_an_earlier_one() -> None:
    with PeakMemory(CPU) as nothing:
        pass
    with PeakMemory(CPU) as large:
        torch.ones(100_000_000, dtype=torch.uint8)
    with PeakMemory(CPU) as small:
        torch.ones(10_000_000, dtype=torch.uint8)
    assert 95 < large.megabytes - nothing.megabytes < 150
    assert small.megabytes < large.megabytes - 50


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
