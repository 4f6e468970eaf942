"""The row "zero-shot teacher" of a table: the frozen teacher's own dense tokens, scored as a student is.

As a command: a CLIP under each of its dense readings, on one data set or on several (one for each seed).

    python benchmarks/zero_shot_teacher.py --model ViT-B-16-quickgelu --pretrained openai --data D --unseen "cat, car"
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from clipteacher.data.dataset import SegmentationDataset
from clipteacher.data.opened import open_data
from clipteacher.evaluation.evaluate import pooled_confusion
from clipteacher.evaluation.metrics import Scores, compute_metrics
from clipteacher.inference.settings import TestSettings
from clipteacher.protocols.words import read_words
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.teachers.dense_readings import Dense
from clipteacher.teachers.openclip import OpenClipTeacher
from clipteacher.teachers.teacher import Teacher
from clipteacher.utils.atomic_files import write_json
from machine import provenance
from tables import COLUMNS, by_setting, score_cells, table

UNPADDED = TestSettings(pad_multiple=1)
"""A teacher takes photos of any size."""


def score_teacher(
    teacher: Teacher, data: Path, split: str, unseen: Sequence[str], settings: TestSettings = UNPADDED
) -> tuple[str, Scores]:
    """Score a teacher on photos.

    Args:
        teacher: The teacher.
        data: The data set's folder.
        split: Which of its photos, such as "val".
        unseen: Names that count as unseen; the teacher was trained on no mask, of these or of others.
        settings: How photos are tested.

    Returns:
        The protocol's name, and the scores.
    """
    opened = open_data(data, split, None, tuple(unseen))
    samples = SegmentationDataset(opened.source, opened.class_split, training=False)
    segmenter = Segmenter.from_teacher(teacher, opened.class_split.names, settings=settings)
    confusion = pooled_confusion(segmenter, (samples[index] for index in range(len(samples))))
    return opened.protocol, compute_metrics(confusion, opened.class_split)


def main() -> None:
    """Score each reading on each data set, print the table, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="as for OpenClipTeacher")
    parser.add_argument("--pretrained", help="as for OpenClipTeacher")
    parser.add_argument("--image_size", type=int, help="as for OpenClipTeacher")
    parser.add_argument("--dense", nargs="+", choices=get_args(Dense), default=get_args(Dense))
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders with classes.txt, images/, masks/")
    parser.add_argument("--unseen", required=True, help='names that count as unseen, "cat, car"')
    parser.add_argument("--split", default="val")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/dense_readings.json"))
    given = parser.parse_args()
    rows = []
    for dense in given.dense:
        teacher = OpenClipTeacher(given.model, given.pretrained, dense=dense, image_size=given.image_size)
        for data in given.data:
            protocol, scores = score_teacher(teacher, data, given.split, read_words(given.unseen, "unseen"))
            rows.append({"setting": dense, "protocol": protocol, **scores.to_dict()})
            print(f"{dense}, {protocol}: {scores}", flush=True)
    write_json(given.out, {**provenance(), "rows": rows})
    print(table(["dense", *COLUMNS], [[name, *score_cells(runs)] for name, runs in by_setting(rows).items()]))


if __name__ == "__main__":
    main()
