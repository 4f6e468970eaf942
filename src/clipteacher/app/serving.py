"""Serving the page: by default on this machine alone, without telemetry, and leaving no file behind."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from clipteacher.app.guard import Guard
from clipteacher.app.limits import Limits
from clipteacher.app.look import CSS, JS

if TYPE_CHECKING:
    from clipteacher.segmenter.segmenter import Segmenter

HOST: Final = "127.0.0.1"
"""This machine alone."""

PORT: Final = 7860
"""Gradio's default."""

_LOCAL: Final = "127.0.0.1,localhost,::1"
# What Gradio brings beside the page, and what would leave this machine.
_QUIET: Final[dict[str, Any]] = {
    **{"share": False, "run_history": False, "enable_monitoring": False, "mcp_server": False, "ssr_mode": False},
    **{"pwa": False, "inline": False, "quiet": True, "prevent_thread_lock": True},
    **{"allowed_paths": [], "footer_links": []},
}


def check_gradio() -> None:
    """Check that the extra is installed.

    Raises:
        ImportError: Gradio is missing.
    """
    # Found, not imported: importing takes seconds, and Gradio writes to its folder.
    try:
        found = find_spec("gradio") is not None
    except ValueError:  # a module without a specification
        found = False
    if not found:
        raise ImportError('app: Gradio is not installed. Run: pip install "clipteacher[app]"')


def check_port(host: str, port: int) -> None:
    """Check that this machine can listen at an address.

    Args:
        host: Name or address of an interface of this machine.
        port: 1..65535.

    Raises:
        OSError: The host is not an interface of this machine, or the port is taken or not allowed.
        ValueError: The port is not in 1..65535.
    """
    if not 1 <= port <= 65535:
        raise ValueError(f"port: got {port}, expected 1..65535. The default is {PORT}.")
    try:
        family, kind, _, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            if os.name == "posix":  # on Windows this would share a taken port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise OSError(
            f"port: cannot listen on {host}, port {port} ({error.strerror or error}). Is another program "
            f"using it? Choose another: --port {port + 1 if port < 65535 else PORT}"
        ) from error


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an interface.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("[::1]"), is_loopback("0.0.0.0")
        (True, True, False)
    """
    try:
        found = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)


@contextmanager
def served(
    segmenter: Segmenter,
    *,
    title: str,
    host: str = HOST,
    port: int = PORT,
    limits: Limits | None = None,
    auth: tuple[str, str] | None = None,
) -> Iterator[str]:
    """Serve the page within the block; uploads and results are deleted after it.

    Args:
        segmenter: A trained student.
        title: Name of the model.
        host: Interface to listen on; the default is this machine alone.
        port: Port to listen on.
        limits: Limits of the page; None is the defaults.
        auth: Name and password that a visitor must give; None is no password.

    Yields:
        The page's address.

    Raises:
        ImportError: Gradio is missing.
        OSError: As `check_port`.
        ValueError: As `check_port`.
    """
    check_gradio()
    check_port(host, port)
    limits = limits or Limits()
    with tempfile.TemporaryDirectory(prefix="clipteacher-app-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with _private(folder):
            from starlette.middleware import Middleware

            from clipteacher.app.example import write_examples
            from clipteacher.app.page import argument_checks, build_page, theme

            results = folder / "files"
            results.mkdir()
            page = build_page(segmenter, limits, results, write_examples(folder / "examples"), title)
            upload_bytes = round(limits.megabytes * 2**20)
            checks, sessions = argument_checks(page, results), page._queue.pending_messages_per_session
            guard = Middleware(Guard, jobs=checks, sessions=sessions, upload_bytes=upload_bytes)
            try:
                _, url, _ = page.launch(
                    server_name=f"[{host}]" if ":" in host and not host.startswith("[") else host,
                    server_port=port,
                    auth=auth,
                    max_file_size=upload_bytes,
                    app_kwargs={"middleware": [guard]},
                    theme=theme(),
                    css=CSS,
                    js=JS,
                    **_QUIET,
                )
                yield url
            finally:
                page.close(verbose=False)


@contextmanager
def _private(folder: Path) -> Iterator[None]:
    """Set the environment variables that keep Gradio private within the block."""
    before = dict(os.environ)
    for name in ("GRADIO_ALLOWED_PATHS", "GRADIO_SHARE", "GRADIO_NUM_WORKERS"):
        os.environ.pop(name, None)
    os.environ |= {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "GRADIO_TEMP_DIR": str(folder / "files"),
        "GRADIO_EXAMPLES_CACHE": str(folder / "cache"),
    }
    # Gradio checks that its own address answers; that request must not go through a proxy.
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, (before.get(name), _LOCAL)))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
