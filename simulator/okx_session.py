"""One connection of the simulated OKX: requests and their answers, text pings, silence, the notice before a cut (OKX docs, WebSocket overview)."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simulator.dialect import Close, MarketFrame
from simulator.hub import Hub, Subscriber
from simulator.limits import RollingWindow
from simulator.okx_feed import OkxFeed

__all__ = ["BUSINESS", "PUBLIC", "OkxSession"]

PUBLIC = frozenset(
    {
        "books",
        "bbo-tbt",
        "trades",
        "tickers",
        "mark-price",
        "index-tickers",
        "funding-rate",
        "open-interest",
        "liquidation-orders",
    }
)
BUSINESS = frozenset(
    {"trades-all", *(f"candle{bar}" for bar in ("1m", "3m", "5m", "15m", "30m")), "candle1H"}
)
BUSINESS |= {"candle2H", "candle4H", "candle1Dutc"}

_VIP = frozenset({"books-l2-tbt", "books50-l2-tbt"})
_REQUESTS, _REQUESTS_S = 480, 3600.0
_SILENCE_S = 30.0
_NOTICE_S = 60.0
_LONGEST_REQUEST = 65_536
_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_NOTICE = "The connection will soon be closed for a service upgrade. Please reconnect."


class _RefusedError(Exception):
    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class OkxSession:
    """``channels`` are those of the socket's path, ``feeds`` the instruments by wire symbol. ``clock`` is in real seconds, the
    exchange's runs ``scale`` times faster."""

    def __init__(
        self,
        subscriber: Subscriber,
        hub: Hub,
        channels: frozenset[str],
        feeds: Mapping[str, OkxFeed],
        *,
        scale: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._subscriber = subscriber
        self._hub = hub
        self._channels = channels
        self._feeds = feeds
        self._scale = scale
        self._clock = clock
        self._connection_id = secrets.token_hex(4)
        self._subscribed: set[str] = set()
        self._requests = RollingWindow(_REQUESTS, _REQUESTS_S / scale)
        self._closing_s: float | None = None
        self._close: Close | None = None

    def receive(self, message: bytes) -> list[bytes]:
        """``ping``, or a request: one answer for each of its arguments, with what a new stream begins with behind it."""
        if message == b"ping":
            return [b"pong"]
        if len(message) > _LONGEST_REQUEST:
            self._close = Close(1009, "Request message exceeds the maximum frame length")
            return []
        text = message.decode("utf-8", "replace")
        request: dict[str, Any] = {}
        try:
            request = self._parse(text)
            self._admit(request["op"])
            args = self._args(request)
        except _RefusedError as error:
            return [self._error(error, request)]
        answers: list[bytes] = []
        for arg in args:
            answers += self._one(request["op"], arg, request)
        return answers

    def frame(self, envelope: bytes, data_start: int) -> bytes:  # noqa: ARG002  the signature is the core's
        """As published."""
        return envelope

    def tick(self, silent_s: float, quiet_s: float) -> Sequence[bytes | Close]:  # noqa: ARG002  same
        """Close a connection on which nothing was pushed for 30 s (a pong is a push), and one whose notice is 60 s old."""
        if self._close is None and quiet_s >= _SILENCE_S:
            self._close = Close(4004, "No data received in 30s")
        if (
            self._close is None
            and self._closing_s is not None
            and (self._clock() - self._closing_s) * self._scale >= _NOTICE_S
        ):
            self._close = Close(1001, "")  # the code is not documented
        return () if self._close is None else (self._close,)

    def shutdown_notice(self, time_ms: int) -> bytes:  # noqa: ARG002  same
        """``notice`` 64008; the cut follows 60 s later."""
        self._closing_s = self._clock()
        return _json({"event": "notice", "code": "64008", "msg": _NOTICE, "connId": self._connection_id})

    def _one(self, operation: str, arg: dict[str, Any], request: dict[str, Any]) -> list[bytes]:
        """The answers to one argument: a bad one leaves the others alone."""
        channel = str(arg.get("channel"))
        key = "instType" if channel == "liquidation-orders" and "instType" in arg else "instId"
        asked = str(arg.get(key, ""))
        name = f"{channel}:{asked}"
        if channel in _VIP:
            return [self._error(_RefusedError("60011", "Please log in"), request)]
        if channel not in self._channels or not self._hub.named(name):
            text = (
                f"Wrong URL or channel:{channel},{key}:{asked} doesn't exist. Please use the correct URL, channel and "
                "parameters referring to API document."
            )
            return [self._error(_RefusedError("60018", text), request)]
        answers = [
            self._answer(request, {"event": operation, "arg": {"channel": channel, key: asked}})
        ]  # what else an argument has is dropped without a word
        if operation == "unsubscribe":
            self._subscribed.discard(name)
            self._hub.unsubscribe(self._subscriber, name)
        elif name not in self._subscribed:
            feed = self._feeds.get(asked) or self._feed_of_index(channel, asked)
            opening = feed.opening(channel) if feed else None
            answers += [MarketFrame(opening)] if opening else []
            self._subscribed.add(name)
            self._hub.subscribe(self._subscriber, name)
        return answers

    def _feed_of_index(self, channel: str, asked: str) -> OkxFeed | None:
        if channel != "index-tickers":
            return None
        return next((feed for feed in self._feeds.values() if feed.contract.family == asked), None)

    def _admit(self, operation: Any) -> None:
        if operation not in ("subscribe", "unsubscribe"):
            raise _RefusedError("60019", f"Invalid op: {operation}")
        if not self._requests.admit(self._clock()):
            raise _RefusedError("60014", "Requests too frequent")

    @staticmethod
    def _parse(text: str) -> dict[str, Any]:
        try:
            request = json.loads(text)
        except json.JSONDecodeError:
            request = None
        if not isinstance(request, dict) or "op" not in request or "args" not in request:
            raise _RefusedError("60012", f"Invalid request: {text}")
        return request

    @staticmethod
    def _args(request: dict[str, Any]) -> list[dict[str, Any]]:
        args = request["args"]
        good = (
            isinstance(args, list)
            and args
            and all(isinstance(arg, dict) and "channel" in arg for arg in args)
        )
        if not good or ("id" in request and not _ID.fullmatch(str(request["id"]))):
            raise _RefusedError("60013", f"Invalid args: {json.dumps(args)}")
        return list(args)

    def _error(self, error: _RefusedError, request: dict[str, Any]) -> bytes:
        return self._answer(request, {"event": "error", "code": error.code, "msg": str(error)})

    def _answer(self, request: dict[str, Any], body: dict[str, Any]) -> bytes:
        head = {"id": request["id"]} if "id" in request else {}
        return _json({**head, **body, "connId": self._connection_id})


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
