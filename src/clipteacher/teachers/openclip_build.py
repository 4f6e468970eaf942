"""Builds an open_clip model with its weights, loaded strictly, and its tokenizer."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import open_clip as _untyped
import torch
from open_clip.timm_model import TimmModel
from torch import Tensor, nn

from clipteacher.teachers.openclip_source import (
    agreed_preprocessing,
    check_image_tower,
    find_weights,
    quick_gelu_error,
    read_config,
)
from clipteacher.teachers.openclip_tokenizer import Tokenizer, tokenizer_of
from clipteacher.utils.packages import needed
from clipteacher.utils.weights import load_strictly, read_weights

open_clip: Any = _untyped  # open_clip ships no types

Precision = Literal["fp32", "bf16", "fp16"]
"""Floating point type of a teacher's weights and of its arithmetic."""

_DTYPES = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
# Only OpenAI's own checkpoints carry these entries beside the weights; all of them were trained with QuickGELU.
_OPENAI = frozenset({"input_resolution", "context_length", "vocab_size"})
# Computed when a model is built; archives and older libraries saved them all the same.
_CONSTANTS = frozenset({"attn_mask", "text.attn_mask", "text.transformer.embeddings.position_ids"})


class Built(NamedTuple):
    """An open_clip model in two halves, and what they need to be fed.

    Attributes:
        visual: Its image tower.
        text: The rest of open_clip's `CLIP`, `CustomTextCLIP` or `CoCa`; its `encode_text` works.
        tokenizer: Turns a list of N prompts into token ids, (N, P), int64; P is the context length.
        mean: Mean of its training images' channels, in [0, 1].
        std: Standard deviation of its training images' channels.
        width: Channels C of the joint space.
    """

    visual: nn.Module
    text: nn.Module
    tokenizer: Tokenizer
    mean: Sequence[float]
    std: Sequence[float]
    width: int


def build(model: str, pretrained: str | None, precision: Precision = "fp32", tokenizer: str | None = None) -> Built:
    """Build an open_clip model with its weights on the CPU; random numbers drawn elsewhere stay as they were.

    Args:
        model: As for `OpenClipTeacher`. A JSON file holds a model configuration (`embed_dim`, `vision_cfg`,
            `text_cfg`, ...), or is a hub repository's `open_clip_config.json`.
        pretrained: As for `OpenClipTeacher`.
        precision: As for `OpenClipTeacher`.
        tokenizer: As for `OpenClipTeacher`.

    Raises:
        ConnectionError, FileNotFoundError, ImportError, ValueError: As `OpenClipTeacher`.
    """
    if precision not in _DTYPES:
        raise ValueError(f"precision: got {precision!r}; expected one of {', '.join(_DTYPES)}.")
    config, preprocess = read_config(model)
    check_image_tower(model, config)
    text = config["text_cfg"]
    tokenize = tokenizer_of(text, tokenizer)
    _prepare_text(text, tokenizer)
    file, tag = find_weights(model, pretrained, config)
    preprocess |= tag or (agreed_preprocessing(model) if file is not None else {})
    network = _construct(model, config, _DTYPES[precision])
    if file is not None:
        load_weights(network, file, model, quick_gelu=bool(config.get("quick_gelu")))
    _lower(network, _DTYPES[precision])
    visual: nn.Module = network.visual
    del network.visual
    if isinstance(network, open_clip.CoCa):
        del network.text_decoder  # it writes captions
    return Built(
        visual,
        network,
        tokenize,
        preprocess.get("mean", open_clip.OPENAI_DATASET_MEAN),
        preprocess.get("std", open_clip.OPENAI_DATASET_STD),
        config["embed_dim"],
    )


def _prepare_text(text: dict[str, Any], folder: str | None) -> None:
    """Set a text tower of transformers so that it is built from its configuration alone, of a folder if there is one.

    Raises:
        ImportError: It is one, and transformers is not installed.
    """
    if "hf_model_name" in text:
        needed("transformers", "transformers", "transformers")
        text["hf_model_pretrained"] = False  # the CLIP weights hold the text tower too
        if folder is not None and (Path(folder) / "config.json").is_file():
            text["hf_model_name"] = folder


def _construct(model: str, config: dict[str, Any], dtype: torch.dtype | None) -> Any:  # noqa: ANN401 (open_clip's)
    """Construct the network with random weights, in float32.

    Raises:
        ConnectionError: The configuration of a text tower of transformers cannot be had.
        ValueError: The configuration is none of open_clip's, or timm has no such image tower.
    """
    text = config["text_cfg"].get("hf_model_name")
    custom = config.pop("custom_text", False) or text is not None
    kind = open_clip.CoCa if "multimodal_cfg" in config else open_clip.CustomTextCLIP if custom else open_clip.CLIP
    with torch.random.fork_rng(devices=[]):
        try:
            return kind(**config, cast_dtype=dtype)
        except TypeError as error:
            raise ValueError(f"model: {model} is no configuration of open_clip's: {error}.") from error
        except OSError as error:
            raise ConnectionError(
                f"could not fetch the configuration of the text tower {text}: {error} Connect once, or download "
                "config.json and the tokenizer's files elsewhere and name their folder: tokenizer='FOLDER'."
            ) from error


def _lower(network: Any, dtype: torch.dtype | None) -> None:  # noqa: ANN401 (open_clip's)
    """Lower weights to half precision as `open_clip.create_model` does, layer norms that compute in float32 apart."""
    if dtype is None:
        return
    whole = [network] if isinstance(network.visual, TimmModel) else []
    whole += [network.text] if isinstance(getattr(network, "text", None), open_clip.hf_model.HFTextEncoder) else []
    for part in whole:  # `convert_weights_to_lp` knows open_clip's own modules only
        part.to(dtype)
    for module in network.modules():
        if isinstance(module, open_clip.transformer.LayerNormFp32):
            module.float()
    if not isinstance(network.visual, TimmModel):
        open_clip.convert_weights_to_lp(network, dtype=dtype)
    token = getattr(getattr(network, "text", None), "cls_emb", None)
    if token is not None:  # CoCa's, which open_clip leaves in float32 beside words in half precision
        token.data = token.data.to(dtype)


def load_weights(network: nn.Module, file: Path, model: str, *, quick_gelu: bool) -> None:
    """Load a weights file into a network, strictly.

    A local file does not say which activation it was trained with. OpenAI's own checkpoints are recognised and need
    QuickGELU; for all others the model's name or configuration is taken at its word.
    Deviation: open_clip's `load_checkpoint` resizes positions of another size; here they are an error, since the
    teacher resizes positions itself for every image.

    Args:
        network: open_clip's `CLIP`, `CustomTextCLIP` or `CoCa`; changed in place.
        file: What `clipteacher.utils.weights.read_weights` reads, or a TorchScript archive such as OpenAI's.
        model: The model's name, for messages.
        quick_gelu: Whether the network was built with QuickGELU.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file cannot be read, comes from OpenAI while the network has plain GELU, or does not fit.
    """
    state = _read(file)
    if state.keys() >= _OPENAI and not quick_gelu:
        raise quick_gelu_error(model, f"OpenAI's checkpoint {file}")
    if isinstance(network, open_clip.CustomTextCLIP) and "positional_embedding" in state:
        state = open_clip.model.convert_to_custom_text_state_dict(state)
    expected = network.state_dict()
    for key in ("logit_scale", "logit_bias"):  # () in some files, (1,) in others
        if key in state and key in expected and state[key].numel() == 1:
            state[key] = state[key].reshape(expected[key].shape)
    load_strictly(network, state, f"{file} given for {model}", left_in_file=_OPENAI | _CONSTANTS)


def _read(file: Path) -> dict[str, Tensor]:
    """Read a state dict as `read_weights` does, or from a TorchScript archive, without the prefix of DDP."""
    names: list[str] = []
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    if not any(name.endswith("/constants.pkl") for name in names):
        state = read_weights(file)
    else:
        try:
            state = torch.jit.load(file, map_location="cpu").state_dict()  # type: ignore[no-untyped-call]
        except Exception as error:
            raise ValueError(f"weights: {file} cannot be read as weights ({type(error).__name__}: {error})") from error
    return {key.removeprefix("module."): value for key, value in state.items()}
