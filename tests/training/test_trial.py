"""A student that fails on the batches of training, or on the photos of the test, is told before the first step."""

import pytest
import torch
from tests.stand_ins import StandInStudent, convolutions
from torch import Tensor, nn

from clipteacher.inference.settings import TestSettings
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.students.segformer import SegFormerStudent
from clipteacher.students.segnext.student import SegNeXtStudent
from clipteacher.students.smp import SMPStudent
from clipteacher.training.trial import check_test_photo, check_training_batch


class Pooling(nn.Sequential):
    """A convolution of the image's mean, under batch norm: one value a channel and image."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(4))


class Branching(nn.Module):
    """Decides by the values of its input, which a run without values cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        if float(images.mean()) > 2:
            raise ValueError("too bright")
        if images.shape[2] < 8:
            raise ValueError("too small")
        features: Tensor = self.layer(images)
        return features


def test_one_image_under_batch_norm() -> None:
    with pytest.raises(ValueError, match=r"Pooling fails on a training batch \(1, 3, 32, 32\).*batch_size 2 or more"):
        check_training_batch(Pooling(), 1, (32, 32))
    check_training_batch(Pooling(), 2, (32, 32))
    check_training_batch(Pooling().eval(), 2, (32, 32))
    deeplab = SMPStudent("DeepLabV3Plus", "tu-test_efficientnet", 8)
    with pytest.raises(ValueError, match=r"SMPStudent .*batch norm needs more than one value"):
        check_training_batch(deeplab, 1, (64, 64))


@pytest.mark.parametrize(
    ("crop_size", "instead"), [((50, 64), r"\[64, 64\]"), ((48, 100), r"\[64, 128\]"), ((20, 20), r"\[32, 32\]")]
)
def test_crops_that_the_encoder_does_not_take(crop_size: tuple[int, int], instead: str) -> None:
    with pytest.raises(ValueError, match=rf"divisible by 32.*Give another data\.augment\.crop_size, such as {instead}"):
        check_training_batch(SMPStudent("FPN", "tu-test_efficientnet", 8), 2, crop_size)
    check_training_batch(convolutions(8), 2, crop_size)


def test_a_network_that_cannot_run_without_values_is_asked_in_earnest() -> None:
    check_training_batch(Branching(), 1, (16, 16))
    with pytest.raises(ValueError, match=r"Branching fails .*: too small\. Expected crops"):
        check_training_batch(Branching(), 1, (4, 4))


@pytest.mark.parametrize(
    "student",
    [
        lambda: SMPStudent("DeepLabV3Plus", "tu-test_efficientnet", 8),
        lambda: SMPStudent("Unet", "tu-test_efficientnet", 8),
        lambda: SegNeXtStudent("tiny", 8),
        lambda: SegFormerStudent("b0", 8),
        lambda: convolutions(8),
        lambda: StandInStudent(8, dropout=0.5),
        Branching,
    ],
)
def test_nothing_of_the_student_or_of_the_random_numbers_changes(student: object) -> None:
    network = student()  # type: ignore[operator]
    network.eval()
    next(network.modules()).training = True
    modes = [module.training for module in network.modules()]
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    pointers = [parameter.data_ptr() for parameter in network.parameters()]
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    check_training_batch(network, 2, (64, 64))
    check_test_photo(network, (50, 70), TestSettings())
    assert torch.equal(torch.rand(2), expected)
    assert [module.training for module in network.modules()] == modes
    assert [parameter.data_ptr() for parameter in network.parameters()] == pointers
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in state.items())


def test_photos_as_they_are_tested() -> None:
    student = StandInStudent(8, multiple=32)
    check_test_photo(student, (50, 70), TestSettings())
    with pytest.raises(ValueError, match=r"photo of 70x50 .*pad_multiple what its encoder needs \(got 16; most need"):
        check_test_photo(student, (50, 70), TestSettings(pad_multiple=16))
    windows = TestPipeline(short_side=64, mode="slide", crop=64, stride=48)
    check_test_photo(student, (50, 70), TestSettings(windows, pad_multiple=32))
