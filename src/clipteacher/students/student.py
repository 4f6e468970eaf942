"""What a student must be: any network from images to a map of features."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn


@runtime_checkable
class Student(Protocol):
    """Any per-pixel network: images (B, 3, H, W), float in [0, 1], to features (B, C, h, w).

    C is the width of the teacher's joint space. h and w are the network's own (its stride is its own matter). The
    student normalises its input itself. It is an `nn.Module`; nothing else is required.
    """

    def __call__(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to dense features (B, C, h, w)."""
        ...


def student_spec(student: nn.Module) -> dict[str, Any] | None:
    """Return the JSON-ready description from which the student is built again, or None where it has none.

    A student describes itself with a method `spec()`, as `SMPStudent` does. One's own network needs no such
    method: its owner then hands it over, `Segmenter.from_pretrained(folder, student=...)`.
    """
    describe = getattr(student, "spec", None)
    return describe() if callable(describe) else None


def check_student(student: nn.Module, width: int, image_size: int = 128) -> None:
    """Run a student once on a blank image and check what comes out.

    Args:
        student: The network. Its mode (train or eval) and its statistics are left as they were.
        width: Channels C that the teacher's joint space has.
        image_size: Side of the blank image in pixels.

    Raises:
        TypeError: It is not an `nn.Module`.
        ValueError: It fails on the blank image, or its output is not (1, width, h, w).
    """
    if not isinstance(student, nn.Module):
        raise TypeError(f"student: got {type(student).__name__}, expected an nn.Module")
    modes = [(module, module.training) for module in student.modules()]
    parameter = next(student.parameters(), None)
    device = parameter.device if parameter is not None else torch.device("cpu")
    student.eval()
    try:
        with torch.no_grad():
            features = student(torch.zeros(1, 3, image_size, image_size, device=device))
    except Exception as error:
        raise ValueError(
            f"student: {type(student).__name__} fails on an image (1, 3, {image_size}, {image_size}): {error}. "
            "Expected a network for images of many sizes (for a ViT of timm: options={'dynamic_img_size': True})."
        ) from error
    finally:
        for module, training in modes:
            module.training = training
    if not isinstance(features, Tensor) or features.ndim != 4:
        got = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        raise ValueError(
            f"student: got {got} for an image (1, 3, {image_size}, {image_size}), expected a tensor "
            f"(1, {width}, h, w). Return the dense features alone, without auxiliary outputs."
        )
    if features.shape[1] != width:
        raise ValueError(
            f"student: got {features.shape[1]} channels, expected {width}, the width of the teacher's joint space. "
            f"Give the student's last layer {width} channels (SMPStudent: channels={width})."
        )
