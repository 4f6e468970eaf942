"""The frozen wrapper stays frozen; the check of a teacher names what is missing."""

import pytest
import torch
from tests.stand_ins import StandInTeacher
from torch import Tensor, nn

from clipteacher.teachers.teacher import Frozen, Teacher, TextEncoder, check_teacher


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.linear = nn.Linear(3, 2)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor, scale: float = 1.0) -> Tensor:
        out: Tensor = self.drop(self.linear(self.norm(x))) * scale
        return out


class Holder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.teacher = Frozen(Network())
        self.student = nn.Linear(2, 2)


def test_nothing_reaches_the_network_from_outside() -> None:
    holder = Holder()
    assert {name for name, _ in holder.named_parameters()} == {"student.weight", "student.bias"}
    assert list(holder.state_dict()) == ["student.weight", "student.bias"]
    assert not list(holder.buffers())
    assert len(list(holder.modules())) == 3  # the holder, the wrapper, the student
    assert not any(parameter.requires_grad for parameter in holder.teacher.network.parameters())


def test_train_keeps_eval_and_moves_no_statistic() -> None:
    holder = Holder().train()
    before = {key: value.clone() for key, value in holder.teacher.network.state_dict().items()}
    x = torch.randn(8, 3) * 4 + 2
    first, second = holder.teacher(x), holder.teacher(x)
    assert holder.training
    assert holder.teacher.training
    assert not any(module.training for module in holder.teacher.network.modules())
    torch.testing.assert_close(first, second, rtol=0, atol=0)  # no dropout
    for key, value in holder.teacher.network.state_dict().items():
        torch.testing.assert_close(value, before[key], rtol=0, atol=0)


def test_forward_records_no_gradient_and_passes_arguments_on() -> None:
    frozen = Frozen(Network())
    x = torch.randn(4, 3, requires_grad=True)
    out = frozen(x, scale=2.0)
    assert not out.requires_grad
    torch.testing.assert_close(out, 2 * frozen(x))


def test_an_optimiser_step_on_the_holder_leaves_the_teacher() -> None:
    holder = Holder().train()
    before = [parameter.clone() for parameter in holder.teacher.network.parameters()]
    optimiser = torch.optim.SGD(holder.parameters(), lr=1.0, weight_decay=0.1)
    holder.student(holder.teacher(torch.randn(4, 3))).sum().backward()
    optimiser.step()
    for old, new in zip(before, holder.teacher.network.parameters(), strict=True):
        torch.testing.assert_close(new, old, rtol=0, atol=0)


def test_to_moves_the_network() -> None:
    holder = Holder().to(torch.float64)
    assert {parameter.dtype for parameter in holder.teacher.network.parameters()} == {torch.float64}
    assert holder.teacher.device == torch.device("cpu")
    assert Holder().to("meta").teacher.device == torch.device("meta")


def test_check_teacher_accepts_a_whole_one() -> None:
    teacher = StandInTeacher(4)
    check_teacher(teacher)
    assert isinstance(teacher, Teacher)
    assert isinstance(teacher, TextEncoder)


def test_check_teacher_names_the_missing_parts() -> None:
    class Part:
        width = 4

        def encode_image(self, images: Tensor) -> Tensor:
            return images

    with pytest.raises(TypeError, match="got Part without encode_text, spec"):
        check_teacher(Part())
    with pytest.raises(TypeError, match="got Linear without width, encode_image, encode_text, spec"):
        check_teacher(nn.Linear(1, 1))
