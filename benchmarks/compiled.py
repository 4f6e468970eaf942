"""What fusing the names saves: the Segmenter, its fused network and a closed-set network, side by side.

.venv/bin/python benchmarks/compiled.py

The closed-set network is the same student built with one channel a name. All three run on the same photo, one after the
other, `--runs` times; ratios are taken within a run, so that whatever else the machine does falls on all alike.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.students.segformer import SegFormerStudent
from clipteacher.students.size import count_flops, count_parameters
from clipteacher.students.smp import SMPStudent
from machine import spread

WIDTH = 512
HEAD = (
    "| student | names | parameters, student and T / fused / closed-set (M) | GFLOPs, likewise | "
    "time, fused / Segmenter | time, fused / closed-set | equal pixels |\n|---|---|---|---|---|---|---|"
)
STUDENTS: dict[str, Callable[[int], nn.Module]] = {
    "DeepLabV3+ on EfficientNet-Lite0": lambda channels: SMPStudent(
        "DeepLabV3Plus", "tu-tf_efficientnet_lite0", channels
    ),
    "SegFormer-B0": lambda channels: SegFormerStudent("b0", channels),
}


def seconds(run: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def shown(ratios: list[float]) -> str:
    """Smallest, median and largest."""
    return " - ".join(f"{ratio:.2f}" for ratio in spread(ratios))


def row(name: str, build: Callable[[int], nn.Module], count: int, side: int, runs: int) -> str:
    """Measure one student with so many names, and give its row of the table."""
    torch.manual_seed(0)
    student, closed = build(WIDTH).eval(), build(count).eval()
    vectors = F.normalize(torch.randn(count, WIDTH), dim=1)
    model = Segmenter(student, [f"name {i}" for i in range(count)], vectors)
    fused = model.to_closed_set()
    image = F.interpolate(torch.rand(1, 3, 16, 16), size=(side, side), mode="bilinear")
    ways: dict[str, Callable[[], torch.Tensor]] = {
        "segmenter": lambda: model(image),
        "fused": lambda: fused(image),
        "closed": lambda: DensePrediction(closed, image).labels(),
    }
    with torch.inference_mode():
        labels = {way: run() for way, run in ways.items()}  # warm
        times = [{way: seconds(run) for way, run in ways.items()} for _ in range(runs)]
    equal = (labels["segmenter"] == labels["fused"]).double().mean().item()
    against = {other: [run["fused"] / run[other] for run in times] for other in ("segmenter", "closed")}
    networks = [student, fused.network, closed]
    parameters = [count_parameters(network) / 1e6 for network in networks]
    parameters[0] += vectors.numel() / 1e6
    flops = [count_flops(network.to("meta"), side, side) / 1e9 for network in networks]
    with torch.device("meta"):
        stride = side // student(torch.empty(1, 3, side, side)).shape[2]
    flops[0] += count * WIDTH * (side // stride) ** 2 / 1e9
    cells = (
        name,
        str(count),
        " / ".join(f"{value:.3f}" for value in parameters),
        " / ".join(f"{value:.3f}" for value in flops),
        shown(against["segmenter"]),
        shown(against["closed"]),
        f"{100 * equal:.3f} %",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="paired runs, at least 5")
    parser.add_argument("--side", type=int, default=256, help="of the photo, a multiple of 32")
    parser.add_argument("--names", type=int, nargs="+", default=[20, 150])
    given = parser.parse_args()
    if given.runs < 5 or given.side % 32:
        parser.error("expected 5 runs or more, and a side that is a multiple of 32")
    torch.set_num_threads(2)
    print(HEAD)
    for name, build in STUDENTS.items():
        for count in given.names:
            print(row(name, build, count, given.side, given.runs), flush=True)


if __name__ == "__main__":
    main()
