"""The README: its Python runs as it stands, its figures are those of the results, its commands and links exist."""

import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.docs.pages import ROOT, blocks, page

from clipteacher.cli.main import main

README = page("README.md")
RESULTS: dict[str, Any] = json.loads(page("benchmarks/results/quickstart.json"))
WITH_THE_TABLE = (
    "README.md",
    "docs/get_started/quickstart.md",
    "docs/benchmarks/results.md",
    "docs/research/lab_book.md",
)


def mean_and_deviation(values: list[float], digits: int) -> str:
    return f"{statistics.mean(values):.{digits}f} ± {statistics.stdev(values):.{digits}f}"


@pytest.mark.parametrize("name", WITH_THE_TABLE)
def test_the_quickstarts_table_is_that_of_its_results(name: str) -> None:
    assert [run["seed"] for run in RESULTS["runs"]] == [0, 1, 2]
    text = page(name)
    # A page may break the command over two lines.
    assert RESULTS["command"] in " ".join(text.split())
    first = RESULTS["runs"][0]["rows"]
    assert len(first) == 5
    for row in first:
        shares = [
            mean_and_deviation([100 * run["rows"][row][score] for run in RESULTS["runs"]], 1)
            for score in ("mIoU_unseen", "hIoU", "mIoU_seen", "pAcc")
        ]
        cells = [*shares, mean_and_deviation([run["timings"]["images_per_second"][row] for run in RESULTS["runs"]], 0)]
        if len(first) == 5:
            cells.append(mean_and_deviation([100 * run["rows"][row]["of_reference"] for run in RESULTS["runs"]], 1))
        assert f"| {' | '.join(cells)} |" in text, row


def test_its_python_runs_as_it_stands(tmp_path: Path) -> None:
    """In an empty folder and a fresh process: one block after another, as a newcomer types them."""
    code = blocks(README, "python")
    assert code
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", "\n".join(code)]
    result = subprocess.run(  # noqa: S603 (our own page)
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert result.returncode == 0, result.stderr[-3000:]
    unseen, seen = map(float, re.findall(r"U ([\d.]+), hIoU [\d.]+, S ([\d.]+)", result.stdout)[0])
    assert unseen > 20, "the student finds what nobody labelled"
    assert seen > 20
    with Image.open(tmp_path / "found.png") as picture:
        assert picture.width >= 128
    (run,) = (tmp_path / "runs").iterdir()
    assert {"model", "metrics.json", "report.png"} <= {entry.name for entry in run.iterdir()}


def test_the_first_training_is_the_readmes() -> None:
    assert blocks(page("docs/get_started/first_training.md"), "python")[0] == blocks(README, "python")[0]


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= 120


def test_its_pictures_and_pages_are_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    for link in links:
        assert (ROOT / link).exists(), link


def test_its_commands_exist(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    usage = capsys.readouterr().out
    commands = set(re.findall(r"^clipteacher ([a-z-]+)", "\n".join(blocks(README, "sh")), flags=re.MULTILINE))
    assert {"train", "segment", "export"} <= commands
    for command in commands:
        assert f"\n  {command} " in usage, command
    targets = set(re.findall(r"^([a-z]+):", page("Makefile"), flags=re.MULTILINE))
    assert {"quickstart", "test", "docs"} <= set(re.findall(r"make ([a-z]+)", README)) <= targets
