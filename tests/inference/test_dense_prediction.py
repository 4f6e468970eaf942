"""Dense prediction: whole, in windows and in tiles, against twins that loop over windows and pixels."""

import math
from itertools import product
from typing import Any

import pytest
import torch
from tests.stand_ins import StandInStudent, random_images, unit_vectors
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from clipteacher.inference import DensePrediction, TestSettings, TextClassifier
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


def names(count: int) -> Tensor:
    return unit_vectors(count, WIDTH)


def photos(size: tuple[int, int], count: int = 1) -> Tensor:
    return random_images(count, 3, *size, seed=2)


def predict(
    network: nn.Module,
    images: Tensor,
    pipeline: TestPipeline = OWN_SIZE,
    *,
    multiple: int = 8,
    max_logits: int = MAX_LOGITS,
) -> DensePrediction:
    return DensePrediction(network, images, TestSettings(pipeline, multiple, max_logits))


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
def test_logits_and_labels_as_the_loops_give_them(pipeline: TestPipeline, size: tuple[int, int]) -> None:
    student, text, images = StandInStudent(WIDTH), names(5), photos(size, 2)
    expected = twin(student, text, images, 8, pipeline)
    prediction = predict(student, images, pipeline)
    logits = prediction.logits(TextClassifier(text))
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    labels = prediction.labels(TextClassifier(text))
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
    student, classifier, images = StandInStudent(WIDTH), TextClassifier(names(count)), photos(size, 2)
    whole = predict(student, images, pipeline, max_logits=10**9).logits(classifier)
    for max_logits in (1, 2 * 3 * 40 * 32, 2 * 3 * 96 * 72, 10**9):
        prediction = predict(student, images, pipeline, max_logits=max_logits)
        assert torch.equal(prediction.logits(classifier), whole)
        assert torch.equal(prediction.labels(classifier), whole.argmax(dim=1))


@pytest.mark.parametrize("stride", [1, 3, 4, 5, 8])
@pytest.mark.parametrize("pipeline", [OWN_SIZE, SLIDE], ids=["whole", "slide"])
@torch.no_grad()
def test_more_names_than_channels(pipeline: TestPipeline, stride: int) -> None:
    """Features are kept and classified a few names at a time; a product of matrices rounds by its size."""
    student, classifier, images = StandInStudent(WIDTH, stride), TextClassifier(names(40)), photos((33, 45))
    whole = predict(student, images, pipeline, multiple=15).logits(classifier)
    for max_logits in (1, 5 * 45 * 45, 10**9):
        prediction = predict(student, images, pipeline, multiple=15, max_logits=max_logits)
        logits = prediction.logits(classifier)
        torch.testing.assert_close(logits, whole, rtol=0, atol=1e-5)
        assert torch.equal(prediction.labels(classifier), logits.argmax(dim=1)), "with the same max_logits to the bit"


@pytest.mark.parametrize("count", [5, 40])
@pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES)
@torch.no_grad()
def test_a_network_that_gives_logits_itself_needs_no_classifier(pipeline: TestPipeline, count: int) -> None:
    """The names as the network's last layer, as in a closed-set network or a file of ONNX."""
    student, text, images = StandInStudent(WIDTH), names(count), photos((33, 45), 2)
    fused = nn.Sequential(student, nn.Conv2d(WIDTH, count, 1, bias=False))
    fused[1].load_state_dict({"weight": text[:, :, None, None]})
    expected = predict(student, images, pipeline).logits(TextClassifier(text))
    for max_logits in (1, 7 * 33 * 45, 10**9):
        prediction = predict(fused, images, pipeline, max_logits=max_logits)
        logits = prediction.logits()
        torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
        assert torch.equal(prediction.labels(), logits.argmax(dim=1))
        (best,) = prediction.best_of([range(count)])
        assert torch.equal(best.ids, prediction.labels())


@pytest.mark.parametrize("threshold", [-1.0, 0.0, 0.6, 1.0])
@pytest.mark.parametrize("count", [5, 40])
@pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES)
@torch.no_grad()
def test_a_threshold_adds_a_class_for_none_of_the_names(pipeline: TestPipeline, count: int, threshold: float) -> None:
    """Its logits are t·|R|, which is a feature (R, |R|) against the text feature (0, t)."""

    def with_norm(images: Tensor) -> Tensor:
        features = student(images)
        return torch.cat([features, features.square().sum(dim=1, keepdim=True).sqrt()], dim=1)

    student, text, images = StandInStudent(WIDTH), names(count), photos((17, 31), 2)
    wider = torch.zeros(count + 1, WIDTH + 1)
    wider[:count, :WIDTH], wider[count, WIDTH] = text, threshold
    expected = DensePrediction(with_norm, images, TestSettings(pipeline, 8)).logits(TextClassifier(wider))
    for max_logits in (1, 3 * 17 * 31, 10**9):
        prediction = predict(student, images, pipeline, max_logits=max_logits)
        classifier = TextClassifier(text, threshold=threshold)
        assert classifier.num_classes == count + 1
        logits = prediction.logits(classifier)
        torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
        assert torch.equal(prediction.labels(classifier), logits.argmax(dim=1))


@torch.no_grad()
def test_a_pixel_is_none_of_the_names_where_no_cosine_reaches_the_threshold() -> None:
    images = photos((9, 11))
    features = images - 0.4
    cosines = torch.einsum("bchw,nc->bnhw", F.normalize(features, dim=1), torch.eye(3)[:2])
    for threshold in (-0.5, 0.2, 0.9):
        none = DensePrediction(nn.Identity(), features, TestSettings(pad_multiple=1)).labels(
            TextClassifier(torch.eye(3)[:2], threshold=threshold)
        )
        assert torch.equal(none == 2, (cosines < threshold).all(dim=1))
        assert 0 < (none == 2).sum() < none.numel()


@pytest.mark.parametrize("count", [1, 2])
@torch.no_grad()
def test_a_tile_of_names_is_within_the_bound(count: int) -> None:
    a_name = count * 16 * 32  # at the padded size, which is the largest
    for max_logits, step in ((3 * a_name, 3), (3 * a_name - 1, 2), (1, 1), (10**9, 10)):
        prediction = predict(StandInStudent(WIDTH), photos((15, 31), count), multiple=16, max_logits=max_logits)
        tiles = [
            (first, last) for first, last, _ in prediction._tiles(prediction._stride_logits(TextClassifier(names(10))))
        ]
        assert tiles == [(first, min(first + step, 10)) for first in range(0, 10, step)]


@pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES)
@torch.no_grad()
def test_of_equal_names_the_first_is_taken(pipeline: TestPipeline) -> None:
    student, classifier = StandInStudent(WIDTH), TextClassifier(names(3)[[0, 1, 1, 0, 2, 2]])
    one, many = (predict(student, photos((21, 30)), pipeline, max_logits=m).labels(classifier) for m in (1, 10**9))
    assert torch.equal(one, many)
    assert set(one.flatten().tolist()) <= {0, 1, 4}
    blank = predict(student, photos((21, 30)), pipeline, max_logits=500).labels(TextClassifier(torch.zeros(4, WIDTH)))
    assert not blank.any()


@torch.no_grad()
@pytest.mark.parametrize("few", [0, 2, 99])
@pytest.mark.parametrize("max_logits", [1, 5 * 20 * 24, 10**6])
def test_however_many_names_are_compared_at_a_time(few: int, max_logits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clipteacher.inference.dense_prediction._FEW", few)
    logits = torch.randn(1, 13, 5, 6, generator=torch.Generator().manual_seed(0)).round(decimals=1)
    logits[:, 1] = logits[:, 7]
    logits.requires_grad_()
    prediction = DensePrediction(lambda _: logits, torch.zeros(1, 3, 20, 24), TestSettings(max_logits=max_logits))
    labels = prediction.labels()
    assert labels.dtype == torch.int64
    assert torch.equal(labels, prediction.logits().argmax(dim=1))
    assert not (labels == 7).any(), "of equal names the first"


def test_the_network_sees_each_window_once_at_its_size() -> None:
    classifier = TextClassifier(names(2))
    for max_logits in (1, 10**9):
        student = StandInStudent(WIDTH, multiple=8)
        prediction = predict(student, photos((10, 30)), PIPELINES["resized slide"], max_logits=max_logits)
        for _ in range(2):
            prediction.labels(classifier)
            prediction.logits(classifier)
        # 10 × 30 becomes 29 × 87: three rows of nine windows of 16, all multiples of 8 as they are.
        assert student.sizes == [(1, 3, 16, 16)] * 27
        assert [maps.shape for maps in prediction.features] == [(1, WIDTH, 4, 4)] * 27
    student = StandInStudent(WIDTH)
    predict(student, photos((10, 30)), SLIDE).labels(classifier)
    assert student.sizes == [(1, 3, 16, 16)] * 3, "10 × 16 of a photo lower than the window, padded to the multiple"


@torch.no_grad()
def test_features_are_the_networks_output() -> None:
    student, images = StandInStudent(WIDTH), photos((16, 24), 2)
    (features,) = predict(student.half(), images.half()).features
    assert features.dtype == torch.float32
    assert torch.equal(features, student(images.half()).float())


@pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES)
@torch.no_grad()
def test_photos_of_8_bits_are_divided_by_255(pipeline: TestPipeline) -> None:
    student, classifier = StandInStudent(WIDTH), TextClassifier(names(5))
    images = (255 * photos((17, 31), 2)).to(torch.uint8)
    expected = predict(student, images.float() / 255, pipeline).logits(classifier)
    assert torch.equal(predict(student, images, pipeline).logits(classifier), expected)


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
    """Neither logits at full size nor those at the network's stride: what is held are features."""
    student, images, budget = StandInStudent(WIDTH), photos((64, 80)), 10 * 64 * 80
    for count in (100, 400, 847):
        classifier = TextClassifier(names(count), threshold=0.1)
        with Largest() as watch:
            predict(student, images, PIPELINES[pipeline], max_logits=budget).labels(classifier)
        assert watch.values <= budget
    assert watch.values < 0.25 * 847 * 64 * 80


@pytest.mark.parametrize("max_logits", [1, 700, MAX_LOGITS])
@pytest.mark.parametrize("pipeline", PIPELINES)
@torch.no_grad()
def test_the_best_of_each_group_is_that_of_its_logits(pipeline: str, max_logits: int) -> None:
    classifier, images = TextClassifier(names(7)), photos((17, 31), 2)
    prediction = predict(StandInStudent(WIDTH), images, PIPELINES[pipeline], max_logits=max_logits)
    groups: list[list[int]] = [[1, 4, 6], [], [0, 2, 3, 5]]
    logits = prediction.logits(classifier)
    for group, best in zip(groups, prediction.best_of(groups, classifier), strict=True):
        if not group:
            assert (best.values == -torch.inf).all()
            assert (best.ids == -1).all()
            continue
        values, places = logits[:, group].max(dim=1)
        assert torch.equal(best.values, values), "to the bit"
        assert torch.equal(best.ids, torch.tensor(group)[places])
    (everything,) = prediction.best_of([range(7)], classifier)
    assert torch.equal(everything.ids, prediction.labels(classifier))


def test_no_name_at_all() -> None:
    with pytest.raises(ValueError, match="labels: got no class, expected at least one name"):
        predict(StandInStudent(WIDTH), photos((8, 8))).labels(TextClassifier(torch.zeros(0, WIDTH)))


@pytest.mark.parametrize("threshold", [-1.01, 2.0, math.nan])
def test_a_threshold_that_is_no_cosine(threshold: float) -> None:
    with pytest.raises(ValueError, match=rf"threshold: got {threshold}, expected a cosine, -1\.\.1, or None"):
        TextClassifier(names(2), threshold=threshold)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        (
            "max_logits",
            0,
            rf"max_logits: got 0, expected a whole number in 1\.\.1073741824\. Leave it out for {MAX_LOGITS}",
        ),
        ("max_logits", -1, "max_logits: got -1, expected a whole number"),
        ("max_logits", 2.0, r"max_logits: got 2\.0, expected a whole number"),
        ("max_logits", 10**12, "max_logits: got 1000000000000, expected a whole number"),
        ("pad_multiple", 0, r"pad_multiple: got 0, expected a whole number in 1\.\.1024"),
        ("pad_multiple", 4096, "pad_multiple: got 4096, expected a whole number"),
        ("pad_multiple", 8.0, r"pad_multiple: got 8\.0, expected a whole number"),
        ("pad_multiple", True, "pad_multiple: got True, expected a whole number"),
        ("calibration", math.nan, "calibration: got nan, expected a finite number"),
    ],
)
def test_settings_out_of_their_range(option: str, value: Any, message: str) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=message):
        TestSettings(**{option: value})
