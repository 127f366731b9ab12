"""Kraken's control messages on an open connection, version 2, and what it says by itself: status, heartbeats, silence.

Requests are answered symbol by symbol; errors are in the exchange's words where they were seen, else in those its documents of
version 1 list.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from typing import Any

from simulator.dialect import Close, MarketFrame
from simulator.hub import Hub, Subscriber
from simulator.kraken_book import DEPTHS
from simulator.kraken_feed import Exchange, KrakenFeed
from simulator.kraken_figures import INTERVALS
from simulator.kraken_text import clock_text
from simulator.limits import RollingWindow

__all__ = ["KrakenSession"]

_MESSAGES, _WINDOW_S = 10, 1.0
"""The real limit is dynamic and not published."""
_HEARTBEAT_S = 1.0
_IDLE_S = 60.0
_HEARTBEAT = b'{"channel":"heartbeat"}'
_PRIVATE = frozenset({"executions", "balances", "level3"})
_OF_TICKERS = ("bbo", "trades")


class _RefusedError(Exception):
    """The request as a whole cannot be carried out."""


class KrakenSession:
    """Subscriptions of a connection: of an instrument one book, one ticker, one of trades, one of bars of each length."""

    def __init__(
        self,
        subscriber: Subscriber,
        hub: Hub,
        exchange: Exchange,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._subscriber = subscriber
        self._hub = hub
        self._exchange = exchange
        self._clock = clock
        self._window = RollingWindow(_MESSAGES, _WINDOW_S)
        self._connection_id = secrets.randbits(63) | 1 << 63  # beyond what is signed, as real ones are
        self._told = ""
        self._streams: dict[str, str] = {}
        """Name at the hub by what may be subscribed to once."""
        self._beating = False

    def receive(self, message: bytes) -> list[bytes]:
        """The answers to one message; a first one waits for the status that every connection begins with."""
        before = self._status()
        now = clock_text(time.time_ns() // 1000)
        request: dict[str, Any] = {}
        try:
            request = self._admitted(message)
            answers = self._answer(request, now)
        except _RefusedError as refusal:
            answers = [_answer(request, now, error=str(refusal))]
        return [*before, *answers]

    def frame(self, envelope: bytes, data_start: int) -> bytes:  # noqa: ARG002  frames are what they are
        """All of it."""
        return envelope

    def tick(self, silent_s: float, quiet_s: float) -> list[bytes | Close]:
        """Status at first and when it changes; from the first subscription on a heartbeat in each second without anything else.

        Without any traffic in either direction the connection ends.
        """
        if min(silent_s, quiet_s) >= _IDLE_S:
            return [Close(1006)]
        status = self._status()
        if not status and self._beating and quiet_s >= _HEARTBEAT_S:
            return [_HEARTBEAT]
        return [*status]

    def shutdown_notice(self, time_ms: int) -> None:
        """There is none."""

    def _status(self) -> list[bytes]:
        system = self._exchange.system
        if system == self._told:
            return []
        self._told = system
        return [
            f'{{"channel":"status","type":"update","data":[{{"version":"2.0.10","system":"{system}","api_version":"v2",'
            f'"connection_id":{self._connection_id},"upcoming_maintenance":[],"emergency":[]}}]}}'.encode()
        ]

    def _admitted(self, message: bytes) -> dict[str, Any]:
        if not self._window.admit(self._clock()):
            raise _RefusedError("Exceeded msg rate")
        try:
            request = json.loads(message)
        except ValueError:
            request = None
        if not isinstance(request, dict):
            raise _RefusedError("Malformed request")
        return request

    def _answer(self, request: dict[str, Any], now: str) -> list[bytes]:
        match request.get("method"):
            case "ping":
                return [_answer(request | {"method": "pong"}, now, success=None)]
            case "subscribe" | "unsubscribe" as method:
                channel, stream, result = _asked(request)
                symbols = request["params"].get("symbol")
                if not isinstance(symbols, list):
                    raise _RefusedError("Pair field must be an array")
                each = self._subscribe if method == "subscribe" else self._unsubscribe
                return [
                    text
                    for symbol in map(str, symbols)
                    for text in each(request, now, channel, stream, {**result, "symbol": symbol})
                ]
        raise _RefusedError("Malformed request")

    def _subscribe(
        self, request: dict[str, Any], now: str, channel: str, stream: str, result: dict[str, Any]
    ) -> list[bytes]:
        symbol = result["symbol"]
        feed = self._exchange.feeds.get(symbol)
        once = f"{stream if channel == 'ohlc' else channel}:{symbol}"
        error = ""
        if "/" not in symbol:
            error = f"Currency pair not in ISO 4217-A3 format {symbol}"
        elif feed is None:
            error = f"Currency pair not supported {symbol}"
        elif once in self._streams:
            error = "Already subscribed"
        if error or feed is None:
            return [_answer(request, now, error=error, symbol=symbol)]
        self._beating = True
        self._streams[once] = f"{stream}:{symbol}"
        self._hub.subscribe(self._subscriber, f"{stream}:{symbol}")
        shown = dict(result)
        if channel == "ohlc":
            shown["warnings"] = ["timestamp is deprecated, use interval_begin"]
        images = [MarketFrame(_image(feed, channel, result))] if result["snapshot"] else []
        return [_answer(request, now, result=shown), *images]

    def _unsubscribe(
        self, request: dict[str, Any], now: str, channel: str, stream: str, result: dict[str, Any]
    ) -> list[bytes]:
        symbol = result["symbol"]
        once = f"{stream if channel == 'ohlc' else channel}:{symbol}"
        if self._streams.get(once) != f"{stream}:{symbol}":
            return [_answer(request, now, error="Subscription Not Found", symbol=symbol)]
        self._hub.unsubscribe(self._subscriber, self._streams.pop(once))
        return [_answer(request, now, result=result)]


def _asked(request: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Channel, name of its streams, and what an acknowledgement repeats."""
    params = request.get("params")
    channel = params.get("channel") if isinstance(params, dict) else None
    if not isinstance(params, dict) or not isinstance(channel, str):
        raise _RefusedError("Malformed request")
    if channel in _PRIVATE:
        raise _RefusedError(
            "Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com"
        )
    snapshot = params.get("snapshot", channel != "trade") is True
    result = {"channel": channel, "snapshot": snapshot}
    match channel:
        case "book":
            depth = params.get("depth", DEPTHS[0])
            if depth not in DEPTHS:
                raise _RefusedError("Subscription depth not supported")
            return channel, f"book.{depth}", {**result, "depth": depth}
        case "ohlc":
            interval = params.get("interval", INTERVALS[0])
            if interval not in INTERVALS:
                raise _RefusedError("Subscription ohlc interval not supported")
            return channel, f"ohlc.{interval}", {**result, "interval": interval}
        case "ticker":
            trigger = params.get("event_trigger", "trades")
            if trigger not in _OF_TICKERS:
                raise _RefusedError("Malformed request")
            return channel, f"ticker.{trigger}", {**result, "event_trigger": trigger}
        case "trade":
            return channel, channel, result
    raise _RefusedError("Subscription name invalid")


def _image(feed: KrakenFeed, channel: str, result: dict[str, Any]) -> bytes:
    match channel:
        case "book":
            return feed.snapshot(result["depth"])
        case "ohlc":
            return feed.candles(result["interval"], "snapshot")
        case "ticker":
            return feed.ticker("snapshot")
    return feed.last_trades()


def _answer(
    request: dict[str, Any],
    now: str,
    *,
    error: str | None = None,
    result: dict[str, Any] | None = None,
    success: bool | None = True,
    symbol: str | None = None,
) -> bytes:
    """Fields in the order of the alphabet, as they come; the symbol of a refusal stands beside it, not in a result."""
    fields = {
        "error": error,
        "method": request.get("method"),
        "req_id": request.get("req_id"),
        "result": dict(sorted(result.items())) if result is not None else None,
        "success": error is None if success is not None else None,
        "symbol": symbol,
        "time_in": now,
        "time_out": now,
    }
    shown = {name: value for name, value in fields.items() if value is not None}
    return json.dumps(shown, separators=(",", ":")).encode()
