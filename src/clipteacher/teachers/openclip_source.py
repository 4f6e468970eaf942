"""Finds an open_clip model's configuration and weights, and refuses what would be silently wrong.

open_clip only warns when a model's activation (QuickGELU) is not the one its weights were trained with; here that is
an error, raised before anything is downloaded. open_clip's global table of models is read, never added to.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import open_clip as _untyped
import timm

from clipteacher.teachers.dense_readings import Dense

open_clip: Any = _untyped  # open_clip ships no types

HUB = "hf-hub:"
PACKAGE = "package:"
_CONFIG, _WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"  # as the hub names them
_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".safetensors")


def read_config(model: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read a model's configuration and its preprocessing configuration, which may be empty.

    Raises:
        ConnectionError, FileNotFoundError, ImportError: The hub, the JSON file or the package does not give it.
        ValueError: Unknown name, or a file that holds no configuration.
    """
    if model.startswith(HUB):
        file = _fetch(model, open_clip.pretrained.download_pretrained_from_hf, model.removeprefix(HUB), _CONFIG)
    elif model.startswith(PACKAGE):
        file = _packaged(model, _CONFIG)
    elif model.endswith(".json"):
        file = Path(model)
        if not file.is_file():
            raise FileNotFoundError(f"model: no configuration file at {file.absolute()}.")
    elif model.startswith("local-dir:"):
        raise ValueError(
            f"model: got {model!r}; expected a name, hf-hub:org/name, package:name or a JSON file. "
            "Give the folder's open_clip_config.json as model and its weights file as pretrained."
        )
    else:
        known = open_clip.list_models()
        name = clean_name(model)
        if name not in known:
            close = difflib.get_close_matches(name, known, n=5, cutoff=0.4)
            raise ValueError(
                f"model: got {model!r}; expected a name that open_clip lists, hf-hub:org/name, package:name or a JSON "
                f"file. Close matches: {', '.join(close) or 'none'}."
            )
        return open_clip.get_model_config(name), {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        config = content.get("model_cfg", content)
        missing = [key for key in ("embed_dim", "vision_cfg", "text_cfg") if key not in config]
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"model: {file} holds no JSON object with a model configuration: {error}.") from error
    if missing:
        raise ValueError(f"model: {file} lacks {', '.join(missing)}; expected open_clip's model configuration.")
    return config, dict(content.get("preprocess_cfg", {}))


def clean_name(model: str) -> str:
    """Spell a model's name as open_clip's table does: `ViT-B/16` is `ViT-B-16`."""
    return model.replace("/", "-")


def brings_weights(model: str) -> bool:
    """Whether a model names its weights too, as a hub id and a package do."""
    return model.startswith((HUB, PACKAGE))


def anywhere(model: str, pretrained: str | None) -> tuple[str, str | None]:
    """Spell a source so that it is the same from any working directory: paths absolute, names and tags as they are."""
    if pretrained is not None and not open_clip.get_pretrained_cfg(clean_name(model), pretrained):
        pretrained = str(Path(pretrained).absolute())
    if model.endswith(".json") and not brings_weights(model):
        model = str(Path(model).absolute())
    return model, pretrained


def check_image_tower(model: str, config: dict[str, Any]) -> None:
    """Check that the image tower has one vector for an image and dense tokens of the same space.

    Raises:
        ValueError: It has no single vector, pools in two stages, or is one that the installed timm does not know.
    """
    vision = config["vision_cfg"]
    name = vision.get("timm_model_name")
    if name and not timm.is_model(name):
        raise ValueError(
            f"model: the image tower of {model} is {name}, which timm {timm.__version__} does not know; expected one "
            "of its models. Update it: pip install --upgrade timm."
        )
    if vision.get("attentional_pool") in ("parallel", "cascade"):
        found = f"one that pools twice (attentional_pool={vision['attentional_pool']!r})"
    elif vision.get("pool_type", "tok") not in ("tok", "avg"):
        found = f"one with pool_type={vision['pool_type']!r}, which gives no single vector"
    else:
        return
    raise ValueError(
        f"model: the image tower of {model} is {found}; expected a class token, a mean or one attention pool. Every "
        "model of open_clip.list_models() has one of these."
    )


def check_dense(model: str, dense: Dense) -> None:
    """Check that the image tower has what a dense reading reads, before any weights are fetched.

    Raises:
        ConnectionError, FileNotFoundError, ImportError, ValueError: As `read_config`.
        ValueError: A reading of a transformer's last block is asked of a ResNet.
    """
    if dense in ("tokens", "value"):
        return
    config, _ = read_config(model)
    if isinstance(config["vision_cfg"].get("layers"), list | tuple):  # so open_clip knows its ResNets
        raise ValueError(
            f"dense: got {dense!r} for {model}, a ResNet; expected tokens or value, since it has no transformer block "
            "whose queries and keys could be read. Set dense='value', or choose a ViT-* model."
        )


def find_weights(model: str, pretrained: str | None, config: dict[str, Any]) -> tuple[Path | None, dict[str, Any]]:
    """Find a weights file, downloading it if need be, and the tag's preprocessing configuration.

    Raises:
        ConnectionError, FileNotFoundError, ImportError: The hub, the path or the package does not give it.
        ValueError: `pretrained` is given for a hub id or a package, is an unknown tag, or its QuickGELU is not the
            model's.
    """
    if pretrained is not None and brings_weights(model):
        kind = "hub id" if model.startswith(HUB) else "package"
        raise ValueError(
            f"pretrained: got {pretrained!r} for {model}; a {kind} brings its own weights. Set pretrained=None."
        )
    if model.startswith(PACKAGE):
        return _packaged(model, _WEIGHTS), {}
    if model.startswith(HUB):
        return _fetch(model, open_clip.pretrained.download_pretrained_from_hf, model.removeprefix(HUB)), {}
    if pretrained is None:
        return None, {}
    tag = open_clip.get_pretrained_cfg(clean_name(model), pretrained)
    if tag:
        # Only this direction: a tag's record without `quick_gelu` may say nothing (roberta-ViT-B-32).
        if tag.get("quick_gelu") and not config.get("quick_gelu"):
            raise quick_gelu_error(model, f"its tag {pretrained!r}")
        return _fetch(f"{model}, {pretrained}", open_clip.download_pretrained, tag), tag
    file = Path(pretrained)
    if file.is_file():
        return file, {}
    if file.suffix in _SUFFIXES or "/" in pretrained or "\\" in pretrained or model.endswith(".json"):
        raise FileNotFoundError(f"pretrained: no weights file at {file.absolute()}.")
    name = clean_name(model)
    tags = open_clip.list_pretrained_tags_by_model(name)
    close = difflib.get_close_matches(pretrained, tags, n=5, cutoff=0.4) or tags
    plain = name.removesuffix("-quickgelu")
    if plain != name and open_clip.get_pretrained_cfg(plain, pretrained):
        fix = f"These weights were trained with plain GELU: set model={plain!r}."
    else:
        fix = f"Close matches: {', '.join(close) or 'none; this model has no tags'}."
    raise ValueError(f"pretrained: got {pretrained!r}; expected a tag of {name} or the path of a weights file. {fix}")


def agreed_preprocessing(model: str) -> dict[str, Any]:
    """Say how a model's images are normalised where a weights file does not: as all tags of the model agree.

    Returns:
        "mean" and "std", or nothing where the tags differ or there are none.
    """
    name, found = clean_name(model), []
    for tag in open_clip.list_pretrained_tags_by_model(name):
        known = open_clip.get_pretrained_cfg(name, tag)
        parts = {part: list(known[part]) for part in ("mean", "std") if part in known}
        found += [parts] if parts not in found else []
    return found[0] if len(found) == 1 else {}


def quick_gelu_error(model: str, source: str) -> ValueError:
    """Make the error for plain GELU under weights that `source` says were trained with QuickGELU."""
    name = f"{clean_name(model)}-quickgelu"
    fix = f"Set model={name!r}" if name in open_clip.list_models() else 'Set "quick_gelu": true in the configuration'
    return ValueError(
        f"model: got {model} with plain GELU; expected QuickGELU, with which {source} was trained "
        f"(other activations give wrong features without a sign). {fix}."
    )


def _packaged(model: str, name: str) -> Path:
    """Find a file of an installed package; `model` is "package:" and the package's dotted name."""
    package = model.removeprefix(PACKAGE)
    if not all(part.isidentifier() for part in package.split(".")):
        raise ValueError(
            f"model: got {model!r}; expected package: and a dotted name, as package:clipteacher.demo.tiny_clip."
        )
    # Looked up, not imported: the name may be from a model folder of somebody else, and importing runs code.
    top, *inner = package.split(".")
    spec = find_spec(top)
    places = [Path(place, *inner) for place in (spec.submodule_search_locations or () if spec is not None else ())]
    folder = next((place for place in places if place.is_dir()), None)
    if folder is None:
        raise ImportError(
            f"model: {model}: No module named {package!r} that is a package; expected an installed package. Install it."
        )
    if not (folder / name).is_file():
        raise FileNotFoundError(f"model: no {name} in the package {package} ({folder}); expected a CLIP there.")
    return folder / name


def _fetch(what: str, download: Callable[..., str], *args: Any) -> Path:  # noqa: ANN401 (handed to `download`)
    try:
        return Path(download(*args))
    except Exception as error:
        raise ConnectionError(
            f"could not fetch {what}: {error} Check the name and the network, or download the files elsewhere and "
            "give their paths (model: a JSON file, or the name; pretrained: the weights file)."
        ) from error
