"""Whether reading and augmenting photos keeps up with training: seconds a step by number of worker processes.

A step takes 8 crops of 512² by default, of drawn photos saved as JPEG, augmented as the protocols do: scale, crop, flip
and colours. Nobody computes meanwhile, so what is measured is how fast batches can come. Beside it stands a training
step of a network on the same machine, and the ratio of the two: below 1 the network never waits.

    .venv/bin/python benchmarks/data_workers.py --workers 0 1 2
    .venv/bin/python benchmarks/data_workers.py --workers 2 4 8 --device cuda
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch.utils.data import DataLoader

from clipteacher.data.augment import Augment
from clipteacher.data.class_list import read_class_names
from clipteacher.data.dataset import Sample, SegmentationDataset
from clipteacher.data.folder import FolderSource
from clipteacher.data.sampler import StepBatchSampler
from clipteacher.demo.drawn_world import write_world
from clipteacher.inference.image import float_images
from clipteacher.protocols.splits import ClassSplit
from clipteacher.students.segnext import SegNeXtStudent
from clipteacher.utils.atomic_files import write_json
from machine import provenance, wait
from tables import spread, table

PREFETCH = 2  # batches that each worker has ready, as a DataLoader has it


def photos(root: Path, count: int, photo: int, crop: int, seed: int) -> SegmentationDataset:
    """Draw photos, save them as JPEG, and open them as training does."""
    write_world(root, seed=seed, train=count, val=1, size=photo)
    for path in sorted((root / "images" / "train").glob("*.png")):
        Image.open(path).convert("RGB").save(path.with_suffix(".jpg"), quality=90)
        path.unlink()
    split = ClassSplit(read_class_names(root), ())
    augment = Augment(crop_size=(crop, crop))
    return SegmentationDataset(FolderSource(root, "train"), split, training=True, augment=augment)


def seconds_a_step(data: SegmentationDataset, batch: int, workers: int, rounds: int, seed: int) -> list[float]:
    """Time batches as they come, after those that are fetched ahead."""
    ahead = 1 + PREFETCH * workers
    sampler = StepBatchSampler(len(data), batch, steps=ahead + rounds, seed=seed)
    loader: DataLoader[Sample] = DataLoader(
        data, batch_sampler=sampler, num_workers=workers, prefetch_factor=PREFETCH if workers else None
    )
    times = []
    for number, _ in enumerate(loader, start=1):
        if number >= ahead:
            times.append(time.perf_counter())
    return [after - before for before, after in pairwise(times)]


def processor_seconds(data: SegmentationDataset, count: int) -> float:
    """Processor seconds of one crop, in this process."""
    begun = time.process_time()
    for number in range(count):
        data[number % len(data), number]
    return (time.process_time() - begun) / count


def network_seconds(batch: int, crop: int, rounds: int, device: torch.device) -> list[float]:
    """Time a SegNeXt-T's forward and backward pass of a batch that is there."""
    torch.manual_seed(0)
    student, found = SegNeXtStudent("tiny", 512).to(device), []
    images = torch.randint(256, (batch, 3, crop, crop), dtype=torch.uint8)
    for number in range(rounds + 1):
        wait(device)
        begun = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            features = student(float_images(images.to(device)))
        features.float().square().mean().backward()
        wait(device)
        if number:
            found.append(time.perf_counter() - begun)
    return found


def measure(given: argparse.Namespace, root: Path) -> dict[str, Any]:
    """Time batches for each number of workers, and the network's step."""
    data = photos(root, given.photos, given.photo, given.crop, given.seed)
    crop = processor_seconds(data, given.batch)
    step = network_seconds(given.batch, given.crop, given.steps, torch.device(given.device))
    rows = []
    for workers in given.workers:
        # The mean, for batches of several workers come in bursts.
        mean = statistics.mean(seconds_a_step(data, given.batch, workers, given.rounds, given.seed))
        ratio = spread([mean / one for one in step])
        rows.append({"workers": workers, "seconds": mean, "crops_a_second": given.batch / mean, "of_step": ratio})
    return {"processor_seconds_a_crop": crop, "network_seconds": step, "rows": rows}


def report(found: dict[str, Any]) -> str:
    """Write a table in Markdown."""
    rows = [
        [row["workers"], f"{1000 * row['seconds']:.0f}", f"{row['crops_a_second']:.0f}", row["of_step"]]
        for row in found["rows"]
    ]
    network = 1000 * statistics.median(found["network_seconds"])
    return (
        table(["workers", "ms a step", "crops a second", "of the network's step"], rows)
        + f"\n\n{1000 * found['processor_seconds_a_crop']:.1f} ms of processor time a crop; the network's step: "
        f"{network:.0f} ms"
    )


def arguments() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--crop", type=int, default=512, help="side of a crop")
    parser.add_argument("--photo", type=int, default=512, help="side of a photo")
    parser.add_argument("--photos", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=10, help="batches that are timed, for each number of workers")
    parser.add_argument("--steps", type=int, default=3, help="steps of the network that are timed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/data_workers.json"))
    return parser


def main() -> None:
    """Measure, print a table and write the result."""
    given = arguments().parse_args()
    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(given, Path(folder) / "world")
    about = provenance(torch.device(given.device))
    write_json(given.out, about | found)
    print(f"{about['machine']}, load {about['load_average']:.1f}\n\n{report(found)}")


if __name__ == "__main__":
    main()
