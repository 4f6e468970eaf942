"""What the README says: its figures are those of the results, its Python compiles, its commands exist."""

import ast
import json
import re
import sys
from pathlib import Path

import pytest

from clipteacher.cli.main import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RESULTS = json.loads((ROOT / "benchmarks/results/quickstart.json").read_text(encoding="utf-8"))


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", ["README.md", "docs/experiments.md"])
def test_the_quickstarts_table_is_that_of_its_results(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.delitem(sys.modules, "quickstart", raising=False)
    from quickstart import table

    assert [run["seed"] for run in RESULTS["runs"]] == [0, 1, 2]
    assert table(RESULTS["runs"]) in (ROOT / page).read_text(encoding="utf-8")
    assert RESULTS["command"] in (ROOT / page).read_text(encoding="utf-8")


def test_its_python_compiles() -> None:
    assert blocks("python")
    for block in blocks("python"):
        ast.parse(block)


def test_its_pictures_and_pages_are_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    for link in links:
        assert (ROOT / link).exists(), link


def test_its_commands_exist(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    usage = capsys.readouterr().out
    commands = set(re.findall(r"^clipteacher ([a-z-]+)", "\n".join(blocks("sh")), flags=re.MULTILINE))
    assert {"fit", "evaluate", "segment"} <= commands
    for command in commands:
        assert f"\n  {command} " in usage, command
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert {"quickstart", "test"} <= set(re.findall(r"make ([a-z]+)", README)) <= targets
