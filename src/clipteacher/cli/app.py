"""`clipteacher app`: a web page that segments a photo into words."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from clipteacher.app.limits import Limits
from clipteacher.app.serving import HOST, PORT, check_gradio, check_port, is_loopback, served
from clipteacher.cli.arguments import add_device, device
from clipteacher.cli.errors import user_errors
from clipteacher.cli.parser import CommandParser


def app(arguments: Sequence[str]) -> None:
    """Serve a web page: drop a photo, type words, see where each word is. Ctrl-C stops it and deletes all uploads."""
    parser = CommandParser("app", description=app.__doc__, example="app --model RUN/model")
    limits = Limits()
    parser.add_argument("--model", type=str, required=True, help="model/ of a run, or a hub id, owner/name")
    parser.add_argument("--host", type=str, default=HOST, help="0.0.0.0 admits other machines; see --auth")
    parser.add_argument("--port", type=int, default=PORT, help="of the page")
    parser.add_argument("--auth", type=str, metavar="USER:PASSWORD", help="what a visitor must give; default: nothing")
    parser.add_argument("--max_megabytes", type=float, default=limits.megabytes, help="largest uploaded file")
    parser.add_argument("--max_megapixels", type=float, default=limits.megapixels, help="largest photo, in millions")
    add_device(parser)
    given = parser.parse_args(list(arguments))
    with user_errors():
        # Checks that fail fast come first, as a model may take a while to load.
        limits = Limits(megabytes=given.max_megabytes, megapixels=given.max_megapixels)
        auth = _credentials(given.auth)
        check_gradio()
        check_port(given.host, given.port)
        from clipteacher.segmenter.segmenter import Segmenter

        # A visitor's words are not kept on disk.
        segmenter = Segmenter.from_pretrained(given.model, text_cache=False).to(device(given.device))
    # SIGTERM alone would leave the uploads.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with ExitStack() as stack:
        with user_errors():
            page = served(
                segmenter, title=_title(given.model), host=given.host, port=given.port, limits=limits, auth=auth
            )
            url = stack.enter_context(page)
        if not is_loopback(given.host):
            print(_warning(given.host, auth is not None), file=sys.stderr, flush=True)
        print(f"Open {url} in a browser. Ctrl-C stops it.", flush=True)
        try:
            _wait()
        except KeyboardInterrupt:
            print("Stopped; uploads and results are deleted.")


def _credentials(text: str | None) -> tuple[str, str] | None:
    """Name and password of `--auth`; no message repeats them."""
    if text is None:
        return None
    name, _, password = text.partition(":")
    if not name.strip() or not password:
        raise ValueError("auth: expected a name, a colon and a password, neither empty. Write --auth user:password")
    return name.strip(), password


def _warning(host: str, auth: bool) -> str:
    """What to know about a page that other machines reach."""
    who = "whoever has the password" if auth else "everyone who can reach this machine, without a password"
    add = "" if auth else " Add --auth user:password, or"
    forward = f"{add or ' Better'} leave --host out and forward the port: ssh -L {PORT}:127.0.0.1:{PORT} server"
    return f"clipteacher app: warning: --host {host} admits {who}; nothing is encrypted.{forward}"


def _title(name: str) -> str:
    """Name of a model: that of its folder, or of its run if the folder is called model."""
    model = Path(name).resolve()
    return model.parent.name if model.name == "model" and model.parent.name else model.name


def _wait() -> None:
    """Wait for a signal."""
    threading.Event().wait()
