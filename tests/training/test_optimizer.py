"""AdamW's groups and the schedule, each against a loop."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from clipteacher.students.smp import SMPStudent
from clipteacher.training.optimizer import OptimizerConfig, build_optimizer, learning_rate_factor

CONFIG = OptimizerConfig(lr=0.01, encoder_lr_factor=0.1, weight_decay=0.05)


class Network(nn.Module):
    """Names that could be taken for an encoder's, and one that is."""

    def __init__(self) -> None:
        super().__init__()
        self.student = nn.ModuleDict({"encoder": nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))})
        self.student["decoder"] = nn.Linear(4, 4)
        self.student["backbone"] = nn.Linear(4, 4, bias=False)
        self.encoder_like = nn.Linear(4, 4)
        self.transformer_encoder = nn.LayerNorm(4)
        self.frozen = nn.Linear(4, 4).requires_grad_(False)


EXPECTED = {
    "student.encoder.0.weight": (0.001, 0.05),
    "student.encoder.0.bias": (0.001, 0.0),
    "student.encoder.1.weight": (0.001, 0.0),
    "student.encoder.1.bias": (0.001, 0.0),
    "student.backbone.weight": (0.001, 0.05),
    "student.decoder.weight": (0.01, 0.05),
    "student.decoder.bias": (0.01, 0.0),
    "encoder_like.weight": (0.01, 0.05),
    "encoder_like.bias": (0.01, 0.0),
    "transformer_encoder.weight": (0.01, 0.0),
    "transformer_encoder.bias": (0.01, 0.0),
}


def rates(module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, tuple[float, float]]:
    """Learning rate and weight decay of each parameter by name; fails where one is in two groups."""
    names = {parameter: name for name, parameter in module.named_parameters()}
    found: dict[str, tuple[float, float]] = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            assert names[parameter] not in found
            found[names[parameter]] = (group["lr"], group["weight_decay"])
    return found


def test_each_parameter_has_its_rate_and_its_decay() -> None:
    module = Network()
    found = rates(module, build_optimizer(module, CONFIG))
    assert found.keys() == EXPECTED.keys(), "frozen parameters are left out, all others are in once"
    for name, expected in EXPECTED.items():
        assert found[name] == pytest.approx(expected), name


def test_it_is_adamw_with_four_groups_at_most() -> None:
    optimizer = build_optimizer(Network(), CONFIG)
    assert type(optimizer) is torch.optim.AdamW
    assert len(optimizer.param_groups) == 4
    assert len(build_optimizer(nn.Linear(2, 2), CONFIG).param_groups) == 2
    assert len(build_optimizer(nn.Linear(2, 2, bias=False), CONFIG).param_groups) == 1


def test_the_encoder_of_a_student_is_found() -> None:
    student = SMPStudent("FPN", "tu-test_efficientnet", 8)
    found = rates(student, build_optimizer(student, CONFIG))
    assert found.keys() == {name for name, _ in student.named_parameters()}
    slow = {name for name, (rate, _) in found.items() if rate == pytest.approx(0.001)}
    assert slow == {name for name in found if name.startswith("network.encoder.")}
    assert 0 < len(slow) < len(found)


def test_decay_pulls_weights_alone() -> None:
    """Without gradients AdamW moves what is decayed and nothing else."""
    module = nn.Linear(3, 3)
    before = {name: parameter.clone() for name, parameter in module.named_parameters()}
    optimizer = build_optimizer(module, CONFIG)
    for parameter in module.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    torch.testing.assert_close(module.weight, before["weight"] * (1 - 0.01 * 0.05))
    assert torch.equal(module.bias, before["bias"])


def naive_factor(step: int, steps: int, config: OptimizerConfig) -> float:
    factor = math.pow(max(0, steps - step) / steps, config.power)
    if factor < config.min_factor:
        factor = config.min_factor
    if step < config.warmup_steps:
        factor *= (step + 1) / config.warmup_steps
    return factor


@pytest.mark.parametrize("steps", [1, 7, 100])
@pytest.mark.parametrize("warmup", [0, 1, 5, 200])
@pytest.mark.parametrize("power", [0.0, 0.9, 2.0])
@pytest.mark.parametrize("floor", [0.0, 0.2, 1.0])
def test_factor_as_a_loop_computes_it(steps: int, warmup: int, power: float, floor: float) -> None:
    config = OptimizerConfig(warmup_steps=warmup, power=power, min_factor=floor)
    for step in range(steps + 3):
        factor = learning_rate_factor(step, steps, config)
        assert factor == pytest.approx(naive_factor(step, steps, config))
        assert 0 <= factor <= 1
        if step >= warmup:
            assert factor >= floor


def test_shape_of_the_schedule() -> None:
    config = OptimizerConfig(warmup_steps=10, power=0.9)
    factors = [learning_rate_factor(step, 100, config) for step in range(101)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[:9] == sorted(factors[:9])
    assert factors[9:] == sorted(factors[9:], reverse=True)
    assert factors[50] == pytest.approx(0.5**0.9)
    assert factors[99] > factors[100] == 0
    assert learning_rate_factor(150, 100, config) == 0, "a step past the end is no complex number"


def test_no_warm_up_begins_at_the_full_rate() -> None:
    assert learning_rate_factor(0, 10, OptimizerConfig(warmup_steps=0)) == 1
    assert learning_rate_factor(0, 10, replace(CONFIG, warmup_steps=1)) == 1
