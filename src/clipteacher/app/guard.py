"""What the server takes: the page's own routes, bodies of a bounded size, and jobs that the page itself could send."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

JOB_BYTES: Final = 2_000_000
"""Largest body that is no upload: the page's own are words, at most some hundred kilobytes."""

_QUERY_BYTES: Final = 4096
_ENVELOPE: Final = 65_536  # what a form adds to the file in it
_DRAINED: Final = 200_000_000  # bytes of a body too large that are read before the connection is closed
_API: Final = "gradio_api/"
# What the page in a browser asks for. Gradio has about sixty routes more, among them an API of its own.
_EXACT: Final = frozenset(
    {"", "config", "theme.css", "favicon.ico", "manifest.json", "robots.txt", "login", "logout"}
    | {_API + name for name in ("queue/join", "queue/data", "upload", "upload_progress", "run/predict", "cancel")}
    | {_API + name for name in ("reset", "info", "startup-events", "theme.css", "login_check", "token", "user")}
    | {_API + "app_id"}
)
_BELOW: Final = ("assets/", "static/", "svelte/", f"{_API}file=", f"{_API}heartbeat/")
_JOBS: Final = frozenset({f"{_API}queue/join", f"{_API}run/predict"})
_SESSION: Final = re.compile(r"[\w-]{1,64}", re.ASCII)


class _Refused(NamedTuple):
    """An answer instead of the application's."""

    status: int
    reason: str


class Guard:
    """ASGI middleware that answers what the page would never send with 4xx, before Gradio sees it.

    Gradio's route for files also takes addresses, and so does an uploaded file's path: this server fetches none. A job
    with a wrong number or the wrong arguments would end as an error 500 with a traceback in the terminal.

    Args:
        app: The application.
        jobs: For each of the page's jobs, by its `fn_index`, a check of each argument, such as `is_plain`.
        sessions: Sessions that have sent a job.
        upload_bytes: Size of an uploaded file, at most.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        jobs: Mapping[int, Sequence[Callable[[object], bool]]],
        sessions: Container[str],
        upload_bytes: int,
    ) -> None:
        self.app, self.jobs, self.sessions, self.upload_bytes = app, jobs, sessions, upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = str(scope.get("path", "")).removeprefix(str(scope.get("root_path", ""))).strip("/")
        query = bytes(scope.get("query_string", b""))
        refused = _route(path, query)
        if refused is None and path == f"{_API}queue/data":
            refused = self._session(query)
        if refused is None and path == f"{_API}upload":
            refused = await _form(scope, receive, self.upload_bytes + _ENVELOPE)
        elif refused is None and scope["method"] in ("POST", "PUT", "PATCH", "DELETE"):
            body = await _body(receive, JOB_BYTES)
            refused = body if isinstance(body, _Refused) else self._job(body) if path in _JOBS else None
            if isinstance(body, bytes):
                receive = _replay(body, receive)
        if refused is None:
            await self.app(scope, receive, send)
            return
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": refused.status, "headers": headers})
        await send({"type": "http.response.body", "body": f"{refused.reason}\n".encode()})

    def _session(self, query: bytes) -> _Refused | None:
        """Check the session whose answers are asked for."""
        sessions = parse_qs(query.decode("ascii", "replace")).get("session_hash", [""])
        return None if sessions[-1] in self.sessions else _Refused(404, "session_hash: no such session.")

    def _job(self, body: bytes) -> _Refused | None:
        """Check the body of a job."""
        try:
            job = json.loads(body)
        except (ValueError, RecursionError):
            return _Refused(400, "The body is no JSON.")
        if not isinstance(job, dict):
            return _Refused(422, "The body is no JSON object.")
        number, data, session = job.get("fn_index"), job.get("data"), job.get("session_hash")
        if isinstance(number, bool) or not isinstance(number, int) or number not in self.jobs:
            return _Refused(422, "fn_index: the page has no such job.")
        checks = self.jobs[number]
        if not isinstance(data, list) or len(data) != len(checks):
            return _Refused(422, f"data: expected a list of {len(checks)}.")
        if not isinstance(session, str) or not _SESSION.fullmatch(session):
            return _Refused(422, "session_hash: expected up to 64 letters and digits.")
        if any(job.get(name) for name in ("batched", "simple_format", "request")):
            return _Refused(422, "The page sends no such job.")
        wrong = [place for place, (check, value) in enumerate(zip(checks, data, strict=True)) if not check(value)]
        return _Refused(422, f"data: the page sends no such value at place {wrong[0]}.") if wrong else None


def is_plain(value: object) -> bool:
    """Whether a job's argument is a text, a number, a truth value or None."""
    return value is None or isinstance(value, str | int | float)


def is_place(count: int, value: object) -> bool:
    """Whether a job's argument is a position in a list of `count`."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < count


def is_upload(folder: Path, value: object) -> bool:
    """Whether a job's argument is None or Gradio's description of a file in `folder`, which may be gone."""
    if value is None:
        return True
    if not isinstance(value, dict) or value.get("meta") != {"_type": "gradio.FileData"} or value.get("is_stream"):
        return False
    texts, size, path = (
        [value.get(name) for name in ("url", "orig_name", "mime_type")],
        value.get("size"),
        value.get("path"),
    )
    if not all(text is None or isinstance(text, str) for text in texts) or not (size is None or isinstance(size, int)):
        return False
    if not isinstance(path, str) or "\0" in path or len(path) > _QUERY_BYTES:
        return False
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _route(path: str, query: bytes) -> _Refused | None:
    """Check a route."""
    lower = path.lower()
    if "file=http:" in lower or "file=https:" in lower or "proxy=" in lower:
        return _Refused(403, "This page fetches nothing from elsewhere.")
    if path not in _EXACT and not path.startswith(_BELOW):
        return _Refused(404, "The page has no such route.")
    if len(query) > _QUERY_BYTES:
        return _Refused(414, "The address is too long.")
    return None


async def _form(scope: Scope, receive: Receive, most: int) -> _Refused | None:
    """Check the length of a form, which is not read here."""
    given = dict(scope["headers"]).get(b"content-length", b"")
    if not given.isdigit():
        await _body(receive, 0)
        return _Refused(411, "An upload says how long it is: Content-Length.")
    if int(given) > most:
        await _body(receive, 0)
        return _Refused(413, f"The upload exceeds the maximum allowed size of {most - _ENVELOPE} bytes.")
    return None


async def _body(receive: Receive, most: int) -> bytes | _Refused:
    """Read a body. One of more bytes is not kept; it is read on for a while, as few clients listen before they end."""
    parts: list[bytes] = []
    size, more = 0, True
    while more and size <= _DRAINED:
        message = await receive()
        if message["type"] != "http.request":
            return _Refused(400, "The body ended early.")
        part, more = bytes(message.get("body", b"")), bool(message.get("more_body", False))
        size += len(part)
        parts = [*parts, part] if size <= most else []
    return b"".join(parts) if size <= most else _Refused(413, f"The body exceeds {most} bytes.")


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give a body that has been read once more, then what follows it."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed
