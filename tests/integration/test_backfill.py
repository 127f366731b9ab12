"""Trades that the exchange's socket has lost are fetched over REST: each market against its simulated exchange, without Kafka."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import Iterable
from typing import Any

import fastavro
import pytest

from schemas.catalogue import TRADES
from tests.scenarios.room import Room
from tests.scenarios.settings import room_of
from venues.interface import TradeSpan

MARKETS = (
    "binance.spot",
    "binance.usdm",
    "binance.coinm",
    "okx.swap",
    "bybit.linear",
    "kraken.spot",
    "coinbase.spot",
    "coinbase-advanced.spot",
    "deribit.swap",
)
LOST_FRAMES = 3
_SCHEMA = fastavro.parse_schema(TRADES.schema)

Event = dict[str, Any]


class Listener:
    """Hears the worker's trades before the tape does."""

    def __init__(self, room: Room) -> None:
        self.events: list[Event] = []
        self._heard = room.tape.hear
        room.tape.hear = self._hear  # type: ignore[method-assign]

    def _hear(self, events: Iterable[tuple[bytes, bytes, object]]) -> None:
        events = list(events)
        for _, value, _ in events:
            event: Any = fastavro.schemaless_reader(io.BytesIO(value[5:]), _SCHEMA, None)
            self.events.append(event)
        self._heard(events)

    def of(self, source: str) -> list[Event]:
        return [event for event in self.events if event["source"] == source]


def numbers(room: Room, wire: str, ids: list[str]) -> list[str]:
    """By which the exchange counts: on Deribit another number than the id, on Bybit none."""
    if room.exchange == "bybit":
        return []
    if room.exchange != "deribit":
        return ids
    feed: Any = room.simulator.hub(room.market_name).feeds[wire]
    fills = [json.loads(fill.text) for fill in feed.fills]
    return [str(fill["trade_seq"]) for fill in fills if fill["trade_id"] in ids]


def span(room: Room, wire: str, ids: list[str], events: list[Event], before: int) -> TradeSpan:
    """As a worker asks: what is missing, and the times of the trades around it."""
    counted = sorted(numbers(room, wire, ids), key=int)
    since, until = events[before - 1]["exchange_time"], events[before]["exchange_time"]
    return TradeSpan(
        counted[0] if counted else None,
        counted[-1] if counted else None,
        int(since.timestamp() * 1_000_000),
        int(until.timestamp() * 1_000_000),
    )


async def fetch(room: Room, wire: str, wanted: TradeSpan, times: int) -> None:
    backfills = room.market.backfills
    assert backfills is not None
    room.market.backfill(wire, wanted, time.time())
    await room.until(lambda: backfills.counts.served == times, "it is served")


async def say_so(room: Room, wire: str) -> None:
    """Where no number tells that trades are missing the producer has to: nothing else is filled there."""
    room.simulator.let_trade(room.market_name, on=False)
    await asyncio.sleep(0.5)
    [stream] = [
        one
        for one in room.market.streams
        if one.route.wire_symbol == wire and one.route.channel in room.venue.trade_channels
    ]
    assert stream.leader is not None
    stream.tell_lost(stream.leader, "disconnect", time.time_ns())


async def lose_and_fetch(name: str) -> None:
    async with room_of(name, symbols=1, rate=120.0) as room:
        if name.startswith("coinbase-advanced"):
            # Else the jump in its count of frames makes a new connection, which begins with the latest trades.
            room.venue.counts_frames = False  # type: ignore[attr-defined]
        listener, wire = Listener(room), room.wires[0]
        await room.calm()
        await room.until(lambda: len(listener.events) > 20, "trades come")
        await asyncio.sleep(1.2)  # the tape excuses what was lost within a second of the first subscription
        channel = room.tape.channel(wire)
        if room.venue.trade_sequence == "none":
            await say_so(room, wire)
        before = len(listener.events)
        channel.disturbances.extend(["drop"] * LOST_FRAMES)
        room.simulator.let_trade(room.market_name, on=True)
        await room.until(
            lambda: not channel.disturbances and len(listener.events) > before + 20, "trades come again"
        )
        room.simulator.let_trade(room.market_name, on=False)
        await room.until(lambda: wire in room.tape.missing(), "the lost ones are missed")
        await asyncio.sleep(1.2)  # the tape is sure of nothing younger than a second
        missing = room.tape.missing()[wire]
        heard = [event["trade_id"] for event in listener.events]
        made = room.tape.made_of(wire)
        gap = heard.index(made[made.index(missing[-1]) + 1])
        wanted = span(room, wire, missing, listener.events, gap)
        await fetch(room, wire, wanted, 1)
        await fetch(room, wire, wanted, 2)  # nothing in it is new
        await room.until(lambda: not room.tape.missing(), "all are there")
        fetched = listener.of("backfill")
        assert sorted(event["trade_id"] for event in fetched) == sorted(missing)
        ids = [event["trade_id"] for event in listener.events]
        assert len(ids) == len(set(ids)), "none came twice"
        assert room.market.backfills is not None
        counts = room.market.backfills.counts
        assert (counts.served, counts.incomplete, counts.refused, counts.unreadable) == (2, 0, 0, 0), counts
        assert not [wrong for wrong in room.tape.wrong if "behind" not in wrong], (
            "price and size to the digit"
        )
        assert room.seen.dead_letters == []


@pytest.fixture(scope="module")
def outcomes() -> dict[str, BaseException | None]:
    """What became of each market; all run at once, since most of the time is waiting."""

    async def all_of_them() -> list[BaseException | None]:
        return await asyncio.gather(*map(lose_and_fetch, MARKETS), return_exceptions=True)

    return dict(zip(MARKETS, asyncio.run(all_of_them()), strict=True))


@pytest.mark.parametrize("name", MARKETS)
def test_exactly_the_lost_trades_come_over_rest(name: str, outcomes: dict[str, BaseException | None]) -> None:
    if (problem := outcomes[name]) is not None:
        raise problem
