"""Segmenter and its storage: the test rule, words, and folders that are whole or not there."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.files import write_atomically, write_json
from clipteacher.segmenter import Segmenter, class_logits
from clipteacher.storage import load_segmenter, save_segmenter
from clipteacher.students.smp import SMPStudent
from clipteacher.teachers.protocol import TextEncoder
from clipteacher.vocabulary import build_text_encoder, encode_names

WIDTH = 8


class Words:
    """A text tower that counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    @property
    def width(self) -> int:
        return WIDTH

    def encode_text(self, names: list[str]) -> Tensor:
        self.asked += names
        return F.normalize(torch.stack([torch.full((WIDTH,), float(len(name))) for name in names]), dim=1)

    def spec(self) -> None:
        return None


def own_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, WIDTH, 3, stride=4, padding=1), nn.BatchNorm2d(WIDTH))


def segmenter(student: nn.Module | None = None) -> Segmenter:
    vectors = F.normalize(torch.randn(3, WIDTH, generator=torch.Generator().manual_seed(1)), dim=1)
    return Segmenter(student or own_network(), ["sky", "cat", "sea"], vectors, unseen=["cat"], pad_multiple=16)


@pytest.mark.parametrize("size", [(32, 48), (33, 47), (5, 70)])
def test_class_logits_against_a_twin_pixel_by_pixel(size: tuple[int, int]) -> None:
    model = segmenter().eval()
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(2))
    logits = class_logits(model.student, model.vectors, image, 16)
    padded = torch.zeros(1, 3, -(-size[0] // 16) * 16, -(-size[1] // 16) * 16)
    padded[:, :, : size[0], : size[1]] = image
    features = model.student(padded)[0]
    small = torch.stack([sum(t[c] * features[c] for c in range(WIDTH)) for t in model.vectors])
    full = F.interpolate(small[None], size=padded.shape[2:], mode="bilinear", align_corners=False)
    assert logits.shape == (1, 3, *size)
    assert torch.allclose(logits, full[:, :, : size[0], : size[1]], atol=1e-5)
    assert torch.equal(model.segment(image[0]), logits[0].argmax(0))


def test_segment_is_in_eval_mode_whatever_the_mode_was() -> None:
    model, image = segmenter().train(), torch.rand(3, 16, 16)
    before = model.student[1].running_mean.clone()  # type: ignore[index]
    ids = model.segment(image)
    assert ids.dtype == torch.int64
    assert not model.training
    assert torch.equal(model.student[1].running_mean, before)  # type: ignore[index]


def test_known_names_need_no_text_tower_and_others_ask_it_once() -> None:
    words = Words()
    assert isinstance(words, TextEncoder)
    model = segmenter()
    assert torch.equal(model.with_names(["sea", "sky"]).vectors, model.vectors[[2, 0]])
    other = model.with_names(["owl", "cat", "zebra"], words)
    assert words.asked == ["owl", "zebra"]
    assert torch.equal(other.vectors[1], model.vectors[1])
    assert other.unseen == ("cat",)


@pytest.mark.parametrize("names", [[], ["sky", "sky"], ["sky", " "]])
def test_names_must_be_different_and_there(names: list[str]) -> None:
    with pytest.raises(ValueError, match="different names"):
        segmenter().with_names(names)


def test_a_name_that_nobody_can_encode_is_named() -> None:
    with pytest.raises(ValueError, match=r"\['owl'\].*sky, cat, sea"):
        segmenter().with_names(["owl", "cat"])
    with pytest.raises(ValueError, match="kind 'mine'"):
        encode_names(["owl"], {}, {"kind": "mine"})


def test_openclip_text_tower_is_built_from_its_spec(tiny_clip: tuple[Path, Path]) -> None:
    spec = {"kind": "openclip", "model": str(tiny_clip[0]), "pretrained": str(tiny_clip[1]), "templates": ["a {}"]}
    vectors = build_text_encoder(spec).encode_text(["owl", "cat"])
    assert vectors.shape == (2, 16)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(2))


def test_round_trip_is_exact_and_without_pickle(tmp_path: Path) -> None:
    student = SMPStudent("FPN", "resnet18", WIDTH)
    model = segmenter(student)
    save_segmenter(model, tmp_path / "model", {"protocol": "mine-2-1"})
    assert {path.suffix for path in (tmp_path / "model").iterdir()} == {".safetensors", ".json"}
    assert json.loads((tmp_path / "model" / "config.json").read_text())["protocol"] == "mine-2-1"
    loaded, image = load_segmenter(tmp_path / "model"), torch.rand(1, 3, 40, 33)
    model.eval()
    assert torch.equal(
        class_logits(loaded.student, loaded.vectors, image, 32), class_logits(student, model.vectors, image, 32)
    )
    assert (loaded.names, loaded.unseen, loaded.pad_multiple) == (model.names, model.unseen, 16)


def test_ones_own_network_is_handed_over(tmp_path: Path) -> None:
    model = segmenter()
    save_segmenter(model, tmp_path / "model")
    with pytest.raises(ValueError, match="Sequential"):
        load_segmenter(tmp_path / "model")
    loaded, image = load_segmenter(tmp_path / "model", own_network()), torch.rand(3, 20, 20)
    assert torch.equal(loaded.segment(image), model.segment(image))
    with pytest.raises(ValueError, match=r"student\.safetensors does not fit"):
        load_segmenter(tmp_path / "model", nn.Sequential(nn.Conv2d(3, 9, 3)))


def test_a_failing_save_leaves_the_older_folder_whole(tmp_path: Path) -> None:
    model = segmenter()
    save_segmenter(model, tmp_path / "model")
    before = {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}
    with pytest.raises(TypeError):
        save_segmenter(model, tmp_path / "model", {"not JSON": object()})
    assert {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    save_segmenter(model, tmp_path / "model", {"protocol": "new"})
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_damaged_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        load_segmenter(folder)
    save_segmenter(segmenter(SMPStudent("FPN", "resnet18", WIDTH)), folder)
    weights = folder / "student.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])
    with pytest.raises(ValueError, match="cannot be read"):
        load_segmenter(folder)
    weights.unlink()
    with pytest.raises(FileNotFoundError, match=r"student\.safetensors"):
        load_segmenter(folder)
    weights.write_bytes(whole)
    for text, message in (("{", "no JSON"), ('{"format": 99}', "format 99"), ("[]", "format 'list'")):
        (folder / "config.json").write_text(text)
        with pytest.raises(ValueError, match=message):
            load_segmenter(folder)


def test_files_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "scores.json"
    write_json(path, {"U": 0.5})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"U": float("nan")})

    def half(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, half)
    assert json.loads(path.read_text()) == {"U": 0.5}
    assert [file.name for file in path.parent.iterdir()] == ["scores.json"]
