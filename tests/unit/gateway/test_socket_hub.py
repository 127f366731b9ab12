"""The hub: what is written when a batch is through, what the clock brings, and what it says of itself."""

from __future__ import annotations

import asyncio
from typing import Any

from bookmill.settings import GatewaySettings
from gateway.books import Books
from gateway.live import LiveState
from gateway.sockets.hub import Hub
from gateway.sockets.session import Session
from tests.unit.gateway.clients import Events, Socket

NOW = 1_700_000_000_000_000
FAILURES: list[BaseException] = []


def hub(**settings: Any) -> tuple[Hub, LiveState, Events]:
    live, books, events = LiveState(recent_trades=100), Books(), Events(start_us=NOW)
    live.observers.append(books.take)
    made = Hub(GatewaySettings(**settings), live, books, lambda: NOW + 50_000, FAILURES.append)
    live.take("book_updates", events.update("image", [(9, 1)], [(11, 1)]))
    return made, live, events


def client(one: Hub) -> tuple[Session, Socket]:
    socket = Socket()
    session = one.admit(socket)
    assert session is not None
    return session, socket


async def heard(socket: Socket, count: int) -> list[dict[str, Any]]:
    """So many messages."""
    while len(socket.frames) < count:
        await asyncio.sleep(0.001)
    return socket.messages()


def test_a_batch_is_written_when_it_is_through() -> None:
    async def test() -> None:
        made, live, events = hub()
        session, socket = client(made)
        made.take(session, f"subscribe:book:{events.key}")
        assert [each["type"] for each in await heard(socket, 3)] == ["welcome", "subscribed", "snapshot"]
        writes = socket.writes
        for quantity in (2, 3):
            live.take("book_updates", events.update("delta", [(9, quantity)]))
        assert not socket.frames
        assert [each["type"] for each in await heard(socket, 2)] == ["update", "update"]
        assert socket.writes == writes + 1
        told = made.statistics()
        assert (told["clients"], told["subscriptions"], told["streams"], told["messages_sent"]) == (
            1,
            1,
            1,
            5,
        )
        live.take("book_updates", events.update("delta", [(9, 5)]))
        await heard(socket, 1)
        # 50 ms is now; frames of the batches were received at 20 and 40.
        assert made.statistics()["written_after_ms"] == {"p50": 20.0, "p99": 29.8}
        made.leave(session)
        assert made.statistics()["clients"] == made.subscriptions == 0

    asyncio.run(test())


def test_what_the_clock_brings() -> None:
    async def test() -> None:
        made, _, _ = hub(heartbeat_s=0.02)
        asked = 0

        async def status() -> dict[str, Any]:
            nonlocal asked
            asked += 1
            return {"uptime_s": asked}

        made.status = status
        async with made:
            session, socket = client(made)
            assert [each["type"] for each in await heard(socket, 3)] == ["welcome", "heartbeat", "heartbeat"]
            assert asked == 0
            made.take(session, '{"op":"subscribe","channel":"status","id":1}')
            found: list[dict[str, Any]] = []
            while not any(each["type"] == "update" for each in found):
                found += await heard(socket, 1)
        told = [each for each in found if each.get("channel") == "status"]
        assert [(each["type"], each["instrument"]) for each in told] == [
            ("subscribed", None),
            ("snapshot", None),
            ("update", None),
        ]
        assert [each["data"] for each in told[1:]] == [{"uptime_s": 1}, {"uptime_s": 2}]

    asyncio.run(test())


def test_too_many_clients_and_too_many_messages() -> None:
    async def test() -> None:
        made, _, _ = hub(max_clients=1, rate_per_s=0.001, rate_burst=2)
        session, socket = client(made)
        refused = Socket()
        assert made.admit(refused) is None
        assert refused.code == 1013
        for text in ("ping", "nonsense", "ping"):
            made.take(session, text)
        assert [each["type"] for each in await heard(socket, 3)] == ["welcome", "pong", "error"]
        assert socket.code == 4029
        used = {each.name: (each.used, each.limit, each.lost) for each in made.buffers()}
        assert used == {"messages for a client": (0, 1000, 0), "websocket clients": (1, 1, 1)}

    asyncio.run(test())


def test_a_symbol_stands_for_prices_and_trades_of_all_its_instruments() -> None:
    async def test() -> None:
        made, live, events = hub()
        live.take("spreads", events.spread(9, 11))
        live.take("trades", events.trade(1))
        session, socket = client(made)
        made.take(session, "subscribe:btcusdt")
        made.take(session, "unsubscribe:BTC-USDT")
        kinds = [(each["type"], each.get("channel")) for each in await heard(socket, 5)]
        assert kinds[1:] == [
            (kind, channel) for kind in ("subscribed", "unsubscribed") for channel in ("prices", "trades")
        ]
        made.take(session, "unsubscribe:BTC-USDT")
        [error] = await heard(socket, 1)
        assert error["error"]["message"] == "There is no subscription of prices of *.*.BTC-USDT."

    asyncio.run(test())


def test_what_should_never_happen_is_told() -> None:
    async def test() -> None:
        made, _, _ = hub()
        made.status = lambda: asyncio.sleep(0, {}["nothing"])
        async with made:
            session, _ = client(made)
            made.take(session, "subscribe:status")
            while not FAILURES:
                await asyncio.sleep(0.01)
        assert isinstance(FAILURES.pop(), KeyError)

    asyncio.run(test())
