"""A student as an ONNX file: every kind of ours at many sizes, what the file says, and what cannot be exported.

Two tests take most of this file's time: tracing Swin makes a graph of 4000 nodes, and DeepLabV3+ of stride 8 is slow.
"""

import builtins
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from tests.onnx.models import NAMES, WIDTH, own, photo, segmenter, vectors
from torch import Tensor, nn

from clipteacher import __version__
from clipteacher.inference import DensePrediction, TestSettings, TextClassifier
from clipteacher.inference.seen_gate import SeenGate
from clipteacher.onnx.export import OnnxError, drawn_images, export_onnx
from clipteacher.onnx.opsets import OPSETS
from clipteacher.onnx.segmenter import OnnxSegmenter
from clipteacher.pictures.colours import class_colours
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.students.deeplabv3plus import DeepLabV3PlusStudent
from clipteacher.students.segformer import SegFormerStudent
from clipteacher.students.segnext import SegNeXtStudent
from clipteacher.students.smp import SMPStudent
from clipteacher.students.swin_upernet import SwinUPerNetStudent

SMALL_SWIN = {
    "img_size": 512,
    "strict_img_size": False,
    "embed_dim": 12,
    "depths": (2, 2, 2, 2),
    "num_heads": (1, 2, 2, 2),
    "decoder_channels": 16,
}
STUDENTS: dict[str, Callable[[], nn.Module]] = {
    "smp": lambda: SMPStudent("DeepLabV3Plus", "tu-test_efficientnet", WIDTH),
    "fpn": lambda: SMPStudent("FPN", "tu-test_efficientnet", WIDTH),
    "segnext": lambda: SegNeXtStudent("tiny", WIDTH),
    "segformer": lambda: SegFormerStudent("b0", WIDTH),
    # The layers of SwinUPerNetStudent with fewer channels; itself it comes below.
    "swin": lambda: SMPStudent("UPerNet", "tu-swin_tiny_patch4_window7_224", WIDTH, options=SMALL_SWIN),
    "own": own,
}
# Odd sides, a batch, less than a stride, less than Swin's shift of a window on every map, and one larger than traced.
SIZES = ((1, 64, 96), (2, 97, 70), (1, 1, 1), (1, 33, 200), (3, 32, 32), (1, 230, 160))


@pytest.mark.parametrize("kind", STUDENTS)
def test_every_student_at_every_size(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, text_input = segmenter(STUDENTS[kind]()), kind in ("smp", "swin", "segformer", "own")
    assert export_onnx(model, tmp_path / "student.onnx", text_input=text_input) >= 0.999
    session = onnxruntime.InferenceSession(tmp_path / "student.onnx")
    model.eval()
    for size in SIZES:
        images, text = drawn_images(*size), vectors(3) if text_input else model.text_features
        given = {"images": images.numpy()} | ({"text_features": text.numpy()} if text_input else {})
        labels, logits = map(np.asarray, session.run(["labels", "logits"], given))
        with torch.inference_mode():
            expected = DensePrediction(model.student, images, model.settings).logits(TextClassifier(text)).numpy()
        assert labels.dtype == np.int64
        assert labels.shape == size
        assert logits.dtype == np.float32
        scale = np.abs(expected).max()
        assert np.abs(logits - expected).max() < 1e-4 * scale, size
        assert np.array_equal(labels, logits.argmax(axis=1))
        best, second = np.sort(expected, axis=1)[:, -1], np.sort(expected, axis=1)[:, -2]
        clear = best - second > 2e-4 * scale
        assert np.array_equal(labels[clear], expected.argmax(axis=1)[clear]), size


@pytest.mark.parametrize("student", [SwinUPerNetStudent, DeepLabV3PlusStudent])
def test_the_large_students(student: Callable[..., nn.Module], tmp_path: Path) -> None:
    """They are checked as every export checks itself: three sizes, one of them a batch."""
    torch.manual_seed(0)
    assert export_onnx(segmenter(student(channels=WIDTH)), tmp_path / "student.onnx") >= 0.999


def test_inputs_outputs_and_what_stands_in_the_file(tmp_path: Path) -> None:
    model = segmenter(SMPStudent("FPN", "tu-test_efficientnet", WIDTH, mean=[0.5, 0.25, 0.125], std=[0.5, 0.5, 1.0]))
    path = tmp_path / "student.onnx"
    export_onnx(model, path)
    session = onnxruntime.InferenceSession(path)
    (images,) = session.get_inputs()
    assert (images.name, images.type, images.shape) == ("images", "tensor(float)", ["batch", 3, "height", "width"])
    labels, logits = session.get_outputs()
    assert (labels.name, labels.type, labels.shape) == ("labels", "tensor(int64)", ["batch", "height", "width"])
    assert (logits.name, logits.type) == ("logits", "tensor(float)")
    about = session.get_modelmeta()
    entries = about.custom_metadata_map
    assert about.producer_name == "clipteacher"
    assert entries["clipteacher_version"] == __version__
    assert json.loads(entries["class_names"]) == list(NAMES)
    assert json.loads(entries["unseen"]) == ["cat"]
    assert json.loads(entries["colours"]) == class_colours(NAMES).tolist()
    assert entries["pad_multiple"] == "32"
    assert json.loads(entries["test_pipeline"])["mode"] == "whole"
    assert json.loads(entries["normalisation"]) == {
        "inside": True,
        "input": "RGB in [0, 1]",
        "mean": [0.5, 0.25, 0.125],
        "std": [0.5, 0.5, 1.0],
    }
    assert "text_features" not in entries
    assert str(tmp_path) not in path.read_bytes().decode("latin-1"), "no path of this machine"
    assert [item.name for item in tmp_path.iterdir()] == ["student.onnx"]


@pytest.mark.parametrize("text_input", [False, True])
def test_a_model_that_wanted_names(text_input: bool, tmp_path: Path) -> None:
    """Its file is that of a model which was told none, and segments the same."""
    path, plain = tmp_path / "wanted.onnx", segmenter(calibration=0.2)
    model = Segmenter(
        plain.student, NAMES, vectors(), unseen=["cat"], wanted=["cat", "red barn"], settings=plain.settings
    )
    assert export_onnx(model, path, text_input=text_input) >= 0.999
    export_onnx(plain, tmp_path / "plain.onnx", text_input=text_input)
    entries = [
        onnxruntime.InferenceSession(each).get_modelmeta().custom_metadata_map
        for each in (path, tmp_path / "plain.onnx")
    ]
    assert entries[0] == entries[1]
    exported = OnnxSegmenter(path)
    assert (exported.class_names, exported.unseen) == (NAMES, ("cat",))
    picture = photo(40, 56)
    found, expected = exported.segment(picture.permute(1, 2, 0).numpy()).labels, model.segment(picture).labels
    assert (found == expected).mean() > 0.999


@pytest.mark.parametrize("text_input", [False, True])
def test_a_gate_for_seen_names(text_input: bool, tmp_path: Path) -> None:
    path, direction = tmp_path / "gated.onnx", 0.3 * torch.randn(WIDTH, generator=torch.Generator().manual_seed(3))
    model = segmenter(calibration=0.1).with_gate(SeenGate(direction, 0.05, 1.2))
    assert export_onnx(model, path, text_input=text_input) >= 0.999
    exported, picture = OnnxSegmenter(path), photo(40, 56)
    image = picture.permute(1, 2, 0).numpy()
    for names in (NAMES, NAMES[1:3]):
        expected = model.segment(picture, names).labels
        assert (exported.segment(image, names).labels == expected).mean() > 0.999
        if text_input:  # what a text tower gives for them knows of no gate
            plain = model.with_names(names).text_features.numpy()
            assert (exported.segment(image, names, text_features=plain).labels == expected).mean() > 0.999
    assert not np.array_equal(model.segment(picture).labels, model.with_gate(None).segment(picture).labels)


def test_text_features_as_an_input(tmp_path: Path) -> None:
    path = tmp_path / "student.onnx"
    export_onnx(segmenter(), path, text_input=True)
    session = onnxruntime.InferenceSession(path)
    assert [given.name for given in session.get_inputs()] == ["images", "text_features"]
    assert session.get_inputs()[1].shape == ["names", WIDTH]
    assert [made.name for made in session.get_outputs()] == ["labels", "logits", "lengths"]


@pytest.mark.parametrize("opset", OPSETS)
def test_each_opset(opset: int, tmp_path: Path) -> None:
    export_onnx(segmenter(), tmp_path / "student.onnx", opset=opset)
    (used,) = [item.version for item in onnx.load(tmp_path / "student.onnx").opset_import if not item.domain]
    assert used == opset


def test_the_segmenter_is_left_as_it_was(tmp_path: Path) -> None:
    model = segmenter().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    export_onnx(model, tmp_path / "new" / "folder" / "student.onnx")  # a missing folder is made, as elsewhere
    assert all(module.training for module in model.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize(
    ("student", "count"), [(own(nn.ReLU()), 5), (own(), 1), (nn.PixelUnshuffle(4), 3)], ids=["not fused", "one", "bare"]
)
def test_networks_of_your_own(student: nn.Module, count: int, tmp_path: Path) -> None:
    width = 48 if isinstance(student, nn.PixelUnshuffle) else WIDTH
    model = Segmenter(student, NAMES[:count], vectors(count, width), settings=TestSettings(pad_multiple=8))
    assert export_onnx(model, tmp_path / "student.onnx") >= 0.999


class Frozen(nn.Module):
    """Remembers the size that it saw as a number."""

    def __init__(self) -> None:
        super().__init__()
        self.network = own()

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.network(images)
        return features * float(images.shape[2] / 64) + torch.linspace(-9, 9, WIDTH).view(1, -1, 1, 1) * (
            1 if images.shape[3] > 130 else -1
        )


def test_a_size_that_is_frozen_is_found_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "student.onnx"
    path.write_bytes(b"an older one")
    with pytest.raises(OnnxError, match=r"% of the pixels agree with PyTorch .* expected at least 99\.9 %; .*Frozen"):
        export_onnx(segmenter(Frozen()), path)
    assert path.read_bytes() == b"an older one"
    assert len(list(tmp_path.iterdir())) == 1


class Strange(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = torch.special.bessel_j0(images.repeat(1, 8, 1, 1))
        return features


def test_an_operation_that_onnx_lacks(tmp_path: Path) -> None:
    with pytest.raises(OnnxError, match="onnx: Strange cannot be written with opset 17"):
        export_onnx(segmenter(Strange()), tmp_path / "student.onnx")
    assert not list(tmp_path.iterdir())


def test_wrong_arguments(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"opset: got 11, expected one of \(17, 18, 19, 20\)"):
        export_onnx(segmenter(), tmp_path / "student.onnx", opset=11)
    for name in ("student.pt", "student", ""):
        with pytest.raises(ValueError, match=r"expected the name of a file that ends in \.onnx"):
            export_onnx(segmenter(), tmp_path / name)
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(ValueError, match=r"folder\.onnx"):
        export_onnx(segmenter(), tmp_path / "folder.onnx")


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_package_says_what_to_install(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    real: Any = importlib.import_module

    def absent(name: str) -> Any:  # noqa: ANN401
        if name == package:
            raise ModuleNotFoundError(f"No module named {name!r}")
        return real(name)

    monkeypatch.setattr("clipteacher.utils.packages.import_module", absent)
    with pytest.raises(ImportError, match=rf"the package '{package}' cannot .*pip install 'clipteacher\[onnx\]'"):
        export_onnx(segmenter(), tmp_path / "student.onnx")
    assert not list(tmp_path.iterdir())


def test_the_exporter_needs_no_further_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def blocked(name: str, *rest: Any, **more: Any) -> Any:  # noqa: ANN401
        if name.split(".")[0] in ("onnxscript", "onnx_ir"):
            raise ModuleNotFoundError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", blocked)
    assert export_onnx(segmenter(), tmp_path / "student.onnx") >= 0.999
