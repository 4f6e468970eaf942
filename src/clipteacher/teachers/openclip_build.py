"""Builds an open_clip model with its weights and its tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, cast

import open_clip as _untyped
import torch
from torch import Tensor, nn

from clipteacher.teachers.openclip_source import check_image_tower, find_weights, read_config
from clipteacher.teachers.openclip_weights import load_weights

open_clip: Any = _untyped  # open_clip ships no types

Precision = Literal["fp32", "bf16", "fp16"]
"""Floating point type of a teacher's weights and of its arithmetic."""

_DTYPES = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


class Built(NamedTuple):
    """An open_clip model in two halves, and what they need to be fed.

    Attributes:
        visual: Its image tower.
        text: The rest of open_clip's `CLIP` or `CustomTextCLIP`; its `encode_text` works.
        tokenizer: Turns a list of N prompts into token ids, (N, P), int64; P is the context length.
        mean: Mean of its training images' channels, in [0, 1].
        std: Standard deviation of its training images' channels.
        width: Channels C of the joint space.
    """

    visual: nn.Module
    text: nn.Module
    tokenizer: Callable[[list[str]], Tensor]
    mean: Sequence[float]
    std: Sequence[float]
    width: int


def build(model: str, pretrained: str | None, precision: Precision = "fp32") -> Built:
    """Build an open_clip model with its weights on the CPU; random numbers drawn elsewhere stay as they were.

    Args:
        model: A name that open_clip lists, `hf-hub:org/name`, `package:name` of an installed package, or the path of
            a JSON file with a model configuration (`embed_dim`, `vision_cfg`, `text_cfg`, ...) or a hub repository's
            `open_clip_config.json`.
        pretrained: A tag that open_clip lists for the model or the path of a weights file. None: the hub's weights
            for a hub id, the package's for a package, random weights for all others.
        precision: "fp32", or "bf16" or "fp16" with layer norms in float32.

    Raises:
        ConnectionError: A download failed.
        FileNotFoundError: A configuration or weights file is missing.
        ImportError: The package is not installed.
        ValueError: Unknown model, tag or precision, an unsupported image tower, a QuickGELU mismatch, or weights that
            are not the model's.
    """
    if precision not in _DTYPES:
        raise ValueError(f"precision: got {precision!r}; expected one of {', '.join(_DTYPES)}.")
    config, preprocess = read_config(model)
    check_image_tower(model, config)
    file, tag = find_weights(model, pretrained, config)
    preprocess |= tag
    text = config["text_cfg"]
    if "hf_model_name" in text:
        text["hf_model_pretrained"] = False  # the CLIP weights hold the text tower too
    custom = config.pop("custom_text", False) or "hf_model_name" in text
    dtype = _DTYPES[precision]
    with torch.random.fork_rng(devices=[]):
        try:
            network = (open_clip.CustomTextCLIP if custom else open_clip.CLIP)(**config, cast_dtype=dtype)
        except TypeError as error:
            raise ValueError(f"model: {model} is no configuration of open_clip's: {error}.") from error
    if file is not None:
        load_weights(network, file, model, quick_gelu=bool(config.get("quick_gelu")))
    if dtype is not None:
        open_clip.convert_weights_to_lp(network, dtype=dtype)
    visual = network.visual
    del network.visual
    return Built(
        visual,
        network,
        make_tokenizer(text),
        preprocess.get("mean", open_clip.OPENAI_DATASET_MEAN),
        preprocess.get("std", open_clip.OPENAI_DATASET_STD),
        config["embed_dim"],
    )


def make_tokenizer(text: dict[str, Any]) -> Callable[[list[str]], Tensor]:
    """Make the tokenizer of a text configuration, as `open_clip.get_tokenizer` does for a model it lists.

    It turns N prompts into token ids, (N, P), int64; P is the context length.

    Raises:
        ValueError: The tokenizer's ids go beyond the configured vocabulary.
    """
    length, options = text.get("context_length", 77), text.get("tokenizer_kwargs", {})
    tokenizer: Any
    if text.get("hf_tokenizer_name"):
        mode = text.get("tokenizer_mode")
        tokenizer = open_clip.tokenizer.HFTokenizer(
            text["hf_tokenizer_name"], context_length=length, tokenizer_mode=mode, **options
        )
    else:
        tokenizer = open_clip.SimpleTokenizer(context_length=length, **options)
        size = text.get("vocab_size", 49408)
        if tokenizer.vocab_size > size:
            raise ValueError(
                f"text_cfg: got vocab_size={size}; expected {tokenizer.vocab_size}, the tokenizer's, or more."
            )
    return cast(Callable[[list[str]], Tensor], tokenizer)
