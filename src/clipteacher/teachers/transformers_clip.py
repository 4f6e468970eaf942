"""Any CLIP of the transformers library as a frozen teacher: CLIP, MetaCLIP 2, AltCLIP, SigLIP, SigLIP 2 and kin."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from clipteacher.teachers.dense_readings import Dense
from clipteacher.teachers.prompts import SINGLE, check_templates, encode_prompts, fill, knows_words, too_long
from clipteacher.teachers.teacher import Frozen, TeacherTokens
from clipteacher.teachers.towers.inputs import check_images, check_size, input_dtype
from clipteacher.teachers.towers.transformers_vit import transformers_tower
from clipteacher.utils.packages import needed

Precision = Literal["fp32", "bf16", "fp16"]
"""Floating point type of a teacher's weights and of its arithmetic."""

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class TransformersText(nn.Module):
    """The text tower of a CLIP of transformers, frozen: all that is needed of a teacher after training.

    Args:
        model: As for `TransformersTeacher`.
        templates: As for `TransformersTeacher`.
        precision: As for `TransformersTeacher`.

    Attributes:
        width: Channels C of the joint space.

    Raises:
        ConnectionError, FileNotFoundError, ImportError, TypeError, ValueError: As `TransformersTeacher`.
    """

    def __init__(self, model: str, *, templates: Sequence[str] = SINGLE, precision: Precision = "fp32") -> None:
        super().__init__()
        self.templates = check_templates(templates)  # before any download
        network, self._source = _load(model, precision)
        self.width = _width(network)
        self._tokenizer: Any = None
        self._keep(network)

    def _keep(self, network: Any) -> None:  # noqa: ANN401 (one of transformers' models)
        del network.vision_model
        self.tower = Frozen(network)

    @torch.no_grad()
    def encode_text(self, names: Sequence[str]) -> Tensor:
        """Encode class names, each as the mean of its prompts.

        Args:
            names: N class names.

        Returns:
            Unit vectors, (N, C), float32, on the tower's device.

        Raises:
            ConnectionError, FileNotFoundError: The tokenizer, which is read now, cannot be had.
            TypeError, ValueError: As `fill`, or a prompt is longer than the text tower reads.
        """
        return encode_prompts(fill(self.templates, names), len(self.templates), self._encode, self.tower.device)

    def spec(self) -> dict[str, Any] | None:
        """Describe what builds `TransformersText` again in JSON's terms, a folder by its absolute path."""
        return {"kind": "transformers", "model": self._source, "templates": list(self.templates)}

    def _encode(self, prompts: list[str]) -> Tensor:
        """Features of n prompts, (n, C)."""
        network: Any = self.tower.network
        tokens = self._tokenize(prompts)
        found = network.get_text_features(**{name: ids.to(self.tower.device) for name, ids in tokens.items()})
        features: Tensor = found if isinstance(found, Tensor) else found.pooler_output
        return features

    def _tokenize(self, prompts: list[str]) -> dict[str, Tensor]:
        """Tokenize as the model was trained: SigLIP's text tower pools the last of all its places, so all are filled.

        Raises:
            ValueError: A prompt is longer than the text tower reads.
        """
        network: Any = self.tower.network
        if self._tokenizer is None:
            transformers = needed("transformers", "transformers", "transformers")
            made = _read(transformers.AutoTokenizer.from_pretrained, self._source, "the tokenizer")
            if not knows_words(made):
                raise ValueError(
                    f"model: no tokenizer in {self._source}; expected its files, such as tokenizer.json. Write the "
                    "folder with save_pretrained, of the model and of its processor."
                )
            self._tokenizer = made
        context = min(int(self._tokenizer.model_max_length), int(network.config.text_config.max_position_embeddings))
        for prompt in prompts:
            if len(self._tokenizer(prompt, truncation=True, max_length=context + 1).input_ids) > context:
                raise too_long(prompt, context)
        padding = "max_length" if hasattr(network.text_model, "head") else "longest"
        tokens = self._tokenizer(prompts, padding=padding, max_length=context, return_tensors="pt")
        taken = signature(network.get_text_features).parameters  # some tokenizers also give types of tokens
        return {name: ids for name, ids in tokens.items() if name in taken}


class TransformersTeacher(TransformersText):
    """A frozen CLIP of the transformers library, from the hub or a folder.

    Its CLS token (B, C) is the library's `get_image_features`, its text features (N, C) are `get_text_features`; dense
    tokens (B, C, h, w) come from the same forward. Taken are models with a vision transformer as CLIP's or SigLIP's and
    a text tower: CLIP, MetaCLIP 2, AltCLIP, Chinese-CLIP, SigLIP, SigLIP 2 (NaFlex too).

    Args:
        model: Hub id, `org/name`, or the path of a folder that `save_pretrained` wrote, with the processor's files.
        dense: As for `OpenClipTeacher`.
        templates: P prompt templates, each with one `{}`; a class is the mean of its prompts (see `prompts`).
        image_size: Length that the shorter side of the images is brought to. None: images go in at the size they
            come. In both cases each side is then rounded to a multiple of the patch size.
        precision: "fp32", or "bf16" or "fp16" for all weights and arithmetic.

    Attributes:
        family: What kind of image tower it is.
        step: Pixels from one dense token to the next, down and across.
        fixed_size: None: the towers take any size.

    Raises:
        ConnectionError: A download failed.
        FileNotFoundError: There is no such folder, or no preprocessor's file in it.
        ImportError: The extra `clipteacher[transformers]` is not installed.
        TypeError: `templates` is one string.
        ValueError: An unknown `dense` or `precision`, a model without these towers, weights that lack a part of it, an
            `image_size` below the patch size, or a bad template.

    Example:
        >>> TransformersTeacher("no/such/folder")
        Traceback (most recent call last):
        ...
        FileNotFoundError: model: no folder at no/such/folder; expected one, or a hub id such as org/name.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        model: str,
        *,
        dense: Dense = "value",
        templates: Sequence[str] = SINGLE,
        image_size: int | None = None,
        precision: Precision = "fp32",
    ) -> None:
        if dense not in get_args(Dense):
            raise ValueError(f"dense: got {dense!r}; expected one of {', '.join(get_args(Dense))}.")
        super().__init__(model, templates=templates, precision=precision)
        tower = transformers_tower(self.tower.network)
        check_size(tower.step, image_size)
        self.dense: Dense = dense
        self.image_size = image_size
        self.family, self.step, self.fixed_size, self._tower = tower.family, tower.step, tower.fixed_size, tower
        mean, std = _normalisation(self._source)
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)

    def _keep(self, network: Any) -> None:  # noqa: ANN401 (as above)
        self.tower = Frozen(network)

    @torch.no_grad()
    def encode_image(self, images: Tensor) -> TeacherTokens:
        """Encode images of any size, all of one batch alike.

        Args:
            images: (B, 3, H, W), floating point in [0, 1], on the teacher's device.

        Returns:
            CLS (B, C) and dense tokens (B, C, h, w), float32, not normalised; h and w are the sides of the resized
            images divided by the patch size.

        Raises:
            ValueError: `images` are not (B, 3, H, W) or not floating point.
        """
        check_images(images)
        images = (self._tower.fit(images, self.image_size) - self.mean) / self.std
        network: Any = self.tower.network
        cls, dense = self._tower.read(network, images.to(input_dtype(network.vision_model)), self.dense)
        return TeacherTokens(cls.float(), dense.float())


def _load(model: str, precision: Precision) -> tuple[Any, str]:
    """Read a model with all of its weights, and spell where it lies; random numbers drawn elsewhere stay as they were.

    Raises:
        ConnectionError, FileNotFoundError, ImportError: It cannot be had.
        ValueError: Unknown precision, no image and text tower, or weights that lack a part of the model.
    """
    if precision not in _DTYPES:
        raise ValueError(f"precision: got {precision!r}; expected one of {', '.join(_DTYPES)}.")
    folder = Path(model)
    if folder.is_dir():
        source = str(folder.absolute())
    elif model.count("/") > 1 or model.startswith(("/", ".", "~")):
        raise FileNotFoundError(f"model: no folder at {model}; expected one, or a hub id such as org/name.")
    else:
        source = model
    transformers = needed("transformers", "transformers", "transformers")
    with torch.random.fork_rng(devices=[]):
        network, told = _read(
            lambda place: transformers.AutoModel.from_pretrained(place, output_loading_info=True), source, "the model"
        )
    if not (hasattr(network, "get_text_features") and hasattr(network, "text_model")):
        raise ValueError(
            f"model: {model} is {type(network).__name__}; expected one with an image and a text tower, such as "
            "CLIPModel or SiglipModel."
        )
    if told["missing_keys"]:
        missing = sorted(told["missing_keys"])
        raise ValueError(
            f"model: the weights of {model} lack {len(missing)} entries of {type(network).__name__} ({missing[0]}, "
            "...); expected all of them. Give the whole model, not one of its towers."
        )
    transformers_tower(network)  # before an image is asked of it
    return network.to(_DTYPES[precision]), source


def _read(read: Any, source: str, what: str) -> Any:  # noqa: ANN401 (a reader of transformers, and what it gives)
    """Read a part of a model from a folder or the hub.

    Raises:
        ConnectionError: The hub does not give it.
        ValueError: The folder does not hold it.
    """
    try:
        return read(source)
    except (OSError, ValueError) as error:
        if Path(source).is_dir():
            raise ValueError(
                f"model: {what} cannot be read from {source}: {error} Write the folder with save_pretrained, of the "
                "model and of its processor."
            ) from error
        raise ConnectionError(
            f"could not fetch {what} of {source}: {error} Check the name and the network, or download the repository "
            "elsewhere and give its folder."
        ) from error


def _width(network: Any) -> int:  # noqa: ANN401 (as above)
    """Channels of the joint space."""
    projection = getattr(network, "visual_projection", None)
    return int(network.vision_model.config.hidden_size if projection is None else projection.out_features)


def _normalisation(source: str) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the channels that the model was trained with, (3, 1, 1) each, float32.

    Raises:
        ConnectionError, ValueError: The preprocessor's file cannot be had, or does not name them.
    """
    transformers = needed("transformers", "transformers", "transformers")
    reader = transformers.ImageProcessingMixin.get_image_processor_dict
    config, _ = _read(reader, source, "the image processor")
    try:
        mean, std = (
            torch.tensor([float(x) for x in config[part]]).view(3, 1, 1) for part in ("image_mean", "image_std")
        )
    except (KeyError, TypeError, RuntimeError) as error:
        raise ValueError(
            f"model: the image processor of {source} names no image_mean and image_std of three channels; expected "
            "both. Write its folder with save_pretrained."
        ) from error
    return mean, std
