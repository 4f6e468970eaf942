"""What a training step costs against batch, image size, number of names and size of the bank: a table, a plot each.

The quickstart's student under the tiny CLIP, on random images. Along each axis all points take turns, round by round,
the student alone beside the student under GLM and PLM; ratios are those within a round, to the point marked "base".
Times are the process's CPU seconds on one thread, which other work on the machine hardly moves.

    python benchmarks/step_cost.py
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from clipteacher.demo.quickstart.results import machine
from clipteacher.method.config import SUPERVISED, MethodConfig
from clipteacher.method.framework import CLIPTeacher
from clipteacher.method.glm import GLMConfig
from clipteacher.method.plm.module import PLMConfig
from clipteacher.pictures import save_picture
from clipteacher.students.smp import SMPStudent
from clipteacher.teachers.openclip import OpenClipTeacher
from clipteacher.utils.atomic_files import write_json

BASE = {"batch": 8, "image size": 128, "names": 21, "bank": 256}
AXES = {
    "batch": (2, 4, 8, 16),
    "image size": (96, 128, 192, 256),
    "names": (21, 171, 847),
    "bank": (0, 256, 4096, 65536),
}
ALONE, BOTH = "student alone", "GLM + PLM"
_COLOURS = {ALONE: "#9fb3c8", BOTH: "#d1495b"}
_SCALE, _WIDTH, _HEIGHT, _MARGIN = 2, 430, 300, 58
_INK, _PALE = "#22303c", "#8496a5"


def batch(images: int, size: int, names: int) -> tuple[Tensor, Tensor]:
    """Draw images (B, 3, H, W) in [0, 1] and labels (B, H, W) int64, in blocks; the last quarter of rows is ignored."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(names, (images, 4, 4), generator=generator)
    labels[:, 3] = 255
    side = size // 4
    return torch.rand(images, 3, size, size, generator=generator), labels.repeat_interleave(side, 1).repeat_interleave(
        side, 2
    )


def stepper(setting: str, point: dict[str, int]) -> Callable[[], None]:
    """Return a function that takes one training step."""
    torch.manual_seed(0)
    teacher = OpenClipTeacher("package:clipteacher.demo.tiny_clip", None)
    options = {"encoder_depth": 4, "decoder_segmentation_channels": 96}
    student = SMPStudent("Segformer", "tu-tf_efficientnet_lite0", teacher.width, options=options)
    method = SUPERVISED
    if setting == BOTH:  # the paper's, whose figures the lab book has
        paper, plm = MethodConfig.paper(), PLMConfig(windows=(2, 4), prototypes="synthesizer")
        method = replace(paper, glm=GLMConfig(bank_size=point["bank"]), plm=plm)
    module = CLIPTeacher(
        student.to(memory_format=torch.channels_last),
        teacher,
        [f"thing {number}" for number in range(point["names"])],
        method,
    )
    if module.glm is not None:
        module.glm.bank.enqueue(torch.randn(point["bank"], teacher.width))  # as it is after the first steps: full
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-5)
    images, labels = batch(point["batch"], point["image size"], point["names"])
    images = images.contiguous(memory_format=torch.channels_last)

    def step() -> None:
        optimizer.zero_grad()
        torch.stack(list(module(images, labels).values())).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def measure(axis: str, rounds: int) -> list[dict[str, Any]]:
    """Take turns along one axis; returns a row for each setting and point."""
    settings = (BOTH,) if axis == "bank" else (ALONE, BOTH)  # the student alone has no bank
    keys = [(setting, value) for setting in settings for value in AXES[axis]]
    steps = {key: stepper(key[0], BASE | {axis: key[1]}) for key in keys}
    seconds: dict[tuple[str, int], list[float]] = {key: [] for key in keys}
    for number in range(rounds + 1):
        for key, step in steps.items():
            begun = time.process_time()
            step()
            if number:  # the first one warms up
                seconds[key].append(time.process_time() - begun)
    rows = []
    for setting, value in keys:
        base = seconds[setting, BASE[axis]]
        ratios = [one / other for one, other in zip(seconds[setting, value], base, strict=True)]
        rows.append({"setting": setting, "value": value, "seconds": seconds[setting, value], "ratio": spread(ratios)})
    return rows


def spread(values: list[float]) -> dict[str, float]:
    """Return minimum, median and maximum."""
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def table(axes: dict[str, list[dict[str, Any]]]) -> str:
    """Write all rows as Markdown."""
    lines = [
        "| axis | | setting | seconds a step: min, median, max | ratio to base: min, median, max |",
        "|---|---|---|---|---|",
    ]
    for axis, rows in axes.items():
        for row in rows:
            seconds, ratio = spread(row["seconds"]), row["ratio"]
            cells = [", ".join(f"{of[key]:.2f}" for key in ("min", "median", "max")) for of in (seconds, ratio)]
            value = f"{row['value']}{' (base)' if row['value'] == BASE[axis] else ''}"
            lines.append(f"| {axis} | {value} | {row['setting']} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def draw(result: dict[str, Any]) -> Image.Image:
    """Draw a panel an axis: the median, in seconds a step, with a bar from the least to the most."""
    picture = Image.new("RGB", (2 * _WIDTH * _SCALE, (2 * _HEIGHT + 40) * _SCALE), "white")
    pen = ImageDraw.Draw(picture)

    def text(x: float, y: float, words: str, size: int, fill: str = _INK, anchor: str = "mm") -> None:
        font = ImageFont.load_default(size * _SCALE)
        # A white edge, so that it is read over lines.
        place, edge = (x * _SCALE, y * _SCALE), 2 * _SCALE
        pen.text(place, words, fill=fill, font=font, anchor=anchor, stroke_width=edge, stroke_fill="white")

    def line(points: list[tuple[float, float]], fill: str, width: float) -> None:
        pen.line([(x * _SCALE, y * _SCALE) for x, y in points], fill=fill, width=round(width * _SCALE))

    text(20, 22, "CPU seconds of one training step: median, least and most", 16, anchor="lm")
    for number, setting in enumerate((ALONE, BOTH)):
        left = 520 + 150 * number
        line([(left, 22), (left + 20, 22)], _COLOURS[setting], 3)
        text(left + 26, 22, setting, 13, anchor="lm")
    for number, (axis, rows) in enumerate(result["axes"].items()):
        left, top = _MARGIN + number % 2 * _WIDTH, 40 + _MARGIN / 2 + number // 2 * _HEIGHT
        width, height = _WIDTH - 1.5 * _MARGIN, _HEIGHT - 1.6 * _MARGIN
        most = max(max(row["seconds"]) for row in rows)
        values = AXES[axis]
        line([(left, top), (left, top + height), (left + width, top + height)], _PALE, 1)
        for share in (0.0, 0.5, 1.0):
            text(left - 6, top + height * (1 - share), f"{most * share:.2f}", 11, _PALE, "rm")
        for setting in dict.fromkeys(row["setting"] for row in rows):
            points = []
            for row in (row for row in rows if row["setting"] == setting):
                x = left + width * (values.index(row["value"]) + 0.5) / len(values)
                low, middle, high = (top + height * (1 - value / most) for value in spread(row["seconds"]).values())
                line([(x, low), (x, high)], _COLOURS[setting], 1)
                points.append((x, middle))
                pen.circle((x * _SCALE, middle * _SCALE), 4 * _SCALE, fill=_COLOURS[setting])
            line(points, _COLOURS[setting], 2)
        for row in rows:
            x = left + width * (values.index(row["value"]) + 0.5) / len(values)
            seconds, aside = statistics.median(row["seconds"]), 14 if row["setting"] == ALONE else -14
            text(x, top + height * (1 - seconds / most) + aside, f"{seconds:.2f}", 11)
        for place, value in enumerate(values):
            text(left + width * (place + 0.5) / len(values), top + height + 12, str(value), 12)
        text(left + width / 2, top + height + 30, axis, 13)
    return picture


def main() -> None:
    """Measure, print the table, write the figures and draw them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/step_cost.json"))
    parser.add_argument("--picture", type=Path, default=Path("docs/step_cost.png"))
    parser.add_argument("--redraw", action="store_true", help="draw what --out holds; measure nothing")
    given = parser.parse_args()
    if given.redraw:
        result = json.loads(given.out.read_text(encoding="utf-8"))
    else:
        torch.set_num_threads(1)
        result = {
            "command": shlex.join(["python", "benchmarks/step_cost.py", "--rounds", str(given.rounds)]),
            "date": time.strftime("%Y-%m-%d"),
            "machine": machine() | {"threads": 1, "torch": torch.__version__},
            "base": BASE,
            "axes": {axis: measure(axis, given.rounds) for axis in AXES},
        }
        write_json(given.out, result)
    print(f"{result['command']}; {result['machine']}; base {result['base']}\n\n{table(result['axes'])}")
    save_picture(draw(result), given.picture)


if __name__ == "__main__":
    main()
