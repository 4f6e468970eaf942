"""`--config NAME`: configurations that ship are found by name, files go first, a wrong name lists the names."""

from pathlib import Path

import pytest
import yaml

from clipteacher.cli.configs import find_config, shipped_configs, with_found_configs
from clipteacher.cli.main import main
from clipteacher.demo.quickstart.config import FIT_CONFIG

CONFIGS = Path(__file__).parents[2] / "configs"


def test_all_of_the_repository_ship_and_the_quickstarts_too() -> None:
    known = shipped_configs()
    files = {path.relative_to(CONFIGS).with_suffix("").as_posix(): path for path in CONFIGS.rglob("*.yaml")}
    assert known == files | {"quickstart": FIT_CONFIG}
    assert {"msrc21", "msrc21-transductive", "voc12-15-5/segnext-b"} <= known.keys()


@pytest.mark.parametrize("given", ["msrc21", "msrc21.yaml", "configs/msrc21.yaml"])
def test_a_name_is_found(given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config(given) == CONFIGS / "msrc21.yaml"


def test_a_file_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("msrc21").write_text("data: {}")
    assert find_config("msrc21") == Path("msrc21")


@pytest.mark.parametrize("option", ["-c", "--config"])
def test_names_among_other_arguments(option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = with_found_configs([option, "voc12-15-5/segnext-t", "--out", "msrc21", f"{option}=quickstart"])
    recipe = str(CONFIGS / "voc12-15-5" / "segnext-t.yaml")
    assert found == [option, recipe, "--out", "msrc21", f"{option}={FIT_CONFIG}"]


def test_yaml_on_the_command_line_is_no_name() -> None:
    words = ["--config", "data: {root: world}"]
    assert with_found_configs(words) == words


def test_an_unknown_name_lists_the_names(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--config", "mrsc21"])
    assert stop.value.code == 2
    first, *lines = capsys.readouterr().err.splitlines()
    assert first.endswith(
        "config: no file mrsc21, expected one, or a name that ships. Did you mean msrc21? These ship:"
    )
    assert lines[0] == "  quickstart, msrc21, msrc21-paper, msrc21-transductive"
    assert any("voc12-15-5}/{" in line and "segnext-b" in line for line in lines)


def test_fit_takes_a_name(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--config", "quickstart", "--data.root", "world", "--print_config"])
    assert stop.value.code == 0
    printed, own = yaml.safe_load(capsys.readouterr().out), yaml.safe_load(FIT_CONFIG.read_text())
    assert printed["data"]["unseen"] == own["data"]["unseen"]
    assert printed["trainer"]["max_steps"] == own["trainer"]["max_steps"]


def test_a_teacher_check_takes_a_name(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["teacher-check", "--config", "quickstart", "--data", str(tmp_path / "nowhere")])
    assert stop.value.code == 2
    assert "nowhere" in capsys.readouterr().err
