"""ETags: who has the answer already is told so, in place of it."""

from __future__ import annotations

from hashlib import blake2b

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["EntityTags"]

_DIGEST = 12


class EntityTags:
    """Gives each whole answer to a GET a weak ``ETag`` (weak: it is the same one compressed), and 304 to whoever named it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        held: Message | None = None

        async def tagging(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and message["status"] == 200:
                if "etag" not in MutableHeaders(scope=message):
                    held = message
                    return
            elif held is not None:
                start, held = held, None
                if message["type"] == "http.response.body" and not message.get("more_body", False):
                    start, message = _tagged(scope, start, message)
                await send(start)
            await send(message)

        await self._app(scope, receive, tagging)


def _tagged(scope: Scope, start: Message, body: Message) -> tuple[Message, Message]:
    tag = f'W/"{blake2b(body.get("body", b""), digest_size=_DIGEST).hexdigest()}"'
    headers = MutableHeaders(scope=start)
    headers["etag"] = tag
    headers.setdefault("cache-control", "no-cache")
    asked = {each.strip() for each in Headers(scope=scope).get("if-none-match", "").split(",")}
    if asked.isdisjoint({tag, tag.removeprefix("W/"), "*"}):
        return start, body
    for name in ("content-length", "content-type"):
        if name in headers:
            del headers[name]
    return {**start, "status": 304}, {"type": "http.response.body", "body": b""}
