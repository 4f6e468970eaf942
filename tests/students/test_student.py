"""The check of a student: what passes, what each failure says, and that it leaves no trace."""

from typing import Any

import pytest
import torch
from tests.stand_ins import StandInStudent
from torch import Tensor, nn

from clipteacher.students.student import Student, check_student, student_spec


class Returns(nn.Module):
    """Returns what it is given here."""

    def __init__(self, output: object) -> None:
        super().__init__()
        self.output = output

    def forward(self, images: Tensor) -> object:
        return self.output


def test_your_own_network_in_three_lines_passes() -> None:
    class Mine(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(nn.Conv2d(3, 8, 3, stride=4, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 1))

    student = Mine()
    check_student(student, 16)
    assert isinstance(student, Student)


def test_a_network_without_parameters_passes() -> None:
    check_student(nn.PixelUnshuffle(4), 48)
    with pytest.raises(ValueError, match="got 48 channels, expected 47"):
        check_student(nn.PixelUnshuffle(4), 47)


def test_wrong_width() -> None:
    with pytest.raises(ValueError, match=r"student: got 8 channels, expected 16, .*\(SMPStudent: channels=16\)"):
        check_student(nn.Conv2d(3, 8, 1), 16)


@pytest.mark.parametrize(
    ("output", "got"),
    [
        (torch.zeros(1, 16), r"\(1, 16\)"),
        (torch.zeros(16, 8, 8), r"\(16, 8, 8\)"),
        ((torch.zeros(1, 16, 8, 8), torch.zeros(1, 5)), "tuple"),
        ({"out": torch.zeros(1, 16, 8, 8)}, "dict"),
        (None, "NoneType"),
    ],
)
def test_an_output_that_is_no_map_of_features(output: object, got: str) -> None:
    message = rf"student: got {got} for an image \(1, 3, 128, 128\), expected a tensor \(1, 16, h, w\)"
    with pytest.raises(ValueError, match=message):
        check_student(Returns(output), 16)


def test_not_a_module() -> None:
    not_a_module: Any = torch.zeros
    with pytest.raises(TypeError, match=r"student: got builtin_function_or_method, expected an nn\.Module"):
        check_student(not_a_module, 16)


def test_the_image_has_the_size_asked_for() -> None:
    student = StandInStudent(4)
    check_student(student, 4, image_size=96)
    assert student.sizes == [(1, 3, 96, 96)]


def mixed() -> nn.Sequential:
    """A network whose parts are in different modes, as when one freezes a norm."""
    student = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.BatchNorm2d(4)).train()
    student[1].eval()
    return student


@pytest.mark.parametrize("width", [4, 5])  # 5 fails the check
def test_mode_and_statistics_are_left_as_they_were(width: int) -> None:
    student = mixed()
    before = {key: value.clone() for key, value in student.state_dict().items()}
    if width == 4:
        check_student(student, width)
    else:
        with pytest.raises(ValueError, match="got 4 channels, expected 5"):
            check_student(student, width)
    assert [module.training for module in student] == [True, False, True, True]
    assert student.training
    for key, value in student.state_dict().items():
        assert torch.equal(value, before[key]), key
    assert all(parameter.grad is None for parameter in student.parameters())


def test_mode_is_left_as_it_was_when_the_network_itself_fails() -> None:
    student = nn.Sequential(nn.Conv2d(7, 4, 1), nn.Dropout())
    with pytest.raises(ValueError, match=r"Sequential fails .* channels"):
        check_student(student, 4)
    assert all(module.training for module in student.modules())


def test_a_spec_is_optional() -> None:
    class Described(nn.Identity):
        def spec(self) -> dict[str, Any]:
            return {"kind": "mine"}

    assert student_spec(Described()) == {"kind": "mine"}
    assert student_spec(nn.Identity()) is None
