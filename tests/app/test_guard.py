"""What the server refuses before Gradio sees it: status 4xx, and nothing in the terminal."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.app.test_serving import JSON, free_port, get, upload

pytest.importorskip("gradio", reason='Gradio is not installed: pip install "clipteacher[app]"')

import gradio as gr

from clipteacher.app.guard import JOB_BYTES, is_place, is_plain, is_upload
from clipteacher.app.limits import Limits
from clipteacher.app.page import argument_checks
from clipteacher.app.serving import served
from clipteacher.segmenter.segmenter import Segmenter

WRONG_NUMBERS: list[object] = [999, -1, 10**30, None, "x", 1.5, True]
WRONG_SESSIONS: list[object] = [None, 5, "", "../x", "x" * 1000]
WRONG_ARGUMENTS: list[object] = [None, "x", [], [None] * 5, [None, {}, False, 0], [None, ["a"], False, 0]]
FILE = {"meta": {"_type": "gradio.FileData"}}


class Server(NamedTuple):
    """A page: its address, the number of the button's job, and that of the examples."""

    url: str
    press: int
    example: int


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    import torch
    from tests.app.conftest import NAMES, Brightness

    segmenter = Segmenter(Brightness(), NAMES, torch.eye(3))
    with served(segmenter, title="x", port=free_port(), limits=Limits(megabytes=0.1)) as url:
        jobs = json.loads(get(f"{url}config")[1])["dependencies"]
        press = next(job["id"] for job in jobs if len(job["inputs"]) == 4)
        yield Server(url, press, next(job["id"] for job in jobs if job["api_name"] == "load_example"))


def job(server: Server, **changed: object) -> tuple[int, bytes]:
    """Send a job of the button to the queue."""
    body = {"data": [None, "dark", False, 0], "fn_index": server.press, "session_hash": "abc"} | changed
    return get(f"{server.url}gradio_api/queue/join", json.dumps(body).encode(), **JSON)


def test_the_pages_own_job_is_taken(server: Server) -> None:
    status, body = job(server)
    assert status == 200
    assert b"event_id" in body


@pytest.mark.parametrize(
    "changed",
    [
        *({"fn_index": value} for value in WRONG_NUMBERS),
        *({"session_hash": value} for value in WRONG_SESSIONS),
        *({"data": value} for value in WRONG_ARGUMENTS),
        {"batched": True},
    ],
)
def test_a_wrong_job_is_422(server: Server, changed: dict[str, object], capfd: pytest.CaptureFixture[str]) -> None:
    assert job(server, **changed)[0] == 422
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    "photo",
    [
        *("text", 5, ["x"], {}, {"path": "/etc/passwd"}, FILE | {"path": "/etc/passwd"}, FILE | {"path": None}),
        *(FILE | {"path": "https://example.org/x.png"}, FILE | {"path": "a\0b"}, FILE | {"path": 5}),
    ],
)
def test_a_job_brings_no_file_from_elsewhere(server: Server, photo: object) -> None:
    assert job(server, data=[photo, "dark", False, 0])[0] == 422


@pytest.mark.parametrize(("value", "status"), [(0, 200), *((value, 422) for value in (3, -1, "x", None, True))])
def test_an_example_is_one_of_those_shown(
    server: Server, value: object, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    body = {"data": [value], "fn_index": server.example, "session_hash": "a"}
    assert get(f"{server.url}gradio_api/run/predict", json.dumps(body).encode(), **JSON)[0] == status
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("body", [b"", b"{nope", b"\xff\xfe", b"[" * 50_000])
def test_what_is_no_json_is_400(server: Server, body: bytes) -> None:
    assert get(f"{server.url}gradio_api/queue/join", body, **JSON)[0] == 400
    assert get(f"{server.url}gradio_api/queue/join", b"[1]", **JSON)[0] == 422


def test_a_body_is_bounded(server: Server) -> None:
    for route in ("gradio_api/queue/join", "gradio_api/run/predict", "gradio_api/cancel", "login"):
        assert get(f"{server.url}{route}", b"x" * (JOB_BYTES + 1), **JSON)[0] == 413, route
    files = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n' + bytes(90_000) + b"\r\n"
        for _ in range(3)
    )
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert get(f"{server.url}gradio_api/upload", files + b"--x--\r\n", **form)[0] == 413, "each is small"
    assert upload(server.url, "cat.png", bytes(90_000))[0] == 200
    assert get(server.url)[0] == 200, "the page goes on"


def test_an_upload_says_how_long_it_is(server: Server) -> None:
    form: dict[str, Any] = {"Content-Type": "multipart/form-data; boundary=x"}
    assert get(f"{server.url}gradio_api/upload", iter([b"--x\r\n"]), **form)[0] == 411  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "route",
    [
        *("call/press", "call/v2/press", "run/press", "api/predict", "openapi.json", "component_server", "deep_link"),
        *("vibe-edit/", "vibe-code/", "stream/a/b/c/playlist.m3u8", "queue/status", "process_recording", "runs"),
    ],
)
def test_gradios_other_routes_are_closed(server: Server, route: str) -> None:
    assert get(f"{server.url}gradio_api/{route}")[0] == 404
    assert get(f"{server.url}gradio_api/{route}", b"{}", **JSON)[0] == 404


def test_an_unknown_session_has_no_answers(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    for query in ("", "?session_hash=nobody", "?session_hash=", "?x=" + "a" * 100):
        assert get(f"{server.url}gradio_api/queue/data{query}")[0] == 404, query
    assert get(f"{server.url}?{'a' * 70_000}")[0] in (414, 431)
    assert "Traceback" not in capfd.readouterr().err


def test_every_job_of_the_page_has_its_checks(segmenter: Segmenter, folder: Path) -> None:
    with gr.Blocks() as page:
        photo, text, samples = gr.Image(), gr.Textbox(), gr.Dataset(components=["text"], samples=[["a"], ["b"]])
        text.submit(print, [photo, text, samples], None)
    [checks] = argument_checks(page, folder).values()
    inside = FILE | {"path": str(folder / "cat.png")}
    assert [check(inside) for check in checks] == [True, False, False]
    assert [check("x") for check in checks] == [False, True, False]
    assert [check(1) for check in checks] == [False, True, True]


def test_what_an_argument_may_be(tmp_path: Path) -> None:
    assert all(map(is_plain, (None, True, 1, 0.5, "x")))
    assert not any(map(is_plain, ([], {}, [1])))
    assert list(map(partial(is_place, 2), (0, 1, 2, -1, "0", False, None))) == [True, True, *[False] * 5]
    folder, inside = tmp_path / "files", FILE | {"path": str(tmp_path / "files" / "cat.png")}
    assert is_upload(folder, None)
    assert is_upload(folder, inside | {"orig_name": "cat.png", "size": 5, "url": "/x", "mime_type": None})
    for changed in (
        {"meta": None},
        {"is_stream": True},
        {"size": "big"},
        {"url": 5},
        {"path": str(tmp_path / "x.png")},
    ):
        assert not is_upload(folder, inside | changed), changed
    assert not is_upload(folder, FILE | {"path": str(folder / ".." / "x.png")})
