"""Commands in README and pages: each exists, and so do its options."""

import re
import shlex
from pathlib import Path

import pytest
from jsonargparse import ArgumentParser
from tests.docs.pages import DOCS, PAGES, ROOT

from clipteacher.cli.main import _COMMANDS, main
from clipteacher.utils.usage import option_names

TEXTS = [path for path in (ROOT / "README.md", *PAGES) if path.parent.name != "research"]


def commands(text: str) -> list[list[str]]:
    """The commands of the shell blocks, without comments."""
    lines = "\n".join(re.findall(r"^```sh\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)).replace("\\\n", " ")
    found = [shlex.split(line, comments=True) for line in lines.splitlines() if "clipteacher " in line]
    return [words[words.index("clipteacher") + 1 :] for words in found if "clipteacher" in words and words[0] != "cd"]


def test_there_are_commands() -> None:
    assert sum(len(commands(path.read_text(encoding="utf-8"))) for path in TEXTS) > 40


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(DOCS.parent)))
def test_they_exist_with_their_options(
    path: Path, fit_parser: ArgumentParser, capsys: pytest.CaptureFixture[str]
) -> None:
    known = option_names(fit_parser)
    for name, *words in commands(path.read_text(encoding="utf-8")):
        if name.startswith("-"):
            continue
        assert name in _COMMANDS, name
        page = name if name != "convert" else f"convert {words[0]}"
        with pytest.raises(SystemExit):
            main([*page.split(), "--help"])
        shown = capsys.readouterr().out
        for word in words:
            option = word.split("=")[0]
            if not option.startswith("--"):
                continue
            if name == "fit":
                parents = (option.rsplit(".", depth)[0] for depth in range(3))  # options of a class that is named
                assert option in ("--help", "--help.all") or any(each in known for each in parents), option
            else:
                assert re.search(rf"{re.escape(option)}\b", shown), (name, option)
