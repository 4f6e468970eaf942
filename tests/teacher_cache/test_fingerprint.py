"""A teacher's hash: another for other weights, settings or classes, the same for the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import nn

from clipteacher.teacher_cache.fingerprint import teacher_fingerprint
from clipteacher.teachers.dense_readings import Dense
from clipteacher.teachers.openclip import OpenClipTeacher
from clipteacher.teachers.teacher import Frozen


def clip(files: tuple[Path, Path], **arguments: Any) -> OpenClipTeacher:  # noqa: ANN401
    return OpenClipTeacher(str(files[0]), str(files[1]), **arguments)


def test_the_same_teacher_has_the_same_hash(tiny_clip: tuple[Path, Path]) -> None:
    one, other = clip(tiny_clip), clip(tiny_clip)
    found = teacher_fingerprint(one)
    assert len(found) == 64
    assert teacher_fingerprint(other) == found
    one.encode_image(torch.rand(1, 3, 32, 32))
    assert teacher_fingerprint(one.train()) == found
    assert teacher_fingerprint(one.to(memory_format=torch.channels_last)) == found


@pytest.mark.parametrize("arguments", [{"dense": "tokens"}, {"image_size": 64}, {"precision": "bf16"}])
def test_another_setting(tiny_clip: tuple[Path, Path], arguments: dict[str, Any]) -> None:
    assert teacher_fingerprint(clip(tiny_clip, **arguments)) != teacher_fingerprint(clip(tiny_clip))


def test_each_reading_is_another_teacher(tiny_clip: tuple[Path, Path]) -> None:
    teacher, found = clip(tiny_clip), set()
    for dense in get_args(Dense):
        teacher.dense = dense
        found.add(teacher_fingerprint(teacher))
    assert len(found) == len(get_args(Dense))


def weight(teacher: Any) -> None:  # noqa: ANN401
    teacher.image.network.conv1.weight.view(-1)[0] += 1e-3


def mean(teacher: Any) -> None:  # noqa: ANN401
    teacher.mean[0] += 1e-3


@pytest.mark.parametrize("change", [weight, mean])
def test_another_weight_or_preprocessing(tiny_clip: tuple[Path, Path], change: Callable[[Any], None]) -> None:
    teacher = clip(tiny_clip)
    before = teacher_fingerprint(teacher)
    with torch.no_grad():
        change(teacher)
    assert teacher_fingerprint(teacher) != before


def test_what_is_hidden_counts_and_loops_end() -> None:
    def make(value: float) -> nn.Module:
        module = nn.Module()
        layer = nn.Linear(2, 2, bias=False)
        nn.init.constant_(layer.weight, value)
        module.tower = Frozen(layer)
        module.own = [module]  # type: ignore[assignment]
        return module

    assert teacher_fingerprint(make(1.0)) == teacher_fingerprint(make(1.0))
    assert teacher_fingerprint(make(1.0)) != teacher_fingerprint(make(2.0))
    assert teacher_fingerprint(nn.ReLU()) != teacher_fingerprint(nn.Sigmoid())
