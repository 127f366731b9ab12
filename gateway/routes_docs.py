"""The documentation as a page: ours, since Swagger's loads from other hosts and needs scripts written into the page."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Response

from gateway.errors import ApiError

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_TYPES = {
    "index.html": "text/html; charset=utf-8",
    "reference.css": "text/css; charset=utf-8",
    "reference.js": "text/javascript; charset=utf-8",
}


@router.get("/docs")
async def page() -> Response:
    """The page."""
    return _file("index.html")


@router.get("/docs/{name}")
async def file(name: str) -> Response:
    """What the page loads."""
    if name not in _TYPES:
        raise ApiError(404, "unknown_path", f"There is nothing at /docs/{name[:40]}.")
    return _file(name)


def _file(name: str) -> Response:
    return Response(_content(name), media_type=_TYPES[name])


@cache
def _content(name: str) -> bytes:
    return files("gateway").joinpath("reference", name).read_bytes()
