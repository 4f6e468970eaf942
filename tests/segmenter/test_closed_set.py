"""Names fused into the network: the segmenter's labels at the cost of a closed-set network, and what does not fuse."""

import copy
import warnings
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from tests.onnx.models import NAMES, WIDTH, own, photo, segmenter, vectors
from torch import Tensor, nn

from clipteacher.protocols.protocol import TestPipeline
from clipteacher.segmenter.closed_set import ClosedSetSegmenter, TextHead, fuse_text
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.students.deeplabv3plus import DeepLabV3PlusStudent
from clipteacher.students.segformer import SegFormerStudent
from clipteacher.students.segnext import SegNeXtStudent
from clipteacher.students.size import count_flops, count_parameters
from clipteacher.students.smp import SMPStudent
from clipteacher.students.swin_upernet import SwinUPerNetStudent

STUDENTS: dict[str, Callable[[int], nn.Module]] = {
    "smp": lambda channels: SMPStudent("DeepLabV3Plus", "tu-test_efficientnet", channels),
    "fpn": lambda channels: SMPStudent("FPN", "tu-test_efficientnet", channels),
    "segnext": lambda channels: SegNeXtStudent("tiny", channels),
    "segformer": lambda channels: SegFormerStudent("b0", channels),
    "swin": lambda channels: SwinUPerNetStudent("tiny", channels),
    "deeplab": lambda channels: DeepLabV3PlusStudent(50, channels),
}


@cache  # the larger networks take seconds to draw
def both(kind: str) -> tuple[Segmenter, ClosedSetSegmenter]:
    torch.manual_seed(0)
    model = segmenter(STUDENTS[kind](WIDTH))
    return model, model.to_closed_set()


@pytest.mark.parametrize("kind", STUDENTS)
def test_closed_set_and_segmenter_agree_to_the_pixel(kind: str) -> None:
    model, closed = both(kind)
    assert closed.fused
    assert (closed.class_names, closed.unseen) == (NAMES, ("cat",))
    for size in ((64, 96), (97, 130), (33, 40)):
        image = photo(*size)
        expected, found = model.segment(image, return_logits=True), closed.segment(image, return_logits=True)
        assert expected.logits is not None
        assert found.logits is not None
        scale = np.abs(expected.logits).max()
        assert np.abs(found.logits - expected.logits).max() < 1e-4 * scale
        best, second = np.sort(expected.logits, axis=0)[[-1, -2]]
        clear = best - second > 2e-4 * scale  # what rounding cannot turn
        assert np.array_equal(found.labels[clear], expected.labels[clear])
        assert np.mean(found.labels == expected.labels) >= 0.999
        assert np.array_equal(closed.segment(image).labels, found.labels)


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
    closed = segmenter(student).to_closed_set()
    assert all(torch.equal(tensor, before[name]) for name, tensor in student.state_dict().items())
    storages = {tensor.data_ptr() for tensor in student.state_dict().values()}
    assert not storages & {tensor.data_ptr() for tensor in closed.state_dict().values()}
    image = photo(40, 52)
    labels = closed.segment(image).labels
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.zero_()
    assert np.array_equal(closed.segment(image).labels, labels)


def test_the_network_is_a_plain_closed_set_network_and_calling_it_gives_ids() -> None:
    model = segmenter().train()
    closed, images = model.to_closed_set(), torch.stack([photo(32, 64), photo(32, 64, seed=3)])
    assert not closed.training
    assert model.training, "the segmenter is left as it was"
    model.eval()
    with torch.no_grad():
        expected = torch.einsum("bchw,nc->bnhw", model.student(images), model.text_features)
        logits = closed.network(images)
        ids = closed(images)
        assert torch.equal(closed((255 * images).round().to(torch.uint8)), ids)
    assert logits.shape == (2, len(NAMES), 8, 16)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    assert (ids.shape, ids.dtype) == ((2, 32, 64), torch.int64)
    assert (ids == model(images)).float().mean() >= 0.999
    assert all(parameter.requires_grad for parameter in closed.parameters()), "it can be trained further"


def test_other_names_and_a_subset() -> None:
    model = segmenter()
    closed = model.to_closed_set(["tree", "cat"])
    assert (closed.class_names, closed.unseen) == (("tree", "cat"), ("cat",))
    image = photo(50, 41)
    assert np.array_equal(closed.segment(image).labels, model.segment(image, ["tree", "cat"]).labels)
    assert closed.segment(image).class_names == ("tree", "cat")
    assert set(closed.segment(image).areas) == {"tree", "cat"}


def test_a_single_name() -> None:
    assert not segmenter().to_closed_set(["sea"]).segment(photo(9, 9)).labels.any()


@pytest.mark.parametrize("names", [["owl"], ["sky", "sky"], [], ["sky", ""]])
def test_names_that_cannot_be_fused(names: list[str]) -> None:
    with pytest.raises(ValueError, match="classes: "):
        segmenter().to_closed_set(names)


def test_vectors_that_do_not_match_the_names() -> None:
    with pytest.raises(ValueError, match=r"class_names: got 5 names and text features \(3, 24\)"):
        ClosedSetSegmenter(own(), NAMES, vectors(3))


def test_settings_are_those_of_the_segmenter() -> None:
    slide = TestPipeline(short_side=48, mode="slide", crop=32, stride=20)
    model = segmenter(pipeline=slide, pad_multiple=16, max_logits=500)
    closed, image = model.to_closed_set(), photo(60, 90)
    assert closed.settings is model.settings
    expected = model.segment(image).labels
    assert np.mean(closed.segment(image).labels == expected) >= 0.999
    whole = segmenter(pad_multiple=16).segment(image).labels
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
    model = segmenter(own(*after))
    closed, image = model.to_closed_set(), photo(40, 52)
    assert closed.fused
    assert np.mean(closed.segment(image).labels == model.segment(image).labels) >= 0.999


class Channels(nn.Module):
    """Ends in a linear layer over channels that are last, as a ViT does."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.linear = nn.Conv2d(3, 8, 4, stride=4), nn.Linear(8, WIDTH)

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.linear(self.conv(images).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return out


def test_a_linear_layer_fuses_too() -> None:
    closed = segmenter(Channels()).to_closed_set()
    assert closed.fused
    assert isinstance(closed.network, Channels)
    assert closed.network.linear.out_features == len(NAMES)


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
    assert segmenter(Sayer()).to_closed_set().fused
    with pytest.warns(UserWarning, match="Twisted does not end in a convolution .* last_layer"):
        assert not segmenter(Twisted()).to_closed_set().fused


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
def test_what_cannot_be_fused_gets_one_more_layer_and_a_warning(student: nn.Module) -> None:
    width = 12 if isinstance(student, nn.PixelUnshuffle) else WIDTH
    model, image = Segmenter(student, NAMES, vectors(width=width)), photo(40, 52)
    with pytest.warns(UserWarning, match=f"closed set: {type(student).__name__} does not end in a convolution"):
        closed = model.to_closed_set()
    assert not closed.fused
    assert isinstance(closed.network, TextHead)
    assert np.mean(closed.segment(image).labels == model.segment(image).labels) >= 0.999


def test_a_weight_that_is_computed_is_left_alone() -> None:
    student = own()
    nn.utils.parametrizations.weight_norm(student[3])
    network, fused = fuse_text(student, vectors())
    assert not fused
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, len(NAMES), 8, 8)


def test_a_layer_without_bias_and_in_double() -> None:
    student = own()
    student[3] = nn.Conv2d(8, WIDTH, 1, bias=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network, fused = fuse_text(student, vectors())
    assert fused
    assert network[3].bias is None  # type: ignore[index]
    assert isinstance(student[3], nn.Conv2d)
    expected = vectors().double() @ student[3].weight.detach().double()[:, :, 0, 0]
    torch.testing.assert_close(network[3].weight[:, :, 0, 0].double(), expected, rtol=1e-6, atol=1e-7)  # type: ignore[index]


def test_fusing_twice_gives_the_same_network_and_copies_work() -> None:
    model = segmenter()
    one, two = model.to_closed_set().state_dict(), copy.deepcopy(model.to_closed_set()).state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
