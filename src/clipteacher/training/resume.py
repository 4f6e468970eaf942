"""Whether a run may go on from its checkpoint: the same settings, the same student, the same photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml
from torch import Tensor

MUST_AGREE: Final = (
    "seed_everything",
    "data.protocol",
    "data.unseen",
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

MAY_DIFFER: Final = (*("model.test", "model.channels_last"),)
"""Parts of `MUST_AGREE` that play no part in training, or none but in the last bits."""

_SHOWN = 5


class Difference(NamedTuple):
    """A setting that is not what it was.

    Attributes:
        name: Its dotted name.
        was: Its value when the run began.
        now: Its value now.
    """

    name: str
    was: object
    now: object

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.name}: got {self.now!r}, the run began with {self.was!r}"


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


def differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """Compare settings, each where both have it: one that only a newer version knows has no older value.

    Args:
        was: Settings by name, nested.
        now: The same.

    Returns:
        What differs, in the order of `was`.
    """
    return _differences(was, now, "")


def _differences(was: Mapping[str, Any], now: Mapping[str, Any], prefix: str) -> list[Difference]:
    found: list[Difference] = []
    for key, old in was.items():
        if key not in now:
            continue
        new, name = now[key], f"{prefix}{key}"
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += _differences(old, new, f"{name}.")
        elif old != new:
            found.append(Difference(name, old, new))
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
    wrong = [each for each in found if _within(each.name, MUST_AGREE) and not _within(each.name, MAY_DIFFER)]
    if wrong:
        more = f"\n  … and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise ValueError(
            "resume: the settings are not those of the run:\n  "
            + "\n  ".join(map(str, wrong[:_SHOWN]))
            + f"{more}\nGive the same again (--config {path} has them all), or name another --out."
        )
    return [
        f"resume: {each}; the learning rate's schedule is another from here on"
        for each in found
        if each.name == "trainer.max_steps"
    ]


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
        more = f"\n  … and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise ValueError(
            f"resume: {path} is of another student, or of other modules:\n  "
            + "\n  ".join(faults[:_SHOWN])
            + f"{more}\nGive the settings that the run began with, or name another --out."
        )
    was = content.get("FolderDataModule", {}).get("photos", photos)
    if was != photos:
        raise ValueError(
            f"resume: got {photos} photos to train on, the run began with {was}, and which photo comes in which step "
            "depends on their number. Put them back, or name another --out."
        )


def _within(name: str, groups: Sequence[str]) -> bool:
    """Whether a dotted name is one of some names, or below or above one."""
    return any(name == group or name.startswith(f"{group}.") for group in groups)
