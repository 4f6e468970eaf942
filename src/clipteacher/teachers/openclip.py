"""Any CLIP that open_clip builds itself, as a frozen teacher (CLIP: arXiv 2103.00020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast, get_args

import torch
import torch.nn.functional as F
from open_clip.modified_resnet import ModifiedResNet
from torch import Tensor, nn

from clipteacher.teachers.dense_readings import Dense
from clipteacher.teachers.openclip_build import Built, Precision, build
from clipteacher.teachers.openclip_source import anywhere, brings_weights, check_dense
from clipteacher.teachers.openclip_trunk import resnet_tokens, vit_tokens
from clipteacher.teachers.prompts import SINGLE, check_templates, ensemble, fill, too_long
from clipteacher.teachers.teacher import Frozen, TeacherTokens

_PROMPTS_AT_ONCE = 256  # bounds memory: 847 classes with 15 templates are 12,705 prompts


def fit(images: Tensor, step: tuple[int, int], short: int | None = None) -> Tensor:
    """Resize images so that their sides are multiples of the image tower's step.

    Bilinear with antialiasing; each side goes to the nearest multiple, at least one step. Images that fit come back
    as they are.

    Args:
        images: (B, 3, H, W), floating point.
        step: Patch height and width, or the stride of a ResNet.
        short: Length that the shorter side is brought to first, the aspect kept. None: sides stay as they come.

    Returns:
        Images, (B, 3, H', W'), same dtype.

    Example:
        >>> fit(torch.zeros(1, 3, 100, 203), (16, 16)).shape, fit(torch.zeros(1, 3, 100, 200), (16, 16), 64).shape
        (torch.Size([1, 3, 96, 208]), torch.Size([1, 3, 64, 128]))
    """
    height, width = images.shape[-2:]
    scale = 1.0 if short is None else short / min(height, width)
    size = [max(1, int(side * scale / unit + 0.5)) * unit for side, unit in zip((height, width), step, strict=True)]
    if size == [height, width]:
        return images
    return F.interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True)


class TextTower(nn.Module):
    """The text half of a built open_clip model, frozen.

    Args:
        built: The model.
        templates: P prompt templates, each with one `{}`; a class is the mean of its prompts (see `prompts`).
        source: The `model` and `pretrained` that it was built from.

    Attributes:
        width: Channels C of the joint space.

    Raises:
        TypeError, ValueError: As `check_templates`.
    """

    def __init__(self, built: Built, templates: Sequence[str], source: tuple[str, str | None]) -> None:
        super().__init__()
        self.templates = check_templates(templates)
        self.tower = Frozen(built.text)
        self.width = built.width
        self._tokenizer, self._source = built.tokenizer, anywhere(*source)

    @torch.no_grad()
    def encode_text(self, names: Sequence[str]) -> Tensor:
        """Encode class names, each as the mean of its prompts.

        Args:
            names: N class names.

        Returns:
            Unit vectors, (N, C), float32, on the tower's device.

        Raises:
            TypeError, ValueError: As `fill`, or a prompt is longer than the model's context.
                Deviation: open_clip cuts it there without a word, and two long names become one.
        """
        prompts, device = fill(self.templates, names), self.tower.device
        self._check_lengths(prompts)
        encode: Any = self.tower.network.encode_text
        features = []
        # Vectors are made once and used everywhere: a trainer's autocast must not round them.
        with torch.autocast(device.type, enabled=False):
            for start in range(0, len(prompts), _PROMPTS_AT_ONCE):
                tokens = self._tokenizer(prompts[start : start + _PROMPTS_AT_ONCE])
                features.append(encode(tokens.to(device)).float())
        return ensemble(torch.cat(features).reshape(len(names), len(self.templates), -1))

    def _check_lengths(self, prompts: Sequence[str]) -> None:
        """Check that no prompt is cut: with room for one token more, that room stays empty."""
        tokenize: Any = self._tokenizer
        context = tokenize([""]).shape[1]
        (padding,) = tokenize([""], context_length=context + 1)[:, -1].tolist()
        for start in range(0, len(prompts), _PROMPTS_AT_ONCE):
            part = prompts[start : start + _PROMPTS_AT_ONCE]
            last = tokenize(part, context_length=context + 1)[:, -1].tolist()
            cut = [prompt for prompt, token in zip(part, last, strict=True) if token != padding]
            if cut:
                raise too_long(cut[0], context)

    def spec(self) -> dict[str, Any] | None:
        """Describe what builds `OpenClipText` again in JSON's terms, paths absolute; None for random weights."""
        model, pretrained = self._source
        if pretrained is None and not brings_weights(model):
            return None
        return {"kind": "openclip", "model": model, "pretrained": pretrained, "templates": list(self.templates)}


class OpenClipText(TextTower):
    """CLIP's text tower alone: all that is needed of a teacher after training.

    Args:
        model: As for `OpenClipTeacher`.
        pretrained: As for `OpenClipTeacher`.
        templates: As for `OpenClipTeacher`.
        precision: As for `OpenClipTeacher`.

    Raises:
        ConnectionError, FileNotFoundError, ImportError, TypeError, ValueError: As `OpenClipTeacher`.

    Example:
        >>> text = OpenClipText("ViT-S-32-alt", pretrained=None)  # random weights
        >>> text.encode_text(["cat", "dog"]).shape, text.width
        (torch.Size([2, 256]), 256)
    """

    def __init__(
        self,
        model: str = "ViT-B-16-quickgelu",
        pretrained: str | None = "openai",
        *,
        templates: Sequence[str] = SINGLE,
        precision: Precision = "fp32",
    ) -> None:
        check_templates(templates)  # before any download
        super().__init__(build(model, pretrained, precision), templates, (model, pretrained))


class OpenClipTeacher(TextTower):
    """A frozen CLIP that gives a CLS token and dense tokens of images, and text features of class names.

    Its CLS token is open_clip's own `encode_image`, its text features are open_clip's own `encode_text`; dense tokens
    come from the same forward. Position embeddings are interpolated for image sizes other than the model's own.

    Args:
        model: A name that open_clip lists (`open_clip.list_models()`), `hf-hub:org/name`, `package:name` of an
            installed package that holds the hub's two files, or the path of a JSON file with a model configuration.
            The image tower must be open_clip's vision transformer or its ResNet.
        pretrained: A tag that open_clip lists for the model, or the path of a weights file. None: the hub's own
            weights for a hub id, the package's for a package, random weights for all others.
        dense: "tokens": the last layer's. "value": the value path of the last attention (MaskCLIP, arXiv 2112.01071),
            which localises better. "sclip", "cliptrase", "clearclip", "naclip": the last attention with other weights,
            for a vision transformer; `dense_readings` has the equations. No reading changes the CLS token.
        templates: P prompt templates, each with one `{}`; a class is the mean of its prompts (see `prompts`).
        image_size: Length that the shorter side of the images is brought to. None: images go in at the size they
            come. In both cases each side is then rounded to a multiple of the patch size (of 32 for a ResNet).
        precision: "fp32", or "bf16" or "fp16" for weights and arithmetic, with layer norms in float32.

    Attributes:
        step: Pixels from one dense token to the next, down and across.

    Raises:
        ConnectionError: A download failed.
        FileNotFoundError: A configuration or weights file is missing.
        ImportError: The package is not installed.
        TypeError: `templates` is one string.
        ValueError: Unknown model, tag, `dense` or `precision`, a `dense` that a ResNet does not have, an unsupported
            image tower, an `image_size` below the patch size, a bad template, weights that are not the model's, or
            plain GELU where the weights need QuickGELU. The activation that a local file needs is known for OpenAI's
            checkpoints only; for others the model's name or configuration must be right.

    Example:
        >>> teacher = OpenClipTeacher("ViT-S-32-alt", pretrained=None)  # random weights
        >>> cls, dense = teacher.encode_image(torch.rand(1, 3, 64, 96))
        >>> cls.shape, dense.shape
        (torch.Size([1, 256]), torch.Size([1, 256, 2, 3]))
        >>> OpenClipTeacher("ViT-B-16", pretrained="openai")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        ValueError: model: got ViT-B-16 with plain GELU; expected QuickGELU, ... Set model='ViT-B-16-quickgelu'.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        model: str = "ViT-B-16-quickgelu",
        pretrained: str | None = "openai",
        *,
        dense: Dense = "value",
        templates: Sequence[str] = SINGLE,
        image_size: int | None = None,
        precision: Precision = "fp32",
    ) -> None:
        if dense not in get_args(Dense):
            raise ValueError(f"dense: got {dense!r}; expected one of {', '.join(get_args(Dense))}.")
        check_templates(templates)  # before any download
        check_dense(model, dense)
        built = build(model, pretrained, precision)
        super().__init__(built, templates, (model, pretrained))
        self.image = Frozen(built.visual)
        self.dense: Dense = dense
        self.image_size = image_size
        resnet = isinstance(built.visual, ModifiedResNet)
        self.step = (32, 32) if resnet else cast(tuple[int, int], built.visual.patch_size)
        if image_size is not None and image_size < max(self.step):
            raise ValueError(f"image_size: got {image_size}; expected None or at least {max(self.step)}, one patch.")
        # Not persistent: a checkpoint holds nothing of the teacher.
        self.register_buffer("mean", torch.tensor(built.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(built.std).view(3, 1, 1), persistent=False)

    @torch.no_grad()
    def encode_image(self, images: Tensor) -> TeacherTokens:
        """Encode images of any size, all of one batch alike.

        Args:
            images: (B, 3, H, W), floating point in [0, 1], on the teacher's device.

        Returns:
            CLS (B, C) and dense tokens (B, C, h, w), float32, not normalised; h and w are the sides of the resized
            images divided by the patch size (by 32 for a ResNet).

        Raises:
            ValueError: `images` are not (B, 3, H, W) or not floating point.
        """
        if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
            raise ValueError(
                f"images: got {images.dtype} of shape {tuple(images.shape)}; expected floating point (B, 3, H, W) in "
                "[0, 1]. Divide 8-bit images by 255."
            )
        visual: Any = self.image.network
        images = (fit(images, self.step, self.image_size) - self.mean) / self.std
        images = images.to(visual.conv1.weight.dtype)
        if isinstance(visual, ModifiedResNet):
            cls, dense = resnet_tokens(visual, images, cast(Literal["tokens", "value"], self.dense))  # `check_dense`
        else:
            cls, dense = vit_tokens(visual, images, self.dense)
        return TeacherTokens(cls.float(), dense.float())
