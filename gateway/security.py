"""What every request and every websocket goes through first: admission, the size of what it brings, and the headers of its answer.

Plain ASGI: a request that is let in costs a few dictionary look-ups here and no task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bookmill.errors import BookmillError
from bookmill.settings import GatewaySettings
from gateway.admission import KEY_PROTOCOL, Admission, Caller
from gateway.errors import ApiError, api_error, error_response

__all__ = ["CALLER", "POLICY", "PROTOCOL", "Security", "caller"]

CALLER: Final = "bookmill.caller"
"""Where a scope has its :class:`Caller`."""

PROTOCOL = "bookmill"
"""The subprotocol that a websocket is accepted with, where its client offers it."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self';"
    " manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What a page of ours may load and do: only what comes from here, nothing written into the page itself, and in no frame."""

_HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_TLS_ONLY = {"strict-transport-security": "max-age=31536000"}
_BODY_S = 10.0
_KEY_REFUSED = 1008
_SECRETS = (b"authorization", b"x-api-key", b"sec-websocket-protocol")
_STARTS = ("http.response.start", "websocket.http.response.start")


def caller(scope: Scope) -> Caller:
    """Who asks."""
    found: Caller = scope[CALLER]
    return found


class Security:
    """Around the whole application. Keys go no further than here: what comes after sees who it is, in ``scope``."""

    def __init__(self, app: ASGIApp, *, settings: GatewaySettings, admission: Admission) -> None:
        self._app = app
        self._admission = admission
        self._most = settings.max_body_kib * 1024
        named = {**_HEADERS, **(_TLS_ONLY if settings.tls_certificate else {})}
        self._headers = [(name.encode(), value.encode()) for name, value in named.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or websocket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        sending = self._adorned(send, self._admission.origins.cors(headers))
        try:
            who = self._admission.admit(scope, headers)
            if scope["type"] == "http":
                if answer := self._preflight(scope, headers):
                    await answer(scope, receive, sending)
                    return
                receive = await self._bounded(scope, headers, receive)
        except BookmillError as error:
            await _refuse(api_error(error), scope, receive, sending)
            return
        except ConnectionResetError:
            return  # it went away while it was heard
        await self._app(_without_secrets(scope, who), receive, sending)

    def _adorned(self, send: Send, cors: Mapping[str, str]) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] in _STARTS:
                headers = list(message.get("headers", ()))
                own = {name for name, _ in headers}
                headers += (each for each in self._headers if each[0] not in own)
                message = {**message, "headers": headers}
                if cors:
                    found = MutableHeaders(scope=message)
                    found.update(cors)
                    found.add_vary_header("Origin")
            await send(message)

        return sending

    def _preflight(self, scope: Scope, headers: Headers) -> Response | None:
        if scope["method"] != "OPTIONS" or "access-control-request-method" not in headers:
            return None
        allowed = self._admission.origins.preflight(headers)
        return Response(status_code=204, headers=allowed) if allowed else None

    async def _bounded(self, scope: Scope, headers: Headers, receive: Receive) -> Receive:
        """The body, heard whole before anybody else hears of it; raises where it is too large or too slow."""
        length = headers.get("content-length", "0")
        if length == "0" and "transfer-encoding" not in headers:
            return receive
        if length.isdecimal() and int(length) > self._most:
            raise self._too_large(scope)
        body = bytearray()
        try:
            async with asyncio.timeout(_BODY_S):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ConnectionResetError
                    body += message.get("body", b"")
                    if len(body) > self._most:
                        raise self._too_large(scope)
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            raise ApiError(
                408,
                "bad_request",
                f"The body of the request did not come within {_BODY_S:.0f} s.",
                headers={"connection": "close"},
            ) from None
        return _replayed(bytes(body), receive)

    def _too_large(self, scope: Scope) -> ApiError:
        self._admission.refused["too_large"] += 1
        return ApiError(
            413,
            "too_large",
            f"The body of a {scope['method']} may have at most {self._most} bytes.",
            headers={"connection": "close"},
        )


def _replayed(body: bytes, receive: Receive) -> Receive:
    heard = False

    async def again() -> Message:
        nonlocal heard
        if heard:
            return await receive()
        heard = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _refuse(error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
    """A browser learns nothing of a handshake that fails; of a key that is no good it is told by a code."""
    if scope["type"] == "websocket" and error.status in (401, 403) and error.code != "bad_request":
        await receive()
        offered = PROTOCOL in scope.get("subprotocols", ())
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL if offered else None})
        await send(
            {"type": "websocket.close", "code": _KEY_REFUSED, "reason": f"{error.code}: {error.message}"}
        )
        return
    await error_response(error)(scope, receive, send)


def _without_secrets(scope: Scope, who: Caller) -> Scope:
    found = {**scope, CALLER: who}
    if any(name in _SECRETS for name, _ in scope["headers"]):
        found["headers"] = [pair for pair in scope["headers"] if pair[0] not in _SECRETS]
        if scope["type"] == "websocket":
            found["subprotocols"] = [
                each for each in scope.get("subprotocols", ()) if not each.startswith(KEY_PROTOCOL)
            ]
    return found
