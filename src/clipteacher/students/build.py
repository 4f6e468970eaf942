"""From a student's description to the student: the one place that maps a kind to its class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from clipteacher.students.deeplabv3plus import DeepLabV3PlusStudent
from clipteacher.students.segformer import SegFormerStudent
from clipteacher.students.segnext import SegNeXtStudent
from clipteacher.students.smp import SMPStudent
from clipteacher.students.swin_upernet import SwinUPerNetStudent

KINDS: dict[str, type[nn.Module]] = {
    "smp": SMPStudent,
    "segnext": SegNeXtStudent,
    "segformer": SegFormerStudent,
    "swin_upernet": SwinUPerNetStudent,
    "deeplabv3plus": DeepLabV3PlusStudent,
}


def build_student(spec: Mapping[str, Any]) -> nn.Module:
    """Build the student that a `spec()` describes, with random weights.

    Args:
        spec: Its kind under "kind", and the arguments of its class.

    Raises:
        ValueError: The kind is unknown, or an argument is none or has a value that the class refuses.
    """
    kind = spec.get("kind")
    if kind not in KINDS:
        raise ValueError(
            f"student: got a student of kind {kind!r}, expected one of {', '.join(KINDS)}. "
            "Update clipteacher, or hand over the network itself: "
            "Segmenter.from_pretrained(folder, student=YourNetwork())."
        )
    try:
        return KINDS[kind](**{name: value for name, value in spec.items() if name != "kind"})
    except TypeError as error:
        raise ValueError(f"student: a student of kind {kind!r} cannot be built: {error}") from error
