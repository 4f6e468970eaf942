"""Loads a CLIP's weights file strictly, with errors that name the file and the entries."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import torch
from open_clip.model import CustomTextCLIP, convert_to_custom_text_state_dict
from torch import Tensor, nn

from clipteacher.teachers.openclip_source import quick_gelu_error
from clipteacher.utils.weights import read_weights

# Only OpenAI's own checkpoints carry these entries beside the weights; all of them were trained with QuickGELU.
_OPENAI = frozenset({"input_resolution", "context_length", "vocab_size"})
# Computed when a model is built; archives and older libraries saved them all the same.
_CONSTANTS = ("attn_mask", "text.attn_mask", "text.transformer.embeddings.position_ids")


def load_weights(network: nn.Module, file: Path, model: str, *, quick_gelu: bool) -> None:
    """Load a weights file into a network, strictly.

    A local file does not say which activation it was trained with. OpenAI's own checkpoints are recognised and need
    QuickGELU; for all others the model's name or configuration is taken at its word.
    Deviation: open_clip's `load_checkpoint` resizes positions of another size; here they are an error, since the
    teacher resizes positions itself for every image.

    Args:
        network: open_clip's `CLIP` or `CustomTextCLIP`; changed in place.
        file: What `clipteacher.utils.weights.read_weights` reads, or a TorchScript archive such as OpenAI's.
        model: The model's name, for messages.
        quick_gelu: Whether the network was built with QuickGELU.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file cannot be read, comes from OpenAI while the network has plain GELU, or does not fit.
    """
    state = _read(file)
    if state.keys() >= _OPENAI:
        if not quick_gelu:
            raise quick_gelu_error(model, f"OpenAI's checkpoint {file}")
        state = {key: value for key, value in state.items() if key not in _OPENAI}
    if isinstance(network, CustomTextCLIP) and "positional_embedding" in state:
        state = _convert_text(state)
    state = {key: value for key, value in state.items() if key not in _CONSTANTS}
    expected = network.state_dict()
    for key in ("logit_scale", "logit_bias"):  # () in some files, (1,) in others
        if key in state and key in expected and state[key].numel() == 1:
            state[key] = state[key].reshape(expected[key].shape)
    missing = [key for key in expected if key not in state]
    unexpected = [key for key in state if key not in expected]
    shaped = [
        f"{key} {tuple(state[key].shape)} instead of {tuple(value.shape)}"
        for key, value in expected.items()
        if key in state and state[key].shape != value.shape
    ]
    if missing or unexpected or shaped:
        kinds = (("missing", missing), ("unexpected", unexpected), ("mis-shaped", shaped))
        lists = "; ".join(f"{len(keys)} {kind}, first {', '.join(keys[:3])}" for kind, keys in kinds if keys)
        raise ValueError(
            f"pretrained: {file} does not fit {model}: of {len(expected)} entries {lists}. "
            "Give the model that these weights were trained as."
        )
    network.load_state_dict(state)


def _convert_text(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename the text tower's entries of `CLIP` to those of `CustomTextCLIP`."""
    convert: Any = convert_to_custom_text_state_dict  # untyped
    return dict(convert(state))


def _read(file: Path) -> dict[str, Tensor]:
    """Read a state dict as `read_weights` does, or from OpenAI's own kind of file, without the prefix of DDP."""
    if not _is_torchscript(file):
        state = read_weights(file)
    else:
        try:
            state = torch.jit.load(file, map_location="cpu").state_dict()  # type: ignore[no-untyped-call]
        except Exception as error:
            raise ValueError(f"weights: {file} cannot be read as weights ({type(error).__name__}: {error})") from error
    return {key.removeprefix("module."): value for key, value in state.items()}


def _is_torchscript(file: Path) -> bool:
    """Whether a file is a TorchScript archive, as OpenAI published its models."""
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())
