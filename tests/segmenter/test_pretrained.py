"""Models from and to the hub, with the hub's own functions replaced: nothing here reaches for a network."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from clipteacher import Segmenter
from clipteacher.storage.saved_model import MODEL_FILES
from clipteacher.students.smp import SMPStudent


def make(**options: Any) -> Segmenter:  # noqa: ANN401
    torch.manual_seed(0)
    student = SMPStudent("FPN", "tu-test_efficientnet", 8)
    return Segmenter(student, ["sky", "sea", "old chair"], torch.randn(3, 8), **options).eval()


PHOTO = torch.rand(3, 40, 50, generator=torch.Generator().manual_seed(1))


def same(one: Segmenter, other: Segmenter) -> bool:
    return bool((one.segment(PHOTO).labels == other.segment(PHOTO).labels).all())


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """The hub has one model, someone/model; returns what it was asked for."""
    asked: list[dict[str, Any]] = []
    make().save_pretrained(tmp_path / "hub")

    def download(repo_id: str, **options: Any) -> str:  # noqa: ANN401
        asked.append({"repo_id": repo_id, **options})
        return str(tmp_path / "hub")

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    return asked


def test_a_folder_needs_no_hub(tmp_path: Path, downloads: list[dict[str, Any]]) -> None:
    make().save_pretrained(tmp_path / "model")
    for place in (tmp_path / "model", str(tmp_path / "model")):
        again = Segmenter.from_pretrained(place)
        assert same(again, make())
        assert not again.training
    assert not downloads


def test_one_folder_goes_before_the_hub(
    tmp_path: Path, downloads: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    make().save_pretrained(tmp_path / "someone" / "model")
    monkeypatch.chdir(tmp_path)
    Segmenter.from_pretrained("someone/model")
    assert not downloads


def test_a_model_of_the_hub(downloads: list[dict[str, Any]], tmp_path: Path) -> None:
    again = Segmenter.from_pretrained("someone/model", revision="v1", cache_dir=tmp_path / "c", local_files_only=True)
    assert same(again, make())
    assert downloads == [
        {
            "repo_id": "someone/model",
            "revision": "v1",
            "cache_dir": tmp_path / "c",
            "local_files_only": True,
            "allow_patterns": list(MODEL_FILES),
        }
    ]
    assert not any(name.endswith((".py", ".bin", ".pt")) for name in MODEL_FILES)


def test_ones_own_network_and_the_cache_of_words(tmp_path: Path) -> None:
    own = nn.Conv2d(3, 8, 3, stride=2, padding=1)
    Segmenter(own, ["sky"], torch.randn(1, 8)).save_pretrained(tmp_path / "model")
    with pytest.raises(ValueError, match="network of your own"):
        Segmenter.from_pretrained(tmp_path / "model")
    again = Segmenter.from_pretrained(
        tmp_path / "model", student=nn.Conv2d(3, 8, 3, stride=2, padding=1), text_cache=False
    )
    assert torch.equal(again.student.state_dict()["weight"], own.weight)
    assert not again.text_cache


@pytest.mark.parametrize("place", ["/nowhere/model", "./model", "a/b/c", "", "../up", "~/model", "-x/y", Path("a/b")])
def test_what_is_neither_folder_nor_hub_id(place: str | Path, downloads: list[dict[str, Any]], tmp_path: Path) -> None:
    if place == "":
        with pytest.raises(FileNotFoundError, match=r"config\.json"):
            Segmenter.from_pretrained(place)  # the working directory
        return
    with pytest.raises(FileNotFoundError, match=r"model: no folder .*; expected the folder model/ of a run"):
        Segmenter.from_pretrained(place)
    assert not downloads


@pytest.mark.parametrize(
    "error", [OSError("no route to host"), ValueError("401 Client Error.\n\nRepository Not Found"), RuntimeError()]
)
def test_a_download_that_fails(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(repo_id: str, **options: object) -> str:
        raise error

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(ConnectionError, match=r"model: no folder someone/model here, .*hf auth login") as stop:
        Segmenter.from_pretrained("someone/model")
    assert type(error).__name__ in str(stop.value)
    assert "\n" not in str(stop.value)


def test_offline_and_never_downloaded(tmp_path: Path) -> None:
    """Huggingface_hub's own answer, from an empty cache."""
    with pytest.raises(ConnectionError, match="the hub gave no model of that id"):
        Segmenter.from_pretrained("someone/model", cache_dir=tmp_path, local_files_only=True)


def test_a_repository_that_holds_no_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda repo_id, **options: str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"no config\.json"):
        Segmenter.from_pretrained("someone/model")


class Api:
    """The hub's side of an upload."""

    def __init__(self, fault: Exception | None = None, has_card: bool = False) -> None:
        self.fault, self.has_card = fault, has_card
        self.calls: list[Any] = []
        self.sent: dict[str, bytes] = {}

    def create_repo(self, repo_id: str, *, private: bool | None, exist_ok: bool) -> None:
        if self.fault is not None:
            raise self.fault
        self.calls.append(("create", repo_id, private, exist_ok))

    def file_exists(self, repo_id: str, name: str, *, revision: str | None) -> bool:
        assert name == "README.md"
        return self.has_card

    def upload_folder(self, *, folder_path: Path, allow_patterns: list[str], **options: object) -> str:
        self.calls.append(options)
        self.sent = {name: (folder_path / name).read_bytes() for name in allow_patterns}
        return "https://hub/someone/model/commit/1"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Api]:
    def use(**options: Any) -> Api:  # noqa: ANN401
        made = Api(**options)

        def log_in(token: str | None) -> Api:
            made.calls.append(("token", token))
            return made

        monkeypatch.setattr("huggingface_hub.HfApi", log_in)
        return made

    return use


def test_an_upload_can_be_loaded_again(api: Callable[..., Api], tmp_path: Path) -> None:
    hub, model = api(), make(record={"protocol": "world-15-5"}, unseen=["sea"])
    address = model.push_to_hub("someone/model", private=True, token="secret", revision="v2")  # noqa: S106
    assert address == "https://hub/someone/model/commit/1"
    assert hub.calls == [
        ("token", "secret"),
        ("create", "someone/model", True, True),
        {"repo_id": "someone/model", "revision": "v2", "commit_message": "A segmenter of CLIPTeacher"},
    ]
    assert set(hub.sent) == set(MODEL_FILES)
    for name, content in hub.sent.items():
        assert b"secret" not in content
        (tmp_path / name).write_bytes(content)
    again = Segmenter.from_pretrained(tmp_path)
    assert same(again, model)
    assert (again.record, again.unseen) == ({"protocol": "world-15-5"}, ("sea",))


def test_a_card_that_is_there_stays(api: Callable[..., Api]) -> None:
    hub = api(has_card=True)
    make().push_to_hub("someone/model")
    assert set(hub.sent) == set(MODEL_FILES) - {"README.md"}


@pytest.mark.parametrize(
    ("spec", "local"),
    [
        ({"kind": "openclip", "model": "/home/me/clip.json", "pretrained": "/home/me/clip.pt"}, True),
        ({"kind": "openclip", "model": "ViT-B-16", "pretrained": "/home/me/clip.pt"}, True),
        ({"kind": "openclip", "model": "ViT-B-16-quickgelu", "pretrained": "openai"}, False),
        ({"kind": "openclip", "model": "package:clipteacher.demo.tiny_clip", "pretrained": None}, False),
        ({"kind": "minilm", "templates": ["/ {}"]}, False),
        (None, False),
    ],
)
def test_no_path_of_this_machine_is_uploaded(spec: Any, local: bool, api: Callable[..., Api]) -> None:  # noqa: ANN401
    hub, model = api(), make(text_spec=spec)
    model.push_to_hub("someone/model")
    assert json.loads(hub.sent["config.json"])["text_encoder"] == (None if local else spec)
    assert not any(b"/home/me" in content for content in hub.sent.values())
    assert model.text_spec == spec, "the model itself keeps its tower"


def test_an_upload_that_fails(api: Callable[..., Api]) -> None:
    api(fault=OSError("401 Unauthorized\nlong story"))
    with pytest.raises(ConnectionError, match=r"the hub did not take someone/model \(OSError: 401 Unauthorized\)\."):
        make().push_to_hub("someone/model")
    with pytest.raises(ValueError, match="repo_id: got 'a/b/c'"):
        make().push_to_hub("a/b/c")
