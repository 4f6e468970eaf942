"""Text vectors on disk: kept by tower, templates and name; a broken file costs nothing but time."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from clipteacher.segmenter.text_cache import CachedText, TextCache
from clipteacher.teachers.openclip import OpenClipText
from clipteacher.teachers.teacher import TextEncoder
from clipteacher.utils.atomic_files import user_cache


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return user_cache("text_vectors")


@pytest.fixture
def spec(tiny_clip: tuple[Path, Path]) -> dict[str, Any]:
    found = OpenClipText(*map(str, tiny_clip), templates=["a {}", "the {}"]).spec()
    assert found is not None
    return found


def refuse(spec: object) -> TextEncoder:
    raise AssertionError(f"built the tower {spec}")


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.safetensors"))


def test_a_second_process_needs_no_tower(spec: dict[str, Any], cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = CachedText(spec)
    vectors = first.encode_text(["barn", "naïve 木", "../../up"])
    assert isinstance(first, TextEncoder)
    assert (first.width, first.spec()) == (16, spec)
    assert torch.equal(
        vectors,
        OpenClipText(spec["model"], spec["pretrained"], templates=spec["templates"]).encode_text(
            ["barn", "naïve 木", "../../up"]
        ),
    )
    assert len(files(cache)) == 3
    assert {path.parent.parent for path in files(cache)} == {cache}
    monkeypatch.setattr("clipteacher.segmenter.text_cache.build_text_encoder", refuse)
    again = CachedText(json.loads(json.dumps(spec)))
    assert torch.equal(again.encode_text(["../../up", "barn"]), vectors[[2, 0]])
    with pytest.raises(AssertionError, match="built the tower"):
        again.encode_text(["mill"])


def test_other_templates_other_weights_and_other_places(
    spec: dict[str, Any], tiny_clip: tuple[Path, Path], tmp_path: Path
) -> None:
    own = TextCache.of(spec)
    assert own is not None
    own.write({"barn": torch.ones(16)})
    weights = tmp_path / "other.safetensors"
    weights.write_bytes(tiny_clip[1].read_bytes()[:-1] + b"\1")
    others: list[dict[str, Any]] = [
        spec | {"templates": ["a {}"]},
        spec | {"pretrained": str(weights)},
        {"kind": "openclip", "model": "package:clipteacher.demo.tiny_clip", "pretrained": None, "templates": ["a {}"]},
        {"kind": "openclip", "model": "ViT-B-16-quickgelu", "pretrained": "openai", "templates": ["a {}"]},
        {"kind": "openclip", "model": "hf-hub:someone/clip", "pretrained": None, "templates": ["a {}"]},
    ]
    found = [TextCache.of(other) for other in others]
    assert all(each is not None and each.read(["barn"]) == {} for each in found)
    assert len({each.folder for each in [own, *found] if each is not None}) == 6
    changed = TextCache.of(spec | {"pretrained": str(weights)})
    weights.write_bytes(b"trained again")
    assert changed != own
    trained_again = TextCache.of(spec | {"pretrained": str(weights)})
    assert trained_again is not None
    assert trained_again.folder not in {each.folder for each in found if each is not None}


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "word2vec"},
        {},
        {"kind": "openclip", "model": "package:no.such.package", "pretrained": None},
        {"kind": "openclip", "model": "/nowhere/clip.json", "pretrained": None},
        {"kind": "openclip", "model": "ViT-B-16", "pretrained": "/nowhere/clip.pt"},
        {"kind": "openclip", "model": "ViT-B-16", "templates": {1, 2}},
    ],
)
def test_towers_that_cannot_be_told_apart_have_no_cache(spec: dict[str, Any]) -> None:
    assert TextCache.of(spec) is None


def test_the_packages_version_tells_minilm(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = set()
    for version in ("0.1.0", "0.2.0"):
        monkeypatch.setattr("clipteacher.segmenter.text_cache.version", lambda name, v=version: v)
        cache = TextCache.of({"kind": "minilm", "templates": ["a {}"]})
        assert cache is not None
        folders.add(cache.folder)
    assert len(folders) == 2


@pytest.mark.parametrize("fault", ["empty", "cut", "text", "another name", "another key", "two axes", "NaN", "folder"])
def test_a_broken_file_counts_as_none_and_is_written_again(fault: str, spec: dict[str, Any], cache: Path) -> None:
    vector = CachedText(spec).encode_text(["barn"])
    (path,) = files(cache)
    whole = path.read_bytes()
    match fault:
        case "empty":
            path.write_bytes(b"")
        case "cut":
            path.write_bytes(whole[:-1])
        case "text":
            path.write_text("404")
        case "another name":
            save_file({"vector": torch.ones(16)}, path, {"name": "mill"})
        case "another key":
            save_file({"v": torch.ones(16)}, path, {"name": "barn"})
        case "two axes":
            save_file({"vector": torch.ones(1, 16)}, path, {"name": "barn"})
        case "NaN":
            save_file({"vector": torch.full((16,), torch.nan)}, path, {"name": "barn"})
        case _:
            path.unlink()
            path.mkdir()
    assert torch.equal(CachedText(spec).encode_text(["barn"]), vector)
    if fault != "folder":
        assert path.read_bytes() == whole


def test_turned_off(spec: dict[str, Any], cache: Path) -> None:
    CachedText(spec, on_disk=False).encode_text(["barn"])
    assert not cache.exists()


def test_a_cache_that_cannot_be_written_costs_time_alone(spec: dict[str, Any], cache: Path) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text("a file where the folder would be")
    assert CachedText(spec).encode_text(["barn"]).shape == (1, 16)


def test_many_at_once(cache: Path) -> None:
    """Readers meet whole files or none while writers write the same names."""
    caches = [TextCache(cache / "tower") for _ in range(4)]
    vectors = {f"w{i}": torch.full((64,), float(i)) for i in range(20)}
    wrong: list[str] = []

    def work(own: TextCache) -> None:
        for _ in range(5):
            own.write(vectors)
            wrong.extend(
                name for name, found in own.read(list(vectors)).items() if not torch.equal(found, vectors[name])
            )

    threads = [threading.Thread(target=work, args=(own,)) for own in caches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(files(cache)) == 20
    assert len(list((cache / "tower").iterdir())) == 20, "no temporary file is left"
    assert caches[0].read(list(vectors)).keys() == vectors.keys()


def test_words_in_memory_are_bounded(spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clipteacher.segmenter.text_cache.MOST_WORDS", 3)
    text = CachedText(spec, on_disk=False)
    first = text.encode_text(["a", "b"])
    assert text.encode_text(["c", "d", "e", "f"]).shape == (4, 16)
    assert list(text._known) == ["d", "e", "f"]
    assert torch.equal(text.encode_text(["a", "b"]), first), "forgotten words are encoded again"
