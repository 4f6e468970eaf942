"""What `--model` was given: a run, a file of one, a typing mistake. The message says which model was meant."""

from pathlib import Path

import pytest

from clipteacher.segmenter.model_place import local_model


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder runs/ in the working directory: a finished run, and one that was stopped."""
    monkeypatch.chdir(tmp_path)
    for run in ("cats", "stopped"):
        Path("runs", run, "checkpoints").mkdir(parents=True)
        Path("runs", run, "checkpoints", "last.ckpt").write_text("")
        Path("runs", run, "config.yaml").write_text("")
    Path("runs/cats/model").mkdir()
    for name in ("config.json", "student.safetensors"):
        Path("runs/cats/model", name).write_text("")
    Path("runs/cats/student.onnx").write_text("")
    Path("empty").mkdir()
    Path("other").mkdir()
    Path("other/notes.txt").write_text("")
    return Path("runs")


def test_a_run_will_do(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for given in ("runs/cats", "runs/cats/", Path("runs/cats/model"), "~/runs/cats"):
        found = local_model(given)
        assert found is not None
        assert found.samefile(runs / "cats" / "model")


CATS = r"Did you mean runs.cats.model\?"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("runs/cats/checkpoints/last.ckpt", f"got .*last.ckpt, a checkpoint, .*{CATS}"),
        ("runs/cats/model/student.safetensors", f"a file of weights alone; .*{CATS}"),
        ("runs/cats/model/config.json", f"config.json, a file; .*{CATS}"),
        ("runs/cats/student.onnx", "an ONNX file; .*`clipteacher segment --onnx`"),
        ("runs/stopped/checkpoints/last.ckpt", "no model yet: finish it, .*--resume"),
        ("runs/stopped", "no model yet: finish it, .*--resume"),
        ("runs/cats/checkpoints", CATS),
        ("runs", CATS),
        ("runs/cats/modle", f"no folder runs.cats.modle; .*{CATS}"),
        ("runs/cat", f"no folder runs.cat; .*{CATS}"),
        ("runs/dogs", CATS),
        ("rnus/cats/model", CATS),
        ("rusn", CATS),
        (Path("rusn/cats"), CATS),
        ("empty", "no config.json in empty, an empty folder; .*`clipteacher train` and `fit` write one"),
        ("other", "no config.json in other; .*`clipteacher train` and `fit` write one"),
        ("nothing", "no folder nothing; .*write one"),
        ("/nowhere/at all", "no folder .nowhere.at all; "),
        ("a\nb\x1b", r"no folder a\\nb\\x1b; "),
    ],
)
def test_what_was_given_and_what_was_meant(given: str | Path, said: str, runs: Path) -> None:
    with pytest.raises(
        (FileNotFoundError, ValueError), match=r"^model: .*expected the folder model/ of a run"
    ) as error:
        local_model(given)
    assert error.match(said)
    assert "hub" not in str(error.value).lower()


def test_what_may_be_a_hub_id(runs: Path) -> None:
    assert local_model("someone/model") is None
    with pytest.raises(FileNotFoundError):
        local_model("runs/model")  # for there is a folder runs
    with pytest.raises(FileNotFoundError):
        local_model(Path("someone/model"))


def test_a_folder_that_may_not_be_read(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(folder: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(folder))

    for method in ("iterdir", "is_file"):
        with monkeypatch.context() as patch:
            patch.setattr(Path, method, closed)
            with pytest.raises(FileNotFoundError, match=r"no folder runs.cat; "):
                local_model("runs/cat")
