"""CLIP's text tower: class names in, unit vectors out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from clipteacher.teachers.openclip_build import Built, Precision, build
from clipteacher.teachers.openclip_source import anywhere, brings_weights
from clipteacher.teachers.prompts import SINGLE, check_templates, ensemble, fill, too_long
from clipteacher.teachers.teacher import Frozen

_PROMPTS_AT_ONCE = 256  # bounds memory: 847 classes with 15 templates are 12,705 prompts


class TextTower(nn.Module):
    """The text half of a built open_clip model, frozen.

    Args:
        built: The model.
        templates: P prompt templates, each with one `{}`; a class is the mean of its prompts (see `prompts`).
        source: The `model` and `pretrained` that it was built from.

    Attributes:
        width: Channels C of the joint space.

    Raises:
        TypeError: `templates` is one string.
        ValueError: `templates` is empty or one of them lacks its `{}`.
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
            TypeError: `names` is one string.
            ValueError: `names` is empty or holds an empty name, or a prompt is longer than the model's context.
                Deviation: open_clip cuts it there without a word, and two long names become one.
        """
        prompts, device = fill(self.templates, names), self.tower.device
        self._check_lengths(prompts)
        encode: Any = self.tower.network.encode_text
        vectors = []
        # Vectors are made once and used everywhere: a trainer's autocast must not round them.
        with torch.autocast(device.type, enabled=False):
            for start in range(0, len(prompts), _PROMPTS_AT_ONCE):
                tokens = self._tokenizer(prompts[start : start + _PROMPTS_AT_ONCE])
                vectors.append(encode(tokens.to(device)).float())
        return ensemble(torch.cat(vectors).reshape(len(names), len(self.templates), -1))

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
        """Describe the tower in JSON's terms, so that `OpenClipText` can be built again; None for random weights.

        Paths of local files are absolute; hub ids and packages stay as they were given.
        """
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
