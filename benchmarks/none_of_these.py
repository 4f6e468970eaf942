"""How well "none of these" is told, by each rule that could say it.

A trained student is asked for a few of its data set's names; every pixel of another class should come out as none. The
threshold of each rule is chosen on every other photo and judged on the rest, over several draws of names. Words that
compete need none.

    .venv/bin/python benchmarks/none_of_these.py --model runs/quickstart/student/model --data runs/quickstart/world
"""

from __future__ import annotations

import argparse
import random
import shlex
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from clipteacher.data.dataset import FolderDataset
from clipteacher.data.folder import read_class_names
from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.inference.text_classifier import TextClassifier
from clipteacher.protocols.splits import ClassSplit, ignore_id
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.utils.atomic_files import write_json

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

_SOFTMAX = 10.0  # scale of the scores in the softmax; which one is best changes little
_TRIED = np.concatenate([np.linspace(0, 0.9, 20), np.linspace(0.9, 1, 40)])  # quantiles tried as thresholds


class Pixels(NamedTuple):
    """Pixels of the test photos: scores (N, P), length of the feature (P,), class (P,), photo (P,)."""

    scores: Floats
    length: Floats
    truth: Ids
    photo: Ids


class Case(NamedTuple):
    """What is asked: positions of K names, and of the others that may compete with them."""

    asked: list[int]
    others: dict[str, list[int]]


Rule = Callable[[Pixels, Case], Floats]


def rules() -> dict[str, Rule]:
    """By name: how sure a rule is that a pixel is one of the names, (P,); none below its threshold."""
    return {
        "best score": lambda p, c: p.scores[c.asked].max(axis=0),
        "margin to the second": lambda p, c: np.diff(np.sort(p.scores[c.asked], axis=0)[-2:], axis=0)[0],
        "softmax of the names": lambda p, c: softmax(p.scores[c.asked]).max(axis=0),
        "cosine (`threshold`)": cosine,
        "against half of the others": lambda p, c: against(p, c, "half"),
        "against half, and cosine": lambda p, c: np.where(against(p, c, "half") > 0, cosine(p, c), -1),
        "against the seen others": lambda p, c: against(p, c, "seen"),
        "against seen, and cosine": lambda p, c: np.where(against(p, c, "seen") > 0, cosine(p, c), -1),
        "against all others": lambda p, c: against(p, c, "all"),
    }


def cosine(pixels: Pixels, case: Case) -> Floats:
    """Cosine of the feature and its best name, (P,)."""
    best: Floats = pixels.scores[case.asked].max(axis=0)
    return best / pixels.length


def against(pixels: Pixels, case: Case, kind: str) -> Floats:
    """By how much the best name beats the best of the others, (P,)."""
    best: Floats = pixels.scores[case.asked].max(axis=0)
    rival: Floats = pixels.scores[case.others[kind]].max(axis=0)
    return best - rival


def softmax(scores: Floats) -> Floats:
    """Softmax over the first axis of scores (K, P)."""
    raised: Floats = np.exp(_SOFTMAX * (scores - scores.max(axis=0)))
    shares: Floats = raised / raised.sum(axis=0)
    return shares


def area_under_curve(sure: Floats, one_of: NDArray[np.bool_]) -> float:
    """Chance that a pixel of a name is held for surer than one of another class: sure (P,), one_of (P,)."""
    ranks = np.empty(len(sure))
    ranks[np.argsort(sure, kind="stable")] = np.arange(1, len(sure) + 1)
    names = int(one_of.sum())
    return float((ranks[one_of].sum() - names * (names + 1) / 2) / (names * (len(sure) - names)))


def mean_iou(labels: Ids, truth: Ids, classes: int) -> float:
    """Mean IoU of the names and of none: labels (P,), truth (P,), the last class is none."""
    table = np.bincount(truth * classes + labels, minlength=classes**2).reshape(classes, classes)
    union = table.sum(axis=0) + table.sum(axis=1) - np.diag(table)
    here = table.sum(axis=1) > 0
    return float(np.mean(np.diag(table)[here] / union[here]))


def judge(pixels: Pixels, case: Case, rule: Rule | None, fixed: bool) -> tuple[float, float, float]:
    """Area under the curve, mean IoU and threshold of a rule, which is 0 if fixed; no rule labels every pixel."""
    count = len(case.asked)
    places = np.full(len(pixels.scores), count)
    places[case.asked] = np.arange(count)
    truth, labels = places[pixels.truth], pixels.scores[case.asked].argmax(axis=0)
    test = pixels.photo % 2 == 1
    if rule is None:
        return float("nan"), mean_iou(labels[test], truth[test], count + 1), float("nan")
    sure = rule(pixels, case)

    def score(threshold: float, where: NDArray[np.bool_]) -> float:
        return mean_iou(np.where(sure < threshold, count, labels)[where], truth[where], count + 1)

    tried = np.zeros(1) if fixed else np.unique(np.quantile(sure[~test], _TRIED))
    best = max(tried.tolist(), key=lambda threshold: score(threshold, ~test))
    return area_under_curve(sure[test], truth[test] != count), score(best, test), best


def read_pixels(model: Path, data: Path, split: str, per_photo: int, seed: int) -> tuple[Pixels, list[str], list[str]]:
    """Score pixels of every photo of a split; also all names, and those never seen in training."""
    segmenter, names = Segmenter.from_pretrained(model), read_class_names(data)
    segmenter = segmenter.with_names(names)
    classifier = TextClassifier(segmenter.text_features, None, 1.0)  # at a cosine of 1 the last logit is the length
    photos = FolderDataset(data, split, ClassSplit(names=names, unseen=()), training=False)
    generator, parts = np.random.default_rng(seed), []
    for number in range(len(photos)):
        sample = photos[number]
        with torch.inference_mode():
            logits = DensePrediction(segmenter.student, sample.image[None], segmenter.settings).logits(classifier)
        truth = sample.mask.flatten().numpy()
        known = np.flatnonzero(truth != ignore_id(len(names)))
        chosen = generator.choice(known, min(per_photo, len(known)), replace=False)
        values = logits[0].flatten(1).numpy()[:, chosen]
        parts.append(Pixels(values[:-1], values[-1], truth[chosen], np.full(len(chosen), number)))
    joined = [np.concatenate(column, axis=-1) for column in zip(*parts, strict=True)]
    return Pixels(*joined), list(names), list(segmenter.unseen)


def measure(pixels: Pixels, names: Sequence[str], unseen: Sequence[str], counts: Sequence[int], draws: int) -> Any:  # noqa: ANN401 (for JSON)
    """For each number of names and each rule: means over the draws, and the spread of the threshold."""
    generator = random.Random(0)  # noqa: S311 (no secret)
    found: dict[str, Any] = {}
    for count in counts:
        cases = []
        for _ in range(draws):
            asked = generator.sample(range(len(names)), count)
            others = [i for i in range(len(names)) if i not in asked]
            half = generator.sample(others, len(others) // 2)
            seen = [i for i in others if names[i] not in unseen]
            cases.append(Case(asked, {"half": half, "seen": seen, "all": others}))
        found[str(count)] = {}
        for name, rule in ({"every pixel is a name": None} | rules()).items():
            if name == "margin to the second" and count == 1:
                continue
            fixed = name.startswith("against") and "cosine" not in name
            judged = [judge(pixels, case, rule, fixed) for case in cases]
            curve, iou, threshold = ([each[i] for each in judged] for i in range(3))
            found[str(count)][name] = {
                "auc": float("nan") if "and cosine" in name else statistics.mean(curve),  # two measures in one
                "mIoU": statistics.mean(iou),
                "threshold": statistics.mean(threshold),
                "threshold_spread": float(np.std(threshold, ddof=1)) if len(threshold) > 1 else 0.0,
            }
    return found


def table(found: dict[str, Any]) -> str:
    """Write the Markdown table: a line a rule; for each number of names the mean IoU and the area under the curve."""
    counts = list(found)
    head = " | ".join(f"{count} name{'s' if count != '1' else ''}: mIoU | AUC" for count in counts)
    lines = [f"| rule | {head} |", "|---" * (1 + 2 * len(counts)) + "|"]
    for rule in max(found.values(), key=len):
        cells = [_cells(found[count].get(rule)) for count in counts]
        lines.append(f"| {rule} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cells(row: dict[str, float | None] | None) -> str:
    if row is None:
        return "- | -"
    curve = row["auc"]
    iou = row["mIoU"] or 0.0
    return f"{100 * iou:.1f} | " + ("-" if curve is None or curve != curve else f"{100 * curve:.1f}")


def main() -> None:
    """Measure, print the table, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder with classes.txt, images/ and masks/")
    parser.add_argument("--split", default="val")
    parser.add_argument("--names", type=int, nargs="+", default=[1, 3, 10])
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--pixels", type=int, default=400, help="of each photo")
    parser.add_argument("--out", type=Path, default=None)
    given = parser.parse_args()
    pixels, names, unseen = read_pixels(given.model, given.data, given.split, given.pixels, seed=0)
    found = measure(pixels, names, unseen, given.names, given.draws)
    if given.out is not None:
        command = f"python benchmarks/none_of_these.py {shlex.join(sys.argv[1:])}"
        write_json(given.out, {"command": command, "photos": int(pixels.photo.max()) + 1, "found": found})
    print(table(found))
    for count, rows in found.items():
        row = rows["cosine (`threshold`)"]
        print(f"best cosine for {count}: {row['threshold']:.2f} ± {row['threshold_spread']:.2f}")


if __name__ == "__main__":
    main()
