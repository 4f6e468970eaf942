"""How good PLM's pseudo labels are before any training: purity and recall on unseen pixels, masks per photo.

For each unseen class in each training photo it takes the latent mask that covers most of it: recall is the share of
the class that the mask covers, purity the share of the mask (where it fills ignored pixels) that is the class. For a
finished run `clipteacher diagnose` prints the same.

    .venv/bin/python benchmarks/pseudo_labels.py --windows 6 14 --thresholds 0.2 0.4 0.6 0.8
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from clipteacher.analysis.student.pseudo_labels import mask_matches
from clipteacher.data.class_list import read_class_names
from clipteacher.data.dataset import SegmentationDataset
from clipteacher.data.folder import FolderSource
from clipteacher.inference.image import float_images
from clipteacher.method.plm.module import PLMConfig
from clipteacher.protocols.splits import ClassSplit
from clipteacher.teachers.imagenet import ImageNetTeacher
from clipteacher.utils.nearest import resize_labels
from tables import head, row

STRIDE = 4  # of the students


def main() -> None:
    """Print a row for each threshold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/msrc21"))
    parser.add_argument("--unseen", nargs="+", default=["cat", "car", "flower", "sign", "cow"])
    parser.add_argument("--windows", type=int, nargs="+", default=list(PLMConfig.windows))
    parser.add_argument("--thresholds", type=float, nargs="+", default=[0.2, 0.4, 0.6, 0.8])
    given = parser.parse_args()
    split = ClassSplit(names=read_class_names(given.data), unseen=tuple(given.unseen))
    photos = SegmentationDataset(FolderSource(given.data, "train"), split, training=False)
    teacher = ImageNetTeacher()
    maps = []
    for photo in (photos[index] for index in range(len(photos))):
        dense = teacher.encode_image(float_images(photo.image[None])).dense
        height, width = photo.mask.shape
        maps.append((dense, resize_labels(photo.mask[None].long(), (height // STRIDE, width // STRIDE))))
    print(head(["λ", "purity", "recall", "masks per photo", "ms per photo"]))
    for threshold in given.thresholds:
        # With `center` the mean token is one photo's here, a batch's in training.
        config = PLMConfig(windows=tuple(given.windows), fusion_threshold=threshold)
        begun = time.perf_counter()
        found = [match for dense, truth in maps for match in mask_matches(dense, truth, split, config)]
        took = 1000 * (time.perf_counter() - begun) / len(maps)
        purity, recall, masks = (
            statistics.mean(column)
            for column in zip(*((each.purity, each.recall, each.masks) for each in found), strict=True)
        )
        print(row([threshold, f"{purity:.3f}", f"{recall:.3f}", f"{masks:.1f}", f"{took:.0f}"]))


if __name__ == "__main__":
    main()
