"""Pages of help: one screen each, in words, without torch; the page of `fit` says what its parser does."""

import json
import re
import subprocess
import sys

import pytest
import yaml
from jsonargparse import ArgumentParser

from clipteacher.analysis.calibrate import CALIBRATIONS
from clipteacher.analysis.student.calibration_sweep import CALIBRATIONS as SWEEP
from clipteacher.analysis.student.pseudo_labels import MIN_AREA
from clipteacher.cli.fit_help import OPTIONS, fit_help
from clipteacher.cli.main import _COMMANDS, main
from clipteacher.utils.usage import option_names

PAGES = [*((name,) for name in _COMMANDS), ("convert", "auto"), ("convert", "coco"), ("convert", "labelme")]
SHOWN = [shown for options in OPTIONS.values() for shown in options]


def page(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main([*command])
    assert stop.value.code == 0
    out, err = capsys.readouterr()
    assert not err
    return out


@pytest.mark.parametrize("command", PAGES, ids=" ".join)
def test_a_page_fits_a_screen_and_names_no_types(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    text = page(capsys, *command, "--help")
    lines = text.splitlines()
    assert lines[0].startswith(f"usage: clipteacher {' '.join(command)} ")
    assert len(lines) <= 60
    assert max(map(len, lines)) <= 100
    for leaked in ("Union[", "Optional[", "typing", "<class", "type:", "null)", "+ "):
        assert leaked not in text
    if len(command) == 1:
        assert f"example: clipteacher {command[0]} " in lines[-1]
    assert page(capsys, *command, "-h") == text


@pytest.mark.parametrize("command", _COMMANDS)
def test_help_is_a_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert page(capsys, "help", command) == page(capsys, command, "--help")


def test_help_alone_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    main(["help"])
    listed = capsys.readouterr().out
    main([])
    assert listed == capsys.readouterr().out
    assert "clipteacher world" in listed


def test_no_page_needs_torch() -> None:
    """In one process, for each page loads what it needs and no more."""
    program = f"""
import contextlib, io, json, sys
from clipteacher.cli.main import main
for command in {PAGES!r}:
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
        main([*command, "--help"])
heavy = ("torch", "lightning", "matplotlib", "onnxruntime", "gradio")
print(json.dumps([name for name in heavy if name in sys.modules]))
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603
    assert json.loads(result.stdout) == []


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown.option)
def test_the_options_on_the_page_of_fit_are_the_parsers(fit_parser: ArgumentParser, shown: tuple[str, ...]) -> None:
    option, _, text, default = shown
    known, parent = option_names(fit_parser), option.rsplit(".", 1)[0]
    assert f"--{option}" in known or f"--{parent}" in known
    defaults = fit_parser.get_defaults()
    required = {action.dest for action in fit_parser._actions if action.required and defaults[action.dest] is None}
    assert ("required" in text) == (option in required)
    if default is not None:
        found = defaults[option]
        assert yaml.safe_load(default) == (list(found) if isinstance(found, tuple) else found)


def test_the_page_of_fit_shows_its_groups() -> None:
    assert len(SHOWN) <= 40
    for shown in SHOWN:
        assert re.search(rf"^  --{re.escape(shown.option)} .*{re.escape(shown.text)}", fit_help(), flags=re.MULTILINE)


def test_every_option_of_fit_is_one_page_further(capsys: pytest.CaptureFixture[str]) -> None:
    text = page(capsys, "fit", "--help.all")
    assert "--checkpoint.every_n_train_steps" in text
    assert "--trainer.gradient_clip_val" in text
    assert "<class" not in text
    assert len(text.splitlines()) < 800


def test_defaults_that_are_said_without_torch(capsys: pytest.CaptureFixture[str]) -> None:
    assert (CALIBRATIONS[0], CALIBRATIONS[1], CALIBRATIONS[-1]) == (0, 0.05, 1)
    assert "default: 0, 0.05, ... 1" in " ".join(page(capsys, "calibrate", "--help").split())
    text = " ".join(page(capsys, "diagnose", "--help").split())
    assert f"default: {SWEEP[0]} to {SWEEP[-1]}" in text
    assert f"default: {MIN_AREA}" in text
