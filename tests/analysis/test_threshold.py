"""A threshold for none of the names, against a loop over pixels."""

import pytest
import torch
from torch import Tensor, nn

from clipteacher.analysis.threshold import STEPS, choose_threshold, threshold_counts, threshold_curve
from clipteacher.data.crop_box import whole
from clipteacher.data.dataset import Sample
from clipteacher.inference.settings import TestSettings
from clipteacher.segmenter.segmenter import Segmenter


def naive_curve(cosines: Tensor, labels: Tensor, truth: Tensor, names: int) -> list[float]:
    curve = []
    for step in range(STEPS):
        threshold = -1 + 2 * step / STEPS
        hits, union = [0] * (names + 1), [0] * (names + 1)
        for cosine, label, true in zip(cosines.tolist(), labels.tolist(), truth.tolist(), strict=True):
            said = label if cosine >= threshold else names
            hits[true] += said == true
            for each in {said, true}:
                union[each] += 1
        shares = [hits[k] / union[k] for k in range(names + 1) if bool((truth == k).any())]
        curve.append(sum(shares) / len(shares))
    return curve


def example(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    cosines = torch.randint(-99, 100, (60,), generator=generator) / 100 + 0.001  # no bin's edge
    labels, truth = (torch.randint(0, 4, (60,), generator=generator) for _ in range(2))
    return cosines, labels, torch.where(cosines > 0.3, labels, truth)


@pytest.mark.parametrize("seed", range(3))
def test_the_curve_as_a_loop_computes_it(seed: int) -> None:
    cosines, labels, truth = example(seed)
    curve = threshold_curve(threshold_counts(cosines, labels, truth, names=3))
    assert curve.mIoU == pytest.approx(naive_curve(cosines, labels, truth, 3))
    assert curve.highest == max(curve.mIoU)
    assert curve.mIoU[curve.thresholds.index(curve.best)] == curve.highest
    assert curve.without == curve.mIoU[0]


def test_a_name_that_no_photo_shows_does_not_count() -> None:
    cosines, labels, truth = example(0)
    curve = threshold_curve(threshold_counts(cosines, labels, truth.masked_fill(truth == 1, 3), names=3))
    assert curve.mIoU == pytest.approx(naive_curve(cosines, labels, truth.masked_fill(truth == 1, 3), 3))


@pytest.mark.parametrize(("truth", "missing"), [(0, "anything else"), (1, "a name")])
def test_photos_that_tell_nothing(truth: int, missing: str) -> None:
    counts = threshold_counts(torch.tensor([0.5]), torch.tensor([0]), torch.tensor([truth]), names=1)
    with pytest.raises(ValueError, match=f"got no pixel of {missing}"):
        threshold_curve(counts)


class Colours(nn.Module):
    """Features are the colours."""

    def forward(self, images: Tensor) -> Tensor:
        return images


def test_the_student_is_asked_for_the_names_alone() -> None:
    # Red and green are names, blue is none: its cosine to both is 0.4, theirs to their own 1.
    red, green, blue = torch.eye(3)
    student = Segmenter(
        Colours(),
        ["red", "green"],
        torch.stack([red, green]),
        seen=["red", "green"],
        settings=TestSettings(pad_multiple=1),
    )
    image = torch.stack([red, green, 0.4 * red + 0.9 * blue, red], dim=1).view(3, 1, 4)
    mask = torch.tensor([[0, 1, 2, 255]], dtype=torch.uint8)
    sample = Sample(image, mask, "photo", whole("photo", 1, 4))
    alone, beside = choose_threshold(student, [sample], ["red", "green"], ["red", "green", "blue"])
    assert beside is None, "the model has no other name"
    assert alone.without == pytest.approx((0.5 + 1 + 0) / 3)
    assert alone.highest == 1
    assert alone.best == pytest.approx(0.41)
    alone, beside = choose_threshold(student, [sample], ["red"], ["red", "green", "blue"])
    assert beside is not None
    assert alone.without == pytest.approx((1 / 3 + 0) / 2)
    assert beside.without == pytest.approx((1 / 2 + 1 / 2) / 2), "green competes and takes its own pixel"
