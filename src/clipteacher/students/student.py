"""What a student must be: any network from images to a map of features; and what the package's own share."""

from __future__ import annotations

import copy
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from clipteacher.utils.modes import in_mode

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@runtime_checkable
class Student(Protocol):
    """Any per-pixel network: images (B, 3, H, W), float in [0, 1], to features (B, C, h, w).

    C is the width of the teacher's joint space. h and w are the network's own (its stride is its own matter). The
    student normalises its input itself. It is an `nn.Module`; nothing else is required.
    """

    def __call__(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to dense features (B, C, h, w)."""


class DescribedStudent(nn.Module):
    """A student that normalises its input by channel and returns what builds it again.

    Attributes:
        mean: Mean of the input's normalisation, (1, 3, 1, 1), float32, for images in [0, 1].
        std: Its standard deviation, (1, 3, 1, 1), float32.
    """

    mean: Tensor
    std: Tensor

    def describe(self, **spec: Any) -> None:  # noqa: ANN401 (what a student is built from)
        """Keep the description, and the normalisation that it holds; called by the constructor.

        Args:
            **spec: `kind` and the arguments of the class without its first weights, in the order in which they are
                saved. Of these `mean` and `std` are three numbers each; None is ImageNet's.
        """
        self._spec = spec
        for name, default in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)):
            spec[name] = list(spec[name] or default)
            self.register_buffer(name, torch.tensor(spec[name]).view(1, 3, 1, 1), persistent=False)

    def normalized(self, images: Tensor) -> Tensor:
        """Normalise images (B, 3, H, W), float in [0, 1]; the result has their shape."""
        return (images - self.mean) / self.std

    def spec(self) -> dict[str, Any]:
        """Return the arguments that build this network again, without its first weights."""
        return copy.deepcopy(self._spec)


def student_spec(student: nn.Module) -> dict[str, Any] | None:
    """Return the JSON-ready description from which the student is built again, or None where it has none.

    A student describes itself with a method `spec()`, as `SMPStudent` does. A network of your own needs none:
    hand it over, `Segmenter.from_pretrained(folder, student=...)`.
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
    parameter = next(student.parameters(), None)
    device = parameter.device if parameter is not None else torch.device("cpu")
    try:
        with torch.no_grad(), in_mode(student, training=False):
            features = student(torch.zeros(1, 3, image_size, image_size, device=device))
    except Exception as error:
        raise ValueError(
            f"student: {type(student).__name__} fails on an image (1, 3, {image_size}, {image_size}): {error}. "
            "Expected a network for images of many sizes (for a ViT of timm: options={'dynamic_img_size': True})."
        ) from error
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
