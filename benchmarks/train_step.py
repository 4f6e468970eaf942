"""What a training step costs, part by part: the student alone, under its teacher, and with the teacher cache.

All settings take the same batches in one process, one step each in turn, so that what else the machine does falls on
all of them. On a CPU seconds are the process's own, all threads together, for wall time counts what other processes
take away (it is written down too). On a GPU they are wall time, and every part ends with a synchronisation, so parts
add up to a little more than the step, which is timed without them. The cache is filled in the steps that warm up.

    .venv/bin/python benchmarks/train_step.py quickstart
    .venv/bin/python benchmarks/train_step.py vit-b-16 --side 224 --batch 4
"""

from __future__ import annotations

import argparse
import functools
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import yaml
from torch.utils.data import default_collate

from clipteacher.data.augment import Augment
from clipteacher.data.crop_box import separate
from clipteacher.data.dataset import FolderDataset, Sample
from clipteacher.data.folder import read_class_names
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
from machine import machine, spread, wait

PLAIN, CACHED, FULL = "student alone", "with the cache", "without the cache"


class Stopwatch:
    """Seconds by part while it runs; a part within a part counts for itself alone."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.runs = False
        self.seconds: dict[str, float] = {}
        self._inner: list[float] = []

    def now(self) -> float:
        """Seconds: of the process on a CPU, on the wall beside a GPU."""
        wait(self.device)
        return time.process_time() if self.device.type == "cpu" else time.perf_counter()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time what is done within."""
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
        def timed(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 (whatever the function takes and gives)
            with self.part(name):
                return original(*args, **kwargs)

        setattr(owner, function, timed)


def build(job: str, split: ClassSplit, cache: Path | None, *, alone: bool) -> TrainingModule:
    """Build the quickstart's networks, or a ViT-B/16 of random weights above a student of MobileNet's size."""
    model: dict[str, Any] = yaml.safe_load(FIT_CONFIG.read_text(encoding="utf-8"))["model"]
    student, teacher = model["student"]["init_args"], model["teacher"]["init_args"]
    method = replace(MethodConfig(), plm=PLMConfig(windows=tuple(model["method"]["plm"]["windows"])))
    if job == "vit-b-16":
        student = {"architecture": "DeepLabV3Plus", "encoder": student["encoder"], "channels": 512}
        teacher, method = {"model": "ViT-B-16", "pretrained": None}, MethodConfig.paper()
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


def take_step(module: TrainingModule, optimizer: torch.optim.Optimizer, batch: Sample, watch: Stopwatch) -> None:
    """Take a step as the trainer does."""
    device, tokens = next(module.parameters()).device, None
    images = float_images(batch.image.to(device)).contiguous(memory_format=module.memory_format)
    if module.teacher_cache is not None:
        tokens = module.teacher_cache.tokens(images, separate(batch.crop_box))
    with watch.part("losses"):
        loss = torch.stack(list(module.framework(images, batch.mask.to(device), tokens).values())).sum()
    with watch.part("backward"):
        loss.backward()  # type: ignore[no-untyped-call]
    with watch.part("optimiser"):
        optimizer.step()
        optimizer.zero_grad()


def measure(given: argparse.Namespace, root: Path) -> dict[str, Any]:
    """Draw photos, build the settings and time them in turn."""
    device = torch.device(given.device)
    write_world(root / "world", seed=given.seed, train=given.batch, val=1, size=given.photo)
    split = ClassSplit(
        read_class_names(root / "world"), tuple(yaml.safe_load(FIT_CONFIG.read_text())["data"]["unseen"])
    )
    augment = Augment(crop_size=(given.side, given.side), scale=(0.75, 1.25), cat_max_ratio=1.0, photometric=0.0)
    data = FolderDataset(root / "world", "train", split, training=True, augment=augment, cache=True)
    data.verify()  # so that decoded photos are in memory, as in the quickstart
    watch = Stopwatch(device)
    for function, name in (("kmeans", "PLM, K-means"), ("fuse_masks", "PLM, fusion")):
        watch.watch(plm_module, function, name)
    modules = {
        PLAIN: build(given.job, split, None, alone=True),
        CACHED: build(given.job, split, root / "tokens", alone=False),
        FULL: build(given.job, split, None, alone=False),
    }
    optimizers = {}
    for name, module in modules.items():
        watch_parts(module.to(device).train(), watch)
        optimizers[name] = build_optimizer(module.framework, OptimizerConfig())
    totals: dict[str, list[float]] = {name: [] for name in (*modules, "teacher", "data")}
    wall: dict[str, list[float]] = {name: [] for name in modules}
    parts: dict[str, list[dict[str, float]]] = {name: [] for name in modules}
    sampler = StepBatchSampler(len(data), given.batch, steps=2 * given.rounds + 2, seed=given.seed)
    for number, keys in enumerate(sampler):
        begun = watch.now()
        batch: Sample = default_collate([data[key] for key in keys])
        fetched = watch.now() - begun
        # Two steps to warm up, which fill the cache too; then whole steps and steps by parts take turns.
        watch.runs = number >= 2 and number % 2 == 1
        for name, module in modules.items():
            watch.seconds = {}
            begun, on_the_wall = watch.now(), time.perf_counter()
            take_step(module, optimizers[name], batch, watch)
            if number >= 2 and not watch.runs:
                totals[name].append(watch.now() - begun)
                wall[name].append(time.perf_counter() - on_the_wall)
            elif watch.runs:
                parts[name].append(watch.seconds)
        if number >= 2 and not watch.runs:
            begun = watch.now()
            modules[FULL].framework.teacher.encode_image(float_images(batch.image.to(device)))
            totals["teacher"].append(watch.now() - begun)
            totals["data"].append(fetched)
    plain = totals[PLAIN]
    sums = [one + other for one, other in zip(plain, totals["teacher"], strict=True)]
    return {
        "seconds": totals,
        "seconds_on_the_wall": wall,
        "parts": parts,
        "ratios": {
            "with the cache / student alone": spread([a / b for a, b in zip(totals[CACHED], plain, strict=True)]),
            "the same, on the wall": spread([a / b for a, b in zip(wall[CACHED], wall[PLAIN], strict=True)]),
            "without / student alone": spread([a / b for a, b in zip(totals[FULL], plain, strict=True)]),
            "without / (student alone + teacher)": spread([a / b for a, b in zip(totals[FULL], sums, strict=True)]),
        },
    }


def main() -> None:
    """Measure, print two tables and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=("quickstart", "vit-b-16"))
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--side", type=int, default=96, help="side of a crop")
    parser.add_argument("--photo", type=int, default=128, help="side of a photo")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=None)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(given, Path(folder))
    about = {
        "command": shlex.join(["python", "benchmarks/train_step.py", *sys.argv[1:]]),
        "date": time.strftime("%Y-%m-%d"),
        "seed": given.seed,
        **machine(torch.device(given.device)),
    }
    write_json(given.out or Path(f"benchmarks/results/train_step_{given.job}.json"), about | found)
    print(f"{about['machine']}, load {about['load_average']:.1f}\n\n| ratio | min | median | max |\n|---|---|---|---|")
    for name, ratio in found["ratios"].items():
        print(f"| {name} | {' | '.join(f'{value:.2f}' for value in ratio)} |")
    names = list(dict.fromkeys(name for steps in found["parts"].values() for each in steps for name in each))
    print(f"\n| ms a step, median | {' | '.join(found['parts'])} |\n|---|---|---|---|")
    for part in names:
        of_part = [statistics.median(each.get(part, 0.0) for each in steps) for steps in found["parts"].values()]
        print(f"| {part} | {' | '.join(f'{1000 * value:.1f}' for value in of_part)} |")
    whole = [statistics.median(found["seconds"][name]) for name in found["parts"]]
    print(f"| the whole step | {' | '.join(f'{1000 * value:.1f}' for value in whole)} |")
    print(f"\ndata: {1000 * statistics.median(found['seconds']['data']):.1f} ms a step, the same for all")


if __name__ == "__main__":
    main()
