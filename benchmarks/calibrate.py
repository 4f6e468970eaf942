r"""Which calibration: U, hIoU and S of runs by offset, each run on the seen classes that were held out of it.

    python benchmarks/calibrate.py runs/ablation/msrc21_choose_*/CEfb20-*-seed0 \
        --data runs/ablation/msrc21-seen --unseen cat car flower sign cow

The runs are those of `benchmarks/ablation.py` with `held_out`: each was trained on a copy of the data without the
protocol's unseen classes (`benchmarks/held_out.py`), and holds out some of the seen ones in turn. The offset with the
best mean hIoU over the runs is the one to set, `--model.test.calibration` or `evaluate --calibration`. The protocol's
unseen classes play no part: that no run and no mask knows them is checked.

Every photo is scored once for all offsets. An offset moves all seen scores alike, so the best name is the best seen one
or the best of the others; which of the two, each offset decides.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clipteacher.data.dataset import Sample, SegmentationDataset
from clipteacher.data.folder import read_class_names
from clipteacher.data.opened import open_data
from clipteacher.evaluation.metrics import compute_metrics, confusion_matrix
from clipteacher.inference.calibration import check_calibration
from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.inference.text_classifier import TextClassifier
from clipteacher.segmenter.segmenter import Segmenter
from tables import mean_and_spread

SCORES = ("mIoU_unseen", "hIoU", "mIoU_seen")


@torch.inference_mode()
def confusions(segmenter: Segmenter, samples: Iterable[Sample], offsets: Sequence[float]) -> Tensor:
    """Pool the confusion of each calibration in one pass.

    Args:
        segmenter: It answers to the test set's names, of which some are seen and some are not; its own offset plays no
            part.
        samples: Test samples: image (3, H, W), uint8; mask (H, W), 0..N-1 or ignore.
        offsets: K offsets.

    Returns:
        (K, N, N), int64, rows = truth. To rounding those of `pooled_confusion` with each offset.
    """
    model, size = segmenter.eval(), len(segmenter.class_names)
    ids = range(size)
    groups = [[i for i in ids if (model.class_names[i] in model.seen) == seen] for seen in (True, False)]
    found = torch.zeros(len(offsets), size, size, dtype=torch.int64)
    for sample in samples:
        images = sample.image.unsqueeze(0).to(model.text_features.device)
        prediction = DensePrediction(model.student, images, model.settings)
        best, other = prediction.best_of(groups, TextClassifier(model.text_features))
        for number, offset in enumerate(offsets):
            labels = torch.where(best.values - offset >= other.values, best.ids, other.ids)[0]
            found[number] += confusion_matrix(sample.mask, labels.cpu(), size)
    return found


def of_run(run: Path, data: Path, split: str, offsets: Sequence[float], device: str) -> list[dict[str, Any]]:
    """Score a run on what was held out of it: a line an offset.

    Raises:
        ValueError: The run holds no class out, or answers to other names than the data's.
    """
    segmenter = Segmenter.from_pretrained(run / "model").to(device)
    if not segmenter.unseen or set(segmenter.class_names) != set(read_class_names(data)):
        raise ValueError(
            f"{run}: got {len(segmenter.unseen)} held-out names among {len(segmenter.class_names)}, expected a run "
            f"that was trained on {data} with some of its classes held out. See benchmarks/ablation.py."
        )
    source = open_data(data, split, None, segmenter.unseen)
    samples = SegmentationDataset(source.source, source.class_split, training=False)
    model = segmenter.with_names(source.class_split.names)
    pooled = confusions(model, (samples[index] for index in range(len(samples))), offsets)
    lines = []
    for offset, confusion in zip(offsets, pooled, strict=True):
        result = compute_metrics(confusion, source.class_split).to_dict()
        key = {"run": run.name, "held_out": list(segmenter.unseen), "split": split, "calibration": offset}
        lines.append(key | {score: result[score] for score in (*SCORES, "pAcc")})
    return lines


def table(lines: Sequence[dict[str, Any]], offsets: Sequence[float]) -> tuple[str, float]:
    """Write the table in Markdown, mean and standard deviation over runs in per cent; and the best offset by hIoU."""
    rows, best = ["| calibration | U | hIoU | S |", "|---|---|---|---|"], {}
    for offset in offsets:
        of_offset = [line for line in lines if line["calibration"] == offset]
        values = {score: [100 * (line[score] or 0.0) for line in of_offset] for score in SCORES}
        rows.append(f"| {offset:g} | {' | '.join(mean_and_spread(values[score]) for score in SCORES)} |")
        best[offset] = sum(values["hIoU"])
    top = max(best.values())
    return "\n".join(rows), min((offset for offset in offsets if best[offset] == top), key=abs)  # of equals the least


def main() -> None:
    """Score all runs, print the table and append the JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of runs with held-out seen classes")
    parser.add_argument("--data", type=Path, required=True, help="the copy of the data without the unseen classes")
    parser.add_argument("--split", default="val")
    parser.add_argument("--unseen", nargs="+", required=True, help="the protocol's unseen names, which none may know")
    parser.add_argument("--offsets", type=float, nargs="+", default=[round(0.05 * i, 2) for i in range(41)])
    parser.add_argument("--lines", type=Path, help="JSON lines to append to")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args()
    for offset in given.offsets:
        check_calibration(offset)
    if known := sorted(set(given.unseen) & set(read_class_names(given.data))):
        parser.error(f"--unseen: {known} are classes of {given.data}; expected its copy without them (held_out.py)")
    lines = []
    for run in given.runs:
        lines += of_run(run, given.data, given.split, given.offsets, given.device)
        print(f"{run.name}: held out {', '.join(lines[-1]['held_out'])}", flush=True)
    if given.lines is not None:
        given.lines.parent.mkdir(parents=True, exist_ok=True)
        with given.lines.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
    text, best = table(lines, given.offsets)
    print(f"\n{text}\n\nbest hIoU over {len(given.runs)} runs: calibration {best:g}")


if __name__ == "__main__":
    main()
