"""Whether a run may go on from its checkpoint: the same settings, the same student, the same photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from torch import Tensor

MUST_AGREE: Final = (
    "seed_everything",
    "data.protocol",
    "data.unseen",
    "data.wanted",
    "data.train_split",
    "data.batch_size",
    "data.augment",
    "model",
    "trainer.precision",
    "trainer.accumulate_grad_batches",
    "trainer.gradient_clip_val",
    "trainer.gradient_clip_algorithm",
)
"""Settings that decide what a step does: two halves of a run with different ones are no run."""

MAY_DIFFER: Final = ("model.test", "model.channels_last")
"""Parts of `MUST_AGREE` that play no part in training, or none but in the last bits."""

_SHOWN = 5


def read_settings(path: Path) -> dict[str, Any] | None:
    """Read the settings that a run began with; None where the file is missing.

    Raises:
        ValueError: The file is no YAML, or holds no settings.
    """
    if not path.is_file():
        return None
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"resume: {path} is no YAML ({error}). Remove it to go on with today's settings.") from error
    if not isinstance(settings, dict):
        raise ValueError(f"resume: {path} holds no settings. Remove it to go on with today's settings.")
    return settings


def differences(was: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Compare settings, each where both have it: one that only a newer version knows has no older value.

    Args:
        was: Settings by name, nested.
        now: The same.
        prefix: What their dotted names begin with.

    Returns:
        What differs, each said in a line, by dotted name.
    """
    found: dict[str, str] = {}
    for key in (key for key in was if key in now):
        old, new, name = was[key], now[key], f"{prefix}{key}"
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found |= differences(old, new, f"{name}.")
        elif old != new:
            found[name] = f"{name}: got {new!r}, the run began with {old!r}"
    return found


def check_settings(was: Mapping[str, Any], now: Mapping[str, Any], path: Path) -> list[str]:
    """Check that a run goes on with the settings that it began with.

    Args:
        was: Settings that the run began with, nested.
        now: Those of today.
        path: The file with the former, for the message.

    Returns:
        Warnings, of what may differ and changes the run all the same.

    Raises:
        ValueError: A setting of `MUST_AGREE` differs; the message lists the first of them.
    """
    found = differences(was, now)
    wrong = [found[name] for name in found if _within(name, MUST_AGREE) and not _within(name, MAY_DIFFER)]
    if wrong:
        raise ValueError(
            f"resume: the settings are not those of the run:{_listed(wrong)}\nGive the same again (--config {path} has "
            "them all), or name another --out."
        )
    longer = found.get("trainer.max_steps")
    return [] if longer is None else [f"resume: {longer}; the learning rate's schedule is another from here on"]


def check_content(content: Mapping[str, Any], state: Mapping[str, Tensor], photos: int, path: Path) -> None:
    """Check that a checkpoint is of this student, with these modules, on so many photos.

    Args:
        content: The checkpoint: the trainer's nested dict.
        state: What would be filled: tensors by name, any shape.
        photos: Number of photos to train on.
        path: The checkpoint's file, for the message.

    Raises:
        ValueError: Tensors are missing, unknown or of another shape, or the number of photos is another.
    """
    kept: Mapping[str, Tensor] = content["state_dict"]
    faults = [f"{name}: not in the checkpoint" for name in state if name not in kept]
    faults += [f"{name}: in the checkpoint alone" for name in kept if name not in state]
    faults += [
        f"{name}: got {tuple(tensor.shape)}, the checkpoint has {tuple(kept[name].shape)}"
        for name, tensor in state.items()
        if name in kept and kept[name].shape != tensor.shape
    ]
    if faults:
        raise ValueError(
            f"resume: {path} is of another student, or of other modules:{_listed(faults)}\nGive the settings that the "
            "run began with, or name another --out."
        )
    was = content.get("FolderDataModule", {}).get("photos", photos)
    if was != photos:
        raise ValueError(
            f"resume: got {photos} photos to train on, the run began with {was}, and which photo comes in which step "
            "depends on their number. Put them back, or name another --out."
        )


def check_unfinished(was: Mapping[str, Any] | None, step: int, steps: int) -> None:
    """Check that no more steps are asked of a run that has taken all of its own.

    Args:
        was: Settings that the run began with, nested; None where they are not known.
        step: Steps that it has taken.
        steps: Steps that it is to take.

    Raises:
        ValueError: They are more, and the run was finished: its learning rate has come to its end.
    """
    planned = ((was or {}).get("trainer") or {}).get("max_steps")
    if isinstance(planned, int) and step >= planned and steps > step:
        raise ValueError(
            f"resume: got {steps} steps for a run that was finished after {step}, expected as many. Train for "
            "more steps in another folder (--out)."
        )


def _listed(lines: Sequence[str]) -> str:
    """The first of some lines, indented, and how many more there are."""
    more = [f"… and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return "".join(f"\n  {line}" for line in [*lines[:_SHOWN], *more])


def _within(name: str, groups: Sequence[str]) -> bool:
    """Whether a dotted name is one of some names, or below or above one."""
    return any(name == group or name.startswith(f"{group}.") for group in groups)
