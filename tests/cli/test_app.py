"""`clipteacher app`: its mistakes end with one message, and SIGTERM leaves no upload behind."""

import os
import signal
import socket
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from clipteacher.cli.main import main
from clipteacher.segmenter.segmenter import Segmenter


def fails(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(["app", *map(str, arguments)])
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert "Open" not in out
    assert "Traceback" not in err
    return err


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_without_gradio_the_extra_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert 'pip install "clipteacher[app]"' in fails(capsys, "--model", tmp_path, "--port", str(free_port()))


def test_wrong_input(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("gradio", reason='Gradio is not installed: pip install "clipteacher[app]"')
    port = str(free_port())
    assert "no config.json in" in fails(capsys, "--model", tmp_path, "--port", port)
    assert "model: no folder" in fails(capsys, "--model", tmp_path / "missing", "--port", port)
    assert "port: got 70000" in fails(capsys, "--model", tmp_path, "--port", "70000")
    assert "megabytes: got 0.0" in fails(capsys, "--model", tmp_path, "--port", port, "--max_megabytes", "0")
    assert "megapixels: got -1.0" in fails(capsys, "--model", tmp_path, "--port", port, "--max_megapixels", "-1")
    assert "cannot listen on no.such.host.invalid" in fails(
        capsys, "--model", tmp_path, "--port", port, "--host", "no.such.host.invalid"
    )
    assert "model: required" in fails(capsys, "--port", port)
    for auth in ("secret", "secret:", ":secret", " :secret"):
        message = fails(capsys, "--model", tmp_path, "--port", port, "--auth", auth)
        assert "Write --auth user:password" in message
        assert "secret" not in message
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        assert f"port {number}" in fails(capsys, "--model", tmp_path, "--port", str(number))


def test_a_device_that_is_not_there(capsys: pytest.CaptureFixture[str], trained: tuple[Path, Path]) -> None:
    pytest.importorskip("gradio", reason='Gradio is not installed: pip install "clipteacher[app]"')
    model = trained[0] / "model"
    assert "device: got 'warp'" in fails(capsys, "--model", model, "--port", str(free_port()), "--device", "warp")


@pytest.fixture
def _own_signals() -> Iterator[None]:
    """The command handles SIGTERM; the tests' process gets its own handlers back.

    A process that was started in the background ignores SIGINT, and so would these tests.
    """
    before = {sent: signal.getsignal(sent) for sent in (signal.SIGTERM, signal.SIGINT)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for sent, handler in before.items():
        signal.signal(sent, handler)


@pytest.mark.usefixtures("_own_signals")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0 admits everyone who can reach this machine, without a password"),  # noqa: S104
        (["--host", "0.0.0.0", "--auth", "me:topsecret"], "--host 0.0.0.0 admits whoever has the password"),  # noqa: S104
        (["--auth", "me:topsecret"], None),
    ],
)
def test_a_page_for_other_machines_is_warned_about_and_no_password_is_printed(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    said: str | None,
) -> None:
    pytest.importorskip("gradio", reason='Gradio is not installed: pip install "clipteacher[app]"')
    from clipteacher.cli import app as command

    given: list[object] = []

    @contextmanager
    def nothing_served(*_: object, auth: object, **__: object) -> Iterator[str]:
        given.append(auth)
        yield "http://here/"

    monkeypatch.setattr(command, "served", nothing_served)
    monkeypatch.setattr(command, "_wait", lambda: None)
    monkeypatch.setattr(Segmenter, "from_pretrained", lambda *_, **__: torch.nn.Identity())
    main(["app", "--model", str(tmp_path), "--port", str(free_port()), *options])
    out, err = capfd.readouterr()
    assert given == [("me", "topsecret") if "--auth" in options else None]
    assert "topsecret" not in out + err
    assert out == "Open http://here/ in a browser. Ctrl-C stops it.\n"
    if said is None:
        assert not err
    else:
        assert err.startswith(f"clipteacher app: warning: {said}")
        assert len(err.splitlines()) == 1


@pytest.mark.usefixtures("_own_signals")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_nothing_is_left_behind(
    trained: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    sent: signal.Signals,
) -> None:
    pytest.importorskip("gradio", reason='Gradio is not installed: pip install "clipteacher[app]"')
    from clipteacher.cli import app as command

    port, seen = free_port(), []

    def kill() -> None:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://127.0.0.1:{port}/") as reply:
            seen.append((reply.status, [path.name for path in tmp_path.iterdir()]))
        os.kill(os.getpid(), sent)
        time.sleep(30)  # the signal comes meanwhile

    monkeypatch.setattr(command, "_wait", kill)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    arguments = ["app", "--model", str(trained[0] / "model"), "--port", str(port)]
    if sent == signal.SIGTERM:
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 128 + signal.SIGTERM
    else:
        main(arguments)
    out = capsys.readouterr().out
    assert out.startswith(f"Open http://127.0.0.1:{port}/ in a browser. Ctrl-C stops it.\n")
    assert ("Stopped" in out) == (sent == signal.SIGINT)
    [(status, folders)] = seen
    assert status == 200
    assert len(folders) == 1
    assert folders[0].startswith("clipteacher-app-")
    assert not list(tmp_path.iterdir())
