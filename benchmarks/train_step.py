"""What a training step costs, part by part: the supervised baseline, the method, and the method with the teacher cache.

All settings take the same batches in one process, one step each in turn, so that other work on the machine falls on
all of them. On a CPU, seconds are the process's own, all threads together, because wall time includes what other
processes take (it is recorded too). On a GPU they are wall time, and every part ends with a synchronisation, so the
parts add up to a little more than the step, which is timed without them. The steps that warm up fill the cache.

    .venv/bin/python benchmarks/train_step.py quickstart
    .venv/bin/python benchmarks/train_step.py vit-b-16 --side 224 --batch 4
"""

from __future__ import annotations

import argparse
import functools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import torch
import yaml
from torch.utils.data import default_collate

from clipteacher.data.augment import Augment
from clipteacher.data.class_list import read_class_names
from clipteacher.data.crop_box import separate
from clipteacher.data.dataset import Sample, SegmentationDataset
from clipteacher.data.folder import FolderSource
from clipteacher.data.sampler import StepBatchSampler
from clipteacher.demo.drawn_world import write_world
from clipteacher.demo.quickstart.config import FIT_CONFIG
from clipteacher.inference.image import float_images
from clipteacher.method.config import SUPERVISED, MethodConfig
from clipteacher.method.plm import module as plm_module
from clipteacher.method.plm.module import PLMConfig
from clipteacher.protocols.splits import ClassSplit
from clipteacher.students.smp import SMPStudent
from clipteacher.teacher_cache import TeacherCacheConfig
from clipteacher.teachers.openclip import OpenClipTeacher
from clipteacher.training.allocator import keep_freed_memory
from clipteacher.training.module import TrainingModule
from clipteacher.training.optimizer import OptimizerConfig, build_optimizer
from clipteacher.utils.atomic_files import write_json
from machine import provenance, wait
from tables import Spread, spread_of_ratios, table

PLAIN, CACHED, FULL = "supervised baseline", "with the cache", "without the cache"
Builder: TypeAlias = Callable[..., TrainingModule]
"""Builds the networks of a job: job, classes, the cache's folder or None, and whether GLM and PLM are left out."""


class Stopwatch:
    """Seconds by part while it runs; what an inner part takes is not counted in the outer one."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.runs = False
        self.seconds: dict[str, float] = {}
        self._inner: list[float] = []

    def now(self) -> float:
        """Return seconds: of the process on a CPU, of the wall clock beside a GPU."""
        wait(self.device)
        return time.process_time() if self.device.type == "cpu" else time.perf_counter()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time the block."""
        if not self.runs:
            yield
            return
        begun = self.now()
        self._inner.append(0.0)
        yield
        took = self.now() - begun
        self.seconds[name] = self.seconds.get(name, 0.0) + took - self._inner.pop()
        if self._inner:
            self._inner[-1] += took

    def watch(self, owner: Any, function: str, name: str) -> None:  # noqa: ANN401 (a module of either kind)
        """Time every call of a function."""
        original = getattr(owner, function)

        @functools.wraps(original)
        def timed(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 (whatever the function has)
            with self.part(name):
                return original(*args, **kwargs)

        setattr(owner, function, timed)


def build(job: str, split: ClassSplit, cache: Path | None, *, alone: bool) -> TrainingModule:
    """Build the quickstart's networks, or a ViT-B/16 with random weights over a student of MobileNet's size.

    The method is the recommended preset, with the quickstart's windows there, or the paper's in `vit-b-16-paper`.
    """
    model: dict[str, Any] = yaml.safe_load(FIT_CONFIG.read_text(encoding="utf-8"))["model"]
    student, teacher = model["student"]["init_args"], model["teacher"]["init_args"]
    method = replace(MethodConfig(), plm=PLMConfig(windows=tuple(model["method"]["plm"]["windows"])))
    if job != "quickstart":
        student = {"architecture": "DeepLabV3Plus", "encoder": student["encoder"], "channels": 512}
        teacher = {"model": "ViT-B-16", "pretrained": None}
        method = MethodConfig.paper() if job == "vit-b-16-paper" else MethodConfig()
    torch.manual_seed(0)
    return TrainingModule(
        SMPStudent(**student),
        OpenClipTeacher(**teacher),
        split,
        method=replace(SUPERVISED, losses=method.losses) if alone else method,
        teacher_cache=None if cache is None else TeacherCacheConfig(str(cache)),
    )


def watch_parts(module: TrainingModule, watch: Stopwatch) -> None:
    """Time the parts of one module."""
    framework: Any = module.framework
    watch.watch(framework.student, "forward", "student, forward")
    watch.watch(framework.teacher, "encode_image", "teacher or cache")
    if module.teacher_cache is not None:
        watch.watch(module.teacher_cache, "tokens", "teacher or cache")
    if framework.glm is not None:
        watch.watch(framework.glm, "forward", "GLM")
    if framework.plm is not None:
        watch.watch(framework.plm, "fused_labels", "PLM, labels")
        watch.watch(framework.plm, "forward", "PLM, prototypes")


def take_step(
    module: TrainingModule,
    optimizer: torch.optim.Optimizer,
    batch: Sample,
    watch: Stopwatch,
    precision: torch.dtype = torch.float32,
) -> None:
    """Take a step as the trainer does; a batch on a GPU's machine is in pinned memory."""
    device, tokens = next(module.parameters()).device, None
    pixels, labels = (each.to(device, non_blocking=True) for each in (batch.image, batch.mask))
    images = float_images(pixels).contiguous(memory_format=module.memory_format)
    with torch.autocast(device.type, precision, enabled=precision != torch.float32):
        if module.teacher_cache is not None:
            tokens = module.teacher_cache.tokens(images, separate(batch.crop_box))
        with watch.part("losses"):
            loss = torch.stack(list(module.framework(images, labels, tokens).values())).sum()
    with watch.part("backward"):
        loss.backward()  # type: ignore[no-untyped-call]
    with watch.part("optimizer"):
        optimizer.step()
        optimizer.zero_grad()


def photos(given: argparse.Namespace, root: Path) -> SegmentationDataset:
    """Draw a batch of photos, augmented as in the quickstart and kept in memory."""
    write_world(root, seed=given.seed, train=given.batch, val=1, size=given.photo)
    split = ClassSplit(read_class_names(root), tuple(yaml.safe_load(FIT_CONFIG.read_text())["data"]["unseen"]))
    augment = Augment(crop_size=(given.side, given.side), scale=(0.75, 1.25), cat_max_ratio=1.0, photometric=0.0)
    data = SegmentationDataset(FolderSource(root, "train"), split, training=True, augment=augment, cache=True)
    data.verify()  # reads them
    return data


def collated(samples: list[Sample], device: torch.device) -> Sample:
    """Make a batch as the trainer's loader does: beside a GPU, photos and labels are in pinned memory."""
    batch: Sample = default_collate(samples)
    if device.type == "cuda":
        batch = batch._replace(image=batch.image.pin_memory(), mask=batch.mask.pin_memory())
    return batch


def measure(given: argparse.Namespace, root: Path, build: Builder = build) -> dict[str, Any]:
    """Build the settings and time them in turn.

    On a GPU the result holds the most MiB that a step needs above what was held before it, too.
    """
    precision = torch.bfloat16 if given.bf16 else torch.float32
    device, data = torch.device(given.device), photos(given, root / "world")
    watch = Stopwatch(device)
    for function, name in (("kmeans", "PLM, K-means"), ("fuse_masks", "PLM, fusion")):
        watch.watch(plm_module, function, name)
    modules = {
        PLAIN: build(given.job, data.class_split, None, alone=True),
        CACHED: build(given.job, data.class_split, root / "tokens", alone=False),
        FULL: build(given.job, data.class_split, None, alone=False),
    }
    optimizers = {}
    for name, module in modules.items():
        watch_parts(module.to(device).train(), watch)
        optimizers[name] = build_optimizer(module.framework, OptimizerConfig())
    totals: dict[str, list[float]] = {name: [] for name in (*modules, "teacher", "data")}
    wall: dict[str, list[float]] = {name: [] for name in modules}
    parts: dict[str, list[dict[str, float]]] = {name: [] for name in modules}
    memory = dict.fromkeys(modules, 0.0)
    sampler = StepBatchSampler(len(data), given.batch, steps=2 * given.rounds + 2, seed=given.seed)
    for number, keys in enumerate(sampler):
        begun = watch.now()
        batch = collated([data[key] for key in keys], device)
        fetched = watch.now() - begun
        # Two steps to warm up, which fill the cache too; then whole steps and steps by parts take turns.
        watch.runs = number >= 2 and number % 2 == 1
        for name, module in modules.items():
            watch.seconds, held = {}, held_memory(device)
            begun, on_the_wall = watch.now(), time.perf_counter()
            take_step(module, optimizers[name], batch, watch, precision)
            if number >= 2 and not watch.runs:
                totals[name].append(watch.now() - begun)
                wall[name].append(time.perf_counter() - on_the_wall)
            elif watch.runs:
                parts[name].append(watch.seconds)
            if number >= 2 and device.type == "cuda":
                memory[name] = max(memory[name], (torch.cuda.max_memory_allocated(device) - held) / 2**20)
        if number >= 2 and not watch.runs:
            begun = watch.now()
            with torch.autocast(device.type, precision, enabled=given.bf16):
                modules[FULL].framework.teacher.encode_image(float_images(batch.image.to(device)))
            totals["teacher"].append(watch.now() - begun)
            totals["data"].append(fetched)
    found = {"seconds": totals, "seconds_on_the_wall": wall, "parts": parts, "ratios": ratios(totals, wall)}
    return found | ({"peak_mib": memory} if device.type == "cuda" else {})


def held_memory(device: torch.device) -> int:
    """Bytes that tensors hold on a GPU; its peak is counted from here on."""
    if device.type != "cuda":
        return 0
    torch.cuda.reset_peak_memory_stats(device)
    return torch.cuda.memory_allocated(device)


def ratios(totals: dict[str, list[float]], wall: dict[str, list[float]]) -> dict[str, Spread]:
    """Compare the settings within each step."""
    plain = totals[PLAIN]
    sums = [one + other for one, other in zip(plain, totals["teacher"], strict=True)]
    return {
        "with the cache / baseline": spread_of_ratios(totals[CACHED], plain),
        "the same, wall clock": spread_of_ratios(wall[CACHED], wall[PLAIN]),
        "without / baseline": spread_of_ratios(totals[FULL], plain),
        "without / (baseline + teacher)": spread_of_ratios(totals[FULL], sums),
    }


def report(found: dict[str, Any]) -> str:
    """Write two tables in Markdown: ratios, and milliseconds of each part."""

    def milliseconds(values: Iterable[float]) -> str:
        return f"{1000 * statistics.median(values):.1f}"

    first = table(["ratio", "min, median, max"], found["ratios"].items())
    steps, seconds = found["parts"].values(), found["seconds"]
    names = dict.fromkeys(name for each in steps for step in each for name in step)
    rows = [[name, *(milliseconds(step.get(name, 0.0) for step in each) for each in steps)] for name in names]
    rows.append(["the whole step", *(milliseconds(seconds[setting]) for setting in found["parts"])])
    second = table(["ms a step, median", *found["parts"]], rows)
    return f"{first}\n\n{second}\n\ndata: {milliseconds(seconds['data'])} ms a step, the same for all"


def main() -> None:
    """Measure, print two tables and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=("quickstart", "vit-b-16", "vit-b-16-paper"))
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--side", type=int, default=96, help="side of a crop")
    parser.add_argument("--photo", type=int, default=128, help="side of a photo")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--bf16", action="store_true", help="mixed precision")
    parser.add_argument("--out", type=Path, default=None)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(given, Path(folder))
    about = {"seed": given.seed, **provenance(torch.device(given.device))}
    write_json(given.out or Path(f"benchmarks/results/train_step_{given.job}.json"), about | found)
    print(f"{about['machine']}, load {about['load_average']:.1f}\n\n{report(found)}")


if __name__ == "__main__":
    main()
