"""Serving the page: by default on this machine alone, without telemetry, and leaving no file behind."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from clipteacher.app.limits import Limits

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from clipteacher.segmenter.segmenter import Segmenter

HOST: Final = "127.0.0.1"
"""This machine alone."""

PORT: Final = 7860
"""Gradio's default."""

_LOCAL: Final = "127.0.0.1,localhost,::1"


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


@contextmanager
def served(
    segmenter: Segmenter, *, title: str, host: str = HOST, port: int = PORT, limits: Limits | None = None
) -> Iterator[str]:
    """Serve the page within the block; uploads and results are deleted after it.

    Args:
        segmenter: A trained student.
        title: Name of the model.
        host: Interface to listen on; the default is this machine alone.
        port: Port to listen on.
        limits: Limits of the page; None is the defaults.

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
            from clipteacher.app.page import build_page, theme

            results = folder / "files"
            results.mkdir()
            page = build_page(segmenter, limits, results, write_examples(folder / "examples"), title)
            try:
                _, url, _ = page.launch(
                    share=False,
                    server_name=f"[{host}]" if ":" in host and not host.startswith("[") else host,
                    server_port=port,
                    max_file_size=round(limits.megabytes * 2**20),
                    allowed_paths=[],
                    app_kwargs={"middleware": [Middleware(NoFetching)]},
                    theme=theme(),
                    footer_links=[],
                    run_history=False,
                    enable_monitoring=False,
                    mcp_server=False,
                    ssr_mode=False,
                    pwa=False,
                    inline=False,
                    quiet=True,
                    prevent_thread_lock=True,
                )
                yield url
            finally:
                page.close(verbose=False)


class NoFetching:
    """Middleware that refuses to fetch addresses: Gradio's route for files also accepts `file=https://...`.

    Args:
        app: The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer such a request with 403, and pass on every other."""
        path = str(scope.get("path", "")).lower()
        if scope["type"] == "http" and ("file=http:" in path or "file=https:" in path or "/proxy=" in path):
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"This page fetches nothing from elsewhere.\n"})
            return
        await self.app(scope, receive, send)


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
