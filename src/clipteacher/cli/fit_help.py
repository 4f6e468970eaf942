"""The first page of help of `clipteacher fit`: the options that a person types. A test compares it with the parser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Shown(NamedTuple):
    """An option on the page.

    Attributes:
        option: As it is typed, without its dashes.
        value: What follows it.
        text: What it does.
        default: Its default as YAML; None where it is required, or where the parser has no such option by itself.
    """

    option: str
    value: str
    text: str
    default: str | None = None


OPTIONS: Final[Mapping[str, tuple[Shown, ...]]] = {
    "run": (
        Shown("config", "NAME", "YAML file, or msrc21, quickstart, voc12-15-5/segnext-b, ..."),
        Shown("out", "DIR", "run folder to write; default: runs/DATE-TIME"),
        Shown("resume", "", "go on from the run folder's last checkpoint", "false"),
        Shown("preset", "NAME", "method: recommended or paper", "recommended"),
        Shown("seed_everything", "N", "seed of weights, order and augmentation", "0"),
        Shown("baseline", "MODEL", "model/ of another run, a third column in report.png", "null"),
    ),
    "data": (
        Shown("data.root", "DIR", "the data set's folder (required)"),
        Shown("data.protocol", "NAME", "read and scored as released, such as voc12-15-5", "null"),
        Shown("data.unseen", "'[cat, car]'", "classes whose masks are held back", "[]"),
        Shown("data.wanted", "'[cat]'", "words without masks that training teaches, too", "[]"),
        Shown("data.batch_size", "N", "photos a step, over all devices", "16"),
        Shown("data.augment.crop_size", "'[H, W]'", "training crop in pixels", "[512, 512]"),
        Shown("data.augment.scale", "'[LOW, HIGH]'", "random scale before the crop", "[0.5, 2.0]"),
        Shown("data.workers", "N", "processes that read photos", "4"),
        Shown("data.cache", "BOOL", "keep photos in memory", "false"),
        Shown("data.audit", "BOOL", "count the ids of all masks before training", "true"),
    ),
    "student and teacher": (
        Shown("model.student", "CLASS", "as clipteacher.students.smp.SMPStudent (required)"),
        Shown("model.student.NAME", "VALUE", "its options: --model.student.help CLASS lists them"),
        Shown("model.teacher", "CLASS", "as clipteacher.teachers.openclip.OpenClipTeacher (required)"),
        Shown("model.teacher.NAME", "VALUE", "its options: --model.teacher.help CLASS lists them"),
        Shown("model.teacher_cache.folder", "DIR", "keep the teacher's tokens on disk"),
    ),
    "method": (
        Shown("model.method.glm", "null", "leave out the Global Learning Module"),
        Shown("model.method.plm", "null", "leave out the Pixel Learning Module"),
        Shown("model.method.glm.NAME", "VALUE", "its options: --model.method.glm.help lists them"),
        Shown("model.method.plm.NAME", "VALUE", "its options: --model.method.plm.help lists them"),
    ),
    "training": (
        Shown("trainer.max_steps", "N", "optimiser steps", "1000"),
        Shown("model.optimizer.lr", "X", "learning rate", "0.0005"),
        Shown("model.optimizer.encoder_lr_factor", "X", "factor on it for the encoder", "1.0"),
        Shown("trainer.val_check_interval", "X", "steps between validations, or a share of all", "0.25"),
        Shown("trainer.accelerator", "NAME", "cpu, gpu, auto", "auto"),
        Shown("trainer.devices", "N", "how many", "auto"),
        Shown("trainer.precision", "NAME", "32-true, bf16-mixed, 16-mixed", "null"),
    ),
    "test": (
        Shown("model.test.pipeline.short_side", "N", "shorter side in pixels; null: the photo's own size", "null"),
        Shown("model.test.pipeline.mode", "MODE", "whole, or slide: windows", "whole"),
        Shown("model.test.calibration", "X", "taken from the logits of seen names", "0.0"),
    ),
}
"""What is shown, by group."""

_COLUMN: Final = 40


def fit_help() -> str:
    """Return the page."""
    lines = [
        "usage: clipteacher fit --config NAME [--OPTION VALUE ...]",
        "",
        "Train a student under a frozen teacher, score it, and leave a run folder.",
    ]
    for group, options in OPTIONS.items():
        lines.append(f"{group}:")
        for shown in options:
            default = "" if shown.default in (None, "null", "false", "[]") else f" ({shown.default})"
            lines.append(f"  --{shown.option} {shown.value}".ljust(_COLUMN) + f"{shown.text}{default}")
    lines += [
        "more:",
        "  --help.all".ljust(_COLUMN) + "every option, Lightning's among them",
        "  --print_config".ljust(_COLUMN) + "what all options together mean, as YAML",
        "example: clipteacher fit --config msrc21 --data.root MSRC21 --out runs/first",
    ]
    return "\n".join(lines) + "\n"
