"""The plan of a run: every decision with its reason, and the configuration that `clipteacher fit` takes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

from clipteacher.data.augment import Augment
from clipteacher.inference.seen_gate import SEPARATION
from clipteacher.planning.balance import class_weights
from clipteacher.planning.budget import Steps
from clipteacher.planning.facts import DataFacts, MachineFacts
from clipteacher.planning.frame import Frame
from clipteacher.planning.parts import Part

_CACHE_PIXELS: Final = 4e9  # decoded photos that main memory may hold, in bytes
_CALIBRATION: Final = 0.3  # where no gate can be fitted; within 1 hIoU of the best one on held-out classes (lab book)
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
        small: Whether the small student is trained, which takes a higher learning rate, as short runs do.
    """
    gpu = machine.device == "cuda"
    side = min(frame.crop)
    augment = Augment(
        crop_size=frame.crop, scale=(0.75, 1.5) if side >= 128 else (0.75, 1.25), base_size=frame.short_side
    )
    batch_size = min(16 if gpu else 10, max(2, data.photos))
    fits = (data.photos + data.val_photos) * data.height * data.width * 4 <= _CACHE_PIXELS
    workers = min(8, machine.cores) if gpu else 0 if fits else max(0, machine.cores - 2)
    lr = 2e-3 if small else 1e-3 if frame.quick else 5e-4
    return Sizes(augment, batch_size, workers, fits and workers == 0, lr)


@dataclass(frozen=True)
class Choices:
    """All that a plan consists of.

    Attributes:
        seen: Classes with masks.
        wanted: Names that training knows by word alone.
        hold_out: Classes that are held back and scored, and whose names training does not know either.
        data: The photos.
        machine: The machine.
        frame: Sizes of photos and crops.
        sizes: What a step is made of.
        student: The student.
        teacher: The teacher.
        windows: PLM's windows, in tokens of the teacher.
        steps: The number of steps.
    """

    seen: tuple[str, ...]
    wanted: tuple[str, ...]
    hold_out: tuple[str, ...]
    data: DataFacts
    machine: MachineFacts
    frame: Frame
    sizes: Sizes
    student: Part
    teacher: Part
    windows: tuple[int, int]
    steps: Steps


def configuration(choices: Choices, root: str, *, cache_folder: str, seed: int) -> dict[str, Any]:
    """Write a plan as a configuration of `clipteacher fit`.

    Args:
        choices: The plan.
        root: Folder of the data.
        cache_folder: Folder of the teacher's tokens.
        seed: Seed of the run.

    Returns:
        Nested dicts and lists, ready for YAML.
    """
    sizes, frame, machine, steps = choices.sizes, choices.frame, choices.machine, choices.steps.steps
    weights = class_weights(choices.data.shares)
    augment = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(sizes.augment).items()}
    model: dict[str, Any] = {
        "student": choices.student.config(),
        "teacher": choices.teacher.config(),
        "teacher_cache": {"folder": cache_folder, "short_side": frame.cache_side},
        "method": {"plm": {"windows": list(choices.windows)}, "losses": {"class_weights": dict(weights)}},
        "optimizer": {"lr": sizes.lr, "warmup_steps": min(20, max(1, steps // 10))},
    }
    pipeline = {"short_side": _test_side(choices), "mode": "whole"}
    model["test"] = {"pipeline": pipeline, "calibration": 0.0 if choices.wanted else _CALIBRATION}
    if not choices.wanted:
        model["seen_gate"] = SEPARATION
    trainer = {
        "max_steps": steps,
        "accelerator": {"cuda": "gpu"}.get(machine.device, machine.device),
        "devices": 1,
        "precision": "bf16-mixed" if machine.bf16 else "32-true",
        "val_check_interval": 0.5,
        "limit_val_batches": min(_MOST_TEST_PHOTOS, choices.data.val_photos),
    }
    data = {
        "root": root,
        "unseen": list(choices.hold_out),
        "wanted": list(choices.wanted),
        "batch_size": sizes.batch_size,
        "augment": augment,
        "workers": sizes.workers,
        "cache": sizes.cache,
    }
    return {"seed_everything": seed, "data": data, "model": model, "trainer": trainer}


def decisions(choices: Choices, layout: str) -> tuple[Decision, ...]:
    """Say what was decided, and why.

    Args:
        choices: The plan.
        layout: What the folder was recognised as.
    """
    sizes, frame, data, machine = choices.sizes, choices.frame, choices.data, choices.machine
    names = {"with masks": choices.seen, "wanted": choices.wanted, "held out": choices.hold_out}
    read = f"{sizes.workers} processes" if sizes.workers else "the main process" + (", once" if sizes.cache else "")
    weights = class_weights(data.shares)
    rare = [
        Decision(
            "rare classes",
            ", ".join(f"{name} x {weight:g}" for name, weight in weights.items()),
            "weights in the loss: they cover few pixels, and the others would drown them",
        )
    ]
    gate = Decision(
        "seen gate",
        f"{SEPARATION:g}",
        "at test, names with masks rise where a pixel looks labelled: words said later would lose to them",
    )
    precision = "bfloat16 where it does no harm" if machine.bf16 else "32 bits"
    return (
        Decision("photos", f"{data.photos} to train on, {data.val_photos} to score on", layout),
        *(
            Decision(f"classes {kind}", f"{len(each)}: {', '.join(each)}", _MEANING[kind])
            for kind, each in names.items()
            if each
        ),
        *(rare if weights else ()),
        Decision("device", f"{machine.name}, {precision}", "the fastest that is here"),
        Decision("teacher", choices.teacher.name, choices.teacher.reason),
        Decision("student", choices.student.name, choices.student.reason),
        Decision("crops", f"{sizes.batch_size} of {frame.crop[1]}x{frame.crop[0]} a step", frame.reason),
        Decision("later", f"photos are brought to {_test_side(choices)} pixels", "the shorter side in training"),
        *(() if choices.wanted else (gate,)),
        Decision("reading", read, "all photos fit into memory" if sizes.cache else "they do not all fit into memory"),
        Decision("steps", str(choices.steps.steps), choices.steps.reason),
        Decision("time", f"about {max(1, round(choices.steps.minutes))} minutes", "measured on your first photos"),
    )


def _test_side(choices: Choices) -> int:
    """Return the shorter side of photos at test: things are as large as they were in training."""
    return choices.frame.short_side or choices.data.short_side


_MEANING: Final = {
    "with masks": "training learns them from your masks",
    "wanted": "training gets these words, and no masks of them",
    "held out": "training gets neither masks nor words; they are scored",
}
