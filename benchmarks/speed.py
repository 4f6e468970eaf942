"""Speed at test, side by side in one run: fused students, closed-set networks, and CLIP itself.

    .venv/bin/python benchmarks/speed.py

One image at a time, from pixels to labels at its own size; random weights, for time does not depend on them. In every
round each way runs once, in turn; ratios are taken within a round. The closed-set network is the same student, built
with one channel a name. CLIP is ViT-B/16's dense prediction by the value path (MaskCLIP, arXiv 2112.01071). The rivals
that keep CLIP's image encoder beside a network of their own are stood in for by the student and that encoder, one after
the other: theirs is slower where it sees crops or masks one by one.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.inference.settings import TestSettings
from clipteacher.inference.text_classifier import TextClassifier
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.students.segformer import SegFormerStudent
from clipteacher.students.segnext import SegNeXtStudent
from clipteacher.students.smp import SMPStudent
from clipteacher.teachers.dense import ZeroShotTeacher
from clipteacher.teachers.openclip import OpenClipTeacher
from clipteacher.utils.atomic_files import write_json
from machine import machine, spread, wait

WIDTH = 512
STUDENTS: dict[str, Callable[[int], nn.Module]] = {
    "DeepLabV3+ on MobileNetV3-L": lambda channels: SMPStudent(
        "DeepLabV3Plus", "tu-mobilenetv3_large_100", channels, weights=None
    ),
    "SegNeXt-T": lambda channels: SegNeXtStudent("tiny", channels),
    "SegFormer-B0": lambda channels: SegFormerStudent("b0", channels),
}
RATIOS = {
    "fused / closed-set": ("fused", "closed-set"),
    "fused / Segmenter": ("fused", "segmenter"),
    "CLIP / fused": ("clip", "fused"),
    "student + CLIP / fused": ("both", "fused"),
}
HEAD = f"| student | names | fused, ms | {' | '.join(RATIOS)} |\n|---|---|---|{'---|' * len(RATIOS)}"


def ways_of(build: Callable[[int], nn.Module], count: int, clip: nn.Module, image: Tensor) -> dict[str, Any]:
    """Return what is timed, by name; each labels the image (1, 3, H, W)."""
    torch.manual_seed(0)
    student, closed = build(WIDTH).eval().to(image.device), build(count).eval().to(image.device)
    vectors = F.normalize(torch.randn(count, WIDTH), dim=1).to(image.device)
    model = Segmenter(student, [f"name {i}" for i in range(count)], vectors).to(image.device).eval()
    network = model.to_closed_set().network.to(image.device)
    network, closed, student = (part.to(image.dtype) for part in (network, closed, student))
    names, own = TextClassifier(vectors.to(image.dtype)), TestSettings(pad_multiple=16)
    return {
        "segmenter": lambda: DensePrediction(student, image).labels(names),
        "fused": lambda: DensePrediction(network, image).labels(),
        "closed-set": lambda: DensePrediction(closed, image).labels(),
        "clip": lambda: DensePrediction(clip, image, own).labels(names),
        "both": lambda: (DensePrediction(network, image).labels(), clip(image)),
    }


def timed(ways: dict[str, Any], rounds: int, device: torch.device) -> list[dict[str, float]]:
    """Time every way once a round; the first round warms up and is left out."""
    found = []
    for number in range(rounds + 1):
        seconds = {}
        for name, run in ways.items():
            wait(device)
            start = time.perf_counter()
            run()
            wait(device)
            seconds[name] = time.perf_counter() - start
        if number:
            found.append(seconds)
    return found


def row(name: str, count: int, rounds: list[dict[str, float]]) -> tuple[str, dict[str, Any]]:
    """Write a line of the table, and the same as JSON."""
    ratios = {title: spread([one[a] / one[b] for one in rounds]) for title, (a, b) in RATIOS.items()}
    milliseconds = spread([1000 * one["fused"] for one in rounds])
    cells = [f"{low:.2f}, **{middle:.2f}**, {high:.2f}" for low, middle, high in ratios.values()]
    line = f"| {name} | {count} | {milliseconds[1]:.0f} | {' | '.join(cells)} |"
    return line, {"student": name, "names": count, "rounds": rounds, "ratios": ratios}


def main() -> None:
    """Time all and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="at least 5")
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--names", type=int, nargs="+", default=[21, 171, 847])
    parser.add_argument("--students", nargs="+", choices=list(STUDENTS), default=list(STUDENTS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--half", action="store_true", help="float16, on a GPU")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/speed.json"))
    given = parser.parse_args()
    if given.rounds < 5:
        parser.error("expected 5 rounds or more")
    torch.set_num_threads(given.threads)
    device = torch.device(given.device)
    image = torch.rand(1, 3, given.side, given.side, device=device, dtype=torch.half if given.half else torch.float)
    teacher = OpenClipTeacher("ViT-B-16-quickgelu", None, dense="value", precision="fp16" if given.half else "fp32")
    clip = ZeroShotTeacher(teacher.to(device)).eval()
    lines, rows = [], []
    with torch.inference_mode():
        for name in given.students:
            for count in given.names:
                ways = ways_of(STUDENTS[name], count, clip, image)
                line, result = row(name, count, timed(ways, given.rounds, device))
                lines.append(line)
                rows.append(result)
                print(line, flush=True)
    command = shlex.join(["python", "benchmarks/speed.py", *sys.argv[1:]])
    write_json(given.out, {"command": command, "date": time.strftime("%Y-%m-%d"), **machine(device), "rows": rows})
    print("\n" + "\n".join([HEAD, *lines]))


if __name__ == "__main__":
    main()
