r"""Do the classifiers of latent ids say what their regions are? PLM's synthesizer beside the teacher's region tokens.

    python benchmarks/prototype_names.py runs/ablation/world/GLM_+_PLM-*-seed0 \
        --data runs/ablation/world-seed0-train600-val150-size128

For each unseen class in each test photo the latent mask that covers most of it, as `clipteacher diagnose` takes it. Its
prototype classifies the pixels of that mask in training, so the student's features are drawn to it; by the name that is
nearest to the prototype the student will call them. Of a run that was trained with the synthesizer this reads the
synthesizer out of the last checkpoint, and asks both.
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
    """Ask both for each unseen class of each photo.

    Args:
        run: The run.
        samples: Test photos.
        batch: CLS tokens that the synthesizer reads: the photo's own and those of the photos after it.

    Yields:
        The class, the name that each source is nearest to, and each one's cosine with the right name's vector.
    """
    split, names = samples.class_split, run.segmenter.class_names
    vectors = run.segmenter.text_features
    photos = [samples[i] for i in range(len(samples))]  # each is decoded once
    images = [float_images(photo.image[None]) for photo in photos]
    answers = [run.teacher.encode_image(each) for each in images]
    for index, (_, dense) in enumerate(answers):
        sample = photos[index]
        features = run.segmenter.student(images[index]).float()
        truth = F.interpolate(sample.mask[None, None].double(), size=features.shape[2:], mode="nearest-exact")[0].long()
        cls = torch.cat([answers[(index + step) % len(answers)].cls for step in range(batch)]).float()
        seen = torch.from_numpy(split.training_lut.astype("int64"))[truth]
        fused = run.plm.fused_labels(
            dense, seen.masked_fill(seen == IGNORE, _IGNORE_INDEX), len(split.seen), ignore_index=_IGNORE_INDEX
        )
        made = run.plm(features, dense, fused, F.normalize(cls, dim=1), len(split.seen)).pseudo[0]
        own = region_tokens(dense, fused.labels, len(split.seen), made.shape[0])[0]
        for found in mask_matches(dense, truth, split, run.plm.config):
            latent = int(fused.labels[found.pixels][0]) - len(split.seen)
            yield {"name": found.name} | {
                source: _said(prototypes[latent], vectors, names, found.name)
                for source, prototypes in (("synthesizer", made), ("region token", own))
            }


def _said(prototype: Tensor, vectors: Tensor, names: tuple[str, ...], right: str) -> dict[str, Any]:
    cosines = vectors @ F.normalize(prototype.to(vectors), dim=0)
    return {"nearest": names[int(cosines.argmax())], "cosine": float(cosines[names.index(right)])}


def main() -> None:
    """Ask of each run and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of finished runs with the synthesizer")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=10, help="CLS tokens that the synthesizer reads")
    parser.add_argument("--out", type=Path, help="JSON file for what was said of each region")
    given = parser.parse_args()
    said: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for folder in given.runs:
        run = read_run(folder)
        opened = open_data(given.data, "val", None, tuple(run.segmenter.unseen))
        samples = SegmentationDataset(opened.source, opened.class_split, training=False)
        said[folder.name] = list(regions(run, samples, given.batch))
    print("| run | source | right name nearest | cosine with it |\n|---|---|---|---|")
    for name, found in said.items():
        for source in ("synthesizer", "region token"):
            right = statistics.mean(each[source]["nearest"] == each["name"] for each in found)
            cosine = statistics.mean(each[source]["cosine"] for each in found)
            print(f"| {name} ({len(found)} regions) | {source} | {100 * right:.0f} % | {cosine:.2f} |")
    if given.out is not None:
        write_json(given.out, dict(said))


if __name__ == "__main__":
    main()
