"""Class names after training: their text features, stored with the student or computed by the teacher's text tower."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipteacher.protocols.words import read_words

if TYPE_CHECKING:  # `check_names` serves where there is no PyTorch, too
    from torch import Tensor

    from clipteacher.teachers.teacher import TextEncoder


def build_text_encoder(spec: Mapping[str, Any]) -> TextEncoder:
    """Build a text tower from the description that its teacher gave.

    Args:
        spec: What `TextEncoder.spec` returned: "kind" and the tower's own arguments.

    Returns:
        The text tower; no image tower is kept with it.

    Raises:
        ValueError: The kind is not one of clipteacher's own.
    """
    arguments = {name: value for name, value in spec.items() if name != "kind"}
    match spec.get("kind"):
        case "minilm":
            from clipteacher.teachers.imagenet import MiniLMText

            return MiniLMText(**arguments)
        case "openclip":
            from clipteacher.teachers.openclip import OpenClipText

            return OpenClipText(**arguments)
        case "transformers":
            from clipteacher.teachers.transformers_clip import TransformersText

            return TransformersText(**arguments)
        case kind:
            raise ValueError(
                f"text encoder: got kind {kind!r}, expected 'minilm', 'openclip' or 'transformers'. A text tower of "
                "your own is passed from Python: segmenter.with_names(names, text_encoder=...)."
            )


def check_text_features(class_names: Sequence[str], text_features: Tensor) -> None:
    """Check that the text features of N names are (N, C).

    Raises:
        TypeError: The names are one string, or one of them is none.
        ValueError: They have another shape.
    """
    if isinstance(class_names, str) or not all(isinstance(name, str) for name in class_names):
        raise TypeError(f"class_names: got {class_names!r}, expected a list of names, each a string in quotes.")
    if text_features.ndim != 2 or len(text_features) != len(class_names):
        raise ValueError(
            f"class_names: got {len(class_names)} names and text features {tuple(text_features.shape)}, expected (N, C)"
        )


def check_names(names: Sequence[str] | str) -> tuple[str, ...]:
    """Read class names as `clipteacher.protocols.words.read_words` does: a list of words, or one text with commas.

    Returns:
        The names, at least one.

    Raises:
        TypeError: As `read_words`.
        ValueError: As `read_words`, or there is no name.
    """
    words = read_words(names)
    if not words:
        raise ValueError(f"classes: got {names!r}, expected at least one name. Write one, such as 'cat, old chair'.")
    return words


def encode_names(
    names: Sequence[str] | str,
    known: Mapping[str, Tensor],
    spec: Mapping[str, Any] | None,
    text_encoder: TextEncoder | None = None,
) -> Tensor:
    """Look names up among the known text features, and run the text tower for the others only.

    Args:
        names: N class names, any words, as `check_names` takes them.
        known: Vectors (C,) by name, names as `clipteacher.protocols.words.tidy` writes them.
        spec: Description of the text tower, or None where there is none.
        text_encoder: The tower itself, in place of `spec`.

    Returns:
        (N, C), float32, unit vectors.

    Raises:
        TypeError: As `check_names`.
        ValueError: As `check_names`; a name is unknown and no text tower can be built; the tower's width is not that
            of the known text features; or a name is longer than the tower reads.
    """
    import torch

    names = check_names(names)
    unknown = [name for name in names if name not in known]
    found = dict(known)
    if unknown:
        if text_encoder is None and spec is None:
            raise ValueError(
                f"classes: {unknown} are not among the model's own ({', '.join(known)}), and its teacher left no text "
                "tower. Pass one: segmenter.with_names(names, text_encoder=...)."
            )
        encoder = text_encoder if text_encoder is not None else build_text_encoder(spec or {})
        made = encoder.encode_text(unknown).float().cpu()
        widths = {vector.shape[0] for vector in known.values()}
        if widths and {made.shape[1]} != widths:
            raise ValueError(
                f"classes: the text tower has width {made.shape[1]}, expected {widths.pop()}, that of the model's "
                "own text features. Hand over the text tower of the teacher that trained it."
            )
        found |= dict(zip(unknown, made, strict=True))
    return torch.stack([found[name] for name in names])
