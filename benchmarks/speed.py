"""Speed at test, side by side in one run: students with fused names, networks built for a closed set, and CLIP itself.

    .venv/bin/python benchmarks/speed.py

One image at a time, from pixels to labels at its own size; random weights, because time does not depend on them. In
every round each way runs once, in turn; ratios are taken within a round. "Fused" is `Segmenter.to_closed_set`;
"closed-set" is the same student built with one channel for each name. CLIP is ViT-B/16's dense prediction by the value
path (MaskCLIP, arXiv 2112.01071). Methods that keep CLIP's image encoder beside their own network are represented by
the student and that encoder, one after the other; they are slower if their encoder sees crops or masks one by one.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.students.segformer import SegFormerStudent
from clipteacher.students.segnext import SegNeXtStudent
from clipteacher.students.smp import SMPStudent
from clipteacher.teachers.openclip import OpenClipTeacher
from clipteacher.teachers.teacher import ZeroShotTeacher
from clipteacher.utils.atomic_files import write_json
from machine import provenance, wait
from tables import row, spread, spread_of_ratios, table

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
TITLES = ("student", "names", "fused, ms", *RATIOS)


def ways_of(
    build: Callable[[int], nn.Module], count: int, clip: nn.Module, image: Tensor, width: int | None = None
) -> dict[str, Any]:
    """Return what is timed, by name; each labels the images (B, 3, H, W). None is CLIP ViT-B/16's width."""
    width = width or WIDTH
    torch.manual_seed(0)
    student, closed = build(width).eval().to(image.device), build(count).eval().to(image.device)
    text_features = F.normalize(torch.randn(count, width), dim=1)
    model = Segmenter(student, [f"name {i}" for i in range(count)], text_features).to(image.device, image.dtype).eval()
    fused = model.to_closed_set().network.to(image.device, image.dtype)
    closed, settings = closed.to(image.dtype), model.settings
    return {
        "segmenter": lambda: model(image),
        "fused": lambda: DensePrediction(fused, image, settings).labels(),
        "closed-set": lambda: DensePrediction(closed, image, settings).labels(),
        "clip": lambda: DensePrediction(clip, image, replace(settings, pad_multiple=16)).labels(model.classifier),
        "both": lambda: (DensePrediction(fused, image, settings).labels(), clip(image)),
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


def result(name: str, count: int, rounds: list[dict[str, float]]) -> dict[str, Any]:
    """Return a row of the table, as JSON."""
    columns = {way: [one[way] for one in rounds] for way in rounds[0]}
    ratios = {title: spread_of_ratios(columns[one], columns[other]) for title, (one, other) in RATIOS.items()}
    return {"student": name, "names": count, "rounds": rounds, "ratios": ratios}


def cells(result: dict[str, Any]) -> list[object]:
    """Return the cells of a row under `TITLES`."""
    milliseconds = spread([1000 * one["fused"] for one in result["rounds"]]).median
    return [result["student"], result["names"], f"{milliseconds:.0f}", *result["ratios"].values()]


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
    rows = []
    with torch.inference_mode():
        for name in given.students:
            for count in given.names:
                ways = ways_of(STUDENTS[name], count, clip, image)
                rows.append(result(name, count, timed(ways, given.rounds, device)))
                print(row(cells(rows[-1])), flush=True)
    write_json(given.out, {**provenance(device), "rows": rows})
    print("\n" + table(TITLES, map(cells, rows)))


if __name__ == "__main__":
    main()
