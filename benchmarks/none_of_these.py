"""How well rules find the pixels that are none of the names.

A trained student gets a few of its data set's names; every pixel of another class should be none of them. The threshold
of each rule is chosen on every other photo and scored on the rest, over several draws of names. "Against" stands for
background prompts: other classes that compete with the names, which need no threshold.

    .venv/bin/python benchmarks/none_of_these.py --model runs/quickstart/after/model --data runs/quickstart/world
"""

from __future__ import annotations

import argparse
import random
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from clipteacher.data.class_list import read_class_names
from clipteacher.data.dataset import SegmentationDataset
from clipteacher.data.folder import FolderSource
from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.inference.text_classifier import TextClassifier
from clipteacher.protocols.splits import ClassSplit, ignore_id
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.utils.atomic_files import write_json
from machine import provenance
from tables import mean_and_deviation, table

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

_SOFTMAX = 10.0  # scale of the logits in the softmax; its value changes little
_TRIED = np.concatenate([np.linspace(0, 0.9, 20), np.linspace(0.9, 1, 40)])  # quantiles tried as thresholds


class Pixels(NamedTuple):
    """Pixels of the test photos: logits (N, P), length of the feature (P,), class (P,), photo (P,)."""

    logits: Floats
    length: Floats
    truth: Ids
    photo: Ids


class Case(NamedTuple):
    """One draw: positions of the K names, and of the background prompts by their kind."""

    names: list[int]
    background: dict[str, list[int]]


Rule = Callable[[Pixels, Case], Floats]


def rules() -> dict[str, Rule]:
    """Return by name how sure each rule is that a pixel is one of the names, (P,); below a threshold it is none."""
    return {
        "best score": lambda p, c: p.logits[c.names].max(axis=0),
        "margin to the second": lambda p, c: np.diff(np.sort(p.logits[c.names], axis=0)[-2:], axis=0)[0],
        "softmax of the names": lambda p, c: softmax(p.logits[c.names]).max(axis=0),
        "cosine (`threshold`)": cosine,
        "against half of the others": lambda p, c: margin(p, c, "half"),
        "against half, and cosine": lambda p, c: np.where(margin(p, c, "half") > 0, cosine(p, c), -1),
        "against the seen others": lambda p, c: margin(p, c, "seen"),
        "against seen, and cosine": lambda p, c: np.where(margin(p, c, "seen") > 0, cosine(p, c), -1),
        "against all others": lambda p, c: margin(p, c, "all"),
    }


def cosine(pixels: Pixels, case: Case) -> Floats:
    """Return the cosine of the feature and its best name, (P,)."""
    best: Floats = pixels.logits[case.names].max(axis=0)
    return best / pixels.length


def margin(pixels: Pixels, case: Case, kind: str) -> Floats:
    """Return by how much the best name exceeds the best background prompt, (P,)."""
    best: Floats = pixels.logits[case.names].max(axis=0)
    rival: Floats = pixels.logits[case.background[kind]].max(axis=0)
    return best - rival


def softmax(logits: Floats) -> Floats:
    """Return the softmax over the first axis of logits (K, P)."""
    raised: Floats = np.exp(_SOFTMAX * (logits - logits.max(axis=0)))
    shares: Floats = raised / raised.sum(axis=0)
    return shares


def area_under_curve(sure: Floats, one_of: NDArray[np.bool_]) -> float:
    """Return the chance that a pixel of a name is surer than one of another class: sure (P,), one_of (P,)."""
    ranks = np.empty(len(sure))
    ranks[np.argsort(sure, kind="stable")] = np.arange(1, len(sure) + 1)
    names = int(one_of.sum())
    return float((ranks[one_of].sum() - names * (names + 1) / 2) / (names * (len(sure) - names)))


def mean_iou(labels: Ids, truth: Ids, classes: int) -> float:
    """Return the mean IoU of the names and of none: labels (P,), truth (P,), the last class is none."""
    table = np.bincount(truth * classes + labels, minlength=classes**2).reshape(classes, classes)
    union = table.sum(axis=0) + table.sum(axis=1) - np.diag(table)
    here = table.sum(axis=1) > 0
    return float(np.mean(np.diag(table)[here] / union[here]))


def judge(pixels: Pixels, case: Case, rule: Rule | None, fixed: bool) -> tuple[float, float, float]:
    """Return area under the curve, mean IoU and threshold (0 if fixed) of a rule; None labels every pixel."""
    count = len(case.names)
    places = np.full(len(pixels.logits), count)
    places[case.names] = np.arange(count)
    truth, labels = places[pixels.truth], pixels.logits[case.names].argmax(axis=0)
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
    """Classify pixels of every photo of a split; return them, all names, and the names never seen in training."""
    names = read_class_names(data)
    segmenter = Segmenter.from_pretrained(model).with_names(names)
    classifier = TextClassifier(segmenter.text_features, threshold=1.0)  # the last logit is the feature's length
    photos = SegmentationDataset(FolderSource(data, split), ClassSplit(names=names, unseen=()), training=False)
    generator, parts = np.random.default_rng(seed), []
    for number in range(len(photos)):
        sample = photos[number]
        with torch.inference_mode():
            logits = DensePrediction(segmenter.student, sample.image[None], segmenter.settings).logits(classifier)
        truth = sample.mask.flatten().numpy().astype(np.int64)
        known = np.flatnonzero(truth != ignore_id(len(names)))
        chosen = generator.choice(known, min(per_photo, len(known)), replace=False)
        values = logits[0].flatten(1).numpy()[:, chosen]
        parts.append(Pixels(values[:-1], values[-1], truth[chosen], np.full(len(chosen), number)))
    joined = [np.concatenate(column, axis=-1) for column in zip(*parts, strict=True)]
    return Pixels(*joined), list(names), list(segmenter.unseen)


def measure(
    pixels: Pixels, names: Sequence[str], unseen: Sequence[str], counts: Sequence[int], draws: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Return means over the draws, and the deviation of the threshold, by number of names and by rule."""
    generator = random.Random(0)  # noqa: S311 (no secret)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for count in counts:
        cases = []
        for _ in range(draws):
            chosen = generator.sample(range(len(names)), count)
            others = [i for i in range(len(names)) if i not in chosen]
            half = generator.sample(others, len(others) // 2)
            seen = [i for i in others if names[i] not in unseen]
            cases.append(Case(chosen, {"half": half, "seen": seen, "all": others}))
        found[str(count)] = {}
        for name, rule in ({"every pixel is a name": None} | rules()).items():
            if name == "margin to the second" and count == 1:
                continue
            both = name.endswith("cosine")
            judged = [judge(pixels, case, rule, fixed=name.startswith("against") and not both) for case in cases]
            curve, iou, threshold = ([each[i] for each in judged] for i in range(3))
            mean, deviation = (float("nan"),) * 2 if rule is None else mean_and_deviation(threshold)
            found[str(count)][name] = {
                "auc": float("nan") if both else statistics.mean(curve),  # two measures in one have no curve
                "mIoU": statistics.mean(iou),
                "threshold": mean,
                "threshold_deviation": deviation,
            }
    return found


def report(found: dict[str, dict[str, dict[str, float]]]) -> str:
    """Write a row for each rule in Markdown: mean IoU and area under the curve for each number of names."""
    titles = ["rule"]
    for count in found:
        titles += [f"{count} name{'s' if count != '1' else ''}: mIoU", "AUC"]
    missing = {"mIoU": float("nan"), "auc": float("nan")}
    rows = []
    for rule in max(found.values(), key=len):
        values = [of_count.get(rule, missing)[key] for of_count in found.values() for key in ("mIoU", "auc")]
        rows.append([rule, *(f"{100 * value:.1f}" if np.isfinite(value) else "-" for value in values)])
    return table(titles, rows)


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
        write_json(given.out, {**provenance(), "photos": int(pixels.photo.max()) + 1, "found": found})
    print(report(found))
    for count, rows in found.items():
        row = rows["cosine (`threshold`)"]
        print(f"best cosine for {count}: {row['threshold']:.2f} ± {row['threshold_deviation']:.2f}")


if __name__ == "__main__":
    main()
