"""What goes wrong with a request, in one form: ``{"error": {"status", "code", "message", "hint", "field"}}``."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bookmill.errors import BookmillError, ConfigurationError, RefusedError, UnavailableError

__all__ = ["ApiError", "Code", "Guard", "api_error", "error_form", "error_response", "handle_errors"]

_log = structlog.get_logger(__name__)

Code = Literal[
    "bad_request",
    "bad_cursor",
    "bad_range",
    "unknown_instrument",
    "unknown_exchange",
    "unknown_table",
    "unknown_path",
    "unknown_rule",
    "method_not_allowed",
    "too_large",
    "key_needed",
    "key_refused",
    "scope_missing",
    "rate_limited",
    "not_ready",
    "unavailable",
    "conflict",
    "internal",
]
"""What programs tell errors apart by."""

_BY_STATUS: dict[int, Code] = {
    404: "unknown_path",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    429: "rate_limited",
    503: "unavailable",
}
_INTERNAL = "Something went wrong here. It is in the gateway's log."


class ApiError(BookmillError):
    """A request that is not answered as it was asked. ``field``: the part of it that is wrong; ``headers``: sent with the answer."""

    def __init__(
        self,
        status: int,
        code: Code,
        message: str,
        *,
        hint: str = "",
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code: Code = code
        self.field = field
        self.headers = dict(headers or {})


def api_error(error: BookmillError) -> ApiError:
    """Any error of ours as one that can be answered."""
    match error:
        case ApiError():
            return error
        case UnavailableError():
            status, code = 503, "unavailable"
        case RefusedError():
            status, code = 502, "unavailable"
        case ConfigurationError():  # what is checked as settings are
            status, code = 400, "bad_request"
        case _:
            status, code = 500, "internal"
    return ApiError(status, code, error.message, hint=error.hint)  # type: ignore[arg-type]  # the codes above


def error_form(error: BookmillError) -> dict[str, Any]:
    """What stands under ``error`` in an answer, and in a message of the websocket."""
    found = api_error(error)
    return {
        "status": found.status,
        "code": found.code,
        "message": found.message,
        "hint": found.hint or None,
        "field": found.field,
    }


def error_response(error: BookmillError) -> Response:
    """The whole answer."""
    found = api_error(error)
    return Response(
        msgspec.json.encode({"error": error_form(found)}),
        found.status,
        headers=found.headers,
        media_type="application/json",
    )


class Guard:
    """Outermost of all that handles a request: what nobody has foreseen is logged with its traceback and answered without it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Where its answer has begun already, the connection is all that can be ended."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            _log.exception("a request failed", method=scope["method"], path=scope["path"])
            if begun:
                raise
            await error_response(ApiError(500, "internal", _INTERNAL))(scope, receive, send)


def handle_errors(app: FastAPI) -> None:
    """Make ``app`` answer every error in the one form."""

    def ours(_: Request, error: Exception) -> Response:
        assert isinstance(error, BookmillError)  # noqa: S101  registered for it
        found = api_error(error)
        if found.status >= 500:
            _log.warning("not answered", reason=str(error))
        return error_response(found)

    def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101  registered for it
        return error_response(_of_validation(error))

    def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  registered for it
        return error_response(_of_http(request, error))

    def unforeseen(_: Request, __: Exception) -> Response:
        return error_response(ApiError(500, "internal", _INTERNAL))  # outside of Guard; uvicorn logs it

    app.add_exception_handler(Exception, unforeseen)
    app.add_exception_handler(BookmillError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


def _of_validation(error: RequestValidationError) -> ApiError:
    first = error.errors()[0]
    where = [str(step) for step in first["loc"] if step not in ("query", "path", "body", "header")]
    said = str(first["msg"])
    more = len(error.errors()) - 1
    name = ".".join(where) or "The body"
    return ApiError(
        400,
        "bad_request",
        f"{name}: {said[:1].lower()}{said[1:]}{f' ({more} more)' if more else ''}.",
        field=".".join(where) or None,
    )


def _of_http(request: Request, error: HTTPException) -> ApiError:
    path = request.url.path[:100]
    headers = error.headers or {}
    match error.status_code:
        case 404:
            return ApiError(
                404, "unknown_path", f"There is nothing at {path}.", hint=_nearest_path(request.app, path)
            )
        case 405:
            allowed = headers.get("Allow", headers.get("allow", ""))
            hint = f"It takes {allowed}." if allowed else ""
            return ApiError(
                405,
                "method_not_allowed",
                f"{request.method} is not for {path}.",
                hint=hint,
                headers=headers,
            )
        case status:
            code = _BY_STATUS.get(status, "bad_request" if status < 500 else "internal")
            return ApiError(status, code, f"{error.detail}.".replace("..", "."), headers=headers)


def _nearest_path(app: FastAPI, path: str) -> str:
    close = difflib.get_close_matches(path, app.openapi()["paths"], n=1, cutoff=0.5)
    return f"Did you mean {close[0]}? All paths are at /docs." if close else "All paths are at /docs."
