"""A plan made: look, decide, ask the teacher, write it down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
import yaml
from lightning.pytorch import seed_everything

from clipteacher.analysis.wanted.photos import training_photos
from clipteacher.analysis.wanted.report import WantedReport, report_wanted
from clipteacher.data.audit import audit_labels, check_audit
from clipteacher.data.dataset import SegmentationDataset
from clipteacher.data.opened import OpenedData, open_data
from clipteacher.data.value_counts import kept_counts
from clipteacher.method.config import MethodConfig
from clipteacher.method.framework import CLIPTeacher
from clipteacher.method.plm.module import PLMConfig
from clipteacher.planning.budget import FEWEST, FEWEST_OF_USUAL_SIZE, Seconds, choose_steps
from clipteacher.planning.facts import DataFacts, MachineFacts, data_facts, machine_facts
from clipteacher.planning.frame import Frame, choose_frame, windows_for
from clipteacher.planning.measure import measure
from clipteacher.planning.parts import Part, choose_student, choose_teacher
from clipteacher.planning.plan import Choices, Decision, Sizes, choose_sizes, configuration, decisions
from clipteacher.teachers.teacher import Teacher
from clipteacher.utils.atomic_files import user_cache, write_atomically

_ASKED: Final = 60  # photos on which the teacher is asked about wanted words

PLAN: Final = "plan.yaml"
"""What was decided, with its reasons: a configuration of `clipteacher fit`, in the run's folder."""


@dataclass(frozen=True, eq=False)
class RunPlan:
    """A run that is decided and not yet begun.

    Attributes:
        out: Its folder.
        data: The training photos.
        decisions: Every decision with its reason.
        config: The configuration of `clipteacher fit`.
        teacher: The teacher, built.
    """

    out: Path
    data: OpenedData
    decisions: tuple[Decision, ...]
    config: dict[str, Any]
    teacher: Teacher


def plan_run(
    root: str | Path,
    out: str | Path,
    *,
    wanted: Sequence[str] = (),
    hold_out: Sequence[str] = (),
    minutes: float = 20.0,
    teacher: str | None = None,
    device: str | None = None,
    seed: int = 0,
    layout: str = "classes.txt, images/ and masks/",
) -> RunPlan:
    """Decide everything that a run needs to be told.

    Args:
        root: Folder with `classes.txt`, `images/{train,val}` and `masks/{train,val}`.
        out: Folder of the run.
        wanted: Names that training knows by word alone; those that have masks are held back and scored.
        hold_out: Classes that are held back and scored, and whose names training does not know either.
        minutes: Time for all of it.
        teacher: As for `choose_teacher`.
        device: A device to use; None takes a GPU where there is one.
        seed: Seed of the run.
        layout: What the folder was recognised as, for the table.

    Raises:
        ConnectionError, ImportError: The teacher or the student cannot be had.
        DataError: The folder, a photo or a mask cannot be used, or the label audit finds a fault.
        ValueError: A name is given twice or is no class, the time is not positive, or torch cannot use the device.
    """
    if not minutes > 0:
        raise ValueError(f"minutes: got {minutes}, expected more than 0, such as 20.")
    root, out = Path(root), Path(out)
    opened = {split: open_data(root, split, None, tuple(hold_out), wanted=tuple(wanted)) for split in ("train", "val")}
    _audit(opened)
    data = data_facts(*(_dataset(each, split == "train") for split, each in opened.items()))
    choices, built = _choose(opened["train"], data, machine_facts(device), teacher, minutes)
    config = configuration(choices, str(root), cache_folder=str(user_cache("teacher_tokens")), seed=seed)
    return RunPlan(out, opened["train"], decisions(choices, layout), config, built)


def _choose(
    opened: OpenedData, data: DataFacts, machine: MachineFacts, named: str | None, minutes: float
) -> tuple[Choices, Teacher]:
    """Choose the teacher, and what the machine can train in the time.

    The usual student on photos of the usual size, else on smaller ones, else a small student on these.
    """
    gpu = machine.device == "cuda"
    usual, quick = (choose_frame(data.height, data.width, gpu=gpu, quick=each) for each in (False, True))
    part = choose_teacher(named, usual)
    teacher: Teacher = part.build()
    tokens = _token_grid(teacher, usual)
    smaller = [(usual, False, FEWEST_OF_USUAL_SIZE), (quick, False, FEWEST), (quick, True, FEWEST)]
    if quick.crop == usual.crop:  # photos are small already
        smaller = [(usual, False, FEWEST), (usual, True, FEWEST)]
    for frame, small, fewest in smaller:
        windows = windows_for(_token_grid(teacher, frame), tokens)
        student = choose_student(teacher.width, gpu=gpu, small=small)
        sizes = choose_sizes(frame, data, machine, small=small)
        seconds = _measured(opened, student, teacher, sizes, windows, frame, machine)
        steps = choose_steps(
            seconds,
            minutes=minutes,
            photos=data.photos,
            val_photos=data.val_photos,
            batch_size=sizes.batch_size,
            fewest=fewest,
        )
        if not steps.short:
            break
    split = opened.class_split
    hold_out = tuple(name for name in split.unseen if name not in opened.wanted)
    names = split.seen, opened.wanted, hold_out
    return Choices(*names, data, machine, frame, sizes, student, part, windows, steps), teacher


@torch.no_grad()
def _token_grid(teacher: Teacher, frame: Frame) -> tuple[int, int]:
    """Return rows and columns of the teacher's dense tokens of a crop."""
    dense = teacher.encode_image(torch.zeros(1, 3, *frame.crop)).dense
    return dense.shape[2], dense.shape[3]


def _measured(
    opened: OpenedData,
    student: Part,
    teacher: Teacher,
    sizes: Sizes,
    windows: tuple[int, int],
    frame: Frame,
    machine: MachineFacts,
) -> Seconds:
    """Measure a student under the teacher; nothing of it is kept."""
    seed_everything(0, verbose=False)
    method = MethodConfig(plm=PLMConfig(windows=windows))
    framework = CLIPTeacher(student.build(), teacher, opened.class_split.seen, method, wanted=opened.wanted)
    train = SegmentationDataset(
        opened.source, opened.class_split, training=True, augment=sizes.augment, cache=sizes.cache
    )
    return measure(
        framework.to(memory_format=torch.channels_last),
        train,
        batch_size=sizes.batch_size,
        short_side=frame.short_side,
        cache_side=frame.cache_side,
        device=machine.device,
        workers=sizes.workers,
    )


def ask_teacher(plan: RunPlan) -> WantedReport | None:
    """Ask the teacher about the wanted words, on some training photos, before an hour is spent.

    Returns:
        What each word would get, with `wanted.png` in the run's folder; None where no word is wanted.
    """
    if not plan.data.wanted:
        return None
    photos = training_photos(plan.data, "train", _ASKED)
    report = report_wanted(
        plan.teacher,
        MethodConfig(plm=PLMConfig(windows=tuple(plan.config["model"]["method"]["plm"]["windows"]))),
        photos,
        photos.seen,
        photos.wanted,
        title=photos.title,
        of=photos.total,
        short_side=plan.config["model"]["teacher_cache"]["short_side"],
    )
    report.write_sheet(plan.out / "wanted.png", photos.read)
    return report


def write_plan(plan: RunPlan) -> None:
    """Write a plan down in its run's folder: `plan.yaml`, by which it is trained.

    Raises:
        OSError: It cannot be written.
    """
    text = _comments(plan) + yaml.safe_dump(plan.config, sort_keys=False)
    write_atomically(plan.out / PLAN, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _comments(plan: RunPlan) -> str:
    """Write the decisions as comments of a YAML file."""
    lines = (f"# {each.what}: {each.value} ({each.reason})" for each in plan.decisions)
    return "\n".join(" ".join(line.split()) for line in lines) + "\n"


def _audit(opened: Mapping[str, OpenedData]) -> None:
    """Refuse wrong labels before anything slow begins."""
    for split, each in opened.items():
        held = each.class_split.unseen if split == "train" else ()
        check_audit(audit_labels(each.source, kept_counts(each.source), held), split)


def _dataset(opened: OpenedData, training: bool) -> SegmentationDataset:
    return SegmentationDataset(opened.source, opened.class_split, training=training)
