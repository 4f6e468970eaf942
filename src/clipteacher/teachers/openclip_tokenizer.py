"""open_clip's tokenizers: its own, which it carries, and those of the hub, fetched when the first word is encoded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import open_clip as _untyped
import torch
from torch import Tensor

from clipteacher.teachers.prompts import PROMPTS_AT_ONCE, knows_words, too_long
from clipteacher.utils.packages import needed

open_clip: Any = _untyped  # open_clip ships no types


class Tokenizer(Protocol):
    """Turns prompts into the token ids that a text tower takes."""

    def __call__(self, prompts: list[str]) -> Tensor:
        """Tokenize N prompts, (N, P), int64; P is the context length."""

    def check(self, prompts: Sequence[str]) -> None:
        """Raise a ValueError where a prompt is longer than the context."""


class OwnTokenizer:
    """CLIP's byte pairs, which open_clip carries.

    Args:
        text: open_clip's text configuration.

    Raises:
        ValueError: The text tower has fewer words than the tokenizer.
    """

    def __init__(self, text: dict[str, Any]) -> None:
        self.context = int(text.get("context_length", 77))
        self._tokenize: Any = open_clip.SimpleTokenizer(context_length=self.context, **text.get("tokenizer_kwargs", {}))
        size = text.get("vocab_size", 49408)
        if self._tokenize.vocab_size > size:
            raise ValueError(
                f"text_cfg: got vocab_size={size}; expected {self._tokenize.vocab_size}, the tokenizer's, or more."
            )

    def __call__(self, prompts: list[str]) -> Tensor:
        """Tokenize N prompts, (N, P), int64."""
        tokens: Tensor = self._tokenize(prompts)
        return tokens

    def check(self, prompts: Sequence[str]) -> None:
        """Check that no prompt is cut: with room for one token more, that room stays empty.

        Raises:
            ValueError: A prompt is longer than the context.
        """
        (padding,) = self._tokenize([""], context_length=self.context + 1)[:, -1].tolist()
        for start in range(0, len(prompts), PROMPTS_AT_ONCE):
            part = list(prompts[start : start + PROMPTS_AT_ONCE])
            last = self._tokenize(part, context_length=self.context + 1)[:, -1].tolist()
            cut = [prompt for prompt, token in zip(part, last, strict=True) if token != padding]
            if cut:
                raise too_long(cut[0], self.context)


class HubTokenizer:
    """A tokenizer that lies on the hub: of SigLIP, RoBERTa, mT5, NLLB, BERT.

    It is fetched when the first prompt is tokenized, and so never for images alone.

    Args:
        text: open_clip's text configuration, with `hf_tokenizer_name`.
        folder: Where the tokenizer's files are on the disk; None: the hub or its cache.
    """

    def __init__(self, text: dict[str, Any], folder: str | None) -> None:
        self.name, self.folder = str(text["hf_tokenizer_name"]), folder
        self.context = int(text.get("context_length", 77))
        self._options = {"tokenizer_mode": text.get("tokenizer_mode")} | text.get("tokenizer_kwargs", {})
        self._made: Any = None

    def __call__(self, prompts: list[str]) -> Tensor:
        """Tokenize N prompts, (N, P), int64.

        Raises:
            ConnectionError, ImportError: It cannot be had; see `_loaded`.
        """
        tokens: Tensor = self._loaded()(prompts)
        return tokens.to(torch.int64)

    def check(self, prompts: Sequence[str]) -> None:
        """Check that no prompt is cut.

        Raises:
            ConnectionError, ImportError: It cannot be had; see `_loaded`.
            ValueError: A prompt is longer than the context.
        """
        made = self._loaded()
        signs = made.tokenizer_mode == "clips"  # open_clip adds three tokens of its own there
        limit = self.context - 3 if signs else self.context
        for prompt in prompts:
            ids = made.tokenizer(
                made.clean_fn(prompt), add_special_tokens=not signs, truncation=True, max_length=limit + 1
            ).input_ids
            if len(ids) > limit:
                raise too_long(prompt, self.context)

    def _loaded(self) -> Any:  # noqa: ANN401 (open_clip's)
        """Read the tokenizer from its folder, or fetch it.

        Raises:
            ConnectionError: The hub does not give it.
            ImportError: transformers is not installed.
        """
        if self._made is None:
            needed("transformers", "transformers", "transformers")
            try:
                made = open_clip.tokenizer.HFTokenizer(
                    self.folder or self.name, context_length=self.context, **self._options
                )
                if not knows_words(made.tokenizer):
                    raise OSError("no file of its words.")
            except Exception as error:  # of many kinds: offline, refused, a file missing
                if self.folder is not None:
                    raise ValueError(
                        f"tokenizer: {self.folder} holds no tokenizer that can be read ({error}); expected the files "
                        f"of {self.name}, such as tokenizer.json."
                    ) from error
                raise ConnectionError(
                    f"could not fetch the tokenizer {self.name}: {error} Connect once, or download its files elsewhere "
                    "and name their folder: tokenizer='FOLDER'."
                ) from error
            self._made = made
        return self._made


def tokenizer_of(text: dict[str, Any], folder: str | None) -> Tokenizer:
    """Make the tokenizer of a text configuration, as `open_clip.get_tokenizer` does for a model it lists.

    Args:
        text: open_clip's text configuration.
        folder: As for `OpenClipTeacher.tokenizer`.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: A folder is given for open_clip's own tokenizer, or the text tower has fewer words than that.
    """
    if text.get("hf_tokenizer_name"):
        if folder is not None and not Path(folder).is_dir():
            raise FileNotFoundError(f"tokenizer: no folder at {Path(folder).absolute()}.")
        return HubTokenizer(text, folder)
    if folder is not None:
        raise ValueError(
            f"tokenizer: got {folder!r} for a model with CLIP's own tokenizer, which open_clip carries. Set "
            "tokenizer=None."
        )
    return OwnTokenizer(text)
