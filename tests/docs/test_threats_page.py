"""The page on files of others: every test that it names is there, and every limit is that of the code."""

import ast
import re

from tests.docs.pages import ROOT, page

from clipteacher.inference.settings import MOST_LOGITS, MOST_PADDING
from clipteacher.protocols.protocol import MOST_SIDE
from clipteacher.protocols.words import MOST_LETTERS, MOST_WORDS
from clipteacher.storage.config_entries import MOST_OF_A_LAYER
from clipteacher.storage.folder_files import MOST_BYTES, MOST_DEPTH

PAGE = page("docs/guides/threats.md")


def functions_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_test_that_is_named_exists() -> None:
    named, path = [], ""
    for found in re.finditer(r"`(?:(tests/[\w/]+\.py)::)?(test_\w+)`", PAGE):
        path = found[1] or path  # those without a file are in that of the one before
        named.append((path, found[2]))
    assert len(named) > 30
    assert not [(path, name) for path, name in named if name not in functions_of(path)]


def test_every_line_names_a_test() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| checked")]
    assert len(rows) > 25
    assert not [row for row in rows if "::test_" not in row.rsplit("|", 2)[1]]


def test_the_limits_are_those_of_the_code() -> None:
    limits = (MOST_PADDING, MOST_SIDE, MOST_LETTERS, MOST_WORDS, MOST_OF_A_LAYER, MOST_BYTES, MOST_DEPTH, MOST_LOGITS)
    assert limits == (1024, 4096, 1000, 65535, 4096, 16 * 2**20, 16, 2**30)
    for text in ("1..1024", "1..4096", "1000 letters", "65535", "16 MiB", "16 levels", "1..2³⁰"):
        assert text in PAGE
