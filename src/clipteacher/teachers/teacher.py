"""What a teacher must give, what keeps it frozen, and a teacher that segments by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TeacherTokens(NamedTuple):
    """What a teacher says of a batch of images.

    Attributes:
        cls: One global token an image, (B, C), floating point, not normalised.
        dense: A map of local tokens, (B, C, h, w), floating point, not normalised; h and w are the teacher's own.
    """

    cls: Tensor
    dense: Tensor


@runtime_checkable
class TextEncoder(Protocol):
    """Turns class names into text features; all that is needed of a teacher after training."""

    @property
    def width(self) -> int:
        """Channels C of the joint space."""

    def encode_text(self, names: Sequence[str]) -> Tensor:
        """Encode N class names as unit vectors, (N, C), float32."""

    def spec(self) -> dict[str, Any] | None:
        """JSON-ready description from which `clipteacher.segmenter.vocabulary` builds the text tower again, or None."""


@runtime_checkable
class Teacher(TextEncoder, Protocol):
    """A frozen image-and-text model with one joint space, such as CLIP.

    A teacher owns its normalisation and its input size: it takes images in [0, 1] of any size.
    """

    def encode_image(self, images: Tensor) -> TeacherTokens:
        """Encode images (B, 3, H, W), float in [0, 1], into a CLS token and dense tokens."""


class Frozen(nn.Module):
    """Holds a network and hides it from whatever trains, counts or saves parameters.

    The network stays in eval mode under `train()`, takes no gradient, moves with `.to()` and is absent from
    `parameters()`, `buffers()` and `state_dict()`; so no optimiser, no checkpoint and no statistic can reach it.

    Args:
        network: The network to freeze. Its parameters lose `requires_grad`.

    Example:
        >>> frozen = Frozen(nn.BatchNorm1d(2))
        >>> _ = frozen.train()
        >>> frozen.network.training, list(frozen.parameters()), dict(frozen.state_dict())
        (False, [], {})
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        # A list is not a module: nn.Module's bookkeeping stops here.
        self._hidden = [network.requires_grad_(False).eval()]

    @property
    def network(self) -> nn.Module:
        """The frozen network itself."""
        return self._hidden[0]

    @property
    def device(self) -> torch.device:
        """Where the network's parameters are."""
        return next(self.network.parameters()).device

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self.network._apply(fn, recurse)  # type: ignore[no-untyped-call]
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    @torch.no_grad()
    def forward(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 (whatever the network takes and gives)
        """Call the network without recording gradients."""
        return self.network(*args, **kwargs)


def check_teacher(teacher: object) -> None:
    """Check that an object is a teacher.

    Raises:
        TypeError: It lacks a part of the protocol; the message names the part.
    """
    missing = [part for part in ("width", "encode_image", "encode_text", "spec") if not hasattr(teacher, part)]
    if missing:
        raise TypeError(
            f"teacher: got {type(teacher).__name__} without {', '.join(missing)}; expected an object with width, "
            "encode_image, encode_text and spec. See clipteacher.teachers.teacher.Teacher."
        )


class ZeroShotTeacher(nn.Module):
    """A teacher's dense tokens in the place of a student's features.

    `Segmenter.from_teacher(teacher, class_names)` labels each pixel by the name whose text feature its token is most
    similar to, by the very code that a student is scored with.

    Source: MaskCLIP, arXiv 2112.01071, where text features classify the dense tokens of a frozen CLIP.
    `OpenClipTeacher` gives MaskCLIP's own tokens with `dense="value"`.

    Deviation: no key smoothing, no prompt denoising and no further training (MaskCLIP+).

    Args:
        teacher: Any teacher.

    Raises:
        TypeError: It is no teacher.
    """

    def __init__(self, teacher: Teacher) -> None:
        super().__init__()
        check_teacher(teacher)
        self.teacher = teacher

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Encode images.

        Args:
            images: (B, 3, H, W), float in [0, 1].

        Returns:
            Dense tokens, (B, C, h, w), float32, each of unit length: where scores are enlarged, a pixel between two
            tokens hears the nearer one more, and not the longer one.
        """
        return F.normalize(self.teacher.encode_image(images).dense.float(), dim=1)
