"""A closed-set segmenter: the segmenter's labels at the cost of a closed-set network, and what cannot be folded."""

import copy
import warnings
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.inference.settings import TestSettings
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.segmenter.closed_set import ClosedSetSegmenter
from clipteacher.segmenter.fuse_text import TextHead, fuse_text
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.students.deeplabv3plus import DeepLabV3PlusStudent
from clipteacher.students.segformer import SegFormerStudent
from clipteacher.students.segnext import SegNeXtStudent
from clipteacher.students.size import count_flops, count_parameters
from clipteacher.students.smp import SMPStudent
from clipteacher.students.swin_upernet import SwinUPerNetStudent

WIDTH = 24
NAMES = ("sky", "cat", "sea", "old chair", "tree")
STUDENTS: dict[str, Callable[[int], nn.Module]] = {
    "smp": lambda channels: SMPStudent("DeepLabV3Plus", "tu-test_efficientnet", channels),
    "fpn": lambda channels: SMPStudent("FPN", "tu-test_efficientnet", channels),
    "segnext": lambda channels: SegNeXtStudent("tiny", channels),
    "segformer": lambda channels: SegFormerStudent("b0", channels),
    "swin": lambda channels: SwinUPerNetStudent("tiny", channels),
    "deeplab": lambda channels: DeepLabV3PlusStudent(50, channels),
}


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def photo(height: int, width: int, seed: int = 0) -> Tensor:
    """Blobs of colour with noise, (3, H, W)."""
    coarse = torch.rand(1, 3, 5, 7, generator=torch.Generator().manual_seed(seed))
    smooth = F.interpolate(coarse, size=(height, width), mode="bilinear")[0]
    return (smooth + 0.05 * random(3, height, width, seed=seed)).clamp(0, 1)


def vectors(count: int = len(NAMES), width: int = WIDTH) -> Tensor:
    return F.normalize(random(count, width, seed=1), dim=1)


def own(*more: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=4, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, WIDTH, 3, padding=1), *more
    )


@cache  # the larger networks take seconds to draw
def both(kind: str) -> tuple[Segmenter, ClosedSetSegmenter]:
    torch.manual_seed(0)
    model = Segmenter(STUDENTS[kind](WIDTH), NAMES, vectors(), unseen=["cat"])
    return model, model.to_closed_set()


@pytest.mark.parametrize("kind", STUDENTS)
def test_closed_set_and_segmenter_agree_to_the_pixel(kind: str) -> None:
    model, compiled = both(kind)
    assert compiled.fused
    assert (compiled.class_names, compiled.unseen) == (NAMES, ("cat",))
    for size in ((64, 96), (97, 130), (33, 40)):
        image = photo(*size)
        expected, found = model.segment(image, return_logits=True), compiled.segment(image, return_logits=True)
        assert expected.logits is not None
        assert found.logits is not None
        scale = np.abs(expected.logits).max()
        assert np.abs(found.logits - expected.logits).max() < 1e-4 * scale
        best, second = np.sort(expected.logits, axis=0)[[-1, -2]]
        clear = best - second > 2e-4 * scale  # what rounding cannot turn
        assert np.array_equal(found.labels[clear], expected.labels[clear])
        assert np.mean(found.labels == expected.labels) >= 0.999
        assert np.array_equal(compiled.segment(image).labels, found.labels)


@pytest.mark.parametrize("kind", STUDENTS)
def test_it_costs_what_a_network_built_for_the_names_costs(kind: str) -> None:
    network = copy.deepcopy(both(kind)[1].network).to("meta")
    closed = STUDENTS[kind](len(NAMES)).to("meta")
    assert count_parameters(network) == count_parameters(closed)
    assert count_flops(network, 64, 96) == count_flops(closed, 64, 96)
    shapes, expected = ({k: v.shape for k, v in net.state_dict().items()} for net in (network, closed))
    assert shapes == expected


def test_it_shares_no_storage_with_the_student() -> None:
    student = own()
    before = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    compiled = Segmenter(student, NAMES, vectors()).to_closed_set()
    assert all(torch.equal(tensor, before[name]) for name, tensor in student.state_dict().items())
    storages = {tensor.data_ptr() for tensor in student.state_dict().values()}
    assert not storages & {tensor.data_ptr() for tensor in compiled.state_dict().values()}
    image = photo(40, 52)
    labels = compiled.segment(image).labels
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.zero_()
    assert np.array_equal(compiled.segment(image).labels, labels)


def test_forward_is_a_plain_closed_set_network() -> None:
    model = Segmenter(own(), NAMES, vectors())
    model.train()
    compiled, images = model.to_closed_set(), torch.stack([photo(32, 64), photo(32, 64, seed=3)])
    assert not compiled.training
    assert model.training, "the segmenter is left as it was"
    model.eval()
    with torch.no_grad():
        expected = torch.einsum("bchw,nc->bnhw", model.student(images), model.text_features)
        scores = compiled.network(images)
        labels = compiled(images)
    assert scores.shape == (2, len(NAMES), 8, 16)
    assert labels.shape == (2, 32, 64)
    assert torch.equal(labels, model(images))
    torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-5)
    assert all(parameter.requires_grad for parameter in compiled.parameters()), "it can be trained further"


def test_other_names_and_a_subset() -> None:
    model = Segmenter(own(), NAMES, vectors(), unseen=["cat"])
    compiled = model.to_closed_set(["tree", "cat"])
    assert (compiled.class_names, compiled.unseen) == (("tree", "cat"), ("cat",))
    image = photo(50, 41)
    assert np.array_equal(compiled.segment(image).labels, model.segment(image, ["tree", "cat"]).labels)
    assert compiled.segment(image).class_names == ("tree", "cat")
    assert set(compiled.segment(image).areas) == {"tree", "cat"}


def test_a_single_name() -> None:
    assert not Segmenter(own(), NAMES, vectors()).to_closed_set(["sea"]).segment(photo(9, 9)).labels.any()


@pytest.mark.parametrize("names", [["owl"], ["sky", "sky"], [], ["sky", ""]])
def test_names_that_cannot_be_fused(names: list[str]) -> None:
    with pytest.raises(ValueError, match="classes: "):
        Segmenter(own(), NAMES, vectors()).to_closed_set(names)


def test_vectors_that_do_not_match_the_names() -> None:
    with pytest.raises(ValueError, match=r"class_names: got 5 names and text features \(3, 24\)"):
        ClosedSetSegmenter(own(), NAMES, vectors(3))


def test_the_pipeline_and_rows_are_those_of_the_segmenter() -> None:
    slide = TestPipeline(short_side=48, mode="slide", crop=32, stride=20)
    model = Segmenter(own(), NAMES, vectors(), settings=TestSettings(slide, 16, 500))
    compiled, image = model.to_closed_set(), photo(60, 90)
    assert compiled.settings == model.settings
    expected = model.segment(image).labels
    assert np.mean(compiled.segment(image).labels == expected) >= 0.999
    whole = Segmenter(own(), NAMES, vectors(), settings=TestSettings(pad_multiple=16)).segment(image).labels
    assert np.mean(whole == expected) < 0.999, "the windows matter here"


@pytest.mark.parametrize(
    "after",
    [
        (nn.Upsample(scale_factor=2, mode="bilinear"),),
        (nn.Identity(),),
        (nn.Dropout2d(0.5), nn.AvgPool2d(2)),
    ],
)
def test_what_commutes_with_the_last_layer_may_follow_it(after: tuple[nn.Module, ...]) -> None:
    model = Segmenter(own(*after), NAMES, vectors())
    compiled, image = model.to_closed_set(), photo(40, 52)
    assert compiled.fused
    assert np.mean(compiled.segment(image).labels == model.segment(image).labels) >= 0.999


class Channels(nn.Module):
    """Ends in a linear layer over channels that are last, as a ViT does."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.linear = nn.Conv2d(3, 8, 4, stride=4), nn.Linear(8, WIDTH)

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.linear(self.conv(images).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return out


def test_a_linear_layer_folds_too() -> None:
    compiled = Segmenter(Channels(), NAMES, vectors()).to_closed_set()
    assert compiled.fused
    assert isinstance(compiled.network, Channels)
    assert compiled.network.linear.out_features == len(NAMES)


class Twisted(nn.Module):
    """The layer that runs last is not the last of the way of the features, and `last_layer` may say so."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.main, self.side = nn.Conv2d(3, WIDTH, 4, stride=4), nn.Conv2d(3, WIDTH, 4, stride=4)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.main(images)
        self.side(images)  # an auxiliary output that nobody reads
        return features


class Sayer(Twisted):
    def last_layer(self) -> nn.Module:
        return self.main


def test_a_student_may_say_which_layer_is_last() -> None:
    assert Segmenter(Sayer(), NAMES, vectors()).to_closed_set().fused
    with pytest.warns(UserWarning, match="Twisted does not end in a convolution .* last_layer"):
        assert not Segmenter(Twisted(), NAMES, vectors()).to_closed_set().fused


@pytest.mark.parametrize(
    "student",
    [
        own(nn.ReLU()),
        own(nn.BatchNorm2d(WIDTH)),
        own(nn.Conv2d(WIDTH, WIDTH, 1, groups=WIDTH)),
        own(nn.PixelShuffle(2), nn.Conv2d(WIDTH // 4, WIDTH, 1), nn.Softmax(dim=1)),
        nn.PixelUnshuffle(2),
    ],
)
def test_what_cannot_be_folded_gets_one_more_layer_and_a_warning(student: nn.Module) -> None:
    width = 12 if isinstance(student, nn.PixelUnshuffle) else WIDTH
    model, image = Segmenter(student, NAMES, vectors(width=width)), photo(40, 52)
    with pytest.warns(UserWarning, match=f"closed set: {type(student).__name__} does not end in a convolution"):
        compiled = model.to_closed_set()
    assert not compiled.fused
    assert isinstance(compiled.network, TextHead)
    assert np.mean(compiled.segment(image).labels == model.segment(image).labels) >= 0.999


def test_a_weight_that_is_computed_is_left_alone() -> None:
    student = own()
    nn.utils.parametrizations.weight_norm(student[3])
    network, folded = fuse_text(student, vectors())
    assert not folded
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, len(NAMES), 8, 8)


def test_a_layer_without_bias_and_in_double() -> None:
    student = own()
    student[3] = nn.Conv2d(8, WIDTH, 1, bias=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network, folded = fuse_text(student, vectors())
    assert folded
    assert network[3].bias is None  # type: ignore[index]
    assert isinstance(student[3], nn.Conv2d)
    expected = vectors().double() @ student[3].weight.detach().double()[:, :, 0, 0]
    torch.testing.assert_close(network[3].weight[:, :, 0, 0].double(), expected, rtol=1e-6, atol=1e-7)  # type: ignore[index]


def test_fusing_twice_gives_the_same_network_and_copies_work() -> None:
    model = Segmenter(own(), NAMES, vectors())
    one, two = model.to_closed_set().state_dict(), copy.deepcopy(model.to_closed_set()).state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
