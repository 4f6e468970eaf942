"""Time until a command answers: pages of help, imports, and one photo segmented by a model's own names.

    .venv/bin/python benchmarks/startup.py

Each measurement is a process of its own, in turn over several rounds: wall time, and the processor time of the process,
which other work on the machine lengthens less. `segment` is compared with what it cannot do without, in processor time:
`import torch`, and the network built, filled and run once. The student is SegNeXt-T, which is this package's own code,
and DeepLabV3+ of segmentation_models_pytorch, which loads timm and torchvision; both with random weights.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import nn

from clipteacher.cli.main import _COMMANDS
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.students.segnext import SegNeXtStudent
from clipteacher.students.smp import SMPStudent
from clipteacher.utils.atomic_files import write_json
from machine import provenance
from tables import spread, spread_of_ratios, table

CHANNELS = 512
COMMAND = "from clipteacher.cli.main import main; main()"
NETWORK = """
import json, sys, time
from importlib import import_module
import torch
from safetensors.torch import load_file
folder, side, start = sys.argv[1], int(sys.argv[2]), time.process_time()
from clipteacher.students.build import KINDS, build_student
spec = json.load(open(folder + "/config.json"))["student"]
import_module(KINDS[spec["kind"]].rpartition(".")[0])
library = time.process_time()
student = build_student(spec).eval()
student.load_state_dict(load_file(folder + "/student.safetensors"))
with torch.inference_mode():
    student(torch.rand(1, 3, side, side))
print(json.dumps({"library": library - start, "network": time.process_time() - library}))
"""


class Timed(NamedTuple):
    """A process: its wall time and processor time in seconds, and what it printed last."""

    wall: float
    processor: float
    printed: str


def timed(*arguments: str) -> Timed:
    """Run Python with these arguments."""
    start = time.perf_counter()
    with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None  # noqa: S101 (for mypy)
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"got status {process.returncode} of {arguments}")
    return Timed(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, (printed.splitlines() or [""])[-1])


def students() -> dict[str, nn.Module]:
    """Return the networks, by the names of their rows."""
    return {"SegNeXt-T": SegNeXtStudent("tiny", CHANNELS), "DeepLabV3+ of smp": SMPStudent("DeepLabV3Plus", "resnet50")}


def measure(folder: Path, side: int, rounds: int, names: int) -> list[dict[str, Any]]:
    """Measure everything, a round after the other; returns an entry for each process."""
    torch.manual_seed(0)
    photo, text = folder / "photo.png", nn.functional.normalize(torch.randn(names, CHANNELS), dim=1)
    coarse = np.random.default_rng(0).integers(0, 255, (12, 12, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((side, side)).save(photo)
    plan: dict[str, tuple[str, ...]] = {
        "import torch": ("-c", "import torch"),
        "import clipteacher": ("-c", "import clipteacher"),
    }
    pages = [("--help",), ("--version",), *((name, "--help") for name in _COMMANDS)]
    plan |= {f"clipteacher {' '.join(page)}": ("-c", COMMAND, *page) for page in pages}
    for name, student in students().items():
        model = folder / name.split()[0]
        Segmenter(student, [f"class {number}" for number in range(names)], text).save_pretrained(model)
        plan[f"{name} alone"] = ("-c", NETWORK, str(model), str(side))
        paths = (str(photo), "--model", str(model), "--out", str(folder / "out"))
        plan[f"segment, {name}"] = ("-c", COMMAND, "segment", *paths, "--device", "cpu")
    found = []
    for number in range(rounds + 1):  # the first fills the caches of the disk
        for what, arguments in plan.items():
            one = timed(*arguments)
            parts = json.loads(one.printed) if what.endswith("alone") else {}
            if number:
                found.append({"what": what, "wall": one.wall, "processor": one.processor, **parts})
    return found


def shown(runs: list[dict[str, Any]]) -> str:
    """Return the table: medians, and `segment` over what it cannot do without, in processor time."""
    names = list(dict.fromkeys(run["what"] for run in runs))
    values = {what: [run for run in runs if run["what"] == what] for what in names}
    rows = []
    for what in names:
        cells = [f"{spread([run[key] for run in values[what]]).median:.2f}" for key in ("wall", "processor")]
        least = with_library = ""
        if what.startswith("segment, "):
            spent = [run["processor"] for run in values[what]]
            alone, torches = values[f"{what.removeprefix('segment, ')} alone"], values["import torch"]
            needed = [one["processor"] + run["network"] for one, run in zip(torches, alone, strict=True)]
            least = str(spread_of_ratios(spent, needed))
            libraries = [base + run["library"] for base, run in zip(needed, alone, strict=True)]
            with_library = str(spread_of_ratios(spent, libraries))
        rows.append([what, *cells, least, with_library])
    titles = ("", "wall, s", "processor, s", "/ (torch + network)", "/ (torch + its libraries + network)")
    return table(titles, rows)


def main() -> None:
    """Measure, print the table, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", type=int, default=512, help="of the photo")
    parser.add_argument("--names", type=int, default=21)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/startup.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = measure(Path(folder), given.side, given.rounds, given.names)
    print(shown(runs))
    write_json(given.out, {**provenance(), "runs": runs})


if __name__ == "__main__":
    main()
