"""Speed at test, side by side in one run: students with fused names, networks built for a closed set, and CLIPs.

    .venv/bin/python benchmarks/speed.py

One image at a time, from pixels to labels at its own size; all weights are random. In every round each way runs once,
in turn; ratios are taken within a round.

- "Fused" is `Segmenter.to_closed_set`; "closed-set" is the same student built with one channel for each name.
- CLIP is ViT-B/16's dense prediction by the value path (MaskCLIP, arXiv 2112.01071), labelled in two ways: as it is
  published, where the score maps of all names are enlarged bilinearly and the best is taken, and by our own labels,
  which the student has too (`clipteacher.inference.cell_labels`).
- Methods that keep CLIP's image encoder beside their own network are represented by the student and that encoder, one
  after the other; they are slower if their encoder sees crops or masks one by one.
- CLIPSeg is called in two ways, see `clipseg.py`. The documented one runs its image encoder for each prompt; it is
  timed with a few prompts (`--prompts`), and its time is multiplied up to all of them.

The network's share of the machine's arithmetic limit is its FLOP a second over the best that a product of two float32
matrices reaches in the same rounds and threads. The time of a network, and of labels that enlarge every name, does not
depend on its weights. That of labels by cells does, and may be another with a trained student on photos: `labels.py`.
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

from clipseg import clipseg_network, clipseg_ways
from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.inference.text_classifier import TextClassifier
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.students.segformer import SegFormerStudent
from clipteacher.students.segnext import SegNeXtStudent
from clipteacher.students.size import count_flops
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
MATRIX = 2048
RATIOS = {
    "fused / closed-set": ("fused", "closed-set"),
    "fused / Segmenter": ("fused", "segmenter"),
    "CLIP / fused": ("clip", "fused"),
    "CLIP, our labels / fused": ("clip, our labels", "fused"),
    "student + CLIP / fused": ("both", "fused"),
    "CLIPSeg / fused": ("clipseg", "fused"),
    "CLIPSeg, documented call / fused": ("clipseg, documented", "fused"),
}
OWN = ("fused / closed-set", "fused / Segmenter")
LIMIT = ("GFLOP", "network, ms", "of the limit")
TITLES = ("student", "names", "fused, ms", *OWN, *LIMIT)
PEERS = ("student", "names", "fused, ms", *(title for title in RATIOS if title not in OWN))


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
    matrix = torch.rand(MATRIX, MATRIX, device=image.device, dtype=image.dtype)
    return {
        "segmenter": lambda: model(image),
        "fused": lambda: DensePrediction(fused, image, settings).labels(),
        "closed-set": lambda: DensePrediction(closed, image, settings).labels(),
        "clip": lambda: published_labels(clip, image, model.classifier),
        "clip, our labels": lambda: DensePrediction(clip, image, replace(settings, pad_multiple=16)).labels(
            model.classifier
        ),
        "both": lambda: (DensePrediction(fused, image, settings).labels(), clip(image)),
        "network": lambda: fused(image),
        "matrix product": lambda: matrix @ matrix,
    }


def published_labels(clip: nn.Module, images: Tensor, classifier: TextClassifier) -> Tensor:
    """Label images (B, 3, H, W) as MaskCLIP does: ids (B, H, W), int64. An image at a time, for want of memory."""
    found = []
    for tokens in clip(images).split(1):
        scores = classifier.logits(tokens)
        enlarged = F.interpolate(scores, size=images.shape[2:], mode="bilinear", align_corners=False)
        found.append(enlarged.argmax(dim=1))
    return torch.cat(found)


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


def in_full(rounds: list[dict[str, float]], count: int, prompts: int) -> list[dict[str, float]]:
    """Multiply the time of CLIPSeg's documented call up to all prompts; its encoder and decoder run for each."""
    way = "clipseg, documented"
    return [one | {way: one[way] * count / min(count, prompts)} for one in rounds]


def result(name: str, count: int, rounds: list[dict[str, float]]) -> dict[str, Any]:
    """Return a row of the table, as JSON."""
    columns = {way: [one[way] for one in rounds] for way in rounds[0]}
    ratios = {
        title: spread_of_ratios(columns[one], columns[other])
        for title, (one, other) in RATIOS.items()
        if one in columns and other in columns
    }
    return {"student": name, "names": count, "rounds": rounds, "ratios": ratios}


def arithmetic(flop: int, rounds: list[dict[str, float]]) -> dict[str, Any]:
    """Return a network's floating-point operations, the machine's limit a second, and the share of it in each round."""
    limit = 2 * MATRIX**3 / min(one["matrix product"] for one in rounds)
    shares = spread([flop / one["network"] / limit for one in rounds])
    return {"flop": flop, "limit_flop_a_second": limit, "share_of_limit": shares}


def milliseconds(result: dict[str, Any], way: str) -> str:
    """Return a way's median over the rounds."""
    return f"{1000 * spread([one[way] for one in result['rounds']]).median:.0f}"


def own_cells(result: dict[str, Any]) -> list[object]:
    """Return the cells of a row under `TITLES`."""
    return [
        *(result["student"], result["names"], milliseconds(result, "fused")),
        *(result["ratios"][title] for title in OWN),
        *(f"{result['flop'] / 1e9:.1f}", milliseconds(result, "network"), result["share_of_limit"]),
    ]


def peer_cells(result: dict[str, Any]) -> list[object]:
    """Return the cells of a row under `PEERS`."""
    return [
        *(result["student"], result["names"], milliseconds(result, "fused")),
        *(result["ratios"][title] for title in PEERS[3:]),
    ]


def arguments() -> argparse.ArgumentParser:
    """Return the script's arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="at least 5")
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--names", type=int, nargs="+", default=[21, 171, 847])
    parser.add_argument("--students", nargs="+", choices=list(STUDENTS), default=list(STUDENTS))
    parser.add_argument("--prompts", type=int, default=4, help="prompts that CLIPSeg's documented call is timed with")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--half", action="store_true", help="float16, on a GPU")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/speed.json"))
    return parser


def main() -> None:
    """Time all and write the tables."""
    parser = arguments()
    given = parser.parse_args()
    if given.rounds < 5:
        parser.error("expected 5 rounds or more")
    torch.set_num_threads(given.threads)
    device = torch.device(given.device)
    image = torch.rand(1, 3, given.side, given.side, device=device, dtype=torch.half if given.half else torch.float)
    teacher = OpenClipTeacher("ViT-B-16-quickgelu", None, dense="value", precision="fp16" if given.half else "fp32")
    clip, peer = ZeroShotTeacher(teacher.to(device)).eval(), clipseg_network().to(device, image.dtype)
    rows = []
    with torch.inference_mode():
        for name in given.students:
            for count in given.names:
                ways = ways_of(STUDENTS[name], count, clip, image) | clipseg_ways(peer, image, count, given.prompts)
                rounds = in_full(timed(ways, given.rounds, device), count, given.prompts)
                # Of the network for a closed set, which has the fused one's operations.
                flop = 2 * count_flops(STUDENTS[name](count).to("meta"), given.side, given.side)
                rows.append(result(name, count, rounds) | arithmetic(flop, rounds))
                print(row(peer_cells(rows[-1])), flush=True)
    write_json(given.out, {**provenance(device), "prompts": given.prompts, "rows": rows})
    print("\n" + table(TITLES, map(own_cells, rows)))
    print("\n" + table(PEERS, map(peer_cells, rows)))


if __name__ == "__main__":
    main()
