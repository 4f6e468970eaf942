"""A trained model on disk: a folder of safetensors and config.json. No pickle, no image tower of a teacher."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from clipteacher.inference.placement import OWN_SIZE
from clipteacher.inference.seen_gate import SeenGate
from clipteacher.inference.settings import TestSettings
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.storage.config_entries import check_entries
from clipteacher.storage.folder_files import check_files, check_vocabulary, read_json, tensor_shapes
from clipteacher.storage.model_card import model_card
from clipteacher.students.student import check_student, student_spec
from clipteacher.utils.atomic_files import REPLACED, UNFINISHED, flush, json_text, nan_to_none

FORMAT = 2
"""Version of config.json; 1, until 2026-11-26, has other names for some entries."""

_STUDENT, _VOCABULARY, _CONFIG, _CARD = "student.safetensors", "vocabulary.safetensors", "config.json", "README.md"
_OWN = ("format", "student", "student_class", "class_names", "unseen", "seen", "wanted", "text_encoder", "test")
MODEL_FILES = (_STUDENT, _VOCABULARY, _CONFIG, _CARD)
"""The files of a model folder."""
_MOVED = {"package:clipteacher.tiny_clip": "package:clipteacher.demo.tiny_clip"}  # since format 1


@dataclass(frozen=True, eq=False, kw_only=True)
class SavedModel:
    """What a model folder holds.

    Attributes:
        student: The network, images (B, 3, H, W) to features (B, C, h, w).
        class_names: Names that it answers to; a name's position is its id.
        text_features: Their text features, (N, C), float32.
        unseen: Those of the names that training had no masks of.
        seen: All names that training saw; None is unknown.
        wanted: All names that training knew by word alone.
        settings: How photos are tested.
        gate: What is added to the logits of seen names, see `clipteacher.inference.seen_gate`; None is nothing.
        text_spec: Description of the teacher's text tower; None where there is none.
        record: What else is known of the model, ready for JSON, such as its protocol and scores. The model card,
            README.md, is made of it.
    """

    student: nn.Module
    class_names: Sequence[str]
    text_features: Tensor
    unseen: Sequence[str] = ()
    seen: Sequence[str] | None = None
    wanted: Sequence[str] = ()
    settings: TestSettings = TestSettings()
    gate: SeenGate | None = None
    text_spec: Mapping[str, Any] | None = None
    record: Mapping[str, Any] = field(default_factory=dict)


def model_folder(path: Path) -> Path:
    """Return the folder of a model: a run's `model/`, where the path is a run's folder, else the path itself."""
    is_run = not (path / _CONFIG).is_file() and (path / "model").is_dir()
    return path / "model" if is_run else path


def write_model(model: SavedModel, folder: str | Path) -> None:
    """Write `student.safetensors`, `vocabulary.safetensors` (text features), `config.json` and `README.md`.

    The folder appears whole or not at all; an older model, or an empty folder, of the same name is replaced. Where the
    process is killed between the two names, `clipteacher.utils.atomic_files.remove_unfinished` puts the older one back.

    Args:
        model: What to write.
        folder: The folder.

    Raises:
        FileExistsError: What is there under this name is neither a model folder nor an empty one.
        TypeError: An entry of the record is no JSON.
        ValueError: A name is no word or is given twice; or an entry of the record has the name of one of the model's
            own, or holds an infinity; NaN becomes null.
    """
    folder = Path(folder)
    empty = folder.is_dir() and not any(folder.iterdir())
    if folder.exists() and not (folder / _CONFIG).is_file() and not empty:
        raise FileExistsError(f"model: {folder} exists and is no model folder; name another, nothing was written")
    folder.parent.mkdir(parents=True, exist_ok=True)
    config, state = _config(model), model.student.state_dict()
    text = json_text(config)
    check_entries(json.loads(text), folder / _CONFIG, builds=False)  # what cannot be read is not written
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}{UNFINISHED}", dir=folder.parent))
    try:
        # Networks may share tensors between names, which safetensors refuses: each gets its own storage.
        save_file({name: each.detach().cpu().contiguous().clone() for name, each in state.items()}, fresh / _STUDENT)
        gate = {} if model.gate is None else {"gate": model.gate.numbers}
        save_file({"vectors": model.text_features.detach().cpu().contiguous(), **gate}, fresh / _VOCABULARY)
        (fresh / _CONFIG).write_text(text, encoding="utf-8")
        (fresh / _CARD).write_text(model_card(nan_to_none(config)), encoding="utf-8")
        _move(fresh, folder)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def _move(fresh: Path, folder: Path) -> None:
    """Flush a hidden folder and move it into place; what was there before is removed last."""
    fresh.chmod(0o755)
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


def _config(model: SavedModel) -> dict[str, Any]:
    """Make the entries of config.json."""
    config = {
        "format": FORMAT,
        "student": student_spec(model.student),
        "student_class": f"{type(model.student).__module__}.{type(model.student).__qualname__}",
        "class_names": list(model.class_names),
        "unseen": list(model.unseen),
        "seen": None if model.seen is None else list(model.seen),
        "wanted": list(model.wanted),
        "text_encoder": None if model.text_spec is None else dict(model.text_spec),
        "test": asdict(model.settings),
    }
    taken = sorted(config.keys() & model.record.keys())
    if taken:
        raise ValueError(f"model: got record entries {taken}, expected other keys than the model's own")
    return config | dict(model.record)


def read_config(folder: str | Path) -> dict[str, Any]:
    """Read a model folder's config.json; one of an older format is returned in today's words.

    Raises:
        FileNotFoundError: It is not a model folder.
        ValueError: The file leads out of the folder, is no JSON, too large or too deep, of a format that this version
            does not know, or damaged.
    """
    path = Path(folder) / _CONFIG
    if not path.is_file() and not path.is_symlink():
        raise FileNotFoundError(
            f"model: no {_CONFIG} in {folder}; expected the folder model/ of a run of `clipteacher fit`"
        )
    check_files(Path(folder), (_CONFIG,))
    config = read_json(path)
    found = config.get("format") if isinstance(config, dict) else type(config).__name__
    if found == 1 and type(found) is int:
        try:
            return {"wanted": [], **_from_format_1(config)}
        except KeyError as error:
            raise ValueError(f"model: {path} has no entry {error}. Save it or train it again.") from error
    if found != FORMAT or type(found) is not int:
        raise ValueError(
            f"model: {path} has format {found!r}, expected {FORMAT}, or 1. Update clipteacher, or train again."
        )
    return {**config, "wanted": config.get("wanted", [])}  # until 2026-11-27 there was no such entry, and no such name


def _from_format_1(config: Mapping[str, Any]) -> dict[str, Any]:
    """Give the entries of format 1 today's names. The oldest models lack some, and were tested at their own size."""
    renamed = {"format", "names", "seen", "seen_offset", "pad_multiple", "test_pipeline", "text_encoder"}
    text_encoder = config["text_encoder"]
    if isinstance(text_encoder, dict):
        model = text_encoder.get("model")
        text_encoder = text_encoder | ({"model": _MOVED[model]} if isinstance(model, str) and model in _MOVED else {})
    return {name: value for name, value in config.items() if name not in renamed} | {
        "format": FORMAT,
        "class_names": config["names"],
        "seen": config.get("seen"),
        "text_encoder": text_encoder,
        "test": {
            "pipeline": config.get("test_pipeline", asdict(OWN_SIZE)),
            "pad_multiple": config["pad_multiple"],
            "calibration": config.get("seen_offset", 0.0),
        },
    }


def read_model(folder: str | Path, student: nn.Module | None = None) -> SavedModel:
    """Read a model that `write_model` wrote.

    The folder may be a stranger's: its files, every entry and the shapes of its text features are checked before a
    tensor is read or a network is built, see docs/guides/threats.md. Building the student leaves torch's random numbers
    as they were: what is trained afterwards does not depend on it.

    Args:
        folder: The folder.
        student: The network to fill, where it is your own. None builds the one that config.json describes.

    Returns:
        The model, its student in eval mode on the CPU.

    Raises:
        FileNotFoundError: A file of the folder is missing.
        ValueError: A file leads out of the folder, an entry is wrong, config.json does not say how to build the
            student, or the weights do not fit it.
    """
    folder = Path(folder)
    config = read_config(folder)
    check_files(folder, (_STUDENT, _VOCABULARY))
    check_entries(config, folder / _CONFIG, builds=student is None)
    settings = _test_settings(config["test"], folder / _CONFIG)
    check_vocabulary(folder / _VOCABULARY, config, builds=student is None)
    tensor_shapes(folder / _STUDENT)
    vocabulary = _read_tensors(folder / _VOCABULARY)
    text_features, gate = vocabulary["vectors"].float(), vocabulary.get("gate")
    if student is None:
        with torch.random.fork_rng(devices=[]):
            student = _build_student(config, folder)
    try:
        student.load_state_dict(_read_tensors(folder / _STUDENT))
    except RuntimeError as error:
        said = shorten(str(error), 300, placeholder=" …").rstrip(". ")  # it lists each of hundreds of tensors
        raise ValueError(
            f"model: {folder / _STUDENT} does not fit {type(student).__name__}: {said}. Hand over the network that "
            f"was trained ({config.get('student_class')})."
        ) from error
    student.eval()
    try:
        model = SavedModel(
            student=student,
            class_names=tuple(config["class_names"]),
            text_features=text_features,
            unseen=tuple(config["unseen"]),
            seen=None if config["seen"] is None else tuple(config["seen"]),
            wanted=tuple(config["wanted"]),
            settings=settings,
            gate=None if gate is None else SeenGate.of(gate),
            text_spec=config["text_encoder"],
            record={name: value for name, value in config.items() if name not in _OWN},
        )
        check_student(student, text_features.shape[1])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        said = str(error).rstrip(".")
        raise ValueError(f"model: {folder / _CONFIG}: {said}. Save it or train it again.") from error
    return model


def _read_tensors(path: Path) -> dict[str, Tensor]:
    """Read tensors by name, any shape; none holds NaN."""
    try:
        tensors = load_file(path)
    except Exception as error:
        raise ValueError(f"model: the weights in {path.parent} cannot be read ({error})") from error
    for name, tensor in tensors.items():
        # The vocabulary is finite; a network of your own may keep an infinity, as a mask does.
        finite = path.name == _VOCABULARY
        faulty = tensor.is_floating_point() and (~tensor.isfinite() if finite else tensor.isnan()).any()
        if faulty:
            raise ValueError(
                f"model: {path}: got NaN in {name[:80]!r}, expected finite numbers. Save it or train it again."
            )
    return tensors


def _test_settings(entry: Mapping[str, Any], path: Path) -> TestSettings:
    """Make the settings of their entry."""
    try:
        return TestSettings(**{**entry, "pipeline": TestPipeline(**entry["pipeline"])})
    except (TypeError, ValueError) as error:
        raise ValueError(f"model: {path}: test: {str(error).rstrip('.')}. Save it or train it again.") from error


def _build_student(config: dict[str, Any], folder: Path) -> nn.Module:
    spec = config["student"]
    if spec is None:
        raise ValueError(
            f"model: {folder} holds a network of your own ({config.get('student_class')}), which clipteacher cannot "
            "build. From Python: Segmenter.from_pretrained(folder, student=YourNetwork())."
        )
    # Loaded here, for the libraries of networks take seconds, and a network of your own needs none of them.
    from clipteacher.students.build import build_student

    try:
        return build_student(spec)
    except Exception as error:  # other libraries may raise anything for unexpected arguments
        raise ValueError(f"model: the student in {folder / _CONFIG} cannot be built: {error}") from error
