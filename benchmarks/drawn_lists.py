"""Two further lists of five unseen classes for MSRC-21, drawn once from the names that the teacher knows.

    python benchmarks/drawn_lists.py

A name is known if the zero-shot teacher (its dense tokens, all names) reaches an IoU of 0.15 on the training photos.
The lists are drawn by a seeded generator before any run on them, each without repeating a name; they may share names
with each other and with the protocol's own list, but neither is that list.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from clipteacher.inference.settings import TestSettings
from clipteacher.teachers.imagenet import ImageNetTeacher
from clipteacher.utils.atomic_files import write_json
from machine import provenance
from zero_shot_teacher import score_teacher

OWN = ("cow", "car", "flower", "sign", "cat")


def known_names(iou: Mapping[str, float | None], least: float) -> list[str]:
    """Return the names whose IoU is at least `least`, in the order of the data set."""
    return [name for name, value in iou.items() if value is not None and value >= least]


def drawn(known: Sequence[str], size: int, count: int, seed: int) -> list[list[str]]:
    """Draw distinct lists of distinct names, none of them the protocol's own, each in the order of `known`."""
    generator = random.Random(seed)  # noqa: S311 (no secret)
    lists: list[list[str]] = []
    while len(lists) < count:
        names = sorted(generator.sample(known, size), key=known.index)
        if names not in lists and set(names) != set(OWN):
            lists.append(names)
    return lists


def main() -> None:
    """Score the teacher, draw, and write both down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/msrc21"))
    parser.add_argument("--least", type=float, default=0.15, help="IoU from which the teacher knows a name")
    parser.add_argument("--size", type=int, default=5)
    parser.add_argument("--lists", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/msrc21_lists.json"))
    given = parser.parse_args()
    iou = score_teacher(ImageNetTeacher(), given.data, "train", OWN, TestSettings())[1].to_dict()["IoU"]
    known = known_names(iou, given.least)
    lists = drawn(known, given.size, given.lists, given.seed)
    write_json(given.out, {**provenance(), "IoU": iou, "known": known, "lists": lists})
    print(f"known: {', '.join(known)}")
    for number, names in enumerate(lists, 1):
        print(f"list {number}: {', '.join(names)}")


if __name__ == "__main__":
    main()
