"""Class lists, settings, cached counts and configurations of any bytes: what they say, or one error that names them."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.settings import FEW, JSON, MORE, outcome, spoilt

from clipteacher.cli.main import main
from clipteacher.data.class_list import read_class_names
from clipteacher.data.files import DataError
from clipteacher.teachers.openclip_source import read_config
from clipteacher.training.resume import check_settings, read_settings

TEXT = st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))
SETTINGS = b"seed_everything: 0\nmodel:\n  glm: {temperature: 0.07}\n  plm: null\ndata:\n  unseen: [sun]\n"


@MORE
@given(content=st.binary(max_size=60) | TEXT | spoilt(b"\xef\xbb\xbfsky\ngrass\r\nna\xc3\xafve\n"))
def test_class_lists(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_bytes(content)
    names = outcome(lambda: read_class_names(tmp_path), "classes.txt", DataError)
    if names is not None:
        assert 1 <= len(names) == len(set(names)) <= 255
        assert all(name == name.strip() != "" for name in names)


@MORE
@given(content=st.binary(max_size=60) | TEXT | spoilt(SETTINGS) | JSON.map(lambda value: json.dumps(value).encode()))
def test_settings_of_a_run(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    was = outcome(lambda: read_settings(path), "config.yaml", ValueError)
    if was is not None:
        warnings = outcome(lambda: check_settings(was, yaml.safe_load(SETTINGS), path), "config.yaml", ValueError)
        assert not warnings


@MORE
@given(content=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_configurations_of_a_clip(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "clip.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"clip\.json"):
        read_config(str(path))


@FEW
@given(content=st.binary(max_size=40) | TEXT | spoilt(SETTINGS) | JSON.map(lambda value: json.dumps(value).encode()))
def test_recipes(content: bytes, tmp_path: Path) -> None:
    """No such file holds a whole recipe: the command ends with status 2 and writes nothing."""
    path, out = tmp_path / "recipe.yaml", tmp_path / "run"
    path.write_bytes(content)
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--config", str(path), "--out", str(out)])
    assert stop.value.code == 2
    assert not out.exists()
