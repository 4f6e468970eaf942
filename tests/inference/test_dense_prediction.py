"""Scores and labels: whole, in windows and in pieces, against twins that loop over windows and pixels."""

import math
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from clipteacher.inference import Best, DensePrediction, TestSettings, TextClassifier
from clipteacher.inference.placement import OWN_SIZE
from clipteacher.inference.settings import MAX_LOGITS
from clipteacher.protocols.protocol import TestPipeline

WIDTH = 12
SLIDE = TestPipeline(short_side=None, mode="slide", crop=16, stride=12)
PIPELINES = {
    "whole": OWN_SIZE,
    "resized": TestPipeline(short_side=20, mode="whole"),
    "slide": SLIDE,
    "slide, window larger than the photo": TestPipeline(short_side=None, mode="slide", crop=64, stride=48),
    "slide, odd": TestPipeline(short_side=None, mode="slide", crop=11, stride=7),
    "resized slide": TestPipeline(short_side=29, mode="slide", crop=16, stride=9),
}
SIZES = [(24, 32), (17, 31), (33, 16), (5, 40), (1, 1)]


class Student(nn.Module):
    """A convolution of a stride whose sums hang on the whole image, so on size, window and padding."""

    def __init__(self, stride: int = 4, width: int = WIDTH) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.conv = nn.Conv2d(3, width, 5, stride=stride, padding=2)
        self.sizes: list[tuple[int, ...]] = []

    def forward(self, images: Tensor) -> Tensor:
        self.sizes.append(tuple(images.shape))
        features: Tensor = self.conv(images)
        return features - features.mean(dim=(2, 3), keepdim=True) / 2


def names(count: int) -> Tensor:
    return F.normalize(torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(1)), dim=1)


def photos(size: tuple[int, int], count: int = 1) -> Tensor:
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(2))


def predicted(
    student: nn.Module,
    images: Tensor,
    multiple: int,
    pipeline: TestPipeline = OWN_SIZE,
    *,
    max_logits: int = MAX_LOGITS,
) -> DensePrediction:
    return DensePrediction(student, images, TestSettings(pipeline, pad_multiple=multiple, max_logits=max_logits))


def class_logits(student: nn.Module, text: Tensor, *how: Any, bias: Tensor | None = None, **more: Any) -> Tensor:  # noqa: ANN401
    return predicted(student, *how, **more).logits(TextClassifier(text, bias))


def class_labels(student: nn.Module, text: Tensor, *how: Any, bias: Tensor | None = None, **more: Any) -> Tensor:  # noqa: ANN401
    return predicted(student, *how, **more).labels(TextClassifier(text, bias))


def class_bests(student: nn.Module, text: Tensor, *how: Any, groups: Any, **more: Any) -> tuple[Best, ...]:  # noqa: ANN401
    return predicted(student, *how, **more).best_of(groups, TextClassifier(text))


def enlarged(scores: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(scores, size=size, mode="bilinear", align_corners=False)


def twin(student: nn.Module, text: Tensor, images: Tensor, multiple: int, pipeline: TestPipeline) -> Tensor:
    """The test protocol in plain loops: resize, place windows by counting, add pixel by pixel, divide, resize back."""
    own = (images.shape[2], images.shape[3])
    if pipeline.short_side is not None:
        ratio = pipeline.short_side / min(own)
        height, width = (math.floor(side * ratio + 0.5) for side in own)
        images = F.interpolate(images, size=(height, width), mode="bilinear", align_corners=False, antialias=True)
    height, width = images.shape[2:]
    sums, counts = torch.zeros(len(images), len(text), height, width), torch.zeros(height, width)
    tops, lefts = [0], [0]
    crop_height, crop_width = height, width
    if pipeline.mode == "slide":
        crop_height, crop_width = min(pipeline.crop, height), min(pipeline.crop, width)
        while tops[-1] + crop_height < height:
            tops.append(min(tops[-1] + pipeline.stride, height - crop_height))
        while lefts[-1] + crop_width < width:
            lefts.append(min(lefts[-1] + pipeline.stride, width - crop_width))
    for top, left in product(tops, lefts):
        cut = images[:, :, top : top + crop_height, left : left + crop_width]
        padded = torch.zeros(
            len(images), 3, math.ceil(crop_height / multiple) * multiple, math.ceil(crop_width / multiple) * multiple
        )
        padded[:, :, :crop_height, :crop_width] = cut
        features = student(padded)
        small = torch.stack([(features * vector.view(1, -1, 1, 1)).sum(dim=1) for vector in text], dim=1)
        full = enlarged(small, (padded.shape[2], padded.shape[3]))
        for y, x in product(range(crop_height), range(crop_width)):
            sums[:, :, top + y, left + x] += full[:, :, y, x]
            counts[top + y, left + x] += 1
    for y, x in product(range(height), range(width)):
        sums[:, :, y, x] /= counts[y, x]
    return enlarged(sums, own)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES)
@torch.no_grad()
def test_scores_and_labels_as_the_loops_give_them(pipeline: TestPipeline, size: tuple[int, int]) -> None:
    student, text, images = Student(), names(5), photos(size, 2)
    expected = twin(student, text, images, 8, pipeline)
    logits = class_logits(student, text, images, 8, pipeline)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    labels = class_labels(student, text, images, 8, pipeline)
    assert (labels.shape, labels.dtype) == ((2, *size), torch.int64)
    assert torch.equal(labels, logits.argmax(dim=1))
    best = expected.amax(dim=1)
    chosen = expected.gather(1, labels.unsqueeze(1))[:, 0]
    torch.testing.assert_close(chosen, best, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("count", [1, 3, 8, WIDTH])
@pytest.mark.parametrize("size", [*SIZES, (90, 70)])
@pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES)
@torch.no_grad()
def test_a_few_names_at_a_time_are_all_at_once_to_the_bit(
    pipeline: TestPipeline, size: tuple[int, int], count: int
) -> None:
    student, text, images = Student(), names(count), photos(size, 2)
    whole = class_logits(student, text, images, 8, pipeline, max_logits=10**9)
    for max_logits in (1, 2 * 3 * 40 * 32, 2 * 3 * 96 * 72, 10**9):
        assert torch.equal(class_logits(student, text, images, 8, pipeline, max_logits=max_logits), whole)
        labels = class_labels(student, text, images, 8, pipeline, max_logits=max_logits)
        assert torch.equal(labels, whole.argmax(dim=1))


@pytest.mark.parametrize("stride", [1, 3, 4, 5, 8])
@pytest.mark.parametrize("pipeline", [OWN_SIZE, SLIDE], ids=["whole", "slide"])
@torch.no_grad()
def test_more_names_than_channels(pipeline: TestPipeline, stride: int) -> None:
    """Features are kept and scored a few names at a time; a product of matrices rounds by its size."""
    student, text, images = Student(stride), names(40), photos((33, 45))
    whole = class_logits(student, text, images, 15, pipeline)
    for max_logits in (1, 5 * 45 * 45, 10**9):
        logits = class_logits(student, text, images, 15, pipeline, max_logits=max_logits)
        torch.testing.assert_close(logits, whole, rtol=0, atol=1e-5)
        labels = class_labels(student, text, images, 15, pipeline, max_logits=max_logits)
        assert torch.equal(labels, logits.argmax(dim=1)), "with the same max_logits to the bit"


@pytest.mark.parametrize("count", [1, 2])
def test_a_tile_of_names_is_within_the_bound(count: int) -> None:
    def tiles(max_logits: int) -> list[tuple[int, int]]:
        with torch.no_grad():
            prediction = predicted(Student(), photos((15, 31), count), 16, max_logits=max_logits)
            return [(first, last) for first, last, _ in prediction._tiles(TextClassifier(names(10)))]

    a_name = count * 16 * 32  # at the padded size, which is the largest
    assert tiles(3 * a_name) == [(0, 3), (3, 6), (6, 9), (9, 10)]
    assert tiles(3 * a_name - 1) == [(0, 2), (2, 4), (4, 6), (6, 8), (8, 10)]
    assert tiles(1) == [(name, name + 1) for name in range(10)]
    assert tiles(10**9) == [(0, 10)]


@pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES)
@torch.no_grad()
def test_of_equal_names_the_first_is_taken(pipeline: TestPipeline) -> None:
    text = names(3)[[0, 1, 1, 0, 2, 2]]
    labels = [class_labels(Student(), text, photos((21, 30)), 8, pipeline, max_logits=m) for m in (1, 10**9)]
    assert torch.equal(*labels)
    assert set(labels[0].flatten().tolist()) <= {0, 1, 4}
    blank = class_labels(Student(), torch.zeros(4, WIDTH), photos((21, 30)), 8, pipeline, max_logits=500)
    assert not blank.any()


@torch.no_grad()
def test_the_network_sees_each_window_once_at_its_size() -> None:
    for max_logits in (1, 10**9):
        student = Student()
        class_labels(student, names(2), photos((10, 30)), 8, PIPELINES["resized slide"], max_logits=max_logits)
        # 10 × 30 becomes 29 × 87: three rows of nine windows of 16, all multiples of 8 as they are.
        assert student.sizes == [(1, 3, 16, 16)] * 27
    student = Student()
    class_labels(student, names(2), photos((10, 30)), 8, SLIDE)
    assert student.sizes == [(1, 3, 16, 16)] * 3, "10 × 16 of a photo lower than the window, padded to the multiple"


class Largest(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Keeps the number of values of the largest tensor made."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.values = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            self.values = max(self.values, result.numel())
        return result


@pytest.mark.parametrize("pipeline", ["whole", "resized", "slide", "resized slide"])
@torch.no_grad()
def test_no_tensor_grows_with_the_names(pipeline: str) -> None:
    """Neither full-size scores nor those at the network's stride: what is held are features."""
    student, images, budget = Student(), photos((64, 80)), 10 * 64 * 80
    for count in (100, 400, 847):
        with Largest() as watch:
            class_labels(student, names(count), images, 8, PIPELINES[pipeline], max_logits=budget)
        assert watch.values <= budget
    assert watch.values < 0.25 * 847 * 64 * 80


@pytest.mark.parametrize("max_logits", [0, -1])
def test_no_scores_at_all(max_logits: int) -> None:
    with pytest.raises(ValueError, match=rf"max_logits: got {max_logits}, expected at least 1. Leave .*{MAX_LOGITS}"):
        TestSettings(max_logits=max_logits)


@pytest.mark.parametrize("max_logits", [1, 700, MAX_LOGITS])
@pytest.mark.parametrize("pipeline", PIPELINES)
def test_the_best_of_each_group_is_that_of_its_scores(pipeline: str, max_logits: int) -> None:
    student, text, images = Student(), names(7), photos((17, 31), 2)
    groups: list[list[int]] = [[1, 4, 6], [], [0, 2, 3, 5]]
    how = (8, PIPELINES[pipeline])
    logits = class_logits(student, text, images, *how, max_logits=max_logits)
    bests = class_bests(student, text, images, *how, groups=groups, max_logits=max_logits)
    for group, best in zip(groups, bests, strict=True):
        if not group:
            assert (best.values == -torch.inf).all()
            assert (best.ids == -1).all()
            continue
        values, places = logits[:, group].max(dim=1)
        assert torch.equal(best.values, values), "to the bit"
        assert torch.equal(best.ids, torch.tensor(group)[places])
    (everything,) = class_bests(student, text, images, *how, groups=[range(7)], max_logits=max_logits)
    assert torch.equal(everything.ids, class_labels(student, text, images, *how, max_logits=max_logits))


@pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES)
@torch.no_grad()
def test_below_the_threshold_a_pixel_is_none_of_the_names(pipeline: TestPipeline) -> None:
    """One more class, whose logit is t·|R|, brought to full size as the others are."""
    student, text, images = Student(), names(5), photos((21, 30), 2)
    prediction = predicted(student, images, 8, pipeline)
    for threshold in (-1.0, 0.2, 1.0):
        logits = prediction.logits(TextClassifier(text, threshold=threshold))
        assert logits.shape == (2, 6, 21, 30)
        torch.testing.assert_close(logits[:, :5], prediction.logits(TextClassifier(text)))
        assert torch.equal(prediction.labels(TextClassifier(text, threshold=threshold)), logits.argmax(dim=1))
    if pipeline == OWN_SIZE:  # at the network's own positions it is the cosine that decides
        (features,) = prediction.features
        cosines = torch.einsum("bchw,nc->bnhw", F.normalize(features, dim=1), text).amax(dim=1)
        found = TextClassifier(text, threshold=0.2).logits(features).argmax(dim=1)
        assert torch.equal(found == 5, cosines < 0.2)
    assert (prediction.labels(TextClassifier(text, threshold=1.0)) == 5).all()
    with pytest.raises(ValueError, match=r"threshold: got 1\.5, expected a cosine"):
        TextClassifier(text, threshold=1.5)


@torch.no_grad()
def test_one_prediction_answers_every_call_and_the_network_runs_once() -> None:
    student = Student()
    prediction = predicted(student, photos((17, 31)), 8, SLIDE)
    first = prediction.labels(TextClassifier(names(3)))
    assert torch.equal(prediction.labels(TextClassifier(names(3))), first)
    assert prediction.logits(TextClassifier(names(7))).shape == (1, 7, 17, 31)
    assert len(student.sizes) == len(prediction.features)


@pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES)
@torch.no_grad()
def test_a_network_of_logits_and_photos_of_8_bits(pipeline: TestPipeline) -> None:
    student, text = Student(), names(5)
    bytes_ = (photos((21, 30), 2) * 255).round().to(torch.uint8)
    expected = predicted(student, bytes_.float() / 255, 8, pipeline).logits(TextClassifier(text))
    assert torch.equal(predicted(student, bytes_, 8, pipeline).logits(TextClassifier(text)), expected)

    def network(images: Tensor) -> Tensor:
        return torch.einsum("bchw,nc->bnhw", student(images), text)

    closed = DensePrediction(network, bytes_, TestSettings(pipeline, pad_multiple=8))
    assert torch.equal(closed.logits(), expected)
    assert torch.equal(closed.labels(), expected.argmax(dim=1))
