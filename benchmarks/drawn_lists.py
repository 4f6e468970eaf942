"""Two further lists of five unseen classes for MSRC-21, drawn once from the names that the teacher knows.

    python benchmarks/drawn_lists.py

A name is known where the teacher alone (its dense tokens, all names) reaches an IoU of 0.15 on the training photos. The
lists are drawn by a seeded generator before any run on them, each without a name twice; they may share names with one
another and with the protocol's own list, but neither is that list.
"""

from __future__ import annotations

import argparse
import random
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from clipteacher.data.dataset import SegmentationDataset
from clipteacher.data.opened import open_data
from clipteacher.evaluation.evaluate import pooled_confusion
from clipteacher.evaluation.metrics import compute_metrics
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.teachers.imagenet import ImageNetTeacher
from clipteacher.utils.atomic_files import write_json
from machine import machine

OWN = ("cow", "car", "flower", "sign", "cat")


def known_names(iou: Mapping[str, float | None], least: float) -> list[str]:
    """Names whose IoU is at least `least`, in the order of the data set."""
    return [name for name, value in iou.items() if value is not None and value >= least]


def drawn(known: Sequence[str], size: int, count: int, seed: int) -> list[list[str]]:
    """Draw lists of names, none twice and none the protocol's own, each in the order of `known`."""
    generator = random.Random(seed)  # noqa: S311 (no secret)
    lists: list[list[str]] = []
    while len(lists) < count:
        names = sorted(generator.sample(known, size), key=known.index)
        if names not in lists and set(names) != set(OWN):
            lists.append(names)
    return lists


def main() -> None:
    """Ask the teacher, draw, and write both down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/msrc21"))
    parser.add_argument("--least", type=float, default=0.15, help="IoU at which the teacher knows a name")
    parser.add_argument("--size", type=int, default=5)
    parser.add_argument("--lists", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/msrc21_lists.json"))
    given = parser.parse_args()
    teacher, data = ImageNetTeacher(), open_data(given.data, "train", None, OWN)
    names = data.class_split.names
    samples = SegmentationDataset(data.source, data.class_split, training=False)
    alone = Segmenter.from_teacher(teacher, names)
    with torch.inference_mode():
        confusion = pooled_confusion(alone, (samples[index] for index in range(len(samples))))
    iou = compute_metrics(confusion, data.class_split).to_dict()["IoU"]
    known = known_names(iou, given.least)
    lists = drawn(known, given.size, given.lists, given.seed)
    command = shlex.join(["python", "benchmarks/drawn_lists.py", *sys.argv[1:]])
    write_json(
        given.out, {"command": command, **machine(torch.device("cpu")), "IoU": iou, "known": known, "lists": lists}
    )
    print(f"known: {', '.join(known)}")
    for number, names_of_list in enumerate(lists, 1):
        print(f"list {number}: {', '.join(names_of_list)}")


if __name__ == "__main__":
    main()
