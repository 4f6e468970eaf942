"""The pooled confusion of a segmenter against a loop over pixels."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.data.dataset import Sample
from clipteacher.evaluation.evaluate import pooled_confusion
from clipteacher.inference.settings import TestSettings
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.segmenter.segmenter import Segmenter

SIZES = [(9, 14), (20, 7), (9, 14), (1, 1)]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def segmenter(pad_multiple: int = 32) -> Segmenter:
    """A pixel's strongest channel is its class: what is predicted can be read off the photo."""
    return Segmenter(nn.Identity(), ["a", "b", "c"], torch.eye(3), settings=TestSettings(pad_multiple=pad_multiple))


def samples(sizes: list[tuple[int, int]]) -> list[Sample]:
    made = []
    for number, size in enumerate(sizes):
        mask = torch.randint(3, size)
        right = F.one_hot(mask, 3).permute(2, 0, 1) * torch.randint(2, size)
        image = (right + torch.rand(3, *size)) / 2
        made.append(Sample(image, mask.masked_fill(torch.rand(size) < 0.2, 255), f"photo{number}"))
    return made


def counted(data: list[Sample]) -> Tensor:
    table = [[0] * 3 for _ in range(3)]
    for image, mask, *_ in data:
        for y in range(mask.shape[0]):
            for x in range(mask.shape[1]):
                truth, channels = int(mask[y, x]), image[:, y, x].tolist()
                if truth != 255:
                    table[truth][channels.index(max(channels))] += 1
    return torch.tensor(table)


def test_photos_of_several_sizes_as_a_loop_counts_them() -> None:
    data = samples(SIZES)
    confusion = pooled_confusion(segmenter(), data)
    expected = counted(data)
    assert confusion.dtype == torch.int64
    assert torch.equal(confusion, expected)
    assert (expected > 0).all(), "every kind of right and wrong occurs"
    assert confusion.sum() == sum(int((sample.mask != 255).sum()) for sample in data)


def test_further_names_after_the_classes() -> None:
    """The third channel's name is no class of the test set: its pixels are wrong, whatever they show."""
    data = [sample._replace(mask=sample.mask.masked_fill(sample.mask == 2, 255)) for sample in samples(SIZES)]
    confusion = pooled_confusion(segmenter(), data, 2)
    assert torch.equal(confusion, counted(data))
    assert (confusion[:2] > 0).all()
    assert (confusion[2] == 0).all()
    with pytest.raises(ValueError, match=r"truth: got value 2 .*expected class ids 0\.\.1"):
        pooled_confusion(segmenter(), samples(SIZES), 2)


def test_padding_counts_for_nothing() -> None:
    data = samples(SIZES)
    assert torch.equal(pooled_confusion(segmenter(pad_multiple=1), data), pooled_confusion(segmenter(), data))


def test_labels_stay_at_their_own_size_whatever_the_network_saw() -> None:
    data, model = samples(SIZES), segmenter()
    small = pooled_confusion(
        model.with_settings(pipeline=TestPipeline(short_side=5, mode="slide", crop=4, stride=3)), data
    )
    assert not torch.equal(small, counted(data))
    assert torch.equal(pooled_confusion(model, data), counted(data))
    assert small.sum() == sum(int((sample.mask != 255).sum()) for sample in data)


def test_windows_of_a_network_that_looks_at_single_pixels_change_nothing() -> None:
    data, slide = samples(SIZES), TestPipeline(short_side=None, mode="slide", crop=6, stride=6)
    assert torch.equal(pooled_confusion(segmenter().with_settings(pipeline=slide), data), counted(data))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_photos_of_8_bits_and_small_masks_count_the_same(dtype: torch.dtype) -> None:
    """What readers give: uint8 photos, uint8 or int32 masks."""
    data = [
        sample._replace(image=(255 * sample.image).to(torch.uint8), mask=sample.mask.to(dtype))
        for sample in samples(SIZES)
    ]
    expected = counted([sample._replace(image=sample.image.float()) for sample in data])
    assert torch.equal(pooled_confusion(segmenter(), data), expected)


def test_order_and_parts_do_not_matter() -> None:
    data = samples(SIZES)
    whole = pooled_confusion(segmenter(), data)
    assert torch.equal(pooled_confusion(segmenter(), reversed(data)), whole)
    assert torch.equal(pooled_confusion(segmenter(), data[:2]) + pooled_confusion(segmenter(), data[2:]), whole)


def test_one_photo_is_held_at_a_time() -> None:
    held: list[str] = []
    segmented: list[int] = []

    class Watching(Segmenter):
        def forward(self, images: Tensor) -> Tensor:
            segmented.append(len(held))
            return super().forward(images)

    def stream() -> Iterator[Sample]:
        for sample in samples(SIZES):
            held.append(sample.name)
            yield sample

    pooled_confusion(Watching(nn.Identity(), ["a", "b", "c"], torch.eye(3)), stream())
    assert segmented == [1, 2, 3, 4]


def test_everything_ignored_and_nothing_at_all() -> None:
    sample = samples(SIZES[:1])[0]
    blank = sample._replace(mask=torch.full_like(sample.mask, 255))
    for data in ([blank], []):
        assert torch.equal(pooled_confusion(segmenter(), data), torch.zeros(3, 3, dtype=torch.int64))


def test_a_student_in_training_mode_is_scored_in_eval_mode() -> None:
    student = nn.Sequential(nn.Dropout(0.9), nn.BatchNorm2d(3, momentum=1.0)).train()
    tested = Segmenter(student, ["a", "b", "c"], torch.eye(3)).train()
    data = samples(SIZES)
    assert torch.equal(pooled_confusion(tested, data), counted(data))


def test_a_truth_that_is_no_name_of_the_segmenter() -> None:
    sample = samples(SIZES[:1])[0]
    wrong = sample._replace(mask=torch.full_like(sample.mask, 3))
    with pytest.raises(ValueError, match=r"truth: got value 3 .*expected class ids 0\.\.2"):
        pooled_confusion(segmenter(), [wrong])
