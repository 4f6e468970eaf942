"""What a step, the teacher and a test photo take here: each is done a few times."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.data.dataset import SegmentationDataset
from clipteacher.inference.image import float_images
from clipteacher.inference.placement import resized_size
from clipteacher.method.framework import CLIPTeacher
from clipteacher.planning.budget import Seconds
from clipteacher.teachers.teacher import Teacher

_TIMES: Final = 2  # after one more, which warms up


def measure(
    framework: CLIPTeacher,
    train: SegmentationDataset,
    *,
    batch_size: int,
    short_side: int | None,
    device: str,
    workers: int,
) -> Seconds:
    """Measure on the first training photos. The student is trained by nothing of it.

    Args:
        framework: Student and teacher.
        train: Training photos, with the augmentation that they will have.
        batch_size: Photos a step.
        short_side: Shorter side of a photo at test; None is its own size.
        device: Where.
        workers: Processes that read photos beside the step; 0 reads between steps.

    Raises:
        DataError: A photo cannot be read.
    """
    framework.to(device).train()
    samples = [train[(index % len(train), index)] for index in range(batch_size)]
    images = float_images(torch.stack([sample.image for sample in samples]).to(device))
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.stack([sample.mask for sample in samples]).to(device)
    photo = _test_image(train, short_side).to(device)
    teacher: Teacher = framework.teacher
    tokens = teacher.encode_image(images)
    reading = _seconds(lambda: [train[(index % len(train), 0)] for index in range(batch_size)], device)

    def step() -> None:
        averaged = None
        if framework.wanted:  # self-training looks once more
            with torch.no_grad():
                averaged = framework.student(images).float()
        losses: Any = framework(images, labels, tokens, averaged)
        sum(losses.values()).backward()
        framework.zero_grad()

    def test() -> Tensor:
        with torch.inference_mode():
            features: Tensor = framework.student.eval()(photo)
        framework.student.train()
        return features

    taken = _seconds(step, device)
    return Seconds(
        step=max(taken, reading / workers) if workers else taken + reading,
        teacher=_seconds(lambda: teacher.encode_image(photo), device),
        test=_seconds(test, device),
    )


def _test_image(train: SegmentationDataset, short_side: int | None) -> Tensor:
    """Return the first photo as it is tested, (1, 3, H, W), padded to what encoders take."""
    pixels, _ = train.source.read(0)
    image = float_images(torch.from_numpy(pixels).permute(2, 0, 1)[None])
    size = resized_size(image.shape[2], image.shape[3], short_side)
    image = F.interpolate(image, size=size, mode="bilinear", antialias=True)
    return F.pad(image, (0, -size[1] % 32, 0, -size[0] % 32))


def _seconds(work: Callable[[], object], device: str) -> float:
    """Return the seconds that something takes, the smallest of a few."""
    taken = []
    for _ in range(1 + _TIMES):
        start = perf_counter()
        work()
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        taken.append(perf_counter() - start)
    return min(taken[1:])
