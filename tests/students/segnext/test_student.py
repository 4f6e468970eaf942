"""SegNeXt as a student: sizes, sides, repeatability, and each argument."""

from typing import Any

import pytest
import torch
from torch import Tensor

from clipteacher.students.segnext import SegNeXtStudent
from clipteacher.students.segnext.student import SIZES


def make(**arguments: Any) -> SegNeXtStudent:  # noqa: ANN401
    torch.manual_seed(0)
    return SegNeXtStudent(**({"channels": 16} | arguments))


@pytest.fixture
def images() -> Tensor:
    return torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("height", "width"), [(64, 96), (50, 67), (33, 8)])
def test_any_side_works(height: int, width: int) -> None:
    with torch.no_grad():
        features = make().eval()(torch.rand(1, 3, height, width))
    assert features.shape == (1, 16, -(-height // 8), -(-width // 8))


def test_the_same_image_gives_the_same_features_whatever_ran_before(images: Tensor) -> None:
    student = make().eval()
    with torch.no_grad():
        first = student(images)
        torch.rand(7)
        student(torch.rand(2, 3, 32, 32))
        student.train()
        student.eval()
        assert torch.equal(student(images), first)


def test_the_batch_does_not_matter(images: Tensor) -> None:
    student = make().eval()
    with torch.no_grad():
        together, alone = student(images), torch.cat([student(image[None]) for image in images])
        torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(student(images.flip(0)).flip(0), together, rtol=1e-4, atol=1e-5)


def test_training_differs_by_its_bases_batch_statistics_and_drops_alone(images: Tensor) -> None:
    """With these taken out by hand, one more difference is left: six updates in place of seven."""
    student = make(drop_path=0.0, dropout=0.0).train()
    for module in student.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    ham = student.decode_head.hamburger.ham
    with torch.no_grad():
        assert not torch.equal(student(images), student(images)), "bases are drawn"
        ham.eval()
        assert torch.equal(student(images), student(images))
        trained = student(images)
        assert torch.equal(student.eval()(images), trained)


def features(**arguments: Any) -> Tensor:  # noqa: ANN401
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    training = arguments.pop("training", False)
    student = make(**arguments).train(training)
    torch.manual_seed(1)
    with torch.no_grad():
        out: Tensor = student(images)
    return out


@pytest.mark.parametrize(
    ("training", "option"),
    [
        (False, {"size": "small"}),
        (False, {"channels": 5}),
        (False, {"mean": (0.1, 0.2, 0.3)}),
        (False, {"std": (1.0, 1.0, 1.0)}),
        (False, {"seed": 1}),
        (True, {"drop_path": 0.9}),
        (True, {"dropout": 0.9}),
    ],
)
def test_every_option_does_something(training: bool, option: dict[str, Any]) -> None:
    changed, before = features(training=training, **option), features(training=training)
    assert changed.shape != before.shape or not torch.allclose(changed, before)


def test_an_unknown_size() -> None:
    with pytest.raises(ValueError, match=r"SegNeXt of size 'T', expected one of tiny, small, base, large"):
        SegNeXtStudent("T")


def test_the_bases_travel_with_the_weights() -> None:
    state = make(seed=5).state_dict()
    other = make(seed=6)
    other.load_state_dict(state)
    assert torch.equal(other.decode_head.hamburger.ham.bases, state["decode_head.hamburger.ham.bases"])


@pytest.mark.parametrize(
    ("size", "blocks", "decoder", "rank", "drop_path"),
    [
        ("tiny", (3, 3, 5, 2), 256, 16, 0.1),
        ("small", (2, 2, 4, 2), 256, 16, 0.1),
        ("base", (3, 3, 12, 3), 512, 64, 0.1),
        ("large", (3, 5, 27, 3), 1024, 64, 0.3),
    ],
)
def test_sizes_are_the_authors(size: str, blocks: tuple[int, ...], decoder: int, rank: int, drop_path: float) -> None:
    with torch.device("meta"):
        student = SegNeXtStudent(size)
    assert tuple(len(list(student.backbone.get_submodule(f"block{i}").children())) for i in (1, 2, 3, 4)) == blocks
    assert student.decode_head.hamburger.ham.bases.shape == (1, decoder, rank)
    assert student.spec()["drop_path"] == drop_path == SIZES[size][-1]
    assert student.last.weight.shape == (512, decoder, 1, 1)
