"""Where a CLIP comes from: an installed package, a file from any folder, and a hub that cannot be reached."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from clipteacher.cli.main import main
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.segmenter.vocabulary import build_text_encoder
from clipteacher.students.smp import SMPStudent
from clipteacher.teachers import openclip_source
from clipteacher.teachers.openclip import OpenClipTeacher, OpenClipText
from clipteacher.teachers.openclip_source import anywhere


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that Python imports from."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("carrier_of_clip")]:
        del sys.modules[name]


@pytest.fixture
def carrier(site: Path, tiny_clip: tuple[Path, Path]) -> str:
    """A package that carries the tiny CLIP in half precision and the hub's form; its dotted name."""
    folder = site / "carrier_of_clip" / "inner"
    folder.mkdir(parents=True)
    for each in (folder.parent, folder):
        (each / "__init__.py").write_text('"""A carrier."""\n')
    config = {
        "model_cfg": json.loads(tiny_clip[0].read_text()),
        "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.2] * 3},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    state = {name: tensor.half() for name, tensor in load_file(tiny_clip[1]).items()}
    save_file(state, folder / "open_clip_model.safetensors")
    return "carrier_of_clip.inner"


def pictures() -> torch.Tensor:
    return torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(0))


def test_a_package_is_read_as_its_files_are(carrier: str, site: Path) -> None:
    folder = site / carrier.replace(".", "/")
    packaged = OpenClipTeacher(f"package:{carrier}", None)
    local = OpenClipTeacher(str(folder / "open_clip_config.json"), str(folder / "open_clip_model.safetensors"))
    for one, other in zip(packaged.encode_image(pictures()), local.encode_image(pictures()), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(packaged.encode_text(["cat"]), local.encode_text(["cat"]))
    torch.testing.assert_close(packaged.mean.flatten(), torch.full((3,), 0.5))
    torch.testing.assert_close(packaged.std.flatten(), torch.full((3,), 0.2))


def test_weights_in_half_precision_fill_modules_in_single(carrier: str, tiny_clip: tuple[Path, Path]) -> None:
    teacher = OpenClipTeacher(f"package:{carrier}", None)
    whole = load_file(tiny_clip[1])
    for network in (teacher.image.network, teacher.tower.network):
        assert {p.dtype for p in network.parameters()} == {torch.float32}
    for name, value in teacher.tower.network.named_parameters():
        assert torch.equal(value, whole[name].half().float()), name
    assert {tensor.dtype for tensor in teacher.encode_image(pictures())} == {torch.float32}


def test_a_packages_spec_holds_no_path_and_builds_the_text_tower(carrier: str, site: Path) -> None:
    teacher = OpenClipTeacher(f"package:{carrier}", None, templates=["the {}"])
    spec = teacher.spec()
    assert spec == {"kind": "openclip", "model": f"package:{carrier}", "pretrained": None, "templates": ["the {}"]}
    text = build_text_encoder(json.loads(json.dumps(spec)))
    assert isinstance(text, OpenClipText)
    assert torch.equal(text.encode_text(["cat", "dog"]), teacher.encode_text(["cat", "dog"]))
    assert text.spec() == spec
    assert str(site) not in json.dumps(spec)


@pytest.mark.parametrize("build", [OpenClipTeacher, OpenClipText])
def test_faults_of_a_package(build: Any, carrier: str, site: Path) -> None:  # noqa: ANN401
    with pytest.raises(ImportError, match=r"package:no_such_package.*No module named.*expected an installed package"):
        build("package:no_such_package", None)
    with pytest.raises(ImportError, match=r"package:carrier_of_clip\.other"):
        build("package:carrier_of_clip.other", None)
    with pytest.raises(FileNotFoundError, match=r"no open_clip_config\.json in the package carrier_of_clip \("):
        build("package:carrier_of_clip", None)
    for name in ("", "a/b", ".inner", "a..b"):
        with pytest.raises(ValueError, match=rf"got '{re.escape(f'package:{name}')}'; expected package: and a dotted"):
            build(f"package:{name}", None)
    with pytest.raises(ValueError, match=r"got 'openai' for package:.*a package brings its own.*Set pretrained=None"):
        build(f"package:{carrier}", "openai")
    (site / "carrier_of_clip" / "inner" / "open_clip_model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"no open_clip_model\.safetensors in the package"):
        build(f"package:{carrier}", None)


def test_a_relative_path_is_kept_as_an_absolute_one(
    tiny_clip: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_clip[0].parent)
    teacher = OpenClipTeacher(tiny_clip[0].name, tiny_clip[1].name)
    monkeypatch.chdir(tmp_path)
    spec = teacher.spec()
    assert spec is not None
    assert (spec["model"], spec["pretrained"]) == (str(tiny_clip[0]), str(tiny_clip[1]))
    assert torch.equal(build_text_encoder(spec).encode_text(["cat"]), teacher.encode_text(["cat"]))


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        (("ViT-B-16-quickgelu", "openai"), ("ViT-B-16-quickgelu", "openai")),
        (("ViT-B/16", "laion2b_s34b_b88k"), ("ViT-B/16", "laion2b_s34b_b88k")),
        (("ViT-B-16", "w.pt"), ("ViT-B-16", "/here/w.pt")),
        (("a/clip.json", "../w.pt"), ("/here/a/clip.json", "/here/../w.pt")),
        (("hf-hub:org/name", None), ("hf-hub:org/name", None)),
        (("package:a.json", None), ("package:a.json", None)),
    ],
)
def test_names_and_tags_stay_and_paths_do_not(
    source: tuple[str, str | None], kept: tuple[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "absolute", lambda self: Path("/here") / self)
    assert anywhere(*source) == kept


def test_a_failed_download_ends_a_command_with_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The student is there; a word that it was not saved with asks for the teacher, which a hub does not give."""

    def refuse(*_: object) -> str:
        raise TimeoutError("no network.")

    monkeypatch.setattr(openclip_source.open_clip.pretrained, "download_pretrained_from_hf", refuse)
    spec = {"kind": "openclip", "model": "hf-hub:org/name", "pretrained": None, "templates": ["a {}"]}
    student = SMPStudent("FPN", "tu-test_efficientnet", 4)
    Segmenter(student, ["sky"], torch.randn(1, 4), text_spec=spec).save_pretrained(tmp_path / "model")
    (tmp_path / "photo.png").write_bytes(b"")
    with pytest.raises(SystemExit) as stop:
        main(
            [
                *("segment", str(tmp_path / "photo.png"), "--model", str(tmp_path / "model")),
                *("--classes", "sky, cat", "--out", str(tmp_path / "out")),
            ]
        )
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("clipteacher: error: could not fetch hf-hub:org/name: no network.")
    assert "Check the name and the network" in error
