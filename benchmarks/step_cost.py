"""What a training step costs by batch, image size, number of names and size of the bank: a table and a chart.

The quickstart's student under the tiny CLIP, on random images. Along each axis all points take turns, round by round,
the supervised baseline beside GLM + PLM with the paper's losses and synthesizer; ratios are within a round, to the
point marked "base". Times are the process's CPU seconds on one thread, which other work on the machine hardly changes.

    python benchmarks/step_cost.py
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from clipteacher.method.config import SUPERVISED, MethodConfig
from clipteacher.method.framework import CLIPTeacher
from clipteacher.method.glm import GLMConfig
from clipteacher.method.plm.module import PLMConfig
from clipteacher.students.smp import SMPStudent
from clipteacher.teachers.openclip import OpenClipTeacher
from clipteacher.utils.atomic_files import write_json
from machine import provenance
from recorded import in_todays_words
from tables import spread, spread_of_ratios, table

BASE = {"batch": 8, "image size": 128, "names": 21, "bank": 256}
AXES = {
    "batch": (2, 4, 8, 16),
    "image size": (96, 128, 192, 256),
    "names": (21, 171, 847),
    "bank": (0, 256, 4096, 65536),
}
BASELINE, BOTH = "supervised baseline", "GLM + PLM"
_COLOURS = {BASELINE: "#9fb3c8", BOTH: "#d1495b"}


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
    if setting == BOTH:  # as in the figures that docs/guides/scale.md shows
        paper, plm = MethodConfig.paper(), PLMConfig(windows=(2, 4), prototypes="synthesizer")
        method = replace(paper, glm=GLMConfig(bank_size=point["bank"]), plm=plm)
    module = CLIPTeacher(
        student.to(memory_format=torch.channels_last),
        teacher,
        [f"thing {number}" for number in range(point["names"])],
        method,
    )
    if module.glm is not None:
        module.glm.bank.enqueue(torch.randn(point["bank"], teacher.width))  # full, as after the first steps
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
    settings = (BOTH,) if axis == "bank" else (BASELINE, BOTH)  # the supervised baseline has no bank
    keys = [(setting, value) for setting in settings for value in AXES[axis]]
    steps = {key: stepper(key[0], BASE | {axis: key[1]}) for key in keys}
    seconds: dict[tuple[str, int], list[float]] = {key: [] for key in keys}
    for number in range(rounds + 1):
        for key, step in steps.items():
            begun = time.process_time()
            step()
            if number:  # the first round warms up
                seconds[key].append(time.process_time() - begun)
    return [{"setting": setting, "value": value, "seconds": seconds[setting, value]} for setting, value in keys]


def report(axes: dict[str, list[dict[str, Any]]]) -> str:
    """Write all rows in Markdown."""
    rows = []
    for axis, of_axis in axes.items():
        bases = {row["setting"]: row["seconds"] for row in of_axis if row["value"] == BASE[axis]}
        for row in of_axis:
            value = f"{row['value']}{' (base)' if row['value'] == BASE[axis] else ''}"
            ratio = spread_of_ratios(row["seconds"], bases[row["setting"]])
            rows.append([axis, value, row["setting"], spread(row["seconds"]), ratio])
    return table(["axis", "", "setting", "seconds a step: min, median, max", "ratio to base: min, median, max"], rows)


def draw(result: dict[str, Any]) -> Figure:
    """Draw a panel for each axis: the median seconds a step, with a bar from the smallest to the largest."""
    figure, panels = plt.subplots(2, 2, figsize=(9, 6.5), layout="constrained")
    for panel, (axis, of_axis) in zip(panels.flat, result["axes"].items(), strict=False):
        for setting in dict.fromkeys(row["setting"] for row in of_axis):
            rows = [row for row in of_axis if row["setting"] == setting]
            places = [AXES[axis].index(row["value"]) for row in rows]
            spreads = [spread(row["seconds"]) for row in rows]
            medians = [each.median for each in spreads]
            bars = [[each.median - each.low for each in spreads], [each.high - each.median for each in spreads]]
            style = {"color": _COLOURS[setting], "label": setting, "marker": "o", "elinewidth": 0.8}
            panel.errorbar(places, medians, bars, **style)
            side = -12 if setting == BASELINE else 6
            for place, median in zip(places, medians, strict=True):
                panel.annotate(f"{median:.2f}", (place, median), (0, side), textcoords="offset points", ha="center")
        panel.set(xlabel=axis, xmargin=0.12, ymargin=0.15)
        panel.set_xticks(range(len(AXES[axis])), map(str, AXES[axis]))
        panel.set_ylim(bottom=0)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0, 0].legend(frameon=False)
    figure.suptitle("CPU seconds of one training step: median, smallest and largest")
    return figure


def main() -> None:
    """Measure, print the table, write the figures and draw them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/step_cost.json"))
    parser.add_argument("--picture", type=Path, default=Path("docs/images/step_cost.png"))
    parser.add_argument("--redraw", action="store_true", help="draw what --out holds; measure nothing")
    given = parser.parse_args()
    mpl.use("agg")
    if given.redraw:
        result = json.loads(given.out.read_text(encoding="utf-8"))
        for row in (row for rows in result["axes"].values() for row in rows):
            row["setting"] = in_todays_words(row["setting"])
    else:
        torch.set_num_threads(1)
        axes = {axis: measure(axis, given.rounds) for axis in AXES}
        result = {**provenance(), "base": BASE, "axes": axes}
        write_json(given.out, result)
    print(f"{result['command']}; {result['machine']}; base {result['base']}\n\n{report(result['axes'])}")
    draw(result).savefig(given.picture, dpi=120)


if __name__ == "__main__":
    main()
