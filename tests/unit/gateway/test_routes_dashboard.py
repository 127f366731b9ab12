"""The dashboard's files as a browser gets them."""

from __future__ import annotations

import asyncio
import gzip

import httpx2
import pytest
from fastapi import FastAPI

from gateway import routes_dashboard
from gateway.errors import handle_errors


def get(path: str, method: str = "GET", **headers: str) -> httpx2.Response:
    """Ask an application that has nothing but the dashboard."""
    app = FastAPI()
    handle_errors(app)
    app.include_router(routes_dashboard.router)

    async def ask() -> httpx2.Response:
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url="http://gateway"
        ) as client:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, path, headers=sent)

    return asyncio.run(ask())


def test_the_page_and_its_parts_have_their_types() -> None:
    types = {
        path: get(path).headers["content-type"]
        for path in ("/", "/static/js/main.js", "/static/css/base.css", "/static/icon.svg")
    }
    assert types == {
        "/": "text/html; charset=utf-8",
        "/static/js/main.js": "text/javascript; charset=utf-8",
        "/static/css/base.css": "text/css; charset=utf-8",
        "/static/icon.svg": "image/svg+xml",
    }


def test_who_has_a_file_already_is_told_so() -> None:
    first = get("/static/js/main.js")
    again = get("/static/js/main.js", if_none_match=f'"other", {first.headers["etag"]}')
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert get("/static/js/main.js", if_none_match='"other"').status_code == 200


def test_a_file_is_compressed_for_whoever_takes_that() -> None:
    plain = get("/static/css/base.css", accept_encoding="identity")
    packed = get("/static/css/base.css", accept_encoding="gzip")
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content  # the client has unpacked it
    assert (
        int(packed.headers["content-length"])
        == len(gzip.compress(plain.content, mtime=0))
        < len(plain.content)
    )


def test_a_head_is_answered() -> None:
    answer = get("/", method="HEAD")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "/static/nothing.js",
        "/static/",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static//etc/passwd",
        "/static/js",
    ],
)
def test_nothing_else_can_be_had(path: str) -> None:
    answer = get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_path"
