"""The plan of a run: every decision with its reason, and the configuration that `clipteacher fit` takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

from clipteacher.data.augment import Augment
from clipteacher.planning.budget import Steps
from clipteacher.planning.facts import DataFacts, MachineFacts
from clipteacher.planning.frame import Frame, windows_for
from clipteacher.planning.parts import Part

_CACHE_PIXELS: Final = 4e9  # decoded photos that main memory may hold, in bytes
_MOST_TEST_PHOTOS: Final = 200  # in a validation during training; the final scores are of all


class Decision(NamedTuple):
    """One line of a plan: what, which value, and why."""

    what: str
    value: str
    reason: str


@dataclass(frozen=True)
class Sizes:
    """What a step is made of.

    Attributes:
        augment: Augmentation of training crops.
        batch_size: Crops a step.
        workers: Processes that read photos; 0 reads in the main one.
        cache: Whether decoded photos are kept in memory.
        lr: Learning rate.
    """

    augment: Augment
    batch_size: int
    workers: int
    cache: bool
    lr: float


def choose_sizes(frame: Frame, data: DataFacts, machine: MachineFacts, *, small: bool) -> Sizes:
    """Choose crops, batch and reading.

    Args:
        frame: Sizes of photos and crops.
        data: The photos.
        machine: The machine.
        small: Whether the small student is trained, which takes a higher learning rate.
    """
    gpu = machine.device == "cuda"
    side = min(frame.crop)
    augment = Augment(
        crop_size=frame.crop, scale=(0.75, 1.5) if side >= 128 else (0.75, 1.25), base_size=frame.short_side
    )
    batch_size = min(16 if gpu else 10, max(2, data.photos))
    fits = (data.photos + data.val_photos) * data.height * data.width * 4 <= _CACHE_PIXELS
    workers = min(8, machine.cores) if gpu else 0 if fits else max(0, machine.cores - 2)
    return Sizes(augment, batch_size, workers, fits and workers == 0, 2e-3 if small else 5e-4)


def configuration(
    root: str,
    *,
    wanted: Sequence[str],
    hold_out: Sequence[str],
    frame: Frame,
    sizes: Sizes,
    machine: MachineFacts,
    student: Part,
    teacher: Part,
    tokens: tuple[int, int],
    steps: int,
    cache_folder: str,
    val_photos: int,
    seed: int,
) -> dict[str, Any]:
    """Write a plan as a configuration of `clipteacher fit`.

    Args:
        root: Folder of the data.
        wanted: Names that training knows by word alone.
        hold_out: Names of classes that are held back and scored, and that training does not know.
        frame: Sizes of photos and crops.
        sizes: What a step is made of.
        machine: The machine.
        student: The student.
        teacher: The teacher.
        tokens: Rows and columns of the teacher's dense tokens of a crop.
        steps: Optimiser steps.
        cache_folder: Folder of the teacher's tokens.
        val_photos: Number of photos to score on.
        seed: Seed of the run.

    Returns:
        Nested dicts and lists, ready for YAML.
    """
    augment = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(sizes.augment).items()}
    model: dict[str, Any] = {
        "student": student.config(),
        "teacher": teacher.config(),
        "teacher_cache": {"folder": cache_folder, "short_side": frame.short_side},
        "method": {"plm": {"windows": list(windows_for(tokens))}},
        "optimizer": {"lr": sizes.lr, "warmup_steps": min(20, max(1, steps // 10))},
    }
    if frame.short_side is not None:
        model["test"] = {"pipeline": {"short_side": frame.short_side, "mode": "whole"}}
    trainer = {
        "max_steps": steps,
        "accelerator": {"cuda": "gpu"}.get(machine.device, machine.device),
        "devices": 1,
        "precision": "bf16-mixed" if machine.bf16 else "32-true",
        "val_check_interval": 0.5,
        "limit_val_batches": min(_MOST_TEST_PHOTOS, val_photos),
    }
    data = {
        "root": root,
        "unseen": list(hold_out),
        "wanted": list(wanted),
        "batch_size": sizes.batch_size,
        "augment": augment,
        "workers": sizes.workers,
        "cache": sizes.cache,
    }
    return {"seed_everything": seed, "data": data, "model": model, "trainer": trainer}


def decisions(
    *,
    layout: str,
    data: DataFacts,
    machine: MachineFacts,
    frame: Frame,
    sizes: Sizes,
    student: Part,
    teacher: Part,
    steps: Steps,
    names: Mapping[str, Sequence[str]],
) -> tuple[Decision, ...]:
    """Say what was decided, and why.

    Args:
        layout: What the folder was recognised as.
        data: The photos.
        machine: The machine.
        frame: Sizes of photos and crops.
        sizes: What a step is made of.
        student: The student.
        teacher: The teacher.
        steps: The number of steps.
        names: Names by what they are: "with masks", "wanted", "held out".
    """
    rows, columns = frame.crop
    read = f"{sizes.workers} processes" if sizes.workers else "the main process" + (", once" if sizes.cache else "")
    made = {kind: f"{len(each)}: {', '.join(each)}" for kind, each in names.items() if each}
    precision = "bfloat16 where it does no harm" if machine.bf16 else "32 bits"
    return (
        Decision("photos", f"{data.photos} to train on, {data.val_photos} to score on", layout),
        *(Decision(f"classes {kind}", each, _MEANING[kind]) for kind, each in made.items()),
        Decision("device", f"{machine.name}, {precision}", "the fastest that is here"),
        Decision("teacher", teacher.name, teacher.reason),
        Decision("student", student.name, student.reason),
        Decision("crops", f"{sizes.batch_size} of {columns}x{rows} a step", frame.reason),
        Decision("reading", read, "all photos fit into memory" if sizes.cache else "they do not all fit into memory"),
        Decision("steps", str(steps.steps), steps.reason),
        Decision("time", f"about {max(1, round(steps.minutes))} minutes", "measured on your first photos"),
    )


_MEANING: Final = {
    "with masks": "training learns them from your masks",
    "wanted": "training gets these words, and no masks of them",
    "held out": "training gets neither masks nor words; they are scored",
}
