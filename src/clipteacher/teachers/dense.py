"""The zero-shot teacher: its dense tokens segment by themselves (MaskCLIP, arXiv 2112.01071, section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.teachers.teacher import Teacher, check_teacher


class ZeroShotTeacher(nn.Module):
    """A teacher's dense tokens in the place of a student's features.

    `Segmenter.from_teacher(teacher, class_names)` labels each pixel by the name whose text feature its token is most
    similar to, by the very code that a student is scored with.

    Source: MaskCLIP, arXiv 2112.01071, where text vectors classify the dense tokens of a frozen CLIP. `OpenClipTeacher`
    gives MaskCLIP's own tokens with `dense="value"`.

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
