"""Binance's control messages on an open connection: SUBSCRIBE and its kin, answered and refused in the documents' words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from simulator.hub import Hub, Subscriber

__all__ = ["MOST_STREAMS", "BinanceSession"]

MOST_STREAMS = 1024
_ALPHANUMERIC_ID = re.compile(r"^[A-Za-z0-9]{1,36}$")
_VARIANTS = "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"


class _InvalidMessageError(Exception):
    """The client's message cannot be carried out; carries the error frame."""

    def __init__(self, code: int, text: str, **more: Any) -> None:
        super().__init__(text)
        self.frame = {"code": code, "msg": text, **more}


class BinanceSession:
    """Subscriptions and properties of a connection.

    Every stream name is acknowledged; those the connection's route does not deliver, and those nobody plays, stay silent.
    """

    def __init__(
        self, subscriber: Subscriber, hub: Hub, delivered: re.Pattern[str], *, combined: bool
    ) -> None:
        self.combined = combined
        self._subscriber = subscriber
        self._hub = hub
        self._delivered = delivered
        self._streams: dict[str, None] = {}  # a set that remembers the order of asking
        self._methods: dict[str, Callable[[dict[str, Any], str], Any]] = {
            "SUBSCRIBE": self._subscribe,
            "UNSUBSCRIBE": self._unsubscribe,
            "LIST_SUBSCRIPTIONS": lambda *_: list(self._streams),
            "SET_PROPERTY": self._set_property,
            "GET_PROPERTY": self._get_property,
        }

    def subscribe(self, streams: Iterable[str]) -> None:
        """Add streams, from the path or from a message."""
        for stream in streams:
            self._streams[stream] = None
            if self._delivered.search(stream):
                self._hub.subscribe(self._subscriber, stream)

    def receive(self, message: bytes) -> list[bytes]:
        """The answer to one control message."""
        text = message.decode("utf-8", "replace")
        try:
            request, method = self._parse(text)
            frame = {"result": self._methods[method](request, text), "id": request.get("id")}
        except _InvalidMessageError as error:
            frame = error.frame
        return [json.dumps(frame, separators=(",", ":")).encode()]

    def frame(self, envelope: bytes, data_start: int) -> bytes:
        """Combined, or its ``data`` alone."""
        return envelope if self.combined else envelope[data_start:-1]

    def tick(self, silent_s: float, quiet_s: float) -> tuple[()]:  # noqa: ARG002  Binance says and asks nothing by itself
        """Nothing: the websocket's own pings are all there is."""
        return ()

    def shutdown_notice(self, time_ms: int) -> bytes | None:
        """``serverShutdown``, raw or combined as the connection is."""
        notice = f'{{"e":"serverShutdown","E":{time_ms}}}'
        return (f'{{"stream":"!serverShutdown","data":{notice}}}' if self.combined else notice).encode()

    def _parse(self, text: str) -> tuple[dict[str, Any], str]:
        try:
            request = json.loads(text)
        except json.JSONDecodeError as error:
            raise _InvalidMessageError(
                3, f"Invalid JSON: expected value at line {error.lineno} column {error.colno}"
            ) from error
        if not isinstance(request, dict) or "method" not in request:
            raise _missing("method", text)
        method = request["method"]
        if method not in self._methods:
            # The documents' parser stops behind the offending word.
            column = text.find(json.dumps(method)) + len(json.dumps(method))
            raise _InvalidMessageError(
                2,
                f"Invalid request: unknown variant `{method}`, expected one of {_VARIANTS} at line 1 column {column}",
            )
        if not _is_request_id(request.get("id")):
            raise _InvalidMessageError(2, "Invalid request: request ID must be an unsigned integer")
        return request, method

    def _subscribe(self, request: dict[str, Any], text: str) -> None:
        streams = _params(request, text)
        if len(self._streams.keys() | set(map(str, streams))) > MOST_STREAMS:
            # The limit is documented, its error is not; this is the nearest documented one.
            raise _InvalidMessageError(2, "Invalid request: too many parameters")
        self.subscribe(map(str, streams))

    def _unsubscribe(self, request: dict[str, Any], text: str) -> None:
        for stream in map(str, _params(request, text)):
            self._streams.pop(stream, None)
            self._hub.unsubscribe(self._subscriber, stream)

    def _set_property(self, request: dict[str, Any], text: str) -> None:
        params = _params(request, text)
        _check_property(params, 2, request.get("id"))
        if len(params) < 2 or not isinstance(params[1], bool):
            raise _InvalidMessageError(1, "Invalid value type: expected Boolean")
        self.combined = params[1]

    def _get_property(self, request: dict[str, Any], text: str) -> bool:
        _check_property(_params(request, text), 1, request.get("id"))
        return self.combined


def _is_request_id(value: Any) -> bool:
    """A signed 64-bit integer, up to 36 letters and digits, or null (the error text is older than that rule)."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return value is None or (isinstance(value, str) and _ALPHANUMERIC_ID.match(value) is not None)


def _params(request: dict[str, Any], text: str) -> list[Any]:
    params = request.get("params")
    if not isinstance(params, list):
        raise _missing("params", text)
    return params


def _check_property(params: list[Any], most: int, request_id: Any) -> None:
    if len(params) > most:
        raise _InvalidMessageError(2, "Invalid request: too many parameters")
    if not params or not isinstance(params[0], str):
        raise _InvalidMessageError(2, "Invalid request: property name must be a string")
    if params[0] != "combined":
        raise _InvalidMessageError(0, "Unknown property", id=request_id)


def _missing(field: str, text: str) -> _InvalidMessageError:
    return _InvalidMessageError(
        2, f"Invalid request: missing field `{field}` at line 1 column {len(text.rstrip())}"
    )
