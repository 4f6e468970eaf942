"""Any CLIP that open_clip lists, as a frozen teacher (CLIP: arXiv 2103.00020)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor, nn

from clipteacher.teachers.dense_readings import Dense
from clipteacher.teachers.openclip_build import Built, Precision, build
from clipteacher.teachers.openclip_source import anywhere, brings_weights, check_dense
from clipteacher.teachers.prompts import SINGLE, check_templates, encode_prompts, fill
from clipteacher.teachers.teacher import Frozen, TeacherTokens
from clipteacher.teachers.towers.families import tower_of
from clipteacher.teachers.towers.inputs import check_images, check_size, input_dtype
from clipteacher.teachers.towers.tower import check_reading


class TextTower(nn.Module):
    """The text half of a built open_clip model, frozen.

    Args:
        built: The model.
        templates: P prompt templates, each with one `{}`; a class is the mean of its prompts (see `prompts`).
        source: The `model`, `pretrained` and `tokenizer` that it was built from.

    Attributes:
        width: Channels C of the joint space.

    Raises:
        TypeError, ValueError: As `check_templates`.
    """

    def __init__(self, built: Built, templates: Sequence[str], source: tuple[str, str | None, str | None]) -> None:
        super().__init__()
        self.templates = check_templates(templates)
        self.tower = Frozen(built.text)
        self.width = built.width
        model, pretrained, folder = source
        self._tokenizer, self._source = built.tokenizer, anywhere(model, pretrained)
        self._folder = None if folder is None else str(Path(folder).absolute())

    @torch.no_grad()
    def encode_text(self, names: Sequence[str]) -> Tensor:
        """Encode class names, each as the mean of its prompts.

        Args:
            names: N class names.

        Returns:
            Unit vectors, (N, C), float32, on the tower's device.

        Raises:
            ConnectionError: The tokenizer lies on the hub and cannot be fetched.
            ImportError: The tokenizer needs transformers, which is not installed.
            TypeError, ValueError: As `fill`, or a prompt is longer than the model's context.
                Deviation: open_clip cuts it there without a word, and two long names become one.
        """
        prompts, device = fill(self.templates, names), self.tower.device
        self._tokenizer.check(prompts)
        encode: Any = self.tower.network.encode_text
        return encode_prompts(
            prompts, len(self.templates), lambda some: encode(self._tokenizer(some).to(device)), device
        )

    def spec(self) -> dict[str, Any] | None:
        """Describe what builds `OpenClipText` again in JSON's terms, paths absolute; None for random weights."""
        model, pretrained = self._source
        if pretrained is None and not brings_weights(model):
            return None
        found = {"kind": "openclip", "model": model, "pretrained": pretrained, "templates": list(self.templates)}
        return found if self._folder is None else found | {"tokenizer": self._folder}


class OpenClipText(TextTower):
    """CLIP's text tower alone: all that is needed of a teacher after training.

    Args:
        model: As for `OpenClipTeacher`.
        pretrained: As for `OpenClipTeacher`.
        templates: As for `OpenClipTeacher`.
        precision: As for `OpenClipTeacher`.
        tokenizer: As for `OpenClipTeacher`.

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
        tokenizer: str | None = None,
    ) -> None:
        check_templates(templates)  # before any download
        super().__init__(build(model, pretrained, precision, tokenizer), templates, (model, pretrained, tokenizer))


class OpenClipTeacher(TextTower):
    """A frozen CLIP that gives a CLS token and dense tokens of images, and text features of class names.

    Its CLS token is open_clip's own `encode_image`, its text features are open_clip's own `encode_text`; dense tokens
    come from the same forward. All models of `open_clip.list_models()` are read, each by the family of its image tower
    (`clipteacher.teachers.towers`), SigLIP, EVA, ConvNeXt and CoCa among them. Positions are interpolated for image
    sizes other than the model's own; the few towers that take one size alone get images of that size.

    Args:
        model: A name that open_clip lists (`open_clip.list_models()`), `hf-hub:org/name`, `package:name` of an
            installed package that holds the hub's two files, or the path of a JSON file with a model configuration.
        pretrained: A tag that open_clip lists for the model, or the path of a weights file. None: the hub's own
            weights for a hub id, the package's for a package, random weights for all others.
        dense: "tokens": the last layer's. "value": the value path of the last attention (MaskCLIP, arXiv 2112.01071),
            which localises better; with an attention pool the pool's, where a tower ends in a map the map itself.
            "sclip", "cliptrase", "clearclip", "naclip": the last attention with other weights, for a vision
            transformer; `dense_readings` has the equations. No reading changes the CLS token.
        templates: P prompt templates, each with one `{}`; a class is the mean of its prompts (see `prompts`).
        image_size: Length that the shorter side of the images is brought to. None: images go in at the size they
            come. In both cases each side is then rounded to a multiple of `step`, or brought to `fixed_size`.
        precision: "fp32", or "bf16" or "fp16" for weights and arithmetic, with layer norms in float32.
        tokenizer: Folder with the tokenizer's files, for a model whose tokenizer lies on the hub (SigLIP, NLLB, ...);
            with `config.json` in it, the text tower's configuration is read there, too. None: they are fetched, the
            tokenizer when the first word is encoded.

    Attributes:
        family: What kind of image tower it is.
        step: Pixels from one dense token to the next, down and across.
        fixed_size: Height and width that all images are brought to; None where the tower takes any size.

    Raises:
        ConnectionError: A download failed.
        FileNotFoundError: A configuration or weights file or the tokenizer's folder is missing.
        ImportError: The package is not installed, or transformers, which a text tower needs.
        TypeError: `templates` is one string.
        ValueError: Unknown model, tag, `dense` or `precision`, a `dense` that the image tower does not have, an image
            tower of no known family, an `image_size` below `step`, a bad template, weights
            that are not the model's, or plain GELU where the weights need QuickGELU. The activation that a local file
            needs is known for OpenAI's checkpoints only; for others the model's name or configuration must be right.

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
        tokenizer: str | None = None,
    ) -> None:
        if dense not in get_args(Dense):
            raise ValueError(f"dense: got {dense!r}; expected one of {', '.join(get_args(Dense))}.")
        check_templates(templates)  # before any download
        check_dense(model, dense)
        built = build(model, pretrained, precision, tokenizer)
        super().__init__(built, templates, (model, pretrained, tokenizer))
        tower = tower_of(built.visual)
        check_reading(tower, model, dense)
        check_size(tower.step, image_size)
        self.image = Frozen(built.visual)
        self.dense: Dense = dense
        self.image_size = image_size
        self.family, self.step, self.fixed_size, self._tower = tower.family, tower.step, tower.fixed_size, tower
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
            images divided by `step`.

        Raises:
            ValueError: `images` are not (B, 3, H, W) or not floating point.
        """
        check_images(images)
        images = (self._tower.fit(images, self.image_size) - self.mean) / self.std
        network = self.image.network
        cls, dense = self._tower.read(network, images.to(input_dtype(network)), self.dense)
        return TeacherTokens(cls.float(), dense.float())
