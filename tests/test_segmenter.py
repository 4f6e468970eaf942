"""Segmenter: the test rule against a twin, and the words it answers to."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.segmenter import Segmenter, class_logits
from clipteacher.teachers.protocol import TextEncoder
from clipteacher.vocabulary import encode_names

WIDTH = 8


class Words:
    """A text tower that counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    @property
    def width(self) -> int:
        return WIDTH

    def encode_text(self, names: list[str]) -> Tensor:
        self.asked += names
        return F.normalize(torch.stack([torch.full((WIDTH,), float(len(name))) for name in names]), dim=1)

    def spec(self) -> None:
        return None


def own_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, WIDTH, 3, stride=4, padding=1), nn.BatchNorm2d(WIDTH))


def segmenter(student: nn.Module | None = None) -> Segmenter:
    vectors = F.normalize(torch.randn(3, WIDTH, generator=torch.Generator().manual_seed(1)), dim=1)
    return Segmenter(student or own_network(), ["sky", "cat", "sea"], vectors, unseen=["cat"], pad_multiple=16)


@pytest.mark.parametrize("size", [(32, 48), (33, 47), (5, 70)])
def test_class_logits_against_a_twin_pixel_by_pixel(size: tuple[int, int]) -> None:
    model = segmenter().eval()
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(2))
    logits = class_logits(model.student, model.vectors, image, 16)
    padded = torch.zeros(1, 3, -(-size[0] // 16) * 16, -(-size[1] // 16) * 16)
    padded[:, :, : size[0], : size[1]] = image
    features = model.student(padded)[0]
    small = torch.stack([sum(t[c] * features[c] for c in range(WIDTH)) for t in model.vectors])
    full = F.interpolate(small[None], size=padded.shape[2:], mode="bilinear", align_corners=False)
    assert logits.shape == (1, 3, *size)
    assert torch.allclose(logits, full[:, :, : size[0], : size[1]], atol=1e-5)
    assert torch.equal(model.segment(image[0]), logits[0].argmax(0))


def test_segment_is_in_eval_mode_whatever_the_mode_was() -> None:
    model, image = segmenter().train(), torch.rand(3, 16, 16)
    before = model.student[1].running_mean.clone()  # type: ignore[index]
    ids = model.segment(image)
    assert ids.dtype == torch.int64
    assert not model.training
    assert torch.equal(model.student[1].running_mean, before)  # type: ignore[index]


def test_known_names_need_no_text_tower_and_others_ask_it_once() -> None:
    words = Words()
    assert isinstance(words, TextEncoder)
    model = segmenter()
    assert torch.equal(model.with_names(["sea", "sky"]).vectors, model.vectors[[2, 0]])
    other = model.with_names(["owl", "cat", "zebra"], words)
    assert words.asked == ["owl", "zebra"]
    assert torch.equal(other.vectors[1], model.vectors[1])
    assert other.unseen == ("cat",)


@pytest.mark.parametrize("names", [[], ["sky", "sky"], ["sky", " "]])
def test_names_must_be_different_and_there(names: list[str]) -> None:
    with pytest.raises(ValueError, match="different names"):
        segmenter().with_names(names)


def test_a_name_that_nobody_can_encode_is_named() -> None:
    with pytest.raises(ValueError, match=r"\['owl'\].*sky, cat, sea"):
        segmenter().with_names(["owl", "cat"])
    with pytest.raises(ValueError, match="kind 'mine'"):
        encode_names(["owl"], {}, {"kind": "mine"})
