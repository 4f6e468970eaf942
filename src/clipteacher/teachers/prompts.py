"""Prompt templates, and the mean of one class's prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import torch
    from torch import Tensor

SINGLE: tuple[str, ...] = ("a photo of a {}",)
"""One template without a full stop: ZegCLIP's for PASCAL VOC (arXiv 2212.03588)."""

PROMPTS_AT_ONCE: Final = 256
"""Prompts that a text tower is given at once. It bounds memory: 847 classes with 15 templates are 12,705 prompts."""

VILD_15: tuple[str, ...] = (
    "a photo of a {}.",
    "a photo of a small {}.",
    "a photo of a medium {}.",
    "a photo of a large {}.",
    "This is a photo of a {}.",
    "This is a photo of a small {}.",
    "This is a photo of a medium {}.",
    "This is a photo of a large {}.",
    "a {} in the scene.",
    "a photo of a {} in the scene.",
    "There is a {} in the scene.",
    "There is the {} in the scene.",
    "This is a {} in the scene.",
    "This is the {} in the scene.",
    "This is one {} in the scene.",
)
"""Fifteen of ViLD's templates (arXiv 2104.13921): ZegCLIP's for COCO-Stuff and PASCAL Context (arXiv 2212.03588)."""

_QUOTED = 80  # letters of a prompt in a message


def check_templates(templates: Sequence[str]) -> tuple[str, ...]:
    """Check a list of templates.

    Args:
        templates: Sentences, each with `{}` once, where the class name goes.

    Returns:
        The same templates as a tuple.

    Raises:
        TypeError: One string is given where a list of strings is expected, or an entry is not a string.
        ValueError: The list is empty, or a template does not hold exactly one `{}`.

    Example:
        >>> check_templates(["a photo of a {}."])
        ('a photo of a {}.',)
        >>> check_templates(["a photo"])
        Traceback (most recent call last):
        ...
        ValueError: templates: got 'a photo' with 0 '{}'; expected exactly one. Write '{}' where the class name goes.
    """
    if isinstance(templates, str):
        raise TypeError(f"templates: got the string {templates!r}; expected a list of strings. Write [{templates!r}].")
    if not templates:
        raise ValueError("templates: got none; expected at least one, such as 'a photo of a {}'.")
    for template in templates:
        if not isinstance(template, str):
            raise TypeError(f"templates: got {template!r}; expected a string such as 'a photo of a {{}}'.")
        if (count := template.count("{}")) != 1:
            raise ValueError(
                f"templates: got {template!r} with {count} '{{}}'; expected exactly one. "
                "Write '{}' where the class name goes."
            )
    return tuple(templates)


def fill(templates: Sequence[str], names: Sequence[str]) -> list[str]:
    """Write every class name into every template.

    Args:
        templates: P templates, each with one `{}`.
        names: N class names.

    Returns:
        N·P prompts; the P prompts of the first name come first.

    Raises:
        TypeError: `names` is one string, whose letters would each become a class.
        ValueError: `names` is empty or holds an empty name.

    Example:
        >>> fill(("a {}", "the {}"), ["cat", "dog"])
        ['a cat', 'the cat', 'a dog', 'the dog']
    """
    if isinstance(names, str):
        raise TypeError(f"names: got the string {names!r}; expected a list of strings. Write [{names!r}].")
    if not names or not all(name.strip() for name in names):
        raise ValueError(f"names: got {list(names)!r}; expected at least one class name, and none empty.")
    # Not str.format: braces in a class name or elsewhere in a template are plain text.
    return [template.replace("{}", name) for name in names for template in templates]


def too_long(prompt: str, limit: int) -> ValueError:
    """Make the error for a prompt of more tokens than a text tower reads; its middle is left out where it is long."""
    shown = prompt if len(prompt) <= _QUOTED else f"{prompt[: _QUOTED // 2]} … {prompt[-_QUOTED // 2 :]}"
    return ValueError(
        f"names: got {shown!r}, which is longer than the text tower reads, expected at most {limit} tokens with the "
        "prompt. Say it in fewer words."
    )


def ensemble(vectors: Tensor) -> Tensor:
    """Average the prompts of each class: normalise, mean, normalise again (CLIP, arXiv 2103.00020, section 3.1.4).

    Args:
        vectors: One vector a prompt, (N, P, C) for N classes and P prompts each, floating point.

    Returns:
        Unit vectors, (N, C), same dtype.

    Raises:
        ValueError: `vectors` is not (N, P, C), or P is 0.

    Example:
        >>> import torch
        >>> ensemble(torch.tensor([[[2.0, 0.0], [0.0, 5.0]]]))
        tensor([[0.7071, 0.7071]])
    """
    if vectors.ndim != 3 or vectors.shape[1] == 0:
        raise ValueError(f"vectors: got shape {tuple(vectors.shape)}; expected (N, P, C) with at least one prompt (P).")
    from torch.nn import functional as F  # protocols are read without torch

    return F.normalize(F.normalize(vectors, dim=-1).mean(dim=1), dim=-1)


def knows_words(tokenizer: Any) -> bool:  # noqa: ANN401 (transformers')
    """Whether a tokenizer of transformers has words, and not its signs alone, as it has where its files are missing."""
    return len(tokenizer) > len(set(tokenizer.all_special_tokens))


def encode_prompts(
    prompts: Sequence[str], per_name: int, encode: Callable[[list[str]], Tensor], device: torch.device
) -> Tensor:
    """Encode the prompts of names, `PROMPTS_AT_ONCE` at a time, and average those of each name.

    Args:
        prompts: N·P prompts as `fill` gives them.
        per_name: P.
        encode: From prompts (n,) to their features (n, C), floating point.
        device: Where `encode` computes. A trainer's mixed precision is off there: vectors are made once and used
            everywhere.

    Returns:
        Unit vectors, (N, C), float32.
    """
    import torch

    with torch.autocast(device.type, enabled=False):
        features = [
            encode(list(prompts[start : start + PROMPTS_AT_ONCE])).float()
            for start in range(0, len(prompts), PROMPTS_AT_ONCE)
        ]
    return ensemble(torch.unflatten(torch.cat(features), 0, (-1, per_name)))
