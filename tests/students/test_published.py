"""The students of the paper: their published sizes, and what holds for each of them."""

import importlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.students.build import build_student
from clipteacher.students.published import PAPER_STUDENTS, PublishedStudent
from clipteacher.students.size import count_flops, count_parameters
from clipteacher.students.student import Student, check_student, student_spec

by_name = pytest.mark.parametrize("paper", PAPER_STUDENTS, ids=lambda paper: paper.name)
SMALLEST = [p for p in PAPER_STUDENTS if p.name in ("SegNeXt-T", "SegFormer-B0", "Swin-T + UPerNet", "DeepLabV3+ R50")]
# Typed from the papers once more: parameters in millions, multiplications in units of 10⁹.
FIGURES = {
    "SegNeXt-T": (4.3, 6.6),
    "SegNeXt-S": (13.9, 15.9),
    "SegNeXt-B": (27.6, 34.9),
    "SegNeXt-L": (48.9, 70.0),
    "SegFormer-B0": (3.8, 8.4),
    "SegFormer-B1": (13.7, 15.9),
    "SegFormer-B2": (27.5, 62.4),
    "SegFormer-B3": (47.3, 79.0),
    "SegFormer-B4": (64.1, 95.7),
    "SegFormer-B5": (84.7, 111.6),
    "Swin-T + UPerNet": (60, 945),
    "Swin-S + UPerNet": (81, 1038),
    "Swin-B + UPerNet": (121, 1188),
    "DeepLabV3+ R50": (43.7, 177),
    "DeepLabV3+ R101": (62.7, 255.1),
}


def test_all_students_of_the_paper_are_there() -> None:
    assert {paper.name: (paper.parameters, paper.flops) for paper in PAPER_STUDENTS} == FIGURES


def shapes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let networks be built on "meta": what an encoder reads from `linspace` is real, first values are not drawn."""
    monkeypatch.setattr(torch, "linspace", partial(torch.linspace, device="cpu"))
    monkeypatch.setattr(nn.Module, "apply", lambda self, function: self)


@by_name
def test_parameters_and_flops_are_the_published_ones(paper: PublishedStudent, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes_alone(monkeypatch)
    with torch.device("meta"):
        network = paper.build(150)
    parameters = count_parameters(network) / 1e6 + paper.auxiliary
    assert parameters == pytest.approx(paper.parameters, rel=0.02)
    flops = count_flops(network, *paper.flops_size, every_product=paper.every_product) / 1e9
    assert flops == pytest.approx(paper.flops, rel=0.01)


@by_name
def test_yaml_names_the_class(paper: PublishedStudent) -> None:
    module, _, name = paper.class_path.rpartition(".")
    assert getattr(importlib.import_module(module), name) is paper.student
    assert json.loads(json.dumps(dict(paper.arguments))) == dict(paper.arguments)


@pytest.fixture(scope="module", params=SMALLEST, ids=lambda paper: paper.name)
def built(request: pytest.FixtureRequest) -> tuple[PublishedStudent, nn.Module]:
    torch.manual_seed(0)
    return request.param, request.param.build(16)


Built = tuple[PublishedStudent, nn.Module]


def run(student: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        out: Tensor = student(images)
    return out


@pytest.mark.parametrize("size", [(32, 64), (64, 32)])
def test_forward_and_backward_at_two_sizes(built: Built, size: tuple[int, int]) -> None:
    paper, student = built
    student.train()
    features = student(torch.rand(2, 3, *size))
    assert features.shape == (2, 16, size[0] // paper.stride, size[1] // paper.stride)
    assert features.dtype == torch.float32
    features.square().mean().backward()
    without = [name for name, p in student.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not without
    student.zero_grad()


def test_it_is_a_student(built: Built) -> None:
    _, student = built
    assert isinstance(student, Student)
    check_student(student, 16, 64)
    channels = [module.out_channels for module in student.modules() if isinstance(module, nn.Conv2d)]
    assert channels[-1] == 16, "the last layer has the teacher's channels"


def test_at_test_the_same_image_gives_the_same_features(built: Built) -> None:
    _, student = built
    student.eval()
    images = torch.rand(2, 3, 32, 64)
    first = run(student, images)
    torch.rand(3)
    run(student, torch.rand(1, 3, 32, 32))
    assert torch.equal(run(student, images), first)
    torch.testing.assert_close(run(student, images[1:]), first[1:], rtol=1e-3, atol=1e-4)


def test_training_drops_channels_before_the_last_layer(built: Built) -> None:
    _, student = built
    rates = [module.p for module in student.modules() if isinstance(module, nn.Dropout2d)]
    assert rates == [0.1]
    images = torch.rand(2, 3, 32, 64)
    student.train()
    assert not torch.equal(run(student, images), run(student, images))
    student.eval()


def test_the_input_is_normalised_by_imagenets_statistics(built: Built) -> None:
    _, student = built
    assert student.mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])  # type: ignore[operator]
    assert student.std.flatten().tolist() == pytest.approx([0.229, 0.224, 0.225])  # type: ignore[operator]
    assert not {"mean", "std"} & student.state_dict().keys(), "no weights"


def test_saving_and_loading_gives_the_same_logits(built: Built, tmp_path: Path) -> None:
    _, student = built
    segmenter = Segmenter(student, ["sky", "grass"], torch.randn(2, 16)).eval()
    segmenter.save_pretrained(tmp_path / "model")
    again = Segmenter.from_pretrained(tmp_path / "model")
    images = torch.rand(1, 3, 30, 50)

    def logits(which: Segmenter) -> Tensor:
        with torch.no_grad():
            return DensePrediction(which.student, images, which.settings).logits(which.classifier)

    assert torch.equal(logits(again), logits(segmenter))


def test_other_sides_work_or_say_what_to_do(built: Built) -> None:
    """SegNeXt and DeepLabV3+ take any side; segmentation_models_pytorch asks for a multiple of 32."""
    paper, student = built
    student.eval()
    images = torch.rand(1, 3, 50, 67)
    if paper.name.startswith(("SegNeXt", "DeepLab")):
        assert run(student, images).shape == (1, 16, -(-50 // paper.stride), -(-67 // paper.stride))
    else:
        with pytest.raises(RuntimeError, match=r"divisible by 32\. Consider pad your images"):
            run(student, images)


@pytest.mark.parametrize("paper", SMALLEST, ids=lambda paper: paper.name)
def test_each_argument_has_its_place_in_the_description(
    paper: PublishedStudent, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes_alone(monkeypatch)
    extra: dict[str, Any] = {"mean": [0.1, 0.2, 0.3], "std": [0.5, 0.6, 0.7], "dropout": 0.3}
    with torch.device("meta"):
        student = paper.student(**paper.arguments, channels=5, **extra)
        spec = student_spec(student)
        assert spec is not None
        again = build_student(json.loads(json.dumps(spec)))
    assert type(again) is paper.student
    assert student_spec(again) == spec
    assert {n: t.shape for n, t in again.state_dict().items()} == {n: t.shape for n, t in student.state_dict().items()}
    assert {name: spec[name] for name in extra} == extra
    assert spec["channels"] == 5
    assert "weights" not in spec
