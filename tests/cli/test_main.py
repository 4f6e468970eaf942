"""The command itself: usage, exit statuses, and that it loads only what it needs."""

import errno
import json
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from clipteacher import __version__
from clipteacher.cli.main import main

HEAVY = ["lightning", "open_clip", "segmentation_models_pytorch", "timm", "jsonargparse"]


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"]])
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(arguments)
    out, err = capsys.readouterr()
    assert out.startswith("usage: clipteacher COMMAND")
    assert not err
    commands = "quickstart fit evaluate diagnose calibrate segment app export prepare audit convert teacher-check world"
    for command in commands.split():
        assert f"clipteacher {command} " in out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--version"])
    assert capsys.readouterr().out == f"clipteacher {__version__}\n"


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        ("trian", "Did you mean train?"),
        ("predict", "Did you mean segment?"),
        ("Fit", "Did you mean fit?"),
        ("teacher_check", "Did you mean teacher-check?"),
        ("--versoin", "Did you mean --version?"),
        ("", "The commands are quickstart, train, fit, "),
    ],
)
def test_unknown_command(command: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command])
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert not out
    assert f"got command {command!r}" in err
    assert hint in err
    assert err.endswith("See clipteacher --help.\n")
    assert len(err.splitlines()) == 1


def test_help_of_what_is_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["help", "segmnt"])
    assert stop.value.code == 2
    assert "Did you mean segment?" in capsys.readouterr().err


def test_the_processs_own_arguments(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["clipteacher", "--version"])
    main()
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("quickstart", ["--out", "--seed"]),
        (
            "fit",
            [
                "--out",
                "--resume",
                "--baseline",
                "--data.root",
                "--data.protocol",
                "--data.audit",
                "--model.method.glm",
                "--trainer.max_steps",
            ],
        ),
        ("evaluate", ["--model", "--data", "--split", "--unseen", "--protocol", "--out", "--device"]),
        ("export", ["--model", "--classes", "--onnx", "--text-input", "--opset"]),
        ("prepare", ["NAME", "--root", "voc12", "ade20k-full"]),
        ("audit", ["--data", "--protocol", "--split", "--unseen"]),
        ("convert", ["coco", "labelme"]),
        ("teacher-check", ["--config", "--teacher", "--data", "--split", "--classes", "--unseen", "--photos", "--out"]),
        ("segment", ["PHOTO", "--model", "--classes", "--out", "--opacity", "--device"]),
    ],
)
def test_help_of_each_command(command: str, options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert f"clipteacher {command}" in out
    for option in options:
        assert option in out


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [(["evaluate", "--model", "run/model"], "data"), (["segment", "photo.png", "--model", "run/model"], "out")],
)
def test_a_missing_option(arguments: list[str], missing: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    err = capsys.readouterr().err
    assert "required" in err
    assert missing in err


@pytest.mark.parametrize(
    "command", ["quickstart", "fit", "evaluate", "segment", "export", "prepare", "audit", "teacher-check"]
)
def test_an_unknown_option(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--colour", "red"])
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert not out
    assert f"clipteacher {command}: error: got --colour, which is no option." in err
    assert err.endswith(f"See clipteacher {command} --help.\n")
    assert len(err.splitlines()) == 1


def test_the_script_is_this_function() -> None:
    (script,) = entry_points(group="console_scripts", name="clipteacher")
    assert script.load() is main


def test_only_what_is_needed_is_loaded() -> None:
    """Each of these libraries costs seconds; what follows training needs no trainer, no CLIP and no student."""
    program = f"""
import json, sys
loaded = {{}}
for step in ("clipteacher", "clipteacher.cli.main", "clipteacher.segmenter.vocabulary",
             "clipteacher.evaluation.evaluate"):
    __import__(step)
    loaded[step] = [name for name in {HEAVY!r} if name in sys.modules]
print(json.dumps(loaded))
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603
    assert json.loads(result.stdout) == {
        "clipteacher": [],
        "clipteacher.cli.main": [],
        "clipteacher.segmenter.vocabulary": [],
        "clipteacher.evaluation.evaluate": [],
    }


def run(*arguments: str, stdout: int) -> tuple[int, str]:
    """The script in a process of its own: its status, and what it says on stderr."""
    program = "from clipteacher.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", program, *arguments], stdout=stdout, stderr=subprocess.PIPE, text=True)  # noqa: S603
    return done.returncode, done.stderr


def test_a_service_without_streams() -> None:
    program = "import sys; sys.stdout = sys.stderr = None; from clipteacher.cli.main import main; main(sys.argv[1:])"
    for arguments, status in ((["--version"], 0), (["nothing"], 2)):
        done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True)  # noqa: S603
        assert (done.returncode, done.stdout, done.stderr) == (status, "", "")


def test_nobody_reads_what_is_printed() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert run("--help", stdout=writer) == (141, "")
    finally:
        os.close(writer)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full")
def test_what_is_printed_goes_to_a_full_disk() -> None:
    with Path("/dev/full").open("w") as full:
        status, said = run("--help", stdout=full.fileno())
    assert status == 1
    assert said == "clipteacher: error: [Errno 28] No space left on device. The disk is full: free some room.\n"


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (KeyboardInterrupt(), 130, "clipteacher: stopped.\n"),
        (
            OSError(errno.EROFS, "Read-only", "a\x1b"),
            1,
            "clipteacher: error: [Errno 30] Read-only: 'a\\x1b'. The disk is read-only: make it writable.\n",
        ),
    ],
)
def test_every_command_ends_in_one_line(
    error: BaseException, status: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(arguments: list[str]) -> None:
        raise error

    monkeypatch.setattr("clipteacher.cli.world.world", stop)
    with pytest.raises(SystemExit) as ended:
        main(["world"])
    assert ended.value.code == status
    assert capsys.readouterr().err == said


def test_other_errors_stay_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(arguments: list[str]) -> None:
        raise ProcessLookupError(errno.ESRCH, "a mistake of ours")

    monkeypatch.setattr("clipteacher.cli.world.world", fail)
    with pytest.raises(ProcessLookupError):
        main(["world"])


def test_a_terminal_that_lacks_letters() -> None:
    program = "from clipteacher.cli.main import main; import clipteacher.cli.main as m; m._USAGE = '猫\\n'; main()"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment, check=True)  # noqa: S603
    assert done.stdout == b"\\u732b\n"
