"""Which teacher and which student."""

import huggingface_hub
import pytest

from clipteacher.planning import parts
from clipteacher.planning.frame import choose_frame
from clipteacher.planning.parts import CLIP, choose_student, choose_teacher

FRAME = choose_frame(213, 320, gpu=False)
SMALL = choose_frame(96, 96, gpu=False)


def test_clip_where_its_weights_lie_in_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda repository, file: "/cache/file")
    part = choose_teacher(None, FRAME)
    assert part.name == CLIP
    assert dict(part.init_args) == {"model": "ViT-B-16-quickgelu", "pretrained": "openai"}
    assert "cache" in part.reason


def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda repository, file: None)
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", refuse)


def test_clip_where_the_hub_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch)
    asked = []
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", lambda url, timeout: asked.append(url))
    part = choose_teacher(None, FRAME)
    assert part.name == CLIP
    assert "600 MB" in part.reason
    assert asked
    assert "vit_base_patch16_clip_224.openai" in asked[0]


def test_imagenet_where_clip_cannot_be_had_and_said_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch)
    monkeypatch.setattr(parts, "find_spec", lambda name: object())
    part = choose_teacher(None, FRAME)
    assert part.class_path.endswith("ImageNetTeacher")
    assert "weaker than CLIP" in part.reason


def test_nothing_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch)
    monkeypatch.setattr(parts, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"teacher: .*clipteacher\[imagenet\]"):
        choose_teacher(None, FRAME)


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        ("ViT-L-14-quickgelu:openai", {"model": "ViT-L-14-quickgelu", "pretrained": "openai"}),
        ("ViT-B-16-quickgelu:/disk/clip.pt", {"model": "ViT-B-16-quickgelu", "pretrained": "/disk/clip.pt"}),
        ("hf-hub:org/name", {"model": "hf-hub:org/name", "pretrained": None}),
        ("package:some.clip", {"model": "package:some.clip", "pretrained": None}),
        ("transformers:org/name", {"model": "org/name"}),
    ],
)
def test_a_named_teacher(given: str, arguments: dict[str, object]) -> None:
    assert dict(choose_teacher(given, FRAME).init_args) == arguments
    assert choose_teacher(given, SMALL).init_args["image_size"] == 192, "small photos are enlarged for it"


def test_a_name_without_weights() -> None:
    with pytest.raises(ValueError, match="expected MODEL:PRETRAINED"):
        choose_teacher("ViT-B-16", FRAME)


def test_the_student_fits_the_teacher_and_the_time() -> None:
    usual, small = (choose_student(16, gpu=False, small=small).build() for small in (False, True))
    sizes = [sum(each.numel() for each in student.parameters()) for student in (usual, small)]
    assert sizes[1] < sizes[0] / 3


def test_a_gpu_without_the_hub_trains_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch)
    assert choose_student(16, gpu=True, small=False) == choose_student(16, gpu=False, small=False)


def test_a_gpu_with_the_hub_trains_a_larger_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda repository, file: "/cache/file")
    assert choose_student(16, gpu=True, small=False).init_args["encoder"] == "tu-resnet50"
