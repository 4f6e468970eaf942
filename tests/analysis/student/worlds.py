"""A tiny student and its test photos, for the diagnosis's tests."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.data.dataset import Sample
from clipteacher.inference.settings import TestSettings
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.protocols.splits import ClassSplit
from clipteacher.segmenter.segmenter import Segmenter

SPLIT = ClassSplit(names=("sky", "cat", "tree", "car", "road"), unseen=("cat", "car"))
WIDTH = 6
PIPELINES = {
    "whole": TestPipeline(short_side=None, mode="whole"),
    "resized": TestPipeline(short_side=20, mode="whole"),
    "slide": TestPipeline(short_side=None, mode="slide", crop=16, stride=12),
}


class Student(nn.Module):
    """A convolution of stride 4 whose features have many lengths."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.conv = nn.Conv2d(3, WIDTH, 5, stride=4, padding=2)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.conv(images)
        return features - features.mean(dim=(2, 3), keepdim=True) / 2


def vectors(seed: int = 1, count: int = len(SPLIT.names)) -> Tensor:
    return F.normalize(torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(seed)), dim=1)


def segmenter(pipeline: TestPipeline = PIPELINES["whole"]) -> Segmenter:
    return Segmenter(Student(), SPLIT.names, vectors(), unseen=SPLIT.unseen, settings=TestSettings(pipeline, 8))


def samples(count: int = 2, height: int = 22, width: int = 30) -> list[Sample]:
    generator = torch.Generator().manual_seed(3)
    found = []
    for number in range(count):
        mask = torch.randint(6, (height, width), generator=generator)
        mask[mask == 5] = 255
        found.append(Sample(torch.rand(3, height, width, generator=generator), mask, str(number)))
    return found
