"""`clipteacher app`: its mistakes end with one message, and SIGTERM leaves no upload behind."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from clipteacher.cli.main import main


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
    assert "no config.json in" in fails(capsys, "--model", tmp_path / "missing", "--port", port)
    assert "port: got 70000" in fails(capsys, "--model", tmp_path, "--port", "70000")
    assert "megabytes: got 0.0" in fails(capsys, "--model", tmp_path, "--port", port, "--max_megabytes", "0")
    assert "megapixels: got -1.0" in fails(capsys, "--model", tmp_path, "--port", port, "--max_megapixels", "-1")
    assert "cannot listen on no.such.host.invalid" in fails(
        capsys, "--model", tmp_path, "--port", port, "--host", "no.such.host.invalid"
    )
    assert "--model" in fails(capsys, "--port", port)
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
def _own_sigterm() -> Iterator[None]:
    """The command handles SIGTERM; the tests' process gets its own handler back."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_own_sigterm")
def test_ctrl_c_ends_it(
    trained: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gradio", reason='Gradio is not installed: pip install "clipteacher[app]"')
    from clipteacher.cli import app as command

    class Interrupted:
        def wait(self) -> None:
            raise KeyboardInterrupt

    port = free_port()
    monkeypatch.setattr(command.threading, "Event", Interrupted)
    monkeypatch.setattr(command, "served", lambda *_, **options: nullcontext(f"http://{options['host']}/"))
    main(["app", "--model", str(trained[0] / "model"), "--port", str(port)])
    assert capsys.readouterr().out == (
        "Open http://127.0.0.1/ in a browser. Ctrl-C ends it.\nStopped; uploads and results are deleted.\n"
    )


def test_sigterm_leaves_nothing_behind(trained: tuple[Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("gradio", reason='Gradio is not installed: pip install "clipteacher[app]"')
    model, port = trained[0] / "model", free_port()
    code = "import sys; from clipteacher.cli.main import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "app", "--model", str(model), "--port", str(port)]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(  # noqa: S603 (our own)
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line == f"Open http://127.0.0.1:{port}/ in a browser. Ctrl-C ends it.\n"
            made = list(tmp_path.glob("clipteacher-app-*"))
            assert len(made) == 1
            process.terminate()
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir()), "no upload, no cache"
