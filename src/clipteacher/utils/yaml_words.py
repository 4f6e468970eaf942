"""Words in YAML as they were typed: `unseen: [no, 1]` names two classes, and not a boolean and a number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import yaml

LISTS: Final = ("unseen", "wanted", "background_prompts")
"""Entries of a configuration that hold words."""

TABLES: Final = ("class_weights",)
"""Entries whose keys are words."""


def quoted_words(text: str) -> str:
    """Put quotes around the words in YAML, so that every reader of it takes them as they were typed.

    A text that is no YAML is returned as it is: who reads it next says what is wrong.

    Args:
        text: YAML, such as a configuration of `clipteacher fit`.

    Example:
        >>> quoted_words("data: {unseen: [no, sky, 1], workers: 1}")
        "data: {unseen: ['no', 'sky', '1'], workers: 1}"
    """
    if not any(name in text for name in (*LISTS, *TABLES)):
        return text
    try:
        words = sorted(_words(yaml.compose(text, Loader=yaml.SafeLoader), set()), reverse=True)
    except (yaml.YAMLError, RecursionError):
        return text
    for start, end in words:
        word = text[start:end].replace("'", "''")
        text = f"{text[:start]}'{word}'{text[end:]}"
    return text


def load_yaml(text: str) -> Any:  # noqa: ANN401 (whatever it holds)
    """Read YAML without tags or objects, its words as they were typed.

    Raises:
        yaml.YAMLError: It is none.

    Example:
        >>> load_yaml("wanted: [on, off]")
        {'wanted': ['on', 'off']}
    """
    return yaml.safe_load(quoted_words(text))


def _words(node: yaml.Node | None, known: set[int]) -> Iterator[tuple[int, int]]:
    """Find the words without quotes below a node: where each begins and ends in the text."""
    if id(node) in known:  # an alias
        return
    known.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from _words(each, known)
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        if key.value in LISTS:
            if isinstance(value, yaml.SequenceNode):
                yield from _bare(value.value)
            elif value.tag != "tag:yaml.org,2002:null":  # nothing is given
                yield from _bare([value])
        elif key.value in TABLES and isinstance(value, yaml.MappingNode):
            yield from _bare(name for name, _ in value.value)
        else:
            yield from _words(value, known)


def _bare(nodes: Iterable[yaml.Node]) -> Iterator[tuple[int, int]]:
    """Find which of some nodes are words without quotes; one that spans lines is text in any case."""
    for node in nodes:
        start, end = node.start_mark.index, node.end_mark.index
        if isinstance(node, yaml.ScalarNode) and node.style is None and node.value and end - start == len(node.value):
            yield start, end
