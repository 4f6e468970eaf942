"""How good PLM's pseudo labels are before any training: purity and recall on unseen pixels, masks per photo.

For each unseen class in each training photo, the latent mask that covers most of it: recall is the share of the class
that the mask covers, purity the share of the mask (where it fills ignored pixels) that is the class. Of a finished run
`clipteacher diagnose` says the same.

    .venv/bin/python benchmarks/pseudo_labels.py --windows 6 14 --thresholds 0.2 0.4 0.6 0.8
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import replace
from pathlib import Path

from torch.nn import functional as F

from clipteacher.analysis.student.pseudo_labels import mask_matches
from clipteacher.data.dataset import FolderDataset
from clipteacher.data.folder import read_class_names
from clipteacher.inference.image import float_images
from clipteacher.method.plm.module import PLMConfig
from clipteacher.protocols.splits import ClassSplit
from clipteacher.teachers.imagenet import ImageNetTeacher


def main() -> None:
    """Print a table of thresholds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/msrc21"))
    parser.add_argument("--unseen", nargs="+", default=["cat", "car", "flower", "sign", "cow"])
    parser.add_argument("--windows", type=int, nargs="+", default=list(PLMConfig.windows))
    parser.add_argument("--thresholds", type=float, nargs="+", default=[0.2, 0.4, 0.6, 0.8])
    given = parser.parse_args()
    split = ClassSplit(names=read_class_names(given.data), unseen=tuple(given.unseen))
    photos = FolderDataset(given.data, "train", split, training=False)
    teacher = ImageNetTeacher()
    # The mean token is one photo's here, a batch's in training.
    tokens = [
        (teacher.encode_image(float_images(photo.image[None])).dense, photo.mask)
        for photo in (photos[i] for i in range(len(photos)))
    ]
    print("| λ | purity | recall | masks per photo | ms per photo |\n|---|---|---|---|---|")
    for threshold in given.thresholds:
        config = replace(PLMConfig(), windows=tuple(given.windows), fusion_threshold=threshold)
        begun, rows = time.perf_counter(), []
        for dense, mask in tokens:
            truth = F.interpolate(mask[None, None].float(), scale_factor=0.25, mode="nearest-exact")[0].long()
            rows += [(each.purity, each.recall, each.masks) for each in mask_matches(dense, truth, split, config)]
        took = 1000 * (time.perf_counter() - begun) / len(tokens)
        purity, recall, masks = (statistics.mean(column) for column in zip(*rows, strict=True))
        print(f"| {threshold} | {purity:.3f} | {recall:.3f} | {masks:.1f} | {took:.0f} |")


if __name__ == "__main__":
    main()
