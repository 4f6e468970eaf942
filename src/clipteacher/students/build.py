"""From a student's description to the student: the one place that maps a kind to its class."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from torch import nn

KINDS: Final[Mapping[str, str]] = {
    "smp": "clipteacher.students.smp.SMPStudent",
    "segnext": "clipteacher.students.segnext.student.SegNeXtStudent",
    "segformer": "clipteacher.students.segformer.SegFormerStudent",
    "swin_upernet": "clipteacher.students.swin_upernet.SwinUPerNetStudent",
    "deeplabv3plus": "clipteacher.students.deeplabv3plus.DeepLabV3PlusStudent",
}
"""The class of each kind of student, by name: each loads libraries of its own, which take seconds."""


def build_student(spec: Mapping[str, Any]) -> nn.Module:
    """Build the student that a `spec()` describes, with random weights.

    Args:
        spec: Its kind under "kind", and the arguments of its class.

    Raises:
        ValueError: The kind is unknown, or an argument is none or has a value that the class refuses.
    """
    kind = spec.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(
            f"student: got a student of kind {kind!r}, expected one of {', '.join(KINDS)}. "
            "Update clipteacher, or hand over the network itself: "
            "Segmenter.from_pretrained(folder, student=YourNetwork())."
        )
    module, name = KINDS[kind].rsplit(".", 1)
    student: type[nn.Module] = getattr(import_module(module), name)
    try:
        return student(**{name: value for name, value in spec.items() if name != "kind"})
    except TypeError as error:
        raise ValueError(f"student: a student of kind {kind!r} cannot be built: {error}") from error
