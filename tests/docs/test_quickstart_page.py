"""docs/get_started/quickstart.md names what the quickstart trains, shows and leaves."""

import re
from pathlib import Path

from tests.docs.pages import blocks, page

from clipteacher.demo.drawn_world import UNSEEN
from clipteacher.demo.quickstart.advice import next_commands
from clipteacher.demo.quickstart.config import RUNS, QuickstartConfig
from clipteacher.demo.quickstart.results import TITLES

PAGE = page("docs/get_started/quickstart.md")


def test_every_run_and_row_is_there() -> None:
    for key in RUNS:
        assert f"**{TITLES[key]}**" in PAGE, "what it was told"
        assert f"`{key}/`" in PAGE, "its folder"
    assert TITLES["teacher"] in PAGE
    for name in UNSEEN:
        assert name in PAGE


def test_the_world_is_the_quickstarts() -> None:
    config = QuickstartConfig()
    assert f"{config.train} scenes to train on and {config.val} to test on" in PAGE


def test_its_model_is_the_one_that_the_quickstart_advises() -> None:
    (_, segment), *_ = next_commands(Path("runs/quickstart"), Path("fit.yaml"), Path("photo.jpg"), ["sea"])
    models = set(re.findall(r"--model (\S+)", "\n".join(blocks(PAGE, "sh"))))
    assert models == set(re.findall(r"--model (\S+)", segment)) == {"runs/quickstart/before/model"}
