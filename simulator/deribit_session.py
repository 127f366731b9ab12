"""Deribit's side of an open connection: subscriptions, heartbeats, credits, and the ways in which it dies.

Documented, or seen on the socket on 2026-09-22 (protocol page, section 9):

- A list with an unknown channel is acknowledged without it; one with a ``raw`` channel is refused whole (13778).
- A channel subscribed again is acknowledged and brings no snapshot.
- ``set_heartbeat`` makes a ``test_request`` come each interval, beside a ``heartbeat`` where nothing else was sent; one that is
  not answered by ``public/test`` closes with 4000 ``heartbeat close`` 10 s later.
- With neither subscription nor heartbeat a silent socket dies after 60 s, without a close frame.
- Subscribing costs 3,000 of 30,000 credits, anything else 500 of 50,000, and 10,000 a second come back. Who has none left is told
  so (10028) and put out; that this is without a close frame is assumed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from simulator.deribit_feed import DeribitFeed
from simulator.deribit_rpc import Credits, MarketData, RpcError, answer, invalid
from simulator.dialect import Close, MarketFrame
from simulator.hub import Hub, Subscriber

__all__ = ["MOST_CHANNELS", "DeribitSession"]

MOST_CHANNELS = 500
"""In one subscribe call."""

_SHORTEST_HEARTBEAT_S = 10
_TEST_TIMEOUT_S = 10.0
_IDLE_S = 60.0
_REFILL_PER_S = 10_000


class DeribitSession:
    """``now_s`` is the exchange's clock, ``feeds`` its contracts by wire symbol."""

    def __init__(
        self,
        subscriber: Subscriber,
        hub: Hub,
        feeds: Mapping[str, DeribitFeed],
        now_s: Callable[[], float],
    ) -> None:
        self._subscriber = subscriber
        self._hub = hub
        self._feeds = feeds
        self._now_s = now_s
        self._data = MarketData(feeds)
        self._channels: dict[str, None] = {}
        self._heartbeat_s = 0
        self._next_test_s = self._tested_s = 0.0
        self._ending: Close | None = None
        self._subscribing = Credits(30_000, _REFILL_PER_S)
        self._calling = Credits(50_000, _REFILL_PER_S)
        self._methods: dict[str, Callable[[Mapping[str, Any]], str]] = {
            "public/subscribe": self._subscribe,
            "public/unsubscribe": self._unsubscribe,
            "public/unsubscribe_all": self._unsubscribe_all,
            "public/set_heartbeat": self._set_heartbeat,
            "public/disable_heartbeat": self._disable_heartbeat,
            "public/test": self._test,
        }

    def receive(self, message: bytes) -> list[bytes]:
        """The answer, and behind that of a subscription what its tickers and books begin with."""
        before = set(self._channels)
        request_id = None
        try:
            request = _parsed(message)
            request_id, method, params = request.get("id"), request.get("method"), request.get("params", {})
            self._charge(method)
            result: str | RpcError = self._call(method, params)
        except RpcError as error:
            result = error
        return [answer(request_id, result), *self._beginnings(before)]

    def frame(self, envelope: bytes, data_start: int) -> bytes:  # noqa: ARG002  everybody is sent the same
        """Notifications are what they are."""
        return envelope

    def tick(self, silent_s: float, quiet_s: float) -> list[bytes | Close]:
        """Test requests, and the end of those who do not answer them, or neither say nor hear anything."""
        now_s = self._now_s()
        if self._ending:
            return [self._ending]
        if self._tested_s and now_s - self._tested_s >= _TEST_TIMEOUT_S:
            return [Close(4000, "heartbeat close")]
        if not self._heartbeat_s:
            idle = not self._channels and min(silent_s, quiet_s) >= _IDLE_S
            return [Close(1006)] if idle else []
        if now_s < self._next_test_s:
            return []
        self._next_test_s = now_s + self._heartbeat_s
        self._tested_s = self._tested_s or now_s
        quiet = quiet_s >= self._heartbeat_s - 1
        return [_heartbeat(kind) for kind in (("heartbeat", "test_request") if quiet else ("test_request",))]

    def shutdown_notice(self, time_ms: int) -> bytes | None:  # noqa: ARG002  there is none
        """Maintenance is announced in a channel of its own (``platform_state``), not on every connection."""
        return None

    def _charge(self, method: object) -> None:
        pool, cost = (self._subscribing, 3000) if method == "public/subscribe" else (self._calling, 500)
        if not pool.spend(cost, self._now_s()):
            self._ending = Close(1006)
            raise RpcError(10028, "too_many_requests")

    def _call(self, method: object, params: object) -> str:
        if not isinstance(method, str):
            raise RpcError(-32600, "Invalid Request")
        if not isinstance(params, dict):
            raise invalid("params", "must be an object")
        own = self._methods.get(method)
        return own(params) if own else self._data.call(method, params)

    def _subscribe(self, params: Mapping[str, Any]) -> str:
        names = _names(params)
        if any(name.endswith(".raw") for name in names):
            raise RpcError(13778, "raw_subscriptions_not_available_for_unauthorized")
        known = [name for name in names if self._hub.named(name)]
        for name in known:
            self._channels[name] = None
            self._hub.subscribe(self._subscriber, name)
        return _listed(known)

    def _unsubscribe(self, params: Mapping[str, Any]) -> str:
        known = [name for name in _names(params) if name in self._channels]
        for name in known:
            del self._channels[name]
            self._hub.unsubscribe(self._subscriber, name)
        return _listed(known)

    def _unsubscribe_all(self, _: Mapping[str, Any]) -> str:
        self._unsubscribe({"channels": list(self._channels)})
        return '"ok"'

    def _set_heartbeat(self, params: Mapping[str, Any]) -> str:
        interval_s = params.get("interval")
        if not isinstance(interval_s, int) or interval_s < _SHORTEST_HEARTBEAT_S:
            raise invalid("interval", f"must be at least {_SHORTEST_HEARTBEAT_S}")
        self._heartbeat_s = interval_s
        self._next_test_s, self._tested_s = self._now_s() + interval_s, 0.0
        return '"ok"'

    def _disable_heartbeat(self, _: Mapping[str, Any]) -> str:
        self._heartbeat_s, self._tested_s = 0, 0.0
        return '"ok"'

    def _test(self, params: Mapping[str, Any]) -> str:
        self._tested_s = 0.0
        return self._data.call("public/test", params)

    def _beginnings(self, before: set[str]) -> list[bytes]:
        """Tickers, then books, of the channels that are new."""
        new = [name.split(".") for name in self._channels if name not in before]
        feeds = self._feeds
        tickers = [
            feeds[parts[1]].first_ticker() for parts in new if parts[0] == "ticker" and parts[1] in feeds
        ]
        books = [feeds[parts[1]].image() for parts in new if parts[0] == "book" and parts[1] in feeds]
        return [MarketFrame(frame) for frame in tickers + books]


def _parsed(message: bytes) -> dict[str, Any]:
    try:
        request = json.loads(message)
    except ValueError:
        raise RpcError(11050, "bad_request", "invalid json") from None
    if not isinstance(request, dict):
        raise RpcError(-32600, "Invalid Request")
    return request


def _names(params: Mapping[str, Any]) -> list[str]:
    names = params.get("channels")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise invalid("channels", "must be an array of strings")
    if len(names) > MOST_CHANNELS:
        raise invalid("channels", f"no more than {MOST_CHANNELS}")
    return list(dict.fromkeys(names))


def _listed(names: list[str]) -> str:
    """In an order of the exchange's own."""
    return json.dumps(sorted(names, reverse=True), separators=(",", ":"))


def _heartbeat(kind: str) -> bytes:
    return f'{{"params":{{"type":"{kind}"}},"method":"heartbeat","jsonrpc":"2.0"}}'.encode()
