"""A teacher that looks at large photos through overlapping windows, and so sees small things at its own size."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.protocols.protocol import MOST_SIDE
from clipteacher.teachers.teacher import Frozen, Teacher, TeacherTokens, check_teacher
from clipteacher.utils.spans import spans


class WindowedTeacher(nn.Module):
    """Averages a teacher's dense tokens over overlapping windows of an image; the CLS token is the whole image's.

    D(p) = 1/|W_p| Σ_{w ∈ W_p} D_w(p), with W_p the windows that hold the token p. The wrapped teacher reads each window
    as an image of its own, with its normalisation and at its input size. All windows lie on one grid of tokens, so none
    is resampled. An image no larger than the window goes through the wrapped teacher as it is: the tokens are its own,
    to the bit.

    A larger image is first brought to whole tokens: each side goes to the nearest multiple of `step`. Where one of its
    sides is shorter than the window, it is enlarged until it is as long, the ratio kept. Every window is then as large
    as `window`, the last of a row ends at the image's edge, and the cost is `passes` of the wrapped teacher.

    Source: `slide_inference` of mmseg 0.x places the windows; NACLIP (arXiv 2404.08181) and SCLIP (arXiv 2312.01597)
    test CLIP with windows of 224 pixels and stride 112.

    Deviation: they enlarge and average class logits. Here tokens are averaged, so that whatever learns from a teacher
    can learn from these.

    Args:
        teacher: Any teacher.
        window: Side of a window in pixels. None: the wrapped teacher's own `fixed_size`, if it has one. The attribute
            of this name has height and width.
        stride: Step from one window to the next in pixels. None: half a window, in whole tokens. The attribute of this
            name is down and across.

    Attributes:
        step: Pixels from one dense token to the next, down and across.

    Raises:
        TypeError: It is no teacher.
        ValueError: No window is given for a teacher that takes images of any size, a token of a window does not cover
            whole pixels, or the stride is not a multiple of the tokens' step in `step`..`window`.

    Example:
        >>> from clipteacher.teachers.openclip import OpenClipTeacher
        >>> teacher = WindowedTeacher(OpenClipTeacher("ViT-S-32-alt", pretrained=None), window=128)  # random weights
        >>> teacher.stride, teacher.passes(256, 320)
        ((64, 64), 13)
        >>> teacher.encode_image(torch.rand(1, 3, 256, 320)).dense.shape
        torch.Size([1, 256, 8, 10])
    """

    def __init__(self, teacher: nn.Module, window: int | None = None, stride: int | None = None) -> None:
        super().__init__()
        check_teacher(teacher)
        self.teacher = cast(Teacher, teacher)
        self.window = _window(teacher, window)
        self._tokens = self._tokens_of_a_window(_device(teacher))
        self.step = _step(self.window, self._tokens)
        self.stride = _stride(self.window, self.step, stride)

    @property
    def width(self) -> int:
        """Channels C of the joint space."""
        return self.teacher.width

    def encode_text(self, names: Sequence[str]) -> Tensor:
        """Encode N class names as the wrapped teacher does: unit vectors (N, C), float32."""
        return self.teacher.encode_text(names)

    def spec(self) -> dict[str, Any] | None:
        """Describe the wrapped teacher's text tower, which has nothing to do with windows."""
        return self.teacher.spec()

    def passes(self, height: int, width: int) -> int:
        """Count the wrapped teacher's forward passes for an image: the whole, and each window.

        Args:
            height: Of the image, in pixels.
            width: Likewise.

        Returns:
            1 for an image no larger than the window, else 1 and the number of windows.
        """
        return 1 if self._fits(height, width) else 1 + len(self._boxes(self._grid(height, width)))

    @torch.no_grad()
    def encode_image(self, images: Tensor) -> TeacherTokens:
        """Encode images: once whole, then their windows, in batches with no more pixels than the images have.

        Args:
            images: (B, 3, H, W), floating point in [0, 1], on the teacher's device.

        Returns:
            CLS (B, C) of the whole images, and dense tokens (B, C, h, w); h and w are the sides over `step`, rounded.
        """
        whole, (height, width) = self.teacher.encode_image(images), images.shape[2:]
        if self._fits(height, width):
            return whole
        grid = self._grid(height, width)
        size = (grid[0] * self.step[0], grid[1] * self.step[1])
        if size != (height, width):
            images = F.interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True)
        return TeacherTokens(whole.cls, self._averaged(images, grid))

    def _averaged(self, images: Tensor, grid: tuple[int, int]) -> Tensor:
        """Average the windows' tokens on a grid that the images fit: (B, C, *grid)."""
        boxes, (down, across) = self._boxes(grid), self.step
        at_once = max(1, grid[0] * grid[1] // (self._tokens[0] * self._tokens[1]))
        total = images.new_zeros(len(images), self.width, *grid, dtype=torch.float32)
        counts = total.new_zeros(grid)
        for first in range(0, len(boxes), at_once):
            some = boxes[first : first + at_once]
            windows = [
                images[:, :, y * down : bottom * down, x * across : right * across] for y, x, bottom, right in some
            ]
            dense = self.teacher.encode_image(torch.cat(windows)).dense.float()
            maps = dense.reshape(len(some), len(images), *dense.shape[1:])
            for (y, x, bottom, right), tokens in zip(some, maps, strict=True):
                total[:, :, y:bottom, x:right] += tokens
                counts[y:bottom, x:right] += 1
        return total.div_(counts)

    def _fits(self, height: int, width: int) -> bool:
        return height <= self.window[0] and width <= self.window[1]

    def _grid(self, height: int, width: int) -> tuple[int, int]:
        """Tokens down and across of an image that is larger than the window."""
        scale = max(1.0, self.window[0] / height, self.window[1] / width)
        down, across = (
            max(tokens, int(side * scale / step + 0.5))
            for side, step, tokens in zip((height, width), self.step, self._tokens, strict=True)
        )
        return down, across

    def _boxes(self, grid: tuple[int, int]) -> list[tuple[int, int, int, int]]:
        """Top, left, bottom and right of each window on a grid of tokens, row by row."""
        rows, columns = (
            spans(side, tokens, stride // step)
            for side, tokens, stride, step in zip(grid, self._tokens, self.stride, self.step, strict=True)
        )
        return [(top, left, bottom, right) for top, bottom in rows for left, right in columns]

    @torch.no_grad()
    def _tokens_of_a_window(self, device: torch.device) -> tuple[int, int]:
        """Dense tokens down and across of one window."""
        dense = self.teacher.encode_image(torch.zeros(1, 3, *self.window, device=device)).dense
        return dense.shape[2], dense.shape[3]


def _window(teacher: object, window: int | None) -> tuple[int, int]:
    """Height and width of a window: as given, else the teacher's own size."""
    fixed: tuple[int, int] | None = getattr(teacher, "fixed_size", None)
    if window is None and fixed is None:
        raise ValueError(
            f"window: got none for {type(teacher).__name__}, which takes images of any size, expected pixels. Set "
            "window, such as 224: the size that it was trained at."
        )
    if window is None:
        return cast(tuple[int, int], fixed)
    if not 0 < window <= MOST_SIDE:
        raise ValueError(f"window: got {window}, expected pixels, 1..{MOST_SIDE}. Set window, such as 224.")
    return window, window


def _step(window: tuple[int, int], tokens: tuple[int, int]) -> tuple[int, int]:
    """Pixels from one token to the next."""
    for side, count in zip(window, tokens, strict=True):
        if side % count:
            below = side // count * count
            near = " or ".join(str(each) for each in (below, below + count) if each)
            raise ValueError(
                f"window: got {side} pixels, which the teacher reads as {count} tokens, expected whole pixels a token. "
                f"Set window, such as {near}."
            )
    return window[0] // tokens[0], window[1] // tokens[1]


def _stride(window: tuple[int, int], step: tuple[int, int], stride: int | None) -> tuple[int, int]:
    """Pixels from one window to the next, whole tokens."""
    if stride is None:
        down, across = (max(1, side // unit // 2) * unit for side, unit in zip(window, step, strict=True))
        return down, across
    if not 0 < stride <= min(window) or any(stride % unit for unit in step):
        units = " and ".join(map(str, dict.fromkeys(step)))
        raise ValueError(
            f"stride: got {stride} for windows of {window[0]}x{window[1]} pixels, expected a multiple of {units}, the "
            f"pixels of a token, at most {min(window)}. Leave it out for half a window."
        )
    return stride, stride


def _device(teacher: object) -> torch.device:
    """Where a teacher is; the CPU where nothing tells."""
    if not isinstance(teacher, nn.Module):
        return torch.device("cpu")
    frozen = [each.device for each in teacher.modules() if isinstance(each, Frozen)]
    tensors = chain(teacher.parameters(), teacher.buffers())
    return frozen[0] if frozen else next((each.device for each in tensors), torch.device("cpu"))
