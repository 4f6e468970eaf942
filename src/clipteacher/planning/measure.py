"""What a step, the teacher and a test photo take here: each is done a few times."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any, Final

import torch

from clipteacher.data.dataset import SegmentationDataset
from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.inference.image import float_images
from clipteacher.inference.settings import TestSettings
from clipteacher.method.framework import CLIPTeacher
from clipteacher.planning.budget import Seconds
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.teacher_cache.tokens import photo_tokens
from clipteacher.teachers.teacher import Teacher
from clipteacher.training.allocator import keep_freed_memory
from clipteacher.utils.lists import subsample
from clipteacher.utils.modes import in_mode

_TIMES: Final = 2  # after one more, which warms up


def measure(
    framework: CLIPTeacher,
    train: SegmentationDataset,
    *,
    batch_size: int,
    short_side: int | None,
    cache_side: int | None,
    device: str,
    workers: int,
) -> Seconds:
    """Measure on training photos from all over the set, with memory kept as training keeps it. Nothing is trained.

    Args:
        framework: Student and teacher.
        train: Training photos, with the augmentation that they will have.
        batch_size: Photos a step.
        short_side: Shorter side of a photo at test; None is its own size.
        cache_side: Shorter side of a photo that the teacher sees; None is its own size.
        device: Where.
        workers: Processes that read photos beside the step; 0 reads between steps.

    Raises:
        DataError: A photo cannot be read.
    """
    keep_freed_memory()
    framework.to(device).train()
    chosen = subsample(len(train), batch_size)  # neighbours often show the same things
    indices = [chosen[number % len(chosen)] for number in range(batch_size)]
    samples = [train[(index, number)] for number, index in enumerate(indices)]
    images = float_images(torch.stack([sample.image for sample in samples]).to(device))
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.stack([sample.mask for sample in samples]).to(device)
    pixels, _ = train.source.read(0)
    photo = float_images(torch.from_numpy(pixels).permute(2, 0, 1)).to(device)
    tested = TestSettings(pipeline=TestPipeline(short_side=short_side, mode="whole"))
    teacher: Teacher = framework.teacher
    tokens = teacher.encode_image(images)
    reading = _seconds(lambda: [train[(index, 0)] for index in indices], device)

    def step() -> None:
        losses: Any = framework(images, labels, tokens)
        sum(losses.values()).backward()
        framework.zero_grad()

    def look() -> None:
        with torch.no_grad(), in_mode(framework.student, training=False):
            framework.student(images)

    def test() -> None:
        with torch.inference_mode(), in_mode(framework.student, training=False):
            DensePrediction(framework.student, photo[None], tested)

    taken, config = _seconds(step, device), framework.method.self_training
    if framework.wanted and config is not None:  # the averaged student looks, too, once self-training has begun
        taken += (1 - config.start) * _seconds(look, device)
    return Seconds(
        step=max(taken, reading / workers) if workers else taken + reading,
        teacher=_seconds(lambda: photo_tokens(teacher, photo, parts=1, short_side=cache_side), device),
        test=_seconds(test, device),
    )


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
