"""A trained student on disk: a folder of safetensors and config.json. No pickle, no image tower of a teacher."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from clipteacher.files import REPLACED, UNFINISHED, flush, json_text, nan_to_none
from clipteacher.inference.placement import OWN_SIZE
from clipteacher.model_card import model_card
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.segmenter import Segmenter
from clipteacher.students.protocol import check_student, student_spec

_FORMAT = 1
_STUDENT, _VOCABULARY, _CONFIG, _CARD = "student.safetensors", "vocabulary.safetensors", "config.json", "README.md"
_OWN = (
    *("format", "student", "student_class", "names", "unseen", "seen", "seen_offset", "text_encoder", "pad_multiple"),
    "test_pipeline",
)
MODEL_FILES = (_STUDENT, _VOCABULARY, _CONFIG, _CARD)
"""The files of a model folder."""
# Arguments of a student, of segmentation_models_pytorch and of timm that read or fetch a file.
_READS_FILES = frozenset(
    {"weights", "encoder_weights", "checkpoint_path", "pretrained", "pretrained_cfg", "pretrained_cfg_overlay"}
    | {"pretrained_strict", "cache_dir"}
)
_MOST_PADDING = 4096  # pad_multiple in pixels; a photo of one pixel is padded to as much


def save_segmenter(segmenter: Segmenter, folder: str | Path, extra: dict[str, Any] | None = None) -> None:
    """Write a segmenter: `student.safetensors`, `vocabulary.safetensors` (text vectors), `config.json`, `README.md`.

    The folder appears whole or not at all; an older model, or an empty folder, of the same name is replaced. Where the
    process is killed between the two names, `clipteacher.files.remove_unfinished` puts the older one back.

    Args:
        segmenter: What to write.
        folder: The folder.
        extra: Further JSON-ready entries of config.json, such as the protocol's name, beside those of the segmenter's
            own record; NaN becomes null. The model card, README.md, is made of them.

    Raises:
        FileExistsError: What is there under this name is neither a model folder nor an empty one.
        TypeError: An extra entry is no JSON.
        ValueError: An extra entry has the name of one of the model's own, or holds an infinity.
    """
    folder = Path(folder)
    if folder.exists() and not (folder / _CONFIG).is_file() and not _is_empty(folder):
        raise FileExistsError(f"model: {folder} is there and is no model folder; name another, nothing was written")
    folder.parent.mkdir(parents=True, exist_ok=True)
    config = {
        "format": _FORMAT,
        "student": student_spec(segmenter.student),
        "student_class": f"{type(segmenter.student).__module__}.{type(segmenter.student).__qualname__}",
        "names": list(segmenter.names),
        "unseen": list(segmenter.unseen),
        "seen": list(segmenter.seen),
        "seen_offset": segmenter.seen_offset,
        "text_encoder": segmenter.text_spec,
        "pad_multiple": segmenter.pad_multiple,
        "test_pipeline": asdict(segmenter.pipeline),
    }
    further = segmenter.record | (extra or {})
    taken = sorted(config.keys() & further.keys())
    if taken:
        raise ValueError(f"model: got extra entries {taken}, expected other keys than the model's own")
    config |= further
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in segmenter.student.state_dict().items()}
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}{UNFINISHED}", dir=folder.parent))
    try:
        fresh.chmod(0o755)
        # Networks may share tensors between names, which safetensors refuses: each gets its own storage.
        save_file({name: tensor.clone() for name, tensor in state.items()}, fresh / _STUDENT)
        save_file({"vectors": segmenter.vectors.cpu().contiguous()}, fresh / _VOCABULARY)
        (fresh / _CONFIG).write_text(json_text(config), encoding="utf-8")
        (fresh / _CARD).write_text(model_card(nan_to_none(config)), encoding="utf-8")
        for file in fresh.iterdir():
            file.chmod(0o644)  # safetensors writes files that nobody else may read
            flush(file)
        flush(fresh)
        if folder.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{folder.name}{REPLACED}", dir=folder.parent))
            folder.rename(old / "was")
            try:
                fresh.rename(folder)
            except BaseException:
                (old / "was").rename(folder)
                old.rmdir()
                raise
            shutil.rmtree(old)
        else:
            fresh.rename(folder)
        flush(folder.parent)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def read_config(folder: str | Path) -> dict[str, Any]:
    """Read a model folder's config.json.

    Raises:
        FileNotFoundError: It is not a model folder.
        ValueError: The file is no JSON, or of a format that this version does not know.
    """
    path = Path(folder) / _CONFIG
    if not path.is_file():
        raise FileNotFoundError(
            f"model: no {_CONFIG} in {folder}; expected the folder model/ of a run of `clipteacher fit`"
        )
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"model: {path} is no JSON ({error})") from error
    if not isinstance(config, dict) or config.get("format") != _FORMAT:
        got = config.get("format") if isinstance(config, dict) else type(config).__name__
        raise ValueError(f"model: {path} has format {got!r}, expected {_FORMAT}. Update clipteacher, or fit again.")
    return config


def load_segmenter(folder: str | Path, student: nn.Module | None = None) -> Segmenter:
    """Read a segmenter that `save_segmenter` wrote.

    Args:
        folder: The folder.
        student: The network to fill, where it is one's own. None builds the one that config.json describes.

    Returns:
        The segmenter in eval mode on the CPU.

    Raises:
        FileNotFoundError: A file of the folder is missing.
        ValueError: config.json does not say how to build the student, or the weights do not fit it.
    """
    folder, config = Path(folder), read_config(folder)
    for name in (_STUDENT, _VOCABULARY):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"model: no {name} in {folder}; the folder is not whole")
    try:
        state, vectors = load_file(folder / _STUDENT), load_file(folder / _VOCABULARY)["vectors"]
    except Exception as error:
        raise ValueError(f"model: the weights in {folder} cannot be read ({error})") from error
    if vectors.ndim != 2:
        raise ValueError(f"model: the vectors in {folder} have shape {tuple(vectors.shape)}, expected (N, C)")
    student = student if student is not None else _build_student(config, folder, vectors.shape[1])
    try:
        student.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(
            f"model: {folder / _STUDENT} does not fit {type(student).__name__}: {error}. Hand over the network that "
            f"was trained ({config.get('student_class')})."
        ) from error
    student.eval()
    try:
        _check_entries(config)
        if not (vectors.is_floating_point() and torch.isfinite(vectors).all()):
            raise ValueError(f"{_VOCABULARY}: got vectors of {vectors.dtype} or with NaN, expected finite numbers")
        segmenter = Segmenter(
            student,
            config["names"],
            torch.as_tensor(vectors),
            unseen=config["unseen"],
            # A model without these entries is older than them.
            seen=config.get("seen"),
            seen_offset=config.get("seen_offset", 0.0),
            text_spec=config["text_encoder"],
            pad_multiple=config["pad_multiple"],
            # A model without the entry is older than it, and was tested at the photos' own size.
            pipeline=TestPipeline(**config.get("test_pipeline", asdict(OWN_SIZE))),
            record={name: value for name, value in config.items() if name not in _OWN},
        )
        check_student(student, vectors.shape[1])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"model: {folder} is damaged: {type(error).__name__}: {error}. Save or fit it again."
        ) from error
    return segmenter.eval()


def _build_student(config: dict[str, Any], folder: Path, width: int) -> nn.Module:
    if "student" not in config:
        raise ValueError(f"model: {folder / _CONFIG} has no entry 'student'. Save or fit it again.")
    spec = config["student"]
    if spec is None:
        raise ValueError(
            f"model: {folder} holds a network of one's own ({config.get('student_class')}), which clipteacher cannot "
            "build. From Python: load_segmenter(folder, student=YourNetwork())."
        )
    from clipteacher.students.build import build_student

    try:
        _check_description(spec)
        if "channels" in spec and spec["channels"] != width:  # before room is made for them
            raise ValueError(f"channels: got {spec['channels']!r}, expected {width}, the width of its vectors")
        return build_student(spec)
    except Exception as error:  # whatever networks of others make of arguments that they were never meant for
        raise ValueError(f"model: the student in {folder / _CONFIG} cannot be built: {error}") from error


def _check_description(spec: object, name: str = "student") -> None:
    """Check that a student's description holds names and numbers alone: a model folder opens no other file."""
    if isinstance(spec, dict):
        for key, value in spec.items():
            if key in _READS_FILES:
                raise ValueError(f"{name}: got {key!r}, which reads a file, expected none. Take it out.")
            _check_description(value, f"{name}.{key}")
    elif name == "student":
        raise ValueError(f"student: got {type(spec).__name__}, expected an object with its kind and arguments")
    elif isinstance(spec, list):
        for value in spec:
            _check_description(value, name)
    elif isinstance(spec, str) and not set(spec).isdisjoint("/\\:"):
        raise ValueError(f"{name}: got {spec!r}, expected the name of a network, no path and no address")


def _check_entries(config: dict[str, Any]) -> None:
    """Check the kinds of those entries that nothing else checks."""
    for key in ("names", "unseen", *(["seen"] if "seen" in config else [])):
        value = config[key]
        if not isinstance(value, list) or not all(isinstance(name, str) and name.strip() for name in value):
            raise ValueError(f"{key}: got {str(value)[:80]}, expected a list of names")
        if len(set(value)) != len(value):
            raise ValueError(f"{key}: got a name twice, expected each once")
    if not config["names"]:
        raise ValueError("names: got none, expected one or more")
    if not isinstance(config["text_encoder"], dict | None):
        raise ValueError(f"text_encoder: got {type(config['text_encoder']).__name__}, expected an object or null")
    padding = config["pad_multiple"]
    if type(padding) is not int or not 1 <= padding <= _MOST_PADDING:
        raise ValueError(f"pad_multiple: got {padding!r}, expected a whole number in 1..{_MOST_PADDING}")
