"""`clipteacher app`: a web page that segments a photo into words."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import NoReturn

import torch
from jsonargparse import ArgumentParser

from clipteacher.app.limits import Limits
from clipteacher.app.serving import HOST, PORT, check_gradio, check_port, served
from clipteacher.cli.errors import device, user_errors
from clipteacher.segmenter.segmenter import Segmenter


def app(arguments: Sequence[str]) -> None:
    """Serve a web page: drop a photo, type words, see where each word is. Ctrl-C ends it and deletes all uploads."""
    parser = ArgumentParser(prog="clipteacher app", description=app.__doc__)
    limits = Limits()
    parser.add_argument("--model", type=str, required=True, help="model/ of a run, or a hub id, owner/name")
    parser.add_argument("--host", type=str, default=HOST, help="0.0.0.0 lets other machines in; there is no password")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--max_megabytes", type=float, default=limits.megabytes, help="of an uploaded file")
    parser.add_argument("--max_megapixels", type=float, default=limits.megapixels, help="of a photo, in millions")
    parser.add_argument("--device", type=str, default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args(list(arguments))
    with user_errors():
        # What fails fast comes first: a model may take a while to load.
        limits = Limits(megabytes=given.max_megabytes, megapixels=given.max_megapixels)
        check_gradio()
        check_port(given.host, given.port)
        # A visitor's words are not kept on disk.
        segmenter = Segmenter.from_pretrained(given.model, text_cache=False).to(device(given.device))
    signal.signal(signal.SIGTERM, _stop)
    with ExitStack() as stack:
        with user_errors():
            page = served(segmenter, title=_title(given.model), host=given.host, port=given.port, limits=limits)
            url = stack.enter_context(page)
        print(f"Open {url} in a browser. Ctrl-C ends it.", flush=True)
        try:
            _wait()
        except KeyboardInterrupt:
            print("Stopped; uploads and results are deleted.")


def _title(name: str) -> str:
    """What to call a model: its folder, or its run where the folder is just called model."""
    model = Path(name).resolve()
    return model.parent.name if model.name == "model" and model.parent.name else model.name


def _wait() -> None:
    """Wait for a signal."""
    threading.Event().wait()


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """End the process so that the uploads are deleted; without this, SIGTERM would leave them."""
    raise SystemExit(128 + number)
