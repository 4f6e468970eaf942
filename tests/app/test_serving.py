"""The page as a server: what it hands out, what it refuses, and what is left when it ends."""

import http.cookiejar
import json
import os
import socket
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("gradio", reason='Gradio is not installed: pip install "clipteacher[app]"')

from clipteacher.app.limits import Limits
from clipteacher.app.serving import check_port, is_loopback, served
from clipteacher.segmenter.segmenter import Segmenter

JSON = {"Content-Type": "application/json"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str, data: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    """Ask without any proxy; status and body."""
    request = urllib.request.Request(url, data, headers)  # noqa: S310 (our own address)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def upload(url: str, name: str, content: bytes) -> tuple[int, bytes]:
    """Send a file as the page does."""
    head = f'--x\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    body = head.encode() + content + b"\r\n--x--\r\n"
    return get(f"{url}gradio_api/upload", body, **{"Content-Type": "multipart/form-data; boundary=x"})


def test_a_whole_life(segmenter: Segmenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRADIO_ALLOWED_PATHS", "/")
    monkeypatch.setenv("GRADIO_SHARE", "True")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # nobody is there: the page must not ask itself through it
    before = dict(os.environ)
    port = free_port()
    secret = tmp_path / "secret.txt"
    secret.write_text("classified")
    (tmp_path / ".gradio" / "cached_examples").mkdir(parents=True)
    (tmp_path / ".gradio" / "cached_examples" / "secret.txt").write_text("classified")
    with served(segmenter, title="<b>mine", port=port, limits=Limits(megabytes=0.1)) as url:
        assert url == f"http://127.0.0.1:{port}/"
        status, body = get(url)
        assert status == 200
        assert b"<title>&lt;b&gt;mine" in body or b"<title><b>mine" not in body
        config = json.loads(get(f"{url}config")[1])
        assert config["analytics_enabled"] is False
        assert config.get("share_url") is None
        assert not any(dependency["show_api"] for dependency in config["dependencies"] if "show_api" in dependency)

        root = Path(os.environ["GRADIO_TEMP_DIR"])
        assert root.parent.name.startswith("clipteacher-app-")
        assert root.stat().st_mode & 0o077 == 0 or root.parent.stat().st_mode & 0o077 == 0, "for nobody else to read"

        status, body = upload(url, "cat.png", b"not really")
        assert status == 200
        stored = Path(json.loads(body)[0])
        assert root in stored.parents
        assert get(f"{url}gradio_api/file={stored}") == (200, b"not really")
        for name in ("../../../evil.png", "/etc/evil.png", "..\\evil.png"):
            status, body = upload(url, name, b"x")
            assert status != 200 or root in Path(json.loads(body)[0]).resolve().parents

        quoted = urllib.parse.quote
        inside = f"{stored.parent}/../../../.."
        for path in (secret, tmp_path / ".gradio/cached_examples/secret.txt", "/etc/passwd", f"{inside}/etc/passwd"):
            for spelled in (str(path), quoted(str(path), safe=""), f"{root}/../../..{path}"):
                status, body = get(f"{url}gradio_api/file={spelled}")
                assert status in (403, 404), spelled
                assert b"classified" not in body
                assert b"root:" not in body
        for address in ("http://example.org/", "https://example.org/", "HTTPS%3A//example.org/", url):
            assert get(f"{url}gradio_api/file={address}")[0] == 403, address
        assert get(f"{url}gradio_api/proxy=https://example.org/")[0] == 403

        status, body = upload(url, "big.png", bytes(200_000))
        assert status == 413
        assert get(url)[0] == 200, "the page goes on"
        with (
            pytest.raises(OSError, match=f"cannot listen on 127.0.0.1, port {port}"),
            served(segmenter, title="", port=port),
        ):
            pass
    assert not root.parent.exists(), "uploads and results are gone"
    assert dict(os.environ) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [".gradio", "secret.txt"], "nothing was left behind"
    with pytest.raises(urllib.error.URLError):
        get(url)


def test_where_one_cannot_listen() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"port {port} .*Choose another: --port"):
            check_port("127.0.0.1", port)
    for port in (0, -1, 65536):
        with pytest.raises(ValueError, match=f"port: got {port}, expected"):
            check_port("127.0.0.1", port)
    with pytest.raises(OSError, match=r"cannot listen on 192\.0\.2\.1"):  # an address set aside for documentation
        check_port("192.0.2.1", free_port())
    check_port("127.0.0.1", free_port())


def test_who_reaches_an_interface() -> None:
    for host in ("127.0.0.1", "127.0.0.5", "localhost", "::1", "[::1]"):
        assert is_loopback(host), host
    for host in ("0.0.0.0", "::", "192.0.2.1", "no.such.host.invalid"):  # noqa: S104
        assert not is_loopback(host), host


def test_a_password_guards_the_page_and_is_never_sent(segmenter: Segmenter, capfd: pytest.CaptureFixture[str]) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    with served(segmenter, title="x", port=free_port(), auth=("me", "se:cret")) as url:
        status, body = get(url)
        assert status == 200
        assert b"ct-words" not in body
        assert b"cret" not in body
        for route in ("config", "gradio_api/info", "gradio_api/file=/etc/passwd"):
            assert get(url + route)[0] == 401, route
        job = {"data": [], "fn_index": 3, "session_hash": "a"}
        assert get(f"{url}gradio_api/queue/join", json.dumps(job).encode(), **JSON)[0] == 401
        assert upload(url, "cat.png", b"x")[0] == 401
        assert get(f"{url}login", b"username=me&password=cret", **form)[0] == 400
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        )
        asked = urllib.parse.urlencode({"username": "me", "password": "se:cret"}).encode()
        assert b"true" in opener.open(f"{url}login", asked).read()
        config = opener.open(f"{url}config").read()
        assert b"ct-words" in config
        assert b"cret" not in config
    assert "cret" not in "".join(capfd.readouterr())
