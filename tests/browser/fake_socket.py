"""One websocket client of the made-up gateway: snapshot, then updates that follow one another."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any

import msgspec
from fastapi import WebSocket, WebSocketDisconnect

from tests.browser import fake_told
from tests.browser.fake_world import Instrument, World, now_us

__all__ = ["Client"]

_EPOCH = "made-up"
_HELD_BACK = 2
"""Updates that still come after a lost one, before the snapshot that mends it."""


class _Stream:
    """What one subscription has had of one instrument."""

    def __init__(self) -> None:
        self.seq = 0
        self.told: Any = None
        self.silent = 0


class _Subscription:
    def __init__(self, sid: int, request: dict[str, Any]) -> None:
        self.sid = sid
        self.request = request
        self.channel: str = request["channel"]
        self.streams: dict[str, _Stream] = {}
        self.losing = False
        self.steps = 0
        self.every = max(1, round(10 / request["rate"])) if request.get("rate") else 1


class Client:
    """``step`` sends what is new; at most as often as each subscription's ``rate``."""

    def __init__(self, socket: WebSocket, world: World, clients: Callable[[], int]) -> None:
        self._socket = socket
        self._world = world
        self._clients = clients
        self._subscriptions: dict[int, _Subscription] = {}
        self._sids = 0
        self.alerts: list[dict[str, Any]] = []
        self._fresh: list[dict[str, Any]] = []

    def lose(self, channel: str) -> None:
        """Its next update of a channel does not arrive."""
        for each in list(self._subscriptions.values()):
            each.losing = each.losing or each.channel == channel

    async def serve(self) -> None:
        """Until it goes away."""
        offered = self._socket.scope["subprotocols"]
        await self._socket.accept("bookmill" if "bookmill" in offered else None)
        await self._send({"type": "welcome", "version": "0.1.0", "epoch": _EPOCH, "heartbeat_s": 15})
        with suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await self._hear(msgspec.json.decode(await self._socket.receive_text()))

    async def step(self) -> None:
        """A moment has passed."""
        self._fresh, self.alerts = self.alerts, []
        with suppress(WebSocketDisconnect, RuntimeError):  # it went away meanwhile
            for each in list(self._subscriptions.values()):
                each.steps += 1
                if each.steps % (10 if each.channel == "status" else each.every) == 0:
                    await self._tell(each)

    async def _hear(self, request: dict[str, Any]) -> None:
        number = request.get("id")
        match request["op"]:
            case "ping":
                await self._send({"type": "pong", "id": number})
            case "unsubscribe":
                self._subscriptions.pop(request.get("sid", 0), None)
                await self._send({"type": "unsubscribed", "id": number, "sid": request.get("sid")})
            case "subscribe":
                self._sids += 1
                found = _Subscription(self._sids, request)
                place = {"channel": found.channel, "instrument": request.get("instrument")}
                await self._send({"type": "subscribed", "id": number, **place, "sid": found.sid})
                self._subscriptions[found.sid] = found
                await self._tell(found, whole=True)

    async def _tell(self, subscription: _Subscription, *, whole: bool = False) -> None:
        for name, content in self._contents(subscription, whole=whole):
            stream = subscription.streams.setdefault(name, _Stream())
            data = content(stream)
            if data is not None:
                await self._message(subscription, stream, name, data)

    async def _message(self, subscription: _Subscription, stream: _Stream, name: str, data: Any) -> None:
        head = {"sid": subscription.sid, "channel": subscription.channel, "instrument": name, "epoch": _EPOCH}
        if stream.seq == 0:
            stream.seq = 1
            await self._send({"type": "snapshot", **head, "seq": stream.seq, "data": data})
            return
        stream.seq += 1
        if subscription.losing:
            subscription.losing = False
            stream.silent = _HELD_BACK
            return
        await self._send(
            {"type": "update", **head, "prev_seq": stream.seq - 1, "seq": stream.seq, "data": data}
        )
        if stream.silent:
            stream.silent -= 1
            if stream.silent == 0:
                stream.seq, stream.told = 0, None  # the next message is a snapshot

    def _contents(
        self, subscription: _Subscription, *, whole: bool
    ) -> list[tuple[str, Callable[[_Stream], Any]]]:
        """What can be told now, by instrument; each gives None where nothing is new."""
        chosen = [
            each
            for each in (self._world.instruments.values() if whole else self._world.moving())
            if fnmatchcase(each.key, subscription.request.get("instrument") or "*")
        ]
        match subscription.channel:
            case "prices":
                found = [(each.key, _price(each)) for each in chosen if whole or not each.frozen]
            case "trades":
                found = [(each.key, _trades(each)) for each in chosen]
            case "book":
                depth = subscription.request.get("depth") or 250
                found = [(each.key, _book(each, depth)) for each in chosen]
            case "consolidated":
                found = [(each["symbol"], lambda _, row=each: [row]) for each in self._world.consolidated()]
            case "status":
                found = [("", lambda _: fake_told.status(self._clients()))]
            case "alerts" if self._fresh or whole:
                found = [("", lambda _: self._fresh)]
            case _:
                found = []
        return found

    async def _send(self, message: dict[str, Any]) -> None:
        await self._socket.send_text(msgspec.json.encode(message).decode())


def _price(instrument: Instrument) -> Callable[[_Stream], Any]:
    return lambda _: instrument.price()


def _trades(instrument: Instrument) -> Callable[[_Stream], Any]:
    def content(stream: _Stream) -> Any:
        if stream.told is None:
            stream.told = instrument.traded
            return list(instrument.trades)[-50:]
        fresh = instrument.traded - stream.told
        stream.told = instrument.traded
        return list(instrument.trades)[-fresh:] if fresh else None

    return content


def _book(instrument: Instrument, depth: int) -> Callable[[_Stream], Any]:
    def content(stream: _Stream) -> Any:
        now = instrument.levels(depth)
        before, stream.told = stream.told, now
        if before is None:
            sides = {side: list(map(list, levels.items())) for side, levels in now.items()}
        else:
            sides = {side: _changed(before[side], levels) for side, levels in now.items()}
        return {
            "state": instrument.state,
            "update_id": instrument.traded,
            "receive_time_us": now_us(),
            **sides,
        }

    return content


def _changed(before: dict[str, str], now: dict[str, str]) -> list[list[str]]:
    gone = [[price, "0"] for price in before if price not in now]
    return gone + [[price, size] for price, size in now.items() if before.get(price) != size]
