r"""Do the classifiers of latent ids say what their regions are? PLM's synthesizer beside the teacher's region tokens.

    python benchmarks/prototype_names.py runs/ablation/world/GLM_+_PLM-*-seed0 \
        --data runs/ablation/world-seed0-train600-val150-size128

For each unseen class in each test photo it takes the latent mask that covers most of the class, as `clipteacher
diagnose` does. In training the mask's prototype classifies its pixels, so it attracts the student's features, and the
student will give them the name whose text feature is nearest. From a run that was trained with the synthesizer this
reads the synthesizer in the last checkpoint, and compares both kinds of prototypes.
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.analysis.student.pseudo_labels import mask_matches
from clipteacher.analysis.student.run_config import read_run_options
from clipteacher.data.dataset import SegmentationDataset
from clipteacher.data.opened import open_data
from clipteacher.inference.image import float_images
from clipteacher.method.plm.module import PLM, region_tokens
from clipteacher.protocols.splits import IGNORE
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.utils.atomic_files import write_json
from clipteacher.utils.nearest import resize_labels
from tables import head, row

_SYNTHESIZER = "framework.plm."
_IGNORE_INDEX = -1


class Run(NamedTuple):
    """A finished run.

    Attributes:
        segmenter: Its student.
        teacher: Its teacher.
        plm: PLM with the synthesizer as it was trained.
    """

    segmenter: Segmenter
    teacher: Any
    plm: PLM


def read_run(folder: Path) -> Run:
    """Read student, teacher and synthesizer.

    Raises:
        ValueError: The run had no synthesizer.
    """
    options = read_run_options(folder / "config.yaml")
    if options.plm is None or options.plm.prototypes != "synthesizer":
        raise ValueError(
            f"{folder}: got a run without a synthesizer, expected --model.method.plm.prototypes synthesizer"
        )
    state = torch.load(folder / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=True)["state_dict"]
    plm = PLM(options.teacher.width, options.plm)
    plm.load_state_dict(
        {key.removeprefix(_SYNTHESIZER): value for key, value in state.items() if key.startswith(_SYNTHESIZER)}
    )
    return Run(Segmenter.from_pretrained(folder / "model"), options.teacher, plm.eval())


@torch.inference_mode()
def regions(run: Run, samples: SegmentationDataset, batch: int) -> Iterator[dict[str, Any]]:
    """Compare both prototypes of each unseen class in each photo.

    Args:
        run: The run.
        samples: Test photos.
        batch: CLS tokens that the synthesizer reads: the photo's own and those of the photos after it.

    Yields:
        The class, the name that each prototype is nearest to, and its cosine with the right name's text feature.
    """
    split, names = samples.class_split, run.segmenter.class_names
    text_features = run.segmenter.text_features
    photos = [samples[i] for i in range(len(samples))]  # each is decoded once
    images = [float_images(photo.image[None]) for photo in photos]
    tokens = [run.teacher.encode_image(each) for each in images]
    for index, (_, dense) in enumerate(tokens):
        sample = photos[index]
        features = run.segmenter.student(images[index]).float()
        truth = resize_labels(sample.mask[None].long(), (features.shape[2], features.shape[3]))
        cls = torch.cat([tokens[(index + step) % len(tokens)].cls for step in range(batch)]).float()
        seen = torch.from_numpy(split.training_lut.astype("int64"))[truth]
        fused = run.plm.fused_labels(
            dense, seen.masked_fill(seen == IGNORE, _IGNORE_INDEX), len(split.seen), ignore_index=_IGNORE_INDEX
        )
        made = run.plm(features, dense, fused, F.normalize(cls, dim=1), len(split.seen)).pseudo[0]
        own = region_tokens(dense, fused.labels, len(split.seen), made.shape[0])[0]
        for found in mask_matches(dense, truth, split, run.plm.config):
            latent = int(fused.labels[found.pixels][0]) - len(split.seen)
            yield {"name": found.name} | {
                source: nearest_name(prototypes[latent], text_features, names, found.name)
                for source, prototypes in (("synthesizer", made), ("region token", own))
            }


def nearest_name(prototype: Tensor, text_features: Tensor, names: tuple[str, ...], right: str) -> dict[str, Any]:
    """Return the name that a prototype (C,) is nearest to, and its cosine with the right one; text features (N, C)."""
    cosines = text_features @ F.normalize(prototype.to(text_features), dim=0)
    return {"nearest": names[int(cosines.argmax())], "cosine": float(cosines[names.index(right)])}


def main() -> None:
    """Compare the prototypes of each run and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of finished runs with the synthesizer")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=10, help="CLS tokens that the synthesizer reads")
    parser.add_argument("--out", type=Path, help="JSON file for the names of each region")
    given = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for folder in given.runs:
        run = read_run(folder)
        opened = open_data(given.data, "val", None, tuple(run.segmenter.unseen))
        samples = SegmentationDataset(opened.source, opened.class_split, training=False)
        found[folder.name] = list(regions(run, samples, given.batch))
    print(head(["run", "prototype", "right name nearest", "cosine with it"]))
    for name, of_run in found.items():
        for source in ("synthesizer", "region token"):
            right = statistics.mean(each[source]["nearest"] == each["name"] for each in of_run)
            cosine = statistics.mean(each[source]["cosine"] for each in of_run)
            print(row([f"{name} ({len(of_run)} regions)", source, f"{100 * right:.0f} %", f"{cosine:.2f}"]))
    if given.out is not None:
        write_json(given.out, dict(found))


if __name__ == "__main__":
    main()
