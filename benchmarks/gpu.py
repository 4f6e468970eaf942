"""Everything that a GPU is to show, in one run of at most eight minutes: tests that need one, speed, training, memory.

    python benchmarks/gpu.py --seconds 480 --out benchmarks/results/gpu.jsonl

Each part is by itself: if one fails, its line says why, and the others go on. Every result is a line of JSON, written
at once, so that a run that is cut off leaves what it had. Parts that the time does not reach are named at the end.

A machine that has PyTorch and no network needs the other packages in a folder: `benchmarks/gpu.sh` fills it elsewhere,
and runs this script there. Nothing is downloaded here: networks have random weights, on which time does not depend.

With `--tiny --device cpu` all parts run within seconds; that shows that the script works, and its figures mean nothing.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

import data_workers
import speed
import train_step
from clipseg import clipseg_network, clipseg_ways
from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.inference.text_classifier import TextClassifier
from clipteacher.method.config import SUPERVISED, MethodConfig
from clipteacher.method.plm.kmeans import kmeans, window_seeds
from clipteacher.method.plm.module import PLMConfig
from clipteacher.protocols.splits import ClassSplit
from clipteacher.students.segnext import SegNeXtStudent
from clipteacher.teacher_cache import TeacherCacheConfig
from clipteacher.teachers.openclip import OpenClipTeacher
from clipteacher.teachers.teacher import ZeroShotTeacher
from clipteacher.training.module import TrainingModule
from machine import provenance

ROOT = Path(__file__).parents[1]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Sizes:
    """What is measured.

    Attributes:
        batch: Images at once, in training and at test.
        side: Their side in pixels.
        photo: Side of the photos that training crops.
        names: Numbers of class names.
        rounds: Paired rounds of each measurement.
        students: Students at test, of `speed.STUDENTS`.
        trained: Sizes of SegNeXt that are trained.
        model: open_clip's name of the teacher, with random weights unless it is a package.
        width: Channels of its joint space.
        tokens: Side of the maps that K-means clusters.
        workers: Numbers of data workers.
        precisions: Of the networks at test; training is in bf16 where it is among them.
    """

    batch: int = 16
    side: int = 512
    photo: int = 640
    names: tuple[int, ...] = (21, 171, 847)
    rounds: int = 7
    students: tuple[str, ...] = ("DeepLabV3+ on MobileNetV3-L", "SegNeXt-T")
    trained: tuple[str, ...] = ("tiny", "base")
    model: str = "ViT-B-16-quickgelu"
    width: int = 512
    tokens: int = 32
    workers: tuple[int, ...] = (2, 4, 8)
    precisions: tuple[str, ...] = ("bf16", "fp32")


# Most CPUs have no bf16 and take minutes.
TINY = Sizes(
    *(2, 64, 64, (3,), 1, ("SegNeXt-T",), ("tiny",), "package:clipteacher.demo.tiny_clip", 128, 16, (0,)),
    precisions=("fp32",),
)


@dataclass(frozen=True)
class Run:
    """Where and how much is measured, and when it must be over, in seconds of `time.monotonic`."""

    device: torch.device
    sizes: Sizes
    end: float

    @property
    def left(self) -> float:
        """Seconds left."""
        return self.end - time.monotonic()

    def teacher(self, precision: Any = "fp32") -> OpenClipTeacher:  # noqa: ANN401 (open_clip's word for a type)
        """Build the teacher."""
        return OpenClipTeacher(self.sizes.model, None, dense="value", precision=precision)


Part: TypeAlias = Callable[[Run], Iterator[dict[str, Any]]]
"""Measures something; each result is a line."""


def tests(run: Run) -> Iterator[dict[str, Any]]:
    """Run the tests that need a GPU."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rs", "tests/gpu"]
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    found = subprocess.run(  # noqa: S603 (our own tests)
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=max(run.left, 1),
    )
    said = found.stdout.strip().splitlines() or found.stderr.strip().splitlines()
    yield {"status": found.returncode, "summary": said[-1] if said else "", "output": said[-60:]}


def seconds_of(work: Callable[[], object], run: Run) -> list[float]:
    """Time something in rounds; the first warms up and is left out."""
    return [each["it"] for each in speed.timed({"it": work}, run.sizes.rounds, run.device)]


def peak_mib(work: Callable[[], object], run: Run) -> float | None:
    """Most MiB that something needs above what was held before; None without a GPU."""
    if run.device.type != "cuda":
        return None
    held = train_step.held_memory(run.device)
    work()
    return (torch.cuda.max_memory_allocated(run.device) - held) / 2**20


def clusters(run: Run) -> Iterator[dict[str, Any]]:
    """K-means on the device: its time, its labels beside a CPU's, and that it waits for nothing."""
    import kmeans as script  # scikit-learn, which the others do without

    sizes, config = run.sizes, PLMConfig()
    tokens = script.drawn_tokens(sizes.batch, sizes.tokens, sizes.width, 0, 0.5)
    seeds = window_seeds(tokens, config.windows, config.overlap)
    points = tokens.flatten(2).transpose(1, 2).contiguous()
    there, seeds_there = points.to(run.device), seeds.to(run.device)
    here = kmeans(points, seeds, config.iterations)[1]
    work = partial(kmeans, there, seeds_there, config.iterations)
    work()
    if run.device.type == "cuda":
        torch.cuda.set_sync_debug_mode("error")
    try:
        labels = work()[1]
    finally:
        if run.device.type == "cuda":
            torch.cuda.set_sync_debug_mode("default")
    same = float((labels.cpu() == here).float().mean())
    about = {"clusters": seeds.shape[1], "labels_as_cpu": same, "checked_for_waits": run.device.type == "cuda"}
    yield about | {"seconds": seconds_of(work, run)}


def labels(run: Run) -> Iterator[dict[str, Any]]:
    """Label pixels by many names, from features that are there; beside it, all logits at full size and their argmax."""
    sizes = run.sizes
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1, sizes.width, sizes.side // 8, sizes.side // 8, generator=generator).to(run.device)
    image = torch.zeros(1, 3, sizes.side, sizes.side, device=run.device)
    for count in sizes.names:
        text = F.normalize(torch.randn(count, sizes.width, generator=generator), dim=1).to(run.device)
        prediction, classifier = DensePrediction(lambda images: features, image), TextClassifier(text)
        ways = {"labels": partial(prediction.labels, classifier), "argmax": partial(argmax, prediction, classifier)}
        first, second = (way() for way in ways.values())
        yield {
            "names": count,
            "rounds": speed.timed(ways, sizes.rounds, run.device),
            "same": float((first == second).float().mean()),
            "peak_mib": {name: peak_mib(way, run) for name, way in ways.items()},
        }


def argmax(prediction: DensePrediction, classifier: TextClassifier) -> Tensor:
    """Label pixels (B, H, W) the plain way, with all logits in memory."""
    return prediction.logits(classifier).argmax(dim=1)


def at_test(run: Run, student: str, kind: str) -> Iterator[dict[str, Any]]:
    """A student, the network of a closed set, CLIP read densely, and student and CLIP: images a second."""
    sizes, dtype = run.sizes, DTYPES[kind]
    clip = ZeroShotTeacher(run.teacher(kind).to(run.device)).eval()
    for batch in sorted({1, sizes.batch}):
        images = torch.rand(batch, 3, sizes.side, sizes.side, device=run.device, dtype=dtype)
        for count in sizes.names if batch > 1 else sizes.names[:1]:
            ways = speed.ways_of(speed.STUDENTS[student], count, clip, images, sizes.width)
            rounds = speed.timed(ways, sizes.rounds, run.device)
            rates = {name: batch / statistics.median([each[name] for each in rounds]) for name in ways}
            about = {"student": student, "precision": kind, "names": count, "batch": batch}
            yield about | {"images_a_second": rates, **speed.result(student, count, rounds)}


def clipseg(run: Run) -> Iterator[dict[str, Any]]:
    """CLIPSeg as transformers has it, with random weights: its documented call and its image encoder run once."""
    sizes = run.sizes
    network, count = clipseg_network(tiny=sizes.side < 512).to(run.device), sizes.names[0]
    for kind in reversed(sizes.precisions):  # rounded weights do not come back
        dtype = DTYPES[kind]
        network = network.to(dtype)
        image = torch.rand(1, 3, sizes.side, sizes.side, device=run.device, dtype=dtype)
        rounds = speed.timed(clipseg_ways(network, image, count, count), sizes.rounds, run.device)
        rates = {name: 1 / statistics.median([each[name] for each in rounds]) for name in rounds[0]}
        yield {"precision": kind, "names": count, "rounds": rounds, "images_a_second": rates}


def build(
    run: Run, method: MethodConfig, job: str, split: ClassSplit, cache: Path | None, *, alone: bool
) -> TrainingModule:
    """Build a SegNeXt under the teacher, as `train_step.build` builds its jobs."""
    torch.manual_seed(0)
    return TrainingModule(
        SegNeXtStudent(job, run.sizes.width),
        run.teacher(),
        split,
        method=SUPERVISED if alone else method,
        teacher_cache=None if cache is None else TeacherCacheConfig(str(cache)),
    )


def training(run: Run, job: str) -> Iterator[dict[str, Any]]:
    """A training step in bf16 and its parts: the supervised baseline, with the cache, and without it."""
    sizes = run.sizes
    given = argparse.Namespace(
        **{"job": job, "seed": 0, "device": str(run.device), "bf16": "bf16" in sizes.precisions},
        **{name: getattr(sizes, name) for name in ("batch", "side", "photo", "rounds")},
    )
    method = MethodConfig.recommended()
    with tempfile.TemporaryDirectory() as folder:
        found = train_step.measure(given, Path(folder), partial(build, run, method))
    rates = {name: sizes.batch / statistics.median(seconds) for name, seconds in found["seconds_on_the_wall"].items()}
    yield {"student": f"SegNeXt, {job}", "batch": sizes.batch, "side": sizes.side, "images_a_second": rates, **found}


def workers(run: Run) -> Iterator[dict[str, Any]]:
    """Whether data workers keep up with this device."""
    tiny = ["--photos", "2", "--batch", "2", "--rounds", "1", "--steps", "1"] if run.sizes.side < 512 else []
    options = ["--workers", *map(str, run.sizes.workers), "--device", str(run.device), *tiny]
    options += ["--crop", str(run.sizes.side), "--photo", str(run.sizes.side)]
    given = data_workers.arguments().parse_args(options)
    with tempfile.TemporaryDirectory() as folder:
        yield data_workers.measure(given, Path(folder) / "world")


def parts_of(sizes: Sizes) -> dict[str, Part]:
    """List the parts, what matters most first."""
    return {
        "tests": tests,
        "K-means": clusters,
        **{f"training, SegNeXt {size}": partial(training, job=size) for size in sizes.trained},
        "labels": labels,
        **{
            f"at test, {student}, {kind}": partial(at_test, student=student, kind=kind)
            for student in sizes.students
            for kind in sizes.precisions
        },
        "at test, CLIPSeg": clipseg,
        "data workers": workers,
    }


def results(part: Part, run: Run) -> Iterator[dict[str, Any]]:
    """Yield what a part finds, and why it ends early if it does."""
    try:
        for found in part(run):
            yield found
            if run.left <= 0:
                yield {"cut_off": True}
                return
    except Exception as error:  # one part's failure must not take the others' results
        yield {"error": f"{type(error).__name__}: {error}"[:2000]}


def main() -> None:
    """Run the parts while there is time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=480, help="time for all parts together")
    parser.add_argument("--parts", nargs="+", help="some parts alone, by the first letters of their names")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="the smallest sizes, which show that the script works")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/gpu.jsonl"))
    given = parser.parse_args()
    run = Run(torch.device(given.device), TINY if given.tiny else Sizes(), time.monotonic() + given.seconds)
    about = provenance(run.device)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    with given.out.open("a", encoding="utf-8") as file:

        def write(name: str, found: dict[str, Any]) -> None:
            file.write(json.dumps({**about, "part": name, **found}) + "\n")
            file.flush()
            shown = {key: found[key] for key in ("error", "summary", "images_a_second", "not_run") if key in found}
            print(f"{name}: {json.dumps(shown) if shown else 'done'}", flush=True)

        for name, part in parts_of(run.sizes).items():
            if given.parts and not name.startswith(tuple(given.parts)):
                continue
            if run.left <= 0:
                write(name, {"not_run": f"no time was left of {given.seconds:g} s"})
                continue
            begun = time.monotonic()
            with torch.inference_mode(not name.startswith(("training", "data workers"))):
                for found in results(part, run):
                    write(name, found | {"part_seconds": time.monotonic() - begun})
            gc.collect()
            if run.device.type == "cuda":
                torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
