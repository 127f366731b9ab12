"""Frames that are sent in another order than they were made in, and clocks that jump."""

from __future__ import annotations

import asyncio
from typing import Any

from simulator.hub import Hub
from simulator.live import LiveMarket
from simulator.registry import dialect


class Listener:
    """A subscriber that remembers."""

    def __init__(self, hub: Hub, name: str = "book") -> None:
        self.heard: list[bytes] = []
        hub.join(self)
        hub.subscribe(self, name)

    def queue(self, envelope: bytes, *_: int) -> None:
        self.heard.append(envelope)

    def flush(self) -> None: ...

    async def writable(self) -> None: ...


def test_a_reordered_frame_comes_behind_the_next_one() -> None:
    hub = Hub()
    channel = hub.channel("book")
    listener = Listener(hub)
    channel.disturbances += ["reorder", "duplicate"]
    for frame in (b"1", b"2", b"3"):
        channel.publish(frame)
    assert listener.heard == [b"2", b"1", b"3", b"3"]
    assert (channel.published, channel.sent) == (3, 4)


def test_several_reordered_frames_change_places_with_their_neighbours() -> None:
    hub = Hub()
    channel = hub.channel("book")
    listener = Listener(hub)
    channel.disturbances += ["reorder", "reorder"]
    for frame in (b"1", b"2", b"3", b"4"):
        channel.publish(frame)
    assert listener.heard == [b"2", b"1", b"4", b"3"]


def test_who_subscribes_meanwhile_is_sent_nothing_from_before() -> None:
    hub = Hub()
    channel = hub.channel("book")
    first = Listener(hub)
    channel.disturbances.append("reorder")
    channel.publish(b"1")
    second = Listener(hub)
    channel.publish(b"2")
    assert (first.heard, second.heard) == ([b"2", b"1"], [b"2"])


def test_times_of_a_kraken_book_never_repeat_and_go_back_with_a_clock_that_is_set_back() -> None:
    names, hub = dialect("kraken", "spot"), Hub()
    LiveMarket([names.instrument("BTC-USD")], names, hub, rate=100, seed=1)
    feed: Any = next(iter(hub.feeds.values()))
    now_ms = 1_700_000_000_000

    def told(ahead_ms: int) -> int:
        feed.time_ms = now_ms + ahead_ms
        return int(feed._next_micros())

    first, same, wandering, ahead = told(0), told(0), told(-50), told(3_600_000)
    assert (same, wandering) == (first + 1, first + 2)
    assert told(0) < ahead - 3_000_000_000


def test_a_clock_that_jumps_is_seen_in_the_frames() -> None:
    names = dialect("kraken", "spot")
    hub, hour_ms = Hub(), 3_600_000
    market = LiveMarket([names.instrument("BTC-USD")], names, hub, rate=100, seed=1)
    [feed] = hub.feeds.values()

    async def seen(after_ms: int, before_ms: int) -> None:
        while not after_ms < feed.time_ms < before_ms:
            await asyncio.sleep(0.01)

    async def inside() -> None:
        running = asyncio.create_task(market.run())
        Listener(hub, "trade:BTC/USD")
        await seen(0, 1 << 60)
        start_ms = feed.time_ms
        market.ahead_ms = hour_ms
        await seen(start_ms + hour_ms - 1, start_ms + 2 * hour_ms)
        market.ahead_ms = -hour_ms
        await seen(start_ms - 2 * hour_ms, start_ms)
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(asyncio.wait_for(inside(), 60))
