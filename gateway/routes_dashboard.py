"""The dashboard at ``/``: plain files, read once, served from memory compressed and with ETags.

There is no build step: what lies in ``gateway/dashboard/`` is what a browser gets. It finds everything else over REST and the websocket.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request, Response

from gateway.errors import ApiError

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_OTHER = "text/plain; charset=utf-8"
_WORTH_IT = 512
"""Bytes from which on a file is compressed."""
_DIGEST = 12


@dataclass(frozen=True)
class _File:
    content: bytes
    compressed: bytes | None
    headers: Mapping[str, str]


@router.get("/")
@router.head("/")
async def page(request: Request) -> Response:
    """The one page."""
    return _answer(request, _files()["index.html"])


@router.get("/static/{path:path}")
@router.head("/static/{path:path}")
async def static(request: Request, path: str) -> Response:
    """What the page is made of."""
    found = _files().get(path)
    if found is None:
        raise ApiError(404, "unknown_path", f"The dashboard has no file {path[:100]}.")
    return _answer(request, found)


def _answer(request: Request, file: _File) -> Response:
    asked = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if file.headers["ETag"].removeprefix("W/") in asked:
        return Response(status_code=304, headers=dict(file.headers))
    if file.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.compressed, headers={**file.headers, "Content-Encoding": "gzip"})
    return Response(file.content, headers=dict(file.headers))


@cache
def _files() -> Mapping[str, _File]:
    """By path below ``gateway/dashboard/``; nothing else can be asked for."""
    return {path: _read(path, file) for path, file in _walk(files("gateway").joinpath("dashboard"))}


def _walk(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for each in folder.iterdir():
        if each.is_dir():
            yield from _walk(each, f"{prefix}{each.name}/")
        else:
            yield prefix + each.name, each


def _read(path: str, file: Traversable) -> _File:
    content = file.read_bytes()
    return _File(
        content,
        gzip.compress(content, mtime=0) if len(content) >= _WORTH_IT else None,
        {
            "Content-Type": _TYPES.get(path.rpartition(".")[2], _OTHER),
            "ETag": f'W/"{blake2b(content, digest_size=_DIGEST).hexdigest()}"',
            "Cache-Control": "no-cache",  # kept, and asked for again: a new version shows itself at once
            "Vary": "Accept-Encoding",
        },
    )
